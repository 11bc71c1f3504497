//! A registry snapshot: the answers of a run in one JSON file (`flux-upgrade/registry-snapshot/v1`).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use super::{Answer, Ask, Candidate, Outcome};
use crate::flux::Release;
use crate::plan::Failure;
use crate::reference::{normalise_git, normalise_repository, normalise_url, without_login};
use crate::time::Timestamp;

pub(super) const SCHEMA: &str = "flux-upgrade/registry-snapshot/v1";

/// What an archive of Flux's manifests begins with that stands in the snapshot itself, in place of the path of a file.
pub(super) const DATA: &str = "data:application/gzip;base64,";

/// A snapshot that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Not JSON, or not of the snapshot's shape.
    #[error("not a registry snapshot: {detail} at line {line}, column {column}")]
    Shape {
        /// What was found and wanted.
        detail: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// JSON of another schema.
    #[error("not a registry snapshot: `schema` is `{found}`, wanted `flux-upgrade/registry-snapshot/v1`")]
    Schema {
        /// What was found.
        found: String,
    },
    /// A time that is none.
    #[error("{owner}: `{found}` is no RFC 3339 time")]
    Time {
        /// What it belongs to.
        owner: String,
        /// What was found.
        found: String,
    },
}

impl SnapshotError {
    /// The error's stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Shape { .. } => "snapshot.shape",
            Self::Schema { .. } => "snapshot.schema",
            Self::Time { .. } => "snapshot.time",
        }
    }
}

#[derive(Deserialize)]
#[serde(expecting = "a JSON object with `schema`")]
struct File {
    schema: String,
    taken: Option<String>,
    #[serde(default)]
    helm: Vec<HelmEntry>,
    #[serde(default)]
    oci: Vec<OciEntry>,
    #[serde(default)]
    git: Vec<GitEntry>,
    #[serde(default)]
    flux: Vec<FluxEntry>,
    #[serde(default, rename = "fluxManifests")]
    flux_manifests: Vec<FluxEntry>,
    #[serde(rename = "fluxFailure")]
    flux_failure: Option<Failure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FluxEntry {
    version: String,
    created: Option<String>,
    manifests: Option<String>,
    manifests_failure: Option<Failure>,
}

#[derive(Deserialize)]
struct HelmEntry {
    url: String,
    #[serde(default)]
    charts: BTreeMap<String, Vec<ChartVersion>>,
    failure: Option<Failure>,
}

#[derive(Deserialize)]
struct OciEntry {
    repository: String,
    #[serde(default)]
    tags: Vec<Tag>,
    failure: Option<Failure>,
}

#[derive(Deserialize)]
struct GitEntry {
    url: String,
    #[serde(default)]
    refs: Vec<Ref>,
    failure: Option<Failure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChartVersion {
    version: String,
    digest: Option<String>,
    created: Option<String>,
    app_version: Option<String>,
    kube_version: Option<String>,
    #[serde(default)]
    deprecated: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tag {
    tag: String,
    digest: Option<String>,
    created: Option<String>,
    digest_failure: Option<Failure>,
    created_failure: Option<Failure>,
    #[serde(default)]
    beside: Beside,
}

#[derive(Deserialize)]
struct Ref {
    name: String,
    commit: Option<String>,
    created: Option<String>,
    #[serde(default)]
    beside: Beside,
}

/// What is known when asked for, and is no part of the list.
#[derive(Deserialize, Default)]
struct Beside {
    digest: Option<String>,
    created: Option<String>,
}

/// The same, read.
#[derive(Debug, Clone, PartialEq, Default)]
struct Known {
    digest: Option<String>,
    created: Option<Timestamp>,
}

impl Beside {
    fn known(self, owner: &str) -> Result<Option<Known>, SnapshotError> {
        let known = Known { digest: self.digest, created: time(owner, self.created)? };
        Ok((known != Known::default()).then_some(known))
    }
}

/// What registries and repositories said at one time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    taken: Option<Timestamp>,
    helm: BTreeMap<String, BTreeMap<String, Vec<Candidate>>>,
    oci: BTreeMap<String, Vec<Candidate>>,
    git: BTreeMap<String, Vec<Candidate>>,
    flux: Vec<Candidate>,
    /// What is known of tags and refs beside the lists, by source and name.
    beside: BTreeMap<(String, String), Known>,
    /// Where the manifests of a release lie, by version.
    places: BTreeMap<String, String>,
    /// The archives of manifests that were read, by version.
    archives: BTreeMap<String, Vec<u8>>,
    /// Questions that failed when they were asked.
    failures: BTreeMap<Failed, Failure>,
}

/// What failed, by the name that it is found under.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Failed {
    Charts(String),
    Tags(String),
    Refs(String),
    Digest(String, String),
    Created(String, String),
    Releases,
    Manifests(String),
}

impl Snapshot {
    /// Reads a snapshot; unknown fields are passed over, every list may be empty.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`] for a text that is not JSON, lacks a required field, or has another schema.
    ///
    /// # Examples
    ///
    /// ```
    /// use flux_upgrade_core::resolve::Snapshot;
    /// let text = r#"{"schema": "flux-upgrade/registry-snapshot/v1", "oci": [
    ///     {"repository": "ghcr.io/stefanprodan/charts/podinfo", "tags": [{"tag": "6.5.0"}]}]}"#;
    /// assert!(Snapshot::parse(text).is_ok());
    /// assert!(Snapshot::parse("{}").is_err());
    /// ```
    pub fn parse(json: &str) -> Result<Self, SnapshotError> {
        let file: File = serde_json::from_str(json).map_err(|error| {
            let text = error.to_string();
            let detail = text.split(" at line ").next().unwrap_or(&text).to_owned();
            SnapshotError::Shape { detail, line: error.line(), column: error.column() }
        })?;
        if file.schema != SCHEMA {
            return Err(SnapshotError::Schema { found: file.schema });
        }
        let mut out = Self { taken: time("taken", file.taken)?, ..Self::default() };
        out.failures.extend(file.flux_failure.map(|failure| (Failed::Releases, failure)));
        for entry in file.helm {
            let failed = entry
                .failure
                .map(|failure| (Failed::Charts(normalise_url(&without_login(&entry.url))), failure));
            out.failures.extend(failed);
            let charts = out.helm.entry(normalise_url(&without_login(&entry.url))).or_default();
            for (name, versions) in entry.charts {
                let list = charts.entry(name.clone()).or_default();
                for version in versions {
                    list.push(Candidate {
                        app_version: version.app_version,
                        kube_version: version.kube_version,
                        deprecated: version.deprecated,
                        ..candidate(&name, version.version, version.digest, version.created)?
                    });
                }
            }
        }
        for entry in file.oci {
            let name = normalise_repository(&entry.repository);
            out.failures.extend(entry.failure.map(|failure| (Failed::Tags(name.clone()), failure)));
            let list = out.oci.entry(name.clone()).or_default();
            for tag in entry.tags {
                let digest = tag
                    .digest_failure
                    .map(|failure| (Failed::Digest(name.clone(), tag.tag.clone()), failure));
                let created = tag
                    .created_failure
                    .map(|failure| (Failed::Created(name.clone(), tag.tag.clone()), failure));
                out.failures.extend(digest.into_iter().chain(created));
                let known = tag.beside.known(&entry.repository)?;
                out.beside.extend(known.map(|known| ((name.clone(), tag.tag.clone()), known)));
                list.push(candidate(&entry.repository, tag.tag, tag.digest, tag.created)?);
            }
        }
        for entry in file.git {
            let failed = entry.failure.map(|failure| (Failed::Refs(normalise_git(&entry.url)), failure));
            out.failures.extend(failed);
            let name = normalise_git(&entry.url);
            let list = out.git.entry(name.clone()).or_default();
            for found in entry.refs {
                let known = found.beside.known(&entry.url)?;
                out.beside.extend(known.map(|known| ((name.clone(), found.name.clone()), known)));
                list.push(candidate(&entry.url, found.name, found.commit, found.created)?);
            }
        }
        let listed = file.flux.into_iter().map(|release| (true, release));
        for (is_listed, release) in listed.chain(file.flux_manifests.into_iter().map(|one| (false, one))) {
            let version = &release.version;
            if let Some(place) = release.manifests {
                match place.strip_prefix(DATA) {
                    // What is no archive is told of where it is wanted.
                    Some(text) => {
                        let bytes = BASE64_STANDARD.decode(text).unwrap_or_default();
                        drop(out.archives.insert(version.clone(), bytes));
                    }
                    None => drop(out.places.insert(version.clone(), place)),
                }
            }
            let failed = release.manifests_failure;
            out.failures.extend(failed.map(|failure| (Failed::Manifests(version.clone()), failure)));
            if is_listed {
                out.flux.push(candidate("flux", release.version, None, release.created)?);
            }
        }
        Ok(out)
    }

    /// The same with the archives of Flux's manifests that it names and does not hold itself; `read` gets each path as written,
    /// which is relative to the snapshot, and gives the bytes of the file, if it is there.
    #[must_use]
    pub fn with_manifests(mut self, mut read: impl FnMut(&str) -> Option<Vec<u8>>) -> Self {
        for (version, place) in &self.places {
            self.archives.extend(read(place).map(|bytes| (version.clone(), bytes)));
        }
        self
    }

    /// When it was taken, which is the time that ages count from unless the caller gives another.
    #[must_use]
    pub fn taken(&self) -> Option<Timestamp> {
        self.taken
    }

    /// What the snapshot says; [`Failure::NotAsked`] for a source that it lacks.
    ///
    /// # Errors
    ///
    /// The failure, which is an answer too.
    pub fn answer(&self, ask: &Ask) -> Outcome {
        if let Some(failure) = self.failures.get(&Failed::of(ask)).filter(|_| !self.failures.is_empty()) {
            return Err(failure.clone());
        }
        match ask {
            Ask::Charts { url, names } => {
                let charts = self.helm.get(&normalise_url(&without_login(url))).ok_or(Failure::NotAsked)?;
                let wanted =
                    names.iter().map(|name| (name.clone(), charts.get(name).cloned().unwrap_or_default()));
                Ok(Answer::Charts(wanted.collect()))
            }
            Ask::Tags { repository } => self.tags(repository).map(|tags| Answer::Tags(tags.to_vec())),
            Ask::Digest { repository, tag } => {
                let beside = || self.known(&normalise_repository(repository), tag)?.digest.clone();
                let digest = self.tag(repository, tag)?.digest.clone().or_else(beside);
                digest.map(Answer::Digest).ok_or(Failure::NotAsked)
            }
            Ask::Created { repository, tag } => {
                let beside = || self.known(&normalise_repository(repository), tag)?.created;
                Ok(Answer::Created(self.tag(repository, tag)?.created.or_else(beside)))
            }
            Ask::Manifests { version } => {
                let bytes = self.archives.get(version).ok_or(Failure::NotAsked)?;
                let release = Release::read(version, bytes);
                release
                    .map(Answer::Manifests)
                    .map_err(|error| Failure::Malformed { detail: error.to_string() })
            }
            Ask::Dates { url, refs } => {
                let name = normalise_git(url);
                let list = self.git.get(&name).ok_or(Failure::NotAsked)?;
                let beside = |text: &str| self.known(&name, text)?.created;
                let dated = list.iter().filter(|found| refs.contains_key(&found.text));
                let date = |found: &Candidate| {
                    Some((found.text.clone(), found.created.or_else(|| beside(&found.text))?))
                };
                Ok(Answer::Dates(dated.filter_map(date).collect()))
            }
            Ask::Releases if self.flux.is_empty() => Err(Failure::NotAsked),
            Ask::Releases => Ok(Answer::Releases(self.flux.clone())),
            Ask::Refs { url } => {
                self.git.get(&normalise_git(url)).cloned().map(Answer::Refs).ok_or(Failure::NotAsked)
            }
        }
    }

    /// What is known beside the lists; `source` is normalised.
    fn known(&self, source: &str, name: &str) -> Option<&Known> {
        self.beside.get(&(source.to_owned(), name.to_owned()))
    }

    fn tags(&self, repository: &str) -> Result<&[Candidate], Failure> {
        self.oci.get(&normalise_repository(repository)).map(Vec::as_slice).ok_or(Failure::NotAsked)
    }

    fn tag(&self, repository: &str, tag: &str) -> Result<&Candidate, Failure> {
        self.tags(repository)?.iter().find(|candidate| candidate.text == tag).ok_or(Failure::NotFound)
    }
}

impl Failed {
    fn of(ask: &Ask) -> Self {
        match ask {
            Ask::Charts { url, .. } => Self::Charts(normalise_url(&without_login(url))),
            Ask::Tags { repository } => Self::Tags(normalise_repository(repository)),
            Ask::Refs { url } | Ask::Dates { url, .. } => Self::Refs(normalise_git(url)),
            Ask::Digest { repository, tag } => Self::Digest(normalise_repository(repository), tag.clone()),
            Ask::Created { repository, tag } => Self::Created(normalise_repository(repository), tag.clone()),
            Ask::Releases => Self::Releases,
            Ask::Manifests { version } => Self::Manifests(version.clone()),
        }
    }
}

fn candidate(
    owner: &str,
    text: String,
    digest: Option<String>,
    created: Option<String>,
) -> Result<Candidate, SnapshotError> {
    let digest = digest.filter(|digest| !digest.is_empty());
    Ok(Candidate { digest, created: time(owner, created)?, ..Candidate::new(text) })
}

fn time(owner: &str, text: Option<String>) -> Result<Option<Timestamp>, SnapshotError> {
    match text.filter(|text| !text.is_empty()) {
        Some(text) => match Timestamp::parse(&text) {
            Ok(time) => Ok(Some(time)),
            Err(_) => Err(SnapshotError::Time { owner: owner.to_owned(), found: text }),
        },
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_inside_and_beside() {
        let snapshot = |place: &str| {
            let text = format!(
                r#"{{"schema": "{SCHEMA}", "flux": [{{"version": "v2.9.4", "manifests": "{place}"}}]}}"#
            );
            Snapshot::parse(&text).unwrap()
        };
        let ask = Ask::Manifests { version: "v2.9.4".to_owned() };
        let mut read = Vec::new();
        let beside = snapshot("v2.9.4/manifests.tar.gz").with_manifests(|place| {
            read.push(place.to_owned());
            None
        });
        assert_eq!(
            (read, beside.answer(&ask)),
            (vec!["v2.9.4/manifests.tar.gz".to_owned()], Err(Failure::NotAsked))
        );
        // No file is looked for, and what is no archive is told of.
        for text in ["AAAA", "!"] {
            let inside = snapshot(&format!("{DATA}{text}")).with_manifests(|place| panic!("{place}"));
            assert!(matches!(inside.answer(&ask), Err(Failure::Malformed { .. })), "{text}");
        }
    }
}
