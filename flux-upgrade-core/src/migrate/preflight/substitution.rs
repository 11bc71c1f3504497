//! Variables that have no value, which Flux 2.9 does not pass over any longer.
//!
//! Source: fluxcd/kustomize-controller pull request 1671; the grammar of fluxcd/pkg `envsubst`.

use std::collections::{BTreeMap, BTreeSet};

use super::{at, mappings};
use crate::diagnostic::{Diagnostic, Severity};
use crate::migrate::find::named;
use crate::text::{Lines, SourceFile, Span, join};
use crate::yaml::Node;

pub(super) const CODE: &str = "behaviour.strict-substitution";

/// Places shown at most for one Kustomization.
const SHOWN: usize = 5;

/// A Kustomization that substitutes.
struct Substituting {
    name: String,
    folder: String,
    known: BTreeSet<String>,
    /// ConfigMaps and Secrets that supply more.
    from: Vec<(String, String)>,
    /// Whether it is a patch of other Kustomizations, which gives them what it has.
    is_patch: bool,
}

pub(super) fn find(files: &[SourceFile], out: &mut Vec<Diagnostic>) {
    if files.iter().any(|file| file.text.contains("StrictPostBuildSubstitutions=false")) {
        return;
    }
    let mut all = Vec::new();
    for file in files.iter().filter(|file| file.text.contains("postBuild")) {
        mappings(file, &mut |node, _| all.extend(substituting(node)));
    }
    if all.is_empty() {
        return;
    }
    let config = config_maps(files);
    let (patches, all): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.is_patch);
    let mut used: Vec<(&SourceFile, Vec<(String, Span)>)> = files
        .iter()
        .filter(|file| {
            file.text.contains("${")
                && !file.text.contains("kustomize.toolkit.fluxcd.io/substitute: disabled")
        })
        .map(|file| (file, variables(&file.text)))
        .collect();
    used.sort_by(|a, b| a.0.path.cmp(&b.0.path));
    for mut one in all {
        let mut supplied_elsewhere = false;
        for patch in &patches {
            one.known.extend(patch.known.iter().cloned());
        }
        for source in one.from.iter().chain(patches.iter().flat_map(|patch| &patch.from)) {
            match config.get(source) {
                Some(keys) => one.known.extend(keys.iter().cloned()),
                None => supplied_elsewhere = true,
            }
        }
        if supplied_elsewhere {
            // What a Secret or another repository supplies cannot be known from the files.
            continue;
        }
        let prefix = if one.folder.is_empty() { String::new() } else { format!("{}/", one.folder) };
        let mut places = Vec::new();
        for (file, variables) in used.iter().filter(|(file, _)| file.path.as_str().starts_with(&prefix)) {
            let lines = Lines::new(&file.text);
            let unset = variables.iter().filter(|(name, _)| !one.known.contains(name));
            places.extend(unset.map(|(name, span)| (name.clone(), at(file, &lines, *span))));
        }
        let Some((name, first)) = places.first() else { continue };
        let count = places.len();
        let more = if count > 1 { format!(", and {} more", count - 1) } else { String::new() };
        let message = format!(
            "from Flux 2.9 on, a variable without a value fails the build: `{name}` in what Kustomization {} builds{more}",
            one.name
        );
        let help = "give it a default, write `$${…}` for a literal, or annotate the object with `kustomize.toolkit.fluxcd.io/substitute: disabled`";
        let mut finding = Diagnostic::new(CODE, Severity::Warning, first.clone(), message).with_help(help);
        finding.related.extend(places[1..].iter().take(SHOWN).map(|(_, at)| at.clone()));
        out.push(finding);
    }
}

fn substituting(node: Node<'_, '_>) -> Option<Substituting> {
    named(node).filter(|named| named.kind == "Kustomization")?;
    let build = node.at(&["spec", "postBuild"]).and_then(Node::resolved)?;
    let folder = join("", node.text_at(&["spec", "path"]).unwrap_or(""))?;
    let own = build.get("substitute").and_then(Node::resolved);
    let keys = own.into_iter().flat_map(Node::entries).filter_map(|(key, _)| Some(key.text()?.to_owned()));
    let from = build.get("substituteFrom").and_then(Node::resolved);
    let from = from
        .into_iter()
        .flat_map(Node::items)
        .filter_map(|item| Some((item.text_at(&["kind"])?.to_owned(), item.text_at(&["name"])?.to_owned())));
    let known: BTreeSet<String> = keys.collect();
    let from: Vec<_> = from.collect();
    // Without any variable nothing is substituted, unless that is asked for.
    let always = build.text_at(&["substituteStrategy"]) == Some("Always");
    if known.is_empty() && from.is_empty() && !always {
        return None;
    }
    let name = node.text_at(&["metadata", "name"]).unwrap_or("").to_owned();
    let is_patch = node.at(&["spec", "sourceRef"]).is_none();
    Some(Substituting { name, folder, known, from, is_patch })
}

/// The keys of the ConfigMaps in these files, by kind and name.
fn config_maps(files: &[SourceFile]) -> BTreeMap<(String, String), Vec<String>> {
    let mut out = BTreeMap::new();
    for file in files.iter().filter(|file| file.text.contains("kind: ConfigMap")) {
        let (view, lines) = (super::without_tags(&file.text), Lines::new(&file.text));
        for part in super::parts(&view) {
            for read in super::documents(&view, part).0 {
                super::inside(&read, &lines, &mut |node, _| {
                    let (Some("ConfigMap"), Some(name)) =
                        (node.text_at(&["kind"]), node.text_at(&["metadata", "name"]))
                    else {
                        return;
                    };
                    let data = node.get("data").and_then(Node::resolved);
                    let keys = data
                        .into_iter()
                        .flat_map(Node::entries)
                        .filter_map(|(key, _)| Some(key.text()?.to_owned()));
                    let known: &mut Vec<String> =
                        out.entry(("ConfigMap".to_owned(), name.to_owned())).or_default();
                    known.extend(keys);
                });
            }
        }
    }
    out
}

/// Variables of a text that have no default: `${name}`, and not `$${name}` or `${name:=x}`.
fn variables(text: &str) -> Vec<(String, Span)> {
    let mut out = Vec::new();
    for (start, _) in text.match_indices("${") {
        if text[..start].ends_with('$') {
            continue;
        }
        let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
        if text[line..].trim_start().starts_with('#') {
            continue;
        }
        let rest = &text[start + 2..];
        let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let name = &rest[..length];
        let defaults = [":=", ":-", "=", "-"].iter().any(|mark| rest[length..].starts_with(mark));
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let Some(end) = rest.find('}').filter(|_| is_name && !defaults) else { continue };
        if rest[..end].contains('\n') {
            continue;
        }
        out.push((name.to_owned(), Span::new(start, start + 2 + end + 1)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_without_a_default_are_found() {
        let text = "a: ${A}\nb: $${B}\nc: ${C:=1} ${D:-} ${E:0:3} ${F/x/y}\n# ${G}\nh: ${1} ${H\n";
        let names: Vec<String> = variables(text).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["A", "E", "F"]);
    }
}
