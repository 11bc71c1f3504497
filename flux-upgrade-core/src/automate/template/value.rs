//! What a template computes with: Go's values, as far as templates see them.

use std::cmp::Ordering;
use std::rc::Rc;

use super::Trouble;

/// A list or map nests no deeper.
const DEPTH: usize = 50;
/// A list or map holds no more, all that is inside counted.
const WEIGHT: usize = 1_000_000;

/// A value of Go.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// The key that a map does not have: Go's invalid value.
    Missing,
    /// `nil`.
    Nil,
    Bool(bool),
    /// `int`, which literals and lengths are.
    Int(i64),
    /// `int64`, which arithmetic gives; a function that wants an `int` does not take it.
    Long(i64),
    Float(f64),
    Text(Rc<str>),
    List(Rc<Held<Vec<Value>>>),
    Map(Rc<Held<Map>>),
    Struct(Rc<Struct>),
}

/// What holds others, with its bounds.
#[derive(Debug, PartialEq)]
pub(super) struct Held<T> {
    pub(super) inner: T,
    depth: usize,
    weight: usize,
}

/// A map in the order in which Go visits it.
#[derive(Debug, PartialEq)]
pub(super) struct Map {
    pub(super) entries: Vec<(Value, Value)>,
    /// What `index` gives for a key that is not there.
    pub(super) zero: Value,
}

/// A struct of the data.
#[derive(Debug, PartialEq)]
pub(super) struct Struct {
    /// The name of its type, for errors.
    pub(super) kind: &'static str,
    /// Printed and ordered by; a name that is empty is printed alone.
    pub(super) fields: Vec<(&'static str, Value)>,
    /// Methods without arguments, fields of embedded structs.
    pub(super) methods: Vec<(&'static str, Value)>,
    /// What printing gives, where the type has a text of its own.
    pub(super) printed: Option<String>,
}

impl Struct {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        let named = |(own, _): &&(&'static str, Value)| !name.is_empty() && *own == name;
        self.fields.iter().chain(&self.methods).find(named).map(|(_, value)| value)
    }
}

impl Map {
    pub(super) fn get(&self, key: &Value) -> Option<&Value> {
        self.entries.iter().find(|(own, _)| own == key).map(|(_, value)| value)
    }

    pub(super) fn named(&self, key: &str) -> Option<&Value> {
        let order = |(own, _): &(Value, Value)| match own {
            Value::Text(own) => (**own).cmp(key),
            _ => Ordering::Less,
        };
        self.entries.binary_search_by(order).ok().map(|at| &self.entries[at].1)
    }
}

impl Value {
    pub(super) fn text(text: impl Into<Rc<str>>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn list(items: Vec<Self>) -> Result<Self, Trouble> {
        Ok(Self::List(Rc::new(bounded(bounds(items.iter()), items)?)))
    }

    /// A map of texts to anything; the last of two equal keys counts.
    pub(super) fn dict(mut entries: Vec<(String, Self)>, zero: Self) -> Result<Self, Trouble> {
        entries.reverse();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries.dedup_by(|a, b| a.0 == b.0);
        Self::map(entries.into_iter().map(|(key, value)| (Self::text(key), value)).collect(), zero)
    }

    /// A map whose entries have their order.
    pub(super) fn map(entries: Vec<(Self, Self)>, zero: Self) -> Result<Self, Trouble> {
        let size = bounds(entries.iter().map(|(_, value)| value));
        Ok(Self::Map(Rc::new(bounded(size, Map { entries, zero })?)))
    }

    /// Go's truth: not the zero of its type, not empty.
    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Missing | Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) | Self::Long(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.inner.is_empty(),
            Self::Map(map) => !map.inner.entries.is_empty(),
            Self::Struct(_) => true,
        }
    }

    /// The name of its type in Go.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Missing | Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Long(_) => "int64",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Struct(found) => found.kind,
        }
    }

    /// What it costs to go through it.
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            other => other.size().1,
        }
    }

    fn size(&self) -> (usize, usize) {
        match self {
            Self::List(list) => (list.depth, list.weight),
            Self::Map(map) => (map.depth, map.weight),
            Self::Struct(found) => bounds(found.fields.iter().map(|(_, value)| value)),
            _ => (0, 1),
        }
    }
}

fn bounds<'a>(held: impl Iterator<Item = &'a Value>) -> (usize, usize) {
    held.map(Value::size)
        .fold((1, 1), |(depth, weight), own| (depth.max(own.0 + 1), weight.saturating_add(own.1)))
}

fn bounded<T>((depth, weight): (usize, usize), inner: T) -> Result<Held<T>, Trouble> {
    if depth > DEPTH {
        return Err(Trouble::limit(format!("a value nests deeper than {DEPTH} levels")));
    }
    if weight > WEIGHT {
        return Err(Trouble::limit(format!("a value holds more than {WEIGHT} others")));
    }
    Ok(Held { inner, depth, weight })
}
