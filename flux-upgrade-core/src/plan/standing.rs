//! Where a site stands now: what its field selects of what is published, and when that was published.

use super::decide::{Context, Stop, unanswered, well_formed};
use super::offer::{TAGS, current, is_version, offers};
use super::{Failure, MOST_NAMED, Reason, range};
use crate::automate::{Elected, Open, Policy};
use crate::locate::{Consumer, Part, Site, SourceKey};
use crate::resolve::{Ask, Candidate, Resolution};
use crate::rules::Rules;
use crate::time::Timestamp;
use crate::version::Version;

/// Where branches stand in a listing of refs.
const HEADS: &str = "refs/heads/";

/// What a field selects of what is published.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// The version, tag or branch as it is published, without `refs/tags/` or `refs/heads/`.
    pub resolved: String,
    /// Its digest, for git its commit, as the source gives it; none where the source has none.
    pub digest: Option<String>,
    /// When it was published, where the source tells.
    pub published: Option<Timestamp>,
    /// For a range: the newest that is published, whatever its bounds, of the kind that it admits.
    pub newest: Option<String>,
    /// When the newest of all was published, where the source tells.
    pub latest: Option<Timestamp>,
    /// Whether the chart is marked as deprecated.
    pub deprecated: bool,
    /// Others of the same precedence that Flux may select as well.
    pub ties: Vec<String>,
}

/// Whether what a site selects can change without a commit: a range, a tag that names no version, a branch.
pub(crate) fn is_floating(site: &Site) -> bool {
    if site.pinned_digest().is_some() {
        return false;
    }
    match site.part {
        Part::Range | Part::Branch => true,
        Part::Tag => {
            let key = current(site).key;
            !is_version(&key) && !key.is_empty() && !key.bytes().any(|byte| byte.is_ascii_digit())
        }
        Part::Name => !site.spot.value.starts_with(TAGS),
        // A range field that holds one version is no range, and was meant to be one.
        Part::Version => is_range_field(site),
        Part::Digest | Part::Commit | Part::Api => false,
    }
}

/// Whether a range field holds one version and nothing else.
pub(crate) fn is_exact(site: &Site) -> bool {
    site.part == Part::Version && is_range_field(site)
}

/// Whether a field is made for ranges.
pub(crate) fn is_range_field(site: &Site) -> bool {
    site.field.ends_with(".semver") || site.election().is_some()
}

/// Questions that have to be answered before it can be said where a site stands.
pub(crate) fn standing_needs(site: &Site, resolution: &Resolution, rules: &Rules) -> Vec<Ask> {
    match stand(site, resolution, rules) {
        Err(Stop::Needs(asks)) => asks,
        _ => Vec::new(),
    }
}

/// Where a site stands.
///
/// # Errors
///
/// Why that cannot be said: no source, no answer, nothing published that fits.
pub(crate) fn standing(site: &Site, resolution: &Resolution, rules: &Rules) -> Result<Standing, Reason> {
    stand(site, resolution, rules).map_err(|stop| match stop {
        Stop::Held(reason) => reason,
        Stop::Needs(asks) => {
            let source = asks.first().map(Ask::source).unwrap_or_default();
            Reason::Unanswered { source, failure: Failure::NotAsked }
        }
    })
}

fn stand(site: &Site, resolution: &Resolution, rules: &Rules) -> Result<Standing, Stop> {
    let source = site.source.as_ref().map_err(Reason::clone)?;
    let list = resolution.candidates(source).map_err(|failure| unanswered(source.to_string(), failure))?;
    let context = Context { site, settings: rules.settings(site), rules, resolution, list };
    let mut out = match site.part {
        _ if site.election().is_some() => by_policy(&context)?,
        Part::Range => by_range(&context)?,
        Part::Version if is_range_field(site) => by_range(&context)?,
        Part::Digest | Part::Commit => return Ok(by_digest(&context)),
        Part::Api => return Err(Reason::UpToDate.into()),
        Part::Branch => by_ref(&context, &format!("{HEADS}{}", site.spot.value))?,
        Part::Name => by_ref(&context, &site.spot.value)?,
        Part::Tag | Part::Version => by_text(&context)?,
    };
    out.latest = list.iter().filter_map(|candidate| candidate.created).max();
    Ok(out)
}

/// What a range selects.
fn by_range(context: &Context<'_>) -> Result<Standing, Stop> {
    let site = context.site;
    let text = site.spot.value.trim();
    let text = if text.is_empty() { "*" } else { text };
    let (range, _) = range::written(context, text)?;
    let chosen = range::selected(context, text, &range);
    let found = chosen.and_then(|text| context.list.iter().find(|candidate| candidate.text == text));
    let Some(candidate) = found else {
        return Err(Reason::NoCandidate { detail: format!("nothing published lies in {text}") }.into());
    };
    let offers = offers(context)?;
    let read = offers.iter().filter_map(|offer| Some((range::read(context, offer)?, offer)));
    let all: Vec<(Version, _)> = read.collect();
    let of = |candidate: &Candidate| all.iter().find(|(_, offer)| offer.candidate.text == candidate.text);
    let admitted = |version: &&(Version, _)| !version.0.is_prerelease() || range.matches(&version.0);
    let newest = all.iter().filter(admitted).max_by(|a, b| a.0.cmp_precedence(&b.0));
    let selected = of(candidate).map(|(version, _)| version);
    let is_newer =
        |version: &Version| selected.is_some_and(|selected| version.cmp_precedence(selected).is_gt());
    let newest =
        newest.filter(|(version, _)| is_newer(version)).map_or(candidate, |(_, offer)| offer.candidate);
    let equal = |(version, _): &&(Version, _)| selected.is_some_and(|s| version.cmp_precedence(s).is_eq());
    let ties = all.iter().filter(equal).filter(|(_, offer)| offer.candidate.text != candidate.text);
    let ties = ties.filter(|_| !matches!(site.consumer, Consumer::HelmIndex | Consumer::Git));
    Ok(Standing {
        newest: Some(bare(&newest.text).to_owned()),
        ties: ties.map(|(_, offer)| bare(&offer.candidate.text).to_owned()).collect(),
        ..named(context, candidate)?
    })
}

/// What an image policy elects, the same in each place where it is applied.
fn by_policy(context: &Context<'_>) -> Result<Standing, Stop> {
    let dialect = context.rules.dialect(context.site);
    let policies = context.site.election().map(|marker| marker.policies.as_slice()).unwrap_or_default();
    let mut elected = Vec::new();
    for policy in policies {
        match policy.elect(context.resolution, dialect, None, false) {
            Ok(one) => elected.push((policy, one)),
            Err(Open::Held(reason)) => return Err(reason.into()),
            Err(Open::Needs(ask)) => return Err(Stop::Needs(vec![ask])),
        }
    }
    let Some((policy, first)) = elected.first() else {
        return Err(Reason::NoCandidate { detail: "no policy is applied".to_owned() }.into());
    };
    if elected.iter().any(|(_, one)| (&one.image, &one.tag) != (&first.image, &first.tag)) {
        let wish = |(policy, one): &(&std::sync::Arc<Policy>, Elected)| {
            let cluster = policy.cluster().unwrap_or("elsewhere");
            format!("{cluster} -> {}:{}", one.image, one.tag)
        };
        let wishes = elected.iter().take(MOST_NAMED).map(wish).collect();
        return Err(Reason::Disagree { wishes }.into());
    }
    let candidate = context.list.iter().find(|candidate| candidate.text == first.tag);
    let out = candidate.map(|candidate| named(context, candidate)).transpose()?;
    Ok(Standing {
        resolved: first.tag.clone(),
        newest: policy.unbounded(context.resolution, dialect),
        ties: first.ties.clone(),
        ..out.unwrap_or_default()
    })
}

/// What a full ref, or a branch, names.
fn by_ref(context: &Context<'_>, name: &str) -> Result<Standing, Stop> {
    let Some(candidate) = context.list.iter().find(|candidate| candidate.text == *name) else {
        return Err(Reason::NoCandidate { detail: format!("the repository has no `{name}`") }.into());
    };
    named(context, candidate)
}

/// What a tag or version names.
fn by_text(context: &Context<'_>) -> Result<Standing, Stop> {
    let site = context.site;
    let written = current(site).text;
    if site.consumer.is_git() {
        let names =
            [format!("{TAGS}{written}^{{}}"), format!("{TAGS}{written}"), format!("{HEADS}{written}")];
        let found = names.iter().find(|name| context.list.iter().any(|c| c.text == **name));
        return by_ref(context, found.unwrap_or(&written));
    }
    let offers = offers(context)?;
    let found = offers.iter().find(|offer| offer.text == written).map(|offer| offer.candidate);
    // An index is searched by range where it lacks the text itself: `v1.2.3` selects `1.2.3`.
    let found = match (found, &site.consumer) {
        (None, Consumer::HelmIndex) => {
            let dialect = context.rules.dialect(site);
            crate::resolve::select::http_chart(&written, context.list, dialect)
                .ok()
                .map(|found| found.candidate)
        }
        (found, _) => found,
    };
    match found {
        Some(candidate) => named(context, candidate),
        None => Err(Reason::CurrentVanished { newest: None }.into()),
    }
}

/// A digest or commit stands where it is written; the tag that has it says since when.
fn by_digest(context: &Context<'_>) -> Standing {
    let value = &context.site.spot.value;
    let known = context.list.iter().find(|candidate| candidate.digest.as_ref() == Some(value));
    Standing {
        resolved: known.map_or_else(|| value.clone(), |candidate| bare(&candidate.text).to_owned()),
        digest: Some(value.clone()),
        published: known.and_then(|candidate| candidate.created),
        ..Standing::default()
    }
}

/// A candidate with its digest and date, as far as the source has them.
fn named(context: &Context<'_>, candidate: &Candidate) -> Result<Standing, Stop> {
    let (site, resolution) = (context.site, context.resolution);
    let mut asks = Vec::new();
    // A digest that is written is what runs, wherever its tag has gone since.
    let pinned = site.pinned_digest().map(str::to_owned);
    let mut digest = pinned.or_else(|| candidate.digest.clone());
    let mut published = candidate.created;
    if let Ok(SourceKey::Oci { repository }) = &site.source {
        let of = || (repository.clone(), candidate.text.clone());
        if digest.is_none() {
            match resolution.digest(repository, &candidate.text) {
                Some(Ok(found)) => digest = Some(found.clone()),
                Some(Err(failure)) => {
                    return Err(unanswered(format!("oci://{repository}:{}", candidate.text), failure).into());
                }
                None => {
                    let (repository, tag) = of();
                    asks.push(Ask::Digest { repository, tag });
                }
            }
        }
        if published.is_none() {
            match resolution.created(repository, &candidate.text) {
                Some(found) => published = found.as_ref().ok().copied().flatten(),
                None => {
                    let (repository, tag) = of();
                    asks.push(Ask::Created { repository, tag });
                }
            }
        }
    }
    if let (Ok(SourceKey::Git { url }), None) = (&site.source, published) {
        let object = candidate.tag_object.as_ref().or(candidate.digest.as_ref());
        match (resolution.ref_date(url, &candidate.text), object) {
            (Some(found), _) => published = found,
            (None, Some(object)) => {
                let refs = [(candidate.text.clone(), object.clone())].into();
                asks.push(Ask::Dates { url: url.clone(), refs });
            }
            (None, None) => {}
        }
    }
    if !asks.is_empty() {
        return Err(Stop::Needs(asks));
    }
    // The digest of an index is of the chart's archive, in whatever form its publisher writes it.
    let checked = |digest: String| match &site.source {
        Ok(SourceKey::Oci { .. } | SourceKey::Git { .. }) => well_formed(site, digest),
        _ => Ok(digest),
    };
    let digest = digest
        .filter(|digest| !digest.is_empty())
        .map(checked)
        .transpose()
        .map_err(|(source, failure)| unanswered(source, &failure))?;
    if digest.is_none() && candidate.text.starts_with(HEADS) {
        return Err(unanswered(candidate.text.clone(), &Failure::NotFound).into());
    }
    Ok(Standing {
        resolved: bare(&candidate.text).to_owned(),
        digest,
        published,
        deprecated: candidate.deprecated,
        ..Standing::default()
    })
}

/// A ref without its folder, and without the mark of a peeled tag.
fn bare(text: &str) -> &str {
    let text = text.strip_suffix("^{}").unwrap_or(text);
    text.strip_prefix(TAGS).or_else(|| text.strip_prefix(HEADS)).unwrap_or(text)
}
