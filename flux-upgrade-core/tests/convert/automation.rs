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
            "1.0.0 -> ImagePolicy flux/web: 1.0.0 before and after; automation/web-image.yaml: ImageRepository and ImagePolicy flux/web, ^1.0.0",
            "web requires a range that fits: ^1.0.0 does not admit 2.1.0, which runs",
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
