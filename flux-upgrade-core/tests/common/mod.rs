//! What the tests of whole runs share: files, a made-up registry, and the pipeline.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use flux_upgrade_core::locate::{Consumer, Part, Site, SourceKey};
use flux_upgrade_core::patch::{PatchSet, diff};
use flux_upgrade_core::plan::Plan;
use flux_upgrade_core::report::{self, Style, Tense};
use flux_upgrade_core::resolve::{Snapshot, offline};
use flux_upgrade_core::rules::{Overrides, Rules};
use flux_upgrade_core::time::{Age, Timestamp};
use flux_upgrade_core::{RepoPath, SourceFile, locate, patch, plan, scan};
use serde_json::{Value, json};

/// A file of a repository.
pub(crate) fn file(path: &str, text: impl Into<String>) -> SourceFile {
    SourceFile { path: RepoPath::parse(path).expect("a path inside"), text: text.into() }
}

/// The plan of `files` and its text side.
pub(crate) fn run(files: &[SourceFile], rules: &Rules, snapshot: Option<&Snapshot>) -> (Plan, PatchSet) {
    let inventory = scan(files);
    let sites = locate(&inventory);
    let resolution = offline(&sites, rules, snapshot);
    let plan = plan(&inventory, sites, &resolution, rules);
    let set = patch(files, &plan);
    (plan, set)
}

/// Every form of a plan, one after the other.
pub(crate) fn forms(files: &[SourceFile], plan: &Plan, set: &PatchSet) -> String {
    let mut text = report::json(files, plan, set, None);
    text.push_str(&diff::unified(files, set).expect("edits that fit"));
    text.push_str(&diff::reverse(files, set).expect("edits that fit"));
    text.push_str(&report::markdown(plan));
    text.push_str(&report::table(plan, Style::default(), Tense::Planned));
    text.push_str(&report::edits(files, set));
    text
}

/// The files with the patch set in them, and those that it adds.
pub(crate) fn patched(files: &[SourceFile], set: &PatchSet) -> Vec<SourceFile> {
    let after: BTreeMap<&RepoPath, &str> =
        set.files.iter().map(|file| (&file.path, file.after.as_str())).collect();
    let text = |file: &SourceFile| (*after.get(&file.path).unwrap_or(&file.text.as_str())).to_owned();
    let mut out: Vec<SourceFile> =
        files.iter().map(|file| SourceFile { path: file.path.clone(), text: text(file) }).collect();
    let is_new = |path: &RepoPath| files.iter().all(|file| file.path != *path);
    let new = set.files.iter().filter(|file| is_new(&file.path));
    out.extend(new.map(|file| SourceFile { path: file.path.clone(), text: file.after.clone() }));
    out
}

/// A registry that has, for every site of `files`, what is written there and something newer.
pub(crate) fn registry_for(files: &[SourceFile]) -> Snapshot {
    let inventory = scan(files);
    let sites = locate(&inventory);
    Snapshot::parse(&snapshot_of(&sites).to_string()).expect("a snapshot")
}

/// What [`registry_for`] reads, as JSON.
pub(crate) fn snapshot_of(sites: &[Site]) -> Value {
    let mut helm: BTreeMap<&str, BTreeMap<&str, BTreeMap<String, Value>>> = BTreeMap::new();
    let mut oci: BTreeMap<&str, BTreeMap<String, Value>> = BTreeMap::new();
    let mut git: BTreeMap<&str, BTreeMap<String, Value>> = BTreeMap::new();
    let mut flux: BTreeMap<String, Value> = BTreeMap::new();
    for site in sites {
        let Ok(source) = &site.source else { continue };
        let helm_oci = matches!(site.consumer, Consumer::HelmOci | Consumer::Oci { chart: true, .. });
        for (number, text) in published(site).into_iter().enumerate() {
            let current = number == 0;
            let digest = match &site.digest {
                Some(digest) if current => digest.value.clone(),
                None if current && site.pinned_digest().is_some() => {
                    site.pinned_digest().unwrap_or("").to_owned()
                }
                _ if current && matches!(site.part, Part::Digest | Part::Commit) => site.spot.value.clone(),
                _ => made_up(&text, if matches!(source, SourceKey::Git { .. }) { 40 } else { 64 }),
            };
            match source {
                SourceKey::Helm { url, chart } => {
                    let entry = json!({"version": text, "created": "2026-01-01T00:00:00Z"});
                    helm.entry(url).or_default().entry(chart).or_default().insert(text, entry);
                }
                SourceKey::Oci { repository } => {
                    let text = if helm_oci { text.replace('+', "_") } else { text };
                    let digest = if digest.contains(':') { digest } else { format!("sha256:{digest}") };
                    let entry = json!({"tag": text, "digest": digest, "created": "2026-01-01T00:00:00Z"});
                    oci.entry(repository).or_default().entry(text).or_insert(entry);
                }
                SourceKey::Flux => {
                    flux.insert(text.clone(), json!({"version": text, "created": "2026-01-01T00:00:00Z"}));
                }
                SourceKey::Git { url } => {
                    let name = if text.starts_with("refs/") { text } else { format!("refs/tags/{text}") };
                    let entry = json!({"name": name, "commit": digest});
                    git.entry(url).or_default().entry(name).or_insert(entry);
                }
            }
        }
    }
    let list = |entries: BTreeMap<String, Value>| entries.into_values().collect::<Vec<_>>();
    let charts = |charts: BTreeMap<&str, BTreeMap<String, Value>>| {
        Value::Object(
            charts.into_iter().map(|(name, entries)| (name.to_owned(), list(entries).into())).collect(),
        )
    };
    json!({
        "schema": "flux-upgrade/registry-snapshot/v1",
        "taken": "2026-08-01T00:00:00Z",
        "helm": helm.into_iter().map(|(url, all)| json!({"url": url, "charts": charts(all)})).collect::<Vec<_>>(),
        "oci": oci.into_iter().map(|(name, tags)| json!({"repository": name, "tags": list(tags)})).collect::<Vec<_>>(),
        "flux": flux.into_values().collect::<Vec<_>>(),
        "git": git.into_iter().map(|(url, refs)| json!({"url": url, "refs": list(refs)})).collect::<Vec<_>>(),
    })
}

/// What a source publishes for a site: what is written, then the next patch and the next minor version.
fn published(site: &Site) -> Vec<String> {
    let written = match site.part {
        Part::Range => first_version(&site.spot.value).unwrap_or_else(|| "1.0.0".to_owned()),
        Part::Digest | Part::Commit => "v1.0.0".to_owned(),
        Part::Version | Part::Tag | Part::Name | Part::Branch | Part::Api => {
            let text = &site.spot.value;
            text.split_once('@').map_or(text.as_str(), |(tag, _)| tag).to_owned()
        }
    };
    let mut all = vec![written.clone()];
    all.extend(bumped(&written, 2));
    all.extend(bumped(&written, 1));
    all
}

/// The first `a.b.c` of a text, with noughts for what is missing.
fn first_version(text: &str) -> Option<String> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let rest = &text[start..];
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
    let mut parts: Vec<&str> = rest[..end].split('.').filter(|part| !part.is_empty()).collect();
    parts.truncate(3);
    parts.resize(3, "0");
    Some(parts.join("."))
}

/// `text` with its number of this rank one higher: the runs of digits of its first dotted group count from 0.
fn bumped(text: &str, rank: usize) -> Option<String> {
    let bytes = text.as_bytes();
    let mut at = text.find(|c: char| c.is_ascii_digit())?;
    for number in 0.. {
        let end = at + bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if number == rank {
            let next = text[at..end].parse::<u64>().ok()?.checked_add(1)?;
            return Some(format!("{}{next}{}", &text[..at], &text[end..]));
        }
        if bytes.get(end) != Some(&b'.') || !bytes.get(end + 1)?.is_ascii_digit() {
            return None;
        }
        at = end + 1;
    }
    None
}

/// Hex digits that belong to a text (FNV-1a, repeated).
fn made_up(text: &str, digits: usize) -> String {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    let mut out = String::new();
    while out.len() < digits {
        for byte in text.bytes().chain([b'.']) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        out.push_str(&format!("{state:016x}"));
    }
    out.truncate(digits);
    out
}

/// The folders of `tests/cases`.
pub(crate) fn case_folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let entries = std::fs::read_dir(root).expect("the case folders");
    let mut folders: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.join("in").is_dir()).collect();
    folders.sort();
    assert!(folders.len() > 100, "only {} case folders", folders.len());
    folders
}

/// Everything a case folder gives to a run; `None` where its rules are wrong on purpose.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) files: Vec<SourceFile>,
    pub(crate) rules: Rules,
    pub(crate) snapshot: Snapshot,
}

impl Case {
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        let mut files = Vec::new();
        walk(&folder.join("in"), "", &mut files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let registry = std::fs::read_to_string(folder.join("registry.json")).expect("a registry");
        let snapshot = Snapshot::parse(&registry).expect("a snapshot");
        let named = RepoPath::parse(".flux-upgrade.yaml").expect("a path");
        let rules = match files.iter().find(|file| file.path == named) {
            Some(file) => Rules::parse(&named, &file.text).ok()?,
            None => Rules::default(),
        };
        let rules = rules.with(overrides(folder, snapshot.taken())).expect("flags");
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        Some(Self { name, files, rules, snapshot })
    }
}

pub(crate) fn walk(folder: &Path, prefix: &str, files: &mut Vec<SourceFile>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            walk(&entry.path(), &format!("{name}/"), files);
        } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
            files.push(file(&name, text));
        }
    }
}

fn overrides(folder: &Path, now: Option<Timestamp>) -> Overrides {
    let text = std::fs::read_to_string(folder.join("options.json")).unwrap_or_else(|_| "{}".to_owned());
    let options: Value = serde_json::from_str(&text).expect("options are JSON");
    let text = |key: &str| options.get(key).and_then(Value::as_str);
    let only = options.get("only").and_then(Value::as_array);
    Overrides {
        allow: text("allow").map(|word| word.parse().expect("a level")),
        prerelease: options.get("prerelease").and_then(Value::as_bool),
        ranges: text("ranges").map(|word| word.parse().expect("a mode")),
        digests: text("digests").map(|word| word.parse().expect("a mode")),
        minimum_age: text("minAge").map(|age| Age::parse(age).expect("an age")),
        as_of: text("asOf").map(|time| Timestamp::parse(time).expect("a time")),
        now,
        flux_version: text("fluxVersion").map(str::to_owned),
        only: only.into_iter().flatten().filter_map(|glob| Some(glob.as_str()?.to_owned())).collect(),
    }
}

/// A folder of data beside the checkout; none, and a line that says so, where it is absent.
pub(crate) fn shared(folder: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let root = std::env::var_os("FLUX_UPGRADE_SHARED").map_or(beside, PathBuf::from);
    let found = root.join(folder);
    if found.exists() {
        return Some(found);
    }
    // Written straight to the stream, since what a passing test prints is kept back otherwise.
    let _ = writeln!(std::io::stderr(), "skipped: no ../shared/{folder}");
    None
}

/// The trees in a folder: name and archive.
pub(crate) fn trees(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    let mut found: Vec<_> = entries
        .filter_map(|path| {
            let name = path.file_name()?.to_string_lossy().strip_suffix(".tar.gz")?.to_owned();
            Some((name, path))
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "the folder of trees is empty");
    found
}

/// The files of an archive, by path.
pub(crate) fn unpacked(archive: &Path) -> Vec<SourceFile> {
    let mut files = BTreeMap::new();
    let archive = std::fs::File::open(archive).expect("an archive");
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    for entry in archive.entries().expect("entries") {
        let mut entry = entry.expect("an entry");
        let name = entry.path().expect("a path").to_string_lossy().into_owned();
        let mut text = String::new();
        if entry.header().entry_type().is_file() && entry.read_to_string(&mut text).is_ok() {
            files.insert(name, text);
        }
    }
    files.into_iter().map(|(name, text)| file(&name, text)).collect()
}
