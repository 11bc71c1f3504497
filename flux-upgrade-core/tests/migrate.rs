//! Migrations, one folder per rule: `tests/migrate/README.md` says what is in a folder. And whole public repositories, where
//! they lie beside the checkout.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells what it does and may fail")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use common::{patched, shared, trees, unpacked, walk};
use flux_upgrade_core::SourceFile;
use flux_upgrade_core::migrate::{Goal, Migration, Preflight, apis, behaviours, migrate, preflight};
use flux_upgrade_core::patch::{apply, diff};
use flux_upgrade_core::version::{FluxMinor, Version};
use proptest::prelude::*;

fn goal(to: &str) -> Goal {
    Goal::release(to.parse().expect("a minor")).expect("a known minor")
}

fn texts(folder: &Path) -> Vec<SourceFile> {
    let mut files = Vec::new();
    if folder.is_dir() {
        walk(folder, "", &mut files);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// A migration in the words of `expect.txt`.
fn lines(migration: &Migration) -> String {
    let mut out = String::new();
    for change in &migration.changes {
        let fields: String = change.fields.iter().map(|field| format!("; {field}")).collect();
        let (at, object) = (&change.at, &change.object);
        out.push_str(&format!(
            "{}:{} {object}: {} -> {}{fields}\n",
            at.path, at.line, change.from, change.to
        ));
    }
    for finding in &migration.findings {
        out.push_str(&format!("! {} {}\n", finding.at, finding.code));
    }
    out
}

/// What holds for every migration, whatever it does.
fn laws(files: &[SourceFile], migration: &Migration, goal: &Goal, wrong: &mut Vec<String>, name: &str) {
    let mut check = |holds: bool, what: &str| {
        if !holds {
            wrong.push(format!("== {name}: {what}"));
        }
    };
    check(migration.set.refused.is_empty(), &format!("refused {:?}", migration.set.refused));
    for patch in &migration.set.files {
        let before = &files.iter().find(|file| file.path == patch.path).expect("the file").text;
        check(apply::apply(before, &patch.edits).as_ref() == Ok(&patch.after), "the edits give another text");
        let back = apply::apply(&patch.after, &apply::invert(&patch.edits));
        check(back.as_ref() == Ok(before), "it does not go back");
    }
    check(diff::unified(files, &migration.set).is_ok(), "it has no diff");
    let after = patched(files, &migration.set);
    let again = migrate(&after, goal);
    check(
        again.changes.is_empty() && again.set.files.is_empty(),
        &format!("moves again: {:?}", again.changes),
    );
    let mut reversed = files.to_vec();
    reversed.reverse();
    check(migrate(&reversed, goal) == *migration, "the order of files matters");
}

#[test]
fn every_folder_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/migrate");
    let entries = fs::read_dir(root).expect("the folders").flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(folders.len() >= 20, "only {} folders were found", folders.len());
    let mut wrong = Vec::new();
    for folder in folders {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let options = fs::read_to_string(folder.join("options.json")).unwrap_or_else(|_| "{}".to_owned());
        let options: serde_json::Value = serde_json::from_str(&options).expect("options are JSON");
        let mut goal = goal(options["to"].as_str().unwrap_or("2.9"));
        if let Some(from) = options["from"].as_str() {
            goal = Goal::step(from.parse().expect("a minor"), goal.to()).expect("known minors");
        }
        let files = texts(&folder.join("in"));
        let migration = migrate(&files, &goal);
        let expected = fs::read_to_string(folder.join("expect.txt")).unwrap_or_default();
        let found = lines(&migration);
        if found != expected {
            wrong.push(format!("== {name}\nwanted\n{expected}found\n{found}"));
        }
        let after: BTreeMap<String, String> =
            migration.set.files.iter().map(|file| (file.path.to_string(), file.after.clone())).collect();
        let wanted: BTreeMap<String, String> =
            texts(&folder.join("out")).into_iter().map(|file| (file.path.to_string(), file.text)).collect();
        for path in after.keys().chain(wanted.keys()).collect::<BTreeSet<_>>() {
            if after.get(path) != wanted.get(path) {
                wrong.push(format!(
                    "== {name}: {path} differs\n{}",
                    after.get(path).map_or("unchanged", |text| text)
                ));
            }
        }
        laws(&files, &migration, &goal, &mut wrong, &name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_preflight_folder_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/preflight");
    let entries = fs::read_dir(root).expect("the folders").flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    let mut wrong = Vec::new();
    let mut codes = BTreeSet::new();
    for folder in folders {
        let options = fs::read_to_string(folder.join("options.json")).unwrap_or_else(|_| "{}".to_owned());
        let options: serde_json::Value = serde_json::from_str(&options).expect("options are JSON");
        let minor = |key: &str| options[key].as_str().map(|text| text.parse().expect("a minor"));
        let kubernetes = options["kubernetes"].as_str().map(|text| Version::parse(text).expect("a version"));
        let asked = Preflight { from: minor("from"), to: minor("to"), kubernetes };
        let mut files = texts(&folder.join("in"));
        let found = preflight(&files, &asked);
        codes.extend(found.iter().map(|finding| finding.code));
        let lines: String = found
            .iter()
            .map(|finding| {
                format!("{} {} {}: {}\n", finding.at, finding.severity, finding.code, finding.message)
            })
            .collect();
        let expected = fs::read_to_string(folder.join("expect.txt")).unwrap_or_default();
        if lines != expected {
            wrong.push(format!("== {}\nwanted\n{expected}found\n{lines}", folder.display()));
        }
        files.reverse();
        assert_eq!(preflight(&files, &asked), found, "the order of files matters");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for change in behaviours() {
        assert!(codes.contains(change.code), "no folder shows {}", change.code);
    }
}

/// Lines of a text that name an API which `minor` does not serve, by a search that knows no YAML.
fn unserved(text: &str, minor: FluxMinor) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.trim_start();
        if code.starts_with('#') || !code.contains("apiVersion") {
            continue;
        }
        for api in apis().iter().filter(|api| !api.is_served(minor)) {
            let name = format!("{}/{}", api.group, api.version);
            let found = code
                .match_indices(&name)
                .any(|(at, _)| !code[at + name.len()..].starts_with(|c: char| c.is_ascii_alphanumeric()));
            let is_served = apis().iter().any(|other| {
                (other.group, other.version) == (api.group, api.version) && other.is_served(minor)
            });
            if found && !is_served {
                out.push((number + 1, name));
            }
        }
    }
    out.dedup();
    out
}

#[test]
fn whole_repositories_have_no_api_left_that_is_not_served_but_those_told_of() {
    let Some(folder) = shared("replay/trees") else { return };
    let mut wrong = Vec::new();
    for (name, archive) in trees(&folder) {
        let mut files = unpacked(&archive);
        files.retain(|file| {
            [".yaml", ".yml", "Kustomization"].iter().any(|end| file.path.as_str().ends_with(end))
        });
        let goal = goal("2.9");
        let migration = migrate(&files, &goal);
        laws(&files, &migration, &goal, &mut wrong, &name);
        let told: BTreeSet<(String, usize)> =
            migration.findings.iter().map(|finding| (finding.at.path.to_string(), finding.at.line)).collect();
        let mut left = 0;
        for file in patched(&files, &migration.set) {
            if file.path.name() == "gotk-components.yaml" {
                continue;
            }
            // Lines of a file that changes may have moved: its findings are counted instead.
            let moved = migration.set.files.iter().any(|patch| patch.path == file.path);
            let here = told.iter().filter(|(path, _)| *path == file.path.to_string()).count();
            let found = unserved(&file.text, goal.to());
            left += found.len();
            let told = |line: usize| told.contains(&(file.path.to_string(), line));
            let fine = if moved { found.len() <= here } else { found.iter().all(|(line, _)| told(*line)) };
            if !fine {
                wrong.push(format!("== {name}: {} still has {found:?}", file.path));
            }
        }
        println!(
            "{name}: {} files, {} objects in {} files migrated, {} findings, {left} left and told of",
            files.len(),
            migration.changes.len(),
            migration.set.files.len(),
            migration.findings.len()
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Lines of the folders' files, each changed a little: what people write, and what nobody should.
fn mangled() -> impl Strategy<Value = String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/migrate");
    let mut all = Vec::new();
    for folder in fs::read_dir(root).expect("the folders").flatten() {
        all.extend(texts(&folder.path().join("in")).into_iter().map(|file| file.text));
    }
    all.sort();
    let change = (any::<prop::sample::Index>(), 0..7_u8, any::<prop::sample::Index>());
    (prop::sample::select(all), prop::collection::vec(change, 0..6)).prop_map(|(text, changes)| {
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        for (at, what, other) in changes {
            let (at, other) = (at.index(lines.len()), other.index(lines.len()));
            match what {
                0 => drop(lines.remove(at)),
                1 => lines.insert(at, "# a comment\n".to_owned()),
                2 => lines.insert(at, "\n".to_owned()),
                3 => lines.insert(at, format!("  {}", lines[other])),
                4 => lines[at] = lines[at].trim_end().to_owned() + " # on the line\n",
                5 => lines.swap(at, other),
                _ => lines[at] = lines[at].replacen(": ", ": &a ", 1),
            }
            if lines.is_empty() {
                lines.push("\n".to_owned());
            }
        }
        lines.concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::default())]

    #[test]
    fn whatever_is_written_is_migrated_whole_or_left_alone(text in mangled()) {
        let files = [common::file("a.yaml", text)];
        let goal = goal("2.9");
        let migration = migrate(&files, &goal);
        let mut wrong = Vec::new();
        laws(&files, &migration, &goal, &mut wrong, "mangled");
        prop_assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), files[0].text);
    }
}

/// The APIs in the definitions of one release: group, kind and version, whether they are stored, whether deprecated.
fn defined(archive: &Path) -> BTreeSet<(String, String, String, bool, bool)> {
    let reader = flate2::read::GzDecoder::new(fs::File::open(archive).expect("an archive"));
    let mut out = BTreeSet::new();
    for entry in tar::Archive::new(reader).entries().expect("entries") {
        let mut text = String::new();
        entry.expect("an entry").read_to_string(&mut text).expect("a text");
        for document in text.split("\n---\n").filter(|text| text.contains("kind: CustomResourceDefinition")) {
            let documents = yaml_rust2::YamlLoader::load_from_str(document).expect("YAML");
            let spec = &documents[0]["spec"];
            let text = |value: &yaml_rust2::Yaml| value.as_str().expect("a text").to_owned();
            for version in spec["versions"].as_vec().expect("versions") {
                if version["served"].as_bool() == Some(true) {
                    let stored = version["storage"].as_bool() == Some(true);
                    let deprecated = version["deprecated"].as_bool() == Some(true);
                    let kind = text(&spec["names"]["kind"]);
                    out.insert((text(&spec["group"]), kind, text(&version["name"]), stored, deprecated));
                }
            }
        }
    }
    out
}

#[test]
fn the_table_of_apis_is_what_the_releases_define() {
    let Some(releases) = shared("flux-releases") else { return };
    let mut count = 0;
    for release in fs::read_dir(releases).expect("a folder").flatten() {
        let name = release.file_name().to_string_lossy().into_owned();
        let minor: FluxMinor = name.parse().expect("a release");
        let stored = goal(&minor.to_string());
        let known: BTreeSet<_> = apis()
            .iter()
            .filter(|api| api.is_served(minor))
            .map(|api| {
                let is_stored = stored.version(api.group, api.kind) == Some(api.version);
                let [group, kind, version] = [api.group, api.kind, api.version].map(str::to_owned);
                (group, kind, version, is_stored, api.is_deprecated(minor))
            })
            .collect();
        let found = defined(&release.path().join("manifests.tar.gz"));
        let differ: Vec<_> = known.symmetric_difference(&found).collect();
        assert!(differ.is_empty(), "{name}: {differ:?}");
        count += 1;
    }
    println!("{count} releases define what the table says");
    assert!(count >= 29, "{count}");
}
