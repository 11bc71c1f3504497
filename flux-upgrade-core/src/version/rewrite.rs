//! Moving a range forward in the author's hand, and spelling help for ranges that cannot be read.

use super::range::Group;
use super::term::{Operator, Precision, Term};
use super::{Range, Version};

/// The range moved forward so that it admits `target`, with the author's operators, precision and blanks; `None` when
/// that cannot be done without guessing, or when it already admits `target`.
///
/// | range | target | result | why |
/// | --- | --- | --- | --- |
/// | `1.2.3`, `=v1.2.3` | 2.1.0 | `2.1.0`, `=v2.1.0` | an exact version follows |
/// | `1.x`, `1`, `^1` | 2.3.4 | `2.x`, `2`, `^2` | the written numbers follow |
/// | `1.2.x`, `~1.4` | 2.0.3 | `2.0.x`, `~2.0` | as above |
/// | `^1.2`, `^1.2.3` | 2.3.4 | `^2.3`, `^2.3.4` | as above, so that what was chosen is the lowest |
/// | `~1.2.3` | 1.4.2 | `~1.4.2` | as above |
/// | `>=1.2.0 <2.0.0` | 2.3.4 | `>=1.2.0 <3.0.0` | only the upper bound moves, by the step it was made of |
/// | `1.2 - 1.4`, `<=1.4` | 1.6.2 | `1.2 - 1.6`, `<=1.6` | an inclusive bound becomes the target |
///
/// Of several alternatives the last one moves. A `!=` that leaves out the target is never touched. The rule is ours; the
/// result is read again and asserted to admit the target.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::version::{Version, move_range};
/// let target = Version::parse("2.3.4")?;
/// assert_eq!(move_range("1.x", &target).as_deref(), Some("2.x"));
/// assert_eq!(move_range(">=1.2.0 <2.0.0", &target).as_deref(), Some(">=1.2.0 <3.0.0"));
/// # Ok::<(), flux_upgrade_core::version::VersionError>(())
/// ```
pub fn move_range(range: &str, target: &Version) -> Option<String> {
    let parsed = Range::parse(range).ok()?;
    if parsed.matches(target) {
        return None;
    }
    let group: &Group = parsed.groups.last()?;
    let mut text = range.to_owned();
    for term in group.terms.iter().rev() {
        if term.check(target).is_err() {
            if target.cmp_precedence(&term.base).is_lt() {
                return None;
            }
            let bound = moved_bound(term, target)?;
            let start = term.span.1 - term.bound.len();
            text.replace_range(start..term.span.1, &bound);
        }
    }
    let moved = Range::parse(&text).ok()?;
    moved.matches(target).then_some(text)
}

/// The exact version to write in place of a range: the target in the author's `v` habit.
///
/// `1.x` pinned to v1.4.2 is `1.4.2`; `v1.x` pinned to 1.4.2 is `v1.4.2`. The rule is ours.
pub fn pin(range: &str, target: &Version) -> String {
    let with_v = Range::parse(range)
        .ok()
        .and_then(|range| range.groups.first().and_then(|group| group.terms.first().map(writes_v)))
        .unwrap_or_else(|| target.has_v_prefix());
    let canonical = target.canonical();
    if with_v { format!("v{canonical}") } else { canonical }
}

fn writes_v(term: &Term) -> bool {
    term.bound.starts_with('v')
}

/// The bound of a failing term, moved so that the term admits the target.
fn moved_bound(term: &Term, target: &Version) -> Option<String> {
    let numbers = [target.major(), target.minor(), target.patch()];
    match term.operator {
        Operator::Equal if term.precision == Precision::Full => Some(full(term, target)),
        Operator::Equal => Some(respell(term, numbers)),
        Operator::LessEqual if term.precision == Precision::Full => Some(full(term, target)),
        Operator::LessEqual => Some(respell(term, numbers)),
        Operator::Tilde | Operator::Caret => Some(respell(term, numbers)),
        Operator::Less => next_upper_bound(term, target),
        Operator::NotEqual | Operator::Greater | Operator::GreaterEqual => None,
    }
}

/// `<2.0.0` was the end of major 1, `<1.5` the end of minor 1.4; the moved bound is the end of the target's line.
fn next_upper_bound(term: &Term, target: &Version) -> Option<String> {
    let base = &term.base;
    let at_end_of = |fits: bool, numbers: Option<[u64; 3]>| if fits { numbers } else { None };
    let major_end = target.major().checked_add(1).map(|major| [major, 0, 0]);
    let minor_end = target.minor().checked_add(1).map(|minor| [target.major(), minor, 0]);
    let patch_end = target.patch().checked_add(1).map(|patch| [target.major(), target.minor(), patch]);
    let numbers = at_end_of(base.minor() == 0 && base.patch() == 0, major_end)
        .or_else(|| at_end_of(base.patch() == 0, minor_end))
        .or(patch_end)?;
    Some(respell(term, numbers))
}

/// The target written in full where the author wrote in full.
fn full(term: &Term, target: &Version) -> String {
    let canonical = target.canonical();
    if writes_v(term) { format!("v{canonical}") } else { canonical }
}

/// Puts numbers in place of the written ones; wildcards, `v`, and a `-0` stay as they are.
fn respell(term: &Term, numbers: [u64; 3]) -> String {
    let bound = &term.bound;
    let end = bound.find(['-', '+']).unwrap_or(bound.len());
    let (prefix, written) = match bound[..end].strip_prefix('v') {
        Some(rest) => ("v", rest),
        None => ("", &bound[..end]),
    };
    let mut open = false;
    let parts: Vec<String> = written
        .split('.')
        .zip(numbers)
        .map(|(part, number)| {
            open |= matches!(part, "x" | "X" | "*");
            if open { part.to_owned() } else { number.to_string() }
        })
        .collect();
    let suffix = if bound[end..].starts_with("-0") { "-0" } else { "" };
    format!("{prefix}{}{suffix}", parts.join("."))
}

/// No help is looked for beyond this many bytes.
const LONGEST_HELPED: usize = 200;

/// The nearest valid spelling of a text that is not a range, if there is an obvious one.
pub(super) fn spelling_help(text: &str) -> Option<String> {
    let trimmed = text.trim();
    if trimmed.len() > LONGEST_HELPED {
        return None;
    }
    if trimmed.is_empty() {
        return Some("write `*` for every release".to_owned());
    }
    if matches!(trimmed, "latest" | "stable" | "any" | "newest") {
        return Some("write `*` for the newest stable version".to_owned());
    }
    corrections(trimmed)
        .into_iter()
        .find(|candidate| candidate != trimmed && Range::is_valid(candidate))
        .map(|candidate| format!("write `{candidate}`"))
}

fn corrections(text: &str) -> Vec<String> {
    let squeezed = [("> =", ">="), ("< =", "<="), ("! =", "!="), ("= =", "="), ("===", "="), ("==", "=")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    let words = squeezed.replace(" and ", " ").replace("&&", " ").replace(" or ", " || ");
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let lower = words.replace('V', "v");
    let bars = lower.replace("||", "|").replace('|', " || ");
    let trimmed = bars.trim().trim_start_matches("|| ").trim_end_matches(" ||").trim_end_matches([',', ' ']);
    let separated = separate(trimmed);
    let hyphen = separated.replace(" -", " - ").replace("  ", " ");
    let wildcard = trimmed.replace("-*", "-0");
    let fewer = fewer_numbers(trimmed);
    vec![squeezed, words, lower, trimmed.to_owned(), separated, hyphen, wildcard, fewer]
}

/// Puts a blank before each operator and one only between commas.
fn separate(text: &str) -> String {
    let mut separated = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        let after = separated.chars().next_back();
        let starts = matches!(c, '<' | '>' | '=' | '!' | '~' | '^');
        if starts && after.is_some_and(|after| after.is_ascii_alphanumeric() || after == '*') {
            separated.push(' ');
        }
        if !(c == ',' && after == Some(',')) {
            separated.push(c);
        }
    }
    separated
}

/// Drops what follows the third number of a version.
fn fewer_numbers(text: &str) -> String {
    let end = text
        .match_indices('.')
        .nth(2)
        .filter(|_| {
            text.bytes().all(|byte| {
                byte.is_ascii_digit() || matches!(byte, b'.' | b'v' | b'^' | b'~' | b'=' | b'<' | b'>')
            })
        })
        .map_or(text.len(), |(at, _)| at);
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn moves(table: &[(&str, &str, Option<&str>)]) {
        for (range, target, expected) in table {
            let target = Version::parse(target).unwrap();
            assert_eq!(move_range(range, &target).as_deref(), *expected, "{range} to {target}");
        }
    }

    #[test]
    fn the_authors_hand_is_kept() {
        moves(&[
            ("1.2.3", "2.1.0", Some("2.1.0")),
            ("=v1.2.3", "2.1.0", Some("=v2.1.0")),
            ("1.x", "2.3.4", Some("2.x")),
            ("v1.X.X", "2.3.4", Some("v2.X.X")),
            ("1", "2.3.4", Some("2")),
            ("1.2.*", "1.4.1", Some("1.4.*")),
            ("~1.4", "2.0.3", Some("~2.0")),
            ("~> 1.2.3", "1.4.2", Some("~> 1.4.2")),
            ("^1.2", "2.3.4", Some("^2.3")),
            ("^1.2.3", "2.3.4", Some("^2.3.4")),
            ("^0.2.3", "0.4.1", Some("^0.4.1")),
            ("^0.0.3", "0.0.5", Some("^0.0.5")),
            (">=1.2.0 <2.0.0", "2.3.4", Some(">=1.2.0 <3.0.0")),
            (">= 1.2, < 1.5", "1.6.1", Some(">= 1.2, < 1.7")),
            (">=1.2.0-0 <2.0.0-0", "2.1.0", Some(">=1.2.0-0 <3.0.0-0")),
            ("<=1.4", "1.6.2", Some("<=1.6")),
            ("1.2 - 1.4", "1.6.2", Some("1.2 - 1.6")),
            ("1.x || 2.x", "3.1.0", Some("1.x || 3.x")),
        ]);
    }

    #[test]
    fn what_would_be_a_guess_is_not_made() {
        moves(&[
            ("1.x", "1.9.0", None),
            (">=1.0.0 !=1.5.0", "1.5.0", None),
            (">=2.0.0", "1.0.0", None),
            ("1.x", "2.0.0-rc.1", None),
            ("latest", "1.0.0", None),
        ]);
    }

    #[test]
    fn help_is_a_valid_spelling() {
        let table = [
            ("1.2.3.4", "write `1.2.3`"),
            ("V1.2", "write `v1.2`"),
            ("==1.2", "write `=1.2`"),
            ("> = 1.2", "write `>= 1.2`"),
            (">=1.2,", "write `>=1.2`"),
            (">=1.2<2", "write `>=1.2 <2`"),
            ("1.2 ||", "write `1.2`"),
            ("1|2", "write `1 || 2`"),
            (">=1.2 && <2", "write `>=1.2 <2`"),
            ("1.2.3 -1.9", "write `1.2.3 - 1.9`"),
            ("latest", "write `*` for the newest stable version"),
            ("", "write `*` for every release"),
        ];
        for (text, help) in table {
            assert_eq!(Range::parse(text).unwrap_err().help(), Some(help), "{text}");
        }
        assert_eq!(Range::parse("foo").unwrap_err().help(), None);
    }
}
