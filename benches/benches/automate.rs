//! Image automation in a large tree with few markers, beside the reading that every command begins with.

use divan::{Bencher, black_box};
use flux_upgrade_benches::{registry, shapes, stages};
use flux_upgrade_core::resolve::Snapshot;
use flux_upgrade_core::{automate, scan};

const FILES: usize = 5000;

fn main() {
    divan::main();
}

#[divan::bench]
fn scan_alone(bencher: Bencher<'_, '_>) {
    let files = shapes::marked(FILES);
    bencher.bench_local(|| scan(black_box(&files)));
}

#[divan::bench]
fn marked_sites(bencher: Bencher<'_, '_>) {
    let files = shapes::marked(FILES);
    let inventory = scan(&files);
    bencher.bench_local(|| automate::sites(black_box(&inventory)));
}

/// From the files to edits that are proven, and the message.
#[divan::bench]
fn whole(bencher: Bencher<'_, '_>) {
    let snapshot = Snapshot::parse(&registry::snapshot(100));
    let (files, snapshot) =
        (shapes::marked(FILES), snapshot.expect("this holds because the registry is generated"));
    let (plan, set) = stages::automate(&files, &snapshot);
    assert_eq!((plan.changes.len(), set.refused.len()), (FILES * 6 / 100, 0));
    assert!(plan.commits.iter().all(|commit| commit.message.is_ok()));
    bencher.bench_local(|| stages::automate(black_box(&files), &snapshot));
}
