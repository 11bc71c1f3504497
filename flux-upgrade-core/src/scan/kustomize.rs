//! `kustomization.yaml`: what a folder builds, and the namespace that it sets.

use super::patch::List;
use super::target::Target;
use crate::text::join;
use crate::yaml::Node;

/// What a kustomization file says about where objects go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Kustomize {
    /// `namespace:`, which every object of the build gets.
    pub(crate) namespace: Option<String>,
    /// Files and folders that it builds: `resources` and `bases`.
    pub(crate) members: Vec<String>,
    /// Folders whose patches and namespace go over all that it builds.
    pub(crate) components: Vec<String>,
    /// Files that patch what it builds.
    pub(crate) patches: Vec<PatchFile>,
    /// `namePrefix`.
    pub(crate) prefix: String,
    /// `nameSuffix`.
    pub(crate) suffix: String,
}

/// A file that patches what a kustomization builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PatchFile {
    pub(crate) path: String,
    /// What the kustomization says of its target.
    pub(crate) target: Option<Target>,
    /// The list that names it, and its place there.
    pub(crate) order: (List, usize),
}

/// Whether a file of this name is a kustomization (kustomize `RecognizedKustomizationFileNames`).
pub(crate) fn is_kustomization_file(name: &str) -> bool {
    matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization")
}

impl Kustomize {
    /// Reads the file that stands in `folder`; members outside the repository are left out.
    pub(crate) fn read(folder: &str, root: Node<'_, '_>) -> Self {
        let mut out = Self { namespace: root.text_at(&["namespace"]).map(str::to_owned), ..Self::default() };
        for field in ["resources", "bases"] {
            out.members.extend(paths(folder, root, field));
        }
        out.components = paths(folder, root, "components");
        for (number, item) in items(root, "patchesStrategicMerge").enumerate() {
            let path = item.text().and_then(|path| local(folder, path));
            let order = (List::StrategicMerge, number);
            out.patches.extend(path.map(|path| PatchFile { path, target: None, order }));
        }
        for (field, list) in [("patches", List::Patches), ("patchesJson6902", List::Json6902)] {
            for (number, patch) in items(root, field).enumerate() {
                let path = patch.text_at(&["path"]).and_then(|path| local(folder, path));
                let target = patch.get("target").map(Target::read);
                out.patches.extend(path.map(|path| PatchFile { path, target, order: (list, number) }));
            }
        }
        let text = |field| root.text_at(&[field]).unwrap_or_default().to_owned();
        (out.prefix, out.suffix) = (text("namePrefix"), text("nameSuffix"));
        out
    }
}

/// The elements of a list under a key.
pub(crate) fn items<'d, 't>(
    node: Node<'d, 't>,
    field: &str,
) -> impl Iterator<Item = Node<'d, 't>> + use<'d, 't> {
    let list = node.get(field).and_then(Node::resolved);
    list.into_iter().flat_map(Node::items).filter_map(Node::resolved)
}

fn paths(folder: &str, root: Node<'_, '_>, field: &str) -> Vec<String> {
    items(root, field).filter_map(|item| local(folder, item.text()?)).collect()
}

/// A path inside the repository; remote resources and inline patches are neither.
pub(super) fn local(folder: &str, path: &str) -> Option<String> {
    let remote =
        path.contains("://") || path.contains("?ref=") || path.contains('\n') || path.starts_with("git@");
    if remote || path.starts_with('/') { None } else { join(folder, path) }
}
