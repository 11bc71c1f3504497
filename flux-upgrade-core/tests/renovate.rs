//! Common set-ups of Renovate, each as a folder: what the example fleet's plan is under it, and what of it does not count.
//!
//! A folder of `tests/renovate` has the configuration where Renovate looks for it, `expect.txt` (changes with their groups, then what is held)
//! and `unread.txt`. The fleet's own rules are left out, since they would go over it.

use std::fs;
use std::path::{Path, PathBuf};

use flux_upgrade_core::resolve::{Snapshot, offline};
use flux_upgrade_core::rules::{Overrides, Renovate, Rules};
use flux_upgrade_core::{RepoPath, SourceFile, locate, patch, plan, scan};

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(root: &Path, folder: &Path, out: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_below(root, &path, out);
            continue;
        }
        let name = path.strip_prefix(root).expect("below it").to_string_lossy().replace('\\', "/");
        if !matches!(name.as_str(), ".flux-upgrade.yaml" | "expect.txt" | "unread.txt") {
            let text = fs::read_to_string(&path).expect("text");
            out.push(SourceFile { path: RepoPath::parse(&name).expect("a path"), text });
        }
    }
}

/// The plan in words, and what is not read.
fn run(folder: Option<&Path>) -> (String, String) {
    let fleet = home().join("../examples/fleet");
    let mut files = Vec::new();
    files_below(&fleet, &fleet, &mut files);
    if let Some(folder) = folder {
        files_below(folder, folder, &mut files);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let registry = fs::read_to_string(home().join("../examples/fleet.registry.json")).expect("a registry");
    let snapshot = Snapshot::parse(&registry).expect("a snapshot");
    let renovate = Renovate::among(&files).expect("a configuration");
    assert_eq!(renovate.is_some(), folder.is_some());
    let renovate = renovate.unwrap_or_default();
    let unread: String = renovate.findings().iter().map(|found| format!("{found}\n")).collect();
    let flags = Overrides { now: snapshot.taken(), ..Overrides::default() };
    let rules = Rules::default().over(renovate).with(flags).expect("flags");
    let inventory = scan(&files);
    let sites = locate(&inventory);
    let resolution = offline(&sites, &rules, Some(&snapshot));
    let plan = plan(&inventory, sites, &resolution, &rules);
    assert!(patch(&files, &plan).refused.is_empty());
    let mut lines = Vec::new();
    for group in &plan.groups {
        for change in group.changes.iter().map(|change| &plan.changes[*change]) {
            let site = plan.site_of(change);
            let place = format!("{}:{}", site.at.path, site.at.line);
            let when =
                if group.schedule.is_empty() { String::new() } else { format!(" when {:?}", group.schedule) };
            lines.push(format!(
                "{place} {} -> {} {} in {}{when}\n",
                change.from, change.to, change.level, group.id
            ));
        }
    }
    for held in &plan.held {
        let site = &plan.sites[held.site];
        lines.push(format!("{}:{} {} = {}\n", site.at.path, site.at.line, site.written(), held.reason));
    }
    lines.sort();
    (lines.concat(), unread)
}

#[test]
fn every_set_up_gives_its_plan_and_its_list() {
    let mut wrong = Vec::new();
    let mut folders: Vec<PathBuf> = fs::read_dir(home().join("tests/renovate"))
        .expect("folders")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    assert!(folders.len() >= 10, "only {} folders", folders.len());
    for folder in folders {
        let (lines, unread) = run(Some(&folder));
        for (file, found) in [("expect.txt", lines), ("unread.txt", unread)] {
            let path = folder.join(file);
            let wanted = fs::read_to_string(&path).unwrap_or_default();
            if wanted != found {
                wrong.push(format!("== {}\n{found}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn without_a_configuration_nothing_is_told() {
    let (lines, unread) = run(None);
    assert!(!lines.is_empty() && unread.is_empty());
}
