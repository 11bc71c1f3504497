//! Applying edits to a text, all or none.

use crate::patch::Edit;
use crate::text::{Lines, RepoPath, Span};

/// Why edits cannot be applied; the text stays as it is then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// The bytes at an edit are not the ones that the plan saw.
    #[error("{path}:{line}:{column}: the file has changed: found `{found}`, expected `{expected}`")]
    Moved {
        /// The file.
        path: RepoPath,
        /// Line of the edit, from 1.
        line: usize,
        /// Column of the edit in code points, from 1.
        column: usize,
        /// What the plan saw.
        expected: String,
        /// What stands there; shorter where the text ends before the edit does.
        found: String,
    },
    /// Two edits want the same bytes and differ.
    #[error("{path}:{line}:{column}: two edits overlap: `{first}` and `{second}`")]
    Overlap {
        /// The file.
        path: RepoPath,
        /// Line of the later edit, from 1.
        line: usize,
        /// Column of the later edit in code points, from 1.
        column: usize,
        /// What the earlier edit writes.
        first: String,
        /// What the later edit writes.
        second: String,
    },
}

impl PatchError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Moved { .. } => "patch.moved",
            Self::Overlap { .. } => "patch.overlap",
        }
    }
}

/// `text` with all `edits` of its file applied.
///
/// Edits may come in any order; equal ones count once. Everything outside their spans is copied byte for byte: line
/// ends, blank lines, a missing final newline. Linear in the text, apart from sorting the edits.
///
/// # Errors
///
/// [`PatchError::Moved`] if the bytes at an edit are not its `expect`, [`PatchError::Overlap`] if two different edits
/// share a byte or insert at the same place. Nothing is applied then.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::patch::{Edit, apply};
/// use flux_upgrade_core::{RepoPath, Span};
/// let edit = Edit {
///     path: RepoPath::parse("podinfo.yaml").unwrap(),
///     span: Span::new(5, 10),
///     expect: "6.5.0".into(),
///     replace: "6.7.1".into(),
/// };
/// assert_eq!(apply::apply("tag: 6.5.0 # chart\n", &[edit]).unwrap(), "tag: 6.7.1 # chart\n");
/// ```
pub fn apply(text: &str, edits: &[Edit]) -> Result<String, PatchError> {
    let edits = ordered(text, edits)?;
    let grown: usize = edits.iter().map(|edit| edit.replace.len()).sum();
    let mut after = String::with_capacity(text.len() + grown);
    let mut copied = 0;
    for edit in edits {
        after.push_str(&text[copied..edit.span.start]);
        after.push_str(&edit.replace);
        copied = edit.span.end;
    }
    after.push_str(&text[copied..]);
    Ok(after)
}

/// The edits that undo `edits`: their spans are bytes of the text that [`apply`] gives.
///
/// Edits that touch each other become one. `edits` are those of one file that [`apply`] accepts.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::patch::{Edit, apply};
/// use flux_upgrade_core::{RepoPath, Span};
/// let path = RepoPath::parse("podinfo.yaml").unwrap();
/// let edits = [Edit { path, span: Span::new(5, 7), expect: "v9".into(), replace: "v10".into() }];
/// let after = apply::apply("tag: v9", &edits).unwrap();
/// assert_eq!(apply::apply(&after, &apply::invert(&edits)).unwrap(), "tag: v9");
/// ```
#[must_use]
pub fn invert(edits: &[Edit]) -> Vec<Edit> {
    let mut inverse: Vec<Edit> = Vec::with_capacity(edits.len());
    let (mut taken, mut given) = (0, 0);
    for edit in sorted(edits) {
        let start = (edit.span.start + given).saturating_sub(taken);
        let end = start + edit.replace.len();
        taken += edit.span.len();
        given += edit.replace.len();
        match inverse.last_mut() {
            Some(last) if last.span.end == start => {
                last.span.end = end;
                last.expect.push_str(&edit.replace);
                last.replace.push_str(&edit.expect);
            }
            _ => inverse.push(Edit {
                path: edit.path.clone(),
                span: Span::new(start, end),
                expect: edit.replace.clone(),
                replace: edit.expect.clone(),
            }),
        }
    }
    inverse
}

/// The edits by position, equal ones once.
fn sorted(edits: &[Edit]) -> Vec<&Edit> {
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|edit| (edit.span, &edit.replace, &edit.expect));
    sorted.dedup_by(|a, b| (a.span, &a.replace, &a.expect) == (b.span, &b.replace, &b.expect));
    sorted
}

/// The edits by position, proven to fit `text` and each other.
pub(super) fn ordered<'e>(text: &str, edits: &'e [Edit]) -> Result<Vec<&'e Edit>, PatchError> {
    let sorted = sorted(edits);
    for edit in &sorted {
        if text.get(edit.span.start..edit.span.end) != Some(edit.expect.as_str()) {
            let (line, column) = Lines::new(text).position(edit.span.start);
            let start = text.floor_char_boundary(edit.span.start);
            let end = text.ceil_char_boundary(edit.span.end).max(start);
            return Err(PatchError::Moved {
                path: edit.path.clone(),
                line,
                column,
                expected: edit.expect.clone(),
                found: text[start..end].to_owned(),
            });
        }
    }
    for pair in sorted.windows(2) {
        let [first, second] = [pair[0], pair[1]];
        if second.span.start < first.span.end || second.span == first.span {
            let (line, column) = Lines::new(text).position(second.span.start);
            return Err(PatchError::Overlap {
                path: second.path.clone(),
                line,
                column,
                first: first.replace.clone(),
                second: second.replace.clone(),
            });
        }
    }
    Ok(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edit(start: usize, expect: &str, replace: &str) -> Edit {
        Edit {
            path: RepoPath::parse("a.yaml").unwrap(),
            span: Span::new(start, start + expect.len()),
            expect: expect.into(),
            replace: replace.into(),
        }
    }

    #[test]
    fn edits_apply_in_any_order_and_equal_ones_once() {
        let edits = [edit(4, "5", "five"), edit(0, "1", "one"), edit(4, "5", "five"), edit(6, "", "!")];
        assert_eq!(apply("1 3 5 ", &edits).unwrap(), "one 3 five !");
    }

    #[test]
    fn an_insertion_may_touch_a_replacement() {
        assert_eq!(apply("tag: 1", &[edit(5, "1", "2"), edit(6, "", "@x")]).unwrap(), "tag: 2@x");
        assert_eq!(apply("tag: 1", &[edit(5, "1", "2"), edit(5, "", "v")]).unwrap(), "tag: v2");
    }

    #[test]
    fn a_changed_file_is_refused_with_its_position() {
        let error = apply("a: 1\nb: 3\n", &[edit(0, "a", "A"), edit(8, "2", "4")]).unwrap_err();
        assert_eq!(error.code(), "patch.moved");
        assert_eq!(error.to_string(), "a.yaml:2:4: the file has changed: found `3`, expected `2`");
        for (text, start) in [("a", 1), ("a", 9), ("é", 1)] {
            let error = apply(text, &[edit(start, "xy", "")]).unwrap_err();
            assert_eq!(error.code(), "patch.moved", "{text} {start}");
        }
    }

    #[test]
    fn overlapping_edits_are_refused() {
        for (first, second) in [
            (edit(0, "abc", "x"), edit(2, "cd", "y")),
            (edit(0, "abcd", "x"), edit(2, "", "y")),
            (edit(0, "ab", "x"), edit(0, "ab", "y")),
            (edit(2, "", "x"), edit(2, "", "y")),
            (edit(0, "ab", "x"), edit(0, "abc", "y")),
        ] {
            let error = apply("abcd", &[second, first]).unwrap_err();
            assert_eq!(error.code(), "patch.overlap", "{error}");
        }
    }

    /// A text and edits on it that do not overlap.
    fn text_and_edits() -> impl Strategy<Value = (String, Vec<Edit>)> {
        let piece = ("[aé\n\r]{0,4}", proptest::option::of("[bü\n]{0,4}"));
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| {
            let (mut text, mut edits): (String, Vec<Edit>) = (String::new(), Vec::new());
            for (expect, replace) in pieces {
                let start = text.len();
                if let Some(replace) = replace
                    && edits.last().is_none_or(|last| !(expect.is_empty() && last.span.end == start))
                {
                    edits.push(edit(start, &expect, &replace));
                }
                text.push_str(&expect);
            }
            (text, edits)
        })
    }

    proptest! {
        #[test]
        fn the_inverse_gives_the_text_back((text, edits) in text_and_edits()) {
            let after = apply(&text, &edits).unwrap();
            prop_assert_eq!(apply(&after, &invert(&edits)).unwrap(), text);
        }

        #[test]
        fn no_edit_changes_no_byte(text in any::<String>()) {
            prop_assert_eq!(apply(&text, &[]).unwrap(), text);
        }

        #[test]
        fn any_edits_give_a_text_or_an_error(
            text in "\\PC{0,12}",
            edits in proptest::collection::vec((0usize..16, 0usize..16, "\\PC{0,3}", "\\PC{0,3}"), 0..4),
        ) {
            let edits: Vec<Edit> = edits
                .into_iter()
                .map(|(start, end, expect, replace)| Edit { span: Span::new(start, end), ..edit(0, &expect, &replace) })
                .collect();
            let _ = apply(&text, &edits);
        }
    }
}
