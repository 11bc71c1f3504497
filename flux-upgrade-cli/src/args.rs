//! The arguments, and what `--help` says of them.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use flux_upgrade_core::rules::Overrides;
use flux_upgrade_core::time::{Age, Timestamp};

use crate::automate;
use crate::deliver::DeliverFlags;
use crate::env::Env;
use crate::fault::Fault;
use crate::spelling::nearest;
use crate::{convert, ranges, repositories};

/// Plan and apply upgrades of a Git repository that Flux reconciles.
///
/// Every place that pins a version ends as a change or as held with a reason. Edits touch the version text and nothing
/// else: comments, quotes and blank lines stay.
#[derive(Debug, Parser)]
#[command(name = "flux-upgrade", version, arg_required_else_help = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 fine, 1 failed, 2 changes are available (with --exit-code) or a lock has drifted (lock --check)."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List every place that pins or constrains a version
    Scan(Scan),
    /// Show what would change and what is held; write nothing
    Plan(Plan),
    /// Write the changes of a plan into the files
    ///
    /// Each file is replaced in one step. When a file has changed since it was read, nothing is written.
    Apply(Box<Apply>),
    /// Print Flux's manifests as `flux install --export` would
    Install(Install),
    /// Check every Flux: its version, its manifests, the patches beside them
    ///
    /// Fails when one is out of support, is not what its release and its options give, or has a patch that does not fit.
    Verify(Verify),
    /// Move manifests to the API versions of a Flux release; without --write, show what would change
    ///
    /// Fields that the new version lacks are converted along. Objects that cannot be are told of and left as they are.
    Migrate(Migrate),
    /// Write what the image policies elect into the fields that $imagepolicy markers name; --write writes the files
    ///
    /// Image automation outside the cluster: it edits the marked scalars and nothing else.
    Automate(automate::Automate),
    /// Show what each range and floating tag resolves to now, since when, and what is wrong with it
    Ranges(ranges::Ranges),
    /// Write down in flux-upgrade.lock what each range and floating tag resolves to; --check compares
    ///
    /// Commit the file: its history says what ran when, and `rollback` leads back to it.
    Lock(ranges::Lock),
    /// Pin every range and floating tag where a lock said that it stood; without --write, show what would change
    Rollback(ranges::Rollback),
    /// Convert pins to ranges, ranges to pins, and charts to OCIRepositories, where what runs stays the same
    ///
    /// Each conversion is shown to stand at the same version and digest before and after, and refused otherwise.
    Convert(convert::Convert),
    /// Ask everything that plans, ranges, locks and conversions need and write the answers into a file, for --offline
    Snapshot(Snapshot),
    /// Print a completion script for a shell
    ///
    /// For example: flux-upgrade completions bash > ~/.local/share/bash-completion/completions/flux-upgrade
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Scan {
    #[command(flatten)]
    pub(crate) common: Common,

    /// Form of the result
    #[arg(long, value_name = "FORM", default_value = "table")]
    pub(crate) format: ScanFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) common: Common,

    /// Take all answers from this registry snapshot (JSON), or without one from what earlier runs have kept, and ask nobody
    #[arg(long, value_name = "SNAPSHOT", num_args = 0..=1, value_hint = ValueHint::FilePath)]
    pub(crate) offline: Option<Option<PathBuf>>,

    /// Form of the result
    #[arg(long, value_name = "FORM", default_value = "table")]
    pub(crate) format: Format,

    /// Say why one site moves or stays, candidate by candidate
    ///
    /// SITE is PATH:LINE or PATH:LINE:COLUMN as a table names it, Kind/namespace/name, Kind/name, or an `id` of the JSON.
    #[arg(long, value_name = "SITE", conflicts_with = "format")]
    pub(crate) explain: Option<String>,

    /// Exit with 2 when there are changes
    #[arg(long)]
    pub(crate) exit_code: bool,

    /// Plan the files as this commit has them: a branch, a tag, a hash; nothing is checked out, and a bare repository will do
    #[arg(long, value_name = "REVISION")]
    pub(crate) rev: Option<String>,

    #[command(flatten)]
    pub(crate) rules: RulesFlags,

    #[command(flatten)]
    pub(crate) sources: SourcesFlags,
}

/// `snapshot`: what is asked, and where the answers go.
#[derive(Debug, Args)]
pub(crate) struct Snapshot {
    #[command(flatten)]
    pub(crate) common: Common,

    /// The file to write, in one step
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,

    /// Ask also where charts are published as OCI artifacts, for `convert --to oci --home`; may be repeated
    #[arg(long, value_name = "oci://HOME")]
    pub(crate) home: Vec<String>,

    #[command(flatten)]
    pub(crate) rules: RulesFlags,

    #[command(flatten)]
    pub(crate) sources: SourcesFlags,
}

/// How registries, chart repositories and git servers are asked.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sources")]
pub(crate) struct SourcesFlags {
    /// Ask this host too: a name, an address or a network on this machine or its link; may be repeated
    ///
    /// URLs come from the repository, so loopback and link-local addresses are refused otherwise. `file://` allows git
    /// repositories in folders of this machine.
    #[arg(long, value_name = "HOST|CIDR")]
    pub(crate) allow_host: Vec<String>,

    /// Keep no answers, and use none that were kept
    #[arg(long)]
    pub(crate) no_cache: bool,

    /// Use kept answers up to this age without asking again, for example 1h [default: ask whether they have changed]
    #[arg(long, value_name = "AGE", conflicts_with = "no_cache")]
    pub(crate) max_age: Option<String>,

    /// Seconds that one request may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,

    /// Seconds that all requests together may take; what has no answer then is unanswered
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub(crate) run_timeout: Option<u64>,

    /// Questions that are asked of one host at the same time
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub(crate) per_host: u64,

    /// Trust the certificates of this file (PEM) beside those of the system; may be repeated
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) ca_file: Vec<PathBuf>,

    /// Show this certificate (PEM) to servers that ask for one
    #[arg(long, value_name = "FILE", requires = "client_key", value_hint = ValueHint::FilePath)]
    pub(crate) client_cert: Option<PathBuf>,

    /// The key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "client_cert", value_hint = ValueHint::FilePath)]
    pub(crate) client_key: Option<PathBuf>,

    /// Log in with the Secrets that sources refer to, where they stand unencrypted in the repository
    #[arg(long)]
    pub(crate) use_repository_secrets: bool,

    /// Largest chart index that is read, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub(crate) max_index: u64,

    /// Read chart indexes as a whole, so that a mistake in any chart refuses the index, as in Flux
    #[arg(long)]
    pub(crate) strict_index: bool,

    /// Take Flux's own manifests from here: DIR/vX.Y.Z/manifests.tar.gz, or URL/download/vX.Y.Z/manifests.tar.gz
    /// [default: the snapshot's, else Flux's own releases]
    #[arg(long, value_name = "DIR|URL", value_hint = ValueHint::DirPath)]
    pub(crate) flux_releases: Option<String>,
}

/// `apply`: what `plan` takes, and what to do with an earlier apply that did not finish.
#[derive(Debug, Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) plan: Plan,

    /// Take an earlier apply that did not finish back, and do nothing else
    ///
    /// Without it such an apply is finished first.
    #[arg(long)]
    pub(crate) undo: bool,

    #[command(flatten)]
    pub(crate) deliver: DeliverFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    #[command(flatten)]
    pub(crate) common: Common,

    /// The Flux release that the manifests shall be ready for, for example v2.9 [default: the newest known]
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: Option<String>,

    /// Move only to versions that this Flux serves as well, so that the manifests can be applied before it is upgraded
    #[arg(long, value_name = "VERSION")]
    pub(crate) from: Option<String>,

    /// The Kubernetes version of the clusters, to say whether it suffices
    #[arg(long, value_name = "VERSION")]
    pub(crate) kubernetes: Option<String>,

    /// Write the files
    #[arg(long)]
    pub(crate) write: bool,

    /// Form of the result
    #[arg(long, value_name = "FORM", default_value = "table")]
    pub(crate) format: MigrateFormat,

    /// Exit with 2 when there are changes
    #[arg(long)]
    pub(crate) exit_code: bool,
}

/// What every command on folders takes.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Folders that Flux's own paths start from (the top of a repository), or single files; each is read by itself
    ///
    /// Inside a git work tree only tracked files are read, elsewhere .gitignore is honoured.
    #[arg(value_name = "PATH", required_unless_present = "repositories", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,

    /// Take more paths from this file, one on a line, relative to the file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) repositories: Option<PathBuf>,

    /// Take every COUNT-th path only, from the one at INDEX (from 0), for example 0/4
    #[arg(long, value_name = "INDEX/COUNT")]
    pub(crate) shard: Option<String>,

    /// Fail when a source has no answer or a file has an error
    #[arg(long)]
    pub(crate) strict: bool,

    /// Print no findings and no hints, only the result and what makes the command fail
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// Colour the result [auto: on a terminal, unless NO_COLOR is set]
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// The flags of `flux install` that change what it prints.
#[derive(Debug, Args)]
pub(crate) struct Install {
    /// Print the manifests; nothing else is possible
    #[arg(long)]
    pub(crate) export: bool,

    /// The release, for example v2.9.4
    #[arg(long, short = 'v', value_name = "VERSION", required = true)]
    pub(crate) version: String,

    /// Controllers, in the order of their documents [default: the four of source, kustomize, helm and notification]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    components: Vec<String>,

    /// Controllers after those
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    components_extra: Vec<String>,

    /// Namespace of the controllers [default: flux-system]
    #[arg(long, short = 'n', value_name = "NAME")]
    namespace: Option<String>,

    /// Where the images come from [default: ghcr.io/fluxcd]
    #[arg(long, value_name = "HOST/PATH")]
    registry: Option<String>,

    /// Secret that the images are pulled with
    #[arg(long, value_name = "NAME")]
    image_pull_secret: Option<String>,

    /// Whether objects of every namespace are reconciled [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    watch_all_namespaces: Option<String>,

    /// Whether the network policies are there [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    network_policy: Option<String>,

    /// What the controllers log: debug, info or error [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,

    /// DNS domain of the cluster [default: cluster.local]
    #[arg(long, value_name = "DOMAIN")]
    cluster_domain: Option<String>,

    /// Keys of taints that the controllers tolerate
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    toleration_keys: Vec<String>,

    /// Where releases are: DIR/vX.Y.Z/manifests.tar.gz, or URL/download/vX.Y.Z/manifests.tar.gz [default: Flux's own]
    #[arg(long, value_name = "DIR|URL", value_hint = ValueHint::DirPath)]
    pub(crate) flux_releases: Option<String>,
}

impl Install {
    /// The flags that are given, in the order in which they are set.
    pub(crate) fn flags(&self) -> Vec<(&'static str, String)> {
        let list = |flag, values: &[String]| (!values.is_empty()).then(|| (flag, values.join(",")));
        let one = |flag, value: &Option<String>| value.clone().map(|value| (flag, value));
        [
            list("components", &self.components),
            list("components-extra", &self.components_extra),
            one("namespace", &self.namespace),
            one("registry", &self.registry),
            one("image-pull-secret", &self.image_pull_secret),
            one("watch-all-namespaces", &self.watch_all_namespaces),
            one("network-policy", &self.network_policy),
            one("log-level", &self.log_level),
            one("cluster-domain", &self.cluster_domain),
            list("toleration-keys", &self.toleration_keys),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) common: Common,

    /// Releases to compare with: DIR/vX.Y.Z/manifests.tar.gz, or URL/download/vX.Y.Z/manifests.tar.gz [default: Flux's own]
    #[arg(long, value_name = "DIR|URL", value_hint = ValueHint::DirPath)]
    pub(crate) flux_releases: Option<String>,

    /// Form of the result
    #[arg(long, value_name = "FORM", default_value = "table")]
    pub(crate) format: VerifyFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum VerifyFormat {
    /// For people
    Table,
    /// For tools: flux-upgrade/verify/v1
    Json,
}

/// Flags that go over the rules file.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rules (over those of .flux-upgrade.yaml)")]
pub(crate) struct RulesFlags {
    /// Largest step that is proposed [default: minor]
    #[arg(long, value_name = "LEVEL", value_parser = PossibleValuesParser::new(["patch", "minor", "major", "none"]))]
    allow: Option<String>,

    /// Propose pre-releases too
    #[arg(long)]
    prerelease: bool,

    /// What to do with ranges: leave them, move those that keep the newest out, or pin each to one version [default: keep]
    #[arg(long, value_name = "MODE", value_parser = PossibleValuesParser::new(["keep", "move", "pin"]))]
    ranges: Option<String>,

    /// What to do with digests: leave them, move them with their tag, or add one to every tag [default: update]
    #[arg(long, value_name = "MODE", value_parser = PossibleValuesParser::new(["keep", "update", "pin"]))]
    digests: Option<String>,

    /// Propose only versions that have been published for this long, for example 36h, 3d or 2w
    #[arg(long, value_name = "AGE")]
    min_age: Option<String>,

    /// Plan as if it were this day: 2026-08-22 or 2026-08-22T10:00:00Z
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,

    /// Read ranges and policies as this Flux does, for example 2.6 [default: the repository's own]
    #[arg(long, value_name = "VERSION")]
    flux_version: Option<String>,

    /// Plan only files whose path matches this glob, and what shares a variable with them; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub(crate) only: Vec<String>,

    /// Read the rules from this file [default: .flux-upgrade.yaml of the folder]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// Leave Renovate's configuration of the repository alone
    #[arg(long)]
    pub(crate) no_renovate: bool,

    /// Print the rules that are in force and plan nothing
    #[arg(long)]
    pub(crate) show_config: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScanFormat {
    /// For people
    Table,
    /// For tools: flux-upgrade/sites/v1, see docs/sites.schema.json
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MigrateFormat {
    /// For people
    Table,
    /// For tools: flux-upgrade/migration/v1
    Json,
    /// A unified diff for `git apply`, paths relative to PATH
    Diff,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// For tools: flux-upgrade/plan/v1, see docs/plan.schema.json
    Json,
    /// A unified diff for `git apply`, paths relative to PATH
    Diff,
    /// The diff that takes the plan back
    Reverse,
    /// Text edits for editors (JSON, ranges as in LSP), see docs/edits.schema.json
    Edits,
    /// The body of a pull request
    Markdown,
    /// For code scanning: SARIF 2.1.0, each change with its edits as a fix
    Sarif,
    /// A JSON Patch (RFC 6902) for each document, see docs/json-patch.schema.json
    JsonPatch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    /// Whether a stream is coloured.
    pub(crate) fn on(self, env: &Env, is_terminal: bool) -> bool {
        match self {
            Self::Auto => env.wants_color(is_terminal),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

impl RulesFlags {
    /// The flags as rules.
    pub(crate) fn overrides(&self, env: &Env) -> Result<Overrides, Fault> {
        Ok(Overrides {
            allow: value("--allow", self.allow.as_deref())?,
            prerelease: self.prerelease.then_some(true),
            ranges: value("--ranges", self.ranges.as_deref())?,
            digests: value("--digests", self.digests.as_deref())?,
            minimum_age: value::<Age>("--min-age", self.min_age.as_deref())?,
            as_of: value::<Timestamp>("--as-of", self.as_of.as_deref())?,
            now: env.time(),
            flux_version: self.flux_version.clone(),
            only: self.only.clone(),
        })
    }
}

/// The value of a flag, if it is there.
fn value<T>(flag: &str, text: Option<&str>) -> Result<Option<T>, Fault>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let parse =
        |text: &str| text.parse().map_err(|error: T::Err| Fault::bad_value(flag, text, &error.to_string()));
    text.map(parse).transpose()
}

/// What ends the run before a command starts.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) text: String,
    pub(crate) is_help: bool,
}

/// Reads the arguments.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>, env: &Env) -> Result<Cli, Stop> {
    let mut cli = Cli::try_parse_from(args).map_err(|error| {
        let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
        let terminal = if is_help { env.out_is_terminal } else { env.err_is_terminal };
        let text = match bad_value(&error) {
            Some(fault) => fault.to_string(),
            None if env.wants_color(terminal) => error.render().ansi().to_string(),
            None => error.render().to_string(),
        };
        Stop { text, is_help }
    })?;
    if let Some(common) = cli.command.common() {
        let stop = |fault: Fault| Stop { text: fault.to_string(), is_help: false };
        repositories::expand(common, env).map_err(stop)?;
    }
    Ok(cli)
}

impl Command {
    /// What the command takes on folders, if it is for folders.
    fn common(&mut self) -> Option<&mut Common> {
        Some(match self {
            Self::Scan(args) => &mut args.common,
            Self::Plan(args) => &mut args.common,
            Self::Apply(args) => &mut args.plan.common,
            Self::Verify(args) => &mut args.common,
            Self::Migrate(args) => &mut args.common,
            Self::Snapshot(args) => &mut args.common,
            Self::Automate(args) if args.what.is_some() => return None,
            Self::Automate(args) => &mut args.common,
            Self::Ranges(args) => &mut args.common,
            Self::Lock(args) => &mut args.ranges.common,
            Self::Rollback(args) => &mut args.common,
            Self::Convert(args) => &mut args.common,
            Self::Install(_) | Self::Completions { .. } => return None,
        })
    }
}

/// A value that is not in a flag's list, with a caret under it.
fn bad_value(error: &clap::Error) -> Option<Fault> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (ErrorKind::InvalidValue, Some(ContextValue::Strings(known))) =
        (error.kind(), error.get(ContextKind::ValidValue))
    else {
        return None;
    };
    // The flag comes as `--allow <LEVEL>`, an argument as `<SHELL>`.
    let flag = text(ContextKind::InvalidArg)?.split(' ').next()?;
    let value = text(ContextKind::InvalidValue)?;
    let mut expected = format!("expected one of {}", known.join(", "));
    if let Some(word) = nearest(value, known.iter().map(String::as_str)) {
        expected.push_str(&format!("; did you mean `{word}`?"));
    }
    Some(Fault::bad_value(flag, value, &expected))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
