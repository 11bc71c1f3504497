//! The forms of one plan: for people, for pull requests, for tools.
//!
//! Every form is text made from the same values, so the same files, answers and rules give the same bytes on every
//! surface. Nothing here decides anything, and nothing here writes to a terminal or a file.

mod edits;
mod excerpt;
mod explain;
mod findings;
mod grid;
mod json;
mod json_patch;
mod links;
mod markdown;
mod migration;
mod pull_request;
mod ranges;
mod sarif;
mod series;
mod summary;
mod table;
mod verify;
mod words;

pub use edits::edits;
pub use excerpt::excerpt;
pub use explain::explain;
pub use findings::findings;
pub use json::{MIGRATION_SCHEMA, PLAN_SCHEMA, SITES_SCHEMA, json, migration_json, sites_json};
pub use json_patch::{JSON_PATCH_SCHEMA, json_patch};
pub use markdown::markdown;
pub use migration::migration_table;
pub use pull_request::{CommitMessage, PullRequest, commit_message, pull_request};
pub use ranges::{LOCK_SCHEMA, RANGES_SCHEMA, lock_json, lock_table, ranges_json, ranges_table};
pub use sarif::sarif;
pub use summary::Summary;
pub use table::{Style, Tense, sites_table, table};
pub use verify::{VERIFY_SCHEMA, verify_json, verify_table};

#[cfg(test)]
mod sample;
#[cfg(test)]
mod schema;
