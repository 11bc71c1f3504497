//! A pin or a range to image automation: the marker at the field, and the objects that move it.
//!
//! The objects stand in a file of their own beside their neighbours, in the namespace of what reads the repository: an
//! automation that holds the file already, else the GitRepository from which Flux applies it.
//!
//! Source: image-reflector-controller and image-automation-controller, spec pages of ImageRepository, ImagePolicy and
//! ImageUpdateAutomation.

mod objects;

use std::collections::{BTreeMap, BTreeSet};

use objects::{Field, Style};

use super::draft::{place, widest};
use super::{Converted, Place};
use crate::automate;
use crate::locate::{Consumer, Part, Site, SourceKey, Spot};
use crate::patch::Edit;
use crate::plan::{Reason, Standing, preferred_quote};
use crate::ranges::Owners;
use crate::ranges::pin::{Pins, Target};
use crate::resolve::select::version_of_tag;
use crate::scan::{Inventory, Kind, Resource};
use crate::text::{Lines, RepoPath, Span, join};
use crate::version::{FluxMinor, Range, Version};

/// Fields of a source that an ImageRepository has as well.
const SHARED_FIELDS: &[&str] = &["provider", "insecure"];

/// What was made for the sites so far.
pub(super) struct Policies<'a, 'f> {
    inventory: &'a Inventory<'f>,
    owners: Owners<'a, 'f>,
    /// Names of policies and repositories that are taken.
    names: BTreeSet<String>,
    /// New files: the file that each stands beside, and its documents.
    files: BTreeMap<RepoPath, (RepoPath, Vec<Vec<String>>)>,
    /// Repositories by namespace and image, those that are there and those that are made.
    repositories: BTreeMap<(String, String), String>,
    /// Policies that are made, by what they say.
    policies: BTreeMap<Says, (RepoPath, String)>,
    /// Names of automations that are taken.
    automations: BTreeSet<String>,
    /// Namespace and path of the automations that are made.
    made: BTreeSet<(String, String)>,
}

/// What makes a policy of one site good for another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Says {
    namespace: String,
    image: String,
    range: String,
    filter: Option<String>,
    has_digest: bool,
}

/// Where the objects go, and what they belong to.
struct Home {
    namespace: String,
    /// Labels that an automation selects.
    labels: BTreeMap<String, String>,
    /// The file that the new one stands beside.
    beside: RepoPath,
    /// What reads the repository, where no automation does it yet: the GitRepository's name and branch.
    source: Option<(String, Option<String>)>,
}

/// Whether a site is a tag or a version in an OCI registry, and no policy moves it yet.
pub(super) fn applies(site: &Site) -> Result<(), Reason> {
    let in_registry = matches!(site.consumer, Consumer::Oci { .. } | Consumer::HelmOci | Consumer::Image);
    match site.part {
        _ if site.marker.is_some() => Err(Reason::UpToDate),
        Part::Tag | Part::Version | Part::Range if in_registry => Ok(()),
        _ => Err(requires("a tag of an OCI registry, which is all that image policies elect")),
    }
}

fn requires(detail: impl Into<String>) -> Reason {
    Reason::Requires { detail: detail.into() }
}

impl<'a, 'f> Policies<'a, 'f> {
    pub(super) fn new(inventory: &'a Inventory<'f>) -> Self {
        let is_own =
            |resource: &&Resource| matches!(resource.kind_name.as_str(), "ImagePolicy" | "ImageRepository");
        let own = || inventory.resources().iter().filter(is_own);
        let scanned = own().filter(|resource| resource.kind_name == "ImageRepository" && !resource.is_patch);
        let repositories = scanned.flat_map(|resource| {
            let image = inventory.at(resource, &["spec"]).and_then(|spec| spec.text_at(&["image"]));
            let namespaces = resource.placements.iter().filter_map(|place| place.namespace.clone());
            namespaces
                .filter_map(move |namespace| Some(((namespace, image?.to_owned()), resource.name.clone())))
        });
        let is_automation = |resource: &&Resource| resource.kind_name == "ImageUpdateAutomation";
        let automations = inventory.resources().iter().filter(is_automation);
        Self {
            inventory,
            owners: Owners::new(inventory),
            names: own().map(|resource| resource.name.clone()).collect(),
            files: BTreeMap::new(),
            repositories: repositories.collect(),
            automations: automations.map(|resource| resource.name.clone()).collect(),
            policies: BTreeMap::new(),
            made: BTreeSet::new(),
        }
    }

    /// A site with its marker.
    pub(super) fn convert(
        &mut self,
        pins: &Pins<'_, '_>,
        site: &Site,
        standing: &Standing,
        (range, begin): (Option<&str>, bool),
    ) -> Result<Converted, Reason> {
        if let Some(ignore) = &site.ignore {
            return Err(Reason::Ignored { by: format!("a comment at {}", ignore.at) });
        }
        if site.variable.is_some() {
            return Err(requires("a tag that is written here and not in a variable"));
        }
        let Ok(SourceKey::Oci { repository }) = &site.source else {
            return Err(requires("a source in an OCI registry"));
        };
        let text = &standing.resolved;
        let (tag, inner) =
            text.split_once('@').map_or((text.as_str(), None), |(tag, digest)| (tag, Some(digest)));
        let version = Version::parse(&tag.replace('_', "+"))
            .map_err(|_| requires(format!("a tag that is a version, and `{tag}` is none")))?;
        let written = (site.part == Part::Range).then_some(site.spot.value.as_str());
        // A range keeps its own.
        let range = written.or(range).map_or_else(|| widest(&version), str::to_owned);
        let read =
            Range::parse(&range).map_err(|error| requires(format!("a range that can be read: {error}")))?;
        if !read.matches(&version) {
            return Err(requires(format!("a range that fits: {range} does not admit {tag}, which runs")));
        }
        let (image, field) = image(&site.spot, repository, inner.is_some())?;
        let owner = self.owners.of(site).ok_or_else(|| requires("an object that stands in these files"))?;
        let home = self.home(site, owner)?;

        // A range gives way to what it selects, and that gets the marker.
        let (mut edits, part) = match site.part {
            Part::Range => {
                let target = Target { resolved: version_of_tag(tag), digest: None };
                let pinned = pins.pin(site, &target)?;
                (pinned.edits, pinned.field)
            }
            _ => (Vec::new(), site.field.clone()),
        };
        let has_digest = site.digest.is_some() || inner.is_some();
        let filter = match &site.consumer {
            Consumer::Oci { filter, .. } => filter.clone(),
            _ => None,
        };
        let says = Says { namespace: home.namespace.clone(), image, range, filter, has_digest };
        let made = self.policies.get(&says).cloned();
        let name = made.as_ref().map_or_else(|| self.name(&owner.name, repository), |(_, name)| name.clone());
        let called = format!("{}:{name}", home.namespace);
        let mut marked = vec![(&site.spot, format!("{called}{field}"))];
        marked.extend(site.digest.as_ref().map(|digest| (digest, format!("{called}:digest"))));
        let comments = marked.iter().map(|(_, setter)| marker(setter)).collect();
        for (spot, setter) in marked {
            edits.push(self.marked(spot, &setter)?);
        }
        edits.sort();
        let mut notes = Vec::new();
        let file = match made {
            Some((file, _)) => {
                notes.push(format!("{file}: the same ImagePolicy {}/{name}, {}", home.namespace, says.range));
                file
            }
            None => self.make(&name, says, (site, owner), &home, &mut notes)?,
        };
        self.automate(site, &home, &file, &mut notes);
        Ok(Converted {
            to: format!("ImagePolicy {}/{name}", home.namespace),
            edits,
            notes,
            other_digest: false,
            kept: begin && site.part != Part::Range,
            // What the policy elects is what has to run as before.
            place: match begin {
                true => place(site, &part),
                false => Place {
                    kind: "ImagePolicy".to_owned(),
                    name: name.clone(),
                    parent: "spec.policy.semver".to_owned(),
                },
            },
            comments,
            gone: Vec::new(),
            beside: Some(file),
            after: None,
        })
    }

    /// The objects of a policy that is not there yet, and the file they go to.
    fn make(
        &mut self,
        name: &str,
        says: Says,
        (site, owner): (&Site, &Resource),
        home: &Home,
        notes: &mut Vec<String>,
    ) -> Result<RepoPath, Reason> {
        let file = self.file(home.beside.folder(), name)?;
        let style = self.style(home);
        let key = (says.namespace.clone(), says.image.clone());
        let known = self.repositories.get(&key).cloned();
        let mut documents = Vec::new();
        if known.is_none() {
            documents.push(style.repository(name, &says.image, &self.access(site, owner, home, notes)));
        }
        documents.push(style.policy(name, &home.labels, known.as_deref().unwrap_or(name), &says));
        let kinds = if known.is_some() { "ImagePolicy" } else { "ImageRepository and ImagePolicy" };
        notes.push(format!("{file}: {kinds} {}/{name}, {}", home.namespace, says.range));
        let beside = || (home.beside.clone(), Vec::new());
        self.files.entry(file.clone()).or_insert_with(beside).1.extend(documents);
        self.repositories.entry(key).or_insert_with(|| name.to_owned());
        self.names.insert(name.to_owned());
        self.policies.insert(says, (file.clone(), name.to_owned()));
        Ok(file)
    }

    /// What the source says of its registry.
    fn access(&self, site: &Site, owner: &Resource, home: &Home, notes: &mut Vec<String>) -> Vec<Field> {
        let inventory = self.inventory;
        let at = |at: &_| inventory.resources().iter().find(|resource| inventory.location(resource) == *at);
        let source = site.source_at.as_ref().and_then(at).unwrap_or(owner);
        if !matches!(source.kind, Kind::OciRepository | Kind::HelmRepository) {
            return Vec::new();
        }
        let Some(spec) = inventory.at(source, &["spec"]) else { return Vec::new() };
        let shared = SHARED_FIELDS.iter().filter_map(|field| {
            let value = spec.text_at(&[field]).filter(|value| *value != "generic")?;
            Some(Field::Text(field, value.to_owned()))
        });
        let mut out: Vec<Field> = shared.collect();
        for field in ["secretRef", "certSecretRef"] {
            let Some(secret) = spec.get(field).and_then(|node| node.text_at(&["name"])) else { continue };
            out.push(Field::Named(field, secret.to_owned()));
            if source.placements.iter().any(|place| place.namespace.as_ref() != Some(&home.namespace)) {
                notes.push(format!("Secret {secret} is needed in the namespace {} as well", home.namespace));
            }
        }
        out
    }

    /// An automation for what the site is in, unless there is one.
    fn automate(&mut self, site: &Site, home: &Home, file: &RepoPath, notes: &mut Vec<String>) {
        let Some((git, branch)) = &home.source else {
            if home.labels.is_empty() && self.automations.is_empty() {
                notes.push(
                    "no ImageUpdateAutomation is here: `flux-upgrade automate` writes what is elected"
                        .to_owned(),
                );
            }
            return;
        };
        let path = site.at.path.as_str();
        let path = path.split_once('/').map_or("./".to_owned(), |(first, _)| format!("./{first}"));
        if !self.made.insert((home.namespace.clone(), path.clone())) {
            return;
        }
        let folder = path.trim_start_matches("./");
        let with_folder = format!("{git}-{folder}");
        let name = [git, &with_folder].into_iter().find(|name| !self.automations.contains(*name));
        let name = name.unwrap_or(&with_folder).clone();
        let branch = branch.as_deref().unwrap_or("main");
        let document = self.style(home).automation(&name, git, branch, &path);
        notes.push(format!(
            "ImageUpdateAutomation {}/{name} for {path} writes to the branch {branch}",
            home.namespace
        ));
        self.automations.insert(name);
        if let Some((_, documents)) = self.files.get_mut(file) {
            documents.push(document);
        }
    }

    fn style<'h>(&self, home: &'h Home) -> Style<'h> {
        let model = self.inventory.files.iter().find(|file| file.path == home.beside);
        let quote = preferred_quote(model.map(|file| file.text.as_str()).unwrap_or_default());
        Style { api_version: self.api_version(), namespace: &home.namespace, quote }
    }

    /// The comment behind a field.
    fn marked(&self, spot: &Spot, setter: &str) -> Result<Edit, Reason> {
        let file = self.inventory.files.iter().find(|file| file.path == spot.at.path);
        let text = file.map(|file| file.text.as_str()).unwrap_or_default();
        let end = spot.at.span.end;
        let rest = text.get(end..).unwrap_or_default();
        let rest = rest.split(['\n', '\r']).next().unwrap_or_default();
        if !rest.trim().is_empty() || spot.raw.contains(['\n', '\r']) {
            return Err(requires(format!(
                "a line at {} that ends with the field: a marker is a comment of its own, and `{}` stands there",
                spot.at,
                rest.trim()
            )));
        }
        let replace = format!(" # {}", marker(setter));
        Ok(Edit { path: spot.at.path.clone(), span: Span::new(end, end), expect: String::new(), replace })
    }

    /// A name that no policy has.
    fn name(&self, owner: &str, repository: &str) -> String {
        let last = repository.rsplit('/').next().unwrap_or(repository);
        let both = format!("{owner}-{last}");
        let mut all = [owner.to_owned(), both.clone()].into_iter();
        let number = |number: usize| format!("{both}-{number}");
        all.find(|name| !self.names.contains(name))
            .or_else(|| (2..).map(number).find(|name| !self.names.contains(name)))
            .unwrap_or(both)
    }

    /// A file that is not there yet.
    fn file(&self, folder: &str, name: &str) -> Result<RepoPath, Reason> {
        let paths = ["", "-2", "-3", "-4"].map(|number| format!("{folder}/{name}-image{number}.yaml"));
        let paths = paths.iter().filter_map(|path| RepoPath::parse(path.trim_start_matches('/')));
        let is_free = |path: &RepoPath| self.inventory.files.iter().all(|file| file.path != *path);
        let mut free = paths.filter(is_free);
        free.next().ok_or_else(|| requires(format!("a free name for a file in `{folder}`")))
    }

    fn home(&self, site: &Site, owner: &'a Resource) -> Result<Home, Reason> {
        let inventory = self.inventory;
        let of_cluster = |resource: &Resource| {
            site.clusters.first().is_none_or(|cluster| {
                resource
                    .placements
                    .iter()
                    .any(|place| place.cluster.as_ref().is_none_or(|own| own == cluster))
            })
        };
        if let Some((namespace, labels)) = automate::covering(inventory, site.at.path.as_str()) {
            let is_neighbour = |resource: &&Resource| {
                matches!(resource.kind_name.as_str(), "ImagePolicy" | "ImageUpdateAutomation")
                    && !resource.is_patch
                    && resource.placements.iter().any(|place| place.namespace.as_ref() == Some(&namespace))
            };
            let mut neighbours: Vec<_> = inventory.resources().iter().filter(is_neighbour).collect();
            // Policies rather than the automation itself, which stands first.
            neighbours.sort_by_key(|resource| (resource.kind_name != "ImagePolicy", !of_cluster(resource)));
            let beside =
                neighbours.first().map_or(&site.at.path, |first| &inventory.file_of(first).path).clone();
            return Ok(Home { namespace, labels, beside, source: None });
        }
        let appliers = owner.applied_by.iter().filter_map(|number| inventory.appliers.get(*number)).flatten();
        let appliers = appliers.filter_map(|index| inventory.resources().get(*index));
        let of_git = |resource: &&Resource| {
            let kind =
                inventory.at(resource, &["spec", "sourceRef"]).and_then(|node| node.text_at(&["kind"]));
            resource.kind == Kind::Kustomization && kind == Some("GitRepository")
        };
        let mut found: Vec<&Resource> = appliers.filter(of_git).collect();
        found.sort_by_key(|resource| (!of_cluster(resource), inventory.location(resource)));
        let Some(applier) = found.first().copied() else {
            // Nothing in a cluster writes here, and this program may.
            let [namespace] = site.namespaces.as_slice() else {
                return Err(requires("one namespace, which the files tell: the marker names it"));
            };
            let (namespace, beside) = (namespace.clone(), inventory.file_of(owner).path.clone());
            return Ok(Home { namespace, labels: BTreeMap::new(), beside, source: None });
        };
        let reference = inventory.at(applier, &["spec", "sourceRef"]);
        let name = reference.and_then(|node| node.text_at(&["name"])).unwrap_or_default().to_owned();
        let placed = applier.placements.iter().find_map(|place| place.namespace.clone());
        let namespace = reference
            .and_then(|node| node.text_at(&["namespace"]).map(str::to_owned))
            .or(placed)
            .ok_or_else(|| {
                requires(format!("a namespace of Kustomization {} that is known", applier.name))
            })?;
        let of_source = |resource: &&Resource| {
            resource.kind == Kind::GitRepository
                && resource.name == name
                && !resource.is_patch
                && of_cluster(resource)
        };
        let source = inventory.resources().iter().find(of_source);
        let branch = source.and_then(|source| inventory.at(source, &["spec", "ref"]));
        let branch = branch.and_then(|node| node.text_at(&["branch"]).map(str::to_owned));
        // What `flux bootstrap` writes is its own.
        let path = &inventory.file_of(applier).path;
        let beside = if path.name() == "gotk-sync.yaml" { &inventory.file_of(owner).path } else { path };
        let beside = beside.clone();
        Ok(Home { namespace, labels: BTreeMap::new(), beside, source: Some((name, branch)) })
    }

    /// The version of the API: as other objects of it have it, else `v1` unless Flux is too old for that.
    ///
    /// Source: image.toolkit.fluxcd.io is served as `v1` from Flux 2.7 on.
    fn api_version(&self) -> String {
        let group = "image.toolkit.fluxcd.io/";
        let own = self.inventory.resources().iter().filter(|resource| !resource.is_patch);
        let own = own.map(|resource| resource.api_version.as_str()).filter(|api| api.starts_with(group));
        let old = self.inventory.flux.iter().any(|(_, version)| {
            let minor = version.parse::<FluxMinor>();
            minor.is_ok_and(|minor| "2.7".parse::<FluxMinor>().is_ok_and(|first| minor < first))
        });
        own.max().map_or_else(|| format!("{group}{}", if old { "v1beta2" } else { "v1" }), str::to_owned)
    }

    /// The new files, and the lines that name them in kustomizations.
    pub(super) fn written(&self) -> Vec<Edit> {
        let mut edits = Vec::new();
        for (path, (beside, documents)) in &self.files {
            let model = self.inventory.files.iter().find(|file| file.path == *beside);
            let model = model.map(|file| file.text.as_str()).unwrap_or_default();
            let end = Lines::new(model).line_end();
            let lead =
                if model.trim_start().starts_with("---") { format!("---{end}") } else { String::new() };
            let documents: Vec<String> = documents.iter().map(|lines| lines.join(end) + end).collect();
            edits.push(Edit {
                path: path.clone(),
                span: Span::new(0, 0),
                expect: String::new(),
                replace: lead + &documents.join(&format!("---{end}")),
            });
            edits.extend(self.listed(path, beside));
        }
        edits
    }

    /// The new file behind its neighbour, wherever a kustomization names that.
    fn listed(&self, path: &RepoPath, beside: &RepoPath) -> Vec<Edit> {
        let mut edits = Vec::new();
        for resource in self.inventory.resources() {
            if resource.kind != Kind::KustomizationFile {
                continue;
            }
            let file = self.inventory.file_of(resource);
            let Some(list) = self.inventory.at(resource, &["resources"]).filter(|list| !list.is_flow())
            else {
                continue;
            };
            for item in list.items() {
                let Some(name) = item.text() else { continue };
                if join(file.path.folder(), name).as_deref() != Some(beside.as_str()) {
                    continue;
                }
                let text = file.text.as_str();
                let start = text[..item.span().start].rfind('\n').map_or(0, |at| at + 1);
                let line_end =
                    text[item.span().end..].find(['\n', '\r']).map_or(text.len(), |at| item.span().end + at);
                let Some(indent) = text.get(start..item.span().start).filter(|lead| lead.trim() == "-")
                else {
                    continue;
                };
                let own = name.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
                let end = Lines::new(text).line_end();
                edits.push(Edit {
                    path: file.path.clone(),
                    span: Span::new(line_end, line_end),
                    expect: String::new(),
                    replace: format!("{end}{indent}{own}{}", path.name()),
                });
            }
        }
        edits
    }
}

fn marker(setter: &str) -> String {
    format!("{{\"$imagepolicy\": \"{setter}\"}}")
}

/// The image as an ImageRepository names it, and what of it the field holds.
fn image(spot: &Spot, repository: &str, has_digest: bool) -> Result<(String, &'static str), Reason> {
    let frame = &spot.frame;
    let bare = frame.after.is_empty() && frame.lead.is_empty() && frame.trail.is_empty();
    match frame.before.strip_suffix(':') {
        Some(name) if bare && !name.is_empty() => Ok((name.to_owned(), "")),
        None if bare && frame.before.is_empty() && has_digest => {
            Err(requires("a digest in a field of its own: a marker writes a tag without it"))
        }
        None if bare && frame.before.is_empty() => Ok((repository.to_owned(), ":tag")),
        _ => {
            Err(requires(format!("a field that holds a tag or a whole image, and `{}` is neither", spot.raw)))
        }
    }
}

/// Why the marked field would not be moved, read as image automation reads it; none where it would.
pub(super) fn unread(inventory: &Inventory<'_>, converted: &Converted) -> Option<Reason> {
    let own = converted.edits.first()?;
    let marked = automate::sites(inventory);
    let mut near = marked.iter().filter(|site| site.at.path == own.path && site.marker.is_some());
    let name = converted.to.strip_prefix("ImagePolicy ").unwrap_or_default();
    let means = |site: &&Site| {
        site.marker
            .as_ref()
            .is_some_and(|marker| format!("{}/{}", marker.setter.namespace, marker.setter.policy) == name)
    };
    match near.find(means) {
        None => Some(requires("a marker that image automation reads, and it does not read this one")),
        Some(site) => site.blocked.clone().or(site.source.as_ref().err().cloned()),
    }
}
