//! The groups of a plan as parcels: what goes onto one branch, with its words.

use std::collections::BTreeSet;

use flux_upgrade_core::host::Replacement;
use flux_upgrade_core::patch::{FilePatch, PatchSet, diff};
use flux_upgrade_core::plan::{Group, Plan};
use flux_upgrade_core::rules::{Delivery, Wording};
use flux_upgrade_core::version::Level;
use flux_upgrade_core::{RepoPath, SourceFile, patch, report};

/// What goes onto one branch.
pub(crate) struct Parcel {
    /// Stays when versions move on: the last part of the branch's name.
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) message: String,
    pub(crate) labels: Vec<String>,
    /// Labels that it would have at another level.
    pub(crate) no_labels: Vec<String>,
    /// The versions that it moves to, whatever the words are: what somebody declines.
    pub(crate) offer: String,
    /// How the rules want it delivered.
    pub(crate) delivery: Delivery,
    /// The parcels that have to be merged before it, by their indices.
    pub(crate) after: Vec<usize>,
    /// Ids of those that it needs, of which the plan knows nothing.
    pub(crate) awaits: Vec<String>,
    /// The one that it stands on: where it needs one alone. Beside several it says so, since a commit has one parent.
    pub(crate) onto: Option<usize>,
    /// Its files, or why they could not be made.
    pub(crate) files: Result<Vec<Made>, String>,
}

/// A file of a parcel.
pub(crate) struct Made {
    path: RepoPath,
    before: String,
    after: String,
}

/// The parcels of a plan, in the order in which they are to be merged.
pub(crate) fn parcels(files: &[SourceFile], plan: &Plan, wording: &Wording) -> Vec<Parcel> {
    (0..plan.groups.len()).filter_map(|group| parcel(group, files, plan, wording)).collect()
}

fn parcel(number: usize, files: &[SourceFile], plan: &Plan, wording: &Wording) -> Option<Parcel> {
    let group = &plan.groups[number];
    let below = below(plan, number);
    let own = patched(files, plan, group, &[]);
    // A pull request without its diff is one all the same.
    let shown = own.as_ref().ok().and_then(|(touched, set)| diff::unified(touched, set).ok());
    let words = report::pull_request(plan, number, &shown.unwrap_or_default(), wording)?;
    Some(Parcel {
        id: group.id.clone(),
        title: words.title,
        body: words.body,
        message: report::commit_message(plan, number, wording)?.to_string(),
        no_labels: levels().filter(|level| !words.labels.contains(level)).collect(),
        labels: words.labels,
        offer: offer(plan, group),
        delivery: group.delivery,
        after: group.after.clone(),
        awaits: group.awaits.clone(),
        onto: onto(plan, group),
        files: own.and_then(|own| made(own, &below, files, plan, group)),
    })
}

/// Names of levels, which are labels.
fn levels() -> impl Iterator<Item = String> {
    [Level::Digest, Level::Patch, Level::Minor, Level::Major].into_iter().map(|level| level.to_string())
}

/// What a group moves to, by source: the same while it offers the same, wherever and from whatever it moves.
fn offer(plan: &Plan, group: &Group) -> String {
    let line = |change: &usize| {
        let change = &plan.changes[*change];
        let site = plan.site_of(change);
        let what = site.source.as_ref().map_or_else(|_| site.at.path.to_string(), |key| key.to_string());
        format!("{what} {}", change.to)
    };
    let lines: BTreeSet<String> = group.changes.iter().map(line).collect();
    lines.into_iter().collect::<Vec<_>>().join("\n")
}

/// The group that another's branch stands on: the only one that it needs, of those that have a branch.
fn onto(plan: &Plan, group: &Group) -> Option<usize> {
    let has_branch = |other: &&usize| plan.groups[**other].delivery != Delivery::Inline;
    let mut all = group.after.iter().filter(has_branch);
    match (all.next(), all.next()) {
        (Some(one), None) if group.awaits.is_empty() => Some(*one),
        _ => None,
    }
}

/// The groups that a group's branch stands on, one on the other: a commit has one parent.
fn below(plan: &Plan, number: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = number;
    while let Some(next) = onto(plan, &plan.groups[at]) {
        found.push(next);
        at = next;
    }
    found
}

/// The files that a group edits, and their texts with its changes and those of `others`.
fn patched(
    files: &[SourceFile],
    plan: &Plan,
    group: &Group,
    others: &[usize],
) -> Result<(Vec<SourceFile>, PatchSet), String> {
    let more = others.iter().flat_map(|other| plan.groups[*other].changes.iter());
    let changes: BTreeSet<usize> = group.changes.iter().chain(more).copied().collect();
    let part = plan.part(&Group { changes: changes.into_iter().collect(), ..group.clone() });
    let touched = touched(files, &part);
    let set = patch(&touched, &part);
    match set.refused.first() {
        Some(refused) => Err(format!("{}: {}", refused.path, refused.why)),
        None => Ok((touched, set)),
    }
}

/// A group's files as they are where its branch begins, and as they shall be.
fn made(
    own: (Vec<SourceFile>, PatchSet),
    below: &[usize],
    files: &[SourceFile],
    plan: &Plan,
    group: &Group,
) -> Result<Vec<Made>, String> {
    let text = |path: &RepoPath| find(files, path).map(|file| file.text.clone()).unwrap_or_default();
    let (before, after) = if below.is_empty() {
        (PatchSet::default(), own.1.clone())
    } else {
        let none = Group { changes: Vec::new(), ..group.clone() };
        (patched(files, plan, &none, below)?.1, patched(files, plan, group, below)?.1)
    };
    let of = |set: &PatchSet, path: &RepoPath| {
        set.files.iter().find(|file| file.path == *path).map(|file| file.after.clone())
    };
    let one = |file: &FilePatch| Made {
        path: file.path.clone(),
        before: of(&before, &file.path).unwrap_or_else(|| text(&file.path)),
        after: of(&after, &file.path).unwrap_or_else(|| file.after.clone()),
    };
    Ok(own.1.files.iter().map(one).collect())
}

/// The files that a plan edits, and the locks beside them.
fn touched(files: &[SourceFile], plan: &Plan) -> Vec<SourceFile> {
    let mut paths: Vec<&RepoPath> =
        plan.changes.iter().flat_map(|change| change.edits.iter().map(|edit| &edit.path)).collect();
    paths.sort();
    paths.dedup();
    let beside = |path: &RepoPath| match (path.name(), path.folder()) {
        ("Chart.yaml", "") => RepoPath::parse("Chart.lock"),
        ("Chart.yaml", folder) => RepoPath::parse(&format!("{folder}/Chart.lock")),
        _ => None,
    };
    let locks: Vec<RepoPath> = paths.iter().filter_map(|path| beside(path)).collect();
    let found = paths.into_iter().chain(&locks).filter_map(|path| find(files, path).cloned());
    let mut found: Vec<SourceFile> = found.collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn find<'f>(files: &'f [SourceFile], path: &RepoPath) -> Option<&'f SourceFile> {
    files.binary_search_by(|file| file.path.cmp(path)).ok().map(|at| &files[at])
}

/// The files of a parcel as they are committed.
pub(crate) fn replacements(files: &[Made]) -> Vec<Replacement<'_>> {
    files
        .iter()
        .map(|file| Replacement { path: &file.path, before: &file.before, after: &file.after })
        .collect()
}
