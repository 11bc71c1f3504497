//! `migrate`: manifests to the API versions of a Flux release.

use flux_upgrade_core::migrate::{Goal, KNOWN, Migration, migrate};
use flux_upgrade_core::patch::diff;
use flux_upgrade_core::report::{self, Tense};
use flux_upgrade_core::version::FluxMinor;

use crate::args::{Migrate, MigrateFormat};
use crate::command::{heading, out_style, root_name, tell, worse};
use crate::env::Env;
use crate::fault::Fault;
use crate::job;
use crate::streams::Streams;
use crate::{CHANGES, FAILED, FINE};

pub(crate) fn run(args: &Migrate, streams: &mut Streams<'_>, env: &Env) -> Result<i32, Fault> {
    let common = &args.common;
    let goal = goal(args.to.as_deref())?;
    if common.paths.len() > 1 && args.format == MigrateFormat::Diff {
        let why = "its paths are relative to PATH; run it once for each";
        return Err(Fault::new(format!(
            "--format diff takes one PATH, and there are {}: {why}",
            common.paths.len()
        )));
    }
    let mut code = FINE;
    for number in 0..common.paths.len() {
        code = worse(
            code,
            one(args, &goal, number, streams, env).unwrap_or_else(|fault| {
                streams.err(&fault.to_string());
                FAILED
            }),
        );
    }
    Ok(code)
}

/// What the manifests shall be ready for.
fn goal(to: Option<&str>) -> Result<Goal, Fault> {
    let known = format!("expected a Flux minor from {} to {}, for example v{}", KNOWN.0, KNOWN.1, KNOWN.1);
    let Some(text) = to else { return Goal::release(KNOWN.1).ok_or_else(|| Fault::new(known)) };
    let minor = text.parse::<FluxMinor>().ok();
    minor.and_then(Goal::release).ok_or_else(|| Fault::bad_value("--to", text, &known))
}

fn one(
    args: &Migrate,
    goal: &Goal,
    number: usize,
    streams: &mut Streams<'_>,
    env: &Env,
) -> Result<i32, Fault> {
    let common = &args.common;
    let tree = job::read(&env.folder, &common.paths[number])?;
    let migration = migrate(&tree.files, goal);
    let broken = job::has_errors(&tree.diagnostics) || migration.left().next().is_some();
    tell(common, &tree.diagnostics, streams, env);
    tell(common, &migration.findings, streams, env);
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
        MigrateFormat::Json => report::migration_json(&migration, goal, root_name(common, number).as_deref()),
        MigrateFormat::Diff => {
            diff::unified(&tree.files, &migration.set).map_err(|error| Fault::of(&error))?
        }
    });
    Ok(code(args, &migration, broken))
}

fn code(args: &Migrate, migration: &Migration, broken: bool) -> i32 {
    if !migration.set.refused.is_empty() || (args.common.strict && broken) {
        FAILED
    } else if args.exit_code && !migration.changes.is_empty() {
        CHANGES
    } else {
        FINE
    }
}
