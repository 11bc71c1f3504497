//! The paths that a plan reads.

use std::path::{Path, PathBuf};

use super::files::ReadError;
use crate::rules::Renovate;

/// A path below the root, as the system has it, `/` between parts; or the name that could not be one.
pub(super) type Listed = Result<String, Unlistable>;

/// Something below the root that has no path for us.
pub(super) struct Unlistable {
    /// The path with what is unreadable replaced.
    pub(super) shown: String,
    /// What is wrong.
    pub(super) detail: String,
}

/// The paths below a root, and the git work tree that they are from.
pub(super) struct Listing {
    pub(super) paths: Vec<Listed>,
    pub(super) work_tree: Option<PathBuf>,
}

/// Whether a file of this name is read: what Flux reads, a kustomization without extension, files of assignments that
/// kustomize makes ConfigMaps of, the lock of a chart, asdf's list of tools, and what Terraform and OpenTofu read.
///
/// Source: kustomize `konfig.RecognizedKustomizationFileNames`, image-automation-controller `internal/update`.
pub(super) fn is_wanted(name: &str) -> bool {
    let by_name = matches!(name, "Kustomization" | "Chart.lock" | ".tool-versions");
    let by_end = [".yaml", ".yml", ".env"].iter().any(|end| name.ends_with(end));
    by_end || by_name || crate::scan::is_terraform(name) || Renovate::is_named(name)
}

/// All that [`is_wanted`] may want, and little more, as git's patterns of paths.
pub(super) const PATTERNS: &[&str] = &[
    "*.yaml",
    "*.yml",
    "*.env",
    "*.tf",
    "*.tofu",
    "*.tfvars",
    "*.hcl",
    "*Kustomization",
    "*Chart.lock",
    "*.tool-versions",
    "*renovate*",
];

/// The wanted files below `root`, which is canonical: those that git tracks inside a work tree, elsewhere all that
/// no `.gitignore` leaves out.
pub(super) fn list(root: &Path) -> Result<Listing, ReadError> {
    let has_git = root.ancestors().any(|folder| folder.join(".git").exists());
    if has_git && let Some(listing) = tracked(root)? {
        return Ok(listing);
    }
    Ok(Listing { paths: walk(root), work_tree: None })
}

/// The files of the git index, or `None` where there is no work tree.
fn tracked(root: &Path) -> Result<Option<Listing>, ReadError> {
    let failed = |error: &dyn std::fmt::Display| ReadError::Git {
        path: root.to_path_buf(),
        detail: error.to_string(),
    };
    let repository = gix::discover(root).map_err(|error| failed(&error))?;
    let Some(work_tree) = repository.workdir() else { return Ok(None) };
    let work_tree = work_tree.canonicalize().map_err(|error| failed(&error))?;
    let Ok(below) = root.strip_prefix(&work_tree) else { return Ok(None) };
    let mut prefix = below.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
    if !prefix.is_empty() {
        prefix.push('/');
    }
    let index = repository.index_or_empty().map_err(|error| failed(&error))?;
    let mut paths: Vec<Listed> = Vec::new();
    for entry in index.entries() {
        let path: &[u8] = entry.path(&index);
        let Some(path) = path.strip_prefix(prefix.as_bytes()) else { continue };
        match std::str::from_utf8(path) {
            Ok(path) if is_wanted(last(path)) => {
                // A path in conflict stands in the index up to three times, one after the other.
                if !matches!(paths.last(), Some(Ok(before)) if before == path) {
                    paths.push(Ok(path.to_owned()));
                }
            }
            Ok(_) => {}
            Err(_) => paths.extend(not_utf8(&String::from_utf8_lossy(path))),
        }
    }
    Ok(Some(Listing { paths, work_tree: Some(work_tree) }))
}

/// The files of a folder without git.
fn walk(root: &Path) -> Vec<Listed> {
    let walk = ignore::WalkBuilder::new(root)
        .hidden(false)
        .ignore(false)
        .parents(false)
        .git_global(false)
        .git_exclude(false)
        .require_git(false)
        .follow_links(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build();
    let mut paths = Vec::new();
    for entry in walk {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let shown = failed_path(&error).and_then(|path| path.strip_prefix(root).ok());
                let shown = shown.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
                paths.push(Err(Unlistable { shown, detail: error.to_string() }));
                continue;
            }
        };
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let Ok(path) = entry.path().strip_prefix(root) else { continue };
        match path.to_str() {
            Some(path) => {
                let path = path.replace(std::path::MAIN_SEPARATOR, "/");
                if is_wanted(last(&path)) {
                    paths.push(Ok(path));
                }
            }
            None => paths.extend(not_utf8(&path.to_string_lossy())),
        }
    }
    paths
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn not_utf8(shown: &str) -> Option<Listed> {
    let detail = "its name is not UTF-8".to_owned();
    is_wanted(last(shown)).then(|| Err(Unlistable { shown: shown.to_owned(), detail }))
}

fn failed_path(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => failed_path(err),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_have_all_that_is_wanted() {
        let names = [
            &["a.yaml", "a.yml", ".env", "Kustomization", "Chart.lock", ".tool-versions", "renovate.json"][..],
            &["a.tf", "a.tofu", "a.tfvars", ".terraform.lock.hcl", ".renovaterc", ".renovaterc.json5"],
        ];
        for name in names.concat() {
            let has = |pattern: &&str| name.contains(pattern.trim_matches('*'));
            assert!(is_wanted(name) && PATTERNS.iter().any(has), "{name}");
        }
    }
}
