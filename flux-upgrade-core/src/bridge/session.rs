//! A plan whose sources are asked by whoever has a socket: JSON texts in, JSON texts out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Fault, Prepared, failed};
use crate::guard::Guard;
use crate::plan::Failure;
use crate::resolve::{Ask, Outcome, Query, Questions, Recording, Resolution, Step};
use crate::time::Timestamp;
use crate::wire::{Address, Attach, Doors, Exchange, HttpRequest, HttpResponse, Limits, Next, lane};

/// A plan in the making, for hosts in other languages.
///
/// 1. [`Session::step`] gives questions `{"ask": [{"id", "host", "source"}]}`, or `{"done": true}`.
/// 2. [`Session::start`] gives what to do for one of them: `{"send": {"method", "url", "headers", "body", "maxBodyBytes", "attach",
///    "source"}}`, or `{"answered": true, "failed"?}`. What comes back goes to [`Session::receive`], [`Session::unreachable`] or
///    [`Session::fail`], which say what is next in the same form. Questions may be on their way at the same time.
/// 3. When all are answered, `step` again; when it is done, [`Session::finish`] gives the plan.
///
/// `attach` says which credential of the source goes with a request: `nothing`, `ifAny`, `required` (without one, `fail` with
/// `{"kind": "unauthorized"}`), `tokenService`. Every text that this gives may be `{"error": …}` instead, as for
/// [`plan`](super::plan).
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::bridge::Session;
/// let text = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: a}\n\
///     spec: {url: 'oci://ghcr.io/a/b', ref: {tag: 1.0.0}}";
/// let mut session = Session::begin(&serde_json::json!({"files": {"a.yaml": text}}).to_string())?;
/// assert_eq!(session.step(), r#"{"ask":[{"id":0,"host":"ghcr.io","source":"oci://ghcr.io/a/b"}]}"#);
/// assert!(session.start(0).contains(r#""url":"https://ghcr.io/v2/a/b/tags/list?n=1000""#));
/// let head = r#"{"url": "https://ghcr.io/v2/a/b/tags/list?n=1000", "status": 200, "headers": []}"#;
/// assert_eq!(session.receive(0, head, br#"{"tags": ["1.0.0", "1.1.0"]}"#.to_vec()), r#"{"answered":true}"#);
/// assert_eq!(session.step(), r#"{"done":true}"#);
/// let plan = session.finish();
/// assert!(plan.contains(r#""to": "1.1.0""#), "{plan}");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug)]
pub struct Session {
    prepared: Prepared,
    guard: Guard,
    limits: Limits,
    questions: Questions,
    open: BTreeMap<usize, Query>,
    talks: BTreeMap<usize, Exchange>,
    doors: Doors,
    recording: Recording,
    resolution: Option<Resolution>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Said<'a> {
    Ask(Vec<Asked>),
    Done(bool),
    Send(Request<'a>),
}

#[derive(Serialize)]
struct Asked {
    id: usize,
    host: String,
    source: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    method: &'a str,
    url: &'a str,
    headers: &'a [(String, String)],
    body: &'a str,
    max_body_bytes: u64,
    attach: &'a str,
    source: String,
}

#[derive(Serialize)]
struct Answered {
    answered: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
}

#[derive(Deserialize)]
struct Head {
    url: String,
    status: u16,
    headers: Vec<(String, String)>,
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| failed(Fault::new("internal", error)))
}

impl Session {
    /// Reads a request of the form of [`plan`](super::plan), without `snapshot`.
    ///
    /// # Errors
    ///
    /// `{"error": …}`.
    pub fn begin(request: &str) -> Result<Self, String> {
        let prepared = Prepared::read(request).map_err(failed)?;
        let guard = prepared.sources.guard().map_err(failed)?;
        let limits = prepared.sources.limits();
        let questions = Questions::new(&prepared.sites, &prepared.rules).standing_from(prepared.planned);
        Ok(Self {
            prepared,
            guard,
            limits,
            questions,
            open: BTreeMap::new(),
            talks: BTreeMap::new(),
            doors: Doors::default(),
            recording: Recording::default(),
            resolution: None,
        })
    }

    /// Questions that are open, the same until one is answered.
    pub fn step(&mut self) -> String {
        if self.resolution.is_some() {
            return text(&Said::Done(true));
        }
        match self.questions.step(&self.prepared.sites, &self.prepared.rules) {
            Step::Done(resolution) => {
                self.resolution = Some(resolution);
                text(&Said::Done(true))
            }
            Step::Ask(queries) => {
                let asked = |query: &Query| Asked {
                    id: query.id,
                    host: lane(&query.ask),
                    source: query.ask.source(),
                };
                let told = queries.iter().map(asked).collect();
                self.open = queries.into_iter().map(|query| (query.id, query)).collect();
                text(&Said::Ask(told))
            }
        }
    }

    /// Begins with a question: its first request, or that there is none.
    pub fn start(&mut self, id: usize) -> String {
        let Some(query) = self.open.get(&id) else { return unknown(id) };
        let (exchange, next) = Exchange::start(query, self.limits, &self.doors);
        self.talks.insert(id, exchange);
        self.next(id, next)
    }

    /// Takes the response to the request that was sent last for a question: `{"url", "status", "headers": [["name", "value"]]}`,
    /// where `url` is that of the request, or where redirects have led, and the body, unpacked.
    pub fn receive(&mut self, id: usize, head: &str, body: Vec<u8>) -> String {
        let head: Head = match serde_json::from_str(head) {
            Ok(head) => head,
            Err(error) => return failed(Fault::new("request.syntax", error)),
        };
        let response = HttpResponse { url: head.url, status: head.status, headers: head.headers, body };
        let Some(exchange) = self.talks.get_mut(&id) else { return unknown(id) };
        let next = exchange.receive(response);
        self.next(id, next)
    }

    /// Tells that the last request of a question brought no response, with what was seen.
    pub fn unreachable(&mut self, id: usize, detail: &str) -> String {
        let Some(exchange) = self.talks.get_mut(&id) else { return unknown(id) };
        let next = exchange.unreachable(detail.to_owned());
        self.next(id, next)
    }

    /// Gives up on a question: `{"kind": "tooLarge", "limitBytes": 8388608}` and the other kinds of failures in plans.
    pub fn fail(&mut self, id: usize, failure: &str) -> String {
        if !self.open.contains_key(&id) {
            return unknown(id);
        }
        match serde_json::from_str(failure) {
            Ok(failure) => self.next(id, Next::Done(Err(failure))),
            Err(error) => failed(Fault::new("request.syntax", error)),
        }
    }

    /// Why an address must not be asked, for hosts that follow redirects themselves; empty where it may.
    #[must_use]
    pub fn refuses(&self, url: &str) -> String {
        match Address::parse(url) {
            None => "it is no address of HTTP".to_owned(),
            Some(address) => match self.guard.check_name(address.host()) {
                Ok(()) => String::new(),
                Err(refused) => format!("{refused}; {}", refused.help()),
            },
        }
    }

    /// The answer to the request, once [`Session::step`] is done.
    #[must_use]
    pub fn finish(&self) -> String {
        match &self.resolution {
            Some(resolution) => self.prepared.planned(resolution).unwrap_or_else(failed),
            None => failed(Fault::new("answer.missing", "there are questions without an answer")),
        }
    }

    /// Everything that was answered so far, as a registry snapshot; `taken` is a time of RFC 3339.
    #[must_use]
    pub fn snapshot(&self, taken: &str) -> String {
        self.recording.to_json(Timestamp::parse(taken).ok())
    }

    fn next(&mut self, id: usize, next: Next) -> String {
        let outcome = match next {
            Next::Send(request) => match self.refused(id, &request) {
                None => return self.send(id, &request),
                Some(failure) => Err(failure),
            },
            Next::Done(outcome) => outcome,
        };
        if let Some(exchange) = self.talks.remove(&id) {
            exchange.teach(&mut self.doors);
        }
        self.answered(id, outcome)
    }

    fn refused(&self, id: usize, request: &HttpRequest) -> Option<Failure> {
        let detail = self.refuses(&request.url);
        if !detail.is_empty() {
            return Some(Failure::Unreachable { detail });
        }
        let query = self.open.get(&id).filter(|_| request.attach == Attach::TokenService)?;
        let is_plain = query.insecure || self.doors.is_plain(&lane(&query.ask));
        let error = self.guard.realm_allowed(&request.url, is_plain).err()?;
        Some(Failure::Unreachable { detail: error.to_string() })
    }

    fn send(&self, id: usize, request: &HttpRequest) -> String {
        let source = self.open.get(&id).map(|query| source(&query.ask)).unwrap_or_default();
        text(&Said::Send(Request {
            method: request.method.name(),
            url: &request.url,
            headers: &request.headers,
            // What is sent is packets of git and forms, which are text.
            body: std::str::from_utf8(&request.body).unwrap_or_default(),
            max_body_bytes: request.max_body_bytes,
            attach: match request.attach {
                Attach::Nothing => "nothing",
                Attach::IfAny => "ifAny",
                Attach::Required => "required",
                Attach::TokenService => "tokenService",
            },
            source,
        }))
    }

    fn answered(&mut self, id: usize, outcome: Outcome) -> String {
        let Some(query) = self.open.remove(&id) else { return unknown(id) };
        self.recording.answered(&query, &outcome);
        let why = outcome.as_ref().err().map(Failure::to_string);
        match self.questions.answer(id, outcome) {
            Ok(()) => text(&Answered { answered: true, failed: why }),
            Err(error) => failed(Fault::new("answer.unknown-query", error)),
        }
    }
}

/// The address that credentials are found by.
fn source(ask: &Ask) -> String {
    match ask {
        Ask::Charts { url, .. } | Ask::Refs { url } | Ask::Dates { url, .. } => url.clone(),
        Ask::Releases => crate::wire::flux_release::REPOSITORY.to_owned(),
        Ask::Manifests { .. } => crate::wire::flux_release::RELEASES.to_owned(),
        Ask::Tags { repository } | Ask::Digest { repository, .. } | Ask::Created { repository, .. } => {
            format!("oci://{repository}")
        }
    }
}

fn unknown(id: usize) -> String {
    failed(Fault::new("answer.unknown-query", format!("no open question has the number {id}")))
}
