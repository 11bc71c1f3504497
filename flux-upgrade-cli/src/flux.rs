//! The commands on Flux itself: `install` and `verify`.

use flux_upgrade_core::SourceFile;
use flux_upgrade_core::diagnostic::{Diagnostic, Severity};
use flux_upgrade_core::flux::{self, Declared, Installation, Options, Release};
use flux_upgrade_core::locate::Site;
use flux_upgrade_core::{locate, report, scan};

use crate::args::{Install, Verify, VerifyFormat};
use crate::command::{heading, out_style, tell};
use crate::env::Env;
use crate::fault::Fault;
use crate::releases::Releases;
use crate::streams::Streams;
use crate::{FAILED, FINE, job};

/// Prints what `flux install --export` would.
pub(crate) fn install(args: &Install, streams: &mut Streams<'_>, env: &Env) -> Result<i32, Fault> {
    if !args.export {
        return Err(Fault::new("nothing is installed into a cluster; pass --export to print the manifests"));
    }
    let mut options = Options::default();
    for (flag, value) in args.flags() {
        options
            .set(flag, &value)
            .map_err(|error| Fault::bad_value(&format!("--{flag}"), &error.value, &error.expected))?;
    }
    let release = Releases::open(args.flux_releases.as_deref(), env)?.wanted(&args.version)?;
    streams.out(&flux::render(&release, &options).map_err(|error| Fault::of(&error))?);
    Ok(FINE)
}

/// Checks every installation of Flux under the paths.
pub(crate) fn verify(args: &Verify, streams: &mut Streams<'_>, env: &Env) -> Result<i32, Fault> {
    let common = &args.common;
    let releases = Releases::open(args.flux_releases.as_deref(), env)?;
    let mut code = FINE;
    for (number, path) in common.paths.iter().enumerate() {
        let tree = match job::read(&env.folder, path) {
            Ok(tree) => tree,
            Err(fault) => {
                streams.err(&fault.to_string());
                code = FAILED;
                continue;
            }
        };
        tell(common, &tree.diagnostics, streams, env);
        let inventory = scan(&tree.files);
        let sites = locate(&inventory);
        let (found, broken) = check((&tree.files, &sites), &releases, streams);
        let declared = flux::declared(&sites, &[]);
        // What cannot be read may install Flux too; that of Flux's own files is told below.
        let is_told = |found: &Diagnostic| broken.iter().any(|(path, _)| *path == found.at.path);
        let mut unread = inventory.diagnostics.clone();
        unread.retain(|found| found.severity == Severity::Error && !is_told(found));
        tell(common, &unread, streams, env);
        for (path, error) in &broken {
            streams.err(&Fault::new(format!("{path}: {error} [{}]", error.code())).to_string());
        }
        let style = out_style(common, env);
        streams.out(&match args.format {
            VerifyFormat::Table => {
                heading(common, number, style) + &report::verify_table(&found, &declared, style)
            }
            VerifyFormat::Json => report::verify_json(&found, &declared),
        });
        if !common.quiet && found.is_empty() && broken.is_empty() && declared.is_empty() {
            streams.err("note: nothing that installs Flux was found\n");
        }
        let has_unread = !unread.is_empty() || job::has_errors(&tree.diagnostics);
        let unclear = common.strict && (has_unread || found.iter().any(Installation::is_unclear));
        if unclear
            || !broken.is_empty()
            || found.iter().any(Installation::is_wrong)
            || declared.iter().any(Declared::is_wrong)
        {
            code = FAILED;
        }
    }
    Ok(code)
}

/// What is found, with the releases that it needs.
fn check(
    (files, sites): (&[SourceFile], &[Site]),
    releases: &Releases,
    streams: &mut Streams<'_>,
) -> (Vec<Installation>, Vec<(flux_upgrade_core::RepoPath, flux::RecoverError)>) {
    let (found, broken) = flux::verify(files, sites, &[]);
    if found.is_empty() {
        return (found, broken);
    }
    let mut known: Vec<Release> = Vec::new();
    let newest = releases.newest();
    let wanted = found.iter().filter_map(|one| one.recovered.version().map(str::to_owned));
    for version in wanted.chain(newest) {
        if known.iter().any(|release| release.version().text() == version) {
            continue;
        }
        match releases.get(&version) {
            Ok(release) => known.extend(release),
            Err(fault) => {
                streams.err(&fault.to_string().replacen("error", "warning", 1));
                if !releases.is_folder() {
                    streams.err("note: pass --flux-releases DIR with DIR/vX.Y.Z/manifests.tar.gz where they cannot be fetched\n");
                    break;
                }
            }
        }
    }
    let (found, broken) = flux::verify(files, sites, &known);
    // Images that came from another release need the other releases to be told.
    match found.iter().any(Installation::has_unknown_images) {
        true => flux::verify(files, sites, &releases.all()),
        false => (found, broken),
    }
}
