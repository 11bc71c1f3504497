//! `.flux-upgrade.yaml` to rules, with the place of every mistake.

use super::{
    Allow, Delivery, Digests, Glob, Layer, Matcher, Promote, Ranges, Requires, Rule, Rules, Schedule, Slash,
    ValueError, Wording, nearest,
};
use crate::flux::LocalEdits;
use crate::text::{Lines, Location, RepoPath, Span};
use crate::time::Age;
use crate::version::Range;
use crate::yaml::{Comments, Node, Quote, parse, split};

/// A rules file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {message}")]
pub struct RulesError {
    /// `rules.syntax`, `rules.unknown-key`, `rules.bad-value`, …
    pub code: &'static str,
    /// What was found and what was wanted.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Where.
    pub at: Location,
}

pub(super) const TOP: &[&str] =
    &["version", "defaults", "rules", "promote", "renovate", "wording", "credentials"];
pub(super) const MATCH: &[&str] = &["kind", "name", "namespace", "path", "source", "package"];
pub(super) const SETTINGS: &[&str] = &[
    "allow",
    "prerelease",
    "ranges",
    "digests",
    "localEdits",
    "minimumAge",
    "range",
    "ignore",
    "group",
    "delivery",
    "schedule",
    "requires",
];

pub(super) fn read(path: &RepoPath, text: &str) -> Result<Rules, RulesError> {
    let file = File { path, lines: Lines::new(text) };
    let mut documents = Vec::new();
    for part in split(text) {
        let (found, error) = parse(text, part, Comments::Skip);
        if let Some(error) = error {
            return Err(file.error("rules.syntax", Span::new(error.at, error.at), error.message, None));
        }
        documents.extend(found);
    }
    let mut roots = documents.iter().filter_map(|document| document.root());
    let versionless = |span| {
        let (message, help) =
            ("the file has no `version`".to_owned(), "write `version: 1` at its top".to_owned());
        file.error("rules.unsupported-version", span, message, Some(help))
    };
    let Some(root) = roots.next() else { return Err(versionless(Span::new(0, 0))) };
    if let Some(second) = roots.next() {
        return Err(file.value(second, "one document is wanted", None));
    }
    let mut rules = Rules::default();
    let entries = file.entries(root, TOP)?;
    let has_version = entries.iter().any(|(key, _)| *key == "version");
    for (key, value) in entries {
        match key {
            "version" if value.text() != Some("1") || value.quote() != Some(Quote::Plain) => {
                let message = "the only version of this file's form is 1".to_owned();
                let quoted = value.text() == Some("1");
                let help = quoted.then(|| "write the number `1`, without quotes".to_owned());
                return Err(file.error("rules.unsupported-version", value.span(), message, help));
            }
            "defaults" => rules.defaults = file.layer(file.entries(value, SETTINGS)?)?,
            "rules" => {
                for item in file.items(value)? {
                    rules.rules.push(file.rule(item)?);
                }
            }
            "promote" if value.resolved().is_some_and(Node::is_sequence) => {
                for item in file.items(value)? {
                    rules.promotions.push(Promote::read(&file, item)?);
                }
            }
            "promote" => rules.promotions.push(Promote::read(&file, value)?),
            "renovate" => rules.reads_renovate = file.truth(value)?,
            "wording" => rules.wording = Wording::read(&file, value)?,
            "credentials" => rules.credentials = file.credentials(value)?,
            _ => {}
        }
    }
    if let Some((at, message)) = Promote::circle(&rules.promotions) {
        return Err(RulesError { code: "rules.bad-value", message, help: None, at: at.clone() });
    }
    if !has_version {
        return Err(versionless(root.span()));
    }
    Ok(rules)
}

pub(super) struct File<'a> {
    pub(super) path: &'a RepoPath,
    pub(super) lines: Lines<'a>,
}

type Entry<'d, 't, 'k> = (&'k str, Node<'d, 't>);

impl File<'_> {
    fn error(&self, code: &'static str, span: Span, message: String, help: Option<String>) -> RulesError {
        RulesError { code, message, help, at: self.lines.locate(self.path, span) }
    }

    pub(super) fn value(
        &self,
        node: Node<'_, '_>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> RulesError {
        self.error("rules.bad-value", node.span(), message.into(), help)
    }

    /// Entries of a mapping whose keys must be known.
    pub(super) fn entries<'d, 't, 'k>(
        &self,
        node: Node<'d, 't>,
        known: &'k [&'k str],
    ) -> Result<Vec<Entry<'d, 't, 'k>>, RulesError> {
        let Some(mapping) = node.resolved().filter(|node| node.is_mapping()) else {
            return Err(self.value(node, "a mapping is wanted here", None));
        };
        let mut out: Vec<Entry<'d, 't, 'k>> = Vec::new();
        for (key, value) in mapping.entries() {
            let text = key.text().unwrap_or_default();
            let Some(name) = known.iter().find(|known| **known == text) else {
                let help = match nearest(text, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known keys: {}", known.join(", ")),
                };
                let message = format!("`{text}` is no key of this mapping");
                return Err(self.error("rules.unknown-key", key.span(), message, Some(help)));
            };
            if out.iter().any(|(before, _)| before == name) {
                return Err(self.error(
                    "rules.bad-value",
                    key.span(),
                    format!("the key `{text}` stands twice"),
                    None,
                ));
            }
            out.push((name, value));
        }
        Ok(out)
    }

    fn items<'d, 't>(&self, node: Node<'d, 't>) -> Result<Vec<Node<'d, 't>>, RulesError> {
        match node.resolved().filter(|node| node.is_sequence()) {
            Some(list) => Ok(list.items().collect()),
            None => Err(self.value(node, "a list is wanted here", None)),
        }
    }

    pub(super) fn text<'d>(&self, node: Node<'d, '_>) -> Result<&'d str, RulesError> {
        let text = node.text().ok_or_else(|| self.value(node, "a text is wanted here", None))?;
        // `1.10` would be 1.1 for whoever checks the file by its schema, or writes it again. What it is may be a secret, and is not told.
        let plain = node.resolved().and_then(Node::quote) == Some(Quote::Plain);
        if plain && is_no_text(text) {
            let message = "a text is wanted here, and to YAML this is a number or a truth value";
            return Err(self.value(node, message, Some("write it in quotes".to_owned())));
        }
        Ok(text)
    }

    /// A text or a list of texts.
    fn texts<'d>(&self, node: Node<'d, '_>) -> Result<Vec<(&'d str, Span)>, RulesError> {
        if node.resolved().is_some_and(|node| node.is_sequence()) {
            return self.items(node)?.into_iter().map(|item| Ok((self.text(item)?, item.span()))).collect();
        }
        Ok(vec![(self.text(node)?, node.span())])
    }

    fn rule(&self, node: Node<'_, '_>) -> Result<Rule, RulesError> {
        let known: Vec<&str> = ["name", "match"].into_iter().chain(SETTINGS.iter().copied()).collect();
        let mut entries = self.entries(node, &known)?;
        let at = self.lines.locate(self.path, node.span());
        let mut rule = Rule { at, name: None, matcher: Matcher::default(), set: Layer::default() };
        for (key, value) in &entries {
            match *key {
                "name" => rule.name = Some(self.text(*value)?.to_owned()),
                "match" => rule.matcher = self.matcher(*value)?,
                _ => {}
            }
        }
        entries.retain(|(key, _)| !matches!(*key, "name" | "match"));
        rule.set = self.layer(entries)?;
        Ok(rule)
    }

    fn matcher(&self, node: Node<'_, '_>) -> Result<Matcher, RulesError> {
        let mut matcher = Matcher::default();
        for (key, value) in self.entries(node, MATCH)? {
            let slash = if key == "path" { Slash::Stops } else { Slash::Crosses };
            let texts = self.texts(value)?;
            if texts.is_empty() {
                let help = "leave it out, and every one matches".to_owned();
                return Err(self.value(value, "a pattern is wanted here", Some(help)));
            }
            if let Some((text, span, wrong)) =
                texts.iter().find_map(|(text, span)| Some((*text, *span, never(text, key == "path")?)))
            {
                return Err(self.error("rules.bad-pattern", span, format!("`{text}` {wrong}"), None));
            }
            let globs: Result<Vec<Glob>, RulesError> = texts
                .into_iter()
                .map(|(text, span)| {
                    Glob::parse(text, slash).map_err(|problem| {
                        self.error("rules.bad-pattern", span, format!("`{text}` {problem}"), None)
                    })
                })
                .collect();
            let field = match key {
                "kind" => &mut matcher.kind,
                "name" => &mut matcher.name,
                "namespace" => &mut matcher.namespace,
                "path" => &mut matcher.path,
                "source" => &mut matcher.source,
                _ => &mut matcher.package,
            };
            *field = globs?;
        }
        Ok(matcher)
    }

    fn layer(&self, entries: Vec<Entry<'_, '_, '_>>) -> Result<Layer, RulesError> {
        let mut layer = Layer::default();
        for (key, value) in entries {
            match key {
                "allow" => layer.allow = Some(self.word(value, str::parse::<Allow>)?),
                "ranges" => layer.ranges = Some(self.word(value, str::parse::<Ranges>)?),
                "digests" => layer.digests = Some(self.word(value, str::parse::<Digests>)?),
                "localEdits" => layer.local_edits = Some(self.word(value, str::parse::<LocalEdits>)?),
                "prerelease" => layer.prerelease = Some(self.truth(value)?),
                "minimumAge" => layer.minimum_age = Some(self.age(value)?),
                "range" => {
                    let text = self.text(value)?;
                    layer.range = Some(Range::parse(text).map_err(|error| {
                        let help = error.help().map(str::to_owned);
                        self.error("rules.bad-range", value.span(), error.to_string(), help)
                    })?);
                }
                "ignore" => {
                    let texts = self.texts(value)?;
                    layer.ignore = Some(texts.into_iter().map(|(text, _)| text.to_owned()).collect());
                }
                "delivery" => layer.delivery = Some(self.word(value, str::parse::<Delivery>)?),
                "requires" => layer.requires = Some(Requires::read(self, value)?),
                "schedule" => layer.schedule = Some(self.schedule(value)?),
                _ => {
                    let text = self.text(value)?;
                    if text.trim().is_empty() {
                        return Err(self.value(value, "the name of a group is wanted here", None));
                    }
                    layer.group = Some(text.to_owned());
                }
            }
        }
        Ok(layer)
    }

    fn schedule(&self, node: Node<'_, '_>) -> Result<Vec<String>, RulesError> {
        let mut out = Vec::new();
        for (text, span) in self.texts(node)? {
            Schedule::parse(text).map_err(|error| {
                let help = "write for example `after 10pm and before 5am every weekday`, or `* 0-4 * * 1-5` with minutes of `*`";
                self.error("rules.bad-value", span, error.to_string(), Some(help.to_owned()))
            })?;
            out.push(text.to_owned());
        }
        Ok(out)
    }

    pub(super) fn truth(&self, node: Node<'_, '_>) -> Result<bool, RulesError> {
        let plain = node.resolved().and_then(Node::quote) == Some(Quote::Plain);
        match node.text() {
            Some("true" | "True" | "TRUE") if plain => Ok(true),
            Some("false" | "False" | "FALSE") if plain => Ok(false),
            Some(text) if plain => Err(self.value(node, format!("`{text}` is none of true, false"), None)),
            _ => Err(self.value(node, "true or false is wanted here, without quotes", None)),
        }
    }

    pub(super) fn age(&self, node: Node<'_, '_>) -> Result<Age, RulesError> {
        Age::parse(self.text(node)?).map_err(|error| {
            self.value(node, error.to_string(), Some("write for example `3d` or `36h`".to_owned()))
        })
    }

    fn word<T>(
        &self,
        node: Node<'_, '_>,
        read: impl Fn(&str) -> Result<T, ValueError>,
    ) -> Result<T, RulesError> {
        read(self.text(node)?).map_err(|error| {
            let help = error.nearest().map(|near| format!("did you mean `{near}`?"));
            self.value(node, error.to_string(), help)
        })
    }
}

/// What is wrong with a pattern that could match nothing, or was meant to match something else.
fn never(text: &str, is_path: bool) -> Option<&'static str> {
    match text {
        "" | "//" => Some("is empty"),
        _ if is_path && text.starts_with(['/']) => {
            Some("begins with a `/`; a path begins at the root without one")
        }
        _ if is_path && text.starts_with("./") => {
            Some("begins with `./`; a path begins at the root without it")
        }
        _ if is_path && text.ends_with('/') => {
            Some("ends with a `/`; write `**` behind it for what is below")
        }
        _ => None,
    }
}

/// Whether a plain scalar is a number or a truth value (YAML 1.2.2, 10.3.2).
fn is_no_text(text: &str) -> bool {
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_decimal = || {
        let known = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
        bare.bytes().all(known) && text.parse::<f64>().is_ok()
    };
    let based = |prefix: &str, digits: fn(&u8) -> bool| {
        text.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.as_bytes().iter().all(digits))
    };
    matches!(text, "true" | "True" | "TRUE" | "false" | "False" | "FALSE")
        || matches!(bare, ".inf" | ".Inf" | ".INF")
        || matches!(text, ".nan" | ".NaN" | ".NAN")
        || is_decimal()
        || based("0x", u8::is_ascii_hexdigit)
        || based("0o", |byte| matches!(byte, b'0'..=b'7'))
}
