//! A release of Flux: the real one where it is at hand, else one of the same size and shape.

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use flux_upgrade_core::flux::Component;

/// Lines of the definitions of one component; seven of them make a file as long as Flux's.
const FIELDS: usize = 1500;

/// `manifests.tar.gz` of a version.
///
/// # Panics
///
/// When an archive cannot be written in memory, which does not happen.
#[must_use]
pub fn archive(version: &str) -> Vec<u8> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/flux-releases");
    std::fs::read(shared.join(version).join("manifests.tar.gz")).unwrap_or_else(|_| made_up(version))
}

fn made_up(version: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |name: String, text: String| {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        let added = header.set_path(name).and_then(|()| {
            header.set_cksum();
            tar.append(&header, text.as_bytes())
        });
        added.expect("this holds because it is in memory");
    };
    for component in Component::ALL {
        add(format!("{component}.yaml"), self::component(component, version));
    }
    for (name, kind) in [("rbac.yaml", "ClusterRole"), ("policies.yaml", "NetworkPolicy")] {
        add(name.to_owned(), format!("apiVersion: v1\nkind: {kind}\nmetadata:\n  name: {kind}\n"));
    }
    let bytes = tar.into_inner().expect("this holds because it is in memory");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&bytes).and_then(|()| gzip.finish()).expect("this holds because it is in memory")
}

fn component(component: Component, version: &str) -> String {
    let fields: String = (0..FIELDS)
        .map(|number| {
            format!("            field{number}:\n              description: what field {number} is for\n")
        })
        .collect();
    format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: things.{component}.toolkit.fluxcd.io\n\
         spec:\n  versions:\n  - name: v1\n    schema:\n      openAPIV3Schema:\n          properties:\n{fields}---\n\
         apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {component}\nspec:\n  replicas: 1\n  template:\n    metadata:\n      \
         labels:\n        app: {component}\n    spec:\n      containers:\n      - args:\n        - --a\n        - --b\n        - --c\n        \
         image: fluxcd/{component}:{version}\n        name: manager\n"
    )
}
