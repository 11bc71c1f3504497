//! What `ranges`, `lock`, `rollback` and `convert` give, against the JSON Schemas of `docs`.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use common::file;
use flux_upgrade_core::ranges::lock::{LOCK_FILE, Lock, Update, update};
use flux_upgrade_core::ranges::{self, FLAGS, Survey};
use flux_upgrade_core::report::{lock_json, ranges_json};
use flux_upgrade_core::resolve::{Resolver, Snapshot, from_snapshot};
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::{RepoPath, SourceFile, scan};
use jsonschema::Validator;
use serde_json::{Value, json};
use yaml_rust2::{Yaml, YamlLoader};

fn schema(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(format!("{name}.schema.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn validator(name: &str) -> Validator {
    jsonschema::validator_for(&schema(name)).unwrap()
}

fn fits(validator: &Validator, value: &Value) {
    let wrong: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{}\n{value:#}", wrong.join("\n"));
}

/// The lock file as a reader of YAML sees it.
fn read(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Hash(entries) => {
            entries.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), read(value))).collect()
        }
        Yaml::Array(items) => items.iter().map(read).collect(),
        Yaml::String(text) => json!(text),
        Yaml::Integer(number) => json!(number),
        other => panic!("{other:?} in a lock file"),
    }
}

fn lock_file(text: &str) -> Value {
    read(&YamlLoader::load_from_str(text).unwrap()[0])
}

fn object(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n{spec}---\n"
    )
}

fn oci(name: &str, reference: &str) -> String {
    let spec = format!("  interval: 48h\n  url: oci://registry.example.com/{name}\n  ref: {reference}\n");
    object("OCIRepository", name, &spec)
}

fn registry() -> Value {
    let tags = |digest: &str| {
        json!([{"tag": "1.2.0", "digest": format!("sha256:{}", digest.repeat(64)), "created": "2026-05-01T00:00:00Z"},
            {"tag": "2.0.0", "digest": format!("sha256:{}", "b".repeat(64))}])
    };
    json!({"schema": "flux-upgrade/registry-snapshot/v1", "oci": [
        {"repository": "registry.example.com/app", "tags": tags("a")},
        {"repository": "registry.example.com/other", "tags": tags("c")}]})
}

fn survey(files: &[SourceFile], registry: Option<&Value>) -> Survey {
    let snapshot = registry.map(|registry| Snapshot::parse(&registry.to_string()).unwrap());
    let (inventory, rules) = (scan(files), Rules::default());
    let sites = ranges::sites(&inventory);
    let resolution = from_snapshot(Resolver::new(&sites, &rules).standing(), snapshot.as_ref());
    ranges::survey(&inventory, sites, &resolution, &rules)
}

fn locked(files: &[SourceFile], registry: Option<&Value>, old: Option<&Lock>) -> Update {
    update(old, &survey(files, registry), &Rules::default())
}

#[test]
fn a_survey_fits_with_answers_and_without() {
    let text =
        oci("app", "{semver: 1.2.0}") + &oci("other", "{tag: latest}") + &oci("third", "{semver: '*'}");
    let files = [file("a.yaml", format!("{text}spec: [\n"))];
    let schema = validator("ranges");
    for (registry, root) in [(Some(registry()), None), (None, Some("fleet"))] {
        let survey = survey(&files, registry.as_ref());
        assert_eq!(survey.rows.len(), 3);
        assert_eq!(survey.rows.iter().filter(|row| row.stands.is_ok()).count(), registry.iter().count());
        assert!(!survey.diagnostics.is_empty());
        let printed: Value = serde_json::from_str(&ranges_json(&survey, root)).unwrap();
        fits(&schema, &printed);
        for (pointer, value) in [
            ("/schema", json!("flux-upgrade/ranges/v2")),
            ("/ranges/0/follows", json!("fashion")),
            ("/ranges/0/line", json!(0)),
            ("/ranges/0/flags", json!([{"code": "made-up", "message": "x"}])),
            ("/diagnostics", json!(null)),
        ] {
            let mut broken = printed.clone();
            *broken.pointer_mut(pointer).unwrap() = value;
            assert!(!schema.is_valid(&broken), "{pointer}");
        }
        let mut neither = printed.clone();
        let row = neither["ranges"][0].as_object_mut().unwrap();
        row.remove("resolved");
        row.remove("reason");
        assert!(!schema.is_valid(&neither), "a row without an outcome");
    }
}

#[test]
fn every_difference_fits_and_so_does_the_lock_itself() {
    let text = |apps: &str| {
        oci("app", "{semver: 1.2.x}") + &oci("other", "{semver: 1.x}") + &oci("other", "{semver: 1.x}") + apps
    };
    let files = [file("a.yaml", text(""))];
    let first = locked(&files, Some(&registry()), None);
    let mut now = registry();
    now["oci"][0]["tags"][0]["digest"] = json!(format!("sha256:{}", "d".repeat(64)));
    now["oci"][1] = json!({"repository": "registry.example.com/new", "tags": [{"tag": "1.0.0"}]});
    let moved = text(&oci("new", "{semver: 1.x}")) + &oci("silent", "{semver: 1.x}");
    let second = locked(&[file("a.yaml", moved)], Some(&now), Some(&first.lock));
    let rewritten = [file("a.yaml", oci("app", "{semver: '*'}"))];
    let third = locked(&rewritten, Some(&now), Some(&second.lock));
    let (check, lock) = (validator("lock-check"), validator("lock"));
    let stale = locked(&files, None, Some(&third.lock));
    let mut kinds = BTreeSet::new();
    for update in [&first, &second, &third, &stale, &locked(&[], None, None)] {
        kinds.extend(update.drift.iter().map(ranges::lock::Drift::kind));
        for root in [None, Some("fleet")] {
            fits(&check, &serde_json::from_str(&lock_json(update, root)).unwrap());
        }
        fits(&lock, &lock_file(&update.lock.text()));
    }
    let known = schema("lock-check")["$defs"]["difference"]["properties"]["kind"]["enum"].clone();
    let known: BTreeSet<String> = serde_json::from_value(known).unwrap();
    assert_eq!(kinds.iter().map(|kind| (*kind).to_owned()).collect::<BTreeSet<_>>(), known);
    let printed = lock_file(&first.lock.text());
    assert_eq!(printed["sites"][2]["number"], 2);
    for (pointer, value) in [("/schema", json!("flux-upgrade/lock/v2")), ("/sites/2/number", json!(1))] {
        let mut broken = printed.clone();
        *broken.pointer_mut(pointer).unwrap() = value;
        assert!(!lock.is_valid(&broken), "{pointer}");
    }
    let mut broken = printed;
    broken["sites"][0].as_object_mut().unwrap().remove("resolved");
    assert!(!lock.is_valid(&broken), "an entry without a version");
    // What the schema of the lock takes, the reader takes.
    let path = RepoPath::parse(LOCK_FILE).unwrap();
    Lock::parse(&path, &second.lock.text()).unwrap();
}

/// The answers of `tests/ranges`, which Python and JavaScript give as well.
#[test]
fn every_answer_of_the_folders_fits() {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ranges");
    let (plan, all) =
        (validator("plan"), [("ranges", validator("ranges")), ("check", validator("lock-check"))]);
    let mut seen = BTreeSet::new();
    let folders: Vec<PathBuf> = fs::read_dir(folders).unwrap().flatten().map(|entry| entry.path()).collect();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let answer: Value =
            serde_json::from_str(&fs::read_to_string(folder.join("answer.json")).unwrap()).unwrap();
        for (name, schema) in all.iter().map(|(name, schema)| (*name, schema)).chain([("plan", &plan)]) {
            if let Some(printed) = answer.get(name) {
                fits(schema, printed);
                seen.insert(name);
            }
        }
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn what_schemas_share_is_described_once() {
    let sites = schema("sites");
    for name in ["ranges", "lock-check"] {
        for (key, described) in schema(name)["$defs"].as_object().unwrap() {
            if let Some(same) = sites["$defs"].get(key) {
                assert_eq!(described, same, "{key} of {name}");
            }
        }
    }
    let row = &schema("ranges")["$defs"]["row"]["properties"];
    for (key, described) in sites["$defs"]["site"]["properties"].as_object().unwrap() {
        if !["blocked", "written"].contains(&key.as_str()) {
            assert_eq!(row[key], *described, "{key}");
        }
    }
    let (entry, site) = (schema("lock-check"), schema("lock"));
    for (key, described) in entry["$defs"]["entry"]["properties"].as_object().unwrap() {
        assert_eq!(site["$defs"]["site"]["properties"][key], *described, "{key}");
    }
    let flags = schema("ranges")["$defs"]["flag"]["properties"]["code"]["enum"].clone();
    let known: Vec<&str> = FLAGS.iter().map(|(code, _)| *code).collect();
    assert_eq!(flags, json!(known));
}
