//! The table for people.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::grid::{Grid, Paint, painted, plain};
use super::summary::Summary;
use super::words::{self, clean, count, day, short, variable};
use crate::locate::{Part, Site, SourceKey};
use crate::plan::{Change, Failure, Plan, Reason};
use crate::version::Level;

/// Columns that a table may have before folders and notes get lines of their own.
const WIDTH: usize = 120;

/// Sources named at most under a table.
const SOURCES_SHOWN: usize = 10;

/// Sites shown at most that want a look.
const SITES_SHOWN: usize = 20;

/// How a table looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Whether levels and headings are coloured, with ANSI control sequences.
    pub color: bool,
}

/// Whether the changes of a table are to come or done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tense {
    /// They are planned.
    Planned,
    /// They are in the files.
    Applied {
        /// Number of files written.
        files: usize,
    },
}

/// A plan as an aligned table, with a summary line at its end.
///
/// First the changes, then what the rules hold, then what only a person can settle, then the sources without an answer; each
/// by path and position. Where
/// the table would be wider than 120 columns, folders get lines of their own, and then notes. Digests and commits are
/// cut to seven digits, control characters are spelled out.
#[must_use]
pub fn table(plan: &Plan, style: Style, tense: Tense) -> String {
    let layouts = [
        Layout { folders: false, notes_below: false },
        Layout { folders: true, notes_below: false },
        Layout { folders: true, notes_below: true },
    ];
    let grids = layouts.into_iter().map(|layout| grid(plan, layout));
    let fitting = grids.reduce(|wider, narrower| if wider.width() <= WIDTH { wider } else { narrower });
    let mut text = fitting.unwrap_or_default().print(style.color);
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&super::series::lines(plan, style));
    text.push_str(&unsettled(plan, style));
    text.push_str(&unanswered(plan, style));
    let summary = Summary::of(plan);
    let line = match tense {
        Tense::Planned => summary.to_string(),
        Tense::Applied { files } => {
            let done = format!("{} made in {}", count(summary.changes, "change"), count(files, "file"));
            format!("{done}, {}", summary.rest())
        }
    };
    text.push_str(&Paint::Bold.on(&line, style.color));
    text.push('\n');
    let held = summary.held_line();
    if !held.is_empty() {
        text.push_str(&Paint::Dim.on(&held, style.color));
        text.push('\n');
    }
    text
}

/// What has lines of its own, to make the others shorter.
#[derive(Clone, Copy)]
struct Layout {
    folders: bool,
    notes_below: bool,
}

/// The changes and what the rules hold.
fn grid(plan: &Plan, layout: Layout) -> Grid {
    let mut rows = Rows { grid: Grid::default(), layout, folder: None, clusters: Clusters::of(plan) };
    let held: Vec<_> = plan.held.iter().filter(|held| is_held_by_rules(&held.reason)).collect();
    if !plan.changes.is_empty() || !held.is_empty() {
        let names = ["FILE", "OBJECT", "PACKAGE", "FROM", "  TO", "LEVEL", "PUBLISHED", "CLUSTERS", "NOTES"];
        rows.grid.header(&names);
    }
    // Where no source tells a date at all, there is no column of dates.
    let undated = if plan.changes.iter().any(|change| change.published.is_some()) { "-" } else { "" };
    for (change, others) in by_place(plan) {
        let site = plan.site_of(change);
        let published = change.published.as_deref().map(day).unwrap_or(Cow::Borrowed(undated));
        let (from, to) = words::step(&change.from, &change.to);
        let level = (change.level, change.level.to_string());
        rows.add(site, [from, format!("→ {to}")], level, &published, notes(site, change, others));
    }
    if !held.is_empty() {
        if !plan.changes.is_empty() {
            rows.grid.alone(plain(""));
        }
        rows.grid.alone(painted("Held by the rules", Paint::Bold));
        rows.folder = None;
    }
    for held in held {
        let Reason::BeyondRules { newest, level, rule } = &held.reason else { continue };
        let site = &plan.sites[held.site];
        let (from, to) = words::step(&site.written(), newest);
        let rule = format!("rule: {rule}");
        rows.add(site, [from, format!("  {to}")], (*level, format!("({level})")), &rule, String::new());
    }
    rows.grid
}

/// The changes by the bytes that they edit: the first of those that share them, and how many more there are.
fn by_place(plan: &Plan) -> Vec<(&Change, usize)> {
    let mut places: BTreeMap<_, (&Change, usize)> = BTreeMap::new();
    for change in &plan.changes {
        let at = &plan.site_of(change).spot.at;
        places.entry((&at.path, at.span.start)).and_modify(|(_, others)| *others += 1).or_insert((change, 0));
    }
    places.into_values().collect()
}

/// The clusters of a plan, where there are several.
pub(super) struct Clusters<'p> {
    all: BTreeSet<&'p str>,
    /// The bytes that all names begin with.
    common: usize,
}

impl<'p> Clusters<'p> {
    pub(super) fn of(plan: &'p Plan) -> Self {
        let all: BTreeSet<&str> =
            plan.sites.iter().flat_map(|site| &site.clusters).map(String::as_str).collect();
        let (first, last) = (all.first().copied().unwrap_or(""), all.last().copied().unwrap_or(""));
        let same = first.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
        let common = first.as_bytes()[..same].iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
        Self { all, common }
    }

    pub(super) fn are_several(&self) -> bool {
        self.all.len() > 1
    }

    /// The clusters of a site in few words; nothing where the plan has one cluster or none.
    pub(super) fn name(&self, site: &Site) -> String {
        match site.clusters.len() {
            0 => String::new(),
            _ if self.all.len() < 2 => String::new(),
            count if count == self.all.len() => "all".to_owned(),
            count if count > 2 => format!("{count} of {}", self.all.len()),
            _ => {
                let names: Vec<&str> = site.clusters.iter().map(|cluster| &cluster[self.common..]).collect();
                clean(&names.join(", ")).into_owned()
            }
        }
    }
}

fn is_held_by_rules(reason: &Reason) -> bool {
    matches!(reason, Reason::BeyondRules { .. })
}

struct Rows<'p> {
    grid: Grid,
    layout: Layout,
    folder: Option<&'p str>,
    clusters: Clusters<'p>,
}

impl<'p> Rows<'p> {
    /// One row; `fact` is the day of publication, or the rule that holds it.
    fn add(
        &mut self,
        site: &'p Site,
        [from, to]: [String; 2],
        (level, told): (Level, String),
        fact: &str,
        notes: String,
    ) {
        let (path, line) = (&site.spot.at.path, site.spot.at.line);
        let mut file = format!("{}:{line}", clean(path.as_str()));
        if self.layout.folders {
            if self.folder != Some(path.folder()) {
                self.folder = Some(path.folder());
                let folder = if path.folder().is_empty() { "." } else { path.folder() };
                self.grid.alone(painted(format!("{}/", clean(folder)), Paint::Dim));
            }
            file = format!("  {}:{line}", clean(path.name()));
        }
        let paint = match level {
            Level::Major => Paint::Red,
            Level::Minor => Paint::Yellow,
            Level::Patch => Paint::Green,
            Level::Digest => Paint::Cyan,
        };
        let package = words::package(site);
        let package = match self.layout.notes_below {
            true => package.rsplit('/').next().unwrap_or(package),
            false => package,
        };
        let below = self.layout.notes_below && !notes.is_empty();
        let beside = if below { "" } else { notes.as_str() };
        self.grid.row(vec![
            plain(file),
            plain(clean(&site.owner.to_string())),
            plain(clean(package)),
            plain(from),
            plain(to),
            painted(told, paint),
            plain(fact),
            plain(self.clusters.name(site)),
            painted(beside, Paint::Dim),
        ]);
        if below {
            self.grid.alone(painted(format!("    {notes}"), Paint::Dim));
        }
    }
}

/// The sites of a scan as an aligned table, with their number at its end.
#[must_use]
pub fn sites_table(sites: &[Site], style: Style) -> String {
    let mut grid = Grid::default();
    if !sites.is_empty() {
        grid.header(&["FILE", "OBJECT", "FIELD", "VALUE", "SOURCE"]);
    }
    for site in sites {
        let source = match (&site.blocked, &site.source) {
            (Some(reason), _) | (None, Err(reason)) => painted(clean(&reason.to_string()), Paint::Yellow),
            (None, Ok(source)) => plain(clean(&source.to_string())),
        };
        grid.row(vec![
            plain(format!("{}:{}", clean(site.at.path.as_str()), site.at.line)),
            plain(clean(&site.owner.to_string())),
            painted(clean(&site.field), Paint::Dim),
            plain(short(&site.written())),
            source,
        ]);
    }
    let mut text = grid.print(style.color);
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&Paint::Bold.on(&count(sites.len(), "site"), style.color));
    text.push('\n');
    text
}

/// What a reviewer should know of a change, in one line.
fn notes(site: &Site, change: &Change, others: usize) -> String {
    let mut notes = Vec::new();
    match (&site.variable, others) {
        (Some(name), 0) => notes.push(format!("by {}", clean(&variable(name)))),
        (Some(name), _) => notes.push(format!("by {}, in {} places", clean(&variable(name)), others + 1)),
        (None, 0) => {}
        (None, _) => notes.push(format!("in {} places", others + 1)),
    }
    if let Some(marker) = site.marker.as_ref().filter(|_| site.election().is_none()) {
        notes.push(format!("by the image policy {}", clean(&marker.setter.policy)));
    }
    if let Some(first) = site.overridden_by.first() {
        let more = site.overridden_by.len() - 1;
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        notes.push(format!("overridden by {}:{}{more}", clean(first.path.as_str()), first.line));
    }
    if let Some(beyond) = &change.beyond {
        notes.push(format!("newer: {} ({})", short(&beyond.newest), beyond.level));
    }
    if site.part == Part::Range {
        notes.push("range".to_owned());
    }
    if site.suspended {
        notes.push("suspended".to_owned());
    }
    notes.extend(change.notes.iter().map(|note| clean(note).into_owned()));
    notes.join("; ")
}

/// Sites that nobody has decided to leave as they are, and that only a person can settle, each with its reason.
fn unsettled(plan: &Plan, style: Style) -> String {
    let held: Vec<_> = plan.held.iter().filter(|held| held.reason.wants_a_person()).collect();
    if held.is_empty() {
        return String::new();
    }
    let mut grid = Grid::default();
    grid.alone(painted("Wants a look", Paint::Bold));
    let clusters = Clusters::of(plan);
    let mut alike: Vec<(String, String, Vec<&Site>)> = Vec::new();
    for held in held {
        let site = &plan.sites[held.site];
        let place = format!("{}:{}", clean(site.at.path.as_str()), site.at.line);
        let owner = site.owner.to_string();
        let head = format!("{place}  {}  {}", clean(&owner), short(&site.written()));
        let why = words::reason(site, &held.reason);
        match alike.iter_mut().find(|(other, reason, _)| *other == head && *reason == why) {
            Some((.., sites)) => sites.push(site),
            None => alike.push((head, why, vec![site])),
        }
    }
    for (head, why, sites) in alike.iter().take(SITES_SHOWN) {
        grid.alone(plain(head.as_str()));
        for line in set_at(sites, &clusters) {
            grid.alone(painted(format!("  {line}"), Paint::Dim));
        }
        grid.alone(painted(format!("  {}", clean(why)), Paint::Yellow));
    }
    if alike.len() > SITES_SHOWN {
        let more = alike.len() - SITES_SHOWN;
        grid.alone(painted(format!("and {more} more; --format json has them all"), Paint::Dim));
    }
    grid.alone(plain(""));
    grid.print(style.color)
}

/// Where the text of sites stands, that is read at one place: a line for each, with its variable and its clusters.
fn set_at(sites: &[&Site], clusters: &Clusters<'_>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for site in sites {
        let mut words = Vec::new();
        if let Some(name) = &site.variable {
            let at = &site.spot.at;
            words.push(format!("by {} at {}:{}", clean(&variable(name)), clean(at.path.as_str()), at.line));
        }
        let name = clusters.name(site);
        if sites.len() > 1 && !name.is_empty() {
            words.push(format!("in {name}"));
        }
        lines.extend(Some(words.join(", ")).filter(|line| !line.is_empty()));
    }
    lines.dedup();
    lines
}

/// The sources without an answer, each with its failure and the number of its sites.
fn unanswered(plan: &Plan, style: Style) -> String {
    let mut sources: BTreeMap<(bool, &str, String), usize> = BTreeMap::new();
    let mut not_asked = false;
    for held in &plan.held {
        if let Reason::Unanswered { source, failure } = &held.reason {
            not_asked |= *failure == Failure::NotAsked;
            // Flux itself stands first: everything else waits for it.
            let is_flux = plan.sites[held.site].source == Ok(SourceKey::Flux);
            *sources.entry((!is_flux, source, failure.to_string())).or_default() += 1;
        }
    }
    if sources.is_empty() {
        return String::new();
    }
    let mut grid = Grid::default();
    grid.alone(painted("Unanswered", Paint::Bold));
    for ((_, source, failure), sites) in sources.iter().take(SOURCES_SHOWN) {
        grid.row(vec![
            plain(clean(source)),
            plain(clean(failure)),
            painted(count(*sites, "site"), Paint::Dim),
        ]);
    }
    if sources.len() > SOURCES_SHOWN {
        let more = sources.len() - SOURCES_SHOWN;
        grid.alone(painted(format!("and {more} more; --format json has them all"), Paint::Dim));
    }
    if not_asked {
        grid.alone(painted(format!("where no answer is recorded: {}", words::NOT_ASKED), Paint::Dim));
    }
    grid.alone(plain(""));
    grid.print(style.color)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn what_only_a_person_can_settle_is_shown_with_its_reason() {
        let mut plan = sample::plan();
        plan.changes.clear();
        plan.series.clear();
        plan.held = vec![
            crate::plan::Held { site: 0, reason: Reason::UpToDate },
            crate::plan::Held { site: 1, reason: Reason::CurrentVanished { newest: Some("1.1.0".into()) } },
        ];
        let text = table(&plan, Style::default(), Tense::Planned);
        let expected = "Wants a look\n\
            infra/sources.yaml:1  OCIRepository web  1.2.0@aaaaaaa…\n  \
            the source does not list 1.2.0; the newest of its kind is the lower 1.1.0\n\n\
            0 changes, 0 majors held, 0 sources unanswered\n";
        assert!(text.starts_with(expected), "{text}");
    }

    /// One place whose text comes from several clusters is one entry, that says where each has it.
    #[test]
    fn what_wants_a_look_in_several_clusters_is_said_once() {
        let mut plan = sample::plan();
        plan.changes.clear();
        plan.series.clear();
        for (site, cluster) in plan.sites.iter_mut().skip(4).zip(["clusters/a", "clusters/b"]) {
            site.clusters = vec![cluster.into()];
            site.variable = Some("VERSION".into());
            site.spot.at.path = crate::text::RepoPath::parse(&format!("{cluster}/vars.yaml")).unwrap();
        }
        let reason = || Reason::CurrentVanished { newest: None };
        plan.held = (4..6).map(|site| crate::plan::Held { site, reason: reason() }).collect();
        let text = table(&plan, Style::default(), Tense::Planned);
        let expected = "Wants a look\n\
            infra/nginx.yaml:1  HelmRelease infra/lost  15.1.0\n  \
            by ${VERSION} at clusters/a/vars.yaml:1, in clusters/a\n  \
            by ${VERSION} at clusters/b/vars.yaml:1, in clusters/b\n  \
            the source does not list 15.1.0\n\n";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn a_plan_reads_like_this() {
        let mut plan = sample::plan();
        plan.changes[1].notes.clear();
        plan.series.clear();
        let expected = [
            "FILE                  OBJECT                    PACKAGE  FROM      TO      LEVEL    PUBLISHED    NOTES",
            "apps/podinfo.yaml:2   HelmRelease apps/podinfo           6.5.0   → 6.7.1   minor    2024-05-01   newer: 7.0.0 (major)",
            "infra/sources.yaml:1  OCIRepository web         backend  1.2.0   → 1.2.1   patch    -            suspended",
            "",
            "Held by the rules",
            "infra/nginx.yaml:1    HelmRelease infra/nginx            15.1.0    18.2.0  (major)  rule: allow",
            "",
            "Unanswered",
            "https://down.example.com away  no answer is recorded  2 sites",
            "where no answer is recorded: take the snapshot again with `flux-upgrade snapshot`, or plan without `--offline`",
            "",
            "2 changes, 1 of them in files that no cluster applies, 1 with a newer major, 1 major held, 1 source unanswered",
            "held: 2 unanswered, 1 beyond rules, 1 up to date",
            "",
        ];
        let text = table(&plan, Style::default(), Tense::Planned);
        assert_eq!(text.split('\n').collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_wide_plan_gives_folders_and_notes_lines_of_their_own() {
        let expected = [
            "FILE              OBJECT                    PACKAGE  FROM      TO      LEVEL    PUBLISHED",
            "apps/",
            "  podinfo.yaml:2  HelmRelease apps/podinfo           6.5.0   → 6.7.1   minor    2024-05-01",
            "    newer: 7.0.0 (major)",
            "infra/",
            "  sources.yaml:1  OCIRepository web         backend  1.2.0   → 1.2.1   patch    -",
            "    suspended; the current tag is no longer published",
            "",
            "Held by the rules",
            "infra/",
            "  nginx.yaml:1    HelmRelease infra/nginx            15.1.0    18.2.0  (major)  rule: allow",
            "",
        ];
        let text = table(&sample::plan(), Style::default(), Tense::Planned);
        assert_eq!(text.split('\n').take(expected.len()).collect::<Vec<_>>(), expected);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn what_is_done_is_told_in_the_past() {
        let text = table(&sample::plan(), Style::default(), Tense::Applied { files: 2 });
        assert!(
            text.contains("\n2 changes made in 2 files, 1 of them in files that no cluster applies, "),
            "{text}"
        );
    }

    #[test]
    fn colour_changes_no_text() {
        let colored = table(&sample::plan(), Style { color: true }, Tense::Planned);
        let mut stripped = String::new();
        for (at, piece) in colored.split('\u{1b}').enumerate() {
            stripped.push_str(if at == 0 { piece } else { piece.split_once('m').unwrap().1 });
        }
        assert!(colored.contains("\u{1b}[31m(major)\u{1b}[0m"), "{colored:?}");
        assert_eq!(stripped, table(&sample::plan(), Style::default(), Tense::Planned));
    }

    #[test]
    fn an_empty_plan_is_its_summary() {
        let none = Plan::default();
        let text = table(&none, Style::default(), Tense::Planned);
        assert_eq!(text, "0 changes, 0 majors held, 0 sources unanswered\n");
    }

    #[test]
    fn sites_read_like_this() {
        let plan = sample::plan();
        let expected = [
            "FILE                  OBJECT                    FIELD                    VALUE           SOURCE",
            "apps/podinfo.yaml:2   HelmRelease apps/podinfo  spec.chart.spec.version  6.5.0           https://charts.example.com podinfo",
            "infra/sources.yaml:1  OCIRepository web         spec.ref.tag             1.2.0@aaaaaaa…  oci://registry.example.com/charts/backend",
            "",
            "2 sites",
            "",
        ];
        assert_eq!(sites_table(&plan.sites[..2], Style::default()).split('\n').collect::<Vec<_>>(), expected);
    }
}
