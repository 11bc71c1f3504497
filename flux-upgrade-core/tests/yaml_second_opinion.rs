//! Another YAML parser reads the same scalars in the same order.
//!
//! Differences between the two are named, with the reader that the YAML specification agrees with.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells what it does and may fail")]

mod common;

/// What the module `yaml` needs of the crate around it.
mod text {
    pub(crate) use flux_upgrade_core::text::*;
}

#[path = "../src/yaml/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the reader under test, which is private to its crate")]
mod yaml;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;

use common::{case_folders, shared};
use yaml::{Comments, parse, split};
use yaml_rust2::parser::{Event, EventReceiver, Parser};

/// Scalars of ours, in order; `None` where a part is no YAML.
fn ours(text: &str) -> Option<Vec<String>> {
    let mut out = Vec::new();
    for part in split(text) {
        let (documents, error) = parse(text, part, Comments::Keep);
        if error.is_some() {
            return None;
        }
        for document in &documents {
            for node in document.nodes() {
                if node.is_alias() {
                    out.push("*".to_owned());
                } else if node.quote().is_some() {
                    out.push(node.text().unwrap_or("").to_owned());
                }
            }
        }
    }
    Some(out)
}

#[derive(Default)]
struct Scalars(Vec<String>);

impl EventReceiver for Scalars {
    fn on_event(&mut self, event: Event) {
        match event {
            Event::Scalar(text, style, ..) => {
                let plain = style == yaml_rust2::scanner::TScalarStyle::Plain;
                let null = plain && matches!(text.as_str(), "~" | "null" | "Null" | "NULL");
                self.0.push(if null { String::new() } else { text });
            }
            Event::Alias(_) => self.0.push("*".to_owned()),
            _ => {}
        }
    }
}

/// Scalars of the other parser; it reads no byte order mark.
fn theirs(text: &str) -> Option<Vec<String>> {
    let mut scalars = Scalars::default();
    let text = text.trim_start_matches('\u{feff}');
    Parser::new_from_str(text).load(&mut scalars, true).ok()?;
    Some(scalars.0)
}

/// What became of the texts.
#[derive(Debug, Default)]
struct Count {
    same: usize,
    /// Texts that only one reads, or that both read differently, by kind.
    kinds: BTreeMap<&'static str, usize>,
    unknown: Vec<String>,
}

impl Count {
    fn compare(&mut self, name: &str, text: &str) {
        let kind = match (ours(text), theirs(text)) {
            (Some(a), Some(b)) if a == b => {
                self.same += 1;
                return;
            }
            (None, None) => "neither reads it",
            (Some(_), None) => "only ours reads it",
            // No YAML has one (YAML 1.2.2, 5.1).
            (None, Some(_)) if text.contains('\0') => "a NUL byte",
            (None, Some(_)) => {
                println!("{name}: only theirs reads it");
                "only theirs reads it"
            }
            (Some(a), Some(b)) => match known(text, &a, &b) {
                Some(kind) => kind,
                None => {
                    let at = a.iter().zip(&b).position(|(a, b)| a != b);
                    let pair = at.map(|at| (a[at].clone(), b[at].clone()));
                    self.unknown.push(format!("{name}: {pair:?}, {} and {} scalars\n", a.len(), b.len()));
                    return;
                }
            },
        };
        *self.kinds.entry(kind).or_default() += 1;
    }
}

/// The kinds of differences between texts that both read.
fn known(text: &str, ours: &[String], theirs: &[String]) -> Option<&'static str> {
    let (last, rest) = ours.split_last()?;
    let (their_last, their_rest) = theirs.split_last()?;
    // Go's parser, which Flux reads with, gives no line end that is not in the text.
    let ends_in_block = !text.ends_with(['\n', '\r']) && rest == their_rest;
    (ends_in_block && *their_last == format!("{last}\n")).then_some("a block scalar that ends with the text")
}

#[test]
fn the_case_folders_read_the_same() {
    let mut count = Count::default();
    for folder in case_folders() {
        if let Some(case) = common::Case::read(&folder) {
            for file in case.files {
                count.compare(&format!("{}/{}", case.name, file.path), &file.text);
            }
        }
    }
    println!("{} same, {:?}", count.same, count.kinds);
    assert_eq!(count.unknown, Vec::<String>::new());
    assert_eq!(count.kinds.get("only theirs reads it"), None);
    assert!(count.same > 100, "{}", count.same);
}

#[test]
fn the_files_of_whole_repositories_read_the_same() {
    let Some(trees) = shared("replay/trees") else { return };
    let mut count = Count::default();
    for archive in fs::read_dir(trees).expect("a folder").flatten().map(|entry| entry.path()) {
        if !archive.to_string_lossy().ends_with(".tar.gz") {
            continue;
        }
        let mut archive =
            tar::Archive::new(flate2::read::GzDecoder::new(File::open(&archive).expect("an archive")));
        for entry in archive.entries().expect("entries") {
            let mut entry = entry.expect("an entry");
            let name = entry.path().expect("a path").to_string_lossy().into_owned();
            let mut text = String::new();
            if entry.header().entry_type().is_file() && entry.read_to_string(&mut text).is_ok() {
                count.compare(&name, &text);
            }
        }
    }
    println!("{} same, {:?}", count.same, count.kinds);
    assert_eq!(count.unknown, Vec::<String>::new());
    assert!(count.same > 1_000, "{}", count.same);
}

mod generated {
    use super::*;
    use crate::yaml::tests::generated::generated;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn generated_documents_read_the_same((text, _) in generated()) {
            let mut count = Count::default();
            count.compare("generated", &text);
            prop_assert_eq!(count.unknown, Vec::<String>::new(), "{:?}", text);
            prop_assert_eq!(count.kinds.get("only theirs reads it"), None, "{:?}", text);
        }
    }
}
