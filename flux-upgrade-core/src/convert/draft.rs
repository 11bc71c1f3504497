//! Sites and where they stand to edits, and to the files that come of them.

use std::collections::{BTreeMap, BTreeSet};

use super::proof::{Pair, unchanged};
use super::release::Markers;
use super::{Converted, Drafted, Place, To, automation, oci};
use crate::locate::{Consumer, Part, Site, Spot, elections};
use crate::patch::{Edit, FilePatch, PatchSet, Refused, apply, verify};
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
    let mut refused = refused.clone();
    loop {
        let (drafted, unproven) = attempt(inventory, sites, stands, &refused, to);
        // Without those whose texts cannot be proven the others are drafted again: each round leaves at least one out.
        let more: Vec<_> = unproven.into_iter().filter(|(index, _)| !refused.contains_key(index)).collect();
        if more.is_empty() {
            return drafted;
        }
        refused.extend(more);
    }
}

/// One draft, and the sites whose texts cannot be proven.
fn attempt(
    inventory: &Inventory<'_>,
    sites: &[Site],
    stands: &[Result<Standing, Reason>],
    refused: &BTreeMap<usize, Reason>,
    to: &To,
) -> (Drafted, BTreeMap<usize, Reason>) {
    let pins = Pins::new(inventory);
    let markers = Markers::read(inventory);
    let mut out = Drafted::default();
    let mut charts = oci::Charts::new(inventory);
    let mut policies = automation::Policies::new(inventory);
    for (index, site) in sites.iter().enumerate() {
        let outcome = match (site.blocked.as_ref().or(refused.get(&index)), &stands[index]) {
            (Some(reason), _) | (None, Err(reason)) => Err(reason.clone()),
            (None, Ok(standing)) => match to {
                To::Pin | To::Range(_) if markers.held(site) => back(&markers, &pins, site, standing, to),
                To::Pin => pin(&pins, site, standing),
                To::Range(range) => to_range(&pins, site, standing, range.as_deref()),
                To::Oci { home, .. } => charts.convert(site, standing, home.as_deref()),
                To::Automation { range, begin } => {
                    policies.convert(&pins, site, standing, (range.as_deref(), *begin))
                }
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
    edits.extend(policies.written());
    let converted = sites.iter().zip(&out.outcomes).filter(|(_, outcome)| outcome.is_ok());
    let orphans = markers.orphans(converted.map(|(site, _)| site).filter(|site| markers.held(site)));
    out.diagnostics.extend(orphans);
    shared(inventory, sites, &mut out, &mut edits);
    let unproven = files(inventory, sites, &edits, to, &mut out);
    (out, unproven)
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
            // A marker stands behind the field, and moves whoever reads that.
            let behind = |spot: &Spot| edit.span.is_empty() && edit.span.start == spot.at.span.end;
            spots.any(|spot| spot.at.path == edit.path && (spot.at.span == edit.span || behind(spot)))
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
        To::Range(_) if site.marker.is_some() => Err(Reason::Requires {
            detail: "its own name among the sites: image automation moves it, and its marker would go"
                .to_owned(),
        }),
        To::Range(_) if site.part == Part::Range => Err(Reason::UpToDate),
        To::Range(_) if site.consumer == Consumer::Image => Err(Reason::Requires {
            detail:
                "an ImagePolicy: an image has one tag, and `automate` moves it within the range of a policy"
                    .to_owned(),
        }),
        To::Range(_) if !takes_range(site) => Err(cannot_range(format!("`{}` holds no range", site.field))),
        To::Range(_) => Ok(()),
        To::Oci { home, .. } => oci::applies(site, home.as_deref()),
        To::Automation { .. } => automation::applies(site),
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
        kept: false,
        begins: false,
        beside: None,
        comments: Vec::new(),
        gone: Vec::new(),
        after: None,
    })
}

/// A site that a marker held.
fn back(
    markers: &Markers<'_>,
    pins: &Pins<'_, '_>,
    site: &Site,
    standing: &Standing,
    to: &To,
) -> Result<Converted, Reason> {
    if let Some(ignore) = &site.ignore {
        return Err(Reason::Ignored { by: format!("a comment at {}", ignore.at) });
    }
    let converted = match to {
        To::Range(Some(range)) => to_range(pins, site, standing, Some(range))?,
        To::Range(None) => to_range(pins, site, standing, markers.range(site)?.as_deref())?,
        _ if is_floating(site) => pin(pins, site, standing)?,
        _ => Converted {
            to: site.written(),
            place: place(site, &site.field),
            edits: Vec::new(),
            notes: Vec::new(),
            other_digest: false,
            kept: true,
            begins: false,
            beside: None,
            comments: Vec::new(),
            gone: Vec::new(),
            after: None,
        },
    };
    markers.taken_out(site, converted)
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
    let range = range.map_or_else(|| widest(&version), str::to_owned);
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
        kept: false,
        begins: false,
        beside: None,
        comments: Vec::new(),
        gone: Vec::new(),
        after: None,
    })
}

/// The major version, below 1.0 the minor.
pub(super) fn widest(version: &Version) -> String {
    match (version.major(), version.minor()) {
        (0, minor) => format!("0.{minor}.x"),
        (major, _) => format!("{major}.x"),
    }
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
///
/// Gives the sites of which a text cannot be proven; then the draft is none.
fn files(
    inventory: &Inventory<'_>,
    sites: &[Site],
    edits: &[Edit],
    to: &To,
    out: &mut Drafted,
) -> BTreeMap<usize, Reason> {
    let mut by_file: BTreeMap<&RepoPath, Vec<Edit>> = BTreeMap::new();
    for edit in edits {
        by_file.entry(&edit.path).or_default().push(edit.clone());
    }
    let mut texts: Vec<SourceFile> = inventory.files.to_vec();
    let gone: Vec<String> = out.outcomes.iter().flatten().flat_map(|one| one.gone.iter().cloned()).collect();
    // Files that more than the values of has to be compared, and those that cannot be proven.
    let (mut pairs, mut wrong) = (Vec::new(), BTreeMap::new());
    for (path, mut edits) in by_file {
        edits.sort();
        edits.dedup();
        let number = inventory.files.iter().position(|file| file.path == *path);
        // A file that is not there yet is an empty one.
        let before = number.map_or("", |number| inventory.files[number].text.as_str());
        let after = match apply::apply(before, &edits) {
            Ok(after) => after,
            Err(error) => {
                wrong.insert(path.clone(), error.to_string());
                continue;
            }
        };
        let patch = FilePatch { path: path.clone(), edits, after };
        // What only moves values is held to the stricter proof of every plan.
        match (verify(before, &patch), to) {
            (Ok(()), _) => {}
            (Err(error), To::Pin) if gone.is_empty() => {
                wrong.insert(path.clone(), error.to_string());
            }
            (Err(_), _) => {
                pairs.push(Pair { path, before, after: patch.after.clone() });
            }
        }
        match number {
            Some(number) => texts[number].text.clone_from(&patch.after),
            None => texts.push(SourceFile { path: path.clone(), text: patch.after.clone() }),
        }
        out.set.files.push(patch);
    }
    let new: Vec<&str> =
        out.outcomes.iter().flatten().flat_map(|one| &one.comments).map(String::as_str).collect();
    if wrong.is_empty() {
        wrong = unchanged(&pairs, &new, &gone);
    }
    if !wrong.is_empty() {
        let mut unproven = BTreeMap::new();
        for (index, outcome) in out.outcomes.iter().enumerate() {
            let Ok(converted) = outcome else { continue };
            let mut paths = converted.edits.iter().map(|edit| &edit.path).chain(&converted.beside);
            if let Some(why) = paths.find_map(|path| wrong.get(path)) {
                let detail = format!("a text that can be proven: {why}");
                unproven.insert(index, Reason::Requires { detail });
            }
        }
        // A file that no site accounts for is refused as it is, and nothing is made.
        if unproven.is_empty() {
            for outcome in out.outcomes.iter_mut().filter(|outcome| outcome.is_ok()) {
                *outcome = Err(Reason::Requires { detail: "texts that can be proven".to_owned() });
            }
            let all = wrong.into_iter().map(|(path, why)| Refused { path, why });
            out.set = PatchSet { files: Vec::new(), refused: all.collect() };
        }
        return unproven;
    }
    texts.sort_by(|a, b| a.path.cmp(&b.path));
    let again = scan(&texts);
    let mut found = everything(&again);
    if let To::Automation { .. } = to {
        let unread = out.outcomes.iter().enumerate().filter_map(|(index, outcome)| {
            Some((index, automation::unread(&again, outcome.as_ref().ok()?)?))
        });
        let unread: BTreeMap<usize, Reason> = unread.collect();
        if !unread.is_empty() {
            return unread;
        }
        found.extend(elections(&again));
    }
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
    BTreeMap::new()
}
