//! Which Flux minor serves which API: `apis.txt`, read once.

use std::sync::OnceLock;

use crate::version::FluxMinor;

/// One version of one kind, and the Flux minors that serve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// For example `helm.toolkit.fluxcd.io`.
    pub group: &'static str,
    /// For example `HelmRelease`.
    pub kind: &'static str,
    /// For example `v2beta1`.
    pub version: &'static str,
    /// The first minor that serves it.
    pub first: FluxMinor,
    /// The last minor that serves it; none while the newest known does.
    pub last: Option<FluxMinor>,
    /// The first minor whose CRD stores objects in it.
    pub stored: Option<FluxMinor>,
    /// The first minor that marks it as deprecated.
    pub deprecated: Option<FluxMinor>,
}

impl Api {
    /// Whether a minor serves it.
    #[must_use]
    pub fn is_served(&self, minor: FluxMinor) -> bool {
        self.first <= minor && self.last.is_none_or(|last| minor <= last)
    }

    /// Whether a minor marks it as deprecated.
    #[must_use]
    pub fn is_deprecated(&self, minor: FluxMinor) -> bool {
        self.deprecated.is_some_and(|since| since <= minor)
    }
}

/// The oldest and the newest minor that the table knows.
pub const KNOWN: (FluxMinor, FluxMinor) = (FluxMinor::new(0, 9), FluxMinor::new(2, 9));

/// Every version of every kind that some release of Flux has served, oldest version of a kind first.
///
/// Source: the CRDs of the releases of fluxcd/flux2; `apis.txt` says which.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::migrate::apis;
/// let old = apis().iter().find(|api| api.kind == "HelmRelease").unwrap();
/// assert_eq!((old.version, old.is_served("2.6".parse()?), old.is_served("2.7".parse()?)), ("v2beta1", true, false));
/// # Ok::<(), flux_upgrade_core::version::DialectError>(())
/// ```
#[must_use]
pub fn apis() -> &'static [Api] {
    static APIS: OnceLock<Vec<Api>> = OnceLock::new();
    APIS.get_or_init(|| include_str!("apis.txt").lines().filter_map(row).collect())
}

fn row(line: &'static str) -> Option<Api> {
    let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
    let (group, kind, version, first) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let mut minor = || words.next()?.parse().ok();
    Some(Api {
        group,
        kind,
        version,
        first: first.parse().ok()?,
        last: minor(),
        stored: minor(),
        deprecated: minor(),
    })
}

/// The versions of a kind, oldest first; none where the kind is not Flux's.
pub(super) fn of_kind<'k>(group: &'k str, kind: &'k str) -> impl Iterator<Item = &'static Api> + use<'k> {
    apis().iter().filter(move |api| api.group == group && api.kind == kind)
}

/// Whether a group is one of Flux's own.
pub(super) fn is_group(group: &str) -> bool {
    apis().iter().any(|api| api.group == group)
}

/// The minors between the oldest and the newest known, for which the table has a line of its own.
pub(super) fn minors() -> impl DoubleEndedIterator<Item = FluxMinor> {
    let before = (KNOWN.0.minor..=41).map(|minor| FluxMinor::new(0, minor));
    before.chain((0..=KNOWN.1.minor).map(|minor| FluxMinor::new(2, minor)))
}

/// How far a version is on its way to stable: `v1beta2` is before `v1`, `v1` before `v2beta1`.
///
/// Source: Kubernetes, "Version priority" of CustomResourceDefinitions. `None` for a text that is no such version.
pub(super) fn age(version: &str) -> Option<(u64, u8, u64)> {
    let rest = version.strip_prefix('v')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits { text.parse().ok() } else { None }
    };
    for (word, stage) in [("alpha", 0), ("beta", 1)] {
        if let Some((major, minor)) = rest.split_once(word) {
            return Some((number(major)?, stage, number(minor)?));
        }
    }
    Some((number(rest)?, 2, 0))
}

/// The API versions that manifests are moved to.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::migrate::Goal;
/// let goal = Goal::release("2.9".parse()?).unwrap();
/// assert_eq!(goal.version("helm.toolkit.fluxcd.io", "HelmRelease"), Some("v2"));
/// // Both 2.4 and 2.7 serve this version, and 2.4 does not serve `v1`.
/// let step = Goal::step("2.4".parse()?, "2.7".parse()?).unwrap();
/// assert_eq!(step.version("source.toolkit.fluxcd.io", "OCIRepository"), Some("v1beta2"));
/// # Ok::<(), flux_upgrade_core::version::DialectError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Goal {
    from: Option<FluxMinor>,
    to: FluxMinor,
    /// Whether only what `to` does not serve is moved.
    needed: bool,
}

impl Goal {
    /// The versions that a Flux minor stores; `None` where the minor is not known.
    #[must_use]
    pub fn release(to: FluxMinor) -> Option<Self> {
        minors().any(|known| known == to).then_some(Self { from: None, to, needed: false })
    }

    /// The newest versions that two minors both serve; `None` where one of them is not known.
    #[must_use]
    pub fn step(from: FluxMinor, to: FluxMinor) -> Option<Self> {
        Self::release(from)?;
        Self::release(to).map(|goal| Self { from: Some(from), ..goal })
    }

    /// The same goal for those objects alone that [`Goal::to`] does not serve as they are.
    #[must_use]
    pub fn needed(self) -> Self {
        Self { needed: true, ..self }
    }

    /// Whether an object stays in its version, since that is served and no more is wanted.
    pub(super) fn leaves(&self, group: &str, kind: &str, version: &str) -> bool {
        self.needed && of_kind(group, kind).any(|api| api.version == version && api.is_served(self.to))
    }

    /// The minor that the manifests shall be ready for.
    #[must_use]
    pub fn to(&self) -> FluxMinor {
        self.to
    }

    /// The minor that must serve the manifests too, where they are applied before the components are.
    #[must_use]
    pub fn from(&self) -> Option<FluxMinor> {
        self.from
    }

    /// The version that a kind is moved to; `None` where the kind is unknown, or the minor does not have it.
    #[must_use]
    pub fn version(&self, group: &str, kind: &str) -> Option<&'static str> {
        let served = of_kind(group, kind).filter(|api| api.is_served(self.to));
        let wanted = match self.from {
            Some(from) => served.filter(|api| api.is_served(from)).last(),
            None => served.filter(|api| api.stored.is_some_and(|since| since <= self.to)).last(),
        };
        wanted.map(|api| api.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minor(text: &str) -> FluxMinor {
        text.parse().unwrap()
    }

    #[test]
    fn every_line_of_the_table_is_read_and_in_order() {
        let lines = include_str!("apis.txt").lines().filter(|line| !line.starts_with('#'));
        assert_eq!(lines.count(), apis().len());
        for pair in apis().windows(2) {
            let [old, new] = [&pair[0], &pair[1]];
            if (old.group, old.kind) == (new.group, new.kind) {
                assert!(age(old.version) < age(new.version), "{old:?} {new:?}");
            }
        }
        for api in apis() {
            let last = api.last.unwrap_or(KNOWN.1);
            assert!(api.first <= last && minors().any(|known| known == last), "{api:?}");
            assert!(api.deprecated.is_none_or(|since| api.first <= since && since <= last), "{api:?}");
        }
    }

    #[test]
    fn every_minor_stores_a_version_of_what_it_serves() {
        for minor in minors() {
            for api in apis().iter().filter(|api| api.is_served(minor)) {
                let goal = Goal::release(minor).unwrap();
                assert!(goal.version(api.group, api.kind).is_some(), "{minor} {api:?}");
            }
        }
    }

    #[test]
    fn goals_are_what_the_command_of_flux_moves_to() {
        // Source: fluxcd/flux2 `cmd/flux/migrate.go`, the tables of 2.6 to 2.9.
        for to in ["2.7", "2.8", "2.9"] {
            let goal = Goal::release(minor(to)).unwrap();
            for (kind, version) in [
                ("source.toolkit.fluxcd.io/Bucket", "v1"),
                ("source.toolkit.fluxcd.io/OCIRepository", "v1"),
                ("kustomize.toolkit.fluxcd.io/Kustomization", "v1"),
                ("helm.toolkit.fluxcd.io/HelmRelease", "v2"),
                ("notification.toolkit.fluxcd.io/Alert", "v1beta3"),
                ("notification.toolkit.fluxcd.io/Receiver", "v1"),
                ("image.toolkit.fluxcd.io/ImagePolicy", "v1"),
                ("source.extensions.fluxcd.io/ArtifactGenerator", "v1beta1"),
            ] {
                let (group, kind) = kind.split_once('/').unwrap();
                assert_eq!(goal.version(group, kind), Some(version), "{to} {kind}");
            }
        }
        let goal = Goal::release(minor("2.6")).unwrap();
        assert_eq!(goal.version("image.toolkit.fluxcd.io", "ImagePolicy"), Some("v1beta2"));
        assert_eq!(goal.version("apps", "Deployment"), None);
        assert!(Goal::release(minor("1.0")).is_none() && Goal::release(minor("2.10")).is_none());
    }
}
