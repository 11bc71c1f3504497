//! The answers of a run, written as a snapshot.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use super::snapshot::{DATA, SCHEMA};
use super::{Answer, Ask, Candidate, Outcome, Query};
use crate::flux;
use crate::plan::Failure;
use crate::reference::{normalise_git, normalise_repository, normalise_url, without_login};
use crate::time::Timestamp;

/// Answers as they come in, to be written as a registry snapshot.
///
/// A plan from the snapshot is the plan of the run, byte for byte: failures are recorded as well.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::resolve::{Answer, Ask, Candidate, Recording, Snapshot};
/// let ask = Ask::Tags { repository: "ghcr.io/stefanprodan/charts/podinfo".to_owned() };
/// let outcome = Ok(Answer::Tags(vec![Candidate::new("6.5.0")]));
/// let mut recording = Recording::default();
/// recording.add(&ask, &outcome);
/// let snapshot = Snapshot::parse(&recording.to_json(None)).unwrap();
/// assert_eq!(snapshot.answer(&ask), outcome);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recording {
    helm: BTreeMap<String, Helm>,
    oci: BTreeMap<String, Oci>,
    git: BTreeMap<String, Git>,
    flux: Vec<Release>,
    flux_failure: Option<Failure>,
    manifests: BTreeMap<String, Result<flux::Release, Failure>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    schema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    taken: Option<String>,
    helm: Vec<&'a Helm>,
    oci: Vec<&'a Oci>,
    git: Vec<&'a Git>,
    flux: Vec<Release>,
    /// Releases of which only the manifests were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flux_manifests: Vec<Release>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flux_failure: Option<&'a Failure>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Helm {
    url: String,
    charts: BTreeMap<String, Vec<Version>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kube_version: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deprecated: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Oci {
    repository: String,
    tags: Vec<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Tag {
    tag: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest_failure: Option<Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_failure: Option<Failure>,
    #[serde(skip_serializing_if = "Beside::is_empty")]
    beside: Beside,
}

/// What no plan asked, and so does not belong to the list that a plan sees.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Beside {
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
}

impl Beside {
    fn is_empty(&self) -> bool {
        self.digest.is_none() && self.created.is_none()
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Git {
    url: String,
    refs: Vec<Ref>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Ref {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(skip_serializing_if = "Beside::is_empty")]
    beside: Beside,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Release {
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifests: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifests_failure: Option<Failure>,
}

impl Recording {
    /// Adds the answer to a question.
    ///
    /// What no plan needs is kept beside the lists, so that a plan from the snapshot still is the plan of the run.
    pub fn answered(&mut self, query: &Query, outcome: &Outcome) {
        match (&query.ask, outcome) {
            (Ask::Digest { repository, tag }, Ok(Answer::Digest(digest))) if query.beside => {
                let Some(tag) = self.tag(repository, tag) else { return };
                tag.beside.digest = Some(digest.clone());
            }
            (Ask::Created { repository, tag }, Ok(Answer::Created(created))) if query.beside => {
                let Some(tag) = self.tag(repository, tag) else { return };
                tag.beside.created = created.map(|time| time.to_string());
            }
            (Ask::Dates { url, .. }, Ok(Answer::Dates(dates))) if query.beside => {
                let entry = self.git.entry(normalise_git(url)).or_default();
                for found in &mut entry.refs {
                    if let Some(time) = dates.get(&found.name) {
                        found.beside.created = Some(time.to_string());
                    }
                }
            }
            (ask, outcome) => self.add(ask, outcome),
        }
    }

    /// Adds an answer that a plan needs; the list of a source comes before what is asked about its tags.
    pub fn add(&mut self, ask: &Ask, outcome: &Outcome) {
        let failure = outcome.as_ref().err().cloned();
        match (ask, outcome) {
            (Ask::Charts { url, .. }, outcome) => {
                let entry = self.helm.entry(normalise_url(&without_login(url))).or_default();
                entry.url = without_login(url).into_owned();
                entry.failure = failure;
                if let Ok(Answer::Charts(charts)) = outcome {
                    for (name, versions) in charts {
                        entry.charts.insert(name.clone(), versions.iter().map(Version::from).collect());
                    }
                }
            }
            (Ask::Tags { repository }, outcome) => {
                let entry = self.repository(repository);
                entry.failure = failure;
                if let Ok(Answer::Tags(tags)) = outcome {
                    entry.tags = tags.iter().map(Tag::from).collect();
                }
            }
            (Ask::Digest { repository, tag }, outcome) => {
                let Some(tag) = self.tag(repository, tag) else { return };
                tag.digest_failure = failure;
                if let Ok(Answer::Digest(digest)) = outcome {
                    tag.digest = Some(digest.clone());
                }
            }
            (Ask::Created { repository, tag }, outcome) => {
                let Some(tag) = self.tag(repository, tag) else { return };
                tag.created_failure = failure;
                if let Ok(Answer::Created(created)) = outcome {
                    tag.created = created.map(|time| time.to_string());
                }
            }
            (Ask::Refs { url }, outcome) => {
                let entry = self.git.entry(normalise_git(url)).or_default();
                entry.url = without_login(url).into_owned();
                entry.failure = failure;
                if let Ok(Answer::Refs(refs)) = outcome {
                    entry.refs = refs.iter().map(Ref::from).collect();
                }
            }
            // A ref without a date is a ref whose date was not found.
            (Ask::Dates { url, .. }, Ok(Answer::Dates(dates))) => {
                let entry = self.git.entry(normalise_git(url)).or_default();
                for found in &mut entry.refs {
                    if let Some(time) = dates.get(&found.name) {
                        found.created = Some(time.to_string());
                    }
                }
            }
            (Ask::Dates { .. }, _) => {}
            (Ask::Manifests { version }, Ok(Answer::Manifests(release))) => {
                self.manifests.insert(version.clone(), Ok(release.clone()));
            }
            (Ask::Manifests { version }, outcome) => {
                let failure = outcome.as_ref().err().cloned().unwrap_or(Failure::NotAsked);
                self.manifests.insert(version.clone(), Err(failure));
            }
            (Ask::Releases, outcome) => {
                self.flux_failure = failure;
                if let Ok(Answer::Releases(releases)) = outcome {
                    self.flux = releases.iter().map(Release::from).collect();
                }
            }
        }
    }

    fn repository(&mut self, repository: &str) -> &mut Oci {
        let entry = self.oci.entry(normalise_repository(repository)).or_default();
        repository.clone_into(&mut entry.repository);
        entry
    }

    fn tag(&mut self, repository: &str, tag: &str) -> Option<&mut Tag> {
        self.repository(repository).tags.iter_mut().find(|found| found.tag == tag)
    }

    /// The snapshot as JSON, sources in order; `taken` is the time that ages are counted from when it is planned with.
    ///
    /// Archives of Flux's manifests are in it, as `data:` URLs; [`Recording::to_files`] keeps them apart.
    #[must_use]
    pub fn to_json(&self, taken: Option<Timestamp>) -> String {
        self.json(taken, None)
    }

    /// The snapshot as JSON with the archives of Flux's manifests that it names: each with its path below `folder`, which is
    /// to lie beside the snapshot.
    #[must_use]
    pub fn to_files(&self, folder: &str, taken: Option<Timestamp>) -> (String, Vec<(String, Vec<u8>)>) {
        let archives = self.manifests.iter().filter_map(|(version, release)| {
            Some((place(folder, version), release.as_ref().ok()?.archive()))
        });
        (self.json(taken, Some(folder)), archives.collect())
    }

    fn json(&self, taken: Option<Timestamp>, folder: Option<&str>) -> String {
        let with_manifests = |release: Release| match self.manifests.get(&release.version) {
            Some(Ok(found)) => {
                let place = folder.map(|folder| place(folder, &release.version));
                let inside = || format!("{DATA}{}", BASE64_STANDARD.encode(found.archive()));
                Release { manifests: Some(place.unwrap_or_else(inside)), ..release }
            }
            Some(Err(failure)) => Release { manifests_failure: Some(failure.clone()), ..release },
            None => release,
        };
        let is_listed = |version: &String| self.flux.iter().any(|release| release.version == *version);
        let others = self.manifests.keys().filter(|version| !is_listed(version));
        let others =
            others.map(|version| with_manifests(Release { version: version.clone(), ..Release::default() }));
        let file = File {
            schema: SCHEMA,
            taken: taken.map(|time| time.to_string()),
            helm: self.helm.values().collect(),
            oci: self.oci.values().collect(),
            git: self.git.values().collect(),
            flux: self.flux.iter().cloned().map(with_manifests).collect(),
            flux_manifests: others.collect(),
            flux_failure: self.flux_failure.as_ref(),
        };
        let text = serde_json::to_string_pretty(&file).expect("a snapshot is plain JSON");
        text + "\n"
    }
}

fn place(folder: &str, version: &str) -> String {
    format!("{folder}/{version}/manifests.tar.gz")
}

impl From<&Candidate> for Version {
    fn from(entry: &Candidate) -> Self {
        Self {
            version: entry.text.clone(),
            created: entry.created.map(|time| time.to_string()),
            digest: entry.digest.clone(),
            app_version: entry.app_version.clone(),
            kube_version: entry.kube_version.clone(),
            deprecated: entry.deprecated,
        }
    }
}

impl From<&Candidate> for Tag {
    fn from(tag: &Candidate) -> Self {
        Self {
            tag: tag.text.clone(),
            digest: tag.digest.clone(),
            created: tag.created.map(|time| time.to_string()),
            ..Self::default()
        }
    }
}

impl From<&Candidate> for Ref {
    fn from(found: &Candidate) -> Self {
        let created = found.created.map(|time| time.to_string());
        Self { name: found.text.clone(), commit: found.digest.clone(), created, beside: Beside::default() }
    }
}

impl From<&Candidate> for Release {
    fn from(release: &Candidate) -> Self {
        let created = release.created.map(|time| time.to_string());
        Self { version: release.text.clone(), created, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Snapshot;
    use super::*;

    #[test]
    fn a_replay_answers_what_was_answered() {
        let repository = "ghcr.io/a/b".to_owned();
        let dated = |text: &str| Candidate {
            created: Timestamp::parse("2026-01-02T03:04:05Z").ok(),
            ..Candidate::new(text)
        };
        let chart = Candidate {
            digest: Some("aa".to_owned()),
            app_version: Some("1".to_owned()),
            kube_version: Some(">=1.30".to_owned()),
            deprecated: true,
            ..dated("1.0.0")
        };
        let charts = [("a".to_owned(), vec![chart]), ("none".to_owned(), vec![])];
        let digest = |tag: &str| Ask::Digest { repository: repository.clone(), tag: tag.to_owned() };
        let created = |tag: &str| Ask::Created { repository: repository.clone(), tag: tag.to_owned() };
        let refs = Candidate { digest: Some("c0ffee".to_owned()), ..Candidate::new("refs/tags/v1") };
        let names = ["a", "none"].map(str::to_owned).into();
        let failures = [
            Failure::NotFound,
            Failure::Unauthorized,
            Failure::RateLimited { retry_after_seconds: Some(7) },
            Failure::Unreachable { detail: "x".to_owned() },
            Failure::TooLarge { limit_bytes: 9 },
        ];
        let mut told = vec![
            (
                Ask::Charts { url: "https://charts.example.com".to_owned(), names },
                Ok(Answer::Charts(charts.into())),
            ),
            (Ask::Refs { url: "https://git.example.com/a.git".to_owned() }, Ok(Answer::Refs(vec![refs]))),
            (Ask::Releases, Ok(Answer::Releases(vec![dated("v2.9.4")]))),
            (digest("1"), Ok(Answer::Digest("sha256:aa".to_owned()))),
            (created("2"), Ok(Answer::Created(None))),
            (created("3"), Err(Failure::NotFound)),
            (digest("3"), Err(Failure::Unauthorized)),
        ];
        for (number, failure) in failures.into_iter().enumerate() {
            told.push((Ask::Tags { repository: format!("r.example.com/{number}") }, Err(failure.clone())));
            told.push((Ask::Refs { url: format!("https://g.example.com/{number}") }, Err(failure.clone())));
            let (url, names) = (format!("https://c.example.com/{number}"), ["a".to_owned()].into());
            told.push((Ask::Charts { url, names }, Err(failure)));
        }
        let mut recording = Recording::default();
        let list = ["1", "2", "3"].map(Candidate::new).to_vec();
        recording.add(&Ask::Tags { repository: repository.clone() }, &Ok(Answer::Tags(list)));
        for (ask, outcome) in &told {
            recording.add(ask, outcome);
        }
        let text = recording.to_json(Timestamp::parse("2026-08-22").ok());
        let snapshot = Snapshot::parse(&text).unwrap();
        for (ask, outcome) in told {
            assert_eq!(snapshot.answer(&ask), outcome, "{ask:?}");
        }
        assert_eq!(snapshot.taken(), Timestamp::parse("2026-08-22").ok());
        assert_eq!(recording.to_json(None), recording.clone().to_json(None));

        let mut down = Recording::default();
        down.add(&Ask::Releases, &Err(Failure::NotFound));
        let snapshot = Snapshot::parse(&down.to_json(None)).unwrap();
        assert_eq!(snapshot.answer(&Ask::Releases), Err(Failure::NotFound));
    }
}
