//! Servers that ask who connects: the certificate that Helm's file names is shown to its server, and to nobody else.

use std::sync::Arc;

use flux_upgrade_core::host::{Protocol, RepositorySecret};
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;

use super::faults::good;
use super::places::file;
use super::real::certificates;
use super::server::{Reply, Seen, Server};
use super::{Setup, Source, outcomes, repository};

/// A server of this authority, which asks for a certificate, or demands one.
pub(crate) fn tls(
    (authority, certificate, key): &(String, String, String),
    demands: bool,
) -> rustls::ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = if demands { verifier } else { verifier.allow_unauthenticated() };
    let builder = builder.with_client_cert_verifier(verifier.build().unwrap());
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    builder.with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap()
}

#[test]
fn the_certificate_of_helms_file_is_for_its_server_alone() {
    let own = certificates();
    let home = tempfile::tempdir().unwrap();
    for (name, text) in [("ca.pem", &own.0), ("own.pem", &own.1), ("key.pem", &own.2)] {
        file(home.path(), name, text);
    }
    let at = |name: &str| home.path().join(name).display().to_string();
    let (authority, certificate, key) = (at("ca.pem"), at("own.pem"), at("key.pem"));
    let outcome = |server: &Server, has_certificate: bool| {
        let url = format!("https://{}/charts", server.authority());
        let shown = format!("  certFile: {certificate}\n  keyFile: {key}\n");
        let entry = format!("repositories:\n- name: x\n  url: {url}\n  caFile: {authority}\n");
        let entry = if has_certificate { entry + &shown } else { entry };
        file(home.path(), ".config/helm/repositories.yaml", &entry);
        let (plan, _) = Setup::at_home(home.path()).plan(&repository(&[("app", Source::Helm(&url))]));
        outcomes(&plan)["app"].clone()
    };
    let guarded = Server::start_tls(tls(&own, true), good);
    assert_eq!(outcome(&guarded, true), "1.1.0");
    let refused = outcome(&guarded, false);
    assert_eq!(
        refused,
        "unreachable: TLS: it wants a certificate of yours; give one with --client-cert and --client-key"
    );
    assert_eq!(guarded.seen().len(), 1, "the one request that came with a certificate");
    assert!(guarded.seen()[0].is_certified);

    // Elsewhere it is not shown: who demands one gives no answer, and who asks for one sees none.
    for (demands, is_answered) in [(false, true), (true, false)] {
        let other = Server::start_tls(tls(&own, demands), good);
        let place = format!("https://{}", other.authority());
        let moved = move |seen: &super::server::Seen| {
            Reply::status(302).with("Location", &format!("{place}{}", seen.target))
        };
        let guarded = Server::start_tls(tls(&own, true), moved);
        let found = outcome(&guarded, true);
        assert_eq!(found == "1.1.0", is_answered, "{found}");
        assert_eq!((guarded.seen().len(), other.seen().len()), (1, usize::from(is_answered)), "{found}");
        assert!(other.seen().iter().all(|seen| !seen.is_certified));
    }
}

/// Git asks without a login first, and shows and trusts what the Secret says from the first request on, its server alone.
#[test]
fn certificates_of_a_secret_are_for_its_git_server_alone() {
    let own = certificates();
    let version2 = |seen: &Seen| match (seen.method.as_str(), seen.target.contains("/info/refs")) {
        ("GET", true) => Reply::body("000eversion 2\n0000"),
        _ => {
            Reply::body(format!("003d{} refs/tags/1.1.0\n0000", "0123456789abcdef".repeat(3).split_at(40).0))
        }
    };
    let other = Arc::new(Server::start_tls(tls(&own, false), version2));
    let place = format!("https://{}", other.authority());
    let moved = move |seen: &Seen| Reply::status(302).with("Location", &format!("{place}{}", seen.target));
    for (server, is_moved) in [
        (Server::start_tls(tls(&own, true), version2), false),
        (Server::start_tls(tls(&own, true), moved), true),
    ] {
        let url = format!("https://{}/app.git", server.authority());
        let mut setup = Setup::default();
        let outcome = |setup: &Setup| {
            outcomes(&setup.plan(&repository(&[("app", Source::Git(&url))])).0)["app"].clone()
        };
        assert!(outcome(&setup).starts_with("unreachable: TLS: its certificate is from an authority"));
        let data = [("ca.crt", &own.0), ("tls.crt", &own.1), ("tls.key", &own.2)];
        setup.credentials.secrets = vec![RepositorySecret {
            name: "Secret apps/tls".to_owned(),
            protocol: Protocol::Git,
            url: url.clone(),
            data: data.map(|(name, text)| (name.to_owned(), text.clone().into_bytes())).into(),
        }];
        let found = outcome(&setup);
        assert!(found.starts_with("it is no longer published") || found == "1.1.0", "{found}");
        assert!(server.seen().iter().all(|seen| seen.is_certified));
        assert_eq!(server.seen().len(), if is_moved { 1 } else { 2 });
    }
    assert_eq!(other.seen().len(), 2);
    assert!(other.seen().iter().all(|seen| !seen.is_certified), "{:?}", other.seen());
}
