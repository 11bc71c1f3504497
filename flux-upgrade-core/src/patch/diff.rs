//! The unified diff of a patch set, as `git apply` takes it.
//!
//! - a line ends at `\n` alone, as for git; a `\r` is part of the line
//! - paths are quoted as git does (`core.quotePath`): control characters, `"`, `\` and bytes from 0x80
//! - a path with a blank is followed by a tab in the `---` and `+++` lines
//!
//! Source: git's `diff.c` (`emit_rewrite_diff`, `quote_two_c_style`) and `apply.c`.

use std::fmt::Write as _;
use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::patch::apply::{invert, ordered};
use crate::patch::{Edit, FilePatch, PatchError, PatchSet};
use crate::text::{RepoPath, SourceFile, Span};

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// The diff of every file of `set`, in its order, from the texts in `files`.
///
/// The lines that differ follow from the edits, so the work is linear in the texts. A file of `set` that is not among
/// `files` is a new one.
///
/// # Errors
///
/// [`PatchError`] where the edits do not fit the text of the file.
pub fn unified(files: &[SourceFile], set: &PatchSet) -> Result<String, PatchError> {
    let mut diff = String::new();
    for (before, patch) in pairs(files, set) {
        let Some(before) = before else {
            diff.push_str(&whole(&patch.path, &patch.after, '+'));
            continue;
        };
        diff.push_str(&of_edits(&patch.path, &before.text, patch)?);
    }
    Ok(diff)
}

/// The diff that takes the patched files back to the texts in `files`.
///
/// # Errors
///
/// [`PatchError`] where the edits do not fit the text of the file.
pub fn reverse(files: &[SourceFile], set: &PatchSet) -> Result<String, PatchError> {
    let mut diff = String::new();
    for (before, patch) in pairs(files, set) {
        let Some(before) = before else {
            diff.push_str(&whole(&patch.path, &patch.after, '-'));
            continue;
        };
        let back =
            FilePatch { path: patch.path.clone(), edits: invert(&patch.edits), after: before.text.clone() };
        diff.push_str(&of_edits(&patch.path, &patch.after, &back)?);
    }
    Ok(diff)
}

/// Each file patch with the file that it patches, none where it is a new one.
fn pairs<'a>(
    files: &'a [SourceFile],
    set: &'a PatchSet,
) -> impl Iterator<Item = (Option<&'a SourceFile>, &'a FilePatch)> {
    let by_path: std::collections::BTreeMap<_, _> = files.iter().map(|file| (&file.path, file)).collect();
    set.files.iter().map(move |patch| (by_path.get(&patch.path).copied(), patch))
}

/// The diff of a file that comes, or that goes: `sign` is `+` or `-`.
///
/// Source: git's `diff.c` (`builtin_diff`), with the mode of a regular file.
fn whole(path: &RepoPath, text: &str, sign: char) -> String {
    let lines = split(text);
    let [a, b] = ["a/", "b/"].map(|side| quoted(side, path));
    let tab = if path.as_str().contains([' ', '\u{b}', '\u{c}']) { "\t" } else { "" };
    let is_new = sign == '+';
    let mode = if is_new { "new" } else { "deleted" };
    let mut diff = format!("diff --git {a} {b}\n{mode} file mode 100644\n");
    if lines.is_empty() {
        return diff;
    }
    let hunk = range(&(0..lines.len()));
    let _ = if is_new {
        write!(diff, "--- /dev/null\n+++ {b}{tab}\n@@ -0,0 +{hunk} @@\n")
    } else {
        write!(diff, "--- {a}{tab}\n+++ /dev/null\n@@ -{hunk} +0,0 @@\n")
    };
    put(&mut diff, sign, &lines);
    diff
}

/// The diff of one file whose edits are known; `""` where they change nothing.
fn of_edits(path: &RepoPath, before: &str, patch: &FilePatch) -> Result<String, PatchError> {
    let edits = ordered(before, &patch.edits)?;
    let (old, new) = (split(before), split(&patch.after));
    let mut changes: Vec<Change> = Vec::new();
    let (mut old_starts, mut new_starts) = (Starts::new(&old), Starts::new(&new));
    let (mut taken, mut given) = (0, 0);
    for edit in edits {
        let start = (edit.span.start + given).saturating_sub(taken);
        taken += edit.span.len();
        given += edit.replace.len();
        let old_lines = old_starts.lines(edit.span.start, edit.span.end);
        let new_lines = new_starts.lines(start, start + edit.replace.len());
        match changes.last_mut() {
            Some(last) if old_lines.start < last.old.end || new_lines.start < last.new.end => {
                last.old.end = last.old.end.max(old_lines.end);
                last.new.end = last.new.end.max(new_lines.end);
            }
            _ => changes.push(Change { old: old_lines, new: new_lines }),
        }
    }
    for change in &mut changes {
        change.trim(&old, &new);
    }
    changes.retain(|change| !(change.old.is_empty() && change.new.is_empty()));
    Ok(print(path, &old, &new, &changes))
}

/// The diff between two texts of one file about which nothing else is known; `""` where they are equal.
///
/// For a file with edits use [`unified`], whose work does not grow with the number of differences.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::{RepoPath, patch::diff};
/// let path = RepoPath::parse("apps/podinfo.yaml").unwrap();
/// let diff = diff::between(&path, "tag: 1\n", "tag: 2\n");
/// assert!(diff.ends_with("@@ -1 +1 @@\n-tag: 1\n+tag: 2\n"), "{diff}");
/// ```
#[must_use]
pub fn between(path: &RepoPath, before: &str, after: &str) -> String {
    let (old, new) = (split(before), split(after));
    let mut changes: Vec<Change> = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &old, &new) {
        if matches!(op, DiffOp::Equal { .. }) {
            continue;
        }
        let change = Change { old: op.old_range(), new: op.new_range() };
        match changes.last_mut() {
            Some(last) if last.old.end == change.old.start && last.new.end == change.new.start => {
                last.old.end = change.old.end;
                last.new.end = change.new.end;
            }
            _ => changes.push(change),
        }
    }
    print(path, &old, &new, &changes)
}

/// The edits, in whole lines, that make one text the other.
pub(crate) fn edits(path: &RepoPath, before: &str, after: &str) -> Vec<Edit> {
    let (old, new) = (split(before), split(after));
    let starts = |lines: &[&str]| {
        let mut starts = vec![0];
        starts.extend(lines.iter().scan(0, |at, line| {
            *at += line.len();
            Some(*at)
        }));
        starts
    };
    let (old_starts, new_starts) = (starts(&old), starts(&new));
    let ops = capture_diff_slices(Algorithm::Myers, &old, &new);
    let changed = ops.into_iter().filter(|op| !matches!(op, DiffOp::Equal { .. }));
    let edits = changed.map(|op| {
        let (from, to) = (op.old_range(), op.new_range());
        let span = Span::new(old_starts[from.start], old_starts[from.end]);
        Edit {
            path: path.clone(),
            span,
            expect: span.of(before).to_owned(),
            replace: after[new_starts[to.start]..new_starts[to.end]].to_owned(),
        }
    });
    edits.collect()
}

/// Lines of the old text that give way to lines of the new one.
struct Change {
    old: Range<usize>,
    new: Range<usize>,
}

impl Change {
    /// Leaves out equal lines at both ends.
    fn trim(&mut self, old: &[&str], new: &[&str]) {
        while !self.old.is_empty() && !self.new.is_empty() && old[self.old.start] == new[self.new.start] {
            self.old.start += 1;
            self.new.start += 1;
        }
        while !self.old.is_empty() && !self.new.is_empty() && old[self.old.end - 1] == new[self.new.end - 1] {
            self.old.end -= 1;
            self.new.end -= 1;
        }
    }
}

/// The lines of `text`, each with its `\n`.
fn split(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Walks over the starts of lines, forwards only.
struct Starts<'l> {
    lines: &'l [&'l str],
    line: usize,
    start: usize,
}

impl<'l> Starts<'l> {
    fn new(lines: &'l [&'l str]) -> Self {
        Self { lines, line: 0, start: 0 }
    }

    /// The lines that hold the bytes from `start` to `end` and the byte after them.
    ///
    /// The byte after them counts because what stands before it on its line may differ.
    fn lines(&mut self, start: usize, end: usize) -> Range<usize> {
        let first = self.seek(start);
        let last = self.seek(end);
        let count = self.lines.len();
        first.min(count)..(last + 1).min(count)
    }

    fn seek(&mut self, byte: usize) -> usize {
        while let Some(line) = self.lines.get(self.line)
            && self.start + line.len() <= byte
            && line.ends_with('\n')
        {
            self.start += line.len();
            self.line += 1;
        }
        self.line
    }
}

fn print(path: &RepoPath, old: &[&str], new: &[&str], changes: &[Change]) -> String {
    let mut diff = String::new();
    let (Some(_), [a, b]) = (changes.first(), ["a/", "b/"].map(|side| quoted(side, path))) else {
        return diff;
    };
    let tab = if path.as_str().contains([' ', '\u{b}', '\u{c}']) { "\t" } else { "" };
    let _ = write!(diff, "diff --git {a} {b}\n--- {a}{tab}\n+++ {b}{tab}\n");
    let mut rest = changes;
    while let [first, ..] = rest {
        let near =
            rest.windows(2).take_while(|pair| pair[1].old.start - pair[0].old.end <= 2 * CONTEXT).count();
        let (hunk, later) = rest.split_at(near + 1);
        rest = later;
        let last = hunk.last().unwrap_or(first);
        let lead = first.old.start.min(CONTEXT);
        let tail = (old.len() - last.old.end).min(CONTEXT);
        let from = first.old.start - lead..last.old.end + tail;
        let to = first.new.start - lead..last.new.end + tail;
        let _ = writeln!(diff, "@@ -{} +{} @@", range(&from), range(&to));
        let mut at = from.start;
        for change in hunk {
            put(&mut diff, ' ', &old[at..change.old.start]);
            put(&mut diff, '-', &old[change.old.clone()]);
            put(&mut diff, '+', &new[change.new.clone()]);
            at = change.old.end;
        }
        put(&mut diff, ' ', &old[at..from.end]);
    }
    diff
}

/// Start from 1 and length, as a hunk's header has it.
fn range(lines: &Range<usize>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => (lines.start + 1).to_string(),
        length => format!("{},{length}", lines.start + 1),
    }
}

fn put(diff: &mut String, sign: char, lines: &[&str]) {
    for line in lines {
        diff.push(sign);
        diff.push_str(line);
        if !line.ends_with('\n') {
            diff.push_str("\n\\ No newline at end of file\n");
        }
    }
}

/// A side and a path, in quotes where git wants them.
fn quoted(side: &str, path: &RepoPath) -> String {
    let path = path.as_str();
    if !path.bytes().any(|byte| !(b' '..0x7f).contains(&byte) || byte == b'"' || byte == b'\\') {
        return format!("{side}{path}");
    }
    let mut text = format!("\"{side}");
    for byte in path.bytes() {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b'\r' => text.push_str("\\r"),
            0x07 => text.push_str("\\a"),
            0x08 => text.push_str("\\b"),
            0x0b => text.push_str("\\v"),
            0x0c => text.push_str("\\f"),
            0x20..0x7f => text.push(char::from(byte)),
            other => {
                let _ = write!(text, "\\{other:03o}");
            }
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_as_git_does() {
        for (path, expected) in [
            ("a b.yaml", "a/a b.yaml"),
            ("é.yaml", r#""a/\303\251.yaml""#),
            ("say \"hi\".yaml", r#""a/say \"hi\".yaml""#),
            ("tab\there", r#""a/tab\there""#),
            ("bell\u{7}del\u{7f}", r#""a/bell\adel\177""#),
        ] {
            assert_eq!(quoted("a/", &RepoPath::parse(path).unwrap()), expected);
        }
    }

    #[test]
    fn near_changes_share_a_hunk_and_far_ones_do_not() {
        let numbers = |changed: &[usize]| -> String {
            (1..=20)
                .map(|n| if changed.contains(&n) { format!("{n}!\n") } else { format!("{n}\n") })
                .collect()
        };
        let path = RepoPath::parse("n").unwrap();
        let hunks =
            |changed: &[usize]| between(&path, &numbers(&[]), &numbers(changed)).matches("@@ -").count();
        assert_eq!([hunks(&[]), hunks(&[4]), hunks(&[4, 11]), hunks(&[4, 12])], [0, 1, 1, 2]);
    }

    #[test]
    fn a_lone_carriage_return_ends_no_line() {
        let diff = between(&RepoPath::parse("a").unwrap(), "a\rb\nc\r\n", "a\rB\nc\r\n");
        assert!(diff.ends_with("@@ -1,2 +1,2 @@\n-a\rb\n+a\rB\n c\r\n"), "{diff:?}");
    }
}
