//! What a kustomize patch changes: the objects that its `target` selects.

use regex::Regex;

use super::{Inventory, Resource};
use crate::yaml::Node;

/// A `target` of a patch, or what stands in for it: kind and name of the patch itself.
///
/// Source: kustomize `api/types/selector.go` and `kyaml/resid`: every given part must match; `kind`, `name` and
/// `namespace` are patterns that match from end to end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Target {
    pub(crate) kind: Option<String>,
    pub(crate) name: Option<String>,
    namespace: Option<String>,
    labels: Option<String>,
    annotations: Option<String>,
}

impl Target {
    /// Reads the mapping below `target`.
    pub(super) fn read(node: Node<'_, '_>) -> Self {
        let text = |key: &str| node.text_at(&[key]).map(str::to_owned);
        Self {
            kind: text("kind"),
            name: text("name"),
            namespace: text("namespace"),
            labels: text("labelSelector"),
            annotations: text("annotationSelector"),
        }
    }

    /// The object that a patch without `target` names itself.
    pub(super) fn of(patch: &Resource) -> Self {
        Self { kind: Some(patch.kind_name.clone()), name: Some(patch.name.clone()), ..Self::default() }
    }

    /// The name, where it is one name and no pattern.
    pub(super) fn plain_name(&self) -> Option<&str> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        self.name.as_deref().filter(|name| name.bytes().all(plain))
    }

    /// Whether the patch changes an object.
    pub(super) fn selects(&self, inventory: &Inventory<'_>, resource: &Resource) -> bool {
        let fits = |pattern: &Option<String>, text: &str| {
            pattern.as_deref().is_none_or(|pattern| pattern.is_empty() || is_whole_match(pattern, text))
        };
        let namespace = resource.written_namespace.as_deref().unwrap_or("default");
        let known = resource.written_namespace.is_some();
        if !fits(&self.kind, &resource.kind_name)
            || !fits(&self.name, &resource.name)
            || (known && !fits(&self.namespace, namespace))
        {
            return false;
        }
        let Some(node) = inventory.node(resource) else { return false };
        let selected = |selector: &Option<String>, field: &str| {
            selector.as_deref().is_none_or(|selector| select(selector, node.at(&["metadata", field])))
        };
        selected(&self.labels, "labels") && selected(&self.annotations, "annotations")
    }
}

fn is_whole_match(pattern: &str, text: &str) -> bool {
    if pattern == text {
        return true;
    }
    Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(text))
}

/// Whether a Kubernetes label selector fits a mapping of labels or annotations.
///
/// Source: apimachinery `pkg/labels/selector.go`.
fn select(selector: &str, labels: Option<Node<'_, '_>>) -> bool {
    let value = |key: &str| labels.and_then(|labels| labels.text_at(&[key.trim()]));
    terms(selector).into_iter().all(|term| {
        let term = term.trim();
        if let Some((key, set)) = term.split_once(" in ").or_else(|| term.split_once(" in(")) {
            return value(key).is_some_and(|found| in_set(set, found));
        }
        if let Some((key, set)) = term.split_once(" notin ").or_else(|| term.split_once(" notin(")) {
            return value(key).is_none_or(|found| !in_set(set, found));
        }
        if let Some((key, wanted)) = term.split_once("!=") {
            return value(key) != Some(wanted.trim());
        }
        if let Some((key, wanted)) = term.split_once("==").or_else(|| term.split_once('=')) {
            return value(key) == Some(wanted.trim());
        }
        match term.strip_prefix('!') {
            Some(key) => value(key).is_none(),
            None => term.is_empty() || value(term).is_some(),
        }
    })
}

/// The terms of a selector: commas inside parentheses separate values.
fn terms(selector: &str) -> Vec<&str> {
    let (mut depth, mut from, mut out) = (0_i32, 0, Vec::new());
    for (at, c) in selector.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth <= 0 => {
                out.push(&selector[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    out.push(&selector[from..]);
    out
}

fn in_set(set: &str, found: &str) -> bool {
    set.trim_matches(|c: char| c.is_whitespace() || matches!(c, '(' | ')'))
        .split(',')
        .any(|v| v.trim() == found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan;
    use crate::text::{RepoPath, SourceFile};

    const OBJECT: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web-1\n  namespace: apps\n  labels: {app: web, tier: front}\n  \
        annotations: {example.com/pin: \"true\"}\nspec: {containers: [{image: nginx}]}\n";

    fn selects(target: &str) -> bool {
        let text = format!("resources: [pod.yaml]\npatches:\n- target: {target}\n");
        let file = |path: &str, text: &str| SourceFile {
            path: RepoPath::parse(path).unwrap(),
            text: text.to_owned(),
        };
        let files = [file("kustomization.yaml", &text), file("pod.yaml", OBJECT)];
        let inventory = scan(&files);
        let of = |kind: &str| inventory.resources().iter().find(|resource| resource.kind_name == kind);
        let root = inventory.node(of("Kustomization").unwrap()).unwrap();
        let patch = root.get("patches").unwrap().items().next().unwrap();
        Target::read(patch.get("target").unwrap()).selects(&inventory, of("Pod").unwrap())
    }

    #[test]
    fn every_part_that_is_given_must_fit() {
        for target in [
            "{kind: Pod}",
            "{name: web-1}",
            "{kind: Pod, name: web-.*, namespace: apps}",
            "{name: \"web-[0-9]\"}",
            "{name: \"\"}",
        ] {
            assert!(selects(target), "{target}");
        }
        for target in [
            "{kind: Po}",
            "{name: web}",
            "{name: eb-1}",
            "{kind: Pod, namespace: other}",
            "{name: \"web-(\"}",
        ] {
            assert!(!selects(target), "{target}");
        }
    }

    #[test]
    fn selectors_of_labels_and_annotations() {
        for selector in [
            "app=web",
            "app==web",
            "app = web, tier = front",
            "app!=api",
            "team!=x",
            "app",
            "!team",
            "app in (api, web)",
            "app in(web)",
            "app notin (api),tier",
            "team notin (x)",
            "",
        ] {
            assert!(selects(&format!("{{labelSelector: \"{selector}\"}}")), "{selector}");
        }
        for selector in [
            "app=api",
            "app!=web",
            "team",
            "!app",
            "app in (api)",
            "app notin (web)",
            "app=web,team=x",
            "team in (x)",
        ] {
            assert!(!selects(&format!("{{labelSelector: \"{selector}\"}}")), "{selector}");
        }
        assert!(selects("{annotationSelector: \"example.com/pin=true\"}"));
        assert!(!selects("{annotationSelector: \"app=web\"}"));
    }
}
