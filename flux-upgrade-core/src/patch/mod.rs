//! Stage 5: files and a plan to a set of edits, with the proof that nothing else changes.
//!
//! No document is ever written out again from a tree: an [`Edit`] is a range of bytes of the original text, the bytes
//! that are expected there, and the bytes that take their place.

pub mod apply;
pub mod diff;
pub(crate) mod lock;
mod migrated;
mod verify;

pub use apply::PatchError;
pub(crate) use verify::is_yaml;
pub use verify::{Unproven, verify};

use std::collections::BTreeMap;

use crate::flux::recover;
use crate::locate::Consumer;
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

/// A file whose edits are not applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The file.
    pub path: RepoPath,
    /// Why: the text has changed, or the result could not be proven.
    pub why: String,
}

/// The text side of a plan: every file that changes, each proven.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PatchSet {
    /// The files, by path.
    pub files: Vec<FilePatch>,
    /// Files that are left alone after all.
    pub refused: Vec<Refused>,
}

/// Turns the changes of a plan into the edits of each file, applies them in memory and proves the result.
///
/// A file whose text is not what the plan saw, or whose result differs in anything but the planned values, is refused
/// and the others go on. Linear in the size of the files that change.
#[must_use]
pub fn patch(files: &[SourceFile], plan: &Plan) -> PatchSet {
    let mut by_file: BTreeMap<&RepoPath, Vec<Edit>> = BTreeMap::new();
    for edit in plan.changes.iter().flat_map(|change| &change.edits) {
        by_file.entry(&edit.path).or_default().push(edit.clone());
    }
    let locks = lock::edits(files, plan);
    for (path, edits) in &locks {
        by_file.entry(path).or_default().extend(edits.iter().cloned());
    }
    let texts: BTreeMap<&RepoPath, &str> =
        files.iter().map(|file| (&file.path, file.text.as_str())).collect();
    let rewritten: BTreeMap<&RepoPath, &str> = plan
        .changes
        .iter()
        .filter(|change| plan.site_of(change).consumer == Consumer::FluxManifests)
        .map(|change| (&plan.site_of(change).at.path, change.to.as_str()))
        .collect();
    let goals = migrated::goals(plan);
    let mut set = PatchSet::default();
    for (path, mut edits) in by_file {
        edits.sort();
        edits.dedup();
        let before = texts.get(path).copied().unwrap_or("");
        let proven = match rewritten.get(path) {
            Some(version) => rendered(path, before, edits, version),
            None => match goals.get(path) {
                Some((goal, moves)) => migrated::proven(path, before, edits, *goal, moves),
                None => proven(path, before, edits),
            },
        };
        match proven {
            Ok(file) => set.files.push(file),
            Err(why) => set.refused.push(Refused { path: path.clone(), why }),
        }
    }
    set
}

/// A file of Flux's own manifests, which was rendered as a whole: read again, it says that it is of the version wanted.
fn rendered(path: &RepoPath, before: &str, edits: Vec<Edit>, version: &str) -> Result<FilePatch, String> {
    let after = apply::apply(before, &edits).map_err(|error| error.to_string())?;
    let found = recover(&after).map_err(|error| error.to_string())?;
    if found.version() != Some(version) {
        return Err(format!(
            "it is to be of Flux {version}, and says {}",
            found.version().unwrap_or("nothing")
        ));
    }
    Ok(FilePatch { path: path.clone(), edits, after })
}

fn proven(path: &RepoPath, before: &str, edits: Vec<Edit>) -> Result<FilePatch, String> {
    let after = apply::apply(before, &edits).map_err(|error| error.to_string())?;
    let patch = FilePatch { path: path.clone(), edits, after };
    verify(before, &patch).map_err(|error| error.to_string())?;
    Ok(patch)
}
