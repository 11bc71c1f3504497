//! How far the look-ups are, on standard error.

use std::time::{Duration, Instant};

use flux_upgrade_core::host::Progress;

use crate::env::Env;
use crate::streams::Streams;

/// A bar on a terminal, a line every ten seconds elsewhere, nothing under `--quiet`.
pub(crate) struct Bar {
    quiet: bool,
    is_terminal: bool,
    columns: usize,
    started: Instant,
    /// When it was shown last.
    shown: Option<Instant>,
}

const REDRAW: Duration = Duration::from_millis(100);
const LINE: Duration = Duration::from_secs(10);
const WIDTH: usize = 24;

impl Bar {
    pub(crate) fn new(quiet: bool, env: &Env) -> Self {
        let columns = env.variables.get("COLUMNS").and_then(|text| text.parse().ok()).unwrap_or(80);
        Self { quiet, is_terminal: env.err_is_terminal, columns, started: Instant::now(), shown: None }
    }

    pub(crate) fn show(&mut self, progress: &Progress, streams: &mut Streams<'_>) {
        let every = if self.is_terminal { REDRAW } else { LINE };
        if self.quiet || self.shown.unwrap_or(self.started).elapsed() < every {
            return;
        }
        self.shown = Some(Instant::now());
        let seconds = self.started.elapsed().as_secs_f64();
        if self.is_terminal {
            let line = bar(progress, seconds);
            let line: String = line.chars().take(self.columns.saturating_sub(1)).collect();
            streams.err(&format!("\r\u{1b}[2K{line}"));
        } else {
            streams.err(&format!("{}\n", words(progress, seconds)));
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&mut self, streams: &mut Streams<'_>) {
        if self.is_terminal && self.shown.take().is_some() {
            streams.err("\r\u{1b}[2K");
        }
    }
}

fn bar(progress: &Progress, seconds: f64) -> String {
    let filled = WIDTH * progress.done / progress.asked.max(1);
    format!("[{}{}] {}", "=".repeat(filled), " ".repeat(WIDTH - filled), words(progress, seconds))
}

fn words(progress: &Progress, seconds: f64) -> String {
    let Progress { asked, done, failed, host } = progress;
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = *done as f64 / seconds.max(0.001);
    let failed = if *failed > 0 { format!(", {failed} without an answer") } else { String::new() };
    format!("{done} of {asked} look-ups{failed}, {rate:.0}/s, {host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown() {
        let progress = Progress { asked: 375, done: 125, failed: 2, host: "ghcr.io".to_owned() };
        assert_eq!(
            bar(&progress, 2.5),
            "[========                ] 125 of 375 look-ups, 2 without an answer, 50/s, ghcr.io"
        );
        assert_eq!(words(&Progress::default(), 0.0), "0 of 0 look-ups, 0/s, ");
    }

    #[test]
    fn nothing_before_its_time_and_nothing_when_quiet() {
        let shown = |quiet, is_terminal, since: Duration| {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let env = Env { err_is_terminal: is_terminal, ..Env::default() };
            let mut streams = Streams::new(&mut out, &mut err);
            let mut bar = Bar::new(quiet, &env);
            bar.started = Instant::now().checked_sub(since).unwrap_or_else(Instant::now);
            bar.show(&Progress::default(), &mut streams);
            bar.clear(&mut streams);
            String::from_utf8_lossy(&err).into_owned()
        };
        let [soon, later] = [Duration::from_millis(10), Duration::from_secs(11)];
        assert_eq!(shown(false, false, soon), "");
        assert_eq!(shown(false, false, later), "0 of 0 look-ups, 0/s, \n");
        assert_eq!(shown(true, true, later), "");
        assert!(shown(false, true, later).ends_with("\r\u{1b}[2K"));
    }
}
