//! The cache on real disks: damage, age, size, and several processes at once.
#![allow(clippy::unwrap_used)]
#![cfg(feature = "native")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use flux_upgrade_core::host::{Cache, CacheError, CacheOptions, Entry, Key, cache_folder};
use flux_upgrade_core::time::{Age, Timestamp};
use proptest::prelude::*;

const URL: &str = "https://charts.example.com/index.yaml";
/// Of `immutable`.
const DIGEST: &str = "sha256:0fb54ab2018c2584b4ded12dcac14b9e7fdcc9c23ea8c4b2a4bb7ad5ba6ad24e";

fn entry(body: &str) -> Entry {
    Entry {
        body: body.as_bytes().to_vec(),
        etag: Some("\"1\"".to_owned()),
        last_modified: Some("Sat, 22 Aug 2026 00:00:00 GMT".to_owned()),
        stored: Timestamp::parse("2026-08-22T10:00:00Z").unwrap(),
        headers: BTreeMap::from([("link".to_owned(), "</v2/x?last=1>; rel=\"next\"".to_owned())]),
    }
}

fn key(number: usize) -> Key {
    Key::new("GET", &format!("{URL}?{number}"), None)
}

fn open(folder: &Path) -> Cache {
    Cache::open(folder, CacheOptions::default()).unwrap()
}

/// Every file of a cache below `v1`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut folders = vec![folder.join("v1")];
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() { folders.push(path) } else { out.push(path) }
        }
    }
    out.sort();
    out
}

#[test]
fn what_is_put_is_got_by_another_run() {
    let folder = tempfile::tempdir().unwrap();
    let nested = folder.path().join("a/b");
    open(&nested).put(&key(1), &entry("body")).unwrap();
    let cache = open(&nested);
    assert_eq!(cache.get(&key(1)), Some(entry("body")));
    assert_eq!(cache.get(&key(2)), None);
    let none = Entry { etag: None, last_modified: None, headers: BTreeMap::new(), ..entry("") };
    cache.put(&key(2), &none).unwrap();
    assert_eq!(cache.get(&key(2)), Some(none));
    cache.put(&key(1), &entry("other")).unwrap();
    assert_eq!(cache.get(&key(1)), Some(entry("other")));
    assert!(
        fs::read_to_string(nested.join("CACHEDIR.TAG"))
            .unwrap()
            .starts_with("Signature: 8a477f597d28d172789f06886806bc55")
    );
}

#[test]
fn one_body_of_many_sources_is_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    for number in 0..10 {
        cache.put(&key(number), &entry("same")).unwrap();
    }
    let bodies =
        files(folder.path()).iter().filter(|path| path.starts_with(folder.path().join("v1/body"))).count();
    assert_eq!((bodies, files(folder.path()).len()), (1, 11));
}

#[test]
fn askers_and_requests_are_kept_apart_and_users_in_addresses_do_not_count() {
    let keys = [
        Key::new("GET", URL, None),
        Key::new("GET", URL, Some("")),
        Key::new("GET", URL, Some("a")),
        Key::new("GET", URL, Some("b")),
        Key::new("HEAD", URL, None),
        Key::new("GEThttps", &URL[5..], None),
        Key::new("GET", "https://charts.example.com/Index.yaml", None),
        Key::new("GET", "http://charts.example.com/index.yaml", None),
    ];
    for (number, key) in keys.iter().enumerate() {
        assert!(!keys[..number].contains(key), "{number}");
    }
    for url in
        ["https://user:pass@charts.example.com/index.yaml", "https://token@charts.example.com/index.yaml"]
    {
        assert_eq!(Key::new("GET", url, None), keys[0]);
    }
    assert_ne!(
        Key::new("GET", "https://charts.example.com/@index.yaml", None),
        Key::new("GET", "https://index.yaml", None)
    );
}

#[test]
fn nothing_of_a_request_stands_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    let secret = "https://user:hunter2@charts.hunter2.example.com/hunter2?token=hunter2";
    let mut entry = entry("body");
    for name in ["authorization", "set-cookie", "www-authenticate", "location"] {
        entry.headers.insert(name.to_owned(), "hunter2".to_owned());
    }
    cache.put(&Key::new("GET hunter2", secret, Some("hunter2")), &entry).unwrap();
    for path in files(folder.path()) {
        let text = format!("{path:?} {}", String::from_utf8_lossy(&fs::read(&path).unwrap()));
        assert!(!text.contains("hunter2"), "{text}");
    }
    let kept = cache.get(&Key::new("GET hunter2", secret, Some("hunter2"))).unwrap().headers;
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["link"]);
}

#[cfg(unix)]
#[test]
fn it_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("cache");
    open(&root).put(&key(1), &entry("body")).unwrap();
    for path in files(&root).iter().flat_map(|file| file.ancestors()).filter(|path| path.starts_with(&root)) {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o077, 0, "{path:?}");
    }
}

#[test]
fn a_digest_in_the_address_never_changes_and_is_held_to() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    let url = "https://ghcr.io/v2/app/manifests/sha256:…";
    let digest = |body: &str| {
        // The cache itself is asked which digest a body has.
        let wrong = Key::immutable("GET", url, None, &format!("sha256:{}", "0".repeat(64))).unwrap();
        match cache.put(&wrong, &entry(body)) {
            Err(CacheError::OtherDigest { found, .. }) => format!("sha256:{found}"),
            other => panic!("{other:?}"),
        }
    };
    let key = Key::immutable("GET", url, None, &digest("immutable")).unwrap();
    assert_eq!(cache.get(&key), None);
    cache.put(&key, &entry("immutable")).unwrap();
    let found = cache.get(&key).unwrap();
    assert!(key.is_immutable() && cache.is_fresh(&key, &found));
    assert!(matches!(cache.put(&key, &entry("changed")), Err(CacheError::OtherDigest { .. })));
    assert_eq!(cache.get(&key), Some(found), "what was there stays");
    // The same request with another digest in mind gets nothing.
    let other = Key::immutable("GET", url, None, &digest("other")).unwrap();
    assert_eq!(cache.get(&other), None);
    assert!(Key::immutable("GET", url, None, DIGEST).is_some());
    for digest in ["sha256:", "sha512:00", "sha256:0FB5", &DIGEST.to_uppercase(), &DIGEST[..70], "0fb5"] {
        assert_eq!(Key::immutable("GET", url, None, digest), None, "{digest}");
    }
}

#[test]
fn age_and_the_network_decide_whether_it_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let at = |text: &str| Some(Timestamp::parse(text).unwrap());
    let age = |text: &str| Some(Age::parse(text).unwrap());
    let plain = CacheOptions { now: at("2026-08-22T11:00:00Z"), ..CacheOptions::default() };
    for (options, fresh) in [
        (plain.clone(), false),
        (CacheOptions { offline: true, ..plain.clone() }, true),
        (CacheOptions { max_age: age("2h"), ..plain.clone() }, true),
        (CacheOptions { max_age: age("61m"), ..plain.clone() }, true),
        (CacheOptions { max_age: age("60m"), ..plain.clone() }, false),
        (CacheOptions { max_age: age("0d"), ..plain.clone() }, false),
        // A clock that was put back makes nothing young.
        (CacheOptions { max_age: age("2h"), now: at("2026-08-22T09:59:59Z"), ..plain.clone() }, false),
    ] {
        let cache = Cache::open(folder.path(), options.clone()).unwrap();
        assert_eq!(cache.is_fresh(&key(1), &entry("body")), fresh, "{options:?}");
        assert_eq!(cache.is_offline(), options.offline);
    }
}

#[test]
fn without_a_cache_nothing_is_read_and_nothing_written() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).put(&key(1), &entry("body")).unwrap();
    let before = files(folder.path());
    let off = CacheOptions { no_cache: true, ..CacheOptions::default() };
    let cache = Cache::open(folder.path(), off.clone()).unwrap();
    assert_eq!(cache.get(&key(1)), None);
    cache.put(&key(2), &entry("body")).unwrap();
    cache.prune().unwrap();
    assert_eq!(files(folder.path()), before);
    let untouched = folder.path().join("untouched");
    Cache::open(&untouched, off).unwrap().put(&key(1), &entry("body")).unwrap();
    assert!(!untouched.exists());
    assert_eq!(Cache::none().get(&key(1)), None);
}

#[test]
fn a_folder_that_cannot_be_is_an_error_and_one_that_goes_is_none() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let error = Cache::open(&folder.path().join("file"), CacheOptions::default()).unwrap_err();
    assert_eq!(error.code(), "host.cache");
    let cache = open(&folder.path().join("gone"));
    cache.put(&key(1), &entry("body")).unwrap();
    fs::remove_dir_all(folder.path().join("gone")).unwrap();
    assert_eq!(cache.get(&key(1)), None);
    cache.put(&key(1), &entry("body")).unwrap();
    assert_eq!(cache.get(&key(1)), Some(entry("body")));
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let folder = tempfile::tempdir().unwrap();
    let body = |number: usize| format!("{number:0>10000}");
    let old = |path: &Path, days: u64| {
        let file = fs::File::options().append(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(days * 86_400)).unwrap();
    };
    let cache = open(folder.path());
    for number in 0..20 {
        let before = files(folder.path());
        cache.put(&key(number), &entry(&body(number))).unwrap();
        for path in files(folder.path()).iter().filter(|path| !before.contains(path)) {
            old(path, 100 - number as u64);
        }
    }
    assert_eq!(cache.get(&key(0)), Some(entry(&body(0))), "being read makes it young");
    let small = CacheOptions { max_bytes: 120_000, ..CacheOptions::default() };
    let cache = Cache::open(folder.path(), small).unwrap();
    let beside = files(folder.path())[0].with_file_name(".new-left");
    fs::write(&beside, "x").unwrap();
    old(&beside, 1);
    fs::write(folder.path().join("v1/mine"), vec![0; 200_000]).unwrap();
    cache.prune().unwrap();
    let left: Vec<usize> = (0..20).filter(|number| cache.get(&key(*number)).is_some()).collect();
    assert_eq!(left, [0, 13, 14, 15, 16, 17, 18, 19]);
    assert!(!beside.exists(), "what a crash has left goes");
    assert!(folder.path().join("v1/mine").exists(), "what is not ours stays");
}

#[test]
fn the_size_is_kept_while_writing() {
    let folder = tempfile::tempdir().unwrap();
    let cache =
        Cache::open(folder.path(), CacheOptions { max_bytes: 100_000, ..CacheOptions::default() }).unwrap();
    for number in 0..100 {
        cache.put(&key(number), &entry(&format!("{number:0>5000}"))).unwrap();
    }
    let total: u64 = files(folder.path()).iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!((20_000..120_000).contains(&total), "{total}");
    cache.put(&key(200), &entry(&"x".repeat(60_000))).unwrap();
    assert_eq!(cache.get(&key(200)), None, "one answer does not push out all others");
}

#[test]
fn a_header_that_never_ends_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    let huge = Entry { etag: Some("x".repeat(1 << 20)), ..entry("body") };
    assert!(cache.put(&key(1), &huge).is_err());
    assert_eq!(cache.get(&key(1)), None);
}

#[cfg(unix)]
#[test]
fn links_in_the_cache_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    cache.put(&key(1), &entry("body")).unwrap();
    let outside = folder.path().join("outside");
    for path in files(folder.path()) {
        fs::rename(&path, &outside).unwrap();
        std::os::unix::fs::symlink(&outside, &path).unwrap();
        assert_eq!(cache.get(&key(1)), None, "{path:?}");
        assert!(outside.exists());
        let _ = fs::remove_file(&path);
        cache.put(&key(1), &entry("body")).unwrap();
        assert_eq!(cache.get(&key(1)), Some(entry("body")));
    }
}

/// Names the folder for [`one_of_several_processes`], which does nothing without it.
const CHILD: &str = "FLUX_UPGRADE_TEST_CACHE";

/// What each process does: writes and reads the same keys, whose bodies tell their key.
fn work(folder: &Path, seed: usize) {
    let small = CacheOptions { max_bytes: 3_000_000, ..CacheOptions::default() };
    let cache = Cache::open(folder, small).unwrap();
    let body = |number: usize, turn: usize| format!("{number} {}", format!("{turn:0>50}").repeat(500));
    let mut hits = 0;
    for turn in 0..400 {
        let number = (turn * 7 + seed * 13) % 40;
        if let Some(found) = cache.get(&key(number)) {
            let text = String::from_utf8(found.body).unwrap();
            let start = format!("{number} ");
            assert!(
                text.starts_with(&start) && text.len() == start.len() + 25_000,
                "an answer of another key, or a part"
            );
            hits += 1;
        }
        cache.put(&key(number), &entry(&body(number, turn % 5))).unwrap();
    }
    assert!(hits > 0);
}

#[test]
fn one_of_several_processes() {
    if let Some(folder) = std::env::var_os(CHILD) {
        work(Path::new(&folder), std::process::id() as usize);
    }
}

#[test]
fn several_processes_and_threads_share_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut children: Vec<_> = (0..3)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "one_of_several_processes"])
                .env(CHILD, folder.path())
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    std::thread::scope(|scope| {
        for seed in 0..2 {
            let folder = folder.path();
            scope.spawn(move || work(folder, seed));
        }
    });
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert!(
        files(folder.path()).iter().all(|path| !path.to_string_lossy().contains(".new-")),
        "nothing is left beside"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_damaged_file_gives_nothing_or_what_was_put(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        how in 0..5_u8,
        byte in 1..=255_u8,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(folder.path());
        for number in 0..3 {
            cache.put(&key(number), &entry(&format!("body {number}"))).unwrap();
        }
        let all = files(folder.path());
        let path = which.get(&all);
        let mut bytes = fs::read(path).unwrap();
        let position = at.index(bytes.len());
        match how {
            0 => bytes[position] ^= byte,
            1 => bytes.truncate(position),
            2 => bytes.insert(position, byte),
            3 => bytes.clear(),
            _ => bytes = fs::read(at.get(&all)).unwrap(),
        }
        let is_same = bytes == fs::read(path).unwrap();
        fs::write(path, bytes).unwrap();
        let found: Vec<Option<Entry>> = (0..3).map(|number| cache.get(&key(number))).collect();
        let hurt = found.iter().filter(|entry| entry.is_none()).count();
        for (number, found) in found.into_iter().enumerate() {
            if let Some(found) = found {
                prop_assert_eq!(found, entry(&format!("body {number}")));
            }
        }
        prop_assert!(is_same || hurt == 1, "{} {}", how, hurt);
        for number in 0..3 {
            cache.put(&key(number), &entry(&format!("body {number}"))).unwrap();
            prop_assert!(cache.get(&key(number)).is_some(), "it heals");
        }
    }
}

#[test]
fn its_place_is_that_of_the_platform() {
    let home = std::env::temp_dir().join("home");
    let env = |rows: &[(&str, PathBuf)]| {
        rows.iter()
            .map(|(name, value)| ((*name).into(), value.clone().into_os_string()))
            .collect::<BTreeMap<_, _>>()
    };
    let own = std::env::temp_dir().join("own");
    assert_eq!(
        cache_folder(&env(&[("FLUX_UPGRADE_CACHE_DIR", own.clone())]), Some(&home)),
        Some(own.clone())
    );
    if cfg!(target_os = "linux") {
        let default = Some(home.join(".cache/flux-upgrade"));
        assert_eq!(cache_folder(&env(&[]), Some(&home)), default);
        assert_eq!(
            cache_folder(&env(&[("XDG_CACHE_HOME", own.clone())]), Some(&home)),
            Some(own.join("flux-upgrade"))
        );
        assert_eq!(
            cache_folder(&env(&[("XDG_CACHE_HOME", own.clone())]), None),
            Some(own.join("flux-upgrade"))
        );
        for relative in ["", "cache"] {
            let rows =
                env(&[("XDG_CACHE_HOME", relative.into()), ("FLUX_UPGRADE_CACHE_DIR", relative.into())]);
            assert_eq!(cache_folder(&rows, Some(&home)), default, "{relative:?}");
        }
    }
}
