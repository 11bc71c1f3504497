//! `automate`: what image policies elect, written where markers ask for it.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};
use flux_upgrade_core::host::MappingFrom;
use flux_upgrade_core::patch::diff;
use flux_upgrade_core::report::{self, Tense};
use flux_upgrade_core::rules::Overrides;
use flux_upgrade_core::{automate, patch, plan, scan};

use crate::answers::Answers;
use crate::args::{Common, SourcesFlags};
use crate::command::{heading, note_untracked, out_style, root_name, tell, worse};
use crate::env::Env;
use crate::fault::Fault;
use crate::job::{self, Planned, Settle};
use crate::streams::Streams;
use crate::{CHANGES, FAILED, FINE};

/// What is looked at, and what becomes of it.
#[derive(Debug, Args)]
pub(crate) struct Automate {
    #[command(flatten)]
    pub(crate) common: Common,

    /// Take all answers from this registry snapshot (JSON) and ask nobody
    #[arg(long, value_name = "SNAPSHOT", value_hint = ValueHint::FilePath)]
    pub(crate) offline: Option<PathBuf>,

    /// Form of the result
    #[arg(long, value_name = "FORM", default_value = "table")]
    pub(crate) format: AutomateFormat,

    /// Write the files; each in one step, and none if one has changed since it was read
    #[arg(long)]
    pub(crate) write: bool,

    /// Exit with 2 when there are changes
    #[arg(long)]
    pub(crate) exit_code: bool,

    /// Change only files whose path matches this glob; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub(crate) only: Vec<String>,

    /// Read versions as this Flux minor does; otherwise as the files' own Flux
    #[arg(long, value_name = "VERSION")]
    pub(crate) flux_version: Option<String>,

    #[command(flatten)]
    pub(crate) sources: SourcesFlags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AutomateFormat {
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

pub(crate) fn run(args: &Automate, streams: &mut Streams<'_>, env: &Env) -> Result<i32, Fault> {
    let common = &args.common;
    if common.paths.len() > 1 && matches!(args.format, AutomateFormat::Diff | AutomateFormat::Reverse) {
        return Err(Fault::new(format!(
            "this form takes one PATH, and there are {}: paths of a diff are relative to PATH; run it once for each",
            common.paths.len()
        )));
    }
    let answers = Answers::of(args.offline.as_deref(), &args.sources, common.quiet, env)?;
    let mut code = FINE;
    for number in 0..common.paths.len() {
        let one = automate_one(args, number, &answers, streams, env).unwrap_or_else(|fault| {
            streams.err(&fault.to_string());
            FAILED
        });
        code = worse(code, one);
    }
    Ok(code)
}

fn automate_one(
    args: &Automate,
    number: usize,
    answers: &Answers,
    streams: &mut Streams<'_>,
    env: &Env,
) -> Result<i32, Fault> {
    let common = &args.common;
    let path = &common.paths[number];
    if args.write
        && let Some(text) = job::settle(&env.folder, path, Settle::Finish)?
    {
        streams.err(&text);
    }
    let mut planned = planned(args, number, answers, streams, env)?;
    tell(common, &planned.plan.diagnostics, streams, env);
    note_untracked(common, number, &planned.tree, streams);
    for refused in &planned.set.refused {
        streams.err(&Fault::new(format!("{}: not edited: {}", refused.path, refused.why)).to_string());
    }
    let is_refused = !planned.set.refused.is_empty();
    let passes = !common.strict || planned.is_whole() && !is_refused;
    let mut tense = Tense::Planned;
    if args.write && !passes {
        streams.err(
            "error: nothing is written, since --strict wants every source answered and every file readable\n",
        );
    } else if args.write {
        planned.drop_refused();
        planned.write()?;
        tense = Tense::Applied { files: planned.set.files.len() };
    }
    let Planned { tree, plan, set, .. } = &planned;
    let style = out_style(common, env);
    streams.out(&match args.format {
        AutomateFormat::Table => heading(common, number, style) + &report::table(plan, style, tense),
        AutomateFormat::Json => report::json(&tree.files, plan, set, root_name(common, number).as_deref()),
        AutomateFormat::Diff => diff::unified(&tree.files, set).map_err(|error| Fault::of(&error))?,
        AutomateFormat::Reverse => diff::reverse(&tree.files, set).map_err(|error| Fault::of(&error))?,
        AutomateFormat::Markdown => report::markdown(plan),
    });
    Ok(match (is_refused || !passes, args.exit_code && !plan.changes.is_empty()) {
        (true, _) => FAILED,
        (false, true) => CHANGES,
        (false, false) => FINE,
    })
}

/// Reads one path, asks for the tags of its policies, and decides every marked field.
fn planned(
    args: &Automate,
    number: usize,
    answers: &Answers,
    streams: &mut Streams<'_>,
    env: &Env,
) -> Result<Planned, Fault> {
    let tree = job::read(&env.folder, &args.common.paths[number])?;
    let flags = Overrides {
        only: args.only.clone(),
        flux_version: args.flux_version.clone(),
        now: answers.taken().or(env.time()),
        ..Overrides::default()
    };
    let rules = job::rules_for(&env.folder, &tree, None)?.with(flags).map_err(|error| {
        Fault::bad_value(
            &format!("--{}", error.flag),
            &error.found,
            &format!("{}; {}", error.problem, error.help),
        )
    })?;
    let inventory = scan(&tree.files);
    let sites = automate::sites(&inventory);
    let resolution = answers.resolve((&sites, &rules), (&tree, MappingFrom::Repository), env, streams)?;
    let mut plan = plan(&inventory, sites, &resolution, &rules);
    let set = patch(&tree.files, &plan);
    plan.diagnostics.extend(tree.diagnostics.iter().cloned());
    plan.diagnostics.sort_by(|a, b| (&a.at, a.code, &a.message).cmp(&(&b.at, b.code, &b.message)));
    drop(inventory);
    Ok(Planned { tree, rules, resolution, plan, set })
}
