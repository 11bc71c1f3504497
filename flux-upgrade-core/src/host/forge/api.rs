//! Requests of JSON to a forge, and its answers.

use std::sync::Arc;

use serde_json::Value;

use super::{ForgeError, ForgeKind, Home, Token};
use crate::host::http::{Client, Trouble};
use crate::host::{Cancel, Guard, GuardOptions, HttpOptions, Setting, Tls};
use crate::wire::{Address, Attach, HttpRequest, Method};

/// What an answer may have at most, in bytes: a page of a hundred pull requests with bodies of 64 KiB.
const LIMIT: u64 = 32 << 20;

/// The API of one forge.
pub(super) struct Api {
    kind: ForgeKind,
    base: String,
    token: Token,
    client: Client,
}

impl Api {
    pub(super) fn new(
        home: &Home,
        token: Token,
        http: HttpOptions,
        cancel: Cancel,
    ) -> Result<Self, ForgeError> {
        let bad = || ForgeError::BadAddress { url: home.api.clone() };
        let host = Address::parse(&home.api).ok_or_else(bad)?.host().to_owned();
        let allow = vec![host.parse().map_err(|_| bad())?];
        let guard = Arc::new(Guard::new(GuardOptions { allow, setting: Setting::CommandLine }));
        Ok(Self { kind: home.kind, base: home.api.clone(), token, client: Client::new(http, guard, cancel) })
    }

    /// Its address.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, ForgeError> {
        self.send(Method::Get, &format!("{}{path}", self.base), None)
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, ForgeError> {
        self.send(Method::Post, &format!("{}{path}", self.base), Some(body))
    }

    pub(super) fn patch(&self, path: &str, body: &Value) -> Result<Value, ForgeError> {
        self.send(Method::Patch, &format!("{}{path}", self.base), Some(body))
    }

    pub(super) fn put(&self, path: &str, body: &Value) -> Result<Value, ForgeError> {
        self.send(Method::Put, &format!("{}{path}", self.base), Some(body))
    }

    pub(super) fn delete(&self, path: &str) -> Result<Value, ForgeError> {
        self.send(Method::Delete, &format!("{}{path}", self.base), None)
    }

    /// All pages of a list: `path` is given the number of the page, from 1. A page of fewer than `full` is the last.
    pub(super) fn pages(
        &self,
        most: usize,
        full: usize,
        path: impl Fn(usize) -> String,
    ) -> Result<Vec<Value>, ForgeError> {
        let mut all = Vec::new();
        for page in 1..=most {
            let path = path(page);
            let Value::Array(items) = self.get(&path)? else {
                return Err(self.unreadable(Method::Get, &path, "a list is wanted"));
            };
            let count = items.len();
            all.extend(items);
            if count == 0 || count < full {
                break;
            }
        }
        Ok(all)
    }

    /// Sends a request to a whole address.
    pub(super) fn send(&self, method: Method, url: &str, body: Option<&Value>) -> Result<Value, ForgeError> {
        let accept = match self.kind {
            ForgeKind::GitHub => "application/vnd.github+json",
            ForgeKind::GitLab | ForgeKind::Gitea => "application/json",
        };
        let mut headers = vec![
            ("Accept".to_owned(), accept.to_owned()),
            ("User-Agent".to_owned(), concat!("flux-upgrade/", env!("CARGO_PKG_VERSION")).to_owned()),
        ];
        if self.kind == ForgeKind::GitHub {
            headers.push(("X-GitHub-Api-Version".to_owned(), "2022-11-28".to_owned()));
        }
        if body.is_some() {
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        let request = HttpRequest {
            method,
            url: url.to_owned(),
            headers,
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
            max_body_bytes: LIMIT,
            attach: Attach::Nothing,
        };
        // The token goes to the forge and nowhere else, also after a redirect.
        let dress = |url: &str| {
            let same = Address::parse(&self.base)
                .zip(Address::parse(url))
                .is_some_and(|(base, url)| base.same_server(&url));
            let Token { header, before, secret } = &self.token;
            let value = format!("{before}{}", secret.expose());
            same.then(|| ((*header).to_owned(), value)).into_iter().collect()
        };
        let shown = url.strip_prefix(self.base.as_str()).unwrap_or(url);
        let what = format!("{} {}", method.name(), shown.split('?').next().unwrap_or(shown));
        // What makes something is not sent twice where it may have arrived.
        let once = method == Method::Post;
        let response = self.client.send(&request, &dress, &Tls::default(), once).map_err(|trouble| {
            let detail = match trouble {
                Trouble::Passing(detail)
                | Trouble::Unreachable(detail)
                | Trouble::Late(detail)
                | Trouble::Untrusted(detail) => detail,
                Trouble::Failed(failure) => failure.to_string(),
            };
            ForgeError::Unanswered { kind: self.kind, what: what.clone(), detail: self.redacted(&detail) }
        })?;
        if !(200..300).contains(&response.status) {
            let said = serde_json::from_slice(&response.body).map(|value| said(&value)).unwrap_or_default();
            let detail = match (said.as_str(), hint(response.status)) {
                ("", "") => "it says nothing more".to_owned(),
                ("", hint) => hint.to_owned(),
                (_, "") => said,
                (said, hint) => format!("{said}; {hint}"),
            };
            let detail = self.redacted(&detail);
            return Err(ForgeError::Refused { kind: self.kind, what, status: response.status, detail });
        }
        if response.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&response.body)
            .map_err(|error| self.unreadable(method, shown, &format!("it is not JSON: {error}")))
    }

    pub(super) fn unreadable(&self, method: Method, path: &str, detail: &str) -> ForgeError {
        let what = format!("{} {}", method.name(), path.split('?').next().unwrap_or(path));
        ForgeError::Unanswered { kind: self.kind, what, detail: self.redacted(detail) }
    }

    /// A text in which the token does not stand.
    fn redacted(&self, text: &str) -> String {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        text.replace(self.token.secret.expose(), "…")
    }
}

/// What an error of a forge says, on one line.
fn said(value: &Value) -> String {
    const MOST: usize = 400;
    let mut parts = Vec::new();
    for key in ["message", "error", "error_description"] {
        match &value[key] {
            Value::String(text) => parts.push(text.clone()),
            Value::Null => {}
            // GitLab gives a list, or lists by field.
            other => parts.push(other.to_string()),
        }
    }
    for error in value["errors"].as_array().into_iter().flatten() {
        let text = error["message"].as_str().or_else(|| error.as_str()).or_else(|| error["code"].as_str());
        parts.extend(text.map(str::to_owned));
    }
    parts.join("; ").chars().take(MOST).collect()
}

/// What a status means beside what the forge says, if anything.
fn hint(status: u16) -> &'static str {
    match status {
        401 => "the token is missing, wrong or expired",
        403 => "the token may not do this, or its limit is reached for now",
        404 => "it does not exist, or the token may not see it",
        _ => "",
    }
}

/// A field that is a text, empty where there is none.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A name as a part of a path or a query.
pub(super) fn encode(name: &str) -> String {
    name.bytes().fold(String::with_capacity(name.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}
