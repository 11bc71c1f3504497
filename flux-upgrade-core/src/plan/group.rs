//! Changes that go together, and the order in which they are to be merged.

use std::collections::{BTreeMap, BTreeSet};

use super::operator::is_operator;
use super::step::installed;
use super::{Change, Plan, Reason, Series, SeriesStep};
use crate::locate::{Consumer, Part, Site, SourceKey};
use crate::reference::normalise_git;
use crate::rules::{Delivery, Rules, Schedule};
use crate::scan::{Inventory, Kind, Resource};
use crate::time::Timestamp;
use crate::version::Level;

/// Changes that are reviewed and merged together: what goes onto one branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name as a part of a branch's: small letters, digits and hyphens. It stays when versions move on.
    pub id: String,
    /// What moves: `Update podinfo to 6.9.1`.
    pub title: String,
    /// The longest step of its changes.
    pub level: Level,
    /// Indices into [`Plan::changes`], in order; at least one.
    pub changes: Vec<usize>,
    /// Indices into [`Plan::groups`] of those that have to be merged before it; each is smaller than its own.
    pub after: Vec<usize>,
    /// Ids of groups that it needs before it, of which this plan cannot say whether they have changes: their source had no answer,
    /// `--only` leaves them out, or they were taken out of the plan. In order, without repetition.
    pub awaits: Vec<String>,
    /// How it is delivered, by its rules.
    pub delivery: Delivery,
    /// When it may be delivered, by its rules; see [`Group::is_due`].
    pub schedule: Vec<String>,
}

impl Group {
    /// Whether it may be delivered at a time: without a schedule always, with several in any of them.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        let admits = |text: &String| Schedule::parse(text).is_ok_and(|schedule| schedule.admits(now));
        self.schedule.is_empty() || self.schedule.iter().any(admits)
    }
}

impl Plan {
    /// The part of the plan that a group is: its changes and their sites alone, and nothing held.
    #[must_use]
    pub fn part(&self, group: &Group) -> Self {
        let changes = || group.changes.iter().filter_map(|change| self.changes.get(*change));
        let place = |change: &usize| group.changes.iter().position(|own| own == change);
        let own = |series: &Series| {
            let site = changes().position(|change| change.site == series.site)?;
            let step = |step: &SeriesStep| SeriesStep {
                changes: step.changes.iter().filter_map(place).collect(),
                ..step.clone()
            };
            Some(Series { site, steps: series.steps.iter().map(step).collect() })
        };
        Self {
            series: self.series.iter().filter_map(own).collect(),
            sites: changes().map(|change| self.site_of(change).clone()).collect(),
            changes: changes().enumerate().map(|(site, change)| Change { site, ..change.clone() }).collect(),
            held: Vec::new(),
            diagnostics: Vec::new(),
            commits: Vec::new(),
            groups: vec![Group {
                changes: (0..changes().count()).collect(),
                after: Vec::new(),
                awaits: Vec::new(),
                ..group.clone()
            }],
        }
    }

    /// Takes changes out; groups lose them, and a group that has none left goes: those that need it await it.
    pub fn retain(&mut self, keep: impl Fn(&Change) -> bool) {
        let mut kept = 0;
        let places: Vec<Option<usize>> = self
            .changes
            .iter()
            .map(|change| {
                keep(change).then(|| {
                    kept += 1;
                    kept - 1
                })
            })
            .collect();
        self.changes.retain(|change| keep(change));
        self.commits.retain_mut(|commit| commit.retain(&places));
        for step in self.series.iter_mut().flat_map(|series| &mut series.steps) {
            step.changes = step.changes.iter().filter_map(|change| places[*change]).collect();
        }
        let mut moved: Vec<Option<usize>> = Vec::new();
        let mut groups: Vec<Group> = Vec::new();
        let all = std::mem::take(&mut self.groups);
        let ids: Vec<String> = all.iter().map(|group| group.id.clone()).collect();
        for mut group in all {
            let gone = group.after.iter().filter(|before| moved[**before].is_none());
            group.awaits.extend(gone.map(|before| ids[*before].clone()));
            group.awaits.sort();
            group.awaits.dedup();
            group.changes = group.changes.into_iter().filter_map(|change| places[change]).collect();
            group.after = group.after.into_iter().filter_map(|before| moved[before]).collect();
            moved.push((!group.changes.is_empty()).then_some(groups.len()));
            if let Some(level) = group.changes.iter().map(|change| self.changes[*change].level).max() {
                groups.push(Group { level, ..group });
            }
        }
        self.groups = groups;
    }
}

/// The groups of a plan, each after those that it needs; otherwise by their ids.
///
/// A change is in the group that its rules name, else in that of its project: see [`Projects`]. Changes that share bytes, or a lock
/// file, are in one group whatever else is said. `left_out` are the sites that the plan is not about. Linear in sites and changes,
/// but for sorting.
pub(super) fn groups(inventory: &Inventory<'_>, plan: &Plan, left_out: &[Site], rules: &Rules) -> Vec<Group> {
    let projects = Projects::of(&plan.sites);
    let mut named: Vec<(bool, String)> = plan
        .changes
        .iter()
        .map(|change| {
            let site = plan.site_of(change);
            let name = change.group.as_ref().map_or_else(|| projects.id(site), |name| slug(name));
            (change.group.is_some(), promoted(name, site, rules))
        })
        .collect();
    join(plan, &mut named);
    let mut by_id: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (change, (_, id)) in named.into_iter().enumerate() {
        by_id.entry(id).or_default().push(change);
    }
    let mut groups: Vec<Group> =
        by_id.into_iter().map(|(id, changes)| group(id, changes, plan, rules, &projects)).collect();
    let unknown = Unknown::of(plan, left_out, rules, &projects);
    let mut needs = needs(inventory, plan, rules, &projects, &groups, &unknown);
    let known = groups.len();
    for (before, after) in needs.iter().filter(|(before, after)| *before >= known && *after < known) {
        let id = &unknown.ids[before - known];
        if *id != groups[*after].id {
            groups[*after].awaits.push(id.clone());
        }
    }
    needs.retain(|(before, after)| (*before).max(*after) < known);
    ordered(groups, &needs)
}

/// What a plan cannot say anything of, as groups: numbered after those that it has.
struct Unknown<'a> {
    /// Their ids, in order.
    ids: Vec<String>,
    /// Their sites, each with its place in `ids`.
    sites: Vec<(&'a Site, usize)>,
}

impl<'a> Unknown<'a> {
    fn of(plan: &'a Plan, left_out: &'a [Site], rules: &Rules, projects: &Projects) -> Self {
        let unanswered = plan.held.iter().filter(|held| matches!(held.reason, Reason::Unanswered { .. }));
        let sites: Vec<(&Site, String)> = unanswered
            .map(|held| &plan.sites[held.site])
            .chain(left_out)
            .map(|site| (site, promoted(projects.id(site), site, rules)))
            .collect();
        let ids: BTreeSet<&String> = sites.iter().map(|(_, id)| id).collect();
        let place: BTreeMap<&String, usize> = ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        let numbered = sites.iter().map(|(site, id)| (*site, place[id])).collect();
        Self { ids: ids.into_iter().cloned().collect(), sites: numbered }
    }
}

/// The id of a group where its site stands: what is promoted to is a group of its own.
fn promoted(id: String, site: &Site, rules: &Rules) -> String {
    match rules.promotion_to(site) {
        Some(to) => slug(&format!("{id} {to}")),
        None => id,
    }
}

/// Ids of groups that may be missing from a plan only because a source had no answer: what was made of them before is not obsolete.
#[must_use]
pub fn unanswered_groups(plan: &Plan, rules: &Rules) -> BTreeSet<String> {
    let projects = Projects::of(&plan.sites);
    let mut ids = BTreeSet::new();
    for held in plan.held.iter().filter(|held| matches!(held.reason, Reason::Unanswered { .. })) {
        let site = &plan.sites[held.site];
        let levels = [Level::Digest, Level::Patch, Level::Minor, Level::Major];
        let named = levels.iter().filter_map(|level| rules.group(site, *level)).map(slug);
        ids.extend(named.chain([projects.id(site)]).map(|id| promoted(id, site, rules)));
    }
    ids
}

fn group(id: String, changes: Vec<usize>, plan: &Plan, rules: &Rules, projects: &Projects) -> Group {
    let of = |change: &usize| &plan.changes[*change];
    let level = changes.iter().map(|change| of(change).level).max().unwrap_or(Level::Digest);
    let sites = || changes.iter().map(|change| plan.site_of(of(change)));
    // Of several wishes the most careful counts.
    let delivery = sites().map(|site| rules.delivery(site)).min().unwrap_or_default();
    let schedule: BTreeSet<String> =
        sites().flat_map(|site| rules.schedule(site)).map(str::to_owned).collect();
    let names: BTreeSet<String> = sites().map(|site| projects.name(site)).collect();
    let what = match changes.iter().find_map(|change| of(change).group.clone()) {
        Some(name) => name,
        None if names.len() == 1 => names.into_iter().next().unwrap_or_default(),
        None => id.clone(),
    };
    // What Flux no longer serves goes along with it, and is not what the group is about.
    let is_api = |change: &usize| plan.site_of(of(change)).part == Part::Api;
    let about = |change: &&usize| !is_api(change) || changes.iter().all(is_api);
    let targets: BTreeSet<&str> = changes.iter().filter(about).map(|change| bare(&of(change).to)).collect();
    let title = match targets.first() {
        Some(to) if targets.len() == 1 => format!("Update {what} to {to}"),
        _ => format!("Update {what}"),
    };
    let title = title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Group {
        id,
        title,
        level,
        changes,
        after: Vec::new(),
        awaits: Vec::new(),
        delivery,
        schedule: schedule.into_iter().collect(),
    }
}

/// A version for a title: the tag of a pair, the name of a ref, the first digits of a digest or a commit.
fn bare(to: &str) -> &str {
    let tag = to.split_once('@').map_or(to, |(tag, _)| tag);
    let tag = tag.strip_prefix("refs/tags/").or_else(|| tag.strip_prefix("refs/heads/")).unwrap_or(tag);
    let hex = tag.rsplit_once(':').map_or(tag, |(_, hex)| hex);
    if hex.len() >= 40 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return &hex[..7];
    }
    // Of an image reference as a whole the tag; what stands before it is the package.
    match tag.rsplit_once(':') {
        Some((name, tag)) if name.contains('/') && !tag.contains('/') => tag,
        _ => tag,
    }
}

/// Gives one name to changes that cannot be made apart: those that edit the same bytes, and dependencies of one chart, whose lock
/// has one digest. With them go the others of their names. A rule's name goes over others.
fn join(plan: &Plan, named: &mut [(bool, String)]) {
    let mut parent: Vec<usize> = (0..named.len()).collect();
    let mut seen: BTreeMap<(&str, Option<usize>), usize> = BTreeMap::new();
    let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, change) in plan.changes.iter().enumerate() {
        let whole = change.locked.as_ref().map(|_| (plan.site_of(change).at.path.as_str(), None));
        let spans = change.edits.iter().map(|edit| (edit.path.as_str(), Some(edit.span.start)));
        let places = spans.chain(whole).map(|place| *seen.entry(place).or_insert(index));
        let mates: Vec<usize> = places.chain([*by_name.entry(&named[index].1).or_insert(index)]).collect();
        for mate in mates {
            let (a, b) = (root(&mut parent, mate), root(&mut parent, index));
            parent[a.max(b)] = a.min(b);
        }
    }
    let roots: Vec<usize> = (0..named.len()).map(|index| root(&mut parent, index)).collect();
    let mut best: BTreeMap<usize, (bool, String)> = BTreeMap::new();
    for (root, name) in roots.iter().zip(named.iter()) {
        let place = best.entry(*root).or_insert_with(|| name.clone());
        if (!name.0, &name.1) < (!place.0, &place.1) {
            *place = name.clone();
        }
    }
    for (root, name) in roots.iter().zip(named) {
        name.clone_from(&best[root]);
    }
}

/// The first of those that are joined; on the way paths to it are halved.
fn root(parent: &mut [usize], mut of: usize) -> usize {
    while parent[of] != of {
        parent[of] = parent[parent[of]];
        of = parent[of];
    }
    of
}

/// What sites have in common: one project publishes a chart, its image, the chart of its CRDs.
///
/// Two sources are of one project when they have one name (the last part of their address, without `-crd` or `-crds`), and are
/// one source, or have one owner: on one host the same folders, but for words such as `charts`; on two hosts a word in common that is
/// no such word (`stefanprodan.github.io/podinfo`, `ghcr.io/stefanprodan/podinfo`). Versions have no say, so a group keeps its
/// name when they move on.
struct Projects {
    /// The id of each source.
    ids: BTreeMap<SourceKey, String>,
}

/// The id of Flux itself: its releases, whoever installs them, and the migrations that go with them.
const FLUX: &str = "flux";

/// Words in addresses that name nobody.
const GENERIC: &[&str] = &[
    "",
    "www",
    "com",
    "org",
    "net",
    "io",
    "dev",
    "cloud",
    "app",
    "sh",
    "co",
    "github",
    "gitlab",
    "raw",
    "ghcr",
    "quay",
    "docker",
    "gcr",
    "pkg",
    "registry",
    "index",
    "library",
    "chart",
    "charts",
    "helm",
    "helmcharts",
    "manifests",
    "image",
    "images",
    "oci",
    "artifacts",
    "releases",
    "stable",
    "pages",
    "k8s",
    "https",
    "http",
    "ssh",
    "git",
];

impl Projects {
    fn of(sites: &[Site]) -> Self {
        let sources: BTreeSet<SourceKey> =
            sites.iter().filter_map(|site| site.source.as_ref().ok()).map(SourceKey::canonical).collect();
        let mut by_name: BTreeMap<String, Vec<&SourceKey>> = BTreeMap::new();
        for source in &sources {
            by_name.entry(slug(project(source.package()))).or_default().push(source);
        }
        let mut ids = BTreeMap::new();
        for (name, sources) in by_name {
            let families = families(&sources);
            let alone = families.len() == 1;
            for family in families {
                let first = family.iter().map(|source| source.address()).min().unwrap_or_default();
                let id =
                    if alone { name.clone() } else { slug(&format!("{name} {}", owner(&first).join(" "))) };
                ids.extend(family.into_iter().map(|source| (source.clone(), id.clone())));
            }
        }
        Self { ids }
    }

    fn id(&self, site: &Site) -> String {
        match &site.source {
            _ if is_flux(site) => FLUX.to_owned(),
            Ok(source) => {
                let known = self.ids.get(&source.canonical()).cloned();
                known.unwrap_or_else(|| slug(project(source.package())))
            }
            Err(_) => slug(&site.owner.name),
        }
    }

    /// The name for people.
    fn name(&self, site: &Site) -> String {
        match &site.source {
            _ if is_flux(site) => "Flux".to_owned(),
            Ok(source) => project(source.package()).to_owned(),
            Err(_) => site.owner.name.clone(),
        }
    }
}

fn is_flux(site: &Site) -> bool {
    matches!(site.consumer, Consumer::Flux | Consumer::FluxManifests)
        || site.source == Ok(SourceKey::Flux)
        || installed(site).is_some()
}

/// The project of a package: a chart of CRDs belongs to what they are for.
fn project(package: &str) -> &str {
    let cut = package.strip_suffix("-crds").or_else(|| package.strip_suffix("-crd"));
    cut.filter(|rest| !rest.is_empty()).unwrap_or(package)
}

fn is_crds(source: &SourceKey) -> bool {
    project(source.package()) != source.package()
}

/// Sources of one name by their owners, each with all that it is kin to, whether at once or by others. Linear, since of one name
/// there may be as many sources as there are sites.
fn families<'a>(sources: &[&'a SourceKey]) -> Vec<Vec<&'a SourceKey>> {
    let places: Vec<(String, Vec<String>)> = sources.iter().map(|source| parts(source)).collect();
    let mut owners: BTreeMap<(&str, &[String]), Vec<usize>> = BTreeMap::new();
    let mut hosts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut words: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, (host, folders)) in places.iter().enumerate() {
        owners.entry((host, folders)).or_default().push(index);
        hosts.entry(host).or_default().push(index);
        let all = host.split(['.', '-', ':']).chain(folders.iter().map(String::as_str));
        for word in all.filter(|word| !GENERIC.contains(word)) {
            words.entry(word).or_default().push(index);
        }
    }
    // A chart of CRDs is in the repository that has the chart itself, or by its name elsewhere.
    hosts.retain(|_, all| all.iter().any(|a| is_crds(sources[*a]) != is_crds(sources[all[0]])));
    // On one host a word in common says nothing.
    words.retain(|_, all| all.iter().any(|a| places[*a].0 != places[all[0]].0));
    let mut parent: Vec<usize> = (0..sources.len()).collect();
    for all in owners.values().chain(hosts.values()).chain(words.values()) {
        for mate in all {
            let (a, b) = (root(&mut parent, all[0]), root(&mut parent, *mate));
            parent[a.max(b)] = a.min(b);
        }
    }
    let mut out: BTreeMap<usize, Vec<&SourceKey>> = BTreeMap::new();
    for (index, source) in sources.iter().enumerate() {
        out.entry(root(&mut parent, index)).or_default().push(source);
    }
    out.into_values().collect()
}

/// Host and owning folders of a source, in small letters; of an address that ends in the package's name, without that.
fn parts(source: &SourceKey) -> (String, Vec<String>) {
    let address = match source {
        SourceKey::Git { url } => normalise_git(url),
        other => other.address(),
    };
    let address = address.to_ascii_lowercase();
    let bare = address.split_once("://").map_or(address.as_str(), |(_, rest)| rest);
    let mut parts = bare.trim_end_matches('/').split('/');
    let host = parts.next().unwrap_or_default().to_owned();
    let mut folders: Vec<&str> = parts.collect();
    if folders.last().is_some_and(|last| *last == source.package().to_ascii_lowercase()) {
        folders.pop();
    }
    let folders = folders.into_iter().filter(|folder| !GENERIC.contains(folder));
    (host, folders.map(str::to_owned).collect())
}

/// The words of an address that tell it from others of the same name.
fn owner(address: &str) -> Vec<&str> {
    let bare = address.split_once("://").map_or(address, |(_, rest)| rest);
    bare.split(['/', ':']).filter(|part| !part.is_empty()).collect()
}

/// The longest id.
const LONGEST: usize = 60;

/// A name as the last part of a branch's: small letters, digits and hyphens. What that leaves no trace of goes into a number at the end,
/// so two names do not become one unless they differ in case and punctuation alone.
pub(crate) fn slug(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.truncate(out.trim_end_matches('-').len());
    if out.len() <= LONGEST && !out.is_empty() && name.is_ascii() {
        return out;
    }
    let hash =
        name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    out.truncate(LONGEST);
    let out = if out.is_empty() { "group" } else { out.trim_end_matches('-') };
    format!("{out}-{hash:08x}")
}

/// Pairs of groups, known and unknown: the first has to go before the second.
fn needs(
    inventory: &Inventory<'_>,
    plan: &Plan,
    rules: &Rules,
    projects: &Projects,
    groups: &[Group],
    unknown: &Unknown<'_>,
) -> BTreeSet<(usize, usize)> {
    let of = |(number, group)| -> Vec<(&Site, usize)> {
        let group: &Group = group;
        group.changes.iter().map(|change| (plan.site_of(&plan.changes[*change]), number)).collect()
    };
    let mut members: Vec<(&Site, usize)> = groups.iter().enumerate().flat_map(of).collect();
    members.extend(unknown.sites.iter().map(|(site, number)| (*site, groups.len() + number)));
    let mut out = BTreeSet::new();
    let with = |found: &dyn Fn(&Site) -> bool| -> BTreeSet<usize> {
        members.iter().filter(|(site, _)| found(site)).map(|(_, group)| *group).collect()
    };
    // The operator before the Flux that it shall install.
    for before in with(&is_operator) {
        out.extend(with(&is_flux).into_iter().map(|after| (before, after)));
    }
    // What is promoted, after what it is promoted from.
    for promote in rules.promotions() {
        let from = with(&|site| promote.is_from(site));
        let to = with(&|site| promote.is_to(site));
        let mut names: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        for (site, group) in members.iter().filter(|(_, group)| from.contains(group) || to.contains(group)) {
            names.entry(*group).or_default().insert(projects.id(site));
        }
        for before in &from {
            let is_kin = |after: &&usize| !names[before].is_disjoint(&names[after]);
            out.extend(to.iter().filter(is_kin).map(|after| (*before, *after)));
        }
    }
    if !groups.is_empty() {
        depends(inventory, &members, &mut out);
    }
    out.retain(|(before, after)| before != after);
    out
}

/// `dependsOn` of HelmReleases and of the Flux Kustomizations that apply the changed objects.
fn depends(inventory: &Inventory<'_>, members: &[(&Site, usize)], out: &mut BTreeSet<(usize, usize)>) {
    let resources = inventory.resources();
    let mut by_place: BTreeMap<(&str, &str, &str), Vec<usize>> = BTreeMap::new();
    let mut by_name: BTreeMap<(Kind, &str), Vec<usize>> = BTreeMap::new();
    for (number, resource) in resources.iter().enumerate() {
        let path = inventory.file_of(resource).path.as_str();
        by_place.entry((path, &resource.kind_name, &resource.name)).or_default().push(number);
        if matches!(resource.kind, Kind::HelmRelease | Kind::Kustomization) {
            by_name.entry((resource.kind, &resource.name)).or_default().push(number);
        }
    }
    // The groups of each object, and of each Flux Kustomization by what it applies.
    let mut groups: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (site, group) in members {
        let place = (site.at.path.as_str(), site.owner.kind.as_str(), site.owner.name.as_str());
        for number in by_place.get(&place).into_iter().flatten() {
            groups.entry(*number).or_default().insert(*group);
            let appliers = &resources[*number].applied_by;
            for applier in appliers.iter().filter_map(|set| inventory.appliers.get(*set)).flatten() {
                groups.entry(*applier).or_default().insert(*group);
            }
        }
    }
    for (number, later) in &groups {
        for before in dependencies(inventory, &resources[*number], &by_name) {
            for earlier in groups.get(&before).into_iter().flatten() {
                out.extend(later.iter().map(|later| (*earlier, *later)));
            }
        }
    }
}

/// The objects that one depends on, as far as they are in the files.
fn dependencies(
    inventory: &Inventory<'_>,
    resource: &Resource,
    by_name: &BTreeMap<(Kind, &str), Vec<usize>>,
) -> Vec<usize> {
    if !matches!(resource.kind, Kind::HelmRelease | Kind::Kustomization) {
        return Vec::new();
    }
    let Some(list) = inventory.at(resource, &["spec", "dependsOn"]) else { return Vec::new() };
    let mut out = Vec::new();
    for item in list.items() {
        let Some(name) = item.text_at(&["name"]) else { continue };
        let namespace = item.text_at(&["namespace"]);
        let named = by_name.get(&(resource.kind, name)).into_iter().flatten();
        out.extend(named.copied().filter(|number| {
            let there = &inventory.resources()[*number];
            resource.placements.iter().any(|here| {
                let namespace = namespace.or(here.namespace.as_deref());
                there.placements.iter().any(|there| here.sees(namespace, there))
            })
        }));
    }
    out
}

/// The groups with what each needs before it; of a circle, the one with the smallest id goes first.
fn ordered(groups: Vec<Group>, needs: &BTreeSet<(usize, usize)>) -> Vec<Group> {
    let mut before: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); groups.len()];
    let mut following: Vec<Vec<usize>> = vec![Vec::new(); groups.len()];
    for (first, then) in needs {
        before[*then].insert(*first);
        following[*first].push(*then);
    }
    let mut open: Vec<usize> = before.iter().map(BTreeSet::len).collect();
    let mut ready: BTreeSet<usize> = (0..groups.len()).filter(|group| open[*group] == 0).collect();
    let mut left: BTreeSet<usize> = (0..groups.len()).collect();
    let mut place = vec![None; groups.len()];
    let mut order = Vec::new();
    while let Some(next) = ready.pop_first().or_else(|| left.first().copied()) {
        left.remove(&next);
        place[next] = Some(order.len());
        order.push(next);
        for then in &following[next] {
            open[*then] -= 1;
            if open[*then] == 0 && left.contains(then) {
                ready.insert(*then);
            }
        }
    }
    let mut groups: Vec<Option<Group>> = groups.into_iter().map(Some).collect();
    let mut out = Vec::new();
    for (own, index) in order.into_iter().enumerate() {
        let Some(mut group) = groups[index].take() else { continue };
        let mut after: Vec<usize> =
            before[index].iter().filter_map(|group| place[*group]).filter(|at| *at < own).collect();
        after.sort_unstable();
        group.after = after;
        out.push(group);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_parts_of_branches() {
        let long = "a".repeat(70);
        for (name, expected) in [
            ("podinfo", "podinfo"),
            ("Flux & friends", "flux-friends"),
            ("--x--", "x"),
            ("", "group-811c9dc5"),
        ] {
            assert_eq!(slug(name), expected);
        }
        assert!(slug("é1").starts_with("1-") && slug("группа").starts_with("group-"));
        assert_ne!(slug("группа"), slug("гриппа"));
        assert_ne!(slug(&long), slug(&long[1..]));
        assert!(slug(&long).len() <= LONGEST + 9);
    }

    #[test]
    fn sources_of_one_owner_are_kin() {
        let helm = |url: &str, chart: &str| SourceKey::Helm { url: url.into(), chart: chart.into() };
        let oci = |repository: &str| SourceKey::Oci { repository: repository.into() };
        let git = |url: &str| SourceKey::Git { url: url.into() };
        for (a, b, expected) in [
            (
                helm("https://stefanprodan.github.io/podinfo", "podinfo"),
                oci("ghcr.io/stefanprodan/podinfo"),
                true,
            ),
            (oci("ghcr.io/stefanprodan/charts/podinfo"), oci("ghcr.io/stefanprodan/podinfo"), true),
            (
                git("https://github.com/kyverno/kyverno"),
                helm("https://kyverno.github.io/kyverno", "kyverno"),
                true,
            ),
            (helm("https://charts.example.com", "web"), helm("https://charts.example.com", "web-crds"), true),
            (oci("registry.example.com/a/api"), oci("registry.example.com/b/api"), false),
            (oci("docker.io/library/postgres"), oci("docker.io/bitnami/postgres"), false),
            (oci("ghcr.io/one/server"), oci("quay.io/two/server"), false),
        ] {
            let family = |sources: &[&SourceKey]| families(sources).len() == 1;
            assert_eq!([family(&[&a, &b]), family(&[&b, &a])], [expected; 2], "{a} {b}");
        }
        let apart = [oci("r.example.com/one/web"), oci("r.example.com/two/web")];
        let all = [&apart[0], &apart[1], &helm("https://r.example.com/three", "web-crds")];
        assert_eq!((families(&all[..2]).len(), families(&all).len()), (2, 1), "the third is kin to both");
    }

    #[test]
    fn a_circle_is_cut_at_its_smallest() {
        let group = |id: &str| Group {
            id: id.into(),
            title: String::new(),
            level: Level::Patch,
            changes: vec![0],
            after: vec![],
            awaits: vec![],
            delivery: Delivery::default(),
            schedule: vec![],
        };
        let order = |needs: &[(usize, usize)]| -> Vec<(String, Vec<usize>)> {
            let groups = ordered(vec![group("a"), group("b"), group("c")], &needs.iter().copied().collect());
            groups.into_iter().map(|group| (group.id, group.after)).collect()
        };
        let named = |list: &[(&str, &[usize])]| -> Vec<(String, Vec<usize>)> {
            list.iter().map(|(id, after)| ((*id).to_owned(), after.to_vec())).collect()
        };
        assert_eq!(order(&[]), named(&[("a", &[]), ("b", &[]), ("c", &[])]));
        assert_eq!(order(&[(2, 0)]), named(&[("b", &[]), ("c", &[]), ("a", &[1])]));
        assert_eq!(order(&[(0, 1), (1, 0)]), named(&[("c", &[]), ("a", &[]), ("b", &[1])]));
    }
}
