//! Running a helper: bounded in time and output, without a terminal to ask at.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::options::variable;

/// What a helper may print at most, in bytes.
const LIMIT: u64 = 64 << 10;

/// Where and how helpers run.
#[derive(Clone)]
pub(super) struct Runner {
    pub(super) env: BTreeMap<OsString, OsString>,
    pub(super) folder: PathBuf,
    pub(super) timeout: Duration,
}

/// Names of variables, never their values.
impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("env", &self.env.keys().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

/// What a helper did.
pub(super) enum Outcome {
    /// It ended; its output is UTF-8.
    Ended { status: ExitStatus, output: String },
    /// It did not end in time, and was ended.
    TooLate,
    /// It printed more than a credential can be, or what is no text.
    TooMuch,
    /// It could not be started.
    Failed(io::Error),
}

impl Runner {
    /// The program of that name in an absolute folder of `PATH`: never one that lies in the current folder.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        let path = variable(&self.env, "PATH")?;
        let names =
            if cfg!(windows) { vec![format!("{name}.exe"), name.to_owned()] } else { vec![name.to_owned()] };
        std::env::split_paths(path)
            .filter(|folder| folder.is_absolute())
            .flat_map(|folder| names.iter().map(move |name| folder.join(name)).collect::<Vec<_>>())
            .find(|place| is_program(place))
    }

    /// Runs a program with `input` on its standard input.
    pub(super) fn run(
        &self,
        program: &Path,
        arguments: &[&str],
        extra: &[(&str, &str)],
        input: &str,
    ) -> Outcome {
        let until = Instant::now() + self.timeout;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(&self.env).envs(extra.iter().copied());
        command.current_dir(&self.folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        alone(&mut command);
        let mut child = match start(&mut command) {
            Ok(child) => child,
            Err(error) => return Outcome::Failed(error),
        };
        let (send, receive) = mpsc::channel();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let input = input.to_owned();
        // Both ends of the pipes are held by threads: a helper that reads nothing, or closes nothing, stops only them.
        thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
        thread::spawn(move || {
            let mut output = Vec::new();
            let read = stdout.map(|stdout| stdout.take(LIMIT + 1).read_to_end(&mut output));
            let _ = send.send(read.map(|_| output).unwrap_or_default());
        });
        let Ok(output) = receive.recv_timeout(until.saturating_duration_since(Instant::now())) else {
            end(&mut child);
            return Outcome::TooLate;
        };
        if output.len() as u64 > LIMIT {
            end(&mut child);
            return Outcome::TooMuch;
        }
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(2)),
                Ok(None) => {
                    end(&mut child);
                    return Outcome::TooLate;
                }
                Err(error) => return Outcome::Failed(error),
            }
        };
        match String::from_utf8(output) {
            Ok(output) => Outcome::Ended { status, output },
            Err(_) => Outcome::TooMuch,
        }
    }
}

/// Starts a program, also one that is being written at this moment.
fn start(command: &mut Command) -> io::Result<Child> {
    const TRIES: usize = 20;
    let mut result = command.spawn();
    for _ in 0..TRIES {
        match &result {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                thread::sleep(Duration::from_millis(10));
                result = command.spawn();
            }
            _ => break,
        }
    }
    result
}

/// In a process group of its own: it cannot read from the terminal, and ends with all that it has started.
#[cfg(unix)]
fn alone(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
}

#[cfg(not(unix))]
fn alone(_: &mut Command) {}

fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(unix)]
fn is_program(place: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    place.metadata().is_ok_and(|kind| kind.is_file() && kind.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(place: &Path) -> bool {
    place.is_file()
}
