//! OCIRepository: tag, digest, both, or a range with its filter.

use super::field::{Draft, variable};
use super::{Consumer, Here, Part, Site, SourceKey};
use crate::diagnostic::Severity;
use crate::plan::Reason;
use crate::reference::normalise_repository;
use crate::text::Location;
use crate::version::Version;
use crate::yaml::Node;

/// Layers of this type are Helm charts, whose tags are read with `_` as `+`.
const CHART_LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// The site in `spec.ref`: what Flux follows, digest over semver over tag.
///
/// A tag beside a digest moves with it. Source: OCIRepository spec page, `ociArtifactRef` of source-controller.
pub(super) fn repository(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    let Some(spec) = here.node.get("spec") else { return };
    let Some(reference) = spec.get("ref") else { return };
    let field =
        |key: &str| reference.get(key).filter(|node| node.text().is_some_and(|text| !text.is_empty()));
    let (tag, semver, digest) = (field("tag"), field("semver"), field("digest"));
    let consumer = Consumer::Oci {
        filter: reference.text_at(&["semverFilter"]).map(str::to_owned),
        chart: spec.text_at(&["layerSelector", "mediaType"]) == Some(CHART_LAYER),
    };
    let found = here.url(spec);
    let source_url = found.as_ref().ok().map(|(url, _)| url.trim_end_matches('/').to_owned());
    let (source, source_at) = source(found);
    let draft = |field, part| Draft {
        field,
        part,
        consumer: consumer.clone(),
        source: source.clone(),
        source_at: source_at.clone(),
        source_url: source_url.clone(),
    };
    let mut site = match (digest, semver, tag) {
        (Some(digest), None, Some(tag)) => {
            here.site(tag, draft("spec.ref.tag", Part::Tag)).map(|mut site| {
                site.digest = here.spot(digest);
                site.blocked = site.blocked.or_else(|| here.blocked(digest));
                site
            })
        }
        (Some(digest), ..) => here.site(digest, draft("spec.ref.digest", Part::Digest)),
        (None, Some(semver), _) => here.site(semver, draft("spec.ref.semver", range_or_version(semver))),
        (None, None, Some(tag)) => here.site(tag, draft("spec.ref.tag", Part::Tag)).map(|mut site| {
            site.insertion = here.insertion(reference, "tag");
            site
        }),
        (None, None, None) => None,
    };
    if let (Some(site), Some((field, node, winner))) = (&mut site, shadowed(tag, semver, digest)) {
        let message = format!("`spec.ref.{field}` has no effect: `{winner}` counts before it");
        let finding = here.finding("manifest.overridden-ref", Severity::Warning, node, message);
        site.findings.push(finding.with_help("remove one of the two"));
    }
    sites.extend(site);
}

/// A range field that holds one exact version is a pin.
pub(super) fn range_or_version(semver: Node<'_, '_>) -> Part {
    let exact = semver.text().is_some_and(|text| Version::parse_flux(text).is_ok());
    if exact { Part::Version } else { Part::Range }
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
                _ if url.contains("${") => {
                    Err(Reason::Substituted { variable: variable(&url).unwrap_or_default().to_owned() })
                }
                Some(rest) => Ok(SourceKey::Oci { repository: normalise_repository(rest) }),
                None => Err(Reason::SourceUnsupported {
                    detail: format!("the URL {url} does not begin with oci://"),
                }),
            };
            (key, at)
        }
        Err(reason) => (Err(reason), None),
    }
}
