//! What a write of several files is about to do, kept on disk until it is done.
//!
//! Each file is replaced in one step, a set of files is not. So the journal says what every file was and what it shall
//! be; after a crash the next run finishes the set from it, or takes it back.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::inside;
use super::write::{Replacement, WriteError, replace};
use crate::text::RepoPath;

/// The journal's name, at the root that is written to.
pub const JOURNAL: &str = ".flux-upgrade.journal";

const SCHEMA: &str = "flux-upgrade/journal/v1";

#[derive(Serialize, Deserialize)]
struct Journal {
    schema: String,
    files: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    path: String,
    before: String,
    after: String,
    /// Whether there was no such file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_new: bool,
}

/// A write of several files that did not finish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    files: Vec<Pending>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pending {
    path: RepoPath,
    before: String,
    after: String,
    is_new: bool,
    state: State,
}

/// How far a file of an unfinished write has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It still has the text from before.
    Old,
    /// It has its new text.
    New,
    /// It has neither.
    Other,
}

/// Why an unfinished write can be neither finished nor taken back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The journal cannot be read.
    #[error("{JOURNAL}: cannot be read: {detail}; look at the repository's state, then remove the file")]
    Unreadable {
        /// What was found.
        detail: String,
    },
    /// A file has been changed since by somebody else.
    #[error(
        "{path}: an apply did not finish, and this file is now neither what it was before nor what it was to be; \
         restore it, or remove {JOURNAL} to leave everything as it is"
    )]
    Changed {
        /// The file.
        path: RepoPath,
    },
    /// Writing failed.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The journal cannot be removed.
    #[error("{JOURNAL}: cannot be removed")]
    Remove(#[source] io::Error),
}

impl JournalError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "host.journal-unreadable",
            Self::Changed { .. } => "host.journal-changed",
            Self::Write(error) => error.code(),
            Self::Remove(_) => "host.journal-remove",
        }
    }
}

/// The journal's text for a set of files.
pub(super) fn text(root: &Path, set: &[Replacement<'_>]) -> String {
    let files = set.iter().map(|file| Entry {
        path: file.path.to_string(),
        before: file.before.to_owned(),
        after: file.after.to_owned(),
        is_new: file.before.is_empty() && inside(root, file.path).is_ok_and(|place| !place.exists()),
    });
    let journal = Journal { schema: SCHEMA.to_owned(), files: files.collect() };
    serde_json::to_string(&journal).expect("a struct of texts is JSON")
}

/// The write below `root` that did not finish, if there is one.
///
/// # Errors
///
/// [`JournalError::Unreadable`] for a journal that is not one, or that names a path outside the root.
pub fn unfinished(root: &Path) -> Result<Option<Unfinished>, JournalError> {
    let unreadable = |detail: String| JournalError::Unreadable { detail };
    let text = match fs::read_to_string(root.join(JOURNAL)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let journal: Journal = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    if journal.schema != SCHEMA {
        return Err(unreadable(format!("its schema is `{}`, wanted `{SCHEMA}`", journal.schema)));
    }
    let mut files = Vec::new();
    for Entry { path, before, after, is_new } in journal.files {
        let path = RepoPath::parse(&path).ok_or_else(|| unreadable(format!("`{path}` lies outside")))?;
        let found = inside(root, &path).and_then(fs::read);
        let state = match found {
            Ok(found) if found == after.as_bytes() => State::New,
            Ok(found) if found == before.as_bytes() && !is_new => State::Old,
            Err(error) if is_new && error.kind() == io::ErrorKind::NotFound => State::Old,
            _ => State::Other,
        };
        files.push(Pending { path, before, after, is_new, state });
    }
    Ok(Some(Unfinished { files }))
}

impl Unfinished {
    /// The files, each with how far it has come.
    pub fn files(&self) -> impl Iterator<Item = (&RepoPath, State)> {
        self.files.iter().map(|file| (&file.path, file.state))
    }

    /// Gives the remaining files their new texts.
    ///
    /// # Errors
    ///
    /// [`JournalError::Changed`] where a file is neither old nor new, with nothing written; [`JournalError::Write`] where
    /// the system refuses, with the journal left in place.
    pub fn finish(&self, root: &Path) -> Result<(), JournalError> {
        self.settle(root, State::Old, |before, after| (before, after))
    }

    /// Gives the files that are new their old texts back.
    ///
    /// # Errors
    ///
    /// As [`Unfinished::finish`].
    pub fn undo(&self, root: &Path) -> Result<(), JournalError> {
        self.settle(root, State::New, |before, after| (after, before))
    }

    fn settle<'u>(
        &'u self,
        root: &Path,
        wrong: State,
        turn: impl Fn(&'u str, &'u str) -> (&'u str, &'u str),
    ) -> Result<(), JournalError> {
        if let Some(file) = self.files.iter().find(|file| file.state == State::Other) {
            return Err(JournalError::Changed { path: file.path.clone() });
        }
        let set: Vec<Replacement<'_>> = self
            .files
            .iter()
            .filter(|file| file.state == wrong && !(file.is_new && wrong == State::New))
            .map(|file| {
                let (before, after) = turn(&file.before, &file.after);
                Replacement { path: &file.path, before, after }
            })
            .collect();
        replace(root, &set, || Ok(()))?;
        if wrong == State::New {
            // What was not there before is not there after.
            for file in self.files.iter().filter(|file| file.is_new && file.state == wrong) {
                inside(root, &file.path).and_then(fs::remove_file).map_err(JournalError::Remove)?;
            }
        }
        remove(root)
    }
}

/// Removes the journal once the set is whole.
pub(super) fn remove(root: &Path) -> Result<(), JournalError> {
    match fs::remove_file(root.join(JOURNAL)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(JournalError::Remove(error)),
        _ => Ok(()),
    }
}
