//! Releases of Flux, in a folder (`<folder>/<vX.Y.Z>/manifests.tar.gz`) or served (`<base>/download/<vX.Y.Z>/manifests.tar.gz`).

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flux_upgrade_core::flux::Release;
use flux_upgrade_core::host::{
    AllowHost, Cache, CacheOptions, CredentialOptions, Credentials, Guard, GuardOptions, Host as _,
    HttpOptions, Live, LiveOptions, Proxies, cache_folder,
};
use flux_upgrade_core::plan::Failure;
use flux_upgrade_core::resolve::{Answer, Ask, Candidate, Outcome, Query};
use flux_upgrade_core::version::Version;
use flux_upgrade_core::wire::{Address, flux_release::RELEASES};

use crate::answers::{home, os_variables};
use crate::env::Env;
use crate::fault::Fault;

/// Bytes of an archive at most; a release has about a hundred thousand.
const LARGEST: u64 = 32 << 20;

/// An archive of manifests, if it is there and can be read.
pub(crate) fn archive(file: &Path) -> Option<Vec<u8>> {
    bytes_of(file).ok()
}

fn bytes_of(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where releases are.
pub(crate) struct Releases {
    /// As the user names it.
    shown: String,
    place: Place,
}

enum Place {
    Folder {
        folder: PathBuf,
        /// The versions that are there, oldest first.
        versions: Vec<Version>,
    },
    Served(Box<Live>),
}

impl Releases {
    /// What `--flux-releases` names; without it Flux's own releases.
    pub(crate) fn open(given: Option<&str>, env: &Env) -> Result<Self, Fault> {
        let Some(given) = given else {
            return Ok(Self { shown: RELEASES.to_owned(), place: served(None, env)? });
        };
        if given.contains("://") {
            return Ok(Self { shown: given.to_owned(), place: served(Some(given), env)? });
        }
        let folder = env.folder.join(given);
        let entries = fs::read_dir(&folder)
            .map_err(|error| Fault::of(&error).under(format!("cannot read the releases in `{given}`")))?;
        let named = |entry: fs::DirEntry| {
            let there = entry.path().join("manifests.tar.gz").is_file();
            let name = entry.file_name();
            let name = name.to_str().filter(|name| there && name.starts_with('v'))?;
            Version::parse(name).ok()
        };
        let mut versions: Vec<Version> = entries.flatten().filter_map(named).collect();
        versions.sort_by(Version::cmp_precedence);
        Ok(Self { shown: given.to_owned(), place: Place::Folder { folder, versions } })
    }

    /// Whether they are on this machine.
    pub(crate) fn is_folder(&self) -> bool {
        matches!(self.place, Place::Folder { .. })
    }

    /// The newest version, where the place tells which there are.
    pub(crate) fn newest(&self) -> Option<String> {
        match &self.place {
            Place::Folder { versions, .. } => versions.last().map(|version| version.text().to_owned()),
            Place::Served(_) => None,
        }
    }

    /// Reads one release; `None` where the place does not have it.
    pub(crate) fn get(&self, version: &str) -> Result<Option<Release>, Fault> {
        let bare = version.strip_prefix('v').unwrap_or(version);
        match &self.place {
            Place::Folder { versions, .. } => {
                match versions.iter().find(|known| known.text().strip_prefix('v') == Some(bare)) {
                    Some(known) => self.read(known).map(Some),
                    None => Ok(None),
                }
            }
            Place::Served(live) => match fetch(live, &format!("v{bare}")) {
                Ok(release) => Ok(Some(release)),
                Err(Failure::NotFound) => Ok(None),
                Err(failure) => {
                    Err(Fault::new(format!("`{}`: manifests of Flux {version}: {failure}", self.shown)))
                }
            },
        }
    }

    /// Reads one release that must be there.
    pub(crate) fn wanted(&self, version: &str) -> Result<Release, Fault> {
        self.get(version)?.ok_or_else(|| {
            let there = match &self.place {
                Place::Folder { versions, .. } => match (versions.first(), versions.last()) {
                    (Some(first), Some(last)) => {
                        format!("it has {} releases from {first} to {last}", versions.len())
                    }
                    _ => "it has none; each is a folder such as v2.9.4 with manifests.tar.gz".to_owned(),
                },
                Place::Served(_) => {
                    format!("there is no `download/v{}/manifests.tar.gz`", version.trim_start_matches('v'))
                }
            };
            Fault::new(format!("`{}` has no Flux {version}: {there}", self.shown))
        })
    }

    /// Reads all releases that are known to be there and can be read.
    pub(crate) fn all(&self) -> Vec<Release> {
        match &self.place {
            Place::Folder { versions, .. } => {
                versions.iter().filter_map(|version| self.read(version).ok()).collect()
            }
            Place::Served(_) => Vec::new(),
        }
    }

    /// What they say to a question; `None` for one that is not about them.
    pub(crate) fn answer(&self, ask: &Ask) -> Option<Outcome> {
        match (ask, &self.place) {
            (Ask::Manifests { version }, Place::Served(live)) => {
                Some(fetch(live, version).map(Answer::Manifests))
            }
            (Ask::Manifests { version }, Place::Folder { .. }) => Some(match self.get(version) {
                Ok(release) => release.map(Answer::Manifests).ok_or(Failure::NotFound),
                Err(fault) => Err(Failure::Malformed { detail: fault.message().to_owned() }),
            }),
            (Ask::Releases, Place::Folder { versions, .. }) => {
                let released = versions.iter().rev().filter(|version| !version.is_prerelease());
                Some(Ok(Answer::Releases(released.map(|version| Candidate::new(version.text())).collect())))
            }
            _ => None,
        }
    }

    /// What they say beside a snapshot, which tells better than they which releases there are and when they came.
    pub(crate) fn beside(&self, ask: &Ask, snapshot: impl Fn() -> Outcome) -> Outcome {
        match (ask, snapshot()) {
            (Ask::Manifests { .. }, recorded) => match self.answer(ask) {
                Some(Err(Failure::NotFound)) if recorded.is_ok() => recorded,
                own => own.unwrap_or(recorded),
            },
            (Ask::Releases, Err(Failure::NotAsked)) => self.answer(ask).unwrap_or(Err(Failure::NotAsked)),
            (_, recorded) => recorded,
        }
    }

    fn read(&self, version: &Version) -> Result<Release, Fault> {
        let Place::Folder { folder, .. } = &self.place else {
            return Err(Fault::new(format!("`{}` is no folder", self.shown)));
        };
        let file = folder.join(version.text()).join("manifests.tar.gz");
        let read = bytes_of(&file);
        let shown = format!("{}/{version}/manifests.tar.gz", self.shown);
        let bytes = read.map_err(|error| Fault::of(&error).under(format!("cannot read `{shown}`")))?;
        Release::read(version.text(), &bytes).map_err(|error| Fault::of(&error).under(format!("`{shown}`")))
    }
}

/// Releases at a base; the host that the user names there is asked, whatever it is.
fn served(base: Option<&str>, env: &Env) -> Result<Place, Fault> {
    let bad = |why: &str| Fault::bad_value("--flux-releases", base.unwrap_or_default(), why);
    let mut allow = Vec::new();
    if let Some(base) = base {
        let wanted = "expected a folder, or a URL such as https://mirror.example.com/flux2/releases";
        let address = Address::parse(base).ok_or_else(|| bad(wanted))?;
        allow.push(address.host().parse::<AllowHost>().map_err(|error| bad(&error.wanted))?);
    }
    let variables = os_variables(env);
    let options = LiveOptions {
        http: HttpOptions {
            proxies: Proxies::from_variables(|name| env.variables.get(name).cloned()),
            ..HttpOptions::default()
        },
        flux_releases: base.map(str::to_owned),
        ..LiveOptions::default()
    };
    let cache = cache_folder(&variables, home(env).as_deref());
    let cache = cache.and_then(|folder| Cache::open(&folder, CacheOptions::default()).ok());
    let credentials = Credentials::discover(&CredentialOptions {
        env: variables,
        home: home(env),
        ..CredentialOptions::default()
    });
    let guard = Guard::new(GuardOptions { allow, ..GuardOptions::default() });
    let live = Live::new(options, guard, credentials, cache.unwrap_or_else(Cache::none), env.cancel.clone());
    Ok(Place::Served(Box::new(live)))
}

fn fetch(live: &Live, version: &str) -> Result<Release, Failure> {
    let query =
        Query { id: 0, ask: Ask::Manifests { version: version.to_owned() }, insecure: false, beside: false };
    match live.answer(&query)? {
        Answer::Manifests(release) => Ok(release),
        _ => Err(Failure::NotAsked),
    }
}
