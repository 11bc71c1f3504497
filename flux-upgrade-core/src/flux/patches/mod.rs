//! The user's own patches beside Flux's manifests: whether each still has something to patch.
//!
//! kustomize fails on a patch without a target and on a JSON Patch whose path is gone, and then Flux stops updating itself; an image
//! or replica count that matches nothing is dropped without a word. So each is tried on the old and on the new manifests. This is no
//! kustomize: transformers of names and namespaces are not applied.

mod selector;

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use self::selector::Target;
use super::manifest::{Manifest, normal};
use super::recover::RecoverError;
use crate::scan::value::{Lists, apply, deletes, merge, name, value};
use crate::scan::{is_kustomization_file, items};
use crate::text::{Lines, Location, RepoPath, SourceFile, Span, join};
use crate::yaml::{self, Comments, Document, Node};

/// Whether something of a kustomization finds what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Fit {
    /// It does.
    Fits {
        /// In how many objects.
        objects: usize,
    },
    /// No object is selected.
    NoTarget,
    /// A JSON Patch names a path that is not there, or a test of it fails.
    NoPath {
        /// The object.
        object: String,
        /// The path.
        path: String,
    },
    /// A merge names a container that is not there, and would add it.
    NoContainer {
        /// The object.
        object: String,
        /// The container.
        container: String,
    },
    /// It cannot be read.
    Unreadable {
        /// Why.
        why: String,
    },
    /// Its target may be in what the kustomization builds besides, which is not looked at.
    Unknown,
}

impl Fit {
    /// Whether kustomize would fail, or do something else than was meant.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        !matches!(self, Self::Fits { .. } | Self::Unknown)
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fits { objects: 1 } => f.write_str("fits"),
            Self::Fits { objects } => write!(f, "fits {objects} objects"),
            Self::NoTarget => f.write_str("matches nothing"),
            Self::NoPath { object, path } => write!(f, "{object} has no {path}"),
            Self::NoContainer { object, container } => write!(f, "{object} has no container `{container}`"),
            Self::Unreadable { why } => write!(f, "cannot be read: {why}"),
            Self::Unknown => f.write_str("its target is built from elsewhere"),
        }
    }
}

/// One patch, image or replica count of a kustomization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchCheck {
    /// Where it stands.
    pub at: Location,
    /// Which it is, such as `patches[0]`.
    pub patch: String,
    /// With the manifests as they are.
    pub old: Fit,
    /// With the new manifests.
    pub new: Fit,
}

/// Tries everything that a kustomization does to Flux's manifests on them and on their next text.
///
/// `files` are the files of the repository; those that `kustomization` names are read. Pass the same text twice to check what is
/// there. A file that is no kustomization gives nothing.
///
/// # Errors
///
/// [`RecoverError::Syntax`] where one of the manifests is not YAML.
pub fn check_patches(
    kustomization: &SourceFile,
    files: &[SourceFile],
    old: &str,
    new: &str,
) -> Result<Vec<PatchCheck>, RecoverError> {
    let text = kustomization.text.as_str();
    let (documents, _) = yaml::parse(text, Span::new(bom(text), text.len()), Comments::Skip);
    let Some(root) = documents.first().and_then(Document::root) else { return Ok(Vec::new()) };
    let folder = Folder { path: kustomization.path.folder(), files };
    let (others, unseen) = folder.others(root);
    let mut sides = [Objects::read(old, &others, unseen)?, Objects::read(new, &others, unseen)?];
    let lines = Lines::new(text);
    let mut out = Vec::new();
    let mut check = |node: Node<'_, '_>, patch: String, fit: &mut dyn FnMut(&mut Objects) -> Fit| {
        let at = lines.locate(&kustomization.path, node.span());
        let [old, new] = &mut sides;
        let (old, new) = (fit(old), fit(new));
        out.push(PatchCheck { at, patch, old, new });
    };
    for field in ["patchesStrategicMerge", "patches", "patchesJson6902"] {
        for (number, node) in items(root, field).enumerate() {
            let patch = folder.patch(node);
            check(node, format!("{field}[{number}]"), &mut |objects| match &patch {
                Ok(patch) => objects.patch(patch),
                Err(why) => Fit::Unreadable { why: why.clone() },
            });
        }
    }
    for (number, node) in items(root, "replicas").enumerate() {
        let wanted = node.text_at(&["name"]).unwrap_or_default();
        check(node, format!("replicas[{number}]"), &mut |objects| objects.replicas(wanted));
    }
    for (number, node) in items(root, "images").enumerate() {
        let wanted = node.text_at(&["name"]).unwrap_or_default();
        check(node, format!("images[{number}]"), &mut |objects| objects.image(wanted));
    }
    Ok(out)
}

/// The kustomization in the folder of a file.
pub(crate) fn kustomization_beside<'f>(path: &RepoPath, files: &'f [SourceFile]) -> Option<&'f SourceFile> {
    files
        .iter()
        .find(|other| other.path.folder() == path.folder() && is_kustomization_file(other.path.name()))
}

fn bom(text: &str) -> usize {
    if text.starts_with('\u{feff}') { 3 } else { 0 }
}

/// A patch as it is applied.
struct Patch {
    target: Option<Target>,
    body: Body,
}

enum Body {
    Operations(Vec<Value>),
    Merges(Vec<Value>),
}

/// The folder of a kustomization.
struct Folder<'f> {
    path: &'f str,
    files: &'f [SourceFile],
}

impl Folder<'_> {
    fn file(&self, name: &str) -> Option<&SourceFile> {
        let path = join(self.path, name)?;
        self.files.iter().find(|file| file.path.as_str() == path)
    }

    /// The objects of the other resources, and whether there are resources that are not looked at.
    fn others(&self, root: Node<'_, '_>) -> (Vec<Value>, bool) {
        let (mut objects, mut unseen) = (Vec::new(), false);
        for node in ["resources", "bases", "components"].into_iter().flat_map(|field| items(root, field)) {
            match node.text().and_then(|name| self.file(name)) {
                Some(file) if super::is_flux_manifest(file) => {}
                Some(file) => objects.extend(documents(&file.text).unwrap_or_default()),
                None => unseen = true,
            }
        }
        (objects, unseen)
    }

    /// An item of one of the three lists of patches.
    fn patch(&self, node: Node<'_, '_>) -> Result<Patch, String> {
        let target = node.get("target").and_then(Node::resolved).map(Target::read).transpose()?;
        let read = |name: &str| {
            self.file(name).map(|file| file.text.clone()).ok_or_else(|| format!("there is no file `{name}`"))
        };
        let text = match (node.text(), node.text_at(&["patch"]), node.text_at(&["path"])) {
            // The old list holds paths, or patches themselves.
            (Some(text), ..) if text.contains('\n') || text.contains(": ") => text.to_owned(),
            (Some(path), ..) => read(path)?,
            (None, Some(text), _) => text.to_owned(),
            (None, None, Some(path)) => read(path)?,
            _ => return Err("it has neither `patch` nor `path`".to_owned()),
        };
        let documents = documents(&text)?;
        let operations = documents.first().is_some_and(Value::is_array);
        let body = match operations {
            true => Body::Operations(
                documents.into_iter().filter_map(|one| one.as_array().cloned()).flatten().collect(),
            ),
            false => Body::Merges(documents),
        };
        if operations && target.is_none() {
            return Err("a JSON Patch needs a `target`".to_owned());
        }
        Ok(Patch { target, body })
    }
}

/// The documents of a text as values.
fn documents(text: &str) -> Result<Vec<Value>, String> {
    let mut out = Vec::new();
    for part in yaml::split(text) {
        let (documents, error) = yaml::parse(text, part, Comments::Skip);
        if let Some(error) = error {
            return Err(error.message);
        }
        out.extend(documents.iter().filter_map(Document::root).map(value).filter(|value| !value.is_null()));
    }
    Ok(out)
}

/// What a kustomization builds, while it is patched.
struct Objects {
    all: Vec<Value>,
    unseen: bool,
}

impl Objects {
    fn read(text: &str, others: &[Value], unseen: bool) -> Result<Self, RecoverError> {
        let text = normal(text);
        let manifest = Manifest::read(&text)?;
        let mut all: Vec<Value> =
            manifest.objects.iter().filter_map(|object| object.root().map(value)).collect();
        all.extend_from_slice(others);
        Ok(Self { all, unseen })
    }

    fn none(&self) -> Fit {
        if self.unseen { Fit::Unknown } else { Fit::NoTarget }
    }

    fn patch(&mut self, patch: &Patch) -> Fit {
        match &patch.body {
            Body::Operations(operations) => {
                let Some(target) = &patch.target else { return Fit::NoTarget };
                self.each(target, |object| {
                    let applied = operations.iter().try_for_each(|operation| apply(object, operation));
                    applied.map_err(|path| Fit::NoPath { object: id(object), path })
                })
            }
            Body::Merges(patches) => {
                let mut objects = 0;
                for merged in patches {
                    let own;
                    let target = match &patch.target {
                        Some(target) => target,
                        None => match Target::of_patch(merged) {
                            Ok(target) => {
                                own = target;
                                &own
                            }
                            Err(why) => return Fit::Unreadable { why },
                        },
                    };
                    match self.each(target, |object| merged_into(object, merged)) {
                        Fit::Fits { objects: more } => objects += more,
                        other => return other,
                    }
                }
                Fit::Fits { objects }
            }
        }
    }

    fn each(&mut self, target: &Target, mut edit: impl FnMut(&mut Value) -> Result<(), Fit>) -> Fit {
        let mut objects = 0;
        for object in self.all.iter_mut().filter(|object| target.selects(object)) {
            objects += 1;
            if let Err(fit) = edit(object) {
                return fit;
            }
        }
        if objects == 0 { self.none() } else { Fit::Fits { objects } }
    }

    fn replicas(&self, wanted: &str) -> Fit {
        let scaled = |kind: &str| {
            matches!(kind, "Deployment" | "StatefulSet" | "ReplicaSet" | "ReplicationController")
        };
        self.count(|object| {
            object["kind"].as_str().is_some_and(scaled) && object["metadata"]["name"].as_str() == Some(wanted)
        })
    }

    /// Source: kustomize `imagetag`: the name is all before tag and digest.
    fn image(&self, wanted: &str) -> Fit {
        self.count(|object| {
            containers(object).any(|container| {
                let image = container["image"].as_str().unwrap_or_default();
                let image = image.split('@').next().unwrap_or_default();
                let tag = image.rfind(':').filter(|at| !image[*at..].contains('/'));
                &image[..tag.unwrap_or(image.len())] == wanted
            })
        })
    }

    fn count(&self, wanted: impl Fn(&Value) -> bool) -> Fit {
        match self.all.iter().filter(|object| wanted(object)).count() {
            0 => self.none(),
            objects => Fit::Fits { objects },
        }
    }
}

fn merged_into(object: &mut Value, patch: &Value) -> Result<(), Fit> {
    let known: Vec<&str> = containers(object).filter_map(name).collect();
    let missing =
        containers(patch).filter(|one| !deletes(one)).filter_map(name).find(|name| !known.contains(name));
    // A whole container, with an image of its own, is meant to be added.
    let missing = missing.filter(|missing| {
        !containers(patch)
            .any(|container| name(container) == Some(missing) && container.get("image").is_some())
    });
    if let Some(container) = missing {
        return Err(Fit::NoContainer { object: id(object), container: container.to_owned() });
    }
    // A patch for selected objects does not rename them.
    let own = [object["apiVersion"].take(), object["kind"].take(), object["metadata"]["name"].take()];
    merge(object, patch, Lists::ByName);
    let [version, kind, name] = own;
    (object["apiVersion"], object["kind"], object["metadata"]["name"]) = (version, kind, name);
    Ok(())
}

fn containers(object: &Value) -> impl Iterator<Item = &Value> {
    let list =
        |field: &str| object.pointer(&format!("/spec/template/spec/{field}")).and_then(Value::as_array);
    [list("initContainers"), list("containers")].into_iter().flatten().flatten()
}

fn id(object: &Value) -> String {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
    format!("{}/{}", text("/kind"), text("/metadata/name"))
}
