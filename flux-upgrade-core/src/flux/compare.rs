//! Where two files of generated manifests differ: field by field, not line by line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::manifest::{Manifest, Object, ObjectId};
use crate::yaml::Node;

/// A step on the way to a field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// The value of a key.
    Key(String),
    /// The item of a list that this names: `name` of a container, the flag of an argument.
    Item(String),
    /// The item at this position of a list without names.
    At(usize),
}

/// The way to a field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Path(pub(super) Vec<Step>);

/// `spec.template.spec.containers[manager].args[--log-level]`, `metadata.labels[app.kubernetes.io/version]`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if key.contains('.') => write!(f, "[{key}]")?,
                Step::Key(key) if number == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Item(name) => write!(f, "[{name}]")?,
                Step::At(at) => write!(f, "[{at}]")?,
            }
        }
        Ok(())
    }
}

/// One difference: the numbers of objects in their files, and of nodes in their documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delta {
    pub(super) old: Option<(usize, u32)>,
    pub(super) new: Option<(usize, u32)>,
    pub(super) path: Path,
}

/// The objects of two files side by side: their numbers, in the order of the first file, then what only the second has.
pub(super) fn pair(old: &Manifest<'_>, new: &Manifest<'_>) -> Vec<(Option<usize>, Option<usize>)> {
    let mut exact: BTreeMap<&ObjectId, Vec<usize>> = BTreeMap::new();
    for (at, object) in new.objects.iter().enumerate().rev() {
        exact.entry(&object.id).or_default().push(at);
    }
    let mut partner: Vec<Option<usize>> =
        old.objects.iter().map(|object| exact.get_mut(&object.id).and_then(Vec::pop)).collect();
    let mut taken: BTreeSet<usize> = partner.iter().flatten().copied().collect();
    // An object that was put into another namespace is the same object, edited.
    for (at, object) in
        old.objects.iter().enumerate().filter(|(at, _)| partner[*at].is_none()).collect::<Vec<_>>()
    {
        let same = |other: &ObjectId| {
            (&other.group, &other.kind, &other.name) == (&object.id.group, &object.id.kind, &object.id.name)
        };
        let found = (0..new.objects.len()).find(|at| !taken.contains(at) && same(&new.objects[*at].id));
        taken.extend(found);
        partner[at] = found;
    }
    let both = partner.into_iter().enumerate().map(|(at, new)| (Some(at), new));
    let added = (0..new.objects.len()).filter(|at| !taken.contains(at)).map(|at| (None, Some(at)));
    both.chain(added).collect()
}

/// Every difference of two files, in the order of [`pair`].
pub(super) fn compare(old: &Manifest<'_>, new: &Manifest<'_>) -> Vec<Delta> {
    let mut out = Vec::new();
    for sides in pair(old, new) {
        let whole = |at: Option<usize>| at.map(|at| (at, 0));
        match sides {
            (Some(a), Some(b)) => objects((a, &old.objects[a]), (b, &new.objects[b]), &mut out),
            (a, b) => out.push(Delta { old: whole(a), new: whole(b), path: Path::default() }),
        }
    }
    out
}

fn objects(old: (usize, &Object<'_>), new: (usize, &Object<'_>), out: &mut Vec<Delta>) {
    if old.1.text() == new.1.text() {
        return;
    }
    let (Some(a), Some(b)) = (old.1.root(), new.1.root()) else { return };
    let mut walk = Walk { old: old.0, new: new.0, path: Path::default(), out };
    walk.nodes(a, b);
}

struct Walk<'o> {
    old: usize,
    new: usize,
    path: Path,
    out: &'o mut Vec<Delta>,
}

impl Walk<'_> {
    fn nodes(&mut self, a: Node<'_, '_>, b: Node<'_, '_>) {
        let (old, new) = (a.resolved().unwrap_or(a), b.resolved().unwrap_or(b));
        if old.is_mapping() && new.is_mapping() {
            let (left, right) = (mapping(old), mapping(new));
            self.entries(left, right, |key| Step::Key(key.to_owned()));
        } else if old.is_sequence() && new.is_sequence() {
            match (named_items(old), named_items(new)) {
                (Some(left), Some(right)) => self.entries(left, right, |name| Step::Item(name.to_owned())),
                _ => self.positions(old, new),
            }
        } else if !same_scalar(old, new) {
            self.differ(Some(a), Some(b));
        }
    }

    fn entries<'n, 'd, 't>(
        &mut self,
        left: Vec<(String, Node<'d, 't>)>,
        right: Vec<(String, Node<'n, 't>)>,
        step: impl Fn(&str) -> Step,
    ) {
        let find = |list: &[(String, Node<'n, 't>)], key: &str| {
            list.iter().find(|(name, _)| name == key).map(|(_, node)| *node)
        };
        for (key, a) in &left {
            self.path.0.push(step(key));
            match find(&right, key) {
                Some(b) => self.nodes(*a, b),
                None => self.differ(Some(*a), None),
            }
            self.path.0.pop();
        }
        let known: BTreeSet<&String> = left.iter().map(|(key, _)| key).collect();
        for (key, b) in right.iter().filter(|(key, _)| !known.contains(key)) {
            self.path.0.push(step(key));
            self.differ(None, Some(*b));
            self.path.0.pop();
        }
    }

    fn positions(&mut self, a: Node<'_, '_>, b: Node<'_, '_>) {
        let (mut left, mut right) = (a.items(), b.items());
        for at in 0.. {
            self.path.0.push(Step::At(at));
            let sides = (left.next(), right.next());
            match sides {
                (Some(a), Some(b)) => self.nodes(a, b),
                (None, None) => {}
                (a, b) => self.differ(a, b),
            }
            self.path.0.pop();
            if sides == (None, None) {
                return;
            }
        }
    }

    fn differ(&mut self, a: Option<Node<'_, '_>>, b: Option<Node<'_, '_>>) {
        let old = a.map(|node| (self.old, node.number()));
        let new = b.map(|node| (self.new, node.number()));
        self.out.push(Delta { old, new, path: self.path.clone() });
    }
}

/// The entries of a mapping by key; of a key that stands twice the last one counts.
fn mapping<'d, 't>(node: Node<'d, 't>) -> Vec<(String, Node<'d, 't>)> {
    let mut out: Vec<(String, Node<'d, 't>)> = Vec::new();
    for (key, value) in node.entries() {
        let key = key.text().unwrap_or_default();
        match out.iter_mut().find(|(name, _)| name == key) {
            Some(entry) => entry.1 = value,
            None => out.push((key.to_owned(), value)),
        }
    }
    out
}

/// The items of a list under names of their own; `None` where an item has none, or two have the same.
fn named_items<'d, 't>(list: Node<'d, 't>) -> Option<Vec<(String, Node<'d, 't>)>> {
    let items = list.items().map(|item| Some((item_name(item.resolved()?)?, item)));
    let items = items.collect::<Option<Vec<_>>>()?;
    let names: BTreeSet<&str> = items.iter().map(|(name, _)| name.as_str()).collect();
    (names.len() == items.len()).then_some(items)
}

/// What names an item: `name`, `key` of a toleration, what a role's rule is about, the flag of an argument, a text itself.
fn item_name(item: Node<'_, '_>) -> Option<String> {
    if item.is_mapping() {
        let named = item.text_at(&["name"]).or_else(|| item.text_at(&["key"]));
        return named.map(str::to_owned).or_else(|| rule_name(item));
    }
    let text = item.text()?;
    let flag = text.starts_with("--").then(|| text.split('=').next()).flatten();
    Some(flag.unwrap_or(text).to_owned())
}

fn rule_name(item: Node<'_, '_>) -> Option<String> {
    let list = |field: &str| {
        let items = item.get(field).and_then(Node::resolved)?.items().filter_map(Node::text);
        Some(items.collect::<Vec<_>>().join(","))
    };
    list("nonResourceURLs").or_else(|| Some(format!("{} of {}", list("resources")?, list("apiGroups")?)))
}

/// One step down: the value, and its key where it has one.
pub(super) fn follow<'d, 't>(
    node: Node<'d, 't>,
    step: &Step,
) -> Option<(Option<Node<'d, 't>>, Node<'d, 't>)> {
    let node = node.resolved()?;
    Some(match step {
        Step::Key(key) => {
            let (name, value) = node.entries().filter(|(name, _)| name.text() == Some(key)).last()?;
            (Some(name), value)
        }
        Step::Item(name) => (None, named_items(node)?.into_iter().find(|(found, _)| found == name)?.1),
        Step::At(at) => (None, node.items().nth(*at)?),
    })
}

/// Whether two values say the same.
pub(super) fn same(a: Node<'_, '_>, b: Node<'_, '_>) -> bool {
    let mut out = Vec::new();
    Walk { old: 0, new: 0, path: Path::default(), out: &mut out }.nodes(a, b);
    out.is_empty()
}

/// Whether two scalars say the same: the same text, and both a string or neither.
fn same_scalar(a: Node<'_, '_>, b: Node<'_, '_>) -> bool {
    let collection = |node: Node<'_, '_>| node.is_mapping() || node.is_sequence();
    !collection(a) && !collection(b) && a.text() == b.text() && a.is_string() == b.is_string()
}

/// A value on one line, in flow style.
pub(super) fn shown(node: Node<'_, '_>) -> String {
    let Some(node) = node.resolved() else { return String::new() };
    if node.is_mapping() {
        let entries = node.entries().map(|(key, value)| format!("{}: {}", shown(key), shown(value)));
        format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
    } else if node.is_sequence() {
        format!("[{}]", node.items().map(shown).collect::<Vec<_>>().join(", "))
    } else {
        node.text().unwrap_or("null").to_owned()
    }
}
