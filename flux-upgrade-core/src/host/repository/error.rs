//! What goes wrong with a repository of this machine.

use std::fmt::Display;
use std::path::PathBuf;

use crate::text::RepoPath;

/// Why a git repository does not do what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// The folder is in no repository.
    #[error("`{}` is in no git repository", path.display())]
    NotARepository {
        /// The folder.
        path: PathBuf,
    },
    /// A revision that is not there.
    #[error(
        "no commit `{revision}` in this repository; in a shallow clone it may not have been fetched, otherwise see `git log`"
    )]
    NoSuchRevision {
        /// What was asked for.
        revision: String,
    },
    /// `HEAD` is on no branch, and nobody has said which one is meant.
    #[error("HEAD is on no branch; name the branch that the commits are for with `--base`")]
    NoBranch,
    /// A file of a commit is not what the plan saw.
    #[error("`{path}` of {commit} is not what the plan saw; plan again")]
    Changed {
        /// The file.
        path: RepoPath,
        /// The commit, or the branch.
        commit: String,
    },
    /// The beginning that our branches' names shall have is none.
    #[error("`{found}` is not how the name of a branch can begin; {}", crate::rules::PREFIX)]
    BadPrefix {
        /// What was found.
        found: String,
    },
    /// The base is one of the branches that we make.
    #[error(
        "`{base}` begins with `{prefix}` as the branches do that are made here, and cannot be the one that they are for; \
         name that with `--base`, or another beginning with `--branch-prefix`"
    )]
    OwnBase {
        /// The base.
        base: String,
        /// How the names of our branches begin.
        prefix: String,
    },
    /// A branch has the name that ours would need for a folder.
    #[error(
        "{} has a branch `{branch}`, beside which git can have none that begins with `{prefix}`; rename it with \
         `git branch -m {branch} NAME`{}, or take another beginning with `--branch-prefix`",
        remote.as_deref().map_or("this repository".to_owned(), |remote| format!("`{remote}`")),
        remote.as_deref().map_or(String::new(), |remote| format!(" and `git push {remote} NAME :{branch}`"))
    )]
    PrefixTaken {
        /// The branch.
        branch: String,
        /// How the names of our branches begin.
        prefix: String,
        /// The remote that has it; `None` for this repository.
        remote: Option<String>,
    },
    /// A name that no branch can have.
    #[error("`{name}` is no name for a branch")]
    BadBranch {
        /// What was found.
        name: String,
    },
    /// The author is not `Name <mail>`.
    #[error("`{found}` is not an author: expected `Name <mail@example.com>`")]
    BadAuthor {
        /// What was found.
        found: String,
    },
    /// References could not be moved: another process has moved or locked one.
    #[error(
        "the branches could not be moved: {detail}; if another git is at work, run again when it is done"
    )]
    References {
        /// What was found.
        detail: String,
    },
    /// The configured program did not sign.
    #[error(
        "the commit could not be signed: {detail}; see `gpg.format` and `user.signingKey` of git's configuration"
    )]
    Signing {
        /// What the program says.
        detail: String,
    },
    /// Git's own program failed.
    #[error("`git {command}` failed: {detail}")]
    Program {
        /// Its first arguments.
        command: String,
        /// The end of what it says.
        detail: String,
    },
    /// Something else failed.
    #[error("{what}: {detail}")]
    Failed {
        /// What was being done.
        what: String,
        /// What was found.
        detail: String,
    },
}

impl GitError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotARepository { .. } => "git.no-repository",
            Self::NoSuchRevision { .. } => "git.no-revision",
            Self::NoBranch => "git.no-branch",
            Self::Changed { .. } => "git.changed",
            Self::BadPrefix { .. } => "git.bad-prefix",
            Self::OwnBase { .. } => "git.own-base",
            Self::PrefixTaken { .. } => "git.prefix-taken",
            Self::BadBranch { .. } => "git.bad-branch",
            Self::BadAuthor { .. } => "git.bad-author",
            Self::References { .. } => "git.references",
            Self::Signing { .. } => "git.signing",
            Self::Program { .. } => "git.program",
            Self::Failed { .. } => "git.failed",
        }
    }

    pub(super) fn failed(what: impl Into<String>, detail: &dyn Display) -> Self {
        Self::Failed { what: what.into(), detail: detail.to_string() }
    }
}
