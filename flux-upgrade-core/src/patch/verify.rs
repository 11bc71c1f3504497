//! The proof: read the result again, and only the planned scalars differ.

use super::{Edit, FilePatch};
use crate::hcl;
use crate::scan::is_terraform;
use crate::text::Span;
use crate::yaml::{Comments, Document, Node, Quote, block_parts, embedded, parse, split, templated};

/// Why a patched text is not what was planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// The edits move a document boundary.
    #[error("the edits change where documents begin")]
    Boundaries,
    /// A document can no longer be read.
    #[error("a document can no longer be read after the edits")]
    Unreadable,
    /// Something else than a planned value differs.
    #[error("something else than a planned value differs at byte {at} of the patched text")]
    Foreign {
        /// The byte.
        at: usize,
    },
    /// A planned value did not arrive.
    #[error("the value planned for byte {at} did not arrive")]
    Missing {
        /// The byte of the original text.
        at: usize,
    },
}

/// Reads both texts and compares them node by node: values differ in the edited scalars only, and nothing else does.
///
/// Parts without an edit are compared by their bytes; only edited ones are parsed. In a comment, and in a file that is no
/// YAML, a word takes the place of a word, and every other byte is the same.
///
/// # Errors
///
/// [`Unproven`] with the first difference that was not planned.
pub fn verify(before: &str, patch: &FilePatch) -> Result<(), Unproven> {
    let after = patch.after.as_str();
    let whole = |text: &str| Span::new(0, text.len());
    if is_terraform(patch.path.name()) {
        texts(before, whole(before), after, whole(after), &patch.edits, is_literal)?;
        return literals(before, after, &patch.edits);
    }
    if !is_yaml(patch.path.name()) {
        return words(before, whole(before), after, whole(after), &patch.edits).map(drop);
    }
    let (old, new) = (split(before), split(after));
    if old.len() != new.len() {
        return Err(Unproven::Boundaries);
    }
    let mut arrived = 0;
    for (old, new) in old.into_iter().zip(new) {
        let edits = within(&patch.edits, old);
        if edits.is_empty() {
            if old.of(before) != new.of(after) {
                return Err(Unproven::Foreign { at: new.start });
            }
            continue;
        }
        arrived += part(before, old, after, new, edits)?;
    }
    match patch.edits.get(arrived) {
        Some(edit) if arrived < patch.edits.len() => Err(Unproven::Missing { at: edit.span.start }),
        _ => Ok(()),
    }
}

pub(crate) fn is_yaml(name: &str) -> bool {
    name.ends_with(".yaml") || name.ends_with(".yml") || name == "Kustomization"
}

/// Compares two stretches of text that differ in the edited words only; gives the number of words that arrived.
fn words(before: &str, old: Span, after: &str, new: Span, edits: &[Edit]) -> Result<usize, Unproven> {
    texts(before, old, after, new, edits, is_word)
}

/// The same for what `may` be replaced by its like.
fn texts(
    before: &str,
    old: Span,
    after: &str,
    new: Span,
    edits: &[Edit],
    may: impl Fn(&str) -> bool,
) -> Result<usize, Unproven> {
    let (mut at, mut rest) = (old.start, new.of(after));
    let foreign = |rest: &str| Unproven::Foreign { at: new.end - rest.len() };
    for edit in edits {
        let kept = before.get(at..edit.span.start).ok_or(foreign(rest))?;
        rest = rest.strip_prefix(kept).ok_or(foreign(rest))?;
        if !may(edit.span.of(before)) || !may(&edit.replace) {
            return Err(foreign(rest));
        }
        rest = rest.strip_prefix(&*edit.replace).ok_or(Unproven::Missing { at: edit.span.start })?;
        at = edit.span.end;
    }
    if before[at..old.end] == *rest { Ok(edits.len()) } else { Err(foreign(rest)) }
}

/// Whether a text is one word that is neither a comment nor ends a line.
fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c == '#' || c.is_whitespace() || c.is_control())
}

/// Whether a text is a string of Terraform without escapes and templates.
fn is_literal(text: &str) -> bool {
    let inside = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inside.is_some_and(|text| !text.contains(|c: char| matches!(c, '"' | '\\' | '$' | '%') || c.is_control()))
}

/// Reads both texts as Terraform would: the same blocks and attributes, which differ in the edited strings only.
fn literals(before: &str, after: &str, edits: &[Edit]) -> Result<(), Unproven> {
    let read = |text: &str| hcl::read(text).map_err(|_| Unproven::Unreadable);
    let (old, new) = (read(before)?, read(after)?);
    let (old, new) = (old.all(), new.all());
    let foreign = |at: usize| Unproven::Foreign { at };
    if old.len() != new.len() {
        return Err(foreign(0));
    }
    let mut arrived = 0;
    for (old, new) in old.into_iter().zip(new) {
        if old.words != new.words || old.attributes.len() != new.attributes.len() {
            return Err(foreign(0));
        }
        for (old, new) in old.attributes.iter().zip(&new.attributes) {
            let inside = within(edits, old.span);
            let same = match inside {
                [] => old.span.of(before) == new.span.of(after),
                [edit] if edit.span == old.span => {
                    arrived += 1;
                    new.span.of(after) == edit.replace
                }
                // An object: its entries are attributes too.
                _ => old.value == new.value,
            };
            if old.path != new.path || !same {
                return Err(foreign(new.span.start));
            }
        }
    }
    match edits.get(arrived) {
        Some(edit) => Err(Unproven::Missing { at: edit.span.start }),
        None => Ok(()),
    }
}

/// The edits inside a span; edits are in order and do not overlap.
fn within(edits: &[Edit], span: Span) -> &[Edit] {
    let from = edits.partition_point(|edit| edit.span.start < span.start);
    let rest = &edits[from..];
    &rest[..rest.partition_point(|edit| edit.span.end <= span.end)]
}

/// Compares one part; gives the number of edits that were found as planned.
fn part(before: &str, old: Span, after: &str, new: Span, edits: &[Edit]) -> Result<usize, Unproven> {
    let (old, old_error) = parse(before, old, Comments::Keep);
    let (new, new_error) = parse(after, new, Comments::Keep);
    if old_error.is_some() || new_error.is_some() || old.len() != new.len() {
        return Err(Unproven::Unreadable);
    }
    let mut arrived = 0;
    for (old, new) in old.iter().zip(&new) {
        arrived += documents(old, new, edits)?;
    }
    Ok(arrived)
}

fn documents(old: &Document<'_>, new: &Document<'_>, edits: &[Edit]) -> Result<usize, Unproven> {
    if let Some((_, again)) = new.duplicate_keys().first().filter(|_| old.duplicate_keys().is_empty()) {
        return Err(Unproven::Foreign { at: again.start });
    }
    let mut arrived = comments(old, new, edits)?;
    let mut rest = new.nodes().peekable();
    for before in old.nodes() {
        let foreign = |at: usize| Unproven::Foreign { at };
        let after = rest.next().ok_or(foreign(new.span().end))?;
        if let Some(block) = before.block().filter(|block| !within(edits, *block).is_empty()) {
            arrived += nested(before, block, after, edits)?;
            continue;
        }
        let span = before.span();
        let inside: Vec<&Edit> =
            within(edits, span).iter().filter(|edit| edit.span != span && !edit.span.is_empty()).collect();
        if before.quote().is_some() && !before.is_alias() && !inside.is_empty() {
            arrived += decoded(before, after, &inside)?;
            continue;
        }
        let planned = within(edits, span).iter().find(|edit| edit.span == span && !edit.span.is_empty());
        let same = match planned {
            Some(edit) => {
                arrived += 1;
                after.span().of(new.text()) == edit.replace && shape(before) == shape(after)
            }
            None => shape(before) == shape(after) && content(before) == content(after),
        };
        if !same {
            return Err(foreign(after.span().start));
        }
        // A key that is inserted after this node comes with its value.
        let behind = &edits[edits.partition_point(|edit| edit.span.start < span.end)..];
        let inserted = behind
            .iter()
            .take_while(|edit| follows(old.text(), before, edit.span.start))
            .filter(|edit| edit.span.is_empty());
        for edit in inserted {
            let key = rest.next().ok_or(foreign(new.span().end))?;
            let value = rest.next().ok_or(foreign(key.span().end))?;
            let whole = Span::new(key.span().start, value.span().end).of(new.text());
            if !edit.replace.contains(whole) {
                return Err(foreign(key.span().start));
            }
            arrived += 1;
        }
    }
    match rest.next() {
        Some(extra) => Err(Unproven::Foreign { at: extra.span().start }),
        None => Ok(arrived),
    }
}

/// Compares the comments; gives the number of edits that were found in them.
fn comments(old: &Document<'_>, new: &Document<'_>, edits: &[Edit]) -> Result<usize, Unproven> {
    if old.comments().len() != new.comments().len() {
        return Err(Unproven::Foreign { at: new.span().start });
    }
    let mut arrived = 0;
    for (before, after) in old.comments().iter().zip(new.comments()) {
        let edits = within(edits, before.span);
        // A key that is inserted after the line comes below the comment.
        let edits = &edits[..edits.partition_point(|edit| edit.span.start < before.span.end)];
        arrived += words(old.text(), before.span, new.text(), after.span, edits)?;
    }
    Ok(arrived)
}

/// Compares the YAML inside a block scalar.
fn nested(before: Node<'_, '_>, block: Span, after: Node<'_, '_>, edits: &[Edit]) -> Result<usize, Unproven> {
    let new = after.block().ok_or(Unproven::Unreadable)?;
    let text = before.document().text();
    if memchr::memmem::find(block.of(text).as_bytes(), b"<<").is_some() || block_parts(text, block).len() > 1
    {
        return template(before, after, within(edits, block));
    }
    part(before.document().text(), block, after.document().text(), new, within(edits, block))
}

/// Compares the documents inside a block that is a template: its lines of tags are the same, and so is all between documents.
fn template(before: Node<'_, '_>, after: Node<'_, '_>, edits: &[Edit]) -> Result<usize, Unproven> {
    let foreign = || Unproven::Foreign { at: after.span().start };
    let lines =
        |node: Node<'_, '_>| node.block().map_or(0, |block| block.of(node.document().text()).lines().count());
    let ((old, old_broken), (new, new_broken)) = (templated(before), templated(after));
    if old.is_empty() || old.len() != new.len() || old_broken.is_some() != new_broken.is_some() {
        return Err(Unproven::Unreadable);
    }
    // Every byte outside of the edits is the same.
    let (block, whole) = (before.block().ok_or_else(foreign)?, after.block().ok_or_else(foreign)?);
    let (mut wanted, mut from) = (String::new(), block.start);
    for edit in edits {
        wanted.push_str(before.document().text().get(from..edit.span.start).ok_or_else(foreign)?);
        wanted.push_str(&edit.replace);
        from = edit.span.end;
    }
    wanted.push_str(&before.document().text()[from..block.end]);
    let inserted = edits.iter().filter(|edit| edit.replace.contains('\n')).count();
    if whole.of(after.document().text()) != wanted || lines(before) + inserted != lines(after) {
        return Err(foreign());
    }
    let mut arrived = 0;
    for (old, new) in old.iter().zip(&new) {
        arrived += documents(old, new, within(edits, old.span()))?;
    }
    Ok(arrived)
}

/// Compares the YAML inside a scalar of any other style: the scalar has the planned words in place of others, and its
/// documents have the same nodes but for as many scalars.
fn decoded(before: Node<'_, '_>, after: Node<'_, '_>, edits: &[&Edit]) -> Result<usize, Unproven> {
    let (text, span) = (before.document().text(), before.span());
    let foreign = || Unproven::Foreign { at: after.span().start };
    let (mut wanted, mut from) = (String::new(), span.start);
    for edit in edits {
        wanted.push_str(text.get(from..edit.span.start).ok_or_else(foreign)?);
        wanted.push_str(&edit.replace);
        from = edit.span.end;
    }
    wanted.push_str(&text[from..span.end]);
    let same = shape(before) == shape(after) && before.quote() == after.quote();
    if !same || after.span().of(after.document().text()) != wanted {
        return Err(foreign());
    }
    let (old, new) = (embedded(before), embedded(after));
    let nodes =
        |documents: &[Document<'_>]| documents.iter().map(|one| one.nodes().count()).collect::<Vec<_>>();
    if old.is_empty() || nodes(&old) != nodes(&new) {
        return Err(Unproven::Unreadable);
    }
    let pairs = old.iter().zip(&new).flat_map(|(old, new)| old.nodes().zip(new.nodes()));
    let mut moved = 0;
    for (old, new) in pairs {
        if shape(old) != shape(new) || old.quote() != new.quote() {
            return Err(foreign());
        }
        if content(old).1 != content(new).1 {
            let planned = edits
                .iter()
                .filter(|edit| old.span().start <= edit.span.start && edit.span.end <= old.span().end);
            if planned.count() != 1 {
                return Err(foreign());
            }
            moved += 1;
        }
    }
    if moved == edits.len() { Ok(moved) } else { Err(Unproven::Missing { at: edits[0].span.start }) }
}

/// Whether `at` is the end of the node, or of its line: a comment may stand between.
fn follows(text: &str, node: Node<'_, '_>, at: usize) -> bool {
    let end = node.span().end;
    if node.is_mapping() || node.is_sequence() || end > at {
        return false;
    }
    let Some(between) = text.get(end..at) else { return false };
    match between.find(['\n', '\r', ',', ':', '#']) {
        Some(mark) if between.as_bytes()[mark] == b'#' => {
            between[..mark].trim().is_empty() && !between[mark..].contains(['\n', '\r'])
        }
        found => found.is_none(),
    }
}

/// What a scalar says; an alias says which anchor it repeats, and its value may change with that.
fn content<'d>(node: Node<'d, '_>) -> (Option<Quote>, Option<&'d str>) {
    let text = if node.is_alias() { Some(node.span().of(node.document().text())) } else { node.text() };
    (node.quote(), text)
}

/// What a node is apart from its text.
fn shape(node: Node<'_, '_>) -> (bool, bool, bool, bool, bool) {
    (node.is_mapping(), node.is_sequence(), node.is_alias(), node.is_anchored(), node.is_tagged())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::RepoPath;

    /// The proof of one edit, the first `old` of the text, with any text after it.
    fn proof(path: &str, before: &str, old: &str, new: &str, after: &str) -> Result<(), Unproven> {
        let path = RepoPath::parse(path).unwrap();
        let start = before.find(old).unwrap();
        let span = Span::new(start, start + old.len());
        let edit = Edit { path: path.clone(), span, expect: old.to_owned(), replace: new.to_owned() };
        verify(before, &FilePatch { path, edits: vec![edit], after: after.to_owned() })
    }

    const USES: &str = "uses: a/b # tag=v1 more\n# end\n";

    #[test]
    fn a_word_of_a_comment_takes_the_place_of_a_word() {
        assert_eq!(proof("a.yaml", USES, "v1", "v2", "uses: a/b # tag=v2 more\n# end\n"), Ok(()));
    }

    #[test]
    fn a_comment_may_not_change_in_anything_else() {
        for (new, after) in [
            ("v2", "uses: a/b # tag=v2 less\n# end\n"),
            ("v2", "uses: a/b # tag=v2 more\n# END\n"),
            ("v2", "uses: a/b  # tag=v2 more\n# end\n# more\n"),
            ("v2", "uses: a/c # tag=v2 more\n# end\n"),
            ("v2", "uses: a/b # tag=v3 more\n# end\n"),
            ("v2 x", "uses: a/b # tag=v2 x more\n# end\n"),
            ("v2\nx: y", "uses: a/b # tag=v2\nx: y more\n# end\n"),
            ("", "uses: a/b # tag= more\n# end\n"),
        ] {
            assert!(proof("a.yaml", USES, "v1", new, after).is_err(), "{after}");
        }
    }

    #[test]
    fn a_word_inside_a_quoted_document_takes_the_place_of_a_word() {
        let before = "patch: \"- {op: add, value: v1}\\n\" # v1\n";
        let after = |text: &str, new: &str| proof("a.yaml", before, "v1", new, text);
        assert_eq!(after("patch: \"- {op: add, value: v2}\\n\" # v1\n", "v2"), Ok(()));
        for (text, new) in [
            ("patch: \"- {op: add, value: v2}\" # v1\n", "v2"),
            ("patch: \"- {op: add, value: v3}\\n\" # v1\n", "v2"),
            ("patch: \"- {op: add, value: v1}\\n\" # v1\n", "v2"),
            ("patch: '- {op: add, value: v2}\\n' # v1\n", "v2"),
            ("patch: \"- {op: add, value: v2, x: y}\\n\" # v1\n", "v2, x: y"),
            ("patch: \"- {op: add, value: 'v2'}\\n\" # v1\n", "'v2'"),
        ] {
            assert!(after(text, new).is_err(), "{text}");
        }
    }

    const TOOLS: &str = "# tools\r\nflux2 2.6.4\r\nhelm\t3.1";

    #[test]
    fn a_file_that_is_no_yaml_differs_in_words_only() {
        let after = |text: &str| proof(".tool-versions", TOOLS, "2.6.4", "2.7.5", text);
        assert_eq!(after("# tools\r\nflux2 2.7.5\r\nhelm\t3.1"), Ok(()));
        for text in [
            "# tools\nflux2 2.7.5\r\nhelm\t3.1",
            "# tools\r\nflux2 2.7.5\r\nhelm\t3.1\n",
            "# tools\r\nflux2 2.7.6\r\nhelm\t3.1",
            "# tools\r\nflux2  2.7.5\r\nhelm\t3.1",
            "# tools\r\nflux2 2.7.5\r\nhelm 3.1",
        ] {
            assert!(after(text).is_err(), "{text}");
        }
        let two = proof(".tool-versions", TOOLS, "2.6.4", "2.7.5 1", "# tools\r\nflux2 2.7.5 1\r\nhelm\t3.1");
        assert!(two.is_err());
    }

    const MODULE: &str = "flux = {\n  source = \"fluxcd/flux\" # ok\n  version = \"~> 1.4\"\n}\n";

    #[test]
    fn a_module_differs_in_strings_only() {
        let (old, new) = ("\"~> 1.4\"", "\"~> 2.0\"");
        let after = |text: &str| proof("main.tf", MODULE, old, new, text);
        assert_eq!(after(&MODULE.replace("1.4", "2.0")), Ok(()));
        for text in [
            MODULE.to_owned(),
            MODULE.replace("1.4", "2.1"),
            MODULE.replace("1.4", "2.0").replace("ok", "no"),
            MODULE.replace("1.4", "2.0").replace("  source", "source"),
            MODULE.replace("1.4", "2.0").replace('}', ""),
        ] {
            assert!(after(&text).is_err(), "{text}");
        }
        for new in ["\"${a}\"", "2.0", "\"2.0\\n\"", "\"a\" x = \"b\"", "\"a\"\nx = \"b\""] {
            assert!(proof("main.tf", MODULE, old, new, &MODULE.replace(old, new)).is_err(), "{new}");
        }
    }
}
