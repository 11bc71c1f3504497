//! Patterns of Renovate's match fields: globs without case, `/regular expressions/`, `!` before what is left out.
//!
//! Source: Renovate's documentation, "String pattern matching".

use crate::rules::{Glob, Slash};
use crate::version::Pattern;

/// A list of patterns; an empty one is for everything.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterns {
    wanted: Vec<One>,
    unwanted: Vec<One>,
}

#[derive(Debug, Clone)]
enum One {
    Glob(Glob),
    Expression(Pattern),
    /// A part of the text.
    Inside(String),
    /// How the text begins.
    Start(String),
}

impl One {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Glob(glob) => glob.matches(&text.to_lowercase()),
            Self::Expression(pattern) => pattern.is_match(text),
            Self::Inside(part) => text.contains(part.as_str()),
            Self::Start(part) => text.starts_with(part.as_str()),
        }
    }
}

impl Patterns {
    /// Adds a pattern; an error says what is wrong with it.
    pub(super) fn add(&mut self, text: &str) -> Result<(), String> {
        let (list, bare) = match text.strip_prefix('!') {
            Some(rest) => (&mut self.unwanted, rest),
            None => (&mut self.wanted, text),
        };
        list.push(match bare {
            "*" => One::Inside(String::new()),
            bare if bare.starts_with('/')
                && (bare.ends_with('/') || bare.ends_with("/i"))
                && bare.len() > 2 =>
            {
                let (inner, flags) = match bare[1..].strip_suffix("/i") {
                    Some(inner) => (inner, "(?i)"),
                    None => (&bare[1..bare.len() - 1], ""),
                };
                One::Expression(
                    Pattern::parse(&format!("{flags}{inner}")).map_err(|error| error.to_string())?,
                )
            }
            bare => One::Glob(Glob::parse(&bare.to_lowercase(), Slash::Stops)?),
        });
        Ok(())
    }

    /// Adds a regular expression without slashes around it, the older way.
    pub(super) fn add_expression(&mut self, text: &str, unwanted: bool) -> Result<(), String> {
        let list = if unwanted { &mut self.unwanted } else { &mut self.wanted };
        // Such a list may have the star of globs in it.
        let one = match text {
            "*" => One::Inside(String::new()),
            text => One::Expression(Pattern::parse(text).map_err(|error| error.to_string())?),
        };
        list.push(one);
        Ok(())
    }

    /// Adds the beginning of a name, the older way.
    pub(super) fn add_start(&mut self, text: &str, unwanted: bool) {
        let list = if unwanted { &mut self.unwanted } else { &mut self.wanted };
        list.push(One::Start(text.to_owned()));
    }

    /// Adds a path that may also be a part of one.
    pub(super) fn add_path(&mut self, text: &str) -> Result<(), String> {
        if !text.contains(['*', '?', '[', '{', '!']) {
            self.wanted.push(One::Inside(text.to_owned()));
            return Ok(());
        }
        self.add(text)
    }

    /// What the others leave out: wanted and unwanted change places.
    pub(super) fn turned(self) -> Self {
        Self { wanted: self.unwanted, unwanted: self.wanted }
    }

    /// Whether one of the names of a thing is wanted and none is unwanted.
    pub(super) fn match_any(&self, names: &[String]) -> bool {
        let any = |list: &[One]| names.iter().any(|name| list.iter().any(|one| one.matches(name)));
        (self.wanted.is_empty() || any(&self.wanted)) && !any(&self.unwanted)
    }
}
