//! Releases of Flux in a folder: `<folder>/<vX.Y.Z>/manifests.tar.gz`.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flux_upgrade_core::flux::Release;
use flux_upgrade_core::version::Version;

use crate::fault::Fault;

/// Bytes of an archive at most; a release has about a hundred thousand.
const LARGEST: u64 = 32 << 20;

/// An archive of manifests, if it is there and can be read.
pub(crate) fn archive(file: &Path) -> Option<Vec<u8>> {
    bytes_of(file).ok()
}

fn bytes_of(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A folder of releases.
pub(crate) struct Releases {
    folder: PathBuf,
    shown: String,
    /// The versions that are there, oldest first.
    versions: Vec<Version>,
}

impl Releases {
    /// Lists the releases of what `--flux-releases` names, seen from `folder`.
    pub(crate) fn open(folder: &Path, given: &str) -> Result<Self, Fault> {
        if given.starts_with("https://") || given.starts_with("http://") {
            return Err(Fault::new(format!(
                "--flux-releases {given}: releases are not fetched yet; put manifests.tar.gz of each into DIR/vX.Y.Z/ and \
                 pass DIR"
            )));
        }
        let folder = folder.join(given);
        let entries = fs::read_dir(&folder)
            .map_err(|error| Fault::of(&error).under(format!("cannot read the releases in `{given}`")))?;
        let named = |entry: fs::DirEntry| {
            let there = entry.path().join("manifests.tar.gz").is_file();
            let name = entry.file_name();
            let name = name.to_str().filter(|name| there && name.starts_with('v'))?;
            Version::parse(name).ok()
        };
        let mut versions: Vec<Version> = entries.flatten().filter_map(named).collect();
        versions.sort_by(Version::cmp_precedence);
        Ok(Self { folder, shown: given.to_owned(), versions })
    }

    /// The newest version that is there.
    pub(crate) fn newest(&self) -> Option<&str> {
        self.versions.last().map(Version::text)
    }

    /// Reads one release; `None` where the folder does not have it.
    pub(crate) fn get(&self, version: &str) -> Result<Option<Release>, Fault> {
        let bare = version.strip_prefix('v').unwrap_or(version);
        match self.versions.iter().find(|known| known.text().strip_prefix('v') == Some(bare)) {
            Some(known) => self.read(known).map(Some),
            None => Ok(None),
        }
    }

    /// Reads one release that must be there.
    pub(crate) fn wanted(&self, version: &str) -> Result<Release, Fault> {
        self.get(version)?.ok_or_else(|| {
            let there = match (self.versions.first(), self.versions.last()) {
                (Some(first), Some(last)) => {
                    format!("it has {} releases from {first} to {last}", self.versions.len())
                }
                _ => "it has none; each is a folder such as v2.9.4 with manifests.tar.gz".to_owned(),
            };
            Fault::new(format!("`{}` has no Flux {version}: {there}", self.shown))
        })
    }

    /// Reads all releases that can be read.
    pub(crate) fn all(&self) -> Vec<Release> {
        self.versions.iter().filter_map(|version| self.read(version).ok()).collect()
    }

    fn read(&self, version: &Version) -> Result<Release, Fault> {
        let file = self.folder.join(version.text()).join("manifests.tar.gz");
        let read = bytes_of(&file);
        let shown = format!("{}/{version}/manifests.tar.gz", self.shown);
        let bytes = read.map_err(|error| Fault::of(&error).under(format!("cannot read `{shown}`")))?;
        Release::read(version.text(), &bytes).map_err(|error| Fault::of(&error).under(format!("`{shown}`")))
    }
}
