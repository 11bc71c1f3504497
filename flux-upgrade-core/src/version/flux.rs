//! Flux's own numbers: its minors, and how the versions of its controllers follow them.

use std::fmt;
use std::str::FromStr;

use super::{DialectError, Version};

/// A minor of Flux, such as 2.9; ordered by age.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::version::FluxMinor;
/// let minor: FluxMinor = "v2.9.4".parse()?;
/// assert_eq!(minor.to_string(), "2.9");
/// assert!(minor > "2.8".parse()?);
/// # Ok::<(), flux_upgrade_core::version::DialectError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FluxMinor {
    /// The first number.
    pub major: u64,
    /// The second number.
    pub minor: u64,
}

impl FluxMinor {
    /// The minor `major.minor`.
    #[must_use]
    pub const fn new(major: u64, minor: u64) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for FluxMinor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for FluxMinor {
    type Err = DialectError;

    /// Reads `2.6`, `v2.6`, `2.6.x`, `2.6.1` or `v2.6.1`.
    fn from_str(text: &str) -> Result<Self, DialectError> {
        let whole = text.strip_suffix(".x").unwrap_or(text);
        let parsed = Version::parse(whole).ok().filter(|_| whole.contains('.'));
        let parsed = parsed.ok_or_else(|| DialectError::new(text))?;
        Ok(Self::new(parsed.major(), parsed.minor()))
    }
}

/// A component of Flux whose version follows that of Flux.
struct Component {
    name: &'static str,
    /// Its major, and its minor in Flux 2.7, from which on both count alike.
    major: u64,
    minor_in_2_7: u64,
}

/// Source: fluxcd/pkg `version/version.go`, the baseline of Flux 2.7.
const COMPONENTS: &[Component] = &[
    Component { name: "flux2", major: 2, minor_in_2_7: 7 },
    Component { name: "source-controller", major: 1, minor_in_2_7: 7 },
    Component { name: "kustomize-controller", major: 1, minor_in_2_7: 7 },
    Component { name: "notification-controller", major: 1, minor_in_2_7: 7 },
    Component { name: "helm-controller", major: 1, minor_in_2_7: 4 },
    Component { name: "image-reflector-controller", major: 1, minor_in_2_7: 0 },
    Component { name: "image-automation-controller", major: 1, minor_in_2_7: 0 },
    Component { name: "source-watcher", major: 2, minor_in_2_7: 0 },
];

const BASELINE: u64 = 7;

fn component(name: &str) -> Option<&'static Component> {
    COMPONENTS.iter().find(|component| component.name == name)
}

/// The names of Flux's controllers, in the order of its documentation.
pub fn controllers() -> impl Iterator<Item = &'static str> {
    COMPONENTS.iter().map(|component| component.name).filter(|name| *name != "flux2")
}

/// The minor of a component in Flux `2.flux_minor`; `None` for an unknown component, or one that is older than its
/// first minor.
///
/// Exact from Flux 2.7 on; before it, the offsets were others. Source: fluxcd/pkg `version/version.go`.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::version::component_minor;
/// assert_eq!(component_minor("helm-controller", 9), Some(6));
/// assert_eq!(component_minor("web-controller", 9), None);
/// ```
#[must_use]
pub fn component_minor(name: &str, flux_minor: u64) -> Option<u64> {
    (component(name)?.minor_in_2_7 + flux_minor).checked_sub(BASELINE)
}

/// The minor of Flux 2 that a component's minor belongs to; `None` for an unknown component.
///
/// Source: as [`component_minor`].
#[must_use]
pub fn flux_minor_of(name: &str, component_minor: u64) -> Option<u64> {
    (component_minor + BASELINE).checked_sub(component(name)?.minor_in_2_7)
}

/// The major that a component has from Flux 2.7 on; `None` for an unknown component.
#[must_use]
pub fn component_major(name: &str) -> Option<u64> {
    component(name).map(|component| component.major)
}

/// Whether a command of version `binary` may install Flux `target`: the same major and minor.
///
/// Source: fluxcd/flux2 `internal/utils/utils.go`, `CompatibleVersion`.
#[must_use]
pub fn is_cli_compatible(binary: &str, target: &str) -> bool {
    match (Version::parse(binary), Version::parse(target)) {
        (Ok(binary), Ok(target)) => (binary.major(), binary.minor()) == (target.major(), target.minor()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minors_are_read_with_and_without_their_patch() {
        for (text, expected) in [
            ("2.9", Some((2, 9))),
            ("v2.10", Some((2, 10))),
            ("2.8.x", Some((2, 8))),
            ("v2.9.4", Some((2, 9))),
            ("0.41.2", Some((0, 41))),
            ("2", None),
            ("latest", None),
            ("", None),
        ] {
            let found = text.parse::<FluxMinor>().ok().map(|minor| (minor.major, minor.minor));
            assert_eq!(found, expected, "{text}");
        }
    }
}
