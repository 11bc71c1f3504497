//! Stage 3: sites and answers to what is published.
//!
//! The core asks ([`Resolver::step`]), a host answers in any order ([`Resolver::answer`]), in rounds: lists first, then
//! the digests and dates that decisions turn out to need. No socket, file or clock is touched here.

mod query;
mod questions;
mod recording;
pub mod select;
mod snapshot;

use std::collections::BTreeMap;

pub use query::{Answer, Ask, Outcome, Query};
pub(crate) use questions::Questions;
pub use recording::Recording;
pub use snapshot::{Snapshot, SnapshotError};

use crate::flux::Release;
use crate::locate::{Site, SourceKey};
use crate::plan::Failure;
use crate::rules::Rules;
use crate::time::Timestamp;

/// Something published that a site could move to: a chart version, a tag, a git ref.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidate {
    /// The version, tag or ref name as published.
    pub text: String,
    /// Its digest, for git its commit, where the source tells.
    pub digest: Option<String>,
    /// For a tag of git that is an object of its own, that object; its commit is the digest.
    pub tag_object: Option<String>,
    /// When it was published, where the source tells.
    pub created: Option<Timestamp>,
    /// `appVersion` of a chart.
    pub app_version: Option<String>,
    /// `kubeVersion` of a chart.
    pub kube_version: Option<String>,
    /// Whether the chart is marked as deprecated.
    pub deprecated: bool,
}

impl Candidate {
    /// A candidate of which only the text is known.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// What is published, by source; the answers of all rounds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resolution {
    lists: BTreeMap<SourceKey, Result<Vec<Candidate>, Failure>>,
    digests: BTreeMap<(String, String), Result<String, Failure>>,
    created: BTreeMap<(String, String), Result<Option<Timestamp>, Failure>>,
    manifests: BTreeMap<String, Result<Release, Failure>>,
    /// Refs of git, by canonical URL and name.
    ref_dates: BTreeMap<(String, String), Option<Timestamp>>,
}

impl Resolution {
    /// What a source publishes, in the order of its answer.
    ///
    /// # Errors
    ///
    /// Why it gave no list; [`Failure::NotAsked`] for a source that no site refers to.
    pub fn candidates(&self, source: &SourceKey) -> Result<&[Candidate], &Failure> {
        match self.lists.get(&source.canonical()) {
            Some(Ok(list)) => Ok(list),
            Some(Err(failure)) => Err(failure),
            None => Err(&Failure::NotAsked),
        }
    }

    /// The candidate of a tag, to add what else was asked about it: then a snapshot, which has all of it in one place,
    /// gives the same plan as the registry did.
    fn candidate(&mut self, repository: &str, tag: &str) -> Option<&mut Candidate> {
        let key = SourceKey::Oci { repository: repository.to_owned() };
        self.lists.get_mut(&key)?.as_mut().ok()?.iter_mut().find(|candidate| candidate.text == tag)
    }

    /// When a tag or commit of git was made; the outer none where nobody asked yet.
    pub(crate) fn ref_date(&self, url: &str, name: &str) -> Option<Option<Timestamp>> {
        self.ref_dates.get(&(crate::reference::normalise_git(url), name.to_owned())).copied()
    }

    pub(crate) fn digest(&self, repository: &str, tag: &str) -> Option<&Result<String, Failure>> {
        self.digests.get(&(repository.to_owned(), tag.to_owned()))
    }

    /// The manifests of a release of Flux; none where nobody asked yet.
    pub(crate) fn manifests(&self, version: &str) -> Option<&Result<Release, Failure>> {
        self.manifests.get(version)
    }

    pub(crate) fn created(&self, repository: &str, tag: &str) -> Option<&Result<Option<Timestamp>, Failure>> {
        self.created.get(&(repository.to_owned(), tag.to_owned()))
    }
}

/// Open questions, or the result once none is left.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Questions to answer, in any order.
    Ask(Vec<Query>),
    /// Everything that decisions need is known.
    Done(Resolution),
}

/// An answer that fits no open question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// No question has this number.
    #[error("no question has the number {0}")]
    UnknownQuery(usize),
    /// The answer is of another kind than the question.
    #[error("the answer to question {0} is of another kind than what was asked")]
    OtherKind(usize),
}

/// The questions about some sites.
#[derive(Debug, Clone)]
pub struct Resolver<'s> {
    sites: &'s [Site],
    rules: &'s Rules,
    questions: Questions,
}

impl<'s> Resolver<'s> {
    /// Questions about these sites, as far as these rules make them matter.
    #[must_use]
    pub fn new(sites: &'s [Site], rules: &'s Rules) -> Self {
        Self { sites, rules, questions: Questions::new(sites, rules) }
    }

    /// Asks where each site stands now, with digest and date, and not where it could move.
    #[must_use]
    pub fn standing(self) -> Self {
        self.standing_from(0)
    }

    /// The same for the sites from this number on; those before it are asked where they could move.
    ///
    /// With what [`recorded`](crate::ranges::recorded) gives behind the sites of a plan, a [`Recording`] of the answers serves
    /// both.
    #[must_use]
    pub fn standing_from(self, first: usize) -> Self {
        Self { questions: self.questions.standing_from(first), ..self }
    }

    /// Open questions, or the result once none is left.
    ///
    /// The same until an answer is given; a new round begins when the last question of a round is answered.
    pub fn step(&mut self) -> Step {
        self.questions.step(self.sites, self.rules)
    }

    /// Takes an answer; a failure is one too.
    ///
    /// # Errors
    ///
    /// [`AnswerError`] where the number or the kind fits no open question; nothing changes then.
    pub fn answer(&mut self, id: usize, outcome: Outcome) -> Result<(), AnswerError> {
        self.questions.answer(id, outcome)
    }
}

/// Answers every question from a snapshot; without one, every question fails as [`Failure::NotAsked`].
#[must_use]
pub fn offline(sites: &[Site], rules: &Rules, snapshot: Option<&Snapshot>) -> Resolution {
    from_snapshot(Resolver::new(sites, rules), snapshot)
}

/// Answers every question of a resolver from a snapshot; without one, every question fails as [`Failure::NotAsked`].
#[must_use]
pub fn from_snapshot(mut resolver: Resolver<'_>, snapshot: Option<&Snapshot>) -> Resolution {
    loop {
        match resolver.step() {
            Step::Done(resolution) => return resolution,
            Step::Ask(queries) => {
                for Query { id, ask, .. } in queries {
                    let outcome = snapshot.map_or(Err(Failure::NotAsked), |snapshot| snapshot.answer(&ask));
                    resolver.answer(id, outcome).expect("a snapshot answers each question in its own kind");
                }
            }
        }
    }
}

impl AsRef<str> for Candidate {
    fn as_ref(&self) -> &str {
        &self.text
    }
}
