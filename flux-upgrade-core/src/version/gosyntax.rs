//! Go's regular-expression grammar, written again for the `regex` crate.
//!
//! Source: Go `regexp/syntax`, `parse.go`.

use super::pattern::{PatternError, PatternProblem};

/// The pattern for the `regex` crate and the names of its groups, the whole match being the first.
pub(super) fn translate(text: &str) -> Result<(String, Vec<Option<String>>), PatternError> {
    Translator::new(text).translate()
}

/// Counts above this are refused, also as a product of nested counts.
const LARGEST_COUNT: u64 = 1000;

/// Groups may nest no deeper than this; the engine stops not far beyond.
const DEEPEST: usize = 200;

struct Translator<'a> {
    text: &'a str,
    at: usize,
    out: String,
    names: Vec<Option<String>>,
    groups: Vec<Open>,
    /// What a repetition would apply to: the largest product of counts inside it.
    argument: Option<u64>,
    /// Where the repetition that was just read starts.
    repetition: Option<usize>,
    /// The largest product of counts in the group being read.
    worst: u64,
}

struct Open {
    at: usize,
    worst: u64,
}

type Step<T> = Result<T, PatternError>;

impl<'a> Translator<'a> {
    fn new(text: &'a str) -> Translator<'a> {
        Translator {
            text,
            at: 0,
            out: String::with_capacity(text.len() + 16),
            names: vec![None],
            groups: Vec::new(),
            argument: None,
            repetition: None,
            worst: 1,
        }
    }

    fn translate(mut self) -> Step<(String, Vec<Option<String>>)> {
        while let Some(c) = self.peek() {
            let start = self.at;
            let before = self.repetition.take();
            match c {
                '(' if self.rest().starts_with("(?") => self.perl_group()?,
                '(' => {
                    self.at += 1;
                    self.open(start, "(", Some(None))?;
                }
                ')' => self.close()?,
                '|' => {
                    self.at += 1;
                    self.out.push('|');
                    self.argument = None;
                }
                '*' | '+' | '?' => {
                    self.at += 1;
                    self.repeat(start, before, 0)?;
                }
                '{' => match counts(self.rest()) {
                    Some((length, min, max)) => {
                        self.at += length;
                        if min > LARGEST_COUNT || max.is_some_and(|max| max > LARGEST_COUNT || max < min) {
                            return self.fail(PatternProblem::RepeatCount, start, self.at);
                        }
                        self.repeat(start, before, max.unwrap_or(min))?;
                    }
                    None => self.literal(c),
                },
                '[' => self.class()?,
                '.' | '^' | '$' => {
                    self.at += 1;
                    self.out.push(c);
                    self.atom();
                }
                '\\' => self.escape()?,
                _ => self.literal(c),
            }
        }
        match self.groups.first() {
            Some(_) => self.fail(PatternProblem::MissingParenthesis, 0, self.text.len()),
            None => Ok((self.out, self.names)),
        }
    }

    fn literal(&mut self, c: char) {
        self.at += c.len_utf8();
        self.push_escaped(c);
        self.atom();
    }

    fn atom(&mut self) {
        self.argument = Some(1);
    }

    fn open(&mut self, at: usize, written: &str, capture: Option<Option<String>>) -> Step<()> {
        if self.groups.len() == DEEPEST {
            return self.fail(PatternProblem::Unsupported, at, self.text.len());
        }
        self.out.push_str(written);
        self.names.extend(capture);
        self.groups.push(Open { at, worst: self.worst });
        self.worst = 1;
        self.argument = None;
        Ok(())
    }

    fn close(&mut self) -> Step<()> {
        let Some(open) = self.groups.pop() else {
            return self.fail(PatternProblem::UnexpectedParenthesis, 0, self.text.len());
        };
        debug_assert!(open.at < self.at);
        self.at += 1;
        self.out.push(')');
        self.argument = Some(self.worst);
        self.worst = self.worst.max(open.worst);
        Ok(())
    }

    fn repeat(&mut self, start: usize, before: Option<usize>, count: u64) -> Step<()> {
        let operator_end = self.at;
        if self.peek() == Some('?') {
            self.at += 1;
        }
        if let Some(before) = before {
            return self.fail(PatternProblem::NestedRepetition, before, self.at);
        }
        let Some(inner) = self.argument else {
            return self.fail(PatternProblem::MissingArgument, start, self.at);
        };
        let product = count.max(1).saturating_mul(inner);
        if count >= 2 && product > LARGEST_COUNT {
            return self.fail(PatternProblem::RepeatCount, start, operator_end);
        }
        self.out.push_str(&self.text[start..self.at]);
        self.argument = Some(product);
        self.worst = self.worst.max(product);
        self.repetition = Some(start);
        Ok(())
    }

    /// Reads `(?…`: flags, a group that captures nothing, or a named group.
    fn perl_group(&mut self) -> Step<()> {
        let start = self.at;
        let rest = self.rest();
        if let Some(name_at) =
            ["(?P<", "(?<"].iter().find(|open| rest.starts_with(**open)).map(|open| open.len())
        {
            let after = &rest[name_at..];
            if rest.starts_with("(?<") && after.starts_with(['=', '!']) {
                return self.fail(PatternProblem::PerlSyntax, start, start + 4);
            }
            let Some(length) = after.find('>') else {
                return self.fail(PatternProblem::GroupName, start, self.text.len());
            };
            self.at += name_at + length + 1;
            let name = &after[..length];
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return self.fail(PatternProblem::GroupName, start, self.at);
            }
            return self.open(start, "(", Some(Some(name.to_owned())));
        }
        self.at += 2;
        let (mut negated, mut flag_seen) = (false, false);
        while let Some(c) = self.peek() {
            self.at += c.len_utf8();
            match c {
                'i' | 'm' | 's' | 'U' => flag_seen = true,
                '-' if !negated => (negated, flag_seen) = (true, false),
                ':' | ')' if !negated || flag_seen => {
                    let written = &self.text[start..self.at];
                    if c == ':' {
                        return self.open(start, written, None);
                    }
                    if written != "(?)" {
                        self.out.push_str(written);
                    }
                    return Ok(());
                }
                _ => break,
            }
        }
        self.fail(PatternProblem::PerlSyntax, start, self.at)
    }

    /// Reads an escape outside a class.
    fn escape(&mut self) -> Step<()> {
        let start = self.at;
        let rest = self.rest();
        if let Some(quoted) = rest.strip_prefix(r"\Q") {
            let (literal, length) = match quoted.split_once(r"\E") {
                Some((literal, _)) => (literal, literal.len() + 4),
                None => (quoted, rest.len()),
            };
            for c in literal.chars() {
                self.push_escaped(c);
                self.atom();
            }
            self.at = start + length;
            return Ok(());
        }
        let boundary = match rest.as_bytes().get(1) {
            Some(b'A') => Some(r"\A"),
            Some(b'z') => Some(r"\z"),
            Some(b'b') => Some(r"(?-u:\b)"),
            Some(b'B') => Some(r"(?-u:\B)"),
            _ => None,
        };
        if let Some(boundary) = boundary {
            self.at += 2;
            self.out.push_str(boundary);
        } else if let Some(class) = self.class_escape()? {
            self.out.push('[');
            self.out.push_str(&class);
            self.out.push(']');
        } else {
            let c = self.char_escape()?;
            self.push_escaped(c);
        }
        self.atom();
        Ok(())
    }

    /// Reads `\d`, `\pL` and the like as the inside of a class; `None` if something else stands there.
    fn class_escape(&mut self) -> Step<Option<String>> {
        let start = self.at;
        let Some(letter) = self.rest().as_bytes().get(1).copied() else { return Ok(None) };
        let perl = match letter {
            b'd' => "0-9",
            b'D' => "^0-9",
            b's' => r"\t\n\x0C\r ",
            b'S' => r"^\t\n\x0C\r ",
            b'w' => "0-9A-Za-z_",
            b'W' => "^0-9A-Za-z_",
            b'p' | b'P' => return self.unicode_class(start, letter == b'P').map(Some),
            _ => return Ok(None),
        };
        self.at += 2;
        Ok(Some(perl.to_owned()))
    }

    fn unicode_class(&mut self, start: usize, mut negated: bool) -> Step<String> {
        self.at += 2;
        let Some(c) = self.peek() else {
            return self.fail(PatternProblem::ClassRange, start, self.text.len());
        };
        let mut name = if c == '{' {
            let Some(length) = self.rest().find('}') else {
                return self.fail(PatternProblem::ClassRange, start, self.text.len());
            };
            let name = &self.text[self.at + 1..self.at + length];
            self.at += length + 1;
            name
        } else {
            self.at += c.len_utf8();
            &self.text[self.at - c.len_utf8()..self.at]
        };
        if let Some(rest) = name.strip_prefix('^') {
            negated = !negated;
            name = rest;
        }
        let known = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && regex::Regex::new(&format!(r"\p{{{name}}}")).is_ok();
        if !known {
            return self.fail(PatternProblem::ClassRange, start, self.at);
        }
        Ok(format!(r"\{}{{{name}}}", if negated { 'P' } else { 'p' }))
    }

    /// Reads an escape that stands for one character.
    fn char_escape(&mut self) -> Step<char> {
        let start = self.at;
        self.at += 1;
        let Some(c) = self.peek() else {
            return self.fail(PatternProblem::TrailingBackslash, self.at, self.at);
        };
        self.at += c.len_utf8();
        let octal = |byte: Option<&u8>| byte.is_some_and(|byte| (b'0'..=b'7').contains(byte));
        let value = match c {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '0'..='7' if c == '0' || octal(self.rest().as_bytes().first()) => {
                let mut value = u32::from(c) - u32::from('0');
                for _ in 0..2 {
                    if !octal(self.rest().as_bytes().first()) {
                        break;
                    }
                    value = value * 8 + u32::from(self.text.as_bytes()[self.at] - b'0');
                    self.at += 1;
                }
                return self.scalar(value, start);
            }
            'x' => {
                let (digits, length) = match self.rest().strip_prefix('{') {
                    Some(braced) => {
                        let digits = braced.split_once('}').map_or("", |(digits, _)| digits);
                        (digits, digits.len() + 2)
                    }
                    None => (self.rest().get(..2).unwrap_or(""), 2),
                };
                let hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                let value = if hex { u32::from_str_radix(digits, 16).ok() } else { None };
                let Some(value) = value else {
                    return self.fail(PatternProblem::Escape, start, self.at);
                };
                self.at += length;
                return self.scalar(value, start);
            }
            _ if c.is_ascii_punctuation() || c.is_ascii_control() || c == ' ' => c,
            _ => return self.fail(PatternProblem::Escape, start, self.at),
        };
        Ok(value)
    }

    fn scalar(&self, value: u32, start: usize) -> Step<char> {
        char::from_u32(value).map_or_else(|| self.fail(PatternProblem::Escape, start, self.at), Ok)
    }

    /// Reads `[…]`.
    fn class(&mut self) -> Step<()> {
        let start = self.at;
        self.at += 1;
        self.out.push('[');
        if self.peek() == Some('^') {
            self.at += 1;
            self.out.push('^');
        }
        let first = self.at;
        loop {
            let item = self.at;
            let Some(c) = self.peek() else {
                return self.fail(PatternProblem::MissingBracket, start, self.text.len());
            };
            if c == ']' && item > first {
                self.at += 1;
                self.out.push(']');
                self.atom();
                return Ok(());
            }
            if let Some(length) = self.rest().strip_prefix("[:").and_then(|rest| rest.find(":]")) {
                self.at += length + 4;
                let name = &self.text[item..self.at];
                if !is_posix_class(name) {
                    return self.fail(PatternProblem::ClassRange, item, self.at);
                }
                self.out.push_str(name);
                continue;
            }
            if c == '\\'
                && let Some(class) = self.class_escape()?
            {
                self.out.push('[');
                self.out.push_str(&class);
                self.out.push(']');
                continue;
            }
            let low = self.class_char(start)?;
            let mut high = low;
            let rest = self.rest().as_bytes();
            if rest.first() == Some(&b'-') && rest.get(1).is_some_and(|&byte| byte != b']') {
                self.at += 1;
                high = self.class_char(start)?;
                if high < low {
                    return self.fail(PatternProblem::ClassRange, item, self.at);
                }
            }
            self.push_escaped(low);
            if high > low {
                self.out.push('-');
                self.push_escaped(high);
            }
        }
    }

    fn class_char(&mut self, class_start: usize) -> Step<char> {
        match self.peek() {
            None => self.fail(PatternProblem::MissingBracket, class_start, self.text.len()),
            Some('\\') => self.char_escape(),
            Some(c) => {
                self.at += c.len_utf8();
                Ok(c)
            }
        }
    }

    fn push_escaped(&mut self, c: char) {
        if c.is_ascii_punctuation() {
            self.out.push('\\');
            // `\<` and `\>` are word boundaries to the engine.
            if matches!(c, '<' | '>') {
                self.out.push_str(if c == '<' { "x3C" } else { "x3E" });
                return;
            }
        }
        self.out.push(c);
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn fail<T>(&self, problem: PatternProblem, start: usize, end: usize) -> Step<T> {
        Err(PatternError::new(self.text, problem, start, end))
    }
}

/// The length of `{n}`, `{n,}` or `{n,m}` at the start of the text, and its counts; other braces are literal.
fn counts(text: &str) -> Option<(usize, u64, Option<u64>)> {
    let inner = text.strip_prefix('{')?.split_once('}')?.0;
    let number = |text: &str| {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let leading_zero = text.len() > 1 && text.starts_with('0');
        (plain && !leading_zero).then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (min, max) = match inner.split_once(',') {
        None => (number(inner)?, Some(number(inner)?)),
        Some((min, "")) => (number(min)?, None),
        Some((min, max)) => (number(min)?, Some(number(max)?)),
    };
    Some((inner.len() + 2, min, max))
}

fn is_posix_class(text: &str) -> bool {
    let name = text.trim_start_matches("[:").trim_end_matches(":]");
    let name = name.strip_prefix('^').unwrap_or(name);
    matches!(
        name,
        "alnum"
            | "alpha"
            | "ascii"
            | "blank"
            | "cntrl"
            | "digit"
            | "graph"
            | "lower"
            | "print"
            | "punct"
            | "space"
            | "upper"
            | "word"
            | "xdigit"
    )
}

#[cfg(test)]
mod tests {
    use super::super::{Pattern, PatternProblem, Template};

    #[track_caller]
    fn matches(pattern: &str, all: &[&str], none: &[&str]) {
        let compiled = Pattern::parse(pattern).unwrap();
        for text in all {
            assert!(compiled.is_match(text), "{pattern} matches {text:?}");
        }
        for text in none {
            assert!(!compiled.is_match(text), "{pattern} does not match {text:?}");
        }
    }

    #[test]
    fn go_reads_these_otherwise() {
        matches(r"^\d$", &["1"], &["\u{0661}"]);
        matches(r"^\w$", &["a", "_"], &["é"]);
        matches(r"^\s$", &["\t", " "], &["\u{b}", "\u{a0}"]);
        matches(r"a\b", &["aé", "a "], &["ab"]);
        matches(r"^[[a]$", &["[", "a"], &["]"]);
        matches(r"^[a&&b]$", &["a", "&", "b"], &[]);
        matches(r"^a{,2}$", &["a{,2}"], &["aa"]);
        matches(r"^{$", &["{"], &[]);
        matches(r"^\Qa.b*\E+$", &["a.b*", "a.b**"], &["axb"]);
        matches(r"^\101\x42\x{43}$", &["ABC"], &[]);
        matches(r"^\<\_\-$", &["<_-"], &[]);
        matches(r"^\p{^L}$", &["1"], &["a", "é"]);
        matches(r"(?i)^\w$", &["\u{212a}"], &[]);
    }

    #[test]
    fn go_refuses_these() {
        let table = [
            ("[=", PatternProblem::MissingBracket, "[="),
            ("^test-(.*", PatternProblem::MissingParenthesis, "^test-(.*"),
            ("a)", PatternProblem::UnexpectedParenthesis, "a)"),
            ("(?=x)", PatternProblem::PerlSyntax, "(?="),
            ("(?<!x)", PatternProblem::PerlSyntax, "(?<!"),
            ("(?x)a", PatternProblem::PerlSyntax, "(?x"),
            ("a**", PatternProblem::NestedRepetition, "**"),
            ("|*", PatternProblem::MissingArgument, "*"),
            ("a{1001}", PatternProblem::RepeatCount, "{1001}"),
            ("(a{100}){11}", PatternProblem::RepeatCount, "{11}"),
            (r"\1", PatternProblem::Escape, r"\1"),
            (r"\u0041", PatternProblem::Escape, r"\u"),
            ("[z-a]", PatternProblem::ClassRange, "z-a"),
            ("[[:foo:]]", PatternProblem::ClassRange, "[:foo:]"),
            (r"\p{Script=Greek}", PatternProblem::ClassRange, r"\p{Script=Greek}"),
            ("(?P<a-b>x)", PatternProblem::GroupName, "(?P<a-b>"),
            ("a\\", PatternProblem::TrailingBackslash, ""),
        ];
        for (pattern, problem, fragment) in table {
            let error = Pattern::parse(pattern).unwrap_err();
            assert_eq!((error.problem(), error.fragment()), (problem, fragment), "{pattern}");
        }
    }

    #[test]
    fn group_names_may_start_with_a_digit_and_repeat() {
        let pattern = Pattern::parse(r"(?P<1x>a)|(?<1x>b)").unwrap();
        assert_eq!(pattern.expand("b", &Template::parse("<$1x>")).as_deref(), Some("<b>"));
    }

    #[test]
    fn deep_and_large_patterns_end() {
        assert!(Pattern::parse(&"(".repeat(100_000)).is_err());
        assert!(Pattern::parse(&"[".repeat(100_000)).is_err());
        assert!(Pattern::parse(&r"\pL{1000}".repeat(50)).is_err());
    }
}
