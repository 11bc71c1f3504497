//! Pull requests at a forge: GitHub, GitLab, Gitea and Forgejo.
//!
//! [`Forge::sync`] compares what is wanted with what is open, and makes the difference. Each forge has a file that speaks its
//! REST API; which request is sent when is decided here, alike for all.

mod api;
mod error;
mod gitea;
mod github;
mod gitlab;
mod mark;
mod remote;
mod sync;

use std::fmt;

use api::Api;
pub use error::ForgeError;
pub use remote::{ForgeKind, Home};
pub use sync::{Closing, Proposal, Synced, SyncedState, Unsynced};

use sync::is_same_label;

use super::{Cancel, HttpOptions, Secret};

/// What the requests to a forge prove who asks with.
#[derive(Debug, Clone)]
struct Token {
    /// The header that carries it.
    header: &'static str,
    /// What stands before it in the header.
    before: &'static str,
    secret: Secret,
}

/// A project at a forge.
pub struct Forge {
    speaks: Box<dyn Speaks>,
    home: Home,
}

impl fmt::Debug for Forge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forge").field("home", &self.home).finish_non_exhaustive()
    }
}

impl Forge {
    /// The project at `home`, asked with a token of the environment.
    ///
    /// The home's host may be asked whatever address it has: the user has named it.
    ///
    /// # Errors
    ///
    /// [`ForgeError::NoToken`] with the variables that are looked for.
    pub fn new(
        home: Home,
        variable: impl Fn(&str) -> Option<String>,
        http: HttpOptions,
        cancel: Cancel,
    ) -> Result<Self, ForgeError> {
        let token = Token::find(home.kind, variable).ok_or(ForgeError::NoToken { kind: home.kind })?;
        let api = Api::new(&home, token, http, cancel)?;
        let project = home.project.clone();
        let speaks: Box<dyn Speaks> = match home.kind {
            ForgeKind::GitHub => Box::new(github::GitHub::new(api, project)),
            ForgeKind::GitLab => Box::new(gitlab::GitLab::new(api, &project)),
            ForgeKind::Gitea => Box::new(gitea::Gitea::new(api, project)),
        };
        Ok(Self { speaks, home })
    }

    /// Where it is.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }
}

impl Token {
    /// The token of the environment for a kind of forge.
    fn find(kind: ForgeKind, variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let found =
            |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let first = |names: &[&str]| names.iter().find_map(|name| found(name)).map(Secret::new);
        let token = |header, before, secret| Self { header, before, secret };
        match kind {
            ForgeKind::GitHub => {
                first(kind.variables()).map(|secret| token("Authorization", "Bearer ", secret))
            }
            ForgeKind::GitLab => first(&["GITLAB_TOKEN"])
                .map(|secret| token("PRIVATE-TOKEN", "", secret))
                .or_else(|| first(&["CI_JOB_TOKEN"]).map(|secret| token("JOB-TOKEN", "", secret))),
            ForgeKind::Gitea => {
                // Their own runners give it the name that GitHub's have.
                let runner = ["GITEA_ACTIONS", "FORGEJO_ACTIONS"].iter().any(|name| found(name).is_some());
                first(&["GITEA_TOKEN", "FORGEJO_TOKEN"])
                    .or_else(|| first(&["GITHUB_TOKEN"]).filter(|_| runner))
                    .map(|secret| token("Authorization", "token ", secret))
            }
        }
    }
}

/// A pull request as a forge has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Found {
    number: u64,
    /// GitHub's global identifier.
    node: String,
    branch: String,
    base: String,
    /// Without the words that mark a draft.
    title: String,
    body: String,
    is_merged: bool,
    is_draft: bool,
    merges_itself: bool,
    labels: Vec<String>,
    url: String,
}

/// What changes in a pull request; `None` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Text<'t> {
    title: Option<&'t str>,
    body: Option<&'t str>,
    base: Option<&'t str>,
}

impl Text<'_> {
    fn is_empty(&self) -> bool {
        *self == Text::default()
    }
}

/// What each forge is asked.
trait Speaks: Send + Sync {
    /// The open pull requests of branches of the project itself.
    fn open_ones(&self) -> Result<Vec<Found>, ForgeError>;
    /// The newest pull request of a branch that is no longer open.
    fn last_closed(&self, branch: &str) -> Result<Option<Found>, ForgeError>;
    fn open(&self, proposal: &Proposal, body: &str) -> Result<Found, ForgeError>;
    fn update(&self, found: &Found, text: &Text<'_>) -> Result<(), ForgeError>;
    /// Adds labels and takes others away; those that the project lacks are made.
    fn change_labels(&self, found: &Found, more: &[String], less: &[String]) -> Result<(), ForgeError>;
    fn ask_reviewers(&self, found: &Found, reviewers: &[String]) -> Result<(), ForgeError>;
    fn merge_when_ready(&self, found: &Found) -> Result<(), ForgeError>;
    /// Closes it under another title.
    fn close(&self, found: &Found, title: &str) -> Result<(), ForgeError>;
    fn comment(&self, found: &Found, text: &str) -> Result<(), ForgeError>;
}

/// The colour of labels that are made.
const LABEL_COLOR: &str = "326ce5";
/// What labels that are made are for.
const LABEL_FOR: &str = "Set by flux-upgrade";
