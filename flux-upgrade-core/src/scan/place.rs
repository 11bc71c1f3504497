//! Where objects go: which clusters apply them, and the namespace that they really get.
//!
//! The namespace is the Flux Kustomization's `targetNamespace`, else the outermost kustomize `namespace:`, else
//! `metadata.namespace` (kustomize-controller, kustomize namespace transformer). Clusters begin at entry points: a Flux
//! Kustomization that applies itself (`gotk-sync.yaml`), or what a FluxInstance syncs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use super::build::{Builder, Changes};
use super::patch::{Patch, fragments, settle};
use super::target::Target;
use super::{Inventory, Kind, generator};
use crate::text::join;
use crate::yaml::Node;

/// A place that an object goes to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placement {
    /// The entry point's path, which names the cluster; none where no entry point reaches the object.
    pub cluster: Option<String>,
    /// The namespace, none where the files do not tell.
    pub namespace: Option<String>,
}

impl Placement {
    /// Whether an object there is applied by the same cluster, which both are known to belong to.
    pub(crate) fn shares_cluster(&self, there: &Self) -> bool {
        self.cluster.is_some() && self.cluster == there.cluster
    }

    /// Whether an object here can refer to one there: unknown matches anything.
    pub(crate) fn sees(&self, namespace: Option<&str>, there: &Self) -> bool {
        let cluster = match (&self.cluster, &there.cluster) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        let namespace = match (namespace, &there.namespace) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        cluster && namespace
    }
}

/// Fills in the placements of every resource.
pub(super) fn place(inventory: &mut Inventory<'_>) {
    for index in patch_files(inventory) {
        inventory.resources[index].is_patch = true;
    }
    patches_in_files(inventory);
    let urls = &git_urls(inventory);
    let mut builder = Builder::new(inventory);
    let targets = targets(inventory, urls, &mut builder);
    let changes = Changes::new(inventory, &targets);
    let mut placed = Placed {
        placements: vec![BTreeSet::new(); inventory.resources.len()],
        reached: BTreeSet::new(),
        chains: BTreeMap::new(),
    };
    let mut has_clusters = false;
    for entry in entry_points(inventory, urls, &mut builder) {
        has_clusters = true;
        let cluster = Some(entry.path.clone());
        let queue = VecDeque::from([entry]);
        follow(inventory, urls, (&mut builder, &changes), queue, cluster.as_deref(), &mut placed);
    }
    let rest = kustomizations(inventory).into_iter().filter(|index| !placed.reached.contains(index));
    let rest: VecDeque<Entry> = rest.filter_map(|index| Entry::of(inventory, urls, index)).collect();
    follow(inventory, urls, (&mut builder, &changes), rest, None, &mut placed);
    unreached(inventory, (&mut builder, &changes), &mut placed);
    let Placed { mut placements, chains, .. } = placed;
    for Selected { patch, by, selected, .. } in &targets {
        let Some(by) = by else { continue };
        // A patch of a Flux Kustomization goes where the objects go that it changes, in the clusters of its own.
        let clusters: BTreeSet<Option<String>> =
            placements[*by].iter().map(|placement| placement.cluster.clone()).collect();
        let all = selected.iter().flat_map(|index| &placements[*index]);
        let own: BTreeSet<Placement> =
            all.filter(|placement| clusters.contains(&placement.cluster)).cloned().collect();
        for part in parts(inventory, *patch).into_iter().filter(|_| !own.is_empty()) {
            placements[part].clone_from(&own);
        }
    }
    let generators = generator::name(inventory, &mut builder, &component_users(inventory, urls));
    let (appliers, mut applied) = appliers(inventory, urls, &mut builder);
    for Selected { patch, of, .. } in &targets {
        let paths = of.iter().filter_map(|by| Some(Entry::of(inventory, urls, *by)?.path));
        let paths: BTreeSet<String> = paths.collect();
        for part in parts(inventory, *patch) {
            applied[part]
                .extend(paths.iter().filter_map(|path| appliers.keys().position(|known| known == path)));
        }
    }
    let appliers: Vec<Vec<usize>> = appliers.into_values().collect();
    inventory.generators = generators;
    inventory.has_clusters = has_clusters;
    inventory.appliers = appliers;
    inventory.chains = chains;
    for (resource, by) in inventory.resources.iter_mut().zip(applied) {
        resource.applied_by = by;
    }
    for (resource, placed) in inventory.resources.iter_mut().zip(placements) {
        resource.placements = placed.into_iter().collect();
        if resource.placements.is_empty() {
            let namespace = known(resource.written_namespace.as_deref());
            resource.placements.push(Placement { cluster: None, namespace });
        }
    }
    let selected = targets.into_iter().flat_map(|found| {
        let selected = Rc::new(found.selected);
        parts(inventory, found.patch).into_iter().map(move |part| (part, Rc::clone(&selected)))
    });
    let selected: Vec<(usize, Rc<Vec<usize>>)> = selected.collect();
    settle(&mut inventory.resources, &selected);
}

/// What stands for a patch among the resources.
fn parts(inventory: &Inventory<'_>, patch: usize) -> Vec<usize> {
    inventory.patches[patch].parts.clone()
}

/// Where objects go, as far as that is known yet.
struct Placed {
    placements: Vec<BTreeSet<Placement>>,
    /// Flux Kustomizations that something applies.
    reached: BTreeSet<usize>,
    chains: BTreeMap<usize, BTreeSet<(Placement, Vec<usize>)>>,
}

/// Objects in files that kustomizations name as patches.
fn patch_files(inventory: &Inventory<'_>) -> Vec<usize> {
    let files: BTreeSet<&str> = inventory
        .kustomize
        .values()
        .flat_map(|kustomize| kustomize.patches.iter().map(|patch| patch.path.as_str()))
        .collect();
    let all = inventory.resources.iter().enumerate();
    let patches = all.filter(|(_, resource)| files.contains(inventory.file_of(resource).path.as_str()));
    patches.map(|(index, _)| index).collect()
}

/// Files that kustomizations name as patches: what each object in them changes, and the parts that a JSON patch sets.
fn patches_in_files(inventory: &mut Inventory<'_>) {
    let documents: BTreeMap<&str, usize> =
        inventory.operations.iter().map(|(path, document)| (path.as_str(), *document)).collect();
    let mut objects: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, resource) in inventory.resources.iter().enumerate().filter(|(_, resource)| resource.is_patch)
    {
        objects.entry(inventory.file_of(resource).path.as_str()).or_default().push(index);
    }
    let (mut patches, mut parts) = (Vec::new(), Vec::new());
    let files = inventory
        .kustomize
        .iter()
        .flat_map(|(folder, kustomize)| kustomize.patches.iter().map(move |file| (folder, file)));
    for (folder, file) in files {
        let patch = |root: Node<'_, '_>, document: usize, parts: Vec<usize>| {
            let own = || Target::of(root).filter(|_| root.is_mapping());
            let target = file.target.clone().or_else(own)?;
            let (node, folder) = (root.number(), folder.clone());
            Some(Patch { document, node, parts, by: None, folder, target, order: file.order })
        };
        for index in objects.get(file.path.as_str()).into_iter().flatten() {
            let object = &inventory.resources[*index];
            let root = inventory.node(object);
            patches.extend(root.and_then(|root| patch(root, object.document, vec![*index])));
        }
        let document = documents.get(file.path.as_str()).copied();
        let Some(document) = document else { continue };
        let Some(root) = inventory.documents[document].document.root() else { continue };
        let Some(target) = &file.target else { continue };
        let before = inventory.resources.len() + parts.len();
        parts.extend(fragments(root, target, document));
        let after = inventory.resources.len() + parts.len();
        patches.extend(patch(root, document, (before..after).collect()));
    }
    inventory.patches.extend(patches);
    inventory.resources.extend(parts);
}

/// Which Flux Kustomizations apply each object: numbers into [`Inventory::appliers`].
fn appliers(
    inventory: &Inventory<'_>,
    urls: &GitUrls,
    builder: &mut Builder<'_>,
) -> (BTreeMap<String, Vec<usize>>, Vec<Vec<usize>>) {
    let mut all: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for index in kustomizations(inventory) {
        let Some(entry) = Entry::of(inventory, urls, index) else { continue };
        for path in std::iter::once(entry.path).chain(entry.components) {
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

/// A patch with the objects that it changes.
pub(super) struct Selected {
    /// As a number into the patches of the inventory.
    pub(super) patch: usize,
    /// The Flux Kustomization that it stands in, or the patch of some.
    by: Option<usize>,
    /// The Flux Kustomizations that apply it.
    pub(super) of: Vec<usize>,
    pub(super) selected: Vec<usize>,
}

/// The objects that each patch changes, among those that its kustomization builds.
fn targets(inventory: &Inventory<'_>, urls: &GitUrls, builder: &mut Builder<'_>) -> Vec<Selected> {
    let path_of = |by: usize| Entry::of(inventory, urls, by).map(|entry| entry.path);
    let is_inner =
        |patch: &usize| inventory.patches[*patch].by.is_some_and(|by| inventory.resources[by].is_patch);
    let (inner, outer): (Vec<usize>, Vec<usize>) = (0..inventory.patches.len()).partition(is_inner);
    let mut by_path: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for number in outer {
        let patch = &inventory.patches[number];
        let path = match patch.by.map(|by| (by, inventory.resources[by].kind)) {
            Some((by, Kind::Kustomization)) => path_of(by),
            // What a post-renderer patches is in the chart.
            Some(_) => None,
            None => Some(patch.folder.clone()),
        };
        if let Some(path) = path {
            by_path.entry(path).or_default().push(number);
        }
    }
    let users = component_users(inventory, urls);
    let mut out: Vec<Selected> = Vec::new();
    for (path, patches) in by_path {
        let found = selected(inventory, builder, (&path, &users), &patches).into_iter();
        out.extend(found.map(|(patch, all)| Selected {
            patch,
            by: inventory.patches[patch].by,
            of: inventory.patches[patch].by.into_iter().collect(),
            selected: all.into_iter().collect(),
        }));
    }
    // A patch that stands in a patch of Flux Kustomizations changes what each of those applies.
    let mut outer: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for found in &out {
        for part in parts(inventory, found.patch) {
            outer.entry(part).or_default().extend(&found.selected);
        }
    }
    let mut by_path: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut parts: BTreeMap<usize, Selected> = BTreeMap::new();
    for patch in inner {
        let Some(by) =
            inventory.patches[patch].by.filter(|by| inventory.resources[*by].kind == Kind::Kustomization)
        else {
            continue;
        };
        let namesakes = || {
            let name = &inventory.resources[by].name;
            let all = kustomizations(inventory).into_iter();
            all.filter(|index| inventory.resources[*index].name == *name).collect()
        };
        let of = outer.get(&by).cloned().unwrap_or_else(namesakes);
        let paths: BTreeSet<String> = of.iter().filter_map(|index| path_of(*index)).collect();
        for path in paths {
            by_path.entry(path).or_default().push(patch);
        }
        parts.insert(patch, Selected { patch, by: Some(by), of, selected: Vec::new() });
    }
    for (path, patches) in by_path {
        for (patch, all) in selected(inventory, builder, (&path, &users), &patches) {
            if let Some(part) = parts.get_mut(&patch) {
                part.selected.extend(all);
            }
        }
    }
    for mut part in parts.into_values().filter(|part| !part.selected.is_empty()) {
        part.selected.sort_unstable();
        part.selected.dedup();
        out.push(part);
    }
    out
}

/// The folders that add each component to what they build.
fn component_users(inventory: &Inventory<'_>, urls: &GitUrls) -> BTreeMap<String, BTreeSet<String>> {
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |component: &String, user: &String| {
        out.entry(component.clone()).or_default().insert(user.clone());
    };
    for (folder, kustomize) in &inventory.kustomize {
        kustomize.components.iter().for_each(|component| add(component, folder));
    }
    for index in kustomizations(inventory) {
        let Some(entry) = Entry::of(inventory, urls, index) else { continue };
        entry.components.iter().for_each(|component| add(component, &entry.path));
    }
    out
}

/// A folder, and where it is a component those whose objects it patches.
pub(super) fn reached_by<'a>(
    path: &'a str,
    users: &'a BTreeMap<String, BTreeSet<String>>,
) -> BTreeSet<&'a str> {
    let (mut out, mut queue) = (BTreeSet::new(), vec![path]);
    while let Some(path) = queue.pop() {
        if out.insert(path) {
            queue.extend(users.get(path).into_iter().flatten().map(String::as_str));
        }
    }
    out
}

/// What each of some patches changes among the objects that a path builds; those that change nothing are left out.
fn selected(
    inventory: &Inventory<'_>,
    builder: &mut Builder<'_>,
    (path, users): (&str, &BTreeMap<String, BTreeSet<String>>),
    patches: &[usize],
) -> Vec<(usize, BTreeSet<usize>)> {
    let mut members: BTreeMap<&str, BTreeSet<(usize, Option<String>)>> = BTreeMap::new();
    for path in reached_by(path, users) {
        for (index, set) in builder.build(path).iter() {
            let object = &inventory.resources[*index];
            if !object.is_patch {
                members.entry(object.name.as_str()).or_default().insert((*index, set.clone()));
            }
        }
    }
    let changed = patches.iter().map(|patch| {
        let target = &inventory.patches[*patch].target;
        let selects = |(index, set): &&(usize, Option<String>)| {
            target.selects(inventory, &inventory.resources[*index], set.as_deref())
        };
        let selected: BTreeSet<usize> = match target.plain_name() {
            Some(name) => {
                members.get(name).into_iter().flatten().filter(selects).map(|(index, _)| *index).collect()
            }
            None => members.values().flatten().filter(selects).map(|(index, _)| *index).collect(),
        };
        (*patch, selected)
    });
    changed.filter(|(_, selected)| !selected.is_empty()).collect()
}

/// A namespace that is a text and no variable or template.
fn known(namespace: Option<&str>) -> Option<String> {
    namespace.filter(|text| !text.contains("${") && !text.contains("{{")).map(str::to_owned)
}

fn kustomizations(inventory: &Inventory<'_>) -> Vec<usize> {
    let all = inventory.resources.iter().enumerate();
    let objects = all.filter(|(_, resource)| resource.kind == Kind::Kustomization && !resource.is_patch);
    objects.map(|(index, _)| index).collect()
}

/// A path that something applies, and the namespace that it forces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    path: String,
    namespace: Option<String>,
    components: Vec<String>,
    /// The Flux Kustomization that applies it, where one is in the files.
    by: Option<usize>,
}

impl Entry {
    /// What the Flux Kustomization with this index applies from this repository.
    ///
    /// Source: Kustomization spec page: `sourceRef` is required, and `path` is the root where it is absent. An object with
    /// neither is a part of one, such as a patch that no kustomization names.
    fn of(inventory: &Inventory<'_>, urls: &GitUrls, index: usize) -> Option<Self> {
        let resource = &inventory.resources[index];
        let spec = inventory.node(resource)?.get("spec")?;
        let is_part = spec.get("path").is_none() && spec.get("sourceRef").is_none();
        if is_part || is_foreign(urls, spec) {
            return None;
        }
        let path = join("", spec.text_at(&["path"]).unwrap_or(""))?;
        let components = spec.get("components").and_then(Node::resolved);
        Some(Self {
            components: components
                .into_iter()
                .flat_map(Node::items)
                .filter_map(|item| join(&path, item.text()?))
                .collect(),
            namespace: known(spec.text_at(&["targetNamespace"])),
            path,
            by: Some(index),
        })
    }
}

/// URLs of the GitRepositories by name.
type GitUrls = BTreeMap<String, BTreeSet<String>>;

fn git_urls(inventory: &Inventory<'_>) -> GitUrls {
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
fn entry_points(inventory: &Inventory<'_>, urls: &GitUrls, builder: &mut Builder<'_>) -> BTreeSet<Entry> {
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
        let Some(entry) = Entry::of(inventory, urls, index) else { continue };
        let applied = builder.build(&entry.path);
        let itself = applied.range((index, None)..).next().is_some_and(|(member, _)| *member == index);
        if entry.namespace.is_none() && itself {
            entries.insert(entry);
        }
    }
    entries
}

/// Applies entries and every Flux Kustomization that they bring, each once.
fn follow(
    inventory: &Inventory<'_>,
    urls: &GitUrls,
    (builder, changes): (&mut Builder<'_>, &Changes),
    mut queue: VecDeque<Entry>,
    cluster: Option<&str>,
    placed: &mut Placed,
) {
    let mut applied = BTreeSet::new();
    while let Some(entry) = queue.pop_front() {
        if !applied.insert(entry.clone()) {
            continue;
        }
        let place = |index: usize, set: Option<&str>| {
            let written = known(inventory.resources[index].written_namespace.as_deref());
            let namespace = entry.namespace.clone().or_else(|| known(set)).or(written);
            Placement { cluster: cluster.map(str::to_owned), namespace }
        };
        for (index, set) in builder.applied(&entry.path, &entry.components).iter() {
            let resource = &inventory.resources[*index];
            placed.placements[*index].insert(place(*index, set.as_deref()));
            if resource.kind == Kind::Kustomization && !resource.is_patch {
                placed.reached.insert(*index);
                queue.extend(Entry::of(inventory, urls, *index));
            }
        }
        for (index, set, chain) in builder.chains(changes, &entry.path, &entry.components, entry.by) {
            placed.chains.entry(index).or_default().insert((place(index, set.as_deref()), chain));
        }
    }
}

/// Objects that no Flux Kustomization reaches still get the namespace of the kustomizations that build them.
fn unreached(
    inventory: &Inventory<'_>,
    (builder, changes): (&mut Builder<'_>, &Changes),
    placed: &mut Placed,
) {
    let all = inventory.kustomize.values();
    let inner: BTreeSet<&str> =
        all.flat_map(|k| k.members.iter().chain(&k.components).map(String::as_str)).collect();
    let before: Vec<bool> = placed.placements.iter().map(|placed| !placed.is_empty()).collect();
    let place = |index: usize, set: Option<&str>| {
        let written = known(inventory.resources[index].written_namespace.as_deref());
        Placement { cluster: None, namespace: known(set).or(written) }
    };
    for folder in inventory.kustomize.keys().filter(|folder| !inner.contains(folder.as_str())) {
        for (index, set) in builder.build(folder).iter().filter(|(index, _)| !before[*index]) {
            placed.placements[*index].insert(place(*index, set.as_deref()));
        }
        for (index, set, chain) in builder.chains(changes, folder, &[], None) {
            if !before[index] {
                placed.chains.entry(index).or_default().insert((place(index, set.as_deref()), chain));
            }
        }
    }
}
