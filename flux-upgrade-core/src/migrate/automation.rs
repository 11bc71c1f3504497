//! The shape of the first ImageUpdateAutomation to that of every later one.
//!
//! Source: fluxcd/image-automation-controller `api/v1alpha1` and `api/v1alpha2`: `checkout`, `commit` and `push` move under
//! `git`, the reference to the GitRepository becomes `sourceRef`, and the author gets a mapping of its own.

use super::draft::{Draft, shifted};
use super::edit::{is_plain, whole_lines};
use super::find::entry;
use super::problem::Problem;
use crate::text::Span;
use crate::yaml::Node;

pub(super) fn nest(spec: Node<'_, '_>, out: &mut Draft<'_>) -> Result<(), Problem> {
    for key in ["git", "sourceRef"] {
        if let Some((key, _)) = entry(spec, key) {
            return Err(Problem::layout(key.span(), "the object has the old shape and the new one"));
        }
    }
    let need = |key: &str| {
        entry(spec, key).ok_or_else(|| Problem::layout(spec.span(), &format!("`spec.{key}` is missing")))
    };
    let (checkout, commit) = (need("checkout")?, need("commit")?);
    let push = entry(spec, "push");
    let mut whole: Vec<Span> = Vec::new();
    for (key, value) in [Some(checkout), Some(commit), push].into_iter().flatten() {
        is_plain(key, value, "spec")?;
        let lines = out.lines(key, value).filter(|_| !spec.is_flow());
        let odd = || Problem::layout(key.span(), "`spec` is not in block style");
        let lines = lines.ok_or_else(odd)?;
        whole.push(Span::new(out.head(lines.start).start, lines.end));
    }
    let indent = out.column(checkout.0.span().start);
    let unit = match indent.saturating_sub(parent_column(spec, out)) {
        unit @ 1..=8 => unit,
        _ => 2,
    };
    let mut text = Lines { text: String::new(), indent, unit, eol: out.eol() };
    source(checkout.1, &mut text, out)?;
    text.line(0, "git:", "");
    text.head(1, checkout.0, out);
    branch(checkout, &mut text, out)?;
    text.head(1, commit.0, out);
    author(commit, &mut text, out)?;
    if let Some((key, value)) = push {
        text.head(1, key, out);
        text.entry(1, key, value, out);
    }
    whole.sort();
    for (number, span) in whole.iter().enumerate() {
        let _ = out.take(*span);
        match number {
            0 if out.text()[..span.end].ends_with('\n') => out.replace(*span, text.text.as_str()),
            0 => out.replace(*span, text.text.trim_end()),
            _ => out.replace(whole_lines(*span, out), ""),
        }
    }
    Ok(())
}

/// The column of the key that a mapping stands under.
fn parent_column(spec: Node<'_, '_>, out: &Draft<'_>) -> usize {
    let column = out.column(spec.span().start);
    let mut at = out.line_start(spec.span().start);
    while at > 0 {
        at = out.line_start(at - 1);
        let line = &out.text()[at..out.next_line(at)];
        let body = line.trim_start_matches(' ');
        if !body.starts_with('#') && !body.trim().is_empty() && line.len() - body.len() < column {
            return line.len() - body.len();
        }
    }
    0
}

fn source(checkout: Node<'_, '_>, text: &mut Lines<'_>, out: &Draft<'_>) -> Result<(), Problem> {
    only(checkout, &["gitRepositoryRef", "branch"])?;
    let (key, reference) = entry(checkout, "gitRepositoryRef")
        .ok_or_else(|| Problem::layout(checkout.span(), "`spec.checkout.gitRepositoryRef` is missing"))?;
    only(reference, &["name"])?;
    let (name_key, name) = entry(reference, "name").ok_or_else(|| {
        Problem::layout(reference.span(), "`spec.checkout.gitRepositoryRef.name` is missing")
    })?;
    text.inner_head(0, key, checkout, out);
    text.line(0, "sourceRef:", Lines::on_line(key, reference, out));
    text.line(1, "kind: GitRepository", "");
    text.inner_head(1, name_key, reference, out);
    text.scalar(1, "name", name, out)
}

fn branch(
    (key, checkout): (Node<'_, '_>, Node<'_, '_>),
    text: &mut Lines<'_>,
    out: &Draft<'_>,
) -> Result<(), Problem> {
    text.line(1, "checkout:", Lines::on_line(key, checkout, out));
    let Some((key, branch)) = entry(checkout, "branch") else {
        return Err(Problem::layout(checkout.span(), "`spec.checkout.branch` is missing"));
    };
    text.inner_head(2, key, checkout, out);
    text.line(2, "ref:", "");
    text.scalar(3, "branch", branch, out)
}

fn author(
    (key, commit): (Node<'_, '_>, Node<'_, '_>),
    text: &mut Lines<'_>,
    out: &mut Draft<'_>,
) -> Result<(), Problem> {
    text.line(1, "commit:", Lines::on_line(key, commit, out));
    let names = [("authorName", "name"), ("authorEmail", "email")];
    if names.iter().any(|(old, _)| entry(commit, old).is_some()) {
        text.line(2, "author:", "");
    }
    for (old, new) in names {
        if let Some((key, value)) = entry(commit, old) {
            text.inner_head(3, key, commit, out);
            text.scalar(3, new, value, out)?;
        }
    }
    for (key, value) in
        commit.entries().filter(|(key, _)| names.iter().all(|(old, _)| key.text() != Some(old)))
    {
        text.inner_head(2, key, commit, out);
        text.entry(2, key, value, out);
    }
    Ok(())
}

/// Fails where a mapping has another key than these.
fn only(node: Node<'_, '_>, keys: &[&str]) -> Result<(), Problem> {
    let other = node.entries().find(|(key, _)| key.text().is_none_or(|key| !keys.contains(&key)));
    match other {
        Some((key, _)) => Err(Problem::layout(key.span(), "a key that the first version does not have")),
        None if node.is_mapping() => Ok(()),
        None => Err(Problem::layout(node.span(), "a value that is no mapping")),
    }
}

/// Lines below `spec`, each so many units deep.
struct Lines<'t> {
    text: String,
    indent: usize,
    unit: usize,
    eol: &'t str,
}

impl Lines<'_> {
    fn column(&self, depth: usize) -> usize {
        self.indent + depth * self.unit
    }

    fn line(&mut self, depth: usize, text: &str, comment: &str) {
        self.text.push_str(&" ".repeat(self.column(depth)));
        self.text.push_str(text);
        self.text.push_str(comment);
        self.text.push_str(self.eol);
    }

    /// The comments above a key.
    fn head(&mut self, depth: usize, key: Node<'_, '_>, out: &Draft<'_>) {
        let head = out.head(out.line_start(key.span().start));
        for line in head.of(out.text()).lines() {
            self.line(depth, line.trim(), "");
        }
    }

    /// The comments above a key of a mapping in block style.
    fn inner_head(&mut self, depth: usize, key: Node<'_, '_>, mapping: Node<'_, '_>, out: &Draft<'_>) {
        if !mapping.is_flow() && out.indent(key.span().start).is_some() {
            self.head(depth, key, out);
        }
    }

    /// The comment on the line of a key that has a mapping in block style below it.
    fn on_line<'o>(key: Node<'_, '_>, mapping: Node<'_, '_>, out: &Draft<'o>) -> &'o str {
        if mapping.is_flow() { "" } else { out.comment_after(key.span().end + 1) }
    }

    /// A key with another name and the scalar that it has.
    fn scalar(
        &mut self,
        depth: usize,
        key: &str,
        value: Node<'_, '_>,
        out: &Draft<'_>,
    ) -> Result<(), Problem> {
        let raw = value.span().of(out.text());
        if value.quote().is_none() || value.block().is_some() || raw.contains('\n') || raw.is_empty() {
            return Err(Problem::layout(value.span(), &format!("`{key}` is no text on one line")));
        }
        self.line(depth, &format!("{key}: {raw}"), out.comment_after(value.span().end));
        Ok(())
    }

    /// An entry as it is, at another depth.
    fn entry(&mut self, depth: usize, key: Node<'_, '_>, value: Node<'_, '_>, out: &mut Draft<'_>) {
        let column = self.column(depth);
        let text = match out.lines(key, value) {
            Some(lines) => {
                let own = out.column(key.span().start);
                let text = out.take(lines);
                shifted(text.trim_start_matches(' '), own, column, self.eol)
            }
            None => {
                let end = value.span().end.max(key.span().end);
                let text = out.take(Span::new(key.span().start, end));
                shifted(&text, 0, column, self.eol)
            }
        };
        self.text.push_str(&text);
    }
}
