//! Chart versions: HelmRelease, HelmChart, and the Helm operator's HelmRelease.

use super::field::{Draft, Text};
use super::link::Reference;
use super::{Consumer, Here, Part, Site, SourceKey};
use crate::plan::Reason;
use crate::reference::without_login;
use crate::scan::{Effective, Kind, Resource};
use crate::text::Location;
use crate::version::Version;
use crate::yaml::Node;

/// `spec.chart.spec.version` of a HelmRelease, which may be a patch that leaves the rest to its base.
pub(super) fn release(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    let Some(version) = here.at(&["spec", "chart", "spec", "version"]) else { return };
    let mut own = chart_sites(here, version, "spec.chart.spec.version", release_source(here));
    hold_with_controllers(here, &mut own);
    sites.extend(own);
}

/// Images of the community's chart of Flux, by their keys in its values.
const CONTROLLERS: &[&str] = &[
    "cli",
    "helmController",
    "imageAutomationController",
    "imageReflectionController",
    "kustomizeController",
    "notificationController",
    "sourceController",
];

/// Holds the chart flux2 where its values fix tags of controllers: they belong to one release of Flux, and the chart would leave
/// them behind.
///
/// Source: values of the chart flux2, where each tag has its release's as default.
fn hold_with_controllers(here: &Here<'_, '_>, sites: &mut [Site]) {
    if !is_flux_chart(here) {
        return;
    }
    let fixed: Vec<&str> = CONTROLLERS
        .iter()
        .copied()
        .filter(|key| here.at(&["spec", "values", key, "tag"]).is_some())
        .collect();
    for site in sites.iter_mut().filter(|_| !fixed.is_empty()) {
        let detail = format!("the tags in values to go with it: {}", fixed.join(", "));
        site.blocked.get_or_insert(Reason::Requires { detail });
    }
}

/// The chart of the community that installs Flux.
const FLUX_CHART: &str = "flux2";

/// Whether a release is one of that chart, by its name there or its registry.
pub(super) fn is_flux_chart(here: &Here<'_, '_>) -> bool {
    here.text_at(&["spec", "chart", "spec", "chart"]) == Some(FLUX_CHART)
}

/// Holds tags of controllers among the values of that chart: alone they would leave their release.
pub(super) fn hold_controllers(sites: &mut [Site]) {
    let is_tag = |site: &&mut Site| {
        let key = site.field.strip_prefix("spec.values.").and_then(|field| field.split('.').next());
        key.is_some_and(|key| CONTROLLERS.contains(&key))
    };
    for site in sites.iter_mut().filter(is_tag) {
        let detail = format!("the chart {FLUX_CHART} to go with it");
        site.blocked.get_or_insert(Reason::Requires { detail });
    }
}

/// Where the chart of a release is published.
pub(super) fn release_source(here: &Here<'_, '_>) -> Result<Source, Reason> {
    chart_of(here).and_then(|(chart, reference)| source(here, &chart, reference.borrow()))
}

/// `spec.version` of a HelmChart; its source is always in its own namespace.
pub(super) fn chart(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    let Some(version) = here.at(&["spec", "version"]) else { return };
    sites.extend(chart_sites(here, version, "spec.version", chart_source(here)));
}

/// Where the chart of a HelmChart is published.
pub(super) fn chart_source(here: &Here<'_, '_>) -> Result<Source, Reason> {
    let text = |path: &[&str]| here.built_text(path);
    let (chart, name) = (text(&["spec", "chart"])?, text(&["spec", "sourceRef", "name"])?);
    let kind = text(&["spec", "sourceRef", "kind"])?;
    let (Some(chart), Some(name)) = (chart, name) else {
        let source = "`chart` and `sourceRef` of the HelmChart".to_owned();
        return Err(Reason::SourceNotFound { source });
    };
    let kind = kind.as_deref().unwrap_or(Kind::HelmRepository.name());
    source(here, &chart, Reference { kind, name: &name, namespace: None })
}

/// `spec.chart.version` of a `helm.fluxcd.io` HelmRelease, which names its repository itself.
pub(super) fn operator_release(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    let chart = |key: &str| here.at(&["spec", "chart", key]);
    let text = |key: &str| chart(key).and_then(Node::text);
    let (Some(version), Some(url)) = (chart("version"), text("repository")) else { return };
    let source = match text("name") {
        Some(name) => here.expand(url).and_then(|url| published(&url, name, false)),
        None => Err(Reason::SourceNotFound { source: "`spec.chart.name`".to_owned() }),
    };
    sites.extend(chart_sites(here, version, "spec.chart.version", source));
}

/// Where a chart is published: what to ask, who reads it, the source object's place and URL.
pub(super) type Source = (SourceKey, Consumer, Option<Location>, String);

/// The sites of a chart's version.
pub(super) fn chart_sites<'f>(
    here: &Here<'_, 'f>,
    version: Node<'_, 'f>,
    field: &str,
    source: Result<Source, Reason>,
) -> Vec<Site> {
    let (source, consumer, source_at, source_url) = match source {
        Ok((key, consumer, at, url)) => (Ok(key), consumer, at, Some(url)),
        Err(reason) => (Err(reason), Consumer::HelmIndex, None, None),
    };
    here.sites(&Text::whole(version), |text| Draft {
        field: field.to_owned(),
        part: if is_range(text) { Part::Range } else { Part::Version },
        consumer: consumer.clone(),
        source: source.clone(),
        source_at: source_at.clone(),
        source_url: source_url.clone(),
    })
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
fn chart_of(here: &Here<'_, '_>) -> Result<(String, Named), Reason> {
    let own_chart = here.text_at(&["spec", "chart", "spec", "chart"]).map(str::to_owned);
    let own_source = here.at(&["spec", "chart", "spec"]).and_then(Named::read);
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
    let base = |resource: &Resource, _: Option<&Effective>| {
        let spec = here.inventory.node(resource)?.at(&["spec", "chart", "spec"])?;
        let chart = own_chart.clone().or_else(|| spec.text_at(&["chart"]).map(str::to_owned))?;
        let source = Named::read(spec)?;
        Some((chart, source.kind, source.name, source.namespace))
    };
    match here.agreed_by_base(&here.links.charts, own_chart.as_deref(), base) {
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
    let (chart, name) = (here.expand(chart)?, here.name(Kind::HelmRepository, reference.name)?);
    let namespace = reference.namespace.map(|namespace| here.expand(namespace)).transpose()?;
    let reference = Reference { name: &name, namespace: namespace.as_deref(), ..reference };
    let read = |resource: &Resource, built: Option<&Effective>| {
        let text = |key: &str| here.inventory.text_of(resource, built, &["spec", key]);
        let url = text("url")?;
        // A variable keeps its case; what it stands for is brought to one form later.
        let url = if url.contains("${") { url } else { crate::reference::normalise_url(&url) };
        Some((url, text("type").as_deref() == Some("oci")))
    };
    let (known, asked) = (&here.links.repositories, (reference, None));
    let ((url, oci), resource) =
        here.links.agreed(known, here.inventory, asked, &here.resource.placements, read)?;
    let at = here.inventory.location(resource);
    let url = here.expand_of(resource, &url)?;
    published(&url, &chart, oci).map(|(key, consumer, _, url)| (key, consumer, Some(at), url))
}

/// Where the chart of a repository with this URL is published.
///
/// Source: HelmRepository `spec.type` decides between an index and a registry; the chart's address is the URL joined
/// with the chart's name.
pub(super) fn published(url: &str, chart: &str, oci: bool) -> Result<Source, Reason> {
    let written = url.trim_end_matches('/').to_owned();
    match url.strip_prefix("oci://") {
        Some(_) if !oci => Err(Reason::SourceUnsupported {
            detail: "an `oci://` URL needs `type: oci` in the HelmRepository; Flux refuses it without"
                .to_owned(),
        }),
        Some(rest) => {
            let repository = format!("{}/{chart}", rest.trim_end_matches('/'));
            Ok((SourceKey::registry(&repository)?, Consumer::HelmOci, None, written))
        }
        None if oci => Err(Reason::SourceUnsupported {
            detail: format!("`type: oci` with the URL {}", without_login(url)),
        }),
        None => {
            let url = crate::reference::normalise_url(url);
            Ok((SourceKey::Helm { url, chart: chart.to_owned() }, Consumer::HelmIndex, None, written))
        }
    }
}
