//! From image automation back to a pin or a range: the marker goes, and the field is read as if there were none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Converted, Wanted};
use crate::automate::{self, Policy, Setter};
use crate::diagnostic::{Diagnostic, Severity};
use crate::locate::{Consumer, Released, Site, Spot, released};
use crate::patch::Edit;
use crate::plan::Reason;
use crate::scan::Inventory;
use crate::text::Span;

/// The markers of the files.
pub(super) struct Markers<'f> {
    /// By the field that each is of.
    fields: BTreeMap<Released, Marker<'f>>,
}

struct Marker<'f> {
    setter: Setter,
    policy: Option<Arc<Policy>>,
    /// The rest of the line, which is the comment; none where it stands elsewhere than behind its field.
    comment: Option<(Span, &'f str)>,
}

/// Marked fields that somebody names, with those beside them that the same policy moves.
pub(super) fn wanted(inventory: &Inventory<'_>, sites: &[Site], wanted: &[Wanted]) -> BTreeSet<Released> {
    let is_named =
        |site: &Site| wanted.iter().any(|wanted| !wanted.is_all() && wanted.matches(inventory, site));
    let key = |site: &Site| {
        let marker = site.marker.as_ref()?;
        let parent = site.field.rsplit_once('.').map_or("", |(parent, _)| parent).to_owned();
        let policy = (marker.setter.namespace.clone(), marker.setter.policy.clone());
        Some((site.at.path.clone(), site.owner.clone(), parent, policy))
    };
    let named: BTreeSet<_> = sites.iter().filter(|site| is_named(site)).filter_map(key).collect();
    let beside = |site: &&Site| key(site).is_some_and(|key| named.contains(&key));
    sites.iter().filter(beside).map(|site| released(&site.spot.at)).collect()
}

impl<'f> Markers<'f> {
    pub(super) fn read(inventory: &Inventory<'f>) -> Self {
        let marked = automate::sites(inventory);
        let read = marked.into_iter().filter_map(|site| {
            let marker = site.marker.as_ref()?;
            let file = inventory.files.iter().find(|file| file.path == site.at.path)?;
            let end = site.spot.at.span.end;
            let line = file.text.get(end..)?.split(['\n', '\r']).next()?;
            let comment =
                line.trim_start().starts_with('#').then(|| (Span::new(end, end + line.len()), line));
            let marker =
                Marker { setter: marker.setter.clone(), policy: marker.policies.first().cloned(), comment };
            Some((released(&site.spot.at), marker))
        });
        Self { fields: read.collect() }
    }

    fn of(&self, spot: &Spot) -> Option<&Marker<'f>> {
        self.fields.get(&released(&spot.at))
    }

    /// Whether a site is one that a marker held.
    pub(super) fn held(&self, site: &Site) -> bool {
        site.marker.is_none() && self.of(&site.spot).is_some()
    }

    /// The range by which the policy elected.
    ///
    /// # Errors
    ///
    /// Where the policy filters tags in a way that the field cannot say.
    pub(super) fn range(&self, site: &Site) -> Result<Option<String>, Reason> {
        let Some(policy) = self.of(&site.spot).and_then(|marker| marker.policy.as_ref()) else {
            return Ok(None);
        };
        let says_filter = matches!(&site.consumer, Consumer::Oci { filter: Some(_), .. });
        if policy.is_filtered() && !says_filter {
            let detail = format!(
                "a policy without `filterTags`, or a `semverFilter` beside the field: ImagePolicy {} filters tags",
                policy.name
            );
            return Err(Reason::Requires { detail });
        }
        Ok(policy.range().map(str::to_owned))
    }

    /// A conversion without the markers of its site.
    ///
    /// # Errors
    ///
    /// Where a marker stands elsewhere than behind its field.
    pub(super) fn taken_out(&self, site: &Site, mut converted: Converted) -> Result<Converted, Reason> {
        for spot in [Some(&site.spot), site.digest.as_ref()].into_iter().flatten() {
            let Some(marker) = self.of(spot) else { continue };
            let Some((span, text)) = marker.comment else {
                let detail = format!("a marker behind the field at {}, and it stands elsewhere", spot.at);
                return Err(Reason::Requires { detail });
            };
            let path = &spot.at.path;
            let is_gone = |edit: &Edit| {
                edit.path == *path && edit.span.start <= span.start && span.end <= edit.span.end
            };
            if !converted.edits.iter().any(is_gone) {
                let expect = text.to_owned();
                converted.edits.push(Edit { path: path.clone(), span, expect, replace: String::new() });
            }
            converted.gone.push(text.trim().trim_start_matches('#').trim().to_owned());
            let note = format!("ImagePolicy {}/{} moved it", marker.setter.namespace, marker.setter.policy);
            if !converted.notes.contains(&note) {
                converted.notes.push(note);
            }
        }
        converted.edits.sort();
        Ok(converted)
    }

    /// Policies that no marker names any more.
    pub(super) fn orphans<'s>(&self, converted: impl Iterator<Item = &'s Site>) -> Vec<Diagnostic> {
        let spots = converted.flat_map(|site| [Some(&site.spot), site.digest.as_ref()]).flatten();
        let gone: BTreeSet<Released> = spots.map(|spot| released(&spot.at)).collect();
        let is_gone = |place: &Released| gone.contains(place);
        let kept: BTreeSet<(&str, &str)> = self
            .fields
            .iter()
            .filter(|(place, _)| !is_gone(place))
            .map(|(_, marker)| (marker.setter.namespace.as_str(), marker.setter.policy.as_str()))
            .collect();
        let mut found = BTreeMap::new();
        for (_, marker) in self.fields.iter().filter(|(place, _)| is_gone(place)) {
            let Some(policy) = &marker.policy else { continue };
            if !kept.contains(&(marker.setter.namespace.as_str(), marker.setter.policy.as_str())) {
                found.insert(&policy.at, (&marker.setter.namespace, &policy.name));
            }
        }
        let finding = |(at, (namespace, name)): (&crate::text::Location, (&String, &String))| {
            let message = format!("no marker names ImagePolicy {namespace}/{name} any more");
            let finding = Diagnostic::new("convert.orphan", Severity::Note, at.clone(), message);
            finding.with_help("remove it, and its ImageRepository where no other policy looks at that")
        };
        found.into_iter().map(finding).collect()
    }
}
