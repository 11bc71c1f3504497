//! What may be asked: addresses that a repository has no business to name are refused.
//!
//! Addresses of sources come from the repository, so they are whatever somebody wrote there. The guard is asked with
//! every address that a name has resolved to, before the connection is made, and again after each redirect; so an
//! answer of the DNS that changes in between is of no use to anybody.

mod allow;
mod class;

use std::net::{IpAddr, Ipv4Addr};

pub use allow::{AllowHost, AllowHostError};
pub use class::AddressClass;

/// Where the program runs, which decides about private networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Setting {
    /// At somebody's desk or in their pipeline: registries of the house are meant.
    #[default]
    CommandLine,
    /// In a service that reads repositories of strangers: private networks are not theirs to ask.
    Server,
}

/// What a guard goes by.
#[derive(Debug, Clone, Default)]
pub struct GuardOptions {
    /// Hosts and networks that are allowed whatever they are.
    pub allow: Vec<AllowHost>,
    /// Whether private networks may be asked.
    pub setting: Setting,
}

/// Decides which addresses may be asked.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::guard::{Guard, GuardOptions};
/// let guard = Guard::new(GuardOptions { allow: vec!["127.0.0.1".parse()?], ..GuardOptions::default() });
/// assert!(guard.check("registry.example.com", "192.168.1.9".parse().unwrap()).is_ok());
/// assert!(guard.check("localhost", "127.0.0.1".parse().unwrap()).is_ok());
/// let refused = guard.check("rebound.example.com", "169.254.169.254".parse().unwrap()).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "`rebound.example.com` is not asked: 169.254.169.254 is a link-local address"
/// );
/// # Ok::<(), flux_upgrade_core::guard::AllowHostError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allow: Vec<AllowHost>,
    setting: Setting,
}

/// An address that is not asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{host}` is not asked: {} is {class}", .ip.map_or_else(|| "it".to_owned(), |ip| ip.to_string()))]
pub struct Refused {
    /// The host as the request names it.
    pub host: String,
    /// The address that it has; `None` where the name says enough.
    pub ip: Option<IpAddr>,
    /// What is wrong with that.
    pub class: AddressClass,
    /// Where the program runs.
    pub setting: Setting,
}

impl Refused {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "host.refused-address"
    }

    /// What to do, if the host is meant.
    #[must_use]
    pub fn help(&self) -> String {
        let host = self.host.trim_matches(['[', ']']);
        match self.setting {
            Setting::CommandLine => format!("if it is meant, allow it with `--allow-host {host}`"),
            Setting::Server => format!("if it is meant, name `{host}` among the hosts that are allowed"),
        }
    }
}

/// An address of a token service that gets no credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RealmRefused {
    /// It is no address of HTTP.
    #[error("the registry's token service `{realm}` is no address that can be asked")]
    NotAnAddress {
        /// What the registry names.
        realm: String,
    },
    /// It would send a credential in the clear.
    #[error("the registry's token service `{realm}` is not https, and the registry is not marked insecure")]
    PlainHttp {
        /// What the registry names.
        realm: String,
    },
    /// It may not be asked at all.
    #[error("the registry's token service cannot be used")]
    Refused(#[from] Refused),
}

impl RealmRefused {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "host.refused-realm"
    }
}

impl Guard {
    /// A guard for one run.
    #[must_use]
    pub fn new(options: GuardOptions) -> Self {
        Self { allow: options.allow, setting: options.setting }
    }

    /// Whether `host`, which has resolved to `ip`, may be asked.
    ///
    /// Call it for every address before a connection is made to it. Loopback, link-local, unspecified, multicast,
    /// reserved and metadata addresses are refused, and IPv6 addresses that stand for one of them; private ones in
    /// [`Setting::Server`]. The user's word, by host or by network, goes over all of it.
    ///
    /// # Errors
    ///
    /// [`Refused`] with the class of the address.
    pub fn check(&self, host: &str, ip: IpAddr) -> Result<(), Refused> {
        let class = AddressClass::of(ip);
        let fine = match class {
            AddressClass::Public => true,
            AddressClass::Private => self.setting == Setting::CommandLine,
            _ => false,
        };
        if fine || self.is_named(host) || self.is_in_network(ip) {
            return Ok(());
        }
        Err(Refused { host: host.to_owned(), ip: Some(ip), class, setting: self.setting })
    }

    /// Whether `host` may be asked as far as its name tells: for requests that a proxy resolves.
    ///
    /// Sees addresses in every form that the C library reads (`127.1`, `0x7f000001`, `2130706433`), and the names that
    /// mean this machine or a metadata service.
    ///
    /// # Errors
    ///
    /// [`Refused`] where the name is such an address.
    pub fn check_name(&self, host: &str) -> Result<(), Refused> {
        let name = normal(host);
        if let Some(ip) = literal(&name) {
            return self.check(host, ip);
        }
        let class = match name.as_str() {
            "localhost" | "localhost.localdomain" | "ip6-localhost" | "ip6-loopback" => {
                AddressClass::Loopback
            }
            name if name.ends_with(".localhost") => AddressClass::Loopback,
            "metadata"
            | "metadata.goog"
            | "metadata.google.internal"
            | "instance-data"
            | "instance-data.ec2.internal" => AddressClass::Metadata,
            _ => return Ok(()),
        };
        if self.is_named(host) {
            return Ok(());
        }
        Err(Refused { host: host.to_owned(), ip: None, class, setting: self.setting })
    }

    /// Whether a registry's token service may be asked, and given the registry's credential.
    ///
    /// It must be https, without a user in it, and not link-local; a registry that is marked insecure may name one of
    /// plain HTTP. This looks at the text alone: [`Guard::check`] still sees the address that is connected to.
    ///
    /// # Errors
    ///
    /// [`RealmRefused`].
    pub fn realm_allowed(&self, realm: &str, registry_insecure: bool) -> Result<(), RealmRefused> {
        let not_an_address = || RealmRefused::NotAnAddress { realm: without_user(realm) };
        let (scheme, rest) = realm.split_once("://").ok_or_else(not_an_address)?;
        let secure = scheme.eq_ignore_ascii_case("https");
        if !secure && !scheme.eq_ignore_ascii_case("http") {
            return Err(not_an_address());
        }
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host_of(authority).ok_or_else(not_an_address)?;
        if realm.contains(odd) || authority.contains(['@', '%']) {
            return Err(not_an_address());
        }
        if !secure && !registry_insecure {
            return Err(RealmRefused::PlainHttp { realm: realm.to_owned() });
        }
        match self.check_name(host) {
            Err(refused) if !registry_insecure || !is_link_local(refused.class) => Err(refused.into()),
            _ => Ok(()),
        }
    }

    fn is_named(&self, host: &str) -> bool {
        let name = normal(host);
        self.allow.iter().any(|allow| allow.names(&name))
    }

    fn is_in_network(&self, ip: IpAddr) -> bool {
        self.allow.iter().any(|allow| allow.contains(ip) || allow.contains(ip.to_canonical()))
    }
}

fn is_link_local(class: AddressClass) -> bool {
    matches!(class, AddressClass::LinkLocal | AddressClass::Metadata)
}

/// A host without case, brackets and final dot.
fn normal(host: &str) -> String {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase()
}

/// The host of `host[:port]`, brackets left on.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.find(']') {
        Some(end) if authority.starts_with('[') => authority.split_at(end + 1),
        _ => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = if port.is_empty() { "" } else { port.strip_prefix(':')? };
    (!host.is_empty() && (port.is_empty() || port.parse::<u16>().is_ok())).then_some(host)
}

/// A realm as it may be shown.
fn without_user(realm: &str) -> String {
    let Some((scheme, rest)) = realm.split_once("://") else { return realm.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => realm.to_owned(),
    }
}

/// An address in any form that the C library's `inet_aton` reads, or of IPv6 without a zone.
fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.split('%').next().unwrap_or(host);
    if let Ok(ip) = bare.parse() {
        return Some(ip);
    }
    let parts: Option<Vec<u32>> = host.split('.').map(number).collect();
    let parts = parts.filter(|parts| parts.len() <= 4)?;
    let (last, leading) = parts.split_last()?;
    if leading.iter().any(|part| *part > 0xff) {
        return None;
    }
    let bits_left = 32 - 8 * leading.len();
    if bits_left < 32 && u64::from(*last) >= 1 << bits_left {
        return None;
    }
    let high = leading.iter().zip([24, 16, 8]).fold(0, |sum, (part, shift)| sum | part << shift);
    Some(Ipv4Addr::from_bits(high | last).into())
}

/// Decimal, octal after `0`, hexadecimal after `0x`.
fn number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some("") => return Some(0),
        Some(hex) => (hex, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    digits
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric())
        .then(|| u32::from_str_radix(digits, radix).ok())?
}

#[cfg(test)]
mod tests;
