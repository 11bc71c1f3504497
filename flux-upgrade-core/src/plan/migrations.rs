//! Manifests that move to other API versions together with Flux: each document is one change.
//!
//! A document moves only where it must: where the Flux that its cluster gets does not serve what it says. It moves to a version
//! that the Flux before serves as well, so that it can be read at any time.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::still_ignored;
use super::operator;
use super::series::{self, First};
use super::step::{installed, is_by_hand, minor_at};
use super::{Change, Held, Plan, Reason};
use crate::diagnostic::{Diagnostic, Severity};
use crate::locate::{Consumer, Frame, Owner, Part, Site, SourceKey, Spot, Style, ignored};
use crate::migrate::{
    Goal, KNOWN, Migrated, Migration, Preflight, Step, beside_migration, migrate_one, needs_migration,
};
use crate::patch::Edit;
use crate::resolve::Resolution;
use crate::rules::Rules;
use crate::scan::{Inventory, is_terraform};
use crate::text::{Lines, RepoPath, SourceFile, Span};
use crate::version::{FluxMinor, Level};
use crate::yaml::split;

/// A place where Flux is installed: what runs, and what the plan makes of it.
pub(super) struct Installation {
    pub(super) site: usize,
    pub(super) path: RepoPath,
    clusters: BTreeSet<String>,
    /// Of one that names no cluster: the clusters that have a Flux of their own, whose files are not its business.
    others: BTreeSet<String>,
    pub(super) from: FluxMinor,
    /// The minor that it would move to if nothing held it, the release of it, and the newest release.
    pub(super) wanted: FluxMinor,
    pub(super) target: String,
    pub(super) newest: Option<String>,
    /// The change that moves it; none where it stays, or what cannot be converted holds it.
    change: Option<usize>,
}

impl Installation {
    pub(super) fn wants_to_move(&self) -> bool {
        self.from < self.wanted
    }

    pub(super) fn moves(&self) -> bool {
        self.wants_to_move() && self.change.is_some()
    }

    fn to(&self) -> FluxMinor {
        if self.change.is_some() { self.wanted } else { self.from }
    }

    /// Whether it may apply a file of these clusters; where the files do not tell, only one that moves may.
    fn applies(&self, clusters: &BTreeSet<String>) -> bool {
        match self.clusters.is_empty() {
            true => self.moves() && self.applies_file(clusters),
            false => !self.clusters.is_disjoint(clusters),
        }
    }

    /// Whether a file has its manifests: it stands there itself, or Terraform writes them.
    pub(super) fn is_at(&self, path: &RepoPath, places: &Places) -> bool {
        let is_written = || is_terraform(self.path.name()) && places.of_terraform.contains(path);
        self.path == *path || (is_written() && self.applies_file(&places.clusters(path)))
    }

    /// As far as is known, whether it applies a file of these clusters.
    pub(super) fn applies_file(&self, clusters: &BTreeSet<String>) -> bool {
        match self.clusters.is_empty() {
            true => clusters.is_empty() || !clusters.is_subset(&self.others),
            false => clusters.is_empty() || !self.clusters.is_disjoint(clusters),
        }
    }
}

/// Adds the migrations that the plan's moves of Flux need, what else stands in their way, and what comes after them.
pub(super) fn add(inventory: &Inventory<'_>, plan: &mut Plan, resolution: &Resolution, rules: &Rules) {
    let mut installations = installations(plan);
    if installations.is_empty() {
        return;
    }
    let places = Places::of(inventory, plan);
    let without_operator: Vec<(usize, Reason)> = (0..installations.len())
        .filter(|index| installations[*index].change.is_some())
        .filter_map(|index| {
            let one = &installations[index];
            Some((index, operator::refusal(plan, one.site, &one.target, resolution)?))
        })
        .collect();
    stop(without_operator, &mut installations, plan);
    let migrated = loop {
        let migrated = migrate_files(inventory, &installations, &places);
        if !hold_blocked(&migrated, &mut installations, (rules, &places), plan) {
            break migrated;
        }
    };
    let mut texts: BTreeMap<RepoPath, String> = BTreeMap::new();
    let mut taken = Vec::new();
    for Attempt { file, goal, mut migration } in migrated {
        if !rules.includes(&file.path) {
            continue;
        }
        let clusters = places.clusters(&file.path);
        let movers: Vec<&Installation> =
            installations.iter().filter(|one| one.applies(&clusters) && one.moves()).collect();
        if !movers.is_empty() {
            plan.diagnostics.extend(migration.left().cloned());
        }
        if let Some(patch) = migration.set.files.pop() {
            texts.insert(file.path.clone(), patch.after);
            taken.extend(changes(file, goal, &migration, &patch.edits, &movers, plan, (rules, &places)));
        }
    }
    let moving: Vec<&Installation> = installations.iter().filter(|one| one.wants_to_move()).collect();
    let found = preflight(inventory, &moving, &places);
    // What holds a move is told once, by its reason.
    plan.diagnostics.extend(found.iter().cloned());
    for one in moving.iter().filter(|one| one.moves()) {
        let by_hand = is_by_hand(&plan.sites[one.site]);
        let command = Step { from: one.from, to: one.wanted }.command().filter(|_| by_hand);
        if let (Some(change), Some(command)) = (one.change, command) {
            plan.changes[change].notes.insert(0, format!("before it is merged: `{command}` in the cluster"));
        }
    }
    let left = plan.diagnostics.iter().filter(|finding| blocks(finding)).cloned();
    let mut first: Vec<Diagnostic> = found.into_iter().chain(left).collect();
    first.sort_by(|a, b| (&a.at, a.code, &a.message).cmp(&(&b.at, b.code, &b.message)));
    first.dedup();
    in_order(plan, &mut installations);
    let first = First { texts: &texts, migrations: &taken, preflight: &first };
    plan.series = series::of(inventory, plan, resolution, &installations, (&places, &first));
}

/// What becomes of one file, before anything of it is in the plan.
struct Attempt<'f> {
    file: &'f SourceFile,
    goal: Goal,
    migration: Migration,
}

impl Attempt<'_> {
    /// The documents that would have to move and may not, by their first objects, and what keeps each.
    fn kept(&self, rules: &Rules, places: &Places) -> Vec<(&Migrated, String)> {
        let parts = split(&self.file.text);
        let firsts = parts.iter().filter_map(|part| {
            let inside = |one: &&Migrated| part.start <= one.at.span.start && one.at.span.end <= part.end;
            self.migration.changes.iter().find(inside)
        });
        firsts
            .filter_map(|first| {
                let clusters = places.clusters(&self.file.path).into_iter().collect();
                let site = Site { clusters, ..site(self.file, first, self.goal) };
                Some((first, keeper(self.file, &site, rules)?))
            })
            .collect()
    }
}

/// What keeps a document as it is though a migration would move it; none where it may move.
///
/// Levels do not count, since how far Flux may go is asked of Flux.
fn keeper(file: &SourceFile, site: &Site, rules: &Rules) -> Option<String> {
    if !rules.includes(&file.path) {
        return Some("`only` leaves it out".to_owned());
    }
    // Few files have such a comment, and the lines of the others need not be told.
    let is_marked = file.text.contains("flux-upgrade:");
    let ignore = is_marked.then(|| ignored(&Lines::new(&file.text), file, site.at.span)).flatten();
    if let Some(by) = ignore.and_then(|ignore| still_ignored(&ignore, rules)) {
        return Some(format!("{by} says to leave it alone"));
    }
    let may_move = rules.settings(site).allow.admits(Level::Digest);
    (!may_move).then(|| "a rule keeps it (`allow: none`)".to_owned())
}

fn migrate_files<'f>(
    inventory: &Inventory<'f>,
    installations: &[Installation],
    places: &Places,
) -> Vec<Attempt<'f>> {
    let mut files: Vec<&SourceFile> = inventory.files.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
        .into_iter()
        .filter_map(|file| {
            let goal = goal(installations, &places.clusters(&file.path))?;
            needs_migration(&file.text, &goal).then(|| Attempt {
                file,
                goal,
                migration: migrate_one(file, &goal),
            })
        })
        .collect()
}

/// Whether a finding says that an object cannot be converted, and so that Flux cannot move past the last release that serves it.
pub(super) fn blocks(finding: &Diagnostic) -> bool {
    let is_of_migration = finding.code.starts_with("migrate.") || finding.code == "yaml.duplicate-key";
    // The first is no object, and the others are read by no Flux today.
    let is_apart = matches!(finding.code, "migrate.mention" | "migrate.unknown-version" | "migrate.newer");
    finding.severity == Severity::Error && is_of_migration && !is_apart
}

/// Holds the moves that would leave an object behind which nobody could convert, or may; whether there were any.
fn hold_blocked(
    migrated: &[Attempt<'_>],
    installations: &mut [Installation],
    (rules, places): (&Rules, &Places),
    plan: &mut Plan,
) -> bool {
    let more = |all: usize| if all > 1 { format!(" ({} more like it)", all - 1) } else { String::new() };
    let mut held = Vec::new();
    for (index, one) in installations.iter().enumerate().filter(|(_, one)| one.moves()) {
        let is_own = |attempt: &&Attempt<'_>| {
            let clusters = places.clusters(&attempt.file.path);
            match one.clusters.is_empty() {
                true => one.applies_file(&clusters),
                false => !one.clusters.is_disjoint(&clusters),
            }
        };
        let own: Vec<&Attempt<'_>> = migrated.iter().filter(is_own).collect();
        let left: Vec<&Diagnostic> = own
            .iter()
            .flat_map(|attempt| attempt.migration.left().filter(|finding| blocks(finding)))
            .collect();
        let Some(found) = left.first() else {
            let kept: Vec<(&Migrated, String)> =
                own.iter().flat_map(|attempt| attempt.kept(rules, places)).collect();
            if let Some((object, keeper)) = kept.first() {
                let moves = match object.from == object.to {
                    true => "change".to_owned(),
                    false => format!("become {}", object.to),
                };
                let detail = format!(
                    "{} at {}:{} to {moves} for Flux {}, and {keeper}{}",
                    object.object,
                    object.at.path,
                    object.at.line,
                    one.wanted,
                    more(kept.len())
                );
                held.push((index, Reason::Requires { detail }));
            }
            continue;
        };
        let more = more(left.len());
        let detail = format!(
            "a hand on what cannot be converted for Flux {}: {}: {}{more}; {}",
            one.wanted,
            found.at,
            found.message,
            found.help.as_deref().unwrap_or_default()
        );
        plan.diagnostics.extend(left.into_iter().cloned());
        held.push((index, Reason::Requires { detail }));
    }
    let has_held = !held.is_empty();
    stop(held, installations, plan);
    has_held
}

/// Holds the moves of installations, by their place in the list.
fn stop(held: Vec<(usize, Reason)>, installations: &mut [Installation], plan: &mut Plan) {
    if held.is_empty() {
        return;
    }
    for (index, reason) in held {
        let site = installations[index].site;
        plan.changes.retain(|change| change.site != site);
        plan.held.push(Held { site, reason });
    }
    let change_of = change_of(plan);
    for one in installations {
        one.change = change_of.get(&one.site).copied();
    }
}

fn change_of(plan: &Plan) -> BTreeMap<usize, usize> {
    plan.changes.iter().enumerate().map(|(index, change)| (change.site, index)).collect()
}

fn installations(plan: &Plan) -> Vec<Installation> {
    let change_of = change_of(plan);
    let sites = || plan.sites.iter().enumerate().filter(|(_, site)| !site.is_test);
    let with_flux = sites().filter(|(_, site)| installed(site).is_some());
    let with_flux: BTreeSet<String> = with_flux.flat_map(|(_, site)| site.clusters.iter().cloned()).collect();
    sites()
        .filter_map(|(index, site)| {
            let from = installed(site)?;
            let number = change_of.get(&index).copied();
            let change = number.map(|number| &plan.changes[number]);
            let target = change.map(|change| change.to.clone()).unwrap_or_default();
            let newest = change.and_then(|change| change.beyond.as_ref()).map(|beyond| beyond.newest.clone());
            let wanted = minor_at(site, &target).unwrap_or(from);
            let clusters: BTreeSet<String> = site.clusters.iter().cloned().collect();
            let path = site.at.path.clone();
            // The manifests of a cluster may be what Terraform writes.
            let is_apart = clusters.is_empty() && !is_terraform(path.name());
            let others = if is_apart { with_flux.clone() } else { BTreeSet::new() };
            Some(Installation {
                site: index,
                path,
                clusters,
                others,
                from,
                wanted,
                target,
                newest,
                change: number,
            })
        })
        .collect()
}

/// What a file's documents are moved to; none where nothing that is known applies it.
fn goal(installations: &[Installation], clusters: &BTreeSet<String>) -> Option<Goal> {
    let own = || installations.iter().filter(|one| one.applies(clusters));
    let from = own().map(|one| one.from).min()?;
    let to = own().map(Installation::to).max()?.min(KNOWN.1);
    Some(Goal::step(from, to)?.needed())
}

/// The clusters of each file and folder, and the manifests that Terraform writes.
pub(super) struct Places {
    of_terraform: BTreeSet<RepoPath>,
    files: BTreeMap<RepoPath, BTreeSet<String>>,
    folders: BTreeMap<String, BTreeSet<String>>,
}

impl Places {
    fn of(inventory: &Inventory<'_>, plan: &Plan) -> Self {
        // What holds them as they stand is Terraform, where a file of it installs Flux.
        let is_written = |site: &&Site| site.consumer == Consumer::FluxManifests && site.blocked.is_some();
        let of_terraform = plan.sites.iter().filter(is_written).map(|site| site.at.path.clone()).collect();
        let mut out = Self { of_terraform, files: BTreeMap::new(), folders: BTreeMap::new() };
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
    pub(super) fn clusters(&self, path: &RepoPath) -> BTreeSet<String> {
        let found = self.files.get(path).or_else(|| self.folders.get(path.folder()));
        found.cloned().unwrap_or_default()
    }
}

/// One change for each document that the migration edits; the objects that it moves.
fn changes(
    file: &SourceFile,
    goal: Goal,
    migration: &Migration,
    edits: &[Edit],
    movers: &[&Installation],
    plan: &mut Plan,
    (rules, places): (&Rules, &Places),
) -> Vec<Migrated> {
    let moved = movers.iter().filter_map(|one| one.change.map(|change| &plan.changes[change]));
    let level = moved.clone().map(|change| change.level).max().unwrap_or(Level::Minor);
    let group = moved.clone().find_map(|change| change.group.clone());
    let why = match movers.first() {
        Some(one) => format!("Flux {} does not serve it", one.wanted),
        None => format!("Flux {}, which runs, does not serve it", goal.to()),
    };
    let (mut new, mut out) = (Vec::new(), Vec::new());
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
        let is_far = movers.is_empty() && !rules.settings(&site).allow.admits(level);
        if is_far || keeper(file, &site, rules).is_some() {
            continue;
        }
        out.extend(migration.changes.iter().filter(|one| inside(one.at.span)).cloned());
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
    out
}

/// What happens to a further object of a document.
fn also(one: &Migrated) -> Vec<String> {
    let version = format!("{}: {} → {}", one.object, one.from, one.to);
    let mut out = if one.from == one.to { Vec::new() } else { vec![version] };
    out.extend(one.fields.iter().map(|field| format!("{}: {field}", one.object)));
    out
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
fn preflight(inventory: &Inventory<'_>, moving: &[&Installation], places: &Places) -> Vec<Diagnostic> {
    let moves: BTreeSet<(FluxMinor, FluxMinor)> = moving.iter().map(|one| (one.from, one.wanted)).collect();
    let mut out = Vec::new();
    for (from, to) in moves {
        let own: Vec<&&Installation> =
            moving.iter().filter(|one| (one.from, one.wanted) == (from, to)).collect();
        let asked = Preflight { from: Some(from), to: Some(to), kubernetes: None };
        let found = beside_migration(inventory.files, &asked);
        out.extend(found.into_iter().filter(|finding| match finding.code {
            // The plan takes the steps itself.
            "preflight.steps" => false,
            "preflight.kubernetes" => own.iter().any(|one| one.is_at(&finding.at.path, places)),
            _ => {
                let clusters = places.clusters(&finding.at.path);
                own.iter().any(|one| one.applies_file(&clusters))
            }
        }));
    }
    out
}

/// Brings sites, and what refers to them, back into the order of their places.
fn in_order(plan: &mut Plan, installations: &mut [Installation]) {
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
    let change_of = change_of(plan);
    for one in installations {
        one.site = places[one.site];
        one.change = change_of.get(&one.site).copied();
    }
    plan.held.sort_by_key(|held| held.site);
}
