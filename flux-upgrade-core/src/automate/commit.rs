//! What image automation would commit: which changes go together, and the message that says so.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::objects::{Automation, Objects};
use super::template::{ChangedField, DEFAULT_MESSAGE, MessageData, ObjectName, TemplateError, message};
use crate::diagnostic::{Diagnostic, Severity};
use crate::locate::{Links, Site};
use crate::plan::{Change, Plan};
use crate::scan::{Inventory, Resource};
use crate::text::{Location, Span};
use crate::yaml::{Document, Node, Quote};

/// What one ImageUpdateAutomation would commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Namespace of the automation, as far as the files say it.
    pub namespace: Option<String>,
    /// Name of the automation.
    pub name: String,
    /// Its object.
    pub at: Location,
    /// Its changes, as indexes into [`Plan::changes`].
    pub changes: Vec<usize>,
    /// The message, or what is wrong with `spec.git.commit.messageTemplate`.
    pub message: Result<String, TemplateError>,
    template: String,
    /// What the message is about, with a field for each change; a document that names no object has none.
    data: MessageData,
    fields: Vec<Option<ChangedField>>,
}

impl Commit {
    /// Takes changes out, which go to new places or to none; false where none is left.
    pub(crate) fn retain(&mut self, places: &[Option<usize>]) -> bool {
        let before = self.changes.len();
        let fields = std::mem::take(&mut self.fields);
        let kept =
            self.changes.iter().zip(fields).filter_map(|(at, field)| Some(((*places.get(*at)?)?, field)));
        (self.changes, self.fields) = kept.unzip();
        if self.changes.len() < before {
            self.render();
        }
        !self.changes.is_empty()
    }

    fn render(&mut self) {
        // A document that names no object goes without a word, in Flux as well.
        self.data.changes = self.fields.iter().flatten().cloned().collect();
        self.message = message(&self.template, &self.data);
    }
}

/// The commits that image automation would make of a plan's changes, in the order of their automations.
///
/// A change that several automations would make is the first one's; one that none would make is in none. The message of
/// those is [`DEFAULT_MESSAGE`].
///
/// Source: image-automation-controller `internal/source/source.go`, `templateMsg`.
#[must_use]
pub fn commits(inventory: &Inventory<'_>, plan: &Plan) -> Vec<Commit> {
    if plan.changes.iter().all(|change| plan.site_of(change).marker.is_none()) {
        return Vec::new();
    }
    let objects = Objects::read(inventory, &Links::new(inventory));
    let mut automations: Vec<&Automation> = objects.automations.iter().collect();
    automations.sort_by(|a, b| a.at.cmp(&b.at));
    let mut taken = BTreeSet::new();
    let mut out: Vec<Commit> = Vec::new();
    for automation in automations {
        let own = |(_, change): &(usize, &Change)| makes(automation, plan.site_of(change));
        let own = plan.changes.iter().enumerate().filter(own).map(|(index, _)| index);
        let own: Vec<usize> = own.filter(|index| taken.insert(*index)).collect();
        if !own.is_empty() {
            out.push(commit(automation, plan, own));
        }
    }
    out
}

/// What all commits of image automation say about themselves: a finding for each message that cannot be made.
pub(crate) fn findings(commits: &[Commit], inventory: &Inventory<'_>) -> Vec<Diagnostic> {
    let finding = |commit: &Commit| {
        let error = commit.message.as_ref().err()?;
        let at = place(inventory, commit, error);
        let found = Diagnostic::new(error.code(), Severity::Error, at.clone(), error.problem());
        // Where the template has come from elsewhere, its own lines are all there is.
        let (line, column) = (error.line, error.column);
        let help = format!("line {line}, column {column} of `spec.git.commit.messageTemplate`");
        Some(if at == commit.at { found.with_help(help) } else { found })
    };
    commits.iter().filter_map(finding).collect()
}

/// Where in the file an error of a template is: exactly in a literal block, else at the field, else at the object.
fn place(inventory: &Inventory<'_>, commit: &Commit, error: &TemplateError) -> Location {
    let is_it = |resource: &&Resource| inventory.location(resource) == commit.at;
    let Some(resource) = inventory.resources().iter().find(is_it) else { return commit.at.clone() };
    let path = ["spec", "git", "commit", "messageTemplate"];
    let Some(node) = inventory.at(resource, &path) else { return commit.at.clone() };
    let file = inventory.documents[resource.document].file;
    let (lines, text) = (inventory.lines(file), &inventory.files[file].text);
    let at = lines.locate(&commit.at.path, node.span());
    let raw = node.span().of(text);
    let body = raw.trim_start_matches([' ', '\t', '\n', '\r']);
    let template = node.text().unwrap_or_default();
    if node.quote() != Some(Quote::Literal) || !template.starts_with(|c: char| !c.is_whitespace()) {
        return at;
    }
    let start = node.span().start + raw.len() - body.len();
    let first = lines.locate(&commit.at.path, Span { start, end: start });
    let indent = first.column - 1;
    // The line of the template, behind what indents it.
    let offset = body.split_inclusive('\n').take(error.line - 1).map(str::len).sum::<usize>();
    let line = &body[offset..];
    let skip = if error.line == 1 { 0 } else { indent };
    let into: usize = line.chars().take(skip + error.column - 1).map(char::len_utf8).sum();
    let at = start + offset + into;
    lines.locate(&commit.at.path, Span { start: at, end: at })
}

/// Whether an automation would make a change of a site.
fn makes(automation: &Automation, site: &Site) -> bool {
    let Some(marker) = &site.marker else { return false };
    let is_here = automation.place.namespace.as_ref().is_none_or(|own| *own == marker.setter.namespace);
    automation.idle.is_none()
        && is_here
        && automation.holds(site.spot.at.path.as_str())
        && marker.policies.iter().any(|policy| automation.selects(policy))
}

fn commit(automation: &Automation, plan: &Plan, own: Vec<usize>) -> Commit {
    let field = |index: &usize| {
        let change = &plan.changes[*index];
        let site = plan.site_of(change);
        let marker = site.marker.as_ref()?;
        Some(ChangedField {
            file: automation.relative(site.spot.at.path.as_str()).to_owned(),
            object: marker.object.clone()?,
            old: site.spot.value.clone(),
            new: change.to.clone(),
            setter: marker.setter.to_string(),
        })
    };
    let data = MessageData {
        namespace: automation.place.namespace.clone().unwrap_or_default(),
        name: automation.name.clone(),
        values: automation.message.values.clone(),
        changes: Vec::new(),
    };
    let mut out = Commit {
        namespace: automation.place.namespace.clone(),
        name: automation.name.clone(),
        at: automation.at.clone(),
        fields: own.iter().map(field).collect(),
        changes: own,
        message: Ok(String::new()),
        template: automation.message.template.clone(),
        data,
    };
    out.render();
    out
}

/// `spec.git.commit`, as far as it is about the message.
#[derive(Default)]
pub(super) struct Message {
    /// `messageTemplate`
    pub(super) template: String,
    /// `messageTemplateValues`
    pub(super) values: BTreeMap<String, String>,
}

impl Message {
    /// Reads it; `expand` fills in variables, where all are known.
    pub(super) fn read(spec: &Value, expand: impl Fn(&str) -> Option<String>) -> Self {
        let commit = &spec["git"]["commit"];
        let filled = |value: &Value| {
            let text = value.as_str()?;
            // `${1}` is a word of patterns as well.
            Some(expand(text).unwrap_or_else(|| text.to_owned()))
        };
        let values = commit["messageTemplateValues"].as_object().into_iter().flatten();
        Self {
            template: filled(&commit["messageTemplate"]).unwrap_or_default(),
            values: values.filter_map(|(key, value)| Some((key.clone(), filled(value)?))).collect(),
        }
    }
}

/// The object that a change of a node belongs to, as Flux names it; `None` for a document that names none.
///
/// Source: kyaml `RNode.GetMeta` and `kio.ByteReader`, which takes a `List` that is alone in its file apart.
pub(super) fn object(document: &Document<'_>, node: Node<'_, '_>, is_alone: bool) -> Option<ObjectName> {
    let root = document.root()?;
    let text = |node: Node<'_, '_>, path: &[&str]| node.text_at(path).unwrap_or_default().to_owned();
    let mut found = root;
    if is_alone && matches!(root.text_at(&["kind"]), Some("List" | "ResourceList")) {
        let holds = |item: &Node<'_, '_>| {
            item.span().start <= node.span().start && node.span().end <= item.span().end
        };
        let item = root.get("items").and_then(|items| items.items().find(holds));
        found = item.unwrap_or(root);
    }
    let has_name = found.get("metadata").is_some_and(|metadata| metadata.entries().next().is_some());
    (has_name || found.get("kind").is_some() || found.get("apiVersion").is_some()).then(|| ObjectName {
        api_version: text(found, &["apiVersion"]),
        kind: text(found, &["kind"]),
        name: text(found, &["metadata", "name"]),
        namespace: text(found, &["metadata", "namespace"]),
    })
}

/// The messages of a plan's commits, each with a line end and an empty line between two; [`DEFAULT_MESSAGE`] for changes that
/// no automation makes, and nothing for a template that gives no message.
#[must_use]
pub fn messages(plan: &Plan) -> String {
    let mut out: Vec<&str> =
        plan.commits.iter().filter_map(|commit| commit.message.as_deref().ok()).collect();
    let of_commits = plan.commits.iter().flat_map(|commit| &commit.changes).count();
    if of_commits < plan.changes.len() {
        out.push(DEFAULT_MESSAGE);
    }
    let ended = |text: &&str| if text.ends_with('\n') { (*text).to_owned() } else { format!("{text}\n") };
    out.iter().map(ended).collect::<Vec<_>>().join("\n")
}
