//! The proof of a file whose documents move to other API versions, beside other edits.
//!
//! First the migration alone: it is carried out again, with the proof of its own, and each document has all of its edits or
//! none. Then the other edits, on the migrated text, as in any file.

use std::collections::BTreeMap;

use super::{Edit, FilePatch, apply, verify};
use crate::locate::Consumer;
use crate::migrate::{Goal, migrate_one};
use crate::plan::Plan;
use crate::text::{RepoPath, SourceFile, Span};
use crate::yaml::split;

/// The files with documents that move: where to, and the edits that do it.
pub(super) fn goals(plan: &Plan) -> BTreeMap<&RepoPath, (Goal, Vec<Edit>)> {
    let mut out: BTreeMap<&RepoPath, (Goal, Vec<Edit>)> = BTreeMap::new();
    for change in &plan.changes {
        let site = plan.site_of(change);
        if let Consumer::Api { goal } = site.consumer {
            let (_, edits) = out.entry(&site.at.path).or_insert((goal, Vec::new()));
            edits.extend(change.edits.iter().cloned());
        }
    }
    out
}

/// The file after all `edits`, of which `moves` are the migration.
pub(super) fn proven(
    path: &RepoPath,
    before: &str,
    edits: Vec<Edit>,
    goal: Goal,
    moves: &[Edit],
) -> Result<FilePatch, String> {
    let file = SourceFile { path: path.clone(), text: before.to_owned() };
    let migration = migrate_one(&file, &goal);
    let wanted = migration.set.files.first().map(|file| file.edits.as_slice()).unwrap_or_default();
    let inside = |part: Span, edit: &Edit| part.start <= edit.span.start && edit.span.end <= part.end;
    for part in split(before) {
        let whole = wanted.iter().filter(|edit| inside(part, edit));
        let (mut some, mut all) = (false, true);
        for edit in whole {
            let is_there = moves.contains(edit);
            some |= is_there;
            all &= is_there;
        }
        if some && !all {
            return Err("a document would move to another API version in part".to_owned());
        }
    }
    if let Some(edit) = moves.iter().find(|edit| !wanted.contains(edit)) {
        return Err(format!("the edit at byte {} is none of the migration", edit.span.start));
    }
    let text = apply::apply(before, moves).map_err(|error| error.to_string())?;
    let others: Vec<Edit> =
        edits.iter().filter(|edit| !moves.contains(edit)).map(|edit| shifted(edit, moves)).collect();
    let after = apply::apply(before, &edits).map_err(|error| error.to_string())?;
    let rest = FilePatch { path: path.clone(), edits: others, after };
    verify(&text, &rest).map_err(|error| error.to_string())?;
    Ok(FilePatch { edits, ..rest })
}

/// An edit where it stands once `moves` are made.
fn shifted(edit: &Edit, moves: &[Edit]) -> Edit {
    let (mut taken, mut given) = (0, 0);
    for before in moves.iter().filter(|other| other.span.end <= edit.span.start) {
        taken += before.span.len();
        given += before.replace.len();
    }
    let at = |byte: usize| byte + given - taken;
    Edit { span: Span::new(at(edit.span.start), at(edit.span.end)), ..edit.clone() }
}
