//! Any file gives a plan: what changes are the planned edits alone, and every file that is changed is proven.
#![no_main]

use flux_upgrade_core::bridge;
use flux_upgrade_core::patch::apply;
use flux_upgrade_core::resolve::{Snapshot, offline};
use flux_upgrade_core::rules::{Digests, Overrides, Ranges, Rules};
use flux_upgrade_core::{locate, patch, plan, report, scan};
use flux_upgrade_fuzz::{REGISTRY, file};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let files = [file(text)];
    let snapshot = Snapshot::parse(REGISTRY).expect("this holds because the registry is one");
    let flags = Overrides { digests: Some(Digests::Pin), ranges: Some(Ranges::Move), ..Overrides::default() };
    let rules = Rules::default().with(flags).expect("this holds because the flags name no glob");
    let inventory = scan(&files);
    let sites = locate(&inventory);
    let count = sites.len();
    let resolution = offline(&sites, &rules, Some(&snapshot));
    let plan = plan(&inventory, sites, &resolution, &rules);
    assert_eq!(plan.changes.len() + plan.held.len(), count);
    let set = patch(&files, &plan);
    assert!(set.refused.is_empty(), "{:?}\n{text}", set.refused);
    let _ = report::json(&files, &plan, &set, None);
    let _ = report::edits(&files, &set);
    for file in &set.files {
        assert_eq!(apply::apply(text, &file.edits).as_ref(), Ok(&file.after));
    }
    let request = serde_json::json!({ "files": { "fuzz.yaml": text }, "snapshot": null });
    let answer: serde_json::Value =
        serde_json::from_str(&bridge::plan(&request.to_string())).expect("the answer is JSON");
    assert!(answer.get("plan").is_some(), "{answer}");
});
