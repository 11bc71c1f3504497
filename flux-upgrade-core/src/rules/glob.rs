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
    /// A glob whose `*` stops at a slash.
    Path(String),
    /// A glob in whose text, and in what it is compared with, no slash is left to stop at.
    Name(String),
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
        let matcher = match (expression, slash) {
            (Some(expression), Slash::Crosses) => {
                Matcher::Pattern(Pattern::parse(expression).map_err(|error| error.to_string())?)
            }
            (_, Slash::Stops) => Matcher::Path(balanced(text)?.to_owned()),
            (None, Slash::Crosses) => Matcher::Name(without_slashes(balanced(text)?).replace("**", "*")),
        };
        Ok(Self { text: text.to_owned(), matcher })
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        match &self.matcher {
            Matcher::Path(glob) => fast_glob::glob_match(glob, text),
            Matcher::Name(glob) => fast_glob::glob_match(glob, without_slashes(text)),
            Matcher::Pattern(pattern) => pattern.is_match(text),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// A control character stands for the slash, at which every `*` would stop.
fn without_slashes(text: &str) -> String {
    text.replace('/', "\u{1f}")
}

/// The glob, if every bracket and brace in it is closed.
fn balanced(text: &str) -> Result<&str, String> {
    let (mut set, mut braces, mut escaped) = (false, 0_usize, false);
    for c in text.chars() {
        match c {
            _ if std::mem::take(&mut escaped) => {}
            '\\' => escaped = true,
            '[' if !set => set = true,
            ']' => set = false,
            '{' if !set => braces += 1,
            '}' if !set => braces = braces.checked_sub(1).ok_or("is no glob: `}` without `{`")?,
            _ => {}
        }
    }
    match (set, braces, escaped) {
        (true, ..) => Err("is no glob: `[` is not closed".to_owned()),
        (_, 1.., _) => Err("is no glob: `{` is not closed".to_owned()),
        (.., true) => Err("is no glob: nothing follows the last `\\`".to_owned()),
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stop_at_slashes_in_paths_only() {
        for (glob, slash, text, expected) in [
            ("apps/*.yaml", Slash::Stops, "apps/a.yaml", true),
            ("apps/*.yaml", Slash::Stops, "apps/a/b.yaml", false),
            ("apps/**", Slash::Stops, "apps/a/b.yaml", true),
            ("**/flux-system/**", Slash::Stops, "clusters/a/flux-system/b.yaml", true),
            ("**/*.yaml", Slash::Stops, "a.yaml", true),
            ("{apps,infra}/*", Slash::Stops, "infra/a", true),
            ("app[sx]/?", Slash::Stops, "apps/a", true),
            ("oci://ghcr.io/*", Slash::Crosses, "oci://ghcr.io/a/b", true),
            ("oci://ghcr.io/**", Slash::Crosses, "oci://ghcr.io/a/b", true),
            ("podinfo", Slash::Crosses, "podinfo-2", false),
            ("/info$/", Slash::Crosses, "podinfo", true),
            ("/info$/", Slash::Crosses, "podinfo-2", false),
        ] {
            assert_eq!(Glob::parse(glob, slash).expect("a glob").matches(text), expected, "{glob} {text}");
        }
    }

    #[test]
    fn open_ends_are_refused() {
        for glob in ["a[b", "{a,b", "a}", "a\\"] {
            assert!(Glob::parse(glob, Slash::Stops).is_err(), "{glob}");
        }
        assert!(Glob::parse("/(/", Slash::Crosses).is_err());
    }
}
