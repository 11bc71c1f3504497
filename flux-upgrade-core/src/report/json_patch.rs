//! The patch set as JSON Patches, one for each document: `docs/json-patch.schema.json` describes the form.
//!
//! Source: RFC 6902 (JSON Patch), RFC 6901 (JSON Pointer).

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::json::print;
use crate::patch::{FilePatch, PatchSet, is_yaml};
use crate::scan::value::bounded;
use crate::text::{RepoPath, SourceFile};
use crate::yaml::{Comments, parse, split};

/// The `schema` of JSON Patches.
pub const JSON_PATCH_SCHEMA: &str = "flux-upgrade/json-patch/v1";

#[derive(Serialize)]
struct Patches<'a> {
    schema: &'static str,
    documents: Vec<Patched<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    texts: Vec<&'a RepoPath>,
}

#[derive(Serialize)]
struct Patched<'a> {
    path: &'a RepoPath,
    /// From 0; absent where the patch is of the list of all documents of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<usize>,
    patch: Vec<Operation>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Operation {
    Test { path: String, value: Value },
    Add { path: String, value: Value },
    Replace { path: String, value: Value },
    Remove { path: String },
}

/// A patch set as JSON Patches (RFC 6902), with a line end after it: one for each document that changes.
///
/// `files` are those that `set` was made from. A patch is for the document as a YAML reader loads it, aliases and merge keys followed;
/// what it replaces or removes it tests first, so that a document that has changed since is left alone. `document` counts from 0 in its
/// file, documents without content too. Where documents come or go, which only a release of Flux itself brings, `document` is absent and
/// the patch is for the list of the file's documents. `texts` are files of which something changes that no loaded document shows:
/// comments, Terraform, lists of words.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::patch::{Edit, FilePatch, PatchSet};
/// use flux_upgrade_core::{RepoPath, SourceFile, Span, report};
/// let path = RepoPath::parse("podinfo.yaml").unwrap();
/// let text = "spec: {version: 6.5.0}\n".to_owned();
/// let files = [SourceFile { path: path.clone(), text }];
/// let after = "spec: {version: 6.7.1}\n".to_owned();
/// let edits = vec![Edit { path: path.clone(), span: Span::new(16, 21), expect: "6.5.0".into(), replace: "6.7.1".into() }];
/// let set = PatchSet { files: vec![FilePatch { path, edits, after }], refused: vec![] };
/// assert!(report::json_patch(&files, &set).contains(r#""value": "6.7.1""#));
/// ```
#[must_use]
pub fn json_patch(files: &[SourceFile], set: &PatchSet) -> String {
    let texts: BTreeMap<_, _> = files.iter().map(|file| (&file.path, file.text.as_str())).collect();
    let mut out = Patches { schema: JSON_PATCH_SCHEMA, documents: Vec::new(), texts: Vec::new() };
    for patch in &set.files {
        let before = texts.get(&patch.path).copied().unwrap_or("");
        match of_file(before, patch) {
            Some(documents) if !documents.is_empty() => out.documents.extend(documents),
            _ => out.texts.push(&patch.path),
        }
    }
    print(&out)
}

/// The patches of one file; `None` where it is no YAML, or cannot be loaded.
fn of_file<'a>(before: &str, patch: &'a FilePatch) -> Option<Vec<Patched<'a>>> {
    let name = patch.path.name();
    if !is_yaml(name) && name != "Chart.lock" {
        return None;
    }
    let (old, new) = (documents(before), documents(&patch.after));
    if old.len() != new.len() {
        let all = |documents: Vec<(&str, Option<Value>)>| {
            documents.into_iter().map(|(_, value)| value).collect::<Option<Vec<Value>>>()
        };
        let mut operations = Vec::new();
        list(&all(old)?, &all(new)?, &mut String::new(), &mut operations);
        return Some(vec![Patched { path: &patch.path, document: None, patch: operations }]);
    }
    let mut out = Vec::new();
    for (number, ((old_text, old), (new_text, new))) in old.into_iter().zip(new).enumerate() {
        if old_text == new_text {
            continue;
        }
        let mut operations = Vec::new();
        compare(&old?, &new?, &mut String::new(), &mut operations);
        if !operations.is_empty() {
            out.push(Patched { path: &patch.path, document: Some(number), patch: operations });
        }
    }
    Some(out)
}

/// The documents of a text, each with its bytes; no value where it cannot be read, or its aliases make it too large.
fn documents(text: &str) -> Vec<(&str, Option<Value>)> {
    let mut out = Vec::new();
    for part in split(text) {
        let (documents, error) = parse(text, part, Comments::Skip);
        for document in &documents {
            let value = document.root().map_or(Some(Value::Null), bounded);
            out.push((document.span().of(text), value));
        }
        if error.is_some() {
            out.push((part.of(text), None));
        }
    }
    out
}

/// What makes `new` of `old`; `at` is the pointer to both.
fn compare(old: &Value, new: &Value, at: &mut String, out: &mut Vec<Operation>) {
    match (old, new) {
        _ if old == new => {}
        (Value::Object(old), Value::Object(new)) => map(old, new, at, out),
        (Value::Array(old), Value::Array(new)) => list(old, new, at, out),
        _ => {
            out.push(Operation::Test { path: at.clone(), value: old.clone() });
            out.push(Operation::Replace { path: at.clone(), value: new.clone() });
        }
    }
}

fn map(old: &Map<String, Value>, new: &Map<String, Value>, at: &mut String, out: &mut Vec<Operation>) {
    for (key, old) in old {
        below(at, key, |at| match new.get(key) {
            Some(new) => compare(old, new, at, out),
            None => remove(old, at, out),
        });
    }
    for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
        below(at, key, |at| out.push(Operation::Add { path: at.clone(), value: value.clone() }));
    }
}

/// Lists of one length item by item; else items that are of one name are compared, others come or go.
fn list(old: &[Value], new: &[Value], at: &mut String, out: &mut Vec<Operation>) {
    if old.len() == new.len() {
        for (index, (old, new)) in old.iter().zip(new).enumerate() {
            below(at, &index.to_string(), |at| compare(old, new, at, out));
        }
        return;
    }
    let names = |items: &[Value]| items.iter().map(name).collect::<Vec<_>>();
    // What stands before `place` is as it shall be.
    let mut place = 0;
    for step in capture_diff_slices(Algorithm::Myers, &names(old), &names(new)) {
        let (old, new) = (&old[step.old_range()], &new[step.new_range()]);
        if matches!(step, DiffOp::Equal { .. }) {
            for (old, new) in old.iter().zip(new) {
                below(at, &place.to_string(), |at| compare(old, new, at, out));
                place += 1;
            }
            continue;
        }
        for value in old {
            below(at, &place.to_string(), |at| remove(value, at, out));
        }
        for value in new {
            let value = value.clone();
            below(at, &place.to_string(), |at| out.push(Operation::Add { path: at.clone(), value }));
            place += 1;
        }
    }
}

fn remove(old: &Value, at: &str, out: &mut Vec<Operation>) {
    out.push(Operation::Test { path: at.to_owned(), value: old.clone() });
    out.push(Operation::Remove { path: at.to_owned() });
}

/// What an item of a list is known by: an object of Kubernetes by its kind and name, a named item by its name, any other by what it is.
fn name(item: &Value) -> String {
    let text = |at: &str| item.pointer(at).and_then(Value::as_str);
    match (text("/metadata/name"), text("/name")) {
        (Some(name), _) => {
            let group = text("/apiVersion").and_then(|version| version.split_once('/')).map_or("", |of| of.0);
            let namespace = text("/metadata/namespace").unwrap_or_default();
            format!("{group}/{}/{namespace}/{name}", text("/kind").unwrap_or_default())
        }
        (None, Some(name)) => name.to_owned(),
        (None, None) => item.to_string(),
    }
}

/// `then` with the pointer of a part (RFC 6901, 3: `~` and `/` are escaped).
fn below(at: &mut String, part: &str, then: impl FnOnce(&mut String)) {
    let end = at.len();
    at.push('/');
    at.push_str(&part.replace('~', "~0").replace('/', "~1"));
    then(at);
    at.truncate(end);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::sample;
    use super::*;

    #[test]
    fn patches_read_like_this() {
        let expected = r#"{
  "schema": "flux-upgrade/json-patch/v1",
  "documents": [
    {
      "path": "apps/podinfo.yaml",
      "document": 0,
      "patch": [
        {
          "op": "test",
          "path": "/version",
          "value": "6.5.0"
        },
        {
          "op": "replace",
          "path": "/version",
          "value": "6.7.1"
        }
      ]
    }
  ]
}
"#;
        let mut set = sample::patch_set();
        set.files.truncate(1);
        assert_eq!(json_patch(&sample::files(), &set), expected);
    }

    fn made(before: &str, after: &str, path: &str) -> Value {
        let path = RepoPath::parse(path).unwrap();
        let files = [SourceFile { path: path.clone(), text: before.to_owned() }];
        let file = FilePatch { path, edits: vec![], after: after.to_owned() };
        let set = PatchSet { files: vec![file], refused: vec![] };
        serde_json::from_str(&json_patch(&files, &set)).unwrap()
    }

    #[test]
    fn documents_are_counted_as_readers_do() {
        let made = made("# c\n---\na: 1\n---\n---\nb: v1\n", "# c\n---\na: 1\n---\n---\nb: v2\n", "a.yaml");
        assert_eq!(made["documents"][0]["document"], 2);
        assert_eq!(made["documents"].as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn documents_that_come_and_go_are_in_the_list_of_all() {
        let object = |name: &str, version: &str| {
            format!("---\nkind: A\nmetadata: {{name: {name}}}\nversion: {version}\n")
        };
        let before = object("a", "v1") + &object("b", "v1") + &object("c", "v1");
        let after = object("b", "v2") + &object("d", "v1") + &object("e", "v1") + &object("c", "v1");
        let made = made(&before, &after, "a.yaml");
        let item = |name: &str| json!({"kind": "A", "metadata": {"name": name}, "version": "v1"});
        assert_eq!(
            made["documents"],
            json!([{"path": "a.yaml", "patch": [
                {"op": "test", "path": "/0", "value": item("a")},
                {"op": "remove", "path": "/0"},
                {"op": "test", "path": "/0/version", "value": "v1"},
                {"op": "replace", "path": "/0/version", "value": "v2"},
                {"op": "add", "path": "/1", "value": item("d")},
                {"op": "add", "path": "/2", "value": item("e")},
            ]}])
        );
    }

    #[test]
    fn what_no_document_shows_is_named() {
        for (before, after, path) in [
            ("a: 1 # v1\n", "a: 1 # v2\n", "a.yaml"),
            ("flux 2.7.1\n", "flux 2.8.0\n", ".tool-versions"),
            ("version = \"1\"\n", "version = \"2\"\n", "main.tf"),
            ("a: [\n---\nb: 1\n", "a: [ \n---\nb: 1\n", "broken.yaml"),
        ] {
            let made = made(before, after, path);
            assert_eq!((&made["documents"], &made["texts"]), (&json!([]), &json!([path])), "{path}");
        }
    }

    #[test]
    fn keys_are_escaped_and_aliases_followed() {
        let text = |to: &str| format!("x: &x {{a/b: {to}, m~n: 1}}\ny: *x\nz: {{<<: *x}}\n");
        let made = made(&text("v1"), &text("v2"), "a.yaml");
        let paths: Vec<_> = made["documents"][0]["patch"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|operation| operation["op"] == "replace")
            .map(|operation| operation["path"].as_str().unwrap())
            .collect();
        assert_eq!(paths, ["/x/a~1b", "/y/a~1b", "/z/a~1b"]);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..3u8).prop_map(Value::from),
            "[ab/~]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
                proptest::collection::btree_map("[an/~]|name", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn another_reader_of_patches_gets_the_new_value(old in values(), new in values()) {
            let mut operations = Vec::new();
            compare(&old, &new, &mut String::new(), &mut operations);
            let patch: json_patch::Patch = serde_json::from_value(serde_json::to_value(&operations).unwrap()).unwrap();
            let mut found = old;
            json_patch::patch(&mut found, &patch).unwrap();
            prop_assert_eq!(found, new);
        }
    }
}
