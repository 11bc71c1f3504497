//! Manifests of Flux from one API version to another: `apiVersion`, the fields that the new version lacks, and what
//! stands between a repository and a newer Flux.
//!
//! - Edits are bytes of the original text: comments and layout stay.
//! - It never goes backwards, does nothing the second time, and an object is migrated whole or not at all.
//! - What cannot be converted is a finding, with its place and what to do.
//! - Each conversion is carried out twice, on the text and on what the text means, and the two must agree.

mod apis;
mod automation;
mod draft;
mod edit;
mod file;
mod find;
mod lists;
mod meaning;
mod op;
mod preflight;
mod problem;
mod proof;
mod read;
mod releases;
mod schema;
mod steps;

pub use apis::{Api, Goal, KNOWN, apis};
pub(crate) use file::needs_migration;
pub use preflight::{Preflight, Running, beside_migration, preflight, running};
pub use releases::{Behaviour, Support, behaviours, supported_kubernetes};
pub use steps::{Step, steps};

use crate::diagnostic::{Diagnostic, Severity};
use crate::patch::PatchSet;
use crate::text::{Location, SourceFile};

/// An object, or a reference to one, that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// Where its version stands, or its first field that changes.
    pub at: Location,
    /// Kind, namespace and name as written: `HelmRelease apps/podinfo`.
    pub object: String,
    /// `apiVersion` before.
    pub from: String,
    /// `apiVersion` after; the same where only fields change.
    pub to: String,
    /// What happens to its fields, in words: `spec.validation removed`.
    pub fields: Vec<String>,
}

/// What a migration changes, and what it leaves to people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Migration {
    /// The objects that change, by path and position.
    pub changes: Vec<Migrated>,
    /// What cannot be converted and what is worth knowing, by path and position.
    pub findings: Vec<Diagnostic>,
    /// The edits, proven.
    pub set: PatchSet,
}

impl Migration {
    /// What only a person can settle.
    pub fn left(&self) -> impl Iterator<Item = &Diagnostic> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error)
    }
}

/// Moves the manifests in `files` to the API versions of `goal`.
///
/// Objects are found wherever they stand: in lists, in ResourceSets, in block scalars that are YAML, and as references
/// by `apiVersion` and `kind`. A file that is not YAML by its name is passed over. Linear in the size of the texts.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::migrate::{Goal, migrate};
/// use flux_upgrade_core::{RepoPath, SourceFile};
/// let text = "kind: Kustomization\napiVersion: kustomize.toolkit.fluxcd.io/v1beta2 # old\nspec:\n  validation: client\n  path: ./\n";
/// let files = [SourceFile { path: RepoPath::parse("apps.yaml").unwrap(), text: text.to_owned() }];
/// let migration = migrate(&files, &Goal::release("2.9".parse()?).unwrap());
/// let after = "kind: Kustomization\napiVersion: kustomize.toolkit.fluxcd.io/v1 # old\nspec:\n  path: ./\n";
/// assert_eq!(migration.set.files[0].after, after);
/// assert_eq!(migration.changes[0].fields, ["spec.validation removed"]);
/// # Ok::<(), flux_upgrade_core::version::DialectError>(())
/// ```
#[must_use]
pub fn migrate(files: &[SourceFile], goal: &Goal) -> Migration {
    let mut out = Migration::default();
    for file in files {
        file::migrate(file, goal, &mut out);
    }
    out.changes.sort_by(|a, b| a.at.cmp(&b.at));
    out.findings.sort_by(|a, b| (&a.at, a.code, &a.message).cmp(&(&b.at, b.code, &b.message)));
    out.set.files.sort_by(|a, b| a.path.cmp(&b.path));
    out.set.refused.sort_by(|a, b| a.path.cmp(&b.path));
    out
}

/// As [`migrate`], for one file.
pub(crate) fn migrate_one(file: &SourceFile, goal: &Goal) -> Migration {
    migrate(std::slice::from_ref(file), goal)
}
