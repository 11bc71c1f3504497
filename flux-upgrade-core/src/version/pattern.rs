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
        let (translated, names) = super::gosyntax::translate(text)?;
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

    /// The first match in `text`.
    pub(crate) fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        self.regex.find(text).map(|found| found.as_str())
    }

    /// Every match replaced by a template with `$1` and `${name}`; `None` where the text would be longer than `limit`.
    ///
    /// Source: Go `Regexp.ReplaceAllString`.
    pub(crate) fn replace_all(&self, text: &str, template: &str, limit: usize) -> Option<String> {
        let template = Template::parse(template);
        let mut out = String::new();
        let mut end = 0;
        for captures in self.regex.captures_iter(text) {
            let whole = captures.get(0)?;
            let groups: Vec<(Option<&str>, Option<&str>)> = captures
                .iter()
                .zip(&self.names)
                .map(|(group, name)| (name.as_deref(), group.map(|found| found.as_str())))
                .collect();
            out.push_str(&text[end..whole.start()]);
            out.push_str(&template.expand(&groups));
            end = whole.end();
            if out.len() > limit {
                return None;
            }
        }
        out.push_str(&text[end..]);
        Some(out)
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
    pub(super) fn new(pattern: &str, problem: PatternProblem, start: usize, end: usize) -> PatternError {
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
