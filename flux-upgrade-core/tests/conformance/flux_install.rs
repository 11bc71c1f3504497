//! Flux's own manifests, byte for byte.

use super::{shared, text_of};
use flate2::read::GzDecoder;
use flux_upgrade_core::flux::{LocalEdits, Options, Release, prove, recover, render, upgrade};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    GzDecoder::new(fs::File::open(path).expect("a file")).read_to_string(&mut text).expect("gzip");
    text
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("a file")).expect("JSON")
}

/// A release of `flux-releases`.
pub(super) fn release(shared: &Path, version: &str) -> Option<Release> {
    let archive = fs::read(shared.join("flux-releases").join(version).join("manifests.tar.gz")).ok()?;
    Some(Release::read(version, &archive).expect("an archive of a release"))
}

/// Options as the cases write them: snake_case keys, lists, booleans, nulls.
fn options(given: &Value) -> Options {
    let mut options = Options::default();
    for flag in Options::FLAGS {
        let value = match &given[flag.replace('-', "_")] {
            Value::Null => continue,
            Value::Array(list) => list.iter().map(text_of).collect::<Vec<_>>().join(","),
            Value::Bool(value) => value.to_string(),
            value => text_of(value).to_owned(),
        };
        options.set(flag, &value).expect("an option");
    }
    options
}

#[track_caller]
fn same(found: &str, wanted: &str, name: &str) {
    if found != wanted {
        let line = found.lines().zip(wanted.lines()).position(|(a, b)| a != b).unwrap_or_default();
        let show =
            |text: &str| text.lines().skip(line.saturating_sub(3)).take(8).collect::<Vec<_>>().join("\n");
        panic!("{name}, line {}:\nfound\n{}\nwanted\n{}", line + 1, show(found), show(wanted));
    }
}

#[test]
fn option_sets() {
    let Some(shared) = shared().filter(|folder| folder.join("flux-install-cases").is_dir()) else {
        eprintln!("skipped: no ../shared/flux-install-cases");
        return;
    };
    let folder = shared.join("flux-install-cases");
    let cases = json(&folder.join("cases.json"));
    let cases = cases.as_array().expect("cases");
    for case in cases {
        let release = release(&shared, text_of(&case["version"])).expect("a release");
        let mut given = case["options"].clone();
        given["components"] = case["components"].clone();
        let found = render(&release, &options(&given)).expect("a text");
        same(&found, &unpacked(&folder.join(text_of(&case["expected"]))), text_of(&case["expected"]));
    }
    eprintln!("flux-install-cases: {0}/{0} met", cases.len());
    assert!(cases.len() >= 11);
}

#[test]
fn vectors() {
    let Some(folder) =
        shared().map(|folder| folder.join("vectors/flux_install")).filter(|folder| folder.is_dir())
    else {
        eprintln!("skipped: no ../shared/vectors/flux_install");
        return;
    };
    let vectors = json(&folder.join("cases.json"));
    let default = fs::read_to_string(folder.join("default-v2.8.8.yaml")).expect("a file");
    let cases = vectors["cases"].as_array().expect("cases");
    for case in cases {
        let (input, expected) = (&case["input"], &case["expected"]);
        let files = fs::read_dir(folder.join(text_of(&input["manifests"]))).expect("a folder").flatten();
        let files = files.map(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            (name, fs::read_to_string(file.path()).expect("a file"))
        });
        let release = Release::from_files(text_of(&input["version"]), files).expect("a release");
        let found = render(&release, &options(&input["options"])).expect("a text");
        if input["options"].as_object().is_some_and(serde_json::Map::is_empty) {
            same(&found, &default, "default");
        }
        assert_eq!(found.len() as u64, expected["bytes"].as_u64().expect("a number"), "{}", case["id"]);
        assert_eq!(sha256(found.as_bytes()), text_of(&expected["sha256"]), "{}", case["id"]);
    }
    eprintln!("flux_install: {0}/{0} met", cases.len());
    assert!(cases.len() >= 15);
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The files of the pairs of Flux's own manifests, by blob.
fn blobs(shared: &Path) -> Vec<(String, String)> {
    let archive = fs::read(shared.join("replay/gotk-manifests.tar.xz")).expect("an archive");
    let mut unpacked = Vec::new();
    lzma_rs::xz_decompress(&mut archive.as_slice(), &mut unpacked).expect("xz");
    let mut archive = tar::Archive::new(unpacked.as_slice());
    let mut out = Vec::new();
    for entry in archive.entries().expect("tar") {
        let mut entry = entry.expect("tar");
        let name = entry.path().expect("a path").file_stem().expect("a name").to_string_lossy().into_owned();
        let mut text = String::new();
        if entry.read_to_string(&mut text).is_ok() {
            out.push((name, text));
        }
    }
    out
}

/// Every release at hand, oldest first.
fn releases(shared: &Path) -> Vec<Release> {
    let folder = fs::read_dir(shared.join("flux-releases")).expect("a folder");
    let names = folder.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut all: Vec<Release> = names.filter_map(|version| release(shared, &version)).collect();
    all.sort_by(|a, b| a.version().cmp_precedence(b.version()));
    all
}

fn of_version<'r>(releases: &'r [Release], version: &str) -> Option<&'r Release> {
    releases.iter().find(|release| release.version().text() == version)
}

fn lines_of(path: &Path) -> Vec<Value> {
    unpacked(path).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn files_of_public_repositories() {
    let Some(shared) = shared().filter(|folder| folder.join("replay/gotk-manifests.tar.xz").is_file()) else {
        eprintln!("skipped: no ../shared/replay/gotk-manifests.tar.xz");
        return;
    };
    let releases = releases(&shared);
    let blobs = blobs(&shared);
    let known: Value =
        serde_json::from_str(&unpacked(&shared.join("replay/gotk-manifests.json.gz"))).expect("JSON");
    let known: BTreeMap<&str, &Value> =
        known.as_array().expect("a list").iter().map(|entry| (text_of(&entry["blob"]), entry)).collect();
    let (mut recovered, mut not_flux, mut proven, mut explained) = (0, 0, 0, 0);
    let mut causes: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (name, text) in &blobs {
        let entry = known[name.as_str()];
        let found = match recover(text) {
            Ok(found) => found,
            Err(error) => {
                not_flux += 1;
                if !entry["controllers"].as_array().is_none_or(Vec::is_empty)
                    && error.code() != "recover.syntax"
                {
                    wrong.push(format!("{name}: {error}"));
                }
                continue;
            }
        };
        recovered += 1;
        let tags: BTreeMap<String, String> = serde_json::from_value(entry["images"].clone()).expect("images");
        for (component, tag) in tags {
            let found = found.images.get(component.trim_end_matches("-arm64"));
            if found.and_then(|found| found.split('@').next()) != Some(tag.as_str()) {
                wrong.push(format!("{name}: {component} {found:?}, wanted {tag}"));
            }
        }
        let release = found.version().and_then(|version| of_version(&releases, version));
        let Some(release) = release else { continue };
        let proof = prove(text, release, &releases).expect("a proof");
        match proof.is_consistent() {
            true => proven += 1,
            false => explained += 1,
        }
        for one in &proof.differences {
            let cause = serde_json::to_value(&one.cause).expect("JSON");
            *causes.entry(text_of(&cause["kind"]).to_owned()).or_default() += 1;
        }
    }
    eprintln!(
        "gotk-manifests: {recovered} recovered, {not_flux} without controllers, {proven} proven, {explained} explained: {causes:?}"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(recovered >= 890 && proven >= 50 && proven + explained >= 117);
}

/// What moving a file to the version of the next one gave.
#[derive(Default, Debug)]
struct Moves {
    /// Pairs with both releases at hand.
    pairs: usize,
    /// Those that move the version.
    moves: usize,
    /// The file before was consistent, and ours equals the file after.
    equal: usize,
    /// The same, with an older version after: rendered, since an upgrade refuses it.
    back: usize,
    /// The same, and the file after is no whole release.
    after_is_mixed: usize,
    /// The file before was edited; carrying the edits over gives the file after.
    edited_equal: usize,
    /// The same, and the edit holds it.
    edited_held: usize,
    wrong: Vec<String>,
}

#[test]
fn pairs_of_public_repositories() {
    let Some(shared) = shared().filter(|folder| folder.join("replay/gotk-cases.jsonl.gz").is_file()) else {
        eprintln!("skipped: no ../shared/replay/gotk-cases.jsonl.gz");
        return;
    };
    let releases = releases(&shared);
    let blobs: BTreeMap<String, String> = blobs(&shared).into_iter().collect();
    let mut found = Moves::default();
    for case in lines_of(&shared.join("replay/gotk-cases.jsonl.gz")) {
        let version = |key: &str| of_version(&releases, text_of(&case[key]));
        let (Some(from), Some(to)) = (version("flux_before"), version("flux_after")) else { continue };
        found.pairs += 1;
        if from.version() == to.version() {
            continue;
        }
        found.moves += 1;
        let text = |key: &str| blobs[text_of(&case[key])].as_str();
        pair_of_texts(
            text("before_blob"),
            text("after_blob"),
            to,
            &releases,
            &mut found,
            text_of(&case["id"]),
        );
    }
    eprintln!("gotk-cases: {found:?}");
    assert!(found.wrong.is_empty(), "{:?}", found.wrong);
    assert!(found.pairs >= 126 && found.moves >= 63 && found.equal >= 47 && found.edited_equal >= 11);
    assert_eq!(
        found.moves,
        found.equal + found.back + found.after_is_mixed + found.edited_equal + found.edited_held
    );
}

fn pair_of_texts(before: &str, after: &str, to: &Release, releases: &[Release], found: &mut Moves, id: &str) {
    // The header of a file may name another release than its objects.
    let of = |text: &str| {
        let version = recover(text).expect("options").version().expect("a version").to_owned();
        of_version(releases, &version).expect("a release")
    };
    let from = of(before);
    let proof = prove(before, from, releases).expect("a proof");
    if to.version().cmp_precedence(from.version()).is_lt() {
        match render(to, &proof.recovered.options).is_ok_and(|text| text == after) {
            true => found.back += 1,
            false if !prove(after, of(after), releases).expect("a proof").is_consistent() => {
                found.after_is_mixed += 1;
            }
            false => found.wrong.push(format!("{id}: back")),
        }
        return;
    }
    let local = if proof.is_consistent() { LocalEdits::Hold } else { LocalEdits::Keep };
    let text = upgrade(before, from, to, releases, local).expect("an upgrade").text;
    let same = text.as_deref() == Some(after);
    match (proof.is_consistent(), text) {
        (true, Some(_)) if same => found.equal += 1,
        // The file after has differences to every release, so that ours is the right one.
        (true, Some(_)) if !prove(after, of(after), releases).expect("a proof").is_consistent() => {
            found.after_is_mixed += 1;
        }
        (false, Some(_)) if same => found.edited_equal += 1,
        (false, None) => found.edited_held += 1,
        (..) => found.wrong.push(format!("{id}: another text")),
    }
}

#[test]
fn files_of_whole_repositories() {
    let Some(shared) = shared().filter(|folder| folder.join("replay/trees").is_dir()) else {
        eprintln!("skipped: no ../shared/replay/trees");
        return;
    };
    let releases = releases(&shared);
    let (mut proven, mut other) = (0, Vec::new());
    for tree in fs::read_dir(shared.join("replay/trees")).expect("a folder").flatten() {
        if !tree.file_name().to_string_lossy().ends_with(".tar.gz") {
            continue;
        }
        let mut archive = tar::Archive::new(GzDecoder::new(fs::File::open(tree.path()).expect("a file")));
        for entry in archive.entries().expect("tar") {
            let mut entry = entry.expect("tar");
            let path = entry.path().expect("a path").to_string_lossy().into_owned();
            let mut text = String::new();
            if !path.ends_with("-components.yaml") || entry.read_to_string(&mut text).is_err() {
                continue;
            }
            let Ok(recovered) = recover(&text) else { continue };
            let release = recovered.version().and_then(|version| of_version(&releases, version));
            match release.map(|release| prove(&text, release, &releases).expect("a proof").is_consistent()) {
                Some(true) => proven += 1,
                _ => other.push(path),
            }
        }
    }
    eprintln!("trees: {proven} proven, others: {other:?}");
    assert!(proven >= 7 && other.is_empty());
}
