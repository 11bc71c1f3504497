//! Which library behaviour belongs to which Flux minor.

use std::fmt;

/// A step of the version library at which reading or matching changed.
///
/// Source: Masterminds/semver, compared release by release; later releases change messages only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Library {
    /// A blank after a hyphen range is lost, so that only a comma may follow it.
    V3_2_0,
    /// Any term may follow a hyphen range.
    V3_2_1,
    /// Leading zeros are refused.
    V3_3_1,
    /// Leading zeros are accepted, one pre-release opens its AND group, `!=1.2.3` refuses pre-releases.
    V3_4,
}

/// The version rules of one Flux minor; the default is the newest known.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::version::{Dialect, Range, Version};
/// let version = Version::parse("1.5.0-rc.1")?;
/// let old: Dialect = Dialect::for_flux("2.6")?;
/// assert!(!Range::parse_in(">=1.2.3-0 <2", old)?.matches(&version));
/// assert!(Range::parse(">=1.2.3-0 <2")?.matches(&version));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dialect {
    library: Library,
    flux: (u64, u64),
}

/// The newest Flux minor whose rules are known.
const NEWEST: (u64, u64) = (2, 9);

/// A text that does not name a Flux version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a Flux version: expected a minor such as `2.6` or a version such as `v2.6.1`")]
pub struct DialectError {
    text: String,
}

impl DialectError {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        "version.not-a-flux-version"
    }
}

impl Dialect {
    /// The rules of a Flux minor, given as `2.6`, `v2.6`, `2.6.1` or `v2.6.1`.
    ///
    /// A minor newer than the newest known has the rules of the newest known, one older than 0.41 those of 0.41. Source: the `go.mod` files of
    /// fluxcd/source-controller and fluxcd/image-reflector-controller.
    ///
    /// # Errors
    ///
    /// [`DialectError`] if the text is not a version with at least two numbers.
    pub fn for_flux(version: &str) -> Result<Dialect, DialectError> {
        let wrong = || DialectError::new(version);
        let parsed = super::Version::parse(version).map_err(|_| wrong())?;
        if !version.contains('.') {
            return Err(wrong());
        }
        Ok(Dialect::for_minor(parsed.major(), parsed.minor()))
    }

    /// The rules of Flux `major.minor`.
    pub fn for_minor(major: u64, minor: u64) -> Dialect {
        let library = match (major, minor) {
            (0, _) => Library::V3_2_0,
            (2, 5) => Library::V3_3_1,
            (..=1, _) | (2, ..=6) => Library::V3_2_1,
            _ => Library::V3_4,
        };
        Dialect { library, flux: (major, minor) }
    }

    /// The rules of a release of the version library, whatever Flux uses it.
    pub fn for_library(library: Library) -> Dialect {
        let flux = match library {
            Library::V3_2_0 => (0, 41),
            Library::V3_2_1 => (2, 6),
            Library::V3_3_1 => (2, 5),
            Library::V3_4 => NEWEST,
        };
        Dialect { library, flux }
    }

    /// The library step that this dialect follows.
    pub fn library(self) -> Library {
        self.library
    }

    pub(super) fn rejects_leading_zeros(self) -> bool {
        self.library == Library::V3_3_1
    }

    pub(super) fn opens_group(self) -> bool {
        self.library >= Library::V3_4
    }

    pub(super) fn hyphen_ends_in_blank(self) -> bool {
        self.library >= Library::V3_2_1
    }

    /// Whether stored image tags are sorted (byte-descending) or in registry order; sorted from Flux 2.7 on.
    pub(super) fn sorts_stored_tags(self) -> bool {
        self.flux >= (2, 7)
    }
}

impl Default for Dialect {
    fn default() -> Dialect {
        Dialect::for_minor(NEWEST.0, NEWEST.1)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flux {}.{}", self.flux.0, self.flux.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_minor_has_its_library() {
        let table = [
            ("0.41", Library::V3_2_0),
            ("2.0", Library::V3_2_1),
            ("v2.4.0", Library::V3_2_1),
            ("2.5", Library::V3_3_1),
            ("2.6.4", Library::V3_2_1),
            ("2.7", Library::V3_4),
            ("v2.9.1", Library::V3_4),
            ("3.0", Library::V3_4),
        ];
        for (flux, library) in table {
            assert_eq!(Dialect::for_flux(flux).unwrap().library(), library, "{flux}");
        }
        assert!(Dialect::for_flux("latest").is_err());
        assert!(Dialect::for_flux("2").is_err());
    }
}
