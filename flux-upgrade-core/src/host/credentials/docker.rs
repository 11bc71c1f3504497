//! `config.json` of docker, `auth.json` of podman, `registry/config.json` of Helm.
//!
//! Source: go-containerregistry `authn/keychain.go`, docker/cli `config/configfile`, containers-auth.json(5).

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use super::credential::{Found, Login, Secret};
use super::helper::Helpers;
use super::target::{HUB, Scope, Target};
use super::{CredentialError, Protocol};

/// The name under which docker keeps what is for Docker Hub.
const HUB_SERVER: &str = "https://index.docker.io/v1/";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One file.
#[derive(Debug, Clone)]
pub(super) struct DockerConfig {
    origin: String,
    auths: Vec<(Scope, Entry)>,
    helpers: Vec<(Scope, String, String)>,
    store: Option<String>,
}

#[derive(Debug, Clone)]
enum Entry {
    Login(Login),
    Malformed(&'static str),
}

impl DockerConfig {
    /// Reads the text of a file; an error has nothing of it but the line.
    pub(super) fn parse(origin: &str, text: &str) -> Result<Self, CredentialError> {
        let malformed = |line: Option<usize>, problem: &str| CredentialError::Malformed {
            origin: origin.to_owned(),
            line,
            problem: problem.to_owned(),
        };
        let mut config =
            Self { origin: origin.to_owned(), auths: Vec::new(), helpers: Vec::new(), store: None };
        if text.trim().is_empty() {
            return Ok(config);
        }
        let value: Value =
            serde_json::from_str(text).map_err(|error| malformed(Some(error.line()), "is not JSON"))?;
        let Value::Object(mut top) = value else { return Err(malformed(None, "is no JSON object")) };
        let mut section = |key: &str| match top.remove(key) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(map)) => Ok(map),
            Some(_) => Err(malformed(None, &format!("has `{key}`, which is no object"))),
        };
        for (key, value) in section("auths")? {
            let Some(scope) = Scope::parse(Protocol::Oci, &key) else { continue };
            config.auths.extend(entry(&value).map(|entry| (scope, entry)));
        }
        for (key, value) in section("credHelpers")? {
            let (Some(scope), Some(name)) = (Scope::parse(Protocol::Oci, &key), value.as_str()) else {
                continue;
            };
            let server = match key.split_once("://") {
                _ if scope.host == HUB => HUB_SERVER.to_owned(),
                Some((_, rest)) => rest.to_owned(),
                None => key.clone(),
            };
            config.helpers.push((scope, server, name.to_owned()));
        }
        config.store =
            top.get("credsStore").and_then(Value::as_str).filter(|name| !name.is_empty()).map(str::to_owned);
        Ok(config)
    }

    /// Whether secrets stand in the file itself.
    pub(super) fn has_secrets(&self) -> bool {
        !self.auths.is_empty()
    }

    /// What the file has for a repository: from the helper that it names for it, else from `auths`, else from the store
    /// that it names for all.
    ///
    /// `helpers` is `None` for a file that nobody on this machine has written: then no program runs.
    pub(super) fn find(
        &self,
        target: &Target,
        helpers: Option<&Helpers>,
    ) -> Result<Option<Found>, CredentialError> {
        let mut first_error = None;
        if let Some((helpers, (scope, server, name))) =
            helpers.zip(closest(self.helpers.iter().map(|row| (&row.0, row)), target))
        {
            match helpers.ask(name, server, &self.origin) {
                Ok(Some(login)) => {
                    return Ok(Some(Found::new(login, scope.clone(), format!("docker-credential-{name}"))));
                }
                Ok(None) => {}
                Err(error) => first_error = Some(error),
            }
        }
        if let Some((scope, entry)) = closest(self.auths.iter().map(|row| (&row.0, row)), target) {
            match entry {
                Entry::Login(login) => {
                    return Ok(Some(Found::new(login.clone(), scope.clone(), &self.origin)));
                }
                Entry::Malformed(problem) => {
                    let problem = format!("has an entry for {scope} {problem}");
                    let error =
                        CredentialError::Malformed { origin: self.origin.clone(), line: None, problem };
                    first_error.get_or_insert(error);
                }
            }
        }
        if let Some((helpers, name)) = helpers.zip(self.store.as_ref()) {
            let host = target.host_and_port();
            let server = if host == HUB { HUB_SERVER } else { &host };
            match helpers.ask(name, server, &self.origin) {
                Ok(Some(login)) => {
                    let origin = format!("docker-credential-{name}");
                    return Ok(Some(Found::new(login, target.host_scope(), origin)));
                }
                Ok(None) => {}
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        first_error.map_or(Ok(None), Err)
    }
}

/// The entry whose scope fits most closely; of equals the first.
pub(super) fn closest<'s, T>(rows: impl Iterator<Item = (&'s Scope, T)>, target: &Target) -> Option<T> {
    let mut best: Option<(usize, T)> = None;
    for (scope, row) in rows {
        if let Some(fit) = scope.covers(target)
            && best.as_ref().is_none_or(|(before, _)| fit > *before)
        {
            best = Some((fit, row));
        }
    }
    best.map(|(_, row)| row)
}

/// One entry of `auths`; `None` for one that only says where somebody has logged in.
fn entry(value: &Value) -> Option<Entry> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(token) = text("registrytoken") {
        return Some(Entry::Login(Login::Bearer(Secret::new(token))));
    }
    if let Some(token) = text("identitytoken") {
        return Some(Entry::Login(Login::Identity(Secret::new(token))));
    }
    let pair = match (text("auth"), text("username"), text("password")) {
        (Some(auth), ..) => {
            let Some(pair) = decoded(auth) else {
                return Some(Entry::Malformed("whose `auth` is not base64 of `user:password`"));
            };
            pair
        }
        (None, Some(username), Some(password)) => (username.to_owned(), password.to_owned()),
        _ => return None,
    };
    Some(Entry::Login(match pair {
        (username, password) if username == "<token>" => Login::Identity(Secret::new(password)),
        (username, password) => Login::Basic { username, password: Secret::new(password) },
    }))
}

fn decoded(auth: &str) -> Option<(String, String)> {
    let bytes = BASE64.decode(auth.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (username, password) = text.split_once(':')?;
    // Docker pads what it encodes.
    let password = password.trim_end_matches('\0');
    (!username.is_empty()).then(|| (username.to_owned(), password.to_owned()))
}
