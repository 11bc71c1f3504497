//! `automate init` from outside: what is written, that `automate` goes on from there, and the exit codes.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use flux_upgrade_cli::{Env, run};
use tempfile::TempDir;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=A", "-c", "user.email=a@example.com"])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The example's repository as `repo`, in git, and its answers as `then.json`.
fn fleet() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    copy(&examples().join("fleet"), &root.path().join("repo"));
    fs::copy(examples().join("fleet.registry.json"), root.path().join("then.json")).unwrap();
    let repo = root.path().join("repo");
    git(&repo, &["init", "-q"]);
    git(&repo, &["add", "-A"]);
    git(&repo, &["commit", "-qm", "The example"]);
    root
}

fn run_in(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let env = Env { folder: folder.to_path_buf(), ..Env::default() };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = ["flux-upgrade"].iter().chain(args).map(Into::into);
    let code = run(args, &mut out, &mut err, &env);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

const INIT: &[&str] = &["automate", "init", "OCIRepository/podinfo", "-C", "repo", "--offline", "then.json"];

#[test]
fn a_policy_is_begun_and_moves_the_tag() {
    let root = fleet();
    let repo = root.path().join("repo");
    let objects = repo.join("clusters/production/podinfo-image.yaml");

    // Shown, and nothing written.
    let (code, diff, _) = run_in(root.path(), &[INIT, &["--format", "diff", "--exit-code"]].concat());
    assert_eq!(code, 2);
    assert!(!objects.exists() && git(&repo, &["status", "--porcelain"]).is_empty());

    let (code, out, err) = run_in(root.path(), &[INIT, &["--write"]].concat());
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("1 change made in 2 files"), "{out}");
    assert!(err.contains("git add clusters/production/podinfo-image.yaml"), "{err}");
    assert!(fs::read_to_string(&objects).unwrap().starts_with("apiVersion: image.toolkit.fluxcd.io/v1\n"));
    git(&repo, &["add", "-A"]);
    // The diff is what was written, and it goes back as it came.
    let patch = root.path().join("init.diff");
    fs::write(&patch, &diff).unwrap();
    git(&repo, &["apply", "--check", "--reverse", patch.to_str().unwrap()]);

    let (code, out, _) = run_in(root.path(), &["automate", "repo", "--offline", "then.json", "--write"]);
    assert_eq!(code, 0, "{out}");
    let source = fs::read_to_string(repo.join("apps/base/podinfo/source.yaml")).unwrap();
    assert!(
        source.contains("    tag: \"6.9.1\" # {\"$imagepolicy\": \"flux-system:podinfo:tag\"}\n"),
        "{source}"
    );

    let (code, out, _) = run_in(root.path(), &[INIT, &["--exit-code"]].concat());
    assert_eq!((code, out.contains("0 changes")), (0, true), "{out}");
}

#[test]
fn nothing_is_written_where_nothing_can_be_begun() {
    let root = fleet();
    for (site, expected) in [("OCIRepository/none", "none"), ("GitRepository/search", "OCI registry")] {
        let (_, out, err) = run_in(
            root.path(),
            &["automate", "init", site, "-C", "repo", "--offline", "then.json", "--write"],
        );
        assert!((out.clone() + &err).contains(expected), "{site}: {out}{err}");
        assert!(git(&root.path().join("repo"), &["status", "--porcelain"]).is_empty(), "{site}");
    }
    let (code, _, err) = run_in(root.path(), &["automate", "init"]);
    assert_eq!((code, err.contains("SITE")), (1, true), "{err}");
}
