//! Ranges: parsing, matching, and why a version is outside.

use super::hyphen::{Rewritten, identifiers_length, is_blank};
use super::term::{Mismatch, MismatchKind, Operator, Precision, SPELLINGS, Term};
use super::{Dialect, Version};
use std::fmt;

/// A semver range as Flux and Helm read it.
///
/// - `1.2.3` is equality, `1.2` is `~1.2`, `*` is every release
/// - a space or comma means AND, `||` means OR, `1.2 - 1.4` is `>=1.2 <=1.4`
/// - a pre-release is admitted only if some term of the same AND group names a pre-release
///
/// Displays as the library prints it: terms joined by one space, groups by ` || `. Source: Masterminds/semver
/// `constraints.go`.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::version::{Range, Version};
/// let range: Range = ">=1.2.0 <2.0.0".parse()?;
/// assert!(range.matches(&Version::parse("v1.9.3")?));
/// assert!(!range.matches(&Version::parse("1.9.3-rc.1")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Range {
    text: String,
    pub(super) groups: Vec<Group>,
    dialect: Dialect,
}

/// Terms that must all admit a version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Group {
    pub(super) terms: Vec<Term>,
}

impl Group {
    fn names_prerelease(&self) -> bool {
        self.terms.iter().any(|term| term.base.is_prerelease())
    }

    fn span(&self) -> (usize, usize) {
        let start = self.terms.first().map_or(0, |term| term.span.0);
        (start, self.terms.last().map_or(start, |term| term.span.1))
    }
}

/// Whether pre-releases need to be named to be admitted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prereleases {
    Named,
    All,
}

impl Range {
    /// Reads a range with the rules of the newest Flux.
    ///
    /// # Errors
    ///
    /// [`RangeError`] with the place and, where there is one, the nearest valid spelling. The empty text is an error:
    /// fields where it means `*` are handled by their consumers.
    pub fn parse(text: &str) -> Result<Range, RangeError> {
        Range::parse_in(text, Dialect::default())
    }

    /// Reads a range with the rules of one Flux minor; matching follows the same rules.
    ///
    /// # Errors
    ///
    /// As [`Range::parse`].
    pub fn parse_in(text: &str, dialect: Dialect) -> Result<Range, RangeError> {
        let groups = read(text, dialect)
            .map_err(|(problem, start, end)| RangeError::new(text, problem, start, end))?;
        Ok(Range { text: text.to_owned(), groups, dialect })
    }

    /// Whether the text is a range for the newest Flux; cheaper than [`Range::parse`] when it is not.
    pub fn is_valid(text: &str) -> bool {
        read(text, Dialect::default()).is_ok()
    }

    /// The text the range was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether `version` lies inside this range; build metadata is ignored.
    pub fn matches(&self, version: &Version) -> bool {
        self.groups.iter().any(|group| self.admits(group, version, Prereleases::Named))
    }

    /// Whether `version` lies inside this range when pre-releases need not be named.
    ///
    /// The library calls this switch `IncludePrerelease`; neither Flux nor Helm sets it.
    pub fn matches_with_prereleases(&self, version: &Version) -> bool {
        self.groups.iter().any(|group| self.admits(group, version, Prereleases::All))
    }

    /// Every reason why `version` is outside, in the order of the terms; empty if it is inside.
    pub fn explain(&self, version: &Version) -> Vec<Mismatch> {
        self.explain_as(version, Prereleases::Named)
    }

    /// [`Range::explain`] when pre-releases need not be named.
    pub fn explain_with_prereleases(&self, version: &Version) -> Vec<Mismatch> {
        self.explain_as(version, Prereleases::All)
    }

    /// Whether the range is one version written in full, as `1.2.3` or `=1.2.3`.
    pub fn is_exact(&self) -> bool {
        self.exact_version().is_some()
    }

    /// The one version that the range names in full.
    pub fn exact_version(&self) -> Option<&Version> {
        match self.groups.as_slice() {
            [Group { terms }] => match terms.as_slice() {
                [term] if term.operator == Operator::Equal && term.precision == Precision::Full => {
                    Some(&term.base)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// How many alternatives `||` separates.
    pub fn alternatives(&self) -> usize {
        self.groups.len()
    }

    /// The terms of each alternative as written; a hyphen range counts as two.
    pub fn terms(&self) -> impl Iterator<Item = Vec<String>> + '_ {
        self.groups.iter().map(|group| group.terms.iter().map(Term::to_string).collect())
    }

    fn explain_as(&self, version: &Version, prereleases: Prereleases) -> Vec<Mismatch> {
        let mut mismatches = Vec::new();
        for group in &self.groups {
            let before = mismatches.len();
            if self.is_closed(group, version, prereleases) {
                mismatches.push(Mismatch {
                    version: version.text().to_owned(),
                    operator: None,
                    bound: group.to_string(),
                    kind: MismatchKind::Prerelease,
                    span: group.span(),
                });
                continue;
            }
            for term in &group.terms {
                if let Err(kind) = self.check(term, version, prereleases) {
                    mismatches.push(Mismatch {
                        version: version.text().to_owned(),
                        operator: Some(term.operator),
                        bound: term.bound.clone(),
                        kind,
                        span: term.span,
                    });
                }
            }
            if mismatches.len() == before {
                return Vec::new();
            }
        }
        mismatches
    }

    fn admits(&self, group: &Group, version: &Version, prereleases: Prereleases) -> bool {
        !self.is_closed(group, version, prereleases)
            && group.terms.iter().all(|term| self.check(term, version, prereleases).is_ok())
    }

    /// Since library 3.4 the group decides about pre-releases.
    fn is_closed(&self, group: &Group, version: &Version, prereleases: Prereleases) -> bool {
        self.dialect.opens_group()
            && prereleases == Prereleases::Named
            && version.is_prerelease()
            && !group.names_prerelease()
    }

    /// Up to library 3.3 each term decides about pre-releases, and `!=1.2.3` admits all of them.
    fn check(&self, term: &Term, version: &Version, prereleases: Prereleases) -> Result<(), MismatchKind> {
        let exempt = term.operator == Operator::NotEqual && term.precision == Precision::Full;
        let alone = !self.dialect.opens_group() && prereleases == Prereleases::Named && !exempt;
        if alone && version.is_prerelease() && !term.base.is_prerelease() {
            return Err(MismatchKind::Prerelease);
        }
        term.check(version)
    }
}

impl std::str::FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Range, RangeError> {
        Range::parse(text)
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, term) in self.terms.iter().enumerate() {
            write!(f, "{}{term}", if i == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, group) in self.groups.iter().enumerate() {
            write!(f, "{}{group}", if i == 0 { "" } else { " || " })?;
        }
        Ok(())
    }
}

type Problem = (RangeProblem, usize, usize);

/// Reads a text without hyphen ranges; places are those of that text.
struct Parser<'a> {
    text: &'a str,
    at: usize,
    dialect: Dialect,
}

fn read(text: &str, dialect: Dialect) -> Result<Vec<Group>, Problem> {
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
    /// A number mixes digits and wildcards, is too large, or has a leading zero that is refused.
    #[error("a number that cannot be read")]
    BadNumber,
}

impl RangeError {
    fn new(text: &str, problem: RangeProblem, start: usize, end: usize) -> RangeError {
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
