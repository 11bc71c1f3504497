//! Whole runs, one folder per rule: `tests/cases/README.md` says what is in a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use flux_upgrade_core::locate::Site;
use flux_upgrade_core::plan::{Plan, Reason};
use flux_upgrade_core::resolve::{Snapshot, offline};
use flux_upgrade_core::rules::{Overrides, Rules};
use flux_upgrade_core::time::{Age, Timestamp};
use flux_upgrade_core::{RepoPath, SourceFile, automate, locate, patch, plan, scan};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// Files below a folder with their bytes, by path.
fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, out: &mut BTreeMap<String, Vec<u8>>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(root, &path, out);
            } else {
                let name =
                    path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
                out.insert(name, fs::read(&path).expect("a readable fixture"));
            }
        }
    }
    let mut out = BTreeMap::new();
    walk(folder, folder, &mut out);
    out
}

fn overrides(folder: &Path) -> Overrides {
    let Ok(text) = fs::read_to_string(folder.join("options.json")) else { return Overrides::default() };
    let options: serde_json::Value = serde_json::from_str(&text).expect("options are JSON");
    let text = |key: &str| options.get(key).and_then(serde_json::Value::as_str);
    let only = options.get("only").and_then(serde_json::Value::as_array);
    Overrides {
        allow: text("allow").map(|word| word.parse().expect("a level")),
        prerelease: options.get("prerelease").and_then(serde_json::Value::as_bool),
        ranges: text("ranges").map(|word| word.parse().expect("a mode")),
        digests: text("digests").map(|word| word.parse().expect("a mode")),
        minimum_age: text("minAge").map(|age| Age::parse(age).expect("an age")),
        as_of: text("asOf").map(|time| Timestamp::parse(time).expect("a time")),
        now: None,
        flux_version: text("fluxVersion").map(str::to_owned),
        only: only.into_iter().flatten().filter_map(|glob| Some(glob.as_str()?.to_owned())).collect(),
    }
}

/// Whether only fields with a marker are planned.
fn is_marked(folder: &Path) -> bool {
    let text = fs::read_to_string(folder.join("options.json")).unwrap_or_default();
    serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|options| options["marked"] == true)
}

struct Outcome {
    lines: String,
    /// What `about.txt` and `beyond.txt` may say, each `PATH:LINE WORDS`.
    about: Vec<String>,
    patched: BTreeMap<String, String>,
    messages: String,
}

fn quoted(text: &str) -> String {
    if text.is_empty() || text.contains(' ') { format!("\"{text}\"") } else { text.to_owned() }
}

/// The whole pipeline over a repository, in words of `expect.txt`.
fn run(input: &Path, registry: &Path, (flags, marked): (Overrides, bool), reverse: bool) -> Outcome {
    let mut diagnostics = Vec::new();
    let mut files = Vec::new();
    let mut rules = Ok(Rules::default());
    for (name, bytes) in bytes(input) {
        let path = RepoPath::parse(&name).expect("a path inside");
        match SourceFile::from_bytes(path, bytes) {
            Ok(file) => {
                if name == ".flux-upgrade.yaml" {
                    rules = Rules::parse(&file.path, &file.text);
                }
                files.push(file);
            }
            Err(finding) => diagnostics.push(format!("! {} {}", finding.at, finding.code)),
        }
    }
    if reverse {
        files.reverse();
    }
    let rules = match rules {
        Ok(rules) => rules,
        Err(error) => {
            let lines = format!("! {} {}\n", error.at, error.code);
            return Outcome { lines, about: Vec::new(), patched: BTreeMap::new(), messages: String::new() };
        }
    };
    let snapshot = Snapshot::parse(&fs::read_to_string(registry).expect("a registry")).expect("a snapshot");
    let now = snapshot.taken();
    let rules = rules.with(Overrides { now, ..flags }).expect("flags");
    let inventory = scan(&files);
    let sites = if marked { automate::sites(&inventory) } else { locate(&inventory) };
    let resolution = offline(&sites, &rules, Some(&snapshot));
    let plan = plan(&inventory, sites, &resolution, &rules);
    assert_eq!(plan.changes.len() + plan.held.len(), plan.sites.len(), "every site is a change or held");
    let mut lines = Vec::new();
    for change in &plan.changes {
        let site = plan.site_of(change);
        let what = format!("{} -> {} {}", quoted(&change.from), quoted(&change.to), change.level);
        lines.push((site.at.path.clone(), site.at.line, format!("{} {what}", site.field)));
    }
    for held in &plan.held {
        let site = &plan.sites[held.site];
        let what = format!("{} = {}", quoted(&site.written()), held.reason.kind());
        lines.push((site.at.path.clone(), site.at.line, format!("{} {what}", site.field)));
    }
    lines.sort();
    let mut text: String = lines.iter().map(|(path, line, what)| format!("{path}:{line} {what}\n")).collect();
    diagnostics.extend(plan.diagnostics.iter().map(|d| format!("! {} {}", d.at, d.code)));
    diagnostics.sort();
    text.extend(diagnostics.iter().map(|line| format!("{line}\n")));
    let set = patch(&files, &plan);
    for refused in &set.refused {
        text.push_str(&format!("refused {}: {}\n", refused.path, refused.why));
    }
    let patched = set.files.into_iter().map(|file| (file.path.to_string(), file.after)).collect();
    Outcome { lines: text, about: about(&plan), patched, messages: automate::messages(&plan) }
}

/// What is said of sites beside their change or reason.
fn about(plan: &Plan) -> Vec<String> {
    let mut out = Vec::new();
    let mut add = |site: &Site, words: String| out.push(format!("{}:{} {words}", site.at.path, site.at.line));
    for site in &plan.sites {
        match site.clusters.is_empty() {
            true => add(site, "no cluster".to_owned()),
            false => add(site, format!("clusters {}", site.clusters.join(", "))),
        }
        if site.suspended {
            add(site, "suspended".to_owned());
        }
        for by in &site.overridden_by {
            add(site, format!("overridden by {}:{}", by.path, by.line));
        }
    }
    for change in &plan.changes {
        if let Some(beyond) = &change.beyond {
            add(plan.site_of(change), format!("{} {}", beyond.newest, beyond.level));
        }
    }
    for held in &plan.held {
        if let Reason::BeyondRules { newest, level, .. } = &held.reason {
            add(&plan.sites[held.site], format!("{newest} {level}"));
        }
    }
    out
}

fn check(name: &str, folder: &Path, input: &Path, registry: &Path, expect: &Path, wrong: &mut Vec<String>) {
    let outcome = run(input, registry, (overrides(folder), is_marked(folder)), false);
    let expected = fs::read_to_string(expect).expect("expect.txt");
    if outcome.lines != expected {
        let mut report = format!("== {name}\n");
        for line in expected.lines().filter(|line| !outcome.lines.lines().any(|found| found == *line)) {
            report.push_str(&format!("  wanted {line}\n"));
        }
        for line in outcome.lines.lines().filter(|line| !expected.lines().any(|wanted| wanted == *line)) {
            report.push_str(&format!("  found  {line}\n"));
        }
        wrong.push(report);
    }
    for file in ["about.txt", "beyond.txt"] {
        let wanted = fs::read_to_string(folder.join(file)).unwrap_or_default();
        for line in wanted.lines().filter(|line| !outcome.about.iter().any(|found| found == line)) {
            wrong.push(format!("== {name}\n  {file}: wanted {line}\n"));
        }
    }
    if let Ok(wanted) = fs::read_to_string(folder.join("message.txt"))
        && wanted != outcome.messages
    {
        wrong.push(format!("== {name}\n  message.txt: found\n{}", outcome.messages));
    }
    let out = folder.join("out");
    if out.exists() || folder != root() {
        let wanted: BTreeMap<String, String> = bytes(&out)
            .into_iter()
            .map(|(name, bytes)| (name, String::from_utf8(bytes).expect("patched files are text")))
            .collect();
        if folder.join("in").exists() && outcome.patched != wanted {
            wrong.push(format!("== {name}\n  patched files differ: {:?}\n", outcome.patched.keys()));
        }
    }
    let again = run(input, registry, (overrides(folder), is_marked(folder)), true);
    if again.lines != outcome.lines || again.patched != outcome.patched || again.messages != outcome.messages
    {
        wrong.push(format!("== {name}\n  the order of files matters\n"));
    }
}

#[test]
fn every_case_folder_holds() {
    let mut wrong = Vec::new();
    let mut count = 0;
    let mut folders: Vec<PathBuf> =
        fs::read_dir(root()).expect("cases").flatten().map(|e| e.path()).collect();
    folders.sort();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        check(
            &name,
            folder,
            &folder.join("in"),
            &folder.join("registry.json"),
            &folder.join("expect.txt"),
            &mut wrong,
        );
        count += 1;
    }
    assert!(count > 100, "only {count} case folders were found");
    assert!(wrong.is_empty(), "{} of {count}\n{}", wrong.len(), wrong.concat());
}

#[test]
fn the_example_fleet_is_planned_as_written_by_hand() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut wrong = Vec::new();
    let expect = examples.join("fleet.expect.txt");
    check(
        "fleet",
        &examples,
        &examples.join("fleet"),
        &examples.join("fleet.registry.json"),
        &expect,
        &mut wrong,
    );
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn every_folder_that_the_promises_name_is_there() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
    let text = fs::read_to_string(page).expect("docs/conformance.md");
    let table = text.split("## What is promised of sites").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows = table
        .expect("the table of promises")
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| -"));
    let mut named = 0;
    for row in rows.skip(1) {
        let last = row.trim_end_matches([' ', '|']).rsplit_once(" | ").expect("two columns").1;
        for name in last.split('`').skip(1).step_by(2).filter(|name| !name.contains('/')) {
            assert!(root().join(name).join("expect.txt").is_file(), "{name} is no case folder");
            named += 1;
        }
    }
    assert!(named > 60, "only {named} folders are named");
}
