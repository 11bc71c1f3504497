//! Generated repositories and registries, the same at every call.
//!
//! - [`corpus`] writes files: trees, and single files of every shape that could make the work grow too fast.
//! - [`registry`] writes what is published, as snapshots and lists of tags.
//! - [`release`] gives a release of Flux.
//! - [`shapes`] writes repositories in which one thing alone grows.
//! - [`stages`] runs the stages one after the other.

pub mod corpus;
pub mod registry;
pub mod release;
pub mod shapes;
pub mod stages;
