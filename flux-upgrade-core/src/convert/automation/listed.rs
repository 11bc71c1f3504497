//! New files beside others, and their names in the kustomizations that list those.

use std::collections::BTreeMap;

use crate::patch::Edit;
use crate::scan::{Inventory, Kind};
use crate::text::{Lines, RepoPath, SourceFile, Span, join};
use crate::yaml::Node;

/// A file that is not there yet.
pub(super) struct New {
    /// The file that it stands beside.
    pub(super) beside: RepoPath,
    /// Its documents, in lines.
    pub(super) documents: Vec<Vec<String>>,
}

/// The new files, and the entries that name them.
pub(super) fn written(inventory: &Inventory<'_>, files: &BTreeMap<RepoPath, New>) -> Vec<Edit> {
    let mut edits: Vec<Edit> = files.iter().map(|(path, new)| whole(inventory, path, new)).collect();
    let mut beside: BTreeMap<&str, Vec<&RepoPath>> = BTreeMap::new();
    for (path, new) in files {
        beside.entry(new.beside.as_str()).or_default().push(path);
    }
    for resource in inventory.resources().iter().filter(|one| one.kind == Kind::KustomizationFile) {
        let file = inventory.file_of(resource);
        let Some(list) = inventory.at(resource, &["resources"]) else { continue };
        for item in list.items() {
            let named = item.text().and_then(|name| join(file.path.folder(), name));
            if let Some(paths) = named.and_then(|named| beside.get(named.as_str())) {
                edits.extend(entries(file, list.is_flow(), item, paths));
            }
        }
    }
    edits
}

/// A new file, in the style of the one that it stands beside.
fn whole(inventory: &Inventory<'_>, path: &RepoPath, new: &New) -> Edit {
    let model = inventory.files.iter().find(|file| file.path == new.beside);
    let model = model.map(|file| file.text.as_str()).unwrap_or_default();
    let end = Lines::new(model).line_end();
    let lead = if model.trim_start().starts_with("---") { format!("---{end}") } else { String::new() };
    let documents: Vec<String> = new.documents.iter().map(|lines| lines.join(end) + end).collect();
    Edit {
        path: path.clone(),
        span: Span::new(0, 0),
        expect: String::new(),
        replace: lead + &documents.join(&format!("---{end}")),
    }
}

/// The edit that puts new entries behind one that is there; none where that stands in an unknown way.
fn entries(file: &SourceFile, is_flow: bool, item: Node<'_, '_>, paths: &[&RepoPath]) -> Option<Edit> {
    let text = file.text.as_str();
    let name = item.text()?;
    let folder = name.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let names = paths.iter().map(|path| format!("{folder}{}", path.name()));
    let (at, replace) = if is_flow {
        (item.span().end, names.map(|name| format!(", {name}")).collect())
    } else {
        let start = text[..item.span().start].rfind('\n').map_or(0, |at| at + 1);
        let rest = &text[item.span().end..];
        let at = item.span().end + rest.find(['\n', '\r']).unwrap_or(rest.len());
        let indent = text.get(start..item.span().start).filter(|lead| lead.trim() == "-")?;
        let end = Lines::new(text).line_end();
        (at, names.map(|name| format!("{end}{indent}{name}")).collect())
    };
    Some(Edit { path: file.path.clone(), span: Span::new(at, at), expect: String::new(), replace })
}
