//! What holds for every repository: generated ones, and those of the case folders.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells what it does and may fail")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use common::{Case, case_folders, file, forms, patched, registry_for, run};
use flux_upgrade_core::locate::Part;
use flux_upgrade_core::patch::{PatchSet, apply, diff, verify};
use flux_upgrade_core::plan::Plan;
use flux_upgrade_core::resolve::{Query, Resolution, Resolver, Snapshot, Step};
use flux_upgrade_core::rules::{Overrides, Rules};
use flux_upgrade_core::{SourceFile, locate, patch, plan, scan};
use proptest::prelude::*;

/// One object of a generated repository, and how it is written.
#[derive(Debug, Clone)]
struct Object {
    kind: u8,
    name: u8,
    namespace: Option<u8>,
    version: (u8, u8, u8),
    prefix: &'static str,
    suffix: &'static str,
    quote: u8,
    comment: &'static str,
    flow: bool,
    anchor: bool,
}

fn object() -> impl Strategy<Value = Object> {
    let shape = (0u8..9, 0u8..3, proptest::option::of(0u8..2), (0u8..3, 0u8..12, 0u8..12));
    let text = (
        prop_oneof![4 => Just(""), 2 => Just("v"), 1 => Just("chart-")],
        prop_oneof![4 => Just(""), 1 => Just("-alpine"), 1 => Just("-rc.1"), 1 => Just("+build.1")],
        0u8..3,
        prop_oneof![
            3 => Just(""),
            1 => Just(" # kept: é, 名"),
            1 => Just("\t# \"quotes\": {and: braces}"),
            1 => Just(" # flux-upgrade: ignore"),
            1 => Just(" # {\"$imagepolicy\": \"apps:podinfo:tag\"}")
        ],
    );
    (shape, text, any::<bool>(), any::<bool>()).prop_map(
        |((kind, name, namespace, version), (prefix, suffix, quote, comment), flow, anchor)| Object {
            kind,
            name,
            namespace,
            version,
            prefix,
            suffix,
            quote,
            comment,
            flow,
            anchor,
        },
    )
}

impl Object {
    fn text(&self) -> String {
        let (major, minor, fix) = self.version;
        let quoted = |text: String| match self.quote {
            0 if !text.starts_with(['>', '*']) => text,
            1 => format!("'{text}'"),
            _ => format!("\"{text}\""),
        };
        let version = format!("{}{major}.{minor}.{fix}{}", self.prefix, self.suffix);
        let tag = quoted(version.replace('+', "_"));
        let range = quoted(match self.quote {
            0 => format!("~{major}.{minor}"),
            1 => format!("{major}.x"),
            _ => format!(">={major}.{minor}.{fix} <{}.0.0", major + 1),
        });
        let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let (comment, anchor) = (self.comment, if self.anchor { "&version " } else { "" });
        let reference = |fields: &[(&str, &str)]| {
            if self.flow {
                let list: Vec<String> = fields.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                return format!("  ref: {{ {} }}{comment}\n", list.join(" , "));
            }
            let lines = fields.iter().map(|(key, value)| format!("    {key}:   {anchor}{value}{comment}\n"));
            format!("  ref:\n\n{}", lines.collect::<String>())
        };
        let name = (b'a' + self.name) as char;
        let (group, kind, spec) = match self.kind {
            0 => ("source", "OCIRepository", reference(&[("tag", &tag)])),
            1 => ("source", "OCIRepository", reference(&[("tag", &tag), ("digest", &digest)])),
            2 => ("source", "OCIRepository", reference(&[("semver", &range)])),
            3 => ("source", "GitRepository", reference(&[("tag", &tag)])),
            4 => ("source", "GitRepository", reference(&[("commit", commit), ("tag", &tag)])),
            5 => ("source", "GitRepository", reference(&[("name", &format!("refs/tags/{version}"))])),
            6 => ("source", "HelmRepository", String::new()),
            kind => {
                let version = if kind == 7 { quoted(version.clone()) } else { range };
                let source = format!(
                    "      sourceRef: {{kind: HelmRepository, name: {name}}}\n      version: {anchor}{version}{comment}\n"
                );
                ("helm", "HelmRelease", format!("  chart:\n    spec:\n      chart: {name}\n{source}"))
            }
        };
        let url = match kind {
            "OCIRepository" => format!("  url: oci://r.example/{name}{comment}\n"),
            "GitRepository" => format!("  url: https://git.example/o/{name}\n"),
            "HelmRepository" => format!("  url: https://charts.example/{name}\n"),
            _ => String::new(),
        };
        let namespace = self.namespace.map(|n| format!("  namespace: n{n}\n")).unwrap_or_default();
        let api = if group == "helm" { "v2" } else { "v1" };
        format!(
            "# Ü {comment}\napiVersion: {group}.toolkit.fluxcd.io/{api}\nkind: {kind}\nmetadata:\n  name: {name}\n{namespace}spec:\n{url}{spec}"
        )
    }
}

/// Files of several documents each, with their line ends and byte order marks.
fn repository() -> impl Strategy<Value = Vec<SourceFile>> {
    let one = (proptest::collection::vec(object(), 1..5), 0u8..3, any::<bool>(), any::<bool>());
    proptest::collection::vec(one, 1..5).prop_map(|all| {
        let texts = all.into_iter().map(|(objects, ends, mark, newline)| {
            let texts: Vec<String> = objects.iter().map(Object::text).collect();
            let mut text = texts.join("---\n");
            if !newline {
                text.pop();
            }
            let text = text.replace('\n', ["\n", "\r\n", "\r"][ends as usize]);
            if mark { format!("\u{feff}{text}") } else { text }
        });
        texts.enumerate().map(|(at, text)| file(&format!("f{at}.yaml"), text)).collect()
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    let allow = prop_oneof![Just("none"), Just("patch"), Just("minor"), Just("major")];
    let ranges = prop_oneof![Just("keep"), Just("move")];
    let digests = prop_oneof![Just("keep"), Just("update"), Just("pin")];
    (allow, ranges, digests, any::<bool>()).prop_map(|(allow, ranges, digests, prerelease)| {
        let flags = Overrides {
            allow: Some(allow.parse().expect("a level")),
            ranges: Some(ranges.parse().expect("a mode")),
            digests: Some(digests.parse().expect("a mode")),
            prerelease: Some(prerelease),
            ..Overrides::default()
        };
        Rules::default().with(flags).expect("flags")
    })
}

/// What must hold for any plan.
fn sound(files: &[SourceFile], plan: &Plan, set: &PatchSet) -> Result<(), String> {
    let mut seen: Vec<usize> = plan.changes.iter().map(|change| change.site).collect();
    seen.extend(plan.held.iter().map(|held| held.site));
    seen.sort_unstable();
    if seen != (0..plan.sites.len()).collect::<Vec<_>>() {
        return Err("not every site is a change or held, once".to_owned());
    }
    if !set.refused.is_empty() {
        return Err(format!("refused: {:?}", set.refused));
    }
    let edited: BTreeSet<_> =
        plan.changes.iter().flat_map(|change| &change.edits).map(|edit| &edit.path).collect();
    let written: BTreeSet<_> = set.files.iter().map(|file| &file.path).collect();
    // A lock moves with the chart beside it.
    let mut others = written.difference(&edited).filter(|path| path.name() != "Chart.lock");
    if !edited.is_subset(&written) || others.next().is_some() {
        return Err("the files of the patch set are not those of the changes".to_owned());
    }
    // What moves more than scalars has a proof of its own, which `patch` has made.
    let whole: BTreeSet<_> = plan
        .changes
        .iter()
        .filter(|change| plan.site_of(change).part == Part::Api)
        .map(|change| &plan.site_of(change).at.path)
        .collect();
    for patch in &set.files {
        let before = &files.iter().find(|file| file.path == patch.path).ok_or("no such file")?.text;
        if !whole.contains(&patch.path) {
            verify(before, patch).map_err(|error| format!("{}: {error}", patch.path))?;
        }
        if patch.after == *before {
            return Err(format!("{}: a patch that changes nothing", patch.path));
        }
        let back = apply::apply(&patch.after, &apply::invert(&patch.edits));
        if back.as_ref() != Ok(before) {
            return Err(format!("{}: reversed it is {back:?}", patch.path));
        }
    }
    Ok(())
}

/// A small generator of numbers, so that an order can be named by its seed.
struct Shuffle(u64);

impl Shuffle {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }

    fn order<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }
}

/// Answers in a shuffled order, some at a time.
fn resolved(files: &[SourceFile], rules: &Rules, snapshot: &Snapshot, shuffle: &mut Shuffle) -> Resolution {
    let inventory = scan(files);
    let sites = locate(&inventory);
    let mut resolver = Resolver::new(&sites, rules);
    loop {
        match resolver.step() {
            Step::Done(resolution) => return resolution,
            Step::Ask(mut queries) => {
                shuffle.order(&mut queries);
                let some = 1 + shuffle.below(queries.len());
                for Query { id, ask, .. } in queries.into_iter().take(some) {
                    let outcome = snapshot.answer(&ask);
                    resolver.answer(id, outcome.clone()).expect("an open question");
                    resolver.answer(id, outcome).expect_err("a question that is answered");
                }
            }
        }
    }
}

/// A plan of shuffled files with shuffled answers is the same in every form.
fn same_in_any_order(
    files: &[SourceFile],
    rules: &Rules,
    snapshot: &Snapshot,
    seed: u64,
) -> Result<(), String> {
    let (first, set) = run(files, rules, Some(snapshot));
    let mut shuffle = Shuffle(seed);
    let mut mixed = files.to_vec();
    shuffle.order(&mut mixed);
    let resolution = resolved(&mixed, rules, snapshot, &mut shuffle);
    let inventory = scan(&mixed);
    let other = plan(&inventory, locate(&inventory), &resolution, rules);
    let other_set = patch(&mixed, &other);
    let (wanted, found) = (forms(files, &first, &set), forms(&mixed, &other, &other_set));
    if wanted == found { Ok(()) } else { Err(format!("{wanted}\nbecomes\n{found}")) }
}

fn no_change_again(
    files: &[SourceFile],
    rules: &Rules,
    snapshot: &Snapshot,
    set: &PatchSet,
) -> Result<(), String> {
    let after = patched(files, set);
    let (again, _) = run(&after, rules, Some(snapshot));
    match again.changes.first() {
        None => Ok(()),
        Some(change) => {
            let site = again.site_of(change);
            Err(format!("{} {} moves again: {} -> {}", site.id, site.field, change.from, change.to))
        }
    }
}

/// Whether `git apply` takes the diff, and the reverse of it back; true as well where there is no git.
fn git_applies(files: &[SourceFile], set: &PatchSet) -> Result<(), String> {
    let root = tempfile::tempdir().map_err(|error| error.to_string())?;
    let place = |file: &SourceFile| root.path().join(file.path.as_str());
    for file in files {
        fs::create_dir_all(place(file).parent().ok_or("no folder")?).map_err(|error| error.to_string())?;
        fs::write(place(file), &file.text).map_err(|error| error.to_string())?;
    }
    let forward = diff::unified(files, set).map_err(|error| error.to_string())?;
    let back = diff::reverse(files, set).map_err(|error| error.to_string())?;
    for (diff, wanted) in [(forward, patched(files, set)), (back, files.to_vec())] {
        if diff.is_empty() {
            continue;
        }
        let mut git = Command::new("git")
            .args(["-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "-"])
            .env("GIT_CEILING_DIRECTORIES", root.path().parent().ok_or("no parent")?)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .current_dir(root.path())
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("no git: {error}"))?;
        std::io::Write::write_all(&mut git.stdin.take().ok_or("no input")?, diff.as_bytes())
            .map_err(|error| error.to_string())?;
        let output = git.wait_with_output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!("{}\n{diff}", String::from_utf8_lossy(&output.stderr)));
        }
        for file in &wanted {
            if fs::read(place(file)).ok().as_deref() != Some(file.text.as_bytes()) {
                return Err(format!("git gives another {}\n{diff}", file.path));
            }
        }
    }
    Ok(())
}

fn has_git() -> bool {
    let found = Command::new("git").arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: no `git` on this machine");
    }
    found
}

/// A failure is printed with its input, which belongs into a case folder and not into a file of seeds.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Pieces that texts of any kind are put together from.
const PIECES: &[&str] = &[
    "apiVersion: source.toolkit.fluxcd.io/v1\n",
    "kind: OCIRepository\n",
    "metadata: {name: a}\n",
    "metadata:\n  name: a\n",
    "spec:\n",
    "  url: oci://r.example/a\n",
    "  ref:\n",
    "    tag: 1.2.3\n",
    "    tag: '1.2.3'\n",
    "    digest: sha256:00\n",
    "    semver: 1.x\n",
    "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n",
    "  chart: {spec: {chart: a, version: 1.2.3}}\n",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "# c\n",
    "\u{feff}",
    "\r",
    "\t",
    " ",
    "- ",
    "? ",
    ": ",
    "&a ",
    "*a",
    "<<: *a\n",
    "{",
    "}",
    "[",
    "]",
    ",",
    "|\n",
    ">-\n",
    "\"",
    "'",
    "\\",
    "!!str ",
    "é",
    "名",
    "😀",
    "\0",
    "\u{85}",
    "\u{2028}",
    "{{ .x }}",
    "${A}",
    "<<<<<<< a\n",
    ">>>>>>> b\n",
    "apiVersion: v1\nkind: List\nitems:\n",
    "sops: {mac: x}\n",
    "# flux-upgrade: ignore\n",
    "# {\"$imagepolicy\": \"a:b\"}\n",
];

fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![6 => proptest::sample::select(PIECES).prop_map(str::to_owned), 1 => "\\PC{0,6}"];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(cases(if cfg!(debug_assertions) { 256 } else { 2_000 }))]

    #[test]
    fn an_empty_plan_changes_no_byte(text in any_text()) {
        let files = [file("a.yaml", text.clone()), file("kustomization.yaml", text)];
        let (plan, set) = run(&files, &Rules::default(), None);
        prop_assert!(plan.changes.is_empty() && set.files.is_empty() && set.refused.is_empty());
        prop_assert_eq!(patched(&files, &set), files.to_vec());
        prop_assert_eq!(diff::unified(&files, &set), Ok(String::new()));
    }

    #[test]
    fn any_text_gives_a_sound_plan(texts in proptest::collection::vec(any_text(), 1..4), rules in rules()) {
        let names = ["a.yaml", "kustomization.yaml", "b/c.yml"];
        let files: Vec<SourceFile> = names.into_iter().zip(texts).map(|(name, text)| file(name, text)).collect();
        let snapshot = registry_for(&files);
        let (plan, set) = run(&files, &rules, Some(&snapshot));
        prop_assert_eq!(sound(&files, &plan, &set), Ok(()));
        prop_assert_eq!(no_change_again(&files, &rules, &snapshot, &set), Ok(()));
    }

    #[test]
    fn a_generated_repository_has_a_sound_plan(files in repository(), rules in rules(), seed in any::<u64>()) {
        let snapshot = registry_for(&files);
        let (plan, set) = run(&files, &rules, Some(&snapshot));
        prop_assert_eq!(sound(&files, &plan, &set), Ok(()));
        prop_assert_eq!(no_change_again(&files, &rules, &snapshot, &set), Ok(()));
        prop_assert_eq!(same_in_any_order(&files, &rules, &snapshot, seed), Ok(()));
    }

    #[test]
    fn any_bytes_as_rules_are_rules_or_an_error(text in any_text()) {
        let path = file(".flux-upgrade.yaml", "").path;
        if let Err(error) = Rules::parse(&path, &text) {
            prop_assert!(error.code.starts_with("rules.") && !error.message.is_empty());
        }
    }

    #[test]
    fn any_text_as_a_request_is_answered(text in any_text(), option in "\\PC{0,8}") {
        let request = serde_json::json!({
            "files": {"a.yaml": text, option.clone(): "x"},
            "options": {"allow": option, "asOf": option, "minAge": option},
        });
        for request in [request.to_string(), text] {
            let answer: serde_json::Value = serde_json::from_str(&flux_upgrade_core::bridge::plan(&request))
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert!(answer.get("plan").is_some() != answer.get("error").is_some());
        }
    }

    #[test]
    fn any_text_as_a_snapshot_is_one_or_an_error(text in any_text()) {
        prop_assert!(Snapshot::parse(&text).is_err());
    }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn git_takes_every_diff(files in repository(), rules in rules()) {
        if !has_git() {
            return Ok(());
        }
        let (_, set) = run(&files, &rules, Some(&registry_for(&files)));
        prop_assert_eq!(git_applies(&files, &set), Ok(()));
    }
}

/// Case folders in which a second plan moves on, and why.
const MOVES_AGAIN: &[(&str, &str)] = &[
    ("a-flux-of-no-cluster-leaves-the-files-of-a-cluster-alone", "Flux moves one safe step at a time"),
    ("a-value-that-a-migration-moves-follows-it", "a value waits for the migration of its document"),
    ("flux-manifests-artifact-moves-one-safe-step", "Flux moves one safe step at a time"),
    ("flux-manifests-artifact-of-a-mirror-moves-one-safe-step", "Flux moves one safe step at a time"),
    (
        "flux-of-an-artifact-a-remote-resource-or-a-chart-moves-one-safe-step",
        "Flux moves one safe step at a time",
    ),
    ("flux-instance-moves-one-safe-step", "Flux moves one safe step at a time"),
    ("flux-instance-range-moves-one-safe-step", "Flux moves one safe step at a time"),
];

#[test]
fn every_case_folder_is_sound() {
    let git = has_git();
    let mut wrong = String::new();
    let mut moved = BTreeSet::new();
    for folder in case_folders() {
        let Some(Case { name, files, rules, snapshot }) = Case::read(&folder) else { continue };
        let (plan, set) = run(&files, &rules, Some(&snapshot));
        let mut check = |what: &str, result: Result<(), String>| {
            if let Err(why) = result {
                wrong.push_str(&format!("{name}: {what}: {why}\n"));
            }
        };
        check("sound", sound(&files, &plan, &set));
        for seed in 0..8 {
            check("order", same_in_any_order(&files, &rules, &snapshot, seed));
        }
        if git {
            check("git", git_applies(&files, &set));
        }
        match no_change_again(&files, &rules, &snapshot, &set) {
            Err(_) if MOVES_AGAIN.iter().any(|(case, _)| *case == name) => {
                moved.insert(name);
            }
            other => check("again", other),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(moved.len(), MOVES_AGAIN.len(), "only these move again: {moved:?}");
}
