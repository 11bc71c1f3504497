//! Terraform and OpenTofu: the resource that bootstraps Flux, its provider, releases of its charts, modules.
//!
//! Source: documentation of the provider fluxcd/flux, resource `flux_bootstrap_git`; of hashicorp/helm, `helm_release`.

use std::collections::BTreeMap;

use super::field::ignored;
use super::helm::published;
use super::oci::range_or_version;
use super::tools::is_commit;
use super::{Consumer, Frame, Owner, Part, Site, SourceKey, Spot, Style};
use crate::flux::Recovered;
use crate::hcl::{Attribute, Block, Value};
use crate::plan::Reason;
use crate::scan::Inventory;
use crate::text::{Location, RepoPath, Span, join};
use crate::version::{Constraint, Version};

/// Where the provider of Flux is published: Terraform's registry takes it from the tags there.
const PROVIDER: &str = "https://github.com/fluxcd/terraform-provider-flux";

/// Charts that install Flux.
const CHARTS: &[&str] = &["flux2", "flux-operator", "flux-instance"];

/// Owners of modules that install Flux.
const OWNERS: &[&str] = &["fluxcd", "controlplaneio-fluxcd"];

/// A variable is followed through this many others.
const DEEPEST: usize = 8;

/// What the files of Terraform say.
pub(super) struct Terraform<'a, 'f> {
    inventory: &'a Inventory<'f>,
    /// `var.NAME` and `local.NAME` by the folder of the module.
    definitions: BTreeMap<(&'a str, Name<'a>), Vec<(usize, &'a Attribute)>>,
}

/// What a variable is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Name<'a> {
    Variable(&'a str),
    Local(&'a str),
}

/// What is known of a version.
struct Draft<'d> {
    owner: Owner,
    field: &'d str,
    consumer: Consumer,
    source: Result<SourceKey, Reason>,
    source_url: Option<String>,
}

impl<'a, 'f> Terraform<'a, 'f> {
    pub(super) fn new(inventory: &'a Inventory<'f>) -> Self {
        let mut definitions: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (file, top) in &inventory.terraform {
            let path = &inventory.files[*file].path;
            let folder = path.folder();
            if path.name().ends_with(".tfvars") {
                for value in top.attributes.iter().filter(|value| value.path.len() == 1) {
                    let name = Name::Variable(&value.path[0]);
                    definitions.entry((folder, name)).or_default().push((*file, value));
                }
            }
            for block in &top.blocks {
                match block.words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                    ["variable", name] => {
                        let default = block.at(&["default"]).map(|value| (*file, value));
                        definitions.entry((folder, Name::Variable(name))).or_default().extend(default);
                    }
                    ["locals"] => {
                        for value in block.attributes.iter().filter(|value| value.path.len() == 1) {
                            let name = Name::Local(&value.path[0]);
                            definitions.entry((folder, name)).or_default().push((*file, value));
                        }
                    }
                    _ => {}
                }
            }
        }
        let mut all = Self { inventory, definitions };
        all.take_arguments();
        all
    }

    /// What a module is called with counts as its variables, where it is a folder here.
    fn take_arguments(&mut self) {
        for (file, top) in &self.inventory.terraform {
            let folder = self.inventory.files[*file].path.folder();
            for block in top.blocks.iter().filter(|block| block.is(&["module"])) {
                let source = block.text(&["source"]).filter(|source| source.starts_with('.'));
                let Some(target) = source.and_then(|source| join(folder, source)) else { continue };
                for value in block.attributes.iter().filter(|value| value.path.len() == 1) {
                    let known = self.definitions.iter_mut().find(|((folder, name), _)| {
                        *folder == target && *name == Name::Variable(&value.path[0])
                    });
                    if let Some((_, values)) = known {
                        values.push((*file, value));
                    }
                }
            }
        }
    }

    /// The sites of all files.
    pub(super) fn sites(&self, sites: &mut Vec<Site>) {
        for (file, top) in &self.inventory.terraform {
            for block in top.all() {
                match block.words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                    ["resource", kind @ "flux_bootstrap_git", name]
                    | ["data", kind @ "flux_install", name] => {
                        self.bootstrap(*file, block, &format!("{kind}.{name}"), sites);
                    }
                    ["resource", "helm_release", name] => self.release(*file, block, name, sites),
                    ["module", name] => self.module(*file, block, name, sites),
                    ["required_providers"] => self.providers(*file, block, sites),
                    _ => {}
                }
            }
        }
    }

    /// `version` of the resource that bootstraps Flux: an exact version with its `v`, or `latest`.
    fn bootstrap(&self, file: usize, block: &'a Block, name: &str, sites: &mut Vec<Site>) {
        let Some(version) = block.at(&["version"]) else { return };
        let draft = Draft {
            owner: owner("resource", name),
            field: "version",
            consumer: Consumer::Flux,
            source: Ok(SourceKey::Flux),
            source_url: None,
        };
        let embedded =
            block.at(&["embedded_manifests"]).map(|value| &value.value) == Some(&Value::Bool(true));
        let from = sites.len();
        self.take(file, version, &draft, |_| Part::Version, sites);
        for site in sites[from..].iter_mut().filter(|_| embedded) {
            let detail = "with `embedded_manifests` the provider's own version counts".to_owned();
            site.blocked.get_or_insert(Reason::SourceUnsupported { detail });
        }
    }

    /// `required_providers`: the provider of Flux, by a constraint of Terraform.
    fn providers(&self, file: usize, block: &'a Block, sites: &mut Vec<Site>) {
        for entry in block.attributes.iter().filter(|entry| entry.path.len() == 1) {
            let name = entry.path[0].as_str();
            let source = block.text(&[name, "source"]).unwrap_or_default().to_ascii_lowercase();
            let is_flux = source.rsplit_once("fluxcd/flux");
            let registry =
                |host: &str| host.is_empty() || host.ends_with('/') && host.matches('/').count() == 1;
            if !is_flux.is_some_and(|(host, rest)| rest.is_empty() && registry(host)) {
                continue;
            }
            let Some(version) = block.at(&[name, "version"]) else { continue };
            let field = format!("required_providers.{name}.version");
            let draft = Draft {
                owner: owner("terraform", name),
                field: &field,
                consumer: Consumer::Terraform,
                source: Ok(SourceKey::Git { url: PROVIDER.to_owned() }),
                source_url: Some(PROVIDER.to_owned()),
            };
            self.take(file, version, &draft, constraint, sites);
        }
    }

    /// A release of a chart that installs Flux, and the version of Flux among its values.
    fn release(&self, file: usize, block: &'a Block, name: &str, sites: &mut Vec<Site>) {
        let text = |key: &str| self.one_text(file, block.at(&[key])?);
        let Some(chart) = text("chart") else { return };
        let (repository, chart) = match (text("repository"), chart.rsplit_once('/')) {
            (None, Some((repository, chart))) if repository.starts_with("oci://") => {
                (Some(repository.to_owned()), chart.to_owned())
            }
            (repository, _) => (repository, chart.clone()),
        };
        if !CHARTS.contains(&chart.as_str()) {
            return;
        }
        let release = format!("helm_release.{name}");
        if let (Some(version), Some(url)) = (block.at(&["version"]), repository) {
            let (source, consumer, url) = match published(&url, &chart, url.starts_with("oci://")) {
                Ok((key, consumer, _, url)) => (Ok(key), consumer, Some(url)),
                Err(reason) => (Err(reason), Consumer::HelmIndex, None),
            };
            let draft = Draft {
                owner: owner("resource", &release),
                field: "version",
                consumer,
                source,
                source_url: url,
            };
            let part =
                |text: &str| if Version::parse_flux(text).is_err() { Part::Range } else { Part::Version };
            self.take(file, version, &draft, part, sites);
        }
        // Both forms of the provider: blocks `set { … }`, and the list `set = [{ … }]`.
        let name_of = |entry: &Attribute| match &entry.value {
            Value::Text(text) => text == "instance.distribution.version",
            _ => false,
        };
        let in_blocks = block.blocks.iter().filter(|inner| inner.is(&["set"]));
        let in_blocks = in_blocks
            .filter(|set| set.at(&["name"]).is_some_and(name_of))
            .filter_map(|set| set.at(&["value"]));
        let named = block.attributes.iter().filter(|entry| {
            matches!(entry.path.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), ["set", _, "name"])
                && name_of(entry)
        });
        let in_list = named.filter_map(|entry| block.at(&["set", &entry.path[1], "value"]));
        for value in in_blocks.chain(in_list) {
            let draft = Draft {
                owner: owner("resource", &release),
                field: "set instance.distribution.version",
                consumer: Consumer::Flux,
                source: Ok(SourceKey::Flux),
                source_url: None,
            };
            self.take(file, value, &draft, range_or_version, sites);
        }
    }

    /// A module of Flux's makers, from Terraform's registry or from git.
    fn module(&self, file: usize, block: &'a Block, name: &str, sites: &mut Vec<Site>) {
        let Some(at) = block.at(&["source"]) else { return };
        let Value::Text(source) = &at.value else { return };
        let git = |url: String| (Ok(SourceKey::Git { url: url.clone() }), Some(url));
        if let (Some(version), [namespace, module, provider]) =
            (block.at(&["version"]), source.split('/').collect::<Vec<_>>().as_slice())
        {
            if OWNERS.contains(namespace) {
                let (source, source_url) =
                    git(format!("https://github.com/{namespace}/terraform-{provider}-{module}"));
                let (owner, consumer) = (owner("module", name), Consumer::Terraform);
                let draft = Draft { owner, field: "version", consumer, source, source_url };
                self.take(file, version, &draft, constraint, sites);
            }
            return;
        }
        let Some((address, reference)) = source.split_once("?ref=") else { return };
        let repository = address.trim_start_matches("git::").trim_start_matches("https://");
        let mut parts = repository.split('/');
        let (Some("github.com"), Some(namespace), Some(repository)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return;
        };
        if !OWNERS.contains(&namespace) {
            return;
        }
        let (source, source_url) =
            git(format!("https://github.com/{namespace}/{}", repository.trim_end_matches(".git")));
        let (owner, consumer) = (owner("module", name), Consumer::Git);
        let draft = Draft { owner, field: "source", consumer, source, source_url };
        let end = reference.find('&').unwrap_or(reference.len());
        let start = address.len() + "?ref=".len();
        let part = if is_commit(&reference[..end]) { Part::Commit } else { Part::Tag };
        sites.push(self.site(&draft, (file, at), (file, at), start..start + end, (part, None)));
    }

    /// The sites of a version: where it stands, or where its variable is defined.
    fn take(
        &self,
        file: usize,
        version: &'a Attribute,
        draft: &Draft<'_>,
        part: impl Fn(&str) -> Part,
        sites: &mut Vec<Site>,
    ) {
        let variable = match &version.value {
            Value::Variable(name) => Some(format!("var.{name}")),
            Value::Local(name) => Some(format!("local.{name}")),
            _ => None,
        };
        let literals = self.literals(file, version, DEEPEST);
        for (holder, literal) in &literals {
            let Value::Text(text) = &literal.value else { continue };
            let part = if text == "latest" { Part::Tag } else { part(text) };
            // The operator of `= 1.4.0` stays.
            let operator = match (part, &draft.consumer) {
                (Part::Version, Consumer::Terraform) => {
                    text.len() - text.trim_start_matches(['=', ' ']).len()
                }
                _ => 0,
            };
            let what = (part, variable.clone());
            sites.push(self.site(draft, (file, version), (*holder, literal), operator..text.len(), what));
        }
        if literals.is_empty() {
            let blocked = match variable {
                Some(variable) => Reason::Substituted { variable },
                None => Reason::Templated,
            };
            let site = self.site(draft, (file, version), (file, version), 0..0, (Part::Version, None));
            sites.push(Site { blocked: Some(blocked), ..site });
        }
    }

    /// The strings that a value comes to.
    fn literals(&self, file: usize, value: &'a Attribute, left: usize) -> Vec<(usize, &'a Attribute)> {
        let name = match &value.value {
            Value::Text(_) => return vec![(file, value)],
            Value::Variable(name) => Name::Variable(name),
            Value::Local(name) => Name::Local(name),
            Value::Bool(_) | Value::Other => return Vec::new(),
        };
        let folder = self.inventory.files[file].path.folder();
        let Some(left) = left.checked_sub(1) else { return Vec::new() };
        let found = self.definitions.get(&(folder, name)).into_iter().flatten();
        found.flat_map(|(file, value)| self.literals(*file, value, left)).collect()
    }

    /// The one string that a value comes to.
    fn one_text(&self, file: usize, value: &'a Attribute) -> Option<String> {
        let all = self.literals(file, value, DEEPEST);
        let mut texts = all.iter().filter_map(|(_, literal)| match &literal.value {
            Value::Text(text) => Some(text),
            _ => None,
        });
        let first = texts.next()?;
        texts.all(|text| text == first).then(|| first.clone())
    }

    fn site(
        &self,
        draft: &Draft<'_>,
        (file, field): (usize, &Attribute),
        (holder, literal): (usize, &Attribute),
        moving: std::ops::Range<usize>,
        (part, variable): (Part, Option<String>),
    ) -> Site {
        let at = self.location(file, field.span);
        let raw = literal.span.of(&self.inventory.files[holder].text);
        let (text, moving) = match &literal.value {
            Value::Text(text) => (text.as_str(), moving),
            // What is no string is shown as it is written.
            _ => (raw, 0..raw.len()),
        };
        let spot = Spot {
            at: self.location(holder, literal.span),
            raw: raw.to_owned(),
            value: text[moving.clone()].to_owned(),
            style: Style::Double,
            frame: Frame {
                before: text[..moving.start].to_owned(),
                after: text[moving.end..].to_owned(),
                ..Frame::default()
            },
        };
        // What is written with escapes is no version that anybody reads.
        let plain = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) == Some(text);
        let blocked = (!plain).then_some(Reason::MultiLine);
        let ignore = [(file, field), (holder, literal)].into_iter().find_map(|(file, value)| {
            ignored(self.inventory.lines(file), &self.inventory.files[file], value.span)
        });
        let source = (draft.consumer.clone(), draft.source.clone());
        let source_url = draft.source_url.clone();
        let site = Site::alone(at, draft.owner.clone(), (draft.field, part), spot, source);
        Site { blocked, ignore, variable, source_url, ..site }
    }

    fn location(&self, file: usize, span: Span) -> Location {
        self.inventory.lines(file).locate(&self.inventory.files[file].path, span)
    }

    /// Why a file of Flux's manifests is not edited: Terraform writes it, and would write it back.
    ///
    /// The provider sorts the components, and the file says so; `path` of the resource, where it is a text, says where.
    pub(super) fn writes(&self, file: &RepoPath, recovered: &Recovered) -> Option<Reason> {
        let components = &recovered.options.components;
        let names: Vec<String> = components.iter().map(ToString::to_string).collect();
        if !names.is_sorted() || names.len() < 2 {
            return None;
        }
        self.inventory.terraform.iter().find_map(|(number, top)| {
            let resource = top.blocks.iter().find(|block| {
                let path = block.at(&["path"]).and_then(|path| self.one_text(*number, path));
                let here = |path: &str| match path.trim_start_matches("./").trim_matches('/') {
                    "" => true,
                    path => file.as_str().strip_prefix(path).is_some_and(|rest| rest.starts_with('/')),
                };
                block.is(&["resource", "flux_bootstrap_git"]) && path.is_none_or(|path| here(&path))
            })?;
            let name = resource.words.get(2).map_or("", String::as_str);
            let path = &self.inventory.files[*number].path;
            let detail = format!("Terraform to write it: change flux_bootstrap_git.{name} in {path}");
            Some(Reason::Requires { detail })
        })
    }
}

fn owner(kind: &str, name: &str) -> Owner {
    Owner { kind: kind.to_owned(), namespace: None, name: name.to_owned() }
}

/// Whether a constraint names one version.
fn constraint(text: &str) -> Part {
    match Constraint::parse(text) {
        Ok(constraint) if constraint.is_exact() => Part::Version,
        _ => Part::Range,
    }
}
