//! A small plan made by hand, for the tests of every form.

use crate::diagnostic::{Diagnostic, Severity};
use crate::locate::{Consumer, Frame, Owner, Part, Site, SourceKey, Spot, Style};
use crate::migrate::Migrated;
use crate::patch::{Edit, FilePatch, PatchSet, apply};
use crate::plan::{Beyond, Change, Failure, Group, Held, Plan, Reason, Series, SeriesStep};
use crate::rules::Delivery;
use crate::text::{Lines, Location, RepoPath, SourceFile, Span};
use crate::version::Level;

const PODINFO: &str = "chart: podinfo\nversion: 6.5.0 # keep\n";
const SOURCES: &str = "\u{feff}tag: \"1.2.0\"\r\ndigest: sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
const NEXT: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

pub(super) fn files() -> Vec<SourceFile> {
    [
        ("apps/podinfo.yaml", PODINFO),
        ("infra/sources.yaml", SOURCES),
        ("infra/nginx.yaml", "version: 15.1.0\n"),
    ]
    .into_iter()
    .map(|(path, text)| SourceFile { path: RepoPath::parse(path).unwrap(), text: text.into() })
    .collect()
}

fn spot(file: usize, raw: &str) -> Spot {
    let file = files().swap_remove(file);
    let start = file.text.find(raw).unwrap();
    let at = Lines::new(&file.text).locate(&file.path, Span::new(start, start + raw.len()));
    Spot {
        at,
        raw: raw.into(),
        value: raw.trim_matches('"').into(),
        style: Style::Plain,
        frame: Frame::default(),
    }
}

fn site(spot: Spot, kind: &str, namespace: Option<&str>, name: &str, field: &str, source: SourceKey) -> Site {
    let owner = Owner { kind: kind.into(), namespace: namespace.map(Into::into), name: name.into() };
    let part = if kind == "HelmRelease" { Part::Version } else { Part::Tag };
    Site::alone(spot.at.clone(), owner, (field, part), spot, (Consumer::HelmIndex, Ok(source)))
}

fn helm(url: &str, chart: &str) -> SourceKey {
    SourceKey::Helm { url: url.into(), chart: chart.into() }
}

fn edit(spot: &Spot, replace: &str) -> Edit {
    Edit { path: spot.at.path.clone(), span: spot.at.span, expect: spot.raw.clone(), replace: replace.into() }
}

/// Two changes, one major held, one up to date, two sites of one source that is unanswered.
pub(super) fn plan() -> Plan {
    let charts = "https://charts.example.com";
    let version = "spec.chart.spec.version";
    let podinfo =
        site(spot(0, "6.5.0"), "HelmRelease", Some("apps"), "podinfo", version, helm(charts, "podinfo"));
    let mut oci = site(
        spot(1, "\"1.2.0\""),
        "OCIRepository",
        None,
        "web",
        "spec.ref.tag",
        SourceKey::Oci { repository: "registry.example.com/charts/backend".into() },
    );
    oci.suspended = true;
    oci.clusters = vec!["staging".into()];
    oci.digest = Some(spot(1, &SOURCES[SOURCES.find("sha256").unwrap()..SOURCES.len() - 2]));
    let nginx =
        site(spot(2, "15.1.0"), "HelmRelease", Some("infra"), "nginx", version, helm(charts, "nginx"));
    let quiet =
        site(spot(2, "15.1.0"), "HelmRelease", Some("infra"), "quiet", version, helm(charts, "quiet"));
    let away = helm("https://down.example.com", "away");
    let lost = site(spot(2, "15.1.0"), "HelmRelease", Some("infra"), "lost", version, away.clone());
    let unanswered = || Reason::Unanswered { source: away.to_string(), failure: Failure::NotAsked };
    let changes = vec![
        Change {
            site: 0,
            from: "6.5.0".into(),
            locked: None,
            to: "6.7.1".into(),
            level: Level::Minor,
            published: Some("2024-05-01T10:00:00Z".into()),
            beyond: Some(Beyond { newest: "7.0.0".into(), level: Level::Major }),
            group: Some("apps".into()),
            notes: vec![],
            edits: vec![edit(&podinfo.spot, "6.7.1")],
        },
        Change {
            site: 1,
            from: oci.written(),
            locked: None,
            to: format!("1.2.1@{NEXT}"),
            level: Level::Patch,
            published: None,
            beyond: None,
            group: None,
            notes: vec!["the current tag is no longer published".into()],
            edits: vec![edit(&oci.spot, "\"1.2.1\""), edit(oci.digest.as_ref().unwrap(), NEXT)],
        },
    ];
    let held = vec![
        Held {
            site: 2,
            reason: Reason::BeyondRules { newest: "18.2.0".into(), level: Level::Major, rule: "allow" },
        },
        Held { site: 3, reason: Reason::UpToDate },
        Held { site: 4, reason: unanswered() },
        Held { site: 5, reason: unanswered() },
    ];
    let broken = Location {
        path: RepoPath::parse("infra/broken.yaml").unwrap(),
        span: Span::new(10, 11),
        line: 3,
        column: 5,
    };
    let mut diagnostic =
        Diagnostic::new("yaml.syntax", Severity::Error, broken, "a tab where `key:` | was expected")
            .with_help("indent with <blanks>");
    diagnostic.related.push(podinfo.at.clone());
    let group = |id: &str, to: &str, level, change, after, delivery| Group {
        id: id.into(),
        title: format!("Update {id} to {to}"),
        level,
        changes: vec![change],
        after,
        awaits: vec![],
        delivery,
        schedule: vec![],
    };
    let groups = vec![
        group("apps", "6.7.1", Level::Minor, 0, vec![], Delivery::PullRequest),
        group("backend", "1.2.1", Level::Patch, 1, vec![0], Delivery::Commit),
    ];
    let step = |from: &str, to: &str| SeriesStep {
        from: from.to_owned(),
        to: to.to_owned(),
        changes: Vec::new(),
        migrations: Vec::new(),
        preflight: Vec::new(),
        in_cluster: vec!["flux migrate".to_owned()],
    };
    let migrated = Migrated {
        at: oci.at.clone(),
        object: "OCIRepository web".to_owned(),
        from: "source.toolkit.fluxcd.io/v1beta2".to_owned(),
        to: "source.toolkit.fluxcd.io/v1".to_owned(),
        fields: vec!["spec.verify.mode added".to_owned()],
    };
    let steps = vec![
        SeriesStep { changes: vec![0], ..step("v2.4.0", "v2.7.5") },
        SeriesStep {
            migrations: vec![migrated],
            preflight: vec![diagnostic.clone()],
            ..step("v2.7.5", "v2.9.4")
        },
    ];
    Plan {
        series: vec![Series { site: 0, steps }],
        commits: Vec::new(),
        sites: vec![podinfo, oci, nginx, quiet, lost.clone(), lost],
        changes,
        held,
        diagnostics: vec![diagnostic],
        groups,
    }
}

pub(super) fn patch_set() -> PatchSet {
    let plan = plan();
    let patched = files().into_iter().filter_map(|file| {
        let edits: Vec<Edit> = plan
            .changes
            .iter()
            .flat_map(|change| &change.edits)
            .filter(|edit| edit.path == file.path)
            .cloned()
            .collect();
        let after = apply::apply(&file.text, &edits).unwrap();
        (!edits.is_empty()).then_some(FilePatch { path: file.path, edits, after })
    });
    PatchSet { files: patched.collect(), refused: vec![] }
}
