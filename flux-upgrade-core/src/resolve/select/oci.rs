//! OCIRepository: `spec.ref`, and listings of artifacts.

use super::git::{Equals, highest};
use super::{Candidate, SelectError, Selection};
use crate::version::{Dialect, Pattern, Range, Version};

/// `OCIRepository.spec.ref`, as written; an empty text counts as absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OciReference<'a> {
    /// `ref.digest`
    pub digest: Option<&'a str>,
    /// `ref.semver`
    pub semver: Option<&'a str>,
    /// `ref.semverFilter`, ignored without `semver`.
    pub semver_filter: Option<&'a str>,
    /// `ref.tag`
    pub tag: Option<&'a str>,
}

/// The field of an [`OciReference`] that takes effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OciSelector {
    /// A digest.
    Digest(String),
    /// The highest tag in a range, of those that match the filter.
    SemVer {
        /// The range.
        range: Range,
        /// The filter, tested on the tag as the registry gives it.
        filter: Option<Pattern>,
    },
    /// A tag.
    Tag(String),
}

impl OciReference<'_> {
    /// What takes effect: digest over semver over tag; nothing means the tag `latest`.
    ///
    /// Source: fluxcd/source-controller `internal/controller/ocirepository_controller.go`.
    ///
    /// # Errors
    ///
    /// [`SelectError::Digest`], [`SelectError::Range`], [`SelectError::Pattern`].
    pub fn selector(&self, dialect: Dialect) -> Result<OciSelector, SelectError> {
        let [digest, semver, filter, tag] = [self.digest, self.semver, self.semver_filter, self.tag]
            .map(|field| field.filter(|text| !text.is_empty()));
        if let Some(digest) = digest {
            if !is_digest(digest) {
                return Err(SelectError::Digest { text: digest.to_owned() });
            }
            return Ok(OciSelector::Digest(digest.to_owned()));
        }
        if let Some(range) = semver {
            let filter = filter.map(Pattern::parse).transpose()?;
            return Ok(OciSelector::SemVer { range: Range::parse_in(range, dialect)?, filter });
        }
        Ok(OciSelector::Tag(tag.unwrap_or("latest").to_owned()))
    }
}

/// The tag that `ref.semver` selects.
///
/// The filter sees the raw tag. `helm_layer` says whether the layer selector names Helm's chart layer: only then `_` in a
/// tag reads as `+`. Among equal versions Flux's outcome depends on an unstable sort: they are ties. Source:
/// fluxcd/source-controller `internal/controller/ocirepository_controller.go`.
///
/// # Errors
///
/// [`SelectError::NoMatch`].
pub fn oci_tag<'a>(
    range: &Range,
    filter: Option<&Pattern>,
    helm_layer: bool,
    tags: &'a [Candidate],
    dialect: Dialect,
) -> Result<Selection<'a>, SelectError> {
    highest(range, tags, Equals::Tied, |tag| {
        if filter.is_some_and(|filter| !filter.is_match(&tag.text)) {
            return None;
        }
        let text = if helm_layer { tag.text.replace('_', "+") } else { tag.text.clone() };
        Version::parse_flux_in(&text, dialect).ok()
    })
}

/// The reference that an OCIRepository fetches: address and tag, or address and digest.
///
/// # Errors
///
/// [`SelectError::Url`] if the URL does not start with `oci://`.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::resolve::select::artifact_reference;
/// assert_eq!(artifact_reference("oci://registry.example/app", "1.2.3")?, "registry.example/app:1.2.3");
/// # Ok::<(), flux_upgrade_core::resolve::select::SelectError>(())
/// ```
pub fn artifact_reference(url: &str, tag_or_digest: &str) -> Result<String, SelectError> {
    let address = url.strip_prefix("oci://").ok_or_else(|| SelectError::Url { url: url.to_owned() })?;
    let address = address.trim_end_matches('/');
    let mark = if is_digest(tag_or_digest) { '@' } else { ':' };
    Ok(format!("{address}{mark}{tag_or_digest}"))
}

/// Whether a text is an OCI digest: an algorithm, a colon and hex digits of that algorithm's length.
///
/// Source: OCI image specification, `descriptor.md`.
pub fn is_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else { return false };
    let length_fits = match algorithm {
        "sha256" => hex.len() == 64,
        "sha384" => hex.len() == 96,
        "sha512" => hex.len() == 128,
        _ => hex.len() >= 32,
    };
    let named = !algorithm.is_empty()
        && algorithm
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'_' | b'-'));
    named && length_fits && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The tags that `flux list artifacts` shows: without cosign's unless asked for, matching the pattern, in the range.
///
/// Source: fluxcd/pkg `oci/list.go`.
pub fn list_tags<'a, T: AsRef<str>>(
    tags: &'a [T],
    pattern: Option<&Pattern>,
    range: Option<&Range>,
    with_cosign: bool,
) -> Vec<&'a str> {
    let is_cosign = |tag: &str| [".sig", ".att", ".sbom"].iter().any(|end| tag.ends_with(end));
    tags.iter()
        .map(AsRef::as_ref)
        .filter(|tag| with_cosign || !is_cosign(tag))
        .filter(|tag| pattern.is_none_or(|pattern| pattern.is_match(tag)))
        .filter(|tag| match range {
            None => true,
            Some(range) => Version::parse_flux(tag).is_ok_and(|version| range.matches(&version)),
        })
        .collect()
}
