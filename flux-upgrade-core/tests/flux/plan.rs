//! Files of Flux's own manifests in a plan.

use flux_upgrade_core::patch::{PatchSet, diff};
use flux_upgrade_core::plan::Plan;
use flux_upgrade_core::resolve::{Query, Recording, Resolver, Snapshot, Step, offline};
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::{RepoPath, SourceFile, locate, patch, plan, scan};

use crate::release::{archive, files, new_files, rendered, rendered_new};

const PATH: &str = "clusters/a/flux-system/gotk-components.yaml";

const RELEASES: &str = r#"{"schema": "flux-upgrade/registry-snapshot/v1", "flux": [
    {"version": "v2.8.1", "manifests": "old.tar.gz"}, {"version": "v2.9.0", "manifests": "new.tar.gz"}]}"#;

fn file(path: &str, text: impl Into<String>) -> SourceFile {
    SourceFile { path: RepoPath::parse(path).expect("a path"), text: text.into() }
}

fn read(place: &str) -> Option<Vec<u8>> {
    match place {
        "old.tar.gz" => Some(archive(&files())),
        "new.tar.gz" => Some(archive(&new_files())),
        _ => None,
    }
}

/// The plan of one file under a rules file.
fn planned(text: &str, rules: &str, snapshot: &Snapshot) -> (Plan, PatchSet) {
    let files = [file(PATH, text)];
    let rules = Rules::parse(&files[0].path, rules).expect("rules");
    let inventory = scan(&files);
    let sites = locate(&inventory);
    let resolution = offline(&sites, &rules, Some(snapshot));
    let plan = plan(&inventory, sites, &resolution, &rules);
    let set = patch(&files, &plan);
    assert_eq!(plan.changes.len() + plan.held.len(), plan.sites.len());
    (plan, set)
}

fn snapshot() -> Snapshot {
    Snapshot::parse(RELEASES).expect("a snapshot").with_manifests(read)
}

/// Why the file is held.
fn held(text: &str, rules: &str, snapshot: &Snapshot) -> String {
    let (plan, set) = planned(text, rules, snapshot);
    assert!(plan.changes.is_empty() && set.files.is_empty(), "{:?}", plan.changes);
    let own = plan.held.iter().find(|held| plan.sites[held.site].owner.kind == "Flux");
    own.expect("the site of the file").reason.to_string()
}

#[test]
fn the_file_moves_as_a_whole() {
    let flags = [("components-extra", "source-watcher"), ("log-level", "debug")];
    for form in [
        |text: String| text,
        |text: String| text.replace('\n', "\r\n"),
        |text: String| text.trim_end().to_owned(),
    ] {
        let (before, after) = (form(rendered(&flags)), form(rendered_new(&flags)));
        let (plan, set) = planned(&before, "version: 1\n", &snapshot());
        let [change] = plan.changes.as_slice() else { panic!("{:?}", plan.held) };
        assert_eq!((change.from.as_str(), change.to.as_str()), ("v2.8.1", "v2.9.0"));
        let site = plan.site_of(change);
        assert_eq!((site.at.line, site.owner.to_string().as_str()), (3, "Flux flux-system"));
        let notes = &change.notes;
        assert_eq!(notes[0], "before it is merged: `flux migrate` in the cluster");
        assert!(notes[1].starts_with("no longer serves v1beta2 of "), "{notes:?}");
        assert!(set.refused.is_empty(), "{:?}", set.refused);
        assert_eq!(set.files[0].after, after);
        // The diff and its reverse are those of the two texts.
        let files = [file(PATH, before.clone())];
        assert_eq!(
            diff::unified(&files, &set).expect("a diff"),
            diff::between(&files[0].path, &before, &after)
        );
        let back = diff::between(&files[0].path, &after, &before);
        assert_eq!(diff::reverse(&files, &set).expect("a diff"), back);
        // And then there is nothing left to do.
        assert_eq!(held(&after, "version: 1\n", &snapshot()), "up to date");
    }
}

#[test]
fn images_inside_belong_to_the_release() {
    let comment = "        # renovate: datasource=docker depName=ghcr.io/fluxcd/source-controller\n";
    let bare = rendered(&[]).lines().skip(4).map(|line| format!("{line}\n")).collect::<String>();
    let bare = bare.replacen("        image: ", &format!("{comment}        image: "), 1);
    let (plan, set) = planned(&bare, "version: 1\n", &snapshot());
    let inside = plan.held.iter().filter(|held| plan.sites[held.site].owner.kind != "Flux");
    let reasons: Vec<&str> = inside.map(|held| held.reason.kind()).collect();
    assert!(reasons.len() > 1 && reasons.iter().all(|reason| *reason == "generated"), "{reasons:?}");
    assert_eq!(set.files.len() + set.refused.len(), 0, "without its header it is not what Flux writes");
}

#[test]
fn edits_hold_the_file_or_are_kept() {
    let edit = |text: String| text.replacen("replicas: 1", "replicas: 3", 1);
    let text = edit(rendered(&[]));
    let reason = held(&text, "version: 1\n", &snapshot());
    let expected =
        "requires `localEdits: keep` or `discard`, since it is not what Flux v2.8.1 renders: line ";
    assert!(
        reason.starts_with(expected) && reason.ends_with("spec.replicas: 1 -> 3 (replicas changed)"),
        "{reason}"
    );
    let (plan, set) = planned(&text, "version: 1\ndefaults: {localEdits: keep}\n", &snapshot());
    assert_eq!(set.files[0].after, edit(rendered_new(&[])));
    assert!(
        plan.changes[0].notes.iter().any(|note| note.starts_with("kept: line ")),
        "{:?}",
        plan.changes[0].notes
    );
    // A comment beside an edit is not carried over, which is told.
    let commented = text.replacen("replicas: 3", "replicas: 3 # ours", 1);
    let (plan, _) = planned(&commented, "version: 1\ndefaults: {localEdits: keep}\n", &snapshot());
    let notes = plan.changes[0].notes.join("\n");
    assert!(notes.contains("layout (comments or layout changed)") && notes.contains("not kept: "), "{notes}");
    let rules = "version: 1\nrules:\n- match: {kind: Flux, path: clusters/**}\n  localEdits: discard\n";
    let (plan, set) = planned(&text, rules, &snapshot());
    assert_eq!(set.files[0].after, rendered_new(&[]));
    assert!(
        plan.changes[0].notes.iter().any(|note| note.starts_with("not kept: line ")),
        "{:?}",
        plan.changes[0].notes
    );
    let digest = rendered(&[]).replacen("controller:v1.4.0", "controller:v1.4.0@sha256:01", 1);
    let reason = held(&digest, "version: 1\ndefaults: {localEdits: keep}\n", &snapshot());
    assert!(reason.contains("a digest belongs to one tag"), "{reason}");
}

#[test]
fn what_is_not_at_hand_holds_the_file() {
    let text = rendered(&[]);
    let without = Snapshot::parse(RELEASES).expect("a snapshot");
    let reason = held(&text, "version: 1\n", &without);
    assert_eq!(reason, "manifests.tar.gz of Flux v2.8.1: no answer is recorded");
    let broken = without.clone().with_manifests(|place| match place {
        "new.tar.gz" => Some(b"no archive".to_vec()),
        other => read(other),
    });
    let reason = held(&text, "version: 1\n", &broken);
    assert!(reason.contains("manifests.tar.gz of Flux v2.9.0: the answer cannot be read"), "{reason}");
    let old = text.replace("v2.8.1", "v0.41.2");
    assert!(held(&old, "version: 1\n", &snapshot()).contains("older than what can be rendered"));
    assert!(held(&text, "version: 1\ndefaults: {allow: patch}\n", &snapshot()).contains("a minor update"));
}

#[test]
fn no_step_over_kinds_that_share_no_version() {
    let moved = |files: Vec<(String, String)>| -> Vec<(String, String)> {
        let other = |text: String| text.replace("  - name: v1\n", "  - name: v2\n");
        files.into_iter().map(|(name, text)| (name, other(text))).collect()
    };
    let snapshot = Snapshot::parse(RELEASES).expect("a snapshot").with_manifests(|place| match place {
        "new.tar.gz" => Some(archive(&moved(new_files()))),
        other => read(other),
    });
    let reason = held(&rendered(&[]), "version: 1\n", &snapshot);
    assert!(reason.starts_with("requires a release between v2.8.1 and v2.9.0: Thing."), "{reason}");
}

#[test]
fn a_recorded_run_is_replayed_with_its_archives() {
    let text = rendered(&[]);
    let without_old = r#"{"schema": "flux-upgrade/registry-snapshot/v1", "flux": [
        {"version": "v2.9.0", "manifests": "new.tar.gz"}],
        "fluxManifests": [{"version": "v2.8.1", "manifests": "old.tar.gz"}]}"#;
    let broken = r#"{"schema": "flux-upgrade/registry-snapshot/v1", "flux": [{"version": "v2.8.1"},
        {"version": "v2.9.0", "manifestsFailure": {"kind": "unreachable", "detail": "the connection was cut"}}]}"#;
    for (source, moves) in [(RELEASES, true), (without_old, true), (broken, false)] {
        let source = Snapshot::parse(source).expect("a snapshot").with_manifests(read);
        let files = [file(PATH, text.clone())];
        let rules = Rules::default();
        let inventory = scan(&files);
        let sites = locate(&inventory);
        let (mut resolver, mut recording) = (Resolver::new(&sites, &rules), Recording::default());
        while let Step::Ask(queries) = resolver.step() {
            for Query { id, ask, .. } in queries {
                let outcome = source.answer(&ask);
                recording.add(&ask, &outcome);
                resolver.answer(id, outcome).expect("an open question");
            }
        }
        let (json, archives) = recording.to_files("registry.json.d", None);
        assert!(archives.iter().all(|(place, _)| place.starts_with("registry.json.d/v2.")), "{archives:?}");
        let written =
            |place: &str| archives.iter().find(|(path, _)| path == place).map(|(_, bytes)| bytes.clone());
        let replayed = Snapshot::parse(&json).expect("a snapshot").with_manifests(written);
        let (live, set) = planned(&text, "version: 1\n", &source);
        let (again, same) = planned(&text, "version: 1\n", &replayed);
        assert_eq!((&again, &same), (&live, &set));
        let inside = Snapshot::parse(&recording.to_json(None)).expect("a snapshot");
        let (again, same) = planned(&text, "version: 1\n", &inside.with_manifests(|place| panic!("{place}")));
        assert_eq!((&again, &same), (&live, &set), "with the archives inside");
        assert_eq!(live.changes.len(), usize::from(moves), "{:?}", live.held);
    }
}

#[test]
fn a_patch_that_fits_the_old_release_alone_holds_the_file() {
    let patched = |patches: &str| {
        let kustomization = format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- gotk-components.yaml\n{patches}"
        );
        let files =
            [file(PATH, rendered(&[])), file("clusters/a/flux-system/kustomization.yaml", kustomization)];
        let rules = Rules::parse(&files[0].path, "version: 1\n").expect("rules");
        let inventory = scan(&files);
        let sites = locate(&inventory);
        let resolution = offline(&sites, &rules, Some(&snapshot()));
        plan(&inventory, sites, &resolution, &rules)
    };
    // The newer release has a version of the kind less, and an argument more.
    let gone = "- target: {kind: CustomResourceDefinition, name: things.source-controller.toolkit.fluxcd.io}\n  patch: |\n    - {op: replace, path: /spec/versions/1/served, value: true}\n";
    let fits = "- target: {kind: Deployment, name: source-controller}\n  patch: |\n    - {op: add, path: /spec/template/spec/containers/0/args/-, value: --concurrent=20}\n";
    let never = "- target: {kind: Deployment, name: none}\n  patch: |\n    - {op: add, path: /spec/replicas, value: 2}\n";
    let found = patched(&format!("patches:\n{fits}{gone}{gone}"));
    assert!(found.changes.is_empty(), "{:?}", found.changes);
    let [held] = found.held.as_slice() else { panic!("{:?}", found.held) };
    assert_eq!(
        held.reason.to_string(),
        "requires patches that fit Flux v2.9.0: clusters/a/flux-system/kustomization.yaml:9: patches[1] \
         CustomResourceDefinition/things.source-controller.toolkit.fluxcd.io has no /spec/versions/1/served; and 1 more"
    );

    let found = patched(&format!("patches:\n{fits}"));
    assert!(found.held.is_empty(), "{:?}", found.held);
    assert!(!found.changes[0].notes.iter().any(|note| note.contains("fit")), "{:?}", found.changes[0].notes);

    // What is broken today stays as broken, and is told.
    let found = patched(&format!("patches:\n{never}{fits}"));
    assert_eq!(
        found.changes[0].notes.last().map(String::as_str),
        Some(
            "does not fit before or after: clusters/a/flux-system/kustomization.yaml:6: patches[0] matches nothing"
        )
    );
}
