//! Any configuration of Renovate is read to rules that print to rules, and each finding stands inside of the file.
#![no_main]

use flux_upgrade_core::RepoPath;
use flux_upgrade_core::rules::{Renovate, Rules};
use flux_upgrade_fuzz::path;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let file = RepoPath::parse("renovate.json5").expect("this holds because the name is a path");
    let Ok(renovate) = Renovate::parse(&file, text) else { return };
    for finding in renovate.findings() {
        assert!(!finding.to_string().is_empty());
    }
    let rules = Rules::default().over(renovate);
    let shown = rules.show();
    Rules::parse(&path(), &shown).unwrap_or_else(|error| panic!("{error}\n{shown}"));
});
