//! Tags of an OCI repository.
//!
//! Source: OCI distribution specification, "Listing Tags"; go-containerregistry asks for a thousand at a time, as Flux does.
//! Registries may give fewer with a link to more, so nothing but a missing link ends a listing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::door::Door;
use super::{Address, HttpRequest, HttpResponse, Limits, Next, Talk, resolve, status_failure};
use crate::plan::Failure;
use crate::resolve::{Answer, Candidate, select};
use crate::time::Timestamp;

/// A listing, page by page.
#[derive(Debug, Clone)]
pub(super) struct Tags {
    limits: Limits,
    /// The address of the page that is on its way.
    page: String,
    seen: BTreeSet<String>,
    names: BTreeSet<String>,
    tags: Vec<Candidate>,
    facts: BTreeMap<String, (String, Option<Timestamp>)>,
    /// Of all pages so far.
    bytes: u64,
}

/// Whether a text is a tag: nothing else can be pulled, and nothing else is put into an address.
///
/// Source: OCI distribution specification, "Pulling manifests".
pub(super) fn is_tag(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    text.len() <= 128 && text.bytes().all(fits) && !text.is_empty() && !text.starts_with(['.', '-'])
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    tags: Option<Vec<String>>,
    /// Google's registries add what they know of each manifest.
    #[serde(default)]
    manifest: Option<BTreeMap<String, Manifest>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    time_uploaded_ms: Option<String>,
    #[serde(default)]
    tag: Vec<String>,
}

impl Tags {
    pub(super) fn start(door: &Door, limits: Limits) -> (Talk, HttpRequest) {
        let tags = Self {
            limits,
            page: door.url("tags/list?n=1000"),
            seen: BTreeSet::new(),
            names: BTreeSet::new(),
            tags: Vec::new(),
            facts: BTreeMap::new(),
            bytes: 0,
        };
        let request = tags.request();
        (Talk::Tags(tags), request)
    }

    fn request(&self) -> HttpRequest {
        HttpRequest::get(self.page.clone(), "application/json", self.limits.page_bytes)
    }

    pub(super) fn receive(&mut self, response: &HttpResponse) -> Next {
        match self.read(response) {
            Err(failure) => Next::failed(failure),
            Ok(Some(request)) => Next::Send(request),
            Ok(None) => {
                for tag in &mut self.tags {
                    if let Some((digest, created)) = self.facts.get(&tag.text) {
                        tag.digest = Some(digest.clone());
                        tag.created = *created;
                    }
                }
                Next::Done(Ok(Answer::Tags(std::mem::take(&mut self.tags))))
            }
        }
    }

    fn read(&mut self, response: &HttpResponse) -> Result<Option<HttpRequest>, Failure> {
        if let Some(failure) = status_failure(response) {
            return Err(failure);
        }
        self.bytes += response.body.len() as u64;
        if self.bytes > self.limits.refs_bytes {
            return Err(Failure::TooLarge { limit_bytes: self.limits.refs_bytes });
        }
        let page: Page = response.json("a list of tags")?;
        for tag in page.tags.into_iter().flatten().filter(|tag| is_tag(tag)) {
            if self.names.insert(tag.clone()) {
                self.tags.push(Candidate::new(tag));
            }
        }
        if self.tags.len() > self.limits.tags {
            return Err(Failure::Malformed { detail: format!("more than {} tags", self.limits.tags) });
        }
        let facts = page.manifest.into_iter().flatten();
        for (digest, manifest) in facts.filter(|(digest, _)| select::is_digest(digest)) {
            let created = manifest.time_uploaded_ms.and_then(|text| text.parse::<i64>().ok());
            let created = created.map(|milliseconds| Timestamp::from_seconds(milliseconds / 1000));
            let created = created.filter(|time| time.is_believed());
            for tag in manifest.tag {
                self.facts.insert(tag, (digest.clone(), created));
            }
        }
        self.seen.insert(self.page.clone());
        let Some(link) = response.headers_of("Link").find_map(next_link) else { return Ok(None) };
        let next = resolve(&self.page, link);
        // The scheme is the door's business: behind a proxy that ends TLS, links often say `http`.
        let is_same = match (Address::parse(&self.page), Address::parse(&next)) {
            (Some(here), Some(there)) => {
                here.authority.eq_ignore_ascii_case(there.authority) && there.user.is_none()
            }
            _ => false,
        };
        if !is_same {
            let host = Address::parse(&next).map_or("no host", |address| address.authority);
            return Err(Failure::Malformed {
                detail: format!("the next page of tags is at {host}, another host"),
            });
        }
        if self.seen.len() >= self.limits.pages {
            let detail = format!("more than {} pages of tags", self.limits.pages);
            return Err(Failure::Malformed { detail });
        }
        if self.seen.contains(&next) {
            return Err(Failure::Malformed { detail: "the pages of tags go round in a circle".to_owned() });
        }
        self.page = next;
        Ok(Some(self.request()))
    }
}

/// The target of `<…>; rel="next"`. Source: RFC 8288, 3.
fn next_link(header: &str) -> Option<&str> {
    header.split(',').find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            name.trim().eq_ignore_ascii_case("rel")
                && value.trim().trim_matches('"').split(' ').any(|word| word.eq_ignore_ascii_case("next"))
        });
        is_next.then_some(target)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::{Ask, Query};
    use crate::wire::{Doors, Exchange};

    /// Answers each request by `serve`, and gives what comes of it with the number of requests.
    fn run(
        limits: Limits,
        serve: impl Fn(usize, &HttpRequest) -> HttpResponse,
    ) -> (Result<Vec<Candidate>, String>, usize) {
        let ask = Ask::Tags { repository: "r.example.com/app".to_owned() };
        let (mut exchange, mut next) =
            Exchange::start(&Query { id: 0, ask, insecure: false, beside: false }, limits, &Doors::default());
        for number in 0.. {
            match next {
                Next::Send(request) => next = exchange.receive(serve(number, &request)),
                Next::Done(Ok(Answer::Tags(tags))) => return (Ok(tags), number),
                Next::Done(outcome) => return (Err(outcome.unwrap_err().to_string()), number),
            }
        }
        unreachable!()
    }

    fn page(request: &HttpRequest, tags: &str, link: Option<&str>) -> HttpResponse {
        HttpResponse {
            body: format!(r#"{{"name": "app", "tags": {tags}}}"#).into_bytes(),
            headers: link
                .map(|link| ("link".to_owned(), format!("<{link}>; rel=\"next\"")))
                .into_iter()
                .collect(),
            ..HttpResponse::new(&request.url, 200)
        }
    }

    fn texts(tags: &[Candidate]) -> Vec<&str> {
        tags.iter().map(|tag| tag.text.as_str()).collect()
    }

    #[test]
    fn pages_are_read_to_the_last() {
        let (tags, requests) = run(Limits::default(), |number, request| match number {
            0 => page(request, r#"["b", "a"]"#, Some("/v2/app/tags/list?last=a&n=2")),
            1 => {
                assert_eq!(request.url, "https://r.example.com/v2/app/tags/list?last=a&n=2");
                page(request, "[]", Some("http://r.example.com/v2/app/tags/list?last=x"))
            }
            _ => {
                assert_eq!(request.url, "https://r.example.com/v2/app/tags/list?last=x");
                page(request, r#"["a", "c"]"#, None)
            }
        });
        assert_eq!((texts(&tags.unwrap()), requests), (vec!["b", "a", "c"], 3));
    }

    #[test]
    fn what_registries_do_that_they_should_not() {
        let limits = Limits { pages: 3, tags: 5, ..Limits::default() };
        let why = |serve: &dyn Fn(usize, &HttpRequest) -> HttpResponse| run(limits, serve).0.unwrap_err();
        let cannot = "the answer cannot be read: ";
        assert_eq!(
            why(&|number, request| page(request, "[]", Some(&format!("?last={number}")))),
            format!("{cannot}more than 3 pages of tags")
        );
        assert_eq!(
            why(&|_, request| page(request, "[]", Some("?last=1"))),
            format!("{cannot}the pages of tags go round in a circle")
        );
        assert_eq!(
            why(&|_, request| page(request, "[]", Some("https://evil.example.com/x"))),
            format!("{cannot}the next page of tags is at evil.example.com, another host")
        );
        assert_eq!(
            why(&|_, request| page(request, "[]", Some("https://me@r.example.com/x"))),
            format!("{cannot}the next page of tags is at r.example.com, another host")
        );
        assert_eq!(
            why(&|_, request| page(request, r#"["1","2","3","4","5","6"]"#, None)),
            format!("{cannot}more than 5 tags")
        );
        assert_eq!(
            why(&|_, request| page(request, "7", None)),
            format!(
                "{cannot}it is not a list of tags: invalid type: integer `7`, expected a sequence at line 1 column 25"
            )
        );
        let html = |_: usize, request: &HttpRequest| HttpResponse {
            body: b"\n<!doctype html>".to_vec(),
            ..HttpResponse::new(&request.url, 200)
        };
        assert_eq!(why(&html), format!("{cannot}an HTML page where a list of tags is wanted"));
        for (status, expected) in [
            (403, "credentials are missing or refused: log in to it, or correct the name"),
            (404, "not found: it does not exist, or it is private"),
            (500, "unreachable: the server answers 500"),
            (418, "the answer cannot be read: the server answers 418"),
        ] {
            assert_eq!(why(&|_, request| HttpResponse::new(&request.url, status)), expected);
        }
    }

    /// What cannot be a tag is none: it could not be pulled, and has no end.
    #[test]
    fn what_is_no_tag() {
        let names = [
            "1.0.0",
            "_a",
            "",
            ".1",
            "-1",
            "1.0.0\u{1b}[31m",
            "1.0.0\nfoo: bar",
            "1+2",
            "a/b",
            &"7".repeat(128),
            &"7".repeat(129),
        ];
        let (tags, _) =
            run(Limits::default(), |_, request| page(request, &serde_json::to_string(&names).unwrap(), None));
        assert_eq!(texts(&tags.unwrap()), ["1.0.0", "_a", &"7".repeat(128)]);
        for ask in [
            Ask::Digest {
                repository: "r.example.com/app".to_owned(),
                tag: "../../other/manifests/1".to_owned(),
            },
            Ask::Created { repository: "r.example.com/app".to_owned(), tag: "1?x".to_owned() },
        ] {
            let query = Query { id: 0, ask, insecure: false, beside: false };
            let (_, next) = Exchange::start(&query, Limits::default(), &Doors::default());
            let Next::Done(Err(failure)) = next else { panic!("{next:?}") };
            assert!(failure.to_string().ends_with("is no tag"), "{failure}");
        }
    }

    /// All pages together have an end, and so has what is told of them.
    #[test]
    fn pages_that_only_cost() {
        let limits = Limits { refs_bytes: 10_000, ..Limits::default() };
        let (tags, requests) = run(limits, |number, request| {
            page(request, &format!("[\"{}\"]", "z".repeat(3000)), Some(&format!("?last={number}")))
        });
        assert_eq!((tags.unwrap_err().as_str(), requests), ("larger than 0 MiB, the limit", 4));
        let (why, _) = run(Limits::default(), |_, request| {
            page(request, &format!("\"{}\"", "A\\u001b[31m".repeat(9_000)), None)
        });
        let why = why.unwrap_err();
        assert!(why.chars().count() < 350 && !why.contains(char::is_control), "{why}");
    }

    #[test]
    fn google_says_digests_and_dates() {
        let (first, second) = ("a".repeat(64), "b".repeat(64));
        let (tags, _) = run(Limits::default(), |_, request| {
            HttpResponse {
            body: format!(
                r#"{{"tags": ["1.0.0", "latest", "old"], "child": [], "manifest": {{
                "sha256:{first}": {{"timeUploadedMs": "1700000000123", "tag": ["1.0.0"], "imageSizeBytes": "7"}},
                "sha256:{second}": {{"timeUploadedMs": "0", "tag": ["old"]}},
                "bad: x": {{"timeUploadedMs": "1700000000123", "tag": ["latest"]}}}}}}"#
            )
            .into_bytes(),
            ..HttpResponse::new(&request.url, 200)
        }
        });
        let tags = tags.unwrap();
        let (first, second) = (format!("sha256:{first}"), format!("sha256:{second}"));
        assert_eq!(
            (tags[0].digest.as_deref(), tags[0].created),
            (Some(first.as_str()), Some(Timestamp::from_seconds(1_700_000_000)))
        );
        assert_eq!((tags[1].digest.as_deref(), tags[1].created), (None, None));
        assert_eq!((tags[2].digest.as_deref(), tags[2].created), (Some(second.as_str()), None));
    }
}
