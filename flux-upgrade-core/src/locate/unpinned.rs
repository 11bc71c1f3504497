//! Objects that pin nothing and still follow something: a git branch, the newest chart, the tag `latest` of an artifact.

use std::collections::BTreeSet;

use super::field::{Draft, Text};
use super::link::Links;
use super::{Dialects, Frame, Here, Insertion, Part, Site, git, helm, oci};
use crate::reference::normalise_git;
use crate::scan::{Inventory, Kind};
use crate::yaml::Node;

/// The name that `flux bootstrap` and the Flux Operator give to the source of the repository itself.
const OWN_SOURCE: &str = "flux-system";

/// The sites that [`locate`](crate::locate()) has no use for, since they name no version: by path and position.
///
/// A GitRepository's branch, a chart without a version, an OCIRepository without a reference. The repository itself, which
/// moves with every commit, is none of them. Where nothing is written the site stands at what it belongs to, and its `spot` is
/// the empty place where a version could be.
///
/// Source: GitRepository, HelmRelease and OCIRepository spec pages: without a version the newest stable one counts, without a
/// tag `latest`.
#[must_use]
pub fn unpinned(inventory: &Inventory<'_>) -> Vec<Site> {
    let mut sites = Vec::new();
    let links = Links::new(inventory);
    let dialects = Dialects::new(inventory);
    let own = own_urls(inventory);
    for resource in inventory.resources().iter().filter(|resource| !resource.is_patch) {
        let Some(node) = inventory.node(resource) else { continue };
        let lines = inventory.lines(inventory.held(resource).file);
        let here = Here {
            inventory,
            links: &links,
            dialects: &dialects,
            resource,
            node,
            lines,
            user: None,
            input: None,
        };
        match resource.kind {
            Kind::GitRepository => {
                let url = node.text_at(&["spec", "url"]).map(normalise_git);
                if resource.name != OWN_SOURCE && !url.is_some_and(|url| own.contains(&url)) {
                    branch(&here, &mut sites);
                }
            }
            Kind::OciRepository => reference(&here, &mut sites),
            Kind::HelmRelease => chart(&here, &["spec", "chart", "spec"], helm::release_source, &mut sites),
            Kind::HelmChart => chart(&here, &["spec"], helm::chart_source, &mut sites),
            _ => {}
        }
    }
    sites.sort_by(|a, b| (&a.at, &a.owner, &a.field).cmp(&(&b.at, &b.owner, &b.field)));
    sites
}

/// Addresses of the repository itself.
fn own_urls(inventory: &Inventory<'_>) -> BTreeSet<String> {
    let own = |kind: Kind, name: &str| kind == Kind::GitRepository && name == OWN_SOURCE;
    let sources = inventory.resources().iter().filter(|resource| own(resource.kind, &resource.name));
    let written = sources.filter_map(|resource| inventory.node(resource)?.text_at(&["spec", "url"]));
    let instances = inventory.resources().iter().filter(|resource| resource.kind == Kind::FluxInstance);
    let synced = instances.filter_map(|resource| inventory.node(resource)?.text_at(&["spec", "sync", "url"]));
    written.chain(synced).map(normalise_git).collect()
}

/// The branch of a GitRepository that nothing else pins.
fn branch(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    let set = |key: &str| here.text_at(&["spec", "ref", key]).is_some_and(|text| !text.is_empty());
    let (Some(reference), Some(branch)) = (here.at(&["spec", "ref"]), here.at(&["spec", "ref", "branch"]))
    else {
        return;
    };
    if ["commit", "name", "tag", "semver"].into_iter().any(set) || is_patched(here, &["spec", "ref"]) {
        return;
    }
    let draft = Draft { field: "spec.ref.branch".to_owned(), part: Part::Branch, ..git::template(here) };
    let mut found = here.sites(&Text::whole(branch), |_| draft.clone());
    if let [site] = found.as_mut_slice() {
        site.insertion = here.insertion(reference, "branch").filter(|_| site.variable.is_none());
    }
    sites.extend(found);
}

/// An OCIRepository without a reference follows the tag `latest`.
fn reference(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    let set = |key: &str| here.text_at(&["spec", "ref", key]).is_some_and(|text| !text.is_empty());
    if ["digest", "semver", "tag"].into_iter().any(set) || is_patched(here, &["spec", "ref"]) {
        return;
    }
    let Some(url) = here.at(&["spec", "url"]) else { return };
    let draft = Draft { field: "spec.ref.tag".to_owned(), part: Part::Tag, ..oci::template(here) };
    sites.extend(absent(here, url, draft, "latest", None));
}

/// A chart without a version is the newest stable one.
fn chart(
    here: &Here<'_, '_>,
    path: &[&str],
    source: impl Fn(&Here<'_, '_>) -> Result<helm::Source, crate::plan::Reason>,
    sites: &mut Vec<Site>,
) {
    let of = |key: &'static str| [path, &[key]].concat();
    let (Some(spec), Some(chart)) = (here.at(path), here.at(&of("chart"))) else { return };
    // A chart from git or a bucket takes its version from its own file.
    let from_repository = here.text_at(&[path, &["sourceRef", "kind"]].concat()) == Some("HelmRepository");
    if !from_repository || here.at(&of("version")).is_some() || is_patched(here, &of("version")) {
        return;
    }
    let found = source(here);
    let site = helm::chart_sites(here, chart, &of("version").join("."), found).into_iter().next();
    let Some(site) = site else { return };
    let draft = Draft {
        field: site.field,
        part: Part::Range,
        consumer: site.consumer,
        source: site.source,
        source_at: site.source_at,
        source_url: site.source_url,
    };
    sites.extend(absent(here, chart, draft, "", here.insertion(spec, "chart")));
}

/// The site of a field that is not written, at a scalar that stands for it.
pub(super) fn absent<'f>(
    here: &Here<'_, 'f>,
    node: Node<'_, 'f>,
    draft: Draft,
    value: &str,
    insertion: Option<Insertion>,
) -> Option<Site> {
    let place = here.place(here.resource.document, node, value, Frame::default(), None)?;
    let mut site = here.site_at(node, draft, place);
    let end = crate::text::Span::new(site.at.span.end, site.at.span.end);
    site.spot.at = match &insertion {
        Some(insertion) => insertion.at.clone(),
        None => crate::text::Location { span: end, ..site.at.clone() },
    };
    site.spot.raw = String::new();
    site.insertion = insertion;
    Some(site)
}

/// Whether a patch of the object says something at a path.
fn is_patched(here: &Here<'_, '_>, path: &[&str]) -> bool {
    let resource = here.resource;
    let patches = here.links.patches_of(resource.kind, &resource.name, &resource.placements);
    patches.into_iter().any(|patch| here.inventory.at(patch, path).is_some())
}
