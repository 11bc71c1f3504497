//! Reading the files of a root.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::inside;
use super::list::{Unlistable, list};
use crate::diagnostic::{Diagnostic, Severity};
use crate::text::{Location, RepoPath, SourceFile, Span};

/// What is read at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Size of one file in bytes; a larger one is left out with a diagnostic.
    pub max_file_bytes: u64,
}

impl Default for Limits {
    /// 100 MB.
    fn default() -> Self {
        Self { max_file_bytes: 100_000_000 }
    }
}

/// The files of one root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The folder that the paths start at, without symbolic links.
    pub root: PathBuf,
    /// The git work tree that the files are from; `None` where the folder was walked, or one file was named.
    pub work_tree: Option<PathBuf>,
    /// The commit that the files are from; `None` where they are those on the disk.
    pub commit: Option<super::CommitId>,
    /// The files, by path.
    pub files: Vec<SourceFile>,
    /// Files that were left out, and why.
    pub diagnostics: Vec<Diagnostic>,
}

/// Why nothing can be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The path itself cannot be read.
    #[error("cannot read `{}`", path.display())]
    Io {
        /// The path as given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The git repository around the path cannot be read.
    #[error("cannot read the git repository of `{}`: {detail}", path.display())]
    Git {
        /// The folder that was asked for.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
}

impl ReadError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "host.read",
            Self::Git { .. } => "host.git",
        }
    }
}

/// Reads the YAML files of a folder, or one file.
///
/// - inside a git work tree only the files that git tracks, as they are in the work tree; elsewhere every file that
///   `.gitignore` does not leave out
/// - `.yaml`, `.yml` and `Kustomization`; a file that `path` names is read whatever its name is
/// - symbolic links below the root are left alone
/// - paths are relative to the folder, or to the folder of the file
///
/// A file that cannot be used is left out with a diagnostic: `yaml.not-utf8`, `file.too-large`,
/// `file.unreadable`, `file.name`. The order of files is that of their paths, however many threads read.
///
/// # Errors
///
/// [`ReadError`] where `path` does not exist or cannot be listed.
pub fn read(path: &Path, limits: &Limits) -> Result<Tree, ReadError> {
    let failed = |source| ReadError::Io { path: path.to_path_buf(), source };
    let full = path.canonicalize().map_err(failed)?;
    let kind = full.metadata().map_err(failed)?;
    if !kind.is_dir() && !kind.is_file() {
        return Err(failed(io::Error::new(
            io::ErrorKind::InvalidInput,
            "neither a folder nor a regular file",
        )));
    }
    if kind.is_file() {
        let root = full.parent().unwrap_or(Path::new("/")).to_path_buf();
        let name = full.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (files, diagnostics) = read_all(&root, vec![Ok(name)], limits);
        return Ok(Tree { root, work_tree: None, commit: None, files, diagnostics });
    }
    fs::read_dir(&full).map_err(failed)?;
    let listing = list(&full)?;
    let (files, diagnostics) = read_all(&full, listing.paths, limits);
    Ok(Tree { root: full, work_tree: listing.work_tree, commit: None, files, diagnostics })
}

/// What became of one path.
enum Outcome {
    Read(SourceFile),
    LeftOut(Diagnostic),
    Absent,
}

fn read_all(
    root: &Path,
    listed: Vec<Result<String, Unlistable>>,
    limits: &Limits,
) -> (Vec<SourceFile>, Vec<Diagnostic>) {
    let (mut paths, mut diagnostics) = (Vec::new(), Vec::new());
    for entry in listed {
        match entry.map(|text| (RepoPath::parse(&text), text)) {
            Ok((Some(path), _)) => paths.push(path),
            Ok((None, text)) => diagnostics.push(unusable(&text, "its name has a `\\`")),
            Err(unlistable) => diagnostics.push(unusable(&unlistable.shown, &unlistable.detail)),
        }
    }
    paths.sort();
    let mut files = Vec::with_capacity(paths.len());
    for outcome in in_parallel(root, paths, limits) {
        match outcome {
            Outcome::Read(file) => files.push(file),
            Outcome::LeftOut(diagnostic) => diagnostics.push(diagnostic),
            Outcome::Absent => {}
        }
    }
    diagnostics.sort_by(|a, b| (&a.at, a.code).cmp(&(&b.at, b.code)));
    (files, diagnostics)
}

/// One outcome for each path, in the order of `paths`.
fn in_parallel(root: &Path, paths: Vec<RepoPath>, limits: &Limits) -> Vec<Outcome> {
    /// Files that are worth a thread of their own.
    const SHARE: usize = 64;
    let folders = own_folders(root, &paths);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.get(number) else { return done };
            let outcome = match folders.get(path.folder()) {
                Some(Ok(())) => read_one(root, path, limits),
                Some(Err(detail)) => Outcome::LeftOut(unreadable(path, detail)),
                None => Outcome::Absent,
            };
            done.push((number, outcome));
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut done: Vec<(usize, Outcome)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..cores.min(paths.len().div_ceil(SHARE))).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

/// The folders of `paths` that are reached without a symbolic link, or what the system says of them.
fn own_folders<'p>(root: &Path, paths: &'p [RepoPath]) -> BTreeMap<&'p str, Result<(), String>> {
    let mut folders = BTreeMap::new();
    for path in paths {
        if folders.contains_key(path.folder()) {
            continue;
        }
        match inside(root, path) {
            Ok(_) => {
                folders.insert(path.folder(), Ok(()));
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => {
                folders.insert(path.folder(), Err(error.to_string()));
            }
        }
    }
    folders
}

fn read_one(root: &Path, path: &RepoPath, limits: &Limits) -> Outcome {
    match bytes_of(&root.join(path.as_str()), limits) {
        Ok(Some(bytes)) if bytes.len() as u64 > limits.max_file_bytes => {
            Outcome::LeftOut(too_large(path, limits))
        }
        Ok(Some(bytes)) => match SourceFile::from_bytes(path.clone(), bytes) {
            Ok(file) => Outcome::Read(file),
            Err(diagnostic) => Outcome::LeftOut(*diagnostic),
        },
        Ok(None) => Outcome::Absent,
        Err(error) => Outcome::LeftOut(unreadable(path, &error.to_string())),
    }
}

/// The bytes of a regular file, one more than the limit where it is larger; `None` where there is no regular file,
/// for instance because it is deleted in the work tree or is a symbolic link.
fn bytes_of(full: &Path, limits: &Limits) -> io::Result<Option<Vec<u8>>> {
    let metadata = match fs::symlink_metadata(full) {
        Ok(metadata) if metadata.is_file() => metadata,
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let most = limits.max_file_bytes.saturating_add(1);
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(most)).unwrap_or(0));
    File::open(full)?.take(most).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

pub(super) fn too_large(path: &RepoPath, limits: &Limits) -> Diagnostic {
    let found = format!("larger than {} bytes, the limit", limits.max_file_bytes);
    Diagnostic::new("file.too-large", Severity::Error, start_of(path), found)
}

fn unreadable(path: &RepoPath, detail: &str) -> Diagnostic {
    Diagnostic::new("file.unreadable", Severity::Error, start_of(path), format!("cannot be read: {detail}"))
}

/// A finding about a name that is no path for us; the name is shown as far as it can be.
pub(super) fn unusable(name: &str, detail: &str) -> Diagnostic {
    let shown = name.replace('\\', "\u{fffd}");
    let path = RepoPath::parse(shown.trim_start_matches('/')).or_else(|| RepoPath::parse("(root)"));
    let path = path.expect("this holds because `(root)` is a path");
    Diagnostic::new("file.name", Severity::Error, start_of(&path), format!("left out: {detail}"))
}

fn start_of(path: &RepoPath) -> Location {
    Location { path: path.clone(), span: Span::default(), line: 1, column: 1 }
}
