//! Objects as values, JSON Patch and strategic merge on them.

use serde_json::{Map, Value};

use crate::yaml::Node;

/// What a merge does with lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lists {
    /// Lists of named items are merged by name, as in the kinds of Kubernetes itself.
    ByName,
    /// A list takes the place of a list, as in kinds that kustomize has no schema of.
    Whole,
}

/// How many nodes a value may have: aliases repeat what they name, and a text of some lines can name more than fits.
const MOST_NODES: usize = 100_000;

/// A node as a value; aliases and merge keys are followed. `null` where that is too much.
pub(crate) fn value(node: Node<'_, '_>) -> Value {
    bounded(node).unwrap_or(Value::Null)
}

/// A node as a value, `None` where its aliases make it too large.
pub(crate) fn bounded(node: Node<'_, '_>) -> Option<Value> {
    read(node, &mut MOST_NODES.clone(), 0)
}

fn read(node: Node<'_, '_>, left: &mut usize, depth: usize) -> Option<Value> {
    *left = left.checked_sub(1).filter(|_| depth <= DEEPEST)?;
    let Some(node) = node.resolved() else { return Some(Value::Null) };
    if node.is_mapping() {
        let (mut own, mut merged) = (Map::new(), Map::new());
        for (key, item) in node.entries() {
            let name = key.text().unwrap_or_default();
            let item = read(item, left, depth + 1)?;
            if name == "<<" && !key.is_string() {
                let sources = if let Value::Array(list) = item { list } else { vec![item] };
                for (name, item) in sources.into_iter().filter_map(into_map).flatten() {
                    merged.entry(name).or_insert(item);
                }
            } else {
                own.insert(name.to_owned(), item);
            }
        }
        merged.extend(own);
        return Some(Value::Object(merged));
    }
    if node.is_sequence() {
        return node.items().map(|item| read(item, left, depth + 1)).collect::<Option<_>>().map(Value::Array);
    }
    let Some(text) = node.text() else { return Some(Value::Null) };
    if node.is_string() {
        return Some(Value::String(text.to_owned()));
    }
    Some(match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    })
}

/// How deep a value may be nested: aliases may name what they stand in.
const DEEPEST: usize = 256;

fn into_map(value: Value) -> Option<Map<String, Value>> {
    if let Value::Object(map) = value { Some(map) } else { None }
}

/// Applies one operation of a JSON Patch (RFC 6902); the error is the pointer that does not exist, or what is wrong.
pub(crate) fn apply(object: &mut Value, operation: &Value) -> Result<(), String> {
    let text = |key: &str| operation.get(key).and_then(Value::as_str);
    let path = text("path").ok_or("an operation without `path`")?;
    let from = || text("from").ok_or("an operation without `from`");
    let read = |object: &Value, at: &str| object.pointer(at).cloned().ok_or_else(|| at.to_owned());
    let given = || operation.get("value").cloned().unwrap_or_default();
    match text("op").ok_or("an operation without `op`")? {
        "test" => match read(object, path)? == given() {
            true => Ok(()),
            false => Err(format!("{path}: `test` fails")),
        },
        "replace" => {
            *object.pointer_mut(path).ok_or(path)? = given();
            Ok(())
        }
        "remove" => remove(object, path),
        "add" => add(object, path, given()),
        "copy" => {
            let value = read(object, from()?)?;
            add(object, path, value)
        }
        "move" => {
            let value = read(object, from()?)?;
            remove(object, from()?)?;
            add(object, path, value)
        }
        other => Err(format!("`{other}` is no operation of JSON Patch")),
    }
}

/// What holds the value that a pointer names, and its last part.
fn parent<'v>(object: &'v mut Value, path: &str) -> Result<(&'v mut Value, String), String> {
    let (above, last) = path.rsplit_once('/').ok_or(path)?;
    let holder = object.pointer_mut(above).ok_or(path)?;
    Ok((holder, last.replace("~1", "/").replace("~0", "~")))
}

fn add(object: &mut Value, path: &str, value: Value) -> Result<(), String> {
    if path.is_empty() {
        *object = value;
        return Ok(());
    }
    match parent(object, path)? {
        (Value::Object(map), key) => {
            map.insert(key, value);
        }
        (Value::Array(list), key) => {
            let at = if key == "-" { list.len() } else { key.parse().map_err(|_| path)? };
            if at > list.len() {
                return Err(path.to_owned());
            }
            list.insert(at, value);
        }
        _ => return Err(path.to_owned()),
    }
    Ok(())
}

fn remove(object: &mut Value, path: &str) -> Result<(), String> {
    match parent(object, path)? {
        (Value::Object(map), key) => map.remove(&key).map(|_| ()).ok_or_else(|| path.to_owned()),
        (Value::Array(list), key) => {
            let at = key.parse::<usize>().ok().filter(|at| *at < list.len()).ok_or(path)?;
            list.remove(at);
            Ok(())
        }
        _ => Err(path.to_owned()),
    }
}

/// Merges a patch into an object as kustomize does: mappings by key, lists as `lists` says; `null` and `$patch: delete` take
/// away, `$patch: replace` puts in place of.
///
/// Source: kyaml `yaml/merge2`, `yaml/walk`.
pub(crate) fn merge(object: &mut Value, patch: &Value, lists: Lists) {
    match (object, patch) {
        (object, Value::Object(patch)) if directive(patch) == Some("replace") => {
            let rest = patch.iter().filter(|(key, _)| *key != "$patch");
            *object = Value::Object(rest.map(|(key, value)| (key.clone(), value.clone())).collect());
        }
        (Value::Object(map), Value::Object(patch)) => {
            for (key, value) in patch.iter().filter(|(key, _)| *key != "$patch") {
                match value {
                    Value::Null => {
                        map.remove(key);
                    }
                    _ if deletes(value) => {
                        map.remove(key);
                    }
                    _ => merge(map.entry(key.clone()).or_insert(empty_like(value)), value, lists),
                }
            }
        }
        (Value::Array(list), Value::Array(patch))
            if lists == Lists::ByName && patch.iter().all(|item| name(item).is_some()) =>
        {
            for item in patch {
                let known = list.iter().position(|known| name(known) == name(item));
                match known {
                    Some(at) if deletes(item) => {
                        list.remove(at);
                    }
                    Some(at) => merge(&mut list[at], item, lists),
                    None if deletes(item) => {}
                    None => list.push(item.clone()),
                }
            }
        }
        (object, patch) => *object = patch.clone(),
    }
}

fn empty_like(value: &Value) -> Value {
    match value {
        Value::Object(_) => Value::Object(Map::new()),
        Value::Array(_) => Value::Array(Vec::new()),
        _ => Value::Null,
    }
}

pub(crate) fn name(item: &Value) -> Option<&str> {
    item.get("name").and_then(Value::as_str)
}

pub(crate) fn deletes(value: &Value) -> bool {
    value.as_object().and_then(directive) == Some("delete")
}

fn directive(patch: &Map<String, Value>) -> Option<&str> {
    patch.get("$patch").and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The value of a document.
    fn of(text: &str) -> Option<Value> {
        let (documents, _) =
            crate::yaml::parse(text, crate::text::Span::new(0, text.len()), crate::yaml::Comments::Skip);
        bounded(documents[0].root().unwrap())
    }

    #[test]
    fn merge_keys_and_aliases_are_followed() {
        let text = "a: &a {x: 1, y: two}\nb: {<<: *a, y: 3}\nc: {y: 4, <<: [*a, {z: 5}]}\nd: {\"<<\": 6}\n";
        let expected = json!({
            "a": {"x": 1, "y": "two"},
            "b": {"x": 1, "y": 3},
            "c": {"x": 1, "y": 4, "z": 5},
            "d": {"<<": 6},
        });
        assert_eq!(of(text), Some(expected));
    }

    #[test]
    fn aliases_of_aliases_come_to_an_end() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let all = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{all}]\n"));
        }
        assert_eq!(of(&text), None);
        assert_eq!(of("a: &a {b: *a}\n"), None);
    }

    #[test]
    fn operations_want_what_they_name() {
        for (operation, expected) in [
            (json!({"op": "replace", "path": "/spec/replicas", "value": 2}), Ok(())),
            (json!({"op": "replace", "path": "/spec/paused", "value": true}), Err("/spec/paused")),
            (json!({"op": "remove", "path": "/spec/args/1"}), Ok(())),
            (json!({"op": "remove", "path": "/spec/args/2"}), Err("/spec/args/2")),
            (json!({"op": "add", "path": "/spec/args/-", "value": "--c"}), Ok(())),
            (json!({"op": "add", "path": "/spec/args/3", "value": "--c"}), Err("/spec/args/3")),
            (json!({"op": "add", "path": "/spec/a~1b", "value": 1}), Ok(())),
            (json!({"op": "add", "path": "/metadata/labels/x", "value": "y"}), Err("/metadata/labels/x")),
            (json!({"op": "test", "path": "/spec/replicas", "value": 1}), Ok(())),
            (
                json!({"op": "test", "path": "/spec/replicas", "value": 2}),
                Err("/spec/replicas: `test` fails"),
            ),
            (json!({"op": "move", "from": "/spec/x", "path": "/spec/y"}), Err("/spec/x")),
            (json!({"op": "copy", "from": "/spec/replicas", "path": "/spec/y"}), Ok(())),
            (json!({"op": "swap", "path": "/spec"}), Err("`swap` is no operation of JSON Patch")),
            (json!({"path": "/spec"}), Err("an operation without `op`")),
        ] {
            let mut object = json!({"spec": {"replicas": 1, "args": ["--a", "--b"]}});
            assert_eq!(apply(&mut object, &operation), expected.map_err(str::to_owned), "{operation}");
        }
    }

    #[test]
    fn merging_knows_named_items() {
        let mut object = json!({"containers": [{"name": "manager", "image": "x", "args": ["a"]}, {"name": "b"}], "gone": 1});
        let patch = json!({"containers": [{"name": "manager", "args": ["b", "c"]}, {"name": "b", "$patch": "delete"}], "gone": null, "new": {"a": [1]}});
        merge(&mut object, &patch, Lists::ByName);
        assert_eq!(
            object,
            json!({"containers": [{"name": "manager", "image": "x", "args": ["b", "c"]}], "new": {"a": [1]}})
        );
    }

    #[test]
    fn merging_without_a_schema_takes_lists_whole() {
        let mut object = json!({"list": [{"name": "a", "x": 1}, {"name": "b"}], "map": {"old": 1}});
        let patch = json!({"list": [{"name": "a", "y": 2}], "map": {"$patch": "replace", "new": 2}});
        merge(&mut object, &patch, Lists::Whole);
        assert_eq!(object, json!({"list": [{"name": "a", "y": 2}], "map": {"new": 2}}));
    }
}
