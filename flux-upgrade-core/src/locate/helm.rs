//! Chart versions: HelmRelease, HelmChart, and the Helm operator's HelmRelease.

use super::field::{Draft, variable};
use super::link::Reference;
use super::{Consumer, Here, Part, Site, SourceKey};
use crate::plan::Reason;
use crate::scan::{Kind, Resource};
use crate::text::Location;
use crate::version::Version;
use crate::yaml::Node;

/// `spec.chart.spec.version` of a HelmRelease, which may be a patch that leaves the rest to its base.
pub(super) fn release(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    let Some(spec) = here.node.at(&["spec", "chart", "spec"]) else { return };
    let Some(version) = spec.get("version") else { return };
    let source = chart_of(here, spec).and_then(|(chart, reference)| source(here, &chart, reference.borrow()));
    push(here, sites, version, "spec.chart.spec.version", source);
}

/// `spec.version` of a HelmChart; its source is always in its own namespace.
pub(super) fn chart(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    let Some(spec) = here.node.get("spec") else { return };
    let Some(version) = spec.get("version") else { return };
    let named = spec.text_at(&["chart"]).zip(spec.get("sourceRef").and_then(Reference::read));
    let source = match named {
        Some((chart, reference)) => source(here, chart, Reference { namespace: None, ..reference }),
        None => Err(Reason::SourceNotFound { source: "`chart` and `sourceRef` of the HelmChart".to_owned() }),
    };
    push(here, sites, version, "spec.version", source);
}

/// `spec.chart.version` of a `helm.fluxcd.io` HelmRelease, which names its repository itself.
pub(super) fn operator_release(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    let Some(chart) = here.node.at(&["spec", "chart"]) else { return };
    let (Some(version), Some(url)) = (chart.get("version"), chart.text_at(&["repository"])) else { return };
    let source = match chart.text_at(&["name"]) {
        Some(name) => from_url(url, name, false),
        None => Err(Reason::SourceNotFound { source: "`spec.chart.name`".to_owned() }),
    };
    push(
        here,
        sites,
        version,
        "spec.chart.version",
        source.map(|(key, consumer)| (key, consumer, None, url.trim_end_matches('/').to_owned())),
    );
}

/// Where a chart is published: what to ask, who reads it, the source object's place and URL.
type Source = (SourceKey, Consumer, Option<Location>, String);

fn push(
    here: &Here<'_, '_>,
    sites: &mut Vec<Site>,
    version: Node<'_, '_>,
    field: &'static str,
    source: Result<Source, Reason>,
) {
    let text = version.text().unwrap_or("");
    let part = if is_range(text) { Part::Range } else { Part::Version };
    let (source, consumer, source_at, source_url) = match source {
        Ok((key, consumer, at, url)) => (Ok(key), consumer, at, Some(url)),
        Err(reason) => (Err(reason), Consumer::HelmIndex, None, None),
    };
    sites.extend(here.site(version, Draft { field, part, consumer, source, source_at, source_url }));
}

/// Whether Flux reads a chart version as a range: it is none of the texts that it takes for one version.
fn is_range(text: &str) -> bool {
    Version::parse_flux(text).is_err()
}

/// An owned reference, since a patch takes it from another object.
struct Named {
    kind: String,
    name: String,
    namespace: Option<String>,
}

impl Named {
    fn borrow(&self) -> Reference<'_> {
        Reference { kind: &self.kind, name: &self.name, namespace: self.namespace.as_deref() }
    }

    fn read(spec: Node<'_, '_>) -> Option<Self> {
        let reference = Reference::read(spec.get("sourceRef")?)?;
        Some(Self {
            kind: reference.kind.to_owned(),
            name: reference.name.to_owned(),
            namespace: reference.namespace.map(str::to_owned),
        })
    }
}

/// Chart and `sourceRef` of a release: its own, or what all other documents of the release agree on.
fn chart_of(here: &Here<'_, '_>, spec: Node<'_, '_>) -> Result<(String, Named), Reason> {
    let own_chart = spec.text_at(&["chart"]).map(str::to_owned);
    let own_source = Named::read(spec);
    if let (Some(chart), Some(source)) = (&own_chart, own_source) {
        // An overlay that changes where the chart comes from makes one version text stand for two charts.
        here.undisputed(|patch| {
            let spec = patch.at(&["spec", "chart", "spec"])?;
            let other = Named::read(spec);
            let moved = other.is_some_and(|other| other.borrow() != source.borrow());
            Some(moved || spec.text_at(&["chart"]).is_some_and(|other| other != chart))
        })?;
        return Ok((chart.clone(), source));
    }
    let release = Reference { kind: Kind::HelmRelease.name(), name: &here.resource.name, namespace: None };
    let base = |resource: &Resource| {
        let spec = here.inventory.node(resource)?.at(&["spec", "chart", "spec"])?;
        let chart = own_chart.clone().or_else(|| spec.text_at(&["chart"]).map(str::to_owned))?;
        let source = Named::read(spec)?;
        Some((chart, source.kind, source.name, source.namespace))
    };
    let (known, asked) = (&here.links.charts, (release, own_chart.as_deref()));
    match here.links.agreed(known, here.inventory, asked, &here.resource.placements, base) {
        Ok(((chart, kind, name, namespace), _)) => Ok((chart, Named { kind, name, namespace })),
        Err(Reason::SourceNotFound { source }) => {
            Err(Reason::SourceNotFound { source: format!("{source} with a chart and a `sourceRef`") })
        }
        Err(other) => Err(other),
    }
}

/// Where a chart of a named source is published.
fn source(here: &Here<'_, '_>, chart: &str, reference: Reference<'_>) -> Result<Source, Reason> {
    if reference.kind != Kind::HelmRepository.name() {
        return Err(Reason::SourceUnsupported {
            detail: format!("a chart from a {} takes its version from its Chart.yaml", reference.kind),
        });
    }
    for text in [chart, reference.name, reference.namespace.unwrap_or("")] {
        if let Some(variable) = variable(text) {
            return Err(Reason::Substituted { variable: variable.to_owned() });
        }
    }
    let read = |resource: &Resource| {
        let spec = here.inventory.node(resource)?.get("spec")?;
        let url = crate::reference::normalise_url(spec.text_at(&["url"])?);
        Some((url, spec.text_at(&["type"]) == Some("oci")))
    };
    let (known, asked) = (&here.links.repositories, (reference, None));
    let ((url, oci), resource) =
        here.links.agreed(known, here.inventory, asked, &here.resource.placements, read)?;
    let at = here.inventory.location(resource);
    from_url(&url, chart, oci).map(|(key, consumer)| (key, consumer, Some(at), url))
}

/// Source: HelmRepository `spec.type` decides between an index and a registry; the chart's address is the URL joined
/// with the chart's name.
fn from_url(url: &str, chart: &str, oci: bool) -> Result<(SourceKey, Consumer), Reason> {
    if let Some(variable) = variable(url) {
        return Err(Reason::Substituted { variable: variable.to_owned() });
    }
    match url.strip_prefix("oci://") {
        Some(_) if !oci => Err(Reason::SourceUnsupported {
            detail: "an `oci://` URL needs `type: oci` in the HelmRepository; Flux refuses it without"
                .to_owned(),
        }),
        Some(rest) => {
            let repository = format!("{}/{chart}", rest.trim_end_matches('/'));
            Ok((
                SourceKey::Oci { repository: crate::reference::normalise_repository(&repository) },
                Consumer::HelmOci,
            ))
        }
        None if oci => Err(Reason::SourceUnsupported { detail: format!("`type: oci` with the URL {url}") }),
        None => {
            let url = crate::reference::normalise_url(url);
            Ok((SourceKey::Helm { url, chart: chart.to_owned() }, Consumer::HelmIndex))
        }
    }
}
