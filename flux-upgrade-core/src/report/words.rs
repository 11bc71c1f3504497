//! Small texts that several forms share.

use std::borrow::Cow;

pub(super) use crate::text::clean;

use crate::locate::{Consumer, Part, Site, SourceKey};
use crate::plan::{Failure, Reason};
use crate::version::Flavour;

/// What moves, where the object's name does not say it: the chart, the repository's last part, an image without its host.
pub(super) fn package(site: &Site) -> &str {
    match (&site.source, &site.consumer) {
        (Ok(SourceKey::Oci { repository }), Consumer::Image) => {
            let path = repository.split_once('/').map_or(repository.as_str(), |(_, path)| path);
            path.strip_prefix("library/").unwrap_or(path)
        }
        (Ok(source), _) if source.package() != site.owner.name => source.package(),
        _ => "",
    }
}

/// `1 change`, `2 changes`.
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A variable as its users spell it: `${NAME}` of Flux, `<< inputs.name >>` of a ResourceSet, `var.NAME` of Terraform.
pub(super) fn variable(name: &str) -> String {
    match name.split_once('.') {
        Some(("inputs", _)) => format!("<< {name} >>"),
        Some(_) => name.to_owned(),
        None => format!("${{{name}}}"),
    }
}

/// A version for a narrow column: of digests and commits the first seven digits, as git shows them.
pub(super) fn short(text: &str) -> String {
    const DIGITS: usize = 7;
    let text = clean(text);
    let (tag, revision) = match text.split_once('@') {
        Some((tag, digest)) => (&text[..=tag.len()], digest),
        None => ("", &*text),
    };
    let hex = revision.rsplit_once(':').map_or(revision, |(_, hex)| hex);
    if hex.len() >= 40 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return format!("{tag}{}…", &hex[..DIGITS]);
    }
    text.into_owned()
}

/// A reason in words, as it reads beside the site that it holds.
pub(super) fn reason(site: &Site, reason: &Reason) -> String {
    let written = site.tag_and_digest().map_or(site.spot.value.as_str(), |(tag, _)| tag);
    match reason {
        Reason::UpToDate => "up to date: nothing newer of its kind is published".to_owned(),
        Reason::CurrentVanished { newest: Some(newest) } => {
            let kind = Flavour::of(written).and_then(|flavour| flavour.suffix());
            let kind = kind.map(|suffix| format!(" (`{suffix}`)")).unwrap_or_default();
            format!("the source does not list {written}; the newest of its kind{kind} is the lower {newest}")
        }
        Reason::CurrentVanished { newest: None } => format!("the source does not list {written}"),
        Reason::Floating { resolves_to } => match site.part {
            Part::Range => reason.to_string(),
            Part::Branch => format!("{resolves_to} is a branch: it moves by itself"),
            Part::Name if !resolves_to.starts_with("refs/tags/") => {
                format!("{resolves_to} is a branch: it moves by itself")
            }
            _ => format!("{resolves_to} is a tag that moves by itself"),
        },
        Reason::Unanswered { failure: Failure::NotAsked, .. } => format!("{reason}; {NOT_ASKED}"),
        other => other.to_string(),
    }
}

/// What to do about a question that nobody was asked.
pub(super) const NOT_ASKED: &str =
    "take the snapshot again with `flux-upgrade snapshot`, or plan without `--offline`";

/// Both sides of a move for narrow columns: a digest that moves along with its tag is left out, and so are the folder of
/// a git ref and the name before the tag of an image where they stay.
pub(super) fn step(from: &str, to: &str) -> (String, String) {
    for folder in ["refs/tags/", "refs/heads/"] {
        if let (Some(from), Some(to)) = (from.strip_prefix(folder), to.strip_prefix(folder)) {
            return (short(from), short(to));
        }
    }
    let (from, to) = match (tag_at(from), tag_at(to)) {
        (Some(old), Some(new)) if from[..old] == to[..new] => (&from[old..], &to[new..]),
        _ => (from, to),
    };
    match (from.split_once('@'), to.split_once('@')) {
        (Some((old, _)), Some((new, _))) if old != new => (short(old), short(new)),
        _ => (short(from), short(to)),
    }
}

/// Where the tag begins in `host/name:tag`, an image reference as a whole.
fn tag_at(reference: &str) -> Option<usize> {
    let name = reference.split('@').next().unwrap_or_default();
    let colon = name.rfind(':')?;
    (!name[colon..].contains('/') && name[..colon].contains('/')).then_some(colon + 1)
}

/// The day of an RFC 3339 time; any other text as it is.
pub(super) fn day(time: &str) -> Cow<'_, str> {
    match time.split_once('T') {
        Some((day, _)) if day.len() == 10 => clean(day),
        _ => clean(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_and_commits_are_cut() {
        let hex = "0123456789abcdef".repeat(4);
        for (text, expected) in [
            ("6.5.0".to_owned(), "6.5.0"),
            (format!("sha256:{hex}"), "0123456…"),
            (format!("6.5.0@sha256:{hex}"), "6.5.0@0123456…"),
            (hex[..40].to_owned(), "0123456…"),
            ("refs/tags/v1".to_owned(), "refs/tags/v1"),
        ] {
            assert_eq!(short(&text), expected);
        }
    }

    #[test]
    fn a_move_shows_what_differs() {
        let [a, b] = ["a", "b"].map(|digit| format!("sha256:{}", digit.repeat(64)));
        for (from, to, expected) in [
            ("1.0".to_owned(), "1.1".to_owned(), ["1.0", "1.1"]),
            ("refs/tags/v1".to_owned(), "refs/tags/v2".to_owned(), ["v1", "v2"]),
            (format!("1.0@{a}"), format!("1.1@{b}"), ["1.0", "1.1"]),
            (format!("1.0@{a}"), format!("1.0@{b}"), ["1.0@aaaaaaa…", "1.0@bbbbbbb…"]),
            ("r.io/a/b:1.0".to_owned(), "r.io/a/b:1.1".to_owned(), ["1.0", "1.1"]),
            ("r.io/a:1.0".to_owned(), "r.io/b:1.1".to_owned(), ["r.io/a:1.0", "r.io/b:1.1"]),
            ("r.io:80/a".to_owned(), "r.io:80/b".to_owned(), ["r.io:80/a", "r.io:80/b"]),
            (a.clone(), b.clone(), ["aaaaaaa…", "bbbbbbb…"]),
            ("1.0".to_owned(), format!("1.0@{b}"), ["1.0", "1.0@bbbbbbb…"]),
        ] {
            let (from, to) = step(&from, &to);
            assert_eq!([from.as_str(), to.as_str()], expected);
        }
    }

    #[test]
    fn what_steers_a_terminal_is_spelled_out() {
        for (text, expected) in [
            ("plain é", "plain é"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\nb", "a\\u{a}b"),
            ("\u{202e}x", "\\u{202e}x"),
        ] {
            assert_eq!(clean(text), expected);
        }
    }

    #[test]
    fn days() {
        assert_eq!(
            [day("2024-05-01T10:00:00Z"), day("2024-05-01"), day("soon")],
            ["2024-05-01", "2024-05-01", "soon"]
        );
    }
}
