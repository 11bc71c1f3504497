//! Credential helpers of docker's kind: `docker-credential-NAME get`.
//!
//! Source: docker-credential-helpers, its README and `client/client.go`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value;

use super::CredentialError;
use super::credential::{Login, Secret};
use super::run::{Outcome, Runner};

type Answer = Result<Option<Login>, CredentialError>;
/// An answer that the first to ask fetches, and the others wait for.
type Once = Arc<OnceLock<Answer>>;

/// Helpers, each asked once for a server.
#[derive(Debug)]
pub(super) struct Helpers {
    runner: Runner,
    answers: Mutex<BTreeMap<(String, String), Once>>,
    /// Helpers that are missing or hang: they are not asked again.
    given_up: Mutex<BTreeMap<String, CredentialError>>,
}

impl Helpers {
    pub(super) fn new(runner: Runner) -> Self {
        Self { runner, answers: Mutex::default(), given_up: Mutex::default() }
    }

    /// What the helper has for a server; `origin` is the file that names it.
    pub(super) fn ask(&self, name: &str, server: &str, origin: &str) -> Answer {
        let answer = {
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(answers.entry((name.to_owned(), server.to_owned())).or_default())
        };
        answer.get_or_init(|| self.run(name, server, origin)).clone()
    }

    fn run(&self, name: &str, server: &str, origin: &str) -> Answer {
        let known =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let program = format!("docker-credential-{name}");
        if name.is_empty() || !known(name) {
            let problem = "names a helper that is no name".to_owned();
            return Err(CredentialError::Malformed { origin: origin.to_owned(), line: None, problem });
        }
        if let Some(error) = self.given_up.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Err(error.clone());
        }
        let give_up = |error: CredentialError| {
            let mut given_up = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
            given_up.insert(name.to_owned(), error.clone());
            Err(error)
        };
        let Some(place) = self.runner.program(&program) else {
            return give_up(CredentialError::HelperMissing { origin: origin.to_owned(), program });
        };
        let failed = |status: String| {
            Err(CredentialError::HelperFailed { program: program.clone(), server: server.to_owned(), status })
        };
        match self.runner.run(&place, &["get"], &[], &format!("{server}\n")) {
            Outcome::TooLate => {
                give_up(CredentialError::HelperTimeout { program, after: self.runner.timeout })
            }
            Outcome::TooMuch => {
                let problem = "printed what is no credential".to_owned();
                give_up(CredentialError::Malformed { origin: format!("`{program}`"), line: None, problem })
            }
            Outcome::Failed(error) => failed(format!("cannot be started: {}", error.kind())),
            Outcome::Ended { status, output } if status.success() => {
                read(&output).map_err(|problem| CredentialError::Malformed {
                    origin: format!("`{program}`"),
                    line: None,
                    problem: problem.to_owned(),
                })
            }
            // The words by which every helper says that it has nothing (`credentials/error.go`).
            Outcome::Ended { output, .. } if output.contains("credentials not found") => Ok(None),
            Outcome::Ended { status, .. } => failed(status.to_string()),
        }
    }
}

fn read(output: &str) -> Result<Option<Login>, &'static str> {
    let answer: Value = serde_json::from_str(output).map_err(|_| "printed what is no JSON")?;
    let text = |key: &str| answer.get(key).and_then(Value::as_str);
    let (Some(username), Some(secret)) = (text("Username"), text("Secret")) else {
        return Err("printed JSON without `Username` and `Secret`");
    };
    Ok(match (username, secret) {
        (_, "") => None,
        ("<token>", secret) => Some(Login::Identity(Secret::new(secret))),
        (username, secret) => {
            Some(Login::Basic { username: username.to_owned(), password: Secret::new(secret) })
        }
    })
}
