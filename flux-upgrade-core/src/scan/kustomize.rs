//! `kustomization.yaml`: what a folder builds, and the namespace that it sets.

use crate::text::join;
use crate::yaml::Node;

/// What a kustomization file says about where objects go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Kustomize {
    /// `namespace:`, which every object of the build gets.
    pub(crate) namespace: Option<String>,
    /// Files and folders that it builds: `resources`, `bases`, `components`.
    pub(crate) members: Vec<String>,
    /// Files that patch what it builds.
    pub(crate) patches: Vec<String>,
}

/// Whether a file of this name is a kustomization (kustomize `RecognizedKustomizationFileNames`).
pub(crate) fn is_kustomization_file(name: &str) -> bool {
    matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization")
}

impl Kustomize {
    /// Reads the file that stands in `folder`; members outside the repository are left out.
    pub(crate) fn read(folder: &str, root: Node<'_, '_>) -> Self {
        let mut out = Self { namespace: root.text_at(&["namespace"]).map(str::to_owned), ..Self::default() };
        for field in ["resources", "bases", "components"] {
            out.members.extend(paths(folder, root, field));
        }
        out.patches.extend(paths(folder, root, "patchesStrategicMerge"));
        for patch in root.get("patches").and_then(Node::resolved).into_iter().flat_map(Node::items) {
            out.patches.extend(patch.text_at(&["path"]).and_then(|path| local(folder, path)));
        }
        out
    }
}

fn paths(folder: &str, root: Node<'_, '_>, field: &str) -> Vec<String> {
    let list = root.get(field).and_then(Node::resolved);
    list.into_iter().flat_map(Node::items).filter_map(|item| local(folder, item.text()?)).collect()
}

/// A path inside the repository; remote resources and inline patches are neither.
fn local(folder: &str, path: &str) -> Option<String> {
    let remote =
        path.contains("://") || path.contains("?ref=") || path.contains('\n') || path.starts_with("git@");
    if remote || path.starts_with('/') { None } else { join(folder, path) }
}
