//! One snapshot serves every command that asks: what each says with it is what it says with the sources themselves.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use flux_upgrade_cli::{Env, run};

const DIGEST: [&str; 3] = [
    "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
];
const TAGS: [&str; 3] = ["1.0.0", "1.1.0", "latest"];

const INDEX: &str = "apiVersion: v1
entries:
  web:
  - {version: 1.1.0, created: '2026-07-01T00:00:00Z', urls: [web-1.1.0.tgz], apiVersion: v2, name: web}
  - {version: 1.0.0, created: '2026-06-01T00:00:00Z', urls: [web-1.0.0.tgz], apiVersion: v2, name: web}
  other:
  - {version: 3.0.0, created: '2026-05-01T00:00:00Z', urls: [other-3.0.0.tgz], apiVersion: v2, name: other}
";

/// A registry whose repositories all have the same tags, and a chart index at `/charts`.
fn server() -> String {
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
    let mut reader = BufReader::new(stream);
    // TLS begins with a byte that no method does, and may never send a line end.
    let is_text = reader.fill_buf().is_ok_and(|bytes| bytes.first().is_some_and(u8::is_ascii_uppercase));
    let mut lines = reader.lines().map_while(Result::ok);
    let first = if is_text { lines.next().unwrap_or_default() } else { String::new() };
    while is_text && lines.next().is_some_and(|line| !line.is_empty()) {}
    let mut words = first.split(' ');
    let (Some(method @ ("GET" | "HEAD")), Some(path)) = (words.next(), words.next()) else {
        let _ = stream.write_all(b"HTTP/1.1 400 X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        return;
    };
    let tag = path.rsplit_once("/manifests/").map(|(_, tag)| tag);
    let known = tag.and_then(|tag| (0..3).find(|at| TAGS[*at] == tag || DIGEST[*at] == tag));
    let mut head = "HTTP/1.1 200 X".to_owned();
    let body = match known {
        Some(at) => {
            head += "\r\ncontent-type: application/vnd.oci.image.manifest.v1+json";
            head += &format!("\r\ndocker-content-digest: {}", DIGEST[at]);
            let created = format!("2026-0{}-01T00:00:00Z", at + 5);
            let config = r#"{"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": "sha256:00", "size": 2}"#;
            format!(
                r#"{{"schemaVersion": 2, "config": {config}, "layers": [], "annotations": {{"org.opencontainers.image.created": "{created}"}}}}"#
            )
        }
        None if path.contains("/tags/list") => format!(r#"{{"tags": {TAGS:?}}}"#),
        None if path.ends_with("/index.yaml") => INDEX.to_owned(),
        None => {
            head = "HTTP/1.1 404 X".to_owned();
            String::new()
        }
    };
    let reply = format!("{head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    let body = if method == "GET" { body } else { String::new() };
    let _ = stream.write_all((reply + &body).as_bytes());
}

fn repository(host: &str) -> String {
    let release = |name: &str, chart: &str, source: &str, version: &str| {
        format!(
            "---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: {name}\n  \
             namespace: apps\nspec:\n  interval: 10m\n  chart:\n    spec:\n      chart: {chart}\n{version}      \
             sourceRef:\n        kind: HelmRepository\n        name: {source}\n"
        )
    };
    let artifact = |name: &str, reference: &str| {
        format!(
            "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata:\n  name: {name}\n  \
             namespace: apps\nspec:\n  interval: 10m\n  url: oci://{host}/{name}\n  insecure: true\n  ref:\n    {reference}\n"
        )
    };
    let source = |name: &str, url: &str| {
        format!(
            "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata:\n  name: {name}\n  \
             namespace: apps\nspec:\n  interval: 1h\n{url}\n"
        )
    };
    [
        source("registry", &format!("  type: oci\n  insecure: true\n  url: oci://{host}/oci")),
        source("index", &format!("  url: http://{host}/charts")),
        release("ranged", "web", "registry", "      version: 1.x\n"),
        release("pinned", "api", "registry", "      version: 1.0.0\n"),
        release("indexed", "web", "index", "      version: 1.0.0\n"),
        release("open", "other", "index", ""),
        artifact("follows", "semver: 1.x"),
        artifact("stays", "tag: 1.1.0"),
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: tool\n  namespace: apps\nspec:\n  \
             template:\n    spec:\n      containers:\n      - name: tool\n        image: {host}/tool:latest\n"
        ),
        format!(
            "---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata:\n  name: elected\n  \
             namespace: apps\nspec:\n  image: {host}/elected\n  insecure: true\n  interval: 5m\n---\n\
             apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata:\n  name: elected\n  namespace: apps\n\
             spec:\n  imageRepositoryRef:\n    name: elected\n  policy:\n    semver:\n      range: 1.x\n"
        ),
    ]
    .concat()
}

fn run_in(env: &Env, args: &[&str]) -> (i32, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = std::iter::once("flux-upgrade").chain(args.iter().copied()).map(Into::into);
    let code = run(args, &mut out, &mut err, env);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn what_each_command_says_offline_is_what_the_sources_said() {
    let root = tempfile::tempdir().unwrap();
    let host = server();
    fs::create_dir(root.path().join("repo")).unwrap();
    fs::write(root.path().join("repo/apps.yaml"), repository(&host)).unwrap();
    let variables = [("HOME".to_owned(), root.path().join("home").display().to_string())].into();
    let env =
        Env { folder: root.path().to_path_buf(), now: Some(1_787_356_800), variables, ..Env::default() };
    let live = ["--allow-host", "127.0.0.1", "--no-cache", "--quiet"];
    let home = format!("oci://{host}/home/web");
    let taken = ["snapshot", "repo", "-o", "registry.json", "--home", &home];
    let taken = run_in(&env, &[&taken[..], &live].concat());
    assert_eq!(taken, (0, String::new(), String::new()));
    let commands: [(&[&str], &str); 7] = [
        (&["plan", "repo", "--format", "json"], r#""changes": 2"#),
        (&["ranges", "repo", "--format", "json"], r#""resolved": "3.0.0""#),
        (&["lock", "repo", "--check", "--format", "json"], DIGEST[2]),
        (&["convert", "repo", "--site", "all", "--to", "pin", "--format", "diff"], DIGEST[2]),
        (&["convert", "repo", "--site", "all", "--to", "range", "--format", "diff"], "semver: 1.x"),
        (&["convert", "repo", "--site", "all", "--to", "oci", "--format", "diff"], "/oci/api"),
        (
            &["convert", "repo", "--site", "HelmRelease/indexed", "--to", "oci", "--home", &home],
            "1.0.0 before and after",
        ),
    ];
    for (command, word) in commands {
        let told = run_in(&env, &[command, &live].concat());
        assert_eq!(told.2, "", "{command:?}");
        assert!(told.1.contains(word), "{command:?}: {}", told.1);
        assert!(!told.1.contains("unanswered\""), "{command:?}: {}", told.1);
        let recorded = run_in(&env, &[command, &["--offline", "registry.json", "--quiet"]].concat());
        assert_eq!(recorded, told, "{command:?}");
    }
    // What no plan asked is beside the list that a plan sees.
    let snapshot = fs::read_to_string(root.path().join("registry.json")).unwrap();
    assert!(snapshot.contains("\"beside\": {"), "{snapshot}");
    assert!(!snapshot.contains("ailure\""), "{snapshot}");
}
