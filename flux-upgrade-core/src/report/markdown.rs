//! The plan as the body of a pull request (GitHub-flavoured Markdown).

use std::fmt::Write as _;

use super::summary::Summary;
use super::table::Clusters;
use super::words::{clean, count, day, package, short, step, variable};
use crate::diagnostic::Diagnostic;
use crate::locate::{Part, Site};
use crate::plan::{Change, Plan, Reason};
use crate::version::Level;

/// A plan as Markdown: the changes, the majors that the rules hold, the findings folded away.
///
/// Every text from the repository is shown literally: no link, mention, HTML or table cell comes out of it.
#[must_use]
pub fn markdown(plan: &Plan) -> String {
    let mut text = format!("**{}**\n", Summary::of(plan));
    if !plan.changes.is_empty() {
        text.push('\n');
        text.push_str(&changes_table(plan, plan.changes.iter()));
    }
    let notes = notes_list(plan, plan.changes.iter());
    if !notes.is_empty() {
        let _ = write!(text, "\n{notes}");
    }
    text.push_str(&super::series::markdown(plan));
    let majors: Vec<_> = plan
        .held
        .iter()
        .filter_map(|held| match &held.reason {
            Reason::BeyondRules { newest, level: Level::Major, .. } => Some((&plan.sites[held.site], newest)),
            _ => None,
        })
        .collect();
    if !majors.is_empty() {
        text.push_str("\n### Majors held\n\n| Object | From | Newest | File |\n| --- | --- | --- | --- |\n");
    }
    for (site, newest) in majors {
        let written = cell(&short(&site.written()));
        let (newest, file) = (cell(newest), cell(&place(site)));
        let _ = writeln!(text, "| {} | {written} | {newest} | {file} |", object(site));
    }
    if !plan.diagnostics.is_empty() {
        let (open, close) = details(&format!("{} in the files", count(plan.diagnostics.len(), "finding")));
        text.push_str(&open);
        for diagnostic in &plan.diagnostics {
            let _ = writeln!(text, "{}", finding(diagnostic));
        }
        text.push_str(close);
    }
    text
}

/// Changes as a table. What else there is to say of them is [`notes_list`]: a cell of many words makes a table that nobody reads.
pub(super) fn changes_table<'p>(plan: &Plan, changes: impl Iterator<Item = &'p Change>) -> String {
    let clusters = Clusters::of(plan);
    let (head, line) = if clusters.are_several() { (" Clusters |", " --- |") } else { ("", "") };
    let mut text = format!("| Object | From | To | Level | Published |{head} File |\n");
    let _ = writeln!(text, "| --- | --- | --- | --- | --- |{line} --- |");
    for change in changes {
        let site = plan.site_of(change);
        let (from, to) = match (change.from.rsplit_once('/'), change.to.rsplit_once('/')) {
            // The kind says which group it is.
            (Some((old, from)), Some((new, to))) if site.part == Part::Api && old == new => {
                (clean(from).into_owned(), clean(to).into_owned())
            }
            _ => step(&change.from, &change.to),
        };
        let published = match change.published.as_deref().map(day) {
            Some(day) if day.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => day.into_owned(),
            Some(other) => cell(&other),
            None => String::new(),
        };
        let of_clusters = match clusters.name(site) {
            _ if !clusters.are_several() => String::new(),
            names if names.is_empty() => " |".to_owned(),
            names => format!(" {} |", cell(&names)),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {published} |{of_clusters} {} |",
            object(site),
            cell(&from),
            cell(&to),
            change.level,
            cell(&place(site)),
        );
    }
    text
}

/// What there is to say of changes beside their table, as a list by place; empty where there is nothing.
pub(super) fn notes_list<'p>(plan: &Plan, changes: impl Iterator<Item = &'p Change>) -> String {
    let mut text = String::new();
    for change in changes {
        let site = plan.site_of(change);
        let at = code(&place(site));
        match notes(site, change).as_slice() {
            [] => {}
            [note] => {
                let _ = writeln!(text, "- {at}: {note}");
            }
            several => {
                let _ = writeln!(text, "- {at}");
                for note in several {
                    let _ = writeln!(text, "  - {note}");
                }
            }
        }
    }
    text
}

fn notes(site: &Site, change: &Change) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(name) = &site.variable {
        notes.push(format!("by {}", code(&variable(name))));
    }
    if let Some(first) = site.overridden_by.first() {
        let more = site.overridden_by.len() - 1;
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        notes.push(format!("overridden by {}{more}", code(&format!("{}:{}", first.path, first.line))));
    }
    if let Some(beyond) = &change.beyond {
        notes.push(format!("newer: {} ({})", code(&short(&beyond.newest)), beyond.level));
    }
    if site.suspended {
        notes.push("suspended".to_owned());
    }
    notes.extend(change.notes.iter().map(|note| plain(note)));
    notes
}

/// A finding as an item of a list.
pub(super) fn finding(diagnostic: &Diagnostic) -> String {
    let at = code(&diagnostic.at.to_string());
    let message = plain(&diagnostic.message);
    let mut text = format!("- {at}: {}: {message} ({})", diagnostic.severity, code(diagnostic.code));
    if let Some(help) = &diagnostic.help {
        let _ = write!(text, "; {}", plain(help));
    }
    text
}

/// What stands before and after a text that is folded away.
pub(super) fn details(summary: &str) -> (String, &'static str) {
    (format!("\n<details>\n<summary>{summary}</summary>\n\n"), "\n</details>\n")
}

fn place(site: &Site) -> String {
    format!("{}:{}", site.spot.at.path, site.spot.at.line)
}

/// In a cell of a table: the object, and what moves in it where its name does not say that.
fn object(site: &Site) -> String {
    // Of Flux itself the kind says it.
    let is_flux = site.part == Part::Api || site.owner.kind == "Flux";
    match package(site) {
        _ if is_flux => cell(&site.owner.to_string()),
        "" => cell(&site.owner.to_string()),
        package => format!("{} {}", cell(&site.owner.to_string()), cell(package)),
    }
}

/// A code span that shows `text` literally; in a table it is a [`cell`].
pub(super) fn code(text: &str) -> String {
    let text = clean(text);
    if text.is_empty() {
        // Two backticks would begin a span that goes on to the next two.
        return "` `".to_owned();
    }
    let mut longest = 0;
    for run in text.split(|c| c != '`') {
        longest = longest.max(run.len());
    }
    let fence = "`".repeat(longest + 1);
    // A blank at both ends is taken away, unless there is nothing but blanks.
    let has_blanks = text.starts_with(' ') && text.ends_with(' ') && !text.trim_matches(' ').is_empty();
    let pad = if text.starts_with('`') || text.ends_with('`') || has_blanks { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A code span in a cell of a table, where a `|` ends the cell also inside of code.
///
/// Source: GitHub Flavored Markdown, 4.10: `\|` is the way to write one. Behind another backslash it would be none, so that the span is
/// one of HTML there.
fn cell(text: &str) -> String {
    if !clean(text).contains("\\|") {
        return code(text).replace('|', "\\|");
    }
    let mut out = "<code>".to_owned();
    for c in clean(text).chars() {
        if c.is_ascii_punctuation() {
            let _ = write!(out, "&#{};", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out + "</code>"
}

/// `text` with everything escaped that Markdown or HTML would read; code spans in backticks stay, and so that no forge makes a link or a
/// mention of it, a word that it might take for one is shown as code.
pub(super) fn plain(text: &str) -> String {
    let text = clean(text);
    let mut parts = text.split('`');
    let mut out = at_start(&escaped(parts.next().unwrap_or("")));
    let rest: Vec<&str> = parts.collect();
    for pair in rest.chunks(2) {
        match pair {
            [inside, after] if !inside.is_empty() => {
                out.push_str(&code(inside));
                out.push_str(&escaped(after));
            }
            pair => {
                for part in pair {
                    out.push_str("\\`");
                    out.push_str(&escaped(part));
                }
            }
        }
    }
    out
}

/// A text that begins a line: no item of a list and no underline of a heading.
fn at_start(text: &str) -> String {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    // A number is one of a list where a blank follows it, and a version is none.
    let ends = text.as_bytes().get(digits + 1).is_none_or(u8::is_ascii_whitespace);
    match text.as_bytes().get(digits) {
        Some(b'-' | b'+' | b'=') if digits == 0 => format!("\\{text}"),
        Some(b'.' | b')') if digits > 0 && ends => format!("{}\\{}", &text[..digits], &text[digits..]),
        _ => text.to_owned(),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (number, word) in text.split(' ').enumerate() {
        if number > 0 {
            out.push(' ');
        }
        if is_live(word) {
            let open = word.len() - word.trim_start_matches(['(', '"', '\'']).len();
            let inner = word[open..].trim_end_matches(['.', ',', ';', ':', ')', '"', '\'']);
            let (before, after) = (&word[..open], &word[open + inner.len()..]);
            out.extend([before, &code(inner), after]);
            continue;
        }
        for c in word.chars() {
            match c {
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '&' => out.push_str("&amp;"),
                '\\' | '|' | '*' | '_' | '[' | ']' | '#' | '~' | '!' => out.extend(['\\', c]),
                other => out.push(other),
            }
        }
    }
    out
}

/// Whether a forge may take a word for an address, a mention, or the number of an issue or a pull request: it looks for them in what is
/// rendered, so that a backslash does not help.
///
/// Sources: GitHub, "Autolinked references and URLs"; GitLab, "GitLab-specific references"; Gitea and Forgejo, "Automatically linked
/// references".
fn is_live(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let numbered = |mark: &str| {
        lower
            .match_indices(mark)
            .any(|(at, _)| lower[at + mark.len()..].starts_with(|next: char| next.is_ascii_alphanumeric()))
    };
    lower.contains("://")
        || lower.contains("www.")
        || lower.contains('@')
        || ["#", "!", "&", "~", "%", "$", "gh-"].iter().any(|mark| numbered(mark))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_plan_reads_like_this() {
        let plan = Plan { series: Vec::new(), ..sample::plan() };
        let expected = r"**2 changes, 1 of them in files that no cluster applies, 1 with a newer major, 1 major held, 1 source unanswered**

| Object | From | To | Level | Published | File |
| --- | --- | --- | --- | --- | --- |
| `HelmRelease apps/podinfo` | `6.5.0` | `6.7.1` | minor | 2024-05-01 | `apps/podinfo.yaml:2` |
| `OCIRepository web` `backend` | `1.2.0` | `1.2.1` | patch |  | `infra/sources.yaml:1` |

- `apps/podinfo.yaml:2`: newer: `7.0.0` (major)
- `infra/sources.yaml:1`
  - suspended
  - the current tag is no longer published

### Majors held

| Object | From | Newest | File |
| --- | --- | --- | --- |
| `HelmRelease infra/nginx` | `15.1.0` | `18.2.0` | `infra/nginx.yaml:1` |

<details>
<summary>1 finding in the files</summary>

- `infra/broken.yaml:3:5`: error: a tab where `key:` \| was expected (`yaml.syntax`); indent with &lt;blanks&gt;

</details>
";
        assert_eq!(markdown(&plan), expected);
    }

    /// With several clusters a reviewer sees which of them a change reaches.
    #[test]
    fn changes_of_several_clusters_name_them() {
        let mut plan = sample::plan();
        plan.sites[0].clusters = vec!["production".into(), "staging".into()];
        let table = changes_table(&plan, plan.changes.iter());
        let expected = "| Object | From | To | Level | Published | Clusters | File |
| --- | --- | --- | --- | --- | --- | --- |
| `HelmRelease apps/podinfo` | `6.5.0` | `6.7.1` | minor | 2024-05-01 | `all` | `apps/podinfo.yaml:2` |
| `OCIRepository web` `backend` | `1.2.0` | `1.2.1` | patch |  | `staging` | `infra/sources.yaml:1` |
";
        assert_eq!(table, expected);
    }

    #[test]
    fn nothing_of_the_repository_becomes_markup() {
        for (text, expected) in [
            ("a|b", r"a\|b"),
            ("`key:` is <b>", "`key:` is &lt;b&gt;"),
            ("one ` only", r"one \` only"),
            ("[x](y)", r"\[x\](y)"),
            ("- a", r"\- a"),
            ("12. a", r"12\. a"),
        ] {
            assert_eq!(plain(text), expected);
        }
        assert_eq!([code("a|b"), code("a`b"), code("`x`")], ["`a|b`", "``a`b``", "`` `x` ``"]);
        assert_eq!([code(""), code(" "), code(" a ")], ["` `", "` `", "`  a  `"]);
        assert_eq!([cell("a|b"), cell(r"a\|b")], [r"`a\|b`", "<code>a&#92;&#124;b</code>"]);
    }

    /// Nobody is called and nothing is linked, whatever a registry or a repository says.
    #[test]
    fn no_word_is_a_mention_or_a_link() {
        for (text, expected) in [
            ("@team, look", "`@team`, look"),
            ("(see acme/fleet#12)", "(see `acme/fleet#12`)"),
            ("GH-7 or !7 or &7", "`GH-7` or `!7` or `&7`"),
            ("https://example.com/issues/1: gone", "`https://example.com/issues/1`: gone"),
            ("WWW.example.com", "`WWW.example.com`"),
            ("a@example.com.", "`a@example.com`."),
            ("# 1 ! a & b", r"\# 1 \! a &amp; b"),
        ] {
            assert_eq!(plain(text), expected);
        }
    }
}
