//! One file to the objects in it.

use memchr::memmem;

use super::kind::{Known, NEEDLES, lookup};
use super::kustomize::is_kustomization_file;
use super::{Encryption, Held, Inventory, Kind, Kustomize, Resource};
use crate::diagnostic::{Diagnostic, Severity};
use crate::text::{Lines, SourceFile, Span};
use crate::yaml::{Comments, Document, Node, SyntaxError, parse, split};

/// Comments are read only where one of these could matter.
const COMMENT_NEEDLES: &[&str] = &["flux-upgrade:", "$imagepolicy"];

pub(super) fn read<'f>(inventory: &mut Inventory<'f>, index: usize) {
    let file = &inventory.files[index];
    let name = file.path.name();
    if let Some(version) = flux_version(file) {
        inventory.flux.push((file.path.folder().to_owned(), version));
        return;
    }
    let is_kustomization = is_kustomization_file(name);
    let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    if !(is_kustomization || is_yaml && has_any(&file.text, NEEDLES)) {
        return;
    }
    let lines = Lines::new(&file.text);
    let parts = split(&file.text);
    if parts.iter().any(|part| has_open_conflict(part.of(&file.text))) {
        let at = line_that_begins(&file.text, CONFLICT_START).unwrap_or(0);
        inventory.diagnostics.push(
            finding(
                file,
                &lines,
                "yaml.conflict-marker",
                at,
                "the file has an unresolved merge conflict over several documents",
            )
            .with_help("resolve the conflict; until then nothing in this file is planned"),
        );
        return;
    }
    for part in parts {
        let text = part.of(&file.text);
        let comments = if has_any(text, COMMENT_NEEDLES) { Comments::Keep } else { Comments::Skip };
        if let Some(at) = line_that_begins(text, CONFLICT_START) {
            inventory.diagnostics.push(
                finding(
                    file,
                    &lines,
                    "yaml.conflict-marker",
                    part.start + at,
                    "the document has an unresolved merge conflict",
                )
                .with_help("resolve the conflict; until then nothing in this document is planned"),
            );
            continue;
        }
        let (documents, error) = parse(&file.text, part, comments);
        for document in documents {
            keep(inventory, index, &lines, document, is_kustomization);
        }
        if let Some(error) = error {
            inventory.diagnostics.push(syntax(file, &lines, part, error));
        }
    }
    inventory.lines.insert(index, lines);
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

fn finding(
    file: &SourceFile,
    lines: &Lines<'_>,
    code: &'static str,
    at: usize,
    message: impl Into<String>,
) -> Diagnostic {
    let at = lines.locate(&file.path, Span::new(at, at));
    Diagnostic::new(code, Severity::Error, at, message)
}

fn syntax(file: &SourceFile, lines: &Lines<'_>, part: Span, error: SyntaxError) -> Diagnostic {
    match part.of(&file.text).find("{{") {
        Some(at) => finding(file, lines, "yaml.template", part.start + at, "a template and not YAML")
            .with_help("templates are left alone; the other documents of the file are read"),
        None => finding(file, lines, "yaml.syntax", error.at, format!("not YAML: {}", error.message))
            .with_help("this document is left alone; the others of the file are read"),
    }
}

fn keep<'f>(
    inventory: &mut Inventory<'f>,
    file: usize,
    lines: &Lines<'f>,
    document: Document<'f>,
    is_kustomization: bool,
) {
    let Some(root) = document.root().filter(|root| root.is_mapping()) else { return };
    let source = &inventory.files[file];
    let mut found = Objects::default();
    found.collect(root, inventory.documents.len());
    let kustomize = (is_kustomization && found.resources.is_empty() && !names_flux(root))
        .then(|| Kustomize::read(source.path.folder(), root));
    for (at, message, help) in found.unknown {
        inventory
            .diagnostics
            .push(finding(source, lines, "manifest.unknown-version", at, message).with_help(help));
    }
    if found.resources.is_empty() && kustomize.is_none() {
        return;
    }
    let doubled = duplicate_keys(&document);
    for span in &doubled {
        let message = format!("the key `{}` stands twice in one mapping", span.of(&source.text));
        inventory.diagnostics.push(
            finding(source, lines, "yaml.duplicate-key", span.start, message)
                .with_help("Flux refuses such a document; remove one of the two"),
        );
    }
    if !doubled.is_empty() {
        return;
    }
    let patches = inline_patches(root, &found.resources, is_kustomization);
    let encryption = encryption(root);
    if let Some(kustomize) = kustomize {
        inventory.kustomize.insert(source.path.folder().to_owned(), kustomize);
    }
    inventory.resources.extend(found.resources);
    inventory.documents.push(Held { file, document, encryption });
    for span in patches {
        let (documents, _) = parse(&source.text, span, Comments::Keep);
        for document in documents {
            let mut found = Objects::default();
            if let Some(root) = document.root().filter(|root| root.is_mapping()) {
                found.collect(root, inventory.documents.len());
            }
            if !found.resources.is_empty() {
                found.resources.iter_mut().for_each(|resource| resource.is_patch = true);
                inventory.resources.extend(found.resources);
                inventory.documents.push(Held { file, document, encryption });
            }
        }
    }
}

/// Strategic merge patches that a kustomization or a Flux Kustomization holds as block scalars.
fn inline_patches(root: Node<'_, '_>, resources: &[Resource], is_kustomization: bool) -> Vec<Span> {
    let is_flux = resources.iter().any(|resource| resource.kind == Kind::Kustomization);
    let path: &[&str] = match (is_flux, is_kustomization) {
        (true, _) => &["spec", "patches"],
        (false, true) => &["patches"],
        (false, false) => return Vec::new(),
    };
    let patches = root.at(path).and_then(Node::resolved);
    let texts = patches.into_iter().flat_map(Node::items).filter_map(|patch| patch.get("patch")?.resolved());
    texts.filter_map(|text| has_any(text.text()?, NEEDLES).then(|| text.block())?).collect()
}

/// Whether a document is of one of Flux's own groups, whatever its file is called.
fn names_flux(root: Node<'_, '_>) -> bool {
    root.text_at(&["apiVersion"]).is_some_and(|version| version.contains("toolkit.fluxcd.io"))
}

/// Objects found in one document.
#[derive(Default)]
struct Objects {
    resources: Vec<Resource>,
    /// Unknown API versions: where, what, and what is known.
    unknown: Vec<(usize, String, String)>,
}

impl Objects {
    /// The object at `node`, or the items of a list.
    fn collect(&mut self, node: Node<'_, '_>, document: usize) {
        let is_list = node.text_at(&["kind"]).is_some_and(|kind| kind.ends_with("List"));
        match node.get("items").and_then(Node::resolved) {
            Some(items) if is_list => {
                for item in items.items().filter(|item| item.is_mapping()) {
                    self.add(item, document);
                }
            }
            _ => self.add(node, document),
        }
    }

    fn add(&mut self, node: Node<'_, '_>, document: usize) {
        let (Some(api_version), Some(kind)) = (node.text_at(&["apiVersion"]), node.text_at(&["kind"])) else {
            return;
        };
        let kind = match lookup(api_version, kind) {
            Known::Yes(kind) => kind,
            Known::OtherVersion(kind, known) => {
                let at = node.get("apiVersion").map_or(0, |node| node.span().start);
                let message = format!("`{api_version}` is no version of {} that is known", kind.name());
                self.unknown.push((at, message, format!("known versions: {}", known.join(", "))));
                return;
            }
            Known::No => return,
        };
        let Some(name) = node.text_at(&["metadata", "name"]) else { return };
        self.resources.push(Resource {
            kind,
            api_version: api_version.to_owned(),
            name: name.to_owned(),
            written_namespace: node.text_at(&["metadata", "namespace"]).map(str::to_owned),
            placements: Vec::new(),
            suspended: node.text_at(&["spec", "suspend"]) == Some("true"),
            is_patch: false,
            document,
            node: node.number(),
        });
    }
}

/// Source: SOPS, "MAC only encrypted"; the checksum of a file otherwise covers its plaintext values.
fn encryption(root: Node<'_, '_>) -> Encryption {
    match root.get("sops").and_then(Node::resolved) {
        Some(sops) if sops.get("mac").is_some() => match sops.text_at(&["mac_only_encrypted"]) {
            Some("true") => Encryption::OnlyEncrypted,
            _ => Encryption::Whole,
        },
        _ => Encryption::None,
    }
}

/// Keys that stand twice in one mapping, the later one each time.
fn duplicate_keys(document: &Document<'_>) -> Vec<Span> {
    let (mut out, mut keys) = (Vec::new(), Vec::new());
    for mapping in document.nodes().filter(|node| node.is_mapping()) {
        keys.clear();
        let named = mapping.entries().filter(|(key, _)| !key.is_alias());
        keys.extend(named.filter_map(|(key, _)| Some((key.text()?, key.span()))));
        keys.sort_unstable();
        let again = keys.windows(2).filter(|pair| pair[0].0 == pair[1].0 && pair[1].0 != "<<");
        out.extend(again.map(|pair| pair[1].1));
    }
    out
}

/// The Flux version in the header of a generated file of components, which holds no object to plan: the header that `flux install --export` writes, with or without `v`.
fn flux_version(file: &SourceFile) -> Option<String> {
    if !matches!(file.path.name(), "gotk-components.yaml" | "toolkit-components.yaml") {
        return None;
    }
    let header = file.text.lines().take(10).find_map(|line| line.strip_prefix("# Flux Version:"))?;
    Some(header.trim().to_owned())
}
