//! `docs/rules.schema.json` against what the reader of rules files takes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Allow, Delivery, Digests, LocalEdits, Ranges, Rules, credentials, file, promote, requires, wording,
};
use crate::text::RepoPath;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../docs/rules.schema.json")).unwrap()
}

fn keys(schema: &Value, place: &str) -> BTreeSet<String> {
    let properties = schema.pointer(place).unwrap_or_else(|| panic!("no {place}"));
    properties["properties"].as_object().unwrap().keys().cloned().collect()
}

fn set<'a>(lists: impl IntoIterator<Item = &'a [&'a str]>) -> BTreeSet<String> {
    lists.into_iter().flatten().map(|key| (*key).to_owned()).collect()
}

#[test]
fn it_has_every_key_and_no_other() {
    let schema = schema();
    let item = "/properties/rules/items";
    let place = "/properties/credentials/additionalProperties";
    for (at, known) in [
        ("", set([file::TOP])),
        ("/properties/defaults", set([file::SETTINGS])),
        (item, set([file::SETTINGS, &["name", "match"]])),
        ("/properties/rules/items/properties/match", set([file::MATCH])),
        ("/$defs/promote", set([promote::KEYS])),
        ("/properties/wording", set([wording::KEYS])),
        ("/$defs/requires", set([requires::KEYS])),
        (place, set([credentials::PLACES])),
        ("/properties/credentials/additionalProperties/properties/env", set([credentials::VARIABLES])),
    ] {
        assert_eq!(keys(&schema, at), known, "{at}");
        assert_eq!(schema.pointer(at).unwrap()["additionalProperties"], false, "{at}");
    }
    assert_eq!(schema["required"], serde_json::json!(["version"]));
}

#[test]
fn it_has_every_word_of_every_setting() {
    let schema = schema();
    for (name, words) in [
        ("allow", Allow::WORDS),
        ("ranges", Ranges::WORDS),
        ("digests", Digests::WORDS),
        ("localEdits", LocalEdits::WORDS),
        ("delivery", Delivery::WORDS),
    ] {
        assert_eq!(schema["$defs"][name]["enum"], serde_json::json!(words), "{name}");
    }
}

/// Values that the schema lets stand under a definition, as YAML, and values that it does not.
fn samples(name: &str) -> (Vec<&'static str>, Vec<&'static str>) {
    match name {
        "allow" => (Allow::WORDS.to_vec(), vec!["some", "[minor]", "true"]),
        "ranges" => (Ranges::WORDS.to_vec(), vec!["none", "{}"]),
        "digests" => (Digests::WORDS.to_vec(), vec!["move", "[]"]),
        "localEdits" => (LocalEdits::WORDS.to_vec(), vec!["merge", "{}"]),
        "prerelease" => (vec!["true", "false"], vec!["maybe", "[true]"]),
        "minimumAge" => (vec!["3d", "36h", "0d", "2w", "5m", "9s"], vec!["3 days", "d", "-1d", "[3d]"]),
        "range" => (vec!["\"<17\"", "1.x"], vec!["[1.x]", "{}"]),
        "ignore" => (vec!["\"1.0.0\"", "[\"1.0.0\", v2]", "[]"], vec!["{a: b}", "[[a]]"]),
        "delivery" => (Delivery::WORDS.to_vec(), vec!["merge", "[]"]),
        "schedule" => (vec!["\"before 6am\"", "[\"* 0-5 * * *\"]", "[]"], vec!["{a: b}", "[[a]]"]),
        "requires" => (
            vec!["{signature: true}", "{kubeVersion: \"1.31\", unchangedTag: false}", "{}"],
            vec!["[signature]", "{kubeVersion: soon}", "{signed: true}"],
        ),
        "group" => (vec!["monitoring"], vec!["[a]", "{}"]),
        other => panic!("no samples of {other}"),
    }
}

#[test]
fn what_it_lets_stand_is_read_and_what_it_forbids_is_refused() {
    let path = RepoPath::parse(".flux-upgrade.yaml").unwrap();
    let read = |text: &str| Rules::parse(&path, &format!("version: 1\n{text}"));
    for name in file::SETTINGS {
        let (good, bad) = samples(name);
        for value in good {
            read(&format!("defaults: {{{name}: {value}}}")).unwrap();
            read(&format!("rules: [{{match: {{kind: x}}, {name}: {value}}}]")).unwrap();
        }
        for value in bad {
            assert!(read(&format!("defaults: {{{name}: {value}}}")).is_err(), "{name}: {value}");
        }
    }
    for name in file::MATCH {
        for value in ["podinfo", "[a, \"b-*\"]"] {
            read(&format!("rules: [{{match: {{{name}: {value}}}}}]")).unwrap();
        }
        assert!(read(&format!("rules: [{{match: {{{name}: {{a: b}}}}}}]")).is_err(), "{name}");
    }
}

/// A YAML text as JSON, read by another parser; of numbers only whole ones matter here.
fn as_json(text: &str) -> Value {
    use yaml_rust2::{Yaml, YamlLoader};
    fn plain(yaml: &Yaml) -> Value {
        match yaml {
            Yaml::Integer(number) => (*number).into(),
            Yaml::Real(number) => number.parse::<f64>().map_or(Value::Null, Value::from),
            Yaml::String(text) => text.as_str().into(),
            Yaml::Boolean(value) => (*value).into(),
            Yaml::Array(items) => items.iter().map(plain).collect(),
            Yaml::Hash(entries) => {
                entries.iter().map(|(key, value)| (key.as_str().unwrap_or_default(), plain(value))).collect()
            }
            Yaml::Alias(_) | Yaml::Null | Yaml::BadValue => Value::Null,
        }
    }
    YamlLoader::load_from_str(text).unwrap().first().map_or(Value::Null, plain)
}

/// The schema and the reader say the same of files.
#[test]
fn it_and_the_reader_are_of_one_mind() {
    let path = RepoPath::parse(".flux-upgrade.yaml").unwrap();
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let after_version = |text: &&str| format!("version: 1\n{text}\n");
    let whole = [
        (true, "version: 1"),
        (false, ""),
        (false, "# nothing but this\n"),
        (false, "---\n"),
        (false, "null"),
        (false, "[]"),
        (false, "version: \"1\""),
        (false, "version: '1'"),
        (false, "version: 2"),
        (false, "version: one"),
        (false, "version:"),
        (false, "version: true"),
        (false, "defaults: {}"),
    ];
    let good = [
        "defaults: {}",
        "defaults: {prerelease: True, group: \"1\", ignore: \"1.10\"}",
        "rules: []",
        "rules: [{}]",
        "rules: [{match: {}}]",
        "rules: [{name: a, match: {kind: [a, b], path: 'a/**'}, allow: none}]",
        "promote: {from: a, to: b}",
        "promote: [{from: a, to: b, after: 3d}]",
        "promote: []",
        "renovate: false",
        "wording: {}",
        "wording: {commit: \"{title}\", pullRequest: \"x {title}\", branchPrefix: deps/}",
        "credentials: {}",
        "credentials: {ghcr.io: {env: {password: A, username: B}}}",
        "credentials: {ghcr.io: {env: {token: A}}}",
        "credentials: {ghcr.io: {env: {password: A}, username: me}}",
        "credentials: {ghcr.io: {none: true}}",
        "credentials: {ghcr.io: {file: /a}, quay.io: {helper: b}}",
        "defaults: {group: 1a, range: 1.x, ignore: [v1, 1.2.3]}",
        "defaults: {group: yes}",
    ];
    let bad = [
        "defaults:",
        "defaults: []",
        "defaults: {allow: null}",
        "defaults: {allow: Minor}",
        "defaults: {prerelease: \"true\"}",
        "defaults: {prerelease: yes}",
        "defaults: {prerelease: 1}",
        "defaults: {group: 12}",
        "defaults: {group: true}",
        "defaults: {group: ~}",
        "defaults: {range: 1.2}",
        "defaults: {range: 1}",
        "defaults: {ignore: 1.10}",
        "defaults: {ignore: [1.10]}",
        "defaults: {ignore: [0x10]}",
        "defaults: {minimumAge: 3}",
        "defaults: {minimumAge: 3 d}",
        "defaults: {minimumAge: 3D}",
        "defaults: {schedule: 5}",
        "defaults: {requires: true}",
        "defaults: {requires: {signature: \"true\"}}",
        "defaults: {requires: {kubeVersion: 1.31}}",
        "rules:",
        "rules: {}",
        "rules: [a]",
        "rules: [{match: []}]",
        "rules: [{match: {name: 1}}]",
        "rules: [{match: {name: [1]}}]",
        "rules: [{match: {name: []}}]",
        "rules: [{match: {name: ''}}]",
        "rules: [{match: {package: //}}]",
        "rules: [{match: {path: [/apps]}}]",
        "rules: [{match: {path: ./apps}}]",
        "rules: [{match: {path: apps/}}]",
        "defaults: {group: ''}",
        "defaults: {group: ' '}",
        "rules: [{name: 1}]",
        "promote:",
        "promote: a",
        "promote: {}",
        "promote: {from: a}",
        "promote: {from: a, to: 1}",
        "promote: {from: a, to: b, after: 3}",
        "promote: [a]",
        "renovate: \"false\"",
        "renovate: off",
        "wording: {commit: 1}",
        "wording: {pullRequest: x}",
        "wording: {branchPrefix: deps}",
        "credentials: []",
        "credentials: {ghcr.io: {}}",
        "credentials: {ghcr.io: {file: /a, helper: b}}",
        "credentials: {ghcr.io: {file: /a, username: me}}",
        "credentials: {ghcr.io: {none: false}}",
        "credentials: {ghcr.io: {none: \"true\"}}",
        "credentials: {ghcr.io: {env: {}}}",
        "credentials: {ghcr.io: {env: {password: A, token: B}}}",
        "credentials: {ghcr.io: {env: {token: A, username: B}}}",
        "credentials: {ghcr.io: {env: {password: 1}}}",
        "credentials: {ghcr.io: {helper: a b}}",
        "nothing: 1",
    ];
    let good = good.iter().map(|text| (true, after_version(text)));
    let bad = bad.iter().map(|text| (false, after_version(text)));
    let whole = whole.iter().map(|(verdict, text)| (*verdict, (*text).to_owned()));
    for (expected, text) in whole.chain(good).chain(bad) {
        let read = Rules::parse(&path, &text);
        assert_eq!(read.is_ok(), expected, "the reader: {text}: {read:?}");
        assert_eq!(validator.is_valid(&as_json(&text)), expected, "the schema: {text}");
    }
}
