//! One document to the objects in it, and what is said of the document as a whole.

use super::kind::{Known, lookup};
use super::{Encryption, Kind, Resource};
use crate::yaml::Node;

/// Objects found in one document.
#[derive(Default)]
pub(super) struct Objects {
    pub(super) resources: Vec<Resource>,
    /// Unknown API versions: where, what, and what is known.
    pub(super) unknown: Vec<(usize, String, String)>,
}

impl Objects {
    /// The object at `node`, or the items of a list; `document` is the number of its document.
    pub(super) fn of(node: Node<'_, '_>, document: usize) -> Self {
        let mut found = Self::default();
        let is_list = node.text_at(&["kind"]).is_some_and(|kind| kind.ends_with("List"));
        match node.get("items").and_then(Node::resolved) {
            Some(items) if is_list => {
                for item in items.items().filter(|item| item.is_mapping()) {
                    found.add(item, document);
                }
            }
            _ => found.add(node, document),
        }
        found
    }

    fn add(&mut self, node: Node<'_, '_>, document: usize) {
        let (Some(api_version), Some(kind_name)) = (node.text_at(&["apiVersion"]), node.text_at(&["kind"]))
        else {
            return;
        };
        let kind = match lookup(api_version, kind_name) {
            Known::Yes(kind) => kind,
            Known::OtherVersion(kind, known) => {
                let at = node.get("apiVersion").map_or(0, |node| node.span().start);
                let message = format!("`{api_version}` is no version of {} that is known", kind.name());
                self.unknown.push((at, message, format!("known versions: {}", known.join(", "))));
                return;
            }
            // Schemas and secrets name no image; a kustomization is read as the file that it is.
            Known::No if matches!(kind_name, "CustomResourceDefinition" | "Secret") => return,
            Known::No if api_version.starts_with("kustomize.config.k8s.io/") => return,
            Known::No => Kind::Object,
        };
        let Some(name) = node.text_at(&["metadata", "name"]).or(match kind {
            Kind::Object => node.text_at(&["metadata", "generateName"]).or(Some("")),
            _ => None,
        }) else {
            return;
        };
        self.resources.push(Resource {
            api_version: api_version.to_owned(),
            kind_name: kind_name.to_owned(),
            suspended: node.text_at(&["spec", "suspend"]) == Some("true"),
            ..Resource::at(kind, name, node.text_at(&["metadata", "namespace"]), document, node)
        });
    }
}

impl Resource {
    /// An object that nothing else is known of.
    pub(super) fn at(
        kind: Kind,
        name: &str,
        namespace: Option<&str>,
        document: usize,
        node: Node<'_, '_>,
    ) -> Self {
        Self {
            kind,
            kind_name: kind.name().to_owned(),
            api_version: String::new(),
            name: name.to_owned(),
            written_namespace: namespace.map(str::to_owned),
            placements: Vec::new(),
            suspended: false,
            is_patch: false,
            within: None,
            is_test: false,
            also: Vec::new(),
            fragment: Vec::new(),
            applied_by: Vec::new(),
            document,
            node: node.number(),
        }
    }
}

/// Source: SOPS, "MAC only encrypted"; the checksum of a file otherwise covers its plaintext values.
pub(crate) fn encryption(root: Node<'_, '_>) -> Encryption {
    match root.get("sops").and_then(Node::resolved) {
        Some(sops) if sops.get("mac").is_some() => match sops.text_at(&["mac_only_encrypted"]) {
            Some("true") => Encryption::OnlyEncrypted,
            _ => Encryption::Whole,
        },
        _ => Encryption::None,
    }
}
