//! `migrate` from outside: what a person sees, what is written, and the exit code.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use flux_upgrade_cli::{Env, run};
use tempfile::TempDir;

const RELEASE: &str = "apiVersion: helm.toolkit.fluxcd.io/v2beta1 # old
kind: HelmRelease
metadata: {name: shop, namespace: apps}
spec:
  interval: 5m
  chart:
    spec:
      chart: ./shop
      valuesFile: production.yaml
      sourceRef: {kind: GitRepository, name: shop}
";

const SOURCES: &str = "apiVersion: source.toolkit.fluxcd.io/v1beta2
kind: OCIRepository
metadata: {name: shop, namespace: apps}
---
apiVersion: &api source.toolkit.fluxcd.io/v1beta2
kind: GitRepository
metadata: {name: shop, namespace: apps}
";

fn repository() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("apps/release.yaml", RELEASE),
        ("apps/sources.yaml", SOURCES),
        ("clusters/a/flux-system/gotk-components.yaml", "---\n# generated\n# Flux Version: v2.4.0\n"),
    ] {
        let target = root.path().join("repo").join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, text).unwrap();
    }
    root
}

fn run_in(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let env = Env { folder: folder.to_path_buf(), ..Env::default() };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = ["flux-upgrade", "migrate", "repo"].iter().chain(args).map(Into::into);
    let code = run(args, &mut out, &mut err, &env);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn the_table_says_what_changes_and_the_findings_what_does_not() {
    let root = repository();
    let (code, out, err) = run_in(root.path(), &["--to", "v2.9"]);
    let table = "\
FILE                 OBJECT                   FROM       TO
apps/release.yaml:1  HelmRelease apps/shop    v2beta1  → v2
    spec.chart.spec.valuesFile → valuesFiles
apps/sources.yaml:1  OCIRepository apps/shop  v1beta2  → v1

2 objects to migrate in 2 files, 1 place to settle by hand
";
    assert_eq!((code, out.as_str()), (0, table));
    let findings = "\
apps/sources.yaml:5:18: error: `apiVersion` has an anchor, an alias, a merged key or a tag, which other places share [migrate.aliased]
  help: write the value out in this object, then migrate again
clusters/a/flux-system/gotk-components.yaml:3:17: note: Flux 2.9 wants Kubernetes 1.33.0 or newer [preflight.kubernetes]
  help: documented patches: 1.33.0, 1.34.1, 1.35.0, and every later minor
clusters/a/flux-system/gotk-components.yaml:3:17: warning: Flux 2.4 cannot become 2.9 in one step: 2.4 → 2.7 → 2.9 [preflight.steps]
  help: one step after the other: manifests for 2.7, run `flux migrate` in the cluster, components of 2.7; then manifests for 2.9, run `flux migrate` in the cluster, components of 2.9
clusters/a/flux-system/gotk-components.yaml:3:17: warning: Flux 2.4 runs here and cannot read 1 object once migrated for 2.9, such as OCIRepository apps/shop [preflight.too-early]
  see apps/sources.yaml:1:13
  help: migrate with `--from 2.4 --to 2.7`: versions that both serve
";
    let told: String =
        err.lines().filter(|line| !line.contains("helm-4")).map(|line| format!("{line}\n")).collect();
    assert_eq!(
        told.replace("  help: read the release notes, and try one release of each chart first\n", ""),
        findings
    );
    assert_eq!(fs::read_to_string(root.path().join("repo/apps/release.yaml")).unwrap(), RELEASE);
}

#[test]
fn files_are_written_once_and_only_when_asked() {
    let root = repository();
    let (code, out, _) = run_in(root.path(), &["--write", "--exit-code", "-q"]);
    assert_eq!(code, 2);
    assert!(out.ends_with("2 objects migrated in 2 files, 1 place to settle by hand\n"), "{out}");
    let after = RELEASE
        .replace("v2beta1", "v2")
        .replace("valuesFile: production.yaml", "valuesFiles:\n        - production.yaml");
    assert_eq!(fs::read_to_string(root.path().join("repo/apps/release.yaml")).unwrap(), after);
    let (code, out, _) = run_in(root.path(), &["--write", "--exit-code", "-q"]);
    assert_eq!((code, out.as_str()), (0, "no object changes, 1 place to settle by hand\n"));
}

#[test]
fn under_strict_nothing_is_written_while_something_is_left() {
    let root = repository();
    let (code, _, err) = run_in(root.path(), &["--write", "--strict", "-q"]);
    assert_eq!(code, 1);
    assert!(err.contains("nothing is written"), "{err}");
    assert_eq!(fs::read_to_string(root.path().join("repo/apps/release.yaml")).unwrap(), RELEASE);
}

#[test]
fn one_step_moves_no_further_than_both_ends_serve() {
    let root = repository();
    let (code, out, err) = run_in(root.path(), &["--from", "2.4", "--to", "2.7", "--format", "json", "-q"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, err.as_str(), json["schema"].as_str()), (0, "", Some("flux-upgrade/migration/v1")));
    let objects: Vec<&str> =
        json["changes"].as_array().unwrap().iter().map(|change| change["object"].as_str().unwrap()).collect();
    assert_eq!(objects, ["HelmRelease apps/shop"]);
}

#[test]
fn bad_values_are_shown_with_what_was_expected() {
    let root = repository();
    for (flag, value) in [("--to", "2.10"), ("--from", "latest"), ("--kubernetes", "new")] {
        let (code, out, err) = run_in(root.path(), &[flag, value]);
        assert_eq!((code, out.as_str()), (1, ""), "{flag}");
        assert!(err.starts_with(&format!("error: invalid value for {flag}\n  {flag} {value}\n")), "{err}");
    }
}

#[test]
fn the_diff_is_of_one_path() {
    let root = repository();
    let (code, out, _) = run_in(root.path(), &["--format", "diff", "-q"]);
    assert!(code == 0 && out.starts_with("diff --git a/apps/release.yaml b/apps/release.yaml\n"), "{out}");
    let (code, _, err) = run_in(root.path(), &["repo", "--format", "diff"]);
    assert!(code == 1 && err.contains("takes one PATH"), "{err}");
}
