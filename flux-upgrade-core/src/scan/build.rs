//! What kustomize builds from a folder: objects, and the namespaces that are set on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::entry::Entry;
use super::kustomize::is_kustomization_file;
use super::selection::Selected;
use super::{Inventory, Kind, Kustomize};

/// Objects that a folder or file builds, each with the namespace set on the way, if any.
pub(super) type Build = Rc<Members>;

type Members = BTreeSet<(usize, Option<String>)>;

/// How many kustomizations may stand in one another; real ones stay below ten.
const DEEPEST: usize = 64;

/// Builds folders as kustomize would, each once.
pub(super) struct Builder<'i> {
    kustomize: &'i BTreeMap<String, Kustomize>,
    /// Objects by the path of their file.
    objects: BTreeMap<String, Vec<usize>>,
    /// Patches inside kustomization files, by folder.
    inline: BTreeMap<String, Vec<usize>>,
    built: BTreeMap<String, Build>,
    chained: BTreeMap<String, Rc<Chains>>,
    open: BTreeSet<String>,
}

/// Objects that patches complete, each with the namespace set on the way and the patches that went over it, in order.
type Chains = BTreeSet<(usize, Option<String>, Vec<usize>)>;

/// Patches by the object that they change.
type ByObject = BTreeMap<usize, Vec<usize>>;

/// What patches change among the objects whose build is wanted as a whole.
pub(super) struct Changes {
    /// By the folder of a kustomization: the patches of each object, in the order in which they are applied.
    by_folder: BTreeMap<String, ByObject>,
    /// The same by the Flux Kustomization that applies them.
    pub(super) by_applier: BTreeMap<usize, ByObject>,
    objects: BTreeSet<usize>,
}

impl Changes {
    /// An entry, told apart by who applies it only where patches of that one change something.
    pub(super) fn told_apart(&self, mut entry: Entry) -> Entry {
        entry.by = entry.by.filter(|by| self.by_applier.contains_key(by));
        entry
    }

    pub(super) fn new(inventory: &Inventory<'_>, targets: &[Selected]) -> Self {
        let is_completed = |index: &usize| {
            let resource = &inventory.resources[*index];
            inventory.is_followed(resource) || inventory.has_placeholder(resource)
        };
        let mut out =
            Self { by_folder: BTreeMap::new(), by_applier: BTreeMap::new(), objects: BTreeSet::new() };
        // What a patch of a Flux Kustomization adds comes after that one's own patches.
        let order = |found: &&Selected| {
            let patch = &inventory.patches[found.patch];
            (patch.order.0, patch.by.is_some_and(|by| inventory.resources[by].is_patch), patch.order.1)
        };
        let mut ordered: Vec<&Selected> = targets.iter().collect();
        ordered.sort_by_key(order);
        for found in ordered {
            let patch = &inventory.patches[found.patch];
            for object in found.selected.iter().filter(|index| is_completed(index)) {
                out.objects.insert(*object);
                let add = |all: &mut ByObject| all.entry(*object).or_default().push(found.patch);
                match patch.by {
                    None => add(out.by_folder.entry(patch.folder.clone()).or_default()),
                    Some(_) => {
                        found.of.iter().for_each(|applier| add(out.by_applier.entry(*applier).or_default()))
                    }
                }
            }
        }
        out
    }
}

impl<'i> Builder<'i> {
    pub(super) fn new(inventory: &'i Inventory<'_>) -> Self {
        let (mut objects, mut inline) =
            (BTreeMap::<String, Vec<usize>>::new(), BTreeMap::<String, Vec<usize>>::new());
        for (index, resource) in inventory.resources.iter().enumerate() {
            let path = &inventory.file_of(resource).path;
            let is_own = resource.is_patch || resource.kind == Kind::KustomizationFile;
            if is_kustomization_file(path.name()) && is_own {
                inline.entry(path.folder().to_owned()).or_default().push(index);
            } else {
                objects.entry(path.as_str().to_owned()).or_default().push(index);
            }
        }
        Self {
            kustomize: &inventory.kustomize,
            objects,
            inline,
            built: BTreeMap::new(),
            chained: BTreeMap::new(),
            open: BTreeSet::new(),
        }
    }

    /// What the folder or file at `path` builds; a cycle, or one nested too deep, builds nothing.
    pub(super) fn build(&mut self, path: &str) -> Build {
        if let Some(done) = self.built.get(path) {
            return Rc::clone(done);
        }
        if self.open.len() >= DEEPEST || !self.open.insert(path.to_owned()) {
            return Rc::default();
        }
        let mut out = BTreeSet::new();
        if let Some(kustomize) = self.kustomize.get(path) {
            let patches = kustomize.patches.iter().map(|patch| &patch.path);
            for member in kustomize.members.iter().chain(patches) {
                out.extend(self.build(member).iter().cloned());
            }
            out = self.with_components(out, &kustomize.components);
            out.extend(self.inline.get(path).into_iter().flatten().map(|index| (*index, None)));
            if kustomize.namespace.is_some() {
                out = out.into_iter().map(|(index, _)| (index, kustomize.namespace.clone())).collect();
            }
        } else if let Some(objects) = self.objects.get(path) {
            out.extend(objects.iter().map(|index| (*index, None)));
        } else {
            for member in self.generated(path) {
                out.extend(self.build(&member).iter().cloned());
            }
        }
        self.open.remove(path);
        let out = Rc::new(out);
        self.built.insert(path.to_owned(), Rc::clone(&out));
        out
    }

    /// What a Flux Kustomization applies: a folder, and the components that it adds to it.
    pub(super) fn applied(&mut self, path: &str, components: &[String]) -> Build {
        let build = self.build(path);
        if components.is_empty() {
            build
        } else {
            Rc::new(self.with_components((*build).clone(), components))
        }
    }

    /// The objects of a build that patches complete, with the patches of what applies it.
    ///
    /// Source: fluxcd/pkg kustomize, `kustomize_generator.go`: the components and patches of a Flux Kustomization go behind those
    /// of the kustomization at its path.
    pub(super) fn chains(
        &mut self,
        changes: &Changes,
        path: &str,
        components: &[String],
        by: Option<usize>,
    ) -> Chains {
        let mut out = self.chained(changes, path).as_ref().clone();
        for component in components {
            self.accumulate(changes, component, &mut out);
        }
        match by.and_then(|by| changes.by_applier.get(&by)) {
            Some(patches) => patched(out, patches),
            None => out,
        }
    }

    fn chained(&mut self, changes: &Changes, path: &str) -> Rc<Chains> {
        if changes.objects.is_empty() {
            return Rc::default();
        }
        if let Some(done) = self.chained.get(path) {
            return Rc::clone(done);
        }
        let mut out = Chains::new();
        self.accumulate(changes, path, &mut out);
        let out = Rc::new(out);
        self.chained.insert(path.to_owned(), Rc::clone(&out));
        out
    }

    /// Adds what a path builds to what is built, and what it changes to all of it.
    ///
    /// Source: kustomize `api/internal/target/kusttarget.go`, `accumulateTarget`: resources, components, transformers.
    fn accumulate(&mut self, changes: &Changes, path: &str, out: &mut Chains) {
        if self.open.len() >= DEEPEST || !self.open.insert(path.to_owned()) {
            return;
        }
        let kustomize = self.kustomize;
        if let Some(kustomize) = kustomize.get(path) {
            for member in &kustomize.members {
                out.extend(self.chained(changes, member).iter().cloned());
            }
            for component in &kustomize.components {
                self.accumulate(changes, component, out);
            }
            if let Some(patches) = changes.by_folder.get(path) {
                *out = patched(std::mem::take(out), patches);
            }
            if let Some(namespace) = &kustomize.namespace {
                let all = std::mem::take(out).into_iter();
                *out = all.map(|(index, _, chain)| (index, Some(namespace.clone()), chain)).collect();
            }
        } else if let Some(objects) = self.objects.get(path) {
            let completed = objects.iter().filter(|index| changes.objects.contains(index));
            out.extend(completed.map(|index| (*index, None, Vec::new())));
        } else {
            for member in self.generated(path) {
                out.extend(self.chained(changes, &member).iter().cloned());
            }
        }
        self.open.remove(path);
    }

    /// A build with its components, each of which sets its namespace on all that is there.
    ///
    /// Source: kustomize `api/internal/target/kusttarget.go`, `accumulateComponents`.
    fn with_components(&mut self, mut out: Members, components: &[String]) -> Members {
        for path in components {
            out.extend(self.build(path).iter().cloned());
            if let Some(namespace) = self.namespace_of(path) {
                out = out.into_iter().map(|(index, _)| (index, Some(namespace.clone()))).collect();
            }
        }
        out
    }

    /// The namespace that a component sets, itself or by a component of its own.
    fn namespace_of(&self, path: &str) -> Option<String> {
        let mut queue = vec![path];
        let mut seen = BTreeSet::new();
        while let Some(path) = queue.pop() {
            let Some(kustomize) = self.kustomize.get(path).filter(|_| seen.insert(path)) else { continue };
            if kustomize.namespace.is_some() {
                return kustomize.namespace.clone();
            }
            queue.extend(kustomize.components.iter().map(String::as_str));
        }
        None
    }

    /// What Flux builds from a folder without a kustomization file: every manifest below it, and folders that have one.
    ///
    /// Source: fluxcd/pkg kustomize, `kustomize_generator.go`.
    fn generated(&self, folder: &str) -> BTreeSet<String> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let below = |map_key: &String| map_key.starts_with(&prefix);
        let mut members: BTreeSet<String> = BTreeSet::new();
        let folders: Vec<&String> =
            self.kustomize.range(prefix.clone()..).map(|(key, _)| key).take_while(|key| below(key)).collect();
        for key in folders {
            let inside =
                key.match_indices('/').map(|(at, _)| &key[..at]).any(|outer| members.contains(outer));
            if !inside {
                members.insert(key.clone());
            }
        }
        for (path, _) in self.objects.range(prefix.clone()..).take_while(|(path, _)| below(path)) {
            let mut outer =
                path.match_indices('/').map(|(at, _)| &path[..at]).filter(|o| o.len() > folder.len());
            if !outer.any(|outer| self.kustomize.contains_key(outer)) {
                members.insert(path.clone());
            }
        }
        members
    }
}

/// Objects with some patches over them.
fn patched(all: Chains, patches: &ByObject) -> Chains {
    let over = |(index, set, mut chain): (usize, Option<String>, Vec<usize>)| {
        chain.extend(patches.get(&index).into_iter().flatten());
        (index, set, chain)
    };
    all.into_iter().map(over).collect()
}
