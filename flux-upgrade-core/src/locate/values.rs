//! Values of a HelmRelease: its own, and those that it takes from ConfigMaps.

use std::collections::BTreeSet;

use super::field::Text;
use super::image::Images;
use super::variable::assigned;
use super::{Here, Site, instance, kustomize};
use crate::scan::{Kind, Resource};
use crate::yaml::Node;

/// Images in `spec.values`, in the ConfigMaps of `spec.valuesFrom`, and in post-renderers.
pub(super) fn release<'f>(here: &Here<'_, 'f>, sites: &mut Vec<Site>) {
    let base = |path: &[String]| bases(here, path);
    let base: super::image::Base<'_, '_, 'f> = &base;
    let images = Images::new(here, here.resource.is_patch.then_some(base));
    let fragment = &here.resource.fragment;
    if fragment.len() > 2 && fragment[..2] == ["spec", "values"] {
        images.walk(here.node, &mut fragment.clone(), sites);
    }
    if let Some(values) = here.at(&["spec", "values"]) {
        images.walk(values, &mut vec!["spec".to_owned(), "values".to_owned()], sites);
        instance::values(here, &["spec", "values"], sites);
    }
    for (number, renderer) in list(here.at(&["spec", "postRenderers"])).enumerate() {
        for (index, image) in list(renderer.at(&["kustomize", "images"])).enumerate() {
            let field = format!("spec.postRenderers[{number}].kustomize.images[{index}]");
            sites.extend(kustomize::image(here, image, &field));
        }
    }
    let mut seen = BTreeSet::new();
    for from in list(here.at(&["spec", "valuesFrom"])) {
        let Some(name) = from.text_at(&["name"]).filter(|_| from.text_at(&["kind"]) == Some("ConfigMap"))
        else {
            continue;
        };
        let key = from.text_at(&["valuesKey"]).unwrap_or("values.yaml");
        if let Some(target) = from.text_at(&["targetPath"]) {
            one_value(here, (name, key), &path_of(target), sites);
            continue;
        }
        for resource in sources(here, name, key) {
            if let Some(node) =
                here.inventory.node(resource).filter(|_| seen.insert(here.inventory.index_of(resource)))
            {
                let lines = here.inventory.lines(here.inventory.held(resource).file);
                let there = Here { resource, node, lines, user: Some(here.resource), ..*here };
                Images::new(&there, None).walk(node, &mut Vec::new(), sites);
                instance::values(&there, &[], sites);
            }
        }
    }
}

/// The value under a key of a ConfigMap that goes to one place of the values.
fn one_value<'f>(here: &Here<'_, 'f>, (name, key): (&str, &str), target: &[String], sites: &mut Vec<Site>) {
    let base = |path: &[String]| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let own = here.at(&[&["spec", "values"], path.as_slice()].concat()).and_then(Node::resolved);
        own.map(|own| (here.resource, own)).into_iter().collect()
    };
    let base: super::image::Base<'_, '_, 'f> = &base;
    for map in here.links.named(Kind::ConfigMap, name, None, &here.resource.placements) {
        let Some(node) = here.inventory.node(map).and_then(|map| map.at(&["data", key])) else { continue };
        let lines = here.inventory.lines(here.inventory.held(map).file);
        let there = Here { resource: map, node, lines, user: Some(here.resource), ..*here };
        Images::new(&there, Some(base)).single(&Text::whole(node), target, sites);
    }
    let object = here.inventory.index_of(here.resource);
    for generator in here.links.generated(here.inventory, name, object, &here.resource.placements) {
        let Some(found) = assigned(here.inventory, generator, key) else { continue };
        let Some(resource) = holder(here, found.holder, found.document) else { continue };
        let lines = here.inventory.lines(here.inventory.held(resource).file);
        let there = Here { resource, node: found.node, lines, user: Some(here.resource), ..*here };
        let text = Text { node: found.node, range: found.range };
        Images::new(&there, Some(base)).single(&text, target, sites);
    }
}

/// What stands for the document that a generated ConfigMap has a value from: the kustomization, or a file of assignments.
fn holder<'a>(here: &Here<'a, '_>, holder: usize, document: usize) -> Option<&'a Resource> {
    let kustomization = here.inventory.resources().get(holder)?;
    if kustomization.document == document {
        return Some(kustomization);
    }
    let file = here.inventory.documents.get(document)?.file;
    let all = here.links.plain(here.inventory, here.inventory.files[file].path.as_str());
    all.into_iter().find(|resource| resource.document == document)
}

/// The keys of a path in Helm's form: `a.b[0].c`, with `\\.` for a dot inside a key.
///
/// Source: Helm `pkg/strvals/parser.go`.
fn path_of(text: &str) -> Vec<String> {
    let (mut out, mut part) = (Vec::new(), String::new());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => part.extend(chars.next()),
            '.' | '[' | ']' => out.extend((!part.is_empty()).then(|| std::mem::take(&mut part))),
            c => part.push(c),
        }
    }
    out.extend((!part.is_empty()).then_some(part));
    out
}

fn list<'d, 'f>(node: Option<Node<'d, 'f>>) -> impl Iterator<Item = Node<'d, 'f>> {
    node.and_then(Node::resolved).into_iter().flat_map(Node::items).filter_map(Node::resolved)
}

/// What the releases that a patch changes have at a path.
fn bases<'a, 'f>(here: &Here<'a, 'f>, path: &[String]) -> Vec<(&'a Resource, Node<'a, 'f>)> {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let (resource, kind) = (here.resource, here.resource.kind);
    let names =
        if resource.also.is_empty() { std::slice::from_ref(&resource.name) } else { &resource.also[..] };
    let all = names.iter().flat_map(|name| here.links.named(kind, name, None, &resource.placements));
    let others = all.filter(|other| !std::ptr::eq(*other, resource));
    others.filter_map(|other| Some((other, here.inventory.node(other)?.at(&path)?.resolved()?))).collect()
}

/// Values under a key of the ConfigMaps of a name: in the ConfigMap itself, or in the file that kustomize makes it from.
fn sources<'a>(here: &Here<'a, '_>, name: &str, key: &str) -> Vec<&'a Resource> {
    let inventory = here.inventory;
    let maps = here.links.named(Kind::ConfigMap, name, None, &here.resource.placements);
    let in_maps = maps.into_iter().filter_map(|map| {
        let data = inventory.config_data.get(&(inventory.index_of(map)?, key.to_owned()))?;
        inventory.resources().get(*data)
    });
    let object = inventory.index_of(here.resource);
    let generated = here.links.generated(inventory, name, object, &here.resource.placements);
    let files: BTreeSet<&str> = generated
        .into_iter()
        .flat_map(|generator| &generator.files)
        .filter(|(its_key, _)| its_key == key)
        .map(|(_, path)| path.as_str())
        .collect();
    let in_files = files.into_iter().flat_map(|path| here.links.plain(inventory, path));
    in_maps.chain(in_files).collect()
}
