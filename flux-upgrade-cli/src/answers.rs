//! Where the answers of a run come from: a snapshot, or the sources themselves.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flux_upgrade_core::host::{
    AllowHost, AllowHostError, Cache, CacheOptions, CredentialOptions, Credentials, Guard, GuardOptions,
    Host, HttpOptions, Lanes, Live, LiveOptions, MappingFrom, Proxies, Secret, Tree, cache_folder, drive,
    repository_secrets,
};
use flux_upgrade_core::locate::Site;
use flux_upgrade_core::plan::Failure;
use flux_upgrade_core::resolve::{
    self, Ask, Outcome, Query, Recording, Resolution, Resolver, Snapshot, Step,
};
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::time::{Age, Timestamp};
use flux_upgrade_core::{ranges, scan, wire};

use crate::args::SourcesFlags;
use crate::env::Env;
use crate::fault::Fault;
use crate::job;
use crate::progress::Bar;
use crate::releases::Releases;
use crate::streams::Streams;

/// Where the answers come from.
pub(crate) enum Answers {
    Recorded(Box<Snapshot>, Option<Arc<Releases>>),
    Live(Box<Sources>),
}

/// What a snapshot is written from.
#[derive(Default)]
pub(crate) struct Recorded {
    pub(crate) text: String,
    /// Archives of Flux's manifests, by their path beside the snapshot.
    pub(crate) archives: Vec<(String, Vec<u8>)>,
    /// How many sources there are.
    pub(crate) asked: usize,
    /// How many answers are failures.
    pub(crate) failed: usize,
}

/// The sources themselves.
pub(crate) struct Sources {
    options: LiveOptions,
    guard: GuardOptions,
    cache: CacheOptions,
    folder: Option<PathBuf>,
    lanes: Lanes,
    /// Whether Secrets of the repository may be used.
    repository_secrets: bool,
    quiet: bool,
    releases: Option<Arc<Releases>>,
    told: Arc<Mutex<Told>>,
}

/// What was answered in this run: a source that several paths name is asked once.
#[derive(Default)]
struct Told {
    outcomes: BTreeMap<Ask, Outcome>,
    recording: Recording,
}

impl Answers {
    /// The answers of a snapshot where one is given, else those of the sources themselves.
    ///
    /// Offline without a snapshot the answers are those that earlier runs have kept.
    pub(crate) fn of(
        offline: Option<&Option<PathBuf>>,
        flags: &SourcesFlags,
        quiet: bool,
        env: &Env,
    ) -> Result<Self, Fault> {
        match offline {
            Some(Some(file)) => {
                Ok(Self::Recorded(Box::new(job::snapshot(&env.folder, file)?), releases_of(flags, env)?))
            }
            Some(None) if flags.no_cache => Err(Fault::new(
                "--offline without a snapshot takes what was kept, and --no-cache leaves that out: name a snapshot, or drop one of them"
                    .to_owned(),
            )),
            Some(None) => {
                let mut answers = Self::live(flags, quiet, env)?;
                if let Self::Live(sources) = &mut answers {
                    sources.cache.offline = true;
                }
                Ok(answers)
            }
            None => Self::live(flags, quiet, env),
        }
    }

    pub(crate) fn live(flags: &SourcesFlags, quiet: bool, env: &Env) -> Result<Self, Fault> {
        let max_age = flags.max_age.as_deref().map(|text| {
            Age::parse(text).map_err(|error| Fault::bad_value("--max-age", text, &error.to_string()))
        });
        let variables = os_variables(env);
        let text = |file: &PathBuf| {
            fs::read_to_string(env.folder.join(file))
                .map_err(|error| Fault::of(&error).under(format!("cannot read `{}`", file.display())))
        };
        let own = flags.client_cert.as_ref().zip(flags.client_key.as_ref());
        let own = own.map(|(certificate, key)| Ok::<_, Fault>((text(certificate)?, Secret::new(text(key)?))));
        let http = HttpOptions {
            request_timeout: Duration::from_secs(flags.timeout),
            run_timeout: flags.run_timeout.map(Duration::from_secs),
            extra_ca: flags.ca_file.iter().map(text).collect::<Result<_, _>>()?,
            client_certificate: own.transpose()?,
            proxies: Proxies::from_variables(|name| env.variables.get(name).cloned()),
            ..HttpOptions::default()
        };
        let limits = wire::Limits {
            index_bytes: flags.max_index << 20,
            whole_index: flags.strict_index,
            ..wire::Limits::default()
        };
        let (files, hosts): (Vec<&String>, Vec<&String>) =
            flags.allow_host.iter().partition(|text| text.as_str() == "file://");
        let parse = |text: &&String| {
            text.parse::<AllowHost>()
                .map_err(|error: AllowHostError| Fault::bad_value("--allow-host", text, &error.wanted))
        };
        Ok(Self::Live(Box::new(Sources {
            options: LiveOptions {
                http,
                limits,
                files: !files.is_empty(),
                ssh: env.variables.get("GIT_SSH_COMMAND").cloned(),
                flux_releases: None,
            },
            guard: GuardOptions {
                allow: hosts.iter().map(parse).collect::<Result<_, _>>()?,
                ..GuardOptions::default()
            },
            cache: CacheOptions {
                no_cache: flags.no_cache,
                max_age: max_age.transpose()?,
                ..CacheOptions::default()
            },
            folder: cache_folder(&variables, home(env).as_deref()),
            lanes: Lanes { per_host: usize::try_from(flags.per_host).unwrap_or(8), ..Lanes::default() },
            repository_secrets: flags.use_repository_secrets,
            quiet,
            releases: releases_of(flags, env)?,
            told: Arc::default(),
        })))
    }

    /// When they were recorded.
    pub(crate) fn taken(&self) -> Option<Timestamp> {
        match self {
            Self::Recorded(snapshot, _) => snapshot.taken(),
            Self::Live(_) => None,
        }
    }

    /// What sites need to know; the user's own rules file may name more than one of the repository.
    pub(crate) fn resolve(
        &self,
        (sites, rules): (&[Site], &Rules),
        (tree, mapping_from): (&Tree, MappingFrom),
        env: &Env,
        streams: &mut Streams<'_>,
    ) -> Result<Resolution, Fault> {
        self.answer((Resolver::new(sites, rules), rules), (tree, mapping_from), env, streams)
    }

    /// Everything that a snapshot shall have: what these sites need to know, and what `ranges`, `lock` and `convert` ask.
    pub(crate) fn record(
        &self,
        (sites, rules): (&[Site], &Rules),
        (tree, mapping_from): (&Tree, MappingFrom),
        env: &Env,
        streams: &mut Streams<'_>,
    ) -> Result<Resolution, Fault> {
        let mut all = sites.to_vec();
        all.extend(ranges::recorded(&scan(&tree.files)));
        let resolver = Resolver::new(&all, rules).standing_from(sites.len());
        self.answer((resolver, rules), (tree, mapping_from), env, streams)
    }

    /// Where sites stand now.
    pub(crate) fn standing(
        &self,
        (sites, rules): (&[Site], &Rules),
        (tree, mapping_from): (&Tree, MappingFrom),
        env: &Env,
        streams: &mut Streams<'_>,
    ) -> Result<Resolution, Fault> {
        self.answer((Resolver::new(sites, rules).standing(), rules), (tree, mapping_from), env, streams)
    }

    fn answer(
        &self,
        (resolver, rules): (Resolver<'_>, &Rules),
        (tree, mapping_from): (&Tree, MappingFrom),
        env: &Env,
        streams: &mut Streams<'_>,
    ) -> Result<Resolution, Fault> {
        match self {
            Self::Recorded(snapshot, None) => Ok(resolve::from_snapshot(resolver, Some(snapshot))),
            Self::Recorded(snapshot, Some(releases)) => {
                let mut resolver = resolver;
                loop {
                    let queries = match resolver.step() {
                        Step::Done(resolution) => return Ok(resolution),
                        Step::Ask(queries) => queries,
                    };
                    for Query { id, ask, .. } in queries {
                        let outcome = releases.beside(&ask, || snapshot.answer(&ask));
                        resolver.answer(id, outcome).map_err(|error| Fault::of(&error))?;
                    }
                }
            }
            Self::Live(sources) => sources.resolve((resolver, rules), (tree, mapping_from), env, streams),
        }
    }

    /// Everything that was answered, as a snapshot whose archives lie in `folder` beside it.
    pub(crate) fn recording(&self, folder: &str, env: &Env) -> Recorded {
        let Self::Live(sources) = self else { return Default::default() };
        let told = sources.told();
        let is_list = |ask: &&Ask| {
            matches!(ask, Ask::Charts { .. } | Ask::Tags { .. } | Ask::Refs { .. } | Ask::Releases)
        };
        let asked = told.outcomes.keys().filter(is_list).count();
        let failed = told.outcomes.values().filter(|outcome| outcome.is_err()).count();
        let (text, archives) = told.recording.to_files(folder, env.time());
        Recorded { text, archives, asked, failed }
    }
}

impl Sources {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn resolve(
        &self,
        (mut resolver, rules): (Resolver<'_>, &Rules),
        (tree, mapping_from): (&Tree, MappingFrom),
        env: &Env,
        streams: &mut Streams<'_>,
    ) -> Result<Resolution, Fault> {
        let secrets =
            if self.repository_secrets { repository_secrets(&scan(&tree.files)) } else { Vec::new() };
        let credentials = Credentials::discover(&CredentialOptions {
            secrets,
            env: os_variables(env),
            home: home(env),
            mapping: rules.credentials().to_vec(),
            mapping_from,
            work_tree: tree.work_tree.clone(),
            ..CredentialOptions::default()
        });
        let cache = match &self.folder {
            Some(folder) => Cache::open(folder, self.cache.clone()),
            None => Ok(Cache::none()),
        };
        let cache = cache.unwrap_or_else(|error| {
            self.warn(&format!("{}", Fault::of(&error)).replacen("error: ", "", 1), streams);
            Cache::none()
        });
        let guard = Guard::new(self.guard.clone());
        let live = Live::new(self.options.clone(), guard, credentials, cache, env.cancel.clone());
        let releases = self.releases.clone();
        let host = Arc::new(Recorder { live, releases, told: Arc::clone(&self.told) });
        let mut bar = Bar::new(self.quiet, env);
        let resolution = drive(&mut resolver, &host, self.lanes, &env.cancel, &mut |progress| {
            bar.show(progress, streams);
        });
        bar.clear(streams);
        for note in host.live.notes() {
            self.warn(&note, streams);
        }
        let limit = self.options.limits.index_bytes;
        let is_large = |outcome: &Outcome| matches!(outcome, Err(Failure::TooLarge { limit_bytes }) if *limit_bytes == limit);
        if !self.quiet && self.told().outcomes.values().any(is_large) {
            streams.err("note: an index is larger than the limit; --max-index MIB raises it\n");
        }
        resolution.map_err(|error| Fault::of(&error))
    }

    fn warn(&self, text: &str, streams: &mut Streams<'_>) {
        if !self.quiet {
            streams.err(&format!("warning: {}\n", text.trim_end()));
        }
    }
}

/// Asks for real, and keeps what was said.
struct Recorder {
    live: Live,
    releases: Option<Arc<Releases>>,
    told: Arc<Mutex<Told>>,
}

impl Host for Recorder {
    fn answer(&self, query: &Query) -> Outcome {
        let told = || self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = told().outcomes.get(&query.ask) {
            return outcome.clone();
        }
        let own = self.releases.as_ref().and_then(|releases| releases.answer(&query.ask));
        let outcome = own.unwrap_or_else(|| self.live.answer(query));
        if outcome != Err(Failure::Cancelled) {
            let mut told = told();
            told.recording.answered(query, &outcome);
            told.outcomes.insert(query.ask.clone(), outcome.clone());
        }
        outcome
    }

    fn lane(&self, ask: &Ask) -> String {
        self.live.lane(ask)
    }
}

/// Writes a file in one step: the old text stays until the new one is whole.
pub(crate) fn write_whole(path: &Path, text: impl AsRef<[u8]>) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// What `--flux-releases` names.
fn releases_of(flags: &SourcesFlags, env: &Env) -> Result<Option<Arc<Releases>>, Fault> {
    let given = flags.flux_releases.as_deref();
    given.map(|given| Releases::open(Some(given), env).map(Arc::new)).transpose()
}

pub(crate) fn os_variables(env: &Env) -> BTreeMap<OsString, OsString> {
    env.variables.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

pub(crate) fn home(env: &Env) -> Option<PathBuf> {
    let name = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    env.variables.get(name).map(PathBuf::from).filter(|path| path.is_absolute())
}
