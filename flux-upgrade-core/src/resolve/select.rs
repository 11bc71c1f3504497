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
use crate::version::{PatternError, RangeError};

/// What a consumer selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection<'a> {
    /// The selected candidate.
    pub candidate: &'a Candidate,
    /// Others of the same precedence that the consumer may select as well; empty when its choice is certain.
    pub ties: Vec<&'a Candidate>,
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
