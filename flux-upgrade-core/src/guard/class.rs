//! What kind of address an address is.
//!
//! Source: the IANA special-purpose address registries (RFC 6890), and the RFCs named at each row.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressClass {
    /// Anything on the internet.
    Public,
    /// Networks of an organisation: RFC 1918, shared space (RFC 6598), benchmarks (RFC 2544), unique local (RFC 4193).
    Private,
    /// This machine.
    Loopback,
    /// The link; on cloud machines the metadata service.
    LinkLocal,
    /// A metadata service of a cloud that is not link-local.
    Metadata,
    /// `0.0.0.0/8` and `::`, which many systems take for this machine.
    Unspecified,
    /// Groups of machines.
    Multicast,
    /// Broadcast, and what nobody has been given.
    Reserved,
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "a public address",
            Self::Private => "a private address",
            Self::Loopback => "a loopback address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "a metadata service",
            Self::Unspecified => "an unspecified address",
            Self::Multicast => "a multicast address",
            Self::Reserved => "a reserved address",
        })
    }
}

impl AddressClass {
    /// The class of an address; one that carries an IPv4 address in it has the class of that one.
    ///
    /// # Examples
    ///
    /// ```
    /// use flux_upgrade_core::guard::AddressClass;
    /// let class = |text: &str| AddressClass::of(text.parse().unwrap());
    /// assert_eq!(class("::ffff:169.254.169.254"), AddressClass::LinkLocal);
    /// assert_eq!(class("2002:7f00:1::"), AddressClass::Loopback);
    /// assert_eq!(class("2606:4700::1111"), AddressClass::Public);
    /// ```
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => of_v4(ip),
            IpAddr::V6(ip) => match of_v6(ip) {
                Self::Public => {
                    let carried = embedded(ip).into_iter().chain(isatap(ip)).map(of_v4);
                    carried.into_iter().find(|class| *class != Self::Public).unwrap_or(Self::Public)
                }
                class => class,
            },
        }
    }
}

fn of_v4(ip: Ipv4Addr) -> AddressClass {
    match ip.octets() {
        // Metadata of Alibaba, Oracle and Azure; the others use the link-local 169.254.169.254.
        [100, 100, 100, 200] | [192, 0, 0, 192] | [168, 63, 129, 16] => AddressClass::Metadata,
        [0, ..] => AddressClass::Unspecified,
        [127, ..] => AddressClass::Loopback,
        [169, 254, ..] => AddressClass::LinkLocal,
        [10, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [100, 64..=127, ..]
        | [198, 18..=19, ..]
        | [192, 0, 0, _] => AddressClass::Private,
        [224..=239, ..] => AddressClass::Multicast,
        [240..=255, ..] => AddressClass::Reserved,
        _ => AddressClass::Public,
    }
}

/// The class of the IPv6 address itself; `Public` also where an IPv4 address in it decides.
fn of_v6(ip: Ipv6Addr) -> AddressClass {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressClass::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        // Metadata of Amazon and Google over IPv6, inside the unique local space.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => {
            AddressClass::Metadata
        }
        [0xff00..=0xffff, ..] => AddressClass::Multicast,
        [0xfe80..=0xfebf, ..] => AddressClass::LinkLocal,
        // Unique local, and the site-local space before it (RFC 3879).
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => AddressClass::Private,
        [0x2000..=0x3fff, ..] => AddressClass::Public,
        _ if embedded(ip).or(isatap(ip)).is_some() => AddressClass::Public,
        _ => AddressClass::Reserved,
    }
}

/// The IPv4 address that an IPv6 address stands for, or is sent through to.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    match ip.segments() {
        // IPv4-compatible and -mapped (RFC 4291, 2.5.5), -translated (RFC 2765), NAT64 (RFC 6052, RFC 8215).
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low]
        // 6to4 (RFC 3056).
        | [0x2002, high, low, ..] => two(high, low),
        // Teredo (RFC 4380): the client's address with every bit turned.
        [0x2001, 0, _, _, _, _, high, low] => two(!high, !low),
        _ => None,
    }
}

/// The IPv4 address in an interface identifier (ISATAP, RFC 5214), which may stand below any prefix, 6to4 included.
fn isatap(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    match ip.segments() {
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => two(high, low),
        _ => None,
    }
}

fn two(high: u16, low: u16) -> Option<Ipv4Addr> {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Some(Ipv4Addr::new(a, b, c, d))
}
