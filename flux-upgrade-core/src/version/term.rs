//! One term of a range: an operator and a bound that may be partial.

use super::{Version, compare_pre};
use std::cmp::Ordering;
use std::fmt;

/// What a term asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// No operator or `=`: equality for a full bound, else as `~`.
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=` or `=>`
    GreaterEqual,
    /// `<`
    Less,
    /// `<=` or `=<`
    LessEqual,
    /// `~` or `~>`
    Tilde,
    /// `^`
    Caret,
}

/// The spellings of the operators, longest first.
pub(super) const SPELLINGS: [(&str, Operator); 11] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterEqual),
    ("=>", Operator::GreaterEqual),
    ("<=", Operator::LessEqual),
    ("=<", Operator::LessEqual),
    ("~>", Operator::Tilde),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
];

/// How many numbers of a bound are written before it ends or a wildcard stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// `*`
    Any,
    /// `1`, `1.x`
    Major,
    /// `1.2`, `1.2.x`
    Minor,
    /// `1.2.3`
    Full,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Term {
    pub(super) operator: Operator,
    pub(super) spelling: &'static str,
    /// The bound as written.
    pub(super) bound: String,
    /// The bound with missing and wildcard numbers set to 0.
    pub(super) base: Version,
    pub(super) precision: Precision,
    /// Bytes of the term in the range text.
    pub(super) span: (usize, usize),
}

/// Why a version is outside a range: one failing term, or a group closed to pre-releases.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::version::{Range, Version};
/// let range = Range::parse(">=1.2.0 <2.0.0")?;
/// let mismatches = range.explain(&Version::parse("2.1.0")?);
/// assert_eq!(mismatches[0].to_string(), "2.1.0 is not below 2.0.0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    pub(super) version: String,
    pub(super) operator: Option<Operator>,
    pub(super) bound: String,
    pub(super) kind: MismatchKind,
    pub(super) span: (usize, usize),
}

impl Mismatch {
    /// The operator of the failing term; `None` when a whole group is closed to pre-releases.
    pub fn operator(&self) -> Option<Operator> {
        self.operator
    }

    /// The bound of the failing term as written, or the text of the closed group.
    pub fn bound(&self) -> &str {
        &self.bound
    }

    /// How the version and the bound disagree.
    pub fn kind(&self) -> MismatchKind {
        self.kind
    }

    /// Where the failing term or group stands in the range, in UTF-8 bytes from 0, half-open.
    pub fn span(&self) -> std::ops::Range<usize> {
        self.span.0..self.span.1
    }
}

/// How a version and a bound disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MismatchKind {
    /// A pre-release where only releases are asked for.
    Prerelease,
    /// Below the bound.
    Below,
    /// Not above the bound.
    NotAbove,
    /// Above the bound.
    Above,
    /// Not below the bound.
    NotBelow,
    /// Inside what `!=` leaves out.
    LeftOut,
    /// Not equal to the bound.
    Different,
    /// Another major version.
    OtherMajor,
    /// Another minor version.
    OtherMinor,
    /// Another patch version, where `^0.0.z` admits one only.
    OtherPatch,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, bound) = (&self.version, &self.bound);
        match self.kind {
            MismatchKind::Prerelease => write!(f, "{version} is a pre-release and `{bound}` names none"),
            MismatchKind::Below => write!(f, "{version} is below {bound}"),
            MismatchKind::NotAbove => write!(f, "{version} is not above {bound}"),
            MismatchKind::Above => write!(f, "{version} is above {bound}"),
            MismatchKind::NotBelow => write!(f, "{version} is not below {bound}"),
            MismatchKind::LeftOut => write!(f, "{version} is left out by !={bound}"),
            MismatchKind::Different => write!(f, "{version} is not {bound}"),
            MismatchKind::OtherMajor => write!(f, "{version} has another major version than {bound}"),
            MismatchKind::OtherMinor => write!(f, "{version} has another minor version than {bound}"),
            MismatchKind::OtherPatch => write!(f, "{version} has another patch version than {bound}"),
        }
    }
}

impl Term {
    /// Whether the term alone admits `version`; whether it may be a pre-release is the group's affair.
    ///
    /// Source: Masterminds/semver `constraints.go`, the `constraint…` functions.
    pub(super) fn check(&self, version: &Version) -> Result<(), MismatchKind> {
        match self.operator {
            Operator::Equal if self.precision == Precision::Full => {
                ensure(self.order(version).is_eq(), MismatchKind::Different)
            }
            Operator::Equal | Operator::Tilde => self.check_tilde(version),
            Operator::NotEqual => self.check_not_equal(version),
            Operator::Greater => self.check_greater(version),
            Operator::GreaterEqual => ensure(self.order(version).is_ge(), MismatchKind::Below),
            Operator::Less => ensure(self.order(version).is_lt(), MismatchKind::NotBelow),
            Operator::LessEqual => self.check_less_equal(version),
            Operator::Caret => self.check_caret(version),
        }
    }

    fn order(&self, version: &Version) -> Ordering {
        version.cmp_precedence(&self.base)
    }

    fn check_not_equal(&self, version: &Version) -> Result<(), MismatchKind> {
        let same_major = self.base.major == version.major;
        let same_minor = self.base.minor == version.minor;
        let inside = match self.precision {
            // `!=*` leaves out 0.0.0 only.
            Precision::Full | Precision::Any => self.order(version).is_eq(),
            Precision::Major => same_major,
            Precision::Minor => same_major && same_minor && compare_pre(&version.pre, &self.base.pre).is_eq(),
        };
        ensure(!inside, MismatchKind::LeftOut)
    }

    fn check_greater(&self, version: &Version) -> Result<(), MismatchKind> {
        let above = match self.precision {
            Precision::Full | Precision::Any => self.order(version).is_gt(),
            Precision::Major => version.major > self.base.major,
            Precision::Minor => (version.major, version.minor) > (self.base.major, self.base.minor),
        };
        ensure(above, MismatchKind::NotAbove)
    }

    fn check_less_equal(&self, version: &Version) -> Result<(), MismatchKind> {
        let above = match self.precision {
            Precision::Full => self.order(version).is_gt(),
            Precision::Major => version.major > self.base.major,
            Precision::Minor | Precision::Any => {
                (version.major, version.minor) > (self.base.major, self.base.minor)
            }
        };
        ensure(!above, MismatchKind::Above)
    }

    fn check_tilde(&self, version: &Version) -> Result<(), MismatchKind> {
        ensure(self.order(version).is_ge(), MismatchKind::Below)?;
        let partial = matches!(self.precision, Precision::Major | Precision::Minor);
        if self.base.numbers() == (0, 0, 0) && !partial {
            return Ok(());
        }
        ensure(version.major == self.base.major, MismatchKind::OtherMajor)?;
        ensure(
            self.precision == Precision::Major || version.minor == self.base.minor,
            MismatchKind::OtherMinor,
        )
    }

    fn check_caret(&self, version: &Version) -> Result<(), MismatchKind> {
        ensure(self.order(version).is_ge(), MismatchKind::Below)?;
        ensure(version.major == self.base.major, MismatchKind::OtherMajor)?;
        if self.base.major > 0 || self.precision == Precision::Major {
            return Ok(());
        }
        if self.base.minor > 0 || self.precision == Precision::Minor {
            return ensure(version.minor == self.base.minor, MismatchKind::OtherMinor);
        }
        ensure(version.minor == 0, MismatchKind::OtherMinor)?;
        ensure(version.patch == self.base.patch, MismatchKind::OtherPatch)
    }
}

fn ensure(holds: bool, kind: MismatchKind) -> Result<(), MismatchKind> {
    if holds { Ok(()) } else { Err(kind) }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.spelling, self.bound)
    }
}
