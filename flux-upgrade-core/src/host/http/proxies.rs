//! Which requests go through a proxy.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::wire::Address;

/// Proxies by scheme, and the hosts that are asked directly.
///
/// Source: golang.org/x/net/http/httpproxy, which Flux's controllers use: this machine is always asked directly, a domain
/// stands for its subdomains too, one with a leading dot for these alone.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::host::Proxies;
/// let proxies = Proxies::from_variables(|name| match name {
///     "HTTPS_PROXY" => Some("http://proxy.internal:3128".to_owned()),
///     "NO_PROXY" => Some("example.com, 10.0.0.0/8".to_owned()),
///     _ => None,
/// });
/// assert_eq!(proxies.of("https://ghcr.io/v2/"), Some("http://proxy.internal:3128"));
/// assert_eq!(proxies.of("http://ghcr.io/v2/"), None);
/// assert_eq!(proxies.of("https://charts.example.com/"), None);
/// assert_eq!(proxies.of("https://10.1.2.3:5000/v2/"), None);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    http: Option<String>,
    https: Option<String>,
    direct: Vec<String>,
}

/// Without the addresses, which may hold a password.
impl std::fmt::Debug for Proxies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxies")
            .field("http", &self.http.is_some())
            .field("https", &self.https.is_some())
            .field("direct", &self.direct)
            .finish()
    }
}

impl Proxies {
    /// Those of `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` for the schemes without one, and `NO_PROXY`; names in lower case
    /// count as well.
    #[must_use]
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let either = |name: &str| {
            let found = variable(name).or_else(|| variable(&name.to_ascii_lowercase()));
            found.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        // In a CGI program `HTTP_PROXY` is a header of the request, written by whoever sent it.
        let is_cgi = variable("REQUEST_METHOD").is_some();
        let http = if is_cgi { variable("http_proxy") } else { either("HTTP_PROXY") };
        let all = either("ALL_PROXY");
        let direct = either("NO_PROXY").unwrap_or_default();
        Self {
            http: http.or_else(|| all.clone()),
            https: either("HTTPS_PROXY").or(all),
            direct: direct
                .split(',')
                .map(|part| part.trim().to_ascii_lowercase())
                .filter(|part| !part.is_empty())
                .collect(),
        }
    }

    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// The proxy for an address; `None` where it is asked directly.
    #[must_use]
    pub fn of(&self, url: &str) -> Option<&str> {
        let address = Address::parse(url)?;
        let proxy = if address.is_plain() { &self.http } else { &self.https };
        proxy.as_deref().filter(|_| !self.is_direct(&address))
    }

    fn is_direct(&self, address: &Address<'_>) -> bool {
        let host = address.host().trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        let ip: Option<IpAddr> = host.parse().ok();
        if host == "localhost" || ip.is_some_and(|ip| ip.is_loopback()) {
            return true;
        }
        self.direct.iter().any(|entry| {
            if entry == "*" {
                return true;
            }
            if let (Ok(network), Some(ip)) = (entry.parse::<IpNet>(), ip) {
                return network.contains(&ip);
            }
            let (name, port) = match entry.rsplit_once(':') {
                Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
                _ => (entry.as_str(), None),
            };
            if port.is_some_and(|port| port != address.port().to_string()) {
                return false;
            }
            let name = name.trim_matches(['[', ']']);
            let bare = name.strip_prefix('*').unwrap_or(name);
            match bare.strip_prefix('.') {
                Some(_) => host.ends_with(bare),
                None => host == bare || (ip.is_none() && host.ends_with(&format!(".{bare}"))),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked_directly() {
        let proxies = |direct: &str| {
            Proxies::from_variables(|name| match name {
                "all_proxy" => Some("http://p:1".to_owned()),
                "no_proxy" => Some(direct.to_owned()),
                _ => None,
            })
        };
        for (direct, url, expected) in [
            ("", "http://a.example.com/", false),
            ("", "https://localhost:5000/", true),
            ("", "http://127.0.0.1/", true),
            ("", "http://[::1]:80/", true),
            ("*", "https://a/", true),
            ("example.com", "https://EXAMPLE.com./", true),
            ("example.com", "https://a.example.com/", true),
            ("example.com", "https://notexample.com/", false),
            (".example.com", "https://example.com/", false),
            ("*.example.com", "https://a.example.com/", true),
            ("example.com:8443", "https://example.com/", false),
            ("example.com:8443", "https://example.com:8443/", true),
            ("x, 10.0.0.0/8 ", "http://10.9.8.7/", true),
            ("10.0.0.0/8", "http://11.9.8.7/", false),
            ("fd00::1", "http://[fd00::1]/", true),
        ] {
            assert_eq!(proxies(direct).of(url).is_none(), expected, "{direct}: {url}");
        }
    }

    #[test]
    fn a_scheme_has_its_own() {
        let set = |names: &'static [(&str, &str)]| {
            Proxies::from_variables(|name| {
                names.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let both = set(&[("HTTP_PROXY", "h"), ("ALL_PROXY", "a")]);
        assert_eq!((both.of("http://x/"), both.of("https://x/")), (Some("h"), Some("a")));
        let cgi = set(&[("HTTP_PROXY", "h"), ("REQUEST_METHOD", "GET")]);
        assert_eq!(cgi.of("http://x/"), None);
        assert!(!format!("{:?}", set(&[("HTTPS_PROXY", "http://u:secret@p")])).contains("secret"));
    }
}
