//! Renovate's configuration as the lowest layer of rules.
//!
//! What is read are the options of Renovate's documentation that say what may move, how far, and together with what; see
//! `docs/renovate.md`. Everything else is listed with its place, so that nobody believes it to count.

mod json5;
mod pattern;
mod preset;
mod read;

use std::collections::BTreeSet;

use super::{Allow, Digests, RulesError, Settings};
use crate::diagnostic::Diagnostic;
use crate::locate::{Consumer, Site, SourceKey};
use crate::reference::normalise_git;
use crate::text::{Lines, RepoPath, SourceFile, Span};
use crate::time::Age;
use crate::version::{Level, Range};

use pattern::Patterns;

/// What Renovate calls an update, as far as sites here have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Update {
    Digest,
    Patch,
    Minor,
    Major,
}

/// Renovate's configuration, as far as it counts here.
#[derive(Debug, Clone, Default)]
pub struct Renovate {
    path: Option<RepoPath>,
    /// What was read; two configurations are the same when their texts are.
    text: String,
    rules: Vec<Rule>,
    findings: Vec<Diagnostic>,
    /// `timezone`, where it is not UTC: schedules are written in it, and read as UTC.
    timezone: Option<String>,
    semantic: Semantic,
}

/// How commits are worded, as conventional commits or not.
#[derive(Debug, Clone)]
struct Semantic {
    is_on: bool,
    kind: String,
    /// Empty for none.
    scope: String,
}

impl Default for Semantic {
    fn default() -> Self {
        Self { is_on: false, kind: "chore".to_owned(), scope: "deps".to_owned() }
    }
}

impl PartialEq for Renovate {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.text == other.text
    }
}

/// What some sites, and of those some updates, are told.
#[derive(Debug, Clone, Default)]
struct Rule {
    matches: Matches,
    set: Set,
}

#[derive(Debug, Clone, Default)]
struct Matches {
    names: Patterns,
    dep_names: Patterns,
    datasources: Patterns,
    managers: Patterns,
    files: Patterns,
    /// `None` for every update.
    updates: Option<BTreeSet<Update>>,
}

#[derive(Debug, Clone, Default)]
struct Set {
    enabled: Option<bool>,
    allowed: Option<Range>,
    minimum_age: Option<Age>,
    pin_digests: Option<bool>,
    /// `Some(None)` takes a group away.
    group: Option<Option<String>>,
    schedule: Option<Vec<String>>,
}

impl Renovate {
    /// Where the configuration may stand, in the order in which Renovate looks; the first that is there counts.
    pub const FILES: &'static [&'static str] = &[
        "renovate.json",
        "renovate.json5",
        ".github/renovate.json",
        ".github/renovate.json5",
        ".gitlab/renovate.json",
        ".gitlab/renovate.json5",
        ".renovaterc",
        ".renovaterc.json",
        ".renovaterc.json5",
    ];

    /// Whether a file of this name may hold a configuration.
    #[cfg(feature = "native")]
    pub(crate) fn is_named(name: &str) -> bool {
        let base = name.strip_suffix(".json5").or_else(|| name.strip_suffix(".json"));
        name == ".renovaterc" || matches!(base, Some("renovate" | ".renovaterc"))
    }

    /// The configuration among the files of a repository: the first of [`Renovate::FILES`] that is there.
    ///
    /// # Errors
    ///
    /// [`RulesError`] as for [`Renovate::parse`].
    pub fn among(files: &[SourceFile]) -> Result<Option<Self>, RulesError> {
        let named = |name: &&str| files.iter().find(|file| file.path.as_str() == *name);
        let file = Self::FILES.iter().find_map(named);
        file.map(|file| Self::parse(&file.path, &file.text)).transpose()
    }

    /// Reads a configuration; comments and trailing commas may stand in each of the files.
    ///
    /// # Errors
    ///
    /// [`RulesError`] with the code `rules.renovate`, where the text is no JSON5 object.
    ///
    /// # Examples
    ///
    /// ```
    /// use flux_upgrade_core::{RepoPath, rules::{Renovate, Rules}};
    /// let path = RepoPath::parse("renovate.json5").unwrap();
    /// let renovate = Renovate::parse(&path, "{extends: ['config:recommended'], automerge: true}")?;
    /// assert_eq!(
    ///     renovate.findings().last().unwrap().to_string(),
    ///     "renovate.json5:1:35: note: `automerge` has no effect here [rules.renovate-option]"
    /// );
    /// let rules = Rules::default().over(renovate);
    /// # Ok::<(), flux_upgrade_core::rules::RulesError>(())
    /// ```
    pub fn parse(path: &RepoPath, text: &str) -> Result<Self, RulesError> {
        let lines = Lines::new(text);
        let error = |span: Span, message: &str| RulesError {
            code: "rules.renovate",
            message: message.to_owned(),
            help: Some("correct it, or pass `--no-renovate` to plan without it".to_owned()),
            at: lines.locate(path, span),
        };
        let item = json5::parse(text).map_err(|(at, wrong)| error(Span::new(at, at), wrong))?;
        if item.entries().is_none() {
            return Err(error(item.span, "an object is wanted here"));
        }
        Ok(Self { text: text.to_owned(), ..read::read(path, &lines, &item) })
    }

    /// What of the configuration does not count here, and where it stands: `rules.renovate-option`.
    #[must_use]
    pub fn findings(&self) -> &[Diagnostic] {
        &self.findings
    }

    /// What commits and pull requests begin with, where it wants conventional commits: `chore(deps)`.
    pub(super) fn conventional(&self) -> Option<String> {
        let Semantic { is_on, kind, scope } = &self.semantic;
        is_on.then(|| if scope.is_empty() { kind.clone() } else { format!("{kind}({scope})") })
    }

    /// The file, if one was read.
    pub(super) fn path(&self) -> Option<&RepoPath> {
        self.path.as_ref()
    }

    /// Puts what counts for a site over the built-in defaults.
    pub(super) fn apply<'r>(&'r self, site: &Site, out: &mut Settings<'r>) {
        let mut enabled = Enabled::default();
        let mut pin = None;
        for rule in self.rules_of(site) {
            if let Some(value) = rule.set.enabled {
                enabled.set(rule.matches.updates.as_ref(), value);
            }
            pin = rule.set.pin_digests.or(pin);
            out.minimum_age = rule.set.minimum_age.or(out.minimum_age);
            if let Some(range) = &rule.set.allowed {
                out.ranges_wanted = vec![range];
            }
        }
        out.allow = enabled.allow().unwrap_or(out.allow);
        out.digests = match (enabled.digest, pin) {
            (Some(false), _) => Digests::Keep,
            (_, Some(true)) => Digests::Pin,
            _ => out.digests,
        };
    }

    /// The group of a move of this length.
    pub(super) fn group<'r>(&'r self, site: &Site, level: Level) -> Option<&'r str> {
        let update = match level {
            Level::Digest => Update::Digest,
            Level::Patch => Update::Patch,
            Level::Minor => Update::Minor,
            Level::Major => Update::Major,
        };
        let fits =
            |rule: &&Rule| rule.matches.updates.as_ref().is_none_or(|updates| updates.contains(&update));
        self.rules_of(site).filter(fits).filter_map(|rule| rule.set.group.as_ref()).last()?.as_deref()
    }

    /// The time zone that a site's schedule is written in, where that is not UTC, as which it is read.
    pub(super) fn other_timezone(&self, site: &Site) -> Option<&str> {
        self.timezone.as_deref().filter(|_| !self.schedule(site).is_empty())
    }

    /// When its moves may be delivered, as written.
    pub(super) fn schedule<'r>(&'r self, site: &Site) -> &'r [String] {
        // What is for some updates alone says nothing of the others.
        let whole = self.rules_of(site).filter(|rule| rule.matches.updates.is_none());
        whole.filter_map(|rule| rule.set.schedule.as_deref()).last().unwrap_or_default()
    }

    fn rules_of<'r>(&'r self, site: &Site) -> impl Iterator<Item = &'r Rule> {
        let facts = (!self.rules.is_empty()).then(|| Facts::of(site));
        self.rules.iter().filter(move |rule| facts.as_ref().is_some_and(|facts| rule.matches.fit(facts)))
    }
}

/// What Renovate would know of a site.
struct Facts {
    names: Vec<String>,
    datasource: Vec<String>,
    manager: Vec<String>,
    file: Vec<String>,
}

impl Facts {
    fn of(site: &Site) -> Self {
        let (mut names, mut datasource) = (Vec::new(), Vec::new());
        if let Ok(source) = &site.source {
            names.extend([source.package().to_owned(), source.full_package()]);
            match source {
                SourceKey::Helm { .. } => datasource.push("helm"),
                SourceKey::Oci { repository } => {
                    names.extend(repository.strip_prefix("docker.io/").map(str::to_owned));
                    names.extend(repository.strip_prefix("docker.io/library/").map(str::to_owned));
                    datasource.push("docker");
                }
                SourceKey::Git { url } => {
                    let full = normalise_git(url);
                    let (host, path) = full.split_once('/').unwrap_or((&full, ""));
                    names.extend([url.clone(), path.to_owned()]);
                    datasource.push(git_datasource(host));
                    // A comment or a workflow may mean the releases; Flux's own objects read tags.
                    if host == "github.com" && site.owner.kind != "GitRepository" {
                        datasource.push("github-releases");
                    }
                }
                SourceKey::Flux => {
                    names.push("fluxcd/flux2".to_owned());
                    datasource.push("github-releases");
                }
            }
        }
        names.extend(site.source_url.as_ref().map(|url| url.trim_start_matches("oci://").to_owned()));
        let texts = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect();
        let file = vec![site.at.path.as_str().to_owned()];
        Self { names, datasource: texts(datasource), manager: texts(managers(site)), file }
    }
}

/// What Renovate knows as a manager, and an object of the configuration may be named after.
const MANAGERS: &[&str] = &[
    "flux",
    "kubernetes",
    "kustomize",
    "helm-values",
    "helmv3",
    "github-actions",
    "asdf",
    "mise",
    "terraform",
];

/// The managers that would find a site; more than one where that depends on how they are set up.
fn managers(site: &Site) -> Vec<&'static str> {
    let name = site.at.path.name();
    match (site.owner.kind.as_str(), name) {
        (_, "Chart.yaml") => vec!["helmv3"],
        (_, "kustomization.yaml" | "kustomization.yml" | "Kustomization") => vec!["kustomize"],
        (_, ".tool-versions" | "mise.toml" | ".mise.toml") => vec!["asdf", "mise"],
        (_, name) if name.ends_with(".tf") || name.ends_with(".tofu") => vec!["terraform"],
        ("File", _) if site.at.path.as_str().starts_with(".github/") => vec!["github-actions"],
        ("HelmRelease" | "ConfigMap", _) if matches!(site.consumer, Consumer::Image) => {
            vec!["flux", "helm-values"]
        }
        (
            "HelmRelease" | "HelmRepository" | "HelmChart" | "OCIRepository" | "GitRepository"
            | "Kustomization",
            _,
        )
        | ("FluxInstance", _) => vec!["flux"],
        ("File", _) => vec!["helm-values"],
        _ => vec!["kubernetes"],
    }
}

fn git_datasource(host: &str) -> &'static str {
    match host {
        "github.com" => "github-tags",
        "gitlab.com" => "gitlab-tags",
        "bitbucket.org" => "bitbucket-tags",
        "codeberg.org" | "gitea.com" => "gitea-tags",
        _ => "git-tags",
    }
}

impl Matches {
    fn fit(&self, facts: &Facts) -> bool {
        self.names.match_any(&facts.names)
            && self.dep_names.match_any(&facts.names)
            && self.datasources.match_any(&facts.datasource)
            && self.managers.match_any(&facts.manager)
            && self.files.match_any(&facts.file)
    }
}

/// Which updates are on: Renovate's last word for each, if it has one.
#[derive(Debug, Default)]
struct Enabled {
    digest: Option<bool>,
    patch: Option<bool>,
    minor: Option<bool>,
    major: Option<bool>,
}

impl Enabled {
    /// For no updates in particular, `true` takes back what was turned off; it does not ask for majors.
    fn set(&mut self, updates: Option<&BTreeSet<Update>>, value: bool) {
        let all = [Update::Digest, Update::Patch, Update::Minor, Update::Major];
        for update in all.into_iter().filter(|update| updates.is_none_or(|updates| updates.contains(update)))
        {
            let state = match update {
                Update::Digest => &mut self.digest,
                Update::Patch => &mut self.patch,
                Update::Minor => &mut self.minor,
                Update::Major => &mut self.major,
            };
            *state = (updates.is_some() || !value).then_some(value);
        }
    }

    /// The longest step below the first that is off; `None` leaves it to the defaults.
    fn allow(&self) -> Option<Allow> {
        match (self.patch, self.minor, self.major) {
            (Some(false), ..) => Some(Allow::None),
            (_, Some(false), _) => Some(Allow::Patch),
            (.., Some(false)) => Some(Allow::Minor),
            (.., Some(true)) => Some(Allow::Major),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
