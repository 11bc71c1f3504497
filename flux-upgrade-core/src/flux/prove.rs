//! Whether the recovered options give the file that is there, and what was changed where they do not.

use std::fmt;

use serde::Serialize;

use super::archive::Release;
use super::compare::{Delta, Step, compare, follow, pair, shown};
use super::manifest::{Manifest, Object, ObjectId, normal};
use super::options::Component;
use super::recover::{RecoverError, Recovered, recover};
use super::render::{RenderError, render};
use crate::text::Span;
use crate::yaml::{self, Comments, Node};

/// Why a file cannot be proven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The file gives no options.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The release cannot be rendered with them.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The release at hand is not the one that the file is of.
    #[error("the file is of Flux {wanted}, and the release at hand is {found}")]
    OtherRelease {
        /// The version of the file.
        wanted: String,
        /// The version of the release.
        found: String,
    },
}

impl ProveError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Recover(error) => error.code(),
            Self::Render(error) => error.code(),
            Self::OtherRelease { .. } => "prove.other-release",
        }
    }
}

/// What is known about a file of Flux's manifests once its release has been rendered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// The options that were recovered.
    pub recovered: Recovered,
    /// Where the file differs from what its release renders; none when its options are proven.
    pub differences: Vec<Difference>,
}

impl Proof {
    /// Whether the release with the recovered options gives the file: byte for byte, line ends and the order of documents
    /// aside.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        !self.differences.iter().any(Difference::is_edit)
    }
}

/// A place where a file differs from what its release renders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The object; `None` for the comments at the top and the file as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectId>,
    /// The field, such as `spec.replicas`; `""` for the whole object.
    pub field: String,
    /// What the release renders there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rendered: Option<String>,
    /// What the file says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What may have happened.
    pub cause: Cause,
    /// The line in the file, from 1.
    pub line: usize,
}

impl Difference {
    /// Whether somebody changed what the file says, and not only the order of its documents.
    #[must_use]
    pub fn is_edit(&self) -> bool {
        !matches!(self.cause, Cause::Order)
    }
}

/// `line 12: Deployment/source-controller spec.replicas: 1 -> 2 (replicas changed)`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}:", self.line)?;
        if let Some(object) = &self.object {
            write!(f, " {object}")?;
        }
        if !self.field.is_empty() {
            write!(f, " {}", self.field)?;
        }
        match (&self.rendered, &self.found) {
            (Some(old), Some(new)) => write!(f, ": {} -> {}", cut(old), cut(new))?,
            (Some(old), None) => write!(f, ": {} is gone", cut(old))?,
            (None, Some(new)) => write!(f, ": {} is new", cut(new))?,
            (None, None) => {}
        }
        write!(f, " ({})", self.cause)
    }
}

/// The first characters of a long value.
fn cut(text: &str) -> String {
    let mut line: String = text.chars().take(72).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() < text.len() {
        line.push('…');
    }
    line
}

/// What may have made a file differ from its release.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Cause {
    /// The comments at the top say something else than the objects: a bot moved one and not the other.
    Header,
    /// The image is the one of other releases: a bot moved it without the rest.
    ImageOfRelease {
        /// The first and the last release with this image.
        releases: String,
    },
    /// The tag of the image is one of no release at hand: a bot moved it without the rest.
    ImageTag,
    /// The image comes from somewhere else.
    Image,
    /// A digest was added to the image.
    Digest,
    /// The object has the label of another release.
    Label,
    /// The namespace was changed.
    Namespace,
    /// The number of pods was changed.
    Replicas,
    /// Requests or limits were changed.
    Resources,
    /// An argument was changed, added or removed.
    Argument,
    /// The object was added.
    ObjectAdded,
    /// The object was removed.
    ObjectRemoved,
    /// The documents stand in another order: Terraform and other programs sort them.
    Order,
    /// Comments, quotes, the order of keys or blank lines were changed.
    Layout,
    /// Something else was changed.
    Edit,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "the header disagrees with the objects",
            Self::ImageOfRelease { releases } => return write!(f, "the image of Flux {releases}"),
            Self::ImageTag => "the image of no release at hand",
            Self::Image => "image changed",
            Self::Digest => "digest added",
            Self::Label => "the label of another release",
            Self::Namespace => "namespace edited",
            Self::Replicas => "replicas changed",
            Self::Resources => "resources changed",
            Self::Argument => "argument changed",
            Self::ObjectAdded => "object added",
            Self::ObjectRemoved => "object removed",
            Self::Order => "documents sorted, as Terraform does",
            Self::Layout => "comments or layout changed",
            Self::Edit => "edited",
        })
    }
}

/// Renders the release of a file with the options recovered from it, and compares.
///
/// `release` is the release that [`Recovered::version`] names. `others` are releases whose images are recognised in a file that
/// was moved by halves; it may be empty.
///
/// # Errors
///
/// [`ProveError`] when the file gives no options, the release is another, or does not render.
pub fn prove(text: &str, release: &Release, others: &[Release]) -> Result<Proof, ProveError> {
    prove_with(text, release, others).map(|(proof, ..)| proof)
}

/// The proof, for each of its differences where it comes from, and what the release renders.
pub(super) fn prove_with(
    text: &str,
    release: &Release,
    others: &[Release],
) -> Result<(Proof, Vec<Option<Delta>>, String), ProveError> {
    let recovered = recover(text)?;
    let text = normal(text);
    let wanted = recovered.version().unwrap_or_default();
    if wanted.trim_start_matches('v') != release.version().text().trim_start_matches('v') {
        return Err(ProveError::OtherRelease {
            wanted: wanted.to_owned(),
            found: release.version().text().to_owned(),
        });
    }
    let rendered = render(release, &recovered.options)?;
    let mut told = Vec::new();
    if rendered.trim_end_matches('\n') != text.trim_end_matches('\n') {
        let read = |text| Manifest::read(text).map_err(RecoverError::from);
        told = Explainer { rendered: &read(&rendered)?, found: &read(&text)?, release, others }.run();
    }
    let (differences, deltas) = told.into_iter().unzip();
    Ok((Proof { recovered, differences }, deltas, rendered))
}

struct Explainer<'e, 't> {
    rendered: &'e Manifest<'t>,
    found: &'e Manifest<'t>,
    release: &'e Release,
    others: &'e [Release],
}

impl Explainer<'_, '_> {
    fn run(&self) -> Vec<(Difference, Option<Delta>)> {
        let mut out: Vec<Difference> = self.header();
        let deltas = compare(self.rendered, self.found);
        let explained: Vec<(Difference, Option<Delta>)> =
            deltas.into_iter().map(|delta| (self.explain(&delta), Some(delta))).collect();
        let told = |id: &ObjectId| explained.iter().any(|(one, _)| one.object.as_ref() == Some(id));
        for (old, new) in pair(self.rendered, self.found) {
            let (Some(old), Some(at)) = (old, new) else { continue };
            let (old, new) = (&self.rendered.objects[old], &self.found.objects[at]);
            let line = match told(&new.id) {
                true => self.comment(at, &explained),
                false => layout(old, new),
            };
            if let Some(line) = line {
                out.push(Difference { object: Some(new.id.clone()), line, ..whole("layout", Cause::Layout) });
            }
        }
        for line in &self.found.stray {
            out.push(Difference { line: *line, ..whole("a document that is no object", Cause::Edit) });
        }
        if !self.is_in_order() {
            out.push(whole("the order of the documents", Cause::Order));
        }
        if out.is_empty() && explained.is_empty() {
            out.push(whole("between the documents", Cause::Layout));
        }
        let mut out: Vec<_> = out.into_iter().map(|one| (one, None)).chain(explained).collect();
        out.sort_by_key(|(one, _)| one.line);
        out
    }

    /// The line of the first comment in an object that says something else too: one inside a value that was added goes with it.
    fn comment(&self, at: usize, explained: &[(Difference, Option<Delta>)]) -> Option<usize> {
        let object = &self.found.objects[at];
        memchr::memchr(b'#', object.text().as_bytes())?;
        let own = explained.iter().filter_map(|(_, delta)| delta.as_ref()?.new).filter(|(of, _)| *of == at);
        let changed: Vec<Span> =
            own.filter_map(|(_, node)| Some(object.document.node(node)?.span())).collect();
        let (documents, _) = yaml::parse(self.found.text, object.span, Comments::Keep);
        let mut comments = documents.iter().flat_map(|document| document.comments());
        let is_inside = |span: Span| changed.iter().any(|of| of.start <= span.start && span.end <= of.end);
        comments.find(|comment| !is_inside(comment.span)).map(|comment| self.line(comment.span.start))
    }

    /// The comments at the top; every line of them that Flux writes.
    fn header(&self) -> Vec<Difference> {
        let (rendered, found) = (&self.rendered.header, &self.found.header);
        let one = |field: &str, old: &Option<String>, new: &Option<String>, line: usize| {
            let (rendered, found) = (old.clone(), new.clone());
            (old != new).then(|| Difference {
                rendered,
                found,
                line: line.max(1),
                ..whole(field, Cause::Header)
            })
        };
        let version = one("# Flux Version", &rendered.version, &found.version, found.version_line);
        let components = one("# Components", &rendered.components, &found.components, found.components_line);
        version.into_iter().chain(components).collect()
    }

    /// Whether what is in both files stands in the same order.
    fn is_in_order(&self) -> bool {
        let both = pair(self.rendered, self.found).into_iter().filter_map(|(old, new)| old.and(new));
        both.is_sorted()
    }

    fn explain(&self, delta: &Delta) -> Difference {
        let old = delta.old.and_then(|(object, node)| self.rendered.objects[object].document.node(node));
        let new = delta.new.and_then(|(object, node)| self.found.objects[object].document.node(node));
        let object = match (delta.new, delta.old) {
            (Some((at, _)), _) => &self.found.objects[at],
            (None, Some((at, _))) => &self.rendered.objects[at],
            (None, None) => return whole("", Cause::Edit),
        };
        let line = match (new, delta.old) {
            (Some(node), _) => self.line(node.span().start),
            (None, Some((at, _))) => {
                self.partner(at).map_or(1, |object| self.line_above(object, &delta.path.0))
            }
            _ => object.line,
        };
        Difference {
            object: Some(object.id.clone()),
            field: delta.path.to_string(),
            cause: self.cause(delta, &object.id, old, new),
            rendered: old.filter(|_| !delta.path.0.is_empty()).map(shown),
            found: new.filter(|_| !delta.path.0.is_empty()).map(shown),
            line,
        }
    }

    fn line(&self, byte: usize) -> usize {
        1 + memchr::memchr_iter(b'\n', &self.found.text.as_bytes()[..byte]).count()
    }

    /// The line of what is left of the way to a field that is gone.
    fn line_above(&self, object: &Object<'_>, path: &[Step]) -> usize {
        let Some(mut node) = object.root() else { return object.line };
        let mut start = node.span().start;
        for step in path {
            let Some((key, value)) = follow(node, step) else { break };
            (node, start) = (value, key.unwrap_or(value).span().start);
        }
        self.line(start)
    }

    /// The object of the file that stands for one of the release.
    fn partner(&self, rendered: usize) -> Option<&Object<'_>> {
        let (_, new) = pair(self.rendered, self.found).into_iter().find(|(old, _)| *old == Some(rendered))?;
        Some(&self.found.objects[new?])
    }

    fn cause(
        &self,
        delta: &Delta,
        id: &ObjectId,
        old: Option<Node<'_, '_>>,
        new: Option<Node<'_, '_>>,
    ) -> Cause {
        if delta.path.0.is_empty() {
            return if new.is_some() { Cause::ObjectAdded } else { Cause::ObjectRemoved };
        }
        let keys: Vec<&str> = delta
            .path
            .0
            .iter()
            .filter_map(|step| match step {
                Step::Key(key) => Some(key.as_str()),
                _ => None,
            })
            .collect();
        match keys.last().copied().unwrap_or_default() {
            "image" => self.image(id, old.and_then(Node::text), new.and_then(Node::text)),
            "app.kubernetes.io/version" => Cause::Label,
            "namespace" | "app.kubernetes.io/instance" => Cause::Namespace,
            "replicas" => Cause::Replicas,
            "args" => Cause::Argument,
            _ if keys.contains(&"resources") && id.kind == "Deployment" => Cause::Resources,
            _ => Cause::Edit,
        }
    }

    fn image(&self, id: &ObjectId, old: Option<&str>, new: Option<&str>) -> Cause {
        let (Some(old), Some(new), Some(component)) = (old, new, Component::named(&id.name)) else {
            return Cause::Image;
        };
        let (name, digest) = new.split_once('@').unzip();
        let name = name.unwrap_or(new);
        if name == old {
            return if digest.is_some() { Cause::Digest } else { Cause::Image };
        }
        let (Some((before, _)), Some((now, tag))) = (old.rsplit_once(':'), name.rsplit_once(':')) else {
            return Cause::Image;
        };
        if before != now || digest.is_some() {
            return Cause::Image;
        }
        let with_tag: Vec<&Release> = self
            .others
            .iter()
            .filter(|release| {
                release.version() != self.release.version() && release.image_tag(component) == Some(tag)
            })
            .collect();
        let ordered = |a: &&&Release, b: &&&Release| a.version().cmp_precedence(b.version());
        let (first, last) = (with_tag.iter().min_by(ordered), with_tag.iter().max_by(ordered));
        match (first, last) {
            (Some(first), Some(last)) => {
                let (first, last) = (first.version().text(), last.version().text());
                let releases = if first == last { first.to_owned() } else { format!("{first} to {last}") };
                Cause::ImageOfRelease { releases }
            }
            _ => Cause::ImageTag,
        }
    }
}

fn whole(field: &str, cause: Cause) -> Difference {
    Difference { object: None, field: field.to_owned(), rendered: None, found: None, cause, line: 1 }
}

/// The first line of an object whose text differs though it says the same.
fn layout(old: &Object<'_>, new: &Object<'_>) -> Option<usize> {
    let (old, found) = (old.text().trim_end_matches('\n'), new.text().trim_end_matches('\n'));
    if old == found {
        return None;
    }
    let same = old.lines().zip(found.lines()).take_while(|(a, b)| a == b).count();
    Some(new.line + same)
}
