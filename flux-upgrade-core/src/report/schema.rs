//! `docs/plan.schema.json`, `docs/sites.schema.json` and `docs/edits.schema.json` against what is really printed.

use serde_json::{Map, Value, json};

use super::{edits, json, sample, sites_json};
use crate::patch::{PatchSet, Refused};
use crate::plan::{Failure, Held, Plan, Reason};
use crate::text::RepoPath;
use crate::version::Level;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../docs/plan.schema.json")).unwrap()
}

/// Checks `value` by the part of JSON Schema 2020-12 that our schema uses, and every keyword for being in that part.
fn check(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{at}: {what}: {value}"));
    let none = Map::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => {}
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#").unwrap();
                check(root, root.pointer(name).unwrap(), value, at)?;
            }
            "type" => {
                let fits = match rule.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_u64() || value.is_i64(),
                    other => panic!("type {other}"),
                };
                if !fits {
                    return wrong(&format!("not of type {rule}"));
                }
            }
            "const" if rule != value => return wrong(&format!("not {rule}")),
            "enum" if !rule.as_array().unwrap().contains(value) => return wrong("not in the list"),
            "const" | "enum" => {}
            "minimum" if value.as_i64() < rule.as_i64() => return wrong("too small"),
            "minLength" if value.as_str().unwrap_or("").is_empty() => return wrong("empty"),
            "minimum" | "minLength" => {}
            "required" => {
                for key in rule.as_array().unwrap() {
                    if value.get(key.as_str().unwrap()).is_none() {
                        return wrong(&format!("without {key}"));
                    }
                }
            }
            "properties" => {
                for (key, inner) in value.as_object().unwrap_or(&none) {
                    let Some(rule) = rule.get(key) else { return wrong(&format!("unknown key {key}")) };
                    check(root, rule, inner, &format!("{at}/{key}"))?;
                }
            }
            "additionalProperties" if *rule == json!(false) => {
                assert!(schema.get("properties").is_some(), "{at}: no key is allowed at all");
            }
            // An object with any keys, each with the same kind of value.
            "additionalProperties" => {
                for (key, inner) in value.as_object().unwrap_or(&none) {
                    check(root, rule, inner, &format!("{at}/{key}"))?;
                }
            }
            "items" => {
                for (number, inner) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, inner, &format!("{at}/{number}"))?;
                }
            }
            "oneOf" => {
                let results: Vec<_> =
                    rule.as_array().unwrap().iter().map(|rule| check(root, rule, value, at)).collect();
                if results.iter().filter(|result| result.is_ok()).count() != 1 {
                    return wrong("not exactly one of the forms");
                }
            }
            other => panic!("keyword {other} is not known to this check"),
        }
    }
    Ok(())
}

fn check_plan(plan: &Plan, set: &PatchSet) -> Result<(), String> {
    let printed: Value = serde_json::from_str(&json(&sample::files(), plan, set, Some("clusters"))).unwrap();
    let schema = schema();
    check(&schema, &schema, &printed, "")
}

/// One of each. The match keeps the list complete: a new variant does not compile until it is named here.
fn reasons() -> Vec<Reason> {
    let text = || "x".to_owned();
    let unanswered = |failure| Reason::Unanswered { source: "x".into(), failure };
    let reasons = vec![
        Reason::UpToDate,
        Reason::BeyondRules { newest: text(), level: Level::Minor, rule: "allow" },
        Reason::NoCandidate { detail: text() },
        Reason::SourceNotFound { source: text() },
        Reason::SourceUnsupported { detail: text() },
        unanswered(Failure::NotAsked),
        unanswered(Failure::NotFound),
        unanswered(Failure::Unauthorized),
        unanswered(Failure::RateLimited { retry_after_seconds: Some(3) }),
        unanswered(Failure::RateLimited { retry_after_seconds: None }),
        unanswered(Failure::Unreachable { detail: text() }),
        unanswered(Failure::TooLarge { limit_bytes: 9 }),
        unanswered(Failure::Malformed { detail: text() }),
        unanswered(Failure::Cancelled),
        Reason::CurrentVanished { newest: Some(text()) },
        Reason::CurrentVanished { newest: None },
        Reason::NoDate { newest: text() },
        Reason::Ambiguous { sources: vec![text()] },
        Reason::Disagree { wishes: vec![text()] },
        Reason::Floating { resolves_to: text() },
        Reason::Substituted { variable: text() },
        Reason::Overridden,
        Reason::Aliased,
        Reason::MultiLine,
        Reason::Templated,
        Reason::Encrypted,
        Reason::Generated,
        Reason::Marked { policy: text() },
        Reason::Requires { detail: text() },
        Reason::NextStep { after: text() },
        Reason::CannotPin { detail: text() },
        Reason::Ignored { by: text() },
    ];
    for reason in &reasons {
        match reason {
            Reason::UpToDate
            | Reason::BeyondRules { .. }
            | Reason::NoCandidate { .. }
            | Reason::SourceNotFound { .. }
            | Reason::SourceUnsupported { .. }
            | Reason::Unanswered { .. }
            | Reason::CurrentVanished { .. }
            | Reason::NoDate { .. }
            | Reason::Ambiguous { .. }
            | Reason::Disagree { .. }
            | Reason::Floating { .. }
            | Reason::Substituted { .. }
            | Reason::Overridden
            | Reason::Aliased
            | Reason::MultiLine
            | Reason::Templated
            | Reason::Encrypted
            | Reason::Generated
            | Reason::Marked { .. }
            | Reason::Requires { .. }
            | Reason::NextStep { .. }
            | Reason::CannotPin { .. }
            | Reason::Ignored { .. } => {}
        }
    }
    reasons
}

#[test]
fn the_sample_fits() {
    check_plan(&sample::plan(), &sample::patch_set()).unwrap();
    let refused = Refused { path: RepoPath::parse("a.yaml").unwrap(), why: "x".into() };
    check_plan(&sample::plan(), &PatchSet { files: vec![], refused: vec![refused] }).unwrap();
}

#[test]
fn every_reason_and_failure_fits() {
    for reason in reasons() {
        let mut plan = sample::plan();
        plan.held = vec![Held { site: 0, reason: reason.clone() }];
        check_plan(&plan, &PatchSet::default()).unwrap_or_else(|wrong| panic!("{reason:?}: {wrong}"));
    }
}

#[test]
fn the_check_finds_what_is_wrong() {
    let schema = schema();
    let printed = json(&sample::files(), &sample::plan(), &sample::patch_set(), None);
    for (pointer, value) in [
        ("/schema", json!("flux-upgrade/plan/v2")),
        ("/verified", json!("yes")),
        ("/changes/0/level", json!("huge")),
        ("/changes/0/edits/0/span", json!({"start": 1})),
        ("/changes/0/line", json!(0)),
        ("/held/0/reason", json!({"kind": "unheardOf"})),
        ("/summary", json!({})),
        ("/diagnostics/0/related/0/path", json!("")),
    ] {
        let mut broken: Value = serde_json::from_str(&printed).unwrap();
        *broken.pointer_mut(pointer).unwrap() = value;
        assert!(check(&schema, &schema, &broken, "").is_err(), "{pointer}");
    }
}

fn sites_schema() -> Value {
    serde_json::from_str(include_str!("../../../docs/sites.schema.json")).unwrap()
}

fn check_sites(plan: &Plan, root: Option<&str>) -> Result<(), String> {
    let printed: Value = serde_json::from_str(&sites_json(&plan.sites, &plan.diagnostics, root)).unwrap();
    check(&sites_schema(), &sites_schema(), &printed, "")
}

#[test]
fn sites_fit_with_every_reason() {
    check_sites(&sample::plan(), None).unwrap();
    for reason in reasons() {
        let mut plan = sample::plan();
        plan.sites[0].blocked = Some(reason.clone());
        plan.sites[1].source = Err(reason.clone());
        plan.sites[1].variable = Some("TAG".into());
        plan.sites[1].spot.at = plan.sites[0].at.clone();
        plan.sites[1].overridden_by = vec![plan.sites[2].at.clone()];
        check_sites(&plan, Some("clusters")).unwrap_or_else(|wrong| panic!("{reason:?}: {wrong}"));
    }
}

#[test]
fn what_plans_and_sites_share_is_described_once() {
    let (plan, sites) = (schema(), sites_schema());
    for (name, described) in sites["$defs"].as_object().unwrap() {
        let of_plan = match name.as_str() {
            // A site is what is held, with a reason that may be absent.
            "site" => {
                let mut held = plan["$defs"]["held"].clone();
                held["description"] = described["description"].clone();
                held["required"].as_array_mut().unwrap().retain(|key| key != "reason");
                let keys = held["properties"].as_object_mut().unwrap();
                let reason = keys.remove("reason").unwrap();
                keys.insert("blocked".into(), reason);
                held
            }
            name => plan["$defs"][name].clone(),
        };
        assert_eq!(*described, of_plan, "{name}");
    }
}

#[test]
fn edits_fit() {
    let schema: Value = serde_json::from_str(include_str!("../../../docs/edits.schema.json")).unwrap();
    for set in [sample::patch_set(), PatchSet::default()] {
        let printed: Value = serde_json::from_str(&edits(&sample::files(), &set)).unwrap();
        check(&schema, &schema, &printed, "").unwrap();
    }
    let printed: Value = serde_json::from_str(&edits(&sample::files(), &sample::patch_set())).unwrap();
    for (pointer, value) in [
        ("/schema", json!("flux-upgrade/edits/v2")),
        ("/changes/infra~1sources.yaml", json!({})),
        ("/changes/infra~1sources.yaml/0/range/start/line", json!(-1)),
        ("/changes/infra~1sources.yaml/1/newText", json!(null)),
    ] {
        let mut broken = printed.clone();
        *broken.pointer_mut(pointer).unwrap() = value;
        assert!(check(&schema, &schema, &broken, "").is_err(), "{pointer}");
    }
}
