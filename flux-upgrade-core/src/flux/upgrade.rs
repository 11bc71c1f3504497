//! The text for another release, with the options of the file that is there.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde::Serialize;

use super::archive::Release;
use super::carry::{Carried, Sides, Splice, carry, in_order_of, spliced};
use super::compare::{Delta, Path, pair};
use super::manifest::{Manifest, normal};
use super::prove::{Cause, Difference, Proof, ProveError, prove_with};
use super::recover::RecoverError;
use super::render::{RenderError, render};
use crate::version::Version;

/// What becomes of edits made by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LocalEdits {
    /// Nothing is written where there are any.
    #[default]
    Hold,
    /// They are carried over, field by field.
    Keep,
    /// They are dropped.
    Discard,
}

/// What became of one difference.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Fate {
    /// It is in the new text too.
    Kept,
    /// The new text says it anyway: a bot's half of the way, the header, labels of the version.
    Superseded,
    /// It is not in the new text.
    Dropped,
    /// It stops the upgrade.
    Held {
        /// Why it cannot be carried over, where that was wanted.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
}

/// A file of Flux's manifests on the way to another release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    /// What the file was.
    pub proof: Proof,
    /// What became of each difference, in the order of [`Proof::differences`].
    pub fates: Vec<Fate>,
    /// The new text; `None` where an edit stops it.
    pub text: Option<String>,
}

/// Why there is no text for the other release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// The file cannot be proven.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// The new release does not render with the options.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The release is older than the file.
    #[error("Flux {to} is older than the {from} of the file")]
    Downgrade {
        /// The version of the file.
        from: String,
        /// The release that was asked for.
        to: String,
    },
}

impl UpgradeError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Prove(error) => error.code(),
            Self::Render(error) => error.code(),
            Self::Downgrade { .. } => "upgrade.downgrade",
        }
    }
}

/// Moves a file of Flux's manifests from one release to another, with the options that it was made with.
///
/// `from` is the release of the file, `others` as for [`prove()`](super::prove()). Line ends, a byte order mark, a missing last line end and
/// another order of the documents stay.
///
/// # Errors
///
/// [`UpgradeError`] where the file cannot be proven or the new release does not render; edits are no error, see [`Upgrade::text`].
pub fn upgrade(
    text: &str,
    from: &Release,
    to: &Release,
    others: &[Release],
    local: LocalEdits,
) -> Result<Upgrade, UpgradeError> {
    if to.version().cmp_precedence(from.version()) == Ordering::Less {
        let [from, to] = [from, to].map(|release| release.version().text().to_owned());
        return Err(UpgradeError::Downgrade { from, to });
    }
    let normal = normal(text);
    let (proof, deltas, rendered) = prove_with(text, from, others)?;
    let new = render(to, &proof.recovered.options)?;
    let read = |text| Manifest::read(text).map_err(|error| ProveError::from(RecoverError::from(error)));
    let mut fates: Vec<Fate> = Vec::new();
    let mut out = new.clone();
    if !proof.differences.is_empty() {
        let merge = Merge { old: read(&rendered)?, found: read(&normal)?, new: read(&new)? };
        let is_sorted = proof.differences.iter().any(|one| one.cause == Cause::Order);
        (fates, out) = match local {
            LocalEdits::Keep => merge.keep(&proof.differences, &deltas, is_sorted),
            _ => {
                let fate = |one: &Difference| match local {
                    _ if !one.is_edit() => Fate::Kept,
                    LocalEdits::Discard => Fate::Dropped,
                    _ => Fate::Held { why: None },
                };
                (proof.differences.iter().map(fate).collect(), merge.ordered(&new, is_sorted))
            }
        };
    }
    let held = fates.iter().any(|fate| matches!(fate, Fate::Held { .. }));
    let text = (!held).then(|| as_written(text, out));
    Ok(Upgrade { proof, fates, text })
}

/// `new` with the byte order mark, the line ends and the end of `text`.
fn as_written(text: &str, mut new: String) -> String {
    if !text.ends_with('\n') {
        new.truncate(new.trim_end_matches('\n').len());
    }
    if text.contains("\r\n") {
        new = new.replace('\n', "\r\n");
    }
    if text.starts_with('\u{feff}') {
        new.insert(0, '\u{feff}');
    }
    new
}

struct Merge<'t> {
    old: Manifest<'t>,
    found: Manifest<'t>,
    new: Manifest<'t>,
}

impl Merge<'_> {
    /// The fates of all differences, and the new text with what is kept.
    fn keep(
        &self,
        differences: &[Difference],
        deltas: &[Option<Delta>],
        is_sorted: bool,
    ) -> (Vec<Fate>, String) {
        let partner = |manifest: &Manifest<'_>, old: usize| {
            pair(&self.old, manifest).into_iter().find(|(at, _)| *at == Some(old)).and_then(|(_, at)| at)
        };
        let (mut fates, mut splices, mut removed, mut added) =
            (Vec::new(), Vec::new(), BTreeSet::new(), Vec::new());
        let mut done: BTreeSet<(usize, Path)> = BTreeSet::new();
        for (one, delta) in differences.iter().zip(deltas) {
            let fate = match (&one.cause, delta) {
                (Cause::Order, _) => Fate::Kept,
                (Cause::Layout, _) => Fate::Dropped,
                (Cause::Header | Cause::Label, _) => Fate::Superseded,
                (Cause::Digest, _) => held("a digest belongs to one tag, and the tag moves"),
                (_, None) => held("it is no part of an object"),
                (Cause::ObjectAdded, Some(Delta { new: Some((at, _)), .. })) => {
                    let object = &self.found.objects[*at];
                    match self.new.objects.iter().any(|known| known.id == object.id) {
                        true => Fate::Superseded,
                        false => {
                            added.push(object.text());
                            Fate::Kept
                        }
                    }
                }
                (Cause::ObjectRemoved, Some(Delta { old: Some((at, _)), .. })) => {
                    removed.extend(partner(&self.new, *at));
                    Fate::Kept
                }
                (cause, Some(delta)) => {
                    let moved = matches!(cause, Cause::ImageOfRelease { .. } | Cause::ImageTag);
                    match (moved, self.field(delta, &partner, &mut done, &mut splices)) {
                        (_, Carried::Kept) => Fate::Kept,
                        (_, Carried::There) => Fate::Superseded,
                        (true, Carried::Conflict(_)) if self.is_behind(one, delta, &partner) => {
                            Fate::Superseded
                        }
                        (true, Carried::Conflict(_)) => {
                            held("its tag is newer than the one of the new release")
                        }
                        (false, Carried::Conflict(why)) => held(why),
                    }
                }
            };
            fates.push(fate);
        }
        let text = self.put_together(splices, &removed, &added, is_sorted);
        match text {
            Some(text) => (fates, text),
            None => {
                let kept = |fate| if fate == Fate::Kept { held("two edits overlap") } else { fate };
                (fates.into_iter().map(kept).collect(), String::new())
            }
        }
    }

    fn field(
        &self,
        delta: &Delta,
        partner: &impl Fn(&Manifest<'_>, usize) -> Option<usize>,
        done: &mut BTreeSet<(usize, Path)>,
        splices: &mut Vec<Splice>,
    ) -> Carried {
        let gone = Carried::Conflict("its object is gone in the new release");
        let at = |old: usize| Some((old, partner(&self.found, old)?, partner(&self.new, old)?));
        // A field that only the file has names its object by the file's number.
        let old = delta.old.map(|(old, _)| old).or_else(|| {
            let (found, _) = delta.new?;
            let pairs = pair(&self.old, &self.found);
            pairs.into_iter().find(|(_, at)| *at == Some(found)).and_then(|(old, _)| old)
        });
        let Some((old, found, new)) = old.and_then(at) else { return gone };
        let sides = Sides {
            old: &self.old.objects[old],
            found: &self.found.objects[found],
            new: &self.new.objects[new],
        };
        let mut own: BTreeSet<_> =
            done.iter().filter(|(at, _)| *at == old).map(|(_, path)| path.clone()).collect();
        let carried = carry(&sides, &delta.path, &mut own, splices);
        done.extend(own.into_iter().map(|path| (old, path)));
        carried
    }

    /// Whether the tag of an edited image is no newer than the one of the new release.
    fn is_behind(
        &self,
        one: &Difference,
        delta: &Delta,
        partner: &impl Fn(&Manifest<'_>, usize) -> Option<usize>,
    ) -> bool {
        let tag = |image: &str| {
            let name = image.split('@').next()?;
            Version::parse(name.rsplit_once(':')?.1).ok()
        };
        let new = || {
            let (old, _) = delta.old?;
            let object = &self.new.objects[partner(&self.new, old)?];
            let pod = object.root()?.at(&["spec", "template", "spec", "containers"])?.resolved()?;
            let container = pod.items().next()?.resolved()?;
            tag(container.text_at(&["image"])?)
        };
        match (one.found.as_deref().and_then(tag), new()) {
            (Some(found), Some(new)) => found.cmp_precedence(&new) != Ordering::Greater,
            _ => false,
        }
    }

    /// The new text in the order of the file.
    fn ordered(&self, new: &str, is_sorted: bool) -> String {
        let plain = || self.put_together(Vec::new(), &BTreeSet::new(), &[], is_sorted);
        if is_sorted { plain().unwrap_or_else(|| new.to_owned()) } else { new.to_owned() }
    }

    fn put_together(
        &self,
        splices: Vec<Splice>,
        removed: &BTreeSet<usize>,
        added: &[&str],
        is_sorted: bool,
    ) -> Option<String> {
        let edited = spliced(self.new.text, splices)?;
        let whole = Manifest::read(&edited).ok()?;
        let first = whole.objects.first()?.span.start;
        let kept: Vec<_> = match is_sorted {
            true => in_order_of(&self.found, &whole),
            false => whole.objects.iter().collect(),
        };
        let gone: BTreeSet<_> = removed.iter().map(|at| &self.new.objects[*at].id).collect();
        let mut out = edited[..first].to_owned();
        let texts = kept.into_iter().filter(|object| !gone.contains(&object.id)).map(|object| object.text());
        for (number, text) in texts.chain(added.iter().copied()).enumerate() {
            if number > 0 {
                out.push_str("---\n");
            }
            out.push_str(text);
            if !text.ends_with('\n') {
                out.push('\n');
            }
        }
        Some(out)
    }
}

fn held(why: &str) -> Fate {
    Fate::Held { why: Some(why.to_owned()) }
}
