//! `patchesStrategicMerge` and `patchesJson6902` to `patches`.
//!
//! kustomize applies strategic merge patches first, then `patches`, then JSON patches, so the one list has them in this
//! order. Source: kustomize `api/internal/target/kusttarget_configplugin.go`, the order of the transformers.

use super::draft::{Draft, shifted};
use super::edit::{is_plain, renamed};
use super::find::{PATCH_LISTS, entry};
use super::problem::Problem;
use crate::text::Span;
use crate::yaml::Node;

/// A list in block style, and the lines of its items.
struct List<'d, 't> {
    key: Node<'d, 't>,
    value: Node<'d, 't>,
    /// From the line below the key to the end of the last item's line.
    body: Span,
    /// The column of the dashes.
    column: usize,
}

pub(super) fn patches(node: Node<'_, '_>, out: &mut Draft<'_>) -> Result<(), Problem> {
    let [strategic, json] = PATCH_LISTS else { return Ok(()) };
    let (strategic, json) = (list(node, strategic, out)?, list(node, json, out)?);
    let own = entry(node, "patches");
    if own.is_none() && node.get("patches").is_some() {
        return Err(Problem::aliased(node.span(), "patches"));
    }
    let own = match own {
        Some((_, value)) if value.text().is_none() && !value.is_sequence() && !value.is_alias() => {
            return Err(Problem::layout(value.span(), "`patches` is no list"));
        }
        Some((_, value)) if value.is_sequence() && value.items().next().is_none() => {
            return Err(Problem::layout(value.span(), "`patches` is an empty list"));
        }
        Some(_) => list(node, "patches", out)?,
        None => None,
    };
    // Where the one list stands: where `patches` does, else where the first of the others does.
    let mut before = Vec::new();
    let mut behind = Vec::new();
    let home = match (own, strategic, json) {
        (Some(own), strategic, json) => {
            before.extend(strategic);
            behind.extend(json);
            own
        }
        (None, Some(strategic), json) => {
            behind.extend(json);
            out.replace(strategic.key.span(), renamed(strategic.key, "patches", out));
            convert_in_place(&strategic, out)?;
            strategic
        }
        (None, None, Some(json)) => {
            out.replace(json.key.span(), renamed(json.key, "patches", out));
            return convert_in_place(&json, out);
        }
        (None, None, None) => return Ok(()),
    };
    for list in before {
        let text = moved(&list, home.column, out)?;
        out.insert(home.body.start, text);
    }
    for list in behind {
        let text = moved(&list, home.column, out)?;
        let lead = if out.text()[..home.body.end].ends_with('\n') { "" } else { out.eol() };
        out.insert(home.body.end, format!("{lead}{text}"));
    }
    Ok(())
}

/// A legacy list, none where it is absent; one that is empty goes.
fn list<'d, 't>(
    node: Node<'d, 't>,
    name: &str,
    out: &mut Draft<'_>,
) -> Result<Option<List<'d, 't>>, Problem> {
    let Some((key, value)) = entry(node, name) else { return Ok(None) };
    is_plain(key, value, name)?;
    let odd = |what: &str| Problem::layout(key.span(), &format!("`{name}` {what}"));
    if node.is_flow() || out.indent(key.span().start).is_none() {
        return Err(odd("shares its line with other keys"));
    }
    if !value.is_sequence() || value.is_flow() {
        return Err(odd("is no list with an item on each line"));
    }
    let start = out.next_line(key.span().end);
    let dash = out.dash(value).filter(|dash| start <= *dash && out.indent(*dash).is_some());
    let dash = dash.ok_or_else(|| odd("begins on the line of its key"))?;
    let body = Span::new(start, out.next_line(out.end_of(value)));
    Ok(Some(List { key, value, body, column: out.column(dash) }))
}

/// Each item of a list, where it stands.
fn convert_in_place(list: &List<'_, '_>, out: &mut Draft<'_>) -> Result<(), Problem> {
    for (span, text) in items(list, out)? {
        out.replace(span, text);
    }
    Ok(())
}

/// The converted items of a list as lines at another column, with the comments above its key; the list itself goes.
fn moved(list: &List<'_, '_>, column: usize, out: &mut Draft<'_>) -> Result<String, Problem> {
    let head = out.head(out.line_start(list.key.span().start));
    let mut text = String::new();
    for line in head.of(out.text()).split_inclusive('\n') {
        text.push_str(&shifted(line.trim_start_matches(' '), 0, column, out.eol()));
    }
    let on_line = out.comment_after(list.key.span().end + 1).trim();
    if !on_line.is_empty() {
        text.push_str(&shifted(on_line, 0, column, out.eol()));
    }
    let mut body = String::new();
    let mut at = list.body.start;
    for (span, item) in items(list, out)? {
        body.push_str(&out.text()[at..span.start]);
        body.push_str(&item);
        at = span.end;
    }
    body.push_str(&out.text()[at..list.body.end]);
    text.push_str(&shifted(body.trim_start_matches(' '), list.column, column, out.eol()));
    out.replace(Span::new(head.start, list.body.end), "");
    Ok(text)
}

/// The bytes of each item that change, and what takes their place.
fn items(list: &List<'_, '_>, out: &mut Draft<'_>) -> Result<Vec<(Span, String)>, Problem> {
    let mut all = Vec::new();
    for item in list.value.items() {
        let is_strategic = list.key.text() == Some("patchesStrategicMerge");
        if !item.is_mapping() || item.is_flow() && !is_strategic {
            return Err(Problem::layout(item.span(), "a patch is no mapping in block style"));
        }
        match list.key.text() {
            Some("patchesStrategicMerge") => all.push(strategic(item, list.column, out)?),
            Some("patchesJson6902") => all.extend(json(item, out)?),
            _ => {}
        }
    }
    Ok(all)
}

/// `- kind: …` to `- patch: |` and the object below it.
fn strategic(item: Node<'_, '_>, column: usize, out: &mut Draft<'_>) -> Result<(Span, String), Problem> {
    let start = item.span().start;
    let dash = out.text()[..start].rfind('-').filter(|at| out.column(*at) == column);
    let dash = dash.ok_or_else(|| Problem::layout(item.span(), "a patch does not stand behind a dash"))?;
    let between = &out.text()[dash + 1..start];
    let end = out.next_line(out.end_of(item));
    let own = out.column(start);
    let header = match between.split_once('\n') {
        None => String::new(),
        Some((line, rest)) if rest.trim().is_empty() => line.trim_end().to_owned(),
        Some(_) => return Err(Problem::layout(item.span(), "comments stand between a dash and its patch")),
    };
    let object = out.take(Span::new(start, end));
    let object = shifted(&object, own, column + 4, out.eol());
    let last = if out.text()[..end].ends_with('\n') { object.as_str() } else { object.trim_end() };
    Ok((Span::new(dash, end), format!("- patch: |{header}{}{last}", out.eol())))
}

/// The operations under `patch:` to a text; what is a text already stays.
fn json(item: Node<'_, '_>, out: &mut Draft<'_>) -> Result<Option<(Span, String)>, Problem> {
    let Some((key, value)) = entry(item, "patch") else {
        return Err(Problem::layout(item.span(), "a JSON patch has no `patch`"));
    };
    if value.quote().is_some() {
        return Ok(None);
    }
    if !value.is_sequence() {
        return Err(Problem::layout(value.span(), "`patch` is no list of operations"));
    }
    let start = out.next_line(key.span().end);
    let one_line = start > value.span().start;
    if one_line && value.span().of(out.text()).contains('\n') {
        return Err(Problem::layout(value.span(), "the operations begin on the line of their key"));
    }
    let column = out.column(key.span().start) + 2;
    let eol = out.eol();
    let colon = key.span().end + out.text()[key.span().end..].find(':').map_or(0, |at| at + 1);
    let end = out.next_line(out.end_of(value));
    let header = if one_line { "" } else { out.comment_after(colon) };
    let from = if one_line { value.span().start } else { start };
    let own = match out.dash(value) {
        Some(dash) if !one_line => out.column(dash),
        _ => 0,
    };
    let body = out.take(Span::new(from, end));
    let shallow = body
        .split_inclusive('\n')
        .any(|line| !line.trim().is_empty() && line.len() - line.trim_start_matches(' ').len() < own);
    if shallow && !one_line {
        return Err(Problem::layout(value.span(), "a comment stands left of the operations"));
    }
    let lead = body.len() - body.trim_start_matches(' ').len();
    // Operations that are deep enough stay where they are.
    let to = if one_line { column } else { own.max(column) };
    let body = shifted(body.trim_start_matches(' '), own, to + lead.saturating_sub(own), eol);
    let body = if out.text()[..end].ends_with('\n') { body.as_str() } else { body.trim_end() };
    Ok(Some((Span::new(colon, end), format!(" |{header}{eol}{body}"))))
}
