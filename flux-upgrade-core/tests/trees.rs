//! Whole public repositories, where they lie beside the checkout: the same plan twice, proven, and nothing left to do.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells what it does and may fail")]

mod common;

use std::collections::BTreeMap;

use common::{forms, patched, registry_for, run, shared, trees, unpacked};
use flux_upgrade_core::patch::{apply, verify};
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
            // A Flux that goes several steps takes the later ones in plans of their own.
            let mut files_after = patched(&files, &set);
            for _ in 1..plan.series.iter().map(|one| one.steps.len()).max().unwrap_or(1) {
                let (_, next) = run(&files_after, &rules, Some(&snapshot));
                files_after = patched(&files_after, &next);
            }
            let (again, _) = run(&files_after, &rules, Some(&snapshot));
            for change in &again.changes {
                let site = again.site_of(change);
                check(false, &format!("moves again: {} {} -> {}", site.id, change.from, change.to));
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
