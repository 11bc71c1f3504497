//! A digest beside a marked tag that no marker moves.

use std::collections::{BTreeMap, BTreeSet};

use super::Field;
use super::marker::Read;
use crate::locate::Site;
use crate::plan::Reason;

/// Holds marked tags whose neighbour is a digest without a marker: the digest counts before the tag, so that a new tag would
/// change nothing that runs, and say another thing.
///
/// Source: ours; Flux moves the tag alone. `ref.digest` outranks `ref.tag` in OCIRepository, as `digest` does `newTag` in kustomize.
pub(super) fn hold(read: &Read<'_>, sites: &mut [Site]) {
    let marked: BTreeSet<(usize, u32)> = read.marked.iter().map(|one| (one.document, one.node)).collect();
    let mut parents = BTreeMap::new();
    for (one, site) in read.marked.iter().zip(sites) {
        let is_tag = site.marker.as_ref().is_some_and(|marker| marker.setter.field == Field::Tag);
        if !is_tag || site.blocked.is_some() {
            continue;
        }
        let document = &read.documents[one.document];
        let parents = parents.entry(one.document).or_insert_with(|| document.parents());
        let Some((mapping, _)) = &parents[one.node as usize] else { continue };
        let Some(digest) = mapping.get("digest") else { continue };
        let is_digest =
            digest.text().is_some_and(|text| text.starts_with("sha256:") || text.starts_with("sha512:"));
        if is_digest && !marked.contains(&(one.document, digest.number())) {
            let detail = "a marker at the digest beside it, which counts before the tag".to_owned();
            site.blocked = Some(Reason::Requires { detail });
        }
    }
}
