//! ConfigMaps that kustomize makes: of files, of literals, of files of assignments.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::build::Builder;
use super::find::{read_assignments, read_values};
use super::kustomize::{items, local};
use super::{Inventory, Kind};
use crate::yaml::Node;

/// One of `configMapGenerator` of a kustomization.
///
/// Source: kustomize `api/types/configmapargs.go`, `kvpairsources.go`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Generator {
    /// The kustomization, as an index of the resources.
    pub(crate) by: usize,
    /// `name`, as written.
    name: String,
    /// The names that the ConfigMap gets by the prefixes and suffixes on the way, its hash aside.
    full: BTreeSet<String>,
    /// `namespace`, where the kustomization sets none.
    pub(crate) namespace: Option<String>,
    /// Keys and paths of `files`.
    pub(crate) files: Vec<(String, String)>,
    /// Keys of `literals`, the node of each, and the bytes of the value in its text.
    pub(crate) literals: Vec<(String, u32, Range<usize>)>,
    /// Paths of `envs`.
    pub(crate) envs: Vec<String>,
    /// What the kustomization builds, where objects in it may use the name as written and others may not.
    ///
    /// Source: kustomize's name reference transformer.
    inside: Option<BTreeSet<usize>>,
}

impl Generator {
    /// The generators of the kustomization with the number `by`, which stands in `folder`.
    pub(super) fn all(folder: &str, root: Node<'_, '_>, by: usize) -> Vec<Self> {
        let read = |generator: Node<'_, '_>| {
            let name = generator.text_at(&["name"])?.to_owned();
            let texts = |field| items(generator, field).filter_map(Node::text);
            let files = texts("files").filter_map(|file| {
                let (key, path) =
                    file.split_once('=').unwrap_or((file.rsplit('/').next().unwrap_or(file), file));
                Some((key.to_owned(), local(folder, path)?))
            });
            let literals = items(generator, "literals").filter_map(|node| {
                let (key, value) = node.text()?.split_once('=')?;
                // Kustomize takes quotes off both ends, whether they match or not.
                let own = value.trim_start_matches(['"', '\'']);
                let start = key.len() + 1 + value.len() - own.len();
                let range = start..start + own.trim_end_matches(['"', '\'']).len();
                Some((key.to_owned(), node.number(), range))
            });
            let older = generator.text_at(&["env"]).into_iter();
            Some(Self {
                by,
                full: BTreeSet::from([name.clone()]),
                namespace: generator.text_at(&["namespace"]).map(str::to_owned),
                files: files.collect(),
                literals: literals.collect(),
                envs: texts("envs").chain(older).filter_map(|path| local(folder, path)).collect(),
                inside: None,
                name,
            })
        };
        items(root, "configMapGenerator").filter_map(read).collect()
    }

    /// Whether the object with a number can mean the ConfigMap by a name.
    pub(crate) fn is_named(&self, name: &str, object: Option<usize>) -> bool {
        let written = self.name == name
            && match (&self.inside, object) {
                (Some(inside), Some(object)) => inside.contains(&object),
                _ => true,
            };
        written || self.full.contains(name)
    }

    /// The names that somebody may use for it.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let own = (!self.full.contains(&self.name)).then_some(self.name.as_str());
        self.full.iter().map(String::as_str).chain(own)
    }
}

/// Reads what releases and Flux Kustomizations take out of ConfigMaps, and what screening left out: such a file may hold
/// none of the words that files are screened by.
pub(super) fn read(inventory: &mut Inventory<'_>) {
    let keys = taken(inventory);
    let generators = std::mem::take(&mut inventory.generators);
    if generators.is_empty() && keys.is_empty() {
        return;
    }
    let files: BTreeMap<&str, usize> =
        inventory.files.iter().enumerate().map(|(index, file)| (file.path.as_str(), index)).collect();
    let mut known: BTreeSet<usize> = inventory.documents.iter().map(|held| held.file).collect();
    for generator in &generators {
        for (_, path) in generator.files.iter().filter(|(key, _)| keys.contains_key(key)) {
            if let Some(index) = files.get(path.as_str()).filter(|index| known.insert(**index)) {
                read_values(inventory, *index);
            }
        }
        for path in &generator.envs {
            let read = inventory.assignments.contains_key(path);
            if let Some(index) = files.get(path.as_str()).filter(|_| !read) {
                read_assignments(inventory, *index);
            }
        }
    }
    inventory.generators = generators;
    super::nested::read_data(inventory, &keys);
}

/// The keys of ConfigMaps that releases take values from, each with the names of those ConfigMaps.
///
/// Source: helm-controller `api/v2/reference_types.go`, `ValuesReference`.
fn taken(inventory: &Inventory<'_>) -> BTreeMap<String, BTreeSet<String>> {
    let is_release = |kind| matches!(kind, Kind::HelmRelease | Kind::HelmOperatorRelease);
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for resource in inventory.resources.iter().filter(|resource| is_release(resource.kind)) {
        let list = inventory.at(resource, &["spec", "valuesFrom"]).and_then(Node::resolved);
        for from in list.into_iter().flat_map(Node::items) {
            // One value for one place of the values is no YAML of its own.
            if from.text_at(&["kind"]) == Some("ConfigMap") && from.text_at(&["targetPath"]).is_none() {
                let key = from.text_at(&["valuesKey"]).unwrap_or("values.yaml").to_owned();
                keys.entry(key).or_default().extend(from.text_at(&["name"]).map(str::to_owned));
            }
        }
    }
    keys
}

/// How many ways a name may get its prefixes and suffixes.
const MOST_NAMES: usize = 64;

/// Gives each generator its names, and what may use the one that is written.
pub(super) fn name(
    inventory: &Inventory<'_>,
    builder: &mut Builder<'_>,
    users: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<Generator> {
    let mut generators = inventory.generators.clone();
    let affixed = inventory.kustomize.values().any(|k| !k.prefix.is_empty() || !k.suffix.is_empty());
    if !affixed {
        return generators;
    }
    let mut outer: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (folder, kustomize) in &inventory.kustomize {
        for member in kustomize.members.iter().chain(&kustomize.components) {
            outer.entry(member).or_default().push(folder);
        }
    }
    for generator in &mut generators {
        let folder = inventory.file_of(&inventory.resources[generator.by]).path.folder();
        let mut full = BTreeSet::new();
        let (mut queue, mut seen) = (vec![(folder, generator.name.clone())], BTreeSet::new());
        while let Some((folder, name)) = queue.pop() {
            let Some(kustomize) = inventory.kustomize.get(folder) else { continue };
            let name = format!("{}{name}{}", kustomize.prefix, kustomize.suffix);
            if full.len() >= MOST_NAMES || !seen.insert((folder, name.clone())) {
                continue;
            }
            queue.extend(outer.get(folder).into_iter().flatten().map(|outer| (*outer, name.clone())));
            full.insert(name);
        }
        if !full.contains(&generator.name) {
            let mut inside = BTreeSet::new();
            for path in super::selection::reached_by(folder, users) {
                inside.extend(builder.build(path).iter().map(|(index, _)| *index));
            }
            generator.inside = Some(inside);
        }
        generator.full = full;
    }
    generators
}
