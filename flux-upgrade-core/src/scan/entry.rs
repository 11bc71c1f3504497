//! What applies objects: Flux Kustomizations of this repository, and where clusters begin.

use std::collections::{BTreeMap, BTreeSet};

use super::build::Builder;
use super::{Inventory, Kind};
use crate::text::join;
use crate::yaml::Node;

/// A namespace that is a text and no variable or template.
pub(super) fn known(namespace: Option<&str>) -> Option<String> {
    let is_text = |text: &&str| ["${", "{{", "<<"].iter().all(|tag| !text.contains(tag));
    namespace.filter(is_text).map(str::to_owned)
}

pub(super) fn kustomizations(inventory: &Inventory<'_>) -> Vec<usize> {
    let all = inventory.resources.iter().enumerate();
    let objects = all.filter(|(_, resource)| resource.kind == Kind::Kustomization && !resource.is_patch);
    objects.map(|(index, _)| index).collect()
}

/// What paths with variables say: by the Flux Kustomization, the cluster, and the path as written. A Flux Kustomization with
/// such a path has each of its clusters here; what is not known is left out.
pub(super) type Filled = BTreeMap<usize, BTreeMap<Option<String>, BTreeMap<String, String>>>;

/// The path and the components of a Flux Kustomization, as written, where one has a variable.
pub(super) fn variable_paths<'d>(spec: Node<'d, '_>) -> Vec<&'d str> {
    let components = spec.get("components").and_then(Node::resolved);
    let components = components.into_iter().flat_map(Node::items).filter_map(Node::text);
    let all = spec.text_at(&["path"]).into_iter().chain(components);
    all.filter(|path| path.contains("${")).collect()
}

/// A path that something applies, and the namespace that it forces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) namespace: Option<String>,
    pub(super) components: Vec<String>,
    /// The Flux Kustomization that applies it, where one is in the files.
    pub(super) by: Option<usize>,
}

impl Entry {
    /// What the Flux Kustomization with this index applies from this repository in any of its clusters.
    pub(super) fn all(inventory: &Inventory<'_>, urls: &GitUrls, index: usize) -> BTreeSet<Self> {
        match inventory.filled.get(&index) {
            Some(clusters) => {
                let one = |cluster: &Option<String>| Self::of(inventory, urls, index, cluster.as_deref());
                clusters.keys().filter_map(one).collect()
            }
            None => Self::of(inventory, urls, index, None).into_iter().collect(),
        }
    }

    /// What the Flux Kustomization with this index applies from this repository in a cluster.
    ///
    /// Source: Kustomization spec page: `sourceRef` is required, and `path` is the root where it is absent. An object with
    /// neither is a part of one, such as a patch that no kustomization names.
    pub(super) fn of(
        inventory: &Inventory<'_>,
        urls: &GitUrls,
        index: usize,
        cluster: Option<&str>,
    ) -> Option<Self> {
        let resource = &inventory.resources[index];
        let spec = inventory.node(resource)?.get("spec")?;
        let is_part = spec.get("path").is_none() && spec.get("sourceRef").is_none();
        if is_part || is_foreign(urls, spec) {
            return None;
        }
        let clusters = inventory.filled.get(&index);
        let paths = clusters.and_then(|clusters| clusters.get(&cluster.map(str::to_owned)));
        let filled = |path: &str| {
            paths.and_then(|paths| paths.get(path)).map_or_else(|| path.to_owned(), String::clone)
        };
        let path = join("", &filled(spec.text_at(&["path"]).unwrap_or("")))?;
        let components = spec.get("components").and_then(Node::resolved);
        Some(Self {
            components: components
                .into_iter()
                .flat_map(Node::items)
                .filter_map(|item| join(&path, &filled(item.text()?)))
                .collect(),
            namespace: known(spec.text_at(&["targetNamespace"])),
            path,
            by: Some(index),
        })
    }
}

/// URLs of the GitRepositories by name.
pub(super) type GitUrls = BTreeMap<String, BTreeSet<String>>;

pub(super) fn git_urls(inventory: &Inventory<'_>) -> GitUrls {
    let mut urls = GitUrls::new();
    for resource in inventory.resources.iter().filter(|resource| resource.kind == Kind::GitRepository) {
        if let Some(url) = inventory.node(resource).and_then(|node| node.text_at(&["spec", "url"])) {
            urls.entry(resource.name.clone()).or_default().insert(url.to_owned());
        }
    }
    urls
}

/// The name that `flux bootstrap` and the Flux Operator give to the source of the repository itself.
const OWN_SOURCE: &str = "flux-system";

/// Whether a Flux Kustomization applies files of another repository or artifact than this one.
///
/// A source of another name is this repository only where nothing says otherwise: its URL is not known to differ.
fn is_foreign(urls: &GitUrls, spec: Node<'_, '_>) -> bool {
    let Some(name) = spec.text_at(&["sourceRef", "name"]).filter(|name| *name != OWN_SOURCE) else {
        return false;
    };
    if spec.text_at(&["sourceRef", "kind"]) != Some("GitRepository") {
        return true;
    }
    match (urls.get(OWN_SOURCE), urls.get(name)) {
        (Some(own), Some(other)) => own.is_disjoint(other),
        _ => false,
    }
}

/// Where clusters begin.
pub(super) fn entry_points(
    inventory: &Inventory<'_>,
    urls: &GitUrls,
    builder: &mut Builder<'_>,
) -> BTreeSet<Entry> {
    let mut entries = BTreeSet::new();
    let plain = |path: &str| {
        let path = join("", path).filter(|path| !path.contains("${"))?;
        Some(Entry { path, namespace: None, components: Vec::new(), by: None })
    };
    for resource in inventory.resources.iter().filter(|resource| !resource.is_patch) {
        let Some(spec) = inventory.node(resource).and_then(|node| node.get("spec")) else { continue };
        let path = match resource.kind {
            Kind::FluxInstance => spec.text_at(&["sync", "path"]),
            Kind::HelmRelease => spec.text_at(&["values", "instance", "sync", "path"]),
            _ => None,
        };
        entries.extend(path.and_then(plain));
    }
    for index in kustomizations(inventory) {
        let Some(entry) = Entry::of(inventory, urls, index, None) else { continue };
        let applied = builder.build(&entry.path);
        let itself = applied.range((index, None)..).next().is_some_and(|(member, _)| *member == index);
        if entry.namespace.is_none() && itself {
            entries.insert(entry);
        }
    }
    entries
}

/// Which Flux Kustomizations apply each object: numbers into [`Inventory::appliers`].
pub(super) fn appliers(
    inventory: &Inventory<'_>,
    urls: &GitUrls,
    builder: &mut Builder<'_>,
) -> (BTreeMap<String, Vec<usize>>, Vec<Vec<usize>>) {
    let mut all: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for index in kustomizations(inventory) {
        let entries = Entry::all(inventory, urls, index).into_iter();
        let paths = entries.flat_map(|entry| std::iter::once(entry.path).chain(entry.components));
        for path in paths.collect::<BTreeSet<String>>() {
            all.entry(path).or_default().push(index);
        }
    }
    let mut out = vec![Vec::new(); inventory.resources.len()];
    for (number, path) in all.keys().enumerate() {
        for (index, _) in builder.build(path).iter() {
            if out[*index].last() != Some(&number) {
                out[*index].push(number);
            }
        }
    }
    (all, out)
}
