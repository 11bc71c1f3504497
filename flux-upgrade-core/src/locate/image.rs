//! Image references in any object: whole ones, and those that stand in several fields.

use std::ops::Range;

use super::field::{Draft, Place, Text, expressions};
use super::variable::Definition;
use super::{Consumer, Here, Part, Site, SourceKey};
use crate::plan::Reason;
use crate::reference::{ImageReference, is_repository, normalise_repository};
use crate::scan::Kind;
use crate::yaml::Node;

/// Images of an object of any kind.
pub(super) fn object(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    // What a release of Flux brings moves with that release.
    if here.node.text_at(&["metadata", "labels", "app.kubernetes.io/part-of"]) == Some("flux") {
        return;
    }
    Images::new(here, None).walk(here.node, &mut here.resource.fragment.clone(), sites);
}

/// Images below one object, or below the values of a release.
pub(super) struct Images<'h, 'a, 'f> {
    here: &'h Here<'a, 'f>,
    /// Where siblings stand that a patch leaves out.
    base: Option<Base<'h, 'a, 'f>>,
}

/// The mapping that an object which is patched has at a path.
pub(super) type Base<'h, 'a, 'f> = &'h dyn Fn(&[String]) -> Option<Node<'a, 'f>>;

/// The fields of one image that stand side by side.
struct Group<'d, 'f> {
    registry: Option<&'d str>,
    repository: Option<&'d str>,
    tag: Option<(&'d str, Node<'d, 'f>)>,
    digest: Option<(&'d str, Node<'d, 'f>)>,
}

impl<'h, 'a, 'f> Images<'h, 'a, 'f> {
    pub(super) fn new(here: &'h Here<'a, 'f>, base: Option<Base<'h, 'a, 'f>>) -> Self {
        Self { here, base }
    }

    /// Every image at or below a node; `path` is where the node stands.
    pub(super) fn walk(&self, node: Node<'_, 'f>, path: &mut Vec<String>, sites: &mut Vec<Site>) {
        if node.is_mapping() {
            self.groups(node, path, sites);
            for (key, value) in node.entries() {
                let Some(name) = key.text().filter(|name| *name != "<<") else { continue };
                // What a controller reports is nobody's wish.
                let is_status =
                    path.is_empty() && name == "status" && self.here.resource.kind == Kind::Object;
                if !is_status && (is_collection(value) || names_image(name)) {
                    path.push(name.to_owned());
                    self.walk(value, path, sites);
                    path.pop();
                }
            }
        } else if node.is_sequence() {
            let is_list_of_images = path.last().is_some_and(|name| names_image(name));
            for (index, item) in node.items().enumerate() {
                if is_collection(item) || is_list_of_images {
                    path.push(index.to_string());
                    self.walk(item, path, sites);
                    path.pop();
                }
            }
        } else if node.resolved().is_some_and(|node| node.quote().is_some()) {
            self.scalar(node, path, sites);
        }
    }

    /// A scalar that is a whole reference, or a tag alone in a patch.
    fn scalar(&self, node: Node<'_, 'f>, path: &[String], sites: &mut Vec<Site>) {
        let named = path.iter().rev().find(|part| part.parse::<usize>().is_err());
        let in_list = path.last().is_some_and(|part| part.parse::<usize>().is_ok());
        let Some(key) = named.map(|name| plain(name)) else { return };
        if key.ends_with("image") && !in_list
            || key.ends_with("imagename")
            || in_list && key.ends_with("images")
        {
            sites.extend(self.whole(node, path));
        } else if path.len() == self.here.resource.fragment.len() && key.ends_with("tag") {
            // An operation of a JSON patch that sets one field: the others are in what it patches.
            sites.extend(self.lone_tag(node, path));
        }
    }

    /// The one value that goes to a path, for which everything else stands in the base.
    pub(super) fn single(&self, node: Node<'_, 'f>, path: &[String], sites: &mut Vec<Site>) {
        let Some(key) = path.last().map(|key| plain(key)) else { return };
        if key.ends_with("image") || key.ends_with("imagename") {
            sites.extend(self.whole(node, path));
        } else if key.ends_with("tag") {
            sites.extend(self.lone_tag(node, path));
        }
    }

    /// A tag whose repository stands in the base.
    fn lone_tag(&self, node: Node<'_, 'f>, path: &[String]) -> Vec<Site> {
        let Some((key, parent)) = path.split_last() else { return Vec::new() };
        let base = self.base.and_then(|base| base(parent));
        let beside = base.and_then(|base| fields(base, &stem(&plain(key)), is_image_key(parent)));
        let (registry, repository) = beside.unwrap_or_default();
        let repository = repository.filter(|repository| could_be_repository(repository));
        self.site(&Group { registry, repository, tag: Some((key, node)), digest: None }, parent)
    }

    /// A reference in one scalar, or in the variable that the scalar names.
    fn whole(&self, node: Node<'_, 'f>, path: &[String]) -> Vec<Site> {
        let Some(value) = node.text() else { return Vec::new() };
        let mut all = expressions(value);
        if let (Some(only), None) = (all.next(), all.next())
            && only.range == (0..value.len())
            && !self.here.links.is_left_alone(self.here.node)
        {
            let found = self.here.links.definitions(self.here.inventory, self.here.subject(), only.name);
            let lacking = found.lacking || found.nodes.is_empty();
            let sites = found.nodes.into_iter().filter_map(|definition| {
                let (draft, range) = self.draft(definition.node.text()?, path)?;
                let text = Text { node: definition.node, range };
                let place = self.here.defined(definition, &text, only.name)?;
                Some(self.here.site_at(node, draft, place))
            });
            let mut sites: Vec<Site> = sites.collect();
            let default = only.default.filter(|_| lacking);
            if let Some((default, (draft, range))) =
                default.and_then(|default| Some((default.clone(), self.draft(&value[default], path)?)))
            {
                let range = default.start + range.start..default.start + range.end;
                sites.extend(self.here.sites(&Text { node, range }, |_| draft.clone()));
            }
            return sites;
        }
        let Some((draft, range)) = self.draft(value, path) else { return Vec::new() };
        self.here.sites(&Text { node, range }, |_| draft.clone())
    }

    /// What a whole reference is as a site, and the bytes of it that move.
    fn draft(&self, value: &str, path: &[String]) -> Option<(Draft, Range<usize>)> {
        let image = ImageReference::parse(value)?;
        let (part, range) = moving(&image)?;
        Some((self.here.image(dotted(path), part, &value[image.repository]), range))
    }

    /// Images whose parts are fields of one mapping.
    fn groups(&self, mapping: Node<'_, 'f>, path: &[String], sites: &mut Vec<Site>) {
        let in_image = is_image_key(path);
        for (key, _) in mapping.entries() {
            let Some(key) = key.text().filter(|key| ends_with_any(key, &["tag", "version", "digest"])) else {
                continue;
            };
            let name = plain(key);
            let is_tag = name.ends_with("tag") || in_image && name == "version";
            let is_digest = in_image
                && name == "digest"
                && mapping.get("tag").and_then(Node::text).is_none_or(str::is_empty);
            if !is_tag && !is_digest {
                continue;
            }
            let Some(mut group) = group(mapping, key, in_image) else { continue };
            if group.repository.is_none() && self.base.is_some() {
                let base = self.base.and_then(|base| base(path));
                let base = base.and_then(|base| fields(base, &stem(&name), in_image));
                group.registry = group.registry.or(base.as_ref().and_then(|base| base.0));
                group.repository = base.and_then(|base| base.1);
            }
            if group.repository.is_some() || in_image {
                sites.extend(self.site(&group, path));
            }
        }
    }

    fn site(&self, group: &Group<'_, 'f>, path: &[String]) -> Vec<Site> {
        let field = |key: &str| format!("{}.{key}", dotted(path));
        let repository = group.repository.filter(|repository| !repository.is_empty());
        let repository = match (group.registry.filter(|registry| !registry.is_empty()), repository) {
            (Some(registry), Some(repository)) if !has_host(repository) => {
                Some(format!("{}/{repository}", registry.trim_end_matches('/')))
            }
            (_, repository) => repository.map(str::to_owned),
        };
        let draft = |key: &str, part| match &repository {
            Some(repository) => self.here.image(field(key), part, repository),
            None => Draft {
                source: Err(Reason::SourceNotFound { source: "repository for this tag".to_owned() }),
                ..self.here.image(field(key), part, "")
            },
        };
        match (group.tag, group.digest) {
            // A tag that repeats an anchor, of a repository that only the chart knows, moves with the anchor.
            (Some((_, tag)), _) if repository.is_none() && tag.is_alias() => Vec::new(),
            // A tag that has its digest inside moves with that one.
            (Some((key, tag)), Some((_, digest))) if !tag.text().is_some_and(|tag| tag.contains('@')) => {
                let site = self.here.site(tag, draft(key, Part::Tag));
                site.map(|site| self.here.with_digest(site, digest)).into_iter().collect()
            }
            (Some((key, tag)), _) => self.here.sites(&Text::whole(tag), |_| draft(key, Part::Tag)),
            (None, Some((key, digest))) => {
                self.here.sites(&Text::whole(digest), |_| draft(key, Part::Digest))
            }
            (None, None) => Vec::new(),
        }
    }
}

impl<'f> Here<'_, 'f> {
    /// The site of an `oci://` address, or of an image reference with or without that scheme.
    pub(super) fn address(&self, node: Node<'_, 'f>, field: String) -> Vec<Site> {
        let Some(text) = node.text() else { return Vec::new() };
        let bare = text.strip_prefix("oci://").unwrap_or(text);
        let skipped = text.len() - bare.len();
        let Some(image) = ImageReference::parse(bare) else { return Vec::new() };
        let Some((part, range)) = moving(&image) else { return Vec::new() };
        let draft = self.image(field, part, &bare[image.repository]);
        self.sites(&Text { node, range: range.start + skipped..range.end + skipped }, |_| draft.clone())
    }

    /// The draft of an image's tag or digest.
    pub(super) fn image(&self, field: String, part: Part, repository: &str) -> Draft {
        let source = self.expand(repository).and_then(|repository| match is_repository(&repository) {
            true => Ok(SourceKey::Oci { repository: normalise_repository(&repository) }),
            false => {
                Err(Reason::SourceUnsupported { detail: format!("`{repository}` is no image repository") })
            }
        });
        Draft { field, part, consumer: Consumer::Image, source, source_at: None, source_url: None }
    }

    /// A part of the scalar that defines a variable.
    pub(super) fn defined(
        &self,
        definition: Definition<'_, 'f>,
        text: &Text<'_, 'f>,
        variable: &str,
    ) -> Option<Place> {
        let all = text.node.text()?;
        let frame = super::Frame {
            before: all[..text.range.start].to_owned(),
            after: all[text.range.end..].to_owned(),
            ..super::Frame::default()
        };
        let place =
            self.place(definition.document, text.node, &all[text.range.clone()], frame, Some(variable));
        place.map(|place| place.held_by(definition.holder))
    }
}

/// The part of a reference that moves: tag and digest together, or the one that is there.
pub(super) fn moving(image: &ImageReference) -> Option<(Part, Range<usize>)> {
    Some(match (image.tag.clone(), image.digest.clone()) {
        (Some(tag), Some(digest)) => (Part::Tag, tag.start..digest.end),
        (Some(tag), None) => (Part::Tag, tag),
        (None, Some(digest)) => (Part::Digest, digest),
        (None, None) => return None,
    })
}

/// The image that a tag or digest under `key` belongs to; `None` where the text is no tag or digest of an image.
fn group<'d, 'f>(mapping: Node<'d, 'f>, key: &'d str, in_image: bool) -> Option<Group<'d, 'f>> {
    let name = plain(key);
    let value = mapping.get(key)?;
    let text = value.text().filter(|text| !text.is_empty())?;
    let stem = stem(&name);
    let (registry, repository) = fields(mapping, &stem, in_image)?;
    if repository.is_some_and(|repository| !could_be_repository(repository)) {
        return None;
    }
    let is_digest = |node: &Node<'d, 'f>| node.text().is_some_and(|text| text.starts_with("sha256:"));
    if name.ends_with("digest") {
        let digest = Some((key, value)).filter(|_| text.starts_with("sha256:"))?;
        return Some(Group { registry, repository, tag: None, digest: Some(digest) });
    }
    let digest = by_name(mapping, &[format!("{stem}digest"), format!("{stem}sha"), format!("{stem}sha256")]);
    let digest = digest.filter(|(_, node)| is_digest(node));
    Some(Group { registry, repository, tag: Some((key, value)), digest })
}

/// Registry and repository beside a tag whose key begins with `stem`.
///
/// Charts write `repository` beside `tag`, `imageRepository` beside `imageTag`, `image` beside `imageTag` or `tag`, and
/// `name` beside `tag` inside an `image`.
fn fields<'d, 'f>(
    mapping: Node<'d, 'f>,
    stem: &str,
    in_image: bool,
) -> Option<(Option<&'d str>, Option<&'d str>)> {
    let own = |suffix: &str| format!("{stem}{suffix}");
    let mut names =
        vec![own("repository"), own("repo"), own("imagerepository"), own("image"), own("imagename")];
    if stem.ends_with("image") {
        names.extend([stem.to_owned(), own("name")]);
    }
    if stem.is_empty() && in_image {
        names.push("name".to_owned());
    }
    let text = |names: &[String]| by_name(mapping, names).and_then(|(_, node)| node.text());
    Some((text(&[own("registry"), own("imageregistry"), "registry".to_owned()]), text(&names)))
}

/// The first of some keys that holds a text, whatever case and dashes it is written with.
fn by_name<'d, 'f>(mapping: Node<'d, 'f>, names: &[String]) -> Option<(&'d str, Node<'d, 'f>)> {
    names.iter().find_map(|name| {
        let mut all = mapping.entries().filter_map(|(key, value)| Some((key.text()?, value)));
        all.find(|(key, value)| value.text().is_some_and(|text| !text.is_empty()) && plain(key) == *name)
    })
}

fn stem(name: &str) -> String {
    let cut = ["tag", "digest"].into_iter().find_map(|end| name.strip_suffix(end));
    cut.unwrap_or("").to_owned()
}

/// A repository without a tag; `https://…` and the like are none.
fn could_be_repository(text: &str) -> bool {
    ImageReference::parse(text).is_some_and(|image| image.tag.is_none() && image.digest.is_none())
}

fn has_host(repository: &str) -> bool {
    repository.split_once('/').is_some_and(|(host, _)| host.contains(['.', ':']) || host == "localhost")
}

/// Whether the mapping at a path is an image: its key says so.
fn is_image_key(path: &[String]) -> bool {
    path.last().is_some_and(|key| ends_with_any(key, &["image"]))
}

fn is_collection(node: Node<'_, '_>) -> bool {
    node.is_mapping() || node.is_sequence()
}

/// Whether a key can hold a whole reference, or a list of them.
fn names_image(key: &str) -> bool {
    ends_with_any(key, &["image", "imagename", "images"])
}

/// Whether a key ends with one of some words of lower case, whatever case and dashes it is written with.
fn ends_with_any(key: &str, words: &[&str]) -> bool {
    words.iter().any(|word| {
        let mut letters =
            key.bytes().rev().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
        word.bytes().rev().all(|byte| letters.next() == Some(byte))
    })
}

/// A key in lower case without dashes and underscores: `imageTag`, `image_tag` and `IMAGE-TAG` are one style.
fn plain(key: &str) -> String {
    key.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect()
}

/// `spec.containers[0].image`.
pub(super) fn dotted(path: &[String]) -> String {
    let mut out = String::new();
    for part in path {
        if part.parse::<usize>().is_ok() {
            out.push_str(&format!("[{part}]"));
        } else {
            if !out.is_empty() {
                out.push('.');
            }
            out.push_str(part);
        }
    }
    out
}
