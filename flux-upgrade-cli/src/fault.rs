//! What ends a command without a result.

use std::error::Error;
use std::fmt;

use flux_upgrade_core::rules::RulesError;
use flux_upgrade_core::{Lines, Span};

/// An error as it is shown: a message, and what lies under it.
#[derive(Debug)]
pub(crate) struct Fault(String);

impl Fault {
    /// A message of our own, lower case, without a full stop.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// What it says, without a word before it.
    pub(crate) fn message(&self) -> &str {
        &self.0
    }

    /// An error with its causes.
    pub(crate) fn of(error: &dyn Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        Self(text)
    }

    /// The same under a sentence that says what was being done.
    pub(crate) fn under(self, doing: String) -> Self {
        Self(format!("{doing}: {}", self.0))
    }

    /// A mistake in a rules file: its line with a caret under it, and what to write instead.
    pub(crate) fn in_rules(file: &str, text: &str, error: &RulesError) -> Self {
        let lines = Lines::new(text);
        let line = lines.line(error.at.line);
        let shown =
            |part: &str| part.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
        let end = error.at.span.end.clamp(error.at.span.start, line.end.max(error.at.span.start));
        let carets = Span::new(error.at.span.start, end).of(text).chars().count().max(1);
        let number = error.at.line.to_string();
        let mut out = format!("{file}:{number}:{}: {} [{}]\n", error.at.column, error.message, error.code);
        let line = shown(line.of(text).trim_start_matches('\u{feff}'));
        let blanks = " ".repeat(number.len() + 2 + error.at.column);
        out.push_str(&format!("  {number} | {line}\n  {blanks}{}", "^".repeat(carets)));
        if let Some(help) = &error.help {
            out.push_str(&format!(" {help}"));
        }
        Self(out)
    }

    /// A bad value of a flag: the value with a caret under it, and what was expected.
    pub(crate) fn bad_value(flag: &str, value: &str, expected: &str) -> Self {
        // What steers a terminal would also move the caret.
        let value: String = value.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        let blanks = " ".repeat(flag.chars().count());
        let carets = "^".repeat(value.chars().count().max(1));
        Self(format!("invalid value for {flag}\n  {flag} {value}\n  {blanks} {carets} {expected}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.0.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_value() {
        let expected = "\
error: invalid value for --allow
  --allow mojor
          ^^^^^ expected patch
";
        assert_eq!(Fault::bad_value("--allow", "mojor", "expected patch").to_string(), expected);
    }
}
