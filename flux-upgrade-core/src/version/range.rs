//! Ranges: parsing, matching, and why a version is outside.

use super::grammar::{RangeError, read};
use super::term::{Mismatch, MismatchKind, Operator, Precision, Term};
use super::{Dialect, Version};
use std::fmt;

/// A semver range as Flux and Helm read it.
///
/// - `1.2.3` is equality, `1.2` is `~1.2`, `*` is every release
/// - a space or comma means AND, `||` means OR, `1.2 - 1.4` is `>=1.2 <=1.4`
/// - a pre-release is admitted only if some term of the same AND group names a pre-release
///
/// Displays as the library prints it: terms joined by one space, groups by ` || `. Source: Masterminds/semver
/// `constraints.go`.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::version::{Range, Version};
/// let range: Range = ">=1.2.0 <2.0.0".parse()?;
/// assert!(range.matches(&Version::parse("v1.9.3")?));
/// assert!(!range.matches(&Version::parse("1.9.3-rc.1")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Range {
    text: String,
    pub(super) groups: Vec<Group>,
    dialect: Dialect,
}

/// Terms that must all admit a version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Group {
    pub(super) terms: Vec<Term>,
}

impl Group {
    fn names_prerelease(&self) -> bool {
        self.terms.iter().any(|term| term.base.is_prerelease())
    }

    fn span(&self) -> (usize, usize) {
        let start = self.terms.first().map_or(0, |term| term.span.0);
        (start, self.terms.last().map_or(start, |term| term.span.1))
    }
}

/// Whether pre-releases need to be named to be admitted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prereleases {
    Named,
    All,
}

impl Range {
    /// Reads a range with the rules of the newest Flux.
    ///
    /// # Errors
    ///
    /// [`RangeError`] with the place and, where there is one, the nearest valid spelling. The empty text is an error:
    /// fields where it means `*` are handled by their consumers.
    pub fn parse(text: &str) -> Result<Range, RangeError> {
        Range::parse_in(text, Dialect::default())
    }

    /// Reads a range with the rules of one Flux minor; matching follows the same rules.
    ///
    /// # Errors
    ///
    /// As [`Range::parse`].
    pub fn parse_in(text: &str, dialect: Dialect) -> Result<Range, RangeError> {
        let groups = read(text, dialect)
            .map_err(|(problem, start, end)| RangeError::new(text, problem, start, end))?;
        Ok(Range { text: text.to_owned(), groups, dialect })
    }

    /// Whether the text is a range for the newest Flux; cheaper than [`Range::parse`] when it is not.
    pub fn is_valid(text: &str) -> bool {
        read(text, Dialect::default()).is_ok()
    }

    /// The text the range was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it admits one version alone, whatever is published: every term names it in full.
    ///
    /// # Examples
    ///
    /// ```
    /// use flux_upgrade_core::version::Range;
    /// assert!(Range::parse("=1.2.3")?.is_one_version());
    /// assert!(!Range::parse("1.2")?.is_one_version());
    /// # Ok::<(), flux_upgrade_core::version::RangeError>(())
    /// ```
    pub fn is_one_version(&self) -> bool {
        let full = |term: &Term| term.operator == Operator::Equal && term.precision == Precision::Full;
        matches!(self.groups.as_slice(), [group] if group.terms.iter().any(full))
    }

    /// Whether `version` lies inside this range; build metadata is ignored.
    pub fn matches(&self, version: &Version) -> bool {
        self.groups.iter().any(|group| self.admits(group, version, Prereleases::Named))
    }

    /// Whether `version` lies inside this range when pre-releases need not be named.
    ///
    /// The library calls this switch `IncludePrerelease`; neither Flux nor Helm sets it.
    pub fn matches_with_prereleases(&self, version: &Version) -> bool {
        self.groups.iter().any(|group| self.admits(group, version, Prereleases::All))
    }

    /// Every reason why `version` is outside, in the order of the terms; empty if it is inside.
    pub fn explain(&self, version: &Version) -> Vec<Mismatch> {
        self.explain_as(version, Prereleases::Named)
    }

    /// [`Range::explain`] when pre-releases need not be named.
    pub fn explain_with_prereleases(&self, version: &Version) -> Vec<Mismatch> {
        self.explain_as(version, Prereleases::All)
    }

    /// Whether the range is one version written in full, as `1.2.3` or `=1.2.3`.
    pub fn is_exact(&self) -> bool {
        self.exact_version().is_some()
    }

    /// The one version that the range names in full.
    pub fn exact_version(&self) -> Option<&Version> {
        match self.groups.as_slice() {
            [Group { terms }] => match terms.as_slice() {
                [term] if term.operator == Operator::Equal && term.precision == Precision::Full => {
                    Some(&term.base)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// How many alternatives `||` separates.
    pub fn alternatives(&self) -> usize {
        self.groups.len()
    }

    /// The terms of each alternative as written; a hyphen range counts as two.
    pub fn terms(&self) -> impl Iterator<Item = Vec<String>> + '_ {
        self.groups.iter().map(|group| group.terms.iter().map(Term::to_string).collect())
    }

    fn explain_as(&self, version: &Version, prereleases: Prereleases) -> Vec<Mismatch> {
        let mut mismatches = Vec::new();
        for group in &self.groups {
            let before = mismatches.len();
            if self.is_closed(group, version, prereleases) {
                mismatches.push(Mismatch {
                    version: version.text().to_owned(),
                    operator: None,
                    bound: group.to_string(),
                    kind: MismatchKind::Prerelease,
                    span: group.span(),
                });
                continue;
            }
            for term in &group.terms {
                if let Err(kind) = self.check(term, version, prereleases) {
                    mismatches.push(Mismatch {
                        version: version.text().to_owned(),
                        operator: Some(term.operator),
                        bound: term.bound.clone(),
                        kind,
                        span: term.span,
                    });
                }
            }
            if mismatches.len() == before {
                return Vec::new();
            }
        }
        mismatches
    }

    fn admits(&self, group: &Group, version: &Version, prereleases: Prereleases) -> bool {
        !self.is_closed(group, version, prereleases)
            && group.terms.iter().all(|term| self.check(term, version, prereleases).is_ok())
    }

    /// Since library 3.4 the group decides about pre-releases.
    fn is_closed(&self, group: &Group, version: &Version, prereleases: Prereleases) -> bool {
        self.dialect.opens_group()
            && prereleases == Prereleases::Named
            && version.is_prerelease()
            && !group.names_prerelease()
    }

    /// Up to library 3.3 each term decides about pre-releases, and `!=1.2.3` admits all of them.
    fn check(&self, term: &Term, version: &Version, prereleases: Prereleases) -> Result<(), MismatchKind> {
        let exempt = term.operator == Operator::NotEqual && term.precision == Precision::Full;
        let alone = !self.dialect.opens_group() && prereleases == Prereleases::Named && !exempt;
        if alone && version.is_prerelease() && !term.base.is_prerelease() {
            return Err(MismatchKind::Prerelease);
        }
        term.check(version)
    }
}

impl std::str::FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Range, RangeError> {
        Range::parse(text)
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, term) in self.terms.iter().enumerate() {
            write!(f, "{}{term}", if i == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, group) in self.groups.iter().enumerate() {
            write!(f, "{}{group}", if i == 0 { "" } else { " || " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::RangeProblem;
    use super::*;

    fn matches(range: &str, flux: &str, version: &str) -> bool {
        let dialect = Dialect::for_flux(flux).unwrap();
        Range::parse_in(range, dialect).unwrap().matches(&Version::parse(version).unwrap())
    }

    #[test]
    fn prereleases_by_flux_minor() {
        for (range, version, before, since) in [
            (">=1.2.3-0 <2", "1.5.0-rc.1", false, true),
            ("!=1.2.3", "1.5.0-rc.1", true, false),
            (">=1.0.0-0", "2.0.0-rc.1", true, true),
            ("^1 || >=3.0.0-0", "1.5.0-rc.1", false, false),
        ] {
            assert_eq!(matches(range, "2.6", version), before, "{range} and {version} in Flux 2.6");
            assert_eq!(matches(range, "2.7", version), since, "{range} and {version} in Flux 2.7");
        }
    }

    #[test]
    fn texts_by_flux_minor() {
        let valid =
            |range: &str, flux: &str| Range::parse_in(range, Dialect::for_flux(flux).unwrap()).is_ok();
        assert_eq!(
            (valid(">=1.02", "2.4"), valid(">=1.02", "2.5"), valid(">=1.02", "2.6")),
            (true, false, true)
        );
        assert_eq!((valid("1 - 2 <=3", "0.41"), valid("1 - 2 <=3", "2.0")), (false, true));
    }

    #[test]
    fn errors_point_at_the_place() {
        let table = [
            (">=1.2 <lates", RangeProblem::NotAVersion, 7..8),
            (">=1.2,", RangeProblem::TrailingComma, 6..6),
            ("1.2 || ", RangeProblem::EmptyGroup, 7..7),
            ("1 - 2 é", RangeProblem::NotAVersion, 6..8),
            (">=1.2<2", RangeProblem::Unexpected, 5..6),
            ("<1x", RangeProblem::BadNumber, 1..3),
        ];
        for (text, problem, span) in table {
            let error = Range::parse(text).unwrap_err();
            assert_eq!((error.problem(), error.span()), (problem, span), "{text}");
        }
        assert_eq!(Range::parse(&"1 ".repeat(5000)).unwrap_err().problem(), RangeProblem::TooLong);
    }

    #[test]
    fn mismatches_point_at_their_terms() {
        let range = Range::parse("1.0 - 2.0 || >=4").unwrap();
        let mismatches = range.explain(&Version::parse("3.0.0").unwrap());
        let found: Vec<_> = mismatches.iter().map(|mismatch| (mismatch.bound(), mismatch.span())).collect();
        assert_eq!(found, [("2.0", 6..9), ("4", 13..16)]);
    }
}
