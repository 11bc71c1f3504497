//! A plan against the real world, blocking: one host, many questions at a time.
//!
//! `cargo run -p flux-upgrade-examples --bin live -- FOLDER [ALLOWED_HOST…]`

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use flux_upgrade_core::host::{
    Cache, Cancel, CredentialOptions, Credentials, Guard, GuardOptions, Lanes, Limits, Live, LiveOptions,
    drive, read,
};
use flux_upgrade_core::resolve::Resolver;
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::{locate, plan, scan};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("usage: live FOLDER [ALLOWED_HOST…]")?;
    let allow = args.map(|host| host.parse()).collect::<Result<_, _>>()?;

    let tree = read(Path::new(&folder), &Limits::default())?;
    let rules = Rules::default();
    let inventory = scan(&tree.files);
    let sites = locate(&inventory);

    let cancel = Cancel::default();
    let guard = Guard::new(GuardOptions { allow, ..GuardOptions::default() });
    let credentials = Credentials::discover(&CredentialOptions::of_process());
    let live = Arc::new(Live::new(LiveOptions::default(), guard, credentials, Cache::none(), cancel.clone()));

    let mut resolver = Resolver::new(&sites, &rules);
    let resolution = drive(&mut resolver, &live, Lanes::default(), &cancel, &mut |progress| {
        eprint!("\r{} of {}", progress.done, progress.asked);
    })?;
    eprintln!();
    for note in live.notes() {
        eprintln!("{note}");
    }

    let plan = plan(&inventory, sites, &resolution, &rules);
    for change in &plan.changes {
        println!("{}: {} -> {}", plan.site_of(change).at, change.from, change.to);
    }
    for held in &plan.held {
        println!("{}: {}", plan.sites[held.site].at, held.reason);
    }
    Ok(())
}
