//! `ranges`, `lock`, `rollback`: what floats, the record of it, and the way back.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum, ValueHint};
use flux_upgrade_core::host::Tree;
use flux_upgrade_core::ranges::lock::{LOCK_FILE, Lock as LockFile, LockError, Update, update};
use flux_upgrade_core::ranges::{self, Survey};
use flux_upgrade_core::report;
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::{RepoPath, scan};

use crate::answers::{Answers, write_whole};
use crate::args::{Common, RulesFlags, SourcesFlags};
use crate::command::{heading, mapping_from, out_style, root_name, rules, tell, worse};
use crate::env::Env;
use crate::fault::Fault;
use crate::job;
use crate::streams::Streams;
use crate::{CHANGES, FAILED, FINE};

/// `ranges`: what is looked at, and where the answers come from.
#[derive(Debug, Args)]
pub(crate) struct Ranges {
    #[command(flatten)]
    pub(crate) common: Common,

    /// Take all answers from this registry snapshot (JSON) and ask nobody
    #[arg(long, value_name = "SNAPSHOT", value_hint = ValueHint::FilePath)]
    pub(crate) offline: Option<PathBuf>,

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
    tree: Tree,
    rules: Rules,
    survey: Survey,
}

impl Surveyed {
    /// Whether `--strict` lets it pass.
    fn is_whole(&self) -> bool {
        let unanswered =
            |row: &ranges::Row| matches!(row.stands, Err(flux_upgrade_core::plan::Reason::Unanswered { .. }));
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
        Fault::new(format!(
            "{shown}:{}:{}: {} [{}]\n  help: {}",
            at.line, at.column, error.message, error.code, error.help
        ))
    })
}

fn answers(args: &Ranges, env: &Env) -> Result<Answers, Fault> {
    match args.offline.as_deref() {
        Some(file) => Ok(Answers::Recorded(job::snapshot(&env.folder, file)?)),
        None => Answers::live(&args.sources, args.common.quiet, env),
    }
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
    let rules = rules(&args.rules, env, &tree, answers.taken())?;
    let inventory = scan(&tree.files);
    let sites = ranges::sites(&inventory);
    let from = mapping_from(&args.rules);
    let resolution = answers.standing((&sites, &rules), (&tree, from), env, streams)?;
    let mut survey = ranges::survey(&inventory, sites, &resolution, &rules);
    survey.diagnostics.extend(tree.diagnostics.iter().cloned());
    tell(&args.common, &survey.diagnostics, streams, env);
    Ok(Surveyed { tree, rules, survey })
}
