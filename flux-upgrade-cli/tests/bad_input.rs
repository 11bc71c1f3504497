//! What goes wrong and what the user reads then, word for word.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test tells what it does and may fail")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flux_upgrade_cli::{Env, run};
use flux_upgrade_core::RepoPath;
use flux_upgrade_core::host::{Replacement, write};
use tempfile::TempDir;

const GOOD: &str = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata:\n  name: app\nspec:\n  url: oci://r.example/app\n  ref:\n    tag: 1.0.0\n";

const SNAPSHOT: &str = r#"{"schema": "flux-upgrade/registry-snapshot/v1",
  "oci": [{"repository": "r.example/app", "tags": [{"tag": "1.0.0"}, {"tag": "1.1.0"}]}]}"#;

/// A folder with a good file, a snapshot that answers for it, and other files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let all = [("repo/good.yaml", GOOD.as_bytes()), ("snapshot.json", SNAPSHOT.as_bytes())];
    for (path, bytes) in all.iter().chain(files) {
        let target = root.path().join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, bytes).unwrap();
    }
    root
}

/// Exit code, standard output and standard error of a run in a folder.
fn ran(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let env = Env { folder: folder.to_path_buf(), now: Some(1_787_356_800), ..Env::default() };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = std::iter::once("flux-upgrade").chain(args.iter().copied()).map(Into::into);
    let code = run(args, &mut out, &mut err, &env);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

const PLAN: &[&str] = &["plan", "repo", "--offline", "snapshot.json"];

#[test]
fn a_bad_file_is_told_and_its_neighbours_go_on() {
    let broken = format!("{GOOD}---\nkind: HelmRelease\na: [1, 2\nb: 3\n---\n{GOOD}");
    let conflict = GOOD.replace(
        "    tag: 1.0.0\n",
        "<<<<<<< HEAD\n    tag: 1.0.0\n=======\n    tag: 1.0.1\n>>>>>>> other\n",
    );
    let range = GOOD.replace("tag: 1.0.0", "semver: '>=1.x <@2'");
    for (text, changes, expected) in [
        (
            broken.as_bytes(),
            3,
            "x.yaml:12:2: error: not YAML: illegal placement of ':' indicator [yaml.syntax]\n  help: this document is left alone; the others of the file are read\n",
        ),
        (
            format!("{{{{- if .Values.on }}}}\n{GOOD}{{{{- end }}}}\n").as_bytes(),
            1,
            "x.yaml:1:1: error: a template and not YAML [yaml.template]\n  help: templates are left alone; the other documents of the file are read\n",
        ),
        (
            conflict.as_bytes(),
            1,
            "x.yaml:8:1: error: the document has an unresolved merge conflict [yaml.conflict-marker]\n  help: resolve the conflict; until then nothing in this document is planned\n",
        ),
        (
            conflict.replace("=======\n", "=======\n---\n").as_bytes(),
            1,
            "x.yaml:8:1: error: the file has an unresolved merge conflict over several documents [yaml.conflict-marker]\n  help: resolve the conflict; until then nothing in this file is planned\n",
        ),
        (
            format!("{GOOD}    tag: 1.0.0\n").as_bytes(),
            1,
            "x.yaml:9:5: error: the key `tag` stands twice in one mapping [yaml.duplicate-key]\n  see x.yaml:8:5\n  help: Flux refuses such a document; remove one of the two\n",
        ),
        (
            GOOD.replace("    tag", "\t\ttag").as_bytes(),
            1,
            "x.yaml:8:3: error: not YAML: tabs disallowed within this context (block indentation) [yaml.syntax]\n  help: indent with blanks; until then this document is left alone, the others of the file are read\n",
        ),
        (
            &[GOOD.as_bytes(), b"# \xff\n"].concat(),
            1,
            "x.yaml:9:3: error: the byte 0xff is not UTF-8 [yaml.not-utf8]\n  help: save the file as UTF-8; until then it is left out\n",
        ),
        (
            &[GOOD.as_bytes(), b"# \0\n"].concat(),
            1,
            "x.yaml:9:3: error: not YAML: unexpected character: `\\u{0}' [yaml.syntax]\n  help: this document is left alone; the others of the file are read\n",
        ),
        (
            GOOD.replace("io/v1", "io/v7").as_bytes(),
            1,
            "x.yaml:1:13: error: `source.toolkit.fluxcd.io/v7` is no version of OCIRepository that is known [manifest.unknown-version]\n  help: known versions: v1beta2, v1\n",
        ),
        (
            range.as_bytes(),
            1,
            "x.yaml:8:13: error: `spec.ref.semver` of OCIRepository app is not a range: invalid range `>=1.x <@2`: expected a version at character 8 [manifest.bad-range]\n  help: write a range such as `1.x` or `>=1.2.0 <2.0.0`; until then Flux refuses it and it stays\n",
        ),
    ] {
        let root = folder(&[("repo/x.yaml", text)]);
        let (code, out, err) = ran(root.path(), PLAN);
        assert_eq!((code, err.as_str()), (0, expected));
        assert!(out.contains(&format!("{changes} change")), "{expected}{out}");
        let (code, _, err) = ran(root.path(), &[PLAN, &["--strict"]].concat());
        assert_eq!((code, err.as_str()), (1, expected), "an error fails under --strict");
        let before = fs::read(root.path().join("repo/x.yaml")).unwrap();
        let (code, out, _) = ran(root.path(), &["apply", "repo", "--offline", "snapshot.json"]);
        assert_eq!(code, 0, "{out}");
        let after = fs::read(root.path().join("repo/x.yaml")).unwrap();
        assert_eq!(after != before, changes > 1, "only a file with whole documents is edited: {expected}");
    }
}

#[test]
fn an_ambiguous_source_is_held_with_every_place() {
    let repository = |url: &str| {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {{name: charts, namespace: apps}}\nspec: {{url: {url}}}\n"
        )
    };
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: app, namespace: apps}\nspec: {chart: {spec: {chart: app, version: 1.0.0, sourceRef: {kind: HelmRepository, name: charts}}}}\n";
    let root = folder(&[
        ("repo/app.yaml", release.as_bytes()),
        ("repo/one.yaml", repository("https://one.example").as_bytes()),
        ("repo/two.yaml", repository("https://two.example").as_bytes()),
    ]);
    let (code, out, err) = ran(root.path(), &[PLAN, &["--explain", "HelmRelease/app"]].concat());
    assert_eq!((code, err.as_str()), (0, ""));
    let held = "held     several sources match: HelmRepository apps/charts at one.yaml:1:1, HelmRepository apps/charts at two.yaml:1:1\n";
    assert!(out.ends_with(held), "{out}");
}

#[test]
fn a_bad_rules_file_is_shown_with_a_caret() {
    for (text, expected) in [
        (
            "version: 1\ndefaults:\n  alow: major\n",
            ":3:3: `alow` is no key of this mapping [rules.unknown-key]\n  3 |   alow: major\n        ^^^^ did you mean `allow`?\n",
        ),
        (
            "defaults:\n  allow: mojor\n",
            ":2:10: `mojor` is none of patch, minor, major, none [rules.bad-value]\n  2 |   allow: mojor\n               ^^^^^ did you mean `major`?\n",
        ),
        (
            "defaults:\n  range: '>=1.x <@2'\n",
            ":2:10: invalid range `>=1.x <@2`: expected a version at character 8 [rules.bad-range]\n  2 |   range: '>=1.x <@2'\n               ^^^^^^^^^^^\n",
        ),
        (
            "defaults: [\n",
            ":1:11: unclosed bracket '[' [rules.syntax]\n  1 | defaults: [\n                ^\n",
        ),
        (
            "version: 2\n",
            ":1:10: the only version of this file's form is 1 [rules.unsupported-version]\n  1 | version: 2\n               ^\n",
        ),
        (
            "rules:\n- match: {path: '[a'}\n",
            ":2:17: `[a` is no glob: `[` is not closed [rules.bad-pattern]\n  2 | - match: {path: '[a'}\n                      ^^^^\n",
        ),
    ] {
        for (place, name, more) in [
            ("repo/.flux-upgrade.yaml", ".flux-upgrade.yaml", &[][..]),
            ("else/rules.yaml", "else/rules.yaml", &["--config", "else/rules.yaml"][..]),
        ] {
            let root = folder(&[(place, text.as_bytes())]);
            let expected = format!("error: {name}{expected}");
            assert_eq!(ran(root.path(), &[PLAN, more].concat()), (1, String::new(), expected));
        }
    }
}

#[test]
fn bad_flags_paths_and_snapshots_are_named() {
    let caret = |flag: &str, value: &str, expected: &str| {
        let blanks = " ".repeat(flag.len());
        let carets = "^".repeat(value.len());
        format!("error: invalid value for {flag}\n  {flag} {value}\n  {blanks} {carets} {expected}\n")
    };
    let snapshot = |detail: &str| format!("error: cannot read the snapshot `bad.json`: {detail}\n");
    let root = folder(&[]);
    let with = |more: &[&'static str]| [PLAN, more].concat();
    let table = [
        (
            with(&["--allow", "mojor"]),
            caret("--allow", "mojor", "expected one of patch, minor, major, none; did you mean `major`?"),
        ),
        (with(&["--min-age", "3x"]), caret("--min-age", "3x", "`3x` is no age such as `3d`, `36h` or `2w`")),
        (
            with(&["--as-of", "2026-13-01"]),
            caret("--as-of", "2026-13-01", "`2026-13-01` is no date or RFC 3339 time"),
        ),
        (
            with(&["--flux-version", "abc"]),
            caret("--flux-version", "abc", "is no Flux version; give a minor such as `2.9`"),
        ),
        (
            with(&["--only", "["]),
            caret("--only", "[", "is no glob: `[` is not closed; give a path glob such as `apps/**`"),
        ),
        (
            with(&["--explain", "nowhere"]),
            caret(
                "--explain",
                "nowhere",
                "expected PATH:LINE, PATH:LINE:COLUMN, Kind/namespace/name, Kind/name or an id",
            ),
        ),
        (
            vec!["plan", "nowhere"],
            "error: cannot read `nowhere`: No such file or directory (os error 2)\n".to_owned(),
        ),
        (
            with(&["--config", "none.yaml"]),
            "error: cannot read `none.yaml`: No such file or directory (os error 2)\n".to_owned(),
        ),
        (
            vec!["plan", "repo", "--offline", "none.json"],
            "error: cannot read the snapshot `none.json`: No such file or directory (os error 2)\n"
                .to_owned(),
        ),
    ];
    for (args, expected) in table {
        assert_eq!(ran(root.path(), &args), (1, String::new(), expected), "{args:?}");
    }
    for (text, expected) in [
        (&b"{"[..], "not a registry snapshot: EOF while parsing an object at line 1, column 1"),
        (
            b"[]",
            "not a registry snapshot: invalid length 0, expected a JSON object with `schema` at line 1, column 2",
        ),
        (
            b"7",
            "not a registry snapshot: invalid type: integer `7`, expected a JSON object with `schema` at line 1, column 1",
        ),
        (b"{}", "not a registry snapshot: missing field `schema` at line 1, column 2"),
        (
            br#"{"schema": "flux-upgrade/plan/v1"}"#,
            "not a registry snapshot: `schema` is `flux-upgrade/plan/v1`, wanted `flux-upgrade/registry-snapshot/v1`",
        ),
        (
            br#"{"schema": "flux-upgrade/registry-snapshot/v1", "taken": "yesterday"}"#,
            "taken: `yesterday` is no RFC 3339 time",
        ),
        (b"\xff", "stream did not contain valid UTF-8"),
    ] {
        let root = folder(&[("bad.json", text)]);
        let found = ran(root.path(), &["plan", "repo", "--offline", "bad.json"]);
        assert_eq!(found, (1, String::new(), snapshot(expected)));
    }
}

#[test]
fn a_path_may_be_one_file() {
    let root = folder(&[("repo/other.yaml", GOOD.as_bytes())]);
    let (code, out, err) = ran(root.path(), &["plan", "repo/other.yaml", "--offline", "snapshot.json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("1 change,") && out.contains("other.yaml:8"), "{out}");
}

#[test]
fn a_file_that_has_changed_since_stops_the_write() {
    let root = folder(&[("repo/a.yaml", GOOD.as_bytes())]);
    let repo = root.path().join("repo");
    let (a, good) = (RepoPath::parse("a.yaml").unwrap(), RepoPath::parse("good.yaml").unwrap());
    let after = GOOD.replace("1.0.0", "1.1.0");
    fs::write(repo.join("good.yaml"), GOOD.replace("1.0.0", "1.0.1")).unwrap();
    let set = [&a, &good].map(|path| Replacement { path, before: GOOD, after: &after });
    let error = write(&repo, &set).unwrap_err();
    assert_eq!(
        error.to_string(),
        "good.yaml:8:14: the file has changed since it was read; nothing is written"
    );
    assert_eq!(fs::read_to_string(repo.join("a.yaml")).unwrap(), GOOD);
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::os::unix::process::CommandExt as _;
    use std::time::Duration;

    use super::*;

    const BINARY: &str = env!("CARGO_BIN_EXE_flux-upgrade");

    /// A user without rights; the number of `nobody` on most systems.
    const NOBODY: u32 = 65_534;

    fn text(output: &Output) -> (Option<i32>, String) {
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_without_permission_stays_as_it_is() {
        let root = folder(&[]);
        let repo = root.path().join("repo");
        let binary = root.path().join("flux-upgrade");
        fs::copy(BINARY, &binary).unwrap();
        for (path, mode) in [(root.path(), 0o755), (repo.as_path(), 0o555)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let mut command = Command::new(&binary);
        command.args(["apply", "repo", "--offline", "snapshot.json"]).current_dir(root.path());
        // Root may write everywhere, so it becomes somebody else first.
        if fs::metadata(root.path()).unwrap().uid() == 0 {
            command.uid(NOBODY).gid(NOBODY);
        }
        let output = match command.output() {
            Ok(output) => output,
            Err(error) => {
                eprintln!("skipped: the command does not start as another user: {error}");
                return;
            }
        };
        fs::set_permissions(&repo, fs::Permissions::from_mode(0o755)).unwrap();
        let expected =
            "error: good.yaml: cannot be written; nothing is written: Permission denied (os error 13)\n";
        assert_eq!(text(&output), (Some(1), expected.to_owned()));
        assert_eq!(fs::read_to_string(repo.join("good.yaml")).unwrap(), GOOD);
        assert_eq!(names(&repo), ["good.yaml"]);
    }

    /// A limit on the size of files stands for a full disk: the write fails in the middle.
    #[test]
    fn a_disk_that_is_full_leaves_every_file_as_it_was() {
        let long = format!("{GOOD}# {}\n", "x".repeat(10_000));
        let root = folder(&[("repo/long.yaml", long.as_bytes())]);
        let script = "trap '' XFSZ; ulimit -f 4; exec \"$0\" apply repo --offline snapshot.json";
        let output =
            Command::new("sh").args(["-c", script, BINARY]).current_dir(root.path()).output().unwrap();
        let expected =
            "error: long.yaml: cannot be written; nothing is written: File too large (os error 27)\n";
        assert_eq!(text(&output), (Some(1), expected.to_owned()));
        let repo = root.path().join("repo");
        assert_eq!(fs::read_to_string(repo.join("good.yaml")).unwrap(), GOOD);
        assert_eq!(fs::read_to_string(repo.join("long.yaml")).unwrap(), long);
        assert_eq!(names(&repo), ["good.yaml", "long.yaml"]);
    }

    #[test]
    fn a_run_that_is_killed_leaves_each_file_old_or_new_and_the_next_run_goes_on() {
        let files: Vec<String> = (0..150).map(|number| format!("repo/f{number:03}.yaml")).collect();
        let after = GOOD.replace("1.0.0", "1.1.0");
        let mut torn_between = 0;
        for step in 0..12u64 {
            let all: Vec<(&str, &[u8])> = files.iter().map(|name| (name.as_str(), GOOD.as_bytes())).collect();
            let root = folder(&all);
            let mut child = Command::new(BINARY)
                .args(["apply", "repo", "--offline", "snapshot.json", "--quiet"])
                .current_dir(root.path())
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap();
            let repo = root.path().join("repo");
            let writes = || names(&repo).iter().any(|name| name.ends_with(".flux-upgrade"));
            while !writes() && child.try_wait().unwrap().is_none() {
                std::thread::yield_now();
            }
            std::thread::sleep(Duration::from_millis(step * step));
            child.kill().unwrap();
            child.wait().unwrap();
            let states: Vec<bool> = files
                .iter()
                .map(|name| match fs::read_to_string(root.path().join(name)).unwrap() {
                    text if text == GOOD => false,
                    text if text == after => true,
                    text => panic!("{name} is torn: {text}"),
                })
                .collect();
            let leftovers = names(&root.path().join("repo")).len() > files.len() + 1;
            torn_between += usize::from(leftovers || states.contains(&true) && states.contains(&false));
            let (code, _, err) = ran(root.path(), &["apply", "repo", "--offline", "snapshot.json"]);
            assert_eq!((code, err.as_str()), (0, ""), "the next run is not disturbed");
            for name in &files {
                assert_eq!(fs::read_to_string(root.path().join(name)).unwrap(), after);
            }
        }
        eprintln!("{torn_between} of 12 runs were killed while they wrote");
    }
}

/// Paths in the docs and in the sources.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every code that the sources have between quotes, from the families that are codes.
fn codes(folder: &Path, out: &mut std::collections::BTreeSet<String>) {
    const FAMILIES: &[&str] = &[
        "yaml",
        "text",
        "file",
        "manifest",
        "rules",
        "host",
        "snapshot",
        "select",
        "patch",
        "request",
        "options",
        "version",
        "range",
        "pattern",
        "policy",
        "flavour",
        "internal",
        "archive",
        "install",
        "recover",
        "prove",
        "upgrade",
        "migrate",
        "preflight",
        "lock",
        "rollback",
        "convert",
        "behaviour",
        "comment",
        "git",
        "forge",
        "answer",
        "hcl",
        "automate",
        "template",
    ];
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            codes(&path, out);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        // Codes of tests are those of the code under test.
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for word in text.split('"') {
            let Some((family, rest)) = word.split_once('.') else { continue };
            let is_code = FAMILIES.contains(&family)
                && rest.starts_with(|c: char| c.is_ascii_lowercase())
                && rest.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
            if is_code {
                out.insert(word.to_owned());
            }
        }
    }
}

#[test]
fn the_table_of_codes_has_every_code_and_no_other() {
    let mut found = std::collections::BTreeSet::new();
    codes(&repository().join("flux-upgrade-core/src"), &mut found);
    codes(&repository().join("flux-upgrade-cli/src"), &mut found);
    let table = fs::read_to_string(repository().join("docs/diagnostics.md")).unwrap();
    let listed: std::collections::BTreeSet<String> = table
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split_once("` |")?.0.to_owned()))
        .collect();
    assert!(found.len() > 40, "{found:?}");
    assert_eq!(listed, found, "docs/diagnostics.md lists what the sources have");
}
