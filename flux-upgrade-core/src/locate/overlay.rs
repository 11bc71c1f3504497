//! Which sites a patch sets again.

use std::collections::BTreeMap;

use super::Site;

/// Tells each site of an object which patches set the same field, in the clusters that both are in.
pub(super) fn mark(sites: &mut [Site]) {
    let mut patches: BTreeMap<(String, String, String), Vec<usize>> = BTreeMap::new();
    let key = |site: &Site| (site.owner.kind.clone(), site.owner.name.clone(), site.field.clone());
    for (index, site) in sites.iter().enumerate().filter(|(_, site)| site.is_patch) {
        patches.entry(key(site)).or_default().push(index);
    }
    if patches.is_empty() {
        return;
    }
    for index in 0..sites.len() {
        let site = &sites[index];
        if site.is_patch {
            continue;
        }
        let Some(found) = patches.get(&key(site)) else { continue };
        let shares = |other: &Site| {
            let namespaces = [&site.owner.namespace, &other.owner.namespace];
            let same_namespace =
                namespaces[0] == namespaces[1] || namespaces.iter().any(|name| name.is_none());
            let clusters = [&site.clusters, &other.clusters];
            let same_cluster = clusters.iter().any(|all| all.is_empty())
                || other.clusters.iter().any(|cluster| site.clusters.contains(cluster));
            same_namespace && same_cluster
        };
        let by = found.iter().map(|index| &sites[*index]).filter(|other| shares(other));
        let by = by.map(|other| other.at.clone()).collect();
        sites[index].overridden_by = by;
    }
}
