//! The stages of the core in a row.

use flux_upgrade_core::patch::{PatchSet, diff};
use flux_upgrade_core::plan::Plan;
use flux_upgrade_core::resolve::{Snapshot, offline};
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::{SourceFile, automate, locate, patch, plan, report, scan};

/// The plan for `files` by the default rules, and its edits.
#[must_use]
pub fn run(files: &[SourceFile], snapshot: &Snapshot) -> (Plan, PatchSet) {
    let rules = Rules::default();
    let inventory = scan(files);
    let sites = locate(&inventory);
    let resolution = offline(&sites, &rules, Some(snapshot));
    let plan = plan(&inventory, sites, &resolution, &rules);
    let set = patch(files, &plan);
    (plan, set)
}

/// As [`run`], of the fields with a marker alone.
#[must_use]
pub fn automate(files: &[SourceFile], snapshot: &Snapshot) -> (Plan, PatchSet) {
    let rules = Rules::default();
    let inventory = scan(files);
    let sites = automate::sites(&inventory);
    let resolution = offline(&sites, &rules, Some(snapshot));
    let plan = plan(&inventory, sites, &resolution, &rules);
    let set = patch(files, &plan);
    (plan, set)
}

/// All reports of a plan, for their number of bytes.
///
/// # Panics
///
/// When the edits do not fit `files`, which are those of the plan.
#[must_use]
pub fn report_bytes(files: &[SourceFile], plan: &Plan, set: &PatchSet) -> usize {
    let diff = diff::unified(files, set).expect("this holds because the edits are made from these files");
    report::json(files, plan, set, None).len()
        + report::edits(files, set).len()
        + report::markdown(plan).len()
        + diff.len()
}
