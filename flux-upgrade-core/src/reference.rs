//! Addresses of sources, brought to one form so that each source is asked once, and image references.

use std::borrow::Cow;
use std::ops::Range;

/// `host/path` of an OCI repository: no scheme, no tag, docker.io's names in full.
///
/// `nginx`, `docker.io/nginx` and `index.docker.io/library/nginx` are one repository. Source: distribution/reference
/// `normalize.go`.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::reference::normalise_repository;
/// assert_eq!(normalise_repository("nginx"), "docker.io/library/nginx");
/// assert_eq!(normalise_repository("oci://GHCR.io/stefanprodan/podinfo/"), "ghcr.io/stefanprodan/podinfo");
/// ```
#[must_use]
pub fn normalise_repository(text: &str) -> String {
    let text = text.strip_prefix("oci://").unwrap_or(text).trim_matches('/');
    let is_host = |part: &str| {
        part == "localhost" || part.contains(['.', ':']) || part.bytes().any(|byte| byte.is_ascii_uppercase())
    };
    let (host, path) = match text.split_once('/') {
        Some((host, path)) if is_host(host) => {
            // A host by its case alone keeps it, so that the result is read as the same host.
            let lower = host.to_ascii_lowercase();
            (if is_host(&lower) { lower } else { host.to_owned() }, path)
        }
        _ => ("docker.io".to_owned(), text),
    };
    let host =
        if matches!(host.as_str(), "index.docker.io" | "registry-1.docker.io") { "docker.io" } else { &host };
    let library = if host == "docker.io" && !path.contains('/') { "library/" } else { "" };
    format!("{host}/{library}{path}")
}

/// An HTTP address without trailing slash, scheme and host without case.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::reference::normalise_url;
/// assert_eq!(normalise_url("HTTPS://Charts.Example.com/Stable/"), "https://charts.example.com/Stable");
/// ```
#[must_use]
pub fn normalise_url(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = path.trim_end_matches('/');
    // A user and a password in front of the host have case.
    let (user, host) = host.split_at(host.rfind('@').map_or(0, |at| at + 1));
    let (host, scheme) = (format!("{user}{}", host.to_ascii_lowercase()), scheme.to_ascii_lowercase());
    if scheme.is_empty() { format!("{host}{path}") } else { format!("{scheme}://{host}{path}") }
}

/// An address as it may be shown: the user of ssh stays, as it is none's secret; every other login goes, also out of what is
/// no address.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::reference::without_login;
/// assert_eq!(without_login("https://robot:secret@charts.example.com/a"), "https://charts.example.com/a");
/// assert_eq!(without_login("ssh://git:secret@git.example.com/a@b"), "ssh://git@git.example.com/a@b");
/// assert_eq!(without_login("git@git.example.com:a"), "git@git.example.com:a");
/// assert_eq!(without_login("robot:secret@registry.example.com/a"), "registry.example.com/a");
/// assert_eq!(without_login("https://robot:not/encoded@example.com/a"), "https://example.com/a");
/// ```
#[must_use]
pub fn without_login(url: &str) -> Cow<'_, str> {
    let (scheme, rest) = url.split_at(url.find("://").map_or(0, |at| at + 3));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // A password may have those signs, written by somebody who did not know that they want encoding: then what stands where
    // the port stands is none.
    let is_cut = rest[..end].rsplit_once(':').is_some_and(|(_, port)| {
        !rest[..end].contains('@') && !port.ends_with(']') && !port.bytes().all(|byte| byte.is_ascii_digit())
    });
    let at = rest.get(..if is_cut { rest.len() } else { end }).and_then(|part| part.rfind('@'));
    let Some((login, host)) = at.map(|at| (&rest[..at], &rest[at + 1..])) else { return Cow::Borrowed(url) };
    let user = login.split(':').next().unwrap_or_default();
    let is_ssh = scheme.to_ascii_lowercase().contains("ssh")
        || (scheme.is_empty() && user == login && host.contains(':'));
    match (is_ssh, user == login) {
        (true, true) => Cow::Borrowed(url),
        (true, false) => Cow::Owned(format!("{scheme}{user}@{host}")),
        (false, _) => Cow::Owned(format!("{scheme}{host}")),
    }
}

/// `host/path` of a git repository, the same for its https, ssh and scp-like forms, with or without `.git`.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::reference::normalise_git;
/// let form = "github.com/stefanprodan/podinfo";
/// assert_eq!(normalise_git("https://github.com/stefanprodan/podinfo.git"), form);
/// assert_eq!(normalise_git("ssh://git@github.com:22/stefanprodan/podinfo"), form);
/// assert_eq!(normalise_git("git@github.com:stefanprodan/podinfo.git"), form);
/// ```
#[must_use]
pub fn normalise_git(text: &str) -> String {
    let (host, path) = match text.split_once("://") {
        Some((_, rest)) => rest.split_once('/').unwrap_or((rest, "")),
        None => match text.split_once(':') {
            Some((host, path)) if !host.contains('/') => (host, path),
            _ => text.split_once('/').unwrap_or((text, "")),
        },
    };
    let ssh = text.starts_with("ssh://") || !text.contains("://");
    let host = host.rsplit('@').next().unwrap_or(host).to_ascii_lowercase();
    let host = match host.rsplit_once(':') {
        Some((name, port)) if default_port(text, ssh, port) => name.to_owned(),
        _ => host,
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    format!("{host}/{path}")
}

/// The parts of an image reference, as bytes of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageReference {
    /// Host and path.
    pub(crate) repository: Range<usize>,
    pub(crate) tag: Option<Range<usize>>,
    pub(crate) digest: Option<Range<usize>>,
}

impl ImageReference {
    /// Reads `[host[:port]/]path[:tag][@digest]`; variables `${…}` may stand in any part. `None` for what no registry takes.
    ///
    /// Source: distribution/reference `grammar.go` and `regexp.go`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let masked = mask(text);
        let (name, digest) = match masked.split_once('@') {
            Some((name, digest)) => (name, Some(name.len() + 1..name.len() + 1 + digest.len())),
            None => (masked.as_str(), None),
        };
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => {
                (repository, Some(repository.len() + 1..name.len()))
            }
            _ => (name, None),
        };
        let digest_fits = digest.clone().is_none_or(|range| is_digest_text(&masked[range]));
        let tag_fits = tag.clone().is_none_or(|range| is_tag(&masked[range]));
        (digest_fits && tag_fits && is_repository(repository)).then_some(Self {
            repository: 0..repository.len(),
            tag,
            digest,
        })
    }
}

/// The text with each variable as so many letters.
fn mask(text: &str) -> String {
    let mut out = text.to_owned();
    let mut from = 0;
    while let Some(start) = out[from..].find("${").map(|at| from + at) {
        let Some(end) = out[start..].find('}').map(|at| start + at + 1) else { break };
        out.replace_range(start..end, &"x".repeat(end - start));
        from = end;
    }
    out
}

/// Whether a text is a tag that a registry takes.
pub(crate) fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

/// `algorithm:hex`, or a variable in its place.
fn is_digest_text(text: &str) -> bool {
    match text.split_once(':') {
        Some((algorithm, hex)) => {
            !algorithm.is_empty()
                && algorithm.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && (hex.len() >= 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) || is_masked(hex))
        }
        None => is_masked(text),
    }
}

fn is_masked(text: &str) -> bool {
    text.len() > 3 && text.bytes().all(|byte| byte == b'x')
}

/// Whether a text is a repository: a host, where the first part looks like one, and a path of lower case.
pub(crate) fn is_repository(text: &str) -> bool {
    let (host, path) = match text.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), path),
        _ => (None, text),
    };
    let host_fits = host.is_none_or(|host| {
        host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'_'))
            && host.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
    });
    let part_fits = |part: &str| {
        let ends =
            |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        ends(part.bytes().next())
            && ends(part.bytes().last())
            && part.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_')
            })
    };
    host_fits && path.split('/').all(part_fits)
}

fn default_port(text: &str, ssh: bool, port: &str) -> bool {
    match port {
        "22" => ssh,
        "443" => text.starts_with("https:"),
        "80" => text.starts_with("http:"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_an_image_reference() {
        let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
        let with = |text: &str| text.replace("DIGEST", &digest);
        for (text, repository, tag, of_digest) in [
            ("nginx", "nginx", None, None),
            ("nginx:1.25", "nginx", Some("1.25"), None),
            ("registry.example.com:5000/team/app", "registry.example.com:5000/team/app", None, None),
            ("registry.example.com:5000/team/app:v1", "registry.example.com:5000/team/app", Some("v1"), None),
            ("localhost/app:v1_2.3-rc", "localhost/app", Some("v1_2.3-rc"), None),
            ("ghcr.io/a/b@DIGEST", "ghcr.io/a/b", None, Some("DIGEST")),
            ("ghcr.io/a/b:v1@DIGEST", "ghcr.io/a/b", Some("v1"), Some("DIGEST")),
            ("ghcr.io/a/b:${TAG}", "ghcr.io/a/b", Some("${TAG}"), None),
            ("${REGISTRY}/b:v${TAG:=1:2/3}-x", "${REGISTRY}/b", Some("v${TAG:=1:2/3}-x"), None),
            ("ghcr.io/a/b:v1@${PIN_OF_B}", "ghcr.io/a/b", Some("v1"), Some("${PIN_OF_B}")),
        ] {
            let text = with(text);
            let image = ImageReference::parse(&text).expect(&text);
            assert_eq!(&text[image.repository], repository, "{text}");
            assert_eq!(image.tag.map(|tag| &text[tag]), tag, "{text}");
            let of_digest = of_digest.map(|word| if word == "DIGEST" { digest.as_str() } else { word });
            assert_eq!(image.digest.map(|digest| &text[digest]), of_digest, "{text}");
        }
    }

    #[test]
    fn what_is_no_image_reference() {
        let long = format!("nginx:{}", "1".repeat(129));
        for text in [
            "",
            ":1.25",
            "nginx:",
            "nginx:-1",
            "Ubuntu 22.04",
            "Team/App:v1",
            "./sea:1.jpg",
            "a//b:1",
            "a/b/:1",
            "https://example.com/logo.png",
            "https://example.com:8443/logo.png:1",
            "nginx@sha256:123",
            "nginx@latest",
            "nginx:1.25@",
            "{{ .Values.image }}",
            long.as_str(),
        ] {
            assert_eq!(ImageReference::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_normal_form_of_a_repository_is_its_own() {
        for (text, expected) in [
            ("Registry/app", "Registry/app"),
            ("Registry:5000/app", "registry:5000/app"),
            ("team/app", "docker.io/team/app"),
        ] {
            assert_eq!(normalise_repository(text), expected, "{text}");
            assert_eq!(normalise_repository(expected), expected, "{text}");
        }
    }
}
