//! What several fuzz targets share.

use flux_upgrade_core::{RepoPath, SourceFile};

/// The text as the one file of a repository.
pub fn file(text: &str) -> SourceFile {
    SourceFile { path: path(), text: text.to_owned() }
}

/// The path of that file.
pub fn path() -> RepoPath {
    RepoPath::parse("fuzz.yaml").expect("this holds because the name is a path")
}

/// A registry for the sources that most case folders of the core name.
pub const REGISTRY: &str = r#"{
  "schema": "flux-upgrade/registry-snapshot/v1", "taken": "2026-08-22T00:00:00Z",
  "helm": [{"url": "https://stefanprodan.github.io/podinfo", "charts": {"podinfo": [
    {"version": "1.0.0"}, {"version": "1.1.0"}, {"version": "2.0.0-rc.1"}, {"version": "2.0.0"}]}}],
  "oci": [{"repository": "ghcr.io/stefanprodan/manifests/podinfo", "tags": [
    {"tag": "1.0.0", "digest": "sha256:0000000000000000000000000000000000000000000000000000000000000000"},
    {"tag": "1.10", "digest": "sha256:1111111111111111111111111111111111111111111111111111111111111111"},
    {"tag": "1.1.0", "digest": "sha256:2222222222222222222222222222222222222222222222222222222222222222"},
    {"tag": "7", "digest": "sha256:3333333333333333333333333333333333333333333333333333333333333333"}]}],
  "git": [{"url": "https://github.com/example/tenants", "refs": [
    {"name": "refs/heads/main", "commit": "4444444444444444444444444444444444444444"},
    {"name": "refs/tags/1.0.0", "commit": "5555555555555555555555555555555555555555"},
    {"name": "refs/tags/1.1.0", "commit": "6666666666666666666666666666666666666666"},
    {"name": "refs/tags/1.1.0^{}", "commit": "7777777777777777777777777777777777777777"}]}]
}"#;
