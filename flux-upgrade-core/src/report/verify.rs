//! What `verify` found, for people and for tools.

use serde::Serialize;

use super::Style;
use super::grid::{Cell, Grid, Paint, painted, plain};
use super::words::{clean, count};
use crate::flux::{
    Cause, Declared, Difference, Fit, Installation, ManifestState, Options, Support, Way, minors_by_cluster,
};

/// The name of the JSON form of [`verify_json`].
pub const VERIFY_SCHEMA: &str = "flux-upgrade/verify/v1";

/// Differences of one file that are shown at most.
const SHOWN: usize = 12;

/// Installations of Flux as a table, and below it what is wrong with each.
///
/// Rows of `declared` have no manifests to compare; `MANIFEST` says how Flux comes there.
#[must_use]
pub fn verify_table(installations: &[Installation], declared: &[Declared], style: Style) -> String {
    let mut grid = Grid::default();
    let by_cluster = installations.iter().any(|one| !one.clusters.is_empty())
        || declared.iter().any(|one| !one.clusters.is_empty());
    let mut header = vec!["FILE", "FLUX", "SUPPORTED", "MANIFEST", "PATCHES"];
    if by_cluster {
        header.insert(1, "CLUSTERS");
    }
    grid.header(&header);
    let mut row = |clusters: &[String], mut cells: Vec<Cell>| {
        if by_cluster {
            cells.insert(1, plain(clean(&clusters.join(", ")).into_owned()));
        }
        grid.row(cells);
    };
    for one in installations {
        let version = one.recovered.version().unwrap_or("unknown");
        let [support, manifest, patches] = [support(&one.support), manifest(one), patches(one)];
        let file = plain(clean(one.file.as_str()));
        row(&one.clusters, vec![file, plain(clean(version)), support, manifest, patches]);
    }
    for one in declared {
        let file = plain(format!("{}:{}", clean(one.at.path.as_str()), one.at.line));
        let way = plain(one.way.to_string());
        let written = plain(clean(&one.written));
        let support = match one.minor {
            Some(_) => support(&one.support),
            None => plain("floats"),
        };
        row(&one.clusters, vec![file, written, support, way, plain("")]);
    }
    let is_empty = installations.is_empty() && declared.is_empty();
    let mut text = if is_empty { String::new() } else { grid.print(style.color) };
    let minors = minors_by_cluster(installations, declared);
    if !minors.is_empty() {
        let each = minors.iter().map(|(minor, clusters)| {
            let clusters: Vec<&str> = clusters.iter().map(String::as_str).collect();
            format!("{minor} in {}", clusters.join(", "))
        });
        let line = format!("clusters run different minors: {}", each.collect::<Vec<_>>().join("; "));
        text.push_str(&format!("\n{}\n", clean(&line)));
    }
    for one in installations {
        let details = details(one);
        if details.is_empty() {
            continue;
        }
        text.push('\n');
        text.push_str(&Paint::Bold.on(&clean(one.file.as_str()), style.color));
        text.push('\n');
        for line in details {
            text.push_str(&format!("  {}\n", clean(&line)));
        }
    }
    let wrong = installations.iter().filter(|one| one.is_wrong()).count()
        + declared.iter().filter(|one| one.is_wrong()).count();
    let unclear = installations.iter().filter(|one| !one.is_wrong() && one.is_unclear()).count();
    let mut line = count(installations.len() + declared.len(), "installation");
    if wrong > 0 {
        line.push_str(&format!(", {wrong} wrong"));
    }
    if unclear > 0 {
        line.push_str(&format!(", {unclear} unclear"));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    format!("{text}{}\n", Paint::Bold.on(&line, style.color))
}

fn support(support: &Support) -> Cell {
    match support {
        Support::Supported => painted("yes", Paint::Green),
        Support::Unsupported { oldest } => painted(format!("no, {oldest} and newer are"), Paint::Red),
        Support::Unknown => painted("unknown", Paint::Yellow),
    }
}

fn manifest(one: &Installation) -> Cell {
    match &one.manifest {
        ManifestState::Consistent => painted("as generated", Paint::Green),
        ManifestState::Edited { differences } => painted(count(differences.len(), "difference"), Paint::Red),
        ManifestState::Unproven { .. } => painted("unproven", Paint::Yellow),
    }
}

fn patches(one: &Installation) -> Cell {
    let all = one.patches.len();
    let broken = one.patches.iter().filter(|check| check.new.is_broken()).count();
    let unknown = one.patches.iter().filter(|check| check.new == Fit::Unknown).count();
    match (all, broken, unknown) {
        (0, ..) => plain("none"),
        (_, 0, 0) => painted(format!("{all} fit"), Paint::Green),
        (_, 0, _) => painted(format!("{} of {all} fit, {unknown} unknown", all - unknown), Paint::Yellow),
        _ => painted(format!("{broken} of {all} broken"), Paint::Red),
    }
}

/// What is wrong, line by line.
fn details(one: &Installation) -> Vec<String> {
    let mut out = Vec::new();
    match &one.manifest {
        ManifestState::Unproven { why } => out.push(why.clone()),
        ManifestState::Edited { differences } => {
            let flags = one.recovered.options.to_string();
            let blank = if flags.is_empty() { "" } else { " " };
            let version = one.recovered.version().unwrap_or_default();
            out.push(format!(
                "is not what this writes: flux install --export --version={version}{blank}{flags}"
            ));
            out.extend(lines_of(differences));
        }
        ManifestState::Consistent => {}
    }
    for check in one.patches.iter().filter(|check| check.new.is_broken()) {
        out.push(format!("{}:{}: {} {}", check.at.path, check.at.line, check.patch, check.new));
    }
    out
}

/// The first differences; what was only laid out anew is counted.
fn lines_of(differences: &[Difference]) -> Vec<String> {
    let (layout, rest): (Vec<_>, Vec<_>) =
        differences.iter().partition(|one| one.cause == Cause::Layout && one.object.is_some());
    // Nearly every edit is in the one container of a controller.
    let short = |one: &&Difference| one.to_string().replace("spec.template.spec.containers[manager].", "");
    let mut out: Vec<String> = rest.iter().take(SHOWN).map(short).collect();
    if rest.len() > SHOWN {
        out.push(format!("and {} more; --format json has all", rest.len() - SHOWN));
    }
    match layout.as_slice() {
        [] => {}
        [one] => out.push(one.to_string()),
        [first, ..] => out.push(format!("line {}: {} objects: {}", first.line, layout.len(), first.cause)),
    }
    out
}

#[derive(Serialize)]
struct Json<'a> {
    schema: &'static str,
    installations: Vec<InstallationJson<'a>>,
    declared: Vec<DeclaredJson<'a>>,
}

#[derive(Serialize)]
struct DeclaredJson<'a> {
    path: &'a str,
    line: usize,
    column: usize,
    way: Way,
    written: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    minor: Option<String>,
    clusters: &'a [String],
    support: &'a Support,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InstallationJson<'a> {
    file: &'a str,
    clusters: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<&'a str>,
    options: &'a Options,
    support: &'a Support,
    manifest: &'a ManifestState,
    patches: Vec<PatchJson<'a>>,
}

#[derive(Serialize)]
struct PatchJson<'a> {
    path: &'a str,
    line: usize,
    column: usize,
    patch: &'a str,
    fit: &'a Fit,
}

/// Installations of Flux as JSON: `{"schema": "flux-upgrade/verify/v1", "installations": […], "declared": […]}`, with a line end.
#[must_use]
pub fn verify_json(installations: &[Installation], declared: &[Declared]) -> String {
    let installations = installations.iter().map(|one| InstallationJson {
        file: one.file.as_str(),
        clusters: &one.clusters,
        version: one.recovered.version(),
        header: one.recovered.header.as_deref(),
        options: &one.recovered.options,
        support: &one.support,
        manifest: &one.manifest,
        patches: one
            .patches
            .iter()
            .map(|check| PatchJson {
                path: check.at.path.as_str(),
                line: check.at.line,
                column: check.at.column,
                patch: &check.patch,
                fit: &check.new,
            })
            .collect(),
    });
    let declared = declared.iter().map(|one| DeclaredJson {
        path: one.at.path.as_str(),
        line: one.at.line,
        column: one.at.column,
        way: one.way,
        written: &one.written,
        minor: one.minor.map(|minor| minor.to_string()),
        clusters: &one.clusters,
        support: &one.support,
    });
    let declared = declared.collect();
    let json = Json { schema: VERIFY_SCHEMA, installations: installations.collect(), declared };
    super::json::print(&json)
}
