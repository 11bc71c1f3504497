//! Flux's own manifests: reading an archive, rendering it, and what follows from it.
//!
//! With `../shared` the release is a real one; without it, one of the same size that is made up.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use flux_upgrade_benches::release;
use flux_upgrade_core::flux::{LocalEdits, Options, Release, prove, recover, render, upgrade};

fn main() {
    divan::main();
}

fn releases() -> (Release, Release) {
    let read = |version| {
        Release::read(version, &release::archive(version)).expect("this holds because it is a release")
    };
    (read("v2.8.8"), read("v2.9.4"))
}

#[divan::bench]
fn read_archive(bencher: Bencher<'_, '_>) {
    let archive = release::archive("v2.9.4");
    bencher.bench_local(|| Release::read("v2.9.4", black_box(&archive)));
}

#[divan::bench]
fn render_default(bencher: Bencher<'_, '_>) {
    let (_, release) = releases();
    let options = Options::default();
    let size = render(&release, &options).map_or(0, |text| text.len());
    bencher.counter(BytesCount::new(size)).bench_local(|| render(black_box(&release), &options));
}

/// What the command does: an archive and options to a text.
#[divan::bench]
fn archive_to_text(bencher: Bencher<'_, '_>) {
    let archive = release::archive("v2.9.4");
    bencher.bench_local(|| {
        Release::read("v2.9.4", black_box(&archive)).map(|release| render(&release, &Options::default()))
    });
}

#[divan::bench]
fn recover_options(bencher: Bencher<'_, '_>) {
    let (release, _) = releases();
    let text = render(&release, &Options::default()).expect("this holds because it is a release");
    bencher.bench_local(|| recover(black_box(&text)));
}

#[divan::bench]
fn prove_unedited(bencher: Bencher<'_, '_>) {
    let (release, _) = releases();
    let text = render(&release, &Options::default()).expect("this holds because it is a release");
    bencher.bench_local(|| prove(black_box(&text), &release, &[]));
}

#[divan::bench]
fn upgrade_with_an_edit(bencher: Bencher<'_, '_>) {
    let (old, new) = releases();
    let text = render(&old, &Options::default()).expect("this holds because it is a release");
    let text = text.replacen("replicas: 1", "replicas: 2", 1);
    bencher.bench_local(|| upgrade(black_box(&text), &old, &new, &[], LocalEdits::Keep));
}
