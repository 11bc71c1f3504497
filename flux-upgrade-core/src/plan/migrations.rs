//! Manifests that move to other API versions together with Flux: each document is one change.
//!
//! A document moves only where it must: where the Flux that its cluster gets does not serve what it says. It moves to a version
//! that the Flux before serves as well, so that it can be read at any time.

use std::collections::{BTreeMap, BTreeSet};

use super::step::{before, installed, minor};
use super::{Change, Held, Plan, Reason};
use crate::diagnostic::Diagnostic;
use crate::locate::{Consumer, Frame, Owner, Part, Site, SourceKey, Spot, Style};
use crate::migrate::{
    Goal, KNOWN, Migrated, Migration, Preflight, Step, beside_migration, migrate_one, needs_migration, steps,
};
use crate::patch::Edit;
use crate::rules::Rules;
use crate::scan::{Inventory, is_terraform};
use crate::text::{RepoPath, SourceFile, Span};
use crate::version::{FluxMinor, Level};
use crate::yaml::split;

/// A place where Flux is installed: what runs, and what the plan makes of it.
struct Installation {
    site: usize,
    path: RepoPath,
    clusters: BTreeSet<String>,
    from: FluxMinor,
    to: FluxMinor,
    /// The change that moves it.
    change: Option<usize>,
}

impl Installation {
    fn moves(&self) -> bool {
        self.from < self.to
    }

    /// Whether it may apply a file of these clusters; where the files do not tell, only one that moves may.
    fn applies(&self, clusters: &BTreeSet<String>) -> bool {
        match self.clusters.is_empty() {
            true => self.moves(),
            false => !self.clusters.is_disjoint(clusters),
        }
    }
}

/// Adds the migrations that the plan's moves of Flux need, what else stands in their way, and what comes after them.
pub(super) fn add(inventory: &Inventory<'_>, plan: &mut Plan, rules: &Rules) {
    let installations = installations(plan);
    if installations.is_empty() {
        return;
    }
    let places = Places::of(inventory);
    let mut texts: BTreeMap<RepoPath, String> = BTreeMap::new();
    for file in inventory.files.iter().filter(|file| rules.includes(&file.path)) {
        let Some((goal, movers)) = goal(&installations, &places.clusters(&file.path)) else { continue };
        if !needs_migration(&file.text, &goal) {
            continue;
        }
        let mut migration = migrate_one(file, &goal);
        if !movers.is_empty() {
            plan.diagnostics.extend(migration.left().cloned());
        }
        if let Some(patch) = migration.set.files.pop() {
            texts.insert(file.path.clone(), patch.after);
            changes(file, goal, &migration, &patch.edits, &movers, plan, (rules, &places));
        }
    }
    let moving: Vec<&Installation> = installations.iter().filter(|one| one.moves()).collect();
    preflight(inventory, &moving, &places, &mut plan.diagnostics);
    for one in &moving {
        let notes = series(inventory, one, plan, (&places, &texts));
        if let Some(change) = one.change {
            plan.changes[change].notes.extend(notes);
        }
    }
    in_order(plan);
}

fn installations(plan: &Plan) -> Vec<Installation> {
    let change_of: BTreeMap<usize, usize> =
        plan.changes.iter().enumerate().map(|(index, change)| (change.site, index)).collect();
    let sites = plan.sites.iter().enumerate().filter(|(_, site)| !site.is_test);
    sites
        .filter_map(|(index, site)| {
            let from = installed(site)?;
            let change = change_of.get(&index).copied();
            let to = change.and_then(|change| minor(&plan.changes[change].to)).unwrap_or(from);
            let clusters = site.clusters.iter().cloned().collect();
            Some(Installation { site: index, path: site.at.path.clone(), clusters, from, to, change })
        })
        .collect()
}

/// What a file's documents are moved to, and the installations that move; none where nothing that is known applies it.
fn goal<'i>(
    installations: &'i [Installation],
    clusters: &BTreeSet<String>,
) -> Option<(Goal, Vec<&'i Installation>)> {
    let own: Vec<&Installation> = installations.iter().filter(|one| one.applies(clusters)).collect();
    let from = own.iter().map(|one| one.from).min()?;
    let to = own.iter().map(|one| one.to).max()?.min(KNOWN.1);
    let goal = Goal::step(from, to)?.needed();
    Some((goal, own.into_iter().filter(|one| one.moves()).collect()))
}

/// The clusters of each file and folder.
struct Places {
    files: BTreeMap<RepoPath, BTreeSet<String>>,
    folders: BTreeMap<String, BTreeSet<String>>,
}

impl Places {
    fn of(inventory: &Inventory<'_>) -> Self {
        let mut out = Self { files: BTreeMap::new(), folders: BTreeMap::new() };
        for resource in inventory.resources() {
            let path = &inventory.file_of(resource).path;
            let clusters = resource.placements.iter().filter_map(|placement| placement.cluster.clone());
            let clusters: BTreeSet<String> = clusters.collect();
            if !clusters.is_empty() {
                out.folders.entry(path.folder().to_owned()).or_default().extend(clusters.iter().cloned());
                out.files.entry(path.clone()).or_default().extend(clusters);
            }
        }
        out
    }

    /// The clusters of a file's objects; of a file that has none, a kustomization, those of its folder.
    fn clusters(&self, path: &RepoPath) -> BTreeSet<String> {
        let found = self.files.get(path).or_else(|| self.folders.get(path.folder()));
        found.cloned().unwrap_or_default()
    }
}

/// One change for each document that the migration edits.
fn changes(
    file: &SourceFile,
    goal: Goal,
    migration: &Migration,
    edits: &[Edit],
    movers: &[&Installation],
    plan: &mut Plan,
    (rules, places): (&Rules, &Places),
) {
    let moved = movers.iter().filter_map(|one| one.change.map(|change| &plan.changes[change]));
    let level = moved.clone().map(|change| change.level).max().unwrap_or(Level::Minor);
    let group = moved.clone().find_map(|change| change.group.clone());
    let why = match movers.first() {
        Some(one) => format!("Flux {} does not serve it", one.to),
        None => format!("Flux {}, which runs, does not serve it", goal.to()),
    };
    let mut new = Vec::new();
    let mut open: Vec<Edit> = Vec::new();
    for part in split(&file.text) {
        let inside = |span: Span| part.start <= span.start && span.end <= part.end;
        open.extend(edits.iter().filter(|edit| inside(edit.span)).cloned());
        let mut objects = migration.changes.iter().filter(|one| inside(one.at.span));
        let Some(first) = objects.next() else { continue };
        // A comment on the schema may stand in the part before.
        let edits = std::mem::take(&mut open);
        let mut notes = vec![why.clone()];
        notes.extend(first.fields.iter().cloned());
        notes.extend(objects.flat_map(also));
        let clusters = places.clusters(&file.path).into_iter().collect();
        let site = Site { clusters, ..site(file, first, goal) };
        if !rules.settings(&site).allow.admits(level) || is_ignored(&file.text, first.at.line) {
            continue;
        }
        let change = Change {
            site: 0,
            from: first.from.clone(),
            to: first.to.clone(),
            locked: None,
            level,
            published: None,
            beyond: None,
            group: group.clone().or_else(|| rules.group(&site, level).map(str::to_owned)),
            notes,
            edits,
        };
        new.push((site, change));
    }
    let taken: Vec<Span> =
        new.iter().flat_map(|(_, change)| change.edits.iter().map(|edit| edit.span)).collect();
    give_way(&file.path, &taken, plan);
    for (site, change) in new {
        plan.changes.push(Change { site: plan.sites.len(), ..change });
        plan.sites.push(site);
    }
}

/// What happens to a further object of a document.
fn also(one: &Migrated) -> Vec<String> {
    let version = format!("{}: {} → {}", one.object, one.from, one.to);
    let mut out = if one.from == one.to { Vec::new() } else { vec![version] };
    out.extend(one.fields.iter().map(|field| format!("{}: {field}", one.object)));
    out
}

/// Whether a comment on a line, or on the line above, says to leave it alone.
fn is_ignored(text: &str, line: usize) -> bool {
    let above = line.saturating_sub(2);
    text.lines().skip(above).take(line - above).any(|line| line.contains("# flux-upgrade: ignore"))
}

fn site(file: &SourceFile, object: &Migrated, goal: Goal) -> Site {
    let raw = object.at.span.of(&file.text).to_owned();
    let style = match raw.as_bytes().first() {
        Some(b'"') => Style::Double,
        Some(b'\'') => Style::Single,
        _ => Style::Plain,
    };
    let (kind, name) = object.object.split_once(' ').unwrap_or((&object.object, ""));
    let (namespace, name) = match name.split_once('/') {
        Some((namespace, name)) => (Some(namespace.to_owned()), name),
        None => (None, name),
    };
    let owner = Owner { kind: kind.to_owned(), namespace, name: name.to_owned() };
    let at = object.at.clone();
    let spot = Spot { at: at.clone(), raw, value: object.from.clone(), style, frame: Frame::default() };
    Site::alone(at, owner, ("apiVersion", Part::Api), spot, (Consumer::Api { goal }, Ok(SourceKey::Flux)))
}

/// Holds changes of values that a migration moves to another place: they follow in the next run.
fn give_way(path: &RepoPath, taken: &[Span], plan: &mut Plan) {
    let overlaps = |edit: &Edit| {
        edit.path == *path
            && taken.iter().any(|span| edit.span.start <= span.end && span.start <= edit.span.end)
    };
    let is_blocked = |change: &Change| {
        !matches!(plan.sites[change.site].consumer, Consumer::Api { .. }) && change.edits.iter().any(overlaps)
    };
    let blocked: Vec<usize> =
        plan.changes.iter().filter(|change| is_blocked(change)).map(|change| change.site).collect();
    if blocked.is_empty() {
        return;
    }
    for change in &mut plan.changes {
        if blocked.contains(&change.site) {
            change.edits.clear();
        }
    }
    plan.held.extend(
        blocked.into_iter().map(|site| Held {
            site,
            reason: Reason::NextStep { after: format!("the migration of {path}") },
        }),
    );
}

/// What else stands in the way of the moves.
fn preflight(
    inventory: &Inventory<'_>,
    moving: &[&Installation],
    places: &Places,
    out: &mut Vec<Diagnostic>,
) {
    let moves: BTreeSet<(FluxMinor, FluxMinor)> = moving.iter().map(|one| (one.from, one.to)).collect();
    for (from, to) in moves {
        let own: Vec<&&Installation> = moving.iter().filter(|one| (one.from, one.to) == (from, to)).collect();
        let asked = Preflight { from: Some(from), to: Some(to), kubernetes: None };
        let found = beside_migration(inventory.files, &asked);
        out.extend(found.into_iter().filter(|finding| match finding.code {
            // The plan takes the steps itself.
            "preflight.steps" => false,
            "preflight.kubernetes" => own.iter().any(|one| one.path == finding.at.path),
            _ => {
                let clusters = places.clusters(&finding.at.path);
                clusters.is_empty() || own.iter().any(|one| one.applies(&clusters))
            }
        }));
    }
}

/// What is done in the cluster for a step, and the steps after it.
fn series(
    inventory: &Inventory<'_>,
    one: &Installation,
    plan: &Plan,
    (places, texts): (&Places, &BTreeMap<RepoPath, String>),
) -> Vec<String> {
    let mut notes = Vec::new();
    // The operator migrates stored objects by itself.
    let by_hand = plan.sites[one.site].consumer == Consumer::FluxManifests || is_terraform(one.path.name());
    let command = |step: &Step| step.command().filter(|_| by_hand);
    if let Some(command) = command(&Step { from: one.from, to: one.to }) {
        notes.push(format!(
            "once its manifests are applied, and before its components are: `{command}` in the cluster"
        ));
    }
    let newest = one.change.and_then(|change| plan.changes[change].beyond.as_ref());
    let Some(newest) = newest.and_then(|beyond| minor(&beyond.newest)) else { return notes };
    if before(one.from, newest).is_none() {
        return notes;
    }
    let own = |file: &&SourceFile| one.applies(&places.clusters(&file.path));
    let mut files: BTreeMap<&RepoPath, SourceFile> = BTreeMap::new();
    for step in steps(one.to, newest.min(KNOWN.1)).unwrap_or_default() {
        let mut documents = 0;
        if let Some(goal) = step.goal().map(Goal::needed) {
            for file in inventory.files.iter().filter(own) {
                let text = files.get(&file.path).map(|file| &file.text).or_else(|| texts.get(&file.path));
                let text = text.unwrap_or(&file.text);
                if !needs_migration(text, &goal) {
                    continue;
                }
                let now = SourceFile { path: file.path.clone(), text: text.clone() };
                let mut migration = migrate_one(&now, &goal);
                documents += migration.changes.len();
                if let Some(patch) = migration.set.files.pop() {
                    files.insert(&file.path, SourceFile { path: file.path.clone(), text: patch.after });
                }
            }
        }
        let migrated = match documents {
            0 => String::new(),
            1 => ", with 1 object to migrate".to_owned(),
            more => format!(", with {more} objects to migrate"),
        };
        let command = command(&step).map(|command| format!(" and `{command}` before it")).unwrap_or_default();
        notes.push(format!("the step after it: Flux {} → {}{migrated}{command}", step.from, step.to));
    }
    notes
}

/// Brings sites, and what refers to them, back into the order of their places.
fn in_order(plan: &mut Plan) {
    // Changes that gave way have no edits left.
    let held: BTreeSet<usize> = plan.held.iter().map(|held| held.site).collect();
    plan.changes.retain(|change| !held.contains(&change.site));
    let mut sites: Vec<(usize, Site)> = std::mem::take(&mut plan.sites).into_iter().enumerate().collect();
    sites.sort_by(|(_, a), (_, b)| (&a.at, &a.owner, &a.field).cmp(&(&b.at, &b.owner, &b.field)));
    let mut places = vec![0; sites.len()];
    for (new, (old, _)) in sites.iter().enumerate() {
        places[*old] = new;
    }
    plan.sites = sites.into_iter().map(|(_, site)| site).collect();
    for change in &mut plan.changes {
        change.site = places[change.site];
    }
    for held in &mut plan.held {
        held.site = places[held.site];
    }
    plan.changes.sort_by_key(|change| change.site);
    plan.held.sort_by_key(|held| held.site);
}
