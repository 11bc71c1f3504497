//! `ranges`, `lock` and `rollback` from outside: what a person sees, what is written, and the exit code.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

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

/// The example's repository as `repo`, its answers as `then.json`, and as `now.json` with what came later.
fn fleet() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    copy(&examples().join("fleet"), &root.path().join("repo"));
    let then = fs::read_to_string(examples().join("fleet.registry.json")).unwrap();
    let shop = r#"{"version": "2.5.0""#;
    let search = r#"{"name": "refs/tags/v1.5.0""#;
    let now = then
        .replace(shop, &format!(r#"{{"version": "2.5.1", "created": "2026-08-27T08:30:00Z"}}, {shop}"#))
        .replace(
            search,
            &format!(
                r#"{{"name": "refs/tags/v1.4.7", "commit": "d56b0e3f0c3f1ba27b38bc3d4a7d7c2c2ad1ec09"}}, {search}"#
            ),
        );
    fs::write(root.path().join("now.json"), now).unwrap();
    fs::write(root.path().join("then.json"), then).unwrap();
    root
}

fn run_in(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let env = Env { folder: folder.to_path_buf(), ..Env::default() };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = ["flux-upgrade"].iter().chain(args).map(Into::into);
    let code = run(args, &mut out, &mut err, &env);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn a_lock_is_written_compared_and_brought_up_to_date() {
    let root = fleet();
    let lock = root.path().join("repo/flux-upgrade.lock");
    let (code, out, err) = run_in(root.path(), &["lock", "repo", "--check", "--offline", "then.json"]);
    assert_eq!(code, 2, "{err}");
    assert!(
        out.ends_with("5 without an entry, 0 unchanged\n")
            && err.contains("there is no `flux-upgrade.lock` yet"),
        "{out}{err}"
    );
    assert!(!lock.exists());

    let (code, out, _) = run_in(root.path(), &["lock", "repo", "--offline", "then.json"]);
    assert_eq!((code, out.ends_with("5 added, 0 unchanged\n")), (0, true), "{out}");
    let first = fs::read_to_string(&lock).unwrap();
    let (code, out, _) = run_in(root.path(), &["lock", "repo", "--check", "--offline", "then.json"]);
    assert_eq!((code, out.as_str()), (0, "5 unchanged\n"));

    let (code, out, _) = run_in(root.path(), &["lock", "repo", "--check", "--offline", "now.json"]);
    assert_eq!(code, 2);
    let table = "\
FILE                      OBJECT                            FIELD                    WHAT   FROM      TO     PUBLISHED
apps/base/shop/shop.yaml  HelmRelease/shop                  spec.chart.spec.version  moved  2.5.0   → 2.5.1  2026-08-27
tenants/search.yaml       GitRepository/flux-system/search  spec.ref.semver          moved  v1.4.6  → v1.4.7
";
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(squeezed(&out).contains(&squeezed(table)), "{out}");
    assert_eq!(fs::read_to_string(&lock).unwrap(), first);
    let (_, out, _) =
        run_in(root.path(), &["lock", "repo", "--check", "--offline", "now.json", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&json["schema"], &json["drift"]), (&"flux-upgrade/lock-check/v1".into(), &true.into()));
    assert_eq!(json["differences"][0]["to"]["resolved"], "2.5.1");

    let (code, _, _) = run_in(root.path(), &["lock", "repo", "--offline", "now.json"]);
    assert_eq!(code, 0);
    assert_ne!(fs::read_to_string(&lock).unwrap(), first);
    let (code, _, _) = run_in(root.path(), &["lock", "repo", "--check", "--offline", "now.json"]);
    assert_eq!(code, 0);
}

#[test]
fn a_damaged_lock_stops_before_anybody_is_asked() {
    let root = fleet();
    let text = "schema: flux-upgrade/lock/v1\n<<<<<<< ours\nsites: []\n";
    fs::write(root.path().join("repo/flux-upgrade.lock"), text).unwrap();
    for args in [&["lock", "repo"][..], &["lock", "repo", "--check"]] {
        let (code, out, err) = run_in(root.path(), args);
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(
            err.contains("flux-upgrade.lock:2:1: an unresolved merge conflict [lock.conflict-marker]"),
            "{err}"
        );
    }
    assert_eq!(fs::read_to_string(root.path().join("repo/flux-upgrade.lock")).unwrap(), text);
}

#[test]
fn a_lock_that_is_none_or_of_another_place_is_told_and_nothing_is_written() {
    let root = fleet();
    run_in(root.path(), &["lock", "repo", "--offline", "then.json"]);
    let lock = root.path().join("repo/flux-upgrade.lock");
    let text = fs::read_to_string(&lock).unwrap();
    fs::write(root.path().join("foreign.lock"), text.replace("- file: ", "- file: elsewhere/")).unwrap();
    fs::write(root.path().join("latin.lock"), b"schema: \xe9\n").unwrap();
    fs::write(root.path().join("steering.lock"), "schema: flux-upgrade/lock/v1\n\"\\e[2J\": 1\nsites: []\n")
        .unwrap();
    for (to, expected) in [
        (
            "foreign.lock",
            "the lock names no file of this folder: elsewhere/apps/base/shop/shop.yaml is not here",
        ),
        ("latin.lock", "the lock `latin.lock` is not text in UTF-8"),
        ("steering.lock", "steering.lock:2:1: `\"\\e[2J\"` is no key here"),
    ] {
        let (code, _, err) = run_in(root.path(), &["rollback", "repo", "--to", to, "--write"]);
        assert_eq!(code, 1, "{to}");
        assert!(err.contains(expected) && !err.contains('\x1b'), "{err}");
        assert_eq!(err.matches("elsewhere/").count(), usize::from(to == "foreign.lock"), "{err}");
    }
    let (_, out, _) = run_in(root.path(), &["lock", "repo", "--check", "--offline", "then.json"]);
    assert_eq!(out, "5 unchanged\n");
}

fn git(folder: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .ok()?;
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_rollback_takes_the_lock_of_a_revision_and_pins_exactly_that() {
    let root = fleet();
    let repo = root.path().join("repo");
    let commit = |message: &str| {
        git(&repo, &["add", "-A"])?;
        git(&repo, &["commit", "-qm", message])
    };
    if git(root.path(), &["init", "-q", "repo"]).is_none() {
        println!("skipped: no git");
        return;
    }
    // What git does not track is not read, and that is said.
    let (_, out, err) = run_in(root.path(), &["lock", "repo", "--offline", "then.json", "--check"]);
    assert!(out.starts_with("0 unchanged") && err.contains("git tracks no YAML file"), "{out}{err}");
    git(&repo, &["add", "-A"]);
    run_in(root.path(), &["lock", "repo", "--offline", "then.json"]);
    commit("then");
    run_in(root.path(), &["lock", "repo", "--offline", "now.json"]);
    commit("now");

    let (code, out, err) = run_in(root.path(), &["rollback", "repo", "--to", "HEAD~1", "--exit-code"]);
    assert_eq!(code, 2, "{err}");
    assert!(
        out.contains("the lock of today says 2.5.1")
            && out.ends_with("5 changes, 0 majors held, 0 sources unanswered\n"),
        "{out}"
    );
    assert_eq!(git(&repo, &["status", "--porcelain"]).unwrap(), "");

    let (code, _, _) = run_in(root.path(), &["rollback", "repo", "--to", "HEAD~1", "--write"]);
    assert_eq!(code, 0);
    let diff = git(&repo, &["diff", "-U0"]).unwrap();
    let added: Vec<&str> =
        diff.lines().filter(|line| line.starts_with('+') && !line.starts_with("+++")).collect();
    assert_eq!(
        added,
        [
            "+      version: \"2.5.0\" # staging follows every release",
            "+    tag: \"2.6.0\"",
            "+    digest: sha256:ca73288ab6f9e10f96b0a10a2dcf261eab7c026dc7fe2514d3b148c4a858a3c4",
            "+      version: \"1.18.0\"",
            "+      version: 3.12.2",
            "+    tag: \"v1.4.6\"",
            "+    commit: 5bc3e003af539ffd11a9afd13c427187d82f4b6e",
        ]
    );
    // Read again, the plan has these sites as pins that say so.
    let (_, out, _) = run_in(root.path(), &["rollback", "repo", "--to", "HEAD~1"]);
    assert!(out.contains("0 changes") && out.contains("5 up to date"), "{out}");
    // Whatever is published since then, nothing floats any more.
    let (_, out, _) = run_in(root.path(), &["ranges", "repo", "--offline", "now.json"]);
    assert!(out.starts_with("0 ranges"), "{out}");
}

#[test]
fn a_revision_that_is_none_and_one_without_a_lock_are_told() {
    let root = fleet();
    if git(root.path(), &["init", "-q", "repo"]).is_none() {
        println!("skipped: no git");
        return;
    }
    git(&root.path().join("repo"), &["add", "-A"]);
    git(&root.path().join("repo"), &["commit", "-qm", "no lock"]);
    for (to, expected) in [("nowhere", "no revision to take"), ("HEAD", "has no `flux-upgrade.lock`")] {
        let (code, out, err) = run_in(root.path(), &["rollback", "repo", "--to", to]);
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(err.contains(expected), "{err}");
    }
}
