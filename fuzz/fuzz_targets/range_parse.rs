//! A range that can be read prints to one that reads the same, and matching agrees with the explanation.
#![no_main]

use flux_upgrade_core::version::{Range, Version, move_range, pin};
use libfuzzer_sys::fuzz_target;

const VERSIONS: &[&str] =
    &["0.0.0", "0.1.0", "1.0.0", "1.2.3", "1.2.3-rc.1", "2.0.0-0", "v10.20.30+b", "18446744073709551615.0.0"];

fuzz_target!(|text: &str| {
    let (range, own) = text.split_once('\n').unwrap_or((text, "1"));
    let Ok(parsed) = Range::parse(range) else { return };
    let again = Range::parse(&parsed.to_string()).expect("a printed range is a range");
    for version in VERSIONS.iter().copied().chain([own]) {
        let Ok(version) = Version::parse(version) else { continue };
        assert_eq!(parsed.matches(&version), again.matches(&version));
        assert_eq!(parsed.matches(&version), parsed.explain(&version).is_empty());
        let _ = pin(range, &version);
        if let Some(moved) = move_range(range, &version) {
            let moved = Range::parse(&moved).expect("a moved range is a range");
            assert!(moved.matches(&version), "{moved} must admit {version}");
        }
    }
});
