//! The one HTTP client: carries requests of [`wire`](crate::wire), with retries, redirects, time limits and the guard.

mod agents;
mod pace;
mod proxies;
mod trouble;

use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Cancel, Guard, Tls};
use crate::plan::Failure;
use crate::wire::{Address, HttpRequest, HttpResponse, Method, resolve, status_failure};
use agents::Agents;
use pace::{Pace, jittered};
pub use proxies::Proxies;
pub(super) use trouble::Trouble;

/// How requests are carried.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Until a connection stands.
    pub connect_timeout: Duration,
    /// From the start of a request to the end of its response.
    pub request_timeout: Duration,
    /// For all requests together; `None` is without end.
    pub run_timeout: Option<Duration>,
    /// How often a request is sent again after a failure that may pass: no connection, 429, 5xx.
    pub retries: u32,
    /// The longest `Retry-After` that is waited for.
    pub longest_wait: Duration,
    /// Certificates of authorities in PEM form that count beside those of the system.
    pub extra_ca: Vec<String>,
    /// A certificate and its key in PEM form, for servers that ask for one.
    pub client_certificate: Option<(String, super::Secret)>,
    /// Through which proxies; by default those of the environment.
    pub proxies: Proxies,
    /// Redirects of one request.
    pub redirects: usize,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
            run_timeout: None,
            retries: 2,
            longest_wait: Duration::from_secs(30),
            extra_ca: Vec::new(),
            client_certificate: None,
            proxies: Proxies::of_process(),
            redirects: 5,
        }
    }
}

/// What the caller adds to a request on the way to one address: names and values of headers.
pub(super) type Dress<'a> = &'a dyn Fn(&str) -> Vec<(String, String)>;

/// Statuses after which the same request may fare better.
fn is_passing(status: u16) -> bool {
    matches!(status, 429 | 500 | 502 | 503 | 504)
}

/// Whether a response says that the request was not taken, and is welcome later.
fn asks_again(response: &HttpResponse) -> bool {
    response.status == 429 || (response.status == 503 && response.header("Retry-After").is_some())
}

/// Carries requests; safe to use from several threads.
#[derive(Debug)]
pub(super) struct Client {
    options: HttpOptions,
    guard: Arc<Guard>,
    agents: Agents,
    pace: Pace,
    cancel: Cancel,
    deadline: Option<Instant>,
}

impl Client {
    pub(super) fn new(options: HttpOptions, guard: Arc<Guard>, cancel: Cancel) -> Self {
        let deadline = options.run_timeout.map(|time| Instant::now() + time);
        Self {
            agents: Agents::new(&options, Arc::clone(&guard)),
            options,
            guard,
            pace: Pace::default(),
            cancel,
            deadline,
        }
    }

    /// How the next request of a question that began at `since` fails before it is sent: a question may take the time of ten requests.
    pub(super) fn endless(&self, request: &HttpRequest, since: Instant) -> Option<Trouble> {
        let all = self.options.request_timeout.saturating_mul(10);
        if since.elapsed() <= all {
            return None;
        }
        let trouble = trouble::too_slow(all);
        self.pace.endless(&host_of(&request.url), &trouble);
        Some(trouble)
    }

    /// What a request brings back in the end, whatever its status.
    ///
    /// A probe is not sent again when it brings no response, nor a `POST` of that kind when it fails at the server. `dress` gives the headers that prove who asks, for each address on the way; `tls` goes over the usual certificates.
    pub(super) fn send(
        &self,
        request: &HttpRequest,
        dress: Dress<'_>,
        tls: &Tls,
        is_probe: bool,
    ) -> Result<HttpResponse, Trouble> {
        let mut attempt = 0;
        let host = host_of(&request.url);
        let host = host.as_str();
        loop {
            if let Some(given) = self.pace.gave_up(host) {
                return given.map(|said| HttpResponse { url: request.url.clone(), ..said });
            }
            self.wait(self.pace.until(host))?;
            let outcome = self.follow(request, dress, tls);
            let wait = match &outcome {
                // What makes something may have made it before the answer went wrong, unless it says to come again:
                // RFC 9110, section 9.2.2.
                Ok(response)
                    if is_passing(response.status)
                        && (request.method != Method::Post || !is_probe || asks_again(response)) =>
                {
                    let asked = match status_failure(response) {
                        Some(Failure::RateLimited { retry_after_seconds }) => retry_after_seconds,
                        _ => response.header("Retry-After").and_then(|text| text.trim().parse().ok()),
                    };
                    asked.map(Duration::from_secs)
                }
                Ok(_) => {
                    self.pace.answered(host);
                    return outcome;
                }
                Err(Trouble::Passing(_)) => None,
                Err(trouble) => {
                    self.pace.failed(host, trouble);
                    return outcome;
                }
            };
            let wait = wait.unwrap_or_else(|| jittered(attempt));
            let is_late = self.deadline.is_some_and(|deadline| Instant::now() + wait > deadline);
            let is_last = attempt >= self.options.retries || (is_probe && outcome.is_err());
            if is_last || wait > self.options.longest_wait || is_late || !self.pace.may_recover(host) {
                if let Ok(response) = &outcome {
                    self.pace.wore_out(host, response);
                }
                return outcome.map_err(|trouble| {
                    let trouble = trouble.lasting();
                    self.pace.failed(host, &trouble);
                    trouble
                });
            }
            attempt += 1;
            // Others that ask the same host wait as well.
            self.pace.hold(host, Instant::now() + wait);
            self.wait(Some(Instant::now() + wait))?;
        }
    }

    /// Sends a request and follows where it is led.
    fn follow(&self, request: &HttpRequest, dress: Dress<'_>, tls: &Tls) -> Result<HttpResponse, Trouble> {
        let malformed = |detail: String| Trouble::Failed(Failure::Malformed { detail });
        let mut url = request.url.clone();
        let mut seen = vec![url.clone()];
        loop {
            let response = self.once(request, &url, dress, tls)?;
            let is_redirect = matches!(response.status, 301 | 302 | 303 | 307 | 308);
            let Some(location) = response.header("Location").filter(|_| is_redirect) else {
                return Ok(response);
            };
            if !matches!(request.method, Method::Get | Method::Head) {
                let next = resolve(&url, location);
                let next = next.split(['?', '#']).next().unwrap_or_default();
                return Err(malformed(format!(
                    "it has moved to {next}, and a request that changes something is not sent on"
                )));
            }
            let next = resolve(&url, location);
            let (Some(here), Some(there)) = (Address::parse(&url), Address::parse(&next)) else {
                return Err(malformed("it redirects to what is no address of HTTP".to_owned()));
            };
            if there.is_plain() && !here.is_plain() {
                return Err(malformed(format!(
                    "it redirects from https to plain HTTP at {}",
                    there.authority
                )));
            }
            if seen.contains(&next) {
                return Err(malformed("it redirects in a circle".to_owned()));
            }
            if seen.len() > self.options.redirects {
                return Err(malformed(format!("it redirects more than {} times", self.options.redirects)));
            }
            seen.push(next.clone());
            url = next;
        }
    }

    fn once(
        &self,
        request: &HttpRequest,
        url: &str,
        dress: Dress<'_>,
        tls: &Tls,
    ) -> Result<HttpResponse, Trouble> {
        let address = Address::parse(url);
        let address = address
            .ok_or_else(|| Trouble::Failed(Failure::Malformed { detail: "no address of HTTP".to_owned() }))?;
        self.guard.check_name(address.host()).map_err(|refused| trouble::refused(&refused))?;
        let own = Address::parse(&request.url).is_some_and(|first| first.same_server(&address));
        let mut builder =
            ureq::http::Request::builder().method(request.method.name()).uri(without_user(url, &address));
        // A token in the request is for the server that it was made for.
        let kept =
            request.headers.iter().filter(|(name, _)| own || !name.eq_ignore_ascii_case("authorization"));
        for (name, value) in kept.cloned().chain(dress(url)) {
            builder = builder.header(name, value);
        }
        let failed =
            |error: ureq::http::Error| Trouble::Failed(Failure::Malformed { detail: error.to_string() });
        // So is the certificate that proves who asks.
        let shown = if own { tls.clone() } else { Tls { certificate: None, key: None, ..tls.clone() } };
        let agent = self.agents.agent(&shown, self.options.proxies.of(url))?;
        let timeout = self.remaining()?;
        let started = Instant::now();
        let trouble = |error: ureq::Error| trouble::of(error, address.host(), timeout);
        let response = match request.method {
            Method::Post | Method::Patch | Method::Put => {
                let request = builder.body(request.body.as_slice()).map_err(failed)?;
                agent.run(configured(&agent, request, timeout))
            }
            Method::Get | Method::Head | Method::Delete => {
                let request = builder.body(()).map_err(failed)?;
                agent.run(configured(&agent, request, timeout))
            }
        };
        let response = response.map_err(trouble)?;
        let (parts, mut body) = response.into_parts();
        let text = |(name, value): (&ureq::http::HeaderName, &ureq::http::HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let mut out = HttpResponse {
            url: url.to_owned(),
            status: parts.status.as_u16(),
            headers: parts.headers.iter().filter_map(text).collect(),
            body: Vec::new(),
        };
        in_seconds(&mut out);
        if request.method == Method::Head {
            return Ok(out);
        }
        // Pages of errors are not read to their end.
        let limit = if parts.status.is_success() { request.max_body_bytes } else { 64 << 10 };
        let too_large = || Trouble::Failed(Failure::TooLarge { limit_bytes: limit });
        let announced =
            parts.headers.get("content-length").and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let is_packed = parts.headers.contains_key("content-encoding");
        if parts.status.is_success() && !is_packed && announced.is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut reader = body.as_reader();
        let mut buffer = vec![0; 64 << 10];
        loop {
            if self.cancel.is_set() {
                return Err(Trouble::Failed(Failure::Cancelled));
            }
            if started.elapsed() > timeout {
                return Err(trouble::too_slow(timeout));
            }
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(out),
                Ok(_) if !parts.status.is_success() && out.body.len() as u64 > limit => return Ok(out),
                Ok(count) => out.body.extend_from_slice(&buffer[..count]),
                Err(error) => return Err(trouble::of(ureq::Error::from(error), address.host(), timeout)),
            }
            if parts.status.is_success() && out.body.len() as u64 > limit {
                return Err(too_large());
            }
        }
    }

    /// How long the next request may take.
    fn remaining(&self) -> Result<Duration, Trouble> {
        if self.cancel.is_set() {
            return Err(Trouble::Failed(Failure::Cancelled));
        }
        let Some(deadline) = self.deadline else { return Ok(self.options.request_timeout) };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Trouble::Failed(Failure::Unreachable {
                detail: "the time for the whole run is over".to_owned(),
            }));
        }
        Ok(left.min(self.options.request_timeout))
    }

    /// Waits in small steps, so that the user can end it.
    fn wait(&self, until: Option<Instant>) -> Result<(), Trouble> {
        let Some(until) = until else { return Ok(()) };
        loop {
            self.remaining()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }
}

/// Whom a request goes to, schemes apart: a registry that has no TLS may well answer without.
fn host_of(url: &str) -> String {
    Address::parse(url)
        .map_or_else(String::new, |address| format!("{}://{}", address.scheme, address.authority))
}

/// Writes a `Retry-After` that names a time as seconds from now, which is how readers without a clock take it.
///
/// Source: RFC 9110, 10.2.3.
fn in_seconds(response: &mut HttpResponse) {
    for (name, value) in &mut response.headers {
        if name.eq_ignore_ascii_case("retry-after")
            && let Ok(time) = httpdate::parse_http_date(value.trim())
        {
            let left = time.duration_since(std::time::SystemTime::now()).unwrap_or_default();
            *value = left.as_secs_f64().ceil().to_string();
        }
    }
}

fn configured<S: ureq::AsSendBody>(
    agent: &ureq::Agent,
    request: ureq::http::Request<S>,
    timeout: Duration,
) -> ureq::http::Request<S> {
    agent.configure_request(request).timeout_global(Some(timeout)).build()
}

/// The address as it is sent: a user in it is a credential, and goes another way.
fn without_user(url: &str, address: &Address<'_>) -> String {
    match address.user {
        Some(user) => url.replacen(&format!("{user}@"), "", 1),
        None => url.to_owned(),
    }
}
