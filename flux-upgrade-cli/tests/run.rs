//! The command from outside: arguments in, text and exit code out.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use flux_upgrade_cli::{Env, run};
use tempfile::TempDir;

/// What a run left behind.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn env(folder: &Path) -> Env {
    Env { folder: folder.to_path_buf(), now: Some(1_787_356_800), ..Env::default() }
}

fn run_in(env: &Env, args: &[&str]) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = std::iter::once("flux-upgrade").chain(args.iter().copied()).map(Into::into);
    let code = run(args, &mut out, &mut err, env);
    Ran { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

/// A folder without sites, and one with a file that is not UTF-8.
fn folders() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, bytes) in
        [("fine/a.yaml", &b"a: 1\n"[..]), ("broken/b.yaml", b"b: \xff\n"), ("snapshot.json", b"{")]
    {
        let target = root.path().join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, bytes).unwrap();
    }
    root
}

#[test]
fn help_and_version_are_results() {
    for args in [&["--help"][..], &["plan", "--help"], &["--version"], &["help", "apply"]] {
        let ran = run_in(&Env::default(), args);
        assert_eq!((ran.code, ran.err.as_str(), ran.out.is_empty()), (0, "", false), "{args:?}");
    }
}

#[test]
fn a_usage_error_is_a_failure() {
    for args in [
        &[][..],
        &["plan"],
        &["plan", "x", "--formt", "json"],
        &["plan", "x", "--format", "yaml"],
        &["paln", "x"],
    ] {
        let ran = run_in(&Env::default(), args);
        assert_eq!((ran.code, ran.out.as_str(), ran.err.is_empty()), (1, "", false), "{args:?}");
    }
}

#[test]
fn a_bad_value_has_a_caret_under_it_and_the_nearest_spelling() {
    let root = folders();
    for (flag, value, expected) in [
        ("--allow", "mojor", "expected one of patch, minor, major, none; did you mean `major`?"),
        ("--ranges", "kep", "expected one of keep, move, pin; did you mean `keep`?"),
        ("--digests", "updates", "expected one of keep, update, pin; did you mean `update`?"),
        ("--color", "purple", "expected one of auto, always, never"),
    ] {
        let ran = run_in(&env(root.path()), &["plan", "fine", flag, value]);
        let blanks = " ".repeat(flag.len());
        let carets = "^".repeat(value.len());
        let text =
            format!("error: invalid value for {flag}\n  {flag} {value}\n  {blanks} {carets} {expected}\n");
        assert_eq!((ran.code, ran.err), (1, text));
    }
    let ran = run_in(&env(root.path()), &["plan", "fine", "--format", "jsn"]);
    let expected = "\n  --format jsn\n           ^^^ expected one of table, json, diff, ";
    assert!(ran.code == 1 && ran.err.contains(expected), "{}", ran.err);
    assert!(ran.err.ends_with("; did you mean `json`?\n"), "{}", ran.err);
}

#[test]
fn a_bad_text_is_refused_before_anything_is_read() {
    for (flag, value) in [
        ("--min-age", ""),
        ("--min-age", "3x"),
        ("--as-of", "!"),
        ("--only", "["),
        ("--flux-version", "potato"),
    ] {
        let ran = run_in(&env(Path::new("/nowhere")), &["plan", "nowhere", flag, value]);
        assert_eq!(ran.code, 1);
        assert!(ran.err.starts_with(&format!("error: invalid value for {flag}\n")), "{}", ran.err);
        assert!(ran.err.contains('^') && !ran.err.contains("nowhere"), "{}", ran.err);
    }
}

#[test]
fn a_missing_path_is_named_as_it_was_given() {
    let root = folders();
    for command in ["scan", "plan", "apply"] {
        let ran = run_in(&env(root.path()), &[command, "nowhere"]);
        assert_eq!(ran.code, 1);
        assert!(ran.err.starts_with("error: cannot read `nowhere`: "), "{}", ran.err);
    }
}

#[test]
fn a_snapshot_that_cannot_be_read_is_named() {
    let root = folders();
    for file in ["nowhere.json", "snapshot.json"] {
        let ran = run_in(&env(root.path()), &["plan", "fine", "--offline", file]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""));
        assert!(ran.err.starts_with(&format!("error: cannot read the snapshot `{file}`: ")), "{}", ran.err);
    }
}

#[test]
fn a_plan_without_sites_is_its_summary() {
    let root = folders();
    let ran = run_in(&env(root.path()), &["plan", "fine"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out, "0 changes, 0 majors held, 0 sources unanswered\n");
    let ran = run_in(&env(root.path()), &["apply", "fine"]);
    assert_eq!(ran.out, "0 changes made in 0 files, 0 majors held, 0 sources unanswered\n");
    let ran = run_in(&env(root.path()), &["scan", "fine"]);
    assert_eq!(ran.out, "0 sites\n");
}

#[test]
fn a_broken_file_is_told_and_fails_only_under_strict() {
    let root = folders();
    let finding = "b.yaml:1:4: error: the byte 0xff is not UTF-8 [yaml.not-utf8]\n";
    for command in ["scan", "plan"] {
        let ran = run_in(&env(root.path()), &[command, "broken"]);
        assert_eq!(ran.code, 0);
        assert!(ran.err.starts_with(finding), "{}", ran.err);
        let ran = run_in(&env(root.path()), &[command, "broken", "--strict", "--quiet"]);
        assert_eq!((ran.code, ran.err.as_str()), (1, ""));
        let ran = run_in(&env(root.path()), &[command, "broken", "--format", "json"]);
        assert!(ran.out.contains("\"code\": \"yaml.not-utf8\""), "{}", ran.out);
    }
    let ran = run_in(&env(root.path()), &["apply", "broken", "--strict"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("nothing is written"), "{}", ran.err);
}

#[test]
fn each_of_several_paths_has_its_heading_and_a_bad_one_stops_no_other() {
    let root = folders();
    let ran = run_in(&env(root.path()), &["plan", "fine", "nowhere", "broken", "-q"]);
    let summary = "0 changes, 0 majors held, 0 sources unanswered\n";
    assert_eq!(ran.out, format!("fine\n\n{summary}\nbroken\n\n{summary}"));
    assert_eq!(ran.code, 1);
    let ran = run_in(&env(root.path()), &["plan", "fine", "broken", "--format", "diff"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("error: --format diff takes one PATH, and there are 2"), "{}", ran.err);
}

#[test]
fn colour_is_asked_for_or_seen_to_be_wanted() {
    let root = folders();
    let terminal = Env { out_is_terminal: true, ..env(root.path()) };
    let quiet = Env { variables: [("NO_COLOR".into(), "1".into())].into(), ..terminal.clone() };
    for (env, flags, expected) in [
        (&terminal, &[][..], true),
        (&quiet, &[], false),
        (&quiet, &["--color", "always"], true),
        (&terminal, &["--color", "never"], false),
    ] {
        let ran = run_in(env, &[&["plan", "fine"], flags].concat());
        assert_eq!(ran.out.contains("\u{1b}["), expected, "{flags:?}");
    }
}

#[test]
fn an_explanation_of_nothing_is_an_error() {
    let root = folders();
    let ran = run_in(&env(root.path()), &["plan", "fine", "--explain", "a.yaml:1"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert_eq!(ran.err, "error: no site at `a.yaml:1`; there are none in these files\n");
}

#[test]
fn completions_name_the_subcommands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = run_in(&Env::default(), &["completions", shell]);
        assert_eq!(ran.code, 0);
        assert!(ran.out.contains("apply") && ran.out.contains("offline"), "{shell}");
    }
}

/// A reader that has left, or a disk that is full.
struct Closed(io::ErrorKind);

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure_and_a_full_disk_is() {
    let root = folders();
    for (kind, expected) in [(io::ErrorKind::BrokenPipe, 0), (io::ErrorKind::StorageFull, 1)] {
        let mut err = Vec::new();
        let args = ["flux-upgrade", "plan", "fine"].map(Into::into);
        let code = run(args, &mut Closed(kind), &mut err, &env(root.path()));
        assert_eq!(code, expected, "{}", String::from_utf8_lossy(&err));
    }
}

/// A list of repositories, one part of it, and one that cannot be read: the others go on, and a table tells of each.
#[test]
fn several_repositories_are_planned_in_one_run() {
    let root = folders();
    fs::write(root.path().join("list.txt"), "# ours\nfine\n\n  broken  \nnowhere\n").unwrap();
    fs::write(root.path().join("answers.json"), r#"{"schema": "flux-upgrade/registry-snapshot/v1"}"#)
        .unwrap();
    let plan = |more: &[&str]| {
        let all = [&["plan", "--offline", "answers.json", "--repositories", "list.txt"], more].concat();
        run_in(&env(root.path()), &all)
    };
    let ran = plan(&[]);
    assert_eq!(ran.code, 1, "one cannot be read");
    // What went wrong is told under the name of the repository that it is about.
    assert!(ran.err.contains("\nnowhere:\nerror: cannot read `nowhere`"), "{}", ran.err);
    assert!(ran.err.starts_with("broken:\n") && !ran.err.contains("fine:"), "{}", ran.err);
    let apply = ["apply", "--offline", "answers.json", "--repositories", "list.txt", "-q"];
    assert!(!run_in(&env(root.path()), &apply).out.contains("REPOSITORY"));
    let applied = run_in(&env(root.path()), &apply[..5]);
    assert!(applied.code == 1 && applied.out.contains("\nnowhere     failed\n"), "{}", applied.out);
    let table: Vec<String> = ran
        .out
        .split("REPOSITORY")
        .nth(1)
        .unwrap()
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(table, ["fine 0 0 0 0", "broken 0 0 0 0", "nowhere failed"], "{}", ran.out);
    let roots = |ran: &Ran| {
        let documents = serde_json::Deserializer::from_str(&ran.out).into_iter::<serde_json::Value>();
        documents.map(|document| document.unwrap()["root"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(roots(&plan(&["--shard", "0/2", "--format", "json"])), ["fine"]);
    assert_eq!(roots(&plan(&["--shard", "1/2", "--format", "json"])), ["broken"]);
    assert_eq!(roots(&plan(&["--shard", "7/8", "--format", "json"])), Vec::<String>::new());
    for bad in ["2/2", "x", "1", "-1/2"] {
        let ran = plan(&[&format!("--shard={bad}")]);
        assert!(ran.code == 1 && ran.err.contains("INDEX/COUNT"), "{bad}: {}", ran.err);
    }
}
