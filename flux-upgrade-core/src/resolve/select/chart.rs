//! Charts: HTTP indexes and OCI registries, as Flux and as Helm read them.

use super::git::{Equals, highest};
use super::{Candidate, SelectError, Selection};
use crate::time::Timestamp;
use crate::version::{Dialect, Range, Version};

/// One entry of a chart in an `index.yaml`, as far as selection needs it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChartEntry {
    /// `name`
    pub name: String,
    /// `version`
    pub version: String,
    /// `created`
    pub created: Option<Timestamp>,
    /// `urls`; the first one is downloaded.
    pub urls: Vec<String>,
    /// `digest`, not used for choosing.
    pub digest: Option<String>,
    /// `type`: empty, `application` or `library`.
    pub chart_type: String,
    /// `appVersion`
    pub app_version: Option<String>,
    /// `kubeVersion`
    pub kube_version: Option<String>,
    /// `deprecated`, not used for choosing.
    pub deprecated: bool,
}

impl ChartEntry {
    /// Whether Helm keeps the entry when it loads an index: a version the lenient parser reads, a name without path
    /// separators, a known type.
    ///
    /// Source: helm/helm `pkg/repo/v1/index.go`, `pkg/chart/v2/metadata.go`.
    pub fn is_valid(&self) -> bool {
        let plain_name = !self.name.is_empty() && !self.name.contains(['/', '\\']) && self.name != "..";
        let known_type = matches!(self.chart_type.as_str(), "" | "application" | "library");
        plain_name && known_type && Version::parse(&self.version).is_ok()
    }

    /// The entry as a candidate.
    pub fn candidate(&self) -> Candidate {
        Candidate {
            text: self.version.clone(),
            digest: self.digest.clone(),
            tag_object: None,
            created: self.created.filter(|time| time.is_believed()),
            app_version: self.app_version.clone(),
            kube_version: self.kube_version.clone(),
            deprecated: self.deprecated,
        }
    }
}

/// The entries of one chart as Helm and Flux hold them after loading: invalid ones dropped, versions descending, equal
/// versions in the order of the index.
///
/// Source: helm/helm `pkg/repo/v1/index.go`, `loadIndex` and `SortEntries`.
pub fn load_entries(mut entries: Vec<ChartEntry>) -> Vec<ChartEntry> {
    entries.retain(ChartEntry::is_valid);
    let mut keyed: Vec<(Option<Version>, ChartEntry)> =
        entries.into_iter().map(|entry| (Version::parse(&entry.version).ok(), entry)).collect();
    keyed.sort_by(|(left, _), (right, _)| match (left, right) {
        (Some(left), Some(right)) => right.cmp_precedence(left),
        (left, right) => right.is_some().cmp(&left.is_some()),
    });
    keyed.into_iter().map(|(_, entry)| entry).collect()
}

/// The entry that a HelmRepository with an HTTP index gives for `requested`.
///
/// `entries` are in loaded order (see [`load_entries`]). The exact text wins; empty and `*` mean the highest stable
/// version; otherwise the highest entry in the range by the three-part rule, of equal ones the latest `created`, and then
/// the last. Source: fluxcd/source-controller `internal/helm/repository/chart_repository.go`.
///
/// # Errors
///
/// [`SelectError::Range`] and [`SelectError::NoMatch`].
pub fn http_chart<'a>(
    requested: &str,
    entries: &'a [Candidate],
    dialect: Dialect,
) -> Result<Selection<'a>, SelectError> {
    if let Some(candidate) = exact(requested, entries) {
        return Ok(Selection { candidate, ties: Vec::new() });
    }
    let range = range_of(requested, dialect)?;
    let version_of = |entry: &Candidate| Version::parse_flux_in(&entry.text, dialect).ok();
    let mut selection = highest(&range, entries, Equals::LatestCreated, version_of)?;
    if let Some(last) = selection.ties.pop() {
        selection.ties.push(std::mem::replace(&mut selection.candidate, last));
    }
    Ok(selection)
}

/// The entry that Helm itself takes from an HTTP index: the exact text, else the first in the range, where versions with
/// one or two numbers count.
///
/// Source: helm/helm `pkg/repo/v1/index.go`, `Get`.
///
/// # Errors
///
/// [`SelectError::Range`] and [`SelectError::NoMatch`].
pub fn helm_chart<'a>(requested: &str, entries: &'a [Candidate]) -> Result<Selection<'a>, SelectError> {
    first_in_order(requested, entries)
}

/// The tag that Helm itself takes from a list of OCI tags, in the order given.
///
/// Source: helm/helm `pkg/registry/tag.go`, `GetTagMatchingVersionOrConstraint`.
///
/// # Errors
///
/// [`SelectError::Range`] and [`SelectError::NoMatch`].
pub fn helm_oci_chart<'a>(requested: &str, tags: &'a [Candidate]) -> Result<Selection<'a>, SelectError> {
    first_in_order(requested, tags)
}

/// The entry that `helm dependency` locks: the first in the range that has a URL.
///
/// Source: helm/helm `internal/resolver/resolver.go`.
///
/// # Errors
///
/// [`SelectError::Range`] and [`SelectError::NoMatch`].
pub fn helm_dependency<'a>(
    requested: &str,
    entries: &'a [ChartEntry],
) -> Result<&'a ChartEntry, SelectError> {
    let range = Range::parse(requested)?;
    entries
        .iter()
        .filter(|entry| !entry.urls.is_empty())
        .find(|entry| Version::parse(&entry.version).is_ok_and(|version| range.matches(&version)))
        .ok_or_else(|| SelectError::NoMatch { wanted: requested.to_owned() })
}

/// The tag that a HelmRepository of type `oci` uses without listing: a text that passes the three-part rule, with `+`
/// written as `_`. `None` means that tags are listed and `requested` is a range.
///
/// So `1.2.0` is a tag and `1.2` is a range, and `1.2.3` never finds a tag `v1.2.3`. Source: fluxcd/source-controller
/// `internal/helm/repository/oci_chart_repository.go`.
pub fn literal_chart_tag(requested: &str, dialect: Dialect) -> Option<String> {
    Version::parse_flux_in(requested, dialect).ok().map(|_| chart_tag(requested))
}

/// The tag that a HelmRepository of type `oci` selects for `requested` from the tags of the registry.
///
/// See [`literal_chart_tag`] for texts that are used as they are. Of the listed tags only strict versions count, so that
/// `v1.2.3`, `1.2` and `2024.01.05` vanish; an exact text wins over a range.
///
/// # Errors
///
/// [`SelectError::Range`] and [`SelectError::NoMatch`].
pub fn oci_chart(requested: &str, tags: &[Candidate], dialect: Dialect) -> Result<String, SelectError> {
    if let Some(tag) = literal_chart_tag(requested, dialect) {
        return Ok(tag);
    }
    let strict = |tag: &Candidate| Version::parse_strict(&version_of_tag(&tag.text)).ok();
    if let Some(tag) = tags.iter().find(|tag| version_of_tag(&tag.text) == requested && strict(tag).is_some())
    {
        return Ok(tag.text.clone());
    }
    let range = range_of(requested, dialect)?;
    highest(&range, tags, Equals::Tied, strict).map(|selection| chart_tag(&selection.candidate.text))
}

/// The OCI tag of a chart version: `+` is written as `_`.
pub fn chart_tag(version: &str) -> String {
    version.replace('+', "_")
}

/// The chart version of an OCI tag: `_` reads as `+`.
pub fn version_of_tag(tag: &str) -> String {
    tag.replace('_', "+")
}

/// Whether Helm takes a version text as a range: it is not a version by the lenient parser, but a range.
///
/// Source: helm/helm `pkg/repo/v1/index.go`.
pub fn is_range_text(text: &str) -> bool {
    Version::parse(text).is_err() && Range::is_valid(text)
}

/// The address of a chart repository as Flux uses it: HTTP paths end in exactly one slash, OCI addresses in none; the
/// query stays.
///
/// Source: fluxcd/source-controller `internal/helm/repository/utils.go`, `NormalizeURL`.
pub fn normalize_helm_url(url: &str) -> String {
    if url.is_empty() {
        return String::new();
    }
    if url.starts_with("oci://") {
        return url.trim_end_matches('/').to_owned();
    }
    let end = url.find(['?', '#']).unwrap_or(url.len());
    format!("{}/{}", url[..end].trim_end_matches('/'), &url[end..])
}

fn exact<'a>(requested: &str, candidates: &'a [Candidate]) -> Option<&'a Candidate> {
    candidates.iter().find(|candidate| !requested.is_empty() && candidate.text == requested)
}

/// What is written as a range; empty means `*`.
fn range_of(requested: &str, dialect: Dialect) -> Result<Range, SelectError> {
    Ok(Range::parse_in(if requested.is_empty() { "*" } else { requested }, dialect)?)
}

fn first_in_order<'a>(requested: &str, candidates: &'a [Candidate]) -> Result<Selection<'a>, SelectError> {
    let range = range_of(requested, Dialect::default())?;
    let in_range =
        |candidate: &&Candidate| Version::parse(&candidate.text).is_ok_and(|version| range.matches(&version));
    exact(requested, candidates)
        .or_else(|| candidates.iter().find(in_range))
        .map(|candidate| Selection { candidate, ties: Vec::new() })
        .ok_or_else(|| SelectError::NoMatch { wanted: requested.to_owned() })
}
