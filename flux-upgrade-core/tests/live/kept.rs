//! Answers that are kept between runs: what is used, what is asked for again, and what is not kept.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use flux_upgrade_core::host::{Cache, CacheOptions};
use flux_upgrade_core::time::Age;

use super::faults::good;
use super::private::guarded;
use super::real::{backend, bare, has};
use super::server::{Reply, Seen, Server};
use super::{Setup, Source, outcomes, repository};

fn run(setup: &Setup, folder: &Path, options: CacheOptions, text: &str) -> [String; 3] {
    let plan = setup.plan_with(Cache::open(folder, options).unwrap(), text).0;
    let found = outcomes(&plan);
    ["helm", "oci", "git"].map(|name| found[name].clone())
}

fn text(host: &str) -> String {
    let [helm, git] = [format!("http://{host}/charts"), format!("http://{host}/app.git")];
    repository(&[
        ("helm", Source::Helm(&helm)),
        ("oci", Source::Oci(&format!("{host}/app"))),
        ("git", Source::Git(&git)),
    ])
}

fn all(text: &str) -> [String; 3] {
    [text, text, text].map(str::to_owned)
}

fn young() -> CacheOptions {
    CacheOptions { max_age: Some(Age::parse("1h").unwrap()), ..CacheOptions::default() }
}

fn offline() -> CacheOptions {
    CacheOptions { offline: true, ..CacheOptions::default() }
}

#[test]
fn nobody_is_asked_for_what_is_young_enough_or_offline() {
    if !has("git") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    bare(folder.path());
    let git = backend(folder.path().join("srv"), true);
    let server = Server::start(guarded(move |seen: &Seen| match seen.target.starts_with("/app.git") {
        true => git(seen),
        false => good(seen),
    }));
    let home = tempfile::tempdir().unwrap();
    super::places::file(home.path(), ".netrc", "machine 127.0.0.1 login robot password secret\n");
    let login = format!(r#"{{"auths": {{"{}": {{"auth": "cm9ib3Q6c2VjcmV0"}}}}}}"#, server.authority());
    super::places::file(home.path(), ".docker/config.json", &login);
    let (setup, text) = (Setup::at_home(home.path()), text(&server.authority()));
    let cache = tempfile::tempdir().unwrap();

    assert_eq!(run(&setup, cache.path(), offline(), &text), all("no answer is recorded"));
    assert_eq!(server.seen().len(), 0);
    assert_eq!(run(&setup, cache.path(), CacheOptions::default(), &text), all("1.1.0"));
    let asked = server.seen().len();
    assert_eq!(run(&setup, cache.path(), offline(), &text), all("1.1.0"));
    assert_eq!(server.seen().len(), asked, "nobody is asked offline");
    assert_eq!(run(&setup, cache.path(), young(), &text), all("1.1.0"));
    let since: Vec<Seen> = server.seen().split_off(asked);
    assert!(
        since.iter().all(|seen| seen.header("authorization").is_none()),
        "only who wants a login: {since:?}"
    );
    // Somebody else sees nothing of what was kept.
    let stranger = tempfile::tempdir().unwrap();
    let found = run(&Setup::at_home(stranger.path()), cache.path(), offline(), &text);
    assert_eq!(found, all("no answer is recorded"));
    assert_eq!(run(&setup, cache.path(), CacheOptions::default(), &text), all("1.1.0"));
}

/// A page of an error that comes as a success is told, and forgotten.
#[test]
fn what_cannot_be_read_is_not_kept() {
    let is_broken = Arc::new(AtomicBool::new(true));
    let broken = Arc::clone(&is_broken);
    let conditions: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = Arc::clone(&conditions);
    let server = Server::start(move |seen| {
        told.lock().unwrap().extend(seen.header("if-none-match").map(str::to_owned));
        match broken.load(Ordering::SeqCst) {
            true => Reply::body("<html>maintenance").with("ETag", "\"1\""),
            false => good(seen),
        }
    });
    let (setup, cache, text) = (Setup::default(), tempfile::tempdir().unwrap(), text(&server.authority()));
    for outcome in run(&setup, cache.path(), young(), &text) {
        assert!(outcome.starts_with("the answer cannot be read"), "{outcome}");
    }
    is_broken.store(false, Ordering::SeqCst);
    assert_eq!(run(&setup, cache.path(), young(), &text), all("1.1.0"));
    assert!(conditions.lock().unwrap().is_empty(), "nor is it asked whether it has changed");
}
