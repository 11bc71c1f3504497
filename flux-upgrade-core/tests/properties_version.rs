//! Properties of versions, ranges, tags and times that hold for any input.

use flux_upgrade_core::resolve::select::normalize_helm_url;
use flux_upgrade_core::time::{Age, Timestamp};
use flux_upgrade_core::version::{
    Dialect, Flavour, ImagePolicy, Library, Pattern, Prereleases, Range, Template, Version, move_range,
    newest,
};
use proptest::prelude::*;
use std::cmp::Ordering;

fn small_version() -> impl Strategy<Value = String> {
    "[0-3]\\.[0-3]\\.[0-3]"
}

fn any_version() -> impl Strategy<Value = String> {
    "v?[0-9]{1,3}(\\.[0-9]{1,2}){0,2}(-(rc|a|[1-9]|x-)(\\.(0|[1-9][0-9]{0,20}|b))?)?(\\+[a-z0-9]{1,3})?"
}

/// Terms over small versions, and what they mean spelled out as bounds: at least, below.
fn term() -> impl Strategy<Value = (String, Vec<[(u64, u64, u64); 2]>)> {
    const TOP: (u64, u64, u64) = (u64::MAX, 0, 0);
    const ZERO: (u64, u64, u64) = (0, 0, 0);
    (0..12usize, 0..4u64, 0..4u64, 0..4u64).prop_map(|(form, a, b, c)| match form {
        0 => (format!("{a}.{b}.{c}"), vec![[(a, b, c), (a, b, c + 1)]]),
        1 => (format!("{a}.{b}"), vec![[(a, b, 0), (a, b + 1, 0)]]),
        2 => (format!("{a}.x"), vec![[(a, 0, 0), (a + 1, 0, 0)]]),
        3 => ("*".to_owned(), vec![[ZERO, TOP]]),
        4 => (format!(">={a}.{b}.{c}"), vec![[(a, b, c), TOP]]),
        5 => (format!(">{a}.{b}"), vec![[(a, b + 1, 0), TOP]]),
        6 => (format!("<{a}.{b}.{c}"), vec![[ZERO, (a, b, c)]]),
        7 => (format!("<={a}.{b}"), vec![[ZERO, (a, b + 1, 0)]]),
        8 => (format!("~{}.{b}.{c}", a + 1), vec![[(a + 1, b, c), (a + 1, b + 1, 0)]]),
        9 => (format!("^{}.{b}.{c}", a + 1), vec![[(a + 1, b, c), (a + 2, 0, 0)]]),
        10 => (format!("^0.{}.{c}", b + 1), vec![[(0, b + 1, c), (0, b + 2, 0)]]),
        _ => (format!("!={a}.{b}.{c}"), vec![[ZERO, (a, b, c)], [(a, b, c + 1), TOP]]),
    })
}

proptest! {
    #[test]
    fn a_range_agrees_with_its_bounds(
        groups in prop::collection::vec(prop::collection::vec(term(), 1..4), 1..4),
        commas in any::<bool>(),
        version in small_version(),
    ) {
        let join = if commas { ", " } else { " " };
        let text: Vec<String> = groups
            .iter()
            .map(|terms| terms.iter().map(|(text, _)| text.clone()).collect::<Vec<_>>().join(join))
            .collect();
        let range = Range::parse(&text.join(" || ")).unwrap();
        let version = Version::parse(&version).unwrap();
        let numbers = (version.major(), version.minor(), version.patch());
        let expected = groups.iter().any(|terms| {
            terms.iter().all(|(_, spans)| spans.iter().any(|[low, high]| *low <= numbers && numbers < *high))
        });
        prop_assert_eq!(range.matches(&version), expected);
        prop_assert_eq!(range.explain(&version).is_empty(), expected);
    }

    #[test]
    fn precedence_is_a_total_order(texts in prop::array::uniform3(any_version())) {
        let [a, b, c] = texts.map(|text| Version::parse(&text).unwrap());
        prop_assert_eq!(a.cmp_precedence(&b), b.cmp_precedence(&a).reverse());
        prop_assert_eq!(a.cmp_precedence(&a), Ordering::Equal);
        if a.cmp_precedence(&b).is_le() && b.cmp_precedence(&c).is_le() {
            prop_assert!(a.cmp_precedence(&c).is_le());
        }
    }

    #[test]
    fn strict_versions_order_as_the_semver_crate_does(left in any_version(), right in any_version()) {
        let read = |text: &str| Some((Version::parse_strict(text).ok()?, semver::Version::parse(text).ok()?));
        if let (Some((ours, theirs)), Some((our_right, their_right))) = (read(&left), read(&right)) {
            // Numbers beyond 64 bits are numbers to the crate and text to Flux.
            prop_assume!(!left.contains("00000000") && left.len() < 25 && right.len() < 25);
            prop_assert_eq!(ours.cmp_precedence(&our_right), theirs.cmp_precedence(&their_right));
        }
    }

    #[test]
    fn display_and_canonical_parse_again(text in any_version()) {
        let version = Version::parse(&text).unwrap();
        prop_assert_eq!(version.to_string(), text);
        let canonical = Version::parse_strict(&version.canonical()).unwrap();
        prop_assert_eq!(version.cmp_precedence(&canonical), Ordering::Equal);
    }

    #[test]
    fn a_range_displays_as_itself(text in "[<>=~^!]{0,2} ?v?[0-9x*]{1,2}(\\.[0-9x]){0,2}( (- )?[<>~^]?[0-9](\\.[0-9]){0,2}){0,2}( ?\\|\\| ?[0-9])?") {
        for library in [Library::V3_2_0, Library::V3_2_1, Library::V3_3_1, Library::V3_4] {
            let dialect = Dialect::for_library(library);
            if let Ok(range) = Range::parse_in(&text, dialect) {
                let again = Range::parse_in(&range.to_string(), dialect).unwrap();
                prop_assert_eq!(again.to_string(), range.to_string());
            }
        }
    }

    #[test]
    fn a_moved_range_admits_its_target(range in "[~^]?[0-9](\\.[0-9x]){0,2}|>=[0-9]\\.[0-9] <[0-9]\\.[0-9]", target in small_version()) {
        let target = Version::parse(&target).unwrap();
        if let Some(moved) = move_range(&range, &target) {
            prop_assert!(Range::parse(&moved).unwrap().matches(&target));
            prop_assert!(!Range::parse(&range).unwrap().matches(&target));
            prop_assert!(move_range(&moved, &target).is_none());
        }
    }

    #[test]
    fn a_flavour_admits_its_own_tag(tag in "[a-z]{0,3}-?v?[0-9]{1,4}(\\.[0-9]{1,3}){0,3}(-[a-z]{1,4}[0-9]{0,2}){0,2}") {
        if let Some(flavour) = Flavour::of(&tag) {
            prop_assert_eq!(flavour.admits(&tag), Ok(()));
            let tags = [tag.as_str()];
            let ranking = newest(&tag, &tags, Prereleases::OwnKind).unwrap();
            prop_assert_eq!(ranking.accepted.len(), 1);
            prop_assert_eq!(ranking.newer().count(), 0);
        }
    }

    #[test]
    fn every_candidate_is_accepted_or_refused(tags in prop::collection::vec("v?[0-9]{1,2}(\\.[0-9]{1,4}){0,3}(-(rc|alpine|ls)[0-9]?)?", 0..20)) {
        let ranking = newest("1.2.3", &tags, Prereleases::OwnKind).unwrap();
        prop_assert_eq!(ranking.accepted.len() + ranking.refused.len(), tags.len());
        prop_assert!(ranking.accepted.windows(2).all(|pair| pair[0].order >= pair[1].order));
    }

    #[test]
    fn nothing_panics(text in "\\PC{0,24}", other in "[-v0-9a-g.x*<>=~^|, +_T:{}()\\[\\]\\\\$?QE]{0,24}") {
        for text in [&text, &other] {
            let _ = Version::parse(text);
            let _ = Version::parse_strict(text);
            let _ = Version::parse_flux(text);
            if let Err(error) = Range::parse(text) {
                let _ = (error.to_string(), error.excerpt(), error.help().map(str::to_owned));
            }
            if let Ok(version) = Version::parse(&other) {
                let _ = move_range(text, &version);
            }
            let _ = Pattern::parse(text).map(|pattern| pattern.expand(&other, &Template::parse(&other)));
            let _ = ImagePolicy::numerical("").unwrap().elect(&[text], None);
            let _ = newest(text, &[&other, text], Prereleases::All);
            let _ = (Timestamp::parse(text), Age::parse(text), normalize_helm_url(text));
        }
    }
}
