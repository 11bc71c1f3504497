//! Reading the files that have credentials.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::CredentialError;

/// What one file may have at most, in bytes.
const LIMIT: u64 = 1 << 20;

/// A file that was read.
pub(super) struct Text {
    /// Its path for people, `~` for the home folder.
    pub(super) shown: String,
    pub(super) text: String,
    /// Whether others on this machine may read it.
    pub(super) is_open: bool,
}

/// The path as people write it.
pub(super) fn shown(path: &Path, home: Option<&Path>) -> String {
    match home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(rest) => format!("~/{}", rest.display()),
        None => path.display().to_string(),
    }
}

/// `~/…` and absolute paths; `None` for others, which would depend on where the program was started.
pub(super) fn place(text: &str, home: Option<&Path>) -> Option<PathBuf> {
    match text.strip_prefix("~/") {
        Some(rest) => home.map(|home| home.join(rest)),
        None => Some(PathBuf::from(text)).filter(|path| path.is_absolute()),
    }
}

/// The text of a file; `None` where there is none.
pub(super) fn read(path: &Path, home: Option<&Path>) -> Result<Option<Text>, CredentialError> {
    let shown = shown(path, home);
    let failed = |detail: String| CredentialError::Unreadable { origin: shown.clone(), detail };
    let kind = match fs::metadata(path) {
        Ok(kind) => kind,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
    };
    // Opening a pipe would wait for its other end; a device is how some say that there is no file.
    if !kind.is_file() {
        return if kind.is_dir() { Err(failed("it is a folder".to_owned())) } else { Ok(None) };
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > LIMIT {
        return Err(failed(format!("it is larger than {LIMIT} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8".to_owned()))?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    Ok(Some(Text { shown, text, is_open: is_open(&kind) }))
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

#[cfg(unix)]
fn is_open(kind: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    kind.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open(_: &fs::Metadata) -> bool {
    false
}
