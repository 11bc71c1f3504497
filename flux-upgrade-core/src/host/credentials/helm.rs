//! Helm's own files: `repositories.yaml`, and where they are.
//!
//! Source: Helm `pkg/helmpath` and `pkg/repo/repo.go`.

use std::path::{Path, PathBuf};

use super::credential::{Found, Login, Secret, Tls};
use super::docker::closest;
use super::files;
use super::options::CredentialOptions;
use super::target::{Scope, Target};
use super::{CredentialError, Protocol};
use crate::yaml::{Comments, Node, parse, split};

/// Helm's folder of configuration.
pub(super) fn folder(options: &CredentialOptions) -> Option<PathBuf> {
    if let Some(path) = options.path("HELM_CONFIG_HOME") {
        return Some(path);
    }
    if let Some(path) = options.path("XDG_CONFIG_HOME") {
        return Some(path.join("helm"));
    }
    if cfg!(windows) {
        return options.path("APPDATA").map(|path| path.join("helm"));
    }
    let below = if cfg!(target_os = "macos") { "Library/Preferences/helm" } else { ".config/helm" };
    options.home.as_ref().map(|home| home.join(below))
}

/// `repositories.yaml`.
#[derive(Debug, Clone)]
pub(super) struct Repositories {
    origin: String,
    home: Option<PathBuf>,
    entries: Vec<(Scope, Entry)>,
}

#[derive(Debug, Clone, Default)]
struct Entry {
    login: Option<(String, Secret)>,
    ca: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
    goes_anywhere: bool,
}

impl Repositories {
    /// Reads the text of a file; an error has nothing of it but the line.
    pub(super) fn parse(origin: &str, text: &str, home: Option<&Path>) -> Result<Self, CredentialError> {
        let malformed = |line: usize, problem: &str| CredentialError::Malformed {
            origin: origin.to_owned(),
            line: Some(line),
            problem: problem.to_owned(),
        };
        let line = |byte: usize| text.get(..byte).map_or(1, |before| before.matches('\n').count() + 1);
        let mut entries = Vec::new();
        for part in split(text) {
            let (documents, error) = parse(text, part, Comments::Skip);
            if let Some(error) = error {
                return Err(malformed(line(error.at), "is not YAML"));
            }
            let lists =
                documents.iter().filter_map(|document| document.root()?.get("repositories")?.resolved());
            entries.extend(lists.flat_map(Node::items).filter_map(entry));
        }
        Ok(Self { origin: origin.to_owned(), home: home.map(Path::to_path_buf), entries })
    }

    /// Whether a password stands in it.
    pub(super) fn has_secrets(&self) -> bool {
        self.entries.iter().any(|(_, entry)| entry.login.is_some())
    }

    /// The entry of this repository, with what its certificate files have.
    pub(super) fn find(&self, target: &Target) -> Result<Option<Found>, CredentialError> {
        let rows = self.entries.iter().map(|row| (&row.0, row));
        let Some((scope, entry)) = closest(rows, target) else { return Ok(None) };
        let login = entry.login.as_ref().map(|(username, password)| Login::Basic {
            username: username.clone(),
            password: password.clone(),
        });
        let tls = Tls {
            ca: self.pem(entry.ca.as_deref())?,
            certificate: self.pem(entry.certificate.as_deref())?,
            key: self.pem(entry.key.as_deref())?.map(Secret::new),
        };
        if login.is_none() && tls.is_empty() {
            return Ok(None);
        }
        let goes_anywhere = entry.goes_anywhere;
        Ok(Some(Found { login, tls, origin: self.origin.clone(), goes_anywhere, scope: scope.clone() }))
    }

    fn pem(&self, path: Option<&str>) -> Result<Option<String>, CredentialError> {
        let Some(path) = path else { return Ok(None) };
        let home = self.home.as_deref();
        let failed = |detail: &str| CredentialError::Unreadable {
            origin: format!("`{path}`, which {} names,", self.origin),
            detail: detail.to_owned(),
        };
        // Helm takes a relative path from where it is started, which for us is somebody's repository.
        let place = files::place(path, home).ok_or_else(|| failed("its path is not absolute"))?;
        match files::read(&place, home)? {
            Some(file) if file.text.contains("-----BEGIN ") => Ok(Some(file.text)),
            Some(_) => Err(failed("it is not PEM")),
            None => Err(failed("there is no such file")),
        }
    }
}

/// One repository; `None` for one without an address.
fn entry(item: Node<'_, '_>) -> Option<(Scope, Entry)> {
    let text = |key: &str| item.text_at(&[key]).filter(|text| !text.is_empty()).map(str::to_owned);
    let scope = Scope::parse(Protocol::Helm, &text("url")?)?;
    let entry = Entry {
        login: text("username").zip(text("password").map(Secret::new)),
        ca: text("caFile"),
        certificate: text("certFile"),
        key: text("keyFile"),
        goes_anywhere: text("pass_credentials_all").as_deref() == Some("true"),
    };
    Some((scope, entry))
}
