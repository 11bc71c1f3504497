//! Where the verdicts on candidates go.

use super::Verdict;

/// Verdicts in the order in which they were reached; none while a plan is made, which costs nothing.
#[derive(Default)]
pub(super) struct Sink {
    kept: Option<Vec<Verdict>>,
    /// The newest of another kind, where nothing of the written kind is newer.
    pub(super) other_kind: Option<String>,
}

impl Sink {
    /// One that keeps them.
    pub(super) fn keeping() -> Self {
        Self { kept: Some(Vec::new()), other_kind: None }
    }

    /// Whether anybody reads them.
    pub(super) fn is_kept(&self) -> bool {
        self.kept.is_some()
    }

    pub(super) fn add(&mut self, verdict: impl FnOnce() -> Verdict) {
        if let Some(kept) = &mut self.kept {
            kept.push(verdict());
        }
    }

    pub(super) fn into_verdicts(self) -> Vec<Verdict> {
        self.kept.unwrap_or_default()
    }
}
