//! The edits of a patch set in the form that editors take: `docs/edits.schema.json` describes it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::json::print;
use crate::patch::PatchSet;
use crate::text::{Lines, RepoPath, SourceFile};

#[derive(Serialize)]
struct EditsJson<'a> {
    schema: &'static str,
    changes: BTreeMap<&'a RepoPath, Vec<TextEdit<'a>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TextEdit<'a> {
    range: Range,
    new_text: &'a str,
    old_text: &'a str,
}

#[derive(Serialize)]
struct Range {
    start: Position,
    end: Position,
}

#[derive(Serialize)]
struct Position {
    line: usize,
    character: usize,
}

/// The edits of `set` as JSON: the `changes` of an LSP `WorkspaceEdit`, with paths where LSP has URIs.
///
/// Lines and characters count from 0, characters in UTF-16 units; a byte order mark is not counted, since editors take
/// it away. `oldText` is what the plan saw there. Source: Language Server Protocol 3.17, `TextEdit`, `Position`.
#[must_use]
pub fn edits(files: &[SourceFile], set: &PatchSet) -> String {
    let texts: BTreeMap<_, _> = files.iter().map(|file| (&file.path, file.text.as_str())).collect();
    let changes = set.files.iter().map(|patch| {
        let lines = Lines::new(texts.get(&patch.path).copied().unwrap_or(""));
        let position = |byte| {
            let (line, character) = lines.utf16(byte);
            Position { line, character }
        };
        let edits = patch.edits.iter().map(|edit| TextEdit {
            range: Range { start: position(edit.span.start), end: position(edit.span.end) },
            new_text: &edit.replace,
            old_text: &edit.expect,
        });
        (&patch.path, edits.collect())
    });
    print(&EditsJson { schema: "flux-upgrade/edits/v1", changes: changes.collect() })
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn ranges_are_those_of_an_editor() {
        let json: serde_json::Value =
            serde_json::from_str(&edits(&sample::files(), &sample::patch_set())).unwrap();
        let edits = &json["changes"]["infra/sources.yaml"];
        assert_eq!(edits.as_array().map(Vec::len), Some(2));
        assert_eq!(
            edits[0],
            serde_json::json!({
                "range": {"start": {"line": 0, "character": 5}, "end": {"line": 0, "character": 12}},
                "newText": "\"1.2.1\"",
                "oldText": "\"1.2.0\"",
            })
        );
        assert_eq!(edits[1]["range"]["start"], serde_json::json!({"line": 1, "character": 8}));
    }
}
