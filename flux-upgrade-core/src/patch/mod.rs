//! Stage 5: files and a plan to a set of edits, with the proof that nothing else changes.
//!
//! No document is ever written out again from a tree: an [`Edit`] is a range of bytes of the original text, the bytes
//! that are expected there, and the bytes that take their place.

pub mod diff;

pub mod apply;

use crate::text::{RepoPath, Span};

/// A range of bytes of one file and what takes its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edit {
    /// The file.
    pub path: RepoPath,
    /// The bytes of the original text.
    pub span: Span,
    /// What stands there.
    pub expect: String,
    /// What shall stand there.
    pub replace: String,
}

/// The edits of one file, in order, without overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePatch {
    /// The file.
    pub path: RepoPath,
    /// Its edits, by position.
    pub edits: Vec<Edit>,
    /// The whole text after the edits.
    pub after: String,
}
