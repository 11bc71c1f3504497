//! Comments that mean something: those that explain a value, and those to this program.

use super::Inventory;
use crate::diagnostic::{Diagnostic, Severity};
use crate::rules::nearest;
use crate::text::Span;
use crate::time::Timestamp;
use crate::yaml::{Comment, Document, Node};

/// A value that a `# renovate:` comment explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Explained {
    pub(crate) document: usize,
    pub(crate) comment: Span,
    pub(crate) node: u32,
}

/// Finds what the comments of all documents explain; those that explain nothing, or cannot be read, are findings.
pub(super) fn read(inventory: &mut Inventory<'_>) {
    let (mut explained, mut findings) = (Vec::new(), Vec::new());
    for (number, held) in inventory.documents.iter().enumerate() {
        let document = &held.document;
        let mut values = None;
        for comment in document.comments() {
            let text = document.comment_text(*comment);
            let found = if let Some(words) = text.strip_prefix("renovate:") {
                if !counts(words) {
                    continue;
                }
                let values = values.get_or_insert_with(|| document.values());
                match governed(document, values, *comment) {
                    Ok(node) => {
                        let node = node.number();
                        explained.push(Explained { document: number, comment: comment.span, node });
                        continue;
                    }
                    Err(message) => {
                        let help = "write it at the end of the value's line, or on the line directly above";
                        ("comment.explains-nothing", message.to_owned(), help.to_owned())
                    }
                }
            } else if let Some((message, help)) = misspelled(text) {
                ("comment.unknown", message, help)
            } else {
                continue;
            };
            let (code, message, help) = found;
            let at = inventory.locate(number, comment.span);
            findings.push(Diagnostic::new(code, Severity::Warning, at, message).with_help(help));
        }
    }
    inventory.explained = explained;
    inventory.diagnostics.extend(findings);
}

/// Whether a comment says where versions come from, or which tag a commit has; another one is a sentence.
fn counts(words: &str) -> bool {
    words.split_whitespace().any(|word| word.starts_with("datasource=") || word.starts_with("tag="))
}

/// The value on the line of a comment, or on the next line where the comment has its own. Of several, the one with a digit.
///
/// Source: the regular expressions of Renovate's documented presets, which want the value directly behind the comment's
/// line end.
fn governed<'d, 't>(
    document: &'d Document<'t>,
    values: &[Node<'d, 't>],
    comment: Comment,
) -> Result<Node<'d, 't>, &'static str> {
    let line = if comment.is_alone(document.text()) {
        below(document, comment)
    } else {
        Span::new(comment.line(), comment.span.start)
    };
    let first = values.partition_point(|value| value.span().start < line.start);
    let on_line: Vec<Node<'d, 't>> =
        values[first..].iter().take_while(|value| value.span().start < line.end).copied().collect();
    let has_digit = |value: &&Node<'_, '_>| {
        value.text().is_some_and(|text| text.bytes().any(|byte| byte.is_ascii_digit()))
    };
    match on_line.as_slice() {
        [only] => Ok(*only),
        [] => Err("the comment explains nothing: no value stands on its line or directly below"),
        several => match several.iter().filter(has_digit).collect::<Vec<_>>().as_slice() {
            [only] => Ok(**only),
            _ => Err("the comment explains nothing: which of the values on the line it means cannot be told"),
        },
    }
}

/// The line below a comment; comments to this program do not count.
fn below(document: &Document<'_>, comment: Comment) -> Span {
    let mut last = comment;
    while let Some(next) = document.line_comment(last.below().start) {
        if next.line() != last.below().start
            || !next.is_alone(document.text())
            || !document.comment_text(next).starts_with(NAME)
        {
            break;
        }
        last = next;
    }
    last.below()
}

/// What is wrong with a comment that means this program and is none that it reads, and what to do.
fn misspelled(text: &str) -> Option<(String, String)> {
    let rest = text.get(..NAME.len()).filter(|name| name.eq_ignore_ascii_case(NAME))?.len();
    let rest = text[rest..].trim_start();
    let (has_colon, rest) = (rest.starts_with(':'), rest.trim_start_matches(':'));
    let mut words = rest.split_whitespace();
    let word = words.next().unwrap_or("");
    let is_near = |word: &str, known: &'static str| nearest(&word.to_lowercase(), [known]).is_some();
    // Without the colon it may be a sentence about this program.
    if !has_colon && !is_near(word, "ignore") {
        return None;
    }
    let help = "write `# flux-upgrade: ignore`, or `# flux-upgrade: ignore until 2027-01-31`".to_owned();
    if word != "ignore" || !text.starts_with(PREFIX) {
        return Some((format!("`{text}` says nothing that is understood, and has no effect"), help));
    }
    match (words.next(), words.next()) {
        (Some("until"), Some(date)) if Timestamp::parse(date).is_ok() => None,
        (Some("until"), date) => {
            let date = date.unwrap_or("");
            Some((format!("`{date}` is no date, so the line is left alone for ever"), help))
        }
        (Some(word), Some(date)) if Timestamp::parse(date).is_ok() => {
            Some((format!("`{word}` is no `until`, so the line is left alone for ever"), help))
        }
        _ => None,
    }
}

const NAME: &str = "flux-upgrade";
const PREFIX: &str = "flux-upgrade:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_to_this_program() {
        for text in [
            "flux-upgrade: ignore",
            "flux-upgrade:ignore",
            "flux-upgrade: ignore since the registry is gone",
            "flux-upgrade: ignore until 2027-01-31",
            "flux-upgrade runs here every hour",
            "flux-upgrades: ignore",
            "written by flux-upgrade: ignore",
        ] {
            assert_eq!(misspelled(text), None, "{text}");
        }
        for text in [
            "flux-upgrade: ignroe",
            "flux-upgrade ignore",
            "flux-upgrade : ignore",
            "Flux-Upgrade: ignore",
            "flux-upgrade:",
            "flux-upgrade: hold",
            "flux-upgrade: ignore until",
            "flux-upgrade: ignore until tomorrow",
            "flux-upgrade: ignore untill 2027-01-31",
        ] {
            assert!(misspelled(text).is_some(), "{text}");
        }
    }
}
