//! Every Flux document of whole public repositories that has a field for a version has a site.
//!
//! The fields come from the schemas of Flux's own releases (`../shared/reference/data/flux-spec-fields.json`), the documents
//! from another YAML parser; neither knows the code that finds sites. Print the lists with
//!
//! ```text
//! cargo test -p flux-upgrade-core --test coverage -- --nocapture
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells what it does and may fail")]

mod common;
mod outline;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use common::{shared, trees, unpacked};
use flux_upgrade_core::{SourceFile, locate, scan};
use outline::{Object, Outline, is_yaml};
use serde_json::Value;

/// Last words of fields that say which version of something runs.
const WORDS: &[&str] =
    &["version", "tag", "newTag", "semver", "range", "digest", "commit", "branch", "image"];

/// Fields with such a word that are no place of ours, by kind (`*`: any) and path, and why.
const LEFT_OUT: &[(&str, &str, &str)] = &[
    ("GitRepository", "ref.branch", "a branch is no version: what it points at moves without an edit"),
    ("Kustomization", "ignore[].target.version", "the version of an API, in a selector"),
    ("Kustomization", "patches[].target.version", "the version of an API, in a selector"),
    ("Kustomization", "patchesJson6902[].target.version", "the version of an API, in a selector"),
    ("HelmRelease", "driftDetection.ignore[].target.version", "the version of an API, in a selector"),
    (
        "HelmRelease",
        "postRenderers[].kustomize.patches[].target.version",
        "the version of an API, in a selector",
    ),
    (
        "HelmRelease",
        "postRenderers[].kustomize.patchesJson6902[].target.version",
        "the version of an API, in a selector",
    ),
    ("ImagePolicy", "policy.semver.range", "a policy: what it elects goes where its markers are"),
    ("ImageRepository", "image", "a repository without a tag: where a policy looks"),
    ("ImageUpdateAutomation", "checkout.branch", "the branch that Flux itself writes to"),
    ("ImageUpdateAutomation", "git.checkout.ref.branch", "the repository itself, which Flux writes to"),
    ("ImageUpdateAutomation", "git.checkout.ref.commit", "the repository itself, which Flux writes to"),
    ("ImageUpdateAutomation", "git.checkout.ref.name", "the repository itself, which Flux writes to"),
    ("ImageUpdateAutomation", "git.checkout.ref.semver", "the repository itself, which Flux writes to"),
    ("ImageUpdateAutomation", "git.checkout.ref.tag", "the repository itself, which Flux writes to"),
    ("ImageUpdateAutomation", "git.push.branch", "the branch that Flux itself writes to"),
    ("ImageUpdateAutomation", "push.branch", "the branch that Flux itself writes to"),
];

/// Fields that hold versions, by kind and API version: `GitRepository/v1`.
type Fields = BTreeMap<String, BTreeSet<String>>;

/// The version-bearing fields of Flux's schemas.
fn fields(data: &Path) -> Fields {
    let text = fs::read_to_string(data).expect("the fields of Flux");
    let data: Value = serde_json::from_str(&text).expect("JSON");
    let mut out = Fields::new();
    let mut used = BTreeSet::new();
    for (kind, about) in data["kinds"].as_object().expect("kinds") {
        let name = kind.split('/').next().unwrap_or("");
        let all = about["spec_fields"].as_object().expect("fields");
        for field in all.keys() {
            let mut words = field.rsplit('.');
            let (last, parent) = (words.next().unwrap_or(""), words.next());
            let bears = WORDS.contains(&last) || last == "name" && parent == Some("ref");
            if !bears {
                continue;
            }
            match LEFT_OUT.iter().position(|(kind, path, _)| *kind == name && path == field) {
                Some(known) => {
                    used.insert(known);
                }
                // What holds fields is none itself.
                None if all[field]["type"] == "object" => {}
                None => {
                    out.entry(kind.clone()).or_default().insert(format!("spec.{field}"));
                }
            }
        }
    }
    let unused: Vec<_> = (0..LEFT_OUT.len()).filter(|at| !used.contains(at)).map(|at| LEFT_OUT[at]).collect();
    assert_eq!(unused, Vec::new(), "rows of LEFT_OUT that no schema has");
    out
}

/// A field of a document that holds a version, and whether a site is there.
struct Seen {
    what: String,
    field: String,
    has_site: bool,
}

/// Where sites are, and what they say about fields beside them, by path: lines, and columns where they are known.
struct Places(BTreeMap<String, BTreeSet<(usize, usize)>>);

impl Places {
    fn of(files: &[SourceFile]) -> Self {
        let mut out: BTreeMap<String, BTreeSet<(usize, usize)>> = BTreeMap::new();
        for site in locate(&scan(files)) {
            // A field that has no effect is told about by a finding at it.
            let findings = site.findings.iter().map(|finding| &finding.at);
            let digest = site.digest.iter().map(|digest| &digest.at);
            // A marker at the definition of a variable speaks for the fields that take it.
            let used = site.used_at.iter();
            for at in [&site.at, &site.spot.at].into_iter().chain(digest).chain(findings).chain(used) {
                let places = out.entry(at.path.as_str().to_owned()).or_default();
                places.extend([(at.line, at.column), (at.line, 0)]);
            }
        }
        Self(out)
    }

    fn has(&self, path: &str, line: usize, column: usize) -> bool {
        self.0.get(path).is_some_and(|places| places.contains(&(line, column)))
    }
}

/// The version-bearing fields of one document.
fn seen(path: &str, object: &Object, fields: &Fields, places: &Places) -> Vec<Seen> {
    let Some((group, version)) = object.api_version.split_once('/') else { return Vec::new() };
    let Some(own) = fields.get(&format!("{}/{version}", object.kind)) else { return Vec::new() };
    if !group.ends_with(".toolkit.fluxcd.io") {
        return Vec::new();
    }
    let bearing =
        object.scalars.iter().filter(|scalar| own.contains(&scalar.field) && !scalar.text.is_empty());
    bearing
        .map(|scalar| Seen {
            what: format!("{path}:{} {} {}", object.line, object.kind, object.name),
            field: format!("{path}:{} {}: {}", scalar.line, scalar.field, scalar.text),
            has_site: places.has(path, scalar.line, scalar.column),
        })
        .collect()
}

#[test]
fn every_flux_document_with_a_version_has_a_site() {
    let (Some(folder), Some(data)) = (shared("replay/trees"), shared("reference/data/flux-spec-fields.json"))
    else {
        return;
    };
    let fields = fields(&data);
    for (kind, fields) in &fields {
        println!("{kind}: {}", fields.iter().cloned().collect::<Vec<_>>().join(", "));
    }
    let (mut wrong, mut total) = (String::new(), 0);
    for (name, archive) in trees(&folder) {
        let files = unpacked(&archive);
        let places = Places::of(&files);
        let (mut documents, mut bearing, mut broken) = (0, BTreeMap::<String, bool>::new(), 0);
        let (mut count, mut lacking) = (0, Vec::new());
        for file in files.iter().filter(|file| is_yaml(file)) {
            let path = file.path.as_str();
            let outline = Outline::of(&file.text);
            broken += outline.broken.len();
            for object in &outline.objects {
                documents += usize::from(object.api_version.contains(".toolkit.fluxcd.io/"));
                for seen in seen(path, object, &fields, &places) {
                    count += 1;
                    *bearing.entry(seen.what).or_default() |= seen.has_site;
                    lacking.extend(Some(seen.field).filter(|_| !seen.has_site));
                }
            }
        }
        let without: Vec<&String> = bearing.iter().filter(|(_, has)| !**has).map(|(what, _)| what).collect();
        println!(
            "{name}: {documents} Flux documents, {} with {count} version-bearing fields, {} documents and {} fields without \
             a site; {broken} documents are no YAML",
            bearing.len(),
            without.len(),
            lacking.len()
        );
        total += bearing.len();
        wrong.extend(without.iter().map(|what| format!("{name}: {what}\n")));
        wrong.extend(lacking.iter().map(|field| format!("{name}: {field}\n")));
    }
    assert!(total > 500, "only {total} documents with a version were found");
    assert!(wrong.is_empty(), "without a site:\n{wrong}");
}
