//! When tags of git were made, asked of git's own servers, and judged by git.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use flux_upgrade_core::resolve::{Answer, Ask, Snapshot};
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::{RepoPath, SourceFile, locate, plan, resolve, scan};

use super::real::{git, has, http_backend};
use super::{Setup, Source, outcomes, repository};

/// Commits a day apart, tagged plainly and with tags of their own, which are made ten days later.
fn dated(folder: &Path) -> PathBuf {
    let (work, place) = (folder.join("work"), folder.join("srv/app.git"));
    fs::create_dir_all(&place).unwrap();
    git(folder, &["init", "-q", "-b", "main", work.to_str().unwrap()]);
    let at = |day: u32, arguments: &[&str]| {
        let date = format!("2026-05-{day:02}T12:00:00Z");
        let done = Command::new("git")
            .current_dir(&work)
            .args(["-c", "user.name=x", "-c", "user.email=x@example.com"])
            .args(arguments)
            .envs([("GIT_COMMITTER_DATE", &date), ("GIT_AUTHOR_DATE", &date)])
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    for (day, version) in [(1, "1.0.0"), (2, "1.1.0"), (3, "1.2.0"), (4, "1.3.0")] {
        fs::write(work.join("file"), version.repeat(5000)).unwrap();
        at(day, &["add", "."]);
        at(day, &["commit", "-q", "-m", version]);
        match version {
            "1.0.0" | "1.2.0" => at(day, &["tag", version]),
            _ => at(day + 10, &["tag", "-a", "-m", "x", version]),
        }
    }
    git(folder, &["clone", "-q", "--bare", work.to_str().unwrap(), place.to_str().unwrap()]);
    place
}

/// What git says: seconds of the tagger, else of the committer.
fn judged(place: &Path) -> BTreeMap<String, i64> {
    let form = "--format=%(refname) %(creatordate:unix)";
    let listed = git(place, &["for-each-ref", form, "refs/tags"]);
    let pair = |line: &str| line.split_once(' ').map(|(name, time)| (name.to_owned(), time.parse().unwrap()));
    listed.lines().filter_map(pair).collect()
}

fn dates(setup: &Setup, url: &str) -> BTreeMap<String, i64> {
    let Ok(Answer::Refs(refs)) = setup.ask(Ask::Refs { url: url.to_owned() }) else { panic!("{url}") };
    let tags = refs.into_iter().filter(|found| found.text.starts_with("refs/tags/"));
    let refs = tags.map(|found| (found.text, found.tag_object.or(found.digest).unwrap())).collect();
    match setup.ask(Ask::Dates { url: url.to_owned(), refs }) {
        Ok(Answer::Dates(dates)) => dates.into_iter().map(|(name, time)| (name, time.seconds())).collect(),
        other => panic!("{url}: {other:?}"),
    }
}

#[test]
fn each_road_says_what_git_says() {
    if !has("git") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let place = dated(folder.path());
    let expected = judged(&place);
    assert_eq!(expected.len(), 4);
    let server = http_backend(folder.path().join("srv"), true);
    let url = format!("http://{}/app.git", server.authority());
    for filter in ["true", "false"] {
        git(&place, &["config", "uploadpack.allowFilter", filter]);
        assert_eq!(dates(&Setup::default(), &url), expected, "filter: {filter}");
    }
    let old = http_backend(folder.path().join("srv"), false);
    assert_eq!(dates(&Setup::default(), &format!("http://{}/app.git", old.authority())), BTreeMap::new());

    let mut files = Setup::default();
    files.options.files = true;
    assert_eq!(dates(&files, &format!("file://{}", place.display())), expected);

    let ssh = folder.path().join("ssh");
    super::places::script(&ssh, "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nexec sh -c \"$3\"\n");
    let mut setup = Setup::default();
    setup.options.ssh = Some(ssh.display().to_string());
    assert_eq!(dates(&setup, &format!("ssh://git@127.0.0.1{}", place.display())), expected);
}

#[test]
fn ages_of_tags_are_asked_for_where_a_rule_wants_them() {
    if !has("git") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let place = dated(folder.path());
    git(&place, &["config", "uploadpack.allowFilter", "true"]);
    let server = http_backend(folder.path().join("srv"), true);
    let url = format!("http://{}/app.git", server.authority());
    let text = repository(&[("app", Source::Git(&url)), ("twin", Source::Git(&url))]);
    let path = RepoPath::parse("apps.yaml").unwrap();
    let planned = |as_of: Option<&str>| {
        let mut setup = Setup::default();
        if let Some(day) = as_of {
            let overrides = flux_upgrade_core::rules::Overrides {
                as_of: Some(day.parse().unwrap()),
                ..Default::default()
            };
            setup.rules = Rules::default().with(overrides).unwrap();
        }
        let before = server.seen().len();
        let (live, recording) = setup.plan(&text);
        let asked = server.seen().len() - before;
        let snapshot = Snapshot::parse(&recording.to_json(None)).unwrap();
        let files = [SourceFile { path: path.clone(), text: text.clone() }];
        let inventory = scan(&files);
        let sites = locate(&inventory);
        let resolution = resolve::offline(&sites, &setup.rules, Some(&snapshot));
        assert_eq!(plan(&inventory, sites, &resolution, &setup.rules), live, "replayed");
        let found = outcomes(&live);
        assert_eq!(found["app"], found["twin"]);
        (found["app"].clone(), asked)
    };
    assert_eq!(planned(None), ("1.3.0".to_owned(), 2));
    // All that is newer is asked about in one question: the tag 1.3.0 is of the 14th, 1.1.0 of the 12th.
    assert_eq!(planned(Some("2026-05-13")), ("1.2.0".to_owned(), 4));
    assert_eq!(planned(Some("2026-05-14T13:00:00Z")), ("1.3.0".to_owned(), 4));
    assert_eq!(planned(Some("2026-05-02")).0, "up to date");
}
