//! Files that were edited, and files on the way to another release.

use flux_upgrade_core::flux::{Fate, LocalEdits, Upgrade, prove, summarize, upgrade};

use crate::release::{new, old, rendered, rendered_new};

/// `text` with one edit.
#[track_caller]
fn edited(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

fn told(text: &str) -> Vec<String> {
    let proof = prove(text, &old(), &[new()]).expect("a proof");
    proof.differences.iter().map(ToString::to_string).collect()
}

const LIMITS: &str = "            cpu: 1000m\n            memory: 1Gi\n";
const TAG: &str = "source-controller:v1.4.0";
const LABEL: &str = "    app.kubernetes.io/version: v2.8.1\n  name: crd-controller";
const LABEL_NEW: &str = "    app.kubernetes.io/version: v2.9.0\n  name: crd-controller";

#[test]
fn edits_are_explained() {
    let plain = rendered(&[]);
    let container = "Deployment/source-controller spec.template.spec.containers[manager]";
    let image = |tag: &str| format!("ghcr.io/fluxcd/source-controller:{tag}");
    let moved =
        |tag: &str, why: &str| format!("{container}.image: {} -> {} ({why})", image("v1.4.0"), image(tag));
    let header = "# Flux Version: v2.8.1 -> v2.9.0 (the header disagrees with the objects)";
    let replicas = "Deployment/source-controller spec.replicas: 1 -> 2 (replicas changed)";
    let namespace =
        "NetworkPolicy/allow-webhooks metadata.namespace: flux-system -> other (namespace edited)";
    let label = "ClusterRole/crd-controller-flux-system metadata.labels[app.kubernetes.io/version]: v2.8.1 -> v2.9.0 \
                 (the label of another release)";
    let verb = "ClusterRole/crd-controller-flux-system rules[* of source.toolkit.fluxcd.io].verbs[patch]: patch is new (edited)";
    let layout = "Deployment/source-controller layout (comments or layout changed)";
    let cases: [(&str, &str, String, &str); 13] = [
        ("# Flux Version: v2.8.1", "# Flux Version: v2.9.0", header.to_owned(), "# Flux Version: v2.9.0"),
        (TAG, "source-controller:v1.5.0", moved("v1.5.0", "the image of Flux v2.9.0"), "image:"),
        (TAG, "source-controller:v1.4.9", moved("v1.4.9", "the image of no release at hand"), "image:"),
        (TAG, "source-controller:v1.4.0@sha256:01", moved("v1.4.0@sha256:01", "digest added"), "image:"),
        (
            "ghcr.io/fluxcd/source",
            "docker.io/fluxcd/source",
            format!("{container}.image: {} -> docker.io/fluxcd/{TAG} (image changed)", image("v1.4.0")),
            "image: docker.io/fluxcd/source-controller",
        ),
        ("replicas: 1", "replicas: 2", replicas.to_owned(), "replicas: 2"),
        (
            LIMITS,
            "            cpu: 1000m\n            memory: 2Gi\n",
            format!("{container}.resources.limits.memory: 1Gi -> 2Gi (resources changed)"),
            "memory: 2Gi",
        ),
        (
            LIMITS,
            "            memory: 1Gi\n",
            format!("{container}.resources.limits.cpu: 1000m is gone (resources changed)"),
            "limits:",
        ),
        (
            "        - --log-encoding=json\n",
            "        - --log-encoding=json\n        - --concurrent=20\n",
            format!("{container}.args[--concurrent]: --concurrent=20 is new (argument changed)"),
            "- --concurrent=20",
        ),
        ("  namespace: flux-system\n", "  namespace: other\n", namespace.to_owned(), "namespace: other"),
        (LABEL, LABEL_NEW, label.to_owned(), "app.kubernetes.io/version: v2.9.0"),
        ("  - get\n", "  - get\n  - patch\n", verb.to_owned(), "- patch"),
        ("spec:\n  replicas", "spec: # ours\n  replicas", layout.to_owned(), "spec: # ours"),
    ];
    for (from, to, expected, line) in cases {
        let text = edited(&plain, from, to);
        let found = told(&text);
        let [found] = found.as_slice() else { panic!("{to}: {found:?}") };
        let (number, found) = found["line ".len()..].split_once(": ").expect("a line");
        assert_eq!(found, expected, "{to}");
        let there = text.lines().nth(number.parse::<usize>().expect("a number") - 1).unwrap_or_default();
        assert!(there.trim_start().starts_with(line), "{to}: line {number} is {there}");
    }
}

#[test]
fn objects_that_come_and_go() {
    let plain = rendered(&[]);
    let added = format!("{plain}---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ours\n");
    let last = plain.lines().count() + 2;
    assert_eq!(told(&added), [format!("line {last}: ConfigMap/ours (object added)")]);
    let start = plain.find("---\napiVersion: v1\nkind: ServiceAccount").expect("one");
    let end = start + 4 + plain[start + 4..].find("---\n").expect("one");
    let removed = format!("{}{}", &plain[..start], &plain[end..]);
    assert_eq!(told(&removed), ["line 1: ServiceAccount/source-controller (object removed)"]);
}

#[track_caller]
fn moved(text: &str, local: LocalEdits) -> Upgrade {
    upgrade(text, &old(), &new(), &[new()], local).expect("an upgrade")
}

#[test]
fn options_survive() {
    let flags = [
        ("components-extra", "source-watcher"),
        ("registry", "docker.io/fluxcd"),
        ("log-level", "debug"),
        ("toleration-keys", "a"),
    ];
    let found = moved(&rendered(&flags), LocalEdits::Hold);
    assert_eq!(found.text.expect("a text"), rendered_new(&flags));
}

#[test]
fn edits_hold_by_default_and_are_dropped_on_demand() {
    let text = edited(&rendered(&[]), "replicas: 1", "replicas: 2");
    let held = moved(&text, LocalEdits::Hold);
    assert_eq!((held.fates, held.text), (vec![Fate::Held { why: None }], None));
    let dropped = moved(&text, LocalEdits::Discard);
    assert_eq!((dropped.fates, dropped.text), (vec![Fate::Dropped], Some(rendered_new(&[]))));
}

/// Each edit on the old text gives the same edit on the new one.
#[test]
fn edits_are_carried_over() {
    let (plain, target) = (rendered(&[]), rendered_new(&[]));
    let both = [
        ("replicas: 1", "replicas: 2"),
        (LIMITS, "            cpu: 1000m\n            memory: 2Gi # grew\n"),
        (LIMITS, "            memory: 1Gi\n"),
        (LIMITS, "            cpu: 1000m\n            ephemeral-storage: 1Gi\n            memory: 1Gi\n"),
        (
            "        name: manager\n",
            "        name: manager\n        ports:\n        - containerPort: 8080\n          name: http-prom\n",
        ),
        (
            "      serviceAccountName",
            "      priorityClassName: system-cluster-critical\n      serviceAccountName",
        ),
        ("        - --log-encoding=json\n", "        - --log-encoding=console\n"),
        ("        - --enable-leader-election\n", ""),
        (
            "        - name: RUNTIME_NAMESPACE\n          valueFrom:\n            fieldRef:\n              fieldPath: metadata.namespace\n        image",
            "        - name: RUNTIME_NAMESPACE\n          valueFrom:\n            fieldRef:\n              fieldPath: metadata.namespace\n        - name: HTTPS_PROXY\n          value: http://proxy:3128\n        image",
        ),
        ("      - emptyDir: {}\n", "      - emptyDir:\n          sizeLimit: 1Gi\n"),
        ("  - list\n", "  - list\n  - patch\n"),
        ("  - get\n", ""),
        (
            "    app.kubernetes.io/instance: flux-system\n    app.kubernetes.io/part-of",
            "    app.kubernetes.io/instance: flux-system\n    app.kubernetes.io/owner: us\n    app.kubernetes.io/part-of",
        ),
    ];
    for (from, to) in both {
        let found = moved(&edited(&plain, from, to), LocalEdits::Keep);
        let text = found.text.unwrap_or_else(|| panic!("{to}: {:?}", found.fates));
        // A comment behind a value is no field: it goes, which is told.
        let expected = edited(&target, from, &to.replace(" # grew", ""));
        assert!(text == expected, "{to}\n{}", similar::TextDiff::from_lines(&expected, &text).unified_diff());
        let fates = if to.contains('#') { vec![Fate::Dropped, Fate::Kept] } else { vec![Fate::Kept] };
        assert!(found.fates == fates, "{to}: {:?}", found.fates);
    }
    let all = |text: &str| {
        both.iter()
            .filter(|(from, _)| *from != LIMITS && !from.starts_with("  - "))
            .fold(text.to_owned(), |text, (from, to)| edited(&text, from, to))
    };
    assert_eq!(moved(&all(&plain), LocalEdits::Keep).text, Some(all(&target)));
}

#[test]
fn arguments_are_added_behind_those_of_the_release() {
    let old = "        - --storage-adv-addr=source-controller.$(RUNTIME_NAMESPACE).svc.cluster.local.\n";
    let found =
        moved(&edited(&rendered(&[]), old, &format!("{old}        - --concurrent=20\n")), LocalEdits::Keep);
    let text = found.text.expect("a text");
    assert!(text.contains(&format!("{old}        - --graceful\n        - --concurrent=20\n")), "{text}");
}

#[test]
fn halves_of_the_way_are_superseded() {
    let plain = rendered(&[]);
    for (from, to) in [
        ("# Flux Version: v2.8.1", "# Flux Version: v2.9.0"),
        (TAG, "source-controller:v1.5.0"),
        (TAG, "source-controller:v1.4.7"),
        (LABEL, LABEL_NEW),
    ] {
        let found = moved(&edited(&plain, from, to), LocalEdits::Keep);
        assert_eq!((found.fates, found.text), (vec![Fate::Superseded], Some(rendered_new(&[]))), "{to}");
    }
}

#[test]
fn conflicts_hold() {
    let plain = rendered(&[]);
    for (from, to, expected) in [
        (TAG, "source-controller:v1.6.0", "newer than the one of the new release"),
        (TAG, "source-controller:v1.4.0@sha256:01", "a digest belongs to one tag"),
        ("ghcr.io/fluxcd/source", "docker.io/fluxcd/source", "changed the same place"),
        (
            "    served: true\n    storage: false\n",
            "    served: false\n    storage: false\n",
            "is gone in the new release",
        ),
        (
            "  - from:\n    - namespaceSelector: {}\n",
            "  - from:\n    - podSelector: {}\n",
            "changed the same place",
        ),
    ] {
        let found = moved(&edited(&plain, from, to), LocalEdits::Keep);
        let [Fate::Held { why: Some(why) }, ..] = found.fates.as_slice() else {
            panic!("{to}: {:?}", found.fates)
        };
        assert!(why.contains(expected) && found.text.is_none(), "{to}: {why}");
    }
}

#[test]
fn objects_are_carried_over() {
    let ours = "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ours # for us\n";
    let found = moved(&format!("{}{ours}", rendered(&[])), LocalEdits::Keep);
    assert_eq!(found.text, Some(format!("{}{ours}", rendered_new(&[]))));
    let without = |text: &str| {
        let start = text.find("---\napiVersion: v1\nkind: ServiceAccount").expect("one");
        let end = start + 4 + text[start + 4..].find("---\n").expect("one");
        format!("{}{}", &text[..start], &text[end..])
    };
    let found = moved(&without(&rendered(&[])), LocalEdits::Keep);
    assert_eq!((found.fates, found.text), (vec![Fate::Kept], Some(without(&rendered_new(&[])))));
}

#[test]
fn form_stays() {
    let (plain, target) = (rendered(&[]), rendered_new(&[]));
    for form in [
        |text: &str| text.replace('\n', "\r\n"),
        |text: &str| text.trim_end().to_owned(),
        |text: &str| format!("\u{feff}{text}"),
    ] {
        let found = moved(&form(&plain), LocalEdits::Hold);
        assert!(found.proof.is_consistent());
        assert_eq!(found.text, Some(form(&target)));
    }
}

/// The header, then the documents by kind and name.
fn sorted(text: &str) -> String {
    let (header, body) = text.split_at(text.find("apiVersion").expect("one"));
    let mut documents: Vec<&str> = body.split("---\n").collect();
    documents.sort_by_key(|document| {
        let value = |key: &str| document.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        (value("kind: "), value("  name: "))
    });
    format!("{header}{}", documents.join("---\n"))
}

#[test]
fn sorted_documents_stay_sorted() {
    let text = sorted(&rendered(&[]));
    assert_eq!(told(&text), ["line 1: the order of the documents (documents sorted, as Terraform does)"]);
    for local in [LocalEdits::Hold, LocalEdits::Keep, LocalEdits::Discard] {
        let found = moved(&text, local);
        assert!(found.proof.is_consistent());
        assert_eq!(found.text, Some(sorted(&rendered_new(&[]))), "{local:?}");
    }
    let edit = |text: &str| edited(text, "replicas: 1", "replicas: 3");
    assert_eq!(moved(&edit(&text), LocalEdits::Keep).text, Some(edit(&sorted(&rendered_new(&[])))));
}

#[test]
fn never_back() {
    let error = upgrade(&rendered_new(&[]), &new(), &old(), &[], LocalEdits::Hold).expect_err("older");
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        ("upgrade.downgrade", "Flux v2.8.1 is older than the v2.9.0 of the file")
    );
}

#[test]
fn what_an_upgrade_means() {
    let flags = [("components", "source-controller,notification-controller")];
    let summary = summarize(&rendered(&flags), &rendered_new(&flags)).expect("a summary");
    let expected = "\
controllers:
  source-controller v1.4.0 -> v1.5.0
  notification-controller v1.4.0 -> v1.5.0
kinds:
  Thing.notification-controller.toolkit.fluxcd.io no longer serves v1beta2
  Thing.source-controller.toolkit.fluxcd.io no longer serves v1beta2
arguments:
  source-controller new: --graceful
  notification-controller new: --graceful
network:
  NetworkPolicy/allow-webhooks spec.ingress[0].ports new: [{port: 9292, protocol: TCP}]
";
    assert_eq!(summary.to_string(), expected);
    assert!(summarize(&rendered(&[]), &rendered(&[])).expect("a summary").is_empty());
}
