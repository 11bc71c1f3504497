//! Values that a `# renovate:` comment explains.

use std::collections::BTreeMap;

use super::field::{Draft, Text};
use super::helm::published;
use super::image::{dotted, moving};
use super::link::Links;
use super::{Consumer, Dialects, Here, Part, Site, SourceKey};
use crate::reference::{ImageReference, normalise_repository};
use crate::scan::{Inventory, Resource};
use crate::text::RepoPath;
use crate::version::Version;
use crate::yaml::{Document, Node};

/// Sites of values under a comment, and sources for sites that lack one.
///
/// A place that says itself where its versions come from keeps that. Source: the comment form of Renovate's documented
/// presets for regular expressions, `# renovate: datasource=… depName=… [packageName=…] [registryUrl=…]`.
pub(super) fn comments<'a>(
    inventory: &'a Inventory<'_>,
    links: &'a Links<'a>,
    dialects: &'a Dialects<'a>,
    sites: &mut Vec<Site>,
) {
    let mut known: BTreeMap<(RepoPath, usize), usize> = BTreeMap::new();
    for (index, site) in sites.iter().enumerate() {
        known.insert((site.spot.at.path.clone(), site.spot.at.span.start), index);
    }
    let mut by_document: BTreeMap<usize, Vec<&Resource>> = BTreeMap::new();
    for resource in inventory.resources() {
        by_document.entry(resource.document).or_default().push(resource);
    }
    for (number, held) in inventory.documents.iter().enumerate() {
        let document = &held.document;
        for comment in document.comments() {
            let Some(words) = document.comment_text(*comment).strip_prefix("renovate:") else { continue };
            let Some((source, consumer, source_url)) = source(words) else { continue };
            let Some(node) = governed(document, comment.span.end) else { continue };
            let owners = by_document.get(&number).into_iter().flatten();
            let mut before = owners
                .filter(|owner| inventory.node(owner).is_some_and(|owner| owner.number() <= node.number()));
            let Some((resource, root)) =
                before.next_back().and_then(|owner| Some((*owner, inventory.node(owner)?)))
            else {
                continue;
            };
            let path = &inventory.file_of(resource).path;
            let spot = node.resolved().map_or(node.span().start, |node| node.span().start);
            if let Some(site) = known.get(&(path.clone(), spot)).map(|index| &mut sites[*index]) {
                if site.source.is_err() {
                    (site.source, site.consumer, site.source_url) = (Ok(source), consumer, source_url);
                }
                continue;
            }
            let lines = inventory.lines(held.file);
            let here = Here { inventory, links, dialects, resource, node: root, lines, user: None };
            let Some((part, text)) = version(node) else { continue };
            let route = route(root, node.number()).unwrap_or_default();
            sites.extend(here.sites(&text, |_| Draft {
                field: dotted(&route),
                part,
                consumer: consumer.clone(),
                source: Ok(source.clone()),
                source_at: None,
                source_url: source_url.clone(),
            }));
        }
    }
}

/// What a comment says about where versions are published.
fn source(words: &str) -> Option<(SourceKey, Consumer, Option<String>)> {
    let word = |key: &str| {
        words
            .split_whitespace()
            .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
            .map(|word| word.trim_matches(['"', '\'']))
    };
    let names = ["packageName", "lookupName", "depName", "chart", "image"];
    let name = names.into_iter().find_map(word)?;
    let github = || SourceKey::Git { url: format!("https://github.com/{name}") };
    Some(match word("datasource")? {
        "docker" => {
            let repository = normalise_repository(
                word("registryUrl")
                    .map_or(name.to_owned(), |url| {
                        let host = url.split_once("://").map_or(url, |(_, host)| host).trim_end_matches('/');
                        if name.starts_with(host) { name.to_owned() } else { format!("{host}/{name}") }
                    })
                    .as_str(),
            );
            (SourceKey::Oci { repository }, Consumer::Image, None)
        }
        "helm" => {
            let url = word("registryUrl")?;
            let (source, consumer, _, url) = published(url, name, url.starts_with("oci://")).ok()?;
            (source, consumer, Some(url))
        }
        "github-releases" | "github-tags" | "github-release-attachments" => (github(), Consumer::Git, None),
        "git-refs" | "git-tags" if name.contains("://") => {
            (SourceKey::Git { url: name.to_owned() }, Consumer::Git, None)
        }
        "git-refs" | "git-tags" => (github(), Consumer::Git, None),
        _ => return None,
    })
}

/// The value on the line of a comment, or on the next line that is no comment.
fn governed<'d, 't>(document: &'d Document<'t>, comment_end: usize) -> Option<Node<'d, 't>> {
    let text = document.text();
    let start = text[..comment_end].rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let own = &text[start..comment_end];
    let (from, to) = if own.trim_start().starts_with('#') {
        let mut at = comment_end;
        loop {
            at += text[at..].find(['\n', '\r'])? + 1;
            let line = &text[at..at + text[at..].find(['\n', '\r']).unwrap_or(text.len() - at)];
            let words = line.trim();
            if !words.is_empty() && !words.starts_with('#') {
                break (at, at + line.len());
            }
        }
    } else {
        (start, comment_end)
    };
    let inside = document.nodes().filter(|node| (from..to).contains(&node.span().start));
    inside.filter(|node| node.quote().is_some() && node.text().is_some()).last()
}

/// The part of a value that is a version: the tag of an image, what stands after `=`, or all of it.
fn version<'d, 't>(node: Node<'d, 't>) -> Option<(Part, Text<'d, 't>)> {
    let text = node.text()?;
    let has_digit = |text: &str| text.bytes().any(|byte| byte.is_ascii_digit());
    if Version::parse(text).is_err()
        && let Some((part, range)) = ImageReference::parse(text).as_ref().and_then(moving)
    {
        return Some((part, Text { node, range }));
    }
    if let Some(at) = text.rfind('=') {
        let from = at + 1;
        let to = text[from..].find([' ', '"', '\'']).map_or(text.len(), |end| from + end);
        return has_digit(&text[from..to]).then_some((Part::Tag, Text { node, range: from..to }));
    }
    let is_word = !text.contains([' ', '/']) && has_digit(text);
    is_word.then(|| (Part::Tag, Text::whole(node)))
}

/// The keys that lead from one node to another.
fn route(node: Node<'_, '_>, number: u32) -> Option<Vec<String>> {
    let mut path = Vec::new();
    let mut here = node;
    while here.number() != number {
        let (key, next) = if here.is_mapping() {
            let entry = here.entries().take_while(|(_, value)| value.number() <= number).last()?;
            (entry.0.text().unwrap_or_default().to_owned(), entry.1)
        } else {
            let (index, item) =
                here.items().enumerate().take_while(|(_, item)| item.number() <= number).last()?;
            (index.to_string(), item)
        };
        path.push(key);
        here = next;
    }
    Some(path)
}
