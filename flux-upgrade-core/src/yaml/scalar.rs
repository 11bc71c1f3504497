//! How a scalar is quoted, and how a new text is written in its place.

use std::borrow::Cow;

/// The style of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Quote {
    Plain,
    Single,
    Double,
    Literal,
    Folded,
}

/// Whether a scalar reads as null: an empty plain one, `~`, `null` (YAML 1.2.2, 10.3.2).
pub(crate) fn is_null(value: &str, quote: Quote) -> bool {
    quote == Quote::Plain && matches!(value, "" | "~" | "null" | "Null" | "NULL")
}

/// `new` written the way `raw` was: quotes are kept; a plain scalar stays plain where it still reads as before.
///
/// `None` where the style cannot hold a replacement (block scalars). A plain text that readers take for something else
/// than a string (`1.10` is the number 1.1) gets the `preferred` quotes, unless the old text was a number too and the new one
/// survives a round trip as one.
pub(crate) fn encode(raw: &str, quote: Quote, new: &str, preferred: Quote) -> Option<String> {
    Some(match quote {
        Quote::Literal | Quote::Folded => return None,
        Quote::Single => single(new),
        Quote::Double => double(new),
        Quote::Plain => {
            let as_number = reads_as_number(raw) && number_survives(new);
            match preferred {
                _ if is_plain_string(new) || as_number => new.to_owned(),
                Quote::Single => single(new),
                _ => double(new),
            }
        }
    })
}

fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn double(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Whether a plain scalar of this text is a string for YAML 1.1 and 1.2 readers alike, in block and in flow style.
pub(crate) fn is_plain_string(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let safe_first = first.is_alphanumeric()
        || matches!(first, '.' | '_' | '/' | '+' | '^' | '$' | '(' | ';')
        || (matches!(first, '-' | '~' | '<' | '=') && text.len() > 1 && !text[1..].starts_with(' '));
    let safe_rest = text.chars().all(|c| {
        c.is_alphanumeric()
            || matches!(
                c,
                '.' | '_'
                    | '/'
                    | '+'
                    | '^'
                    | '$'
                    | '('
                    | ')'
                    | ';'
                    | '-'
                    | '~'
                    | '<'
                    | '>'
                    | '='
                    | '@'
                    | ' '
                    | '*'
                    | '|'
                    | ':'
            )
    });
    safe_first
        && safe_rest
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.starts_with("---")
        && !text.starts_with("<<")
        && !is_keyword(text)
        && !reads_as_number(text)
}

fn is_keyword(text: &str) -> bool {
    matches!(
        text.to_ascii_lowercase().as_str(),
        "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null" | "~" | "=" | "-" | "."
    )
}

/// Whether a plain scalar of this text is a number or a date for a YAML 1.1 or 1.2 reader.
///
/// Source: YAML 1.1 types int, float and timestamp; YAML 1.2.2, 10.3.2; wide on purpose, since a string taken for a
/// number is damage and a needless quote is not.
pub(crate) fn reads_as_number(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let lower = body.to_ascii_lowercase();
    if matches!(lower.as_str(), ".inf" | ".nan") {
        return true;
    }
    for (prefix, digits) in [("0x", "0123456789abcdef_"), ("0o", "01234567_"), ("0b", "01_")] {
        if let Some(rest) = lower.strip_prefix(prefix) {
            return !rest.is_empty() && rest.chars().all(|c| digits.contains(c));
        }
    }
    let digits_first = body.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if !digits_first || !body.contains(|c: char| c.is_ascii_digit()) {
        return false;
    }
    is_decimal(&lower) || is_sexagesimal(&lower) || is_date(&lower)
}

/// `12`, `1_000`, `1.5`, `.5`, `1e3`, `1.5e-3`.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let exponent_fits = exponent.is_none_or(|e| {
        let digits = e.strip_prefix(['-', '+']).unwrap_or(e);
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    });
    let mut dots = 0;
    let mantissa_fits = mantissa.bytes().all(|b| {
        dots += usize::from(b == b'.');
        b.is_ascii_digit() || b == b'.' || b == b'_'
    });
    exponent_fits && mantissa_fits && dots <= 1
}

/// `1:30`, `190:20:30.15`: base sixty of YAML 1.1.
fn is_sexagesimal(text: &str) -> bool {
    text.contains(':') && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'_'))
}

/// `2024-01-05`, with or without a time.
fn is_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let (Some(year), Some(month), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let digits = |part: &str, most: usize| {
        !part.is_empty() && part.len() <= most && part.bytes().all(|b| b.is_ascii_digit())
    };
    let day: Cow<'_, str> = rest.chars().take_while(char::is_ascii_digit).collect::<String>().into();
    let after = &rest[day.len()..];
    year.len() == 4
        && digits(year, 4)
        && digits(month, 2)
        && digits(&day, 2)
        && (after.is_empty() || after.starts_with(['t', ' ']))
}

/// Whether a number written like this is still written like this after a reader has taken it for a number.
pub(crate) fn number_survives(text: &str) -> bool {
    let whole = |part: &str| part == "0" || (!part.starts_with('0') && part.len() <= 15);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    match text.split_once('.') {
        None => digits(text) && whole(text),
        Some((int, fraction)) => {
            digits(int) && whole(int) && digits(fraction) && !fraction.ends_with('0') && fraction.len() <= 6
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_kept_and_added_only_where_needed() {
        for (raw, quote, new, expected) in [
            ("1.2.3", Quote::Plain, "1.2.4", "1.2.4"),
            ("'1.2.3'", Quote::Single, "1.2.4", "'1.2.4'"),
            ("\"1.2.3\"", Quote::Double, "1.2.4", "\"1.2.4\""),
            ("v1", Quote::Plain, "1.10", "\"1.10\""),
            ("1.9", Quote::Plain, "1.10", "\"1.10\""),
            ("1.9", Quote::Plain, "1.11", "1.11"),
            ("7", Quote::Plain, "8", "8"),
            ("v7", Quote::Plain, "8", "\"8\""),
            ("07", Quote::Plain, "08", "\"08\""),
            ("abc", Quote::Plain, "12e4567", "\"12e4567\""),
            ("2024-01-05", Quote::Plain, "2024-02-01", "\"2024-02-01\""),
            ("1.2.x", Quote::Plain, ">=1.0.0 <2.0.0", "\">=1.0.0 <2.0.0\""),
            ("~1.2", Quote::Plain, "~1.3", "~1.3"),
            ("a", Quote::Plain, "on", "\"on\""),
            ("'a'", Quote::Single, "it's", "'it''s'"),
            ("\"a\"", Quote::Double, "say \"x\"", "\"say \\\"x\\\"\""),
        ] {
            assert_eq!(encode(raw, quote, new, Quote::Double).as_deref(), Some(expected), "{raw} -> {new}");
        }
        assert_eq!(encode("a", Quote::Literal, "b", Quote::Double), None);
    }

    #[test]
    fn numbers_and_dates_of_both_versions() {
        for text in [
            "1",
            "1.10",
            "0x1f",
            "0o17",
            "1e3",
            "12e4567",
            "1_000",
            ".5",
            "1:30",
            "2024-01-05",
            "-1",
            "+1",
            ".inf",
        ] {
            assert!(reads_as_number(text), "{text}");
        }
        for text in ["1.2.3", "v1", "1.2-rc", "a1", "", ".", "-", "1e", "2024-01", "1.2.x", "0x", "latest"] {
            assert!(!reads_as_number(text), "{text}");
        }
    }
}
