//! What a folder has said for some time, read from history without a checkout.

use std::collections::BTreeSet;

use super::{CommitId, GitError, Repository};
use crate::host::Limits;
use crate::locate::SourceKey;
use crate::rules::{Rules, Staged};
use crate::time::Timestamp;
use crate::{locate, scan};

/// Commits that are looked at.
const MOST: usize = 100_000;

/// By how much the clocks of two machines may differ: a commit this much older than its parent is taken for as old.
const SKEW: i64 = 24 * 60 * 60;

/// The first parents of a commit, newest first.
struct Line {
    commits: Vec<CommitId>,
    /// The time of each by its committer, in seconds.
    dates: Vec<i64>,
    /// Whether it ends before the first commit of the repository: in a shallow clone, or by our bound.
    is_cut: bool,
}

/// One promotion on the way back through history.
struct Walk {
    since: i64,
    said: Option<BTreeSet<(SourceKey, String)>>,
    is_over: bool,
}

impl Repository {
    /// What each promotion of the rules may offer: the versions that its folder says at `start`, and has said at every
    /// commit since `now` less the rule's age, and at the one that stood then.
    ///
    /// History is that of first parents: what was merged counts from its merge, by the time of the commit, as far as that can
    /// be: one in the future, or more than a day before an earlier commit's, is taken for the next later one's, or for `now`. Commits
    /// that change nothing are not read. Where the repository is younger nothing is offered; where only the history at hand ends
    /// earlier, as in a shallow clone, that is said too.
    ///
    /// # Errors
    ///
    /// [`GitError::Failed`] where an object is missing or broken.
    pub fn staged(
        &self,
        start: CommitId,
        rules: &Rules,
        now: Timestamp,
        limits: &Limits,
    ) -> Result<Staged, GitError> {
        let line = self.first_parents(start)?;
        let dates = believed(&line.dates, now.seconds());
        let mut walks: Vec<Walk> = Vec::new();
        for promote in rules.promotions() {
            let age = promote.after().map_or(0, |after| i64::try_from(after.seconds()).unwrap_or(i64::MAX));
            walks.push(Walk { since: now.seconds().saturating_sub(age), said: None, is_over: false });
        }
        let mut last = None;
        for (commit, date) in line.commits.iter().zip(dates) {
            if walks.iter().all(|walk| walk.is_over) {
                break;
            }
            let top = self.folder_of(*commit, "")?;
            if last != Some(top) {
                let sites = locate(&scan(&self.read(*commit, limits)?.files));
                let open = walks.iter_mut().zip(rules.promotions()).filter(|(walk, _)| !walk.is_over);
                for (walk, promote) in open {
                    let says = Staged::says(promote, &sites);
                    walk.said = Some(match walk.said.take() {
                        Some(said) => said.intersection(&says).cloned().collect(),
                        None => says,
                    });
                }
                last = Some(top);
            }
            for walk in &mut walks {
                walk.is_over |= date <= walk.since || walk.said.as_ref().is_some_and(BTreeSet::is_empty);
            }
        }
        let offered = |walk: Walk| match walk.is_over {
            true => walk.said.or_else(|| Some(BTreeSet::new())),
            false if line.is_cut => None,
            false => Some(BTreeSet::new()),
        };
        Ok(Staged::new(walks.into_iter().map(offered).collect()))
    }

    fn first_parents(&self, start: CommitId) -> Result<Line, GitError> {
        let failed = |error| GitError::failed("the history cannot be read", &error);
        let mut out = Line { commits: Vec::new(), dates: Vec::new(), is_cut: true };
        let mut at = start;
        while out.commits.len() < MOST {
            let commit = self.git.find_commit(at.0).map_err(failed)?;
            out.commits.push(at);
            out.dates.push(commit.time().map_err(failed)?.seconds);
            let Some(parent) = commit.parent_ids().next() else {
                out.is_cut = false;
                break;
            };
            // In a shallow clone the parent is named and not there.
            if !self.git.has_object(parent.detach()) {
                break;
            }
            at = CommitId(parent.detach());
        }
        Ok(out)
    }
}

/// When commits, newest first, were made, as far as their own dates can be believed: each as late as it may have been.
///
/// A date that lies after `now`, or more than a day before that of an ancestor, is that of a wrong clock, or was made up: the
/// commit is then taken to be as young as the next newer one whose date can be believed, or as `now`.
fn believed(dates: &[i64], now: i64) -> Vec<i64> {
    let mut newest = i64::MIN;
    let mut known: Vec<Option<i64>> = dates
        .iter()
        .rev()
        .map(|date| {
            let fits = *date <= now && *date >= newest.saturating_sub(SKEW);
            fits.then(|| {
                newest = newest.max(*date);
                newest
            })
        })
        .collect();
    known.reverse();
    let mut later = now;
    known
        .into_iter()
        .map(|date| {
            later = date.unwrap_or(later);
            later
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_that_cannot_be_are_not_believed() {
        const DAY: i64 = SKEW;
        let days = |all: &[i64]| all.iter().map(|days| days * DAY).collect::<Vec<_>>();
        // Newest first, in days; now is day 100.
        for (dates, expected) in [
            (&[][..], &[][..]),
            (&[90, 80, 70], &[90, 80, 70]),
            // Long ago: as young as what follows, or as now.
            (&[10, 80, 70], &[100, 80, 70]),
            (&[90, 10, 70], &[90, 90, 70]),
            (&[10, 11, 80], &[100, 100, 80]),
            // A little before its parent.
            (&[79, 80, 70], &[80, 80, 70]),
            (&[78, 80, 70], &[100, 80, 70]),
            // Of the future.
            (&[101, 80], &[100, 80]),
            (&[90, 500, 80], &[90, 90, 80]),
            (&[90, 80, 500], &[90, 80, 80]),
            // The first commit has nothing to be measured by.
            (&[90, 0], &[90, 0]),
            // One whose clock was ahead, once that time has come: those before it were made before.
            (&[96, 50, 95, 40], &[96, 96, 95, 40]),
        ] {
            assert_eq!(believed(&days(dates), 100 * DAY), days(expected), "{dates:?}");
        }
        assert_eq!(believed(&[i64::MIN, i64::MAX], 0), [i64::MIN, i64::MIN]);
    }
}
