//! A field with a marker: what its policies elect.

use super::decide::{Decision, Move, Stop};
use super::{MOST_NAMED, Reason};
use crate::automate::{Elected, Field, Marker, Open};
use crate::locate::Site;
use crate::resolve::Resolution;
use crate::rules::Rules;
use crate::version::{Level, Version};

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
    let old = match field {
        Field::Reference => tag_of(&site.spot.value),
        Field::Tag => site.spot.value.as_str(),
        Field::Name | Field::Digest => "",
    };
    let published = marker.policies[0].published(resolution, &first.tag);
    Ok(Move { to, locked: None, digest: None, level: level(old, &first.tag), published, beyond: None, notes })
}

/// The tag of `name:tag@digest`, empty where it has none.
fn tag_of(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or_default();
    match name.rsplit_once(':') {
        Some((_, tag)) if !tag.contains('/') => tag,
        _ => "",
    }
}

/// How far a tag moves; what is no version moves as the digest behind it does.
fn level(old: &str, new: &str) -> Level {
    if old == new {
        return Level::Digest;
    }
    match (Version::parse(old), Version::parse(new)) {
        (Ok(old), Ok(new)) => old.level_to(&new),
        _ => Level::Digest,
    }
}
