//! An index in JSON: the charts asked for are built, the others passed over.

use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Charts, IndexError};
use crate::resolve::select::{ChartEntry, load_entries};
use crate::time::Timestamp;

/// One entry; `null` is the same as nothing, as in Go.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Entry {
    name: Option<String>,
    version: Option<String>,
    created: Option<String>,
    urls: Option<Vec<String>>,
    digest: Option<String>,
    #[serde(rename = "type")]
    chart_type: Option<String>,
    app_version: Option<String>,
    kube_version: Option<String>,
    deprecated: Option<bool>,
}

impl From<Entry> for ChartEntry {
    fn from(entry: Entry) -> Self {
        Self {
            name: entry.name.unwrap_or_default(),
            version: entry.version.unwrap_or_default(),
            created: entry.created.and_then(|text| Timestamp::parse(&text).ok()),
            urls: entry.urls.unwrap_or_default(),
            digest: entry.digest,
            chart_type: entry.chart_type.unwrap_or_default(),
            app_version: entry.app_version,
            kube_version: entry.kube_version,
            deprecated: entry.deprecated.unwrap_or_default(),
        }
    }
}

/// Whether it is JSON from its first byte to its last.
pub(super) fn is_valid(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text.trim_start_matches('\u{feff}')).is_ok()
}

pub(super) fn load(text: &str, wants: impl Fn(&str) -> bool) -> Result<Charts, IndexError> {
    let text = text.trim_start_matches('\u{feff}');
    let mut charts = Charts::new();
    let mut api_version = None;
    let mut reader = serde_json::Deserializer::from_str(text);
    let top = Top { wants: &wants, charts: &mut charts, api_version: &mut api_version };
    top.deserialize(&mut reader).and_then(|()| reader.end()).map_err(|error| IndexError::Syntax {
        detail: error.to_string(),
        line: error.line(),
        column: error.column(),
    })?;
    if api_version.is_none_or(|text: String| text.is_empty()) {
        return Err(IndexError::NoApiVersion);
    }
    Ok(charts)
}

struct Top<'a, W> {
    wants: &'a W,
    charts: &'a mut Charts,
    api_version: &'a mut Option<String>,
}

impl<'de, W: Fn(&str) -> bool> DeserializeSeed<'de> for Top<'_, W> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, W: Fn(&str) -> bool> Visitor<'de> for Top<'_, W> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an index, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "apiVersion" => *self.api_version = map.next_value()?,
                "entries" => map.next_value_seed(Entries { wants: self.wants, charts: &mut *self.charts })?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

struct Entries<'a, W> {
    wants: &'a W,
    charts: &'a mut Charts,
}

impl<'de, W: Fn(&str) -> bool> DeserializeSeed<'de> for Entries<'_, W> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, W: Fn(&str) -> bool> Visitor<'de> for Entries<'_, W> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("charts by name")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if (self.wants)(&name) {
                let entries = map.next_value::<Option<Vec<Option<Entry>>>>()?.unwrap_or_default();
                let entries = entries.into_iter().flatten().map(ChartEntry::from).collect();
                self.charts.insert(name, load_entries(entries));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
