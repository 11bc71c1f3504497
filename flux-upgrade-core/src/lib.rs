//! Reads, resolves, plans and patches Git repositories that Flux reconciles.
#![forbid(unsafe_code)]

pub mod bridge;
pub mod diagnostic;
#[cfg(feature = "native")]
pub mod host;
pub mod locate;
pub mod patch;
pub mod plan;
pub mod reference;
pub mod report;
pub mod resolve;
pub mod rules;
pub mod scan;
pub mod text;
pub mod time;
pub mod version;
#[allow(dead_code, reason = "used by the stages that follow")]
mod yaml;

pub use locate::locate;
pub use patch::patch;
pub use plan::plan;
pub use scan::{Inventory, scan};
pub use text::{Lines, Location, RepoPath, SourceFile, Span};
