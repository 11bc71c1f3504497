//! Stage 2: an inventory to the sites in it.

mod chart_file;
mod elections;
mod explicit;
mod field;
mod finding;
mod git;
mod helm;
mod image;
mod input;
mod install;
mod instance;
mod keys;
mod kustomize;
mod link;
mod oci;
mod overlay;
mod renovate;
mod site;
mod terraform;
mod tools;
mod unpinned;
mod values;
mod variable;

pub(crate) use elections::elections;
pub use field::Ignore;
pub(crate) use field::{DIGEST, ignored, insertion};
pub(crate) use oci::CHART_LAYER;
pub use site::{Consumer, Frame, Insertion, Owner, Part, Site, SourceKey, Spot, Style};
pub use unpinned::unpinned;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Severity};
use crate::plan::{MOST_NAMED, Reason};
use crate::scan::{Effective, Inventory, Kind, Resource};
use crate::text::{Lines, Location, RepoPath};
use crate::version::Dialect;
use crate::yaml::Node;
pub(crate) use field::variable;
pub(crate) use image::dotted;
pub(crate) use link::Links;
pub(crate) use tools::is_commit;

/// Every place in the files that pins or constrains a version, by path and position, with the source that it refers to.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::{RepoPath, SourceFile, locate, scan};
/// let text = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: podinfo}\n\
///     spec: {url: 'oci://ghcr.io/stefanprodan/manifests/podinfo', ref: {tag: 6.5.0}}\n";
/// let files = [SourceFile { path: RepoPath::parse("podinfo.yaml").unwrap(), text: text.to_owned() }];
/// let sites = locate(&scan(&files));
/// assert_eq!((sites[0].field.as_str(), sites[0].spot.value.as_str()), ("spec.ref.tag", "6.5.0"));
/// ```
#[must_use]
pub fn locate(inventory: &Inventory<'_>) -> Vec<Site> {
    locate_without(inventory, &BTreeSet::new())
}

/// File and start of a field whose marker is passed by.
pub(crate) type Released = (RepoPath, usize);

/// The field at a place.
pub(crate) fn released(at: &Location) -> Released {
    (at.path.clone(), at.span.start)
}

/// The sites as if these fields had no marker.
pub(crate) fn locate_without(inventory: &Inventory<'_>, markers: &BTreeSet<Released>) -> Vec<Site> {
    let mut sites = Vec::new();
    let links = Links::new(inventory);
    let dialects = Dialects::new(inventory);
    for resource in inventory.resources() {
        let Some(node) = inventory.node(resource) else { continue };
        let lines = inventory.lines(inventory.held(resource).file);
        let here = Here {
            inventory,
            links: &links,
            dialects: &dialects,
            resource,
            node,
            lines,
            user: None,
            input: None,
        };
        let before = sites.len();
        for input in here.all_inputs() {
            kinds(&Here { input, ..here }, &mut sites);
        }
        overlay::hold_placeholders(inventory, resource, &mut sites[before..]);
    }
    tools::tool_versions(inventory, &mut sites);
    explicit::comments(inventory, &links, &dialects, &mut sites);
    let terraform = terraform::Terraform::new(inventory);
    terraform.sites(&mut sites);
    install::manifests(inventory, &terraform, &mut sites);
    let is_free = |site: &&mut Site| !markers.is_empty() && markers.contains(&released(&site.spot.at));
    for site in sites.iter_mut().filter(is_free) {
        site.blocked = site.blocked.take().filter(|reason| !matches!(reason, Reason::Marked { .. }));
    }
    crate::automate::join(inventory, &links, &dialects, &mut sites, markers);
    sites.sort_by(|a, b| (&a.at, &a.owner, &a.field).cmp(&(&b.at, &b.owner, &b.field)));
    mark_insecure(inventory, &mut sites);
    sites.dedup_by(|later, first| {
        let same = later.spot == first.spot && later.at == first.at && later.owner == first.owner;
        same && later.source == first.source
    });
    drop_unused_readings(&mut sites);
    hold_lone_aliases(&mut sites);
    overlay::tie_tests(&mut sites);
    tell_apart(&mut sites);
    overlay::mark(&mut sites);
    for site in &mut sites {
        let own = finding::findings(site);
        site.findings.extend(own);
    }
    sites
}

/// The sites of an object.
fn kinds(at: &Here<'_, '_>, sites: &mut Vec<Site>) {
    match at.resource.kind {
        Kind::HelmRelease => {
            helm::release(at, sites);
            let values = sites.len();
            values::release(at, sites);
            if helm::is_flux_chart(at) {
                helm::hold_controllers(&mut sites[values..]);
            }
        }
        Kind::HelmOperatorRelease => {
            helm::operator_release(at, sites);
            values::release(at, sites);
        }
        Kind::HelmChart => helm::chart(at, sites),
        Kind::OciRepository => oci::repository(at, sites),
        Kind::GitRepository => git::repository(at, sites),
        Kind::Kustomization => kustomize::flux(at, sites),
        Kind::KustomizationFile => kustomize::file(at, sites),
        Kind::FluxInstance => instance::instance(at, sites),
        Kind::Object => image::object(at, sites),
        Kind::ResourceSet => image::inputs(at, sites),
        Kind::ChartFile => chart_file::dependencies(at, sites),
        Kind::Workflow => tools::workflow(at, sites),
        Kind::Plain => instance::values(at, &[], sites),
        Kind::HelmRepository | Kind::Bucket | Kind::ExternalArtifact | Kind::ConfigMap => {}
    }
}

/// Sites whose source is another object that says `insecure: true`.
fn mark_insecure(inventory: &Inventory<'_>, sites: &mut [Site]) {
    let says = |resource: &&Resource| inventory.node(resource).is_some_and(is_insecure);
    let marked: BTreeSet<Location> =
        inventory.resources().iter().filter(says).map(|resource| inventory.location(resource)).collect();
    for site in sites {
        site.insecure |= site.source_at.as_ref().is_some_and(|at| marked.contains(at));
    }
}

/// `spec.insecure` of an object. Source: OCIRepository and HelmRepository spec pages; it means plain HTTP.
fn is_insecure(node: Node<'_, '_>) -> bool {
    node.text_at(&["spec", "insecure"]) == Some("true")
}

/// A file of values is read for what it is alone only where no release takes it.
fn drop_unused_readings(sites: &mut Vec<Site>) {
    let is_file = |site: &Site| site.owner.kind == Kind::Plain.name();
    let taken: BTreeSet<(RepoPath, usize)> = sites
        .iter()
        .filter(|site| !is_file(site))
        .map(|site| (site.at.path.clone(), site.at.span.start))
        .collect();
    sites.retain(|site| !is_file(site) || !taken.contains(&(site.at.path.clone(), site.at.span.start)));
}

/// An alias whose anchor is no site itself is held: the anchor may be anything.
fn hold_lone_aliases(sites: &mut [Site]) {
    let own: BTreeSet<(RepoPath, usize)> = sites
        .iter()
        .filter(|site| site.at.span == site.spot.at.span)
        .map(|site| (site.at.path.clone(), site.at.span.start))
        .collect();
    let alias = |site: &&mut Site| {
        let elsewhere = site.at.span != site.spot.at.span && site.spot.style != Style::Word;
        elsewhere && site.variable.is_none()
    };
    for site in sites.iter_mut().filter(alias) {
        if !own.contains(&(site.at.path.clone(), site.spot.at.span.start)) {
            site.blocked.get_or_insert(Reason::Aliased);
        }
    }
}

/// Sites that share a place, by a merge key, get numbered ids.
fn tell_apart(sites: &mut [Site]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for site in sites {
        let count = seen.entry(site.id.clone()).or_insert(0);
        *count += 1;
        if *count > 1 {
            site.id = format!("{}#{count}", site.id);
        }
    }
}

/// How the versions of Flux in the files read versions.
pub(crate) struct Dialects<'a> {
    /// By the folder of the generated components.
    by_folder: BTreeMap<&'a str, Dialect>,
    oldest: Option<Dialect>,
}

impl<'a> Dialects<'a> {
    pub(crate) fn new(inventory: &'a Inventory<'_>) -> Self {
        let mut by_folder = BTreeMap::<&str, Dialect>::new();
        for (folder, version) in &inventory.flux {
            let Ok(dialect) = Dialect::for_flux(version) else { continue };
            let known = by_folder.entry(folder).or_insert(dialect);
            if dialect.library() < known.library() {
                *known = dialect;
            }
        }
        let oldest = by_folder.values().copied().min_by_key(|dialect| dialect.library());
        Self { by_folder, oldest }
    }

    /// How the Flux that applies an object reads versions: the one of its cluster, else the oldest in the files.
    pub(crate) fn of(&self, resource: &Resource) -> Option<Dialect> {
        let clusters = resource.placements.iter().filter_map(|placement| placement.cluster.as_deref());
        let own = clusters.filter_map(|cluster| self.of_cluster(cluster));
        own.min_by_key(|dialect| dialect.library()).or(self.oldest)
    }

    /// The oldest below the path of a cluster.
    fn of_cluster(&self, cluster: &str) -> Option<Dialect> {
        let below = format!("{cluster}/");
        let folders =
            self.by_folder.range(below.as_str()..).take_while(|(folder, _)| folder.starts_with(&below));
        folders.map(|(_, dialect)| *dialect).min_by_key(|dialect| dialect.library())
    }
}

/// The object that is looked at.
struct Here<'a, 'f> {
    inventory: &'a Inventory<'f>,
    links: &'a Links<'a>,
    dialects: &'a Dialects<'a>,
    resource: &'a Resource,
    node: Node<'a, 'f>,
    lines: &'a Lines<'f>,
    /// The release that takes its values from here.
    user: Option<&'a Resource>,
    /// The inputs that a ResourceSet makes the object with.
    input: Option<Node<'a, 'f>>,
}

impl<'a, 'f> Here<'a, 'f> {
    /// The object that a reader takes the place to belong to.
    fn subject(&self) -> &'a Resource {
        self.user.unwrap_or(self.resource)
    }

    fn owner(&self) -> Owner {
        let subject = self.subject();
        let mut namespaces = subject.placements.iter().map(|placement| &placement.namespace);
        let first = namespaces.next().cloned().flatten();
        let same = namespaces.all(|namespace| *namespace == first);
        let is_object =
            !matches!(subject.kind, Kind::KustomizationFile | Kind::ChartFile | Kind::Workflow | Kind::Plain);
        let namespace = first.filter(|_| same).or_else(|| subject.written_namespace.clone());
        Owner {
            kind: subject.kind_name.clone(),
            namespace: namespace.filter(|_| is_object),
            name: subject.name.clone(),
        }
    }

    fn suspended(&self) -> bool {
        self.subject().suspended
    }

    /// The value at a path of the object; of a part of one, as far as the part has it.
    fn at(&self, path: &[&str]) -> Option<Node<'a, 'f>> {
        self.inventory.at(self.resource, path)
    }

    /// The text at a path of the object.
    fn text_at(&self, path: &[&str]) -> Option<&'a str> {
        self.at(path)?.text()
    }

    /// A text of the object with its variables filled in.
    fn expand<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, Reason> {
        self.expand_of(self.resource, text)
    }

    fn namespaces(&self) -> Vec<String> {
        let all: BTreeSet<&String> =
            self.subject().placements.iter().filter_map(|placement| placement.namespace.as_ref()).collect();
        all.into_iter().cloned().collect()
    }

    fn clusters(&self) -> Vec<String> {
        let mut clusters: Vec<String> =
            self.subject().placements.iter().filter_map(|placement| placement.cluster.clone()).collect();
        clusters.sort();
        clusters.dedup();
        clusters
    }

    /// The clusters of the object, as far as the one that defines its variable is in them.
    fn clusters_of(&self, holder: Option<usize>) -> Vec<String> {
        let mut clusters = self.clusters();
        if let Some(holder) = holder {
            let placements = &self.inventory.resources()[holder].placements;
            let own: Vec<&String> = placements.iter().filter_map(|place| place.cluster.as_ref()).collect();
            if !own.is_empty() {
                clusters.retain(|cluster| own.contains(&cluster));
            }
        }
        clusters
    }

    /// That no patch of this object, where it is an object itself, says otherwise; `differs` looks at each.
    ///
    /// # Errors
    ///
    /// [`Reason::Ambiguous`] with the object and the patches that differ.
    fn undisputed(&self, differs: impl Fn(Node<'_, '_>) -> Option<bool>) -> Result<(), Reason> {
        if self.resource.is_patch {
            return Ok(());
        }
        let (kind, name) = (self.resource.kind, self.resource.name.as_str());
        let patches = self.links.patches_of(kind, name, &self.resource.placements).into_iter();
        let other = patches.filter(|patch| self.inventory.node(patch).and_then(&differs) == Some(true));
        let mut sources: Vec<String> =
            other.take(MOST_NAMED).map(|patch| link::describe(self.inventory, patch)).collect();
        if sources.is_empty() {
            return Ok(());
        }
        sources.insert(0, link::describe(self.inventory, self.resource));
        Err(Reason::Ambiguous { sources })
    }

    /// `spec.url` of the object, or of the one that it patches, with the place of that one.
    fn url(&self) -> Result<(String, Option<Location>), Reason> {
        let is_completed = !self.resource.is_patch && self.inventory.is_completed(self.resource);
        if let Some(url) = self.built_text(&["spec", "url"])?.filter(|_| is_completed) {
            return Ok((self.expand(&url)?.into_owned(), None));
        }
        if let Some(url) = self.text_at(&["spec", "url"]) {
            self.undisputed(|patch| Some(patch.text_at(&["spec", "url"])? != url))?;
            return Ok((self.expand(url)?.into_owned(), None));
        }
        let read = |base: &Resource, built: Option<&Effective>| {
            self.inventory.text_of(base, built, &["spec", "url"])
        };
        let (url, base) = self.agreed_by_base(&self.links.urls, None, read)?;
        let url = self.expand_of(base, &url)?.into_owned();
        Ok((url, Some(self.inventory.location(base))))
    }

    /// The text at a path of an object: of one that patches complete as it is built, where it is the same in all its places.
    ///
    /// # Errors
    ///
    /// [`Reason::Ambiguous`] with the patches where it differs; whatever keeps it from being built.
    fn built_text(&self, path: &[&str]) -> Result<Option<String>, Reason> {
        if self.resource.is_patch || !self.inventory.is_completed(self.resource) {
            return Ok(self.text_at(path).map(str::to_owned));
        }
        let mut found: BTreeMap<Option<String>, BTreeSet<Location>> = BTreeMap::new();
        for placement in &self.resource.placements {
            let built = self.inventory.effective(self.resource, placement)?;
            found.entry(built.text_at(path)).or_default().extend(built.patches);
        }
        if found.len() > 1 {
            let patches: BTreeSet<Location> = found.into_values().flatten().collect();
            let patches = patches.into_iter().take(MOST_NAMED - 1).map(|at| format!("the patch at {at}"));
            let own = link::describe(self.inventory, self.resource);
            return Err(Reason::Ambiguous { sources: std::iter::once(own).chain(patches).collect() });
        }
        Ok(found.into_keys().next().flatten())
    }

    /// What the documents of the object, or of all objects that this patch changes, agree on.
    ///
    /// # Errors
    ///
    /// [`Reason::Ambiguous`] with the objects that differ, [`Reason::SourceNotFound`] where none says it.
    fn agreed_by_base<T: Ord + Clone>(
        &self,
        known: &link::Known<'a, T>,
        own: Option<&str>,
        read: impl Fn(&'a Resource, Option<&Effective>) -> Option<T>,
    ) -> Result<(T, &'a Resource), Reason> {
        let kind = self.resource.kind.name();
        let one = |name: &str| {
            let reference = link::Reference { kind, name, namespace: None };
            self.links.agreed(known, self.inventory, (reference, own), &self.resource.placements, &read)
        };
        let Some((first, others)) = self.resource.also.split_first() else { return one(&self.resource.name) };
        let agreed = one(first)?;
        let others = others.iter().map(|name| one(name)).collect::<Result<Vec<_>, _>>()?;
        let mut differing = others.iter().filter(|other| other.0 != agreed.0).take(MOST_NAMED - 1).peekable();
        if differing.peek().is_none() {
            return Ok(agreed);
        }
        let all = std::iter::once(&agreed).chain(differing);
        Err(Reason::Ambiguous { sources: all.map(|(_, at)| link::describe(self.inventory, at)).collect() })
    }

    /// How the Flux that applies the object reads versions: the one of its cluster, else the oldest in the files.
    fn dialect(&self) -> Option<Dialect> {
        self.dialects.of(self.subject())
    }

    /// A finding at a field of the object.
    fn finding(
        &self,
        code: &'static str,
        severity: Severity,
        at: Node<'_, '_>,
        message: String,
    ) -> Diagnostic {
        let file = self.inventory.file_of(self.resource);
        Diagnostic::new(code, severity, self.lines.locate(&file.path, at.span()), message)
    }
}
