//! A release of Flux as it is published: the files of `manifests.tar.gz`.

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::options::Component;
use crate::version::Version;

/// Bytes that an archive may hold when unpacked; a release has about one million.
const LARGEST: u64 = 32 << 20;

/// The two files that every component shares.
const SHARED: [&str; 2] = ["rbac.yaml", "policies.yaml"];

/// The manifests of one Flux release.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::flux::Release;
/// let error = Release::read("v2.9.4", b"not an archive").unwrap_err();
/// assert_eq!(error.code(), "archive.unreadable");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    version: Version,
    files: BTreeMap<String, String>,
}

/// Why an archive is not the manifests of a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The version is none of Flux.
    #[error("`{text}` is not a release of Flux: expected a version such as `v2.9.4`")]
    Version {
        /// What was given.
        text: String,
    },
    /// Not gzip, not tar, or cut short.
    #[error("manifests of {version}: the archive cannot be read, it is damaged or cut short: {detail}")]
    Unreadable {
        /// The release.
        version: String,
        /// What the reader found.
        detail: String,
    },
    /// It unpacks to more than any release has.
    #[error("manifests of {version}: the archive unpacks to more than {} MiB", LARGEST >> 20)]
    TooLarge {
        /// The release.
        version: String,
    },
    /// An entry that no release has.
    #[error("manifests of {version}: `{entry}` {problem}")]
    Entry {
        /// The release.
        version: String,
        /// The name of the entry.
        entry: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A file is not there.
    #[error("manifests of {version}: `{file}` is missing")]
    Missing {
        /// The release.
        version: String,
        /// The file that every such release has.
        file: String,
    },
}

impl ArchiveError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Version { .. } => "archive.version",
            Self::Unreadable { .. } => "archive.unreadable",
            Self::TooLarge { .. } => "archive.too-large",
            Self::Entry { .. } => "archive.entry",
            Self::Missing { .. } => "archive.missing",
        }
    }
}

/// The release that a text names, as `v2.9.4` or `2.9.4`.
///
/// # Errors
///
/// [`ArchiveError::Version`] unless it has three numbers.
pub(super) fn release_version(text: &str) -> Result<Version, ArchiveError> {
    let wrong = || ArchiveError::Version { text: text.to_owned() };
    let bare = text.strip_prefix('v').unwrap_or(text);
    Version::parse_strict(bare).map_err(|_| wrong())?;
    Version::parse(&format!("v{bare}")).map_err(|_| wrong())
}

impl Release {
    /// Reads `manifests.tar.gz` of a release.
    ///
    /// `version` is `v2.9.4` or `2.9.4`; `archive` is the file as published.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`] when the archive is damaged or cut short, unpacks to more than 32 MiB, holds anything but the plain files
    /// of a release, or lacks one of them.
    pub fn read(version: &str, archive: &[u8]) -> Result<Self, ArchiveError> {
        let version = release_version(version)?;
        let name = || version.text().to_owned();
        let unreadable =
            |error: std::io::Error| ArchiveError::Unreadable { version: name(), detail: error.to_string() };
        let mut unpacked = Vec::new();
        GzDecoder::new(archive).take(LARGEST + 1).read_to_end(&mut unpacked).map_err(unreadable)?;
        if unpacked.len() as u64 > LARGEST {
            return Err(ArchiveError::TooLarge { version: name() });
        }
        let mut files = Vec::new();
        let mut tar = tar::Archive::new(unpacked.as_slice());
        for entry in tar.entries().map_err(unreadable)? {
            let mut entry = entry.map_err(unreadable)?;
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let kind = entry.header().entry_type();
            if kind.is_dir() && matches!(path.as_str(), "." | "./") {
                continue;
            }
            let fault = |problem| Err(ArchiveError::Entry { version: name(), entry: path.clone(), problem });
            if !kind.is_file() {
                return fault("is no plain file");
            }
            let mut text = String::new();
            match entry.read_to_string(&mut text) {
                Ok(read) if read as u64 == entry.size() => {}
                Ok(_) => return fault("is cut short"),
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    return fault("is not UTF-8");
                }
                Err(error) => return Err(unreadable(error)),
            }
            files.push((path.strip_prefix("./").unwrap_or(&path).to_owned(), text));
        }
        Self::checked(version, files)
    }

    /// A release from files that are unpacked already, by name.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`] when a name is none of a release, stands twice, or one is missing.
    pub fn from_files(
        version: &str,
        files: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ArchiveError> {
        Self::checked(release_version(version)?, files)
    }

    fn checked(
        version: Version,
        files: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ArchiveError> {
        let mut known = BTreeMap::new();
        for (entry, text) in files {
            let fault = |entry, problem| {
                Err(ArchiveError::Entry { version: version.text().to_owned(), entry, problem })
            };
            if entry.starts_with('/') || entry.split(['/', '\\']).any(|part| part == "..") {
                return fault(entry, "leads out of the archive");
            }
            let component = entry.strip_suffix(".yaml").and_then(Component::named);
            if component.is_none() && !SHARED.contains(&entry.as_str()) {
                return fault(entry, "is no file of a Flux release that this program knows");
            }
            if known.contains_key(&entry) {
                return fault(entry, "stands twice");
            }
            known.insert(entry, text.replace("\r\n", "\n"));
        }
        let release = Self { version, files: known };
        let components = Component::ALL.into_iter().filter(|component| component.is_in(&release.version));
        let wanted = components.map(|component| format!("{component}.yaml")).chain(SHARED.map(str::to_owned));
        for file in wanted {
            if !release.files.contains_key(&file) {
                return Err(ArchiveError::Missing { version: release.version.text().to_owned(), file });
            }
        }
        Ok(release)
    }

    /// The release as an archive that [`Release::read`] gives back: the same files, not the bytes that were published.
    ///
    /// # Examples
    ///
    /// ```
    /// use flux_upgrade_core::flux::Release;
    /// fn copied(release: &Release) -> bool {
    ///     Release::read(release.version().text(), &release.archive()).as_ref() == Ok(release)
    /// }
    /// ```
    #[must_use]
    pub fn archive(&self) -> Vec<u8> {
        let mut out = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
        let mut add = || -> std::io::Result<()> {
            for (name, text) in &self.files {
                let mut header = tar::Header::new_gnu();
                header.set_size(text.len() as u64);
                header.set_mode(0o644);
                header.set_cksum();
                out.append_data(&mut header, name, text.as_bytes())?;
            }
            Ok(())
        };
        // Nothing is written but memory.
        let _ = add();
        out.into_inner().and_then(GzEncoder::finish).unwrap_or_default()
    }

    /// The version, with its `v`.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The text of a file, such as `source-controller.yaml`; `None` where the release has no such file.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&str> {
        self.files.get(name).map(String::as_str)
    }

    /// The names of its files, in the order of bytes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The file of a component.
    pub(super) fn component(&self, component: Component) -> Option<&str> {
        self.file(&format!("{component}.yaml"))
    }

    /// The tag of a component's image, such as `v1.8.5`.
    #[must_use]
    pub fn image_tag(&self, component: Component) -> Option<&str> {
        let (_, rest) = self.component(component)?.split_once(&format!("image: fluxcd/{component}:"))?;
        rest.lines().next().map(str::trim_end)
    }
}
