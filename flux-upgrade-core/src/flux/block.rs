//! Generated YAML as lines: mappings in block style with sorted keys, which is all that a release's files have.

use std::borrow::Cow;

/// The entries of a mapping, each the whole lines of a key and its value.
pub(super) struct Block<'t> {
    entries: Vec<(&'t str, Cow<'t, str>)>,
}

impl<'t> Block<'t> {
    /// Reads whole lines as a mapping at this indentation; `None` where they are none.
    pub(super) fn read(text: &'t str, indent: usize) -> Option<Self> {
        let mut entries: Vec<(&'t str, Cow<'t, str>)> = Vec::new();
        let (mut start, mut key, mut at) = (0, None, 0);
        for line in text.split_inclusive('\n') {
            if let Some(found) = key_at(line, indent) {
                if let Some(key) = key.replace(found) {
                    entries.push((key, Cow::Borrowed(&text[start..at])));
                }
                start = at;
            }
            key?;
            at += line.len();
        }
        entries.push((key?, Cow::Borrowed(&text[start..])));
        Some(Self { entries })
    }

    /// The lines of a key and its value.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|(name, _)| *name == key).map(|(_, text)| text.as_ref())
    }

    /// Puts the lines of a key into their place, for those that are there.
    pub(super) fn set(&mut self, key: &'t str, text: impl Into<Cow<'t, str>>) {
        let place = self.entries.partition_point(|(name, _)| *name < key);
        match self.entries.get_mut(place).filter(|(name, _)| *name == key) {
            Some(entry) => entry.1 = text.into(),
            None => self.entries.insert(place, (key, text.into())),
        }
    }

    /// All lines.
    pub(super) fn text(&self) -> String {
        self.entries.iter().map(|(_, text)| text.as_ref()).collect()
    }
}

/// The key that a line at this indentation begins with.
fn key_at(line: &str, indent: usize) -> Option<&str> {
    let bytes = line.as_bytes();
    if bytes.len() <= indent || bytes[..indent].iter().any(|byte| *byte != b' ') {
        return None;
    }
    let rest = &line[indent..];
    if rest.starts_with([' ', '-', '#', '\n']) {
        return None;
    }
    rest.split_once(':').map(|(key, _)| key)
}

/// The lines below the first: what stands under a key.
pub(super) fn below(entry: &str) -> (&str, &str) {
    let end = entry.find('\n').map_or(entry.len(), |at| at + 1);
    entry.split_at(end)
}
