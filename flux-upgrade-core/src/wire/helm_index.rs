//! `index.yaml` of a Helm repository.
//!
//! Flux reads YAML strictly, so that one unknown or doubled key fails the whole index, and JSON leniently; an index
//! without `apiVersion` is refused. Source: helm/helm `pkg/repo/v1/index.go`, `loadIndex`; source-controller
//! `internal/helm/repository/utils.go`.

mod cut;
mod json;

use std::collections::{BTreeMap, BTreeSet};

use super::address::no_address;
use super::{Address, Attach, HttpRequest, HttpResponse, Limits, Next, status_failure};
use crate::plan::Failure;
use crate::resolve::Answer;
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

/// A chart index on its way.
#[derive(Debug, Clone)]
pub(super) struct Index {
    names: BTreeSet<String>,
    whole: bool,
}

impl Index {
    /// Source: source-controller `internal/helm/repository/chart_repository.go`, `DownloadIndex`: `index.yaml` is added
    /// to the path, and the query stays.
    pub(super) fn start(
        url: &str,
        names: &BTreeSet<String>,
        limits: Limits,
    ) -> Result<(Self, HttpRequest), Failure> {
        let address = Address::parse(url).ok_or_else(|| no_address(url))?;
        let query = address.query.map(|query| format!("?{query}")).unwrap_or_default();
        let path = address.path.trim_end_matches('/');
        let url = format!("{}://{}{path}/index.yaml{query}", address.scheme, address.authority);
        let request =
            HttpRequest::get(url, "application/yaml, text/yaml, application/json, */*", limits.index_bytes);
        let index = Self { names: names.clone(), whole: limits.whole_index };
        Ok((index, HttpRequest { attach: Attach::IfAny, ..request }))
    }

    pub(super) fn receive(&mut self, response: &HttpResponse) -> Next {
        if let Some(failure) = status_failure(response) {
            return Next::failed(failure);
        }
        let Ok(text) = std::str::from_utf8(&response.body) else {
            return Next::failed(response.not("an index", "it is not UTF-8"));
        };
        let loaded = if self.whole {
            load(text, None).map(|mut charts| {
                charts.retain(|name, _| self.names.contains(name));
                charts
            })
        } else {
            load_some(text, &self.names)
        };
        match loaded {
            Err(error) => Next::failed(response.not("an index", &error.to_string())),
            Ok(mut charts) => {
                let entries = |name: &String| {
                    let entries = charts.remove(name).unwrap_or_default();
                    (name.clone(), entries.iter().map(ChartEntry::candidate).collect())
                };
                Next::Done(Ok(Answer::Charts(self.names.iter().map(entries).collect())))
            }
        }
    }
}

/// The entries of some charts, without reading those of the others where that is safe.
///
/// The same as [`load`] with `wanted` for every index that Flux accepts: the lines of the charts are cut out by their
/// indentation and read strictly together with what stands around the entries. Where the text is not plainly indented
/// block style (flow, quoted keys, anchors, tabs), all of it is read. Mistakes in charts that nobody asks for are not
/// found.
///
/// # Errors
///
/// [`IndexError`], with the position in the whole text.
///
/// # Examples
///
/// ```
/// use std::collections::BTreeSet;
/// use flux_upgrade_core::wire::helm_index;
/// let index = "apiVersion: v1\nentries:\n  a:\n  - {name: a, version: 1.0.0}\n  b:\n  - {name: b, version: 2.0.0}\n";
/// let charts = helm_index::load_some(index, &BTreeSet::from(["b".to_owned()]))?;
/// assert_eq!(charts.into_iter().map(|(name, list)| (name, list.len())).collect::<Vec<_>>(), [("b".to_owned(), 1)]);
/// # Ok::<(), helm_index::IndexError>(())
/// ```
pub fn load_some(text: &str, wanted: &BTreeSet<String>) -> Result<Charts, IndexError> {
    if is_json(text) {
        return load(text, Some(wanted));
    }
    // A slice that cannot be read is read again with the rest, which finds the same mistake and its place.
    match cut::cut(text, wanted).map(|part| load(&part, Some(wanted))) {
        Some(Ok(charts)) if cut::is_own(&charts) => Ok(charts),
        _ => load(text, Some(wanted)),
    }
}

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
    if !is_json(text) {
        return load_yaml(text, wants);
    }
    match json::load(text, wants) {
        // A mapping of YAML in flow style begins as JSON does. Source: helm `pkg/repo/index.go`, `jsonOrYamlUnmarshal`.
        Err(error) if !json::is_valid(text) => match load_yaml(text, wants) {
            Err(IndexError::Syntax { .. }) => Err(error),
            outcome => outcome,
        },
        outcome => outcome,
    }
}

fn load_yaml(text: &str, wants: impl Fn(&str) -> bool) -> Result<Charts, IndexError> {
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

fn is_json(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').trim_start().starts_with('{')
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

    /// The year 1 is what Go writes where nothing is known, and no age.
    #[test]
    fn dates_that_nobody_believes() {
        let yaml = "apiVersion: v1\nentries:\n  a:\n  - {name: a, version: 1.0.0, created: '0001-01-01T00:00:00Z'}\n  \
            - {name: a, version: 0.9.0, created: '2020-01-01T00:00:00Z'}\n";
        let charts = load(yaml, None).unwrap();
        let dates = charts["a"].iter().map(|entry| entry.candidate().created.is_some());
        assert_eq!(dates.collect::<Vec<_>>(), [false, true]);
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
