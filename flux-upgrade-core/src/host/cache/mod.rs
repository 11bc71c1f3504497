//! Answers of sources, kept on the disk between runs.
//!
//! Bodies are kept under their hash, so that one that many sources give is kept once, and one that has been damaged is
//! seen. The cache may be shared by any number of processes and removed at any time.

mod folder;
mod key;
mod store;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

pub use folder::cache_folder;
pub use key::Key;

use crate::time::{Age, Timestamp};
use key::sha256;
use store::{Record, Store};

/// Headers that an answer keeps; others may tell who asked.
const HEADERS: &[&str] = &["content-type", "docker-content-digest", "link"];

/// How a cache is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheOptions {
    /// Nothing is read and nothing is written.
    pub no_cache: bool,
    /// Nobody is asked: what is there counts, however old it is.
    pub offline: bool,
    /// Answers younger than this count without asking again; `None` asks again each time, with what the source gave for
    /// that (`ETag`, `Last-Modified`).
    pub max_age: Option<Age>,
    /// Size of the cache in bytes; above it what was not used for longest is removed.
    pub max_bytes: u64,
    /// What time it is; `None` asks the system.
    pub now: Option<Timestamp>,
}

impl Default for CacheOptions {
    /// Asks again each time, and keeps 1 GiB.
    fn default() -> Self {
        Self { no_cache: false, offline: false, max_age: None, max_bytes: 1 << 30, now: None }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its bytes, as the source sent them.
    pub body: Vec<u8>,
    /// `ETag`, to ask again with.
    pub etag: Option<String>,
    /// `Last-Modified`, to ask again with.
    pub last_modified: Option<String>,
    /// When the source gave it, or last said that it has not changed.
    pub stored: Timestamp,
    /// Headers that belong to it, in lower case. `content-type`, `docker-content-digest` and `link` are kept, others are
    /// not.
    pub headers: BTreeMap<String, String>,
}

/// Why the cache cannot be used; a run goes on without it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The folder cannot be made or written.
    #[error("the cache `{}` cannot be used", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The answer to an address with a digest in it has another digest; it is not kept, and not to be trusted.
    #[error("the answer has the digest sha256:{found}, asked for was sha256:{wanted}")]
    OtherDigest {
        /// In the address.
        wanted: String,
        /// Of the body.
        found: String,
    },
}

impl CacheError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "host.cache",
            Self::OtherDigest { .. } => "host.other-digest",
        }
    }
}

/// A cache in one folder; safe to use from several threads and processes.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::host::{Cache, CacheOptions, Entry, Key};
/// use flux_upgrade_core::time::Timestamp;
///
/// let folder = tempfile::tempdir()?;
/// let cache = Cache::open(folder.path(), CacheOptions::default())?;
/// let key = Key::new("GET", "https://charts.example.com/index.yaml", None);
/// assert_eq!(cache.get(&key), None);
/// let entry = Entry {
///     body: b"apiVersion: v1\n".to_vec(),
///     etag: Some("\"1\"".to_owned()),
///     last_modified: None,
///     stored: Timestamp::parse("2026-08-22")?,
///     headers: Default::default(),
/// };
/// cache.put(&key, &entry)?;
/// assert_eq!(cache.get(&key), Some(entry.clone()));
/// assert!(!cache.is_fresh(&key, &entry), "it is asked for again, with its ETag");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Cache {
    store: Option<Store>,
    folder: PathBuf,
    options: CacheOptions,
    /// Bytes written since the size was looked at.
    written: AtomicU64,
}

impl Cache {
    /// Opens the cache of a folder, which is made if need be; with `no_cache` the folder is not touched.
    ///
    /// # Errors
    ///
    /// [`CacheError::Io`] where the folder cannot be made.
    pub fn open(folder: &Path, options: CacheOptions) -> Result<Self, CacheError> {
        let store = match options.no_cache {
            true => None,
            false => {
                let failed = |source| CacheError::Io { path: folder.to_path_buf(), source };
                Some(Store::open(folder).map_err(failed)?)
            }
        };
        Ok(Self { store, folder: folder.to_path_buf(), options, written: AtomicU64::new(0) })
    }

    /// A cache that has nothing and keeps nothing.
    #[must_use]
    pub fn none() -> Self {
        let options = CacheOptions { no_cache: true, ..CacheOptions::default() };
        Self { store: None, folder: PathBuf::new(), options, written: AtomicU64::new(0) }
    }

    /// The answer that was kept under this key, if it is still as it was: a record or a body that has been damaged is
    /// removed and not given.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Entry> {
        let store = self.store.as_ref()?;
        let record = store.record(&key.hash)?;
        if key.digest.as_ref().is_some_and(|digest| *digest != record.body) {
            return None;
        }
        let body = store.body(&key.hash, &record)?;
        Some(Entry {
            body,
            etag: record.etag,
            last_modified: record.last_modified,
            stored: Timestamp::from_seconds(record.stored),
            headers: record.headers,
        })
    }

    /// Keeps an answer. Keeping the same body again, with a new `stored`, is how a 304 is noted, and costs no more than that.
    ///
    /// # Errors
    ///
    /// [`CacheError::OtherDigest`] where the key names another digest: the answer is not what was asked for.
    /// [`CacheError::Io`] where it cannot be written; nothing is lost but time.
    pub fn put(&self, key: &Key, entry: &Entry) -> Result<(), CacheError> {
        let body = sha256(&entry.body);
        if let Some(wanted) = key.digest.as_ref().filter(|wanted| **wanted != body) {
            return Err(CacheError::OtherDigest { wanted: wanted.clone(), found: body });
        }
        let Some(store) = &self.store else { return Ok(()) };
        let length = entry.body.len() as u64;
        // One answer must not push all others out.
        if length > self.options.max_bytes / 2 {
            return Ok(());
        }
        let headers = entry.headers.iter().filter(|(name, _)| HEADERS.contains(&name.as_str()));
        let record = Record {
            body,
            length,
            stored: entry.stored.seconds(),
            etag: entry.etag.clone(),
            last_modified: entry.last_modified.clone(),
            headers: headers.map(|(name, value)| (name.clone(), value.clone())).collect(),
        };
        let failed = |source| CacheError::Io { path: self.folder.clone(), source };
        let new = store.write(&key.hash, &record, &entry.body).map_err(failed)?;
        let written = self.written.fetch_add(new, Ordering::Relaxed) + new;
        if written > self.options.max_bytes / 8 {
            self.written.store(0, Ordering::Relaxed);
            self.prune()?;
        }
        Ok(())
    }

    /// Whether an answer counts without asking again: its key names its digest, or nobody is asked, or it is young enough.
    #[must_use]
    pub fn is_fresh(&self, key: &Key, entry: &Entry) -> bool {
        let young = self.options.max_age.is_some_and(|age| {
            let now = self.now();
            entry.stored <= now && now < entry.stored.plus(age)
        });
        key.is_immutable() || self.options.offline || young
    }

    /// Whether sources may be asked at all.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.options.offline
    }

    /// The time for [`Entry::stored`].
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.options.now.unwrap_or_else(|| {
            let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Timestamp::from_seconds(i64::try_from(passed.as_secs()).unwrap_or(i64::MAX))
        })
    }

    /// Removes what was not used for longest, where the cache is too large. [`put`](Self::put) does this by itself from time to
    /// time; the end of a run is a good moment.
    ///
    /// # Errors
    ///
    /// [`CacheError::Io`] where the folder cannot be listed.
    pub fn prune(&self) -> Result<(), CacheError> {
        let Some(store) = &self.store else { return Ok(()) };
        let failed = |source| CacheError::Io { path: self.folder.clone(), source };
        store.prune(self.options.max_bytes, self.options.max_bytes / 4 * 3).map(drop).map_err(failed)
    }
}
