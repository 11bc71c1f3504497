//! What is known of each host while a run lasts: when to ask it again, and when not at all.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Trouble;
use crate::wire::HttpResponse;

/// After so many requests without any answer a host is not asked any more in this run, and after as many that were sent
/// again in vain none is sent again.
const PATIENCE: u32 = 3;

#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<BTreeMap<String, State>>);

#[derive(Debug, Default)]
struct State {
    until: Option<Instant>,
    /// Responses that were neither errors of the server nor about its limits.
    answers: u32,
    /// Requests without a response since the last answer.
    failures: u32,
    /// Requests that took all their time, in the whole run.
    late: u32,
    /// Whether one question took many times that, answer by answer.
    is_endless: bool,
    last: Option<Trouble>,
    /// Requests that ended in 429 or 5xx, however often they were sent, since the last answer.
    worn: u32,
    /// The last of them that named a limit: who asks on would only be told the same.
    limited: Option<HttpResponse>,
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
            state.answers += 1;
            (state.failures, state.worn) = (0, 0);
        });
    }

    pub(super) fn failed(&self, host: &str, trouble: &Trouble) {
        let is_late = matches!(trouble, Trouble::Late(_));
        if !is_late && !matches!(trouble, Trouble::Unreachable(_) | Trouble::Untrusted(_)) {
            return;
        }
        self.with(host, |state| {
            state.failures += 1;
            state.late += u32::from(is_late);
            state.last = Some(trouble.clone());
        });
    }

    /// Notes a question that has no end though each of its requests has.
    pub(super) fn endless(&self, host: &str, trouble: &Trouble) {
        self.with(host, |state| (state.is_endless, state.last) = (true, Some(trouble.clone())));
    }

    /// Notes a request that ended in 429 or 5xx though it was sent as often as it may be.
    pub(super) fn wore_out(&self, host: &str, response: &HttpResponse) {
        self.with(host, |state| {
            state.worn += 1;
            if response.status == 429 {
                state.limited = Some(HttpResponse { body: Vec::new(), ..response.clone() });
            }
        });
    }

    /// Whether there is use in sending a request again.
    pub(super) fn may_recover(&self, host: &str) -> bool {
        self.with(host, |state| state.worn < PATIENCE)
    }

    /// Why the host is not asked any more, or what it says to all: it has never answered, it has stopped to, it takes more time than
    /// it gives answers, or its limit is reached.
    pub(super) fn gave_up(&self, host: &str) -> Option<Result<HttpResponse, Trouble>> {
        self.with(host, |state| {
            let patience = if state.answers == 0 { PATIENCE } else { 2 * PATIENCE };
            let is_slow = state.late >= PATIENCE && state.late.saturating_mul(2) >= state.answers;
            if state.failures >= patience || is_slow || state.is_endless {
                return state.last.clone().map(Err);
            }
            state.limited.clone().filter(|_| state.worn >= PATIENCE).map(Ok)
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

    fn why(pace: &Pace, host: &str) -> Option<String> {
        pace.gave_up(host).map(|given| match given {
            Ok(response) => response.status.to_string(),
            Err(Trouble::Unreachable(detail) | Trouble::Late(detail)) => detail,
            Err(trouble) => panic!("{trouble:?}"),
        })
    }

    #[test]
    fn a_host_that_does_not_answer_is_given_up() {
        let pace = Pace::default();
        let trouble = Trouble::Unreachable("refused".to_owned());
        for _ in 0..PATIENCE {
            assert_eq!(why(&pace, "a"), None);
            pace.failed("a", &trouble);
        }
        assert_eq!(why(&pace, "a").as_deref(), Some("refused"));
        assert_eq!(why(&pace, "b"), None);
        // One that has answered has more credit.
        pace.answered("a");
        for _ in 0..2 * PATIENCE {
            assert_eq!(why(&pace, "a"), None);
            pace.failed("a", &trouble);
        }
        assert_eq!(why(&pace, "a").as_deref(), Some("refused"));
    }

    #[test]
    fn a_host_that_takes_time_is_given_up_whatever_it_says_between() {
        let late = Trouble::Late("slow".to_owned());
        let after = |answers: u32, rounds: u32| {
            let pace = Pace::default();
            (0..answers).for_each(|_| pace.answered("a"));
            for _ in 0..rounds {
                pace.failed("a", &late);
                pace.answered("a");
            }
            why(&pace, "a")
        };
        assert_eq!(after(0, 2), None);
        assert_eq!(after(0, 3).as_deref(), Some("slow"));
        assert_eq!(after(3, 3).as_deref(), Some("slow"));
        assert_eq!(after(100, 10), None, "one that is slow at times");
    }

    #[test]
    fn a_limit_is_told_to_all() {
        let pace = Pace::default();
        let said = |status| HttpResponse::new("https://a/", status);
        for _ in 0..PATIENCE {
            assert!(pace.may_recover("a") && pace.may_recover("b"));
            pace.wore_out("a", &said(429));
            pace.wore_out("b", &said(503));
        }
        assert!(!pace.may_recover("a") && !pace.may_recover("b"));
        assert_eq!(why(&pace, "a").as_deref(), Some("429"));
        assert_eq!(why(&pace, "b"), None, "it is asked once more for each source");
        pace.answered("b");
        assert!(pace.may_recover("b"));
    }

    #[test]
    fn waits_grow_and_stay_bounded() {
        for (attempt, from) in [(0, 250), (1, 500), (2, 1000), (60, 16_000)] {
            let wait = jittered(attempt).as_millis();
            assert!((from..2 * from).contains(&wait), "{attempt}: {wait}");
        }
    }
}
