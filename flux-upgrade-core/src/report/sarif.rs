//! The plan in SARIF 2.1.0, with fixes: what code scanning and editors show at the line.
//!
//! Source: OASIS, Static Analysis Results Interchange Format 2.1.0, 3.27 (result), 3.30 (region), 3.55 (fix).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::json::print;
use super::words::{clean, package, step};
use crate::diagnostic::{Diagnostic, Severity};
use crate::locate::Site;
use crate::plan::{Change, Plan, Reason};
use crate::text::{Lines, Location, RepoPath, SourceFile, Span};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// A plan as SARIF: a result for each change, with its edits as a fix, one for each held site that is not up to date, and one for each
/// finding.
///
/// `files` are those that the plan was made from. Lines and columns count from 1, columns in code points. Results stand in the order of
/// the plan; the rule of a change is `change.LEVEL`, that of a held site `held.REASON`, that of a finding its code.
#[must_use]
pub fn sarif(files: &[SourceFile], plan: &Plan) -> String {
    let mut places = Places::new(files);
    let mut results = Vec::new();
    let mut rules = BTreeSet::new();
    for change in &plan.changes {
        let rule = format!("change.{}", change.level);
        results.push(changed(&rule, plan.site_of(change), change, &mut places));
        rules.insert(rule);
    }
    for held in plan.held.iter().filter(|held| !matches!(held.reason, Reason::UpToDate)) {
        let site = &plan.sites[held.site];
        let rule = format!("held.{}", held.reason.kind());
        let mut result =
            result(&rule, "note", &held.reason.to_string(), places.location(&site.spot.at), "review");
        result.insert("partialFingerprints".to_owned(), fingerprint(site));
        results.push(Value::Object(result));
        rules.insert(rule);
    }
    for finding in &plan.diagnostics {
        results.push(found(finding, &mut places));
        rules.insert(finding.code.to_owned());
    }
    let rules: Vec<Value> = rules.into_iter().map(|rule| json!({"id": rule})).collect();
    print(&json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "flux-upgrade",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {"ROOT": {"description": {"text": "The folder that was planned."}}},
            "results": results,
        }],
    }))
}

fn result(rule: &str, level: &str, text: &str, location: Value, kind: &str) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("ruleId".to_owned(), json!(rule));
    // 3.27.10: a kind other than "fail" has the level "none".
    if kind == "fail" {
        out.insert("level".to_owned(), json!(level));
    } else {
        out.insert("kind".to_owned(), json!(kind));
        out.insert("level".to_owned(), json!("none"));
    }
    out.insert("message".to_owned(), json!({"text": clean(text)}));
    out.insert("locations".to_owned(), json!([{"physicalLocation": location}]));
    out
}

fn changed(rule: &str, site: &Site, change: &Change, places: &mut Places<'_>) -> Value {
    let (from, to) = step(&change.from, &change.to);
    let what = match package(site) {
        "" => site.owner.to_string(),
        package => format!("{} {package}", site.owner),
    };
    let text = format!("{what}: {from} -> {to}");
    let mut out = result(rule, "note", &text, places.location(&site.spot.at), "fail");
    out.insert("partialFingerprints".to_owned(), fingerprint(site));
    let mut by_file: BTreeMap<&RepoPath, Vec<Value>> = BTreeMap::new();
    for edit in &change.edits {
        by_file.entry(&edit.path).or_default().push(json!({
            "deletedRegion": places.region(&edit.path, edit.span),
            "insertedContent": {"text": edit.replace},
        }));
    }
    let changes: Vec<Value> = by_file
        .into_iter()
        .map(|(path, replacements)| json!({"artifactLocation": artifact(path), "replacements": replacements}))
        .collect();
    if !changes.is_empty() {
        let fix = json!({"description": {"text": format!("Write {}", clean(&change.to))}, "artifactChanges": changes});
        out.insert("fixes".to_owned(), json!([fix]));
    }
    Value::Object(out)
}

fn found(finding: &Diagnostic, places: &mut Places<'_>) -> Value {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let text = match &finding.help {
        Some(help) => format!("{}; {help}", finding.message),
        None => finding.message.clone(),
    };
    let mut out = result(finding.code, level, &text, places.location(&finding.at), "fail");
    if !finding.related.is_empty() {
        let related = finding.related.iter().map(|at| json!({"physicalLocation": places.location(at)}));
        out.insert("relatedLocations".to_owned(), related.collect());
    }
    Value::Object(out)
}

/// What stays when lines and versions move.
fn fingerprint(site: &Site) -> Value {
    json!({"fluxUpgradeSite/v1": clean(&format!("{} {} {}", site.at.path, site.owner, site.field))})
}

fn artifact(path: &RepoPath) -> Value {
    json!({"uri": uri(path), "uriBaseId": "ROOT"})
}

/// A path as a relative reference (RFC 3986, 4.2). The base does not let a first part with `:` be taken for a scheme, since that is escaped.
fn uri(path: &RepoPath) -> String {
    let mut out = String::with_capacity(path.as_str().len());
    for byte in path.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Line tables of files, each made once.
struct Places<'a> {
    texts: BTreeMap<&'a RepoPath, &'a str>,
    made: BTreeMap<&'a RepoPath, Lines<'a>>,
}

impl<'a> Places<'a> {
    fn new(files: &'a [SourceFile]) -> Self {
        let texts = files.iter().map(|file| (&file.path, file.text.as_str())).collect();
        Self { texts, made: BTreeMap::new() }
    }

    /// A span as a region; an empty one at the start of a file that is not there.
    fn region(&mut self, path: &RepoPath, span: Span) -> Value {
        let Some((path, text)) = self.texts.get_key_value(path) else {
            return json!({"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1});
        };
        let lines = self.made.entry(path).or_insert_with(|| Lines::new(text));
        let ((line, column), (end_line, end_column)) = (lines.position(span.start), lines.position(span.end));
        json!({"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column})
    }

    fn location(&mut self, at: &Location) -> Value {
        let region = match self.texts.contains_key(&at.path) {
            true => self.region(&at.path, at.span),
            false => json!({"startLine": at.line, "startColumn": at.column}),
        };
        json!({"artifactLocation": artifact(&at.path), "region": region})
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn printed() -> Value {
        serde_json::from_str(&sarif(&sample::files(), &sample::plan())).unwrap()
    }

    #[test]
    fn a_change_has_its_edits_as_a_fix() {
        let result = &printed()["runs"][0]["results"][0];
        assert_eq!(
            *result,
            json!({
                "ruleId": "change.minor",
                "level": "note",
                "message": {"text": "HelmRelease apps/podinfo: 6.5.0 -> 6.7.1"},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": "apps/podinfo.yaml", "uriBaseId": "ROOT"},
                    "region": {"startLine": 2, "startColumn": 10, "endLine": 2, "endColumn": 15},
                }}],
                "partialFingerprints": {
                    "fluxUpgradeSite/v1": "apps/podinfo.yaml HelmRelease apps/podinfo spec.chart.spec.version",
                },
                "fixes": [{
                    "description": {"text": "Write 6.7.1"},
                    "artifactChanges": [{
                        "artifactLocation": {"uri": "apps/podinfo.yaml", "uriBaseId": "ROOT"},
                        "replacements": [{
                            "deletedRegion": {"startLine": 2, "startColumn": 10, "endLine": 2, "endColumn": 15},
                            "insertedContent": {"text": "6.7.1"},
                        }],
                    }],
                }],
            })
        );
    }

    #[test]
    fn what_is_held_and_found_is_told_and_what_is_up_to_date_is_not() {
        let printed = printed();
        let results = printed["runs"][0]["results"].as_array().unwrap();
        let told: Vec<_> = results.iter().map(|result| (&result["ruleId"], &result["level"])).collect();
        assert_eq!(
            serde_json::to_value(told).unwrap(),
            json!([
                ["change.minor", "note"],
                ["change.patch", "note"],
                ["held.beyondRules", "none"],
                ["held.unanswered", "none"],
                ["held.unanswered", "none"],
                ["yaml.syntax", "error"],
            ])
        );
        let named: Vec<&Value> = printed["runs"][0]["tool"]["driver"]["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| &rule["id"])
            .collect();
        assert!(results.iter().all(|result| named.contains(&&result["ruleId"])));
    }

    #[test]
    fn paths_are_relative_references() {
        for (path, expected) in
            [("a b/ü.yaml", "a%20b/%C3%BC.yaml"), ("c:d/e#f?.yaml", "c%3Ad/e%23f%3F.yaml")]
        {
            assert_eq!(uri(&RepoPath::parse(path).unwrap()), expected);
        }
    }
}
