//! One file to the documents and objects in it.

use std::collections::BTreeSet;

use memchr::memmem;

use super::kind::{FLUX_NEEDLES, NEEDLES};
use super::kustomize::{is_kustomization_file, items};
use super::object::{Objects, encryption};
use super::target::Target;
use super::{Encryption, Generator, Held, Inventory, Kind, Kustomize, Patch, Resource};
use crate::text::{SourceFile, Span};
use crate::yaml::{Comments, Document, Node, parse, split};

/// Comments are read only where one of these could matter.
const COMMENT_NEEDLES: &[&str] =
    &["flux-upgrade", "Flux-Upgrade", "$imagepolicy", "renovate:", "fluxcd/flux2/action@"];

pub(super) fn read(inventory: &mut Inventory<'_>, index: usize) {
    let file = &inventory.files[index];
    let name = file.path.name();
    if let Some(version) = flux_version(file) {
        inventory.flux.push((file.path.folder().to_owned(), version));
        return;
    }
    let is_kustomization = is_kustomization_file(name);
    let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    let named = is_kustomization || name == "Chart.yaml";
    let of_flux = has_any(&file.text, FLUX_NEEDLES);
    if !(named || is_yaml && (of_flux || has_any(&file.text, NEEDLES))) {
        return;
    }
    if !named && !of_flux && inventory.is_chart_template(&file.path) {
        return;
    }
    let parts = split(&file.text);
    if parts.iter().any(|part| has_open_conflict(part.of(&file.text))) {
        let at = line_that_begins(&file.text, CONFLICT_START).unwrap_or(0);
        let message = "the file has an unresolved merge conflict over several documents";
        let help = "resolve the conflict; until then nothing in this file is planned";
        inventory.report(index, "yaml.conflict-marker", at, message, help);
        return;
    }
    for part in parts {
        let text = part.of(&file.text);
        let is_schema = line_that_begins(text, "kind: CustomResourceDefinition").is_some();
        if !is_schema && (named || of_flux || has_any(text, NEEDLES)) {
            read_part(inventory, index, part, is_kustomization);
        }
    }
}

fn read_part(inventory: &mut Inventory<'_>, index: usize, part: Span, is_kustomization: bool) {
    let file = &inventory.files[index];
    let text = part.of(&file.text);
    if let Some(at) = line_that_begins(text, CONFLICT_START) {
        let message = "the document has an unresolved merge conflict";
        let help = "resolve the conflict; until then nothing in this document is planned";
        inventory.report(index, "yaml.conflict-marker", part.start + at, message, help);
        return;
    }
    let comments = if has_any(text, COMMENT_NEEDLES) { Comments::Keep } else { Comments::Skip };
    let (documents, error) = parse(&file.text, part, comments);
    for document in documents {
        keep(inventory, index, document, is_kustomization);
    }
    let Some(error) = error else { return };
    // What is no manifest, such as a file of values, may be in any language.
    if !is_kustomization && !has_any(&file.text, FLUX_NEEDLES) && !has_any(&file.text, &["apiVersion:"]) {
        return;
    }
    match template(text, error.at - part.start) {
        Some(at) => {
            let help = "templates are left alone; the other documents of the file are read";
            inventory.report(index, "yaml.template", part.start + at, "a template and not YAML", help);
        }
        None => {
            let message = format!("not YAML: {}", error.message);
            let help = if error.message.contains("tab") {
                "indent with blanks; until then this document is left alone, the others of the file are read"
            } else {
                "this document is left alone; the others of the file are read"
            };
            inventory.report(index, "yaml.syntax", error.at, message, help);
        }
    }
}

/// Where a template begins, if that is why the text cannot be read: braces on the line of the error, or at the start of
/// a line.
fn template(text: &str, error: usize) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive(['\n', '\r']) {
        let end = start + line.len();
        let braces = line.find("{{");
        if let Some(at) = braces.filter(|at| line[..*at].trim().is_empty() || (start..=end).contains(&error))
        {
            return Some(start + at);
        }
        start = end;
    }
    None
}

fn keep<'f>(inventory: &mut Inventory<'f>, file: usize, document: Document<'f>, is_kustomization: bool) {
    let Some(root) = document.root() else { return };
    if root.is_sequence() {
        if operations(root).next().is_some() {
            let number = inventory.documents.len();
            inventory.operations.push((inventory.files[file].path.as_str().to_owned(), number));
            inventory.documents.push(Held { file, document, encryption: Encryption::None });
        }
        return;
    }
    if !root.is_mapping() {
        return;
    }
    let source = &inventory.files[file];
    let number = inventory.documents.len();
    let mut found = Objects::of(root, number);
    for (at, message, help) in found.unknown {
        inventory.report(file, "manifest.unknown-version", at, message, help);
    }
    let kustomize = (is_kustomization && found.resources.is_empty() && !names_flux(root))
        .then(|| Kustomize::read(source.path.folder(), root));
    let is_object = !found.resources.is_empty() || kustomize.is_some();
    if kustomize.is_some() {
        let folder = source.path.folder();
        let name = if folder.is_empty() { "." } else { folder };
        found.resources.push(Resource::at(Kind::KustomizationFile, name, None, number, root));
    } else if found.resources.is_empty() && root.get("kind").is_none() {
        let (kind, name) = plain_kind(source, root);
        found.resources.push(Resource::at(kind, name, None, number, root));
    }
    if found.resources.is_empty() {
        return;
    }
    let doubled = if is_object { document.duplicate_keys() } else { Vec::new() };
    for (first, second) in &doubled {
        let message = format!("the key `{}` stands twice in one mapping", second.of(&source.text));
        let help = "Flux refuses such a document; remove one of the two";
        let first = inventory.lines(file).locate(&source.path, *first);
        inventory.report(file, "yaml.duplicate-key", second.start, message, help).related.push(first);
    }
    if !doubled.is_empty() {
        return;
    }
    let nested = nested(root, &found.resources);
    let encryption = encryption(root);
    if let Some(kustomize) = kustomize {
        let by = inventory.resources.len() + found.resources.len() - 1;
        inventory.generators.extend(Generator::all(source.path.folder(), root, by));
        inventory.kustomize.insert(source.path.folder().to_owned(), kustomize);
    }
    inventory.flux.extend(instance_version(root).map(|version| (source.path.folder().to_owned(), version)));
    let first = inventory.resources.len();
    inventory.resources.extend(found.resources);
    inventory.documents.push(Held { file, document, encryption });
    for (span, what) in nested {
        let (documents, _) = parse(&source.text, span, Comments::Keep);
        for document in documents {
            keep_nested(inventory, (file, encryption), document, &what, first, 1);
        }
    }
}

/// Reads a file of values that a ConfigMap is made of, whatever words it holds.
pub(super) fn read_values(inventory: &mut Inventory<'_>, index: usize) {
    for part in split(&inventory.files[index].text) {
        read_part(inventory, index, part, false);
    }
}

/// Reads the values in ConfigMaps under some keys that hold none of the words that texts are screened by.
pub(super) fn read_data(inventory: &mut Inventory<'_>, keys: &BTreeSet<String>) {
    let mut found = Vec::new();
    for (index, map) in inventory.resources.iter().enumerate().filter(|(_, map)| map.kind == Kind::ConfigMap)
    {
        let data = inventory.at(map, &["data"]).and_then(Node::resolved);
        for (key, value) in data.into_iter().flat_map(Node::entries) {
            let Some((key, span)) = key.text().zip(value.block()) else { continue };
            let is_new = !inventory.config_data.contains_key(&(index, key.to_owned()));
            if is_new && keys.contains(key) {
                found.push((index, span, Nested::Data { key: key.to_owned(), by: 0 }));
            }
        }
    }
    for (index, span, what) in found {
        let held = inventory.held(&inventory.resources[index]);
        let (file, encryption) = (held.file, held.encryption);
        for document in parse(&inventory.files[file].text, span, Comments::Keep).0 {
            keep_nested(inventory, (file, encryption), document, &what, index, 1);
        }
    }
}

/// Reads a file of lines `KEY=VALUE`.
///
/// Source: kustomize `api/kv/kv.go`: blanks at the start of a line, empty lines and lines that begin with `#` do not count.
pub(super) fn read_assignments(inventory: &mut Inventory<'_>, index: usize) {
    let file = &inventory.files[index];
    let document = Document::of_assignments(&file.text);
    let (number, path) = (inventory.documents.len(), file.path.as_str());
    let Some(root) = document.root() else { return };
    inventory.assignments.insert(path.to_owned(), number);
    inventory.resources.push(Resource::at(Kind::Plain, path, None, number, root));
    let is_encrypted = has_any(&file.text, &["sops_mac="]);
    let encryption = if is_encrypted { Encryption::Whole } else { Encryption::None };
    inventory.documents.push(Held { file: index, document, encryption });
}

/// What a document without a kind is, by the name of its file, and what it is called.
fn plain_kind<'n>(source: &'n SourceFile, root: Node<'n, '_>) -> (Kind, &'n str) {
    let path = source.path.as_str();
    if source.path.name() == "Chart.yaml" {
        return (Kind::ChartFile, root.text_at(&["name"]).unwrap_or(source.path.folder()));
    }
    let in_actions = path.starts_with(".github/") || path.contains("/.github/");
    if in_actions && (root.get("jobs").is_some() || root.get("runs").is_some()) {
        return (Kind::Workflow, root.text_at(&["name"]).unwrap_or(path));
    }
    (Kind::Plain, path)
}

/// What a text inside a block scalar is.
enum Nested {
    /// A patch of the objects that the target selects, by a kustomization or by the object with this index.
    Patch { target: Option<Target>, by: Option<usize> },
    /// Chart values that a ConfigMap holds under a key.
    Data { key: String, by: usize },
}

fn keep_nested<'f>(
    inventory: &mut Inventory<'f>,
    (file, encryption): (usize, Encryption),
    document: Document<'f>,
    what: &Nested,
    first: usize,
    depth: usize,
) {
    let Some(root) = document.root() else { return };
    let number = inventory.documents.len();
    let before = inventory.resources.len();
    match what {
        Nested::Data { key, by } => {
            if !root.is_mapping() {
                return;
            }
            let resource = Resource::at(Kind::Plain, key, None, number, root);
            inventory.config_data.insert((first + by, key.clone()), before);
            inventory.resources.push(resource);
        }
        Nested::Patch { target, by } => {
            let patches = if root.is_sequence() {
                target.as_ref().map(|target| fragments(root, target, number)).unwrap_or_default()
            } else {
                Objects::of(root, number).resources
            };
            for mut patch in patches {
                patch.is_patch = true;
                let target = target.clone().unwrap_or_else(|| Target::of(&patch));
                patch.name = target.plain_name().map_or(patch.name, str::to_owned);
                let folder = inventory.files[file].path.folder().to_owned();
                let (resource, by) = (inventory.resources.len(), by.map(|by| first + by));
                inventory.patches.push(Patch { resource, by, folder, target });
                inventory.resources.push(patch);
            }
        }
    }
    if inventory.resources.len() == before {
        return;
    }
    let inner = match what {
        Nested::Patch { .. } if depth < DEEPEST_PATCH => nested(root, &inventory.resources[before..]),
        _ => Vec::new(),
    };
    inventory.documents.push(Held { file, document, encryption });
    for (span, what) in inner {
        let (documents, _) = parse(&inventory.files[file].text, span, Comments::Keep);
        for document in documents {
            keep_nested(inventory, (file, encryption), document, &what, before, depth + 1);
        }
    }
}

/// How many patches may stand in one another: a kustomization patches a Flux Kustomization, which patches a release, which
/// patches what its chart renders. Each is read again for every one that it stands in.
const DEEPEST_PATCH: usize = 3;

/// The operations of a JSON patch that set a value.
fn operations<'d, 't>(root: Node<'d, 't>) -> impl Iterator<Item = (Vec<String>, Node<'d, 't>)> {
    root.items().filter_map(Node::resolved).filter_map(|operation| {
        let sets = matches!(operation.text_at(&["op"])?, "add" | "replace");
        let path = operation.text_at(&["path"]).filter(|_| sets)?.strip_prefix('/')?;
        let path = path.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
        Some((path, operation.get("value")?))
    })
}

/// Each value of a JSON patch as a part of the object that it patches.
///
/// Source: RFC 6902, and RFC 6901 for the paths.
pub(super) fn fragments(root: Node<'_, '_>, target: &Target, document: usize) -> Vec<Resource> {
    let Some(kind_name) = target.kind.as_deref() else { return Vec::new() };
    let kind = Kind::from_reference(kind_name).unwrap_or(Kind::Object);
    let name = target.plain_name().unwrap_or("");
    let parts = operations(root).map(|(path, value)| Resource {
        kind_name: kind_name.to_owned(),
        is_patch: true,
        fragment: path,
        ..Resource::at(kind, name, None, document, value)
    });
    parts.collect()
}

/// Texts in block scalars that are documents of their own: patches, and values in a ConfigMap.
fn nested(root: Node<'_, '_>, resources: &[Resource]) -> Vec<(Span, Nested)> {
    let mut out = Vec::new();
    for (by, resource) in resources.iter().enumerate().filter(|(_, part)| part.fragment.is_empty()) {
        let Some(node) = root.document().node(resource.node) else { continue };
        match resource.kind {
            Kind::KustomizationFile => {
                patches(node, None, &mut out);
                let texts = items(node, "patchesStrategicMerge").filter_map(Node::block);
                out.extend(texts.map(|span| (span, Nested::Patch { target: None, by: None })));
            }
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
            Kind::ConfigMap => {
                let data = node.get("data").and_then(Node::resolved);
                for (key, value) in data.into_iter().flat_map(Node::entries) {
                    let span =
                        value.block().filter(|_| value.text().is_some_and(|text| has_any(text, NEEDLES)));
                    let data = |key: &str| Nested::Data { key: key.to_owned(), by };
                    out.extend(span.zip(key.text()).map(|(span, key)| (span, data(key))));
                }
            }
            _ => {}
        }
    }
    out
}

/// The inline patches of a kustomization, a Flux Kustomization or a post-renderer.
fn patches(node: Node<'_, '_>, by: Option<usize>, out: &mut Vec<(Span, Nested)>) {
    for field in ["patches", "patchesJson6902"] {
        for patch in items(node, field) {
            let target = patch.get("target").and_then(Node::resolved).map(Target::read);
            let span = patch.get("patch").and_then(Node::block);
            out.extend(span.map(|span| (span, Nested::Patch { target, by })));
        }
    }
}

/// The Flux minor that a FluxInstance names, with or without a range over its patches: `2.8.x`, `v2.8.1`.
fn instance_version(root: Node<'_, '_>) -> Option<String> {
    let is_instance = root.text_at(&["kind"]) == Some("FluxInstance");
    let text = root.text_at(&["spec", "distribution", "version"]).filter(|_| is_instance)?;
    let mut parts = text.trim_start_matches(['v', '=', '~', '^', ' ']).split('.');
    let (major, minor) = (parts.next()?, parts.next()?);
    let numbers =
        [major, minor].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    numbers.then(|| format!("{major}.{minor}"))
}

/// Whether a document is of one of Flux's own groups, whatever its file is called.
fn names_flux(root: Node<'_, '_>) -> bool {
    root.text_at(&["apiVersion"]).is_some_and(|version| version.contains("toolkit.fluxcd.io"))
}

fn has_any(text: &str, needles: &[&str]) -> bool {
    needles.iter().any(|needle| memmem::find(text.as_bytes(), needle.as_bytes()).is_some())
}

const CONFLICT_START: &str = "<<<<<<< ";
const CONFLICT_END: &str = ">>>>>>> ";

/// Whether a merge conflict begins in this part and ends in another, or the other way round.
fn has_open_conflict(text: &str) -> bool {
    line_that_begins(text, CONFLICT_START).is_some() != line_that_begins(text, CONFLICT_END).is_some()
}

/// The byte of the first line that begins with `needle`.
fn line_that_begins(text: &str, needle: &str) -> Option<usize> {
    memmem::find_iter(text.as_bytes(), needle.as_bytes())
        .find(|at| *at == 0 || matches!(text.as_bytes()[at - 1], b'\n' | b'\r'))
}

/// The Flux version in the header of a generated file of components, which holds no object to plan: the header that `flux install --export` writes, with or without `v`.
fn flux_version(file: &SourceFile) -> Option<String> {
    if !matches!(file.path.name(), "gotk-components.yaml" | "toolkit-components.yaml") {
        return None;
    }
    let header = file.text.lines().take(10).find_map(|line| line.strip_prefix("# Flux Version:"))?;
    Some(header.trim().to_owned())
}
