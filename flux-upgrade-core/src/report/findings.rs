//! Diagnostics for people.

use std::fmt::Write as _;

use super::grid::Paint;
use super::table::Style;
use super::words::clean;
use crate::diagnostic::{Diagnostic, Severity};

/// Diagnostics, one after the other: `path:line:column: severity: message [code]`, help and related places below it.
///
/// Control characters are spelled out, since a message may repeat what the file has.
#[must_use]
pub fn findings(diagnostics: &[Diagnostic], style: Style) -> String {
    let mut text = String::new();
    for finding in diagnostics {
        let paint = match finding.severity {
            Severity::Error => Paint::Red,
            Severity::Warning => Paint::Yellow,
            Severity::Note => Paint::Cyan,
        };
        let severity = paint.on(&finding.severity.to_string(), style.color);
        let at = finding.at.to_string();
        let _ = writeln!(text, "{}: {severity}: {} [{}]", clean(&at), clean(&finding.message), finding.code);
        for related in &finding.related {
            let _ = writeln!(text, "  see {}", clean(&related.to_string()));
        }
        if let Some(help) = &finding.help {
            let _ = writeln!(text, "  help: {}", clean(help));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_finding_reads_like_this() {
        let expected = "\
infra/broken.yaml:3:5: error: a tab where `key:` | was expected [yaml.syntax]
  see apps/podinfo.yaml:2:10
  help: indent with <blanks>
";
        assert_eq!(findings(&sample::plan().diagnostics, Style::default()), expected);
    }
}
