//! The normal form of a URL or an image reference is its own normal form.
#![no_main]

use flux_upgrade_core::RepoPath;
use flux_upgrade_core::reference::{normalise_git, normalise_repository, normalise_url};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for normalise in [normalise_git, normalise_repository, normalise_url] {
        let once = normalise(text);
        assert_eq!(normalise(&once), once);
    }
    if let Some(path) = RepoPath::parse(text) {
        assert_eq!(RepoPath::parse(path.as_str()).as_ref(), Some(&path));
        assert!(!path.as_str().split('/').any(|part| matches!(part, "" | "." | "..")));
    }
});
