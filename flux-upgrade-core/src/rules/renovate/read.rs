//! Options of a configuration to rules, and the list of those that are none.
//!
//! Source: Renovate's documentation, "Configuration options".

use std::collections::{BTreeMap, BTreeSet};

use super::json5::{self, Entry, Item, Value};
use super::pattern::Patterns;
use super::preset::{Preset, preset};
use super::{MANAGERS, Matches, Renovate, Rule, Set, Update};
use crate::diagnostic::{Diagnostic, Severity};
use crate::rules::Schedule;
use crate::text::{Lines, RepoPath, Span};
use crate::time::Age;
use crate::version::Range;

/// How deep presets may name presets.
const DEPTH: usize = 8;

pub(super) fn read(path: &RepoPath, lines: &Lines<'_>, top: &Item) -> Renovate {
    let out = Renovate { path: Some(path.clone()), ..Renovate::default() };
    let mut reader =
        Reader { path, lines, out, ignored: None, included: None, last: Vec::new(), inside: None };
    reader.twice(top);
    reader.top(top, DEPTH);
    for files in [reader.ignored.take(), reader.included.take().map(Patterns::turned)].into_iter().flatten() {
        reader.last.push(off(Matches { files, ..Matches::default() }));
    }
    reader.out.rules.append(&mut reader.last);
    reader.out
}

/// Names of the zone that schedules are read in.
const UTC: &[&str] = &[
    "",
    "UTC",
    "Etc/UTC",
    "Etc/UCT",
    "UCT",
    "Etc/GMT",
    "GMT",
    "Etc/Zulu",
    "Zulu",
    "Etc/Universal",
    "Universal",
];

/// Whether a text can be the type or scope of a conventional commit.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
}

/// A rule that turns everything off.
fn off(matches: Matches) -> Rule {
    Rule { matches, set: Set { enabled: Some(false), ..Set::default() } }
}

struct Reader<'r> {
    path: &'r RepoPath,
    lines: &'r Lines<'r>,
    out: Renovate,
    /// `ignorePaths`: of several, as presets have them, the last counts whole.
    ignored: Option<Patterns>,
    included: Option<Patterns>,
    /// What no package rule turns on again.
    last: Vec<Rule>,
    /// Where the preset is named that is being read: its own text has no place in the file.
    inside: Option<Span>,
}

impl Reader<'_> {
    fn tell(&mut self, span: Span, message: String) {
        let at = self.lines.locate(self.path, self.inside.unwrap_or(span));
        self.out.findings.push(Diagnostic::new("rules.renovate-option", Severity::Note, at, message));
    }

    /// Tells keys that stand twice: the last counts, as for Renovate in a JSON5 file, which refuses a JSON file with one.
    fn twice(&mut self, item: &Item) {
        match &item.value {
            Value::List(items) => items.iter().for_each(|item| self.twice(item)),
            Value::Object(entries) => {
                let mut counts: BTreeMap<&str, Span> = BTreeMap::new();
                for entry in entries {
                    if let Some(before) = counts.insert(&entry.key, entry.at) {
                        self.tell(
                            before,
                            format!("`{}` has no effect here: it stands again below", entry.key),
                        );
                    }
                }
                entries.iter().for_each(|entry| self.twice(&entry.item));
            }
            _ => {}
        }
    }

    /// A time zone: schedules are read in UTC, and of any other zone that is told.
    fn timezone(&mut self, span: Span, option: &str, zone: &str) {
        self.out.timezone = (!UTC.contains(&zone)).then(|| zone.to_owned());
        if self.out.timezone.is_some() {
            self.tell(
                span,
                format!("`{option}` has no effect here: schedules are read as UTC, and not as {zone}"),
            );
        }
    }

    fn no_effect(&mut self, entry: &Entry) {
        self.tell(entry.at, format!("`{}` has no effect here", entry.key));
    }

    /// A value that the option does not take, or that is not understood.
    fn unclear(&mut self, entry: &Entry, why: &str) {
        self.tell(entry.item.span, format!("`{}` {why}", entry.key));
    }

    fn top(&mut self, item: &Item, depth: usize) {
        let entries = item.entries().unwrap_or_default();
        // Presets stand below everything that the file itself says, wherever it names them.
        for entry in entries.iter().filter(|entry| entry.key == "extends") {
            self.presets(entry, depth);
        }
        let mut own = Rule::default();
        // What stands under `major` and the like goes over what stands beside it.
        let place = self.out.rules.len();
        let mut later = Vec::new();
        for entry in entries {
            match entry.key.as_str() {
                "extends" | "$schema" | "description" => {}
                "packageRules" => match entry.item.items() {
                    Some(items) => later.extend(items),
                    None => self.unclear(entry, "is not a list"),
                },
                "ignoreDeps" => self.ignore_deps(entry),
                "ignorePaths" => self.ignored = self.paths(entry),
                "includePaths" => self.included = self.paths(entry),
                "enabledManagers" => self.managers(entry),
                "semanticCommits" | "semanticCommitType" | "semanticCommitScope" => self.semantic(entry),
                name if MANAGERS.contains(&name) => {
                    let mut matches = Matches::default();
                    let _ = matches.managers.add(name);
                    self.nested(entry, matches);
                }
                _ => self.setting(entry, &Matches::default(), &mut own.set),
            }
        }
        self.out.rules.insert(place, own);
        for item in later {
            self.package_rule(item);
        }
    }

    fn presets(&mut self, entry: &Entry, depth: usize) {
        let Some(names) = entry.item.items() else { return self.unclear(entry, "is not a list") };
        for item in names {
            let name = item.text().unwrap_or_default();
            let bare = name.strip_prefix("default").unwrap_or(name);
            if let Some(zone) = bare.strip_prefix(":timezone(").and_then(|rest| rest.strip_suffix(')')) {
                self.timezone(item.span, name, zone);
                continue;
            }
            let argument = |of: &str| {
                bare.strip_prefix(of).and_then(|rest| rest.strip_suffix(')')).filter(|text| is_word(text))
            };
            if let Some(kind) =
                argument(":semanticCommitType(").or_else(|| argument(":semanticCommitTypeAll("))
            {
                self.out.semantic.kind = kind.to_owned();
                continue;
            }
            if let Some(scope) = argument(":semanticCommitScope(") {
                self.out.semantic.scope = scope.to_owned();
                continue;
            }
            match preset(name) {
                Preset::Nothing => {}
                Preset::Is(text) if depth > 0 => {
                    let outer = self.inside;
                    self.inside = Some(outer.unwrap_or(item.span));
                    if let Ok(config) = json5::parse(text) {
                        self.top(&config, depth - 1);
                    }
                    self.inside = outer;
                    if name.starts_with("config:") && outer.is_none() {
                        self.tell(
                            item.span,
                            format!(
                                "of the preset `{name}`, the groups and replacements have no effect here"
                            ),
                        );
                    }
                }
                Preset::Is(_) | Preset::Unknown => {
                    self.tell(item.span, format!("the preset `{name}` is not known here"));
                }
            }
        }
    }

    /// How commits are worded. `auto`, Renovate's way without a word of it, looks at the history, and has no effect here.
    fn semantic(&mut self, entry: &Entry) {
        let is_word =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
        match (entry.key.as_str(), &entry.item.value) {
            ("semanticCommits", Value::Text(text)) if matches!(text.as_str(), "enabled" | "disabled") => {
                self.out.semantic.is_on = text == "enabled";
            }
            ("semanticCommitType", Value::Text(text)) if is_word(text) => {
                self.out.semantic.kind.clone_from(text);
            }
            ("semanticCommitScope", Value::Null) => self.out.semantic.scope.clear(),
            ("semanticCommitScope", Value::Text(text)) if is_word(text) => {
                self.out.semantic.scope.clone_from(text);
            }
            _ => self.no_effect(entry),
        }
    }

    fn ignore_deps(&mut self, entry: &Entry) {
        let Some(names) = entry.item.texts() else { return self.unclear(entry, "is not a list of texts") };
        for name in names {
            let mut matches = Matches::default();
            match matches.dep_names.add(name) {
                Ok(()) => self.last.push(off(matches)),
                Err(problem) => self.unclear(entry, &problem),
            }
        }
    }

    fn paths(&mut self, entry: &Entry) -> Option<Patterns> {
        let Some(texts) = entry.item.texts() else {
            self.unclear(entry, "is not a list of texts");
            return None;
        };
        let mut patterns = Patterns::default();
        for text in &texts {
            if let Err(problem) = patterns.add_path(text) {
                self.unclear(entry, &problem);
            }
        }
        (!texts.is_empty()).then_some(patterns)
    }

    fn managers(&mut self, entry: &Entry) {
        let Some(names) = entry.item.texts() else { return self.unclear(entry, "is not a list of texts") };
        let mut enabled = Patterns::default();
        for name in &names {
            if let Err(problem) = enabled.add(name) {
                self.unclear(entry, &problem);
            }
        }
        if !names.is_empty() {
            self.last.push(off(Matches { managers: enabled.turned(), ..Matches::default() }));
        }
    }

    /// An object of settings for some managers or updates, under a key of its own.
    fn nested(&mut self, entry: &Entry, matches: Matches) {
        let Some(entries) = entry.item.entries() else { return self.unclear(entry, "is not an object") };
        let place = self.out.rules.len();
        let mut set = Set::default();
        for inner in entries {
            self.setting(inner, &matches, &mut set);
        }
        self.add(place, Rule { matches, set }, entry.item.span);
    }

    /// One setting; `matches` is what it is for.
    fn setting(&mut self, entry: &Entry, matches: &Matches, set: &mut Set) {
        let updates = match entry.key.as_str() {
            "major" => Some(vec![Update::Major]),
            "minor" => Some(vec![Update::Minor]),
            "patch" => Some(vec![Update::Patch]),
            "digest" => Some(vec![Update::Digest]),
            _ => None,
        };
        if let Some(updates) = updates {
            let updates = Some(updates.into_iter().collect());
            return self.nested(entry, Matches { updates, ..matches.clone() });
        }
        let partly = matches.updates.is_some();
        let item = &entry.item;
        match (entry.key.as_str(), &item.value) {
            ("description" | "$schema", _) => {}
            ("timezone", Value::Text(zone)) => self.timezone(item.span, "timezone", zone),
            ("enabled", Value::Bool(value)) => set.enabled = Some(*value),
            ("pinDigests" | "minimumReleaseAge" | "stabilityDays" | "allowedVersions" | "schedule", _)
                if partly =>
            {
                self.unclear(entry, "for some updates alone has no effect here");
            }
            ("pinDigests", Value::Bool(value)) => set.pin_digests = Some(*value),
            ("minimumReleaseAge", Value::Null) => set.minimum_age = age("0 days"),
            ("minimumReleaseAge", Value::Text(text)) => match age(text) {
                Some(age) => set.minimum_age = Some(age),
                None => self.unclear(entry, &format!("has no effect here: `{text}` is no duration in days")),
            },
            ("stabilityDays", Value::Number(text)) => match Age::parse(&format!("{text}d")) {
                Ok(age) => set.minimum_age = Some(age),
                Err(_) => self.unclear(entry, "is not a number of days"),
            },
            ("allowedVersions", Value::Text(text)) => match Range::parse(text) {
                Ok(range) if !text.starts_with(['/', '!']) => set.allowed = Some(range),
                _ => self.unclear(entry, &format!("has no effect here: `{text}` is not a range")),
            },
            ("schedule", _) if item.texts().is_some() => {
                let mut schedule = Vec::new();
                for text in item.texts().unwrap_or_default() {
                    match Schedule::parse(text) {
                        Ok(_) => schedule.push(text.to_owned()),
                        Err(error) => self.unclear(entry, &format!("has no effect here: {error}")),
                    }
                }
                // Renovate's word for no schedule.
                if schedule.iter().any(|text| text == "at any time") {
                    schedule.clear();
                }
                set.schedule = Some(schedule);
            }
            ("groupName", Value::Null) => set.group = Some(None),
            ("groupName", Value::Text(text)) if text.contains("{{") => {
                self.unclear(entry, "is a template, which has no effect here");
            }
            ("groupName", Value::Text(text)) => set.group = Some(Some(text.clone())),
            (
                "enabled" | "pinDigests" | "minimumReleaseAge" | "stabilityDays" | "allowedVersions"
                | "groupName",
                _,
            ) => {
                self.unclear(entry, "has a value that it does not take");
            }
            _ => self.no_effect(entry),
        }
    }

    fn package_rule(&mut self, item: &Item) {
        let Some(entries) = item.entries() else {
            return self.tell(item.span, "this package rule is not an object".to_owned());
        };
        let mut rule = Rule::default();
        let mut strange = Vec::new();
        let (matchers, settings): (Vec<&Entry>, Vec<&Entry>) = entries
            .into_iter()
            .partition(|entry| entry.key.starts_with("match") || entry.key.starts_with("exclude"));
        for entry in matchers {
            if let Err(problem) = matcher(entry, &mut rule.matches) {
                strange
                    .push((entry.at, format!("`{}` {problem}: this package rule has no effect", entry.key)));
            }
        }
        if !strange.is_empty() {
            // Without one of its conditions a rule would count for more than it was written for.
            for (span, message) in strange {
                self.tell(span, message);
            }
            return;
        }
        let matches = rule.matches.clone();
        if matches.updates.as_ref().is_some_and(BTreeSet::is_empty) {
            return;
        }
        let place = self.out.rules.len();
        for entry in settings {
            self.setting(entry, &matches, &mut rule.set);
        }
        self.add(place, rule, item.span);
    }

    /// Adds a rule. A step that is turned off alone holds longer ones too, as there is one limit for all.
    fn add(&mut self, place: usize, rule: Rule, span: Span) {
        let gap = |updates: &BTreeSet<Update>| {
            let has = |update| updates.contains(&update);
            has(Update::Patch) && !has(Update::Minor) || has(Update::Minor) && !has(Update::Major)
        };
        if rule.set.enabled == Some(false) && rule.matches.updates.as_ref().is_some_and(gap) {
            self.tell(span, "a step that is turned off holds longer ones too here".to_owned());
        }
        self.out.rules.insert(place, rule);
    }
}

/// Reads one condition of a package rule; an error says why it cannot be told.
fn matcher(entry: &Entry, matches: &mut Matches) -> Result<(), String> {
    let texts = entry.item.texts().ok_or("is not a list of texts")?;
    // An empty list of what is excluded excludes nothing.
    if texts.is_empty() && entry.key.starts_with("match") {
        return Err("is an empty list, which matches nothing".to_owned());
    }
    let add = |patterns: &mut Patterns, not: &str| -> Result<(), String> {
        texts.iter().try_for_each(|text| patterns.add(&format!("{not}{text}")))
    };
    let expressions = |patterns: &mut Patterns, unwanted: bool| -> Result<(), String> {
        texts.iter().try_for_each(|text| patterns.add_expression(text, unwanted))
    };
    match entry.key.as_str() {
        "matchPackageNames" => add(&mut matches.names, ""),
        "matchDepNames" => add(&mut matches.dep_names, ""),
        "excludePackageNames" => add(&mut matches.names, "!"),
        "excludeDepNames" => add(&mut matches.dep_names, "!"),
        "matchPackagePatterns" => expressions(&mut matches.names, false),
        "matchDepPatterns" => expressions(&mut matches.dep_names, false),
        "excludePackagePatterns" => expressions(&mut matches.names, true),
        "excludeDepPatterns" => expressions(&mut matches.dep_names, true),
        "matchPackagePrefixes" | "excludePackagePrefixes" => {
            let unwanted = entry.key.starts_with("exclude");
            texts.iter().for_each(|text| matches.names.add_start(text, unwanted));
            Ok(())
        }
        "matchDatasources" => add(&mut matches.datasources, ""),
        "matchManagers" => add(&mut matches.managers, ""),
        "matchFileNames" => add(&mut matches.files, ""),
        "matchPaths" => texts.iter().try_for_each(|text| matches.files.add_path(text)),
        "matchUpdateTypes" => {
            let update = |text: &&str| match *text {
                "major" => Some(Update::Major),
                "minor" => Some(Update::Minor),
                "patch" => Some(Update::Patch),
                "digest" => Some(Update::Digest),
                // Sites here have no others; a rule for those alone never counts.
                _ => None,
            };
            matches.updates = Some(texts.iter().filter_map(update).collect());
            Ok(())
        }
        _ => Err("cannot be told here".to_owned()),
    }
}

/// `3 days`, `36 hours`, `1 week`, `2d`.
fn age(text: &str) -> Option<Age> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let letter = match unit.trim() {
        "w" | "week" | "weeks" => 'w',
        "d" | "day" | "days" => 'd',
        "h" | "hr" | "hrs" | "hour" | "hours" => 'h',
        "m" | "min" | "mins" | "minute" | "minutes" => 'm',
        "s" | "sec" | "secs" | "second" | "seconds" => 's',
        _ => return None,
    };
    Age::parse(&format!("{number}{letter}")).ok()
}
