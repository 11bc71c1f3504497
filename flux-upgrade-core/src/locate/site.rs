//! What a site is: one place in a file that pins or constrains a version.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use super::Ignore;
use crate::automate::Marker;
use crate::diagnostic::Diagnostic;
use crate::migrate::Goal;
use crate::plan::Reason;
use crate::reference::{normalise_repository, without_login};
use crate::text::Location;
use crate::version::Dialect;
use crate::yaml::Quote;

/// What a site's text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// An exact chart version.
    Version,
    /// A tag of an OCI or git repository.
    Tag,
    /// A digest alone, without a tag beside it.
    Digest,
    /// A range of versions.
    Range,
    /// A git commit.
    Commit,
    /// A full git ref, such as `refs/tags/v1.2.3`.
    Name,
    /// A git branch, which moves by itself; only [`unpinned`](super::unpinned()) gives such sites.
    Branch,
    /// The API version of a manifest.
    Api,
}

/// The object that holds a site.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Owner {
    /// Its kind, in Flux's spelling.
    pub kind: String,
    /// The namespace that it really gets, where the files tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// What to ask about a site: where its candidates are published.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum SourceKey {
    /// A chart of a Helm repository served over HTTP.
    Helm {
        /// The repository's URL, normalised.
        #[serde(serialize_with = "shown")]
        url: String,
        /// The chart's name.
        chart: String,
    },
    /// A repository of an OCI registry: `host/path`, normalised.
    Oci {
        /// Host and path, without scheme and tag.
        repository: String,
    },
    /// A git repository.
    Git {
        /// Its URL as written.
        #[serde(serialize_with = "shown")]
        url: String,
    },
    /// The releases of Flux itself.
    Flux,
}

impl SourceKey {
    /// The name of what moves: the chart, or the last part of the repository's path.
    #[must_use]
    pub fn package(&self) -> &str {
        let path = match self {
            Self::Helm { chart, .. } => return chart,
            Self::Oci { repository } => repository,
            Self::Git { url } => url.trim_end_matches('/').trim_end_matches(".git"),
            Self::Flux => return "flux2",
        };
        path.rsplit(['/', ':']).next().unwrap_or(path)
    }
}

impl SourceKey {
    /// The repository of a registry, by `host/path` as somebody wrote it.
    ///
    /// No login stands in it: Flux reads names of repositories, which have none. Source: distribution/reference `reference.go`.
    pub(crate) fn registry(text: &str) -> Result<Self, Reason> {
        let shown = without_login(text);
        if shown != text || text.split('/').next().is_some_and(|host| host.contains('@')) {
            let shown = shown.rsplit('@').next().unwrap_or_default();
            let detail = format!("a login stands before `{shown}`; a Secret is its place");
            return Err(Reason::SourceUnsupported { detail });
        }
        Ok(Self::Oci { repository: normalise_repository(text) })
    }

    /// Where it is published: an address that rules can match.
    #[must_use]
    pub fn address(&self) -> String {
        match self {
            Self::Helm { url, .. } | Self::Git { url } => without_login(url).into_owned(),
            Self::Oci { repository } => format!("oci://{repository}"),
            Self::Flux => FLUX_URL.to_owned(),
        }
    }

    /// The name of what moves, in full: the chart, or host and path.
    #[must_use]
    pub fn full_package(&self) -> String {
        match self {
            Self::Helm { chart, .. } => chart.clone(),
            Self::Oci { repository } => repository.clone(),
            Self::Git { url } => crate::reference::normalise_git(url),
            Self::Flux => "fluxcd/flux2".to_owned(),
        }
    }

    /// The same for every spelling of one source, so that each is asked once.
    pub(crate) fn canonical(&self) -> Self {
        match self {
            Self::Git { url } => Self::Git { url: crate::reference::normalise_git(url) },
            other => other.clone(),
        }
    }
}

impl fmt::Display for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Helm { url, chart } => write!(f, "{} {chart}", without_login(url).trim_end_matches('/')),
            Self::Oci { repository } => write!(f, "oci://{repository}"),
            Self::Git { url } => f.write_str(&without_login(url)),
            Self::Flux => f.write_str("the releases of Flux"),
        }
    }
}

/// An address without the login that may stand in it.
fn shown<S: serde::Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&without_login(url))
}

/// Where Flux itself is published.
const FLUX_URL: &str = "https://github.com/fluxcd/flux2";

/// Who reads the text in the cluster, which decides what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consumer {
    /// A chart from an HTTP index.
    HelmIndex,
    /// A chart from a HelmRepository of `type: oci`.
    HelmOci,
    /// An OCIRepository.
    Oci {
        /// `spec.ref.semverFilter`.
        filter: Option<String>,
        /// Whether tags are read with `_` as `+`: the layer is a Helm chart.
        chart: bool,
    },
    /// A GitRepository.
    Git,
    /// Whoever reads a git tag or commit where a comment says what it is: with the `v` of the tag, or without.
    Comment,
    /// Terraform, which reads tags of a git repository as versions, and ranges as constraints of its own.
    Terraform,
    /// A container runtime, or whatever else takes an image reference.
    Image,
    /// The Flux Operator, or an installer of Flux.
    Flux,
    /// Nobody: it is the version of a file of Flux's own manifests, which is rendered again as a whole.
    FluxManifests,
    /// The API of a cluster, which serves some versions of a kind.
    Api {
        /// What the document is moved to.
        goal: Goal,
    },
}

impl Consumer {
    /// Whether its candidates are refs of a git repository.
    pub(crate) fn is_git(&self) -> bool {
        matches!(self, Self::Git | Self::Comment | Self::Terraform)
    }
}

/// Bytes that an edit may replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The whole scalar, with its quotes.
    pub at: Location,
    /// The scalar's bytes in the file.
    pub raw: String,
    /// What the field says there: the scalar's value, or the part of it that moves.
    pub value: String,
    /// How it is quoted.
    pub style: Style,
    /// What stands around the moving part.
    pub frame: Frame,
}

/// What stands around the part of a scalar that moves.
///
/// In `image: ghcr.io/app:v1@sha256:…` the tag and digest move, and `ghcr.io/app:` stands before them. Where a field says
/// `v${VERSION}` and a variable says `1.2.3`, the field's text is `v1.2.3`, and `v` leads it without being in the variable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// What the scalar has before the moving part.
    pub before: String,
    /// What the scalar has after it.
    pub after: String,
    /// What the field has before it and the scalar lacks.
    pub lead: String,
    /// What the field has after it and the scalar lacks.
    pub trail: String,
    /// Whether the version stands in `after` once more, without its `v`, and moves there too.
    pub echo: bool,
}

impl Spot {
    /// What the scalar says when the field says `new`; `None` where the scalar cannot make it say that.
    pub(crate) fn whole(&self, new: &str) -> Option<String> {
        let frame = &self.frame;
        let own = new.strip_prefix(frame.lead.as_str())?.strip_suffix(frame.trail.as_str())?;
        let bare = |version: &'_ str| version.strip_prefix('v').unwrap_or(version).to_owned();
        let after = match frame.echo {
            true => Cow::Owned(echoed(&frame.after, &bare(&self.value), &bare(new))),
            false => Cow::Borrowed(&frame.after),
        };
        Some(format!("{}{own}{after}", frame.before))
    }
}

/// A text with a version in it moved, where neither neighbour makes it a part of another number.
fn echoed(text: &str, old: &str, new: &str) -> String {
    let (mut out, mut from) = (String::with_capacity(text.len() + new.len()), 0);
    for (at, _) in text.match_indices(old) {
        let number = |c: char| c.is_ascii_digit() || c == '.';
        let before = text[..at].ends_with(number);
        let mut after = text[at + old.len()..].chars();
        let goes_on = match after.next() {
            Some('.') => after.next().is_some_and(|c| c.is_ascii_digit()),
            next => next.is_some_and(|c| c.is_ascii_digit()),
        };
        if !before && !goes_on {
            out.push_str(&text[from..at]);
            out.push_str(new);
            from = at + old.len();
        }
    }
    out.push_str(&text[from..]);
    out
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// `'…'`.
    Single,
    /// `"…"`.
    Double,
    /// `|` or `>`.
    Block,
    /// A word as it stands: in a comment, in a file that is no YAML, in quotes inside a quoted text.
    Word,
    /// A word as it stands, without quotes inside a quoted or folded text.
    PlainWord,
}

impl From<Quote> for Style {
    fn from(quote: Quote) -> Self {
        match quote {
            Quote::Plain => Self::Plain,
            Quote::Single => Self::Single,
            Quote::Double => Self::Double,
            Quote::Literal | Quote::Folded => Self::Block,
        }
    }
}

/// Where a key can be added after a value, and what stands around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Insertion {
    /// The place, an empty span.
    pub at: Location,
    /// What comes before the key: a line end and the indentation, or a comma.
    pub before: String,
}

/// One place in a file that pins or constrains a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Stable name of the site within one set of files: `path:line:column`.
    pub id: String,
    /// Where the field's value stands.
    pub at: Location,
    /// The object that holds it.
    pub owner: Owner,
    /// The field, dotted from the object's root.
    pub field: String,
    /// What the text is.
    pub part: Part,
    /// The scalar to edit: where the field stands, or the anchor that it repeats.
    pub spot: Spot,
    /// A digest, or for git a commit, that moves with it.
    pub digest: Option<Spot>,
    /// The branch that a git commit is taken from.
    pub branch: Option<String>,
    /// Who reads it.
    pub consumer: Consumer,
    /// Where its candidates are published, or why that is not known.
    pub source: Result<SourceKey, Reason>,
    /// The source's URL as written, without a trailing slash.
    pub source_url: Option<String>,
    /// Namespaces that the object gets, where the files tell.
    pub namespaces: Vec<String>,
    /// Where the source object stands, when it is not the owner itself.
    pub source_at: Option<Location>,
    /// Whether the source is marked as one of plain HTTP: `spec.insecure`.
    pub insecure: bool,
    /// Whether the object has what it fetches here verified: `verify` of a source, or of a HelmRelease's chart.
    pub is_verified: bool,
    /// Why it cannot be edited whatever the answer is.
    pub blocked: Option<Reason>,
    /// A comment that says to leave it alone.
    pub ignore: Option<Ignore>,
    /// Clusters that apply the object; empty where the files name no cluster.
    pub clusters: Vec<String>,
    /// Whether the object is suspended.
    pub suspended: bool,
    /// The rules by which the Flux that reads it reads versions, where the files tell.
    pub dialect: Option<Dialect>,
    /// Findings about the text of the site itself.
    pub findings: Vec<Diagnostic>,
    /// Where a digest could be added beside the tag.
    pub insertion: Option<Insertion>,
    /// The variable that the field takes its text from, where `spot` is.
    pub variable: Option<String>,
    /// Other definitions that the field takes a part of its text from: they move only where this site moves with them.
    pub also_from: Vec<Location>,
    /// Patches that set this field of the object in some overlays.
    pub overridden_by: Vec<Location>,
    /// The clusters in which one of these does.
    pub overridden_in: Vec<String>,
    /// Whether it stands in a patch of its owner.
    pub is_patch: bool,
    /// The marker that ties it to an image policy.
    pub marker: Option<Box<Marker>>,
    /// Further places that say the same and move with it: `test` operations of JSON patches.
    pub repeats: Vec<Spot>,
    /// Fields that take their text from here, where a marker here speaks for them.
    pub used_at: Vec<Location>,
    /// Whether it is what a `test` operation of a JSON patch compares with.
    pub is_test: bool,
    /// Names of the objects that a patch changes, where it changes several.
    pub also_owned: Vec<String>,
}

impl Site {
    /// A site that nothing applies and nothing else stands beside.
    ///
    /// Takes where it is read, its owner, its field and what the text is, the scalar to edit, and who reads it with
    /// the source of its candidates. Never fails, never panics. For files that are no objects, and for tests.
    #[must_use]
    pub fn alone(
        at: Location,
        owner: Owner,
        (field, part): (&str, Part),
        spot: Spot,
        (consumer, source): (Consumer, Result<SourceKey, Reason>),
    ) -> Self {
        Self {
            id: at.to_string(),
            at,
            owner,
            field: field.to_owned(),
            part,
            spot,
            digest: None,
            branch: None,
            consumer,
            source,
            source_url: None,
            namespaces: Vec::new(),
            source_at: None,
            insecure: false,
            is_verified: false,
            blocked: None,
            ignore: None,
            clusters: Vec::new(),
            suspended: false,
            dialect: None,
            findings: Vec::new(),
            insertion: None,
            variable: None,
            also_from: Vec::new(),
            overridden_by: Vec::new(),
            overridden_in: Vec::new(),
            is_patch: false,
            repeats: Vec::new(),
            used_at: Vec::new(),
            is_test: false,
            also_owned: Vec::new(),
            marker: None,
        }
    }

    /// The digest, or commit, that is written with the tag: beside it, or in the same text as `tag@digest`.
    #[must_use]
    pub fn pinned_digest(&self) -> Option<&str> {
        match &self.digest {
            Some(digest) => Some(&digest.value),
            None => self.tag_and_digest().map(|(_, digest)| digest),
        }
    }

    /// The policy that an ImagePolicy's own range or order is: what it elects is what the site stands at.
    pub(crate) fn election(&self) -> Option<&Marker> {
        let own = self.owner.kind == "ImagePolicy" && self.field.starts_with("spec.policy.");
        self.marker.as_deref().filter(|_| own)
    }

    /// Tag and digest of a text `tag@digest`, which an OCIRepository takes as a tag.
    pub(crate) fn tag_and_digest(&self) -> Option<(&str, &str)> {
        match (self.part, &self.consumer) {
            (Part::Tag, Consumer::Oci { .. } | Consumer::Image) => self.spot.value.split_once('@'),
            _ => None,
        }
    }

    /// The value as the file has it, unquoted; `tag@digest` where a digest moves with it.
    #[must_use]
    pub fn written(&self) -> String {
        match &self.digest {
            Some(digest) => format!("{}@{}", self.spot.value, digest.value),
            None => self.spot.value.clone(),
        }
    }
}
