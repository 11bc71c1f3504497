//! Every site's bytes, read alone, give the site's value.
#![no_main]

use flux_upgrade_core::locate::Style;
use flux_upgrade_core::{locate, scan};
use flux_upgrade_fuzz::file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let files = [file(text)];
    let inventory = scan(&files);
    for site in locate(&inventory) {
        assert_eq!(site.spot.at.span.of(text), site.spot.raw);
        if site.spot.style == Style::Block || site.spot.raw.contains(['\n', '\r']) {
            continue;
        }
        // The scalar as the version of an object of its own.
        let alone = format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: a}}\n\
             spec:\n  chart:\n    spec:\n      chart: c\n      version: {}\n",
            site.spot.raw
        );
        let files = [file(&alone)];
        let inventory = scan(&files);
        let again = locate(&inventory);
        assert_eq!(again.len(), 1, "{alone}");
        assert_eq!(again[0].spot.value, site.spot.value, "{alone}");
        assert_eq!(again[0].spot.raw, site.spot.raw, "{alone}");
    }
});
