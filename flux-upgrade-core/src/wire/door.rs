//! The door of an OCI registry: which scheme it speaks, what it challenges with, and the token that opens it.
//!
//! Source: distribution `docs/spec/auth/token.md`, `oauth.md`; go-containerregistry `pkg/v1/remote/transport`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::address::{encode, no_address};
use super::{Address, Attach, HttpRequest, HttpResponse, Limits, status_failure};
use crate::plan::Failure;
use crate::reference::without_login;

/// What a registry wants before it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// A token of its token service.
    Bearer {
        /// Address of the service.
        realm: String,
        /// The name by which the service knows the registry.
        service: String,
    },
    /// User and password with each request.
    Basic,
}

impl Challenge {
    /// Reads `WWW-Authenticate`; a token is preferred where there is a choice.
    ///
    /// # Examples
    ///
    /// ```
    /// use flux_upgrade_core::wire::Challenge;
    /// let header = r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:a/b:pull""#;
    /// let realm = "https://ghcr.io/token".to_owned();
    /// assert_eq!(Challenge::parse([header]), Some(Challenge::Bearer { realm, service: "ghcr.io".to_owned() }));
    /// assert_eq!(Challenge::parse([r#"Basic realm="x""#]), Some(Challenge::Basic));
    /// assert_eq!(Challenge::parse(["Negotiate"]), None);
    /// ```
    pub fn parse<'h>(headers: impl IntoIterator<Item = &'h str>) -> Option<Self> {
        let mut basic = None;
        for header in headers {
            let (scheme, rest) = header.trim().split_once(char::is_whitespace).unwrap_or((header.trim(), ""));
            if scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Self::Basic);
            }
            let at = if scheme.eq_ignore_ascii_case("bearer") { Some(rest) } else { after_bearer(rest) };
            let Some(parameters) = at.map(parameters) else { continue };
            if let Some(realm) = parameters.get("realm") {
                let service = parameters.get("service").cloned().unwrap_or_default();
                return Some(Self::Bearer { realm: realm.clone(), service });
            }
        }
        basic
    }
}

/// The parameters of a `Bearer` challenge that follows another one in the same header.
fn after_bearer(text: &str) -> Option<&str> {
    let at = text.to_ascii_lowercase().find("bearer ")?;
    text.get(at + "bearer ".len()..)
}

/// `key=value` and `key="value"`, by key in lower case.
fn parameters(text: &str) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut rest = text;
    while let Some((key, tail)) = rest.split_once('=') {
        let key = key.trim_matches(|c: char| c == ',' || c.is_whitespace()).to_ascii_lowercase();
        let mut value = String::new();
        if let Some(quoted) = tail.trim_start().strip_prefix('"') {
            let mut characters = quoted.char_indices();
            rest = "";
            while let Some((at, c)) = characters.next() {
                match c {
                    '"' => {
                        rest = &quoted[at + 1..];
                        break;
                    }
                    '\\' => value.extend(characters.next().map(|(_, c)| c)),
                    c => value.push(c),
                }
            }
        } else {
            let end = tail.find([',', ' ']).unwrap_or(tail.len());
            value.push_str(&tail[..end]);
            rest = &tail[end..];
        }
        out.entry(key).or_insert(value);
    }
    out
}

/// What exchanges have learned of registries: hand it to the next one.
#[derive(Clone, Default)]
pub struct Doors {
    schemes: BTreeMap<String, &'static str>,
    challenges: BTreeMap<String, Challenge>,
    tokens: BTreeMap<String, String>,
}

impl Doors {
    /// Whether a registry, given as `host[:port]`, has answered over plain HTTP.
    #[must_use]
    pub fn is_plain(&self, registry: &str) -> bool {
        self.schemes.get(registry) == Some(&"http")
    }
}

/// Names of registries, no token.
impl std::fmt::Debug for Doors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doors").field("challenges", &self.challenges).finish_non_exhaustive()
    }
}

/// The way to one repository of one registry.
#[derive(Debug, Clone)]
pub(super) struct Door {
    /// Host and port of the registry's API.
    registry: String,
    path: String,
    scheme: &'static str,
    may_be_plain: bool,
    limit: u64,
    challenge: Option<Challenge>,
    token: Option<String>,
    /// The request that is on its way, or waits for a token.
    pending: Option<HttpRequest>,
    is_asking: bool,
    /// Whether the token, or the credential, was had in this exchange.
    is_fresh: bool,
    has_answered: bool,
}

/// What becomes of a response.
pub(super) enum Passed {
    /// It is the registry's answer.
    Through,
    Send(HttpRequest),
    Failed(Failure),
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
}

impl Door {
    pub(super) fn new(repository: &str, scheme: &str, limits: Limits) -> Result<Self, Failure> {
        let (host, path) = repository.split_once('/').unwrap_or((repository, ""));
        let registry = if host == "docker.io" { "registry-1.docker.io" } else { host };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
        let is_name = !path.is_empty()
            && path.bytes().all(fits)
            && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !is_name
            || Address::parse(&format!("https://{registry}/")).is_none_or(|found| found.user.is_some())
        {
            let detail = format!("`{}` is no name of a repository", without_login(repository));
            return Err(Failure::Malformed { detail });
        }
        Ok(Self {
            registry: registry.to_owned(),
            path: path.to_owned(),
            scheme: "https",
            may_be_plain: scheme == "http" || is_implied(registry),
            limit: limits.page_bytes,
            challenge: None,
            token: None,
            pending: None,
            is_asking: false,
            is_fresh: false,
            has_answered: false,
        })
    }

    /// The address of something of the repository.
    pub(super) fn url(&self, rest: &str) -> String {
        format!("{}://{}/v2/{}/{rest}", self.scheme, self.registry, self.path)
    }

    fn key(&self) -> String {
        format!("{}/{}", self.registry, self.path)
    }

    /// The first request of the exchange: `request`, or what must be asked before it.
    pub(super) fn begin(&mut self, request: HttpRequest, doors: &Doors) -> HttpRequest {
        if let Some(scheme) = doors.schemes.get(&self.registry).filter(|_| self.may_be_plain) {
            self.scheme = scheme;
            self.has_answered = true;
        }
        self.challenge = doors.challenges.get(&self.registry).cloned();
        self.token = doors.tokens.get(&self.key()).cloned();
        match (&self.challenge, &self.token) {
            (Some(Challenge::Bearer { .. }), None) => {
                let plain = self.dress(request.clone());
                self.pending = Some(request);
                self.ask_for_token().unwrap_or(plain)
            }
            _ => self.dress(request),
        }
    }

    fn in_scheme(&self, request: HttpRequest) -> HttpRequest {
        let url = match request.url.split_once("://") {
            Some((_, rest)) => format!("{}://{rest}", self.scheme),
            None => request.url.clone(),
        };
        HttpRequest { url, ..request }
    }

    /// A request to the registry with what opens the door.
    pub(super) fn dress(&mut self, request: HttpRequest) -> HttpRequest {
        let request = self.in_scheme(request);
        self.pending = Some(request.clone());
        match (&self.challenge, &self.token) {
            (Some(Challenge::Basic), _) => HttpRequest { attach: Attach::Required, ..request },
            (_, Some(token)) => request.with("Authorization", &format!("Bearer {token}")),
            (_, None) => request,
        }
    }

    pub(super) fn falls_back(&self) -> bool {
        self.may_be_plain && !self.has_answered && self.scheme == "https"
    }

    /// The request over plain HTTP, where the registry may speak it and https gave nothing.
    pub(super) fn plain(&mut self) -> Option<HttpRequest> {
        if !self.falls_back() {
            return None;
        }
        self.scheme = "http";
        let request = self.pending.take()?;
        Some(self.dress(request))
    }

    pub(super) fn receive(&mut self, response: &HttpResponse) -> Passed {
        if self.is_asking {
            return self.receive_token(response);
        }
        self.has_answered = true;
        if response.status != 401 {
            return Passed::Through;
        }
        if self.is_fresh {
            return Passed::Failed(Failure::Unauthorized);
        }
        let Some(challenge) = Challenge::parse(response.headers_of("WWW-Authenticate")) else {
            return Passed::Failed(Failure::Unauthorized);
        };
        self.token = None;
        self.challenge = Some(challenge);
        if self.challenge == Some(Challenge::Basic) {
            self.is_fresh = true;
            return match self.pending.take() {
                Some(request) => Passed::Send(self.dress(request)),
                None => Passed::Failed(Failure::Unauthorized),
            };
        }
        match self.ask_for_token() {
            Ok(request) => Passed::Send(request),
            Err(failure) => Passed::Failed(failure),
        }
    }

    /// The request for a token to read this repository.
    fn ask_for_token(&mut self) -> Result<HttpRequest, Failure> {
        let Some(Challenge::Bearer { realm, service }) = &self.challenge else {
            return Err(Failure::Unauthorized);
        };
        let address = Address::parse(realm).filter(|address| address.user.is_none());
        let address = address.ok_or_else(|| no_address(realm))?;
        if address.is_plain() && self.scheme != "http" {
            let detail = format!("its token service `{}` is not https", address.authority);
            return Err(Failure::Malformed { detail });
        }
        let mark = if address.query.is_some() { '&' } else { '?' };
        let mut url = format!("{realm}{mark}");
        if !service.is_empty() {
            url.push_str(&format!("service={}&", encode(service)));
        }
        url.push_str(&format!("scope={}", encode(&format!("repository:{}:pull", self.path))));
        self.is_asking = true;
        let request = HttpRequest::get(url, "application/json", self.limit);
        let is_kin = are_kin(host_name(&self.registry), host_name(address.authority));
        Ok(HttpRequest { attach: if is_kin { Attach::TokenService } else { Attach::Nothing }, ..request })
    }

    fn receive_token(&mut self, response: &HttpResponse) -> Passed {
        self.is_asking = false;
        self.is_fresh = true;
        match status_failure(response) {
            None => {}
            // A token service that denies does so for names that do not exist, too.
            Some(Failure::NotFound) => return Passed::Failed(Failure::Unauthorized),
            Some(Failure::Malformed { .. }) if response.status == 400 => {
                return Passed::Failed(Failure::Unauthorized);
            }
            Some(failure) => return Passed::Failed(failure),
        }
        let answer: TokenAnswer = match response.json("a token") {
            Ok(answer) => answer,
            Err(failure) => return Passed::Failed(failure),
        };
        let is_token =
            |token: &String| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        let token = [answer.token, answer.access_token].into_iter().flatten().find(is_token);
        let Some(token) = token else { return Passed::Failed(response.not("a token", "it has no `token`")) };
        self.token = Some(token);
        match self.pending.take() {
            Some(request) => Passed::Send(self.dress(request)),
            None => Passed::Failed(Failure::Unauthorized),
        }
    }

    pub(super) fn teach(&self, doors: &mut Doors) {
        if self.has_answered {
            doors.schemes.insert(self.registry.clone(), self.scheme);
        }
        if let Some(challenge) = &self.challenge {
            doors.challenges.insert(self.registry.clone(), challenge.clone());
        }
        if let Some(token) = &self.token {
            doors.tokens.insert(self.key(), token.clone());
        }
    }
}

/// Whether plain HTTP is tried though nothing marks the registry as insecure.
///
/// Source: go-containerregistry `pkg/name/registry.go`, `Scheme`: hosts of this machine, `.local`, private addresses.
fn is_implied(registry: &str) -> bool {
    let host = host_name(registry);
    if let Ok(ip) = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>() {
        return match ip {
            std::net::IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
            std::net::IpAddr::V6(ip) => ip.is_loopback(),
        };
    }
    host == "localhost" || host.ends_with(".localhost") || host.ends_with(".local")
}

fn host_name(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, _)) if !authority.ends_with(']') => host,
        _ => authority,
    }
}

/// Whether two hosts belong to one owner, as far as their names tell: `registry-1.docker.io` and `auth.docker.io`.
///
/// A credential goes to a token service of the registry's kin alone; others are asked without.
fn are_kin(registry: &str, service: &str) -> bool {
    let (registry, service) = (registry.to_ascii_lowercase(), service.to_ascii_lowercase());
    let domain = |host: &str| -> Option<String> {
        let labels: Vec<&str> = host.split('.').collect();
        let is_name = host.bytes().any(|byte| byte.is_ascii_alphabetic()) && !host.contains([':', '[']);
        let [.., second, top] = labels.as_slice() else { return None };
        // Below `co.uk` and its like owners begin one label further down.
        let length = if top.len() == 2 && second.len() <= 3 { 3 } else { 2 };
        (is_name && labels.len() >= length).then(|| labels[labels.len() - length..].join("."))
    };
    registry == service || domain(&registry).is_some_and(|found| Some(found) == domain(&service))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::{Answer, Ask, Query};
    use crate::wire::{Exchange, Next};

    const BEARER: &str =
        r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:a/b:pull""#;

    fn start(repository: &str, insecure: bool, doors: &Doors) -> (Exchange, HttpRequest) {
        let query =
            Query { id: 0, ask: Ask::Tags { repository: repository.to_owned() }, insecure, beside: false };
        match Exchange::start(&query, Limits::default(), doors) {
            (exchange, Next::Send(request)) => (exchange, request),
            (_, Next::Done(outcome)) => panic!("{outcome:?}"),
        }
    }

    fn unauthorized(url: &str, challenge: &str) -> HttpResponse {
        HttpResponse {
            headers: vec![("www-authenticate".to_owned(), challenge.to_owned())],
            ..HttpResponse::new(url, 401)
        }
    }

    fn body(url: &str, text: &str) -> HttpResponse {
        HttpResponse { body: text.as_bytes().to_vec(), ..HttpResponse::new(url, 200) }
    }

    fn sent(next: Next) -> HttpRequest {
        match next {
            Next::Send(request) => request,
            Next::Done(outcome) => panic!("{outcome:?}"),
        }
    }

    #[test]
    fn a_token_is_had_once_for_a_repository() {
        let mut doors = Doors::default();
        let (mut exchange, request) = start("ghcr.io/a/b", false, &doors);
        let token = sent(exchange.receive(unauthorized(&request.url, BEARER)));
        assert_eq!(token.url, "https://ghcr.io/token?service=ghcr.io&scope=repository%3Aa%2Fb%3Apull");
        assert_eq!(token.attach, Attach::TokenService);
        let again = sent(exchange.receive(body(&token.url, r#"{"access_token": "t0"}"#)));
        assert_eq!(again.url, request.url);
        assert_eq!(again.headers.last().unwrap().1, "Bearer t0");
        assert!(!format!("{again:?}").contains("t0"));
        let next = exchange.receive(body(&again.url, r#"{"tags": null}"#));
        assert_eq!(next, Next::Done(Ok(Answer::Tags(Vec::new()))));
        exchange.teach(&mut doors);

        let (_, same) = start("ghcr.io/a/b", false, &doors);
        assert_eq!(same.headers.last().unwrap().1, "Bearer t0");
        // Another repository of a registry that is known begins with its token.
        let (mut other, request) = start("ghcr.io/c", false, &doors);
        assert!(request.url.starts_with("https://ghcr.io/token?"), "{request:?}");
        let tags = sent(other.receive(body(&request.url, r#"{"token": "t1"}"#)));
        assert_eq!(
            (tags.url.as_str(), tags.headers.last().unwrap().1.as_str()),
            ("https://ghcr.io/v2/c/tags/list?n=1000", "Bearer t1")
        );
    }

    #[test]
    fn a_token_that_has_run_out_is_had_again_and_a_fresh_one_is_not() {
        let mut doors = Doors::default();
        doors.tokens.insert("ghcr.io/a/b".to_owned(), "old".to_owned());
        let (mut exchange, request) = start("ghcr.io/a/b", false, &doors);
        let token = sent(exchange.receive(unauthorized(&request.url, BEARER)));
        let again = sent(exchange.receive(body(&token.url, r#"{"token": "new"}"#)));
        let end = exchange.receive(unauthorized(&again.url, BEARER));
        assert_eq!(end, Next::Done(Err(Failure::Unauthorized)));
    }

    #[test]
    fn a_basic_challenge_wants_the_credential_itself() {
        let (mut exchange, request) = start("registry.example.com/a", false, &Doors::default());
        let again = sent(exchange.receive(unauthorized(&request.url, "Basic realm=\"r\"")));
        assert_eq!((again.attach, &again.url), (Attach::Required, &request.url));
        let end = exchange.receive(unauthorized(&again.url, "Basic realm=\"r\""));
        assert_eq!(end, Next::Done(Err(Failure::Unauthorized)));
        assert_eq!(exchange.no_credential(), Err(Failure::Unauthorized));
    }

    #[test]
    fn a_realm_is_kin_and_https() {
        let ask = |repository: &str, insecure, realm: &str| {
            let (mut exchange, request) = start(repository, insecure, &Doors::default());
            exchange.receive(unauthorized(&request.url, &format!("Bearer realm=\"{realm}\"")))
        };
        let attach = |repository: &str, realm: &str| sent(ask(repository, false, realm)).attach;
        assert_eq!(attach("nginx.docker.io/a", "https://auth.docker.io/token"), Attach::TokenService);
        assert_eq!(attach("registry.gitlab.com/a", "https://gitlab.com/jwt/auth"), Attach::TokenService);
        assert_eq!(attach("registry.example.com/a", "https://evil.example.org/"), Attach::Nothing);
        assert_eq!(attach("registry.example.co.uk/a", "https://evil.co.uk/"), Attach::Nothing);
        assert_eq!(attach("203.0.113.9/a", "https://1.0.113.9/"), Attach::Nothing);
        let plain = ask("registry.example.com/a", false, "http://registry.example.com/token");
        let Next::Done(Err(Failure::Malformed { detail })) = plain else { panic!("{plain:?}") };
        assert_eq!(detail, "its token service `registry.example.com` is not https");
        let user = ask("registry.example.com/a", false, "https://me:pw@registry.example.com/token");
        assert!(matches!(user, Next::Done(Err(Failure::Malformed { .. }))), "{user:?}");
    }

    #[test]
    fn plain_http_comes_after_https_and_where_it_is_marked() {
        let unreachable = |repository: &str, insecure: bool| {
            let (mut exchange, request) = start(repository, insecure, &Doors::default());
            assert!(request.url.starts_with("https://"), "{request:?}");
            match exchange.unreachable("refused".to_owned()) {
                Next::Send(request) => request.url,
                Next::Done(outcome) => outcome.unwrap_err().to_string(),
            }
        };
        assert_eq!(
            unreachable("registry.example.com/a", true),
            "http://registry.example.com/v2/a/tags/list?n=1000"
        );
        assert_eq!(unreachable("10.1.2.3:5000/a", false), "http://10.1.2.3:5000/v2/a/tags/list?n=1000");
        assert_eq!(unreachable("registry.local/a", false), "http://registry.local/v2/a/tags/list?n=1000");
        assert_eq!(unreachable("registry.example.com/a", false), "unreachable: refused");
        assert_eq!(unreachable("203.0.113.9/a", false), "unreachable: refused");
    }

    #[test]
    fn names_that_are_none() {
        for repository in [
            "ghcr.io",
            "ghcr.io/",
            "ghcr.io/a/../b",
            "ghcr.io/a b",
            "ghcr.io/a?x",
            "me@ghcr.io/a",
            "ghcr.io:x/a",
        ] {
            assert!(Door::new(repository, "https", Limits::default()).is_err(), "{repository}");
        }
    }

    #[test]
    fn challenges() {
        let realm = |headers: &[&str]| match Challenge::parse(headers.iter().copied()) {
            Some(Challenge::Bearer { realm, service }) => format!("{realm} {service}"),
            other => format!("{other:?}"),
        };
        assert_eq!(
            realm(&[r#"bearer Realm = "https://a/t?x=\"1\"" , service=s, error="e""#]),
            "https://a/t?x=\"1\" s"
        );
        assert_eq!(realm(&["Basic realm=\"x\"", "Bearer realm=\"https://a\""]), "https://a ");
        assert_eq!(realm(&["Basic realm=\"x\", Bearer realm=\"https://a\",service=\"s\""]), "https://a s");
        assert_eq!(realm(&["Bearer"]), "None");
    }
}
