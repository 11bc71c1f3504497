//! Promotion on repositories with a made history: production is offered exactly what staging has had.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs;
use std::path::Path;
use std::process::Command;

use flux_upgrade_cli::{Env, run};
use serde_json::Value;
use tempfile::TempDir;

const DAY: i64 = 86_400;
const NOW: i64 = 1_787_356_800;
const RULES: &str = "version: 1\npromote: {from: clusters/staging, to: clusters/production, after: 3d}\n";

/// A repository whose commits have the dates that they are given.
struct Made(TempDir);

fn has_git() -> bool {
    let found = Command::new("git").arg("--version").output().is_ok_and(|run| run.status.success());
    if !found {
        println!("skipped: git is not installed");
    }
    found
}

impl Made {
    fn new(rules: &str) -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        made.git(&["init", "-q", "-b", "main"], NOW);
        let tags = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"];
        let tags = tags.map(|tag| format!(r#"{{"tag": "{tag}", "digest": "{}"}}"#, digest(tag))).join(",");
        let repository =
            |name| format!(r#"{{"repository": "registry.example.com/{name}", "tags": [{tags}]}}"#);
        let all = [repository("app"), repository("other")].join(",");
        let snapshot = format!(r#"{{"schema": "flux-upgrade/registry-snapshot/v1", "oci": [{all}]}}"#);
        made.write("registry.json", &snapshot);
        made.write(".flux-upgrade.yaml", rules);
        made
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn git(&self, arguments: &[&str], date: i64) {
        let date = format!("@{date} +0000");
        let run = Command::new("git")
            .args(["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgSign=false"])
            .args(arguments)
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .envs([("GIT_AUTHOR_DATE", &date), ("GIT_COMMITTER_DATE", &date)])
            .output()
            .unwrap();
        assert!(run.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
    }

    /// Commits files at a time in seconds before now.
    fn commit(&self, before: i64, files: &[(&str, &str)]) {
        for (path, text) in files {
            self.write(path, text);
        }
        self.git(&["add", "-A"], NOW);
        self.git(&["commit", "-q", "--allow-empty", "-m", "A commit"], NOW - before);
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let env = Env { folder: self.path().to_path_buf(), now: Some(NOW as u64), ..Env::default() };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let all = ["flux-upgrade"].iter().chain(arguments).map(Into::into);
        let code = run(all, &mut out, &mut err, &env);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    fn plan(&self) -> Value {
        let (code, out, err) = self.run(&["plan", ".", "--offline", "registry.json", "--format", "json"]);
        assert_eq!(code, 0, "{err}");
        serde_json::from_str(&out).unwrap()
    }

    /// What is written into a file, by the plan.
    fn offered(&self, file: &str) -> Option<String> {
        let plan = self.plan();
        let edits = |change: &Value| change["edits"].to_string().contains(&format!("\"{file}\""));
        let found = plan["changes"].as_array().unwrap().iter().find(|change| edits(change));
        if found.is_none() {
            assert!(plan["held"].to_string().contains(r#""rule":"promote""#), "{plan:#}");
        }
        found.map(|change| change["to"].as_str().unwrap().to_owned())
    }
}

fn digest(tag: &str) -> String {
    format!("sha256:{:0>64}", tag.replace('.', ""))
}

fn source(name: &str, tag: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: {name}, namespace: apps}}\n\
         spec:\n  url: oci://registry.example.com/{name}\n  ref:\n    tag: {tag}\n"
    )
}

/// A Flux Kustomization that applies a folder of this repository, with a variable where one is given.
fn applies(name: &str, path: &str, variable: Option<&str>) -> String {
    let substitute = variable.map(|tag| format!("  postBuild:\n    substitute:\n      app_tag: {tag}\n"));
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {name}, namespace: flux-system}}\n\
         spec:\n  interval: 10m\n  path: ./{path}\n  prune: true\n  sourceRef: {{kind: GitRepository, name: flux-system}}\n{}",
        substitute.unwrap_or_default()
    )
}

/// Two clusters that say what they apply, each with an entry point.
fn clusters(made: &Made) {
    for cluster in ["staging", "production"] {
        let folder = format!("clusters/{cluster}");
        made.write(&format!("{folder}/flux-system/gotk-sync.yaml"), &applies("flux-system", &folder, None));
    }
}

const STAGING: &str = "clusters/staging/app.yaml";
const PRODUCTION: &str = "clusters/production/app.yaml";

/// The version stands in a variable of each cluster's own file, and the field in a folder of neither.
#[test]
fn a_variable_of_production_waits_for_that_of_staging() {
    if !has_git() {
        return;
    }
    // What staging's variable has said, with the days since; what is written into each cluster's file.
    for (history, staging, production) in [
        (&[("1.0.0", 30)][..], Some("1.3.0"), None),
        (&[("1.0.0", 30), ("1.1.0", 5)], Some("1.3.0"), Some("1.1.0")),
        (&[("1.0.0", 30), ("1.1.0", 2)], Some("1.3.0"), None),
        (&[("1.0.0", 30), ("1.3.0", 4)], None, Some("1.3.0")),
    ] {
        let made = Made::new(RULES);
        clusters(&made);
        made.write("apps/base/app.yaml", &source("app", "${app_tag}"));
        made.write(PRODUCTION, &applies("app", "apps/base", Some("1.0.0")));
        for (tag, days) in history {
            made.commit(days * DAY, &[(STAGING, &applies("app", "apps/base", Some(tag)))]);
        }
        let plan = made.plan();
        let changes = plan["changes"].as_array().unwrap();
        let of = |file: &str| {
            let edits = |change: &&Value| change["edits"].to_string().contains(&format!("\"{file}\""));
            changes.iter().find(edits).map(|change| change["to"].as_str().unwrap())
        };
        assert_eq!((of(STAGING), of(PRODUCTION)), (staging, production), "{history:?}\n{plan:#}");
        let groups = plan["groups"].as_array().unwrap();
        let ids: Vec<&str> = groups.iter().map(|group| group["id"].as_str().unwrap()).collect();
        let of_each = [staging.map(|_| "app"), production.map(|_| "app-clusters-production")];
        assert_eq!(ids, of_each.into_iter().flatten().collect::<Vec<_>>(), "{plan:#}");
        if let [_, second] = &groups[..] {
            assert_eq!(second["after"], serde_json::json!(["app"]), "{plan:#}");
        }
    }
}

/// Production's branch stands on staging's, also where both fields are one.
#[test]
fn the_branch_of_production_stands_on_that_of_staging() {
    if !has_git() {
        return;
    }
    let made = Made::new(RULES);
    clusters(&made);
    made.write("apps/base/app.yaml", &source("app", "${app_tag}"));
    made.write(PRODUCTION, &applies("app", "apps/base", Some("1.0.0")));
    made.commit(5 * DAY, &[(STAGING, &applies("app", "apps/base", Some("1.1.0")))]);
    let (code, out, err) =
        made.run(&["apply", ".", "--offline", "registry.json", "--commit", "--author", "A <a@b.c>"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(out.matches(" created ").count(), 2, "{out}");
    let names = |range: &str| {
        let run = Command::new("git")
            .args(["diff", "--name-only", range])
            .current_dir(made.path())
            .output()
            .unwrap();
        String::from_utf8(run.stdout).unwrap()
    };
    assert_eq!(names("main...flux-upgrade/app").trim(), STAGING);
    assert_eq!(names("flux-upgrade/app...flux-upgrade/app-clusters-production").trim(), PRODUCTION);
}

/// What production alone applies is production's, wherever its file stands; what both apply reaches both.
#[test]
fn what_a_cluster_applies_counts_as_its_own() {
    if !has_git() {
        return;
    }
    let made = Made::new(RULES);
    clusters(&made);
    for cluster in ["staging", "production"] {
        made.write(
            &format!("clusters/{cluster}/app.yaml"),
            &applies("app", &format!("apps/{cluster}"), None),
        );
        made.write(&format!("clusters/{cluster}/both.yaml"), &applies("both", "apps/both", None));
    }
    made.write("apps/production/app.yaml", &source("app", "1.0.0"));
    made.write("apps/both/other.yaml", &source("other", "1.0.0"));
    made.commit(9 * DAY, &[("apps/staging/app.yaml", &source("app", "1.1.0"))]);
    assert_eq!(made.offered("apps/production/app.yaml").as_deref(), Some("1.1.0"));
    let plan = made.plan();
    let both = plan["changes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|change| change["to"] == "1.3.0" && change.to_string().contains("apps/both"));
    let notes = both.unwrap()["notes"].to_string();
    assert!(notes.contains("reaches clusters/production at once, without promotion"), "{notes}");
    made.commit(DAY, &[("apps/staging/app.yaml", &source("app", "1.2.0"))]);
    assert_eq!(made.offered("apps/production/app.yaml"), None);
}

/// A text of both that staging patches is production's alone, and says nothing of staging.
#[test]
fn a_patched_text_counts_where_no_patch_sets_it_again() {
    if !has_git() {
        return;
    }
    let made = Made::new(RULES);
    clusters(&made);
    for cluster in ["staging", "production"] {
        made.write(
            &format!("clusters/{cluster}/app.yaml"),
            &applies("app", &format!("apps/{cluster}"), None),
        );
    }
    let head = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../base]\n";
    made.write("apps/base/app.yaml", &source("app", "1.0.0"));
    made.write("apps/base/kustomization.yaml", &head.replace("../base", "app.yaml"));
    made.write("apps/production/kustomization.yaml", head);
    made.write("apps/staging/kustomization.yaml", &format!("{head}patches: [{{path: app.yaml}}]\n"));
    made.commit(9 * DAY, &[("apps/staging/app.yaml", &source("app", "1.1.0"))]);
    assert_eq!(made.offered("apps/base/app.yaml").as_deref(), Some("1.1.0"));
    made.commit(DAY, &[("apps/staging/app.yaml", &source("app", "1.2.0"))]);
    assert_eq!(made.offered("apps/base/app.yaml"), None);
}

/// What staging has had, over several versions, merges, dates that cannot be, and the end of the history at hand.
#[test]
fn production_is_offered_what_staging_has_had_for_the_time() {
    if !has_git() {
        return;
    }
    const HOUR: i64 = 3600;
    // What staging says, with the age of the commit in seconds, oldest first; what production is offered.
    for (history, expected) in [
        // To the second.
        (&[("1.0.0", 30 * DAY), ("1.2.0", 3 * DAY)][..], Some("1.2.0")),
        (&[("1.0.0", 30 * DAY), ("1.2.0", 3 * DAY - 1)], None),
        // Left and come back to.
        (&[("1.2.0", 30 * DAY), ("1.1.0", 4 * DAY), ("1.2.0", 3 * DAY)], Some("1.2.0")),
        (&[("1.2.0", 30 * DAY), ("1.1.0", 2 * DAY), ("1.2.0", DAY)], None),
        (&[("1.1.0", 30 * DAY), ("1.2.0", 9 * DAY), ("1.1.0", 4 * DAY)], Some("1.1.0")),
        // Nothing newer than what production has.
        (&[("1.3.0", 30 * DAY), ("1.0.0", 9 * DAY)], None),
        // A clock of long ago: as if just made, until a later commit tells more.
        (&[("1.0.0", 30 * DAY), ("1.2.0", 9000 * DAY)], None),
        (&[("1.0.0", 30 * DAY), ("1.2.0", 9000 * DAY), ("1.2.0", 2 * DAY)], None),
        (&[("1.0.0", 30 * DAY), ("1.2.0", 9000 * DAY), ("1.2.0", 4 * DAY)], Some("1.2.0")),
        (&[("1.0.0", 2 * DAY), ("1.2.0", 2 * DAY + HOUR)], None),
        // A clock that is ahead.
        (&[("1.0.0", 30 * DAY), ("1.2.0", -DAY)], None),
        (&[("1.0.0", 30 * DAY), ("1.2.0", -DAY), ("1.2.0", 4 * DAY)], Some("1.2.0")),
    ] {
        let made = Made::new(RULES);
        made.write(PRODUCTION, &source("app", "1.0.0"));
        for (tag, age) in history {
            made.commit(*age, &[(STAGING, &source("app", tag))]);
        }
        // What lies uncommitted in the worktree has been said for no time.
        made.write(STAGING, &source("app", "1.3.0"));
        assert_eq!(made.offered(PRODUCTION).as_deref(), expected, "{history:?}");
    }
}

#[test]
fn what_is_merged_counts_from_its_merge() {
    if !has_git() {
        return;
    }
    for (merged, expected) in [(2 * DAY, None), (4 * DAY, Some("1.2.0"))] {
        let made = Made::new(RULES);
        made.write(PRODUCTION, &source("app", "1.0.0"));
        made.commit(30 * DAY, &[(STAGING, &source("app", "1.0.0"))]);
        made.git(&["checkout", "-q", "-b", "next"], NOW);
        made.commit(20 * DAY, &[(STAGING, &source("app", "1.2.0"))]);
        made.git(&["checkout", "-q", "main"], NOW);
        made.git(&["merge", "-q", "--no-ff", "-m", "Merge", "next"], NOW - merged);
        assert_eq!(made.offered(PRODUCTION).as_deref(), expected, "merged {merged} s ago");
    }
}

/// Where the history at hand ends too early, nothing is promoted, and the plan says why.
#[test]
fn a_shallow_clone_promotes_nothing_and_says_so() {
    if !has_git() {
        return;
    }
    let made = Made::new(RULES);
    made.write(PRODUCTION, &source("app", "1.0.0"));
    made.commit(30 * DAY, &[(STAGING, &source("app", "1.2.0"))]);
    made.commit(DAY, &[("README.md", "One.\n")]);
    assert_eq!(made.offered(PRODUCTION).as_deref(), Some("1.2.0"));
    let from = format!("file://{}", made.path().display());
    for (depth, expected) in [("1", None), ("2", Some("1.2.0"))] {
        let clone = Made(tempfile::tempdir().unwrap());
        clone.git(&["clone", "-q", "--depth", depth, &from, "."], NOW);
        assert_eq!(clone.offered(PRODUCTION).as_deref(), expected, "{depth}");
        let (_, _, err) = clone.run(&["plan", ".", "--offline", "registry.json"]);
        assert_eq!(err.contains("rules.short-history"), expected.is_none(), "{err}");
        assert_eq!(err.contains(".flux-upgrade.yaml:2:17"), expected.is_none(), "{err}");
    }
}

/// A digest was said of that content alone: a tag that was pushed again is something new.
#[test]
fn a_digest_is_promoted_as_it_was_said() {
    if !has_git() {
        return;
    }
    let image = |tag: &str, digest: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: app, namespace: apps}}\nspec:\n  containers:\n    - name: app\n      image: registry.example.com/app:{tag}@{digest}\n"
        )
    };
    for (said, expected) in [(digest("1.2.0"), true), (digest("9.9.9"), false)] {
        let made = Made::new(RULES);
        made.write(PRODUCTION, &image("1.0.0", &digest("1.0.0")));
        made.commit(9 * DAY, &[(STAGING, &image("1.2.0", &said))]);
        let wanted = expected.then(|| format!("1.2.0@{}", digest("1.2.0")));
        assert_eq!(made.offered(PRODUCTION), wanted, "{said}");
    }
}

/// A gate that names no folder keeps nothing out, so it stops the run.
#[test]
fn a_folder_that_is_not_there_stops_the_run() {
    if !has_git() {
        return;
    }
    for (promote, place, help) in [
        ("{from: clusters/staging, to: cluster/production}", "2:39", "did you mean `clusters/production`?"),
        ("{from: clusters/stagin, to: clusters/production}", "2:17", "did you mean `clusters/staging`?"),
        ("{from: clusters/staging, to: clusters/production/app.yaml}", "2:39", ""),
        (
            "{from: clusters, to: clusters/production}",
            "2:10",
            "`clusters/production` is a part of `clusters`",
        ),
        (
            "{from: clusters/production, to: clusters}",
            "2:10",
            "`clusters/production` is a part of `clusters`",
        ),
        ("[{from: a, to: b}, {from: b, to: a}]", "2:18", "`a` is promoted to itself in a circle"),
    ] {
        let made = Made::new(&format!("version: 1\npromote: {promote}\n"));
        made.write(PRODUCTION, &source("app", "1.0.0"));
        made.commit(9 * DAY, &[(STAGING, &source("app", "1.2.0"))]);
        for arguments in [
            &["plan", "."][..],
            &["plan", ".", "--rev", "main"],
            &["plan", ".", "--config", ".flux-upgrade.yaml"],
        ] {
            let offline = ["--offline", "registry.json"];
            let (code, _, err) = made.run(&[arguments, &offline].concat());
            assert_eq!(code, 1, "{promote}: {err}");
            assert!(
                err.contains(&format!(".flux-upgrade.yaml:{place}: ")) && err.contains(help),
                "{promote}: {err}"
            );
        }
    }
    // Of rules that several repositories share, a promotion may be about another one.
    let made = Made::new("version: 1\n");
    made.commit(9 * DAY, &[(STAGING, &source("app", "1.2.0"))]);
    made.write("shared.yaml", "version: 1\npromote: {from: fleet/a, to: fleet/b}\n");
    let (code, _, err) = made.run(&["plan", ".", "--offline", "registry.json", "--config", "shared.yaml"]);
    assert!(code == 0 && err.contains("rules.no-such-folder"), "{err}");
}

/// A rule that was to keep something back, and matches nothing, is told with its place.
#[test]
fn a_rule_that_matches_nothing_is_told() {
    if !has_git() {
        return;
    }
    for (path, told) in [("clusters/**", false), ("clusters/staging", true)] {
        let made =
            Made::new(&format!("version: 1\nrules:\n  - match: {{path: \"{path}\"}}\n    allow: none\n"));
        made.commit(DAY, &[(STAGING, &source("app", "1.2.0")), (PRODUCTION, &source("app", "1.2.0"))]);
        let (code, _, err) = made.run(&["plan", ".", "--offline", "registry.json"]);
        let line = ".flux-upgrade.yaml:3:5: note: this rule matches nothing here";
        assert!(code == 0 && err.contains(line) == told, "{path}: {err}");
    }
}
