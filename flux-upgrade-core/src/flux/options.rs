//! The options of `flux install`, their defaults, and what they accept.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::version::Version;
use crate::yaml;

/// A controller of Flux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each is named after its controller")]
pub enum Component {
    SourceController,
    KustomizeController,
    HelmController,
    NotificationController,
    ImageReflectorController,
    ImageAutomationController,
    SourceWatcher,
}

impl Component {
    /// All of them; the first four are installed by default.
    pub const ALL: [Self; 7] = [
        Self::SourceController,
        Self::KustomizeController,
        Self::HelmController,
        Self::NotificationController,
        Self::ImageReflectorController,
        Self::ImageAutomationController,
        Self::SourceWatcher,
    ];

    /// Its name, such as `source-controller`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SourceController => "source-controller",
            Self::KustomizeController => "kustomize-controller",
            Self::HelmController => "helm-controller",
            Self::NotificationController => "notification-controller",
            Self::ImageReflectorController => "image-reflector-controller",
            Self::ImageAutomationController => "image-automation-controller",
            Self::SourceWatcher => "source-watcher",
        }
    }

    /// The component with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|component| component.as_str() == name)
    }

    /// Whether a release has it: source-watcher came with 2.7.
    #[must_use]
    pub fn is_in(self, release: &Version) -> bool {
        self != Self::SourceWatcher || (release.major(), release.minor()) >= (2, 7)
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How much the controllers log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What happens.
    #[default]
    Info,
    /// What fails.
    Error,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Error => "error",
        })
    }
}

/// What `flux install` and `flux bootstrap` were told; the default is what they do when told nothing.
///
/// The defaults are the same in every release from 2.2.3 on. Source: flux2 `pkg/manifestgen/install/options.go` and the flags of
/// `cmd/flux/install.go`.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::flux::Options;
/// let mut options = Options::default();
/// options.set("components-extra", "image-reflector-controller")?;
/// options.set("namespace", "gitops")?;
/// assert_eq!(options.components.len(), 5);
/// assert_eq!(options.to_string(), "--components-extra=image-reflector-controller --namespace=gitops");
/// let error = options.set("log-level", "verbose").unwrap_err();
/// assert_eq!(error.to_string(), "invalid --log-level `verbose`: expected debug, info or error");
/// # Ok::<(), flux_upgrade_core::flux::OptionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// The controllers in the order of their documents, extra ones last.
    pub components: Vec<Component>,
    /// The namespace of the controllers.
    pub namespace: String,
    /// Where the images come from; `""` leaves the names as the release has them.
    pub registry: String,
    /// The secret that the images are pulled with.
    pub image_pull_secret: Option<String>,
    /// Whether objects of every namespace are reconciled.
    pub watch_all_namespaces: bool,
    /// Whether the three NetworkPolicies are there.
    pub network_policy: bool,
    /// How much the controllers log.
    pub log_level: LogLevel,
    /// The DNS domain of the cluster.
    pub cluster_domain: String,
    /// Keys of taints that the controllers tolerate.
    pub toleration_keys: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            components: Component::ALL[..4].to_vec(),
            namespace: "flux-system".to_owned(),
            registry: "ghcr.io/fluxcd".to_owned(),
            image_pull_secret: None,
            watch_all_namespaces: true,
            network_policy: true,
            log_level: LogLevel::Info,
            cluster_domain: "cluster.local".to_owned(),
            toleration_keys: Vec::new(),
        }
    }
}

/// An option with a value that it does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid --{flag} `{value}`: {expected}")]
pub struct OptionError {
    /// The flag of `flux install`, without its dashes.
    pub flag: String,
    /// What was given.
    pub value: String,
    /// What it takes.
    pub expected: String,
}

impl OptionError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "install.option"
    }
}

impl Options {
    /// The flags of `flux install` that change the output; `version` aside.
    pub const FLAGS: [&'static str; 10] = [
        "components",
        "components-extra",
        "namespace",
        "registry",
        "image-pull-secret",
        "watch-all-namespaces",
        "network-policy",
        "log-level",
        "cluster-domain",
        "toleration-keys",
    ];

    /// Sets the option of a flag, lists with commas; `components` goes before `components-extra`, which adds to it.
    ///
    /// # Errors
    ///
    /// [`OptionError`] for an unknown flag, and for a value that Flux or Kubernetes would refuse.
    pub fn set(&mut self, flag: &str, value: &str) -> Result<(), OptionError> {
        let wrong = |expected: &str| OptionError {
            flag: flag.to_owned(),
            value: value.to_owned(),
            expected: expected.to_owned(),
        };
        match flag {
            "components" => self.components = components(&[], value).map_err(|why| wrong(&why))?,
            "components-extra" => {
                self.components = components(&self.components, value).map_err(|why| wrong(&why))?;
            }
            "namespace" if is_label(value) => self.namespace = value.to_owned(),
            "namespace" => {
                return Err(wrong("expected a DNS label that YAML reads as text, such as `flux-system`"));
            }
            "registry" if is_registry(value) => self.registry = value.to_owned(),
            "registry" => {
                return Err(wrong(
                    "expected a host with a path and no `/` at the end, such as `ghcr.io/fluxcd`",
                ));
            }
            "image-pull-secret" if value.is_empty() => self.image_pull_secret = None,
            "image-pull-secret" if is_secret(value) => self.image_pull_secret = Some(value.to_owned()),
            "image-pull-secret" => return Err(wrong("expected the name of a Secret")),
            "watch-all-namespaces" => {
                self.watch_all_namespaces = boolean(value).ok_or_else(|| wrong("expected true or false"))?;
            }
            "network-policy" => {
                self.network_policy = boolean(value).ok_or_else(|| wrong("expected true or false"))?;
            }
            "log-level" => {
                self.log_level = value.parse().map_err(|()| wrong("expected debug, info or error"))?;
            }
            "cluster-domain" if is_domain(value) => self.cluster_domain = value.to_owned(),
            "cluster-domain" => return Err(wrong("expected a DNS domain such as `cluster.local`")),
            "toleration-keys" => {
                let keys: Vec<String> = list(value).map(str::to_owned).collect();
                if !keys.iter().all(|key| is_key(key)) {
                    return Err(wrong("expected keys of taints, separated by commas"));
                }
                self.toleration_keys = keys;
            }
            _ => return Err(wrong(&format!("no such option; there are {}", Self::FLAGS.join(", ")))),
        }
        Ok(())
    }

    /// The flags that differ from the defaults, with their values.
    #[must_use]
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        let plain = Self::default();
        let names = |list: &[Component]| list.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(",");
        let mut out = Vec::new();
        let mut add = |differs: bool, flag, value: String| {
            if differs {
                out.push((flag, value));
            }
        };
        match self.components.strip_prefix(plain.components.as_slice()) {
            Some(extra) => add(!extra.is_empty(), "components-extra", names(extra)),
            None => add(true, "components", names(&self.components)),
        }
        add(self.namespace != plain.namespace, "namespace", self.namespace.clone());
        add(self.registry != plain.registry, "registry", self.registry.clone());
        let secret = self.image_pull_secret.clone().unwrap_or_default();
        add(self.image_pull_secret.is_some(), "image-pull-secret", secret);
        add(!self.watch_all_namespaces, "watch-all-namespaces", "false".to_owned());
        add(!self.network_policy, "network-policy", "false".to_owned());
        add(self.log_level != plain.log_level, "log-level", self.log_level.to_string());
        add(self.cluster_domain != plain.cluster_domain, "cluster-domain", self.cluster_domain.clone());
        add(!self.toleration_keys.is_empty(), "toleration-keys", self.toleration_keys.join(","));
        out
    }
}

/// The flags that `flux install` needs for them, those with their default left out.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (flag, value)) in self.flags().iter().enumerate() {
            let blank = if number == 0 { "" } else { " " };
            write!(f, "{blank}--{flag}={value}")?;
        }
        Ok(())
    }
}

impl FromStr for LogLevel {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Debug, Self::Info, Self::Error].into_iter().find(|level| level.to_string() == text).ok_or(())
    }
}

fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// `before` and the components of a list.
fn components(before: &[Component], value: &str) -> Result<Vec<Component>, String> {
    let mut out = before.to_vec();
    for name in list(value) {
        let Some(component) = Component::named(name) else {
            let known: Vec<&str> = Component::ALL.iter().map(|component| component.as_str()).collect();
            return Err(format!("`{name}` is no component; there are {}", known.join(", ")));
        };
        if out.contains(&component) {
            return Err(format!("`{name}` stands twice"));
        }
        out.push(component);
    }
    if out.is_empty() {
        return Err("expected at least one component".to_owned());
    }
    Ok(out)
}

/// What Go's `strconv.ParseBool` takes, which reads the flags of Flux.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// A DNS label (RFC 1123). Flux writes it into YAML without quotes, so that `123` or `on` is no namespace for it.
fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
        && yaml::is_plain_string(text)
}

fn is_secret(text: &str) -> bool {
    text.len() <= 253
        && text
            .split('.')
            .all(|part| is_label(part) || part.bytes().all(|byte| byte.is_ascii_digit()) && !part.is_empty())
        && yaml::is_plain_string(text)
}

fn is_registry(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:/".contains(&byte);
    text.is_empty()
        || (text.bytes().all(inner)
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.ends_with(|c: char| c.is_ascii_alphanumeric()))
}

fn is_domain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
}

fn is_key(text: &str) -> bool {
    text.len() <= 317 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./_-".contains(&byte))
}
