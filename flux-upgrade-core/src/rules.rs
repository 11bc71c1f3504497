//! What the user allows. Stand-in.

use std::str::FromStr;

use crate::text::RepoPath;

/// What the user allows.
#[derive(Debug, Default)]
pub struct Rules {
    text: String,
    flags: Option<Overrides>,
}

/// A rules file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RulesError(String);

impl Rules {
    /// Reads a rules file.
    ///
    /// # Errors
    ///
    /// Where it is not one.
    pub fn parse(_path: &RepoPath, text: &str) -> Result<Self, RulesError> {
        Ok(Self { text: text.into(), flags: None })
    }

    /// These rules under flags.
    #[must_use]
    pub fn with(mut self, flags: Overrides) -> Self {
        self.flags = Some(flags);
        self
    }

    /// The effective rules as YAML.
    #[must_use]
    pub fn show(&self) -> String {
        format!("{}# {:?}\n", self.text, self.flags)
    }
}

/// Flags over the rules.
#[derive(Debug, Default)]
pub struct Overrides {
    /// How far.
    pub allow: Option<Allow>,
    /// Whether pre-releases.
    pub prerelease: Option<bool>,
    /// What to do with ranges.
    pub ranges: Option<Ranges>,
    /// What to do with digests.
    pub digests: Option<Digests>,
    /// How old.
    pub minimum_age: Option<Age>,
    /// As of when.
    pub as_of: Option<Timestamp>,
    /// The time now.
    pub now: Option<Timestamp>,
    /// Flux's version.
    pub flux_version: Option<String>,
    /// Only these paths.
    pub only: Vec<String>,
}

macro_rules! word {
    ($name:ident, $what:literal) => {
        #[doc = $what]
        #[derive(Debug)]
        pub struct $name(#[allow(dead_code)] String);

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                if text.is_empty() || text.contains('!') {
                    return Err(format!("expected {}", $what));
                }
                Ok(Self(text.into()))
            }
        }
    };
}

word!(Allow, "a level");
word!(Ranges, "a way with ranges");
word!(Digests, "a way with digests");
word!(Age, "an age such as `3d`");
word!(Timestamp, "a date such as `2024-05-01` or `2024-05-01T10:00:00Z`");
