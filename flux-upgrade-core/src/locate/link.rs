//! Which source object a reference means, as Flux would find it.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{MOST_NAMED, Reason};
use crate::scan::{Effective, Generator, Inventory, Kind, Placement, Resource, Unbuilt};
use crate::yaml::Node;

/// Objects by kind and name.
pub(crate) struct Links<'a> {
    by_name: ByName<'a>,
    /// Those of them that are patches.
    patches: ByName<'a>,
    pub(super) urls: Known<'a, String>,
    pub(super) repositories: Known<'a, (String, bool)>,
    pub(super) selections: Known<'a, super::oci::Selection>,
    pub(super) charts: Known<'a, (String, String, String, Option<String>)>,
    /// Flux Kustomizations that substitute variables.
    pub(super) substituting: OnceCell<Vec<usize>>,
    /// Where variables are defined, and whether some of what applies the object lacks them.
    pub(super) variables: RefCell<BTreeMap<Use, Places>>,
    /// ConfigMaps that kustomize makes, by each of their names.
    generators: BTreeMap<&'a str, Made<'a>>,
    /// Files that hold no object.
    plain: OnceCell<BTreeMap<&'a str, Vec<&'a Resource>>>,
}

/// What applies the object that has a variable, in which clusters, and the variable's name.
type Use = (Vec<usize>, Vec<String>, String);

/// Holder, document, node and bytes of each definition, and whether some Flux Kustomization has none.
type Places = (BTreeSet<(usize, usize, u32, (usize, usize))>, bool);

type ByName<'a> = BTreeMap<(Kind, &'a str), Namesakes<'a>>;

/// Objects of one kind and name, in the order of the files.
#[derive(Default)]
struct Namesakes<'a> {
    all: Vec<&'a Resource>,
    /// Indices into `all` by the namespaces that the objects get.
    by_namespace: BTreeMap<Option<&'a str>, Vec<usize>>,
}

impl<'a> Namesakes<'a> {
    fn add(&mut self, resource: &'a Resource) {
        for placement in &resource.placements {
            let index = self.all.len();
            let indices = self.by_namespace.entry(placement.namespace.as_deref()).or_default();
            if indices.last() != Some(&index) {
                indices.push(index);
            }
        }
        self.all.push(resource);
    }
}

/// ConfigMaps of one name that kustomize makes.
#[derive(Default)]
struct Made<'a> {
    all: Vec<&'a Generator>,
    /// Indices into `all` by the namespaces that the ConfigMaps get.
    by_namespace: BTreeMap<Option<&'a str>, Vec<usize>>,
}

/// Answers that were found before, since many objects refer to one source from one place.
pub(super) type Known<'a, T> = RefCell<BTreeMap<Question, Result<(T, &'a Resource), Reason>>>;

/// What is meant, by whom, and what the asking object says itself.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Question {
    kind: Kind,
    name: String,
    namespace: Option<String>,
    from: Vec<Placement>,
    own: Option<String>,
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
    pub(crate) fn new(inventory: &'a Inventory<'_>) -> Self {
        let (mut by_name, mut patches) = (ByName::new(), ByName::new());
        for resource in inventory.resources() {
            if resource.is_test || matches!(resource.kind, Kind::Object | Kind::Plain) {
                continue;
            }
            for name in std::iter::once(&resource.name).chain(&resource.also) {
                let key = (resource.kind, name.as_str());
                if resource.fragment.is_empty() {
                    by_name.entry(key).or_default().add(resource);
                }
                if resource.is_patch {
                    patches.entry(key).or_default().add(resource);
                }
            }
        }
        let mut generators: BTreeMap<&str, Made<'_>> = BTreeMap::new();
        for generator in &inventory.generators {
            let places = &inventory.resources()[generator.by].placements;
            let namespaces =
                places.iter().map(|place| place.namespace.as_deref().or(generator.namespace.as_deref()));
            let namespaces: BTreeSet<Option<&str>> = namespaces.collect();
            for name in generator.names() {
                let made = generators.entry(name).or_default();
                for namespace in &namespaces {
                    made.by_namespace.entry(*namespace).or_default().push(made.all.len());
                }
                made.all.push(generator);
            }
        }
        Self {
            by_name,
            generators,
            patches,
            urls: Known::default(),
            repositories: Known::default(),
            selections: Known::default(),
            charts: Known::default(),
            substituting: OnceCell::new(),
            variables: RefCell::default(),
            plain: OnceCell::new(),
        }
    }

    /// Objects of this kind and name that an object at `from` can mean, patches of them included.
    ///
    /// A reference without a namespace means the referring object's; an unknown namespace matches any; objects of
    /// another cluster never match, and those that no cluster reaches only where the own cluster has none.
    pub(super) fn named(
        &self,
        kind: Kind,
        name: &str,
        namespace: Option<&str>,
        from: &[Placement],
    ) -> Vec<&'a Resource> {
        matching(&self.by_name, (kind, name), namespace, from)
    }

    /// Whether any object has this kind and name.
    pub(super) fn knows(&self, kind: Kind, name: &str) -> bool {
        self.by_name.contains_key(&(kind, name))
    }

    /// Patches of the object of this kind and name at `from`.
    pub(super) fn patches_of(&self, kind: Kind, name: &str, from: &[Placement]) -> Vec<&'a Resource> {
        matching(&self.patches, (kind, name), None, from)
    }

    /// ConfigMaps of a name that kustomize makes and that an object at `from` can mean, by the rules of [`Links::named`].
    pub(super) fn generated(
        &self,
        inventory: &Inventory<'_>,
        name: &str,
        object: Option<usize>,
        from: &[Placement],
    ) -> Vec<&'a Generator> {
        let Some(made) = self.generators.get(name) else { return Vec::new() };
        let mut wanted: BTreeSet<Option<&str>> = from.iter().map(|here| here.namespace.as_deref()).collect();
        let all: BTreeSet<usize> = if wanted.contains(&None) {
            (0..made.all.len()).collect()
        } else {
            wanted.insert(None);
            wanted
                .iter()
                .filter_map(|namespace| made.by_namespace.get(namespace))
                .flatten()
                .copied()
                .collect()
        };
        let all = all.into_iter().map(|index| made.all[index]);
        let all: Vec<&Generator> = all.filter(|one| one.is_named(name, object)).collect();
        let matching = |fits: &dyn Fn(&Placement, &Placement) -> bool| -> Vec<&'a Generator> {
            let reached = |generator: &&&'a Generator| {
                inventory.resources()[generator.by].placements.iter().any(|there| {
                    let namespace = there.namespace.clone().or_else(|| generator.namespace.clone());
                    let there = Placement { namespace, ..there.clone() };
                    from.iter().any(|here| fits(here, &there))
                })
            };
            all.iter().filter(reached).copied().collect()
        };
        let sees = |here: &Placement, there: &Placement| here.sees(here.namespace.as_deref(), there);
        let own = matching(&|here, there| here.shares_cluster(there) && sees(here, there));
        if own.is_empty() { matching(&sees) } else { own }
    }

    /// Documents of values in the file at a path.
    pub(super) fn plain(&self, inventory: &'a Inventory<'_>, path: &str) -> Vec<&'a Resource> {
        let files = self.plain.get_or_init(|| {
            let mut files: BTreeMap<&'a str, Vec<&'a Resource>> = BTreeMap::new();
            for resource in inventory.resources().iter().filter(|resource| resource.kind == Kind::Plain) {
                files.entry(inventory.file_of(resource).path.as_str()).or_default().push(resource);
            }
            files
        });
        files.get(path).cloned().unwrap_or_default()
    }

    /// What all objects that a reference means agree on, by `read`; objects for which it gives nothing do not count. An
    /// object that patches complete is read as it is built, in each place where it can be meant.
    ///
    /// `own` is what the asking object adds to what is read.
    pub(super) fn agreed<T: Ord + Clone>(
        &self,
        known: &Known<'a, T>,
        inventory: &Inventory<'_>,
        (reference, own): (Reference<'_>, Option<&str>),
        from: &[Placement],
        read: impl Fn(&'a Resource, Option<&Effective>) -> Option<T>,
    ) -> Result<(T, &'a Resource), Reason> {
        let Some(kind) = Kind::from_reference(reference.kind) else {
            return Err(Reason::SourceNotFound { source: reference.describe() });
        };
        let question = Question {
            kind,
            name: reference.name.to_owned(),
            namespace: reference.namespace.map(str::to_owned),
            from: from.to_vec(),
            own: own.map(str::to_owned),
        };
        if let Some(answer) = known.borrow().get(&question) {
            return answer.clone();
        }
        let answer = self.find_agreed(inventory, reference, kind, from, read);
        known.borrow_mut().insert(question, answer.clone());
        answer
    }

    /// What was looked for, with the namespace, and where one of that name is after all.
    fn nearest(&self, kind: Kind, reference: Reference<'_>, from: &[Placement]) -> String {
        let own = from.iter().find_map(|placement| placement.namespace.as_deref());
        let wanted = Reference { namespace: reference.namespace.or(own), ..reference }.describe();
        let others = self.by_name.get(&(kind, reference.name)).map(|namesakes| namesakes.all.as_slice());
        let elsewhere: BTreeSet<&str> = others
            .into_iter()
            .flatten()
            .take(MOST_NAMED)
            .flat_map(|other| other.placements.iter().filter_map(|placement| placement.namespace.as_deref()))
            .filter(|namespace| Some(*namespace) != reference.namespace.or(own))
            .take(3)
            .collect();
        if elsewhere.is_empty() {
            return wanted;
        }
        let namespaces: Vec<&str> = elsewhere.into_iter().collect();
        format!("{wanted} (one of that name is in {})", namespaces.join(", "))
    }

    fn find_agreed<T: Ord>(
        &self,
        inventory: &Inventory<'_>,
        reference: Reference<'_>,
        kind: Kind,
        from: &[Placement],
        read: impl Fn(&'a Resource, Option<&Effective>) -> Option<T>,
    ) -> Result<(T, &'a Resource), Reason> {
        let not_found = || Reason::SourceNotFound { source: self.nearest(kind, reference, from) };
        let found = self.named(kind, reference.name, reference.namespace, from);
        let is_completed =
            found.iter().any(|resource| !resource.is_patch && inventory.is_completed(resource));
        let mut values: BTreeMap<T, Vec<(&Resource, Option<Effective>)>> = BTreeMap::new();
        // What patches say is in what they complete.
        for resource in found.into_iter().filter(|resource| !(is_completed && resource.is_patch)) {
            let built = match inventory.is_completed(resource) {
                true => {
                    built(inventory, resource, reference.namespace, from)?.into_iter().map(Some).collect()
                }
                false => vec![None],
            };
            for built in built {
                if let Some(value) = read(resource, built.as_ref()) {
                    values.entry(value).or_default().push((resource, built));
                }
            }
        }
        if values.len() > 1 {
            let named = |(resource, built): (&Resource, Option<Effective>)| {
                let by = built.and_then(|built| built.patches.into_iter().next_back());
                let by = by.map(|at| format!(" with the patch at {at}")).unwrap_or_default();
                format!("{}{by}", describe(inventory, resource))
            };
            let all: BTreeSet<String> = values.into_values().flatten().map(named).collect();
            let more = all.len().saturating_sub(MOST_NAMED);
            let mut sources: Vec<String> = all.into_iter().take(MOST_NAMED).collect();
            if more > 0 {
                sources.push(format!("and {more} more"));
            }
            return Err(Reason::Ambiguous { sources });
        }
        let (value, resources) = values.into_iter().next().ok_or_else(not_found)?;
        Ok((value, resources[0].0))
    }
}

/// An object as it is built in each place where an object at `from` can mean it.
fn built(
    inventory: &Inventory<'_>,
    resource: &Resource,
    namespace: Option<&str>,
    from: &[Placement],
) -> Result<Vec<Effective>, Unbuilt> {
    let sees = |there: &&Placement| {
        from.iter().any(|here| here.sees(namespace.or(here.namespace.as_deref()), there))
    };
    let seen: Vec<&Placement> = resource.placements.iter().filter(sees).collect();
    let shares = |there: &Placement| from.iter().any(|here| here.shares_cluster(there));
    let own = seen.iter().any(|there| shares(there));
    let meant = seen.into_iter().filter(|there| !own || shares(there));
    meant.map(|there| inventory.effective(resource, there)).collect()
}

/// Objects of one kind and name that an object at `from` can mean; see [`Links::named`].
fn matching<'a>(
    by_name: &ByName<'a>,
    (kind, name): (Kind, &str),
    namespace: Option<&str>,
    from: &[Placement],
) -> Vec<&'a Resource> {
    let Some(namesakes) = by_name.get(&(kind, name)) else { return Vec::new() };
    let wanted: BTreeSet<Option<&str>> =
        from.iter().map(|here| namespace.or(here.namespace.as_deref())).collect();
    let all: BTreeSet<usize> = if wanted.contains(&None) {
        (0..namesakes.all.len()).collect()
    } else {
        let namespaces = wanted.iter().chain(&[None]);
        namespaces.filter_map(|name| namesakes.by_namespace.get(name)).flatten().copied().collect()
    };
    let sees =
        |here: &Placement, there: &Placement| here.sees(namespace.or(here.namespace.as_deref()), there);
    let matching = |fits: &dyn Fn(&Placement, &Placement) -> bool| -> Vec<&'a Resource> {
        let reached = |there: &Placement| from.iter().any(|here| fits(here, there));
        let all = all.iter().map(|index| namesakes.all[*index]);
        all.filter(|resource| resource.placements.iter().any(reached)).collect()
    };
    let own = matching(&|here, there| here.shares_cluster(there) && sees(here, there));
    if own.is_empty() { matching(&sees) } else { own }
}

/// `Kind namespace/name at path:line:column`.
pub(super) fn describe(inventory: &Inventory<'_>, resource: &Resource) -> String {
    let namespace = resource.placements.iter().find_map(|placement| placement.namespace.as_deref());
    let namespace = namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
    format!("{} {namespace}{} at {}", resource.kind.name(), resource.name, inventory.location(resource))
}
