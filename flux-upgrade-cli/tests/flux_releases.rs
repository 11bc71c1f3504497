//! `--flux-releases`: a folder, or a server of files on this machine; and archives that are no release.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "the core's tests use all of it")]
#[path = "../../flux-upgrade-core/tests/flux/release.rs"]
mod release;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use flux_upgrade_cli::{Env, run};
use serde_json::Value;
use tempfile::TempDir;

const COMPONENTS: &str = "repo/clusters/a/flux-system/gotk-components.yaml";
const SNAPSHOT: &str = r#"{"schema": "flux-upgrade/registry-snapshot/v1",
  "flux": [{"version": "v2.8.1"}, {"version": "v2.9.0", "created": "2026-06-30T00:00:00Z"}]}"#;

/// A server of the two made-up releases; it lives as long as the test program.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/flux2/releases", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(&stream));
        }
    });
    base
}

fn serve(mut stream: &TcpStream) {
    let mut lines = BufReader::new(stream).split(b'\n');
    while let Some(Ok(first)) = lines.next() {
        let first = String::from_utf8(first).unwrap_or_default();
        lines.by_ref().flatten().find(|line| line == b"\r");
        let (status, body) = match first.split(' ').nth(1).unwrap_or_default() {
            "/flux2/releases/download/v2.8.1/manifests.tar.gz" => (200, release::archive(&release::files())),
            "/flux2/releases/download/v2.9.0/manifests.tar.gz" => {
                (200, release::archive(&release::new_files()))
            }
            "/flux2/releases/download/v2.9.1/manifests.tar.gz" => {
                let whole = release::archive(&release::new_files());
                (200, whole[..whole.len() / 2].to_vec())
            }
            "/flux2/releases/download/v2.9.2/manifests.tar.gz" => (200, b"<html>sign in</html>".to_vec()),
            _ => (404, Vec::new()),
        };
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).is_err() {
            return;
        }
    }
}

fn put(root: &Path, path: &str, bytes: impl AsRef<[u8]>) {
    let target = root.join(path);
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    fs::write(target, bytes).unwrap();
}

/// A repository on the older release, a snapshot that lacks archives, and a folder of both.
fn repository() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), COMPONENTS, release::rendered(&[("log-level", "debug")]));
    put(root.path(), "snapshot.json", SNAPSHOT);
    put(root.path(), "releases/v2.8.1/manifests.tar.gz", release::archive(&release::files()));
    put(root.path(), "releases/v2.9.0/manifests.tar.gz", release::archive(&release::new_files()));
    root
}

/// Exit code, output and errors of a run that has a home of its own and no way to the world.
fn run_in(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let nowhere = "http://127.0.0.1:1".to_owned();
    let variables =
        [("HOME".to_owned(), folder.join("home").display().to_string()), ("HTTPS_PROXY".to_owned(), nowhere)];
    let env = Env { folder: folder.to_path_buf(), variables: variables.into(), ..Env::default() };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = std::iter::once("flux-upgrade").chain(args.iter().copied()).map(Into::into);
    let code = run(args, &mut out, &mut err, &env);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn a_plan_takes_archives_from_a_folder_or_a_server() {
    let root = repository();
    let base = server();
    let plan = ["plan", "repo", "--offline", "snapshot.json", "--quiet", "--format", "json"];
    let without: Value = serde_json::from_str(&run_in(root.path(), &plan).1).unwrap();
    assert_eq!(without["held"][0]["reason"]["kind"], "unanswered");
    let mut found = Vec::new();
    for place in ["releases", &base, &format!("{base}/")] {
        let (code, out, err) = run_in(root.path(), &[&plan[..], &["--flux-releases", place]].concat());
        assert_eq!((code, err.as_str()), (0, ""), "{place}");
        found.push(out);
    }
    assert!(found.iter().all(|out| *out == found[0]));
    let json: Value = serde_json::from_str(&found[0]).unwrap();
    assert_eq!([&json["changes"][0]["from"], &json["changes"][0]["to"]], ["v2.8.1", "v2.9.0"]);
    // The snapshot's date counts, though the folder has none.
    assert_eq!(json["changes"][0]["published"], "2026-06-30T00:00:00Z");

    let apply = ["apply", "repo", "--offline", "snapshot.json", "--quiet", "--flux-releases", &base];
    let (code, _, err) = run_in(root.path(), &apply);
    assert_eq!((code, err.as_str()), (0, ""));
    let after = fs::read_to_string(root.path().join(COMPONENTS)).unwrap();
    assert!(after == release::rendered_new(&[("log-level", "debug")]));
}

#[test]
fn a_folder_says_by_itself_which_releases_there_are() {
    let root = repository();
    let args = ["snapshot", "repo", "-o", "taken.json", "--quiet", "--flux-releases", "releases"];
    let (code, out, err) = run_in(root.path(), &args);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
    // What is recorded is whole: the plan needs the folder no more.
    let plan = ["plan", "repo", "--offline", "taken.json", "--format", "json"];
    let json: Value = serde_json::from_str(&run_in(root.path(), &plan).1).unwrap();
    assert_eq!(json["changes"][0]["to"], "v2.9.0");
    let live = ["plan", "repo", "--flux-releases", "releases", "--format", "json"];
    assert_eq!(run_in(root.path(), &live).1, run_in(root.path(), &plan).1);
}

#[test]
fn install_and_verify_take_them_from_a_server() {
    let root = repository();
    let base = server();
    let install = |version: &str| {
        run_in(root.path(), &["install", "--export", "--version", version, "--flux-releases", &base])
    };
    assert_eq!(install("v2.9.0"), (0, release::rendered_new(&[]), String::new()));
    for (version, expected) in [
        ("v2.9.1", "the archive cannot be read"),
        ("v2.9.2", "an archive packed by gzip"),
        ("v2.9.3", "has no Flux v2.9.3: there is no `download/v2.9.3/manifests.tar.gz`"),
        ("../../x", "`v../../x` is no release of Flux"),
    ] {
        let (code, out, err) = install(version);
        assert!(code == 1 && out.is_empty() && err.contains(expected), "{version}: {err}");
    }
    let (code, out, err) = run_in(root.path(), &["verify", "repo", "--flux-releases", &base]);
    assert!(code == 0 && out.contains("as generated") && err.is_empty(), "{out}{err}");
}

#[test]
fn without_the_flag_flux_itself_is_asked() {
    let root = repository();
    let (code, out, err) = run_in(root.path(), &["install", "--export", "--version", "v2.9.0"]);
    assert!(code == 1 && out.is_empty(), "{out}");
    assert!(
        err.starts_with("error: `https://github.com/fluxcd/flux2/releases`: manifests of Flux v2.9.0: "),
        "{err}"
    );
    let (code, out, err) = run_in(root.path(), &["verify", "repo"]);
    assert!(code == 0 && out.contains("unproven") && err.contains("pass --flux-releases DIR"), "{out}{err}");
}

/// What is wrong with an archive, each time in both places that read one; the repository stays as it is.
#[test]
fn an_archive_that_is_no_release_changes_nothing() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let with = |more: &[(String, String)]| [&release::new_files()[..], more].concat();
    let without = |name: &str| -> Vec<(String, String)> {
        release::new_files().into_iter().filter(|(file, _)| file != name).collect()
    };
    let whole = release::archive(&release::new_files());
    for (case, archive, expected) in [
        ("cut", whole[..whole.len() - 20].to_vec(), "the archive cannot be read"),
        ("empty", Vec::new(), "the archive cannot be read"),
        ("text", b"not found".to_vec(), "the archive cannot be read"),
        ("unknown", release::archive(&with(&[file("notes.yaml", "a: 1\n")])), "notes.yaml"),
        ("outside", release::archive(&with(&[file("../rbac.yaml", "a: 1\n")])), "../rbac.yaml"),
        ("without roles", release::archive(&without("rbac.yaml")), "rbac.yaml"),
        ("without a component", release::archive(&without("helm-controller.yaml")), "helm-controller"),
    ] {
        let root = repository();
        put(root.path(), "releases/v2.9.0/manifests.tar.gz", archive);
        let before = fs::read_to_string(root.path().join(COMPONENTS)).unwrap();
        let apply = ["apply", "repo", "--offline", "snapshot.json", "--flux-releases", "releases"];
        let (code, out, err) = run_in(root.path(), &[&apply[..], &["--strict"]].concat());
        assert!(out.contains(expected) && code == 1, "{case}: {code} {out}{err}");
        run_in(root.path(), &apply);
        assert!(fs::read_to_string(root.path().join(COMPONENTS)).unwrap() == before, "{case}");
        let install = ["install", "--export", "--version", "v2.9.0", "--flux-releases", "releases"];
        let (code, out, err) = run_in(root.path(), &install);
        assert!(code == 1 && out.is_empty() && err.contains(expected), "{case}: {err}");
    }
}
