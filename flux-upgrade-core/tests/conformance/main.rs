//! The answers of the reference programs, case by case.
//!
//! Each file of the vectors folder has a floor: the number of cases that pass may grow and may not fall. Cases that are
//! set aside are counted and their reasons are listed in `docs/conformance.md`.

// The counts and skips are this test's report.
#![allow(clippy::print_stderr)]

mod flux;
mod flux_install;
mod history;
mod policy;
mod semver;
mod setters;
mod sources;

use serde_json::Value;
use std::path::PathBuf;

/// What became of a case.
enum Outcome {
    Met,
    /// Not applicable, for the reason given.
    Aside(&'static str),
}

type Verdict = Result<Outcome, String>;

fn shared() -> Option<PathBuf> {
    let folder = match std::env::var_os("FLUX_UPGRADE_SHARED") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
    };
    folder.join("vectors").is_dir().then_some(folder)
}

/// Runs every case of a file and fails if fewer than `floor` are met, or any is neither met nor set aside.
fn run(file: &str, floor: usize, judge: impl Fn(&Value, &Value) -> Verdict) {
    let Some(folder) = shared() else {
        eprintln!("skipped: no ../shared/vectors/{file}");
        return;
    };
    let text =
        std::fs::read_to_string(folder.join("vectors").join(file)).expect("the vectors file can be read");
    let vectors: Value = serde_json::from_str(&text).expect("the vectors file is JSON");
    let cases = vectors["cases"].as_array().expect("the vectors file has cases");
    let (mut met, mut aside, mut failed) = (0, 0, Vec::new());
    for case in cases {
        match judge(&case["input"], &case["expected"]) {
            Ok(Outcome::Met) => met += 1,
            Ok(Outcome::Aside(reason)) => {
                aside += 1;
                eprintln!("{file}: {} set aside: {reason}", text_of(&case["id"]));
            }
            Err(found) => failed.push(format!("{}: {found}\n    {}", text_of(&case["id"]), case["input"])),
        }
    }
    eprintln!("{file}: {met}/{} met, {aside} set aside", cases.len());
    assert!(failed.is_empty(), "{file}: {} failed\n{}", failed.len(), failed.join("\n"));
    assert!(met >= floor, "{file}: {met} met, at least {floor} were");
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|item| text_of(item).to_owned()).collect()
}

fn wants_error(expected: &Value) -> bool {
    expected["error"].as_bool() == Some(true)
}

#[track_caller]
fn same<T: PartialEq + std::fmt::Debug>(found: T, wanted: T) -> Verdict {
    if found == wanted { Ok(Outcome::Met) } else { Err(format!("found {found:?}, wanted {wanted:?}")) }
}

/// A text, or an error where one is wanted; `key` names what is wanted, `key_any_of` the acceptable answers.
fn same_text<E: std::fmt::Display>(found: Result<String, E>, expected: &Value, key: &str) -> Verdict {
    match found {
        Ok(found) if wants_error(expected) => Err(format!("found {found}, wanted an error")),
        Ok(found) => {
            let any = texts(&expected[format!("{key}_any_of")]);
            if any.contains(&found) {
                Ok(Outcome::Met)
            } else {
                same(found.as_str(), text_of(&expected[key]))
            }
        }
        Err(_) if wants_error(expected) => Ok(Outcome::Met),
        Err(error) => Err(format!("error: {error}")),
    }
}
