//! `install` and `verify` from outside, on the made-up releases of the core's tests.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "the core's tests use all of it")]
#[path = "../../flux-upgrade-core/tests/flux/release.rs"]
mod release;

use std::fs;
use std::path::Path;

use flux_upgrade_cli::{Env, run};
use serde_json::Value;
use tempfile::TempDir;

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn run_in(folder: &Path, args: &[&str]) -> Ran {
    let env = Env { folder: folder.to_path_buf(), ..Env::default() };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = std::iter::once("flux-upgrade").chain(args.iter().copied()).map(Into::into);
    let code = run(args, &mut out, &mut err, &env);
    Ran { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

fn put(root: &Path, path: &str, bytes: impl AsRef<[u8]>) {
    let target = root.join(path);
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    fs::write(target, bytes).unwrap();
}

/// A folder with two releases in `releases`.
fn releases() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "releases/v2.8.1/manifests.tar.gz", release::archive(&release::files()));
    put(root.path(), "releases/v2.9.0/manifests.tar.gz", release::archive(&release::new_files()));
    put(root.path(), "releases/notes.txt", "");
    root
}

#[test]
fn install_prints_what_the_core_renders() {
    let root = releases();
    let base = ["install", "--export", "--version", "v2.8.1", "--flux-releases", "releases"];
    type Case<'c> = (&'c [&'c str], &'c [(&'c str, &'c str)]);
    let cases: [Case<'_>; 5] = [
        (&[], &[]),
        (
            &["--components=source-controller", "--components=helm-controller"],
            &[("components", "source-controller,helm-controller")],
        ),
        (
            &["--components-extra", "source-watcher", "-n", "gitops"],
            &[("components-extra", "source-watcher"), ("namespace", "gitops")],
        ),
        (&["--watch-all-namespaces", "--network-policy=false"], &[("network-policy", "false")]),
        (
            &[
                "--registry",
                "localhost:5000/f",
                "--image-pull-secret=s",
                "--log-level=debug",
                "--cluster-domain=x.y",
                "--toleration-keys=a,b",
            ],
            &[
                ("registry", "localhost:5000/f"),
                ("image-pull-secret", "s"),
                ("log-level", "debug"),
                ("cluster-domain", "x.y"),
                ("toleration-keys", "a,b"),
            ],
        ),
    ];
    for (args, flags) in cases {
        let ran = run_in(root.path(), &[&base[..], args].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
        assert!(ran.out == release::rendered(flags), "{args:?}");
    }
}

#[test]
fn install_says_what_is_wrong() {
    let root = releases();
    put(root.path(), "broken/v2.9.0/manifests.tar.gz", b"\x1f\x8b\x08\x00cut");
    for (args, expected) in [
        (&["--version=v2.9.0"][..], "pass --export"),
        (&["--export"], "--version <VERSION>"),
        (
            &["--export", "--version=v2.9.0", "--flux-releases=ftp://example.com"],
            "expected a folder, or a URL such as https://mirror.example.com",
        ),
        (
            &["--export", "--version=v2.9.0", "--flux-releases=nowhere"],
            "cannot read the releases in `nowhere`",
        ),
        (
            &["--export", "--version=v2.9.9", "--flux-releases=releases"],
            "it has 2 releases from v2.8.1 to v2.9.0",
        ),
        (
            &["--export", "--version=v2.9.0", "--flux-releases=."],
            "it has none; each is a folder such as v2.9.4",
        ),
        (
            &["--export", "--version=v2.9.0", "--flux-releases=broken"],
            "`broken/v2.9.0/manifests.tar.gz`: manifests of v2.9.0: the archive cannot be read",
        ),
        (
            &["--export", "--version=v2.9.0", "--flux-releases=releases", "--components=source"],
            "`source` is no component",
        ),
        (
            &["--export", "--version=v2.9.0", "--flux-releases=releases", "--namespace=A"],
            "--namespace A\n              ^ expected a DNS label",
        ),
    ] {
        let ran = run_in(root.path(), &[&["install"][..], args].concat());
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{args:?}");
        assert!(ran.err.contains(expected), "{args:?}: {}", ran.err);
    }
}

#[test]
fn verify_tells_what_stands_where() {
    let root = releases();
    let folder = |cluster: &str, file: &str| format!("repo/clusters/{cluster}/flux-system/{file}");
    let fine = release::rendered_new(&[("log-level", "debug")]);
    let edited = release::rendered(&[("components-extra", "source-watcher")])
        .replacen("replicas: 1", "replicas: 2", 1)
        .replacen("helm-controller:v1.4.0", "helm-controller:v1.5.0", 1);
    put(root.path(), &folder("live", "gotk-components.yaml"), &fine);
    put(
        root.path(),
        &folder("live", "kustomization.yaml"),
        "resources: [gotk-components.yaml]\nreplicas:\n- {name: source-controller, count: 2}\n",
    );
    put(root.path(), &folder("test", "gotk-components.yaml"), &edited);
    put(
        root.path(),
        &folder("test", "kustomization.yaml"),
        "resources: [gotk-components.yaml]\nimages:\n- {name: fluxcd/flux, newTag: v1}\n- {name: ghcr.io/fluxcd/helm-controller, newName: x}\n",
    );
    put(root.path(), &folder("old", "gotk-components.yaml"), fine.replace("v2.9.0", "v0.41.2"));
    let ran = run_in(root.path(), &["verify", "repo", "--flux-releases", "releases"]);
    assert_eq!(ran.err, "");
    assert_eq!(ran.out, include_str!("verify.txt"), "{}", ran.out);
    assert_eq!(ran.code, 1);

    let ran = run_in(root.path(), &["verify", "repo", "--flux-releases", "releases", "--format", "json"]);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    let states: Vec<&str> = json["installations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["manifest"]["kind"].as_str().unwrap())
        .collect();
    assert_eq!((ran.code, states), (1, vec!["consistent", "unproven", "edited"]));
    assert_eq!(
        json["installations"][2]["manifest"]["differences"][1]["cause"],
        serde_json::json!({"kind": "image-of-release", "releases": "v2.9.0"})
    );

    let live = run_in(root.path(), &["verify", "repo/clusters/live", "--flux-releases", "releases"]);
    assert_eq!((live.code, live.err.as_str()), (0, ""));
}

#[test]
fn verify_without_releases_is_unclear() {
    let root = releases();
    put(root.path(), "repo/gotk-components.yaml", release::rendered_new(&[]));
    fs::create_dir(root.path().join("none")).unwrap();
    let ran = run_in(root.path(), &["verify", "repo", "--flux-releases", "none"]);
    assert!(ran.code == 0 && ran.out.contains("unproven"), "{}{}", ran.out, ran.err);
    assert_eq!(run_in(root.path(), &["verify", "repo", "--flux-releases", "none", "--strict"]).code, 1);
    put(root.path(), "empty/a.yaml", "a: 1\n");
    let ran = run_in(root.path(), &["verify", "empty"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "0 installations\n"));
    put(
        root.path(),
        "broken/gotk-components.yaml",
        release::rendered(&[]).replace("kind: Deployment", "kind: [Deployment"),
    );
    let ran = run_in(root.path(), &["verify", "broken", "--flux-releases", "releases"]);
    assert!(
        ran.code == 1
            && ran.err.contains("gotk-components.yaml: line ")
            && ran.err.contains("[recover.syntax]"),
        "{}",
        ran.err
    );
}

#[test]
fn verify_tells_what_it_cannot_read() {
    let root = tempfile::tempdir().unwrap();
    let instance =
        "apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata: {name: flux}\nspec:\n";
    put(
        root.path(),
        "repo/flux.yaml",
        format!("{instance}%{{ if image_automation ~}}\n  distribution: {{version: v2.4.0}}\n"),
    );
    let ran = run_in(root.path(), &["verify", "repo"]);
    assert!(ran.code == 0 && ran.err.contains("flux.yaml:5:1: error: not YAML"), "{} {}", ran.code, ran.err);
    assert_eq!(run_in(root.path(), &["verify", "repo", "--strict"]).code, 1);
    assert!(!run_in(root.path(), &["verify", "repo", "--quiet"]).err.contains("not YAML"));
}

#[test]
fn verify_knows_flux_where_no_file_holds_its_manifests() {
    let root = tempfile::tempdir().unwrap();
    let instance = |version: &str, path: &str| {
        format!(
            "apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata:\n  name: flux\n  namespace: flux-system\n\
             spec:\n  distribution:\n    version: \"{version}\"\n  sync:\n    kind: GitRepository\n    \
             url: https://github.com/example/fleet\n    ref: refs/heads/main\n    path: {path}\n"
        )
    };
    put(root.path(), "clusters/one/flux.yaml", instance("2.6.x", "clusters/one"));
    put(root.path(), "clusters/two/flux.yaml", instance("2.9.1", "clusters/two"));
    put(root.path(), "clusters/three/flux.yaml", instance("2.x", "clusters/three"));
    put(root.path(), "main.tf", "resource \"flux_bootstrap_git\" \"this\" {\n  version = \"v2.9.0\"\n}\n");
    let ran = run_in(root.path(), &["verify", "."]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let words: Vec<String> =
        ran.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "clusters/one/flux.yaml:8 clusters/one 2.6.x no, 2.7 and newer are Flux Operator",
        "clusters/three/flux.yaml:8 clusters/three 2.x floats Flux Operator",
        "clusters/two/flux.yaml:8 clusters/two 2.9.1 yes Flux Operator",
        "main.tf:2 v2.9.0 yes Terraform",
        "clusters run different minors: 2.6 in clusters/one; 2.9 in clusters/two",
        "4 installations, 1 wrong",
    ] {
        assert!(words.iter().any(|word| word == line), "{line}\n{}", ran.out);
    }
    let json = run_in(root.path(), &["verify", ".", "--format", "json"]);
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["declared"][0]["support"]["kind"], "unsupported");
    assert_eq!(json["declared"][0]["minor"], "2.6");
    put(root.path(), "clusters/one/flux.yaml", instance("2.8.x", "clusters/one"));
    assert_eq!(run_in(root.path(), &["verify", "."]).code, 0);
}
