//! A file to its documents, with those inside block scalars, and the templates of a ResourceSet out of the way.

use std::borrow::Cow;
use std::collections::BTreeMap;

use memchr::memmem;

use crate::text::Span;
use crate::yaml::{Comments, Document, block_parts, parse, split};

/// Texts without any of these hold nothing to migrate.
const NEEDLE: &str = "toolkit.fluxcd.io/";

/// Whether a text may hold an object, or a mention, of an API of Flux.
pub(super) fn matters(text: &str) -> bool {
    has(text, NEEDLE) || has(text, "toolkit.fluxcd.io") || has(text, "extensions.fluxcd.io")
}

pub(super) fn has(text: &str, needle: &str) -> bool {
    memmem::find(text.as_bytes(), needle.as_bytes()).is_some()
}

/// A document with the documents in its block scalars, by the number of the scalar's node.
#[derive(Debug)]
pub(super) struct Read<'t> {
    pub(super) document: Document<'t>,
    pub(super) blocks: BTreeMap<u32, Vec<Read<'t>>>,
}

/// The text as it is parsed: the tags of templates, `<< … >>`, give way to as many bytes that are YAML.
///
/// A line that is one tag becomes a comment, a tag inside a line becomes a word, so every position stays. Only texts
/// with a ResourceSet have such tags. Source: Flux Operator, "ResourceSet": the delimiters of its templates.
pub(super) fn without_tags(text: &str) -> Cow<'_, str> {
    if !(has(text, "ResourceSet") && has(text, "<<") && has(text, ">>")) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let body = line.trim();
        let alone = body.starts_with("<<") && body.ends_with(">>") && body.len() >= 4;
        let mut rest = line;
        while let Some(start) = rest.find("<<") {
            let Some(end) = rest[start..].find(">>").map(|end| start + end + 2) else { break };
            out.push_str(&rest[..start]);
            let first = if alone && out.ends_with(['\n', ' ', '\t']) | out.is_empty() { '#' } else { 'x' };
            out.push(first);
            out.extend(std::iter::repeat_n('x', end - start - 1));
            rest = &rest[end..];
        }
        out.push_str(rest);
    }
    Cow::Owned(out)
}

/// Why a part of a text cannot be read.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) part: Span,
    pub(super) message: String,
}

/// The documents of one part of a file, and why the rest of it cannot be read.
pub(super) fn documents(view: &str, part: Span) -> (Vec<Read<'_>>, Option<Broken>) {
    let (documents, error) = parse(view, part, Comments::Keep);
    let broken = error.map(|error| Broken { part, message: error.message });
    (documents.into_iter().map(|document| with_blocks(view, document)).collect(), broken)
}

fn with_blocks<'t>(view: &'t str, document: Document<'t>) -> Read<'t> {
    let mut blocks = BTreeMap::new();
    for node in document.nodes() {
        let Some(block) = node.block().filter(|block| matters(block.of(view))) else { continue };
        if let Some(inside) = block_documents(view, block) {
            blocks.insert(node.number(), inside);
        }
    }
    Read { document, blocks }
}

/// The documents of a block scalar; `None` where it is no YAML.
pub(super) fn block_documents(view: &str, block: Span) -> Option<Vec<Read<'_>>> {
    let mut out = Vec::new();
    for part in block_parts(view, block) {
        let (documents, broken) = documents(view, part);
        if broken.is_some() {
            return None;
        }
        out.extend(documents);
    }
    let is_collection =
        |read: &Read<'_>| read.document.root().is_none_or(|root| root.is_mapping() || root.is_sequence());
    let any = out.iter().any(|read| read.document.root().is_some());
    (any && out.iter().all(is_collection)).then_some(out)
}

/// The parts of a file.
pub(super) fn parts(view: &str) -> Vec<Span> {
    split(view)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_give_way_and_positions_stay() {
        let text =
            "kind: ResourceSet\n  <<- range $x := inputs >>\n  name: << inputs.name >>-<<x>>\n  a: <<EOF\n";
        let view = without_tags(text);
        assert_eq!(view.len(), text.len());
        assert_eq!(view.lines().nth(1), Some("  #xxxxxxxxxxxxxxxxxxxxxxxx"));
        assert_eq!(view.lines().nth(2), Some("  name: xxxxxxxxxxxxxxxxx-xxxxx"));
        assert_eq!(view.lines().nth(3), Some("  a: <<EOF"));
    }

    #[test]
    fn blocks_are_cut_at_their_own_markers() {
        let text = "a: |\n  ---\n  b: 1\n  ---\n  c: 2\n";
        let parts: Vec<&str> =
            block_parts(text, Span::new(5, text.len())).iter().map(|p| p.of(text)).collect();
        assert_eq!(parts, ["", "\n  b: 1\n", "\n  c: 2\n"]);
    }
}
