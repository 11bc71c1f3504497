//! Stage 3: sites and answers to what is published.
//!
//! The core asks ([`Resolver::step`]), a host answers in any order ([`Resolver::answer`]), in rounds: lists first, then
//! the digests and dates that decisions turn out to need. No socket, file or clock is touched here.

mod query;
mod recording;
pub mod select;
mod snapshot;

use std::collections::{BTreeMap, BTreeSet};

pub use query::{Answer, Ask, Outcome, Query};
pub use recording::Recording;
pub use snapshot::{Snapshot, SnapshotError};

use crate::flux::Release;
use crate::locate::{Site, SourceKey};
use crate::plan::{Failure, needs, standing_needs};
use crate::rules::Rules;
use crate::time::Timestamp;

/// Something published that a site could move to: a chart version, a tag, a git ref.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidate {
    /// The version, tag or ref name as published.
    pub text: String,
    /// Its digest, for git its commit, where the source tells.
    pub digest: Option<String>,
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

/// The state of the questions about some sites.
#[derive(Debug, Clone)]
pub struct Resolver<'s> {
    sites: &'s [Site],
    rules: &'s Rules,
    asked: BTreeMap<Ask, usize>,
    open: BTreeMap<usize, Ask>,
    /// Repositories that every site marks as plain HTTP.
    insecure: BTreeSet<&'s str>,
    /// Sites that are not decided yet.
    undecided: Vec<usize>,
    next: usize,
    resolution: Resolution,
    /// What a site needs to be asked beyond the lists.
    needs: fn(&Site, &Resolution, &Rules) -> Vec<Ask>,
}

impl<'s> Resolver<'s> {
    /// Questions about these sites, as far as these rules make them matter.
    #[must_use]
    pub fn new(sites: &'s [Site], rules: &'s Rules) -> Self {
        let mut resolver = Self {
            sites,
            rules,
            asked: BTreeMap::new(),
            open: BTreeMap::new(),
            insecure: insecure(sites),
            undecided: (0..sites.len()).collect(),
            next: 0,
            resolution: Resolution::default(),
            needs,
        };
        for ask in lists(sites) {
            resolver.ask(ask);
        }
        resolver
    }

    /// Asks where each site stands now, with digest and date, and not where it could move.
    #[must_use]
    pub fn standing(self) -> Self {
        Self { needs: standing_needs, ..self }
    }

    /// Open questions, or the result once none is left.
    ///
    /// The same until an answer is given; a new round begins when the last question of a round is answered.
    pub fn step(&mut self) -> Step {
        if self.open.is_empty() {
            // A site that needed nothing needs nothing later: answers only add to what is known.
            let mut wanted = BTreeSet::new();
            let (sites, resolution, rules, wants) = (self.sites, &self.resolution, self.rules, self.needs);
            self.undecided.retain(|index| {
                let asks = wants(&sites[*index], resolution, rules);
                let is_open = !asks.is_empty();
                wanted.extend(asks);
                is_open
            });
            for ask in wanted {
                self.ask(ask);
            }
        }
        if self.open.is_empty() {
            return Step::Done(std::mem::take(&mut self.resolution));
        }
        let query = |(id, ask): (&usize, &Ask)| {
            let insecure = ask.repository().is_some_and(|repository| self.insecure.contains(repository));
            Query { id: *id, ask: ask.clone(), insecure }
        };
        Step::Ask(self.open.iter().map(query).collect())
    }

    /// Takes an answer; a failure is one too.
    ///
    /// # Errors
    ///
    /// [`AnswerError`] where the number or the kind fits no open question; nothing changes then.
    pub fn answer(&mut self, id: usize, outcome: Outcome) -> Result<(), AnswerError> {
        let ask = self.open.get(&id).ok_or(AnswerError::UnknownQuery(id))?.clone();
        let other_kind = AnswerError::OtherKind(id);
        let resolution = &mut self.resolution;
        // Unpacks an answer of the wanted kind; a failure fits every question.
        macro_rules! wanted {
            ($kind:path) => {
                match outcome {
                    Ok($kind(value)) => Ok(value),
                    Ok(_) => return Err(other_kind),
                    Err(failure) => Err(failure),
                }
            };
        }
        match ask {
            Ask::Charts { url, names } => {
                let charts = wanted!(Answer::Charts);
                for name in names {
                    let list = match &charts {
                        Ok(charts) => charts.get(&name).cloned().ok_or(Failure::NotAsked),
                        Err(failure) => Err(failure.clone()),
                    };
                    resolution.lists.insert(SourceKey::Helm { url: url.clone(), chart: name }, list);
                }
            }
            Ask::Tags { repository } => {
                resolution.lists.insert(SourceKey::Oci { repository }, wanted!(Answer::Tags));
            }
            Ask::Refs { url } => {
                resolution.lists.insert(SourceKey::Git { url }.canonical(), wanted!(Answer::Refs));
            }
            Ask::Releases => {
                resolution.lists.insert(SourceKey::Flux, wanted!(Answer::Releases));
            }
            Ask::Manifests { version } => {
                resolution.manifests.insert(version, wanted!(Answer::Manifests));
            }
            Ask::Digest { repository, tag } => {
                let digest = wanted!(Answer::Digest);
                if let (Ok(digest), Some(candidate)) = (&digest, resolution.candidate(&repository, &tag)) {
                    candidate.digest = Some(digest.clone());
                }
                resolution.digests.insert((repository, tag), digest);
            }
            Ask::Created { repository, tag } => {
                let created = wanted!(Answer::Created);
                if let (Ok(created), Some(candidate)) = (&created, resolution.candidate(&repository, &tag)) {
                    candidate.created = *created;
                }
                resolution.created.insert((repository, tag), created);
            }
        }
        self.open.remove(&id);
        Ok(())
    }

    /// Opens a question that was not asked before.
    fn ask(&mut self, ask: Ask) {
        if self.asked.contains_key(&ask) {
            return;
        }
        self.asked.insert(ask.clone(), self.next);
        self.open.insert(self.next, ask);
        self.next += 1;
    }
}

/// The lists that sites need: each source once, all charts of one index in one question.
fn lists(sites: &[Site]) -> Vec<Ask> {
    let mut charts: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut git: BTreeMap<SourceKey, &str> = BTreeMap::new();
    let mut oci: BTreeSet<&str> = BTreeSet::new();
    let mut flux = None;
    for site in sites.iter().filter(|site| site.blocked.is_none()) {
        match &site.source {
            Ok(SourceKey::Helm { url, chart }) => {
                charts.entry(url).or_default().insert(chart.clone());
            }
            Ok(SourceKey::Oci { repository }) => {
                oci.insert(repository);
            }
            Ok(key @ SourceKey::Git { url }) => {
                let first = git.entry(key.canonical()).or_insert(url);
                *first = (*first).min(url);
            }
            Ok(SourceKey::Flux) => flux = Some(Ask::Releases),
            Err(_) => {}
        }
    }
    let charts = charts.into_iter().map(|(url, names)| Ask::Charts { url: url.to_owned(), names });
    let oci = oci.into_iter().map(|repository| Ask::Tags { repository: repository.to_owned() });
    let git = git.into_values().map(|url| Ask::Refs { url: url.to_owned() });
    charts.chain(oci).chain(git).chain(flux).collect()
}

/// Repositories that are marked as plain HTTP by each site that names them.
fn insecure(sites: &[Site]) -> BTreeSet<&str> {
    let mut found: BTreeMap<&str, bool> = BTreeMap::new();
    for site in sites {
        if let Ok(SourceKey::Oci { repository }) = &site.source {
            *found.entry(repository).or_insert(true) &= site.insecure;
        }
    }
    found.into_iter().filter(|(_, insecure)| *insecure).map(|(repository, _)| repository).collect()
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
