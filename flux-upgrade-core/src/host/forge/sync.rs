//! From what is wanted to what is open.

use std::collections::BTreeMap;

use super::mark::{Mark, marked};
use super::{Forge, ForgeError, Found, Text};

/// What a title gets when its pull request is closed as obsolete.
const OBSOLETE: &str = " (obsolete)";

/// A pull request that shall be open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proposal {
    /// The branch that it is for.
    pub branch: String,
    /// The branch that it is to be merged into.
    pub base: String,
    /// Its title.
    pub title: String,
    /// Its text, Markdown.
    pub body: String,
    /// What it offers, the same text as long as it offers the same; by it a pull request that somebody has closed is known.
    pub offer: String,
    /// Labels that are added; those of others stay.
    pub labels: Vec<String>,
    /// Labels that an earlier text of ours may have brought, and that are taken away.
    pub no_labels: Vec<String>,
    /// Who is asked when it is opened: names of users, or `org/team`.
    pub reviewers: Vec<String>,
    /// Whether it is opened as a draft.
    pub draft: bool,
    /// Whether the forge shall merge it once its checks have passed.
    pub automerge: bool,
}

/// A pull request whose branch nothing is wanted of any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The branch.
    pub branch: String,
    /// What is said.
    pub comment: String,
}

/// A branch whose pull request is not as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{branch}: {error}")]
pub struct Unsynced {
    /// The branch.
    pub branch: String,
    /// Why.
    #[source]
    pub error: ForgeError,
}

/// What became of the pull request of one branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synced {
    /// The branch.
    pub branch: String,
    /// What became of it.
    pub state: SyncedState,
    /// Its number, if there is one.
    pub number: Option<u64>,
    /// Where to look at it.
    pub url: String,
    /// What did not work, and does not matter enough to fail.
    pub notes: Vec<String>,
}

/// What became of a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncedState {
    /// It is new.
    Opened,
    /// It was open, and had what is wanted.
    Unchanged,
    /// It has a new text.
    Updated,
    /// Somebody has changed its text, which stays.
    Edited,
    /// Somebody has opened one for this branch: it stays as it is, and none is opened beside it.
    Foreign,
    /// Somebody has closed one that offered the same, and it stays closed.
    Declined,
    /// It was ours, and nothing is wanted of its branch any more.
    Closed,
}

impl SyncedState {
    /// The state in a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Unchanged => "unchanged",
            Self::Updated => "updated",
            Self::Edited => "edited",
            Self::Foreign => "foreign",
            Self::Declined => "declined",
            Self::Closed => "closed",
        }
    }
}

impl Forge {
    /// Which of these have a pull request that offered the same, and that somebody has closed without merging it: what was
    /// declined is not offered again until it is about another version. Of a proposal the branch, the title and the offer count.
    ///
    /// # Errors
    ///
    /// [`ForgeError`] where the forge refuses or does not answer.
    pub fn declined(&self, wanted: &[Proposal]) -> Result<Vec<bool>, ForgeError> {
        let open = self.open_by_branch()?;
        let of = |proposal: &Proposal| {
            Ok(open.ours(&proposal.branch).is_none() && self.was_declined(proposal)?.is_some())
        };
        wanted.iter().map(of).collect()
    }

    /// Opens and updates what is wanted, and closes what is not; run again, nothing is sent but questions.
    ///
    /// A text that somebody has changed stays, and so does a pull request that somebody has closed. What does not bear our mark
    /// is somebody's, and nothing is sent to it.
    ///
    /// # Errors
    ///
    /// One for each branch where the forge refuses or does not answer; the others go on. The first error alone where not
    /// even the list could be had.
    pub fn sync(
        &self,
        wanted: &[Proposal],
        obsolete: &[Closing],
    ) -> Result<Vec<Result<Synced, Unsynced>>, ForgeError> {
        let open = self.open_by_branch()?;
        let named = |branch: &str, result: Result<Synced, ForgeError>| {
            result.map_err(|error| Unsynced { branch: branch.to_owned(), error })
        };
        let mut out: Vec<_> =
            wanted.iter().map(|proposal| named(&proposal.branch, self.bring(proposal, &open))).collect();
        for Closing { branch, comment } in obsolete {
            if let Some((found, _)) = open.ours(branch) {
                out.push(named(branch, self.close(found, comment)));
            }
        }
        Ok(out)
    }

    fn open_by_branch(&self) -> Result<Open, ForgeError> {
        let mut open = Open::default();
        for found in self.speaks.open_ones()? {
            open.0.entry(found.branch.clone()).or_default().push(found);
        }
        for of_branch in open.0.values_mut() {
            of_branch.sort_by_key(|found| found.number);
        }
        Ok(open)
    }

    /// What somebody has closed without merging it, and that offered the same; what we have closed ourselves may come again.
    fn was_declined(&self, proposal: &Proposal) -> Result<Option<Found>, ForgeError> {
        let last = self.speaks.last_closed(&proposal.branch)?;
        let is_same = |found: &Found| match Mark::of(found).and_then(|mark| mark.offers(&proposal.offer)) {
            Some(same) => same,
            None => found.title == proposal.title,
        };
        Ok(last.filter(|found| !found.is_merged && !found.title.ends_with(OBSOLETE) && is_same(found)))
    }

    /// Brings the pull request of one branch to what is wanted.
    fn bring(&self, proposal: &Proposal, open: &Open) -> Result<Synced, ForgeError> {
        if let Some((found, mark)) = open.ours(&proposal.branch) {
            return self.bring_up_to_date(proposal, found, &mark);
        }
        if let Some(found) = open.for_base(&proposal.branch, &proposal.base) {
            return Ok(synced(found, SyncedState::Foreign, Vec::new()));
        }
        if let Some(found) = self.was_declined(proposal)? {
            return Ok(synced(&found, SyncedState::Declined, Vec::new()));
        }
        self.offer(proposal)
    }

    fn offer(&self, proposal: &Proposal) -> Result<Synced, ForgeError> {
        let found = match self.speaks.open(proposal, &marked(proposal)) {
            // Another run was faster, or a person.
            Err(error) if error.is_status(422) || error.is_status(409) => {
                let open = self.open_by_branch()?;
                return match (open.ours(&proposal.branch), open.for_base(&proposal.branch, &proposal.base)) {
                    (Some((found, mark)), _) => self.bring_up_to_date(proposal, found, &mark),
                    (None, Some(found)) => Ok(synced(found, SyncedState::Foreign, Vec::new())),
                    (None, None) => Err(error),
                };
            }
            other => other?,
        };
        let mut notes = Vec::new();
        let mut note =
            |result: Result<(), ForgeError>| notes.extend(result.err().map(|error| error.to_string()));
        if !proposal.labels.is_empty() {
            note(self.speaks.change_labels(&found, &proposal.labels, &[]));
        }
        if !proposal.reviewers.is_empty() {
            note(self.speaks.ask_reviewers(&found, &proposal.reviewers));
        }
        if proposal.automerge && !proposal.draft {
            note(self.speaks.merge_when_ready(&found));
        }
        Ok(synced(&found, SyncedState::Opened, notes))
    }

    fn bring_up_to_date(
        &self,
        proposal: &Proposal,
        found: &Found,
        mark: &Mark,
    ) -> Result<Synced, ForgeError> {
        let mut notes = Vec::new();
        let body = marked(proposal);
        let is_other = |new: &str, old: &str| new.trim_end() != old.replace("\r\n", "\n").trim_end();
        let mut text = Text::default();
        let has_our_base = mark.has_set(&found.base);
        if found.base != proposal.base && has_our_base {
            text.base = Some(&proposal.base);
        }
        if found.base != proposal.base && !has_our_base {
            let (theirs, wanted) = (&found.base, &proposal.base);
            notes.push(format!(
                "its pull request is for `{theirs}`, as somebody has set it, and not for `{wanted}`"
            ));
        }
        let is_ours = mark.is_whole && (has_our_base || found.base == proposal.base);
        if is_ours {
            text.title = (proposal.title != found.title).then_some(proposal.title.as_str());
            text.body = is_other(&body, &found.body).then_some(body.as_str());
        }
        if !text.is_empty() {
            self.speaks.update(found, &text)?;
        }
        let has = |label: &String| found.labels.iter().any(|other| is_same_label(other, label));
        // A label that somebody has taken away stays away once the text is not ours alone.
        let of_ours = |labels: &[String], wanted: bool| -> Vec<String> {
            labels.iter().filter(|label| is_ours && has(label) != wanted).cloned().collect()
        };
        let (missing, gone) = (of_ours(&proposal.labels, true), of_ours(&proposal.no_labels, false));
        let has_labels = !missing.is_empty() || !gone.is_empty();
        if has_labels && let Err(error) = self.speaks.change_labels(found, &missing, &gone) {
            notes.push(error.to_string());
        }
        if proposal.automerge
            && is_ours
            && !found.merges_itself
            && !found.is_draft
            && let Err(error) = self.speaks.merge_when_ready(found)
            && !error.is_status(409)
        {
            notes.push(error.to_string());
        }
        let state = match is_ours {
            true if text.is_empty() && !has_labels => SyncedState::Unchanged,
            true => SyncedState::Updated,
            false => SyncedState::Edited,
        };
        Ok(synced(found, state, notes))
    }

    /// Closes what is obsolete and says why: in this order, so that a refused closing says nothing in each run.
    fn close(&self, found: &Found, comment: &str) -> Result<Synced, ForgeError> {
        self.speaks.close(found, &format!("{}{OBSOLETE}", found.title))?;
        let said = self.speaks.comment(found, comment);
        Ok(synced(
            found,
            SyncedState::Closed,
            said.err().map(|error| error.to_string()).into_iter().collect(),
        ))
    }
}

/// What is open by branch: several may be, into different bases.
#[derive(Default)]
struct Open(BTreeMap<String, Vec<Found>>);

impl Open {
    /// The one of a branch that bears our mark.
    fn ours(&self, branch: &str) -> Option<(&Found, Mark)> {
        self.0.get(branch)?.iter().find_map(|found| Some((found, Mark::of(found)?)))
    }

    /// The one from a branch into another.
    fn for_base(&self, branch: &str, base: &str) -> Option<&Found> {
        self.0.get(branch)?.iter().find(|found| found.base == base)
    }
}

/// Whether two labels are one: GitHub compares their names without regard to case, and elsewhere a twin helps nobody.
pub(super) fn is_same_label(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

fn synced(found: &Found, state: SyncedState, notes: Vec<String>) -> Synced {
    Synced { branch: found.branch.clone(), state, number: Some(found.number), url: found.url.clone(), notes }
}
