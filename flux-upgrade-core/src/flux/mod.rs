//! Flux itself: what `flux install --export` writes, and the way back from such a file to the options it was made with.
//!
//! ```text
//! manifests.tar.gz ──Release::read──▶ Release ──render(options)──▶ gotk-components.yaml
//!                                                                        │
//!                              Proof ◀──prove── Recovered ◀──recover─────┘
//! ```

use memchr::memmem;

use crate::text::SourceFile;

mod archive;
mod block;
mod carry;
mod compare;
mod declared;
mod manifest;
mod options;
mod patches;
mod prove;
mod recover;
mod render;
mod summary;
mod upgrade;
mod verify;

pub use archive::{ArchiveError, Release};
pub(crate) use declared::{CHART_AHEAD, way};
pub use declared::{Declared, Way, declared, minors_by_cluster};
pub use manifest::{Generation, ObjectId};
pub use options::{Component, LogLevel, OptionError, Options};
pub(crate) use patches::kustomization_beside;
pub use patches::{Fit, PatchCheck, check_patches};
pub use prove::{Cause, Difference, Proof, ProveError, prove};
pub use recover::{RecoverError, Recovered, recover};
pub use render::{RenderError, is_rendered, render};
pub use summary::{Changed, Kind, Move, Summary, summarize};
pub use upgrade::{Fate, LocalEdits, Upgrade, UpgradeError, upgrade};
pub use verify::{Installation, ManifestState, Support, verify};

/// Whether a file may hold Flux's own manifests, told by its bytes: definitions of Flux's kinds beside Deployments.
///
/// [`recover()`] then says whether the Deployments are Flux's controllers.
#[must_use]
pub fn is_flux_manifest(file: &SourceFile) -> bool {
    let has = |word: &[u8]| memmem::find(file.text.as_bytes(), word).is_some();
    has(b".toolkit.fluxcd.io") && has(b"kind: CustomResourceDefinition") && has(b"kind: Deployment")
}
