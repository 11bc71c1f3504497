//! A field with a marker: what its policies elect.

use super::choose::{OLDER, OLDER_THAN_TAKEN, by_version};
use super::decide::{Decision, Move, Stop};
use super::{MOST_NAMED, Reason, Verdict};
use crate::automate::{Elected, Field, Marker, Open};
use crate::locate::Site;
use crate::resolve::Resolution;
use crate::rules::Rules;
use crate::version::{Flavour, Level, Version};

/// Moves a marked field to the election of its policies, which must agree.
pub(super) fn decide(site: &Site, marker: &Marker, resolution: &Resolution, rules: &Rules) -> Decision {
    let field = marker.setter.field;
    let stored = marker.stored.as_ref().map(|(tag, digest)| (tag.as_str(), digest.as_deref()));
    let wants_digest = matches!(field, Field::Reference | Field::Digest);
    let mut elected: Vec<Elected> = Vec::new();
    let mut asks = Vec::new();
    for policy in &marker.policies {
        match policy.elect(resolution, rules.dialect(site), stored, wants_digest) {
            Ok(one) => elected.push(one),
            Err(Open::Needs(ask)) => asks.push(ask),
            Err(Open::Held(reason)) => return Err(reason.into()),
        }
    }
    if !asks.is_empty() {
        return Err(Stop::Needs(asks));
    }
    let Some(first) = elected.first() else {
        return Err(Reason::Marked {
            policy: format!("{}:{}", marker.setter.namespace, marker.setter.policy),
        }
        .into());
    };
    let to = first.text(field);
    if elected.iter().any(|one| one.text(field) != to) {
        let wish = |(policy, one): (&std::sync::Arc<crate::automate::Policy>, &Elected)| {
            format!("ImagePolicy at {} -> {}", policy.at, one.text(field))
        };
        let wishes = marker.policies.iter().zip(&elected).map(wish).take(MOST_NAMED).collect();
        return Err(Reason::Disagree { wishes }.into());
    }
    if to == site.spot.value {
        return Err(Reason::UpToDate.into());
    }
    let mut notes = Vec::new();
    if !first.ties.is_empty() {
        notes.push(format!("of equal rank: {}", first.ties.join(", ")));
    }
    let old = current(site, field);
    let is_prerelease = |tag: &str| Flavour::of(tag).is_some_and(|flavour| flavour.is_prerelease());
    if is_prerelease(&first.tag) && !is_prerelease(old) {
        notes.push("a pre-release, which the policy admits".to_owned());
    }
    // Name and digest of an image are no tags.
    let is_tag = matches!(field, Field::Reference | Field::Tag);
    let level = if is_tag { level(old, &first.tag) } else { Level::Digest };
    let published = marker.policies[0].published(resolution, &first.tag);
    Ok(Move { to, locked: None, digest: None, level, published, beyond: None, notes })
}

/// The tag of `name:tag@digest`, empty where it has none.
fn tag_of(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or_default();
    match name.rsplit_once(':') {
        Some((_, tag)) if !tag.contains('/') => tag,
        _ => "",
    }
}

/// How far a tag moves; of what has no order of versions nobody can tell, and it is something new: a patch.
fn level(old: &str, new: &str) -> Level {
    if old == new {
        return Level::Digest;
    }
    match (Version::parse(old), Version::parse(new)) {
        (Ok(old), Ok(new)) => old.level_to(&new),
        _ => Flavour::of(old).and_then(|flavour| flavour.level(new)).unwrap_or(Level::Patch),
    }
}

/// What the first policy of a marker does with each tag, best first, then those that it cannot elect.
pub(super) fn verdicts(site: &Site, marker: &Marker, resolution: &Resolution, rules: &Rules) -> Vec<Verdict> {
    let judgement = marker.policies.first().and_then(|policy| policy.judge(resolution, rules.dialect(site)));
    let Some(judgement) = judgement else { return Vec::new() };
    let mut out = Vec::with_capacity(judgement.ranked.len() + judgement.refused.len());
    let verdict = |tag: &str, taken: bool, why: String| Verdict {
        text: tag.to_owned(),
        published: judgement.published.get(tag).map(ToString::to_string),
        taken,
        why,
    };
    let current = current(site, marker.setter.field);
    let has_current = judgement.ranked.contains(&current);
    let mut is_above = has_current;
    for (place, tag) in judgement.ranked.iter().enumerate() {
        is_above &= *tag != current;
        let why = match (place, *tag == current) {
            (0, false) => "what the policy elects",
            (0, true) => "what the policy elects, and what the file has",
            (_, true) => "what the file has",
            _ if is_above => OLDER_THAN_TAKEN,
            _ => OLDER,
        };
        out.push(verdict(tag, place == 0, why.to_owned()));
    }
    let mut refused = judgement.refused.clone();
    refused.sort_by(|(left, a), (right, b)| a.cmp(b).then_with(|| by_version(right, left)));
    for (tag, why) in refused {
        let why = if tag == current { format!("what the file has; {why}") } else { why };
        out.push(verdict(tag, false, why));
    }
    out
}

/// The tag that a field has, or nothing.
fn current(site: &Site, field: Field) -> &str {
    match field {
        Field::Reference => tag_of(&site.spot.value),
        Field::Tag => site.spot.value.as_str(),
        Field::Name | Field::Digest => "",
    }
}
