//! Files of Flux's own manifests: one site for the file, whose version moves by rendering it again.

use std::collections::BTreeSet;

use super::{Consumer, Frame, Owner, Part, Site, SourceKey, Spot, Style};
use crate::flux::{is_flux_manifest, is_rendered, recover};
use crate::plan::Reason;
use crate::scan::Inventory;
use crate::text::Span;
use crate::version::Dialect;

/// A site for each file that holds Flux's controllers; every other site in it belongs to the release.
pub(super) fn manifests(inventory: &Inventory<'_>, sites: &mut Vec<Site>) {
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
        sites.push(Site {
            insecure: false,
            id: format!("{}:{}:{}", file.path, at.line, at.column),
            at,
            owner: Owner { kind: "Flux".to_owned(), namespace: None, name: recovered.options.namespace },
            field: "version".to_owned(),
            part: Part::Version,
            spot,
            digest: None,
            branch: None,
            consumer: Consumer::FluxManifests,
            source: Ok(SourceKey::Flux),
            source_url: None,
            namespaces: Vec::new(),
            source_at: None,
            blocked,
            ignore: None,
            clusters: Vec::new(),
            suspended: false,
            dialect: Dialect::for_flux(&version).ok(),
            findings: Vec::new(),
            insertion: None,
            variable: None,
            also_from: Vec::new(),
            overridden_by: Vec::new(),
            is_patch: false,
            marker: None,
        });
    }
    for site in sites[..first].iter_mut().filter(|site| of_flux.contains(&site.at.path)) {
        site.blocked = Some(Reason::Generated);
    }
}
