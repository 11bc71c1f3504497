//! Which tag bots took in real repositories, against the flavour rules.

use super::{Outcome, Verdict, shared, text_of};
use flate2::read::GzDecoder;
use flux_upgrade_core::version::{Prereleases, newest};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::io::Write as _;
use std::path::Path;

const CLASSES: [&str; 6] = [
    "helmrelease-chart-version",
    "helmrepository-oci",
    "ocirepository-tag",
    "gitrepository-tag/commit",
    "helmrelease-values-image",
    "k8s-image",
];

/// Of the changes of a class that took the newest known version, how many must be found, in percent.
const FLOOR: usize = 97;

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    let file = std::fs::File::open(path).expect("the file is in the folder");
    GzDecoder::new(file).read_to_string(&mut text).expect("the file is gzip");
    text
}

/// The tag without a digest behind it.
fn tag_of(value: &Value) -> &str {
    text_of(value).split('@').next().unwrap_or_default()
}

fn key_of(dependency: &Value) -> String {
    ["datasource", "registry", "package"].map(|part| text_of(&dependency[part])).join("|")
}

fn judge(change: &Value, date: &str, registries: &Value) -> Option<Verdict> {
    let wanted = change["is_latest_seen"] == true
        && CLASSES.contains(&text_of(&change["class"]))
        && !["downgrade", "rename", "pin", "digest"].contains(&text_of(&change["update"]));
    let (old, new) = (tag_of(&change["old_value"]), tag_of(&change["new_value"]));
    if !wanted || old == new {
        return None;
    }
    let versions = registries[key_of(&change["dep"])]["versions"].as_array()?;
    let known: Vec<&str> = versions
        .iter()
        .filter(|version| text_of(&version[1]) <= date)
        .map(|version| tag_of(&version[0]))
        .collect();
    if !known.contains(&new) {
        return None;
    }
    let first = |candidates: &[&str]| -> Option<String> {
        let ranking = newest(old, candidates, Prereleases::OwnKind)?;
        ranking.newer().next().map(|ranked| ranked.text.to_owned())
    };
    let (among_all, among_two) = (first(&known), first(&[old, new]));
    let found = (among_all.as_deref(), among_two.as_deref());
    Some(if found == (Some(new), Some(new)) {
        Ok(Outcome::Met)
    } else {
        Err(format!("{} {old}: {found:?}, wanted {new}", key_of(&change["dep"])))
    })
}

#[test]
fn newest_known_version_is_ranked_first() {
    let Some(folder) = shared().map(|folder| folder.join("replay")).filter(|folder| folder.is_dir()) else {
        let _ = writeln!(std::io::stderr(), "skipped: no ../shared/replay");
        return;
    };
    let registries: Value =
        serde_json::from_str(&unpacked(&folder.join("registries.json.gz"))).expect("the registries are JSON");
    let mut tally: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut misses = Vec::new();
    for line in unpacked(&folder.join("smoke.jsonl.gz")).lines() {
        let case: Value = serde_json::from_str(line).expect("each line is JSON");
        for change in case["changes"].as_array().into_iter().flatten() {
            let Some(verdict) = judge(change, text_of(&case["date"]), &registries) else { continue };
            let (met, total) = tally.entry(text_of(&change["class"]).to_owned()).or_default();
            *total += 1;
            match verdict {
                Ok(_) => *met += 1,
                Err(miss) => misses.push(miss),
            }
        }
    }
    assert_eq!(tally.len(), CLASSES.len(), "every class occurs: {tally:?}");
    for (class, (met, total)) in &tally {
        eprintln!("history, {class}: {met}/{total}");
        assert!(met * 100 >= total * FLOOR, "{class}: {met} of {total}\n{}", misses.join("\n"));
    }
}
