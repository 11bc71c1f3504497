//! ImagePolicies: what each elects changes without a commit to it, as what a range selects does.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::field::{Draft, Text};
use super::link::Links;
use super::unpinned::absent;
use super::{Consumer, Dialects, Here, Part, Site};
use crate::automate::{Field, Marker, Policy, Setter, policies};
use crate::plan::Reason;
use crate::scan::Inventory;
use crate::text::Location;
use crate::version::Version;
use crate::yaml::Node;

/// What a policy elects by, and the field that says how.
///
/// Source: ImagePolicy spec page; `semver` counts before the two orders.
const RULES: &[(&str, &str)] = &[("semver", "range"), ("alphabetical", "order"), ("numerical", "order")];

/// A site for the range, or the order, of each ImagePolicy, by path and position.
///
/// Its marker holds the policy itself, once for each place where it differs.
pub(crate) fn elections(inventory: &Inventory<'_>) -> Vec<Site> {
    let links = Links::new(inventory);
    let dialects = Dialects::new(inventory);
    let mut known: BTreeMap<Location, Vec<Arc<Policy>>> = BTreeMap::new();
    for policy in policies(inventory, &links) {
        known.entry(policy.at.clone()).or_default().push(Arc::new(policy));
    }
    let mut sites = Vec::new();
    for resource in inventory.resources() {
        let Some(policies) = known.get(&inventory.location(resource)) else { continue };
        let Some(node) = inventory.node(resource).filter(|_| resource.kind_name == "ImagePolicy") else {
            continue;
        };
        let here = Here {
            inventory,
            links: &links,
            dialects: &dialects,
            resource,
            node,
            lines: inventory.lines(inventory.held(resource).file),
            user: None,
            input: None,
        };
        let first = sites.len();
        sites.extend(of_policy(&here, policies));
        for site in &mut sites[first..] {
            mark(site, policies);
        }
    }
    sites.sort_by(|a, b| (&a.at, &a.owner, &a.field).cmp(&(&b.at, &b.owner, &b.field)));
    sites
}

fn of_policy(here: &Here<'_, '_>, policies: &[Arc<Policy>]) -> Vec<Site> {
    let is_there =
        |(rule, _): &&(&str, &str)| here.at(&["spec", "policy", rule]).is_some_and(Node::is_mapping);
    let Some((rule, key)) = RULES.iter().find(is_there) else { return Vec::new() };
    let source = policies.iter().find_map(|policy| policy.source());
    let source = source.map(|(source, _)| source).ok_or_else(|| {
        let why = policies.iter().find_map(|policy| policy.error().cloned());
        why.unwrap_or(Reason::SourceNotFound { source: format!("ImageRepository of {}", here.resource.name) })
    });
    let draft = |text: &str| Draft {
        field: format!("spec.policy.{rule}.{key}"),
        part: match *rule {
            "semver" if Version::parse_flux(text).is_ok() => Part::Version,
            _ => Part::Range,
        },
        consumer: Consumer::Image,
        source: source.clone(),
        source_at: None,
        source_url: None,
    };
    match here.at(&["spec", "policy", rule, key]).filter(|node| node.text().is_some()) {
        Some(node) => here.sites(&Text::whole(node), draft),
        None => {
            let stands_for = here.at(&["spec", "imageRepositoryRef", "name"]);
            stands_for.and_then(|node| absent(here, node, draft(""), "", None)).into_iter().collect()
        }
    }
}

/// Ties a site to the policies that hold where it does.
fn mark(site: &mut Site, policies: &[Arc<Policy>]) {
    let is_here = |policy: &&Arc<Policy>| {
        let cluster = policy.cluster();
        site.clusters.is_empty() || cluster.is_none_or(|own| site.clusters.iter().any(|one| one == own))
    };
    let policies: Vec<Arc<Policy>> = policies.iter().filter(is_here).cloned().collect();
    if policies.iter().any(|policy| policy.range().is_some_and(|range| range != site.spot.value)) {
        site.blocked.get_or_insert(Reason::Requires { detail: "a range that no patch changes".to_owned() });
    }
    site.insecure = policies.iter().filter_map(|policy| policy.source()).any(|(_, insecure)| insecure);
    let setter = Setter {
        namespace: site.owner.namespace.clone().unwrap_or_default(),
        policy: site.owner.name.clone(),
        field: Field::Tag,
    };
    let automations = Vec::new();
    site.marker = Some(Box::new(Marker { setter, policies, automations, stored: None, object: None }));
}
