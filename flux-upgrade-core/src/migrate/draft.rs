//! Edits on the way: bytes and what takes their place, and the lines that they stand on.

use std::collections::BTreeMap;

use crate::text::Span;
use crate::yaml::Node;

/// Bytes of the file and what takes their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) span: Span,
    pub(super) text: String,
}

/// The text of a file, and what has been decided about it so far: innermost objects come first.
#[derive(Debug)]
pub(super) struct Draft<'t> {
    text: &'t str,
    eol: &'static str,
    pieces: BTreeMap<Span, String>,
    /// Pieces of the object at hand, which stand or fall together.
    open: Vec<Piece>,
    /// Pieces that those of the object at hand have taken into themselves.
    taken: Vec<(Span, String)>,
}

impl<'t> Draft<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let eol = match text.find('\n') {
            Some(at) if text[..at].ends_with('\r') => "\r\n",
            _ => "\n",
        };
        Self { text, eol, pieces: BTreeMap::new(), open: Vec::new(), taken: Vec::new() }
    }

    pub(super) fn eol(&self) -> &'static str {
        self.eol
    }

    pub(super) fn replace(&mut self, span: Span, text: impl Into<String>) {
        self.open.push(Piece { span, text: text.into() });
    }

    pub(super) fn insert(&mut self, at: usize, text: impl Into<String>) {
        self.replace(Span::new(at, at), text);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The text of a span with the pieces inside it, which from now on belong to whoever asked.
    pub(super) fn take(&mut self, span: Span) -> String {
        let within = self
            .pieces
            .range(Span::new(span.start, span.start)..)
            .take_while(|(piece, _)| piece.start <= span.end);
        let within: Vec<Span> =
            within.map(|(piece, _)| *piece).filter(|piece| piece.end <= span.end).collect();
        let mut out = String::new();
        let mut at = span.start;
        for piece in within {
            let Some(text) = self.pieces.remove(&piece) else { continue };
            out.push_str(self.text.get(at..piece.start).unwrap_or(""));
            out.push_str(&text);
            at = piece.end;
            self.taken.push((piece, text));
        }
        out.push_str(self.text.get(at..span.end).unwrap_or(""));
        out
    }

    /// The object at hand is done: its pieces stand.
    pub(super) fn commit(&mut self) {
        self.pieces.extend(self.open.drain(..).map(|piece| (piece.span, piece.text)));
        self.taken.clear();
    }

    /// The object at hand stays as it is, and gives back what it took.
    pub(super) fn abandon(&mut self) {
        self.open.clear();
        self.pieces.extend(self.taken.drain(..));
    }

    /// Every piece, by position.
    pub(super) fn finish(self) -> Vec<Piece> {
        self.pieces.into_iter().map(|(span, text)| Piece { span, text }).collect()
    }

    // Lines.

    /// Where the line of a byte begins.
    pub(super) fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |end| end + 1)
    }

    /// Where the line after that of a byte begins, or the end of the text.
    pub(super) fn next_line(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |end| at + end + 1)
    }

    /// The blanks before a byte, if nothing else stands before it on its line.
    pub(super) fn indent(&self, at: usize) -> Option<&'t str> {
        let before = &self.text[self.line_start(at)..at];
        before.bytes().all(|byte| byte == b' ').then_some(before)
    }

    /// Where a byte stands on its line, in bytes from 0.
    pub(super) fn column(&self, at: usize) -> usize {
        at - self.line_start(at)
    }

    /// The end of the last byte of a value that is no blank, or of its key where it has none.
    pub(super) fn end(&self, key: Node<'_, '_>, value: Node<'_, '_>) -> usize {
        let end = value.span().end.max(key.span().end);
        let start = key.span().end;
        start + self.text[start..end].trim_end().len()
    }

    /// The end of a node without the blanks behind it.
    pub(super) fn end_of(&self, node: Node<'_, '_>) -> usize {
        let Span { start, end } = node.span();
        start + self.text[start..end].trim_end().len()
    }

    /// The lines of an entry in block style, without comments above it; `None` where something else stands before it.
    pub(super) fn lines(&self, key: Node<'_, '_>, value: Node<'_, '_>) -> Option<Span> {
        self.indent(key.span().start)?;
        Some(Span::new(self.line_start(key.span().start), self.next_line(self.end(key, value))))
    }

    /// The lines of comments right above a line that begins with the same blanks.
    pub(super) fn head(&self, line: usize) -> Span {
        let indent = self.text[line..].len() - self.text[line..].trim_start_matches(' ').len();
        let mut start = line;
        while start > 0 {
            let above = self.line_start(start - 1);
            let body = self.text[above..start].trim_start_matches(' ');
            if !body.starts_with('#') || self.text[above..start].len() - body.len() != indent {
                break;
            }
            start = above;
        }
        Span::new(start, line)
    }

    /// The comment that follows a byte on its line, with the blanks before it, without the line end.
    pub(super) fn comment_after(&self, at: usize) -> &'t str {
        let rest = self.text[at..self.next_line(at)].trim_end();
        if rest.trim_start().starts_with('#') { rest } else { "" }
    }

    /// Where the first dash of a list in block style stands.
    pub(super) fn dash(&self, list: Node<'_, '_>) -> Option<usize> {
        first_dash(self.text, list)
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }
}

/// Where the first dash of a list in block style stands: the parser places a list that is not deeper than its key at
/// its first item.
pub(super) fn first_dash(text: &str, list: Node<'_, '_>) -> Option<usize> {
    let start = list.span().start;
    if text[start..].starts_with("- ") || text[start..].starts_with("-\n") || text[start..].starts_with("-\r")
    {
        return Some(start);
    }
    let before = text[..start].trim_end_matches([' ', '\n', '\r']);
    before.ends_with('-').then(|| before.len() - 1)
}

/// Lines moved from one column to another: each loses `from` blanks, as far as it has them, and gets `to`.
///
/// The first line begins at its content. Blank lines stay as they are. Ends with `eol`.
pub(super) fn shifted(text: &str, from: usize, to: usize, eol: &str) -> String {
    let blanks = " ".repeat(to);
    let mut out = String::with_capacity(text.len() + to * 4);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if line.trim().is_empty() {
            out.push_str(line.trim_start_matches(' '));
            continue;
        }
        let own = if number == 0 { 0 } else { (line.len() - line.trim_start_matches(' ').len()).min(from) };
        out.push_str(&blanks);
        out.push_str(&line[own..]);
    }
    if !out.ends_with('\n') {
        out.push_str(eol);
    }
    out
}
