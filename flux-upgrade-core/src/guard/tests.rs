#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

/// Networks and their classes, the first that holds an address decides: slow and plain to see.
const TABLE: &[(&str, AddressClass)] = &[
    ("100.100.100.200/32", AddressClass::Metadata),
    ("192.0.0.192/32", AddressClass::Metadata),
    ("168.63.129.16/32", AddressClass::Metadata),
    ("fd00:ec2::254/128", AddressClass::Metadata),
    ("fd20:ce::254/128", AddressClass::Metadata),
    ("0.0.0.0/8", AddressClass::Unspecified),
    ("10.0.0.0/8", AddressClass::Private),
    ("100.64.0.0/10", AddressClass::Private),
    ("127.0.0.0/8", AddressClass::Loopback),
    ("169.254.0.0/16", AddressClass::LinkLocal),
    ("172.16.0.0/12", AddressClass::Private),
    ("192.0.0.0/24", AddressClass::Private),
    ("192.168.0.0/16", AddressClass::Private),
    ("198.18.0.0/15", AddressClass::Private),
    ("224.0.0.0/4", AddressClass::Multicast),
    ("240.0.0.0/4", AddressClass::Reserved),
    ("::/128", AddressClass::Unspecified),
    ("::1/128", AddressClass::Loopback),
    ("fc00::/7", AddressClass::Private),
    ("fec0::/10", AddressClass::Private),
    ("fe80::/10", AddressClass::LinkLocal),
    ("ff00::/8", AddressClass::Multicast),
];

/// Where IPv6 networks carry an IPv4 address: the network, and the number of its first bit.
const CARRIERS: &[(&str, usize)] = &[
    ("::/96", 96),
    ("::ffff:0:0/96", 96),
    ("::ffff:0:0:0/96", 96),
    ("64:ff9b::/96", 96),
    ("64:ff9b:1::/48", 96),
    ("2002::/16", 16),
];

fn bits(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.octets().iter().map(|byte| format!("{byte:08b}")).collect(),
        IpAddr::V6(ip) => ip.octets().iter().map(|byte| format!("{byte:08b}")).collect(),
    }
}

fn holds(network: &str, ip: IpAddr) -> bool {
    let (address, length) = network.split_once('/').unwrap();
    let (network, ip) = (bits(address.parse().unwrap()), bits(ip));
    let length: usize = length.parse().unwrap();
    network.len() == ip.len() && network[..length] == ip[..length]
}

fn slow_class(ip: IpAddr) -> AddressClass {
    if let Some((_, class)) = TABLE.iter().find(|(network, _)| holds(network, ip)) {
        return *class;
    }
    let IpAddr::V6(_) = ip else { return AddressClass::Public };
    let all = bits(ip);
    let inner = |bits: &str| slow_class(Ipv4Addr::from(u32::from_str_radix(bits, 2).unwrap()).into());
    let mut carried = None;
    if let Some((_, at)) = CARRIERS.iter().find(|(network, _)| holds(network, ip)) {
        carried = Some(inner(&all[*at..*at + 32]));
    }
    if holds("2001::/32", ip) {
        let turned: String = all[96..].chars().map(|bit| if bit == '0' { '1' } else { '0' }).collect();
        carried = Some(inner(&turned));
    }
    if let Some(class) = carried.filter(|class| *class != AddressClass::Public) {
        return class;
    }
    let identifier = &all[64..96];
    if ["00005efe", "02005efe"]
        .iter()
        .any(|hex| format!("{:032b}", u32::from_str_radix(hex, 16).unwrap()) == identifier)
    {
        return inner(&all[96..]);
    }
    if carried.is_some() || holds("2000::/3", ip) { AddressClass::Public } else { AddressClass::Reserved }
}

/// Addresses at and around the edges of every network, inside every carrier, and anywhere.
fn addresses() -> impl Strategy<Value = IpAddr> {
    let v4 = prop_oneof![
        any::<u32>().prop_map(Ipv4Addr::from_bits),
        (0..TABLE.len(), any::<u32>(), -1_i64..=1).prop_map(|(row, noise, step)| {
            let (address, length) = TABLE[row].0.split_once('/').unwrap();
            let base = address.parse::<Ipv4Addr>().map_or(noise, Ipv4Addr::to_bits);
            let length: u32 = length.parse::<u32>().unwrap().min(32);
            let host = u32::MAX.checked_shr(length).unwrap_or(0);
            let edge = if noise % 2 == 0 { base } else { base | host };
            Ipv4Addr::from_bits(u32::try_from((i64::from(edge) + step).rem_euclid(1 << 32)).unwrap())
        }),
    ]
    .boxed();
    let inside = (v4.clone(), 0..CARRIERS.len() + 3, any::<u64>()).prop_map(|(ip, carrier, noise)| {
        let low = u128::from(ip.to_bits());
        let ip = match CARRIERS.get(carrier) {
            Some((network, at)) => {
                let address: Ipv6Addr = network.split_once('/').unwrap().0.parse().unwrap();
                let tail = if *at < 96 { u128::from(noise) } else { 0 };
                address.to_bits() | low << (128 - at - 32) | tail
            }
            None if carrier == CARRIERS.len() => {
                0x2001_u128 << 112 | u128::from(noise) << 32 | u128::from(!ip.to_bits())
            }
            None => u128::from(noise) << 64 | 0x0200_5efe << 32 | low,
        };
        Ipv6Addr::from_bits(ip)
    });
    let v6_edges = (0..TABLE.len(), any::<u128>(), -1_i8..=1).prop_map(|(row, noise, step)| {
        let (address, length) = TABLE[row].0.split_once('/').unwrap();
        let base = address.parse::<Ipv6Addr>().map_or(noise, Ipv6Addr::to_bits);
        let host = u128::MAX.checked_shr(length.parse().unwrap()).unwrap_or(0);
        let edge = if noise % 2 == 0 { base } else { base | host };
        Ipv6Addr::from_bits(match step {
            -1 => edge.wrapping_sub(1),
            0 => edge,
            _ => edge.wrapping_add(1),
        })
    });
    prop_oneof![
        v4.prop_map(IpAddr::V4),
        inside.prop_map(IpAddr::V6),
        v6_edges.prop_map(IpAddr::V6),
        any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).into()),
    ]
}

fn networks() -> impl Strategy<Value = String> {
    (addresses(), 0_u8..=128).prop_map(|(ip, length)| {
        let length = if ip.is_ipv4() { length % 33 } else { length };
        format!("{}", ipnet::IpNet::new(ip, length).unwrap().trunc())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn classes_are_those_of_the_table(ip in addresses()) {
        prop_assert_eq!(AddressClass::of(ip), slow_class(ip), "{}", ip);
    }

    #[test]
    fn only_named_networks_are_let_through(
        ip in addresses(),
        named in proptest::collection::vec(networks(), 0..3),
        server in any::<bool>(),
    ) {
        let allow = named.iter().map(|text| AllowHost::parse(text).unwrap()).collect();
        let setting = if server { Setting::Server } else { Setting::CommandLine };
        let guard = Guard::new(GuardOptions { allow, setting });
        let mapped = match ip {
            IpAddr::V6(v6) if holds("::ffff:0:0/96", ip) => Some(IpAddr::from(Ipv4Addr::from_bits(v6.to_bits() as u32))),
            _ => None,
        };
        let is_named = named.iter().any(|network| {
            holds(network, ip) || mapped.is_some_and(|ip| holds(network, ip))
        });
        // A network of mapped addresses is the IPv4 network that it stands for.
        let as_mapped = match ip {
            IpAddr::V4(v4) => named.iter().any(|network| {
                network.split_once('/').unwrap().1.parse::<u8>().unwrap() >= 96
                    && holds(network, v4.to_ipv6_mapped().into())
            }),
            IpAddr::V6(_) => false,
        };
        let class = slow_class(ip);
        let expected = is_named
            || as_mapped
            || class == AddressClass::Public
            || class == AddressClass::Private && !server;
        prop_assert_eq!(guard.check("registry.example.com", ip).is_ok(), expected, "{} {:?}", ip, named);
    }

    #[test]
    fn any_text_is_read_or_refused_with_its_place(text in "\\PC{0,24}|[0-9a-f:./\\[\\]]{0,24}") {
        match AllowHost::parse(&text) {
            Ok(allow) => prop_assert_eq!(AllowHost::parse(&allow.to_string()), Ok(allow)),
            Err(error) => {
                prop_assert!(text.get(error.at.start..error.at.end).is_some());
                prop_assert_eq!(error.excerpt().lines().count().max(2), 2);
            }
        }
    }
}

fn guard(allow: &[&str], setting: Setting) -> Guard {
    Guard::new(GuardOptions { allow: allow.iter().map(|text| text.parse().unwrap()).collect(), setting })
}

#[test]
fn the_users_word_goes_over_the_class() {
    let loopback: IpAddr = "127.0.0.1".parse().unwrap();
    for (allow, host, fine) in [
        ("127.0.0.1", "registry.local", true),
        ("127.0.0.0/8", "registry.local", true),
        ("[::ffff:127.0.0.1]", "registry.local", true),
        ("::ffff:7f00:0/104", "registry.local", true),
        ("localhost", "localhost", true),
        ("LocalHost.", "LOCALHOST", true),
        ("localhost", "localhost.", true),
        ("localhost", "other.localhost", false),
        ("127.0.0.2", "localhost", false),
        ("::1", "localhost", false),
        ("10.0.0.0/8", "localhost", false),
    ] {
        assert_eq!(guard(&[allow], Setting::Server).check(host, loopback).is_ok(), fine, "{allow} {host}");
    }
}

#[test]
fn private_networks_are_a_question_of_the_setting() {
    for ip in ["10.1.2.3", "172.31.0.1", "192.168.0.1", "100.64.0.1", "fd12::1", "64:ff9b::a00:1"] {
        let ip = ip.parse().unwrap();
        assert!(guard(&[], Setting::CommandLine).check("in.house", ip).is_ok(), "{ip}");
        let refused = guard(&[], Setting::Server).check("in.house", ip).unwrap_err();
        assert_eq!(refused.class, AddressClass::Private, "{ip}");
        assert!(guard(&["in.house"], Setting::Server).check("in.house", ip).is_ok(), "{ip}");
    }
}

#[test]
fn names_that_are_addresses_are_seen_in_every_spelling() {
    let guard = guard(&[], Setting::CommandLine);
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.1",
        "127.0.1",
        "[::1]",
        "::1",
        "[::ffff:7f00:1]",
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "169.254.169.254",
        "0xA9FEA9FE",
        "0",
        "metadata.google.internal",
        "[fe80::1]",
        "fe80::1%eth0",
        "[fd00:ec2::254]",
        "100.100.100.200",
    ] {
        assert!(guard.check_name(host).is_err(), "{host}");
    }
    for host in
        ["ghcr.io", "10.0.0.1", "localhost.example.com", "1e100.net", "127.0.0.1.nip.io", "8.8", "256"]
    {
        let fine = !matches!(host, "256");
        assert_eq!(guard.check_name(host).is_ok(), fine, "{host}");
    }
    assert!(self::guard(&["localhost"], Setting::Server).check_name("localhost").is_ok());
    assert!(self::guard(&["127.0.0.1"], Setting::Server).check_name("0x7f000001").is_ok());
}

#[test]
fn a_token_service_is_https_unless_the_registry_is_insecure() {
    let guard = guard(&["127.0.0.1"], Setting::CommandLine);
    for (realm, secure, insecure) in [
        ("https://auth.docker.io/token", true, true),
        ("HTTPS://ghcr.io/token", true, true),
        ("https://registry.example.com:8443/token?x=1", true, true),
        ("http://auth.example.com/token", false, true),
        ("https://169.254.169.254/token", false, true),
        ("https://[fe80::1]/token", false, true),
        ("https://metadata.google.internal/token", false, true),
        ("https://127.0.0.1/token", true, true),
        ("https://[::1]/token", false, false),
        ("ftp://auth.example.com/token", false, false),
        ("auth.example.com/token", false, false),
        ("https:///token", false, false),
        ("https://user:secret@auth.example.com/token", false, false),
        ("https://auth.example.com@evil.example.com/token", false, false),
        ("https://evil.example.com%2f.auth.example.com/token", false, false),
        ("https://auth.example.com\\@169.254.169.254/", false, false),
        ("https://auth.example.com:99999/token", false, false),
        ("https://auth.example.com/to\nken", false, false),
        ("", false, false),
    ] {
        assert_eq!(guard.realm_allowed(realm, false).is_ok(), secure, "{realm}");
        assert_eq!(guard.realm_allowed(realm, true).is_ok(), insecure, "{realm} of an insecure registry");
    }
    let error = guard.realm_allowed("https://user:secret@auth.example.com/token", false).unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn a_wrong_allow_host_is_shown_with_a_caret() {
    for (text, excerpt) in [
        ("http://localhost", "http://localhost\n^^^^^^^ the host alone is wanted, without a scheme"),
        (
            "localhost:5000",
            "localhost:5000\n         ^^^^^ the host alone is wanted: every port of it is allowed",
        ),
        ("ghcr.io/example", "ghcr.io/example\n       ^^^^^^^^ the host alone is wanted"),
        ("10.1.2.3/8", "10.1.2.3/8\n^^^^^^^^^^ bits behind the prefix are set: write 10.0.0.0/8"),
        ("10.0.0.0/", "10.0.0.0/\n         ^ a number from 0 to 32 is wanted"),
        ("10.0.0.0/+8", "10.0.0.0/+8\n         ^^ a number from 0 to 32 is wanted"),
        ("fd00::/129", "fd00::/129\n       ^^^ a number from 0 to 128 is wanted"),
        ("10.0.0", "10.0.0\n^^^^^^ an address has four numbers from 0 to 255"),
        ("10.0.0.256", "10.0.0.256\n^^^^^^^^^^ an address has four numbers from 0 to 255"),
        ("*.example.com", "*.example.com\n^ letters, digits, `-` and `.` are wanted"),
        ("bücher.example", "bücher.example\n ^ letters, digits, `-` and `.` are wanted"),
        ("", "\n^ a host such as `registry.example.com` is wanted"),
        ("a..b", "a..b\n^^^^ a host such as `registry.example.com` is wanted"),
    ] {
        assert_eq!(AllowHost::parse(text).unwrap_err().excerpt(), excerpt, "{text}");
    }
}
