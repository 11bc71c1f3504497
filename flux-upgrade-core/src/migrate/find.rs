//! What an object needs: its version, and the fields that the new version lacks.

use super::apis::{Goal, age, of_kind};
use super::op::{Op, Task};
use super::problem::Problem;
use crate::text::Span;
use crate::version::FluxMinor;
use crate::yaml::Node;

/// A key that a version lacks, and that had no effect in the versions before it.
///
/// Source: the CRDs of Flux 0.41 to 2.9, compared field by field; `api/v1` of fluxcd/source-controller and fluxcd/kustomize-controller.
const REMOVED: &[(&str, &str, &str)] = &[
    ("GitRepository", "gitImplementation", "v1"),
    ("GitRepository", "accessFrom", "v1"),
    ("Bucket", "accessFrom", "v1"),
    ("HelmChart", "accessFrom", "v1"),
    ("Kustomization", "validation", "v1"),
];

/// The minor from which `.Updated` and `.Changed.ImageResult` stall an ImageUpdateAutomation.
///
/// Source: fluxcd/image-automation-controller 1.0.0, changelog.
pub(super) const TEMPLATE_FIELDS_GONE: FluxMinor = FluxMinor::new(2, 7);

/// What `apiVersion` and `kind` of a mapping say about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'d> {
    pub(super) group: &'d str,
    pub(super) version: &'d str,
    pub(super) kind: &'d str,
}

/// The kind of Flux that a mapping names; `None` for everything else.
pub(super) fn named<'d>(node: Node<'d, '_>) -> Option<Named<'d>> {
    let (group, version) = node.get("apiVersion")?.text()?.split_once('/')?;
    let kind = node.get("kind")?.text()?;
    of_kind(group, kind).next().is_some().then_some(Named { group, version, kind })
}

/// What is done to an object, and why some of it cannot be done.
#[derive(Debug, Default)]
pub(super) struct Needs {
    pub(super) tasks: Vec<Task>,
    pub(super) problems: Vec<Problem>,
    /// Nothing else of the object may change because of these.
    pub(super) obstacles: Vec<Problem>,
}

/// The own entry of a mapping, aliases and merged keys left out.
pub(super) fn entry<'d, 't>(node: Node<'d, 't>, key: &str) -> Option<(Node<'d, 't>, Node<'d, 't>)> {
    node.entries().filter(|(name, _)| !name.is_alias() && name.text() == Some(key)).last()
}

/// What the object at `node` needs to be what `goal` wants.
pub(super) fn needs(node: Node<'_, '_>, named: Named<'_>, goal: &Goal) -> Needs {
    let mut out = Needs::default();
    let Named { group, version, kind } = named;
    let at = node.get("apiVersion").map_or(node.span(), Node::span);
    let api = |version: &str| format!("{group}/{version}");
    let (Some(have), true) = (age(version), of_kind(group, kind).any(|api| api.version == version)) else {
        let known: Vec<&str> = of_kind(group, kind).map(|api| api.version).collect();
        out.problems.push(Problem::unknown_version(at, &api(version), kind, &known));
        return out;
    };
    let is_served = |minor: FluxMinor| of_kind(group, kind).any(|api| api.is_served(minor));
    let Some(wanted) = goal.version(group, kind) else {
        if let Some(from) = goal.from().filter(|from| is_served(*from) && is_served(goal.to())) {
            out.problems.push(Problem::no_overlap(at, &api(version), kind, from, goal.to()));
            return out;
        }
        let first = of_kind(group, kind).map(|api| api.first).min();
        out.problems.push(Problem::not_served(at, &api(version), kind, goal.to(), first));
        return out;
    };
    let leaves = goal.leaves(group, kind, version);
    let wanted = if leaves { version } else { wanted };
    let wanted_age = age(wanted).unwrap_or(have);
    if have > wanted_age {
        let found = of_kind(group, kind).find(|api| api.version == version);
        if let Some(found) = found.filter(|found| !found.is_served(goal.to())) {
            out.problems.push(Problem::not_served(at, &api(version), kind, goal.to(), Some(found.first)));
        }
    } else if have < wanted_age {
        let to = Op::Version { key: "apiVersion", to: api(wanted) };
        out.tasks.push(Task { node: node.number(), op: to, field: "apiVersion".to_owned() });
    }
    let last = have.max(wanted_age);
    let at_least = |version: &str| !leaves && age(version).is_some_and(|age| last >= age);
    if let Some(spec) = node.get("spec").and_then(Node::resolved).filter(|spec| spec.is_mapping()) {
        let mut fields = Fields { out: &mut out, is_whole: is_whole(kind, spec) };
        for (_, key, _) in REMOVED.iter().filter(|(of, _, since)| *of == kind && at_least(since)) {
            fields.simple(spec, key, Op::Remove { key }, "spec");
        }
        match kind {
            "HelmChart" if at_least("v1") => fields.list(spec, &["valuesFile"], Op::ValuesFile, "spec"),
            "HelmRelease" if at_least("v2") => {
                if let Some(chart) = spec.at(&["chart", "spec"]).and_then(Node::resolved) {
                    fields.list(chart, &["valuesFile"], Op::ValuesFile, "spec.chart.spec");
                }
                let renderers = spec.get("postRenderers").and_then(Node::resolved);
                for (number, one) in renderers.into_iter().flat_map(Node::items).enumerate() {
                    if let Some(kustomize) = one.get("kustomize").and_then(Node::resolved) {
                        let place = format!("spec.postRenderers[{number}].kustomize");
                        fields.list(kustomize, PATCH_LISTS, Op::Patches, &place);
                    }
                }
            }
            "Kustomization" if at_least("v1") => fields.list(spec, PATCH_LISTS, Op::Patches, "spec"),
            "ImageUpdateAutomation" => {
                if at_least("v1alpha2") {
                    fields.list(spec, &["checkout", "commit", "push"], Op::Automation, "spec");
                }
                if goal.to() >= TEMPLATE_FIELDS_GONE {
                    for path in [&["git", "commit", "messageTemplate"][..], &["commit", "messageTemplate"]] {
                        if let Some(text) = spec.at(path) {
                            template(text, &format!("spec.{}", path.join(".")), &mut out);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    out
}

pub(super) const PATCH_LISTS: &[&str] = &["patchesStrategicMerge", "patchesJson6902"];

/// Whether an object is more than a patch of one: it has what its kind cannot do without.
fn is_whole(kind: &str, spec: Node<'_, '_>) -> bool {
    let has = |keys: &[&str]| keys.iter().any(|key| spec.get(key).is_some());
    match kind {
        "HelmRelease" => has(&["chart", "chartRef"]) && has(&["interval"]),
        "HelmChart" => has(&["chart"]) && has(&["sourceRef"]),
        "Kustomization" => has(&["sourceRef"]),
        _ => has(&["interval"]),
    }
}

struct Fields<'o> {
    out: &'o mut Needs,
    is_whole: bool,
}

impl Fields<'_> {
    /// A key that goes by itself.
    fn simple(&mut self, mapping: Node<'_, '_>, key: &str, op: Op, place: &str) {
        let field = format!("{place}.{key}");
        match (entry(mapping, key), mapping.get(key)) {
            (Some(_), _) => self.out.tasks.push(Task { node: mapping.number(), op, field }),
            (None, Some(merged)) => self.out.obstacles.push(Problem::aliased(merged.span(), &field)),
            (None, None) => {}
        }
    }

    /// Keys that move into a list, which in a patch would take the place of the whole list.
    fn list(&mut self, mapping: Node<'_, '_>, keys: &[&str], op: Op, place: &str) {
        let found: Vec<_> = keys.iter().filter_map(|key| Some((*key, mapping.get(key)?))).collect();
        let Some((first, value)) = found.first() else { return };
        let names: Vec<&str> = found.iter().map(|(key, _)| *key).collect();
        let field = format!("{place}.{}", names.join(", "));
        if !self.is_whole {
            self.out.obstacles.push(Problem::partial(value.span(), &format!("{place}.{first}")));
        } else if found.iter().any(|(key, _)| entry(mapping, key).is_none()) {
            self.out.obstacles.push(Problem::aliased(value.span(), &field));
        } else {
            self.out.tasks.push(Task { node: mapping.number(), op, field });
        }
    }
}

/// Fields of a commit message's template that are gone: those that have an equal are renamed.
fn template(text: Node<'_, '_>, field: &str, out: &mut Needs) {
    let (span, source) = (text.span(), text.span().of(text.document().text()));
    let mut words = Vec::new();
    for (old, new) in [
        (".Updated.Files", ".Changed.FileChanges"),
        (".Updated.Objects", ".Changed.Objects"),
        (".Changed.ImageResult.Files", ".Changed.FileChanges"),
        (".Changed.ImageResult.Objects", ".Changed.Objects"),
    ] {
        for (at, _) in source.match_indices(old) {
            if ranges_over_keys(source, at) && !continues(source, at + old.len()) {
                words.push((Span::new(span.start + at, span.start + at + old.len()), new));
            }
        }
    }
    let is_known = |at: usize| words.iter().any(|(word, _)| word.start == span.start + at);
    let gone = [".Updated", ".Changed.ImageResult"].into_iter().find_map(|old| {
        let mut places = source.match_indices(old).filter(|(at, _)| !continues(source, at + old.len()));
        places.find(|(at, _)| !is_known(*at)).map(|(at, _)| (at, old))
    });
    if let Some((at, old)) = gone {
        let at = span.start + at;
        out.problems.push(Problem::template(Span::new(at, at + old.len()), old));
    } else if text.is_alias() && !words.is_empty() {
        out.obstacles.push(Problem::aliased(span, field));
    } else if !words.is_empty() {
        words.sort();
        let op = Op::Template { words };
        out.tasks.push(Task { node: text.number(), op, field: field.to_owned() });
    }
}

/// Whether a name goes on: `.Updated` in `.UpdatedAt`.
fn continues(source: &str, end: usize) -> bool {
    source[end..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Whether the field at `at` is what `range $key, $_ := ` goes over: the old and the new map have the same keys, and
/// other values.
fn ranges_over_keys(source: &str, at: usize) -> bool {
    let Some(open) = source[..at].rfind("{{") else { return false };
    let head = source[open + 2..at].trim_start_matches('-').trim();
    let Some((key, value)) = head
        .strip_prefix("range")
        .and_then(|head| head.trim_end().strip_suffix(":="))
        .and_then(|variables| variables.split_once(','))
    else {
        return false;
    };
    let uses = source.matches("$_").count() == source.matches(", $_ :=").count();
    key.trim().starts_with('$') && value.trim() == "$_" && uses
}
