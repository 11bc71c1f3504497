//! A move of Flux's own manifests: the whole file, rendered again with its options.

use std::collections::BTreeMap;

use super::decide::Stop;
use super::{Failure, Reason};
use crate::flux::{
    Fate, Fit, Kind, LocalEdits, PatchCheck, Release, Summary, Upgrade, check_patches, kustomization_beside,
    summarize, upgrade,
};
use crate::locate::Site;
use crate::patch::{Edit, diff};
use crate::resolve::{Ask, Resolution};
use crate::text::SourceFile;

/// Differences that a reason names at most.
const NAMED: usize = 3;

/// The manifests of both versions of a move.
pub(super) fn releases<'r>(
    site: &Site,
    to: &str,
    resolution: &'r Resolution,
) -> Result<(&'r Release, &'r Release), Stop> {
    let [from, to] = [site.spot.value.as_str(), to].map(|text| match text.starts_with('v') {
        true => text.to_owned(),
        false => format!("v{text}"),
    });
    let missing = [&from, &to].into_iter().filter(|version| resolution.manifests(version).is_none());
    let missing: Vec<Ask> = missing.map(|version| Ask::Manifests { version: version.clone() }).collect();
    if !missing.is_empty() {
        return Err(Stop::Needs(missing));
    }
    let known = |version: &String| match resolution.manifests(version) {
        Some(Ok(release)) => Ok(release),
        other => {
            let failure = other.and_then(|known| known.clone().err()).unwrap_or(Failure::NotAsked);
            let source = Ask::Manifests { version: version.clone() }.source();
            Err(Stop::Held(Reason::Unanswered { source, failure }))
        }
    };
    Ok((known(&from)?, known(&to)?))
}

/// The edits that make the file the one of the other release, and what a reviewer should know.
///
/// `files` are those of the repository: the kustomization beside the file has to do with the new manifests what it did with the
/// old ones.
pub(super) fn edits(
    site: &Site,
    (text, files): (&str, &[SourceFile]),
    (from, to): (&Release, &Release),
    local: LocalEdits,
) -> Result<(Vec<Edit>, Vec<String>), Reason> {
    let unsupported = |detail: String| Reason::SourceUnsupported { detail };
    let found = upgrade(text, from, to, &[], local).map_err(|error| unsupported(error.to_string()))?;
    let Some(new) = &found.text else { return Err(edited(&found, from, local)) };
    let summary = summarize(text, new).map_err(|error| unsupported(error.to_string()))?;
    let lost = summary.kinds.iter().filter(|kind| !kind.removed.is_empty());
    if let Some(kind) = lost.clone().find(|kind| kind.kept == 0) {
        let (from, to) = (from.version(), to.version());
        let detail =
            format!("a release between {from} and {to}: {} would be served in no version of both", kind.name);
        return Err(Reason::Requires { detail });
    }
    let misfits = match kustomization_beside(&site.at.path, files) {
        Some(beside) => {
            let checks = check_patches(beside, files, text, new);
            misfits(&checks.map_err(|error| unsupported(error.to_string()))?, to)?
        }
        None => Vec::new(),
    };
    let mut notes: Vec<String> = no_longer_served(lost);
    notes.extend(told(&summary));
    let fates = found.proof.differences.iter().zip(&found.fates);
    notes.extend(fates.filter(|(one, _)| one.is_edit()).map(|(one, fate)| match fate {
        Fate::Kept => format!("kept: {one}"),
        _ => format!("not kept: {one}"),
    }));
    notes.extend(misfits);
    Ok((diff::edits(&site.at.path, text, new), notes))
}

/// The patches that fit neither release, which is no reason to stay; one that fits the old one alone is.
fn misfits(checks: &[PatchCheck], to: &Release) -> Result<Vec<String>, Reason> {
    let told = |one: &PatchCheck, fit: &Fit| format!("{}:{}: {} {fit}", one.at.path, one.at.line, one.patch);
    let broken = || checks.iter().filter(|one| one.new.is_broken());
    let mut lost = broken().filter(|one| !one.old.is_broken());
    if let Some(first) = lost.next() {
        let more = lost.count();
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let (to, first) = (to.version(), told(first, &first.new));
        return Err(Reason::Requires { detail: format!("patches that fit Flux {to}: {first}{more}") });
    }
    Ok(broken().map(|one| format!("does not fit before or after: {}", told(one, &one.new))).collect())
}

/// The versions that go, each with its kinds.
fn no_longer_served<'k>(lost: impl Iterator<Item = &'k Kind>) -> Vec<String> {
    let mut by_version: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for kind in lost {
        let name = kind.name.split('.').next().unwrap_or(&kind.name);
        for version in &kind.removed {
            by_version.entry(version).or_default().push(name);
        }
    }
    let words =
        |(version, kinds): (&str, Vec<&str>)| format!("no longer serves {version} of {}", kinds.join(", "));
    by_version.into_iter().map(words).collect()
}

/// What the move means for the cluster, in short: the controllers, and what else a reviewer should look at.
fn told(summary: &Summary) -> Vec<String> {
    let mut out = Vec::new();
    let moved: Vec<String> = summary
        .controllers
        .iter()
        .map(|one| match (&one.from, &one.to) {
            (Some(from), Some(to)) => format!("{} {from} → {to}", one.name),
            (None, to) => format!("{} {} is new", one.name, to.as_deref().unwrap_or_default()),
            (_, None) => format!("{} is gone", one.name),
        })
        .collect();
    if !moved.is_empty() {
        out.push(format!("controllers: {}", moved.join(", ")));
    }
    for (what, changed) in
        [("arguments", &summary.arguments), ("roles", &summary.rbac), ("network policies", &summary.network)]
    {
        // An object of several changes is named once.
        let mut names: Vec<&str> =
            changed.iter().map(|one| one.name.split(' ').next().unwrap_or(&one.name)).collect();
        names.dedup();
        if !names.is_empty() {
            let more = names.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            out.push(format!("{what}: {}{more}", names[..names.len().min(NAMED)].join(", ")));
        }
    }
    out
}

/// Why edits made by hand hold the file.
fn edited(found: &Upgrade, from: &Release, local: LocalEdits) -> Reason {
    let fates = found.proof.differences.iter().zip(&found.fates);
    let stopping: Vec<String> = fates
        .filter_map(|(one, fate)| match fate {
            Fate::Held { why: Some(why) } => Some(format!("{one}: {why}")),
            Fate::Held { why: None } => Some(one.to_string()),
            _ => None,
        })
        .collect();
    let more = stopping.len().saturating_sub(NAMED);
    let mut named = stopping.into_iter().take(NAMED).collect::<Vec<_>>().join("; ");
    if more > 0 {
        named.push_str(&format!("; and {more} more"));
    }
    let wanted = match local {
        LocalEdits::Keep => "`localEdits: discard`, or edits that can be carried over",
        _ => "`localEdits: keep` or `discard`",
    };
    let version = from.version();
    Reason::Requires { detail: format!("{wanted}, since it is not what Flux {version} renders: {named}") }
}
