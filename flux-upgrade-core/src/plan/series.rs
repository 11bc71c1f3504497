//! The way of each Flux to the newest release: steps that are safe one after the other, and what belongs to each.

use std::collections::BTreeMap;

use super::Plan;
use super::migrations::{Installation, Places, blocks};
use super::step::{before, is_by_hand, is_chart, minor, minor_at};
use crate::diagnostic::Diagnostic;
use crate::locate::{Consumer, SourceKey};
use crate::migrate::{
    Goal, KNOWN, Migrated, Preflight, Step, beside_migration, migrate_one, needs_migration, steps,
};
use crate::resolve::{Candidate, Resolution};
use crate::scan::Inventory;
use crate::text::{RepoPath, SourceFile};
use crate::version::{FluxMinor, Version};

/// The steps of one place that installs Flux, in order; the first is what this plan does, or would if nothing held it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Index into [`Plan::sites`].
    pub site: usize,
    /// At least one.
    pub steps: Vec<SeriesStep>,
}

/// One step of a [`Series`]: a move that is safe once the steps before it run in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesStep {
    /// The release before it.
    pub from: String,
    /// The release after it, or its minor where no release of it is known.
    pub to: String,
    /// Indices into [`Plan::changes`]: the move itself and the migrations that go with it. None where the step is held or comes
    /// later.
    pub changes: Vec<usize>,
    /// The objects that move to other API versions, by path and position. Places are those of the files as the step before leaves
    /// them.
    pub migrations: Vec<Migrated>,
    /// What to look at before it, by path and position; an error holds it.
    pub preflight: Vec<Diagnostic>,
    /// Commands to run against the cluster before it is merged.
    pub in_cluster: Vec<String>,
}

/// What this plan does for its first steps.
pub(super) struct First<'f> {
    /// Texts that it migrates, as they are then.
    pub(super) texts: &'f BTreeMap<RepoPath, String>,
    pub(super) migrations: &'f [Migrated],
    pub(super) preflight: &'f [Diagnostic],
}

/// The series of the installations that move from one minor to another.
pub(super) fn of(
    inventory: &Inventory<'_>,
    plan: &Plan,
    resolution: &Resolution,
    installations: &[Installation],
    (places, first): (&Places, &First<'_>),
) -> Vec<Series> {
    let releases = resolution.candidates(&SourceKey::Flux).unwrap_or_default();
    let mut projected: BTreeMap<Way, Vec<Later>> = BTreeMap::new();
    let mut out = Vec::new();
    for one in installations.iter().filter(|one| one.wants_to_move()) {
        let site = &plan.sites[one.site];
        // The operator migrates stored objects by itself.
        let by_hand = is_by_hand(site);
        let commands =
            |step: &Step| step.command().filter(|_| by_hand).map(str::to_owned).into_iter().collect();
        let is_own = |path: &RepoPath| one.applies_file(&places.clusters(path));
        let changes = plan.changes.iter().enumerate().filter(|(_, change)| {
            let at = plan.site_of(change);
            change.site == one.site
                || (matches!(at.consumer, Consumer::Api { .. }) && one.moves() && is_own(&at.at.path))
        });
        let mut steps = vec![SeriesStep {
            from: site.spot.value.clone(),
            to: one.target.clone(),
            changes: changes.map(|(index, _)| index).collect(),
            migrations: first.migrations.iter().filter(|one| is_own(&one.at.path)).cloned().collect(),
            preflight: mine(first.preflight, one, (one.from, one.wanted), places),
            in_cluster: commands(&Step { from: one.from, to: one.wanted }),
        }];
        let newest = one.newest.as_deref().and_then(|text| Some((text, minor_at(site, text)?)));
        let newest = newest.filter(|(_, newest)| before(one.from, *newest).is_some());
        // A step that is held has done nothing to the files yet.
        let held = (!one.moves()).then_some(Step { from: one.from, to: one.wanted });
        let way =
            Way { held, from: one.wanted, to: newest.map_or(one.wanted, |(_, minor)| minor.min(KNOWN.1)) };
        let found = projected.entry(way).or_insert_with(|| project(inventory, way, first.texts));
        for step in found.iter() {
            let migrations = step.migrations.iter().filter(|one| is_own(&one.at.path)).cloned().collect();
            if held == Some(step.step) {
                steps[0].migrations = migrations;
                continue;
            }
            let known = newest.filter(|(_, minor)| *minor == step.step.to).map(|(text, _)| text.to_owned());
            let to = known.or_else(|| newest_of(releases, step.step.to).filter(|_| !is_chart(site)));
            steps.push(SeriesStep {
                from: steps.last().map(|step| step.to.clone()).unwrap_or_default(),
                to: to.unwrap_or_else(|| step.step.to.to_string()),
                changes: Vec::new(),
                migrations,
                preflight: mine(&step.preflight, one, (step.step.from, step.step.to), places),
                in_cluster: commands(&step.step),
            });
        }
        out.push(Series { site: one.site, steps });
    }
    out
}

/// The findings that concern an installation.
fn mine(
    found: &[Diagnostic],
    one: &Installation,
    (from, to): (FluxMinor, FluxMinor),
    places: &Places,
) -> Vec<Diagnostic> {
    let concerns = |finding: &&Diagnostic| match finding.code {
        "preflight.kubernetes" => {
            one.is_at(&finding.at.path, places) && finding.message.starts_with(&format!("Flux {to} "))
        }
        "preflight.mixed-minors" => finding.at.path == one.path && from == one.from,
        _ => one.applies_file(&places.clusters(&finding.at.path)),
    };
    found.iter().filter(concerns).cloned().collect()
}

/// What lies before an installation: the step that this plan holds, if it does, and the minors after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    held: Option<Step>,
    from: FluxMinor,
    to: FluxMinor,
}

/// A step that this plan does not do, for all files.
struct Later {
    step: Step,
    migrations: Vec<Migrated>,
    preflight: Vec<Diagnostic>,
}

/// What the steps of a way do to the files as they are once this plan is applied.
fn project(inventory: &Inventory<'_>, way: Way, texts: &BTreeMap<RepoPath, String>) -> Vec<Later> {
    let now = |file: &SourceFile| match texts.get(&file.path) {
        Some(text) => SourceFile { path: file.path.clone(), text: text.clone() },
        None => file.clone(),
    };
    let mut files: Vec<SourceFile> = inventory.files.iter().map(now).collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut out = Vec::new();
    for step in way.held.into_iter().chain(steps(way.from, way.to).unwrap_or_default()) {
        let asked = Preflight { from: Some(step.from), to: Some(step.to), kubernetes: None };
        let mut preflight = beside_migration(&files, &asked);
        preflight.retain(|finding| !matches!(finding.code, "preflight.steps" | "preflight.mixed-minors"));
        let mut migrations = Vec::new();
        if let Some(goal) = step.goal().map(Goal::needed) {
            for file in files.iter_mut().filter(|file| needs_migration(&file.text, &goal)) {
                let mut migration = migrate_one(file, &goal);
                preflight.extend(migration.left().filter(|finding| blocks(finding)).cloned());
                migrations.append(&mut migration.changes);
                if let Some(patch) = migration.set.files.pop() {
                    file.text = patch.after;
                }
            }
        }
        preflight.sort_by(|a, b| (&a.at, a.code, &a.message).cmp(&(&b.at, b.code, &b.message)));
        out.push(Later { step, migrations, preflight });
    }
    out
}

/// The newest release of a minor.
fn newest_of(releases: &[Candidate], wanted: FluxMinor) -> Option<String> {
    let read = |one: &Candidate| {
        let version = Version::parse_flux(&one.text).ok().filter(|version| !version.is_prerelease())?;
        (minor(&one.text)? == wanted).then(|| (version, one.text.clone()))
    };
    let newest = releases.iter().filter_map(read).max_by(|(a, _), (b, _)| a.cmp_precedence(b));
    newest.map(|(_, text)| text)
}
