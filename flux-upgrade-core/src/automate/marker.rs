//! Comments that tie a scalar to an image policy.
//!
//! Source: kyaml 0.21 `setters2` and image-automation-controller `internal/update`, as runs of both on small files show them.

use std::collections::BTreeMap;
use std::fmt;

use memchr::memmem;

use crate::text::{SourceFile, Span};
use crate::yaml::{Comment, Comments, Document, Node, Quote, parse, split};

/// A file without these bytes is not looked into.
const SCREEN: &str = "\"$imagepolicy\"";

/// The long form of a marker's value.
const DEFINITION: &str = "#/definitions/io.k8s.cli.setters.";

/// What of the elected image a marked field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// `name:tag`, and `@digest` where the policy reflects one.
    Reference,
    /// The name.
    Name,
    /// The tag.
    Tag,
    /// The digest, empty where the policy reflects none.
    Digest,
}

/// What a marker says: `namespace:policy`, `namespace:policy:tag`, …
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Setter {
    /// The policy's namespace.
    pub namespace: String,
    /// The policy's name.
    pub policy: String,
    /// What of it is written.
    pub field: Field,
}

impl Setter {
    /// Reads a marker's value; `None` for a text that no policy answers to.
    ///
    /// # Examples
    ///
    /// ```
    /// use flux_upgrade_core::automate::{Field, Setter};
    /// assert_eq!(Setter::parse("apps:podinfo:tag").unwrap().field, Field::Tag);
    /// assert!(Setter::parse("apps:podinfo:TAG").is_none());
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (namespace, policy) = (parts.next()?, parts.next()?);
        let field = match parts.next() {
            None => Field::Reference,
            Some("name") => Field::Name,
            Some("tag") => Field::Tag,
            Some("digest") => Field::Digest,
            Some(_) => return None,
        };
        let is_name = |text: &str| {
            let of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
            !text.is_empty() && text.chars().all(of_name)
        };
        let is_whole = parts.next().is_none() && is_name(namespace) && is_name(policy);
        is_whole.then(|| Self { namespace: namespace.to_owned(), policy: policy.to_owned(), field })
    }
}

/// The text of the marker.
impl fmt::Display for Setter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = match self.field {
            Field::Reference => "",
            Field::Name => ":name",
            Field::Tag => ":tag",
            Field::Digest => ":digest",
        };
        write!(f, "{}:{}{field}", self.namespace, self.policy)
    }
}

/// A marked scalar.
pub(crate) struct Marked {
    /// Its document, as a number into [`Read::documents`].
    pub(crate) document: usize,
    /// Its node there.
    pub(crate) node: u32,
    /// What the marker says.
    pub(crate) value: String,
}

/// What a file has of markers.
pub(crate) struct Read<'t> {
    pub(crate) documents: Vec<Document<'t>>,
    pub(crate) marked: Vec<Marked>,
    /// Why Flux passes the whole file by, if it does.
    pub(crate) passed_by: Option<String>,
}

/// The marked scalars of a file, in the order of the text; `None` for a file that Flux does not look into.
pub(crate) fn read(file: &SourceFile) -> Option<Read<'_>> {
    let name = file.path.name();
    let is_read = name.ends_with(".yaml") || name.ends_with(".yml") || name == "Kustomization";
    if !is_read || memmem::find(file.text.as_bytes(), SCREEN.as_bytes()).is_none() {
        return None;
    }
    let mut out = Read { documents: Vec::new(), marked: Vec::new(), passed_by: None };
    for part in split(&file.text) {
        if part.of(&file.text).lines().next().is_some_and(|line| line.starts_with('%')) {
            out.passed_by.get_or_insert_with(|| "it has a %YAML directive".to_owned());
        }
        let (documents, error) = parse(&file.text, part, Comments::Keep);
        if let Some(error) = error {
            out.passed_by.get_or_insert_with(|| format!("a document of it is not YAML: {}", error.message));
        }
        out.documents.extend(documents);
    }
    for (number, document) in out.documents.iter().enumerate() {
        if document.comments().is_empty() && document.root().is_none() {
            continue;
        }
        if let Some(why) = unfit(document) {
            out.passed_by.get_or_insert_with(|| why.to_owned());
        }
        marked(document, number, &mut out.marked);
    }
    Some(out)
}

/// Why Flux cannot take a document.
fn unfit(document: &Document<'_>) -> Option<&'static str> {
    let root = document.root()?;
    if root.is_sequence() || root.text().is_some() {
        return Some("a document of it is no mapping");
    }
    let annotations = root.at(&["metadata", "annotations"])?;
    let of_kyaml = ["config.kubernetes.io/path", "internal.config.kubernetes.io/path"];
    let fails = of_kyaml.iter().any(|key| annotations.get(key).is_some());
    fails.then_some("an object of it has an annotation config.kubernetes.io/path, on which Flux's run fails")
}

fn marked(document: &Document<'_>, number: usize, out: &mut Vec<Marked>) {
    if document.comments().is_empty() {
        return;
    }
    let parents = document.parents();
    for node in document.nodes() {
        let Some(quote) = node.quote() else { continue };
        let Some((parent, _)) = &parents[node.number() as usize] else { continue };
        if node.span().is_empty() && quote == Quote::Plain {
            continue;
        }
        let line = match quote {
            Quote::Literal | Quote::Folded => header_comment(document, node),
            _ => line_comment(document, node),
        };
        let comment = line.or_else(|| head_comment(document, node, *parent));
        if let Some(value) = comment.and_then(|comment| setter(comment.span.of(document.text()))) {
            out.push(Marked { document: number, node: node.number(), value });
        }
    }
}

/// Whether a comment is a marker.
pub(crate) fn is_marker(comment: &str) -> bool {
    comment.starts_with('#') && setter(comment).is_some()
}

/// The value of a comment that is a marker: after its `#`s one JSON object of texts.
fn setter(comment: &str) -> Option<String> {
    let text = comment.trim_start_matches('#');
    let all: BTreeMap<String, Option<String>> = serde_json::from_str(text).ok()?;
    match (all.get("$imagepolicy"), all.get("$ref")) {
        (Some(value), _) => value.clone(),
        (None, Some(Some(value))) => value.strip_prefix(DEFINITION).map(str::to_owned),
        _ => None,
    }
}

/// The comment behind a scalar on its last line, with nothing but a comma between.
fn line_comment(document: &Document<'_>, node: Node<'_, '_>) -> Option<Comment> {
    let end = node.span().end;
    let comment = document.line_comment(end)?;
    let between = document.text().get(end..comment.span.start)?.trim();
    (between.is_empty() || between == ",").then_some(comment)
}

/// The comment on the line of a block scalar's `|` or `>`.
fn header_comment(document: &Document<'_>, node: Node<'_, '_>) -> Option<Comment> {
    let header = header(document.text(), node.span())?;
    let comment = document.line_comment(header.start)?;
    (comment.span.start >= header.end).then_some(comment)
}

/// The `|` or `>` of a block scalar, with its indicators.
pub(super) fn header(text: &str, content: Span) -> Option<Span> {
    let mut end = content.start;
    // Blank lines may stand between the header and the text.
    loop {
        let start = text.get(..end)?.rfind(['\n', '\r']).map_or(0, |at| at + 1);
        let line = &text[start..end];
        let code = line.split_once(" #").map_or(line, |(code, _)| code).trim_end();
        if code.trim().is_empty() {
            end = start.checked_sub(1)?;
            continue;
        }
        let indicators = code.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
        let mark = indicators.strip_suffix(['|', '>'])?;
        return Some(Span::new(start + mark.len(), start + code.len()));
    }
}

/// The comment on the line above an element of a list, or between a key and its value.
fn head_comment(document: &Document<'_>, node: Node<'_, '_>, parent: Node<'_, '_>) -> Option<Comment> {
    let start = node.span().start;
    let text = document.text();
    let line = text.get(..start)?.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let mut before = text[line..start].split_whitespace();
    let is_own_line = match (parent.is_sequence(), parent.is_flow()) {
        (_, true) => false,
        (true, false) => before.next() == Some("-"),
        (false, false) => true,
    };
    let properties = |word: &str| word.starts_with(['&', '!']);
    if !is_own_line || !before.all(properties) || matches!(node.quote(), Some(Quote::Literal | Quote::Folded))
    {
        return None;
    }
    let mut above = document.comments_above(line.max(1));
    let comment = above.next()?;
    let lone = |comment: &Comment| {
        let before = text.get(comment.line()..comment.span.start);
        before.is_some_and(|before| before.trim().is_empty())
    };
    // A comment of several lines is one text, and no marker.
    (lone(&comment) && above.next().is_none()).then_some(comment)
}
