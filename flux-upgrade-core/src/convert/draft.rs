//! Sites and where they stand to edits, and to the files that come of them.

use std::collections::{BTreeMap, BTreeSet};

use super::proof::{Pair, unchanged};
use super::{Converted, Drafted, Place, To, oci};
use crate::locate::{Consumer, Part, Site};
use crate::patch::{Edit, FilePatch, Refused, apply, verify};
use crate::plan::{Reason, Standing, is_floating};
use crate::ranges::everything;
use crate::ranges::pin::{Pins, Target, cannot};
use crate::scan::{Inventory, scan};
use crate::text::{RepoPath, SourceFile};
use crate::version::{Range, Version};

pub(super) fn draft(
    inventory: &Inventory<'_>,
    sites: &[Site],
    stands: &[Result<Standing, Reason>],
    refused: &BTreeMap<usize, Reason>,
    to: &To,
) -> Drafted {
    let pins = Pins::new(inventory);
    let mut out = Drafted::default();
    let mut charts = oci::Charts::new(inventory);
    for (index, site) in sites.iter().enumerate() {
        let outcome = match (site.blocked.as_ref().or(refused.get(&index)), &stands[index]) {
            (Some(reason), _) | (None, Err(reason)) => Err(reason.clone()),
            (None, Ok(standing)) => match to {
                To::Pin => pin(&pins, site, standing),
                To::Range(range) => to_range(&pins, site, standing, range.as_deref()),
                To::Oci { home, .. } => charts.convert(site, standing, home.as_deref()),
            },
        };
        out.outcomes.push(outcome);
    }
    let mut edits: Vec<Edit> =
        out.outcomes.iter().flatten().flat_map(|converted| converted.edits.iter().cloned()).collect();
    if let To::Oci { remove_orphans, .. } = to {
        let (more, findings) = charts.sources(*remove_orphans);
        edits.extend(more);
        out.diagnostics.extend(findings);
    }
    shared(inventory, sites, &mut out, &mut edits);
    files(inventory, sites, &edits, to, &mut out);
    out
}

/// Bytes that another site stands on as well: its text would move along, so nothing of them is converted.
fn shared(inventory: &Inventory<'_>, sites: &[Site], out: &mut Drafted, edits: &mut Vec<Edit>) {
    let own: BTreeSet<&str> = sites
        .iter()
        .zip(&out.outcomes)
        .filter(|(_, outcome)| outcome.is_ok())
        .map(|(site, _)| site.id.as_str())
        .collect();
    let others: Vec<Site> =
        everything(inventory).into_iter().filter(|site| !own.contains(site.id.as_str())).collect();
    for (site, outcome) in sites.iter().zip(&mut out.outcomes) {
        let Ok(converted) = &*outcome else { continue };
        let on = |site: &&Site, edit: &Edit| {
            let spots = [Some(&site.spot), site.digest.as_ref()];
            let mut spots = spots.into_iter().flatten().filter(|spot| !spot.raw.is_empty());
            spots.any(|spot| spot.at.path == edit.path && spot.at.span == edit.span)
        };
        let clash = others.iter().find(|other| converted.edits.iter().any(|edit| on(other, edit)));
        let Some(other) = clash.filter(|other| other.at.span != site.at.span) else { continue };
        let wishes = vec![format!("{} -> {}", site.id, converted.to), format!("{} stays", other.id)];
        edits.retain(|edit| !converted.edits.contains(edit));
        *outcome = Err(Reason::Disagree { wishes });
    }
}

/// Whether a site is of a kind that this can be done to, whatever it stands at.
pub(super) fn applies(site: &Site, to: &To) -> Result<(), Reason> {
    match to {
        To::Pin if !is_floating(site) => Err(Reason::UpToDate),
        To::Pin => Ok(()),
        To::Range(_) if site.part == Part::Range => Err(Reason::UpToDate),
        To::Range(_) if !takes_range(site) => Err(cannot_range(format!("`{}` holds no range", site.field))),
        To::Range(_) => Ok(()),
        To::Oci { home, .. } => oci::applies(site, home.as_deref()),
    }
}

/// Whether the field of a pin, or the field that takes its place, can hold a range.
pub(crate) fn takes_range(site: &Site) -> bool {
    match (&site.consumer, site.part) {
        (Consumer::HelmIndex | Consumer::HelmOci | Consumer::Flux, Part::Version) => true,
        (Consumer::Oci { .. } | Consumer::Git, Part::Tag | Part::Version) => {
            site.field.starts_with("spec.ref.")
        }
        _ => false,
    }
}

/// A floating site at where it stands.
fn pin(pins: &Pins<'_, '_>, site: &Site, standing: &Standing) -> Result<Converted, Reason> {
    let target = Target { resolved: standing.resolved.clone(), digest: standing.digest.clone() };
    let pinned = pins.pin(site, &target)?;
    Ok(Converted {
        to: pinned.written(),
        place: place(site, &pinned.field),
        edits: pinned.edits,
        notes: pinned.notes,
        other_digest: false,
        after: None,
    })
}

/// A pinned site in a range.
fn to_range(
    pins: &Pins<'_, '_>,
    site: &Site,
    standing: &Standing,
    range: Option<&str>,
) -> Result<Converted, Reason> {
    let version = Version::parse(standing.resolved.replace('_', "+").as_str())
        .map_err(|_| cannot_range(format!("`{}` is no version", standing.resolved)))?;
    let widest = || match (version.major(), version.minor()) {
        (0, minor) => format!("0.{minor}.x"),
        (major, _) => format!("{major}.x"),
    };
    let range = range.map_or_else(widest, str::to_owned);
    let read = Range::parse(&range).map_err(|error| cannot_range(error.to_string()))?;
    if !read.matches(&version) {
        return Err(cannot_range(format!("{range} does not admit {}, which runs", standing.resolved)));
    }
    let ranged = pins.range(site, &range)?;
    Ok(Converted {
        to: range,
        place: place(site, &ranged.field),
        edits: ranged.edits,
        notes: ranged.notes,
        other_digest: false,
        after: None,
    })
}

fn cannot_range(detail: String) -> Reason {
    match cannot(detail) {
        Reason::CannotPin { detail } => {
            Reason::Requires { detail: format!("a field and a range that fit: {detail}") }
        }
        other => other,
    }
}

pub(super) fn place(site: &Site, field: &str) -> Place {
    let parent = field.rsplit_once('.').map_or("", |(parent, _)| parent);
    Place { kind: site.owner.kind.clone(), name: site.owner.name.clone(), parent: parent.to_owned() }
}

/// Applies the edits, proves that nothing else differs, and finds the converted sites again.
fn files(inventory: &Inventory<'_>, sites: &[Site], edits: &[Edit], to: &To, out: &mut Drafted) {
    let mut by_file: BTreeMap<&RepoPath, Vec<Edit>> = BTreeMap::new();
    for edit in edits {
        by_file.entry(&edit.path).or_default().push(edit.clone());
    }
    let mut texts: Vec<SourceFile> = inventory.files.to_vec();
    for (path, mut edits) in by_file {
        edits.sort();
        edits.dedup();
        let Some(file) = texts.iter_mut().find(|file| file.path == *path) else { continue };
        // What only moves values is held to the stricter proof of every plan.
        let applied = apply::apply(&file.text, &edits).map_err(|error| error.to_string()).and_then(|after| {
            let patch = FilePatch { path: path.clone(), edits, after };
            match to {
                To::Pin => verify(&file.text, &patch).map_err(|error| error.to_string())?,
                To::Range(_) | To::Oci { .. } => {}
            }
            Ok(patch)
        });
        match applied {
            Ok(patch) => {
                file.text.clone_from(&patch.after);
                out.set.files.push(patch);
            }
            Err(why) => out.set.refused.push(Refused { path: path.clone(), why }),
        }
    }
    let before = |path: &RepoPath| {
        inventory.files.iter().find(|file| file.path == *path).map(|file| file.text.as_str())
    };
    let pairs: Vec<Pair<'_>> = out
        .set
        .files
        .iter()
        .filter_map(|file| Some(Pair { path: &file.path, before: before(&file.path)?, after: &file.after }))
        .collect();
    if let (To::Range(_) | To::Oci { .. }, Err(why)) = (to, unchanged(&pairs)) {
        out.set
            .refused
            .extend(pairs.iter().map(|pair| Refused { path: pair.path.clone(), why: why.clone() }).take(1));
    }
    if !out.set.refused.is_empty() {
        // What was drafted together is made together.
        out.set.files.clear();
        for outcome in out.outcomes.iter_mut().filter(|outcome| outcome.is_ok()) {
            let why = out.set.refused.first().map(|refused| refused.why.clone()).unwrap_or_default();
            *outcome = Err(Reason::Requires { detail: format!("a text that can be proven: {why}") });
        }
        return;
    }
    let found = everything(&scan(&texts));
    for (site, outcome) in sites.iter().zip(&mut out.outcomes) {
        let Ok(converted) = outcome else { continue };
        let place = &converted.place;
        let again = found.iter().find(|found| {
            let same = found.owner.kind == place.kind && found.owner.name == place.name;
            let parent = found.field.rsplit_once('.').map_or("", |(parent, _)| parent);
            let same_file = place.kind != site.owner.kind || found.at.path == site.at.path;
            same && parent == place.parent && same_file
        });
        if let Some(again) = again {
            converted.after = Some(out.after.len());
            out.after.push(again.clone());
        }
    }
}
