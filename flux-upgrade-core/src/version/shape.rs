//! How a tag is made up: prefix, numbers, stage, suffix.

use std::cmp::Ordering;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    /// Text before the numbers, without the `v`.
    pub(super) prefix: String,
    pub(super) has_v: bool,
    /// Never empty.
    pub(super) numbers: Vec<u128>,
    /// Whether the numbers are a date joined by hyphens.
    pub(super) dashed: bool,
    pub(super) stage: Option<Stage>,
    pub(super) suffix: Vec<Piece>,
}

/// A pre-release stage: its kind and its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) word: &'static str,
    numbers: Vec<u128>,
}

impl Stage {
    fn rank(&self) -> usize {
        STAGES.iter().position(|(_, word)| *word == self.word).unwrap_or(STAGES.len())
    }

    pub(super) fn cmp(&self, other: &Stage) -> Ordering {
        self.rank().cmp(&other.rank()).then_with(|| self.numbers.cmp(&other.numbers))
    }
}

/// Spellings of stages and the stage they mean, from the earliest; channels such as `nightly` or `dev` are suffixes, since
/// they have no final.
const STAGES: [(&str, &str); 12] = [
    ("snapshot", "snapshot"),
    ("canary", "canary"),
    ("preview", "pre"),
    ("prerelease", "pre"),
    ("pre", "pre"),
    ("alpha", "alpha"),
    ("a", "alpha"),
    ("beta", "beta"),
    ("b", "beta"),
    ("m", "milestone"),
    ("milestone", "milestone"),
    ("rc", "rc"),
];

/// A part of the suffix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    /// A number that may change: of an operating system or a build counter.
    Free(u128),
    /// A bare number with text behind it, which stays while it can.
    Kept(u128),
    /// The number of a platform or runtime, which never changes.
    Fixed(u128),
    /// A commit, which has no order.
    Hash,
}

/// Words whose number names a platform or a runtime.
#[rustfmt::skip]
const FIXED_WORDS: [&str; 31] = [
    "amd", "arm", "armv", "aarch", "x", "i", "win", "windows", "ltsc", "nanoserver", "servercore", "windowsservercore",
    "java", "jdk", "jre", "openjdk", "php", "python", "py", "node", "nodejs", "ruby", "perl", "go", "golang",
    "cuda", "cu", "rocm", "pg", "postgres", "mysql",
];

/// Words before a number that make a tag a branch and not a version.
const BRANCH_WORDS: [&str; 14] = [
    "pr",
    "mr",
    "pull",
    "issue",
    "feature",
    "feat",
    "fix",
    "bugfix",
    "hotfix",
    "branch",
    "renovate",
    "dependabot",
    "sha",
    "commit",
];

/// Whether a word glued to a number counts releases, as in `b10331` and `build42`, and not just ends in a number.
fn counts(word: &str) -> bool {
    word.len() <= 2 || matches!(word, "build" | "rel" | "release" | "rev" | "ver" | "version")
}
/// Longer texts are no tags: a registry allows 128 characters, a file system 255 for a git ref.
const LONGEST: usize = 256;

impl Shape {
    pub(super) fn of(tag: &str) -> Option<Shape> {
        if tag.is_empty() || tag.len() > LONGEST || !tag.is_ascii() || is_hash_tag(tag) {
            return None;
        }
        let main = main_run(tag)?;
        let counted = main.free || main.parts > 1 || counts(&last_word(&tag[..main.start]));
        if !counted || is_hash(token_around(tag, main.start)) {
            return None;
        }
        let before = &tag[..main.start];
        let (prefix, has_v) = match before.strip_suffix('v') {
            Some(rest) if !rest.ends_with(|c: char| c.is_ascii_alphanumeric()) => (rest, true),
            _ => (before, false),
        };
        let words = prefix.split(|c: char| !c.is_ascii_alphanumeric());
        for word in words {
            let lower = word.to_ascii_lowercase();
            if is_hash(word) || BRANCH_WORDS.contains(&lower.as_str()) {
                return None;
            }
        }
        let (numbers, dashed, end) = numbers(tag, main)?;
        let (stage, rest) = match stage(&tag[end..]) {
            Some((stage, length)) => (Some(stage), &tag[end + length..]),
            None => (None, &tag[end..]),
        };
        Some(Shape { prefix: prefix.to_owned(), has_v, numbers, dashed, stage, suffix: pieces(rest)? })
    }

    pub(super) fn suffix_numbers(&self) -> impl Iterator<Item = u128> + '_ {
        self.suffix.iter().filter_map(|piece| match piece {
            Piece::Free(number) | Piece::Kept(number) | Piece::Fixed(number) => Some(*number),
            Piece::Text(_) | Piece::Hash => None,
        })
    }

    pub(super) fn kept_numbers(&self) -> Vec<u128> {
        self.suffix
            .iter()
            .filter_map(|piece| if let Piece::Kept(number) = piece { Some(*number) } else { None })
            .collect()
    }

    pub(super) fn has_hash(&self) -> bool {
        self.suffix.contains(&Piece::Hash)
    }

    /// Whether the one number is a date: `20240131` or `240131`.
    pub(super) fn is_date(&self) -> bool {
        matches!(self.numbers.as_slice(), [number] if is_date(*number))
    }
}

/// A dotted run of numbers in a tag.
#[derive(Clone, Copy)]
struct Run {
    start: usize,
    end: usize,
    parts: usize,
    /// Not glued to a word, as the `3.18` of `alpine3.18` is.
    free: bool,
}

/// The run that holds the version: the first free one with several numbers, else the first free one, else the first.
fn main_run(tag: &str) -> Option<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let bytes = tag.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        let mut parts = 1;
        loop {
            at += bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if bytes.get(at) == Some(&b'.') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
                at += 1;
                parts += 1;
            } else {
                break;
            }
        }
        let word = bytes[..start].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let free = word == 0 || word == 1 && matches!(bytes[start - 1], b'v' | b'V');
        runs.push(Run { start, end: at, parts, free });
    }
    let several = runs.iter().find(|run| run.free && run.parts > 1);
    several.or_else(|| runs.iter().find(|run| run.free)).or(runs.first()).copied()
}

/// The numbers of a run, with the month and day of a hyphenated date and its time; whether it is one; where it ends.
fn numbers(tag: &str, run: Run) -> Option<(Vec<u128>, bool, usize)> {
    let mut numbers =
        tag[run.start..run.end].split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u128>>>()?;
    let year = run.parts == 1 && run.end - run.start == 4 && (1990..2100).contains(&numbers[0]);
    let date =
        if year { joined(&tag[run.end..], "-", 2).filter(|(found, _)| found.len() == 2) } else { None };
    let Some((found, length)) = date else { return Some((numbers, false, run.end)) };
    numbers.extend(found);
    let mut end = run.end + length;
    if let Some(time) = tag[end..].strip_prefix('T')
        && let Some((found, length)) =
            joined(&format!("-{time}"), "-", 3).filter(|(found, _)| found.len() == 3)
    {
        numbers.extend(found);
        end += length;
    }
    Some((numbers, true, end))
}

/// Up to `most` two-digit numbers, each after `mark`; and how long they are.
fn joined(text: &str, mark: &str, most: usize) -> Option<(Vec<u128>, usize)> {
    let mut found = Vec::new();
    let mut rest = text;
    while found.len() < most {
        let Some(after) = rest.strip_prefix(mark) else { break };
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        if digits != 2 {
            break;
        }
        found.push(after[..2].parse().ok()?);
        rest = &after[2..];
    }
    Some((found, text.len() - rest.len()))
}

/// A stage right behind the numbers, and how long it is: `-rc.1`, `-beta6`, `rc1`, `_alpha`, `-SNAPSHOT.2021`.
fn stage(text: &str) -> Option<(Stage, usize)> {
    let mark = usize::from(text.starts_with(['-', '.', '_']));
    let letters = text[mark..].bytes().take_while(u8::is_ascii_alphabetic).count();
    let spelled = text[mark..mark + letters].to_ascii_lowercase();
    let (_, word) = STAGES.iter().find(|(spelling, _)| *spelling == spelled)?;
    let mut at = mark + letters;
    let mut numbers = Vec::new();
    let mut rest = &text[at..];
    loop {
        let dot = usize::from(rest.starts_with('.') || numbers.is_empty() && rest.starts_with(['-', '_']));
        let digits = rest[dot..].bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 || !numbers.is_empty() && dot == 0 {
            break;
        }
        numbers.push(rest[dot..dot + digits].parse().ok()?);
        at += dot + digits;
        rest = &text[at..];
    }
    let short = letters == 1 && numbers.is_empty();
    let ends = rest.is_empty() || rest.starts_with(['-', '_', '+', '.']);
    (ends && !short).then_some((Stage { word, numbers }, at))
}

/// The suffix in pieces; `None` if a number is too large.
fn pieces(text: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut word = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let token = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let fresh = !word.ends_with(|c: char| c.is_ascii_alphanumeric());
        let hash = rest[..token].strip_prefix('g').filter(|hash| is_hash(hash)).unwrap_or(&rest[..token]);
        if fresh && token > 0 && is_hash(hash) {
            push_text(&mut pieces, &rest[..token - hash.len()]);
            pieces.push(Piece::Hash);
            word.clear();
            rest = &rest[token..];
            continue;
        }
        if c.is_ascii_digit() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number = rest[..digits].parse().ok()?;
            rest = &rest[digits..];
            pieces.push(number_piece(number, &word, rest));
            word.push('0');
        } else {
            push_text(&mut pieces, &rest[..1]);
            word.push(c);
            rest = &rest[1..];
        }
    }
    Some(pieces)
}

/// What kind of number follows `before`, the suffix so far with `0` for each number.
fn number_piece(number: u128, before: &str, after: &str) -> Piece {
    let own = before.trim_end_matches(['0', '.']);
    let glued = last_word(own);
    let named = last_word(own.trim_end_matches('-'));
    if named.is_empty() && after.is_empty() && before.ends_with('-') && is_commit_in_digits(number) {
        return Piece::Hash;
    }
    let behind_number = own[..own.len() - glued.len()].ends_with('0');
    let tail = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let inside_word = !glued.is_empty() && tail.starts_with(|c: char| c.is_ascii_alphabetic());
    let architecture_version = glued == "v" && behind_number;
    if FIXED_WORDS.contains(&named.as_str()) || architecture_version || inside_word {
        Piece::Fixed(number)
    } else if named.is_empty() && !tail.is_empty() && !starts_with_hash(tail) {
        Piece::Kept(number)
    } else {
        Piece::Free(number)
    }
}

/// Whether a bare number has the length of a short commit and is neither a date nor a time.
fn is_commit_in_digits(number: u128) -> bool {
    match number.checked_ilog10() {
        Some(6 | 8) => true,
        Some(7) => !is_date(number),
        _ => false,
    }
}

/// Whether a number reads as year, month and day: 20240131 or 240131.
fn is_date(number: u128) -> bool {
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    let plausible = (1..=12).contains(&month) && (1..=31).contains(&day);
    plausible && ((1990..2100).contains(&year) || (10..60).contains(&year))
}

fn last_word(text: &str) -> String {
    let start = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len();
    text[start..].to_ascii_lowercase()
}

/// Whether `-1a2b3c4` or `-g1a2b3c4` follows, as in the output of `git describe`.
fn starts_with_hash(tail: &str) -> bool {
    let token = tail
        .get(1..)
        .unwrap_or_default()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    is_hash(token) || token.strip_prefix('g').is_some_and(is_hash)
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if let Some(Piece::Text(last)) = pieces.last_mut() {
        last.push_str(text);
    } else if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}

/// The letters and digits around a byte.
fn token_around(tag: &str, at: usize) -> &str {
    let inside = |c: char| c.is_ascii_alphanumeric();
    let start = tag[..at].trim_end_matches(inside).len();
    let end = tag.len() - tag[at..].trim_start_matches(inside).len();
    &tag[start..end]
}

/// A tag that is a hash, maybe behind `sha-`.
fn is_hash_tag(tag: &str) -> bool {
    let bare = ["sha256-", "sha-", "git-", "commit-", "sha"].iter().find_map(|mark| tag.strip_prefix(mark));
    let all_hex = |text: &str| text.len() >= 7 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    bare.is_some_and(|bare| all_hex(bare.split('.').next().unwrap_or_default()))
        || is_hash(tag)
        || tag.len() >= 32 && all_hex(tag)
}

/// Seven or more hex digits with a letter and a digit among them.
fn is_hash(text: &str) -> bool {
    let hex =
        (7..=64).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    hex && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}
