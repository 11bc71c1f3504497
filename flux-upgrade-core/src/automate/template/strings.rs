//! Texts of sprig. Source: sprig 3 `strings.go`, `regex.go`, `crypto.go`.

use sha2::Digest;

use super::Trouble;
use super::functions::{ANY, Row, int, text};
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
    ("upper", 1, 1, |given| made(&text(given, 0)?.chars().map(upper).collect::<String>())),
    ("lower", 1, 1, |given| made(&text(given, 0)?.chars().map(lower).collect::<String>())),
    ("title", 1, 1, |given| made(&title(text(given, 0)?))),
    ("untitle", 1, 1, |given| made(&worded(text(given, 0)?, lower))),
    ("nospace", 1, 1, |given| made(&text(given, 0)?.split_whitespace().collect::<String>())),
    ("repeat", 2, 2, |given| repeat(text(given, 1)?, int(given, 0)?).and_then(|text| made(&text))),
    ("replace", 3, 3, |given| made(&replace(text(given, 0)?, text(given, 1)?, text(given, 2)?)?)),
    ("contains", 2, 2, |given| Ok(Value::Bool(text(given, 1)?.contains(text(given, 0)?)))),
    ("hasPrefix", 2, 2, |given| Ok(Value::Bool(text(given, 1)?.starts_with(text(given, 0)?)))),
    ("hasSuffix", 2, 2, |given| Ok(Value::Bool(text(given, 1)?.ends_with(text(given, 0)?)))),
    ("quote", 0, ANY, |given| joined(given, quoted)),
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
    ("sha256sum", 1, 1, |given| made(&hex(&sha2::Sha256::digest(text(given, 0)?)))),
    ("regexMatch", 2, 2, |given| {
        // Sprig drops the error of a bad pattern here, and here alone.
        let own = text(given, 1)?;
        text(given, 0)?;
        Ok(Value::Bool(pattern(given).is_ok_and(|pattern| pattern.is_match(own))))
    }),
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

/// One letter for one, as Go changes cases.
fn upper(c: char) -> char {
    let mut all = c.to_uppercase();
    if all.len() == 1 { all.next().unwrap_or(c) } else { c }
}

fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
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
            out.push(upper(c));
        } else {
            out.push(c);
        }
        inside = if c.is_ascii() { is_word } else { !c.is_whitespace() && c.is_alphanumeric() };
    }
    out
}

/// The first character of each word, words being parted by white space.
fn worded(text: &str, change: fn(char) -> char) -> String {
    let mut starts = true;
    let mut out = String::new();
    for c in text.chars() {
        if starts {
            out.push(change(c));
        } else {
            out.push(c);
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

/// Sprig's `strslice`: the texts of a list without what is nothing, or of one value.
pub(super) fn texts(value: &Value) -> Result<Vec<String>, Trouble> {
    let items = match value {
        Value::List(list) => list.inner.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut out = Vec::new();
    let mut size = 0;
    for item in items.iter().filter(|item| !matches!(item, Value::Nil | Value::Missing)) {
        out.push(printed(item)?);
        size += out.last().map_or(0, String::len);
        if size > LIMIT {
            return Err(Trouble::limit(format!("texts are longer than {LIMIT} bytes")));
        }
    }
    Ok(out)
}

fn join(given: &[Value]) -> Result<Value, Trouble> {
    let by = text(given, 0)?;
    let texts = texts(&given[1])?;
    if by.len().saturating_mul(texts.len()) > LIMIT {
        return Err(Trouble::limit(format!("a text is longer than {LIMIT} bytes")));
    }
    made(&texts.join(by))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
