//! The `flux-upgrade` command as a library: [`run`] is the whole program, given its arguments, streams and [`Env`].
//!
//! The Python wheel's script is the same program. Standard output carries the result and nothing else; findings, hints
//! and errors go to standard error.
#![forbid(unsafe_code)]

mod answers;
mod args;
mod automate;
mod command;
mod convert;
mod deliver;
mod env;
mod fault;
mod flux;
mod job;
mod migrate;
mod parcel;
mod pick;
mod progress;
mod ranges;
mod releases;
mod repositories;
mod spelling;
mod streams;

pub use env::Env;

use std::ffi::OsString;
use std::io::Write;

use streams::Streams;

/// It worked.
const FINE: i32 = 0;
/// It failed, usage errors included; under `--strict` also when something is unanswered or broken.
const FAILED: i32 = 1;
/// Changes are available, under `--exit-code`.
const CHANGES: i32 = 2;

/// The user stopped it.
const INTERRUPTED: i32 = 130;

/// Runs the command with `args`, whose first is the program's name, and gives its exit code.
///
/// 0: fine. 1: failed, usage errors included. 2: changes are available, under `--exit-code`. 130: [`Env::cancel`] was set. A reader that
/// closes `out` early (`flux-upgrade plan … | head`) is no failure.
///
/// # Examples
///
/// ```
/// let (mut out, mut err) = (Vec::new(), Vec::new());
/// let args = ["flux-upgrade", "--version"].map(Into::into);
/// let code = flux_upgrade_cli::run(args, &mut out, &mut err, &flux_upgrade_cli::Env::default());
/// assert_eq!(code, 0);
/// assert!(out.starts_with(b"flux-upgrade "));
/// ```
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
    env: &Env,
) -> i32 {
    let mut streams = Streams::new(out, err);
    let code = match args::parse(args, env) {
        Ok(cli) => command::execute(&cli, &mut streams, env),
        Err(stop) => {
            if stop.is_help {
                streams.out(&stop.text);
                FINE
            } else {
                streams.err(&stop.text);
                FAILED
            }
        }
    };
    streams.finish(code)
}
