//! Requests and responses as plain values.

use std::fmt;

use crate::plan::Failure;

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PATCH`
    Patch,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
}

impl Method {
    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// Which stored credential the host adds to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attach {
    /// None, whatever there is.
    Nothing,
    /// The source's, if there is one.
    IfAny,
    /// The source's; without one there is no use in sending, see [`Exchange::no_credential`](super::Exchange::no_credential).
    Required,
    /// The source's to its token service, if there is one: user and password as they are, an identity token by
    /// [`HttpRequest::with_identity_token`].
    TokenService,
}

/// A request that a host sends.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// Its method.
    pub method: Method,
    /// Where to.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// Empty for `GET` and `HEAD`.
    pub body: Vec<u8>,
    /// How many bytes the response's body may have, unpacked; above that the question fails as [`Failure::TooLarge`].
    pub max_body_bytes: u64,
    /// The credential to add.
    pub attach: Attach,
}

/// Without the values of headers that carry tokens, and without the body.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value): &(String, String)| {
            let secret = name.eq_ignore_ascii_case("authorization");
            format!("{name}: {}", if secret { "…" } else { value })
        };
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("headers", &self.headers.iter().map(shown).collect::<Vec<_>>())
            .field("attach", &self.attach)
            .finish_non_exhaustive()
    }
}

impl HttpRequest {
    pub(super) fn get(url: String, accept: &str, max_body_bytes: u64) -> Self {
        Self {
            method: Method::Get,
            url,
            headers: vec![("Accept".to_owned(), accept.to_owned())],
            body: Vec::new(),
            max_body_bytes,
            attach: Attach::Nothing,
        }
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The request to a token service as one that shows an identity token: a form with `grant_type=refresh_token`.
    ///
    /// Source: distribution `docs/spec/auth/oauth.md`.
    #[must_use]
    pub fn with_identity_token(&self, token: &str) -> Self {
        let (url, query) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let encoded = super::address::encode(token);
        let body = format!("grant_type=refresh_token&client_id=flux-upgrade&{query}&refresh_token={encoded}");
        Self {
            method: Method::Post,
            url: url.to_owned(),
            body: body.into_bytes(),
            attach: Attach::Nothing,
            ..self.clone()
        }
        .with("Content-Type", "application/x-www-form-urlencoded")
    }
}

/// A response that a host brings back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpResponse {
    /// Where it came from in the end, after redirects.
    pub url: String,
    /// Its status.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The whole body, unpacked.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// A response without headers and body.
    #[must_use]
    pub fn new(url: &str, status: u16) -> Self {
        Self { url: url.to_owned(), status, ..Self::default() }
    }

    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let is_named = |(header, _): &&(String, String)| header.eq_ignore_ascii_case(name);
        self.headers.iter().find(is_named).map(|(_, value)| value.as_str())
    }

    /// All headers of that name.
    pub fn headers_of<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> {
        self.headers
            .iter()
            .filter(move |(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON of some shape.
    pub(super) fn json<'r, T: serde::Deserialize<'r>>(&'r self, what: &str) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| self.not(what, &error.to_string()))
    }

    /// The failure of a body that is not what was asked for.
    pub(super) fn not(&self, what: &str, why: &str) -> Failure {
        let start = self.body.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(self.body.len());
        let detail = match &self.body[start..] {
            [] => format!("an empty body where {what} is wanted"),
            [b'<', ..] => format!("an HTML page where {what} is wanted"),
            _ => format!("it is not {what}: {why}"),
        };
        Failure::Malformed { detail }
    }
}

/// What a status other than success means; `None` for one of success.
///
/// Source: OCI distribution specification, error codes; registries hide what is private behind 401, 403 and 404.
#[must_use]
pub fn status_failure(response: &HttpResponse) -> Option<Failure> {
    Some(match response.status {
        200..=299 => return None,
        401 | 403 | 407 => Failure::Unauthorized,
        404 | 410 => Failure::NotFound,
        429 => {
            let seconds = response.header("Retry-After").and_then(|text| text.trim().parse().ok());
            Failure::RateLimited { retry_after_seconds: seconds }
        }
        status @ 500..=599 => Failure::Unreachable { detail: format!("the server answers {status}") },
        status => Failure::Malformed { detail: format!("the server answers {status}") },
    })
}
