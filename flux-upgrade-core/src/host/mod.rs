//! Files of this machine: which ones a plan reads, and how a patch set is written back (feature `native`).
//!
//! The only module that does IO. Symbolic links are never followed, neither for reading nor for writing.

mod cache;
mod cancel;
mod credentials;
mod deliver;
mod drive;
mod files;
mod forge;
mod git;
mod http;
mod journal;
mod list;
mod live;
mod repository;
mod write;

pub use cache::{Cache, CacheError, CacheOptions, Entry, Key, cache_folder};
pub use cancel::Cancel;
pub use credentials::{
    Credential, CredentialError, CredentialNote, CredentialOptions, Credentials, Login, MappingFrom,
    Protocol, RepositorySecret, Secret, Tls, repository_secrets,
};
pub use deliver::{BranchState, Deliver, Delivered, Delivery, Obsolete, Wanted};
pub use drive::{DriveError, Host, Lanes, Progress, drive};
pub use files::{Limits, ReadError, Tree, read};
pub use forge::{Closing, Forge, ForgeError, ForgeKind, Home, Proposal, Synced, SyncedState, Unsynced};
pub use http::{HttpOptions, Proxies};
pub use journal::{JOURNAL, JournalError, State, Unfinished, unfinished};
pub use live::{Live, LiveOptions};
pub use repository::{Author, CommitId, EntryKind, Git, GitError, Push, Repository, Signing, Unpushed};
pub use write::{Replacement, WriteError, write};

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use crate::guard::{
    AddressClass, AllowHost, AllowHostError, Guard, GuardOptions, RealmRefused, Refused, Setting,
};
use crate::text::RepoPath;
use crate::time::Timestamp;

/// Plans a JSON request of the form of [`bridge::plan`](crate::bridge::plan()) by asking its sources, with the credentials, the cache and the
/// proxies of this machine: the answer, and the registry snapshot of what was said, which is empty where there is no plan.
///
/// `sources` of the request may have `allowHosts`, `maxIndexBytes`, `concurrency`, `timeout`, in seconds for one request, and
/// `repositorySecrets`, whether Secrets that stand unencrypted among the files may be used. `watch` is called ten times a second.
/// `taken` goes into the snapshot.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::host::{Cancel, plan_json};
/// let (answer, snapshot) = plan_json(r#"{"files": {"a.yaml": "kind: x"}}"#, &Cancel::default(), &mut |_| {}, None);
/// assert!(answer.starts_with(r#"{"plan":"#) && snapshot.contains("registry-snapshot"));
/// ```
#[must_use]
pub fn plan_json(
    request: &str,
    cancel: &Cancel,
    watch: &mut dyn FnMut(&Progress),
    taken: Option<Timestamp>,
) -> (String, String) {
    crate::bridge::plan_asking(request, cancel, watch, taken)
}

/// Where `path` lies below `root`, with a check that no folder on the way is a symbolic link.
///
/// # Errors
///
/// `NotADirectory` where one is, otherwise what the system says.
fn inside(root: &Path, path: &RepoPath) -> io::Result<PathBuf> {
    let mut at = root.to_path_buf();
    for folder in path.folder().split('/').filter(|folder| !folder.is_empty()) {
        at.push(folder);
        if !fs::symlink_metadata(&at)?.is_dir() {
            let what = format!("{} is not a folder of its own", at.display());
            return Err(io::Error::new(io::ErrorKind::NotADirectory, what));
        }
    }
    Ok(at.join(path.name()))
}
