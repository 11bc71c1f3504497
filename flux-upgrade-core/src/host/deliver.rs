//! Branches with one commit each: what is wanted, compared with what is there.
//!
//! A branch of ours holds one commit, which carries a seal: a digest of its parent, tree, committer and message. So a commit
//! that somebody has added or made over is known, and its branch is kept as it is. A branch is left alone as long as merging it
//! gives what a new one would; otherwise its commit is replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::repository::{Author, CommitId, GitError, Hand, Push, Repository, Signing, folders};
use super::write::Replacement;
use crate::rules::is_branch_prefix;
use crate::time::Timestamp;

/// A branch that shall be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted<'t> {
    /// Its name, without `refs/heads/`.
    pub branch: String,
    /// The one before it, by its index, that it stands on; `None` for the base.
    pub onto: Option<usize>,
    /// Whether it is not known in this run what it has to stand on: where it stands on another branch of ours, it stays there.
    pub is_unsure: bool,
    /// The message of its commit; the seal is added.
    pub message: String,
    /// The files, each with the text that it has where the branch begins, and its new one.
    pub files: Vec<Replacement<'t>>,
}

/// How branches are made.
#[derive(Debug, Clone)]
pub struct Deliver {
    /// The commit that branches begin at.
    pub base: CommitId,
    /// The branch that they are to be merged into, without `refs/heads/`; `None` where the base is a commit alone.
    pub into: Option<String>,
    /// How the names of all our branches begin, such as `flux-upgrade/`.
    pub prefix: String,
    /// The remote whose branches, as fetched, count over those here.
    pub remote: Option<String>,
    /// Who writes the commits; `None` for whom git's configuration names.
    pub author: Option<Author>,
    /// Whether commits are signed.
    pub signing: Signing,
    /// The time of the commits; `None` for that of the system.
    pub now: Option<Timestamp>,
}

impl Deliver {
    /// Whether branches can be made in this way at all; [`Repository::deliver`] asks it too.
    ///
    /// # Errors
    ///
    /// [`GitError::BadPrefix`], and [`GitError::OwnBase`] where the base is among the branches of that prefix.
    pub fn check(&self) -> Result<(), GitError> {
        if !is_branch_prefix(&self.prefix) {
            return Err(GitError::BadPrefix { found: self.prefix.clone() });
        }
        match &self.into {
            Some(base) if self.is_under(base) => {
                Err(GitError::OwnBase { base: base.clone(), prefix: self.prefix.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Whether a branch stands right under the prefix, not under a longer one.
    fn is_under(&self, branch: &str) -> bool {
        branch.strip_prefix(self.prefix.as_str()).is_some_and(|rest| !rest.contains('/'))
    }
}

/// What became of the branches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// One for each that was wanted, in their order.
    pub branches: Vec<Delivered>,
    /// Branches of ours that nothing is wanted of any more, by name.
    pub obsolete: Vec<Obsolete>,
    /// How many branches an earlier run had left locked, since it was killed; they are free again.
    pub unlocked: usize,
}

/// What became of one branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Its name, without `refs/heads/`.
    pub branch: String,
    /// What became of it.
    pub state: BranchState,
    /// The commit that it is at; `None` where it could not be made.
    pub tip: Option<CommitId>,
    /// The push that brings the remote there; `None` where it is there already, or where there is no remote.
    pub push: Option<Push>,
}

/// What became of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BranchState {
    /// It is new.
    Created,
    /// It was there, and had what is wanted.
    Unchanged,
    /// It has a new commit in place of its old one.
    Moved,
    /// It has a commit that is not ours, and stays as it is.
    Kept {
        /// Who wrote that commit.
        by: String,
    },
    /// A worktree has it checked out, and would no longer match it.
    CheckedOut {
        /// The worktree.
        folder: PathBuf,
    },
    /// What it stands on is not there to stand on, or not known: it stays as it is.
    Waits {
        /// For what.
        why: String,
    },
    /// It could not be made.
    Refused {
        /// Why.
        why: String,
    },
}

impl BranchState {
    /// The state in a word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Unchanged => "unchanged",
            Self::Moved => "moved",
            Self::Kept { .. } => "kept",
            Self::CheckedOut { .. } => "checked out",
            Self::Waits { .. } => "waits",
            Self::Refused { .. } => "refused",
        }
    }
}

/// A branch of ours that nothing is wanted of any more: it holds a commit of ours. What others made under our prefix is not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Obsolete {
    /// Its name, without `refs/heads/`.
    pub branch: String,
    /// Whether it holds nothing but our commit.
    pub is_ours: bool,
}

impl Repository {
    /// Makes the branches that are wanted, as far as they are not there already; the worktree and the index stay.
    ///
    /// Nothing is pushed: [`Delivered::push`] says what [`Repository::push`] is to be given. All branches move in one step,
    /// from where they were seen; run again, nothing moves.
    ///
    /// # Errors
    ///
    /// [`GitError`] as [`Deliver::check`] has it, and where a branch has the name that the prefix needs for a folder, objects or
    /// references cannot be read or written, or a commit cannot be signed. Objects that were written by then are garbage to git,
    /// and no branch has moved.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::path::Path;
    /// use flux_upgrade_core::RepoPath;
    /// use flux_upgrade_core::host::{Deliver, Replacement, Repository, Signing, Wanted};
    ///
    /// let repository = Repository::discover(Path::new("."))?;
    /// let path = RepoPath::parse("apps/podinfo.yaml").unwrap();
    /// let wanted = Wanted {
    ///     branch: "flux-upgrade/podinfo".to_owned(),
    ///     onto: None,
    ///     is_unsure: false,
    ///     message: "Update podinfo to 6.9.1".to_owned(),
    ///     files: vec![Replacement { path: &path, before: "tag: 6.8.0\n", after: "tag: 6.9.1\n" }],
    /// };
    /// let how = Deliver {
    ///     base: repository.resolve("main")?,
    ///     into: Some("main".to_owned()),
    ///     prefix: "flux-upgrade/".to_owned(),
    ///     remote: None,
    ///     author: None,
    ///     signing: Signing::Configured,
    ///     now: None,
    /// };
    /// for delivered in repository.deliver(&[wanted], &how)?.branches {
    ///     println!("{} {}", delivered.branch, delivered.state.word());
    /// }
    /// # Ok::<(), flux_upgrade_core::host::GitError>(())
    /// ```
    pub fn deliver(&self, wanted: &[Wanted<'_>], how: &Deliver) -> Result<Delivery, GitError> {
        how.check()?;
        let unlocked = self.settle_moves()?;
        let hand = self.hand(how.author.as_ref(), how.signing, how.now)?;
        let seen = Seen::of(self, how)?;
        if let Some(branch) = folders(&how.prefix).find(|name| self.has_branch(name)) {
            return Err(GitError::PrefixTaken {
                branch: branch.to_owned(),
                prefix: how.prefix.clone(),
                remote: None,
            });
        }
        let tips = seen.local.values().chain(seen.remote.values());
        let pairs: BTreeSet<(Option<CommitId>, CommitId)> =
            tips.filter_map(|tip| self.ours(*tip).map(|fork| (Some(fork), *tip))).collect();
        self.backfill(&Vec::from_iter(pairs));
        let checked_out = self.checked_out();
        let mut done: Vec<Delivered> = Vec::new();
        let mut moves = Vec::new();
        for want in wanted {
            let (local, remote) = seen.tips(&want.branch);
            let below = want.onto.and_then(|below| done.get(below));
            let parent = match (want.onto, below.and_then(Delivered::stand)) {
                (None, _) => how.base,
                (_, Some(tip)) => tip,
                _ => {
                    let name = below.map(|below| below.branch.as_str()).unwrap_or_default();
                    let why = format!("it stands on {name}");
                    done.push(want.left(BranchState::Waits { why }, remote.or(local)));
                    continue;
                }
            };
            let tip = remote.or(local).filter(|_| want.is_unsure);
            if let Some(other) = tip.and_then(|tip| self.stands_on_another(tip, how, &seen)) {
                let why = format!("it stands on {other}, of which this run knows nothing");
                done.push(want.left(BranchState::Waits { why }, tip));
                continue;
            }
            let tree = match self.tree_with(parent, &want.files) {
                Ok(tree) => tree,
                // What somebody has made of the branch below is theirs to finish.
                Err(GitError::Changed { .. }) if let Some((name, by)) = below.and_then(Delivered::keeper) => {
                    let why = format!("it stands on {name}, which has a commit of {by}");
                    done.push(want.left(BranchState::Waits { why }, remote.or(local)));
                    continue;
                }
                Err(error @ GitError::Changed { .. }) => {
                    done.push(want.left(BranchState::Refused { why: error.to_string() }, None));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let found = self.judge(want, [remote, local], parent, (how, &hand))?;
            let is_new = if how.remote.is_some() { remote.is_none() } else { local.is_none() };
            let (state, tip) = match found {
                // What was deleted at the remote is new to it.
                Found::Fits(tip) if is_new => (BranchState::Created, tip),
                Found::Fits(tip) => (BranchState::Unchanged, tip),
                Found::Kept(tip, by) => {
                    done.push(want.left(BranchState::Kept { by }, Some(tip)));
                    continue;
                }
                Found::Free => {
                    let state = if is_new { BranchState::Created } else { BranchState::Moved };
                    (state, self.commit(tree, parent, &want.message, &hand)?)
                }
            };
            let name = format!("refs/heads/{}", want.branch);
            if local != Some(tip) {
                match checked_out.get(&name) {
                    None => moves.push((name, local, tip)),
                    // What counts is the remote's; here it is behind, as it is wherever else it is checked out.
                    Some(_) if how.remote.is_some() => {}
                    Some(folder) => {
                        done.push(want.left(BranchState::CheckedOut { folder: folder.clone() }, None));
                        continue;
                    }
                }
            }
            let push = (how.remote.is_some() && remote != Some(tip)).then(|| Push {
                branch: want.branch.clone(),
                old: remote,
                new: tip,
                onto: want.onto.map(|below| wanted[below].branch.clone()),
            });
            done.push(Delivered { branch: want.branch.clone(), state, tip: Some(tip), push });
        }
        if !moves.is_empty() {
            self.move_branches(&moves, &hand)?;
        }
        let obsolete = seen.others(wanted, how).into_iter().filter_map(|(branch, tip)| {
            let is_ours = self.ours(tip).is_some();
            (is_ours || self.stands_on_ours(tip, how.base)).then_some(Obsolete { branch, is_ours })
        });
        Ok(Delivery { obsolete: obsolete.collect(), branches: done, unlocked })
    }

    /// The branch of ours that a commit of ours stands on, as long as that is not merged.
    fn stands_on_another<'s>(&self, tip: CommitId, how: &Deliver, seen: &'s Seen) -> Option<&'s str> {
        let fork = self.ours(tip).filter(|fork| !self.is_ancestor(*fork, how.base))?;
        let all = if how.remote.is_some() { &seen.remote } else { &seen.local };
        all.iter().find(|(_, tip)| **tip == fork).map(|(branch, _)| branch.as_str())
    }

    /// What is to be thought of a branch as it stands, here and at the remote.
    fn judge(
        &self,
        want: &Wanted<'_>,
        tips: [Option<CommitId>; 2],
        parent: CommitId,
        (how, hand): (&Deliver, &Hand),
    ) -> Result<Found, GitError> {
        let mut fits = None;
        for tip in tips.into_iter().flatten() {
            if self.is_ancestor(tip, how.base) {
                continue;
            }
            let Some(fork) = self.ours(tip) else {
                return Ok(Found::Kept(tip, self.committer_of(tip)));
            };
            // Who asks for signatures has a rule that wants them.
            let is_as_signed = !hand.signs() || self.is_signed(tip);
            if fits.is_none() && is_as_signed && self.fits(want, tip, fork, parent, how)? {
                fits = Some(tip);
            }
        }
        Ok(fits.map_or(Found::Free, Found::Fits))
    }

    /// Whether merging a commit of ours gives what a new one would.
    fn fits(
        &self,
        want: &Wanted<'_>,
        tip: CommitId,
        fork: CommitId,
        parent: CommitId,
        how: &Deliver,
    ) -> Result<bool, GitError> {
        // The base may have gone on, as long as it did not touch our files; what a branch stands on may not.
        let is_of_base =
            || self.is_ancestor(fork, how.base) || (self.is_shallow() && self.ours(fork).is_none());
        let may_be_older =
            want.onto.is_none() && is_of_base() && self.same_files(fork, how.base, &want.files)?;
        if fork != parent && !may_be_older {
            return Ok(false);
        }
        match self.tree_with(fork, &want.files) {
            Ok(tree) => Ok(tree == self.tree_id(tip)?),
            Err(GitError::Changed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Delivered {
    /// The commit that another branch can stand on; `None` where this one is not what it should be.
    fn stand(&self) -> Option<CommitId> {
        let is_left = matches!(
            self.state,
            BranchState::Waits { .. } | BranchState::CheckedOut { .. } | BranchState::Refused { .. }
        );
        self.tip.filter(|_| !is_left)
    }

    /// Its name and whose commit it has, where it is kept for that.
    fn keeper(&self) -> Option<(&str, &str)> {
        match &self.state {
            BranchState::Kept { by } => Some((&self.branch, by)),
            _ => None,
        }
    }
}

impl Wanted<'_> {
    /// The branch as it is left without being moved.
    fn left(&self, state: BranchState, tip: Option<CommitId>) -> Delivered {
        Delivered { branch: self.branch.clone(), state, tip, push: None }
    }
}

/// What is to be thought of a branch.
enum Found {
    /// It is what is wanted.
    Fits(CommitId),
    /// It has a commit of somebody.
    Kept(CommitId, String),
    /// It is not there, or holds nothing but what may be replaced.
    Free,
}

/// The branches under our prefix, here and at the remote as it was fetched.
struct Seen {
    local: BTreeMap<String, CommitId>,
    remote: BTreeMap<String, CommitId>,
}

impl Seen {
    fn of(repository: &Repository, how: &Deliver) -> Result<Self, GitError> {
        let below = |start: &str| {
            let tips = repository.tips(&format!("{start}{}", how.prefix))?;
            let short = |(name, tip): (String, CommitId)| Some((name.strip_prefix(start)?.to_owned(), tip));
            Ok::<_, GitError>(tips.into_iter().filter_map(short).collect())
        };
        let remote = match &how.remote {
            Some(remote) => below(&format!("refs/remotes/{remote}/"))?,
            None => BTreeMap::new(),
        };
        Ok(Self { local: below("refs/heads/")?, remote })
    }

    fn tips(&self, branch: &str) -> (Option<CommitId>, Option<CommitId>) {
        (self.local.get(branch).copied(), self.remote.get(branch).copied())
    }

    /// Branches under the prefix itself, not those of a longer prefix, that nothing is wanted of.
    fn others(self, wanted: &[Wanted<'_>], how: &Deliver) -> BTreeMap<String, CommitId> {
        let wanted: BTreeSet<&str> = wanted.iter().map(|want| want.branch.as_str()).collect();
        // Where there is a remote, a leftover here is nobody's business but the user's.
        let all = if how.remote.is_some() { self.remote } else { self.local };
        let is_other = |branch: &str| how.is_under(branch) && !wanted.contains(branch);
        all.into_iter().filter(|(branch, _)| is_other(branch)).collect()
    }
}
