//! Which candidate each consumer selects for what is written in a manifest.
//!
//! Flux's controllers and Helm differ in which texts count as versions, whether an exact text wins over a range, and how
//! equal versions are told apart. Each function here is one consumer, under the name its documentation has.

mod chart;
mod git;
mod oci;

pub use chart::{
    ChartEntry, chart_tag, helm_chart, helm_dependency, helm_oci_chart, http_chart, is_range_text,
    literal_chart_tag, load_entries, normalize_helm_url, oci_chart, version_of_tag,
};
pub use git::{GitReference, GitSelector, git_revision, git_tag, peeled};
pub use oci::{OciReference, OciSelector, artifact_reference, is_digest, list_tags, oci_tag};

use super::Candidate;
use crate::version::{Dialect, PatternError, Range, RangeError, Version};

/// What a consumer selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection<'a> {
    /// The selected candidate.
    pub candidate: &'a Candidate,
    /// Others of the same precedence that the consumer may select as well; empty when its choice is certain.
    pub ties: Vec<&'a Candidate>,
}

/// The candidates that are versions by the three-part rule and lie in a range, newest first, equal ones in the order given.
///
/// Source: fluxcd/pkg `version/version.go`, `Sort`; ResourceSetInputProvider lists tags this way.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::resolve::{Candidate, select::newest_first};
/// use flux_upgrade_core::version::{Dialect, Range};
/// let tags = ["1.2.0", "v1.3.1", "2.0.0", "latest"].map(Candidate::new);
/// let found = newest_first(&Range::parse("1.x")?, &tags, Dialect::default());
/// assert_eq!(found.iter().map(|tag| tag.text.as_str()).collect::<Vec<_>>(), ["v1.3.1", "1.2.0"]);
/// # Ok::<(), flux_upgrade_core::version::RangeError>(())
/// ```
pub fn newest_first<'a>(range: &Range, candidates: &'a [Candidate], dialect: Dialect) -> Vec<&'a Candidate> {
    let mut found: Vec<(Version, &Candidate)> = candidates
        .iter()
        .filter_map(|candidate| Some((Version::parse_flux_in(&candidate.text, dialect).ok()?, candidate)))
        .filter(|(version, _)| range.matches(version))
        .collect();
    found.sort_by(|(left, _), (right, _)| right.cmp_precedence(left));
    found.into_iter().map(|(_, candidate)| candidate).collect()
}

/// Why a consumer selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// What is written is not a range.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// The `semverFilter` is not a pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// No candidate is a version that lies in the range.
    #[error("no candidate is a version in `{wanted}`")]
    NoMatch {
        /// What is written.
        wanted: String,
    },
    /// `spec.ref.digest` is not a digest.
    #[error("`{text}` is not a digest: expected an algorithm, a colon and hex digits")]
    Digest {
        /// What is written.
        text: String,
    },
    /// The URL of an OCI source does not start with `oci://`.
    #[error("`{url}` is not the address of an OCI repository: expected `oci://` at its start")]
    Url {
        /// What is written.
        url: String,
    },
    /// `spec.ref.name` is not a full Git ref.
    #[error("`{name}` is not a full Git ref: expected one such as `refs/heads/main`")]
    RefName {
        /// What is written.
        name: String,
    },
}

impl SelectError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            SelectError::Range(error) => error.code(),
            SelectError::Pattern(error) => error.code(),
            SelectError::NoMatch { .. } => "select.no-match",
            SelectError::Digest { .. } => "select.digest",
            SelectError::Url { .. } => "select.url",
            SelectError::RefName { .. } => "select.ref-name",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn tags(texts: &[&str]) -> Vec<Candidate> {
        texts.iter().copied().map(Candidate::new).collect()
    }

    fn dated(texts: &[(&str, &str)]) -> Vec<Candidate> {
        texts
            .iter()
            .map(|(text, date)| Candidate { created: Timestamp::parse(date).ok(), ..Candidate::new(*text) })
            .collect()
    }

    fn texts<'a>(selection: &Selection<'a>) -> (&'a str, Vec<&'a str>) {
        (&selection.candidate.text, selection.ties.iter().map(|tie| tie.text.as_str()).collect())
    }

    #[test]
    fn equal_git_tags_go_by_date_and_then_tie() {
        let range = Range::parse("1.x").unwrap();
        let apart = dated(&[("v1.0.0", "2024-01-01"), ("1.0.0", "2024-01-02"), ("1.0.0+b", "2023-01-01")]);
        let selection = git_tag(&range, &apart, Dialect::default()).unwrap();
        assert_eq!(texts(&selection), ("1.0.0", vec![]));
        let together = tags(&["0.9.0", "v1.0.0", "1.0.0"]);
        let selection = git_tag(&range, &together, Dialect::default()).unwrap();
        assert_eq!(texts(&selection), ("v1.0.0", vec!["1.0.0"]));
    }

    #[test]
    fn equal_oci_tags_tie_whatever_their_dates() {
        let range = Range::parse("*").unwrap();
        let equals = dated(&[("1.0.0", "2024-01-01"), ("v1.0.0", "2024-01-02"), ("0.9.0", "2025-01-01")]);
        let selection = oci_tag(&range, None, false, &equals, Dialect::default()).unwrap();
        assert_eq!(texts(&selection), ("1.0.0", vec!["v1.0.0"]));
    }

    #[test]
    fn flux_and_helm_differ_on_an_index() {
        let entries: Vec<ChartEntry> = ["1.2.3", "v1.2.3", "1.9", "1.2.4-rc.1", "bad"]
            .map(|version| ChartEntry {
                name: "app".into(),
                version: version.into(),
                ..ChartEntry::default()
            })
            .into();
        let loaded: Vec<Candidate> = load_entries(entries).iter().map(ChartEntry::candidate).collect();
        assert_eq!(
            loaded.iter().map(|entry| entry.text.as_str()).collect::<Vec<_>>(),
            ["1.9", "1.2.4-rc.1", "1.2.3", "v1.2.3"]
        );
        let flux =
            |requested| http_chart(requested, &loaded, Dialect::default()).unwrap().candidate.text.as_str();
        let helm = |requested| helm_chart(requested, &loaded).unwrap().candidate.text.as_str();
        assert_eq!((flux("*"), helm("*")), ("v1.2.3", "1.9"));
        assert_eq!((flux("1.9"), helm("1.9")), ("1.9", "1.9"));
        assert_eq!((flux("=1.2.3"), helm("=1.2.3")), ("v1.2.3", "1.2.3"));
        assert_eq!((flux("1.2.4-rc.1"), helm(">1.2.3-0")), ("1.2.4-rc.1", "1.9"));
    }

    #[test]
    fn a_dependency_needs_a_url() {
        let entry = |version: &str, url: Option<&str>| ChartEntry {
            name: "app".into(),
            version: version.into(),
            urls: url.map(str::to_owned).into_iter().collect(),
            ..ChartEntry::default()
        };
        let entries = load_entries(vec![
            entry("1.0.0", Some("a.tgz")),
            entry("1.1.0", None),
            entry("0.9", Some("b.tgz")),
        ]);
        assert_eq!(helm_dependency("*", &entries).unwrap().version, "1.0.0");
        assert_eq!(helm_dependency("0.x", &entries).unwrap().version, "0.9");
        assert!(helm_dependency("2.x", &entries).is_err());
        assert!(helm_dependency("", &entries).is_err());
    }

    #[test]
    fn entries_without_valid_metadata_are_dropped() {
        let good = ChartEntry { name: "app".into(), version: "1.0.0".into(), ..ChartEntry::default() };
        let bad = [
            ChartEntry { version: "0..1".into(), ..good.clone() },
            ChartEntry { version: String::new(), ..good.clone() },
            ChartEntry { name: String::new(), ..good.clone() },
            ChartEntry { name: "../app".into(), ..good.clone() },
            ChartEntry { chart_type: "operator".into(), ..good.clone() },
        ];
        for entry in bad {
            assert!(!entry.is_valid(), "{entry:?}");
        }
        assert!(ChartEntry { chart_type: "library".into(), ..good }.is_valid());
    }

    #[test]
    fn references_take_effect_in_the_executed_order() {
        let all = GitReference {
            branch: Some("main"),
            tag: Some("v1"),
            semver: Some("1.x"),
            name: Some("refs/heads/x"),
            commit: Some("c0ffee"),
        };
        let selected = |reference: GitReference<'_>| reference.selector(Dialect::default()).unwrap();
        assert!(matches!(selected(all), GitSelector::Commit { .. }));
        assert!(matches!(selected(GitReference { commit: None, ..all }), GitSelector::Name(_)));
        let tagged = GitReference { commit: None, name: Some(""), ..all };
        assert_eq!(selected(tagged), GitSelector::Tag("v1".into()));
        assert!(tagged.contradicts_documentation() && !all.contradicts_documentation());
        assert!(matches!(selected(GitReference { tag: None, ..tagged }), GitSelector::SemVer(_)));
        assert_eq!(selected(GitReference::default()), GitSelector::Branch("master".into()));
        let short = GitReference { name: Some("main"), ..GitReference::default() };
        assert!(short.selector(Dialect::default()).is_err());
    }

    #[test]
    fn digests_are_validated() {
        let hex = "0a".repeat(32);
        assert!(is_digest(&format!("sha256:{hex}")));
        for text in ["invalid", "sha256:", "sha256:0a", ":0a0a", &format!("sha256:{}", hex.to_uppercase())] {
            assert!(!is_digest(text), "{text}");
        }
    }
}
