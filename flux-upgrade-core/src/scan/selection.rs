//! Which objects each patch changes: those that its target selects among what is built where the patch stands.

use std::collections::{BTreeMap, BTreeSet};

use super::build::Builder;
use super::entry::{Entry, GitUrls, kustomizations};
use super::patch::{Patch, fragments};
use super::target::Target;
use super::{Inventory, Kind};
use crate::yaml::Node;

/// Objects in files that kustomizations name as patches.
pub(super) fn patch_files(inventory: &Inventory<'_>) -> Vec<usize> {
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
pub(super) fn patches_in_files(inventory: &mut Inventory<'_>) {
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

/// A patch with the objects that it changes.
pub(super) struct Selected {
    /// As a number into the patches of the inventory.
    pub(super) patch: usize,
    /// The Flux Kustomization that it stands in, or the patch of some.
    pub(super) by: Option<usize>,
    /// The Flux Kustomizations that apply it.
    pub(super) of: Vec<usize>,
    pub(super) selected: Vec<usize>,
}

/// The objects that each patch changes, among those that its kustomization builds.
pub(super) fn targets(inventory: &Inventory<'_>, urls: &GitUrls, builder: &mut Builder<'_>) -> Vec<Selected> {
    let paths_of = |by: usize| -> BTreeSet<String> {
        Entry::all(inventory, urls, by).into_iter().map(|entry| entry.path).collect()
    };
    let is_inner =
        |patch: &usize| inventory.patches[*patch].by.is_some_and(|by| inventory.resources[by].is_patch);
    let (inner, outer): (Vec<usize>, Vec<usize>) = (0..inventory.patches.len()).partition(is_inner);
    let mut by_path: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for number in outer {
        let patch = &inventory.patches[number];
        let paths = match patch.by.map(|by| (by, inventory.resources[by].kind)) {
            Some((by, Kind::Kustomization)) => paths_of(by),
            // What a post-renderer patches is in the chart.
            Some(_) => BTreeSet::new(),
            None => BTreeSet::from([patch.folder.clone()]),
        };
        for path in paths {
            by_path.entry(path).or_default().push(number);
        }
    }
    let users = component_users(inventory, urls);
    let mut out: Vec<Selected> = Vec::new();
    let mut numbers: BTreeMap<usize, usize> = BTreeMap::new();
    for (path, patches) in by_path {
        for (patch, all) in selected(inventory, builder, (&path, &users), &patches) {
            // A Flux Kustomization may apply another path in each cluster.
            if let Some(known) = numbers.get(&patch) {
                out[*known].selected.extend(all);
                continue;
            }
            numbers.insert(patch, out.len());
            let by = inventory.patches[patch].by;
            out.push(Selected {
                patch,
                by,
                of: by.into_iter().collect(),
                selected: all.into_iter().collect(),
            });
        }
    }
    for found in &mut out {
        found.selected.sort_unstable();
        found.selected.dedup();
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
        let paths: BTreeSet<String> = of.iter().flat_map(|index| paths_of(*index)).collect();
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
pub(super) fn component_users(
    inventory: &Inventory<'_>,
    urls: &GitUrls,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |component: &String, user: &String| {
        out.entry(component.clone()).or_default().insert(user.clone());
    };
    for (folder, kustomize) in &inventory.kustomize {
        kustomize.components.iter().for_each(|component| add(component, folder));
    }
    for index in kustomizations(inventory) {
        for entry in Entry::all(inventory, urls, index) {
            entry.components.iter().for_each(|component| add(component, &entry.path));
        }
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
            if !object.is_patch && object.within.is_none() {
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

/// What stands for a patch among the resources.
pub(super) fn parts(inventory: &Inventory<'_>, patch: usize) -> Vec<usize> {
    inventory.patches[patch].parts.clone()
}
