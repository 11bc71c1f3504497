//! The host against servers on this machine: real ones, and one that misbehaves.
#![cfg(feature = "native")]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod certificates;
mod dates;
mod faults;
mod kept;
mod logins;
mod places;
mod private;
mod proxies;
mod real;
mod server;
#[cfg(unix)]
mod ssh;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flux_upgrade_core::host::{
    Cache, Cancel, CredentialOptions, Credentials, Guard, GuardOptions, HttpOptions, Lanes, Live,
    LiveOptions, Proxies, drive,
};
use flux_upgrade_core::plan::Plan;
use flux_upgrade_core::resolve::{Ask, Outcome, Query, Recording, Resolver};
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::{RepoPath, SourceFile, locate, plan, scan};

/// How a test asks: impatient, with loopback allowed, and without what this machine has of credentials.
pub(crate) struct Setup {
    pub(crate) options: LiveOptions,
    pub(crate) allow: Vec<String>,
    pub(crate) credentials: CredentialOptions,
    pub(crate) rules: Rules,
}

impl Default for Setup {
    fn default() -> Self {
        let http = HttpOptions {
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(20),
            proxies: Proxies::default(),
            ..HttpOptions::default()
        };
        let env = std::env::var_os("PATH").map(|path| ("PATH".into(), path));
        Self {
            options: LiveOptions { http, ..LiveOptions::default() },
            allow: vec!["127.0.0.1".to_owned(), "localhost".to_owned()],
            credentials: CredentialOptions { env: env.into_iter().collect(), ..CredentialOptions::default() },
            rules: Rules::default(),
        }
    }
}

impl Setup {
    /// With a home folder, where credentials are looked for.
    pub(crate) fn at_home(home: &Path) -> Self {
        let mut setup = Self::default();
        setup.credentials.home = Some(home.to_path_buf());
        setup.credentials.env.insert("HOME".into(), home.into());
        setup.credentials.env.insert("GIT_CONFIG_NOSYSTEM".into(), "1".into());
        setup
    }

    pub(crate) fn live(&self) -> Live {
        self.live_with(Cache::none())
    }

    fn live_with(&self, cache: Cache) -> Live {
        let allow = self.allow.iter().map(|text| text.parse().unwrap()).collect();
        let guard = Guard::new(GuardOptions { allow, ..GuardOptions::default() });
        let credentials = Credentials::discover(&self.credentials);
        Live::new(self.options.clone(), guard, credentials, cache, Cancel::default())
    }

    /// The answer to one question.
    pub(crate) fn ask(&self, ask: Ask) -> Outcome {
        use flux_upgrade_core::host::Host as _;
        self.live().answer(&Query { id: 0, ask, insecure: false, beside: false })
    }

    /// The plan of one file, with everything that was answered.
    pub(crate) fn plan(&self, text: &str) -> (Plan, Recording) {
        self.plan_with(Cache::none(), text)
    }

    /// The same, with a cache.
    pub(crate) fn plan_with(&self, cache: Cache, text: &str) -> (Plan, Recording) {
        let files = [SourceFile { path: RepoPath::parse("apps.yaml").unwrap(), text: text.to_owned() }];
        let inventory = scan(&files);
        let sites = locate(&inventory);
        let host = Arc::new(Recorded { live: self.live_with(cache), recording: std::sync::Mutex::default() });
        let mut resolver = Resolver::new(&sites, &self.rules);
        let resolution =
            drive(&mut resolver, &host, Lanes::default(), &Cancel::default(), &mut |_| {}).unwrap();
        let recording = host.recording.lock().unwrap().clone();
        (plan(&inventory, sites, &resolution, &self.rules), recording)
    }
}

struct Recorded {
    live: Live,
    recording: std::sync::Mutex<Recording>,
}

impl flux_upgrade_core::host::Host for Recorded {
    fn answer(&self, query: &Query) -> Outcome {
        let outcome = self.live.answer(query);
        self.recording.lock().unwrap().add(&query.ask, &outcome);
        outcome
    }

    fn lane(&self, ask: &Ask) -> String {
        self.live.lane(ask)
    }
}

/// Where each source of a repository is, by the name of its object.
pub(crate) type Sources<'a> = [(&'a str, Source<'a>)];

#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    /// URL of a chart repository with a chart `app`.
    Helm(&'a str),
    /// `host/path`.
    Oci(&'a str),
    Git(&'a str),
}

/// A repository with one object for each source, each on `1.0.0`.
pub(crate) fn repository(sources: &Sources<'_>) -> String {
    let mut out = String::new();
    for (name, source) in sources {
        let head = |version: &str, kind: &str| {
            format!(
                "---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: apps}}\nspec:\n"
            )
        };
        let flux = "source.toolkit.fluxcd.io/v1";
        match source {
            Source::Helm(url) => {
                out.push_str(&format!("{}  url: {url}\n", head(flux, "HelmRepository")));
                let chart = format!(
                    "chart: app\n      version: 1.0.0\n      sourceRef: {{kind: HelmRepository, name: {name}}}\n"
                );
                out.push_str(&format!(
                    "{}  chart:\n    spec:\n      {chart}",
                    head("helm.toolkit.fluxcd.io/v2", "HelmRelease")
                ));
            }
            Source::Oci(repository) => {
                out.push_str(&format!(
                    "{}  url: oci://{repository}\n  ref: {{tag: 1.0.0}}\n",
                    head(flux, "OCIRepository")
                ));
            }
            Source::Git(url) => {
                out.push_str(&format!(
                    "{}  url: {url}\n  ref: {{tag: 1.0.0}}\n",
                    head(flux, "GitRepository")
                ));
            }
        }
    }
    out
}

/// What became of each object: the version it moves to, or why it stays, without the name of its source.
pub(crate) fn outcomes(plan: &Plan) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for change in &plan.changes {
        out.insert(plan.site_of(change).owner.name.clone(), change.to.clone());
    }
    for held in &plan.held {
        use flux_upgrade_core::plan::Reason;
        let why = match &held.reason {
            Reason::Unanswered { failure, .. } => failure.to_string(),
            other => other.to_string(),
        };
        out.insert(plan.sites[held.site].owner.name.clone(), why);
    }
    out
}
