//! The changes of a plan as parcels: what goes onto one branch, with its words.

use std::collections::{BTreeMap, BTreeSet};

use flux_upgrade_core::host::Replacement;
use flux_upgrade_core::locate::Site;
use flux_upgrade_core::patch::PatchSet;
use flux_upgrade_core::plan::{Change, Plan, Reason};
use flux_upgrade_core::rules::Rules;
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
    /// The parcel before it, by its index, whose branch it stands on.
    pub(crate) onto: Option<usize>,
    /// Its files, or why they could not be made.
    pub(crate) files: Result<PatchSet, String>,
}

/// The parcels of a plan, in the order in which they are to be merged.
pub(crate) fn parcels(files: &[SourceFile], plan: &Plan) -> Vec<Parcel> {
    let mut groups: BTreeMap<String, Vec<&Change>> = BTreeMap::new();
    for change in &plan.changes {
        groups.entry(slug(&name(plan, change))).or_default().push(change);
    }
    groups.into_iter().map(|(id, changes)| parcel(id, &changes, files, plan)).collect()
}

/// What a change is grouped by: its rule's group, else its package.
fn name(plan: &Plan, change: &Change) -> String {
    change.group.clone().unwrap_or_else(|| package(plan.site_of(change)))
}

fn package(site: &Site) -> String {
    match &site.source {
        Ok(source) => source.package().to_owned(),
        Err(_) => site.owner.name.clone(),
    }
}

fn parcel(id: String, changes: &[&Change], files: &[SourceFile], plan: &Plan) -> Parcel {
    let part = Plan {
        sites: plan.sites.clone(),
        changes: changes.iter().map(|change| (*change).clone()).collect(),
        held: Vec::new(),
        diagnostics: Vec::new(),
    };
    let set = patch(&touched(files, &part), &part);
    let files = match set.refused.first() {
        Some(refused) => Err(format!("{}: {}", refused.path, refused.why)),
        None => Ok(set),
    };
    let what = name(plan, changes[0]);
    let same = changes.iter().all(|change| change.to == changes[0].to);
    let title =
        if same { format!("Update {what} to {}", short(&changes[0].to)) } else { format!("Update {what}") };
    let title: String = title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let level = changes.iter().map(|change| change.level).max();
    let labels = ["flux-upgrade".to_owned()].into_iter().chain(level.map(|level| level.to_string()));
    let list: Vec<String> = changes
        .iter()
        .map(|change| format!("- {}: {} -> {}", plan.site_of(change).at.path, change.from, change.to))
        .collect();
    Parcel {
        message: format!("{title}\n\n{}\n\nFlux-Upgrade-Group: {id}\n", list.join("\n")),
        body: report::markdown(&part),
        labels: labels.collect(),
        onto: None,
        id,
        title,
        files,
    }
}

/// A version for a title: the tag of a pair, the name of a ref, the first digits of a digest or a commit.
fn short(to: &str) -> &str {
    let tag = to.split_once('@').map_or(to, |(tag, _)| tag);
    let tag = tag.strip_prefix("refs/tags/").or_else(|| tag.strip_prefix("refs/heads/")).unwrap_or(tag);
    let hex = tag.rsplit_once(':').map_or(tag, |(_, hex)| hex);
    let is_hash = hex.len() >= 40 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { &hex[..7] } else { tag }
}

/// Parcels that may be missing only because a source had no answer: their branches are not obsolete.
pub(crate) fn unanswered(plan: &Plan, rules: &Rules) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for held in &plan.held {
        let Reason::Unanswered { .. } = held.reason else { continue };
        let site = &plan.sites[held.site];
        let levels = [Level::Digest, Level::Patch, Level::Minor, Level::Major];
        ids.extend(levels.iter().filter_map(|level| rules.group(site, *level)).map(slug));
        ids.insert(slug(&package(site)));
    }
    ids
}

/// The files that a plan edits.
fn touched(files: &[SourceFile], plan: &Plan) -> Vec<SourceFile> {
    let mut paths: Vec<&RepoPath> =
        plan.changes.iter().flat_map(|change| change.edits.iter().map(|edit| &edit.path)).collect();
    paths.sort();
    paths.dedup();
    paths.into_iter().filter_map(|path| find(files, path).cloned()).collect()
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

/// A name as the last part of a branch's: small letters, digits and hyphens.
fn slug(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    let out = out.trim_end_matches('-');
    if out.is_empty() { "group".to_owned() } else { out.to_owned() }
}
