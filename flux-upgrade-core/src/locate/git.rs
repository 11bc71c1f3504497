//! GitRepository: commit, name, tag or range.

use super::field::{Draft, Text};
use super::oci::range_or_version;
use super::{Consumer, Here, Part, Site, SourceKey};
use crate::diagnostic::Severity;

/// The site in `spec.ref`: what Flux checks out, commit over name over tag over semver over branch.
///
/// A commit beside a tag moves with it. Source: fluxcd/pkg `git/gogit/clone.go`; its documentation promises semver over
/// tag, which is not what runs, so an object with both gets a finding.
pub(super) fn repository(here: &Here<'_, '_>, sites: &mut Vec<Site>) {
    let field = |key: &str| {
        here.at(&["spec", "ref", key]).filter(|node| node.text().is_some_and(|text| !text.is_empty()))
    };
    let (commit, name, tag, semver) = (field("commit"), field("name"), field("tag"), field("semver"));
    let template = template(here);
    let draft = |field: &str, part| Draft { field: field.to_owned(), part, ..template.clone() };
    let mut found = match (commit, name, tag, semver) {
        (Some(commit), None, Some(tag), _) => here
            .site(tag, draft("spec.ref.tag", Part::Tag))
            .map(|site| here.with_digest(site, commit))
            .into_iter()
            .collect(),
        (Some(commit), ..) => here.sites(&Text::whole(commit), |_| draft("spec.ref.commit", Part::Commit)),
        (None, Some(name), ..) => here.sites(&Text::whole(name), |_| draft("spec.ref.name", Part::Name)),
        (None, None, Some(tag), _) => here.sites(&Text::whole(tag), |_| draft("spec.ref.tag", Part::Tag)),
        (None, None, None, Some(semver)) => {
            here.sites(&Text::whole(semver), |text| draft("spec.ref.semver", range_or_version(text)))
        }
        (None, None, None, None) => Vec::new(),
    };
    for site in &mut found {
        site.branch = here.text_at(&["spec", "ref", "branch"]).map(str::to_owned);
    }
    if let (Some(site), None, None, Some(_), Some(semver)) = (found.first_mut(), commit, name, tag, semver) {
        let message = "`spec.ref.semver` has no effect: Flux checks out `tag` when both are set".to_owned();
        let finding = here.finding("manifest.contradictory-ref", Severity::Warning, semver, message);
        site.findings
            .push(finding.with_help("remove one of the two; Flux's documentation promises the opposite"));
    }
    sites.extend(found);
}

/// What every site of a GitRepository shares: who reads it, and its source.
pub(super) fn template(here: &Here<'_, '_>) -> Draft {
    let found = here.url();
    let source_url = found.as_ref().ok().map(|(url, _)| url.trim_end_matches('/').to_owned());
    let (source, source_at) = match found {
        Ok((url, at)) => (Ok(SourceKey::Git { url }), at),
        Err(reason) => (Err(reason), None),
    };
    Draft { field: String::new(), part: Part::Tag, consumer: Consumer::Git, source, source_at, source_url }
}
