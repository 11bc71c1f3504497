//! Files and places in them: the vocabulary that every stage shares.
//!
//! Inside the core a place is a half-open range of UTF-8 bytes. [`Lines`] is the only code that turns bytes into
//! lines and columns, UTF-16 units (JavaScript) or code points (Python).

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::diagnostic::{Diagnostic, Severity};

/// A file's path inside the repository: relative, `/` between parts, no `.` or `..` part.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::RepoPath;
/// assert_eq!(RepoPath::parse("./apps//podinfo.yaml").unwrap().as_str(), "apps/podinfo.yaml");
/// assert!(RepoPath::parse("../secrets.yaml").is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RepoPath(String);

impl RepoPath {
    /// The path in normal form, or `None` where it is absolute, empty, or leaves the repository.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.starts_with('/') || text.contains('\\') || text.contains('\0') {
            return None;
        }
        let joined = join("", text)?;
        (!joined.is_empty()).then_some(Self(joined))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder that holds the file, `""` for the root.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.0.rfind('/').map_or("", |at| &self.0[..at])
    }

    /// The last part of the path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rfind('/').map_or(self.0.as_str(), |at| &self.0[at + 1..])
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `relative` seen from `folder`, normalised; `None` where it leaves the repository. The root is `""`.
pub(crate) fn join(folder: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            other => parts.push(other),
        }
    }
    Some(parts.join("/"))
}

/// A file of the repository with its whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it lies.
    pub path: RepoPath,
    /// Its text, byte for byte, with whatever byte order mark and line ends it has.
    pub text: String,
}

impl SourceFile {
    /// The file of some bytes.
    ///
    /// # Errors
    ///
    /// The finding `yaml.not-utf8` at the first byte that is no UTF-8: such a file is left out, and whoever leaves it out passes that on.
    ///
    /// # Examples
    ///
    /// ```
    /// use flux_upgrade_core::{RepoPath, SourceFile};
    /// let path = RepoPath::parse("latin.yaml").unwrap();
    /// let found = SourceFile::from_bytes(path, b"name: caf\xe9".to_vec()).unwrap_err();
    /// assert_eq!((found.code, found.at.column), ("yaml.not-utf8", 10));
    /// ```
    pub fn from_bytes(path: RepoPath, bytes: Vec<u8>) -> Result<Self, Box<Diagnostic>> {
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { path, text }),
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let bad = error.as_bytes()[good];
                let before = std::str::from_utf8(&error.as_bytes()[..good]).unwrap_or("");
                let at = Lines::new(before).locate(&path, Span::new(good, good + 1));
                let found = format!("the byte 0x{bad:02x} is not UTF-8");
                let diagnostic = Diagnostic::new("yaml.not-utf8", Severity::Error, at, found);
                Err(Box::new(diagnostic.with_help("save the file as UTF-8; until then it is left out")))
            }
        }
    }
}

/// A half-open range of bytes of a text, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// The span from `start` up to and without `end`.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether it holds no byte.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// The bytes of `text` that it covers, `""` where it does not fit.
    #[must_use]
    pub fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or("")
    }
}

/// A place in a file, for people and for tools.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The file.
    pub path: RepoPath,
    /// The bytes.
    pub span: Span,
    /// Line of the first byte, from 1.
    pub line: usize,
    /// Column of the first byte in code points, from 1.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path, self.line, self.column)
    }
}

/// Starts of the lines of a text; `\n`, `\r\n` and a lone `\r` end a line (YAML 1.2, 5.4).
#[derive(Debug, Clone)]
pub struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
    /// Code points and UTF-16 units before each [`BLOCK`], so that a column costs the same on a line of any length.
    before: Vec<(usize, usize)>,
}

/// Bytes between two counts of characters.
const BLOCK: usize = 4096;

/// Code points and UTF-16 units of a text.
fn characters(text: &str) -> (usize, usize) {
    let points = text.chars().count();
    (points, points + text.bytes().filter(|byte| *byte >= 0xf0).count())
}

impl<'t> Lines<'t> {
    /// Reads `text` once.
    #[must_use]
    pub fn new(text: &'t str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for at in memchr::memchr2_iter(b'\n', b'\r', bytes) {
            if bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n') {
                continue;
            }
            starts.push(at + 1);
        }
        let (mut before, mut at, mut total) = (vec![(0, 0)], 0, (0, 0));
        for block in 1..=text.len() / BLOCK {
            let end = text.floor_char_boundary(block * BLOCK);
            let (points, units) = characters(&text[at..end]);
            total = (total.0 + points, total.1 + units);
            before.push(total);
            at = end;
        }
        Self { text, starts, before }
    }

    /// Code points and UTF-16 units before a byte.
    fn characters_before(&self, byte: usize) -> (usize, usize) {
        let byte = self.text.floor_char_boundary(byte);
        let block = byte / BLOCK;
        let from = self.text.floor_char_boundary(block * BLOCK);
        let (points, units) = characters(&self.text[from..byte]);
        (self.before[block].0 + points, self.before[block].1 + units)
    }

    /// The line of a byte from 0, and the code points and UTF-16 units before the byte on it, without a byte order mark.
    fn column(&self, byte: usize) -> (usize, usize, usize) {
        let byte = byte.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= byte) - 1;
        let mark = usize::from(line == 0 && byte > 0 && self.text.starts_with('\u{feff}'));
        let (start, end) = (self.characters_before(self.starts[line]), self.characters_before(byte));
        (line, (end.0 - start.0).saturating_sub(mark), (end.1 - start.1).saturating_sub(mark))
    }

    /// Line and column of a byte, both from 1; the column counts code points.
    #[must_use]
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let (line, points, _) = self.column(byte);
        (line + 1, points + 1)
    }

    /// Line and character of a byte as editors count: both from 0, characters in UTF-16 units, a byte order mark not
    /// counted.
    ///
    /// Source: Language Server Protocol 3.17, `Position`.
    #[must_use]
    pub fn utf16(&self, byte: usize) -> (usize, usize) {
        let (line, _, units) = self.column(byte);
        (line, units)
    }

    /// The bytes of line `line` (from 1) without its end.
    #[must_use]
    pub fn line(&self, line: usize) -> Span {
        let start = self.starts.get(line - 1).copied().unwrap_or(self.text.len());
        let end = self.starts.get(line).copied().unwrap_or(self.text.len());
        let body = self.text.get(start..end).unwrap_or("");
        Span::new(start, start + body.trim_end_matches(['\n', '\r']).len())
    }

    /// How the text ends its first line, `\n` where it has one line.
    #[must_use]
    pub fn line_end(&self) -> &'t str {
        match self.starts.get(1) {
            Some(next) if self.text[..*next].ends_with("\r\n") => "\r\n",
            Some(next) if self.text[..*next].ends_with('\r') => "\r",
            _ => "\n",
        }
    }

    /// A location in the file at `path` whose text this is.
    #[must_use]
    pub fn locate(&self, path: &RepoPath, span: Span) -> Location {
        let (line, column) = self.position(span.start);
        Location { path: path.clone(), span, line, column }
    }
}

/// `text` without characters that steer a terminal or turn the direction of writing; each becomes `\u{…}`.
///
/// Paths and values come from a repository, and a plan of somebody else's repository must not paint its own screen.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if steers(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_each_kind_of_break() {
        let lines = Lines::new("a\nb\r\nc\rd");
        let at = |byte| lines.position(byte);
        assert_eq!([at(0), at(2), at(5), at(7)], [(1, 1), (2, 1), (3, 1), (4, 1)]);
        assert_eq!(lines.line(2).of("a\nb\r\nc\rd"), "b");
    }

    #[test]
    fn columns_count_code_points_and_not_the_byte_order_mark() {
        let lines = Lines::new("\u{feff}é: 1");
        assert_eq!(lines.position("\u{feff}é: ".len()), (1, 4));
    }

    #[test]
    fn columns_on_a_long_line_are_those_of_a_slow_count() {
        let text = format!("\u{feff}{}\n{}", "aé€😀".repeat(3_000), "😀b".repeat(5_000));
        let lines = Lines::new(&text);
        for (byte, _) in text.char_indices().step_by(97) {
            let start = text[..byte].rfind('\n').map_or(0, |at| at + 1);
            let before = text[start..byte].trim_start_matches('\u{feff}');
            let line = usize::from(start > 0);
            assert_eq!(lines.position(byte), (line + 1, before.chars().count() + 1), "byte {byte}");
            assert_eq!(lines.utf16(byte), (line, before.encode_utf16().count()), "byte {byte}");
        }
    }

    #[test]
    fn paths_stay_inside() {
        for (text, expected) in [
            ("a/b.yaml", Some("a/b.yaml")),
            ("./a/../b.yaml", Some("b.yaml")),
            ("a/../../b", None),
            ("/etc/passwd", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(RepoPath::parse(text).as_ref().map(RepoPath::as_str), expected, "{text}");
        }
    }
}
