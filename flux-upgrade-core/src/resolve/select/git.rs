//! GitRepository: `spec.ref`.

use super::{Candidate, SelectError, Selection};
use crate::version::{Dialect, Range, Version};

/// `GitRepository.spec.ref`, as written; an empty text counts as absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GitReference<'a> {
    /// `ref.branch`
    pub branch: Option<&'a str>,
    /// `ref.tag`
    pub tag: Option<&'a str>,
    /// `ref.semver`
    pub semver: Option<&'a str>,
    /// `ref.name`
    pub name: Option<&'a str>,
    /// `ref.commit`
    pub commit: Option<&'a str>,
}

/// The field of a [`GitReference`] that takes effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitSelector {
    /// A commit, on a branch if one is named.
    Commit {
        /// The commit.
        commit: String,
        /// What labels the revision: the ref name or the branch.
        label: Option<String>,
    },
    /// A full ref.
    Name(String),
    /// A tag.
    Tag(String),
    /// The highest tag in a range.
    SemVer(Range),
    /// The tip of a branch.
    Branch(String),
}

impl<'a> GitReference<'a> {
    /// What takes effect: commit over name over tag over semver over branch; nothing means the branch `master`.
    ///
    /// The documentation of the field puts semver above tag; the Git client has always done otherwise, so a reference with
    /// both is worth a diagnostic (see [`GitReference::contradicts_documentation`]). Source: fluxcd/pkg
    /// `git/gogit/clone.go`.
    ///
    /// # Errors
    ///
    /// [`SelectError::Range`] and [`SelectError::RefName`].
    pub fn selector(&self, dialect: Dialect) -> Result<GitSelector, SelectError> {
        let [branch, tag, semver, name, commit] =
            [self.branch, self.tag, self.semver, self.name, self.commit]
                .map(|field| field.filter(|text| !text.is_empty()));
        if let Some(commit) = commit {
            let label = name.or(branch).map(str::to_owned);
            return Ok(GitSelector::Commit { commit: commit.to_owned(), label });
        }
        if let Some(name) = name {
            if !name.starts_with("refs/") || name.ends_with('/') {
                return Err(SelectError::RefName { name: name.to_owned() });
            }
            return Ok(GitSelector::Name(name.to_owned()));
        }
        if let Some(tag) = tag {
            return Ok(GitSelector::Tag(tag.to_owned()));
        }
        if let Some(range) = semver {
            return Ok(GitSelector::SemVer(Range::parse_in(range, dialect)?));
        }
        Ok(GitSelector::Branch(branch.unwrap_or("master").to_owned()))
    }

    /// Whether tag and semver are both set and would take effect in another order than documented.
    pub fn contradicts_documentation(&self) -> bool {
        let set = |field: Option<&str>| field.is_some_and(|text| !text.is_empty());
        set(self.tag) && set(self.semver) && !set(self.name) && !set(self.commit)
    }
}

/// The tag that `ref.semver` selects.
///
/// Tags must parse with the three-part rule as they are. Of equal versions (`v1.0.0` beside `1.0.0`, build metadata) the
/// one with the latest committer date of its commit, in [`Candidate::created`], wins; the date of an annotated tag is not
/// used. Equal or missing dates leave a tie. Source: fluxcd/pkg `git/gogit/clone.go`.
///
/// # Errors
///
/// [`SelectError::NoMatch`].
pub fn git_tag<'a>(
    range: &Range,
    tags: &'a [Candidate],
    dialect: Dialect,
) -> Result<Selection<'a>, SelectError> {
    highest(range, tags, Equals::LatestCreated, |tag| Version::parse_flux_in(&tag.text, dialect).ok())
}

/// How equal versions are told apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Equals {
    LatestCreated,
    Tied,
}

/// The highest candidate in a range; the first of equals, with the others as ties.
pub(super) fn highest<'a>(
    range: &Range,
    candidates: &'a [Candidate],
    equals: Equals,
    version_of: impl Fn(&Candidate) -> Option<Version>,
) -> Result<Selection<'a>, SelectError> {
    let mut best: Option<(Version, &Candidate)> = None;
    let mut ties = Vec::new();
    for candidate in candidates {
        let Some(version) = version_of(candidate).filter(|version| range.matches(version)) else { continue };
        let order = best.as_ref().map(|(best, chosen)| {
            let by_time = match equals {
                Equals::LatestCreated => candidate.created.cmp(&chosen.created),
                Equals::Tied => std::cmp::Ordering::Equal,
            };
            version.cmp_precedence(best).then(by_time)
        });
        match order {
            Some(std::cmp::Ordering::Less) => {}
            Some(std::cmp::Ordering::Equal) => ties.push(candidate),
            _ => {
                best = Some((version, candidate));
                ties.clear();
            }
        }
    }
    match best {
        Some((_, candidate)) => Ok(Selection { candidate, ties }),
        None => Err(SelectError::NoMatch { wanted: range.text().to_owned() }),
    }
}

/// The commit of a ref in an advertisement, given as (ref, hash) pairs: an annotated tag gives the commit it points at.
///
/// Source: fluxcd/pkg `git/gogit`, which resolves `refs/tags/x` to the advertised `refs/tags/x^{}`.
pub fn peeled<'a>(advertised: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    let find = |wanted: &str| advertised.iter().find(|(name, _)| *name == wanted).map(|(_, hash)| *hash);
    find(&format!("{name}^{{}}")).or_else(|| find(name))
}

/// Flux's text for a Git revision: `main@sha1:…`, or `sha1:…` without a label.
pub fn git_revision(label: Option<&str>, commit: &str) -> String {
    match label {
        Some(label) => format!("{label}@sha1:{commit}"),
        None => format!("sha1:{commit}"),
    }
}
