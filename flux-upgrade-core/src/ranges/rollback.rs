//! The way back: every site as a lock says that it stood.

use std::collections::{BTreeMap, BTreeSet};

use super::everything;
use super::lock::{Entry, Key, Lock, keys};
use super::pin::{Pinned, Pins, Target, cannot};
use crate::diagnostic::{Diagnostic, Severity};
use crate::locate::{Consumer, Site, elections, is_commit};
use crate::patch::{PatchSet, Refused, patch};
use crate::plan::{Change, Held, MOST_NAMED, Plan, Reason, is_exact, is_floating};
use crate::resolve::select::is_digest;
use crate::rules::Rules;
use crate::scan::{Inventory, scan};
use crate::text::{RepoPath, SourceFile};
use crate::version::{Level, Version};

/// The plan that pins what `then` says, and its text side, proven.
///
/// A site of the lock is found by file, object and field; where the object says it in another field of the same parent by now
/// (`semver` became `tag`), that one is pinned. Where its file was moved or the object renamed, it is found by kind, field and
/// source, as long as there is one alone that fits; the change says so. What floats and is not in the lock is held, as is every site that cannot hold the
/// pin or takes its version from another source than it did. No answers are needed. `now` is the lock of today: it says how far
/// the way is.
///
/// The proof: the patched files are read again, and each site says what the lock says; a file that does not is refused.
#[must_use]
pub fn rollback(
    inventory: &Inventory<'_>,
    then: &Lock,
    now: Option<&Lock>,
    rules: &Rules,
) -> (Plan, PatchSet) {
    let all: Vec<Site> = all(inventory).into_iter().filter(|site| rules.includes(&site.at.path)).collect();
    let foreign = foreign(then, inventory.files);
    let mut matched = Matched::new(&all, then);
    if foreign.is_none() {
        // Of a lock whose files are all elsewhere, what has the same name is another thing.
        matched.moved(&all, then, By::Name);
        matched.moved(&all, then, By::File);
    }
    let pins = Pins::new(inventory);
    let mut outcomes: BTreeMap<usize, Result<Pinned, Reason>> = BTreeMap::new();
    for (index, site) in all.iter().enumerate() {
        match matched.by_site.get(&index) {
            Some(entry) => {
                outcomes.insert(index, pinned(&pins, site, entry));
            }
            None if is_floating(site) => {
                outcomes.insert(index, Err(cannot("the lock has no entry for it")));
            }
            None => {}
        }
    }
    agree(&all, &mut outcomes);
    let mut plan = Plan { diagnostics: inventory.diagnostics.clone(), ..Plan::default() };
    let mut wanted = Vec::new();
    for (index, outcome) in outcomes {
        let site = plan.sites.len();
        match outcome {
            Ok(pinned) => {
                let entry = matched.by_site[&index];
                plan.changes.push(change(site, &all[index], &pinned, entry, now));
                wanted.push((index, pinned));
            }
            Err(reason) => plan.held.push(Held { site, reason }),
        }
        plan.sites.push(all[index].clone());
    }
    match foreign {
        Some(finding) => plan.diagnostics.push(finding),
        None => plan.diagnostics.extend(gone(then, &matched.keys, rules)),
    }
    let mut set = patch(inventory.files, &plan);
    prove(inventory.files, &all, &wanted, &mut set);
    (plan, set)
}

/// Every site that a lock may have an entry of.
fn all(inventory: &Inventory<'_>) -> Vec<Site> {
    let mut sites = everything(inventory);
    sites.extend(elections(inventory));
    sites.sort_by(|a, b| (&a.at, &a.owner, &a.field).cmp(&(&b.at, &b.owner, &b.field)));
    sites
}

/// Which entry each site is about.
struct Matched<'l> {
    by_site: BTreeMap<usize, &'l Entry>,
    /// Keys of entries that have a site.
    keys: BTreeSet<&'l Key>,
}

impl<'l> Matched<'l> {
    fn new(sites: &[Site], lock: &'l Lock) -> Self {
        // Numbers are counted among what floats, as the lock was written.
        let numbered: Vec<usize> = (0..sites.len()).filter(|index| is_floating(&sites[*index])).collect();
        let floating: Vec<Site> = numbered.iter().map(|index| sites[*index].clone()).collect();
        let by_key: BTreeMap<Key, usize> = keys(&floating).into_iter().zip(numbered).collect();
        let all: Vec<Key> = keys(sites);
        let mut out = Self { by_site: BTreeMap::new(), keys: BTreeSet::new() };
        for entry in &lock.entries {
            let exact = by_key.get(&entry.key).copied();
            let found = exact.or_else(|| {
                let mut of_parent = (0..sites.len()).filter(|index| {
                    let key = &all[*index];
                    let same = (&key.file, &key.object) == (&entry.key.file, &entry.key.object);
                    same && parent(&key.field) == parent(&entry.key.field) && is_version_field(&sites[*index])
                });
                let first = of_parent.next();
                first.filter(|_| of_parent.next().is_none() && entry.key.number == 1)
            });
            if let Some(index) = found {
                out.by_site.insert(index, entry);
                out.keys.insert(&entry.key);
            }
        }
        out
    }

    /// Entries and sites that are left over, and that belong together if only one of each has this in common.
    fn moved(&mut self, sites: &[Site], lock: &'l Lock, by: By) {
        let mut alike: BTreeMap<_, (Vec<&'l Entry>, Vec<usize>)> = BTreeMap::new();
        for entry in lock.entries.iter().filter(|entry| !self.keys.contains(&entry.key)) {
            alike.entry(by.of_entry(entry)).or_default().0.push(entry);
        }
        for (index, site) in sites.iter().enumerate() {
            let source = site.source.as_ref().map(ToString::to_string).unwrap_or_default();
            let is_free = !self.by_site.contains_key(&index);
            if is_free && !source.is_empty() && (is_floating(site) || is_version_field(site)) {
                alike.entry(by.of_site(site, &source)).or_default().1.push(index);
            }
        }
        for (entries, indices) in alike.into_values() {
            if let ([entry], [index]) = (entries.as_slice(), indices.as_slice()) {
                self.by_site.insert(*index, entry);
                self.keys.insert(&entry.key);
            }
        }
    }
}

/// What a site is told by, where its file or its name is not the one of its entry any more.
#[derive(Clone, Copy)]
enum By {
    /// An object that stands in another file, or gets another namespace.
    Name,
    /// An object that has another name in its file.
    File,
}

impl By {
    fn of_entry(self, entry: &Entry) -> [String; 4] {
        let object = entry.key.object.as_str();
        let kind = object.split('/').next().unwrap_or_default();
        let name = object.rsplit('/').next().unwrap_or_default();
        self.key(kind, name, (&entry.key.file, &entry.key.field), &entry.source)
    }

    fn of_site(self, site: &Site, source: &str) -> [String; 4] {
        let Site { owner, at, field, .. } = site;
        self.key(&owner.kind, &owner.name, (at.path.as_str(), field), source)
    }

    fn key(self, kind: &str, name: &str, (file, field): (&str, &str), source: &str) -> [String; 4] {
        let own = match self {
            Self::Name => name,
            Self::File => file,
        };
        [kind, own, parent(field), source].map(str::to_owned)
    }
}

fn parent(field: &str) -> &str {
    field.rsplit_once('.').map_or("", |(parent, _)| parent)
}

/// Fields that say the same thing in several ways, one at a time.
fn is_version_field(site: &Site) -> bool {
    site.field.starts_with("spec.ref.")
        || site.field.ends_with("spec.version")
        || site.field == "spec.distribution.version"
}

fn pinned(pins: &Pins<'_, '_>, site: &Site, entry: &Entry) -> Result<Pinned, Reason> {
    if let Some(marker) = site.marker.as_ref().filter(|_| site.election().is_none()) {
        let setter = &marker.setter;
        return Err(cannot(format!(
            "ImagePolicy {}/{} moves it, and would move it again: `convert --to pin` takes its marker out",
            setter.namespace, setter.policy
        )));
    }
    let source = site.source.as_ref().map_err(Reason::clone)?.to_string();
    if source != entry.source {
        return Err(cannot(format!(
            "the lock knows it from {}, and it comes from {source} now",
            entry.source
        )));
    }
    if let Some(digest) = entry.digest.as_ref().filter(|digest| !is_hash(site, digest)) {
        return Err(cannot(format!(
            "`{digest}`, which the lock has for it, is neither a digest nor a commit"
        )));
    }
    let target = Target { resolved: entry.resolved.clone(), digest: entry.digest.clone() };
    let pinned = pins.pin(site, &target)?;
    if pinned.edits.is_empty() { Err(Reason::UpToDate) } else { Ok(pinned) }
}

/// Whether a digest of the lock is one that may be written at a site; at charts none is.
fn is_hash(site: &Site, text: &str) -> bool {
    match site.consumer {
        Consumer::HelmIndex | Consumer::HelmOci => true,
        _ if site.consumer.is_git() => is_commit(text),
        _ => is_digest(text),
    }
}

/// Sites on the same bytes move together or not at all.
fn agree(sites: &[Site], outcomes: &mut BTreeMap<usize, Result<Pinned, Reason>>) {
    let mut shared: BTreeMap<(&RepoPath, usize), Vec<usize>> = BTreeMap::new();
    for (index, site) in sites.iter().enumerate().filter(|(_, site)| !site.spot.raw.is_empty()) {
        shared.entry((&site.spot.at.path, site.spot.at.span.start)).or_default().push(index);
    }
    for group in shared.into_values().filter(|group| group.len() > 1) {
        let wish = |index: &usize| match outcomes.get(index) {
            Some(Ok(pinned)) => Some(pinned.edits.clone()),
            _ => None,
        };
        let first = wish(&group[0]);
        if group.iter().all(|index| wish(index) == first) {
            continue;
        }
        let say = |index: &usize| match outcomes.get(index) {
            Some(Ok(pinned)) => format!("{} -> {}", sites[*index].id, pinned.written()),
            _ => format!("{} stays", sites[*index].id),
        };
        let wishes: Vec<String> = group.iter().take(MOST_NAMED).map(say).collect();
        for index in group {
            if let Some(outcome) = outcomes.get_mut(&index).filter(|outcome| outcome.is_ok()) {
                *outcome = Err(Reason::Disagree { wishes: wishes.clone() });
            }
        }
    }
}

fn change(site: usize, at: &Site, pinned: &Pinned, entry: &Entry, now: Option<&Lock>) -> Change {
    let today = now.and_then(|now| now.get(&entry.key));
    let version = |text: &str| Version::parse(text).ok();
    let level = today.and_then(|today| {
        let (from, to) = (version(&today.resolved)?, version(&entry.resolved)?);
        let (low, high) = if from.cmp_precedence(&to).is_lt() { (&from, &to) } else { (&to, &from) };
        low.cmp_precedence(high).is_ne().then(|| low.level_to(high))
    });
    let mut notes = pinned.notes.clone();
    if let Some(today) = today.filter(|today| today.resolved != entry.resolved) {
        notes.insert(0, format!("the lock of today says {}", today.resolved));
    }
    let owner = &at.owner;
    let is_same = entry.key.file == at.at.path.as_str()
        && entry.key.object.starts_with(&format!("{}/", owner.kind))
        && entry.key.object.ends_with(&format!("/{}", owner.name));
    if !is_same {
        notes.push(format!("the lock has it as {} {}", entry.key.file, entry.key.object));
    }
    Change {
        site,
        from: at.written(),
        to: pinned.written(),
        locked: None,
        level: level.unwrap_or(Level::Digest),
        published: entry.published.clone(),
        beyond: None,
        group: None,
        notes,
        edits: pinned.edits.clone(),
    }
}

/// A lock that names no file of these.
fn foreign(lock: &Lock, files: &[SourceFile]) -> Option<Diagnostic> {
    let here: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let first = lock.entries.first()?;
    if lock.entries.iter().any(|entry| here.contains(entry.key.file.as_str())) {
        return None;
    }
    let message = format!(
        "the lock names no file of this folder: {} is not here, nor is any other of its files",
        first.key.file
    );
    let finding = Diagnostic::new("rollback.foreign-lock", Severity::Error, first.at()?.clone(), message);
    Some(finding.with_help(
        "is it the lock of another repository, or of another folder of this one? its paths start at its own folder",
    ))
}

/// Entries whose site is no longer there.
fn gone<'l>(
    lock: &'l Lock,
    found: &BTreeSet<&Key>,
    rules: &Rules,
) -> impl Iterator<Item = Diagnostic> + use<'l> {
    let is_left_out = |key: &Key| RepoPath::parse(&key.file).is_some_and(|path| !rules.includes(&path));
    let gone: Vec<&Entry> =
        lock.entries.iter().filter(|entry| !found.contains(&entry.key) && !is_left_out(&entry.key)).collect();
    gone.into_iter().filter_map(|entry| {
        let message = format!("{} is no longer there, and stood at {}", entry.key, entry.resolved);
        let finding = Diagnostic::new("rollback.gone", Severity::Warning, entry.at()?.clone(), message);
        Some(finding.with_help("bring the object back from git, if it is to run again"))
    })
}

/// Reads the patched files again: every pinned site says what it was pinned to.
fn prove(files: &[SourceFile], sites: &[Site], wanted: &[(usize, Pinned)], set: &mut PatchSet) {
    let after: BTreeMap<&RepoPath, &str> =
        set.files.iter().map(|file| (&file.path, file.after.as_str())).collect();
    let texts: Vec<SourceFile> = files
        .iter()
        .map(|file| {
            let text = after.get(&file.path).map_or(file.text.as_str(), |text| text);
            SourceFile { path: file.path.clone(), text: text.to_owned() }
        })
        .collect();
    let again = all(&scan(&texts));
    let mut wrong: BTreeMap<RepoPath, String> = BTreeMap::new();
    for (index, pinned) in wanted {
        let site = &sites[*index];
        let is_there = again.iter().any(|found| {
            let same = (&found.at.path, &found.owner) == (&site.at.path, &site.owner);
            let field = found.field == pinned.field || parent(&found.field) == parent(&pinned.field);
            let says = match pinned.digest.as_deref() {
                // A commit beside a branch is all that counts.
                Some(digest) if found.spot.value == digest => true,
                Some(digest) => found.spot.value == pinned.to && found.pinned_digest() == Some(digest),
                None => found.spot.value == pinned.to,
            };
            same && field && says && (!is_floating(found) || is_exact(found))
        });
        if !is_there {
            let why = format!("{} {} would not say {}", site.owner, pinned.field, pinned.written());
            wrong.insert(site.spot.at.path.clone(), why);
        }
    }
    set.files.retain(|file| !wrong.contains_key(&file.path));
    set.refused.extend(wrong.into_iter().map(|(path, why)| Refused { path, why }));
    set.refused.sort_by(|a, b| a.path.cmp(&b.path));
}
