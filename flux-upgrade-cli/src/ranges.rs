//! `ranges`, `lock`, `rollback`: what floats, the record of it, and the way back.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum, ValueHint};
use flux_upgrade_core::host::{Repository, Tree};
use flux_upgrade_core::patch::{PatchSet, diff};
use flux_upgrade_core::plan::{Plan, Reason};
use flux_upgrade_core::ranges::lock::{LOCK_FILE, Lock as LockFile, LockError, Update, update};
use flux_upgrade_core::ranges::{self, Survey};
use flux_upgrade_core::report::{self, Tense};
use flux_upgrade_core::rules::{Overrides, Rules};
use flux_upgrade_core::{RepoPath, scan};

use crate::answers::{Answers, write_whole};
use crate::args::{Common, RulesFlags, SourcesFlags};
use crate::command::{heading, mapping_from, note_untracked, out_style, root_name, rules, tell, worse};
use crate::env::Env;
use crate::fault::Fault;
use crate::job::{self, Settle};
use crate::streams::Streams;
use crate::{CHANGES, FAILED, FINE};

/// `ranges`: what is looked at, and where the answers come from.
#[derive(Debug, Args)]
pub(crate) struct Ranges {
    #[command(flatten)]
    pub(crate) common: Common,

    /// Take all answers from this registry snapshot (JSON), or without one from what earlier runs have kept, and ask nobody
    #[arg(long, value_name = "SNAPSHOT", num_args = 0..=1, value_hint = ValueHint::FilePath)]
    pub(crate) offline: Option<Option<PathBuf>>,

    /// Form of the result
    #[arg(long, value_name = "FORM", default_value = "table")]
    pub(crate) format: RangesFormat,

    #[command(flatten)]
    pub(crate) rules: RulesFlags,

    #[command(flatten)]
    pub(crate) sources: SourcesFlags,
}

/// `lock`: what `ranges` takes, and whether the lock is written or compared.
#[derive(Debug, Args)]
pub(crate) struct Lock {
    #[command(flatten)]
    pub(crate) ranges: Ranges,

    /// Write nothing; exit with 2 when the lock no longer says what is so
    #[arg(long)]
    pub(crate) check: bool,

    /// The lock file, seen from each PATH
    #[arg(long, value_name = "FILE", default_value = LOCK_FILE, value_hint = ValueHint::FilePath)]
    pub(crate) lock_file: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RangesFormat {
    /// For people
    Table,
    /// For tools: flux-upgrade/ranges/v1, of `lock` flux-upgrade/lock-check/v1
    Json,
}

/// One path with what floats in it.
struct Surveyed {
    rules: Rules,
    survey: Survey,
}

impl Surveyed {
    /// Whether `--strict` lets it pass.
    fn is_whole(&self) -> bool {
        let unanswered = |row: &ranges::Row| matches!(row.stands, Err(Reason::Unanswered { .. }));
        !self.survey.rows.iter().any(unanswered) && !job::has_errors(&self.survey.diagnostics)
    }
}

pub(crate) fn run(args: &Ranges, streams: &mut Streams<'_>, env: &Env) -> Result<i32, Fault> {
    let answers = answers(args, env)?;
    let mut code = FINE;
    for number in 0..args.common.paths.len() {
        let found = match survey(args, number, &answers, streams, env) {
            Ok(found) => found,
            Err(fault) => {
                streams.err(&fault.to_string());
                code = FAILED;
                continue;
            }
        };
        if args.common.strict && !found.is_whole() {
            code = FAILED;
        }
        streams.out(&match args.format {
            RangesFormat::Table => {
                let style = out_style(&args.common, env);
                heading(&args.common, number, style) + &report::ranges_table(&found.survey, style)
            }
            RangesFormat::Json => {
                report::ranges_json(&found.survey, root_name(&args.common, number).as_deref())
            }
        });
    }
    Ok(code)
}

pub(crate) fn run_lock(args: &Lock, streams: &mut Streams<'_>, env: &Env) -> Result<i32, Fault> {
    let common = &args.ranges.common;
    let answers = answers(&args.ranges, env)?;
    let mut code = FINE;
    for number in 0..common.paths.len() {
        let one = lock_one(args, number, &answers, streams, env).unwrap_or_else(|fault| {
            streams.err(&fault.to_string());
            FAILED
        });
        code = worse(code, one);
    }
    Ok(code)
}

fn lock_one(
    args: &Lock,
    number: usize,
    answers: &Answers,
    streams: &mut Streams<'_>,
    env: &Env,
) -> Result<i32, Fault> {
    let common = &args.ranges.common;
    // A lock that cannot be read is told before anybody is asked.
    let file = env.folder.join(&common.paths[number]);
    let folder = if file.is_file() { file.parent().unwrap_or(&env.folder) } else { &file };
    let file = folder.join(&args.lock_file);
    let shown = args.lock_file.display().to_string();
    let old = read_lock(&file, &shown)?;
    let found = survey(&args.ranges, number, answers, streams, env)?;
    let update = update(old.as_ref().map(|(lock, _)| lock), &found.survey, &found.rules);
    if args.check && old.is_none() && !common.quiet {
        streams.err(&format!("note: there is no `{shown}` yet; `flux-upgrade lock` writes it\n"));
    }
    if !args.check {
        let text = update.lock.text();
        let same = old.as_ref().is_some_and(|(_, before)| *before == text);
        if common.strict && !found.is_whole() {
            streams.err("error: nothing is written, since --strict wants every source answered and every file readable\n");
        } else if !same {
            write_whole(&file, &text)
                .map_err(|error| Fault::of(&error).under(format!("cannot write `{shown}`")))?;
        }
    }
    let is_due = args.check && old.is_some() && update.has_drift();
    if is_due && !common.quiet && args.ranges.format == RangesFormat::Table {
        streams.err(
            "note: `flux-upgrade lock` writes what is so now; `git diff` shows it before it is committed\n",
        );
    }
    streams.out(&match args.ranges.format {
        RangesFormat::Table => {
            let style = out_style(common, env);
            heading(common, number, style) + &report::lock_table(&update, style, !args.check)
        }
        RangesFormat::Json => report::lock_json(&update, root_name(common, number).as_deref()),
    });
    Ok(exit(args, &update, &found))
}

fn exit(args: &Lock, update: &Update, found: &Surveyed) -> i32 {
    if args.ranges.common.strict && !found.is_whole() {
        FAILED
    } else if args.check && update.has_drift() {
        CHANGES
    } else {
        FINE
    }
}

/// A lock file with its text; `None` where there is none.
fn read_lock(file: &Path, shown: &str) -> Result<Option<(LockFile, String)>, Fault> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            let help = "restore it from git, or delete it and run `flux-upgrade lock`";
            return Err(Fault::new(format!("the lock `{shown}` is not text in UTF-8\n  help: {help}")));
        }
        Err(error) => return Err(Fault::of(&error).under(format!("cannot read the lock `{shown}`"))),
    };
    let lock = parse_lock(&text, shown)?;
    Ok(Some((lock, text)))
}

/// A lock file's text; the fault shows the place.
fn parse_lock(text: &str, shown: &str) -> Result<LockFile, Fault> {
    let path = RepoPath::parse(LOCK_FILE).unwrap_or_else(|| unreachable!("a plain name"));
    LockFile::parse(&path, text).map_err(|error: LockError| {
        let at = &error.at;
        // What the file says comes from anybody, and is printed on a terminal.
        let message: String =
            error.message.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        let (line, column) = (at.line, at.column);
        Fault::new(format!("{shown}:{line}:{column}: {message} [{}]\n  help: {}", error.code, error.help))
    })
}

fn answers(args: &Ranges, env: &Env) -> Result<Answers, Fault> {
    Answers::of(args.offline.as_ref(), &args.sources, args.common.quiet, env)
}

/// Reads one path and asks where everything that floats stands.
fn survey(
    args: &Ranges,
    number: usize,
    answers: &Answers,
    streams: &mut Streams<'_>,
    env: &Env,
) -> Result<Surveyed, Fault> {
    let tree = job::read(&env.folder, &args.common.paths[number])?;
    note_untracked(&args.common, number, &tree, streams);
    let rules = rules(&args.rules, env, &tree, answers.taken())?;
    let inventory = scan(&tree.files);
    let sites = ranges::sites(&inventory);
    let from = mapping_from(&args.rules);
    let resolution = answers.standing((&sites, &rules), (&tree, from), env, streams)?;
    let mut survey = ranges::survey(&inventory, sites, &resolution, &rules);
    survey.diagnostics.extend(tree.diagnostics.iter().cloned());
    tell(&args.common, &survey.diagnostics, streams, env);
    Ok(Surveyed { rules, survey })
}

/// `rollback`: where to, and what becomes of the patch set.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    pub(crate) common: Common,

    /// A git revision whose lock file says how it was, or a lock file
    ///
    /// For example HEAD~3, v1.2.0, a commit, or saved.lock; a file of that name counts before a revision.
    #[arg(long, value_name = "REV|FILE", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) to: String,

    /// The lock file of the revision, seen from PATH
    #[arg(long, value_name = "FILE", default_value = LOCK_FILE)]
    pub(crate) lock_file: PathBuf,

    /// Write the files; each in one step, and none if one has changed since it was read
    #[arg(long)]
    pub(crate) write: bool,

    /// Form of the result
    #[arg(long, value_name = "FORM", default_value = "table")]
    pub(crate) format: PatchFormat,

    /// Exit with 2 when there are changes
    #[arg(long)]
    pub(crate) exit_code: bool,

    /// Change only files whose path matches this glob; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub(crate) only: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PatchFormat {
    /// For people
    Table,
    /// For tools: flux-upgrade/plan/v1, see docs/plan.schema.json
    Json,
    /// A unified diff for `git apply`, paths relative to PATH
    Diff,
    /// The diff that takes it back
    Reverse,
    /// The body of a pull request
    Markdown,
}

pub(crate) fn run_rollback(args: &Rollback, streams: &mut Streams<'_>, env: &Env) -> Result<i32, Fault> {
    let common = &args.common;
    one_path(common, args.format)?;
    let mut code = FINE;
    for number in 0..common.paths.len() {
        let one = rollback_one(args, number, streams, env).unwrap_or_else(|fault| {
            streams.err(&fault.to_string());
            FAILED
        });
        code = worse(code, one);
    }
    Ok(code)
}

fn rollback_one(args: &Rollback, number: usize, streams: &mut Streams<'_>, env: &Env) -> Result<i32, Fault> {
    let common = &args.common;
    if args.write
        && let Some(text) = job::settle(&env.folder, &common.paths[number], Settle::Finish)?
    {
        streams.err(&text);
    }
    let tree = job::read(&env.folder, &common.paths[number])?;
    let then = lock_of(&args.to, &args.lock_file, &tree, env)?;
    let now = read_lock(&tree.root.join(&args.lock_file), &args.lock_file.display().to_string());
    // How far the way is is worth no failure: a damaged lock of today is what one may want to get away from.
    let now = now.unwrap_or_else(|fault| {
        streams.err(&fault.to_string().replacen("error:", "warning:", 1));
        None
    });
    let rules = Rules::default().with(Overrides { only: args.only.clone(), ..Overrides::default() });
    let rules = rules.map_err(|error| Fault::bad_value("--only", &error.found, &error.problem))?;
    let inventory = scan(&tree.files);
    let (plan, set) = ranges::rollback(&inventory, &then, now.as_ref().map(|(lock, _)| lock), &rules);
    tell(common, &plan.diagnostics, streams, env);
    let is_foreign = plan.diagnostics.iter().any(|found| found.code == "rollback.foreign-lock");
    let patched = Patched { tree: &tree, plan, set, tense: Tense::Planned };
    let code = patched.finish(common, (args.write, args.exit_code, args.format), number, streams, env)?;
    Ok(if is_foreign { FAILED } else { code })
}

/// That a form whose paths are relative to PATH is asked of one PATH.
pub(crate) fn one_path(common: &Common, format: PatchFormat) -> Result<(), Fault> {
    if common.paths.len() > 1 && matches!(format, PatchFormat::Diff | PatchFormat::Reverse) {
        let why = "paths of a diff are relative to PATH; run it once for each";
        return Err(Fault::new(format!(
            "this form takes one PATH, and there are {}: {why}",
            common.paths.len()
        )));
    }
    Ok(())
}

/// A plan of one path with its patch set, however it came about.
pub(crate) struct Patched<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) plan: Plan,
    pub(crate) set: PatchSet,
    pub(crate) tense: Tense,
}

impl Patched<'_> {
    /// Writes it, where that is asked for, and prints it; gives the exit code.
    pub(crate) fn finish(
        self,
        common: &Common,
        (write, exit_code, format): (bool, bool, PatchFormat),
        number: usize,
        streams: &mut Streams<'_>,
        env: &Env,
    ) -> Result<i32, Fault> {
        let Self { tree, mut plan, set, mut tense } = self;
        for refused in &set.refused {
            streams.err(&Fault::new(format!("{}: not edited: {}", refused.path, refused.why)).to_string());
        }
        let unanswered = plan.held.iter().any(|held| matches!(held.reason, Reason::Unanswered { .. }));
        let broken = common.strict && (unanswered || job::has_errors(&plan.diagnostics));
        if write && (broken || common.strict && !set.refused.is_empty()) {
            streams.err("error: nothing is written, since --strict wants every source answered, every file readable and every edit proven\n");
        } else if write {
            let refused = |path: &RepoPath| set.refused.iter().any(|refused| refused.path == *path);
            plan.changes.retain(|change| !change.edits.iter().any(|edit| refused(&edit.path)));
            job::write(tree, &set)?;
            tense = Tense::Applied { files: set.files.len() };
            let is_new = |path: &&RepoPath| tree.files.iter().all(|file| file.path != **path);
            let new: Vec<&str> =
                set.files.iter().map(|file| &file.path).filter(is_new).map(RepoPath::as_str).collect();
            if !new.is_empty() && tree.work_tree.is_some() && !common.quiet {
                streams.err(&format!(
                    "note: new files are read once git tracks them: git add {}\n",
                    new.join(" ")
                ));
            }
        }
        let style = out_style(common, env);
        let files = &tree.files;
        streams.out(&match format {
            PatchFormat::Table => heading(common, number, style) + &report::table(&plan, style, tense),
            PatchFormat::Json => report::json(files, &plan, &set, root_name(common, number).as_deref()),
            PatchFormat::Diff => diff::unified(files, &set).map_err(|error| Fault::of(&error))?,
            PatchFormat::Reverse => diff::reverse(files, &set).map_err(|error| Fault::of(&error))?,
            PatchFormat::Markdown => report::markdown(&plan),
        });
        Ok(match (broken || !set.refused.is_empty(), exit_code && !plan.changes.is_empty()) {
            (true, _) => FAILED,
            (false, true) => CHANGES,
            (false, false) => FINE,
        })
    }
}

/// The lock that `--to` names: a file, else that of a revision of the repository that PATH lies in.
fn lock_of(to: &str, lock_file: &Path, tree: &Tree, env: &Env) -> Result<LockFile, Fault> {
    let file = env.folder.join(to);
    if file.is_file() {
        let found = read_lock(&file, to)?;
        return found.map(|(lock, _)| lock).ok_or_else(|| Fault::new(format!("no lock file `{to}`")));
    }
    let shown = lock_file.display().to_string();
    let under = |error: &dyn std::error::Error| {
        Fault::of(error).under(format!("`--to {to}` is no file, and no revision to take `{shown}` from"))
    };
    let repository = Repository::discover(&tree.root).map_err(|error| under(&error))?;
    let commit = repository.resolve(to).map_err(|error| under(&error))?;
    let path = RepoPath::parse(&shown)
        .ok_or_else(|| Fault::bad_value("--lock-file", &shown, "expected a path inside PATH"))?;
    let text = repository.text_of(commit, &path).map_err(|error| under(&error))?;
    let text = text.ok_or_else(|| {
        Fault::new(format!(
            "{} has no `{shown}`: `git log -- {shown}` lists the commits that do",
            commit.short()
        ))
    })?;
    parse_lock(&text, &format!("{}:{shown}", commit.short()))
}
