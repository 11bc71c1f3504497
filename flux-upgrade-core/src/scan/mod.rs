//! Stage 1: texts to an inventory of the objects in them.
//!
//! A file is screened by bytes first: one that can hold no object of ours is not parsed. The others are cut at their `---`
//! lines, so that a broken document leaves its neighbours alone. What cannot be read becomes a [`Diagnostic`], and the rest goes on.

mod build;
mod comment;
mod effective;
mod entry;
mod find;
mod generator;
mod kind;
mod kustomize;
mod nested;
mod object;
mod patch;
mod place;
mod selection;
mod target;
mod terraform;
pub(crate) mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

pub(crate) use comment::Explained;
pub(crate) use effective::{Effective, Unbuilt};
pub(crate) use generator::Generator;
pub use kind::Kind;
pub(crate) use kustomize::{Kustomize, is_kustomization_file, items};
pub(crate) use object::encryption;
pub use place::Placement;

use crate::diagnostic::{Diagnostic, Severity};
use crate::hcl::Block;
use crate::text::{Lines, Location, RepoPath, SourceFile, Span};
use crate::yaml::{Document, Node};
use patch::Patch;
pub(crate) use target::select;
pub(crate) use terraform::{LOCK, is_terraform};

/// The objects of a set of files, and the findings about the files.
#[derive(Debug)]
pub struct Inventory<'f> {
    pub(crate) files: &'f [SourceFile],
    /// Line tables of the files, each made when it is first asked for.
    lines: Vec<OnceLock<Lines<'f>>>,
    pub(crate) documents: Vec<Held<'f>>,
    resources: Vec<Resource>,
    pub(crate) kustomize: BTreeMap<String, Kustomize>,
    /// Flux Kustomizations by the path that they apply, in the order of the paths.
    pub(crate) appliers: Vec<Vec<usize>>,
    /// What variables in the paths of Flux Kustomizations say.
    filled: entry::Filled,
    /// Patches that say what they change.
    patches: Vec<Patch>,
    /// Objects that patches complete: the patches that go over each in each of its places, in order.
    chains: BTreeMap<usize, BTreeSet<(Placement, Vec<usize>)>>,
    /// Files that hold a JSON patch, with their documents.
    pub(crate) operations: Vec<(String, usize)>,
    /// Values in ConfigMaps: the ConfigMap and the key, and the values.
    pub(crate) config_data: BTreeMap<(usize, String), usize>,
    /// Values that comments explain, by document and position of the comment.
    pub(crate) explained: Vec<Explained>,
    /// ConfigMaps that kustomize makes.
    pub(crate) generators: Vec<Generator>,
    /// Documents of files of assignments, by path.
    pub(crate) assignments: BTreeMap<String, usize>,
    /// Whether the files have an entry point of a cluster.
    pub(crate) has_clusters: bool,
    /// Folders that hold a chart.
    charts: BTreeSet<&'f str>,
    /// Files of Terraform by the number of the file, where any of them speaks of Flux.
    pub(crate) terraform: Vec<(usize, Block)>,
    /// Flux versions by the folder of the generated components.
    pub(crate) flux: Vec<(String, String)>,
    /// Findings about the files, by path and position.
    pub diagnostics: Vec<Diagnostic>,
}

/// A document with the file that it stands in.
#[derive(Debug)]
pub(crate) struct Held<'f> {
    pub(crate) file: usize,
    pub(crate) document: Document<'f>,
    pub(crate) encryption: Encryption,
}

/// What SOPS says about changes of plaintext values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    None,
    /// The checksum covers plaintext as well: nothing may change.
    Whole,
    /// `mac_only_encrypted: true`: plaintext may change.
    OnlyEncrypted,
}

/// An object of a kind that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its kind.
    pub kind: Kind,
    /// Its kind as written.
    pub kind_name: String,
    /// `apiVersion`, as written.
    pub api_version: String,
    /// `metadata.name`, as written.
    pub name: String,
    /// `metadata.namespace`, as written.
    pub written_namespace: Option<String>,
    /// Where it goes; at least one.
    pub placements: Vec<Placement>,
    /// Whether `spec.suspend` is true.
    pub suspended: bool,
    /// Whether it is a patch of another object and no object itself.
    pub is_patch: bool,
    /// The ResourceSet that makes it, as a number of the resources.
    pub(crate) within: Option<usize>,
    /// Whether it is what a `test` operation of a JSON patch compares with.
    pub(crate) is_test: bool,
    /// Names of objects that a patch changes by a selector, besides `name`.
    pub(crate) also: Vec<String>,
    /// The path inside the patched object where `node` goes, for an operation of a JSON patch.
    pub(crate) fragment: Vec<String>,
    /// What applies it, as numbers into `Inventory::appliers`.
    pub(crate) applied_by: Vec<usize>,
    pub(crate) document: usize,
    node: u32,
}

impl<'f> Inventory<'f> {
    /// The objects, by path and position.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// Whether a file is a template of a chart in this repository, which only Helm can read.
    fn is_chart_template(&self, path: &RepoPath) -> bool {
        let mut outer = path.as_str().match_indices("/templates/").map(|(at, _)| &path.as_str()[..at]);
        outer.any(|folder| self.charts.contains(folder))
            || path.as_str().starts_with("templates/") && self.charts.contains("")
    }

    /// The number of an object in [`Inventory::resources`].
    pub(crate) fn index_of(&self, resource: &Resource) -> Option<usize> {
        self.resources.element_offset(resource)
    }

    /// Where an object begins.
    #[must_use]
    pub fn location(&self, resource: &Resource) -> Location {
        let span = self.node(resource).map_or(Span::default(), Node::span);
        self.locate(resource.document, span)
    }

    pub(crate) fn node(&self, resource: &Resource) -> Option<Node<'_, 'f>> {
        self.documents.get(resource.document)?.document.node(resource.node)
    }

    /// The value at a path of an object; of a part of one, as far as the part has it.
    pub(crate) fn at(&self, resource: &Resource, path: &[&str]) -> Option<Node<'_, 'f>> {
        let fragment = &resource.fragment;
        if path.len() < fragment.len() || fragment.iter().zip(path).any(|(a, b)| a != b) {
            return None;
        }
        self.node(resource)?.at(&path[fragment.len()..])
    }

    pub(crate) fn held(&self, resource: &Resource) -> &Held<'f> {
        &self.documents[resource.document]
    }

    pub(crate) fn file_of(&self, resource: &Resource) -> &'f SourceFile {
        &self.files[self.held(resource).file]
    }

    /// A location in the file of a document.
    pub(crate) fn locate(&self, document: usize, span: Span) -> Location {
        let file = self.documents[document].file;
        self.lines(file).locate(&self.files[file].path, span)
    }

    /// Adds a finding about a byte of a file.
    fn report(
        &mut self,
        file: usize,
        code: &'static str,
        at: usize,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> &mut Diagnostic {
        let at = self.lines(file).locate(&self.files[file].path, Span::new(at, at));
        let finding = Diagnostic::new(code, Severity::Error, at, message).with_help(help);
        self.diagnostics.push_mut(finding)
    }

    /// The lines of a file.
    pub(crate) fn lines(&self, file: usize) -> &Lines<'f> {
        self.lines[file].get_or_init(|| Lines::new(&self.files[file].text))
    }
}

/// Reads every file, finds the objects that Flux would apply and where they go.
///
/// Files may come in any order; the inventory is ordered by path. Linear in the size of the texts.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::{RepoPath, SourceFile, scan};
/// let text = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {name: podinfo}\n";
/// let files = [SourceFile { path: RepoPath::parse("podinfo.yaml").unwrap(), text: text.to_owned() }];
/// let inventory = scan(&files);
/// assert_eq!(inventory.resources()[0].name, "podinfo");
/// ```
#[must_use]
pub fn scan(files: &[SourceFile]) -> Inventory<'_> {
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by(|a, b| files[*a].path.cmp(&files[*b].path));
    let mut inventory = Inventory {
        files,
        lines: files.iter().map(|_| OnceLock::new()).collect(),
        documents: Vec::new(),
        resources: Vec::new(),
        kustomize: BTreeMap::new(),
        appliers: Vec::new(),
        filled: entry::Filled::new(),
        patches: Vec::new(),
        chains: BTreeMap::new(),
        operations: Vec::new(),
        config_data: BTreeMap::new(),
        explained: Vec::new(),
        generators: Vec::new(),
        assignments: BTreeMap::new(),
        has_clusters: false,
        charts: files
            .iter()
            .filter(|file| file.path.name() == "Chart.yaml")
            .map(|file| file.path.folder())
            .collect(),
        terraform: Vec::new(),
        flux: Vec::new(),
        diagnostics: Vec::new(),
    };
    for file in order {
        find::read(&mut inventory, file);
    }
    terraform::read(&mut inventory);
    generator::read(&mut inventory);
    place::place(&mut inventory);
    comment::read(&mut inventory);
    inventory.diagnostics.sort_by(|a, b| (&a.at, a.code, &a.message).cmp(&(&b.at, b.code, &b.message)));
    inventory
}
