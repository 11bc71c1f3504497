//! Findings about the user's files: they stop nothing and are part of every plan.

use std::fmt;

use serde::Serialize;

use crate::text::Location;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something was left out because of it.
    Error,
    /// It works, and it will hurt.
    Warning,
    /// Worth knowing.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// A finding about one place in the user's files.
///
/// The code is stable and listed in `docs/diagnostics.md`; the message is one sentence, lower case, names in backticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code, for example `yaml.syntax`.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What was found and what was wanted.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Where.
    pub at: Location,
    /// Other places that belong to it: the other source of that name, the anchor, …
    pub related: Vec<Location>,
}

impl Diagnostic {
    /// A finding without help or related places.
    #[must_use]
    pub fn new(code: &'static str, severity: Severity, at: Location, message: impl Into<String>) -> Self {
        Self { code, severity, message: message.into(), help: None, at, related: Vec::new() }
    }

    /// The same with a sentence on what to do.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {} [{}]", self.at, self.severity, self.message, self.code)?;
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}
