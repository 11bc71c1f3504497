//! The Flux Operator's rules: which release a FluxInstance takes, and which tags an input provider exports.

use std::cmp::Reverse;

use super::{Pattern, Range, Version};

/// The release that `spec.distribution.version` of a FluxInstance takes: the newest of `available` that is in the range
/// `expression` and, where `embedded` is not empty, of a minor that the operator itself has.
///
/// `None` where no release fits, or the expression is no range. An exact version is a range of one.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::version::operator::instance_release;
/// let released = ["v2.8.3", "v2.9.0", "v2.9.4"];
/// assert_eq!(instance_release("2.x", &released, &[]), Some("v2.9.4"));
/// assert_eq!(instance_release("2.x", &released, &["v2.8.0"]), Some("v2.8.3"));
/// ```
#[must_use]
pub fn instance_release<'a>(expression: &str, available: &[&'a str], embedded: &[&str]) -> Option<&'a str> {
    let range = Range::parse(expression).ok()?;
    let line = |text: &str| Version::parse(text).ok().map(|version| (version.major(), version.minor()));
    let known: Vec<_> = embedded.iter().filter_map(|text| line(text)).collect();
    let fitting = available.iter().filter_map(|text| Some((Version::parse(text).ok()?, *text)));
    fitting
        .filter(|(version, text)| {
            range.matches(version)
                && (known.is_empty() || line(text).is_some_and(|line| known.contains(&line)))
        })
        .reduce(|best, next| if next.0.cmp_precedence(&best.0).is_gt() { next } else { best })
        .map(|(_, text)| text)
}

/// Whether a move from one release to another changes the minor; `None` where one of them is no version.
#[must_use]
pub fn is_minor_upgrade(from: &str, to: &str) -> Option<bool> {
    let (from, to) = (Version::parse(from).ok()?, Version::parse(to).ok()?);
    Some(from.major() == to.major() && from.minor() < to.minor())
}

/// The tag and the digest of an artifact's address, `""` where it has no digest; `None` where two `@` stand in it.
///
/// The tag follows the last colon behind the last slash.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::version::operator::split_digest;
/// assert_eq!(split_digest("localhost:5000/app:v1@sha256:0a"), Some(("v1", "sha256:0a")));
/// ```
#[must_use]
pub fn split_digest(address: &str) -> Option<(&str, &str)> {
    let (name, digest) = match address.split_once('@') {
        Some((_, digest)) if digest.contains('@') => return None,
        Some(parts) => parts,
        None => (address, ""),
    };
    let last = name.rsplit('/').next().unwrap_or(name);
    Some((last.rsplit(':').next().unwrap_or(last), digest))
}

/// `spec.filter` of a ResourceSetInputProvider.
#[derive(Debug, Clone, Default)]
pub struct TagSelection {
    /// What a tag must match.
    pub include: Option<Pattern>,
    /// What a tag must not match.
    pub exclude: Option<Pattern>,
    /// The range that a tag must be in.
    pub semver: Option<Range>,
    /// The most tags that are exported; 0 is no bound.
    pub limit: usize,
}

impl TagSelection {
    /// Whether a name passes the two patterns.
    #[must_use]
    pub fn admits(&self, name: &str) -> bool {
        let excluded = self.exclude.as_ref().is_some_and(|pattern| pattern.is_match(name));
        !excluded && self.include.as_ref().is_none_or(|pattern| pattern.is_match(name))
    }

    /// The tags that are exported: newest version first where there is a range, else in descending byte order.
    #[must_use]
    pub fn select<'a>(&self, tags: &[&'a str]) -> Vec<&'a str> {
        let mut out: Vec<&str> = tags.iter().copied().filter(|tag| self.admits(tag)).collect();
        match &self.semver {
            Some(range) => {
                let mut versions: Vec<(Version, &str)> = out
                    .iter()
                    .filter_map(|tag| Some((Version::parse(tag).ok()?, *tag)))
                    .filter(|(version, _)| range.matches(version))
                    .collect();
                versions.sort_by(|a, b| b.0.cmp_precedence(&a.0));
                out = versions.into_iter().map(|(_, tag)| tag).collect();
            }
            None => out.sort_by_key(|tag| Reverse(*tag)),
        }
        if self.limit > 0 {
            out.truncate(self.limit);
        }
        out
    }
}
