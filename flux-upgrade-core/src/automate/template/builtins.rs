//! The functions of Go itself. Source: Go `text/template/funcs.go`.

use std::cmp::Ordering;

use super::Trouble;
use super::functions::{ANY, Row, text};
use super::print::{LIMIT, Writer, print, printf, println};
use super::value::Value;

pub(super) const TABLE: &[Row] = &[
    ("not", 1, 1, |given| Ok(Value::Bool(!given[0].truth()))),
    ("len", 1, 1, |given| len(&given[0])),
    ("index", 1, ANY, index),
    ("print", 0, ANY, |given| print(given).map(Value::text)),
    ("println", 0, ANY, |given| println(given).map(Value::text)),
    ("printf", 1, ANY, |given| printf(text(given, 0)?, &given[1..]).map(Value::text)),
    ("urlquery", 0, ANY, |given| escaped(given, urlquery)),
    ("eq", 1, ANY, eq),
    ("ne", 2, 2, |given| Ok(Value::Bool(!equal(&given[0], &given[1])?))),
    ("lt", 2, 2, |given| Ok(Value::Bool(order(given)?.is_lt()))),
    ("le", 2, 2, |given| Ok(Value::Bool(order(given)?.is_le()))),
    ("gt", 2, 2, |given| Ok(Value::Bool(order(given)?.is_gt()))),
    ("ge", 2, 2, |given| Ok(Value::Bool(order(given)?.is_ge()))),
    ("call", 1, ANY, |_| Err(Trouble::failed("no value of a message is a function"))),
];

fn count(length: usize) -> Value {
    Value::Int(i64::try_from(length).unwrap_or(i64::MAX))
}

fn len(value: &Value) -> Result<Value, Trouble> {
    Ok(count(match value {
        Value::Text(text) => text.len(),
        Value::List(list) => list.inner.len(),
        Value::Map(map) => map.inner.entries.len(),
        other => return Err(Trouble::failed(format!("{} has no length", other.kind()))),
    }))
}

fn index(given: &[Value]) -> Result<Value, Trouble> {
    let mut value = given[0].clone();
    for key in &given[1..] {
        let at = |length: usize| match key {
            Value::Int(at) | Value::Long(at) => usize::try_from(*at)
                .ok()
                .filter(|at| *at < length)
                .ok_or_else(|| Trouble::failed(format!("{at} is out of range: there are {length}"))),
            other => Err(Trouble::failed(format!("{} is no index", other.kind()))),
        };
        value = match &value {
            Value::List(list) => list.inner[at(list.inner.len())?].clone(),
            Value::Text(text) => Value::Int(i64::from(text.as_bytes()[at(text.len())?])),
            Value::Map(map) => {
                let own = map.inner.entries.first().map(|(key, _)| key.kind());
                if own.is_some_and(|own| own != key.kind()) || own.is_none() && !matches!(key, Value::Text(_))
                {
                    return Err(Trouble::failed(format!("{} is no key of the map", key.kind())));
                }
                map.inner.get(key).unwrap_or(&map.inner.zero).clone()
            }
            other => return Err(Trouble::failed(format!("{} cannot be indexed", other.kind()))),
        };
    }
    Ok(value)
}

fn eq(given: &[Value]) -> Result<Value, Trouble> {
    if given.len() < 2 {
        return Err(Trouble::failed("a second argument is wanted"));
    }
    for other in &given[1..] {
        if equal(&given[0], other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn equal(a: &Value, b: &Value) -> Result<bool, Trouble> {
    use Value::{Bool, Float, Int, List, Long, Map, Missing, Nil, Struct, Text};
    match (a, b) {
        (Bool(a), Bool(b)) => Ok(a == b),
        (Int(a) | Long(a), Int(b) | Long(b)) => Ok(a == b),
        #[expect(clippy::float_cmp)]
        (Float(a), Float(b)) => Ok(a == b),
        (Text(a), Text(b)) => Ok(a == b),
        (Missing | Nil, Missing | Nil) => Ok(true),
        (Missing | Nil, _) | (_, Missing | Nil) => Ok(false),
        (Struct(a), Struct(b)) if a.kind == b.kind && !matches!(a.kind, "the data" | "`.Changed`") => {
            Ok(a == b)
        }
        (List(_) | Map(_) | Struct(_), _) | (_, List(_) | Map(_) | Struct(_)) => {
            Err(Trouble::failed(format!("{} and {} cannot be compared", a.kind(), b.kind())))
        }
        _ => Err(Trouble::failed(format!("{} and {} are of different types", a.kind(), b.kind()))),
    }
}

fn order(given: &[Value]) -> Result<Ordering, Trouble> {
    use Value::{Float, Int, Long, Text};
    match (&given[0], &given[1]) {
        (Int(a) | Long(a), Int(b) | Long(b)) => Ok(a.cmp(b)),
        (Text(a), Text(b)) => Ok(a.cmp(b)),
        (Float(a), Float(b)) => {
            a.partial_cmp(b).ok_or_else(|| Trouble::failed("a number that is none cannot be compared"))
        }
        (a, b) => Err(Trouble::failed(format!("{} and {} have no order", a.kind(), b.kind()))),
    }
}

fn escaped(given: &[Value], escape: fn(char) -> Option<String>) -> Result<Value, Trouble> {
    let text = print(given)?;
    let mut out = Writer::default();
    let mut own = [0; 4];
    if text.len() > LIMIT {
        return Err(Trouble::limit("a text is too long"));
    }
    for c in text.chars() {
        match escape(c) {
            Some(text) => out.push(&text)?,
            None => out.push(c.encode_utf8(&mut own))?,
        }
    }
    Ok(Value::text(out.text))
}

fn urlquery(c: char) -> Option<String> {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' | '~' => None,
        ' ' => Some("+".to_owned()),
        c => Some(c.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect()),
    }
}
