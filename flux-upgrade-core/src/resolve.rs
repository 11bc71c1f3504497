//! Stage 3: sites and answers to candidates. Stand-in.

use crate::locate::Site;
use crate::rules::Rules;

/// What the sources answered.
#[derive(Debug)]
pub struct Resolution;

/// Recorded answers.
#[derive(Debug)]
pub struct Snapshot;

/// A snapshot that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("not a registry snapshot: {0}")]
pub struct SnapshotError(String);

impl Snapshot {
    /// Reads a snapshot.
    ///
    /// # Errors
    ///
    /// Where the text is not JSON.
    pub fn parse(json: &str) -> Result<Self, SnapshotError> {
        serde_json::from_str::<serde_json::Value>(json).map_err(|error| SnapshotError(error.to_string()))?;
        Ok(Self)
    }
}

/// Answers every question from a snapshot.
#[must_use]
pub fn offline(_sites: &[Site], _rules: &Rules, _snapshot: Option<&Snapshot>) -> Resolution {
    Resolution
}
