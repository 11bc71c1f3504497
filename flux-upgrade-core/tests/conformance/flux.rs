//! Flux's own versions, the Flux Operator's rules, and migration of manifests.

use std::collections::BTreeMap;

use flux_upgrade_core::migrate::{Goal, migrate};
use flux_upgrade_core::resolve::{Candidate, select::newest_first};
use flux_upgrade_core::version::operator::{TagSelection, instance_release, is_minor_upgrade, split_digest};
use flux_upgrade_core::version::{
    Dialect, Pattern, Range, Version, component_major, component_minor, controllers, flux_minor_of,
    is_cli_compatible,
};
use flux_upgrade_core::{RepoPath, SourceFile};
use serde_json::Value;

use super::{Outcome, Verdict, run, same, text_of, texts, wants_error};

/// A number, or an error where one is wanted.
fn same_number(found: Option<u64>, expected: &Value) -> Verdict {
    same((found, found.is_none()), (expected["result"].as_u64(), wants_error(expected)))
}

#[test]
fn versions() {
    run("flux_version.json", 32, |input, expected| {
        let component = text_of(&input["component"]);
        let number = |key: &str| input[key].as_u64().unwrap_or_default();
        match text_of(&input["op"]) {
            "parse_three_part" => {
                same(Version::parse_flux(text_of(&input["version"])).is_ok(), expected["valid"] == true)
            }
            "filter_sort_desc" => {
                let list: Vec<Candidate> = texts(&input["list"]).into_iter().map(Candidate::new).collect();
                let range = Range::parse(text_of(&input["constraint"])).map_err(|error| error.to_string())?;
                let found = newest_first(&range, &list, Dialect::default());
                same(found.iter().map(|tag| tag.text.clone()).collect(), texts(&expected["result"]))
            }
            "component_minor_for_flux_minor" => {
                same_number(component_minor(component, number("flux_minor")), expected)
            }
            "flux_minor_for_component_minor" => {
                same_number(flux_minor_of(component, number("component_minor")), expected)
            }
            "component_major" => same_number(component_major(component), expected),
            "cli_compatible" => {
                let found = is_cli_compatible(text_of(&input["binary"]), text_of(&input["target"]));
                same(Some(found), expected["result"].as_bool())
            }
            "validate_components" => {
                let known: Vec<&str> = controllers().collect();
                let unknown = texts(&input["components"]).iter().any(|name| !known.contains(&name.as_str()));
                same(unknown, wants_error(expected))
            }
            other => Err(format!("unknown operation {other}")),
        }
    });
}

#[test]
fn operator() {
    run("flux_operator.json", 26, |input, expected| {
        let list = |key: &str| texts(&input[key]);
        let pattern = |value: &Value| match value.as_str() {
            Some(text) => Pattern::parse(text).map(Some).map_err(|error| error.to_string()),
            None => Ok(None),
        };
        match text_of(&input["op"]) {
            "instance_version" => {
                let (available, embedded) = (list("available"), list("embedded"));
                let [available, embedded] =
                    [&available, &embedded].map(|list| list.iter().map(String::as_str).collect::<Vec<_>>());
                let found = instance_release(text_of(&input["expr"]), &available, &embedded);
                same(found, expected["version"].as_str())
            }
            "is_minor_upgrade" => {
                let found = is_minor_upgrade(text_of(&input["from"]), text_of(&input["to"]));
                same((found, found.is_none()), (expected["result"].as_bool(), wants_error(expected)))
            }
            "split_version_digest" => match split_digest(text_of(&input["ref"])) {
                Some(found) => same(found, (text_of(&expected["version"]), text_of(&expected["digest"]))),
                None => same(true, wants_error(expected)),
            },
            "input_provider_tags" => {
                let filter = &input["filter"];
                let semver = filter["semver"].as_str().map(Range::parse).transpose();
                let selection = TagSelection {
                    include: pattern(&filter["includeTag"])?,
                    exclude: pattern(&filter["excludeTag"])?,
                    semver: semver.map_err(|error| error.to_string())?,
                    limit: filter["limit"].as_u64().unwrap_or_default() as usize,
                };
                let tags = list("tags");
                let found = selection.select(&tags.iter().map(String::as_str).collect::<Vec<_>>());
                same(found.into_iter().map(str::to_owned).collect(), texts(&expected["tags"]))
            }
            "match_string" => {
                let selection = TagSelection {
                    include: pattern(&input["include"])?,
                    exclude: pattern(&input["exclude"])?,
                    ..TagSelection::default()
                };
                same(Some(selection.admits(text_of(&input["value"]))), expected["result"].as_bool())
            }
            other => Err(format!("unknown operation {other}")),
        }
    });
}

#[test]
fn manifests() {
    run("flux_migrate.json", 3, |input, expected| {
        let wanted: BTreeMap<String, String> = input["latest_versions"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(kind, version)| (kind.clone(), text_of(version).to_owned()))
            .collect();
        let goal = Goal::release("2.9".parse().map_err(|_| "no minor")?).ok_or("2.9 is not known")?;
        for (name, version) in &wanted {
            let (group, kind) = name.split_once('/').ok_or("no kind")?;
            same(goal.version(group, kind), Some(version.as_str()))?;
        }
        let path = RepoPath::parse(text_of(&input["file"])).ok_or("no path")?;
        let file = SourceFile { path, text: text_of(&input["content"]).to_owned() };
        let migration = migrate(std::slice::from_ref(&file), &goal);
        let after = migration.set.files.first().map_or(file.text.as_str(), |patch| patch.after.as_str());
        same(after, text_of(&expected["content"]))?;
        Ok(Outcome::Met)
    });
}
