//! Ranges and locks, for people and as JSON.

use serde::Serialize;

use super::grid::{Grid, Paint, painted, plain};
use super::json::{DiagnosticJson, PlaceJson, diagnostic, place, print};
use super::table::Style;
use super::words::{clean, count, day, package, short};
use crate::locate::SourceKey;
use crate::plan::Reason;
use crate::ranges::lock::{Drift, Entry, Update};
use crate::ranges::{Flag, Follows, Survey};

/// The `schema` of a survey of ranges.
pub const RANGES_SCHEMA: &str = "flux-upgrade/ranges/v1";

/// The `schema` of a comparison with a lock.
pub const LOCK_SCHEMA: &str = "flux-upgrade/lock-check/v1";

#[derive(Serialize)]
struct RangesJson<'a> {
    schema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<&'a str>,
    ranges: Vec<RowJson<'a>>,
    diagnostics: Vec<DiagnosticJson<'a>>,
}

#[derive(Serialize)]
struct RowJson<'a> {
    #[serde(flatten)]
    place: PlaceJson<'a>,
    follows: Follows,
    written: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a SourceKey>,
    #[serde(flatten)]
    stands: StandsJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    every: Option<&'a str>,
    clusters: &'a [String],
    suspended: bool,
    flags: &'a [Flag],
}

#[derive(Serialize)]
#[serde(untagged)]
enum StandsJson<'a> {
    Resolved {
        resolved: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        digest: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        published: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        newest: Option<&'a str>,
    },
    Unresolved {
        reason: &'a Reason,
    },
}

/// A survey as JSON, with a line end after it; `root` is a name that tells it from others in the same output.
#[must_use]
pub fn ranges_json(survey: &Survey, root: Option<&str>) -> String {
    let rows = survey.iter().map(|(site, row)| RowJson {
        place: place(site),
        follows: row.follows,
        written: site.written(),
        source: site.source.as_ref().ok(),
        stands: match &row.stands {
            Ok(standing) => StandsJson::Resolved {
                resolved: &standing.resolved,
                digest: standing.digest.as_deref(),
                published: standing.published.map(|time| time.to_string()),
                newest: standing.newest.as_deref(),
            },
            Err(reason) => StandsJson::Unresolved { reason },
        },
        every: row.every.as_deref(),
        clusters: &site.clusters,
        suspended: site.suspended,
        flags: &row.flags,
    });
    print(&RangesJson {
        schema: RANGES_SCHEMA,
        root,
        ranges: rows.collect(),
        diagnostics: survey.diagnostics.iter().map(diagnostic).collect(),
    })
}

/// A survey as an aligned table: what each range and floating tag selects, since when, and what it would without an upper
/// bound; flags stand below their row.
#[must_use]
pub fn ranges_table(survey: &Survey, style: Style) -> String {
    let mut grid = Grid::default();
    if !survey.rows.is_empty() {
        grid.header(&["FILE", "OBJECT", "PACKAGE", "WRITTEN", "RESOLVES TO", "SINCE", "UNBOUNDED", "EVERY"]);
    }
    let mut flagged = 0;
    for (site, row) in survey.iter() {
        let written = site.written();
        let written = if written.is_empty() { "(none)".to_owned() } else { short(&written) };
        // An order says little without what is ordered.
        let written =
            match site.field.strip_prefix("spec.policy.").and_then(|rest| rest.strip_suffix(".order")) {
                Some(order) if row.follows == Follows::Policy => {
                    format!("{order} {written}").replace(" (none)", "")
                }
                _ => written,
            };
        let (resolved, since, newest) = match &row.stands {
            Ok(standing) => {
                let newest = standing.newest.as_ref().filter(|newest| **newest != standing.resolved);
                // A tag that names no version says nothing: its digest does.
                let resolved = match (&standing.digest, row.follows) {
                    (Some(digest), Follows::Tag | Follows::Branch) => {
                        format!("{}@{digest}", standing.resolved)
                    }
                    _ => standing.resolved.clone(),
                };
                let since = standing.published.map(|time| day(&time.to_string()).into_owned());
                (painted(short(&resolved), Paint::Green), since.unwrap_or_default(), newest.cloned())
            }
            Err(reason) => (painted(reason.kind(), Paint::Yellow), String::new(), None),
        };
        grid.row(vec![
            plain(clean(&format!("{}:{}", site.at.path, site.at.line))),
            plain(clean(&site.owner.to_string())),
            plain(clean(package(site))),
            plain(written),
            resolved,
            plain(since),
            plain(newest.map(|newest| short(&newest)).unwrap_or_default()),
            plain(clean(row.every.as_deref().unwrap_or_default())),
        ]);
        if let Err(reason) = &row.stands {
            grid.alone(painted(format!("    {}", clean(&reason.to_string())), Paint::Dim));
        }
        let told = row.flags.iter().filter(|flag| flag.code != "newer-outside");
        for flag in told {
            flagged += 1;
            grid.alone(painted(format!("    {}: {}", flag.code, clean(&flag.message)), Paint::Yellow));
        }
    }
    let mut text = grid.print(style.color);
    if !text.is_empty() {
        text.push('\n');
    }
    let of = |follows| survey.rows.iter().filter(|row| row.follows == follows).count();
    let unresolved = survey.rows.iter().filter(|row| row.stands.is_err()).count();
    let policies = match of(Follows::Policy) {
        0 => String::new(),
        1 => "1 image policy, ".to_owned(),
        number => format!("{number} image policies, "),
    };
    let summary = format!(
        "{}, {}, {}, {policies}{unresolved} unresolved, {}",
        count(of(Follows::Range), "range"),
        count(of(Follows::Tag), "floating tag"),
        branches(of(Follows::Branch)),
        count(flagged, "flag"),
    );
    text.push_str(&Paint::Bold.on(&summary, style.color));
    text.push('\n');
    text
}

fn branches(number: usize) -> String {
    if number == 1 { "1 branch".to_owned() } else { format!("{number} branches") }
}

#[derive(Serialize)]
struct LockJson<'a> {
    schema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<&'a str>,
    drift: bool,
    unchanged: usize,
    differences: Vec<DriftJson<'a>>,
}

#[derive(Serialize)]
struct DriftJson<'a> {
    kind: &'static str,
    file: &'a str,
    object: &'a str,
    field: &'a str,
    #[serde(skip_serializing_if = "is_one")]
    number: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<EntryJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<EntryJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a Reason>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_one(number: &usize) -> bool {
    *number == 1
}

#[derive(Serialize)]
struct EntryJson<'a> {
    source: &'a str,
    written: &'a str,
    resolved: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<&'a str>,
}

fn entry(entry: &Entry) -> EntryJson<'_> {
    EntryJson {
        source: &entry.source,
        written: &entry.written,
        resolved: &entry.resolved,
        digest: entry.digest.as_deref(),
        published: entry.published.as_deref(),
    }
}

/// Both sides of a difference, and why there is none.
fn sides(drift: &Drift) -> (Option<&Entry>, Option<&Entry>, Option<&Reason>) {
    match drift {
        Drift::Moved { from, to } | Drift::Rewritten { from, to } => (Some(from), Some(to), None),
        Drift::Added { to } => (None, Some(to), None),
        Drift::Gone { from } => (Some(from), None, None),
        Drift::Kept { from, reason } | Drift::Stale { from, reason, .. } => (Some(from), None, Some(reason)),
        Drift::Unlocked { reason, .. } => (None, None, Some(reason)),
    }
}

/// What differs from a lock as JSON, with a line end after it; `root` is a name that tells it from others.
#[must_use]
pub fn lock_json(update: &Update, root: Option<&str>) -> String {
    let differences = update.drift.iter().map(|drift| {
        let (from, to, reason) = sides(drift);
        let key = drift.key();
        DriftJson {
            kind: drift.kind(),
            file: &key.file,
            object: &key.object,
            field: &key.field,
            number: key.number,
            from: from.map(entry),
            to: to.map(entry),
            reason,
        }
    });
    print(&LockJson {
        schema: LOCK_SCHEMA,
        root,
        drift: update.has_drift(),
        unchanged: update.unchanged,
        differences: differences.collect(),
    })
}

/// What differs from a lock, a row for each site, with a summary line at its end.
///
/// `written` says whether the lock was brought up to date, rather than compared.
#[must_use]
pub fn lock_table(update: &Update, style: Style, written: bool) -> String {
    let mut grid = Grid::default();
    if !update.drift.is_empty() {
        grid.header(&["FILE", "OBJECT", "FIELD", "WHAT", "FROM", "  TO", "PUBLISHED"]);
    }
    for drift in &update.drift {
        let (from, to, reason) = sides(drift);
        let key = drift.key();
        let both = |entry: &Entry| match &entry.digest {
            // The digest says more where the name stays the same.
            Some(digest) if from.zip(to).is_some_and(|(from, to)| from.resolved == to.resolved) => {
                short(&format!("{}@{digest}", entry.resolved))
            }
            _ => short(&entry.resolved),
        };
        let published = to.and_then(|to| to.published.as_deref()).map(day);
        let number = if key.number > 1 { format!(" #{}", key.number) } else { String::new() };
        let paint = if drift.is_drift() { Paint::Yellow } else { Paint::Dim };
        grid.row(vec![
            plain(clean(&key.file)),
            plain(clean(&key.object)),
            plain(format!("{}{number}", clean(&key.field))),
            painted(drift.kind(), paint),
            plain(from.map(both).unwrap_or_default()),
            painted(to.map(|to| format!("→ {}", both(to))).unwrap_or_default(), Paint::Green),
            plain(published.unwrap_or_default()),
        ]);
        let rewritten = match drift {
            Drift::Rewritten { from, to } => Some((from, &to.written, &to.source)),
            Drift::Stale { from, written, source, .. } => Some((from, written, source)),
            _ => None,
        };
        if let Some((from, written, source)) = rewritten {
            let (was, is) = match from.source == *source {
                true => (&from.written, written),
                false => (&from.source, source),
            };
            grid.alone(painted(
                format!("    the file said `{}`, and says `{}`", clean(was), clean(is)),
                Paint::Dim,
            ));
        }
        if let Some(reason) = reason {
            grid.alone(painted(format!("    {}", clean(&reason.to_string())), Paint::Dim));
        }
    }
    let mut text = grid.print(style.color);
    if !text.is_empty() {
        text.push('\n');
    }
    let mut parts = Vec::new();
    for (kind, word) in [
        ("moved", "moved"),
        ("rewritten", "rewritten"),
        ("added", if written { "added" } else { "without an entry" }),
        ("gone", if written { "removed" } else { "whose site is gone" }),
        ("stale", "rewritten without an answer"),
        ("kept", "kept for want of an answer"),
        ("unlocked", "not locked for want of an answer"),
    ] {
        let number = update.drift.iter().filter(|drift| drift.kind() == kind).count();
        if number > 0 {
            parts.push(format!("{number} {word}"));
        }
    }
    parts.push(format!("{} unchanged", update.unchanged));
    text.push_str(&Paint::Bold.on(&parts.join(", "), style.color));
    text.push('\n');
    text
}
