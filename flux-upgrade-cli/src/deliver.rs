//! `apply --commit`: branches, pushes and pull requests instead of files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use flux_upgrade_core::host::{
    BranchState, Closing, Deliver, Delivered, Delivery, Forge, ForgeKind, Git, GitError, Home, HttpOptions,
    Limits, Proposal, Push, Repository, Signing, Synced, SyncedState, Tree, Unpushed, Wanted,
};
use flux_upgrade_core::{plan, rules};

use crate::args::Format;
use crate::env::Env;
use crate::fault::Fault;
use crate::job::Planned;
use crate::parcel::{Parcel, parcels, replacements};
use crate::streams::Streams;

/// Where the changes of `apply` go when not into the files.
#[derive(Debug, Args)]
#[command(next_help_heading = "Delivery")]
pub(crate) struct DeliverFlags {
    /// Make a branch with one commit for each group of changes; worktree and index stay as they are
    ///
    /// The files are planned as the base has them. Run again, a branch that has what is wanted stays, one that has not
    /// gets a new commit in place of ours, and one with somebody else's commit is kept.
    #[arg(long)]
    pub(crate) commit: bool,

    /// How the names of the branches begin; the same in every run [default: as the rules say, else `flux-upgrade/`]
    #[arg(long, value_name = "PREFIX", requires = "commit")]
    branch_prefix: Option<String>,

    /// The branch that they begin at, and are to be merged into [default: the one that HEAD is on; with --push the remote's
    /// default branch]
    #[arg(long, value_name = "BRANCH", requires = "commit")]
    base: Option<String>,

    /// Deliver also what the rules' `schedule` leaves for another time
    #[arg(long, requires = "commit")]
    ignore_schedule: bool,

    /// Fetch the base and our branches from the remote first, and push what has moved, with git's own program
    #[arg(long, requires = "commit")]
    push: bool,

    /// The remote
    #[arg(long, value_name = "NAME", default_value = "origin", requires = "push")]
    remote: String,

    /// Open a pull request for each branch, update those that are open, close those that nothing is left of
    #[arg(long, requires = "push")]
    pull_request: bool,

    /// Who writes the commits: `Name <mail@example.com>` [default: git's environment and configuration]
    #[arg(long, value_name = "AUTHOR", requires = "commit")]
    author: Option<String>,

    /// Sign the commits with what git's configuration names [default: as `commit.gpgSign` says]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", requires = "commit")]
    sign: Option<bool>,

    /// What the forge speaks: github, gitlab, gitea or forgejo [default: as the remote's URL says]
    #[arg(long, value_name = "KIND", requires = "pull_request")]
    forge: Option<String>,

    /// Address of the forge's API, for example `https://git.example.com/api/v1`
    #[arg(long, value_name = "URL", requires = "pull_request")]
    forge_url: Option<String>,

    /// A label that pull requests get beside their own; may be repeated
    #[arg(long, value_name = "NAME", requires = "pull_request")]
    label: Vec<String>,

    /// Who is asked to review a pull request that is opened: a user, or ORG/TEAM; may be repeated
    #[arg(long, value_name = "NAME", requires = "pull_request")]
    reviewer: Vec<String>,

    /// Open pull requests as drafts
    #[arg(long, requires = "pull_request")]
    draft: bool,

    /// Have the forge merge a pull request once its checks have passed
    #[arg(long, requires = "pull_request", conflicts_with = "draft")]
    automerge: bool,
}

/// A path whose changes are delivered.
pub(crate) struct Delivering<'a> {
    flags: &'a DeliverFlags,
    repository: Repository,
    /// The base's name, without `refs/heads/`.
    base: String,
    how: Deliver,
    notes: Vec<String>,
}

/// What was done, for people and for tools.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    pub(crate) has_failed: bool,
    notes: Vec<String>,
    /// What makes the command fail, beside what the rows say.
    errors: Vec<String>,
}

struct Row {
    branch: String,
    title: String,
    /// What became of the branch.
    state: &'static str,
    /// What there is to say of that.
    why: Option<String>,
    commit: Option<String>,
    pushed: bool,
    pull: Option<(&'static str, Option<u64>, String)>,
}

impl<'a> Delivering<'a> {
    /// Opens the repository, fetches what counts, and finds the base.
    pub(crate) fn new(flags: &'a DeliverFlags, path: &std::path::Path, env: &Env) -> Result<Self, Fault> {
        let fault = |error: GitError| Fault::of(&error);
        let author = flags.author.as_deref().map(str::parse).transpose().map_err(fault)?;
        let repository = Repository::discover(&env.folder.join(path)).map_err(fault)?;
        let prefix =
            flags.branch_prefix.as_deref().unwrap_or(rules::Wording::default().branch_prefix()).to_owned();
        let default = match flags.push {
            true => repository.ask_remote(&flags.remote, &prefix, &git(env)).map_err(fault)?,
            false => None,
        };
        let named = flags.base.as_deref().map(|base| base.strip_prefix("refs/heads/").unwrap_or(base));
        let here = repository.head_branch();
        let base = named.or(default.as_deref()).or(here.as_deref());
        let base = base.ok_or_else(|| Fault::of(&GitError::NoBranch))?.to_owned();
        let mut notes = Vec::new();
        if let (None, Some(here)) = (named, here.filter(|here| *here != base)) {
            let remote = &flags.remote;
            // One of ours is never the base.
            let other = match here.starts_with(&prefix) {
                true => format!("HEAD is on `{here}`, which is ours"),
                false => format!("for `{here}`, where HEAD is, say `--base {here}`"),
            };
            notes.push(format!("the base is `{base}`, the default branch of `{remote}`; {other}"));
        }
        let start = if flags.push {
            repository.fetch(&flags.remote, Some(&base), &prefix, &git(env)).map_err(fault)?;
            format!("refs/remotes/{}/{base}", flags.remote)
        } else {
            format!("refs/heads/{base}")
        };
        let how = Deliver {
            base: repository.resolve(&start).map_err(fault)?,
            into: Some(base.clone()),
            prefix,
            remote: flags.push.then(|| flags.remote.clone()),
            author,
            signing: match flags.sign {
                None => Signing::Configured,
                Some(true) => Signing::Always,
                Some(false) => Signing::Never,
            },
            now: env.time(),
        };
        if flags.branch_prefix.is_some() {
            how.check().map_err(fault)?;
        }
        Ok(Self { flags, repository, base, how, notes })
    }

    /// Where the repository keeps its branches, which one run can deliver to once.
    pub(crate) fn home(&self) -> PathBuf {
        self.repository.home().canonicalize().unwrap_or_else(|_| self.repository.home().to_path_buf())
    }

    /// Its path, below the top of the repository: empty, or with `/` at its end. What stands elsewhere is not in its plan.
    pub(crate) fn below(&self) -> &str {
        self.repository.below()
    }

    /// The files as the base has them.
    pub(crate) fn tree(&self) -> Result<Tree, Fault> {
        self.repository.read(self.how.base, &Limits::default()).map_err(|error| Fault::of(&error))
    }

    /// Makes the branches, pushes them and brings the pull requests there. `is_all` is whether what is not in the plan
    /// can be taken for obsolete.
    pub(crate) fn run(&mut self, planned: &Planned, is_all: bool, env: &Env) -> Result<Report, Fault> {
        // What was taken out, since it could not be proven, is not gone.
        let is_all = is_all && planned.set.refused.is_empty();
        let files = &planned.tree.files;
        let wording = planned.rules.wording();
        let parcels = parcels(files, &planned.plan, wording);
        if self.flags.branch_prefix.is_none() && self.how.prefix != wording.branch_prefix() {
            self.how.prefix = wording.branch_prefix().to_owned();
            if let Some(remote) = &self.how.remote {
                let asked = self.repository.ask_remote(remote, &self.how.prefix, &git(env));
                asked.map_err(|error| Fault::of(&error))?;
                let fetched = self.repository.fetch(remote, None, &self.how.prefix, &git(env));
                fetched.map_err(|error| Fault::of(&error))?;
            }
        }
        self.how.check().map_err(|error| Fault::of(&error))?;
        let forge = self.flags.pull_request.then(|| self.forge(env)).transpose()?;
        let mut report = Report { notes: std::mem::take(&mut self.notes), ..Report::default() };
        let names: Vec<String> =
            parcels.iter().map(|parcel| format!("{}{}", self.how.prefix, parcel.id)).collect();
        let declined = match &forge {
            Some(forge) => {
                let asked: Vec<Proposal> = names
                    .iter()
                    .zip(&parcels)
                    .map(|(name, parcel)| Proposal {
                        branch: name.clone(),
                        title: parcel.title.clone(),
                        offer: parcel.offer.clone(),
                        ..Proposal::default()
                    })
                    .collect();
                forge.declined(&asked).map_err(|error| Fault::of(&error))?
            }
            None => vec![false; parcels.len()],
        };

        // What was declined is not made, nor what stands on it; the rest keeps its order.
        let mut wanted: Vec<Wanted<'_>> = Vec::new();
        let mut made: BTreeMap<usize, usize> = BTreeMap::new();
        for (number, parcel) in parcels.iter().enumerate() {
            let row = |state, why: Option<String>| Row {
                branch: names[number].clone(),
                title: parcel.title.clone(),
                state,
                why,
                commit: None,
                pushed: false,
                pull: None,
            };
            if declined[number] {
                let why = "somebody has closed its pull request; it comes again with another version";
                report.rows.push(row("declined", Some(why.to_owned())));
                continue;
            }
            if parcel.delivery == rules::Delivery::Inline {
                let why = "the rules leave it to the cluster: `delivery: inline`";
                report.rows.push(row("inline", Some(why.to_owned())));
                continue;
            }
            let is_due = |now| planned.plan.groups[number].is_due(now);
            if !self.flags.ignore_schedule && self.how.now.is_some_and(|now| !is_due(now)) {
                let times: Vec<String> =
                    planned.plan.groups[number].schedule.iter().map(|text| format!("`{text}`")).collect();
                let changes = &planned.plan.groups[number].changes;
                let sites = changes.iter().map(|change| planned.plan.site_of(&planned.plan.changes[*change]));
                let zone = sites.filter_map(|site| planned.rules.other_timezone(site)).next();
                let zone =
                    zone.map(|zone| format!(", and not {zone}: Renovate's `timezone` has no effect here"));
                let why =
                    format!("the rules deliver it {} (UTC{})", times.join(" or "), zone.unwrap_or_default());
                report.rows.push(row("not due", Some(why)));
                continue;
            }
            let below = match parcel.onto.map(|onto| (onto, made.get(&onto))) {
                Some((onto, None)) => {
                    report.rows.push(row("waits", Some(format!("it stands on {}", names[onto]))));
                    continue;
                }
                Some((_, below)) => below.copied(),
                None => None,
            };
            match &parcel.files {
                Err(why) => {
                    report.has_failed = true;
                    report.rows.push(row("refused", Some(why.clone())));
                }
                Ok(set) => {
                    made.insert(number, wanted.len());
                    wanted.push(Wanted {
                        branch: names[number].clone(),
                        onto: below,
                        is_unsure: parcel.onto.is_none() && !(is_all && parcel.awaits.is_empty()),
                        message: parcel.message.clone(),
                        files: replacements(set),
                    });
                }
            }
        }
        let (delivery, unpushed) = self.bring(&wanted, env)?;
        if delivery.unlocked > 0 {
            report.notes.push(format!(
                "an earlier run was killed while it moved branches; {} that it had locked are free again",
                delivery.unlocked
            ));
        }
        let of = |branch: &str| names.iter().position(|name| name == branch).map(|number| &parcels[number]);
        for delivered in &delivery.branches {
            report.has_failed |=
                matches!(delivered.state, BranchState::Refused { .. } | BranchState::CheckedOut { .. });
            let parcel = of(&delivered.branch);
            let mut first: Vec<String> = Vec::new();
            if let Some(parcel) = parcel {
                first.extend(parcel.after.iter().map(|at| match parcels[*at].delivery {
                    rules::Delivery::Inline => format!("`{}` (the cluster delivers it)", parcels[*at].id),
                    _ => names[*at].clone(),
                }));
                first.extend(parcel.awaits.iter().map(|id| format!("`{id}` (nothing is known of it)")));
            }
            let mut row = branch_row(delivered, parcel, &first);
            if let Some(left) = unpushed.iter().find(|left| left.branch == row.branch) {
                report.has_failed = true;
                row = Row { state: "refused", why: Some(left.why.clone()), pushed: false, ..row };
            }
            report.rows.push(row);
        }
        let kept_from = report.rows.len();
        let spared: BTreeSet<String> = plan::unanswered_groups(&planned.plan, &planned.rules)
            .into_iter()
            .map(|id| format!("{}{id}", self.how.prefix))
            .chain(names.iter().cloned())
            .collect();
        let obsolete = obsolete(&delivery, is_all, &spared, &mut report);
        if let Some(forge) = &forge {
            let delivery = Delivery {
                branches: delivery
                    .branches
                    .into_iter()
                    .filter(|branch| unpushed.iter().all(|left| left.branch != branch.branch))
                    .collect(),
                ..delivery
            };
            self.pull_requests(forge, &delivery, &wanted, &of, &obsolete, &mut report)?;
        }
        report.rows[..kept_from].sort_by(|a, b| a.branch.cmp(&b.branch));
        Ok(report)
    }

    /// Makes the branches and pushes them. Where another run, or a person, was faster, it looks again.
    fn bring(&self, wanted: &[Wanted<'_>], env: &Env) -> Result<(Delivery, Vec<Unpushed>), Fault> {
        const TRIES: usize = 3;
        let fault = |error: GitError| Fault::of(&error);
        let mut done: BTreeMap<String, Delivered> = BTreeMap::new();
        let mut unlocked = 0;
        let mut tried = 0;
        loop {
            tried += 1;
            let mut delivery = match self.repository.deliver(wanted, &self.how) {
                Err(GitError::References { .. }) if tried < TRIES => {
                    std::thread::sleep(Duration::from_millis(500));
                    continue;
                }
                other => other.map_err(fault)?,
            };
            unlocked += delivery.unlocked;
            let pushes: Vec<Push> =
                delivery.branches.iter().filter_map(|branch| branch.push.clone()).collect();
            let unpushed = match &self.how.remote {
                Some(remote) => self.repository.push(remote, &pushes, &git(env)).map_err(fault)?,
                None => Vec::new(),
            };
            // What was done before the second look is `unchanged` at it.
            for branch in &mut delivery.branches {
                if unpushed.iter().any(|left| left.branch == branch.branch) {
                    continue;
                }
                match done.get(&branch.branch) {
                    Some(before) if branch.state == BranchState::Unchanged => *branch = before.clone(),
                    _ => drop(done.insert(branch.branch.clone(), branch.clone())),
                }
            }
            let is_stale = unpushed.iter().any(|left| left.is_stale);
            match &self.how.remote {
                Some(remote) if is_stale && tried < TRIES => {
                    self.repository.fetch(remote, None, &self.how.prefix, &git(env)).map_err(fault)?;
                }
                _ => return Ok((Delivery { unlocked, ..delivery }, unpushed)),
            }
        }
    }

    fn forge(&self, env: &Env) -> Result<Forge, Fault> {
        let flags = self.flags;
        let kind = flags.forge.as_deref().map(|text| {
            text.parse::<ForgeKind>().map_err(|error| Fault::bad_value("--forge", text, &error.to_string()))
        });
        let remote = &flags.remote;
        let url = self.repository.remote_url(remote);
        let url =
            url.ok_or_else(|| Fault::new(format!("git knows no remote `{remote}`; name one with --remote")))?;
        let variable = |name: &str| env.variables.get(name).cloned();
        let kind = kind.transpose()?;
        let home = |url: &str| Home::of_remote(url, kind, flags.forge_url.as_deref(), variable);
        // A short name of the user's own says nothing; what git makes of it may.
        let home = home(&url).or_else(|error| {
            let rewritten = self.repository.rewritten_url(remote).filter(|other| *other != url);
            rewritten.and_then(|other| home(&other).ok()).ok_or(error)
        });
        let home = home.map_err(|error| Fault::of(&error))?;
        Forge::new(home, variable, HttpOptions::default(), env.cancel.clone())
            .map_err(|error| Fault::of(&error))
    }

    fn pull_requests<'p>(
        &self,
        forge: &Forge,
        delivery: &Delivery,
        wanted: &[Wanted<'_>],
        of: &impl Fn(&str) -> Option<&'p Parcel>,
        obsolete: &[String],
        report: &mut Report,
    ) -> Result<(), Fault> {
        let flags = self.flags;
        let may_have = |delivered: &&Delivered| {
            matches!(delivered.state, BranchState::Created | BranchState::Unchanged | BranchState::Moved)
        };
        let proposals: Vec<Proposal> = delivery
            .branches
            .iter()
            .filter(may_have)
            .filter_map(|delivered| {
                let parcel =
                    of(&delivered.branch).filter(|parcel| parcel.delivery == rules::Delivery::PullRequest)?;
                let want = wanted.iter().find(|want| want.branch == delivered.branch)?;
                let base = want.onto.map_or(self.base.as_str(), |onto| wanted[onto].branch.as_str());
                Some(Proposal {
                    branch: delivered.branch.clone(),
                    base: base.to_owned(),
                    title: parcel.title.clone(),
                    body: parcel.body.clone(),
                    offer: parcel.offer.clone(),
                    no_labels: parcel
                        .no_labels
                        .iter()
                        .filter(|label| !flags.label.contains(label))
                        .cloned()
                        .collect(),
                    labels: parcel.labels.iter().chain(&flags.label).cloned().collect(),
                    reviewers: flags.reviewer.clone(),
                    draft: flags.draft,
                    // What others go before is merged by somebody who sees that they have.
                    automerge: flags.automerge && parcel.after.is_empty() && parcel.awaits.is_empty(),
                })
            })
            .collect();
        let comment =
            "Nothing is left to do here: the versions are up to date, or the rules no longer ask for it.";
        let closings: Vec<Closing> = obsolete
            .iter()
            .map(|branch| Closing { branch: branch.clone(), comment: comment.to_owned() })
            .collect();
        for result in forge.sync(&proposals, &closings).map_err(|error| Fault::of(&error))? {
            match result {
                Ok(Synced { branch, state, number, url, notes }) => {
                    report.notes.extend(notes.into_iter().map(|note| format!("{branch}: {note}")));
                    if state == SyncedState::Edited {
                        report.notes.push(format!(
                            "{branch}: somebody has changed its pull request, whose text stays"
                        ));
                    }
                    if state == SyncedState::Foreign {
                        let number = number.unwrap_or_default();
                        report.notes.push(format!(
                            "{branch}: somebody has opened a pull request for it, #{number}, which stays as it is; \
                             none is opened beside it"
                        ));
                    }
                    if let Some(row) = report.rows.iter_mut().find(|row| row.branch == branch) {
                        row.pull = Some((state.word(), number, url));
                    }
                }
                Err(error) => {
                    report.has_failed = true;
                    report.errors.push(error.to_string());
                }
            }
        }
        Ok(())
    }
}

/// The branches that nothing is left of, as rows; those that hold our commit alone are given back.
fn obsolete(
    delivery: &Delivery,
    is_all: bool,
    spared: &BTreeSet<String>,
    report: &mut Report,
) -> Vec<String> {
    let mut ours = Vec::new();
    let all = delivery.obsolete.iter().filter(|old| !spared.contains(&old.branch));
    for old in all.clone().filter(|_| is_all) {
        let why = if old.is_ours {
            ours.push(old.branch.clone());
            "nothing is left to do on it; it can be deleted"
        } else {
            "nothing is left to do on it, but it has a commit that is not ours"
        };
        report.rows.push(Row {
            branch: old.branch.clone(),
            title: String::new(),
            state: "obsolete",
            why: Some(why.to_owned()),
            commit: None,
            pushed: false,
            pull: None,
        });
    }
    if !is_all && all.count() > 0 {
        let why = "since it is a part of the whole: --only, a PATH below the top, a file with an error, or edits that could \
                   not be proven";
        report.notes.push(format!("branches that are not in this plan are left alone, {why}"));
    }
    ours
}

fn branch_row(delivered: &Delivered, parcel: Option<&Parcel>, first: &[String]) -> Row {
    let why = match &delivered.state {
        BranchState::Kept { by } => Some(format!("it has a commit of {by}, and stays as it is")),
        BranchState::CheckedOut { folder } => {
            Some(format!("it is checked out in `{}`; switch to another branch there", folder.display()))
        }
        BranchState::Waits { why } if first.is_empty() => Some(why.clone()),
        BranchState::Waits { why } => Some(format!("{why}: after {}", first.join(", "))),
        BranchState::Refused { why } => Some(why.clone()),
        _ if !first.is_empty() => Some(format!("after {}", first.join(", "))),
        _ => None,
    };
    Row {
        branch: delivered.branch.clone(),
        title: parcel.map(|parcel| parcel.title.clone()).unwrap_or_default(),
        state: delivered.state.word(),
        why,
        commit: delivered.tip.map(|tip| tip.to_string()),
        pushed: delivered.push.is_some(),
        pull: None,
    }
}

fn git(env: &Env) -> Git {
    Git { variables: env.variables.clone() }
}

impl Report {
    /// Tells it in the form that is asked for; forms of a plan have no place for it, and get it on standard error.
    pub(crate) fn tell(&self, format: Format, root: Option<&str>, streams: &mut Streams<'_>) {
        for note in &self.notes {
            streams.err(&format!("note: {}\n", shown(note)));
        }
        for error in &self.errors {
            streams.err(&format!("error: {}\n", shown(error)));
        }
        match format {
            Format::Json => streams.out(&self.json(root)),
            Format::Table => streams.out(&self.table()),
            _ => streams.err(&self.table()),
        }
    }

    fn table(&self) -> String {
        if self.rows.is_empty() {
            return "no branches: everything is up to date\n".to_owned();
        }
        let width =
            |of: fn(&Row) -> usize, least: usize| self.rows.iter().map(of).max().unwrap_or(0).max(least);
        let branch = width(|row| row.branch.chars().count(), 6);
        let state = width(|row| row.state.len(), 5);
        let mut out = format!("{:branch$}  {:state$}  {:7}  TITLE\n", "BRANCH", "STATE", "COMMIT");
        for row in &self.rows {
            let commit: String = row.commit.iter().flat_map(|commit| commit.chars().take(7)).collect();
            let line = format!(
                "{:branch$}  {:state$}  {commit:7}  {}",
                shown(&row.branch),
                row.state,
                shown(&row.title)
            );
            out.push_str(line.trim_end());
            out.push('\n');
            if let Some(why) = &row.why {
                out.push_str(&format!("  {}\n", shown(why)));
            }
            if let Some((state, _, url)) = &row.pull {
                out.push_str(&format!("  pull request {state}: {}\n", shown(url)));
            }
        }
        out
    }

    fn json(&self, root: Option<&str>) -> String {
        let rows: Vec<serde_json::Value> = self
            .rows
            .iter()
            .map(|row| {
                let pull = row.pull.as_ref().map(
                    |(state, number, url)| serde_json::json!({"state": state, "number": number, "url": url}),
                );
                serde_json::json!({
                    "branch": row.branch, "title": row.title, "state": row.state, "why": row.why,
                    "commit": row.commit, "pushed": row.pushed, "pullRequest": pull,
                })
            })
            .collect();
        let mut value = serde_json::json!({
            "schema": "flux-upgrade/delivery/v1", "branches": rows, "notes": self.notes, "errors": self.errors,
        });
        if let Some(root) = root {
            value["root"] = root.into();
        }
        format!("{value:#}\n")
    }
}

/// A text without characters that steer a terminal.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
