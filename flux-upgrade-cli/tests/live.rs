//! The command against a registry on this machine.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use flux_upgrade_cli::{Env, run};
use tempfile::TempDir;

/// A registry that has tags of `app`, and nothing else; it lives as long as the test program.
fn registry() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(&stream));
        }
    });
    host
}

fn serve(mut stream: &TcpStream) {
    let mut lines = BufReader::new(stream).split(b'\n');
    while let Some(Ok(first)) = lines.next() {
        let Ok(first) = String::from_utf8(first) else { break };
        if !first.starts_with("GET ") {
            break;
        }
        for line in lines.by_ref().flatten() {
            if line == b"\r" {
                break;
            }
        }
        let found = first.contains("/v2/app/tags/list");
        let (status, body) = if found { (200, r#"{"tags": ["1.0.0", "1.1.0"]}"#) } else { (404, "{}") };
        let reply = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
    let _ = stream.write_all(b"HTTP/1.1 400 X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
}

fn env(root: &Path) -> Env {
    let home = root.join("home").display().to_string();
    let variables = [("HOME".to_owned(), home)].into();
    Env { folder: root.to_path_buf(), now: Some(1_787_356_800), variables, ..Env::default() }
}

fn run_in(env: &Env, args: &[&str]) -> (i32, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = std::iter::once("flux-upgrade").chain(args.iter().copied()).map(Into::into);
    let code = run(args, &mut out, &mut err, env);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// A repository with a source that answers and one that does not exist.
fn repository(host: &str) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("repo")).unwrap();
    let object = |name: &str| {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: {name}}}\nspec:\n  \
             url: oci://{host}/{name}\n  ref: {{tag: 1.0.0}}\n"
        )
    };
    fs::write(root.path().join("repo/apps.yaml"), format!("{}---\n{}", object("app"), object("none")))
        .unwrap();
    root
}

#[test]
fn a_snapshot_gives_the_plan_that_the_sources_gave() {
    let root = repository(&registry());
    let env = env(root.path());
    let allow = ["--allow-host", "127.0.0.1"];
    for format in ["json", "diff", "markdown", "table"] {
        let live = run_in(&env, &[&["plan", "repo", "--format", format][..], &allow].concat());
        assert_eq!((live.0, live.2.as_str()), (0, ""), "{format}");
        assert!(live.1.contains("1.1.0"), "{format}: {}", live.1);
        let taken = run_in(&env, &[&["snapshot", "repo", "-o", "registry.json"][..], &allow].concat());
        let said = "2 sources recorded in registry.json, 3 answers are failures\n";
        assert_eq!(taken, (0, said.to_owned(), String::new()));
        let replayed = run_in(&env, &["plan", "repo", "--format", format, "--offline", "registry.json"]);
        assert_eq!(replayed, live, "{format}");
    }
    let names: Vec<_> = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().ends_with(".new")), "{names:?}");
    let strict = [&["plan", "repo", "--strict", "--quiet"][..], &allow].concat();
    assert_eq!(run_in(&env, &strict).0, 1);
    let applied = run_in(&env, &[&["apply", "repo"][..], &allow].concat());
    assert_eq!(applied.0, 0, "{applied:?}");
    assert!(fs::read_to_string(root.path().join("repo/apps.yaml")).unwrap().contains("tag: 1.1.0"));
}

#[test]
fn this_machine_is_asked_only_where_that_is_allowed() {
    let root = repository(&registry());
    let env = env(root.path());
    let (code, out, _) = run_in(&env, &["plan", "repo", "--no-cache"]);
    assert_eq!(code, 0);
    assert!(out.contains("127.0.0.1 is a loopback address"), "{out}");
    assert!(out.contains("--allow-host 127.0.0.1"), "{out}");
    assert!(!root.path().join("home").exists(), "nothing is kept");
    let (code, _, err) = run_in(&env, &["plan", "repo", "--allow-host", "10.0.0.0/80"]);
    assert_eq!(code, 1);
    assert!(err.starts_with("error: invalid value for --allow-host\n  --allow-host 10.0.0.0/80\n"), "{err}");
    let (code, _, err) = run_in(&env, &["plan", "repo", "--ca-file", "none.pem"]);
    assert!(code == 1 && err.starts_with("error: cannot read `none.pem`"), "{err}");
}

#[test]
fn who_stops_it_leaves_nothing_half_written() {
    let root = repository(&registry());
    let env = env(root.path());
    env.cancel.set();
    let before = fs::read(root.path().join("repo/apps.yaml")).unwrap();
    for command in [&["plan", "repo"][..], &["apply", "repo"], &["snapshot", "repo", "-o", "registry.json"]] {
        let (code, out, err) = run_in(&env, &[command, &["--allow-host", "127.0.0.1"]].concat());
        assert_eq!((code, out.as_str(), err.as_str()), (130, "", "error: interrupted\n"), "{command:?}");
    }
    assert_eq!(fs::read(root.path().join("repo/apps.yaml")).unwrap(), before);
    assert!(!root.path().join("registry.json").exists());
}

#[test]
fn offline_without_a_snapshot_is_what_was_kept() {
    let folder = repository(&registry());
    let env = env(folder.path());
    let plan = |flags: &[&str]| run_in(&env, &[&["plan", "."], flags].concat());
    let (code, table, _) = plan(&["--offline"]);
    assert!(code == 0 && table.contains("no answer is recorded") && !table.contains("1.1.0"), "{table}");
    let (_, online, _) = plan(&["--allow-host", "127.0.0.1"]);
    assert!(online.contains("1.1.0") && online.contains("not found"), "{online}");
    // What was not found is not kept, and nobody is asked about it.
    let (code, table, _) = plan(&["--offline"]);
    assert!(code == 0 && table.contains("1.1.0") && table.contains("no answer is recorded"), "{table}");
    let (code, _, err) = plan(&["--offline", "--no-cache"]);
    assert!(code == 1 && err.contains("name a snapshot, or drop one of them"), "{err}");
}
