//! A large tree with few markers: what they name changes, and no other byte.

mod common;

use std::collections::BTreeMap;

use common::file;
use flux_upgrade_core::resolve::{Snapshot, offline};
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::{SourceFile, automate, patch, plan, scan};

const FILES: usize = 5_000;
const MARKERS: usize = 300;

const OBJECTS: &str = "apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: app, namespace: flux-system}
spec: {image: registry.example.com/app}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: app, namespace: flux-system}
spec: {imageRepositoryRef: {name: app}, policy: {semver: {range: 1.x}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {name: apps, namespace: flux-system}
spec:
  update: {path: ./apps}
  git: {commit: {messageTemplate: '{{ len .Changed.FileChanges }} files'}}
";

const TAGS: &str = r#"{"schema": "flux-upgrade/registry-snapshot/v1",
    "oci": [{"repository": "registry.example.com/app", "tags": [{"tag": "1.2.0"}, {"tag": "1.10.0"}, {"tag": "2.0.0"}]}]}"#;

/// A file, and its text after: `@` is what a marker names, `^` a marker and `%` that of a tag.
fn both(number: usize, text: &str) -> (SourceFile, String) {
    let path = format!("apps/{:02}/{number}.yaml", number % 50);
    let text = text
        .replace('%', "{\"$imagepolicy\": \"flux-system:app:tag\"}")
        .replace('^', "{\"$imagepolicy\": \"flux-system:app\"}");
    (file(&path, text.replace('@', "1.2.0")), text.replace('@', "1.10.0"))
}

/// Files with one marker that counts, each written in another way.
const MARKED: &[&str] = &[
    "# of the app\n\nkind:   Deployment\nmetadata: {name: web , namespace: apps}\n\nspec:\n    containers:\n    -   \
     name: web\n        image:   registry.example.com/app:@    # ^   \n        args: [ --tag, 1.2 ]\n",
    "kind: OCIRepository\r\nmetadata:\r\n  name: app\r\nspec:\r\n  ref:\r\n    tag: \"@\" # %\r\n    semver: \"1.2\"  # kept\r\n",
    "\u{feff}---\nimage:\n    # %\n    tag: 1.2\n    version: '@' # %",
    "kind: ConfigMap\ndata:\n  text: |\n    tag: 1.2 # %\n  note: >-\n    image: registry.example.com/app:1.2 # ^\n  \
     image: 'registry.example.com/app:@' ##  ^\n  other: 1.2 # % and a note\n",
    "kind: List\nitems:\n- {kind: Pod, spec: {a: 1.2}} # %\n---\n# only a comment\n---\nimages:\n- newTag: &tag \"@\" # %\n  \
     copy: *tag\n  last: 1.2\n...\n",
    "a:\n- # %\n  b: 1.2\n- c: 1.2\n  # %\n- \"@\"  \t # %\n\n\n",
];

/// Files that nothing may touch, though they look like those that are touched.
const PLAIN: &[&str] = &[
    "image: registry.example.com/app:1.2\n",
    "tag: 1.2 # {\"$imagepolicy\": \"flux-system:nobody:tag\"}\n",
    "tag: 1.2\t# note %\r\n",
    "{{- if .Values.x }}\nimage: registry.example.com/app:1.2\n{{- end }}\n",
    "a: 1.2 # %\n---\nb: [broken\n",
    "kind: Pod\nspec: {containers: [{image: 'registry.example.com/app:1.2'}]}",
    "tag: &t 1.2\nuse: *t # %\n",
];

#[test]
fn of_five_thousand_files_three_hundred_scalars_change() {
    let step = FILES / MARKERS;
    let generated: Vec<(SourceFile, String)> = (0..FILES)
        .map(|number| {
            let is_marked = number % step == 0 && number / step < MARKERS;
            let texts = if is_marked { MARKED } else { PLAIN };
            both(number, texts[(number / if is_marked { step } else { 1 }) % texts.len()])
        })
        .collect();
    let mut files: Vec<SourceFile> = generated.iter().map(|(file, _)| file.clone()).collect();
    files.push(file("images/app.yaml", OBJECTS));

    let inventory = scan(&files);
    let (rules, snapshot) = (Rules::default(), Snapshot::parse(TAGS).expect("a snapshot"));
    let sites = automate::sites(&inventory);
    let resolution = offline(&sites, &rules, Some(&snapshot));
    let plan = plan(&inventory, sites, &resolution, &rules);
    let set = patch(&files, &plan);
    assert_eq!(plan.changes.len(), MARKERS);
    assert_eq!(set.refused, []);
    // Half of the marked documents name no object, and Flux's messages go without those.
    assert_eq!(automate::messages(&plan), "150 files\n");

    let patched: BTreeMap<&str, &str> =
        set.files.iter().map(|file| (file.path.as_str(), file.after.as_str())).collect();
    assert_eq!(patched.len(), MARKERS);
    for (before, after) in &generated {
        let found = patched.get(before.path.as_str()).unwrap_or(&before.text.as_str()).to_owned();
        assert_eq!(found, after, "{}", before.path);
    }
}
