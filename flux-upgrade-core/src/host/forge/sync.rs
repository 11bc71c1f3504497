//! From what is wanted to what is open.

use std::collections::BTreeMap;

use super::mark::{Mark, mark, marked};
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
    /// Labels that are added; those of others stay.
    pub labels: Vec<String>,
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
    /// Somebody has closed one with this title, and it stays closed.
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
            Self::Declined => "declined",
            Self::Closed => "closed",
        }
    }
}

impl Forge {
    /// Which of these branches have a pull request with this title that somebody has closed without merging it: what
    /// was declined is not offered again until it is about another version. Pairs of branch and title.
    ///
    /// # Errors
    ///
    /// [`ForgeError`] where the forge refuses or does not answer.
    pub fn declined(&self, branches: &[(&str, &str)]) -> Result<Vec<bool>, ForgeError> {
        let open = self.open_by_branch()?;
        let of = |(branch, title): &(&str, &str)| {
            Ok(!open.contains_key(*branch) && self.was_declined(branch, title)?.is_some())
        };
        branches.iter().map(of).collect()
    }

    /// Opens and updates what is wanted, and closes what is not; run again, nothing is sent but questions.
    ///
    /// A text that somebody has changed stays, and so does a pull request that somebody has closed. Closed are only those
    /// that bear our mark.
    ///
    /// # Errors
    ///
    /// One for each branch where the forge refuses or does not answer; the others go on. The first error alone where not
    /// even the list could be had.
    pub fn sync(
        &self,
        wanted: &[Proposal],
        obsolete: &[Closing],
    ) -> Result<Vec<Result<Synced, ForgeError>>, ForgeError> {
        let open = self.open_by_branch()?;
        let mut out: Vec<_> = wanted
            .iter()
            .map(|proposal| match open.get(&proposal.branch) {
                Some(found) => self.bring_up_to_date(proposal, found),
                None => self.offer(proposal),
            })
            .collect();
        for Closing { branch, comment } in obsolete {
            let Some(found) = open.get(branch).filter(|found| mark(&found.title, &found.body) != Mark::None)
            else {
                continue;
            };
            let title = format!("{}{OBSOLETE}", found.title);
            let closed = self.speaks.close(found, &title, comment);
            out.push(closed.map(|()| synced(found, SyncedState::Closed, Vec::new())));
        }
        Ok(out)
    }

    fn open_by_branch(&self) -> Result<BTreeMap<String, Found>, ForgeError> {
        let mut open = BTreeMap::new();
        // Several may be open for one branch, into different bases: the first is ours.
        for found in self.speaks.open_ones()? {
            let earlier = open.get(&found.branch).is_some_and(|other: &Found| other.number < found.number);
            if !earlier {
                open.insert(found.branch.clone(), found);
            }
        }
        Ok(open)
    }

    fn was_declined(&self, branch: &str, title: &str) -> Result<Option<Found>, ForgeError> {
        let last = self.speaks.last_closed(branch)?;
        Ok(last.filter(|found| !found.is_merged && found.title == title))
    }

    fn offer(&self, proposal: &Proposal) -> Result<Synced, ForgeError> {
        if let Some(found) = self.was_declined(&proposal.branch, &proposal.title)? {
            return Ok(synced(&found, SyncedState::Declined, Vec::new()));
        }
        let body = marked(&proposal.title, &proposal.body);
        let found = match self.speaks.open(proposal, &body) {
            // Another run was faster.
            Err(error) if error.is_status(422) || error.is_status(409) => {
                match self.open_by_branch()?.remove(&proposal.branch) {
                    Some(found) => return self.bring_up_to_date(proposal, &found),
                    None => return Err(error),
                }
            }
            other => other?,
        };
        let mut notes = Vec::new();
        let mut note =
            |result: Result<(), ForgeError>| notes.extend(result.err().map(|error| error.to_string()));
        if !proposal.labels.is_empty() {
            note(self.speaks.add_labels(&found, &proposal.labels));
        }
        if !proposal.reviewers.is_empty() {
            note(self.speaks.ask_reviewers(&found, &proposal.reviewers));
        }
        if proposal.automerge && !proposal.draft {
            note(self.speaks.merge_when_ready(&found));
        }
        Ok(synced(&found, SyncedState::Opened, notes))
    }

    fn bring_up_to_date(&self, proposal: &Proposal, found: &Found) -> Result<Synced, ForgeError> {
        let mut notes = Vec::new();
        let mine = mark(&found.title, &found.body);
        let body = marked(&proposal.title, &proposal.body);
        let is_other = |new: &str, old: &str| new.trim_end() != old.replace("\r\n", "\n").trim_end();
        let mut text = Text::default();
        if found.base != proposal.base {
            text.base = Some(&proposal.base);
        }
        if mine == Mark::Ours {
            text.title = (proposal.title != found.title).then_some(proposal.title.as_str());
            text.body = is_other(&body, &found.body).then_some(body.as_str());
        }
        if !text.is_empty() {
            self.speaks.update(found, &text)?;
        }
        let missing: Vec<String> =
            proposal.labels.iter().filter(|label| !found.labels.contains(label)).cloned().collect();
        // A label that somebody has taken away stays away once the text is not ours alone.
        let has_labels = !missing.is_empty() && mine == Mark::Ours;
        if has_labels && let Err(error) = self.speaks.add_labels(found, &missing) {
            notes.push(error.to_string());
        }
        if proposal.automerge
            && !found.merges_itself
            && !found.is_draft
            && let Err(error) = self.speaks.merge_when_ready(found)
            && !error.is_status(409)
        {
            notes.push(error.to_string());
        }
        let state = match mine {
            Mark::Ours if text.is_empty() && !has_labels => SyncedState::Unchanged,
            Mark::Ours => SyncedState::Updated,
            Mark::Edited | Mark::None => SyncedState::Edited,
        };
        Ok(synced(found, state, notes))
    }
}

fn synced(found: &Found, state: SyncedState, notes: Vec<String>) -> Synced {
    Synced { branch: found.branch.clone(), state, number: Some(found.number), url: found.url.clone(), notes }
}
