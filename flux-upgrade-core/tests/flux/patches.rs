//! Patches beside Flux's manifests.

use flux_upgrade_core::flux::{Fit, check_patches};
use flux_upgrade_core::{RepoPath, SourceFile};

use crate::release::{rendered, rendered_new};

fn file(name: &str, text: &str) -> SourceFile {
    SourceFile {
        path: RepoPath::parse(&format!("clusters/a/flux-system/{name}")).expect("a path"),
        text: text.to_owned(),
    }
}

/// What becomes of one patch: now and with the new release, whose watcher is gone.
fn fits(kustomization: &str) -> Vec<(String, String)> {
    let old = rendered(&[("components-extra", "source-watcher")]);
    let new = rendered_new(&[]);
    let files = [
        file("gotk-components.yaml", &old),
        file(
            "gotk-sync.yaml",
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata:\n  name: flux-system\n  namespace: flux-system\nspec:\n  ref:\n    branch: main\n",
        ),
        file(
            "patch.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: source-controller\n  namespace: flux-system\nspec:\n  replicas: 2\n",
        ),
    ];
    let text = format!("resources:\n- gotk-components.yaml\n- gotk-sync.yaml\n{kustomization}");
    let checks = check_patches(&file("kustomization.yaml", &text), &files, &old, &new).expect("checks");
    checks.into_iter().map(|check| (check.old.to_string(), check.new.to_string())).collect()
}

const SAME: fn(&str) -> (String, String) = |text| (text.to_owned(), text.to_owned());

#[test]
fn each_kind_of_patch() {
    let one = |body: &str| format!("patches:\n{body}");
    let json = |target: &str, operation: &str| {
        one(&format!("- target: {{{target}}}\n  patch: |\n    - {operation}\n"))
    };
    let cases = [
        // Which objects.
        (
            json("kind: Deployment", "{op: replace, path: /spec/replicas, value: 2}"),
            ("fits 5 objects".to_owned(), "fits 4 objects".to_owned()),
        ),
        (
            json("kind: Deployment, name: source-watcher", "{op: replace, path: /spec/replicas, value: 2}"),
            ("fits".to_owned(), "matches nothing".to_owned()),
        ),
        (
            json(
                "kind: Deployment, name: (kustomize|helm)-controller",
                "{op: replace, path: /spec/replicas, value: 2}",
            ),
            SAME("fits 2 objects"),
        ),
        (
            json("kind: Deployment, name: kustomize", "{op: replace, path: /spec/replicas, value: 2}"),
            SAME("matches nothing"),
        ),
        (
            json(
                "labelSelector: app.kubernetes.io/component=helm-controller, kind: Deployment",
                "{op: replace, path: /spec/replicas, value: 2}",
            ),
            SAME("fits"),
        ),
        (
            json("group: apps, version: v1beta1", "{op: replace, path: /spec/replicas, value: 2}"),
            SAME("matches nothing"),
        ),
        (json("kind: GitRepository", "{op: add, path: /spec/ignore, value: x}"), SAME("fits")),
        // Which paths.
        (
            json("kind: Deployment, name: helm-controller", "{op: replace, path: /spec/paused, value: true}"),
            SAME("Deployment/helm-controller has no /spec/paused"),
        ),
        (
            json(
                "kind: Deployment, name: helm-controller",
                "{op: add, path: /spec/template/spec/containers/0/args/-, value: --concurrent=5}",
            ),
            SAME("fits"),
        ),
        (
            json(
                "kind: Deployment, name: source-controller",
                "{op: replace, path: /spec/template/spec/containers/0/args/7, value: x}",
            ),
            (
                "Deployment/source-controller has no /spec/template/spec/containers/0/args/7".to_owned(),
                "fits".to_owned(),
            ),
        ),
        (
            json(
                "kind: CustomResourceDefinition, name: things.helm-controller.toolkit.fluxcd.io",
                "{op: remove, path: /spec/versions/1}",
            ),
            (
                "fits".to_owned(),
                "CustomResourceDefinition/things.helm-controller.toolkit.fluxcd.io has no /spec/versions/1"
                    .to_owned(),
            ),
        ),
        // One operation after the other.
        (
            json(
                "kind: Deployment, name: helm-controller",
                "{op: add, path: /metadata/annotations, value: {}}\n    - {op: add, path: /metadata/annotations/x, value: y}",
            ),
            SAME("fits"),
        ),
        // Merges.
        (one("- path: patch.yaml\n"), SAME("fits")),
        ("patchesStrategicMerge:\n- patch.yaml\n".to_owned(), SAME("fits")),
        (one("- path: gone.yaml\n"), SAME("cannot be read: there is no file `gone.yaml`")),
        (
            one(
                "- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: all}\n    spec: {template: {spec: {containers: [{name: manger, args: []}]}}}\n  target: {kind: Deployment, name: helm-controller}\n",
            ),
            SAME("Deployment/helm-controller has no container `manger`"),
        ),
        (
            one(
                "- patch: |\n    apiVersion: v1\n    kind: ServiceAccount\n    metadata: {name: controller, namespace: flux-system}\n",
            ),
            SAME("matches nothing"),
        ),
        (one("- patch: '[{op: remove, path: /x}]'\n"), SAME("cannot be read: a JSON Patch needs a `target`")),
        (one("- {}\n"), SAME("cannot be read: it has neither `patch` nor `path`")),
        // Images and replicas.
        (
            "images:\n- {name: ghcr.io/fluxcd/source-watcher, newName: x}\n".to_owned(),
            ("fits".to_owned(), "matches nothing".to_owned()),
        ),
        ("images:\n- {name: fluxcd/source-controller, newName: x}\n".to_owned(), SAME("matches nothing")),
        ("replicas:\n- {name: source-controller, count: 2}\n".to_owned(), SAME("fits")),
        // What is not looked at may have it.
        (
            "- ../base\npatches:\n- target: {kind: Ingress}\n  patch: '[{op: remove, path: /x}]'\n"
                .to_owned(),
            SAME("its target is built from elsewhere"),
        ),
    ];
    for (kustomization, expected) in cases {
        assert_eq!(fits(&kustomization), [expected], "{kustomization}");
    }
}

#[test]
fn patches_see_what_those_before_them_did() {
    let text = "patches:\n- target: {kind: Deployment, name: helm-controller}\n  patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: x, annotations: {a: b}}\n- target: {kind: Deployment, name: helm-controller}\n  patch: '[{op: replace, path: /metadata/annotations/a, value: c}]'\n";
    assert_eq!(fits(text), [SAME("fits"), SAME("fits")]);
}

#[test]
fn places_are_named() {
    let text = "patches:\n- target: {kind: Ingress}\n  patch: '[]'\n";
    let checks = check_patches(&file("kustomization.yaml", text), &[], &rendered(&[]), &rendered(&[]))
        .expect("checks");
    let [check] = checks.as_slice() else { panic!("{checks:?}") };
    assert_eq!((check.at.line, check.patch.as_str(), &check.new), (2, "patches[0]", &Fit::NoTarget));
    assert!(check.new.is_broken());
}
