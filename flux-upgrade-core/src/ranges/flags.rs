//! What is wrong, or worth knowing, about a range or floating tag.

use super::every::{seconds, source_of};
use crate::locate::{Part, Site, SourceKey};
use crate::plan::{Reason, Standing};
use crate::rules::Rules;
use crate::scan::{Inventory, Resource};
use crate::version::Range;
use serde::Serialize;

/// Something about a range or floating tag that a reader should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flag {
    /// Its stable name, one of [`FLAGS`].
    pub code: &'static str,
    /// One sentence.
    pub message: String,
}

/// Every flag: its name, and whether what it is about can never select anything else.
pub const FLAGS: &[(&str, bool)] = &[
    ("exact-version", true),
    ("one-version", true),
    ("frozen-source", true),
    ("moved-source", true),
    ("deprecated-chart", true),
    ("version-ignored", true),
    ("suspended", true),
    ("source-suspended", true),
    ("quiet-source", false),
    ("newer-outside", false),
    ("long-interval", false),
    ("ambiguous", false),
];

/// Addresses that publish nothing any more: how they begin, whether they have moved, and what is known of them.
///
/// Sources: helm.sh/blog/new-location-stable-incubator-charts (2020), the README of helm/charts, Kubernetes' registry
/// freeze (kubernetes.io/blog/2023/02/06), the README of fluxcd/flux (archived 2022).
const CLOSED: &[(&str, bool, &str)] = &[
    (
        "https://kubernetes-charts.storage.googleapis.com",
        true,
        "moved to https://charts.helm.sh/stable, which is frozen",
    ),
    (
        "https://kubernetes-charts-incubator.storage.googleapis.com",
        true,
        "moved to https://charts.helm.sh/incubator, which is frozen",
    ),
    (
        "https://charts.helm.sh/stable",
        false,
        "frozen since November 2020: each chart has a home of its own now",
    ),
    (
        "https://charts.helm.sh/incubator",
        false,
        "frozen since November 2020: each chart has a home of its own now",
    ),
    ("https://charts.fluxcd.io", false, "the charts of Flux v1, which is archived"),
    ("oci://k8s.gcr.io", true, "frozen since April 2023 and moved to registry.k8s.io"),
];

/// Nothing published for this long: two years.
const QUIET: i64 = 2 * 365 * 86_400;

/// Longer than a day between two looks.
const LONG: u64 = 24 * 3_600;

pub(super) fn flags(
    inventory: &Inventory<'_>,
    site: &Site,
    owner: Option<&Resource>,
    stands: &Result<Standing, Reason>,
    every: Option<&str>,
    rules: &Rules,
) -> Vec<Flag> {
    let mut out = Vec::new();
    let mut flag = |code: &'static str, message: String| out.push(Flag { code, message });
    let text = site.spot.value.as_str();
    if site.part == Part::Version {
        flag("exact-version", format!("`{text}` is one version in a field for ranges: it never moves"));
    } else if site.part == Part::Range && Range::parse(text.trim()).is_ok_and(|range| range.is_one_version())
    {
        flag("one-version", format!("`{text}` admits one version alone: it never moves"));
    }
    if let Ok(source) = &site.source {
        let address = source.address();
        let closed = CLOSED.iter().find(|(known, ..)| starts_with_address(&address, known));
        if let Some((_, moved, what)) = closed {
            flag(if *moved { "moved-source" } else { "frozen-source" }, format!("{address}: {what}"));
        }
    }
    if site.suspended {
        flag("suspended", format!("{} is suspended: it is not resolved", site.owner));
    }
    let source = source_of(inventory, site);
    if let Some(source) = source.filter(|source| source.suspended) {
        let message = format!("its {} {} is suspended: nothing new is seen", source.kind_name, source.name);
        flag("source-suspended", message);
    }
    if let Some(kind) = owner.and_then(|owner| from_files(inventory, owner)) {
        let message = format!(
            "a chart from a {kind} has the version of its Chart.yaml: what is written here counts for nothing"
        );
        flag("version-ignored", message);
    }
    if let Some(every) = every.filter(|every| seconds(every).is_some_and(|seconds| seconds > LONG)) {
        flag("long-interval", format!("Flux looks for a new version only every {every}"));
    }
    let Ok(standing) = stands else { return out };
    if standing.deprecated {
        flag("deprecated-chart", "the chart is marked as deprecated: nothing newer is to come".to_owned());
    }
    if !standing.ties.is_empty() {
        let (resolved, ties) = (&standing.resolved, standing.ties.join(", "));
        flag("ambiguous", format!("{resolved} and {ties} are the same version: Flux may take either"));
    }
    if let Some(newest) = standing.newest.as_ref().filter(|newest| **newest != standing.resolved) {
        flag("newer-outside", format!("{newest} is published and lies outside"));
    }
    if let (Some(latest), Some(now)) = (standing.latest, rules.now)
        && now.seconds() - latest.seconds() > QUIET
        && !matches!(site.source, Ok(SourceKey::Flux))
    {
        flag("quiet-source", format!("nothing has been published there since {latest}"));
    }
    out
}

/// Whether an address is `known` or lies below it.
fn starts_with_address(address: &str, known: &str) -> bool {
    let rest = address.strip_prefix(known);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The kind of a chart's source that takes the version from the chart's own file.
///
/// Source: HelmChart spec page, `version` is ignored for charts of GitRepository and Bucket sources; `reconcileStrategy`
/// says whether a new revision or a new version in Chart.yaml counts.
fn from_files<'a>(inventory: &'a Inventory<'_>, owner: &'a Resource) -> Option<&'a str> {
    let node = inventory.node(owner)?;
    let paths: [&[&str]; 2] =
        [&["spec", "chart", "spec", "sourceRef", "kind"], &["spec", "sourceRef", "kind"]];
    let kind = paths.into_iter().find_map(|path| node.text_at(path))?;
    let is_chart = matches!(owner.kind, crate::scan::Kind::HelmRelease | crate::scan::Kind::HelmChart);
    (is_chart && matches!(kind, "GitRepository" | "Bucket")).then_some(kind)
}
