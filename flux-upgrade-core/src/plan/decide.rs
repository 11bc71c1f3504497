//! One site to what is done with it.

use super::choose::{Choice, choose, date, refusal, unstaged};
use super::offer::{self, Offer};
use super::sink::Sink;
use super::{Beyond, Failure, Reason, Verdict};
use super::{marked, range, requires};
use crate::locate::{Consumer, Ignore, Part, Site, SourceKey};
use crate::resolve::{Ask, Candidate, Resolution, select};
use crate::rules::{Digests, Rules, Settings};
use crate::time::Timestamp;
use crate::version::Level;

/// What is done with a site: it moves, or something stops it.
pub(super) type Decision = Result<Move, Stop>;

/// Why a site does not move.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stop {
    Held(Reason),
    /// It cannot be said before these are answered.
    Needs(Vec<Ask>),
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self::Held(reason)
    }
}

/// Where a site moves.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Move {
    pub(super) to: String,
    /// What a lock file beside it gets: the version as published.
    pub(super) locked: Option<String>,
    /// The digest, or commit, that goes with it.
    pub(super) digest: Option<String>,
    pub(super) level: Level,
    pub(super) published: Option<Timestamp>,
    pub(super) beyond: Option<Beyond>,
    pub(super) notes: Vec<String>,
}

/// What a decision is made from.
pub(super) struct Context<'a> {
    pub(super) site: &'a Site,
    pub(super) settings: Settings<'a>,
    pub(super) rules: &'a Rules,
    pub(super) resolution: &'a Resolution,
    pub(super) list: &'a [Candidate],
}

pub(super) fn decide(site: &Site, resolution: &Resolution, rules: &Rules, sink: &mut Sink) -> Decision {
    if let Some(reason) = held_as_it_is(site, rules) {
        return Err(reason.into());
    }
    if let Some(marker) = &site.marker {
        return marked::decide(site, marker, resolution, rules);
    }
    let source = site.source.as_ref().map_err(Reason::clone)?;
    let list = resolution.candidates(source).map_err(|failure| unanswered(source.to_string(), failure))?;
    let context = Context { site, settings: rules.settings(site), rules, resolution, list };
    match site.part {
        Part::Range => range::decide(&context, sink),
        Part::Digest => by_digest(&context, sink),
        Part::Commit => by_commit(&context, sink),
        Part::Version if site.consumer == Consumer::FluxManifests => {
            let step = pinned(&context, sink)?;
            super::install::releases(site, &step.to, resolution)?;
            Ok(step)
        }
        Part::Version | Part::Tag | Part::Name => pinned(&context, sink),
        // It goes with Flux, which decides.
        Part::Api => Err(Reason::UpToDate.into()),
        Part::Branch => Err(Reason::Floating { resolves_to: site.spot.value.clone() }.into()),
    }
}

pub(super) fn unanswered(source: String, failure: &Failure) -> Reason {
    Reason::Unanswered { source, failure: failure.clone() }
}

/// Reasons that no answer changes.
fn held_as_it_is(site: &Site, rules: &Rules) -> Option<Reason> {
    if let Some(reason) = &site.blocked {
        return Some(reason.clone());
    }
    Some(Reason::Ignored { by: still_ignored(site.ignore.as_ref()?, rules)? })
}

/// A comment that says to leave a line alone, in words; none once its date is there.
pub(super) fn still_ignored(ignore: &Ignore, rules: &Rules) -> Option<String> {
    let by = match &ignore.until {
        Some(until) => match (Timestamp::parse(until), rules.now) {
            (Ok(until), Some(now)) if now >= until => return None,
            _ => format!("a comment until {until}"),
        },
        None => "a comment".to_owned(),
    };
    Some(format!("{by} at {}", ignore.at))
}

/// A tag or version that moves to the newest of its kind.
fn pinned(context: &Context<'_>, sink: &mut Sink) -> Decision {
    let offers = offer::offers(context)?;
    let written = offer::current(context.site);
    if context.site.part == Part::Name && !written.text.starts_with(offer::TAGS) {
        return Err(Reason::Floating { resolves_to: written.text }.into());
    }
    let choice = choose(context, &written, &offers, sink)?;
    let present = offers.iter().find(|offer| offer.text == written.text).or_else(|| {
        // An index is searched by range where it lacks the text itself: `v1.2.3` selects `1.2.3`.
        let dialect = context.rules.dialect(context.site);
        let index = (context.site.consumer == Consumer::HelmIndex).then_some(context.list)?;
        let selected = select::http_chart(&written.text, index, dialect).ok()?.candidate;
        offers.iter().find(|offer| offer.candidate == selected)
    });
    let tag = choice.taken.map(|(index, _)| &offers[index]).or(present);
    let digest = digest(context, &choice, tag, &offers)?;
    let moved = digest.as_ref().is_some_and(|new| context.site.pinned_digest() != Some(new));
    if moved || choice.taken.is_some() {
        requires::unchanged(context, present)?;
    }
    // A digest inside the text of the tag is written there again.
    let inside = context.site.tag_and_digest().is_some();
    let text = |tag: &str| match &digest {
        Some(digest) if inside => format!("{tag}@{digest}"),
        _ => tag.to_owned(),
    };
    let beside = digest.clone().filter(|_| !inside);
    match choice.taken {
        Some((index, level)) => {
            let mut notes = Vec::new();
            if present.is_none() {
                notes.push(format!("{} is no longer published", written.text));
            }
            notes.extend(spelling(&written.text, &offers[index].text));
            if offers[index].candidate.deprecated {
                notes.push("the chart is marked as deprecated".to_owned());
            }
            Ok(Move {
                to: text(&offers[index].text),
                locked: Some(offers[index].locked(context.site)),
                digest: beside,
                level,
                published: offers[index].candidate.created,
                beyond: choice.beyond(),
                notes,
            })
        }
        None if moved && present.is_some() => Ok(Move {
            to: text(&written.text),
            locked: None,
            digest: beside,
            level: Level::Digest,
            published: present.and_then(|offer| offer.candidate.created),
            beyond: choice.beyond(),
            notes: match context.site.pinned_digest() {
                Some(_) => vec!["the tag was pushed again".to_owned()],
                None => Vec::new(),
            },
        }),
        None => Err(choice.held(context, &written, present.is_some(), &offers).into()),
    }
}

/// What to say of a version that begins with a `v` and takes the place of one that does not, or the other way round.
fn spelling(old: &str, new: &str) -> Option<String> {
    let has_v = |text: &str| {
        text.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    match (has_v(old), has_v(new)) {
        (false, true) => Some("published with a `v`".to_owned()),
        (true, false) => Some("published without a `v`".to_owned()),
        _ => None,
    }
}

/// The digest to write with a tag: what the tag names, if the site has a digest or gets one.
fn digest(
    context: &Context<'_>,
    choice: &Choice,
    tag: Option<&Offer<'_>>,
    offers: &[Offer<'_>],
) -> Result<Option<String>, Stop> {
    let site = context.site;
    let wanted = site.pinned_digest().is_some()
        || (context.settings.digests == Digests::Pin && site.insertion.is_some());
    let Some(tag) = tag.filter(|_| wanted) else { return Ok(None) };
    let known = match (&tag.candidate.digest, &site.source) {
        (Some(digest), _) => Ok(digest.clone()),
        (None, Ok(SourceKey::Oci { repository })) => {
            let raw = &tag.candidate.text;
            match context.resolution.digest(repository, raw) {
                Some(Ok(digest)) => Ok(digest.clone()),
                Some(Err(failure)) => Err((format!("oci://{repository}:{raw}"), failure.clone())),
                None => {
                    let ask = Ask::Digest { repository: repository.clone(), tag: raw.clone() };
                    return Err(Stop::Needs(vec![ask]));
                }
            }
        }
        (None, _) => Err((tag.text.clone(), Failure::NotFound)),
    };
    let digest = match known.and_then(|digest| well_formed(site, digest)) {
        Ok(digest) => digest,
        Err(_) if choice.taken.is_none() && choice.refused.is_some() => return Ok(None),
        Err((source, failure)) => return Err(unanswered(source, &failure).into()),
    };
    let moves = choice.taken.is_some() || site.pinned_digest().is_some_and(|old| old != digest);
    if site.pinned_digest().is_some() && moves && context.settings.digests == Digests::Keep {
        let (newest, level) = match choice.taken {
            Some((index, level)) => (offers[index].text.clone(), level),
            None => (format!("{}@{digest}", tag.text), Level::Digest),
        };
        return Err(Reason::BeyondRules { newest, level, rule: "digests" }.into());
    }
    // What was said with a digest was said of that one alone.
    if (choice.taken.is_some() || site.pinned_digest() != Some(&digest))
        && context.rules.not_staged(site, &tag.text, Some(&digest)).is_some()
    {
        let level = choice.taken.map_or(Level::Digest, |(_, level)| level);
        let newest = format!("{}@{digest}", tag.text);
        return Err(Reason::BeyondRules { newest, level, rule: "promote" }.into());
    }
    // A tag that was pushed again is something new under an old name: every rule applies to it.
    let is_new = choice.taken.is_none() && site.pinned_digest() != Some(&digest);
    let refused = if is_new { refusal(context, tag, Level::Digest)? } else { None };
    if let Some((rule, _)) = refused {
        let newest = format!("{}@{digest}", tag.text);
        return Err(Reason::BeyondRules { newest, level: Level::Digest, rule }.into());
    }
    Ok(Some(digest))
}

/// A digest or commit as an answer gave it, if it is one: what is written into a file is checked before.
pub(super) fn well_formed(site: &Site, digest: String) -> Result<String, (String, Failure)> {
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let fits = match site.consumer {
        Consumer::Git | Consumer::Comment | Consumer::Terraform => {
            matches!(digest.len(), 40 | 64) && is_hex(&digest)
        }
        _ => select::is_digest(&digest),
    };
    if fits {
        return Ok(digest);
    }
    let source = site.source.as_ref().map_or_else(|_| String::new(), ToString::to_string);
    let what = if site.consumer.is_git() { "commit" } else { "digest" };
    Err((source, Failure::Malformed { detail: format!("`{digest}` is no {what}") }))
}

/// A digest alone: the version tag that has it says what it is, and the newest tag of that kind where it goes.
fn by_digest(context: &Context<'_>, sink: &mut Sink) -> Decision {
    let offers = offer::offers(context)?;
    let value = &context.site.spot.value;
    let is_known = offers.iter().any(|offer| offer.candidate.digest.as_deref() == Some(value));
    let asks = if is_known { Vec::new() } else { unknown_digests(context, &offers) };
    if !asks.is_empty() {
        return Err(Stop::Needs(asks));
    }
    let named = offers.iter().filter(|offer| offer.candidate.digest.as_deref() == Some(value));
    let Some(tag) = named.filter(|offer| offer::is_version(&offer.key)).max_by(|a, b| offer::order(a, b))
    else {
        if let Some(latest) =
            offers.iter().find(|offer| offer.text == "latest" && is_whole_reference(context.site))
        {
            return by_latest(context, latest, sink);
        }
        let what = if context.site.consumer.is_git() { "commit" } else { "digest" };
        let detail = format!("no version tag has this {what}, and nothing else says what it should follow");
        return Err(Reason::NoCandidate { detail }.into());
    };
    let written = offer::Written { text: tag.text.clone(), key: tag.key.clone() };
    let choice = choose(context, &written, &offers, sink)?;
    let Some((index, level)) = choice.taken else {
        return Err(choice.held(context, &written, true, &offers).into());
    };
    let target = digest_of(context, &offers[index])?;
    if context.settings.digests == Digests::Keep {
        let newest = offers[index].text.clone();
        return Err(Reason::BeyondRules { newest, level, rule: "digests" }.into());
    }
    Ok(Move {
        to: target,
        locked: None,
        digest: None,
        level,
        published: offers[index].candidate.created,
        beyond: choice.beyond(),
        notes: vec![format!("{} -> {}", tag.text, offers[index].text)],
    })
}

/// Whether the digest is all that says which image is meant; beside fields of their own a chart has a tag of its own.
fn is_whole_reference(site: &Site) -> bool {
    site.consumer == Consumer::Image && !site.spot.frame.before.is_empty()
}

/// An image by its digest alone, that no version tag has: without a tag a reference means `latest`.
///
/// Source: distribution/reference `normalize.go`, `TagNameOnly`.
fn by_latest(context: &Context<'_>, latest: &Offer<'_>, sink: &mut Sink) -> Decision {
    let target = digest_of(context, latest)?;
    let verdict = |taken, why: String| Verdict {
        text: format!("latest at {target}"),
        published: latest.candidate.created.map(|time| time.to_string()),
        taken,
        why,
    };
    if target == context.site.spot.value {
        sink.add(|| verdict(true, "what the file has".to_owned()));
        return Err(Reason::UpToDate.into());
    }
    let beyond = |rule| Reason::BeyondRules { newest: target.clone(), level: Level::Digest, rule };
    if context.settings.digests == Digests::Keep {
        sink.add(|| verdict(false, "the rules keep digests".to_owned()));
        return Err(beyond("digests").into());
    }
    if let Some((rule, why)) = refusal(context, latest, Level::Digest)? {
        sink.add(|| verdict(false, why));
        return Err(beyond(rule).into());
    }
    sink.add(|| verdict(true, "what `latest` is now".to_owned()));
    Ok(Move {
        to: target.clone(),
        locked: None,
        digest: None,
        level: Level::Digest,
        published: latest.candidate.created,
        beyond: None,
        notes: vec!["follows `latest`, since no version tag has the digest".to_owned()],
    })
}

/// Digests to ask for, to find the tag of one: of the newest versions first, some at a time. Registries list tags without
/// digests.
fn unknown_digests(context: &Context<'_>, offers: &[Offer<'_>]) -> Vec<Ask> {
    let Ok(SourceKey::Oci { repository }) = &context.site.source else { return Vec::new() };
    let mut versions: Vec<&Offer<'_>> = offers.iter().filter(|offer| offer::is_version(&offer.key)).collect();
    versions.sort_by(|a, b| offer::order(b, a));
    let is_open = |offer: &&&Offer<'_>| {
        let tag = &offer.candidate.text;
        offer.candidate.digest.is_none() && context.resolution.digest(repository, tag).is_none()
    };
    let open = versions.iter().take(MOST_SEARCHED).filter(is_open).take(SEARCHED_AT_ONCE);
    open.map(|offer| Ask::Digest { repository: repository.clone(), tag: offer.candidate.text.clone() })
        .collect()
}

/// How many of the newest versions are looked through for a digest.
const MOST_SEARCHED: usize = 256;

/// How many of them in one round.
const SEARCHED_AT_ONCE: usize = 16;

pub(super) fn digest_of(context: &Context<'_>, offer: &Offer<'_>) -> Result<String, Stop> {
    let checked = |digest: &String| {
        well_formed(context.site, digest.clone())
            .map_err(|(source, failure)| Stop::Held(unanswered(source, &failure)))
    };
    if let Some(digest) = &offer.candidate.digest {
        return checked(digest);
    }
    let Ok(SourceKey::Oci { repository }) = &context.site.source else {
        return Err(unanswered(offer.text.clone(), &Failure::NotFound).into());
    };
    let tag = offer.candidate.text.clone();
    match context.resolution.digest(repository, &tag) {
        Some(Ok(digest)) => checked(digest),
        Some(Err(failure)) => Err(unanswered(format!("oci://{repository}:{tag}"), failure).into()),
        None => Err(Stop::Needs(vec![Ask::Digest { repository: repository.clone(), tag }])),
    }
}

/// A commit of a branch follows the branch; one without a branch follows the tag that names it.
fn by_commit(context: &Context<'_>, sink: &mut Sink) -> Decision {
    let Some(branch) = &context.site.branch else { return by_digest(context, sink) };
    let name = format!("refs/heads/{branch}");
    let Some(head) = context.list.iter().find(|candidate| candidate.text == name) else {
        return Err(Reason::NoCandidate { detail: format!("the repository has no branch `{branch}`") }.into());
    };
    let Some(commit) = head.digest.clone() else {
        return Err(unanswered(name, &Failure::NotFound).into());
    };
    let commit =
        &well_formed(context.site, commit).map_err(|(source, failure)| unanswered(source, &failure))?;
    let verdict = |taken, why: &str| Verdict {
        text: format!("{name} at {commit}"),
        published: head.created.map(|time| time.to_string()),
        taken,
        why: why.to_owned(),
    };
    if *commit == context.site.spot.value {
        sink.add(|| verdict(true, "the branch is there"));
        return Err(Reason::UpToDate.into());
    }
    if !context.settings.allow.admits(Level::Digest) {
        sink.add(|| verdict(false, "the rules allow nothing"));
        let reason = Reason::BeyondRules { newest: commit.clone(), level: Level::Digest, rule: "allow" };
        return Err(reason.into());
    }
    if context.settings.digests == Digests::Keep {
        sink.add(|| verdict(false, "the rules keep commits"));
        let reason = Reason::BeyondRules { newest: commit.clone(), level: Level::Digest, rule: "digests" };
        return Err(reason.into());
    }
    let kept = unstaged(context, commit, None);
    if let Some((rule, why)) = kept.map_or_else(|| date(context, head), |kept| Ok(Some(kept)))? {
        sink.add(|| verdict(false, &why));
        return Err(Reason::BeyondRules { newest: commit.clone(), level: Level::Digest, rule }.into());
    }
    sink.add(|| verdict(true, "the head of the branch"));
    Ok(Move {
        to: commit.clone(),
        locked: None,
        digest: None,
        level: Level::Digest,
        published: head.created,
        beyond: None,
        notes: vec![format!("follows the branch {branch}")],
    })
}
