//! The unified diff of a patch set.
