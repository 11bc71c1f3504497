//! Flux's own manifests, byte for byte.

use super::{shared, text_of};
use flate2::read::GzDecoder;
use flux_upgrade_core::flux::{Options, Release, render};
use serde_json::Value;
use std::fs;
use std::io::Read as _;
use std::path::Path;

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    GzDecoder::new(fs::File::open(path).expect("a file")).read_to_string(&mut text).expect("gzip");
    text
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("a file")).expect("JSON")
}

/// A release of `flux-releases`.
pub(super) fn release(shared: &Path, version: &str) -> Option<Release> {
    let archive = fs::read(shared.join("flux-releases").join(version).join("manifests.tar.gz")).ok()?;
    Some(Release::read(version, &archive).expect("an archive of a release"))
}

/// Options as the cases write them: snake_case keys, lists, booleans, nulls.
fn options(given: &Value) -> Options {
    let mut options = Options::default();
    for flag in Options::FLAGS {
        let value = match &given[flag.replace('-', "_")] {
            Value::Null => continue,
            Value::Array(list) => list.iter().map(text_of).collect::<Vec<_>>().join(","),
            Value::Bool(value) => value.to_string(),
            value => text_of(value).to_owned(),
        };
        options.set(flag, &value).expect("an option");
    }
    options
}

#[track_caller]
fn same(found: &str, wanted: &str, name: &str) {
    if found != wanted {
        let line = found.lines().zip(wanted.lines()).position(|(a, b)| a != b).unwrap_or_default();
        let show =
            |text: &str| text.lines().skip(line.saturating_sub(3)).take(8).collect::<Vec<_>>().join("\n");
        panic!("{name}, line {}:\nfound\n{}\nwanted\n{}", line + 1, show(found), show(wanted));
    }
}

#[test]
fn option_sets() {
    let Some(shared) = shared().filter(|folder| folder.join("flux-install-cases").is_dir()) else {
        eprintln!("skipped: no ../shared/flux-install-cases");
        return;
    };
    let folder = shared.join("flux-install-cases");
    let cases = json(&folder.join("cases.json"));
    let cases = cases.as_array().expect("cases");
    for case in cases {
        let release = release(&shared, text_of(&case["version"])).expect("a release");
        let mut given = case["options"].clone();
        given["components"] = case["components"].clone();
        let found = render(&release, &options(&given)).expect("a text");
        same(&found, &unpacked(&folder.join(text_of(&case["expected"]))), text_of(&case["expected"]));
    }
    eprintln!("flux-install-cases: {0}/{0} met", cases.len());
    assert!(cases.len() >= 11);
}

#[test]
fn vectors() {
    let Some(folder) =
        shared().map(|folder| folder.join("vectors/flux_install")).filter(|folder| folder.is_dir())
    else {
        eprintln!("skipped: no ../shared/vectors/flux_install");
        return;
    };
    let vectors = json(&folder.join("cases.json"));
    let default = fs::read_to_string(folder.join("default-v2.8.8.yaml")).expect("a file");
    let cases = vectors["cases"].as_array().expect("cases");
    for case in cases {
        let (input, expected) = (&case["input"], &case["expected"]);
        let files = fs::read_dir(folder.join(text_of(&input["manifests"]))).expect("a folder").flatten();
        let files = files.map(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            (name, fs::read_to_string(file.path()).expect("a file"))
        });
        let release = Release::from_files(text_of(&input["version"]), files).expect("a release");
        let found = render(&release, &options(&input["options"])).expect("a text");
        if input["options"].as_object().is_some_and(serde_json::Map::is_empty) {
            same(&found, &default, "default");
        }
        assert_eq!(found.len() as u64, expected["bytes"].as_u64().expect("a number"), "{}", case["id"]);
        assert_eq!(sha256(found.as_bytes()), text_of(&expected["sha256"]), "{}", case["id"]);
    }
    eprintln!("flux_install: {0}/{0} met", cases.len());
    assert!(cases.len() >= 15);
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
