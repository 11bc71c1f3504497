//! Branches and tags of a git repository: smart HTTP, protocol v2, and v0 where the server knows no other.
//!
//! Source: git `Documentation/gitprotocol-http.txt`, `gitprotocol-v2.txt`. Flux cannot use the dumb protocol either.

use std::collections::BTreeMap;

use super::address::no_address;
use super::git_dates::{dated, fetch_request};
use super::pkt_line::{self, Packet, malformed, packets};
use super::{Address, Attach, HttpRequest, HttpResponse, Limits, Method, Next, status_failure};
use crate::plan::Failure;
use crate::reference::without_login;
use crate::resolve::{Answer, Candidate};

/// A listing over smart HTTP.
#[derive(Debug, Clone)]
pub(super) struct Refs {
    base: String,
    max_bytes: u64,
    attach: Attach,
    /// Refs whose dates are wanted, with their objects; `None` where the listing is.
    dates: Option<BTreeMap<String, String>>,
    /// Whether the second request is on its way, and what hashes its objects.
    asked: Option<String>,
}

impl Refs {
    pub(super) fn start(url: &str, limits: Limits) -> Result<(Self, HttpRequest), Failure> {
        let address = Address::parse(url).ok_or_else(|| no_address(url))?;
        if address.query.is_some() {
            let detail = format!("`{}` has a query, which no address of git has", without_login(url));
            return Err(Failure::Malformed { detail });
        }
        let base =
            format!("{}://{}{}", address.scheme, address.authority, address.path.trim_end_matches('/'));
        let refs =
            Self { base, max_bytes: limits.refs_bytes, attach: Attach::Nothing, dates: None, asked: None };
        let request = refs.advertisement();
        Ok((refs, request))
    }

    /// Asks when refs were made, in place of their listing.
    pub(super) fn start_dates(
        url: &str,
        refs: &BTreeMap<String, String>,
        limits: Limits,
    ) -> Result<(Self, HttpRequest), Failure> {
        let (begun, _) = Self::start(url, Limits { refs_bytes: limits.page_bytes, ..limits })?;
        let begun = Self { dates: Some(refs.clone()), ..begun };
        let request = begun.advertisement();
        Ok((begun, request))
    }

    fn advertisement(&self) -> HttpRequest {
        let url = format!("{}/info/refs?service=git-upload-pack", self.base);
        let request = HttpRequest::get(url, "*/*", self.max_bytes).with("Git-Protocol", "version=2");
        HttpRequest { attach: self.attach, ..request }
    }

    pub(super) fn receive(&mut self, response: &HttpResponse) -> Next {
        // Git asks without a credential first, since its helpers are programs.
        if response.status == 401 && self.attach == Attach::Nothing {
            self.attach = Attach::Required;
            return Next::Send(self.advertisement());
        }
        if let Some(failure) = status_failure(response) {
            return Next::failed(failure);
        }
        if let Some(format) = &self.asked {
            return Next::Done(match &self.dates {
                Some(refs) => dated(&response.body, refs, format).map(Answer::Dates),
                None => listed(&response.body).map(Answer::Refs),
            });
        }
        // A redirect of the first request holds for the second. Source: git `http.c`, `update_url_from_redirect`.
        let tail = "/info/refs";
        if let Some(base) = response.url.split('?').next().and_then(|url| url.strip_suffix(tail)) {
            self.base = base.to_owned();
        }
        match advertised(&response.body) {
            Err(failure) => Next::failed(match response.body.first() {
                Some(b'<') | None => response.not("a listing of git refs", ""),
                _ => failure,
            }),
            // Servers of v0 alone are not asked for commits: none that matters is left.
            Ok(Advertised::Refs(_)) if self.dates.is_some() => Next::Done(Ok(Answer::Dates(BTreeMap::new()))),
            Ok(Advertised::Refs(refs)) => Next::Done(Ok(Answer::Refs(refs))),
            Ok(Advertised::Version2 { object_format, filters }) => {
                let body = match &self.dates {
                    Some(refs) => fetch_request(&object_format, filters, refs.values()),
                    None => ls_refs_request(&object_format),
                };
                self.asked = Some(object_format);
                let kind = "application/x-git-upload-pack-";
                let request = HttpRequest {
                    method: Method::Post,
                    url: format!("{}/git-upload-pack", self.base),
                    headers: Vec::new(),
                    body,
                    max_body_bytes: self.max_bytes,
                    attach: self.attach,
                };
                Next::Send(
                    request
                        .with("Accept", &format!("{kind}result"))
                        .with("Content-Type", &format!("{kind}request"))
                        .with("Git-Protocol", "version=2"),
                )
            }
        }
    }
}

/// What a server says first.
#[derive(Debug, Clone, PartialEq)]
pub enum Advertised {
    /// It speaks v2, and waits for [`ls_refs_request`].
    Version2 {
        /// `sha1` or `sha256`.
        object_format: String,
        /// Whether [`fetch_request`] may leave trees and files out.
        filters: bool,
    },
    /// It speaks v0 or v1, and this is its listing.
    Refs(Vec<Candidate>),
}

/// Reads what a server says first, over HTTP, ssh or a plain connection.
///
/// # Errors
///
/// [`Failure::Malformed`] for what is no advertisement, and what the server says where it says no.
pub fn advertised(bytes: &[u8]) -> Result<Advertised, Failure> {
    let mut object_format = "sha1".to_owned();
    let mut lines = Vec::new();
    let (mut is_version2, mut filters) = (false, false);
    for (number, packet) in packets(bytes).enumerate() {
        let packet = match packet {
            Err(_) if number == 0 && is_dumb(bytes) => {
                return Err(malformed("the server speaks git's dumb protocol alone, which Flux cannot use"));
            }
            packet => packet?,
        };
        let Packet::Line(line) = packet else { continue };
        if line.starts_with(b"# service=") || line == b"version 1" {
            continue;
        }
        refused(line)?;
        if line == b"version 2" {
            is_version2 = true;
        } else if let Some(format) = line.strip_prefix(b"object-format=").filter(|_| is_version2) {
            object_format = String::from_utf8_lossy(format).into_owned();
        } else if let Some(words) = line.strip_prefix(b"fetch=").filter(|_| is_version2) {
            filters = words.split(|byte| *byte == b' ').any(|word| word == b"filter");
        } else {
            lines.push(line);
        }
    }
    if is_version2 {
        return Ok(Advertised::Version2 { object_format, filters });
    }
    if lines.is_empty() && !bytes.ends_with(b"0000") {
        return Err(malformed("the listing of refs ends in the middle"));
    }
    let mut refs = Listing::default();
    for line in lines {
        // The first has the server's capabilities after a NUL.
        let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
        let (oid, name) = pair(line)?;
        match name.strip_suffix("^{}") {
            Some(tag) => refs.peel(tag, oid),
            None => refs.add(name, oid),
        }
    }
    Ok(Advertised::Refs(refs.candidates()))
}

/// The bytes that ask for branches and tags in protocol v2.
#[must_use]
pub fn ls_refs_request(object_format: &str) -> Vec<u8> {
    let mut out = Vec::new();
    pkt_line::line(&mut out, "command=ls-refs");
    pkt_line::line(&mut out, &format!("agent=flux-upgrade/{}", env!("CARGO_PKG_VERSION")));
    if object_format != "sha1" {
        pkt_line::line(&mut out, &format!("object-format={object_format}"));
    }
    out.extend_from_slice(b"0001");
    for argument in ["peel", "ref-prefix refs/heads/", "ref-prefix refs/tags/"] {
        pkt_line::line(&mut out, argument);
    }
    out.extend_from_slice(b"0000");
    out
}

/// Reads the answer to [`ls_refs_request`]: full names, each with the commit that it names in the end.
///
/// # Errors
///
/// [`Failure::Malformed`].
pub fn listed(bytes: &[u8]) -> Result<Vec<Candidate>, Failure> {
    let mut refs = Listing::default();
    let mut is_whole = false;
    for packet in packets(bytes) {
        match packet? {
            Packet::Flush => is_whole = true,
            Packet::Line(line) => {
                refused(line)?;
                let (oid, rest) = pair(line)?;
                let mut words = rest.split(' ');
                let name = words.next().unwrap_or_default();
                refs.add(name, oid);
                if let Some(commit) = words.find_map(|word| word.strip_prefix("peeled:")) {
                    refs.peel(name, commit);
                }
            }
            Packet::Delimiter | Packet::End => {}
        }
    }
    if !is_whole {
        return Err(malformed("the listing of refs ends in the middle"));
    }
    Ok(refs.candidates())
}

/// Refs by name; a tag's own object gives way to the commit that it points at.
#[derive(Default)]
struct Listing(BTreeMap<String, (String, Option<String>)>);

impl Listing {
    fn add(&mut self, name: &str, oid: &str) {
        if name.starts_with("refs/heads/") || name.starts_with("refs/tags/") {
            self.0.insert(name.to_owned(), (oid.to_owned(), None));
        }
    }

    fn peel(&mut self, name: &str, oid: &str) {
        if let Some((_, peeled)) = self.0.get_mut(name) {
            *peeled = Some(oid.to_owned());
        }
    }

    fn candidates(self) -> Vec<Candidate> {
        let candidate = |(name, (own, peeled)): (String, (String, Option<String>))| match peeled {
            Some(commit) => Candidate { digest: Some(commit), tag_object: Some(own), ..Candidate::new(name) },
            None => Candidate { digest: Some(own), ..Candidate::new(name) },
        };
        self.0.into_iter().map(candidate).collect()
    }
}

/// `ERR …`: what a server says instead of a listing.
pub(super) fn refused(line: &[u8]) -> Result<(), Failure> {
    let Some(why) = line.strip_prefix(b"ERR ") else { return Ok(()) };
    let why: String = String::from_utf8_lossy(why).chars().filter(|c| !c.is_control()).take(200).collect();
    let lower = why.to_ascii_lowercase();
    let missing = ["not found", "does not exist", "not exported", "no such"];
    Err(if missing.iter().any(|text| lower.contains(text)) {
        Failure::NotFound
    } else {
        Failure::Malformed { detail: format!("the server says: {why}") }
    })
}

fn pair(line: &[u8]) -> Result<(&str, &str), Failure> {
    let text = std::str::from_utf8(line).ok().and_then(|line| line.split_once(' '));
    let is_oid = |oid: &str| matches!(oid.len(), 40 | 64) && oid.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.filter(|(oid, _)| is_oid(oid)).ok_or_else(|| malformed("a line of the listing names no commit"))
}

/// Whether it is the file `info/refs` itself.
fn is_dumb(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.get(40).or_else(|| line.get(64)) == Some(&b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::{Ask, Query};
    use crate::wire::{Doors, Exchange};

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn message(lines: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        for line in lines {
            pkt_line::line(&mut out, line);
        }
        out.extend_from_slice(b"0000");
        out
    }

    fn texts(refs: &[Candidate]) -> Vec<(&str, &str)> {
        refs.iter().map(|found| (found.text.as_str(), found.digest.as_deref().unwrap_or("-"))).collect()
    }

    fn asked(url: &str) -> (Exchange, HttpRequest) {
        let query = Query { id: 0, ask: Ask::Refs { url: url.to_owned() }, insecure: false, beside: false };
        match Exchange::start(&query, Limits::default(), &Doors::default()) {
            (exchange, Next::Send(request)) => (exchange, request),
            (_, Next::Done(outcome)) => panic!("{outcome:?}"),
        }
    }

    fn response(url: &str, body: Vec<u8>) -> HttpResponse {
        HttpResponse { body, ..HttpResponse::new(url, 200) }
    }

    #[test]
    fn version_2_lists_in_a_second_request_at_the_redirected_place() {
        let (mut exchange, request) = asked("https://git.example.com/old/app.git/");
        assert_eq!(request.url, "https://git.example.com/old/app.git/info/refs?service=git-upload-pack");
        let mut body = message(&["# service=git-upload-pack"]);
        body.extend(message(&["version 2", "ls-refs=unborn", "fetch=shallow", "object-format=sha1"]));
        let place = "https://git.example.com/new/app/info/refs?service=git-upload-pack";
        let Next::Send(request) = exchange.receive(response(place, body)) else { panic!() };
        assert_eq!(
            (request.method, request.url.as_str()),
            (Method::Post, "https://git.example.com/new/app/git-upload-pack")
        );
        let sent: Vec<_> = packets(&request.body).map(Result::unwrap).collect();
        assert_eq!(sent[0], Packet::Line(b"command=ls-refs"));
        assert_eq!(
            sent[2..],
            [
                Packet::Delimiter,
                Packet::Line(b"peel"),
                Packet::Line(b"ref-prefix refs/heads/"),
                Packet::Line(b"ref-prefix refs/tags/"),
                Packet::Flush,
            ]
        );
        let body = message(&[&format!("{A} refs/heads/main"), &format!("{A} refs/tags/v1 peeled:{B}")]);
        let Next::Done(Ok(Answer::Refs(refs))) = exchange.receive(response(&request.url, body)) else {
            panic!()
        };
        assert_eq!(texts(&refs), [("refs/heads/main", A), ("refs/tags/v1", B)]);
    }

    #[test]
    fn version_0_lists_at_once() {
        let mut body = message(&["# service=git-upload-pack"]);
        body.extend(message(&[
            &format!("{A} HEAD\0multi_ack agent=git/2"),
            &format!("{A} refs/heads/main"),
            &format!("{A} refs/pull/1/head"),
            &format!("{A} refs/tags/v1"),
            &format!("{B} refs/tags/v1^{{}}"),
        ]));
        let (mut exchange, request) = asked("https://git.example.com/app");
        let Next::Done(Ok(Answer::Refs(refs))) = exchange.receive(response(&request.url, body)) else {
            panic!()
        };
        assert_eq!(texts(&refs), [("refs/heads/main", A), ("refs/tags/v1", B)]);
        let empty = [message(&["# service=git-upload-pack"]), b"0000".to_vec()].concat();
        assert_eq!(advertised(&empty), Ok(Advertised::Refs(Vec::new())));
    }

    #[test]
    fn objects_of_sha256_are_asked_for_by_their_name() {
        let Ok(Advertised::Version2 { object_format, .. }) =
            advertised(&message(&["version 2", "ls-refs", "object-format=sha256"]))
        else {
            panic!()
        };
        let sent = ls_refs_request(&object_format);
        assert!(packets(&sent).any(|packet| packet == Ok(Packet::Line(b"object-format=sha256"))));
        let long = "c".repeat(64);
        let refs = listed(&message(&[&format!("{long} refs/tags/v1")])).unwrap();
        assert_eq!(texts(&refs), [("refs/tags/v1", long.as_str())]);
    }

    #[test]
    fn a_credential_is_asked_for_once() {
        let (mut exchange, request) = asked("https://git.example.com/app");
        assert_eq!(request.attach, Attach::Nothing);
        let Next::Send(again) = exchange.receive(HttpResponse::new(&request.url, 401)) else { panic!() };
        assert_eq!((again.attach, &again.url), (Attach::Required, &request.url));
        let end = exchange.receive(HttpResponse::new(&request.url, 401));
        assert_eq!(end, Next::Done(Err(Failure::Unauthorized)));
    }

    #[test]
    fn what_is_no_listing() {
        let detail = |bytes: &[u8]| match advertised(bytes).and_then(|_| listed(bytes)) {
            Err(failure) => failure.to_string(),
            Ok(refs) => panic!("{refs:?}"),
        };
        let cases: &[(&[u8], &str)] = &[
            (b"", "the answer cannot be read: the listing of refs ends in the middle"),
            (b"<html>", "the answer cannot be read: the listing of refs is not in git's packet format"),
            (b"0100abc", "the answer cannot be read: the listing of refs ends in the middle"),
            (b"0009hello0000", "the answer cannot be read: a line of the listing names no commit"),
            (b"0016ERR access denied\n", "the answer cannot be read: the server says: access denied"),
            (b"001dERR Repository not found\n", "not found: it does not exist, or it is private"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(detail(bytes), *expected, "{:?}", String::from_utf8_lossy(bytes));
        }
        let dumb = format!("{A}\trefs/heads/main\n");
        assert!(detail(dumb.as_bytes()).contains("dumb protocol"));
        let cut = message(&[&format!("{A} refs/tags/v1")]);
        assert!(listed(&cut[..cut.len() - 4]).is_err());
    }
}
