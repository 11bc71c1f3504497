//! The kinds of objects that are read, with the API versions that Flux has served.

/// A kind of object that takes part in an upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `helm.toolkit.fluxcd.io` HelmRelease.
    HelmRelease,
    /// `helm.fluxcd.io` HelmRelease, of the Helm operator.
    HelmOperatorRelease,
    /// HelmChart.
    HelmChart,
    /// HelmRepository.
    HelmRepository,
    /// OCIRepository.
    OciRepository,
    /// GitRepository.
    GitRepository,
    /// Bucket.
    Bucket,
    /// ExternalArtifact.
    ExternalArtifact,
    /// `kustomize.toolkit.fluxcd.io` Kustomization.
    Kustomization,
    /// FluxInstance of the Flux Operator.
    FluxInstance,
    /// ResourceSet of the Flux Operator, which makes objects of templates.
    ResourceSet,
    /// A ConfigMap, whose data may be variables or chart values.
    ConfigMap,
    /// An object of any other kind, which may name images.
    Object,
    /// A kustomization file: `kustomization.yaml`.
    KustomizationFile,
    /// `Chart.yaml` of a Helm chart.
    ChartFile,
    /// A workflow of GitHub Actions.
    Workflow,
    /// A YAML document that is none of these, such as a file of chart values.
    Plain,
}

/// Group, name, kind and every version that some Flux release served.
///
/// Source: the CRDs of the Flux releases 0.13 to 2.9; `helm.fluxcd.io` is the Helm operator's.
const TABLE: &[(&str, &str, Kind, &[&str])] = {
    const HELM: &str = "helm.toolkit.fluxcd.io";
    const SOURCE: &str = "source.toolkit.fluxcd.io";
    const SOURCE_VERSIONS: &[&str] = &["v1alpha1", "v1beta1", "v1beta2", "v1"];
    &[
        (HELM, "HelmRelease", Kind::HelmRelease, &["v2alpha1", "v2beta1", "v2beta2", "v2"]),
        ("helm.fluxcd.io", "HelmRelease", Kind::HelmOperatorRelease, &["v1"]),
        (SOURCE, "HelmChart", Kind::HelmChart, SOURCE_VERSIONS),
        (SOURCE, "HelmRepository", Kind::HelmRepository, SOURCE_VERSIONS),
        (SOURCE, "OCIRepository", Kind::OciRepository, &["v1beta2", "v1"]),
        (SOURCE, "GitRepository", Kind::GitRepository, SOURCE_VERSIONS),
        (SOURCE, "Bucket", Kind::Bucket, SOURCE_VERSIONS),
        (SOURCE, "ExternalArtifact", Kind::ExternalArtifact, &["v1"]),
        (
            "kustomize.toolkit.fluxcd.io",
            "Kustomization",
            Kind::Kustomization,
            &["v1alpha1", "v1beta1", "v1beta2", "v1"],
        ),
        ("fluxcd.controlplane.io", "FluxInstance", Kind::FluxInstance, &["v1"]),
        ("fluxcd.controlplane.io", "ResourceSet", Kind::ResourceSet, &["v1"]),
        ("", "ConfigMap", Kind::ConfigMap, &["v1"]),
    ]
};

/// Parts of a file that hold none of these bytes hold no object of Flux.
pub(super) const FLUX_NEEDLES: &[&str] = &["toolkit.fluxcd.io", "helm.fluxcd.io", "fluxcd.controlplane.io"];

/// Parts that hold none of these either hold no place of ours: images under any key, variables and values, versions
/// that a comment explains, values of the flux-instance chart.
pub(super) const NEEDLES: &[&str] =
    &["mage", "IMAGE", "ConfigMap", "renovate:", "distribution:", "/spec/", "fluxcd/flux2"];

impl Kind {
    /// The kind as its author spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Object => "Object",
            Self::KustomizationFile => "Kustomization",
            Self::ChartFile => "Chart",
            Self::Workflow => "Workflow",
            Self::Plain => "File",
            _ => TABLE.iter().find(|(_, _, kind, _)| *kind == self).map_or("", |(_, name, ..)| name),
        }
    }

    /// The kind as a `sourceRef` or `chartRef` names it.
    pub(crate) fn from_reference(name: &str) -> Option<Self> {
        let mut found =
            TABLE.iter().filter(|(_, known, kind, _)| *known == name && *kind != Self::HelmOperatorRelease);
        found.next().map(|(_, _, kind, _)| *kind)
    }
}

/// What `apiVersion` and `kind` name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// An object that is read.
    Yes(Kind),
    /// An object that is read, in a version that no known Flux serves.
    OtherVersion(Kind, &'static [&'static str]),
    /// Something else.
    No,
}

pub(super) fn lookup(api_version: &str, kind: &str) -> Known {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    match TABLE.iter().find(|(known, name, ..)| *known == group && *name == kind) {
        Some((_, _, kind, versions)) if versions.contains(&version) => Known::Yes(*kind),
        Some((_, _, kind, versions)) => Known::OtherVersion(*kind, versions),
        None => Known::No,
    }
}
