//! The objects of image automation as text, in the style of the file that they stand beside.
//!
//! Source: image-reflector-controller and image-automation-controller, spec pages of ImageRepository, ImagePolicy and
//! ImageUpdateAutomation.

use std::collections::BTreeMap;

use super::Says;
use crate::yaml::{Quote, encode};

/// How objects are written.
pub(super) struct Style<'a> {
    pub(super) api_version: String,
    pub(super) namespace: &'a str,
    pub(super) quote: Quote,
}

/// A scalar field of a `spec`, and the `name` in a mapping of it.
pub(super) enum Field {
    Text(&'static str, String),
    Named(&'static str, String),
}

impl Style<'_> {
    fn text(&self, value: &str) -> String {
        // A pattern stays as it reads.
        let quote = if value.contains('\\') { Quote::Single } else { self.quote };
        encode("x", Quote::Plain, value, quote).unwrap_or_else(|| value.to_owned())
    }

    fn head(&self, kind: &str, name: &str, labels: &BTreeMap<String, String>) -> Vec<String> {
        let mut out = vec![
            format!("apiVersion: {}", self.api_version),
            format!("kind: {kind}"),
            "metadata:".to_owned(),
            format!("  name: {}", self.text(name)),
            format!("  namespace: {}", self.text(self.namespace)),
        ];
        if !labels.is_empty() {
            out.push("  labels:".to_owned());
            out.extend(
                labels.iter().map(|(key, value)| format!("    {}: {}", self.text(key), self.text(value))),
            );
        }
        out.push("spec:".to_owned());
        out
    }

    pub(super) fn repository(&self, name: &str, image: &str, fields: &[Field]) -> Vec<String> {
        let mut out = self.head("ImageRepository", name, &BTreeMap::new());
        out.push(format!("  image: {}", self.text(image)));
        out.push("  interval: 10m".to_owned());
        for field in fields {
            match field {
                Field::Text(key @ "insecure", value) => out.push(format!("  {key}: {value}")),
                Field::Text(key, value) => out.push(format!("  {key}: {}", self.text(value))),
                Field::Named(key, name) => {
                    out.extend([format!("  {key}:"), format!("    name: {}", self.text(name))]);
                }
            }
        }
        out
    }

    pub(super) fn policy(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
        repository: &str,
        says: &Says,
    ) -> Vec<String> {
        let mut out = self.head("ImagePolicy", name, labels);
        out.extend(["  imageRepositoryRef:".to_owned(), format!("    name: {}", self.text(repository))]);
        if let Some(filter) = &says.filter {
            out.extend(["  filterTags:".to_owned(), format!("    pattern: {}", self.text(&filter.pattern))]);
            out.extend(filter.extract.map(|extract| format!("    extract: {}", self.text(extract))));
        }
        out.extend([
            "  policy:".to_owned(),
            "    semver:".to_owned(),
            format!("      range: {}", self.text(&says.range)),
        ]);
        if says.has_digest {
            out.push("  digestReflectionPolicy: IfNotPresent".to_owned());
        }
        out
    }

    pub(super) fn automation(&self, name: &str, git: &str, branch: &str, path: &str) -> Vec<String> {
        let mut out = self.head("ImageUpdateAutomation", name, &BTreeMap::new());
        let branch = self.text(branch);
        out.extend([
            "  interval: 30m".to_owned(),
            "  sourceRef:".to_owned(),
            "    kind: GitRepository".to_owned(),
            format!("    name: {}", self.text(git)),
            "  git:".to_owned(),
            "    checkout:".to_owned(),
            "      ref:".to_owned(),
            format!("        branch: {branch}"),
            "    commit:".to_owned(),
            "      author:".to_owned(),
            "        name: fluxcdbot".to_owned(),
            "        email: fluxcdbot@users.noreply.github.com".to_owned(),
            "    push:".to_owned(),
            format!("      branch: {branch}"),
            "  update:".to_owned(),
            format!("    path: {}", self.text(path)),
        ]);
        out
    }
}
