//! Digests and dates of one tag.
//!
//! Source: OCI distribution specification, "Pulling manifests"; image specification, `annotations.md` and `config.md`.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::door::Door;
use super::{HttpRequest, HttpResponse, Limits, Method, Next, Talk, status_failure};
use crate::plan::Failure;
use crate::resolve::{Answer, select};
use crate::time::Timestamp;

const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// The annotation that says when something was made.
const CREATED: &str = "org.opencontainers.image.created";

/// The configuration of a Helm chart, which holds its metadata and no date.
const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";

/// The digest that a tag names: by `HEAD`, and where that does not tell, by hashing the manifest.
#[derive(Debug, Clone)]
pub(super) struct Digest {
    request: HttpRequest,
}

impl Digest {
    pub(super) fn start(door: &Door, limits: Limits, tag: &str) -> (Talk, HttpRequest) {
        let request = HttpRequest::get(door.url(&format!("manifests/{tag}")), ACCEPT, limits.page_bytes);
        let request = HttpRequest { method: Method::Head, ..request };
        (Talk::Digest(Self { request: request.clone() }), request)
    }

    pub(super) fn receive(&mut self, response: &HttpResponse) -> Next {
        let is_head = self.request.method == Method::Head;
        if is_head && matches!(response.status, 400 | 405 | 501) {
            return self.whole();
        }
        if let Some(failure) = status_failure(response) {
            return Next::failed(failure);
        }
        match response.header("Docker-Content-Digest").filter(|digest| select::is_digest(digest)) {
            Some(digest) if is_head => Next::Done(Ok(Answer::Digest(digest.to_owned()))),
            None if is_head => self.whole(),
            _ => {
                let sum = Sha256::digest(&response.body);
                let hex: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
                Next::Done(Ok(Answer::Digest(format!("sha256:{hex}"))))
            }
        }
    }

    fn whole(&mut self) -> Next {
        self.request.method = Method::Get;
        Next::Send(self.request.clone())
    }
}

/// When a tag was published: by annotation, else by the image's configuration.
#[derive(Debug, Clone)]
pub(super) struct Created {
    /// The address of the repository.
    base: String,
    limits: Limits,
    /// How many manifests were read: an index leads to another.
    depth: usize,
    is_config: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
    #[serde(default)]
    config: Option<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    created: Option<String>,
}

impl Created {
    pub(super) fn start(door: &Door, limits: Limits, tag: &str) -> (Talk, HttpRequest) {
        let created = Self { base: door.url(""), limits, depth: 0, is_config: false };
        let request = created.request(&format!("manifests/{tag}"), ACCEPT);
        (Talk::Created(created), request)
    }

    fn request(&self, rest: &str, accept: &str) -> HttpRequest {
        HttpRequest::get(format!("{}{rest}", self.base), accept, self.limits.page_bytes)
    }

    pub(super) fn receive(&mut self, response: &HttpResponse) -> Next {
        if let Some(failure) = status_failure(response) {
            return Next::failed(failure);
        }
        if self.is_config {
            let config: Option<Config> = serde_json::from_slice(&response.body).ok();
            return done(config.and_then(|config| believed(config.created.as_deref()?)));
        }
        match self.read(response) {
            Ok(next) => next,
            Err(failure) => Next::failed(failure),
        }
    }

    fn read(&mut self, response: &HttpResponse) -> Result<Next, Failure> {
        let manifest: Manifest = response.json("a manifest")?;
        if let Some(created) = annotated(manifest.annotations.as_ref()) {
            return Ok(done(Some(created)));
        }
        if let Some(list) = manifest.manifests {
            let is_image =
                |found: &&Descriptor| found.platform.as_ref().is_none_or(|platform| platform.os != "unknown");
            let is_usual = |found: &&Descriptor| {
                found
                    .platform
                    .as_ref()
                    .is_some_and(|platform| platform.os == "linux" && platform.architecture == "amd64")
            };
            let found = list.iter().find(is_usual).or_else(|| list.iter().find(is_image));
            let Some(found) = found.filter(|_| self.depth < 2) else { return Ok(done(None)) };
            if let Some(created) = annotated(found.annotations.as_ref()) {
                return Ok(done(Some(created)));
            }
            return self.follow(found, "manifests");
        }
        match manifest.config {
            Some(config) if config.media_type != HELM_CONFIG => self.follow(&config, "blobs"),
            _ => Ok(done(None)),
        }
    }

    fn follow(&mut self, found: &Descriptor, kind: &str) -> Result<Next, Failure> {
        if !select::is_digest(&found.digest) {
            return Err(Failure::Malformed { detail: format!("`{}` is no digest", found.digest) });
        }
        self.depth += 1;
        self.is_config = kind == "blobs";
        let accept = if self.is_config { "*/*" } else { ACCEPT };
        Ok(Next::Send(self.request(&format!("{kind}/{}", found.digest), accept)))
    }
}

fn done(created: Option<Timestamp>) -> Next {
    Next::Done(Ok(Answer::Created(created)))
}

fn annotated(annotations: Option<&BTreeMap<String, String>>) -> Option<Timestamp> {
    believed(annotations?.get(CREATED)?)
}

fn believed(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).ok().filter(|time| time.is_believed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::{Ask, Outcome, Query};
    use crate::wire::{Doors, Exchange};

    const HEX: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    /// The outcome, and the requests in short.
    fn run(ask: Ask, serve: &[(u16, &str, &str)]) -> (Outcome, Vec<String>) {
        let query = Query { id: 0, ask, insecure: false, beside: false };
        let (mut exchange, mut next) = Exchange::start(&query, Limits::default(), &Doors::default());
        let mut requests = Vec::new();
        loop {
            match next {
                Next::Done(outcome) => return (outcome, requests),
                Next::Send(request) => {
                    let path = request.url.strip_prefix("https://r.example.com/v2/app/").unwrap();
                    let (status, digest, body) = serve[requests.len()];
                    requests.push(format!("{} {}", request.method.name(), path.replace(HEX, "…")));
                    let digest = Some(digest).filter(|digest| !digest.is_empty());
                    next = exchange.receive(HttpResponse {
                        headers: digest
                            .map(|digest| ("docker-content-digest".to_owned(), digest.to_owned()))
                            .into_iter()
                            .collect(),
                        body: body.replace("HEX", HEX).into_bytes(),
                        ..HttpResponse::new(&request.url, status)
                    });
                }
            }
        }
    }

    fn digest_of() -> Ask {
        Ask::Digest { repository: "r.example.com/app".to_owned(), tag: "1.0.0".to_owned() }
    }

    fn created_of() -> Ask {
        Ask::Created { repository: "r.example.com/app".to_owned(), tag: "1.0.0".to_owned() }
    }

    #[test]
    fn a_digest_comes_from_the_header_or_from_the_bytes() {
        let digest = format!("sha256:{HEX}");
        assert_eq!(
            run(digest_of(), &[(200, &digest, "")]),
            (Ok(Answer::Digest(digest.clone())), vec!["HEAD manifests/1.0.0".to_owned()])
        );
        for (status, header) in [(200, ""), (200, "sha256:none"), (405, "")] {
            let (outcome, requests) = run(digest_of(), &[(status, header, ""), (200, "sha256:lies", "{}")]);
            assert_eq!(outcome, Ok(Answer::Digest(digest.clone())));
            assert_eq!(requests, ["HEAD manifests/1.0.0", "GET manifests/1.0.0"]);
        }
        assert_eq!(run(digest_of(), &[(404, "", "")]).0, Err(Failure::NotFound));
    }

    #[test]
    fn a_date_comes_from_an_annotation_or_from_the_configuration() {
        let date = |text: &str| Ok(Answer::Created(Timestamp::parse(text).ok()));
        let annotated = r#"{"annotations": {"org.opencontainers.image.created": "2026-01-02T03:04:05Z"}}"#;
        assert_eq!(run(created_of(), &[(200, "", annotated)]).0, date("2026-01-02T03:04:05Z"));

        let index = r#"{"manifests": [{"digest": "sha256:bad", "platform": {"os": "unknown", "architecture": "unknown"}},
            {"digest": "sha256:HEX", "platform": {"os": "linux", "architecture": "amd64"}}]}"#;
        let image = r#"{"config": {"digest": "sha256:HEX", "mediaType": "application/vnd.oci.image.config.v1+json"}}"#;
        let (outcome, requests) = run(
            created_of(),
            &[(200, "", index), (200, "", image), (200, "", r#"{"created": "2026-01-02T00:00:00Z"}"#)],
        );
        assert_eq!(outcome, date("2026-01-02"));
        assert_eq!(requests, ["GET manifests/1.0.0", "GET manifests/sha256:…", "GET blobs/sha256:…"]);

        for unbelieved in [r#"{"created": "1970-01-01T00:00:00Z"}"#, "{}", "no JSON", r#"{"created": null}"#]
        {
            let (outcome, _) = run(created_of(), &[(200, "", image), (200, "", unbelieved)]);
            assert_eq!(outcome, Ok(Answer::Created(None)), "{unbelieved}");
        }
        let chart = format!(r#"{{"config": {{"digest": "sha256:HEX", "mediaType": "{HELM_CONFIG}"}}}}"#);
        assert_eq!(run(created_of(), &[(200, "", &chart)]).0, Ok(Answer::Created(None)));
        assert_eq!(run(created_of(), &[(200, "", "{}")]).0, Ok(Answer::Created(None)));
        assert!(matches!(run(created_of(), &[(200, "", "<html>")]).0, Err(Failure::Malformed { .. })));
        let round = r#"{"manifests": [{"digest": "sha256:HEX"}]}"#;
        assert_eq!(run(created_of(), &[(200, "", round); 3]).0, Ok(Answer::Created(None)));
    }
}
