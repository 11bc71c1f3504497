//! One file: what its objects need, the edits, and the proof.

use super::apis::{Goal, age, is_group, of_kind};
use super::draft::{Draft, Piece};
use super::edit;
use super::find::{Named, TEMPLATE_FIELDS_GONE, entry, named, needs};
use super::meaning::Tasks;
use super::op::{Op, Task};
use super::problem::Problem;
use super::proof::{self, PartPlan};
use super::read::{Read, documents, has, matters, parts, without_tags};
use super::schema;
use super::{Migrated, Migration};
use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::patch::{Edit, FilePatch, Refused, apply};
use crate::text::{Lines, SourceFile, Span};
use crate::version::FluxMinor;
use crate::yaml::Node;

pub(super) fn migrate(file: &SourceFile, goal: &Goal, out: &mut Migration) {
    let name = file.path.name();
    let is_yaml = [".yaml", ".yml"].iter().any(|end| name.ends_with(end)) || name == "Kustomization";
    // The generated components are CRDs and controllers; another release renders them anew.
    let is_generated = name == "gotk-components.yaml" && has(&file.text, "# Flux Version:");
    if !is_yaml || is_generated || !matters(&file.text) {
        return;
    }
    let view = without_tags(&file.text);
    let lines = Lines::new(&file.text);
    let (mut done, mut proven) = attempt(file, &view, goal, &BTreeSet::new());
    if proven.is_err() {
        // One object that defies the proof keeps none of its neighbours from moving.
        let rebuilt = std::mem::take(&mut done.rebuilt);
        let alone = rebuilt.iter().take(SUSPECTS).map(|one| BTreeSet::from([*one]));
        for held in alone.chain([rebuilt.clone()]) {
            (done, proven) = attempt(file, &view, goal, &held);
            if proven.is_ok() {
                break;
            }
        }
    }
    match proven {
        Ok(None) => {}
        Ok(Some(patch)) => {
            out.set.files.push(patch);
            out.changes.extend(done.changes.into_iter().map(|change| Migrated {
                at: lines.locate(&file.path, change.at),
                object: change.object,
                from: change.from,
                to: change.to,
                fields: change.fields,
            }));
        }
        Err(why) => {
            done.problems = vec![Problem::unproven(Span::default(), &why)];
            out.set.refused.push(Refused { path: file.path.clone(), why });
        }
    }
    out.findings.extend(done.problems.into_iter().map(|problem| {
        let at = lines.locate(&file.path, problem.at);
        Diagnostic::new(problem.code, problem.severity, at, problem.message).with_help(problem.help)
    }));
}

/// Whether a text may hold an object that the goal's minor does not serve, told by its bytes.
pub(crate) fn needs_migration(text: &str, goal: &Goal) -> bool {
    if !matters(text) {
        return false;
    }
    let gone = super::apis().iter().filter(|api| !api.is_served(goal.to()));
    let mut gone = gone.filter(|api| api.last.is_some_and(|last| last < goal.to()));
    gone.any(|api| has(text, api.group) && has(text, api.version))
        || (goal.from().is_some_and(|from| from < TEMPLATE_FIELDS_GONE)
            && goal.to() >= TEMPLATE_FIELDS_GONE
            && [".Updated", ".Changed.ImageResult"].iter().any(|field| has(text, field)))
}

/// Objects that are tried one by one when a file cannot be proven.
const SUSPECTS: usize = 16;

/// What became of one try.
struct Done {
    problems: Vec<Problem>,
    changes: Vec<Change>,
    /// Objects whose fields are rebuilt, by the place of their versions.
    rebuilt: BTreeSet<usize>,
}

/// Migrates a file but for the objects in `held`; the patch, none where nothing changes, or why it is not proven.
fn attempt(
    file: &SourceFile,
    view: &str,
    goal: &Goal,
    held: &BTreeSet<usize>,
) -> (Done, Result<Option<FilePatch>, String>) {
    let mut work = Work {
        text: &file.text,
        view,
        goal,
        held,
        draft: Draft::new(&file.text),
        problems: Vec::new(),
        changes: Vec::new(),
        rebuilt: BTreeSet::new(),
        dropped: Vec::new(),
        heading: None,
    };
    let plans = work.parts();
    let Work { draft, problems, changes, rebuilt, mut dropped, .. } = work;
    let done = Done { problems, changes, rebuilt };
    if draft.is_empty() {
        return (done, Ok(None));
    }
    dropped.sort();
    let pieces = draft.finish();
    let edit = |piece: &Piece| Edit {
        path: file.path.clone(),
        span: piece.span,
        expect: piece.span.of(&file.text).to_owned(),
        replace: piece.text.clone(),
    };
    let edits: Vec<Edit> = pieces.iter().map(edit).collect();
    let after = apply::apply(&file.text, &edits).map_err(|error| error.to_string());
    let proven = after.and_then(|after| {
        proof::check(view, &after, &plans, &pieces, &dropped).map_err(str::to_owned)?;
        Ok(Some(FilePatch { path: file.path.clone(), edits, after }))
    });
    (done, proven)
}

/// An object that changes.
struct Change {
    at: Span,
    object: String,
    from: String,
    to: String,
    fields: Vec<String>,
}

struct Work<'t, 'g> {
    text: &'t str,
    view: &'t str,
    goal: &'g Goal,
    held: &'g BTreeSet<usize>,
    draft: Draft<'t>,
    problems: Vec<Problem>,
    changes: Vec<Change>,
    rebuilt: BTreeSet<usize>,
    /// Comments that go with their fields.
    dropped: Vec<Span>,
    /// The part before the one at hand, where it holds comments only.
    heading: Option<Span>,
}

/// What holds for everything inside a document of the file.
#[derive(Clone, Copy)]
struct Around {
    encrypted: bool,
    /// Whether the document stands in the file itself, and not in a block scalar.
    outermost: bool,
    /// A key of the document that stands twice, which Flux refuses.
    doubled: Option<Span>,
}

impl Around {
    /// Why nothing in the document may change.
    fn obstacle(self, at: Span, api: &str, text: &str) -> Option<Problem> {
        match self.doubled {
            _ if self.encrypted => Some(Problem::encrypted(at, api)),
            Some(again) => Some(Problem::doubled(again, again.of(text))),
            None => None,
        }
    }
}

impl<'t> Work<'t, '_> {
    fn parts(&mut self) -> Vec<PartPlan<'t>> {
        let mut plans = Vec::new();
        for part in parts(self.view) {
            if !matters(part.of(self.view)) {
                let comments = part.of(self.view).lines().all(|line| {
                    let line = line.trim();
                    line.is_empty() || line.starts_with('#') || line == "---"
                });
                self.heading = comments.then_some(part);
                continue;
            }
            let (reads, broken) = documents(self.view, part);
            if let Some(broken) = broken {
                self.broken(broken.part, &broken.message);
                continue;
            }
            let tasks = reads.iter().map(|read| self.document(read, None)).collect();
            plans.push(PartPlan { part, reads, tasks });
            self.heading = None;
        }
        plans
    }

    /// Tells what a part that cannot be read still says of APIs that go.
    fn broken(&mut self, part: Span, why: &str) {
        let text = part.of(self.view);
        for line in text.split_inclusive('\n') {
            let from = line.as_ptr() as usize - text.as_ptr() as usize;
            if line.trim_start().starts_with('#') {
                continue;
            }
            for (at, api) in gone(line, self.goal.to()) {
                let at = part.start + from + at;
                let span = Span::new(at, at + api.len());
                self.problems.push(Problem::unreadable(span, &api, self.goal.to(), why));
            }
        }
    }

    fn document(&mut self, read: &Read<'_>, around: Option<Around>) -> Tasks {
        let mut tasks = Tasks::default();
        let Some(root) = read.document.root() else { return tasks };
        if root.text_at(&["kind"]) == Some("CustomResourceDefinition") {
            return tasks;
        }
        let around = match around {
            Some(around) => Around { outermost: false, ..around },
            None => Around { encrypted: is_guarded(root), outermost: true, doubled: None },
        };
        let again = read.document.duplicate_keys().first().map(|(_, again)| *again);
        let around = Around { doubled: again.or(around.doubled), ..around };
        for (number, inside) in &read.blocks {
            let inner = inside.iter().map(|read| self.document(read, Some(around))).collect();
            tasks.blocks.insert(*number, inner);
        }
        let nodes: Vec<Node<'_, '_>> = read.document.nodes().collect();
        // Versions of objects, which speak for themselves.
        let mut spoken = BTreeSet::new();
        // Innermost objects first: an outer one may take their text along.
        for node in nodes.iter().rev().copied().filter(|node| node.is_mapping()) {
            if let Some(named) = named(node) {
                spoken.extend(entry(node, "apiVersion").map(|(_, value)| value.number()));
                self.object(node, named, around, &mut tasks);
            } else {
                self.reference(node, around, &mut tasks);
            }
        }
        for node in nodes.into_iter().filter(|node| node.quote().is_some()) {
            if !spoken.contains(&node.number()) && !read.blocks.contains_key(&node.number()) {
                self.mention(node);
            }
        }
        tasks
    }

    /// Drafts what an object needs, all or nothing.
    fn object(&mut self, node: Node<'_, '_>, named: Named<'_>, around: Around, tasks: &mut Tasks) {
        let mut needs = needs(node, named, self.goal);
        self.problems.append(&mut needs.problems);
        if needs.tasks.is_empty() && needs.obstacles.is_empty() {
            return;
        }
        let api = format!("{}/{}", named.group, named.version);
        let at = entry(node, "apiVersion").map_or(node.span(), |(_, value)| value.span());
        if let Some(obstacle) = around.obstacle(at, &api, self.text) {
            self.problems.push(obstacle);
            return;
        }
        if !needs.obstacles.is_empty() {
            self.problems.append(&mut needs.obstacles);
            return;
        }
        if needs.tasks.iter().any(|task| task.op.rebuilds()) {
            if self.held.contains(&at.start) {
                self.problems.push(Problem::lossy(at, &label(node, named.kind, self.text)));
                return;
            }
            self.rebuilt.insert(at.start);
        }
        let mut told = Vec::new();
        for task in &needs.tasks {
            let Some(place) = node.document().node(task.node) else { continue };
            match edit::draft(place, &task.op, &mut self.draft) {
                Ok(notes) => told.extend(notes),
                Err(problem) => {
                    self.draft.abandon();
                    self.problems.push(problem);
                    return;
                }
            }
        }
        let to = needs.tasks.iter().find_map(|task| match &task.op {
            Op::Version { to, .. } => Some(to.clone()),
            _ => None,
        });
        let is_root = node.document().root() == Some(node);
        if let Some((_, version)) =
            to.as_ref().and_then(|to| to.split_once('/')).filter(|_| is_root && around.outermost)
        {
            self.schema(node, named, version);
        }
        self.draft.commit();
        self.dropped.extend(told.iter().map(|note| note.at));
        self.problems.append(&mut told);
        let fields = needs.tasks.iter().filter(|task| !matches!(task.op, Op::Version { .. }));
        self.changes.push(Change {
            at,
            object: label(node, named.kind, self.text),
            to: to.unwrap_or_else(|| api.clone()),
            from: api,
            fields: fields.map(|task| task.op.words(&task.field)).collect(),
        });
        needs.tasks.into_iter().for_each(|task| tasks.add(task));
    }

    /// The schema comment of a document follows its version.
    fn schema(&mut self, root: Node<'_, '_>, named: Named<'_>, to: &str) {
        let own = Span::new(root.document().span().start, root.span().start);
        for region in [Some(own), self.heading].into_iter().flatten() {
            if let Some(spot) = schema::version(self.text, region, named.group, named.kind, to) {
                self.draft.replace(spot, to);
                return;
            }
        }
    }

    /// A selector by group, version and kind, as kustomize's patches have it.
    fn reference(&mut self, node: Node<'_, '_>, around: Around, tasks: &mut Tasks) {
        let (Some(group), Some(version), Some(kind)) =
            (node.text_at(&["group"]), node.text_at(&["version"]), node.text_at(&["kind"]))
        else {
            return;
        };
        let (Some(have), Some(wanted)) = (age(version), self.goal.version(group, kind)) else { return };
        if self.goal.leaves(group, kind, version)
            || age(wanted).is_none_or(|wanted| have >= wanted)
            || of_kind(group, kind).all(|api| api.version != version)
        {
            return;
        }
        let api = format!("{group}/{version}");
        let at = node.get("version").map_or(node.span(), Node::span);
        if let Some(obstacle) = around.obstacle(at, &api, self.text) {
            self.problems.push(obstacle);
            return;
        }
        let op = Op::Version { key: "version", to: wanted.to_owned() };
        match edit::draft(node, &op, &mut self.draft) {
            Ok(_) => self.draft.commit(),
            Err(problem) => {
                self.draft.abandon();
                self.problems.push(problem);
                return;
            }
        }
        let object = format!("{kind} (selector)");
        self.changes.push(Change {
            at,
            object,
            from: api,
            to: format!("{group}/{wanted}"),
            fields: Vec::new(),
        });
        tasks.add(Task { node: node.number(), op, field: "version".to_owned() });
    }

    /// A text that names an API that goes, where no object can be told.
    fn mention(&mut self, node: Node<'_, '_>) {
        let Some(text) = node.text().filter(|text| matters(text)) else { return };
        for (_, api) in gone(text, self.goal.to()) {
            let raw = node.span();
            let within = raw.of(self.text).find(&api);
            let start = raw.start + within.unwrap_or(0);
            let end = within.map_or(raw.end, |_| start + api.len());
            self.problems.push(Problem::mention(Span::new(start, end), &api, self.goal.to()));
        }
    }
}

/// API versions that a text names and that a minor does not serve for any kind: where, and which.
fn gone(text: &str, to: FluxMinor) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    for (slash, _) in text.match_indices(".fluxcd.io/").map(|(at, found)| (at + found.len() - 1, found)) {
        let is_group_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let start = text[..slash].rfind(|c| !is_group_char(c)).map_or(0, |at| at + 1);
        let start = (start..=slash).find(|at| text.is_char_boundary(*at)).unwrap_or(slash);
        let rest = &text[slash + 1..];
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (group, version) = (&text[start..slash], &rest[..length]);
        let continues = rest[length..].starts_with(['/', '-', '_', '.']) && !rest[length..].starts_with(". ");
        if continues || age(version).is_none() || !is_group(group) {
            continue;
        }
        let served =
            super::apis().iter().any(|api| api.group == group && api.version == version && api.is_served(to));
        if !served {
            out.push((start, format!("{group}/{version}")));
        }
    }
    out
}

/// Whether SOPS guards the plaintext of a document too.
///
/// Source: SOPS, "MAC only encrypted".
fn is_guarded(root: Node<'_, '_>) -> bool {
    let sops = root.get("sops").and_then(Node::resolved);
    sops.is_some_and(|sops| {
        sops.get("mac").is_some() && sops.text_at(&["mac_only_encrypted"]) != Some("true")
    })
}

/// Kind, namespace and name, as written, templates included.
fn label(node: Node<'_, '_>, kind: &str, text: &str) -> String {
    let of = |key: &str| {
        let value = node.at(&["metadata", key]).or_else(|| node.get(key))?.resolved()?;
        let raw = value.span().of(text);
        value.text().map(|known| if raw.contains("<<") { raw.trim_matches(['"', '\'']) } else { known })
    };
    match (of("namespace"), of("name")) {
        (Some(namespace), Some(name)) => format!("{kind} {namespace}/{name}"),
        (None, Some(name)) => format!("{kind} {name}"),
        (_, None) => kind.to_owned(),
    }
}
