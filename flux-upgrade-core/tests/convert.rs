//! Conversions: texts and answers in, texts out, and what runs is the same before and after.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "convert/automation.rs"]
mod automation;
mod common;
#[path = "convert/fleet.rs"]
mod fleet;
#[path = "common/foreign.rs"]
mod foreign;

use common::{file, patched};
use flux_upgrade_core::convert::{self, To, Wanted};
use flux_upgrade_core::plan::Plan;
use flux_upgrade_core::resolve::{Resolver, Snapshot, from_snapshot};
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::{SourceFile, scan};
use serde_json::{Value, json};

const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn convert(files: &[SourceFile], wanted: &str, to: &To, registry: &Value) -> (Vec<SourceFile>, Plan) {
    let snapshot = Snapshot::parse(&registry.to_string()).unwrap();
    let rules = Rules::default();
    let inventory = scan(files);
    let sites = convert::sites(&inventory, &[wanted.parse::<Wanted>().unwrap()], to);
    let ask = |sites: &[_]| from_snapshot(Resolver::new(sites, &rules).standing(), Some(&snapshot));
    let before = ask(&sites);
    let conversion = convert::draft(&inventory, sites, to, &before, &rules);
    let after = ask(conversion.sites());
    let (plan, set) = conversion.prove(&inventory, &after, &rules);
    (patched(files, &set), plan)
}

fn words(plan: &Plan) -> Vec<String> {
    let changes = plan
        .changes
        .iter()
        .map(|change| format!("{} -> {}: {}", change.from, change.to, change.notes.join("; ")));
    let held = plan.held.iter().map(|held| format!("{} {}", plan.sites[held.site].owner.name, held.reason));
    changes
        .chain(held)
        .chain(plan.diagnostics.iter().map(|found| format!("! {} {}", found.at, found.code)))
        .collect()
}

fn registry() -> Value {
    json!({
        "schema": "flux-upgrade/registry-snapshot/v1",
        "oci": [
            {"repository": "registry.example.com/charts/app", "tags": [
                {"tag": "1.2.3_b", "digest": A, "created": "2026-05-01T00:00:00Z"},
                {"tag": "1.3.0", "digest": B, "created": "2026-06-01T00:00:00Z"}]},
            {"repository": "registry.example.com/other/web", "tags": [{"tag": "v2.0.0", "digest": A, "created": "2026-05-01T00:00:00Z"}]}],
        "helm": [{"url": "https://charts.example.com", "charts": {"web": [
            {"version": "v2.0.0", "created": "2026-05-01T00:00:00Z", "digest": "abc"},
            {"version": "v2.1.0", "created": "2026-06-01T00:00:00Z", "digest": "def"}]}}],
    })
}

const SECRET: &str = "Secret pull has to be of the type kubernetes.io/dockerconfigjson";

const SOURCES: &str = "\
# Where charts come from.
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata:
  name: app
  namespace: flux-system
spec:
  type: oci
  interval: 5m # often
  url: oci://registry.example.com/charts/
  secretRef:
    name: pull
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: web, namespace: flux-system}
spec: {interval: 5m, url: 'https://charts.example.com', secretRef: {name: basic}}";

const RELEASES: &str = "\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: one, namespace: apps}
spec:
  interval: 10m
  chart: # the chart
    spec:
      chart: app
      # not before the audit
      version: '1.2.3+b' # audited
      sourceRef: {kind: HelmRepository, name: app, namespace: flux-system}
      verify:
        provider: cosign
        matchOIDCIdentity:
          - issuer: ^https://token.actions.githubusercontent.com$
            subject: ^https://github.com/example/app
  # values follow
  values: {a: 1}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: two, namespace: apps}
spec: {interval: 10m, chart: {spec: {chart: app, version: 1.x, sourceRef: {kind: HelmRepository, name: app, namespace: flux-system}}}, values: {}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: apps}
spec:
  interval: 10m
  chart:
    spec:
      chart: web
      version: 2.0.0
      sourceRef: {kind: HelmRepository, name: web, namespace: flux-system}
";

fn repository() -> Vec<SourceFile> {
    vec![file("apps/releases.yaml", RELEASES), file("sources.yaml", SOURCES)]
}

fn oci(home: Option<&str>, remove_orphans: bool) -> To {
    To::Oci { home: home.map(str::to_owned), remove_orphans }
}

#[test]
fn all_releases_of_an_oci_repository_get_artifacts_of_their_own() {
    let (after, plan) =
        convert(&repository(), "HelmRepository/flux-system/app", &oci(None, true), &registry());
    assert_eq!(
        words(&plan),
        [
            format!("1.2.3+b -> OCIRepository app: 1.2.3_b@{A} before and after; {SECRET}"),
            format!("1.x -> OCIRepository two: 1.3.0@{B} before and after; {SECRET}"),
        ]
    );
    let releases = "\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: one, namespace: apps}
spec:
  interval: 10m
  # the chart
  chartRef:
    kind: OCIRepository
    name: app
    namespace: flux-system
  # values follow
  values: {a: 1}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: two, namespace: apps}
spec: {interval: 10m, chartRef: {kind: OCIRepository, name: two, namespace: flux-system}, values: {}}
---
";
    assert!(after[0].text.starts_with(releases), "{}", after[0].text);
    let sources = "\
# Where charts come from.
# often
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata:
  name: app
  namespace: flux-system
spec:
  interval: 10m
  url: oci://registry.example.com/charts/app
  layerSelector:
    mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip
    operation: copy
  ref:
    # not before the audit
    tag: 1.2.3_b # audited
  verify:
    provider: cosign
    matchOIDCIdentity:
      - issuer: ^https://token.actions.githubusercontent.com$
        subject: ^https://github.com/example/app
  secretRef:
    name: pull
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata:
  name: two
  namespace: flux-system
spec:
  interval: 10m
  url: oci://registry.example.com/charts/app
  layerSelector:
    mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip
    operation: copy
  ref:
    semver: 1.x
  secretRef:
    name: pull
---
";
    assert!(after[1].text.starts_with(sources), "{}", after[1].text);
    assert!(after[1].text.ends_with("secretRef: {name: basic}}"), "a last line without an end stays one");
    // Converted once, there is nothing left to convert.
    let (again, plan) = convert(&after, "all", &oci(None, true), &registry());
    assert_eq!((again, plan.changes.len()), (after, 0));
}

#[test]
fn a_chart_of_an_index_moves_to_its_home_at_the_same_version() {
    for home in ["oci://registry.example.com/other", "oci://registry.example.com/other/web/"] {
        let (after, plan) = convert(&repository(), "HelmRelease/web", &oci(Some(home), false), &registry());
        assert_eq!(
            words(&plan),
            [
                "2.0.0 -> OCIRepository web: v2.0.0 before and after; archive and artifact have digests of their own; \
                 the credentials of the old repository are not taken along",
                "! sources.yaml:14:1 convert.orphan"
            ]
        );
        assert!(after[1].text.ends_with("url: oci://registry.example.com/other/web\n  layerSelector:\n    mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip\n    operation: copy\n  ref:\n    tag: v2.0.0"), "{}", after[1].text);
    }
    for (home, expected) in [
        (None, "web requires a home"),
        (Some("https://registry.example.com"), "web requires a home such as"),
        (Some("oci://registry.example.com/nowhere"), "web oci://registry.example.com/nowhere/web: no answer"),
    ] {
        let (after, plan) = convert(&repository(), "HelmRelease/web", &oci(home, false), &registry());
        assert!(words(&plan)[0].starts_with(expected), "{:?}", words(&plan));
        assert_eq!(after, repository());
    }
}

#[test]
fn what_an_artifact_cannot_say_stays_a_chart() {
    for (from, to, expected) in [
        ("      chart: app\n", "      chart: app\n      valuesFiles: [a.yaml]\n", "valuesFiles"),
        ("      chart: app\n", "      chart: &app app\n", "anchors"),
        ("      version: '1.2.3+b'", "      version: ${VERSION}", "variable"),
        ("# audited", "# flux-upgrade: ignore", "left alone"),
    ] {
        let mut files = repository();
        files[0].text = files[0].text.replacen(from, to, 1);
        let (after, plan) = convert(&files, "HelmRelease/one", &oci(None, false), &registry());
        assert!(words(&plan)[0].contains(expected), "{:?}", words(&plan));
        assert_eq!(after, files, "{to}");
    }
    let patch = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: one}\nspec: {chart: {spec: {version: 1.3.0}}}\n";
    let kustomization = "resources: [../apps]\npatches: [{path: one.yaml}]\n";
    let base = "resources: [releases.yaml]\n";
    let files = [
        repository(),
        vec![
            file("apps/kustomization.yaml", base),
            file("production/kustomization.yaml", kustomization),
            file("production/one.yaml", patch),
        ],
    ]
    .concat();
    let (after, plan) = convert(&files, "apps/releases.yaml:10", &oci(None, false), &registry());
    assert!(words(&plan)[0].contains("no patch changes"), "{:?}", words(&plan));
    assert_eq!(after, files);
}

#[test]
fn a_login_that_artifacts_do_not_take_keeps_the_chart_where_it_is() {
    let secret = |kind: &str| {
        let mut files = repository();
        files.push(file(
            "secret.yaml",
            format!("apiVersion: v1\nkind: Secret\nmetadata: {name}\n{kind}stringData: {{username: a, password: b}}\n",
                name = "{name: pull, namespace: flux-system}"),
        ));
        files
    };
    for kind in ["", "type: Opaque\n"] {
        let files = secret(kind);
        let (after, plan) = convert(&files, "HelmRepository/flux-system/app", &oci(None, true), &registry());
        assert!(
            words(&plan)[0].contains(
                "a Secret of the type kubernetes.io/dockerconfigjson, and pull at secret.yaml:1:1 is Opaque"
            ),
            "{:?}",
            words(&plan)
        );
        assert_eq!(after, files);
    }
    let files = secret("type: kubernetes.io/dockerconfigjson\n");
    let (_, plan) = convert(&files, "HelmRepository/flux-system/app", &oci(None, true), &registry());
    assert!(words(&plan)[0].ends_with("before and after"), "{:?}", words(&plan));
}

#[test]
fn a_pin_becomes_a_range_only_where_the_range_selects_it() {
    let source = |reference: &str| {
        vec![file(
            "a.yaml",
            format!(
                "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: a, namespace: b}}\nspec:\n  interval: 1m\n  \
                 url: oci://registry.example.com/charts/app\n  ref:\n{reference}"
            ),
        )]
    };
    for (reference, range, expected) in [
        ("    tag: 1.3.0 # now\n", None, Some("    semver: 1.x # now\n")),
        ("    tag: '1.3.0'\n", Some(">=1.2 <1.4"), Some("    semver: '>=1.2 <1.4'\n")),
        (&format!("    tag: 1.3.0\n    digest: {B}\n"), Some("1.3.x"), Some("    semver: 1.3.x\n")),
        (&format!("    tag: 1.3.0\n    digest: {B}"), Some("1.3.x"), Some("    semver: 1.3.x")),
        // The digest that runs is another one than the tag has by now.
        (&format!("    tag: 1.3.0\n    digest: {A}\n"), Some("1.3.x"), None),
        (&format!("    tag: 1.3.0\n    digest: {B} # signed\n"), Some("1.3.x"), None),
        ("    tag: 1.3.0\n", Some("1.2.x"), None),
        ("    tag: 1.3.0\n", Some("> = nonsense"), None),
    ] {
        let files = source(reference);
        let (after, plan) =
            convert(&files, "OCIRepository/a", &To::Range(range.map(str::to_owned)), &registry());
        match expected {
            Some(expected) => {
                assert!(after[0].text.ends_with(&format!("  ref:\n{expected}")), "{:?}", after[0].text)
            }
            None => assert_eq!((&after, plan.changes.len()), (&files, 0), "{reference}"),
        }
    }
}

#[test]
fn a_range_becomes_a_pin_and_the_pin_a_range_again() {
    let text = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: a, namespace: b}\nspec:\n  interval: 1m\n  \
        url: oci://registry.example.com/charts/app\n  ref: {semver: \"1.x\"} # follow\n";
    let files = vec![file("a.yaml", text)];
    let (pinned, _) = convert(&files, "a.yaml:7", &To::Pin, &registry());
    assert!(
        pinned[0].text.ends_with(&format!("ref: {{tag: \"1.3.0\", digest: {B}}} # follow\n")),
        "{}",
        pinned[0].text
    );
    let (back, _) = convert(&pinned, "all", &To::Range(Some("1.x".to_owned())), &registry());
    assert_eq!(back, files);
}

#[test]
fn a_repository_that_a_patch_changes_is_left_to_its_owner() {
    let patch = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {name: app}\nspec: {interval: 1h}\n";
    let files = [
        repository(),
        vec![
            file("kustomization.yaml", "resources: [sources.yaml]\n"),
            file("production/kustomization.yaml", "resources: [..]\npatches: [{path: app.yaml}]\n"),
            file("production/app.yaml", patch),
        ],
    ]
    .concat();
    let (after, plan) = convert(&files, "HelmRepository/app", &oci(None, true), &registry());
    assert!(
        words(&plan).iter().all(|line| line.contains("a HelmRepository that no patch changes")),
        "{:?}",
        words(&plan)
    );
    assert_eq!(after, files);
}

#[test]
fn what_cannot_be_converted_holds_nobody_else() {
    let source = |name: &str, reference: &str| {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: {name}, namespace: b}}\nspec:\n  interval: 1m\n  \
             url: oci://registry.example.com/charts/app\n  ref:\n{reference}"
        )
    };
    let kustomization = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: charts, namespace: flux-system}\n\
        spec:\n  path: ./charts\n  sourceRef: {kind: GitRepository, name: flux-system}\n  postBuild:\n    substitute:\n      APP: 2.0.0 # of all\n";
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web, namespace: b}\nspec:\n  interval: 10m\n  \
        chart:\n    spec:\n      chart: web\n      version: ${APP}\n      sourceRef: {kind: HelmRepository, name: web, namespace: flux-system}\n";
    let files = vec![
        file("a.yaml", source("a", "    tag: 1.3.0\n")),
        // Its comment would be lost with the line that goes.
        file("b.yaml", source("b", &format!("    tag: 1.3.0\n    digest: {B} # signed\n"))),
        file("charts/release.yaml", release),
        file("cluster/charts.yaml", kustomization),
        file(
            "kustomization.yaml",
            "helmCharts:\n- {name: web, repo: 'https://charts.example.com', version: v2.0.0}\n",
        ),
        file("sources.yaml", SOURCES),
    ];
    let (after, plan) =
        convert(&files, "all", &To::Range(Some(">=1.3 <1.4 || 2.0.x".to_owned())), &registry());
    let said = words(&plan);
    assert_eq!(plan.changes.len(), 3, "{said:?}");
    assert!(
        after[0].text.contains("    semver: ") && after[0].text.contains(">=1.3 <1.4 || 2.0.x"),
        "{}",
        after[0].text
    );
    assert_eq!(after[1], files[1]);
    assert_eq!(after[2], files[2]);
    assert!(after[3].text.contains("2.0.x") && after[3].text.contains(" # of all"), "{}", after[3].text);
    assert!(after[4].text.contains("2.0.x"), "{}", after[4].text);
}

#[test]
fn a_tag_gets_a_policy_of_its_own_and_a_marker_where_there_is_room() {
    let source = |namespace: &str, reference: &str| {
        vec![file(
            "a.yaml",
            format!(
                "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata:\n  name: a{namespace}\nspec:\n  interval: 1m\n  \
                 url: oci://registry.example.com/charts/app\n  secretRef:\n    name: pull\n  ref:\n{reference}"
            ),
        )]
    };
    let here = "\n  namespace: b";
    let (after, plan) = convert(
        &source(here, "    tag: 1.3.0\n"),
        "all",
        &To::Automation { range: None, begin: false },
        &registry(),
    );
    assert_eq!(
        words(&plan),
        [format!(
            "1.3.0 -> ImagePolicy b/a: 1.3.0@{B} before and after; \
             a-image.yaml: ImageRepository and ImagePolicy b/a, 1.x; \
             no ImageUpdateAutomation is here: `flux-upgrade automate` writes what is elected"
        )]
    );
    assert!(
        after[0].text.ends_with("    tag: 1.3.0 # {\"$imagepolicy\": \"b:a:tag\"}\n"),
        "{}",
        after[0].text
    );
    assert_eq!(
        (after[1].path.as_str(), after[1].text.as_str()),
        (
            "a-image.yaml",
            "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata:\n  name: a\n  namespace: b\nspec:\n  \
             image: registry.example.com/charts/app\n  interval: 10m\n  secretRef:\n    name: pull\n---\n\
             apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata:\n  name: a\n  namespace: b\nspec:\n  \
             imageRepositoryRef:\n    name: a\n  policy:\n    semver:\n      range: 1.x\n"
        )
    );
    // A digest beside the tag moves with it.
    let both = source(here, &format!("    tag: 1.3.0\n    digest: {B}\n"));
    let (after, _) = convert(&both, "all", &To::Automation { range: None, begin: false }, &registry());
    assert!(
        after[0].text.ends_with(&format!(
            "    tag: 1.3.0 # {{\"$imagepolicy\": \"b:a:tag\"}}\n    digest: {B} # {{\"$imagepolicy\": \"b:a:digest\"}}\n"
        )) && after[1].text.ends_with("      range: 1.x\n  digestReflectionPolicy: IfNotPresent\n"),
        "{after:?}"
    );
    for (namespace, reference, range, expected) in [
        ("", "    tag: 1.3.0\n", None, "one namespace"),
        (here, "    tag: 1.3.0 # signed\n", None, "ends with the field"),
        (here, "    {tag: 1.3.0}\n", None, "ends with the field"),
        (here, "    tag: 1.3.0\n", Some("1.2.x"), "1.2.x does not admit 1.3.0"),
        // What the policy would elect is not what runs.
        (here, "    tag: 1.2.3_b\n", None, "requires"),
    ] {
        let files = source(namespace, reference);
        let to = To::Automation { range: range.map(str::to_owned), begin: false };
        let (after, plan) = convert(&files, "all", &to, &registry());
        assert!(words(&plan)[0].contains(expected), "{reference}: {:?}", words(&plan));
        assert_eq!(after, files, "{reference}");
    }
}
