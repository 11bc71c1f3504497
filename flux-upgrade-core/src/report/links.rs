//! Pages about a move, where their addresses are certain.

use crate::locate::{Consumer, Part, Site, SourceKey};
use crate::plan::Change;
use crate::reference::normalise_git;

/// Pages for a reviewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Links {
    /// The notes of the new release.
    pub(super) notes: Option<String>,
    /// What has changed between the two.
    pub(super) compare: String,
}

/// How a forge names its pages.
struct Pages {
    release: &'static str,
    compare: &'static str,
}

/// The pages of a change of a git tag or commit on a forge whose addresses are known.
///
/// Others have none: a chart's repository or an image's registry does not say where its sources are. A self-hosted forge is not told
/// from other servers by its name.
pub(super) fn links(site: &Site, change: &Change) -> Option<Links> {
    let base = match site.source.as_ref().ok()? {
        SourceKey::Git { url } if site.consumer == Consumer::Git => normalise_git(url),
        SourceKey::Flux => "github.com/fluxcd/flux2".to_owned(),
        _ => return None,
    };
    let (host, project) = base.split_once('/')?;
    let pages = match host {
        "github.com" => Pages { release: "releases/tag", compare: "compare" },
        "gitlab.com" => Pages { release: "-/releases", compare: "-/compare" },
        "codeberg.org" | "gitea.com" => Pages { release: "releases/tag", compare: "compare" },
        _ => return None,
    };
    let parts: Vec<&str> = project.split('/').collect();
    let is_project = if host == "gitlab.com" { parts.len() >= 2 } else { parts.len() == 2 };
    if !is_project || !parts.iter().all(|part| is_safe(part) && !part.starts_with('.')) {
        return None;
    }
    let is_flux = site.source == Ok(SourceKey::Flux);
    let name = |text: &str| {
        let tag = text.split_once('@').map_or(text, |(tag, _)| tag);
        let tag = tag.strip_prefix("refs/tags/").unwrap_or(tag);
        let tag = if is_flux && !tag.starts_with('v') { format!("v{tag}") } else { tag.to_owned() };
        let is_whole = !is_flux || tag.matches('.').count() == 2;
        (is_whole && tag.split('/').all(is_safe) && !tag.contains("..")).then_some(tag)
    };
    let is_tag = match site.part {
        Part::Tag | Part::Version | Part::Name => true,
        Part::Commit => false,
        _ => return None,
    };
    let (from, to) = (name(&change.from)?, name(&change.to)?);
    if from == to {
        return None;
    }
    Some(Links {
        notes: is_tag.then(|| format!("https://{base}/{}/{to}", pages.release)),
        compare: format!("https://{base}/{}/{from}...{to}", pages.compare),
    })
}

/// Whether a text is a part of an address as it stands, and nothing to Markdown.
fn is_safe(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::text::RepoPath;

    fn found(url: &str, part: Part, from: &str, to: &str) -> Option<(String, String)> {
        let mut plan = sample::plan();
        let site = &mut plan.sites[0];
        site.source = Ok(if url.is_empty() { SourceKey::Flux } else { SourceKey::Git { url: url.into() } });
        site.consumer = if url.is_empty() { Consumer::Flux } else { Consumer::Git };
        site.part = part;
        site.at.path = RepoPath::parse("a.yaml").unwrap();
        plan.changes[0].from = from.into();
        plan.changes[0].to = to.into();
        links(&plan.sites[0], &plan.changes[0]).map(|links| (links.notes.unwrap_or_default(), links.compare))
    }

    #[test]
    fn pages_are_named_where_they_are_certain() {
        let pair = |notes: &str, compare: &str| Some((notes.to_owned(), compare.to_owned()));
        assert_eq!(
            found("ssh://git@github.com/a/b.git", Part::Tag, "v1", "v2"),
            pair("https://github.com/a/b/releases/tag/v2", "https://github.com/a/b/compare/v1...v2")
        );
        assert_eq!(
            found("https://gitlab.com/a/b/c", Part::Name, "refs/tags/1.0", "refs/tags/1.1"),
            pair("https://gitlab.com/a/b/c/-/releases/1.1", "https://gitlab.com/a/b/c/-/compare/1.0...1.1")
        );
        assert_eq!(
            found("", Part::Version, "2.5.0", "v2.6.1"),
            pair(
                "https://github.com/fluxcd/flux2/releases/tag/v2.6.1",
                "https://github.com/fluxcd/flux2/compare/v2.5.0...v2.6.1"
            )
        );
        let (old, new) = ("a".repeat(40), "b".repeat(40));
        assert_eq!(
            found("https://codeberg.org/a/b", Part::Commit, &old, &new),
            pair("", &format!("https://codeberg.org/a/b/compare/{old}...{new}"))
        );
    }

    #[test]
    fn what_is_not_certain_has_none() {
        for (url, part, from, to) in [
            ("https://git.example.com/a/b", Part::Tag, "v1", "v2"),
            ("https://github.com/a/b", Part::Tag, "v1", "v2](javascript:x)"),
            ("https://github.com/a/b)x", Part::Tag, "v1", "v2"),
            ("https://github.com/../b", Part::Tag, "v1", "v2"),
            ("https://github.com/a", Part::Tag, "v1", "v2"),
            ("https://github.com/a/b", Part::Range, "1.x", "2.x"),
            ("", Part::Version, "2.5.x", "2.x"),
        ] {
            assert_eq!(found(url, part, from, to), None, "{url} {to}");
        }
    }
}
