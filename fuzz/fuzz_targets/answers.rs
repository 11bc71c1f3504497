//! Whatever a server says, an exchange ends, and no request that bears a credential goes to another server.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use flux_upgrade_core::resolve::{Ask, Query};
use flux_upgrade_core::wire::{Address, Attach, Doors, Exchange, HttpResponse, Limits, Next, dated};
use libfuzzer_sys::fuzz_target;

const REPOSITORY: &str = "registry.example.com/charts/podinfo";
const GIT: &str = "https://git.example.com/example/tenants";

fn asks() -> [Ask; 7] {
    let repository = || REPOSITORY.to_owned();
    let object = "4444444444444444444444444444444444444444".to_owned();
    [
        Ask::Charts {
            url: "https://charts.example.com/stable".to_owned(),
            names: BTreeSet::from(["podinfo".to_owned()]),
        },
        Ask::Tags { repository: repository() },
        Ask::Digest { repository: repository(), tag: "1.0.0".to_owned() },
        Ask::Created { repository: repository(), tag: "1.0.0".to_owned() },
        Ask::Refs { url: GIT.to_owned() },
        Ask::Dates { url: GIT.to_owned(), refs: BTreeMap::from([("refs/tags/1.0.0".to_owned(), object)]) },
        Ask::Releases,
    ]
}

type Said<'a> = (u16, Vec<(u8, &'a str)>, &'a [u8]);

const HEADERS: [&str; 6] =
    ["Content-Type", "Link", "WWW-Authenticate", "Docker-Content-Digest", "Location", "Content-Encoding"];

fuzz_target!(|input: (u8, bool, Vec<Said<'_>>)| {
    let (which, whole_index, said) = input;
    let ask = asks()[usize::from(which) % 7].clone();
    if let (Ask::Dates { refs, .. }, Some((_, _, body))) = (&ask, said.first()) {
        let _ = dated(body, refs, "sha1");
    }
    let limits = Limits { pages: 4, tags: 64, whole_index, ..Limits::default() };
    let query = Query { id: 0, ask, insecure: false, beside: false };
    let mut doors = Doors::default();
    let (mut exchange, mut next) = Exchange::start(&query, limits, &doors);
    let mut first = None;
    for (status, headers, body) in said {
        let Next::Send(request) = next else { break };
        let address =
            Address::parse(&request.url).unwrap_or_else(|| panic!("{}", request.url)).host().to_owned();
        let first = first.get_or_insert_with(|| address.clone());
        // A token service may stand elsewhere; what a user has stored for a source goes to that source alone.
        if matches!(request.attach, Attach::IfAny | Attach::Required) {
            assert_eq!(&address, first, "{}", request.url);
        }
        let named = |(name, value): (u8, &str)| {
            (HEADERS[usize::from(name) % HEADERS.len()].to_owned(), value.to_owned())
        };
        let response = HttpResponse {
            headers: headers.into_iter().map(named).collect(),
            body: body.to_owned(),
            ..HttpResponse::new(&request.url, status)
        };
        next = exchange.receive(response);
        exchange.teach(&mut doors);
    }
});
