//! Tags of any shape: what kind of tag a text is, and which others are of the same kind.
//!
//! A tag is read as `prefix`, an optional `v`, the version numbers, an optional pre-release stage and a suffix in which
//! numbers are places: `chart-v1.4.2-rc.1-alpine3.18` has the prefix `chart-`, the numbers 1.4.2, the stage `rc` 1 and the
//! suffix `-alpine#.#`. Tags of one flavour are ordered by the version numbers, then by stage, then by the numbers of the
//! suffix. All rules here are ours; they were checked against real upgrade histories.

use super::Level;
use super::shape::{Piece, Shape, Stage};
use std::cmp::Ordering;

/// The kind of a pinned tag.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::version::{Flavour, Refusal};
/// let flavour = Flavour::of("1.27.3-alpine").expect("the tag is a version");
/// assert_eq!(flavour.admits("1.28.0-alpine"), Ok(()));
/// assert_eq!(flavour.admits("1.28.0"), Err(Refusal::OtherSuffix));
/// assert!(Flavour::of("latest").is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flavour {
    shape: Shape,
}

/// Why a tag is not offered to a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No version: `latest`, a branch, a hash.
    #[error("it has no order")]
    Unordered,
    /// Other text before the numbers.
    #[error("it has another prefix")]
    OtherPrefix,
    /// Other text after the numbers, or another platform or runtime named there.
    #[error("it has another suffix")]
    OtherSuffix,
    /// Another number of numbers, as `1.28` beside `1.28.0`.
    #[error("it has another number of parts")]
    OtherParts,
    /// A pre-release of another kind than the site's.
    #[error("it is a pre-release")]
    Prerelease,
    /// A first number of another order of magnitude, as `2028362` beside `2024`.
    #[error("its first number is out of line")]
    Giant,
    /// A date among versions that go on without it.
    #[error("it is a date among versions")]
    DateAmongVersions,
    /// The same version in another spelling than the author's.
    #[error("the same version is published in the author's spelling")]
    OtherSpelling,
}

impl Refusal {
    /// The stable code of this refusal.
    pub fn code(self) -> &'static str {
        match self {
            Refusal::Unordered => "flavour.unordered",
            Refusal::OtherPrefix => "flavour.other-prefix",
            Refusal::OtherSuffix => "flavour.other-suffix",
            Refusal::OtherParts => "flavour.other-parts",
            Refusal::Prerelease => "flavour.prerelease",
            Refusal::Giant => "flavour.giant",
            Refusal::DateAmongVersions => "flavour.date-among-versions",
            Refusal::OtherSpelling => "flavour.other-spelling",
        }
    }
}

/// Whether pre-releases are offered to a site that is on none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Prereleases {
    /// Only to a site that is on one of the same kind.
    #[default]
    OwnKind,
    /// To every site.
    All,
}

impl Flavour {
    /// The flavour of a tag; `None` for a tag without an order: `latest`, branch names, `sha-…`, hashes.
    pub fn of(tag: &str) -> Option<Flavour> {
        Shape::of(tag).map(|shape| Flavour { shape })
    }

    /// Whether `candidate` is of this flavour, so that a site may move to it; says nothing about newer or older.
    ///
    /// # Errors
    ///
    /// The first [`Refusal`] that applies, pre-releases being offered to their own kind only.
    pub fn admits(&self, candidate: &str) -> Result<(), Refusal> {
        let shape = Shape::of(candidate).ok_or(Refusal::Unordered)?;
        admits(&self.shape, &shape, Prereleases::OwnKind)
    }

    /// Orders two tags of this flavour; `None` if one of them is not.
    pub fn compare(&self, left: &str, right: &str) -> Option<Ordering> {
        let read =
            |tag: &str| Shape::of(tag).filter(|shape| admits(&self.shape, shape, Prereleases::All).is_ok());
        Some(order(&read(left)?, &read(right)?))
    }

    /// How far it is from the tag of this flavour to `newer`; `None` if that is not of this flavour.
    ///
    /// The first version number that differs is major, the second minor, any other, a stage or a suffix number patch. A
    /// date of six or eight digits counts as year, month and day.
    pub fn level(&self, newer: &str) -> Option<Level> {
        let shape = Shape::of(newer)?;
        admits(&self.shape, &shape, Prereleases::All).ok()?;
        Some(level(&self.shape, &shape))
    }

    /// Whether the tag is a pre-release such as `1.2.0-rc.1`.
    pub fn is_prerelease(&self) -> bool {
        self.shape.stage.is_some()
    }
}

/// One tag that a site may hold, in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranked<'a> {
    /// The tag.
    pub text: &'a str,
    /// Its place in the list that was ranked, from 0.
    pub index: usize,
    /// How it compares with the current tag.
    pub order: Ordering,
    /// How far away it is from the current tag.
    pub level: Level,
}

/// All candidates in order, with those that were refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ranking<'a> {
    /// What the site may hold, newest first, with the current tag if it is among the candidates.
    pub accepted: Vec<Ranked<'a>>,
    /// What it may not hold, in the order given.
    pub refused: Vec<(&'a str, Refusal)>,
}

impl<'a> Ranking<'a> {
    /// The accepted tags above the current one, newest first.
    pub fn newer(&self) -> impl Iterator<Item = &Ranked<'a>> {
        self.accepted.iter().filter(|ranked| ranked.order.is_gt())
    }
}

/// Ranks every candidate for a site that holds `current`; `None` if that has no order.
///
/// Beyond [`Flavour::admits`] the whole list counts: of two spellings of a version (`v1.0`, `1.0`) the author's is taken;
/// a number of parts other than the author's is accepted where the publisher has no other spelling of that release; a date
/// is refused as long as ordinary versions go on; a bare number inside the suffix, such as the 18 of `3.1.0-18-minimal`,
/// stays as long as it gets newer versions. Takes time linear in the candidates, but for sorting.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::version::{Prereleases, newest};
/// let tags = ["v0.71.2", "0.72.0", "0.73.0-rc.1", "latest", "20240101"];
/// let ranking = newest("v0.71.2", &tags, Prereleases::OwnKind).expect("the tag is a version");
/// assert_eq!(ranking.accepted[0].text, "0.72.0");
/// assert_eq!(ranking.refused.len(), 3);
/// ```
pub fn newest<'a, T: AsRef<str>>(
    current: &str,
    candidates: &'a [T],
    prereleases: Prereleases,
) -> Option<Ranking<'a>> {
    let current = Shape::of(current)?;
    let mut refused = Vec::new();
    let mut read: Vec<Read<'a>> = Vec::new();
    for (index, candidate) in candidates.iter().enumerate() {
        let text = candidate.as_ref();
        let verdict = Shape::of(text).ok_or(Refusal::Unordered).and_then(|shape| {
            match admits(&current, &shape, prereleases) {
                // Another number of parts is judged below, with all candidates in view.
                Ok(()) | Err(Refusal::OtherParts) => Ok(shape),
                Err(refusal) => Err(refusal),
            }
        });
        match verdict {
            Ok(shape) => read.push(Read { text, index, order: order(&shape, &current), shape }),
            Err(refusal) => refused.push((index, text, refusal)),
        }
    }
    for rule in [refuse_aliases, refuse_dates, refuse_other_numbers, refuse_other_spellings] {
        let verdicts = rule(&current, &read);
        let mut verdicts = verdicts.into_iter();
        read.retain(|candidate| match verdicts.next().flatten() {
            None => true,
            Some(refusal) => {
                refused.push((candidate.index, candidate.text, refusal));
                false
            }
        });
    }
    read.sort_by(|left, right| order(&right.shape, &left.shape).then(left.index.cmp(&right.index)));
    refused.sort_by_key(|(index, _, _)| *index);
    let accepted = read
        .into_iter()
        .map(|Read { text, index, order, shape }| Ranked {
            text,
            index,
            order,
            level: level(&current, &shape),
        })
        .collect();
    Some(Ranking {
        accepted,
        refused: refused.into_iter().map(|(_, text, refusal)| (text, refusal)).collect(),
    })
}

struct Read<'a> {
    text: &'a str,
    index: usize,
    order: Ordering,
    shape: Shape,
}

/// What a rule says of each candidate: nothing, or why it is refused.
type Verdicts = Vec<Option<Refusal>>;

/// An additional number this large counts builds, and the tag may come before the release it is named after.
const SMALLEST_COUNTER: u128 = 1000;

/// A tag with another number of parts is a release of its own only if no other tag spells the same release.
fn refuse_aliases(current: &Shape, read: &[Read<'_>]) -> Verdicts {
    let parts = current.numbers.len();
    let mut prefixes: std::collections::HashSet<&[u128]> = std::collections::HashSet::new();
    for candidate in read {
        for length in 1..candidate.shape.numbers.len() {
            prefixes.insert(&candidate.shape.numbers[..length]);
        }
    }
    let whole: std::collections::HashSet<&[u128]> =
        read.iter().map(|candidate| candidate.shape.numbers.as_slice()).collect();
    read.iter()
        .map(|candidate| {
            if candidate.shape.dashed != current.dashed {
                return Some(Refusal::OtherParts);
            }
            let numbers = candidate.shape.numbers.as_slice();
            let own = match numbers.len().cmp(&parts) {
                Ordering::Equal => true,
                Ordering::Less => numbers.len() >= 2 && parts >= 3 && !prefixes.contains(numbers),
                Ordering::Greater => {
                    let counters = numbers[parts..].iter().any(|&number| number >= SMALLEST_COUNTER);
                    let same_line = numbers[0] == current.numbers[0];
                    parts >= 3 && same_line && !counters && !whole.contains(&numbers[..parts])
                }
            };
            (!own).then_some(Refusal::OtherParts)
        })
        .collect()
}

/// A year in front is another numbering; it is followed only when the site's own numbering has come to its end.
fn refuse_dates(current: &Shape, read: &[Read<'_>]) -> Verdicts {
    let dated = |shape: &Shape| shape.numbers.first().is_some_and(|first| (1990..2100).contains(first));
    let goes_on = read.iter().any(|candidate| candidate.order.is_gt() && !dated(&candidate.shape));
    read.iter()
        .map(|candidate| {
            let leaves = !dated(current) && dated(&candidate.shape) && goes_on;
            leaves.then_some(Refusal::DateAmongVersions)
        })
        .collect()
}

/// Bare numbers inside a suffix stay while they get newer versions.
fn refuse_other_numbers(current: &Shape, read: &[Read<'_>]) -> Verdicts {
    let kept = |shape: &Shape| shape.kept_numbers() == current.kept_numbers();
    let goes_on = read.iter().any(|candidate| candidate.order.is_gt() && kept(&candidate.shape));
    read.iter()
        .map(|candidate| (goes_on && !kept(&candidate.shape)).then_some(Refusal::OtherSuffix))
        .collect()
}

/// Of several spellings of one version the author's stays, else the first.
fn refuse_other_spellings(current: &Shape, read: &[Read<'_>]) -> Verdicts {
    let mut places: Vec<usize> = (0..read.len()).collect();
    let strangeness =
        |shape: &Shape| (shape.has_v != current.has_v, shape.numbers.len().abs_diff(current.numbers.len()));
    places.sort_by(|&left, &right| {
        order(&read[left].shape, &read[right].shape)
            .then_with(|| strangeness(&read[left].shape).cmp(&strangeness(&read[right].shape)))
            .then(left.cmp(&right))
    });
    let mut verdicts = vec![None; read.len()];
    for pair in places.windows(2) {
        let (first, second) = (&read[pair[0]].shape, &read[pair[1]].shape);
        let unordered_parts = first.has_hash() || second.has_hash();
        if order(first, second).is_eq() && !unordered_parts && strangeness(second) != strangeness(current) {
            verdicts[pair[1]] = Some(Refusal::OtherSpelling);
        }
    }
    verdicts
}

fn admits(current: &Shape, candidate: &Shape, prereleases: Prereleases) -> Result<(), Refusal> {
    if current.prefix != candidate.prefix {
        return Err(Refusal::OtherPrefix);
    }
    if !same_suffix(&current.suffix, &candidate.suffix) {
        return Err(Refusal::OtherSuffix);
    }
    if let Some(stage) = &candidate.stage {
        let own_kind = current
            .stage
            .as_ref()
            .is_some_and(|own| own.word == stage.word || current.numbers == candidate.numbers);
        if !own_kind && prereleases == Prereleases::OwnKind {
            return Err(Refusal::Prerelease);
        }
    }
    if is_giant(current, candidate) {
        return Err(Refusal::Giant);
    }
    if current.numbers.len() != candidate.numbers.len() || current.dashed != candidate.dashed {
        return Err(Refusal::OtherParts);
    }
    Ok(())
}

/// A first number of five or more digits that has two digits more than the author's belongs to another numbering.
fn is_giant(current: &Shape, candidate: &Shape) -> bool {
    let digits =
        |shape: &Shape| shape.numbers.first().map_or(0, |first| first.checked_ilog10().unwrap_or(0) + 1);
    digits(candidate) >= 5 && digits(candidate) >= digits(current) + 2
}

fn same_suffix(current: &[Piece], candidate: &[Piece]) -> bool {
    current.len() == candidate.len()
        && current.iter().zip(candidate).all(|pair| match pair {
            (Piece::Text(left), Piece::Text(right)) => left == right,
            (Piece::Fixed(left), Piece::Fixed(right)) => left == right,
            (Piece::Kept(_), Piece::Kept(_))
            | (Piece::Free(_), Piece::Free(_))
            | (Piece::Hash, Piece::Hash) => true,
            _ => false,
        })
}

fn order(left: &Shape, right: &Shape) -> Ordering {
    let longest = left.numbers.len().max(right.numbers.len());
    let number = |shape: &Shape, place: usize| shape.numbers.get(place).copied().unwrap_or(0);
    (0..longest)
        .map(|place| number(left, place).cmp(&number(right, place)))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| order_stages(left.stage.as_ref(), right.stage.as_ref()))
        .then_with(|| left.suffix_numbers().cmp(right.suffix_numbers()))
}

fn order_stages(left: Option<&Stage>, right: Option<&Stage>) -> Ordering {
    match (left, right) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(left), Some(right)) => left.cmp(right),
    }
}

fn level(current: &Shape, newer: &Shape) -> Level {
    if current.is_date() && newer.is_date() {
        return date_level(current.numbers[0], newer.numbers[0]);
    }
    let differs = |place: usize| {
        current.numbers.get(place).copied().unwrap_or(0) != newer.numbers.get(place).copied().unwrap_or(0)
    };
    if differs(0) {
        Level::Major
    } else if differs(1) {
        Level::Minor
    } else {
        Level::Patch
    }
}

/// Year, month and day of numbers such as 20240131 and 240131.
fn date_level(current: u128, newer: u128) -> Level {
    if current / 10_000 != newer / 10_000 {
        Level::Major
    } else if current / 100 != newer / 100 {
        Level::Minor
    } else {
        Level::Patch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tags offered to a site, newest first, and what is refused with its reason.
    #[track_caller]
    fn offered(current: &str, tags: &[&str], newer: &[&str], refused: &[(&str, Refusal)]) {
        let ranking = newest(current, tags, Prereleases::OwnKind).unwrap();
        let found: Vec<&str> = ranking.newer().map(|ranked| ranked.text).collect();
        assert_eq!(found, newer, "newer than {current}");
        for expected in refused {
            assert!(ranking.refused.contains(expected), "{expected:?} is not in {:?}", ranking.refused);
        }
    }

    #[test]
    fn floating_tags_are_not_versions() {
        for tag in [
            "latest",
            "stable-alpine",
            "main",
            "sha-1a2b3c4",
            "1a2b3c4d",
            "0123456789abcdef0123456789abcdef01234567",
            "",
            "pr-72",
            "main-1a2b3c4-1700000000",
            "sha256-0a1b2c3d4e5f60718293a4b5c6d7e8f9.sig",
            "v",
            "é1.2",
        ] {
            assert_eq!(Flavour::of(tag), None, "{tag}");
        }
    }

    #[test]
    fn variants_stay_apart() {
        offered(
            "1.27.3-alpine",
            &[
                "1.28.0",
                "1.28-alpine",
                "1-alpine",
                "1.28.0-alpine",
                "1.28.0-alpine-slim",
                "1.28.0-alpine3.19",
                "alpine",
            ],
            &["1.28.0-alpine"],
            &[
                ("1.28.0", Refusal::OtherSuffix),
                ("1.28-alpine", Refusal::OtherParts),
                ("1-alpine", Refusal::OtherParts),
                ("1.28.0-alpine3.19", Refusal::OtherSuffix),
                ("alpine", Refusal::Unordered),
            ],
        );
        offered(
            "1.27.3-alpine3.18",
            &["1.28.0-alpine3.19", "1.27.3-alpine3.19"],
            &["1.28.0-alpine3.19", "1.27.3-alpine3.19"],
            &[],
        );
        offered(
            "1.2.3-java17",
            &["1.2.4-java17", "1.2.4-java21"],
            &["1.2.4-java17"],
            &[("1.2.4-java21", Refusal::OtherSuffix)],
        );
        offered("1.2.3-arm32v7", &["1.2.4-arm64v8"], &[], &[("1.2.4-arm64v8", Refusal::OtherSuffix)]);
    }

    #[test]
    fn prefixes_stay() {
        offered(
            "kube-prometheus-stack-17.0.0",
            &["kube-prometheus-stack-18.1.0", "prometheus-19.0.0", "20.0.0"],
            &["kube-prometheus-stack-18.1.0"],
            &[("prometheus-19.0.0", Refusal::OtherPrefix), ("20.0.0", Refusal::OtherPrefix)],
        );
        offered("version-2024.1.2", &["version-2024.10.1", "2024.10.1"], &["version-2024.10.1"], &[]);
        offered("18-full-v0.93.0", &["20-full-v0.93.0", "18-full-v0.94.1"], &["18-full-v0.94.1"], &[]);
    }

    #[test]
    fn the_number_of_parts_stays() {
        offered(
            "8.4",
            &["9", "9.1", "9.1.2", "8.4.1"],
            &["9.1"],
            &[("9.1.2", Refusal::OtherParts), ("9", Refusal::OtherParts)],
        );
        offered(
            "4.0.16.2944",
            &["4.0.17", "4.0.17.2952"],
            &["4.0.17.2952"],
            &[("4.0.17", Refusal::OtherParts)],
        );
        offered("1.2.3", &["1.3.0.4711"], &[], &[("1.3.0.4711", Refusal::OtherParts)]);
        // A release that is published with fewer parts only.
        offered(
            "2025.12.4",
            &["2026.1.0", "2026.1", "2026.2"],
            &["2026.2", "2026.1.0"],
            &[("2026.1", Refusal::OtherParts)],
        );
    }

    #[test]
    fn other_numberings_are_not_newer() {
        offered("2024.2.1", &["2028362.1.1", "2024.3.0"], &["2024.3.0"], &[("2028362.1.1", Refusal::Giant)]);
        offered("3", &["20240101", "4"], &["4"], &[("20240101", Refusal::Giant)]);
        offered("1.2.3", &["2024.01.05", "1.3.0"], &["1.3.0"], &[("2024.01.05", Refusal::DateAmongVersions)]);
        offered("0.118.5", &["2021.1.0", "0.118.4"], &["2021.1.0"], &[]);
        offered("b9999", &["b10001"], &["b10001"], &[]);
    }

    #[test]
    fn prereleases_go_to_their_own_kind() {
        offered("1.2.3", &["1.3.0-rc.1", "1.3.0b2", "1.3.0_alpha"], &[], &[("1.3.0b2", Refusal::Prerelease)]);
        offered(
            "2.0.0-rc.1",
            &["2.0.0-rc.2", "2.0.0", "2.0.0-beta.3", "2.1.0-rc.1", "2.1.0-alpha.1"],
            &["2.1.0-rc.1", "2.0.0", "2.0.0-rc.2"],
            &[("2.1.0-alpha.1", Refusal::Prerelease)],
        );
        let tags = ["1.3.0-rc.1"];
        assert_eq!(newest("1.2.3", &tags, Prereleases::All).unwrap().newer().count(), 1);
    }

    #[test]
    fn the_v_follows_author_then_publisher() {
        offered("v1.2.3", &["v1.3.0", "1.3.0"], &["v1.3.0"], &[("1.3.0", Refusal::OtherSpelling)]);
        offered("1.2.3", &["v1.3.0", "1.3.0"], &["1.3.0"], &[("v1.3.0", Refusal::OtherSpelling)]);
        offered("v0.71.2", &["0.72.0"], &["0.72.0"], &[]);
    }

    #[test]
    fn counters_dates_and_hashes() {
        offered(
            "4.0.16.2944-ls300",
            &["4.0.17.2952-ls299", "4.0.16.2944-ls301"],
            &["4.0.17.2952-ls299", "4.0.16.2944-ls301"],
            &[],
        );
        offered(
            "3.5.14-debian-11-r9",
            &["3.5.14-debian-12-r1", "3.5.14-debian-11-r10"],
            &["3.5.14-debian-12-r1", "3.5.14-debian-11-r10"],
            &[],
        );
        offered(
            "v1.2.3-14-gabc1234",
            &["v1.2.3-20-gdef5678", "v1.2.3-9-g1234abc"],
            &["v1.2.3-20-gdef5678"],
            &[],
        );
        offered(
            "RELEASE.2023-06-19T19-52-50Z",
            &["RELEASE.2023-06-23T20-26-00Z", "RELEASE.2023-07-01T00-00-00Z.fips"],
            &["RELEASE.2023-06-23T20-26-00Z"],
            &[],
        );
        offered("v1.38.2_60-dev", &["v1.39.0_61-dev"], &["v1.39.0_61-dev"], &[]);
        offered(
            "2.2.1-12-minimal",
            &["2.2.2-12-minimal", "2.2.2-18-minimal"],
            &["2.2.2-12-minimal"],
            &[("2.2.2-18-minimal", Refusal::OtherSuffix)],
        );
        offered("v20231011-8b53cabe0", &["v20240101-beef12345"], &["v20240101-beef12345"], &[]);
    }

    #[test]
    fn levels() {
        let table = [
            ("1.2.3", "2.0.0", Level::Major),
            ("1.2.3-alpine", "1.3.0-alpine", Level::Minor),
            ("1.2.3.4", "1.2.4.1", Level::Patch),
            ("2024.1.2", "2025.1.0", Level::Major),
            ("36", "37", Level::Major),
            ("nightly-20260502", "nightly-20260507", Level::Patch),
            ("20240131", "20240201", Level::Minor),
            ("2023-12-29", "2024-01-01", Level::Major),
            ("16.3-10", "16.3-11", Level::Patch),
            ("1.0.0-rc.1", "1.0.0", Level::Patch),
        ];
        for (current, newer, level) in table {
            assert_eq!(Flavour::of(current).unwrap().level(newer), Some(level), "{current} to {newer}");
        }
        assert_eq!(Flavour::of("1.2.3").unwrap().level("latest"), None);
    }

    #[test]
    fn comparing_needs_one_flavour() {
        let flavour = Flavour::of("1.2.3-alpine").unwrap();
        assert_eq!(flavour.compare("1.10.0-alpine", "1.9.0-alpine"), Some(Ordering::Greater));
        assert_eq!(flavour.compare("1.10.0-alpine", "1.9.0"), None);
    }
}
