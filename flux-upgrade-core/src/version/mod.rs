//! The Flux dialect of versions: parsing, ordering, ranges, image policies and tag flavours.
//!
//! Flux's controllers and Helm use Masterminds/semver v3. What surprises people who come from npm or Cargo:
//!
//! - `v1.2` is a version and means 1.2.0; leading zeros are dropped (`2024.01.05` is 2024.1.5)
//! - build metadata never takes part in ordering: `1.0.0+a` equals `1.0.0+b`
//! - a range `1.2` means `~1.2`, while `1.2.3` is equality
//! - one pre-release in a range opens its whole AND group to pre-releases, of any version
//! - `^*` admits only 0.0.0, and `~0.0.0` admits every release
//!
//! [`Version`] keeps the text it was read from. Numbers too large for 64 bits in a pre-release compare as text, which
//! is why the parser is our own.

mod constraint;
mod dialect;
mod flavour;
mod flux;
mod gofloat;
mod gosyntax;
mod grammar;
mod hyphen;
pub mod operator;
mod parse;
mod pattern;
mod policy;
mod range;
mod ranking;
mod rewrite;
mod shape;
mod template;
mod term;

pub use constraint::{Constraint, ConstraintError};
pub use dialect::{Dialect, DialectError, Library};
pub use flavour::{Flavour, Prereleases, Refusal};
pub use flux::{FluxMinor, component_major, component_minor, controllers, flux_minor_of, is_cli_compatible};
pub use grammar::{RangeError, RangeProblem};
pub use parse::{VersionError, VersionProblem};
pub use pattern::{Pattern, PatternError, PatternProblem};
pub use policy::{
    DigestReflection, Election, ExclusionList, ImagePolicy, Order, PolicyError, TagFilter, reflected_digest,
    stored_order,
};
pub use range::Range;
pub use ranking::{Ranked, Ranking, newest};
pub use rewrite::{move_range, pin};
pub use template::Template;
pub use term::{Mismatch, MismatchKind, Operator, Precision};

use std::cmp::Ordering;
use std::fmt;

/// A semantic version as Flux and Helm read it, with its original text.
///
/// Equality is equality of the text; [`Version::cmp_precedence`] is the ordering that Flux uses, in which `v1.0.0` and
/// `1.0.0+build` are equal.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::version::Version;
/// let version = Version::parse("v2024.01.5-rc.1+linux")?;
/// assert_eq!(version.canonical(), "2024.1.5-rc.1+linux");
/// assert_eq!((version.major(), version.pre(), version.text()), (2024, "rc.1", "v2024.01.5-rc.1+linux"));
/// # Ok::<(), flux_upgrade_core::version::VersionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version {
    text: String,
    major: u64,
    minor: u64,
    patch: u64,
    pre: String,
    build: String,
}

impl Version {
    /// Reads a version leniently: optional `v`, missing minor and patch are 0, leading zeros are dropped.
    ///
    /// Source: Masterminds/semver `version.go`, `NewVersion`.
    ///
    /// # Errors
    ///
    /// [`VersionError`] for anything else: blanks, a capital `V`, four numbers, empty identifiers, a numeric
    /// pre-release identifier with a leading zero, a number beyond 64 bits.
    pub fn parse(text: &str) -> Result<Version, VersionError> {
        Version::parse_in(text, Dialect::default())
    }

    /// Reads a version leniently, as the library of a Flux minor does.
    ///
    /// Flux 2.5 refuses leading zeros (Masterminds/semver 3.3.1); every other minor drops them.
    ///
    /// # Errors
    ///
    /// As [`Version::parse`].
    pub fn parse_in(text: &str, dialect: Dialect) -> Result<Version, VersionError> {
        let form =
            if dialect.rejects_leading_zeros() { parse::Form::NoLeadingZeros } else { parse::Form::Lenient };
        parse::version(text, form)
    }

    /// Reads a version strictly: three numbers, no `v`, no leading zeros.
    ///
    /// Helm lists OCI tags with it. Source: Masterminds/semver `version.go`, `StrictNewVersion`.
    ///
    /// # Errors
    ///
    /// [`VersionError`] naming what was found and the byte where it stands.
    pub fn parse_strict(text: &str) -> Result<Version, VersionError> {
        parse::version(text, parse::Form::Strict)
    }

    /// Reads a version as Flux reads tags of Git, OCI and image repositories and chart index entries.
    ///
    /// The text, split at its first two dots, must have three parts; then it is read leniently. `v1.2` is refused and
    /// `v1.2-foo.3` is not. Source: fluxcd/pkg `version/version.go`, `ParseVersion`.
    ///
    /// # Errors
    ///
    /// As [`Version::parse`], and [`VersionProblem::NotThreeParts`].
    ///
    /// # Examples
    ///
    /// ```
    /// use flux_upgrade_core::version::Version;
    /// assert!(Version::parse_flux("v1.2.3").is_ok());
    /// assert!(Version::parse_flux("v1.2").is_err());
    /// ```
    pub fn parse_flux(text: &str) -> Result<Version, VersionError> {
        Version::parse_flux_in(text, Dialect::default())
    }

    /// Reads a version by the three-part rule in the dialect of a Flux minor.
    ///
    /// # Errors
    ///
    /// As [`Version::parse_flux`].
    pub fn parse_flux_in(text: &str, dialect: Dialect) -> Result<Version, VersionError> {
        if text.bytes().filter(|&byte| byte == b'.').count() < 2 {
            return Err(VersionError::new(text, VersionProblem::NotThreeParts, text.len()));
        }
        Version::parse_in(text, dialect)
    }

    /// The text the version was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first number.
    pub fn major(&self) -> u64 {
        self.major
    }

    /// The second number, 0 if it was not written.
    pub fn minor(&self) -> u64 {
        self.minor
    }

    /// The third number, 0 if it was not written.
    pub fn patch(&self) -> u64 {
        self.patch
    }

    /// The pre-release identifiers without the `-`, empty for a release.
    pub fn pre(&self) -> &str {
        &self.pre
    }

    /// The build identifiers without the `+`, empty if there are none.
    pub fn build(&self) -> &str {
        &self.build
    }

    /// Whether the version has a pre-release part.
    pub fn is_prerelease(&self) -> bool {
        !self.pre.is_empty()
    }

    /// Whether the text starts with a `v`.
    pub fn has_v_prefix(&self) -> bool {
        self.text.starts_with('v')
    }

    /// The normalised text: three numbers, no `v`, no leading zeros.
    ///
    /// Source: Masterminds/semver `version.go`, `String`.
    pub fn canonical(&self) -> String {
        let mut text = format!("{}.{}.{}", self.major, self.minor, self.patch);
        if !self.pre.is_empty() {
            text.push('-');
            text.push_str(&self.pre);
        }
        if !self.build.is_empty() {
            text.push('+');
            text.push_str(&self.build);
        }
        text
    }

    /// Orders by precedence: numbers, then pre-release; build metadata and spelling are ignored.
    ///
    /// Source: Masterminds/semver `version.go`, `Compare`.
    pub fn cmp_precedence(&self, other: &Version) -> Ordering {
        self.numbers().cmp(&other.numbers()).then_with(|| compare_pre(&self.pre, &other.pre))
    }

    /// How far it is from this version to `newer`: the first number that differs.
    ///
    /// A step between pre-releases of one version, or to its release, is a patch.
    pub fn level_to(&self, newer: &Version) -> Level {
        if self.major != newer.major {
            Level::Major
        } else if self.minor != newer.minor {
            Level::Minor
        } else {
            Level::Patch
        }
    }

    /// The next version at `level`, without pre-release and build, keeping a `v`; `None` when a number would overflow.
    ///
    /// A pre-release goes to its own release at [`Level::Patch`]; [`Level::Digest`] changes nothing. Source:
    /// Masterminds/semver `version.go`, `IncMajor`, `IncMinor`, `IncPatch`.
    pub fn bumped(&self, level: Level) -> Option<Version> {
        let (major, minor, patch) = match level {
            Level::Digest => return Some(self.clone()),
            Level::Patch if self.is_prerelease() => self.numbers(),
            Level::Patch => (self.major, self.minor, self.patch.checked_add(1)?),
            Level::Minor => (self.major, self.minor.checked_add(1)?, 0),
            Level::Major => (self.major.checked_add(1)?, 0, 0),
        };
        let prefix = if self.has_v_prefix() { "v" } else { "" };
        let text = format!("{prefix}{major}.{minor}.{patch}");
        Some(Version { text, major, minor, patch, pre: String::new(), build: String::new() })
    }

    fn numbers(&self) -> (u64, u64, u64) {
        (self.major, self.minor, self.patch)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Version, VersionError> {
        Version::parse(text)
    }
}

/// Orders pre-release texts; the empty one, a release, is the highest.
fn compare_pre(left: &str, right: &str) -> Ordering {
    match (left.is_empty(), right.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(left), Some(right)) => match compare_identifier(left, right) {
                Ordering::Equal => {}
                decided => return decided,
            },
        }
    }
}

/// Numbers below texts; a number beyond 64 bits counts as text, as in Masterminds/semver `comparePrePart`.
fn compare_identifier(left: &str, right: &str) -> Ordering {
    match (left.parse::<u64>(), right.parse::<u64>()) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => left.cmp(right),
    }
}

/// How big a step is; ordered from the smallest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The tag stays, what it points at moves.
    Digest,
    /// The third number or anything after it.
    Patch,
    /// The second number.
    Minor,
    /// The first number.
    Major,
}

impl Level {
    /// The lowercase name: `digest`, `patch`, `minor` or `major`.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Digest => "digest",
            Level::Patch => "patch",
            Level::Minor => "minor",
            Level::Major => "major",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn order(ascending: &[&str]) {
        let versions: Vec<Version> = ascending.iter().map(|text| Version::parse(text).unwrap()).collect();
        for (i, left) in versions.iter().enumerate() {
            for (j, right) in versions.iter().enumerate() {
                assert_eq!(left.cmp_precedence(right), i.cmp(&j), "{left} and {right}");
            }
        }
    }

    #[test]
    fn precedence_of_prereleases() {
        order(&[
            "1.0.0-0",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0--",
            "1.0.0-A",
            "1.0.0-a",
            "1.0.0-a.1",
            "1.0.0-b",
            "1",
        ]);
    }

    #[test]
    fn numbers_beyond_64_bits_compare_as_text() {
        order(&["1.0.0-18446744073709551615", "1.0.0-18446744073709551616", "1.0.0-9999999999999999999999"]);
        order(&["1.0.0-100000000000000000000", "1.0.0-20000000000000000000"]);
    }

    #[test]
    fn levels() {
        let level =
            |from: &str, to: &str| Version::parse(from).unwrap().level_to(&Version::parse(to).unwrap());
        assert_eq!(level("1.2.3", "2.0.0"), Level::Major);
        assert_eq!(level("1.2.3", "1.3.0"), Level::Minor);
        assert_eq!(level("1.2.3-rc.1", "1.2.3"), Level::Patch);
        assert!(Level::Digest < Level::Patch && Level::Patch < Level::Minor && Level::Minor < Level::Major);
    }
}
