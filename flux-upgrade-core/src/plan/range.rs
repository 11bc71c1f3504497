//! A range: what it selects, and whether the newest lies outside it.

use super::choose::{AHEAD, ahead, refusal};
use super::decide::{Context, Decision, Move};
use super::offer::{Offer, TAGS, offers};
use super::sink::Sink;
use super::{Reason, Verdict, step};
use crate::locate::Consumer;
use crate::resolve::{Candidate, select};
use crate::rules::Ranges;
use crate::version::{Constraint, Level, Pattern, Range, Version, move_range, pin};

/// A range floats while it admits the newest; what happens otherwise is the rule `ranges`.
pub(super) fn decide(context: &Context<'_>, sink: &mut Sink) -> Decision {
    let site = context.site;
    let text = site.spot.value.trim();
    // Flux reads an absent range as "the highest stable version".
    let text = if text.is_empty() { "*" } else { text };
    let (range, constraint) = written(context, text)?;
    let offers = offers(context)?;
    let mut eligible: Vec<(Version, &Offer<'_>)> =
        offers.iter().filter_map(|o| Some((read(context, o)?, o))).collect();
    eligible.sort_by(|(a, x), (b, y)| {
        b.cmp_precedence(a)
            .then_with(|| y.candidate.created.cmp(&x.candidate.created))
            .then_with(|| y.key.cmp(&x.key))
    });
    if let Some(as_of) = context.rules.as_of {
        if let Some((_, undated)) = eligible.iter().find(|(_, offer)| offer.candidate.created.is_none()) {
            super::choose::date(context, undated.candidate)?;
        }
        eligible.retain(|(_, offer)| offer.candidate.created.is_none_or(|created| created <= as_of));
    }
    let chosen = selected(context, text, &range);
    let chosen =
        chosen.and_then(|candidate| eligible.iter().find(|(_, offer)| offer.candidate.text == candidate));
    let Some((selected, current)) = chosen else {
        let detail = format!("nothing published lies in {text}");
        return Err(Reason::NoCandidate { detail }.into());
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
    for (place, (version, offer)) in eligible.iter().enumerate() {
        if version.cmp_precedence(selected).is_le() {
            break;
        }
        if !stable(version) {
            sink.add(|| {
                verdict(
                    offer,
                    false,
                    "a pre-release, and neither the range nor the rules ask for one".to_owned(),
                )
            });
            continue;
        }
        let level = selected.level_to(version);
        let found = refusal(context, offer, level).map_err(|stop| {
            let newer =
                eligible[place + 1..].iter().take_while(|(next, _)| next.cmp_precedence(selected).is_gt());
            let next = newer.filter(|(next, _)| stable(next)).take(AHEAD);
            ahead(stop, next.map(|(next, offer)| refusal(context, offer, selected.level_to(next))))
        })?;
        match found {
            Some((rule, why)) => {
                sink.add(|| verdict(offer, false, why));
                refused.get_or_insert((offer.text.clone(), level, rule));
            }
            None => {
                sink.add(|| verdict(offer, false, format!("outside {text}: {}", why_not(&range, version))));
                target = Some((version, *offer, level));
                break;
            }
        }
    }
    sink.add(|| verdict(current, true, format!("the newest that {text} selects")));
    let beyond = |rule: &'static str| match &refused {
        Some((newest, level, rule)) => step::next_step(site, newest)
            .filter(|_| *rule == step::RULE && target.is_none())
            .unwrap_or_else(|| Reason::BeyondRules { newest: newest.clone(), level: *level, rule }),
        None => match &target {
            Some((_, offer, level)) => {
                Reason::BeyondRules { newest: offer.text.clone(), level: *level, rule }
            }
            None => Reason::Floating { resolves_to: current.text.clone() },
        },
    };
    if context.settings.ranges == Ranges::Pin && target.is_none() {
        // What a pin writes is held to the rules, though it runs already.
        if let Some((rule, _)) = refusal(context, current, Level::Patch)? {
            let newest = current.text.clone();
            return Err(Reason::BeyondRules { newest, level: Level::Patch, rule }.into());
        }
    }
    let to = match (context.settings.ranges, &target) {
        (Ranges::Pin, target) => {
            let version = target.as_ref().map_or(selected, |(version, ..)| *version);
            Some(if constraint.is_some() { version.canonical() } else { pin(text, version) })
        }
        (Ranges::Move, Some((version, ..))) => match &constraint {
            Some(constraint) => constraint.moved(text, version),
            None => move_range(text, version),
        },
        (Ranges::Move, None) | (Ranges::Keep, _) => None,
    };
    let Some(to) = to else { return Err(beyond("ranges").into()) };
    let (offer, level) =
        target.as_ref().map_or((*current, Level::Patch), |(_, offer, level)| (*offer, *level));
    Ok(Move {
        to,
        locked: Some(offer.locked(site)),
        digest: None,
        level,
        published: offer.candidate.created,
        beyond: refused.map(|(newest, level, _)| super::Beyond { newest, level }),
        notes: vec![match &target {
            Some(_) => format!("the range selects {} now", current.text),
            None => "the range selects it already".to_owned(),
        }],
    })
}

/// What the field's reader selects now: the candidate's text as published.
pub(super) fn selected(context: &Context<'_>, text: &str, range: &Range) -> Option<String> {
    let dialect = context.rules.dialect(context.site);
    let published = |candidate: &&Candidate| match (context.rules.as_of, candidate.created) {
        (Some(as_of), Some(created)) => created <= as_of,
        _ => true,
    };
    let list = context.list.iter().filter(published).cloned();
    match &context.site.consumer {
        Consumer::HelmIndex => {
            let list: Vec<Candidate> = list.collect();
            select::http_chart(text, &list, dialect).ok().map(|found| found.candidate.text.clone())
        }
        Consumer::HelmOci => select::oci_chart(text, &list.collect::<Vec<_>>(), dialect).ok(),
        Consumer::Oci { filter, chart } => {
            let filter = filter.as_deref().map(Pattern::parse).transpose().ok()?;
            let list: Vec<Candidate> = list.collect();
            let found = select::oci_tag(range, filter.as_ref(), *chart, &list, dialect).ok()?;
            Some(found.candidate.text.clone())
        }
        Consumer::Flux | Consumer::FluxManifests | Consumer::Api { .. } | Consumer::Image => {
            let list: Vec<Candidate> = list.collect();
            let found = select::git_tag(range, &list, dialect).ok()?;
            Some(found.candidate.text.clone())
        }
        Consumer::Git | Consumer::Comment | Consumer::Terraform => {
            let tags: Vec<Candidate> = list
                .filter_map(|candidate| {
                    let text = candidate.text.strip_prefix(TAGS)?.to_owned();
                    Some(Candidate { text, ..candidate })
                })
                .collect();
            let found = select::git_tag(range, &tags, dialect).ok()?;
            Some(format!("{TAGS}{}", found.candidate.text))
        }
    }
}

/// A range as its reader reads it: Terraform has a language of its own, in which `~> 1.2` admits 1.9.
pub(super) fn written(context: &Context<'_>, text: &str) -> Result<(Range, Option<Constraint>), Reason> {
    if context.site.consumer == Consumer::Terraform {
        let read = Constraint::parse(text);
        let constraint = read.map_err(|error| Reason::NoCandidate { detail: error.to_string() })?;
        return Ok((constraint.range().clone(), Some(constraint)));
    }
    let range = Range::parse_in(text, context.rules.dialect(context.site));
    range.map(|range| (range, None)).map_err(|error| Reason::NoCandidate { detail: error.to_string() })
}

/// An offer as the field's reader reads it; none where the range could never select it.
pub(super) fn read(context: &Context<'_>, offer: &Offer<'_>) -> Option<Version> {
    match context.site.consumer {
        // Helm lists the tags of a registry by the strict parser.
        Consumer::HelmOci => Version::parse_strict(&offer.key).ok(),
        _ => Version::parse_flux_in(&offer.key, context.rules.dialect(context.site)).ok(),
    }
}

fn why_not(range: &Range, version: &Version) -> String {
    range.explain(version).first().map_or_else(String::new, ToString::to_string)
}
