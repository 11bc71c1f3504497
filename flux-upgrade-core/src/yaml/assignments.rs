//! Lines `KEY=VALUE` as a document: a mapping of words, which no YAML reader has seen.

use std::borrow::Cow;

use super::{Body, Comment, Document, Form, Quote, Slot};
use crate::text::Span;

impl<'t> Document<'t> {
    /// The lines of a text; empty ones and comments are none, and what stands behind the first `=` is a value as it is.
    pub(crate) fn of_assignments(text: &'t str) -> Self {
        let span = Span::new(0, text.len());
        let slot = |body, span, next| Slot { body, span, next, anchored: false, tagged: false };
        let mut slots = vec![slot(Body::Mapping { flow: false }, span, 0)];
        let (mut comments, mut start) = (Vec::new(), 0);
        for line in text.split_inclusive(['\n', '\r']) {
            let at = start + line.len() - line.trim_start().len();
            let own = line.trim();
            if own.starts_with('#') {
                comments.push(Comment::new(text, Span::new(at, at + own.len())));
            } else if let Some((key, value)) = own.split_once('=') {
                let behind = at + key.len() + 1;
                for (word, from) in [(key, at), (value, behind)] {
                    let next = slots.len() as u32 + 1;
                    let body = Body::Scalar { value: Cow::Borrowed(word), quote: Quote::Plain };
                    slots.push(slot(body, Span::new(from, from + word.len()), next));
                }
            }
            start += line.len();
        }
        slots[0].next = slots.len() as u32;
        Self { text, span, slots, comments, form: Form::Words }
    }
}
