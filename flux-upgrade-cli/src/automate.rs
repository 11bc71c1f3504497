//! `automate`: what image policies elect, written where markers ask for it; `automate init` writes policies and markers.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use flux_upgrade_core::host::MappingFrom;
use flux_upgrade_core::patch::diff;
use flux_upgrade_core::report::{self, Tense};
use flux_upgrade_core::rules::Overrides;
use flux_upgrade_core::{automate, patch, plan, scan};

use crate::answers::Answers;
use crate::args::{Color, Common, RulesFlags, SourcesFlags};
use crate::command::{heading, note_untracked, out_style, root_name, tell, worse};
use crate::convert::{self, Convert, Way};
use crate::env::Env;
use crate::fault::Fault;
use crate::job::{self, Planned, Settle};
use crate::ranges::PatchFormat;
use crate::streams::Streams;
use crate::{CHANGES, FAILED, FINE};

/// What is looked at, and what becomes of it.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Automate {
    #[command(subcommand)]
    pub(crate) what: Option<What>,

    #[command(flatten)]
    pub(crate) common: Common,

    /// Take all answers from this registry snapshot (JSON), or without one from what earlier runs have kept, and ask nobody
    #[arg(long, value_name = "SNAPSHOT", num_args = 0..=1, value_hint = ValueHint::FilePath)]
    pub(crate) offline: Option<Option<PathBuf>>,

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

/// What else there is to do about image automation.
#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Put tags under image policies: the marker, and the objects that move it
    ///
    /// Writes an ImageRepository and an ImagePolicy beside their neighbours, an ImageUpdateAutomation unless one holds the
    /// file, the marker at the field, and the line in the kustomization. The same as `convert --to automation --begin`.
    Init(Box<Init>),
}

/// What is put under image policies.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Kind/namespace/name, Kind/name, PATH:LINE, or `all`
    #[arg(value_name = "SITE", required = true)]
    sites: Vec<String>,

    /// The folder that Flux's own paths start from
    #[arg(long, short = 'C', value_name = "PATH", default_value = ".", value_hint = ValueHint::AnyPath)]
    path: PathBuf,

    /// What the policy elects from, for example '>=1.2.0 <2.0.0' [default: the range that is written, else the major version that runs]
    #[arg(long, value_name = "RANGE")]
    range: Option<String>,

    /// Take all answers from this registry snapshot (JSON), or without one from what earlier runs have kept, and ask nobody
    #[arg(long, value_name = "SNAPSHOT", num_args = 0..=1, value_hint = ValueHint::FilePath)]
    offline: Option<Option<PathBuf>>,

    /// Form of the result
    #[arg(long, value_name = "FORM", default_value = "table")]
    format: PatchFormat,

    /// Write the files, and none if one has changed since it was read
    #[arg(long)]
    write: bool,

    /// Exit with 2 when there are changes
    #[arg(long)]
    exit_code: bool,

    /// Print no findings and no hints, only the result and what makes the command fail
    #[arg(long, short)]
    quiet: bool,

    /// Colour the result [auto: on a terminal, unless NO_COLOR is set]
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: Color,

    #[command(flatten)]
    rules: RulesFlags,

    #[command(flatten)]
    sources: SourcesFlags,
}

impl Init {
    fn convert(&self) -> Convert {
        let common = Common {
            paths: vec![self.path.clone()],
            repositories: None,
            shard: None,
            strict: false,
            quiet: self.quiet,
            color: self.color,
        };
        Convert {
            common,
            site: self.sites.clone(),
            to: Way::Automation,
            range: self.range.clone(),
            begin: true,
            home: None,
            remove_orphans: false,
            write: self.write,
            offline: self.offline.clone(),
            format: self.format,
            exit_code: self.exit_code,
            rules: self.rules.clone(),
            sources: self.sources.clone(),
        }
    }
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
    /// The message of the commit, by `messageTemplate`; for `git commit -F -`
    Message,
}

pub(crate) fn run(args: &Automate, streams: &mut Streams<'_>, env: &Env) -> Result<i32, Fault> {
    if let Some(What::Init(init)) = &args.what {
        return convert::run(&init.convert(), streams, env);
    }
    let common = &args.common;
    if common.paths.len() > 1 && matches!(args.format, AutomateFormat::Diff | AutomateFormat::Reverse) {
        return Err(Fault::new(format!(
            "this form takes one PATH, and there are {}: paths of a diff are relative to PATH; run it once for each",
            common.paths.len()
        )));
    }
    let answers = Answers::of(args.offline.as_ref(), &args.sources, common.quiet, env)?;
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
        AutomateFormat::Message => automate::messages(plan),
    });
    let is_unsaid =
        args.format == AutomateFormat::Message && plan.commits.iter().any(|commit| commit.message.is_err());
    Ok(match (is_refused || is_unsaid || !passes, args.exit_code && !plan.changes.is_empty()) {
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
