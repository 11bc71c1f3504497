//! Inputs of a ResourceSet: what its templates take them for.

use std::borrow::Cow;

use super::Here;
use super::field::{Place, Text};
use crate::plan::Reason;
use crate::scan::{Kind, Resource, items};
use crate::yaml::Node;

/// A text with one tag of a template in it that names an input: `<< inputs.name >>`, `<< inputs.name | quote >>`.
///
/// Source: Flux Operator, its documentation of ResourceSet; Go `text/template`. Any other tag has to be run.
pub(super) struct Only<'v> {
    pub(super) before: &'v str,
    /// The input, its parts joined by dots.
    pub(super) name: &'v str,
    pub(super) after: &'v str,
}

/// The only tag of a text, where it names an input.
pub(super) fn only(text: &str) -> Option<Only<'_>> {
    first(text).filter(|first| !first.after.contains("<<"))
}

/// The first tag of a text, where it names an input.
fn first(text: &str) -> Option<Only<'_>> {
    let (before, rest) = text.split_once("<<")?;
    let (tag, after) = rest.split_once(">>")?;
    let tag = tag.strip_prefix("- ").unwrap_or(tag).trim();
    let tag = tag.strip_suffix(" -").unwrap_or(tag).trim();
    let (name, filter) = tag.split_once('|').unwrap_or((tag, ""));
    let name = name.trim().strip_prefix("inputs.")?;
    let is_name = name.split('.').all(|part| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    (is_name && matches!(filter.trim(), "" | "quote")).then_some(Only { before, name, after })
}

impl<'a, 'f> Here<'a, 'f> {
    /// The ResourceSet that makes the object.
    fn set(&self) -> Option<(&'a Resource, Node<'a, 'f>)> {
        let set = &self.inventory.resources()[self.resource.within?];
        Some((set, self.inventory.node(set)?))
    }

    /// Each of the inputs that the object is made with, or none where it takes nothing from them.
    pub(super) fn all_inputs(&self) -> Vec<Option<Node<'a, 'f>>> {
        let text = self.inventory.held(self.resource).document.text();
        let is_template = self.resource.within.is_some() && self.node.span().of(text).contains("<<");
        let spec = self.set().filter(|_| is_template).and_then(|(_, set)| set.get("spec"));
        // Inputs that are permuted have other names.
        let is_permuted = |spec: &Node<'a, 'f>| spec.at(&["inputStrategy", "name"]).is_some_and(is_permute);
        let inputs =
            spec.filter(|spec| !is_permuted(spec)).into_iter().flat_map(|spec| items(spec, "inputs"));
        let inputs: Vec<Option<Node<'a, 'f>>> = inputs.map(Some).collect();
        if inputs.is_empty() { vec![None] } else { inputs }
    }

    /// The value of an input, and the ResourceSet that has it, on behalf of the object.
    pub(super) fn input_at(&self, name: &str) -> Option<(Here<'a, 'f>, Node<'a, 'f>)> {
        let path: Vec<&str> = name.split('.').collect();
        let value = self.input?.at(&path)?.resolved()?;
        value.text()?;
        let (resource, node) = self.set()?;
        let lines = self.inventory.lines(self.inventory.held(resource).file);
        Some((Here { resource, node, lines, user: Some(self.subject()), input: None, ..*self }, value))
    }

    /// Where the text of a template stands: at the input that it takes. `None` where that is not known.
    pub(super) fn inputs(&self, text: &str) -> Option<Vec<Place>> {
        if self.resource.within.is_none() || !text.contains("<<") {
            return None;
        }
        let only = only(text)?;
        let (there, value) = self.input_at(only.name)?;
        let places = there.places(&Text::whole(value)).into_iter();
        Some(places.map(|place| place.of_input(only.name, (only.before, only.after))).collect())
    }

    /// A text of some object with inputs and variables filled in.
    pub(super) fn expand_of<'t>(&self, resource: &Resource, text: &'t str) -> Result<Cow<'t, str>, Reason> {
        if resource.within.is_none() || !text.contains("<<") {
            return self.links.expand(self.inventory, resource, text);
        }
        if resource.within != self.resource.within {
            return Err(Reason::Templated);
        }
        let (mut filled, mut rest) = (String::new(), text);
        while rest.contains("<<") {
            let tag = first(rest).ok_or(Reason::Templated)?;
            let (_, value) = self.input_at(tag.name).ok_or(Reason::Templated)?;
            filled.push_str(tag.before);
            filled.push_str(value.text().unwrap_or_default());
            rest = tag.after;
        }
        filled.push_str(rest);
        // Inputs are texts of the ResourceSet, and take their variables where it is applied.
        let set = resource.within.map(|set| &self.inventory.resources()[set]).unwrap_or(resource);
        Ok(Cow::Owned(self.links.expand(self.inventory, set, &filled)?.into_owned()))
    }

    /// The name of a source: as it is written where an object has that name, since templates name their own objects alike.
    pub(super) fn name<'t>(&self, kind: Kind, name: &'t str) -> Result<Cow<'t, str>, Reason> {
        match self.resource.within.is_some() && self.links.knows(kind, name) {
            true => Ok(Cow::Borrowed(name)),
            false => self.expand(name),
        }
    }
}

fn is_permute(node: Node<'_, '_>) -> bool {
    node.text() == Some("Permute")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_name_an_input() {
        for (text, expected) in [
            ("<< inputs.tag >>", ("", "tag", "")),
            ("<<inputs.app.tag>>", ("", "app.tag", "")),
            ("v<< inputs.tag | quote >>-x", ("v", "tag", "-x")),
            ("<<- inputs.tag ->>", ("", "tag", "")),
        ] {
            let found = only(text).unwrap();
            assert_eq!((found.before, found.name, found.after), expected, "{text}");
        }
        for text in [
            "1.2.3",
            "<< inputs.a >><< inputs.b >>",
            "<< .tag >>",
            "<< inputs.tag | upper >>",
            "<< if inputs.x >>",
            "<< inputs. >>",
            "<< inputs.tag",
        ] {
            assert!(only(text).is_none(), "{text}");
        }
    }
}
