//! Moving several branches, so that a run that is killed in between leaves nothing that stops the next.
//!
//! Git locks a reference by a file beside it, which outlives the process that made it. So what is about to be locked is
//! written down first, in a file that the system keeps locked for as long as we live; the next run that finds it unlocked
//! takes away the locks that it names.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::path::PathBuf;

use gix::refs::transaction::{PreviousValue, RefEdit};
use gix::refs::{FullName, Target};

use super::commit::{Hand, chain};
use super::{CommitId, GitError, Repository};

/// The record's name, in the folder of the repository's references.
const RECORD: &str = "flux-upgrade.moves";

/// A branch by its full name, where it is, and where it shall be.
pub(in crate::host) type Move = (String, Option<CommitId>, CommitId);

impl Repository {
    /// Takes away the locks of a run that was killed, and gives how many there were.
    pub(in crate::host) fn settle_moves(&self) -> Result<usize, GitError> {
        let failed =
            |error: std::io::Error| GitError::failed("an earlier run's record cannot be read", &error);
        let mut record = match OpenOptions::new().read(true).write(true).open(self.record()) {
            Ok(record) => record,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(failed(error)),
        };
        held(&record)?;
        let mut text = String::new();
        record.read_to_string(&mut text).map_err(failed)?;
        let mut count = 0;
        // A line that is not whole was being written when nothing was locked yet.
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            let Some((id, name)) = line.split_once(' ') else { continue };
            if FullName::try_from(name).is_err() || !name.starts_with("refs/heads/") {
                continue;
            }
            let lock = self.home().join(format!("{name}.lock"));
            // Ours says where the branch was to go, or nothing yet; another's stays.
            let is_ours = fs::read_to_string(&lock).is_ok_and(|text| text.is_empty() || text.trim() == id);
            if is_ours {
                fs::remove_file(&lock).map_err(failed)?;
                count += 1;
            }
        }
        fs::remove_file(self.record()).map_err(failed)?;
        Ok(count)
    }

    /// Moves branches together, each from where it is known to be; one that has moved since stops them all.
    pub(in crate::host) fn move_branches(&self, moves: &[Move], hand: &Hand) -> Result<(), GitError> {
        let mut edits = Vec::new();
        for (name, old, new) in moves {
            let bad = || GitError::BadBranch { name: name.trim_start_matches("refs/heads/").to_owned() };
            let full = FullName::try_from(name.as_str()).map_err(|_| bad())?;
            let expected = match old {
                Some(old) => PreviousValue::MustExistAndMatch(Target::Object(old.0)),
                None => PreviousValue::MustNotExist,
            };
            edits.push(RefEdit::update(full, new.0, expected, "flux-upgrade: apply --commit"));
        }
        let failed =
            |error: std::io::Error| GitError::failed("what is about to move cannot be written down", &error);
        let mut record = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.record())
            .map_err(failed)?;
        held(&record)?;
        let text: String = moves.iter().map(|(name, _, new)| format!("{new} {name}\n")).collect();
        let written =
            record.rewind().and_then(|()| record.set_len(0)).and_then(|()| record.write_all(text.as_bytes()));
        written.and_then(|()| record.sync_all()).map_err(failed)?;
        let mut buffer = Default::default();
        let moved = self.git.edit_references_as(edits, Some(hand.committer.to_ref(&mut buffer)));
        let _ = fs::remove_file(self.record());
        moved.map(drop).map_err(|error| GitError::References { detail: chain(&error) })
    }

    fn record(&self) -> PathBuf {
        self.home().join(RECORD)
    }
}

/// The record is ours until the file is closed, by us or by the end of the process.
fn held(record: &File) -> Result<(), GitError> {
    match record.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            Err(GitError::References { detail: "another run of flux-upgrade is moving branches".to_owned() })
        }
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(error)) => {
            Err(GitError::failed("an earlier run's record cannot be locked", &error))
        }
    }
}
