//! A FluxInstance waits for an operator that has the release it wants.
//!
//! The Flux Operator installs what its own image carries. No image carries a release that is younger than itself, so that the
//! days of publication tell, where they are known, that an operator cannot have a release. Where they are not, the operator
//! still moves first, see `group`.
//!
//! Source: Flux Operator, its documentation of `spec.distribution.version`; with `artifact` the operator must have the minor, and
//! without it the release.

use super::step::minor;
use super::{Plan, Reason};
use crate::locate::{Consumer, Site, SourceKey};
use crate::migrate::supported_kubernetes;
use crate::resolve::Resolution;
use crate::time::Timestamp;
use crate::version::Version;

/// Whether a site says which operator runs: its chart, its image, its own manifests.
pub(super) fn is_operator(site: &Site) -> bool {
    site.source.as_ref().is_ok_and(|source| source.package() == "flux-operator")
}

/// Why a site cannot move to `target`, where it is a FluxInstance and every operator that might install it is older.
pub(super) fn refusal(plan: &Plan, site: usize, target: &str, resolution: &Resolution) -> Option<Reason> {
    let instance = &plan.sites[site];
    if instance.consumer != Consumer::Flux || !instance.field.ends_with("distribution.version") {
        return None;
    }
    let wanted = minor(target)?;
    let of_minor = supported_kubernetes().iter().find(|one| one.flux == wanted);
    let of_minor = of_minor.and_then(|one| Timestamp::parse(one.released).ok());
    let of_release = published(resolution, &SourceKey::Flux, target);
    let is_exact = Version::parse_flux(target).is_ok() && !has_artifact(plan, instance);
    let needed = of_release.filter(|_| is_exact).or(of_minor)?;
    let name = if is_exact && of_release.is_some() { target.to_owned() } else { wanted.to_string() };

    let operators: Vec<usize> = (0..plan.sites.len())
        .filter(|index| is_operator(&plan.sites[*index]) && !plan.sites[*index].is_test)
        .collect();
    let shares =
        |index: &&usize| plan.sites[**index].clusters.iter().any(|one| instance.clusters.contains(one));
    let own: Vec<usize> = operators.iter().filter(shares).copied().collect();
    let is_unknown = |index: &&usize| instance.clusters.is_empty() || plan.sites[**index].clusters.is_empty();
    let near = match own.is_empty() {
        true => operators.iter().filter(is_unknown).copied().collect(),
        false => own,
    };
    let mut older = None;
    for index in near {
        let operator = &plan.sites[index];
        let change = plan.changes.iter().find(|change| change.site == index);
        let version = change.map_or(operator.spot.value.as_str(), |change| change.to.as_str());
        let version = version.split('@').next().unwrap_or(version);
        let source = operator.source.as_ref().ok()?;
        let day = published(resolution, source, version).filter(|day| *day < needed)?;
        older.get_or_insert((operator, version, day));
    }
    let (operator, version, day) = older?;
    let detail = format!(
        "a Flux Operator that has Flux {name} of {}: {version} at {}:{} is of {}",
        date(needed),
        operator.at.path,
        operator.at.line,
        date(day)
    );
    Some(Reason::Requires { detail })
}

fn has_artifact(plan: &Plan, instance: &Site) -> bool {
    let field = instance.field.replace("distribution.version", "distribution.artifact");
    plan.sites
        .iter()
        .any(|site| site.field == field && site.at.path == instance.at.path && site.owner == instance.owner)
}

fn published(resolution: &Resolution, source: &SourceKey, version: &str) -> Option<Timestamp> {
    let bare = |text: &str| text.trim_start_matches('v').to_owned();
    let found = resolution.candidates(source).ok()?.iter().find(|one| bare(&one.text) == bare(version));
    found.and_then(|one| one.created)
}

fn date(time: Timestamp) -> String {
    time.to_string().chars().take(10).collect()
}
