//! A lock file's text to its entries, strictly: a damaged record is worse than none.

use std::collections::BTreeMap;

use super::{Entry, Key, Lock, SCHEMA};
use crate::text::{Lines, Location, RepoPath, Span};
use crate::yaml::{Comments, Node, parse};

/// A lock file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {message}")]
pub struct LockError {
    /// Stable code, listed in `docs/diagnostics.md`.
    pub code: &'static str,
    /// What was found and what was wanted.
    pub message: String,
    /// Where.
    pub at: Location,
    /// What to do about it.
    pub help: String,
}

const FIELDS: &[&str] =
    &["file", "object", "field", "number", "source", "written", "resolved", "digest", "published"];

struct Reader<'t> {
    path: &'t RepoPath,
    text: &'t str,
    lines: Lines<'t>,
}

pub(super) fn read(path: &RepoPath, text: &str) -> Result<Lock, LockError> {
    let reader = Reader { path, text, lines: Lines::new(text) };
    reader.no_markers()?;
    let (documents, error) =
        parse(text, Span::new(usize::from(text.starts_with('\u{feff}')) * 3, text.len()), Comments::Skip);
    if let Some(error) = error {
        let what = format!("not YAML: {}", error.message);
        return Err(reader.error("lock.syntax", Span::new(error.at, error.at), what, RESTORE));
    }
    let root = match documents.as_slice() {
        [document] => document.root(),
        _ => None,
    };
    let Some(root) = root.filter(|root| root.is_mapping()) else {
        let what = "no lock file: one mapping with `schema` and `sites` was expected".to_owned();
        return Err(reader.error("lock.shape", Span::default(), what, RESTORE));
    };
    if let Some((_, again)) = documents[0].duplicate_keys().first() {
        let what = format!("the key `{}` stands twice in one mapping", again.of(text));
        return Err(reader.error(
            "lock.duplicate",
            *again,
            what,
            "remove one of the two, as a merge has left both",
        ));
    }
    let Some(schema) = root.get("schema") else {
        let what = format!("without `schema`: `{SCHEMA}` was expected");
        return Err(reader.error("lock.schema", root.span(), what, RESTORE));
    };
    if schema.text() != Some(SCHEMA) {
        let found = schema.span().of(text);
        let what = format!("`schema` is `{found}`, and this program reads `{SCHEMA}`");
        let help = "take a newer flux-upgrade if another one wrote it, else restore the line";
        return Err(reader.error("lock.schema", schema.span(), what, help));
    }
    for (key, _) in root.entries() {
        if !matches!(key.text(), Some("schema" | "sites")) {
            return Err(reader.unknown(key, &["schema", "sites"]));
        }
    }
    let Some(sites) = root.get("sites").filter(|node| node.is_sequence()) else {
        let what = "`sites` is no list".to_owned();
        let at = root.get("sites").unwrap_or(root).span();
        return Err(reader.error("lock.shape", at, what, RESTORE));
    };
    let mut entries = Vec::new();
    let mut seen: BTreeMap<Key, Location> = BTreeMap::new();
    let items: Vec<Node<'_, '_>> = sites.items().collect();
    for (number, item) in items.iter().enumerate() {
        let next = items.get(number + 1).map_or(text.len(), |next| next.span().start);
        let entry = reader.entry(*item, next, sites.is_flow())?;
        let at = reader.lines.locate(path, item.span());
        if let Some(first) = seen.insert(entry.key.clone(), at.clone()) {
            let what = format!("a second entry of {}: the first is at {first}", entry.key);
            return Err(reader.error("lock.duplicate", at.span, what, "keep the newer one of the two"));
        }
        entries.push(entry);
    }
    Ok(Lock { entries })
}

const RESTORE: &str = "restore it from git, or delete it and run `flux-upgrade lock`";

impl Reader<'_> {
    fn error(&self, code: &'static str, at: Span, message: impl Into<String>, help: &str) -> LockError {
        LockError {
            code,
            message: message.into(),
            at: self.lines.locate(self.path, at),
            help: help.to_owned(),
        }
    }

    /// Merge markers are told before YAML stumbles over them.
    fn no_markers(&self) -> Result<(), LockError> {
        let mut at = 0;
        for line in self.text.split_inclusive('\n') {
            if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|mark| line.starts_with(mark)) {
                let help = "keep either side, or both where the entries differ, and run `flux-upgrade lock`";
                let what = "an unresolved merge conflict";
                return Err(self.error("lock.conflict-marker", Span::new(at, at + 7), what, help));
            }
            at += line.len();
        }
        Ok(())
    }

    fn unknown(&self, key: Node<'_, '_>, known: &[&str]) -> LockError {
        let found = key.span().of(self.text);
        let what = format!("`{found}` is no key here: one of {} was expected", known.join(", "));
        self.error("lock.shape", key.span(), what, RESTORE)
    }

    fn entry(&self, item: Node<'_, '_>, next: usize, flow: bool) -> Result<Entry, LockError> {
        if !item.is_mapping() {
            return Err(self.error("lock.shape", item.span(), "an entry is no mapping", RESTORE));
        }
        let mut values: BTreeMap<&str, String> = BTreeMap::new();
        for (key, value) in item.entries() {
            let Some(name) = key.text().and_then(|name| FIELDS.iter().find(|known| **known == name)) else {
                return Err(self.unknown(key, FIELDS));
            };
            let Some(text) = value.text().filter(|_| !value.is_alias()) else {
                let what = match value.text() {
                    None if value.quote().is_some() => format!("`{name}` has no value"),
                    _ => format!("`{name}` is no text"),
                };
                return Err(self.error("lock.shape", value.span(), what, RESTORE));
            };
            if text.contains(char::is_control) {
                let what = format!("`{name}` has a line end or a control character in it");
                return Err(self.error("lock.shape", value.span(), what, RESTORE));
            }
            values.insert(name, text.to_owned());
        }
        let mut take = |name: &str| {
            values.remove(name).ok_or_else(|| {
                self.error("lock.shape", item.span(), format!("an entry without `{name}`"), RESTORE)
            })
        };
        let key = Key { file: take("file")?, object: take("object")?, field: take("field")?, number: 1 };
        let (source, written, resolved) = (take("source")?, take("written")?, take("resolved")?);
        let number = match values.remove("number").map(|text| text.parse()) {
            None => 1,
            Some(Ok(number)) if number > 1 => number,
            Some(_) => {
                let at = item.get("number").unwrap_or(item).span();
                return Err(self.error("lock.shape", at, "`number` counts sites from 2", RESTORE));
            }
        };
        // From the dash of this entry to the dash of the next: comments that somebody wrote stay with it.
        let (start, end) =
            (self.dash(item.span().start), if next == self.text.len() { next } else { self.dash(next) });
        let mut raw = self.text.get(start..end).unwrap_or("").to_owned();
        if !raw.ends_with('\n') {
            raw.push('\n');
        }
        let at = self.lines.locate(self.path, item.span());
        let own = !flow && raw.starts_with('-') && !raw.contains('\r');
        Ok(Entry {
            key: Key { number, ..key },
            written,
            source,
            resolved,
            digest: values.remove("digest"),
            published: values.remove("published"),
            read_from: Some((at, if own { raw } else { String::new() })),
        })
    }

    /// The start of the line that an entry begins on.
    fn dash(&self, at: usize) -> usize {
        self.text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |line| line + 1)
    }
}
