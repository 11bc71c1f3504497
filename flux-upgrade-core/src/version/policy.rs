//! ImagePolicy: which tag of an image repository a policy elects.
//!
//! Tags go through the exclusion list, the stored order, the filter and the policy, in this order. Source:
//! fluxcd/image-reflector-controller `internal/policy`, `internal/controller`.

use super::{Dialect, MismatchKind, Pattern, PatternError, Range, RangeError, Template, Version, gofloat};
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// `ImageRepository.spec.exclusionList`: tags that match any pattern are never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExclusionList {
    patterns: Vec<Pattern>,
}

impl ExclusionList {
    /// Reads the patterns of `spec.exclusionList`, which replace the default.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Pattern`] for the first pattern that cannot be read.
    pub fn parse<T: AsRef<str>>(patterns: &[T]) -> Result<ExclusionList, PolicyError> {
        let patterns = patterns.iter().map(|text| Pattern::parse(text.as_ref())).collect::<Result<_, _>>()?;
        Ok(ExclusionList { patterns })
    }

    /// Whether a tag is left out; patterns are unanchored.
    pub fn excludes(&self, tag: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.is_match(tag))
    }
}

impl Default for ExclusionList {
    /// The list of an ImageRepository that has none: `^.*\.sig$`.
    fn default() -> ExclusionList {
        let signatures = Pattern::parse(r"^.*\.sig$").expect("the pattern is valid because it is a constant");
        ExclusionList { patterns: vec![signatures] }
    }
}

/// The tags as the image reflector stores them: without the excluded ones, byte-descending from Flux 2.7 on and in
/// registry order before.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::version::{Dialect, ExclusionList, stored_order};
/// let stored = stored_order(&["1.9.0", "1.10.0", "a.sig"], &ExclusionList::default(), Dialect::default());
/// assert_eq!(stored, ["1.9.0", "1.10.0"]);
/// ```
pub fn stored_order<'a, T: AsRef<str>>(
    tags: &'a [T],
    exclusions: &ExclusionList,
    dialect: Dialect,
) -> Vec<&'a str> {
    let mut stored: Vec<&str> =
        tags.iter().map(AsRef::as_ref).filter(|tag| !exclusions.excludes(tag)).collect();
    if dialect.sorts_stored_tags() {
        stored.sort_unstable_by(|left, right| right.cmp(left));
    }
    stored
}

/// Which end of an order an alphabetical or numerical policy elects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Order {
    /// The greatest; the default.
    #[default]
    Asc,
    /// The smallest.
    Desc,
}

impl Order {
    /// Reads `asc` or `desc` in any case; empty is `asc`.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Order`] for any other text.
    pub fn parse(text: &str) -> Result<Order, PolicyError> {
        match text.to_ascii_lowercase().as_str() {
            "" | "asc" => Ok(Order::Asc),
            "desc" => Ok(Order::Desc),
            _ => Err(PolicyError::Order { text: text.to_owned() }),
        }
    }
}

/// `ImagePolicy.spec.filterTags`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagFilter {
    pattern: Pattern,
    extract: Option<Template>,
}

impl TagFilter {
    /// Reads a filter; with an empty `extract` the candidate is the tag itself.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Pattern`] if Go would refuse the pattern.
    pub fn parse(pattern: &str, extract: &str) -> Result<TagFilter, PolicyError> {
        let extract = (!extract.is_empty()).then(|| Template::parse(extract));
        Ok(TagFilter { pattern: Pattern::parse(pattern)?, extract })
    }

    /// The pattern that a tag has to match.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// What the policy sees of a tag; `None` if the tag is filtered out.
    pub fn candidate(&self, tag: &str) -> Option<String> {
        match &self.extract {
            Some(template) => self.pattern.expand(tag, template),
            None => self.pattern.is_match(tag).then(|| tag.to_owned()),
        }
    }

    /// Candidates with their tags in the order of `tags`; of tags with the same candidate the last one stays.
    pub fn apply<'a>(&self, tags: &[&'a str]) -> Vec<(String, &'a str)> {
        let mut candidates: Vec<(String, &str)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for &tag in tags {
            let Some(candidate) = self.candidate(tag) else { continue };
            match places.get(&candidate) {
                Some(&place) => candidates[place].1 = tag,
                None => {
                    places.insert(candidate.clone(), candidates.len());
                    candidates.push((candidate, tag));
                }
            }
        }
        candidates
    }
}

/// `ImagePolicy.spec.policy`.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::version::{ImagePolicy, TagFilter};
/// let policy = ImagePolicy::numerical("asc")?;
/// let filter = TagFilter::parse(r"^main-[a-f0-9]+-(?P<ts>\d+)$", "$ts")?;
/// let election = policy.elect(&["main-ab-100", "main-cd-99", "latest"], Some(&filter))?;
/// assert_eq!((election.tag(), election.candidate()), ("main-ab-100", "100"));
/// # Ok::<(), flux_upgrade_core::version::PolicyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePolicy {
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    SemVer(Range, Dialect),
    Alphabetical(Order),
    Numerical(Order),
}

/// The outcome of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Election {
    tag: String,
    candidate: String,
    ties: Vec<String>,
}

impl Election {
    /// The elected tag.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// What the policy saw of it; the tag itself without a filter.
    pub fn candidate(&self) -> &str {
        &self.candidate
    }

    /// Other tags that rank equally. With a filter Flux picks any of them; without one the elected tag is certain.
    pub fn ties(&self) -> &[String] {
        &self.ties
    }
}

/// Why a policy elects nothing; Flux then keeps what it elected before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A pattern of the filter or the exclusion list.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// The range of a semver policy.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// The order is neither `asc` nor `desc`.
    #[error("invalid order `{text}`: expected `asc` or `desc`")]
    Order {
        /// The order as written.
        text: String,
    },
    /// No tag is left after exclusion and filter.
    #[error("no tag is left to choose from")]
    NoTags,
    /// A numerical policy met a candidate that is not a number, which fails the whole policy.
    #[error("`{candidate}` of tag `{tag}` is not a number")]
    NotANumber {
        /// What the policy saw.
        candidate: String,
        /// The tag it came from.
        tag: String,
    },
    /// No tag lies in the range.
    #[error("no tag is a version in the range `{range}`")]
    NoMatch {
        /// The range as written.
        range: String,
    },
}

impl PolicyError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            PolicyError::Pattern(error) => error.code(),
            PolicyError::Range(error) => error.code(),
            PolicyError::Order { .. } => "policy.order",
            PolicyError::NoTags => "policy.no-tags",
            PolicyError::NotANumber { .. } => "policy.not-a-number",
            PolicyError::NoMatch { .. } => "policy.no-match",
        }
    }
}

impl ImagePolicy {
    /// `semver.range`, with the rules of the newest Flux.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Range`]; the empty range is an error here.
    pub fn semver(range: &str) -> Result<ImagePolicy, PolicyError> {
        ImagePolicy::semver_in(range, Dialect::default())
    }

    /// `semver.range`, with the rules of one Flux minor.
    ///
    /// # Errors
    ///
    /// As [`ImagePolicy::semver`].
    pub fn semver_in(range: &str, dialect: Dialect) -> Result<ImagePolicy, PolicyError> {
        Ok(ImagePolicy { rule: Rule::SemVer(Range::parse_in(range, dialect)?, dialect) })
    }

    /// `alphabetical.order`: the bytewise greatest or smallest candidate.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Order`].
    pub fn alphabetical(order: &str) -> Result<ImagePolicy, PolicyError> {
        Ok(ImagePolicy { rule: Rule::Alphabetical(Order::parse(order)?) })
    }

    /// `numerical.order`: the greatest or smallest candidate as a 64-bit float in Go's syntax.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Order`].
    pub fn numerical(order: &str) -> Result<ImagePolicy, PolicyError> {
        Ok(ImagePolicy { rule: Rule::Numerical(Order::parse(order)?) })
    }

    /// The tag this policy elects from `tags`, given in stored order (see [`stored_order`]).
    ///
    /// Of equal versions the first wins, of equal numbers the last.
    ///
    /// # Errors
    ///
    /// [`PolicyError::NoTags`], [`PolicyError::NoMatch`], and [`PolicyError::NotANumber`] for a single bad candidate.
    pub fn elect<T: AsRef<str>>(
        &self,
        tags: &[T],
        filter: Option<&TagFilter>,
    ) -> Result<Election, PolicyError> {
        let tags: Vec<&str> = tags.iter().map(AsRef::as_ref).collect();
        let candidates = match filter {
            Some(filter) => filter.apply(&tags),
            None => tags.iter().map(|&tag| (tag.to_owned(), tag)).collect(),
        };
        if candidates.is_empty() {
            return Err(PolicyError::NoTags);
        }
        let (winner, ties) = match &self.rule {
            Rule::SemVer(range, dialect) => elect_version(&candidates, range, *dialect)?,
            Rule::Alphabetical(order) => elect_text(&candidates, *order),
            Rule::Numerical(order) => elect_number(&candidates, *order)?,
        };
        let (candidate, tag) = candidates[winner].clone();
        let ties =
            ties.into_iter().filter(|&place| place != winner).map(|place| candidates[place].1.to_owned());
        Ok(Election { tag: tag.to_owned(), candidate, ties: ties.collect() })
    }
}

impl fmt::Display for TagFilter {
    /// In words: ``tags that match `^main-(?P<ts>\d+)$`, by `$ts` ``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tags that match `{}`", self.pattern.text())?;
        match &self.extract {
            Some(template) => write!(f, ", by `{template}`"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ImagePolicy {
    /// In words: `semver >=1.0.0`, `alphabetical desc`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |order: &Order| if *order == Order::Asc { "asc" } else { "desc" };
        match &self.rule {
            Rule::SemVer(range, _) => write!(f, "semver {}", range.text()),
            Rule::Alphabetical(order) => write!(f, "alphabetical {}", word(order)),
            Rule::Numerical(order) => write!(f, "numerical {}", word(order)),
        }
    }
}

impl ImagePolicy {
    /// Tags in stored order by rank, the elected one first, then those that cannot be elected, each with why.
    pub(crate) fn judge<'a>(
        &self,
        tags: &[&'a str],
        filter: Option<&TagFilter>,
    ) -> (Vec<&'a str>, Vec<(&'a str, String)>) {
        let mut refused = Vec::new();
        let candidates: Vec<(String, &str)> = match filter {
            Some(filter) => filter.apply(tags),
            None => tags.iter().map(|&tag| (tag.to_owned(), tag)).collect(),
        };
        if let Some(filter) = filter {
            let kept: HashSet<&str> = candidates.iter().map(|(_, tag)| *tag).collect();
            for &tag in tags.iter().filter(|tag| !kept.contains(*tag)) {
                let why = match filter.candidate(tag) {
                    None => format!("does not match `{}`", filter.pattern.text()),
                    Some(same) => format!("another tag gives `{same}` as well"),
                };
                refused.push((tag, why));
            }
        }
        let mut ranked: Vec<(Rank, &str)> = Vec::new();
        for (candidate, tag) in &candidates {
            match self.rank(candidate) {
                Ok(rank) => ranked.push((rank, tag)),
                Err(why) => refused.push((tag, why)),
            }
        }
        ranked.sort_by(|(left, _), (right, _)| self.better(left, right));
        let mut ranked: Vec<&str> = ranked.into_iter().map(|(_, tag)| tag).collect();
        let elected = self.elect(tags, filter).ok();
        let place = elected.and_then(|elected| ranked.iter().position(|tag| *tag == elected.tag()));
        if let Some(place) = place {
            ranked[..=place].rotate_right(1);
        }
        (ranked, refused)
    }

    fn rank(&self, candidate: &str) -> Result<Rank, String> {
        match &self.rule {
            Rule::SemVer(range, dialect) => {
                let version = Version::parse_flux_in(candidate, *dialect);
                let version = version.map_err(|_| "not a version".to_owned())?;
                match range.explain(&version).first().map(super::Mismatch::kind) {
                    _ if range.matches(&version) => Ok(Rank::Version(version)),
                    Some(MismatchKind::Prerelease) => {
                        Err(format!("a pre-release, and `{}` names none", range.text()))
                    }
                    _ => Err(format!("outside `{}`", range.text())),
                }
            }
            Rule::Alphabetical(_) => Ok(Rank::Text(candidate.to_owned())),
            Rule::Numerical(_) => gofloat::parse(candidate)
                .map(Rank::Number)
                .ok_or_else(|| "not a number, which fails the whole policy".to_owned()),
        }
    }

    fn better(&self, left: &Rank, right: &Rank) -> Ordering {
        let ascending = match (left, right) {
            (Rank::Version(left), Rank::Version(right)) => left.cmp_precedence(right),
            (Rank::Text(left), Rank::Text(right)) => left.cmp(right),
            (Rank::Number(left), Rank::Number(right)) => left.total_cmp(right),
            _ => Ordering::Equal,
        };
        match self.rule {
            Rule::Alphabetical(Order::Desc) | Rule::Numerical(Order::Desc) => ascending,
            _ => ascending.reverse(),
        }
    }
}

/// By what one candidate stands against another.
enum Rank {
    Version(Version),
    Text(String),
    Number(f64),
}

type Candidates<'a> = [(String, &'a str)];
type Winner = (usize, Vec<usize>);

fn elect_version(
    candidates: &Candidates<'_>,
    range: &Range,
    dialect: Dialect,
) -> Result<Winner, PolicyError> {
    let mut best: Option<(usize, Version)> = None;
    let mut ties = Vec::new();
    for (place, (candidate, _)) in candidates.iter().enumerate() {
        let Ok(version) = Version::parse_flux_in(candidate, dialect) else { continue };
        if !range.matches(&version) {
            continue;
        }
        let order = best.as_ref().map(|(_, best)| version.cmp_precedence(best));
        match order {
            Some(std::cmp::Ordering::Less) => {}
            Some(std::cmp::Ordering::Equal) => ties.push(place),
            _ => {
                best = Some((place, version));
                ties.clear();
            }
        }
    }
    match best {
        Some((place, _)) => Ok((place, ties)),
        None => Err(PolicyError::NoMatch { range: range.text().to_owned() }),
    }
}

fn elect_text(candidates: &Candidates<'_>, order: Order) -> Winner {
    let mut winner = 0;
    for (place, (candidate, _)) in candidates.iter().enumerate() {
        let best = &candidates[winner].0;
        let better = match order {
            Order::Asc => candidate > best,
            Order::Desc => candidate < best,
        };
        if better {
            winner = place;
        }
    }
    (winner, Vec::new())
}

fn elect_number(candidates: &Candidates<'_>, order: Order) -> Result<Winner, PolicyError> {
    let mut best = f64::NAN;
    let mut winner = 0;
    let mut ties = Vec::new();
    for (place, (candidate, tag)) in candidates.iter().enumerate() {
        let value = gofloat::parse(candidate).ok_or_else(|| PolicyError::NotANumber {
            candidate: candidate.clone(),
            tag: (*tag).to_owned(),
        })?;
        // Written as in Flux, since a NaN is neither below nor above: it is replaced, and replaces.
        let worse = match order {
            Order::Asc => value < best,
            Order::Desc => value > best,
        };
        if worse && place > 0 {
            continue;
        }
        if value == best {
            ties.push(winner);
        } else {
            ties.clear();
        }
        best = value;
        winner = place;
    }
    Ok((winner, ties))
}

/// `ImagePolicy.spec.digestReflectionPolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DigestReflection {
    /// No digest; the default.
    #[default]
    Never,
    /// A digest is looked up when image or tag change or none is stored, and then stays.
    IfNotPresent,
    /// The digest is looked up at each interval.
    Always,
}

impl DigestReflection {
    /// Reads the field; empty is `Never`, `None` for an unknown value.
    pub fn parse(text: &str) -> Option<DigestReflection> {
        match text {
            "" | "Never" => Some(DigestReflection::Never),
            "IfNotPresent" => Some(DigestReflection::IfNotPresent),
            "Always" => Some(DigestReflection::Always),
            _ => None,
        }
    }

    /// Whether the digest of the elected tag has to be looked up: the elected tag differs from the stored one, or no
    /// digest is stored, or the policy always asks.
    pub fn needs_lookup(self, stored: Option<(&str, Option<&str>)>, elected: &str) -> bool {
        match self {
            DigestReflection::Never => false,
            DigestReflection::Always => true,
            DigestReflection::IfNotPresent => {
                !matches!(stored, Some((tag, Some(digest))) if tag == elected && !digest.is_empty())
            }
        }
    }
}

/// The digest an ImagePolicy shows after electing `elected`, when the registry says `current`.
///
/// `stored` is the image reference (name and tag) and digest of the status before. Source:
/// fluxcd/image-reflector-controller `internal/controller/imagepolicy_controller.go`.
pub fn reflected_digest<'a>(
    policy: DigestReflection,
    stored: Option<(&str, Option<&'a str>)>,
    elected: &str,
    current: Option<&'a str>,
) -> Option<&'a str> {
    if policy == DigestReflection::Never {
        None
    } else if policy.needs_lookup(stored, elected) {
        current
    } else {
        stored.and_then(|(_, digest)| digest)
    }
}
