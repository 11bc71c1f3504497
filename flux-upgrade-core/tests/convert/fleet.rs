//! Conversions of the example's repository and the way back of its ranges: planned before and after, what runs is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use flux_upgrade_core::convert::To;
use flux_upgrade_core::locate::{Site, unpinned};
use flux_upgrade_core::ranges::lock::{Lock, update};
use flux_upgrade_core::ranges::{self, rollback, survey};
use flux_upgrade_core::resolve::{Resolver, Snapshot, from_snapshot, offline};
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::{RepoPath, SourceFile, locate, plan, scan};
use serde_json::{Value, json};

use super::common::patched;
use super::{convert, oci, words};

pub(crate) fn fleet() -> (Vec<SourceFile>, Value) {
    fn walk(root: &Path, folder: &Path, out: &mut Vec<SourceFile>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path: PathBuf = entry.path();
            if path.is_dir() {
                walk(root, &path, out);
            } else if path.extension().is_some_and(|end| end == "yaml") {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                let text = std::fs::read_to_string(&path).unwrap();
                out.push(SourceFile { path: RepoPath::parse(&name).unwrap(), text });
            }
        }
    }
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut files = Vec::new();
    walk(&examples.join("fleet"), &examples.join("fleet"), &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let registry = std::fs::read_to_string(examples.join("fleet.registry.json")).unwrap();
    (files, serde_json::from_str(&registry).unwrap())
}

fn snapshot(registry: &Value) -> Snapshot {
    Snapshot::parse(&registry.to_string()).unwrap()
}

fn package(site: &Site) -> String {
    site.source.as_ref().map_or_else(|_| site.owner.to_string(), |source| source.package().to_owned())
}

/// What every object of a repository runs: versions and digests by the package and the clusters that they are in.
fn running(files: &[SourceFile], registry: &Value) -> BTreeMap<(String, String), BTreeSet<String>> {
    let (rules, inventory) = (Rules::default(), scan(files));
    let mut sites = locate(&inventory);
    sites.extend(unpinned(&inventory));
    let resolution = from_snapshot(Resolver::new(&sites, &rules).standing(), Some(&snapshot(registry)));
    let survey = survey(&inventory, sites, &resolution, &rules);
    let mut out: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for (site, row) in survey.iter() {
        let (Ok(_), Ok(standing)) = (&site.source, &row.stands) else { continue };
        let digest = site.pinned_digest().map(str::to_owned).or(standing.digest.clone());
        let says = format!("{} {}", standing.resolved, digest.unwrap_or_default());
        out.entry((package(site), site.clusters.join(","))).or_default().insert(says);
    }
    out
}

/// What a plan of a repository says, by package: the changes, and what is held with its reason.
fn planned(files: &[SourceFile], registry: &Value) -> BTreeSet<(String, String)> {
    let (rules, inventory) = (Rules::default(), scan(files));
    let sites = locate(&inventory);
    let resolution = offline(&sites, &rules, Some(&snapshot(registry)));
    let plan = plan(&inventory, sites, &resolution, &rules);
    let changes = plan.changes.iter().map(|change| {
        (package(&plan.sites[change.site]), format!("{} -> {} ({:?})", change.from, change.to, change.level))
    });
    let held = plan.held.iter().map(|held| {
        (package(&plan.sites[held.site]), format!("{}: {}", plan.sites[held.site].written(), held.reason))
    });
    changes.chain(held).collect()
}

/// The packages about which two plans differ.
fn differing(a: &BTreeSet<(String, String)>, b: &BTreeSet<(String, String)>) -> BTreeSet<String> {
    a.symmetric_difference(b).map(|(package, _)| package.clone()).collect()
}

fn comments(files: &[SourceFile]) -> Vec<String> {
    let mut out: Vec<String> = files
        .iter()
        .flat_map(|file| file.text.lines())
        .filter_map(|line| {
            let at = if line.starts_with('#') { 0 } else { line.find(" #")? };
            Some(line[at..].trim().to_owned())
        })
        .collect();
    out.sort();
    out
}

/// By site and way: how many changes, and what the plan says otherwise about which packages.
#[test]
fn each_conversion_of_the_example_leaves_what_runs_as_it_is() {
    let (files, registry) = fleet();
    let (runs, plans) = (running(&files, &registry), planned(&files, &registry));
    assert!(runs.len() > 20 && plans.len() > 25, "{runs:?} {plans:?}");
    let range = |text: &str| To::Range(Some(text.to_owned()));
    for (wanted, to, changes, other_plan) in [
        // Ranges become pins: what was held as floating is up to date, or has something newer.
        ("all", To::Pin, 5, &["dashboards", "external-dns", "metrics-server", "search", "shop"][..]),
        ("HelmRelease/shop", To::Pin, 1, &["shop"]),
        // A chart of an OCI registry is the same package, at the same tag, from an OCIRepository: the same plan.
        ("HelmRepository/prometheus-community", oci(None, true), 1, &[]),
        ("HelmRepository/prometheus-community", oci(None, false), 1, &[]),
        // Pins become ranges.
        ("OCIRepository/podinfo", range(">=6.8.0 <6.9.0"), 1, &["podinfo"]),
        ("HelmRelease/ingress-nginx", range("4.12.1 - 4.12.1"), 1, &["ingress-nginx"]),
        ("HelmRelease/kyverno", To::Range(None), 1, &["kyverno"]),
        ("HelmRelease/kube-prometheus-stack", To::Range(None), 1, &["kube-prometheus-stack"]),
        // These ranges select something else than what runs: nothing is written.
        ("HelmRelease/ingress-nginx", To::Range(None), 0, &[]),
        ("OCIRepository/policies", range("1.4.x"), 0, &[]),
    ] {
        let (after, plan) = convert(&files, wanted, &to, &registry);
        assert_eq!(plan.changes.len(), changes, "{wanted} {to:?}: {:?}", words(&plan));
        assert_eq!(running(&after, &registry), runs, "{wanted} {to:?}");
        assert_eq!(after == files, changes == 0, "{wanted} {to:?}");
        assert_eq!(comments(&after), comments(&files), "{wanted} {to:?}");
        let other: Vec<String> = differing(&plans, &planned(&after, &registry)).into_iter().collect();
        assert_eq!(other, other_plan, "{wanted} {to:?}");
    }
}

#[test]
fn a_chart_of_an_index_of_the_example_runs_the_same_version_from_its_home() {
    let (files, registry) = fleet();
    let before = running(&files, &registry);
    let home = Some("oci://ghcr.io/stakater/charts");
    for remove in [false, true] {
        let (after, plan) = convert(&files, "HelmRelease/reloader", &oci(home, remove), &registry);
        assert_eq!(plan.changes.len(), 1, "{:?}", words(&plan));
        let orphan = plan.diagnostics.iter().any(|found| found.code == "convert.orphan");
        let kept = after.iter().any(|file| file.text.contains("https://stakater.github.io/stakater-charts"));
        assert_eq!((orphan, kept), (!remove, !remove));
        // Its version is the same, the digest is that of the artifact and no longer of the archive; all else is as it was.
        let version = |runs: &BTreeMap<(String, String), BTreeSet<String>>, name: &str| {
            let found = runs.iter().find(|((package, _), _)| package == name);
            found.map(|((_, clusters), says)| {
                (
                    clusters.clone(),
                    says.iter().map(|says| says.split(' ').next().unwrap().to_owned()).collect(),
                )
            })
        };
        let mut then = running(&after, &registry);
        let new: Option<(String, Vec<String>)> = version(&then, "reloader");
        assert_eq!(new, version(&before, "reloader"));
        assert_eq!(new.unwrap().1, ["2.1.3"]);
        then.retain(|(package, _), _| package != "reloader");
        let mut others = before.clone();
        others.retain(|(package, _), _| package != "reloader");
        assert_eq!(then, others);
        assert_eq!(comments(&after), comments(&files));
        // The new object stands in a file that kustomize has already, so no list of resources changes.
        let lists = |files: &[SourceFile]| -> Vec<SourceFile> {
            files.iter().filter(|file| file.path.as_str().ends_with("kustomization.yaml")).cloned().collect()
        };
        assert_eq!(lists(&after), lists(&files));
        assert_eq!(planned(&after, &registry), planned(&files, &registry));
    }
}

/// The answers of a week later: what was published before is still there.
fn later(registry: &Value) -> Value {
    let mut later = registry.clone();
    let of = |list: &mut Value, key: &str, name: &str| {
        let all = list.as_array_mut().unwrap();
        all.iter_mut().position(|entry| entry[key] == name).unwrap()
    };
    let at = of(&mut later["helm"], "url", "https://charts.example.org/shop");
    later["helm"][at]["charts"]["shop"]
        .as_array_mut()
        .unwrap()
        .push(json!({"version": "2.5.1", "created": "2026-08-27T08:30:00Z"}));
    let at = of(&mut later["git"], "url", "https://github.com/example/search");
    let commit = "d56b0e3f0c3f1ba27b38bc3d4a7d7c2c2ad1ec09";
    later["git"][at]["refs"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "refs/tags/v1.4.7", "commit": commit}));
    later
}

fn lock(files: &[SourceFile], registry: &Value, old: Option<&Lock>) -> ranges::lock::Update {
    let (inventory, rules) = (scan(files), Rules::default());
    let sites = ranges::sites(&inventory);
    let resolution = from_snapshot(Resolver::new(&sites, &rules).standing(), Some(&snapshot(registry)));
    update(old, &survey(&inventory, sites, &resolution, &rules), &rules)
}

#[test]
fn the_way_back_of_the_example_runs_exactly_what_the_lock_said() {
    let (files, then) = fleet();
    let now = later(&then);
    let first = lock(&files, &then, None).lock;
    let second = lock(&files, &now, Some(&first));
    assert_eq!(second.drift.iter().filter(|drift| drift.kind() == "moved").count(), 2);
    assert_ne!(running(&files, &now), running(&files, &then));
    let (plan, set) = rollback(&scan(&files), &first, Some(&second.lock), &Rules::default());
    assert_eq!((plan.changes.len(), plan.held.len()), (5, 0));
    let back = patched(&files, &set);
    // With the registries of a week later, each object runs what it ran when the first lock was written.
    assert_eq!(running(&back, &now), running(&files, &then));
    assert!(lock(&back, &now, None).drift.is_empty(), "nothing floats any more");
    assert_eq!(comments(&back), comments(&files));
}

#[test]
fn a_range_of_the_example_becomes_a_tag_that_its_policy_elects() {
    let (files, registry) = fleet();
    let (runs, plans) = (running(&files, &registry), planned(&files, &registry));
    let (after, plan) =
        convert(&files, "OCIRepository/dashboards", &To::Automation { range: None, begin: false }, &registry);
    assert_eq!(plan.changes.len(), 1, "{:?}", words(&plan));
    assert_eq!(running(&after, &registry), runs);
    let changed: Vec<&SourceFile> = after.iter().filter(|file| !files.contains(file)).collect();
    let [source, objects] = changed.as_slice() else { panic!("two files: {changed:?}") };
    let expected = "\
  url: oci://ghcr.io/example/dashboards
  ref:
    tag: \"2.6.0\" # {\"$imagepolicy\": \"flux-system:dashboards:tag\"}
    semverFilter: '^\\d+\\.\\d+\\.\\d+$' # no nightly builds
---
";
    assert!(source.text.contains(expected), "{}", source.text);
    assert_eq!(objects.path.as_str(), "clusters/production/dashboards-image.yaml");
    assert_eq!(
        objects.text,
        "\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata:
  name: dashboards
  namespace: flux-system
spec:
  image: ghcr.io/example/dashboards
  interval: 10m
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata:
  name: dashboards
  namespace: flux-system
spec:
  imageRepositoryRef:
    name: dashboards
  filterTags:
    pattern: '^\\d+\\.\\d+\\.\\d+$'
  policy:
    semver:
      range: 2.x
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata:
  name: flux-system
  namespace: flux-system
spec:
  interval: 30m
  sourceRef:
    kind: GitRepository
    name: flux-system
  git:
    checkout:
      ref:
        branch: main
    commit:
      author:
        name: fluxcdbot
        email: fluxcdbot@users.noreply.github.com
    push:
      branch: main
  update:
    path: ./infrastructure
"
    );
    // What floated is up to date, and moves with its policy once there is something newer.
    let differ = differing(&plans, &planned(&after, &registry));
    assert_eq!(Vec::from_iter(differ), ["dashboards"]);
    let digest = "sha256:0caca616586aae3b5d2b26096e2f31731ec33cfdaeb5dc1f737b13803c815567";
    let mut later = registry.clone();
    let all = later["oci"].as_array_mut().unwrap();
    let own = all.iter_mut().find(|one| one["repository"] == "ghcr.io/example/dashboards").unwrap();
    own["tags"].as_array_mut().unwrap().push(json!({"tag": "2.6.1", "digest": digest}));
    let says = planned(&after, &later);
    assert!(says.contains(&("dashboards".to_owned(), "2.6.0 -> 2.6.1 (Patch)".to_owned())), "{says:?}");
    // Converted once, it stays; and the tag becomes a range again where somebody wants that.
    let (again, plan) =
        convert(&after, "OCIRepository/dashboards", &To::Automation { range: None, begin: false }, &registry);
    assert_eq!((again == after, plan.changes.len()), (true, 0));
}
