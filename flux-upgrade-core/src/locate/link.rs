//! Which source object a reference means, as Flux would find it.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::Reason;
use crate::scan::{Inventory, Kind, Placement, Resource};
use crate::yaml::Node;

/// Objects by kind and name.
pub(super) struct Links<'a> {
    by_name: BTreeMap<(Kind, &'a str), Vec<&'a Resource>>,
}

/// A reference to another object, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    pub(super) namespace: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// Reads `{kind, name, namespace}`.
    pub(super) fn read(node: Node<'a, '_>) -> Option<Self> {
        Some(Self {
            kind: node.text_at(&["kind"]).unwrap_or("HelmRepository"),
            name: node.text_at(&["name"])?,
            namespace: node.text_at(&["namespace"]),
        })
    }

    pub(super) fn describe(&self) -> String {
        match self.namespace {
            Some(namespace) => format!("{} {namespace}/{}", self.kind, self.name),
            None => format!("{} {}", self.kind, self.name),
        }
    }
}

impl<'a> Links<'a> {
    pub(super) fn new(inventory: &'a Inventory<'_>) -> Self {
        let mut by_name: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for resource in inventory.resources() {
            by_name.entry((resource.kind, resource.name.as_str())).or_default().push(resource);
        }
        Self { by_name }
    }

    /// Objects of this kind and name that an object at `from` can mean, patches of them included.
    ///
    /// A reference without a namespace means the referring object's; an unknown namespace matches any; objects of
    /// another cluster never match.
    pub(super) fn named(
        &self,
        kind: Kind,
        name: &str,
        namespace: Option<&str>,
        from: &[Placement],
    ) -> Vec<&'a Resource> {
        let Some(all) = self.by_name.get(&(kind, name)) else { return Vec::new() };
        let wanted = |here: &Placement| namespace.map(str::to_owned).or_else(|| here.namespace.clone());
        let matches = |there: &Placement| from.iter().any(|here| here.sees(wanted(here).as_deref(), there));
        all.iter().copied().filter(|resource| resource.placements.iter().any(matches)).collect()
    }

    /// What all objects that a reference means agree on, by `read`; objects for which it gives nothing do not count.
    pub(super) fn agreed<T: Ord>(
        &self,
        inventory: &Inventory<'_>,
        reference: Reference<'_>,
        from: &[Placement],
        read: impl Fn(&'a Resource) -> Option<T>,
    ) -> Result<(T, &'a Resource), Reason> {
        let not_found = || Reason::SourceNotFound { source: reference.describe() };
        let kind = Kind::from_reference(reference.kind).ok_or_else(not_found)?;
        let found = self.named(kind, reference.name, reference.namespace, from);
        let mut values: BTreeMap<T, Vec<&Resource>> = BTreeMap::new();
        for resource in found {
            if let Some(value) = read(resource) {
                values.entry(value).or_default().push(resource);
            }
        }
        if values.len() > 1 {
            let all: BTreeSet<String> =
                values.into_values().flatten().map(|resource| describe(inventory, resource)).collect();
            return Err(Reason::Ambiguous { sources: all.into_iter().collect() });
        }
        let (value, resources) = values.into_iter().next().ok_or_else(not_found)?;
        Ok((value, resources[0]))
    }
}

/// `Kind namespace/name at path:line:column`.
pub(super) fn describe(inventory: &Inventory<'_>, resource: &Resource) -> String {
    let namespace = resource.placements.iter().find_map(|placement| placement.namespace.as_deref());
    let namespace = namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
    format!("{} {namespace}{} at {}", resource.kind.name(), resource.name, inventory.location(resource))
}
