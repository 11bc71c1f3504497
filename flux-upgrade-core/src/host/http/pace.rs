//! What is known of each host while a run lasts: when to ask it again, and when not at all.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Trouble;

/// After so many requests without any answer a host is not asked any more in this run.
const PATIENCE: u32 = 3;

#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<BTreeMap<String, State>>);

#[derive(Debug, Default)]
struct State {
    until: Option<Instant>,
    has_answered: bool,
    failures: u32,
    last: Option<Trouble>,
}

impl Pace {
    fn with<T>(&self, host: &str, of: impl FnOnce(&mut State) -> T) -> T {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        of(hosts.entry(host.to_owned()).or_default())
    }

    /// When the host may be asked again.
    pub(super) fn until(&self, host: &str) -> Option<Instant> {
        self.with(host, |state| state.until)
    }

    pub(super) fn hold(&self, host: &str, until: Instant) {
        self.with(host, |state| state.until = Some(state.until.map_or(until, |known| known.max(until))));
    }

    pub(super) fn answered(&self, host: &str) {
        self.with(host, |state| {
            state.has_answered = true;
            state.failures = 0;
        });
    }

    pub(super) fn failed(&self, host: &str, trouble: &Trouble) {
        let (Trouble::Unreachable(_) | Trouble::Untrusted(_)) = trouble else { return };
        self.with(host, |state| {
            state.failures += 1;
            state.last = Some(trouble.clone());
        });
    }

    /// Why the host is not asked any more: it has never answered.
    pub(super) fn gave_up(&self, host: &str) -> Option<Trouble> {
        self.with(host, |state| {
            state.last.clone().filter(|_| !state.has_answered && state.failures >= PATIENCE)
        })
    }
}

/// The wait before the next attempt: a quarter of a second, doubled each time, and up to as much again by chance, so that many who
/// failed together do not come back together.
pub(super) fn jittered(attempt: u32) -> Duration {
    let base = 250_u64 << attempt.min(6);
    Duration::from_millis(base + RandomState::new().hash_one(attempt) % base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_never_answers_is_given_up() {
        let pace = Pace::default();
        let trouble = Trouble::Unreachable("refused".to_owned());
        for _ in 0..PATIENCE {
            assert!(pace.gave_up("a").is_none());
            pace.failed("a", &trouble);
        }
        assert!(matches!(pace.gave_up("a"), Some(Trouble::Unreachable(detail)) if detail == "refused"));
        assert!(pace.gave_up("b").is_none());
        pace.answered("a");
        assert!(pace.gave_up("a").is_none());
    }

    #[test]
    fn waits_grow_and_stay_bounded() {
        for (attempt, from) in [(0, 250), (1, 500), (2, 1000), (60, 16_000)] {
            let wait = jittered(attempt).as_millis();
            assert!((from..2 * from).contains(&wait), "{attempt}: {wait}");
        }
    }
}
