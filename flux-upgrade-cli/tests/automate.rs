//! `automate` from outside: each form, what is written, and the exit codes.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Command;

use flux_upgrade_cli::{Env, run};
use serde_json::Value;
use tempfile::TempDir;

fn run_in(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let env = Env { folder: folder.to_path_buf(), ..Env::default() };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args =
        ["flux-upgrade", "automate", "repo", "--offline", "then.json"].iter().chain(args).map(Into::into);
    let code = run(args, &mut out, &mut err, &env);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

const AUTOMATION: &str = "apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata:
  name: apps
  namespace: flux-system
spec:
  git:
    commit:
      messageTemplateValues:
        cluster: production
      messageTemplate: |
        {{ .Values.cluster }}: {{ range .Changed.Changes }}{{ .OldValue }} -> {{ .NewValue }}{{ end }}
";

const OBJECTS: &str = "apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata:
  name: podinfo
  namespace: flux-system
spec:
  image: ghcr.io/stefanprodan/podinfo
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata:
  name: podinfo
  namespace: flux-system
spec:
  imageRepositoryRef:
    name: podinfo
  policy:
    semver:
      range: 6.x
";

const POD: &str = "apiVersion: v1
kind: Pod
metadata:
  name: web

spec:
    containers:
    -   name: web   # two at most
        image:  'ghcr.io/stefanprodan/podinfo:6.5.0'   # {\"$imagepolicy\": \"flux-system:podinfo\"}
";

/// A repository with one marked field, and the answers for it.
fn marked(automation: &str) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let repo = root.path().join("repo");
    fs::create_dir(&repo).unwrap();
    fs::write(repo.join("automation.yaml"), automation).unwrap();
    fs::write(repo.join("images.yaml"), OBJECTS).unwrap();
    fs::write(repo.join("pod.yaml"), POD).unwrap();
    let tags = r#"[{"tag": "6.5.0"}, {"tag": "6.9.1"}, {"tag": "7.0.0"}]"#;
    let answers = format!(
        r#"{{"schema": "flux-upgrade/registry-snapshot/v1", "taken": "2026-08-22T00:00:00Z",
            "oci": [{{"repository": "ghcr.io/stefanprodan/podinfo", "tags": {tags}}}]}}"#
    );
    fs::write(root.path().join("then.json"), answers).unwrap();
    root
}

fn git_apply(repo: &Path, patch: &str) {
    let path = repo.with_extension("patch");
    fs::write(&path, patch).unwrap();
    let output = Command::new("git").arg("apply").arg(&path).current_dir(repo).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_table_says_what_moves() {
    let root = marked(AUTOMATION);
    let (code, out, err) = run_in(root.path(), &[]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("6.5.0") && out.contains("6.9.1"), "{out}");
    assert_eq!(fs::read_to_string(root.path().join("repo/pod.yaml")).unwrap(), POD);
}

#[test]
fn json_has_the_change_and_its_commit() {
    let root = marked(AUTOMATION);
    let (code, out, _) = run_in(root.path(), &["--format", "json"]);
    assert_eq!(code, 0);
    let plan: Value = serde_json::from_str(&out).unwrap();
    let change = &plan["changes"][0];
    assert_eq!(change["to"], "ghcr.io/stefanprodan/podinfo:6.9.1");
    assert_eq!(change["line"], 9);
    let commit = &plan["commits"][0];
    assert_eq!(commit["changes"][0], change["id"]);
    assert_eq!(
        [&commit["namespace"], &commit["name"], &commit["path"]],
        ["flux-system", "apps", "automation.yaml"]
    );
    let message = "production: ghcr.io/stefanprodan/podinfo:6.5.0 -> ghcr.io/stefanprodan/podinfo:6.9.1\n";
    assert_eq!(commit["message"], message);
}

#[test]
fn a_diff_moves_the_scalar_and_the_reverse_takes_it_back() {
    let root = marked(AUTOMATION);
    let pod = root.path().join("repo/pod.yaml");
    let (_, reverse, _) = run_in(root.path(), &["--format", "reverse"]);
    let (code, diff, _) = run_in(root.path(), &["--format", "diff"]);
    assert_eq!(code, 0);
    git_apply(&root.path().join("repo"), &diff);
    assert_eq!(fs::read_to_string(&pod).unwrap(), POD.replace("6.5.0", "6.9.1"));
    git_apply(&root.path().join("repo"), &reverse);
    assert_eq!(fs::read_to_string(&pod).unwrap(), POD);
}

#[test]
fn the_message_is_that_of_the_template() {
    let root = marked(AUTOMATION);
    let (code, out, err) = run_in(root.path(), &["--format", "message"]);
    let message = "production: ghcr.io/stefanprodan/podinfo:6.5.0 -> ghcr.io/stefanprodan/podinfo:6.9.1\n";
    assert_eq!((code, out.as_str(), err.as_str()), (0, message, ""));
}

#[test]
fn the_message_without_a_template_or_an_automation_is_that_of_flux() {
    let bare = AUTOMATION.split("  git:").next().unwrap().to_owned() + "  update: {}\n";
    for automation in [bare.as_str(), ""] {
        let root = marked(automation);
        let (code, out, _) = run_in(root.path(), &["--format", "message", "--exit-code"]);
        assert_eq!((code, out.as_str()), (2, "Update from image update automation\n"), "{automation}");
    }
}

#[test]
fn a_message_that_cannot_be_made_fails_and_says_where() {
    let root = marked(&AUTOMATION.replace(".Changed.Changes", ".Updated.Images"));
    let (code, out, err) = run_in(root.path(), &["--format", "message"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("automation.yaml:12:41") && err.contains("template.removed-field"), "{err}");
    let (code, out, err) = run_in(root.path(), &["--format", "diff"]);
    assert_eq!(code, 0, "the other forms go without it");
    assert!(
        out.contains("+        image:  'ghcr.io/stefanprodan/podinfo:6.9.1'") && err.contains(".Updated"),
        "{out}{err}"
    );
}

#[test]
fn write_changes_the_scalar_alone_and_once() {
    let root = marked(AUTOMATION);
    let pod = root.path().join("repo/pod.yaml");
    let (code, ..) = run_in(root.path(), &["--write", "--exit-code"]);
    assert_eq!(code, 2);
    assert_eq!(fs::read_to_string(&pod).unwrap(), POD.replace("6.5.0", "6.9.1"));
    let (code, out, _) = run_in(root.path(), &["--write", "--exit-code", "--format", "message"]);
    assert_eq!((code, out.as_str()), (0, ""), "nothing is left to do");
}

#[test]
fn write_and_message_go_together() {
    let root = marked(AUTOMATION);
    let (code, out, _) = run_in(root.path(), &["--write", "--format", "message"]);
    assert!(code == 0 && out.starts_with("production: "), "{out}");
    let pod = fs::read_to_string(root.path().join("repo/pod.yaml")).unwrap();
    assert_eq!(pod, POD.replace("6.5.0", "6.9.1"));
}

#[test]
fn under_strict_a_source_without_an_answer_writes_nothing() {
    let root = marked(AUTOMATION);
    fs::write(root.path().join("then.json"), r#"{"schema": "flux-upgrade/registry-snapshot/v1"}"#).unwrap();
    let (code, _, err) = run_in(root.path(), &["--write", "--strict"]);
    assert!(code == 1 && err.contains("nothing is written"), "{code} {err}");
    assert_eq!(fs::read_to_string(root.path().join("repo/pod.yaml")).unwrap(), POD);
    assert_eq!(run_in(root.path(), &["--exit-code"]).0, 0, "held is no change");
}
