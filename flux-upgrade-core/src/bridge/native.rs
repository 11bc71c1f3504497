//! The same JSON, asked by the host of this machine.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Fault, Prepared, failed};
use crate::host::{
    Cache, CacheOptions, Cancel, CredentialOptions, Credentials, Host, HttpOptions, Lanes, Live, LiveOptions,
    MappingFrom, Progress, cache_folder, drive, repository_secrets,
};
use crate::resolve::{Ask, Outcome, Query, Recording, Resolver};
use crate::scan;
use crate::time::Timestamp;

/// The answer to a request, with the registry snapshot of what was said on the way, as `{"plan": …, "snapshot": …}`.
pub(crate) fn plan_asking(
    request: &str,
    cancel: &Cancel,
    watch: &mut dyn FnMut(&Progress),
    taken: Option<Timestamp>,
) -> (String, String) {
    match run(request, cancel, watch) {
        Ok((answer, recording)) => (answer, recording.to_json(taken)),
        Err(fault) => (failed(fault), String::new()),
    }
}

fn run(
    request: &str,
    cancel: &Cancel,
    watch: &mut dyn FnMut(&Progress),
) -> Result<(String, Recording), Box<Fault>> {
    let prepared = Prepared::read(request)?;
    let default = HttpOptions::default();
    let seconds = |seconds: f64| {
        let wrong = || Fault::new("options.value", format!("`timeout`: {seconds} is no number of seconds"));
        Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero()).ok_or_else(wrong)
    };
    let request_timeout = match prepared.sources.timeout {
        Some(given) => seconds(given)?,
        None => default.request_timeout,
    };
    let options = LiveOptions {
        http: HttpOptions { request_timeout, ..default },
        limits: prepared.sources.limits(),
        ..LiveOptions::default()
    };
    let of_process = CredentialOptions::of_process();
    let cache = cache_folder(&of_process.env, of_process.home.as_deref())
        .and_then(|folder| Cache::open(&folder, CacheOptions::default()).ok())
        .unwrap_or_else(Cache::none);
    let credentials = Credentials::discover(&CredentialOptions {
        mapping: prepared.rules.credentials().to_vec(),
        secrets: if prepared.sources.repository_secrets {
            repository_secrets(&scan(&prepared.files))
        } else {
            Vec::new()
        },
        mapping_from: if prepared.has_config { MappingFrom::User } else { MappingFrom::Repository },
        ..of_process
    });
    let guard = prepared.sources.guard()?;
    let live = Live::new(options, guard, credentials, cache, cancel.clone());
    let host = Arc::new(Recorder { live, recording: Mutex::default() });
    let lanes = Lanes::default();
    let lanes = Lanes { in_all: prepared.sources.concurrency.unwrap_or(lanes.in_all).max(1), ..lanes };
    let mut resolver = Resolver::new(&prepared.sites, &prepared.rules).standing_from(prepared.planned);
    let resolution = drive(&mut resolver, &host, lanes, cancel, watch)
        .map_err(|error| Fault::new("host.interrupted", error))?;
    let recording = host.recording.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok((prepared.planned(&resolution)?, recording))
}

struct Recorder {
    live: Live,
    recording: Mutex<Recording>,
}

impl Host for Recorder {
    fn answer(&self, query: &Query) -> Outcome {
        let outcome = self.live.answer(query);
        self.recording.lock().unwrap_or_else(PoisonError::into_inner).answered(query, &outcome);
        outcome
    }

    fn lane(&self, ask: &Ask) -> String {
        self.live.lane(ask)
    }
}
