//! Image automation that is begun: what is written, that Flux takes it, and that `automate` goes on from there.

use std::collections::BTreeMap;
use std::io::Read as _;

use flux_upgrade_core::convert::To;
use flux_upgrade_core::resolve::{Snapshot, offline};
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::{SourceFile, automate, patch, plan, scan};
use serde_json::{Value, json};

use super::common::{file, patched, shared};
use super::fleet::fleet;
use super::foreign::load;
use super::{A, convert, words};

/// What `automate` writes then: the files, and what moves from what to what.
fn automated(files: &[SourceFile], registry: &Value) -> (Vec<SourceFile>, Vec<(String, String, String)>) {
    let snapshot = Snapshot::parse(&registry.to_string()).unwrap();
    let (rules, inventory) = (Rules::default(), scan(files));
    let sites = automate::sites(&inventory);
    let resolution = offline(&sites, &rules, Some(&snapshot));
    let plan = plan(&inventory, sites, &resolution, &rules);
    let moved = plan
        .changes
        .iter()
        .map(|change| (plan.sites[change.site].at.path.to_string(), change.from.clone(), change.to.clone()));
    let moved = moved.collect();
    (patched(files, &patch(files, &plan)), moved)
}

fn text<'f>(files: &'f [SourceFile], path: &str) -> &'f str {
    &files.iter().find(|file| file.path.as_str() == path).unwrap_or_else(|| panic!("no {path}")).text
}

/// Schemas of the kinds of image automation, by kind and version, of the newest release beside the checkout.
fn schemas() -> Option<BTreeMap<(String, String), Value>> {
    let folder = shared("flux-releases")?;
    let archive = std::fs::File::open(folder.join("v2.9.4/manifests.tar.gz")).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let mut out = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if !entry.path().unwrap().to_string_lossy().starts_with("image-") {
            continue;
        }
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        for definition in load(&text).unwrap() {
            if definition["kind"] != "CustomResourceDefinition" {
                continue;
            }
            let kind = definition["spec"]["names"]["kind"].as_str().unwrap().to_owned();
            for version in definition["spec"]["versions"].as_array().unwrap() {
                let mut schema = version["schema"]["openAPIV3Schema"].clone();
                strict(&mut schema);
                // The API's own fields, of which a definition says nothing.
                schema["properties"]["metadata"] = json!({"type": "object"});
                let name = version["name"].as_str().unwrap().to_owned();
                out.insert((kind.clone(), name), schema);
            }
        }
    }
    Some(out)
}

/// Lets nothing pass that the definition does not name, which a cluster would drop.
fn strict(schema: &mut Value) {
    if let Some(object) = schema.as_object_mut() {
        if object.contains_key("properties") && !object.contains_key("additionalProperties") {
            object.insert("additionalProperties".to_owned(), false.into());
        }
        object.values_mut().for_each(strict);
    } else if let Some(items) = schema.as_array_mut() {
        items.iter_mut().for_each(strict);
    }
}

#[test]
fn the_source_of_the_example_is_put_under_a_policy_and_moved_by_it() {
    let (files, registry) = fleet();
    let (begun, plan) =
        convert(&files, "OCIRepository/podinfo", &To::Automation { range: None, begin: true }, &registry);
    assert_eq!((plan.changes.len(), plan.held.len()), (1, 0), "{:?}", words(&plan));
    let new: Vec<&SourceFile> =
        begun.iter().filter(|file| files.iter().all(|old| old.path != file.path)).collect();
    let [objects] = new.as_slice() else { panic!("one new file") };
    assert_eq!(objects.path.as_str(), "clusters/production/podinfo-image.yaml");
    let marker = "    tag: \"6.8.0\" # {\"$imagepolicy\": \"flux-system:podinfo:tag\"}\n";
    let source = "apps/base/podinfo/source.yaml";
    assert_eq!(text(&begun, source), text(&files, source).replace("    tag: \"6.8.0\"\n", marker));

    // Flux takes them.
    let documents = load(&objects.text).unwrap();
    let kinds: Vec<&str> = documents.iter().filter_map(|object| object["kind"].as_str()).collect();
    assert_eq!(kinds, ["ImageRepository", "ImagePolicy", "ImageUpdateAutomation"]);
    if let Some(schemas) = schemas() {
        for document in &documents {
            let (_, version) = document["apiVersion"].as_str().unwrap().split_once('/').unwrap();
            let key = (document["kind"].as_str().unwrap().to_owned(), version.to_owned());
            let schema = schemas.get(&key).unwrap_or_else(|| panic!("no {key:?}"));
            let validator = jsonschema::validator_for(schema).unwrap();
            let errors: Vec<String> = validator
                .iter_errors(document)
                .map(|error| format!("{error} at {}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{key:?}: {}", errors.join("; "));
            let mut wrong = document.clone();
            wrong["spec"]["colour"] = "blue".into();
            assert!(!validator.is_valid(&wrong), "{key:?} takes anything");
        }
    }

    // And the tag goes on from there, by the policy alone.
    let (after, moved) = automated(&begun, &registry);
    assert_eq!(moved, [(source.to_owned(), "6.8.0".to_owned(), "6.9.1".to_owned())]);
    assert_eq!(text(&after, source), text(&begun, source).replace("6.8.0\"", "6.9.1\""));
    assert_eq!(automated(&after, &registry).1, []);
    let (_, again) =
        convert(&after, "OCIRepository/podinfo", &To::Automation { range: None, begin: true }, &registry);
    assert_eq!(again.changes, []);
}

#[test]
fn a_file_that_an_automation_holds_gets_a_policy_beside_its_neighbours() {
    let files = [
        file(
            "apps/web.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: apps}\nspec:\n  template:\n    spec:\n      \
             containers:\n        - name: web\n          image: registry.example.com/web:1.0.0\n        - name: side\n          \
             image: \"registry.example.com/side:2.1.0\" # as written\n",
        ),
        file("automation/kustomization.yaml", "resources:\r\n  - old.yaml # the first\r\n  - all.yaml\r\n"),
        file(
            "automation/old.yaml",
            "---\r\napiVersion: image.toolkit.fluxcd.io/v1beta2\r\nkind: ImagePolicy\r\nmetadata:\r\n  name: old\r\n  namespace: flux\r\nspec: {}\r\n",
        ),
        file(
            "automation/all.yaml",
            "apiVersion: image.toolkit.fluxcd.io/v1beta2\nkind: ImageUpdateAutomation\nmetadata: {name: all, namespace: flux}\nspec:\n  \
             update: {path: ./apps}\n  policySelector: {matchLabels: {automation: 'yes'}}\n",
        ),
    ];
    let registry = json!({
        "schema": "flux-upgrade/registry-snapshot/v1",
        "oci": [
            {"repository": "registry.example.com/web", "tags": [{"tag": "1.0.0", "digest": A}, {"tag": "1.4.0", "digest": A}, {"tag": "2.0.0", "digest": A}]},
            {"repository": "registry.example.com/side", "tags": [{"tag": "2.1.0", "digest": A}]}],
    });
    let (begun, plan) = convert(
        &files,
        "Deployment/web",
        &To::Automation { range: Some("^1.0.0".to_owned()), begin: true },
        &registry,
    );
    let said = words(&plan);
    assert_eq!(
        said,
        [
            "1.0.0 -> ImagePolicy flux/web: 1.0.0 before and after; automation/web-image.yaml: ImageRepository and ImagePolicy flux/web, ^1.0.0; \
             the policy elects 1.4.0, which `flux-upgrade automate` or Flux writes next",
            "web requires a range that fits: ^1.0.0 does not admit 2.1.0, which runs; name another",
        ]
    );
    let line = "          image: registry.example.com/web:1.0.0";
    assert_eq!(
        text(&begun, "apps/web.yaml"),
        text(&files, "apps/web.yaml").replace(line, &format!("{line} # {{\"$imagepolicy\": \"flux:web\"}}"))
    );
    assert_eq!(
        text(&begun, "automation/kustomization.yaml"),
        "resources:\r\n  - old.yaml # the first\r\n  - web-image.yaml\r\n  - all.yaml\r\n"
    );
    assert_eq!(
        text(&begun, "automation/web-image.yaml"),
        "---\napiVersion: image.toolkit.fluxcd.io/v1beta2\nkind: ImageRepository\nmetadata:\n  name: web\n  namespace: flux\nspec:\n  \
         image: registry.example.com/web\n  interval: 10m\n---\napiVersion: image.toolkit.fluxcd.io/v1beta2\nkind: ImagePolicy\n\
         metadata:\n  name: web\n  namespace: flux\n  labels:\n    automation: \"yes\"\nspec:\n  imageRepositoryRef:\n    name: web\n  \
         policy:\n    semver:\n      range: ^1.0.0\n"
            .replace('\n', "\r\n")
    );
    let (_, moved) = automated(&begun, &registry);
    assert_eq!(
        moved,
        [(
            "apps/web.yaml".to_owned(),
            "registry.example.com/web:1.0.0".to_owned(),
            "registry.example.com/web:1.4.0".to_owned()
        )]
    );

    // A marker is a comment of its own.
    let (same, plan) =
        convert(&files, "apps/web.yaml:11", &To::Automation { range: None, begin: true }, &registry);
    assert_eq!(plan.changes, []);
    assert!(words(&plan)[0].contains("ends with the field"), "{:?}", words(&plan));
    assert_eq!(same, files);
}

#[test]
fn a_range_gives_way_to_what_it_selects_and_stays_in_the_policy() {
    let (files, registry) = fleet();
    let (begun, plan) =
        convert(&files, "OCIRepository/dashboards", &To::Automation { range: None, begin: true }, &registry);
    assert_eq!(plan.held, [], "{:?}", words(&plan));
    let (path, new) = ("infrastructure/configs/dashboards.yaml", "clusters/production/dashboards-image.yaml");
    assert!(text(&files, path).contains("semver: \"2.x\""));
    assert!(
        text(&begun, path)
            .contains("    tag: \"2.6.0\" # {\"$imagepolicy\": \"flux-system:dashboards:tag\"}\n")
    );
    assert!(text(&begun, new).contains("      range: 2.x\n"));
}

#[test]
fn one_policy_serves_all_who_want_the_same_and_a_repository_that_is_there_is_used() {
    let deployment = |name: &str, image: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: apps}}\nspec:\n  template:\n    spec:\n      \
             containers:\n        - name: main\n          image: registry.example.com/{image}\n"
        )
    };
    let files = [
        file("a/one.yaml", deployment("one", "web:1.0.0")),
        file("a/two.yaml", deployment("two", "web:1.2.0")),
        file("b/three.yaml", deployment("three", "side:3.0.0")),
        file(
            "flux/repository.yaml",
            "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {name: scanned, namespace: flux}\nspec: {image: registry.example.com/side}\n",
        ),
        file(
            "flux/all.yaml",
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a, namespace: flux}\nspec: {path: ./a, sourceRef: {kind: GitRepository, name: fleet}}\n---\n\
             apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: b, namespace: flux}\nspec: {path: ./b, sourceRef: {kind: GitRepository, name: fleet}}\n---\n\
             apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: fleet, namespace: flux}\nspec: {url: 'https://git.example.com/fleet', ref: {branch: trunk}}\n",
        ),
    ];
    let tags = |names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| json!({"tag": name, "digest": A})).collect()
    };
    let registry = json!({
        "schema": "flux-upgrade/registry-snapshot/v1",
        "oci": [
            {"repository": "registry.example.com/web", "tags": tags(&["1.0.0", "1.2.0", "1.3.0"])},
            {"repository": "registry.example.com/side", "tags": tags(&["3.0.0", "3.1.0"])}],
    });
    let (begun, plan) = convert(&files, "all", &To::Automation { range: None, begin: true }, &registry);
    assert_eq!(plan.changes.len(), 3, "{:?}", words(&plan));
    let new: Vec<(&str, Vec<String>)> = begun
        .iter()
        .filter(|file| files.iter().all(|old| old.path != file.path))
        .map(|file| {
            let objects = load(&file.text).unwrap();
            let name = |one: &Value| {
                format!("{}/{}", one["kind"].as_str().unwrap(), one["metadata"]["name"].as_str().unwrap())
            };
            (file.path.as_str(), objects.iter().map(name).collect())
        })
        .collect();
    assert_eq!(
        new,
        [
            (
                "flux/one-image.yaml",
                ["ImageRepository/one", "ImagePolicy/one", "ImageUpdateAutomation/fleet"]
                    .map(str::to_owned)
                    .to_vec()
            ),
            (
                "flux/three-image.yaml",
                ["ImagePolicy/three", "ImageUpdateAutomation/fleet-b"].map(str::to_owned).to_vec()
            ),
        ]
    );
    assert!(text(&begun, "flux/three-image.yaml").contains("  imageRepositoryRef:\n    name: scanned\n"));
    assert!(text(&begun, "flux/one-image.yaml").contains("    push:\n      branch: trunk\n"));
    let (after, moved) = automated(&begun, &registry);
    assert_eq!(moved.len(), 3, "{moved:?}");
    assert!(text(&after, "a/two.yaml").contains("web:1.3.0 # {\"$imagepolicy\": \"flux:one\"}\n"));
}

#[test]
fn what_was_begun_goes_back_to_a_pin_and_to_the_range_of_its_policy() {
    let (files, registry) = fleet();
    let begin = To::Automation { range: Some(">=6.1.0 <6.9.0".to_owned()), begin: true };
    let (begun, _) = convert(&files, "OCIRepository/podinfo", &begin, &registry);
    let source = "apps/base/podinfo/source.yaml";

    // The marker goes, and nothing else.
    let (pinned, plan) = convert(&begun, "OCIRepository/podinfo", &To::Pin, &registry);
    assert_eq!(
        words(&plan),
        [
            "6.8.0 -> 6.8.0: 6.8.0 before and after; ImagePolicy flux-system/podinfo moved it",
            "! clusters/production/podinfo-image.yaml:10:1 convert.orphan"
        ]
    );
    assert_eq!(text(&pinned, source), text(&files, source));
    let orphans: Vec<&str> = plan.diagnostics.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(orphans, ["no marker names ImagePolicy flux-system/podinfo any more"]);

    // The policy's own range, which selects what runs.
    let (ranged, plan) = convert(&begun, "OCIRepository/podinfo", &To::Range(None), &registry);
    assert_eq!(plan.held, [], "{:?}", words(&plan));
    assert_eq!(
        text(&ranged, source),
        text(&files, source).replace("tag: \"6.8.0\"", "semver: \">=6.1.0 <6.9.0\"")
    );

    // Nobody's marker goes without being named.
    for to in [To::Pin, To::Range(None)] {
        let (after, plan) = convert(&begun, "all", &to, &registry);
        let own = plan.held.iter().find(|held| plan.sites[held.site].at.path.as_str() == source);
        assert!(own.is_some(), "{to:?}: {:?}", words(&plan));
        assert_eq!(text(&after, source), text(&begun, source));
    }
}

#[test]
fn a_digest_beside_a_marked_tag_loses_its_marker_too_or_goes_with_the_tag() {
    let files = [
        file(
            "a.yaml",
            format!(
                "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: a, namespace: b}}\nspec:\n  interval: 1m\n  \
                 url: oci://registry.example.com/app\n  ref:\n    tag: 1.3.0 # {{\"$imagepolicy\": \"b:a:tag\"}}\n    \
                 digest: {A} # {{\"$imagepolicy\": \"b:a:digest\"}}\n"
            ),
        ),
        file(
            "policy.yaml",
            "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {name: a, namespace: b}\nspec: {image: registry.example.com/app}\n---\n\
             apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: a, namespace: b}\nspec:\n  imageRepositoryRef: {name: a}\n  \
             digestReflectionPolicy: IfNotPresent\n  policy: {semver: {range: 1.x}}\n",
        ),
    ];
    let registry = json!({
        "schema": "flux-upgrade/registry-snapshot/v1",
        "oci": [{"repository": "registry.example.com/app", "tags": [{"tag": "1.3.0", "digest": A}, {"tag": "2.0.0", "digest": A}]}],
    });
    let (pinned, plan) = convert(&files, "OCIRepository/a", &To::Pin, &registry);
    assert_eq!(plan.changes.len(), 1, "{:?}", words(&plan));
    assert!(
        pinned[0].text.ends_with(&format!("  ref:\n    tag: 1.3.0\n    digest: {A}\n")),
        "{}",
        pinned[0].text
    );
    // The line of the tag is enough to say which is meant.
    let (ranged, plan) = convert(&files, "a.yaml:8", &To::Range(None), &registry);
    assert_eq!(plan.changes.len(), 1, "{:?}", words(&plan));
    assert!(ranged[0].text.ends_with("  ref:\n    semver: 1.x\n"), "{}", ranged[0].text);
}

const BEGIN: To = To::Automation { range: None, begin: true };

/// An entry point of a cluster, which applies its own folder.
fn sync(cluster: &str) -> SourceFile {
    file(
        &format!("{cluster}/flux-system/gotk-sync.yaml"),
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: flux-system, namespace: flux-system}}\n\
             spec: {{url: 'https://git.example.com/fleet', ref: {{branch: main}}}}\n---\n\
             apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: flux-system, namespace: flux-system}}\n\
             spec: {{path: ./{cluster}, sourceRef: {{kind: GitRepository, name: flux-system}}}}\n"
        ),
    )
}

/// A Flux Kustomization of `flux-system`.
fn applier(path: &str, folder: &str) -> SourceFile {
    file(
        path,
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {folder}, namespace: flux-system}}\n\
             spec: {{path: ./{folder}, sourceRef: {{kind: GitRepository, name: flux-system}}}}\n"
        ),
    )
}

fn source(path: &str, name: &str, tag: &str) -> SourceFile {
    file(
        path,
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: {name}, namespace: apps}}\nspec:\n  \
             url: oci://registry.example.com/{name}\n  ref:\n    tag: {tag}\n"
        ),
    )
}

fn tags(of: &[(&str, &[&str])]) -> Value {
    let list = |names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| json!({"tag": name, "digest": A})).collect()
    };
    let all: Vec<Value> = of
        .iter()
        .map(|(name, names)| json!({"repository": format!("registry.example.com/{name}"), "tags": list(names)}))
        .collect();
    json!({"schema": "flux-upgrade/registry-snapshot/v1", "oci": all})
}

#[test]
fn all_new_files_beside_one_neighbour_are_listed_in_blocks_and_in_brackets() {
    let registry = tags(&[("one", &["1.0.0", "1.1.0"]), ("two", &["2.0.0"])]);
    for (list, expected) in [
        (
            "resources:\n  - flux-system/gotk-sync.yaml\n  - apps.yaml # all of them\n",
            "resources:\n  - flux-system/gotk-sync.yaml\n  - apps.yaml # all of them\n  - one-image.yaml\n  - two-image.yaml\n",
        ),
        (
            "resources: [flux-system/gotk-sync.yaml, \"apps.yaml\"] # all\n",
            "resources: [flux-system/gotk-sync.yaml, \"apps.yaml\", one-image.yaml, two-image.yaml] # all\n",
        ),
    ] {
        let files = [
            source("apps/one.yaml", "one", "1.0.0"),
            source("apps/two.yaml", "two", "2.0.0"),
            applier("clusters/a/apps.yaml", "apps"),
            sync("clusters/a"),
            file("clusters/a/kustomization.yaml", list),
        ];
        let (begun, plan) = convert(&files, "all", &BEGIN, &registry);
        assert_eq!((plan.changes.len(), plan.held.len()), (2, 0), "{:?}", words(&plan));
        assert_eq!(text(&begun, "clusters/a/kustomization.yaml"), expected);
        assert_eq!(automated(&begun, &registry).1.len(), 1);
    }
    // What no kustomization would apply is not begun.
    let files = [
        source("apps/one.yaml", "one", "1.0.0"),
        applier("clusters/a/apps/apps.yaml", "apps"),
        file("clusters/a/apps/kustomization.yaml", "components: []\nresources:\n  - &all apps.yaml\n"),
        sync("clusters/a"),
        file("clusters/a/kustomization.yaml", "resources: [flux-system/gotk-sync.yaml, apps]\n"),
    ];
    let (after, plan) = convert(&files, "all", &BEGIN, &registry);
    assert!(
        words(&plan)[0].contains("a kustomization that names clusters/a/apps/one-image.yaml"),
        "{:?}",
        words(&plan)
    );
    assert_eq!(after, files);
}

#[test]
fn a_suspended_automation_stays_the_only_one_and_a_selector_is_fitted() {
    let registry = tags(&[("one", &["1.0.0", "1.1.0"])]);
    let files = |spec: &str| {
        [
            source("apps/one.yaml", "one", "1.0.0"),
            applier("clusters/a/apps.yaml", "apps"),
            file(
                "clusters/a/automation.yaml",
                format!(
                    "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation\nmetadata: {{name: all, namespace: flux-system}}\n\
                     spec:\n  update: {{path: ./apps}}\n{spec}"
                ),
            ),
            sync("clusters/a"),
        ]
    };
    let suspended = files("  suspend: true\n");
    let (after, plan) = convert(&suspended, "all", &BEGIN, &registry);
    assert!(words(&plan)[0].contains("is suspended"), "{:?}", words(&plan));
    assert_eq!(after, suspended);

    let selecting = "  policySelector:\n    matchExpressions:\n      - {key: team, operator: In, values: [a, b]}\n      \
                     - {key: keep, operator: Exists}\n      - {key: off, operator: DoesNotExist}\n";
    let (begun, plan) = convert(&files(selecting), "all", &BEGIN, &registry);
    assert_eq!(plan.held, [], "{:?}", words(&plan));
    let new = text(&begun, "clusters/a/one-image.yaml");
    assert!(
        new.contains("  labels:\n    keep: \"true\"\n    team: a\n")
            && !new.contains("ImageUpdateAutomation"),
        "{new}"
    );
    assert_eq!(automated(&begun, &registry).1.len(), 1);

    let nobody = "  policySelector:\n    matchLabels: {team: a}\n    matchExpressions: [{key: team, operator: DoesNotExist}]\n";
    let (_, plan) = convert(&files(nobody), "all", &BEGIN, &registry);
    assert!(words(&plan)[0].contains("a `policySelector` that some labels fit"), "{:?}", words(&plan));
}

#[test]
fn each_cluster_gets_objects_of_its_own() {
    let registry = tags(&[("one", &["1.0.0", "1.1.0"])]);
    let files = [
        source("clusters/a/one.yaml", "one", "1.0.0"),
        sync("clusters/a"),
        source("clusters/b/one.yaml", "one", "1.0.0"),
        sync("clusters/b"),
    ];
    let (begun, plan) = convert(&files, "all", &BEGIN, &registry);
    assert_eq!((plan.changes.len(), plan.held.len()), (2, 0), "{:?}", words(&plan));
    assert!(text(&begun, "clusters/a/one-image.yaml").ends_with("  update:\n    path: ./clusters/a\n"));
    let other = text(&begun, "clusters/b/one-one-image.yaml");
    assert!(
        other.starts_with("apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\n")
            && other.ends_with("  update:\n    path: ./clusters/b\n"),
        "{other}"
    );
    assert!(text(&begun, "clusters/b/one.yaml").contains("\"flux-system:one-one:tag\""));
    assert_eq!(automated(&begun, &registry).1.len(), 2);
}

#[test]
fn tags_of_a_flavour_get_a_filter_and_what_a_policy_cannot_hold_stays() {
    let registry = tags(&[
        ("alpine", &["7.2.1-alpine", "7.4.0-alpine", "7.9.0", "7.9.0-bookworm", "8.0.0-alpine"]),
        ("short", &["16.3", "16.4", "16.9.1", "17.1"]),
        ("stage", &["1.2.0-rc.1", "1.2.0"]),
        ("major", &["16", "17"]),
        ("digest", &["1.2.3", "1.3.0"]),
        ("noted", &["v1.2.3", "v1.4.0", "1.3.0"]),
    ]);
    let deployment = |image: &str| {
        let image = format!("registry.example.com/{image}");
        [file(
            "a.yaml",
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: apps}}\nspec:\n  template:\n    spec:\n      \
                 containers:\n        - name: web\n          image: {image}\n"
            ),
        )]
    };
    let filter = |pattern: &str, extract: &str| {
        format!("  filterTags:\n    pattern: '{pattern}'\n    extract: {extract}\n")
    };
    for (image, policy, to) in [
        (
            "alpine:7.2.1-alpine",
            filter(r"^(?P<version>v?\d+\.\d+\.\d+)-alpine$", "$version"),
            "alpine:7.4.0-alpine",
        ),
        ("short:16.3", filter(r"^(?P<version>v?\d+\.\d+)$", "$version.0"), "short:16.4"),
        ("noted:v1.2.3", String::new(), "noted:v1.4.0"),
    ] {
        let (begun, plan) = convert(&deployment(image), "all", &BEGIN, &registry);
        assert_eq!(plan.held, [], "{image}: {:?}", words(&plan));
        let new = text(&begun, "web-image.yaml");
        assert!(new.contains(&policy) && new.contains("filterTags") != policy.is_empty(), "{image}: {new}");
        let moved = automated(&begun, &registry).1;
        assert_eq!(moved[0].2, format!("registry.example.com/{to}"), "{image}");
    }
    for (image, expected) in
        [("stage:1.2.0-rc.1", "1.x does not admit 1.2.0-rc.1"), ("major:16", "a tag of three numbers")]
    {
        let files = deployment(image);
        let (after, plan) = convert(&files, "all", &BEGIN, &registry);
        assert!(words(&plan)[0].contains(expected), "{image}: {:?}", words(&plan));
        assert_eq!(after, files);
    }

    // A digest in the text moves along, or the text stays.
    let (begun, plan) = convert(&deployment(&format!("digest:1.2.3@{A}")), "all", &BEGIN, &registry);
    assert_eq!(plan.held, [], "{:?}", words(&plan));
    assert!(text(&begun, "web-image.yaml").contains("digestReflectionPolicy: IfNotPresent"));
    let moved = automated(&begun, &registry).1;
    assert_eq!(moved[0].2, format!("registry.example.com/digest:1.3.0@{A}"));
    let values = [file(
        "a.yaml",
        format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: web, namespace: apps}}\nspec:\n  values:\n    \
             image:\n      repository: registry.example.com/digest\n      tag: 1.2.3@{A}\n"
        ),
    )];
    let (after, plan) = convert(&values, "all", &BEGIN, &registry);
    assert!(words(&plan)[0].contains("a digest in a field of its own"), "{:?}", words(&plan));
    assert_eq!(after, values);
}

#[test]
fn a_field_that_two_images_share_gets_no_marker_and_neighbours_in_its_file_do() {
    let registry = tags(&[("one", &["1.0.0", "1.1.0"]), ("two", &["1.0.0", "1.5.0"])]);
    let files = [file(
        "a.yaml",
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web, namespace: apps}\nspec:\n  values:\n    \
         first:\n      repository: registry.example.com/one\n      tag: &tag 1.0.0\n    second:\n      \
         repository: registry.example.com/two\n      tag: *tag\n---\n\
         apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: side, namespace: apps}\nspec:\n  template:\n    spec:\n      \
         containers:\n        - name: side\n          image: registry.example.com/one:1.0.0\n---\n\
         apiVersion: v1\nkind: List\nitems:\n  - apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: other, namespace: apps}\n    spec:\n      \
         template:\n        spec:\n          containers:\n            - name: other\n              args: [run]\n              image: registry.example.com/two:1.0.0\n",
    )];
    let (begun, plan) = convert(&files, "all", &BEGIN, &registry);
    let held: Vec<&str> = plan.held.iter().map(|held| plan.sites[held.site].owner.name.as_str()).collect();
    assert_eq!((plan.changes.len(), held), (2, vec!["web", "web"]), "{:?}", words(&plan));
    assert!(text(&begun, "a.yaml").contains("      tag: &tag 1.0.0\n"), "{}", text(&begun, "a.yaml"));
}

#[test]
fn what_the_source_needs_to_be_read_goes_along() {
    let registry = tags(&[("one", &["1.0.0"])]);
    let mut one = source("apps/one.yaml", "one", "1.0.0");
    let more = "  provider: aws\n  insecure: true\n  serviceAccountName: reader\n  proxySecretRef:\n    name: proxy\n  ref:";
    one.text = one.text.replace("  ref:", more);
    let mut entry = sync("clusters/a");
    entry.text = entry.text.replace(", ref: {branch: main}", "");
    let files = [one, applier("clusters/a/apps.yaml", "apps"), entry];
    let (begun, plan) = convert(&files, "all", &BEGIN, &registry);
    let said = words(&plan);
    assert_eq!(plan.held, [], "{said:?}");
    let new = text(&begun, "clusters/a/one-image.yaml");
    assert!(
        new.contains(
            "  interval: 10m\n  provider: aws\n  insecure: true\n  serviceAccountName: reader\n  proxySecretRef:\n    name: proxy\n---\n"
        ),
        "{new}"
    );
    for note in [
        "ServiceAccount reader is needed in the namespace flux-system as well",
        "Secret proxy is needed in the namespace flux-system as well",
        "writes to the branch main, since the files name no branch of GitRepository flux-system",
    ] {
        assert!(said[0].contains(note), "{note}: {said:?}");
    }
}
