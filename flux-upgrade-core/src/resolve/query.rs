//! What the core asks and what a host answers.

use std::collections::{BTreeMap, BTreeSet};

use super::Candidate;
use crate::flux::Release;
use crate::plan::Failure;
use crate::time::Timestamp;

/// A question about one source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Ask {
    /// Versions of some charts of a Helm repository served over HTTP; answered by [`Answer::Charts`].
    Charts {
        /// The repository's URL, without `index.yaml`.
        url: String,
        /// The charts.
        names: BTreeSet<String>,
    },
    /// Tags of an OCI repository; answered by [`Answer::Tags`].
    Tags {
        /// `host/path`.
        repository: String,
    },
    /// The digest that a tag names now; answered by [`Answer::Digest`].
    Digest {
        /// `host/path`.
        repository: String,
        /// The tag.
        tag: String,
    },
    /// When a tag was published; answered by [`Answer::Created`].
    Created {
        /// `host/path`.
        repository: String,
        /// The tag.
        tag: String,
    },
    /// Branches and tags of a git repository; answered by [`Answer::Refs`].
    Refs {
        /// Its URL, as the first file writes it.
        url: String,
    },
    /// When some refs of a git repository were made; answered by [`Answer::Dates`].
    Dates {
        /// Its URL.
        url: String,
        /// Objects by the name of the ref: of an annotated tag the tag, otherwise the commit.
        refs: BTreeMap<String, String>,
    },
    /// The releases of Flux itself; answered by [`Answer::Releases`].
    Releases,
    /// The manifests of a release of Flux; answered by [`Answer::Manifests`].
    Manifests {
        /// The version, with its `v`.
        version: String,
    },
}

impl Ask {
    /// The OCI repository that is asked.
    #[must_use]
    pub fn repository(&self) -> Option<&str> {
        match self {
            Self::Tags { repository }
            | Self::Digest { repository, .. }
            | Self::Created { repository, .. } => Some(repository),
            Self::Charts { .. }
            | Self::Refs { .. }
            | Self::Dates { .. }
            | Self::Releases
            | Self::Manifests { .. } => None,
        }
    }

    /// The source that is asked, for messages.
    #[must_use]
    pub fn source(&self) -> String {
        match self {
            Self::Charts { url, .. } | Self::Refs { url } | Self::Dates { url, .. } => {
                crate::reference::without_login(url).into_owned()
            }
            Self::Tags { repository } => format!("oci://{repository}"),
            Self::Releases => crate::locate::SourceKey::Flux.address(),
            Self::Manifests { version } => format!("manifests.tar.gz of Flux {version}"),
            Self::Digest { repository, tag } | Self::Created { repository, tag } => {
                format!("oci://{repository}:{tag}")
            }
        }
    }
}

/// A question with the number to answer it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Its number within one [`Resolver`](super::Resolver).
    pub id: usize,
    /// What is asked.
    pub ask: Ask,
    /// Whether the files mark the registry as one of plain HTTP (`insecure: true`), each time that they name it.
    pub insecure: bool,
    /// Whether no plan needs it, and it is asked so that a snapshot serves `ranges`, `lock` and `convert` as well.
    pub beside: bool,
}

/// What a host found.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Entries by chart, in the order of the index; a chart that the index lacks is an empty list.
    Charts(BTreeMap<String, Vec<Candidate>>),
    /// Tags, each with digest and date where the host knows them.
    Tags(Vec<Candidate>),
    /// `algorithm:hex`.
    Digest(String),
    /// The time of publication, none where the registry has none.
    Created(Option<Timestamp>),
    /// Full ref names, each with its commit in [`Candidate::digest`].
    Refs(Vec<Candidate>),
    /// Times by the name of the ref: of the tagger, else of the committer; a ref that has none is absent.
    Dates(BTreeMap<String, Timestamp>),
    /// Releases of Flux, `vX.Y.Z`.
    Releases(Vec<Candidate>),
    /// What a release's `manifests.tar.gz` holds.
    Manifests(Release),
}

/// An answer, or why there is none.
pub type Outcome = Result<Answer, Failure>;
