//! Whole runs on a small repository: plan, explain, apply, and back.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use flux_upgrade_cli::{Env, run};
use tempfile::TempDir;

const RELEASE: &str = "\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: web
  namespace: apps
spec:
  interval: 10m
  chart:
    spec:
      chart: web
      version: 1.2.0 # keep this comment
      sourceRef:
        kind: HelmRepository
        name: charts
";

const REPOSITORY: &str = "\
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata:
  name: charts
  namespace: apps
spec:
  interval: 1h
  url: https://charts.example.com
";

const SNAPSHOT: &str = r#"{
  "schema": "flux-upgrade/registry-snapshot/v1",
  "helm": [{"url": "https://charts.example.com", "charts": {"web": [
    {"version": "1.2.0", "created": "2026-01-01T00:00:00Z"},
    {"version": "1.3.0", "created": "2026-06-01T00:00:00Z"},
    {"version": "1.4.0", "created": "2026-08-20T00:00:00Z"},
    {"version": "2.0.0", "created": "2026-07-01T00:00:00Z"}
  ]}}]
}"#;

/// What a run left behind.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// A repository with one release, and a snapshot beside it.
fn repository() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("repo/apps")).unwrap();
    fs::write(root.path().join("repo/apps/web.yaml"), RELEASE).unwrap();
    fs::write(root.path().join("repo/charts.yaml"), REPOSITORY).unwrap();
    fs::write(root.path().join("snapshot.json"), SNAPSHOT).unwrap();
    root
}

/// A run in `folder` on 2026-08-22.
fn run_in(folder: &Path, args: &[&str]) -> Ran {
    let env = Env { folder: folder.to_path_buf(), now: Some(1_787_356_800), ..Env::default() };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = std::iter::once("flux-upgrade").chain(args.iter().copied()).map(Into::into);
    let code = run(args, &mut out, &mut err, &env);
    Ran { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

fn release(root: &TempDir) -> String {
    fs::read_to_string(root.path().join("repo/apps/web.yaml")).unwrap()
}

/// The outcome of a plan in its last words: from, to, level.
fn change(root: &TempDir, flags: &[&str]) -> Option<[String; 3]> {
    let fixed = ["plan", "repo", "--offline", "snapshot.json", "--format", "json"];
    let ran = run_in(root.path(), &[&fixed, flags].concat());
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let nothing_left = json["summary"]["sites"] == 0;
    let note = "note: --only leaves no site; its globs are compared with paths below PATH\n";
    assert_eq!((ran.code, ran.err.as_str()), (0, if nothing_left { note } else { "" }));
    let change = json["changes"].get(0)?;
    Some(["from", "to", "level"].map(|key| change[key].as_str().unwrap().to_owned()))
}

#[test]
fn a_plan_is_shown_and_writes_nothing() {
    let root = repository();
    let ran = run_in(root.path(), &["plan", "repo", "--offline", "snapshot.json"]);
    let expected = "\
FILE              OBJECT                FROM     TO     LEVEL  PUBLISHED   NOTES
apps/web.yaml:11  HelmRelease apps/web  1.2.0  → 1.4.0  minor  2026-08-20  newer: 2.0.0 (major)

1 change, 1 with a newer major, 0 majors held, 0 sources unanswered
";
    assert_eq!((ran.code, ran.err.as_str(), ran.out.as_str()), (0, "", expected));
    assert_eq!(release(&root), RELEASE);
}

#[test]
fn flags_go_over_the_rules() {
    let root = repository();
    for (flags, to) in [
        (&[][..], Some("1.4.0")),
        (&["--allow", "major"], Some("2.0.0")),
        (&["--allow", "none"], None),
        (&["--min-age", "3d"], Some("1.3.0")),
        (&["--as-of", "2026-06-15"], Some("1.3.0")),
        (&["--only", "apps/**"], Some("1.4.0")),
        (&["--only", "infra/**"], None),
    ] {
        assert_eq!(change(&root, flags).map(|[_, to, _]| to).as_deref(), to, "{flags:?}");
    }
    fs::write(root.path().join("repo/.flux-upgrade.yaml"), "version: 1\ndefaults: {allow: none}\n").unwrap();
    assert_eq!(change(&root, &[]), None);
    assert_eq!(change(&root, &["--allow", "major"]).map(|[_, to, _]| to).as_deref(), Some("2.0.0"));
    fs::write(root.path().join("other.yaml"), "version: 1\ndefaults: {allow: major}\n").unwrap();
    assert_eq!(change(&root, &["--config", "other.yaml"]).map(|[_, to, _]| to).as_deref(), Some("2.0.0"));
}

#[test]
fn apply_writes_the_version_and_nothing_else() {
    let root = repository();
    let args = ["apply", "repo", "--offline", "snapshot.json", "--exit-code"];
    let ran = run_in(root.path(), &args);
    assert_eq!((ran.code, ran.err.as_str()), (2, ""));
    assert!(
        ran.out.ends_with(
            "\n1 change made in 1 file, 1 with a newer major, 0 majors held, 0 sources unanswered\n"
        ),
        "{}",
        ran.out
    );
    assert_eq!(release(&root), RELEASE.replace("1.2.0", "1.4.0"));
    let again = run_in(root.path(), &args);
    assert_eq!(again.code, 0);
    assert!(again.out.contains("0 changes made in 0 files, 1 major held"), "{}", again.out);
}

#[test]
fn strict_wants_every_source_answered() {
    let root = repository();
    fs::write(root.path().join("empty.json"), r#"{"schema": "flux-upgrade/registry-snapshot/v1"}"#).unwrap();
    for command in ["plan", "apply"] {
        let ran = run_in(root.path(), &[command, "repo", "--offline", "empty.json"]);
        assert_eq!(ran.code, 0);
        assert!(ran.out.contains("1 source unanswered"), "{}", ran.out);
        let ran = run_in(root.path(), &[command, "repo", "--strict", "--offline", "empty.json"]);
        assert_eq!(ran.code, 1);
    }
}

#[test]
fn exit_codes_tell_changes_from_none() {
    let root = repository();
    let plan = |flags: &[&str]| {
        let fixed = ["plan", "repo", "--offline", "snapshot.json"];
        run_in(root.path(), &[&fixed, flags].concat()).code
    };
    assert_eq!(plan(&[]), 0);
    assert_eq!(plan(&["--exit-code"]), 2);
    assert_eq!(plan(&["--exit-code", "--strict"]), 2);
    assert_eq!(plan(&["--exit-code", "--allow", "none"]), 0);
}

#[test]
fn a_site_is_explained_by_place_and_by_object() {
    let root = repository();
    let explain =
        |site: &str| run_in(root.path(), &["plan", "repo", "--offline", "snapshot.json", "--explain", site]);
    let by_object = explain("HelmRelease/apps/web");
    assert_eq!(by_object.code, 0);
    for version in ["1.2.0", "1.3.0", "1.4.0", "2.0.0"] {
        assert!(by_object.out.contains(version), "{}", by_object.out);
    }
    for site in ["apps/web.yaml:11", "repo/apps/web.yaml:11:16", "HelmRelease/web"] {
        assert_eq!(explain(site).out, by_object.out, "{site}");
    }
    let code = |flags: &[&str]| {
        let fixed =
            ["plan", "repo", "--offline", "snapshot.json", "--explain", "apps/web.yaml:11", "--exit-code"];
        run_in(root.path(), &[&fixed, flags].concat()).code
    };
    assert_eq!((code(&[]), code(&["--allow", "none"])), (2, 0));
    let unknown = explain("apps/web.yaml:12");
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("apps/web.yaml:11  HelmRelease/apps/web"), "{}", unknown.err);
}

#[test]
fn every_form_speaks_of_the_same_change() {
    let root = repository();
    for (form, expected) in [
        ("json", "\"to\": \"1.4.0\""),
        ("diff", "+      version: 1.4.0 # keep this comment\n"),
        ("reverse", "+      version: 1.2.0 # keep this comment\n"),
        ("edits", "\"newText\": \"1.4.0\""),
        ("markdown", "| `1.2.0` | `1.4.0` | minor | 2026-08-20 |"),
    ] {
        let ran = run_in(root.path(), &["plan", "repo", "--offline", "snapshot.json", "--format", form]);
        assert!(ran.out.contains(expected), "{form}: {}", ran.out);
    }
}

#[test]
fn several_plans_in_json_say_which_is_which() {
    let root = repository();
    let args = ["plan", "repo", "repo/apps", "--offline", "snapshot.json", "--format", "json"];
    let ran = run_in(root.path(), &args);
    let plans: Vec<serde_json::Value> =
        serde_json::Deserializer::from_str(&ran.out).into_iter().map(Result::unwrap).collect();
    let roots: Vec<_> = plans.iter().map(|plan| plan["root"].as_str().unwrap()).collect();
    assert_eq!(roots, ["repo", "repo/apps"]);
}

#[test]
fn the_rules_in_force_can_be_seen() {
    let root = repository();
    let ran = run_in(root.path(), &["plan", "repo", "--allow", "patch", "--show-config"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("allow: patch"), "{}", ran.out);
}

#[test]
fn a_rules_file_with_a_slip_stops_the_run() {
    let root = repository();
    fs::write(root.path().join("repo/.flux-upgrade.yaml"), "version: 1\ndefaults:\n  alow: patch\n").unwrap();
    for command in ["plan", "apply"] {
        let ran = run_in(root.path(), &[command, "repo", "--offline", "snapshot.json"]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""));
        assert!(ran.err.contains("alow") && ran.err.contains("allow"), "{}", ran.err);
    }
    assert_eq!(release(&root), RELEASE);
}
