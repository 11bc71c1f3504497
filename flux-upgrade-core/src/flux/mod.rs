//! Flux itself: what `flux install --export` writes, and the way back from such a file to the options it was made with.

mod archive;
mod block;
mod options;
mod render;

pub use archive::{ArchiveError, Release};
pub use options::{Component, LogLevel, OptionError, Options};
pub use render::{RenderError, render};
