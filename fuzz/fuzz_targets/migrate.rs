//! Any file is migrated to something that is proven, that is not moved again, and that goes back.
#![no_main]

use flux_upgrade_core::migrate::{Goal, Preflight, migrate, preflight};
use flux_upgrade_core::patch::{apply, diff};
use flux_upgrade_fuzz::file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, &str)| {
    let (step, text) = input;
    let [old, new] = ["2.4", "2.9"].map(|minor| minor.parse().expect("this holds because it is a minor"));
    let goal = if step { Goal::step(old, "2.7".parse().expect("a minor")) } else { Goal::release(new) };
    let goal = goal.expect("this holds because the minors are known");
    let files = [file(text)];
    let migration = migrate(&files, &goal);
    diff::unified(&files, &migration.set).expect("edits that apply have a diff");
    for patch in &migration.set.files {
        assert_eq!(apply::apply(text, &patch.edits).as_ref(), Ok(&patch.after));
        assert_eq!(apply::apply(&patch.after, &apply::invert(&patch.edits)).as_deref(), Ok(text));
        let again = migrate(&[file(&patch.after)], &goal);
        assert!(again.changes.is_empty(), "{:?}\n{}", again.changes, patch.after);
    }
    let _ = preflight(&files, &Preflight { from: Some(old), to: Some(new), kubernetes: None });
});
