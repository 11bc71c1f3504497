//! A private registry with a token service is planned with a credential from each place where people keep them.

use std::fs;
use std::path::Path;

use super::faults::good;
use super::server::{Reply, Seen, Server};
use super::{Setup, Source, outcomes, repository};

/// `robot:secret`.
const BASIC: &str = "Basic cm9ib3Q6c2VjcmV0";

/// A registry with a token service, for `robot` alone.
fn private() -> Server {
    Server::start(|seen: &Seen| {
        let host = seen.header("host").unwrap_or_default();
        let given = seen.header("authorization");
        if seen.target.starts_with("/token?") {
            let is_form = String::from_utf8_lossy(&seen.body).contains("refresh_token=identity");
            return if given == Some(BASIC) || is_form {
                Reply::body(r#"{"token": "t0"}"#)
            } else {
                Reply::status(401)
            };
        }
        if seen.target.starts_with("/token") {
            let form = String::from_utf8_lossy(&seen.body).into_owned();
            let fits = seen.method == "POST"
                && form.contains("refresh_token=identity")
                && form.contains("scope=repository%3Ateam%2Fapp%3Apull");
            return if fits { Reply::body(r#"{"access_token": "t0"}"#) } else { Reply::status(401) };
        }
        if seen.target.starts_with("/v2/") {
            let realm = format!("Bearer realm=\"http://{host}/token\",service=\"test\"");
            return if given == Some("Bearer t0") {
                good(seen)
            } else {
                Reply::status(401).with("WWW-Authenticate", &realm)
            };
        }
        Reply::status(404)
    })
}

pub(crate) fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

pub(crate) fn file(home: &Path, name: &str, text: &str) {
    let path = home.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// What a place needs, given the home folder and the server's address.
type Place = fn(&mut Setup, &Path, &str);

pub(crate) fn env(setup: &mut Setup, name: &str, value: impl Into<std::ffi::OsString>) {
    setup.credentials.env.insert(name.into(), value.into());
}

fn auths(host: &str) -> String {
    format!(r#"{{"auths": {{"{host}": {{"auth": "cm9ib3Q6c2VjcmV0"}}}}}}"#)
}

/// A helper on the path that knows one server.
pub(crate) fn helper(setup: &mut Setup, home: &Path, host: &str) {
    let answer = format!(r#"{{"ServerURL":"{host}","Username":"robot","Secret":"secret"}}"#);
    script(
        &home.join("bin/docker-credential-test"),
        &format!(
            "#!/bin/sh\nread server\ncase \"$server\" in *{host}*) echo '{answer}';; *) echo 'credentials not found in native keychain'; exit 1;; esac\n"
        ),
    );
    let path = std::env::var("PATH").unwrap();
    env(setup, "PATH", format!("{}:{path}", home.join("bin").display()));
}

/// `credentials` of a rules file, which says that plain HTTP is meant.
pub(crate) fn mapping(setup: &mut Setup, text: &str) {
    let path = flux_upgrade_core::RepoPath::parse(".flux-upgrade.yaml").unwrap();
    let rules = flux_upgrade_core::rules::Rules::parse(&path, text).unwrap();
    setup.credentials.mapping = rules.credentials().to_vec();
}

fn mapped_env(setup: &mut Setup, _: &Path, host: &str) {
    env(setup, "FLUX_UPGRADE_PASSWORD", "secret");
    mapping(
        setup,
        &format!(
            "version: 1\ncredentials:\n  http://{host}: {{env: {{password: FLUX_UPGRADE_PASSWORD}}, username: robot}}\n"
        ),
    );
}

fn mapped_helper(setup: &mut Setup, home: &Path, host: &str) {
    helper(setup, home, host);
    mapping(setup, &format!("version: 1\ncredentials:\n  http://{host}: {{helper: test}}\n"));
}

#[test]
fn registries() {
    let places: &[(&str, Place)] = &[
        ("docker's file", |_, home, host| file(home, ".docker/config.json", &auths(host))),
        ("$DOCKER_CONFIG", |setup, home, host| {
            file(home, "elsewhere/config.json", &auths(host));
            env(setup, "DOCKER_CONFIG", home.join("elsewhere"));
        }),
        ("$DOCKER_AUTH_CONFIG", |setup, _, host| env(setup, "DOCKER_AUTH_CONFIG", auths(host))),
        ("an identity token", |_, home, host| {
            let text = format!(r#"{{"auths": {{"{host}": {{"identitytoken": "identity"}}}}}}"#);
            file(home, ".docker/config.json", &text);
        }),
        ("a helper for the host", |setup, home, host| {
            helper(setup, home, host);
            file(home, ".docker/config.json", &format!(r#"{{"credHelpers": {{"{host}": "test"}}}}"#));
        }),
        ("the store for all hosts", |setup, home, host| {
            helper(setup, home, host);
            file(home, ".docker/config.json", r#"{"credsStore": "test"}"#);
        }),
        ("podman's file", |setup, home, host| {
            file(home, "run/containers/auth.json", &auths(host));
            env(setup, "XDG_RUNTIME_DIR", home.join("run"));
        }),
        ("$REGISTRY_AUTH_FILE", |setup, home, host| {
            file(home, "auth.json", &auths(host));
            env(setup, "REGISTRY_AUTH_FILE", home.join("auth.json"));
        }),
        ("Helm's file", |_, home, host| file(home, ".config/helm/registry/config.json", &auths(host))),
        ("the rules: variables", mapped_env),
        ("the rules: a helper", mapped_helper),
    ];
    for (name, place) in places {
        check(name, *place);
    }
}

fn check(name: &str, place: Place) {
    let server = private();
    let host = server.authority();
    let home = tempfile::tempdir().unwrap();
    let text = repository(&[("app", Source::Oci(&format!("{host}/team/app")))]);
    let without = Setup::at_home(home.path());
    let refused = "credentials are missing or refused: log in to it, or correct the name";
    assert_eq!(outcomes(&without.plan(&text).0)["app"], refused, "{name}: without");
    let mut setup = Setup::at_home(home.path());
    place(&mut setup, home.path(), &host);
    let (plan, recording) = setup.plan(&text);
    assert_eq!(outcomes(&plan)["app"], "1.1.0", "{name}: {:?}", setup.live().notes());
    let told = format!("{plan:?}{}", recording.to_json(None));
    assert!(!told.contains("secret") && !told.contains("cm9ib3Q6"), "{name}: {told}");
}
