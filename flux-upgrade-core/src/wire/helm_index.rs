//! `index.yaml` of a Helm repository.
//!
//! Flux reads YAML strictly, so that one unknown or doubled key fails the whole index, and JSON leniently; an index
//! without `apiVersion` is refused. Source: helm/helm `pkg/repo/v1/index.go`, `loadIndex`; source-controller
//! `internal/helm/repository/utils.go`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::resolve::select::{ChartEntry, load_entries};
use crate::text::{Lines, Span};
use crate::time::Timestamp;
use crate::yaml::{Comments, Node, parse, split};

/// An index that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// Neither YAML nor JSON.
    #[error("line {line}, column {column}: {detail}")]
    Syntax {
        /// What the parser found.
        detail: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// A key that Helm does not know or that stands twice, in YAML.
    #[error("line {line}: `{key}` is no key that Helm knows here, or stands twice")]
    Key {
        /// The key.
        key: String,
        /// Line, from 1.
        line: usize,
    },
    /// No `apiVersion`.
    #[error("the index has no `apiVersion`")]
    NoApiVersion,
}

const INDEX_KEYS: &[&str] =
    &["serverInfo", "apiVersion", "generated", "entries", "publicKeys", "annotations"];

const ENTRY_KEYS: &[&str] = &[
    "name",
    "home",
    "sources",
    "version",
    "description",
    "keywords",
    "maintainers",
    "icon",
    "apiVersion",
    "condition",
    "tags",
    "appVersion",
    "deprecated",
    "annotations",
    "kubeVersion",
    "dependencies",
    "type",
    "urls",
    "created",
    "removed",
    "digest",
    "checksum",
    "engine",
    "tillerVersion",
    "url",
];

/// Entries of charts by name, each list as Helm holds it: invalid entries dropped, newest first.
pub type Charts = BTreeMap<String, Vec<ChartEntry>>;

/// The entries of the charts named in `wanted`, or of all charts.
///
/// A chart that the index lacks is absent. Unknown keys are looked for in the charts that are wanted and in the index
/// itself. Linear in the text.
///
/// # Errors
///
/// [`IndexError`] for a text that Flux would refuse.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::wire::helm_index;
/// let index = "apiVersion: v1\nentries:\n  podinfo:\n  - {name: podinfo, version: 6.5.0}\n  - {name: podinfo, version: bad}\n";
/// let charts = helm_index::load(index, None)?;
/// assert_eq!(charts["podinfo"].iter().map(|entry| entry.version.as_str()).collect::<Vec<_>>(), ["6.5.0"]);
/// # Ok::<(), helm_index::IndexError>(())
/// ```
pub fn load(text: &str, wanted: Option<&BTreeSet<String>>) -> Result<Charts, IndexError> {
    let wants = |name: &str| wanted.is_none_or(|wanted| wanted.contains(name));
    if text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
        return json(text, wants);
    }
    let lines = Lines::new(text);
    let mut documents = Vec::new();
    for part in split(text) {
        let (found, error) = parse(text, part, Comments::Skip);
        if let Some(error) = error {
            let (line, column) = lines.position(error.at);
            return Err(IndexError::Syntax { detail: error.message, line, column });
        }
        documents.extend(found);
    }
    let root = documents.iter().find_map(|document| document.root()).ok_or(IndexError::NoApiVersion)?;
    let strict = Strict { lines: &lines };
    let fields = strict.fields(root, INDEX_KEYS)?;
    if fields.get("apiVersion").and_then(|node| node.text()).is_none_or(str::is_empty) {
        return Err(IndexError::NoApiVersion);
    }
    let mut charts = Charts::new();
    for (name, list) in fields.get("entries").into_iter().flat_map(|entries| entries.entries()) {
        let Some(name) = name.text().filter(|name| wants(name)) else { continue };
        let mut entries = Vec::new();
        for item in list.resolved().into_iter().flat_map(Node::items).filter_map(Node::resolved) {
            entries.push(strict.entry(item)?);
        }
        charts.insert(name.to_owned(), load_entries(entries));
    }
    Ok(charts)
}

struct Strict<'a> {
    lines: &'a Lines<'a>,
}

impl Strict<'_> {
    /// Fields of a mapping, each of them known and written once.
    fn fields<'d, 't>(
        &self,
        node: Node<'d, 't>,
        known: &[&str],
    ) -> Result<BTreeMap<&'d str, Node<'d, 't>>, IndexError> {
        let mut fields = BTreeMap::new();
        for (key, value) in node.entries() {
            let name = key.text().unwrap_or_default();
            if !known.contains(&name) || fields.insert(name, value).is_some() {
                return Err(IndexError::Key { key: name.to_owned(), line: self.line(key.span()) });
            }
        }
        Ok(fields)
    }

    fn line(&self, span: Span) -> usize {
        self.lines.position(span.start).0
    }

    fn entry(&self, node: Node<'_, '_>) -> Result<ChartEntry, IndexError> {
        let fields = self.fields(node, ENTRY_KEYS)?;
        let text = |key: &str| fields.get(key).and_then(|node| node.text()).map(str::to_owned);
        let urls = fields.get("urls").and_then(|node| node.resolved());
        Ok(ChartEntry {
            name: text("name").unwrap_or_default(),
            version: text("version").unwrap_or_default(),
            created: text("created").and_then(|text| Timestamp::parse(&text).ok()),
            urls: urls
                .into_iter()
                .flat_map(Node::items)
                .filter_map(|url| Some(url.text()?.to_owned()))
                .collect(),
            digest: text("digest"),
            chart_type: text("type").unwrap_or_default(),
            app_version: text("appVersion"),
            kube_version: text("kubeVersion"),
            deprecated: text("deprecated").as_deref() == Some("true"),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonIndex {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    entries: BTreeMap<String, Vec<JsonEntry>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct JsonEntry {
    name: String,
    version: String,
    created: Option<String>,
    urls: Vec<String>,
    digest: Option<String>,
    #[serde(rename = "type")]
    chart_type: String,
    app_version: Option<String>,
    kube_version: Option<String>,
    deprecated: bool,
}

fn json(text: &str, wants: impl Fn(&str) -> bool) -> Result<Charts, IndexError> {
    let index: JsonIndex = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        IndexError::Syntax { detail: error.to_string(), line: error.line(), column: error.column() }
    })?;
    if index.api_version.is_empty() {
        return Err(IndexError::NoApiVersion);
    }
    let read = |entry: JsonEntry| ChartEntry {
        name: entry.name,
        version: entry.version,
        created: entry.created.and_then(|text| Timestamp::parse(&text).ok()),
        urls: entry.urls,
        digest: entry.digest,
        chart_type: entry.chart_type,
        app_version: entry.app_version,
        kube_version: entry.kube_version,
        deprecated: entry.deprecated,
    };
    let wanted = index.entries.into_iter().filter(|(name, _)| wants(name));
    Ok(wanted.map(|(name, entries)| (name, load_entries(entries.into_iter().map(read).collect()))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_is_strict_and_json_is_not() {
        let yaml = "apiVersion: v1\nentries:\n  a:\n  - {name: a, version: 1.0.0, colour: red}\n";
        assert_eq!(load(yaml, None), Err(IndexError::Key { key: "colour".to_owned(), line: 4 }));
        let json =
            r#"{"apiVersion": "v1", "entries": {"a": [{"name": "a", "version": "1.0.0", "colour": "red"}]}}"#;
        assert_eq!(load(json, None).map(|charts| charts["a"].len()), Ok(1));
        let other = BTreeSet::from(["b".to_owned()]);
        assert_eq!(load(yaml, Some(&other)).map(|charts| charts.len()), Ok(0));
    }

    #[test]
    fn what_flux_refuses() {
        assert_eq!(load("entries: {}\n", None), Err(IndexError::NoApiVersion));
        assert_eq!(load("", None), Err(IndexError::NoApiVersion));
        assert!(matches!(load("a: [", None), Err(IndexError::Syntax { line: 1, .. })));
        let twice = "apiVersion: v1\napiVersion: v1\n";
        assert_eq!(load(twice, None), Err(IndexError::Key { key: "apiVersion".to_owned(), line: 2 }));
    }
}
