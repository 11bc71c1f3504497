//! Protocols without sockets: one question becomes HTTP requests, their responses become one answer.
//!
//! ```text
//! Query ──start──▶ HttpRequest ··host··▶ HttpResponse ──receive──▶ HttpRequest … ──▶ Answer or Failure
//! ```
//!
//! A host carries requests and knows credentials, retries and time; what is said is decided here, once for every host.
//! Tokens of registries pass through, since they are a part of the conversation; what a user has stored does not: a
//! request says which credential it wants ([`Attach`]) and the host adds it.
//!
//! ```
//! use flux_upgrade_core::resolve::{Answer, Ask, Query};
//! use flux_upgrade_core::wire::{Doors, Exchange, HttpResponse, Limits, Next};
//!
//! let ask = Ask::Tags { repository: "ghcr.io/stefanprodan/charts/podinfo".to_owned() };
//! let query = Query { id: 0, ask, insecure: false, beside: false };
//! let (mut exchange, next) = Exchange::start(&query, Limits::default(), &Doors::default());
//! let Next::Send(request) = next else { panic!("a request comes first") };
//! assert_eq!(request.url, "https://ghcr.io/v2/stefanprodan/charts/podinfo/tags/list?n=1000");
//! let response = HttpResponse { body: br#"{"tags": ["6.5.0"]}"#.to_vec(), ..HttpResponse::new(&request.url, 200) };
//! let Next::Done(Ok(Answer::Tags(tags))) = exchange.receive(response) else { panic!("the answer") };
//! assert_eq!(tags[0].text, "6.5.0");
//! ```

mod address;
mod door;
pub mod flux_release;
mod git_dates;
mod git_refs;
pub mod helm_index;
mod http;
mod oci_manifest;
mod oci_tags;
mod pkt_line;

pub use address::{Address, resolve};
pub use door::{Challenge, Doors};
pub use git_dates::{dated, fetch_request};
pub use git_refs::{Advertised, advertised, listed, ls_refs_request};
pub use http::{Attach, HttpRequest, HttpResponse, Method, status_failure};
#[cfg(feature = "native")]
pub(crate) use pkt_line::next_packet;
pub use pkt_line::{Packet, packets};

use crate::plan::Failure;
use crate::resolve::{Answer, Ask, Candidate, Outcome, Query};
use door::{Door, Passed};

/// What an answer may be at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a chart index, unpacked. Source: source-controller `--helm-index-max-size`, 50 MiB.
    pub index_bytes: u64,
    /// Bytes of one page of tags, of a manifest, of a token.
    pub page_bytes: u64,
    /// Bytes of a whole listing: of git refs, and of all pages of the tags of one repository together.
    pub refs_bytes: u64,
    /// Pages of tags of one repository.
    pub pages: usize,
    /// Tags of one repository.
    pub tags: usize,
    /// Whether every entry of an index is read strictly, not only those of the charts asked for.
    pub whole_index: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            index_bytes: 50 << 20,
            page_bytes: 8 << 20,
            refs_bytes: 64 << 20,
            pages: 500,
            tags: 250_000,
            whole_index: false,
        }
    }
}

/// Whom a question goes to: `host[:port]`, which is what a host limits its requests by.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::{resolve::Ask, wire::lane};
/// assert_eq!(lane(&Ask::Tags { repository: "ghcr.io/stefanprodan/charts/podinfo".to_owned() }), "ghcr.io");
/// assert_eq!(lane(&Ask::Refs { url: "https://GitHub.com/a/b".to_owned() }), "github.com");
/// ```
#[must_use]
pub fn lane(ask: &Ask) -> String {
    match ask {
        Ask::Charts { url, .. } | Ask::Refs { url } | Ask::Dates { url, .. } => match Address::parse(url) {
            Some(address) => address.authority.to_ascii_lowercase(),
            None => crate::reference::normalise_git(url).split('/').next().unwrap_or_default().to_owned(),
        },
        Ask::Releases | Ask::Manifests { .. } => "github.com".to_owned(),
        Ask::Tags { repository } | Ask::Digest { repository, .. } | Ask::Created { repository, .. } => {
            repository.split('/').next().unwrap_or_default().to_owned()
        }
    }
}

/// What comes next in an exchange.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Send this, and hand what comes back to [`Exchange::receive`].
    Send(HttpRequest),
    /// The exchange is over.
    Done(Outcome),
}

impl Next {
    fn failed(failure: Failure) -> Self {
        Self::Done(Err(failure.told()))
    }
}

/// One question on its way to an answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    talk: Talk,
    door: Option<Door>,
}

/// What is said behind the door.
#[derive(Debug, Clone)]
enum Talk {
    Tags(oci_tags::Tags),
    Digest(oci_manifest::Digest),
    Created(oci_manifest::Created),
    Index(helm_index::Index),
    Refs(git_refs::Refs),
    Releases(git_refs::Refs),
    Manifests(String),
    Nothing,
}

impl Exchange {
    /// Begins: the first request, or a failure where the question names nothing that can be asked over HTTP.
    ///
    /// `doors` is what earlier exchanges have learned of registries; see [`Exchange::teach`].
    #[must_use]
    pub fn start(query: &Query, limits: Limits, doors: &Doors) -> (Self, Next) {
        let scheme = if query.insecure { "http" } else { "https" };
        let behind = |repository: &str, talk: fn(&Door, Limits, &str) -> (Talk, HttpRequest), tag: &str| {
            let (mut door, (talk, request)) = Door::new(repository, scheme, limits)
                .map(|door| {
                    let begun = talk(&door, limits, tag);
                    (door, begun)
                })
                .map_err(Next::failed)?;
            let next = door.begin(request, doors);
            Ok((Self { talk, door: Some(door) }, Next::Send(next)))
        };
        let begun = match &query.ask {
            Ask::Tags { repository } => {
                behind(repository, |door, limits, _| oci_tags::Tags::start(door, limits), "")
            }
            Ask::Digest { tag, .. } | Ask::Created { tag, .. } if !oci_tags::is_tag(tag) => {
                Err(Next::failed(Failure::Malformed { detail: format!("`{tag}` is no tag") }))
            }
            Ask::Digest { repository, tag } => behind(repository, oci_manifest::Digest::start, tag),
            Ask::Created { repository, tag } => behind(repository, oci_manifest::Created::start, tag),
            Ask::Charts { url, names } => helm_index::Index::start(url, names, limits)
                .map(|(index, request)| (Self { talk: Talk::Index(index), door: None }, Next::Send(request)))
                .map_err(Next::failed),
            Ask::Releases => git_refs::Refs::start(flux_release::REPOSITORY, limits)
                .map(|(refs, request)| (Self { talk: Talk::Releases(refs), door: None }, Next::Send(request)))
                .map_err(Next::failed),
            Ask::Manifests { version } => flux_release::manifests_request(flux_release::RELEASES, version)
                .map(|request| {
                    (Self { talk: Talk::Manifests(version.clone()), door: None }, Next::Send(request))
                })
                .map_err(Next::failed),
            Ask::Dates { url, refs } => git_refs::Refs::start_dates(url, refs, limits)
                .map(|(refs, request)| (Self { talk: Talk::Refs(refs), door: None }, Next::Send(request)))
                .map_err(Next::failed),
            Ask::Refs { url } => git_refs::Refs::start(url, limits)
                .map(|(refs, request)| (Self { talk: Talk::Refs(refs), door: None }, Next::Send(request)))
                .map_err(Next::failed),
        };
        begun.unwrap_or_else(|failed| (Self { talk: Talk::Nothing, door: None }, failed))
    }

    /// Takes the response to the request that was sent last.
    pub fn receive(&mut self, response: HttpResponse) -> Next {
        let response = match self.door.as_mut().map(|door| door.receive(&response)) {
            None | Some(Passed::Through) => response,
            Some(Passed::Send(request)) => return Next::Send(request),
            Some(Passed::Failed(failure)) => return Next::failed(failure),
        };
        let next = match &mut self.talk {
            Talk::Tags(tags) => tags.receive(&response),
            Talk::Digest(digest) => digest.receive(&response),
            Talk::Created(created) => created.receive(&response),
            Talk::Index(index) => index.receive(&response),
            Talk::Refs(refs) => refs.receive(&response),
            Talk::Releases(refs) => match refs.receive(&response) {
                Next::Done(Ok(Answer::Refs(refs))) => {
                    let releases = flux_release::releases(&refs).into_iter().map(Candidate::new);
                    Next::Done(Ok(Answer::Releases(releases.collect())))
                }
                next => next,
            },
            Talk::Manifests(version) => Next::Done(flux_release::manifests(response).and_then(|archive| {
                let release = crate::flux::Release::read(version, &archive);
                let malformed =
                    |error: crate::flux::ArchiveError| Failure::Malformed { detail: error.to_string() };
                release.map(Answer::Manifests).map_err(malformed)
            })),
            Talk::Nothing => Next::failed(Failure::Cancelled),
        };
        match (next, self.door.as_mut()) {
            (Next::Send(request), Some(door)) => Next::Send(door.dress(request)),
            (Next::Done(Err(failure)), _) => Next::failed(failure),
            (next, _) => next,
        }
    }

    /// Tells that the last request brought no response: over plain HTTP it may, where the registry may speak it.
    pub fn unreachable(&mut self, detail: String) -> Next {
        match self.door.as_mut().and_then(Door::plain) {
            Some(request) => Next::Send(request),
            None => Next::failed(Failure::Unreachable { detail }),
        }
    }

    /// Whether [`unreachable`](Self::unreachable) would go on over plain HTTP: then there is no use in trying long.
    #[must_use]
    pub fn falls_back(&self) -> bool {
        self.door.as_ref().is_some_and(Door::falls_back)
    }

    /// Tells that the host has no credential for a request that needs one ([`Attach::Required`]).
    ///
    /// # Errors
    ///
    /// [`Failure::Unauthorized`], always.
    pub fn no_credential(self) -> Outcome {
        Err(Failure::Unauthorized)
    }

    /// Hands on what was learned of the registry, so that the next exchange with it needs fewer requests.
    pub fn teach(&self, doors: &mut Doors) {
        if let Some(door) = &self.door {
            door.teach(doors);
        }
    }
}
