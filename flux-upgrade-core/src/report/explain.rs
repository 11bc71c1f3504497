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

    /// The explanation of the site that stands in a line of a case folder.
    fn of_case(case: &str, files: &[&str], line: usize) -> String {
        use crate::resolve::{Snapshot, offline};
        use crate::text::{RepoPath, SourceFile};
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(case);
        let read = |path: &str| std::fs::read_to_string(folder.join(path)).unwrap();
        let files: Vec<SourceFile> = files
            .iter()
            .map(|path| SourceFile {
                path: RepoPath::parse(path).unwrap(),
                text: read(&format!("in/{path}")),
            })
            .collect();
        let snapshot = Snapshot::parse(&read("registry.json")).unwrap();
        let rules = crate::rules::Rules::default();
        let inventory = crate::scan(&files);
        let sites = crate::locate(&inventory);
        let resolution = offline(&sites, &rules, Some(&snapshot));
        let plan = crate::plan(&inventory, sites, &resolution, &rules);
        let site = plan.sites.iter().position(|site| site.at.line == line).unwrap();
        let explanation = crate::plan::explain(&plan, site, &resolution, &rules).unwrap();
        explain(&plan, &explanation, Style::default())
    }

    #[test]
    fn a_field_with_a_marker_is_explained_by_its_policy() {
        let text = of_case("marker-of-a-filtered-policy", &["apps/pod.yaml", "images/podinfo.yaml"], 9);
        let expected = "\
Pod podinfo spec.containers[0].image
  at       apps/pod.yaml:9:14
  written  ghcr.io/stefanprodan/podinfo:main-aa-100
  source   oci://ghcr.io/stefanprodan/podinfo (images/podinfo.yaml:10:1)
  policy   apps/podinfo at images/podinfo.yaml:10: numerical asc of tags that match `^main-[a-f0-9]+-(?P<ts>[0-9]+)$`, by `$ts`
  change   ghcr.io/stefanprodan/podinfo:main-aa-100 → ghcr.io/stefanprodan/podinfo:main-bb-1000 (patch)

Candidates
  →  main-bb-1000  what the policy elects
     main-cc-999   older than what is taken
     main-aa-100   what the file has
     7.0.0         does not match `^main-[a-f0-9]+-(?P<ts>[0-9]+)$`
     dev-dd-9999   does not match `^main-[a-f0-9]+-(?P<ts>[0-9]+)$`
";
        assert_eq!(text, expected);
    }

    #[test]
    fn tags_of_another_kind_are_named_where_nothing_of_its_own_is_newer() {
        let text = of_case("flavour-alpine", &["apps/podinfo.yaml"], 21);
        let expected = "\
OCIRepository flux-system/two spec.ref.tag
  at       apps/podinfo.yaml:21:10
  written  1.27.3-alpine3.18
  source   oci://ghcr.io/stefanprodan/manifests/podinfo
  held     up to date: nothing newer of its kind is published
  note     only tags of `-alpineN.N` are of its kind; tags of other kinds go up to 1.29.0

Candidates
  →  1.27.3-alpine3.18  what the file has
";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn many_candidates_of_one_verdict_are_counted() {
        let verdict = |minor: usize, why: &str| Verdict {
            text: format!("1.{minor}.0"),
            published: None,
            taken: why.starts_with("the newest"),
            why: why.into(),
        };
        let mut all = vec![verdict(99, "the newest that the rules allow, minor")];
        all.extend((50..99).rev().map(|minor| verdict(minor, "older than what is taken")));
        all.push(verdict(49, "what the file has"));
        all.extend((0..49).rev().map(|minor| verdict(minor, OLDER)));
        let expected = "  →  1.99.0  the newest that the rules allow, minor
     1.98.0  older than what is taken
     1.97.0  older than what is taken
     1.96.0  older than what is taken
     (46 more, down to 1.50.0: older than what is taken)
     1.49.0  what the file has
     (49 older not shown)
";
        assert_eq!(candidates(&all).print(false), expected);
    }
}
