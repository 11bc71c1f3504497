//! Values as Go prints them. Source: Go `fmt`.

use super::Trouble;
use super::value::{Map, Value};

/// No text is longer, in bytes.
pub(super) const LIMIT: usize = 1 << 20;

/// A text that does not grow without bounds.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) text: String,
}

impl Writer {
    pub(super) fn push(&mut self, text: &str) -> Result<(), Trouble> {
        if self.text.len() + text.len() > LIMIT {
            return Err(Trouble::limit(format!("a text is longer than {LIMIT} bytes")));
        }
        self.text.push_str(text);
        Ok(())
    }

    /// `%v`
    fn value(&mut self, value: &Value) -> Result<(), Trouble> {
        match value {
            Value::Missing | Value::Nil => self.push("<nil>"),
            Value::Bool(value) => self.push(if *value { "true" } else { "false" }),
            Value::Int(value) | Value::Long(value) => self.push(&value.to_string()),
            Value::Float(value) => self.push(&float(*value)),
            Value::Text(text) => self.push(text),
            Value::List(list) => {
                self.push("[")?;
                for (at, item) in list.inner.iter().enumerate() {
                    self.push(if at > 0 { " " } else { "" })?;
                    self.value(item)?;
                }
                self.push("]")
            }
            Value::Map(map) => self.map(&map.inner),
            Value::Struct(found) => {
                if let Some(text) = &found.printed {
                    return self.push(text);
                }
                self.push("{")?;
                for (at, (_, item)) in found.fields.iter().enumerate() {
                    self.push(if at > 0 { " " } else { "" })?;
                    self.value(item)?;
                }
                self.push("}")
            }
        }
    }

    fn map(&mut self, map: &Map) -> Result<(), Trouble> {
        self.push("map[")?;
        for (at, (key, item)) in map.entries.iter().enumerate() {
            self.push(if at > 0 { " " } else { "" })?;
            self.value(key)?;
            self.push(":")?;
            self.value(item)?;
        }
        self.push("]")
    }
}

/// What an action writes.
pub(super) fn shown(value: &Value) -> Result<String, Trouble> {
    if matches!(value, Value::Missing | Value::Nil) {
        return Ok("<no value>".to_owned());
    }
    printed(value)
}

/// `%v`
pub(super) fn printed(value: &Value) -> Result<String, Trouble> {
    let mut out = Writer::default();
    out.value(value)?;
    Ok(out.text)
}

/// `%v` of a float: the shortest text, with an exponent below 1e-4 and from 1e6 on.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e6).contains(&size) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    value.to_string()
}

/// `Sprint`: a space between two values of which neither is a text.
pub(super) fn print(values: &[Value]) -> Result<String, Trouble> {
    let mut out = Writer::default();
    let is_text = |value: &Value| matches!(value, Value::Text(_));
    for (at, value) in values.iter().enumerate() {
        if at > 0 && !is_text(value) && !is_text(&values[at - 1]) {
            out.push(" ")?;
        }
        out.value(value)?;
    }
    Ok(out.text)
}

/// `Sprintln`
pub(super) fn println(values: &[Value]) -> Result<String, Trouble> {
    let mut out = Writer::default();
    for (at, value) in values.iter().enumerate() {
        out.push(if at > 0 { " " } else { "" })?;
        out.value(value)?;
    }
    out.push("\n")?;
    Ok(out.text)
}

/// `strconv.Quote`
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\x0b' => out.push_str("\\v"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `Sprintf` with the verbs `v s q d x X t f c` and `%`; the others are an error.
pub(super) fn printf(format: &str, values: &[Value]) -> Result<String, Trouble> {
    let mut out = Writer::default();
    let mut given = values.iter();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push(&rest[..at])?;
        let after = &rest[at + 1..];
        let flags: String = after.chars().take_while(|c| "-+ 0#".contains(*c)).collect();
        let after = &after[flags.len()..];
        let (width, after) = digits(after);
        let (precision, after) = match after.strip_prefix('.') {
            Some(after) => {
                let (precision, after) = digits(after);
                (Some(precision.unwrap_or(0)), after)
            }
            None => (None, after),
        };
        let Some(verb) = after.chars().next() else {
            out.push("%!(NOVERB)")?;
            return Ok(out.text);
        };
        rest = &after[verb.len_utf8()..];
        if verb == '%' {
            out.push("%")?;
            continue;
        }
        let Some(value) = given.next() else {
            out.push(&format!("%!{verb}(MISSING)"))?;
            continue;
        };
        let text = verbed(verb, value, &flags, precision)?;
        out.push(&padded(&text, &flags, width.unwrap_or(0), value)?)?;
    }
    out.push(rest)?;
    let extra = given.as_slice();
    for (at, value) in extra.iter().enumerate() {
        out.push(if at == 0 { "%!(EXTRA " } else { ", " })?;
        out.push(&format!("{}={}", value.kind(), printed(value)?))?;
    }
    if !extra.is_empty() {
        out.push(")")?;
    }
    Ok(out.text)
}

fn digits(text: &str) -> (Option<usize>, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].parse().ok(), &text[end..])
}

fn padded(text: &str, flags: &str, width: usize, value: &Value) -> Result<String, Trouble> {
    let missing = width.saturating_sub(text.chars().count());
    if width > LIMIT {
        return Err(Trouble::limit(format!("a width is above {LIMIT}")));
    }
    let is_number = matches!(value, Value::Int(_) | Value::Long(_) | Value::Float(_));
    if flags.contains('-') {
        return Ok(text.to_owned() + &" ".repeat(missing));
    }
    if flags.contains('0') && is_number {
        let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+'])));
        return Ok(format!("{sign}{}{digits}", "0".repeat(missing)));
    }
    Ok(if flags.contains('0') { "0" } else { " " }.repeat(missing) + text)
}

fn verbed(verb: char, value: &Value, flags: &str, precision: Option<usize>) -> Result<String, Trouble> {
    let unsupported = || Err(Trouble::unsupported(format!("`%{flags}{verb}` of {}", value.kind())));
    if flags.contains(['#', ' ']) || flags.contains('+') && !matches!(value, Value::Int(_) | Value::Long(_)) {
        return unsupported();
    }
    let plus = |number: i64, text: String| {
        if flags.contains('+') && number >= 0 { format!("+{text}") } else { text }
    };
    Ok(match (verb, value) {
        ('s' | 'v', Value::Text(text)) => text.chars().take(precision.unwrap_or(usize::MAX)).collect(),
        ('q', Value::Text(text)) => quoted(text),
        ('x', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ('X', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ('d' | 'v', Value::Int(number) | Value::Long(number)) if precision.is_none() => {
            plus(*number, number.to_string())
        }
        ('c', Value::Int(number) | Value::Long(number)) => {
            u32::try_from(*number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}').to_string()
        }
        ('f' | 'F', Value::Float(number)) => format!("{number:.*}", precision.unwrap_or(6).min(400)),
        ('t', Value::Bool(value)) => value.to_string(),
        ('v', value) if precision.is_none() => printed(value)?,
        ('s', Value::Struct(_)) => printed(value)?,
        ('s', Value::List(list)) if list.inner.iter().all(|item| matches!(item, Value::Text(_))) => {
            printed(value)?
        }
        ('d', Value::Text(_) | Value::Bool(_) | Value::Float(_))
        | ('s' | 'q' | 't' | 'f', Value::Bool(_) | Value::Float(_) | Value::Text(_))
        | ('s' | 't' | 'f', Value::Int(_) | Value::Long(_)) => {
            format!("%!{verb}({}={})", value.kind(), printed(value)?)
        }
        (_, Value::Nil | Value::Missing) => format!("%!{verb}(<nil>)"),
        _ => return unsupported(),
    })
}
