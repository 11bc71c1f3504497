//! `migrate`: manifests to the API versions of a Flux release, and what else stands in its way.

use flux_upgrade_core::migrate::{Goal, KNOWN, Migration, Preflight, beside_migration, migrate};
use flux_upgrade_core::patch::diff;
use flux_upgrade_core::report::{self, Tense};
use flux_upgrade_core::version::{FluxMinor, Version};

use crate::args::{Migrate, MigrateFormat};
use crate::command::{heading, out_style, root_name, tell, worse};
use crate::env::Env;
use crate::fault::Fault;
use crate::job;
use crate::streams::Streams;
use crate::{CHANGES, FAILED, FINE};

pub(crate) fn run(args: &Migrate, streams: &mut Streams<'_>, env: &Env) -> Result<i32, Fault> {
    let job = Job::new(args)?;
    let mut code = FINE;
    for number in 0..args.common.paths.len() {
        let one = job.one(number, streams, env).unwrap_or_else(|fault| {
            streams.err(&fault.to_string());
            FAILED
        });
        code = worse(code, one);
    }
    Ok(code)
}

/// What is asked of every path.
struct Job<'a> {
    args: &'a Migrate,
    goal: Goal,
    asked: Preflight,
}

impl<'a> Job<'a> {
    fn new(args: &'a Migrate) -> Result<Self, Fault> {
        let count = args.common.paths.len();
        if count > 1 && args.format == MigrateFormat::Diff {
            let why = "its paths are relative to PATH; run it once for each";
            return Err(Fault::new(format!("--format diff takes one PATH, and there are {count}: {why}")));
        }
        let from = args.from.as_deref().map(|text| minor("--from", text)).transpose()?;
        let to = args.to.as_deref().map_or(Ok(KNOWN.1), |text| minor("--to", text))?;
        let goal = match from {
            Some(from) => Goal::step(from, to),
            None => Goal::release(to),
        };
        let goal = goal.ok_or_else(|| Fault::new(known()))?;
        let kubernetes = args.kubernetes.as_deref().map(|text| {
            Version::parse(text)
                .map_err(|_| Fault::bad_value("--kubernetes", text, "expected a version such as 1.34.1"))
        });
        Ok(Self { args, goal, asked: Preflight { from, to: Some(to), kubernetes: kubernetes.transpose()? } })
    }

    fn one(&self, number: usize, streams: &mut Streams<'_>, env: &Env) -> Result<i32, Fault> {
        let (args, common) = (self.args, &self.args.common);
        let tree = job::read(&env.folder, &common.paths[number])?;
        let migration = migrate(&tree.files, &self.goal);
        let broken = job::has_errors(&tree.diagnostics) || migration.left().next().is_some();
        tell(common, &tree.diagnostics, streams, env);
        let before = beside_migration(&tree.files, &self.asked);
        tell(common, &migration.findings, streams, env);
        tell(common, &before, streams, env);
        let mut tense = Tense::Planned;
        if args.write && common.strict && broken {
            streams.err("error: nothing is written, since --strict wants every manifest migrated\n");
        } else if args.write {
            job::write(&tree, &migration.set)?;
            tense = Tense::Applied { files: migration.set.files.len() };
        }
        streams.out(&match args.format {
            MigrateFormat::Table => {
                let style = out_style(common, env);
                heading(common, number, style) + &report::migration_table(&migration, style, tense)
            }
            MigrateFormat::Json => {
                report::migration_json(&migration, &self.goal, &before, root_name(common, number).as_deref())
            }
            MigrateFormat::Diff => {
                diff::unified(&tree.files, &migration.set).map_err(|error| Fault::of(&error))?
            }
        });
        Ok(self.code(&migration, broken))
    }

    fn code(&self, migration: &Migration, broken: bool) -> i32 {
        if !migration.set.refused.is_empty() || (self.args.common.strict && broken) {
            FAILED
        } else if self.args.exit_code && !migration.changes.is_empty() {
            CHANGES
        } else {
            FINE
        }
    }
}

fn known() -> String {
    format!("expected a Flux minor from {} to {}, for example v{}", KNOWN.0, KNOWN.1, KNOWN.1)
}

/// A minor that is known.
fn minor(flag: &str, text: &str) -> Result<FluxMinor, Fault> {
    let minor = text.parse::<FluxMinor>().ok().filter(|minor| Goal::release(*minor).is_some());
    minor.ok_or_else(|| Fault::bad_value(flag, text, &known()))
}
