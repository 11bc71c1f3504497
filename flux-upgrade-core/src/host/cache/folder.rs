//! Where the cache is, unless somebody says otherwise.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The folder of the cache, from the environment and the home folder; `None` where neither names one.
///
/// `$FLUX_UPGRADE_CACHE_DIR`, else the platform's own place: `$XDG_CACHE_HOME/flux-upgrade` or `~/.cache/flux-upgrade`;
/// `~/Library/Caches/flux-upgrade` on macOS; `%LOCALAPPDATA%\flux-upgrade\cache` on Windows. Relative paths are none.
///
/// Source: XDG Base Directory Specification 0.8.
///
/// # Examples
///
/// ```
/// use std::collections::BTreeMap;
/// use std::path::PathBuf;
/// use flux_upgrade_core::host::cache_folder;
/// let env = BTreeMap::from([("FLUX_UPGRADE_CACHE_DIR".into(), std::env::temp_dir().into())]);
/// assert_eq!(cache_folder(&env, None), Some(std::env::temp_dir()));
/// assert_eq!(cache_folder(&BTreeMap::new(), None), None);
/// ```
#[must_use]
pub fn cache_folder(env: &BTreeMap<OsString, OsString>, home: Option<&Path>) -> Option<PathBuf> {
    let variable = |name: &str| {
        let path = PathBuf::from(env.get(OsStr::new(name))?);
        path.is_absolute().then_some(path)
    };
    if let Some(folder) = variable("FLUX_UPGRADE_CACHE_DIR") {
        return Some(folder);
    }
    if cfg!(windows) {
        return variable("LOCALAPPDATA").map(|folder| folder.join("flux-upgrade").join("cache"));
    }
    let below_home = |path: &str| home.map(|home| home.join(path));
    let base = if cfg!(target_os = "macos") {
        below_home("Library/Caches")
    } else {
        variable("XDG_CACHE_HOME").or_else(|| below_home(".cache"))
    };
    base.map(|base| base.join("flux-upgrade"))
}
