//! The files of a revision, read from git's objects.

use std::path::PathBuf;

use gix::bstr::ByteSlice as _;

use super::{CommitId, GitError, Repository};
use crate::host::files::{self, Limits, Tree};
use crate::host::list::is_wanted;
use crate::text::{RepoPath, SourceFile};

/// What stands at a path of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A folder, or another repository.
    Folder,
}

impl Repository {
    /// The files that a plan reads, as `commit` has them, below the folder that the repository is seen from.
    ///
    /// The same files as [`read`](crate::host::read) finds in a worktree of that commit: no symbolic link, no submodule.
    /// One that cannot be used is left out with a diagnostic.
    ///
    /// # Errors
    ///
    /// [`GitError::Failed`] where an object is missing or broken.
    pub fn read(&self, commit: CommitId, limits: &Limits) -> Result<Tree, GitError> {
        let failed = |error| GitError::failed(format!("commit {commit} cannot be read"), &error);
        let mut out = Tree {
            root: self.seen_from(),
            work_tree: self.top.clone(),
            commit: Some(commit),
            files: Vec::new(),
            diagnostics: Vec::new(),
        };
        self.backfill(&[(None, commit)]);
        let Some(top) = self.folder_of(commit, "")? else { return Ok(out) };
        let mut folders = vec![(String::new(), top)];
        while let Some((folder, id)) = folders.pop() {
            let tree = self.git.find_tree(id).map_err(failed)?;
            for entry in tree.iter() {
                let entry = entry.map_err(failed)?;
                let mode = entry.inner.mode;
                if !mode.is_tree() && !mode.is_blob() {
                    continue;
                }
                let Ok(name) = entry.inner.filename.to_str() else {
                    let shown = format!("{folder}{}", entry.inner.filename);
                    if is_wanted(&shown) {
                        out.diagnostics.push(files::unusable(&shown, "its name is not UTF-8"));
                    }
                    continue;
                };
                let path = format!("{folder}{name}");
                if mode.is_tree() {
                    folders.push((path + "/", entry.inner.oid.to_owned()));
                } else if is_wanted(name) {
                    match RepoPath::parse(&path) {
                        Some(path) => self.read_one(&path, entry.inner.oid.to_owned(), limits, &mut out)?,
                        None => out.diagnostics.push(files::unusable(&path, "its name has a `\\`")),
                    }
                }
            }
        }
        out.files.sort_by(|a, b| a.path.cmp(&b.path));
        out.diagnostics.sort_by(|a, b| (&a.at, a.code).cmp(&(&b.at, b.code)));
        Ok(out)
    }

    /// The text of one file of a commit, seen from the same folder; `None` where there is no regular file, or no text.
    ///
    /// # Errors
    ///
    /// [`GitError::Failed`] where an object is missing or broken.
    pub fn text_of(&self, commit: CommitId, path: &RepoPath) -> Result<Option<String>, GitError> {
        let failed = |error| GitError::failed(format!("`{path}` of {commit} cannot be read"), &error);
        let tree = self.tree_of(commit)?;
        let Some((_, id)) = self.find(&tree, path)? else { return Ok(None) };
        let mut blob = self.git.find_blob(id).map_err(failed)?;
        Ok(String::from_utf8(std::mem::take(&mut blob.data)).ok())
    }

    /// What stands at `path` in a commit, seen from the same folder; `None` where there is nothing.
    ///
    /// # Errors
    ///
    /// [`GitError::Failed`] where an object is missing or broken.
    pub fn kind_of(&self, commit: CommitId, path: &RepoPath) -> Result<Option<EntryKind>, GitError> {
        let failed = |error| GitError::failed(format!("`{path}` of {commit} cannot be read"), &error);
        let full = self.full(path);
        let tree = self.tree_of(commit)?;
        let entry = tree.lookup_entry(full.split('/').map(str::as_bytes)).map_err(failed)?;
        Ok(entry.map(|entry| match entry.mode().kind() {
            gix::objs::tree::EntryKind::Link => EntryKind::Link,
            gix::objs::tree::EntryKind::Tree | gix::objs::tree::EntryKind::Commit => EntryKind::Folder,
            _ => EntryKind::File,
        }))
    }

    fn read_one(
        &self,
        path: &RepoPath,
        id: gix::ObjectId,
        limits: &Limits,
        out: &mut Tree,
    ) -> Result<(), GitError> {
        let failed = |error| GitError::failed(format!("`{path}` cannot be read"), &error);
        if self.git.find_header(id).map_err(failed)?.size() > limits.max_file_bytes {
            out.diagnostics.push(files::too_large(path, limits));
            return Ok(());
        }
        let mut blob = self.git.find_blob(id).map_err(failed)?;
        match SourceFile::from_bytes(path.clone(), std::mem::take(&mut blob.data)) {
            Ok(file) => out.files.push(file),
            Err(diagnostic) => out.diagnostics.push(*diagnostic),
        }
        Ok(())
    }

    /// The whole tree of a commit.
    pub(super) fn tree_of(&self, commit: CommitId) -> Result<gix::Tree<'_>, GitError> {
        let failed = |error| GitError::failed(format!("commit {commit} cannot be read"), &error);
        self.git.find_commit(commit.0).map_err(failed)?.tree().map_err(failed)
    }

    /// The tree of a folder below the one that the repository is seen from, which is `""`; `None` where the commit has no
    /// such folder.
    pub(super) fn folder_of(
        &self,
        commit: CommitId,
        folder: &str,
    ) -> Result<Option<gix::ObjectId>, GitError> {
        let tree = self.tree_of(commit)?;
        let path = format!("{}{folder}", self.below);
        if path.is_empty() {
            return Ok(Some(tree.id));
        }
        let failed = |error| GitError::failed(format!("commit {commit} cannot be read"), &error);
        let parts = path.trim_end_matches('/').split('/').map(str::as_bytes);
        let entry = tree.lookup_entry(parts).map_err(failed)?;
        Ok(entry.filter(|entry| entry.mode().is_tree()).map(|entry| entry.oid().to_owned()))
    }

    /// The regular file at `path` in a whole tree: its mode and its object.
    pub(super) fn find(
        &self,
        tree: &gix::Tree<'_>,
        path: &RepoPath,
    ) -> Result<Option<(gix::objs::tree::EntryKind, gix::ObjectId)>, GitError> {
        let failed = |error| GitError::failed(format!("`{path}` cannot be read"), &error);
        let full = self.full(path);
        let entry = tree.lookup_entry(full.split('/').map(str::as_bytes)).map_err(failed)?;
        Ok(entry
            .filter(|entry| entry.mode().is_blob())
            .map(|entry| (entry.mode().kind(), entry.oid().to_owned())))
    }

    /// A path from the top of the repository.
    pub(super) fn full(&self, path: &RepoPath) -> String {
        format!("{}{path}", self.below)
    }

    fn seen_from(&self) -> PathBuf {
        match &self.top {
            Some(top) => top.join(&self.below),
            None => self.git.git_dir().to_path_buf(),
        }
    }
}
