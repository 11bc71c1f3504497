//! A second reading of YAML files, by another parser and with no knowledge of the code under test: every scalar with its
//! document, its path and its place.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::rc::Rc;

use flux_upgrade_core::SourceFile;
use yaml_rust2::parser::{Event, MarkedEventReceiver, Parser};
use yaml_rust2::scanner::{Marker, TScalarStyle};

/// A scalar of a document.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    /// `spec.images[].newTag`.
    pub(crate) field: String,
    pub(crate) text: String,
    /// Both from 1; the column is 0 in a block scalar, where it is not known.
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A mapping that names an API and a kind: a document, an item of a list, or a document in a block scalar.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) scalars: Vec<Scalar>,
}

/// What stands in a file.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// Documents that name a kind.
    pub(crate) objects: Vec<Object>,
    /// The scalars of all documents.
    pub(crate) scalars: Vec<Scalar>,
    /// First lines of the parts that are no YAML.
    pub(crate) broken: Vec<usize>,
}

impl Outline {
    /// Reads a file: each document for itself, so that one that is no YAML leaves the others alone.
    pub(crate) fn of(text: &str) -> Self {
        let mut outline = Self::default();
        outline.read(text.trim_start_matches('\u{feff}'), 0, 0);
        outline
    }

    /// Reads a text that begins after `line` lines; `depth` block scalars are around it, whose columns are not known.
    fn read(&mut self, text: &str, line: usize, depth: usize) {
        let mut parts: Vec<(usize, String)> = vec![(line, String::new())];
        for (number, row) in text.split_inclusive('\n').enumerate() {
            if row.starts_with("---") && depth == 0 {
                parts.push((line + number, String::new()));
            }
            parts.last_mut().expect("one").1.push_str(row);
        }
        for (line, part) in parts {
            let mut tree = Tree { line, nested: depth > 0, ..Tree::default() };
            match Parser::new_from_str(&part).load(&mut tree, true) {
                Ok(()) => {
                    for root in tree.roots {
                        self.add(&root, depth);
                    }
                }
                Err(_) if depth == 0 => self.broken.push(line + 1),
                Err(_) => {}
            }
        }
    }

    fn add(&mut self, root: &Node, depth: usize) {
        let items = root.text("kind").filter(|kind| kind.ends_with("List")).and_then(|_| root.get("items"));
        if let Some(Node { value: Value::List(items), .. }) = items {
            items.iter().for_each(|item| self.add(item, depth));
            return;
        }
        let mut scalars = Vec::new();
        root.scalars("", &mut scalars);
        self.scalars.extend(scalars.iter().map(|(scalar, _)| scalar.clone()));
        for (scalar, style) in &scalars {
            let is_block = matches!(style, TScalarStyle::Literal | TScalarStyle::Folded);
            if is_block && scalar.text.contains(':') && depth < 3 {
                // The parser marks a block scalar at its first line of content.
                self.read(&scalar.text, scalar.line - 1, depth + 1);
            }
        }
        if let (Some(api_version), Some(kind)) = (root.text("apiVersion"), root.text("kind")) {
            self.objects.push(Object {
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
                name: root.get("metadata").and_then(|node| node.text("name")).unwrap_or("").to_owned(),
                line: root.line,
                scalars: scalars.into_iter().map(|(scalar, _)| scalar).collect(),
            });
        }
    }
}

#[derive(Debug, Clone)]
struct Node {
    line: usize,
    column: usize,
    value: Value,
}

#[derive(Debug, Clone)]
enum Value {
    Text(String, TScalarStyle),
    Map(Vec<(Rc<Node>, Rc<Node>)>),
    List(Vec<Rc<Node>>),
}

impl Node {
    fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else { return None };
        let own = entries.iter().find(|(name, _)| name.is(key)).map(|(_, value)| &**value);
        own.or_else(|| entries.iter().filter(|(name, _)| name.is("<<")).find_map(|(_, value)| value.get(key)))
    }

    fn is(&self, text: &str) -> bool {
        matches!(&self.value, Value::Text(own, _) if own == text)
    }

    fn text(&self, key: &str) -> Option<&str> {
        match &self.get(key)?.value {
            Value::Text(text, _) => Some(text),
            _ => None,
        }
    }

    /// Every scalar at and below the node.
    fn scalars(&self, field: &str, out: &mut Vec<(Scalar, TScalarStyle)>) {
        match &self.value {
            Value::Text(text, style) => {
                let (field, text) = (field.to_owned(), text.clone());
                out.push((Scalar { field, text, line: self.line, column: self.column }, *style));
            }
            Value::List(items) => items.iter().for_each(|item| item.scalars(&format!("{field}[]"), out)),
            Value::Map(entries) => {
                for (key, value) in entries {
                    match &key.value {
                        Value::Text(key, _) if key == "<<" => value.scalars(field, out),
                        Value::Text(key, _) if field.is_empty() => value.scalars(key, out),
                        Value::Text(key, _) => value.scalars(&format!("{field}.{key}"), out),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// Builds nodes from events; an alias becomes what it repeats, and a scalar keeps the place of the alias.
#[derive(Default)]
struct Tree {
    line: usize,
    nested: bool,
    open: Vec<(usize, Vec<Rc<Node>>, Node)>,
    anchors: BTreeMap<usize, Rc<Node>>,
    roots: Vec<Rc<Node>>,
}

impl Tree {
    fn close(&mut self, anchor: usize, node: Node) {
        let node = Rc::new(node);
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        match self.open.last_mut() {
            Some((_, children, _)) => children.push(node),
            None => self.roots.push(node),
        }
    }
}

impl MarkedEventReceiver for Tree {
    fn on_event(&mut self, event: Event, mark: Marker) {
        let (line, column) = (mark.line() + self.line, if self.nested { 0 } else { mark.col() + 1 });
        let node = |value| Node { line, column, value };
        match event {
            Event::Scalar(text, style, anchor, _) => self.close(anchor, node(Value::Text(text, style))),
            Event::Alias(anchor) => {
                let Some(target) = self.anchors.get(&anchor) else { return };
                let copy = match &target.value {
                    Value::Text(..) => node(target.value.clone()),
                    _ => (**target).clone(),
                };
                self.close(0, copy);
            }
            Event::MappingStart(anchor, _) => {
                self.open.push((anchor, Vec::new(), node(Value::Map(Vec::new()))));
            }
            Event::SequenceStart(anchor, _) => {
                self.open.push((anchor, Vec::new(), node(Value::List(Vec::new()))));
            }
            Event::MappingEnd | Event::SequenceEnd => {
                let (anchor, children, mut node) = self.open.pop().expect("what ends was begun");
                match &mut node.value {
                    Value::Map(entries) => {
                        let mut children = children.into_iter();
                        while let (Some(key), Some(value)) = (children.next(), children.next()) {
                            entries.push((key, value));
                        }
                    }
                    Value::List(items) => *items = children,
                    Value::Text(..) => {}
                }
                self.close(anchor, node);
            }
            _ => {}
        }
    }
}

pub(crate) fn is_yaml(file: &SourceFile) -> bool {
    file.path.name().ends_with(".yaml") || file.path.name().ends_with(".yml")
}
