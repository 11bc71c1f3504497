//! GitRepository: commit, name, tag or range.

use super::field::{Draft, variable};
use super::oci::range_or_version;
use super::{Consumer, Here, Part, Site, SourceKey};
use crate::diagnostic::Severity;
use crate::plan::Reason;

/// The site in `spec.ref`: what Flux checks out, commit over name over tag over semver over branch.
///
/// A commit beside a tag moves with it. Source: fluxcd/pkg `git/gogit/clone.go`; its documentation promises semver over
/// tag, which is not what runs, so an object with both gets a finding.
pub(super) fn repository(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    let Some(spec) = here.node.get("spec") else { return };
    let Some(reference) = spec.get("ref") else { return };
    let field =
        |key: &str| reference.get(key).filter(|node| node.text().is_some_and(|text| !text.is_empty()));
    let (commit, name, tag, semver) = (field("commit"), field("name"), field("tag"), field("semver"));
    let found = here.url(spec);
    let source_url = found.as_ref().ok().map(|(url, _)| url.trim_end_matches('/').to_owned());
    let (source, source_at) = match found {
        Ok((url, at)) => match variable(&url) {
            Some(variable) => (Err(Reason::Substituted { variable: variable.to_owned() }), at),
            None => (Ok(SourceKey::Git { url }), at),
        },
        Err(reason) => (Err(reason), None),
    };
    let draft = |field, part| Draft {
        field,
        part,
        consumer: Consumer::Git,
        source: source.clone(),
        source_at: source_at.clone(),
        source_url: source_url.clone(),
    };
    let mut site = match (commit, name, tag, semver) {
        (Some(commit), None, Some(tag), _) => {
            here.site(tag, draft("spec.ref.tag", Part::Tag)).map(|mut site| {
                site.digest = here.spot(commit);
                site.blocked = site.blocked.or_else(|| here.blocked(commit));
                site
            })
        }
        (Some(commit), ..) => here.site(commit, draft("spec.ref.commit", Part::Commit)),
        (None, Some(name), ..) => here.site(name, draft("spec.ref.name", Part::Name)),
        (None, None, Some(tag), _) => here.site(tag, draft("spec.ref.tag", Part::Tag)),
        (None, None, None, Some(semver)) => {
            here.site(semver, draft("spec.ref.semver", range_or_version(semver)))
        }
        (None, None, None, None) => None,
    };
    if let Some(site) = &mut site {
        site.branch = reference.text_at(&["branch"]).map(str::to_owned);
    }
    if let (Some(site), None, None, Some(_), Some(semver)) = (&mut site, commit, name, tag, semver) {
        let message = "`spec.ref.semver` has no effect: Flux checks out `tag` when both are set".to_owned();
        let finding = here.finding("manifest.contradictory-ref", Severity::Warning, semver, message);
        site.findings
            .push(finding.with_help("remove one of the two; Flux's documentation promises the opposite"));
    }
    sites.extend(site);
}
