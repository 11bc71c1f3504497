//! An apply that dies between two files: the next run finishes it or takes it back.
#![cfg(feature = "native")]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use flux_upgrade_core::RepoPath;
use flux_upgrade_core::host::{JOURNAL, JournalError, Replacement, State, unfinished, write};

const NAMES: [&str; 3] = ["a.yaml", "b.yaml", "c.yaml"];

/// The state that a run leaves which dies after `done` renames: its journal, and that many new files.
fn died_after(root: &Path, done: usize) {
    let files: Vec<String> = NAMES
        .iter()
        .map(|name| format!(r#"{{"path":"{name}","before":"old {name}\n","after":"new {name}\n"}}"#))
        .collect();
    let journal = format!(r#"{{"schema":"flux-upgrade/journal/v1","files":[{}]}}"#, files.join(","));
    fs::write(root.join(JOURNAL), journal).unwrap();
    for (number, name) in NAMES.iter().enumerate() {
        let age = if number < done { "new" } else { "old" };
        fs::write(root.join(name), format!("{age} {name}\n")).unwrap();
    }
}

fn ages(root: &Path) -> Vec<String> {
    NAMES.iter().map(|name| fs::read_to_string(root.join(name)).unwrap()[..3].to_owned()).collect()
}

#[test]
fn every_point_of_death_can_be_finished_and_taken_back() {
    for done in 0..=NAMES.len() {
        for finish in [true, false] {
            let root = tempfile::tempdir().unwrap();
            died_after(root.path(), done);
            let left = unfinished(root.path()).unwrap().unwrap();
            assert_eq!(left.files().filter(|(_, state)| *state == State::New).count(), done);
            let settled = if finish { left.finish(root.path()) } else { left.undo(root.path()) };
            settled.unwrap();
            assert_eq!(ages(root.path()), [if finish { "new" } else { "old" }; 3]);
            assert_eq!(unfinished(root.path()).unwrap(), None, "the journal is gone");
        }
    }
}

/// A file that was not there before the set is not there once the set is taken back.
#[test]
fn a_new_file_comes_and_goes_with_its_set() {
    let new = r#"{"path":"new.yaml","before":"","after":"b: 1\n","is_new":true}"#;
    for (died_before, finish) in [(true, true), (true, false), (false, true), (false, false)] {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("new.yaml");
        let journal = format!(r#"{{"schema":"flux-upgrade/journal/v1","files":[{new}]}}"#);
        fs::write(root.path().join(JOURNAL), journal).unwrap();
        if !died_before {
            fs::write(&file, "b: 1\n").unwrap();
        }
        let left = unfinished(root.path()).unwrap().unwrap();
        if finish { left.finish(root.path()) } else { left.undo(root.path()) }.unwrap();
        assert_eq!(fs::read_to_string(&file).ok().as_deref(), finish.then_some("b: 1\n"));
        assert_eq!(unfinished(root.path()).unwrap(), None);
    }

    let path = RepoPath::parse("new.yaml").unwrap();
    let set = [Replacement { path: &path, before: "", after: "b: 1\n" }];
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &set).unwrap();
    assert_eq!(fs::read_to_string(root.path().join("new.yaml")).unwrap(), "b: 1\n");
    // Somebody's own file of that name stays.
    fs::write(root.path().join("new.yaml"), "mine\n").unwrap();
    assert!(write(root.path(), &set).is_err());
    assert_eq!(fs::read_to_string(root.path().join("new.yaml")).unwrap(), "mine\n");
}

#[test]
fn a_file_that_somebody_changed_stops_both() {
    let root = tempfile::tempdir().unwrap();
    died_after(root.path(), 1);
    fs::write(root.path().join("c.yaml"), "mine\n").unwrap();
    let left = unfinished(root.path()).unwrap().unwrap();
    for settled in [left.finish(root.path()), left.undo(root.path())] {
        assert!(matches!(settled, Err(JournalError::Changed { path }) if path.as_str() == "c.yaml"));
    }
    assert_eq!(ages(root.path()), ["new", "old", "min"]);
}

#[test]
fn a_journal_that_is_none_changes_nothing() {
    for text in ["", "{}", r#"{"schema":"other","files":[]}"#] {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(JOURNAL), text).unwrap();
        assert_eq!(unfinished(root.path()).unwrap_err().code(), "host.journal-unreadable", "{text}");
    }
    let root = tempfile::tempdir().unwrap();
    let outside = r#"{"schema":"flux-upgrade/journal/v1","files":[{"path":"../x","before":"","after":""}]}"#;
    fs::write(root.path().join(JOURNAL), outside).unwrap();
    assert!(unfinished(root.path()).is_err());
}

#[test]
fn a_write_that_ends_leaves_no_journal() {
    let root = tempfile::tempdir().unwrap();
    for name in NAMES {
        fs::write(root.path().join(name), "1").unwrap();
    }
    let paths = NAMES.map(|name| RepoPath::parse(name).unwrap());
    let set: Vec<Replacement<'_>> =
        paths.iter().map(|path| Replacement { path, before: "1", after: "2" }).collect();
    write(root.path(), &set).unwrap();
    assert_eq!(unfinished(root.path()).unwrap(), None);
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), NAMES.len());
}

/// Another run's journal is not overwritten, and nothing is written beside it.
#[test]
fn a_journal_in_the_way_stops_the_write() {
    let root = tempfile::tempdir().unwrap();
    died_after(root.path(), 0);
    let paths = NAMES.map(|name| RepoPath::parse(name).unwrap());
    let texts: Vec<(String, String)> =
        NAMES.iter().map(|name| (format!("old {name}\n"), format!("other {name}\n"))).collect();
    let set: Vec<Replacement<'_>> =
        paths.iter().zip(&texts).map(|(path, (before, after))| Replacement { path, before, after }).collect();
    assert_eq!(write(root.path(), &set).unwrap_err().code(), "host.write");
    assert_eq!(ages(root.path()), ["old"; 3]);
    assert!(unfinished(root.path()).unwrap().is_some());
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), NAMES.len() + 1);
}
