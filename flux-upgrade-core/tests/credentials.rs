//! Every place that has credentials, with files and helper programs of our own.
#![allow(clippy::unwrap_used, clippy::print_stderr)]
#![cfg(all(feature = "native", unix))]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use flux_upgrade_core::RepoPath;
use flux_upgrade_core::host::{
    Credential, CredentialError, CredentialOptions, Credentials, Login, MappingFrom, Protocol,
    RepositorySecret,
};
use flux_upgrade_core::rules::Rules;
use proptest::prelude::*;

/// A machine: a home folder, a folder of programs, an environment.
struct Machine {
    home: tempfile::TempDir,
    options: CredentialOptions,
}

impl Machine {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("bin")).unwrap();
        let mut options =
            CredentialOptions { home: Some(home.path().to_path_buf()), ..CredentialOptions::default() };
        let path = format!("{}:/usr/bin:/bin", home.path().join("bin").display());
        options.env.insert("PATH".into(), path.into());
        options.env.insert("HOME".into(), home.path().into());
        options.env.insert("GIT_CONFIG_NOSYSTEM".into(), "1".into());
        options.helper_timeout = Duration::from_secs(20);
        Self { home, options }
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        let value = value.replace("$HOME", self.home.path().to_str().unwrap());
        self.options.env.insert(name.into(), value.into());
        self
    }

    fn file(self, path: &str, text: &str) -> Self {
        let place = self.home.path().join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, text.replace("$HOME", self.home.path().to_str().unwrap())).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o600)).unwrap();
        self
    }

    /// A program on the path; it can count its runs in `$HOME/runs`.
    fn program(self, name: &str, script: &str) -> Self {
        let text = format!("#!/bin/sh\necho \"{name} $*\" >> \"$HOME/runs\"\n{script}\n");
        // `$HOME` stays for the shell.
        let place = self.home.path().join("bin").join(name);
        fs::write(&place, text).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o700)).unwrap();
        self
    }

    /// A docker helper that knows some servers.
    fn helper(self, name: &str, known: &[(&str, &str, &str)]) -> Self {
        let mut script = String::from("read server\ncase \"$server\" in\n");
        for (server, user, secret) in known {
            script.push_str(&format!(
                "{server}) printf '{{\"ServerURL\":\"%s\",\"Username\":\"{user}\",\"Secret\":\"{secret}\"}}' \"$server\";;\n"
            ));
        }
        script.push_str("*) echo 'credentials not found in native keychain'; exit 1;;\nesac");
        self.program(&format!("docker-credential-{name}"), &script)
    }

    fn mapping(mut self, text: &str) -> Self {
        let path = RepoPath::parse(".flux-upgrade.yaml").unwrap();
        let rules = Rules::parse(&path, &format!("version: 1\ncredentials:\n{text}")).unwrap();
        self.options.mapping = rules.credentials().to_vec();
        self
    }

    fn credentials(&self) -> Credentials {
        Credentials::discover(&self.options)
    }

    fn find(&self, protocol: Protocol, url: &str) -> Result<Option<Credential>, CredentialError> {
        self.credentials().find(protocol, url)
    }

    fn runs(&self) -> Vec<String> {
        let text = fs::read_to_string(self.home.path().join("runs")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// What a test compares: the login in one line, or why there is none.
fn told(found: Result<Option<Credential>, CredentialError>) -> String {
    match found {
        Ok(None) => "none".to_owned(),
        Err(error) => format!("{}: {error}", error.code()),
        Ok(Some(found)) => match &found.login {
            None => "certificates".to_owned(),
            Some(Login::Basic { username, password }) => format!("{username}:{}", password.expose()),
            Some(Login::Bearer(token)) => format!("bearer {}", token.expose()),
            Some(Login::Identity(token)) => format!("identity {}", token.expose()),
            Some(Login::Header { name, value }) => format!("{name}: {}", value.expose()),
            Some(Login::SshKey { key, .. }) => format!("key {}", key.expose().trim_end()),
            Some(other) => format!("{other:?}"),
        },
    }
}

#[track_caller]
fn all(machine: &Machine, protocol: Protocol, rows: &[(&str, &str)]) {
    let credentials = machine.credentials();
    for (url, expected) in rows {
        assert_eq!(told(credentials.find(protocol, url)), *expected, "{protocol:?} {url}");
    }
}

// "a:1" in base64 is YTox, "b:2" Yjoy, "c:3" Yzoz, "d:4" ZDo0
const DOCKER: &str = r#"{
  "auths": {
    "ghcr.io": {"auth": "YTox"},
    "ghcr.io/team": {"auth": "Yjoy"},
    "ghcr.io/team/app": {"username": "c", "password": "3"},
    "https://index.docker.io/v1/": {"auth": "ZDo0"},
    "https://old.example.com/v2/": {"auth": "YTox"},
    "registry.example.com:5000": {"auth": "YTox"},
    "127.0.0.1:5000": {"auth": "YTox"},
    "[::1]:5000": {"auth": "YTox"},
    "identity.example.com": {"auth": "YTox", "identitytoken": "refresh"},
    "token.example.com": {"registrytoken": "ready"},
    "marked.example.com": {"auth": "PHRva2VuPjpyZWZyZXNo"},
    "unpadded.example.com": {"auth": "YWE6MQ"},
    "padded.example.com": {"auth": "YToxAAA="},
    "colon.example.com": {"auth": "YToxOjI="},
    "empty.example.com": {},
    "odd.example.com": {"auth": "c2VjcmV0"},
    "line.example.com": {"username": "a\r\nX-Evil: 1", "password": "3"}
  },
  "HttpHeaders": {"User-Agent": "x"}
}"#;

#[test]
fn a_docker_configuration_by_host_and_path() {
    let machine = Machine::new().file(".docker/config.json", DOCKER);
    all(
        &machine,
        Protocol::Oci,
        &[
            ("oci://ghcr.io/other/app", "a:1"),
            ("ghcr.io/teams/app", "a:1"),
            ("oci://GHCR.io/team/web", "b:2"),
            ("oci://ghcr.io/team/app", "c:3"),
            ("oci://ghcr.io/team/app/part", "c:3"),
            ("oci://ghcr.io/team/apps", "b:2"),
            ("https://ghcr.io/v2/team/app/tags/list?n=1000", "c:3"),
            ("nginx", "d:4"),
            ("oci://docker.io/library/nginx", "d:4"),
            ("oci://registry-1.docker.io/bitnamicharts/redis", "d:4"),
            ("https://index.docker.io/v2/library/nginx/tags/list", "d:4"),
            ("oci://old.example.com/app", "a:1"),
            ("oci://registry.example.com:5000/app", "a:1"),
            ("oci://registry.example.com/app", "none"),
            ("oci://registry.example.com:5001/app", "none"),
            ("oci://evil-ghcr.io/team/app", "none"),
            ("oci://ghcr.io.evil.com/team/app", "none"),
            ("oci://identity.example.com/app", "identity refresh"),
            ("oci://token.example.com/app", "bearer ready"),
            ("oci://marked.example.com/app", "identity refresh"),
            ("oci://unpadded.example.com/app", "aa:1"),
            ("oci://padded.example.com/app", "a:1"),
            ("oci://colon.example.com/app", "a:1:2"),
            ("oci://empty.example.com/app", "none"),
            (
                "oci://odd.example.com/app",
                "host.credential-malformed: ~/.docker/config.json has an entry for odd.example.com whose `auth` is not base64 of `user:password`",
            ),
            (
                "oci://line.example.com/app",
                "host.credential-malformed: ~/.docker/config.json has a character that no header may have",
            ),
            // Over plain HTTP to this machine only.
            ("http://127.0.0.1:5000/app", "a:1"),
            ("http://[::1]:5000/app", "a:1"),
            (
                "http://registry.example.com:5000/app",
                "host.credential-plain-http: the credential of ~/.docker/config.json is not sent to registry.example.com:5000 over plain HTTP",
            ),
        ],
    );
    all(&machine, Protocol::Helm, &[("https://ghcr.io/team/app", "none")]);
}

#[test]
fn the_files_of_registries_in_their_order() {
    let auth = |pair: &str| format!(r#"{{"auths": {{"r.example.com": {{"auth": "{pair}"}}}}}}"#);
    let url = "oci://r.example.com/app";
    let mut machine = Machine::new()
        .set("XDG_RUNTIME_DIR", "$HOME/run")
        .set("HELM_REGISTRY_CONFIG", "$HOME/helm.json")
        .file("helm.json", &auth("YTox"));
    assert_eq!(told(machine.find(Protocol::Oci, url)), "a:1");
    machine = machine.file(".config/containers/auth.json", &auth("Yjoy"));
    assert_eq!(told(machine.find(Protocol::Oci, url)), "b:2");
    machine = machine.file("run/containers/auth.json", &auth("Yzoz"));
    assert_eq!(told(machine.find(Protocol::Oci, url)), "c:3");
    machine = machine.set("REGISTRY_AUTH_FILE", "$HOME/named.json").file("named.json", &auth("ZDo0"));
    assert_eq!(told(machine.find(Protocol::Oci, url)), "d:4");
    machine = machine.file(".docker/config.json", &auth("YTox"));
    assert_eq!(told(machine.find(Protocol::Oci, url)), "a:1");
    machine = machine.set("DOCKER_CONFIG", "$HOME/elsewhere").file("elsewhere/config.json", &auth("Yjoy"));
    assert_eq!(told(machine.find(Protocol::Oci, url)), "b:2");
    machine = machine.set("DOCKER_AUTH_CONFIG", &auth("Yzoz"));
    assert_eq!(told(machine.find(Protocol::Oci, url)), "c:3");
    // One that has nothing leaves the others their say.
    machine = machine.set("DOCKER_AUTH_CONFIG", "{}").file("elsewhere/config.json", "");
    assert_eq!(told(machine.find(Protocol::Oci, url)), "d:4");
}

#[test]
fn helms_folder_follows_its_variables() {
    let auth = r#"{"auths": {"r.example.com": {"auth": "YTox"}}}"#;
    let helm = "repositories: [{url: https://charts.example.com, username: a, password: '1'}]\n";
    for (variable, value, folder) in [
        ("UNUSED", "", ".config/helm"),
        ("XDG_CONFIG_HOME", "$HOME/xdg", "xdg/helm"),
        ("HELM_CONFIG_HOME", "$HOME/own", "own"),
    ] {
        if cfg!(target_os = "macos") && variable == "UNUSED" {
            continue;
        }
        let machine = Machine::new()
            .set(variable, value)
            .file(&format!("{folder}/registry/config.json"), auth)
            .file(&format!("{folder}/repositories.yaml"), helm);
        assert_eq!(told(machine.find(Protocol::Oci, "oci://r.example.com/app")), "a:1", "{variable}");
        assert_eq!(told(machine.find(Protocol::Helm, "https://charts.example.com/")), "a:1", "{variable}");
    }
}

#[test]
fn helpers_of_docker() {
    let machine = Machine::new()
        .file(
            ".docker/config.json",
            r#"{"credHelpers": {"gcr.io": "gcloud", "gcr.io/special": "special", "r.example.com": "gone",
                                "docker.io": "hub"},
                "credsStore": "desktop",
                "auths": {"kept.example.com": {}, "inline.example.com": {"auth": "YTox"}}}"#,
        )
        .helper("gcloud", &[("gcr.io", "_token", "g")])
        .helper("special", &[("gcr.io/special", "_token", "s")])
        .helper("hub", &[("https://index.docker.io/v1/", "h", "1")])
        .helper(
            "desktop",
            &[("kept.example.com", "k", "2"), ("token.example.com:8443", "<token>", "refresh")],
        );
    all(
        &machine,
        Protocol::Oci,
        &[
            ("oci://gcr.io/project/app", "_token:g"),
            ("oci://gcr.io/special/app", "_token:s"),
            ("nginx", "h:1"),
            ("oci://kept.example.com/app", "k:2"),
            ("oci://token.example.com:8443/app", "identity refresh"),
            ("oci://inline.example.com/app", "a:1"),
            ("oci://unknown.example.com/app", "none"),
            (
                "oci://r.example.com/app",
                "host.credential-helper: ~/.docker/config.json names `docker-credential-gone`, which is not installed",
            ),
        ],
    );
    let found = machine.find(Protocol::Oci, "oci://gcr.io/a").unwrap().unwrap();
    assert_eq!(found.origin, "docker-credential-gcloud");
    // A password from a store is for https, as the store was not told of anything else.
    assert!(
        told(machine.find(Protocol::Oci, "http://kept.example.com/app"))
            .starts_with("host.credential-plain-http")
    );
}

#[test]
fn a_helper_is_asked_once_for_a_host() {
    let machine = Machine::new()
        .file(".docker/config.json", r#"{"credsStore": "s"}"#)
        .helper("s", &[("r.example.com", "a", "1")]);
    let credentials = machine.credentials();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let credentials = &credentials;
            scope.spawn(move || {
                let url = format!("oci://r.example.com/app{number}");
                assert_eq!(told(credentials.find(Protocol::Oci, &url)), "a:1");
                assert_eq!(told(credentials.find(Protocol::Oci, "oci://other.example.com/app")), "none");
            });
        }
    });
    assert_eq!(machine.runs().len(), 2, "{:?}", machine.runs());
}

#[test]
fn a_helper_that_hangs_is_ended_with_all_that_it_started_and_not_asked_again() {
    let mut machine = Machine::new()
        .file(".docker/config.json", r#"{"credsStore": "s"}"#)
        .program("docker-credential-s", "sleep 600 & echo $! > \"$HOME/child\"; sleep 600");
    machine.options.helper_timeout = Duration::from_millis(700);
    let credentials = machine.credentials();
    let expected = "host.credential-helper: `docker-credential-s` gave no answer within 0.7 s";
    for number in 0..5 {
        let url = format!("oci://r{number}.example.com/app");
        assert_eq!(told(credentials.find(Protocol::Oci, &url)), expected);
    }
    assert_eq!(machine.runs().len(), 1);
    let child = fs::read_to_string(machine.home.path().join("child")).unwrap();
    let gone = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        let state = fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
        state.is_empty() || state.contains(") Z ")
    });
    assert!(gone || !Path::new("/proc/self").exists(), "the helper's own child still runs");
}

#[test]
fn what_helpers_print_is_bounded_and_told_to_nobody() {
    for (script, expected) in [
        (
            "head -c 104857600 /dev/zero",
            "host.credential-malformed: `docker-credential-s` printed what is no credential",
        ),
        ("yes hunter2", "host.credential-malformed: `docker-credential-s` printed what is no credential"),
        (
            r"printf '\377\376'",
            "host.credential-malformed: `docker-credential-s` printed what is no credential",
        ),
        ("echo hunter2", "host.credential-malformed: `docker-credential-s` printed what is no JSON"),
        (
            "echo '{\"Secret\": \"hunter2\"}'",
            "host.credential-malformed: `docker-credential-s` printed JSON without `Username` and `Secret`",
        ),
        (
            "echo hunter2; echo hunter2 >&2; exit 3",
            "host.credential-helper: `docker-credential-s` failed for r.example.com (exit status: 3)",
        ),
        (
            "kill -9 $$",
            "host.credential-helper: `docker-credential-s` failed for r.example.com (signal: 9 (SIGKILL))",
        ),
        ("echo '{\"Username\": \"\", \"Secret\": \"\"}'", "none"),
        ("exec <&-; echo '{\"Username\": \"a\", \"Secret\": \"1\"}'", "a:1"),
    ] {
        let machine = Machine::new()
            .file(".docker/config.json", r#"{"credsStore": "s"}"#)
            .program("docker-credential-s", script);
        assert_eq!(told(machine.find(Protocol::Oci, "oci://r.example.com/app")), expected, "{script}");
    }
}

#[test]
fn helpers_are_programs_by_name_from_absolute_folders() {
    let config = |name: &str| format!(r#"{{"credsStore": {name:?}}}"#);
    for name in ["../../bin/sh", "a b", "a;b", "/bin/sh"] {
        let machine = Machine::new().file(".docker/config.json", &config(name));
        assert_eq!(
            told(machine.find(Protocol::Oci, "oci://r.example.com/app")),
            "host.credential-malformed: ~/.docker/config.json names a helper that is no name",
        );
    }
    let machine = Machine::new()
        .file(".docker/config.json", &config("s"))
        .helper("s", &[("r.example.com", "a", "1")])
        .set("PATH", ".:bin::");
    assert!(told(machine.find(Protocol::Oci, "oci://r.example.com/app")).contains("is not installed"));
    // The same folder, named from where the program was started: a repository could bring one.
    let up = "../".repeat(std::env::current_dir().unwrap().components().count());
    let relative = format!("{up}{}", &machine.home.path().join("bin").to_str().unwrap()[1..]);
    assert!(Path::new(&relative).join("docker-credential-s").is_file());
    let machine = machine.set("PATH", &relative);
    assert!(told(machine.find(Protocol::Oci, "oci://r.example.com/app")).contains("is not installed"));
}

#[test]
fn files_that_are_of_no_use_are_told_only_where_they_matter() {
    for (text, problem) in [
        ("not json, hunter2", ":1 is not JSON"),
        ("{\n \"auths\": {\n hunter2", ":3 is not JSON"),
        ("[\"hunter2\"]", " is no JSON object"),
        ("{\"auths\": \"hunter2\"}", " has `auths`, which is no object"),
        ("{\"auths\": [\"hunter2\"]}", " has `auths`, which is no object"),
    ] {
        let machine = Machine::new()
            .file(".docker/config.json", text)
            .file(".config/containers/auth.json", r#"{"auths": {"podman.example.com": {"auth": "YTox"}}}"#);
        let expected = format!("host.credential-malformed: ~/.docker/config.json{problem}");
        all(
            &machine,
            Protocol::Oci,
            &[("oci://podman.example.com/app", "a:1"), ("oci://r.example.com/app", &expected)],
        );
        all(&machine, Protocol::Helm, &[("https://charts.example.com", "none")]);
    }
    let nested = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let machine = Machine::new().file(".docker/config.json", &nested);
    assert!(told(machine.find(Protocol::Oci, "oci://r.example.com/a")).contains("is not JSON"));
    let machine = Machine::new().file(".docker/config.json", &" ".repeat(2 << 20));
    assert!(told(machine.find(Protocol::Oci, "oci://r.example.com/a")).contains("larger than 1048576 bytes"));
    let machine = Machine::new().file(".docker/config.json/x", "");
    assert!(told(machine.find(Protocol::Oci, "oci://r.example.com/a")).contains("it is a folder"));
    let machine = Machine::new().set("REGISTRY_AUTH_FILE", "/dev/null");
    assert_eq!(told(machine.find(Protocol::Oci, "oci://r.example.com/a")), "none");
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_not_waited_for() {
    let machine = Machine::new();
    let pipe = machine.home.path().join(".netrc");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no `mkfifo` on this machine");
        return;
    }
    assert_eq!(told(machine.find(Protocol::Git, "https://git.example.com/a")), "none");
}

#[test]
fn helms_repositories_by_address() {
    let machine = Machine::new()
        .file("ca.pem", "-----BEGIN CERTIFICATE-----\nca\n")
        .file("cert.pem", "-----BEGIN CERTIFICATE-----\ncert\n")
        .file("key.pem", "-----BEGIN PRIVATE KEY-----\nhunter2\n")
        .file(
            ".config/helm/repositories.yaml",
            "apiVersion: ''\ngenerated: \"0001-01-01T00:00:00Z\"\nrepositories:\n\
             - {name: a, url: https://charts.example.com/stable/, username: a, password: '1'}\n\
             - {name: b, url: https://charts.example.com, username: b, password: \"2\"}\n\
             - {name: c, url: http://charts.house:8080, username: c, password: '3', pass_credentials_all: true}\n\
             - name: d\n  url: https://mtls.example.com\n  username: ''\n  password: ''\n  caFile: $HOME/ca.pem\n  certFile: $HOME/cert.pem\n  keyFile: $HOME/key.pem\n  insecure_skip_tls_verify: true\n\
             - {name: e, url: https://public.example.com, username: '', password: ''}\n\
             - {name: f, url: https://relative.example.com, caFile: ca.pem}\n\
             - {name: g, url: https://gone.example.com, caFile: $HOME/gone.pem}\n",
        );
    all(
        &machine,
        Protocol::Helm,
        &[
            ("https://charts.example.com/stable", "a:1"),
            ("https://charts.example.com/stable/index.yaml", "a:1"),
            ("https://charts.example.com/stabler", "b:2"),
            ("https://charts.example.com/", "b:2"),
            ("http://charts.example.com/stable", "none"),
            ("http://charts.house:8080/x", "c:3"),
            ("https://charts.house:8080/x", "none"),
            ("https://mtls.example.com", "certificates"),
            ("https://public.example.com", "none"),
            (
                "https://relative.example.com",
                "host.credential-unreadable: `ca.pem`, which ~/.config/helm/repositories.yaml names, cannot be read: its path is not absolute",
            ),
        ],
    );
    assert!(
        told(machine.find(Protocol::Helm, "https://gone.example.com")).ends_with("there is no such file")
    );
    let tls = machine.find(Protocol::Helm, "https://mtls.example.com").unwrap().unwrap().tls;
    assert!(tls.ca.unwrap().contains("\nca\n") && tls.certificate.unwrap().contains("\ncert\n"));
    assert!(tls.key.unwrap().expose().contains("hunter2"));
    let anywhere = machine.find(Protocol::Helm, "http://charts.house:8080").unwrap().unwrap();
    assert!(
        anywhere.covers("https://files.example.com/x.tgz")
            && anywhere.covers("http://files.example.com/x.tgz")
    );
    let machine = Machine::new().file(".config/helm/repositories.yaml", "a: b\nrepositories: [{\n");
    assert!(told(machine.find(Protocol::Helm, "https://charts.example.com")).contains("repositories.yaml:"));
}

#[test]
fn a_netrc_with_quotes_macros_and_comments() {
    let machine = Machine::new().file(
        ".netrc",
        "# machine commented.example.com login no password no\n\
         machine git.example.com login a password 1\n\
         machine many.example.com\n\tlogin   b\n\tpassword 2 # behind\n\
         macdef init\nmachine macro.example.com login no password no\n\n\
         machine quoted.example.com login \"a b\" password \"x \\\"y\\\" \\\\ #z\"\n\
         machine users.example.com login first password 1\n\
         machine users.example.com login second password 2\n\
         machine hash.example.com login a password #1 account none\n\
         machine nologin.example.com password 9\n\
         machine 127.0.0.1:8080 login p password 8080\n\
         machine UPPER.example.com login u password 1\n\
         machine nothing.example.com login u\n\
         default login anybody password hunter2\n",
    );
    for protocol in [Protocol::Git, Protocol::Helm] {
        all(
            &machine,
            protocol,
            &[
                ("https://git.example.com/a.git", "a:1"),
                ("https://git.example.com:8443/a.git", "a:1"),
                ("https://many.example.com/a", "b:2"),
                ("https://macro.example.com/a", "none"),
                ("https://commented.example.com/a", "none"),
                ("https://quoted.example.com/a", "a b:x \"y\" \\ #z"),
                ("https://users.example.com/a", "first:1"),
                ("https://second@users.example.com/a", "second:2"),
                ("https://third@users.example.com/a", "none"),
                ("https://hash.example.com/a", "a:#1"),
                ("https://me@nologin.example.com/a", "me:9"),
                ("http://127.0.0.1:8080/a", "p:8080"),
                ("http://127.0.0.1:8081/a", "none"),
                ("https://upper.example.com/a", "u:1"),
                ("https://nothing.example.com/a", "none"),
                // `default` would go to whoever stands in the repository.
                ("https://evil.example.com/a", "none"),
                (
                    "http://git.example.com/a.git",
                    "host.credential-plain-http: the credential of ~/.netrc is not sent to git.example.com over plain HTTP",
                ),
            ],
        );
    }
    all(&machine, Protocol::Oci, &[("oci://git.example.com/a", "none")]);
    let machine = Machine::new().set("NETRC", "$HOME/mine").file("mine", "machine a.b login x password y");
    assert_eq!(told(machine.find(Protocol::Git, "https://a.b/c")), "x:y");
    for (text, problem) in [
        ("machine a.b login \"x password y\n", ":1 has a quote that is not closed"),
        ("machine a.b\nlogin x\npassword", ":3 ends in the middle of an entry"),
        ("machine a.b\nhunter2", ":2 has a word that no netrc has at this place"),
    ] {
        let machine = Machine::new().file(".netrc", text);
        let expected = format!("host.credential-malformed: ~/.netrc{problem}");
        assert_eq!(told(machine.find(Protocol::Git, "https://a.b/c")), expected);
    }
}

#[test]
fn gits_helpers_are_asked_without_a_terminal() {
    let fill = "test \"$GIT_TERMINAL_PROMPT\" = 0 || exit 9\n\
        test -z \"$GIT_ASKPASS$SSH_ASKPASS\" || exit 9\n\
        if test \"$1\" = config; then printf 'http.https://header.example.com/.extraheader\\nAUTHORIZATION: basic eHh4\\0http.extraheader\\nX: y\\0'; exit; fi\n\
        cat > \"$HOME/input\"\n\
        grep -q host=git.example.com \"$HOME/input\" && printf 'protocol=https\\nhost=git.example.com\\nusername=a\\npassword=1=2\\n' && exit\n\
        echo 'fatal: could not read Username' >&2; exit 128";
    let machine =
        Machine::new().program("git", fill).set("GIT_ASKPASS", "/bin/false").set("SSH_ASKPASS", "/bin/false");
    all(
        &machine,
        Protocol::Git,
        &[
            ("https://git.example.com/team/app.git", "a:1=2"),
            ("https://header.example.com/team/app.git", "AUTHORIZATION: basic eHh4"),
            ("http://git.example.com/team/app.git", "a:1=2"),
            ("https://other.example.com/a", "none"),
            ("ssh://git@git.example.com/team/app", "none"),
            ("git@git.example.com:team/app.git", "none"),
            ("file:///srv/app.git", "none"),
            ("git://git.example.com/app", "none"),
        ],
    );
    assert_eq!(told(machine.find(Protocol::Git, "https://me@git.example.com/team/app.git")), "a:1=2");
    let input = fs::read_to_string(machine.home.path().join("input")).unwrap();
    assert_eq!(input, "protocol=https\nhost=git.example.com\npath=team/app.git\nusername=me\n\n");
    all(&machine, Protocol::Helm, &[("https://git.example.com/team", "none")]);
}

#[test]
fn a_git_that_hangs_is_given_up() {
    let mut machine = Machine::new().program("git", "sleep 600");
    machine.options.helper_timeout = Duration::from_millis(300);
    let credentials = machine.credentials();
    let expected = "host.credential-helper: `git credential fill` gave no answer within 0.3 s";
    for number in 0..3 {
        let url = format!("https://git{number}.example.com/a");
        assert_eq!(told(credentials.find(Protocol::Git, &url)), expected);
    }
    assert_eq!(machine.runs().len(), 2, "once for headers, once for a credential: {:?}", machine.runs());
}

#[test]
fn the_git_of_this_machine() {
    if !std::process::Command::new("git").arg("--version").output().is_ok_and(|out| out.status.success()) {
        eprintln!("skipped: no `git` on this machine");
        return;
    }
    let machine = Machine::new()
        .file(
            ".gitconfig",
            "[credential]\n helper = store\n\
             [http \"https://header.example.com/team\"]\n extraHeader = \"Authorization: Bearer xyz\"\n\
             [http]\n extraHeader = X-Everywhere: hunter2\n",
        )
        .file(
            ".git-credentials",
            "https://a:1@git.example.com\nhttps://b:2%3d@git.example.com:8443\nhttp://c:3@plain.example.com\n",
        );
    all(
        &machine,
        Protocol::Git,
        &[
            ("https://git.example.com/team/app.git", "a:1"),
            ("https://git.example.com:8443/team/app.git", "b:2="),
            ("http://plain.example.com/app", "c:3"),
            ("https://plain.example.com/app", "none"),
            ("https://header.example.com/team/app", "Authorization: Bearer xyz"),
            ("https://header.example.com/other/app", "none"),
            ("https://evil.example.com/a", "none"),
        ],
    );
}

#[test]
fn what_ci_systems_set() {
    let machine = Machine::new()
        .program("git", "exit 1")
        .set("CI_REGISTRY", "registry.gitlab.example.com:5050")
        .set("CI_REGISTRY_USER", "ci")
        .set("CI_REGISTRY_PASSWORD", "r")
        .set("CI_SERVER_HOST", "gitlab.example.com")
        .set("CI_SERVER_PORT", "443")
        .set("CI_SERVER_PROTOCOL", "https")
        .set("CI_JOB_TOKEN", "j")
        .set("GITHUB_TOKEN", "g");
    all(
        &machine,
        Protocol::Oci,
        &[
            ("oci://registry.gitlab.example.com:5050/team/app", "ci:r"),
            ("oci://gitlab.example.com/team/app", "none"),
            ("oci://ghcr.io/team/app", "none"),
        ],
    );
    all(
        &machine,
        Protocol::Helm,
        &[("https://gitlab.example.com/api/v4/projects/1/packages/helm/stable", "gitlab-ci-token:j")],
    );
    all(
        &machine,
        Protocol::Git,
        &[
            ("https://gitlab.example.com/team/app.git", "gitlab-ci-token:j"),
            ("https://github.com/team/app", "x-access-token:g"),
            ("https://github.com.evil.com/team/app", "none"),
        ],
    );
    let machine = machine.set("GH_TOKEN", "first").set("GITHUB_SERVER_URL", "https://ghe.example.com");
    all(
        &machine,
        Protocol::Git,
        &[("https://ghe.example.com/a/b", "x-access-token:first"), ("https://github.com/a/b", "none")],
    );
}

#[test]
fn a_mapping_goes_over_every_place_and_must_hold() {
    let mapping = "  r.example.com: {env: {username: FLUX_UPGRADE_U, password: FLUX_UPGRADE_P}}\n  \
        r.example.com/team: {env: {password: FLUX_UPGRADE_P}, username: robot}\n  \
        r.example.com/any: {env: {password: FLUX_UPGRADE_P}}\n  \
        r.example.com/public: {none: true}\n  \
        t.example.com: {env: {token: FLUX_UPGRADE_T}}\n  \
        h.example.com: {helper: s}\n  \
        n.example.com: {helper: s}\n  \
        f.example.com: {file: ~/mine}\n  \
        j.example.com/team: {file: ~/mine.json}\n  \
        o.example.com: {file: mine}\n  \
        g.example.com: {file: ~/gone}\n  \
        m.example.com: {file: ~/mine}\n  \
        http://plain.example.com:8080: {env: {password: FLUX_UPGRADE_P}}\n  \
        docker.io/library: {env: {password: FLUX_UPGRADE_P}}\n  \
        unset.example.com: {env: {token: FLUX_UPGRADE_GONE}}\n  \
        stolen.example.com: {env: {token: AWS_SECRET_ACCESS_KEY}}\n";
    let mut machine = Machine::new()
        .mapping(mapping)
        .set("FLUX_UPGRADE_U", "u")
        .set("FLUX_UPGRADE_P", "p")
        .set("FLUX_UPGRADE_T", "t")
        .set("AWS_SECRET_ACCESS_KEY", "hunter2")
        .helper("s", &[("h.example.com", "h", "1")])
        .program("git", "exit 1")
        .file("mine", "machine f.example.com login f password 1\ndefault login d password hunter2")
        .file("mine.json", r#"{"auths": {"j.example.com": {"auth": "YTox"}}}"#)
        .file(
            ".docker/config.json",
            r#"{"auths": {"r.example.com/public": {"auth": "YTox"}, "unset.example.com": {"auth": "YTox"}}}"#,
        )
        .file(".netrc", "machine t.example.com login no password no");
    let rows = [
        ("r.example.com/app", "u:p"),
        ("r.example.com/team/app", "robot:p"),
        ("r.example.com/any/app", "oauth2:p"),
        ("r.example.com/public/app", "none"),
        ("t.example.com/app", "bearer t"),
        ("h.example.com/app", "h:1"),
        (
            "n.example.com/app",
            "host.credential-mapping: .flux-upgrade.yaml:9 names the helper `s`, which has nothing for n.example.com",
        ),
        ("f.example.com/app", "f:1"),
        ("j.example.com/team/app", "a:1"),
        ("j.example.com/app", "none"),
        (
            "o.example.com/app",
            "host.credential-mapping: .flux-upgrade.yaml:12 names the file `mine`, whose path is neither absolute nor below `~/`",
        ),
        (
            "g.example.com/app",
            "host.credential-mapping: .flux-upgrade.yaml:13 names the file `~/gone`, which is not there",
        ),
        (
            "m.example.com/app",
            "host.credential-mapping: .flux-upgrade.yaml:14 names the file `~/mine`, which has nothing for m.example.com",
        ),
        (
            "unset.example.com/app",
            "host.credential-mapping: .flux-upgrade.yaml:17 names the variable `FLUX_UPGRADE_GONE`, which is not set",
        ),
        (
            "stolen.example.com/app",
            "host.credential-mapping: .flux-upgrade.yaml:18 names the variable `AWS_SECRET_ACCESS_KEY`, which a file in the repository may not",
        ),
    ];
    for protocol in [Protocol::Oci, Protocol::Helm, Protocol::Git] {
        let rows: Vec<(String, &str)> =
            rows.iter().map(|(url, told)| (format!("https://{url}"), *told)).collect();
        all(&machine, protocol, &rows.iter().map(|(url, told)| (url.as_str(), *told)).collect::<Vec<_>>());
        all(
            &machine,
            protocol,
            &[
                ("http://plain.example.com:8080/app", "oauth2:p"),
                ("https://plain.example.com:8080/app", "none"),
                (
                    "http://t.example.com/app",
                    "host.credential-plain-http: the credential of the variable `FLUX_UPGRADE_T` is not sent to t.example.com over plain HTTP",
                ),
            ],
        );
    }
    all(&machine, Protocol::Oci, &[("nginx", "oauth2:p"), ("oci://docker.io/other/app", "none")]);
    machine.options.mapping_from = MappingFrom::User;
    all(&machine, Protocol::Oci, &[("oci://stolen.example.com/app", "bearer hunter2")]);
}

fn secret(protocol: Protocol, url: &str, data: &[(&str, &str)]) -> RepositorySecret {
    let data: BTreeMap<String, Vec<u8>> =
        data.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect();
    RepositorySecret { name: "Secret flux-system/x".to_owned(), protocol, url: url.to_owned(), data }
}

#[test]
fn secrets_of_the_repository_are_for_their_source_alone() {
    let mut machine = Machine::new().helper("evil", &[("s.example.com", "no", "no")]).file(
        ".netrc",
        "machine git.example.com login n password 1\nmachine charts.example.com login n password 1",
    );
    machine.options.secrets = vec![
        secret(Protocol::Git, "https://git.example.com/team/app", &[("username", "a"), ("password", "1\n")]),
        secret(Protocol::Git, "https://git.example.com/team/token", &[("bearerToken", "t")]),
        secret(
            Protocol::Git,
            "ssh://git@git.example.com/team/app",
            &[("identity", "KEY\n"), ("known_hosts", "host ssh-ed25519 AAAA")],
        ),
        secret(Protocol::Helm, "http://charts.house/stable", &[("username", "b"), ("password", "2")]),
        secret(
            Protocol::Helm,
            "https://charts.example.com",
            &[("ca.crt", "CA"), ("certFile", "CERT"), ("keyFile", "hunter2")],
        ),
        secret(
            Protocol::Oci,
            "oci://r.example.com/team/app",
            &[(".dockerconfigjson", r#"{"auths": {"r.example.com": {"auth": "YTox"}}}"#)],
        ),
        secret(
            Protocol::Oci,
            "oci://s.example.com/app",
            &[(".dockerconfigjson", r#"{"credsStore": "evil"}"#)],
        ),
    ];
    all(
        &machine,
        Protocol::Git,
        &[
            ("https://git.example.com/team/app", "a:1"),
            ("https://git.example.com/team/app.git", "a:1"),
            ("https://git.example.com/team/apps", "n:1"),
            ("https://git.example.com/team/token", "bearer t"),
            ("ssh://git@git.example.com/team/app", "key KEY"),
            ("ssh://git@git.example.com/team/other", "none"),
        ],
    );
    all(
        &machine,
        Protocol::Helm,
        &[
            ("http://charts.house/stable", "b:2"),
            ("http://charts.house/other", "none"),
            ("https://charts.example.com", "certificates"),
        ],
    );
    all(
        &machine,
        Protocol::Oci,
        &[
            ("oci://r.example.com/team/app", "a:1"),
            ("oci://r.example.com/other", "none"),
            ("oci://s.example.com/app", "none"),
        ],
    );
    assert!(machine.runs().is_empty(), "a file of the repository has run a program");
}

#[test]
fn addresses_that_programs_read_differently_get_nothing() {
    let machine = Machine::new().file(".netrc", "machine git.example.com login a password 1");
    for url in [
        "https://git.example.com/a/../b",
        "https://git.example.com/%2e%2e/b",
        "https://git.example.com/a%2fb",
        "https://git.example.com/a\nhost=evil",
        "https://git.example.com\\@evil.com/",
        "https://git.example.com:x/",
        "https:///a",
        "",
        "https://git.exa mple.com/",
        "https://git.example.com:99999/",
        "https://us er:hunter2@git.example.com/a",
    ] {
        let found = told(machine.find(Protocol::Git, url));
        assert!(found.starts_with("host.credential-address"), "{url:?}: {found}");
        assert!(!found.contains("hunter2"), "{found}");
    }
    all(
        &machine,
        Protocol::Git,
        &[
            ("https://GIT.example.com./a", "a:1"),
            ("https://git.example.com@evil.com/a", "none"),
            ("https://u:p%40ss@other.example.com/a", "u:p@ss"),
            ("https://git.example.com#@evil.com/a", "a:1"),
        ],
    );
}

#[test]
fn a_login_does_not_leave_its_host_path_and_scheme() {
    let machine = Machine::new()
        .file(".docker/config.json", DOCKER)
        .file(".netrc", "machine git.example.com login a password 1");
    let found = machine.find(Protocol::Oci, "oci://ghcr.io/team/web").unwrap().unwrap();
    for (url, expected) in [
        ("https://ghcr.io/v2/team/web/tags/list?last=x", true),
        ("https://GHCR.IO:443/v2/team/web/manifests/1.0.0", true),
        ("https://ghcr.io/v2/other/web/tags/list", false),
        ("http://ghcr.io/v2/team/web/tags/list", false),
        ("https://ghcr.io:8443/v2/team/web/tags/list", false),
        ("https://pkg.ghcr.io/v2/team/web/tags/list", false),
        ("https://ghcr.io.evil.com/v2/team/web/tags/list", false),
        ("https://ghcr.io@evil.com/v2/team/web/tags/list", false),
        ("nonsense\n", false),
    ] {
        assert_eq!(found.covers(url), expected, "{url}");
    }
    let found = machine.find(Protocol::Git, "https://git.example.com/a").unwrap().unwrap();
    assert!(found.covers("https://git.example.com/a.git/info/refs?service=git-upload-pack"));
    assert!(!found.covers("http://git.example.com/a") && !found.covers("https://gist.example.com/a"));
}

#[test]
fn nothing_shows_a_secret() {
    let machine = Machine::new()
        .file(".docker/config.json", r#"{"auths": {"r.example.com": {"username": "u", "password": "hunter2"}, "i.example.com": {"identitytoken": "hunter2"}}}"#)
        .file(".netrc", "machine git.example.com login a password hunter2")
        .file(".config/helm/repositories.yaml", "repositories: [{url: https://charts.example.com, username: a, password: hunter2}]")
        .set("CI_JOB_TOKEN", "hunter2")
        .set("CI_SERVER_HOST", "gitlab.example.com")
        .set("DOCKER_AUTH_CONFIG", r#"{"auths": {"d.example.com": {"registrytoken": "hunter2"}}}"#)
        .program("git", "if test \"$1\" = config; then printf 'http.https://h.example.com.extraheader\\nA: hunter2\\0'; else printf 'username=a\\npassword=hunter2\\n'; fi");
    let mut machine = machine;
    machine.options.secrets =
        vec![secret(Protocol::Git, "https://s.example.com/a", &[("username", "a"), ("password", "hunter2")])];
    let credentials = machine.credentials();
    let mut found = 0;
    for (protocol, url) in [
        (Protocol::Oci, "oci://r.example.com/a"),
        (Protocol::Oci, "oci://i.example.com/a"),
        (Protocol::Oci, "oci://d.example.com/a"),
        (Protocol::Git, "https://git.example.com/a"),
        (Protocol::Git, "https://s.example.com/a"),
        (Protocol::Git, "https://gitlab.example.com/a"),
        (Protocol::Git, "https://h.example.com/a"),
        (Protocol::Git, "https://u:hunter2@x.example.com/a"),
        (Protocol::Helm, "https://charts.example.com"),
    ] {
        let credential = credentials.find(protocol, url).unwrap().unwrap();
        assert!(told(Ok(Some(credential.clone()))).contains("hunter2"), "{url}");
        for shown in [format!("{credential:?}"), format!("{credential:#?}"), credential.who()] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        found += 1;
    }
    assert_eq!(found, 9);
    let shown = format!("{credentials:?} {:?}", machine.options);
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn files_that_others_may_read_are_noted() {
    let machine = Machine::new()
        .file(".docker/config.json", r#"{"auths": {"r.example.com": {"auth": "YTox"}}}"#)
        .file(".netrc", "machine a.b login x password y")
        .file(
            ".config/helm/repositories.yaml",
            "repositories: [{url: https://charts.example.com, username: '', password: ''}]",
        );
    assert_eq!(machine.credentials().notes(), []);
    for path in [".docker/config.json", ".netrc", ".config/helm/repositories.yaml"] {
        let place = machine.home.path().join(path);
        fs::set_permissions(place, fs::Permissions::from_mode(0o644)).unwrap();
    }
    let credentials = machine.credentials();
    let messages: Vec<&str> = credentials.notes().iter().map(|note| note.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "~/.docker/config.json has secrets, and others on this machine may read it",
            "~/.netrc has secrets, and others on this machine may read it",
        ]
    );
    assert_eq!(told(machine.find(Protocol::Oci, "oci://r.example.com/a")), "a:1", "a note stops nothing");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_file_and_no_address_ends_the_program(text in "\\PC{0,60}|[\"{}:,\\[\\] a-z\\n\\\\#]{0,60}", url in "(https?://|oci://|ssh://|)[-a-z.:/@%\\[\\]]{0,30}|\\PC{0,30}") {
        let machine = Machine::new()
            .program("git", "exit 1")
            .file(".docker/config.json", &text)
            .file(".netrc", &text)
            .file(".config/helm/repositories.yaml", &text);
        let credentials = machine.credentials();
        for protocol in [Protocol::Oci, Protocol::Helm] {
            let _ = credentials.find(protocol, &url);
        }
    }
}
