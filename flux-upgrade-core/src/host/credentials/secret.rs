//! Kubernetes Secrets that Flux would use, as data of the repository.
//!
//! Source: the `secretRef` and `certSecretRef` fields of source-controller's API.

use std::collections::BTreeMap;
use std::fmt;

use super::credential::{Found, Login, Secret, Tls};
use super::docker::DockerConfig;
use super::target::{Scope, Target};
use super::{CredentialError, Protocol};

/// The Secret that a source of the repository refers to, unencrypted.
///
/// The data of a `certSecretRef` goes over that of a `secretRef`: hand both in as one.
#[derive(Clone)]
pub struct RepositorySecret {
    /// Where it stands, for people: `Secret flux-system/registry`.
    pub name: String,
    /// What kind of source refers to it.
    pub protocol: Protocol,
    /// The address of that source.
    pub url: String,
    /// `data`, decoded, and `stringData`.
    pub data: BTreeMap<String, Vec<u8>>,
}

impl fmt::Debug for RepositorySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RepositorySecret")
            .field("name", &self.name)
            .field("protocol", &self.protocol)
            .field("url", &self.url)
            .field("data", &self.data.keys().collect::<Vec<_>>())
            .finish()
    }
}

impl RepositorySecret {
    /// The scope, if it is for this target: the source itself and what is below it.
    pub(super) fn scope(&self, protocol: Protocol) -> Option<Scope> {
        if protocol != self.protocol {
            return None;
        }
        let target = Target::parse(protocol, &self.url).ok()?;
        Some(Scope { path: target.path.clone(), ..target.own_scope() })
    }

    pub(super) fn find(&self, target: &Target, scope: Scope) -> Result<Option<Found>, CredentialError> {
        let text = |names: &[&str]| {
            let value = names.iter().find_map(|name| self.data.get(*name))?;
            let text = std::str::from_utf8(value).ok()?.trim_end_matches(['\r', '\n']);
            (!text.is_empty()).then(|| text.to_owned())
        };
        let tls = Tls {
            ca: text(&["ca.crt", "caFile"]),
            certificate: text(&["tls.crt", "certFile"]),
            key: text(&["tls.key", "keyFile"]).map(Secret::new),
        };
        let found = |login, scope| Found {
            login,
            tls: tls.clone(),
            origin: self.name.clone(),
            goes_anywhere: false,
            scope,
        };
        if let Some(config) = text(&[".dockerconfigjson"]) {
            // A file of the repository names no program that runs here.
            let inner = DockerConfig::parse(&self.name, &config)?.find(target, None)?;
            if let Some(inner) = inner {
                return Ok(Some(found(inner.login, inner.scope)));
            }
        }
        let login = if target.scheme == "ssh" {
            text(&["identity"]).map(|key| Login::SshKey {
                key: Secret::new(key + "\n"),
                passphrase: text(&["password"]).map(Secret::new),
                known_hosts: text(&["known_hosts"]).unwrap_or_default(),
            })
        } else if let Some(token) = text(&["bearerToken"]) {
            Some(Login::Bearer(Secret::new(token)))
        } else {
            let basic = text(&["username"]).zip(text(&["password"]));
            basic.map(|(username, password)| Login::Basic { username, password: Secret::new(password) })
        };
        Ok((login.is_some() || !tls.is_empty()).then(|| found(login, scope)))
    }
}
