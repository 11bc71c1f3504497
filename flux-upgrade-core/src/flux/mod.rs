//! Flux itself: what `flux install --export` writes, and the way back from such a file to the options it was made with.
//!
//! ```text
//! manifests.tar.gz ──Release::read──▶ Release ──render(options)──▶ gotk-components.yaml
//!                                                                        │
//!                              Proof ◀──prove── Recovered ◀──recover─────┘
//! ```

mod archive;
mod block;
mod carry;
mod compare;
mod manifest;
mod options;
mod prove;
mod recover;
mod render;
mod upgrade;

pub use archive::{ArchiveError, Release};
pub use manifest::{Generation, ObjectId};
pub use options::{Component, LogLevel, OptionError, Options};
pub use prove::{Cause, Difference, Proof, ProveError, prove};
pub use recover::{RecoverError, Recovered, recover};
pub use render::{RenderError, render};
pub use upgrade::{Fate, LocalEdits, Upgrade, UpgradeError, upgrade};
