//! Edits made by hand, carried over to another release: a three-way merge on fields.
//!
//! A field is carried where the new release has what the old one had, or has the edit already. Where the new release changed the
//! same field it is a conflict, and so is an edit whose surroundings are gone. The text of the edit is taken as it is written, so
//! that comments inside it stay.

use std::collections::BTreeSet;

use super::compare::{Path, Step, follow, same};
use super::manifest::{Manifest, Object};
use crate::yaml::Node;

/// What became of an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Carried {
    /// It is in the new text.
    Kept,
    /// The new release has it.
    There,
    /// It cannot be carried.
    Conflict(&'static str),
}

/// A replacement in the text of the new release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Splice {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) text: String,
}

const CHANGED: &str = "the new release changed the same place";
const GONE: &str = "what it belongs to is gone in the new release";
const UNCLEAR: &str = "it cannot be carried by itself";

/// Three texts of one object.
pub(super) struct Sides<'o, 't> {
    pub(super) old: &'o Object<'t>,
    pub(super) found: &'o Object<'t>,
    pub(super) new: &'o Object<'t>,
}

/// Carries the edit at `path` over; what it does to the text goes to `splices`. `done` are the paths that were dealt with.
pub(super) fn carry(
    sides: &Sides<'_, '_>,
    path: &Path,
    done: &mut BTreeSet<Path>,
    splices: &mut Vec<Splice>,
) -> Carried {
    let (Some(old), Some(found), Some(new)) = (sides.old.root(), sides.found.root(), sides.new.root()) else {
        return Carried::Conflict(UNCLEAR);
    };
    let mut path = path.clone();
    // Positions say nothing once a list has changed, so that the whole list is the field.
    if let Some(at) = path.0.iter().position(|step| matches!(step, Step::At(_))) {
        path.0.truncate(at);
    }
    loop {
        if done.contains(&path) {
            return Carried::Kept;
        }
        let Some((last, above)) = path.0.split_last() else { return Carried::Conflict(UNCLEAR) };
        let (was, is, will) = (find(old, &path.0), find(found, &path.0), find(new, &path.0));
        let equal = |a: Option<Place<'_, '_>>, b: Option<Place<'_, '_>>| match (a, b) {
            (Some(a), Some(b)) => same(a.value, b.value),
            (None, None) => true,
            _ => false,
        };
        if equal(is, will) {
            return Carried::There;
        }
        let Some(parent) = find(new, above) else { return Carried::Conflict(GONE) };
        if !equal(was, will) {
            return Carried::Conflict(CHANGED);
        }
        if parent.value.is_flow() {
            // `{}` cannot take an entry in its lines: the field above is taken as a whole.
            path.0.pop();
            continue;
        }
        let splice = match (is, will) {
            (Some(is), Some(will)) => replace(is, will),
            (Some(is), None) => insert(is, last, parent),
            (None, Some(will)) => remove(will, parent),
            (None, None) => None,
        };
        let Some(splice) = splice else { return Carried::Conflict(UNCLEAR) };
        splices.push(splice);
        done.insert(path);
        return Carried::Kept;
    }
}

/// A field: its key where it has one, and its value.
#[derive(Clone, Copy)]
struct Place<'d, 't> {
    key: Option<Node<'d, 't>>,
    value: Node<'d, 't>,
}

impl<'d, 't> Place<'d, 't> {
    /// Where its own text starts: the key, or the value of an item.
    fn start(self) -> usize {
        self.key.unwrap_or(self.value).span().start
    }

    /// The end of its last line, the line end included.
    fn end(self) -> usize {
        let text = self.value.document().text();
        let last = self.value.span().end.max(self.key.map_or(0, |key| key.span().end));
        let content = text[..last].trim_end().len();
        text[content..].find('\n').map_or(text.len(), |at| content + at + 1)
    }

    fn line_start(self) -> usize {
        let text = self.value.document().text();
        text[..self.start()].rfind('\n').map_or(0, |at| at + 1)
    }

    /// Its column, from 0, and whether only blanks stand before it; before an item the dash does not count.
    fn column(self) -> (usize, bool) {
        let text = self.value.document().text();
        let before = &text[self.line_start()..self.start()];
        let before = if self.key.is_none() { before.strip_suffix("- ").unwrap_or(before) } else { before };
        (before.len(), before.bytes().all(|byte| byte == b' '))
    }

    /// Its text moved to `column`, without the blanks of the first line and with a line end.
    fn text_at(self, column: usize) -> Option<String> {
        let (own, clean) = self.column();
        let text = self.value.document().text();
        let dash = if self.key.is_none() { 2 } else { 0 };
        let start = self.start() - dash;
        let own_end = if clean { self.end() } else { self.value.span().end };
        let raw = text.get(start..own_end)?.trim_end_matches('\n');
        let mut out = String::new();
        for (number, line) in raw.split('\n').enumerate() {
            if number > 0 && !line.is_empty() {
                let blanks = line.len() - line.trim_start_matches(' ').len();
                let wanted = (blanks + column).checked_sub(own)?;
                out.push_str(&" ".repeat(wanted));
                out.push_str(&line[blanks..]);
            } else {
                out.push_str(line);
            }
            out.push('\n');
        }
        Some(out)
    }
}

/// The field at the end of a path.
fn find<'d, 't>(root: Node<'d, 't>, path: &[Step]) -> Option<Place<'d, 't>> {
    path.iter().try_fold(Place { key: None, value: root }, |place, step| {
        let (key, value) = follow(place.value, step)?;
        Some(Place { key, value })
    })
}

fn replace(is: Place<'_, '_>, will: Place<'_, '_>) -> Option<Splice> {
    let collection = |node: Node<'_, '_>| node.is_mapping() || node.is_sequence();
    let (from, to) = (is.value.span(), will.value.span());
    let raw = from.of(is.value.document().text());
    let one_line = |text: &str| !text.is_empty() && !text.contains('\n');
    if !collection(is.value)
        && !collection(will.value)
        && one_line(raw)
        && one_line(to.of(will.value.document().text()))
    {
        return Some(Splice { start: to.start, end: to.end, text: raw.to_owned() });
    }
    let (column, clean) = will.column();
    if !clean && will.key.is_none() {
        return None;
    }
    let dash = if will.key.is_none() { 2 } else { 0 };
    // A key behind a dash stands at its own column.
    let column = if clean { column } else { will.start() - will.line_start() };
    Some(Splice { start: will.start() - dash, end: will.end(), text: is.text_at(column)? })
}

fn insert(is: Place<'_, '_>, step: &Step, parent: Place<'_, '_>) -> Option<Splice> {
    let value = parent.value.resolved()?;
    let text = value.document().text();
    let siblings: Vec<Place<'_, '_>> = match step {
        Step::Key(_) => value.entries().map(|(key, value)| Place { key: Some(key), value }).collect(),
        _ => value.items().map(|value| Place { key: None, value }).collect(),
    };
    let last = siblings.last()?;
    let column = match step {
        Step::Key(_) => last.start() - last.line_start(),
        _ => last.column().0,
    };
    let after = match step {
        Step::Key(key) => {
            siblings.iter().take_while(|place| place.key.and_then(Node::text) < Some(key)).last()
        }
        _ => Some(last),
    };
    // Before the first key of an item stands its dash.
    let at = match after {
        Some(place) => place.end(),
        None => siblings.first().filter(|place| place.column().1)?.line_start(),
    };
    let gap = if text[..at].ends_with('\n') || at == 0 { "" } else { "\n" };
    let text = format!("{gap}{}{}", " ".repeat(column), is.text_at(column)?);
    Some(Splice { start: at, end: at, text })
}

fn remove(will: Place<'_, '_>, parent: Place<'_, '_>) -> Option<Splice> {
    let value = parent.value.resolved()?;
    let alone = value.entries().count() + value.items().count() == 1;
    if alone || !will.column().1 {
        return None;
    }
    Some(Splice { start: will.line_start(), end: will.end(), text: String::new() })
}

/// The text with all splices, `None` where two overlap.
pub(super) fn spliced(text: &str, mut splices: Vec<Splice>) -> Option<String> {
    splices.sort();
    let mut out = String::with_capacity(text.len() + 1024);
    let mut at = 0;
    for splice in splices {
        out.push_str(text.get(at..splice.start)?);
        out.push_str(&splice.text);
        at = splice.end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

/// The documents of `new` in the order of `found`; what `found` does not have follows what it follows in `new`.
pub(super) fn in_order_of<'m, 't>(found: &Manifest<'_>, new: &'m Manifest<'t>) -> Vec<&'m Object<'t>> {
    let place = |object: &Object<'_>| found.objects.iter().position(|known| known.id == object.id);
    let mut before = None;
    let mut keyed: Vec<(Option<usize>, usize, &Object<'_>)> = Vec::new();
    for (number, object) in new.objects.iter().enumerate() {
        before = place(object).or(before);
        keyed.push((before, number, object));
    }
    // Of the objects with one place the one that `found` has comes first.
    keyed.sort_by_key(|(place_of, number, object)| (*place_of, place(object).is_none(), *number));
    keyed.into_iter().map(|(_, _, object)| object).collect()
}
