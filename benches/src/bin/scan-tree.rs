//! Times scan and locate inside one process, on a folder of files that is read once.
//!
//! `scan-tree FOLDER [RUNS]` prints one JSON object; times in milliseconds, the first run is the cold one.
#![allow(clippy::print_stdout, reason = "a program for a script")]

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use flux_upgrade_core::host::{self, Limits};
use flux_upgrade_core::{locate, scan};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| ".".to_owned());
    let runs: usize = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(21);
    let begin = Instant::now();
    let tree = match host::read(Path::new(&folder), &Limits::default()) {
        Ok(tree) => tree,
        Err(error) => {
            println!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let read = begin.elapsed().as_secs_f64() * 1e3;
    let mut sites = 0;
    let times: Vec<f64> = (0..runs.max(1))
        .map(|_| {
            let begin = Instant::now();
            sites = locate(&scan(&tree.files)).len();
            begin.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    let mut sorted = times.clone();
    sorted.sort_by(f64::total_cmp);
    println!(
        "{{\"files\": {}, \"sites\": {sites}, \"readMs\": {read:.1}, \"coldMs\": {:.2}, \"bestMs\": {:.2}, \
         \"medianMs\": {:.2}}}",
        tree.files.len(),
        times[0],
        sorted[0],
        sorted[sorted.len() / 2],
    );
    ExitCode::SUCCESS
}
