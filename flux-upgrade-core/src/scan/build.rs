//! What kustomize builds from a folder: objects, and the namespaces that are set on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::kustomize::is_kustomization_file;
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
    open: BTreeSet<String>,
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
            let patches = kustomize.patches.iter().map(|(path, _)| path);
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
