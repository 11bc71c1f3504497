//! `Chart.lock` beside a `Chart.yaml` whose dependencies move: the versions that it locks, and its digest.
//!
//! The digest is of Helm's own making. It is made anew only where the algorithm gives the digest that stands there for
//! what stands there; so a lock of Helm 2, or one that was written under other rules, is left alone. What nothing moves
//! stays locked as it is, and `generated` stays: nothing reads it, and a clock would give another lock in every run.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Edit, apply};
use crate::plan::{Change, Plan};
use crate::scan::Kind;
use crate::text::{RepoPath, SourceFile, Span, join};
use crate::yaml::{Comments, Document, Node, Quote, is_plain_string, parse};

/// The lock file beside a chart's file.
pub(crate) fn beside(chart: &RepoPath) -> Option<RepoPath> {
    RepoPath::parse(&join(chart.folder(), "Chart.lock")?)
}

/// The edits of each lock whose chart has changes in a plan; none for those that only Helm can write.
pub(crate) fn edits(files: &[SourceFile], plan: &Plan) -> BTreeMap<RepoPath, Vec<Edit>> {
    let mut charts: BTreeMap<&RepoPath, Vec<&Change>> = BTreeMap::new();
    for change in &plan.changes {
        let site = plan.site_of(change);
        if site.owner.kind == Kind::ChartFile.name() {
            charts.entry(&site.at.path).or_default().push(change);
        }
    }
    if charts.is_empty() {
        return BTreeMap::new();
    }
    let texts: BTreeMap<&RepoPath, &str> =
        files.iter().map(|file| (&file.path, file.text.as_str())).collect();
    let renewed = charts.into_iter().filter_map(|(path, changes)| {
        let lock = beside(path)?;
        let edits: Vec<Edit> = changes.iter().flat_map(|change| &change.edits).cloned().collect();
        if edits.iter().any(|edit| edit.path != *path) {
            return None;
        }
        let before = texts.get(path)?;
        let after = apply::apply(before, &edits).ok()?;
        let versions: Option<BTreeMap<usize, &str>> = changes
            .iter()
            .map(|change| Some((number(&plan.site_of(change).field)?, change.locked.as_deref()?)))
            .collect();
        let edits = renew([before, &after], &lock, texts.get(&lock)?, &versions?)?;
        Some((lock, edits))
    });
    renewed.collect()
}

/// The number in `dependencies[3].version`.
fn number(field: &str) -> Option<usize> {
    field.strip_prefix("dependencies[")?.split_once(']')?.0.parse().ok()
}

/// The edits that make a lock fit the chart's new text; `versions` are what the moved dependencies lock, by their place.
///
/// Source: Helm `internal/resolver/resolver.go`, `Resolve` and `HashReq`.
fn renew(
    [before, after]: [&str; 2],
    path: &RepoPath,
    lock: &str,
    versions: &BTreeMap<usize, &str>,
) -> Option<Vec<Edit>> {
    let [before, after, document] = [document(before)?, document(after)?, document(lock)?];
    let [wanted, new, mut locked] = [dependencies(&before)?, dependencies(&after)?, dependencies(&document)?];
    let digest = document.root()?.get("digest")?;
    if wanted.len() != locked.len() || hash(&wanted, &locked)? != digest.text()? {
        return None;
    }
    let entries: Vec<Node<'_, '_>> = entries(&document)?.collect();
    let mut out = Vec::new();
    let edit = |node: Node<'_, '_>, old: &str, new: &str| {
        let span = node.resolved()?.span();
        let raw = span.of(lock);
        let is_whole = raw.trim_matches(['"', '\'']) == old && !node.is_alias();
        let edit =
            Edit { path: path.clone(), span, expect: raw.to_owned(), replace: raw.replacen(old, new, 1) };
        is_whole.then_some(edit)
    };
    for (place, version) in versions {
        let (name, entry) = (wanted.get(*place)?.first()?, locked.get_mut(*place)?);
        if entry.first()? != name {
            return None;
        }
        let node = entries.get(*place)?.get("version")?;
        if node.quote()? == Quote::Plain && !is_plain_string(version) {
            return None;
        }
        let known = entry.iter_mut().find(|(key, _)| *key == "version")?;
        out.push(edit(node, known.1.as_str()?, version)?);
        known.1 = Value::from(*version);
    }
    out.push(edit(digest, digest.text()?, &hash(&new, &locked)?)?);
    out.retain(|edit| edit.expect != edit.replace);
    Some(out)
}

fn document(text: &str) -> Option<Document<'_>> {
    let (mut documents, error) = parse(text, Span::new(0, text.len()), Comments::Skip);
    let first = (documents.len() == 1).then(|| documents.swap_remove(0))?;
    error.is_none().then_some(first)
}

fn entries<'d, 't>(document: &'d Document<'t>) -> Option<impl Iterator<Item = Node<'d, 't>>> {
    Some(document.root()?.get("dependencies").and_then(Node::resolved)?.items().filter_map(Node::resolved))
}

/// A dependency as Helm prints it: its fields in the order of the struct, empty ones left out.
type Dependency = Vec<(&'static str, Value)>;

/// The dependencies of a chart or a lock; none where a reader could take a value for another than we do.
///
/// Source: Helm `pkg/chart/dependency.go`.
fn dependencies(document: &Document<'_>) -> Option<Vec<Dependency>> {
    let read = |entry: Node<'_, '_>| {
        let mut out = Dependency::new();
        for field in FIELDS {
            let value = match (field, entry.get(field)) {
                ("name" | "repository", None) => Some(Value::from("")),
                (_, None) => None,
                ("enabled", Some(node)) => match (node.text()?, node.quote()?) {
                    ("true", Quote::Plain) => Some(Value::from(true)),
                    ("false", Quote::Plain) => None,
                    _ => return None,
                },
                ("tags" | "import-values", Some(node)) => {
                    let value = value(node)?;
                    let texts = value.as_array()?.iter().all(Value::is_string);
                    if field == "tags" && !texts {
                        return None;
                    }
                    Some(value).filter(|value| value.as_array().is_some_and(|all| !all.is_empty()))
                }
                (_, Some(node)) => {
                    let value = value(node)?;
                    let is_empty = value.as_str()?.is_empty() && !matches!(field, "name" | "repository");
                    Some(value).filter(|_| !is_empty)
                }
            };
            out.extend(value.map(|value| (field, value)));
        }
        Some(out)
    };
    entries(document)?.map(read).collect()
}

const FIELDS: [&str; 8] =
    ["name", "version", "repository", "condition", "tags", "enabled", "import-values", "alias"];

/// Texts, and lists and mappings of them; none for what may be a number, a date or a null.
fn value(node: Node<'_, '_>) -> Option<Value> {
    let node = node.resolved()?;
    if node.is_sequence() {
        return node.items().map(value).collect::<Option<Vec<_>>>().map(Value::from);
    }
    if node.is_mapping() {
        let entries = node.entries().map(|(key, entry)| Some((key.text()?.to_owned(), value(entry)?)));
        return entries
            .collect::<Option<BTreeMap<_, _>>>()
            .map(|all| Value::Object(all.into_iter().collect()));
    }
    let text = node.text()?;
    let is_text = match node.quote()? {
        Quote::Plain => is_plain_string(text),
        Quote::Single | Quote::Double => {
            !text.chars().any(|c| c.is_control() || c.is_whitespace() && c != ' ')
        }
        Quote::Literal | Quote::Folded => false,
    };
    is_text.then(|| Value::from(text))
}

/// `sha256:` of the JSON that Go writes for `[wanted, locked]`.
fn hash(wanted: &[Dependency], locked: &[Dependency]) -> Option<String> {
    let list = |all: &[Dependency]| {
        let one = |dependency: &Dependency| {
            let fields: Option<Vec<String>> =
                dependency.iter().map(|(key, value)| Some(format!("\"{key}\":{}", go(value)?))).collect();
            Some(format!("{{{}}}", fields?.join(",")))
        };
        let all: Option<Vec<String>> = all.iter().map(one).collect();
        Some(format!("[{}]", all?.join(",")))
    };
    let json = format!("[{},{}]", list(wanted)?, list(locked)?);
    let sum = Sha256::digest(json.as_bytes());
    Some(sum.iter().fold("sha256:".to_owned(), |out, byte| format!("{out}{byte:02x}")))
}

/// JSON as Go writes it: keys in order, and `<`, `>`, `&` and two line separators escaped.
fn go(value: &Value) -> Option<String> {
    // The map of serde_json is ordered by key, as Go's is.
    let mut out = serde_json::to_string(value).ok()?;
    for (c, escape) in [
        ('<', "\\u003c"),
        ('>', "\\u003e"),
        ('&', "\\u0026"),
        ('\u{2028}', "\\u2028"),
        ('\u{2029}', "\\u2029"),
    ] {
        out = out.replace(c, escape);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest_of(chart: &str, lock: &str) -> Option<String> {
        let [chart, lock] = [document(chart)?, document(lock)?];
        hash(&dependencies(&chart)?, &dependencies(&lock)?)
    }

    #[test]
    fn the_digest_is_helms() {
        // Source: the first is of Helm's `internal/resolver/resolver_test.go`, the others of Helm 3.18.4.
        let alpine =
            "dependencies:\n- name: alpine\n  version: 0.1.0\n  repository: http://localhost:8879/charts\n";
        assert_eq!(
            digest_of(alpine, alpine).unwrap(),
            "sha256:fb239e836325c5fa14b29d1540a13b7d3ba13151b67fe719f820e0ef6d66aaaf"
        );
    }

    #[test]
    fn what_may_be_read_otherwise_has_no_digest() {
        let lock = "dependencies:\n- name: a\n  version: 1.0.0\n  repository: r\n";
        for field in
            ["version: 1.10", "version: 1.0.0\n  enabled: yes", "version: 1.0.0\n  tags: [1]", "version: ~"]
        {
            let chart = format!("dependencies:\n- name: a\n  repository: r\n  {field}\n");
            assert_eq!(digest_of(&chart, lock), None, "{field}");
        }
    }
}
