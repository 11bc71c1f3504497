//! What a search for credentials goes by.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use super::RepositorySecret;
use crate::rules::CredentialRule;

/// Who has written the rules file that maps hosts to places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MappingFrom {
    /// It stands in the repository that is planned: it may name variables that begin with `FLUX_UPGRADE_` alone.
    #[default]
    Repository,
    /// The user named it: it may name any variable.
    User,
}

/// What a search for credentials goes by; the default is an empty machine.
#[derive(Clone)]
pub struct CredentialOptions {
    /// Variables of the environment; helpers run with these, and are found by the `PATH` among them.
    pub env: BTreeMap<OsString, OsString>,
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// `credentials` of the rules file, see [`Rules::credentials`](crate::rules::Rules::credentials).
    pub mapping: Vec<CredentialRule>,
    /// Where that file is from.
    pub mapping_from: MappingFrom,
    /// Secrets found unencrypted in the repository, see [`repository_secrets`](super::repository_secrets); the caller hands
    /// them in where the user allows it.
    pub secrets: Vec<RepositorySecret>,
    /// The work tree whose own git configuration counts as well. Running git in it means trusting its `.git/config`, as
    /// every command of git does. Without it git runs in the home folder.
    pub work_tree: Option<PathBuf>,
    /// How long one helper may take.
    pub helper_timeout: Duration,
}

impl Default for CredentialOptions {
    fn default() -> Self {
        Self {
            env: BTreeMap::new(),
            home: None,
            mapping: Vec::new(),
            mapping_from: MappingFrom::default(),
            secrets: Vec::new(),
            work_tree: None,
            helper_timeout: Duration::from_secs(10),
        }
    }
}

/// Names of variables, never their values.
impl std::fmt::Debug for CredentialOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CredentialOptions")
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("home", &self.home)
            .field("mapping", &self.mapping)
            .field("mapping_from", &self.mapping_from)
            .field("secrets", &self.secrets)
            .field("work_tree", &self.work_tree)
            .field("helper_timeout", &self.helper_timeout)
            .finish()
    }
}

impl CredentialOptions {
    /// The environment and the home folder of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self { env: std::env::vars_os().collect(), home: std::env::home_dir(), ..Self::default() }
    }

    /// A variable that is set, not empty, and UTF-8.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let value = variable(&self.env, name)?.to_str()?;
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// A variable that holds an absolute path.
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        Some(PathBuf::from(variable(&self.env, name)?)).filter(|path| path.is_absolute())
    }
}

/// A variable; on Windows, names have no case.
pub(super) fn variable<'e>(env: &'e BTreeMap<OsString, OsString>, name: &str) -> Option<&'e OsStr> {
    let same = |key: &OsStr| cfg!(windows) && key.eq_ignore_ascii_case(name);
    let found =
        env.get(OsStr::new(name)).or_else(|| env.iter().find(|(key, _)| same(key)).map(|(_, value)| value));
    found.map(OsString::as_os_str)
}
