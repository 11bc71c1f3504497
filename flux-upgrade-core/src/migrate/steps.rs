//! From one Flux to another in steps that are safe, each as far as it may go.
//!
//! A cluster stores objects in the version that its CRDs name, and a CRD may not drop a version in which objects were
//! stored. So a step is safe when the new minor still serves what the old one stores, once the stored objects have been
//! migrated. Source: Kubernetes, "Versions in CustomResourceDefinitions"; fluxcd/flux2 `cmd/flux/migrate.go`.

use super::apis::{Api, Goal, apis, minors};
use crate::version::FluxMinor;

/// A move that is safe at once, and what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// The minor that runs before.
    pub from: FluxMinor,
    /// The minor that runs after.
    pub to: FluxMinor,
}

impl Step {
    /// What manifests are moved to before the components are: versions that both minors serve.
    ///
    /// Source: Flux, "Upgrade procedure": manifests first, then stored objects, then components.
    #[must_use]
    pub fn goal(&self) -> Option<Goal> {
        Goal::step(self.from, self.to)
    }

    /// What is done in the cluster once the manifests are applied, and before the components are: objects stored in older
    /// versions are written again.
    ///
    /// The command of Flux 2.7 and later can be used with older components. A FluxInstance does it by itself, unless
    /// `migrateResources` is off.
    #[must_use]
    pub fn command(&self) -> Option<&'static str> {
        self.removed().next().map(|_| "flux migrate")
    }

    /// The versions that the first minor serves and the second does not.
    pub fn removed(&self) -> impl Iterator<Item = &'static Api> {
        let Self { from, to } = *self;
        apis().iter().filter(move |api| api.is_served(from) && !api.is_served(to))
    }
}

/// The steps from one minor to a later one, each to the furthest minor that is safe; none where `to` is not later.
///
/// `None` where a minor is not known. Every kind counts, also those that a repository does not use: their CRDs are
/// installed all the same.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::migrate::steps;
/// let steps = steps("2.4".parse()?, "2.9".parse()?).unwrap();
/// let minors: Vec<String> = steps.iter().map(|step| step.to.to_string()).collect();
/// assert_eq!(minors, ["2.7", "2.9"]);
/// # Ok::<(), flux_upgrade_core::version::DialectError>(())
/// ```
#[must_use]
pub fn steps(from: FluxMinor, to: FluxMinor) -> Option<Vec<Step>> {
    let known = |minor: FluxMinor| minors().any(|known| known == minor);
    if !known(from) || !known(to) {
        return None;
    }
    let mut out = Vec::new();
    let mut at = from;
    while at < to {
        let next = minors().rev().find(|next| at < *next && *next <= to && is_safe(at, *next))?;
        out.push(Step { from: at, to: next });
        at = next;
    }
    Some(out)
}

/// Whether `to` serves, of every kind that both have, what `from` stores.
fn is_safe(from: FluxMinor, to: FluxMinor) -> bool {
    let Some(stored) = Goal::release(from) else { return false };
    apis().iter().filter(|api| api.is_served(from)).all(|api| {
        let mut later = apis().iter().filter(|other| (other.group, other.kind) == (api.group, api.kind));
        let kept = stored.version(api.group, api.kind);
        later.any(|other| Some(other.version) == kept && other.is_served(to))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minor(text: &str) -> FluxMinor {
        text.parse().unwrap()
    }

    #[test]
    fn steps_go_as_far_as_stored_objects_can_be_read() {
        for (from, to, expected) in [
            ("2.8", "2.9", &["2.9"][..]),
            ("2.7", "2.9", &["2.9"]),
            ("2.6", "2.9", &["2.8", "2.9"]),
            ("2.6", "2.7", &["2.7"]),
            ("2.5", "2.9", &["2.7", "2.9"]),
            ("2.4", "2.9", &["2.7", "2.9"]),
            ("2.3", "2.9", &["2.7", "2.9"]),
            // 2.2 stores ImageUpdateAutomations as v1beta1, which 2.6 is the last to serve.
            ("2.2", "2.9", &["2.6", "2.8", "2.9"]),
            ("2.1", "2.9", &["2.6", "2.8", "2.9"]),
            ("0.41", "2.9", &["2.6", "2.8", "2.9"]),
            // 0.12 stores image objects as v1alpha1, which 0.36 is the last to serve.
            ("0.12", "2.9", &["0.36", "2.6", "2.8", "2.9"]),
            ("2.9", "2.9", &[]),
            ("2.9", "2.4", &[]),
        ] {
            let found = steps(minor(from), minor(to)).unwrap();
            let found: Vec<String> = found.iter().map(|step| step.to.to_string()).collect();
            assert_eq!(found, expected, "{from} to {to}");
        }
        assert_eq!(steps(minor("2.9"), minor("2.10")), None);
    }

    #[test]
    fn every_step_serves_its_goal_at_both_ends_and_is_the_furthest() {
        for from in minors() {
            for step in steps(from, super::super::KNOWN.1).unwrap() {
                let goal = step.goal().unwrap();
                for api in apis().iter().filter(|api| api.is_served(step.from)) {
                    let version =
                        goal.version(api.group, api.kind).unwrap_or_else(|| panic!("{step:?} {api:?}"));
                    let meant = apis().iter().find(|other| {
                        (other.group, other.kind, other.version) == (api.group, api.kind, version)
                    });
                    let meant = meant.unwrap();
                    assert!(meant.is_served(step.from) && meant.is_served(step.to), "{step:?} {meant:?}");
                }
            }
        }
    }

    #[test]
    fn stored_objects_are_migrated_where_a_version_goes() {
        let step = |from, to| Step { from: minor(from), to: minor(to) };
        assert_eq!(step("2.7", "2.8").command(), Some("flux migrate"));
        assert_eq!(step("2.4", "2.5").command(), None);
        assert_eq!(step("2.8", "2.9").removed().filter(|api| api.kind == "Alert").count(), 1);
    }
}
