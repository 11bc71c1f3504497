//! Variables: where the text of `${NAME}` is written.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::field::{expressions, variable};
use super::link::Links;
use crate::plan::Reason;
use crate::scan::{Generator, Inventory, Kind, Placement, Resource};
use crate::yaml::Node;

/// A place that defines a variable.
#[derive(Clone)]
pub(super) struct Definition<'a, 'f> {
    pub(super) document: usize,
    pub(super) node: Node<'a, 'f>,
    /// The bytes of the node's text that are the variable's.
    pub(super) range: Range<usize>,
    /// The object that holds it, as an index of the resources.
    pub(super) holder: usize,
}

impl<'a> Definition<'a, '_> {
    /// What the variable says.
    pub(super) fn text(&self) -> Option<&'a str> {
        self.node.text()?.get(self.range.clone())
    }
}

/// The places that define a variable for an object.
pub(super) struct Definitions<'a, 'f> {
    pub(super) nodes: Vec<Definition<'a, 'f>>,
    /// Whether some Flux Kustomization that applies the object lacks it.
    pub(super) lacking: bool,
}

impl<'a> Links<'a> {
    /// Where the variable of an object gets its text: in each Flux Kustomization that applies the object, or in a ConfigMap
    /// that it names. An object that none is known to apply takes it from any. A definition that is a variable itself is
    /// followed to where the object that holds it gets that.
    ///
    /// Source: kustomize-controller `postBuild`: `substituteFrom` in order, later ones first, `substitute` before them all.
    /// Secrets are never read.
    pub(super) fn definitions<'f>(
        &self,
        inventory: &'a Inventory<'f>,
        resource: &Resource,
        name: &str,
    ) -> Definitions<'a, 'f> {
        self.definitions_in(inventory, resource, &clusters(resource), name)
    }

    /// The same for the object as some clusters have it.
    fn definitions_in<'f>(
        &self,
        inventory: &'a Inventory<'f>,
        resource: &Resource,
        clusters: &[&str],
        name: &str,
    ) -> Definitions<'a, 'f> {
        let Definitions { mut nodes, lacking } = self.own_definitions(inventory, resource, clusters, name);
        // Each question is asked once, so that variables which name each other come to an end.
        let mut asked = BTreeMap::from([((resource.applied_by.as_slice(), name), true)]);
        let mut found = BTreeMap::new();
        while let Some(definition) = nodes.pop() {
            let holder = &inventory.resources()[definition.holder];
            let text = definition.text().unwrap_or("");
            let only = expressions(text).next().filter(|variable| variable.range == (0..text.len()));
            let goes_on = only.is_some_and(|variable| {
                let question = (holder.applied_by.as_slice(), variable.name);
                *asked.entry(question).or_insert_with(|| {
                    let inner = self.own_definitions(inventory, holder, clusters, variable.name);
                    // Where some lack it, the default counts, which stands here.
                    let is_whole = !inner.lacking && !inner.nodes.is_empty();
                    nodes.extend(inner.nodes.into_iter().filter(|_| is_whole));
                    is_whole
                })
            });
            if !goes_on {
                found.insert(
                    (definition.document, definition.node.number(), definition.range.start),
                    definition,
                );
            }
        }
        Definitions { nodes: found.into_values().collect(), lacking }
    }

    /// Where the Flux Kustomizations that apply an object define a variable.
    fn own_definitions<'f>(
        &self,
        inventory: &'a Inventory<'f>,
        resource: &Resource,
        clusters: &[&str],
        name: &str,
    ) -> Definitions<'a, 'f> {
        let those = clusters.iter().map(|cluster| (*cluster).to_owned()).collect();
        let question = (resource.applied_by.clone(), those, name.to_owned());
        let mut known = self.variables.borrow_mut();
        let (places, lacking) = known.entry(question).or_insert_with(|| {
            let unknown = resource.applied_by.is_empty();
            let appliers: Vec<usize> = match unknown {
                // Where the files tell what clusters apply, an object that none applies takes nothing from others.
                true if inventory.has_clusters => Vec::new(),
                true => self.substituting(inventory).to_vec(),
                false => {
                    resource.applied_by.iter().flat_map(|path| &inventory.appliers[*path]).copied().collect()
                }
            };
            let (mut places, mut lacking) = (BTreeSet::new(), false);
            for applier in appliers.into_iter().map(|applier| &inventory.resources()[applier]) {
                for from in by_cluster(&applier.placements, clusters) {
                    match self.defined_by(inventory, applier, from, name) {
                        Some(found) => {
                            let range = (found.range.start, found.range.end);
                            places.insert((found.holder, found.document, found.node.number(), range));
                        }
                        None => lacking |= !unknown,
                    }
                }
            }
            (places, lacking)
        });
        let node = |(holder, document, number, range): &(usize, usize, u32, (usize, usize))| {
            let node = inventory.documents[*document].document.node(*number)?;
            Some(Definition { document: *document, node, range: range.0..range.1, holder: *holder })
        };
        Definitions { nodes: places.iter().filter_map(node).collect(), lacking: *lacking }
    }

    /// Flux Kustomizations that substitute anything, patches of them aside.
    fn substituting(&self, inventory: &Inventory<'_>) -> &[usize] {
        self.substituting.get_or_init(|| {
            let all = inventory.resources().iter().enumerate();
            let those = all.filter(|(_, resource)| {
                let node = inventory
                    .node(resource)
                    .filter(|_| resource.kind == Kind::Kustomization && !resource.is_patch);
                node.is_some_and(|node| node.at(&["spec", "postBuild"]).is_some())
            });
            those.map(|(index, _)| index).collect()
        })
    }

    /// Where one Flux Kustomization, or a patch of it, defines a variable in some of its places.
    fn defined_by<'f>(
        &self,
        inventory: &'a Inventory<'f>,
        applier: &'a Resource,
        from: &[Placement],
        name: &str,
    ) -> Option<Definition<'a, 'f>> {
        let patches = self.patches_of(applier.kind, &applier.name, from);
        let all: Vec<&Resource> = patches.into_iter().chain([applier]).collect();
        let own = |resource: &&Resource| {
            let node = inventory.at(resource, &["spec", "postBuild", "substitute", name])?;
            let holder = inventory.index_of(resource)?;
            node.text().map(|text| Definition {
                document: resource.document,
                node,
                range: 0..text.len(),
                holder,
            })
        };
        if let Some(found) = all.iter().find_map(own) {
            return Some(found);
        }
        all.iter().find_map(|resource| {
            let sources = inventory.at(resource, &["spec", "postBuild", "substituteFrom"]);
            let list = sources.and_then(Node::resolved).into_iter().flat_map(Node::items);
            // An operation of a JSON patch may add one item.
            let added = resource
                .fragment
                .strip_prefix(&["spec", "postBuild", "substituteFrom"].map(str::to_owned)[..]);
            let item = added.filter(|rest| rest.len() == 1).and_then(|_| inventory.node(resource));
            let maps: Vec<&str> = list
                .chain(item)
                .filter(|item| item.text_at(&["kind"]) == Some("ConfigMap"))
                .filter_map(|item| item.text_at(&["name"]))
                .collect();
            let value = |map: &&'a Resource| {
                let node = inventory.node(map)?.at(&["data", name])?;
                let holder = inventory.index_of(map)?;
                node.text().map(|text| Definition {
                    document: map.document,
                    node,
                    range: 0..text.len(),
                    holder,
                })
            };
            maps.into_iter().rev().find_map(|map| {
                let written = self.named(Kind::ConfigMap, map, None, from);
                written.iter().find_map(value).or_else(|| {
                    let made = self.generated(inventory, map, inventory.index_of(applier), from);
                    made.into_iter().find_map(|generator| assigned(inventory, generator, name))
                })
            })
        })
    }

    /// A text of an object with its variables filled in, where all places that define them agree.
    pub(crate) fn expand<'t>(
        &self,
        inventory: &'a Inventory<'_>,
        resource: &Resource,
        text: &'t str,
    ) -> Result<Cow<'t, str>, Reason> {
        self.expand_for(inventory, resource, &clusters(resource), text)
    }

    /// The same for the object as one cluster has it.
    pub(crate) fn expand_in<'t>(
        &self,
        inventory: &'a Inventory<'_>,
        resource: &Resource,
        cluster: Option<&str>,
        text: &'t str,
    ) -> Result<Cow<'t, str>, Reason> {
        self.expand_for(inventory, resource, &Vec::from_iter(cluster), text)
    }

    /// The same for the object as some clusters, in order, have it.
    pub(super) fn expand_for<'t>(
        &self,
        inventory: &'a Inventory<'_>,
        resource: &Resource,
        clusters: &[&str],
        text: &'t str,
    ) -> Result<Cow<'t, str>, Reason> {
        if !text.contains("${") {
            return Ok(Cow::Borrowed(text));
        }
        let unknown = |name: &str| Reason::Substituted { variable: name.to_owned() };
        let (mut out, mut from) = (String::new(), 0);
        for expression in expressions(text) {
            let found = self.definitions_in(inventory, resource, clusters, expression.name);
            let mut texts: BTreeSet<&str> = found.nodes.iter().filter_map(Definition::text).collect();
            let default = expression.default.clone().map(|range| &text[range]);
            if found.lacking || texts.is_empty() {
                texts.extend(default);
            }
            let (Some(only), 1) = (texts.first(), texts.len()) else { return Err(unknown(expression.name)) };
            out.push_str(&text[from..expression.range.start]);
            out.push_str(only);
            from = expression.range.end;
        }
        out.push_str(&text[from..]);
        match variable(&out) {
            Some(name) => Err(unknown(name)),
            None => Ok(Cow::Owned(out)),
        }
    }

    /// A text of an object as it gets into a cluster; none where that is not known, and where it stays as it is, since what
    /// applies the object substitutes nothing.
    ///
    /// Source: fluxcd/pkg kustomize, `kustomize_varsub.go`: without any variable no text is touched, defaults included.
    pub(crate) fn substituted(
        &self,
        inventory: &'a Inventory<'_>,
        resource: &Resource,
        cluster: Option<&str>,
        text: &str,
    ) -> Option<String> {
        if inventory.node(resource).is_none_or(|node| self.is_left_alone(node)) {
            return None;
        }
        let only = Vec::from_iter(cluster);
        let appliers = resource.applied_by.iter().flat_map(|path| &inventory.appliers[*path]);
        let appliers = appliers.map(|applier| &inventory.resources()[*applier]);
        let mut ways = appliers.flat_map(|applier| {
            by_cluster(&applier.placements, &only).into_iter().map(move |from| (applier, from))
        });
        let mut is_applied = false;
        let is_substituted = ways.all(|(applier, from)| {
            is_applied = true;
            let patches = self.patches_of(applier.kind, &applier.name, from);
            patches.into_iter().chain([applier]).any(|part| substitutes(inventory, part))
        });
        let text = self.expand_for(inventory, resource, &only, text).ok()?;
        (is_applied && is_substituted).then(|| text.into_owned())
    }

    /// Whether an object says that its texts are no variables.
    ///
    /// Source: kustomize-controller, `kustomize.toolkit.fluxcd.io/substitute: disabled`.
    pub(super) fn is_left_alone(&self, node: Node<'_, '_>) -> bool {
        ["annotations", "labels"].iter().any(|field| {
            node.text_at(&["metadata", field, "kustomize.toolkit.fluxcd.io/substitute"]) == Some("disabled")
        })
    }
}

/// Where a ConfigMap that kustomize makes gets the text under a key: a literal, or a line of a file.
pub(super) fn assigned<'a, 'f>(
    inventory: &'a Inventory<'f>,
    generator: &Generator,
    name: &str,
) -> Option<Definition<'a, 'f>> {
    let holder = generator.by;
    if let Some((_, number, range)) = generator.literals.iter().find(|(key, ..)| key == name) {
        let document = inventory.resources()[holder].document;
        let node = inventory.documents[document].document.node(*number)?;
        return Some(Definition { document, node, range: range.clone(), holder });
    }
    generator.envs.iter().find_map(|path| {
        let document = *inventory.assignments.get(path)?;
        let node = inventory.documents[document].document.root()?.get(name)?;
        Some(Definition { document, node, range: 0..node.text()?.len(), holder })
    })
}

/// Whether a Flux Kustomization, or a part of one, brings variables.
fn substitutes(inventory: &Inventory<'_>, resource: &Resource) -> bool {
    let is_inside = resource.fragment.iter().take(2).eq(["spec", "postBuild"]) && resource.fragment.len() > 2;
    let has = |field: &str| {
        let node = inventory.at(resource, &["spec", "postBuild", field]).and_then(Node::resolved);
        node.is_some_and(|node| node.entries().next().is_some() || node.items().next().is_some())
    };
    is_inside || has("substitute") || has("substituteFrom")
}

/// The clusters of an object, in order; none where some of its places are of none.
fn clusters(resource: &Resource) -> Vec<&str> {
    let all: Option<Vec<&str>> =
        resource.placements.iter().map(|placement| placement.cluster.as_deref()).collect();
    let mut all = all.unwrap_or_default();
    all.dedup();
    all
}

/// The places of an object, those of each cluster by themselves: a Flux Kustomization that clusters share has in each the
/// patches and the ConfigMaps of that one. Of some clusters alone, in order, where any is named.
fn by_cluster<'p>(placements: &'p [Placement], only: &[&str]) -> Vec<&'p [Placement]> {
    // Placements are in the order of their clusters, and those of none come first.
    let mut parts: Vec<&[Placement]> = placements.chunk_by(|a, b| a.cluster == b.cluster).collect();
    if parts.len() > 1 && parts[0][0].cluster.is_none() {
        parts.remove(0);
    }
    let is_meant = |cluster: &str| only.is_empty() || only.binary_search(&cluster).is_ok();
    parts.retain(|part| part[0].cluster.as_deref().is_none_or(is_meant));
    parts
}
