//! Several repositories in one run: a list of them, a part of the list, and a table of what was found in each.

use std::fs;
use std::path::PathBuf;

use flux_upgrade_core::report::Summary;

use crate::args::Common;
use crate::env::Env;
use crate::fault::Fault;

/// Puts the paths of `--repositories` behind those that are given, and leaves those of `--shard`.
pub(crate) fn expand(common: &mut Common, env: &Env) -> Result<(), Fault> {
    if let Some(file) = &common.repositories {
        let place = env.folder.join(file);
        let text = fs::read_to_string(&place)
            .map_err(|error| Fault::of(&error).under(format!("cannot read `{}`", file.display())))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        // As in any list of paths in a file, they start at the file.
        let beside = file.parent().map(PathBuf::from).unwrap_or_default();
        common.paths.extend(lines.map(|line| beside.join(line)));
    }
    let Some(shard) = &common.shard else { return Ok(()) };
    let bad =
        || Fault::bad_value("--shard", shard, "expected INDEX/COUNT with an index from 0, for example 0/4");
    let (index, count) = shard.split_once('/').ok_or_else(bad)?;
    let (index, count): (usize, usize) = index.parse().ok().zip(count.parse().ok()).ok_or_else(bad)?;
    if index >= count {
        return Err(bad());
    }
    let mut number = 0;
    common.paths.retain(|_| {
        number += 1;
        (number - 1) % count == index
    });
    Ok(())
}

/// What was found in each repository; `None` for one that could not be planned.
pub(crate) fn table(rows: &[(String, Option<Summary>)]) -> String {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max("REPOSITORY".len());
    let mut out = format!(
        "\n{:width$}  {:>7}  {:>6}  {:>4}  {:>10}\n",
        "REPOSITORY", "CHANGES", "MAJORS", "HELD", "UNANSWERED"
    );
    for (name, summary) in rows {
        let line = match summary {
            Some(found) => format!(
                "{name:width$}  {:>7}  {:>6}  {:>4}  {:>10}",
                found.changes, found.majors_held, found.held, found.sources_unanswered
            ),
            None => format!("{name:width$}  failed"),
        };
        out.push_str(&line);
        out.push('\n');
    }
    out
}
