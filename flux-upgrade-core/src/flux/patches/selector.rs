//! Which objects a patch is for.

use serde_json::Value;

use crate::scan::select;
use crate::version::Pattern;
use crate::yaml::Node;

/// `target` of a patch: patterns for the whole of each part, and selectors of labels and annotations.
///
/// Source: kustomize `api/types/selector.go`.
#[derive(Debug, Default)]
pub(super) struct Target {
    parts: Vec<(Part, Pattern)>,
    labels: String,
    annotations: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Group,
    Version,
    Kind,
    Name,
    Namespace,
}

impl Target {
    /// Reads the mapping; the error says what is wrong.
    pub(super) fn read(node: Node<'_, '_>) -> Result<Self, String> {
        let mut target = Self::default();
        let parts = [
            ("group", Part::Group),
            ("version", Part::Version),
            ("kind", Part::Kind),
            ("name", Part::Name),
            ("namespace", Part::Namespace),
        ];
        for (key, part) in parts {
            if let Some(text) = node.text_at(&[key]) {
                target.add(part, text)?;
            }
        }
        target.labels = node.text_at(&["labelSelector"]).unwrap_or_default().to_owned();
        target.annotations = node.text_at(&["annotationSelector"]).unwrap_or_default().to_owned();
        Ok(target)
    }

    /// The object that a patch without a target names; a namespace that it does not name is any.
    pub(super) fn of_patch(patch: &Value) -> Result<Self, String> {
        let text = |path: &str| patch.pointer(path).and_then(Value::as_str);
        let (Some(api), Some(kind), Some(name)) =
            (text("/apiVersion"), text("/kind"), text("/metadata/name"))
        else {
            return Err("a patch without target needs `apiVersion`, `kind` and `metadata.name`".to_owned());
        };
        let mut target = Self::default();
        let (group, version) = api.split_once('/').unwrap_or(("", api));
        for (part, text) in
            [(Part::Group, group), (Part::Version, version), (Part::Kind, kind), (Part::Name, name)]
        {
            target.add(part, &quoted(text))?;
        }
        if let Some(namespace) = text("/metadata/namespace") {
            target.add(Part::Namespace, &quoted(namespace))?;
        }
        Ok(target)
    }

    fn add(&mut self, part: Part, pattern: &str) -> Result<(), String> {
        let pattern = Pattern::parse(&format!("^(?:{pattern})$")).map_err(|error| error.to_string())?;
        self.parts.push((part, pattern));
        Ok(())
    }

    /// Whether it selects an object.
    pub(super) fn selects(&self, object: &Value) -> bool {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let api = text("/apiVersion");
        let (group, version) = api.split_once('/').unwrap_or(("", api));
        let whole = self.parts.iter().all(|(part, pattern)| {
            pattern.is_match(match part {
                Part::Group => group,
                Part::Version => version,
                Part::Kind => text("/kind"),
                Part::Name => text("/metadata/name"),
                Part::Namespace => text("/metadata/namespace"),
            })
        });
        let value = |place: &str, key: &str| object.pointer(place)?.get(key)?.as_str();
        whole
            && select(&self.labels, |key| value("/metadata/labels", key))
            && select(&self.annotations, |key| value("/metadata/annotations", key))
    }
}

/// A text as a pattern for itself.
fn quoted(text: &str) -> String {
    format!("\\Q{text}\\E")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_of_labels() {
        let object = json!({"metadata": {"labels": {"app": "x", "tier": "back"}}});
        for (text, expected) in [
            ("", true),
            ("app", true),
            ("!app", false),
            ("!other", true),
            ("app=x", true),
            ("app==y", false),
            ("app!=y", true),
            ("other!=y", true),
            ("app in (x, y),tier=back", true),
            ("app notin (x,y)", false),
            ("app in (y),tier", false),
        ] {
            let target = Target { labels: text.to_owned(), ..Target::default() };
            assert_eq!(target.selects(&object), expected, "{text}");
        }
    }
}
