//! Trees and commits, written into git's objects.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use gix::bstr::ByteSlice as _;
use sha2::{Digest as _, Sha256};

use super::{CommitId, GitError, Repository};
use crate::host::Replacement;
use crate::time::Timestamp;

/// The trailer by which a commit of ours is known again.
const SEAL: &str = "Flux-Upgrade-Seal: ";

/// How long a program may take for one signature: somebody may have to type a passphrase, or to touch a key.
const SIGNS_WITHIN: Duration = Duration::from_secs(120);

/// Who writes a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Their name.
    pub name: String,
    /// Their mail address.
    pub mail: String,
}

impl std::str::FromStr for Author {
    type Err = GitError;

    /// Reads `Name <mail@example.com>`.
    fn from_str(text: &str) -> Result<Self, GitError> {
        let bad = || GitError::BadAuthor { found: text.to_owned() };
        let (name, rest) = text.split_once('<').ok_or_else(bad)?;
        let (mail, after) = rest.split_once('>').ok_or_else(bad)?;
        let (name, mail) = (name.trim(), mail.trim());
        let is_clean = |part: &str| !part.is_empty() && !part.contains(['<', '>', '\n', '\0']);
        if !is_clean(name) || !is_clean(mail) || !after.trim().is_empty() {
            return Err(bad());
        }
        Ok(Self { name: name.to_owned(), mail: mail.to_owned() })
    }
}

/// Whether commits are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signing {
    /// As git's configuration says: `commit.gpgSign`.
    #[default]
    Configured,
    /// Always, with what git's configuration names.
    Always,
    /// Never.
    Never,
}

/// Who, when and how: what a commit has beside its tree and its message.
#[derive(Debug, Clone)]
pub(in crate::host) struct Hand {
    author: gix::actor::Signature,
    pub(super) committer: gix::actor::Signature,
    sign: bool,
}

impl Hand {
    /// Whether it signs what it commits.
    pub(in crate::host) fn signs(&self) -> bool {
        self.sign
    }
}

impl Repository {
    /// Who commits: the author given, else what git's environment and configuration say, else this program.
    pub(in crate::host) fn hand(
        &self,
        author: Option<&Author>,
        signing: Signing,
        now: Option<Timestamp>,
    ) -> Result<Hand, GitError> {
        let failed = |error| GitError::failed("git's identity cannot be read", &error);
        let now = now.map(|now| gix::date::Time { seconds: now.seconds(), offset: 0 });
        let own = |date: &str, found: Option<gix::Result<gix::actor::SignatureRef<'_>>>| {
            let mut signature = match found.transpose().map_err(failed)? {
                Some(found) => found.to_owned().map_err(failed)?,
                None => gix::actor::Signature {
                    name: "flux-upgrade".into(),
                    email: "flux-upgrade@localhost".into(),
                    time: gix::date::Time::now_utc(),
                },
            };
            // A date of the environment is somebody's wish; otherwise the run has one time.
            if let Some(now) = now.filter(|_| std::env::var_os(date).is_none()) {
                signature.time = now;
            }
            Ok::<_, GitError>(signature)
        };
        let committer = own("GIT_COMMITTER_DATE", self.git.committer())?;
        let author = match author {
            Some(author) => gix::actor::Signature {
                name: author.name.as_str().into(),
                email: author.mail.as_str().into(),
                time: committer.time,
            },
            None => own("GIT_AUTHOR_DATE", self.git.author())?,
        };
        let sign = match signing {
            Signing::Always => true,
            Signing::Never => false,
            Signing::Configured => self.git.config_snapshot().boolean("commit.gpgSign").unwrap_or(false),
        };
        Ok(Hand { author, committer, sign })
    }

    /// The tree of `commit` with new texts in some files; modes and everything else stay.
    ///
    /// # Errors
    ///
    /// [`GitError::Changed`] where a file has not the text that it must have.
    pub(in crate::host) fn tree_with(
        &self,
        commit: CommitId,
        files: &[Replacement<'_>],
    ) -> Result<gix::ObjectId, GitError> {
        let failed = |error| GitError::failed("a tree cannot be written", &error);
        let tree = self.tree_of(commit)?;
        let mut editor = tree.edit().map_err(failed)?;
        for file in files {
            let changed = || GitError::Changed { path: file.path.clone(), commit: commit.short() };
            let (kind, id) = self.find(&tree, file.path)?.ok_or_else(changed)?;
            let found = self.git.find_blob(id).map_err(failed)?;
            if found.data != file.before.as_bytes() {
                return Err(changed());
            }
            let id = self.git.write_blob(file.after).map_err(failed)?;
            editor.upsert(self.full(file.path), kind, id).map_err(failed)?;
        }
        Ok(editor.write().map_err(failed)?.detach())
    }

    /// Whether two commits have the same bytes in all of these files.
    pub(in crate::host) fn same_files(
        &self,
        one: CommitId,
        other: CommitId,
        files: &[Replacement<'_>],
    ) -> Result<bool, GitError> {
        let (one, other) = (self.tree_of(one)?, self.tree_of(other)?);
        for file in files {
            if self.find(&one, file.path)? != self.find(&other, file.path)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The tree of a commit, as it is compared.
    pub(in crate::host) fn tree_id(&self, commit: CommitId) -> Result<gix::ObjectId, GitError> {
        Ok(self.tree_of(commit)?.id)
    }

    /// Writes a commit, sealed and signed; no reference is moved.
    pub(in crate::host) fn commit(
        &self,
        tree: gix::ObjectId,
        parent: CommitId,
        message: &str,
        hand: &Hand,
    ) -> Result<CommitId, GitError> {
        let failed = |error| GitError::failed("a commit cannot be written", &error);
        let committer = identity(&hand.committer);
        let message = message.trim_end();
        let line = format!("{SEAL}{}", seal(parent.0, tree, &committer, message));
        let gap = if ends_with_trailers(message) { "\n" } else { "\n\n" };
        let text = format!("{message}{gap}{line}\n");
        let (mut a, mut b) = Default::default();
        let (author, by) = (hand.author.to_ref(&mut a), hand.committer.to_ref(&mut b));
        let commit = self.git.new_commit_as(by, author, text, tree, [parent.0]).map_err(failed)?;
        if !hand.sign {
            return Ok(CommitId(commit.id));
        }
        self.signed(commit.id, SIGNS_WITHIN)
    }

    /// The commit with a signature, made within a time: where nobody is there, a program that asks for a passphrase waits for ever.
    fn signed(&self, commit: gix::ObjectId, within: Duration) -> Result<CommitId, GitError> {
        let failed = |detail: String| GitError::Signing { detail };
        let (folder, (sender, receiver)) = (self.git.git_dir().to_path_buf(), mpsc::channel());
        thread::spawn(move || {
            let sign = || {
                let git = gix::open(folder).map_err(|error| chain(&error))?;
                let commit = git.find_commit(commit).map_err(|error| chain(&error))?;
                commit.signed().map(|signed| signed.id).map_err(|error| chain(&error))
            };
            // Nobody listens any more where it took too long.
            let _ = sender.send(sign());
        });
        let signed = receiver.recv_timeout(within).map_err(|_| {
            let within = within.as_secs();
            failed(format!(
                "its program has not ended within {within} s, and may be waiting for a passphrase"
            ))
        })?;
        signed.map(CommitId).map_err(failed)
    }

    /// The parent of a commit that is ours as we made it; `None` for one that somebody else has made or made over.
    pub(in crate::host) fn ours(&self, commit: CommitId) -> Option<CommitId> {
        let found = self.git.find_commit(commit.0).ok()?;
        let parsed = found.decode().ok()?;
        let text = parsed.message.to_str().ok()?;
        let (message, sealed) = text.rsplit_once(SEAL)?;
        let mut parents = parsed.parents();
        let (parent, none) = (parents.next()?, parents.next());
        let committer = identity(&parsed.committer().ok()?.to_owned().ok()?);
        let expected = seal(parent, parsed.tree(), &committer, message.trim_end());
        (none.is_none() && sealed.trim_end() == expected).then_some(CommitId(parent))
    }

    /// Whether a commit has a signature, whoever's.
    pub(in crate::host) fn is_signed(&self, commit: CommitId) -> bool {
        let Ok(found) = self.git.find_commit(commit.0) else { return false };
        found.decode().is_ok_and(|commit| {
            let mut names = commit.extra_headers.iter().map(|(name, _)| name.to_vec());
            names.any(|name| name.starts_with(b"gpgsig"))
        })
    }

    /// Whether somebody has gone on from a commit of ours that is not in the base.
    pub(in crate::host) fn stands_on_ours(&self, tip: CommitId, base: CommitId) -> bool {
        const MOST: usize = 100;
        let first_parent = |commit: &CommitId| {
            let found = self.git.find_commit(commit.0).ok()?;
            found.parent_ids().next().map(|parent| CommitId(parent.detach()))
        };
        std::iter::successors(Some(tip), first_parent)
            .take(MOST)
            .take_while(|commit| !self.is_ancestor(*commit, base))
            .any(|commit| self.ours(commit).is_some())
    }

    /// Who committed, for people.
    pub(in crate::host) fn committer_of(&self, commit: CommitId) -> String {
        let name = self.git.find_commit(commit.0).ok().and_then(|found| {
            let name = found.author().ok()?.name.to_string();
            Some(name.chars().filter(|c| !c.is_control()).collect::<String>())
        });
        name.unwrap_or_else(|| "somebody".to_owned())
    }

    /// Whether `old` is `new` or one of its ancestors; no where the history at hand does not tell.
    pub(in crate::host) fn is_ancestor(&self, old: CommitId, new: CommitId) -> bool {
        let base = || self.git.merge_base(old.0, new.0).ok().flatten();
        old == new || base().is_some_and(|base| base.detach() == old.0)
    }

    /// Whether the history at hand ends before its beginning.
    pub(in crate::host) fn is_shallow(&self) -> bool {
        self.git.is_shallow().unwrap_or(false)
    }
}

fn identity(signature: &gix::actor::Signature) -> String {
    format!("{} <{}>", signature.name, signature.email)
}

/// What a commit of ours says of itself, so that one that was made over is told from one that was not.
fn seal(parent: gix::ObjectId, tree: gix::ObjectId, committer: &str, message: &str) -> String {
    let text = format!("flux-upgrade/seal/v1\n{parent}\n{tree}\n{committer}\n{message}");
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the last paragraph is one of trailers, such as `Signed-off-by: …`.
fn ends_with_trailers(message: &str) -> bool {
    let Some((_, last)) = message.rsplit_once("\n\n") else { return false };
    last.lines().all(|line| {
        line.split_once(": ").is_some_and(|(key, _)| {
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
    })
}

/// An error with its causes, on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authors_have_a_name_and_an_address() {
        let author: Author = "A. Bot <bot@example.com>".parse().unwrap();
        assert_eq!((author.name.as_str(), author.mail.as_str()), ("A. Bot", "bot@example.com"));
        for text in ["", "A. Bot", "<a@b>", "A <>", "A <a@b> x", "A <a@b", "A\n<a@b>x"] {
            assert_eq!(text.parse::<Author>().unwrap_err().code(), "git.bad-author", "{text}");
        }
    }

    /// A program that never ends, and one that would have.
    #[cfg(unix)]
    #[test]
    fn a_signature_is_not_waited_for_for_ever() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        let program = root.path().join("gpg.sh");
        std::fs::write(&program, "#!/bin/sh\nexec sleep 30\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        gix::init(root.path()).unwrap();
        let text = format!("[gpg]\nprogram = {}\n[user]\nsigningKey = bot\n", program.display());
        let config = root.path().join(".git/config");
        std::fs::write(&config, std::fs::read_to_string(&config).unwrap() + &text).unwrap();
        let repository = Repository::discover(root.path()).unwrap();
        let hand =
            repository.hand(None, Signing::Never, Timestamp::parse("2026-08-22T10:00:00Z").ok()).unwrap();
        let tree = gix::ObjectId::empty_tree(gix::hash::Kind::Sha1);
        repository.git.write_object(gix::objs::Tree::empty()).unwrap();
        let (mut a, mut b) = Default::default();
        let (author, by) = (hand.author.to_ref(&mut a), hand.committer.to_ref(&mut b));
        let parents = std::iter::empty::<gix::ObjectId>();
        let commit = repository.git.new_commit_as(by, author, "First", tree, parents).unwrap().id;
        let error = repository.signed(commit, Duration::from_millis(300)).unwrap_err();
        assert!(error.to_string().contains("has not ended within 0 s"), "{error}");
    }

    #[test]
    fn trailers_are_the_last_paragraph_when_all_its_lines_are() {
        for (message, expected) in [
            ("Title", false),
            ("Title\n\nFirst: of all, a text\nthat goes on", false),
            ("Title\n\nText\n\nSigned-off-by: A <a@b>", true),
            ("Fix: title", false),
        ] {
            assert_eq!(ends_with_trailers(message), expected, "{message}");
        }
    }
}
