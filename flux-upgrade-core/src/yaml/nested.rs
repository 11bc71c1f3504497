//! YAML inside a block scalar: a text of its own whose bytes are known in the file.

use super::{Node, Quote};
use crate::text::Span;

/// The decoded text of a literal block scalar, with the way back from its bytes to the file's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Nested {
    text: String,
    /// Start of each line in the decoded text and in the file.
    lines: Vec<(usize, usize)>,
}

impl Nested {
    /// The text inside `node`, or `None` where it is no literal block scalar (folding loses the line structure).
    ///
    /// Lines keep their own line ends; indentation of the block is removed, so a line's bytes stand in the file in one
    /// piece.
    pub(crate) fn of(node: Node<'_, '_>) -> Option<Self> {
        if node.quote()? != Quote::Literal {
            return None;
        }
        let file = node.document().text();
        let decoded = node.text()?;
        let span = node.span();
        let mut start = file.get(..span.start)?.rfind(['\n', '\r']).map_or(0, |at| at + 1);
        let indent = indent_of(file.get(start..)?, decoded)?;
        let mut text = String::with_capacity(decoded.len());
        let mut lines = Vec::new();
        while start < span.end {
            let rest = file.get(start..)?;
            let end = start + line_len(rest);
            let line = file.get(start..end)?;
            let body = strip_indent(line, indent);
            lines.push((text.len(), start + (line.len() - body.len())));
            text.push_str(body);
            start = end;
        }
        Some(Self { text, lines })
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Where bytes of the text stand in the file; `None` where they cross a line end.
    pub(crate) fn in_file(&self, span: Span) -> Option<Span> {
        let line = self.lines.partition_point(|(start, _)| *start <= span.start).checked_sub(1)?;
        let (start, file) = self.lines[line];
        let next = self.lines.get(line + 1).map_or(self.text.len(), |(start, _)| *start);
        if span.end > next || self.text.get(span.start..span.end)?.contains(['\n', '\r']) {
            return None;
        }
        Some(Span::new(file + (span.start - start), file + (span.end - start)))
    }
}

/// Indentation of the block: what the first line with content has in the file and not in the value.
fn indent_of(file: &str, decoded: &str) -> Option<usize> {
    let leading = |line: &str| line.bytes().take_while(|b| *b == b' ').count();
    let value = decoded.lines().find(|line| !line.trim().is_empty())?;
    let line = file.lines().find(|line| !line.trim().is_empty())?;
    leading(line).checked_sub(leading(value))
}

fn strip_indent(line: &str, indent: usize) -> &str {
    let blanks = line.bytes().take(indent).take_while(|b| *b == b' ').count();
    &line[blanks..]
}

/// Length of the first line with its end.
fn line_len(text: &str) -> usize {
    match text.find(['\n', '\r']) {
        Some(at) if text[at..].starts_with("\r\n") => at + 2,
        Some(at) => at + 1,
        None => text.len(),
    }
}
