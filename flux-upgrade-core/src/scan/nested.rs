//! Documents inside objects: patches, and values in a ConfigMap.
//!
//! They stand in a text, which is read in place, or are a part of the object itself, as in the older lists of patches.

use std::collections::{BTreeMap, BTreeSet};

use super::find::has_any;
use super::kind::NEEDLES;
use super::kustomize::items;
use super::object::Objects;
use super::patch::{List, Patch, fragments};
use super::target::Target;
use super::{Encryption, Held, Inventory, Kind, Resource};
use crate::yaml::{Document, Node, embedded, templated, unreadable};

/// Something inside an object.
pub(super) struct Nested<'f> {
    what: What,
    body: Body<'f>,
}

/// What it is.
enum What {
    /// A patch of the objects that the target selects, by a kustomization or by the object with this index.
    Patch { target: Option<Target>, by: Option<usize>, order: (List, usize) },
    /// Chart values that a ConfigMap holds under a key.
    Data { key: String, by: usize },
    /// An object that the ResourceSet with this index makes.
    Object { by: usize },
}

/// How it is written.
enum Body<'f> {
    /// In a text of its own.
    Text(Vec<Document<'f>>),
    /// As the node with this number.
    Node(u32),
    /// As a template whose YAML cannot be told, from this byte on.
    Broken(usize),
}

/// How many patches may stand in one another: a kustomization patches a Flux Kustomization, which patches a release, which
/// patches what its chart renders. Each is read again for every one that it stands in.
const DEEPEST_PATCH: usize = 3;

/// Keeps what stands inside the objects of a document; `first` is the first of them.
pub(super) fn keep<'f>(
    inventory: &mut Inventory<'f>,
    (file, encryption): (usize, Encryption),
    outer: usize,
    found: Vec<Nested<'f>>,
    (first, depth): (usize, usize),
) {
    for Nested { what, body } in found {
        match body {
            Body::Node(node) => {
                let Some(root) = inventory.documents[outer].document.node(node) else { continue };
                let added = Added::of(root, outer, &what, inventory.resources.len(), first);
                let folder = inventory.files[file].path.folder();
                let inner = added.inner(root, depth);
                let next = inventory.resources.len();
                added.keep(folder, &mut inventory.resources, &mut inventory.patches);
                keep(inventory, (file, encryption), outer, inner, (next, depth + 1));
            }
            Body::Broken(at) => {
                let help = "templates are left alone; the other documents of the file are read";
                inventory.report(file, "yaml.template", at, "a template and not YAML", help);
            }
            Body::Text(documents) => {
                for document in documents {
                    let Some(root) = document.root() else { continue };
                    let number = inventory.documents.len();
                    let added = Added::of(root, number, &what, inventory.resources.len(), first);
                    if added.is_empty() {
                        continue;
                    }
                    let inner = added.inner(root, depth);
                    let next = inventory.resources.len();
                    if let What::Data { key, by } = &what {
                        inventory.config_data.insert((first + by, key.clone()), next);
                    }
                    let folder = inventory.files[file].path.folder();
                    added.keep(folder, &mut inventory.resources, &mut inventory.patches);
                    inventory.documents.push(Held { file, document, encryption });
                    keep(inventory, (file, encryption), number, inner, (next, depth + 1));
                }
            }
        }
    }
}

/// Reads the values that releases take from ConfigMaps and that hold none of the words that texts are screened by; `taken` is the names
/// of the ConfigMaps by key. What is no YAML is reported.
pub(super) fn read_data(inventory: &mut Inventory<'_>, taken: &BTreeMap<String, BTreeSet<String>>) {
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for (index, map) in inventory.resources.iter().enumerate().filter(|(_, map)| map.kind == Kind::ConfigMap)
    {
        let data = inventory.at(map, &["data"]).and_then(Node::resolved);
        for (key, value) in data.into_iter().flat_map(Node::entries) {
            let Some(key) = key.text().filter(|_| value.quote().is_some()) else { continue };
            let Some(names) = taken.get(key) else { continue };
            if names.contains(&map.name) {
                let error = unreadable(value);
                wrong.extend(error.map(|error| (index, value.text().unwrap_or(""), error)));
            }
            if !inventory.config_data.contains_key(&(index, key.to_owned())) {
                let what = What::Data { key: key.to_owned(), by: 0 };
                found.push((index, Nested { what, body: Body::Text(embedded(value)) }));
            }
        }
    }
    let wrong: Vec<_> = wrong
        .into_iter()
        .map(|(index, text, error)| {
            let (code, message) = match text.contains("{{") {
                true => ("yaml.template", "a template and not YAML".to_owned()),
                false => ("yaml.syntax", format!("values that are not YAML: {}", error.message)),
            };
            (inventory.held(&inventory.resources[index]).file, code, error.at, message)
        })
        .collect();
    for (file, code, at, message) in wrong {
        let help = "a release takes these values; what they set is not planned until they can be read";
        inventory.report(file, code, at, message, help);
    }
    for (index, inside) in found {
        let outer = inventory.resources[index].document;
        let (file, encryption) = (inventory.documents[outer].file, inventory.documents[outer].encryption);
        keep(inventory, (file, encryption), outer, vec![inside], (index, 1));
    }
}

/// What a document inside an object adds to the inventory.
struct Added {
    resources: Vec<Resource>,
    patch: Option<Patch>,
}

impl Added {
    /// `next` is the number of the first new resource.
    fn of(root: Node<'_, '_>, document: usize, what: &What, next: usize, first: usize) -> Self {
        let (target, by, order) = match what {
            What::Data { key, .. } => {
                let values = root.is_mapping().then(|| Resource::at(Kind::Plain, key, None, document, root));
                return Self { resources: values.into_iter().collect(), patch: None };
            }
            What::Object { by } => {
                let mut resources = Objects::of(root, document).resources;
                resources.iter_mut().for_each(|resource| resource.within = Some(first + by));
                return Self { resources, patch: None };
            }
            What::Patch { target, by, order } => (target.clone(), by, *order),
        };
        let target = target.or_else(|| Target::of(root).filter(|_| root.is_mapping()));
        let Some(target) = target else { return Self { resources: Vec::new(), patch: None } };
        let mut resources = if root.is_sequence() {
            fragments(root, &target, document)
        } else {
            Objects::of(root, document).resources
        };
        for patch in &mut resources {
            patch.is_patch = true;
            if let Some(name) = target.plain_name() {
                name.clone_into(&mut patch.name);
            }
        }
        let patch = Patch {
            document,
            node: root.number(),
            parts: (next..next + resources.len()).collect(),
            by: by.map(|by| first + by),
            folder: String::new(),
            target,
            order,
        };
        Self { resources, patch: Some(patch) }
    }

    fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.patch.is_none()
    }

    /// What stands inside it in turn.
    fn inner<'f>(&self, root: Node<'_, 'f>, depth: usize) -> Vec<Nested<'f>> {
        if depth < DEEPEST_PATCH { nested(root, &self.resources) } else { Vec::new() }
    }

    fn keep(self, folder: &str, resources: &mut Vec<Resource>, patches: &mut Vec<Patch>) {
        resources.extend(self.resources);
        patches.extend(self.patch.map(|patch| Patch { folder: folder.to_owned(), ..patch }));
    }
}

/// What stands inside some objects of a document.
pub(super) fn nested<'f>(root: Node<'_, 'f>, resources: &[Resource]) -> Vec<Nested<'f>> {
    let mut out = Vec::new();
    for (by, resource) in resources.iter().enumerate().filter(|(_, part)| part.fragment.is_empty()) {
        let Some(node) = root.document().node(resource.node) else { continue };
        match resource.kind {
            Kind::KustomizationFile => patches(node, None, &mut out),
            Kind::Kustomization => {
                let spec = node.get("spec").and_then(Node::resolved);
                spec.into_iter().for_each(|spec| patches(spec, Some(by), &mut out));
            }
            Kind::HelmRelease => {
                let spec = node.get("spec").and_then(Node::resolved);
                for renderer in spec.into_iter().flat_map(|spec| items(spec, "postRenderers")) {
                    let kustomize = renderer.get("kustomize").and_then(Node::resolved);
                    kustomize.into_iter().for_each(|kustomize| patches(kustomize, Some(by), &mut out));
                }
            }
            Kind::ResourceSet => {
                let spec = node.get("spec").and_then(Node::resolved);
                for spec in
                    spec.into_iter().flat_map(|spec| std::iter::once(spec).chain(items(spec, "steps")))
                {
                    resources_of(spec, by, &mut out);
                }
            }
            Kind::ConfigMap => {
                let data = node.get("data").and_then(Node::resolved);
                for (key, value) in data.into_iter().flat_map(Node::entries) {
                    let text = value.text().filter(|_| value.quote().is_some());
                    if text.is_some_and(|text| could_be_mapping(text) && has_any(text, NEEDLES)) {
                        let what = key.text().map(|key| What::Data { key: key.to_owned(), by });
                        out.extend(what.map(|what| Nested { what, body: Body::Text(embedded(value)) }));
                    }
                }
            }
            _ => {}
        }
    }
    out
}

/// Whether a text in some value could be YAML with keys.
fn could_be_mapping(text: &str) -> bool {
    has_any(text, &[": ", ":\n", "{"])
}

/// The objects of a ResourceSet, or of one of its steps: as they are, and in a template.
///
/// Source: Flux Operator, its documentation of ResourceSet: `resources` and `resourcesTemplate`.
fn resources_of<'f>(spec: Node<'_, 'f>, by: usize, out: &mut Vec<Nested<'f>>) {
    for node in items(spec, "resources").filter(|node| node.is_mapping()) {
        out.push(Nested { what: What::Object { by }, body: Body::Node(node.number()) });
    }
    let template = spec.get("resourcesTemplate").and_then(Node::resolved);
    if let Some(template) = template {
        let (documents, broken) = templated(template);
        out.push(Nested { what: What::Object { by }, body: Body::Text(documents) });
        out.extend(broken.map(|at| Nested { what: What::Object { by }, body: Body::Broken(at) }));
    }
}

/// The inline patches of a kustomization, a Flux Kustomization or a post-renderer.
///
/// Source: kustomize `api/types/patch.go`; kustomize-controller and helm-controller `api/v1beta1`, whose older lists have the
/// patches as they are and not as texts.
fn patches<'f>(node: Node<'_, 'f>, by: Option<usize>, out: &mut Vec<Nested<'f>>) {
    for (field, list) in [("patches", List::Patches), ("patchesJson6902", List::Json6902)] {
        for (number, patch) in items(node, field).enumerate() {
            let target = patch.get("target").and_then(Node::resolved).map(Target::read);
            let what = What::Patch { target, by, order: (list, number) };
            out.extend(
                patch.get("patch").and_then(Node::resolved).map(|node| Nested { what, body: body(node) }),
            );
        }
    }
    for (number, node) in items(node, "patchesStrategicMerge").enumerate() {
        let is_path = node.quote().is_some() && node.text().is_none_or(|text| !text.contains(['\n', '{']));
        if !is_path {
            let what = What::Patch { target: None, by, order: (List::StrategicMerge, number) };
            out.push(Nested { what, body: body(node) });
        }
    }
}

fn body<'f>(node: Node<'_, 'f>) -> Body<'f> {
    match node.quote() {
        Some(_) => Body::Text(embedded(node)),
        None => Body::Node(node.number()),
    }
}
