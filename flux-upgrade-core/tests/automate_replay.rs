//! What Flux's image automation committed in public repositories, elected again from the same policies and tags.
//!
//! Print the counts and every field that came out otherwise with
//!
//! ```text
//! cargo test -p flux-upgrade-core --test automate_replay -- --nocapture
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells what it does and may fail")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use common::{file, shared};
use flux_upgrade_core::locate::{Site, SourceKey};
use flux_upgrade_core::resolve::{Snapshot, offline};
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::{SourceFile, automate, patch, plan, scan};
use serde_json::{Value, json};

/// Marked fields that must get the value of the commit, in per cent of those whose policy and tags are in the data.
const FLOOR: f64 = 95.0;

/// Versions of each package with the date that they were first seen.
type Registries = BTreeMap<String, Vec<(String, String)>>;

fn registries(folder: &Path) -> Registries {
    let bytes = std::fs::File::open(folder.join("registries.json.gz")).expect("the registries");
    let data: Value = serde_json::from_reader(flate2::read::GzDecoder::new(bytes)).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let packages = data.as_object().expect("packages").iter();
    packages
        .map(|(name, package)| {
            let versions = package["versions"].as_array().expect("versions").iter();
            (name.clone(), versions.map(|one| (text(&one[0]), text(&one[1]))).collect())
        })
        .collect()
}

/// The cases in which a marked field moved.
fn cases(folder: &Path) -> Vec<Value> {
    let packed = std::fs::read(folder.join("cases.jsonl.xz")).expect("the cases");
    let mut text = Vec::new();
    lzma_rs::xz_decompress(&mut packed.as_slice(), &mut text).expect("xz");
    let rows = text.split(|byte| *byte == b'\n');
    let marked = rows.filter(|row| row.windows(8).any(|bytes| bytes == b"\"marker\""));
    marked.map(|row| serde_json::from_slice(row).expect("JSON")).collect()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// How many folders two paths have in common.
fn nearness(a: &str, b: &str) -> usize {
    if a == b { usize::MAX } else { a.split('/').zip(b.split('/')).take_while(|(a, b)| a == b).count() }
}

/// A file of a case with the objects that its markers mean: of namesakes the nearest, since the data does not say which
/// cluster applies them; what is no whole object is a patch of kustomize.
fn repository(case: &Value, path: &str) -> Vec<SourceFile> {
    let before = |path: &str| {
        let found = case["files"].as_array().into_iter().flatten().find(|one| text(one, "path") == path);
        found.map(|one| text(one, "before").to_owned())
    };
    let mut objects: BTreeMap<(&str, &str, &str), Vec<&Value>> = BTreeMap::new();
    for object in case["context"].as_array().into_iter().flatten() {
        let key = (text(object, "kind"), text(object, "namespace"), text(object, "name"));
        objects.entry(key).or_default().push(object);
    }
    let (mut resources, mut patches) = (BTreeMap::new(), BTreeMap::new());
    for ((kind, ..), all) in objects {
        let own = all.iter().filter(|object| object["text"].is_null());
        for object in own.filter(|object| text(object, "path") != path) {
            // It stands in another file of the commit.
            let place = text(object, "path");
            resources.insert(place.to_owned(), before(place).unwrap_or_default());
        }
        let is_whole = |object: &&&Value| {
            let needed: &[&str] = match kind {
                "ImagePolicy" => &["imageRepositoryRef:"],
                _ => &["image:"],
            };
            object["text"].as_str().is_some_and(|text| needed.iter().all(|field| text.contains(field)))
        };
        let near = |object: &&&Value| nearness(text(object, "path"), path);
        let written = all.iter().filter(|object| object["text"].is_string());
        let whole = written.clone().filter(is_whole).max_by_key(near).copied();
        let part = written.filter(|object| !is_whole(object)).max_by_key(near).copied();
        let list = [(whole, &mut resources), (part, &mut patches)];
        for (object, files) in list.into_iter().filter_map(|(object, files)| Some((object?, files))) {
            let number = object["doc"].as_u64().unwrap_or_default();
            let place = format!("{}.{number}.yaml", text(object, "path"));
            files.insert(place, text(object, "text").to_owned());
        }
    }
    let is_patched = case["traits"].as_array().into_iter().flatten().any(|one| one == "policy-patched");
    if is_patched {
        // The file is itself one of patches.
        patches.insert(path.to_owned(), before(path).unwrap_or_default());
    }
    let list = |files: &BTreeMap<String, String>, before: &str| -> String {
        files.keys().map(|path| format!("  - {before}{path}\n")).collect()
    };
    let mut kustomization =
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n".to_owned();
    kustomization.push_str(&list(&resources, ""));
    kustomization.push_str("patches:\n");
    kustomization.push_str(&list(&patches, "path: "));
    let mut files = vec![file("kustomization.yaml", kustomization)];
    let mut all = resources;
    all.extend(patches);
    all.insert(path.to_owned(), before(path).unwrap_or_default());
    files.extend(all.into_iter().map(|(path, text)| file(&path, text)));
    files
}

#[derive(Debug, Default)]
struct Counts {
    files: usize,
    fields: usize,
    elected: usize,
    /// Fields left out: no tags, or no policy, in the data.
    without_tags: usize,
    without_policy: usize,
    /// Files whose fields all are in the data, and those of them that came out as committed.
    whole_files: usize,
    same_files: usize,
    /// Those in which the commit changed other bytes too, though each marked field is as committed.
    other_edits: usize,
}

/// What one changed file of a case becomes.
fn replay(case: &Value, one: &Value, registries: &Registries, counts: &mut Counts) {
    let path = text(one, "path");
    let changes = case["changes"].as_array().into_iter().flatten();
    let own = changes.filter(|change| text(change, "path") == path);
    let marked: Vec<&Value> = own.filter(|change| !change["marker"].is_null()).collect();
    if marked.is_empty() {
        return;
    }
    counts.files += 1;
    let files = repository(case, path);
    let inventory = scan(&files);
    let sites = automate::sites(&inventory);
    let site_of = |change: &Value| -> Option<&Site> {
        let (line, column) = (change["line"].as_u64()? as usize, change["col"].as_u64()? as usize);
        let of_line = |site: &&Site| site.at.path.as_str() == path && site.at.line == line;
        let width = |site: &&Site| site.at.column - 1 <= column;
        sites.iter().filter(of_line).filter(width).max_by_key(|site| site.at.column)
    };
    // The tags of the day, for what the policies look at.
    let mut tags: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for change in &marked {
        let Some(site) = site_of(change) else { continue };
        let Ok(SourceKey::Oci { repository }) = &site.source else { continue };
        let known = registries.get(&format!("docker||{}", text(&change["dep"], "package")));
        let seen = known.into_iter().flatten().filter(|(_, first)| first.as_str() <= text(case, "date"));
        tags.entry(repository.clone()).or_default().extend(seen.map(|(tag, _)| tag.as_str()));
    }
    let answers: Vec<Value> = tags
        .iter()
        .map(|(repository, tags)| {
            let tags: Vec<Value> = tags.iter().map(|tag| json!({ "tag": tag })).collect();
            json!({ "repository": repository, "tags": tags })
        })
        .collect();
    let snapshot = json!({
        "schema": "flux-upgrade/registry-snapshot/v1", "taken": text(case, "date"), "oci": answers,
    });
    let snapshot = Snapshot::parse(&snapshot.to_string()).expect("a snapshot");
    let mut is_whole = true;
    let mut rows = Vec::new();
    for change in &marked {
        let has_tags = !change["seen_candidates"].is_null();
        let site = site_of(change);
        let by = site.map(|site| &site.source);
        let (policy, at) = (text(change, "marker"), change["line"].as_u64().unwrap_or_default());
        let tell = |why: &str| println!("{} {path}:{at} {policy}: {why}", text(case, "id"));
        if !matches!(by, Some(Ok(_))) {
            tell(&format!("no policy: {:?}", by.map(|by| by.as_ref().map_err(ToString::to_string))));
            counts.without_policy += 1;
            is_whole = false;
        } else if !has_tags {
            counts.without_tags += 1;
            is_whole = false;
        } else if let Some(site) = site {
            counts.fields += 1;
            rows.push((site.at.clone(), *change));
        }
    }
    let rules = Rules::default();
    let resolution = offline(&sites, &rules, Some(&snapshot));
    let plan = plan(&inventory, sites.clone(), &resolution, &rules);
    let set = patch(&files, &plan);
    let (before, wanted) = (text(one, "before"), text(one, "after"));
    let after = set.files.iter().find(|file| file.path.as_str() == path);
    let after = after.map_or(before, |file| file.after.as_str());
    let line = |text: &str, number: usize| text.lines().nth(number - 1).unwrap_or_default().to_owned();
    let mut is_elected = true;
    for (at, change) in rows {
        if line(after, at.line) == line(wanted, at.line) {
            counts.elected += 1;
            continue;
        }
        is_elected = false;
        let held = plan.held.iter().find(|held| plan.sites[held.site].at == at);
        let found = held.map_or_else(|| line(after, at.line), |held| held.reason.to_string());
        let (policy, old, new) =
            (text(change, "marker"), text(change, "old_value"), text(change, "new_value"));
        println!("{} {at} {policy}: {old} -> {new}, found {}", text(case, "id"), found.trim());
    }
    // Only scalars with a marker change, and everything around them stays.
    let mut rest = before.to_owned();
    let mut own: Vec<_> =
        plan.changes.iter().filter(|change| plan.site_of(change).at.path.as_str() == path).collect();
    own.sort_by_key(|change| std::cmp::Reverse(plan.site_of(change).at.span.start));
    for change in own {
        let (site, span) = (plan.site_of(change), plan.site_of(change).spot.at.span);
        assert!(site.marker.is_some(), "a change without a marker: {}", site.at);
        let quote = before[span.start..].chars().next().filter(|first| "'\"".contains(*first));
        let quote = quote.map(String::from).unwrap_or_default();
        rest.replace_range(span.start..span.end, &format!("{quote}{}{quote}", change.to));
    }
    assert_eq!(rest, after, "{} {path}: more than the scalars", text(case, "id"));
    if is_whole {
        counts.whole_files += 1;
        counts.same_files += usize::from(after == wanted);
        counts.other_edits += usize::from(after != wanted && is_elected);
    }
}

#[test]
fn automation_elects_what_was_committed() {
    let Some(folder) = shared("replay") else { return };
    let registries = registries(&folder);
    let mut counts = Counts::default();
    for case in cases(&folder) {
        for one in case["files"].as_array().into_iter().flatten() {
            replay(&case, one, &registries, &mut counts);
        }
    }
    let share = 100.0 * counts.elected as f64 / counts.fields as f64;
    println!("{counts:?}: {share:.2} %");
    assert!(counts.fields >= 665 && share >= FLOOR, "{counts:?}: {share:.2} %");
}
