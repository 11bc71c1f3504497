//! What each subcommand does.

use clap::{CommandFactory as _, ValueEnum as _};
use flux_upgrade_core::diagnostic::Diagnostic;
use flux_upgrade_core::host;
use flux_upgrade_core::host::{MappingFrom, Tree};
use flux_upgrade_core::patch::diff;
use flux_upgrade_core::plan::{self, Reason};
use flux_upgrade_core::report::{self, Style, Tense};
use flux_upgrade_core::rules::{Overrides, Rules};
use flux_upgrade_core::time::Timestamp;

use crate::answers::{Answers, Recorded, write_whole};
use crate::args::{
    Apply, Cli, Command, Common, Format, Plan, RulesFlags, Scan, ScanFormat, Snapshot as SnapshotArgs,
};
use crate::automate;
use crate::deliver::{DeliverFlags, Delivering};
use crate::env::Env;
use crate::fault::Fault;
use crate::flux;
use crate::job::{self, Planned, Scanned, Settle};
use crate::migrate;
use crate::pick::pick;
use crate::repositories;
use crate::streams::Streams;
use crate::{CHANGES, FAILED, FINE, INTERRUPTED};
use crate::{convert, ranges};

/// Runs a subcommand and gives its exit code.
pub(crate) fn execute(cli: &Cli, streams: &mut Streams<'_>, env: &Env) -> i32 {
    let code = match &cli.command {
        Command::Scan(scan) => Ok(run_scan(scan, streams, env)),
        Command::Plan(plan) => run_plan(plan, streams, env),
        Command::Apply(apply) => run_apply(apply, streams, env),
        Command::Install(install) => flux::install(install, streams, env),
        Command::Verify(verify) => flux::verify(verify, streams, env),
        Command::Migrate(args) => migrate::run(args, streams, env),
        Command::Automate(args) => automate::run(args, streams, env),
        Command::Ranges(args) => ranges::run(args, streams, env),
        Command::Lock(args) => ranges::run_lock(args, streams, env),
        Command::Rollback(args) => ranges::run_rollback(args, streams, env),
        Command::Convert(args) => convert::run(args, streams, env),
        Command::Snapshot(snapshot) => run_snapshot(snapshot, streams, env),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "flux-upgrade", &mut script);
            streams.out(&String::from_utf8_lossy(&script));
            Ok(FINE)
        }
    };
    let code = code.unwrap_or_else(|fault| {
        streams.err(&fault.to_string());
        FAILED
    });
    if env.cancel.is_set() { INTERRUPTED } else { code }
}

fn run_scan(scan: &Scan, streams: &mut Streams<'_>, env: &Env) -> i32 {
    let common = &scan.common;
    let mut code = FINE;
    for (number, path) in common.paths.iter().enumerate() {
        streams.about(root_name(common, number));
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
    let mut found = Vec::new();
    for number in 0..args.common.paths.len() {
        streams.about(root_name(&args.common, number));
        let name = args.common.paths[number].display().to_string();
        let Some(planned) = job.plan(number, streams) else {
            code = FAILED;
            found.push((name, None));
            continue;
        };
        streams.out(&job.print(number, &planned, Tense::Planned)?);
        code = worse(code, job.code(&planned));
        found.push((name, Some(report::Summary::of(&planned.plan))));
    }
    summarise(args, &found, streams);
    Ok(code)
}

/// A table by repository, where there are several.
fn summarise(args: &Plan, found: &[(String, Option<report::Summary>)], streams: &mut Streams<'_>) {
    streams.about(None);
    if found.len() > 1 && args.format == Format::Table && !args.common.quiet {
        streams.out(&repositories::table(found));
    }
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
    if apply.deliver.commit {
        return run_deliver(&job, &apply.deliver, streams);
    }
    if args.rev.is_some() {
        return Err(Fault::new(
            "--rev is for `plan`: `apply` writes the files that are checked out, `apply --commit --base` commits",
        ));
    }
    let mut code = FINE;
    let mut found = Vec::new();
    for number in 0..args.common.paths.len() {
        streams.about(root_name(&args.common, number));
        let one = apply_one(&job, number, streams).unwrap_or_else(|fault| {
            streams.err(&fault.to_string());
            (FAILED, None)
        });
        code = worse(code, one.0);
        found.push((args.common.paths[number].display().to_string(), one.1));
        if env.cancel.is_set() {
            break;
        }
    }
    summarise(args, &found, streams);
    Ok(code)
}

/// Writes the changes of one path: the exit code, and what was planned unless that failed.
fn apply_one(
    job: &Job<'_>,
    number: usize,
    streams: &mut Streams<'_>,
) -> Result<(i32, Option<report::Summary>), Fault> {
    let (args, env) = (job.args, job.env);
    let settled = job::settle(&env.folder, &args.common.paths[number], Settle::Finish)?;
    streams.err(&settled.unwrap_or_default());
    let Some(mut planned) = job.plan(number, streams) else { return Ok((FAILED, None)) };
    let code = job.code(&planned);
    let summary = Some(report::Summary::of(&planned.plan));
    if args.common.strict && !planned.is_whole() {
        streams.out(&job.print(number, &planned, Tense::Planned)?);
        streams.err(
            "error: nothing is written, since --strict wants every source answered and every file readable\n",
        );
        return Ok((code, summary));
    }
    planned.drop_refused();
    if env.cancel.is_set() {
        streams.err("interrupted: nothing of this path is written\n");
        return Ok((code, summary));
    }
    planned.write()?;
    streams.out(&job.print(number, &planned, Tense::Applied { files: planned.set.files.len() })?);
    Ok((code, summary))
}

/// Plans what the base of each path has, and delivers it as branches.
fn run_deliver(job: &Job<'_>, flags: &DeliverFlags, streams: &mut Streams<'_>) -> Result<i32, Fault> {
    let (args, env) = (job.args, job.env);
    let (mut code, mut homes, mut found) = (FINE, Vec::new(), Vec::new());
    for (number, path) in args.common.paths.iter().enumerate() {
        streams.about(root_name(&args.common, number));
        let mut summary = None;
        let mut one = |streams: &mut Streams<'_>| {
            let mut delivering = Delivering::new(flags, path, env)?;
            let home = delivering.home();
            if homes.contains(&home) {
                let why = "its branches would take the place of those before: run once for each, with another --branch-prefix";
                return Err(Fault::new(format!(
                    "`{}` is in a repository that was delivered to already; {why}",
                    path.display()
                )));
            }
            homes.push(home);
            let tree = delivering.tree()?;
            if let Some(unread) = job::rules_above(&tree, &args.rules) {
                let (top, below) = (unread.parent().unwrap_or(&unread).display(), delivering.below());
                return Err(Fault::new(format!(
                    "the rules in `{}` would not count, since PATH is below it; pass `{top}` as PATH and \
                     limit the plan with --only '{below}**', or pass --config",
                    unread.display()
                )));
            }
            let mut planned = job.plan_tree(number, tree, streams)?;
            let mut code = job.code(&planned);
            summary = Some(report::Summary::of(&planned.plan));
            if args.common.strict && !planned.is_whole() {
                streams.err("error: nothing is committed, since --strict wants every source answered and every file readable\n");
                return Ok(FAILED);
            }
            planned.drop_refused();
            let is_all = args.rules.only.is_empty()
                && delivering.below().is_empty()
                && !job::has_errors(&planned.plan.diagnostics);
            if env.cancel.is_set() {
                streams.err("interrupted: nothing of this path is committed\n");
                return Ok(FAILED);
            }
            let report = delivering.run(&planned, is_all, env)?;
            if report.has_failed {
                code = FAILED;
            }
            if matches!(args.format, Format::Table) {
                streams.out(&heading(&args.common, number, out_style(&args.common, env)));
            } else if !matches!(args.format, Format::Json) {
                streams.out(&job.print(number, &planned, Tense::Planned)?);
            }
            report.tell(args.format, root_name(&args.common, number).as_deref(), streams);
            Ok(code)
        };
        let one = one(streams).unwrap_or_else(|fault: Fault| {
            streams.err(&fault.to_string());
            FAILED
        });
        code = worse(code, one);
        found.push((path.display().to_string(), summary));
    }
    summarise(args, &found, streams);
    Ok(code)
}

/// Asks what a plan needs, and writes down what was said.
fn run_snapshot(args: &SnapshotArgs, streams: &mut Streams<'_>, env: &Env) -> Result<i32, Fault> {
    under_flags(Rules::default(), args.rules.overrides(env)?)?;
    let answers = Answers::live(&args.sources, args.common.quiet, env)?;
    let mut code = FINE;
    for path in &args.common.paths {
        let planned = job::plan_tree(
            job::read(&env.folder, path)?,
            |tree| rules(&args.rules, env, tree, None),
            |sites, rules, tree| {
                answers.record((sites, rules), (tree, mapping_from(&args.rules)), env, streams)
            },
        )?;
        for home in &args.home {
            let from = mapping_from(&args.rules);
            let of = (&planned.tree, &planned.rules, from);
            convert::record(home, (&answers, &planned.resolution), of, env, streams)?;
        }
        tell(&args.common, &planned.plan.diagnostics, streams, env);
        if args.common.strict && !planned.is_whole() {
            code = FAILED;
        }
    }
    let place = env.folder.join(&args.output);
    let folder = format!("{}.d", args.output.file_name().unwrap_or_default().to_string_lossy());
    let Recorded { text, archives, asked, failed } = answers.recording(&folder, env);
    let file = args.output.display();
    let failure = |error: &std::io::Error| Fault::of(error).under(format!("cannot write `{file}`"));
    // What it names is there before it is.
    for (path, bytes) in archives {
        let archive = place.with_file_name(path);
        let folder = archive.parent().unwrap_or(&env.folder);
        std::fs::create_dir_all(folder)
            .and_then(|()| write_whole(&archive, bytes))
            .map_err(|error| failure(&error))?;
    }
    write_whole(&place, &text).map_err(|error| failure(&error))?;
    if !args.common.quiet {
        let failed = match failed {
            0 => String::new(),
            1 => ", 1 answer is a failure".to_owned(),
            _ => format!(", {failed} answers are failures"),
        };
        let sources = if asked == 1 { "1 source".to_owned() } else { format!("{asked} sources") };
        streams.out(&format!("{sources} recorded in {file}{failed}\n"));
    }
    Ok(code)
}

/// What `plan` and `apply` do alike.
struct Job<'a> {
    args: &'a Plan,
    env: &'a Env,
    answers: Answers,
}

impl<'a> Job<'a> {
    /// Reads the snapshot and checks what can be checked before the first file is read.
    fn new(args: &'a Plan, env: &'a Env) -> Result<Self, Fault> {
        under_flags(Rules::default(), args.rules.overrides(env)?)?;
        if args.common.paths.len() > 1
            && !matches!(args.format, Format::Table | Format::Json | Format::Markdown)
        {
            let form =
                args.format.to_possible_value().map_or_else(String::new, |form| form.get_name().to_owned());
            let paths = args.common.paths.len();
            let why = "its paths are relative to PATH; run it once for each";
            return Err(Fault::new(format!("--format {form} takes one PATH, and there are {paths}: {why}")));
        }
        let answers = Answers::of(args.offline.as_ref(), &args.sources, args.common.quiet, env)?;
        Ok(Self { args, env, answers })
    }

    /// Plans one path and tells its findings; `None` after an error that has been told.
    fn plan(&self, number: usize, streams: &mut Streams<'_>) -> Option<Planned> {
        let (path, folder) = (&self.args.common.paths[number], &self.env.folder);
        let tree = match &self.args.rev {
            Some(revision) => job::read_revision(folder, path, revision),
            None => job::read(folder, path),
        };
        let planned = tree.and_then(|tree| self.plan_tree(number, tree, streams));
        planned.map_err(|fault| streams.err(&fault.to_string())).ok()
    }

    /// Plans the files of a path and tells its findings.
    fn plan_tree(&self, number: usize, tree: Tree, streams: &mut Streams<'_>) -> Result<Planned, Fault> {
        let (common, env) = (&self.args.common, self.env);
        let planned = job::plan_tree(
            tree,
            |tree| rules(&self.args.rules, env, tree, self.answers.taken()),
            |sites, rules, tree| {
                let from = mapping_from(&self.args.rules);
                self.answers.resolve((sites, rules), (tree, from), env, streams)
            },
        )?;
        let (unread, found): (Vec<_>, Vec<_>) =
            planned.plan.diagnostics.iter().cloned().partition(|found| found.code == "rules.renovate-option");
        tell(common, &found, streams, env);
        if let Some(first) = unread.first().filter(|_| !common.quiet) {
            let settings =
                if unread.len() == 1 { "1 setting".to_owned() } else { format!("{} settings", unread.len()) };
            let has = if unread.len() == 1 { "has" } else { "have" };
            streams.err(&format!(
                "note: {settings} of {} {has} no effect here; --show-config lists them\n",
                first.at.path
            ));
        }
        for refused in &planned.set.refused {
            streams.err(&Fault::new(format!("{}: not edited: {}", refused.path, refused.why)).to_string());
        }
        note_untracked(common, number, &planned.tree, streams);
        if !common.quiet && host::unfinished(&planned.tree.root).is_ok_and(|left| left.is_some()) {
            streams.err(
                "note: an earlier apply did not finish; `flux-upgrade apply` finishes it first, `apply --undo` takes it back\n",
            );
        }
        if let Some(unread) = job::rules_above(&planned.tree, &self.args.rules) {
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
        Ok(planned)
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
            Format::Sarif => report::sarif(files, plan, set),
            Format::JsonPatch => report::json_patch(files, set),
            Format::Markdown => match root_name(common, number) {
                Some(name) => format!("## `{name}`\n\n{}\n", report::markdown(plan)),
                None => report::markdown(plan),
            },
        })
    }

    fn code(&self, planned: &Planned) -> i32 {
        self.code_of(planned, !planned.plan.changes.is_empty())
    }

    /// The exit code of a plan of which a part was asked for; `moves` says whether that has changes.
    fn code_of(&self, planned: &Planned, moves: bool) -> i32 {
        if !planned.set.refused.is_empty() || (self.args.common.strict && !planned.is_whole()) {
            FAILED
        } else if self.args.exit_code && moves {
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
        streams.about(root_name(&job.args.common, number));
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
        let moves = plan.changes.iter().any(|change| change.site == site);
        code = worse(code, job.code_of(&roots[root], moves));
    }
    Ok(code)
}

fn show_config(args: &Plan, streams: &mut Streams<'_>, env: &Env) -> i32 {
    let mut code = FINE;
    for (number, path) in args.common.paths.iter().enumerate() {
        streams.about(root_name(&args.common, number));
        let shown = job::read(&env.folder, path).and_then(|tree| rules(&args.rules, env, &tree, None));
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
pub(crate) fn rules(
    args: &RulesFlags,
    env: &Env,
    tree: &Tree,
    taken: Option<Timestamp>,
) -> Result<Rules, Fault> {
    let mut rules = job::rules_for(&env.folder, tree, args.config.as_deref())?;
    job::check_promotions(&rules, &env.folder, tree, args.config.as_deref())?;
    if !args.no_renovate && rules.reads_renovate() {
        rules = rules.over(job::renovate(tree)?);
    }
    let mut flags = args.overrides(env)?;
    flags.now = taken.or(flags.now);
    let now = flags.as_of.or(flags.now);
    job::with_history(under_flags(rules, flags)?, tree, now)
}

/// Who has written the rules in force.
pub(crate) fn mapping_from(args: &RulesFlags) -> MappingFrom {
    if args.config.is_some() { MappingFrom::User } else { MappingFrom::Repository }
}

fn under_flags(rules: Rules, flags: Overrides) -> Result<Rules, Fault> {
    rules.with(flags).map_err(|error| {
        let expected = format!("{}; {}", error.problem, error.help);
        Fault::bad_value(&format!("--{}", error.flag), &error.found, &expected)
    })
}

pub(crate) fn worse(a: i32, b: i32) -> i32 {
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

/// Says that nothing is read, where git knows no file.
pub(crate) fn note_untracked(common: &Common, number: usize, tree: &Tree, streams: &mut Streams<'_>) {
    if !common.quiet && tree.files.is_empty() && tree.work_tree.is_some() {
        let path = common.paths[number].display();
        streams.err(&format!(
            "note: git tracks no YAML file in `{path}`; files that are not added are not read\n"
        ));
    }
}

/// The path as given, where there are several.
pub(crate) fn root_name(common: &Common, number: usize) -> Option<String> {
    (common.paths.len() > 1 || common.repositories.is_some())
        .then(|| common.paths[number].display().to_string())
}

/// A heading over each of several tables.
pub(crate) fn heading(common: &Common, number: usize, style: Style) -> String {
    let Some(name) = root_name(common, number) else { return String::new() };
    let gap = if number == 0 { "" } else { "\n" };
    let (bold, end) = if style.color { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
    format!("{gap}{bold}{name}{end}\n\n")
}
