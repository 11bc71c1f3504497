//! Flux where no file holds its manifests: what an instance, a chart, an artifact or Terraform says runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::archive::Release;
use super::verify::{Installation, Support, support_of};
use crate::locate::{Consumer, Part, Site, SourceKey};
use crate::reference::normalise_git;
use crate::text::Location;
use crate::version::FluxMinor;

/// How Flux comes to a cluster without a file of its manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// A FluxInstance of the Flux Operator.
    Instance,
    /// The community's chart.
    Chart,
    /// The OCI artifact with Flux's manifests.
    Artifact,
    /// Flux's repository as a remote resource of a kustomization.
    Remote,
    /// Terraform or OpenTofu.
    Terraform,
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Instance => "Flux Operator",
            Self::Chart => "community chart",
            Self::Artifact => "OCI artifact",
            Self::Remote => "remote resource",
            Self::Terraform => "Terraform",
        })
    }
}

/// A place that says which Flux runs, and is not its manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Where it says so.
    pub at: Location,
    /// How Flux comes to the cluster.
    pub way: Way,
    /// The version or range, as written, without a digest beside it.
    pub written: String,
    /// The minor that it names; `None` where it leaves that open.
    pub minor: Option<FluxMinor>,
    /// The clusters that apply it, where the files tell.
    pub clusters: Vec<String>,
    /// Whether that minor gets fixes.
    pub support: Support,
}

impl Declared {
    /// Whether it is out of support.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        matches!(self.support, Support::Unsupported { .. })
    }
}

/// Every place that says which Flux runs, by path and position.
///
/// `sites` are those of the repository, `releases` those at hand: a newer minor among them makes older ones unsupported.
#[must_use]
pub fn declared(sites: &[Site], releases: &[Release]) -> Vec<Declared> {
    let of = |site: &Site| {
        let way = way(site)?;
        let minor = minor(way, &site.spot.value);
        let support =
            minor.map_or(Support::Unknown, |minor| support_of((minor.major, minor.minor), releases));
        let (at, written, clusters) = (site.at.clone(), site.spot.value.clone(), site.clusters.clone());
        Some(Declared { at, way, written, minor, clusters, support })
    };
    sites.iter().filter_map(of).collect()
}

/// How Flux comes to the cluster by this site, where it does.
pub(crate) fn way(site: &Site) -> Option<Way> {
    let terraform = site.owner.kind == "resource" && site.owner.name.starts_with("flux_bootstrap_git.");
    match (&site.consumer, site.source.as_ref().ok()?) {
        (Consumer::Flux, SourceKey::Flux) if terraform => Some(Way::Terraform),
        (Consumer::Flux, SourceKey::Flux) if site.field.ends_with("distribution.version") => {
            Some(Way::Instance)
        }
        (_, SourceKey::Helm { chart, .. }) if chart == "flux2" => Some(Way::Chart),
        (_, SourceKey::Oci { repository }) if repository.ends_with("fluxcd-community/charts/flux2") => {
            Some(Way::Chart)
        }
        (Consumer::Oci { .. }, SourceKey::Oci { repository })
            if repository.ends_with("/fluxcd/flux-manifests") && site.owner.kind == "OCIRepository" =>
        {
            Some(Way::Artifact)
        }
        (Consumer::Git, SourceKey::Git { url })
            if site.part == Part::Tag
                && site.field.starts_with("resources")
                && normalise_git(url) == normalise_git("https://github.com/fluxcd/flux2") =>
        {
            Some(Way::Remote)
        }
        _ => None,
    }
}

/// How far the minors of the chart flux2 are ahead of Flux's own: `2.(10 + m).x` for Flux `2.m`, from 2.2 on.
///
/// Source: the chart's history of `version` and `appVersion`.
pub(crate) const CHART_AHEAD: u64 = 10;

/// The minor that a version, or a range of one minor, names.
fn minor(way: Way, written: &str) -> Option<FluxMinor> {
    let text = written.split('@').next()?.trim_start_matches(['~', '=', ' ']);
    let minor: FluxMinor = text.parse().ok()?;
    match way {
        Way::Chart => Some(FluxMinor::new(minor.major, minor.minor.checked_sub(CHART_AHEAD)?)),
        _ => Some(minor),
    }
}

/// The clusters by the minor that they run, where the files name clusters and they run more than one.
#[must_use]
pub fn minors_by_cluster(
    found: &[Installation],
    declared: &[Declared],
) -> BTreeMap<String, BTreeSet<String>> {
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let own = found.iter().filter_map(|one| {
        let minor: FluxMinor = one.recovered.version()?.parse().ok()?;
        Some((minor.to_string(), &one.clusters))
    });
    let said = declared.iter().filter_map(|one| {
        let minor = one.minor?;
        Some((minor.to_string(), &one.clusters))
    });
    for (minor, clusters) in own.chain(said) {
        out.entry(minor).or_default().extend(clusters.iter().cloned());
    }
    out.retain(|_, clusters| !clusters.is_empty());
    if out.len() < 2 {
        out.clear();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minors_that_texts_name() {
        for (way, text, expected) in [
            (Way::Instance, "2.8.x", Some("2.8")),
            (Way::Instance, "v2.8.5", Some("2.8")),
            (Way::Instance, "2.8", Some("2.8")),
            (Way::Instance, "2.x", None),
            (Way::Instance, "*", None),
            (Way::Instance, ">=2.8.0 <2.10.0", None),
            (Way::Artifact, "v2.7.5@sha256:00", Some("2.7")),
            (Way::Chart, "2.18.3", Some("2.8")),
            (Way::Chart, "2.9.0", None),
            (Way::Terraform, "latest", None),
        ] {
            let found = minor(way, text).map(|minor| minor.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
