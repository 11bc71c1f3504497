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
