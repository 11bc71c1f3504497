//! Every field that a newer version of a kind of Flux lacks has a migration, shown by a folder of `tests/migrate`.
//!
//! The table is the one of `docs/conformance.md`; the fields come from the schemas of Flux's releases.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells what it does and may fail")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use common::{shared, walk};
use flux_upgrade_core::SourceFile;
use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

/// Kind and field, and the folder that shows it.
fn table() -> BTreeMap<(String, String), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
    let text = fs::read_to_string(path).expect("the page");
    let heading = "## Fields that a newer API version lacks";
    let section =
        text.split("\n## ").find(|section| heading.ends_with(section.lines().next().unwrap_or("?")));
    let rows = section.expect("the section").lines().filter(|line| line.starts_with("| ")).skip(2);
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        ((cells[1].to_owned(), cells[2].to_owned()), cells[4].to_owned())
    })
    .collect()
}

/// The values of a field such as `postRenderers[].kustomize.patches`.
fn values<'y>(node: &'y Yaml, field: &str) -> Vec<&'y Yaml> {
    field.split('.').fold(vec![node], |nodes, part| {
        let name = part.trim_end_matches("[]");
        let found = nodes.into_iter().map(|node| &node[name]).filter(|node| !node.is_badvalue());
        match part.ends_with("[]") {
            true => found.filter_map(Yaml::as_vec).flatten().collect(),
            false => found.collect(),
        }
    })
}

/// How often objects of a kind have a field.
fn count(folder: &Path, kind: &str, field: &str) -> usize {
    let mut files = Vec::new();
    walk(folder, "", &mut files);
    let documents = files.iter().flat_map(|file| YamlLoader::load_from_str(&file.text).expect("YAML"));
    documents
        .filter(|document| document["kind"].as_str() == Some(kind))
        .map(|document| values(&document["spec"], field).len())
        .sum()
}

/// Whether a comment stands within two lines of some line that has the key.
fn is_commented(files: &[SourceFile], key: &str) -> bool {
    files.iter().any(|file| {
        let lines: Vec<&str> = file.text.lines().collect();
        lines.iter().enumerate().filter(|(_, line)| line.contains(key)).any(|(at, _)| {
            lines[at.saturating_sub(2)..(at + 3).min(lines.len())].iter().any(|line| line.contains('#'))
        })
    })
}

#[test]
fn every_row_has_its_folder() {
    let table = table();
    assert!(table.len() >= 14, "only {} rows were read", table.len());
    for ((kind, field), folder) in table {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/migrate").join(folder);
        let before = count(&folder.join("in"), &kind, &field);
        assert!(before > 0, "{} has no {kind} with {field}", folder.display());
        assert_eq!(count(&folder.join("out"), &kind, &field), 0, "{kind} {field} is still there");
        let mut files = Vec::new();
        walk(&folder.join("in"), "", &mut files);
        let key = format!("{}:", field.rsplit('.').next().unwrap_or(&field));
        assert!(is_commented(&files, &key), "{} has no comment around {key}", folder.display());
    }
}

#[test]
fn the_table_has_every_field_that_the_schemas_lost() {
    let Some(data) = shared("reference/data/flux-spec-fields.json") else { return };
    let data: Value = serde_json::from_str(&fs::read_to_string(data).expect("the fields")).expect("JSON");
    let mut versions: BTreeMap<&str, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for (name, about) in data["kinds"].as_object().expect("kinds") {
        let (kind, version) = name.split_once('/').expect("a kind and its version");
        let fields = about["spec_fields"].as_object().expect("fields").keys().map(String::as_str).collect();
        versions.entry(kind).or_default().insert(version, fields);
    }
    let mut lost = BTreeSet::new();
    for (kind, versions) in versions {
        // `v1` and `v2` come after their betas.
        let newest = ["v2", "v1"].into_iter().find(|name| versions.contains_key(name));
        let newest = newest.or_else(|| versions.keys().last().copied()).expect("a version");
        for fields in versions.values() {
            let gone: Vec<&str> = fields.difference(&versions[newest]).copied().collect();
            // What is inside a field goes with it.
            let is_top = |field: &&str| {
                !gone
                    .iter()
                    .any(|other| field.strip_prefix(other).is_some_and(|rest| rest.starts_with(['.', '['])))
            };
            lost.extend(gone.iter().copied().filter(is_top).map(|field| (kind.to_owned(), field.to_owned())));
        }
    }
    assert_eq!(lost, table().into_keys().collect());
}
