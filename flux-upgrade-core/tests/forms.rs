//! The forms of a plan before foreign judges, over every case folder and the example fleet: JSON Schema by the crate `jsonschema`, JSON
//! Patch by the crate `json-patch` over documents that another YAML reader loads.

mod common;
#[path = "common/foreign.rs"]
mod foreign;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use common::{case_folders, run};
use flux_upgrade_core::resolve::Snapshot;
use flux_upgrade_core::rules::{Overrides, Rules};
use flux_upgrade_core::{RepoPath, SourceFile, report};
use foreign::load;
use jsonschema::Validator;
use serde_json::Value;

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn validator(path: &str) -> Validator {
    let text = fs::read_to_string(home().join(path)).expect("a schema");
    // SARIF's schema has one `]` too many in a pattern, which only the lenient grammar of ECMA-262 (annex B) reads, as a plain `]`.
    let text = text.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}\\\\]?$");
    jsonschema::validator_for(&serde_json::from_str(&text).expect("JSON")).expect("a schema that can be read")
}

/// A repository with its answers.
struct Sample {
    name: String,
    files: Vec<SourceFile>,
    registry: Snapshot,
}

fn read(root: &Path, folder: &Path, out: &mut Vec<SourceFile>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").flatten().map(|e| e.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            read(root, &path, out);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let name = path.strip_prefix(root).expect("below it").to_string_lossy().into_owned();
            out.push(SourceFile { path: RepoPath::parse(&name).expect("a path"), text });
        }
    }
}

fn samples() -> Vec<Sample> {
    let examples = home().join("../examples");
    let cases = case_folders();
    assert!(cases.len() > 100, "only {} case folders were found", cases.len());
    let all = cases.into_iter().map(|folder| (folder.join("in"), folder.join("registry.json")));
    all.chain([(examples.join("fleet"), examples.join("fleet.registry.json"))])
        .map(|(input, registry)| {
            let mut files = Vec::new();
            read(&input, &input, &mut files);
            let registry = fs::read_to_string(registry).expect("a registry");
            let registry = Snapshot::parse(&registry).expect("a snapshot");
            Sample { name: input.display().to_string(), files, registry }
        })
        .collect()
}

impl Sample {
    fn rules(&self) -> Option<Rules> {
        let file = self.files.iter().find(|file| file.path.as_str() == ".flux-upgrade.yaml");
        let rules = file.map_or(Ok(Rules::default()), |file| Rules::parse(&file.path, &file.text));
        let flags = Overrides { now: self.registry.taken(), ..Overrides::default() };
        Some(rules.ok()?.with(flags).expect("flags"))
    }
}

/// Every form, as text by the name of its schema.
fn forms(sample: &Sample, rules: &Rules) -> Vec<(&'static str, String)> {
    let (plan, set) = run(&sample.files, rules, Some(&sample.registry));
    let files = &sample.files;
    vec![
        ("tests/schemas/sarif-2.1.0.json", report::sarif(files, &plan, &set)),
        ("../docs/plan.schema.json", report::json(files, &plan, &set, None)),
        ("../docs/sites.schema.json", report::sites_json(&plan.sites, &plan.diagnostics, Some("clusters"))),
        ("../docs/edits.schema.json", report::edits(files, &set)),
        ("../docs/json-patch.schema.json", report::json_patch(files, &set)),
    ]
}

#[test]
fn every_form_is_as_its_schema_says() {
    let mut validators: BTreeMap<&str, Validator> = BTreeMap::new();
    let (mut wrong, mut judged) = (Vec::new(), 0);
    for sample in samples() {
        let Some(rules) = sample.rules() else { continue };
        for (schema, text) in forms(&sample, &rules) {
            let validator = validators.entry(schema).or_insert_with(|| validator(schema));
            let value: Value = serde_json::from_str(&text).expect("JSON");
            judged += 1;
            for error in validator.iter_errors(&value) {
                wrong.push(format!("{} by {schema}: {}: {error}", sample.name, error.instance_path()));
            }
        }
    }
    assert!(judged > 500, "only {judged} texts were judged");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_schemas_refuse_what_is_wrong() {
    for (schema, wrong) in [
        ("tests/schemas/sarif-2.1.0.json", r#"{"version": "2.1.0", "runs": [{"results": []}]}"#),
        ("tests/schemas/sarif-2.1.0.json", r#"{"version": "2.0.0", "runs": []}"#),
        ("../docs/plan.schema.json", r#"{"schema": "flux-upgrade/plan/v1"}"#),
        (
            "../docs/json-patch.schema.json",
            r#"{"schema": "flux-upgrade/json-patch/v1", "documents": [{"path": "a", "patch": [{"op": "add", "path": ""}]}]}"#,
        ),
        ("../docs/rules.schema.json", r#"{"version": 1, "defaults": {"alow": "patch"}}"#),
    ] {
        assert!(
            !validator(schema).is_valid(&serde_json::from_str(wrong).expect("JSON")),
            "{schema}: {wrong}"
        );
    }
}

/// Every rules file of the tests and the examples.
fn rules_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            rules_files(&path, out);
        } else if path.file_name().is_some_and(|name| name == ".flux-upgrade.yaml") {
            out.push(path);
        }
    }
}

#[test]
fn rules_files_that_are_read_are_as_their_schema_says() {
    let mut paths = Vec::new();
    rules_files(&home().join("tests"), &mut paths);
    rules_files(&home().join("../examples"), &mut paths);
    let validator = validator("../docs/rules.schema.json");
    let mut read = 0;
    for path in &paths {
        let text = fs::read_to_string(path).expect("a rules file");
        if Rules::parse(&RepoPath::parse(".flux-upgrade.yaml").expect("a path"), &text).is_err() {
            continue;
        }
        let [value] = <[Value; 1]>::try_from(load(&text).expect("YAML")).expect("one document");
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {}", path.display(), errors.join("; "));
        read += 1;
    }
    assert!(read >= 20, "only {read} rules files were read");
}

/// Applies the patches of each file to what another reader loads, and wants what it loads of the patched text.
#[test]
fn json_patches_give_what_the_patched_texts_load_as() {
    let (mut files, mut operations, mut unreadable) = (0, 0, Vec::new());
    for sample in samples() {
        let Some(rules) = sample.rules() else { continue };
        let (_, set) = run(&sample.files, &rules, Some(&sample.registry));
        let patches = report::json_patch(&sample.files, &set);
        let patches: Value = serde_json::from_str(&patches).expect("JSON");
        let texts: Vec<&str> =
            patches["texts"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut by_file: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for entry in patches["documents"].as_array().expect("documents") {
            by_file.entry(entry["path"].as_str().expect("a path")).or_default().push(entry);
        }
        for file in &set.files {
            let path = file.path.as_str();
            let entries = by_file.remove(path).unwrap_or_default();
            assert_eq!(entries.is_empty(), texts.contains(&path), "{}: {path}", sample.name);
            let before = sample.files.iter().find(|known| known.path == file.path).expect("a file");
            let yaml = [".yaml", ".yml", "Kustomization", "Chart.lock"];
            if !yaml.iter().any(|end| path.ends_with(end)) {
                assert!(entries.is_empty(), "{}: {path}", sample.name);
                continue;
            }
            let (Some(loaded), Some(wanted)) = (load(&before.text), load(&file.after)) else {
                unreadable.push(format!("{}: {path}", sample.name));
                continue;
            };
            let mut found = Value::Array(loaded);
            for entry in entries {
                let patch: json_patch::Patch =
                    serde_json::from_value(entry["patch"].clone()).expect("a JSON Patch");
                assert!(!patch.0.is_empty(), "{}: {path}", sample.name);
                operations += patch.0.len();
                let target = match entry.get("document") {
                    Some(number) => found
                        .get_mut(number.as_u64().expect("a number") as usize)
                        .unwrap_or_else(|| panic!("{}: {path}: no document {number}", sample.name)),
                    None => &mut found,
                };
                json_patch::patch(target, &patch)
                    .unwrap_or_else(|error| panic!("{}: {path}: {error}\n{}", sample.name, entry));
            }
            assert_eq!(found, Value::Array(wanted), "{}: {path}", sample.name);
            files += 1;
        }
        assert!(by_file.is_empty(), "{}: patches of files that do not change", sample.name);
    }
    assert!(files > 100 && operations > 2 * files, "only {files} files with {operations} operations");
    assert!(unreadable.len() < 10, "the other reader cannot load {unreadable:#?}");
}

/// Text that is hard to count in: a byte order mark, each kind of line end, characters of two, three and four bytes before a version.
fn hard() -> Sample {
    let release = |eol: &str, mark: &str| {
        format!(
            "{mark}# é€😀{eol}apiVersion: helm.toolkit.fluxcd.io/v2{eol}kind: HelmRelease{eol}metadata: {{name: é😀}}{eol}spec:{eol}  \
             chartRef: {{kind: OCIRepository, name: podinfo}}{eol}---{eol}{{apiVersion: source.toolkit.fluxcd.io/v1, kind: OCIRepository, \
             metadata: {{name: podinfo, annotations: {{a: é€😀}}}}, spec: {{url: \"oci://ghcr.io/stefanprodan/charts/podinfo\", ref: \
             {{tag: 6.5.0}}}}}}{eol}"
        )
    };
    let ends = [("unix", "\n"), ("dos", "\r\n"), ("mac", "\r")];
    let files = ends.iter().flat_map(|(name, eol)| {
        ["", "\u{feff}"].map(|mark| {
            let path = RepoPath::parse(&format!("{name} é#{}.yaml", mark.len())).expect("a path");
            SourceFile { path, text: release(eol, mark) }
        })
    });
    let registry = r#"{"schema": "flux-upgrade/registry-snapshot/v1", "oci": [{"repository": "ghcr.io/stefanprodan/charts/podinfo",
        "tags": [{"tag": "6.5.0"}, {"tag": "6.7.1"}]}]}"#;
    let registry = Snapshot::parse(registry).expect("a snapshot");
    Sample { name: "hard".to_owned(), files: files.collect(), registry }
}

/// The bytes of a place that SARIF names: lines and columns from 1, in code points, a byte order mark not counted.
fn byte(text: &str, line: &Value, column: &Value) -> usize {
    let mark = text.strip_prefix('\u{feff}').map_or(0, |rest| text.len() - rest.len());
    let number = |value: &Value| value.as_u64().expect("a number") as usize - 1;
    let mut rest = &text[mark..];
    for _ in 0..number(line) {
        let end = rest.find(['\r', '\n']).expect("a line end");
        let long = if rest[end..].starts_with("\r\n") { 2 } else { 1 };
        rest = &rest[end + long..];
    }
    let at = text.len() - rest.len();
    rest.char_indices().nth(number(column)).map_or(text.len(), |(inside, _)| at + inside)
}

fn decoded(uri: &str) -> String {
    let mut parts = uri.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("two digits"));
        bytes.extend(part[2..].bytes());
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// What code scanning asks for beyond the schema, and that the fixes together give what `apply` writes.
#[test]
fn sarif_is_what_code_scanning_takes_and_its_fixes_are_the_patch() {
    let (mut fixed, mut all) = (0, samples());
    all.push(hard());
    for sample in all {
        let Some(rules) = sample.rules() else { continue };
        let (plan, set) = run(&sample.files, &rules, Some(&sample.registry));
        let sarif: Value = serde_json::from_str(&report::sarif(&sample.files, &plan, &set)).expect("JSON");
        let mut prints = BTreeSet::new();
        let mut edits: BTreeMap<String, BTreeSet<(usize, usize, String)>> = BTreeMap::new();
        for result in sarif["runs"][0]["results"].as_array().expect("results") {
            let print = result["partialFingerprints"].to_string();
            assert!(print != "null" && prints.insert(print.clone()), "{}: {print} stands twice", sample.name);
            for change in result["fixes"].as_array().into_iter().flat_map(|fixes| {
                fixes.iter().flat_map(|fix| fix["artifactChanges"].as_array().expect("changes"))
            }) {
                let uri = change["artifactLocation"]["uri"].as_str().expect("a uri");
                assert!(uri.is_ascii() && !uri.contains([' ', '#', '?', ':', '\\']), "{uri}");
                let path = decoded(uri);
                let text = &sample.files.iter().find(|file| file.path.as_str() == path).expect("a file").text;
                for replacement in change["replacements"].as_array().expect("replacements") {
                    let region = &replacement["deletedRegion"];
                    let start = byte(text, &region["startLine"], &region["startColumn"]);
                    let end = byte(text, &region["endLine"], &region["endColumn"]);
                    let new = replacement["insertedContent"]["text"].as_str().expect("a text");
                    edits.entry(path.clone()).or_default().insert((start, end, new.to_owned()));
                }
            }
        }
        for file in &set.files {
            let path = file.path.as_str();
            let mut text =
                sample.files.iter().find(|known| known.path == file.path).expect("a file").text.clone();
            for (start, end, new) in edits.remove(path).unwrap_or_default().into_iter().rev() {
                text.replace_range(start..end, &new);
            }
            assert_eq!(text, file.after, "{}: {path}", sample.name);
            fixed += 1;
        }
        if sample.name == "hard" {
            assert_eq!(set.files.len(), sample.files.len());
        }
    }
    assert!(fixed > 100, "only {fixed} files were fixed");
}

#[test]
fn forms_do_not_depend_on_the_order_of_files() {
    for mut sample in samples() {
        let Some(rules) = sample.rules() else { continue };
        let one = forms(&sample, &rules);
        sample.files.reverse();
        assert_eq!(one, forms(&sample, &rules), "{}", sample.name);
    }
}
