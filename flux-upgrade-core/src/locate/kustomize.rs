//! Kustomizations: images, remote resources, charts, and texts that are variables of others.

use std::collections::BTreeSet;
use std::ops::Range;

use super::field::{Draft, Text};
use super::helm::{chart_sites, published};
use super::{Consumer, Here, Part, Site, SourceKey};
use crate::plan::Reason;
use crate::scan::Resource;
use crate::yaml::Node;

/// A kustomization file.
pub(super) fn file(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    for (index, item) in list(here.node, "images").enumerate() {
        sites.extend(image(here, item, &format!("images[{index}]")));
    }
    for field in ["resources", "bases", "components", "crds"] {
        for (index, item) in list(here.node, field).enumerate() {
            sites.extend(remote(here, item, &format!("{field}[{index}]")));
        }
    }
    for (index, chart) in list(here.node, "helmCharts").enumerate() {
        let Some(version) = chart.get("version") else { continue };
        let source = match (chart.text_at(&["name"]), chart.text_at(&["repo"])) {
            (Some(name), Some(repo)) => published(repo, name, repo.starts_with("oci://")),
            (Some(name), None) => {
                Err(Reason::SourceUnsupported { detail: format!("the chart {name} has no `repo`") })
            }
            (None, _) => Err(Reason::SourceNotFound { source: "`name` of the chart".to_owned() }),
        };
        sites.extend(chart_sites(here, version, &format!("helmCharts[{index}].version"), source));
    }
}

/// A Flux Kustomization: its images, and variables that are image references.
pub(super) fn flux(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    let images = here.at(&["spec", "images"]).and_then(Node::resolved).into_iter().flat_map(Node::items);
    for (index, item) in images.filter_map(Node::resolved).enumerate() {
        sites.extend(image(here, item, &format!("spec.images[{index}]")));
    }
    // An operation of a JSON patch sets one of them, or one text of one.
    let fragment: Vec<&str> = here.resource.fragment.iter().map(String::as_str).collect();
    match fragment[..] {
        ["spec", "images", index] => sites.extend(image(here, here.node, &format!("spec.images[{index}]"))),
        ["spec", "images", index, key] => sites.extend(part_of_image(here, index, key)),
        ["spec", "postBuild", "substitute", name] => {
            if let Some(text) = here.node.text() {
                sites.extend(reference(here, here.node, text, format!("spec.postBuild.substitute.{name}")));
            }
        }
        _ => {}
    }
    let Some(variables) = here.at(&["spec", "postBuild", "substitute"]).and_then(Node::resolved) else {
        return;
    };
    for (name, value) in variables.entries() {
        let (Some(name), Some(text)) = (name.text(), value.text()) else { continue };
        sites.extend(reference(here, value, text, format!("spec.postBuild.substitute.{name}")));
    }
}

/// A tag or digest that an operation of a JSON patch sets in one of the images of Flux Kustomizations.
fn part_of_image<'f>(here: &Here<'_, 'f>, index: &str, key: &str) -> Vec<Site> {
    let part = match key {
        "newTag" => Part::Tag,
        "digest" => Part::Digest,
        _ => return Vec::new(),
    };
    let Ok(number) = index.parse::<usize>() else { return Vec::new() };
    let own = std::iter::once(&here.resource.name).chain(&here.resource.also);
    let objects = own.flat_map(|name| {
        here.links.named(here.resource.kind, name, None, &here.resource.placements).into_iter()
    });
    let name_of = |object: &Resource| {
        let list = here.inventory.at(object, &["spec", "images"])?.resolved()?;
        let item = list.items().nth(number)?.resolved()?;
        item.text_at(&["newName"]).or_else(|| item.text_at(&["name"])).map(str::to_owned)
    };
    let names: BTreeSet<String> = objects.filter(|object| !object.is_patch).filter_map(name_of).collect();
    let field = format!("spec.images[{index}].{key}");
    let draft = match (names.first(), names.len()) {
        (Some(only), 1) => here.image(field, part, only),
        (None, _) => Draft {
            source: Err(Reason::SourceNotFound {
                source: format!("image {index} of the Flux Kustomization"),
            }),
            ..here.image(field, part, "")
        },
        _ => Draft {
            source: Err(Reason::Ambiguous { sources: names.iter().cloned().collect() }),
            ..here.image(field, part, "")
        },
    };
    here.sites(&Text::whole(here.node), |_| draft.clone())
}

/// A text that can be nothing else than an image reference: its repository has a host.
fn reference<'f>(here: &Here<'_, 'f>, node: Node<'_, 'f>, text: &str, field: String) -> Vec<Site> {
    let bare = text.strip_prefix("oci://").unwrap_or(text);
    let host = bare.split_once('/').map(|(host, _)| host);
    let is_host = |host: &str| host.contains('.') && host.bytes().any(|byte| byte.is_ascii_alphabetic());
    if host.is_some_and(is_host) { here.address(node, field) } else { Vec::new() }
}

/// One of `images`: `newTag`, `digest`, or both, of `newName` or else `name`.
///
/// Source: kustomize `api/types/image.go`; a digest counts before a tag.
pub(super) fn image<'f>(here: &Here<'_, 'f>, item: Node<'_, 'f>, field: &str) -> Vec<Site> {
    let text = |key: &str| item.get(key).filter(|node| node.text().is_some_and(|text| !text.is_empty()));
    let Some(repository) = text("newName").or_else(|| text("name")).and_then(Node::text) else {
        return Vec::new();
    };
    let draft = |key: &str, part| here.image(format!("{field}.{key}"), part, repository);
    match (text("newTag"), text("digest")) {
        (Some(tag), Some(digest)) => {
            let site = here.site(tag, draft("newTag", Part::Tag));
            site.map(|site| here.with_digest(site, digest)).into_iter().collect()
        }
        (Some(tag), None) => {
            let mut sites = here.sites(&Text::whole(tag), |_| draft("newTag", Part::Tag));
            // A digest beside a variable would hold for every cluster that sets it.
            for site in sites.iter_mut().filter(|site| site.variable.is_none()) {
                site.insertion = here.insertion(item, "newTag");
            }
            sites
        }
        (None, Some(digest)) => here.sites(&Text::whole(digest), |_| draft("digest", Part::Digest)),
        (None, None) => Vec::new(),
    }
}

/// A remote resource, by the tag in its address.
fn remote<'f>(here: &Here<'_, 'f>, node: Node<'_, 'f>, field: &str) -> Vec<Site> {
    let Some(text) = node.text() else { return Vec::new() };
    let Some((url, range)) = tag_in(text) else { return Vec::new() };
    let draft = Draft {
        field: field.to_owned(),
        part: Part::Tag,
        consumer: Consumer::Git,
        source: here.expand(&url).map(|url| SourceKey::Git { url: url.into_owned() }),
        source_at: None,
        source_url: Some(url.clone()),
    };
    let mut sites = here.sites(&Text { node, range }, |_| draft.clone());
    for site in &mut sites {
        // A branch is no version, whatever it is called.
        if text.contains("/refs/heads/") {
            let resolves_to = site.spot.value.clone();
            site.blocked.get_or_insert(Reason::Floating { resolves_to });
        }
        repeats(site);
    }
    sites
}

/// `/releases/download/1.9.0/app-1.9.0.yaml`: a file that carries the version in its name moves with it.
pub(super) fn repeats(site: &mut Site) {
    let frame = &mut site.spot.frame;
    frame.echo =
        frame.after.contains(bare(&site.spot.value)) && frame.before.ends_with("/releases/download/");
}

/// A version without its `v`.
pub(super) fn bare(version: &str) -> &str {
    version.strip_prefix('v').unwrap_or(version)
}

/// The git repository of a remote resource, and the bytes of the tag: `?ref=TAG` or `&version=TAG`,
/// `/releases/download/TAG/`, and `raw.githubusercontent.com/OWNER/REPO/[refs/tags/]TAG/`.
///
/// Source: kustomize `api/internal/git/repospec.go`; the forms of GitHub's addresses.
pub(super) fn tag_in(text: &str) -> Option<(String, Range<usize>)> {
    let after = |at: usize, ends: &[char]| at..text[at..].find(ends).map_or(text.len(), |end| at + end);
    if let Some(at) = text.find("/releases/download/") {
        let range = after(at + "/releases/download/".len(), &['/', '?', '#']);
        let url = &text[..at];
        return (url.contains("://") && !range.is_empty()).then(|| (url.to_owned(), range));
    }
    if let Some(rest) = text.strip_prefix("https://raw.githubusercontent.com/") {
        let start = text.len() - rest.len();
        let mut parts = rest.splitn(3, '/');
        let (owner, repository, path) = (parts.next()?, parts.next()?, parts.next()?);
        let forms = ["refs/tags/", "refs/heads/"];
        let skipped = forms.into_iter().find(|form| path.starts_with(form)).map_or(0, str::len);
        let range = after(start + owner.len() + repository.len() + 2 + skipped, &['/']);
        return (!range.is_empty()).then(|| (format!("https://github.com/{owner}/{repository}"), range));
    }
    let query = text.find('?')?;
    let value = ["ref=", "version="].into_iter().find_map(|key| {
        let mut all = text[query..].match_indices(key).map(|(at, _)| query + at);
        all.find(|at| matches!(text.as_bytes()[at - 1], b'?' | b'&')).map(|at| at + key.len())
    })?;
    let range = after(value, &['&', '#']);
    (!range.is_empty()).then(|| (repository(&text[..query]), range))
}

/// The repository of an address whose path goes on into the repository.
fn repository(address: &str) -> String {
    let address = address.strip_prefix("git::").unwrap_or(address);
    let scheme = address.find("://").map_or(0, |at| at + 3);
    // GitHub has owner and name, and nothing deeper: what follows is a path whatever marks it.
    if address[scheme..].trim_start_matches("www.").starts_with("github.com/") {
        let mut ends = address[scheme..].match_indices('/').map(|(at, _)| scheme + at);
        return with_scheme(&address[..ends.nth(2).unwrap_or(address.len())]);
    }
    if let Some(at) = address[scheme..].find("//") {
        return with_scheme(&address[..scheme + at]);
    }
    if let Some(at) = address.find(".git/") {
        return with_scheme(&address[..at + 4]);
    }
    if let Some(at) = address.find("/_git/") {
        let rest = &address[at + 6..];
        return address[..at + 6 + rest.find('/').unwrap_or(rest.len())].to_owned();
    }
    // Host, owner and name; what follows is a path inside.
    let separators = address[scheme..].match_indices(['/', ':']).filter(|(at, mark)| {
        *mark == "/" || !address[scheme + at + 1..].starts_with(|c: char| c.is_ascii_digit())
    });
    let end = separators.map(|(at, _)| scheme + at).nth(2).unwrap_or(address.len());
    with_scheme(&address[..end])
}

/// `github.com/owner/name` is short for https.
fn with_scheme(address: &str) -> String {
    if address.contains("://") || address.contains('@') {
        address.to_owned()
    } else {
        format!("https://{address}")
    }
}

fn list<'d, 'f>(node: Node<'d, 'f>, field: &str) -> impl Iterator<Item = Node<'d, 'f>> {
    let list = node.get(field).and_then(Node::resolved);
    list.into_iter().flat_map(Node::items).filter_map(Node::resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_remote_resources() {
        for (text, url, tag) in [
            ("https://github.com/a/b//deploy?ref=v1.2.3", "https://github.com/a/b", "v1.2.3"),
            ("github.com/a/b/deploy/base?ref=v1", "https://github.com/a/b", "v1"),
            ("https://github.com/a/b?timeout=90s&ref=v1&x=y", "https://github.com/a/b", "v1"),
            ("https://github.com/a/b/deploy//base?ref=v1", "https://github.com/a/b", "v1"),
            ("git@github.com:a/b//x?ref=v1", "git@github.com:a/b", "v1"),
            (
                "ssh://git@git.example.com:2222/a/b.git/x?ref=v1",
                "ssh://git@git.example.com:2222/a/b.git",
                "v1",
            ),
            ("https://gitlab.com/g/s/b.git//x?ref=1.0", "https://gitlab.com/g/s/b.git", "1.0"),
            ("https://github.com/a/b/releases/download/v1.0/x.yaml", "https://github.com/a/b", "v1.0"),
            ("https://raw.githubusercontent.com/a/b/v1.0/x/y.yaml", "https://github.com/a/b", "v1.0"),
            ("https://raw.githubusercontent.com/a/b/refs/tags/v1.0/y.yaml", "https://github.com/a/b", "v1.0"),
        ] {
            let (found, range) = tag_in(text).unwrap();
            assert_eq!((found.as_str(), &text[range]), (url, tag), "{text}");
        }
        for text in
            ["../base", "https://example.com/x.yaml", "https://github.com/a/b?ref=", "releases/download/v1/x"]
        {
            assert_eq!(tag_in(text), None, "{text}");
        }
    }
}
