//! Keys that name the parts of an image, whatever case and dashes they are written with, and the fields beside a tag.

use std::collections::BTreeMap;

use crate::reference::ImageReference;
use crate::yaml::Node;

/// The fields of a mapping by their plain keys; of several, the first that has a text.
pub(super) struct Fields<'d, 'f>(BTreeMap<String, (&'d str, Node<'d, 'f>)>);

/// What stands beside a tag and says which image it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Side<'d> {
    pub(super) registry: Option<&'d str>,
    pub(super) repository: Option<&'d str>,
}

impl Side<'_> {
    /// The whole name of the image's repository, as far as it is there.
    pub(super) fn address(&self) -> Option<String> {
        let repository = self.repository.filter(|repository| !repository.is_empty())?;
        Some(match self.registry.filter(|registry| !registry.is_empty()) {
            Some(registry) if !has_host(repository) => {
                format!("{}/{repository}", registry.trim_end_matches('/'))
            }
            _ => repository.to_owned(),
        })
    }
}

fn has_host(repository: &str) -> bool {
    repository.split_once('/').is_some_and(|(host, _)| host.contains(['.', ':']) || host == "localhost")
}

impl<'d, 'f> Fields<'d, 'f> {
    pub(super) fn of(mapping: Node<'d, 'f>) -> Self {
        let mut fields = BTreeMap::new();
        for (key, value) in mapping.entries() {
            if let Some(key) = key.text()
                && value.text().is_some_and(|text| !text.is_empty())
            {
                fields.entry(plain(key)).or_insert((key, value));
            }
        }
        Self(fields)
    }

    /// The first of some keys that holds a text.
    pub(super) fn first(&self, names: &[String]) -> Option<(&'d str, Node<'d, 'f>)> {
        names.iter().find_map(|name| self.0.get(name).copied())
    }

    /// Registry and repository beside a tag whose key begins with `stem`.
    ///
    /// Charts write `repository` beside `tag`, `imageRepository` beside `imageTag`, `image` beside `imageTag` or `tag`,
    /// and `name` beside `tag` inside an `image`.
    pub(super) fn side(&self, stem: &str, in_image: bool) -> Side<'d> {
        let own = |suffix: &str| format!("{stem}{suffix}");
        let mut names =
            vec![own("repository"), own("repo"), own("imagerepository"), own("image"), own("imagename")];
        if stem.ends_with("image") {
            names.extend([stem.to_owned(), own("name")]);
        }
        if stem.is_empty() && in_image {
            names.push("name".to_owned());
        }
        let text = |names: &[String]| self.first(names).and_then(|(_, node)| node.text());
        let registry = text(&[own("registry"), own("imageregistry"), "registry".to_owned()]);
        Side { registry, repository: text(&names) }
    }
}

/// What stands before `tag` or `digest` in a plain key.
pub(super) fn stem(name: &str) -> String {
    let cut = ["tag", "digest"].into_iter().find_map(|end| name.strip_suffix(end));
    cut.unwrap_or("").to_owned()
}

/// A repository without a tag; `https://…` and the like are none.
pub(super) fn could_be_repository(text: &str) -> bool {
    ImageReference::parse(text).is_some_and(|image| image.tag.is_none() && image.digest.is_none())
}

/// Whether the mapping at a path is an image: its key says so.
pub(super) fn is_image_key(path: &[String]) -> bool {
    path.last().is_some_and(|key| ends_with_any(key, &["image"]))
}

/// Whether a key can hold a whole reference, or a list of them.
pub(super) fn names_image(key: &str) -> bool {
    ends_with_any(key, &["image", "imagename", "images"])
}

/// Whether a key ends with one of some words of lower case.
pub(super) fn ends_with_any(key: &str, words: &[&str]) -> bool {
    words.iter().any(|word| {
        let mut letters =
            key.bytes().rev().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
        word.bytes().rev().all(|byte| letters.next() == Some(byte))
    })
}

/// A key in lower case without dashes and underscores: `imageTag`, `image_tag` and `IMAGE-TAG` are one style.
pub(super) fn plain(key: &str) -> String {
    key.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect()
}
