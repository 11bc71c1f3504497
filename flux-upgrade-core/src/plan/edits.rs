//! A move to the bytes that it replaces.

use super::decide::Move;
use crate::locate::{DIGEST, Site, Spot, Style};
use crate::patch::Edit;
use crate::text::Span;
use crate::yaml::{Quote, encode, is_plain_string, number_survives, reads_as_number};

/// The edits of a move: the value, and the digest beside it or where it is added. `None` where the text cannot be
/// edited in place.
pub(super) fn edits(site: &Site, step: &Move, preferred: Quote) -> Option<Vec<Edit>> {
    let mut out = Vec::new();
    if step.to != site.spot.value {
        out.push(replace(&site.spot, &step.to, preferred)?);
    }
    for repeat in site.repeats.iter().filter(|repeat| repeat.value != step.to) {
        out.push(replace(repeat, &step.to, preferred)?);
    }
    match (&step.digest, &site.digest, &site.insertion) {
        (Some(new), Some(old), _) if *new != old.value => out.push(replace(old, new, preferred)?),
        (Some(new), None, Some(insertion)) => out.push(Edit {
            path: insertion.at.path.clone(),
            span: insertion.at.span,
            expect: String::new(),
            replace: format!("{}{DIGEST}: {new}", insertion.before),
        }),
        _ => {}
    }
    out.sort_by_key(|edit| edit.span);
    Some(out)
}

/// The edit of a spot to what the field shall say; `None` where it cannot be edited in place.
pub(crate) fn replace(spot: &Spot, new: &str, preferred: Quote) -> Option<Edit> {
    let quote = match spot.style {
        Style::Plain => Quote::Plain,
        Style::Single => Quote::Single,
        Style::Double => Quote::Double,
        Style::Block => return None,
        Style::Word => return in_place(spot, &spot.whole(new)?),
        Style::PlainWord => {
            let whole = spot.whole(new)?;
            let as_number = reads_as_number(&spot.raw) && number_survives(&whole);
            return in_place(spot, &whole).filter(|_| is_plain_string(&whole) || as_number);
        }
    };
    let whole = spot.whole(new)?;
    let inside = || inside(spot, &spot.whole(&spot.value)?, &whole);
    Some(Edit {
        path: spot.at.path.clone(),
        span: Span::new(spot.at.span.start, spot.at.span.end),
        expect: spot.raw.clone(),
        replace: match inside() {
            Some(text) => text,
            None => encode(&spot.raw, quote, &whole, preferred)?,
        },
    })
}

/// A word takes the place of another.
fn in_place(spot: &Spot, new: &str) -> Option<Edit> {
    is_word(new).then(|| Edit {
        path: spot.at.path.clone(),
        span: Span::new(spot.at.span.start, spot.at.span.end),
        expect: spot.raw.clone(),
        replace: new.to_owned(),
    })
}

/// The raw text with only the moving part replaced, where that part is not all of it and is written without escapes.
fn inside(spot: &Spot, old: &str, new: &str) -> Option<String> {
    let frame = &spot.frame;
    let part = &new[frame.before.len()..];
    let part = if frame.echo { part } else { part.strip_suffix(frame.after.as_str())? };
    let is_part = !frame.before.is_empty() || !frame.after.is_empty();
    if !is_part || !is_word(part) || part.ends_with(':') {
        return None;
    }
    let at = spot.raw.find(old)?;
    Some(format!("{}{new}{}", &spot.raw[..at], &spot.raw[at + old.len()..]))
}

/// Whether a text has nothing that YAML, or whoever reads a comment, could take for more than a word.
fn is_word(text: &str) -> bool {
    let safe = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'@' | b':' | b'/')
    };
    text.bytes().all(safe)
}

/// The quotes that a file uses most, double where it uses none: what a plain text gets that needs some.
pub(crate) fn preferred_quote(text: &str) -> Quote {
    let count = |quote: &str| {
        [": ", "- "].iter().map(|before| text.matches(&format!("{before}{quote}")).count()).sum::<usize>()
    };
    if count("'") > count("\"") { Quote::Single } else { Quote::Double }
}
