//! Flux's own command line: in workflows of GitHub Actions and in `.tool-versions`.

use super::field::{Draft, Text};
use super::image::dotted;
use super::oci::range_or_version;
use super::{Consumer, Frame, Here, Ignore, Owner, Part, Site, SourceKey, Spot, Style};
use crate::scan::Inventory;
use crate::text::Span;
use crate::version::Version;
use crate::yaml::Node;

/// The action that installs Flux, by its folder in the repository of Flux.
const ACTION: &str = "fluxcd/flux2/action@";

/// The action's own version, and the version of Flux that it is told to install.
///
/// Source: fluxcd/flux2 `action/action.yml`.
pub(super) fn workflow(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    steps(here, here.node, &mut Vec::new(), sites);
}

fn steps<'f>(here: &Here<'_, 'f>, node: Node<'_, 'f>, path: &mut Vec<String>, sites: &mut Vec<Site>) {
    if let Some((uses, reference)) =
        node.get("uses").and_then(|uses| Some((uses, uses.text()?.strip_prefix(ACTION)?)))
    {
        let draft = |key: &str, consumer, source| Draft {
            field: format!("{}.{key}", dotted(path)),
            part: Part::Tag,
            consumer,
            source,
            source_at: None,
            source_url: None,
        };
        let source = SourceKey::Git { url: "https://github.com/fluxcd/flux2".to_owned() };
        let text = Text { node: uses, range: ACTION.len()..ACTION.len() + reference.len() };
        let part = if is_commit(reference) { Part::Commit } else { Part::Tag };
        let pinned =
            here.sites(&text, |_| Draft { part, ..draft("uses", Consumer::Git, Ok(source.clone())) });
        let tag = version_in_comment(uses).filter(|_| part == Part::Commit);
        sites.extend(pinned.into_iter().map(|site| match tag {
            Some(tag) => here.tagged(site, tag),
            None => site,
        }));
        if let Some(version) = node.at(&["with", "version"]) {
            sites.extend(here.sites(&Text::whole(version), |text| Draft {
                part: if text == "latest" { Part::Tag } else { range_or_version(text) },
                ..draft("with.version", Consumer::Flux, Ok(SourceKey::Flux))
            }));
        }
    }
    if node.is_mapping() {
        for (key, value) in node.entries() {
            path.push(key.text().unwrap_or_default().to_owned());
            steps(here, value, path, sites);
            path.pop();
        }
    }
    for (index, item) in node.items().enumerate() {
        path.push(index.to_string());
        steps(here, item, path, sites);
        path.pop();
    }
}

/// The version that the comment behind an action begins with: `# v2.6.4`.
fn version_in_comment(node: Node<'_, '_>) -> Option<Span> {
    let document = node.document();
    let comment = document.line_comment(node.span().end)?;
    let word = document.comment_text(comment).split_whitespace().next()?;
    Version::parse(word).ok()?;
    let start = comment.span.start + comment.span.of(document.text()).find(word)?;
    Some(Span::new(start, start + word.len()))
}

/// Whether a text is the hash of a commit in full.
pub(crate) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Lines `flux2 VERSION` of asdf's `.tool-versions`.
pub(super) fn tool_versions(inventory: &Inventory<'_>, sites: &mut Vec<Site>) {
    for (index, file) in
        inventory.files.iter().enumerate().filter(|(_, file)| file.path.name() == ".tool-versions")
    {
        let mut start = 0;
        for line in file.text.split_inclusive('\n') {
            let mut words = line.split_whitespace();
            let tool = words.next().filter(|tool| matches!(*tool, "flux" | "flux2"));
            if let (Some(tool), Some(version)) = (tool, words.next().filter(|word| !word.starts_with('#'))) {
                let from = start + (version.as_ptr() as usize - line.as_ptr() as usize);
                let at = inventory.lines(index).locate(&file.path, Span::new(from, from + version.len()));
                let (raw, value) = (version.to_owned(), version.to_owned());
                let spot = Spot { at: at.clone(), raw, value, style: Style::Word, frame: Frame::default() };
                let path = file.path.as_str().to_owned();
                let owner = Owner { kind: "File".to_owned(), namespace: None, name: path };
                let source = (Consumer::Flux, Ok(SourceKey::Flux));
                let ignore = line.contains("flux-upgrade: ignore").then(|| Ignore {
                    until: None,
                    at: inventory.lines(index).locate(&file.path, Span::new(from, from)),
                });
                sites.push(Site { ignore, ..Site::alone(at, owner, (tool, Part::Version), spot, source) });
            }
            start += line.len();
        }
    }
}
