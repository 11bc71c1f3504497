//! The newest candidate that the rules allow.

use std::cmp::Ordering;

use super::decide::{Context, Stop};
use super::offer::{Offer, Written};
use super::sink::Sink;
use super::{Beyond, Reason, Verdict, requires, step};
use crate::locate::SourceKey;
use crate::reference::without_login;
use crate::resolve::{Ask, Candidate};
use crate::version::{Level, Prereleases, Ranking, Refusal, Version, newest};

/// What was chosen, and what was newer and refused.
pub(super) struct Choice {
    /// Index of the offer, and how far it is.
    pub(super) taken: Option<(usize, Level)>,
    /// The newest that a rule keeps out: its text, how far it is, the rule.
    pub(super) refused: Option<(String, Level, &'static str)>,
    /// The newest of the current kind, whether newer or not.
    pub(super) newest: Option<String>,
}

impl Choice {
    pub(super) fn beyond(&self) -> Option<Beyond> {
        self.refused.as_ref().map(|(newest, level, _)| Beyond { newest: newest.clone(), level: *level })
    }

    /// The reason to stay where nothing was taken.
    pub(super) fn held(
        &self,
        context: &Context<'_>,
        written: &Written,
        present: bool,
        offers: &[Offer<'_>],
    ) -> Reason {
        if let Some((newest, level, rule)) = &self.refused {
            if let Some(later) = step::next_step(context.site, newest).filter(|_| *rule == step::RULE) {
                return later;
            }
            return Reason::BeyondRules { newest: newest.clone(), level: *level, rule };
        }
        if let Some(reason) = floating(written) {
            return reason;
        }
        if present {
            return Reason::UpToDate;
        }
        if offers.is_empty() {
            let detail = match &context.site.source {
                Ok(SourceKey::Oci { .. }) if context.list.is_empty() => EMPTY.to_owned(),
                Ok(SourceKey::Helm { url, chart }) => format!("{} has no chart {chart}", without_login(url)),
                Ok(source) => format!("{source} publishes nothing that this field could hold"),
                Err(reason) => reason.to_string(),
            };
            return Reason::NoCandidate { detail };
        }
        Reason::CurrentVanished { newest: self.newest.clone() }
    }
}

/// What a text is that names no version: a moving tag, or one without order.
fn floating(written: &Written) -> Option<Reason> {
    if super::offer::is_version(&written.key) {
        return None;
    }
    if written.key.bytes().any(|byte| byte.is_ascii_digit()) {
        return Some(Reason::NoCandidate {
            detail: format!("`{}` is no version, so nothing is newer", written.text),
        });
    }
    Some(Reason::Floating { resolves_to: written.text.clone() })
}

/// Takes the newest offer of the written kind that is newer and that every rule admits.
///
/// The verdicts go to `sink`: what is newer, newest first, what the file has, what is of another kind, what is older.
pub(super) fn choose(
    context: &Context<'_>,
    written: &Written,
    offers: &[Offer<'_>],
    sink: &mut Sink,
) -> Result<Choice, Stop> {
    let keys: Vec<&str> = offers.iter().map(|offer| offer.key.as_str()).collect();
    let prereleases = if context.settings.prerelease { Prereleases::All } else { Prereleases::OwnKind };
    let ranking = newest(&written.key, &keys, prereleases).unwrap_or_default();
    let mut choice = Choice { taken: None, refused: None, newest: None };
    choice.newest = ranking.accepted.first().map(|ranked| offers[ranked.index].text.clone());
    let verdict = |offer: &Offer<'_>, taken: bool, why: String| Verdict {
        text: offer.text.clone(),
        published: offer.candidate.created.map(|time| time.to_string()),
        taken,
        why,
    };
    for (place, ranked) in ranking.newer().enumerate() {
        let offer = &offers[ranked.index];
        if choice.taken.is_some() {
            sink.add(|| verdict(offer, false, OLDER_THAN_TAKEN.to_owned()));
            continue;
        }
        let refused = refusal(context, offer, ranked.level).map_err(|stop| {
            // The next ones are likely to be asked as well, and a round costs more than a question.
            let next = ranking.newer().skip(place + 1).take(AHEAD);
            ahead(stop, next.map(|ranked| refusal(context, &offers[ranked.index], ranked.level)))
        })?;
        match refused {
            None => {
                sink.add(|| {
                    verdict(offer, true, format!("the newest that the rules allow, {}", ranked.level))
                });
                choice.taken = Some((ranked.index, ranked.level));
            }
            Some((rule, why)) => {
                sink.add(|| verdict(offer, false, why));
                if rule != "asOf" {
                    choice.refused.get_or_insert((offer.text.clone(), ranked.level, rule));
                }
            }
        }
    }
    if sink.is_kept() {
        rest(&ranking, written, offers, &choice, sink);
    }
    Ok(choice)
}

/// The verdicts on what is not above the written version: that version, what is of another kind, what is older.
fn rest(ranking: &Ranking<'_>, written: &Written, offers: &[Offer<'_>], choice: &Choice, sink: &mut Sink) {
    let verdict = |offer: &Offer<'_>, taken: bool, why: String| Verdict {
        text: offer.text.clone(),
        published: offer.candidate.created.map(|time| time.to_string()),
        taken,
        why,
    };
    let below = || ranking.accepted.iter().filter(|ranked| !ranked.order.is_gt());
    let below = || below().map(|ranked| &offers[ranked.index]);
    let itself = below().find(|offer| offer.text == written.text);
    let itself = itself.or_else(|| below().find(|offer| is_same(&offer.text, &written.text)));
    if let Some(offer) = itself {
        let spelling = if offer.text == written.text { "" } else { ", in another spelling" };
        sink.add(|| verdict(offer, choice.taken.is_none(), format!("what the file has{spelling}")));
    }
    let mut refused = ranking.refused.clone();
    // What is nearest to the written first: another spelling, a pre-release, at last what is no version.
    refused.sort_by(|(left, a), (right, b)| b.cmp(a).then_with(|| by_version(right, left)));
    let written = Version::parse(&written.key).ok();
    let is_older = |text: &str| {
        let pair = Version::parse(text).ok().zip(written.as_ref());
        pair.is_some_and(|(version, written)| version.cmp_precedence(written).is_le())
    };
    let (older, other): (Vec<_>, Vec<_>) = refused.into_iter().partition(|(text, _)| is_older(text));
    let refusal =
        |text: &str, why: String| Verdict { text: text.to_owned(), published: None, taken: false, why };
    if ranking.newer().next().is_none() {
        let kinds = [Refusal::OtherSuffix, Refusal::OtherParts, Refusal::OtherPrefix];
        let newer = other.iter().filter(|(text, why)| kinds.contains(why) && Version::parse(text).is_ok());
        sink.other_kind = newer.map(|(text, _)| *text).max_by(|a, b| by_version(a, b)).map(str::to_owned);
    }
    for (text, why) in other {
        let twin = ranking.accepted.iter().filter(|_| why == Refusal::OtherSpelling);
        let why = match twin.map(|ranked| ranked.text).find(|other| is_same(other, text)) {
            Some(twin) => format!("the same version as {twin}, which is written as in the file"),
            None => why.to_string(),
        };
        sink.add(|| refusal(text, why));
    }
    let is_itself = |offer: &Offer<'_>| itself.is_some_and(|itself| std::ptr::eq(itself, offer));
    below()
        .filter(|offer| !is_itself(offer))
        .for_each(|offer| sink.add(|| verdict(offer, false, OLDER.to_owned())));
    older.into_iter().for_each(|(text, _)| sink.add(|| refusal(text, OLDER.to_owned())));
}

/// What is wrong with a repository that answers and lists nothing.
pub(crate) const EMPTY: &str = "the repository lists no tags";

/// The verdict on what is not above the current version.
pub(crate) const OLDER: &str = "not newer";

/// The verdict on what lies between the current version and the one that is taken.
pub(super) const OLDER_THAN_TAKEN: &str = "older than what is taken";

/// Order of texts by the versions that they name; what names none comes first.
pub(super) fn by_version(left: &str, right: &str) -> Ordering {
    let order = match (Version::parse(left), Version::parse(right)) {
        (Ok(a), Ok(b)) => a.cmp_precedence(&b),
        (a, b) => a.is_ok().cmp(&b.is_ok()),
    };
    order.then_with(|| left.cmp(right))
}

/// Whether two texts spell one version.
fn is_same(left: &str, right: &str) -> bool {
    let read = |text| Version::parse(text).ok();
    read(left).zip(read(right)).is_some_and(|(left, right)| left.cmp_precedence(&right).is_eq())
}

/// How many candidates are asked about beyond the one that is needed.
pub(super) const AHEAD: usize = 15;

/// What stops a decision, with what the next candidates would need.
pub(super) fn ahead<T>(stop: Stop, next: impl Iterator<Item = Result<T, Stop>>) -> Stop {
    match stop {
        Stop::Needs(mut asks) => {
            for other in next {
                if let Err(Stop::Needs(more)) = other {
                    asks.extend(more);
                }
            }
            Stop::Needs(asks)
        }
        held => held,
    }
}

/// The rule that keeps an offer out, with words for people.
pub(super) fn refusal(
    context: &Context<'_>,
    offer: &Offer<'_>,
    level: Level,
) -> Result<Option<(&'static str, String)>, Stop> {
    let settings = &context.settings;
    let version = Version::parse(&offer.key).ok();
    let canonical = version.as_ref().map(Version::canonical);
    if settings.ignore.iter().any(|text| *text == offer.text || Some(*text) == canonical.as_deref()) {
        return Ok(Some(("ignore", "a rule ignores it".to_owned())));
    }
    for range in &settings.ranges_wanted {
        if !version.as_ref().is_some_and(|version| range.matches(version)) {
            return Ok(Some(("range", format!("outside the rules' range {range}"))));
        }
    }
    if !settings.allow.admits(level) {
        return Ok(Some(("allow", format!("a {level} update, and the rules allow {}", settings.allow))));
    }
    if let Some(found) = unstaged(context, &offer.text, known_digest(context, offer.candidate)) {
        return Ok(Some(found));
    }
    if let Some(as_of) =
        context.rules.as_of.filter(|as_of| offer.candidate.created.is_some_and(|at| at > *as_of))
    {
        return Ok(Some(("asOf", format!("published later than {as_of}"))));
    }
    if let Some(found) = date(context, offer.candidate)? {
        return Ok(Some(found));
    }
    if let Some(found) = requires::refusal(context, offer)? {
        return Ok(Some(found));
    }
    Ok(step::refusal(context.site, &offer.text))
}

/// The promotion that keeps a version out, with words for people.
pub(super) fn unstaged(
    context: &Context<'_>,
    version: &str,
    digest: Option<&str>,
) -> Option<(&'static str, String)> {
    let staged = |digest| context.rules.not_staged(context.site, version, digest);
    let promote = staged(None).filter(|_| digest.is_none() || staged(digest).is_some())?;
    let time = promote.after().map(|after| format!(" for {after}")).unwrap_or_default();
    Some(("promote", format!("`{}` has not said it{time}", promote.from())))
}

/// The digest of a candidate, as far as it was told or asked for.
fn known_digest<'a>(context: &Context<'a>, candidate: &'a Candidate) -> Option<&'a str> {
    let asked = match &context.site.source {
        Ok(SourceKey::Oci { repository }) => context.resolution.digest(repository, &candidate.text),
        _ => None,
    };
    candidate.digest.as_deref().or_else(|| asked?.as_ref().ok().map(String::as_str))
}

/// Why a candidate is too young, where a rule asks for an age or a date, with the rule.
pub(super) fn date(
    context: &Context<'_>,
    candidate: &Candidate,
) -> Result<Option<(&'static str, String)>, Stop> {
    let age = context.settings.minimum_age.filter(|age| age.seconds() > 0);
    if age.is_none() && context.rules.as_of.is_none() {
        return Ok(None);
    }
    let no_date = || Stop::Held(Reason::NoDate { newest: candidate.text.clone() });
    let created = match (candidate.created, &context.site.source) {
        (Some(created), _) => created,
        (None, Ok(SourceKey::Oci { repository })) => {
            match context.resolution.created(repository, &candidate.text) {
                Some(Ok(Some(created))) => *created,
                Some(_) => return Err(no_date()),
                None => {
                    let ask = Ask::Created { repository: repository.clone(), tag: candidate.text.clone() };
                    return Err(Stop::Needs(vec![ask]));
                }
            }
        }
        (None, Ok(SourceKey::Git { url })) => match context.resolution.ref_date(url, &candidate.text) {
            Some(Some(created)) => created,
            Some(None) => return Err(no_date()),
            None => {
                let Some(object) = candidate.tag_object.as_ref().or(candidate.digest.as_ref()) else {
                    return Err(no_date());
                };
                let refs = [(candidate.text.clone(), object.clone())].into();
                return Err(Stop::Needs(vec![Ask::Dates { url: url.clone(), refs }]));
            }
        },
        (None, _) => return Err(no_date()),
    };
    if context.rules.as_of.is_some_and(|as_of| created > as_of) {
        return Ok(Some(("asOf", "published later than the date asked for".to_owned())));
    }
    let Some(age) = age else { return Ok(None) };
    let Some(now) = context.rules.now else { return Err(no_date()) };
    let young = created.plus(age) > now;
    Ok(young.then(|| ("minimumAge", format!("published {created}, less than {age} ago"))))
}
