//! Which objects a patch is for.

use serde_json::Value;

use crate::version::Pattern;
use crate::yaml::Node;

/// `target` of a patch: patterns for the whole of each part, and selectors of labels and annotations.
///
/// Source: kustomize `api/types/selector.go`.
#[derive(Debug, Default)]
pub(super) struct Target {
    parts: Vec<(Part, Pattern)>,
    labels: Vec<Requirement>,
    annotations: Vec<Requirement>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Group,
    Version,
    Kind,
    Name,
    Namespace,
}

/// One condition of a label selector.
#[derive(Debug, PartialEq, Eq)]
enum Requirement {
    /// The label is there, or is not.
    There(String, bool),
    /// Its value is one of these, or none of these.
    In(String, Vec<String>, bool),
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
        target.labels = requirements(node.text_at(&["labelSelector"]).unwrap_or_default())?;
        target.annotations = requirements(node.text_at(&["annotationSelector"]).unwrap_or_default())?;
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
        let met = |requirement: &Requirement, place: &str| {
            let value = |key: &str| object.pointer(place)?.get(key)?.as_str();
            match requirement {
                Requirement::There(key, wanted) => value(key).is_some() == *wanted,
                Requirement::In(key, values, true) => {
                    value(key).is_some_and(|value| values.iter().any(|one| one == value))
                }
                Requirement::In(key, values, false) => {
                    !value(key).is_some_and(|value| values.iter().any(|one| one == value))
                }
            }
        };
        whole
            && self.labels.iter().all(|one| met(one, "/metadata/labels"))
            && self.annotations.iter().all(|one| met(one, "/metadata/annotations"))
    }
}

/// A text as a pattern for itself.
fn quoted(text: &str) -> String {
    format!("\\Q{text}\\E")
}

/// Reads a label selector of Kubernetes: `a`, `!a`, `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, with commas.
fn requirements(text: &str) -> Result<Vec<Requirement>, String> {
    let mut depth = 0;
    let parts = text.split(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    });
    let parts = parts.map(str::trim).filter(|part| !part.is_empty());
    parts.map(requirement).collect()
}

fn requirement(text: &str) -> Result<Requirement, String> {
    let one = |key: &str, value: &str, wanted| {
        Requirement::In(key.trim().to_owned(), vec![value.trim().to_owned()], wanted)
    };
    if let Some((key, value)) = text.split_once("!=") {
        return Ok(one(key, value, false));
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Ok(one(key, value, true));
    }
    if let Some(list) = text.strip_suffix(')') {
        let (head, list) = list.split_once('(').ok_or_else(|| format!("`{text}` is no selector"))?;
        let values = list.split(',').map(|value| value.trim().to_owned()).collect();
        let (key, word) = head.trim().rsplit_once(' ').ok_or_else(|| format!("`{text}` is no selector"))?;
        return match word {
            "in" => Ok(Requirement::In(key.trim().to_owned(), values, true)),
            "notin" => Ok(Requirement::In(key.trim().to_owned(), values, false)),
            _ => Err(format!("`{text}` is no selector")),
        };
    }
    Ok(match text.strip_prefix('!') {
        Some(key) => Requirement::There(key.trim().to_owned(), false),
        None => Requirement::There(text.to_owned(), true),
    })
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
            let target = Target { labels: requirements(text).unwrap(), ..Target::default() };
            assert_eq!(target.selects(&object), expected, "{text}");
        }
        assert!(requirements("app within (x)").is_err());
    }
}
