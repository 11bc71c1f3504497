//! `promote`: what one folder is offered is what another has said for some time.

use std::collections::BTreeSet;

use super::file::File;
use super::{Rules, RulesError};
use crate::diagnostic::{Diagnostic, Severity};
use crate::locate::{Site, SourceKey};
use crate::text::{Location, RepoPath, SourceFile};
use crate::time::Age;
use crate::yaml::Node;

/// One promotion: what is of `to` is offered only what the files of `from` have said for `after`.
///
/// How long that has been is read from history by the host; the core only knows the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promote {
    from: Folder,
    to: Folder,
    after: Option<Age>,
}

/// A folder of the repository, without a slash at its end, and where the rules name it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Folder {
    path: String,
    named_at: Location,
}

pub(super) const KEYS: &[&str] = &["from", "to", "after"];

impl Promote {
    /// The folder whose versions count, without a slash at its end.
    #[must_use]
    pub fn from(&self) -> &str {
        &self.from.path
    }

    /// The folder that is offered them.
    #[must_use]
    pub fn to(&self) -> &str {
        &self.to.path
    }

    /// For how long; `None` for as soon as they stand there.
    #[must_use]
    pub fn after(&self) -> Option<Age> {
        self.after
    }

    /// Where the rules name the folder whose versions count.
    pub(crate) fn named_at(&self) -> &Location {
        &self.from.named_at
    }

    /// Whether what a site says is one of the versions that count: it stands in a file of `from`, or is what a cluster of `from` applies.
    ///
    /// A text that patches set again in each cluster that applies it says nothing to any of them.
    #[must_use]
    pub fn is_from(&self, site: &Site) -> bool {
        let mut clusters = in_force(site).peekable();
        let says = site.clusters.is_empty() || clusters.peek().is_some();
        says && (self.from.has_text_of(site) || clusters.any(|cluster| self.from.has_cluster(cluster)))
    }

    /// Whether a site is offered only those: what an edit would write stands in a file of `to`, or no cluster but those of `to` has it.
    #[must_use]
    pub fn is_to(&self, site: &Site) -> bool {
        let mut clusters = in_force(site).peekable();
        let alone = clusters.peek().is_some() && clusters.all(|cluster| self.to.has_cluster(cluster));
        self.to.has_text_of(site) || alone && !self.from.has_text_of(site)
    }

    /// Whether a cluster of `to` has what a site says without being asked: others have it from the same text.
    pub(crate) fn is_passed_by(&self, site: &Site) -> bool {
        !self.is_to(site) && in_force(site).any(|cluster| self.to.has_cluster(cluster))
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
        let nested =
            [(&from, &to), (&to, &from)].into_iter().find(|(one, other)| is_at(&one.path, &other.path));
        if let Some((inner, outer)) = nested {
            let message = match inner.path == outer.path {
                true => format!("`{}` cannot be promoted to itself", from.path),
                false => {
                    format!("`{}` is a part of `{}`, and would be promoted to itself", inner.path, outer.path)
                }
            };
            return Err(file.value(node, message, None));
        }
        Ok(Self { from, to, after })
    }

    /// What is wrong with promotions together: a circle, in which each folder waits for the other.
    pub(super) fn circle(promotions: &[Self]) -> Option<(&Location, String)> {
        let overlap = |a: &str, b: &str| is_at(a, b) || is_at(b, a);
        promotions.iter().find_map(|start| {
            let mut reached: BTreeSet<&str> = [start.to()].into();
            loop {
                let next = promotions.iter().filter(|one| reached.iter().any(|to| overlap(to, one.from())));
                let all: BTreeSet<&str> = reached.iter().copied().chain(next.map(Self::to)).collect();
                if all.len() == reached.len() {
                    break;
                }
                reached = all;
            }
            let closes = reached.iter().any(|to| overlap(to, start.from()));
            closes.then(|| {
                (&start.from.named_at, format!("`{}` is promoted to itself in a circle", start.from()))
            })
        })
    }
}

impl Folder {
    fn has(&self, path: &RepoPath) -> bool {
        path.as_str() != self.path && is_at(path.as_str(), &self.path)
    }

    fn has_cluster(&self, cluster: &str) -> bool {
        is_at(cluster, &self.path)
    }

    /// Whether the field of a site, or a place that an edit of it writes, is in a file of the folder.
    fn has_text_of(&self, site: &Site) -> bool {
        let spots = [Some(&site.spot), site.digest.as_ref()].into_iter().flatten().chain(&site.repeats);
        let added = site.insertion.iter().map(|insertion| &insertion.at);
        let places = spots.map(|spot| &spot.at).chain(added).chain([&site.at]);
        places.into_iter().any(|at| self.has(&at.path))
    }
}

/// The clusters in which no patch sets the field of a site again.
fn in_force(site: &Site) -> impl Iterator<Item = &str> {
    let clusters = site.clusters.iter().filter(|cluster| !site.overridden_in.contains(cluster));
    clusters.map(String::as_str)
}

/// What the folders that versions are promoted from have said for long enough, as read from history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Staged {
    /// By promotion, in the order of the rules.
    said: Vec<BTreeSet<(SourceKey, String)>>,
    /// Promotions, by number, for which the history at hand ends too early.
    cut: BTreeSet<usize>,
}

impl Staged {
    /// What each promotion's folder has said for long enough, in the order of [`Rules::promotions`](super::Rules::promotions);
    /// `None` where the history at hand ends too early to tell.
    #[must_use]
    pub fn new(said: Vec<Option<BTreeSet<(SourceKey, String)>>>) -> Self {
        let cut =
            said.iter().enumerate().filter(|(_, said)| said.is_none()).map(|(number, _)| number).collect();
        Self { said: said.into_iter().map(Option::unwrap_or_default).collect(), cut }
    }

    /// What the files of a promotion's folder say: pairs of source and version, `tag@digest` where a digest stands beside a tag.
    #[must_use]
    pub fn says(promote: &Promote, sites: &[Site]) -> BTreeSet<(SourceKey, String)> {
        let of = |site: &Site| Some((site.source.as_ref().ok()?.canonical(), site.written()));
        sites.iter().filter(|site| promote.is_from(site)).filter_map(of).collect()
    }

    /// Whether a version was said, with any digest or none where none is given.
    fn has(&self, number: usize, source: SourceKey, (version, digest): (&str, Option<&str>)) -> bool {
        let Some(said) = self.said.get(number) else { return false };
        let beside = format!("{version}@");
        let mut key = (source, version.to_owned());
        if said.contains(&key) {
            return true;
        }
        if let Some(digest) = digest {
            let alone = (key.0.clone(), digest.to_owned());
            key.1 = format!("{version}@{digest}");
            return said.contains(&key) || said.contains(&alone);
        }
        key.1.clone_from(&beside);
        said.range(key.clone()..)
            .next()
            .is_some_and(|(source, text)| *source == key.0 && text.starts_with(&beside))
    }
}

impl Rules {
    /// The same rules, knowing what may be promoted. Without it promotions order groups and keep nothing out.
    #[must_use]
    pub fn with_staged(self, staged: Staged) -> Self {
        Self { staged: Some(staged), ..self }
    }

    /// The folder that versions of a site are promoted to, if they are.
    pub(crate) fn promotion_to(&self, site: &Site) -> Option<&str> {
        self.promotions.iter().find(|promote| promote.is_to(site)).map(Promote::to)
    }

    /// The folder that gets what a site says without promotion.
    pub(crate) fn passed_by(&self, site: &Site) -> Option<&Promote> {
        self.promotions.iter().find(|promote| promote.is_passed_by(site))
    }

    /// The promotion that keeps a version out of a site, if one does; where a digest is given, with that digest.
    ///
    /// Of several promotions to one folder each has to let it in.
    pub(crate) fn not_staged(&self, site: &Site, version: &str, digest: Option<&str>) -> Option<&Promote> {
        let staged = self.staged.as_ref()?;
        let source = site.source.as_ref().ok()?.canonical();
        let all = self.promotions.iter().enumerate().filter(|(_, promote)| promote.is_to(site));
        let mut closed = all.filter(|(number, _)| !staged.has(*number, source.clone(), (version, digest)));
        closed.next().map(|(_, promote)| promote)
    }

    /// The first folder of a promotion that has none of these files, with where the rules name it.
    ///
    /// A gate at a folder that is misspelled would keep nothing out. Of rules that are shared by several sets of files, `is_shared`, a
    /// promotion that has neither of its folders here is not about these.
    ///
    /// # Errors
    ///
    /// [`RulesError`] `rules.no-such-folder`.
    pub fn check_folders(&self, files: &[SourceFile], is_shared: bool) -> Result<(), RulesError> {
        let is_there = |folder: &&Folder| files.iter().any(|file| folder.has(&file.path));
        let all = self.promotions.iter().map(|promote| [&promote.from, &promote.to]);
        let meant = all.filter(|folders| !is_shared || folders.iter().any(is_there));
        let Some(folder) = meant.flatten().find(|folder| !is_there(folder)) else {
            return Ok(());
        };
        let below = |file: &SourceFile| {
            let path = file.path.as_str();
            path.match_indices('/').map(|(end, _)| path[..end].to_owned()).collect::<Vec<_>>()
        };
        let known: BTreeSet<String> = files.iter().flat_map(below).collect();
        let near = super::nearest(&folder.path, known.iter().map(String::as_str));
        Err(RulesError {
            code: "rules.no-such-folder",
            message: format!("`promote` names `{}`, and no file is there", folder.path),
            help: Some(match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    "write a folder from the root of the repository, such as `clusters/production`".to_owned()
                }
            }),
            at: folder.named_at.clone(),
        })
    }

    /// What a plan says of promotions: folders without files, and a history that ends too early.
    pub(crate) fn promotion_findings(&self, files: &[SourceFile]) -> Vec<Diagnostic> {
        let mut out = Vec::new();
        // One file by itself says nothing of folders.
        if let Err(error) = self.check_folders(files, false)
            && files.len() > 1
        {
            let found = Diagnostic::new(error.code, Severity::Warning, error.at, error.message);
            out.push(Diagnostic { help: error.help, ..found });
        }
        let cut = self.staged.iter().flat_map(|staged| &staged.cut);
        for promote in cut.filter_map(|number| self.promotions.get(*number)) {
            let after = promote.after().map(|after| format!("{after} of ")).unwrap_or_default();
            let message = format!(
                "the history at hand has less than {after}`{}`, so nothing is promoted",
                promote.from()
            );
            let found = Diagnostic::new(
                "rules.short-history",
                Severity::Warning,
                promote.named_at().clone(),
                message,
            );
            out.push(found.with_help("fetch it: `git fetch --unshallow`, or a larger `fetch-depth`"));
        }
        out
    }
}

fn folder(file: &File<'_>, node: Node<'_, '_>) -> Result<Folder, RulesError> {
    let text = file.text(node)?;
    let wrong = || {
        let help = "write a folder from the root of the repository, such as `clusters/staging`".to_owned();
        file.value(node, format!("`{text}` is no folder inside the repository"), Some(help))
    };
    let path = RepoPath::parse(text.trim_start_matches("./").trim_end_matches('/')).ok_or_else(wrong)?;
    Ok(Folder { path: path.as_str().to_owned(), named_at: file.lines.locate(file.path, node.span()) })
}

/// Whether a path is a folder, or below it.
fn is_at(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
