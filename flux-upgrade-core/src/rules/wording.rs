//! `wording`: how commits, pull requests and branches are named.

use super::RulesError;
use super::file::File;
use crate::yaml::Node;

pub(super) const KEYS: &[&str] = &["commit", "pullRequest", "branchPrefix"];

/// Placeholders of a line of title, and of a whole commit message.
const TITLE: &[&str] = &["title", "subject", "id", "level", "count"];
const MESSAGE: &[&str] = &["title", "subject", "id", "level", "count", "changes"];

/// The words of commits and pull requests, and how the names of branches begin.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::{RepoPath, rules::Rules};
/// let path = RepoPath::parse(".flux-upgrade.yaml").unwrap();
/// let rules = Rules::parse(&path, "version: 1\nwording: {branchPrefix: deps/}\n").unwrap();
/// assert_eq!(rules.wording().branch_prefix(), "deps/");
/// let error = Rules::parse(&path, "version: 1\nwording: {commit: 'chore: {titel}'}\n").unwrap_err();
/// assert_eq!((error.at.line, error.help.as_deref()), (2, Some("did you mean `{title}`?")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wording {
    pub(crate) commit: Option<Template>,
    pub(crate) pull_request: Option<Template>,
    branch_prefix: Option<String>,
}

impl Wording {
    /// How the names of branches begin; `flux-upgrade/` where the rules say nothing.
    #[must_use]
    pub fn branch_prefix(&self) -> &str {
        self.branch_prefix.as_deref().unwrap_or("flux-upgrade/")
    }

    /// The same words, and of commits and pull requests without any those of conventional commits, such as `chore(deps): …`.
    pub(super) fn over_conventional(mut self, before: &str) -> Self {
        let template = |text: String| Some(Template { text });
        self.commit = self.commit.or_else(|| template(format!("{before}: {{subject}}\n\n{{changes}}")));
        self.pull_request = self.pull_request.or_else(|| template(format!("{before}: {{subject}}")));
        self
    }

    /// The keys that are set, each with its text.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let commit = self.commit.as_ref().map(|template| ("commit", template.text.as_str()));
        let pull = self.pull_request.as_ref().map(|template| ("pullRequest", template.text.as_str()));
        let prefix = self.branch_prefix.as_deref().map(|text| ("branchPrefix", text));
        [commit, pull, prefix].into_iter().flatten()
    }

    pub(super) fn read(file: &File<'_>, node: Node<'_, '_>) -> Result<Self, RulesError> {
        let mut out = Self::default();
        for (key, value) in file.entries(node, KEYS)? {
            let text = file.text(value)?;
            let template = |known| {
                Template::parse(text, known).map_err(|(message, help)| file.value(value, message, Some(help)))
            };
            let want = |holds: bool, message: &str, help: &str| match holds {
                true => Ok(()),
                false => Err(file.value(value, message, Some(help.to_owned()))),
            };
            match key {
                "commit" => {
                    let first = text.lines().next().unwrap_or_default();
                    let help = "begin with the title, such as `chore: {title}`";
                    want(!first.trim().is_empty(), "the first line of a commit message is its title", help)?;
                    let help = "write it on a line of its own, after an empty one";
                    want(
                        !first.contains("{changes}"),
                        "`{changes}` are several lines, and a title is one",
                        help,
                    )?;
                    out.commit = Some(template(MESSAGE)?);
                }
                "pullRequest" => {
                    want(text.trim().lines().count() == 1, "a title is one line", "write one line")?;
                    let help = "a pull request that somebody has closed is known by its title, which names the version";
                    let names = text.contains("{title}") || text.contains("{subject}");
                    want(names, "`{title}` or `{subject}` is wanted in it", help)?;
                    out.pull_request = Some(template(TITLE)?);
                }
                _ => {
                    let message = format!("`{text}` is not how the name of a branch can begin");
                    want(is_branch_prefix(text), &message, PREFIX)?;
                    out.branch_prefix = Some(text.to_owned());
                }
            }
        }
        Ok(out)
    }
}

/// What the beginning of a branch's name looks like.
pub(crate) const PREFIX: &str =
    "write for example `deps/`: letters, digits, `-`, `_`, `.` and `/`, and at its end `/`, `-` or `_`";

/// Whether git takes a branch of this beginning with a group's id behind it (git-check-ref-format(1), and narrower: an end that
/// tells it from the id, and not a reference's full name).
pub(crate) fn is_branch_prefix(text: &str) -> bool {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
    let mut parts = text.split('/').rev();
    let last = parts.next().unwrap_or_default();
    is_plain
        && text.len() <= 100
        && !text.is_empty()
        && !text.starts_with('-')
        && !text.starts_with("refs/")
        && text.ends_with(['/', '-', '_'])
        && !text.contains("..")
        && !last.starts_with('.')
        && parts.all(|part| {
            !part.is_empty() && !part.starts_with('.') && !part.ends_with('.') && !part.ends_with(".lock")
        })
}

/// A text with places for words: `{title}`; braces themselves are doubled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    text: String,
}

impl Template {
    /// `Err` with what is wrong and what to write instead.
    fn parse(text: &str, known: &[&str]) -> Result<Self, (String, String)> {
        let template = Self { text: text.trim().to_owned() };
        for part in parts(&template.text) {
            match part {
                Part::Place(name) if !known.contains(&name) => {
                    let near = super::nearest(name, known.iter().copied());
                    let all =
                        || known.iter().map(|name| format!("`{{{name}}}`")).collect::<Vec<_>>().join(", ");
                    let help = near.map_or_else(
                        || format!("known are {}", all()),
                        |near| format!("did you mean `{{{near}}}`?"),
                    );
                    return Err((format!("`{{{name}}}` is nothing that is known here"), help));
                }
                Part::Stray(brace) => {
                    let help = format!("a brace itself is written twice: `{brace}{brace}`");
                    return Err((format!("a `{brace}` stands alone"), help));
                }
                Part::Place(_) | Part::Text(_) => {}
            }
        }
        Ok(template)
    }

    /// The text with its words, which are not read again.
    pub(crate) fn fill<'v>(&self, value: impl Fn(&str) -> std::borrow::Cow<'v, str>) -> String {
        let part = |part: Part<'_>| match part {
            Part::Place(name) => value(name).into_owned(),
            Part::Text(text) => text.to_owned(),
            Part::Stray(brace) => brace.to_string(),
        };
        parts(&self.text).map(part).collect()
    }
}

enum Part<'t> {
    Text(&'t str),
    Place(&'t str),
    Stray(char),
}

fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let at = match rest.find(['{', '}']) {
            _ if rest.is_empty() => return None,
            Some(0) => 0,
            other => {
                let (text, after) = rest.split_at(other.unwrap_or(rest.len()));
                rest = after;
                return Some(Part::Text(text));
            }
        };
        let brace = &rest[at..=at];
        if rest[1..].starts_with(brace) {
            rest = &rest[2..];
            return Some(Part::Text(brace));
        }
        let name = rest[1..].split_once('}').map(|(name, _)| name);
        let is_name =
            |name: &&str| brace == "{" && !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric());
        match name.filter(is_name) {
            Some(name) => {
                rest = &rest[name.len() + 2..];
                Some(Part::Place(name))
            }
            None => {
                rest = &rest[1..];
                brace.chars().next().map(Part::Stray)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Rules;
    use crate::text::RepoPath;

    #[test]
    fn places_are_filled_and_braces_doubled() {
        let template = Template::parse("{{{title}}} of {id}: }}", TITLE).unwrap();
        assert_eq!(template.fill(|name| format!("<{name} {{id}}>").into()), "{<title {id}>} of <id {id}>: }");
    }

    #[test]
    fn what_cannot_be_said_points_into_the_file() {
        let path = RepoPath::parse(".flux-upgrade.yaml").unwrap();
        for (value, message) in [
            ("{commit: \"x {changed}\"}", "`{changed}` is nothing that is known here"),
            ("{commit: \"x {\"}", "a `{` stands alone"),
            ("{commit: \"x } y\"}", "a `}` stands alone"),
            ("{commit: \"\\nx\"}", "the first line of a commit message is its title"),
            ("{commit: \"{changes}\"}", "`{changes}` are several lines, and a title is one"),
            ("{pullRequest: \"Updates\"}", "`{title}` or `{subject}` is wanted in it"),
            ("{pullRequest: \"{title} {changes}\"}", "`{changes}` is nothing that is known here"),
            ("{pullRequest: \"{title}\\nx\"}", "a title is one line"),
            ("{branchPrefix: \"a b/\"}", "`a b/` is not how the name of a branch can begin"),
            ("{branchPrefix: \"/\"}", "`/` is not how the name of a branch can begin"),
            ("{branchPrefix: \"a/..\"}", "`a/..` is not how the name of a branch can begin"),
            ("{branchPrefix: \"deps\"}", "`deps` is not how the name of a branch can begin"),
            (
                "{branchPrefix: refs/heads/deps/}",
                "`refs/heads/deps/` is not how the name of a branch can begin",
            ),
            ("{branchPrefix: \"a.lock/\"}", "`a.lock/` is not how the name of a branch can begin"),
            ("{commits: x}", "`commits` is no key of this mapping"),
        ] {
            let error = Rules::parse(&path, &format!("version: 1\nwording: {value}\n")).unwrap_err();
            assert_eq!((error.message.as_str(), error.at.line), (message, 2), "{value}");
            assert!(error.at.column > 10);
        }
    }
}
