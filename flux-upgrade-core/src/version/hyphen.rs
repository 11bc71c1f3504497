//! Hyphen ranges, which the library rewrites as text before it looks at anything else.
//!
//! `A - B` becomes `>= A, <= B `. Because this is done on the text, a version next to `||` without blanks is taken together
//! with its neighbour, and the blank before `A` is lost. Source: Masterminds/semver `constraints.go`, `rewriteRange`.

use super::Dialect;

/// A range text without hyphen ranges, and where its parts come from.
pub(super) struct Rewritten {
    pub(super) text: String,
    pieces: Vec<Piece>,
}

/// Text from `out` on stands at `origin` in the original, or was put in there.
struct Piece {
    out: usize,
    origin: usize,
    verbatim: bool,
}

impl Rewritten {
    /// Rewrites a range text; one without hyphen ranges stays as it is.
    pub(super) fn new(text: &str, dialect: Dialect) -> Rewritten {
        let mut rewritten = Rewritten { text: String::with_capacity(text.len()), pieces: Vec::new() };
        let mut done = 0;
        while let Some(found) = Hyphen::find(text, done) {
            rewritten.copy(text, done, found.start);
            rewritten.insert(">= ", found.lower.0);
            rewritten.copy(text, found.lower.0, found.lower.1);
            rewritten.insert(", <= ", found.upper.0);
            rewritten.copy(text, found.upper.0, found.upper.1);
            if dialect.hyphen_ends_in_blank() {
                rewritten.insert(" ", found.upper.1);
            }
            done = found.end;
        }
        rewritten.copy(text, done, text.len());
        rewritten
    }

    fn copy(&mut self, text: &str, from: usize, to: usize) {
        self.pieces.push(Piece { out: self.text.len(), origin: from, verbatim: true });
        self.text.push_str(&text[from..to]);
    }

    fn insert(&mut self, text: &str, origin: usize) {
        self.pieces.push(Piece { out: self.text.len(), origin, verbatim: false });
        self.text.push_str(text);
    }

    /// Where a byte of the rewritten text stands in the original.
    pub(super) fn origin(&self, at: usize) -> usize {
        let after = self.pieces.partition_point(|piece| piece.out <= at);
        self.pieces[..after]
            .last()
            .map_or(at, |piece| piece.origin + if piece.verbatim { at - piece.out } else { 0 })
    }

    /// Where what ends before a byte of the rewritten text ends in the original.
    pub(super) fn origin_of_end(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |last| self.origin(last) + 1)
    }
}

struct Hyphen {
    start: usize,
    lower: (usize, usize),
    upper: (usize, usize),
    end: usize,
}

impl Hyphen {
    /// The first hyphen range from `from` on.
    fn find(text: &str, from: usize) -> Option<Hyphen> {
        let bytes = text.as_bytes();
        let mut at = from;
        loop {
            let hyphen = at + bytes[at..].iter().position(|&byte| byte == b'-')?;
            at = hyphen + 1;
            let before = back_over_blanks(bytes, hyphen, from);
            let after = over_blanks(bytes, hyphen + 1);
            if before == hyphen || after == hyphen + 1 {
                continue;
            }
            let upper_end = after + partial_length(&bytes[after..]);
            let token =
                before - bytes[from..before].iter().rev().take_while(|byte| !is_blank(**byte)).count();
            let lower =
                (token..before).find(|&start| partial_length(&bytes[start..before]) == before - start);
            let Some(lower) = lower.filter(|_| upper_end > after) else { continue };
            let start = if lower == token { back_over_blanks(bytes, token, from) } else { lower };
            let end = over_blanks(bytes, upper_end);
            return Some(Hyphen { start, lower: (lower, before), upper: (after, upper_end), end });
        }
    }
}

/// The length of the version at the start, by the library's pattern, in which a number may hold wildcards and bars.
fn partial_length(bytes: &[u8]) -> usize {
    let numbers = |from: usize| {
        let known = |byte: &&u8| matches!(**byte, b'0'..=b'9' | b'x' | b'X' | b'*' | b'|');
        bytes[from..].iter().take_while(known).count()
    };
    let start = usize::from(bytes.first() == Some(&b'v'));
    let mut at = start + numbers(start);
    if at == start {
        return 0;
    }
    for _ in 0..2 {
        if bytes.get(at) != Some(&b'.') || numbers(at + 1) == 0 {
            break;
        }
        at += 1 + numbers(at + 1);
    }
    at += identifiers_length(&bytes[at..], b'-');
    at + identifiers_length(&bytes[at..], b'+')
}

/// The length of `-a.b` or `+a.b` at the start; 0 if no identifier follows the mark.
pub(super) fn identifiers_length(bytes: &[u8], mark: u8) -> usize {
    let mut end = 0;
    let mut wanted = mark;
    while bytes.get(end) == Some(&wanted) {
        let known = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'-';
        let length = bytes[end + 1..].iter().take_while(known).count();
        if length == 0 {
            break;
        }
        end += 1 + length;
        wanted = b'.';
    }
    end
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c')
}

fn over_blanks(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| is_blank(**byte)).count()
}

fn back_over_blanks(bytes: &[u8], at: usize, from: usize) -> usize {
    at - bytes[from..at].iter().rev().take_while(|byte| is_blank(**byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewriting_is_textual() {
        let table = [
            ("2 - 3", ">= 2, <= 3 "),
            ("1 2 - 3", "1>= 2, <= 3 "),
            ("1||2 - 3", ">= 1||2, <= 3 "),
            ("1.0.0 - 2.0.0||3.0.0", ">= 1.0.0, <= 2.0.0||3 .0.0"),
            ("1.2-1.3", "1.2-1.3"),
            ("1.2 -1.3", "1.2 -1.3"),
        ];
        for (text, expected) in table {
            assert_eq!(Rewritten::new(text, Dialect::default()).text, expected, "{text}");
        }
    }

    #[test]
    fn places_lead_back() {
        let rewritten = Rewritten::new(" 1.2 - 3.4", Dialect::default());
        assert_eq!(rewritten.text, ">= 1.2, <= 3.4 ");
        assert_eq!((rewritten.origin(3), rewritten.origin_of_end(6)), (1, 4));
        assert_eq!((rewritten.origin(11), rewritten.origin_of_end(14)), (7, 10));
    }
}
