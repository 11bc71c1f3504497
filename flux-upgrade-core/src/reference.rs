//! Addresses of sources, brought to one form so that each source is asked once.

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
    let (host, scheme) = (host.to_ascii_lowercase(), scheme.to_ascii_lowercase());
    if scheme.is_empty() { format!("{host}{path}") } else { format!("{scheme}://{host}{path}") }
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
