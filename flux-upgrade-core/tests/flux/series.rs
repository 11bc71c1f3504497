//! The steps of Flux in a plan, where nothing but versions is needed.

use flux_upgrade_core::migrate::Migrated;
use flux_upgrade_core::plan::Plan;
use flux_upgrade_core::resolve::{Snapshot, offline};
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::{RepoPath, SourceFile, locate, plan, scan};

fn planned(files: &[(&str, String)]) -> Plan {
    let file = |(path, text): &(&str, String)| SourceFile {
        path: RepoPath::parse(path).expect("a path"),
        text: text.clone(),
    };
    let files: Vec<SourceFile> = files.iter().map(file).collect();
    let snapshot = r#"{"schema": "flux-upgrade/registry-snapshot/v1", "flux": [
        {"version": "v2.2.3"}, {"version": "v2.6.3"}, {"version": "v2.6.4"}, {"version": "v2.7.5"},
        {"version": "v2.8.8"}, {"version": "v2.9.0-rc.1"}, {"version": "v2.9.4"}],
        "oci": [{"repository": "ghcr.io/controlplaneio-fluxcd/charts/flux-operator", "tags": [
        {"tag": "0.30.0"}, {"tag": "0.58.1"}]}]}"#;
    let snapshot = Snapshot::parse(snapshot).expect("a snapshot");
    let rules = Rules::default();
    let inventory = scan(&files);
    let sites = locate(&inventory);
    let resolution = offline(&sites, &rules, Some(&snapshot));
    plan(&inventory, sites, &resolution, &rules)
}

fn instance(cluster: &str, version: &str) -> String {
    format!(
        "apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata: {{name: flux, namespace: flux-system}}\nspec:\n  \
         distribution: {{version: {version}, registry: ghcr.io/fluxcd}}\n  sync:\n    kind: GitRepository\n    \
         url: https://git.example.com/fleet\n    ref: refs/heads/main\n    path: clusters/{cluster}\n"
    )
}

fn bootstrap(version: &str) -> String {
    format!("resource \"flux_bootstrap_git\" \"this\" {{\n  version = \"{version}\"\n}}\n")
}

/// The releases on each way, the first of which runs.
fn steps(plan: &Plan) -> Vec<Vec<&str>> {
    plan.series
        .iter()
        .map(|series| {
            assert_eq!(series.steps[0].from, plan.sites[series.site].spot.value);
            assert!(series.steps.windows(2).all(|two| two[0].to == two[1].from));
            let to = series.steps.iter().map(|step| step.to.as_str());
            std::iter::once(series.steps[0].from.as_str()).chain(to).collect()
        })
        .collect()
}

#[test]
fn a_long_way_has_every_safe_step_with_its_newest_release() {
    let plan = planned(&[("main.tf", bootstrap("v2.2.3"))]);
    assert_eq!(steps(&plan), [["v2.2.3", "v2.6.4", "v2.8.8", "v2.9.4"]]);
    let commands = plan.series[0].steps.iter().map(|step| step.in_cluster.as_slice());
    assert_eq!(
        commands.collect::<Vec<_>>(),
        [&[] as &[String], &["flux migrate".to_owned()], &["flux migrate".to_owned()]]
    );
    assert_eq!(plan.series[0].steps[0].changes, [0]);
    assert!(plan.series[0].steps[1..].iter().all(|step| step.changes.is_empty()));
}

#[test]
fn a_patch_or_nothing_newer_has_no_steps() {
    for version in ["v2.9.4", "v2.9.3", "v2.6.4"] {
        let plan = planned(&[("main.tf", bootstrap(version))]);
        assert_eq!(plan.series.is_empty(), version.starts_with("v2.9"), "{version}");
    }
}

#[test]
fn the_operator_migrates_what_is_stored_by_itself() {
    let plan = planned(&[("clusters/a/flux.yaml", instance("a", "v2.6.4"))]);
    assert_eq!(steps(&plan), [["v2.6.4", "v2.8.8", "v2.9.4"]]);
    assert!(plan.series[0].steps.iter().all(|step| step.in_cluster.is_empty()));
}

#[test]
fn the_operator_comes_before_the_flux_that_it_installs() {
    let chart = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: operator, namespace: flux-system}\nspec:\n  \
                 url: oci://ghcr.io/controlplaneio-fluxcd/charts/flux-operator\n  ref: {tag: 0.30.0}\n";
    // By their names and places the groups would stand the other way round.
    for folder in ["clusters/a", "operator"] {
        let plan = planned(&[
            ("clusters/a/flux.yaml", instance("a", "v2.7.5")),
            (&format!("{folder}/zz-operator.yaml"), chart.to_owned()),
        ]);
        let group = |to: &str| {
            let has = |change: &usize| plan.changes[*change].to == to;
            plan.groups.iter().position(|group| group.changes.iter().any(has)).expect("a group")
        };
        assert_eq!(plan.groups[group("v2.9.4")].after, [group("0.58.1")], "{folder}");
    }
}

#[test]
fn each_cluster_has_its_own_objects() {
    let alert = |name: &str| {
        format!(
            "apiVersion: notification.toolkit.fluxcd.io/v1beta2\nkind: Alert\nmetadata: {{name: {name}, namespace: flux-system}}\nspec: {{}}\n"
        )
    };
    let plan = planned(&[
        ("clusters/a/alert.yaml", alert("a")),
        ("clusters/a/flux.yaml", instance("a", "v2.7.5")),
        ("clusters/b/alert.yaml", alert("b")),
        ("clusters/b/flux.yaml", instance("b", "v2.6.4")),
    ]);
    assert_eq!(steps(&plan), [vec!["v2.7.5", "v2.9.4"], vec!["v2.6.4", "v2.8.8", "v2.9.4"]]);
    let objects = |series: usize, step: usize| -> Vec<&str> {
        plan.series[series].steps[step].migrations.iter().map(|one| one.object.as_str()).collect()
    };
    assert_eq!(objects(0, 0), ["Alert flux-system/a"]);
    // Flux 2.8 still reads it, 2.9 does not.
    assert!(objects(1, 0).is_empty());
    assert_eq!(objects(1, 1), ["Alert flux-system/b"]);
    // The part that a group is keeps its own steps.
    let part = plan.part(&plan.groups[0]);
    assert_eq!(part.series.len(), 2);
    let first = &part.series[0].steps[0].changes;
    assert!(first.iter().all(|change| *change < part.changes.len()) && !first.is_empty());
    let mut fewer = plan.clone();
    fewer.retain(|change| change.to == "v2.9.4");
    assert!(
        fewer
            .series
            .iter()
            .flat_map(|one| &one.steps)
            .flat_map(|step| &step.changes)
            .all(|change| *change < fewer.changes.len())
    );
}

#[test]
fn a_step_that_is_held_says_what_it_would_move() {
    let policy = "apiVersion: image.toolkit.fluxcd.io/v1beta1\nkind: ImagePolicy\nmetadata: {name: app, namespace: flux-system}\nspec: {}\n";
    let automation = "apiVersion: image.toolkit.fluxcd.io/v1beta2\nkind: ImageUpdateAutomation\nmetadata: {name: all, namespace: flux-system}\n\
        spec:\n  git:\n    commit:\n      messageTemplate: '{{ range .Updated.Images }}{{ . }}{{ end }}'\n";
    let plan = planned(&[
        ("clusters/a/flux.yaml", instance("a", "v2.6.4")),
        ("clusters/a/image.yaml", policy.to_owned()),
        ("clusters/a/update.yaml", automation.to_owned()),
    ]);
    assert_eq!(steps(&plan), [["v2.6.4", "v2.8.8", "v2.9.4"]]);
    assert!(plan.changes.is_empty(), "{:?}", plan.changes);
    let moved: Vec<Vec<String>> = plan.series[0]
        .steps
        .iter()
        .map(|step| {
            let version = |api: &str| api.rsplit('/').next().unwrap_or_default().to_owned();
            let moved =
                |one: &Migrated| format!("{} {} {}", one.object, version(&one.from), version(&one.to));
            step.migrations.iter().map(moved).collect()
        })
        .collect();
    // Each step goes on from where the one before it would leave the files.
    assert_eq!(moved[0], ["ImagePolicy flux-system/app v1beta1 v1beta2"]);
    assert_eq!(
        moved[1],
        ["ImagePolicy flux-system/app v1beta2 v1", "ImageUpdateAutomation flux-system/all v1beta2 v1"]
    );
}
