//! The folders of `tests/ranges`: `tests/ranges/README.md` says what is in one. Python and Node run the same.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use flux_upgrade_core::bridge;
use serde_json::{Map, Value};

fn texts(root: &Path, folder: &Path, out: &mut Map<String, Value>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            texts(root, &path, out);
        } else {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            out.insert(name, fs::read_to_string(&path).unwrap().into());
        }
    }
}

/// What is sent for a folder.
fn request(folder: &Path) -> Value {
    let json = |name: &str| {
        Some(serde_json::from_str::<Value>(&fs::read_to_string(folder.join(name)).ok()?).unwrap())
    };
    let mut request = json("request.json").unwrap();
    let mut files = Map::new();
    texts(&folder.join("in"), &folder.join("in"), &mut files);
    request["files"] = files.into();
    if let Some(registry) = json("registry.json") {
        request["snapshot"] = registry;
    }
    if let Ok(lock) = fs::read_to_string(folder.join("lock.txt")) {
        request["lock"] = lock.into();
    }
    request
}

#[test]
fn every_folder_gives_its_answer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ranges");
    let mut folders: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() >= 10);
    for folder in folders {
        let answer: Value = serde_json::from_str(&bridge::ranges(&request(&folder).to_string())).unwrap();
        let file = folder.join("answer.json");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&file, serde_json::to_string_pretty(&answer).unwrap() + "\n").unwrap();
        }
        let wanted: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(answer, wanted, "{}", folder.display());
    }
}

#[test]
fn a_request_that_is_none_is_an_error() {
    for (text, code) in [
        ("nonsense", "request.syntax"),
        (r#"{"do": "dance", "files": {}}"#, "request.syntax"),
        (r#"{"do": "rollback", "files": {}}"#, "request.syntax"),
        (r#"{"do": "convert", "files": {}, "options": {"to": "gold"}}"#, "options.value"),
        (r#"{"do": "convert", "files": {}, "options": {"to": "pin", "sites": ["x"]}}"#, "options.value"),
        (r#"{"do": "lock", "files": {"../a": ""}}"#, "request.path"),
    ] {
        let answer: Value = serde_json::from_str(&bridge::ranges(text)).unwrap();
        assert_eq!(answer["error"]["code"], code, "{text}");
    }
}
