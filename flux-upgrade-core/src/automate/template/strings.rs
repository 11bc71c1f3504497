//! Texts of sprig. Source: sprig 3 `strings.go`, `regex.go`, `crypto.go`.

use sha2::Digest;

use super::Trouble;
use super::functions::{ANY, Row, int, list, text};
use super::print::{LIMIT, Writer, printed, quoted};
use super::value::Value;
use crate::version::Pattern;

pub(super) const TABLE: &[Row] = &[
    ("trim", 1, 1, |given| made(text(given, 0)?.trim())),
    ("trimAll", 2, 2, |given| made(trim_all(given)?)),
    ("trimall", 2, 2, |given| made(trim_all(given)?)),
    ("trimSuffix", 2, 2, |given| {
        let (suffix, own) = (text(given, 0)?, text(given, 1)?);
        made(own.strip_suffix(suffix).unwrap_or(own))
    }),
    ("trimPrefix", 2, 2, |given| {
        let (prefix, own) = (text(given, 0)?, text(given, 1)?);
        made(own.strip_prefix(prefix).unwrap_or(own))
    }),
    ("upper", 1, 1, |given| made(&text(given, 0)?.to_uppercase())),
    ("lower", 1, 1, |given| made(&text(given, 0)?.chars().flat_map(char::to_lowercase).collect::<String>())),
    ("title", 1, 1, |given| made(&title(text(given, 0)?))),
    ("untitle", 1, 1, |given| made(&worded(text(given, 0)?, |c| c.to_lowercase().collect()))),
    ("nospace", 1, 1, |given| made(&text(given, 0)?.split_whitespace().collect::<String>())),
    ("repeat", 2, 2, |given| repeat(text(given, 1)?, int(given, 0)?).and_then(|text| made(&text))),
    ("replace", 3, 3, |given| made(&replace(text(given, 0)?, text(given, 1)?, text(given, 2)?)?)),
    ("contains", 2, 2, |given| Ok(Value::Bool(text(given, 1)?.contains(text(given, 0)?)))),
    ("hasPrefix", 2, 2, |given| Ok(Value::Bool(text(given, 1)?.starts_with(text(given, 0)?)))),
    ("hasSuffix", 2, 2, |given| Ok(Value::Bool(text(given, 1)?.ends_with(text(given, 0)?)))),
    ("quote", 0, ANY, |given| joined(given, |text| quoted(text))),
    ("squote", 0, ANY, |given| joined(given, |text| format!("'{text}'"))),
    ("cat", 0, ANY, |given| joined(given, str::to_owned)),
    ("indent", 2, 2, |given| made(&indent(int(given, 0)?, text(given, 1)?)?)),
    ("nindent", 2, 2, |given| made(&format!("\n{}", indent(int(given, 0)?, text(given, 1)?)?))),
    ("trunc", 2, 2, |given| trunc(int(given, 0)?, text(given, 1)?)),
    ("abbrev", 2, 2, |given| abbrev(int(given, 0)?, text(given, 1)?)),
    ("plural", 3, 3, |given| made(text(given, usize::from(int(given, 2)? != 1))?)),
    ("toString", 1, 1, |given| made(&printed(&given[0])?)),
    ("split", 2, 2, |given| {
        let parts = pieces(text(given, 0)?, text(given, 1)?)?.into_iter().enumerate();
        Value::dict(parts.map(|(at, part)| (format!("_{at}"), part)).collect(), Value::text(""))
    }),
    ("splitList", 2, 2, |given| Value::list(pieces(text(given, 0)?, text(given, 1)?)?)),
    ("join", 2, 2, join),
    ("b64enc", 1, 1, |given| made(&base64(text(given, 0)?.as_bytes()))),
    ("sha1sum", 1, 1, |given| made(&hex(&sha1::Sha1::digest(text(given, 0)?)))),
    ("sha256sum", 1, 1, |given| made(&hex(&sha2::Sha256::digest(text(given, 0)?)))),
    ("regexMatch", 2, 2, |given| Ok(Value::Bool(pattern(given)?.is_match(text(given, 1)?)))),
    ("regexFind", 2, 2, |given| made(pattern(given)?.find(text(given, 1)?).unwrap_or_default())),
    ("regexReplaceAll", 3, 3, |given| {
        let found = pattern(given)?.replace_all(text(given, 1)?, text(given, 2)?, LIMIT);
        made(&found.ok_or_else(|| Trouble::limit(format!("a text is longer than {LIMIT} bytes")))?)
    }),
    ("regexQuoteMeta", 1, 1, |given| {
        let special = |c: char| r"\.+*?()|[]{}^$".contains(c);
        let quoted = |c: char| if special(c) { vec!['\\', c] } else { vec![c] };
        made(&text(given, 0)?.chars().flat_map(quoted).collect::<String>())
    }),
];

fn made(text: &str) -> Result<Value, Trouble> {
    if text.len() > LIMIT {
        return Err(Trouble::limit(format!("a text is longer than {LIMIT} bytes")));
    }
    Ok(Value::text(text))
}

fn pattern(given: &[Value]) -> Result<Pattern, Trouble> {
    Pattern::parse(text(given, 0)?).map_err(|error| Trouble::failed(error.to_string()))
}

fn trim_all(given: &[Value]) -> Result<&str, Trouble> {
    let cut = text(given, 0)?;
    Ok(text(given, 1)?.trim_matches(|c| cut.contains(c)))
}

/// `strings.Title`: a letter that follows none of a word becomes a capital.
fn title(text: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for c in text.chars() {
        let is_word = c.is_alphanumeric() || c == '_' || (!c.is_ascii() && !c.is_whitespace());
        if is_word && !inside {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        inside = if c.is_ascii() { is_word } else { !c.is_whitespace() && c.is_alphanumeric() };
    }
    out
}

/// The first character of each word, words being parted by white space.
fn worded(text: &str, change: fn(char) -> String) -> String {
    let mut starts = true;
    let mut out = String::new();
    for c in text.chars() {
        if starts {
            out.push_str(&change(c))
        } else {
            out.push(c)
        }
        starts = c.is_whitespace();
    }
    out
}

fn repeat(text: &str, count: i64) -> Result<String, Trouble> {
    let count = usize::try_from(count).map_err(|_| Trouble::failed("a negative count"))?;
    if text.len().saturating_mul(count) > LIMIT {
        return Err(Trouble::limit(format!("a text is longer than {LIMIT} bytes")));
    }
    Ok(text.repeat(count))
}

fn replace(old: &str, new: &str, own: &str) -> Result<String, Trouble> {
    let grows = own.matches(old).count().saturating_mul(new.len());
    if own.len().saturating_add(grows) > 2 * LIMIT {
        return Err(Trouble::limit(format!("a text is longer than {LIMIT} bytes")));
    }
    Ok(own.replace(old, new))
}

/// The values that are something, with a space between them.
fn joined(given: &[Value], change: fn(&str) -> String) -> Result<Value, Trouble> {
    let mut out = Writer::default();
    let held = given.iter().filter(|value| !matches!(value, Value::Nil | Value::Missing));
    for (at, value) in held.enumerate() {
        out.push(if at > 0 { " " } else { "" })?;
        out.push(&change(&printed(value)?))?;
    }
    Ok(Value::text(out.text))
}

fn indent(count: i64, text: &str) -> Result<String, Trouble> {
    let pad = repeat(" ", count)?;
    Ok(pad.clone() + &replace("\n", &format!("\n{pad}"), text)?)
}

fn trunc(count: i64, own: &str) -> Result<Value, Trouble> {
    let length = i64::try_from(own.len()).unwrap_or(i64::MAX);
    let range = if count < 0 && length + count > 0 {
        length + count..length
    } else if (0..length).contains(&count) {
        0..count
    } else {
        0..length
    };
    let at = |at: i64| usize::try_from(at).unwrap_or_default();
    let split = || Trouble::failed("it would cut a character in two, which is no text");
    made(own.get(at(range.start)..at(range.end)).ok_or_else(split)?)
}

fn abbrev(width: i64, own: &str) -> Result<Value, Trouble> {
    let length = i64::try_from(own.len()).unwrap_or(i64::MAX);
    if width < 4 || length <= width {
        return made(own);
    }
    let keep = usize::try_from(width - 3).unwrap_or_default();
    let split = || Trouble::failed("it would cut a character in two, which is no text");
    made(&format!("{}...", own.get(..keep).ok_or_else(split)?))
}

fn pieces(by: &str, own: &str) -> Result<Vec<Value>, Trouble> {
    let parts: Vec<&str> = match by {
        "" => own.char_indices().map(|(at, c)| &own[at..at + c.len_utf8()]).collect(),
        by => own.split(by).collect(),
    };
    Ok(parts.into_iter().map(Value::text).collect())
}

fn join(given: &[Value]) -> Result<Value, Trouble> {
    let by = text(given, 0)?;
    let mut out = Writer::default();
    let Value::List(_) = &given[1] else { return made(&printed(&given[1])?) };
    let items = list(given, 1)?.iter().filter(|item| !matches!(item, Value::Nil | Value::Missing));
    for (at, item) in items.enumerate() {
        out.push(if at > 0 { by } else { "" })?;
        out.push(&printed(item)?)?;
    }
    Ok(Value::text(out.text))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let bits =
            three.iter().chain(&[0, 0]).take(3).fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        for at in 0..4 {
            let digit = char::from(DIGITS[bits >> (18 - 6 * at) & 63]);
            out.push(if at > three.len() { '=' } else { digit });
        }
    }
    out
}
