//! A line of a file with carets under what is meant.

use std::fmt::Write as _;

use super::words::clean;
use crate::text::{Lines, Location};

/// Characters of a line that are shown at most; a longer line is left out.
const WIDTH: usize = 160;

/// The line of `text` that `at` is on, with carets under its span as far as that line goes; `""` for a very long line.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::{Lines, RepoPath, Span, report};
/// let (path, text) = (RepoPath::parse("a.yaml").unwrap(), "defaults:\n  alow: patch\n");
/// let at = Lines::new(text).locate(&path, Span::new(12, 16));
/// assert_eq!(report::excerpt(text, &at), "  2 |   alow: patch\n    |   ^^^^\n");
/// ```
#[must_use]
pub fn excerpt(text: &str, at: &Location) -> String {
    let line = Lines::new(text).line(at.line);
    let shown = line.of(text).trim_start_matches('\u{feff}').replace('\t', " ");
    if shown.chars().count() > WIDTH {
        return String::new();
    }
    let meant = text.get(at.span.start..at.span.end.min(line.end)).unwrap_or("");
    // A character that is spelled out would push the carets aside: it takes its place as one.
    let shown: String = shown
        .chars()
        .map(|c| if clean(c.encode_utf8(&mut [0; 4])).len() > 4 { '\u{fffd}' } else { c })
        .collect();
    let number = at.line.to_string();
    let (margin, blanks) = (" ".repeat(number.len()), " ".repeat(at.column.saturating_sub(1)));
    let carets = "^".repeat(meant.chars().count().max(1));
    let mut excerpt = String::new();
    let _ = write!(excerpt, "  {number} | {shown}\n  {margin} | {blanks}{carets}\n");
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{RepoPath, Span};

    #[test]
    fn carets_stand_under_what_is_meant() {
        let path = RepoPath::parse("a.yaml").unwrap();
        for (text, start, end, expected) in [
            ("a: b\n", 3, 4, "  1 | a: b\n    |    ^\n"),
            ("é: b\r\n", 4, 5, "  1 | é: b\n    |    ^\n"),
            ("\u{feff}a: b", 6, 7, "  1 | a: b\n    |    ^\n"),
            ("\ta: \u{1b}b", 1, 2, "  1 |  a: \u{fffd}b\n    |  ^\n"),
            ("a: |\n  b\n  c\n", 3, 11, "  1 | a: |\n    |    ^\n"),
            ("a:", 2, 2, "  1 | a:\n    |   ^\n"),
        ] {
            let at = Lines::new(text).locate(&path, Span::new(start, end));
            assert_eq!(excerpt(text, &at), expected, "{text:?}");
        }
        let long = "x".repeat(1_000);
        assert_eq!(excerpt(&long, &Lines::new(&long).locate(&path, Span::new(3, 4))), "");
    }
}
