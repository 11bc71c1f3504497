//! A survey against a lock: what has moved since, and the lock as it should be.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, Key, Lock, keys};
use crate::plan::Reason;
use crate::ranges::Survey;
use crate::rules::Rules;
use crate::text::RepoPath;

/// A lock brought up to date, and what was different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The lock as it should be.
    pub lock: Lock,
    /// What differs, by site.
    pub drift: Vec<Drift>,
    /// Entries that stay as they are.
    pub unchanged: usize,
}

/// One difference between a lock and what is published, or between a lock and the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drift {
    /// The same text selects something else now.
    Moved {
        /// What the lock says.
        from: Entry,
        /// What is so.
        to: Entry,
    },
    /// The text, or its source, was changed in the file.
    Rewritten {
        /// What the lock says.
        from: Entry,
        /// What is so.
        to: Entry,
    },
    /// A site without an entry.
    Added {
        /// Its entry.
        to: Entry,
    },
    /// An entry without a site.
    Gone {
        /// What the lock says.
        from: Entry,
    },
    /// An entry that stays, since nobody said what is so now.
    Kept {
        /// What the lock says.
        from: Entry,
        /// Why there is no answer.
        reason: Reason,
    },
    /// An entry of a text, or source, that was changed in the file, and nobody said what is so now.
    Stale {
        /// What the lock says.
        from: Entry,
        /// What the file says.
        written: String,
        /// Where that comes from.
        source: String,
        /// Why there is no answer.
        reason: Reason,
    },
    /// A site without an entry, and without an answer to make one from.
    Unlocked {
        /// The site.
        key: Key,
        /// Why.
        reason: Reason,
    },
}

impl Drift {
    /// The site that it is about.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Moved { to, .. } | Self::Rewritten { to, .. } | Self::Added { to } => &to.key,
            Self::Gone { from } | Self::Kept { from, .. } | Self::Stale { from, .. } => &from.key,
            Self::Unlocked { key, .. } => key,
        }
    }

    /// Whether the lock no longer says what is so: everything but what nobody answered.
    #[must_use]
    pub fn is_drift(&self) -> bool {
        !matches!(self, Self::Kept { .. } | Self::Unlocked { .. })
    }

    /// Its name as JSON has it in `kind`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Moved { .. } => "moved",
            Self::Rewritten { .. } => "rewritten",
            Self::Added { .. } => "added",
            Self::Gone { .. } => "gone",
            Self::Kept { .. } => "kept",
            Self::Stale { .. } => "stale",
            Self::Unlocked { .. } => "unlocked",
        }
    }
}

impl Update {
    /// Whether the lock no longer says what is so.
    #[must_use]
    pub fn has_drift(&self) -> bool {
        self.drift.iter().any(Drift::is_drift)
    }
}

/// Brings a lock up to date with a survey; `None` is a lock that is not there yet.
///
/// A site whose source gave no answer keeps its entry. Files that the rules leave out (`only`) keep theirs as well.
#[must_use]
pub fn update(old: Option<&Lock>, survey: &Survey, rules: &Rules) -> Update {
    let none = Lock::default();
    let before: BTreeMap<&Key, &Entry> =
        old.unwrap_or(&none).entries.iter().map(|entry| (&entry.key, entry)).collect();
    let mut out = Update { lock: Lock::default(), drift: Vec::new(), unchanged: 0 };
    let mut seen = BTreeSet::new();
    for (key, (site, row)) in keys(&survey.sites).into_iter().zip(survey.iter()) {
        if !rules.includes(&site.at.path) {
            continue;
        }
        let entry = before.get(&key).copied();
        seen.insert(key.clone());
        let new = match (&row.stands, entry) {
            (Ok(standing), _) => Entry::of(key, site, standing),
            (Err(reason), Some(entry)) => {
                out.lock.entries.push(entry.clone());
                let (from, reason) = (entry.clone(), reason.clone());
                let written = site.spot.value.clone();
                let source = site.source.as_ref().map_or_else(|_| from.source.clone(), ToString::to_string);
                out.drift.push(match (&from.written, &from.source) == (&written, &source) {
                    true => Drift::Kept { from, reason },
                    false => Drift::Stale { from, written, source, reason },
                });
                continue;
            }
            (Err(reason), None) => {
                out.drift.push(Drift::Unlocked { key, reason: reason.clone() });
                continue;
            }
        };
        let Some(entry) = entry else {
            out.lock.entries.push(new.clone());
            out.drift.push(Drift::Added { to: new });
            continue;
        };
        let same_text = (&entry.written, &entry.source) == (&new.written, &new.source);
        if same_text && (&entry.resolved, &entry.digest) == (&new.resolved, &new.digest) {
            // Sources forget dates, and write them anew with every release; one that was missing is filled in.
            let filled = entry.published.is_none() && new.published.is_some();
            out.unchanged += 1;
            out.lock.entries.push(if filled { new } else { entry.clone() });
            continue;
        }
        out.lock.entries.push(new.clone());
        out.drift.push(match same_text {
            true => Drift::Moved { from: entry.clone(), to: new },
            false => Drift::Rewritten { from: entry.clone(), to: new },
        });
    }
    for (key, entry) in before.into_iter().filter(|(key, _)| !seen.contains(*key)) {
        let left_out = RepoPath::parse(&key.file).is_some_and(|path| !rules.includes(&path));
        if left_out {
            out.lock.entries.push(entry.clone());
        } else {
            out.drift.push(Drift::Gone { from: entry.clone() });
        }
    }
    out.lock.entries.sort_by(|a, b| a.key.cmp(&b.key));
    out.drift.sort_by(|a, b| a.key().cmp(b.key()));
    out
}
