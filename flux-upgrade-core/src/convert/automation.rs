//! An OCIRepository to image automation: an ImageRepository and an ImagePolicy below it, and a marker at its tag.
//!
//! Source: ImageRepository and ImagePolicy spec pages; `tag` markers of the guide to image automation.

use std::collections::BTreeSet;

use super::draft::widest;
use super::oci::{Object, append, emit};
use super::{Converted, Place};
use crate::locate::{Consumer, Part, Site};
use crate::patch::Edit;
use crate::plan::{Reason, Standing, preferred_quote};
use crate::ranges::Owners;
use crate::ranges::pin::{Pins, Target};
use crate::scan::{Inventory, Resource};
use crate::text::Lines;
use crate::version::{FluxMinor, Range, Version};
use crate::yaml::{Quote, encode};

/// Fields of an OCIRepository that an ImageRepository has as well.
const SHARED_FIELDS: &[&str] = &[
    "provider",
    "secretRef",
    "certSecretRef",
    "proxySecretRef",
    "serviceAccountName",
    "insecure",
    "timeout",
];

/// The first Flux that serves `v1` of image automation.
const FIRST_V1: &str = "2.7";

pub(super) struct Policies<'a, 'f> {
    inventory: &'a Inventory<'f>,
    owners: Owners<'a, 'f>,
    /// Names of ImageRepositories and ImagePolicies that are taken.
    names: BTreeSet<String>,
}

/// Whether a site is the tag or the range of an OCIRepository.
pub(super) fn applies(site: &Site) -> Result<(), Reason> {
    let field = matches!(site.field.as_str(), "spec.ref.tag" | "spec.ref.semver");
    if !matches!(site.consumer, Consumer::Oci { .. }) || site.owner.kind != "OCIRepository" || !field {
        return requires("an OCIRepository with a tag or a range");
    }
    if site.marker.is_some() {
        return Err(Reason::UpToDate);
    }
    Ok(())
}

fn requires<T>(detail: &str) -> Result<T, Reason> {
    Err(Reason::Requires { detail: detail.to_owned() })
}

impl<'a, 'f> Policies<'a, 'f> {
    pub(super) fn new(inventory: &'a Inventory<'f>) -> Self {
        let kinds = ["ImageRepository", "ImagePolicy"];
        let all = inventory.resources().iter().filter(|one| kinds.contains(&one.kind_name.as_str()));
        let names = all.map(|one| one.name.clone()).collect();
        Self { inventory, owners: Owners::new(inventory), names }
    }

    /// A tag with a marker, and the policy that elects what it says; `range` is for a tag, a range keeps its own.
    pub(super) fn convert(
        &mut self,
        pins: &Pins<'_, '_>,
        site: &Site,
        standing: &Standing,
        range: Option<&str>,
    ) -> Result<Converted, Reason> {
        if let Some(ignore) = &site.ignore {
            return Err(Reason::Ignored { by: format!("a comment at {}", ignore.at) });
        }
        let inventory = self.inventory;
        let Some(owner) = self.owners.of(site).filter(|owner| !owner.is_patch) else {
            return requires("an object that stands in these files");
        };
        let (Some(namespace), true) = (&site.owner.namespace, site.namespaces.len() < 2) else {
            return requires("one namespace, which the files tell: the marker names it");
        };
        if site.digest.is_some() || site.tag_and_digest().is_some() {
            return requires("a tag without a digest, which the marker would leave behind");
        }
        let is_range = site.part == Part::Range;
        let version = Version::parse(&standing.resolved);
        let Ok(version) = version else {
            return requires("a version: nothing else can be elected by a range");
        };
        let range = match range {
            _ if is_range => site.spot.value.trim().to_owned(),
            Some(range) => range.to_owned(),
            None => widest(&version),
        };
        let read = Range::parse(&range).map_err(|error| Reason::Requires { detail: error.to_string() })?;
        if !read.matches(&version) {
            let detail =
                format!("a range that fits: {range} does not admit {}, which runs", standing.resolved);
            return Err(Reason::Requires { detail });
        }
        let object = Object::read(inventory, owner);
        let Some(object) = object else { return requires("a document that can be read") };
        let name = self.name(&site.owner.name);
        let target = Target { resolved: standing.resolved.clone(), digest: None };
        let mut edits =
            if is_range || site.part == Part::Version { pins.pin(site, &target)?.edits } else { Vec::new() };
        let marker = format!(" # {{\"$imagepolicy\": \"{namespace}:{name}:tag\"}}");
        mark(inventory, site, &mut edits, &marker)?;
        let documents = self.documents(site, owner, &object, (&name, &range));
        edits.push(append(inventory.file_of(owner), &object, &documents));
        edits.sort();
        self.names.insert(name.clone());
        let mut notes = Vec::new();
        if !inventory.resources().iter().any(|one| one.kind_name == "ImageUpdateAutomation") {
            notes.push(
                "no ImageUpdateAutomation is here: `flux-upgrade automate` writes what is elected".to_owned(),
            );
        }
        Ok(Converted {
            to: format!("ImagePolicy {name}"),
            edits,
            notes,
            other_digest: false,
            beside: None,
            comments: vec![marker.trim_start_matches([' ', '#']).to_owned()],
            place: Place { kind: "ImagePolicy".to_owned(), name, parent: "spec.policy.semver".to_owned() },
            after: None,
        })
    }

    fn name(&self, own: &str) -> String {
        let is_free = |name: &String| !self.names.contains(name);
        let numbered = |number: usize| format!("{own}-{number}");
        let all = std::iter::once(own.to_owned()).chain((2..).map(numbered));
        all.into_iter().find(is_free).unwrap_or_default()
    }

    /// `v1`, or what the other objects of image automation have, or what an older Flux serves.
    fn api_version(&self) -> &str {
        let known = self.inventory.resources().iter().map(|one| one.api_version.as_str());
        let other = known.filter(|api| api.starts_with("image.toolkit.fluxcd.io/")).max();
        let first: Option<FluxMinor> = FIRST_V1.parse().ok();
        let is_old = self.inventory.flux.iter().any(|(_, version)| {
            version.parse::<FluxMinor>().ok().zip(first).is_some_and(|(minor, first)| minor < first)
        });
        other.unwrap_or(if is_old { "image.toolkit.fluxcd.io/v1beta2" } else { "image.toolkit.fluxcd.io/v1" })
    }

    fn documents(
        &self,
        site: &Site,
        owner: &Resource,
        object: &Object<'_>,
        (name, range): (&str, &str),
    ) -> Vec<String> {
        let file = self.inventory.file_of(owner);
        let quote = preferred_quote(&file.text);
        let text = |value: &str| encode("x", Quote::Plain, value, quote).unwrap_or_else(|| value.to_owned());
        let root = object.root();
        let head = |kind: &str| {
            let mut out = vec![
                format!("apiVersion: {}", self.api_version()),
                format!("kind: {kind}"),
                "metadata:".to_owned(),
                format!("  name: {}", text(name)),
            ];
            let namespace = root.text_at(&["metadata", "namespace"]);
            out.extend(namespace.map(|namespace| format!("  namespace: {}", text(namespace))));
            out.push("spec:".to_owned());
            out
        };
        let image = site.source.as_ref().map(|source| source.address()).unwrap_or_default();
        let mut repository = head("ImageRepository");
        repository
            .push(format!("  interval: {}", text(root.text_at(&["spec", "interval"]).unwrap_or("10m"))));
        repository.push(format!("  image: {}", image.strip_prefix("oci://").unwrap_or(&image)));
        for field in SHARED_FIELDS {
            if let Some(node) = root.at(&["spec", field]) {
                emit(field, node, 1, quote, &mut repository);
            }
        }
        let mut policy = head("ImagePolicy");
        policy.push("  imageRepositoryRef:".to_owned());
        policy.push(format!("    name: {}", text(name)));
        if let Some(filter) =
            root.at(&["spec", "ref", "semverFilter"]).filter(|_| site.field == "spec.ref.semver")
        {
            policy.push("  filterTags:".to_owned());
            emit("pattern", filter, 2, quote, &mut policy);
        }
        policy.push("  policy:".to_owned());
        policy.push("    semver:".to_owned());
        policy.push(format!("      range: {}", text(range)));
        let end = Lines::new(&file.text).line_end();
        [repository, policy].into_iter().map(|lines| lines.join(end) + end).collect()
    }
}

/// Puts the marker behind the scalar, which has to end its line.
fn mark(inventory: &Inventory<'_>, site: &Site, edits: &mut Vec<Edit>, marker: &str) -> Result<(), Reason> {
    let spot = &site.spot;
    let own = site.at.span == spot.at.span && site.at.path == spot.at.path && site.variable.is_none();
    let file = inventory.files.iter().find(|file| file.path == spot.at.path);
    let rest = file.and_then(|file| file.text.get(spot.at.span.end..)).unwrap_or("}");
    let line = rest.split(['\n', '\r']).next().unwrap_or_default();
    if !own || !line.trim().is_empty() || spot.raw.is_empty() {
        return requires("a tag at the end of its line, without a comment: the marker stands there");
    }
    match edits.iter_mut().find(|edit| edit.path == spot.at.path && edit.span == spot.at.span) {
        Some(edit) => edit.replace.push_str(marker),
        None => edits.push(Edit {
            path: spot.at.path.clone(),
            span: spot.at.span,
            expect: spot.raw.clone(),
            replace: format!("{}{marker}", spot.raw),
        }),
    }
    Ok(())
}
