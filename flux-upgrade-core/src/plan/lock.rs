//! Lock files that a plan makes stale.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use crate::diagnostic::{Diagnostic, Severity};
use crate::locate::Site;
use crate::patch::lock;
use crate::scan::{Inventory, Kind, LOCK};
use crate::text::{Lines, RepoPath, Span, join};
use crate::yaml::{Comments, Document, Node, parse};

/// Each `Chart.lock` beside a `Chart.yaml` whose dependencies move, where the patches do not renew it.
pub(super) fn stale(
    inventory: &Inventory<'_>,
    plan: &Plan,
    texts: &BTreeMap<&RepoPath, &str>,
) -> Vec<Diagnostic> {
    let moved = || plan.changes.iter().map(|change| (plan.site_of(change), change.to.as_str()));
    let mut charts: BTreeMap<&RepoPath, Vec<(&Site, &str)>> = BTreeMap::new();
    for (site, to) in moved().filter(|(site, _)| site.owner.kind == Kind::ChartFile.name()) {
        charts.entry(&site.at.path).or_default().push((site, to));
    }
    let of_providers = moved().filter(|(site, _)| site.owner.kind == "terraform");
    let providers = of_providers.filter_map(|(site, to)| provider(texts, site, to)).collect();
    if charts.is_empty() {
        return providers;
    }
    let renewed: BTreeSet<RepoPath> = lock::edits(inventory.files, plan).into_keys().collect();
    let stale = charts.into_iter().filter_map(|(chart, moved)| {
        let path = lock::beside(chart).filter(|path| !renewed.contains(path))?;
        Some(findings(&path, texts.get(&path)?, &moved))
    });
    stale.flatten().chain(providers).collect()
}

fn findings(path: &RepoPath, text: &str, moved: &[(&Site, &str)]) -> Vec<Diagnostic> {
    let (documents, _) = parse(text, Span::new(0, text.len()), Comments::Skip);
    let locked = locked(documents.first());
    let lines = Lines::new(text);
    let one = |(site, to): &(&Site, &str)| {
        let name = site.source.as_ref().ok()?.package();
        let at = lines.locate(path, locked.get(name).copied().unwrap_or_default());
        let message = format!("stale as soon as {name} {to} stands in {}", site.at.path);
        let finding = Diagnostic::new("manifest.stale-lock", Severity::Warning, at, message);
        let mut finding = finding.with_help("run `helm dependency update` there after the change");
        finding.related.push(site.at.clone());
        Some(finding)
    };
    moved.iter().filter_map(one).collect()
}

/// `.terraform.lock.hcl` beside a constraint that moves: the hashes in it are the registry's.
///
/// Source: Terraform's documentation, "Dependency Lock File"; it stands in the folder of the root module.
fn provider(texts: &BTreeMap<&RepoPath, &str>, site: &Site, to: &str) -> Option<Diagnostic> {
    let path = join(site.at.path.folder(), LOCK)?;
    let path = RepoPath::parse(&path)?;
    let lock = texts.get(&path)?;
    let name = "/fluxcd/flux\"";
    let start = lock.find(name)?;
    let at = Lines::new(lock).locate(&path, Span::new(start + 1, start + name.len() - 1));
    let message = format!("stale as soon as fluxcd/flux {to} stands in {}", site.at.path);
    let finding = Diagnostic::new("manifest.stale-lock", Severity::Warning, at, message);
    let mut finding = finding.with_help("run `terraform init -upgrade` there after the change");
    finding.related.push(site.at.clone());
    Some(finding)
}

/// Where a lock says which version of a dependency it holds, by the dependency's name.
fn locked<'d>(document: Option<&'d Document<'_>>) -> BTreeMap<&'d str, Span> {
    let all = document.and_then(|document| document.root()?.get("dependencies")?.resolved());
    let all = all.into_iter().flat_map(Node::items);
    let mut out = BTreeMap::new();
    for (name, version) in all.filter_map(|item| Some((item.text_at(&["name"])?, item.get("version")?))) {
        out.entry(name).or_insert(version.span());
    }
    out
}
