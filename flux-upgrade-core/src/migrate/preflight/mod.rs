//! What stands between a repository and a newer Flux: findings with their places and what to do.

mod behaviour;
mod pins;
mod running;
mod substitution;

pub use running::{Running, running};

use super::read::{Read, documents, matters, parts, without_tags};
use super::{Goal, Migration, Step, migrate, steps, supported_kubernetes};
use crate::diagnostic::{Diagnostic, Severity};
use crate::text::{Lines, SourceFile, Span};
use crate::version::{FluxMinor, Version};
use crate::yaml::Node;

/// What is asked: which move, and what is known of the clusters.
#[derive(Debug, Clone, Default)]
pub struct Preflight {
    /// The minor that runs; what the files say where it is none.
    pub from: Option<FluxMinor>,
    /// The minor that is wanted.
    pub to: Option<FluxMinor>,
    /// The Kubernetes version of the clusters, where it is known.
    pub kubernetes: Option<Version>,
}

/// Findings about a move of Flux, by path and position: Kubernetes, steps in between, APIs that go, changes of behaviour
/// that touch these files, pinned controllers, clusters on different minors.
///
/// Nothing is found where the files do not show that it matters; where the running minor is unknown, every change of
/// behaviour up to the wanted one counts. Linear in the size of the texts.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::migrate::{Preflight, preflight};
/// use flux_upgrade_core::{RepoPath, SourceFile};
/// let text = "apiVersion: notification.toolkit.fluxcd.io/v1\nkind: Receiver\nmetadata: {name: gcr}\nspec: {type: gcr}\n";
/// let files = [SourceFile { path: RepoPath::parse("gcr.yaml").unwrap(), text: text.to_owned() }];
/// let asked = Preflight { from: Some("2.8".parse()?), to: Some("2.9".parse()?), ..Preflight::default() };
/// assert_eq!(preflight(&files, &asked)[0].code, "behaviour.gcr-receiver");
/// # Ok::<(), flux_upgrade_core::version::DialectError>(())
/// ```
#[must_use]
pub fn preflight(files: &[SourceFile], asked: &Preflight) -> Vec<Diagnostic> {
    let to = asked.to.unwrap_or(super::KNOWN.1);
    let found = running(files);
    let mut out = Vec::new();
    let from = asked.from.or_else(|| found.iter().map(|place| place.minor).min());
    for place in &found {
        cluster(place, asked.from.unwrap_or(place.minor), to, asked.kubernetes.as_ref(), &mut out);
    }
    mixed(&found, &mut out);
    if let Some(goal) = Goal::release(to) {
        let migration = migrate(files, &goal);
        removed(&migration, &goal, &mut out);
        if let Some(place) = found.iter().min_by_key(|place| place.minor) {
            early(&migration, place, asked.from.unwrap_or(place.minor), to, &mut out);
        }
    }
    let changed: Vec<_> = super::behaviours()
        .iter()
        .filter(|change| change.flux <= to && from.is_none_or(|from| from < change.flux))
        .collect();
    behaviour::find(files, &changed, to, &mut out);
    if changed.iter().any(|change| change.code == substitution::CODE) {
        substitution::find(files, &mut out);
    }
    pins::find(files, to, &mut out);
    out.sort_by(|a, b| (&a.at, a.code, &a.message).cmp(&(&b.at, b.code, &b.message)));
    out.dedup();
    out
}

/// As [`preflight`], without what a migration for the same move tells by itself.
#[must_use]
pub fn beside_migration(files: &[SourceFile], asked: &Preflight) -> Vec<Diagnostic> {
    let mut out = preflight(files, asked);
    out.retain(|finding| {
        let told = finding.code.starts_with("migrate.") || finding.code.starts_with("yaml.");
        // With both ends known nothing is moved too early.
        let early = finding.code == "preflight.too-early" && asked.from.is_some();
        !told && !early && finding.code != "preflight.removed-api"
    });
    out
}

/// What holds for one place where Flux is installed.
fn cluster(
    place: &Running,
    from: FluxMinor,
    to: FluxMinor,
    kubernetes: Option<&Version>,
    out: &mut Vec<Diagnostic>,
) {
    if from >= to {
        return;
    }
    if let Some(support) = supported_kubernetes().iter().find(|support| support.flux == to) {
        let wanted = support.documented.join(", ");
        let (severity, message) = match kubernetes {
            Some(version) if support.admits(version) => (None, String::new()),
            Some(version) => (
                Some(Severity::Error),
                format!(
                    "Kubernetes {} is too old for Flux {to}, which wants {} or newer",
                    version.text(),
                    support.minimum
                ),
            ),
            None => {
                (Some(Severity::Note), format!("Flux {to} wants Kubernetes {} or newer", support.minimum))
            }
        };
        if let Some(severity) = severity {
            let help = format!("documented patches: {wanted}, and every later minor");
            out.push(
                Diagnostic::new("preflight.kubernetes", severity, place.at.clone(), message).with_help(help),
            );
        }
    }
    let Some(steps) = steps(from, to).filter(|steps| steps.len() > 1) else { return };
    let way: Vec<String> = steps.iter().map(|step| step.to.to_string()).collect();
    let message = format!("Flux {from} cannot become {to} in one step: {from} → {}", way.join(" → "));
    let help =
        format!("one step after the other: {}", steps.iter().map(words).collect::<Vec<_>>().join("; then "));
    out.push(
        Diagnostic::new("preflight.steps", Severity::Warning, place.at.clone(), message).with_help(help),
    );
}

/// A step in words.
fn words(step: &Step) -> String {
    let command = step.command().map_or(String::new(), |command| format!(", run `{command}` in the cluster"));
    format!("manifests for {0}{command}, components of {0}", step.to)
}

/// Clusters that are on different minors.
fn mixed(found: &[Running], out: &mut Vec<Diagnostic>) {
    let Some(newest) = found.iter().max_by_key(|place| place.minor) else { return };
    for place in found.iter().filter(|place| place.minor < newest.minor) {
        let message = format!("Flux {} here, and {} elsewhere in the repository", place.minor, newest.minor);
        let help = "shared manifests must be served by both; bring this one up first";
        let mut finding =
            Diagnostic::new("preflight.mixed-minors", Severity::Warning, place.at.clone(), message)
                .with_help(help);
        finding.related.push(newest.at.clone());
        out.push(finding);
    }
}

/// Objects whose version the wanted minor does not serve.
fn removed(migration: &Migration, goal: &Goal, out: &mut Vec<Diagnostic>) {
    for change in &migration.changes {
        let served = serves(goal.to(), &change.object, &change.from);
        if !served {
            let message = format!("Flux {} does not serve `{}`: {}", goal.to(), change.from, change.object);
            let help = format!("`flux-upgrade migrate --to {}` makes it `{}`", goal.to(), change.to);
            let at = change.at.clone();
            out.push(
                Diagnostic::new("preflight.removed-api", Severity::Warning, at, message).with_help(help),
            );
        }
    }
    out.extend(migration.left().cloned());
}

/// Whether a minor serves an object, given by its kind and name, in a version.
fn serves(minor: FluxMinor, object: &str, api_version: &str) -> bool {
    let kind = object.split(' ').next().unwrap_or(object);
    super::apis().iter().any(|api| {
        api_version.split_once('/') == Some((api.group, api.version))
            && api.kind == kind
            && api.is_served(minor)
    })
}

/// Objects that the running minor could not read if they were migrated for the wanted one at once.
fn early(migration: &Migration, place: &Running, from: FluxMinor, to: FluxMinor, out: &mut Vec<Diagnostic>) {
    let unknown: Vec<_> =
        migration.changes.iter().filter(|change| !serves(from, &change.object, &change.to)).collect();
    let (Some(first), Some(steps)) = (unknown.first(), steps(from, to)) else { return };
    let Some(step) = steps.first() else { return };
    let count = unknown.len();
    let objects = if count == 1 { "1 object".to_owned() } else { format!("{count} objects") };
    let message = format!(
        "Flux {from} runs here and cannot read {objects} once migrated for {to}, such as {}",
        first.object
    );
    let help = format!("migrate with `--from {from} --to {}`: versions that both serve", step.to);
    let mut finding =
        Diagnostic::new("preflight.too-early", Severity::Warning, place.at.clone(), message).with_help(help);
    finding.related.push(first.at.clone());
    out.push(finding);
}

/// Calls `take` for every mapping of every document of a file, those inside block scalars too.
fn mappings(file: &SourceFile, take: &mut dyn FnMut(Node<'_, '_>, &Lines<'_>)) {
    let name = file.path.name();
    let is_yaml = [".yaml", ".yml"].iter().any(|end| name.ends_with(end)) || name == "Kustomization";
    if !is_yaml || is_generated(file) || !matters(&file.text) {
        return;
    }
    let view = without_tags(&file.text);
    let lines = Lines::new(&file.text);
    for part in parts(&view) {
        for read in documents(&view, part).0 {
            inside(&read, &lines, take);
        }
    }
}

fn inside(read: &Read<'_>, lines: &Lines<'_>, take: &mut dyn FnMut(Node<'_, '_>, &Lines<'_>)) {
    for node in read.document.nodes().filter(|node| node.is_mapping()) {
        take(node, lines);
    }
    for inner in read.blocks.values().flatten() {
        inside(inner, lines, take);
    }
}

/// The components that `flux install` writes, which are no work of the user's.
fn is_generated(file: &SourceFile) -> bool {
    file.path.name() == "gotk-components.yaml" && file.text.contains("# Flux Version:")
}

fn at(file: &SourceFile, lines: &Lines<'_>, span: Span) -> crate::text::Location {
    lines.locate(&file.path, span)
}
