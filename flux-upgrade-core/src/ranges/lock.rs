//! The lock file: what every range and floating tag stood at when it was written.
//!
//! One entry for each site, by file, object and field, so that `git blame` tells when each moved. The format is described in
//! `docs/lock.md`. Entries that say the same keep their bytes.

mod read;
mod update;

use std::fmt;

pub use read::LockError;
pub use update::{Drift, Update, update};

use crate::locate::{Owner, Site};
use crate::plan::Standing;
use crate::text::{Location, RepoPath};
use crate::yaml::{Quote, encode};

/// The name of the lock file, at the top of the repository.
pub const LOCK_FILE: &str = "flux-upgrade.lock";

/// The `schema` of a lock file.
pub const SCHEMA: &str = "flux-upgrade/lock/v1";

/// A lock file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lock {
    /// The entries, by site.
    pub entries: Vec<Entry>,
}

/// Which site an entry is about; its order is that of the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The file of the field.
    pub file: String,
    /// `Kind/namespace/name` or `Kind/name`.
    pub object: String,
    /// The field, dotted from the object's root.
    pub field: String,
    /// Which of several sites with all of this in common, from 1.
    pub number: usize,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.file, self.object, self.field)?;
        if self.number > 1 { write!(f, " #{}", self.number) } else { Ok(()) }
    }
}

/// What one site stood at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The site.
    pub key: Key,
    /// The range, tag or branch as the file had it.
    pub written: String,
    /// Where it was resolved: an address, of an index with the chart after a blank.
    pub source: String,
    /// The version, tag or branch that it stood at, as published.
    pub resolved: String,
    /// Its digest, for git its commit.
    pub digest: Option<String>,
    /// When that was published, RFC 3339.
    pub published: Option<String>,
    /// Where the entry stands in the file that it was read from, and its bytes.
    pub(crate) read_from: Option<(Location, String)>,
}

impl Entry {
    /// The entry of a site.
    pub(crate) fn of(key: Key, site: &Site, standing: &Standing) -> Self {
        Self {
            key,
            written: site.spot.value.clone(),
            source: site.source.as_ref().map(ToString::to_string).unwrap_or_default(),
            resolved: standing.resolved.clone(),
            digest: standing.digest.clone(),
            published: standing.published.map(|time| time.to_string()),
            read_from: None,
        }
    }

    /// Where the entry stands in the file that it was read from.
    #[must_use]
    pub fn at(&self) -> Option<&Location> {
        self.read_from.as_ref().map(|(at, _)| at)
    }
}

/// The keys of sites that come by path and position.
pub(crate) fn keys(sites: &[Site]) -> Vec<Key> {
    let mut seen = std::collections::BTreeMap::new();
    let key = |site: &Site| {
        let Owner { kind, namespace, name } = &site.owner;
        let namespace = namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        let key = (site.at.path.to_string(), format!("{kind}/{namespace}{name}"), site.field.clone());
        let number = seen.entry(key.clone()).and_modify(|count| *count += 1).or_insert(1);
        Key { file: key.0, object: key.1, field: key.2, number: *number }
    };
    sites.iter().map(key).collect()
}

impl Lock {
    /// Reads a lock file; `path` is for its errors.
    ///
    /// # Errors
    ///
    /// [`LockError`] with line and column: merge markers, text that is no YAML, another schema, unknown, missing or repeated
    /// keys, two entries of one site.
    ///
    /// # Examples
    ///
    /// ```
    /// use flux_upgrade_core::{RepoPath, ranges::lock::Lock};
    /// let path = RepoPath::parse("flux-upgrade.lock").unwrap();
    /// let error = Lock::parse(&path, "schema: flux-upgrade/lock/v9\nsites: []\n").unwrap_err();
    /// assert_eq!((error.code, error.at.line, error.at.column), ("lock.schema", 1, 9));
    /// ```
    pub fn parse(path: &RepoPath, text: &str) -> Result<Self, LockError> {
        read::read(path, text)
    }

    /// The entry of a site.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == *key)
    }

    /// The file's text: sorted, with one line end (`\n`) throughout.
    ///
    /// An entry that was read and has not changed keeps its bytes.
    #[must_use]
    pub fn text(&self) -> String {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        let mut out = format!(
            "# What each range and floating tag resolves to. Written by `flux-upgrade lock`; see docs/lock.md.\nschema: {SCHEMA}\n"
        );
        out.push_str(if entries.is_empty() { "sites: []\n" } else { "sites:\n" });
        for entry in entries {
            match &entry.read_from {
                Some((_, raw)) if !raw.is_empty() => out.push_str(raw),
                _ => print(entry, &mut out),
            }
        }
        out
    }
}

fn print(entry: &Entry, out: &mut String) {
    let mut lead = "- ";
    let number = (entry.key.number > 1).then(|| entry.key.number.to_string());
    let fields = [
        ("file", Some(&entry.key.file)),
        ("object", Some(&entry.key.object)),
        ("field", Some(&entry.key.field)),
        ("number", number.as_ref()),
        ("source", Some(&entry.source)),
        ("written", Some(&entry.written)),
        ("resolved", Some(&entry.resolved)),
        ("digest", entry.digest.as_ref()),
        ("published", entry.published.as_ref()),
    ];
    for (name, value) in fields {
        let Some(value) = value else { continue };
        let value = match name {
            "number" => value.clone(),
            _ => encode("x", Quote::Plain, value, Quote::Double).unwrap_or_default(),
        };
        out.push_str(&format!("{lead}{name}: {value}\n"));
        lead = "  ";
    }
}
