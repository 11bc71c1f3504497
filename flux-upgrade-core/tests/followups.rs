//! What bots changed in public repositories in the 90 days after a snapshot stands on sites that we find in the snapshot.
//!
//! Print the counts and every change that falls on no site with
//!
//! ```text
//! cargo test -p flux-upgrade-core --test followups -- --nocapture
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells what it does and may fail")]

mod common;
mod outline;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use common::{shared, trees, unpacked};
use flux_upgrade_core::locate::{Site, Spot};
use flux_upgrade_core::{SourceFile, locate, scan};
use outline::{Outline, Scalar, is_yaml};
use serde_json::Value;

/// The classes of changes that this tool makes; `replay/check.py` has the same list.
const SCOPE: &[&str] = &[
    "helmrelease-chart-version",
    "helmrepository-oci",
    "helmrelease-values-image",
    "ocirepository-tag",
    "ocirepository-digest",
    "gitrepository-tag/commit",
    "k8s-image",
    "kustomization-images",
    "kustomization-remote",
    "flux-operator",
    "substitute-variable",
];

/// Changes in scope that must fall on a site: of all of them, and of each tree, in per cent.
const FLOOR: f64 = 97.0;

/// A change that a bot made.
struct Followup {
    path: String,
    line: usize,
    old: String,
    new: String,
    class: String,
    /// As [`Scalar::field`].
    field: Option<String>,
    package: String,
}

fn followups(path: &Path) -> Vec<Followup> {
    let reader = flate2::read::GzDecoder::new(File::open(path).expect("the changes beside the archive"));
    let data: Value = serde_json::from_reader(reader).expect("JSON");
    let text = |row: &Value, key: &str| row[key].as_str().map(str::to_owned);
    let all = data["followups"].as_array().expect("followups").iter();
    all.map(|row| Followup {
        path: text(row, "path").expect("a path"),
        line: row["line"].as_u64().expect("a line") as usize,
        old: text(row, "old_value").expect("an old value"),
        new: text(row, "new_value").expect("a new value"),
        class: text(row, "class").expect("a class"),
        field: text(row, "field").map(|field| field.trim_start_matches('.').to_owned()),
        package: text(&row["dep"], "package").unwrap_or_default(),
    })
    .collect()
}

/// The place of a value in the tree: its line and column; column 0 where it is not known.
type Spotted = (usize, usize);

/// A value in the tree that bots moved.
#[derive(Clone, Copy)]
struct Link<'a> {
    place: Spotted,
    /// What the tree has there, where somebody else did not move it first.
    first: Option<&'a str>,
    /// What stands there after the changes so far.
    now: &'a str,
    found: Found,
}

/// How a value was found in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    /// In the field that the change names.
    FieldAndValue,
    /// On a line of the file: the field has another path since, or the change names none.
    Value,
    /// The only one of its field: somebody else moved it before the bot did.
    Field,
}

/// Where the values that bots moved stand in the tree, though later changes of one line chain on each other.
#[derive(Default)]
struct Chains<'a> {
    /// By file, field and package.
    known: BTreeMap<(&'a str, &'a str, &'a str), Vec<Link<'a>>>,
}

impl<'a> Chains<'a> {
    /// The value that a change moves, as the snapshot has it; `None` where that has no such value and no such field.
    fn find(&mut self, change: &'a Followup, outline: &Outline, text: &str) -> Option<Link<'a>> {
        let field = change.field.as_deref().unwrap_or("");
        let chain = self.known.entry((&change.path, field, &change.package)).or_default();
        let (old, now) = (change.old.as_str(), change.new.as_str());
        let distance = |place: &Spotted| place.0.abs_diff(change.line);
        let known = |wanted: &dyn Fn(&Link<'_>) -> bool| {
            let all = chain.iter().enumerate().filter(|(_, link)| wanted(link));
            all.min_by_key(|(_, link)| distance(&link.place)).map(|(index, _)| index)
        };
        let scalars = |has: &dyn Fn(&Scalar) -> bool| -> Vec<Spotted> {
            let found = outline.scalars.iter().filter(|scalar| has(scalar));
            found.map(|scalar| (scalar.line, scalar.column)).collect()
        };
        let of_field = |scalar: &Scalar| change.field.as_deref() == Some(scalar.field.as_str());
        let free = |places: Vec<Spotted>| {
            let is_free =
                |place: &Spotted| !chain.iter().any(|link| link.place == *place && link.first == Some(old));
            places.into_iter().filter(is_free).min_by_key(distance)
        };
        let in_field = || free(scalars(&|scalar| of_field(scalar) && has_token(&scalar.text, old)));
        let on_line = || {
            let rows = text.lines().enumerate().filter(|(_, row)| has_token(row, old));
            free(rows.map(|(number, _)| (number + 1, 0)).collect())
        };
        let is_digest = |text: &str| text.starts_with("sha256:");
        let of_sort = |link: &Link<'_>| is_digest(link.now) == is_digest(old);
        let link = |place, found, first| Link { place, first, now, found };
        // From where an earlier change left it; where it is in the tree; from before a change that somebody took back;
        // from before one that is not among these.
        let found = if let Some(index) = known(&|link| link.now == old) {
            Err(index)
        } else if let Some(place) = in_field() {
            Ok(link(place, Found::FieldAndValue, Some(old)))
        } else if let Some(index) = known(&|link| link.first == Some(old)) {
            Err(index)
        } else if let Some(place) = on_line() {
            Ok(link(place, Found::Value, Some(old)))
        } else if let Some(index) = known(&of_sort) {
            Err(index)
        } else {
            let [place] = scalars(&of_field)[..] else { return None };
            Ok(link(place, Found::Field, None))
        };
        let index = match found {
            Ok(new) => {
                chain.push(new);
                chain.len() - 1
            }
            Err(index) => index,
        };
        chain[index].now = now;
        Some(chain[index])
    }
}

/// Whether a text holds a version that is not a part of a longer one.
fn has_token(text: &str, token: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '.';
    text.match_indices(token)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + token.len()..].starts_with(is_part))
}

/// Texts that sites move, by file and line.
struct Moving(BTreeMap<(String, usize), Vec<Text>>);

/// A text that a site moves.
struct Text {
    column: usize,
    text: String,
    /// Whether the site is held whatever is published.
    is_held: bool,
}

impl Moving {
    fn of(files: &[SourceFile]) -> Self {
        let mut out: BTreeMap<(String, usize), Vec<Text>> = BTreeMap::new();
        let mut add = |spot: &Spot, text: &str, is_held: bool| {
            let key = (spot.at.path.as_str().to_owned(), spot.at.line);
            let (column, text) = (spot.at.column, text.to_owned());
            out.entry(key).or_default().push(Text { column, text, is_held });
        };
        for Site { spot, digest, source, blocked, .. } in &locate(&scan(files)) {
            let is_held = source.is_err() || blocked.is_some();
            add(spot, &spot.value, is_held);
            if spot.frame.echo {
                add(spot, &spot.frame.after, is_held);
            }
            if let Some(digest) = digest {
                add(digest, &digest.value, is_held);
            }
        }
        Self(out)
    }

    /// Whether sites that move the value of a link are all held; `None` where no site moves it.
    fn is_held(&self, path: &str, link: &Link<'_>) -> Option<bool> {
        let (line, column) = link.place;
        let texts = self.0.get(&(path.to_owned(), line))?.iter();
        let at = texts.filter(|text| column == 0 || text.column == column);
        let mut moving =
            at.filter(|text| link.first.is_none_or(|value| has_token(&text.text, value))).peekable();
        moving.peek()?;
        Some(moving.all(|text| text.is_held))
    }
}

/// Why a change in scope is not counted, where `check.py` does not count it either.
fn left_out(change: &Followup) -> Option<&'static str> {
    let field = change.field.as_deref().unwrap_or("");
    if field.starts_with("releases[]") || change.path.contains("helmfile") {
        return Some("Helmfile");
    }
    None
}

#[derive(Default)]
struct Count {
    /// Changes on sites, by how their values were found in the tree.
    on_site: BTreeMap<Found, usize>,
    /// Those of them that are on sites which are held whatever is published.
    held: usize,
    missed: usize,
    /// Changes of files, and of values, that the tree does not have.
    no_file: usize,
    no_value: usize,
    left_out: BTreeMap<&'static str, usize>,
    /// By class and field.
    misses: BTreeMap<(String, String), Vec<String>>,
}

/// Changes on sites, and all that are in the trees, by class; those out of scope as well, which are not judged.
type Classes = BTreeMap<String, (usize, usize)>;

fn count(files: &[SourceFile], changes: &[Followup], classes: &mut Classes) -> Count {
    let moving = Moving::of(files);
    let mut outlines: BTreeMap<&str, (Outline, &str)> = BTreeMap::new();
    for file in files {
        let outline = if is_yaml(file) { Outline::of(&file.text) } else { Outline::default() };
        outlines.insert(file.path.as_str(), (outline, &file.text));
    }
    let (mut count, mut chains) = (Count::default(), Chains::default());
    for change in changes {
        let in_scope = SCOPE.contains(&change.class.as_str());
        if let Some(why) = left_out(change).filter(|_| in_scope) {
            *count.left_out.entry(why).or_default() += 1;
            continue;
        }
        let Some((outline, text)) = outlines.get(change.path.as_str()) else {
            count.no_file += usize::from(in_scope);
            continue;
        };
        let Some(link) = chains.find(change, outline, text) else {
            count.no_value += usize::from(in_scope);
            continue;
        };
        let is_held = moving.is_held(&change.path, &link);
        let class = classes.entry(change.class.clone()).or_default();
        class.0 += usize::from(is_held.is_some());
        class.1 += 1;
        if !in_scope {
            continue;
        }
        if let Some(is_held) = is_held {
            *count.on_site.entry(link.found).or_default() += 1;
            count.held += usize::from(is_held);
        } else {
            count.missed += 1;
            let (line, column) = link.place;
            let row = format!("{}:{line}:{column} {}", change.path, link.first.unwrap_or(&change.old));
            let group = (change.class.clone(), change.field.clone().unwrap_or_default());
            count.misses.entry(group).or_default().push(row);
        }
    }
    count
}

#[test]
fn what_bots_changed_stands_on_sites() {
    let Some(folder) = shared("replay/trees") else { return };
    let (mut wrong, mut all, mut on_site, mut classes) = (Vec::new(), 0, 0, Classes::new());
    let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
    for (name, archive) in trees(&folder) {
        let changes = followups(&folder.join(format!("{name}.json.gz")));
        let count = count(&unpacked(&archive), &changes, &mut classes);
        let own: usize = count.on_site.values().sum();
        let scored = own + count.missed;
        let share = percent(own, scored);
        let Count { on_site: by, held, no_file, no_value, left_out, .. } = &count;
        if scored == 0 {
            println!("{name}: no change in scope");
            continue;
        }
        println!(
            "{name}: {own} of {scored} on a site ({share:.2} %, {held} held), found by {by:?}; not in the tree: {no_file} files and \
             {no_value} values; left out: {left_out:?}"
        );
        for ((class, field), rows) in &count.misses {
            println!("  {} {class} {field}", rows.len());
            rows.iter().for_each(|row| println!("    {row}"));
        }
        if share < FLOOR {
            wrong.push(format!("{name}: {share:.2} %"));
        }
        all += scored;
        on_site += own;
    }
    for (class, (on, all)) in &classes {
        let judged = if SCOPE.contains(&class.as_str()) { "" } else { " (out of scope)" };
        println!("{class}{judged}: {on} of {all}");
    }
    println!("all: {on_site} of {all} on a site ({:.2} %)", percent(on_site, all));
    assert!(all > 2_000, "only {all} changes were found in the trees");
    assert!(percent(on_site, all) >= FLOOR, "{on_site} of {all}");
    assert_eq!(wrong, Vec::<String>::new());
}
