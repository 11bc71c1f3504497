//! Addresses of HTTP, taken apart as far as protocols need it.

use crate::plan::Failure;
use crate::reference::without_login;

/// Scheme, host and the rest of an `http` or `https` address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    /// `http` or `https`, as written.
    pub scheme: &'a str,
    /// Host and port, without a user.
    pub authority: &'a str,
    /// A user, with or without a password, that stands before the host.
    pub user: Option<&'a str>,
    /// From the first `/` to the query.
    pub path: &'a str,
    /// After `?`.
    pub query: Option<&'a str>,
}

impl<'a> Address<'a> {
    /// Takes an address apart; `None` for one that is not of HTTP or holds what no address may.
    ///
    /// # Examples
    ///
    /// ```
    /// use flux_upgrade_core::wire::Address;
    /// let address = Address::parse("https://me@charts.example.com:8443/stable?team=a").unwrap();
    /// assert_eq!((address.host(), address.port()), ("charts.example.com", 8443));
    /// assert_eq!((address.path, address.query), ("/stable", Some("team=a")));
    /// assert_eq!(Address::parse("ftp://example.com"), None);
    /// ```
    #[must_use]
    pub fn parse(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        if !url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>')) {
            return None;
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (path, query) = match tail.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (tail, None),
        };
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, authority)) => (Some(user), authority),
            None => (None, authority),
        };
        let address = Self { scheme, authority, user, path, query };
        (!address.host().is_empty() && address.port() != 0).then_some(address)
    }

    /// Whether it is plain HTTP.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("http")
    }

    /// The host, brackets of IPv6 left on.
    #[must_use]
    pub fn host(&self) -> &'a str {
        match self.authority.rsplit_once(':') {
            Some((host, _)) if !self.authority.ends_with(']') => host,
            _ => self.authority,
        }
    }

    /// The port, or that of the scheme; 0 for one that is none.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self.authority.strip_prefix(self.host()).and_then(|rest| rest.strip_prefix(':')) {
            Some(port) => port.parse().unwrap_or(0),
            None if self.is_plain() => 80,
            None => 443,
        }
    }

    /// Whether both name one server: scheme, host and port.
    #[must_use]
    pub fn same_server(&self, other: &Address<'_>) -> bool {
        self.scheme.eq_ignore_ascii_case(other.scheme)
            && self.host().eq_ignore_ascii_case(other.host())
            && self.port() == other.port()
    }
}

/// Where a reference in a response leads: of `Link` and `Location`. Source: RFC 3986, 5.2.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::wire::resolve;
/// let base = "https://r.example.com/v2/app/tags/list?n=1";
/// assert_eq!(resolve(base, "/v2/app/tags/list?last=a"), "https://r.example.com/v2/app/tags/list?last=a");
/// assert_eq!(resolve(base, "?last=a"), "https://r.example.com/v2/app/tags/list?last=a");
/// assert_eq!(resolve(base, "other"), "https://r.example.com/v2/app/tags/other");
/// assert_eq!(resolve(base, "//cdn.example.com/x"), "https://cdn.example.com/x");
/// ```
#[must_use]
pub fn resolve(base: &str, reference: &str) -> String {
    if has_scheme(reference) {
        return reference.to_owned();
    }
    let Some((scheme, rest)) = base.split_once("://") else { return reference.to_owned() };
    if let Some(other) = reference.strip_prefix("//") {
        return format!("{scheme}://{other}");
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let path = tail.split(['?', '#']).next().unwrap_or_default();
    if reference.starts_with('/') {
        return format!("{scheme}://{authority}{}", plain(reference));
    }
    if reference.starts_with('?') || reference.is_empty() {
        return format!("{scheme}://{authority}{path}{reference}");
    }
    let folder = &path[..path.rfind('/').map_or(0, |at| at + 1)];
    let folder = if folder.is_empty() { "/" } else { folder };
    format!("{scheme}://{authority}{}", plain(&format!("{folder}{reference}")))
}

fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else { return false };
    scheme.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// A path without `.` and `..`.
fn plain(text: &str) -> String {
    let (path, query) = text.split_at(text.find(['?', '#']).unwrap_or(text.len()));
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                if parts.len() > 1 {
                    parts.pop();
                }
            }
            part => parts.push(part),
        }
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        parts.push("");
    }
    parts.join("/") + query
}

/// A text as the value of a query. Source: RFC 3986, 2.3.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The failure of an address that is none.
pub(super) fn no_address(url: &str) -> Failure {
    Failure::Malformed { detail: format!("`{}` is no address of HTTP", without_login(url)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_resolve_as_the_rfc_has_it() {
        let base = "http://a/b/c/d?q";
        for (reference, expected) in [
            ("g:h", "g:h"),
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g"),
            ("?y", "http://a/b/c/d?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../../../g", "http://a/g"),
            ("g?y=/../x", "http://a/b/c/g?y=/../x"),
        ] {
            assert_eq!(resolve(base, reference), expected, "{reference}");
        }
    }

    #[test]
    fn what_is_no_address() {
        for text in [
            "",
            "charts",
            "https://",
            "https://:80/",
            "https://h:0/",
            "https://h:x/",
            "https://h/a b",
            "https://h\\@g/",
        ] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
        let address = Address::parse("HTTP://[::1]/x#y").unwrap();
        assert_eq!((address.host(), address.port(), address.path), ("[::1]", 80, "/x"));
    }
}
