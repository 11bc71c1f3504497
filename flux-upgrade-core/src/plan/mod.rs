//! Stage 4: what is done with each site, and why nothing is done.

mod reason;

pub use reason::{Beyond, Failure, Reason};

use crate::diagnostic::Diagnostic;
use crate::locate::Site;
use crate::patch::Edit;
use crate::version::Level;

/// What is done with every site: each is a change or is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Every site, by path and position.
    pub sites: Vec<Site>,
    /// Sites that move, in the order of `sites`.
    pub changes: Vec<Change>,
    /// Sites that stay, in the order of `sites`.
    pub held: Vec<Held>,
    /// Findings about the files.
    pub diagnostics: Vec<Diagnostic>,
}

/// A site that moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Index into [`Plan::sites`].
    pub site: usize,
    /// The value before, unquoted.
    pub from: String,
    /// The value after, unquoted.
    pub to: String,
    /// How far it moves.
    pub level: Level,
    /// When the new version was published, RFC 3339.
    pub published: Option<String>,
    /// What is newer still and outside the rules.
    pub beyond: Option<Beyond>,
    /// What a reviewer should know: the current tag has vanished, …
    pub notes: Vec<String>,
    /// The bytes to replace, by position.
    pub edits: Vec<Edit>,
}

/// A site that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Index into [`Plan::sites`].
    pub site: usize,
    /// Why.
    pub reason: Reason,
}

impl Plan {
    /// The site of a change.
    #[must_use]
    pub fn site_of(&self, change: &Change) -> &Site {
        &self.sites[change.site]
    }
}

/// Why a site moves or stays, candidate by candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Index into [`Plan::sites`].
    pub site: usize,
    /// What was asked.
    pub source: String,
    /// Every candidate, newest first.
    pub candidates: Vec<Verdict>,
}

/// What was thought of one candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The candidate.
    pub text: String,
    /// When it was published, RFC 3339.
    pub published: Option<String>,
    /// Whether it is the choice.
    pub taken: bool,
    /// Why, or why not.
    pub why: String,
}

/// Decides every site. Stand-in.
#[must_use]
pub fn plan(
    inventory: &crate::Inventory<'_>,
    sites: Vec<Site>,
    _resolution: &crate::resolve::Resolution,
    _rules: &crate::rules::Rules,
) -> Plan {
    Plan { sites, changes: Vec::new(), held: Vec::new(), diagnostics: inventory.diagnostics.clone() }
}

/// Explains one site. Stand-in.
#[must_use]
pub fn explain(
    _plan: &Plan,
    site: usize,
    _resolution: &crate::resolve::Resolution,
    _rules: &crate::rules::Rules,
) -> Explanation {
    Explanation { site, source: String::new(), candidates: Vec::new() }
}
