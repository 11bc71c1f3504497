//! Branches and commits on real repositories, looked at with git itself.
#![cfg(feature = "native")]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs;
use std::path::Path;
use std::process::Command;

use flux_upgrade_core::RepoPath;
use flux_upgrade_core::host::{
    BranchState, Deliver, Delivery, Git, GitError, Limits, Push, Replacement, Repository, Signing, Wanted,
};
use flux_upgrade_core::time::Timestamp;
use tempfile::TempDir;

const APP: &str = "apps/app.yaml";
const OTHER: &str = "apps/other.yaml";

/// Whether git is there; says so where it is not.
fn has_git() -> bool {
    let found = Command::new("git").arg("--version").output().is_ok_and(|run| run.status.success());
    if !found {
        println!("skipped: git is not installed");
    }
    found
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let run = Command::new("git")
        .args(["-c", "user.name=A Human", "-c", "user.email=human@example.com", "-c", "commit.gpgSign=false"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(run.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap().trim_end().to_owned()
}

/// A repository with two files, an executable one, a link and a submodule's entry; and beside it a bare one as `origin`.
fn repository() -> (TempDir, std::path::PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("work");
    fs::create_dir_all(home.join("apps")).unwrap();
    git(&home, &["init", "-q", "-b", "main"]);
    fs::write(home.join(APP), "tag: 1.0.0\n").unwrap();
    fs::write(home.join(OTHER), "tag: 5.0.0\n").unwrap();
    fs::write(home.join("apps/run.yaml"), "tag: 1.0.0\n").unwrap();
    git(&home, &["add", "-A"]);
    git(&home, &["update-index", "--chmod=+x", "apps/run.yaml"]);
    let id = "0123456789012345678901234567890123456789";
    git(&home, &["update-index", "--add", "--cacheinfo", &format!("160000,{id},module")]);
    #[cfg(unix)]
    std::os::unix::fs::symlink("apps/app.yaml", home.join("link.yaml")).unwrap();
    #[cfg(unix)]
    git(&home, &["add", "link.yaml"]);
    git(&home, &["commit", "-q", "-m", "First"]);
    git(root.path(), &["init", "-q", "--bare", "-b", "main", "origin.git"]);
    git(&home, &["remote", "add", "origin", "../origin.git"]);
    git(&home, &["push", "-q", "origin", "main"]);
    (root, home)
}

fn how(repository: &Repository, remote: Option<&str>) -> Deliver {
    let base = if remote.is_some() { "refs/remotes/origin/main" } else { "refs/heads/main" };
    Deliver {
        base: repository.resolve(base).unwrap(),
        into: Some("main".to_owned()),
        prefix: "flux-upgrade/".to_owned(),
        remote: remote.map(str::to_owned),
        author: Some("Upgrade Bot <bot@example.com>".parse().unwrap()),
        signing: Signing::Never,
        now: Some(Timestamp::parse("2026-08-22T10:00:00Z").unwrap()),
    }
}

/// Delivers one text for each branch: `(branch, file, before, after, onto)`.
fn deliver(
    home: &Path,
    remote: Option<&str>,
    wanted: &[(&str, &str, &str, &str, Option<usize>)],
) -> Delivery {
    let repository = Repository::discover(home).unwrap();
    if let Some(remote) = remote {
        repository.fetch(remote, Some("main"), "flux-upgrade/", &Git::default()).unwrap();
    }
    let paths: Vec<RepoPath> = wanted.iter().map(|want| RepoPath::parse(want.1).unwrap()).collect();
    let wanted: Vec<Wanted<'_>> = wanted
        .iter()
        .zip(&paths)
        .map(|((name, _, before, after, onto), path)| Wanted {
            branch: format!("flux-upgrade/{name}"),
            onto: *onto,
            is_unsure: name.ends_with("-unsure"),
            message: format!("Update {name}\n\nIt is newer."),
            files: vec![Replacement { path, before, after }],
        })
        .collect();
    let delivery = repository.deliver(&wanted, &how(&repository, remote)).unwrap();
    if let Some(remote) = remote {
        let pushes: Vec<_> = delivery.branches.iter().filter_map(|branch| branch.push.clone()).collect();
        repository.push(remote, &pushes, &Git::default()).unwrap();
    }
    delivery
}

fn words(delivery: &Delivery) -> Vec<&'static str> {
    delivery.branches.iter().map(|branch| branch.state.word()).collect()
}

const ONE: (&str, &str, &str, &str, Option<usize>) = ("app", APP, "tag: 1.0.0\n", "tag: 1.1.0\n", None);
const TWO: (&str, &str, &str, &str, Option<usize>) = ("other", OTHER, "tag: 5.0.0\n", "tag: 5.1.0\n", None);

#[test]
fn a_branch_has_one_commit_and_nothing_else_moves() {
    if !has_git() {
        return;
    }
    let (_root, home) = repository();
    fs::write(home.join("apps/draft.yaml"), "mine\n").unwrap();
    git(&home, &["add", "apps/draft.yaml"]);
    fs::write(home.join(OTHER), "not committed\n").unwrap();
    let before = git(&home, &["status", "--porcelain=v2", "--branch"]);
    let delivery = deliver(&home, None, &[ONE, TWO]);
    assert_eq!(words(&delivery), ["created", "created"]);
    assert_eq!(git(&home, &["status", "--porcelain=v2", "--branch"]), before);
    let log = git(&home, &["log", "--format=%an <%ae> %aI|%s|%P", "-1", "flux-upgrade/app"]);
    let main = git(&home, &["rev-parse", "main"]);
    assert_eq!(
        log,
        format!("Upgrade Bot <bot@example.com> 2026-08-22T10:00:00Z|Update app|{main}")
            .replace('Z', "+00:00")
    );
    assert_eq!(
        git(&home, &["diff", "--raw", "--no-abbrev", "--name-status", "main", "flux-upgrade/app"]),
        format!("M\t{APP}")
    );
    assert_eq!(git(&home, &["show", &format!("flux-upgrade/app:{APP}")]), "tag: 1.1.0");
    let modes = |branch: &str| git(&home, &["ls-tree", "-r", "--format=%(objectmode) %(path)", branch]);
    assert_eq!(modes("main"), modes("flux-upgrade/app"));
    assert!(modes("main").contains("100755 apps/run.yaml") && modes("main").contains("160000 module"));
    git(&home, &["fsck", "--strict"]);
}

#[test]
fn again_nothing_moves_and_a_newer_version_moves_the_same_branch() {
    if !has_git() {
        return;
    }
    let (_root, home) = repository();
    let first = deliver(&home, Some("origin"), &[ONE, TWO]);
    let refs = |folder: &Path| git(folder, &["for-each-ref", "refs/heads"]);
    let bare = home.parent().unwrap().join("origin.git");
    let before = (refs(&home), refs(&bare));
    let again = deliver(&home, Some("origin"), &[ONE, TWO]);
    assert_eq!(words(&again), ["unchanged", "unchanged"]);
    assert_eq!((refs(&home), refs(&bare)), before);
    let newer = (ONE.0, ONE.1, ONE.2, "tag: 1.2.0\n", None);
    let moved = deliver(&home, Some("origin"), &[newer, TWO]);
    assert_eq!(words(&moved), ["moved", "unchanged"]);
    assert_ne!(moved.branches[0].tip, first.branches[0].tip);
    assert_eq!(git(&bare, &["rev-list", "--count", "main..flux-upgrade/app"]), "1");
    assert_eq!(git(&bare, &["show", &format!("flux-upgrade/app:{APP}")]), "tag: 1.2.0");
    let gone = deliver(&home, Some("origin"), &[TWO]);
    let names: Vec<_> = gone.obsolete.iter().map(|old| (old.branch.as_str(), old.is_ours)).collect();
    assert_eq!(names, [("flux-upgrade/app", true)]);
}

/// A fresh clone knows nothing of earlier runs but what the remote says.
#[test]
fn the_state_is_the_remote_s_also_from_a_shallow_clone() {
    if !has_git() {
        return;
    }
    let (root, home) = repository();
    deliver(&home, Some("origin"), &[ONE]);
    fs::write(home.join(OTHER), "tag: 5.0.1\n").unwrap();
    git(&home, &["commit", "-qam", "Elsewhere"]);
    git(&home, &["push", "-q", "origin", "main"]);
    let url = format!("file://{}", root.path().join("origin.git").display());
    git(root.path(), &["clone", "-q", "--depth", "1", &url, "fresh"]);
    let fresh = root.path().join("fresh");
    assert_eq!(words(&deliver(&fresh, Some("origin"), &[ONE])), ["unchanged"]);
    let newer = (ONE.0, ONE.1, ONE.2, "tag: 1.3.0\n", None);
    assert_eq!(words(&deliver(&fresh, Some("origin"), &[newer])), ["moved"]);
    let base = git(&fresh, &["rev-parse", "origin/main"]);
    assert_eq!(
        git(&fresh, &["rev-parse", "flux-upgrade/app^"]),
        base,
        "a new commit stands on the newest base"
    );
}

#[test]
fn a_branch_follows_the_base_only_where_it_must() {
    if !has_git() {
        return;
    }
    let (_root, home) = repository();
    deliver(&home, None, &[ONE]);
    fs::write(home.join(OTHER), "tag: 5.0.1\n").unwrap();
    git(&home, &["commit", "-qam", "Elsewhere"]);
    assert_eq!(words(&deliver(&home, None, &[ONE])), ["unchanged"]);
    fs::write(home.join(APP), "# a comment\ntag: 1.0.0\n").unwrap();
    git(&home, &["commit", "-qam", "The same file"]);
    let now = (ONE.0, ONE.1, "# a comment\ntag: 1.0.0\n", "# a comment\ntag: 1.1.0\n", None);
    assert_eq!(words(&deliver(&home, None, &[now])), ["moved"]);
    // Merged, and something newer comes out: the branch begins again.
    git(&home, &["merge", "-q", "--no-ff", "-m", "Merge", "flux-upgrade/app"]);
    let next = (ONE.0, ONE.1, "# a comment\ntag: 1.1.0\n", "# a comment\ntag: 1.2.0\n", None);
    assert_eq!(words(&deliver(&home, None, &[next])), ["moved"]);
    assert_eq!(git(&home, &["rev-list", "--count", "main..flux-upgrade/app"]), "1");
}

#[test]
fn what_somebody_has_committed_stays() {
    if !has_git() {
        return;
    }
    let newer = (ONE.0, ONE.1, ONE.2, "tag: 1.2.0\n", None);
    let changes: [&[&str]; 3] = [
        &["commit", "-q", "--allow-empty", "-m", "Fix what the upgrade broke"],
        &["commit", "-q", "--amend", "-m", "Our own words"],
        &["commit", "-q", "--amend", "--no-edit", "--no-verify", "--reset-author"],
    ];
    for change in changes {
        let (root, home) = repository();
        deliver(&home, Some("origin"), &[ONE]);
        git(root.path(), &["clone", "-q", "-b", "flux-upgrade/app", "origin.git", "human"]);
        let human = root.path().join("human");
        git(&human, change);
        git(&human, &["push", "-q", "--force", "origin", "HEAD"]);
        let theirs = git(&human, &["rev-parse", "HEAD"]);
        let delivery = deliver(&home, Some("origin"), &[newer]);
        assert!(matches!(&delivery.branches[0].state, BranchState::Kept { .. }), "{change:?}: {delivery:?}");
        let bare = root.path().join("origin.git");
        assert_eq!(git(&bare, &["rev-parse", "flux-upgrade/app"]), theirs);
    }
}

/// Somebody pushes between our look and our push: theirs stays.
#[test]
fn a_push_never_goes_over_what_was_not_seen() {
    if !has_git() {
        return;
    }
    let (root, home) = repository();
    let first = deliver(&home, Some("origin"), &[ONE]);
    git(root.path(), &["clone", "-q", "-b", "flux-upgrade/app", "origin.git", "human"]);
    let human = root.path().join("human");
    git(&human, &["commit", "-q", "--allow-empty", "-m", "Theirs"]);
    git(&human, &["push", "-q", "origin", "HEAD"]);
    let repository = Repository::discover(&home).unwrap();
    let push = Push {
        branch: "flux-upgrade/app".to_owned(),
        old: first.branches[0].tip,
        new: repository.resolve("main").unwrap(),
        onto: None,
    };
    let above =
        Push { branch: "flux-upgrade/above".into(), old: None, onto: Some(push.branch.clone()), ..push };
    let beside = Push { branch: "flux-upgrade/beside".into(), onto: None, ..above.clone() };
    let left = repository.push("origin", &[push, above, beside.clone()], &Git::default()).unwrap();
    let left: Vec<_> =
        left.iter().map(|left| (left.branch.as_str(), left.is_stale, left.why.as_str())).collect();
    assert_eq!(
        left,
        [
            ("flux-upgrade/app", true, "`origin` has moved it since it was looked at: stale info"),
            ("flux-upgrade/above", true, "flux-upgrade/app, which it stands on, was not pushed"),
        ]
    );
    let bare = root.path().join("origin.git");
    assert_eq!(git(&bare, &["rev-parse", "flux-upgrade/app"]), git(&human, &["rev-parse", "HEAD"]));
    assert!(!git(&bare, &["branch", "--list", "flux-upgrade/beside"]).is_empty());
    let error = repository.push("nowhere", &[beside], &Git::default()).unwrap_err();
    assert!(matches!(error, GitError::Program { .. }), "{error}");
}

#[test]
fn a_branch_can_stand_on_another() {
    if !has_git() {
        return;
    }
    let (_root, home) = repository();
    let below = ONE;
    let above = ("stacked", APP, "tag: 1.1.0\n", "tag: 1.1.0 # twice\n", Some(0));
    assert_eq!(words(&deliver(&home, None, &[below, above])), ["created", "created"]);
    assert_eq!(
        git(&home, &["rev-parse", "flux-upgrade/stacked^"]),
        git(&home, &["rev-parse", "flux-upgrade/app"])
    );
    assert_eq!(words(&deliver(&home, None, &[below, above])), ["unchanged", "unchanged"]);
    // What it stands on is merged as one commit of its own: it no longer stands on it.
    git(&home, &["merge", "-q", "--squash", "flux-upgrade/app"]);
    git(&home, &["commit", "-qm", "Squashed"]);
    let alone = (above.0, APP, above.2, above.3, None);
    assert_eq!(words(&deliver(&home, None, &[alone])), ["moved"]);
    assert_eq!(git(&home, &["rev-list", "--count", "main..flux-upgrade/stacked"]), "1");
}

/// A run that does not know what a branch has to stand on leaves it on what it stands on, as long as that is there.
#[test]
fn a_branch_whose_order_is_not_known_stays_on_another() {
    if !has_git() {
        return;
    }
    let (_root, home) = repository();
    let above = |onto, to| ("above-unsure", OTHER, "tag: 5.0.0\n", to, onto);
    let all = deliver(&home, Some("origin"), &[ONE, above(Some(0), "tag: 5.1.0\n")]);
    let stays = deliver(&home, Some("origin"), &[above(None, "tag: 5.2.0\n")]);
    assert_eq!((words(&stays), stays.branches[0].tip), (vec!["waits"], all.branches[1].tip));
    let why = "it stands on flux-upgrade/app, of which this run knows nothing".to_owned();
    assert_eq!(stays.branches[0].state, BranchState::Waits { why });
    // What stands on one that waits does so too.
    let third = ("third", APP, "tag: 1.0.0\n", "tag: 1.5.0\n", Some(0));
    let both = deliver(&home, Some("origin"), &[above(None, "tag: 5.2.0\n"), third]);
    assert_eq!(words(&both), ["waits", "waits"]);
    // Merged as one commit of its own, and deleted: there is nothing left to stand on.
    git(&home, &["merge", "-q", "--squash", "flux-upgrade/app"]);
    git(&home, &["commit", "-qm", "Squashed"]);
    git(&home, &["push", "-q", "origin", "main", ":flux-upgrade/app"]);
    assert_eq!(words(&deliver(&home, Some("origin"), &[above(None, "tag: 5.2.0\n")])), ["moved"]);
    assert_eq!(words(&deliver(&home, Some("origin"), &[above(None, "tag: 5.3.0\n")])), ["moved"]);
}

/// Somebody has changed the branch below so that ours does not fit it: that is theirs to finish, and no error.
#[test]
fn a_branch_waits_for_what_somebody_has_made_of_the_one_below() {
    if !has_git() {
        return;
    }
    let (root, home) = repository();
    let above = ("stacked", APP, "tag: 1.1.0\n", "tag: 1.1.0 # twice\n", Some(0));
    deliver(&home, Some("origin"), &[ONE, above]);
    git(root.path(), &["clone", "-q", "-b", "flux-upgrade/app", "origin.git", "human"]);
    let human = root.path().join("human");
    fs::write(human.join(APP), "tag: 1.1.0-hotfix\n").unwrap();
    git(&human, &["commit", "-qam", "Mine"]);
    git(&human, &["push", "-q", "origin", "HEAD"]);
    let delivery = deliver(&home, Some("origin"), &[ONE, above]);
    assert_eq!(words(&delivery), ["kept", "waits"]);
    let why = "it stands on flux-upgrade/app, which has a commit of A Human".to_owned();
    assert_eq!(delivery.branches[1].state, BranchState::Waits { why });
}

/// What a partial clone has left at its remote is brought when it is read.
#[test]
fn a_partial_clone_does_what_a_whole_one_does() {
    if !has_git() {
        return;
    }
    let (root, home) = repository();
    let above = ("stacked", APP, "tag: 1.1.0\n", "tag: 1.1.0 # twice\n", Some(0));
    deliver(&home, Some("origin"), &[ONE, above]);
    let bare = root.path().join("origin.git");
    git(&bare, &["config", "uploadpack.allowFilter", "true"]);
    for filter in ["blob:none", "tree:0"] {
        let folder = filter.replace(':', "-");
        let (filter, url) = (format!("--filter={filter}"), format!("file://{}", bare.display()));
        git(root.path(), &["clone", "-q", "--no-checkout", &filter, &url, &folder]);
        let fresh = root.path().join(folder);
        let repository = Repository::discover(&fresh).unwrap();
        let tree = repository.read(repository.resolve("main").unwrap(), &Limits::default()).unwrap();
        assert_eq!(tree.files.len(), 3, "{filter}");
        assert_eq!(
            words(&deliver(&fresh, Some("origin"), &[ONE, above])),
            ["unchanged", "unchanged"],
            "{filter}"
        );
        let newer = (ONE.0, ONE.1, ONE.2, "tag: 1.2.0\n", None);
        assert_eq!(words(&deliver(&fresh, Some("origin"), &[newer])), ["moved"], "{filter}");
        assert_eq!(
            words(&deliver(&fresh, Some("origin"), &[ONE, above])),
            ["moved", "unchanged"],
            "{filter}"
        );
    }
}

#[test]
fn a_mirror_pushes_our_branches_alone() {
    if !has_git() {
        return;
    }
    let (root, home) = repository();
    git(root.path(), &["clone", "-q", "--mirror", "origin.git", "mirror.git"]);
    git(&home, &["push", "-q", "origin", "main:refs/heads/later"]);
    assert_eq!(words(&deliver(&root.path().join("mirror.git"), Some("origin"), &[ONE])), ["created"]);
    let all = git(&root.path().join("origin.git"), &["branch", "--format=%(refname:short)"]);
    assert_eq!(all, "flux-upgrade/app\nlater\nmain");
}

#[test]
fn a_repository_of_sha256_is_read_and_written() {
    if !has_git() {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("work");
    fs::create_dir_all(home.join("apps")).unwrap();
    git(&home, &["init", "-q", "-b", "main", "--object-format=sha256"]);
    fs::write(home.join(APP), "tag: 1.0.0\n").unwrap();
    git(&home, &["add", "-A"]);
    git(&home, &["commit", "-q", "-m", "First"]);
    git(root.path(), &["init", "-q", "--bare", "-b", "main", "--object-format=sha256", "origin.git"]);
    git(&home, &["remote", "add", "origin", "../origin.git"]);
    git(&home, &["push", "-q", "origin", "main"]);
    let first = deliver(&home, Some("origin"), &[ONE]);
    assert_eq!(words(&first), ["created"]);
    assert_eq!(
        git(&home, &["rev-parse", "origin/flux-upgrade/app"]),
        first.branches[0].tip.unwrap().to_string()
    );
    assert_eq!(words(&deliver(&home, Some("origin"), &[ONE])), ["unchanged"]);
    git(&home, &["fsck", "--strict"]);
}

/// In a container the files may be another's, and git takes no configuration from there: that is what is to be said.
#[test]
fn a_repository_of_another_owner_is_told_as_git_tells_it() {
    if !has_git() {
        return;
    }
    let (_root, home) = repository();
    let repository = Repository::discover(&home).unwrap();
    let variables = [("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let error = repository.ask_remote("origin", "flux-upgrade/", &Git { variables }).unwrap_err().to_string();
    assert!(error.contains("dubious ownership") && error.contains("safe.directory"), "{error}");
}

#[test]
fn a_broken_repository_is_told_as_one() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(Repository::discover(root.path()).unwrap_err().code(), "git.no-repository");
    fs::create_dir(root.path().join(".git")).unwrap();
    assert_eq!(Repository::discover(root.path()).unwrap_err().code(), "git.failed");
}

#[test]
fn a_branch_that_is_checked_out_is_left() {
    if !has_git() {
        return;
    }
    let (_root, home) = repository();
    deliver(&home, None, &[ONE]);
    git(&home, &["worktree", "add", "-q", "../beside", "flux-upgrade/app"]);
    let newer = (ONE.0, ONE.1, ONE.2, "tag: 1.2.0\n", None);
    let delivery = deliver(&home, None, &[newer, TWO]);
    assert_eq!(words(&delivery), ["checked out", "created"]);
    let above = ("above", OTHER, "tag: 5.0.0\n", "tag: 5.1.0\n", Some(0));
    assert_eq!(words(&deliver(&home, None, &[newer, above])), ["checked out", "waits"]);
    assert_eq!(git(&home.parent().unwrap().join("beside"), &["status", "--porcelain"]), "");
    // At the remote it moves all the same.
    let here = git(&home, &["rev-parse", "flux-upgrade/app"]);
    assert_eq!(words(&deliver(&home, Some("origin"), &[newer, TWO])), ["created", "created"]);
    assert_eq!(git(&home, &["rev-parse", "flux-upgrade/app"]), here);
    assert_eq!(git(&home, &["show", &format!("origin/flux-upgrade/app:{APP}")]), "tag: 1.2.0");
    assert_eq!(words(&deliver(&home, Some("origin"), &[newer, TWO])), ["unchanged", "unchanged"]);
}

#[test]
fn a_bare_repository_and_a_folder_below_the_top_are_read_and_written() {
    if !has_git() {
        return;
    }
    let (root, home) = repository();
    let bare = root.path().join("origin.git");
    let repository = Repository::discover(&bare).unwrap();
    assert_eq!(repository.head_branch().as_deref(), Some("main"));
    let tree = repository.read(repository.resolve("main").unwrap(), &Limits::default()).unwrap();
    let names: Vec<_> = tree.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(names, [APP, OTHER, "apps/run.yaml"], "without the link and the submodule");
    assert_eq!(words(&deliver(&bare, None, &[ONE])), ["created"]);
    assert_eq!(git(&bare, &["show", &format!("flux-upgrade/app:{APP}")]), "tag: 1.1.0");

    let below = home.join("apps");
    let repository = Repository::discover(&below).unwrap();
    let tree = repository.read(repository.resolve("main").unwrap(), &Limits::default()).unwrap();
    assert_eq!(tree.files[0].path.as_str(), "app.yaml");
    let path = ("app", "app.yaml", "tag: 1.0.0\n", "tag: 1.1.0\n", None);
    assert_eq!(words(&deliver(&below, None, &[path])), ["created"]);
    assert_eq!(git(&home, &["show", &format!("flux-upgrade/app:{APP}")]), "tag: 1.1.0");
}

#[test]
fn a_file_that_is_not_what_was_planned_refuses_its_branch_alone() {
    if !has_git() {
        return;
    }
    let (_root, home) = repository();
    let stale = ("stale", APP, "tag: 0.9.0\n", "tag: 1.1.0\n", None);
    let onto = ("above", OTHER, "tag: 5.0.0\n", "tag: 5.1.0\n", Some(0));
    assert_eq!(words(&deliver(&home, None, &[stale, onto, TWO])), ["refused", "waits", "created"]);
    assert!(git(&home, &["branch", "--list", "flux-upgrade/stale"]).is_empty());
}

#[test]
fn a_lock_that_was_left_is_told_and_nothing_moves() {
    if !has_git() {
        return;
    }
    let (_root, home) = repository();
    let lock = home.join(".git/refs/heads/flux-upgrade/app.lock");
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    fs::write(&lock, "").unwrap();
    let repository = Repository::discover(&home).unwrap();
    let path = RepoPath::parse(APP).unwrap();
    let wanted = Wanted {
        branch: "flux-upgrade/app".to_owned(),
        onto: None,
        is_unsure: false,
        message: "Update".to_owned(),
        files: vec![Replacement { path: &path, before: ONE.2, after: ONE.3 }],
    };
    let error = repository.deliver(std::slice::from_ref(&wanted), &how(&repository, None)).unwrap_err();
    assert_eq!(error.code(), "git.references", "{error}");
    fs::remove_file(lock).unwrap();
    assert_eq!(words(&repository.deliver(&[wanted], &how(&repository, None)).unwrap()), ["created"]);
}

/// Signs with what git's configuration names, and has git verify it.
#[test]
fn commits_are_signed_with_the_configured_program() {
    if !has_git() {
        return;
    }
    let (root, home) = repository();
    let key = root.path().join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "bot", "-f"])
        .arg(&key)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: ssh-keygen is not installed");
        return;
    }
    let public = fs::read_to_string(key.with_extension("pub")).unwrap();
    let allowed = root.path().join("allowed");
    fs::write(&allowed, format!("bot@example.com {public}")).unwrap();
    git(&home, &["config", "user.name", "Upgrade Bot"]);
    git(&home, &["config", "user.email", "bot@example.com"]);
    git(&home, &["config", "gpg.format", "ssh"]);
    git(&home, &["config", "user.signingKey", key.to_str().unwrap()]);
    git(&home, &["config", "gpg.ssh.allowedSignersFile", allowed.to_str().unwrap()]);
    let repository = Repository::discover(&home).unwrap();
    let path = RepoPath::parse(APP).unwrap();
    let wanted = Wanted {
        branch: "flux-upgrade/app".to_owned(),
        onto: None,
        is_unsure: false,
        message: "Update".to_owned(),
        files: vec![Replacement { path: &path, before: ONE.2, after: ONE.3 }],
    };
    let unsigned = repository.deliver(std::slice::from_ref(&wanted), &how(&repository, None)).unwrap();
    let how = Deliver { signing: Signing::Always, ..how(&repository, None) };
    let first = repository.deliver(std::slice::from_ref(&wanted), &how).unwrap();
    assert_eq!(
        (words(&unsigned), words(&first)),
        (vec!["created"], vec!["moved"]),
        "what was not signed is now"
    );
    git(&home, &["verify-commit", "flux-upgrade/app"]);
    let again = repository.deliver(&[wanted], &how).unwrap();
    assert_eq!((words(&again), again.branches[0].tip), (vec!["unchanged"], first.branches[0].tip));
    git(&home, &["config", "user.signingKey", "/nowhere/key"]);
    let path = RepoPath::parse(OTHER).unwrap();
    let wanted = Wanted {
        branch: "flux-upgrade/other".to_owned(),
        onto: None,
        is_unsure: false,
        message: "Update".to_owned(),
        files: vec![Replacement { path: &path, before: TWO.2, after: TWO.3 }],
    };
    let error = Repository::discover(&home).unwrap().deliver(&[wanted], &how).unwrap_err();
    assert_eq!(error.code(), "git.signing", "{error}");
    assert!(git(&home, &["branch", "--list", "flux-upgrade/other"]).is_empty());
}

/// A program in the repository's folder, so that it needs no environment.
#[cfg(unix)]
fn program(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// One signed branch, and the same again without a new signature.
#[cfg(unix)]
fn deliver_signed(home: &Path) {
    let repository = Repository::discover(home).unwrap();
    let path = RepoPath::parse(APP).unwrap();
    let wanted = Wanted {
        branch: "flux-upgrade/app".to_owned(),
        onto: None,
        is_unsure: false,
        message: "Update".to_owned(),
        files: vec![Replacement { path: &path, before: ONE.2, after: ONE.3 }],
    };
    let how = Deliver { signing: Signing::Configured, ..how(&repository, None) };
    let first = repository.deliver(std::slice::from_ref(&wanted), &how).unwrap();
    let again = repository.deliver(&[wanted], &how).unwrap();
    assert_eq!((words(&again), again.branches[0].tip), (vec!["unchanged"], first.branches[0].tip));
}

#[cfg(unix)]
#[test]
fn commits_are_signed_with_openpgp() {
    if !has_git() {
        return;
    }
    let (root, home) = repository();
    let keys = root.path().join("keys");
    let gpg = root.path().join("gpg.sh");
    program(&gpg, &format!("#!/bin/sh\nexec gpg --homedir '{}' \"$@\"\n", keys.display()));
    fs::create_dir(&keys).unwrap();
    fs::set_permissions(&keys, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let user = "Upgrade Bot <bot@example.com>";
    let arguments =
        ["--batch", "--quiet", "--passphrase", "", "--quick-gen-key", user, "ed25519", "sign", "1d"];
    let made = Command::new(&gpg).args(arguments).output().unwrap();
    if !made.status.success() {
        let why = String::from_utf8_lossy(&made.stderr);
        println!("skipped: no key of gpg could be made: {}", why.lines().last().unwrap_or_default());
        return;
    }
    git(&home, &["config", "gpg.program", gpg.to_str().unwrap()]);
    git(&home, &["config", "user.name", "Upgrade Bot"]);
    git(&home, &["config", "user.email", "bot@example.com"]);
    git(&home, &["config", "user.signingKey", "bot@example.com"]);
    git(&home, &["config", "commit.gpgSign", "true"]);
    deliver_signed(&home);
    git(&home, &["verify-commit", "flux-upgrade/app"]);
    let status = git(&home, &["log", "-1", "--format=%G? %GS", "flux-upgrade/app"]);
    Command::new("gpgconf").arg("--homedir").arg(&keys).args(["--kill", "all"]).status().unwrap();
    assert_eq!(status, format!("G {user}"));
}

/// What the program of `gpg.x509.program` is given is what git gives it.
#[cfg(unix)]
#[test]
fn commits_are_signed_with_the_program_of_x509() {
    if !has_git() {
        return;
    }
    let (root, home) = repository();
    let (gpgsm, seen) = (root.path().join("gpgsm.sh"), root.path().join("seen"));
    program(
        &gpgsm,
        &format!(
            "#!/bin/sh\necho \"$@\" > '{seen}'\ncat > '{seen}.text'\nprintf '\\n[GNUPG:] SIG_CREATED D\\n' >&2\n\
             printf -- '-----BEGIN SIGNED MESSAGE-----\\nc2lnbmVk\\n-----END SIGNED MESSAGE-----\\n'\n",
            seen = seen.display()
        ),
    );
    git(&home, &["config", "gpg.format", "x509"]);
    git(&home, &["config", "gpg.x509.program", gpgsm.to_str().unwrap()]);
    git(&home, &["config", "user.signingKey", "0xBEEF"]);
    git(&home, &["config", "commit.gpgSign", "true"]);
    deliver_signed(&home);
    let ours = fs::read_to_string(&seen).unwrap();
    let signed = git(&home, &["cat-file", "commit", "flux-upgrade/app"]) + "\n";
    let header = "gpgsig -----BEGIN SIGNED MESSAGE-----\n c2lnbmVk\n -----END SIGNED MESSAGE-----\n";
    assert!(signed.contains(header), "{signed}");
    assert_eq!(fs::read_to_string(root.path().join("seen.text")).unwrap(), signed.replace(header, ""));
    git(&home, &["commit", "-q", "-S", "--allow-empty", "-m", "By git"]);
    assert_eq!(ours, fs::read_to_string(&seen).unwrap());
}

/// Where git goes may be another address than the one that stands there.
#[test]
fn a_remote_is_told_as_it_stands_and_as_git_rewrites_it() {
    if !has_git() {
        return;
    }
    let (_root, home) = repository();
    git(&home, &["remote", "set-url", "origin", "work:acme/fleet.git"]);
    git(&home, &["config", "url.git@github.com:.insteadOf", "work:"]);
    let repository = Repository::discover(&home).unwrap();
    assert_eq!(repository.remote_url("origin").as_deref(), Some("work:acme/fleet.git"));
    assert_eq!(repository.rewritten_url("origin").as_deref(), Some("git@github.com:acme/fleet.git"));
    assert_eq!(repository.rewritten_url("none"), None);
}
