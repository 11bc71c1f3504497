//! Terraform's language as far as versions need it: blocks, their attributes, and where each literal stands.
//!
//! Source: the HCL native syntax specification, `hclsyntax/spec.md`.

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, ObjectKey, TraversalOperator};
use hcl_edit::structure::{Body, Structure};

use crate::text::Span;

/// A block: `resource "flux_bootstrap_git" "this" { … }`. A file is a block without words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// Its type and its labels.
    pub(crate) words: Vec<String>,
    /// Its attributes, those of objects in them too, in the order of the file.
    pub(crate) attributes: Vec<Attribute>,
    /// The blocks in it.
    pub(crate) blocks: Vec<Block>,
}

/// An attribute, or an entry of an object in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    /// The attribute's name, and the keys of objects and numbers of items inside it.
    pub(crate) path: Vec<String>,
    pub(crate) value: Value,
    /// The bytes of the value.
    pub(crate) span: Span,
}

/// What an attribute says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// A string without templates.
    Text(String),
    /// `true` or `false`.
    Bool(bool),
    /// `var.NAME`.
    Variable(String),
    /// `local.NAME`.
    Local(String),
    /// Anything else.
    Other,
}

/// A file that is not HCL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct HclError {
    /// The byte where reading stopped.
    pub(crate) at: usize,
    pub(crate) message: String,
}

impl Block {
    /// The attribute at a path.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.path == path)
    }

    /// The string at a path.
    pub(crate) fn text(&self, path: &[&str]) -> Option<&str> {
        match &self.at(path)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Every block, from the outside in.
    pub(crate) fn all(&self) -> Vec<&Block> {
        let mut out = vec![self];
        let mut next = 0;
        while let Some(block) = out.get(next).copied() {
            out.extend(&block.blocks);
            next += 1;
        }
        out
    }

    /// The type and the labels.
    pub(crate) fn is(&self, words: &[&str]) -> bool {
        self.words.iter().zip(words).all(|(a, b)| a == b) && self.words.len() >= words.len()
    }
}

/// Reads a file.
///
/// # Errors
///
/// [`HclError`] with the byte where reading stopped; also for nesting deeper than the parser goes.
pub(crate) fn read(text: &str) -> Result<Block, HclError> {
    let body = hcl_edit::parser::parse_body(text).map_err(|error| HclError {
        at: error.location().offset().min(text.len()),
        message: error.message().to_owned(),
    })?;
    Ok(block(Vec::new(), &body))
}

fn block(words: Vec<String>, body: &Body) -> Block {
    let mut out = Block { words, attributes: Vec::new(), blocks: Vec::new() };
    for structure in body {
        match structure {
            Structure::Attribute(attribute) => {
                let mut path = vec![attribute.key.as_str().to_owned()];
                entry(&mut path, &attribute.value, &mut out.attributes);
            }
            Structure::Block(inner) => {
                let own = std::iter::once(inner.ident.as_str());
                let words = own.chain(inner.labels.iter().map(|label| label.as_str()));
                out.blocks.push(block(words.map(str::to_owned).collect(), &inner.body));
            }
        }
    }
    out
}

fn entry(path: &mut Vec<String>, value: &Expression, out: &mut Vec<Attribute>) {
    let span = value.span().map_or(Span::default(), |span| Span::new(span.start, span.end));
    out.push(Attribute { path: path.clone(), value: read_value(value), span });
    if let Expression::Array(items) = value {
        for (index, item) in items.iter().enumerate() {
            path.push(index.to_string());
            entry(path, item, out);
            path.pop();
        }
    }
    let Expression::Object(object) = value else { return };
    for (key, value) in object {
        let name = match key {
            ObjectKey::Ident(name) => name.as_str(),
            ObjectKey::Expression(name) => match name.as_str() {
                Some(name) => name,
                None => continue,
            },
        };
        path.push(name.to_owned());
        entry(path, value.expr(), out);
        path.pop();
    }
}

fn read_value(value: &Expression) -> Value {
    match value {
        Expression::String(text) => Value::Text(text.as_str().to_owned()),
        Expression::Bool(value) => Value::Bool(*value.value()),
        Expression::Traversal(traversal) => {
            let root = match &traversal.expr {
                Expression::Variable(root) => Some(root.as_str()),
                _ => None,
            };
            match (root, traversal.operators.as_slice()) {
                (Some(root @ ("var" | "local")), [operator]) => match operator.value() {
                    TraversalOperator::GetAttr(name) if root == "var" => {
                        Value::Variable(name.as_str().to_owned())
                    }
                    TraversalOperator::GetAttr(name) => Value::Local(name.as_str().to_owned()),
                    _ => Value::Other,
                },
                _ => Value::Other,
            }
        }
        _ => Value::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "terraform {\r\n  required_providers {\r\n    flux = {\r\n      source  = \"fluxcd/flux\" # é\r\n      \
                        \"version\" = \"~> 1.4\"\r\n    }\r\n  }\r\n}\r\nresource \"flux_bootstrap_git\" \"this\" {\n  version = \
                        var.flux\n  path = local.path\n  name = \"a${var.b}\"\n  embedded_manifests = true\n}\n";

    #[test]
    fn blocks_and_attributes() {
        let file = read(TEXT).unwrap();
        let all = file.all();
        let words: Vec<_> = all.iter().map(|block| block.words.join(" ")).collect();
        assert_eq!(words, ["", "terraform", "resource flux_bootstrap_git this", "required_providers"]);
        let version = all[3].at(&["flux", "version"]).unwrap();
        assert_eq!(
            (&version.value, version.span.of(TEXT)),
            (&Value::Text("~> 1.4".to_owned()), "\"~> 1.4\"")
        );
        assert_eq!(all[2].at(&["version"]).unwrap().value, Value::Variable("flux".to_owned()));
        assert_eq!(all[2].at(&["path"]).unwrap().value, Value::Local("path".to_owned()));
        assert_eq!(all[2].at(&["name"]).unwrap().value, Value::Other);
        assert_eq!(all[2].at(&["embedded_manifests"]).unwrap().value, Value::Bool(true));
        assert!(all[2].is(&["resource", "flux_bootstrap_git"]) && !all[2].is(&["resource", "helm_release"]));
    }

    #[test]
    fn what_is_no_hcl_says_where() {
        let error = read("a = {\n b = \n}").unwrap_err();
        assert_eq!(error.at, 11, "{error}");
        for (open, inner, close) in [("a {\n", "", "}\n"), ("a = (", "1", ")"), ("x = {a=", "1", "}")] {
            let text = format!("{}{inner}{}", open.repeat(100_000), close.repeat(100_000));
            assert!(read(&text).is_err());
        }
    }
}
