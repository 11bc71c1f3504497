//! Image policies against the image reflector.

use super::{Outcome, Verdict, run, same, same_text, text_of, texts, wants_error};
use flux_upgrade_core::version::{
    Dialect, DigestReflection, ExclusionList, ImagePolicy, PolicyError, TagFilter, reflected_digest,
    stored_order,
};
use serde_json::Value;

fn policy(value: &Value) -> Result<ImagePolicy, PolicyError> {
    if let Some(range) = value["semver"]["range"].as_str() {
        ImagePolicy::semver(range)
    } else if value["alphabetical"].is_object() {
        ImagePolicy::alphabetical(text_of(&value["alphabetical"]["order"]))
    } else {
        ImagePolicy::numerical(text_of(&value["numerical"]["order"]))
    }
}

fn filter(input: &Value) -> Result<Option<TagFilter>, PolicyError> {
    let filter = &input["filter"];
    if filter.is_null() {
        return Ok(None);
    }
    TagFilter::parse(text_of(&filter["pattern"]), text_of(&filter["extract"])).map(Some)
}

fn exclusions(value: &Value) -> Result<ExclusionList, PolicyError> {
    if value.is_null() { Ok(ExclusionList::default()) } else { ExclusionList::parse(&texts(value)) }
}

fn elect(input: &Value) -> Result<String, PolicyError> {
    let tags = texts(&input["tags"]);
    let stored = stored_order(&tags, &exclusions(&input["exclusion_list"])?, Dialect::default());
    let election = policy(&input["policy"])?.elect(&stored, filter(input)?.as_ref())?;
    Ok(election.tag().to_owned())
}

fn candidates(input: &Value) -> Result<Vec<String>, PolicyError> {
    let tags = texts(&input["tags"]);
    let stored = stored_order(&tags, &exclusions(&input["exclusion_list"])?, Dialect::default());
    let Some(filter) = filter(input)? else { return Ok(tags) };
    let mut candidates: Vec<String> =
        filter.apply(&stored).into_iter().map(|(candidate, _)| candidate).collect();
    candidates.sort();
    Ok(candidates)
}

fn judge(input: &Value, expected: &Value) -> Verdict {
    if input["policy"].is_object() {
        if expected["candidates_sorted"].is_array() {
            same(
                candidates(input).map_err(|error| error.to_string())?,
                texts(&expected["candidates_sorted"]),
            )?;
        }
        return same_text(elect(input), expected, "latest");
    }
    if input["validate_policy"].is_object() {
        return same(policy(&input["validate_policy"]).is_err(), wants_error(expected));
    }
    if input["filter"].is_object() {
        return same(
            candidates(input).map_err(|error| error.to_string())?,
            texts(&expected["candidates_sorted"]),
        );
    }
    if input["latest_tags_of"].is_array() {
        let tags = texts(&input["latest_tags_of"]);
        let none = ExclusionList::parse::<&str>(&[]).map_err(|error| error.to_string())?;
        let stored = stored_order(&tags, &none, Dialect::default());
        let newest: Vec<&str> = stored.into_iter().take(10).collect();
        return same(newest, texts(&expected["latest_tags"]).iter().map(String::as_str).collect());
    }
    for key in ["scan", "scan_set"] {
        if input[key].is_object() {
            return excluded(&input[key], expected);
        }
    }
    excluded(input, expected)
}

fn excluded(input: &Value, expected: &Value) -> Verdict {
    let tags = texts(&input["tags"]);
    let list = match exclusions(&input["exclusion_list"]) {
        Ok(list) => list,
        Err(_) => return same(true, wants_error(expected)),
    };
    same(false, wants_error(expected))?;
    let mut stored: Vec<String> =
        stored_order(&tags, &list, Dialect::default()).into_iter().map(str::to_owned).collect();
    if expected["stored_tags"].is_array() {
        return same(stored, texts(&expected["stored_tags"]));
    }
    let key = if expected["tags"].is_array() { "tags" } else { "tags_any_order" };
    let mut wanted = texts(&expected[key]);
    stored.sort();
    wanted.sort();
    same(stored, wanted)
}

#[test]
fn tables() {
    run("image_policy.json", 52, judge);
}

#[test]
fn reference_runs() {
    run("image_policy_reference_runs.json", 41, judge);
}

#[test]
fn digests() {
    run("image_policy_digest.json", 7, |input, expected| {
        let tags = texts(&input["tags"]);
        let pass = |name: &str,
                    stored: Option<(&str, Option<&str>)>|
         -> Result<(String, Option<String>), String> {
            let input = &input[name];
            let policy = ImagePolicy::semver(text_of(&input["range"])).map_err(|error| error.to_string())?;
            let reflection =
                DigestReflection::parse(text_of(&input["digestReflectionPolicy"])).ok_or("unknown policy")?;
            let elected = policy.elect(&tags, None).map_err(|error| error.to_string())?.tag().to_owned();
            let current = format!("{name}:{elected}");
            let digest = reflected_digest(reflection, stored, &elected, Some(&current)).map(str::to_owned);
            Ok((elected, digest))
        };
        let (first_tag, first) = pass("pass1", None)?;
        let (second_tag, second) = pass("pass2", Some((&first_tag, first.as_deref())))?;
        same(first.as_deref(), expected["pass1_digest"].as_str())?;
        same(second.as_deref(), expected["pass2_digest"].as_str())?;
        let changed = (&first_tag, &first) != (&second_tag, &second);
        let previous = if changed {
            serde_json::json!({ "tag": first_tag, "digest": first.unwrap_or_default() })
        } else {
            Value::Null
        };
        same(&previous, &expected["pass2_previous_ref"])?;
        Ok(Outcome::Met)
    });
}
