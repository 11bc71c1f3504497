//! Where objects go: which clusters apply them, and the namespace that they really get.
//!
//! The namespace is the Flux Kustomization's `targetNamespace`, else the outermost kustomize `namespace:`, else
//! `metadata.namespace` (kustomize-controller, kustomize namespace transformer). Clusters begin at entry points: a Flux
//! Kustomization that applies itself (`gotk-sync.yaml`), or what a FluxInstance syncs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use super::build::{Builder, Changes};
use super::entry::{
    Entry, Filled, GitUrls, appliers, entry_points, git_urls, known, kustomizations, variable_paths,
};
use super::patch::settle;
use super::selection::{Selected, component_users, parts, patch_files, patches_in_files, targets};
use super::{Inventory, Kind, generator};
use crate::locate::Links;

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

/// How many Flux Kustomizations with a variable in their path may apply one another.
const MOST_ROUNDS: usize = 8;

/// Fills in the placements of every resource.
///
/// What a variable in a path says is known only where it is known what applies the Flux Kustomization that has the path. So
/// everything is placed, such paths are filled in, and everything is placed again until nothing changes.
pub(super) fn place(inventory: &mut Inventory<'_>) {
    for index in patch_files(inventory) {
        inventory.resources[index].is_patch = true;
    }
    patches_in_files(inventory);
    let has_variables = |index: &usize| {
        let spec = inventory.node(&inventory.resources[*index]).and_then(|node| node.get("spec"));
        spec.is_some_and(|spec| !variable_paths(spec).is_empty())
    };
    let variable: Vec<usize> = kustomizations(inventory).into_iter().filter(has_variables).collect();
    if variable.is_empty() {
        return place_all(inventory);
    }
    let (resources, generators) = (inventory.resources.clone(), inventory.generators.clone());
    for _ in 0..MOST_ROUNDS {
        place_all(inventory);
        let filled = fill(inventory, &variable);
        if filled == inventory.filled {
            return;
        }
        (inventory.filled, inventory.resources) = (filled, resources.clone());
        inventory.generators.clone_from(&generators);
    }
    // They have no end: none of them is known.
    inventory.filled.clear();
    place_all(inventory);
}

/// What the variables in the paths of some Flux Kustomizations say in each of their clusters.
fn fill(inventory: &Inventory<'_>, variable: &[usize]) -> Filled {
    let links = Links::new(inventory);
    let mut out = Filled::new();
    for index in variable {
        let resource = &inventory.resources[*index];
        let Some(spec) = inventory.node(resource).and_then(|node| node.get("spec")) else { continue };
        let clusters = out.entry(*index).or_default();
        for placement in &resource.placements {
            let known = clusters.entry(placement.cluster.clone()).or_default();
            for path in variable_paths(spec) {
                let filled = links.substituted(inventory, resource, placement.cluster.as_deref(), path);
                known.extend(filled.map(|filled| (path.to_owned(), filled)));
            }
        }
    }
    out
}

fn place_all(inventory: &mut Inventory<'_>) {
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
    let entries = entry_points(inventory, urls, &mut builder).into_iter();
    let entries: BTreeSet<Entry> = entries.map(|entry| changes.told_apart(entry)).collect();
    for entry in entries {
        has_clusters = true;
        let cluster = Some(entry.path.clone());
        let queue = VecDeque::from([entry]);
        follow(inventory, urls, (&mut builder, &changes), queue, cluster.as_deref(), &mut placed);
    }
    let rest = kustomizations(inventory).into_iter().filter(|index| !placed.reached.contains(index));
    let rest: VecDeque<Entry> = rest.filter_map(|index| Entry::of(inventory, urls, index, None)).collect();
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
    // What a ResourceSet makes goes to the clusters of that one, and no kustomization sets its namespace.
    for index in 0..inventory.resources.len() {
        let resource = &inventory.resources[index];
        let Some(by) = resource.within else { continue };
        let namespace = known(resource.written_namespace.as_deref());
        let clusters = placements[by].iter().map(|placement| placement.cluster.clone());
        placements[index] =
            clusters.map(|cluster| Placement { cluster, namespace: namespace.clone() }).collect();
    }
    let generators = generator::name(inventory, &mut builder, &component_users(inventory, urls));
    let (appliers, mut applied) = appliers(inventory, urls, &mut builder);
    let numbers: BTreeMap<&str, usize> =
        appliers.keys().enumerate().map(|(number, path)| (path.as_str(), number)).collect();
    for Selected { patch, of, .. } in &targets {
        let entries = of.iter().flat_map(|by| Entry::all(inventory, urls, *by));
        let paths: BTreeSet<String> = entries.map(|entry| entry.path).collect();
        for part in parts(inventory, *patch) {
            applied[part].extend(paths.iter().filter_map(|path| numbers.get(path.as_str())));
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

/// Where objects go, as far as that is known yet.
struct Placed {
    placements: Vec<BTreeSet<Placement>>,
    /// Flux Kustomizations that something applies.
    reached: BTreeSet<usize>,
    chains: BTreeMap<usize, BTreeSet<(Placement, Vec<usize>)>>,
}

/// How many namespaces one folder may be applied to in a cluster, for all to be told apart.
const MOST_NAMESPACES: usize = 256;

/// Applies entries and every Flux Kustomization that they bring, each once. What goes to too many namespaces gets an
/// unknown one for the rest of them: Flux Kustomizations that apply one another would give each object as many as there
/// are of them.
fn follow(
    inventory: &Inventory<'_>,
    urls: &GitUrls,
    (builder, changes): (&mut Builder<'_>, &Changes),
    mut queue: VecDeque<Entry>,
    cluster: Option<&str>,
    placed: &mut Placed,
) {
    let mut applied = BTreeSet::new();
    let mut namespaces: BTreeMap<(String, Vec<String>), BTreeSet<Option<String>>> = BTreeMap::new();
    while let Some(entry) = queue.pop_front().map(|entry| changes.told_apart(entry)) {
        if !applied.insert(entry.clone()) {
            continue;
        }
        let known_to = namespaces.entry((entry.path.clone(), entry.components.clone())).or_default();
        let is_new = known_to.insert(entry.namespace.clone());
        if is_new && known_to.len() > MOST_NAMESPACES + 1 {
            continue;
        }
        let is_many = is_new && known_to.len() > MOST_NAMESPACES;
        let place = |index: usize, set: Option<&str>| {
            if is_many {
                return Placement { cluster: cluster.map(str::to_owned), namespace: None };
            }
            let written = known(inventory.resources[index].written_namespace.as_deref());
            let namespace = entry.namespace.clone().or_else(|| known(set)).or(written);
            Placement { cluster: cluster.map(str::to_owned), namespace }
        };
        for (index, set) in builder.applied(&entry.path, &entry.components).iter() {
            let resource = &inventory.resources[*index];
            placed.placements[*index].insert(place(*index, set.as_deref()));
            if resource.kind == Kind::Kustomization && !resource.is_patch {
                placed.reached.insert(*index);
                queue.extend(Entry::of(inventory, urls, *index, cluster));
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
