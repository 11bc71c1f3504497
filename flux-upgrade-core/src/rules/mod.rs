//! What the user allows: built-in defaults, then `.flux-upgrade.yaml`, then flags.
//!
//! Rules match a site by what it is and where it stands; of several that match, the later one wins, setting by setting.

mod credentials;
mod file;
mod glob;
mod promote;
mod renovate;
mod requires;
mod schedule;
#[cfg(test)]
mod schema;
mod show;
mod wording;

use std::fmt;
use std::str::FromStr;

pub use credentials::{CredentialFrom, CredentialRule, Username};
pub use file::RulesError;
pub(crate) use glob::{Glob, Slash};
pub use promote::{Promote, Staged};
pub use renovate::Renovate;
pub(crate) use requires::Requires;
pub use schedule::{Schedule, ScheduleError};
pub(crate) use wording::Template;
pub use wording::Wording;
#[cfg(feature = "native")]
pub(crate) use wording::{PREFIX, is_branch_prefix};

use crate::diagnostic::{Diagnostic, Severity};
use crate::flux::LocalEdits;
use crate::locate::Site;
use crate::text::Location;
use crate::time::{Age, Timestamp};
use crate::version::{Dialect, Level, Range};

/// How far a site may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Allow {
    /// Not at all.
    None,
    /// Within the minor version.
    Patch,
    /// Within the major version.
    Minor,
    /// Anywhere.
    Major,
}

/// What happens to ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ranges {
    /// They stay.
    Keep,
    /// A range that leaves out the newest version is moved to admit it.
    Move,
    /// A range becomes the version that it selects.
    Pin,
}

/// What happens to digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digests {
    /// They stay, and so does the tag beside one.
    Keep,
    /// They follow their tag, also when only the tag's content has moved.
    Update,
    /// As `update`, and a tag without a digest gets one.
    Pin,
}

/// How changes come into the repository; the more careful is the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Delivery {
    /// On a branch of their own, with a pull request.
    #[default]
    PullRequest,
    /// As a commit, without a pull request.
    Commit,
    /// Not at all: ranges in the files resolve in the cluster, and the lock file keeps the record.
    Inline,
}

/// A text that is none of the values of a setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is none of {}", .wanted.join(", "))]
pub struct ValueError {
    /// What was found.
    pub found: String,
    /// What was wanted.
    pub wanted: &'static [&'static str],
}

impl ValueError {
    /// The wanted value nearest to what was found.
    #[must_use]
    pub fn nearest(&self) -> Option<&'static str> {
        nearest(&self.found, self.wanted.iter().copied())
    }
}

/// The word that differs least, if any is near.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.into_iter().map(|known| (strsim::damerau_levenshtein(word, known), known));
    scored.filter(|(distance, known)| *distance <= known.len().div_ceil(2)).min().map(|(_, known)| known)
}

macro_rules! words {
    ($type:ty, $($word:literal => $value:expr),+) => {
        impl $type {
            /// The values in the spelling of flags and files.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The value's word.
            #[must_use]
            pub fn word(self) -> &'static str {
                $(if self == $value { return $word; })+
                ""
            }
        }

        impl FromStr for $type {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                match text {
                    $($word => Ok($value),)+
                    _ => Err(ValueError { found: text.to_owned(), wanted: Self::WORDS }),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words!(Allow, "patch" => Allow::Patch, "minor" => Allow::Minor, "major" => Allow::Major, "none" => Allow::None);
words!(Ranges, "keep" => Ranges::Keep, "move" => Ranges::Move, "pin" => Ranges::Pin);
words!(Digests, "keep" => Digests::Keep, "update" => Digests::Update, "pin" => Digests::Pin);
words!(Delivery, "pull-request" => Delivery::PullRequest, "commit" => Delivery::Commit, "inline" => Delivery::Inline);
words!(LocalEdits, "hold" => LocalEdits::Hold, "keep" => LocalEdits::Keep, "discard" => LocalEdits::Discard);

impl Allow {
    /// Whether a move this far is allowed; a moved digest is one wherever anything is.
    #[must_use]
    pub fn admits(self, level: Level) -> bool {
        match level {
            Level::Digest | Level::Patch => self >= Self::Patch,
            Level::Minor => self >= Self::Minor,
            Level::Major => self >= Self::Major,
        }
    }
}

/// Settings that a layer gives; what it leaves open comes from the layer below.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Layer {
    pub(crate) allow: Option<Allow>,
    pub(crate) prerelease: Option<bool>,
    pub(crate) ranges: Option<Ranges>,
    pub(crate) digests: Option<Digests>,
    pub(crate) local_edits: Option<LocalEdits>,
    pub(crate) minimum_age: Option<Age>,
    pub(crate) range: Option<Range>,
    pub(crate) ignore: Option<Vec<String>>,
    pub(crate) group: Option<String>,
    pub(crate) delivery: Option<Delivery>,
    pub(crate) schedule: Option<Vec<String>>,
    pub(crate) requires: Option<Requires>,
}

/// What a rule applies to; every list that is given must match, by any of its items.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Matcher {
    pub(crate) kind: Vec<Glob>,
    pub(crate) name: Vec<Glob>,
    pub(crate) namespace: Vec<Glob>,
    pub(crate) path: Vec<Glob>,
    pub(crate) source: Vec<Glob>,
    pub(crate) package: Vec<Glob>,
}

/// One rule of the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    /// Where it begins.
    pub(crate) at: Location,
    pub(crate) name: Option<String>,
    pub(crate) matcher: Matcher,
    pub(crate) set: Layer,
}

/// What flags say, above every file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Overrides {
    /// `--allow`.
    pub allow: Option<Allow>,
    /// `--prerelease`.
    pub prerelease: Option<bool>,
    /// `--ranges`.
    pub ranges: Option<Ranges>,
    /// `--digests`.
    pub digests: Option<Digests>,
    /// `--min-age`.
    pub minimum_age: Option<Age>,
    /// `--as-of`: what was published later does not exist.
    pub as_of: Option<Timestamp>,
    /// What time it is; the core has no clock. Ages count from `as_of` where that is given.
    pub now: Option<Timestamp>,
    /// `--flux-version`: the Flux minor whose reading of versions counts, such as `2.9`.
    pub flux_version: Option<String>,
    /// `--only`: path globs; other sites are left alone, but for those that share a variable or an anchor with one that matches.
    pub only: Vec<String>,
}

/// What the user allows.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    pub(crate) renovate: Renovate,
    /// Whether Renovate's configuration counts where there is one.
    pub(crate) reads_renovate: bool,
    pub(crate) defaults: Layer,
    pub(crate) rules: Vec<Rule>,
    pub(crate) credentials: Vec<CredentialRule>,
    pub(crate) promotions: Vec<Promote>,
    pub(crate) wording: Wording,
    pub(crate) staged: Option<Staged>,
    pub(crate) flags: Layer,
    pub(crate) as_of: Option<Timestamp>,
    pub(crate) now: Option<Timestamp>,
    pub(crate) dialect: Option<Dialect>,
    pub(crate) only: Vec<Glob>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            renovate: Renovate::default(),
            reads_renovate: true,
            defaults: Layer::default(),
            rules: Vec::new(),
            credentials: Vec::new(),
            promotions: Vec::new(),
            wording: Wording::default(),
            staged: None,
            flags: Layer::default(),
            as_of: None,
            now: None,
            dialect: None,
            only: Vec::new(),
        }
    }
}

/// What counts for one site.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings<'r> {
    pub(crate) allow: Allow,
    pub(crate) prerelease: bool,
    pub(crate) ranges: Ranges,
    pub(crate) digests: Digests,
    pub(crate) local_edits: LocalEdits,
    pub(crate) minimum_age: Option<Age>,
    pub(crate) ranges_wanted: Vec<&'r Range>,
    pub(crate) ignore: Vec<&'r str>,
    pub(crate) requires: Option<&'r Requires>,
}

impl Rules {
    /// The rules file of a repository, at its root.
    pub const FILE: &'static str = ".flux-upgrade.yaml";

    /// Names that somebody may give it. They are not read, and a host refuses them, so that no rules are without effect in
    /// silence.
    pub const OTHER_NAMES: [&'static str; 4] =
        [".flux-upgrade.yml", "flux-upgrade.yaml", "flux-upgrade.yml", ".flux-upgrade.json"];

    /// Reads `.flux-upgrade.yaml`.
    ///
    /// # Errors
    ///
    /// [`RulesError`] with the place of the first text that is not YAML, not a known key, or not a value of its key.
    ///
    /// # Examples
    ///
    /// ```
    /// use flux_upgrade_core::{RepoPath, rules::Rules};
    /// let path = RepoPath::parse(".flux-upgrade.yaml").unwrap();
    /// let error = Rules::parse(&path, "version: 1\ndefaults: {allow: mnior}\n").unwrap_err();
    /// assert_eq!((error.at.line, error.help.as_deref()), (2, Some("did you mean `minor`?")));
    /// ```
    pub fn parse(path: &crate::RepoPath, text: &str) -> Result<Self, RulesError> {
        file::read(path, text)
    }

    /// Whether the file lets Renovate's configuration count: `renovate: false` does not.
    #[must_use]
    pub fn reads_renovate(&self) -> bool {
        self.reads_renovate
    }

    /// The rules over Renovate's configuration: what they leave open is as that says.
    #[must_use]
    pub fn over(mut self, renovate: Renovate) -> Self {
        if let Some(before) = renovate.conventional() {
            self.wording = self.wording.over_conventional(&before);
        }
        self.renovate = renovate;
        self
    }

    /// The rules with flags over them.
    ///
    /// # Errors
    ///
    /// [`ValueError`]'s kin as text when a glob or the Flux version cannot be read.
    pub fn with(mut self, flags: Overrides) -> Result<Self, FlagError> {
        self.flags = Layer {
            allow: flags.allow,
            prerelease: flags.prerelease,
            ranges: flags.ranges,
            digests: flags.digests,
            minimum_age: flags.minimum_age,
            ..Layer::default()
        };
        self.as_of = flags.as_of;
        self.now = flags.as_of.or(flags.now);
        if let Some(text) = &flags.flux_version {
            self.dialect = Some(Dialect::for_flux(text).map_err(|_| FlagError {
                flag: "flux-version",
                found: text.clone(),
                problem: "is no Flux version".to_owned(),
                help: "give a minor such as `2.9`".to_owned(),
            })?);
        }
        for text in &flags.only {
            let glob = Glob::parse(text, Slash::Stops).map_err(|problem| FlagError {
                flag: "only",
                found: text.clone(),
                problem,
                help: "give a path glob such as `apps/**`".to_owned(),
            })?;
            self.only.push(glob);
        }
        Ok(self)
    }

    /// Rules that match none of these sites: most often a slip, and what such a rule was to keep back is not kept. Notes of the code
    /// `rules.idle`, in the order of the file; none where there are no sites at all. Linear in rules and sites.
    #[must_use]
    pub fn idle(&self, sites: &[Site]) -> Vec<Diagnostic> {
        let is_idle = |rule: &&Rule| !sites.iter().any(|site| rule.matcher.matches(site));
        let rules = self.rules.iter().filter(|_| !sites.is_empty()).filter(is_idle);
        rules
            .map(|rule| {
                let at = rule.at.clone();
                let found =
                    Diagnostic::new("rules.idle", Severity::Note, at, "this rule matches nothing here");
                found.with_help(
                    "`flux-upgrade scan` lists what a rule can match; a path begins at the root: `apps/**`",
                )
            })
            .collect()
    }

    /// What of Renovate's configuration does not count here.
    pub(crate) fn unread(&self) -> &[Diagnostic] {
        self.renovate.findings()
    }

    /// The settings in force, as the text of a `.flux-upgrade.yaml`.
    #[must_use]
    pub fn show(&self) -> String {
        show::show(self)
    }

    /// Where credentials come from, in the order of the file; the core itself has no use for them.
    #[must_use]
    pub fn credentials(&self) -> &[CredentialRule] {
        &self.credentials
    }

    /// The group that the rules put a move of a site into; Renovate's may depend on its length.
    #[must_use]
    pub fn group<'r>(&'r self, site: &Site, level: Level) -> Option<&'r str> {
        let own = self.layers(site).filter_map(|layer| layer.group.as_deref()).last();
        own.or_else(|| self.renovate.group(site, level))
    }

    /// How a move of a site comes into the repository.
    #[must_use]
    pub fn delivery(&self, site: &Site) -> Delivery {
        self.layers(site).filter_map(|layer| layer.delivery).last().unwrap_or_default()
    }

    /// When a move of a site may be delivered, as written; [`Schedule`] reads it. The core has no clock.
    pub fn schedule<'r>(&'r self, site: &Site) -> impl Iterator<Item = &'r str> {
        let own = self.layers(site).filter_map(|layer| layer.schedule.as_deref()).last();
        own.unwrap_or_else(|| self.renovate.schedule(site)).iter().map(String::as_str)
    }

    /// The time zone in which the schedule of a site is written, where that is not UTC, as which it is read: Renovate's `timezone`.
    #[must_use]
    pub fn other_timezone(&self, site: &Site) -> Option<&str> {
        let own = self.layers(site).any(|layer| layer.schedule.is_some());
        if own { None } else { self.renovate.other_timezone(site) }
    }

    /// From where versions are promoted, in the order of the file.
    #[must_use]
    pub fn promotions(&self) -> &[Promote] {
        &self.promotions
    }

    /// The words of commits and pull requests.
    #[must_use]
    pub fn wording(&self) -> &Wording {
        &self.wording
    }

    /// Whether `--only` leaves a site in the plan: by the file of its field, or by that where its version is written.
    pub(crate) fn concerns(&self, site: &Site) -> bool {
        self.includes(&site.at.path) || self.includes(&site.spot.at.path)
    }

    /// Whether `--only` leaves files of this path in the plan.
    pub(crate) fn includes(&self, path: &crate::RepoPath) -> bool {
        self.only.is_empty() || self.only.iter().any(|glob| glob.matches(path.as_str()))
    }

    /// How ranges of a site are read: by the Flux of the flags, else by the one that the files tell of.
    pub(crate) fn dialect(&self, site: &Site) -> Dialect {
        self.dialect.or(site.dialect).unwrap_or_default()
    }

    /// Layers that apply to a site, lowest first.
    fn layers<'r>(&'r self, site: &Site) -> impl Iterator<Item = &'r Layer> {
        let matching = self.rules.iter().filter(move |rule| rule.matcher.matches(site)).map(|rule| &rule.set);
        std::iter::once(&self.defaults).chain(matching).chain(std::iter::once(&self.flags))
    }

    pub(crate) fn settings<'r>(&'r self, site: &Site) -> Settings<'r> {
        let mut out = Settings {
            allow: Allow::Minor,
            prerelease: false,
            ranges: Ranges::Keep,
            digests: Digests::Update,
            local_edits: LocalEdits::Hold,
            minimum_age: None,
            ranges_wanted: Vec::new(),
            ignore: Vec::new(),
            requires: None,
        };
        self.renovate.apply(site, &mut out);
        for layer in self.layers(site) {
            out.allow = layer.allow.unwrap_or(out.allow);
            out.prerelease = layer.prerelease.unwrap_or(out.prerelease);
            out.ranges = layer.ranges.unwrap_or(out.ranges);
            out.digests = layer.digests.unwrap_or(out.digests);
            out.local_edits = layer.local_edits.unwrap_or(out.local_edits);
            out.minimum_age = layer.minimum_age.or(out.minimum_age);
            out.requires = layer.requires.as_ref().or(out.requires);
            if let Some(range) = &layer.range {
                out.ranges_wanted = vec![range];
            }
            if let Some(ignore) = &layer.ignore {
                out.ignore = ignore.iter().map(String::as_str).collect();
            }
        }
        out
    }
}

/// A flag whose value cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--{flag}: `{found}` {problem}")]
pub struct FlagError {
    /// The flag without dashes.
    pub flag: &'static str,
    /// What was found.
    pub found: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to write instead.
    pub help: String,
}

impl Matcher {
    fn matches(&self, site: &Site) -> bool {
        let any = |globs: &[Glob], text: Option<&str>| {
            globs.is_empty() || text.is_some_and(|text| globs.iter().any(|glob| glob.matches(text)))
        };
        let any_of = |globs: &[Glob], texts: &[String]| {
            globs.is_empty() || texts.iter().any(|text| globs.iter().any(|glob| glob.matches(text)))
        };
        let source = site.source.as_ref().ok();
        any(&self.kind, Some(&site.owner.kind))
            && any(&self.name, Some(&site.owner.name))
            && any_of(&self.namespace, &site.namespaces)
            && any(&self.path, Some(site.at.path.as_str()))
            && (any(&self.source, source.map(|source| source.address()).as_deref())
                || any(&self.source, site.source_url.as_deref())
                || any(&self.source, site.source_url.as_deref().and_then(|url| url.strip_suffix(".git"))))
            && (any(&self.package, source.map(|source| source.package()))
                || any(&self.package, source.map(|source| source.full_package()).as_deref()))
    }
}
