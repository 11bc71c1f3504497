//! Variables that CI systems set for the jobs that they run.
//!
//! Source: GitLab "Predefined CI/CD variables", GitHub "Default environment variables", `gh help environment`.

use super::Protocol;
use super::credential::Found;
use super::docker::closest;
use super::options::CredentialOptions;
use super::target::{Scope, Target};

/// What the variables say.
#[derive(Debug, Clone)]
pub(super) struct Environment {
    entries: Vec<(Scope, Entry)>,
}

#[derive(Clone)]
struct Entry {
    protocols: &'static [Protocol],
    username: String,
    password: String,
    variable: &'static str,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("variable", &self.variable).finish_non_exhaustive()
    }
}

impl Environment {
    pub(super) fn read(options: &CredentialOptions) -> Self {
        let mut entries = Vec::new();
        let mut add = |address: String, protocols, username: &str, password: String, variable| {
            if let Some(scope) = Scope::parse(Protocol::Git, &address) {
                entries.push((scope, Entry { protocols, username: username.to_owned(), password, variable }));
            }
        };
        // A job of GitLab may read the registry and the repositories of its own server.
        if let (Some(host), Some(user), Some(password)) = (
            options.text("CI_REGISTRY"),
            options.text("CI_REGISTRY_USER"),
            options.text("CI_REGISTRY_PASSWORD"),
        ) {
            add(host, &[Protocol::Oci], &user, password, "CI_REGISTRY_PASSWORD");
        }
        if let (Some(host), Some(token)) = (options.text("CI_SERVER_HOST"), options.text("CI_JOB_TOKEN")) {
            let scheme = options.text("CI_SERVER_PROTOCOL").unwrap_or_else(|| "https".to_owned());
            let port = options.text("CI_SERVER_PORT").map_or_else(String::new, |port| format!(":{port}"));
            let address = format!("{scheme}://{host}{port}");
            add(address, &[Protocol::Git, Protocol::Helm], "gitlab-ci-token", token, "CI_JOB_TOKEN");
        }
        // GitHub's, for git alone: its registry refuses a token without the right scope where it lets anybody in.
        for variable in ["GH_TOKEN", "GITHUB_TOKEN"] {
            if let Some(token) = options.text(variable) {
                let server =
                    options.text("GITHUB_SERVER_URL").unwrap_or_else(|| "https://github.com".to_owned());
                add(server, &[Protocol::Git], "x-access-token", token, variable);
            }
        }
        Self { entries }
    }

    pub(super) fn find(&self, protocol: Protocol, target: &Target) -> Option<Found> {
        let rows = self.entries.iter().filter(|(_, entry)| entry.protocols.contains(&protocol));
        let (scope, entry) = closest(rows.map(|row| (&row.0, row)), target)?;
        let origin = format!("the variable `{}`", entry.variable);
        Some(Found::basic(&entry.username, &entry.password, scope.clone(), origin))
    }
}
