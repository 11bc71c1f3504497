//! What a policy elects.

use serde_json::Value;

use super::marker::Field;
use crate::locate::SourceKey;
use crate::plan::{EMPTY, Failure, Reason};
use crate::resolve::{Ask, Resolution};
use crate::scan::Placement;
use crate::text::Location;
use crate::time::Timestamp;
use crate::version::{
    Dialect, DigestReflection, ExclusionList, ImagePolicy, PolicyError, TagFilter, stored_order,
};

/// An ImagePolicy in one of its places, with the ImageRepository that it looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Where it stands.
    pub at: Location,
    /// `metadata.name`.
    pub name: String,
    pub(super) place: Placement,
    pub(super) labels: Value,
    /// The patches that complete it, in order.
    pub(super) patches: Vec<Location>,
    pub(super) rule: Result<Rule, Reason>,
}

/// By what a policy elects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    /// `spec.image` as written.
    pub(super) image: String,
    pub(super) repository: String,
    pub(super) insecure: bool,
    pub(super) exclusions: ExclusionList,
    pub(super) filter: Option<TagFilter>,
    pub(super) order: Order,
    pub(super) reflection: DigestReflection,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    /// A range, which each Flux reads in its own way.
    SemVer(String),
    Other(ImagePolicy),
}

/// An elected image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Elected {
    /// The name, as the ImageRepository writes it.
    pub image: String,
    /// The tag.
    pub tag: String,
    /// The digest, where the policy reflects one.
    pub digest: Option<String>,
    /// Tags that rank equally; Flux may have elected any of them.
    pub ties: Vec<String>,
}

impl Elected {
    /// What a marked field says.
    ///
    /// # Examples
    ///
    /// ```
    /// use flux_upgrade_core::automate::{Elected, Field};
    /// let elected = Elected { image: "redis".into(), tag: "7.4".into(), ..Elected::default() };
    /// assert_eq!(elected.text(Field::Reference), "redis:7.4");
    /// assert_eq!(elected.text(Field::Digest), "");
    /// ```
    #[must_use]
    pub fn text(&self, field: Field) -> String {
        match (field, &self.digest) {
            (Field::Reference, Some(digest)) => format!("{}:{}@{digest}", self.image, self.tag),
            (Field::Reference, None) => format!("{}:{}", self.image, self.tag),
            (Field::Name, _) => self.image.clone(),
            (Field::Tag, _) => self.tag.clone(),
            (Field::Digest, digest) => digest.clone().unwrap_or_default(),
        }
    }
}

/// Why a policy elects nothing yet, or at all.
pub(crate) enum Open {
    Held(Reason),
    Needs(Ask),
}

impl From<Reason> for Open {
    fn from(reason: Reason) -> Self {
        Self::Held(reason)
    }
}

impl Policy {
    /// Where its tags are published, and whether over plain HTTP.
    pub(crate) fn source(&self) -> Option<(SourceKey, bool)> {
        let rule = self.rule.as_ref().ok()?;
        Some((SourceKey::Oci { repository: rule.repository.clone() }, rule.insecure))
    }

    /// The cluster that it is applied in, where the files tell.
    pub(crate) fn cluster(&self) -> Option<&str> {
        self.place.cluster.as_deref()
    }

    /// Why it elects nothing, whatever is published.
    pub(crate) fn error(&self) -> Option<&Reason> {
        self.rule.as_ref().err()
    }

    /// The range that it elects by.
    pub(crate) fn range(&self) -> Option<&str> {
        match &self.rule.as_ref().ok()?.order {
            Order::SemVer(range) => Some(range),
            Order::Other(_) => None,
        }
    }

    /// Whether tags are filtered, and versions taken out of them.
    pub(crate) fn is_filtered(&self) -> bool {
        self.rule.as_ref().is_ok_and(|rule| rule.filter.is_some())
    }

    /// What it would elect by a range without bounds, of the kind that its own admits.
    pub(crate) fn unbounded(&self, resolution: &Resolution, dialect: Dialect) -> Option<String> {
        let range = self.range()?;
        let any = if range.contains('-') { ">=0.0.0-0" } else { ">=0.0.0" };
        let mut open = self.clone();
        open.rule.as_mut().ok()?.order = Order::SemVer(any.to_owned());
        open.elect(resolution, dialect, None, false).ok().map(|elected| elected.tag)
    }

    /// When a tag was published, where the registry tells.
    pub(crate) fn published(&self, resolution: &Resolution, tag: &str) -> Option<Timestamp> {
        let (source, _) = self.source()?;
        let list = resolution.candidates(&source).ok()?;
        list.iter().find(|candidate| candidate.text == tag)?.created
    }

    /// The image that it elects; `stored` is tag and digest of what the files have now, `digest` whether one is wanted.
    pub(crate) fn elect(
        &self,
        resolution: &Resolution,
        dialect: Dialect,
        stored: Option<(&str, Option<&str>)>,
        wants_digest: bool,
    ) -> Result<Elected, Open> {
        let rule = self.rule.as_ref().map_err(Reason::clone)?;
        let source = SourceKey::Oci { repository: rule.repository.clone() };
        let unanswered =
            |source: String, failure: &Failure| Reason::Unanswered { source, failure: failure.clone() };
        let list =
            resolution.candidates(&source).map_err(|failure| unanswered(source.to_string(), failure))?;
        let failed = |error: PolicyError| Reason::NoCandidate {
            detail: format!("{error}, by the policy {} at {}", self.name, self.at),
        };
        if list.is_empty() {
            return Err(Reason::NoCandidate { detail: EMPTY.to_owned() }.into());
        }
        let stored_tags = stored_order(list, &rule.exclusions, dialect);
        let by = match &rule.order {
            Order::SemVer(range) => &ImagePolicy::semver_in(range, dialect).map_err(failed)?,
            Order::Other(policy) => policy,
        };
        let election = by.elect(&stored_tags, rule.filter.as_ref()).map_err(failed)?;
        let tag = election.tag().to_owned();
        let mut digest = None;
        if wants_digest && rule.reflection != DigestReflection::Never {
            digest = stored.and_then(|(_, digest)| digest.map(str::to_owned));
            if rule.reflection.needs_lookup(stored, &tag) {
                let known = list.iter().find(|candidate| candidate.text == tag);
                let known = known.and_then(|candidate| candidate.digest.clone());
                let found = match known {
                    Some(digest) => digest,
                    None => match resolution.digest(&rule.repository, &tag) {
                        Some(Ok(digest)) => digest.clone(),
                        Some(Err(failure)) => {
                            return Err(unanswered(format!("{source}:{tag}"), failure).into());
                        }
                        None => {
                            return Err(Open::Needs(Ask::Digest {
                                repository: rule.repository.clone(),
                                tag,
                            }));
                        }
                    },
                };
                if !crate::resolve::select::is_digest(&found) {
                    let detail = format!("`{found}` is no digest");
                    return Err(unanswered(format!("{source}:{tag}"), &Failure::Malformed { detail }).into());
                }
                digest = Some(found);
            }
        }
        let ties = election.ties().iter().map(|tie| (*tie).clone()).collect();
        Ok(Elected { image: rule.image.clone(), tag, digest, ties })
    }
}
