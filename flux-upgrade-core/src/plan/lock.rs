//! Lock files that a plan makes stale.

use super::Plan;
use crate::diagnostic::{Diagnostic, Severity};
use crate::locate::Site;
use crate::scan::{Inventory, Kind, LOCK};
use crate::text::{Lines, SourceFile, Span, join};
use crate::yaml::{Comments, Document, Node, parse};

/// `Chart.lock` beside each `Chart.yaml` whose dependencies move: its digest is of Helm's own making.
///
/// Source: Helm `internal/resolver/resolver.go`, `HashReq`.
pub(super) fn stale(inventory: &Inventory<'_>, plan: &Plan) -> Vec<Diagnostic> {
    let moved = || plan.changes.iter().map(|change| (plan.site_of(change), change.to.as_str()));
    let of_charts = moved().filter(|(site, _)| site.owner.kind == Kind::ChartFile.name());
    let of_providers = moved().filter(|(site, _)| site.owner.kind == "terraform");
    let charts = of_charts.filter_map(|(site, to)| finding(inventory, site, to));
    charts.chain(of_providers.filter_map(|(site, to)| provider(inventory, site, to))).collect()
}

fn finding(inventory: &Inventory<'_>, site: &Site, to: &str) -> Option<Diagnostic> {
    let path = join(site.at.path.folder(), "Chart.lock")?;
    let lock = inventory.files.iter().find(|file| file.path.as_str() == path)?;
    let name = site.source.as_ref().ok()?.package();
    let span = locked(lock, name).unwrap_or_default();
    let at = Lines::new(&lock.text).locate(&lock.path, span);
    let message = format!("stale as soon as {name} {to} stands in {}", site.at.path);
    let finding = Diagnostic::new("manifest.stale-lock", Severity::Warning, at, message);
    let mut finding = finding.with_help("run `helm dependency update` there after the change");
    finding.related.push(site.at.clone());
    Some(finding)
}

/// `.terraform.lock.hcl` beside a constraint that moves: the hashes in it are the registry's.
///
/// Source: Terraform's documentation, "Dependency Lock File"; it stands in the folder of the root module.
fn provider(inventory: &Inventory<'_>, site: &Site, to: &str) -> Option<Diagnostic> {
    let path = join(site.at.path.folder(), LOCK)?;
    let lock = inventory.files.iter().find(|file| file.path.as_str() == path)?;
    let name = "/fluxcd/flux\"";
    let start = lock.text.find(name)?;
    let at = Lines::new(&lock.text).locate(&lock.path, Span::new(start + 1, start + name.len() - 1));
    let message = format!("stale as soon as fluxcd/flux {to} stands in {}", site.at.path);
    let finding = Diagnostic::new("manifest.stale-lock", Severity::Warning, at, message);
    let mut finding = finding.with_help("run `terraform init -upgrade` there after the change");
    finding.related.push(site.at.clone());
    Some(finding)
}

/// Where the lock says which version of a dependency it holds.
fn locked(lock: &SourceFile, name: &str) -> Option<Span> {
    let (documents, _) = parse(&lock.text, Span::new(0, lock.text.len()), Comments::Skip);
    let root = documents.first().and_then(Document::root)?;
    let all = root.get("dependencies").and_then(Node::resolved)?;
    let found = all.items().find(|item| item.text_at(&["name"]) == Some(name))?;
    Some(found.get("version")?.span())
}
