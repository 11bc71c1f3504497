//! Objects as Flux would apply them: a document with the patches of the kustomizations that build it over it.
//!
//! Only what patches say is read. What kustomize would have to run, such as replacements and transformers, is not.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::patch::SECRET;
use super::value::{Lists, apply, bounded, merge};
use super::{Inventory, Kind, Placement, Resource};
use crate::plan::Reason;
use crate::text::Location;
use crate::version::Range;
use crate::yaml::Node;

/// An object as it is applied in one place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Effective {
    /// The whole object: `apiVersion`, `kind`, `metadata`, `spec`. Variables of `postBuild` are not filled in.
    pub(crate) object: Value,
    /// The patches that went over it, in order.
    pub(crate) patches: Vec<Location>,
}

impl Effective {
    /// The text at a path of keys; numbers and booleans are texts as JSON writes them.
    pub(crate) fn text_at(&self, path: &[&str]) -> Option<String> {
        match path.iter().try_fold(&self.object, |node, key| node.get(key))? {
            Value::String(text) => Some(text.clone()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
            other => Some(other.to_string()),
        }
    }
}

/// Why it is not known what is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unbuilt {
    /// A patch cannot be applied.
    Patch {
        /// Where it stands.
        at: Location,
        /// What kustomize would say, in our words.
        why: String,
    },
    /// The object goes to one place in several forms.
    Several {
        /// The patches that tell them apart.
        patches: Vec<Location>,
    },
}

impl fmt::Display for Unbuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Patch { at, why } => write!(f, "the patch at {at} cannot be applied: {why}"),
            Self::Several { patches } => {
                let all: Vec<String> = patches.iter().map(Location::to_string).collect();
                write!(f, "it is built with and without the patches at {}", all.join(", "))
            }
        }
    }
}

impl From<Unbuilt> for Reason {
    fn from(why: Unbuilt) -> Self {
        match why {
            Unbuilt::Patch { .. } => Self::SourceUnsupported { detail: why.to_string() },
            Unbuilt::Several { patches } => {
                Self::Ambiguous { sources: patches.iter().map(|at| format!("patch at {at}")).collect() }
            }
        }
    }
}

impl Inventory<'_> {
    /// Whether patches change the object on its way to some cluster, as far as objects of its group are followed: sources
    /// and what image automation has.
    pub(crate) fn is_completed(&self, resource: &Resource) -> bool {
        self.is_followed(resource)
            && self.index_of(resource).is_some_and(|index| self.chains.contains_key(&index))
    }

    /// Whether patches of the object are followed whatever it says.
    pub(super) fn is_followed(&self, resource: &Resource) -> bool {
        let group = resource.api_version.split('/').next();
        matches!(group, Some("source.toolkit.fluxcd.io" | "image.toolkit.fluxcd.io"))
    }

    /// Whether a release says a version that Flux cannot read, which somebody has to set again.
    pub(super) fn has_placeholder(&self, resource: &Resource) -> bool {
        let version = || self.at(resource, &["spec", "chart", "spec", "version"]).and_then(Node::text);
        resource.kind == Kind::HelmRelease
            && version().is_some_and(|text| !text.contains("${") && Range::parse(text).is_err())
    }

    /// Whether the text at a path of an object never counts: in every place, and on every way to it, patches set another.
    pub(crate) fn is_set_again(&self, resource: &Resource, path: &[&str]) -> bool {
        let Some(ways) = self.index_of(resource).and_then(|index| self.chains.get(&index)) else {
            return false;
        };
        let own = self.at(resource, path).and_then(Node::text);
        let is_set = |chain: &[usize]| {
            let text = self.patched(resource, chain).ok().and_then(|built| built.text_at(path));
            text.is_some_and(|text| Some(text.as_str()) != own)
        };
        let reached: BTreeSet<&Placement> = ways.iter().map(|(to, _)| to).collect();
        resource.placements.iter().all(|to| reached.contains(to))
            && ways.iter().all(|(_, chain)| is_set(chain))
    }

    /// An object as it is applied in one of its [placements](Resource::placements): the document, with the strategic merge and
    /// JSON patches of the kustomizations and Flux Kustomizations that bring it there over it.
    ///
    /// Source: kustomize `api/internal/target/kusttarget_configplugin.go` for the order, `api/resource/resource.go`,
    /// `ApplySmPatch`: a patch changes neither kind, name nor namespace. Lists are taken whole, since kustomize has no schema
    /// of Flux's kinds.
    ///
    /// # Errors
    ///
    /// [`Unbuilt`] with the patch that cannot be applied, or the patches that only some of several ways to that place have.
    pub(crate) fn effective(&self, resource: &Resource, placement: &Placement) -> Result<Effective, Unbuilt> {
        let ways = self.index_of(resource).and_then(|index| self.chains.get(&index));
        let ways = ways.into_iter().flatten().filter(|(to, _)| to == placement);
        let mut built: Vec<(Effective, &[usize])> = Vec::new();
        for (_, chain) in ways {
            let one = self.patched(resource, chain)?;
            if built.iter().all(|(other, _)| other.object != one.object) {
                built.push((one, chain));
            }
        }
        match built.len() {
            0 => self.patched(resource, &[]),
            1 => Ok(built.swap_remove(0).0),
            _ => {
                let all: BTreeSet<usize> = built.iter().flat_map(|(_, chain)| *chain).copied().collect();
                let some = |patch: &usize| !built.iter().all(|(_, chain)| chain.contains(patch));
                let patches = all.into_iter().filter(some).map(|patch| self.patch_location(patch)).collect();
                Err(Unbuilt::Several { patches })
            }
        }
    }

    /// The text at a path of an object: as it is built, or as its document says where it is not known to be built.
    pub(crate) fn text_of(
        &self,
        resource: &Resource,
        built: Option<&Effective>,
        path: &[&str],
    ) -> Option<String> {
        match built {
            Some(built) => built.text_at(path),
            None => self.node(resource)?.text_at(path).map(str::to_owned),
        }
    }

    /// An object with some patches over it.
    fn patched(&self, resource: &Resource, chain: &[usize]) -> Result<Effective, Unbuilt> {
        let whole = |at: Location| Unbuilt::Patch { at, why: "its aliases make it too large".to_owned() };
        let object = self.node(resource).map_or(Some(Value::Null), bounded);
        let mut object = object.ok_or_else(|| whole(self.location(resource)))?;
        let mut patches = Vec::with_capacity(chain.len());
        for number in chain {
            let patch = &self.patches[*number];
            let at = self.patch_location(*number);
            let root = self.documents[patch.document].document.node(patch.node);
            let over = root.map_or(Some(Value::Null), bounded).ok_or_else(|| whole(at.clone()))?;
            if let Err(why) = put_over(&mut object, &over) {
                return Err(Unbuilt::Patch { at, why });
            }
            patches.push(at);
        }
        Ok(Effective { object, patches })
    }

    fn patch_location(&self, number: usize) -> Location {
        let patch = &self.patches[number];
        let span = self.documents[patch.document].document.node(patch.node).map(|node| node.span());
        self.locate(patch.document, span.unwrap_or_default())
    }
}

/// Applies one patch; the error says what kustomize refuses.
fn put_over(object: &mut Value, patch: &Value) -> Result<(), String> {
    if let Some(operations) = patch.as_array() {
        return operations.iter().try_for_each(|operation| {
            let wanted = apply(object, operation);
            wanted.map_err(|why| if why.starts_with('/') { format!("there is no {why}") } else { why })
        });
    }
    if !patch.is_object() {
        return Err("it is neither a part of an object nor a list of operations".to_owned());
    }
    if patch.get("kind").and_then(Value::as_str) == Some(SECRET) {
        return Err("it is one of a Secret".to_owned());
    }
    let identity = [&["apiVersion"][..], &["kind"], &["metadata", "name"], &["metadata", "namespace"]];
    let own = identity.map(|path| path.iter().try_fold(&*object, |node, key| node.get(key)).cloned());
    merge(object, patch, Lists::Whole);
    for (path, own) in identity.into_iter().zip(own) {
        let (last, above) = (path[path.len() - 1], &path[..path.len() - 1]);
        let holder = above.iter().try_fold(&mut *object, |node, key| node.get_mut(*key));
        let Some(Value::Object(holder)) = holder else { continue };
        match own {
            Some(own) => holder.insert(last.to_owned(), own),
            None => holder.remove(last),
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scan;
    use crate::text::{RepoPath, SourceFile};

    const POLICY: &str = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata:\n  name: app\n  \
        annotations: {example.com/line: main}\nspec:\n  imageRepositoryRef: {name: app}\n";
    const LINE: &str = "patches:\n- target: {kind: ImagePolicy, annotationSelector: example.com/line=main}\n  patch: |\n    \
        apiVersion: image.toolkit.fluxcd.io/v1\n    kind: ImagePolicy\n    metadata: {name: any}\n    spec:\n      \
        filterTags: {pattern: '^main-(?P<ts>[0-9]+)', extract: $ts}\n      policy: {numerical: {order: asc}}\n";

    fn files(all: &[(&str, &str)]) -> Vec<SourceFile> {
        let file = |(path, text): &(&str, &str)| SourceFile {
            path: RepoPath::parse(path).unwrap(),
            text: (*text).to_owned(),
        };
        all.iter().map(file).collect()
    }

    /// What each placement of the only object that is no patch and no kustomization makes of it.
    fn built(all: &[(&str, &str)]) -> Vec<Result<Value, String>> {
        let files = files(all);
        let inventory = scan(&files);
        let policy = |resource: &&Resource| resource.kind_name == "ImagePolicy" && !resource.is_patch;
        let policy = inventory.resources().iter().find(policy).unwrap();
        let built = policy.placements.iter().map(|placement| inventory.effective(policy, placement));
        built.map(|one| one.map(|one| one.object["spec"].clone()).map_err(|why| why.to_string())).collect()
    }

    #[test]
    fn a_policy_is_completed_by_a_selector() {
        let overlay = format!("resources: [../base]\n{LINE}");
        let spec = json!({
            "imageRepositoryRef": {"name": "app"},
            "filterTags": {"pattern": "^main-(?P<ts>[0-9]+)", "extract": "$ts"},
            "policy": {"numerical": {"order": "asc"}},
        });
        let all = [("one/kustomization.yaml", overlay.as_str()), ("base/policy.yaml", POLICY)];
        assert_eq!(built(&all), [Ok(spec)]);
    }

    #[test]
    fn an_object_that_nothing_patches_is_its_document() {
        assert_eq!(built(&[("policy.yaml", POLICY)]), [Ok(json!({"imageRepositoryRef": {"name": "app"}}))]);
    }

    #[test]
    fn a_component_patches_what_its_user_builds() {
        let component = format!("kind: Component\n{LINE}");
        let all = [
            ("one/kustomization.yaml", "resources: [../base]\ncomponents: [../main]\n"),
            ("base/policy.yaml", POLICY),
            ("main/kustomization.yaml", component.as_str()),
        ];
        assert_eq!(built(&all)[0].as_ref().unwrap()["policy"], json!({"numerical": {"order": "asc"}}));
    }

    #[test]
    fn one_place_reached_in_two_ways_is_not_known() {
        let overlay = format!("resources: [../base]\n{LINE}");
        let all = [
            ("kustomization.yaml", "resources: [one, base]\n"),
            ("one/kustomization.yaml", overlay.as_str()),
            ("base/policy.yaml", POLICY),
        ];
        let why = "it is built with and without the patches at one/kustomization.yaml:5:5";
        assert_eq!(built(&all), [Err(why.to_owned())]);
    }

    #[test]
    fn a_patch_that_cannot_be_applied_is_named() {
        let overlay = "resources: [../base]\npatches:\n- target: {name: a.*}\n  patch: |\n    \
            - {op: remove, path: /spec/suspend}\n";
        let all = [("one/kustomization.yaml", overlay), ("base/policy.yaml", POLICY)];
        let why = "the patch at one/kustomization.yaml:5:5 cannot be applied: there is no /spec/suspend";
        assert_eq!(built(&all), [Err(why.to_owned())]);
    }
}
