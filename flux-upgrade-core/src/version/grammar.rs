//! The grammar of ranges, and the errors of reading one.

use super::hyphen::{Rewritten, identifiers_length, is_blank};
use super::range::Group;
use super::term::{Operator, Precision, SPELLINGS, Term};
use super::{Dialect, Version};

pub(super) type Problem = (RangeProblem, usize, usize);

/// Reads a text without hyphen ranges; places are those of that text.
struct Parser<'a> {
    text: &'a str,
    at: usize,
    dialect: Dialect,
}

/// Longer texts are refused, so that no text is costly to read; this limit is ours.
const LONGEST: usize = 4096;

/// The groups of a range text.
pub(super) fn read(text: &str, dialect: Dialect) -> Result<Vec<Group>, Problem> {
    if text.len() > LONGEST {
        return Err((RangeProblem::TooLong, 0, 0));
    }
    let rewritten = Rewritten::new(text, dialect);
    let parsed = Parser { text: &rewritten.text, at: 0, dialect }.range();
    let mut groups = parsed.map_err(|(problem, start, end)| {
        let start_there = rewritten.origin(start);
        let end_there = if end > start { rewritten.origin_of_end(end) } else { start_there };
        (problem, start_there, end_there.max(start_there))
    })?;
    for term in groups.iter_mut().flat_map(|group| &mut group.terms) {
        term.span = (rewritten.origin(term.span.0), rewritten.origin_of_end(term.span.1));
    }
    Ok(groups)
}

impl<'a> Parser<'a> {
    fn range(&mut self) -> Result<Vec<Group>, Problem> {
        let mut groups = Vec::new();
        loop {
            groups.push(self.group()?);
            if self.at == self.text.len() {
                return Ok(groups);
            }
            self.at += "||".len();
        }
    }

    /// Reads terms up to the end or a `||`.
    fn group(&mut self) -> Result<Group, Problem> {
        let mut terms = Vec::new();
        self.skip_blanks();
        if self.at_group_end() {
            return Err((RangeProblem::EmptyGroup, self.at, self.at));
        }
        loop {
            terms.push(self.term()?);
            let blank = self.skip_blanks();
            if self.at_group_end() {
                return Ok(Group { terms });
            }
            if self.peek() == Some(b',') {
                self.at += 1;
                self.skip_blanks();
                if self.at_group_end() {
                    return Err((RangeProblem::TrailingComma, self.at, self.at));
                }
            } else if !blank {
                return Err((RangeProblem::Unexpected, self.at, self.char_end(self.at)));
            }
        }
    }

    fn term(&mut self) -> Result<Term, Problem> {
        let start = self.at;
        let rest = &self.text[start..];
        let found = SPELLINGS.into_iter().find(|(spelling, _)| rest.starts_with(spelling));
        let (spelling, operator) = found.unwrap_or(("", Operator::Equal));
        self.at += spelling.len();
        self.skip_blanks();
        self.partial(start, spelling, operator)
    }

    /// Reads `v1.2.3-pre+build`, where numbers may be wildcards or missing and what follows a wildcard is ignored.
    fn partial(&mut self, start: usize, spelling: &'static str, operator: Operator) -> Result<Term, Problem> {
        let bound_start = self.at;
        if self.peek() == Some(b'v') {
            self.at += 1;
        }
        let mut parts = [self.part(), "", ""];
        if parts[0].is_empty() {
            return Err((RangeProblem::NotAVersion, self.at, self.char_end(self.at)));
        }
        for part in &mut parts[1..] {
            let dot = self.at;
            if self.peek() != Some(b'.') {
                break;
            }
            self.at += 1;
            *part = self.part();
            if part.is_empty() {
                self.at = dot;
                break;
            }
        }
        let pre_start = self.at;
        let rest = &self.text.as_bytes()[self.at..];
        let pre_length = identifiers_length(rest, b'-');
        let pre = &self.text[pre_start..pre_start + pre_length];
        self.at += pre_length + identifiers_length(&rest[pre_length..], b'+');
        let is_open = |part: &str| part.is_empty() || matches!(part, "x" | "X" | "*");
        let written = parts.iter().take_while(|part| !is_open(part)).count();
        let precision = [Precision::Any, Precision::Major, Precision::Minor, Precision::Full][written];
        let numbers: Vec<&str> =
            parts.iter().enumerate().map(|(i, part)| if i < written { part } else { "0" }).collect();
        let base = Version::parse_in(&format!("{}{pre}", numbers.join(".")), self.dialect)
            .map_err(|_| (RangeProblem::BadNumber, bound_start, pre_start + pre_length))?;
        let bound = self.text[bound_start..self.at].to_owned();
        Ok(Term { operator, spelling, bound, base, precision, span: (start, self.at) })
    }

    /// Reads digits or wildcards; the library allows a single bar here and fails on it later.
    fn part(&mut self) -> &'a str {
        let start = self.at;
        while let Some(b'0'..=b'9' | b'x' | b'X' | b'*' | b'|') = self.peek() {
            if self.at_group_end() {
                break;
            }
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn at_group_end(&self) -> bool {
        self.at == self.text.len() || self.text.as_bytes()[self.at..].starts_with(b"||")
    }

    fn skip_blanks(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
        self.at > start
    }

    fn char_end(&self, at: usize) -> usize {
        at + self.text[at..].chars().next().map_or(0, char::len_utf8)
    }
}

/// A range that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid range `{text}`: {problem} at character {}", .text[..*.start].chars().count() + 1)]
pub struct RangeError {
    text: String,
    problem: RangeProblem,
    start: usize,
    end: usize,
    help: Option<String>,
}

/// What keeps a text from being a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RangeProblem {
    /// Nothing stands before, between or after `||`.
    #[error("expected a version, found nothing")]
    EmptyGroup,
    /// A comma is followed by nothing.
    #[error("expected a version after the comma")]
    TrailingComma,
    /// A version was wanted and something else stands there.
    #[error("expected a version")]
    NotAVersion,
    /// A character that cannot follow a version.
    #[error("unexpected character")]
    Unexpected,
    /// The text has more than 4096 bytes.
    #[error("more than 4096 bytes")]
    TooLong,
    /// A number mixes digits and wildcards, is too large, or has a leading zero that is refused.
    #[error("a number that cannot be read")]
    BadNumber,
}

impl RangeError {
    pub(super) fn new(text: &str, problem: RangeProblem, start: usize, end: usize) -> RangeError {
        RangeError { text: text.to_owned(), problem, start, end, help: super::rewrite::spelling_help(text) }
    }

    /// The text that was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is wrong with it.
    pub fn problem(&self) -> RangeProblem {
        self.problem
    }

    /// Where it is wrong, in UTF-8 bytes from 0, half-open; empty where something is missing.
    pub fn span(&self) -> std::ops::Range<usize> {
        self.start..self.end
    }

    /// What to write instead.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self.problem {
            RangeProblem::EmptyGroup => "range.empty",
            RangeProblem::TrailingComma => "range.trailing-comma",
            RangeProblem::NotAVersion => "range.not-a-version",
            RangeProblem::Unexpected => "range.unexpected",
            RangeProblem::TooLong => "range.too-long",
            RangeProblem::BadNumber => "range.bad-number",
        }
    }

    /// The text with a line of carets below the place of the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use flux_upgrade_core::version::Range;
    /// let error = Range::parse(">=1.2 <lates").unwrap_err();
    /// assert_eq!(error.excerpt(), ">=1.2 <lates\n       ^");
    /// ```
    pub fn excerpt(&self) -> String {
        let line: String = self.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let before = self.text[..self.start].chars().count();
        let width = self.text[self.start..self.end].chars().count().max(1);
        format!("{line}\n{}{}", " ".repeat(before), "^".repeat(width))
    }
}
