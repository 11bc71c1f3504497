//! Files of Flux's own manifests: one site for the file, whose version moves by rendering it again.

use std::collections::BTreeSet;

use super::terraform::Terraform;
use super::{Consumer, Frame, Owner, Part, Site, SourceKey, Spot, Style};
use crate::flux::{is_flux_manifest, is_rendered, recover};
use crate::plan::Reason;
use crate::scan::{Inventory, Resource};
use crate::text::Span;
use crate::version::Dialect;

/// A site for each file that holds Flux's controllers; every other site in it belongs to the release.
pub(super) fn manifests(inventory: &Inventory<'_>, terraform: &Terraform<'_, '_>, sites: &mut Vec<Site>) {
    let mut of_flux = BTreeSet::new();
    let first = sites.len();
    for (index, file) in inventory.files.iter().enumerate().filter(|(_, file)| is_flux_manifest(file)) {
        let Ok(recovered) = recover(&file.text) else { continue };
        let Some(version) = recovered.version().map(str::to_owned) else { continue };
        of_flux.insert(&file.path);
        // The header where it says the same, else the label that most objects have.
        let start = file.text.find(&version).unwrap_or_default();
        let at = inventory.lines(index).locate(&file.path, Span::new(start, start + version.len()));
        let spot = Spot {
            at: at.clone(),
            raw: version.clone(),
            value: version.clone(),
            style: Style::Plain,
            frame: Frame::default(),
        };
        let blocked = (!is_rendered(&version)).then(|| Reason::SourceUnsupported {
            detail: format!("Flux {version} is older than what can be rendered, which is v2.2.3 and later"),
        });
        let blocked = blocked.or_else(|| terraform.writes(&file.path, &recovered));
        let owner = Owner { kind: "Flux".to_owned(), namespace: None, name: recovered.options.namespace };
        sites.push(Site {
            blocked,
            clusters: clusters(inventory, file.path.folder()),
            dialect: Dialect::for_flux(&version).ok(),
            ..Site::alone(
                at,
                owner,
                ("version", Part::Version),
                spot,
                (Consumer::FluxManifests, Ok(SourceKey::Flux)),
            )
        });
    }
    for site in sites[..first].iter_mut().filter(|site| of_flux.contains(&site.at.path)) {
        site.blocked = Some(Reason::Generated);
    }
}

/// The clusters that apply what stands beside the file: bootstrap writes the Kustomization that applies itself there.
fn clusters(inventory: &Inventory<'_>, folder: &str) -> Vec<String> {
    let beside = |resource: &&Resource| inventory.file_of(resource).path.folder() == folder;
    let placements = inventory.resources().iter().filter(beside).flat_map(|resource| &resource.placements);
    let clusters: BTreeSet<&String> = placements.filter_map(|placement| placement.cluster.as_ref()).collect();
    clusters.into_iter().cloned().collect()
}
