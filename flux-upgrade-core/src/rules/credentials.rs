//! `credentials` of a rules file: where the host gets a credential from, never the credential itself.

use super::file::{File, RulesError};
use crate::text::Location;
use crate::yaml::Node;

/// Where the credential for one host, or for a path on it, comes from.
///
/// The core hands these over as they are: a host that does IO looks them up, see `host::Credentials`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRule {
    /// `host[:port][/path]`, after `http://` where plain HTTP is meant.
    pub address: String,
    /// Where the credential is.
    pub from: CredentialFrom,
    /// The address in its file.
    pub at: Location,
}

/// A place that has a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialFrom {
    /// Variables of the environment hold a user's name and password.
    Password {
        /// The user.
        username: Option<Username>,
        /// Name of the variable with the password, or with a token that is given as one.
        password: String,
    },
    /// A variable of the environment, by name, holds a token that is sent as `Authorization: Bearer`.
    Token(String),
    /// A file in the form of docker's `config.json` or of a netrc.
    File(String),
    /// A helper of docker's kind, by the name behind `docker-credential-`.
    Helper(String),
    /// Nowhere: what other places have for it is not used.
    Nowhere,
}

/// The user of a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Username {
    /// The name itself.
    Literal(String),
    /// The name of the variable that holds it.
    Variable(String),
}

pub(super) const PLACES: &[&str] = &["env", "file", "helper", "none", "username"];
pub(super) const VARIABLES: &[&str] = &["username", "password", "token"];

impl File<'_> {
    pub(super) fn credentials(&self, node: Node<'_, '_>) -> Result<Vec<CredentialRule>, RulesError> {
        let Some(mapping) = node.resolved().filter(|node| node.is_mapping()) else {
            return Err(self.value(node, "a mapping from hosts to places is wanted here", None));
        };
        let mut out: Vec<CredentialRule> = Vec::new();
        for (key, value) in mapping.entries() {
            let address = key.text().unwrap_or_default();
            if let Some(wanted) = what_is_wrong(address) {
                let help = Some("write for example `registry.example.com/team`".to_owned());
                return Err(self.value(key, format!("`{address}` is no host: {wanted}"), help));
            }
            if out.iter().any(|rule| rule.address == address) {
                return Err(self.value(key, format!("the key `{address}` stands twice"), None));
            }
            let at = self.lines.locate(self.path, key.span());
            out.push(CredentialRule { address: address.to_owned(), from: self.place(value)?, at });
        }
        Ok(out)
    }

    fn place(&self, node: Node<'_, '_>) -> Result<CredentialFrom, RulesError> {
        let entries = self.entries(node, PLACES)?;
        let username = entries.iter().find(|(key, _)| *key == "username").map(|(_, value)| *value);
        let mut places = entries.iter().filter(|(key, _)| *key != "username");
        let (Some((place, value)), None) = (places.next(), places.next()) else {
            return Err(self.value(node, "one of `env`, `file`, `helper`, `none` is wanted here", None));
        };
        match (*place, username) {
            ("env", username) => self.variables(*value, username),
            (_, Some(username)) => Err(self.value(username, "`username` stands beside `env` only", None)),
            ("file", _) => Ok(CredentialFrom::File(self.filled(*value)?.to_owned())),
            ("helper", _) => {
                let name = self.filled(*value)?;
                if !name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
                {
                    let message = format!("`{name}` is no name of a credential helper");
                    let help = "write `pass` for the program `docker-credential-pass`".to_owned();
                    return Err(self.value(*value, message, Some(help)));
                }
                Ok(CredentialFrom::Helper(name.to_owned()))
            }
            _ if self.truth(*value)? => Ok(CredentialFrom::Nowhere),
            _ => Err(self.value(*value, "`false` is not `true`", None)),
        }
    }

    fn variables(
        &self,
        node: Node<'_, '_>,
        literal: Option<Node<'_, '_>>,
    ) -> Result<CredentialFrom, RulesError> {
        let (mut username, mut password, mut token) = (None, None, None);
        for (key, value) in self.entries(node, VARIABLES)? {
            let name = self.variable(value)?.to_owned();
            *match key {
                "username" => &mut username,
                "password" => &mut password,
                _ => &mut token,
            } = Some(name);
        }
        let username = match (username, literal) {
            (Some(_), Some(literal)) => {
                return Err(self.value(literal, "the user is named twice, here and under `env`", None));
            }
            (Some(name), None) => Some(Username::Variable(name)),
            (None, Some(literal)) => Some(Username::Literal(self.filled(literal)?.to_owned())),
            (None, None) => None,
        };
        match (password, token, username) {
            (Some(password), None, username) => Ok(CredentialFrom::Password { username, password }),
            (None, Some(token), None) => Ok(CredentialFrom::Token(token)),
            (None, Some(_), Some(_)) => Err(self.value(
                node,
                "a token has no user",
                Some("a token that is given as a password is `password`".to_owned()),
            )),
            _ => Err(self.value(node, "one of `password` and `token` is wanted here", None)),
        }
    }

    /// The name of a variable; anything else may be the secret itself, so the message does not repeat it.
    fn variable<'d>(&self, node: Node<'d, '_>) -> Result<&'d str, RulesError> {
        let name = self.text(node)?;
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if is_name {
            return Ok(name);
        }
        let help = "a secret never stands in this file: name the variable that holds it".to_owned();
        Err(self.value(node, "the name of an environment variable is wanted here", Some(help)))
    }

    fn filled<'d>(&self, node: Node<'d, '_>) -> Result<&'d str, RulesError> {
        match self.text(node)? {
            text if text.trim().is_empty() || text.contains(char::is_control) => {
                Err(self.value(node, "a text of one line is wanted here", None))
            }
            text => Ok(text),
        }
    }
}

/// What keeps a text from being `[http[s]://]host[:port][/path]`.
fn what_is_wrong(address: &str) -> Option<&'static str> {
    let rest = match address.split_once("://") {
        Some(("http" | "https" | "oci", rest)) => rest,
        Some(_) => return Some("a scheme other than https, http and oci"),
        None => address,
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (name, port) = match host.find(']') {
        Some(end) => host.split_at(end + 1),
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let is_host = match bare {
        Some(ip) => ip.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let fine = |label: &str| {
                !label.is_empty()
                    && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            };
            name.split('.').all(fine)
        }
    };
    let number = port.strip_prefix(':').unwrap_or("x");
    if host.contains('@') {
        Some("a user has no place in it")
    } else if !is_host {
        Some("letters, digits, `-` and `.` are wanted")
    } else if !port.is_empty() && !number.parse::<u16>().is_ok_and(|port| port > 0) {
        Some("its port is a number up to 65535")
    } else if path.contains(['?', '#', '*', '\\', '@']) || path.contains(char::is_whitespace) {
        Some("its path has a character that paths do not have")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rules;
    use super::*;
    use crate::text::RepoPath;

    fn read(credentials: &str) -> Result<Rules, RulesError> {
        let path = RepoPath::parse(".flux-upgrade.yaml").expect("a path");
        Rules::parse(&path, &format!("version: 1\ncredentials:\n{credentials}"))
    }

    #[test]
    fn every_place_is_handed_over_and_shown_again() {
        let text = "  ghcr.io/example: {env: {password: GHCR_TOKEN}, username: robot}\n  \
            registry.example.com:5000: {env: {username: U, password: P}}\n  \
            git.example.com: {env: {token: T}}\n  \
            http://charts.house: {file: ~/charts-netrc}\n  \
            '[::1]:5000': {helper: ecr-login}\n  \
            quay.io/public: {none: true}\n";
        let rules = read(text).expect("rules");
        let from: Vec<(&str, &CredentialFrom)> =
            rules.credentials().iter().map(|rule| (rule.address.as_str(), &rule.from)).collect();
        let literal = Some(Username::Literal("robot".to_owned()));
        let variable = Some(Username::Variable("U".to_owned()));
        assert_eq!(
            from,
            [
                (
                    "ghcr.io/example",
                    &CredentialFrom::Password { username: literal, password: "GHCR_TOKEN".to_owned() }
                ),
                (
                    "registry.example.com:5000",
                    &CredentialFrom::Password { username: variable, password: "P".to_owned() }
                ),
                ("git.example.com", &CredentialFrom::Token("T".to_owned())),
                ("http://charts.house", &CredentialFrom::File("~/charts-netrc".to_owned())),
                ("[::1]:5000", &CredentialFrom::Helper("ecr-login".to_owned())),
                ("quay.io/public", &CredentialFrom::Nowhere),
            ]
        );
        assert_eq!(rules.credentials()[1].at.line, 4);
        let path = RepoPath::parse("shown.yaml").expect("a path");
        let again = Rules::parse(&path, &rules.show()).expect("what is shown can be read");
        let places = |rules: &Rules| -> Vec<(String, CredentialFrom)> {
            rules.credentials().iter().map(|rule| (rule.address.clone(), rule.from.clone())).collect()
        };
        assert_eq!(places(&again), places(&rules));
    }

    #[test]
    fn slips_are_told_with_their_place() {
        for (text, line, found, message) in [
            ("  - x\n", 3, "- x", "a mapping from hosts to places is wanted here"),
            ("  ghcr.io: {}\n", 3, "{}", "one of `env`, `file`, `helper`, `none` is wanted here"),
            (
                "  ghcr.io: {file: a, helper: b}\n",
                3,
                "{file: a, helper: b}",
                "one of `env`, `file`, `helper`, `none` is wanted here",
            ),
            ("  ghcr.io: {hlper: b}\n", 3, "hlper", "`hlper` is no key of this mapping"),
            (
                "  ghcr.io: {env: {password: 'hunter2!'}}\n",
                3,
                "'hunter2!'",
                "the name of an environment variable is wanted here",
            ),
            (
                "  ghcr.io: {env: {username: U}}\n",
                3,
                "{username: U}",
                "one of `password` and `token` is wanted here",
            ),
            (
                "  ghcr.io: {env: {username: U, token: T}}\n",
                3,
                "{username: U, token: T}",
                "a token has no user",
            ),
            (
                "  ghcr.io: {env: {password: P, username: U}, username: u}\n",
                3,
                "u",
                "the user is named twice, here and under `env`",
            ),
            (
                "  ghcr.io: {helper: ../../bin/sh}\n",
                3,
                "../../bin/sh",
                "`../../bin/sh` is no name of a credential helper",
            ),
            ("  ghcr.io: {helper: pass, username: u}\n", 3, "u", "`username` stands beside `env` only"),
            ("  ghcr.io: {none: false}\n", 3, "false", "`false` is not `true`"),
            (
                "  ssh://ghcr.io: {none: true}\n",
                3,
                "ssh://ghcr.io",
                "`ssh://ghcr.io` is no host: a scheme other than https, http and oci",
            ),
            (
                "  user@ghcr.io: {none: true}\n",
                3,
                "user@ghcr.io",
                "`user@ghcr.io` is no host: a user has no place in it",
            ),
            (
                "  '*.example.com': {none: true}\n",
                3,
                "'*.example.com'",
                "`*.example.com` is no host: letters, digits, `-` and `.` are wanted",
            ),
            (
                "  ghcr.io:x: {none: true}\n",
                3,
                "ghcr.io:x",
                "`ghcr.io:x` is no host: its port is a number up to 65535",
            ),
            ("  a.b: {none: true}\n  a.b: {none: true}\n", 4, "a.b", "the key `a.b` stands twice"),
        ] {
            let error = read(text).expect_err(text);
            let whole = format!("version: 1\ncredentials:\n{text}");
            assert_eq!(error.message, message, "{text}");
            assert_eq!((error.at.line, error.at.span.of(&whole).trim_end()), (line, found), "{text}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
