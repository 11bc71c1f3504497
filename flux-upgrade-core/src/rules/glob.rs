//! Globs over paths, names and addresses; `/…/` is a regular expression.

use crate::version::Pattern;

/// A glob or a regular expression.
#[derive(Debug, Clone)]
pub(crate) struct Glob {
    text: String,
    matcher: Matcher,
}

#[derive(Debug, Clone)]
enum Matcher {
    Glob(globset::GlobMatcher),
    Pattern(Pattern),
}

/// What a glob's `*` does at a `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slash {
    /// It stops, as in paths; `**` crosses.
    Stops,
    /// It crosses, as in names and addresses.
    Crosses,
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Glob {
    /// `*`, `**`, `?`, `[…]`, `{a,b}`; or `/expression/` in Go's syntax, except in paths.
    pub(crate) fn parse(text: &str, slash: Slash) -> Result<Self, String> {
        let expression = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        let matcher = match expression {
            Some(expression) if slash == Slash::Crosses => {
                Matcher::Pattern(Pattern::parse(expression).map_err(|error| error.to_string())?)
            }
            _ => {
                let glob = globset::GlobBuilder::new(text).literal_separator(slash == Slash::Stops).build();
                Matcher::Glob(
                    glob.map_err(|error| format!("is no glob: {}", error.kind()))?.compile_matcher(),
                )
            }
        };
        Ok(Self { text: text.to_owned(), matcher })
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        match &self.matcher {
            Matcher::Glob(glob) => glob.is_match(text),
            Matcher::Pattern(pattern) => pattern.is_match(text),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}
