//! Elected images to the bytes of marked scalars.

use std::collections::BTreeMap;

use super::marker::{self, Setter};
use super::policy::Elected;
use crate::patch::Edit;
use crate::plan::preferred_quote;
use crate::text::{SourceFile, Span};
use crate::yaml::{Quote, encode};

/// A marked scalar that gets another text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The marker, as it is written: `apps:podinfo:tag`.
    pub setter: String,
    /// The text before.
    pub old: String,
    /// The text after.
    pub new: String,
    /// The bytes that change, by position.
    pub edits: Vec<Edit>,
}

/// Writes elected images where a file's markers ask for them; `elected` goes by namespace and name of the policy.
///
/// A marker of a policy that has elected nothing is left alone, as is a file that Flux passes by. Nothing but the scalars
/// changes: a block scalar gets a `-` besides, without which its text would end with a line.
///
/// # Examples
///
/// ```
/// use std::collections::BTreeMap;
/// use flux_upgrade_core::automate::{Elected, set};
/// use flux_upgrade_core::{RepoPath, SourceFile};
/// let text = "tag: 1.2   # {\"$imagepolicy\": \"apps:redis:tag\"}\n".to_owned();
/// let file = SourceFile { path: RepoPath::parse("app.yaml").unwrap(), text };
/// let elected = Elected { image: "redis".into(), tag: "1.10".into(), ..Elected::default() };
/// let settings = set(&file, &BTreeMap::from([(("apps".into(), "redis".into()), elected)]));
/// assert_eq!(settings[0].edits[0].replace, "\"1.10\"");
/// ```
#[must_use]
pub fn set(file: &SourceFile, elected: &BTreeMap<(String, String), Elected>) -> Vec<Setting> {
    let Some(read) = marker::read(file).filter(|read| read.passed_by.is_none()) else { return Vec::new() };
    let preferred = preferred_quote(&file.text);
    let mut out = Vec::new();
    for marked in &read.marked {
        let Some(node) = read.documents[marked.document].node(marked.node) else { continue };
        let Some(setter) = Setter::parse(&marked.value) else { continue };
        let Some(elected) = elected.get(&(setter.namespace.clone(), setter.policy.clone())) else { continue };
        let raw = node.span().of(&file.text);
        let old = node.text().unwrap_or(raw);
        let new = elected.text(setter.field);
        if old == new {
            continue;
        }
        let quote = node.quote().unwrap_or(Quote::Plain);
        if let Some(edits) = edits(file, node.span(), quote, &new, preferred) {
            out.push(Setting { setter: marked.value.clone(), old: old.to_owned(), new, edits });
        }
    }
    out
}

/// The edits that give a scalar another text.
fn edits(file: &SourceFile, span: Span, quote: Quote, new: &str, preferred: Quote) -> Option<Vec<Edit>> {
    let edit = |span: Span, replace: String| Edit {
        path: file.path.clone(),
        span,
        expect: span.of(&file.text).to_owned(),
        replace,
    };
    let raw = span.of(&file.text);
    if !matches!(quote, Quote::Literal | Quote::Folded) {
        return Some(vec![edit(span, encode(raw, quote, new, preferred)?)]);
    }
    let header = marker::header(&file.text, span)?;
    let indicators = header.of(&file.text);
    let stripped: String =
        indicators.chars().filter(|c| *c != '+').chain((!indicators.contains('-')).then_some('-')).collect();
    let body = raw.trim_end_matches(['\n', '\r', ' ', '\t']);
    let end = &raw[body.len()..];
    let first = raw.len() - raw.trim_start_matches([' ', '\n', '\r']).len();
    let text = format!("{}{new}{end}", &raw[..first]);
    Some(vec![edit(header, stripped), edit(span, text)])
}
