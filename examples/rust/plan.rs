//! Plans a folder against a registry snapshot and prints what would change, and why the rest stays.
//!
//! `cargo run -p flux-upgrade-examples --bin plan -- examples/fleet examples/fleet.registry.json`

use std::error::Error;
use std::path::Path;

use flux_upgrade_core::host::{self, Limits};
use flux_upgrade_core::resolve::{Snapshot, offline};
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::{locate, patch, plan, scan};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(snapshot)) = (arguments.next(), arguments.next()) else {
        return Err("usage: plan FOLDER SNAPSHOT".into());
    };
    let files = host::read(Path::new(&folder), &Limits::default())?.files;
    let snapshot = Snapshot::parse(&std::fs::read_to_string(snapshot)?)?;
    let rules = Rules::default();

    let inventory = scan(&files);
    let sites = locate(&inventory);
    let resolution = offline(&sites, &rules, Some(&snapshot));
    let plan = plan(&inventory, sites, &resolution, &rules);

    for change in &plan.changes {
        println!("{}: {} -> {} ({})", plan.site_of(change).at, change.from, change.to, change.level);
    }
    for held in &plan.held {
        println!("{}: {}", plan.sites[held.site].at, held.reason);
    }
    let set = patch(&files, &plan);
    println!("{} files would change, {} refused", set.files.len(), set.refused.len());
    Ok(())
}
