//! Steps of a migration as edits of the text.

use super::draft::{Draft, first_dash};
use super::find::entry;
use super::op::Op;
use super::problem::Problem;
use super::{automation, lists};
use crate::text::Span;
use crate::yaml::{Node, Quote, encode};

/// Drafts one step; a problem leaves the whole object as it is.
pub(super) fn draft(node: Node<'_, '_>, op: &Op, out: &mut Draft<'_>) -> Result<Vec<Problem>, Problem> {
    match op {
        Op::Version { key, to } => version(node, key, to, out).map(|()| Vec::new()),
        Op::Remove { key } => remove(node, key, out),
        Op::ValuesFile => values_file(node, out).map(|()| Vec::new()),
        Op::Patches => lists::patches(node, out).map(|()| Vec::new()),
        Op::Automation => automation::nest(node, out).map(|()| Vec::new()),
        Op::Template { words } => {
            for (span, new) in words {
                out.replace(*span, *new);
            }
            Ok(Vec::new())
        }
    }
}

fn version(node: Node<'_, '_>, key: &str, to: &str, out: &mut Draft<'_>) -> Result<(), Problem> {
    let aliased = |at: Node<'_, '_>| Problem::aliased(at.span(), key);
    let (_, value) = entry(node, key).ok_or_else(|| aliased(node))?;
    if value.is_alias() || value.is_anchored() || value.is_tagged() {
        return Err(aliased(value));
    }
    let (quote, raw) = (value.quote().unwrap_or(Quote::Plain), value.span().of(out.text()));
    let text = encode(raw, quote, to, Quote::Double)
        .ok_or_else(|| Problem::layout(value.span(), &format!("`{key}` is a block of text")))?;
    out.replace(value.span(), text);
    Ok(())
}

/// Takes an entry out; comments above it stay, those inside it and on its line are told of.
fn remove(node: Node<'_, '_>, key: &str, out: &mut Draft<'_>) -> Result<Vec<Problem>, Problem> {
    let (name, value) = entry(node, key).ok_or_else(|| Problem::aliased(node.span(), key))?;
    is_plain(name, value, key)?;
    let span = if node.is_flow() {
        in_flow(node, name, value)
    } else {
        let alone = node.entries().count() == 1;
        let lines = out.lines(name, value).filter(|_| !alone);
        lines.map(|lines| whole_lines(lines, out)).ok_or_else(|| {
            Problem::layout(name.span(), &format!("`{key}` shares its line or is all that its mapping has"))
        })?
    };
    let dropped = node
        .document()
        .comments()
        .iter()
        .filter(|comment| span.start <= comment.span.start && comment.span.end <= span.end);
    let told = dropped.map(|comment| Problem::dropped(comment.span, key, comment.span.of(out.text())));
    let told = told.collect();
    let _ = out.take(span);
    out.replace(span, "");
    Ok(told)
}

/// Lines to take out; the last line of a text without a final line end takes the line end before it along.
pub(super) fn whole_lines(lines: Span, out: &Draft<'_>) -> Span {
    let text = out.text();
    if lines.end == text.len() && !text.ends_with('\n') {
        Span::new(text[..lines.start].trim_end_matches(['\n', '\r']).len(), lines.end)
    } else {
        lines
    }
}

/// An entry of a mapping in braces, with one of its commas.
fn in_flow(node: Node<'_, '_>, key: Node<'_, '_>, value: Node<'_, '_>) -> Span {
    let end = value.span().end.max(key.span().end);
    let entries: Vec<_> = node.entries().collect();
    let at = entries.iter().position(|(name, _)| *name == key).unwrap_or(0);
    match (at.checked_sub(1).and_then(|before| entries.get(before)), entries.get(at + 1)) {
        (_, Some((next, _))) => Span::new(key.span().start, next.span().start),
        (Some((name, before)), None) => Span::new(before.span().end.max(name.span().end), end),
        (None, None) => Span::new(key.span().start, end),
    }
}

/// Whether an entry and all below it stand for themselves: no anchors, aliases, merged keys or tags.
pub(super) fn is_plain(key: Node<'_, '_>, value: Node<'_, '_>, field: &str) -> Result<(), Problem> {
    let below = value.below();
    for node in below {
        let merges = node.quote() == Some(Quote::Plain) && node.text() == Some("<<");
        if node.is_alias() || node.is_anchored() || node.is_tagged() || merges {
            return Err(Problem::aliased(node.span(), field));
        }
    }
    if key.is_anchored() || key.is_tagged() {
        return Err(Problem::aliased(key.span(), field));
    }
    Ok(())
}

/// `valuesFile` becomes the last element of `valuesFiles`.
///
/// Source: fluxcd/source-controller `api/v1beta2/helmchart_types.go`, `GetValuesFiles`.
fn values_file(node: Node<'_, '_>, out: &mut Draft<'_>) -> Result<(), Problem> {
    const OLD: &str = "valuesFile";
    let (key, value) = entry(node, OLD).ok_or_else(|| Problem::aliased(node.span(), OLD))?;
    is_plain(key, value, OLD)?;
    let oneline = matches!(value.quote(), Some(Quote::Plain | Quote::Single | Quote::Double));
    let raw = value.span().of(out.text());
    let gap = Span::new(key.span().end, value.span().start).of(out.text());
    let odd = || Problem::layout(key.span(), "`valuesFile` does not stand on one line with its value");
    if raw.is_empty() || value.text().is_none_or(str::is_empty) {
        return remove(node, OLD, out).map(drop);
    }
    if !oneline || raw.contains('\n') || gap.trim_matches([' ', '"', '\'']) != ":" {
        return Err(odd());
    }
    let Some((_, list)) = entry(node, "valuesFiles") else {
        if node.get("valuesFiles").is_some() {
            return Err(Problem::aliased(node.span(), "valuesFiles"));
        }
        out.replace(key.span(), renamed(key, "valuesFiles", out));
        if node.is_flow() {
            out.insert(value.span().start, "[");
            out.insert(value.span().end, "]");
        } else {
            let indent = out.column(key.span().start) + sequence_step(node);
            let gap = Span::new(key.span().end, value.span().start);
            out.replace(gap, format!(":{}{}- ", out.eol(), " ".repeat(indent)));
        }
        return Ok(());
    };
    is_plain(key, list, "valuesFiles")?;
    if !list.is_sequence() {
        return Err(Problem::layout(list.span(), "`valuesFiles` is no list"));
    }
    let last = list.items().last();
    let is_there = last.and_then(Node::text) == value.text();
    let comment = out.comment_after(value.span().end);
    match last {
        _ if is_there => {}
        Some(last) if list.is_flow() => out.insert(last.span().end, format!(", {raw}")),
        None => out.replace(list.span(), format!("[{raw}]")),
        Some(last) => {
            let indent = out.column(out.dash(list).unwrap_or(list.span().start));
            let end = out.next_line(out.end_of(last));
            let eol = out.eol();
            let lead = if out.text()[..end].ends_with('\n') { "" } else { eol };
            out.insert(end, format!("{lead}{}- {raw}{comment}{eol}", " ".repeat(indent)));
        }
    }
    let moved = !is_there && !list.is_flow() && last.is_some();
    let span = if node.is_flow() {
        in_flow(node, key, value)
    } else {
        let lines = out.lines(key, value).ok_or_else(odd)?;
        if moved { lines } else { whole_lines(lines, out) }
    };
    if !moved && !comment.is_empty() && !node.is_flow() {
        // The comment stays where its line was.
        let start = Span::new(out.line_start(key.span().start), value.span().end);
        let blanks = " ".repeat(out.column(key.span().start));
        let gap = comment.len() - comment.trim_start().len();
        out.replace(Span::new(start.start, start.end + gap), blanks);
    } else {
        out.replace(span, "");
    }
    Ok(())
}

/// A key with another name, in the quotes that it has.
pub(super) fn renamed(key: Node<'_, '_>, name: &str, out: &Draft<'_>) -> String {
    let quote = key.quote().unwrap_or(Quote::Plain);
    encode(key.span().of(out.text()), quote, name, Quote::Double).unwrap_or_else(|| name.to_owned())
}

/// How much deeper than their key the sequences of a document stand, two blanks where it has none.
pub(super) fn sequence_step(node: Node<'_, '_>) -> usize {
    let text = node.document().text();
    let column = |at: usize| at - text[..at].rfind('\n').map_or(0, |end| end + 1);
    let mut steps =
        node.document().nodes().filter(|node| node.is_mapping() && !node.is_flow()).flat_map(|map| {
            map.entries().filter(|(_, value)| value.is_sequence() && !value.is_flow()).map(|(key, value)| {
                let dash = first_dash(text, value).unwrap_or(value.span().start);
                column(dash).saturating_sub(column(key.span().start))
            })
        });
    steps.next().unwrap_or(2)
}
