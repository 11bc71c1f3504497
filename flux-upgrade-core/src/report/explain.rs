//! Why a site moves, stays, or could not be judged, in full.

use std::fmt::Write as _;

use super::grid::{Grid, Paint, painted, plain};
use super::table::Style;
use super::words::{clean, day, reason};
use crate::plan::{Explanation, OLDER, Plan, Verdict};
use crate::version::Flavour;

/// An explanation as text: the site, its source, what is done with it, and every candidate with the verdict on it.
#[must_use]
pub fn explain(plan: &Plan, explanation: &Explanation, style: Style) -> String {
    let Some(site) = plan.sites.get(explanation.site) else { return String::new() };
    let title = format!("{} {}", clean(&site.owner.to_string()), clean(&site.field));
    let mut text = format!("{}\n", Paint::Bold.on(&title, style.color));
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<8} {value}");
    };
    line("at", clean(&site.at.to_string()).into_owned());
    if site.spot.at != site.at {
        let by = site.variable.as_ref().map(|name| format!(" by the variable `{name}`")).unwrap_or_default();
        line("set at", clean(&format!("{}{by}", site.spot.at)).into_owned());
    }
    line("written", clean(&site.written()).into_owned());
    let held = plan.held.iter().find(|held| held.site == explanation.site).map(|held| &held.reason);
    // Where the source is what is wrong, the reason says so below.
    if site.source.as_ref().err().is_none_or(|why| Some(why) != held) {
        let source_at = site.source_at.as_ref().map(|at| format!(" ({at})")).unwrap_or_default();
        line("source", clean(&format!("{}{source_at}", explanation.source)).into_owned());
    }
    for policy in &explanation.policies {
        line("policy", clean(policy).into_owned());
    }
    if !site.clusters.is_empty() {
        line("clusters", clean(&site.clusters.join(", ")).into_owned());
    } else if plan.sites.iter().any(|site| !site.clusters.is_empty()) {
        line("clusters", "none: nothing applies this file".to_owned());
    }
    for patch in &site.overridden_by {
        line("but", clean(&format!("{patch} sets it again for what it patches")).into_owned());
    }
    if site.suspended {
        line("note", "the object is suspended".to_owned());
    }
    if let Some(change) = plan.changes.iter().find(|change| change.site == explanation.site) {
        let published = change.published.as_deref().map(|time| format!(", published {}", day(time)));
        let published = published.unwrap_or_default();
        line(
            "change",
            format!("{} → {} ({}{published})", clean(&change.from), clean(&change.to), change.level),
        );
        if let Some(beyond) = &change.beyond {
            line("newer", format!("{} ({})", clean(&beyond.newest), beyond.level));
        }
        for note in &change.notes {
            line("note", clean(note).into_owned());
        }
    }
    for automation in site.marker.iter().flat_map(|marker| &marker.automations) {
        line("note", clean(&format!("{automation} writes this field as well")).into_owned());
    }
    if let Some(held) = held {
        line("held", clean(&reason(site, held)).into_owned());
    }
    if let Some(other) = &explanation.other_kind {
        let kind = Flavour::of(&site.spot.value).and_then(|flavour| flavour.suffix());
        let kind =
            kind.map(|suffix| format!("only tags of `{suffix}` are of its kind; ")).unwrap_or_default();
        line("note", clean(&format!("{kind}tags of other kinds go up to {other}")).into_owned());
    }
    if !explanation.candidates.is_empty() {
        text.push_str("\nCandidates\n");
        text.push_str(&candidates(&explanation.candidates).print(style.color));
    }
    text
}

/// Candidates of one verdict in a row that are shown; the rest is counted.
const SHOWN: usize = 3;

/// The candidates, each in a row; of many with the same verdict the first, and how many more there are.
fn candidates(all: &[Verdict]) -> Grid {
    let mut grid = Grid::default();
    let has_current =
        all.iter().any(|verdict| verdict.why != OLDER && verdict.why.contains("what the file has"));
    for same in all.chunk_by(|one, next| one.why == next.why && !one.taken && !next.taken) {
        let shown = match same {
            [first, ..] if first.why == OLDER && has_current => 0,
            same if same.len() <= SHOWN + 1 => same.len(),
            _ => SHOWN,
        };
        for verdict in &same[..shown] {
            let (mark, paint) = if verdict.taken { ("→", Paint::Green) } else { ("", Paint::Plain) };
            let text = if verdict.text.is_empty() { "\"\"" } else { &*verdict.text };
            grid.row(vec![
                plain(format!("  {mark:1}")),
                painted(clean(text), paint),
                plain(verdict.published.as_deref().map(day).unwrap_or_default()),
                painted(clean(&verdict.why), Paint::Dim),
            ]);
        }
        let (Some(first), Some(last)) = (same.first(), same.last()) else { continue };
        let more = match same.len() - shown {
            0 => continue,
            older if first.why == OLDER => format!("({older} older not shown)"),
            more => format!("({more} more, down to {}: {})", clean(&last.text), clean(&first.why)),
        };
        grid.alone(painted(format!("     {more}"), Paint::Dim));
    }
    grid
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn an_explanation_reads_like_this() {
        let verdict = |text: &str, published: Option<&str>, taken, why: &str| Verdict {
            text: text.into(),
            published: published.map(Into::into),
            taken,
            why: why.into(),
        };
        let explanation = Explanation {
            site: 0,
            source: "https://charts.example.com podinfo".into(),
            policies: vec![],
            other_kind: None,
            candidates: vec![
                verdict(
                    "7.0.0",
                    Some("2024-06-01T00:00:00Z"),
                    false,
                    "a major update, and the rules allow minor",
                ),
                verdict("6.7.1", Some("2024-05-01T10:00:00Z"), true, "the highest that the rules allow"),
                verdict("6.5.0", None, false, "the current one"),
            ],
        };
        let expected = "\
HelmRelease apps/podinfo spec.chart.spec.version
  at       apps/podinfo.yaml:2:10
  written  6.5.0
  source   https://charts.example.com podinfo
  clusters none: nothing applies this file
  change   6.5.0 → 6.7.1 (minor, published 2024-05-01)
  newer    7.0.0 (major)

Candidates
     7.0.0  2024-06-01  a major update, and the rules allow minor
  →  6.7.1  2024-05-01  the highest that the rules allow
     6.5.0              the current one
";
        assert_eq!(explain(&sample::plan(), &explanation, Style::default()), expected);
        let held = Explanation {
            site: 2,
            source: "x".into(),
            policies: vec![],
            other_kind: None,
            candidates: vec![],
        };
        let text = explain(&sample::plan(), &held, Style::default());
        assert!(
            text.ends_with("held     18.2.0 is a major update, and the rules do not allow that\n"),
            "{text}"
        );
    }
}
