//! Values that a `# renovate:` comment explains.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::field::{Draft, Text};
use super::image::{dotted, moving};
use super::kustomize::{repeats, tag_in};
use super::link::Links;
use super::renovate::{Found, Words};
use super::tools::is_commit;
use super::{Consumer, Dialects, Here, Part, Site, SourceKey};
use crate::plan::Reason;
use crate::reference::ImageReference;
use crate::scan::{Inventory, Resource};
use crate::text::RepoPath;
use crate::version::Version;
use crate::yaml::{Node, Parent};

/// Sites of values that comments explain, and sources for sites that lack one.
///
/// A place that says itself where its versions come from keeps that.
pub(super) fn comments<'a>(
    inventory: &'a Inventory<'_>,
    links: &'a Links<'a>,
    dialects: &'a Dialects<'a>,
    sites: &mut Vec<Site>,
) {
    if inventory.explained.is_empty() {
        return;
    }
    let mut known: BTreeMap<(RepoPath, usize), Vec<usize>> = BTreeMap::new();
    for (index, site) in sites.iter().enumerate() {
        let places: BTreeSet<(&RepoPath, usize)> =
            [&site.at, &site.spot.at].map(|at| (&at.path, at.span.start)).into();
        for (path, start) in places {
            known.entry((path.clone(), start)).or_default().push(index);
        }
    }
    let mut owners: BTreeMap<usize, Vec<(u32, &Resource)>> = BTreeMap::new();
    for resource in inventory.resources() {
        if let Some(node) = inventory.node(resource) {
            owners.entry(resource.document).or_default().push((node.number(), resource));
        }
    }
    owners.values_mut().for_each(|owners| owners.sort_by_key(|(number, _)| *number));
    for explained in inventory.explained.chunk_by(|a, b| a.document == b.document) {
        let number = explained[0].document;
        let document = &inventory.documents[number].document;
        let lines = inventory.lines(inventory.documents[number].file);
        let (Some(owners), parents) = (owners.get(&number), document.parents()) else { continue };
        for one in explained {
            let (Some(words), Some(node)) =
                (Words::read(document.text(), one.comment), document.node(one.node))
            else {
                continue;
            };
            let before = owners.partition_point(|(owner, _)| *owner <= one.node);
            let Some((resource, root)) =
                before.checked_sub(1).and_then(|at| Some((owners[at].1, inventory.node(owners[at].1)?)))
            else {
                continue;
            };
            let here =
                Here { inventory, links, dialects, resource, node: root, lines, user: None, input: None };
            let path = &inventory.file_of(resource).path;
            let spot = node.resolved().map_or(node.span().start, |node| node.span().start);
            match known.get(&(path.clone(), spot)) {
                Some(all) => all.iter().for_each(|index| explain(&here, &mut sites[*index], &words)),
                None => sites.extend(explained_only(&here, node, &words, &route(root, node, &parents))),
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

/// The sites of a value that only the comment explains; held where no version can be told in it.
fn explained_only<'f>(
    here: &Here<'_, 'f>,
    node: Node<'_, 'f>,
    words: &Words<'_>,
    route: &[String],
) -> Vec<Site> {
    let Some(found) = words.found().or_else(|| words.tag().and_then(|_| action(node)).map(Ok)) else {
        return Vec::new();
    };
    let (source, consumer, source_url) = match found {
        Ok(found) => (Ok(found.source), found.consumer, found.url),
        Err(reason) => (Err(reason), Consumer::Comment, None),
    };
    let version = version(node);
    let is_told = version.is_some();
    let (part, text) = version.unwrap_or_else(|| (Part::Tag, Text::whole(node)));
    let mut sites = here.sites(&text, |_| Draft {
        field: dotted(route),
        part,
        consumer: consumer.clone(),
        source: source.clone(),
        source_at: None,
        source_url: source_url.clone(),
    });
    for site in &mut sites {
        if !is_told {
            let detail = "no version can be told in the text that the comment explains".to_owned();
            site.blocked.get_or_insert(Reason::NoCandidate { detail });
        }
        repeats(site);
    }
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

/// The part of a value that is a version: a commit, the tag of an image or of an address, what stands behind a `=`, or
/// all of it.
fn version<'d, 't>(node: Node<'d, 't>) -> Option<(Part, Text<'d, 't>)> {
    let text = node.text()?;
    let commit = text.rfind('@').map_or(0, |at| at + 1);
    if is_commit(&text[commit..]) {
        return Some((Part::Commit, Text { node, range: commit..text.len() }));
    }
    if let Some((_, range)) = tag_in(text) {
        return Some((Part::Tag, Text { node, range }));
    }
    let (part, range) = part_of(text, 0..text.len()).or_else(|| assigned(text))?;
    Some((part, Text { node, range }))
}

/// A tag or a digest that a part of a text is, or has as an image.
fn part_of(text: &str, range: Range<usize>) -> Option<(Part, Range<usize>)> {
    let part = &text[range.clone()];
    if Version::parse(part).is_err()
        && let Some((kind, inner)) = ImageReference::parse(part).as_ref().and_then(moving)
    {
        return Some((kind, range.start + inner.start..range.start + inner.end));
    }
    let is_word = !part.contains([' ', '/', '=']) && part.bytes().any(|byte| byte.is_ascii_digit());
    is_word.then_some((Part::Tag, range))
}

/// What stands behind the `=` of a text: of several, the one whose name ends in `tag` or `version`.
fn assigned(text: &str) -> Option<(Part, Range<usize>)> {
    let words = text.split([' ', ',', '"', '\'']).filter_map(|word| {
        let (name, value) = word.rsplit_once('=')?;
        let start = value.as_ptr() as usize - text.as_ptr() as usize;
        Some((name.to_ascii_lowercase(), part_of(text, start..start + value.len())?))
    });
    let all: Vec<_> = words.collect();
    let mut named = all.iter().filter(|(name, _)| name.ends_with("tag") || name.ends_with("version"));
    match (all.as_slice(), named.next(), named.next()) {
        ([only], ..) => Some(only.1.clone()),
        (_, Some(only), None) => Some(only.1.clone()),
        _ => None,
    }
}

/// The keys that lead from one node to another inside it.
fn route(from: Node<'_, '_>, to: Node<'_, '_>, parents: &[Parent<'_, '_>]) -> Vec<String> {
    let (mut path, mut at) = (Vec::new(), to.number());
    while at != from.number() {
        let Some((parent, key)) = parents.get(at as usize).and_then(Option::as_ref) else { break };
        path.push(key.clone().into_owned());
        at = parent.number();
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_texts() {
        let told = |text: &str| part_of(text, 0..text.len()).or_else(|| assigned(text));
        for (text, version) in [
            ("1.2.3", "1.2.3"),
            ("v1.2", "v1.2"),
            ("ghcr.io/example/app:v1.2.3", "v1.2.3"),
            ("--version=v1.2.3", "v1.2.3"),
            ("--image=ghcr.io/example/app:v1.2.3", "v1.2.3"),
            ("--set image.tag=1.2.3 --set replicas=2", "1.2.3"),
            ("TAG=1.2.3", "1.2.3"),
            ("--set=image.tag=1.2.3,debug=true", "1.2.3"),
        ] {
            let (_, range) = told(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(&text[range], version, "{text}");
        }
        for text in
            ["main", "ghcr.io/example/app", "a=1 b=2", "tag=1 other-tag=2", "release 1.2.3 of the app"]
        {
            assert_eq!(told(text), None, "{text}");
        }
    }
}
