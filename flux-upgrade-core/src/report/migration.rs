//! A migration for people.

use super::grid::{Grid, Paint, painted, plain};
use super::table::{Style, Tense};
use super::words::{clean, count};
use crate::migrate::Migration;

/// What a migration changes, as an aligned table with a summary line at its end.
///
/// One row for each object, by path and position; what happens to its fields stands below it.
#[must_use]
pub fn migration_table(migration: &Migration, style: Style, tense: Tense) -> String {
    let mut grid = Grid::default();
    if !migration.changes.is_empty() {
        grid.header(&["FILE", "OBJECT", "FROM", "  TO"]);
    }
    for change in &migration.changes {
        let version = |api: &str| api.rsplit('/').next().unwrap_or(api).to_owned();
        let (from, to) = (version(&change.from), version(&change.to));
        let moves = if from == to { [from, String::new()] } else { [from, format!("→ {to}")] };
        let [from, to] = moves;
        grid.row(vec![
            plain(clean(&format!("{}:{}", change.at.path, change.at.line))),
            plain(clean(&change.object)),
            plain(clean(&from)),
            painted(clean(&to), Paint::Green),
        ]);
        for field in &change.fields {
            grid.alone(painted(format!("    {}", clean(field)), Paint::Dim));
        }
    }
    let mut text = grid.print(style.color);
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&Paint::Bold.on(&summary(migration, tense), style.color));
    text.push('\n');
    text
}

/// `12 objects change in 9 files, 2 cannot be converted`.
fn summary(migration: &Migration, tense: Tense) -> String {
    let left = migration.left().count();
    let objects = count(migration.changes.len(), "object");
    let done = match tense {
        _ if migration.changes.is_empty() => "no object changes".to_owned(),
        Tense::Planned => format!("{objects} to migrate in {}", count(migration.set.files.len(), "file")),
        Tense::Applied { files } => format!("{objects} migrated in {}", count(files, "file")),
    };
    match left {
        0 => done,
        _ => format!("{done}, {} to settle by hand", count(left, "place")),
    }
}
