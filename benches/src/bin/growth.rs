//! Runs one case of one size, for an instruction counter around [`measured`]; without arguments lists the cases.
//!
//! `.ci/growth` runs each case at two sizes and compares the counts.
#![allow(clippy::print_stdout, reason = "a program for a script")]

use std::process::ExitCode;

use flux_upgrade_benches::{corpus, registry, shapes, stages};
use flux_upgrade_core::SourceFile;
use flux_upgrade_core::resolve::Snapshot;

/// A name, the smaller size, the files of a size, and the versions that each source publishes.
type Case = (&'static str, usize, fn(usize) -> Vec<SourceFile>, fn(usize) -> usize);

const FEW: fn(usize) -> usize = |_| 5;

const CASES: &[Case] = &[
    ("files", 200, corpus::tree, FEW),
    ("sites-in-one-file", 200, corpus::one_file, FEW),
    ("sites-in-one-document", 200, corpus::list, FEW),
    ("sites-in-one-line", 400, corpus::one_line, FEW),
    ("tags", 1000, |_| corpus::one_of_each(), |size| size),
    ("documents", 1000, corpus::plain_documents, FEW),
    ("broken-documents", 500, corpus::broken_documents, FEW),
    ("unknown-versions", 500, corpus::unknown_versions, FEW),
    ("aliases", 200, corpus::aliases, FEW),
    ("torn-aliases", 200, corpus::torn_aliases, FEW),
    ("merges", 2, corpus::merges, FEW),
    ("clusters", 50, corpus::clusters, FEW),
    ("pathless-kustomizations", 50, corpus::pathless, FEW),
    ("tags-in-one-mapping", 200, shapes::tags_in_one_mapping, FEW),
    ("explaining-comments", 200, shapes::comments, FEW),
    ("nested-variables", 2000, shapes::nested_variables, FEW),
    ("dependencies", 200, shapes::dependencies, FEW),
    ("target-namespaces", 50, shapes::namespaces, FEW),
    ("patched-kustomizations", 50, shapes::patched_kustomizations, FEW),
    ("generated-config-maps", 50, shapes::generators, FEW),
    ("marked-fields", 500, shapes::marked, FEW),
    ("pattern-patches", 100, shapes::patterns, FEW),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, size] = arguments.as_slice() else {
        for (name, size, ..) in CASES {
            println!("{name} {size}");
        }
        return ExitCode::SUCCESS;
    };
    let case = CASES.iter().find(|(case, ..)| case == name);
    let (Some((.., files, versions)), Ok(size)) = (case, size.parse()) else {
        println!("usage: growth [CASE SIZE]");
        return ExitCode::FAILURE;
    };
    let sources = if *name == "tags" { 1 } else { corpus::SOURCES };
    let snapshot = Snapshot::parse(&registry::snapshot_of(sources, versions(size)))
        .expect("this holds because the registry is generated");
    let files = files(size);
    let (changes, refused, bytes) = measured(&files, &snapshot);
    println!("{name} {size}: {changes} changes, {refused} files refused, {bytes} bytes of reports");
    ExitCode::SUCCESS
}

/// What is counted: all stages and all reports.
#[inline(never)]
fn measured(files: &[SourceFile], snapshot: &Snapshot) -> (usize, usize, usize) {
    let (plan, set) = stages::run(files, snapshot);
    (plan.changes.len(), set.refused.len(), stages::report_bytes(files, &plan, &set))
}
