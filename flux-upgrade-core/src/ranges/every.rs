//! How often Flux looks for a new version.

use crate::locate::Site;
use crate::scan::{Inventory, Kind, Resource};
use crate::yaml::Node;

/// The interval in which the version of a site is resolved again, as written; the longer one where two must pass.
///
/// Source: HelmRelease spec page: `chart.spec.interval` defaults to `spec.interval`; a HelmRepository's index is fetched at its
/// own interval. An OCI registry is asked at the HelmChart's.
pub(super) fn interval(inventory: &Inventory<'_>, owner: &Resource, site: &Site) -> Option<String> {
    let node = inventory.node(owner)?;
    let own = match owner.kind {
        Kind::HelmRelease => node
            .text_at(&["spec", "chart", "spec", "interval"])
            .or_else(|| node.text_at(&["spec", "interval"])),
        Kind::HelmChart | Kind::OciRepository | Kind::GitRepository => node.text_at(&["spec", "interval"]),
        _ if owner.kind_name == "ImagePolicy" => scans(inventory, node)?,
        _ => None,
    }?;
    let source = source_of(inventory, site).filter(|source| source.kind == Kind::HelmRepository);
    let source = source.and_then(|source| inventory.node(source)?.text_at(&["spec", "interval"]));
    let longer = source.filter(|text| seconds(text) > seconds(own));
    Some(longer.unwrap_or(own).to_owned())
}

/// How often the ImageRepository of a policy is scanned; none where several have its name.
fn scans<'a>(inventory: &'a Inventory<'_>, policy: Node<'a, '_>) -> Option<Option<&'a str>> {
    let name = policy.text_at(&["spec", "imageRepositoryRef", "name"])?;
    let is_meant = |resource: &&Resource| resource.kind_name == "ImageRepository" && resource.name == name;
    let mut found = inventory.resources().iter().filter(|resource| !resource.is_patch).filter(is_meant);
    let only = found.next().filter(|_| found.next().is_none())?;
    Some(inventory.node(only)?.text_at(&["spec", "interval"]))
}

/// The object that a site takes its source from.
pub(super) fn source_of<'a>(inventory: &'a Inventory<'_>, site: &Site) -> Option<&'a Resource> {
    let at = site.source_at.as_ref()?;
    inventory.resources().iter().find(|resource| inventory.location(resource) == *at)
}

/// A duration of Go in whole seconds: `1h30m`, `10m0s`, `1.5h`.
///
/// Source: Go `time.ParseDuration`.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        total += number
            * match &rest[..end] {
                "h" => 3_600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" | "us" | "µs" | "ns" => 0.0,
                _ => return None,
            };
        rest = &rest[end..];
    }
    (!text.is_empty()).then_some(total as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_go() {
        for (text, expected) in [
            ("10m", Some(600)),
            ("1h30m", Some(5_400)),
            ("10m0s", Some(600)),
            ("1.5h", Some(5_400)),
            ("24h", Some(86_400)),
            ("1d", None),
            ("10", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
