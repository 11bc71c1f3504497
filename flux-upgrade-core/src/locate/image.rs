//! Image references in any object: whole ones, and those that stand in several fields.

use std::ops::Range;

use super::field::{Draft, Place, Text, expressions};
use super::keys::{Fields, Side, could_be_repository, ends_with_any, is_image_key, names_image, plain, stem};
use super::link;
use super::variable::Definition;
use super::{Consumer, Here, Part, Site, SourceKey};
use crate::flux::Component;
use crate::plan::{MOST_NAMED, Reason};
use crate::reference::{ImageReference, is_repository, normalise_repository, without_login};
use crate::scan::{Kind, Resource};
use crate::version::Version;
use crate::yaml::Node;

/// Images of an object of any kind.
pub(super) fn object(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    let first = sites.len();
    Images::new(here, None).walk(here.node, &mut here.resource.fragment.clone(), sites);
    // What a release of Flux brings moves with that release.
    if is_of_release(here) {
        sites[first..].iter_mut().for_each(|site| site.blocked = Some(Reason::Generated));
    }
}

/// Whether an object is a controller as a release of Flux brings it. The label alone tells nothing: anybody may have it.
///
/// Source: fluxcd/flux2 `pkg/manifestgen/install/templates.go`: name of the Deployment, labels `part-of` and `version`.
fn is_of_release(here: &Here<'_, '_>) -> bool {
    let label = |name: &str| here.node.text_at(&["metadata", "labels", &format!("app.kubernetes.io/{name}")]);
    here.resource.kind_name == "Deployment"
        && Component::named(&here.resource.name).is_some()
        && label("part-of") == Some("flux")
        && label("version").is_some_and(|version| Version::parse(version).is_ok())
}

/// Images in the inputs of a ResourceSet: whole references, whatever takes them.
pub(super) fn inputs(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    if let Some(inputs) = here.at(&["spec", "inputs"]) {
        Images::new(here, None).walk(inputs, &mut vec!["spec".to_owned(), "inputs".to_owned()], sites);
    }
}

/// Images below one object, or below the values of a release.
pub(super) struct Images<'h, 'a, 'f> {
    here: &'h Here<'a, 'f>,
    /// Where siblings stand that a patch leaves out.
    base: Option<Base<'h, 'a, 'f>>,
}

/// The mappings that the objects which are patched have at a path.
pub(super) type Base<'h, 'a, 'f> = &'h dyn Fn(&[String]) -> Vec<(&'a Resource, Node<'a, 'f>)>;

/// The fields of one image that stand side by side.
struct Group<'d, 'f> {
    /// What says which image it is, or why that is not known.
    side: Result<Side<'d>, Reason>,
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
            sites.extend(self.whole(&Text::whole(node), path));
        } else if path.len() == self.here.resource.fragment.len() && key.ends_with("tag") {
            // An operation of a JSON patch that sets one field: the others are in what it patches.
            sites.extend(self.lone_tag(&Text::whole(node), path));
        }
    }

    /// The one value that goes to a path, for which everything else stands in the base.
    pub(super) fn single(&self, text: &Text<'_, 'f>, path: &[String], sites: &mut Vec<Site>) {
        let Some(key) = path.last().map(|key| plain(key)) else { return };
        if key.ends_with("image") || key.ends_with("imagename") {
            sites.extend(self.whole(text, path));
        } else if key.ends_with("tag") {
            sites.extend(self.lone_tag(text, path));
        }
    }

    /// A tag whose repository stands in the base.
    fn lone_tag(&self, text: &Text<'_, 'f>, path: &[String]) -> Vec<Site> {
        let Some((key, parent)) = path.split_last() else { return Vec::new() };
        let side = self.beside(parent, &stem(&plain(key)));
        let side = side.map(|side| Side {
            repository: side.repository.filter(|repository| could_be_repository(repository)),
            ..side
        });
        // A tag that repeats an anchor, of a repository that only the chart knows, moves with the anchor.
        if text.node.is_alias() && side.as_ref().map_or(true, |side| side.repository.is_none()) {
            return Vec::new();
        }
        let draft = self.draft_of(&side, key, Part::Tag, parent);
        self.here.sites(text, |_| draft.clone())
    }

    /// What all objects that are patched say beside a tag whose key begins with `stem`; nothing where none has it.
    fn beside(&self, path: &[String], stem: &str) -> Result<Side<'a>, Reason> {
        let bases = self.base.map(|base| base(path)).unwrap_or_default().into_iter();
        let is_image = is_image_key(path);
        let sides = bases.filter_map(|(at, base)| {
            let side = Fields::of(base).side(stem, is_image);
            (side != Side::default()).then_some((side, at))
        });
        let sides: Vec<(Side<'a>, &Resource)> = sides.collect();
        let Some((first, _)) = sides.first() else { return Ok(Side::default()) };
        if sides.iter().all(|(side, _)| side == first) {
            return Ok(*first);
        }
        let named = sides.iter().take(MOST_NAMED);
        Err(Reason::Ambiguous {
            sources: named.map(|(_, at)| link::describe(self.here.inventory, at)).collect(),
        })
    }

    /// A reference in one scalar, or in the variable that the scalar names.
    fn whole(&self, text: &Text<'_, 'f>, path: &[String]) -> Vec<Site> {
        let Some(value) = text.value() else { return Vec::new() };
        let (node, start) = (text.node, text.range.start);
        let part = |range: Range<usize>| Text { node, range: start + range.start..start + range.end };
        let mut all = expressions(value);
        if let (Some(only), None) = (all.next(), all.next())
            && only.range == (0..value.len())
            && !self.here.links.is_left_alone(self.here.node)
        {
            let found = self.here.links.definitions(self.here.inventory, self.here.subject(), only.name);
            let lacking = found.lacking || found.nodes.is_empty();
            let sites = found.nodes.into_iter().filter_map(|definition| {
                let (draft, repository, range) = self.draft(definition.text()?, path)?;
                let first = definition.range.start;
                let text = Text { node: definition.node, range: first + range.start..first + range.end };
                let place = self.here.defined(definition, &text, only.name)?;
                Some(self.here.narrowed(self.here.site_at(node, draft, place), repository))
            });
            let mut sites: Vec<Site> = sites.collect();
            let default = only.default.filter(|_| lacking);
            if let Some((default, (draft, repository, range))) =
                default.and_then(|default| Some((default.clone(), self.draft(&value[default], path)?)))
            {
                let text = part(default.start + range.start..default.start + range.end);
                sites.extend(self.here.image_sites(&text, &draft, repository));
            }
            return sites;
        }
        if self.here.resource.within.is_some() && value.contains("<<") {
            return self.templated(text, value, path);
        }
        let Some((draft, repository, range)) = self.draft(value, path) else { return Vec::new() };
        self.here.image_sites(&part(range), &draft, repository)
    }

    /// A reference that a template of a ResourceSet makes: its tag is an input, or all of it is; else it is held.
    fn templated(&self, text: &Text<'_, 'f>, value: &str, path: &[String]) -> Vec<Site> {
        let expression = super::input::only(value);
        let tag = expression.as_ref().filter(|only| only.after.is_empty() && only.before.ends_with(':'));
        if let Some(only) = tag {
            let repository = &only.before[..only.before.len() - 1];
            let draft = self.here.image(dotted(path), Part::Tag, repository);
            let range = text.range.start + only.before.len()..text.range.end;
            return self.here.sites(&Text { range, ..text.clone() }, |_| draft.clone());
        }
        let whole = expression.as_ref().filter(|only| only.before.is_empty() && only.after.is_empty());
        if let Some((there, input)) = whole.and_then(|only| self.here.input_at(only.name))
            && let Some((draft, _, range)) = input.text().and_then(|text| self.draft(text, path))
        {
            return there.sites(&Text { node: input, range }, |_| draft.clone());
        }
        let draft = Draft { source: Err(Reason::Templated), ..self.here.image(dotted(path), Part::Tag, "") };
        self.here.sites(text, |_| draft.clone())
    }

    /// What a whole reference is as a site, its repository, and the bytes of it that move.
    fn draft<'v>(&self, value: &'v str, path: &[String]) -> Option<(Draft, &'v str, Range<usize>)> {
        let image = ImageReference::parse(value)?;
        let (part, range) = moving(&image)?;
        let repository = &value[image.repository];
        Some((self.here.image(dotted(path), part, repository), repository, range))
    }

    /// Images whose parts are fields of one mapping.
    fn groups(&self, mapping: Node<'_, 'f>, path: &[String], sites: &mut Vec<Site>) {
        let in_image = is_image_key(path);
        let mut fields = None;
        for (key, value) in mapping.entries() {
            let Some(key) = key.text().filter(|key| ends_with_any(key, &["tag", "version", "digest"])) else {
                continue;
            };
            let name = plain(key);
            let fields = fields.get_or_insert_with(|| Fields::of(mapping));
            let is_tag = name.ends_with("tag") || in_image && name == "version";
            let is_digest = in_image && name == "digest" && fields.first(&["tag".to_owned()]).is_none();
            if !is_tag && !is_digest {
                continue;
            }
            let Some(mut group) = group(fields, (key, value), in_image) else { continue };
            let side = group.side.clone().unwrap_or_default();
            if side.repository.is_none() && self.base.is_some() {
                group.side = self.beside(path, &stem(&name)).map(|base| Side {
                    registry: side.registry.or(base.registry),
                    repository: base.repository,
                });
            }
            if in_image || !matches!(group.side, Ok(Side { repository: None, .. })) {
                sites.extend(self.site(&group, path));
            }
        }
    }

    /// What a tag or digest under a key of the mapping at `path` is as a site, by what stands beside it.
    fn draft_of(&self, side: &Result<Side<'_>, Reason>, key: &str, part: Part, path: &[String]) -> Draft {
        let field = format!("{}.{key}", dotted(path));
        let repository = side.as_ref().ok().and_then(Side::address);
        match repository {
            Some(repository) => self.here.image(field, part, &repository),
            None => Draft {
                source: Err(side.clone().err().unwrap_or_else(|| Reason::SourceNotFound {
                    source: "repository for this tag".to_owned(),
                })),
                ..self.here.image(field, part, "")
            },
        }
    }

    fn site(&self, group: &Group<'_, 'f>, path: &[String]) -> Vec<Site> {
        let draft = |key: &str, part| self.draft_of(&group.side, key, part, path);
        let address = group.side.as_ref().ok().and_then(Side::address).unwrap_or_default();
        let whole = |node, draft: Draft| self.here.image_sites(&Text::whole(node), &draft, &address);
        let is_known =
            group.side.as_ref().is_ok_and(|side| side.repository.is_some_and(|one| !one.is_empty()));
        match (group.tag, group.digest) {
            // A tag that repeats an anchor, of a repository that only the chart knows, moves with the anchor.
            (Some((_, tag)), _) if !is_known && tag.is_alias() => Vec::new(),
            // A tag that has its digest inside moves with that one.
            (Some((key, tag)), Some((_, digest))) if !tag.text().is_some_and(|tag| tag.contains('@')) => {
                let site = self.here.site(tag, draft(key, Part::Tag));
                site.map(|site| self.here.with_digest(site, digest)).into_iter().collect()
            }
            (Some((key, tag)), _) => whole(tag, draft(key, Part::Tag)),
            (None, Some((key, digest))) => whole(digest, draft(key, Part::Digest)),
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
        let source = self.expand(repository).and_then(|repository| image_source(&repository));
        Draft { field, part, consumer: Consumer::Image, source, source_at: None, source_url: None }
    }

    /// The sites of an image's tag or digest, each with its repository.
    fn image_sites(&self, text: &Text<'_, 'f>, draft: &Draft, repository: &str) -> Vec<Site> {
        let sites = self.sites(text, |_| draft.clone()).into_iter();
        sites.map(|site| self.narrowed(site, repository)).collect()
    }

    /// The same site with its repository as its own clusters have it, where not all clusters of the object agree on that.
    fn narrowed(&self, mut site: Site, repository: &str) -> Site {
        let is_open = matches!(site.source, Err(Reason::Substituted { .. }));
        if is_open && !site.clusters.is_empty() && self.resource.within.is_none() {
            let clusters: Vec<&str> = site.clusters.iter().map(String::as_str).collect();
            let filled = self.links.expand_for(self.inventory, self.resource, &clusters, repository);
            site.source = filled.and_then(|repository| image_source(&repository));
        }
        site
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

/// The registry's repository of an image, by its name without variables.
fn image_source(repository: &str) -> Result<SourceKey, Reason> {
    match is_repository(repository) {
        true => Ok(SourceKey::Oci { repository: normalise_repository(repository) }),
        false => {
            let shown = without_login(repository);
            Err(Reason::SourceUnsupported { detail: format!("`{shown}` is no image repository") })
        }
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
fn group<'d, 'f>(
    fields: &Fields<'d, 'f>,
    (key, value): (&'d str, Node<'d, 'f>),
    in_image: bool,
) -> Option<Group<'d, 'f>> {
    let name = plain(key);
    let text = value.text().filter(|text| !text.is_empty())?;
    let stem = stem(&name);
    let side = fields.side(&stem, in_image);
    if side.repository.is_some_and(|repository| !could_be_repository(repository)) {
        return None;
    }
    let is_digest = |node: &Node<'d, 'f>| node.text().is_some_and(|text| text.starts_with("sha256:"));
    if name.ends_with("digest") {
        let digest = Some((key, value)).filter(|_| text.starts_with("sha256:"))?;
        return Some(Group { side: Ok(side), tag: None, digest: Some(digest) });
    }
    let digest = fields.first(&[format!("{stem}digest"), format!("{stem}sha"), format!("{stem}sha256")]);
    let digest = digest.filter(|(_, node)| is_digest(node));
    Some(Group { side: Ok(side), tag: Some((key, value)), digest })
}

fn is_collection(node: Node<'_, '_>) -> bool {
    node.is_mapping() || node.is_sequence()
}

/// `spec.containers[0].image`.
pub(crate) fn dotted(path: &[String]) -> String {
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
