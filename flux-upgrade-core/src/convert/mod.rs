//! From one way of following a version to another: pin, range, image automation, and charts by an OCIRepository of their own.
//!
//! Each conversion is drafted from where the sites stand now, and proven: the converted files are read again, every site of
//! them stands at the same version and digest as before, and nothing else differs. What would change what runs is refused.
//!
//! ```text
//! files ──sites──▶ answers ──draft──▶ Conversion ──Conversion::sites──▶ answers ──prove──▶ Plan and PatchSet
//! ```

mod automation;
mod draft;
mod oci;
mod proof;
mod release;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::locate::{Part, Released, Site, released};
use crate::patch::{Edit, PatchSet};
use crate::plan::{Change, Held, Plan, Reason, Standing, standing};
use crate::ranges::{everything, everything_without};
use crate::resolve::Resolution;
use crate::resolve::select::version_of_tag;
use crate::rules::Rules;
use crate::scan::Inventory;
use crate::text::RepoPath;
use crate::version::{Level, Version};
pub(crate) use draft::takes_range;
pub use wanted::{Wanted, WantedError};

/// What sites are converted to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// The version that they stand at, with its digest where the field has room for one.
    Pin,
    /// A range; `None` is the major version that they stand at, below 1.0 the minor.
    Range(Option<String>),
    /// The tag that they stand at, with a marker, and an ImagePolicy, with whatever else that takes.
    Automation {
        /// What the policy elects from; `None` is the range that is written, else the one that [`To::Range`] takes.
        range: Option<String>,
        /// Whether the policy may elect something else than what runs, which then moves.
        begin: bool,
    },
    /// A chart that an OCIRepository fetches and `chartRef` names.
    Oci {
        /// Where charts of HTTP repositories are published as artifacts: `oci://host/path`, with the chart's name or without.
        home: Option<String>,
        /// Whether a HelmRepository that nothing refers to any more is removed.
        remove_orphans: bool,
    },
}

/// A conversion that is drafted and not proven yet.
#[derive(Debug, Clone)]
pub struct Conversion {
    to: To,
    before: Vec<Site>,
    stands: Vec<Result<Standing, Reason>>,
    /// Sites that are left out, since a conversion of theirs turned out not to be equal.
    refused: BTreeMap<usize, Reason>,
    draft: Drafted,
}

/// What a draft comes to.
#[derive(Debug, Clone, Default)]
struct Drafted {
    /// By index of the site.
    outcomes: Vec<Result<Converted, Reason>>,
    /// The sites of the converted files that stand for those before.
    after: Vec<Site>,
    diagnostics: Vec<Diagnostic>,
    set: PatchSet,
}

/// One site converted.
#[derive(Debug, Clone)]
struct Converted {
    /// What it is written as then.
    to: String,
    edits: Vec<Edit>,
    notes: Vec<String>,
    /// Whether the digests are of different things: a chart's archive and an artifact.
    other_digest: bool,
    /// Whether every value stays as it is written, so that nothing can differ.
    kept: bool,
    /// Whether something newer than what runs may follow.
    begins: bool,
    /// The file of a new object that it refers to.
    beside: Option<RepoPath>,
    /// Comments that are new, without their `#`.
    comments: Vec<String>,
    /// Comments that go.
    gone: Vec<String>,
    /// The object and the parent of the field that says it then.
    place: Place,
    /// Index into [`Drafted::after`].
    after: Option<usize>,
}

/// Where a converted site is found again.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    kind: String,
    name: String,
    parent: String,
}

/// The sites that any of `wanted` names, by path and position: what to ask about first.
///
/// Those that `to` cannot be done to are blocked with the reason, and need no answer. Ask with
/// [`Resolver::standing`](crate::resolve::Resolver::standing), then go on with [`draft`](draft()).
#[must_use]
pub fn sites(inventory: &Inventory<'_>, wanted: &[Wanted], to: &To) -> Vec<Site> {
    let is_meant = |site: &Site| wanted.iter().any(|wanted| wanted.matches(inventory, site));
    let mut sites = everything(inventory);
    let back = match to {
        To::Pin | To::Range(_) => release::wanted(inventory, &sites, wanted),
        _ => BTreeSet::new(),
    };
    if !back.is_empty() {
        let marked = std::mem::replace(&mut sites, everything_without(inventory, &back));
        // What nothing but its marker tells is left to that.
        let known: BTreeSet<_> = sites.iter().flat_map(spots).collect();
        sites.extend(marked.into_iter().filter(|site| spots(site).all(|spot| !known.contains(&spot))));
        sites.sort_by(|a, b| (&a.at, &a.owner, &a.field).cmp(&(&b.at, &b.owner, &b.field)));
    }
    sites.retain(is_meant);
    for site in &mut sites {
        let is_back = site.marker.is_none() && spots(site).any(|spot| back.contains(&spot));
        if is_back && *to == To::Pin {
            continue;
        }
        if let (None, Err(reason)) = (&site.blocked, draft::applies(site, to)) {
            site.blocked = Some(reason);
        }
    }
    sites
}

/// The fields of a site.
fn spots(site: &Site) -> impl Iterator<Item = Released> {
    [Some(&site.spot), site.digest.as_ref()].into_iter().flatten().map(|spot| released(&spot.at))
}

/// Drafts a conversion of `sites`, which come from [`sites`].
///
/// Nothing is proven yet: ask about [`Conversion::sites`], then call [`Conversion::prove`].
#[must_use]
pub fn draft(
    inventory: &Inventory<'_>,
    sites: Vec<Site>,
    to: &To,
    resolution: &Resolution,
    rules: &Rules,
) -> Conversion {
    let stands: Vec<_> = sites.iter().map(|site| standing(site, resolution, rules)).collect();
    let refused = BTreeMap::new();
    let draft = draft::draft(inventory, &sites, &stands, &refused, to);
    Conversion { to: to.clone(), before: sites, stands, refused, draft }
}

impl Conversion {
    /// The sites of the converted files: what to ask about before it is proven.
    #[must_use]
    pub fn sites(&self) -> &[Site] {
        &self.draft.after
    }

    /// The plan and its text side, without the conversions that would change what runs.
    ///
    /// One whose equality nobody answers is held as that. `inventory` is that of the draft, `resolution` the answers about
    /// [`Conversion::sites`].
    #[must_use]
    pub fn prove(
        mut self,
        inventory: &Inventory<'_>,
        resolution: &Resolution,
        rules: &Rules,
    ) -> (Plan, PatchSet) {
        loop {
            let (mut refused, after) = (BTreeMap::new(), &self.draft.after);
            for (index, outcome) in self.draft.outcomes.iter_mut().enumerate() {
                let (Ok(converted), Ok(was)) = (outcome, &self.stands[index]) else { continue };
                match equal(converted, was, after, resolution, rules) {
                    Ok(note) => converted.notes.extend(note),
                    Err(reason) => drop(refused.insert(index, reason)),
                }
            }
            if refused.is_empty() {
                break;
            }
            // The others are drafted again without them: each round leaves at least one out.
            self.refused.extend(refused);
            self.draft = draft::draft(inventory, &self.before, &self.stands, &self.refused, &self.to);
        }
        let Self { before, stands, draft, .. } = self;
        let mut plan = Plan {
            sites: before,
            changes: Vec::new(),
            held: Vec::new(),
            series: Vec::new(),
            commits: Vec::new(),
            groups: Vec::new(),
            diagnostics: draft.diagnostics,
        };
        for (site, (outcome, stands)) in draft.outcomes.into_iter().zip(stands).enumerate() {
            match (outcome, stands) {
                (Ok(converted), Ok(stands)) => {
                    let change = change(site, &plan.sites[site], converted, &stands);
                    plan.changes.push(change);
                }
                (Err(reason), _) | (Ok(_), Err(reason)) => plan.held.push(Held { site, reason }),
            }
        }
        (plan, draft.set)
    }
}

/// That a converted site stands where it stood; says where it goes from there, if it does.
fn equal(
    converted: &Converted,
    was: &Standing,
    after: &[Site],
    resolution: &Resolution,
    rules: &Rules,
) -> Result<Option<String>, Reason> {
    let same = "that what runs stays the same";
    let Some(site) = converted.after.and_then(|index| after.get(index)) else {
        return Err(Reason::Requires { detail: format!("{same}: the converted site is not found again") });
    };
    if converted.kept {
        return Ok(None);
    }
    let is = standing(site, resolution, rules)?;
    // A digest or commit says what runs, whatever else has it.
    let by_name = !matches!(site.part, Part::Digest | Part::Commit);
    let same_name = !by_name || version_of_tag(&was.resolved) == version_of_tag(&is.resolved);
    if same_name && (converted.other_digest || was.digest == is.digest) {
        return Ok(None);
    }
    let version = |standing: &Standing| Version::parse(&version_of_tag(&standing.resolved)).ok();
    let is_newer = || Some(version(was)?.cmp_precedence(&version(&is)?).is_lt());
    if converted.begins && (same_name || is_newer() == Some(true)) {
        let digest = is.digest.as_ref().filter(|_| same_name);
        let elected = digest.map_or(is.resolved.clone(), |digest| format!("{}@{digest}", is.resolved));
        return Ok(Some(format!(
            "the policy elects {elected}, which `flux-upgrade automate` or Flux writes next"
        )));
    }
    let shown = |standing: &Standing| match &standing.digest {
        Some(digest) if same_name => format!("{}@{digest}", standing.resolved),
        _ => standing.resolved.clone(),
    };
    let detail = format!("{same}: it stands at {} and would stand at {}", shown(was), shown(&is));
    Err(Reason::Requires { detail })
}

fn change(site: usize, at: &Site, converted: Converted, stands: &Standing) -> Change {
    let mut notes = converted.notes;
    notes.insert(
        0,
        match (&stands.digest, converted.other_digest) {
            _ if converted.kept || converted.begins => format!("{} before and after", stands.resolved),
            (Some(digest), false) => format!("{}@{digest} before and after", stands.resolved),
            (_, true) => format!(
                "{} before and after; archive and artifact have digests of their own",
                stands.resolved
            ),
            _ => format!("{} before and after", stands.resolved),
        },
    );
    Change {
        site,
        from: at.written(),
        to: converted.to,
        locked: None,
        level: Level::Digest,
        published: stands.published.map(|time| time.to_string()),
        beyond: None,
        group: None,
        notes,
        edits: converted.edits,
    }
}
