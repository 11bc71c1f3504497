//! From a remote's URL to the forge behind it.

use std::fmt;
use std::str::FromStr;

use super::ForgeError;
use crate::host::repository::without_logins;
use crate::rules::ValueError;
use crate::wire::Address;

/// A kind of forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgeKind {
    /// github.com, and GitHub Enterprise.
    GitHub,
    /// gitlab.com, and GitLab of the house.
    GitLab,
    /// Gitea and Forgejo, which speak alike.
    Gitea,
}

impl ForgeKind {
    /// The values of `--forge`.
    pub const WORDS: &'static [&'static str] = &["github", "gitlab", "gitea", "forgejo"];

    /// The environment variables that its token is looked for in, the first over the others.
    #[must_use]
    pub fn variables(self) -> &'static [&'static str] {
        match self {
            Self::GitHub => &["GH_TOKEN", "GITHUB_TOKEN"],
            Self::GitLab => &["GITLAB_TOKEN", "CI_JOB_TOKEN"],
            Self::Gitea => &["GITEA_TOKEN", "FORGEJO_TOKEN"],
        }
    }
}

impl fmt::Display for ForgeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
            Self::Gitea => "Gitea",
        })
    }
}

impl FromStr for ForgeKind {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "github" => Ok(Self::GitHub),
            "gitlab" => Ok(Self::GitLab),
            "gitea" | "forgejo" => Ok(Self::Gitea),
            _ => Err(ValueError { found: text.to_owned(), wanted: Self::WORDS }),
        }
    }
}

/// Where a project is at home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// What the forge speaks.
    pub kind: ForgeKind,
    /// The address of its API, without `/` at its end, such as `https://api.github.com`.
    pub api: String,
    /// The project: `owner/name`, at GitLab perhaps with groups before.
    pub project: String,
}

impl Home {
    /// The home behind a remote's URL, of any form that git takes.
    ///
    /// What kind of forge it is comes from `kind`, from the variables of a pipeline that runs there, or from the host's
    /// name; `api` goes over the address that follows from that.
    ///
    /// # Errors
    ///
    /// [`ForgeError::NoProject`], [`ForgeError::UnknownKind`] and [`ForgeError::BadAddress`].
    ///
    /// # Examples
    ///
    /// ```
    /// use flux_upgrade_core::host::Home;
    /// let home = Home::of_remote("git@github.com:acme/fleet.git", None, None, |_| None)?;
    /// assert_eq!((home.api.as_str(), home.project.as_str()), ("https://api.github.com", "acme/fleet"));
    /// # Ok::<(), flux_upgrade_core::host::ForgeError>(())
    /// ```
    pub fn of_remote(
        url: &str,
        kind: Option<ForgeKind>,
        api: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ForgeError> {
        let none = || ForgeError::NoProject { url: without_logins(url) };
        let (authority, path) = parts(url).ok_or_else(none)?;
        let host = authority.split_once(':').map_or(authority, |(host, _)| host).to_ascii_lowercase();
        // Doors for ssh where its port is shut.
        let host = match host.as_str() {
            "ssh.github.com" => "github.com".to_owned(),
            "altssh.gitlab.com" => "gitlab.com".to_owned(),
            _ => host,
        };
        let project = path.trim_matches('/').trim_end_matches(".git").trim_end_matches('/').to_owned();
        let is_clean =
            |part: &str| !part.is_empty() && part != ".." && !part.contains(['?', '#', '%', ' ', '\\']);
        if project.split('/').count() < 2 || !project.split('/').all(is_clean) {
            return Err(none());
        }
        let is_http = url.starts_with("http");
        let set = |name: &str| variable(name).filter(|text| !text.is_empty());
        let runs_there =
            |name: &str| set(name).is_some_and(|url| parts(&url).is_some_and(|(at, _)| at == authority));
        let is_gitea = ["GITEA_ACTIONS", "FORGEJO_ACTIONS"].iter().any(|name| set(name).is_some());
        let on_actions = runs_there("GITHUB_SERVER_URL");
        let on_gitlab = runs_there("CI_SERVER_URL");
        let kind = kind.or_else(|| match host.as_str() {
            "github.com" => Some(ForgeKind::GitHub),
            "gitlab.com" => Some(ForgeKind::GitLab),
            "codeberg.org" | "gitea.com" => Some(ForgeKind::Gitea),
            _ if on_actions => Some(if is_gitea { ForgeKind::Gitea } else { ForgeKind::GitHub }),
            _ if on_gitlab => Some(ForgeKind::GitLab),
            _ if host.ends_with(".ghe.com") => Some(ForgeKind::GitHub),
            // A name without a dot may be an alias that ssh's configuration alone knows.
            _ if is_http || host.contains('.') => by_name(&host),
            _ => None,
        });
        let kind = kind.ok_or_else(|| ForgeError::UnknownKind { host: host.clone() })?;
        // An API is asked by https wherever git itself goes.
        let server = if is_http { authority } else { host.as_str() };
        let given = api.map(str::to_owned).or_else(|| match kind {
            ForgeKind::GitHub if on_actions && !is_gitea => set("GITHUB_API_URL"),
            ForgeKind::GitLab if on_gitlab => set("CI_API_V4_URL"),
            ForgeKind::Gitea if on_actions => set("GITHUB_API_URL").filter(|url| url.ends_with("/api/v1")),
            _ => None,
        });
        let api = given.unwrap_or_else(|| match kind {
            ForgeKind::GitHub if host == "github.com" => "https://api.github.com".to_owned(),
            ForgeKind::GitHub if host.ends_with(".ghe.com") => format!("https://api.{host}"),
            ForgeKind::GitHub => format!("https://{server}/api/v3"),
            ForgeKind::GitLab => format!("https://{server}/api/v4"),
            ForgeKind::Gitea => format!("https://{server}/api/v1"),
        });
        let api = api.trim_end_matches('/').to_owned();
        let is_address = Address::parse(&api).is_some_and(|at| at.user.is_none() && at.query.is_none());
        if !is_address {
            return Err(ForgeError::BadAddress { url: without_logins(&api) });
        }
        // A forge below a path of its server has that path before its projects, when git asks by http.
        let below = parts(&api).map_or("", |(_, path)| path);
        let below = below.rsplit_once("api/v").map_or("", |(below, _)| below);
        let project = project.strip_prefix(below).filter(|_| is_http).unwrap_or(&project).to_owned();
        if !project.contains('/') {
            return Err(none());
        }
        Ok(Self { kind, api, project })
    }
}

/// The host, perhaps with a port, and the path of a URL of git: `scheme://[user@]host/path` or `[user@]host:path`.
fn parts(url: &str) -> Option<(&str, &str)> {
    let without_user = |text| match str::rsplit_once(text, '@') {
        Some((_, host)) => host,
        None => text,
    };
    if let Some((scheme, rest)) = url.split_once("://") {
        if !matches!(scheme, "https" | "http" | "ssh" | "git" | "git+ssh" | "ssh+git") {
            return None;
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let authority = without_user(authority);
        return (!authority.is_empty()).then_some((authority, path));
    }
    let (authority, path) = url.split_once(':')?;
    let host = without_user(authority);
    // A path of this machine has a `/` before the first colon, a Windows drive is one letter.
    (!authority.contains('/') && host.len() > 1).then_some((host, path))
}

/// What a host's name says of it: `gitlab.example.com`, `forgejo.example.com`.
fn by_name(host: &str) -> Option<ForgeKind> {
    let words = || host.split(['.', '-']);
    let is = |word: &str| words().any(|found| found == word);
    if is("gitlab") {
        Some(ForgeKind::GitLab)
    } else if is("gitea") || is("forgejo") {
        Some(ForgeKind::Gitea)
    } else if is("github") {
        Some(ForgeKind::GitHub)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_lead_to_their_forge() {
        for (url, expected) in [
            ("https://github.com/acme/fleet", "GitHub https://api.github.com acme/fleet"),
            ("https://bot:t0ken@github.com/acme/fleet.git/", "GitHub https://api.github.com acme/fleet"),
            ("git@github.com:acme/fleet.git", "GitHub https://api.github.com acme/fleet"),
            (
                "ssh://git@github.example.com:2222/acme/fleet",
                "GitHub https://github.example.com/api/v3 acme/fleet",
            ),
            ("https://acme.ghe.com/a/b", "GitHub https://api.acme.ghe.com a/b"),
            ("https://gitlab.com/a/b/c/d.git", "GitLab https://gitlab.com/api/v4 a/b/c/d"),
            ("git@gitlab.example.com:a/b", "GitLab https://gitlab.example.com/api/v4 a/b"),
            ("ssh://git@ssh.github.com:443/acme/fleet.git", "GitHub https://api.github.com acme/fleet"),
            ("ssh://git@altssh.gitlab.com:443/a/b.git", "GitLab https://gitlab.com/api/v4 a/b"),
            ("http://gitea/a/b", "Gitea https://gitea/api/v1 a/b"),
            ("https://codeberg.org/a/b", "Gitea https://codeberg.org/api/v1 a/b"),
            ("https://forgejo.example.com:8443/a/b", "Gitea https://forgejo.example.com:8443/api/v1 a/b"),
        ] {
            let home = Home::of_remote(url, None, None, |_| None).unwrap();
            assert_eq!(format!("{} {} {}", home.kind, home.api, home.project), expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_project_is_told_without_its_login() {
        for (url, code) in [
            ("/srv/git/fleet.git", "forge.no-project"),
            ("../origin.git", "forge.no-project"),
            ("file:///srv/a/b", "forge.no-project"),
            ("C:\\a\\b", "forge.no-project"),
            ("https://me:s3cret@github.com/fleet", "forge.no-project"),
            ("https://github.com/a/../b", "forge.no-project"),
            ("https://git.example.com/a/b", "forge.unknown-kind"),
            ("git@github-work:a/b.git", "forge.unknown-kind"),
        ] {
            let error = Home::of_remote(url, None, None, |_| None).unwrap_err();
            assert_eq!(error.code(), code, "{url}");
            assert!(!error.to_string().contains("s3cret"));
        }
    }

    #[test]
    fn a_pipeline_knows_where_it_runs() {
        let of = |pairs: &'static [(&str, &str)], kind| {
            let variable =
                |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            let home = Home::of_remote("https://git.example.com/a/b", kind, None, variable).unwrap();
            format!("{} {}", home.kind, home.api)
        };
        let server = ("GITHUB_SERVER_URL", "https://git.example.com");
        let api = ("GITHUB_API_URL", "https://git.example.com/api/v3");
        let actions: &'static [_] = Box::leak(Box::new([server, api]));
        assert_eq!(of(actions, None), "GitHub https://git.example.com/api/v3");
        let gitea: &'static [_] = Box::leak(Box::new([server, api, ("GITEA_ACTIONS", "true")]));
        assert_eq!(of(gitea, None), "Gitea https://git.example.com/api/v1");
        let gitlab: &'static [_] = Box::leak(Box::new([
            ("CI_SERVER_URL", "https://git.example.com"),
            ("CI_API_V4_URL", "https://git.example.com/sub/api/v4"),
        ]));
        assert_eq!(of(gitlab, None), "GitLab https://git.example.com/sub/api/v4");
        assert_eq!(of(&[], Some(ForgeKind::Gitea)), "Gitea https://git.example.com/api/v1");
    }

    #[test]
    fn a_forge_may_stand_below_a_path() {
        let of = |url: &str, api: &str| {
            let home = Home::of_remote(url, Some(ForgeKind::GitLab), Some(api), |_| None)?;
            Ok::<_, ForgeError>(home.project)
        };
        let api = "https://git.example.com/forge/api/v4/";
        assert_eq!(of("https://git.example.com/forge/a/b/c.git", api).unwrap(), "a/b/c");
        assert_eq!(of("git@git.example.com:a/b/c.git", api).unwrap(), "a/b/c");
        assert_eq!(of("git@git.example.com:forge/b.git", api).unwrap(), "forge/b");
        assert_eq!(of("https://git.example.com/forge/a", api).unwrap_err().code(), "forge.no-project");
    }
}
