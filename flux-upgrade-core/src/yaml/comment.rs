//! Comments: on the line of a node, and on the lines above it.

use super::Document;
use crate::text::Span;

/// A comment: its bytes with the `#`, without the line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Comment {
    pub(crate) span: Span,
    /// Where its line begins.
    line: usize,
    /// The line below it, without its end.
    below: Span,
}

impl Comment {
    pub(super) fn new(text: &str, span: Span) -> Self {
        let rest = text.get(span.end..).unwrap_or("");
        let gap = if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with(['\n', '\r'])) };
        let length = rest[gap..].find(['\n', '\r']).unwrap_or(rest.len() - gap);
        let start = span.end + gap;
        Self { span, line: line_start(text, span.start), below: Span::new(start, start + length) }
    }

    /// Where its line begins.
    pub(crate) fn line(self) -> usize {
        self.line
    }

    /// The line below it, without its end; empty after the last.
    pub(crate) fn below(self) -> Span {
        self.below
    }

    /// Whether it has its line for itself, the dash of a list aside.
    pub(crate) fn is_alone(self, text: &str) -> bool {
        text.get(self.line..self.span.start)
            .is_some_and(|before| before.split_whitespace().all(|word| word == "-"))
    }
}

impl<'t> Document<'t> {
    /// The text of a comment without its `#`s and outer blanks.
    pub(crate) fn comment_text(&self, comment: Comment) -> &'t str {
        comment.span.of(self.text).trim_start_matches('#').trim()
    }

    /// The comment that follows `byte` on the same line.
    pub(crate) fn line_comment(&self, byte: usize) -> Option<Comment> {
        let at = self.comments.partition_point(|comment| comment.span.start < byte);
        let comment = *self.comments.get(at)?;
        (comment.line <= byte).then_some(comment)
    }

    /// The comments on the lines directly above the line of `byte`, nearest first, up to the first other line.
    pub(crate) fn comments_above(&self, byte: usize) -> impl Iterator<Item = Comment> {
        let mut at = self.comments.partition_point(|comment| comment.span.start < byte);
        // A comment before the byte on its own line cannot be: a comment ends its line.
        let mut line = byte;
        std::iter::from_fn(move || {
            at = at.checked_sub(1)?;
            let comment = self.comments[at];
            let alone = comment.is_alone(self.text);
            let adjacent = comment.below.start <= line && line <= comment.below.end;
            line = comment.line;
            (alone && adjacent).then_some(comment)
        })
    }
}

fn line_start(text: &str, byte: usize) -> usize {
    text.as_bytes()[..byte.min(text.len())]
        .iter()
        .rposition(|byte| matches!(byte, b'\n' | b'\r'))
        .map_or(0, |at| at + 1)
}
