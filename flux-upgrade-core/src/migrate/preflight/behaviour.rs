//! Changes of behaviour that touch these files.

use super::{at, is_generated, mappings};
use crate::diagnostic::{Diagnostic, Severity};
use crate::migrate::Behaviour;
use crate::migrate::find::named;
use crate::text::{Lines, SourceFile, Span};
use crate::version::{Dialect, FluxMinor, Range, Version};
use crate::yaml::Node;

/// Fields that hold a range or a version, by kind.
const VERSIONS: &[(&str, &[&str])] = &[
    ("HelmRelease", &["spec", "chart", "spec", "version"]),
    ("HelmChart", &["spec", "version"]),
    ("OCIRepository", &["spec", "ref", "semver"]),
    ("GitRepository", &["spec", "ref", "semver"]),
    ("ImagePolicy", &["spec", "policy", "semver", "range"]),
];

/// Flags of image-reflector-controller that are gone.
const AUTOLOGIN: &[&str] =
    &["--aws-autologin-for-ecr", "--azure-autologin-for-acr", "--gcp-autologin-for-gcr"];

pub(super) fn find(files: &[SourceFile], changed: &[&Behaviour], to: FluxMinor, out: &mut Vec<Diagnostic>) {
    let change = |code: &str| changed.iter().copied().find(|change| change.code == code);
    // 2.6 reads again what 2.5 refuses.
    let padded = change("behaviour.zero-padded").filter(|change| change.flux == to);
    let ranges = change("behaviour.prerelease-range");
    let renderers = change("behaviour.post-render-strategy");
    let receivers = change("behaviour.gcr-receiver");
    let mut releases: Vec<Diagnostic> = Vec::new();
    for file in files {
        mappings(file, &mut |node, lines| {
            let Some(kind) = named(node).map(|named| named.kind) else { return };
            if let Some(version) = version_of(kind, node) {
                let text = version.text().unwrap_or_default();
                if let Some(change) = padded.filter(|_| is_padded(text)) {
                    out.push(finding(change, file, lines, version.span(), &format!("`{text}`")));
                }
                if let Some(change) = ranges.filter(|_| opens_prereleases(text)) {
                    out.push(finding(change, file, lines, version.span(), &format!("`{text}`")));
                }
            }
            let spec = node.get("spec").and_then(Node::resolved);
            let has = |key: &str| {
                spec.and_then(|spec| spec.get(key)).filter(|value| value.items().next().is_some())
            };
            match kind {
                "HelmRelease" => {
                    if let (Some(change), Some(list)) = (renderers, has("postRenderers"))
                        && spec.is_some_and(|spec| spec.get("postRenderStrategy").is_none())
                    {
                        out.push(finding(change, file, lines, list.span(), "`spec.postRenderers`"));
                    }
                    if let Some(change) = change("behaviour.helm-4").filter(|_| spec.is_some()) {
                        releases.push(finding(change, file, lines, node.span(), ""));
                    }
                }
                "Receiver" if node.text_at(&["spec", "type"]) == Some("gcr") => {
                    if let (Some(change), Some(of)) = (receivers, node.at(&["spec", "type"])) {
                        out.push(finding(change, file, lines, of.span(), "`type: gcr`"));
                    }
                }
                _ => {}
            }
        });
        if let Some(change) = change("behaviour.autologin-flags") {
            flags(file, change, out);
        }
    }
    // It touches every release alike: one finding, at the first.
    releases.sort_by(|a, b| a.at.cmp(&b.at));
    let count = releases.len();
    out.extend(releases.into_iter().next().map(|mut first| {
        first.severity = Severity::Note;
        first.message = format!("{}: {count} in this repository", first.message);
        first
    }));
}

fn finding(change: &Behaviour, file: &SourceFile, lines: &Lines<'_>, span: Span, what: &str) -> Diagnostic {
    let message = match what {
        "" => change.change.to_owned(),
        what => format!("{}: {what}", change.change),
    };
    Diagnostic::new(change.code, Severity::Warning, at(file, lines, span), message).with_help(change.help)
}

/// The field of an object that holds a range or a version.
fn version_of<'d, 't>(kind: &str, node: Node<'d, 't>) -> Option<Node<'d, 't>> {
    VERSIONS.iter().find(|(of, _)| *of == kind).and_then(|(_, path)| node.at(path))
}

/// Whether a version has leading zeros, which Flux 2.5 alone refuses.
fn is_padded(text: &str) -> bool {
    Version::parse(text).is_ok() && Version::parse_in(text, Dialect::for_minor(2, 5)).is_err()
}

/// Whether a term of a range is a pre-release, and another term stands beside it.
fn opens_prereleases(text: &str) -> bool {
    let Ok(range) = Range::parse(text) else { return false };
    range.terms().any(|group| {
        let with = group.iter().filter(|term| term.contains('-')).count();
        with > 0 && with < group.len()
    })
}

/// Flags that stand anywhere in a text.
fn flags(file: &SourceFile, change: &Behaviour, out: &mut Vec<Diagnostic>) {
    if is_generated(file) {
        return;
    }
    for flag in AUTOLOGIN {
        for (start, _) in file.text.match_indices(flag) {
            let span = Span::new(start, start + flag.len());
            out.push(finding(change, file, &Lines::new(&file.text), span, &format!("`{flag}`")));
        }
    }
}
