//! The way of each Flux to the newest release, step by step.

use std::collections::BTreeSet;

use super::grid::Paint;
use super::markdown::{code, plain};
use super::table::Style;
use super::words::{clean, count};
use crate::diagnostic::{Diagnostic, Severity};
use crate::migrate::Migrated;
use crate::plan::{Plan, Series, SeriesStep};
use crate::text::Location;

/// Objects and findings that a step names at most.
const NAMED: usize = 8;

/// Series that go the same way.
struct Way<'p> {
    /// Clusters, or files where those are not known.
    names: BTreeSet<&'p str>,
    all: Vec<&'p Series>,
}

impl<'p> Way<'p> {
    /// The ways of a plan that are longer than a step, or need a hand in the cluster.
    fn all(plan: &'p Plan) -> Vec<Self> {
        let mut out: Vec<Self> = Vec::new();
        let is_told = |series: &&Series| {
            series.steps.len() > 1 || series.steps.iter().any(|step| !step.in_cluster.is_empty())
        };
        for series in plan.series.iter().filter(is_told) {
            let site = &plan.sites[series.site];
            let place = site.at.path.as_str();
            let names = site.clusters.iter().map(String::as_str);
            let names = names.chain(site.clusters.is_empty().then_some(place));
            let same = |way: &&mut Way<'_>| key(way.all[0]).eq(key(series));
            match out.iter_mut().find(same) {
                Some(way) => {
                    way.names.extend(names);
                    way.all.push(series);
                }
                None => out.push(Self { names: names.collect(), all: vec![series] }),
            }
        }
        out
    }

    fn steps(&self) -> usize {
        self.all[0].steps.len()
    }

    fn step(&self, number: usize) -> &'p SeriesStep {
        &self.all[0].steps[number]
    }

    fn title(&self) -> String {
        let names: Vec<&str> = self.names.iter().copied().collect();
        let way = self.all[0].steps.iter().map(|step| step.to.as_str());
        let way: Vec<&str> = std::iter::once(self.step(0).from.as_str()).chain(way).collect();
        format!("{}: {}", names.join(", "), way.join(" → "))
    }

    /// Whether the plan has the changes of a step.
    fn is_in_plan(&self, number: usize) -> bool {
        !self.step(number).changes.is_empty()
    }

    /// What is done in a step, and when.
    fn head(&self, number: usize) -> String {
        let step = self.step(number);
        let is_held = number == 0 && !self.is_in_plan(number);
        let moved = self.migrations(number).len();
        let objects = match (moved, number) {
            (0, _) => String::new(),
            (_, 0) if !is_held => format!(", {} migrated", count(moved, "object")),
            _ => format!(", {} to migrate", count(moved, "object")),
        };
        let when = match number {
            _ if is_held => "held".to_owned(),
            0 => "in this plan".to_owned(),
            _ => format!("by a plan of its own once {} runs", step.from),
        };
        format!("{}. {} → {}: {when}{objects}", number + 1, step.from, step.to)
    }

    fn commands(&self, number: usize) -> Vec<&'p str> {
        self.step(number).in_cluster.iter().map(String::as_str).collect()
    }

    fn migrations(&self, number: usize) -> Vec<&'p Migrated> {
        let mut out: Vec<&Migrated> =
            self.all.iter().flat_map(|series| &series.steps[number].migrations).collect();
        out.sort_by(|a, b| a.at.cmp(&b.at));
        out.dedup();
        out
    }

    /// What was found before a step: first what stands in its way, then what is to be known.
    fn preflight(&self, number: usize) -> (Vec<&'p Diagnostic>, Vec<&'p Diagnostic>) {
        let mut out: Vec<&Diagnostic> =
            self.all.iter().flat_map(|series| &series.steps[number].preflight).collect();
        out.sort_by(|a, b| (&a.at, a.code, &a.message).cmp(&(&b.at, b.code, &b.message)));
        out.dedup();
        // What holds in every cluster is told once.
        let mut seen = BTreeSet::new();
        out.retain(|finding| finding.code != "preflight.kubernetes" || seen.insert(&finding.message));
        out.into_iter().partition(|finding| finding.severity == Severity::Error)
    }
}

fn key(series: &Series) -> impl Iterator<Item = (&str, &str, &[String], bool)> {
    let key = |step: &'_ SeriesStep| step.changes.is_empty();
    series
        .steps
        .iter()
        .map(move |step| (step.from.as_str(), step.to.as_str(), step.in_cluster.as_slice(), key(step)))
}

/// As lines under a table; empty where no Flux has a way before it.
pub(super) fn lines(plan: &Plan, style: Style) -> String {
    let mut text = String::new();
    for way in Way::all(plan) {
        if text.is_empty() {
            text.push_str(&Paint::Bold.on("Flux, step by step", style.color));
            text.push('\n');
        }
        text.push_str(&format!("{}\n", clean(&way.title())));
        for number in 0..way.steps() {
            text.push_str(&format!("  {}\n", clean(&way.head(number))));
            for command in way.commands(number) {
                text.push_str(&format!("     before it is merged: `{}` in the cluster\n", clean(command)));
            }
            // What is in this plan stands above.
            let objects = if way.is_in_plan(number) { Vec::new() } else { way.migrations(number) };
            let objects = objects
                .into_iter()
                .map(|one| format!("{}  {}: {} → {}", place(&one.at), one.object, one.from, one.to));
            let told = |findings: Vec<&Diagnostic>| -> Vec<String> {
                let line = |one: &Diagnostic| match one.code {
                    "preflight.kubernetes" => one.message.clone(),
                    _ => format!("{}  {}: {}", place(&one.at), one.severity, one.message),
                };
                findings.into_iter().map(line).collect()
            };
            let (errors, others) = way.preflight(number);
            for lines in [told(errors), objects.collect(), told(others)] {
                for line in lines.iter().take(NAMED) {
                    text.push_str(&Paint::Dim.on(&format!("     {}", clean(line)), style.color));
                    text.push('\n');
                }
                if lines.len() > NAMED {
                    text.push_str(&format!(
                        "     and {} more; --format json has them all\n",
                        lines.len() - NAMED
                    ));
                }
            }
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// As a section of Markdown; empty where no Flux has a way before it.
pub(super) fn markdown(plan: &Plan) -> String {
    let mut text = String::new();
    for way in Way::all(plan) {
        if text.is_empty() {
            text.push_str("\n### Flux, step by step\n");
        }
        text.push_str(&format!("\n{}\n\n", plain(&way.title())));
        for number in 0..way.steps() {
            let head = way.head(number);
            // The list has numbers of its own.
            let head = head.split_once(". ").map_or(head.as_str(), |(_, head)| head);
            text.push_str(&format!("{}. {}\n", number + 1, plain(head)));
            for command in way.commands(number) {
                text.push_str(&format!("   - before it is merged: {} in the cluster\n", code(command)));
            }
            let objects = if way.is_in_plan(number) { Vec::new() } else { way.migrations(number) };
            let (errors, others) = way.preflight(number);
            let finding =
                |one: &Diagnostic| format!("   - {}: {}\n", code(&place(&one.at)), plain(&one.message));
            text.extend(errors.iter().take(NAMED).map(|one| finding(one)));
            for one in objects.iter().take(NAMED) {
                text.push_str(&format!(
                    "   - {} {}: {} → {}\n",
                    code(&place(&one.at)),
                    code(&one.object),
                    code(&one.from),
                    code(&one.to)
                ));
            }
            text.extend(others.iter().take(NAMED).map(|one| finding(one)));
            let more: usize =
                [errors.len(), objects.len(), others.len()].iter().map(|all| all.saturating_sub(NAMED)).sum();
            if more > 0 {
                text.push_str(&format!("   - and {more} more\n"));
            }
        }
    }
    text
}

fn place(at: &Location) -> String {
    format!("{}:{}", at.path, at.line)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_steps_read_like_this() {
        let mut plan = sample::plan();
        let expected = "Flux, step by step\n\
            apps/podinfo.yaml: v2.4.0 → v2.7.5 → v2.9.4\n  \
            1. v2.4.0 → v2.7.5: in this plan\n     \
            before it is merged: `flux migrate` in the cluster\n  \
            2. v2.7.5 → v2.9.4: by a plan of its own once v2.7.5 runs, 1 object to migrate\n     \
            before it is merged: `flux migrate` in the cluster\n     \
            infra/broken.yaml:3  error: a tab where `key:` | was expected\n     \
            infra/sources.yaml:1  OCIRepository web: source.toolkit.fluxcd.io/v1beta2 → source.toolkit.fluxcd.io/v1\n\n";
        assert_eq!(lines(&plan, Style::default()), expected);
        let text = markdown(&plan);
        assert!(text.contains("1. v2.4.0 → v2.7.5: in this plan\n   - before it is merged: `flux migrate` in the cluster\n2. "), "{text}");
        // Two clusters on one way are told once, and a step that is held says so.
        let mut other = plan.series[0].clone();
        other.site = 1;
        plan.series.push(other);
        assert!(lines(&plan, Style::default()).contains("apps/podinfo.yaml, staging: v2.4.0 →"));
        plan.series[1].steps[0].changes.clear();
        assert!(
            lines(&plan, Style::default())
                .contains("staging: v2.4.0 → v2.7.5 → v2.9.4\n  1. v2.4.0 → v2.7.5: held\n")
        );
    }
}
