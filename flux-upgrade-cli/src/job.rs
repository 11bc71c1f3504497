//! One path through the stages: files in, plan and patch set out.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use flux_upgrade_core::diagnostic::{Diagnostic, Severity};
use flux_upgrade_core::host::{self, EntryKind, Limits, ReadError, Replacement, Tree};
use flux_upgrade_core::locate::Site;
use flux_upgrade_core::patch::PatchSet;
use flux_upgrade_core::plan::{Plan, Reason};
use flux_upgrade_core::resolve::{Resolution, Snapshot};
use flux_upgrade_core::rules::{Renovate, Rules, Staged};
use flux_upgrade_core::time::Timestamp;
use flux_upgrade_core::{RepoPath, locate, patch, plan, scan};

use crate::args::RulesFlags;
use crate::fault::Fault;
use crate::releases;

/// The sites of one path.
pub(crate) struct Scanned {
    pub(crate) sites: Vec<Site>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// A plan of one path with everything that it came from.
pub(crate) struct Planned {
    pub(crate) tree: Tree,
    pub(crate) rules: Rules,
    pub(crate) resolution: Resolution,
    pub(crate) plan: Plan,
    pub(crate) set: PatchSet,
}

/// Finds the sites of `path`, seen from `folder`.
pub(crate) fn scan_path(folder: &Path, path: &Path) -> Result<Scanned, Fault> {
    let tree = read(folder, path)?;
    let inventory = scan(&tree.files);
    let sites = locate(&inventory);
    Ok(Scanned { sites, diagnostics: merged(tree.diagnostics, inventory.diagnostics) })
}

/// Plans the files of a tree; `rules` makes the rules for them, `resolve` asks.
pub(crate) fn plan_tree(
    mut tree: Tree,
    rules: impl FnOnce(&Tree) -> Result<Rules, Fault>,
    resolve: impl FnOnce(&[Site], &Rules, &Tree) -> Result<Resolution, Fault>,
) -> Result<Planned, Fault> {
    let rules = rules(&tree)?;
    let inventory = scan(&tree.files);
    let sites = locate(&inventory);
    let resolution = resolve(&sites, &rules, &tree)?;
    // One file by itself says little of what the rules are about.
    let idle = if tree.files.len() > 1 { rules.idle(&sites) } else { Vec::new() };
    let mut plan = plan(&inventory, sites, &resolution, &rules);
    plan.diagnostics.extend(idle);
    let set = patch(&tree.files, &plan);
    plan.diagnostics = merged(std::mem::take(&mut tree.diagnostics), plan.diagnostics);
    Ok(Planned { tree, rules, resolution, plan, set })
}

/// Reads what `path` names, seen from `folder`; errors show it as it was given.
pub(crate) fn read(folder: &Path, path: &Path) -> Result<Tree, Fault> {
    host::read(&folder.join(path), &Limits::default()).map_err(|error| match error {
        ReadError::Io { source, .. } => Fault::of(&ReadError::Io { path: path.to_path_buf(), source }),
        other => Fault::of(&other),
    })
}

/// Reads `path`, seen from `folder`, as a commit of its repository has it.
pub(crate) fn read_revision(folder: &Path, path: &Path, revision: &str) -> Result<Tree, Fault> {
    let fault = |error: host::GitError| Fault::of(&error);
    let repository = host::Repository::discover(&folder.join(path)).map_err(fault)?;
    let commit = repository.resolve(revision).map_err(fault)?;
    repository.read(commit, &Limits::default()).map_err(fault)
}

/// The rules, knowing what history lets promotions offer; `now` is when ages end.
pub(crate) fn with_history(rules: Rules, tree: &Tree, now: Option<Timestamp>) -> Result<Rules, Fault> {
    if rules.promotions().is_empty() {
        return Ok(rules);
    }
    let staged = |now| {
        let repository = host::Repository::discover(&tree.root)?;
        let start = tree.commit.map_or_else(|| repository.resolve("HEAD"), Ok)?;
        repository.staged(start, &rules, now, &Limits::default())
    };
    let staged = match now.map(staged) {
        Some(Ok(staged)) => staged,
        // A folder without history has said nothing for any time.
        None | Some(Err(host::GitError::NotARepository { .. })) => Staged::default(),
        Some(Err(error)) => return Err(Fault::of(&error).under("`promote` reads the history".to_owned())),
    };
    Ok(rules.with_staged(staged))
}

/// Stops at a promotion whose folder is not there: a gate that is misspelled keeps nothing out. Where `config` is for several trees, one
/// that has neither folder is not meant.
pub(crate) fn check_promotions(
    rules: &Rules,
    folder: &Path,
    tree: &Tree,
    config: Option<&Path>,
) -> Result<(), Fault> {
    let is_one_file = tree.files.len() < 2 && tree.commit.is_none();
    let Err(error) = rules.check_folders(&tree.files, config.is_some()).or_else(|error| match is_one_file {
        true => Ok(()),
        false => Err(error),
    }) else {
        return Ok(());
    };
    let own = tree.files.iter().find(|file| file.path == error.at.path && config.is_none());
    let text = match config.map(Path::to_path_buf).or_else(|| rules_file(tree)) {
        _ if own.is_some() => own.map_or_else(String::new, |file| file.text.to_string()),
        Some(file) => read(folder, &file)?.files.pop().map_or_else(String::new, |file| file.text.to_string()),
        None => String::new(),
    };
    let shown = config.map_or_else(|| error.at.path.to_string(), |config| config.display().to_string());
    Err(Fault::in_rules(&shown, &text, &error))
}

/// The rules for a tree: of `config`, seen from `folder`, or of the rules file of its folder, or the defaults.
pub(crate) fn rules_for(folder: &Path, tree: &Tree, config: Option<&Path>) -> Result<Rules, Fault> {
    if config.is_none() {
        check_rules_file(tree)?;
    }
    let at = tree.files.iter().find(|file| file.path.as_str() == Rules::FILE);
    if let Some(file) = at.filter(|_| config.is_none()) {
        let shown = file.path.as_str();
        return Rules::parse(&file.path, &file.text)
            .map_err(|error| Fault::in_rules(shown, &file.text, &error));
    }
    let Some(file) = config.map(Path::to_path_buf).or_else(|| rules_file(tree)) else {
        return Ok(Rules::default());
    };
    let mut found = read(folder, &file)?;
    let Some(read) = found.files.pop() else {
        let why = found.diagnostics.first().map(ToString::to_string);
        let why = why.unwrap_or_else(|| "not a regular file".to_owned());
        return Err(Fault::new(format!("cannot read the rules `{}`: {why}", file.display())));
    };
    let shown = config.map_or_else(|| read.path.to_string(), |config| config.display().to_string());
    Rules::parse(&read.path, &read.text).map_err(|error| Fault::in_rules(&shown, &read.text, &error))
}

/// Renovate's configuration of a tree, or an empty one.
pub(crate) fn renovate(tree: &Tree) -> Result<Renovate, Fault> {
    let found = Renovate::among(&tree.files).map_err(|error| {
        let file = tree.files.iter().find(|file| file.path == error.at.path);
        Fault::in_rules(error.at.path.as_str(), file.map_or("", |file| &file.text), &error)
    })?;
    Ok(found.unwrap_or_default())
}

/// The rules file of the folder, where it is a regular file.
fn rules_file(tree: &Tree) -> Option<PathBuf> {
    let file = tree.root.join(Rules::FILE);
    fs::symlink_metadata(&file).is_ok_and(|found| found.is_file()).then_some(file)
}

/// Refuses what somebody takes for rules and what would not be read: rules that do not count must not do so in silence.
fn check_rules_file(tree: &Tree) -> Result<(), Fault> {
    let repository = tree.commit.map(|commit| Ok((host::Repository::discover(&tree.root)?, commit)));
    let repository = repository.transpose().map_err(|error: host::GitError| Fault::of(&error))?;
    let kind_of = |name: &str| {
        let (Some((repository, commit)), Some(path)) = (&repository, RepoPath::parse(name)) else {
            let found = fs::symlink_metadata(tree.root.join(name)).ok();
            return Ok(found.map(|found| match found.file_type() {
                kind if kind.is_symlink() => EntryKind::Link,
                kind if kind.is_file() => EntryKind::File,
                _ => EntryKind::Folder,
            }));
        };
        repository.kind_of(*commit, &path).map_err(|error| Fault::of(&error))
    };
    let wrong = match kind_of(Rules::FILE)? {
        None | Some(EntryKind::File) => None,
        Some(EntryKind::Link) => Some("a symbolic link"),
        Some(_) => Some("a folder"),
    };
    if let Some(wrong) = wrong {
        let way = "put the rules there, or name them with --config FILE";
        return Err(Fault::new(format!(
            "`{}` is {wrong}, and rules are read from a regular file; {way}",
            Rules::FILE
        )));
    }
    for name in Rules::OTHER_NAMES {
        if kind_of(name)? == Some(EntryKind::File) {
            let way = "rename it, or name it with --config FILE";
            return Err(Fault::new(format!("`{name}` is not read: rules stand in `{}`; {way}", Rules::FILE)));
        }
    }
    Ok(())
}

/// A file of rules at the top of the work tree that is not read, since PATH is a folder below it with none of its own.
pub(crate) fn rules_above(tree: &Tree, flags: &RulesFlags) -> Option<PathBuf> {
    let top = tree.work_tree.as_ref().filter(|top| **top != tree.root)?;
    let above = |name: &str| Some(top.join(name)).filter(|file| file.is_file());
    let is_own = |name: &str| tree.files.iter().any(|file| file.path.as_str() == name);
    let reads = flags.config.is_none() && rules_file(tree).is_none() && !is_own(Rules::FILE);
    if let Some(file) = reads.then(|| above(Rules::FILE)).flatten() {
        return Some(file);
    }
    let renovate = || Renovate::FILES.iter().find_map(|name| above(name));
    let reads = !flags.no_renovate && !Renovate::FILES.iter().any(|name| is_own(name));
    reads.then(renovate).flatten()
}

/// What to do with an apply that did not finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settle {
    Finish,
    Undo,
}

/// Settles an apply of `path`, seen from `folder`, that did not finish, and says what was done; `None` where all have.
pub(crate) fn settle(folder: &Path, path: &Path, how: Settle) -> Result<Option<String>, Fault> {
    let place = folder.join(path);
    let root = if place.is_file() { place.parent().unwrap_or(folder) } else { &place };
    let fault = |error: host::JournalError| Fault::of(&error);
    let Some(left) = host::unfinished(root).map_err(fault)? else { return Ok(None) };
    let count = |wanted: host::State| left.files().filter(|(_, state)| *state == wanted).count();
    let (new, old) = (count(host::State::New), count(host::State::Old));
    let found = format!("an earlier apply did not finish: {new} of {} files were written", new + old);
    match how {
        Settle::Finish => left.finish(root).map_err(fault)?,
        Settle::Undo => left.undo(root).map_err(fault)?,
    }
    Ok(Some(match how {
        Settle::Finish => format!("note: {found}; the other {old} are written now\n"),
        Settle::Undo => format!("{found}; they have their old texts again\n"),
    }))
}

/// The snapshot in a file, seen from `folder`.
pub(crate) fn snapshot(folder: &Path, file: &Path) -> Result<Snapshot, Fault> {
    let named =
        |error: &dyn Error| Fault::of(error).under(format!("cannot read the snapshot `{}`", file.display()));
    let text = fs::read_to_string(folder.join(file)).map_err(|error| named(&error))?;
    let snapshot = Snapshot::parse(&text).map_err(|error| named(&error))?;
    let file = folder.join(file);
    let beside = file.parent().unwrap_or(folder);
    Ok(snapshot.with_manifests(|place| releases::archive(&beside.join(place))))
}

impl Planned {
    /// Whether `--strict` lets it pass: every source has an answer and no file has an error.
    pub(crate) fn is_whole(&self) -> bool {
        let unanswered = self.plan.held.iter().any(|held| matches!(held.reason, Reason::Unanswered { .. }));
        !unanswered && !has_errors(&self.plan.diagnostics)
    }

    /// Takes the changes out that touch a file whose edits could not be proven.
    pub(crate) fn drop_refused(&mut self) {
        let refused = &self.set.refused;
        let is_refused = |path: &RepoPath| refused.iter().any(|refused| refused.path == *path);
        self.plan.retain(|change| !change.edits.iter().any(|edit| is_refused(&edit.path)));
    }

    /// Writes the files of the patch set.
    pub(crate) fn write(&self) -> Result<(), Fault> {
        write(&self.tree, &self.set)
    }
}

/// Writes the files of a patch set.
pub(crate) fn write(tree: &Tree, set: &PatchSet) -> Result<(), Fault> {
    let text_of = |path: &RepoPath| {
        let at = tree.files.binary_search_by(|file| file.path.cmp(path)).ok()?;
        Some(tree.files[at].text.as_str())
    };
    let replacements: Vec<Replacement<'_>> = set
        .files
        .iter()
        .map(|file| {
            // What was not read is a new file.
            let before = text_of(&file.path).unwrap_or_default();
            Replacement { path: &file.path, before, after: &file.after }
        })
        .collect();
    host::write(&tree.root, &replacements).map_err(|error| Fault::of(&error))
}

pub(crate) fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|finding| finding.severity == Severity::Error)
}

/// Findings of the host and of the stages, by place.
fn merged(mut first: Vec<Diagnostic>, second: Vec<Diagnostic>) -> Vec<Diagnostic> {
    first.extend(second);
    first.sort_by(|a, b| (&a.at, a.code).cmp(&(&b.at, b.code)));
    first
}
