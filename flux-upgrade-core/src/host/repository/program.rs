//! Git's own program, for what talks to a remote.

use std::collections::BTreeMap;
use std::process::{Command, Output, Stdio};

use super::{CommitId, GitError, Repository};
use crate::host::list::PATTERNS;

/// How git's program is run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Git {
    /// Environment variables that are added to those of this process.
    pub variables: BTreeMap<String, String>,
}

/// A branch that goes to a remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// Where the remote has it; the push is refused when it is elsewhere by then.
    pub old: Option<CommitId>,
    /// Where it shall be.
    pub new: CommitId,
    /// The branch that it stands on: it does not go where that is refused.
    pub onto: Option<String>,
}

/// A branch that did not move at the remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpushed {
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// Why, with the remote's own words.
    pub why: String,
    /// Whether somebody else has moved it since it was fetched: worth another look.
    pub is_stale: bool,
}

/// What git says of one branch that was refused.
struct Refusal {
    /// Such as `pre-receive hook declined`.
    reason: String,
    /// The remote's lines.
    said: Vec<String>,
}

impl Refusal {
    /// Reads what `git push` of one branch says: ` ! [remote rejected] id -> name (reason)`, and lines of `remote:`.
    fn of(text: &str) -> Option<Self> {
        let line = text.lines().map(str::trim).find(|line| line.starts_with("! ["))?;
        let reason = line.rsplit_once(" (").map_or(line, |(_, reason)| reason.trim_end_matches(')'));
        let said = text.lines().filter_map(|line| line.strip_prefix("remote:")).map(str::trim);
        let said = said.filter(|line| !line.is_empty()).take(8).map(without_logins);
        Some(Self { reason: without_logins(reason), said: said.collect() })
    }

    /// Whether the branch is not where it was seen.
    fn is_stale(&self) -> bool {
        let is_elsewhere = self.reason.contains("is at ") && self.reason.contains("but expected");
        is_elsewhere
            || ["stale info", "fetch first", "already exists", "failed to update ref", "incorrect old value"]
                .iter()
                .any(|word| self.reason.contains(word))
    }

    fn words(&self) -> String {
        let shown = |text: &String| text.chars().filter(|c| !c.is_control()).collect::<String>();
        let all: Vec<String> = [&self.reason].into_iter().chain(&self.said).map(shown).collect();
        all.join("; ")
    }
}

impl Repository {
    /// The URL that a remote is fetched from, as git's configuration has it.
    #[must_use]
    pub fn remote_url(&self, remote: &str) -> Option<String> {
        let config = self.git.config_snapshot();
        config.string(format!("remote.{remote}.url").as_str()).map(|url| url.to_string())
    }

    /// The URL of a remote as `url.….insteadOf` rewrites it, which is where git goes; `None` where there is none, or none that can be
    /// read.
    #[must_use]
    pub fn rewritten_url(&self, remote: &str) -> Option<String> {
        let remote = self.git.find_remote(remote).ok()?;
        remote.url(gix::remote::Direction::Fetch).map(|url| url.to_bstring().to_string())
    }

    /// Asks a remote for its default branch, which its `HEAD` is on, and whether a branch has the name that `prefix` needs for a
    /// folder.
    ///
    /// # Errors
    ///
    /// [`GitError::PrefixTaken`], and [`GitError::Program`] with what git says.
    pub fn ask_remote(&self, remote: &str, prefix: &str, git: &Git) -> Result<Option<String>, GitError> {
        let taken: Vec<String> = folders(prefix).map(|name| format!("refs/heads/{name}")).collect();
        let arguments = ["ls-remote", "--quiet", "--symref", remote, "HEAD"].map(str::to_owned);
        let said = self.run(git, &[&arguments[..], &taken].concat())?;
        let mut default = None;
        for (what, name) in said.lines().filter_map(|line| line.split_once('\t')) {
            if let Some(branch) = what.strip_prefix("ref: refs/heads/").filter(|_| name == "HEAD") {
                default = Some(branch.to_owned());
            } else if taken.iter().any(|taken| taken == name) {
                return Err(GitError::PrefixTaken {
                    branch: name.trim_start_matches("refs/heads/").to_owned(),
                    prefix: prefix.to_owned(),
                    remote: Some(remote.to_owned()),
                });
            }
        }
        Ok(default)
    }

    /// Fetches a branch, if one is named, and all branches that begin with `prefix`, into the remote's own references.
    ///
    /// # Errors
    ///
    /// [`GitError::Program`] with what git says.
    pub fn fetch(&self, remote: &str, base: Option<&str>, prefix: &str, git: &Git) -> Result<(), GitError> {
        let spec = |from: &str| format!("+refs/heads/{from}:refs/remotes/{remote}/{from}");
        let mut arguments = ["fetch", "--quiet", "--no-tags", "--prune", "--no-recurse-submodules", remote]
            .map(str::to_owned)
            .to_vec();
        arguments.extend(base.map(spec));
        arguments.push(spec(&format!("{prefix}*")));
        self.run(git, &arguments).map(drop)
    }

    /// Pushes branches; none moves that is not where it was seen, and no history but `old` is given up.
    ///
    /// They go together, or one after the other where the remote does not take them so: one that it refuses stops only those that
    /// stand on it. Given back are those that did not move.
    ///
    /// # Errors
    ///
    /// [`GitError::Program`] with what git says, where nothing could be asked of the remote.
    pub fn push(&self, remote: &str, branches: &[Push], git: &Git) -> Result<Vec<Unpushed>, GitError> {
        if branches.is_empty() || self.push_once(remote, branches, true, git)?.status.success() {
            return Ok(Vec::new());
        }
        let mut left: Vec<Unpushed> = Vec::new();
        let mut lost: Option<String> = None;
        for push in branches {
            let below = left.iter().find(|other| push.onto.as_ref() == Some(&other.branch));
            let (why, is_stale) = if let Some(below) = below {
                (format!("{}, which it stands on, was not pushed", below.branch), below.is_stale)
            } else if let Some(why) = &lost {
                (why.clone(), false)
            } else {
                let output = self.push_once(remote, std::slice::from_ref(push), false, git)?;
                if output.status.success() {
                    continue;
                }
                let text = String::from_utf8_lossy(&output.stderr);
                match Refusal::of(&text) {
                    Some(refusal) if refusal.is_stale() => {
                        (format!("`{remote}` has moved it since it was looked at: {}", refusal.words()), true)
                    }
                    Some(refusal) => (format!("`{remote}` refuses it: {}", refusal.words()), false),
                    None => {
                        let why = format!("`git push` failed: {}", last_lines(&text));
                        // Where git has not got as far as the branch, it does not with the next either.
                        lost = (output.status.code() != Some(1)).then(|| why.clone());
                        (why, false)
                    }
                }
            };
            left.push(Unpushed { branch: push.branch.clone(), why, is_stale });
        }
        Ok(left)
    }

    /// One run of `git push`: what it says, also where branches were refused.
    fn push_once(
        &self,
        remote: &str,
        branches: &[Push],
        is_atomic: bool,
        git: &Git,
    ) -> Result<Output, GitError> {
        // A mirror's configuration would push everything, and git takes no branches beside that.
        let no_mirror = format!("remote.{remote}.mirror=false");
        let mut arguments = ["-c", &no_mirror, "push", "--quiet"].map(str::to_owned).to_vec();
        arguments.extend(is_atomic.then(|| "--atomic".to_owned()));
        for Push { branch, old, .. } in branches {
            let old = old.map(|old| old.to_string()).unwrap_or_default();
            arguments.push(format!("--force-with-lease=refs/heads/{branch}:{old}"));
        }
        arguments.push(remote.to_owned());
        arguments
            .extend(branches.iter().map(|Push { branch, new, .. }| format!("{new}:refs/heads/{branch}")));
        let output = self.start(git, &arguments)?;
        let said = String::from_utf8_lossy(&output.stderr);
        let goes_on =
            !is_atomic || output.status.code() == Some(1) || said.contains("does not support --atomic");
        if !output.status.success() && !goes_on {
            return Err(self.refused(git, "push", last_lines(&said)));
        }
        Ok(output)
    }

    /// Runs git in the repository, and gives what it prints.
    fn run(&self, git: &Git, arguments: &[String]) -> Result<String, GitError> {
        let output = self.start(git, arguments)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let detail = last_lines(&String::from_utf8_lossy(&output.stderr));
        Err(self.refused(git, arguments.first().map_or("", String::as_str), detail))
    }

    /// Git's words on why it failed. Where it does not take the repository at all, such as one of another owner, it often says
    /// only what follows from that: that it knows no such remote.
    fn refused(&self, git: &Git, command: &str, detail: String) -> GitError {
        let asked = self.start(git, &["rev-parse".to_owned(), "--git-dir".to_owned()]);
        let cause = asked.ok().filter(|output| !output.status.success());
        let cause = cause.map(|output| last_lines(&String::from_utf8_lossy(&output.stderr)));
        GitError::Program {
            command: command.to_owned(),
            detail: cause.filter(|cause| !cause.is_empty()).unwrap_or(detail),
        }
    }

    /// Whether objects are left at a remote until they are asked for.
    fn is_partial(&self) -> bool {
        let config = self.git.config_snapshot();
        let is_promisor =
            |name: &str| config.boolean(format!("remote.{name}.promisor").as_str()) == Some(true);
        config.string("extensions.partialClone").is_some()
            || self.git.remote_names().iter().any(|name| is_promisor(&name.to_string()))
    }

    /// Has git's program bring what a partial clone has left at its remote, of the files that differ between two trees; `None` for
    /// the empty one. No more than a wish: what is missing is told where it is read.
    pub(in crate::host) fn backfill(&self, pairs: &[(Option<CommitId>, CommitId)]) {
        if !self.is_partial() {
            return;
        }
        for (old, new) in pairs {
            let old = old.map_or_else(
                || gix::ObjectId::empty_tree(self.git.object_hash()).to_string(),
                |old| old.to_string(),
            );
            // Git brings all that it has to compare in one request.
            let arguments = ["diff-tree", "-r", "--numstat", "--no-renames", &old, &new.to_string(), "--"]
                .map(str::to_owned);
            let patterns: Vec<String> = PATTERNS.iter().map(|pattern| (*pattern).to_owned()).collect();
            let _ = self.start(&Git::default(), &[&arguments[..], &patterns].concat());
        }
    }

    /// Runs git in the repository, and gives what it says, however it ends.
    fn start(&self, git: &Git, arguments: &[String]) -> Result<Output, GitError> {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.folder()).envs(&git.variables);
        // It must not wait for somebody to type a password where there is nobody.
        command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C").stdin(Stdio::null());
        command.output().map_err(|error| GitError::Program {
            command: arguments.first().cloned().unwrap_or_default(),
            detail: format!("it cannot be started: {error}"),
        })
    }
}

/// The names that git has folders for when branches begin with `prefix`: of `a/b/` they are `a` and `a/b`.
pub(in crate::host) fn folders(prefix: &str) -> impl Iterator<Item = &str> {
    prefix.match_indices('/').map(|(at, _)| &prefix[..at])
}

/// The end of what a program says, without what it may know of passwords in URLs.
fn last_lines(text: &str) -> String {
    const MOST: usize = 8;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let shown = lines[lines.len().saturating_sub(MOST)..].join("; ");
    without_logins(&shown)
}

/// A text whose URLs have lost their users and passwords.
pub(in crate::host) fn without_logins(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after
            .find(|c: char| c == '/' || c.is_whitespace() || c == '\'' || c == '"')
            .unwrap_or(after.len());
        let host = after[..end].rfind('@').map_or(0, |at| at + 1);
        rest = &after[host..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_in_urls_are_not_shown() {
        for (text, expected) in [
            (
                "fatal: 'https://me:s3cret@git.example.com/a/b.git/' not found",
                "fatal: 'https://git.example.com/a/b.git/' not found",
            ),
            ("https://a@b@c/d https://x", "https://c/d https://x"),
            ("git@github.com:a/b", "git@github.com:a/b"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(without_logins(text), expected);
        }
    }
}
