//! The Flux Operator: version and artifact of the distribution, in a FluxInstance or in values of its chart.

use super::field::{Draft, Text};
use super::oci::range_or_version;
use super::{Consumer, Here, Site, SourceKey};
use crate::yaml::Node;

/// `spec.distribution` of a FluxInstance.
pub(super) fn instance(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    let field = |key: &str| here.at(&["spec", "distribution", key]);
    distribution(here, (field("version"), field("artifact")), "spec.distribution", sites);
}

/// `instance.distribution` in values of the chart flux-instance.
pub(super) fn values(here: &Here<'_, '_>, path: &[&str], sites: &mut Vec<Site>) {
    let field = |key: &str| here.at(&[path, &["instance", "distribution", key]].concat());
    // Other charts have an `instance` too: what stands beside the distribution tells.
    let instance = here.at(&[path, &["instance"]].concat());
    let beside = ["cluster", "sync", "components", "kustomize", "storage", "sharding", "commonMetadata"];
    let is_flux = beside.iter().any(|key| instance.is_some_and(|instance| instance.get(key).is_some()))
        || field("registry").is_some()
        || field("artifact").is_some();
    if !is_flux {
        return;
    }
    let prefix = [path, &["instance", "distribution"]].concat().join(".");
    distribution(here, (field("version"), field("artifact")), &prefix, sites);
}

/// Source: flux-operator `api/v1/fluxinstance_types.go`: the version is a range that the operator resolves, the artifact an
/// OCI address with a tag.
fn distribution<'f>(
    here: &Here<'_, 'f>,
    (version, artifact): (Option<Node<'_, 'f>>, Option<Node<'_, 'f>>),
    prefix: &str,
    sites: &mut Vec<Site>,
) {
    if let Some(version) = version {
        sites.extend(here.sites(&Text::whole(version), |text| Draft {
            field: format!("{prefix}.version"),
            part: range_or_version(text),
            consumer: Consumer::Flux,
            source: Ok(SourceKey::Flux),
            source_at: None,
            source_url: None,
        }));
    }
    let artifact = artifact.filter(|node| node.text().is_some_and(|text| text.starts_with("oci://")));
    sites.extend(artifact.into_iter().flat_map(|node| here.address(node, format!("{prefix}.artifact"))));
}
