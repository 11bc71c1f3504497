//! Versions and ranges against Masterminds/semver.

use super::{Outcome, run, same, text_of, texts};
use flux_upgrade_core::version::{Dialect, Level, Library, MismatchKind, Range, Version};
use serde_json::Value;

#[test]
fn parse() {
    run("semver_parse.json", 106, |input, expected| {
        let text = text_of(&input["version"]);
        let parsed = match text_of(&input["parser"]) {
            "strict" => Version::parse_strict(text),
            "lenient" => Version::parse(text),
            "lenient_no_leading_zero" => Version::parse_in(text, Dialect::for_library(Library::V3_3_1)),
            "prerelease_only" => Version::parse(&format!("1.2.3-{text}")),
            "metadata_only" => Version::parse(&format!("1.2.3+{text}")),
            other => return Err(format!("unknown parser {other}")),
        };
        same(parsed.is_ok(), expected["valid"].as_bool() == Some(true))?;
        if let Some(kind) = expected["error"].as_str() {
            let code = parsed.as_ref().err().map(|error| error.code());
            let wanted = match kind {
                "segment_starts_zero" => "version.leading-zero",
                other => return Err(format!("unknown error class {other}")),
            };
            same(code, Some(wanted))?;
        }
        match expected["canonical"].as_str() {
            Some(canonical) => {
                same(parsed.map(|version| version.canonical()).ok().as_deref(), Some(canonical))
            }
            None => Ok(Outcome::Met),
        }
    });
}

#[test]
fn parse_reference_runs() {
    run("semver_parse_reference_runs.json", 38, |input, expected| {
        let text = text_of(&input["version"]);
        same(Version::parse_strict(text).is_ok(), expected["strict_valid"] == true)?;
        same(Version::parse_flux(text).is_ok(), expected["flux_three_part_valid"] == true)?;
        let lenient = &expected["lenient"];
        match Version::parse(text) {
            Err(_) => same(true, lenient.is_null()),
            Ok(version) => {
                let found = serde_json::json!({
                    "major": version.major(), "minor": version.minor(), "patch": version.patch(),
                    "pre": version.pre(), "meta": version.build(), "string": version.canonical(),
                });
                same(&found, lenient)
            }
        }
    });
}

fn version(value: &Value) -> Result<Version, String> {
    Version::parse(text_of(value)).map_err(|error| error.to_string())
}

#[test]
fn compare() {
    run("semver_compare.json", 30, |input, expected| {
        let left = version(&input["a"])?;
        if input["op"] == "increment" {
            let level = match text_of(&input["part"]) {
                "major" => Level::Major,
                "minor" => Level::Minor,
                _ => Level::Patch,
            };
            let bumped = left.bumped(level).ok_or("overflow")?;
            same(bumped.text(), text_of(&expected["original"]))?;
            return same(bumped.canonical().as_str(), text_of(&expected["result"]));
        }
        let order = left.cmp_precedence(&version(&input["b"])?);
        let found = match text_of(&input["op"]) {
            "compare" => Value::from(order as i8),
            "lt" => order.is_lt().into(),
            "le" => order.is_le().into(),
            "gt" => order.is_gt().into(),
            "ge" => order.is_ge().into(),
            "eq" => order.is_eq().into(),
            other => return Err(format!("unknown operation {other}")),
        };
        same(&found, &expected["result"])
    });
}

#[test]
fn compare_reference_runs() {
    run("semver_compare_reference_runs.json", 126, |input, expected| {
        let order = version(&input["a"])?.cmp_precedence(&version(&input["b"])?);
        same(&Value::from(order as i8), &expected["compare"])
    });
}

fn satisfied(range: &Range, version: &Version, input: &Value) -> bool {
    if input["include_prerelease"] == true {
        range.matches_with_prereleases(version)
    } else {
        range.matches(version)
    }
}

#[test]
fn constraint_check() {
    run("semver_constraint_check.json", 227, |input, expected| {
        if input["single_term_parser"] == true {
            return Ok(Outcome::Aside("only an internal entry point of the library accepts the empty text"));
        }
        let range = Range::parse(text_of(&input["constraint"])).map_err(|error| error.to_string())?;
        same(&Value::from(satisfied(&range, &version(&input["version"])?, input)), &expected["satisfied"])
    });
}

#[test]
fn constraint_parse() {
    run("semver_constraint_parse.json", 32, |input, expected| {
        let text = text_of(&input["expr"]);
        let range = Range::parse(text);
        match text_of(&input["op"]) {
            "parse" | "parse_single" => {
                same(range.is_ok(), expected["valid"] == true)?;
                let Ok(range) = range else { return Ok(Outcome::Met) };
                if let Some(groups) = expected["or_groups"].as_u64() {
                    same(range.alternatives() as u64, groups)?;
                    let first = range.terms().next().map_or(0, |terms| terms.len());
                    same(Some(first as u64), expected["first_group_terms"].as_u64())?;
                }
                let Some(operator) = expected["operator"].as_str() else { return Ok(Outcome::Met) };
                // The bound shows in what the range admits and what it does not.
                let bound = version(&expected["version"])?;
                let above = bound.bumped(Level::Patch).ok_or("overflow")?;
                let found = (range.matches(&bound), range.matches(&above));
                let wanted = match operator {
                    "GreaterThanEqual" | "TildeOrEqual" | "LessThanEqual" => (true, true),
                    "GreaterThan" | "LessThan" => (false, false),
                    other => return Err(format!("unknown operator {other}")),
                };
                same(found, wanted)
            }
            "rewrite_hyphen" => {
                let rewritten =
                    Range::parse(text_of(&expected["text"])).map_err(|error| error.to_string())?;
                same(range.map(|range| range.to_string()).ok(), Some(rewritten.to_string()))
            }
            "is_wildcard" => same(range.is_ok_and(|range| !range.is_exact()), expected["result"] == true),
            "canonical" => {
                same(range.ok().map(|range| range.to_string()).as_deref(), expected["text"].as_str())
            }
            other => Err(format!("unknown operation {other}")),
        }
    });
}

/// The relation that a reference reason states, as ours.
fn stated(reason: &str) -> Option<MismatchKind> {
    let table = [
        ("is less than or equal to", MismatchKind::NotAbove),
        ("is greater than or equal to", MismatchKind::NotBelow),
        ("is less than", MismatchKind::Below),
        ("is greater than", MismatchKind::Above),
        ("is not equal to", MismatchKind::Different),
        ("is equal to", MismatchKind::LeftOut),
        ("does not have same major version", MismatchKind::OtherMajor),
        ("does not have same major and minor version", MismatchKind::OtherMinor),
        ("does not have same minor version", MismatchKind::OtherMinor),
        ("does not equal", MismatchKind::OtherPatch),
        ("is a prerelease version", MismatchKind::Prerelease),
    ];
    table.iter().find(|(words, _)| reason.contains(words)).map(|(_, kind)| *kind)
}

#[test]
fn constraint_reason() {
    run("semver_constraint_reason.json", 45, |input, expected| {
        let range = Range::parse(text_of(&input["constraint"])).map_err(|error| error.to_string())?;
        let version = version(&input["version"])?;
        same(&Value::from(satisfied(&range, &version, input)), &expected["satisfied"])?;
        let mismatches = if input["include_prerelease"] == true {
            range.explain_with_prereleases(&version)
        } else {
            range.explain(&version)
        };
        let first = mismatches.first().ok_or("no reason given")?;
        let reason = text_of(&expected["reason"]);
        let quoted: Vec<&str> = reason.split('"').skip(1).step_by(2).collect();
        same(Some(first.kind()), stated(reason))?;
        same([version.canonical().as_str(), first.bound()].as_slice(), quoted.as_slice())
    });
}

#[test]
fn reference_runs() {
    run("semver_reference_runs.json", 97, |input, expected| {
        let range = match Range::parse(text_of(&input["constraint"])) {
            Ok(range) => range,
            Err(_) => return same(true, super::wants_error(expected)),
        };
        same(false, super::wants_error(expected))?;
        same(range.to_string().as_str(), text_of(&expected["canonical"]))?;
        let mut admitted = Vec::new();
        for text in texts(&input["versions"]) {
            let version = Version::parse(&text).map_err(|error| error.to_string())?;
            same(range.matches(&version), range.explain(&version).is_empty())?;
            if range.matches(&version) {
                admitted.push(text);
            }
        }
        same(admitted, texts(&expected["satisfied"]))
    });
}
