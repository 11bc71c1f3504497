//! Any text has a normal form; that of a plain host and path is its own normal form.
#![no_main]

use flux_upgrade_core::RepoPath;
use flux_upgrade_core::reference::{normalise_git, normalise_repository, normalise_url};
use libfuzzer_sys::fuzz_target;

fn is_plain(part: &str) -> bool {
    !part.is_empty()
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

fuzz_target!(|text: &str| {
    let [_, repository, url] =
        [normalise_git, normalise_repository, normalise_url].map(|normalise| normalise(text));
    if text.split('/').all(is_plain) {
        assert_eq!(normalise_repository(&repository), repository);
        assert_eq!(normalise_url(&url), url);
    }
    if let Some(path) = RepoPath::parse(text) {
        assert_eq!(RepoPath::parse(path.as_str()).as_ref(), Some(&path));
        assert!(!path.as_str().split('/').any(|part| matches!(part, "" | "." | "..")));
    }
});
