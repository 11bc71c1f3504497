//! Kill -9 in the middle: files and branches are old or new, never torn, and the next run does the rest.
//!
//! A few times here; `.ci/kill-points` sets `KILLS` for more.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const FILES: usize = 60;

fn kills() -> u64 {
    std::env::var("KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(8)
}

/// A repository of many files that one plan changes.
fn repository() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for number in 0..FILES {
        let folder = root.path().join(format!("apps/app-{number}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("source.yaml"), text(number, "1.0.0")).unwrap();
    }
    let entries: Vec<String> = (0..FILES)
        .map(|number| {
            format!(r#"{{"repository": "registry.example.com/app-{number}", "tags": [{{"tag": "1.0.0"}}, {{"tag": "1.1.0"}}]}}"#)
        })
        .collect();
    let snapshot =
        format!(r#"{{"schema": "flux-upgrade/registry-snapshot/v1", "oci": [{}]}}"#, entries.join(","));
    fs::write(root.path().join("registry.json"), snapshot).unwrap();
    root
}

fn text(number: usize, tag: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata:\n  name: app-{number}\n  namespace: apps\n\
         spec:\n  url: oci://registry.example.com/app-{number}\n  ref:\n    tag: {tag}\n"
    )
}

fn command(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flux-upgrade"));
    command.args(["apply", ".", "--offline", "registry.json"]).args(arguments).current_dir(root);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// How long a run takes that nobody kills.
fn whole(root: &Path, arguments: &[&str]) -> Duration {
    let started = Instant::now();
    let run = command(root, arguments).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    started.elapsed()
}

/// Starts a run and kills it after `part` of 1000 of the time that one takes.
fn killed(root: &Path, arguments: &[&str], time: Duration, part: u64) {
    let mut child = command(root, arguments).spawn().unwrap();
    sleep(time.mul_f64(part as f64 / 1000.0));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Starts a run, waits until it has made `sign`, and kills it some microseconds later: in the short time that matters.
fn killed_at(root: &Path, arguments: &[&str], sign: &Path, micros: u64) {
    let mut child = command(root, arguments).spawn().unwrap();
    while !sign.exists() && child.try_wait().unwrap().is_none() {
        std::hint::spin_loop();
    }
    let from = Instant::now();
    while from.elapsed() < Duration::from_micros(micros) {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Numbers below 1000 that no two runs share, without a crate: splitmix64.
fn random() -> impl FnMut() -> u64 {
    let mut seed = u64::from(std::process::id()) ^ 0x9e37_79b9_7f4a_7c15;
    println!("seed {seed}");
    move || {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % 1000
    }
}

/// How many files are new; each is old or new.
fn new_files(root: &Path) -> usize {
    (0..FILES)
        .filter(|number| {
            let found = fs::read_to_string(root.join(format!("apps/app-{number}/source.yaml"))).unwrap();
            assert!(found == text(*number, "1.0.0") || found == text(*number, "1.1.0"), "torn: {found:?}");
            found == text(*number, "1.1.0")
        })
        .count()
}

/// What is there beside the files: leftovers of a run that was killed.
fn others(root: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap() != "source.yaml"
                && path.file_name().unwrap() != "registry.json"
            {
                found.insert(path);
            }
        }
    }
    found
}

#[test]
fn a_killed_apply_is_finished_or_taken_back() {
    let time = whole(repository().path(), &[]);
    let mut random = random();
    let mut unfinished = 0;
    for turn in 0..kills() {
        let root = repository();
        let part = random();
        match turn % 4 {
            0 | 1 => killed_at(root.path(), &[], &root.path().join(".flux-upgrade.journal"), part * 2),
            _ => killed(root.path(), &[], time, part),
        }
        let new = new_files(root.path());
        let journal = root.path().join(".flux-upgrade.journal").exists();
        assert!(
            journal || new == 0 || new == FILES,
            "{new} of {FILES} files are new, and no journal says so"
        );
        let back = turn % 2 == 1;
        let run = command(root.path(), if back { &["--undo"] } else { &[] }).output().unwrap();
        let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{said}");
        if journal {
            unfinished += 1;
            assert!(said.contains("an earlier apply did not finish"), "{said}");
        }
        let expected = match (back, journal) {
            (true, true) => 0,
            (true, false) => new,
            (false, _) => FILES,
        };
        assert_eq!(new_files(root.path()), expected);
        assert!(
            others(root.path()).iter().all(|path| path.to_string_lossy().contains("/.flux-upgrade-")),
            "no journal is left"
        );
    }
    println!("{unfinished} of {} were killed between two files", kills());
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let run = Command::new("git")
        .args(["-c", "user.name=A Human", "-c", "user.email=human@example.com", "-c", "commit.gpgSign=false"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(run.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

/// The branches of ours, each with the tree that it has.
fn branches(root: &Path) -> BTreeMap<String, String> {
    let format = "--format=%(refname:short) %(tree)";
    let list = git(root, &["for-each-ref", format, "refs/heads/flux-upgrade"]);
    list.lines().filter_map(|line| line.split_once(' ')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

fn committed() -> TempDir {
    let root = repository();
    git(root.path(), &["init", "-q", "-b", "main"]);
    git(root.path(), &["add", "apps"]);
    git(root.path(), &["commit", "-q", "-m", "First"]);
    root
}

#[test]
fn a_killed_commit_leaves_branches_whole() {
    if !Command::new("git").arg("--version").output().is_ok_and(|run| run.status.success()) {
        println!("skipped: git is not installed");
        return;
    }
    let whole_one = committed();
    let time = whole(whole_one.path(), &["--commit"]);
    let expected = branches(whole_one.path());
    assert_eq!(expected.len(), FILES);
    let mut random = random();
    let (mut partly, mut locked) = (0, 0);
    for turn in 0..kills() {
        let root = committed();
        let refs = root.path().join(".git/refs/heads/flux-upgrade");
        match turn % 4 {
            0 => killed_at(root.path(), &["--commit"], &refs, random() * 3),
            1 => killed_at(root.path(), &["--commit"], &refs.join("app-0"), random()),
            _ => killed(root.path(), &["--commit"], time, random()),
        }
        let found = branches(root.path());
        assert!(
            found.iter().all(|(name, tree)| expected.get(name) == Some(tree)),
            "a branch has another tree"
        );
        partly += usize::from(!found.is_empty() && found.len() < FILES);
        git(root.path(), &["fsck", "--no-dangling", "--connectivity-only"]);
        assert_eq!(git(root.path(), &["status", "--porcelain"]), "?? registry.json\n");
        let is_lock = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "lock");
        let locks = others(&root.path().join(".git/refs/heads"));
        let was_locked = locks.iter().any(is_lock);
        locked += usize::from(was_locked);
        let run = command(root.path(), &["--commit"]).output().unwrap();
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(!was_locked || said.contains("an earlier run was killed"), "{said}");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        assert_eq!(branches(root.path()), expected);
    }
    println!("{partly} of {} were killed between two branches, {locked} with locks held", kills());
}
