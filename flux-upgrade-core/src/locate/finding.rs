//! Findings about the text of a site itself.

use super::{Consumer, Part, Site, Style};
use crate::diagnostic::{Diagnostic, Severity};
use crate::version::Range;
use crate::yaml::{number_survives, reads_as_number};

/// A version that readers take for a number, a range that is none.
pub(super) fn findings(site: &Site) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    if site.blocked.is_some() {
        return out;
    }
    let at = &site.spot.at;
    // A chart prints the number of an image's tag as it stands, as long as it keeps its digits.
    let is_fine = site.consumer == Consumer::Image && number_survives(&site.spot.raw);
    if site.spot.style == Style::Plain && reads_as_number(&site.spot.raw) && !is_fine {
        let message =
            format!("`{}` is a number to YAML readers, and `{}` wants a text", site.spot.raw, site.field);
        out.push(
            Diagnostic::new("manifest.number-as-version", Severity::Warning, at.clone(), message)
                .with_help(format!("write \"{}\" with quotes", site.spot.raw)),
        );
    }
    let is_range = site.part == Part::Range && !site.spot.value.is_empty();
    if let (true, Err(error)) = (is_range, Range::parse(&site.spot.value)) {
        let message = format!("`{}` of {} is not a range: {error}", site.field, site.owner);
        let finding = Diagnostic::new("manifest.bad-range", Severity::Error, site.at.clone(), message);
        let help = "write a range such as `1.x` or `>=1.2.0 <2.0.0`; until then Flux refuses it and it stays";
        out.push(finding.with_help(error.help().unwrap_or(help)));
    }
    out
}
