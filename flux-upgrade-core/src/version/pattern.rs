//! Regular expressions in Go's syntax, run by the `regex` crate.
//!
//! The two engines agree on what a match is; the syntaxes differ. A pattern is therefore read by Go's grammar and written
//! again for the crate: classes such as `\d` and `\b` are ASCII in Go, `[[a]`, `&&` and a lone `{` are literal, `\Q…\E`,
//! octal escapes and group names that start with a digit exist, and what Go refuses is refused. Source: Go
//! `regexp/syntax`, `parse.go`.

use super::Template;

/// A regular expression in Go's syntax, unanchored; matching takes time linear in the text.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::version::{Pattern, Template};
/// let pattern = Pattern::parse(r"^main-[a-f0-9]+-(?P<ts>[0-9]+)")?;
/// assert_eq!(pattern.expand("main-beef-1700", &Template::parse("$ts")).as_deref(), Some("1700"));
/// assert!(Pattern::parse("(?=x)").is_err());
/// # Ok::<(), flux_upgrade_core::version::PatternError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    regex: regex::Regex,
    names: Vec<Option<String>>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// [`PatternError`] for what Go refuses, in Go's classes, and for a pattern whose automaton would be too large.
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        let (translated, names) = Translator::new(text).translate()?;
        let regex = regex::Regex::new(&translated)
            .map_err(|_| PatternError::new(text, PatternProblem::Unsupported, 0, text.len()))?;
        Ok(Pattern { text: text.to_owned(), regex, names })
    }

    /// The text the pattern was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the pattern matches somewhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The template filled from the first match in `text`; `None` without a match.
    pub fn expand(&self, text: &str, template: &Template) -> Option<String> {
        let captures = self.regex.captures(text)?;
        let groups: Vec<(Option<&str>, Option<&str>)> = captures
            .iter()
            .zip(&self.names)
            .map(|(group, name)| (name.as_deref(), group.map(|found| found.as_str())))
            .collect();
        Some(template.expand(&groups))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

/// A pattern that Go would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid pattern `{pattern}`: {problem}: `{fragment}`")]
pub struct PatternError {
    pattern: String,
    problem: PatternProblem,
    fragment: String,
    at: usize,
}

/// Why Go refuses a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternProblem {
    /// `[` without `]`.
    #[error("missing closing ]")]
    MissingBracket,
    /// `(` without `)`.
    #[error("missing closing )")]
    MissingParenthesis,
    /// `)` without `(`.
    #[error("unexpected )")]
    UnexpectedParenthesis,
    /// A repetition with nothing before it.
    #[error("missing argument to repetition operator")]
    MissingArgument,
    /// A repetition of a repetition.
    #[error("invalid nested repetition operator")]
    NestedRepetition,
    /// A count above 1000, or the larger first.
    #[error("invalid repeat count")]
    RepeatCount,
    /// An unknown escape.
    #[error("invalid escape sequence")]
    Escape,
    /// A class range from high to low, or an unknown class.
    #[error("invalid character class range")]
    ClassRange,
    /// A group name other than letters, digits and underscores.
    #[error("invalid named capture")]
    GroupName,
    /// Look-around, comments, back-references by name, unknown flags.
    #[error("invalid or unsupported Perl syntax")]
    PerlSyntax,
    /// A backslash at the end.
    #[error("trailing backslash at end of expression")]
    TrailingBackslash,
    /// A pattern beyond the engine: too large or too deep.
    #[error("too large or not supported")]
    Unsupported,
}

impl PatternError {
    fn new(pattern: &str, problem: PatternProblem, start: usize, end: usize) -> PatternError {
        PatternError {
            pattern: pattern.to_owned(),
            problem,
            fragment: pattern[start..end].to_owned(),
            at: start,
        }
    }

    /// What is wrong.
    pub fn problem(&self) -> PatternProblem {
        self.problem
    }

    /// The offending part of the pattern.
    pub fn fragment(&self) -> &str {
        &self.fragment
    }

    /// Where the offending part starts, in UTF-8 bytes from 0.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        "pattern.invalid"
    }
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
