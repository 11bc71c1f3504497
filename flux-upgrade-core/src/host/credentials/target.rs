//! What is asked for a credential, and what a credential is for.

use std::fmt;
use std::net::IpAddr;

use super::credential::Secret;
use super::{CredentialError, Protocol};
use crate::reference::normalise_repository;

/// Docker Hub.
pub(super) const HUB: &str = "docker.io";

fn is_hub(host: &str) -> bool {
    matches!(host, "index.docker.io" | "registry-1.docker.io")
}

/// The address of a source, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// `https`, `http`, `ssh`, `git`, `file`; `https` for `oci`.
    pub(super) scheme: String,
    /// A user and a password in the address itself.
    pub(super) user: Option<(String, Option<Secret>)>,
    /// Without case; brackets stay on.
    pub(super) host: String,
    /// `None` where it is the usual one.
    pub(super) port: Option<u16>,
    /// Without slashes at its ends.
    pub(super) path: String,
}

impl Target {
    /// Reads an address; for OCI the scheme may be missing and Docker Hub's names are written out.
    pub(super) fn parse(protocol: Protocol, url: &str) -> Result<Self, CredentialError> {
        let error = || CredentialError::Address { address: without_user(url) };
        // What a helper is told goes line by line, and a backslash is a slash to some readers and not to others.
        let odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
        if url.is_empty() || url.len() > 4096 || url.contains(odd) {
            return Err(error());
        }
        let (scheme, rest) = match (url.split_once("://"), protocol) {
            (Some((scheme, rest)), _) => (scheme.to_ascii_lowercase(), rest.to_owned()),
            (None, Protocol::Oci) => ("oci".to_owned(), url.to_owned()),
            (None, Protocol::Git) => scp(url).ok_or_else(error)?,
            (None, Protocol::Helm) => return Err(error()),
        };
        let is_name = scheme == "oci";
        let rest = if is_name { normalise_repository(&rest) } else { rest };
        let scheme = if is_name { "https".to_owned() } else { scheme };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let mut path = path.split(['?', '#']).next().unwrap_or_default().trim_matches('/');
        let is_dots = |part: &str| {
            let plain = part.to_ascii_lowercase().replace("%2e", ".");
            plain == "." || plain == ".."
        };
        if path.split('/').any(is_dots) || path.to_ascii_lowercase().contains("%2f") {
            return Err(error());
        }
        let (host, port) = host_and_port(host).ok_or_else(error)?;
        let usual = match scheme.as_str() {
            "https" => 443,
            "http" => 80,
            "ssh" => 22,
            "git" => 9418,
            _ => 0,
        };
        if host.is_empty() && scheme != "file" {
            return Err(error());
        }
        let mut host = host;
        if protocol == Protocol::Oci && !is_name {
            // Where a registry is asked: its interface stands before the name, and Docker Hub has hosts of its own.
            path = path
                .strip_prefix("v2")
                .filter(|rest| rest.is_empty() || rest.starts_with('/'))
                .unwrap_or(path);
            path = path.trim_start_matches('/');
            if is_hub(&host) {
                host = HUB.to_owned();
            }
        }
        let user = user.map(|user| match user.split_once(':') {
            Some((name, password)) => (decoded(name), Some(Secret::new(decoded(password)))),
            None => (decoded(user), None),
        });
        let port = port.filter(|port| *port != usual);
        Ok(Self { scheme, user, host, port, path: path.to_owned() })
    }

    pub(super) fn is_plain(&self) -> bool {
        self.scheme == "http"
    }

    pub(super) fn host_and_port(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// The whole host, for a place that does not know how it is asked.
    pub(super) fn host_scope(&self) -> Scope {
        Scope { scheme: None, host: self.host.clone(), port: Port::Only(self.port), path: String::new() }
    }

    /// The whole host, asked as the address says: for a place that was told the scheme.
    pub(super) fn own_scope(&self) -> Scope {
        Scope { scheme: self.is_plain().then(|| self.scheme.clone()), ..self.host_scope() }
    }

    fn is_this_machine(&self) -> bool {
        let bare = self.host.trim_matches(['[', ']']);
        bare == "localhost"
            || bare.ends_with(".localhost")
            || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    }
}

/// `user@host:path` as ssh.
fn scp(url: &str) -> Option<(String, String)> {
    let (host, path) = url.split_once(':')?;
    let fine = !host.is_empty() && !host.contains('/');
    fine.then(|| ("ssh".to_owned(), format!("{host}/{}", path.trim_start_matches('/'))))
}

fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.find(']') {
        Some(end) if text.starts_with('[') => text.split_at(end + 1),
        _ => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match port {
        "" | ":" => None,
        port => Some(port.strip_prefix(':')?.parse().ok()?),
    };
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '[' | ']' | ':');
    (host.chars().all(fine)).then_some((host, port))
}

/// Percent signs decoded; a text that is no UTF-8 behind them stays as it is.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.filter(|_| byte == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(value) => {
                out.push(value);
                rest = &after[2..];
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// An address as it may be shown.
fn without_user(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    let at = url[start..end].rfind('@').map_or(start, |at| start + at + 1);
    let shown = format!("{}{}", &url[..start], &url[at..]);
    shown.chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Which ports of a host something is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    /// Whichever, as in a netrc.
    Any,
    /// This one; `None` is the usual one.
    Only(Option<u16>),
}

/// What a credential is for: a host, and a path on it with all below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    /// The scheme, where the place tells one.
    pub(super) scheme: Option<String>,
    pub(super) host: String,
    pub(super) port: Port,
    pub(super) path: String,
}

impl Scope {
    /// `[scheme://]host[:port][/path]`, as keys of files have it. Docker Hub's names are one.
    pub(super) fn parse(protocol: Protocol, text: &str) -> Option<Self> {
        let (scheme, rest) = match text.split_once("://") {
            Some(("oci", rest)) => (None, rest),
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, text),
        };
        let target =
            Target::parse(Protocol::Helm, &format!("{}://{rest}", scheme.as_deref().unwrap_or("https")))
                .ok()?;
        let hub = protocol == Protocol::Oci && is_hub(&target.host);
        let host = if hub { HUB.to_owned() } else { target.host };
        // Keys of docker's first registries end in the version of its interface.
        let is_version = protocol == Protocol::Oci && matches!(target.path.as_str(), "v1" | "v2");
        let path = if is_version { String::new() } else { target.path };
        Some(Self { scheme, host, port: Port::Only(target.port), path })
    }

    /// How closely it fits: the length of its path; `None` where it is for something else.
    pub(super) fn covers(&self, target: &Target) -> Option<usize> {
        let port = match self.port {
            Port::Any => true,
            Port::Only(port) => port == target.port,
        };
        let scheme = self.scheme.as_ref().is_none_or(|scheme| *scheme == target.scheme);
        if !port || !scheme || self.host != target.host {
            return None;
        }
        let bare = |path: &'_ str| path.strip_suffix(".git").unwrap_or(path).len();
        let (wanted, asked) = (self.path.as_str(), target.path.as_str());
        let is_below = asked
            .strip_prefix(wanted)
            .is_some_and(|rest| wanted.is_empty() || rest.is_empty() || rest.starts_with('/'));
        let is_same = wanted[..bare(wanted)] == asked[..bare(asked)];
        (is_below || is_same).then_some(wanted.len())
    }

    pub(super) fn is_plain(&self) -> bool {
        self.scheme.as_deref() == Some("http")
    }

    /// Plain HTTP is for what names it, and for this machine.
    pub(super) fn admits_plain(&self, target: &Target) -> bool {
        self.is_plain() || target.is_this_machine()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = &self.scheme {
            write!(f, "{scheme}://")?;
        }
        f.write_str(&self.host)?;
        if let Port::Only(Some(port)) = self.port {
            write!(f, ":{port}")?;
        }
        if self.path.is_empty() { Ok(()) } else { write!(f, "/{}", self.path) }
    }
}
