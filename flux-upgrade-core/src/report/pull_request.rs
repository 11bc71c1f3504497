//! A group as a pull request, and as a commit: plain data, for whoever opens and writes them.

use std::collections::BTreeSet;
use std::fmt;
use std::fmt::Write as _;

use super::links::links;
use super::markdown::{changes_table, code, details, finding, notes_list, plain};
use super::series;
use super::words::{clean, count, short};
use crate::locate::SourceKey;
use crate::plan::{Change, Group, Plan, Reason};
use crate::rules::{Template, Wording};

/// What a forge is told of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// One line of at most 200 characters.
    pub title: String,
    /// The branch that it is from; the same when versions move on.
    pub branch: String,
    /// `flux-upgrade`, and how far its longest step goes.
    pub labels: Vec<String>,
    /// Markdown of at most [`PullRequest::LONGEST`] bytes.
    pub body: String,
}

impl PullRequest {
    /// Bytes of a body. GitHub takes 65,536 characters, and whoever opens it may want to add a mark of their own.
    pub const LONGEST: usize = 60_000;
}

/// What a commit of a group says; its text is title, body and trailers as git has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitMessage {
    /// One line.
    pub title: String,
    /// One line for each change.
    pub body: String,
    /// `Flux-Upgrade-Group` with the id of the group.
    pub trailers: Vec<(String, String)>,
}

impl fmt::Display for CommitMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.title)?;
        if !self.body.is_empty() {
            writeln!(f, "{}\n", self.body)?;
        }
        self.trailers.iter().try_for_each(|(name, value)| writeln!(f, "{name}: {value}"))
    }
}

/// Characters of a title.
const TITLE: usize = 200;

/// Lines of a commit's body.
const LINES: usize = 200;

/// The pull request of a group of `plan`: a number into [`Plan::groups`]; `None` where there is no such group.
///
/// `diff` is the unified diff of the group's part, or empty for none; `wording` is what the rules say of titles and branches,
/// [`Rules::wording`](crate::rules::Rules::wording). Every text from the repository and from registries is shown literally. What does not fit is cut at the end of a
/// line, and the cut is said.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::{Inventory, plan, report, resolve, rules::Rules, scan};
/// let (files, rules) = (Vec::new(), Rules::default());
/// let inventory = scan(&files);
/// let plan = plan(&inventory, Vec::new(), &resolve::offline(&[], &rules, None), &rules);
/// assert_eq!(report::pull_request(&plan, 0, "", rules.wording()), None);
/// ```
#[must_use]
pub fn pull_request(plan: &Plan, group: usize, diff: &str, wording: &Wording) -> Option<PullRequest> {
    let group = plan.groups.get(group)?;
    Some(PullRequest {
        title: match &wording.pull_request {
            Some(template) => one_line(&filled(template, group, "")),
            None => title(group),
        },
        branch: format!("{}{}", wording.branch_prefix(), group.id),
        labels: vec!["flux-upgrade".to_owned(), group.level.to_string()],
        body: body(plan, group, diff),
    })
}

/// The commit message of a group of `plan`: a number into [`Plan::groups`]; `None` where there is no such group. `wording` is what the
/// rules say of it.
#[must_use]
pub fn commit_message(plan: &Plan, group: usize, wording: &Wording) -> Option<CommitMessage> {
    let group = plan.groups.get(group)?;
    let line = |change: &&Change| {
        let path = plan.site_of(change).spot.at.path.as_str();
        format!("- {}: {} -> {}", clean(path), clean(&change.from), clean(&change.to))
    };
    let changes = changes(plan, group);
    let mut lines: Vec<String> = changes.iter().take(LINES).map(line).collect();
    if changes.len() > LINES {
        lines.push(format!("- and {} more", changes.len() - LINES));
    }
    let changes = lines.join("\n");
    let (title, body) = match &wording.commit {
        Some(template) => {
            let text = filled(template, group, &changes);
            let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
            (one_line(first), rest.trim().to_owned())
        }
        None => (title(group), changes),
    };
    Some(CommitMessage { title, body, trailers: vec![("Flux-Upgrade-Group".to_owned(), group.id.clone())] })
}

fn filled(template: &Template, group: &Group, changes: &str) -> String {
    template.fill(|name| match name {
        "title" => title(group).into(),
        "subject" => subject(group).into(),
        "id" => group.id.as_str().into(),
        "level" => group.level.to_string().into(),
        "count" => count(group.changes.len(), "change").into(),
        _ => changes.into(),
    })
}

fn title(group: &Group) -> String {
    one_line(&group.title)
}

/// The title behind a colon: `update podinfo to 6.9.1`.
fn subject(group: &Group) -> String {
    let title = title(group);
    let mut letters = title.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn one_line(title: &str) -> String {
    let title = clean(title.trim());
    match title.char_indices().nth(TITLE) {
        Some((at, _)) => format!("{}…", &title[..at]),
        None => title.into_owned(),
    }
}

fn changes<'p>(plan: &'p Plan, group: &Group) -> Vec<&'p Change> {
    group.changes.iter().filter_map(|change| plan.changes.get(*change)).collect()
}

fn body(plan: &Plan, group: &Group, diff: &str) -> String {
    let changes = changes(plan, group);
    let mut out = Bounded::new(PullRequest::LONGEST);
    out.line(&format!("**{}, {}**\n", count(changes.len(), "change"), group.level));
    let table = changes_table(plan, changes.iter().copied());
    let mut rows = table.lines();
    rows.by_ref().take(2).for_each(|head| out.line(head));
    out.lines(rows, "changes");
    let mut pages = BTreeSet::new();
    for change in &changes {
        let site = plan.site_of(change);
        if let (Some(links), Ok(source)) = (links(site, change), &site.source) {
            let notes = links.notes.map(|url| format!("[release notes]({url}), ")).unwrap_or_default();
            pages.insert(format!("- {}: {notes}[compare]({})", code(source.package()), links.compare));
        }
    }
    let notes = notes_list(plan, changes.iter().copied());
    if !(pages.is_empty() && notes.is_empty()) {
        out.line("");
        out.lines(pages.iter().map(String::as_str).chain(notes.lines()), "links and notes");
    }
    let steps = series::markdown(&plan.part(group));
    out.lines(steps.lines(), "lines on steps");
    let before: Vec<String> = group
        .after
        .iter()
        .filter_map(|before| plan.groups.get(*before))
        .map(|before| code(&before.id))
        .collect();
    if !before.is_empty() {
        out.line(&format!("\nMerge after {}.", before.join(", ")));
    }
    if !group.awaits.is_empty() {
        let unknown: Vec<String> = group.awaits.iter().map(|id| code(id)).collect();
        let what = "of which nothing was known when this was written; see whether it has to go first";
        out.line(&format!("\nNeeds {}, {what}.", unknown.join(", ")));
    }
    if !group.schedule.is_empty() {
        let texts: Vec<String> = group.schedule.iter().map(|text| code(text)).collect();
        out.line(&format!("\nSchedule: {}.", texts.join(", ")));
    }
    let held = held(plan, &changes);
    out.fold(&format!("{} of the same package held", count(held.len(), "site")), &held, None, "sites");
    let files: BTreeSet<&str> =
        changes.iter().flat_map(|change| &change.edits).map(|edit| edit.path.as_str()).collect();
    let found = plan.diagnostics.iter().filter(|found| files.contains(found.at.path.as_str()));
    let found: Vec<String> = found.map(finding).collect();
    out.fold(&format!("{} in these files", count(found.len(), "finding")), &found, None, "findings");
    let lines: Vec<String> = diff.lines().map(shown).collect();
    let longest = diff.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    out.fold("Diff", &lines, Some("`".repeat((longest + 1).max(3))), "lines of the diff");
    out.text
}

/// A line of a diff: tabs stay.
fn shown(line: &str) -> String {
    line.split('\t').map(clean).collect::<Vec<_>>().join("\t")
}

/// Sites of the same packages that stay, and why.
fn held(plan: &Plan, changes: &[&Change]) -> Vec<String> {
    let package = |site: usize| plan.sites[site].source.as_ref().ok().map(SourceKey::package);
    let packages: BTreeSet<&str> = changes.iter().filter_map(|change| package(change.site)).collect();
    let of_these = plan.held.iter().filter(|held| {
        !matches!(held.reason, Reason::UpToDate)
            && package(held.site).is_some_and(|package| packages.contains(package))
    });
    let line = |held: &crate::plan::Held| {
        let site = &plan.sites[held.site];
        let at = code(&format!("{}:{}", site.spot.at.path, site.spot.at.line));
        format!("- {at} {}: {}", code(&short(&site.written())), plain(&held.reason.to_string()))
    };
    of_these.map(line).collect()
}

/// A text that grows by whole lines up to a size.
struct Bounded {
    text: String,
    /// What is left, less what a cut and the ends of a block need.
    left: usize,
}

/// Room for the words of a cut, and for what closes a block.
const RESERVED: usize = 400;

impl Bounded {
    fn new(size: usize) -> Self {
        Self { text: String::new(), left: size.saturating_sub(4 * RESERVED) }
    }

    /// A line of ours, which is short.
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{line}");
        self.left = self.left.saturating_sub(line.len() + 1);
    }

    /// Lines as far as they fit; `None` where all do, else how many do not.
    fn fitting<'l>(&mut self, lines: impl Iterator<Item = &'l str>) -> Option<usize> {
        let mut lines = lines.peekable();
        while let Some(line) = lines.next_if(|line| line.len() < self.left) {
            self.line(line);
        }
        lines.peek().is_some().then(|| lines.count())
    }

    /// Lines as far as they fit, and how many do not.
    fn lines<'l>(&mut self, lines: impl Iterator<Item = &'l str>, what: &str) {
        if let Some(cut) = self.fitting(lines) {
            let _ = writeln!(self.text, "\n**{cut} more {what} do not fit here.**");
        }
    }

    /// Lines folded away, in a block of code where `fence` is given; nothing where there are none.
    fn fold(&mut self, summary: &str, lines: &[String], fence: Option<String>, what: &str) {
        // A fence is as long as what the diff has, which may be longer than everything here.
        if lines.is_empty() || fence.as_ref().is_some_and(|fence| fence.len() > RESERVED / 4) {
            return;
        }
        let (open, close) = details(summary);
        self.text.push_str(&open);
        if let Some(fence) = &fence {
            let _ = writeln!(self.text, "{fence}diff");
        }
        let cut = self.fitting(lines.iter().map(String::as_str));
        if let Some(fence) = &fence {
            let _ = writeln!(self.text, "{fence}");
        }
        if let Some(cut) = cut {
            let _ = writeln!(self.text, "\n**{cut} more {what} do not fit here.**");
        }
        self.text.push_str(close);
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_pull_request_reads_like_this() {
        let diff = "--- a/infra/sources.yaml\n+++ b/infra/sources.yaml\n@@ -1,1 +1,1 @@\n-tag: \"1.2.0\"\n+tag: \"1.2.1\"\n";
        let expected = r#"**1 change, patch**

| Object | From | To | Level | Published | File |
| --- | --- | --- | --- | --- | --- |
| `OCIRepository web` `backend` | `1.2.0` | `1.2.1` | patch |  | `infra/sources.yaml:1` |

- `infra/sources.yaml:1`
  - suspended
  - the current tag is no longer published

Merge after `apps`.

<details>
<summary>Diff</summary>

```diff
--- a/infra/sources.yaml
+++ b/infra/sources.yaml
@@ -1,1 +1,1 @@
-tag: "1.2.0"
+tag: "1.2.1"
```

</details>
"#;
        let request = pull_request(&sample::plan(), 1, diff, &Wording::default()).unwrap();
        assert_eq!(request.body, expected);
        assert_eq!([&*request.title, &*request.branch], ["Update backend to 1.2.1", "flux-upgrade/backend"]);
        assert_eq!(request.labels, ["flux-upgrade", "patch"]);
        assert_eq!(pull_request(&sample::plan(), 2, "", &Wording::default()), None);
    }

    #[test]
    fn a_commit_reads_like_this() {
        let message = commit_message(&sample::plan(), 0, &Wording::default()).unwrap();
        assert_eq!(
            message.to_string(),
            "Update apps to 6.7.1\n\n- apps/podinfo.yaml: 6.5.0 -> 6.7.1\n\nFlux-Upgrade-Group: apps\n"
        );
    }

    #[test]
    fn the_rules_may_have_words_of_their_own() {
        let path = crate::RepoPath::parse(".flux-upgrade.yaml").unwrap();
        let text = "version: 1\nwording:\n  commit: |\n    chore({id}): {title}\n\n    {count}, {level}:\n    {changes}\n    {{done}}\n  \
                    pullRequest: 'deps: {title} [{level}]'\n  branchPrefix: deps/\n";
        let rules = crate::rules::Rules::parse(&path, text).unwrap();
        let message = commit_message(&sample::plan(), 0, rules.wording()).unwrap();
        assert_eq!(
            message.to_string(),
            "chore(apps): Update apps to 6.7.1\n\n1 change, minor:\n- apps/podinfo.yaml: 6.5.0 -> 6.7.1\n{done}\n\nFlux-Upgrade-Group: apps\n"
        );
        let request = pull_request(&sample::plan(), 0, "", rules.wording()).unwrap();
        assert_eq!([&*request.title, &*request.branch], ["deps: Update apps to 6.7.1 [minor]", "deps/apps"]);
        assert_eq!(crate::rules::Rules::parse(&path, &rules.show()).unwrap().wording(), rules.wording());
    }

    #[test]
    fn a_long_one_is_cut_where_a_line_ends_and_says_so() {
        let diff = "+a line of the diff ```\n".repeat(10_000);
        let request = pull_request(&sample::plan(), 0, &diff, &Wording::default()).unwrap();
        assert!(request.body.len() <= PullRequest::LONGEST, "{}", request.body.len());
        assert!(request.body.len() > PullRequest::LONGEST - 4 * RESERVED - 100);
        assert!(request.body.contains("\n````\n\n**") && request.body.ends_with("</details>\n"));
        assert!(request.body.contains(" more lines of the diff do not fit here.**"));

        let mut plan = sample::plan();
        plan.groups[0].changes = vec![0; 2000];
        let request = pull_request(&plan, 0, &diff, &Wording::default()).unwrap();
        assert!(
            request.body.len() <= PullRequest::LONGEST && request.body.contains("more changes do not fit")
        );
    }

    #[test]
    fn a_title_is_one_short_line() {
        let mut plan = sample::plan();
        plan.groups[0].title = format!("Update a\nb {}", "é".repeat(300));
        let title = pull_request(&plan, 0, "", &Wording::default()).unwrap().title;
        assert!(title.chars().count() == 201 && title.starts_with("Update a\\u{a}b é"), "{title}");
    }
}
