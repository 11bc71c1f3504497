//! The comment that tells an editor the schema of a document.

use super::apis::{age, of_kind};
use crate::text::Span;

/// The version in the `# yaml-language-server: $schema=…` comment among the lines of `region`, where it is one that the
/// object of this kind has just left behind.
///
/// Source: yaml-language-server, "Using inlined schema"; the names of schemas in common catalogues are
/// `<kind>_<version>.json`, `<kind>-<group>-<version>.json` and `<kind>/<version>/…`.
pub(super) fn version(text: &str, region: Span, group: &str, kind: &str, to: &str) -> Option<Span> {
    let mut at = region.start;
    for line in region.of(text).split_inclusive('\n') {
        let start = at;
        at += line.len();
        let body = line.trim_start();
        if !(body.starts_with('#') && body.contains("yaml-language-server:")) {
            continue;
        }
        let Some(url) = line.find("$schema=").map(|at| at + "$schema=".len()) else { continue };
        if let Some(found) = in_url(&line[url..], group, kind, to) {
            return Some(Span::new(start + url + found.start, start + url + found.end));
        }
    }
    None
}

/// The version behind the name of the kind: a word between marks, older than the one that is wanted.
fn in_url(url: &str, group: &str, kind: &str, to: &str) -> Option<Span> {
    let lower = url.to_ascii_lowercase();
    let name = lower.rfind(&kind.to_ascii_lowercase())?;
    let from = name + kind.len();
    let mut at = from;
    for word in lower[from..].split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let text = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_version = of_kind(group, kind).any(|api| api.version == text);
        if is_version && age(text) < age(to) {
            return Some(Span::new(at, at + text.len()));
        }
        at += word.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catalogues_name_versions_in_their_own_ways() {
        for (url, expected) in [
            ("https://a.dev/helm.toolkit.fluxcd.io/helmrelease_v2beta1.json", Some("v2beta1")),
            ("https://a.dev/main/helmrelease-helm-v2beta2.json", Some("v2beta2")),
            ("https://a.dev/helmrelease/v2beta1/github/x/v1.2.3", Some("v2beta1")),
            ("https://a.dev/HelmRelease_v2beta1.json?x=1", Some("v2beta1")),
            ("https://a.dev/helmrelease_v2.json", None),
            ("https://a.dev/kustomization_v1beta2.json", None),
            ("https://a.dev/v2beta1/values.json", None),
        ] {
            let line = format!("# yaml-language-server: $schema={url}\n");
            let found =
                version(&line, Span::new(0, line.len()), "helm.toolkit.fluxcd.io", "HelmRelease", "v2");
            assert_eq!(found.map(|span| span.of(&line)), expected, "{url}");
        }
    }
}
