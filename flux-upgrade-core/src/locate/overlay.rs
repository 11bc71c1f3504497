//! Which sites a patch sets again, and which a patch compares with.

use std::collections::BTreeMap;

use super::{Part, Site};
use crate::plan::Reason;
use crate::scan::{Inventory, Resource};
use crate::version::Range;

/// Tells each site of an object which patches set the same field, in the clusters that both are in.
pub(super) fn mark(sites: &mut [Site]) {
    let mut patches: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for (index, site) in sites.iter().enumerate().filter(|(_, site)| site.is_patch && !site.is_test) {
        keys(site).for_each(|key| patches.entry(key).or_default().push(index));
    }
    if patches.is_empty() {
        return;
    }
    for index in 0..sites.len() {
        let site = &sites[index];
        if site.is_patch {
            continue;
        }
        let Some(found) = keys(site).next().and_then(|key| patches.get(&key)) else { continue };
        let by = found.iter().map(|index| &sites[*index]);
        let by = by.filter(|other| shares(site, other) && rank(other) >= rank(site));
        let (mut at, mut clusters) = (Vec::new(), Vec::new());
        for other in by {
            at.push(other.at.clone());
            clusters.extend(other.clusters.iter().filter(|one| site.clusters.contains(one)).cloned());
        }
        clusters.sort();
        clusters.dedup();
        sites[index].overridden_by = at;
        sites[index].overridden_in = clusters;
    }
}

/// Holds what is no range among the sites of an object, where patches set the field again wherever the object is applied.
pub(super) fn hold_placeholders(inventory: &Inventory<'_>, resource: &Resource, sites: &mut [Site]) {
    let is_open = |site: &&mut Site| site.part == Part::Range && site.blocked.is_none() && !site.is_patch;
    for site in sites.iter_mut().filter(is_open) {
        let path: Vec<&str> = site.field.split('.').collect();
        let is_range = site.spot.value.is_empty() || Range::parse(&site.spot.value).is_ok();
        if !is_range && inventory.is_set_again(resource, &path) {
            site.blocked = Some(Reason::Overridden);
        }
    }
}

/// Kind, name and field.
type Key = (String, String, String);

/// What a site sets: one field of one object, or by a patch of several.
fn keys(site: &Site) -> impl Iterator<Item = Key> {
    let one = site.also_owned.is_empty().then_some(&site.owner.name);
    let names = one.into_iter().chain(&site.also_owned);
    let field = if rank(site) > 0 { "spec.ref" } else { site.field.as_str() };
    names.map(move |name| (site.owner.kind.clone(), name.clone(), field.to_owned()))
}

/// Which of the fields of a reference counts before the others; 0 for any other field.
///
/// Source: the spec pages of OCIRepository and, for what runs, fluxcd/pkg `git/gogit/clone.go`.
fn rank(site: &Site) -> usize {
    let order: &[&str] = match site.owner.kind.as_str() {
        "OCIRepository" => &["tag", "semver", "digest"],
        "GitRepository" => &["semver", "tag", "name", "commit"],
        _ => &[],
    };
    let field = site.field.strip_prefix("spec.ref.");
    field.and_then(|field| order.iter().position(|known| *known == field)).map_or(0, |at| at + 1)
}

/// Whether two sites of objects of one name may be of one object.
fn shares(site: &Site, other: &Site) -> bool {
    let namespaces = [&site.owner.namespace, &other.owner.namespace];
    let same_namespace = namespaces[0] == namespaces[1] || namespaces.iter().any(|name| name.is_none());
    let clusters = [&site.clusters, &other.clusters];
    let same_cluster = clusters.iter().any(|all| all.is_empty())
        || other.clusters.iter().any(|cluster| site.clusters.contains(cluster));
    same_namespace && same_cluster
}

/// Ties what a `test` of a JSON patch compares with to the field that has the same value: both move together, or the
/// patch would fail. One that belongs to no field, or to several, is held with them.
pub(super) fn tie_tests(sites: &mut Vec<Site>) {
    if !sites.iter().any(|site| site.is_test) {
        return;
    }
    let mut fields: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for (index, site) in sites.iter().enumerate().filter(|(_, site)| !site.is_test) {
        keys(site).for_each(|key| fields.entry(key).or_default().push(index));
    }
    let mut tied = Vec::new();
    for index in 0..sites.len() {
        if !sites[index].is_test {
            continue;
        }
        let test = &sites[index];
        let same = |other: &&usize| {
            let other = &sites[**other];
            other.field == test.field && other.spot.value == test.spot.value && shares(test, other)
        };
        let fields = keys(test).filter_map(|key| fields.get(&key)).flatten();
        let mut partners: Vec<usize> = fields.filter(same).copied().collect();
        partners.sort_unstable();
        partners.dedup();
        let at = test.at.clone();
        let (spot, blocked) = (test.spot.clone(), test.blocked.clone());
        if let [only] = partners[..] {
            sites[only].blocked = sites[only].blocked.take().or(blocked);
            sites[only].repeats.push(spot);
            tied.push(index);
            continue;
        }
        for partner in partners {
            let detail = format!("the `test` at {at} to move with this and other fields");
            sites[partner].blocked.get_or_insert(Reason::Requires { detail });
        }
        let detail = "one field with this value that moves with it".to_owned();
        sites[index].blocked.get_or_insert(Reason::Requires { detail });
    }
    let mut index = 0;
    sites.retain(|_| {
        index += 1;
        tied.binary_search(&(index - 1)).is_err()
    });
}
