//! Carries the questions of a resolver to a host, many at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::Cancel;
use crate::plan::Failure;
use crate::resolve::{AnswerError, Ask, Outcome, Query, Resolution, Resolver, Step};

/// Answers questions, from several threads at once.
pub trait Host: Send + Sync + 'static {
    /// The answer, or why there is none. Blocks until it is there.
    fn answer(&self, query: &Query) -> Outcome;

    /// Whom a question goes to: what has the same lane shares its limit.
    fn lane(&self, ask: &Ask) -> String;
}

/// How many questions are asked at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lanes {
    /// In all.
    pub in_all: usize,
    /// Of one host.
    pub per_host: usize,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { in_all: 32, per_host: 8 }
    }
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Questions asked so far, the open ones included. Later rounds add to it.
    pub asked: usize,
    /// Of these, how many are answered, failures included.
    pub done: usize,
    /// Of these, how many failed.
    pub failed: usize,
    /// Whom the question goes to that was begun last.
    pub host: String,
}

/// Why a run has no resolution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DriveError {
    /// Somebody has set the [`Cancel`].
    #[error("interrupted")]
    Cancelled,
    /// The host answered something else than it was asked.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

/// Asks until nothing is open.
///
/// `watch` is called after each answer, and ten times a second. When `cancel` is set this returns at once; requests that are
/// on their way end by themselves and are not waited for.
///
/// # Errors
///
/// [`DriveError::Cancelled`], and [`DriveError::Answer`] for a host that breaks its word.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use flux_upgrade_core::host::{Cancel, Host, Lanes, drive};
/// use flux_upgrade_core::plan::Failure;
/// use flux_upgrade_core::resolve::{Ask, Outcome, Query, Resolver};
/// use flux_upgrade_core::rules::Rules;
///
/// struct Nobody;
/// impl Host for Nobody {
///     fn answer(&self, _: &Query) -> Outcome {
///         Err(Failure::NotFound)
///     }
///     fn lane(&self, ask: &Ask) -> String {
///         ask.source()
///     }
/// }
/// let rules = Rules::default();
/// let mut resolver = Resolver::new(&[], &rules);
/// drive(&mut resolver, &Arc::new(Nobody), Lanes::default(), &Cancel::default(), &mut |_| {})?;
/// # Ok::<(), flux_upgrade_core::host::DriveError>(())
/// ```
pub fn drive<H: Host>(
    resolver: &mut Resolver<'_>,
    host: &Arc<H>,
    lanes: Lanes,
    cancel: &Cancel,
    watch: &mut dyn FnMut(&Progress),
) -> Result<Resolution, DriveError> {
    let queue = Arc::new(Queue::default());
    let (send, receive) = mpsc::channel();
    let mut workers = 0;
    let mut progress = Progress::default();
    let _closing = Closing(&queue);
    loop {
        let queries = match resolver.step() {
            Step::Done(resolution) => return Ok(resolution),
            Step::Ask(queries) => queries,
        };
        let mut open = queries.len();
        progress.asked += open;
        queue.add(queries.into_iter().map(|query| (host.lane(&query.ask), query)));
        while workers < lanes.in_all.max(1).min(open) {
            let (queue, host, send) = (Arc::clone(&queue), Arc::clone(host), send.clone());
            thread::spawn(move || work(&queue, &*host, lanes.per_host.max(1), &send));
            workers += 1;
        }
        while open > 0 {
            if cancel.is_set() {
                return Err(DriveError::Cancelled);
            }
            match receive.recv_timeout(Duration::from_millis(100)) {
                Ok(Told::Begun(lane)) => progress.host = lane,
                Ok(Told::Answered(id, outcome)) => {
                    open -= 1;
                    progress.done += 1;
                    progress.failed += usize::from(outcome.is_err());
                    resolver.answer(id, *outcome)?;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(DriveError::Cancelled),
            }
            watch(&progress);
        }
    }
}

/// What a worker tells.
enum Told {
    Begun(String),
    Answered(usize, Box<Outcome>),
}

fn work<H: Host>(queue: &Queue, host: &H, per_host: usize, send: &mpsc::Sender<Told>) {
    while let Some((lane, query)) = queue.next(per_host) {
        let _ = send.send(Told::Begun(lane.clone()));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| host.answer(&query)));
        let broken = |_| Err(Failure::Unreachable { detail: "the program has a mistake here".to_owned() });
        let outcome = outcome.unwrap_or_else(broken);
        queue.leave(&lane);
        if send.send(Told::Answered(query.id, Box::new(outcome))).is_err() {
            return;
        }
    }
}

/// Questions that wait, and how many are on their way to whom.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<String, VecDeque<Query>>,
    busy: BTreeMap<String, usize>,
    is_closed: bool,
}

impl Queue {
    fn add(&self, queries: impl Iterator<Item = (String, Query)>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (lane, query) in queries {
            state.waiting.entry(lane).or_default().push_back(query);
        }
        self.changed.notify_all();
    }

    /// The next question of the lane that is least busy; waits while all lanes are full.
    fn next(&self, per_host: usize) -> Option<(String, Query)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.is_closed {
                return None;
            }
            let busy = |lane: &String| state.busy.get(lane).copied().unwrap_or(0);
            let free = state
                .waiting
                .keys()
                .filter(|lane| busy(lane) < per_host)
                .min_by_key(|lane| busy(lane))
                .cloned();
            if let Some(lane) = free {
                let waiting = state.waiting.get_mut(&lane)?;
                let query = waiting.pop_front()?;
                if waiting.is_empty() {
                    state.waiting.remove(&lane);
                }
                *state.busy.entry(lane.clone()).or_insert(0) += 1;
                return Some((lane, query));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn leave(&self, lane: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(busy) = state.busy.get_mut(lane) {
            *busy -= 1;
        }
        self.changed.notify_one();
    }

    fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_closed = true;
        self.changed.notify_all();
    }
}

/// Lets the workers go when the run ends, however it ends.
struct Closing<'a>(&'a Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}
