//! What stands where: every installation of Flux in a repository, and whether it is as it should be.

use serde::Serialize;

use super::archive::Release;
use super::is_flux_manifest;
use super::patches::{PatchCheck, check_patches, kustomization_beside};
use super::prove::{Cause, Difference, prove};
use super::recover::{RecoverError, Recovered, recover};
use super::render::{RenderError, is_known};
use crate::locate::{Consumer, Site};
use crate::text::{RepoPath, SourceFile};
use crate::version::Version;

/// The newest minor that this program knows; a newer release at hand counts over it.
const NEWEST: (u64, u64) = (2, 9);

/// Minors that get fixes. Source: Flux's release documentation, "the last three minor releases".
const SUPPORTED_MINORS: u64 = 3;

/// A file of Flux's manifests, and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The file.
    pub file: RepoPath,
    /// The clusters that apply it, where the files tell.
    pub clusters: Vec<String>,
    /// What was recovered from it.
    pub recovered: Recovered,
    /// Whether its minor gets fixes.
    pub support: Support,
    /// Whether its release renders it.
    pub manifest: ManifestState,
    /// The patches of the kustomization beside it.
    pub patches: Vec<PatchCheck>,
}

/// Whether a version gets fixes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Support {
    /// It does.
    Supported,
    /// It does not.
    Unsupported {
        /// The oldest minor that does, such as `2.7`.
        oldest: String,
    },
    /// No one minor is named.
    Unknown,
}

/// Whether the release of a file renders it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ManifestState {
    /// It does, byte for byte.
    Consistent,
    /// It does not.
    Edited {
        /// Where they differ.
        differences: Vec<Difference>,
    },
    /// That is not known.
    Unproven {
        /// Why not.
        why: String,
    },
}

impl Installation {
    /// Whether something is wrong: out of support, edited, or with a patch that does not fit.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        matches!(self.support, Support::Unsupported { .. })
            || matches!(self.manifest, ManifestState::Edited { .. })
            || self.patches.iter().any(|check| check.new.is_broken())
    }

    /// Whether something could not be found out.
    #[must_use]
    pub fn is_unclear(&self) -> bool {
        self.support == Support::Unknown || matches!(self.manifest, ManifestState::Unproven { .. })
    }

    /// Whether it has images that only another release would explain.
    #[must_use]
    pub fn has_unknown_images(&self) -> bool {
        matches!(&self.manifest, ManifestState::Edited { differences }
            if differences.iter().any(|one| one.cause == Cause::ImageTag))
    }
}

/// Finds and checks every installation of Flux that is in a repository as a file of manifests.
///
/// `sites` are those of the same files, which say who applies them; `releases` are those at hand, in any order; a file whose release is not among them is unproven. Files that hold other
/// manifests are passed over; one that is named as Flux names its own and is not YAML comes in the second list.
#[must_use]
pub fn verify(
    files: &[SourceFile],
    sites: &[Site],
    releases: &[Release],
) -> (Vec<Installation>, Vec<(RepoPath, RecoverError)>) {
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    for file in files.iter().filter(|file| is_flux_manifest(file) || is_named_by_flux(&file.path)) {
        match recover(&file.text) {
            Ok(recovered) => found.push(installation(file, (files, sites), releases, recovered)),
            Err(error @ RecoverError::Syntax { .. }) if is_named_by_flux(&file.path) => {
                failed.push((file.path.clone(), error));
            }
            Err(_) => {}
        }
    }
    (found, failed)
}

fn is_named_by_flux(path: &RepoPath) -> bool {
    matches!(path.name(), "gotk-components.yaml" | "toolkit-components.yaml")
}

fn installation(
    file: &SourceFile,
    (files, sites): (&[SourceFile], &[Site]),
    releases: &[Release],
    recovered: Recovered,
) -> Installation {
    let patches = kustomization_beside(&file.path, files)
        .map(|kustomization| check_patches(kustomization, files, &file.text, &file.text));
    let (patches, broken) = match patches.transpose() {
        Ok(patches) => (patches.unwrap_or_default(), None),
        Err(error) => (Vec::new(), Some(ManifestState::Unproven { why: error.to_string() })),
    };
    let version = recovered.version().and_then(|text| Version::parse(text).ok());
    let support = version
        .as_ref()
        .map_or(Support::Unknown, |version| support_of((version.major(), version.minor()), releases));
    let manifest = broken.unwrap_or_else(|| state(file, &recovered, releases));
    let own = |site: &&Site| site.at.path == file.path && site.consumer == Consumer::FluxManifests;
    let clusters = sites.iter().find(own).map_or_else(Vec::new, |site| site.clusters.clone());
    Installation { file: file.path.clone(), clusters, recovered, support, manifest, patches }
}

/// Whether a minor gets fixes.
pub(super) fn support_of(minor: (u64, u64), releases: &[Release]) -> Support {
    let at_hand = releases.iter().map(|release| (release.version().major(), release.version().minor())).max();
    let newest = at_hand.unwrap_or(NEWEST).max(NEWEST);
    let oldest = (newest.0, newest.1.saturating_sub(SUPPORTED_MINORS - 1));
    match minor >= oldest {
        true => Support::Supported,
        false => Support::Unsupported { oldest: format!("{}.{}", oldest.0, oldest.1) },
    }
}

fn state(file: &SourceFile, recovered: &Recovered, releases: &[Release]) -> ManifestState {
    let unproven = |why: String| ManifestState::Unproven { why };
    let Some(version) = recovered.version() else { return unproven("it names no version".to_owned()) };
    if Version::parse(version).is_ok_and(|version| !is_known(&version)) {
        return unproven(RenderError::TooOld { version: version.to_owned() }.to_string());
    }
    let bare = version.trim_start_matches('v');
    let own = releases.iter().find(|release| release.version().text().trim_start_matches('v') == bare);
    let Some(release) = own else {
        return unproven(format!("the manifests of Flux {version} are not at hand"));
    };
    match prove(&file.text, release, releases) {
        Ok(proof) if proof.is_consistent() => ManifestState::Consistent,
        Ok(proof) => ManifestState::Edited { differences: proof.differences },
        Err(error) => unproven(error.to_string()),
    }
}
