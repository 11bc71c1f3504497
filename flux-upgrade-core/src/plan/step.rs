//! How far an installation of Flux may go at once.

use super::Reason;
use crate::flux::{CHART_AHEAD, Way, way};
use crate::locate::{Consumer, Site};
use crate::migrate::{KNOWN, steps};
use crate::scan::is_terraform;
use crate::version::FluxMinor;

/// The rule's name in verdicts.
pub(super) const RULE: &str = "step";

/// The minor that a site installs; none where it installs no Flux, or says no minor, such as `2.x`.
pub(super) fn installed(site: &Site) -> Option<FluxMinor> {
    let installs = match site.consumer {
        Consumer::FluxManifests => true,
        Consumer::Flux => site.field.ends_with("distribution.version") || is_terraform(site.at.path.name()),
        _ => matches!(way(site), Some(Way::Chart | Way::Artifact | Way::Remote)),
    };
    if installs { minor_at(site, &site.spot.value) } else { None }
}

/// Whether nothing in the cluster migrates stored objects by itself, as the Flux Operator does.
pub(super) fn is_by_hand(site: &Site) -> bool {
    site.consumer != Consumer::Flux || is_terraform(site.at.path.name())
}

/// The minor of Flux that a version means where it stands: the community's chart counts otherwise.
pub(super) fn minor_at(site: &Site, text: &str) -> Option<FluxMinor> {
    let minor = minor(text.split('@').next()?)?;
    match is_chart(site) {
        true => Some(FluxMinor::new(minor.major, minor.minor.checked_sub(CHART_AHEAD)?)),
        false => Some(minor),
    }
}

/// Whether Flux comes from the community's chart, whose versions are none of Flux.
pub(super) fn is_chart(site: &Site) -> bool {
    way(site) == Some(Way::Chart)
}

/// The minor of a version, or of a range that stays within one.
pub(super) fn minor(text: &str) -> Option<FluxMinor> {
    text.trim_start_matches(['=', '~', '^', '>', 'v', ' ']).parse().ok()
}

/// The minor that has to come first, where `to` is not safe at once.
///
/// Of a minor that is newer than this program only what lies before it is known: everything up to the newest known minor
/// comes first.
pub(super) fn before(from: FluxMinor, to: FluxMinor) -> Option<FluxMinor> {
    let known = to.min(KNOWN.1);
    let first = steps(from, known)?.first()?.to;
    (first < to).then_some(first)
}

/// Why a candidate is a later step, where it is one.
pub(super) fn refusal(site: &Site, candidate: &str) -> Option<(&'static str, String)> {
    let first = before(installed(site)?, minor_at(site, candidate)?)?;
    Some((RULE, format!("a later step: it comes after Flux {first}")))
}

/// The reason to hold a site whose every newer candidate is a later step.
pub(super) fn next_step(site: &Site, newest: &str) -> Option<Reason> {
    let first = before(installed(site)?, minor_at(site, newest)?)?;
    Some(Reason::NextStep { after: format!("Flux {first}") })
}
