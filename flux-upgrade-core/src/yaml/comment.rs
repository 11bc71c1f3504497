//! Comments: on the line of a node, and on the lines above it.

use super::Document;
use crate::text::Span;

/// A comment: its bytes with the `#`, without the line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Comment {
    pub(crate) span: Span,
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
        let between = self.text.get(byte..comment.span.start)?;
        (!between.contains(['\n', '\r'])).then_some(comment)
    }

    /// The comments on the lines directly above the line of `byte`, nearest first, up to the first other line.
    pub(crate) fn comments_above(&self, byte: usize) -> impl Iterator<Item = Comment> {
        let mut line = if self.comments.is_empty() { 0 } else { line_start(self.text, byte) };
        let mut at = self.comments.partition_point(|comment| comment.span.start < line);
        std::iter::from_fn(move || {
            at = at.checked_sub(1)?;
            let comment = self.comments[at];
            let own = line_start(self.text, comment.span.start);
            let alone = self.text.get(own..comment.span.start)?.trim().is_empty();
            let between = self.text.get(comment.span.end..line)?;
            let adjacent = matches!(between, "\n" | "\r\n" | "\r");
            line = own;
            (alone && adjacent).then_some(comment)
        })
    }
}

fn line_start(text: &str, byte: usize) -> usize {
    let before = &text.as_bytes()[..byte.min(text.len())];
    memchr::memrchr2(b'\n', b'\r', before).map_or(0, |at| at + 1)
}
