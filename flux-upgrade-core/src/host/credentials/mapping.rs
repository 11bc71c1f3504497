//! `credentials` of the rules file.

use super::credential::{Found, Login, Secret};
use super::docker::{DockerConfig, closest};
use super::files;
use super::helper::Helpers;
use super::netrc::Netrc;
use super::options::{CredentialOptions, MappingFrom};
use super::target::{HUB, Scope, Target};
use super::{CredentialError, Protocol};
use crate::rules::{CredentialFrom, CredentialRule, Username};

/// What variables a file in the repository may name.
const PREFIX: &str = "FLUX_UPGRADE_";

/// The user of a password that has none: token hosts take any, or this one.
const ANY_USER: &str = "oauth2";

/// What the mapping says of a target.
pub(super) enum Mapped {
    /// It does not name it.
    Unnamed,
    /// No credential is wanted.
    Nowhere,
    Found(Box<Found>),
}

/// Looks a target up; what the mapping names must be there.
pub(super) fn find(
    options: &CredentialOptions,
    protocol: Protocol,
    target: &Target,
    helpers: &Helpers,
) -> Result<Mapped, CredentialError> {
    let scopes: Vec<(Scope, &CredentialRule)> =
        options.mapping.iter().filter_map(|rule| Some((scope(protocol, &rule.address)?, rule))).collect();
    let Some((scope, rule)) = closest(scopes.iter().map(|row| (&row.0, row)), target) else {
        return Ok(Mapped::Unnamed);
    };
    let at = format!("{}:{}", rule.at.path, rule.at.line);
    let missing = |problem: String, help: &str| CredentialError::Mapping {
        origin: at.clone(),
        problem,
        help: help.to_owned(),
    };
    let variable = |name: &str| {
        if options.mapping_from == MappingFrom::Repository && !name.starts_with(PREFIX) {
            let problem = format!("names the variable `{name}`, which a file in the repository may not");
            return Err(missing(
                problem,
                "name one that begins with `FLUX_UPGRADE_`, or give the file by `--config`",
            ));
        }
        options.text(name).ok_or_else(|| {
            missing(format!("names the variable `{name}`, which is not set"), "set it, or remove the entry")
        })
    };
    let found = match &rule.from {
        CredentialFrom::Nowhere => return Ok(Mapped::Nowhere),
        CredentialFrom::Token(name) => {
            let login = Login::Bearer(Secret::new(variable(name)?));
            Found::new(login, scope.clone(), format!("the variable `{name}`"))
        }
        CredentialFrom::Password { username, password } => {
            let username = match username {
                Some(Username::Literal(name)) => name.clone(),
                Some(Username::Variable(name)) => variable(name)?,
                None => ANY_USER.to_owned(),
            };
            let origin = format!("the variable `{password}`");
            Found::basic(&username, &variable(password)?, scope.clone(), origin)
        }
        CredentialFrom::Helper(name) => {
            let server = if target.host == HUB {
                "https://index.docker.io/v1/".to_owned()
            } else {
                target.host_and_port()
            };
            let Some(login) = helpers.ask(name, &server, &at)? else {
                let problem = format!("names the helper `{name}`, which has nothing for {server}");
                return Err(missing(problem, "log in with it, or remove the entry"));
            };
            Found::new(login, scope.clone(), format!("docker-credential-{name}"))
        }
        CredentialFrom::File(path) => {
            let home = options.home.as_deref();
            let Some(place) = files::place(path, home) else {
                let problem =
                    format!("names the file `{path}`, whose path is neither absolute nor below `~/`");
                return Err(missing(problem, "give the whole path"));
            };
            let Some(file) = files::read(&place, home)? else {
                let problem = format!("names the file `{path}`, which is not there");
                return Err(missing(problem, "make it, or remove the entry"));
            };
            let found = if file.text.trim_start().starts_with('{') {
                DockerConfig::parse(&file.shown, &file.text)?.find(target, Some(helpers))?
            } else {
                Netrc::parse(&file.shown, &file.text)?.find(target)
            };
            let Some(found) = found else {
                let problem =
                    format!("names the file `{path}`, which has nothing for {}", target.host_and_port());
                return Err(missing(problem, "log in, or remove the entry"));
            };
            Found { scope: scope.clone(), ..found }
        }
    };
    Ok(Mapped::Found(Box::new(found)))
}

/// A key without a scheme is for https, and on this machine for plain HTTP.
fn scope(protocol: Protocol, address: &str) -> Option<Scope> {
    let (scheme, rest) = match address.split_once("://") {
        Some(("http", rest)) => (Some("http".to_owned()), rest),
        Some((_, rest)) => (None, rest),
        None => (None, address),
    };
    Some(Scope { scheme, ..Scope::parse(protocol, rest)? })
}
