//! Why a site stays as it is: what users read most.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::version::Level;

/// What is newer than the choice and outside the rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Beyond {
    /// The newest version that exists.
    pub newest: String,
    /// How far away it is.
    pub level: Level,
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Failure {
    /// The host was told not to ask, and its records have no answer.
    NotAsked,
    /// The source does not exist, or hides that it does.
    NotFound,
    /// The source wants credentials, or other ones.
    Unauthorized,
    /// The source asks for patience.
    RateLimited {
        /// Seconds to wait, where it says.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_seconds: Option<u64>,
    },
    /// No connection, or none that ended in an answer.
    Unreachable {
        /// What the host saw.
        detail: String,
    },
    /// The answer is larger than allowed.
    TooLarge {
        /// The limit in bytes.
        limit_bytes: u64,
    },
    /// The answer cannot be read.
    Malformed {
        /// What was wrong with it.
        detail: String,
    },
    /// The caller gave up.
    Cancelled,
}

impl Failure {
    /// The same as people are told: what a server has said is one line that ends, whatever it has said.
    #[must_use]
    pub(crate) fn told(self) -> Self {
        match self {
            Self::Unreachable { detail } => Self::Unreachable { detail: brief(detail) },
            Self::Malformed { detail } => Self::Malformed { detail: brief(detail) },
            other => other,
        }
    }
}

fn brief(text: String) -> String {
    const MOST: usize = 300;
    let end = text.char_indices().nth(MOST).map(|(at, _)| at);
    if end.is_none() && !text.contains(char::is_control) {
        return text;
    }
    let shown = &text[..end.unwrap_or(text.len())];
    let line = shown.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    line.chain(end.map(|_| '…')).collect()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str("no answer is recorded"),
            Self::NotFound => f.write_str("not found: it does not exist, or it is private"),
            Self::Unauthorized => {
                f.write_str("credentials are missing or refused: log in to it, or correct the name")
            }
            Self::RateLimited { retry_after_seconds: Some(seconds) } => {
                write!(f, "rate limited, try again in {seconds} s")
            }
            Self::RateLimited { retry_after_seconds: None } => f.write_str("rate limited"),
            Self::Unreachable { detail } => write!(f, "unreachable: {detail}"),
            Self::TooLarge { limit_bytes } => {
                write!(f, "larger than {} MiB, the limit", limit_bytes / (1024 * 1024))
            }
            Self::Malformed { detail } => write!(f, "the answer cannot be read: {detail}"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// Why a site stays as it is.
///
/// In JSON each is an object whose `kind` is the name below in camel case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Reason {
    /// Nothing newer of its kind is published.
    UpToDate,
    /// Something newer is published, and the rules do not allow it.
    BeyondRules {
        /// The newest that is published.
        newest: String,
        /// How far away it is.
        level: Level,
        /// The rule that keeps it out: `allow`, `range`, `ignore`, `minimumAge`, `promote`, `kubeVersion`, `signature`, `ranges` or `digests`.
        rule: &'static str,
    },
    /// The source has nothing that this field could name.
    NoCandidate {
        /// What was looked for.
        detail: String,
    },
    /// No object of the name that the field refers to.
    SourceNotFound {
        /// `Kind namespace/name` as referred to.
        source: String,
    },
    /// The source exists and cannot be asked for versions.
    SourceUnsupported {
        /// What it is.
        detail: String,
    },
    /// The source was asked and has no usable answer.
    Unanswered {
        /// The source.
        source: String,
        /// Why.
        failure: Failure,
    },
    /// The current tag is no longer published, and nothing higher is.
    CurrentVanished {
        /// The newest that is published.
        #[serde(skip_serializing_if = "Option::is_none")]
        newest: Option<String>,
    },
    /// A rule asks for an age, and the source gives no dates.
    NoDate {
        /// The version without a date.
        newest: String,
    },
    /// Several sources match and differ.
    Ambiguous {
        /// `Kind namespace/name at path:line:column`, each.
        sources: Vec<String>,
    },
    /// Sites that share one text want to move to different ones.
    Disagree {
        /// `id -> wish`, each.
        wishes: Vec<String>,
    },
    /// A range that already admits the newest.
    Floating {
        /// What it selects now.
        resolves_to: String,
    },
    /// The value is a variable.
    Substituted {
        /// The variable's name.
        variable: String,
    },
    /// A placeholder that patches set again wherever the object is applied.
    Overridden,
    /// The value repeats an anchor that cannot be edited.
    Aliased,
    /// The value is a block or multi-line scalar.
    MultiLine,
    /// The value is made by a template.
    Templated,
    /// The document is encrypted with SOPS, and its checksum covers the value.
    Encrypted,
    /// The file is generated.
    Generated,
    /// The field has a `$imagepolicy` marker, and moves only to what its policy elects.
    Marked {
        /// The marker's value.
        policy: String,
    },
    /// Something that has to hold first does not: a fact that a rule requires, a file that nobody edited.
    Requires {
        /// The fact.
        detail: String,
    },
    /// A later step of a series.
    NextStep {
        /// The step before it.
        after: String,
    },
    /// It was to be pinned, and the field or the lock does not allow that.
    CannotPin {
        /// Why.
        detail: String,
    },
    /// A comment or a rule says to leave it alone.
    Ignored {
        /// Where that is said.
        by: String,
    },
}

impl Reason {
    /// Whether only a person can settle it: it is neither in order, nor decided by a rule or an author, nor a source
    /// without an answer.
    #[must_use]
    pub fn wants_a_person(&self) -> bool {
        matches!(
            self,
            Self::NoCandidate { .. }
                | Self::SourceNotFound { .. }
                | Self::SourceUnsupported { .. }
                | Self::CurrentVanished { .. }
                | Self::NoDate { .. }
                | Self::Ambiguous { .. }
                | Self::Disagree { .. }
                | Self::Aliased
                | Self::MultiLine
                | Self::Requires { .. }
                | Self::CannotPin { .. }
        )
    }

    /// What would have to be otherwise for a site to move, where candidates are not what holds it.
    pub(super) fn hinders(&self) -> Option<String> {
        match self {
            Self::UpToDate
            | Self::BeyondRules { .. }
            | Self::NoCandidate { .. }
            | Self::CurrentVanished { .. }
            | Self::NoDate { .. }
            | Self::Floating { .. } => None,
            Self::Unanswered { source, .. } => Some(format!("if there were an answer: {source}")),
            other => Some(format!("if it were not held: {other}")),
        }
    }

    /// The reason's name as JSON has it in `kind`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UpToDate => "upToDate",
            Self::BeyondRules { .. } => "beyondRules",
            Self::NoCandidate { .. } => "noCandidate",
            Self::SourceNotFound { .. } => "sourceNotFound",
            Self::SourceUnsupported { .. } => "sourceUnsupported",
            Self::Unanswered { .. } => "unanswered",
            Self::CurrentVanished { .. } => "currentVanished",
            Self::NoDate { .. } => "noDate",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Disagree { .. } => "disagree",
            Self::Floating { .. } => "floating",
            Self::Substituted { .. } => "substituted",
            Self::Overridden => "overridden",
            Self::Aliased => "aliased",
            Self::MultiLine => "multiLine",
            Self::Templated => "templated",
            Self::Encrypted => "encrypted",
            Self::Generated => "generated",
            Self::Marked { .. } => "marked",
            Self::Requires { .. } => "requires",
            Self::NextStep { .. } => "nextStep",
            Self::CannotPin { .. } => "cannotPin",
            Self::Ignored { .. } => "ignored",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UpToDate => f.write_str("up to date"),
            Self::BeyondRules { newest, level, rule } => match *rule {
                "allow" => write!(f, "{newest} is a {level} update, and the rules do not allow that"),
                "minimumAge" => write!(f, "{newest} is younger than the rules' minimum age"),
                "asOf" => write!(f, "{newest} was published later than the date asked for"),
                "kubeVersion" => {
                    write!(f, "{newest} wants another Kubernetes than the rules say the cluster has")
                }
                "signature" => write!(f, "{newest} has no signature, which a rule requires"),
                "range" => write!(f, "{newest} lies outside the range that a rule allows"),
                "ignore" => write!(f, "a rule ignores {newest}"),
                "ranges" => write!(f, "the range leaves out {newest}, and the rules keep ranges as they are"),
                "promote" => {
                    write!(f, "{newest} has not stood for long enough where it would be promoted from")
                }
                "digests" => write!(f, "{newest} has another digest, and the rules keep digests as they are"),
                other => write!(f, "{newest} is kept out by the rule `{other}`"),
            },
            Self::NoCandidate { detail } => write!(f, "no candidate: {detail}"),
            Self::SourceNotFound { source } => write!(f, "no {source} in these files"),
            Self::SourceUnsupported { detail } => write!(f, "cannot be asked for versions: {detail}"),
            Self::Unanswered { source, failure } => write!(f, "{source}: {failure}"),
            Self::CurrentVanished { newest: Some(newest) } => {
                write!(f, "the source does not list it, and the newest of its kind is the lower {newest}")
            }
            Self::CurrentVanished { newest: None } => f.write_str("the source does not list it"),
            Self::NoDate { newest } => write!(f, "{newest} has no publication date to judge its age by"),
            Self::Ambiguous { sources } => write!(f, "several sources match: {}", sources.join(", ")),
            Self::Disagree { wishes } => write!(f, "shared by sites that disagree: {}", wishes.join(", ")),
            Self::Floating { resolves_to } => write!(f, "the range already selects {resolves_to}"),
            Self::Substituted { variable } => write!(f, "set by the variable `{variable}`"),
            Self::Overridden => {
                f.write_str("a placeholder: wherever the object is applied, a patch sets the field again")
            }
            Self::Aliased => f.write_str("repeats an anchor that cannot be edited"),
            Self::MultiLine => f.write_str("a block or multi-line text"),
            Self::Templated => f.write_str("made by a template"),
            Self::Encrypted => f.write_str("encrypted with SOPS, whose checksum covers it"),
            Self::Generated => f.write_str("in a generated file"),
            Self::Marked { policy } => write!(f, "moves only with the image policy `{policy}`"),
            Self::Requires { detail } => write!(f, "requires {detail}"),
            Self::NextStep { after } => write!(f, "comes after {after}"),
            Self::CannotPin { detail } => write!(f, "cannot be pinned: {detail}"),
            Self::Ignored { by } => write!(f, "left alone: {by}"),
        }
    }
}
