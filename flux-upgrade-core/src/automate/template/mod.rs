//! The commit message of an ImageUpdateAutomation: `spec.git.commit.messageTemplate`, rendered as Flux does.
//!
//! ```text
//! template ──lexer──▶ tokens ──parser──▶ tree ──eval (value, print, functions)──▶ message
//! ```
//!
//! Go's `text/template` with the functions of sprig that give the same for the same: nothing is run, read or asked. What is
//! not understood is an error that names it and never an empty text. Where Go visits in random order, the order here is
//! that of paths, objects and positions.

mod builtins;
mod data;
mod eval;
mod functions;
mod lexer;
mod lists;
mod numbers;
mod parser;
mod print;
mod strings;
mod value;

pub use data::{ChangedField, MessageData, ObjectName};

/// What Flux writes where no template is given.
///
/// Source: image-automation-controller `internal/source/source.go`, `defaultMessageTemplate`.
pub const DEFAULT_MESSAGE: &str = "Update from image update automation";

/// Renders the message of a commit; an empty template is Flux's default.
///
/// # Errors
///
/// [`TemplateError`] with the line and column of the template for what Flux refuses, what is not supported here, and for a
/// template without bounds.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::automate::{ChangedField, MessageData, message};
/// let mut data = MessageData { namespace: "flux-system".into(), name: "apps".into(), ..MessageData::default() };
/// data.changes.push(ChangedField { old: "1.0.0".into(), new: "1.1.0".into(), ..ChangedField::default() });
/// let template = "{{ .AutomationObject }}:{{ range .Changed.Changes }} {{ .OldValue }} -> {{ .NewValue }}{{ end }}";
/// assert_eq!(message(template, &data)?, "flux-system/apps: 1.0.0 -> 1.1.0");
/// # Ok::<(), flux_upgrade_core::automate::TemplateError>(())
/// ```
pub fn message(template: &str, data: &MessageData) -> Result<String, TemplateError> {
    if template.is_empty() {
        return Ok(DEFAULT_MESSAGE.to_owned());
    }
    let templates = parser::parse(template)?;
    let data = data.value().map_err(|trouble| TemplateError::new(template, 0, trouble.0))?;
    eval::render(template, &templates, data)
}

/// A template that gives no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {problem} [{}]", self.code())]
pub struct TemplateError {
    problem: Problem,
    /// Line in the template, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl TemplateError {
    fn new(text: &str, at: usize, problem: Problem) -> Self {
        let before = &text[..at.min(text.len())];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        Self { problem, line, column: before[start..].chars().count() + 1 }
    }

    /// What is wrong, without its place.
    pub(crate) fn problem(&self) -> String {
        self.problem.to_string()
    }

    /// Stable code, for example `template.syntax`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.problem {
            Problem::Syntax { .. } => "template.syntax",
            Problem::Unknown { .. } => "template.unknown-function",
            Problem::Unsupported { .. } => "template.unsupported",
            Problem::Removed { .. } => "template.removed-field",
            Problem::Failed { .. } => "template.failed",
            Problem::Limit { .. } => "template.limit",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("{detail}")]
    Syntax { detail: String },
    #[error("Flux offers no function `{name}` to a message")]
    Unknown { name: String },
    #[error("{what} is not supported here, though Flux takes it")]
    Unsupported { what: String },
    #[error("`{field}` is gone from Flux 2.7 on; write {instead}")]
    Removed { field: &'static str, instead: &'static str },
    #[error("{detail}")]
    Failed { detail: String },
    #[error("the template has no bounds that are kept: {detail}")]
    Limit { detail: String },
}

/// A problem before its place is known.
#[derive(Debug)]
struct Trouble(Problem);

impl Trouble {
    fn failed(detail: impl Into<String>) -> Self {
        Self(Problem::Failed { detail: detail.into() })
    }

    fn unsupported(what: impl Into<String>) -> Self {
        Self(Problem::Unsupported { what: what.into() })
    }

    fn limit(detail: impl Into<String>) -> Self {
        Self(Problem::Limit { detail: detail.into() })
    }

    /// The same with the function that has it.
    fn of(self, name: &str) -> Self {
        match self.0 {
            Problem::Failed { detail } => Self::failed(format!("`{name}`: {detail}")),
            other => Self(other),
        }
    }
}
