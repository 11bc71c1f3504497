//! Why a request brought nothing back, in words that say what to look at.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use super::super::Refused;
use crate::plan::Failure;

/// Why a request brought nothing back.
#[derive(Debug, Clone)]
pub(in super::super) enum Trouble {
    /// No response, and another attempt may bring one.
    Passing(String),
    /// No response.
    Unreachable(String),
    /// No whole response in all the time that there was.
    Late(String),
    /// No response, from what does speak TLS: a registry that may be a plain one is none, and is told nothing in the clear.
    Untrusted(String),
    /// A response that is of no use, or none that is allowed.
    Failed(Failure),
}

impl Trouble {
    /// The same after the last attempt.
    pub(super) fn lasting(self) -> Self {
        match self {
            Self::Passing(detail) => Self::Unreachable(detail),
            other => other,
        }
    }
}

pub(super) fn refused(refused: &Refused) -> Trouble {
    Trouble::Failed(Failure::Unreachable { detail: format!("{refused}; {}", refused.help()) })
}

/// A refusal on its way through the resolver.
pub(super) fn refused_io(refused: &Refused) -> ureq::Error {
    ureq::Error::Io(io::Error::other(Refusal(format!("{refused}; {}", refused.help()))))
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refusal(String);

pub(super) fn too_slow(timeout: Duration) -> Trouble {
    Trouble::Late(format!("no whole answer within {} s", timeout.as_secs_f32().ceil()))
}

/// What an error of the client means.
pub(super) fn of(error: ureq::Error, host: &str, timeout: Duration) -> Trouble {
    use io::ErrorKind;
    match error {
        ureq::Error::HostNotFound => unknown_name(host),
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            Trouble::Unreachable("no connection within the time for one".to_owned())
        }
        ureq::Error::Timeout(_) => too_slow(timeout),
        ureq::Error::Io(error) => {
            if let Some(refusal) = error.get_ref().and_then(|inner| inner.downcast_ref::<Refusal>()) {
                return Trouble::Failed(Failure::Unreachable { detail: refusal.0.clone() });
            }
            if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return of_tls(tls);
            }
            let text = error.to_string();
            match error.kind() {
                ErrorKind::TimedOut | ErrorKind::WouldBlock => too_slow(timeout),
                ErrorKind::ConnectionRefused => Trouble::Passing("the connection is refused".to_owned()),
                ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                    Trouble::Passing("the connection was cut".to_owned())
                }
                ErrorKind::UnexpectedEof => Trouble::Passing("the answer ended early".to_owned()),
                // What the C library says of names that are not known has no kind of its own.
                _ if text.contains("lookup address") => unknown_name(host),
                _ => Trouble::Passing(text),
            }
        }
        ureq::Error::Decompress(_, error) if error.kind() == ErrorKind::UnexpectedEof => {
            Trouble::Passing("the answer ended early".to_owned())
        }
        ureq::Error::Decompress(..) => {
            Trouble::Failed(Failure::Malformed { detail: "it is not packed as it says".to_owned() })
        }
        ureq::Error::Rustls(error) => of_tls(&error),
        ureq::Error::Tls(detail) => Trouble::Unreachable(format!("TLS: {detail}")),
        ureq::Error::Protocol(error) => Trouble::Unreachable(format!("it does not speak HTTP: {error}")),
        other => {
            let cause = other.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            Trouble::Unreachable(format!("{other}{cause}"))
        }
    }
}

fn unknown_name(host: &str) -> Trouble {
    Trouble::Unreachable(format!("no address is known for the name {host}"))
}

fn of_tls(error: &rustls::Error) -> Trouble {
    use rustls::{CertificateError, Error};
    let detail = match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "TLS: its certificate is from an authority that is not known here; add it with --ca-file"
                .to_owned()
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "TLS: its certificate is for another name".to_owned(),
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "TLS: its certificate has expired".to_owned()
        }
        Error::AlertReceived(rustls::AlertDescription::CertificateRequired) => {
            "TLS: it wants a certificate of yours; give one with --client-cert and --client-key".to_owned()
        }
        Error::InvalidMessage(_) => "TLS: it does not speak it".to_owned(),
        other => format!("TLS: {other}"),
    };
    match error {
        Error::InvalidCertificate(_) | Error::AlertReceived(_) => Trouble::Untrusted(detail),
        _ => Trouble::Unreachable(detail),
    }
}
