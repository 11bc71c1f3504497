//! Lossless YAML: the text stays as it is, and nodes point into it.
//!
//! - A file is cut at its `---` lines first, so a broken document leaves its neighbours alone.
//! - A node knows the bytes that it was read from; decoding those bytes gives its value.
//! - Aliases and merge keys are followed where a field is looked up, and never expanded, so an alias bomb is as cheap
//!   as its text.
//! - Positions are bytes of the whole file, from 0.

mod assignments;
mod comment;
mod embedded;
mod events;
mod scalar;
mod split;

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) use comment::Comment;
pub(crate) use embedded::{block_parts, embedded, templated, unreadable};
pub(crate) use events::{Comments, parse};
pub(crate) use scalar::{Quote, encode, is_null, is_plain_string, number_survives, reads_as_number};
pub(crate) use split::split;

use crate::text::Span;

#[cfg(test)]
pub(crate) mod tests;

/// One document: its nodes in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document<'t> {
    text: &'t str,
    span: Span,
    slots: Vec<Slot<'t>>,
    comments: Vec<Comment>,
    form: Form,
}

/// The collection that holds a node, and the key or the index there.
pub(crate) type Parent<'d, 't> = Option<(Node<'d, 't>, Cow<'d, str>)>;

/// How the texts of a document stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As YAML.
    Yaml,
    /// As YAML in a scalar that is no literal block: what stands there is decoded before it is read.
    Decoded,
    /// As words.
    Words,
}

/// A node as it is kept: children follow their parent, `next` is the slot after the last of them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Slot<'t> {
    body: Body<'t>,
    span: Span,
    next: u32,
    anchored: bool,
    tagged: bool,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Body<'t> {
    Scalar { value: Cow<'t, str>, quote: Quote },
    Mapping { flow: bool },
    Sequence { flow: bool },
    Alias { target: Option<u32> },
}

impl<'t> Document<'t> {
    /// The outermost node, none in a document of comments.
    pub(crate) fn root(&self) -> Option<Node<'_, 't>> {
        (!self.slots.is_empty()).then_some(Node { document: self, at: 0 })
    }

    /// How its texts stand in the file.
    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// The whole text that the document stands in.
    pub(crate) fn text(&self) -> &'t str {
        self.text
    }

    /// The bytes of the document.
    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// Its comments, in order, where they were asked for.
    pub(crate) fn comments(&self) -> &[Comment] {
        &self.comments
    }

    /// Every node, in the order of the text.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = Node<'_, 't>> {
        (0..self.slots.len()).map(|at| Node { document: self, at: at as u32 })
    }

    /// Keys that stand twice in one mapping: the first and the later one each time.
    pub(crate) fn duplicate_keys(&self) -> Vec<(Span, Span)> {
        let mut out = Vec::new();
        for mapping in self.nodes().filter(|node| node.is_mapping()) {
            let mut seen = BTreeMap::new();
            for (key, _) in mapping.entries().filter(|(key, _)| !key.is_alias()) {
                let Some(text) = key.text() else { continue };
                match seen.entry(text) {
                    Entry::Occupied(first) if text != "<<" => out.push((*first.get(), key.span())),
                    Entry::Occupied(_) => {}
                    Entry::Vacant(place) => {
                        place.insert(key.span());
                    }
                }
            }
        }
        out
    }

    /// Texts that are values of mappings or elements of sequences, in the order of the text; keys are none.
    pub(crate) fn values(&self) -> Vec<Node<'_, 't>> {
        let mut is_key = vec![false; self.slots.len()];
        for (key, _) in self.nodes().flat_map(Node::entries) {
            key.below().for_each(|node| is_key[node.at as usize] = true);
        }
        let all = self
            .nodes()
            .filter(|node| !is_key[node.at as usize] && !node.is_mapping() && !node.is_sequence());
        all.filter(|node| node.text().is_some()).collect()
    }

    /// Of each node the collection that holds it, and the key or the index there; nothing of keys and of the root.
    pub(crate) fn parents(&self) -> Vec<Parent<'_, 't>> {
        let mut out = vec![None; self.slots.len()];
        for node in self.nodes() {
            for (key, value) in node.entries() {
                out[value.at as usize] = Some((node, Cow::Borrowed(key.text().unwrap_or_default())));
            }
            for (index, item) in node.items().enumerate() {
                out[item.at as usize] = Some((node, Cow::Owned(index.to_string())));
            }
        }
        out
    }

    /// The node with this number, as given by [`Node::number`].
    pub(crate) fn node(&self, number: u32) -> Option<Node<'_, 't>> {
        ((number as usize) < self.slots.len()).then_some(Node { document: self, at: number })
    }
}

/// A node of a document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'d, 't> {
    document: &'d Document<'t>,
    at: u32,
}

impl PartialEq for Node<'_, '_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.document, other.document) && self.at == other.at
    }
}

impl<'d, 't> Node<'d, 't> {
    fn slot(self) -> &'d Slot<'t> {
        &self.document.slots[self.at as usize]
    }

    fn with(self, at: u32) -> Self {
        Self { document: self.document, at }
    }

    /// Its number within the document.
    pub(crate) fn number(self) -> u32 {
        self.at
    }

    /// The document that it belongs to.
    pub(crate) fn document(self) -> &'d Document<'t> {
        self.document
    }

    /// The bytes that it was read from: a quoted scalar with its quotes, a block scalar without its header.
    pub(crate) fn span(self) -> Span {
        self.slot().span
    }

    /// The node that an alias stands for, the node itself otherwise; `None` for an alias without anchor.
    pub(crate) fn resolved(self) -> Option<Self> {
        match self.slot().body {
            Body::Alias { target } => target.map(|at| self.with(at)),
            _ => Some(self),
        }
    }

    /// Whether it is an alias.
    pub(crate) fn is_alias(self) -> bool {
        matches!(self.slot().body, Body::Alias { .. })
    }

    /// Whether it carries an anchor.
    pub(crate) fn is_anchored(self) -> bool {
        self.slot().anchored
    }

    /// Whether it carries an explicit tag, such as `!!str`.
    pub(crate) fn is_tagged(self) -> bool {
        self.slot().tagged
    }

    /// Whether it is a mapping.
    pub(crate) fn is_mapping(self) -> bool {
        matches!(self.slot().body, Body::Mapping { .. })
    }

    /// Whether it is a collection in brackets.
    pub(crate) fn is_flow(self) -> bool {
        matches!(self.slot().body, Body::Mapping { flow: true } | Body::Sequence { flow: true })
    }

    /// Whether it is a sequence.
    pub(crate) fn is_sequence(self) -> bool {
        matches!(self.slot().body, Body::Sequence { .. })
    }

    /// How a scalar is quoted.
    pub(crate) fn quote(self) -> Option<Quote> {
        match self.slot().body {
            Body::Scalar { quote, .. } => Some(quote),
            _ => None,
        }
    }

    /// The decoded text of a scalar, aliases followed; `None` for collections and nulls.
    pub(crate) fn text(self) -> Option<&'d str> {
        match &self.resolved()?.slot().body {
            Body::Scalar { value, quote } => (!is_null(value, *quote)).then_some(value.as_ref()),
            _ => None,
        }
    }

    /// Whether readers take a scalar for a string: it is quoted, or nothing else comes to mind.
    pub(crate) fn is_string(self) -> bool {
        self.quote() != Some(Quote::Plain) || self.text().is_some_and(is_plain_string)
    }

    /// The bytes of a literal block scalar from the start of its first line: a YAML text that keeps its place in the
    /// file, since a document may be indented.
    pub(crate) fn block(self) -> Option<Span> {
        if self.quote()? != Quote::Literal {
            return None;
        }
        let before = self.document.text.get(..self.span().start)?;
        let start = before.rfind(['\n', '\r']).map_or(0, |at| at + 1);
        Some(Span::new(start, self.span().end))
    }

    /// Entries of a mapping as written: key and value, in order, aliases not followed.
    pub(crate) fn entries(self) -> impl Iterator<Item = (Self, Self)> {
        let mut children = self.children(self.is_mapping());
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }

    /// Elements of a sequence, aliases not followed.
    pub(crate) fn items(self) -> impl Iterator<Item = Self> {
        self.children(self.is_sequence())
    }

    fn children(self, any: bool) -> impl Iterator<Item = Self> {
        let end = if any { self.slot().next } else { self.at + 1 };
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            let child = (at < end).then(|| self.with(at))?;
            at = child.slot().next;
            Some(child)
        })
    }

    /// The node and every node inside it, in the order of the text, aliases not followed.
    pub(crate) fn below(self) -> impl Iterator<Item = Self> {
        (self.at..self.slot().next).map(move |at| self.with(at))
    }

    /// The value of a key: the last one written, else one that a merge key supplies. Aliases of the mapping itself are
    /// followed; the value may be an alias.
    ///
    /// Source: YAML 1.1 merge keys; Kubernetes' reader takes the last of duplicate keys.
    pub(crate) fn get(self, key: &str) -> Option<Self> {
        let (found, merges) = self.resolved()?.own(key);
        if found.is_some() || !merges {
            return found;
        }
        // Merges in the order of the text, each mapping once: `&a {<<: [*a, *a]}` is legal text.
        let mut seen = BTreeSet::new();
        let mut next = vec![self.resolved()?];
        while let Some(mapping) = next.pop() {
            if !seen.insert(mapping.at) {
                continue;
            }
            let (found, merges) = mapping.own(key);
            if found.is_some() {
                return found;
            }
            if merges {
                next.extend(mapping.merged());
            }
        }
        None
    }

    /// The mappings that merge keys of a mapping name, last one first.
    fn merged(self) -> Vec<Self> {
        let sources = self.entries().filter(|(name, _)| name.slot().body.is_merge());
        let mut out: Vec<Self> = sources
            .filter_map(|(_, value)| value.resolved())
            .flat_map(|source| match source.is_sequence() {
                true => source.items().filter_map(Self::resolved).collect(),
                false => vec![source],
            })
            .collect();
        out.reverse();
        out
    }

    /// The last value that the mapping itself has for a key, and whether it has merge keys.
    fn own(self, key: &str) -> (Option<Self>, bool) {
        let mut found = None;
        let mut merges = false;
        for (name, value) in self.entries() {
            let Body::Scalar { value: name, quote } = &name.slot().body else { continue };
            if name == key {
                found = Some(value);
            }
            merges |= name == "<<" && *quote == Quote::Plain;
        }
        (found, merges)
    }

    /// The value at the end of a path of keys, see [`Node::get`].
    pub(crate) fn at(self, path: &[&str]) -> Option<Self> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text at the end of a path of keys.
    pub(crate) fn text_at(self, path: &[&str]) -> Option<&'d str> {
        self.at(path)?.text()
    }
}

impl Body<'_> {
    fn is_merge(&self) -> bool {
        matches!(self, Body::Scalar { value, quote: Quote::Plain } if value == "<<")
    }
}
