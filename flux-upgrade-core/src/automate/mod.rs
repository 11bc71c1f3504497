//! Image automation outside the cluster: what the markers of the files say, by the policies of the files.
//!
//! ```text
//! files ──scan──▶ Inventory ──automate::sites──▶ sites ──resolve──▶ Resolution ──plan──▶ Plan ──patch──▶ PatchSet
//! ```
//!
//! A marked scalar is a [`Site`] with a [`Marker`]; the other stages are those of every plan. [`locate`](crate::locate())
//! has the same sites, so that a plan moves a marked field as its policy says and in no other way. [`set`] is the last step
//! alone, for whoever knows already what is elected.

mod beside;
mod commit;
mod marker;
mod objects;
mod policy;
mod template;
mod told;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) use commit::findings;
pub use commit::{Commit, commits, messages};
pub(crate) use marker::is_marker;
pub use marker::{Field, Setter};
pub(crate) use policy::Open;
pub use policy::{Elected, Policy};
pub use template::{ChangedField, DEFAULT_MESSAGE, MessageData, ObjectName, TemplateError, message};
pub use write::{Setting, set};

use crate::locate::{
    Consumer, Dialects, Frame, Ignore, Links, Owner, Part, Released, Site, SourceKey, Spot, Style, dotted,
    released,
};
use crate::plan::Reason;
use crate::scan::{Encryption, Inventory, Placement, Resource, encryption};
use crate::text::{Location, SourceFile, Span};
use crate::time::Timestamp;
use crate::yaml::{Document, Node, Quote};
use objects::Objects;

/// The marker of a site, with the policies that it moves by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// What it says.
    pub setter: Setter,
    /// The policies that it means: one, or one for each cluster.
    pub policies: Vec<Arc<Policy>>,
    /// The automations of the files that write it as well, in words.
    pub(crate) automations: Vec<String>,
    /// Tag and digest that the files have now.
    pub(crate) stored: Option<(String, Option<String>)>,
    /// The object that a commit names for it.
    pub(crate) object: Option<ObjectName>,
}

/// Every marked scalar of the files, by path and position.
///
/// What Flux would leave alone has a reason in [`Site::blocked`]: an unknown policy, a suspended automation, a file that no
/// automation's path holds. Where the files have no ImageUpdateAutomation at all, nothing limits what a policy moves.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::{RepoPath, SourceFile, automate, scan};
/// let text = "image: redis:7.2 # {\"$imagepolicy\": \"apps:redis\"}\n";
/// let files = [SourceFile { path: RepoPath::parse("app.yaml").unwrap(), text: text.to_owned() }];
/// let sites = automate::sites(&scan(&files));
/// assert_eq!(sites[0].blocked.as_ref().unwrap().to_string(), "no ImagePolicy apps/redis in these files");
/// ```
#[must_use]
pub fn sites(inventory: &Inventory<'_>) -> Vec<Site> {
    sites_with(inventory, &Links::new(inventory), &Dialects::new(inventory))
}

/// The automation that moves marked fields of a file.
pub(crate) struct Covering {
    /// Where it is.
    pub(crate) place: Placement,
    /// Labels that it selects policies by.
    pub(crate) labels: BTreeMap<String, String>,
}

/// Every ImageUpdateAutomation of the files.
pub(crate) struct Automations(Vec<objects::Automation>);

impl Automations {
    pub(crate) fn read(inventory: &Inventory<'_>) -> Self {
        Self(Objects::read(inventory, &Links::new(inventory)).automations)
    }

    /// The one that moves marked fields of a file; `clusters` are those that the file is of.
    ///
    /// Of several the one of the file's own cluster counts, then the one with the longest path. None where none holds it.
    ///
    /// # Errors
    ///
    /// Why it moves nothing, or would move no policy that is made for it.
    pub(crate) fn covering(&self, path: &str, clusters: &[String]) -> Result<Option<Covering>, Reason> {
        let is_own = |one: &objects::Automation| {
            clusters.is_empty() || one.place.cluster.as_ref().is_none_or(|cluster| clusters.contains(cluster))
        };
        let holding = self.0.iter().filter(|one| one.holds(path));
        let rank = |one: &&objects::Automation| (is_own(one), one.idle.is_none(), one.path.len());
        let Some(first) = holding.rev().max_by_key(rank) else { return Ok(None) };
        if let Some(idle) = &first.idle {
            return Err(idle.clone());
        }
        let labels = first.selector.as_ref().map_or(Some(BTreeMap::new()), objects::labels);
        let labels = labels.ok_or_else(|| Reason::Requires {
            detail: format!("a `policySelector` that some labels fit, and that of {}", first.describe()),
        })?;
        Ok(Some(Covering { place: first.place.clone(), labels }))
    }
}

/// Every ImagePolicy of the files, once for each of its places.
pub(crate) fn policies<'a>(inventory: &'a Inventory<'_>, links: &Links<'a>) -> Vec<Policy> {
    Objects::read(inventory, links).policies
}

/// The same, for whoever has read the links already.
pub(crate) fn sites_with<'a>(
    inventory: &'a Inventory<'_>,
    links: &Links<'a>,
    dialects: &Dialects<'_>,
) -> Vec<Site> {
    let mut out = Vec::new();
    let mut objects = None;
    for (index, file) in inventory.files.iter().enumerate() {
        let Some(read) = marker::read(file) else { continue };
        if read.marked.is_empty() {
            continue;
        }
        let objects = objects.get_or_insert_with(|| Known::new(Objects::read(inventory, links)));
        let is_alone = read.documents.iter().filter(|document| document.root().is_some()).count() == 1;
        let here = InFile { inventory, dialects, index, file, objects, is_alone };
        let first = out.len();
        for marked in &read.marked {
            let document = &read.documents[marked.document];
            if let Some(node) = document.node(marked.node) {
                out.push(here.site(document, node, &marked.value, read.passed_by.as_deref()));
            }
        }
        remember_tags(&read, &mut out[first..]);
        beside::hold(&read, &mut out[first..]);
    }
    out.sort_by(|a, b| a.at.cmp(&b.at));
    out
}

/// Gives the sites of located fields their markers: those that a marker holds move by it and in no other way.
pub(crate) fn join<'a>(
    inventory: &'a Inventory<'_>,
    links: &Links<'a>,
    dialects: &Dialects<'_>,
    sites: &mut Vec<Site>,
    without: &BTreeSet<Released>,
) {
    let mut marked = sites_with(inventory, links, dialects);
    marked.retain(|site| without.is_empty() || !without.contains(&released(&site.at)));
    if marked.is_empty() {
        return;
    }
    let place = |at: &Location| (at.path.clone(), at.span.start);
    let places: BTreeMap<_, usize> =
        marked.iter().enumerate().map(|(index, site)| (place(&site.at), index)).collect();
    let mut spoken_for = BTreeSet::new();
    sites.retain(|site| {
        let field = places.get(&place(&site.at));
        let Some(index) = field.or_else(|| places.get(&place(&site.spot.at))) else { return true };
        let own = &mut marked[*index];
        if own.at != site.spot.at {
            // A marker at a use of a variable holds the variable, and all its users with it.
            spoken_for.insert(*index);
            return true;
        }
        if own.at != site.at {
            own.used_at.push(site.at.clone());
            return false;
        }
        own.owner = site.owner.clone();
        own.field.clone_from(&site.field);
        own.clusters.clone_from(&site.clusters);
        own.namespaces.clone_from(&site.namespaces);
        own.suspended = site.suspended;
        own.overridden_by.clone_from(&site.overridden_by);
        own.overridden_in.clone_from(&site.overridden_in);
        own.is_patch = site.is_patch;
        false
    });
    let kept = marked.into_iter().enumerate().filter(|(index, _)| !spoken_for.contains(index));
    sites.extend(kept.map(|(_, site)| site));
}

/// The policies that a marker moves by, and the automations that write it, in words.
type Found = (Vec<Arc<Policy>>, Vec<String>);

/// Policies that sites share.
struct Known {
    policies: Vec<Arc<Policy>>,
    objects: Objects,
}

impl Known {
    fn new(mut objects: Objects) -> Self {
        Self { policies: std::mem::take(&mut objects.policies).into_iter().map(Arc::new).collect(), objects }
    }

    /// The policies that a marker in a file moves by.
    ///
    /// Source: image-automation-controller `internal/controller`: policies of the automation's namespace that its selector
    /// fits, files below its path.
    fn of(&self, setter: &Setter, file: &str) -> Result<Found, Reason> {
        let is_here =
            |namespace: &Option<String>| namespace.as_ref().is_none_or(|own| *own == setter.namespace);
        let named = |policy: &&Arc<Policy>| policy.name == setter.policy && is_here(&policy.place.namespace);
        let named: Vec<&Arc<Policy>> = self.policies.iter().filter(named).collect();
        if named.is_empty() {
            let source = format!("ImagePolicy {}/{}", setter.namespace, setter.policy);
            return Err(Reason::SourceNotFound { source });
        }
        let all = &self.objects.automations;
        if all.is_empty() {
            return Ok((named.into_iter().cloned().collect(), Vec::new()));
        }
        let (namespace, policy) = (&setter.namespace, &setter.policy);
        let holds = |one: &&objects::Automation| is_here(&one.place.namespace) && one.holds(file);
        let holding: Vec<_> = all.iter().filter(holds).collect();
        if holding.is_empty() {
            let detail = format!(
                "an ImageUpdateAutomation in the namespace {namespace} whose `update.path` holds the file"
            );
            return Err(Reason::Requires { detail });
        }
        let selecting: Vec<_> =
            holding.into_iter().filter(|one| named.iter().any(|policy| one.selects(policy))).collect();
        let Some(first) = selecting.first() else {
            let detail =
                format!("an ImageUpdateAutomation whose `policySelector` selects {namespace}/{policy}");
            return Err(Reason::Requires { detail });
        };
        let active: Vec<_> = selecting.iter().filter(|one| one.idle.is_none()).collect();
        if let (Some(idle), true) = (&first.idle, active.is_empty()) {
            return Err(idle.clone());
        }
        let moved = named.into_iter().filter(|policy| active.iter().any(|one| one.selects(policy)));
        let automations = active.iter().map(|one| one.describe()).collect();
        Ok((moved.cloned().collect(), automations))
    }
}

/// The file that is looked at.
struct InFile<'a, 'f> {
    inventory: &'a Inventory<'f>,
    dialects: &'a Dialects<'a>,
    index: usize,
    file: &'f SourceFile,
    objects: &'a Known,
    /// Whether it has one document alone.
    is_alone: bool,
}

impl<'f> InFile<'_, 'f> {
    fn site(
        &self,
        document: &Document<'f>,
        node: Node<'_, 'f>,
        marker: &str,
        passed_by: Option<&str>,
    ) -> Site {
        let lines = self.inventory.lines(self.index);
        let at = lines.locate(&self.file.path, node.span());
        let raw = node.span().of(document.text()).to_owned();
        let null = node.text().is_none();
        let value = if null { raw.clone() } else { node.text().unwrap_or_default().to_owned() };
        let quote = node.quote().unwrap_or(Quote::Plain);
        let setter = Setter::parse(marker);
        let found = match &setter {
            Some(setter) => self.objects.of(setter, self.file.path.as_str()),
            None => Err(Reason::SourceNotFound { source: format!("ImagePolicy of the marker `{marker}`") }),
        };
        let ((policies, automations), why) = match found {
            Ok(found) => (found, None),
            Err(reason) => (Found::default(), Some(reason)),
        };
        let blocked = self.blocked(document, (quote, &value), passed_by).or(why);
        let rule = policies.iter().find_map(|policy| policy.source());
        let held =
            |policies: &[Arc<Policy>]| policies.iter().find_map(|policy| policy.rule.as_ref().err().cloned());
        let source = match &rule {
            Some((source, _)) => Ok(source.clone()),
            None => Err(held(&policies)
                .or(blocked.clone())
                .unwrap_or(Reason::Marked { policy: marker.to_owned() })),
        };
        let resource = self.resource(node.span());
        let placements = resource.map(|resource| resource.placements.as_slice()).unwrap_or_default();
        let unique = |mut all: Vec<String>| {
            all.sort();
            all.dedup();
            all
        };
        let field = setter.as_ref().map(|setter| setter.field);
        let spot = Spot { at: at.clone(), raw, value, style: Style::from(quote), frame: Frame::default() };
        let part = if field == Some(Field::Digest) { Part::Digest } else { Part::Tag };
        let (name, reader) = (self.field(document, node), (Consumer::Image, source));
        Site {
            namespaces: unique(placements.iter().filter_map(|place| place.namespace.clone()).collect()),
            source_at: policies.first().map(|policy| policy.at.clone()),
            insecure: rule.is_some_and(|(_, insecure)| insecure),
            blocked,
            ignore: self.ignore(document, node),
            clusters: unique(placements.iter().filter_map(|place| place.cluster.clone()).collect()),
            suspended: resource.is_some_and(|resource| resource.suspended),
            dialect: resource.and_then(|resource| self.dialects.of(resource)),
            is_patch: resource.is_some_and(|resource| resource.is_patch),
            marker: setter.map(|setter| {
                let object = commit::object(document, node, self.is_alone);
                Box::new(Marker { setter, policies, automations, stored: None, object })
            }),
            ..Site::alone(at, self.owner(resource), (&name, part), spot, reader)
        }
    }

    /// Why nobody may write there.
    fn blocked(
        &self,
        document: &Document<'f>,
        (quote, value): (Quote, &str),
        passed_by: Option<&str>,
    ) -> Option<Reason> {
        if let Some(why) = passed_by {
            return Some(Reason::Requires { detail: format!("a file that Flux does not pass by: {why}") });
        }
        if document.root().map(encryption) == Some(Encryption::Whole) {
            return Some(Reason::Encrypted);
        }
        if matches!(quote, Quote::Literal | Quote::Folded) {
            return Some(Reason::MultiLine);
        }
        let variable = crate::locate::variable(value)?;
        Some(Reason::Substituted { variable: variable.to_owned() })
    }

    /// The innermost object that holds some bytes.
    fn resource(&self, span: Span) -> Option<&Resource> {
        let holds = |resource: &&Resource| {
            std::ptr::eq(self.inventory.file_of(resource), self.file)
                && self
                    .inventory
                    .node(resource)
                    .is_some_and(|node| node.span().start <= span.start && span.end <= node.span().end)
        };
        let size = |resource: &&Resource| {
            self.inventory.node(resource).map_or(usize::MAX, |node| node.span().end - node.span().start)
        };
        self.inventory.resources().iter().filter(holds).min_by_key(size)
    }

    fn owner(&self, resource: Option<&Resource>) -> Owner {
        let Some(resource) = resource.filter(|resource| !resource.kind_name.is_empty()) else {
            return Owner { kind: "File".to_owned(), namespace: None, name: self.file.path.to_string() };
        };
        let mut namespaces = resource.placements.iter().map(|placement| placement.namespace.clone());
        let first = namespaces.next().flatten();
        let same = namespaces.all(|namespace| namespace == first);
        Owner {
            kind: resource.kind_name.clone(),
            namespace: first.filter(|_| same).or_else(|| resource.written_namespace.clone()),
            name: resource.name.clone(),
        }
    }

    /// The path of a node from the root of its document.
    fn field(&self, document: &Document<'f>, node: Node<'_, 'f>) -> String {
        let parents = document.parents();
        let mut path = Vec::new();
        let mut at = node.number();
        while let Some((parent, key)) = &parents[at as usize] {
            path.push(key.to_string());
            at = parent.number();
        }
        path.reverse();
        dotted(&path)
    }

    fn ignore(&self, document: &Document<'f>, node: Node<'_, 'f>) -> Option<Ignore> {
        document.comments_above(node.span().start).find_map(|comment| {
            let mut words = document.comment_text(comment).strip_prefix("flux-upgrade:")?.split_whitespace();
            (words.next() == Some("ignore")).then(|| Ignore {
                until: match words.next() {
                    Some("until") => {
                        words.next().filter(|date| Timestamp::parse(date).is_ok()).map(str::to_owned)
                    }
                    _ => None,
                },
                at: self.inventory.lines(self.index).locate(&self.file.path, comment.span),
            })
        })
    }
}

/// Notes what tag and digest of a policy the files have now: a digest that is reflected once stays with its tag.
///
/// A field of a digest belongs to the tags that the same policy has in its document.
fn remember_tags(read: &marker::Read<'_>, sites: &mut [Site]) {
    let mut tags: BTreeMap<(usize, String, String), Option<String>> = BTreeMap::new();
    for (marked, site) in read.marked.iter().zip(sites.iter()) {
        let Some(marker) = site.marker.as_ref().filter(|marker| marker.setter.field == Field::Tag) else {
            continue;
        };
        let key = (marked.document, marker.setter.namespace.clone(), marker.setter.policy.clone());
        let entry = tags.entry(key).or_insert_with(|| Some(site.spot.value.clone()));
        if entry.as_ref() != Some(&site.spot.value) {
            *entry = None;
        }
    }
    for (marked, site) in read.marked.iter().zip(sites.iter_mut()) {
        let value = site.spot.value.clone();
        let Some(marker) = &mut site.marker else { continue };
        marker.stored = match marker.setter.field {
            Field::Reference => value.split_once('@').and_then(|(name, digest)| {
                let (_, tag) = name.rsplit_once(':')?;
                Some((tag.to_owned(), Some(digest.to_owned())))
            }),
            Field::Digest => {
                let key = (marked.document, marker.setter.namespace.clone(), marker.setter.policy.clone());
                let tag = tags.get(&key).cloned().flatten();
                tag.map(|tag| (tag, Some(value).filter(|digest| !digest.is_empty())))
            }
            Field::Name | Field::Tag => None,
        };
    }
}

/// Whether a source is one that a marker's policies look at.
pub(crate) fn sources(site: &Site) -> impl Iterator<Item = (SourceKey, bool)> {
    site.marker.iter().flat_map(|marker| &marker.policies).filter_map(|policy| policy.source())
}
