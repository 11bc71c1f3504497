//! Versions and ranges, over one list of versions.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use flux_upgrade_benches::registry;
use flux_upgrade_core::version::{Range, Version};

const VERSIONS: usize = 1000;

fn main() {
    divan::main();
}

#[divan::bench]
fn parse_versions(bencher: Bencher<'_, '_>) {
    let texts: Vec<String> = registry::versions(VERSIONS).collect();
    bencher
        .counter(ItemsCount::new(VERSIONS))
        .bench_local(|| black_box(&texts).iter().filter(|text| Version::parse(text).is_ok()).count());
}

#[divan::bench(args = ["1.x", "~1.2.3", "^1.2", ">=1.2.0 <2.0.0", "1.2 - 1.9 || >=3.0.0-0"])]
fn parse_range(text: &str) -> bool {
    Range::parse(black_box(text)).is_ok()
}

#[divan::bench(args = ["1.x", "~1.2.3", "^1.2", ">=1.2.0 <2.0.0", "1.2 - 1.9 || >=3.0.0-0"])]
fn match_range(bencher: Bencher<'_, '_>, text: &str) {
    let range = Range::parse(text).expect("this holds because the texts above are ranges");
    let versions: Vec<Version> =
        registry::versions(VERSIONS).filter_map(|text| Version::parse(&text).ok()).collect();
    bencher
        .counter(ItemsCount::new(VERSIONS))
        .bench_local(|| black_box(&versions).iter().filter(|version| range.matches(version)).count());
}
