//! A patch: where its text is, and what stands for it among the objects.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::target::Target;
use super::{Kind, Resource};
use crate::yaml::Node;

/// A patch, and what it changes.
#[derive(Debug)]
pub(super) struct Patch {
    /// Its document, and the node in it: a part of an object, or the operations of a JSON patch.
    pub(super) document: usize,
    pub(super) node: u32,
    /// What stands for it, as numbers of resources: the part of an object, or each value that it sets.
    pub(super) parts: Vec<usize>,
    /// The object that it stands in, where that is one.
    pub(super) by: Option<usize>,
    /// The folder of the kustomization that names it.
    pub(super) folder: String,
    pub(super) target: Target,
    /// The list that names it, and its place there.
    pub(super) order: (List, usize),
}

/// The lists of patches in the order in which kustomize goes through them.
///
/// Source: kustomize `api/internal/target/kusttarget_configplugin.go`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum List {
    /// `patchesStrategicMerge`.
    StrategicMerge,
    /// `patches`.
    Patches,
    /// `patchesJson6902`.
    Json6902,
}

/// An operation of a JSON patch that has a value.
pub(super) struct Operation<'d, 't> {
    path: Vec<String>,
    value: Node<'d, 't>,
    /// Whether it compares the value, and does not set it.
    is_test: bool,
}

/// The operations of a JSON patch that set or compare a value.
pub(super) fn operations<'d, 't>(root: Node<'d, 't>) -> impl Iterator<Item = Operation<'d, 't>> {
    root.items().filter_map(Node::resolved).filter_map(|operation| {
        let is_test = match operation.text_at(&["op"])? {
            "add" | "replace" => false,
            "test" => true,
            _ => return None,
        };
        let path = operation.text_at(&["path"])?.strip_prefix('/')?;
        let path = path.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
        Some(Operation { path, value: operation.get("value")?, is_test })
    })
}

/// Each value of a JSON patch as a part of the object that it patches; nothing of a Secret.
///
/// Source: RFC 6902, and RFC 6901 for the paths.
pub(super) fn fragments(root: Node<'_, '_>, target: &Target, document: usize) -> Vec<Resource> {
    let kind_name = target.plain_kind();
    if kind_name == Some(SECRET) {
        return Vec::new();
    }
    let kind = kind_name.and_then(Kind::from_reference).unwrap_or(Kind::Object);
    let name = target.plain_name().unwrap_or("");
    // What is of no known kind may be of a Secret.
    let may_be_secret = |path: &[String]| {
        kind_name.is_none() && path.first().is_some_and(|key| matches!(key.as_str(), "data" | "stringData"))
    };
    let values = operations(root).filter(|operation| !may_be_secret(&operation.path));
    let parts = values.map(|operation| Resource {
        kind_name: kind_name.unwrap_or(kind.name()).to_owned(),
        is_patch: true,
        is_test: operation.is_test,
        fragment: operation.path,
        ..Resource::at(kind, name, None, document, operation.value)
    });
    parts.collect()
}

/// Secrets are neither followed nor edited.
pub(super) const SECRET: &str = "Secret";

/// Gives what stands for a patch the names and the kinds of the objects that it changes: `selected` has the numbers of a
/// resource and of those objects. What changes objects of several kinds stands for each of them.
pub(super) fn settle(resources: &mut Vec<Resource>, selected: &[(usize, Rc<Vec<usize>>)]) {
    let mut by_part: BTreeMap<usize, BTreeMap<(Kind, String), BTreeSet<String>>> = BTreeMap::new();
    for (part, objects) in selected {
        let kinds = by_part.entry(*part).or_default();
        for object in objects.iter().map(|index| &resources[*index]) {
            let kind = (object.kind, object.kind_name.clone());
            kinds.entry(kind).or_default().insert(object.name.clone());
        }
    }
    for (part, kinds) in by_part {
        // The part of an object says itself of what kind it is.
        let kinds = match resources[part].fragment.is_empty() {
            true => {
                let own = (resources[part].kind, resources[part].kind_name.clone());
                BTreeMap::from([(own, kinds.into_values().flatten().collect())])
            }
            false => kinds,
        };
        for (number, ((kind, kind_name), names)) in kinds.into_iter().enumerate() {
            let mut names: Vec<String> = names.into_iter().collect();
            let mut resource = Resource { kind, kind_name, also: Vec::new(), ..resources[part].clone() };
            if names.len() == 1 {
                resource.name = names.swap_remove(0);
            } else {
                resource.also = names;
            }
            if number == 0 {
                resources[part] = resource;
            } else {
                resources.push(resource);
            }
        }
    }
}
