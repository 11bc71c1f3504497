//! Stage 5: files and a plan to a set of edits, with the proof that nothing else changes.
//!
//! No document is ever written out again from a tree: an [`Edit`] is a range of bytes of the original text, the bytes
//! that are expected there, and the bytes that take their place.

pub mod apply;
pub mod diff;

pub use apply::PatchError;

use crate::plan::Plan;
use crate::text::{RepoPath, SourceFile, Span};

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

/// The edits of a plan, file by file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PatchSet {
    /// Files with edits, by path.
    pub files: Vec<FilePatch>,
    /// Files whose edits could not be proven.
    pub refused: Vec<Refused>,
}

/// A file whose edits could not be proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The file.
    pub path: RepoPath,
    /// Why.
    pub why: String,
}

/// The edits of a plan. Stand-in.
#[must_use]
pub fn patch(_files: &[SourceFile], _plan: &Plan) -> PatchSet {
    PatchSet::default()
}
