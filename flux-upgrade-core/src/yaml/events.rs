//! Parser events to nodes with byte spans: the only module that knows the parser.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, StructureStyle};

use super::{Body, Comment, Document, Form, Quote, Slot};
use crate::text::Span;

/// Why a part of a file is not YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    /// What the parser found.
    pub(crate) message: String,
    /// The byte of the file where it stopped.
    pub(crate) at: usize,
}

/// Whether comments are collected; most documents need none, and reading them costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comments {
    Keep,
    Skip,
}

/// Ignores comments up to this many in a row; the parser's own default rejects real files.
const COMMENTS_IN_A_ROW: usize = 1 << 20;

fn options(comments: Comments) -> Options {
    let mut options = Options::default();
    options.block_scalar_eof_without_line_feed = true;
    options.emit_unresolved_aliases = true;
    options.max_buffered_comment_events = COMMENTS_IN_A_ROW;
    options.emit_comments = comments == Comments::Keep;
    options
}

/// The documents of one part of a file, and the error that ended the reading, if any.
///
/// Documents before the error are whole. Linear in the length of the part; nesting beyond 255 is an error.
pub(crate) fn parse<'t>(
    text: &'t str,
    part: Span,
    comments: Comments,
) -> (Vec<Document<'t>>, Option<SyntaxError>) {
    let mut reader = Reader::new(text, part);
    let Some(slice) = text.get(part.start..part.end) else {
        return (Vec::new(), None);
    };
    for next in Parser::new_from_str_with_options(slice, options(comments)) {
        match next {
            Ok((event, span)) => reader.take(event, span),
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(0).min(slice.len());
                let error = SyntaxError { message: error.info().to_string(), at: part.start + at };
                return (reader.done, Some(error));
            }
        }
    }
    (reader.done, None)
}

struct Reader<'t> {
    text: &'t str,
    part: Span,
    slots: Vec<Slot<'t>>,
    open: Vec<usize>,
    anchors: HashMap<usize, u32>,
    comments: Vec<Comment>,
    begin: usize,
    /// End of the node read last, which is where a block collection ends.
    last_end: usize,
    done: Vec<Document<'t>>,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, part: Span) -> Self {
        Self {
            text,
            part,
            slots: Vec::new(),
            open: Vec::new(),
            anchors: HashMap::new(),
            comments: Vec::new(),
            begin: part.start,
            last_end: part.start,
            done: Vec::new(),
        }
    }

    fn take(&mut self, event: Event<'t>, span: granit_parser::Span) {
        let range = span.byte_range().unwrap_or(0..0);
        let span = Span::new(self.part.start + range.start, self.part.start + range.end);
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                let quote = match style {
                    ScalarStyle::Plain => Quote::Plain,
                    ScalarStyle::SingleQuoted => Quote::Single,
                    ScalarStyle::DoubleQuoted => Quote::Double,
                    ScalarStyle::Literal => Quote::Literal,
                    ScalarStyle::Folded => Quote::Folded,
                };
                let null = span.is_empty() && quote == Quote::Plain;
                let value = if null { Cow::Borrowed("") } else { value };
                self.push(Body::Scalar { value, quote }, span, anchor, tag.is_some());
            }
            Event::MappingStart(style, anchor, tag) => {
                self.open(Body::Mapping { flow: style == StructureStyle::Flow }, span, anchor, tag.is_some());
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.open(
                    Body::Sequence { flow: style == StructureStyle::Flow },
                    span,
                    anchor,
                    tag.is_some(),
                );
            }
            Event::MappingEnd | Event::SequenceEnd => self.close(span),
            Event::Alias(id) => {
                let target = self.anchors.get(&id).copied();
                self.push(Body::Alias { target }, span, 0, false);
            }
            Event::UnresolvedAlias(_) => self.push(Body::Alias { target: None }, span, 0, false),
            Event::Comment(..) => self.comments.push(Comment::new(self.text, span)),
            Event::DocumentEnd => self.finish(span.end),
            _ => {}
        }
    }

    fn push(&mut self, body: Body<'t>, span: Span, anchor: usize, tagged: bool) {
        let at = self.slots.len();
        self.last_end = span.end;
        self.slots.push(Slot { body, span, next: at as u32 + 1, anchored: anchor != 0, tagged });
        if anchor != 0 {
            self.anchors.insert(anchor, at as u32);
        }
    }

    fn open(&mut self, body: Body<'t>, span: Span, anchor: usize, tagged: bool) {
        self.open.push(self.slots.len());
        self.push(body, span, anchor, tagged);
    }

    /// Ends the innermost collection: its span ends with its bracket, or with its last child in block style.
    fn close(&mut self, span: Span) {
        let Some(at) = self.open.pop() else { return };
        let next = self.slots.len();
        let flow =
            matches!(self.slots[at].body, Body::Mapping { flow: true } | Body::Sequence { flow: true });
        let end = if flow { span.end } else { self.last_end };
        let slot = &mut self.slots[at];
        slot.next = next as u32;
        slot.span.end = end.max(slot.span.start);
        self.last_end = slot.span.end;
    }

    fn finish(&mut self, end: usize) {
        let slots = std::mem::take(&mut self.slots);
        let comments = std::mem::take(&mut self.comments);
        self.anchors.clear();
        self.open.clear();
        let span = Span::new(self.begin, end.max(self.begin).min(self.part.end));
        self.begin = span.end;
        self.done.push(Document { text: self.text, span, slots, comments, form: Form::Yaml });
    }
}
