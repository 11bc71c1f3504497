//! Flux's own releases: which there are, and the manifests of one.
//!
//! Tags of the git repository say which there are: unlike the forge's API, a listing of refs has no hourly limit.

use super::{Address, Attach, HttpRequest, HttpResponse, address, status_failure};
use crate::plan::Failure;
use crate::resolve::Candidate;
use crate::version::Version;

/// The git repository whose tags are Flux's releases.
pub const REPOSITORY: &str = "https://github.com/fluxcd/flux2";

/// Where the manifests of releases are, unless somebody names another place.
pub const RELEASES: &str = "https://github.com/fluxcd/flux2/releases";

/// What an archive of manifests may be at most, packed: ten times the largest of the releases up to 2.9.
const ARCHIVE_BYTES: u64 = 4 << 20;

/// The releases among the refs of [`REPOSITORY`], newest first, pre-releases left out.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::resolve::Candidate;
/// use flux_upgrade_core::wire::flux_release::releases;
/// let refs = ["refs/heads/main", "refs/tags/v2.9.4", "refs/tags/v2.10.0", "refs/tags/v2.10.0-rc.1"].map(Candidate::new);
/// assert_eq!(releases(&refs), ["v2.10.0", "v2.9.4"]);
/// ```
#[must_use]
pub fn releases(refs: &[Candidate]) -> Vec<String> {
    let read = |found: &Candidate| {
        let tag = found.text.strip_prefix("refs/tags/")?;
        let version = Version::parse_flux(tag).ok().filter(|version| !version.is_prerelease())?;
        tag.starts_with('v').then(|| (version, tag.to_owned()))
    };
    let mut found: Vec<(Version, String)> = refs.iter().filter_map(read).collect();
    found.sort_by(|(a, _), (b, _)| b.cmp_precedence(a));
    found.into_iter().map(|(_, tag)| tag).collect()
}

/// The request for `manifests.tar.gz` of a release at `base`, such as [`RELEASES`].
///
/// # Errors
///
/// [`Failure::Malformed`] for a base that is no address, or a tag that is none of a release.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::wire::flux_release::{RELEASES, manifests_request};
/// let request = manifests_request(RELEASES, "v2.9.4").unwrap();
/// assert_eq!(request.url, "https://github.com/fluxcd/flux2/releases/download/v2.9.4/manifests.tar.gz");
/// assert!(manifests_request(RELEASES, "../x").is_err());
/// ```
pub fn manifests_request(base: &str, tag: &str) -> Result<HttpRequest, Failure> {
    if !tag.starts_with('v') || Version::parse_flux(tag).is_err() {
        return Err(Failure::Malformed { detail: format!("`{tag}` is no release of Flux") });
    }
    let base = base.trim_end_matches('/');
    Address::parse(base).ok_or_else(|| address::no_address(base))?;
    let url = format!("{base}/download/{tag}/manifests.tar.gz");
    let request = HttpRequest::get(url, "application/octet-stream", ARCHIVE_BYTES);
    // A mirror of the house may want a login; Flux's own releases want none.
    let attach = if base == RELEASES { Attach::Nothing } else { Attach::IfAny };
    Ok(HttpRequest { attach, ..request })
}

/// The bytes of the archive.
///
/// # Errors
///
/// What the status means; [`Failure::Malformed`] for a body that is not packed by gzip.
pub fn manifests(response: HttpResponse) -> Result<Vec<u8>, Failure> {
    if let Some(failure) = status_failure(&response) {
        return Err(failure);
    }
    if !response.body.starts_with(&[0x1f, 0x8b]) {
        return Err(response.not("an archive packed by gzip", "it begins otherwise"));
    }
    Ok(response.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_packed() {
        let response = |status, body: &[u8]| HttpResponse {
            body: body.to_vec(),
            ..HttpResponse::new("https://x/", status)
        };
        assert_eq!(manifests(response(200, &[0x1f, 0x8b, 8])), Ok(vec![0x1f, 0x8b, 8]));
        assert_eq!(manifests(response(404, &[0x1f, 0x8b, 8])), Err(Failure::NotFound));
        assert!(matches!(manifests(response(200, b"<html>")), Err(Failure::Malformed { .. })));
    }
}
