//! What documents mean, apart from how they are written: the second way to carry out a migration, against which the
//! first is judged.

use std::collections::BTreeMap;

use super::op::{Op, Task};
use super::read::{Read, block_documents};
use crate::text::Span;
use crate::yaml::{Node, Quote};

/// A value without its place and its layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    /// Whether it is plain decides what readers take it for.
    Scalar {
        text: String,
        plain: bool,
    },
    /// An alias by the anchor that it names.
    Alias(String),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
    /// A text that is YAML itself.
    Block(Vec<Value>),
}

/// What is done in a document, by the number of the node, and those of the documents in its block scalars.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    pub(super) own: BTreeMap<u32, Vec<Op>>,
    pub(super) blocks: BTreeMap<u32, Vec<Tasks>>,
}

impl Tasks {
    pub(super) fn add(&mut self, task: Task) {
        self.own.entry(task.node).or_default().push(task.op);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.own.is_empty() && self.blocks.values().flatten().all(Self::is_empty)
    }
}

/// What a document means once its tasks are done.
pub(super) fn migrated(read: &Read<'_>, tasks: &Tasks) -> Option<Value> {
    read.document.root().map(|root| Reader { read, tasks: Some(tasks) }.value(root))
}

/// What a document means as it is.
pub(super) fn as_written(read: &Read<'_>) -> Option<Value> {
    read.document.root().map(|root| Reader { read, tasks: None }.value(root))
}

struct Reader<'r, 't> {
    read: &'r Read<'t>,
    tasks: Option<&'r Tasks>,
}

impl Reader<'_, '_> {
    fn value(&self, node: Node<'_, '_>) -> Value {
        let mut out = if node.is_alias() {
            Value::Alias(node.span().of(node.document().text()).to_owned())
        } else if node.is_mapping() {
            Value::Map(node.entries().map(|(key, of)| (self.value(key), self.value(of))).collect())
        } else if node.is_sequence() {
            Value::List(node.items().map(|item| self.value(item)).collect())
        } else {
            self.scalar(node)
        };
        for op in self.tasks.and_then(|tasks| tasks.own.get(&node.number())).into_iter().flatten() {
            apply(&mut out, op);
        }
        out
    }

    fn scalar(&self, node: Node<'_, '_>) -> Value {
        let quote = node.quote().unwrap_or(Quote::Plain);
        let Some(text) = node.text() else { return Value::Null };
        if let Some(inside) = self.read.blocks.get(&node.number()) {
            let of_block = self.tasks.and_then(|tasks| tasks.blocks.get(&node.number()));
            let values = inside.iter().enumerate().filter_map(|(number, read)| {
                let tasks = of_block.and_then(|all| all.get(number));
                read.document.root().map(|root| Reader { read, tasks }.value(root))
            });
            return Value::Block(values.collect());
        }
        Value::Scalar { text: text.to_owned(), plain: quote == Quote::Plain }
    }
}

fn apply(value: &mut Value, op: &Op) {
    match op {
        Op::Version { key, to } => {
            if let Some(Value::Scalar { text, .. }) = value.get_mut(key) {
                text.clone_from(to);
            }
        }
        Op::Remove { key } => {
            value.take(key);
        }
        Op::ValuesFile => {
            let one =
                value.take("valuesFile").filter(|one| !matches!(one, Value::Null) && one.text() != Some(""));
            let mut list = value.take("valuesFiles").map_or(Vec::new(), Value::items);
            if let Some(one) = one
                && list.last().and_then(Value::text) != one.text()
            {
                list.push(one);
            }
            if !list.is_empty() {
                value.put("valuesFiles", Value::List(list));
            }
        }
        Op::Patches => {
            let mut take = |key| value.take(key).map_or(Vec::new(), Value::items);
            let strategic = take("patchesStrategicMerge").into_iter();
            let strategic =
                strategic.map(|patch| Value::Map(vec![(Value::word("patch"), Value::Block(vec![patch]))]));
            let json = take("patchesJson6902").into_iter().map(|mut item| {
                if let Some(operations @ Value::List(_)) = item.take("patch") {
                    item.put("patch", Value::Block(vec![operations]));
                }
                item
            });
            let json: Vec<Value> = json.collect();
            let own = take("patches");
            value.put("patches", Value::List(strategic.chain(own).chain(json).collect()));
        }
        Op::Automation => automation(value),
        Op::Template { .. } => {
            if let Value::Scalar { text, .. } = value {
                for (old, new) in [
                    (".Changed.ImageResult.Files", ".Changed.FileChanges"),
                    (".Changed.ImageResult.Objects", ".Changed.Objects"),
                    (".Updated.Files", ".Changed.FileChanges"),
                    (".Updated.Objects", ".Changed.Objects"),
                ] {
                    *text = text.replace(old, new);
                }
            }
        }
    }
}

fn automation(spec: &mut Value) {
    let mut checkout = spec.take("checkout").unwrap_or(Value::Null);
    let mut commit = spec.take("commit").unwrap_or(Value::Null);
    let push = spec.take("push");
    let entry = |key: &str, value: Option<Value>| value.map(|value| (Value::word(key), value));
    let map = |entries: Vec<Option<(Value, Value)>>| Value::Map(entries.into_iter().flatten().collect());
    let name = checkout.get_mut("gitRepositoryRef").and_then(|reference| reference.take("name"));
    let kind = Some(Value::word("GitRepository"));
    spec.put("sourceRef", map(vec![entry("kind", kind), entry("name", name)]));
    let branch = map(vec![entry("branch", checkout.take("branch"))]);
    let checkout = map(vec![entry("ref", Some(branch))]);
    let author =
        map(vec![entry("name", commit.take("authorName")), entry("email", commit.take("authorEmail"))]);
    if author != Value::Map(Vec::new()) {
        commit.put("author", author);
    }
    spec.put(
        "git",
        map(vec![entry("checkout", Some(checkout)), entry("commit", Some(commit)), entry("push", push)]),
    );
}

impl Value {
    fn word(text: &str) -> Self {
        Self::Scalar { text: text.to_owned(), plain: true }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    fn items(self) -> Vec<Self> {
        match self {
            Self::List(items) => items,
            _ => Vec::new(),
        }
    }

    fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter_mut().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    fn take(&mut self, key: &str) -> Option<Self> {
        let Self::Map(entries) = self else { return None };
        let at = entries.iter().position(|(name, _)| name.text() == Some(key))?;
        Some(entries.remove(at).1)
    }

    fn put(&mut self, key: &str, value: Self) {
        if let Self::Map(entries) = self {
            entries.push((Self::word(key), value));
        }
    }

    /// Whether `found` says the same: the order of keys does not count, and a text that shall be YAML is read.
    pub(super) fn is_said_by(&self, found: &Self) -> bool {
        match (self, found) {
            (Self::Map(wanted), Self::Map(found)) => {
                // A renamed key is quoted as the old one was.
                let is_key =
                    |a: &Self, b: &Self| a == b || a.text().is_some_and(|text| b.text() == Some(text));
                let same = |key: &Self, value: &Self| {
                    found.iter().any(|(name, of)| is_key(key, name) && value.is_said_by(of))
                };
                wanted.len() == found.len() && wanted.iter().all(|(key, value)| same(key, value))
            }
            (Self::List(wanted), Self::List(found)) => all_said(wanted, found),
            (Self::Block(wanted), Self::Block(found)) => all_said(wanted, found),
            (Self::Block(wanted), Self::Scalar { text, plain: false }) => {
                let found = block_documents(text, Span::new(0, text.len())).unwrap_or_default();
                all_said(wanted, &found.iter().filter_map(as_written).collect::<Vec<_>>())
            }
            (a, b) => a == b,
        }
    }
}

fn all_said(wanted: &[Value], found: &[Value]) -> bool {
    wanted.len() == found.len() && wanted.iter().zip(found).all(|(wanted, found)| wanted.is_said_by(found))
}
