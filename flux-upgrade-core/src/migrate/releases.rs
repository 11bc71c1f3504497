//! What is known of each Flux minor: `releases.txt` and `behaviours.txt`, read once.

use std::sync::OnceLock;

use crate::version::{FluxMinor, Version};

/// The Kubernetes versions that a Flux minor wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Support {
    /// The Flux minor.
    pub flux: FluxMinor,
    /// The day of its first release, such as `2026-06-30`.
    pub released: &'static str,
    /// What the pre-check of the command wants at least.
    pub minimum: &'static str,
    /// The least patch of each Kubernetes minor that was documented at the release, oldest first; later minors count as
    /// supported.
    pub documented: Vec<&'static str>,
}

impl Support {
    /// Whether a cluster of this version passes: at least the minimum, and the documented patch of its minor.
    #[must_use]
    pub fn admits(&self, kubernetes: &Version) -> bool {
        let at_least =
            |text: &str| Version::parse(text).is_ok_and(|least| kubernetes.cmp_precedence(&least).is_ge());
        let same_minor = self.documented.iter().filter(|text| {
            Version::parse(text)
                .is_ok_and(|least| (least.major(), least.minor()) == (kubernetes.major(), kubernetes.minor()))
        });
        at_least(self.minimum) && same_minor.into_iter().all(|text| at_least(text))
    }
}

/// The Kubernetes versions that each Flux minor from 2.0 on wants, oldest first.
///
/// Source: `releases.txt` names them.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::migrate::supported_kubernetes;
/// use flux_upgrade_core::version::Version;
/// let newest = supported_kubernetes().last().unwrap();
/// assert!(newest.admits(&Version::parse("1.34.1")?) && !newest.admits(&Version::parse("1.34.0")?));
/// # Ok::<(), flux_upgrade_core::version::VersionError>(())
/// ```
#[must_use]
pub fn supported_kubernetes() -> &'static [Support] {
    static TABLE: OnceLock<Vec<Support>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let rows = include_str!("releases.txt").lines().filter(|line| !line.starts_with('#'));
        rows.filter_map(|line| {
            let mut words = line.split_whitespace();
            Some(Support {
                flux: words.next()?.parse().ok()?,
                released: words.next()?,
                minimum: words.next()?,
                documented: words.next()?.split(',').collect(),
            })
        })
        .collect()
    })
}

/// What a minor does in another way than the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behaviour {
    /// The first minor that does so.
    pub flux: FluxMinor,
    /// Stable code, such as `behaviour.strict-substitution`.
    pub code: &'static str,
    /// What changes.
    pub change: &'static str,
    /// What to do.
    pub help: &'static str,
    /// Where that is written.
    pub source: &'static str,
}

/// The changes of behaviour that are known, oldest first.
///
/// Source: `behaviours.txt` names one for each.
#[must_use]
pub fn behaviours() -> &'static [Behaviour] {
    static TABLE: OnceLock<Vec<Behaviour>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let blocks = include_str!("behaviours.txt").split("\n\n").skip(1);
        blocks
            .filter_map(|block| {
                let mut lines = block.trim().lines();
                let (flux, code) = lines.next()?.split_once(' ')?;
                let mut line = || lines.next();
                let flux = flux.parse().ok()?;
                Some(Behaviour { flux, code, change: line()?, help: line()?, source: line()? })
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::super::KNOWN;
    use super::*;

    #[test]
    fn the_tables_are_read_whole() {
        assert_eq!(supported_kubernetes().len(), 10);
        assert_eq!(supported_kubernetes().last().map(|row| row.flux), Some(KNOWN.1));
        let codes =
            include_str!("behaviours.txt").lines().filter(|line| line.contains(" behaviour.")).count();
        assert_eq!(behaviours().len(), codes);
        for row in supported_kubernetes() {
            assert!(Version::parse_strict(row.minimum).is_ok(), "{row:?}");
            assert!(row.documented.iter().all(|text| Version::parse_strict(text).is_ok()), "{row:?}");
        }
    }

    #[test]
    fn a_cluster_needs_the_documented_patch_of_its_minor() {
        let newest = supported_kubernetes().last().unwrap();
        for (kubernetes, expected) in
            [("1.32.9", false), ("1.33.0", true), ("1.34.0", false), ("1.34.1", true), ("1.36.0", true)]
        {
            assert_eq!(newest.admits(&Version::parse(kubernetes).unwrap()), expected, "{kubernetes}");
        }
    }
}
