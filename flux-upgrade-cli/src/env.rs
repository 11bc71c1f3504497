//! What the command takes from its surroundings.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use flux_upgrade_core::host::Cancel;
use flux_upgrade_core::time::Timestamp;

/// What the command takes from its surroundings, as a value, so that a test or another program can give its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Env {
    /// The folder that relative paths start at.
    pub folder: PathBuf,
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// Whether standard output is a terminal.
    pub out_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub err_is_terminal: bool,
    /// Set by whoever wants the run to stop, for example when the user presses Ctrl-C.
    pub cancel: Cancel,
    /// The time now in seconds since 1970-01-01T00:00:00Z; without it no rule can ask for an age.
    pub now: Option<u64>,
}

impl Env {
    /// The surroundings of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            folder: std::env::current_dir().unwrap_or_default(),
            variables: std::env::vars_os().filter_map(text).collect(),
            out_is_terminal: std::io::stdout().is_terminal(),
            err_is_terminal: std::io::stderr().is_terminal(),
            cancel: Cancel::default(),
            now: SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs()),
        }
    }

    /// Whether a stream is coloured when no flag says so.
    ///
    /// Source: no-color.org, bixense.com/clicolors.
    pub(crate) fn wants_color(&self, is_terminal: bool) -> bool {
        let set = |name: &str| self.variables.get(name).is_some_and(|value| !value.is_empty());
        let says = |name: &str, value: &str| self.variables.get(name).is_some_and(|found| found == value);
        if set("NO_COLOR") {
            return false;
        }
        if set("CLICOLOR_FORCE") && !says("CLICOLOR_FORCE", "0") {
            return true;
        }
        is_terminal && !says("CLICOLOR", "0") && !says("TERM", "dumb")
    }

    /// The time now, for rules that ask for an age.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        self.now.and_then(|seconds| i64::try_from(seconds).ok()).map(Timestamp::from_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_follows_the_environment() {
        for (variables, terminal, expected) in [
            (vec![], true, true),
            (vec![], false, false),
            (vec![("NO_COLOR", "1")], true, false),
            (vec![("NO_COLOR", "")], true, true),
            (vec![("CLICOLOR_FORCE", "1")], false, true),
            (vec![("CLICOLOR_FORCE", "0")], false, false),
            (vec![("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], true, false),
            (vec![("CLICOLOR", "0")], true, false),
            (vec![("TERM", "dumb")], true, false),
        ] {
            let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
            let env = Env { variables, ..Env::default() };
            assert_eq!(env.wants_color(terminal), expected, "{env:?}");
        }
    }
}
