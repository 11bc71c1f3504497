//! Reads, resolves, plans and patches Git repositories that Flux reconciles.
#![forbid(unsafe_code)]

pub mod resolve;
pub mod time;
pub mod version;
