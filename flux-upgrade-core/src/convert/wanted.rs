//! Which sites are meant.

use crate::locate::Site;
use crate::scan::{Inventory, Kind};

/// What a text names: a place, an object, or everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted(Names);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Names {
    All,
    Place { path: String, line: usize, column: Option<usize> },
    Object { kind: String, namespace: Option<String>, name: String },
}

/// A text that names no site.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` names no site: expected PATH:LINE, PATH:LINE:COLUMN, Kind/namespace/name, Kind/name or `all`"
)]
pub struct WantedError {
    /// What was found.
    pub found: String,
}

impl std::str::FromStr for Wanted {
    type Err = WantedError;

    fn from_str(text: &str) -> Result<Self, WantedError> {
        let wrong = || WantedError { found: text.to_owned() };
        if text == "all" {
            return Ok(Self(Names::All));
        }
        let number =
            |text: &str| text.rsplit_once(':').and_then(|(head, n)| Some((head.to_owned(), n.parse().ok()?)));
        if let Some((head, last)) = number(text) {
            return Ok(Self(match number(&head) {
                Some((path, line)) => Names::Place { path, line, column: Some(last) },
                None => Names::Place { path: head, line: last, column: None },
            }));
        }
        let parts: Vec<&str> = text.split('/').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err(wrong());
        }
        let object = |kind: &str, namespace: Option<&str>, name: &str| {
            Self(Names::Object {
                kind: kind.to_owned(),
                namespace: namespace.map(str::to_owned),
                name: name.to_owned(),
            })
        };
        match parts.as_slice() {
            [kind, name] => Ok(object(kind, None, name)),
            [kind, namespace, name] => Ok(object(kind, Some(namespace), name)),
            _ => Err(wrong()),
        }
    }
}

impl Wanted {
    pub(super) fn is_all(&self) -> bool {
        self.0 == Names::All
    }

    /// Whether a site is meant: by itself, by its object, or by the HelmRepository that it takes its chart from.
    pub(super) fn matches(&self, inventory: &Inventory<'_>, site: &Site) -> bool {
        match &self.0 {
            Names::All => true,
            Names::Place { path, line, column } => {
                path.trim_start_matches("./") == site.at.path.as_str()
                    && *line == site.at.line
                    && column.is_none_or(|column| column == site.at.column)
            }
            Names::Object { kind, namespace, name } => {
                let owner = &site.owner;
                let own = kind.eq_ignore_ascii_case(&owner.kind)
                    && *name == owner.name
                    && namespace.as_ref().is_none_or(|namespace| owner.namespace.as_ref() == Some(namespace));
                own || self.is_source(inventory, site)
            }
        }
    }

    fn is_source(&self, inventory: &Inventory<'_>, site: &Site) -> bool {
        let (Names::Object { kind, namespace, name }, Some(at)) = (&self.0, &site.source_at) else {
            return false;
        };
        let mut all = inventory.resources().iter().filter(|resource| resource.kind == Kind::HelmRepository);
        kind.eq_ignore_ascii_case("HelmRepository")
            && all.any(|resource| {
                let placed = |namespace: &String| {
                    resource.placements.iter().any(|place| place.namespace.as_ref() == Some(namespace))
                        || resource.written_namespace.as_ref() == Some(namespace)
                };
                resource.name == *name
                    && inventory.location(resource) == *at
                    && namespace.as_ref().is_none_or(placed)
            })
    }
}
