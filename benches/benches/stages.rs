//! Each stage by itself on one generated repository, and all of them.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use flux_upgrade_benches::{corpus, registry, stages};
use flux_upgrade_core::resolve::{Snapshot, offline};
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::{SourceFile, bridge, locate, patch, plan, scan};

const FILES: &[usize] = &[100, 1000];

/// Versions of each source.
const VERSIONS: usize = 100;

fn main() {
    divan::main();
}

fn bytes(files: &[SourceFile]) -> BytesCount {
    BytesCount::new(files.iter().map(|file| file.text.len()).sum::<usize>())
}

fn snapshot() -> Snapshot {
    Snapshot::parse(&registry::snapshot(VERSIONS)).expect("this holds because the registry is generated")
}

#[divan::bench(args = FILES)]
fn scan_tree(bencher: Bencher<'_, '_>, count: usize) {
    let files = corpus::tree(count);
    bencher.counter(bytes(&files)).bench_local(|| scan(black_box(&files)));
}

#[divan::bench(args = FILES)]
fn locate_sites(bencher: Bencher<'_, '_>, count: usize) {
    let files = corpus::tree(count);
    let inventory = scan(&files);
    bencher.bench_local(|| locate(black_box(&inventory)));
}

#[divan::bench(args = FILES)]
fn resolve_and_plan(bencher: Bencher<'_, '_>, count: usize) {
    let (files, snapshot, rules) = (corpus::tree(count), snapshot(), Rules::default());
    let inventory = scan(&files);
    let sites = locate(&inventory);
    bencher.with_inputs(|| sites.clone()).bench_local_values(|sites| {
        let resolution = offline(&sites, &rules, Some(&snapshot));
        plan(&inventory, sites, &resolution, &rules)
    });
}

#[divan::bench(args = FILES)]
fn patch_and_prove(bencher: Bencher<'_, '_>, count: usize) {
    let files = corpus::tree(count);
    let (plan, _) = stages::run(&files, &snapshot());
    bencher.bench_local(|| patch(black_box(&files), &plan));
}

#[divan::bench(args = FILES)]
fn patch_one_file(bencher: Bencher<'_, '_>, count: usize) {
    let files = corpus::one_file(count);
    let (plan, _) = stages::run(&files, &snapshot());
    bencher.bench_local(|| patch(black_box(&files), &plan));
}

#[divan::bench(args = FILES)]
fn whole(bencher: Bencher<'_, '_>, count: usize) {
    let (files, snapshot) = (corpus::tree(count), snapshot());
    bencher.counter(bytes(&files)).bench_local(|| {
        let (plan, set) = stages::run(black_box(&files), &snapshot);
        stages::report_bytes(&files, &plan, &set)
    });
}

/// What a browser pays for a call without any file: the reading of a snapshot.
#[divan::bench]
fn bridge_snapshot_only(bencher: Bencher<'_, '_>) {
    let request = format!("{{\"files\": {{}}, \"snapshot\": {}}}", registry::snapshot(VERSIONS));
    bencher.counter(BytesCount::new(request.len())).bench_local(|| bridge::plan(black_box(&request)));
}
