//! Writing a patch set back, each file in one step.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::inside;
use super::journal::{self, JOURNAL};
use crate::text::{Lines, RepoPath};

/// A file that gets a new text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replacement<'t> {
    /// The file, below the root.
    pub path: &'t RepoPath,
    /// The text that it must still have; a file that is not there has the empty one.
    pub before: &'t str,
    /// The text that it gets.
    pub after: &'t str,
}

/// Why files were not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A file is not what the plan saw; no file was written.
    #[error("{path}:{line}:{column}: the file has changed since it was read; nothing is written")]
    Changed {
        /// The file.
        path: RepoPath,
        /// Line of the first difference, from 1.
        line: usize,
        /// Column of the first difference in code points, from 1.
        column: usize,
    },
    /// The path is a symbolic link, a folder, or lies behind one; no file was written.
    #[error("{path}: not a regular file below the root; nothing is written")]
    NotAFile {
        /// The path.
        path: RepoPath,
    },
    /// A file could not be written.
    #[error("{path}: cannot be written{}", after(.written))]
    Io {
        /// The file.
        path: RepoPath,
        /// Files that have their new text; empty unless the system failed between two files.
        written: Vec<RepoPath>,
        /// What the system says.
        source: io::Error,
    },
}

impl WriteError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Changed { .. } => "host.changed",
            Self::NotAFile { .. } => "host.not-a-file",
            Self::Io { .. } => "host.write",
        }
    }
}

fn after(written: &[RepoPath]) -> String {
    let names: Vec<&str> = written.iter().map(RepoPath::as_str).collect();
    match names.as_slice() {
        [] => "; nothing is written".to_owned(),
        names => format!("; already written: {}", names.join(", ")),
    }
}

/// Gives every file of the set its new text, each by one rename: a reader sees the old file or the new one.
///
/// First every file is compared with the text that the plan saw, then all new texts are written beside the old ones and
/// flushed to the disk, and only then renamed into place. Permissions and owner are kept, symbolic links are refused. Files left
/// beside are removed when something fails. Between the first rename and the last a journal stands at the root, so that after
/// a crash the next run can finish the set or take it back, see [`unfinished`](super::unfinished).
///
/// # Errors
///
/// [`WriteError::Changed`] and [`WriteError::NotAFile`] before anything is written, [`WriteError::Io`] where the system
/// refuses: no permission, no space. Should it refuse between two renames, the error names the files that are new.
pub fn write(root: &Path, set: &[Replacement<'_>]) -> Result<(), WriteError> {
    if set.len() < 2 {
        return replace(root, set, || Ok(()));
    }
    // A journal is there as a whole or not at all, and never takes another's place.
    let begin = || {
        let place = root.join(JOURNAL);
        let (mut file, beside) = create_beside(&place, set.len())?;
        let written = file.write_all(journal::text(root, set).as_bytes()).and_then(|()| file.sync_all());
        let written = written.and_then(|()| match fs::hard_link(&beside, &place) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !place.exists() => {
                // A file system without links.
                fs::rename(&beside, &place)
            }
            other => other,
        });
        let _ = fs::remove_file(&beside);
        written
    };
    replace(root, set, begin)?;
    journal::remove(root).map_err(|error| failed(&set[0], set, io::Error::other(error)))
}

/// Replaces the files; `begin` runs when every new text is on the disk and none is in place.
pub(super) fn replace(
    root: &Path,
    set: &[Replacement<'_>],
    begin: impl FnOnce() -> io::Result<()>,
) -> Result<(), WriteError> {
    let mut places = Vec::with_capacity(set.len());
    for file in set {
        places.push(checked(root, file)?);
    }
    let mut staged: Vec<Staged> = Vec::with_capacity(set.len());
    for (number, (file, place)) in set.iter().zip(places).enumerate() {
        let result = Staged::new(place, number, file.after.as_bytes());
        staged.push(result.map_err(|source| failed(file, &[], source))?);
    }
    if let Some(first) = set.first() {
        begin().map_err(|source| failed(first, &[], source))?;
    }
    for number in 0..staged.len() {
        let result = staged[number].put_in_place();
        result.map_err(|source| failed(&set[number], &set[..number], source))?;
    }
    // The renames themselves are flushed as far as the system can: the texts are safe without it.
    let mut folders: Vec<&Path> = staged.iter().filter_map(|file| file.place.parent()).collect();
    folders.dedup();
    for folder in folders {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

fn failed(file: &Replacement<'_>, written: &[Replacement<'_>], source: io::Error) -> WriteError {
    let written = written.iter().map(|file| file.path.clone()).collect();
    WriteError::Io { path: file.path.clone(), written, source }
}

/// Where the file lies, once it is known to be what the plan saw.
fn checked(root: &Path, file: &Replacement<'_>) -> Result<PathBuf, WriteError> {
    let not_a_file = || WriteError::NotAFile { path: file.path.clone() };
    let place = inside(root, file.path).map_err(|_| not_a_file())?;
    let metadata = match fs::symlink_metadata(&place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && file.before.is_empty() => return Ok(place),
        other => other.map_err(|source| failed(file, &[], source))?,
    };
    if !metadata.is_file() {
        return Err(not_a_file());
    }
    let found = fs::read(&place).map_err(|source| failed(file, &[], source))?;
    if found != file.before.as_bytes() {
        let same = found.iter().zip(file.before.bytes()).take_while(|(a, b)| **a == *b).count();
        let (line, column) = Lines::new(file.before).position(file.before.floor_char_boundary(same));
        return Err(WriteError::Changed { path: file.path.clone(), line, column });
    }
    Ok(place)
}

/// A new text beside its file; removed when dropped before it is in place.
struct Staged {
    place: PathBuf,
    beside: Option<PathBuf>,
}

impl Staged {
    fn new(place: PathBuf, number: usize, text: &[u8]) -> io::Result<Self> {
        let (mut file, beside) = create_beside(&place, number)?;
        let staged = Self { place, beside: Some(beside) };
        file.write_all(text)?;
        match fs::metadata(&staged.place) {
            Ok(old) => {
                keep_owner(&file, &old);
                file.set_permissions(old.permissions())?;
            }
            // A new file is as this user makes them.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        file.sync_all()?;
        Ok(staged)
    }

    fn put_in_place(&mut self) -> io::Result<()> {
        if let Some(beside) = &self.beside {
            fs::rename(beside, &self.place)?;
        }
        self.beside = None;
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            let _ = fs::remove_file(beside);
        }
    }
}

/// Gives the new file the owner of the old one, as far as this user may: `root` must not take a user's files over.
#[cfg(unix)]
fn keep_owner(file: &File, old: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let _ = fchown(file, Some(old.uid()), Some(old.gid()));
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &fs::Metadata) {}

/// A new, empty file in the folder of `place`, the one with this number in its set.
fn create_beside(place: &Path, number: usize) -> io::Result<(File, PathBuf)> {
    /// Names tried: leftovers of crashed runs with the same process number are stepped over.
    const TRIES: u32 = 100;
    let mut taken = io::Error::from(io::ErrorKind::AlreadyExists);
    for attempt in 0..TRIES {
        let name = format!(".flux-upgrade-{}-{number}-{attempt}", std::process::id());
        let beside = place.with_file_name(name);
        match OpenOptions::new().write(true).create_new(true).open(&beside) {
            Ok(file) => return Ok((file, beside)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = error,
            Err(error) => return Err(error),
        }
    }
    Err(taken)
}
