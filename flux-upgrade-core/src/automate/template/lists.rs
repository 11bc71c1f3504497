//! Lists, dicts and defaults of sprig. Source: sprig 3 `list.go`, `dict.go`, `defaults.go`.

use super::Trouble;
use super::functions::{ANY, Row, int, list, text};
use super::print::printed;
use super::strings::texts;
use super::value::{Map, Value};

pub(super) const TABLE: &[Row] = &[
    ("list", 0, ANY, |given| Value::list(given.iter().map(held).collect())),
    ("tuple", 0, ANY, |given| Value::list(given.iter().map(held).collect())),
    ("first", 1, 1, |given| Ok(list(given, 0)?.first().cloned().unwrap_or(Value::Nil))),
    ("last", 1, 1, |given| Ok(list(given, 0)?.last().cloned().unwrap_or(Value::Nil))),
    ("rest", 1, 1, |given| Value::list(list(given, 0)?.iter().skip(1).cloned().collect())),
    ("initial", 1, 1, |given| {
        let items = list(given, 0)?;
        Value::list(items[..items.len().saturating_sub(1)].to_vec())
    }),
    ("reverse", 1, 1, |given| Value::list(list(given, 0)?.iter().rev().cloned().collect())),
    ("append", 2, 2, |given| Value::list([list(given, 0)?, &[held(&given[1])]].concat())),
    ("push", 2, 2, |given| Value::list([list(given, 0)?, &[held(&given[1])]].concat())),
    ("prepend", 2, 2, |given| Value::list([&[held(&given[1])], list(given, 0)?].concat())),
    ("concat", 0, ANY, |given| {
        let parts: Result<Vec<_>, _> = (0..given.len()).map(|at| list(given, at)).collect();
        Value::list(parts?.concat())
    }),
    ("uniq", 1, 1, |given| Value::list(unique(list(given, 0)?))),
    ("has", 2, 2, |given| match &given[1] {
        Value::Nil | Value::Missing => Ok(Value::Bool(false)),
        _ => Ok(Value::Bool(list(given, 1)?.contains(&held(&given[0])))),
    }),
    ("without", 1, ANY, |given| {
        let out = list(given, 0)?.iter().filter(|item| !given[1..].contains(item)).cloned();
        Value::list(out.collect())
    }),
    ("compact", 1, 1, |given| {
        Value::list(list(given, 0)?.iter().filter(|item| !is_empty(item)).cloned().collect())
    }),
    ("sortAlpha", 1, 1, |given| {
        let mut texts = texts(&given[0])?;
        texts.sort();
        Value::list(texts.into_iter().map(Value::text).collect())
    }),
    ("slice", 1, 3, slice),
    ("until", 1, 1, |given| {
        let count = int(given, 0)?;
        let most = 10_000;
        if count.abs() > most {
            return Err(Trouble::limit(format!("`until` makes more than {most} values")));
        }
        Value::list((0..count.abs()).map(|at| Value::Int(at * count.signum())).collect())
    }),
    ("toStrings", 1, 1, |given| Value::list(texts(&given[0])?.into_iter().map(Value::text).collect())),
    ("dict", 0, ANY, |given| {
        let pairs =
            given.chunks(2).map(|pair| Ok((printed(&pair[0])?, pair.get(1).map_or(Value::text(""), held))));
        Value::dict(pairs.collect::<Result<_, Trouble>>()?, Value::Nil)
    }),
    ("get", 2, 2, |given| Ok(map(given, 0)?.named(text(given, 1)?).cloned().unwrap_or(Value::text("")))),
    ("hasKey", 2, 2, |given| Ok(Value::Bool(map(given, 0)?.named(text(given, 1)?).is_some()))),
    ("keys", 0, ANY, |given| {
        let mut out = Vec::new();
        for at in 0..given.len() {
            out.extend(map(given, at)?.entries.iter().map(|(key, _)| key.clone()));
        }
        Value::list(out)
    }),
    ("values", 1, 1, |given| {
        Value::list(map(given, 0)?.entries.iter().map(|(_, value)| value.clone()).collect())
    }),
    ("default", 1, 2, |given| Ok(given.get(1).filter(|value| !is_empty(value)).unwrap_or(&given[0]).clone())),
    ("empty", 1, 1, |given| Ok(Value::Bool(is_empty(&given[0])))),
    ("coalesce", 0, ANY, |given| {
        Ok(given.iter().find(|value| !is_empty(value)).cloned().unwrap_or(Value::Nil))
    }),
    ("ternary", 3, 3, |given| match given[2] {
        Value::Bool(which) => Ok(given[usize::from(!which)].clone()),
        _ => Err(Trouble::failed("a bool is wanted as argument 3")),
    }),
];

/// A value as a list keeps it.
fn held(value: &Value) -> Value {
    if *value == Value::Missing { Value::Nil } else { value.clone() }
}

/// Sprig's emptiness, which is Go's falsity.
fn is_empty(value: &Value) -> bool {
    !value.truth()
}

/// A map of texts to anything, which only sprig's own functions make.
fn map(given: &[Value], at: usize) -> Result<&Map, Trouble> {
    match &given[at] {
        Value::Map(map) if map.inner.zero == Value::Nil => Ok(&map.inner),
        other => Err(Trouble::failed(format!(
            "a dict is wanted as argument {}, and {} is given",
            at + 1,
            other.kind()
        ))),
    }
}

fn unique(items: &[Value]) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    for item in items {
        if !out.contains(item) {
            out.push(item.clone());
        }
    }
    out
}

fn slice(given: &[Value]) -> Result<Value, Trouble> {
    let items = list(given, 0)?;
    let bound = |at: usize, other: usize| match given.get(at) {
        Some(Value::Int(found) | Value::Long(found)) => {
            usize::try_from(*found).map_err(|_| Trouble::failed("a negative place"))
        }
        Some(_) => Err(Trouble::failed("a number is wanted")),
        None => Ok(other),
    };
    let found = items.get(bound(1, 0)?..bound(2, items.len())?);
    Value::list(found.ok_or_else(|| Trouble::failed("the places are out of range"))?.to_vec())
}
