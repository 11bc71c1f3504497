//! Repositories of one shape each, for work that grows with one thing alone.

use flux_upgrade_core::SourceFile;

use crate::corpus::{SOURCES, documents, file, git_repository, oci_repository, own_source, release};

/// A release whose values have `count` images in one mapping: `image0Tag` beside `image0Repository`, and so on.
#[must_use]
pub fn tags_in_one_mapping(count: usize) -> Vec<SourceFile> {
    let image = |index: usize| {
        let of = index % SOURCES;
        format!(
            "    image{index}Repository: registry.example.com/artifact-{of}\n    image{index}Tag: 1.0.0\n    \
             image{index}Digest: sha256:{:064x}\n",
            0
        )
    };
    let values: String = (0..count).map(image).collect();
    let text = format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: many\n  namespace: apps\nspec:\n  \
         chartRef:\n    kind: OCIRepository\n    name: oci-1\n  values:\n{values}"
    );
    vec![file("many.yaml", text)]
}

/// `count` files of an image each, six in a hundred of them with a marker, and the objects of image automation.
#[must_use]
pub fn marked(count: usize) -> Vec<SourceFile> {
    let policy = |of: usize| {
        let head = |kind: &str| {
            format!(
                "apiVersion: image.toolkit.fluxcd.io/v1\nkind: {kind}\nmetadata:\n  name: app-{of}\n  namespace: apps\nspec:\n"
            )
        };
        let repository = format!("{}  image: registry.example.com/artifact-{of}\n", head("ImageRepository"));
        let rest = "  policy:\n    semver:\n      range: 1.x\n";
        let policy = format!("{}  imageRepositoryRef:\n    name: app-{of}\n{rest}", head("ImagePolicy"));
        documents([repository, policy])
    };
    let automation = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation\nmetadata:\n  name: apps\n  \
                      namespace: apps\nspec:\n  git:\n    commit:\n      messageTemplate: |\n        \
                      {{ range $file, $_ := .Changed.FileChanges }}{{ $file }}\n        {{ end }}\n";
    let mut files = vec![
        file("images/automation.yaml", automation.to_owned()),
        file("images/policies.yaml", documents((0..SOURCES).map(policy))),
    ];
    files.extend((0..count).map(|index| {
        let of = index % SOURCES;
        let marker = format!(" # {{\"$imagepolicy\": \"apps:app-{of}\"}}");
        let marker = if index * 6 % 100 < 6 { marker.as_str() } else { "" };
        let text = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{index}\n  namespace: apps\nspec:\n  template:\n    spec:\n      \
             containers:\n      - name: web\n        image: registry.example.com/artifact-{of}:1.0.0{marker}\n"
        );
        file(&format!("apps/{}/{index}.yaml", index % 50), text)
    }));
    files
}

/// A ConfigMap of `count` values, each under a comment that says where its versions come from.
#[must_use]
pub fn comments(count: usize) -> Vec<SourceFile> {
    let value = |index: usize| {
        let of = index % SOURCES;
        let comment = format!("# renovate: datasource=docker depName=registry.example.com/artifact-{of}");
        format!("  {comment}\n  VERSION_{index}: 1.0.0\n")
    };
    let values: String = (0..count).map(value).collect();
    vec![file(
        "map.yaml",
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map\ndata:\n{values}"),
    )]
}

/// A tag of `count` openings of variables that nothing closes but its end.
#[must_use]
pub fn nested_variables(count: usize) -> Vec<SourceFile> {
    let tag = format!("\"{}}}\"", "${".repeat(count));
    vec![file("nested.yaml", oci_repository(1).replace("tag: 1.0.0", &format!("tag: {tag}")))]
}

/// A chart of `count` dependencies with its lock.
#[must_use]
pub fn dependencies(count: usize) -> Vec<SourceFile> {
    let one = |index: usize| {
        let repository = format!("https://charts.example.com/charts-{}", index % SOURCES);
        format!("- name: chart-{}\n  repository: {repository}\n  version: 1.0.0\n", index % 7)
    };
    let all: String = (0..count).map(one).collect();
    let lock =
        format!("dependencies:\n{all}digest: sha256:{:064x}\ngenerated: \"2026-01-01T00:00:00Z\"\n", 0);
    let chart = format!("apiVersion: v2\nname: many\nversion: 0.1.0\ndependencies:\n{all}");
    vec![file("many/Chart.yaml", chart), file("many/Chart.lock", lock)]
}

/// `count` Flux Kustomizations of one folder, each for a namespace of its own.
#[must_use]
pub fn namespaces(count: usize) -> Vec<SourceFile> {
    let of = |index: usize| {
        kustomization(&format!("tenant-{index}"), "base", &format!("  targetNamespace: ns-{index}\n"))
    };
    let mut files = vec![
        file(
            "clusters/one/flux-system/gotk-sync.yaml",
            documents([own_source(), kustomization("flux-system", "clusters/one", "")]),
        ),
        file("clusters/one/tenants.yaml", documents((0..count).map(of))),
    ];
    files.extend((0..10).map(|index| file(&format!("base/{index}.yaml"), git_repository(index))));
    files
}

/// `count` Flux Kustomizations that variables are patched into, of `count` folders with a release each.
#[must_use]
pub fn patched_kustomizations(count: usize) -> Vec<SourceFile> {
    let patch = "patches:\n- target:\n    kind: Kustomization\n    group: kustomize.toolkit.fluxcd.io\n  patch: |\n    \
                 apiVersion: kustomize.toolkit.fluxcd.io/v1\n    kind: Kustomization\n    metadata:\n      name: any\n    \
                 spec:\n      postBuild:\n        substitute:\n          TAG: 1.0.0\n";
    let names: String = (0..count).map(|index| format!("- {index}.yaml\n")).collect();
    let mut files = vec![file("sync/kustomization.yaml", format!("resources:\n{names}{patch}"))];
    for index in 0..count {
        let app = format!("apps/{index}");
        files.push(file(&format!("sync/{index}.yaml"), kustomization(&format!("app-{index}"), &app, "")));
        let text = oci_repository(index).replace("tag: 1.0.0", "tag: ${TAG}");
        files.push(file(&format!("{app}/source.yaml"), text));
    }
    files
}

/// `count` folders, each with a generated ConfigMap of one name for a release in its namespace.
#[must_use]
pub fn generators(count: usize) -> Vec<SourceFile> {
    let of = |index: usize| {
        let folder = format!("apps/{index}");
        let from = "  valuesFrom:\n  - kind: ConfigMap\n    name: values\n";
        let build = format!(
            "namespace: ns-{index}\nresources: [release.yaml]\nconfigMapGenerator:\n- name: values\n  files: [values.yaml]\n"
        );
        let values =
            format!("app:\n  repository: registry.example.com/artifact-{}\n  tag: 1.0.0\n", index % SOURCES);
        [
            file(&format!("{folder}/kustomization.yaml"), build),
            file(&format!("{folder}/release.yaml"), format!("{}{from}", release(index))),
            file(&format!("{folder}/values.yaml"), values),
        ]
    };
    (0..count).flat_map(of).collect()
}

/// A kustomization with `count` objects and patches by patterns.
#[must_use]
pub fn patterns(count: usize) -> Vec<SourceFile> {
    let names: String = (0..count).map(|index| format!("- {index}.yaml\n")).collect();
    let patch = |index: usize| {
        format!(
            "- target: {{kind: OCIRepository, name: \"oci-.*{index}\"}}\n  patch: |\n    - {{op: replace, path: \
             /spec/interval, value: 1h}}\n"
        )
    };
    let patches: String = (0..8).map(patch).collect();
    let mut files = vec![file("kustomization.yaml", format!("resources:\n{names}patches:\n{patches}"))];
    files.extend((0..count).map(|index| file(&format!("{index}.yaml"), oci_repository(index))));
    files
}

fn kustomization(name: &str, path: &str, more: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: {name}\n  \
         namespace: flux-system\nspec:\n  interval: 10m\n  path: ./{path}\n{more}  sourceRef:\n    \
         kind: GitRepository\n    name: flux-system\n"
    )
}
