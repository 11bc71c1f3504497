//! A site and a version to the edits that pin it there, in the place and style of what it holds.

use std::collections::BTreeMap;

use crate::locate::{Consumer, DIGEST, Insertion, Part, Site, insertion};
use crate::patch::Edit;
use crate::plan::{Reason, preferred_quote, replace_spot};
use crate::resolve::select::version_of_tag;
use crate::scan::Inventory;
use crate::text::RepoPath;
use crate::version::Version;
use crate::yaml::{Node, Quote, encode};

/// What a site is to be pinned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The version, tag or branch as published.
    pub(crate) resolved: String,
    pub(crate) digest: Option<String>,
}

/// A site pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pinned {
    /// The field that holds the version then, and what it says.
    pub(crate) field: String,
    pub(crate) to: String,
    /// The digest, or commit, beside it.
    pub(crate) digest: Option<String>,
    pub(crate) edits: Vec<Edit>,
    pub(crate) notes: Vec<String>,
}

impl Pinned {
    /// What it says in full: `tag@digest`.
    pub(crate) fn written(&self) -> String {
        match &self.digest {
            Some(digest) if !self.to.is_empty() => format!("{}@{digest}", self.to),
            _ => self.to.clone(),
        }
    }
}

/// The key of a commit in `spec.ref` of a GitRepository.
const COMMIT: &str = "commit";

/// What pins are made with: the files, and the quotes that each of them prefers.
pub(crate) struct Pins<'a, 'f> {
    inventory: &'a Inventory<'f>,
    quotes: BTreeMap<&'f RepoPath, Quote>,
}

impl<'a, 'f> Pins<'a, 'f> {
    pub(crate) fn new(inventory: &'a Inventory<'f>) -> Self {
        let quotes = inventory.files.iter().map(|file| (&file.path, preferred_quote(&file.text)));
        Self { inventory, quotes: quotes.collect() }
    }

    fn quote(&self, path: &RepoPath) -> Quote {
        self.quotes.get(path).copied().unwrap_or(Quote::Double)
    }

    /// The edits that pin a site.
    ///
    /// | site | becomes |
    /// | --- | --- |
    /// | `semver` of an OCIRepository | `tag` and `digest` |
    /// | `semver` of a GitRepository | `tag` and `commit`, without the commit where a branch is written, which might lack it |
    /// | `tag: latest`, `newTag: latest` | the same with a digest beside it |
    /// | `image: app:latest` | `image: app:latest@sha256:…` |
    /// | `branch: main`, `name: refs/heads/main` | the same with `commit` beside it |
    /// | a chart's range | the exact version; a chart's digest has no field |
    /// | an ImagePolicy's range | the exact version; one that filters tags, or goes by another order, has no room for it |
    ///
    /// Where the value is a variable, an anchor or written in a way that a key cannot be renamed, the range gives way to the
    /// exact version and nothing else. Sources: the spec pages of OCIRepository (digest over semver over tag) and GitRepository
    /// (commit over name over tag over semver over branch).
    ///
    /// # Errors
    ///
    /// Why the field cannot hold it.
    pub(crate) fn pin(&self, site: &Site, target: &Target) -> Result<Pinned, Reason> {
        if let Some(reason) = &site.blocked {
            return Err(reason.clone());
        }
        if let Some(ignore) = &site.ignore {
            return Err(Reason::Ignored { by: format!("a comment at {}", ignore.at) });
        }
        match (&site.consumer, site.part) {
            _ if site.election().is_some() => self.election(site, target),
            _ if site.spot.raw.is_empty() => self.added(site, target),
            (_, Part::Commit | Part::Digest) => match &target.digest {
                Some(digest) => self.value(site, digest.clone(), vec![target.resolved.clone()]),
                None => Err(cannot(format!("the lock has no digest of {}", target.resolved))),
            },
            (Consumer::Oci { chart, .. }, Part::Range | Part::Version) => self.semver(site, target, *chart),
            (Consumer::Git, Part::Range | Part::Version) => self.semver(site, target, false),
            (Consumer::Terraform, Part::Range | Part::Version) => {
                let to = target.resolved.strip_prefix('v').unwrap_or(&target.resolved).to_owned();
                self.value(site, to, vec!["a constraint has no commit beside it".to_owned()])
            }
            (Consumer::Git, Part::Branch | Part::Name) => self.beside(site, target, COMMIT),
            (Consumer::Git, Part::Tag) if !site.field.starts_with("spec.ref.") => self.address(site, target),
            (Consumer::Git, Part::Tag) => self.tag(site, target, COMMIT),
            (Consumer::HelmIndex | Consumer::HelmOci, _) => {
                let to = match site.consumer {
                    Consumer::HelmOci => version_of_tag(&target.resolved),
                    _ => target.resolved.clone(),
                };
                self.value(site, to, vec!["a chart's version has no digest beside it".to_owned()])
            }
            (Consumer::Flux, _) => {
                let bare = target.resolved.trim_start_matches('v');
                let lead = if site.spot.value.starts_with('v') { "v" } else { "" };
                self.value(site, format!("{lead}{bare}"), Vec::new())
            }
            (Consumer::Oci { .. } | Consumer::Image, Part::Tag) => self.tag(site, target, DIGEST),
            _ => Err(cannot("its field holds neither a range nor a tag")),
        }
    }

    /// The edits that put a range in the place of a pin: a tag of a source becomes a range, and the digest beside it goes.
    ///
    /// # Errors
    ///
    /// Why the field cannot hold it.
    pub(crate) fn range(&self, site: &Site, range: &str) -> Result<Pinned, Reason> {
        if let Some(reason) = &site.blocked {
            return Err(reason.clone());
        }
        if let Some(ignore) = &site.ignore {
            return Err(Reason::Ignored { by: format!("a comment at {}", ignore.at) });
        }
        let mut ranged = self.value(site, range.to_owned(), Vec::new())?;
        if site.field != "spec.ref.tag" {
            return Ok(ranged);
        }
        let own = site.at.span == site.spot.at.span && site.variable.is_none();
        let found = self.entry(site).filter(|(mapping, key, _)| {
            own && key.span().of(mapping.document().text()) == "tag" && mapping.get("semver").is_none()
        });
        let Some((mapping, key, _)) = found else {
            return Err(cannot("the tag is a variable or an alias, and a range belongs into another field"));
        };
        let at = self.locate(site, key);
        ranged.edits.push(Edit {
            path: at.path,
            span: at.span,
            expect: "tag".to_owned(),
            replace: "semver".to_owned(),
        });
        ranged.field = site.field.replace("tag", "semver");
        for key in [DIGEST, COMMIT].into_iter().filter(|key| mapping.get(key).is_some()) {
            let edit = self.removal(site, mapping, key).ok_or_else(|| {
                cannot(format!(
                    "`{key}` stands in a way that cannot be taken out: a comment, or a line that it shares"
                ))
            })?;
            ranged.edits.push(edit);
        }
        ranged.edits.sort();
        Ok(ranged)
    }

    /// The edit that takes a key out of a mapping, with its line; none where more stands on that line.
    fn removal(&self, site: &Site, mapping: Node<'_, 'f>, name: &str) -> Option<Edit> {
        let text = mapping.document().text();
        let entries: Vec<_> = mapping.entries().collect();
        let at = entries.iter().position(|(key, _)| key.text() == Some(name))?;
        let (key, value) = entries[at];
        let span = if mapping.is_flow() {
            match (at.checked_sub(1).map(|before| entries[before]), entries.get(at + 1)) {
                (Some((_, before)), _) => crate::text::Span::new(before.span().end, value.span().end),
                (None, Some((next, _))) => crate::text::Span::new(key.span().start, next.span().start),
                (None, None) => return None,
            }
        } else {
            let start = text[..key.span().start].rfind(['\n', '\r']).map_or(0, |at| at + 1);
            let rest = &text[value.span().end..];
            let line = rest.find(['\n', '\r']).unwrap_or(rest.len());
            let mark = if rest[line..].starts_with("\r\n") { 2 } else { usize::from(line < rest.len()) };
            let behind = rest[..line].trim();
            let is_free = behind.is_empty() || crate::automate::is_marker(behind);
            if !text[start..key.span().start].trim().is_empty() || !is_free {
                return None;
            }
            // The last line of a file without an end takes the end of the line before it along.
            let start = if mark == 0 { text[..start].trim_end_matches(['\n', '\r']).len() } else { start };
            crate::text::Span::new(start, value.span().end + line + mark)
        };
        Some(Edit {
            path: site.at.path.clone(),
            span,
            expect: span.of(text).to_owned(),
            replace: String::new(),
        })
    }

    /// A range field of a source becomes a tag, with what pins the tag.
    fn semver(&self, site: &Site, target: &Target, chart: bool) -> Result<Pinned, Reason> {
        let is_git = site.consumer == Consumer::Git;
        let own = site.at.span == site.spot.at.span && site.variable.is_none();
        let found = self.entry(site).filter(|(mapping, key, _)| {
            own && key.span().of(mapping.document().text()) == "semver" && mapping.get("tag").is_none()
        });
        let Some((mapping, key, _)) = found else {
            let to = if chart { version_of_tag(&target.resolved) } else { target.resolved.clone() };
            return self.value(
                site,
                to,
                vec!["the range is pinned where it stands, without a digest".to_owned()],
            );
        };
        let mut pinned = self.value(site, target.resolved.clone(), Vec::new())?;
        let at = self.locate(site, key);
        let name =
            Edit { path: at.path, span: at.span, expect: "semver".to_owned(), replace: "tag".to_owned() };
        pinned.edits.push(name);
        pinned.field = site.field.replace("semver", "tag");
        let (beside, free) = match is_git {
            true => (COMMIT, mapping.get(COMMIT).is_none() && mapping.get("branch").is_none()),
            false => (DIGEST, mapping.get(DIGEST).is_none()),
        };
        if let Some(digest) = target.digest.as_ref().filter(|_| free) {
            let place = self.insertion(site, mapping, "semver");
            pinned.edits.extend(place.map(|place| added(&place, beside, digest)));
            pinned.digest = Some(digest.clone());
        }
        pinned.edits.sort();
        Ok(pinned)
    }

    /// A tag takes the tag of the record, with its digest.
    fn tag(&self, site: &Site, target: &Target, beside: &str) -> Result<Pinned, Reason> {
        let Some(digest) = &target.digest else {
            if crate::plan::is_floating(site) {
                return Err(cannot(format!(
                    "`{}` moves, and the lock has no digest for it",
                    site.spot.value
                )));
            }
            return self.value(site, target.resolved.clone(), Vec::new());
        };
        // Tag and digest in one text.
        let inside = site.tag_and_digest().is_some();
        let whole = matches!(site.consumer, Consumer::Image) && !site.spot.frame.before.is_empty();
        if site.digest.is_none() && (inside || (whole && site.insertion.is_none())) {
            return self.value(site, format!("{}@{digest}", target.resolved), Vec::new());
        }
        let mut pinned = self.value(site, target.resolved.clone(), Vec::new())?;
        if let Some(old) = &site.digest {
            if old.value != *digest {
                pinned
                    .edits
                    .push(replace_spot(old, digest, self.quote(&old.at.path)).ok_or(Reason::MultiLine)?);
            }
        } else {
            let place =
                self.entry(site).filter(|_| site.at.span == site.spot.at.span && site.variable.is_none());
            let place = place.filter(|(mapping, ..)| beside != COMMIT || mapping.get("branch").is_none());
            let place = match (&site.insertion, place) {
                (Some(place), _) => Some(place.clone()),
                (None, Some((mapping, key, _))) if site.field.starts_with("spec.ref.") => {
                    self.insertion(site, mapping, key.text().unwrap_or_default())
                }
                _ => None,
            };
            match place {
                Some(place) => pinned.edits.push(added(&place, beside, digest)),
                None if crate::plan::is_floating(site) => return Err(no_room(site)),
                None => return Ok(pinned),
            }
        }
        pinned.digest = Some(digest.clone());
        pinned.edits.sort();
        Ok(pinned)
    }

    /// What is followed stays written, and the commit beside it counts.
    fn beside(&self, site: &Site, target: &Target, key: &str) -> Result<Pinned, Reason> {
        let Some(digest) = &target.digest else {
            return Err(cannot(format!("the lock has no {key} for `{}`", site.spot.value)));
        };
        let mut pinned = match site.part {
            Part::Name => self.value(site, site.spot.value.clone(), Vec::new())?,
            _ => self.value(site, target.resolved.clone(), Vec::new())?,
        };
        let own = site.at.span == site.spot.at.span && site.variable.is_none();
        let found = self.entry(site).filter(|(mapping, ..)| own && mapping.get(key).is_none());
        let place = found.and_then(|(mapping, name, _)| self.insertion(site, mapping, name.text()?));
        let Some(place) = place else {
            return Err(cannot(format!("no `{key}` can be written beside it")));
        };
        pinned.edits.push(added(&place, key, digest));
        pinned.digest = Some(digest.clone());
        pinned.edits.sort();
        Ok(pinned)
    }

    /// The tag or branch in the address of a remote resource; kustomize takes a commit there as well.
    fn address(&self, site: &Site, target: &Target) -> Result<Pinned, Reason> {
        if !crate::plan::is_floating(site) {
            return self.value(site, target.resolved.clone(), Vec::new());
        }
        let Some(commit) = &target.digest else { return Err(cannot("the lock has no commit for it")) };
        let note = format!("`{}` at that commit", target.resolved);
        self.value(site, commit.clone(), vec![note])
    }

    /// A field that is not written yet.
    fn added(&self, site: &Site, target: &Target) -> Result<Pinned, Reason> {
        let Some(place) = &site.insertion else {
            return Err(cannot(format!("no `{}` is written that could hold it", site.field)));
        };
        let name = site.field.rsplit('.').next().unwrap_or(&site.field);
        let to = match site.consumer {
            Consumer::HelmOci => version_of_tag(&target.resolved),
            _ => target.resolved.clone(),
        };
        let text = encode("x", Quote::Plain, &to, self.quote(&place.at.path)).ok_or(Reason::MultiLine)?;
        let edits = vec![added(place, name, &text)];
        Ok(Pinned { field: site.field.clone(), to, digest: None, edits, notes: Vec::new() })
    }

    /// The range of a policy gives way to the version, which it elects from then on.
    fn election(&self, site: &Site, target: &Target) -> Result<Pinned, Reason> {
        let policies = site.election().map(|marker| marker.policies.as_slice()).unwrap_or_default();
        let is_plain = policies.iter().all(|policy| policy.range().is_some() && !policy.is_filtered());
        if !is_plain || site.spot.raw.is_empty() || Version::parse_flux(&target.resolved).is_err() {
            return Err(cannot(
                "the policy elects by a filter or an order and has no version to write: suspend its automation, and take back \
                 what it wrote with git",
            ));
        }
        let to = target.resolved.strip_prefix('v').unwrap_or(&target.resolved).to_owned();
        self.value(site, to, vec!["the policy elects this version alone".to_owned()])
    }

    /// The value takes another one, and nothing else changes.
    fn value(&self, site: &Site, to: String, notes: Vec<String>) -> Result<Pinned, Reason> {
        let mut edits = Vec::new();
        if to != site.spot.value {
            let quote = self.quote(&site.spot.at.path);
            edits.push(replace_spot(&site.spot, &to, quote).ok_or(Reason::MultiLine)?);
        }
        Ok(Pinned { field: site.field.clone(), to, digest: None, edits, notes })
    }

    /// The entry of a mapping that a site's field is: the mapping, the key, the value.
    fn entry(&self, site: &Site) -> Option<(Node<'_, 'f>, Node<'_, 'f>, Node<'_, 'f>)> {
        let start = site.at.span.start;
        let held = self.inventory.documents.iter().find(|held| {
            let span = held.document.span();
            self.inventory.files[held.file].path == site.at.path && span.start <= start && start < span.end
        })?;
        let mappings = held.document.nodes().filter(|node| node.is_mapping() && node.span().start <= start);
        let mut found = mappings.filter_map(|mapping| {
            let entry = mapping.entries().find(|(_, value)| value.span() == site.at.span)?;
            Some((mapping, entry.0, entry.1))
        });
        found.next()
    }

    fn insertion(&self, site: &Site, mapping: Node<'_, 'f>, key: &str) -> Option<Insertion> {
        let number = self.inventory.files.iter().position(|file| file.path == site.at.path)?;
        insertion(&self.inventory.files[number], self.inventory.lines(number), mapping, key)
    }

    fn locate(&self, site: &Site, node: Node<'_, 'f>) -> crate::text::Location {
        crate::text::Location { path: site.at.path.clone(), span: node.span(), line: 0, column: 0 }
    }
}

fn added(place: &Insertion, key: &str, value: &str) -> Edit {
    Edit {
        path: place.at.path.clone(),
        span: place.at.span,
        expect: String::new(),
        replace: format!("{}{key}: {value}", place.before),
    }
}

/// Why a tag that moves gets no digest.
fn no_room(site: &Site) -> Reason {
    if site.at.path == site.spot.at.path && site.at.span == site.spot.at.span && site.variable.is_none() {
        return cannot("only its chart knows whether a digest may stand beside or inside the tag");
    }
    let (from, at) = (&site.spot.value, &site.spot.at);
    cannot(format!("its text, `{from}`, stands at {at}, and a digest would have to stand beside its field"))
}

pub(crate) fn cannot(detail: impl Into<String>) -> Reason {
    Reason::CannotPin { detail: detail.into() }
}
