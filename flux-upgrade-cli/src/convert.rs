//! `convert`: from one way of following a version to another.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};
use flux_upgrade_core::convert::{self, To, Wanted};
use flux_upgrade_core::host::{MappingFrom, Tree};
use flux_upgrade_core::locate::{Site, SourceKey};
use flux_upgrade_core::report::Tense;
use flux_upgrade_core::resolve::Resolution;
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::scan;

use crate::answers::Answers;
use crate::args::{Common, RulesFlags, SourcesFlags};
use crate::command::{mapping_from, rules, tell, worse};
use crate::env::Env;
use crate::fault::Fault;
use crate::job::{self, Settle};
use crate::ranges::{PatchFormat, Patched, one_path};
use crate::streams::Streams;
use crate::{FAILED, FINE};

/// `convert`: what is converted to what.
#[derive(Debug, Args)]
pub(crate) struct Convert {
    #[command(flatten)]
    pub(crate) common: Common,

    /// What to convert: PATH:LINE, Kind/namespace/name, Kind/name, or `all`; may be repeated
    ///
    /// A HelmRepository stands for all releases that take their charts from it.
    #[arg(long, value_name = "SITE", required = true)]
    pub(crate) site: Vec<String>,

    /// What to convert it to
    #[arg(long, value_name = "WAY", required = true)]
    pub(crate) to: Way,

    /// The range, for example '>=1.2.0 <2.0.0' [default: the major version that runs, below 1.0 the minor]
    #[arg(long, value_name = "RANGE")]
    pub(crate) range: Option<String>,

    /// With `--to automation`: the policy may elect something newer than what runs, which then moves
    #[arg(long)]
    pub(crate) begin: bool,

    /// Where a chart of an HTTP repository is published as an artifact: oci://host/path
    #[arg(long, value_name = "URL")]
    pub(crate) home: Option<String>,

    /// Remove HelmRepositories that nothing refers to after that
    #[arg(long)]
    pub(crate) remove_orphans: bool,

    /// Write the files; each in one step, and none if one has changed since it was read
    #[arg(long)]
    pub(crate) write: bool,

    /// Take all answers from this registry snapshot (JSON), or without one from what earlier runs have kept, and ask nobody
    #[arg(long, value_name = "SNAPSHOT", num_args = 0..=1, value_hint = ValueHint::FilePath)]
    pub(crate) offline: Option<Option<PathBuf>>,

    /// Form of the result
    #[arg(long, value_name = "FORM", default_value = "table")]
    pub(crate) format: PatchFormat,

    /// Exit with 2 when there are changes
    #[arg(long)]
    pub(crate) exit_code: bool,

    #[command(flatten)]
    pub(crate) rules: RulesFlags,

    #[command(flatten)]
    pub(crate) sources: SourcesFlags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// The version that runs, with its digest where the field has room for one
    Pin,
    /// A range that selects the version that runs
    Range,
    /// A tag that image automation moves: an ImageRepository, an ImagePolicy and a marker
    Automation,
    /// An OCIRepository that fetches the chart, and `chartRef`
    Oci,
}

impl Convert {
    fn to(&self) -> Result<To, Fault> {
        let only = |flag: &str, way: &str| Err(Fault::new(format!("{flag} goes with --to {way} alone")));
        if self.range.is_some() && !matches!(self.to, Way::Range | Way::Automation) {
            return only("--range", "range or automation");
        }
        if self.begin && self.to != Way::Automation {
            return only("--begin", "automation");
        }
        if (self.home.is_some() || self.remove_orphans) && self.to != Way::Oci {
            return only(if self.home.is_some() { "--home" } else { "--remove-orphans" }, "oci");
        }
        Ok(match self.to {
            Way::Pin => To::Pin,
            Way::Range => To::Range(self.range.clone()),
            Way::Automation => To::Automation { range: self.range.clone(), begin: self.begin },
            Way::Oci => To::Oci { home: self.home.clone(), remove_orphans: self.remove_orphans },
        })
    }
}

pub(crate) fn run(args: &Convert, streams: &mut Streams<'_>, env: &Env) -> Result<i32, Fault> {
    let to = args.to()?;
    let wanted: Vec<Wanted> = args
        .site
        .iter()
        .map(|text| text.parse().map_err(|error| bad_site(text, &error)))
        .collect::<Result<_, _>>()?;
    one_path(&args.common, args.format)?;
    let answers = Answers::of(args.offline.as_ref(), &args.sources, args.common.quiet, env)?;
    let mut code = FINE;
    for number in 0..args.common.paths.len() {
        let one = one(args, (&to, &wanted), number, &answers, streams, env).unwrap_or_else(|fault| {
            streams.err(&fault.to_string());
            FAILED
        });
        code = worse(code, one);
    }
    Ok(code)
}

fn bad_site(text: &str, _: &convert::WantedError) -> Fault {
    let expected = "expected PATH:LINE, PATH:LINE:COLUMN, Kind/namespace/name, Kind/name or `all`";
    Fault::bad_value("--site", text, expected)
}

/// Asks, for a snapshot, what a conversion of the charts of this path to artifacts at `home` asks.
pub(crate) fn record(
    home: &str,
    (answers, resolution): (&Answers, &Resolution),
    (tree, rules, from): (&Tree, &Rules, MappingFrom),
    env: &Env,
    streams: &mut Streams<'_>,
) -> Result<(), Fault> {
    let to = To::Oci { home: Some(home.to_owned()), remove_orphans: false };
    let inventory = scan(&tree.files);
    let all: Wanted = "all".parse().map_err(|error| bad_site("all", &error))?;
    let mut sites = convert::sites(&inventory, &[all], &to);
    sites.retain(|site| site.blocked.is_none());
    // A home is of one chart, or of all of them.
    let is_own = |site: &Site| match &site.source {
        Ok(SourceKey::Helm { chart, .. }) => home.trim_end_matches('/').rsplit('/').next() == Some(chart),
        _ => false,
    };
    if sites.iter().any(is_own) {
        sites.retain(is_own);
    }
    let conversion = convert::draft(&inventory, sites, &to, resolution, rules);
    answers.standing((conversion.sites(), rules), (tree, from), env, streams)?;
    Ok(())
}

fn one(
    args: &Convert,
    (to, wanted): (&To, &[Wanted]),
    number: usize,
    answers: &Answers,
    streams: &mut Streams<'_>,
    env: &Env,
) -> Result<i32, Fault> {
    if args.write
        && let Some(text) = job::settle(&env.folder, &args.common.paths[number], Settle::Finish)?
    {
        streams.err(&text);
    }
    let tree = job::read(&env.folder, &args.common.paths[number])?;
    let rules = rules(&args.rules, env, &tree, answers.taken())?;
    let inventory = scan(&tree.files);
    let sites = convert::sites(&inventory, wanted, to);
    if sites.is_empty() {
        return Err(Fault::new(format!(
            "no site at `{}`; `flux-upgrade scan` lists them",
            args.site.join("`, `")
        )));
    }
    let from = mapping_from(&args.rules);
    let before = answers.standing((&sites, &rules), (&tree, from), env, streams)?;
    let conversion = convert::draft(&inventory, sites, to, &before, &rules);
    let from = mapping_from(&args.rules);
    let after = answers.standing((conversion.sites(), &rules), (&tree, from), env, streams)?;
    let (plan, set) = conversion.prove(&inventory, &after, &rules);
    tell(&args.common, &plan.diagnostics, streams, env);
    let tense = Tense::Planned;
    Patched { tree: &tree, plan, set, tense }.finish(
        &args.common,
        (args.write, args.exit_code, args.format),
        number,
        streams,
        env,
    )
}
