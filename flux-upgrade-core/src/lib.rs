//! Reads, resolves, plans and patches Git repositories that Flux reconciles.
#![forbid(unsafe_code)]

pub mod bridge;
pub mod version;
