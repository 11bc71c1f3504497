//! Files of a generated repository.

use flux_upgrade_core::{RepoPath, SourceFile};

/// Sources that the releases of a tree share.
pub const SOURCES: usize = 20;

/// A file at `path`.
///
/// # Panics
///
/// For a path that leaves the repository.
#[must_use]
pub fn file(path: &str, text: String) -> SourceFile {
    let path = RepoPath::parse(path).expect("this holds because generated paths stay inside");
    SourceFile { path, text }
}

/// A repository of `count` files: of every ten, four releases, one chart repository, one OCI repository, one git
/// repository and three objects that are not Flux's.
#[must_use]
pub fn tree(count: usize) -> Vec<SourceFile> {
    let text = |index: usize| match index % 10 {
        0..=3 => release(index),
        4 => helm_repository(&format!("extra-{index}")),
        5 => oci_repository(index),
        6 => git_repository(index),
        _ => deployment(index),
    };
    let mut files: Vec<SourceFile> =
        (0..count).map(|index| file(&format!("apps/{}/{index}.yaml", index % 31), text(index))).collect();
    let sources = (0..SOURCES).map(|index| helm_repository(&format!("charts-{index}")));
    files.push(file("sources.yaml", documents(sources)));
    files
}

/// One file with a site of each kind, all of the first sources.
#[must_use]
pub fn one_of_each() -> Vec<SourceFile> {
    let index = SOURCES;
    let texts = [
        helm_repository("charts-0"),
        release(0),
        release(index),
        oci_repository(index),
        git_repository(index),
    ];
    vec![file("each.yaml", documents(texts))]
}

/// Texts as the documents of one file.
pub fn documents(texts: impl IntoIterator<Item = String>) -> String {
    texts.into_iter().map(|text| format!("---\n{text}")).collect()
}

/// A HelmRelease with values, of one of the charts of one of the shared repositories.
#[must_use]
pub fn release(index: usize) -> String {
    let values: String = (0..8)
        .map(|part| {
            format!(
                "    part{part}:\n      enabled: true\n      host: part{part}.example.com\n      \
                 annotations:\n        example.com/part: \"{part}\"\n      args: [--level=info, --port={index}]\n"
            )
        })
        .collect();
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: release-{index}\n  \
         namespace: apps\nspec:\n  interval: 10m\n  chart:\n    spec:\n      chart: chart-{}\n      \
         version: {}  # keep in step\n      sourceRef:\n        kind: HelmRepository\n        \
         name: charts-{}\n        namespace: flux-system\n  values:\n{values}",
        index % 7,
        if index.is_multiple_of(6) { "\"1.x\"" } else { "1.0.0" },
        index % SOURCES,
    )
}

/// A HelmRepository.
#[must_use]
pub fn helm_repository(name: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata:\n  name: {name}\n  \
         namespace: flux-system\nspec:\n  interval: 1h\n  url: https://charts.example.com/{name}\n"
    )
}

/// An OCIRepository pinned to a tag, every fourth with a digest.
#[must_use]
pub fn oci_repository(index: usize) -> String {
    let digest = format!("    digest: sha256:{:064x}\n", 0);
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata:\n  name: oci-{index}\n  \
         namespace: flux-system\nspec:\n  interval: 10m\n  url: oci://registry.example.com/artifact-{}\n  \
         ref:\n    tag: 1.0.0\n{}",
        index % SOURCES,
        if index.is_multiple_of(4) { digest.as_str() } else { "" },
    )
}

/// A GitRepository pinned to a tag.
#[must_use]
pub fn git_repository(index: usize) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata:\n  name: git-{index}\n  \
         namespace: flux-system\nspec:\n  interval: 10m\n  url: https://git.example.com/repository-{}\n  \
         ref:\n    tag: 1.0.0\n",
        index % SOURCES,
    )
}

/// An object that holds nothing to upgrade.
#[must_use]
pub fn deployment(index: usize) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: plain-{index}\nspec:\n  replicas: 1\n  template:\n    \
         spec:\n      containers:\n        - name: main\n          image: registry.example.com/plain:1.0.0\n          \
         args: [--port={index}]\n"
    )
}

/// One file of `count` releases with the sources that they share.
#[must_use]
pub fn one_file(count: usize) -> Vec<SourceFile> {
    let sources = (0..SOURCES).map(|index| helm_repository(&format!("charts-{index}")));
    vec![file("all.yaml", documents(sources.chain((0..count).map(release))))]
}

/// One document of `kind: List` with `count` OCIRepositories.
#[must_use]
pub fn list(count: usize) -> Vec<SourceFile> {
    let items = (0..count).map(|index| item(&oci_repository(index)));
    vec![file("list.yaml", format!("apiVersion: v1\nkind: List\nitems:\n{}", items.collect::<String>()))]
}

/// The object as an item of a block sequence.
fn item(text: &str) -> String {
    let lines = text.lines().enumerate();
    lines.map(|(number, line)| format!("{} {line}\n", if number == 0 { "  -" } else { "   " })).collect()
}

/// One file of `count` documents that are not Flux's beside one that is.
#[must_use]
pub fn plain_documents(count: usize) -> Vec<SourceFile> {
    let plain = (0..count).map(deployment);
    vec![file("plain.yaml", documents(plain.chain([oci_repository(1)])))]
}

/// One file of `count` documents that are not YAML.
#[must_use]
pub fn broken_documents(count: usize) -> Vec<SourceFile> {
    let broken = (0..count).map(|index| format!("# toolkit.fluxcd.io\nkey: [{index}\n"));
    vec![file("broken.yaml", documents(broken))]
}

/// One file of `count` objects in an API version that no Flux has.
#[must_use]
pub fn unknown_versions(count: usize) -> Vec<SourceFile> {
    let later = (0..count).map(|index| git_repository(index).replace("fluxcd.io/v1", "fluxcd.io/v9"));
    vec![file("later.yaml", documents(later))]
}

/// A list of `count` OCIRepositories that all repeat the tag of the first one.
#[must_use]
pub fn aliases(count: usize) -> Vec<SourceFile> {
    let items = (0..count).map(|index| {
        let tag = if index == 0 { "tag: &tag 1.0.0" } else { "tag: *tag" };
        // All of one source, so that they want the same.
        item(&oci_repository(1).replace("tag: 1.0.0", tag).replace("oci-1", &format!("oci-{index}")))
    });
    vec![file("aliases.yaml", format!("apiVersion: v1\nkind: List\nitems:\n{}", items.collect::<String>()))]
}

/// As [`aliases`], of different sources, so that they cannot agree.
#[must_use]
pub fn torn_aliases(count: usize) -> Vec<SourceFile> {
    let mut files = aliases(count);
    let mut index = 0;
    files[0].text = files[0]
        .text
        .split_inclusive("artifact-1\n")
        .map(|part| {
            index += 1;
            part.replace("artifact-1\n", &format!("artifact-{}\n", index % 2))
        })
        .collect();
    files
}

/// A list of `count` OCIRepositories whose `spec.ref` is one merge of `count` mappings that lack the wanted keys.
#[must_use]
pub fn merges(count: usize) -> Vec<SourceFile> {
    let named = (0..8).map(|level| {
        let below = format!("*m{}", level.max(1) - 1);
        let sources = if level == 0 { String::new() } else { vec![below; count].join(", ") };
        format!("  - &m{level} {{<<: [{sources}]}}\n")
    });
    let object = item(&oci_repository(1).replace("    tag: 1.0.0\n", "    <<: *m7\n"));
    let text = format!("apiVersion: v1\nkind: List\nitems:\n{}{object}", named.collect::<String>());
    vec![file("merges.yaml", text)]
}

/// `count` git repositories as JSON on one line.
#[must_use]
pub fn one_line(count: usize) -> Vec<SourceFile> {
    let items: Vec<String> = (0..count)
        .map(|index| {
            format!(
                "{{\"apiVersion\": \"source.toolkit.fluxcd.io/v1\", \"kind\": \"GitRepository\", \
                 \"metadata\": {{\"name\": \"git-{index}\"}}, \"spec\": {{\"url\": \
                 \"https://git.example.com/repository-{}\", \"ref\": {{\"tag\": \"1.0.0\"}}}}}}",
                index % SOURCES
            )
        })
        .collect();
    let text = format!("{{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{}]}}\n", items.join(", "));
    vec![file("line.yaml", text)]
}

/// `count` clusters, each with its own Flux Kustomizations, source and release of the same names.
#[must_use]
pub fn clusters(count: usize) -> Vec<SourceFile> {
    let of = |index: usize| {
        let folder = format!("clusters/{index}");
        let sync = kustomization("flux-system", &folder);
        [
            file(
                &format!("{folder}/flux-system/gotk-components.yaml"),
                "# Flux Version: v2.6.4\n".to_owned(),
            ),
            file(&format!("{folder}/flux-system/gotk-sync.yaml"), documents([own_source(), sync])),
            file(&format!("{folder}/source.yaml"), helm_repository("charts-0")),
            file(&format!("{folder}/release.yaml"), release(20)),
        ]
    };
    (0..count).flat_map(of).collect()
}

/// `count` Flux Kustomizations without a path in a repository of `count` releases.
#[must_use]
pub fn pathless(count: usize) -> Vec<SourceFile> {
    let of = |index: usize| {
        let all = format!("all-{index}");
        [
            file(&format!("sync/{index}.yaml"), kustomization(&all, "").replace("flux-system", "elsewhere")),
            file(&format!("apps/{index}.yaml"), git_repository(index)),
        ]
    };
    (0..count).flat_map(of).collect()
}

fn kustomization(name: &str, path: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: {name}\n  \
         namespace: flux-system\nspec:\n  interval: 10m\n  path: ./{path}\n  sourceRef:\n    \
         kind: GitRepository\n    name: flux-system\n"
    )
}

/// The source of the repository itself.
#[must_use]
pub fn own_source() -> String {
    git_repository(0).replace("git-0", "flux-system").replace("tag: 1.0.0", "branch: main")
}
