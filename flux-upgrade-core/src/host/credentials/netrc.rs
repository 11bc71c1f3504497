//! `~/.netrc`.
//!
//! Source: netrc(5) of GNU inetutils; quotes as curl reads them (`lib/netrc.c`).

use super::CredentialError;
use super::credential::Found;
use super::target::{Port, Scope, Target};

/// One file.
#[derive(Debug, Clone)]
pub(super) struct Netrc {
    origin: String,
    machines: Vec<Machine>,
}

#[derive(Clone, Default)]
struct Machine {
    host: String,
    login: String,
    password: Option<String>,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Netrc {
    /// Reads the text of a file. Macros are skipped, and so is `default`: it is for every host that anybody names.
    pub(super) fn parse(origin: &str, text: &str) -> Result<Self, CredentialError> {
        let mut tokens = Tokens { text, at: 0 };
        let malformed = |line: usize, problem: &str| CredentialError::Malformed {
            origin: origin.to_owned(),
            line: Some(line),
            problem: problem.to_owned(),
        };
        let mut machines = Vec::new();
        let mut current: Option<Machine> = None;
        while let Some(word) = tokens.keyword() {
            let line = tokens.line();
            let mut value = || tokens.word().map_err(|problem| malformed(line, problem));
            match word {
                "machine" => {
                    machines.extend(current.take());
                    current = Some(Machine { host: value()?.to_ascii_lowercase(), ..Machine::default() });
                }
                "default" => machines.extend(current.take()),
                "login" => {
                    let login = value()?;
                    current.iter_mut().for_each(|machine| machine.login.clone_from(&login));
                }
                "password" => {
                    let password = value()?;
                    current.iter_mut().for_each(|machine| machine.password = Some(password.clone()));
                }
                "account" => drop(value()?),
                "macdef" => tokens.skip_macro(),
                _ => return Err(malformed(line, "has a word that no netrc has at this place")),
            }
        }
        machines.extend(current);
        Ok(Self { origin: origin.to_owned(), machines })
    }

    /// Whether a password stands in it.
    pub(super) fn has_secrets(&self) -> bool {
        self.machines.iter().any(|machine| machine.password.is_some())
    }

    /// The first machine of that host; with a user in the address, the one of that user.
    pub(super) fn find(&self, target: &Target) -> Option<Found> {
        let user = target.user.as_ref().map(|(name, _)| name.as_str());
        let with_port = target.host_and_port();
        let bare = target.host.trim_matches(['[', ']']);
        let machine = self.machines.iter().find(|machine| {
            let host = machine.host.strip_suffix('.').unwrap_or(&machine.host);
            (host == bare || host == target.host || host == with_port)
                && machine.password.is_some()
                && user.is_none_or(|user| machine.login.is_empty() || machine.login == user)
        })?;
        let login = if machine.login.is_empty() { user.unwrap_or_default() } else { &machine.login };
        let port = if machine.host == with_port { Port::Only(target.port) } else { Port::Any };
        let scope = Scope { scheme: None, host: target.host.clone(), port, path: String::new() };
        Some(Found::basic(login, machine.password.as_deref()?, scope, &self.origin))
    }
}

struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Tokens<'t> {
    fn line(&self) -> usize {
        self.text[..self.at].matches('\n').count() + 1
    }

    fn skip_blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    /// The next word where one of the format's own is wanted; comments are skipped here alone, for a password may begin
    /// with `#`.
    fn keyword(&mut self) -> Option<&'t str> {
        loop {
            self.skip_blanks();
            let rest = &self.text[self.at..];
            if rest.starts_with('#') {
                self.at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            let word = rest.split(char::is_whitespace).next().filter(|word| !word.is_empty())?;
            self.at += word.len();
            return Some(word);
        }
    }

    /// The next word, in quotes or not.
    fn word(&mut self) -> Result<String, &'static str> {
        self.skip_blanks();
        let rest = &self.text[self.at..];
        let Some(quoted) = rest.strip_prefix('"') else {
            let word = rest.split(char::is_whitespace).next().unwrap_or_default();
            self.at += word.len();
            return if word.is_empty() { Err("ends in the middle of an entry") } else { Ok(word.to_owned()) };
        };
        let (mut out, mut chars) = (String::new(), quoted.char_indices());
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 2;
                    return Ok(out);
                }
                '\n' => break,
                '\\' => match chars.next() {
                    Some((_, 'n')) => out.push('\n'),
                    Some((_, 'r')) => out.push('\r'),
                    Some((_, 't')) => out.push('\t'),
                    Some((_, c)) => out.push(c),
                    None => break,
                },
                c => out.push(c),
            }
        }
        Err("has a quote that is not closed")
    }

    /// A macro goes to the next empty line.
    fn skip_macro(&mut self) {
        let rest = &self.text[self.at..];
        let mut skipped = 0;
        for line in rest.split_inclusive('\n') {
            skipped += line.len();
            if skipped > line.len() && line.trim().is_empty() {
                break;
            }
        }
        self.at += skipped;
    }
}
