//! Stage 4: what is done with each site, and why nothing is done.

mod choose;
mod decide;
mod edits;
mod group;
mod install;
mod lock;
mod marked;
mod migrations;
mod offer;
mod operator;
mod range;
mod reason;
mod requires;
mod series;
mod sink;
mod standing;
mod step;

use std::collections::BTreeMap;

pub(crate) use choose::{EMPTY, OLDER};
pub(crate) use edits::{preferred_quote, replace as replace_spot};
pub use group::{Group, unanswered_groups};
pub use reason::{Beyond, Failure, Reason};
pub use series::{Series, SeriesStep};
pub use standing::Standing;
pub(crate) use standing::{is_exact, is_floating, standing, standing_needs};

use crate::automate::{self, Commit};
use crate::diagnostic::Diagnostic;
use crate::locate::{Consumer, Part, Site};
use crate::patch::Edit;
use crate::resolve::{Ask, Resolution};
use crate::rules::Rules;
use crate::scan::{Inventory, Kind};
use crate::text::{RepoPath, SourceFile};
use crate::version::Level;
use decide::{Decision, Move, Stop, decide};
use sink::Sink;

/// What is done with every site: each is a change or is held.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Every site, by path and position.
    pub sites: Vec<Site>,
    /// Sites that move, in the order of `sites`.
    pub changes: Vec<Change>,
    /// Sites that stay, in the order of `sites`.
    pub held: Vec<Held>,
    /// Findings about the files.
    pub diagnostics: Vec<Diagnostic>,
    /// The changes by what goes together, each group after those that it needs.
    pub groups: Vec<Group>,
    /// For each place where Flux moves to another minor, its steps up to the newest release.
    pub series: Vec<Series>,
    /// What image automation would commit of the changes, and with which messages.
    pub commits: Vec<Commit>,
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
    /// For a dependency in `Chart.yaml` the version that its lock file gets, as published.
    pub locked: Option<String>,
    /// How far it moves.
    pub level: Level,
    /// When the new version was published, RFC 3339.
    pub published: Option<String>,
    /// What is newer still and outside the rules.
    pub beyond: Option<Beyond>,
    /// The group that the rules put it into.
    pub group: Option<String>,
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

/// Why a candidate was taken or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The candidate as published.
    pub text: String,
    /// When it was published, RFC 3339.
    pub published: Option<String>,
    /// Whether it is what the site moves to, or stays at.
    pub taken: bool,
    /// Why.
    pub why: String,
}

/// Why a site is what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Index into [`Plan::sites`].
    pub site: usize,
    /// Where its candidates are published, or why that is not known.
    pub source: String,
    /// For a field with a marker, what its image policies elect by, in words.
    pub policies: Vec<String>,
    /// The newest of what is newer and of another kind, where nothing of its own kind is.
    pub other_kind: Option<String>,
    /// The candidates: what is newer, newest first, what the file has, what is of another kind, what is older.
    pub candidates: Vec<Verdict>,
}

/// Decides what is done with each site.
///
/// Deterministic: the order of files and answers does not matter, and the same input gives the same plan. Sites that
/// share bytes, by an anchor, move together or are held as [`Reason::Disagree`].
#[must_use]
pub fn plan(inventory: &Inventory<'_>, sites: Vec<Site>, resolution: &Resolution, rules: &Rules) -> Plan {
    let mut concerned = concerned(&sites, rules).into_iter();
    let (sites, left_out): (Vec<Site>, Vec<Site>) =
        sites.into_iter().partition(|_| concerned.next() == Some(true));
    let mut decisions: Vec<Decision> =
        sites.iter().map(|site| decide(site, resolution, rules, &mut Sink::default())).collect();
    while agree(&sites, &mut decisions) {}
    let mut out = Plan { diagnostics: inventory.diagnostics.clone(), sites, ..Plan::default() };
    let texts: BTreeMap<&RepoPath, &str> =
        inventory.files.iter().map(|file| (&file.path, file.text.as_str())).collect();
    let mut quotes = BTreeMap::new();
    for (index, decision) in decisions.into_iter().enumerate() {
        let site = &out.sites[index];
        out.diagnostics.extend(site.findings.iter().cloned());
        match decision {
            Err(Stop::Held(reason)) => out.held.push(Held { site: index, reason }),
            Err(Stop::Needs(asks)) => {
                let source = asks.first().map(Ask::source).unwrap_or_default();
                let reason = Reason::Unanswered { source, failure: Failure::NotAsked };
                out.held.push(Held { site: index, reason });
            }
            Ok(mut step) if site.consumer == Consumer::FluxManifests => {
                let text = texts.get(&site.at.path).copied().unwrap_or_default();
                match rewritten(site, (text, inventory.files), &step, resolution, rules) {
                    Ok((edits, notes)) => {
                        step.notes.extend(notes);
                        step.notes.extend(passed_by(site, rules));
                        let group = rules.group(site, step.level);
                        out.changes.push(change(index, site, step, group, edits));
                    }
                    Err(reason) => out.held.push(Held { site: index, reason }),
                }
            }
            Ok(mut step) => {
                step.notes.extend(passed_by(site, rules));
                let preferred = *quotes
                    .entry(site.spot.at.path.clone())
                    .or_insert_with(|| edits::preferred_quote(texts.get(&site.spot.at.path).unwrap_or(&"")));
                match edits::edits(site, &step, preferred) {
                    Some(edits) => {
                        let group = rules.group(site, step.level);
                        out.changes.push(change(index, site, step, group, edits));
                    }
                    None => out.held.push(Held { site: index, reason: Reason::MultiLine }),
                }
            }
        }
    }
    migrations::add(inventory, &mut out, resolution, rules);
    out.diagnostics.extend(rules.unread().iter().cloned());
    out.diagnostics.extend(rules.promotion_findings(inventory.files));
    let stale = lock::stale(inventory, &out, &texts);
    out.diagnostics.extend(stale);
    out.commits = automate::commits(inventory, &out);
    let unsaid = automate::findings(&out.commits, inventory);
    out.diagnostics.extend(unsaid);
    out.diagnostics.sort_by(|a, b| (&a.at, a.code, &a.message).cmp(&(&b.at, b.code, &b.message)));
    out.diagnostics.dedup();
    out.groups = group::groups(inventory, &out, &left_out, rules);
    out
}

/// What to say of a move that a folder gets which others are promoted to: it has no text of its own that could wait.
fn passed_by(site: &Site, rules: &Rules) -> Option<String> {
    let promote = rules.passed_by(site)?;
    Some(format!("reaches {} without promotion", promote.to()))
}

/// A file of Flux's own manifests, rendered again.
fn rewritten(
    site: &Site,
    (text, files): (&str, &[SourceFile]),
    step: &Move,
    resolution: &Resolution,
    rules: &Rules,
) -> Result<(Vec<Edit>, Vec<String>), Reason> {
    let releases = install::releases(site, &step.to, resolution).map_err(|stop| match stop {
        Stop::Held(reason) => reason,
        Stop::Needs(_) => Reason::Unanswered { source: site.id.clone(), failure: Failure::NotAsked },
    })?;
    install::edits(site, (text, files), releases, rules.settings(site).local_edits)
}

fn change(index: usize, site: &Site, step: Move, group: Option<&str>, edits: Vec<Edit>) -> Change {
    let to = match &step.digest {
        Some(digest) if site.part != Part::Digest => format!("{}@{digest}", step.to),
        _ => step.to.clone(),
    };
    Change {
        site: index,
        from: site.written(),
        to,
        locked: step.locked.filter(|_| site.owner.kind == Kind::ChartFile.name()),
        level: step.level,
        published: step.published.map(|time| time.to_string()),
        beyond: step.beyond,
        group: group.map(str::to_owned),
        notes: step.notes,
        edits,
    }
}

/// Why a site is what it is: every candidate with its verdict.
///
/// `None` where the plan has no such site.
#[must_use]
pub fn explain(plan: &Plan, site: usize, resolution: &Resolution, rules: &Rules) -> Option<Explanation> {
    let at = plan.sites.get(site)?;
    let mut sink = Sink::keeping();
    // What is decided stands in the plan already; here only the verdicts on the way count.
    let _ = decide(at, resolution, rules, &mut sink);
    let other_kind = sink.other_kind.take();
    let mut candidates = sink.into_verdicts();
    let mut policies = Vec::new();
    if let Some(marker) = &at.marker {
        candidates = marked::verdicts(at, marker, resolution, rules);
        policies.extend(marker.policies.iter().map(|policy| policy.told()));
        policies.dedup();
    }
    // It may be held by something that is no matter of candidates, at last by a neighbour on the same bytes.
    let held = plan.held.iter().find(|held| held.site == site);
    if let Some(unless) = held.filter(|_| at.part != Part::Range).and_then(|held| held.reason.hinders()) {
        let current = offer::current(at).text;
        for verdict in candidates.iter_mut().filter(|verdict| verdict.taken && verdict.text != current) {
            verdict.taken = false;
            verdict.why = format!("would be taken, {unless}");
        }
    }
    let source = match &at.source {
        Ok(source) => source.to_string(),
        Err(reason) => reason.to_string(),
    };
    Some(Explanation { site, source, policies, other_kind, candidates })
}

/// What a site needs to be asked beyond the lists, as far as the answers up to now tell.
pub(crate) fn needs(site: &Site, resolution: &Resolution, rules: &Rules) -> Vec<Ask> {
    match decide(site, resolution, rules, &mut Sink::default()) {
        Err(Stop::Needs(asks)) => asks,
        _ => Vec::new(),
    }
}

/// Which sites a plan is about: those that `--only` leaves, and those that share bytes with them, which can only move together.
pub(crate) fn concerned(sites: &[Site], rules: &Rules) -> Vec<bool> {
    let mut out: Vec<bool> = sites.iter().map(|site| rules.concerns(site)).collect();
    if out.iter().all(|one| *one) {
        return out;
    }
    let places = |site: &Site| -> Vec<(RepoPath, usize)> {
        let spots = std::iter::once(&site.spot).chain(&site.digest).map(|spot| &spot.at);
        spots.chain(&site.also_from).map(|at| (at.path.clone(), at.span.start)).collect()
    };
    let mut users: BTreeMap<(RepoPath, usize), Vec<usize>> = BTreeMap::new();
    for (index, site) in sites.iter().enumerate() {
        places(site).into_iter().for_each(|place| users.entry(place).or_default().push(index));
    }
    let mut queue: Vec<usize> = (0..sites.len()).filter(|index| out[*index]).collect();
    while let Some(index) = queue.pop() {
        for mate in places(&sites[index]).iter().filter_map(|place| users.remove(place)).flatten() {
            if !std::mem::replace(&mut out[mate], true) {
                queue.push(mate);
            }
        }
    }
    out
}

/// How many sites or objects a reason names; each of those that it concerns carries them all.
pub(crate) const MOST_NAMED: usize = 20;

/// A site, and what it wants to write; nothing where it stays.
type Wish = (usize, Option<String>);

/// Holds sites on the same bytes that do not want the same text; whether any was held that moved before.
fn agree(sites: &[Site], decisions: &mut [Decision]) -> bool {
    let mut held = false;
    let mut shared: BTreeMap<(&RepoPath, usize), Vec<Wish>> = BTreeMap::new();
    for (index, site) in sites.iter().enumerate() {
        let step = decisions[index].as_ref().ok();
        let spots = [
            (Some(&site.spot), step.map(|step| site.spot.whole(&step.to).unwrap_or_else(|| step.to.clone()))),
            (site.digest.as_ref(), step.and_then(|step| step.digest.clone())),
        ];
        for (spot, wish) in spots {
            let Some(spot) = spot else { continue };
            shared.entry((&spot.at.path, spot.at.span.start)).or_default().push((index, wish));
        }
    }
    // A field of several definitions moves none of them, and so holds them all.
    for (index, site) in sites.iter().enumerate() {
        for at in &site.also_from {
            if let Some(group) = shared.get_mut(&(&at.path, at.span.start)) {
                group.push((index, None));
            }
        }
    }
    for group in shared.into_values().filter(|group| group.len() > 1) {
        if group.iter().all(|(_, wish)| *wish == group[0].1) {
            continue;
        }
        let mut wishes: Vec<String> = group
            .iter()
            .take(MOST_NAMED)
            .map(|(index, wish)| match (&decisions[*index], wish) {
                (Err(Stop::Held(reason)), _) => format!("{} stays: {reason}", sites[*index].id),
                (Err(Stop::Needs(_)), _) => format!("{} is not answered", sites[*index].id),
                (Ok(_), Some(wish)) => format!("{} -> {wish}", sites[*index].id),
                (Ok(_), None) => format!("{} stays", sites[*index].id),
            })
            .collect();
        if let Some(more) = group.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
            wishes.push(format!("and {more} more"));
        }
        for (index, wish) in group {
            if wish.is_none() && decisions[index].is_err() && !sites[index].also_from.is_empty() {
                continue;
            }
            held |= decisions[index].is_ok();
            decisions[index] = Err(Reason::Disagree { wishes: wishes.clone() }.into());
        }
    }
    held
}
