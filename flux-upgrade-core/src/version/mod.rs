//! The Flux dialect of versions.
