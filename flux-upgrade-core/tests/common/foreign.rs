//! YAML as a reader of somebody else has it, in JSON.

use serde_json::{Map, Value};
use yaml_rust2::{Yaml, YamlLoader};

/// The documents of a text as another reader has them; it would take a NUL for the end.
pub(crate) fn load(text: &str) -> Option<Vec<Value>> {
    if text.contains('\0') {
        return None;
    }
    let documents = YamlLoader::load_from_str(text.trim_start_matches('\u{feff}')).ok()?;
    Some(documents.iter().map(json).collect())
}

/// A value as JSON, with merge keys followed; keys become texts, as in Kubernetes.
fn json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Real(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())),
        Yaml::Integer(number) => Value::from(*number),
        Yaml::String(text) => Value::String(text.clone()),
        Yaml::Boolean(truth) => Value::Bool(*truth),
        Yaml::Array(items) => items.iter().map(json).collect(),
        Yaml::Hash(entries) => {
            let (mut own, mut merged) = (Map::new(), Map::new());
            for (key, value) in entries {
                let name = match key {
                    Yaml::String(text) | Yaml::Real(text) => text.clone(),
                    other => json(other).to_string(),
                };
                if name != "<<" {
                    own.insert(name, json(value));
                    continue;
                }
                let sources =
                    value.as_vec().map_or_else(|| vec![json(value)], |all| all.iter().map(json).collect());
                for source in sources {
                    for (name, value) in source.as_object().into_iter().flatten() {
                        merged.entry(name).or_insert(value.clone());
                    }
                }
            }
            merged.extend(own);
            Value::Object(merged)
        }
        Yaml::Alias(_) | Yaml::Null | Yaml::BadValue => Value::Null,
    }
}
