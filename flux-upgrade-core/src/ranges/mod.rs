//! Ranges and floating tags: what each stands at, the lock file that keeps a record of it, and the way back.
//!
//! ```text
//! files ──sites──▶ sites that float ──Resolver::standing──▶ Resolution ──survey──▶ Survey ──▶ lock::update ──▶ flux-upgrade.lock
//!                                                                   flux-upgrade.lock of then ──rollback──▶ Plan
//! ```

mod every;
mod flags;
pub mod lock;
pub(crate) mod pin;
mod rollback;

use std::collections::{BTreeMap, BTreeSet};

pub use flags::{FLAGS, Flag};
pub use rollback::rollback;

use crate::convert::takes_range;
use crate::diagnostic::Diagnostic;
use crate::locate::{Part, Released, Site, elections, locate_without, unpinned};
use crate::plan::{Reason, Standing, is_floating, standing};
use crate::resolve::Resolution;
use crate::rules::Rules;
use crate::scan::{Inventory, Resource};
use crate::text::RepoPath;

/// What a site follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Follows {
    /// A range of versions; what is not written counts as `*`.
    Range,
    /// A tag that names no version, such as `latest`.
    Tag,
    /// A git branch.
    Branch,
    /// What an ImagePolicy elects.
    Policy,
}

/// What every range and floating tag stands at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The sites, by path and position.
    pub sites: Vec<Site>,
    /// One row for each site, in their order.
    pub rows: Vec<Row>,
    /// Findings about the files.
    pub diagnostics: Vec<Diagnostic>,
}

/// What one range or floating tag stands at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it follows.
    pub follows: Follows,
    /// What it selects now, or why that cannot be said.
    pub stands: Result<Standing, Reason>,
    /// How often Flux looks again, as the objects write it: `10m`.
    pub every: Option<String>,
    /// What is wrong or worth knowing about it.
    pub flags: Vec<Flag>,
}

impl Survey {
    /// The sites with their rows.
    pub fn iter(&self) -> impl Iterator<Item = (&Site, &Row)> {
        self.sites.iter().zip(&self.rows)
    }
}

/// Every site whose version can change without a commit, by path and position.
///
/// These are ranges, tags that name no version, branches, charts without a version, and what image policies elect; a digest or commit beside a tag pins
/// it. Bytes that cannot be edited (encrypted, repeated by an anchor) are read all the same; templates are left out.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::{RepoPath, SourceFile, ranges, scan};
/// let text = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: podinfo}\n\
///     spec: {url: 'oci://ghcr.io/stefanprodan/manifests/podinfo', ref: {semver: 6.x}}\n";
/// let files = [SourceFile { path: RepoPath::parse("podinfo.yaml").unwrap(), text: text.to_owned() }];
/// assert_eq!(ranges::sites(&scan(&files))[0].spot.value, "6.x");
/// ```
#[must_use]
pub fn sites(inventory: &Inventory<'_>) -> Vec<Site> {
    let mut sites = floating(inventory);
    sites.extend(elections(inventory));
    sites.sort_by(|a, b| (&a.at, &a.owner, &a.field).cmp(&(&b.at, &b.owner, &b.field)));
    sites.retain(|site| {
        !matches!(site.blocked, Some(Reason::Templated | Reason::Substituted { .. } | Reason::Generated))
    });
    for site in &mut sites {
        site.blocked = None;
    }
    sites
}

/// What a snapshot needs for [`sites`] and for conversions: every site that stands somewhere without a commit, or could.
///
/// Asked with [`Resolver::standing_from`](crate::resolve::Resolver::standing_from).
#[must_use]
pub fn recorded(inventory: &Inventory<'_>) -> Vec<Site> {
    let mut sites = sites(inventory);
    let is_pin = |site: &Site| site.blocked.is_none() && !is_floating(site) && takes_range(site);
    sites.extend(everything(inventory).into_iter().filter(is_pin));
    sites
}

/// The same sites, with the reasons why they cannot be edited.
fn floating(inventory: &Inventory<'_>) -> Vec<Site> {
    let mut sites = everything(inventory);
    sites.retain(is_floating);
    sites
}

/// Every site, those that pin nothing included.
pub(crate) fn everything(inventory: &Inventory<'_>) -> Vec<Site> {
    everything_without(inventory, &BTreeSet::new())
}

/// The same, as if these fields had no marker.
pub(crate) fn everything_without(inventory: &Inventory<'_>, markers: &BTreeSet<Released>) -> Vec<Site> {
    let mut sites = locate_without(inventory, markers);
    sites.extend(unpinned(inventory));
    sites.sort_by(|a, b| (&a.at, &a.owner, &a.field).cmp(&(&b.at, &b.owner, &b.field)));
    sites
}

/// What each of these sites stands at; they come from [`sites`], the answers from a resolver that was told
/// [`Resolver::standing`](crate::resolve::Resolver::standing).
#[must_use]
pub fn survey(inventory: &Inventory<'_>, sites: Vec<Site>, resolution: &Resolution, rules: &Rules) -> Survey {
    let owners = Owners::new(inventory);
    let mut rows = Vec::with_capacity(sites.len());
    for site in &sites {
        let stands = standing(site, resolution, rules);
        let follows = match site.part {
            _ if site.election().is_some() => Follows::Policy,
            Part::Range | Part::Version => Follows::Range,
            Part::Branch => Follows::Branch,
            Part::Name | Part::Api => Follows::Branch,
            _ => Follows::Tag,
        };
        let owner = owners.of(site);
        let every = owner.and_then(|owner| every::interval(inventory, owner, site));
        let flags = flags::flags(inventory, site, owner, &stands, every.as_deref(), rules);
        rows.push(Row { follows, stands, every, flags });
    }
    let mut diagnostics = inventory.diagnostics.clone();
    diagnostics.extend(sites.iter().flat_map(|site| site.findings.iter().cloned()));
    diagnostics.sort_by(|a, b| (&a.at, a.code, &a.message).cmp(&(&b.at, b.code, &b.message)));
    diagnostics.dedup();
    Survey { sites, rows, diagnostics }
}

/// The objects of a set of files by the file that they stand in.
pub(crate) struct Owners<'a, 'f> {
    inventory: &'a Inventory<'f>,
    by_file: BTreeMap<&'f RepoPath, Vec<&'a Resource>>,
}

impl<'a, 'f> Owners<'a, 'f> {
    pub(crate) fn new(inventory: &'a Inventory<'f>) -> Self {
        let mut by_file: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for resource in inventory.resources() {
            by_file.entry(&inventory.file_of(resource).path).or_default().push(resource);
        }
        Self { inventory, by_file }
    }

    /// The object that a site stands in.
    pub(crate) fn of(&self, site: &Site) -> Option<&'a Resource> {
        let start = site.at.span.start;
        self.by_file.get(&site.at.path)?.iter().copied().find(|resource| {
            let span = self.inventory.node(resource).map(|node| node.span());
            let holds = span.is_some_and(|span| span.start <= start && start < span.end);
            holds && resource.kind_name == site.owner.kind && resource.name == site.owner.name
        })
    }
}
