//! Stage 1: files to an inventory. Stand-in.

use crate::diagnostic::Diagnostic;
use crate::text::SourceFile;

/// What a set of files holds.
#[derive(Debug)]
pub struct Inventory<'f> {
    /// The files.
    pub files: &'f [SourceFile],
    /// Findings about them.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads the files.
#[must_use]
pub fn scan(files: &[SourceFile]) -> Inventory<'_> {
    Inventory { files, diagnostics: Vec::new() }
}
