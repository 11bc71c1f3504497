//! What Flux gives to a message.
//!
//! Source: image-automation-controller `internal/source` (`TemplateData`) and `internal/update` (`Result`).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::Trouble;
use super::value::{Struct, Value};

/// What a message is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageData {
    /// Namespace of the automation.
    pub namespace: String,
    /// Name of the automation.
    pub name: String,
    /// `spec.git.commit.messageTemplateValues`.
    pub values: BTreeMap<String, String>,
    /// What changes, by file and position.
    pub changes: Vec<ChangedField>,
}

/// A marked field that changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangedField {
    /// The file, from the path of the automation on.
    pub file: String,
    /// The object that has it.
    pub object: ObjectName,
    /// The text before.
    pub old: String,
    /// The text after.
    pub new: String,
    /// What the marker says: `apps:podinfo:tag`.
    pub setter: String,
}

/// An object as a message names it; a part that is not written is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ObjectName {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
}

fn structure(kind: &'static str, fields: Vec<(&'static str, Value)>) -> Struct {
    Struct { kind, fields, methods: Vec::new(), printed: None }
}

fn made(found: Struct) -> Value {
    Value::Struct(Rc::new(found))
}

impl ObjectName {
    fn value(&self) -> Value {
        let text = |text: &String| Value::text(text.as_str());
        let outer = |held: Struct| structure("an object", vec![("", made(held))]);
        let kind = vec![("APIVersion", text(&self.api_version)), ("Kind", text(&self.kind))];
        let name = vec![("Name", text(&self.name)), ("Namespace", text(&self.namespace))];
        let methods = kind.iter().chain(&name).cloned().collect();
        let inner = [("", made(structure("a type", kind))), ("", made(structure("a name", name)))];
        let mut out = outer(structure("an identifier", inner.to_vec()));
        out.methods = methods;
        made(out)
    }
}

impl ChangedField {
    fn value(&self) -> Value {
        made(structure(
            "a change",
            vec![
                ("OldValue", Value::text(self.old.as_str())),
                ("NewValue", Value::text(self.new.as_str())),
                ("Setter", Value::text(self.setter.as_str())),
            ],
        ))
    }
}

type Objects<'a> = BTreeMap<&'a ObjectName, Vec<Value>>;

fn objects(all: Objects<'_>) -> Result<Value, Trouble> {
    let entries = all.into_iter().map(|(name, changes)| Ok((name.value(), Value::list(changes)?)));
    Value::map(entries.collect::<Result<_, Trouble>>()?, Value::list(Vec::new())?)
}

impl MessageData {
    pub(super) fn value(&self) -> Result<Value, Trouble> {
        let mut files: BTreeMap<&str, Objects<'_>> = BTreeMap::new();
        for change in &self.changes {
            let file = files.entry(&change.file).or_default();
            file.entry(&change.object).or_default().push(change.value());
        }
        let mut merged = Objects::new();
        for file in files.values() {
            // An object that two files have: the last one counts.
            merged.extend(file.iter().map(|(name, changes)| (*name, changes.clone())));
        }
        let mut seen = BTreeSet::new();
        let mut flat = Vec::new();
        for change in self.ordered() {
            if seen.insert((&change.old, &change.new, &change.setter)) {
                flat.push(change.value());
            }
        }
        let files = files.into_iter().map(|(path, all)| Ok((Value::text(path), objects(all)?)));
        let files = files.collect::<Result<Vec<_>, Trouble>>()?;
        let files = Value::map(files, Value::map(Vec::new(), Value::Nil)?)?;
        let mut changed = structure("`.Changed`", vec![("FileChanges", files)]);
        changed.methods = vec![("Objects", objects(merged)?), ("Changes", Value::list(flat)?)];
        let name = format!("{}/{}", self.namespace, self.name);
        let fields = [("Namespace", self.namespace.as_str()), ("Name", self.name.as_str())];
        let fields = fields.map(|(name, text)| (name, Value::text(text))).to_vec();
        let mut automation = structure("`.AutomationObject`", fields);
        automation.methods = vec![("String", Value::text(name.as_str()))];
        automation.printed = Some(name);
        let values =
            self.values.iter().map(|(key, value)| (key.clone(), Value::text(value.as_str()))).collect();
        let fields = vec![
            ("AutomationObject", made(automation)),
            ("Changed", made(changed)),
            ("Values", Value::dict(values, Value::text(""))?),
        ];
        Ok(made(structure("the data", fields)))
    }

    /// The changes by file and object, in their order.
    fn ordered(&self) -> impl Iterator<Item = &ChangedField> {
        let mut all: Vec<&ChangedField> = self.changes.iter().collect();
        all.sort_by(|a, b| (&a.file, &a.object).cmp(&(&b.file, &b.object)));
        all.into_iter()
    }
}
