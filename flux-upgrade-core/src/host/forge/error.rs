//! What goes wrong with a forge.

use super::ForgeKind;

/// Why a forge does not do what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForgeError {
    /// The remote's URL names no project.
    #[error("`{url}` names no project of a forge: expected for example https://github.com/OWNER/NAME")]
    NoProject {
        /// The URL, without a login.
        url: String,
    },
    /// It is not known what kind of forge a host is.
    #[error(
        "what kind of forge `{host}` is cannot be told from its name; say it with `--forge github|gitlab|gitea`, and \
         where its API is with `--forge-url`, if that is an alias"
    )]
    UnknownKind {
        /// The host.
        host: String,
    },
    /// There is no token.
    #[error("no token for {kind}: set {}", .kind.variables().join(" or "))]
    NoToken {
        /// The kind of forge.
        kind: ForgeKind,
    },
    /// The address of the API cannot be used.
    #[error("`{url}` is no address of a forge's API: expected one such as https://git.example.com/api/v1")]
    BadAddress {
        /// What was found.
        url: String,
    },
    /// The forge has refused a request.
    #[error("{kind} answers {status} to `{what}`: {detail}")]
    Refused {
        /// The kind of forge.
        kind: ForgeKind,
        /// The method and the path.
        what: String,
        /// The status.
        status: u16,
        /// What it says.
        detail: String,
    },
    /// The forge has not answered, or with what cannot be read.
    #[error("{kind} did not answer `{what}`: {detail}")]
    Unanswered {
        /// The kind of forge.
        kind: ForgeKind,
        /// The method and the path.
        what: String,
        /// What happened.
        detail: String,
    },
}

impl ForgeError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoProject { .. } => "forge.no-project",
            Self::UnknownKind { .. } => "forge.unknown-kind",
            Self::NoToken { .. } => "forge.no-token",
            Self::BadAddress { .. } => "forge.bad-address",
            Self::Refused { .. } => "forge.refused",
            Self::Unanswered { .. } => "forge.unanswered",
        }
    }

    /// Whether the forge has refused with this status.
    pub(super) fn is_status(&self, wanted: u16) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == wanted)
    }
}
