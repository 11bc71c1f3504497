//! What a `# renovate:` comment says.
//!
//! Source: the comment form of Renovate's documented presets for regular expressions,
//! `# renovate: datasource=… depName=… [packageName=…] [registryUrl=…] [branch=…]`, and `# renovate: tag=…` behind a commit.

use super::helm::published;
use super::{Consumer, SourceKey};
use crate::plan::Reason;
use crate::text::Span;

/// The words of a comment.
pub(super) struct Words<'t> {
    text: &'t str,
    /// Where `text` begins in the file.
    start: usize,
}

/// Where versions are published.
pub(super) struct Found {
    pub(super) source: SourceKey,
    pub(super) consumer: Consumer,
    pub(super) url: Option<String>,
}

impl<'t> Words<'t> {
    /// Reads a comment of a text; `None` where it is another one.
    pub(super) fn read(text: &'t str, comment: Span) -> Option<Self> {
        let all = comment.of(text);
        let words = all.trim_start_matches('#').trim_start().strip_prefix("renovate:")?;
        Some(Self { text: words, start: comment.end - words.len() })
    }

    /// The value of `KEY=VALUE`, without quotes.
    pub(super) fn word(&self, key: &str) -> Option<&'t str> {
        self.text
            .split_whitespace()
            .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
            .map(|word| word.trim_matches(['"', '\'']))
    }

    /// The place of the tag in `tag=TAG`.
    pub(super) fn tag(&self) -> Option<Span> {
        let tag = self.word("tag").filter(|tag| !tag.is_empty())?;
        let start = self.start + (tag.as_ptr() as usize - self.text.as_ptr() as usize);
        Some(Span::new(start, start + tag.len()))
    }

    /// Where the versions are published; `None` where the comment does not say.
    ///
    /// # Errors
    ///
    /// [`Reason::SourceUnsupported`] where it names what is not asked.
    pub(super) fn found(&self) -> Option<Result<Found, Reason>> {
        let names = ["packageName", "lookupName", "depName", "chart", "image"];
        let name = names.into_iter().find_map(|key| self.word(key))?;
        let git = |url: String| {
            Ok(Found { source: SourceKey::Git { url }, consumer: Consumer::Comment, url: None })
        };
        Some(match self.word("datasource")? {
            "docker" => self.image(name),
            "helm" => self.chart(name),
            "github-releases" | "github-tags" | "github-release-attachments" => {
                git(format!("https://github.com/{name}"))
            }
            "git-refs" | "git-tags" if name.contains("://") => git(name.to_owned()),
            "git-refs" | "git-tags" => git(format!("https://github.com/{name}")),
            other => Err(unsupported(format!("the comment's datasource {other} is not one that is read"))),
        })
    }

    fn image(&self, name: &str) -> Result<Found, Reason> {
        let repository = match self.word("registryUrl") {
            Some(url) => {
                let host = url.split_once("://").map_or(url, |(_, host)| host).trim_end_matches('/');
                if name.starts_with(host) { name.to_owned() } else { format!("{host}/{name}") }
            }
            None => name.to_owned(),
        };
        let source = SourceKey::registry(&repository)?;
        Ok(Found { source, consumer: Consumer::Image, url: None })
    }

    fn chart(&self, name: &str) -> Result<Found, Reason> {
        let Some(url) = self.word("registryUrl") else {
            return Err(unsupported(format!("the comment names no registryUrl for the chart {name}")));
        };
        let (source, consumer, _, url) = published(url, name, url.starts_with("oci://"))?;
        Ok(Found { source, consumer, url: Some(url) })
    }
}

fn unsupported(detail: String) -> Reason {
    Reason::SourceUnsupported { detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Option<Words<'_>> {
        Words::read(text, Span::new(0, text.len()))
    }

    #[test]
    fn a_comment_names_its_source() {
        for (text, source) in [
            ("# renovate: datasource=docker depName=redis", "oci://docker.io/library/redis"),
            ("# renovate: datasource=docker depName=a/b registryUrl=https://ghcr.io", "oci://ghcr.io/a/b"),
            ("#renovate: datasource=github-tags depName=x packageName=a/b", "https://github.com/a/b"),
            (
                "# renovate: datasource=git-refs depName=https://git.example.com/a/b",
                "https://git.example.com/a/b",
            ),
            (
                "# renovate: datasource=helm registryUrl=https://charts.example.com chart=app",
                "https://charts.example.com app",
            ),
        ] {
            let found = words(text).unwrap().found().unwrap().unwrap();
            assert_eq!(found.source.to_string(), source, "{text}");
        }
    }

    #[test]
    fn what_is_not_asked_is_said_so_and_sentences_say_nothing() {
        for text in ["# renovate: datasource=pypi depName=x", "# renovate: datasource=helm depName=x"] {
            assert!(matches!(words(text).unwrap().found(), Some(Err(_))), "{text}");
        }
        for text in ["# renovate: keep this", "# renovate: registryUrl=https://charts.example.com chart=app"]
        {
            assert!(words(text).unwrap().found().is_none(), "{text}");
        }
        assert!(words("# see renovate: datasource=docker depName=x").is_none());
    }

    #[test]
    fn the_place_of_a_tag() {
        let text = "  # renovate: etag=v4.0.2 tag=v4.0.2 # more";
        let words = Words::read(text, Span::new(2, text.len())).unwrap();
        assert_eq!(words.tag().unwrap(), Span::new(30, 36));
    }
}
