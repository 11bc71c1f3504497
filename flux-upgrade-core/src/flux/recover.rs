//! From an existing file back to the options that it was made with.

use std::collections::BTreeMap;

use serde::Serialize;

use super::manifest::{Generation, Manifest, NotYaml, Object, normal};
use super::options::{Component, Options};
use crate::yaml::Node;

/// What an existing file of Flux's manifests says about how it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovered {
    /// How its header is written; `None` where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// The version that the header names, as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The version that most labels name, which is what runs in the cluster; `None` where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// The options. What the file does not tell has its default.
    pub options: Options,
    /// The tag of each controller's image, with the digest where there is one.
    pub images: BTreeMap<String, String>,
    /// Whether lines end with `\r\n`.
    pub crlf: bool,
}

/// Why a file gives no options.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// Not YAML.
    #[error("line {line}: not YAML: {message}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// What the reader found.
        message: String,
    },
    /// It does not hold Flux's controllers.
    #[error("it holds none of Flux's controllers: {found}")]
    NotFlux {
        /// What it holds.
        found: String,
    },
}

impl RecoverError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "recover.syntax",
            Self::NotFlux { .. } => "recover.not-flux",
        }
    }
}

impl Recovered {
    /// The version that the file is of: what its labels say, else its header.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.labels.as_deref().or(self.header.as_deref())
    }
}

/// Recovers the options of a `gotk-components.yaml` or `toolkit-components.yaml`.
///
/// Each option is what most Deployments say, so that one that was edited by hand does not speak for all. Whether they are right
/// is for [`prove()`](super::prove()) to say.
///
/// # Errors
///
/// [`RecoverError`] for a text that is not YAML, and for one without Flux's controllers.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::flux::recover;
/// let error = recover("kind: FluxInstance\napiVersion: fluxcd.controlplane.io/v1\nmetadata: {name: flux}\n").unwrap_err();
/// assert_eq!(error.to_string(), "it holds none of Flux's controllers: FluxInstance/flux");
/// ```
pub fn recover(text: &str) -> Result<Recovered, RecoverError> {
    let normal = normal(text);
    let manifest = Manifest::read_controllers(&normal)?;
    let mut recovered = of(&manifest)?;
    recovered.crlf = text.contains("\r\n");
    Ok(recovered)
}

impl From<NotYaml> for RecoverError {
    fn from(error: NotYaml) -> Self {
        Self::Syntax { line: error.line, message: error.message }
    }
}

/// A Deployment of a controller.
struct Controller<'d, 't> {
    component: Component,
    object: &'d Object<'t>,
    pod: Node<'d, 't>,
    container: Node<'d, 't>,
}

impl<'d, 't> Controller<'d, 't> {
    fn of(object: &'d Object<'t>) -> Option<Self> {
        let pod = object.root()?.at(&["spec", "template", "spec"])?.resolved()?;
        let container = pod.get("containers")?.resolved()?.items().next()?.resolved()?;
        Some(Self { component: Component::named(&object.id.name)?, object, pod, container })
    }

    /// Registry and tag of the image; the first releases had images of their own for another architecture.
    fn image(&self) -> Option<(&'d str, &'d str)> {
        let image = self.container.text_at(&["image"])?;
        let (registry, rest) = image.split_once(&format!("/{}", self.component))?;
        Some((registry, rest.strip_prefix("-arm64").unwrap_or(rest).strip_prefix(':')?))
    }

    /// The value of an argument.
    fn argument(&self, flag: &str) -> Option<&'d str> {
        let mut list = self.container.get("args")?.resolved()?.items();
        list.find_map(|item| item.text()?.strip_prefix(flag)?.strip_prefix('='))
    }

    fn domain(&self) -> Option<&'d str> {
        let of = |flag, end| self.argument(flag)?.split_once(".svc.")?.1.strip_suffix(end);
        of("--events-addr", "./")
            .or_else(|| of("--events-addr", "/"))
            .or_else(|| of("--storage-adv-addr", "."))
    }

    fn secret(&self) -> Option<String> {
        let mut list = self.pod.get("imagePullSecrets")?.resolved()?.items();
        let first = list.next()?.text_at(&["name"])?.to_owned();
        list.next().is_none().then_some(first)
    }

    /// The keys of tolerations as Flux writes them.
    fn tolerations(&self) -> Vec<String> {
        let list = self.pod.get("tolerations").and_then(Node::resolved);
        let of_flux = |item: Node<'_, '_>| {
            let whole = item.entries().count() == 2 && item.text_at(&["operator"]) == Some("Exists");
            whole.then(|| item.text_at(&["key"]).map(str::to_owned)).flatten()
        };
        list.into_iter().flat_map(Node::items).filter_map(of_flux).collect()
    }
}

fn of(manifest: &Manifest<'_>) -> Result<Recovered, RecoverError> {
    let controllers: Vec<Controller<'_, '_>> =
        manifest.of_kind("Deployment").filter_map(Controller::of).collect();
    if controllers.is_empty() {
        let names: Vec<String> =
            manifest.objects.iter().take(3).map(|object| object.id.to_string()).collect();
        let found = if names.is_empty() { "no object".to_owned() } else { names.join(", ") };
        return Err(RecoverError::NotFlux { found });
    }
    let mut options = Options { components: components(manifest, &controllers), ..Options::default() };
    let mut set = |flag: &str, value: Option<&str>| {
        // A value that no flag takes stays a difference, which the proof shows.
        let _ = value.map(|value| options.set(flag, value));
    };
    let namespaces = manifest.of_kind("Namespace").map(|object| object.id.name.as_str());
    let namespace = namespaces.last();
    let namespace =
        namespace.or_else(|| most(controllers.iter().filter_map(|one| one.object.id.namespace.as_deref())));
    set("namespace", namespace);
    let images = || controllers.iter().filter_map(Controller::image);
    set("registry", most(images().map(|(registry, _)| registry)));
    for flag in ["watch-all-namespaces", "log-level"] {
        set(flag, most(controllers.iter().filter_map(|one| one.argument(&format!("--{flag}")))));
    }
    set("cluster-domain", most(controllers.iter().filter_map(Controller::domain)));
    set("image-pull-secret", most(controllers.iter().map(Controller::secret)).flatten().as_deref());
    set(
        "toleration-keys",
        most(controllers.iter().map(Controller::tolerations)).map(|keys| keys.join(",")).as_deref(),
    );
    set(
        "network-policy",
        Some(if manifest.of_kind("NetworkPolicy").next().is_some() { "true" } else { "false" }),
    );
    let labels = manifest
        .objects
        .iter()
        .filter_map(|object| object.root()?.text_at(&["metadata", "labels", "app.kubernetes.io/version"]));
    let tags =
        controllers.iter().filter_map(|one| Some((one.component.to_string(), one.image()?.1.to_owned())));
    Ok(Recovered {
        generation: manifest.header.generation,
        header: manifest.header.version.clone(),
        labels: most(labels).map(str::to_owned),
        images: tags.collect(),
        options,
        crlf: false,
    })
}

/// The components in the order of the header where it names those that are there, else in that of the Deployments.
fn components(manifest: &Manifest<'_>, controllers: &[Controller<'_, '_>]) -> Vec<Component> {
    let mut there: Vec<Component> = Vec::new();
    for controller in controllers {
        if !there.contains(&controller.component) {
            there.push(controller.component);
        }
    }
    let named = manifest.header.components.as_deref().unwrap_or_default();
    let named = named.split(',').filter_map(|name| Component::named(name.trim()));
    let mut out: Vec<Component> = Vec::new();
    for component in named.filter(|component| there.contains(component)) {
        if !out.contains(&component) {
            out.push(component);
        }
    }
    there.retain(|component| !out.contains(component));
    out.extend(there);
    out
}

/// The value that occurs most often, the first of several.
fn most<T: PartialEq>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: Vec<(T, usize)> = Vec::new();
    for value in values {
        match counts.iter_mut().find(|(known, _)| *known == value) {
            Some((_, count)) => *count += 1,
            None => counts.push((value, 1)),
        }
    }
    let best = counts.iter().map(|(_, count)| *count).max()?;
    counts.into_iter().find(|(_, count)| *count == best).map(|(value, _)| value)
}
