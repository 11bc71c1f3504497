//! What the command takes from its surroundings.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

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

    /// The time now in RFC 3339.
    pub(crate) fn now_text(&self) -> Option<String> {
        self.now.map(rfc3339)
    }
}

/// Seconds since 1970 in RFC 3339, UTC.
///
/// Source of the calendar: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
fn rfc3339(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_as_dates() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_787_356_800, "2026-08-22T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), expected);
        }
    }

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
