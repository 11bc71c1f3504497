//! Whole public repositories, where they lie beside the checkout: the same plan twice, proven, and nothing left to do.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells what it does and may fail")]

mod common;

use std::collections::BTreeMap;

use common::{forms, patched, registry_for, run, shared, trees, unpacked};
use flux_upgrade_core::locate::Part;
use flux_upgrade_core::patch::{apply, verify};
use flux_upgrade_core::plan::Series;
use flux_upgrade_core::rules::{Overrides, Rules};

#[test]
fn whole_repositories_are_planned_and_proven() {
    let Some(folder) = shared("replay/trees") else { return };
    let mut wrong = String::new();
    for (name, archive) in trees(&folder) {
        let files = unpacked(&archive);
        let snapshot = registry_for(&files);
        for (ranges, digests) in [("keep", "update"), ("move", "pin")] {
            let flags = Overrides {
                allow: Some("major".parse().expect("a level")),
                ranges: Some(ranges.parse().expect("a mode")),
                digests: Some(digests.parse().expect("a mode")),
                ..Overrides::default()
            };
            let rules = Rules::default().with(flags).expect("flags");
            let (plan, set) = run(&files, &rules, Some(&snapshot));
            let (other, other_set) = run(&files, &rules, Some(&snapshot));
            let mut check = |holds: bool, what: &str| {
                if !holds {
                    wrong.push_str(&format!("{name}, ranges {ranges}, digests {digests}: {what}\n"));
                }
            };
            check(forms(&files, &plan, &set) == forms(&files, &other, &other_set), "two plans differ");
            check(plan.changes.len() + plan.held.len() == plan.sites.len(), "a site is missing");
            check(set.refused.is_empty(), &format!("refused {:?}", set.refused));
            for patch in &set.files {
                let before = &files.iter().find(|file| file.path == patch.path).expect("the file").text;
                check(verify(before, patch).is_ok(), &format!("{} is not proven", patch.path));
                let back = apply::apply(&patch.after, &apply::invert(&patch.edits));
                check(back.as_ref() == Ok(before), &format!("{} does not go back", patch.path));
            }
            // Flux moves one safe step at a time, and what it no longer serves goes along; all else is done at once.
            let steps = plan.series.iter().map(|series| series.steps.len()).max().unwrap_or(1);
            let mut after = patched(&files, &set);
            for step in 1..=steps {
                let (again, set) = run(&after, &rules, Some(&snapshot));
                for change in &again.changes {
                    let site = again.site_of(change);
                    let moves = |series: &Series| series.site == change.site;
                    let is_flux = site.part == Part::Api || again.series.iter().any(moves);
                    let what = format!("moves again: {} {} -> {}", site.id, change.from, change.to);
                    check(is_flux && step < steps, &what);
                }
                after = patched(&after, &set);
            }
            let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
            for held in &plan.held {
                *reasons.entry(held.reason.kind()).or_default() += 1;
            }
            println!(
                "{name} ({ranges}, {digests}): {} files, {} sites, {} changes in {} files, held {reasons:?}, {} findings",
                files.len(),
                plan.sites.len(),
                plan.changes.len(),
                set.files.len(),
                plan.diagnostics.len()
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
