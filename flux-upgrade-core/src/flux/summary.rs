//! What an upgrade means: what changes for the cluster, not which lines.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::compare::{Delta, Step, compare, shown};
use super::manifest::{Manifest, Object, normal};
use super::options::Component;
use super::recover::RecoverError;
use crate::yaml::Node;

/// What changes between two files of Flux's manifests, in the order in which people ask.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Controllers whose image moves, comes or goes.
    pub controllers: Vec<Move>,
    /// Kinds whose served versions change, come or go.
    pub kinds: Vec<Kind>,
    /// Arguments of controllers that change, by controller.
    pub arguments: Vec<Changed>,
    /// What roles allow, and to whom.
    pub rbac: Vec<Changed>,
    /// What the network policies allow.
    pub network: Vec<Changed>,
    /// Objects that come or go, other than the above.
    pub objects: Vec<Move>,
    /// Other fields that change, but for labels and what definitions of kinds say about fields.
    pub fields: Vec<Changed>,
}

/// Something that had one version and has another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// What.
    pub name: String,
    /// What it was; `None` where it comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it is; `None` where it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// A kind of Flux whose versions change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kind {
    /// The kind and its group, such as `OCIRepository.source.toolkit.fluxcd.io`.
    pub name: String,
    /// Versions that are served from now on.
    pub added: Vec<String>,
    /// Versions that are no longer served.
    pub removed: Vec<String>,
    /// How many versions are served before and after.
    pub kept: usize,
    /// Versions that are marked as deprecated from now on.
    pub deprecated: Vec<String>,
    /// The version that objects are stored in, where that changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
}

/// A field that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// The object and the field.
    pub name: String,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Compares two files of Flux's manifests.
///
/// # Errors
///
/// [`RecoverError::Syntax`] where one of them is not YAML.
pub fn summarize(old: &str, new: &str) -> Result<Summary, RecoverError> {
    let (old, new) = (normal(old), normal(new));
    let (old, new) = (Manifest::read(&old)?, Manifest::read(&new)?);
    let mut summary = Summary { kinds: kinds(&old, &new), ..Summary::default() };
    for component in Component::ALL {
        let image = |manifest: &Manifest<'_>| image(manifest, component);
        let (from, to) = (image(&old), image(&new));
        if from != to {
            summary.controllers.push(Move { name: component.to_string(), from, to });
        }
    }
    for delta in compare(&old, &new) {
        let before = delta.old.map(|(at, _)| &old.objects[at]);
        let Some(object) = delta.new.map(|(at, _)| &new.objects[at]).or(before) else { continue };
        if object.id.kind == "CustomResourceDefinition" || is_noise(&delta) {
            continue;
        }
        if delta.path.0.is_empty() {
            let is_controller = object.id.kind == "Deployment" && Component::named(&object.id.name).is_some();
            if !is_controller {
                let there = |side: Option<_>| side.map(|_| "there".to_owned());
                let name = object.id.to_string();
                summary.objects.push(Move { name, from: there(delta.old), to: there(delta.new) });
            }
            continue;
        }
        let value = |side: Option<(usize, u32)>, manifest: &Manifest<'_>| {
            side.and_then(|(at, node)| manifest.objects[at].document.node(node).map(shown))
        };
        let (from, to) = (value(delta.old, &old), value(delta.new, &new));
        let is_argument = delta.path.0.iter().any(|step| *step == Step::Key("args".to_owned()));
        let name = if is_argument { object.id.name.clone() } else { format!("{} {}", object.id, delta.path) };
        let changed = Changed { name, from, to };
        match object.id.kind.as_str() {
            _ if is_argument => summary.arguments.push(changed),
            "NetworkPolicy" => summary.network.push(changed),
            _ if object.id.group == "rbac.authorization.k8s.io" => summary.rbac.push(changed),
            _ => summary.fields.push(changed),
        }
    }
    Ok(summary)
}

/// Labels name the version, and images are told by controller.
fn is_noise(delta: &Delta) -> bool {
    matches!(delta.path.0.last(), Some(Step::Key(key)) if key == "image" || key == "app.kubernetes.io/version")
}

/// Name and tag of a controller's image.
fn image(manifest: &Manifest<'_>, component: Component) -> Option<String> {
    let object = manifest.of_kind("Deployment").find(|object| object.id.name == component.as_str())?;
    let pod = object.root()?.at(&["spec", "template", "spec", "containers"])?.resolved()?;
    let image = pod.items().next()?.text_at(&["image"])?;
    Some(
        image
            .rsplit_once('/')
            .map_or(image, |(_, name)| name)
            .split_once(':')
            .map_or(image, |(_, tag)| tag)
            .to_owned(),
    )
}

fn kinds(old: &Manifest<'_>, new: &Manifest<'_>) -> Vec<Kind> {
    let known = |manifest: &Manifest<'_>| -> BTreeMap<String, Versions> {
        manifest.of_kind("CustomResourceDefinition").filter_map(Versions::of).collect()
    };
    let (before, after) = (known(old), known(new));
    let names: Vec<&String> =
        before.keys().chain(after.keys().filter(|name| !before.contains_key(*name))).collect();
    let none = Versions::default();
    let mut out = Vec::new();
    for name in names {
        let (from, to) = (before.get(name).unwrap_or(&none), after.get(name).unwrap_or(&none));
        let only =
            |a: &[String], b: &[String]| a.iter().filter(|version| !b.contains(version)).cloned().collect();
        let kind = Kind {
            name: name.clone(),
            added: only(&to.served, &from.served),
            removed: only(&from.served, &to.served),
            kept: from.served.iter().filter(|version| to.served.contains(version)).count(),
            deprecated: only(&to.deprecated, &from.deprecated),
            stored: to.stored.clone().filter(|_| from.stored.is_some() && from.stored != to.stored),
        };
        if !(kind.added.is_empty()
            && kind.removed.is_empty()
            && kind.deprecated.is_empty()
            && kind.stored.is_none())
        {
            out.push(kind);
        }
    }
    out
}

/// The versions of a kind.
#[derive(Default)]
struct Versions {
    served: Vec<String>,
    deprecated: Vec<String>,
    stored: Option<String>,
}

impl Versions {
    fn of(object: &Object<'_>) -> Option<(String, Self)> {
        let spec = object.root()?.get("spec")?;
        let name = format!("{}.{}", spec.text_at(&["names", "kind"])?, spec.text_at(&["group"])?);
        let mut out = Self::default();
        for version in spec.get("versions").and_then(Node::resolved)?.items() {
            let is = |field: &str| version.text_at(&[field]) == Some("true");
            let Some(name) = version.text_at(&["name"]).map(str::to_owned) else { continue };
            if is("storage") {
                out.stored = Some(name.clone());
            }
            if is("deprecated") {
                out.deprecated.push(name.clone());
            }
            if is("served") {
                out.served.push(name);
            }
        }
        Some((name, out))
    }
}

impl Summary {
    /// Whether nothing changes but labels.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One line for each change, under headings.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let change = |from: &Option<String>, to: &Option<String>| match (from, to) {
            (Some(from), Some(to)) => format!("{from} -> {to}"),
            (None, Some(to)) => format!("new: {to}"),
            (Some(from), None) => format!("gone: {from}"),
            (None, None) => String::new(),
        };
        let moved = |one: &Move| format!("{} {}", one.name, change(&one.from, &one.to));
        let object =
            |one: &Move| format!("{} {}", one.name, if one.to.is_some() { "is new" } else { "is gone" });
        let field = |one: &Changed| format!("{} {}", one.name, change(&one.from, &one.to));
        section(f, "controllers", self.controllers.iter().map(moved))?;
        section(f, "kinds", self.kinds.iter().map(Kind::to_string))?;
        section(f, "arguments", self.arguments.iter().map(field))?;
        section(f, "rbac", self.rbac.iter().map(field))?;
        section(f, "network", self.network.iter().map(field))?;
        section(f, "objects", self.objects.iter().map(object))?;
        section(f, "fields", self.fields.iter().map(field))
    }
}

fn section(f: &mut fmt::Formatter<'_>, name: &str, lines: impl Iterator<Item = String>) -> fmt::Result {
    for (number, line) in lines.enumerate() {
        if number == 0 {
            writeln!(f, "{name}:")?;
        }
        writeln!(f, "  {line}")?;
    }
    Ok(())
}

/// `OCIRepository.source.toolkit.fluxcd.io serves v1, no longer v1beta2, stores v1`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let mut add = |words: &str, list: &[String]| {
            if !list.is_empty() {
                parts.push(format!("{words} {}", list.join(", ")));
            }
        };
        add("serves", &self.added);
        add("no longer serves", &self.removed);
        add("deprecates", &self.deprecated);
        add("stores", self.stored.as_slice());
        write!(f, "{} {}", self.name, parts.join(", "))
    }
}
