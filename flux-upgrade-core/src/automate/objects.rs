//! The objects of image automation, as Flux would apply them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::Policy;
use super::commit::Message;
use super::policy::{Order, Rule};
use crate::locate::Links;
use crate::plan::Reason;
use crate::reference::{normalise_repository, without_login};
use crate::scan::{Effective, Inventory, Placement, Resource};
use crate::text::Location;
use crate::version::{DigestReflection, ExclusionList, ImagePolicy, TagFilter};

/// What the files have of image automation.
pub(super) struct Objects {
    pub(super) policies: Vec<Policy>,
    pub(super) automations: Vec<Automation>,
}

/// An ImageUpdateAutomation in one of its places.
pub(super) struct Automation {
    pub(super) name: String,
    pub(super) place: Placement,
    /// `spec.update.path` from the top of the repository, empty for all of it.
    pub(super) path: String,
    /// `spec.policySelector`.
    pub(super) selector: Option<Value>,
    /// Why it does nothing.
    pub(super) idle: Option<Reason>,
    pub(super) at: Location,
    /// What its commits say.
    pub(super) message: Message,
}

impl Automation {
    /// Whether a file lies below its path.
    pub(super) fn holds(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.path.as_str());
        self.path.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// A file as its commits name it: from its path on, and where that is one file from its folder on.
    pub(super) fn relative<'p>(&self, path: &'p str) -> &'p str {
        let rest = path.strip_prefix(self.path.as_str()).unwrap_or(path).trim_start_matches('/');
        if rest.is_empty() { path.rsplit('/').next().unwrap_or(path) } else { rest }
    }

    /// Whether it looks at a policy.
    pub(super) fn selects(&self, policy: &Policy) -> bool {
        let same_cluster = match (&self.place.cluster, &policy.place.cluster) {
            (Some(own), Some(other)) => own == other,
            _ => true,
        };
        let selector = self.selector.as_ref();
        same_cluster && selector.is_none_or(|selector| fits(selector, &policy.labels))
    }

    pub(super) fn describe(&self) -> String {
        let namespace = self.place.namespace.as_ref().map(|name| format!("{name}/")).unwrap_or_default();
        format!("ImageUpdateAutomation {namespace}{} at {}", self.name, self.at)
    }
}

const GROUP: &str = "image.toolkit.fluxcd.io/";

/// The objects of one kind with what each is in each of its places.
fn of_kind<'a>(
    inventory: &'a Inventory<'_>,
    kind: &str,
) -> Vec<(&'a Resource, &'a Placement, Result<Effective, Reason>)> {
    let mut out = Vec::new();
    for resource in inventory.resources() {
        if resource.kind_name != kind || resource.is_patch || !resource.api_version.starts_with(GROUP) {
            continue;
        }
        for placement in &resource.placements {
            out.push((resource, placement, inventory.effective(resource, placement).map_err(Reason::from)));
        }
    }
    out
}

impl Objects {
    pub(super) fn read<'a>(inventory: &'a Inventory<'_>, links: &Links<'a>) -> Self {
        let repositories = of_kind(inventory, "ImageRepository");
        let mut namespaces: BTreeMap<String, Value> = BTreeMap::new();
        for resource in inventory.resources() {
            if resource.kind_name == "Namespace" && resource.api_version == "v1" {
                let labels = inventory.node(resource).and_then(|node| node.at(&["metadata", "labels"]));
                namespaces
                    .insert(resource.name.clone(), labels.map_or(Value::Null, crate::scan::value::value));
            }
        }
        let policies = of_kind(inventory, "ImagePolicy").into_iter().map(|(resource, place, built)| {
            let labels =
                built.as_ref().map_or(Value::Null, |built| built.object["metadata"]["labels"].clone());
            let reader = Reader { inventory, links, resource, place, namespaces: &namespaces };
            Policy {
                at: inventory.location(resource),
                name: resource.name.clone(),
                place: place.clone(),
                labels,
                patches: built.as_ref().map_or_else(|_| Vec::new(), |built| built.patches.clone()),
                rule: built.and_then(|built| reader.rule(&built, &repositories)),
            }
        });
        let policies = policies.collect();
        let automations = of_kind(inventory, "ImageUpdateAutomation").into_iter();
        let automations = automations
            .map(|(resource, place, built)| automation(inventory, links, (resource, place), built));
        Self { policies, automations: automations.collect() }
    }
}

fn automation<'a>(
    inventory: &'a Inventory<'_>,
    links: &Links<'a>,
    (resource, place): (&Resource, &Placement),
    built: Result<Effective, Reason>,
) -> Automation {
    let mut out = Automation {
        name: resource.name.clone(),
        place: place.clone(),
        path: String::new(),
        selector: None,
        idle: None,
        at: inventory.location(resource),
        message: Message::default(),
    };
    let built = match built {
        Ok(built) => built,
        Err(reason) => {
            out.idle = Some(reason);
            return out;
        }
    };
    let spec = &built.object["spec"];
    out.selector = spec.get("policySelector").filter(|selector| !selector.is_null()).cloned();
    let cluster = place.cluster.as_deref();
    let expand = |text: &str| links.expand_in(inventory, resource, cluster, text).ok().map(Cow::into_owned);
    out.message = Message::read(spec, expand);
    let path = spec["update"]["path"].as_str().unwrap_or_default();
    let path = match links.expand_in(inventory, resource, place.cluster.as_deref(), path) {
        Ok(path) => path,
        Err(reason) => {
            out.idle = Some(reason);
            return out;
        }
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            // Joined as filepath-securejoin does: never above the top.
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    out.path = parts.join("/");
    let strategy = spec["update"]["strategy"].as_str().unwrap_or("Setters");
    if spec["suspend"].as_bool() == Some(true) {
        out.idle = Some(Reason::Ignored { by: format!("{} is suspended", out.describe()) });
    } else if strategy != "Setters" {
        let detail = format!("{} has the unknown strategy `{strategy}`", out.describe());
        out.idle = Some(Reason::SourceUnsupported { detail });
    }
    out
}

/// Whether a label selector of Kubernetes fits labels; none and an empty one fit all.
///
/// Source: apimachinery `LabelSelectorAsSelector`.
fn fits(selector: &Value, labels: &Value) -> bool {
    let label = |key: &str| labels.get(key).and_then(Value::as_str);
    let wanted = selector["matchLabels"].as_object();
    let all = wanted.is_none_or(|all| all.iter().all(|(key, value)| label(key) == value.as_str()));
    let expressions = selector["matchExpressions"].as_array();
    all && expressions.into_iter().flatten().all(|one| {
        let found = one["key"].as_str().and_then(label);
        let listed = || one["values"].as_array().into_iter().flatten().any(|value| value.as_str() == found);
        match one["operator"].as_str() {
            Some("In") => found.is_some() && listed(),
            Some("NotIn") => found.is_none() || !listed(),
            Some("Exists") => found.is_some(),
            Some("DoesNotExist") => found.is_none(),
            _ => false,
        }
    })
}

/// Labels that a selector fits; none where nothing fits it.
pub(super) fn labels(selector: &Value) -> Option<BTreeMap<String, String>> {
    let mut out = BTreeMap::new();
    for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
        out.insert(key.clone(), value.as_str()?.to_owned());
    }
    for one in selector["matchExpressions"].as_array().into_iter().flatten() {
        let value = match one["operator"].as_str() {
            Some("In") => one["values"].as_array()?.first()?.as_str()?,
            Some("Exists") => "true",
            _ => continue,
        };
        out.entry(one["key"].as_str()?.to_owned()).or_insert_with(|| value.to_owned());
    }
    fits(selector, &serde_json::json!(out)).then_some(out)
}

type Repositories<'a> = [(&'a Resource, &'a Placement, Result<Effective, Reason>)];

/// Reads one policy.
struct Reader<'r, 'a, 'f> {
    inventory: &'a Inventory<'f>,
    links: &'r Links<'a>,
    resource: &'a Resource,
    place: &'a Placement,
    namespaces: &'r BTreeMap<String, Value>,
}

impl Reader<'_, '_, '_> {
    fn rule(&self, built: &Effective, repositories: &Repositories<'_>) -> Result<Rule, Reason> {
        let spec = &built.object["spec"];
        if spec["suspend"].as_bool() == Some(true) {
            let by = format!("ImagePolicy {} at {} is suspended", self.resource.name, self.at());
            return Err(Reason::Ignored { by });
        }
        let held = |detail: String| Reason::NoCandidate {
            detail: format!("{detail}, in the policy at {}", self.at()),
        };
        let order = self.order(&spec["policy"]).map_err(held)?;
        let filter = &spec["filterTags"];
        let filter = match filter["pattern"].as_str().filter(|text| !text.is_empty()) {
            None => None,
            Some(pattern) => {
                let pattern = self.expand(pattern)?;
                let extract = filter["extract"].as_str().unwrap_or_default();
                // `${name}` is a word of Go's own templates as well.
                let extract = self.expand(extract).unwrap_or_else(|_| extract.to_owned());
                Some(TagFilter::parse(&pattern, &extract).map_err(|error| held(error.to_string()))?)
            }
        };
        let reflection = spec["digestReflectionPolicy"].as_str().unwrap_or_default();
        let reflection = DigestReflection::parse(reflection)
            .ok_or_else(|| held(format!("`{reflection}` is no digestReflectionPolicy")))?;
        let (image, exclusions, insecure) = self.repository(&spec["imageRepositoryRef"], repositories)?;
        Ok(Rule {
            repository: normalise_repository(&image),
            image,
            insecure,
            exclusions,
            filter,
            order,
            reflection,
        })
    }

    fn at(&self) -> Location {
        self.inventory.location(self.resource)
    }

    fn expand(&self, text: &str) -> Result<String, Reason> {
        let cluster = self.place.cluster.as_deref();
        Ok(self.links.expand_in(self.inventory, self.resource, cluster, text)?.into_owned())
    }

    /// What a policy orders by. Source: image-reflector-controller `internal/policy/factory.go`.
    fn order(&self, policy: &Value) -> Result<Order, String> {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        if let Some(semver) = policy.get("semver").filter(|value| value.is_object()) {
            let range = text(&semver["range"]);
            let range = self.expand(&range).map_err(|reason| reason.to_string())?;
            ImagePolicy::semver(&range).map_err(|error| error.to_string())?;
            return Ok(Order::SemVer(range));
        }
        for (name, read) in [
            ("alphabetical", ImagePolicy::alphabetical as fn(&str) -> _),
            ("numerical", ImagePolicy::numerical),
        ] {
            if let Some(found) = policy.get(name).filter(|value| value.is_object()) {
                let order = self.expand(&text(&found["order"])).map_err(|reason| reason.to_string())?;
                return read(&order).map(Order::Other).map_err(|error| error.to_string());
            }
        }
        Err("there is nothing to elect by: expected `semver`, `alphabetical` or `numerical`".to_owned())
    }

    /// The image, the exclusion list, and whether the registry is one of plain HTTP.
    fn repository(
        &self,
        reference: &Value,
        repositories: &Repositories<'_>,
    ) -> Result<(String, ExclusionList, bool), Reason> {
        let name = reference["name"].as_str().unwrap_or_default();
        let written = reference["namespace"].as_str();
        let namespace = written.or(self.place.namespace.as_deref());
        let mut found: Vec<(&Resource, &Placement, &Effective)> = Vec::new();
        for (resource, place, built) in repositories {
            if resource.name != name || !self.place.sees(namespace, place) {
                continue;
            }
            let built = built.as_ref().map_err(Reason::clone)?;
            if found.iter().all(|(.., other)| other.object["spec"] != built.object["spec"]) {
                found.push((resource, place, built));
            }
        }
        let described =
            format!("ImageRepository {}{name}", namespace.map(|n| format!("{n}/")).unwrap_or_default());
        let (resource, place, built) = match found.as_slice() {
            [] => return Err(Reason::SourceNotFound { source: described }),
            [one] => *one,
            all => {
                let at = |(resource, ..): &(&Resource, _, _)| {
                    format!("{described} at {}", self.inventory.location(resource))
                };
                return Err(Reason::Ambiguous { sources: all.iter().map(at).collect() });
            }
        };
        let spec = &built.object["spec"];
        if written.is_some() && written != self.place.namespace.as_deref() {
            self.access(&spec["accessFrom"], &described)?;
        }
        if spec["suspend"].as_bool() == Some(true) {
            return Err(Reason::Ignored { by: format!("{described} is suspended") });
        }
        let image = spec["image"].as_str().unwrap_or_default();
        let cluster = self.place.cluster.as_deref().or(place.cluster.as_deref());
        let image = self.links.expand_in(self.inventory, resource, cluster, image)?.into_owned();
        let shown = without_login(&image);
        let unfit =
            |detail: &str| Reason::SourceUnsupported { detail: format!("`{shown}` of {described} {detail}") };
        if image.is_empty() {
            return Err(unfit("is no image"));
        }
        if image.split('/').next().is_some_and(|host| host.contains('@')) && image.contains('/') {
            return Err(unfit("has a login before it; a Secret is its place"));
        }
        if image.contains("://") {
            return Err(unfit("begins with a scheme, which an image does not"));
        }
        if image.rsplit('/').next().is_some_and(|last| last.contains([':', '@'])) {
            return Err(unfit("has a tag, and only a name is taken"));
        }
        let exclusions = match spec["exclusionList"].as_array() {
            None => Ok(ExclusionList::default()),
            Some(all) => ExclusionList::parse(&all.iter().filter_map(Value::as_str).collect::<Vec<_>>()),
        };
        let exclusions = exclusions.map_err(|error| unfit(&format!("has a bad exclusionList: {error}")))?;
        Ok((image, exclusions, spec["insecure"].as_bool() == Some(true)))
    }

    /// Whether a policy of another namespace may look at the repository.
    ///
    /// Source: fluxcd/pkg `runtime/acl`: no `accessFrom` lets nobody in, an empty selector everybody.
    fn access(&self, access: &Value, described: &str) -> Result<(), Reason> {
        let own = self.place.namespace.clone().unwrap_or_default();
        let mut labels = self.namespaces.get(&own).filter(|labels| labels.is_object()).cloned();
        let labels = labels.get_or_insert_with(|| Value::Object(serde_json::Map::new()));
        labels["kubernetes.io/metadata.name"] = Value::String(own.clone());
        let selectors = access["namespaceSelectors"].as_array();
        if selectors.into_iter().flatten().any(|selector| fits(selector, labels)) {
            return Ok(());
        }
        let known =
            if self.namespaces.contains_key(&own) { "" } else { ", whose labels are not in these files" };
        Err(Reason::Requires {
            detail: format!("that `accessFrom` of {described} lets the namespace {own} in{known}"),
        })
    }
}
