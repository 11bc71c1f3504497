//! OCIRepository: tag, digest, both, or a range with its filter.

use super::field::{Draft, Text};
use super::{Consumer, Here, Part, Site, SourceKey};
use crate::diagnostic::Severity;
use crate::plan::Reason;
use crate::reference::without_login;
use crate::scan::{Effective, Resource};
use crate::text::Location;
use crate::version::Version;
use crate::yaml::Node;

/// Layers of this type are Helm charts, whose tags are read with `_` as `+`.
pub(crate) const CHART_LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// The site in `spec.ref`: what Flux follows, digest over semver over tag.
///
/// A tag beside a digest moves with it. Source: OCIRepository spec page, `ociArtifactRef` of source-controller.
pub(super) fn repository(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    let field = |key: &str| {
        here.at(&["spec", "ref", key]).filter(|node| node.text().is_some_and(|text| !text.is_empty()))
    };
    let (tag, semver, digest) = (field("tag"), field("semver"), field("digest"));
    let template = template(here);
    let draft = |field: &str, part| Draft { field: field.to_owned(), part, ..template.clone() };
    let whole = |node, field: &str, part| here.sites(&Text::whole(node), |_| draft(field, part));
    let mut found = match (digest, semver, tag) {
        (Some(digest), None, Some(tag)) => {
            let site = here.site(tag, draft("spec.ref.tag", Part::Tag));
            site.map(|site| here.with_digest(site, digest)).into_iter().collect()
        }
        (Some(digest), ..) => whole(digest, "spec.ref.digest", Part::Digest),
        (None, Some(semver), _) => {
            here.sites(&Text::whole(semver), |text| draft("spec.ref.semver", range_or_version(text)))
        }
        (None, None, Some(tag)) => whole(tag, "spec.ref.tag", Part::Tag),
        (None, None, None) => Vec::new(),
    };
    if let (Some(site), Some(reference)) = (found.first_mut(), here.at(&["spec", "ref"])) {
        site.insertion = here
            .insertion(reference, "tag")
            .filter(|_| site.field == "spec.ref.tag" && site.digest.is_none() && site.variable.is_none());
    }
    if let (Some(site), Some((field, node, winner))) = (found.first_mut(), shadowed(tag, semver, digest)) {
        let message = format!("`spec.ref.{field}` has no effect: `{winner}` counts before it");
        let finding = here.finding("manifest.overridden-ref", Severity::Warning, node, message);
        site.findings.push(finding.with_help("remove one of the two"));
    }
    sites.extend(found);
}

/// What every site of an OCIRepository shares: who reads it, and its source.
pub(super) fn template(here: &Here<'_, '_>) -> Draft {
    let selection = selection(here);
    let found = selection.clone().and_then(|_| here.url());
    let (filter, layer) = selection.unwrap_or_default();
    let consumer = Consumer::Oci { filter, chart: layer.as_deref() == Some(CHART_LAYER) };
    let source_url = found.as_ref().ok().map(|(url, _)| url.trim_end_matches('/').to_owned());
    let (source, source_at) = source(found);
    Draft { field: String::new(), part: Part::Tag, consumer, source, source_at, source_url }
}

/// The filter of tags, and the layer that is taken.
pub(super) type Selection = (Option<String>, Option<String>);

/// What an object says of its tags and layers as it is built; a patch that lacks one, what it patches.
fn selection(here: &Here<'_, '_>) -> Result<Selection, Reason> {
    const FILTER: &[&str] = &["spec", "ref", "semverFilter"];
    const LAYER: &[&str] = &["spec", "layerSelector", "mediaType"];
    if !here.resource.is_patch {
        return Ok((here.built_text(FILTER)?, here.built_text(LAYER)?));
    }
    let read = |base: &Resource, built: Option<&Effective>| {
        let text = |path| here.inventory.text_of(base, built, path);
        (!base.is_patch).then(|| (text(FILTER), text(LAYER)))
    };
    let own = |path| here.text_at(path).map(str::to_owned);
    match here.agreed_by_base(&here.links.selections, None, read) {
        Ok(((filter, layer), _)) => Ok((filter.or_else(|| own(FILTER)), layer.or_else(|| own(LAYER)))),
        Err(Reason::SourceNotFound { .. }) => Ok((own(FILTER), own(LAYER))),
        Err(other) => Err(other),
    }
}

/// A range field that holds one exact version is a pin.
pub(super) fn range_or_version(text: &str) -> Part {
    if Version::parse_flux(text).is_ok() { Part::Version } else { Part::Range }
}

/// A field that Flux does not look at, since another one counts; a tag beside a digest tells people what it is.
fn shadowed<'d, 't>(
    tag: Option<Node<'d, 't>>,
    semver: Option<Node<'d, 't>>,
    digest: Option<Node<'d, 't>>,
) -> Option<(&'static str, Node<'d, 't>, &'static str)> {
    match (digest, semver, tag) {
        (Some(_), Some(semver), _) => Some(("semver", semver, "digest")),
        (None, Some(_), Some(tag)) => Some(("tag", tag, "semver")),
        _ => None,
    }
}

/// The registry's repository: the object's own URL, or that of the object that it patches.
fn source(
    found: Result<(String, Option<Location>), Reason>,
) -> (Result<SourceKey, Reason>, Option<Location>) {
    match found {
        Ok((url, at)) => {
            let key = match url.strip_prefix("oci://") {
                Some(rest) => SourceKey::registry(rest),
                None => Err(Reason::SourceUnsupported {
                    detail: format!("the URL {} does not begin with oci://", without_login(&url)),
                }),
            };
            (key, at)
        }
        Err(reason) => (Err(reason), None),
    }
}
