//! Credentials of this machine, by host and path.
//!
//! They are looked up where people already have them: the `credentials` of the rules file, docker's, podman's and Helm's
//! files, their helpers, netrc, git, and what CI systems set. `docs/credentials.md` lists the places in their order.
//! Nothing here asks a person, and nothing but the request that needs it sees a secret.

mod credential;
mod docker;
mod environment;
mod error;
mod files;
mod git;
mod helm;
mod helper;
mod mapping;
mod netrc;
mod options;
mod repository;
mod run;
mod secret;
mod target;

use std::path::PathBuf;

pub use credential::{Credential, Login, Secret, Tls};
pub use error::{CredentialError, CredentialNote};
pub use options::{CredentialOptions, MappingFrom};
pub use repository::repository_secrets;
pub use secret::RepositorySecret;

use credential::Found;
use docker::DockerConfig;
use environment::Environment;
use files::Text;
use git::Git;
use helm::Repositories;
use helper::Helpers;
use mapping::Mapped;
use netrc::Netrc;
use run::Runner;
use target::{Scope, Target};

/// How a source is asked, which decides about the places that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// A registry of OCI artifacts.
    Oci,
    /// A chart repository over HTTP.
    Helm,
    /// A git repository.
    Git,
}

/// A place that was read when the search began.
#[derive(Debug)]
enum Place {
    Docker(DockerConfig),
    Repositories(Repositories),
    Netrc(Netrc),
    /// A file that is there and of no use; told when nothing else has a credential.
    Broken(CredentialError),
}

/// The credentials of this machine; safe to ask from several threads.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::host::{CredentialOptions, Credentials, Login, Protocol};
/// let mut options = CredentialOptions::default();
/// options.env.insert(
///     "DOCKER_AUTH_CONFIG".into(),
///     r#"{"auths": {"registry.example.com/team": {"username": "robot", "password": "secret"}}}"#.into(),
/// );
/// let credentials = Credentials::discover(&options);
/// let found = credentials.find(Protocol::Oci, "oci://registry.example.com/team/app")?.unwrap();
/// assert!(matches!(found.login, Some(Login::Basic { username, .. }) if username == "robot"));
/// assert_eq!(credentials.find(Protocol::Oci, "oci://registry.example.com/other/app")?, None);
/// # Ok::<(), flux_upgrade_core::host::CredentialError>(())
/// ```
#[derive(Debug)]
pub struct Credentials {
    options: CredentialOptions,
    places: Vec<(Protocol, Place)>,
    environment: Environment,
    helpers: Helpers,
    git: Git,
    notes: Vec<CredentialNote>,
}

impl Credentials {
    /// Reads the files that are there. Helpers and git run later, when something is asked that they may know.
    ///
    /// A file that cannot be used is no error here: [`find`](Self::find) tells of it where it would have mattered.
    #[must_use]
    pub fn discover(options: &CredentialOptions) -> Self {
        // A home that is not there, as in many containers, is no place to start a program in.
        let is_there = |folder: &PathBuf| folder.is_dir();
        let home = options.home.clone().filter(is_there).unwrap_or_else(std::env::temp_dir);
        let work_tree = options.work_tree.clone().filter(is_there).unwrap_or_else(|| home.clone());
        let runner = Runner { env: options.env.clone(), folder: home, timeout: options.helper_timeout };
        let mut out = Self {
            environment: Environment::read(options),
            git: Git::new(Runner { folder: work_tree, ..runner.clone() }),
            helpers: Helpers::new(runner),
            options: options.clone(),
            places: Vec::new(),
            notes: Vec::new(),
        };
        out.read_docker();
        out.read_helm();
        out.read_netrc();
        out
    }

    /// What the user should know about the places, found while reading them.
    #[must_use]
    pub fn notes(&self) -> &[CredentialNote] {
        &self.notes
    }

    /// The credential for a source, from the first place that has one.
    ///
    /// `url` is the address of the source: `oci://host/path` (also without the scheme; `http://…` for a registry that is
    /// marked insecure), `https://…`, `ssh://…`, `user@host:path`. For [`Protocol::Git`] ask when the server has answered
    /// 401, as git does: its helpers are programs. `None` means that nobody has anything for it.
    ///
    /// # Errors
    ///
    /// [`CredentialError`] where a place might have a credential and cannot give it, and no other place has one. The
    /// source may still answer without: tell of the error when it does not.
    pub fn find(&self, protocol: Protocol, url: &str) -> Result<Option<Credential>, CredentialError> {
        let target = Target::parse(protocol, url)?;
        match mapping::find(&self.options, protocol, &target, &self.helpers)? {
            Mapped::Nowhere => return Ok(None),
            Mapped::Found(found) => return found.checked(protocol, &target).map(Some),
            Mapped::Unnamed => {}
        }
        let mut first_error = None;
        let mut take = |found: Result<Option<Found>, CredentialError>| {
            let checked =
                found.and_then(|found| found.map(|found| found.checked(protocol, &target)).transpose());
            checked.unwrap_or_else(|error| {
                first_error.get_or_insert(error);
                None
            })
        };
        for (secret, scope) in self.secrets(protocol, &target) {
            if let Some(found) = take(secret.find(&target, scope)) {
                return Ok(Some(found));
            }
        }
        if matches!(target.scheme.as_str(), "https" | "http") {
            if let Some(found) = self.in_address(&target).and_then(|found| take(Ok(Some(found)))) {
                return Ok(Some(found));
            }
            for (_, place) in self.places.iter().filter(|(of, _)| *of == protocol) {
                let found = match place {
                    Place::Docker(config) => config.find(&target, Some(&self.helpers)),
                    Place::Repositories(repositories) => repositories.find(&target),
                    Place::Netrc(netrc) => Ok(netrc.find(&target)),
                    Place::Broken(error) => Err(error.clone()),
                };
                if let Some(found) = take(found) {
                    return Ok(Some(found));
                }
            }
            if protocol == Protocol::Git {
                if let Some(found) = take(Ok(self.git.header(&target))) {
                    return Ok(Some(found));
                }
                if let Some(found) = take(self.git.fill(&target)) {
                    return Ok(Some(found));
                }
            }
            if let Some(found) = take(Ok(self.environment.find(protocol, &target))) {
                return Ok(Some(found));
            }
        }
        first_error.map_or(Ok(None), Err)
    }

    /// The credential of the repository's own Secret for a source, if it brings certificates: looked up without running a program,
    /// for requests that show no login.
    pub(super) fn certificates(&self, protocol: Protocol, url: &str) -> Option<Credential> {
        let target = Target::parse(protocol, url).ok()?;
        let mut secrets = self.secrets(protocol, &target);
        secrets.find_map(|(secret, scope)| {
            let found = secret.find(&target, scope).ok()??.checked(protocol, &target).ok()?;
            (!found.tls.is_empty()).then_some(found)
        })
    }

    /// The Secrets that are for a target.
    fn secrets<'s>(
        &'s self,
        protocol: Protocol,
        target: &'s Target,
    ) -> impl Iterator<Item = (&'s RepositorySecret, Scope)> {
        self.options.secrets.iter().filter_map(move |secret| {
            let scope = secret.scope(protocol)?;
            scope.covers(target)?;
            Some((secret, scope))
        })
    }

    /// A user and a password that stand in the address.
    fn in_address(&self, target: &Target) -> Option<Found> {
        let (user, password) = target.user.as_ref()?;
        let scope = target.own_scope();
        Some(Found::basic(user, password.as_ref()?.expose(), scope, "the address itself"))
    }

    fn read_docker(&mut self) {
        let options = &self.options;
        if let Some(text) = options.text("DOCKER_AUTH_CONFIG") {
            let place = match DockerConfig::parse("the variable `DOCKER_AUTH_CONFIG`", &text) {
                Ok(config) => Place::Docker(config),
                Err(error) => Place::Broken(error),
            };
            self.places.push((Protocol::Oci, place));
        }
        let below_home = |path: &str| self.options.home.as_ref().map(|home| home.join(path));
        let config = options.path("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
        let docker = options.path("DOCKER_CONFIG").or_else(|| below_home(".docker"));
        let helm = options.path("HELM_REGISTRY_CONFIG");
        let files = [
            docker.map(|folder| folder.join("config.json")),
            options.path("REGISTRY_AUTH_FILE"),
            options.path("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
            config.map(|folder| folder.join("containers/auth.json")),
            helm.or_else(|| helm::folder(options).map(|folder| folder.join("registry/config.json"))),
        ];
        for file in files {
            self.read(Protocol::Oci, file, |file| {
                let config = DockerConfig::parse(&file.shown, &file.text)?;
                Ok((config.has_secrets(), Place::Docker(config)))
            });
        }
    }

    fn read_helm(&mut self) {
        let file = self.options.path("HELM_REPOSITORY_CONFIG");
        let file =
            file.or_else(|| helm::folder(&self.options).map(|folder| folder.join("repositories.yaml")));
        let home = self.options.home.clone();
        self.read(Protocol::Helm, file, |file| {
            let repositories = Repositories::parse(&file.shown, &file.text, home.as_deref())?;
            Ok((repositories.has_secrets(), Place::Repositories(repositories)))
        });
    }

    fn read_netrc(&mut self) {
        let name = if cfg!(windows) { "_netrc" } else { ".netrc" };
        let file = self.options.path("NETRC");
        let file = file.or_else(|| self.options.home.as_ref().map(|home| home.join(name)));
        for protocol in [Protocol::Helm, Protocol::Git] {
            self.read(protocol, file.clone(), |file| {
                let netrc = Netrc::parse(&file.shown, &file.text)?;
                Ok((netrc.has_secrets(), Place::Netrc(netrc)))
            });
        }
    }

    /// Adds the place that a file is, if it is there; `read` also says whether secrets stand in it.
    fn read(
        &mut self,
        protocol: Protocol,
        file: Option<PathBuf>,
        read: impl FnOnce(&Text) -> Result<(bool, Place), CredentialError>,
    ) {
        let Some(path) = file else { return };
        let place = match files::read(&path, self.options.home.as_deref()) {
            Ok(None) => return,
            Err(error) => Place::Broken(error),
            Ok(Some(file)) => match read(&file) {
                Ok((has_secrets, place)) => {
                    let note = CredentialNote {
                        code: "host.credential-open",
                        message: format!(
                            "{} has secrets, and others on this machine may read it",
                            file.shown
                        ),
                        help: format!("chmod 600 {}", file.shown),
                    };
                    if has_secrets && file.is_open && !self.notes.contains(&note) {
                        self.notes.push(note);
                    }
                    place
                }
                Err(error) => Place::Broken(error),
            },
        };
        self.places.push((protocol, place));
    }
}
