//! `promote`: what one folder is offered is what another has said for some time.

use std::collections::BTreeSet;

use super::file::File;
use super::{Rules, RulesError};
use crate::locate::{Site, SourceKey};
use crate::text::RepoPath;
use crate::time::Age;
use crate::yaml::Node;

/// One promotion: files below `to` are offered only what files below `from` have said for `after`.
///
/// How long that has been is read from history by the host; the core only knows the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promote {
    from: String,
    to: String,
    after: Option<Age>,
}

pub(super) const KEYS: &[&str] = &["from", "to", "after"];

impl Promote {
    /// The folder whose versions count, without a slash at its end.
    #[must_use]
    pub fn from(&self) -> &str {
        &self.from
    }

    /// The folder that is offered them.
    #[must_use]
    pub fn to(&self) -> &str {
        &self.to
    }

    /// For how long; `None` for as soon as they stand there.
    #[must_use]
    pub fn after(&self) -> Option<Age> {
        self.after
    }

    /// Whether a file is one whose versions count.
    #[must_use]
    pub fn is_from(&self, path: &RepoPath) -> bool {
        is_below(path, &self.from)
    }

    /// Whether a file is one that is offered them.
    #[must_use]
    pub fn is_to(&self, path: &RepoPath) -> bool {
        is_below(path, &self.to)
    }

    pub(super) fn read(file: &File<'_>, node: Node<'_, '_>) -> Result<Self, RulesError> {
        let (mut from, mut to, mut after) = (None, None, None);
        for (key, value) in file.entries(node, KEYS)? {
            match key {
                "from" => from = Some(folder(file, value)?),
                "to" => to = Some(folder(file, value)?),
                _ => after = Some(file.age(value)?),
            }
        }
        let missing = |key| {
            let help = Some(format!("write `{key}: FOLDER`"));
            file.value(node, format!("a promotion has `from` and `to`, and here is no `{key}`"), help)
        };
        let from = from.ok_or_else(|| missing("from"))?;
        let to = to.ok_or_else(|| missing("to"))?;
        if from == to {
            return Err(file.value(node, format!("`{from}` cannot be promoted to itself"), None));
        }
        Ok(Self { from, to, after })
    }
}

/// What the folders that versions are promoted from have said for long enough, as read from history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Staged {
    /// By promotion, in the order of the rules.
    said: Vec<BTreeSet<(SourceKey, String)>>,
}

impl Staged {
    /// What each promotion's folder has said for long enough, in the order of [`Rules::promotions`](super::Rules::promotions).
    #[must_use]
    pub fn new(said: Vec<BTreeSet<(SourceKey, String)>>) -> Self {
        Self { said }
    }

    /// What the files of a promotion's folder say: pairs of source and version.
    #[must_use]
    pub fn says(promote: &Promote, sites: &[Site]) -> BTreeSet<(SourceKey, String)> {
        let of = |site: &Site| Some((site.source.as_ref().ok()?.canonical(), site.spot.value.clone()));
        sites.iter().filter(|site| promote.is_from(&site.at.path)).filter_map(of).collect()
    }
}

impl Rules {
    /// The same rules, knowing what may be promoted. Without it promotions order groups and keep nothing out.
    #[must_use]
    pub fn with_staged(self, staged: Staged) -> Self {
        Self { staged: Some(staged), ..self }
    }

    /// The promotion that keeps a version out of a site, if one does.
    pub(crate) fn not_staged(&self, site: &Site, version: &str) -> Option<&Promote> {
        let staged = self.staged.as_ref()?;
        let number = self.promotions.iter().position(|promote| promote.is_to(&site.at.path))?;
        let source = site.source.as_ref().ok()?.canonical();
        let said = staged.said.get(number).is_some_and(|said| said.contains(&(source, version.to_owned())));
        (!said).then(|| &self.promotions[number])
    }
}

fn folder(file: &File<'_>, node: Node<'_, '_>) -> Result<String, RulesError> {
    let text = file.text(node)?;
    let wrong = || {
        let help = "write a folder from the root of the repository, such as `clusters/staging`".to_owned();
        file.value(node, format!("`{text}` is no folder inside the repository"), Some(help))
    };
    let path = RepoPath::parse(text.trim_start_matches("./").trim_end_matches('/')).ok_or_else(wrong)?;
    Ok(path.as_str().to_owned())
}

fn is_below(path: &RepoPath, folder: &str) -> bool {
    path.as_str().strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}
