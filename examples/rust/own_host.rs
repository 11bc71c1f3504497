//! A host of a page: the core asks, and this program answers from wherever it likes.
//!
//! `cargo run -p flux-upgrade-examples --bin own-host`

use std::error::Error;

use flux_upgrade_core::plan::Failure;
use flux_upgrade_core::resolve::{Answer, Ask, Candidate, Outcome, Query, Resolver, Step};
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::{RepoPath, SourceFile, locate, plan, scan};

const PODINFO: &str = "\
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: podinfo, namespace: apps}
spec:
  interval: 10m
  url: oci://ghcr.io/stefanprodan/manifests/podinfo
  ref:
    tag: 6.5.0 # pinned by the platform team
";

/// What this host knows: one repository, and nothing else.
fn answer(ask: &Ask) -> Outcome {
    match ask {
        Ask::Tags { repository } if repository == "ghcr.io/stefanprodan/manifests/podinfo" => {
            Ok(Answer::Tags(["6.5.0", "6.5.1", "6.6.0", "7.0.0"].map(Candidate::new).to_vec()))
        }
        _ => Err(Failure::NotFound),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = RepoPath::parse("apps/podinfo.yaml").ok_or("a path inside the repository")?;
    let files = [SourceFile { path, text: PODINFO.to_owned() }];
    let rules = Rules::default();
    let inventory = scan(&files);
    let sites = locate(&inventory);

    let mut resolver = Resolver::new(&sites, &rules);
    let resolution = loop {
        match resolver.step() {
            Step::Done(resolution) => break resolution,
            Step::Ask(queries) => {
                for Query { id, ask, .. } in queries {
                    resolver.answer(id, answer(&ask))?;
                }
            }
        }
    };
    let plan = plan(&inventory, sites, &resolution, &rules);
    for change in &plan.changes {
        println!("{} -> {} ({})", change.from, change.to, change.level);
    }
    Ok(())
}
