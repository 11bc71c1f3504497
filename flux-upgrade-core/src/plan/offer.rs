//! Candidates as a site would write them.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::Reason;
use super::decide::Context;
use crate::locate::{Consumer, Part, Site};
use crate::resolve::Candidate;
use crate::version::{Flavour, Pattern, Version};

/// A candidate, with the text that the site would hold.
pub(super) struct Offer<'a> {
    /// What the site would hold.
    pub(super) text: String,
    /// What its flavour and order are judged by.
    pub(super) key: String,
    pub(super) candidate: &'a Candidate,
}

impl Offer<'_> {
    /// The version as `helm dependency` locks it: as an index has it, or as a registry's tag is read.
    pub(super) fn locked(&self, site: &Site) -> String {
        match site.consumer {
            Consumer::HelmIndex => self.candidate.text.clone(),
            _ => self.text.clone(),
        }
    }
}

/// What a site holds now.
pub(super) struct Written {
    pub(super) text: String,
    pub(super) key: String,
}

/// Where tags stand in a listing of refs.
pub(super) const TAGS: &str = "refs/tags/";

/// What a pinned site holds.
pub(super) fn current(site: &Site) -> Written {
    let text = site.tag_and_digest().map_or(site.spot.value.as_str(), |(tag, _)| tag).to_owned();
    let key = match (&site.consumer, site.part) {
        (_, Part::Name) => text.strip_prefix(TAGS).unwrap_or(&text).to_owned(),
        (Consumer::Oci { chart: true, .. }, _) => text.replace('_', "+"),
        _ => text.clone(),
    };
    Written { text, key }
}

/// What a source publishes, as far as the site could hold it.
///
/// # Errors
///
/// [`Reason::NoCandidate`] for a filter that is no pattern.
pub(super) fn offers<'a>(context: &Context<'a>) -> Result<Vec<Offer<'a>>, Reason> {
    let site = context.site;
    let by_range = site.field.ends_with("semver");
    let filter = match &site.consumer {
        Consumer::Oci { filter: Some(filter), .. } if by_range => {
            let bad = |error| Reason::NoCandidate { detail: format!("`spec.ref.semverFilter`: {error}") };
            Some(Pattern::parse(filter).map_err(bad)?)
        }
        _ => None,
    };
    let mut out: Vec<Offer<'a>> = context
        .list
        .iter()
        .filter_map(|candidate| offer(site, candidate, by_range, filter.as_ref()))
        .collect();
    if site.consumer.is_git() {
        peel(&mut out);
    }
    if matches!(site.consumer, Consumer::Comment | Consumer::Terraform) {
        without_v(site, &mut out);
    }
    Ok(out)
}

fn offer<'a>(
    site: &Site,
    candidate: &'a Candidate,
    by_range: bool,
    filter: Option<&Pattern>,
) -> Option<Offer<'a>> {
    let raw = candidate.text.as_str();
    let (text, key): (Cow<'_, str>, Cow<'_, str>) = match &site.consumer {
        // Helm drops index entries whose version it cannot read.
        Consumer::HelmIndex => {
            Version::parse(raw).ok()?;
            (raw.into(), raw.into())
        }
        // The tag of a chart is its version with `+` as `_`; a text of another form would be read as a range.
        Consumer::HelmOci => {
            let text = raw.replace('_', "+");
            Version::parse_flux(&text).ok()?;
            (text.clone().into(), text.into())
        }
        Consumer::Oci { chart, .. } => {
            if filter.is_some_and(|filter| !filter.is_match(raw)) {
                return None;
            }
            let key = if *chart { raw.replace('_', "+").into() } else { Cow::Borrowed(raw) };
            if by_range {
                Version::parse_flux(&key).ok()?;
                (key.clone(), key)
            } else {
                (raw.into(), key)
            }
        }
        // A container runtime takes any tag; signatures and the like are no versions.
        Consumer::Image => (raw.into(), raw.into()),
        // Flux's releases begin with `v`; the operator and the action take them without it too.
        Consumer::Flux | Consumer::FluxManifests | Consumer::Api { .. } => {
            let bare = raw.strip_prefix('v').unwrap_or(raw);
            let text: Cow<'_, str> =
                if site.spot.value.starts_with('v') { format!("v{bare}").into() } else { bare.into() };
            (text.clone(), text)
        }
        Consumer::Git | Consumer::Comment | Consumer::Terraform => {
            let tag = raw.strip_prefix(TAGS)?;
            let tag = tag.strip_suffix("^{}").unwrap_or(tag);
            if by_range {
                Version::parse_flux(tag).ok()?;
            }
            let text =
                if site.part == Part::Name { format!("{TAGS}{tag}").into() } else { Cow::Borrowed(tag) };
            (text, tag.into())
        }
    };
    // A variable that is only a part of the field cannot make it say everything.
    site.spot.whole(&text)?;
    Some(Offer { text: text.into_owned(), key: key.into_owned(), candidate })
}

/// An annotated tag stands twice in a listing; the commit is the one that `^{}` names.
fn peel(offers: &mut Vec<Offer<'_>>) {
    offers.sort_by(|a, b| {
        let peeled = |offer: &Offer<'_>| !offer.candidate.text.ends_with("^{}");
        (&a.key, peeled(a)).cmp(&(&b.key, peeled(b)))
    });
    offers.dedup_by(|later, first| later.key == first.key);
}

/// Leaves the `v` out of the tags where the author does: what is written has none, and its tag has one.
fn without_v(site: &Site, offers: &mut [Offer<'_>]) {
    let has = |text: &str| offers.iter().any(|offer| offer.text == text);
    let written = current(site).text;
    if has(&written) || !has(&format!("v{written}")) {
        return;
    }
    for offer in offers {
        for text in [&mut offer.text, &mut offer.key] {
            if let Some(bare) = text.strip_prefix('v') {
                *text = bare.to_owned();
            }
        }
    }
}

/// Whether a tag names a version and not a moving state.
pub(super) fn is_version(key: &str) -> bool {
    Flavour::of(key).is_some()
}

/// Order of version tags of one repository; the longer of equal ones says more.
pub(super) fn order(a: &Offer<'_>, b: &Offer<'_>) -> Ordering {
    let version = |offer: &Offer<'_>| Version::parse(&offer.key).ok();
    let by_version = match (version(a), version(b)) {
        (Some(a), Some(b)) => a.cmp_precedence(&b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    };
    by_version.then_with(|| a.key.len().cmp(&b.key.len())).then_with(|| a.key.cmp(&b.key))
}
