//! What a kustomize patch changes: the objects that its `target` selects.

use super::{Inventory, Resource};
use crate::version::Pattern;
use crate::yaml::Node;

/// A `target` of a patch, or what stands in for it: what the patch itself says that it is.
///
/// Source: kustomize `api/types/selector.go` and `kyaml/resid`: every given part must match; all but the selectors are
/// patterns that match from end to end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Target {
    group: Part,
    version: Part,
    kind: Part,
    name: Part,
    namespace: Part,
    labels: Option<String>,
    annotations: Option<String>,
}

/// A pattern for the whole of a text, read once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Part {
    /// Any text.
    #[default]
    Any,
    /// This text.
    Text(String),
    /// Texts that a pattern matches; none where it cannot be read.
    Pattern(Option<Box<Pattern>>),
}

impl Part {
    fn text(text: Option<&str>) -> Self {
        text.map_or(Self::Any, |text| Self::Text(text.to_owned()))
    }

    fn pattern(text: Option<&str>) -> Self {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'/');
        match text {
            None | Some("") => Self::Any,
            Some(text) if text.bytes().all(plain) => Self::Text(text.to_owned()),
            Some(text) => Self::Pattern(Pattern::parse(&format!("^(?:{text})$")).ok().map(Box::new)),
        }
    }

    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Text(only) => only == text,
            Self::Pattern(pattern) => pattern.as_ref().is_some_and(|pattern| pattern.is_match(text)),
        }
    }

    fn only(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

impl Target {
    /// Reads the mapping below `target`.
    pub(super) fn read(node: Node<'_, '_>) -> Self {
        let pattern = |key: &str| Part::pattern(node.text_at(&[key]));
        Self {
            group: pattern("group"),
            version: pattern("version"),
            kind: pattern("kind"),
            name: pattern("name"),
            namespace: pattern("namespace"),
            labels: node.text_at(&["labelSelector"]).map(str::to_owned),
            annotations: node.text_at(&["annotationSelector"]).map(str::to_owned),
        }
    }

    /// The object that a patch without `target` names itself; of a namespace that it does not name, any.
    pub(super) fn of(patch: Node<'_, '_>) -> Option<Self> {
        let group = patch.text_at(&["apiVersion"]).map(|version| group_of(version).0);
        Some(Self {
            group: Part::text(group),
            kind: Part::text(Some(patch.text_at(&["kind"])?)),
            name: Part::text(Some(patch.text_at(&["metadata", "name"])?)),
            namespace: Part::text(patch.text_at(&["metadata", "namespace"])),
            ..Self::default()
        })
    }

    /// The kind, where it is one kind and no pattern.
    pub(super) fn plain_kind(&self) -> Option<&str> {
        self.kind.only()
    }

    /// The name, where it is one name and no pattern.
    pub(super) fn plain_name(&self) -> Option<&str> {
        self.name.only()
    }

    /// Whether the patch changes an object, whose namespace was set by a kustomization on the way, or not.
    pub(super) fn selects(&self, inventory: &Inventory<'_>, resource: &Resource, set: Option<&str>) -> bool {
        // Kustomize looks at the namespace that is written, and at the one that was set.
        let namespaces = [resource.written_namespace.as_deref(), set];
        let namespace = namespaces.iter().flatten().any(|namespace| self.namespace.fits(namespace));
        let (group, version) = group_of(&resource.api_version);
        let fits = self.kind.fits(&resource.kind_name)
            && self.name.fits(&resource.name)
            && self.group.fits(group)
            && self.version.fits(version)
            && (namespace || namespaces == [None, None]);
        if !fits {
            return false;
        }
        let Some(node) = inventory.node(resource) else { return false };
        let selected = |selector: &Option<String>, field: &str| {
            let labels = node.at(&["metadata", field]);
            let value = |key: &str| labels.and_then(|labels| labels.text_at(&[key]));
            selector.as_deref().is_none_or(|selector| select(selector, value))
        };
        selected(&self.labels, "labels") && selected(&self.annotations, "annotations")
    }
}

/// Group and version of an `apiVersion`.
fn group_of(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// Whether a Kubernetes label selector fits labels or annotations, given the value of each.
///
/// Source: apimachinery `pkg/labels/selector.go`.
pub(crate) fn select<'v>(selector: &str, value: impl Fn(&str) -> Option<&'v str>) -> bool {
    let value = |key: &str| value(key.trim());
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
        Target::read(patch.get("target").unwrap()).selects(&inventory, of("Pod").unwrap(), None)
    }

    #[test]
    fn every_part_that_is_given_must_fit() {
        for target in [
            "{kind: Pod}",
            "{name: web-1}",
            "{kind: Pod, name: web-.*, namespace: apps}",
            "{name: \"web-[0-9]\"}",
            "{name: \"\"}",
            "{version: v1, kind: \"P.*|Job\"}",
            "{group: \"\", namespace: \"ap+s\"}",
        ] {
            assert!(selects(target), "{target}");
        }
        for target in [
            "{kind: Po}",
            "{name: web}",
            "{name: eb-1}",
            "{kind: Pod, namespace: other}",
            "{name: \"web-(\"}",
            "{kind: \"P|Pods\"}",
            "{group: apps}",
            "{version: v2}",
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
