//! `examples/two-clusters`: from Flux 2.4 to 2.9, one safe step after the other.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flux_upgrade_cli::{Env, run};
use serde_json::Value;
use tempfile::TempDir;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

/// The releases beside the checkout.
fn releases() -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/flux-releases");
    if !folder.is_dir() {
        // Written straight to the stream, since what a passing test prints is kept back otherwise.
        let _ = writeln!(std::io::stderr(), "skipped: no ../shared/flux-releases");
        return None;
    }
    Some(folder.canonicalize().unwrap().display().to_string())
}

fn run_in(folder: &Path, args: &[&str]) -> String {
    let env = Env { folder: folder.to_path_buf(), ..Env::default() };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = std::iter::once("flux-upgrade").chain(args.iter().copied()).map(Into::into);
    let code = run(args, &mut out, &mut err, &env);
    assert_eq!(code, 0, "{}", String::from_utf8_lossy(&err));
    String::from_utf8(out).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, target) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            fs::copy(&entry, &target).unwrap();
        }
    }
}

fn components(cluster: &str) -> String {
    format!("fleet/clusters/{cluster}/flux-system/gotk-components.yaml")
}

const STAGING: &[&str] =
    &["--components-extra", "image-reflector-controller,image-automation-controller", "--log-level", "debug"];
const PRODUCTION: &[&str] = &[
    "--registry",
    "registry.example.com/fluxcd",
    "--image-pull-secret",
    "registry",
    "--toleration-keys",
    "dedicated",
];

struct Fleet {
    root: TempDir,
    releases: String,
}

impl Fleet {
    /// What `examples/two-clusters.sh` makes.
    fn new(releases: String) -> Self {
        let root = tempfile::tempdir().unwrap();
        copy(&examples().join("two-clusters"), &root.path().join("fleet"));
        let fleet = Self { root, releases };
        for cluster in ["staging", "production"] {
            fs::write(fleet.root.path().join(components(cluster)), fleet.rendered(cluster, "v2.4.0"))
                .unwrap();
        }
        fleet
    }

    fn rendered(&self, cluster: &str, version: &str) -> String {
        let options = if cluster == "staging" { STAGING } else { PRODUCTION };
        let fixed = ["install", "--export", "--version", version, "--flux-releases", &self.releases];
        run_in(self.root.path(), &[&fixed[..], options].concat())
    }

    fn run(&self, args: &[&str]) -> String {
        let snapshot = examples().join("two-clusters.registry.json").display().to_string();
        let fixed = ["fleet", "--offline", &snapshot, "--flux-releases", &self.releases, "--quiet"];
        run_in(self.root.path(), &[&args[..1], &fixed, &args[1..]].concat())
    }

    fn plan(&self) -> Value {
        serde_json::from_str(&self.run(&["plan", "--format", "json"])).unwrap()
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.root.path().join(path)).unwrap()
    }
}

/// The texts under a key of each object of a list.
fn each<'v>(list: &'v Value, key: &str) -> Vec<&'v str> {
    list.as_array().unwrap().iter().map(|one| one[key].as_str().unwrap()).collect()
}

#[test]
fn two_clusters_go_from_2_4_to_2_9_in_two_plans() {
    let Some(releases) = releases() else { return };
    let fleet = Fleet::new(releases);
    let first = fleet.plan();
    let series = first["series"].as_array().unwrap();
    assert_eq!(each(&first["series"], "path").len(), 2, "{series:?}");
    for (one, cluster) in series.iter().zip(["clusters/production", "clusters/staging"]) {
        assert_eq!(one["clusters"], serde_json::json!([cluster]));
        let steps = &one["steps"];
        assert_eq!(
            (each(steps, "from"), each(steps, "to")),
            (vec!["v2.4.0", "v2.7.5"], vec!["v2.7.5", "v2.9.4"])
        );
        let (now, later) = (&steps[0], &steps[1]);
        for step in [now, later] {
            assert_eq!(step["inCluster"], serde_json::json!(["flux migrate"]));
            assert!(each(&step["preflight"], "code").contains(&"preflight.kubernetes"));
        }
        assert_eq!((&now["group"], later.get("group")), (&Value::from("flux"), None));
        assert!(now["changes"].as_array().unwrap().contains(&one["id"]), "{now}");
        assert!(each(&now["migrations"], "object").contains(&"HelmRelease podinfo/podinfo"));
        assert!(later["changes"].as_array().unwrap().is_empty());
        assert!(each(&later["migrations"], "object").contains(&"OCIRepository flux-system/dashboards"));
        assert!(each(&later["preflight"], "code").contains(&"behaviour.gcr-receiver"), "{later}");
    }
    // One group, and nothing in it that only Flux 2.9 reads.
    assert_eq!(each(&first["groups"], "id"), ["flux"]);
    // What is migrated along has versions of its own, which say nothing of the group.
    assert_eq!(each(&first["groups"], "title"), ["Update Flux to v2.7.5"]);
    assert!(first["changes"].as_array().unwrap().iter().all(|change| change["to"] != "v2.9.4"));

    fleet.run(&["apply"]);
    for cluster in ["staging", "production"] {
        assert!(fleet.text(&components(cluster)) == fleet.rendered(cluster, "v2.7.5"), "{cluster}");
    }
    // Manifests that both 2.4 and 2.7 read.
    assert!(fleet.text("fleet/apps/dashboards.yaml").contains("source.toolkit.fluxcd.io/v1beta2\n"));
    assert!(fleet.text("fleet/apps/podinfo.yaml").contains("helm.toolkit.fluxcd.io/v2\n"));

    let second = fleet.plan();
    for one in second["series"].as_array().unwrap() {
        assert_eq!(
            (each(&one["steps"], "from"), each(&one["steps"], "to")),
            (vec!["v2.7.5"], vec!["v2.9.4"])
        );
        // What was said to come is what comes.
        let said = &series.iter().find(|before| before["path"] == one["path"]).unwrap()["steps"][1];
        for key in ["migrations", "preflight", "inCluster"] {
            assert_eq!(one["steps"][0][key], said[key], "{key}");
        }
    }
    fleet.run(&["apply"]);
    for cluster in ["staging", "production"] {
        assert!(fleet.text(&components(cluster)) == fleet.rendered(cluster, "v2.9.4"), "{cluster}");
    }
    let third = fleet.plan();
    assert_eq!([&third["changes"], &third["series"]], [&serde_json::json!([]), &serde_json::json!([])]);
    let migrated = run_in(fleet.root.path(), &["migrate", "fleet", "--quiet", "--format", "json"]);
    let migrated: Value = serde_json::from_str(&migrated).unwrap();
    assert_eq!(
        [&migrated["changes"], &migrated["diagnostics"]],
        [&serde_json::json!([]), &serde_json::json!([])]
    );
    let verified = run_in(fleet.root.path(), &["verify", "fleet", "--flux-releases", &fleet.releases]);
    assert_eq!(verified.matches("as generated").count(), 2, "{verified}");
}
