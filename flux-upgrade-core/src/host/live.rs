//! The host that asks for real: requests of [`wire`](crate::wire) over HTTP, git also over ssh, `git://` and from folders.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::git::{GitStreams, Wanted};
use super::http::{Client, HttpOptions, Trouble};
use super::{Cache, Cancel, Credential, Credentials, Entry, Guard, Host, Key, Login, Protocol, Tls};
use crate::plan::Failure;
use crate::resolve::{Ask, Outcome, Query};
use crate::wire::flux_release;
use crate::wire::{Address, Attach, Doors, Exchange, HttpRequest, HttpResponse, Limits, Next};

/// How sources are asked.
#[derive(Debug, Clone, Default)]
pub struct LiveOptions {
    /// How requests are carried.
    pub http: HttpOptions,
    /// What answers may be at most.
    pub limits: Limits,
    /// Whether `file://` URLs may be read: they name folders of this machine, which a repository has no business to.
    pub files: bool,
    /// The command that stands for `ssh`, as git's `GIT_SSH_COMMAND`; `None` takes that variable, else `ssh`.
    pub ssh: Option<String>,
    /// Where releases of Flux are, `<base>/download/<vX.Y.Z>/manifests.tar.gz`; `None` takes Flux's own.
    pub flux_releases: Option<String>,
}

/// Asks registries, chart repositories and git servers.
///
/// # Examples
///
/// ```no_run
/// use std::sync::Arc;
/// use flux_upgrade_core::host::{Cache, Cancel, CredentialOptions, Credentials, Guard, Lanes, Live, LiveOptions, drive};
/// use flux_upgrade_core::{locate, plan, resolve::Resolver, rules::Rules, scan};
///
/// # let files = Vec::new();
/// let rules = Rules::default();
/// let inventory = scan(&files);
/// let sites = locate(&inventory);
///
/// let cancel = Cancel::default();
/// let credentials = Credentials::discover(&CredentialOptions::of_process());
/// let live = Live::new(LiveOptions::default(), Guard::default(), credentials, Cache::none(), cancel.clone());
/// let mut resolver = Resolver::new(&sites, &rules);
/// let resolution = drive(&mut resolver, &Arc::new(live), Lanes::default(), &cancel, &mut |_| {})?;
/// let plan = plan(&inventory, sites, &resolution, &rules);
/// # Ok::<(), flux_upgrade_core::host::DriveError>(())
/// ```
#[derive(Debug)]
pub struct Live {
    client: Client,
    limits: Limits,
    credentials: Credentials,
    cache: Cache,
    guard: Arc<Guard>,
    streams: GitStreams,
    flux_releases: String,
    doors: Mutex<Doors>,
    notes: Mutex<BTreeSet<String>>,
}

/// What one question is asked with.
struct Who<'a> {
    protocol: Protocol,
    source: String,
    /// Whether over plain HTTP, and what there is.
    found: Option<(bool, Option<Credential>)>,
    /// Whether the request may go another way when it brings nothing.
    is_probe: bool,
    live: &'a Live,
}

impl Live {
    /// A host for one run.
    #[must_use]
    pub fn new(
        options: LiveOptions,
        guard: Guard,
        credentials: Credentials,
        cache: Cache,
        cancel: Cancel,
    ) -> Self {
        let guard = Arc::new(guard);
        let notes =
            credentials.notes().iter().map(|note| format!("{}; {}", note.message, note.help)).collect();
        Self {
            streams: GitStreams::new(&options, Arc::clone(&guard), cancel.clone()),
            flux_releases: options.flux_releases.unwrap_or_else(|| flux_release::RELEASES.to_owned()),
            client: Client::new(options.http, Arc::clone(&guard), cancel),
            limits: options.limits,
            credentials,
            cache,
            guard,
            doors: Mutex::default(),
            notes: Mutex::new(notes),
        }
    }

    /// What the user should know, found on the way: credentials that could not be had, a cache that cannot be written.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn note(&self, text: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).insert(text);
    }

    fn doors(&self) -> Doors {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn talk(&self, query: &Query) -> Outcome {
        let (mut exchange, mut next) = Exchange::start(query, self.limits, &self.doors());
        let (protocol, source) = match &query.ask {
            Ask::Charts { url, .. } => (Protocol::Helm, url.clone()),
            Ask::Refs { url } | Ask::Dates { url, .. } => (Protocol::Git, url.clone()),
            Ask::Releases => (Protocol::Git, flux_release::REPOSITORY.to_owned()),
            Ask::Manifests { version } => {
                next = match flux_release::manifests_request(&self.flux_releases, version) {
                    Ok(request) => Next::Send(request),
                    Err(failure) => return Err(failure),
                };
                (Protocol::Helm, self.flux_releases.clone())
            }
            other => (Protocol::Oci, other.repository().unwrap_or_default().to_owned()),
        };
        let mut who = Who { protocol, source, found: None, is_probe: false, live: self };
        let since = Instant::now();
        loop {
            let request = match next {
                Next::Send(request) => request,
                Next::Done(outcome) => {
                    exchange.teach(&mut self.doors.lock().unwrap_or_else(PoisonError::into_inner));
                    return outcome;
                }
            };
            if request.attach == Attach::Required
                && who.credential(&request).and_then(|found| found.login.as_ref()).is_none()
            {
                return exchange.no_credential();
            }
            who.is_probe = exchange.falls_back();
            let response = match self.client.endless(&request, since) {
                Some(trouble) => Err(trouble),
                None => self.carry(&request, &mut who),
            };
            next = match response {
                Ok((response, new)) => {
                    let next = exchange.receive(response);
                    // What could not be read is not worth keeping: the next run would be told the same, of a source that is in order.
                    let is_read = !matches!(next, Next::Done(Err(_)));
                    match new.filter(|_| is_read).map_or(Ok(()), |(key, entry)| self.keep(&key, &entry)) {
                        Ok(()) => next,
                        Err(failure) => Next::Done(Err(failure)),
                    }
                }
                Err(Trouble::Unreachable(detail) | Trouble::Passing(detail) | Trouble::Late(detail)) => {
                    exchange.unreachable(detail)
                }
                // What was kept of a plain registry stands under its plain address.
                Err(Trouble::Failed(Failure::NotAsked)) if who.is_probe => {
                    exchange.unreachable(String::new())
                }
                Err(Trouble::Untrusted(detail)) => Next::Done(Err(Failure::Unreachable { detail })),
                Err(Trouble::Failed(failure)) => Next::Done(Err(failure)),
            };
        }
    }

    /// A response from the cache, or from the source, and then what is to be kept of it.
    fn carry(
        &self,
        request: &HttpRequest,
        who: &mut Who<'_>,
    ) -> Result<(HttpResponse, Option<(Key, Entry)>), Trouble> {
        if request.attach == Attach::TokenService {
            return Ok((self.ask_token_service(request, who)?, None));
        }
        // Certificates count for every request, helpers of git run for those alone that need them.
        let needs = who.protocol != Protocol::Git || request.attach != Attach::Nothing;
        let credential = match needs {
            true => who.credential(request).cloned(),
            false => self.credentials.certificates(who.protocol, &who.source),
        };
        let tls = tls_for(credential.as_ref(), &request.url);
        let is_shown = request.attach != Attach::Nothing;
        let login = credential.as_ref().filter(|_| is_shown);
        let dress =
            |url: &str| login.filter(|found| found.covers(url)).and_then(header).into_iter().collect();
        let is_token = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let by = credential.as_ref().filter(|_| is_shown || is_token).map(Credential::who);
        let place = key(request, by.as_deref());
        let known = self.cache.get(&place);
        if let Some(entry) = &known
            && self.cache.is_fresh(&place, entry)
        {
            return Ok((cached(request, entry), None));
        }
        if self.cache.is_offline() {
            // Online it would be told to log in first.
            let by = who.credential(request).map(Credential::who);
            let entry = by.and_then(|by| self.cache.get(&key(request, Some(&by))));
            let entry = entry.ok_or(Trouble::Failed(Failure::NotAsked))?;
            return Ok((cached(request, &entry), None));
        }
        let mut asked = request.clone();
        if let Some(entry) = &known {
            let conditions = [("If-None-Match", &entry.etag), ("If-Modified-Since", &entry.last_modified)];
            for (name, value) in conditions {
                asked.headers.extend(value.iter().map(|value| (name.to_owned(), value.clone())));
            }
        }
        let response = self.client.send(&asked, &dress, &tls, who.is_probe)?;
        Ok(match known {
            Some(entry) if response.status == 304 => {
                let entry = Entry { stored: self.cache.now(), ..entry };
                let response = HttpResponse { url: response.url, ..cached(request, &entry) };
                (response, Some((place, entry)))
            }
            _ if response.status == 200 => {
                let header = |name: &str| response.header(name).map(str::to_owned);
                let entry = Entry {
                    body: response.body.clone(),
                    etag: header("ETag"),
                    last_modified: header("Last-Modified"),
                    stored: self.cache.now(),
                    headers: response
                        .headers
                        .iter()
                        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
                        .collect(),
                };
                (response, Some((place, entry)))
            }
            _ => (response, None),
        })
    }

    fn keep(&self, key: &Key, entry: &Entry) -> Result<(), Failure> {
        match self.cache.put(key, entry) {
            Err(error @ super::CacheError::OtherDigest { .. }) => {
                Err(Failure::Malformed { detail: error.to_string() })
            }
            Err(error) => {
                self.note(format!("{error}: answers are not kept"));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn ask_token_service(&self, request: &HttpRequest, who: &mut Who<'_>) -> Result<HttpResponse, Trouble> {
        let credential = who.credential(request).cloned();
        let insecure = who.source_is_plain(request);
        let is_allowed = self.guard.realm_allowed(&request.url, insecure);
        is_allowed.map_err(|refused| Trouble::Failed(Failure::Unreachable { detail: chain(&refused) }))?;
        let tls = tls_for(credential.as_ref(), &request.url);
        let first = Address::parse(&request.url);
        let stays = |url: &str| {
            first.zip(Address::parse(url)).is_some_and(|(first, there)| first.same_server(&there))
        };
        match credential.as_ref().and_then(|found| Some((found, found.login.as_ref()?))) {
            Some((_, Login::Identity(token))) => {
                self.client.send(&request.with_identity_token(token.expose()), &|_| Vec::new(), &tls, false)
            }
            Some((found, _)) => {
                let dress = |url: &str| header(found).filter(|_| stays(url)).into_iter().collect();
                self.client.send(request, &dress, &tls, false)
            }
            None => self.client.send(request, &|_| Vec::new(), &tls, false),
        }
    }
}

impl Host for Live {
    fn answer(&self, query: &Query) -> Outcome {
        let outcome = match &query.ask {
            Ask::Refs { url } | Ask::Dates { url, .. }
                if self.cache.is_offline()
                    && Address::parse(url).is_none()
                    && !url.starts_with("file://") =>
            {
                Err(Failure::NotAsked)
            }
            ask @ (Ask::Refs { url } | Ask::Dates { url, .. }) if Address::parse(url).is_none() => {
                let credential = self.streams.wants_key(url).then(|| self.find(Protocol::Git, url)).flatten();
                let wanted = match ask {
                    Ask::Dates { refs, .. } => Wanted::Dates(refs),
                    _ => Wanted::Refs,
                };
                self.streams.ask(url, wanted, credential.as_ref(), self.limits)
            }
            _ => self.talk(query),
        };
        outcome.map_err(Failure::told)
    }

    fn lane(&self, ask: &Ask) -> String {
        crate::wire::lane(ask)
    }
}

impl Live {
    fn find(&self, protocol: Protocol, url: &str) -> Option<Credential> {
        self.credentials.find(protocol, url).unwrap_or_else(|error| {
            self.note(chain(&error));
            None
        })
    }
}

impl Who<'_> {
    /// The credential for the source, looked up once for each scheme.
    fn credential(&mut self, request: &HttpRequest) -> Option<&Credential> {
        let is_plain = self.protocol == Protocol::Oci && self.source_is_plain(request);
        if self.found.as_ref().is_none_or(|(plain, _)| *plain != is_plain) {
            let url = match self.protocol {
                Protocol::Oci if is_plain => format!("http://{}", self.source),
                Protocol::Oci => format!("oci://{}", self.source),
                Protocol::Helm | Protocol::Git => self.source.clone(),
            };
            self.found = Some((is_plain, self.live.find(self.protocol, &url)));
        }
        self.found.as_ref().and_then(|(_, found)| found.as_ref())
    }

    /// Whether the registry itself is talked to in the clear.
    fn source_is_plain(&self, request: &HttpRequest) -> bool {
        let registry = self.source.split('/').next().unwrap_or_default();
        let known = self.live.doors().is_plain(registry);
        known
            || request
                .url
                .strip_prefix("http://")
                .is_some_and(|rest| rest.starts_with(&format!("{registry}/")))
    }
}

/// The certificates of a credential for one address: who asks is shown only where its login could go, too.
fn tls_for(credential: Option<&Credential>, url: &str) -> Tls {
    let Some(found) = credential else { return Tls::default() };
    if found.covers(url) {
        found.tls.clone()
    } else {
        Tls { certificate: None, key: None, ..found.tls.clone() }
    }
}

fn header(credential: &Credential) -> Option<(String, String)> {
    if let Some(Login::Header { name, value }) = &credential.login {
        return Some((name.clone(), value.expose().to_owned()));
    }
    Some(("Authorization".to_owned(), credential.authorization()?.expose().to_owned()))
}

/// Under what an answer is kept. What git posts are questions as well, and decide about the answer.
fn key(request: &HttpRequest, who: Option<&str>) -> Key {
    let accept = request.headers.iter().find(|(name, _)| name == "Accept").map_or("", |(_, value)| value);
    let what = format!("{} {accept} {}", request.method.name(), String::from_utf8_lossy(&request.body));
    let what = what.trim_end();
    let path = request.url.split('?').next().unwrap_or_default();
    let digest = path.rsplit('/').next().filter(|_| path.contains("/blobs/") || path.contains("/manifests/"));
    let immutable = digest.and_then(|digest| Key::immutable(what, &request.url, who, digest));
    immutable.unwrap_or_else(|| Key::new(what, &request.url, who))
}

fn cached(request: &HttpRequest, entry: &Entry) -> HttpResponse {
    HttpResponse {
        url: request.url.clone(),
        status: 200,
        headers: entry.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        body: entry.body.clone(),
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
