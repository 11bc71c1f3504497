//! `Chart.yaml` of a chart in the repository: the charts that it depends on.

use super::helm::{chart_sites, published};
use super::{Here, Site};
use crate::plan::Reason;
use crate::yaml::Node;

/// `dependencies[].version`.
///
/// Source: Helm `pkg/chart/dependency.go`; a `repository` may be an address, a file, or an alias of the user's own.
pub(super) fn dependencies(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    let all = here.node.get("dependencies").and_then(Node::resolved);
    for (index, dependency) in all.into_iter().flat_map(Node::items).enumerate() {
        let (Some(name), Some(version)) = (dependency.text_at(&["name"]), dependency.get("version")) else {
            continue;
        };
        let source = match dependency.text_at(&["repository"]).unwrap_or("") {
            "" => continue,
            repository if repository.starts_with("file://") => continue,
            repository if repository.starts_with(['@']) || repository.starts_with("alias:") => {
                let detail = format!("the repository {repository} is an alias on somebody's machine");
                Err(Reason::SourceUnsupported { detail })
            }
            repository => published(repository, name, repository.starts_with("oci://")),
        };
        sites.extend(chart_sites(here, version, &format!("dependencies[{index}].version"), source));
    }
}
