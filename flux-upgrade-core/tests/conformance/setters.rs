//! Markers against the setters of the image automation.

use std::collections::BTreeMap;

use flux_upgrade_core::automate::{Elected, set};
use flux_upgrade_core::patch::apply;
use flux_upgrade_core::{RepoPath, SourceFile};
use serde_json::Value;

use super::{Outcome, Verdict, run, same, text_of};

fn elected(policies: &Value) -> BTreeMap<(String, String), Elected> {
    let one = |policy: &Value| {
        let text = |key: &str| text_of(&policy[key]).to_owned();
        let digest = Some(text("digest")).filter(|digest| !digest.is_empty());
        let elected = Elected { image: text("image"), tag: text("tag"), digest, ..Elected::default() };
        ((text("namespace"), text("name")), elected)
    };
    policies.as_array().into_iter().flatten().map(one).collect()
}

fn judge(policies: &Value, input: &Value, expected: &Value) -> Verdict {
    let path = text_of(&input["file"]);
    let file = SourceFile {
        path: RepoPath::parse(path).ok_or("no path")?,
        text: text_of(&input["content"]).to_owned(),
    };
    let outside = input["update_path"].as_str().is_some_and(|folder| !path.starts_with(folder));
    let settings = if outside { Vec::new() } else { set(&file, &elected(policies)) };
    let edits: Vec<_> = settings.iter().flat_map(|one| one.edits.clone()).collect();
    let after = apply::apply(&file.text, &edits).map_err(|error| error.to_string())?;
    if let Some(content) = expected["content"].as_str() {
        let lines = |text: &str| text.lines().map(|line| line.trim_start().to_owned()).collect::<Vec<_>>();
        // The reference indents as it likes; every line's text is the same.
        let bare = |text: &str| lines(text).into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>();
        return same(bare(&after), bare(content));
    }
    let found: Vec<[&str; 3]> = settings.iter().map(|one| [&*one.setter, &*one.old, &*one.new]).collect();
    let changes = expected["changes"].as_array().ok_or("no changes")?;
    let wanted: Vec<[&str; 3]> =
        changes.iter().map(|one| ["setter", "old", "new"].map(|key| text_of(&one[key]))).collect();
    same(found, wanted)?;
    // Nothing is left to do, and what was written reads as what was meant.
    let again = set(&SourceFile { text: after, ..file }, &elected(policies));
    if again.is_empty() { Ok(Outcome::Met) } else { Err(format!("again: {again:?}")) }
}

#[test]
fn fixtures() {
    run("setters_fixtures.json", 5, |input, expected| judge(&input["policies"], input, expected));
}

#[test]
fn reference_runs() {
    let Some(folder) = super::shared() else {
        eprintln!("skipped: no ../shared/vectors/setters_reference_runs.json");
        return;
    };
    let text = std::fs::read_to_string(folder.join("vectors/setters_reference_runs.json")).expect("a file");
    let vectors: Value = serde_json::from_str(&text).expect("JSON");
    let policies = vectors["policies"].clone();
    run("setters_reference_runs.json", 89, |input, expected| judge(&policies, input, expected));
}
