//! The `flux-upgrade` command.

use std::io::{stderr, stdout};
use std::process::ExitCode;

use flux_upgrade_cli::{Env, run};

fn main() -> ExitCode {
    let env = Env::of_process();
    let cancel = env.cancel.clone();
    // The first Ctrl-C lets what is being written be finished, the second does not wait for that.
    let handler = move || {
        if cancel.is_set() {
            std::process::exit(130);
        }
        cancel.set();
    };
    // Without a handler the program ends at once, which leaves nothing half written either.
    let _ = ctrlc::set_handler(handler);
    let code = run(std::env::args_os(), &mut stdout().lock(), &mut stderr().lock(), &env);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
