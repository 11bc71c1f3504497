//! The `flux-upgrade` command.

use std::io::{stderr, stdout};
use std::process::ExitCode;

use flux_upgrade_cli::{Env, run};

fn main() -> ExitCode {
    let code = run(std::env::args_os(), &mut stdout().lock(), &mut stderr().lock(), &Env::of_process());
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
