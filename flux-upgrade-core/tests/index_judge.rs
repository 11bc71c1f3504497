//! Chart indexes as another library reads them: the slice that is cut out gives what a whole load gives, in every form.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use flux_upgrade_core::wire::helm_index;
use yaml_rust2::{Yaml, YamlLoader};

/// Versions with `appVersion`, `digest` and whether deprecated, by chart.
type Told = BTreeMap<String, BTreeSet<(String, Option<String>, Option<String>, bool)>>;

/// What the foreign library reads from the whole text.
fn judged(text: &str) -> Told {
    let whole = YamlLoader::load_from_str(text).unwrap().remove(0);
    let field = |entry: &Yaml, name: &str| entry[name].as_str().map(str::to_owned);
    let entry = |entry: &Yaml| {
        let version = field(entry, "version").unwrap();
        (
            version,
            field(entry, "appVersion"),
            field(entry, "digest"),
            entry["deprecated"].as_bool() == Some(true),
        )
    };
    let charts = whole["entries"].as_hash().unwrap().iter();
    charts
        .map(|(name, entries)| {
            (name.as_str().unwrap().to_owned(), entries.as_vec().unwrap().iter().map(entry).collect())
        })
        .collect()
}

/// What our route reads, chart by chart.
fn ours(text: &str, names: impl Iterator<Item = String>) -> Told {
    let mut out = Told::new();
    for name in names {
        let wanted = BTreeSet::from([name.clone()]);
        for (name, entries) in helm_index::load_some(text, &wanted).unwrap() {
            let entry = |entry: flux_upgrade_core::resolve::select::ChartEntry| {
                (entry.version, entry.app_version, entry.digest, entry.deprecated)
            };
            out.insert(name, entries.into_iter().map(entry).collect());
        }
    }
    out
}

#[test]
fn every_form_is_read_as_another_library_reads_it() {
    let digest = "a".repeat(64);
    let mut block = "apiVersion: v1\ngenerated: \"2026-01-01T00:00:00Z\"\nentries:\n".to_owned();
    let mut flow = "{apiVersion: v1, entries: {".to_owned();
    let mut quoted = "\"apiVersion\": 'v1'\n'entries':\n".to_owned();
    let mut anchored = "apiVersion: v1\nentries:\n".to_owned();
    let mut json = serde_json::json!({"apiVersion": "v1", "entries": {}});
    for chart in ["alpha", "beta", "gamma-2"] {
        block.push_str(&format!("  {chart}:\n"));
        quoted.push_str(&format!("  \"{chart}\":\n"));
        anchored.push_str(&format!("  {chart}:\n  - &{chart}\n    name: {chart}\n    version: 9.0.0\n    appVersion: \"1\"\n    urls: [x.tgz]\n"));
        flow.push_str(&format!("{chart}: ["));
        for n in (1..6).rev() {
            let (version, old) = (format!("{n}.0.0"), n < 3);
            block.push_str(&format!(
                "  - name: {chart}\n    version: {version}\n    appVersion: \"{n}.1\"\n    digest: {digest}\n    deprecated: {old}\n    \
                 description: |\n      entries:\n        {chart}:\n        - version: 99.0.0\n    urls:\n    - x-{n}.tgz\n"
            ));
            quoted.push_str(&format!(
                "    - {{\"name\": \"{chart}\", 'version': '{version}', \"appVersion\": \"\\x31\\u002e{n}\", \"urls\": [\"x # y.tgz\"]}}\n"
            ));
            anchored.push_str(&format!(
                "  - {{name: {chart}, version: {version}, appVersion: '{n}', urls: [x.tgz]}} # - version: 8\n"
            ));
            flow.push_str(&format!(
                "{{name: {chart}, version: {version}, deprecated: {old}, urls: [x.tgz]}}, "
            ));
            let entry = serde_json::json!({"name": chart, "version": version, "digest": digest,
                "appVersion": format!("\u{e4}{n}"), "urls": ["x.tgz"], "deprecated": old});
            let entries = &mut json["entries"][chart];
            if entries.is_null() {
                *entries = serde_json::json!([]);
            }
            entries.as_array_mut().unwrap().push(entry);
        }
        flow.push_str("], ");
    }
    flow.push_str("}}\n");
    let aliased = anchored.clone() + "  delta:\n  - *alpha\n";
    let crlf = block.replace('\n', "\r\n");
    let (json, pretty) = (json.to_string(), serde_json::to_string_pretty(&json).unwrap());
    let forms = [block, crlf, flow, quoted, anchored, json, pretty];
    for text in &forms {
        let expected = judged(text);
        assert_eq!(expected.len(), 3, "{text}");
        assert_eq!(ours(text, expected.keys().cloned()), expected, "{text}");
    }
    // An entry that is another chart's by an alias has the other's name: what is compared is that both read it so.
    let expected = judged(&aliased);
    assert_eq!(ours(&aliased, ["delta".to_owned()].into_iter())["delta"], expected["delta"], "{aliased}");
}
