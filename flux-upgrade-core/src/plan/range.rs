//! A range: what it selects, and whether the newest lies outside it.

use super::choose::refusal;
use super::decide::{Context, Decision, Move};
use super::offer::{Offer, offers};
use super::{Reason, Verdict};
use crate::locate::Consumer;
use crate::rules::Ranges;
use crate::version::{Level, Range, Version, move_range, pin};

/// A range floats while it admits the newest; what happens otherwise is the rule `ranges`.
pub(super) fn decide(context: &Context<'_>, sink: &mut dyn FnMut(Verdict)) -> Decision {
    let site = context.site;
    let text = site.spot.value.trim();
    // Flux reads an absent range as "the highest stable version".
    let text = if text.is_empty() { "*" } else { text };
    let range = match Range::parse_in(text, context.rules.dialect(site)) {
        Ok(range) => range,
        Err(error) => return Decision::Held(Reason::NoCandidate { detail: error.to_string() }),
    };
    let offers = offers(context);
    let mut eligible: Vec<(Version, &Offer<'_>)> =
        offers.iter().filter_map(|o| Some((read(context, o)?, o))).collect();
    eligible.sort_by(|(a, x), (b, y)| {
        b.cmp_precedence(a)
            .then_with(|| y.candidate.created.cmp(&x.candidate.created))
            .then_with(|| y.key.cmp(&x.key))
    });
    if let Some(as_of) = context.rules.as_of {
        eligible.retain(|(_, offer)| offer.candidate.created.is_none_or(|created| created <= as_of));
    }
    let Some((selected, current)) = eligible.iter().find(|(version, _)| range.matches(version)) else {
        let detail = format!("nothing published lies in {text}");
        return Decision::Held(Reason::NoCandidate { detail });
    };
    let verdict = |offer: &Offer<'_>, taken, why: String| Verdict {
        text: offer.text.clone(),
        published: offer.candidate.created.map(|time| time.to_string()),
        taken,
        why,
    };
    let stable =
        |version: &Version| !version.is_prerelease() || context.settings.prerelease || range.matches(version);
    let mut refused = None;
    let mut target = None;
    for (version, offer) in &eligible {
        if version.cmp_precedence(selected).is_le() {
            break;
        }
        if !stable(version) {
            sink(verdict(
                offer,
                false,
                "a pre-release, and neither the range nor the rules ask for one".to_owned(),
            ));
            continue;
        }
        let level = selected.level_to(version);
        match refusal(context, offer, level) {
            Err(decision) => return decision,
            Ok(Some((rule, why))) => {
                sink(verdict(offer, false, why));
                refused.get_or_insert((offer.text.clone(), level, rule));
            }
            Ok(None) => {
                sink(verdict(offer, false, format!("outside {text}: {}", why_not(&range, version))));
                target = Some((version, *offer, level));
                break;
            }
        }
    }
    sink(verdict(current, true, format!("the newest that {text} selects")));
    let beyond = |rule: &'static str| match &refused {
        Some((newest, level, rule)) => Reason::BeyondRules { newest: newest.clone(), level: *level, rule },
        None => match &target {
            Some((_, offer, level)) => {
                Reason::BeyondRules { newest: offer.text.clone(), level: *level, rule }
            }
            None => Reason::Floating { resolves_to: current.text.clone() },
        },
    };
    let to = match (context.settings.ranges, &target) {
        (Ranges::Pin, Some((version, ..))) => Some(pin(text, version)),
        (Ranges::Pin, None) => Some(pin(text, selected)),
        (Ranges::Move, Some((version, ..))) => move_range(text, version),
        (Ranges::Move, None) | (Ranges::Keep, _) => None,
    };
    let Some(to) = to else { return Decision::Held(beyond("ranges")) };
    let (offer, level) =
        target.as_ref().map_or((*current, Level::Patch), |(_, offer, level)| (*offer, *level));
    Decision::Move(Move {
        to,
        digest: None,
        level,
        published: offer.candidate.created,
        beyond: refused.map(|(newest, level, _)| super::Beyond { newest, level }),
        notes: vec![format!("selected {} before", current.text)],
    })
}

/// An offer as the field's reader reads it; none where the range could never select it.
fn read(context: &Context<'_>, offer: &Offer<'_>) -> Option<Version> {
    match context.site.consumer {
        // Helm lists the tags of a registry by the strict parser.
        Consumer::HelmOci => Version::parse_strict(&offer.key).ok(),
        _ => Version::parse_flux_in(&offer.key, context.rules.dialect(context.site)).ok(),
    }
}

fn why_not(range: &Range, version: &Version) -> String {
    range.explain(version).first().map_or_else(String::new, ToString::to_string)
}
