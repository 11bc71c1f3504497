//! What is published, and which of it a consumer selects.

pub mod select;

use crate::time::Timestamp;

/// Something published that a site could move to: a tag, a chart version, a Git tag.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidate {
    /// The tag or version as published.
    pub text: String,
    /// What it points at: an OCI digest or a Git commit.
    pub digest: Option<String>,
    /// When it was published; for a Git tag the committer date of its commit.
    pub created: Option<Timestamp>,
    /// The application version a chart names.
    pub app_version: Option<String>,
    /// The Kubernetes versions a chart asks for.
    pub kube_version: Option<String>,
    /// Whether the chart is marked as deprecated; no consumer looks at it.
    pub deprecated: bool,
}

impl Candidate {
    /// A candidate of which only the text is known.
    pub fn new(text: impl Into<String>) -> Candidate {
        Candidate { text: text.into(), ..Candidate::default() }
    }
}

impl AsRef<str> for Candidate {
    fn as_ref(&self) -> &str {
        &self.text
    }
}
