//! What a folder has said for some time, read from history without a checkout.

use std::collections::BTreeSet;

use super::{CommitId, GitError, Repository};
use crate::host::Limits;
use crate::locate::SourceKey;
use crate::rules::{Promote, Rules, Staged};
use crate::time::Timestamp;
use crate::{locate, scan};

/// Commits that are looked at for one promotion.
const MOST: usize = 50_000;

impl Repository {
    /// What each promotion of the rules may offer: the versions that its folder says at `start`, and has said at every
    /// commit since `now` less the rule's age, and at the one that stood then.
    ///
    /// History is that of first parents: what was merged counts from its merge, by the time of the commit. Only commits at which
    /// the folder has changed are read. Where the history at hand ends earlier, nothing is offered.
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
        let said = rules.promotions().iter().map(|promote| self.said(start, promote, now, limits));
        Ok(Staged::new(said.collect::<Result<_, _>>()?))
    }

    fn said(
        &self,
        start: CommitId,
        promote: &Promote,
        now: Timestamp,
        limits: &Limits,
    ) -> Result<BTreeSet<(SourceKey, String)>, GitError> {
        let failed = |error| GitError::failed("the history cannot be read", &error);
        let age = promote.after().map_or(0, |after| i64::try_from(after.seconds()).unwrap_or(i64::MAX));
        let since = now.seconds().saturating_sub(age);
        let mut said: Option<BTreeSet<_>> = None;
        let (mut at, mut last) = (start, None);
        for _ in 0..MOST {
            let folder = self.folder_of(at, promote.from())?;
            if said.is_none() || folder != last {
                let tree = self.read(at, limits)?;
                let says = Staged::says(promote, &locate(&scan(&tree.files)));
                said = Some(match said {
                    Some(said) => said.intersection(&says).cloned().collect(),
                    None => says,
                });
                last = folder;
            }
            if said.as_ref().is_some_and(BTreeSet::is_empty) {
                break;
            }
            let commit = self.git.find_commit(at.0).map_err(failed)?;
            if commit.time().map_err(failed)?.seconds <= since {
                return Ok(said.unwrap_or_default());
            }
            let Some(parent) = commit.parent_ids().next() else { break };
            // In a shallow clone the parent is named and not there.
            if !self.git.has_object(parent.detach()) {
                break;
            }
            at = CommitId(parent.detach());
        }
        Ok(BTreeSet::new())
    }
}
