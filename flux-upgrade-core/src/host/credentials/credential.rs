//! A credential, and where it may go.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::target::{Scope, Target};
use super::{CredentialError, Protocol};

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the request that needs it and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"…\"")
    }
}

/// What proves who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Login {
    /// A user and a password: `Authorization: Basic`, also towards the token service of a registry.
    Basic {
        /// The user.
        username: String,
        /// The password, or a token that is given as one.
        password: Secret,
    },
    /// A token that is sent as it is: `Authorization: Bearer`.
    Bearer(Secret),
    /// A refresh token for the token service of a registry (`grant_type=refresh_token`); never sent to the registry itself.
    Identity(Secret),
    /// A whole header, from git's `http.<url>.extraHeader`.
    Header {
        /// Name of the header.
        name: String,
        /// Its value.
        value: Secret,
    },
    /// A key for ssh.
    SshKey {
        /// The private key, in PEM or OpenSSH form.
        key: Secret,
        /// What unlocks it.
        passphrase: Option<Secret>,
        /// Lines of `known_hosts`.
        known_hosts: String,
    },
}

/// What a connection of its own kind needs, each as PEM text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// Authorities that the server's certificate may be from, instead of the usual ones.
    pub ca: Option<String>,
    /// The certificate that this side shows.
    pub certificate: Option<String>,
    /// The key of that certificate.
    pub key: Option<Secret>,
}

impl Tls {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ca.is_none() && self.certificate.is_none() && self.key.is_none()
    }
}

/// What one place has for one host, or for a path on it.
///
/// Its `Debug` form shows no secret, and no other form of it exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Who asks; `None` where the place has certificates alone.
    pub login: Option<Login>,
    /// Certificates.
    pub tls: Tls,
    /// The place, for people: `~/.docker/config.json`, `docker-credential-pass`, …
    pub origin: String,
    /// Helm's `pass_credentials_all`: the login may follow to other hosts.
    pub goes_anywhere: bool,
    pub(super) protocol: Protocol,
    pub(super) scope: Scope,
}

impl Credential {
    /// Whether the login may be sent to `url`: after a redirect, or for another page of the same source.
    ///
    /// It may go to the host and port that it was found for, below the path that it is for, and never from https to
    /// plain HTTP. A redirect often leaves the path, and then the login stays behind.
    ///
    /// # Examples
    ///
    /// ```
    /// use flux_upgrade_core::host::{CredentialOptions, Credentials, Protocol};
    /// let mut options = CredentialOptions::default();
    /// options.env.insert("CI_JOB_TOKEN".into(), "secret".into());
    /// options.env.insert("CI_SERVER_HOST".into(), "gitlab.example.com".into());
    /// let credentials = Credentials::discover(&options);
    /// let found = credentials.find(Protocol::Git, "https://gitlab.example.com/team/app.git")?.unwrap();
    /// assert!(found.covers("https://gitlab.example.com/team/other.git"));
    /// assert!(!found.covers("https://evil.example.com/team/app.git"));
    /// assert!(!found.covers("http://gitlab.example.com/team/app.git"));
    /// assert!(!format!("{found:?}").contains("secret"));
    /// # Ok::<(), flux_upgrade_core::host::CredentialError>(())
    /// ```
    #[must_use]
    pub fn covers(&self, url: &str) -> bool {
        let Ok(target) = Target::parse(self.protocol, url) else { return false };
        if self.goes_anywhere {
            return !target.is_plain() || self.scope.is_plain();
        }
        self.scope.covers(&target).is_some() && (!target.is_plain() || self.scope.admits_plain(&target))
    }

    /// The value of the `Authorization` header; `None` where the login is of another kind.
    #[must_use]
    pub fn authorization(&self) -> Option<Secret> {
        match self.login.as_ref()? {
            Login::Basic { username, password } => {
                let pair = format!("{username}:{}", password.expose());
                Some(Secret::new(format!("Basic {}", BASE64_STANDARD.encode(pair))))
            }
            Login::Bearer(token) => Some(Secret::new(format!("Bearer {}", token.expose()))),
            _ => None,
        }
    }

    /// Who asks, as a text without a secret: keeps apart what a cache stores of different askers.
    #[must_use]
    pub fn who(&self) -> String {
        let user = match &self.login {
            None => "",
            Some(Login::Basic { username, .. }) => username,
            Some(Login::Bearer(_)) => "<bearer>",
            Some(Login::Identity(_)) => "<token>",
            Some(Login::Header { name, .. }) => name,
            Some(Login::SshKey { .. }) => "<key>",
        };
        format!("{user} of {} by {}", self.scope, self.origin)
    }
}

/// What a source of credentials says of one target, before the answer is checked.
pub(super) struct Found {
    pub(super) login: Option<Login>,
    pub(super) tls: Tls,
    pub(super) origin: String,
    pub(super) goes_anywhere: bool,
    pub(super) scope: Scope,
}

impl Found {
    pub(super) fn new(login: Login, scope: Scope, origin: impl Into<String>) -> Self {
        Self { login: Some(login), tls: Tls::default(), origin: origin.into(), goes_anywhere: false, scope }
    }

    pub(super) fn basic(username: &str, password: &str, scope: Scope, origin: impl Into<String>) -> Self {
        let login = Login::Basic { username: username.to_owned(), password: Secret::new(password) };
        Self::new(login, scope, origin)
    }

    /// The credential, if it may go to the target and its texts can stand in a header.
    pub(super) fn checked(self, protocol: Protocol, target: &Target) -> Result<Credential, CredentialError> {
        if target.is_plain() && self.login.is_some() && !self.scope.admits_plain(target) {
            return Err(CredentialError::PlainHttp { host: target.host_and_port(), origin: self.origin });
        }
        let odd = |text: &str| text.contains(char::is_control);
        let broken = match &self.login {
            Some(Login::Basic { username, password }) => {
                odd(username) || odd(password.expose()) || username.contains(':')
            }
            Some(Login::Bearer(token) | Login::Identity(token)) => odd(token.expose()),
            Some(Login::Header { name, value }) => odd(name) || odd(value.expose()),
            Some(Login::SshKey { .. }) | None => false,
        };
        if broken {
            let problem = "has a character that no header may have".to_owned();
            return Err(CredentialError::Malformed { origin: self.origin, line: None, problem });
        }
        Ok(Credential {
            login: self.login,
            tls: self.tls,
            origin: self.origin,
            goes_anywhere: self.goes_anywhere,
            protocol,
            scope: self.scope,
        })
    }
}
