//! What is published for the sources of [`corpus`](crate::corpus).

use std::fmt::Write as _;

use crate::corpus::SOURCES;

/// `count` versions, oldest first: 1.0.0, 1.0.1, … 1.1.0, …
pub fn versions(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|index| format!("1.{}.{}", index / 10, index % 10))
}

/// The text of a snapshot in which every source of a generated repository publishes `count` versions.
#[must_use]
pub fn snapshot(count: usize) -> String {
    snapshot_of(SOURCES, count)
}

/// As [`snapshot`], of the first `sources` of each kind.
#[must_use]
pub fn snapshot_of(sources: usize, count: usize) -> String {
    let entries: Vec<String> =
        versions(count).map(|version| format!("{{\"version\": \"{version}\"}}")).collect();
    let digested: Vec<String> = versions(count)
        .enumerate()
        .map(|(index, version)| format!("{{\"tag\": \"{version}\", \"digest\": \"sha256:{index:064x}\"}}"))
        .collect();
    let refs: Vec<String> = versions(count)
        .enumerate()
        .map(|(index, version)| {
            format!("{{\"name\": \"refs/tags/{version}\", \"commit\": \"{index:040x}\"}}")
        })
        .collect();
    let [entries, digested, refs] = [entries.join(", "), digested.join(", "), refs.join(", ")];
    let mut out = String::from("{\"schema\": \"flux-upgrade/registry-snapshot/v1\"");
    let mut section = |name: &str, entry: &dyn Fn(usize) -> String| {
        let all: Vec<String> = (0..sources).map(entry).collect();
        write!(out, ", \"{name}\": [{}]", all.join(", "))
            .expect("this holds because a String takes any text");
    };
    section("helm", &|index| {
        let charts: Vec<String> = (0..7).map(|chart| format!("\"chart-{chart}\": [{entries}]")).collect();
        let charts = charts.join(", ");
        format!("{{\"url\": \"https://charts.example.com/charts-{index}\", \"charts\": {{{charts}}}}}")
    });
    // Every second repository has another newest tag.
    section("oci", &|index| {
        let newest = format!("{{\"tag\": \"1.999.{}\", \"digest\": \"sha256:{index:064x}\"}}", index % 2);
        format!(
            "{{\"repository\": \"registry.example.com/artifact-{index}\", \"tags\": [{digested}, {newest}]}}"
        )
    });
    section("git", &|index| {
        format!("{{\"url\": \"https://git.example.com/repository-{index}\", \"refs\": [{refs}]}}")
    });
    out.push('}');
    out
}
