//! Why a credential could not be had.

use std::time::Duration;

/// Why a place gave no credential, though it may have one.
///
/// None of these means that the source needs one: ask without, and tell of the error when that is refused. No message has
/// anything of a secret in it, nor of what a helper printed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The address of the source is none, or one that is read differently by different programs.
    #[error("`{address}` is no address that a credential could be for")]
    Address {
        /// The address, without a user in it.
        address: String,
    },
    /// A file is there and cannot be read.
    #[error("{origin} cannot be read: {detail}")]
    Unreadable {
        /// The file.
        origin: String,
        /// What the system says.
        detail: String,
    },
    /// What a place has cannot be understood.
    #[error("{origin}{} {problem}", .line.map_or_else(String::new, |line| format!(":{line}")))]
    Malformed {
        /// The file or program.
        origin: String,
        /// The line of the file, from 1.
        line: Option<usize>,
        /// What is wrong with it.
        problem: String,
    },
    /// A helper is named and is not on the path.
    #[error("{origin} names `{program}`, which is not installed")]
    HelperMissing {
        /// The file that names it.
        origin: String,
        /// The program.
        program: String,
    },
    /// A helper failed.
    #[error("`{program}` failed for {server} ({status})")]
    HelperFailed {
        /// The program.
        program: String,
        /// What it was asked for.
        server: String,
        /// How it ended.
        status: String,
    },
    /// A helper did not end in time, or asked somebody something.
    #[error("`{program}` gave no answer within {} s", .after.as_secs_f32())]
    HelperTimeout {
        /// The program.
        program: String,
        /// How long it was given.
        after: Duration,
    },
    /// A rules file names a place that is not there.
    #[error("{origin} {problem}")]
    Mapping {
        /// Where the rules file names it.
        origin: String,
        /// What is missing.
        problem: String,
        /// What to do.
        help: String,
    },
    /// There is a credential, and it would go over plain HTTP.
    #[error("the credential of {origin} is not sent to {host} over plain HTTP")]
    PlainHttp {
        /// The host.
        host: String,
        /// The place.
        origin: String,
    },
}

impl CredentialError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address { .. } => "host.credential-address",
            Self::Unreadable { .. } => "host.credential-unreadable",
            Self::Malformed { .. } => "host.credential-malformed",
            Self::HelperMissing { .. } | Self::HelperFailed { .. } | Self::HelperTimeout { .. } => {
                "host.credential-helper"
            }
            Self::Mapping { .. } => "host.credential-mapping",
            Self::PlainHttp { .. } => "host.credential-plain-http",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Address { .. } => None,
            Self::Unreadable { .. } | Self::Malformed { .. } => {
                Some("log in again, or correct the file".to_owned())
            }
            Self::HelperMissing { program, .. } => {
                Some(format!("install `{program}`, or remove its name there"))
            }
            Self::HelperFailed { program, server, .. } => {
                Some(format!("`echo {server} | {program} get` shows what it says"))
            }
            Self::HelperTimeout { program, .. } => {
                Some(format!("see whether `{program}` waits for somebody: an unlocked keychain, a prompt"))
            }
            Self::Mapping { help, .. } => Some(help.clone()),
            Self::PlainHttp { host, .. } => Some(format!(
                "if that is meant, name `http://{host}` under `credentials` in .flux-upgrade.yaml"
            )),
        }
    }
}

/// Something about a place that the user should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialNote {
    /// The stable code: `host.credential-open`.
    pub code: &'static str,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub help: String,
}
