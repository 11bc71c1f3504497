//! A field that holds a version: its place, its bytes, and whether it may be edited.

use super::{Consumer, Here, Insertion, Part, Site, SourceKey, Spot};
use crate::plan::Reason;
use crate::scan::Encryption;
use crate::text::{Lines, Location, Span};
use crate::time::Timestamp;
use crate::yaml::{Node, Quote};

/// A comment that says to leave a line alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignore {
    /// The date until which it holds, as written; none where it holds for ever.
    pub until: Option<String>,
    /// Where the comment stands.
    pub at: Location,
}

/// What a field becomes a site with.
pub(super) struct Draft {
    pub(super) field: &'static str,
    pub(super) part: Part,
    pub(super) consumer: Consumer,
    pub(super) source: Result<SourceKey, Reason>,
    pub(super) source_at: Option<Location>,
    pub(super) source_url: Option<String>,
}

impl Here<'_, '_> {
    /// The site at `node`; `None` where the field holds no text.
    pub(super) fn site(&self, node: Node<'_, '_>, draft: Draft) -> Option<Site> {
        let spot = self.spot(node)?;
        let at = self.lines.locate(&spot.at.path, node.span());
        Some(Site {
            id: at.to_string(),
            at,
            owner: self.owner(),
            field: draft.field.to_owned(),
            part: draft.part,
            blocked: self.blocked(node),
            ignore: self.ignore(node),
            spot,
            digest: None,
            branch: None,
            consumer: draft.consumer,
            source: draft.source,
            source_at: draft.source_at,
            source_url: draft.source_url,
            insecure: super::is_insecure(self.node),
            namespaces: self.namespaces(),
            clusters: self.clusters(),
            suspended: self.resource.suspended,
            dialect: self.dialect(),
            findings: Vec::new(),
            insertion: None,
        })
    }

    /// The bytes to edit for a field: its own, or those of the anchor that it repeats.
    pub(super) fn spot(&self, node: Node<'_, '_>) -> Option<Spot> {
        let scalar = node.resolved()?;
        let value = node.text()?.to_owned();
        let file = self.inventory.file_of(self.resource);
        let raw = scalar.span().of(&file.text).to_owned();
        Some(Spot {
            at: self.lines.locate(&file.path, scalar.span()),
            raw,
            value,
            style: scalar.quote()?.into(),
        })
    }

    /// Where a key can be added after the value of `key`, in the style of the mapping; none after an alias or a merge.
    pub(super) fn insertion(&self, mapping: Node<'_, '_>, key: &str) -> Option<Insertion> {
        let mapping = mapping.resolved()?;
        if mapping.get("digest").is_some() {
            return None;
        }
        let (name, value) = mapping.entries().find(|(name, _)| name.text() == Some(key))?;
        let file = self.inventory.file_of(self.resource);
        let (end, before) = if mapping.is_flow() {
            (value.span().end, ", ".to_owned())
        } else {
            let (line, _) = self.lines.position(value.span().end);
            let (key_line, column) = self.lines.position(name.span().start);
            let start = self.lines.line(key_line).start;
            let indentation = file.text.get(start..name.span().start)?;
            let indentation =
                if indentation.trim().is_empty() { indentation } else { &" ".repeat(column - 1) };
            let end = self.lines.line(line).end;
            let rest = file.text.get(end..).unwrap_or("");
            let own = ["\r\n", "\n", "\r"].into_iter().find(|mark| rest.starts_with(mark));
            (end, format!("{}{indentation}", own.unwrap_or(self.lines.line_end())))
        };
        Some(Insertion { at: self.lines.locate(&file.path, Span::new(end, end)), before })
    }

    /// Why the field cannot be edited, whatever is published.
    pub(super) fn blocked(&self, node: Node<'_, '_>) -> Option<Reason> {
        let value = node.text()?;
        let scalar = node.resolved()?;
        let held = self.inventory.held(self.resource);
        let encrypted = match held.encryption {
            Encryption::Whole => true,
            Encryption::OnlyEncrypted => value.starts_with("ENC["),
            Encryption::None => false,
        };
        let raw = scalar.span().of(held.document.text());
        if encrypted {
            Some(Reason::Encrypted)
        } else if is_generated(self.lines, held.document.text()) {
            Some(Reason::Generated)
        } else if matches!(scalar.quote(), Some(Quote::Literal | Quote::Folded)) || raw.contains(['\n', '\r'])
        {
            Some(Reason::MultiLine)
        } else if value.contains("{{") || value.contains("<< ") {
            Some(Reason::Templated)
        } else if let Some(variable) = variable(value) {
            Some(Reason::Substituted { variable: variable.to_owned() })
        } else {
            self.marker(scalar).map(|policy| Reason::Marked { policy })
        }
    }

    /// The policy of a `$imagepolicy` marker at the field.
    fn marker(&self, scalar: Node<'_, '_>) -> Option<String> {
        let document = scalar.document();
        let span = scalar.span();
        let comment =
            document.line_comment(span.end).or_else(|| document.comments_above(span.start).next())?;
        let marker: serde_json::Value = serde_json::from_str(document.comment_text(comment)).ok()?;
        Some(marker.get("$imagepolicy")?.as_str()?.to_owned())
    }

    /// `# flux-upgrade: ignore` or `… ignore until DATE` on the line of the field or directly above it.
    fn ignore(&self, node: Node<'_, '_>) -> Option<Ignore> {
        let document = node.document();
        let span = node.span();
        let comments = document.line_comment(span.end).into_iter().chain(document.comments_above(span.start));
        for comment in comments {
            let Some(rest) = document.comment_text(comment).strip_prefix("flux-upgrade:") else { continue };
            let mut words = rest.split_whitespace();
            if words.next() != Some("ignore") {
                continue;
            }
            // A date that cannot be read holds for ever: what somebody wanted left alone is left alone.
            let until = match words.next() {
                Some("until") => {
                    words.next().filter(|date| Timestamp::parse(date).is_ok()).map(str::to_owned)
                }
                _ => None,
            };
            let path = &self.inventory.file_of(self.resource).path;
            return Some(Ignore { until, at: self.lines.locate(path, comment.span) });
        }
        None
    }
}

/// Whether Flux wrote the file and will write it again (`flux install --export`, `flux bootstrap`).
fn is_generated(lines: &Lines<'_>, text: &str) -> bool {
    let header = "# This manifest was generated by flux. DO NOT EDIT.";
    (1..=5).any(|line| lines.line(line).of(text).starts_with(header))
}

/// The first variable of a text, for example `VERSION` of `${VERSION:=1.2}`; kustomize-controller substitutes them.
pub(super) fn variable(value: &str) -> Option<&str> {
    let rest = &value[value.find("${")? + 2..];
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    Some(&rest[..end])
}
