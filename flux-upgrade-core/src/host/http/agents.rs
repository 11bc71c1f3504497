//! Connections: one pool for the usual certificates, and one for each set of its own.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Proxy};

use super::super::{Guard, Tls};
use super::trouble::Trouble;
use super::{HttpOptions, trouble};
use crate::plan::Failure;

/// Agents by what they show and trust.
#[derive(Debug)]
pub(super) struct Agents {
    options: HttpOptions,
    guard: Arc<Guard>,
    /// Authorities of the system and of the options.
    usual: OnceLock<Result<RootCerts, String>>,
    made: Mutex<Vec<(Tls, Option<String>, Agent)>>,
}

impl Agents {
    pub(super) fn new(options: &HttpOptions, guard: Arc<Guard>) -> Self {
        Self { options: options.clone(), guard, usual: OnceLock::new(), made: Mutex::default() }
    }

    /// The agent for these certificates and this proxy; connections are kept between requests.
    pub(super) fn agent(&self, tls: &Tls, proxy: Option<&str>) -> Result<Agent, Trouble> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |(known, by, _): &&(Tls, Option<String>, Agent)| known == tls && by.as_deref() == proxy;
        if let Some((.., agent)) = made.iter().find(is_it) {
            return Ok(agent.clone());
        }
        let failed = |detail: String| Trouble::Failed(Failure::Unreachable { detail });
        let agent = self.make(tls, proxy).map_err(failed)?;
        made.push((tls.clone(), proxy.map(str::to_owned), agent.clone()));
        Ok(agent)
    }

    fn make(&self, tls: &Tls, proxy: Option<&str>) -> Result<Agent, String> {
        let roots = match &tls.ca {
            Some(ca) => RootCerts::new_with_certs(&certificates(ca)?),
            None => self.usual.get_or_init(|| usual(&self.options.extra_ca)).clone()?,
        };
        let own = match (&tls.certificate, &tls.key) {
            (Some(certificate), Some(key)) => Some((certificate.as_str(), key.expose())),
            _ => self
                .options
                .client_certificate
                .as_ref()
                .map(|(certificate, key)| (certificate.as_str(), key.expose())),
        };
        let own = own.map(|(certificate, key)| {
            let key = PrivateKey::from_pem(key.as_bytes())
                .map_err(|_| "the key of the client certificate is no PEM")?;
            Ok::<_, String>(ClientCert::new_with_certs(&certificates(certificate)?, key))
        });
        let tls = TlsConfig::builder().root_certs(roots).client_cert(own.transpose()?).build();
        // Its address may hold a password.
        let unread = |_| "the address of the proxy in the environment cannot be read".to_owned();
        let proxy = proxy.map(Proxy::new).transpose().map_err(unread)?;
        let resolver = Guarded { guard: Arc::clone(&self.guard), inner: DefaultResolver::default() };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(self.options.connect_timeout))
            .max_idle_connections(32)
            .max_idle_connections_per_host(8)
            .user_agent(concat!("flux-upgrade/", env!("CARGO_PKG_VERSION")))
            .proxy(proxy)
            .tls_config(tls)
            .build();
        Ok(Agent::with_parts(config, DefaultConnector::default(), resolver))
    }
}

/// What the system trusts, what was added, and what the client brings along where the system has nothing.
fn usual(extra: &[String]) -> Result<RootCerts, String> {
    let system = rustls_native_certs::load_native_certs().certs;
    if system.is_empty() && extra.is_empty() {
        return Ok(RootCerts::WebPki);
    }
    let mut all: Vec<Certificate<'static>> =
        system.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    for text in extra {
        all.extend(certificates(text)?);
    }
    Ok(RootCerts::new_with_certs(&all))
}

fn certificates(pem: &str) -> Result<Vec<Certificate<'static>>, String> {
    let found: Vec<Certificate<'static>> = parse_pem(pem.as_bytes())
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() { Err("a file of certificates has none in PEM form".to_owned()) } else { Ok(found) }
}

/// Resolves names and keeps to what may be asked: what is checked here is what is connected to.
#[derive(Debug)]
struct Guarded {
    guard: Arc<Guard>,
    inner: DefaultResolver,
}

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &ureq::http::Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        // The user's own proxy is no address of a repository.
        let is_proxy = config.proxy().is_some_and(|proxy| proxy.uri() == uri);
        let host = uri.host().unwrap_or_default();
        for address in found.iter().filter(|_| !is_proxy) {
            self.guard.check(host, address.ip()).map_err(|refused| trouble::refused_io(&refused))?;
        }
        Ok(found)
    }
}
