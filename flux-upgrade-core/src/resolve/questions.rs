//! What is open, what was asked, and what is known so far.

use std::collections::{BTreeMap, BTreeSet};

use super::{Answer, AnswerError, Ask, Outcome, Query, Resolution, Step};
use crate::locate::{Site, SourceKey};
use crate::plan::{Failure, concerned, needs, standing_needs};
use crate::reference::normalise_git;
use crate::rules::Rules;

/// The state of the questions about some sites, for whoever keeps the sites.
#[derive(Debug, Clone)]
pub(crate) struct Questions {
    asked: BTreeMap<Ask, usize>,
    open: BTreeMap<usize, Ask>,
    /// Repositories that every site marks as plain HTTP.
    insecure: BTreeSet<String>,
    /// Sites that are not decided yet.
    undecided: Vec<usize>,
    next: usize,
    resolution: Resolution,
    /// Sites from this number on are asked where they stand, those before it where they could move.
    standing_from: usize,
}

impl Questions {
    /// Questions about the sites that the rules leave in a plan.
    pub(crate) fn new(sites: &[Site], rules: &Rules) -> Self {
        let concerned = concerned(sites, rules);
        let undecided: Vec<usize> = (0..sites.len()).filter(|index| concerned[*index]).collect();
        let mut questions = Self {
            asked: BTreeMap::new(),
            open: BTreeMap::new(),
            insecure: insecure(sites),
            undecided: Vec::new(),
            next: 0,
            resolution: Resolution::default(),
            standing_from: usize::MAX,
        };
        for ask in lists(undecided.iter().map(|index| &sites[*index])) {
            questions.ask(ask);
        }
        questions.undecided = undecided;
        questions
    }

    /// Where the sites from this number on stand, and not where they could move.
    pub(crate) fn standing_from(self, first: usize) -> Self {
        Self { standing_from: first, ..self }
    }

    /// As [`Resolver::step`](super::Resolver::step), with the same sites and rules each time.
    pub(crate) fn step(&mut self, sites: &[Site], rules: &Rules) -> Step {
        if self.open.is_empty() {
            // A site that needed nothing needs nothing later: answers only add to what is known.
            let mut wanted = BTreeSet::new();
            let (resolution, from) = (&self.resolution, self.standing_from);
            // What moves is asked to its end first: the rest is told apart as what no plan needs.
            let is_moving = self.undecided.iter().any(|index| *index < from);
            self.undecided.retain(|index| {
                let asks = match (*index < from, is_moving) {
                    (true, _) => needs(&sites[*index], resolution, rules),
                    (false, false) => standing_needs(&sites[*index], resolution, rules),
                    (false, true) => return true,
                };
                let is_open = !asks.is_empty();
                wanted.extend(asks);
                is_open
            });
            for ask in together(wanted) {
                self.ask(ask);
            }
            if self.open.is_empty() && is_moving && !self.undecided.is_empty() {
                return self.step(sites, rules);
            }
        }
        if self.open.is_empty() {
            return Step::Done(std::mem::take(&mut self.resolution));
        }
        let query = |(id, ask): (&usize, &Ask)| {
            let insecure = ask.repository().is_some_and(|repository| self.insecure.contains(repository));
            Query { id: *id, ask: ask.clone(), insecure, beside: self.is_beside() }
        };
        Step::Ask(self.open.iter().map(query).collect())
    }

    /// As [`Resolver::answer`](super::Resolver::answer).
    pub(crate) fn answer(&mut self, id: usize, outcome: Outcome) -> Result<(), AnswerError> {
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
                let mut refs = wanted!(Answer::Refs);
                for found in refs.iter_mut().flatten() {
                    found.digest.take_if(|commit| is_null(commit));
                    found.tag_object.take_if(|object| is_null(object));
                }
                resolution.lists.insert(SourceKey::Git { url }.canonical(), refs);
            }
            Ask::Dates { url, refs } => {
                // A site without a date says so itself, and the list of its source is there.
                let dates: BTreeMap<_, _> = wanted!(Answer::Dates).unwrap_or_default();
                let key = SourceKey::Git { url: url.clone() }.canonical();
                for name in refs.into_keys() {
                    let date = dates.get(&name).copied();
                    if let Some(Ok(list)) = resolution.lists.get_mut(&key)
                        && let Some(found) = list.iter_mut().find(|found| found.text == name)
                    {
                        found.created = date;
                    }
                    resolution.ref_dates.insert((normalise_git(&url), name), date);
                }
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

    /// Whether what is open serves what stands beside what moves.
    fn is_beside(&self) -> bool {
        !self.undecided.is_empty() && self.undecided.iter().all(|index| *index >= self.standing_from)
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

/// Whether git says by this that there is no object: nothing but zeros.
///
/// Source: git `hash.h`, `null_oid`.
fn is_null(object: &str) -> bool {
    object.bytes().all(|byte| byte == b'0')
}

/// Questions about dates of one git repository in one: a server that is asked for many commits is asked once.
fn together(asks: BTreeSet<Ask>) -> Vec<Ask> {
    let mut dates: BTreeMap<String, (String, BTreeMap<String, String>)> = BTreeMap::new();
    let mut out = Vec::new();
    for ask in asks {
        match ask {
            Ask::Dates { url, refs } => {
                // The first in order is the one that the list was asked of.
                let known = dates.entry(normalise_git(&url)).or_insert_with(|| (url, BTreeMap::new()));
                known.1.extend(refs);
            }
            other => out.push(other),
        }
    }
    out.extend(dates.into_values().map(|(url, refs)| Ask::Dates { url, refs }));
    out
}

/// The lists that sites need: each source once, all charts of one index in one question.
fn lists<'s>(sites: impl Iterator<Item = &'s Site> + Clone) -> Vec<Ask> {
    let mut charts: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut git: BTreeMap<SourceKey, &str> = BTreeMap::new();
    let mut oci: BTreeSet<&str> = BTreeSet::new();
    let mut flux = None;
    for site in sites.clone().filter(|site| site.blocked.is_none()) {
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
    let marked: Vec<SourceKey> = sites
        .filter(|site| site.blocked.is_none())
        .flat_map(crate::automate::sources)
        .map(|(source, _)| source)
        .collect();
    oci.extend(marked.iter().filter_map(|source| match source {
        SourceKey::Oci { repository } => Some(repository.as_str()),
        _ => None,
    }));
    let charts = charts.into_iter().map(|(url, names)| Ask::Charts { url: url.to_owned(), names });
    let oci = oci.into_iter().map(|repository| Ask::Tags { repository: repository.to_owned() });
    let git = git.into_values().map(|url| Ask::Refs { url: url.to_owned() });
    charts.chain(oci).chain(git).chain(flux).collect()
}

/// Repositories that are marked as plain HTTP by each site that names them.
fn insecure(sites: &[Site]) -> BTreeSet<String> {
    let mut found: BTreeMap<&str, bool> = BTreeMap::new();
    for site in sites {
        if let Ok(SourceKey::Oci { repository }) = &site.source {
            *found.entry(repository).or_insert(true) &= site.insecure;
        }
    }
    found.into_iter().filter(|(_, insecure)| *insecure).map(|(repository, _)| repository.to_owned()).collect()
}
