//! A pin or a range to image automation: the marker at the field, and the objects that move it.
//!
//! The objects stand in a file of their own beside their neighbours, in the namespace of what reads the repository: an
//! automation that holds the file already, else the GitRepository from which Flux applies it.
//!
//! Source: image-reflector-controller and image-automation-controller, spec pages of ImageRepository, ImagePolicy and
//! ImageUpdateAutomation.

mod listed;
mod objects;

use std::collections::{BTreeMap, BTreeSet};

use listed::New;
use objects::{Field, Style};

use super::draft::widest;
use super::oci::login;
use super::{Converted, Place};
use crate::automate::{self, Automations};
use crate::locate::{Consumer, Part, Site, SourceKey, Spot, Style as Written};
use crate::patch::Edit;
use crate::plan::{Reason, Standing, preferred_quote};
use crate::ranges::Owners;
use crate::ranges::pin::{Pins, Target};
use crate::reference::normalise_repository;
use crate::resolve::select::version_of_tag;
use crate::scan::{Inventory, Kind, Placement, Resource};
use crate::text::{RepoPath, Span};
use crate::version::{Flavour, FluxMinor, Range, Version};
use crate::yaml::{Comments, Node, Quote, parse, split};

/// Fields of a source that an ImageRepository has as well.
const SHARED_FIELDS: &[&str] = &["provider", "insecure", "serviceAccountName"];

/// The component that knows ImageRepository and ImagePolicy; image-automation-controller goes with it.
const CONTROLLER: &str = "image-reflector-controller";

/// How many Kustomizations above each other are looked at.
const DEEPEST: usize = 8;

/// What was made for the sites so far.
pub(super) struct Policies<'a, 'f> {
    inventory: &'a Inventory<'f>,
    owners: Owners<'a, 'f>,
    /// Those that are there.
    automated: Automations,
    /// Fields that have a marker by now, by file and end.
    fields: BTreeMap<(RepoPath, usize), String>,
    /// Where Flux is installed without what these objects are for; told once.
    lacking: Option<RepoPath>,
    /// Names of policies and repositories that are taken.
    names: BTreeSet<String>,
    files: BTreeMap<RepoPath, New>,
    /// Repositories by cluster, namespace and image, those that are there and those that are made.
    repositories: BTreeMap<(Option<String>, String, String), String>,
    /// Policies that are made, by what they say.
    policies: BTreeMap<Says, (RepoPath, String)>,
    /// Names of automations that are taken.
    automations: BTreeSet<String>,
    /// Cluster, namespace and path of the automations that are made.
    made: BTreeSet<(Option<String>, String, String)>,
}

/// What makes a policy of one site good for another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Says {
    cluster: Option<String>,
    namespace: String,
    image: String,
    range: String,
    filter: Option<Filter>,
    has_digest: bool,
}

/// Which tags are looked at, and what of them is the version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Filter {
    pattern: String,
    extract: Option<&'static str>,
}

/// Where the objects go, and what they belong to.
struct Home {
    /// The cluster that the objects are applied in, where the files tell.
    cluster: Option<String>,
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
            let places = resource.placements.iter();
            places.filter_map(move |place| {
                let key = (place.cluster.clone(), place.namespace.clone()?, image?.to_owned());
                Some((key, resource.name.clone()))
            })
        });
        let is_automation = |resource: &&Resource| resource.kind_name == "ImageUpdateAutomation";
        let automations = inventory.resources().iter().filter(is_automation);
        Self {
            inventory,
            owners: Owners::new(inventory),
            automated: Automations::read(inventory),
            lacking: lacking(inventory),
            fields: BTreeMap::new(),
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
        self.is_line_of_its_own(&site.spot)?;
        let text = &standing.resolved;
        let (tag, inner) = text.split_once('@').unwrap_or((text, ""));
        let has_digest = !inner.is_empty() || site.digest.is_some() || site.tag_and_digest().is_some();
        let own_filter = match &site.consumer {
            Consumer::Oci { filter: Some(pattern), .. } => {
                Some(Filter { pattern: pattern.clone(), extract: None })
            }
            _ => None,
        };
        let is_tag = site.part == Part::Tag && own_filter.is_none();
        let flavour = if is_tag { flavour(tag) } else { None };
        let (said, filter) = flavour.map_or((tag, own_filter), |(said, filter)| (said, Some(filter)));
        let version = Version::parse(&said.replace('_', "+"))
            .map_err(|_| requires(format!("a tag that is a version, and `{tag}` is none")))?;
        if filter.is_none() && said.split('.').count() < 3 {
            return Err(requires(format!(
                "a tag of three numbers, which is all that a policy takes for a version, and `{tag}` is none"
            )));
        }
        if site.part == Part::Range && site.spot.raw.is_empty() {
            return Err(requires("a version that is written: `convert --to pin` writes the one that runs"));
        }
        let written = (site.part == Part::Range).then_some(site.spot.value.as_str());
        // A range keeps its own.
        let range = written.or(range).map_or_else(|| widest(&version), str::to_owned);
        let read =
            Range::parse(&range).map_err(|error| requires(format!("a range that can be read: {error}")))?;
        if !read.matches(&version) {
            return Err(requires(format!(
                "a range that fits: {range} does not admit {tag}, which runs; name another"
            )));
        }
        let is_bare_digest = site.tag_and_digest().is_some() || !inner.is_empty();
        let (image, field) = image(&site.spot, repository, is_bare_digest)?;
        let owner = self.owners.of(site).ok_or_else(|| requires("an object that stands in these files"))?;
        let home = self.home(site, owner)?;
        // Where the name is not written, a repository that is there may say it in other words.
        let same = self.repositories.keys().find(|(cluster, namespace, other)| {
            (cluster, namespace) == (&home.cluster, &home.namespace)
                && normalise_repository(other) == *repository
        });
        let image = same.filter(|_| field == ":tag").map_or(image, |(.., other)| other.clone());

        // A range gives way to what it selects, and that gets the marker.
        let mut edits = match site.part {
            Part::Range => {
                let target = Target { resolved: version_of_tag(tag), digest: None };
                pins.pin(site, &target)?.edits
            }
            _ => Vec::new(),
        };
        let (cluster, namespace) = (home.cluster.clone(), home.namespace.clone());
        let says = Says { cluster, namespace, image, range, filter, has_digest };
        let made = self.policies.get(&says).cloned();
        let name = made.as_ref().map_or_else(|| self.name(owner, repository), |(_, name)| name.clone());
        let called = format!("{}:{name}", home.namespace);
        let mut marked = vec![(&site.spot, format!("{called}{field}"))];
        marked.extend(site.digest.as_ref().map(|digest| (digest, format!("{called}:digest"))));
        let comments = marked.iter().map(|(_, setter)| marker(setter)).collect();
        for (spot, setter) in marked {
            edits.push(self.marked(spot, &setter)?);
            let key = (spot.at.path.clone(), spot.at.span.end);
            let first = self.fields.entry(key).or_insert_with(|| setter.clone());
            if *first != setter {
                let wishes = vec![format!("{} -> {first}", spot.at), format!("{} -> {setter}", site.id)];
                return Err(Reason::Disagree { wishes });
            }
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
            kept: false,
            begins: begin,
            // What the policy elects is what has to run as before, or what goes on from there.
            place: Place {
                kind: "ImagePolicy".to_owned(),
                name: name.clone(),
                parent: "spec.policy.semver".to_owned(),
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
        let key = (says.cluster.clone(), says.namespace.clone(), says.image.clone());
        let known = self.repositories.get(&key).cloned();
        let mut documents = Vec::new();
        if known.is_none() {
            documents.push(style.repository(name, &says.image, &self.access(site, owner, home, notes)?));
        }
        documents.push(style.policy(name, &home.labels, known.as_deref().unwrap_or(name), &says));
        let kinds = if known.is_some() { "ImagePolicy" } else { "ImageRepository and ImagePolicy" };
        notes.push(format!("{file}: {kinds} {}/{name}, {}", home.namespace, says.range));
        notes.extend(self.lacking.take().map(|path| {
            format!(
                "{path} installs Flux without {CONTROLLER}: a cluster refuses these objects until it has it"
            )
        }));
        let new = || New { beside: home.beside.clone(), documents: Vec::new() };
        self.files.entry(file.clone()).or_insert_with(new).documents.extend(documents);
        self.repositories.entry(key).or_insert_with(|| name.to_owned());
        self.names.insert(name.to_owned());
        self.policies.insert(says, (file.clone(), name.to_owned()));
        Ok(file)
    }

    /// What the source says of its registry.
    fn access(
        &self,
        site: &Site,
        owner: &Resource,
        home: &Home,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Field>, Reason> {
        let inventory = self.inventory;
        let at = |at: &_| inventory.resources().iter().find(|resource| inventory.location(resource) == *at);
        let source = site.source_at.as_ref().and_then(at).unwrap_or(owner);
        if !matches!(source.kind, Kind::OciRepository | Kind::HelmRepository) {
            return Ok(Vec::new());
        }
        let Some(spec) = inventory.at(source, &["spec"]) else { return Ok(Vec::new()) };
        notes.extend(login(inventory, source)?);
        let shared = SHARED_FIELDS.iter().filter_map(|field| {
            let value = spec.text_at(&[field]).filter(|value| *value != "generic")?;
            Some(Field::Text(field, value.to_owned()))
        });
        let mut out: Vec<Field> = shared.collect();
        let is_elsewhere =
            || source.placements.iter().any(|place| place.namespace.as_ref() != Some(&home.namespace));
        if let Some(account) = spec.text_at(&["serviceAccountName"]).filter(|_| is_elsewhere()) {
            notes.push(format!(
                "ServiceAccount {account} is needed in the namespace {} as well",
                home.namespace
            ));
        }
        for field in ["secretRef", "certSecretRef", "proxySecretRef"] {
            let Some(secret) = spec.get(field).and_then(|node| node.text_at(&["name"])) else { continue };
            out.push(Field::Named(field, secret.to_owned()));
            if is_elsewhere() {
                notes.push(format!("Secret {secret} is needed in the namespace {} as well", home.namespace));
            }
        }
        Ok(out)
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
        let first = path.split_once('/').map_or("", |(first, _)| first);
        // What a cluster alone has is left to the automation of that cluster.
        let own = home.cluster.as_deref().map(|cluster| cluster.trim_start_matches("./").trim_matches('/'));
        let is_below = |folder: &&str| path.strip_prefix(*folder).is_some_and(|rest| rest.starts_with('/'));
        let folder = own.filter(|folder| !folder.is_empty()).filter(is_below).unwrap_or(first);
        let path = format!("./{folder}");
        if !self.made.insert((home.cluster.clone(), home.namespace.clone(), path.clone())) {
            return;
        }
        let with_folder = format!("{git}-{}", folder.replace('/', "-"));
        let name = [git, &with_folder].into_iter().find(|name| !self.automations.contains(*name));
        let name = name.unwrap_or(&with_folder).clone();
        let is_known = branch.is_some();
        let branch = branch.as_deref().unwrap_or("main");
        let document = self.style(home).automation(&name, git, branch, &path);
        notes.push(
            format!(
                "ImageUpdateAutomation {}/{name} for {path} writes to the branch {branch}{}",
                home.namespace,
                if is_known { "" } else { ", since the files name no branch of GitRepository " },
            ) + if is_known { "" } else { git },
        );
        self.automations.insert(name);
        if let Some(new) = self.files.get_mut(file) {
            new.documents.push(document);
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
    fn name(&self, owner: &Resource, repository: &str) -> String {
        let last = called(repository.rsplit('/').next().unwrap_or(repository));
        let own = called(owner.name.rsplit('/').next().unwrap_or_default());
        let both = format!("{own}-{last}");
        // A kustomization is of many images.
        let is_list = matches!(owner.kind, Kind::KustomizationFile | Kind::Kustomization);
        let first = if is_list { last } else { own };
        let mut all = [first, both.clone()].into_iter();
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
        if let Some(covering) = self.automated.covering(site.at.path.as_str(), &site.clusters)? {
            let namespace = covering.place.namespace.clone();
            let namespace = namespace
                .ok_or_else(|| requires("a namespace of the ImageUpdateAutomation, which the files tell"))?;
            let is_there = |resource: &&Resource| {
                let there = |place: &Placement| covering.place.sees(Some(&namespace), place);
                !resource.is_patch && resource.placements.iter().any(there)
            };
            let is_neighbour = |resource: &&Resource| {
                matches!(resource.kind_name.as_str(), "ImagePolicy" | "ImageUpdateAutomation")
                    && is_there(resource)
            };
            let neighbours = inventory.resources().iter().filter(is_neighbour);
            // Policies rather than the automation itself, which stands first.
            let first = neighbours.min_by_key(|resource| resource.kind_name != "ImagePolicy");
            let beside = first.map_or(&site.at.path, |first| &inventory.file_of(first).path).clone();
            let (cluster, labels) = (covering.place.cluster, covering.labels);
            return Ok(Home { cluster, namespace, labels, beside, source: None });
        }
        let above = |resource: &Resource| {
            let appliers =
                resource.applied_by.iter().filter_map(|number| inventory.appliers.get(*number)).flatten();
            let appliers = appliers.filter_map(|index| inventory.resources().get(*index));
            let of_git = |resource: &&'a Resource| {
                let reference = inventory.at(resource, &["spec", "sourceRef"]);
                let kind = reference.and_then(|node| node.text_at(&["kind"]));
                resource.kind == Kind::Kustomization && kind == Some("GitRepository")
            };
            appliers
                .filter(of_git)
                .min_by_key(|resource| (!of_cluster(resource), inventory.location(resource)))
        };
        let Some(applier) = above(owner) else {
            // Nothing in a cluster writes here, and this program may.
            let [namespace] = site.namespaces.as_slice() else {
                return Err(requires("one namespace, which the files tell: the marker names it"));
            };
            let (namespace, beside) = (namespace.clone(), inventory.file_of(owner).path.clone());
            return Ok(Home { cluster: None, namespace, labels: BTreeMap::new(), beside, source: None });
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
        // A kustomization above may set the namespace of all that stands beside the applier: then what applies that, and so on.
        let mut applier = applier;
        for _ in 0..DEEPEST {
            let is_there =
                applier.placements.iter().any(|place| place.namespace.as_ref() == Some(&namespace));
            match above(applier).filter(|above| !is_there && !std::ptr::eq(*above, applier)) {
                Some(above) => applier = above,
                None => break,
            }
        }
        // What `flux bootstrap` writes is its own.
        let path = &inventory.file_of(applier).path;
        let beside = if path.name() == "gotk-sync.yaml" { &inventory.file_of(owner).path } else { path };
        let beside = beside.clone();
        let clusters = applier.placements.iter().filter_map(|place| place.cluster.clone());
        let own = clusters.clone().find(|cluster| site.clusters.contains(cluster));
        let cluster = own.or_else(|| clusters.clone().next());
        Ok(Home { cluster, namespace, labels: BTreeMap::new(), beside, source: Some((name, branch)) })
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
        listed::written(self.inventory, &self.files)
    }

    /// That a comment can stand behind a field: not in a text inside the document, nor in a file that is no YAML.
    fn is_line_of_its_own(&self, spot: &Spot) -> Result<(), Reason> {
        let at = &spot.at;
        let wrong = |what: &str| requires(format!("a field of the document itself, and {at} is {what}"));
        if matches!(spot.style, Written::Word | Written::PlainWord) {
            return Err(wrong("a part of another text"));
        }
        let file = self.inventory.files.iter().find(|file| file.path == at.path);
        let text = file.map(|file| file.text.as_str()).unwrap_or_default();
        let part =
            split(text).into_iter().find(|part| part.start <= at.span.start && at.span.end <= part.end);
        let documents = part.map(|part| parse(text, part, Comments::Skip).0).unwrap_or_default();
        let is_inside = |node: Node<'_, '_>| {
            matches!(node.quote(), Some(Quote::Literal | Quote::Folded))
                && node.span().start <= at.span.start
                && at.span.end <= node.span().end
        };
        if documents.iter().any(|document| document.nodes().any(is_inside)) {
            return Err(wrong("in a text of several lines, where a comment is text as well"));
        }
        Ok(())
    }
}

/// The version in a tag that an ImagePolicy does not read as it is, and the filter that takes it out of such tags.
///
/// `1.27.3-alpine` is a pre-release to a policy, and `16.4` no version at all. What follows the numbers stays as it is. None
/// for a tag that is read as it is, and for one that is no version either way.
///
/// Source: image-reflector-controller `internal/policy/filter.go`; versions have three parts (`fluxcd/pkg/version`).
fn flavour(tag: &str) -> Option<(&str, Filter)> {
    let numbers = tag.strip_prefix('v').unwrap_or(tag);
    let end = numbers.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(numbers.len());
    let (core, suffix) = tag.split_at(tag.len() - numbers.len() + end);
    let is_stage = Flavour::of(tag).is_none_or(|flavour| flavour.is_prerelease());
    let extract = match (core.split('.').count(), suffix.is_empty()) {
        (3, false) => "$version",
        (2, _) => "$version.0",
        _ => return None,
    };
    if is_stage || !(suffix.is_empty() || suffix.starts_with('-')) {
        return None;
    }
    let parts = vec![r"\d+"; core.split('.').count()].join(r"\.");
    let suffix = regex::escape(suffix).replace(r"\-", "-");
    let pattern = format!("^(?P<version>v?{parts}){suffix}$");
    Some((core, Filter { pattern, extract: Some(extract) }))
}

/// What installs Flux without the controllers of image automation; none where the files do not tell, or something has them.
fn lacking(inventory: &Inventory<'_>) -> Option<RepoPath> {
    let manifests = inventory.files.iter().filter(|file| file.path.name() == "gotk-components.yaml");
    let manifests = manifests.map(|file| (&file.path, file.text.contains(CONTROLLER)));
    let instances = inventory.resources().iter().filter_map(|resource| {
        let paths: [&[&str]; 2] = [&["spec", "components"], &["spec", "values", "instance", "components"]];
        let is_instance = resource.kind_name == "FluxInstance" || resource.kind == Kind::HelmRelease;
        let list = paths.into_iter().find_map(|path| inventory.at(resource, path)).filter(|_| is_instance)?;
        Some((&inventory.file_of(resource).path, list.items().any(|item| item.text() == Some(CONTROLLER))))
    });
    let all: Vec<_> = manifests.chain(instances).collect();
    let lacks = all.iter().all(|(_, has)| !has);
    all.first().filter(|_| lacks).map(|(path, _)| (*path).clone())
}

/// A name as Kubernetes takes it.
fn called(text: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = text.chars().map(letter).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "image".to_owned() } else { name.to_owned() }
}

fn marker(setter: &str) -> String {
    format!("{{\"$imagepolicy\": \"{setter}\"}}")
}

/// The image as an ImageRepository names it, and what of it the field holds.
fn image(spot: &Spot, repository: &str, has_digest: bool) -> Result<(String, &'static str), Reason> {
    let frame = &spot.frame;
    let bare = frame.after.is_empty() && frame.lead.is_empty() && frame.trail.is_empty();
    match frame.before.strip_suffix(':') {
        Some(name) if bare && normalise_repository(name) == repository => Ok((name.to_owned(), "")),
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
    let Some(site) = near.find(means) else {
        return Some(requires("a marker that image automation reads, and it does not read this one"));
    };
    let file = converted.beside.as_ref();
    let policies = site.marker.iter().flat_map(|marker| &marker.policies);
    // A file that no kustomization names stays in git.
    if !site.clusters.is_empty()
        && policies.clone().count() > 0
        && policies.clone().all(|one| one.cluster().is_none())
    {
        let shown = file.map(ToString::to_string).unwrap_or_default();
        return Some(requires(format!("a kustomization that names {shown}, and none is found that could")));
    }
    let reason = site.blocked.clone().or(site.source.as_ref().err().cloned())?;
    let is_new = |resource: &&Resource| {
        resource.kind_name == "ImagePolicy" && file == Some(&inventory.file_of(resource).path)
    };
    let made = inventory.resources().iter().find(is_new);
    let other = made.and_then(|made| made.placements.iter().find_map(|place| place.namespace.clone()));
    Some(match (reason, other) {
        (Reason::SourceNotFound { .. }, Some(other)) if !name.starts_with(&format!("{other}/")) => {
            let shown = file.map(ToString::to_string).unwrap_or_default();
            requires(format!(
                "an ImagePolicy {name}, and a kustomization would put {shown} into the namespace {other}"
            ))
        }
        (reason, _) => reason,
    })
}
