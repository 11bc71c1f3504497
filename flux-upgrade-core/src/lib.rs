//! Reads, resolves, plans and patches Git repositories that Flux reconciles.
//!
//! Five stages, each a function over plain values:
//!
//! ```text
//! files ──scan──▶ Inventory ──locate──▶ sites ──resolve──▶ Resolution ──plan──▶ Plan ──patch──▶ PatchSet
//!                                                 ▲   │
//!                                          Answer │   ▼ Query
//!                                                the host
//! ```
//!
//! The core does no IO, reads no clock and has no unsafe code. It asks ([`resolve::Resolver`]), a host answers: a registry
//! snapshot ([`resolve::offline`]), or a program of your own. The feature `native` adds `host`, which reads and writes the
//! files of this machine.
//!
//! ```
//! use flux_upgrade_core::{RepoPath, SourceFile, locate, patch, plan, resolve, rules::Rules, scan};
//!
//! let text = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: podinfo}\n\
//!     spec:\n  url: oci://ghcr.io/stefanprodan/manifests/podinfo\n  ref:\n    tag: 6.5.0 # pinned\n";
//! let files = [SourceFile { path: RepoPath::parse("apps/podinfo.yaml").unwrap(), text: text.to_owned() }];
//! let snapshot = resolve::Snapshot::parse(r#"{"schema": "flux-upgrade/registry-snapshot/v1", "oci": [
//!     {"repository": "ghcr.io/stefanprodan/manifests/podinfo", "tags": [{"tag": "6.5.0"}, {"tag": "6.6.0"}]}]}"#)?;
//! let rules = Rules::default();
//!
//! let inventory = scan(&files);
//! let sites = locate(&inventory);
//! let resolution = resolve::offline(&sites, &rules, Some(&snapshot));
//! let plan = plan(&inventory, sites, &resolution, &rules);
//! assert_eq!(plan.changes[0].to, "6.6.0");
//! assert!(patch(&files, &plan).files[0].after.ends_with("    tag: 6.6.0 # pinned\n"));
//! # Ok::<(), resolve::SnapshotError>(())
//! ```
//!
//! What this does not do: it runs nothing of the repository, renders no chart and no kustomization, and talks to no
//! cluster.
#![forbid(unsafe_code)]

pub mod automate;
pub mod bridge;
pub mod convert;
pub mod diagnostic;
pub mod flux;
pub mod guard;
mod hcl;
#[cfg(feature = "native")]
pub mod host;
pub mod locate;
pub mod migrate;
pub mod patch;
pub mod plan;
pub mod ranges;
pub mod reference;
pub mod report;
pub mod resolve;
pub mod rules;
pub mod scan;
pub mod text;
pub mod time;
pub mod version;
pub mod wire;
mod yaml;

pub use locate::locate;
pub use patch::patch;
pub use plan::plan;
pub use scan::{Inventory, scan};
pub use text::{Lines, Location, RepoPath, SourceFile, Span};
