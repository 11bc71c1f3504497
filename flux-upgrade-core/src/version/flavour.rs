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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No version: `latest`, a branch, a hash.
    #[error("not a version")]
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
    #[error("looks like a date or a counter, not a version")]
    Giant,
    /// A date among versions that go on without it.
    #[error("it is a date among versions")]
    DateAmongVersions,
    /// The same version in another spelling than the author's.
    #[error("the same version is published as it is written in the file")]
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

    /// The suffix that its tags share, with `N` for a number that may change: `-alpine3.N`; none where it has none.
    pub(crate) fn suffix(&self) -> Option<String> {
        let pieces = self.shape.suffix.iter().map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Fixed(number) | Piece::Kept(number) => number.to_string(),
            Piece::Free(_) => "N".to_owned(),
            Piece::Hash => "HASH".to_owned(),
        });
        Some(pieces.collect::<String>()).filter(|suffix| !suffix.is_empty())
    }

    /// Whether the tag is a pre-release such as `1.2.0-rc.1`.
    pub fn is_prerelease(&self) -> bool {
        self.shape.stage.is_some()
    }
}

pub(super) fn admits(current: &Shape, candidate: &Shape, prereleases: Prereleases) -> Result<(), Refusal> {
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

pub(super) fn order(left: &Shape, right: &Shape) -> Ordering {
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

pub(super) fn level(current: &Shape, newer: &Shape) -> Level {
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
            "master-rollingUpdate2525",
            "main-1a2b3c4-1700000000",
            "sha256-0a1b2c3d4e5f60718293a4b5c6d7e8f9.sig",
            "v",
            "é1.2",
        ] {
            assert_eq!(Flavour::of(tag), None, "{tag}");
        }
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
