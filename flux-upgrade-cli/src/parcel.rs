//! The groups of a plan as parcels: what goes onto one branch, with its words.

use flux_upgrade_core::host::Replacement;
use flux_upgrade_core::patch::{PatchSet, diff};
use flux_upgrade_core::plan::Plan;
use flux_upgrade_core::{RepoPath, SourceFile, patch, report};

/// What goes onto one branch.
pub(crate) struct Parcel {
    /// Stays when versions move on: the last part of the branch's name.
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) message: String,
    pub(crate) labels: Vec<String>,
    /// The parcel before it, by its index, whose branch it stands on.
    pub(crate) onto: Option<usize>,
    /// Its files, or why they could not be made.
    pub(crate) files: Result<PatchSet, String>,
}

/// The parcels of a plan, in the order in which they are to be merged.
pub(crate) fn parcels(files: &[SourceFile], plan: &Plan) -> Vec<Parcel> {
    (0..plan.groups.len()).filter_map(|group| parcel(group, files, plan)).collect()
}

fn parcel(number: usize, files: &[SourceFile], plan: &Plan) -> Option<Parcel> {
    let group = &plan.groups[number];
    let part = plan.part(group);
    let touched = touched(files, &part);
    let set = patch(&touched, &part);
    let (diff, made) = match set.refused.first() {
        Some(refused) => (String::new(), Err(format!("{}: {}", refused.path, refused.why))),
        // A pull request without its diff is one all the same.
        None => (diff::unified(&touched, &set).unwrap_or_default(), Ok(set)),
    };
    let words = report::pull_request(plan, number, &diff, "")?;
    Some(Parcel {
        id: group.id.clone(),
        title: words.title,
        body: words.body,
        message: report::commit_message(plan, number)?.to_string(),
        labels: words.labels,
        onto: None,
        files: made,
    })
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

/// The files of a parcel with their texts before and after.
pub(crate) fn replacements<'t>(files: &'t [SourceFile], set: &'t PatchSet) -> Vec<Replacement<'t>> {
    let one = |file: &'t flux_upgrade_core::patch::FilePatch| {
        let before = find(files, &file.path)?;
        Some(Replacement { path: &file.path, before: &before.text, after: &file.after })
    };
    set.files.iter().filter_map(one).collect()
}
