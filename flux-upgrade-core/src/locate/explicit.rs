//! Values that a `# renovate:` comment explains.

use std::collections::BTreeMap;

use super::field::{Draft, Text};
use super::image::{dotted, moving};
use super::link::Links;
use super::renovate::{Found, Words};
use super::tools::is_commit;
use super::{Consumer, Dialects, Here, Part, Site, SourceKey};
use crate::reference::ImageReference;
use crate::scan::{Inventory, Resource};
use crate::text::RepoPath;
use crate::version::Version;
use crate::yaml::{Document, Node};

/// Sites of values under a comment, and sources for sites that lack one.
///
/// A place that says itself where its versions come from keeps that.
pub(super) fn comments<'a>(
    inventory: &'a Inventory<'_>,
    links: &'a Links<'a>,
    dialects: &'a Dialects<'a>,
    sites: &mut Vec<Site>,
) {
    let mut known: BTreeMap<(RepoPath, usize), usize> = BTreeMap::new();
    for (index, site) in sites.iter().enumerate() {
        for at in [&site.at, &site.spot.at] {
            known.insert((at.path.clone(), at.span.start), index);
        }
    }
    let mut by_document: BTreeMap<usize, Vec<&Resource>> = BTreeMap::new();
    for resource in inventory.resources() {
        by_document.entry(resource.document).or_default().push(resource);
    }
    for (number, held) in inventory.documents.iter().enumerate() {
        let document = &held.document;
        for comment in document.comments() {
            let Some(words) = Words::read(document.text(), comment.span) else { continue };
            let Some(node) = governed(document, comment.span.end) else { continue };
            let owners = by_document.get(&number).into_iter().flatten();
            let mut before = owners
                .filter(|owner| inventory.node(owner).is_some_and(|owner| owner.number() <= node.number()));
            let Some((resource, root)) =
                before.next_back().and_then(|owner| Some((*owner, inventory.node(owner)?)))
            else {
                continue;
            };
            let lines = inventory.lines(held.file);
            let here = Here { inventory, links, dialects, resource, node: root, lines, user: None };
            let path = &inventory.file_of(resource).path;
            let spot = node.resolved().map_or(node.span().start, |node| node.span().start);
            match known.get(&(path.clone(), spot)) {
                Some(index) => explain(&here, &mut sites[*index], &words),
                None => sites.extend(explained(&here, node, &words)),
            }
        }
    }
}

/// Tells a site that is known already what a comment says of it.
fn explain(here: &Here<'_, '_>, site: &mut Site, words: &Words<'_>) {
    if let (Err(_), Some(Ok(found))) = (&site.source, words.found()) {
        (site.source, site.consumer, site.source_url) = (Ok(found.source), found.consumer, found.url);
    }
    if let (Part::Digest | Part::Commit, Some(tag)) = (site.part, words.tag()) {
        *site = here.tagged(site.clone(), tag);
    }
}

/// The sites of a value that only the comment explains.
fn explained<'f>(here: &Here<'_, 'f>, node: Node<'_, 'f>, words: &Words<'_>) -> Vec<Site> {
    let Some((part, text)) = version(node) else { return Vec::new() };
    let Some(found) = words.found().or_else(|| words.tag().and_then(|_| action(node)).map(Ok)) else {
        return Vec::new();
    };
    let (source, consumer, source_url) = match found {
        Ok(found) => (Ok(found.source), found.consumer, found.url),
        Err(reason) => (Err(reason), Consumer::Comment, None),
    };
    let route = route(here.node, node.number()).unwrap_or_default();
    let mut sites = here.sites(&text, |_| Draft {
        field: dotted(&route),
        part,
        consumer: consumer.clone(),
        source: source.clone(),
        source_at: None,
        source_url: source_url.clone(),
    });
    for site in sites.iter_mut().filter(|site| matches!(site.part, Part::Digest | Part::Commit)) {
        site.branch = words.word("branch").map(str::to_owned);
        if let Some(tag) = words.tag() {
            *site = here.tagged(site.clone(), tag);
        }
    }
    sites
}

/// The repository of an action of GitHub: `owner/name` before the `@`, perhaps with a folder.
fn action(node: Node<'_, '_>) -> Option<Found> {
    let (name, _) = node.text()?.split_once('@')?;
    let mut parts = name.split('/').filter(|part| !part.is_empty());
    let url = format!("https://github.com/{}/{}", parts.next()?, parts.next()?);
    Some(Found { source: SourceKey::Git { url }, consumer: Consumer::Git, url: None })
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

/// The part of a value that is a version: a commit, the tag of an image, what stands after `=`, or all of it.
fn version<'d, 't>(node: Node<'d, 't>) -> Option<(Part, Text<'d, 't>)> {
    let text = node.text()?;
    let has_digit = |text: &str| text.bytes().any(|byte| byte.is_ascii_digit());
    let commit = text.rfind('@').map_or(0, |at| at + 1);
    if is_commit(&text[commit..]) {
        return Some((Part::Commit, Text { node, range: commit..text.len() }));
    }
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
