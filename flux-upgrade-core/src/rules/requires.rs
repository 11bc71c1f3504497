//! `requires`: facts that have to hold before a site moves.

use super::RulesError;
use super::file::File;
use crate::version::Version;
use crate::yaml::Node;

pub(super) const KEYS: &[&str] = &["signature", "kubeVersion", "unchangedTag"];

/// Facts that gate a move.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Requires {
    /// The object verifies what it fetches, or the registry has a signature beside it.
    pub(crate) signature: bool,
    /// The Kubernetes of the cluster, which a chart's `kubeVersion` has to admit.
    pub(crate) kube_version: Option<KubeVersion>,
    /// The registry's current tag still has the digest that the file has.
    pub(crate) unchanged_tag: bool,
}

/// A version of Kubernetes as it is written, and as it is compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KubeVersion {
    pub(crate) text: String,
    pub(crate) version: Version,
}

impl Requires {
    pub(super) fn read(file: &File<'_>, node: Node<'_, '_>) -> Result<Self, RulesError> {
        let mut out = Self::default();
        for (key, value) in file.entries(node, KEYS)? {
            match key {
                "signature" => out.signature = file.truth(value)?,
                "unchangedTag" => out.unchanged_tag = file.truth(value)?,
                _ => {
                    let text = file.text(value)?;
                    let version = Version::parse(text).map_err(|error| {
                        let help = "write the version of the cluster's Kubernetes, such as `1.31.4`";
                        file.value(value, error.to_string(), Some(help.to_owned()))
                    })?;
                    out.kube_version = Some(KubeVersion { text: text.to_owned(), version });
                }
            }
        }
        Ok(out)
    }

    /// As a value of a rules file.
    pub(super) fn show(&self) -> String {
        let kube = self.kube_version.as_ref().map(|kube| format!("kubeVersion: \"{}\"", kube.text));
        let signature = self.signature.then(|| "signature: true".to_owned());
        let unchanged = self.unchanged_tag.then(|| "unchangedTag: true".to_owned());
        let parts: Vec<String> = [signature, kube, unchanged].into_iter().flatten().collect();
        format!("{{{}}}", parts.join(", "))
    }
}
