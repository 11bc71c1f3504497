//! That a conversion changes what it is about, and nothing else.

use std::collections::BTreeMap;

use crate::text::{RepoPath, Span};
use crate::yaml::{Comments, Node, parse, split};

/// Where an object may differ: the version, and where it comes from.
const MAY_DIFFER: &[&str] = &[
    "spec.ref.",
    "spec.chart.",
    "spec.chartRef.",
    "spec.version",
    "spec.distribution.version",
    "instance.distribution.version",
];

/// Kinds of which a new object may come.
const MAY_COME: &[&str] = &["OCIRepository", "ImageRepository", "ImagePolicy", "ImageUpdateAutomation"];

/// Kinds of which an object may go as a whole.
const MAY_GO: &[&str] = &["HelmRepository"];

/// A file before and after.
pub(super) struct Pair<'t> {
    pub(super) path: &'t RepoPath,
    pub(super) before: &'t str,
    pub(super) after: String,
}

/// Reads all texts and compares them object by object: only versions and sources of charts differ, and every comment is
/// still there, in whichever of the files.
///
/// `wanted` are comments that are new, `gone` those that go. Gives what differs, by the file that it differs in; none where all is well.
pub(super) fn unchanged(pairs: &[Pair<'_>], wanted: &[&str], gone: &[String]) -> BTreeMap<RepoPath, String> {
    let mut gone = gone.to_vec();
    let mut wrong = BTreeMap::new();
    // Comments by their text, with the file that each is of.
    let (mut lost, mut new) = (Vec::new(), Vec::new());
    for Pair { path, before, after } in pairs {
        match objects(path, before, after) {
            Ok((old, other)) => {
                lost.extend(old.into_iter().map(|comment| (comment, *path)));
                new.extend(other.into_iter().map(|comment| (comment, *path)));
            }
            Err(why) => {
                wrong.insert((*path).clone(), why);
            }
        }
    }
    // Comments move from file to file: they are counted once every file is one that may stay.
    if !wrong.is_empty() {
        return wrong;
    }
    for (comment, path) in lost {
        match new.iter().position(|(other, _)| *other == comment) {
            Some(at) => drop(new.swap_remove(at)),
            None => {
                if let Some(at) = gone.iter().position(|gone| *gone == comment) {
                    gone.swap_remove(at);
                    continue;
                }
                wrong.entry(path.clone()).or_insert(format!("the comment `{comment}` would be lost"));
            }
        }
    }
    for comment in wanted {
        if let Some(at) = new.iter().position(|(other, _)| other == comment) {
            new.swap_remove(at);
        }
    }
    for (comment, path) in new {
        wrong.entry(path.clone()).or_insert(format!("there would be a new comment `{comment}`"));
    }
    wrong
}

/// Compares the objects of a file; gives the comments before and after.
fn objects(path: &RepoPath, before: &str, after: &str) -> Result<(Vec<String>, Vec<String>), String> {
    let (old, other) = (read(before)?, read(after)?);
    let is_of = |key: &str, kinds: &[&str]| kinds.iter().any(|kind| key.starts_with(&format!("{kind}/")));
    for (key, fields) in &old.objects {
        match other.objects.get(key) {
            Some(other) => same(key, fields, other)?,
            None if is_of(key, MAY_GO) => {}
            None => return Err(format!("{key} of {path} would be lost")),
        }
    }
    let mut new = other.objects.keys().filter(|key| !old.objects.contains_key(*key));
    if let Some(key) = new.find(|key| !is_of(key, MAY_COME)) {
        return Err(format!("{path} would have a new {key}"));
    }
    Ok((old.comments, other.comments))
}

struct Read {
    /// Scalars by path, by object.
    objects: BTreeMap<String, BTreeMap<String, String>>,
    comments: Vec<String>,
}

fn read(text: &str) -> Result<Read, String> {
    let mut out = Read { objects: BTreeMap::new(), comments: Vec::new() };
    for part in split(text) {
        let (documents, error) = parse(text, part, Comments::Keep);
        if let Some(error) = error {
            return Err(format!("a document can no longer be read: {}", error.message));
        }
        for document in &documents {
            if !document.duplicate_keys().is_empty() {
                return Err("a key would stand twice in one mapping".to_owned());
            }
            let comments = document.comments().iter();
            out.comments.extend(comments.map(|comment| document.comment_text(*comment).to_owned()));
            if let Some(root) = document.root() {
                let mut fields = BTreeMap::new();
                flatten(root, String::new(), &mut fields);
                let key = unused(&out.objects, name(root));
                out.objects.insert(key, fields);
            }
        }
    }
    Ok(out)
}

/// `Kind/namespace/name`, or what a document without one is called.
fn name(root: Node<'_, '_>) -> String {
    let text = |path: &[&str]| root.text_at(path).unwrap_or("");
    match (text(&["kind"]), text(&["metadata", "name"])) {
        (kind, name) if !name.is_empty() => format!("{kind}/{}/{name}", text(&["metadata", "namespace"])),
        _ => "a document without a name".to_owned(),
    }
}

fn unused(objects: &BTreeMap<String, BTreeMap<String, String>>, key: String) -> String {
    let mut number = 1;
    let mut own = key.clone();
    while objects.contains_key(&own) {
        number += 1;
        own = format!("{key}#{number}");
    }
    own
}

fn flatten(node: Node<'_, '_>, path: String, out: &mut BTreeMap<String, String>) {
    let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    if node.is_mapping() {
        for (key, value) in node.entries() {
            flatten(value, join(key.text().unwrap_or("?")), out);
        }
    } else if node.is_sequence() {
        for (number, item) in node.items().enumerate() {
            flatten(item, join(&number.to_string()), out);
        }
    } else {
        let text = node.document().text();
        let span: Span = node.span();
        out.insert(path, node.text().unwrap_or_else(|| span.of(text)).to_owned());
    }
}

/// The path of a field in its own object: without that of the list that a List or a ResourceSet holds it in.
fn own_path(path: &str) -> &str {
    let in_list = ["spec.resources.", "items."].iter().find_map(|list| path.strip_prefix(list));
    let item = in_list.and_then(|rest| rest.split_once('.'));
    item.filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit())).map_or(path, |(_, own)| own)
}

fn same(key: &str, old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Result<(), String> {
    let may_differ = |path: &str| {
        let path = own_path(path);
        MAY_DIFFER.iter().any(|known| {
            path.starts_with(known) || format!("{path}.").starts_with(known) || path.ends_with(known)
        })
    };
    // A kustomization's list may get longer: what was on it stays on it.
    let listed = |fields: &BTreeMap<String, String>| -> Vec<String> {
        let items = fields.iter().filter(|(path, _)| path.starts_with("resources."));
        items.map(|(_, value)| value.clone()).collect()
    };
    let (was, is) = (listed(old), listed(new));
    let grows = was.iter().all(|value| is.contains(value));
    let paths = old.keys().chain(new.keys());
    for path in paths {
        let is_listed = grows && path.starts_with("resources.");
        if old.get(path) != new.get(path) && !may_differ(path) && !is_listed {
            return Err(format!("`{path}` of {key} would differ"));
        }
    }
    Ok(())
}
