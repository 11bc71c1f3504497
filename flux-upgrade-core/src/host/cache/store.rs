//! Files of the cache: bodies under their hash, and an index that says which body answered what.
//!
//! ```text
//! v1/body/ab/cdef…    the bytes, named by their sha256
//! v1/index/12/3456…   named by the key: a checksum, then what the answer said beside its body
//! ```
//!
//! Every file is written beside its place and renamed into it, so a reader in another process sees all of it or nothing.
//! Nothing is flushed to the disk: what a crash cuts short no longer has its hash, and is dropped by the next reader.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::key::sha256;

/// What one file of the index may have at most, in bytes.
const INDEX_LIMIT: u64 = 64 << 10;

/// How often a file that is used is marked as such.
const MARK_EVERY: Duration = Duration::from_secs(12 * 3_600);

/// How old what was left beside must be before it counts as left by a crash.
const LEFT_OVER: Duration = Duration::from_secs(3_600);

const BESIDE: &str = ".new-";

/// What stands in the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) body: String,
    pub(super) length: u64,
    pub(super) stored: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_modified: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) headers: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(super) struct Store {
    root: PathBuf,
}

impl Store {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let root = folder.join("v1");
        for kind in ["index", "body"] {
            make_folder(&root.join(kind))?;
        }
        let tag = folder.join("CACHEDIR.TAG");
        if !tag.exists() {
            // What backup programs look for: https://bford.info/cachedir/
            let _ =
                fs::write(tag, "Signature: 8a477f597d28d172789f06886806bc55\n# a cache of flux-upgrade\n");
        }
        Ok(Self { root })
    }

    fn place(&self, kind: &str, hash: &str) -> PathBuf {
        let (folder, name) = hash.split_at_checked(2).unwrap_or((hash, ""));
        self.root.join(kind).join(folder).join(name)
    }

    /// What the index has for a key; a damaged record is removed.
    pub(super) fn record(&self, hash: &str) -> Option<Record> {
        let place = self.place("index", hash);
        let bytes = read(&place, INDEX_LIMIT).ok()?;
        let record = bytes.and_then(|bytes| {
            let (sum, text) = bytes.split_at_checked(64)?;
            let fine = checksum(hash, text).as_bytes() == sum;
            fine.then(|| serde_json::from_slice::<Record>(text).ok())?
        });
        let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let record = record.filter(|record| is_hash(&record.body));
        if record.is_none() {
            let _ = fs::remove_file(place);
        }
        record
    }

    /// The body of a record; where it is gone or damaged, it and the record are removed.
    pub(super) fn body(&self, hash: &str, record: &Record) -> Option<Vec<u8>> {
        let place = self.place("body", &record.body);
        let body = read(&place, record.length).ok().flatten();
        let body = body.filter(|body| body.len() as u64 == record.length && sha256(body) == record.body);
        let index = self.place("index", hash);
        if body.is_none() {
            let _ = fs::remove_file(place);
            let _ = fs::remove_file(index);
            return None;
        }
        mark(&index);
        mark(&place);
        body
    }

    /// Writes a record and its body; gives the number of bytes that are new on the disk.
    pub(super) fn write(&self, hash: &str, record: &Record, body: &[u8]) -> io::Result<u64> {
        let mut written = 0;
        let place = self.place("body", &record.body);
        let is_there =
            fs::symlink_metadata(&place).is_ok_and(|kind| kind.is_file() && kind.len() == record.length);
        if is_there {
            mark(&place);
        } else {
            put_in_place(&place, &[body])?;
            written += record.length;
        }
        let text = serde_json::to_vec(record).map_err(io::Error::other)?;
        if text.len() as u64 + 64 > INDEX_LIMIT {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "headers too large to be kept"));
        }
        put_in_place(&self.place("index", hash), &[checksum(hash, &text).as_bytes(), &text])?;
        Ok(written + text.len() as u64)
    }

    /// Where there is more than `limit` bytes, removes what was not used for longest until `left` are left; gives the number
    /// that are.
    pub(super) fn prune(&self, limit: u64, left: u64) -> io::Result<u64> {
        let now = SystemTime::now();
        let mut files = Vec::new();
        for kind in ["index", "body"] {
            for folder in fs::read_dir(self.root.join(kind))?.flatten() {
                // Only folders of our own form are looked into, and no link is followed.
                let is_ours = folder.file_name().to_str().is_some_and(|name| name.len() == 2)
                    && folder.file_type().is_ok_and(|kind| kind.is_dir());
                let inside = is_ours.then(|| fs::read_dir(folder.path()).ok()).flatten();
                for file in inside.into_iter().flatten().flatten() {
                    let Some(kind) = file.metadata().ok().filter(fs::Metadata::is_file) else { continue };
                    let used = kind.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    let is_beside = file.file_name().to_string_lossy().starts_with(BESIDE);
                    let age = now.duration_since(used).unwrap_or_default();
                    if is_beside && age > LEFT_OVER {
                        let _ = fs::remove_file(file.path());
                    } else if !is_beside {
                        files.push((used, file.path(), kind.len()));
                    }
                }
            }
        }
        let mut total: u64 = files.iter().map(|(_, _, length)| length).sum();
        if total <= limit {
            return Ok(total);
        }
        files.sort();
        for (_, path, length) in files {
            if total <= left {
                break;
            }
            if fs::remove_file(path).is_ok() {
                total -= length;
            }
        }
        Ok(total)
    }
}

/// The checksum of a record, which holds in its own place alone.
fn checksum(hash: &str, text: &[u8]) -> String {
    sha256(&[hash.as_bytes(), text].concat())
}

/// At most `limit` bytes of a regular file; `None` where it is larger, or no file.
fn read(place: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let kind = fs::symlink_metadata(place)?;
    if !kind.is_file() || kind.len() > limit {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(kind.len()).unwrap_or_default());
    File::open(place)?.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

/// Marks a file as used.
fn mark(place: &Path) {
    let now = SystemTime::now();
    let used = fs::metadata(place).and_then(|kind| kind.modified()).unwrap_or(now);
    if now.duration_since(used).is_ok_and(|age| age > MARK_EVERY)
        && let Ok(file) = File::options().append(true).open(place)
    {
        let _ = file.set_modified(now);
    }
}

fn put_in_place(place: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let folder = place.parent().unwrap_or(place);
    make_folder(folder)?;
    let mut file = tempfile::Builder::new().prefix(BESIDE).tempfile_in(folder)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.persist(place).map(drop).map_err(|error| error.error)
}

/// A folder that is for its owner alone, as the addresses of private sources are nobody else's business.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}
