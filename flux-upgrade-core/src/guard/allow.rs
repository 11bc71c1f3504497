//! `HOST|CIDR`: what a user names as allowed.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

use crate::text::Span;

/// A host, an address or a network that may be asked whatever its addresses are.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::guard::AllowHost;
/// assert_eq!("Registry.Example.com.".parse::<AllowHost>()?.to_string(), "registry.example.com");
/// assert_eq!("127.0.0.1".parse::<AllowHost>()?.to_string(), "127.0.0.1/32");
/// let error = "10.0.0.0/80".parse::<AllowHost>().unwrap_err();
/// assert_eq!(error.excerpt(), "10.0.0.0/80\n         ^^ a number from 0 to 32 is wanted");
/// # Ok::<(), flux_upgrade_core::guard::AllowHostError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AllowHost(Kind);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    Name(String),
    Network(IpNet),
}

/// A text that is neither a host nor a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is neither a host nor a network: {wanted}")]
pub struct AllowHostError {
    /// What was found.
    pub text: String,
    /// The part of it that is wrong, in bytes.
    pub at: Span,
    /// What is wanted there.
    pub wanted: String,
}

impl AllowHostError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "host.allow-host"
    }

    /// The text on one line, a caret under what is wrong and what is wanted on the next.
    #[must_use]
    pub fn excerpt(&self) -> String {
        let shown: String = self.text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        let count = |text: Option<&str>| text.map_or(0, |text| text.chars().count());
        let blanks = " ".repeat(count(self.text.get(..self.at.start)));
        let carets = "^".repeat(count(self.text.get(self.at.start..self.at.end)).max(1));
        format!("{shown}\n{blanks}{carets} {}", self.wanted)
    }
}

impl AllowHost {
    /// Reads a host name, an address (with or without brackets), or a network in CIDR form.
    ///
    /// # Errors
    ///
    /// [`AllowHostError`] with the part that is wrong: a scheme, a port, a path, a prefix that is too long, a network
    /// with bits behind its prefix.
    pub fn parse(text: &str) -> Result<Self, AllowHostError> {
        let error = |start: usize, end: usize, wanted: &str| {
            Err(AllowHostError {
                text: text.to_owned(),
                at: Span::new(start, end),
                wanted: wanted.to_owned(),
            })
        };
        if let Some(at) = text.find("://") {
            return error(0, at + 3, "the host alone is wanted, without a scheme");
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Ok(Self(Kind::Network(IpNet::from(ip.to_canonical()))));
        }
        if let Some((address, prefix)) = text.split_once('/')
            && let Ok(ip) = address.parse::<IpAddr>()
        {
            return network(text, ip, address.len() + 1, prefix);
        }
        if let Some(at) = text.find(['/', '@', '?', '#']) {
            return error(at, text.len(), "the host alone is wanted");
        }
        if let Some(at) = text.rfind(':') {
            return error(at, text.len(), "the host alone is wanted: every port of it is allowed");
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let odd = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if let Some((at, c)) = name.char_indices().find(|(_, c)| odd(*c)) {
            return error(at, at + c.len_utf8(), "letters, digits, `-` and `.` are wanted");
        }
        if name.is_empty() || name.split('.').any(str::is_empty) {
            return error(0, text.len(), "a host such as `registry.example.com` is wanted");
        }
        if name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
            return error(0, text.len(), "an address has four numbers from 0 to 255");
        }
        Ok(Self(Kind::Name(name.to_ascii_lowercase())))
    }

    /// Whether it names this host.
    pub(super) fn names(&self, host: &str) -> bool {
        matches!(&self.0, Kind::Name(name) if *name == host)
    }

    /// Whether this address is in it.
    pub(super) fn contains(&self, ip: IpAddr) -> bool {
        matches!(&self.0, Kind::Network(network) if network.contains(&ip))
    }
}

fn network(text: &str, ip: IpAddr, at: usize, prefix: &str) -> Result<AllowHost, AllowHostError> {
    let error = |start: usize, end: usize, wanted: String| {
        Err(AllowHostError { text: text.to_owned(), at: Span::new(start, end), wanted })
    };
    let most = if ip.is_ipv4() { 32 } else { 128 };
    let digits = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let length: u8 = match prefix.parse() {
        Ok(length) if digits && length <= most => length,
        _ => return error(at, text.len(), format!("a number from 0 to {most} is wanted")),
    };
    let Ok(network) = IpNet::new(ip, length) else {
        return error(at, text.len(), format!("a number from 0 to {most} is wanted"));
    };
    if network.addr() != network.network() {
        let wanted = format!("bits behind the prefix are set: write {}", network.trunc());
        return error(0, text.len(), wanted);
    }
    Ok(AllowHost(Kind::Network(canonical(network))))
}

/// A network of IPv4-mapped addresses as the IPv4 network that it is.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(wide) = network else { return network };
    let Some(length) = wide.prefix_len().checked_sub(96) else { return network };
    let ip: Ipv6Addr = wide.addr();
    ip.to_ipv4_mapped().and_then(|ip| IpNet::new(ip.into(), length).ok()).unwrap_or(network)
}

impl FromStr for AllowHost {
    type Err = AllowHostError;

    fn from_str(text: &str) -> Result<Self, AllowHostError> {
        Self::parse(text)
    }
}

impl fmt::Display for AllowHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Name(name) => f.write_str(name),
            Kind::Network(network) => write!(f, "{network}"),
        }
    }
}
