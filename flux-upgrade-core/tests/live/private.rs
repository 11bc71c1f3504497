//! Private servers, all of them real: docker-registry with passwords, a chart repository, git's own server, each planned with
//! a credential from every place of `docs/credentials.md`.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flux_upgrade_core::host::repository_secrets;
use flux_upgrade_core::{RepoPath, SourceFile, report, scan};

use super::faults::good;
use super::places::{env, file, helper, mapping, script};
use super::real::{Registry, backend, bare, has, judge, ls_remote, refs};
use super::server::{Reply, Seen, Server};
use super::{Setup, Source, outcomes, repository};

const REFUSED: &str = "credentials are missing or refused: log in to it, or correct the name";

/// Who may ask, each with the password `secret`: the users that token hosts expect of CI systems are among them.
const USERS: &[&str] = &["robot", "gitlab-ci-token", "x-access-token"];

/// Lets nobody in without a login.
pub(crate) fn guarded(
    inner: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
) -> impl Fn(&Seen) -> Reply + Send + Sync + 'static {
    let allowed: Vec<String> = USERS
        .iter()
        .map(|user| format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:secret"))))
        .chain(["Bearer secret".to_owned()])
        .collect();
    move |seen| match seen.header("authorization") {
        Some(given) if allowed.iter().any(|known| known == given) => inner(seen),
        _ => Reply::status(401).with("WWW-Authenticate", "Basic realm=\"private\""),
    }
}

/// A registry, a chart repository and a git server for members, and a server for everybody that sees what it is told.
pub(crate) struct Private {
    registry: Registry,
    charts: Server,
    git: Server,
    stranger: Server,
    place: PathBuf,
    _folder: tempfile::TempDir,
}

impl Private {
    /// `None`, and a line that says so, where a program is missing.
    fn start() -> Option<Self> {
        if !has("docker-registry") || !has("htpasswd") || !has("git") {
            return None;
        }
        let mut lines = String::new();
        for user in USERS {
            let made =
                std::process::Command::new("htpasswd").args(["-nbB", user, "secret"]).output().unwrap();
            lines.push_str(std::str::from_utf8(&made.stdout).unwrap().trim());
            lines.push('\n');
        }
        let registry = Registry::start(Some(&lines), None);
        push(
            &registry.host,
            None,
            &oci_client::secrets::RegistryAuth::Basic("robot".into(), "secret".into()),
        );
        let folder = tempfile::tempdir().unwrap();
        let place = bare(folder.path());
        Some(Self {
            registry,
            charts: Server::start(guarded(good)),
            git: Server::start(guarded(backend(folder.path().join("srv"), true))),
            stranger: Server::start(good),
            place,
            _folder: folder,
        })
    }

    /// One source of each kind, and the same at the stranger's, which has another name.
    fn text(&self) -> String {
        let stranger = format!("localhost:{}", self.stranger.address.port());
        let [charts, git] = [self.charts_url(), self.git_url()];
        let [other_charts, other_git] =
            [format!("http://{stranger}/charts"), format!("http://{stranger}/app.git")];
        repository(&[
            ("oci", Source::Oci(&format!("{}/team/app", self.registry.host))),
            ("helm", Source::Helm(&charts)),
            ("git", Source::Git(&git)),
            ("other-oci", Source::Oci(&format!("{stranger}/team/app"))),
            ("other-helm", Source::Helm(&other_charts)),
            ("other-git", Source::Git(&other_git)),
        ])
    }

    fn charts_url(&self) -> String {
        format!("http://{}/charts", self.charts.authority())
    }

    fn git_url(&self) -> String {
        format!("http://{}/app.git", self.git.authority())
    }
}

/// Two versions of `team/app`.
fn push(host: &str, ca: Option<&str>, auth: &oci_client::secrets::RegistryAuth) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = judge::client(ca);
    for tag in ["1.0.0", "1.1.0"] {
        let repository = format!("{host}/team/app");
        runtime.block_on(judge::push(&client, auth, &repository, tag, "2026-01-01T00:00:00Z"));
    }
}

/// Puts a login where people have it.
type Put = fn(&mut Setup, &Path, &Private);

fn docker(private: &Private) -> String {
    format!(r#"{{"auths": {{"{}": {{"auth": "cm9ib3Q6c2VjcmV0"}}}}}}"#, private.registry.host)
}

/// `credentials` with one row for each server, all of them plain HTTP on purpose.
fn mapped(setup: &mut Setup, private: &Private, from: &str) {
    let hosts = [private.registry.host.clone(), private.charts.authority(), private.git.authority()];
    let rows: String = hosts.iter().map(|host| format!("  http://{host}: {from}\n")).collect();
    mapping(setup, &format!("version: 1\ncredentials:\n{rows}"));
}

const NETRC: &str = "machine 127.0.0.1 login robot password secret\n";

/// The place, the kinds of sources that it is for, and what it takes.
const PLACES: &[(&str, &[&str], Put)] = &[
    ("the rules: variables", &["git", "helm", "oci"], |setup, _, private| {
        env(setup, "FLUX_UPGRADE_PASSWORD", "secret");
        mapped(setup, private, "{env: {password: FLUX_UPGRADE_PASSWORD}, username: robot}");
    }),
    ("the rules: a token", &["git", "helm"], |setup, _, private| {
        env(setup, "FLUX_UPGRADE_TOKEN", "secret");
        mapped(setup, private, "{env: {token: FLUX_UPGRADE_TOKEN}}");
    }),
    ("the rules: a helper", &["git", "helm", "oci"], |setup, home, private| {
        helper(setup, home, "127.0.0.1");
        mapped(setup, private, "{helper: test}");
    }),
    ("the rules: a netrc", &["git", "helm", "oci"], |setup, home, private| {
        file(home, "own-netrc", NETRC);
        mapped(setup, private, "{file: ~/own-netrc}");
    }),
    ("the rules: a docker configuration", &["oci"], |setup, home, private| {
        file(home, "own.json", &docker(private));
        let host = &private.registry.host;
        mapping(setup, &format!("version: 1\ncredentials:\n  http://{host}: {{file: ~/own.json}}\n"));
    }),
    ("$DOCKER_AUTH_CONFIG", &["oci"], |setup, _, private| env(setup, "DOCKER_AUTH_CONFIG", docker(private))),
    ("docker's file", &["oci"], |_, home, private| file(home, ".docker/config.json", &docker(private))),
    ("$DOCKER_CONFIG", &["oci"], |setup, home, private| {
        file(home, "elsewhere/config.json", &docker(private));
        env(setup, "DOCKER_CONFIG", home.join("elsewhere"));
    }),
    ("docker's file: a path on the host", &["oci"], |_, home, private| {
        let host = format!("{}/team", private.registry.host);
        let text = format!(r#"{{"auths": {{"{host}": {{"username": "robot", "password": "secret"}}}}}}"#);
        file(home, ".docker/config.json", &text);
    }),
    ("docker's file: a helper for the host", &["oci"], |setup, home, private| {
        helper(setup, home, &private.registry.host);
        let text = format!(r#"{{"credHelpers": {{"{}": "test"}}}}"#, private.registry.host);
        file(home, ".docker/config.json", &text);
    }),
    ("docker's file: the store for all hosts", &["oci"], |setup, home, private| {
        helper(setup, home, &private.registry.host);
        file(home, ".docker/config.json", r#"{"credsStore": "test"}"#);
    }),
    ("$REGISTRY_AUTH_FILE", &["oci"], |setup, home, private| {
        file(home, "auth.json", &docker(private));
        env(setup, "REGISTRY_AUTH_FILE", home.join("auth.json"));
    }),
    ("podman's file of the session", &["oci"], |setup, home, private| {
        file(home, "run/containers/auth.json", &docker(private));
        env(setup, "XDG_RUNTIME_DIR", home.join("run"));
    }),
    ("podman's file", &["oci"], |_, home, private| {
        file(home, ".config/containers/auth.json", &docker(private));
    }),
    ("Helm's file of registries", &["oci"], |_, home, private| {
        file(home, ".config/helm/registry/config.json", &docker(private));
    }),
    ("$HELM_REGISTRY_CONFIG", &["oci"], |setup, home, private| {
        file(home, "registries.json", &docker(private));
        env(setup, "HELM_REGISTRY_CONFIG", home.join("registries.json"));
    }),
    ("Helm's file of repositories", &["helm"], |_, home, private| {
        file(home, ".config/helm/repositories.yaml", &helms(private));
    }),
    ("$HELM_REPOSITORY_CONFIG", &["helm"], |setup, home, private| {
        file(home, "repositories.yaml", &helms(private));
        env(setup, "HELM_REPOSITORY_CONFIG", home.join("repositories.yaml"));
    }),
    ("a netrc", &["git", "helm"], |_, home, _| file(home, ".netrc", NETRC)),
    ("$NETRC", &["git", "helm"], |setup, home, _| {
        file(home, "own-netrc", NETRC);
        env(setup, "NETRC", home.join("own-netrc"));
    }),
    ("git's header", &["git"], |_, home, private| {
        let header = "extraHeader = Authorization: Basic cm9ib3Q6c2VjcmV0";
        let text = format!("[http \"http://{}/\"]\n\t{header}\n", private.git.authority());
        file(home, ".gitconfig", &text);
    }),
    ("git's store", &["git"], |_, home, private| {
        file(home, ".gitconfig", "[credential]\n\thelper = store\n");
        file(home, ".git-credentials", &format!("http://robot:secret@{}\n", private.git.authority()));
    }),
    ("a helper of git", &["git"], |_, home, private| {
        let answer = "printf 'username=robot\\npassword=secret\\n'";
        let text = format!(
            "#!/bin/sh\n[ \"$1\" = get ] && grep -q 'host={}' && {answer}\nexit 0\n",
            private.git.authority()
        );
        script(&home.join("git-helper"), &text);
        let text = format!("[credential]\n\thelper = {}\n", home.join("git-helper").display());
        file(home, ".gitconfig", &text);
    }),
    ("GitLab's registry", &["oci"], |setup, _, private| {
        env(setup, "CI_REGISTRY", &private.registry.host);
        env(setup, "CI_REGISTRY_USER", "robot");
        env(setup, "CI_REGISTRY_PASSWORD", "secret");
    }),
    ("a job of GitLab, git", &["git"], |setup, _, private| gitlab(setup, &private.git)),
    ("a job of GitLab, charts", &["helm"], |setup, _, private| gitlab(setup, &private.charts)),
    ("$GITHUB_TOKEN", &["git"], |setup, _, private| {
        env(setup, "GITHUB_TOKEN", "secret");
        env(setup, "GITHUB_SERVER_URL", format!("http://{}", private.git.authority()));
    }),
    ("$GH_TOKEN", &["git"], |setup, _, private| {
        env(setup, "GH_TOKEN", "secret");
        env(setup, "GITHUB_SERVER_URL", format!("http://{}", private.git.authority()));
    }),
];

fn helms(private: &Private) -> String {
    let url = private.charts_url();
    format!("repositories:\n- name: x\n  url: {url}\n  username: robot\n  password: secret\n")
}

fn gitlab(setup: &mut Setup, server: &Server) {
    env(setup, "CI_JOB_TOKEN", "secret");
    env(setup, "CI_SERVER_HOST", "127.0.0.1");
    env(setup, "CI_SERVER_PROTOCOL", "http");
    env(setup, "CI_SERVER_PORT", server.address.port().to_string());
}

/// A place opens what it is for, the rest stays closed, and nobody else is told anything.
#[track_caller]
fn check(private: &Private, name: &str, text: &str, opened: &[&str], setup: &Setup) {
    let before = private.stranger.seen().len();
    let (plan, recording) = setup.plan(text);
    let found = outcomes(&plan);
    for kind in ["git", "helm", "oci"] {
        let expected = if opened.contains(&kind) { "1.1.0" } else { REFUSED };
        assert_eq!(found[kind], expected, "{name}: {kind}: {:?}", setup.live().notes());
        assert_eq!(found[&format!("other-{kind}")], "1.1.0", "{name}: another {kind}");
    }
    let seen = private.stranger.seen();
    assert!(seen.len() >= before + 3, "{name}");
    for seen in &seen[before..] {
        assert_eq!(seen.header("authorization"), None, "{name}: {seen:?}");
        assert!(!format!("{seen:?}").contains("secret"), "{name}: {seen:?}");
    }
    let files = [source_file(text)];
    let set = flux_upgrade_core::patch(&files, &plan);
    let json = report::json(&files, &plan, &set, None);
    let sites = report::sites_json(&plan.sites, &[], None);
    let told =
        [json, report::markdown(&plan), report::sarif(&files, &plan, &set), sites, recording.to_json(None)]
            .concat();
    let told = format!("{told}{:?}", setup.live().notes());
    assert!(
        !told.contains("secret@") && !told.contains("\"secret\"") && !told.contains("cm9ib3Q6"),
        "{name}: {told}"
    );
}

fn source_file(text: &str) -> SourceFile {
    SourceFile { path: RepoPath::parse("apps.yaml").unwrap(), text: text.to_owned() }
}

#[test]
fn each_place_opens_what_it_is_for() {
    let Some(private) = Private::start() else { return };
    let text = private.text();
    let home = tempfile::tempdir().unwrap();
    check(&private, "no login", &text, &[], &Setup::at_home(home.path()));
    for (name, opened, put) in PLACES {
        let home = tempfile::tempdir().unwrap();
        let mut setup = Setup::at_home(home.path());
        put(&mut setup, home.path(), &private);
        check(&private, name, &text, opened, &setup);
    }
    // What git says of it with the same login.
    let url = private.git_url().replace("://", "://robot:secret@");
    assert_eq!(ls_remote(&url), ls_remote(private.place.to_str().unwrap()));
    let home = tempfile::tempdir().unwrap();
    file(home.path(), ".netrc", NETRC);
    assert_eq!(refs(&Setup::at_home(home.path()), &private.git_url()), ls_remote(&url));
}

/// Every place of the documentation's table is among those above, or has a test of its own below.
#[test]
fn no_place_of_the_documentation_is_left_out() {
    let text = include_str!("../../../docs/credentials.md");
    let rows = text.lines().filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit());
    let words: &[&[&str]] = &[
        &["the rules: variables", "the rules: a token", "the rules: a helper", "the rules: a netrc"],
        &["Secrets: `secrets_of_the_repository`"],
        &["addresses: `a_login_in_the_address`"],
        &["$DOCKER_AUTH_CONFIG"],
        &["docker's file", "$DOCKER_CONFIG"],
        &["$REGISTRY_AUTH_FILE"],
        &["podman's file of the session", "podman's file"],
        &["Helm's file of registries", "$HELM_REGISTRY_CONFIG"],
        &["Helm's file of repositories", "$HELM_REPOSITORY_CONFIG"],
        &["a netrc", "$NETRC"],
        &["git's header", "a helper of git"],
        &["GitLab's registry"],
        &["a job of GitLab, git", "a job of GitLab, charts"],
        &["$GITHUB_TOKEN", "$GH_TOKEN"],
    ];
    assert_eq!(rows.count(), words.len(), "a row for each place");
    for name in words.iter().copied().flatten().filter(|name| !name.contains(": `")) {
        assert!(PLACES.iter().any(|(known, ..)| known == name), "{name}");
    }
}

#[test]
fn secrets_of_the_repository() {
    let Some(private) = Private::start() else { return };
    let own = [private.charts_url(), private.git_url(), format!("oci://{}/team/app", private.registry.host)];
    let mut text = private.text();
    for (url, name) in own.iter().zip(["login", "login", "pull"]) {
        let line = format!("  url: {url}\n");
        assert!(text.contains(&line));
        text = text.replace(&line, &format!("{line}  secretRef: {{name: {name}}}\n"));
    }
    let secret = |name: &str, data: &str| {
        format!("---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: apps}}\n{data}\n")
    };
    let open = secret("login", "stringData: {username: robot}\ndata: {password: c2VjcmV0}")
        + &secret(
            "pull",
            &format!("data:\n  .dockerconfigjson: {}", BASE64_STANDARD.encode(docker(&private))),
        );
    let home = tempfile::tempdir().unwrap();
    let with = |text: &str, is_allowed: bool| {
        let mut setup = Setup::at_home(home.path());
        if is_allowed {
            setup.credentials.secrets = repository_secrets(&scan(&[source_file(text)]));
        }
        setup
    };
    let all = format!("{text}{open}");
    check(&private, "not allowed", &all, &[], &with(&all, false));
    check(&private, "allowed", &all, &["git", "helm", "oci"], &with(&all, true));
    let encrypted = open.replace("stringData:", "sops: {mac: x}\nstringData:");
    let all = format!("{text}{encrypted}");
    check(&private, "encrypted", &all, &["oci"], &with(&all, true));
}

/// A user and a password in an address are a login for it, and are shown to nobody.
#[test]
fn a_login_in_the_address() {
    let Some(private) = Private::start() else { return };
    let text = private.text();
    let named = text
        .replace(&private.charts_url(), &private.charts_url().replace("://", "://robot:secret@"))
        .replace(&private.git_url(), &private.git_url().replace("://", "://robot:secret@"));
    assert_ne!(named, text);
    let home = tempfile::tempdir().unwrap();
    check(&private, "in the address", &named, &["git", "helm"], &Setup::at_home(home.path()));
}
