//! What is done to one object: each step is carried out twice, on the text and on the meaning.

use crate::text::Span;

/// One step of a migration. Nodes are given by their numbers in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Op {
    /// Another version in `apiVersion`, or in `version` of a reference by group, version and kind.
    Version { key: &'static str, to: String },
    /// A key that the new version lacks and that had no effect.
    Remove { key: &'static str },
    /// `valuesFile` becomes the last of `valuesFiles`.
    ValuesFile,
    /// `patchesStrategicMerge` and `patchesJson6902` become `patches`.
    Patches,
    /// `checkout`, `commit` and `push` of the first ImageUpdateAutomation move under `git`.
    Automation,
    /// Fields of the commit message's template get their new names.
    Template { words: Vec<(Span, &'static str)> },
}

/// A mapping and what is done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    /// The number of the mapping, or of the scalar that holds a template.
    pub(super) node: u32,
    pub(super) op: Op,
    /// The field in words, for people: `spec.chart.spec.valuesFile`.
    pub(super) field: String,
}

impl Op {
    /// Whether it takes more than a word in place of another.
    pub(super) fn rebuilds(&self) -> bool {
        !matches!(self, Self::Version { .. } | Self::Template { .. })
    }

    /// What happens to the field, for people.
    pub(super) fn words(&self, field: &str) -> String {
        match self {
            Self::Version { to, .. } => format!("{field} → {to}"),
            Self::Remove { .. } => format!("{field} removed"),
            Self::ValuesFile => format!("{field} → valuesFiles"),
            Self::Patches => format!("{field} → patches"),
            Self::Automation => format!("{field} → spec.sourceRef, spec.git"),
            Self::Template { words } => {
                let names: std::collections::BTreeSet<&str> = words.iter().map(|(_, new)| *new).collect();
                format!("{field} → {}", names.into_iter().collect::<Vec<_>>().join(", "))
            }
        }
    }
}
