//! One file to the documents and objects in it.

use memchr::memmem;

use super::kind::{FLUX_NEEDLES, NEEDLES};
use super::kustomize::is_kustomization_file;
use super::object::{Objects, encryption};
use super::patch::operations;
use super::{Encryption, Generator, Held, Inventory, Kind, Kustomize, Resource, nested};
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
    let inside = nested::nested(root, &found.resources);
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
    nested::keep(inventory, (file, encryption), number, inside, (first, 1));
}

/// Reads a file of values that a ConfigMap is made of, whatever words it holds.
pub(super) fn read_values(inventory: &mut Inventory<'_>, index: usize) {
    for part in split(&inventory.files[index].text) {
        read_part(inventory, index, part, false);
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

pub(super) fn has_any(text: &str, needles: &[&str]) -> bool {
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
