//! Any template ends, within bounds, in a message or in an error that has a place.
#![no_main]

use flux_upgrade_core::automate::{ChangedField, MessageData, message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|template: &str| {
    let change = |file: &str, old: &str, new: &str| ChangedField {
        file: file.to_owned(),
        old: old.to_owned(),
        new: new.to_owned(),
        setter: "apps:podinfo:tag".to_owned(),
        ..ChangedField::default()
    };
    let data = MessageData {
        namespace: "flux-system".to_owned(),
        name: "apps".to_owned(),
        values: [("cluster".to_owned(), "production".to_owned())].into(),
        changes: vec![change("a.yaml", "1.0.0", "1.1.0"), change("b.yaml", "x", "\u{e4}\n{{")],
    };
    match message(template, &data) {
        Ok(text) => assert!(text.len() <= 1 << 20, "{} bytes", text.len()),
        Err(error) => {
            let line = template.lines().nth(error.line - 1).unwrap_or_default();
            assert!(error.column <= line.chars().count() + 2, "{error}");
        }
    }
});
