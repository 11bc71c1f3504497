//! Reads, resolves, plans and patches Git repositories that Flux reconciles.
#![forbid(unsafe_code)]

pub mod diagnostic;
pub mod locate;
pub mod patch;
pub mod plan;
pub mod text;
pub mod version;
#[allow(dead_code, reason = "used by the stages that follow")]
mod yaml;

pub use text::{Lines, Location, RepoPath, SourceFile, Span};
