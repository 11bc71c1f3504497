//! Secrets that stand unencrypted in the repository, with the sources that refer to them.
//!
//! Source: `secretRef` and `certSecretRef` of source-controller's and image-reflector-controller's API; Kubernetes' core API
//! for `data` and `stringData`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use memchr::memmem;

use super::{Protocol, RepositorySecret};
use crate::scan::{Effective, Inventory, Kind, Resource};
use crate::text::SourceFile;
use crate::yaml::{Comments, Document, Node, parse, split};

/// The Secrets that sources of the repository refer to, for [`CredentialOptions::secrets`](super::CredentialOptions::secrets).
///
/// Secrets that SOPS has encrypted are none of them. A Secret is the source's where both go to one namespace, or stand in one
/// folder and name none; where several differ, the one in the source's folder counts, else none does.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::host::repository_secrets;
/// use flux_upgrade_core::{RepoPath, SourceFile, scan};
/// let text = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: app, namespace: apps}\n\
///     spec: {url: 'oci://registry.example.com/app', secretRef: {name: login}}\n---\napiVersion: v1\nkind: Secret\n\
///     metadata: {name: login, namespace: apps}\nstringData: {username: robot, password: secret}\n";
/// let files = [SourceFile { path: RepoPath::parse("app.yaml").unwrap(), text: text.to_owned() }];
/// let found = repository_secrets(&scan(&files));
/// assert_eq!((found[0].name.as_str(), found[0].url.as_str()), ("Secret apps/login", "oci://registry.example.com/app"));
/// assert!(!format!("{found:?}").contains("robot"));
/// ```
#[must_use]
pub fn repository_secrets(inventory: &Inventory<'_>) -> Vec<RepositorySecret> {
    let wanted = wanted(inventory);
    if wanted.is_empty() {
        return Vec::new();
    }
    let there: Vec<Written> = inventory.files.iter().flat_map(written).collect();
    let mut out: Vec<RepositorySecret> = Vec::new();
    for source in wanted {
        let mut data = BTreeMap::new();
        let mut names = Vec::new();
        // The certificates of their own reference go over those beside the login.
        for name in &source.names {
            let Some(found) = of(&source, name, &there) else { continue };
            data.extend(found.data.clone());
            names.push(found.shown(source.namespace.as_deref()));
        }
        let secret =
            RepositorySecret { name: names.join(", "), protocol: source.protocol, url: source.url, data };
        let is_known = |known: &RepositorySecret| {
            (known.protocol, &known.url, &known.data) == (secret.protocol, &secret.url, &secret.data)
        };
        if !names.is_empty() && !out.iter().any(is_known) {
            out.push(secret);
        }
    }
    out
}

/// A source that refers to Secrets, in one of the places that it goes to.
struct Wanted<'i> {
    protocol: Protocol,
    url: String,
    folder: &'i str,
    namespace: Option<String>,
    is_written: bool,
    /// Of the login, and of the certificates.
    names: Vec<String>,
}

fn wanted<'i>(inventory: &'i Inventory<'_>) -> Vec<Wanted<'i>> {
    let mut out = Vec::new();
    for resource in inventory.resources().iter().filter(|resource| !resource.is_patch && is_source(resource))
    {
        for placement in &resource.placements {
            let Ok(built) = inventory.effective(resource, placement) else { continue };
            let name = |field| built.text_at(&["spec", field, "name"]);
            let names: Vec<String> = ["secretRef", "certSecretRef"].into_iter().filter_map(name).collect();
            let Some((protocol, url)) = address(resource, &built).filter(|_| !names.is_empty()) else {
                continue;
            };
            out.push(Wanted {
                protocol,
                url,
                folder: inventory.file_of(resource).path.folder(),
                namespace: placement.namespace.clone(),
                is_written: resource.written_namespace.is_some(),
                names,
            });
        }
    }
    out
}

fn is_source(resource: &Resource) -> bool {
    match resource.kind {
        Kind::HelmRepository | Kind::OciRepository | Kind::GitRepository => true,
        _ => is_image_repository(resource),
    }
}

fn is_image_repository(resource: &Resource) -> bool {
    resource.kind_name == "ImageRepository" && resource.api_version.starts_with("image.toolkit.fluxcd.io/")
}

fn address(resource: &Resource, built: &Effective) -> Option<(Protocol, String)> {
    let is_image = is_image_repository(resource);
    let url = built.text_at(&["spec", if is_image { "image" } else { "url" }])?;
    if resource.kind == Kind::GitRepository {
        return Some((Protocol::Git, url));
    }
    if !is_image && !url.starts_with("oci://") {
        return Some((Protocol::Helm, url));
    }
    // Flux talks to it in the clear, so that is how the Secret is meant.
    let is_plain = built.text_at(&["spec", "insecure"]).as_deref() == Some("true");
    let name = url.strip_prefix("oci://").unwrap_or(&url);
    Some((Protocol::Oci, format!("{}://{name}", if is_plain { "http" } else { "oci" })))
}

/// A Secret as it is written.
struct Written<'i> {
    folder: &'i str,
    name: String,
    namespace: Option<String>,
    data: BTreeMap<String, Vec<u8>>,
}

impl Written<'_> {
    fn shown(&self, namespace: Option<&str>) -> String {
        match self.namespace.as_deref().or(namespace) {
            Some(namespace) => format!("Secret {namespace}/{}", self.name),
            None => format!("Secret {}", self.name),
        }
    }

    fn is_of(&self, source: &Wanted<'_>) -> bool {
        match (&self.namespace, &source.namespace) {
            (Some(own), Some(other)) => own == other,
            (Some(_), None) => !source.is_written,
            // A kustomization gives it the namespace that it gives its neighbour.
            (None, _) => self.folder == source.folder,
        }
    }
}

fn of<'w, 'i>(source: &Wanted<'_>, name: &str, there: &'w [Written<'i>]) -> Option<&'w Written<'i>> {
    let mut found: Vec<&Written<'_>> =
        there.iter().filter(|secret| secret.name == name && secret.is_of(source)).collect();
    if found.iter().any(|secret| secret.folder == source.folder) {
        found.retain(|secret| secret.folder == source.folder);
    }
    let first = *found.first()?;
    found.iter().all(|secret| secret.data == first.data).then_some(first)
}

fn written(file: &SourceFile) -> Vec<Written<'_>> {
    let is_yaml = file.path.name().ends_with(".yaml") || file.path.name().ends_with(".yml");
    let has = |text: &str| memmem::find(text.as_bytes(), b"Secret").is_some();
    if !is_yaml || !has(&file.text) {
        return Vec::new();
    }
    let parts = split(&file.text).into_iter().filter(|part| has(part.of(&file.text)));
    let documents = parts.flat_map(|part| match parse(&file.text, part, Comments::Skip) {
        (documents, None) => documents,
        // What cannot be read is told of where objects of Flux stand in it.
        (_, Some(_)) => Vec::new(),
    });
    documents.filter_map(|document| read(file, &document)).collect()
}

fn read<'i>(file: &'i SourceFile, document: &Document<'_>) -> Option<Written<'i>> {
    let root = document.root()?;
    let is_secret = root.text_at(&["apiVersion"]) == Some("v1") && root.text_at(&["kind"]) == Some("Secret");
    if !is_secret || root.get("sops").is_some() || !document.duplicate_keys().is_empty() {
        return None;
    }
    let mut data = BTreeMap::new();
    for (key, value) in texts(root, "data") {
        let packed: String = value.split_whitespace().collect();
        data.insert(key.to_owned(), BASE64_STANDARD.decode(packed).ok()?);
    }
    data.extend(texts(root, "stringData").map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec())));
    Some(Written {
        folder: file.path.folder(),
        name: root.text_at(&["metadata", "name"])?.to_owned(),
        namespace: root.text_at(&["metadata", "namespace"]).map(str::to_owned),
        data,
    })
}

fn texts<'d>(root: Node<'d, '_>, field: &str) -> impl Iterator<Item = (&'d str, &'d str)> {
    let node = root.get(field).and_then(Node::resolved);
    node.into_iter().flat_map(Node::entries).filter_map(|(key, value)| Some((key.text()?, value.text()?)))
}
