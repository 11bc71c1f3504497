//! Git's own program, for what talks to a remote.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use super::{CommitId, GitError, Repository};

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
}

impl Repository {
    /// The URL that a remote is fetched from, as git's configuration has it.
    #[must_use]
    pub fn remote_url(&self, remote: &str) -> Option<String> {
        let config = self.git.config_snapshot();
        config.string(format!("remote.{remote}.url").as_str()).map(|url| url.to_string())
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

    /// Pushes branches together; none moves that is not where it was seen, and no history but `old` is given up.
    ///
    /// A remote that cannot move several at once is given them one after the other.
    ///
    /// # Errors
    ///
    /// [`GitError::Program`] with what git says.
    pub fn push(&self, remote: &str, branches: &[Push], git: &Git) -> Result<(), GitError> {
        if branches.is_empty() {
            return Ok(());
        }
        let arguments = |atomic: bool| {
            let mut arguments = vec!["push".to_owned(), "--quiet".to_owned()];
            arguments.extend(atomic.then(|| "--atomic".to_owned()));
            for Push { branch, old, .. } in branches {
                let old = old.map(|old| old.to_string()).unwrap_or_default();
                arguments.push(format!("--force-with-lease=refs/heads/{branch}:{old}"));
            }
            arguments.push(remote.to_owned());
            arguments
                .extend(branches.iter().map(|Push { branch, new, .. }| format!("{new}:refs/heads/{branch}")));
            arguments
        };
        match self.run(git, &arguments(true)) {
            Err(GitError::Program { detail, .. }) if detail.contains("does not support --atomic") => {
                self.run(git, &arguments(false)).map(drop)
            }
            other => other.map(drop),
        }
    }

    /// Runs git in the repository, and gives what it prints.
    fn run(&self, git: &Git, arguments: &[String]) -> Result<String, GitError> {
        let shown = arguments.first().cloned().unwrap_or_default();
        let failed = |detail: String| GitError::Program { command: shown.clone(), detail };
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.folder()).envs(&git.variables);
        // It must not wait for somebody to type a password where there is nobody.
        command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C").stdin(Stdio::null());
        let output = command.output().map_err(|error| failed(format!("it cannot be started: {error}")))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(failed(last_lines(&String::from_utf8_lossy(&output.stderr))))
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
