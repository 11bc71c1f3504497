//! YAML inside a scalar of YAML: the documents of a text, in places of the file.

use std::borrow::Cow;

use super::events::SyntaxError;
use super::{Body, Comment, Comments, Document, Form, Node, Quote, Slot, parse};
use crate::text::Span;

/// The documents in a scalar, as far as they can be read.
///
/// The text of a literal block stands in the file as it is, and is read there, comments included. That of any other
/// style is decoded first, and each node gets the bytes of the file that it was decoded from. Whether those bytes say
/// the same without the style around them is for the caller to look at.
pub(crate) fn embedded<'t>(scalar: Node<'_, 't>) -> Vec<Document<'t>> {
    let outer = scalar.document();
    if let Some(block) = scalar.block() {
        return parse(outer.text, block, Comments::Keep).0;
    }
    let (Some(text), Some(quote)) = (scalar.text(), scalar.quote()) else { return Vec::new() };
    let Some(places) = places(scalar.span(), outer.text, text, quote) else { return Vec::new() };
    let there = |span: Span| {
        let start = places.get(span.start).map_or(scalar.span().end, |place| place.start);
        let end = span.end.checked_sub(1).and_then(|last| places.get(last)).map_or(start, |place| place.end);
        Span::new(start, end.max(start))
    };
    let (documents, _) = parse(text, Span::new(0, text.len()), Comments::Skip);
    let place = |document: Document<'_>| Document {
        text: outer.text,
        span: there(document.span),
        slots: document.slots.into_iter().map(|slot| owned(slot, there)).collect(),
        comments: ignores(scalar),
        form: Form::Decoded,
    };
    documents.into_iter().map(place).collect()
}

/// Why the text of a scalar cannot be read as YAML, and where in the file.
pub(crate) fn unreadable(scalar: Node<'_, '_>) -> Option<SyntaxError> {
    let file = scalar.document().text;
    if let Some(block) = scalar.block() {
        return parse(file, block, Comments::Skip).1;
    }
    let (text, quote) = (scalar.text()?, scalar.quote()?);
    let error = parse(text, Span::new(0, text.len()), Comments::Skip).1?;
    let place = places(scalar.span(), file, text, quote).and_then(|places| places.get(error.at).copied());
    Some(SyntaxError { at: place.unwrap_or(scalar.span()).start, ..error })
}

/// The documents in a literal block that is a template with the tags `<< … >>`, and where some text is no YAML besides.
///
/// Lines that are nothing but a tag decide which of the others count; they are left out. A tag inside a line is a text.
/// Source: Flux Operator, "ResourceSet": the delimiters of its templates.
pub(crate) fn templated<'t>(scalar: Node<'_, 't>) -> (Vec<Document<'t>>, Option<usize>) {
    let file = scalar.document().text;
    let Some(block) = scalar.block() else { return (Vec::new(), None) };
    let view: String = block.of(file).split_inclusive('\n').map(without_tags).collect();
    let (mut out, mut broken) = (Vec::new(), None);
    let moved = |span: Span| Span::new(span.start + block.start, span.end + block.start);
    for part in block_parts(&view, Span::new(0, view.len())) {
        let (documents, error) = parse(&view, part, Comments::Keep);
        for document in documents {
            if let Some((_, again)) = document.duplicate_keys().first() {
                broken.get_or_insert(block.start + again.start);
                continue;
            }
            out.push(Document {
                text: file,
                span: moved(document.span),
                slots: document.slots.into_iter().map(|slot| owned(slot, moved)).collect(),
                comments: document.comments.iter().map(|one| Comment::new(file, moved(one.span))).collect(),
                form: Form::Yaml,
            });
        }
        if let Some(error) = error {
            broken.get_or_insert(block.start + error.at);
        }
    }
    (out, broken)
}

/// A line as a comment where it is one tag of a template, with as many bytes.
fn without_tags(line: &str) -> Cow<'_, str> {
    let body = line.trim();
    let is_tag = body.starts_with("<<") && body.ends_with(">>") && body.matches("<<").count() == 1;
    // A tag of another language may not be cut in two.
    if !(is_tag && body.len() >= 4) {
        return Cow::Borrowed(line);
    }
    let at = line.len() - line.trim_start().len();
    let hidden = format!("#{}", "x".repeat(body.len() - 1));
    Cow::Owned(format!("{}{hidden}{}", &line[..at], &line[at + body.len()..]))
}

/// The parts of a block scalar between its `---` lines, which stand as deep as the rest of it.
pub(crate) fn block_parts(view: &str, block: Span) -> Vec<Span> {
    let mut parts = Vec::new();
    let (mut from, mut at) = (block.start, block.start);
    for line in block.of(view).split_inclusive('\n') {
        let end = at + line.len();
        let body = line.trim_start_matches(' ');
        if body.trim_end() == "---" || body.starts_with("--- ") {
            parts.push(Span::new(from, at));
            from = at + (line.len() - body.len()) + 3;
        }
        at = end;
    }
    parts.push(Span::new(from, block.end));
    parts
}

/// A node with a text of its own, at other bytes.
fn owned<'t>(slot: Slot<'_>, there: impl Fn(Span) -> Span) -> Slot<'t> {
    Slot {
        body: match slot.body {
            Body::Scalar { value, quote } => Body::Scalar { value: Cow::Owned(value.into_owned()), quote },
            Body::Mapping { flow } => Body::Mapping { flow },
            Body::Sequence { flow } => Body::Sequence { flow },
            Body::Alias { target } => Body::Alias { target },
        },
        span: there(slot.span),
        next: slot.next,
        anchored: slot.anchored,
        tagged: slot.tagged,
    }
}

/// Comments beside and above a scalar that say to leave it alone.
fn ignores(scalar: Node<'_, '_>) -> Vec<Comment> {
    let (outer, span) = (scalar.document(), scalar.span());
    let beside = outer.line_comment(span.end).into_iter().chain(outer.comments_above(span.start));
    let own = beside.filter(|comment| outer.comment_text(*comment).starts_with("flux-upgrade: ignore"));
    let mut own: Vec<Comment> = own.collect();
    own.sort_by_key(|comment| comment.span.start);
    own
}

/// For each byte of a decoded scalar the bytes of the file that it was decoded from; `None` where that cannot be told.
///
/// Outside of escapes a scalar keeps its characters in order, and only its blanks and line ends come and go.
fn places(span: Span, file: &str, decoded: &str, quote: Quote) -> Option<Vec<Span>> {
    let mut raw = span.of(file);
    let mut at = span.start;
    if matches!(quote, Quote::Single | Quote::Double) {
        raw = raw.get(1..raw.len().checked_sub(1)?)?;
        at += 1;
    }
    let end = at + raw.len();
    let mut out = Vec::with_capacity(decoded.len());
    for c in decoded.chars() {
        let rest = file.get(at..end)?;
        let width = match (quote, rest.chars().next()) {
            (Quote::Double, Some('\\')) => {
                let continues = rest[1..].starts_with(['\n', '\r']);
                let (skipped, rest) = if continues { skip_blanks(rest, 1) } else { (0, rest) };
                at += skipped;
                if rest.starts_with('\\') { escape(rest)? } else { rest.chars().next()?.len_utf8() }
            }
            (Quote::Single, Some('\'')) => 2,
            (_, Some(next)) if next == c => next.len_utf8(),
            // Indentation that is not a part of the text, and line ends that are folded.
            (_, Some(' ' | '\t' | '\n' | '\r')) if c.is_whitespace() => 1,
            (_, Some(' ' | '\t' | '\n' | '\r')) => {
                let (skipped, rest) = skip_blanks(rest, 0);
                at += skipped;
                match rest.chars().next()? {
                    '\\' if quote == Quote::Double => escape(rest)?,
                    '\'' if quote == Quote::Single => 2,
                    next if next == c => next.len_utf8(),
                    _ => return None,
                }
            }
            // A line end at the end of the text, which a folded block adds or keeps.
            (Quote::Folded | Quote::Literal, None) if c == '\n' => 0,
            _ => return None,
        };
        let place = Span::new(at, at + width);
        out.resize(out.len() + c.len_utf8(), place);
        at += width;
    }
    Some(out)
}

/// Blanks after the first `from` bytes, and what follows them.
fn skip_blanks(text: &str, from: usize) -> (usize, &str) {
    let rest = text[from..].trim_start_matches([' ', '\t', '\n', '\r']);
    (text.len() - rest.len(), rest)
}

/// The bytes of an escape at the start of a text. Source: YAML 1.2.2, 5.7.
fn escape(text: &str) -> Option<usize> {
    Some(match text.as_bytes().get(1)? {
        b'x' => 4,
        b'u' => 6,
        b'U' => 10,
        first if first.is_ascii() => 2,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The scalars in the text of the first value, each with its bytes of the file.
    fn scalars(file: &str) -> Vec<(String, &str)> {
        let (documents, _) = parse(file, Span::new(0, file.len()), Comments::Skip);
        let value = documents[0].root().unwrap().entries().next().unwrap().1;
        let inside = embedded(value);
        let nodes = inside.iter().flat_map(Document::nodes).filter(|node| node.quote().is_some());
        nodes.map(|node| (node.text().unwrap_or("").to_owned(), node.span().of(file))).collect()
    }

    #[test]
    fn every_style_keeps_its_places() {
        for (file, expected) in [
            ("p: |\n  a: 1.2\n  b: x\n", [("a", "a"), ("1.2", "1.2"), ("b", "b"), ("x", "x")]),
            ("p: \"a: 1.2\\nb: x\"\n", [("a", "a"), ("1.2", "1.2"), ("b", "b"), ("x", "x")]),
            (
                "p: \"{\\\"a\\\": \\\"1.2\\\", 'b': x}\"\n",
                [("a", "\\\"a\\\""), ("1.2", "\\\"1.2\\\""), ("b", "'b'"), ("x", "x")],
            ),
            ("p: '{\"a\": 1.2, ''b'': x}'\n", [("a", "\"a\""), ("1.2", "1.2"), ("b", "''b''"), ("x", "x")]),
            ("p: \"a: 1.2\\n\\\n   b: x\"\n", [("a", "a"), ("1.2", "1.2"), ("b", "b"), ("x", "x")]),
            ("p: '{a: 1.2,\n\n   b: x}'\n", [("a", "a"), ("1.2", "1.2"), ("b", "b"), ("x", "x")]),
            ("p: >-\n  {a: 1.2,\n  b: x}\n", [("a", "a"), ("1.2", "1.2"), ("b", "b"), ("x", "x")]),
            ("p: >\n  a: 1.2\n\n  b: x\n", [("a", "a"), ("1.2", "1.2"), ("b", "b"), ("x", "x")]),
        ] {
            let found = scalars(file);
            let found: Vec<(&str, &str)> = found.iter().map(|(text, raw)| (text.as_str(), *raw)).collect();
            assert_eq!(found, expected, "{file}");
        }
    }

    #[test]
    fn what_is_no_yaml_has_no_documents() {
        assert_eq!(scalars("p: 'a: b: c'\n"), []);
        assert_eq!(scalars("p: \"\\u00e9: 'é'\"\n"), [("é".to_owned(), "\\u00e9"), ("é".to_owned(), "'é'")]);
    }
}
