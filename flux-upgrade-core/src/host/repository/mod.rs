//! A git repository of this machine: revisions read without a checkout, commits written without one.
//!
//! Objects and references are read and written with gix; the worktree and the index are left as they are. Only what
//! talks to a remote is git's own program, since credentials and transports are its business.

mod commit;
mod error;
mod history;
mod moves;
mod program;
mod read;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice as _;

pub(in crate::host) use commit::Hand;
use commit::chain;
pub use commit::{Author, Signing};
pub use error::GitError;
pub use program::{Git, Push, Unpushed};
pub(super) use program::{folders, without_logins};
pub use read::EntryKind;

/// A commit of a repository.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(gix::ObjectId);

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommitId({})", self.0)
    }
}

impl CommitId {
    /// The first seven digits, for people.
    #[must_use]
    pub fn short(&self) -> String {
        self.0.to_hex_with_len(7).to_string()
    }
}

/// Whether something looks like a repository, which may be one that cannot be opened.
fn has_repository(folder: &Path) -> bool {
    let is_bare = |folder: &Path| folder.join("HEAD").is_file() && folder.join("objects").is_dir();
    folder.ancestors().any(|folder| folder.join(".git").exists() || is_bare(folder))
}

/// A git repository with or without a worktree, seen from a folder in it.
pub struct Repository {
    pub(super) git: gix::Repository,
    /// The worktree, if there is one.
    top: Option<PathBuf>,
    /// The folder that it is seen from, below the top: empty, or with `/` at its end.
    below: String,
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository").field("git", &self.git.git_dir()).field("below", &self.below).finish()
    }
}

impl Repository {
    /// The repository that `folder` lies in, or that it is, when it is a bare one.
    ///
    /// # Errors
    ///
    /// [`GitError::NotARepository`] where there is none, [`GitError::Failed`] where it cannot be read.
    pub fn discover(folder: &Path) -> Result<Self, GitError> {
        let none = || GitError::NotARepository { path: folder.to_path_buf() };
        let folder = folder.canonicalize().map_err(|_| none())?;
        let git = match gix::discover(&folder) {
            Ok(git) => git,
            Err(_) if !has_repository(&folder) => return Err(none()),
            Err(error) => return Err(GitError::failed("the repository cannot be opened", &chain(&error))),
        };
        let failed = |error| GitError::failed("its worktree is out of reach", &error);
        let top = git.workdir().map(Path::canonicalize).transpose().map_err(failed)?;
        let below = top.as_deref().and_then(|top| folder.strip_prefix(top).ok()).unwrap_or(Path::new(""));
        let mut below = below.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
        if !below.is_empty() {
            below.push('/');
        }
        Ok(Self { git, top, below })
    }

    /// Where its objects and references are kept; the same for all its worktrees.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.git.common_dir()
    }

    /// The folder that it is seen from, below the top of its worktree: empty for the top itself, else with `/` at its end.
    #[must_use]
    pub fn below(&self) -> &str {
        &self.below
    }

    /// Where git's program is run: the worktree, or the bare repository.
    pub(super) fn folder(&self) -> &Path {
        self.top.as_deref().unwrap_or(self.git.git_dir())
    }

    /// The commit that a revision names, such as `main`, `v1.0`, `HEAD~2` or a hash.
    ///
    /// # Errors
    ///
    /// [`GitError::NoSuchRevision`] where it names none, or none that is there.
    pub fn resolve(&self, revision: &str) -> Result<CommitId, GitError> {
        let none = || GitError::NoSuchRevision { revision: revision.to_owned() };
        let id = self.git.rev_parse_single(revision.as_bytes().as_bstr()).map_err(|_| none())?;
        let object = id.object().map_err(|_| none())?;
        let commit = object.peel_to_kind(gix::object::Kind::Commit).map_err(|_| none())?;
        Ok(CommitId(commit.id))
    }

    /// The branch that `HEAD` is on, whether it has a commit or not; `None` where it is on a commit.
    #[must_use]
    pub fn head_branch(&self) -> Option<String> {
        let name = self.git.head_name().ok()??;
        Some(name.as_bstr().to_str().ok()?.strip_prefix("refs/heads/")?.to_owned())
    }

    /// Whether there is a branch of this name.
    pub(super) fn has_branch(&self, name: &str) -> bool {
        self.git.find_reference(format!("refs/heads/{name}").as_str()).is_ok()
    }

    /// The references whose full names begin with `prefix`, each with its commit.
    pub(super) fn tips(&self, prefix: &str) -> Result<BTreeMap<String, CommitId>, GitError> {
        let failed = |error| GitError::failed("its references cannot be read", &error);
        let platform = self.git.references().map_err(failed)?;
        let mut tips = BTreeMap::new();
        for found in platform.all().map_err(failed)? {
            let Ok(mut found) = found else { continue };
            let name = found.name().as_bstr().to_string();
            if name.starts_with(prefix)
                && let Ok(id) = found.peel_to_id()
            {
                tips.insert(name, CommitId(id.detach()));
            }
        }
        Ok(tips)
    }

    /// Branches that a worktree has checked out, with the worktree's folder.
    pub(super) fn checked_out(&self) -> BTreeMap<String, PathBuf> {
        let mut found = BTreeMap::new();
        let Ok(all) = self.git.worktrees_including_main() else { return found };
        for worktree in all.flatten() {
            if let (Some(folder), Ok(Some(name))) = (worktree.workdir(), worktree.head_name()) {
                found.insert(name.as_bstr().to_string(), folder.to_path_buf());
            }
        }
        found
    }
}
