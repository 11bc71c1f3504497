//! The plan in SARIF 2.1.0, with fixes: what code scanning and editors show at the line.
//!
//! Source: OASIS, Static Analysis Results Interchange Format 2.1.0, 3.27 (result), 3.30 (region), 3.55 (fix).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::json::print;
use super::words::{clean, count, package, step};
use crate::diagnostic::{Diagnostic, Severity};
use crate::locate::Site;
use crate::patch::{Edit, FilePatch, PatchSet, lock};
use crate::plan::{Change, Held, Plan, Reason};
use crate::scan::Kind;
use crate::text::{Lines, Location, RepoPath, SourceFile, Span};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Results that GitHub's code scanning takes of one run; it refuses a file that has more.
const MOST: usize = 25_000;

/// The base of every path: the name that code scanning and editors know for the top of the sources.
const BASE: &str = "%SRCROOT%";

/// A plan as SARIF: a result for each change, with its edits as a fix, one for each held site that is not up to date, and one for each
/// finding.
///
/// `files` are those that the plan was made from, and `set` is its patch set: a fix has no edits of files that are refused there, and those
/// of a `Chart.lock` with all that move in its chart, which fit together only. Lines and columns count from 1, columns in code points; a byte order mark is not
/// counted. Paths are relative to the folder that was planned. Results stand in the order of the plan; the rule of a change is
/// `change.LEVEL`, that of a held site `held.REASON`, that of a finding its code. No two results have one fingerprint, and a fingerprint
/// has no line and no version in it. Of more than 25,000 results those of held sites are left out from the end, and a notification says
/// how many.
#[must_use]
pub fn sarif(files: &[SourceFile], plan: &Plan, set: &PatchSet) -> String {
    let mut places = Places::new(files);
    let fixes = Fixes::new(plan, set);
    let mut prints = Fingerprints::default();
    let mut results = Vec::new();
    let mut rules = BTreeSet::new();
    for change in &plan.changes {
        let rule = format!("change.{}", change.level);
        let print = prints.of_site(plan.site_of(change));
        let edits = fixes.of(plan.site_of(change), change);
        results.push(changed(&rule, plan.site_of(change), change, &edits, print, &mut places));
        rules.insert(rule);
    }
    let told = |held: &&Held| !matches!(held.reason, Reason::UpToDate);
    let room = MOST.saturating_sub(results.len() + plan.diagnostics.len());
    for held in plan.held.iter().filter(told).take(room) {
        let site = &plan.sites[held.site];
        let rule = format!("held.{}", held.reason.kind());
        let mut result =
            result(&rule, "note", &held.reason.to_string(), places.location(&site.spot.at), "review");
        result.insert("partialFingerprints".to_owned(), prints.of_site(site));
        results.push(Value::Object(result));
        rules.insert(rule);
    }
    for finding in &plan.diagnostics {
        results.push(found(finding, prints.of_finding(finding), &mut places));
        rules.insert(finding.code.to_owned());
    }
    let rules: Vec<Value> = rules.iter().map(|id| rule(id)).collect();
    let mut run = json!({
        "tool": {"driver": {
            "name": "flux-upgrade",
            "version": env!("CARGO_PKG_VERSION"),
            "informationUri": env!("CARGO_PKG_REPOSITORY"),
            "rules": rules,
        }},
        "columnKind": "unicodeCodePoints",
        "newlineSequences": ["\r\n", "\n", "\r"],
        "originalUriBaseIds": {BASE: {"description": {"text": "The folder that was planned."}}},
        "results": results,
    });
    let left_out = plan.held.iter().filter(told).count().saturating_sub(room);
    if left_out > 0 {
        let text = format!("{} left out, so that code scanning takes the rest", count(left_out, "held site"));
        let notification = json!({"level": "warning", "message": {"text": text}});
        run["invocations"] =
            json!([{"executionSuccessful": true, "toolExecutionNotifications": [notification]}]);
    }
    print(&json!({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}))
}

/// What a rule is for, in the words that code scanning wants of each.
fn rule(id: &str) -> Value {
    let docs = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/");
    let (short, full, help, page) = match id.split_once('.') {
        Some(("change", level)) => (
            format!("An upgrade: {level}"),
            "A newer version is published, and the rules allow it.",
            "The fix writes it, as `flux-upgrade apply` does.",
            "rules-file.md",
        ),
        Some(("held", reason)) => (
            format!("A version that stays: {reason}"),
            "This version is not moved, for the reason that the message gives.",
            "`flux-upgrade plan --explain SITE` says of each candidate why it was not taken.",
            "rules-file.md",
        ),
        _ => (
            format!("A finding: {id}"),
            "Something in the files stands in the way, or should be known.",
            "Each code stands in the list with its cause and what to do.",
            "diagnostics.md",
        ),
    };
    json!({
        "id": id,
        "shortDescription": {"text": short},
        "fullDescription": {"text": full},
        "help": {"text": help},
        "helpUri": format!("{docs}{page}"),
    })
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
    // 3.11.6: `[text](target)` would be a link, and the text is of a repository.
    out.insert("message".to_owned(), json!({"text": clean(text).replace("](", "] (")}));
    out.insert("locations".to_owned(), json!([{"physicalLocation": location}]));
    out
}

fn changed(
    rule: &str,
    site: &Site,
    change: &Change,
    edits: &BTreeSet<&Edit>,
    print: Value,
    places: &mut Places<'_>,
) -> Value {
    let (from, to) = step(&change.from, &change.to);
    let what = match package(site) {
        "" => site.owner.to_string(),
        package => format!("{} {package}", site.owner),
    };
    let text = format!("{what}: {from} -> {to}");
    let mut out = result(rule, "note", &text, places.location(&site.spot.at), "fail");
    out.insert("partialFingerprints".to_owned(), print);
    let mut by_file: BTreeMap<&RepoPath, Vec<Value>> = BTreeMap::new();
    for edit in edits {
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

fn found(finding: &Diagnostic, print: Value, places: &mut Places<'_>) -> Value {
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
    out.insert("partialFingerprints".to_owned(), print);
    if !finding.related.is_empty() {
        let related = finding.related.iter().map(|at| json!({"physicalLocation": places.location(at)}));
        out.insert("relatedLocations".to_owned(), related.collect());
    }
    Value::Object(out)
}

/// The edits that go together as one fix.
struct Fixes<'a> {
    /// Of charts whose lock changes too: all edits of the two, by the chart's file.
    charts: BTreeMap<&'a RepoPath, BTreeSet<&'a Edit>>,
    refused: BTreeSet<&'a RepoPath>,
}

impl<'a> Fixes<'a> {
    fn new(plan: &'a Plan, set: &'a PatchSet) -> Self {
        let locks: BTreeMap<RepoPath, &FilePatch> =
            set.files.iter().map(|file| (file.path.clone(), file)).collect();
        let mut charts: BTreeMap<&RepoPath, BTreeSet<&Edit>> = BTreeMap::new();
        for change in &plan.changes {
            let site = plan.site_of(change);
            if site.owner.kind != Kind::ChartFile.name() {
                continue;
            }
            if let Some(lock) = lock::beside(&site.at.path).and_then(|path| locks.get(&path)) {
                charts.entry(&site.at.path).or_default().extend(change.edits.iter().chain(&lock.edits));
            }
        }
        Self { charts, refused: set.refused.iter().map(|file| &file.path).collect() }
    }

    /// The edits of the fix of a change; none where one of their files is refused.
    fn of(&self, site: &Site, change: &'a Change) -> BTreeSet<&'a Edit> {
        let edits = self.charts.get(&site.at.path).cloned().unwrap_or_else(|| change.edits.iter().collect());
        if edits.iter().any(|edit| self.refused.contains(&edit.path)) { BTreeSet::new() } else { edits }
    }
}

/// What stays of a result when lines and versions move: where it is, and its number among those of the same place.
#[derive(Default)]
struct Fingerprints {
    seen: BTreeMap<String, usize>,
}

impl Fingerprints {
    fn of_site(&mut self, site: &Site) -> Value {
        let mut text = format!("{} {} {}", site.at.path, site.owner, site.field);
        // One field may be a variable that each cluster has a value of its own for.
        if site.spot.at.path != site.at.path {
            text.push_str(&format!(" by {}", site.spot.at.path));
        }
        json!({"fluxUpgradeSite/v1": self.numbered(text)})
    }

    fn of_finding(&mut self, finding: &Diagnostic) -> Value {
        json!({"fluxUpgradeFinding/v1": self.numbered(format!("{} {}", finding.at.path, finding.code))})
    }

    fn numbered(&mut self, text: String) -> String {
        let mut text = clean(&text).into_owned();
        let seen = self.seen.entry(text.clone()).or_default();
        *seen += 1;
        if *seen > 1 {
            text.push_str(&format!(" #{seen}"));
        }
        text
    }
}

fn artifact(path: &RepoPath) -> Value {
    json!({"uri": uri(path), "uriBaseId": BASE})
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
        serde_json::from_str(&sarif(&sample::files(), &sample::plan(), &sample::patch_set())).unwrap()
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
                    "artifactLocation": {"uri": "apps/podinfo.yaml", "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 2, "startColumn": 10, "endLine": 2, "endColumn": 15},
                }}],
                "partialFingerprints": {
                    "fluxUpgradeSite/v1": "apps/podinfo.yaml HelmRelease apps/podinfo spec.chart.spec.version",
                },
                "fixes": [{
                    "description": {"text": "Write 6.7.1"},
                    "artifactChanges": [{
                        "artifactLocation": {"uri": "apps/podinfo.yaml", "uriBaseId": "%SRCROOT%"},
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
        for rule in printed["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap() {
            for of in ["shortDescription", "fullDescription", "help"] {
                assert!(rule[of]["text"].as_str().is_some_and(|text| !text.is_empty()), "{rule}");
            }
        }
    }

    #[test]
    fn no_two_results_have_one_fingerprint() {
        let mut plan = sample::plan();
        let twice = plan.changes[0].clone();
        plan.changes.push(twice.clone());
        plan.sites.push(plan.sites[twice.site].clone());
        let by_variable = plan.sites.len() - 1;
        plan.sites[by_variable].spot.at.path = RepoPath::parse("clusters/settings.yaml").unwrap();
        plan.changes.push(Change { site: by_variable, ..twice });
        plan.diagnostics.push(plan.diagnostics[0].clone());
        let printed: Value =
            serde_json::from_str(&sarif(&sample::files(), &plan, &sample::patch_set())).unwrap();
        let results = printed["runs"][0]["results"].as_array().unwrap();
        let prints: BTreeSet<String> =
            results.iter().map(|result| result["partialFingerprints"].to_string()).collect();
        assert_eq!(prints.len(), results.len());
        for expected in [
            r#"{"fluxUpgradeSite/v1":"apps/podinfo.yaml HelmRelease apps/podinfo spec.chart.spec.version #2"}"#,
            r#"{"fluxUpgradeSite/v1":"apps/podinfo.yaml HelmRelease apps/podinfo spec.chart.spec.version by clusters/settings.yaml"}"#,
            r#"{"fluxUpgradeFinding/v1":"infra/broken.yaml yaml.syntax"}"#,
            r#"{"fluxUpgradeFinding/v1":"infra/broken.yaml yaml.syntax #2"}"#,
        ] {
            assert!(prints.contains(expected), "{expected}\n{prints:#?}");
        }
    }

    #[test]
    fn more_than_code_scanning_takes_is_left_out_and_said() {
        let mut plan = sample::plan();
        let held = plan.held.iter().find(|held| !matches!(held.reason, Reason::UpToDate)).unwrap().clone();
        plan.held = vec![held; MOST];
        let printed: Value =
            serde_json::from_str(&sarif(&sample::files(), &plan, &sample::patch_set())).unwrap();
        let run = &printed["runs"][0];
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.len(), MOST);
        assert_eq!(results[MOST - 1]["ruleId"], "yaml.syntax");
        assert_eq!(
            run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"],
            "3 held sites left out, so that code scanning takes the rest"
        );
    }

    #[test]
    fn what_is_refused_is_no_fix() {
        let mut set = sample::patch_set();
        let path = set.files[0].path.clone();
        set.refused.push(crate::patch::Refused { path, why: "it is another file by now".into() });
        let printed: Value = serde_json::from_str(&sarif(&sample::files(), &sample::plan(), &set)).unwrap();
        let results = printed["runs"][0]["results"].as_array().unwrap();
        assert_eq!((results[0].get("fixes"), results[1].get("fixes").is_some()), (None, true));
    }

    #[test]
    fn a_text_of_the_repository_is_no_link() {
        let mut plan = sample::plan();
        plan.changes[0].to = "1.0.0 [all](https://example.com)".into();
        let printed: Value =
            serde_json::from_str(&sarif(&sample::files(), &plan, &sample::patch_set())).unwrap();
        let text = printed["runs"][0]["results"][0]["message"]["text"].as_str().unwrap();
        assert!(text.ends_with("[all] (https://example.com)"), "{text}");
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
