//! A field that holds a version: its place, its bytes, and whether it may be edited.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{Consumer, Frame, Here, Insertion, Part, Site, SourceKey, Spot, Style};
use crate::plan::Reason;
use crate::scan::{Encryption, Held, Kind};
use crate::text::{Lines, Location, SourceFile, Span};
use crate::time::Timestamp;
use crate::yaml::{Form, Node, Quote};

/// A comment that says to leave a line alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignore {
    /// The date until which it holds, as written; none where it holds for ever.
    pub until: Option<String>,
    /// Where the comment stands.
    pub at: Location,
}

/// What a field becomes a site with.
#[derive(Clone)]
pub(super) struct Draft {
    pub(super) field: String,
    pub(super) part: Part,
    pub(super) consumer: Consumer,
    pub(super) source: Result<SourceKey, Reason>,
    pub(super) source_at: Option<Location>,
    pub(super) source_url: Option<String>,
}

/// The part of a scalar that moves.
#[derive(Clone)]
pub(super) struct Text<'d, 't> {
    pub(super) node: Node<'d, 't>,
    /// Bytes of the scalar's value.
    pub(super) range: Range<usize>,
}

impl<'d, 't> Text<'d, 't> {
    /// All of it.
    pub(super) fn whole(node: Node<'d, 't>) -> Self {
        Self { range: 0..node.text().map_or(0, str::len), node }
    }

    pub(super) fn value(&self) -> Option<&'d str> {
        self.node.text()?.get(self.range.clone())
    }
}

/// Where a text stands, and why it cannot be edited there.
pub(super) struct Place {
    spot: Spot,
    blocked: Option<Reason>,
    variable: Option<String>,
    /// The object that defines the variable.
    holder: Option<usize>,
    /// Definitions of the variables of a text that has several.
    also_from: Vec<Location>,
    /// A comment there that says to leave it alone.
    ignore: Option<Ignore>,
}

impl Place {
    /// A place of an input, as a text of a template takes it.
    pub(super) fn of_input(mut self, name: &str, (before, after): (&str, &str)) -> Self {
        if !(before.is_empty() && after.is_empty()) {
            let frame = &mut self.spot.frame;
            frame.lead.insert_str(0, before);
            frame.trail.push_str(after);
            self.spot.value = format!("{before}{}{after}", self.spot.value);
        }
        self.variable.get_or_insert_with(|| format!("inputs.{name}"));
        self
    }

    /// The same, with the object that defines the variable.
    pub(super) fn held_by(self, holder: usize) -> Self {
        Self { holder: Some(holder), ..self }
    }
}

impl<'f> Here<'_, 'f> {
    /// The sites of a field: one, or one for each place that defines the variable that it holds.
    pub(super) fn sites(&self, text: &Text<'_, 'f>, draft: impl Fn(&str) -> Draft) -> Vec<Site> {
        let places = self.places(text).into_iter();
        places.map(|place| self.site_at(text.node, draft(&place.spot.value), place)).collect()
    }

    /// The site of a field whose text stands at a place.
    pub(super) fn site_at(&self, field: Node<'_, 'f>, draft: Draft, place: Place) -> Site {
        let at = self.lines.locate(&self.inventory.file_of(self.resource).path, field.span());
        let verify: &[&str] = match (draft.field.as_str(), &self.resource.kind) {
            ("spec.chart.spec.version", _) => &["spec", "chart", "spec", "verify"],
            ("spec.version", Kind::HelmChart) => &["spec", "verify"],
            (field, _) if field.starts_with("spec.ref.") => &["spec", "verify"],
            _ => &[],
        };
        Site {
            is_verified: !verify.is_empty() && self.at(verify).is_some(),
            id: at.to_string(),
            at,
            owner: self.owner(),
            field: draft.field,
            part: draft.part,
            // A marker at a use of a variable speaks of what the variable says.
            blocked: place.blocked.or_else(|| self.marked(field)),
            ignore: self.ignore(self.resource.document, field).or(place.ignore),
            spot: place.spot,
            digest: None,
            branch: None,
            consumer: draft.consumer,
            source: draft.source,
            source_at: draft.source_at,
            source_url: draft.source_url,
            insecure: super::is_insecure(self.node),
            namespaces: self.namespaces(),
            clusters: self.clusters_of(place.holder),
            suspended: self.suspended(),
            dialect: self.dialect(),
            findings: Vec::new(),
            insertion: None,
            variable: place.variable,
            also_from: place.also_from,
            overridden_by: Vec::new(),
            overridden_in: Vec::new(),
            is_patch: self.resource.is_patch,
            marker: None,
            is_test: self.resource.is_test,
            also_owned: self.resource.also.clone(),
            repeats: Vec::new(),
            used_at: Vec::new(),
        }
    }

    /// The site of a field that is a whole scalar; `None` where it holds no text.
    pub(super) fn site(&self, node: Node<'_, 'f>, draft: Draft) -> Option<Site> {
        let mut all = self.sites(&Text::whole(node), |_| draft.clone()).into_iter();
        let mut site = all.next()?;
        site.also_from.extend(all.map(|other| other.spot.at));
        // A digest beside it is one text: it cannot follow a variable that several places define.
        if let Some(variable) = site.variable.clone().filter(|_| !site.also_from.is_empty()) {
            site.blocked.get_or_insert(Reason::Substituted { variable });
        }
        Some(site)
    }

    /// Where the bytes of a text stand: in the field, in the anchor that it repeats, or where its variable is defined.
    pub(super) fn places(&self, text: &Text<'_, 'f>) -> Vec<Place> {
        let (Some(value), Some(all)) = (text.value(), text.node.text()) else { return Vec::new() };
        if let Some(places) = self.inputs(value) {
            return places;
        }
        let document = self.resource.document;
        let around = |range: Range<usize>| Frame {
            before: all[..text.range.start + range.start].to_owned(),
            after: all[text.range.start + range.end..].to_owned(),
            ..Frame::default()
        };
        let plain = || {
            let place = self.place(document, text.node, value, around(0..value.len()), None);
            place.into_iter().collect::<Vec<_>>()
        };
        if !value.contains("${") || self.links.is_left_alone(self.node) {
            return plain();
        }
        let mut variables = expressions(value);
        let (Some(variable), None, 1) = (variables.next(), variables.next(), names(value).count()) else {
            let also_from = self.definitions_in(value);
            let all = plain().into_iter();
            return all.map(|place| Place { also_from: also_from.clone(), ..place }).collect();
        };
        let (lead, trail) = (&value[..variable.range.start], &value[variable.range.end..]);
        let found = self.links.definitions(self.inventory, self.subject(), variable.name);
        let mut out = Vec::new();
        for definition in found.nodes {
            let (Some(text), Some(all)) = (definition.text(), definition.node.text()) else { continue };
            let frame = Frame {
                lead: lead.to_owned(),
                trail: trail.to_owned(),
                before: all[..definition.range.start].to_owned(),
                after: all[definition.range.end..].to_owned(),
                ..Frame::default()
            };
            let value = format!("{lead}{text}{trail}");
            let place = self.place(definition.document, definition.node, &value, frame, Some(variable.name));
            out.extend(place.map(|place| place.held_by(definition.holder)));
        }
        if let Some(default) = variable.default.clone().filter(|_| found.lacking || out.is_empty()) {
            let frame = Frame { lead: lead.to_owned(), trail: trail.to_owned(), ..around(default.clone()) };
            let value = format!("{lead}{}{trail}", &value[default]);
            out.extend(self.place(document, text.node, &value, frame, Some(variable.name)));
        }
        if out.is_empty() { plain() } else { out }
    }

    /// Where the variables of a text are defined.
    fn definitions_in(&self, text: &str) -> Vec<Location> {
        let names: BTreeSet<&str> = names(text).collect();
        let all = names
            .into_iter()
            .flat_map(|name| self.links.definitions(self.inventory, self.subject(), name).nodes);
        let scalars = all.filter_map(|found| Some((found.document, found.node.resolved()?.span())));
        scalars.map(|(document, span)| self.inventory.locate(document, span)).collect()
    }

    /// A text in a scalar of some document.
    pub(super) fn place(
        &self,
        document: usize,
        node: Node<'_, 'f>,
        value: &str,
        frame: Frame,
        variable: Option<&str>,
    ) -> Option<Place> {
        let held = &self.inventory.documents[document];
        let scalar = node.resolved()?;
        let text = held.document.text();
        let (span, style, hidden) = match (held.document.form(), scalar.quote()?) {
            (Form::Yaml, quote) => (scalar.span(), quote.into(), false),
            (Form::Words, _) => (scalar.span(), Style::Word, false),
            (Form::Decoded, quote) => {
                let style = if quote == Quote::Plain { Style::PlainWord } else { Style::Word };
                match written(scalar, text) {
                    Some(span) => (span, style, false),
                    None => (scalar.span(), style, true),
                }
            }
        };
        let spot = Spot {
            at: self.inventory.locate(document, span),
            raw: span.of(text).to_owned(),
            value: value.to_owned(),
            style,
            frame,
        };
        let blocked = self.blocked(held, scalar, value).or(hidden.then_some(Reason::MultiLine));
        let ignore = self.ignore(document, scalar);
        Some(Place {
            spot,
            blocked,
            variable: variable.map(str::to_owned),
            holder: None,
            also_from: Vec::new(),
            ignore,
        })
    }

    /// Adds a digest or commit that moves with the tag.
    pub(super) fn with_digest(&self, mut site: Site, digest: Node<'_, 'f>) -> Site {
        let mut places = self.places(&Text::whole(digest)).into_iter();
        if let Some(Place { spot, blocked, variable, also_from, .. }) = places.next() {
            let others: Vec<Location> = places.map(|other| other.spot.at).collect();
            let several = variable.filter(|_| !others.is_empty());
            let several = several.map(|variable| Reason::Substituted { variable });
            let repeated = digest.is_alias().then_some(Reason::Aliased);
            site.blocked = site.blocked.or(blocked).or(several).or(repeated);
            site.ignore = site.ignore.or_else(|| self.ignore(self.resource.document, digest));
            site.digest = Some(spot);
            site.also_from.extend(also_from.into_iter().chain(others));
        }
        site
    }

    /// The site of a digest or commit whose tag is a word of a comment: both move together.
    pub(super) fn tagged(&self, mut site: Site, tag: Span) -> Site {
        let held = self.inventory.held(self.resource);
        let word = tag.of(held.document.text()).to_owned();
        let at = self.inventory.locate(self.resource.document, tag);
        let spot = Spot { at, raw: word.clone(), value: word, style: Style::Word, frame: Frame::default() };
        site.digest = Some(std::mem::replace(&mut site.spot, spot));
        site.part = Part::Tag;
        site
    }

    /// Where a key can be added after the value of `key`, in the style of the mapping; none after an alias or a merge.
    pub(super) fn insertion(&self, mapping: Node<'_, 'f>, key: &str) -> Option<Insertion> {
        insertion(self.inventory.file_of(self.resource), self.lines, mapping, key)
    }

    /// Why a text in a scalar cannot be edited, whatever is published.
    fn blocked(&self, held: &Held<'f>, scalar: Node<'_, 'f>, value: &str) -> Option<Reason> {
        let encrypted = match held.encryption {
            Encryption::Whole => true,
            Encryption::OnlyEncrypted => value.starts_with("ENC["),
            Encryption::None => false,
        };
        let text = held.document.text();
        let raw = scalar.span().of(text);
        if encrypted {
            Some(Reason::Encrypted)
        } else if is_generated(self.inventory.lines(held.file), text) {
            Some(Reason::Generated)
        } else if matches!(scalar.quote(), Some(Quote::Literal | Quote::Folded)) || raw.contains(['\n', '\r'])
        {
            Some(Reason::MultiLine)
        } else if value.contains("{{") || value.contains("<< ") || value.contains("<<-") {
            Some(Reason::Templated)
        } else if let Some(variable) = variable(value) {
            Some(Reason::Substituted { variable: variable.to_owned() })
        } else {
            self.marked(scalar)
        }
    }

    /// That only a policy moves the field.
    fn marked(&self, scalar: Node<'_, 'f>) -> Option<Reason> {
        self.marker(scalar).map(|policy| Reason::Marked { policy })
    }

    /// The policy of a `$imagepolicy` marker at the field.
    fn marker(&self, scalar: Node<'_, 'f>) -> Option<String> {
        let document = scalar.document();
        let span = scalar.span();
        let comment =
            document.line_comment(span.end).or_else(|| document.comments_above(span.start).next())?;
        let marker: serde_json::Value = serde_json::from_str(document.comment_text(comment)).ok()?;
        Some(marker.get("$imagepolicy")?.as_str()?.to_owned())
    }

    /// `# flux-upgrade: ignore` or `… ignore until DATE` on the line of the field or directly above it.
    fn ignore(&self, number: usize, node: Node<'_, 'f>) -> Option<Ignore> {
        let document = node.document();
        let span = node.span();
        let comments = document.line_comment(span.end).into_iter().chain(document.comments_above(span.start));
        for comment in comments {
            let Some(until) = says_ignore(document.comment_text(comment)) else { continue };
            return Some(Ignore { until, at: self.inventory.locate(number, comment.span) });
        }
        None
    }
}

/// What a comment that says to leave a line alone says of the time: a date, or for ever.
fn says_ignore(comment: &str) -> Option<Option<String>> {
    let mut words = comment.strip_prefix("flux-upgrade:")?.split_whitespace();
    if words.next() != Some("ignore") {
        return None;
    }
    // A date that cannot be read holds for ever: what somebody wanted left alone is left alone.
    Some(match words.next() {
        Some("until") => words.next().filter(|date| Timestamp::parse(date).is_ok()).map(str::to_owned),
        _ => None,
    })
}

/// The same comment on the line of a value or above it, in a file that is no YAML; comments begin with `#` or `//`.
pub(crate) fn ignored(lines: &Lines<'_>, file: &SourceFile, value: Span) -> Option<Ignore> {
    let at = lines.locate(&file.path, value);
    let comment = |number: usize| {
        let line = lines.line(number);
        let text = line.of(&file.text);
        let from = if number == at.line { value.end.saturating_sub(line.start) } else { 0 };
        let start = from + text.get(from..)?.find(['#', '/'])?;
        let alone = number == at.line || text[..start].trim().is_empty();
        let words = text[start..].trim_start_matches(['#', '/']).trim();
        let until = says_ignore(words).filter(|_| alone)?;
        let span = Span::new(line.start + start, line.start + start);
        Some(Ignore { until, at: lines.locate(&file.path, span) })
    };
    comment(at.line).or_else(|| at.line.checked_sub(1).filter(|line| *line > 0).and_then(comment))
}

/// Where the text of a scalar stands in the file as it is, between its quotes if it has some.
fn written(scalar: Node<'_, '_>, file: &str) -> Option<Span> {
    let (raw, text) = (scalar.span().of(file), scalar.text()?);
    let at = raw.find(text)?;
    let is_quote = |around: &str| around.bytes().all(|byte| matches!(byte, b'"' | b'\'' | b'\\'));
    let start = scalar.span().start + at;
    (is_quote(&raw[..at]) && is_quote(&raw[at + text.len()..])).then(|| Span::new(start, start + text.len()))
}

/// Where a key can be added after the value of `key`, in the style of the mapping; none after an alias or a merge, and none where
/// there is a digest already.
pub(crate) fn insertion(
    file: &SourceFile,
    lines: &Lines<'_>,
    mapping: Node<'_, '_>,
    key: &str,
) -> Option<Insertion> {
    let mapping = mapping.resolved()?;
    if mapping.get(DIGEST).is_some() || mapping.document().form() != Form::Yaml {
        return None;
    }
    let (name, value) = mapping.entries().find(|(name, _)| name.text() == Some(key))?;
    let (end, before) = if mapping.is_flow() {
        (value.span().end, ", ".to_owned())
    } else {
        let (line, _) = lines.position(value.span().end);
        let (key_line, column) = lines.position(name.span().start);
        let start = lines.line(key_line).start;
        let indentation = file.text.get(start..name.span().start)?;
        let indentation = if indentation.trim().is_empty() { indentation } else { &" ".repeat(column - 1) };
        let end = lines.line(line).end;
        let rest = file.text.get(end..).unwrap_or("");
        let own = ["\r\n", "\n", "\r"].into_iter().find(|mark| rest.starts_with(mark));
        (end, format!("{}{indentation}", own.unwrap_or(lines.line_end())))
    };
    Some(Insertion { at: lines.locate(&file.path, Span::new(end, end)), before })
}

/// The key that a digest is added under.
pub(crate) const DIGEST: &str = "digest";

/// Whether Flux wrote the file and will write it again (`flux install --export`, `flux bootstrap`).
fn is_generated(lines: &Lines<'_>, text: &str) -> bool {
    let header = "# This manifest was generated by flux. DO NOT EDIT.";
    (1..=5).any(|line| lines.line(line).of(text).starts_with(header))
}

/// The first variable of a text, for example `VERSION` of `${VERSION:=1.2}`; kustomize-controller substitutes them.
pub(crate) fn variable(value: &str) -> Option<&str> {
    let rest = &value[value.find("${")? + 2..];
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    Some(&rest[..end])
}

/// The variables of a text, also those that something is done to: `${NAME/a/b}`, `${NAME:=${OTHER}}`.
fn names(value: &str) -> impl Iterator<Item = &str> {
    let open = value.match_indices("${").filter(|(at, _)| !value[..*at].ends_with('$'));
    open.filter_map(|(at, _)| variable(&value[at..])).filter(|name| !name.is_empty())
}

/// A variable in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expression<'v> {
    /// All of it, in bytes of the text.
    pub(super) range: Range<usize>,
    pub(super) name: &'v str,
    /// The text that stands in where nothing defines it.
    pub(super) default: Option<Range<usize>>,
}

/// The variables of a text that can be followed: `${NAME}`, `${NAME:=default}`, `${NAME:-default}`; `$${NAME}` is none.
///
/// Source: kustomize-controller's `postBuild`, which reads texts as drone/envsubst does.
pub(super) fn expressions(value: &str) -> impl Iterator<Item = Expression<'_>> {
    // Where the next `}` is known to be, so that a text of many `${` is looked through once.
    let (mut from, mut close) = (0, 0);
    std::iter::from_fn(move || {
        loop {
            let start = from + value.get(from..)?.find("${")?;
            from = start + 2;
            if value[..start].ends_with('$') {
                continue;
            }
            if close < from {
                close = from + value[from..].find('}')?;
            }
            let end = close;
            let inner = &value[from..end];
            let length =
                inner.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inner.len());
            let (name, rest) = inner.split_at(length);
            let operator = ["", ":=", ":-", "=", "-"]
                .into_iter()
                .filter(|op| rest.starts_with(op))
                .max_by_key(|op| op.len())?;
            if name.is_empty() || operator.is_empty() && !rest.is_empty() {
                continue;
            }
            let default = (!operator.is_empty()).then_some(from + length + operator.len()..end);
            from = end + 1;
            return Some(Expression { range: start..end + 1, name, default });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(value: &str) -> Vec<(&str, &str, Option<&str>)> {
        let all = expressions(value);
        all.map(|one| (&value[one.range], one.name, one.default.map(|range| &value[range]))).collect()
    }

    #[test]
    fn variables_of_a_text() {
        for (value, expected) in [
            ("${A}", vec![("${A}", "A", None)]),
            ("v${A_1}-x", vec![("${A_1}", "A_1", None)]),
            ("${A:=1.2}", vec![("${A:=1.2}", "A", Some("1.2"))]),
            ("${A:-1.2}", vec![("${A:-1.2}", "A", Some("1.2"))]),
            ("${A=1.2}", vec![("${A=1.2}", "A", Some("1.2"))]),
            ("${A:=}", vec![("${A:=}", "A", Some(""))]),
            ("${A}:${B:=2}", vec![("${A}", "A", None), ("${B:=2}", "B", Some("2"))]),
        ] {
            assert_eq!(found(value), expected, "{value}");
        }
    }

    #[test]
    fn what_is_no_variable_that_can_be_followed() {
        for value in ["", "1.2.3", "$A", "$${A}", "${}", "${A", "${A/x/y}", "${A:1:2}", "${A^^}", "$$${A"] {
            assert_eq!(found(value), [], "{value}");
        }
        // One that cannot be followed does not hide the next.
        assert_eq!(found("${A^^}${B}"), [("${B}", "B", None)]);
    }
}
