//! Where the documents of a file begin and end, found before anything is parsed.
//!
//! A document marker (`---` at column 1, then a blank, a line end or the end) cannot stand inside content
//! (YAML 1.2.2, 9.1.2), so a broken document never hides where its neighbours are.

use memchr::memmem;

use crate::text::Span;

/// Spans of the parts of `text` that can be parsed by themselves, in order; together with a byte order mark at the
/// start they cover it.
///
/// A part holds one document, or more where `...` ends one without a marker, or none where it is blank.
pub(crate) fn split(text: &str) -> Vec<Span> {
    let bytes = text.as_bytes();
    let start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut parts = Vec::new();
    let mut from = start;
    for at in memmem::find_iter(bytes, b"---") {
        if !is_marker(bytes, at, start) {
            continue;
        }
        let cut = with_directives(bytes, from, at);
        if cut > from {
            parts.push(Span::new(from, cut));
            from = cut;
        }
    }
    if from < bytes.len() || parts.is_empty() {
        parts.push(Span::new(from, bytes.len()));
    }
    parts
}

/// Whether the three dashes at `at` are a document marker.
fn is_marker(bytes: &[u8], at: usize, start: usize) -> bool {
    let begins_line = at == start || matches!(bytes[at - 1], b'\n' | b'\r');
    begins_line && matches!(bytes.get(at + 3), None | Some(b' ' | b'\t' | b'\n' | b'\r'))
}

/// The marker's position, or the first of the directives that stand before it and belong to it.
///
/// Directives follow the start of the text or a `...` line (YAML 1.2.2, 9.1.1), with only comments and blanks between.
fn with_directives(bytes: &[u8], from: usize, marker: usize) -> usize {
    let mut cut = marker;
    let mut directive = false;
    while cut > from {
        let line = line_start(bytes, from, cut - 1);
        match bytes[line] {
            b'%' => directive = true,
            b'#' | b'\n' | b'\r' => {}
            b' ' | b'\t' if bytes[line..cut].iter().all(u8::is_ascii_whitespace) => {}
            b'.' if bytes[line..cut].trim_ascii_end() == b"..." => break,
            _ => return marker,
        }
        cut = line;
    }
    if directive { cut } else { marker }
}

/// Start of the line that ends with the break at `end`.
fn line_start(bytes: &[u8], from: usize, end: usize) -> usize {
    let end = if bytes[end] == b'\n' && end > from && bytes[end - 1] == b'\r' { end - 1 } else { end };
    memchr::memrchr2(b'\n', b'\r', &bytes[from..end]).map_or(from, |at| from + at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        split(text).into_iter().map(|part| part.of(text)).collect()
    }

    #[test]
    fn cuts_at_markers_only() {
        assert_eq!(parts("a: 1\n---\nb: 2\n"), ["a: 1\n", "---\nb: 2\n"]);
        assert_eq!(parts("---\na: 1\n--- # two\r\nb: 2"), ["---\na: 1\n", "--- # two\r\nb: 2"]);
        assert_eq!(parts("a: ---\n ---\n----\n"), ["a: ---\n ---\n----\n"]);
        assert_eq!(parts("a: 1\r---\rb: 2"), ["a: 1\r", "---\rb: 2"]);
        assert_eq!(parts("\u{feff}---\na: 1"), ["---\na: 1"]);
        assert_eq!(parts(""), [""]);
        assert_eq!(parts("---"), ["---"]);
    }

    #[test]
    fn directives_stay_with_their_document() {
        assert_eq!(parts("%YAML 1.2\n# c\n---\na: 1\n"), ["%YAML 1.2\n# c\n---\na: 1\n"]);
        assert_eq!(parts("a: 1\n...\n%TAG ! x:\n\n---\nb: 2\n"), ["a: 1\n...\n", "%TAG ! x:\n\n---\nb: 2\n"]);
        assert_eq!(parts("a: 1\n# c\n---\nb: 2\n"), ["a: 1\n# c\n", "---\nb: 2\n"]);
    }
}
