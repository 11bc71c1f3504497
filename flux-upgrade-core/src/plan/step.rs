//! How far an installation of Flux may go at once.

use super::Reason;
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
        Consumer::Oci { .. } => site.is_flux_artifact(),
        Consumer::Flux => site.field.ends_with("distribution.version") || is_terraform(site.at.path.name()),
        _ => false,
    };
    if installs { minor(&site.spot.value) } else { None }
}

/// Whether the objects that the cluster stores are migrated by hand: only the Flux Operator does it by itself.
pub(super) fn is_by_hand(site: &Site) -> bool {
    site.consumer != Consumer::Flux || is_terraform(site.at.path.name())
}

/// The minor of a version, or of a range that stays within one.
pub(super) fn minor(text: &str) -> Option<FluxMinor> {
    let text = text.split_once('@').map_or(text, |(tag, _)| tag);
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
    let first = before(installed(site)?, minor(candidate)?)?;
    Some((RULE, format!("a later step: it comes after Flux {first}")))
}

/// The reason to hold a site whose every newer candidate is a later step.
pub(super) fn next_step(site: &Site, newest: &str) -> Option<Reason> {
    let first = before(installed(site)?, minor(newest)?)?;
    Some(Reason::NextStep { after: format!("Flux {first}") })
}
