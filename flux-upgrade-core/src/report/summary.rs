//! A plan in numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::words::count;
use crate::plan::{Change, Plan, Reason};
use crate::version::Level;

/// A plan in numbers; its text is the line under every table: `12 changes, 3 majors held, 1 source unanswered`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Sites that were found.
    pub sites: usize,
    /// Sites that move.
    pub changes: usize,
    /// Sites that move, by how far; levels without any are absent.
    pub by_level: BTreeMap<Level, usize>,
    /// Sites that stay.
    pub held: usize,
    /// Sites that stay, by [`Reason::kind`]; reasons without any are absent.
    pub held_by_reason: BTreeMap<&'static str, usize>,
    /// Sites that stay although a major update is published.
    pub majors_held: usize,
    /// Sites that move, in files that no cluster applies; 0 where the files tell of no cluster.
    #[serde(skip)]
    pub unapplied: usize,
    /// Sites that move, while a major update is published beyond what the rules allow.
    #[serde(skip)]
    pub majors_beyond: usize,
    /// Sources without an answer, each counted once.
    pub sources_unanswered: usize,
}

/// Reasons that are nobody's decision and that no table lists.
const UNSEEN: [&str; 5] = ["substituted", "templated", "encrypted", "generated", "nextStep"];

const UNSEEN_HINT: &str = " (`--format json` has each, `--explain` says why)";

impl Summary {
    /// Counts `plan`.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let mut by_level = BTreeMap::new();
        for change in &plan.changes {
            *by_level.entry(change.level).or_default() += 1;
        }
        let mut held_by_reason = BTreeMap::new();
        let mut majors_held = 0;
        let mut unanswered = BTreeSet::new();
        for held in &plan.held {
            *held_by_reason.entry(held.reason.kind()).or_default() += 1;
            match &held.reason {
                Reason::BeyondRules { level: Level::Major, .. } => majors_held += 1,
                Reason::Unanswered { source, .. } => {
                    unanswered.insert(source);
                }
                _ => {}
            }
        }
        let tells = plan.sites.iter().any(|site| !site.clusters.is_empty());
        let unapplied = |change: &&Change| tells && plan.site_of(change).clusters.is_empty();
        let has_major =
            |change: &&Change| change.beyond.as_ref().is_some_and(|beyond| beyond.level == Level::Major);
        Self {
            unapplied: plan.changes.iter().filter(unapplied).count(),
            majors_beyond: plan.changes.iter().filter(has_major).count(),
            sites: plan.sites.len(),
            changes: plan.changes.len(),
            by_level,
            held: plan.held.len(),
            held_by_reason,
            majors_held,
            sources_unanswered: unanswered.len(),
        }
    }

    /// The counts after the first: `3 majors held, 1 source unanswered`, and before them what is to be said of the changes.
    pub(super) fn rest(&self) -> String {
        let mut of_them = String::new();
        if self.unapplied > 0 {
            of_them.push_str(&format!("{} of them in files that no cluster applies, ", self.unapplied));
        }
        if self.majors_beyond > 0 {
            of_them.push_str(&format!("{} with a newer major, ", self.majors_beyond));
        }
        format!(
            "{of_them}{} held, {} unanswered",
            count(self.majors_held, "major"),
            count(self.sources_unanswered, "source")
        )
    }

    /// The sites that stay, in words, most first: `held: 20 up to date, 3 floating`; `""` where none stays.
    pub(super) fn held_line(&self) -> String {
        let mut counts: Vec<_> = self.held_by_reason.iter().collect();
        counts.sort_by_key(|(kind, number)| (std::cmp::Reverse(**number), **kind));
        let words: Vec<String> =
            counts.iter().map(|(kind, number)| format!("{number} {}", spaced(kind))).collect();
        let has_unseen = UNSEEN.iter().any(|kind| self.held_by_reason.contains_key(kind));
        let hint = if has_unseen { UNSEEN_HINT } else { "" };
        if words.is_empty() { String::new() } else { format!("held: {}{hint}", words.join(", ")) }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", count(self.changes, "change"), self.rest())
    }
}

/// `upToDate` as `up to date`.
fn spaced(kind: &str) -> String {
    let mut words = String::with_capacity(kind.len() + 4);
    for c in kind.chars() {
        if c.is_ascii_uppercase() {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_summary_speaks_in_singular_and_plural() {
        let plan = sample::plan();
        let summary = Summary::of(&plan);
        assert_eq!(
            summary.to_string(),
            "2 changes, 1 of them in files that no cluster applies, 1 with a newer major, 1 major held, 1 source unanswered"
        );
        assert_eq!(summary.held_line(), "held: 2 unanswered, 1 beyond rules, 1 up to date");
        let none = Plan::default();
        assert_eq!(Summary::of(&none).to_string(), "0 changes, 0 majors held, 0 sources unanswered");
        assert_eq!(Summary::of(&none).held_line(), "");
    }
}
