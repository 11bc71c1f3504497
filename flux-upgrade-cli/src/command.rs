//! What each subcommand does.

use clap::CommandFactory as _;
use flux_upgrade_core::diagnostic::Diagnostic;
use flux_upgrade_core::host;
use flux_upgrade_core::host::Tree;
use flux_upgrade_core::patch::diff;
use flux_upgrade_core::plan::{self, Reason};
use flux_upgrade_core::report::{self, Style, Tense};
use flux_upgrade_core::resolve::Snapshot;
use flux_upgrade_core::rules::{Overrides, Rules};
use flux_upgrade_core::time::Timestamp;

use crate::args::{Apply, Cli, Command, Common, Format, Plan, Scan, ScanFormat};
use crate::env::Env;
use crate::fault::Fault;
use crate::flux;
use crate::job::{self, Planned, Scanned, Settle};
use crate::pick::pick;
use crate::streams::Streams;
use crate::{CHANGES, FAILED, FINE};

/// Runs a subcommand and gives its exit code.
pub(crate) fn execute(cli: &Cli, streams: &mut Streams<'_>, env: &Env) -> i32 {
    let code = match &cli.command {
        Command::Scan(scan) => Ok(run_scan(scan, streams, env)),
        Command::Plan(plan) => run_plan(plan, streams, env),
        Command::Apply(apply) => run_apply(apply, streams, env),
        Command::Install(install) => flux::install(install, streams, env),
        Command::Verify(verify) => flux::verify(verify, streams, env),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "flux-upgrade", &mut script);
            streams.out(&String::from_utf8_lossy(&script));
            Ok(FINE)
        }
    };
    code.unwrap_or_else(|fault| {
        streams.err(&fault.to_string());
        FAILED
    })
}

fn run_scan(scan: &Scan, streams: &mut Streams<'_>, env: &Env) -> i32 {
    let common = &scan.common;
    let mut code = FINE;
    for (number, path) in common.paths.iter().enumerate() {
        let Scanned { sites, diagnostics } = match job::scan_path(&env.folder, path) {
            Ok(scanned) => scanned,
            Err(fault) => {
                streams.err(&fault.to_string());
                code = FAILED;
                continue;
            }
        };
        tell(common, &diagnostics, streams, env);
        if common.strict && job::has_errors(&diagnostics) {
            code = FAILED;
        }
        let text = match scan.format {
            ScanFormat::Table => {
                let style = out_style(common, env);
                heading(common, number, style) + &report::sites_table(&sites, style)
            }
            ScanFormat::Json => {
                report::sites_json(&sites, &diagnostics, root_name(common, number).as_deref())
            }
        };
        streams.out(&text);
    }
    code
}

fn run_plan(args: &Plan, streams: &mut Streams<'_>, env: &Env) -> Result<i32, Fault> {
    let job = Job::new(args, env)?;
    if args.rules.show_config {
        return Ok(show_config(args, streams, env));
    }
    if let Some(site) = &args.explain {
        return explain(&job, site, streams);
    }
    let mut code = FINE;
    for number in 0..args.common.paths.len() {
        let Some(planned) = job.plan(number, streams) else {
            code = FAILED;
            continue;
        };
        streams.out(&job.print(number, &planned, Tense::Planned)?);
        code = worse(code, job.code(&planned));
    }
    Ok(code)
}

fn run_apply(apply: &Apply, streams: &mut Streams<'_>, env: &Env) -> Result<i32, Fault> {
    let args = &apply.plan;
    if apply.undo {
        for path in &args.common.paths {
            let text = job::settle(&env.folder, path, Settle::Undo)?;
            streams.out(&text.unwrap_or_else(|| format!("`{}`: every apply has finished\n", path.display())));
        }
        return Ok(FINE);
    }
    let job = Job::new(args, env)?;
    if args.rules.show_config || args.explain.is_some() {
        return run_plan(args, streams, env);
    }
    let mut code = FINE;
    for number in 0..args.common.paths.len() {
        match job::settle(&env.folder, &args.common.paths[number], Settle::Finish) {
            Ok(text) => streams.err(&text.unwrap_or_default()),
            Err(fault) => {
                streams.err(&fault.to_string());
                code = FAILED;
                continue;
            }
        }
        let Some(mut planned) = job.plan(number, streams) else {
            code = FAILED;
            continue;
        };
        code = worse(code, job.code(&planned));
        if args.common.strict && !planned.is_whole() {
            streams.out(&job.print(number, &planned, Tense::Planned)?);
            streams.err("error: nothing is written, since --strict wants every source answered and every file readable\n");
            continue;
        }
        planned.drop_refused();
        if let Err(fault) = planned.write() {
            streams.err(&fault.to_string());
            code = FAILED;
            continue;
        }
        streams.out(&job.print(number, &planned, Tense::Applied { files: planned.set.files.len() })?);
    }
    Ok(code)
}

/// What `plan` and `apply` do alike.
struct Job<'a> {
    args: &'a Plan,
    env: &'a Env,
    snapshot: Option<Snapshot>,
}

impl<'a> Job<'a> {
    /// Reads the snapshot and checks what can be checked before the first file is read.
    fn new(args: &'a Plan, env: &'a Env) -> Result<Self, Fault> {
        under_flags(Rules::default(), args.rules.overrides(env)?)?;
        if args.common.paths.len() > 1
            && matches!(args.format, Format::Diff | Format::Reverse | Format::Edits)
        {
            let [form, paths] =
                [format!("{:?}", args.format).to_lowercase(), args.common.paths.len().to_string()];
            let why = "its paths are relative to PATH; run it once for each";
            return Err(Fault::new(format!("--format {form} takes one PATH, and there are {paths}: {why}")));
        }
        let snapshot = args.offline.as_deref().map(|file| job::snapshot(&env.folder, file));
        Ok(Self { args, env, snapshot: snapshot.transpose()? })
    }

    /// Plans one path and tells its findings; `None` after an error that has been told.
    fn plan(&self, number: usize, streams: &mut Streams<'_>) -> Option<Planned> {
        let (common, env) = (&self.args.common, self.env);
        let planned = job::plan_path(&env.folder, &common.paths[number], self.snapshot.as_ref(), |tree| {
            rules(self.args, env, tree, self.snapshot.as_ref().and_then(Snapshot::taken))
        });
        let planned = match planned {
            Ok(planned) => planned,
            Err(fault) => {
                streams.err(&fault.to_string());
                return None;
            }
        };
        tell(common, &planned.plan.diagnostics, streams, env);
        for refused in &planned.set.refused {
            streams.err(&Fault::new(format!("{}: not edited: {}", refused.path, refused.why)).to_string());
        }
        if !common.quiet && planned.tree.files.is_empty() && planned.tree.work_tree.is_some() {
            let path = common.paths[number].display();
            streams.err(&format!(
                "note: git tracks no YAML file in `{path}`; files that are not added are not read\n"
            ));
        }
        if !common.quiet && host::unfinished(&planned.tree.root).is_ok_and(|left| left.is_some()) {
            streams.err(
                "note: an earlier apply did not finish; `flux-upgrade apply` finishes it first, `apply --undo` takes it back\n",
            );
        }
        if let Some(unread) = job::rules_above(&planned.tree).filter(|_| self.args.rules.config.is_none()) {
            streams.err(&format!(
                "note: the rules in `{}` are not read, since PATH is below it; pass --config or the top as PATH\n",
                unread.display()
            ));
        }
        if !self.args.rules.only.is_empty() && planned.plan.sites.is_empty() {
            streams.err("note: --only leaves no site; its globs are compared with paths below PATH\n");
        }
        let lost = planned.plan.held.iter().any(|held| matches!(held.reason, Reason::SourceNotFound { .. }));
        let inside = planned.tree.work_tree.as_ref().is_some_and(|work_tree| *work_tree != planned.tree.root);
        if !common.quiet && lost && inside {
            streams.err(&format!(
                "note: `{}` is inside a git work tree, and Flux's paths start at its top; if a source stands \
                 elsewhere in it, pass the top as PATH and limit the plan with --only '{}/**'\n",
                common.paths[number].display(),
                common.paths[number].display(),
            ));
        }
        if !common.quiet && number == 0 && self.snapshot.is_none() && !planned.plan.sites.is_empty() {
            streams.err(
                "note: no registry is asked yet, so every source stays unanswered; \
                 pass --offline SNAPSHOT to plan with recorded answers\n",
            );
        }
        Some(planned)
    }

    fn print(&self, number: usize, planned: &Planned, tense: Tense) -> Result<String, Fault> {
        let common = &self.args.common;
        let Planned { tree, plan, set, .. } = planned;
        let files = &tree.files;
        Ok(match self.args.format {
            Format::Table => {
                let style = out_style(common, self.env);
                heading(common, number, style) + &report::table(plan, style, tense)
            }
            Format::Json => report::json(files, plan, set, root_name(common, number).as_deref()),
            Format::Diff => diff::unified(files, set).map_err(|error| Fault::of(&error))?,
            Format::Reverse => diff::reverse(files, set).map_err(|error| Fault::of(&error))?,
            Format::Edits => report::edits(files, set),
            Format::Markdown => match root_name(common, number) {
                Some(name) => format!("## `{name}`\n\n{}\n", report::markdown(plan)),
                None => report::markdown(plan),
            },
        })
    }

    fn code(&self, planned: &Planned) -> i32 {
        if !planned.set.refused.is_empty() || (self.args.common.strict && !planned.is_whole()) {
            FAILED
        } else if self.args.exit_code && !planned.plan.changes.is_empty() {
            CHANGES
        } else {
            FINE
        }
    }
}

fn explain(job: &Job<'_>, site: &str, streams: &mut Streams<'_>) -> Result<i32, Fault> {
    let mut code = FINE;
    let mut roots = Vec::new();
    for number in 0..job.args.common.paths.len() {
        match job.plan(number, streams) {
            Some(planned) => roots.push(planned),
            None => code = FAILED,
        }
    }
    let sites: Vec<_> = roots.iter().map(|planned| planned.plan.sites.as_slice()).collect();
    let style = out_style(&job.args.common, job.env);
    for (number, (root, site)) in pick(site, &sites)?.into_iter().enumerate() {
        let Planned { plan, resolution, rules, .. } = &roots[root];
        let Some(explanation) = plan::explain(plan, site, resolution, rules) else { continue };
        if number > 0 {
            streams.out("\n");
        }
        streams.out(&report::explain(plan, &explanation, style));
    }
    Ok(code)
}

fn show_config(args: &Plan, streams: &mut Streams<'_>, env: &Env) -> i32 {
    let mut code = FINE;
    for (number, path) in args.common.paths.iter().enumerate() {
        let shown = job::read(&env.folder, path).and_then(|tree| rules(args, env, &tree, None));
        match shown {
            Ok(rules) => {
                let name = root_name(&args.common, number);
                let head = name.map(|name| format!("# {name}\n")).unwrap_or_default();
                streams.out(&(head + &rules.show()));
            }
            Err(fault) => {
                streams.err(&fault.to_string());
                code = FAILED;
            }
        }
    }
    code
}

/// The rules in force for a tree: its file's, under the flags; ages count from when the snapshot was taken.
fn rules(args: &Plan, env: &Env, tree: &Tree, taken: Option<Timestamp>) -> Result<Rules, Fault> {
    let rules = job::rules_for(&env.folder, tree, args.rules.config.as_deref())?;
    let mut flags = args.rules.overrides(env)?;
    flags.now = taken.or(flags.now);
    under_flags(rules, flags)
}

fn under_flags(rules: Rules, flags: Overrides) -> Result<Rules, Fault> {
    rules.with(flags).map_err(|error| {
        let expected = format!("{}; {}", error.problem, error.help);
        Fault::bad_value(&format!("--{}", error.flag), &error.found, &expected)
    })
}

fn worse(a: i32, b: i32) -> i32 {
    if a == FAILED || b == FAILED { FAILED } else { a.max(b) }
}

pub(crate) fn out_style(common: &Common, env: &Env) -> Style {
    Style { color: common.color.on(env, env.out_is_terminal) }
}

/// Tells findings on standard error.
pub(crate) fn tell(common: &Common, findings: &[Diagnostic], streams: &mut Streams<'_>, env: &Env) {
    if !common.quiet {
        let style = Style { color: common.color.on(env, env.err_is_terminal) };
        streams.err(&report::findings(findings, style));
    }
}

/// The path as given, where there are several.
fn root_name(common: &Common, number: usize) -> Option<String> {
    (common.paths.len() > 1).then(|| common.paths[number].display().to_string())
}

/// A heading over each of several tables.
pub(crate) fn heading(common: &Common, number: usize, style: Style) -> String {
    let Some(name) = root_name(common, number) else { return String::new() };
    let gap = if number == 0 { "" } else { "\n" };
    let (bold, end) = if style.color { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
    format!("{gap}{bold}{name}{end}\n\n")
}
