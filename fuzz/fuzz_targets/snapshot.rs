//! Any text as a registry snapshot is a snapshot or an error.
#![no_main]

use flux_upgrade_core::bridge;
use flux_upgrade_core::resolve::Snapshot;
use libfuzzer_sys::fuzz_target;

const FILE: &str = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: a}\n\
    spec: {url: 'oci://ghcr.io/stefanprodan/manifests/podinfo', ref: {tag: 1.0.0}}\n";

fuzz_target!(|text: &str| {
    let Ok(_) = Snapshot::parse(text) else { return };
    let files = serde_json::json!({ "a.yaml": FILE });
    let answer = bridge::plan(&format!("{{\"files\": {files}, \"snapshot\": {text}}}"));
    let answer: serde_json::Value = serde_json::from_str(&answer).expect("the answer is JSON");
    assert!(answer.get("plan").is_some(), "{answer}");
});
