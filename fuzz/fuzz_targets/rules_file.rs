//! Rules that can be read print to rules that can be read, and that print the same.
#![no_main]

use flux_upgrade_core::rules::Rules;
use flux_upgrade_fuzz::path;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(rules) = Rules::parse(&path(), text) else { return };
    let shown = rules.show();
    let again = Rules::parse(&path(), &shown).unwrap_or_else(|error| panic!("{error}\n{shown}"));
    assert_eq!(again.show(), shown);
});
