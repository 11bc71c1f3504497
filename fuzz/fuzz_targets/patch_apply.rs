//! Edits apply all or none, and their inverse gives the text back.
#![no_main]

use flux_upgrade_core::Span;
use flux_upgrade_core::patch::{Edit, FilePatch, PatchSet, apply, diff, verify};
use flux_upgrade_fuzz::{file, path};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, Vec<(u8, u8, &str)>)| {
    let (text, edits) = input;
    let edits: Vec<Edit> = edits
        .into_iter()
        .map(|(start, length, replace)| {
            let span = Span::new(start.into(), usize::from(start) + usize::from(length));
            Edit { path: path(), span, expect: span.of(text).to_owned(), replace: replace.to_owned() }
        })
        .collect();
    let Ok(after) = apply::apply(text, &edits) else { return };
    assert_eq!(apply::apply(&after, &apply::invert(&edits)).as_deref(), Ok(text));
    let mut edits = edits;
    edits.sort();
    edits.dedup();
    let patch = FilePatch { path: path(), edits, after };
    let _ = verify(text, &patch);
    let files = [file(text)];
    let set = PatchSet { files: vec![patch], refused: Vec::new() };
    diff::unified(&files, &set).expect("edits that apply have a diff");
    diff::reverse(&files, &set).expect("edits that apply have a diff back");
});
