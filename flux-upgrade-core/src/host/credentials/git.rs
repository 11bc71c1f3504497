//! What git is configured with: extra headers, and credential helpers through `git credential fill`.
//!
//! Source: gitcredentials(7), git-credential(1), git-config(1).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::credential::{Found, Login, Secret};
use super::docker::closest;
use super::run::{Outcome, Runner};
use super::target::{Scope, Target};
use super::{CredentialError, Protocol};

/// No prompt on the terminal, by a program, or in a window.
const SILENT: &[(&str, &str)] = &[
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", ""),
    ("SSH_ASKPASS", ""),
    ("GCM_INTERACTIVE", "never"),
    ("LC_ALL", "C"),
];

type Answer = Result<Option<(String, Secret)>, CredentialError>;

/// The git of this machine, if there is one.
#[derive(Debug)]
pub(super) struct Git {
    program: Option<PathBuf>,
    runner: Runner,
    headers: OnceLock<Vec<(Scope, String, Secret)>>,
    answers: Mutex<BTreeMap<String, Arc<OnceLock<Answer>>>>,
    given_up: OnceLock<CredentialError>,
}

impl Git {
    pub(super) fn new(runner: Runner) -> Self {
        let program = runner.program("git");
        Self {
            program,
            runner,
            headers: OnceLock::new(),
            answers: Mutex::default(),
            given_up: OnceLock::new(),
        }
    }

    /// `http.<url>.extraHeader`, as CI systems write it; a header without an address in it would go to every host, and
    /// is left.
    pub(super) fn header(&self, target: &Target) -> Option<Found> {
        let headers = self.headers.get_or_init(|| self.read_headers());
        let (scope, name, value) = closest(headers.iter().map(|row| (&row.0, row)), target)?;
        let login = Login::Header { name: name.clone(), value: value.clone() };
        Some(Found::new(login, scope.clone(), "git's http.extraHeader"))
    }

    fn read_headers(&self) -> Vec<(Scope, String, Secret)> {
        let Some(program) = &self.program else { return Vec::new() };
        let arguments = ["config", "-z", "--get-regexp", r"^http\..*\.extraheader$"];
        let Outcome::Ended { output, .. } = self.runner.run(program, &arguments, SILENT, "") else {
            return Vec::new();
        };
        let read = |entry: &str| {
            let (key, header) = entry.split_once('\n')?;
            let url = key.strip_prefix("http.")?.strip_suffix(".extraheader")?;
            let (name, value) = header.split_once(':')?;
            let scope = Scope::parse(Protocol::Git, url)?;
            Some((scope, name.trim().to_owned(), Secret::new(value.trim())))
        };
        output.split('\0').filter_map(read).collect()
    }

    /// What git's helpers have. They are asked without a terminal, so what would ask a person gives nothing.
    pub(super) fn fill(&self, target: &Target) -> Result<Option<Found>, CredentialError> {
        let Some(program) = &self.program else { return Ok(None) };
        let mut input = format!("protocol={}\nhost={}\n", target.scheme, target.host_and_port());
        if !target.path.is_empty() {
            input.push_str(&format!("path={}\n", target.path));
        }
        if let Some((user, _)) = &target.user
            && !user.contains(char::is_control)
        {
            input.push_str(&format!("username={user}\n"));
        }
        input.push('\n');
        let answer = {
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(answers.entry(input.clone()).or_default())
        };
        let answer = answer.get_or_init(|| match self.given_up.get() {
            Some(error) => Err(error.clone()),
            None => self.run(program, &input),
        });
        let found = answer.clone()?;
        Ok(found.map(|(username, password)| {
            Found::basic(&username, password.expose(), target.own_scope(), "git's credential helper")
        }))
    }

    fn run(&self, program: &std::path::Path, input: &str) -> Answer {
        match self.runner.run(program, &["credential", "fill"], SILENT, input) {
            Outcome::TooLate => {
                let program = "git credential fill".to_owned();
                let error = CredentialError::HelperTimeout { program, after: self.runner.timeout };
                let _ = self.given_up.set(error.clone());
                Err(error)
            }
            Outcome::Ended { status, output } if status.success() => {
                let value = |key: &str| {
                    let line = output.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
                    (!line.is_empty()).then(|| line.to_owned())
                };
                Ok(value("password")
                    .map(|password| (value("username").unwrap_or_default(), Secret::new(password))))
            }
            // It has asked every helper, and may not ask a person.
            Outcome::Ended { .. } => Ok(None),
            Outcome::TooMuch => {
                let (origin, problem) =
                    ("`git credential fill`".to_owned(), "printed what is no credential".to_owned());
                Err(CredentialError::Malformed { origin, line: None, problem })
            }
            Outcome::Failed(error) => Err(CredentialError::HelperFailed {
                program: "git credential fill".to_owned(),
                server: "this host".to_owned(),
                status: format!("cannot be started: {}", error.kind()),
            }),
        }
    }
}
