//! The diff is judged by git itself: `git apply` must give the patched texts, byte for byte.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use flux_upgrade_core::patch::{Edit, FilePatch, PatchSet, apply, diff};
use flux_upgrade_core::{RepoPath, SourceFile, Span};
use proptest::prelude::*;

/// Whether there is a git to judge; says so when there is none.
fn git_is_there() -> bool {
    let found = Command::new("git").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("skipped: no `git` on this machine");
    }
    found
}

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

/// An edit of the first `expect` in `text`.
fn edit(path: &RepoPath, text: &str, expect: &str, replace: &str) -> Edit {
    let start = text.find(expect).unwrap();
    Edit {
        path: path.clone(),
        span: Span::new(start, start + expect.len()),
        expect: expect.into(),
        replace: replace.into(),
    }
}

fn file_patch(file: &SourceFile, edits: Vec<Edit>) -> FilePatch {
    let after = apply::apply(&file.text, &edits).unwrap();
    FilePatch { path: file.path.clone(), edits, after }
}

fn put(root: &Path, files: &[SourceFile]) {
    for file in files {
        let target = root.join(file.path.as_str());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, &file.text).unwrap();
    }
}

fn git_apply(root: &Path, diff: &str) {
    fs::write(root.join("the.patch"), diff).unwrap();
    // An empty configuration: line ends must not depend on whose machine this is.
    let output = Command::new("git")
        .args(["-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "the.patch"])
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CEILING_DIRECTORIES", root.parent().unwrap())
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}\n{diff}", String::from_utf8_lossy(&output.stderr));
}

/// Forth with the diff, back with the reverse one.
fn check(files: &[SourceFile], set: &PatchSet) {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), files);
    let read = |path: &RepoPath| fs::read_to_string(root.path().join(path.as_str())).unwrap();
    let forth = diff::unified(files, set).unwrap();
    if forth.is_empty() {
        for patch in &set.files {
            assert_eq!(read(&patch.path), patch.after);
        }
        return;
    }
    git_apply(root.path(), &forth);
    for patch in &set.files {
        assert_eq!(read(&patch.path), patch.after, "{forth}");
    }
    git_apply(root.path(), &diff::reverse(files, set).unwrap());
    for file in files {
        assert_eq!(read(&file.path), file.text, "{forth}");
    }
}

#[test]
fn git_takes_every_kind_of_text_and_path() {
    if !git_is_there() {
        return;
    }
    let texts = [
        ("plain.yaml", "a: 1\nb: 2\nc: 3\n"),
        ("deep er/with blank.yaml", "b: 2\n"),
        ("crlf.yaml", "a: 1\r\nb: 2\r\nc: 3\r\n"),
        ("bom.yaml", "\u{feff}b: 2\n"),
        ("lone-cr.yaml", "a: 1\rb: 2\rc: 3"),
        ("no-final-newline.yaml", "a: 1\nb: 2"),
        ("quote\"s and ünicode.yaml", "# é\nb: 2\n"),
        ("tab\tand\u{1}control.yaml", "b: 2\n"),
    ];
    let files: Vec<SourceFile> =
        texts.iter().map(|(name, text)| SourceFile { path: path(name), text: (*text).into() }).collect();
    let patches = files
        .iter()
        .map(|file| file_patch(file, vec![edit(&file.path, &file.text, "2", "20\nd: 4")]))
        .collect();
    check(&files, &PatchSet { files: patches, refused: vec![] });
}

#[test]
fn an_inserted_line_leaves_the_line_before_it_alone() {
    let file = SourceFile { path: path("a.yaml"), text: "ref:\n  tag: 1\n".into() };
    let set = PatchSet {
        files: vec![file_patch(&file, vec![edit(&file.path, &file.text, "1", "1\n  digest: d")])],
        refused: vec![],
    };
    let diff = diff::unified(&[file], &set).unwrap();
    assert!(diff.ends_with("@@ -1,2 +1,3 @@\n ref:\n   tag: 1\n+  digest: d\n"), "{diff}");
}

#[test]
fn no_edits_no_diff() {
    let file = SourceFile { path: path("a.yaml"), text: "a: 1".into() };
    let set = PatchSet { files: vec![file_patch(&file, vec![])], refused: vec![] };
    assert_eq!(diff::unified(&[file], &set).unwrap(), "");
}

#[test]
fn edits_of_another_text_are_refused() {
    let file = SourceFile { path: path("a.yaml"), text: "a: 1".into() };
    let set = PatchSet {
        files: vec![file_patch(&file, vec![edit(&file.path, &file.text, "1", "2")])],
        refused: vec![],
    };
    let changed = SourceFile { text: "a: 3".into(), ..file };
    assert_eq!(diff::unified(&[changed], &set).unwrap_err().code(), "patch.moved");
}

/// A text and edits on it: each piece is kept, or replaced.
fn text_and_edits() -> impl Strategy<Value = (String, Vec<(usize, String, String)>)> {
    let piece = ("[ab\r\n]{1,6}", proptest::option::weighted(0.3, "[aé\n]{0,3}"));
    proptest::collection::vec(piece, 0..20).prop_map(|pieces| {
        let mut text = String::new();
        let mut edits = Vec::new();
        for (expect, replace) in pieces {
            if let Some(replace) = replace {
                edits.push((text.len(), expect.clone(), replace));
            }
            text.push_str(&expect);
        }
        (text, edits)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn git_gives_the_patched_texts(texts in proptest::collection::vec(text_and_edits(), 1..12)) {
        if !git_is_there() {
            return Ok(());
        }
        let mut files = Vec::new();
        let mut patches = Vec::new();
        for (number, (text, edits)) in texts.into_iter().enumerate() {
            let file = SourceFile { path: path(&format!("folder {number}/é{number}.yaml")), text };
            let edits: Vec<Edit> = edits
                .into_iter()
                .map(|(start, expect, replace)| Edit {
                    path: file.path.clone(),
                    span: Span::new(start, start + expect.len()),
                    expect,
                    replace,
                })
                .collect();
            let patch = file_patch(&file, edits);
            patches.push(patch);
            files.push(file);
        }
        check(&files, &PatchSet { files: patches, refused: vec![] });
    }

    #[test]
    fn both_ways_to_a_diff_agree_on_the_result(texts in text_and_edits()) {
        if !git_is_there() {
            return Ok(());
        }
        let (text, edits) = texts;
        let after = edits.iter().rev().fold(text.clone(), |mut text, (start, expect, replace)| {
            text.replace_range(*start..start + expect.len(), replace);
            text
        });
        prop_assume!(after != text);
        let file = SourceFile { path: path("a.yaml"), text };
        let root = tempfile::tempdir().unwrap();
        put(root.path(), std::slice::from_ref(&file));
        git_apply(root.path(), &diff::between(&file.path, &file.text, &after));
        prop_assert_eq!(fs::read_to_string(root.path().join("a.yaml")).unwrap(), after);
    }
}
