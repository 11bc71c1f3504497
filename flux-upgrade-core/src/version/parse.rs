//! Reading a version from text; the three grammars differ in a few places only.

use super::Version;

/// Which of the library's parsers to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Lenient,
    NoLeadingZeros,
    Strict,
}

/// A text that is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid version `{text}`: {problem} at character {}", .text[..*.at].chars().count() + 1)]
pub struct VersionError {
    text: String,
    problem: VersionProblem,
    at: usize,
}

impl VersionError {
    pub(super) fn new(text: &str, problem: VersionProblem, at: usize) -> VersionError {
        VersionError { text: text.to_owned(), problem, at }
    }

    /// The text that was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is wrong with it.
    pub fn problem(&self) -> VersionProblem {
        self.problem
    }

    /// Where it goes wrong, in UTF-8 bytes from 0.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        self.problem.code()
    }
}

/// What keeps a text from being a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VersionProblem {
    /// The text is empty.
    #[error("expected a number, found nothing")]
    Empty,
    /// A number was wanted and something else stands there.
    #[error("expected a number")]
    NotANumber,
    /// A number does not fit 64 bits.
    #[error("the number is too large")]
    TooLarge,
    /// A number or numeric pre-release identifier starts with a zero where that is refused.
    #[error("a leading zero")]
    LeadingZero,
    /// An identifier between dots is empty, or `-` or `+` is followed by nothing.
    #[error("expected an identifier of letters, digits and hyphens")]
    EmptyIdentifier,
    /// Something follows the version.
    #[error("unexpected character")]
    Trailing,
    /// Three dot-separated parts were wanted.
    #[error("expected three parts separated by dots")]
    NotThreeParts,
}

impl VersionProblem {
    /// The stable code of this problem.
    pub fn code(self) -> &'static str {
        match self {
            VersionProblem::Empty => "version.empty",
            VersionProblem::NotANumber => "version.not-a-number",
            VersionProblem::TooLarge => "version.too-large",
            VersionProblem::LeadingZero => "version.leading-zero",
            VersionProblem::EmptyIdentifier => "version.empty-identifier",
            VersionProblem::Trailing => "version.trailing",
            VersionProblem::NotThreeParts => "version.not-three-parts",
        }
    }
}

pub(super) fn version(text: &str, form: Form) -> Result<Version, VersionError> {
    let mut reader = Reader { text, at: 0, form };
    let (major, minor, patch, pre, build) =
        reader.read().map_err(|(problem, at)| VersionError::new(text, problem, at))?;
    Ok(Version { text: text.to_owned(), major, minor, patch, pre: pre.to_owned(), build: build.to_owned() })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    form: Form,
}

type Problem = (VersionProblem, usize);

impl<'a> Reader<'a> {
    fn read(&mut self) -> Result<(u64, u64, u64, &'a str, &'a str), Problem> {
        if self.text.is_empty() {
            return Err((VersionProblem::Empty, 0));
        }
        if self.form != Form::Strict {
            self.eat(b'v');
        }
        let mut numbers = [self.number()?, 0, 0];
        let mut written = 1;
        while written < 3 && self.eat(b'.') {
            numbers[written] = self.number()?;
            written += 1;
        }
        if self.form == Form::Strict && written < 3 {
            return Err((VersionProblem::NotThreeParts, self.at));
        }
        let pre = if self.eat(b'-') { self.identifiers(true)? } else { "" };
        let build = if self.eat(b'+') { self.identifiers(false)? } else { "" };
        if self.at < self.text.len() {
            return Err((VersionProblem::Trailing, self.at));
        }
        Ok((numbers[0], numbers[1], numbers[2], pre, build))
    }

    fn number(&mut self) -> Result<u64, Problem> {
        let start = self.at;
        let digits = self.take(|byte| byte.is_ascii_digit());
        if digits.is_empty() {
            return Err((VersionProblem::NotANumber, start));
        }
        if self.form != Form::Lenient && digits.len() > 1 && digits.starts_with('0') {
            return Err((VersionProblem::LeadingZero, start));
        }
        digits.parse().map_err(|_| (VersionProblem::TooLarge, start))
    }

    fn identifiers(&mut self, numeric_rule: bool) -> Result<&'a str, Problem> {
        let start = self.at;
        loop {
            let from = self.at;
            let identifier = self.take(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if identifier.is_empty() {
                return Err((VersionProblem::EmptyIdentifier, from));
            }
            let numeric = identifier.bytes().all(|byte| byte.is_ascii_digit());
            if numeric_rule && numeric && identifier.len() > 1 && identifier.starts_with('0') {
                return Err((VersionProblem::LeadingZero, from));
            }
            if !self.eat(b'.') {
                return Ok(&self.text[start..self.at]);
            }
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        let start = self.at;
        self.at += self.text.as_bytes()[start..].iter().take_while(|&&byte| wanted(byte)).count();
        &self.text[start..self.at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_and_where() {
        let table = [
            ("", VersionProblem::Empty, 0),
            ("V1.2.3", VersionProblem::NotANumber, 0),
            ("1.2.3.4", VersionProblem::Trailing, 5),
            ("1..2", VersionProblem::NotANumber, 2),
            ("1.2.3-", VersionProblem::EmptyIdentifier, 6),
            ("1.2.3-rc.01", VersionProblem::LeadingZero, 9),
            ("1.2.3_1", VersionProblem::Trailing, 5),
            ("1.99999999999999999999", VersionProblem::TooLarge, 2),
        ];
        for (text, problem, at) in table {
            let error = version(text, Form::Lenient).unwrap_err();
            assert_eq!((error.problem(), error.at()), (problem, at), "{text}");
        }
        assert_eq!(
            version("1.2.3é", Form::Lenient).unwrap_err().to_string(),
            "invalid version `1.2.3é`: unexpected character at character 6"
        );
    }
}
