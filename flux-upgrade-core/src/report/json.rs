//! The versioned JSON of a plan and of a scan: `docs/plan.schema.json` and `docs/sites.schema.json` describe them.
//!
//! An unknown value is an absent key, never `null`; lists are always there. Lines and columns count from 1, columns in
//! code points; spans are bytes from 0, half-open.

use std::collections::BTreeMap;

use serde::Serialize;

use super::summary::Summary;
use crate::automate::Commit;
use crate::diagnostic::{Diagnostic, Severity};
use crate::locate::{Owner, Part, Site, SourceKey};
use crate::migrate::{Goal, Migrated, Migration};
use crate::patch::{Edit, PatchSet};
use crate::plan::{Beyond, Group, Plan, Reason, Series, SeriesStep};
use crate::text::{Lines, Location, RepoPath, SourceFile, Span};
use crate::version::Level;

/// The `schema` of a plan.
pub const PLAN_SCHEMA: &str = "flux-upgrade/plan/v1";

/// The `schema` of a scan.
pub const SITES_SCHEMA: &str = "flux-upgrade/sites/v1";

/// The `schema` of a migration.
pub const MIGRATION_SCHEMA: &str = "flux-upgrade/migration/v1";

#[derive(Serialize)]
struct MigrationJson<'a> {
    schema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<&'a str>,
    to: String,
    changes: Vec<MigratedJson<'a>>,
    diagnostics: Vec<DiagnosticJson<'a>>,
    preflight: Vec<DiagnosticJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<RefusedJson<'a>>,
    verified: bool,
}

#[derive(Serialize)]
struct MigratedJson<'a> {
    #[serde(flatten)]
    at: LocationJson<'a>,
    object: &'a str,
    from: &'a str,
    to: &'a str,
    fields: &'a [String],
}

/// A migration as JSON, with a line end after it.
///
/// `before` is what else stands in the way of `goal`, and `root` a name that tells it from others in the same output.
#[must_use]
pub fn migration_json(
    migration: &Migration,
    goal: &Goal,
    before: &[Diagnostic],
    root: Option<&str>,
) -> String {
    let changes = migration.changes.iter().map(migrated);
    let refused = migration.set.refused.iter();
    print(&MigrationJson {
        schema: MIGRATION_SCHEMA,
        root,
        to: goal.to().to_string(),
        changes: changes.collect(),
        diagnostics: migration.findings.iter().map(diagnostic).collect(),
        preflight: before.iter().map(diagnostic).collect(),
        refused: refused
            .map(|refused| RefusedJson { path: &refused.path, why: refused.why.clone() })
            .collect(),
        verified: migration.set.refused.is_empty(),
    })
}

#[derive(Serialize)]
struct PlanJson<'a> {
    schema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<&'a str>,
    summary: Summary,
    changes: Vec<ChangeJson<'a>>,
    held: Vec<HeldJson<'a>>,
    groups: Vec<GroupJson<'a>>,
    series: Vec<SeriesJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    commits: Vec<CommitJson<'a>>,
    diagnostics: Vec<DiagnosticJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<RefusedJson<'a>>,
    verified: bool,
}

#[derive(Serialize)]
struct SitesJson<'a> {
    schema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<&'a str>,
    sites: Vec<SiteJson<'a>>,
    diagnostics: Vec<DiagnosticJson<'a>>,
}

/// A site's place, in every object that is about a site.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlaceJson<'a> {
    id: &'a str,
    path: &'a RepoPath,
    line: usize,
    column: usize,
    owner: &'a Owner,
    field: &'a str,
    part: Part,
    #[serde(skip_serializing_if = "Option::is_none")]
    variable: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    written_at: Option<LocationJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    overridden_by: Vec<LocationJson<'a>>,
}

#[derive(Serialize)]
struct ChangeJson<'a> {
    #[serde(flatten)]
    place: PlaceJson<'a>,
    from: &'a str,
    to: &'a str,
    level: Level,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a SourceKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beyond: Option<&'a Beyond>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    notes: &'a [String],
    clusters: &'a [String],
    suspended: bool,
    edits: Vec<EditJson<'a>>,
}

#[derive(Serialize)]
struct GroupJson<'a> {
    id: &'a str,
    title: &'a str,
    level: Level,
    delivery: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    schedule: &'a [String],
    /// Ids of its changes.
    changes: Vec<&'a str>,
    /// Ids of the groups before it.
    after: Vec<&'a str>,
    /// Ids of groups before it that the plan knows nothing of.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    awaits: &'a [String],
}

/// The steps of one place that installs Flux.
#[derive(Serialize)]
struct SeriesJson<'a> {
    id: &'a str,
    #[serde(flatten)]
    at: LocationJson<'a>,
    owner: &'a Owner,
    clusters: &'a [String],
    steps: Vec<SeriesStepJson<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SeriesStepJson<'a> {
    from: &'a str,
    to: &'a str,
    /// The id of the group that has its changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    /// Ids of its changes.
    changes: Vec<&'a str>,
    migrations: Vec<MigratedJson<'a>>,
    preflight: Vec<DiagnosticJson<'a>>,
    in_cluster: &'a [String],
}

/// What one ImageUpdateAutomation would commit.
#[derive(Serialize)]
struct CommitJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    name: &'a str,
    #[serde(flatten)]
    at: LocationJson<'a>,
    message: &'a str,
    /// Ids of its changes.
    changes: Vec<&'a str>,
}

#[derive(Serialize)]
struct HeldJson<'a> {
    #[serde(flatten)]
    place: PlaceJson<'a>,
    written: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a SourceKey>,
    clusters: &'a [String],
    suspended: bool,
    reason: &'a Reason,
}

#[derive(Serialize)]
struct SiteJson<'a> {
    #[serde(flatten)]
    place: PlaceJson<'a>,
    written: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a SourceKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked: Option<&'a Reason>,
    clusters: &'a [String],
    suspended: bool,
}

#[derive(Serialize)]
struct EditJson<'a> {
    path: &'a RepoPath,
    start: PositionJson,
    end: PositionJson,
    span: Span,
    expect: &'a str,
    replace: &'a str,
}

#[derive(Serialize)]
struct PositionJson {
    line: usize,
    column: usize,
}

#[derive(Serialize)]
pub(super) struct DiagnosticJson<'a> {
    code: &'static str,
    severity: Severity,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    #[serde(flatten)]
    at: LocationJson<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related: Vec<LocationJson<'a>>,
}

#[derive(Serialize)]
pub(super) struct LocationJson<'a> {
    path: &'a RepoPath,
    line: usize,
    column: usize,
}

#[derive(Serialize)]
struct RefusedJson<'a> {
    path: &'a RepoPath,
    why: String,
}

/// A plan and its edits as JSON, with a line end after it.
///
/// `files` are those that the plan was made from, `set` the plan's patch set, and `root` a name that tells this plan
/// from others in the same output.
#[must_use]
pub fn json(files: &[SourceFile], plan: &Plan, set: &PatchSet, root: Option<&str>) -> String {
    let mut lines = LineTables::new(files);
    let changes = plan.changes.iter().map(|change| {
        let site = plan.site_of(change);
        ChangeJson {
            place: place(site),
            from: &change.from,
            to: &change.to,
            level: change.level,
            source: site.source.as_ref().ok(),
            published: change.published.as_deref(),
            beyond: change.beyond.as_ref(),
            group: change.group.as_deref(),
            notes: &change.notes,
            clusters: &site.clusters,
            suspended: site.suspended,
            edits: change.edits.iter().map(|edit| lines.edit(edit)).collect(),
        }
    });
    let held = plan.held.iter().map(|held| {
        let site = &plan.sites[held.site];
        HeldJson {
            place: place(site),
            written: site.written(),
            source: site.source.as_ref().ok(),
            clusters: &site.clusters,
            suspended: site.suspended,
            reason: &held.reason,
        }
    });
    print(&PlanJson {
        schema: PLAN_SCHEMA,
        root,
        summary: Summary::of(plan),
        changes: changes.collect(),
        held: held.collect(),
        groups: plan.groups.iter().map(|group| group_json(plan, group)).collect(),
        series: plan.series.iter().map(|series| series_json(plan, series)).collect(),
        commits: plan.commits.iter().filter_map(|commit| commit_json(plan, commit)).collect(),
        diagnostics: plan.diagnostics.iter().map(diagnostic).collect(),
        refused: set
            .refused
            .iter()
            .map(|refused| RefusedJson { path: &refused.path, why: refused.why.to_string() })
            .collect(),
        verified: set.refused.is_empty(),
    })
}

fn group_json<'a>(plan: &'a Plan, group: &'a Group) -> GroupJson<'a> {
    let changes = group.changes.iter().filter_map(|change| plan.changes.get(*change));
    let after = group.after.iter().filter_map(|before| plan.groups.get(*before));
    GroupJson {
        id: &group.id,
        title: &group.title,
        level: group.level,
        delivery: group.delivery.word(),
        schedule: &group.schedule,
        changes: changes.map(|change| plan.site_of(change).id.as_str()).collect(),
        after: after.map(|before| before.id.as_str()).collect(),
        awaits: &group.awaits,
    }
}

/// None for one whose message cannot be made, which is a finding.
fn commit_json<'a>(plan: &'a Plan, commit: &'a Commit) -> Option<CommitJson<'a>> {
    let changes = commit.changes.iter().filter_map(|change| plan.changes.get(*change));
    Some(CommitJson {
        namespace: commit.namespace.as_deref(),
        name: &commit.name,
        at: location(&commit.at),
        message: commit.message.as_deref().ok()?,
        changes: changes.map(|change| plan.site_of(change).id.as_str()).collect(),
    })
}

fn series_json<'a>(plan: &'a Plan, series: &'a Series) -> SeriesJson<'a> {
    let site = &plan.sites[series.site];
    let step = |step: &'a SeriesStep| {
        let changes = step.changes.iter().filter_map(|change| plan.changes.get(*change));
        let own = |group: &&Group| group.changes.iter().any(|change| step.changes.contains(change));
        SeriesStepJson {
            from: &step.from,
            to: &step.to,
            group: plan.groups.iter().find(own).map(|group| group.id.as_str()),
            changes: changes.map(|change| plan.site_of(change).id.as_str()).collect(),
            migrations: step.migrations.iter().map(migrated).collect(),
            preflight: step.preflight.iter().map(diagnostic).collect(),
            in_cluster: &step.in_cluster,
        }
    };
    SeriesJson {
        id: &site.id,
        at: location(&site.at),
        owner: &site.owner,
        clusters: &site.clusters,
        steps: series.steps.iter().map(step).collect(),
    }
}

fn migrated(change: &Migrated) -> MigratedJson<'_> {
    MigratedJson {
        at: location(&change.at),
        object: &change.object,
        from: &change.from,
        to: &change.to,
        fields: &change.fields,
    }
}

/// The sites and findings of a scan as JSON, with a line end after it.
#[must_use]
pub fn sites_json(sites: &[Site], diagnostics: &[Diagnostic], root: Option<&str>) -> String {
    let sites = sites.iter().map(|site| SiteJson {
        place: place(site),
        written: site.written(),
        source: site.source.as_ref().ok(),
        blocked: site.blocked.as_ref().or(site.source.as_ref().err()),
        clusters: &site.clusters,
        suspended: site.suspended,
    });
    print(&SitesJson {
        schema: SITES_SCHEMA,
        root,
        sites: sites.collect(),
        diagnostics: diagnostics.iter().map(diagnostic).collect(),
    })
}

pub(super) fn print(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value)
        .expect("this holds because every key is a string and nothing in here fails to serialise");
    text.push('\n');
    text
}

pub(super) fn place(site: &Site) -> PlaceJson<'_> {
    PlaceJson {
        id: &site.id,
        path: &site.at.path,
        line: site.at.line,
        column: site.at.column,
        owner: &site.owner,
        field: &site.field,
        part: site.part,
        variable: site.variable.as_deref(),
        written_at: (site.spot.at != site.at).then(|| location(&site.spot.at)),
        overridden_by: site.overridden_by.iter().map(location).collect(),
    }
}

pub(super) fn diagnostic(diagnostic: &Diagnostic) -> DiagnosticJson<'_> {
    DiagnosticJson {
        code: diagnostic.code,
        severity: diagnostic.severity,
        message: &diagnostic.message,
        help: diagnostic.help.as_deref(),
        at: location(&diagnostic.at),
        related: diagnostic.related.iter().map(location).collect(),
    }
}

fn location(at: &Location) -> LocationJson<'_> {
    LocationJson { path: &at.path, line: at.line, column: at.column }
}

/// Line tables of the files that have edits, each made once.
struct LineTables<'a> {
    texts: BTreeMap<&'a RepoPath, &'a str>,
    made: BTreeMap<&'a RepoPath, Lines<'a>>,
}

impl<'a> LineTables<'a> {
    fn new(files: &'a [SourceFile]) -> Self {
        let texts = files.iter().map(|file| (&file.path, file.text.as_str())).collect();
        Self { texts, made: BTreeMap::new() }
    }

    fn edit(&mut self, edit: &'a Edit) -> EditJson<'a> {
        let text = self.texts.get(&edit.path).copied().unwrap_or("");
        let lines = self.made.entry(&edit.path).or_insert_with(|| Lines::new(text));
        let position = |byte| {
            let (line, column) = lines.position(byte);
            PositionJson { line, column }
        };
        EditJson {
            path: &edit.path,
            start: position(edit.span.start),
            end: position(edit.span.end),
            span: edit.span,
            expect: &edit.expect,
            replace: &edit.replace,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::sample;
    use super::*;
    use crate::patch::Refused;

    fn sample_json() -> Value {
        let text = super::json(&sample::files(), &sample::plan(), &sample::patch_set(), None);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_change_says_where_what_and_how() {
        let expected = json!({
            "id": "apps/podinfo.yaml:2:10",
            "path": "apps/podinfo.yaml",
            "line": 2,
            "column": 10,
            "owner": {"kind": "HelmRelease", "namespace": "apps", "name": "podinfo"},
            "field": "spec.chart.spec.version",
            "part": "version",
            "from": "6.5.0",
            "to": "6.7.1",
            "level": "minor",
            "source": {"kind": "helm", "url": "https://charts.example.com", "chart": "podinfo"},
            "published": "2024-05-01T10:00:00Z",
            "beyond": {"newest": "7.0.0", "level": "major"},
            "group": "apps",
            "notes": [],
            "clusters": [],
            "suspended": false,
            "edits": [{
                "path": "apps/podinfo.yaml",
                "start": {"line": 2, "column": 10},
                "end": {"line": 2, "column": 15},
                "span": {"start": 24, "end": 29},
                "expect": "6.5.0",
                "replace": "6.7.1",
            }],
        });
        assert_eq!(sample_json()["changes"][0], expected);
    }

    #[test]
    fn a_held_site_says_why() {
        let held = &sample_json()["held"][0];
        assert_eq!(held["written"], "15.1.0");
        assert_eq!(
            held["reason"],
            json!({"kind": "beyondRules", "newest": "18.2.0", "level": "major", "rule": "allow"})
        );
    }

    #[test]
    fn groups_name_their_changes_and_what_goes_before_them() {
        assert_eq!(
            sample_json()["groups"],
            json!([
                {"id": "apps", "title": "Update apps to 6.7.1", "level": "minor", "delivery": "pull-request",
                 "changes": ["apps/podinfo.yaml:2:10"], "after": []},
                {"id": "backend", "title": "Update backend to 1.2.1", "level": "patch", "delivery": "commit",
                 "changes": ["infra/sources.yaml:1:6"], "after": ["apps"]},
            ])
        );
    }

    #[test]
    fn a_series_has_what_is_done_now_and_what_comes_after() {
        assert_eq!(
            sample_json()["series"],
            json!([{
                "id": "apps/podinfo.yaml:2:10", "path": "apps/podinfo.yaml", "line": 2, "column": 10,
                "owner": {"kind": "HelmRelease", "namespace": "apps", "name": "podinfo"},
                "clusters": [],
                "steps": [
                    {"from": "v2.4.0", "to": "v2.7.5", "group": "apps", "changes": ["apps/podinfo.yaml:2:10"],
                     "migrations": [], "preflight": [], "inCluster": ["flux migrate"]},
                    {"from": "v2.7.5", "to": "v2.9.4", "changes": [],
                     "migrations": [{
                         "path": "infra/sources.yaml", "line": 1, "column": 6, "object": "OCIRepository web",
                         "from": "source.toolkit.fluxcd.io/v1beta2", "to": "source.toolkit.fluxcd.io/v1",
                         "fields": ["spec.verify.mode added"],
                     }],
                     "preflight": [sample_json()["diagnostics"][0]],
                     "inCluster": ["flux migrate"]},
                ],
            }])
        );
    }

    #[test]
    fn the_plan_is_counted_and_its_findings_are_listed() {
        let json = sample_json();
        assert_eq!(
            json["summary"],
            json!({
                "sites": 6,
                "changes": 2,
                "byLevel": {"patch": 1, "minor": 1},
                "held": 4,
                "heldByReason": {"beyondRules": 1, "unanswered": 2, "upToDate": 1},
                "majorsHeld": 1,
                "sourcesUnanswered": 1,
            })
        );
        assert_eq!(
            json["diagnostics"],
            json!([{
                "code": "yaml.syntax",
                "severity": "error",
                "message": "a tab where `key:` | was expected",
                "help": "indent with <blanks>",
                "path": "infra/broken.yaml",
                "line": 3,
                "column": 5,
                "related": [{"path": "apps/podinfo.yaml", "line": 2, "column": 10}],
            }])
        );
        assert_eq!([&json["schema"], &json["verified"]], [&json!(PLAN_SCHEMA), &json!(true)]);
    }

    #[test]
    fn a_refused_file_takes_the_proof_away() {
        let refused = Refused { path: RepoPath::parse("a.yaml").unwrap(), why: "it differs".into() };
        let set = PatchSet { files: vec![], refused: vec![refused] };
        let text = super::json(&sample::files(), &sample::plan(), &set, Some("clusters"));
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!([&json["verified"], &json["root"]], [&json!(false), &json!("clusters")]);
        assert_eq!(json["refused"], json!([{"path": "a.yaml", "why": "it differs"}]));
    }

    #[test]
    fn an_unknown_value_is_an_absent_key() {
        let texts = [
            super::json(&sample::files(), &sample::plan(), &sample::patch_set(), None),
            sites_json(&sample::plan().sites, &sample::plan().diagnostics, None),
        ];
        for text in texts {
            assert!(!text.contains("null") && text.ends_with("}\n"), "{text}");
        }
    }
}
