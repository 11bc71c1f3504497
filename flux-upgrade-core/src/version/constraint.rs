//! Terraform's version constraints, which look like ranges of Helm and are not.

use super::{Range, Version};

/// A constraint of Terraform or OpenTofu: `~> 1.4`, `>= 1.2, < 2.0`, `1.8.5`.
///
/// Terms are separated by commas and all must hold; `~> 1.4` admits every 1.x from 1.4 on, `~> 1.4.2` every 1.4.x from
/// 1.4.2 on; there are no alternatives and no wildcards.
///
/// Source: Terraform's documentation, "Version Constraints"; hashicorp/go-version `constraint.go`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    terms: Vec<Term>,
    range: Range,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    operator: &'static str,
    version: Version,
    /// How many numbers are written.
    numbers: usize,
    /// The version's bytes in the text.
    span: (usize, usize),
}

/// A text that is no constraint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{term}` is no version constraint of Terraform: expected an operator of =, !=, >, >=, <, <=, ~> and a version"
)]
pub struct ConstraintError {
    /// The term that cannot be read.
    pub term: String,
}

const OPERATORS: &[&str] = &["~>", ">=", "<=", "!=", ">", "<", "="];

impl Constraint {
    /// Reads a constraint.
    ///
    /// # Errors
    ///
    /// [`ConstraintError`] with the term that cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    /// use flux_upgrade_core::version::{Constraint, Version};
    /// let constraint = Constraint::parse("~> 1.4")?;
    /// assert!(constraint.matches(&Version::parse("1.9.0").unwrap()));
    /// assert!(!constraint.matches(&Version::parse("2.0.0").unwrap()));
    /// # Ok::<(), flux_upgrade_core::version::ConstraintError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, ConstraintError> {
        let mut terms = Vec::new();
        let mut start = 0;
        for part in text.split(',') {
            let bad = || ConstraintError { term: part.trim().to_owned() };
            let trimmed = part.trim();
            let operator = OPERATORS.iter().find(|operator| trimmed.starts_with(**operator));
            let written = trimmed[operator.map_or(0, |operator| operator.len())..].trim_start();
            let version = Version::parse(written).map_err(|_| bad())?;
            let core = &written[..written.find(['-', '+']).unwrap_or(written.len())];
            let end = start + part.trim_end().len();
            terms.push(Term {
                operator: operator.copied().unwrap_or("="),
                version,
                numbers: core.split('.').count(),
                span: (end - written.len(), end),
            });
            start += part.len() + 1;
        }
        let range: Vec<String> = terms.iter().map(Term::as_range).collect();
        let range =
            Range::parse(&range.join(", ")).map_err(|_| ConstraintError { term: text.trim().to_owned() })?;
        Ok(Self { terms, range })
    }

    /// Whether a version satisfies it. A pre-release satisfies only a constraint that names one.
    #[must_use]
    pub fn matches(&self, version: &Version) -> bool {
        self.range.matches(version)
    }

    /// The same as a range of ours.
    pub(crate) fn range(&self) -> &Range {
        &self.range
    }

    /// Whether it names one version: `1.8.5`, `= 1.8.5`.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        matches!(self.terms.as_slice(), [term] if term.operator == "=")
    }

    /// The constraint moved forward so that it admits `target`, with the author's operators, precision and blanks; `None`
    /// when it admits it already, or when that cannot be done without guessing.
    ///
    /// `~> 1.4` moved to 2.3.4 is `~> 2.3`, `~> 1.4.2` is `~> 2.3.4`, `>= 1.2, < 2.0` is `>= 1.2, < 3.0`. The rule is ours.
    #[must_use]
    pub fn moved(&self, text: &str, target: &Version) -> Option<String> {
        if self.matches(target) {
            return None;
        }
        let mut out = text.to_owned();
        for term in self.terms.iter().rev() {
            if Range::parse(&term.as_range()).ok()?.matches(target) {
                continue;
            }
            if target.cmp_precedence(&term.version).is_lt() {
                return None;
            }
            out.replace_range(term.span.0..term.span.1, &term.moved(target)?);
        }
        Self::parse(&out).ok()?.matches(target).then_some(out)
    }
}

impl Term {
    fn as_range(&self) -> String {
        let version = &self.version;
        let (major, minor) = (version.major(), version.minor());
        let text = version.canonical();
        match (self.operator, self.numbers) {
            // One number has no bound above it.
            ("~>", 1) => format!(">={text}"),
            ("~>", 2) => format!(">={text}, <{}.0.0", major.saturating_add(1)),
            ("~>", _) => format!(">={text}, <{major}.{}.0", minor.saturating_add(1)),
            (operator, _) => format!("{operator}{text}"),
        }
    }

    fn moved(&self, target: &Version) -> Option<String> {
        let numbers = match self.operator {
            "~>" | "=" | "<=" => [target.major(), target.minor(), target.patch()],
            "<" => {
                let version = &self.version;
                match (version.minor(), version.patch()) {
                    (0, 0) => [target.major().checked_add(1)?, 0, 0],
                    (_, 0) => [target.major(), target.minor().checked_add(1)?, 0],
                    _ => [target.major(), target.minor(), target.patch().checked_add(1)?],
                }
            }
            _ => return None,
        };
        let written = self.numbers.clamp(1, 3);
        // An exact version is written whole: fewer numbers would name another one.
        let written = if matches!(self.operator, "=" | "<=") { 3 } else { written };
        let numbers: Vec<String> = numbers[..written].iter().map(u64::to_string).collect();
        Some(numbers.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn what_a_constraint_admits() {
        for (constraint, admitted, refused) in [
            ("1.2.3", vec!["1.2.3"], vec!["1.2.4", "1.2.2"]),
            ("= 1.2", vec!["1.2.0"], vec!["1.2.1"]),
            ("~> 1.4", vec!["1.4.0", "1.9.9"], vec!["1.3.9", "2.0.0", "1.5.0-rc.1"]),
            ("~> 1.4.2", vec!["1.4.2", "1.4.9"], vec!["1.4.1", "1.5.0"]),
            ("~> 1", vec!["1.0.0", "2.0.0"], vec!["0.9.0"]),
            (">= 1.2, < 2.0", vec!["1.2.0", "1.99.0"], vec!["2.0.0", "1.1.9"]),
            (">=1.2,!=1.4.0", vec!["1.3.0", "3.0.0"], vec!["1.4.0"]),
            (">= 1.0.0-beta.1", vec!["1.0.0-beta.2", "1.0.0"], vec!["1.0.0-alpha"]),
        ] {
            let parsed = Constraint::parse(constraint).unwrap();
            for text in admitted {
                assert!(parsed.matches(&version(text)), "{constraint} admits {text}");
            }
            for text in refused {
                assert!(!parsed.matches(&version(text)), "{constraint} refuses {text}");
            }
        }
    }

    #[test]
    fn what_is_no_constraint() {
        for text in ["", "latest", "1.x", "^1.2", "1.2 || 1.3", ">= 1.2,", "=> 1.2", "1.2 - 1.4"] {
            assert!(Constraint::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_authors_hand_is_kept() {
        for (constraint, target, expected) in [
            ("1.2.3", "2.1.0", Some("2.1.0")),
            ("= 1.2", "1.3.0", Some("= 1.3.0")),
            ("~> 1.4", "2.3.4", Some("~> 2.3")),
            ("~>1.4.2", "1.6.1", Some("~>1.6.1")),
            (">= 1.2, < 2.0", "2.3.4", Some(">= 1.2, < 3.0")),
            (">= 1.2, <1.5", "1.7.2", Some(">= 1.2, <1.8")),
            ("<= 1.4", "1.6.2", Some("<= 1.6.2")),
            ("~> 1.4", "1.9.0", None),
            ("!= 2.0.0", "2.0.0", None),
            ("> 3", "2.0.0", None),
        ] {
            let parsed = Constraint::parse(constraint).unwrap();
            assert_eq!(
                parsed.moved(constraint, &version(target)).as_deref(),
                expected,
                "{constraint} to {target}"
            );
        }
    }
}
