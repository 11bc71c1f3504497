//! Controllers of Flux that somebody pinned apart from the release: in patches, FluxInstances, image overrides.

use super::{at, is_generated};
use crate::diagnostic::{Diagnostic, Severity};
use crate::text::{Lines, SourceFile, Span};
use crate::version::{FluxMinor, Version, component_minor, controllers, flux_minor_of};

/// The first minor from which controllers and Flux count alike.
const SINCE: FluxMinor = FluxMinor::new(2, 7);

pub(super) fn find(files: &[SourceFile], to: FluxMinor, out: &mut Vec<Diagnostic>) {
    if to < SINCE {
        return;
    }
    for file in files.iter().filter(|file| !is_generated(file)) {
        let is_yaml = file.path.name().ends_with(".yaml") || file.path.name().ends_with(".yml");
        for controller in controllers().filter(|_| is_yaml) {
            for (start, _) in file.text.match_indices(controller) {
                if let Some(span) = pinned(&file.text, start, controller) {
                    out.extend(judge(file, controller, span, to));
                }
            }
        }
    }
}

/// The version of an image whose name ends with the controller's at `start`: behind a colon, or in the `newTag` of an
/// override on one of the next lines.
fn pinned(text: &str, start: usize, controller: &str) -> Option<Span> {
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let before = &text[line..start];
    if before.trim_start().starts_with('#') || !before.ends_with('/') {
        return None;
    }
    let end = start + controller.len();
    let rest = &text[end..];
    let from = if let Some(tag) = rest.strip_prefix(':') {
        text.len() - tag.len()
    } else if rest.starts_with(['\n', '\r', '"', '\'']) && before.contains("ame:") {
        let near: usize = rest.split_inclusive('\n').take(4).map(str::len).sum();
        let at = rest[..near].find("newTag:")? + "newTag:".len();
        let value = &rest[at..];
        end + at + value.len() - value.trim_start_matches([' ', '"', '\'']).len()
    } else {
        return None;
    };
    let length = text[from..].find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+')));
    Some(Span::new(from, from + length.unwrap_or(text.len() - from)))
}

fn judge(file: &SourceFile, controller: &str, span: Span, to: FluxMinor) -> Option<Diagnostic> {
    let text = span.of(&file.text);
    let version = Version::parse(text).ok()?;
    let wanted = component_minor(controller, to.minor)?;
    if version.minor() == wanted && version.major() > 0 {
        return None;
    }
    let major = if controller == "source-watcher" { 2 } else { 1 };
    let of = flux_minor_of(controller, version.minor()).filter(|_| version.major() == major);
    let belongs = match of.filter(|minor| *minor >= SINCE.minor) {
        Some(minor) => format!("of Flux 2.{minor}"),
        None => "of an older Flux".to_owned(),
    };
    let message =
        format!("`{controller}` is pinned to {text}, {belongs}, which does not move with Flux {to}");
    let help = format!("drop the pin, or take v{major}.{wanted}.x together with Flux {to}");
    let place = at(file, &Lines::new(&file.text), span);
    Some(Diagnostic::new("preflight.pinned-controller", Severity::Warning, place, message).with_help(help))
}
