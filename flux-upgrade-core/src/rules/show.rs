//! Rules as the text of a rules file.

use std::fmt::Write;

use crate::text::clean;
use crate::yaml::Quote;

use super::{Allow, CredentialFrom, Digests, Glob, Layer, Ranges, Requires, Rules, Username};

pub(super) fn show(rules: &Rules) -> String {
    let mut out = String::from("version: 1\ndefaults:\n");
    let base = Layer {
        allow: rules.flags.allow.or(rules.defaults.allow).or(Some(Allow::Minor)),
        prerelease: rules.flags.prerelease.or(rules.defaults.prerelease).or(Some(false)),
        ranges: rules.flags.ranges.or(rules.defaults.ranges).or(Some(Ranges::Keep)),
        digests: rules.flags.digests.or(rules.defaults.digests).or(Some(Digests::Update)),
        minimum_age: rules.flags.minimum_age.or(rules.defaults.minimum_age),
        ..rules.defaults.clone()
    };
    layer(&mut out, "  ", &base);
    if !rules.rules.is_empty() {
        out.push_str("rules:\n");
    }
    for rule in &rules.rules {
        let mut text = String::new();
        if let Some(name) = &rule.name {
            field(&mut text, "    ", "name", &quoted(name));
        }
        let matcher = &rule.matcher;
        let fields = [
            ("kind", &matcher.kind),
            ("name", &matcher.name),
            ("namespace", &matcher.namespace),
            ("path", &matcher.path),
            ("source", &matcher.source),
            ("package", &matcher.package),
        ];
        if fields.iter().any(|(_, globs)| !globs.is_empty()) {
            text.push_str("    match:\n");
        }
        for (name, globs) in fields.into_iter().filter(|(_, globs)| !globs.is_empty()) {
            field(&mut text, "      ", name, &list(globs.iter().map(Glob::text)));
        }
        let flags = &rules.flags;
        let set = Layer {
            allow: rule.set.allow.filter(|_| flags.allow.is_none()),
            prerelease: rule.set.prerelease.filter(|_| flags.prerelease.is_none()),
            ranges: rule.set.ranges.filter(|_| flags.ranges.is_none()),
            digests: rule.set.digests.filter(|_| flags.digests.is_none()),
            minimum_age: rule.set.minimum_age.filter(|_| flags.minimum_age.is_none()),
            ..rule.set.clone()
        };
        layer(&mut text, "    ", &set);
        let text = if text.is_empty() { "    match: {}\n".to_owned() } else { text };
        out.push_str("  - ");
        out.push_str(text.trim_start());
    }
    if !rules.reads_renovate {
        out.push_str("renovate: false\n");
    }
    if !rules.promotions.is_empty() {
        out.push_str("promote:\n");
    }
    for promote in &rules.promotions {
        let after = promote.after().map(|after| format!(", after: {after}")).unwrap_or_default();
        let (from, to) = (quoted(promote.from()), quoted(promote.to()));
        writeln!(out, "  - {{from: {from}, to: {to}{after}}}").expect("writing to a String does not fail");
    }
    for (number, (key, text)) in rules.wording.texts().enumerate() {
        out.push_str(if number == 0 { "wording:\n" } else { "" });
        field(&mut out, "  ", key, &quoted(text));
    }
    if !rules.credentials.is_empty() {
        out.push_str("credentials:\n");
    }
    for rule in &rules.credentials {
        field(&mut out, "  ", &quoted(&rule.address), &place(&rule.from));
    }
    if let Some(path) = rules.renovate.path() {
        let found = rules.renovate.findings();
        let unread = if found.is_empty() { "" } else { ", of which this has no effect here:" };
        writeln!(out, "# below these: {path}{unread}").expect("writing to a String does not fail");
        for finding in found {
            // What it says quotes the file, and a line end there must not begin a rule here.
            let line = format!("{}: {}", finding.at, finding.message);
            writeln!(out, "#   {}", clean(&line)).expect("writing to a String does not fail");
        }
    }
    out
}

fn place(from: &CredentialFrom) -> String {
    match from {
        CredentialFrom::Password { username, password } => match username {
            None => format!("{{env: {{password: {password}}}}}"),
            Some(Username::Variable(user)) => format!("{{env: {{username: {user}, password: {password}}}}}"),
            Some(Username::Literal(user)) => {
                format!("{{env: {{password: {password}}}, username: {}}}", quoted(user))
            }
        },
        CredentialFrom::Token(name) => format!("{{env: {{token: {name}}}}}"),
        CredentialFrom::File(path) => format!("{{file: {}}}", quoted(path)),
        CredentialFrom::Helper(name) => format!("{{helper: {}}}", quoted(name)),
        CredentialFrom::Nowhere => "{none: true}".to_owned(),
    }
}

fn layer(out: &mut String, indent: &str, layer: &Layer) {
    let words = [
        ("allow", layer.allow.map(|value| value.to_string())),
        ("prerelease", layer.prerelease.map(|value| value.to_string())),
        ("ranges", layer.ranges.map(|value| value.to_string())),
        ("digests", layer.digests.map(|value| value.to_string())),
        ("localEdits", layer.local_edits.map(|value| value.to_string())),
        ("minimumAge", layer.minimum_age.map(|value| value.to_string())),
        ("range", layer.range.as_ref().map(|value| quoted(&value.to_string()))),
        ("ignore", layer.ignore.as_ref().map(|value| list(value.iter().map(String::as_str)))),
        ("group", layer.group.as_deref().map(quoted)),
        ("delivery", layer.delivery.map(|value| value.to_string())),
        ("requires", layer.requires.as_ref().map(Requires::show)),
        ("schedule", layer.schedule.as_ref().map(|value| list(value.iter().map(String::as_str)))),
    ];
    for (name, value) in words {
        if let Some(value) = value {
            field(out, indent, name, &value);
        }
    }
}

fn field(out: &mut String, indent: &str, name: &str, value: &str) {
    writeln!(out, "{indent}{name}: {value}").expect("writing to a String does not fail");
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", items.map(quoted).collect::<Vec<_>>().join(", "))
}

fn quoted(text: &str) -> String {
    crate::yaml::encode("\"\"", Quote::Double, text, Quote::Double).unwrap_or_default()
}
