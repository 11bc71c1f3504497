//! `apply --commit --push --pull-request` on repositories on disk and a forge of ours.
#![allow(clippy::unwrap_used, clippy::print_stdout, dead_code)]

#[path = "../../flux-upgrade-core/tests/forge/fake.rs"]
mod fake;
#[path = "../../flux-upgrade-core/tests/live/server.rs"]
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fake::{Fake, Kind, TOKEN};
use flux_upgrade_cli::{Env, run};
use tempfile::TempDir;

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
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

/// The example's files in a repository, with a bare one as `origin`; its answers beside them.
struct Fleet {
    root: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Fleet {
    /// `None`, said so, where there is no git.
    fn new() -> Option<Self> {
        if !Command::new("git").arg("--version").output().is_ok_and(|run| run.status.success()) {
            println!("skipped: git is not installed");
            return None;
        }
        let root = tempfile::tempdir().unwrap();
        let fleet = Self { root, variables: Vec::new() };
        copy(&project().join("examples/fleet"), &fleet.work());
        fs::copy(project().join("examples/fleet.registry.json"), fleet.registry()).unwrap();
        git(&fleet.work(), &["init", "-q", "-b", "main"]);
        git(&fleet.work(), &["add", "-A"]);
        git(&fleet.work(), &["commit", "-q", "-m", "First"]);
        git(fleet.root.path(), &["init", "-q", "--bare", "-b", "main", "origin.git"]);
        git(&fleet.work(), &["remote", "add", "origin", fleet.bare().to_str().unwrap()]);
        git(&fleet.work(), &["push", "-q", "origin", "main"]);
        Some(fleet)
    }

    /// The remote by the name that a forge would have for it, and its token.
    fn on_forge(&mut self) {
        let url = "git@git.example.com:acme/fleet.git";
        git(&self.work(), &["config", &format!("url.{}.insteadOf", self.bare().display()), url]);
        git(&self.work(), &["remote", "set-url", "origin", url]);
        self.variables.extend([("GH_TOKEN", String::new()), ("GITHUB_TOKEN", TOKEN.to_owned())]);
    }

    fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    fn bare(&self) -> PathBuf {
        self.root.path().join("origin.git")
    }

    fn registry(&self) -> PathBuf {
        self.root.path().join("fleet.registry.json")
    }

    /// A newer release comes out.
    fn publish(&self, old: &str, new: &str) {
        let text = fs::read_to_string(self.registry()).unwrap();
        assert!(text.contains(old), "{old} is published");
        fs::write(self.registry(), text.replace(old, new)).unwrap();
    }

    /// Rules on the base.
    fn rule(&self, text: &str) {
        fs::write(self.work().join(".flux-upgrade.yaml"), format!("version: 1\n{text}\n")).unwrap();
        git(&self.work(), &["add", "-A"]);
        git(&self.work(), &["commit", "-q", "-m", "Rules"]);
        git(&self.work(), &["push", "-q", "origin", "main"]);
    }

    fn apply(&self, arguments: &[&str]) -> Ran {
        self.apply_in("work", arguments)
    }

    fn apply_in(&self, folder: &str, arguments: &[&str]) -> Ran {
        let mut variables = Env::of_process().variables;
        variables.extend(self.variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let env = Env {
            folder: self.root.path().join(folder),
            now: Some(1_787_356_800),
            variables,
            ..Env::default()
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let fixed = ["flux-upgrade", "apply", ".", "--offline", "../fleet.registry.json"];
        let fixed =
            fixed.iter().chain(&["--commit", "--author", "Upgrade Bot <bot@example.com>", "--sign=false"]);
        let code = run(fixed.chain(arguments).map(Into::into), &mut out, &mut err, &env);
        Ran { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn refs(folder: &Path) -> String {
    git(folder, &["for-each-ref", "refs/heads"])
}

/// A line of the table without its commit, which depends on the example's every byte.
fn without_commit(line: &str) -> String {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    if words.len() > 2 {
        words.remove(2);
    }
    words.join(" ")
}

/// The page's example, and the steps that its text tells.
#[test]
fn the_page_shows_what_happens() {
    let Some(fleet) = Fleet::new() else { return };
    let page = fs::read_to_string(project().join("docs/delivery.md")).unwrap();
    let blocks: Vec<&str> =
        page.split("```text\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let before = git(&fleet.work(), &["status", "--porcelain=v2", "--branch"]);
    let ran = fleet.apply(&["--push"]);
    assert_eq!(
        (ran.code, git(&fleet.work(), &["status", "--porcelain=v2", "--branch"])),
        (0, before),
        "{}",
        ran.err
    );
    let lines: Vec<String> = ran.out.lines().map(without_commit).collect();
    for line in blocks[0].lines().map(without_commit) {
        assert!(lines.contains(&line), "`{line}` is in\n{}", ran.out);
    }
    let branches = |text: &str| text.lines().filter(|line| line.starts_with("flux-upgrade/")).count();
    assert_eq!(branches(&ran.out) - branches(blocks[0]), 12, "and twelve more");
    let message = git(&fleet.bare(), &["log", "-1", "--format=%B", "flux-upgrade/podinfo"]);
    let seal = |text: &str| text.split("Flux-Upgrade-Seal: ").next().unwrap().trim().to_owned();
    assert_eq!(seal(&message), seal(blocks[1]));
    assert_eq!(refs(&fleet.work()), refs(&fleet.bare()));

    let first = refs(&fleet.bare());
    let again = fleet.apply(&["--push"]);
    assert_eq!((again.code, refs(&fleet.bare())), (0, first), "{}", again.err);
    let mut rows = again.out.lines().filter(|line| line.starts_with("flux-upgrade/"));
    assert!(rows.all(|line| line.contains(" unchanged ")), "{}", again.out);

    fleet.publish("6.9.1", "6.9.2");
    let moved = fleet.apply(&["--push"]);
    let now: Vec<_> = moved.out.lines().filter(|line| line.contains(" moved ")).map(without_commit).collect();
    assert_eq!(now, ["flux-upgrade/podinfo moved Update podinfo to 6.9.2"]);
    assert_eq!(git(&fleet.bare(), &["rev-list", "--count", "main..flux-upgrade/podinfo"]), "1");

    git(fleet.root.path(), &["clone", "-q", "-b", "flux-upgrade/podinfo", "origin.git", "human"]);
    let human = fleet.root.path().join("human");
    git(&human, &["commit", "-q", "--allow-empty", "-m", "Mine"]);
    git(&human, &["push", "-q", "origin", "HEAD"]);
    fleet.publish("6.9.2", "6.9.3");
    let kept = fleet.apply(&["--push"]);
    assert_eq!(kept.code, 0);
    assert!(kept.out.contains("it has a commit of A Human, and stays as it is"), "{}", kept.out);
    let theirs = git(&human, &["rev-parse", "HEAD"]);
    assert_eq!(git(&fleet.bare(), &["rev-parse", "flux-upgrade/podinfo"]), theirs);
}

/// Merged, one group is gone and the others stay; what cannot be known is not taken for gone.
#[test]
fn what_is_merged_becomes_obsolete() {
    let Some(fleet) = Fleet::new() else { return };
    fleet.apply(&["--push"]);
    git(&fleet.work(), &["merge", "-q", "--squash", "flux-upgrade/podinfo"]);
    git(&fleet.work(), &["commit", "-qm", "Merged"]);
    git(&fleet.work(), &["push", "-q", "origin", "main"]);
    let part = fleet.apply(&["--push", "--only", "apps/base/backup/**"]);
    assert!(!part.out.contains("obsolete") && part.err.contains("left alone"), "{}{}", part.out, part.err);
    let ran = fleet.apply(&["--push"]);
    let states: Vec<String> = ran
        .out
        .lines()
        .skip(1)
        .filter(|line| line.starts_with("flux-upgrade/"))
        .map(without_commit)
        .collect();
    assert_eq!(states.iter().filter(|line| line.contains(" unchanged ")).count(), 16, "{}", ran.out);
    assert!(states.contains(&"flux-upgrade/podinfo obsolete".to_owned()), "{}", ran.out);
}

#[test]
fn pull_requests_follow_the_branches_on_each_forge() {
    for (kind, name, variable) in [
        (Kind::GitHub, "github", "GITHUB_TOKEN"),
        (Kind::GitLab, "gitlab", "GITLAB_TOKEN"),
        (Kind::Gitea, "forgejo", "FORGEJO_TOKEN"),
    ] {
        let Some(mut fleet) = Fleet::new() else { return };
        let fake = Fake::start(kind);
        let url = "git@git.example.com:acme/fleet.git";
        let bare = fleet.bare();
        git(&fleet.work(), &["config", &format!("url.{}.insteadOf", bare.display()), url]);
        git(&fleet.work(), &["remote", "set-url", "origin", url]);
        for unwanted in ["GH_TOKEN", "GITHUB_TOKEN", "CI_JOB_TOKEN"] {
            fleet.variables.push((unwanted, String::new()));
        }
        fleet.variables.push((variable, TOKEN.to_owned()));
        let flags =
            ["--push", "--pull-request", "--forge", name, "--forge-url", &fake.api(), "--label", "infra"];
        let opened = fleet.apply(&flags);
        fake.assert_no_violation();
        assert_eq!((opened.code, fake.count()), (0, 17), "{kind:?}: {}{}", opened.out, opened.err);
        let at = |branch: &str| (0..fake.count()).find(|at| fake.pull(*at).head == branch).unwrap();
        let podinfo = at("flux-upgrade/podinfo");
        assert_eq!(fake.pull(podinfo).title, "Update podinfo to 6.9.1");
        assert_eq!(fake.pull(podinfo).labels, ["flux-upgrade", "minor", "infra"]);
        assert!(opened.out.contains("pull request opened: https://"), "{}", opened.out);

        let writes = fake.writes();
        let again = fleet.apply(&flags);
        assert_eq!(
            (again.code, fake.writes()),
            (0, writes),
            "{kind:?}: nothing but questions: {}",
            again.out
        );

        fake.change(at("flux-upgrade/echo"), |pull| pull.state = "closed");
        fleet.publish("6.9.1", "6.9.2");
        let echo = git(&bare, &["rev-parse", "flux-upgrade/echo"]);
        let moved = fleet.apply(&flags);
        assert!(moved.out.contains("flux-upgrade/echo") && moved.out.contains("declined"), "{}", moved.out);
        assert_eq!(git(&bare, &["rev-parse", "flux-upgrade/echo"]), echo);
        assert_eq!((fake.count(), fake.pull(podinfo).title), (17, "Update podinfo to 6.9.2".to_owned()));

        git(&fleet.work(), &["merge", "-q", "--squash", "flux-upgrade/podinfo"]);
        git(&fleet.work(), &["commit", "-qm", "By hand"]);
        git(&fleet.work(), &["push", "-q", "origin", "main"]);
        let closed = fleet.apply(&flags);
        assert_eq!(fake.pull(podinfo).state, "closed", "{kind:?}: {}{}", closed.out, closed.err);
        assert_eq!(fake.pull(podinfo).comments.len(), 1);
        fake.assert_no_violation();
        for ran in [opened, again, moved, closed] {
            assert!(!ran.out.contains(TOKEN) && !ran.err.contains(TOKEN));
        }
    }
}

/// A job on a pull request of ours has its branch checked out, or its merge as a commit alone: the base is the remote's.
#[test]
fn our_own_branch_is_never_the_base() {
    let Some(fleet) = Fleet::new() else { return };
    fleet.apply(&["--push"]);
    let first = refs(&fleet.bare());
    for checkout in [&["flux-upgrade/podinfo"][..], &["--detach", "flux-upgrade/podinfo"]] {
        git(&fleet.work(), &[&["checkout", "-q"], checkout].concat());
        let again = fleet.apply(&["--push"]);
        assert_eq!((again.code, refs(&fleet.bare())), (0, first.clone()), "{}", again.err);
        assert!(!again.out.contains("obsolete") && again.out.contains(" unchanged "), "{}", again.out);
        let told = again.err.contains("the base is `main`, the default branch of `origin`");
        assert_eq!(told, checkout.len() == 1, "{}", again.err);
    }
    git(&fleet.work(), &["checkout", "-q", "flux-upgrade/podinfo"]);
    for arguments in [&[][..], &["--push", "--base", "flux-upgrade/podinfo"]] {
        let ran = fleet.apply(arguments);
        assert_eq!((ran.code, refs(&fleet.bare())), (1, first.clone()), "{}", ran.out);
        assert!(ran.err.contains("`flux-upgrade/podinfo` begins with `flux-upgrade/`"), "{}", ran.err);
    }
    // Of another branch it is told; a remote without a default leaves the one that is here.
    git(&fleet.work(), &["checkout", "-q", "-b", "topic", "main"]);
    git(&fleet.work(), &["push", "-q", "origin", "topic"]);
    let ran = fleet.apply(&["--push"]);
    assert!(ran.err.contains("for `topic`, where HEAD is, say `--base topic`"), "{}", ran.err);
    git(&fleet.bare(), &["symbolic-ref", "HEAD", "refs/heads/gone"]);
    let ran = fleet.apply(&["--push"]);
    assert!(ran.code == 0 && !ran.err.contains("the base is"), "{}", ran.err);
}

/// What others have under our prefix is not ours, wherever it stands.
#[test]
fn branches_of_others_under_the_prefix_are_left_alone() {
    let Some(fleet) = Fleet::new() else { return };
    for (name, adds) in [("feature/at-the-base", false), ("feature/with-a-commit", true)] {
        git(&fleet.work(), &["checkout", "-q", "-b", name, "main"]);
        if adds {
            git(&fleet.work(), &["commit", "-q", "--allow-empty", "-m", "Theirs"]);
        }
        git(&fleet.work(), &["push", "-q", "origin", name]);
        git(&fleet.work(), &["checkout", "-q", "main"]);
    }
    fleet.apply(&["--push", "--branch-prefix", "feature/"]);
    git(&fleet.work(), &["merge", "-q", "--squash", "feature/podinfo"]);
    git(&fleet.work(), &["commit", "-qm", "Merged"]);
    git(&fleet.work(), &["push", "-q", "origin", "main"]);
    // Somebody has gone on from a commit of ours, which was merged without theirs.
    git(&fleet.work(), &["checkout", "-q", "-b", "feature/more", "feature/podinfo"]);
    git(&fleet.work(), &["commit", "-q", "--allow-empty", "-m", "Theirs"]);
    git(&fleet.work(), &["push", "-q", "origin", "feature/more"]);
    git(&fleet.work(), &["checkout", "-q", "main"]);
    let ran = fleet.apply(&["--push", "--branch-prefix", "feature/"]);
    let gone = |line: &&str| line.contains(" obsolete");
    let rows: Vec<String> = ran.out.lines().filter(gone).map(without_commit).collect();
    assert_eq!(rows, ["feature/more obsolete", "feature/podinfo obsolete"], "{}", ran.out);
    assert!(ran.out.contains("but it has a commit that is not ours"), "{}", ran.out);
}

/// A branch of the prefix's own name leaves no room for ours, here or at the remote.
#[test]
fn a_branch_named_as_the_prefix_is_told_with_the_way_out() {
    let Some(fleet) = Fleet::new() else { return };
    git(&fleet.work(), &["branch", "flux-upgrade"]);
    let ran = fleet.apply(&[]);
    let here = "this repository has a branch `flux-upgrade`, beside which git can have none that begins with `flux-upgrade/`";
    assert!(ran.code == 1 && ran.err.contains(here), "{}", ran.err);
    assert!(ran.err.contains("`git branch -m flux-upgrade NAME`, or take another"), "{}", ran.err);
    git(&fleet.work(), &["push", "-q", "origin", "flux-upgrade"]);
    git(&fleet.work(), &["branch", "-D", "-q", "flux-upgrade"]);
    let ran = fleet.apply(&["--push"]);
    assert!(ran.code == 1 && ran.err.contains("`origin` has a branch `flux-upgrade`"), "{}", ran.err);
    assert!(ran.err.contains("`git push origin NAME :flux-upgrade`"), "{}", ran.err);
    assert!(refs(&fleet.work()).lines().count() == 1, "nothing was made");
    let other = fleet.apply(&["--push", "--branch-prefix", "flux-upgrade-"]);
    assert!(other.code == 0 && other.out.contains("flux-upgrade-podinfo"), "{}{}", other.out, other.err);
}

/// A remote that refuses one branch, by a hook as forges have for patterns, stops that one and what stands on it.
#[cfg(unix)]
#[test]
fn a_branch_that_the_remote_refuses_stops_no_other() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(mut fleet) = Fleet::new() else { return };
    let fake = Fake::start(Kind::GitHub);
    fleet.on_forge();
    let bare = fleet.bare();
    let hook = bare.join("hooks/pre-receive");
    let text = "#!/bin/sh\nwhile read -r old new name; do case $name in */trust-manager)\n\
                echo 'GH013: this pattern is protected' >&2; exit 1;; esac; done\n";
    fs::write(&hook, text).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let flags = ["--push", "--pull-request", "--forge", "github", "--forge-url", &fake.api()];
    for _ in 0..2 {
        let ran = fleet.apply(&flags);
        assert_eq!((ran.code, fake.count()), (1, 9), "{}{}", ran.out, ran.err);
        let said = "`origin` refuses it: pre-receive hook declined; GH013: this pattern is protected\n";
        assert!(ran.out.contains(said), "{}", ran.out);
        assert_eq!(ran.out.matches(" refused ").count(), 8, "{}", ran.out);
        assert!(
            ran.out.contains("flux-upgrade/trust-manager, which it stands on, was not pushed"),
            "{}",
            ran.out
        );
        assert_eq!(refs(&bare).lines().count(), 10, "main and nine");
    }
    fs::remove_file(hook).unwrap();
    let ran = fleet.apply(&flags);
    assert_eq!((ran.code, fake.count(), refs(&bare).lines().count()), (0, 17, 18), "{}{}", ran.out, ran.err);
    assert_eq!(ran.out.matches(" created ").count(), 8, "{}", ran.out);
    fake.assert_no_violation();
}

/// A source has no answer for once: what needs its group stays on its branch, and nothing new is armed before it.
#[test]
fn a_missing_answer_does_not_dissolve_the_order() {
    let Some(mut fleet) = Fleet::new() else { return };
    let fake = Fake::start(Kind::GitHub);
    fleet.on_forge();
    let flags = ["--push", "--pull-request", "--automerge", "--forge", "github", "--forge-url", &fake.api()];
    let at = |branch: &str| (0..fake.count()).find(|at| fake.pull(*at).head == branch).unwrap();
    let answers = |fleet: &Fleet| fs::read_to_string(fleet.registry()).unwrap();
    let whole = answers(&fleet);
    let silent =
        |fleet: &Fleet| fleet.publish("https://charts.jetstack.io\"", "https://charts.silent.example\"");
    fleet.apply(&flags);
    let stacked = at("flux-upgrade/gateway-api");
    assert_eq!(fake.pull(stacked).base, "flux-upgrade/trust-manager");
    assert!(!fake.pull(stacked).merges_itself && fake.pull(at("flux-upgrade/trust-manager")).merges_itself);
    let (branches, writes) = (refs(&fleet.bare()), fake.writes());
    silent(&fleet);
    let ran = fleet.apply(&flags);
    assert_eq!((ran.code, refs(&fleet.bare())), (0, branches), "{}{}", ran.out, ran.err);
    let why = "it stands on flux-upgrade/trust-manager, of which this run knows nothing: after `trust-manager` (nothing is known of it)";
    assert!(ran.out.contains("flux-upgrade/gateway-api     waits") && ran.out.contains(why), "{}", ran.out);
    assert_eq!(ran.out.matches(" waits ").count(), 6, "{}", ran.out);
    // Two texts say what is not known of groups before them.
    assert!(fake.writes() - writes <= 2 && fake.pull(stacked).base == "flux-upgrade/trust-manager");
    // Nor does a run for a part of the files.
    fs::write(fleet.registry(), &whole).unwrap();
    let part =
        fleet.apply(&[&flags[..], &["--only", "infrastructure/controllers/ingress-nginx.yaml"]].concat());
    assert!(part.out.contains("flux-upgrade/ingress-nginx  waits"), "{}{}", part.out, part.err);
    let back = fleet.apply(&flags);
    assert_eq!(back.out.matches(" unchanged ").count(), 17, "{}", back.out);

    // New while the answer is missing: it stands on the base, says what it needs, and is not merged by itself.
    let Some(mut fleet) = Fleet::new() else { return };
    let fake = Fake::start(Kind::GitHub);
    fleet.on_forge();
    let flags = ["--push", "--pull-request", "--automerge", "--forge", "github", "--forge-url", &fake.api()];
    silent(&fleet);
    let ran = fleet.apply(&flags);
    let at = |branch: &str| (0..fake.count()).find(|at| fake.pull(*at).head == branch).unwrap();
    let pull = fake.pull(at("flux-upgrade/gateway-api"));
    assert_eq!((pull.base.as_str(), pull.merges_itself), ("main", false), "{}", ran.out);
    assert!(pull.body.contains("Needs `trust-manager`, of which nothing was known"), "{}", pull.body);
    assert!(fake.pull(at("flux-upgrade/audit-log")).merges_itself, "it needs nothing");
    fake.assert_no_violation();
}

/// Two runs at the same time, from clones of their own or from one: all is done, and neither has anything to say of it.
#[test]
fn two_runs_at_once_end_well() {
    let Some(fleet) = Fleet::new() else { return };
    git(fleet.root.path(), &["clone", "-q", "origin.git", "other"]);
    for folders in [["work", "other"], ["work", "work"]] {
        fleet.publish("6.9.1", "6.9.2");
        let runs: Vec<Ran> = std::thread::scope(|scope| {
            let of = |folder: &'static str| {
                let fleet = &fleet;
                scope.spawn(move || fleet.apply_in(folder, &["--push"]))
            };
            let all = folders.map(of);
            all.into_iter().map(|run| run.join().unwrap()).collect()
        });
        for ran in &runs {
            assert_eq!(ran.code, 0, "{folders:?}: {}{}", ran.out, ran.err);
        }
        assert_eq!(refs(&fleet.bare()).lines().count(), 18);
        let again = fleet.apply(&["--push"]);
        assert_eq!(again.out.matches(" unchanged ").count(), 17, "{}", again.out);
        fleet.publish("6.9.2", "6.9.1");
    }
}

/// Somebody deletes a branch: it comes again, and is told as new.
#[test]
fn a_branch_that_was_deleted_at_the_remote_is_created_again() {
    let Some(fleet) = Fleet::new() else { return };
    fleet.apply(&["--push"]);
    git(&fleet.bare(), &["branch", "-q", "-D", "flux-upgrade/podinfo"]);
    let ran = fleet.apply(&["--push"]);
    assert!(ran.out.contains("flux-upgrade/podinfo         created"), "{}", ran.out);
    assert_eq!(ran.out.matches(" unchanged ").count(), 16, "{}", ran.out);
    assert_eq!(refs(&fleet.work()), refs(&fleet.bare()));
}

#[test]
fn the_rules_name_branches_and_commits() {
    let Some(fleet) = Fleet::new() else { return };
    fleet.rule("wording: {commit: \"chore({id}): {title}\\n\\n{changes}\", branchPrefix: deps/}");
    let ran = fleet.apply(&["--push"]);
    assert!(ran.out.contains("deps/podinfo ") && !ran.out.contains("flux-upgrade/"), "{}", ran.out);
    let message = git(&fleet.bare(), &["log", "-1", "--format=%B", "deps/podinfo"]);
    let expected =
        "chore(podinfo): Update podinfo to 6.9.1\n\n- apps/base/podinfo/release.yaml: 6.8.0 -> 6.9.1\n";
    assert!(
        message.starts_with(expected) && message.contains("\n\nFlux-Upgrade-Group: podinfo\n"),
        "{message}"
    );
    // A fresh clone fetches what stands under the rules' prefix.
    fs::remove_dir_all(fleet.work()).unwrap();
    git(fleet.root.path(), &["clone", "-q", "--single-branch", "origin.git", "work"]);
    let again = fleet.apply(&["--push"]);
    assert_eq!(
        again.out.matches(" unchanged ").count(),
        ran.out.matches(" created ").count(),
        "{}",
        again.out
    );
    let flag = fleet.apply(&["--push", "--branch-prefix", "mine/"]);
    assert!(flag.out.contains("mine/podinfo ") && !flag.out.contains("deps/"), "{}", flag.out);
}

/// Today is a Saturday.
#[test]
fn what_is_not_due_is_left_as_it_is() {
    let Some(fleet) = Fleet::new() else { return };
    fleet.rule("rules: [{match: {package: \"*podinfo*\"}, schedule: every weekend}]");
    assert!(fleet.apply(&["--push"]).out.contains("flux-upgrade/podinfo         created"));
    fleet.rule("rules: [{match: {package: \"*podinfo*\"}, schedule: [every weekday, \"* 5 * * *\"]}]");
    fleet.publish("6.9.1", "6.9.2");
    let before = refs(&fleet.bare());
    let ran = fleet.apply(&["--push"]);
    assert_eq!((ran.code, refs(&fleet.bare())), (0, before), "{}{}", ran.out, ran.err);
    let why = "Update podinfo to 6.9.2\n  the rules deliver it `* 5 * * *` or `every weekday` (UTC)\n";
    assert!(ran.out.contains("not due") && ran.out.contains(why), "{}", ran.out);
    assert!(!ran.out.contains("obsolete"), "{}", ran.out);
    let forced = fleet.apply(&["--push", "--ignore-schedule"]);
    assert!(forced.out.contains("flux-upgrade/podinfo         moved"), "{}", forced.out);
}

/// A schedule of Renovate's in another time zone counts as UTC, and what waits for it says so.
#[test]
fn a_schedule_of_another_time_zone_says_that_it_is_read_as_utc() {
    let Some(fleet) = Fleet::new() else { return };
    for (zone, told) in [
        ("UTC", "`every weekday` (UTC)\n"),
        (
            "Europe/Berlin",
            "`every weekday` (UTC, and not Europe/Berlin: Renovate's `timezone` has no effect here)\n",
        ),
    ] {
        let config = format!("{{\"timezone\": \"{zone}\", \"schedule\": [\"every weekday\"]}}\n");
        fs::write(fleet.work().join("renovate.json"), config).unwrap();
        git(&fleet.work(), &["add", "renovate.json"]);
        git(&fleet.work(), &["commit", "-q", "-m", "Configure"]);
        let ran = fleet.apply(&[]);
        assert!(
            ran.out.contains(&format!("Update podinfo to 6.9.1\n  the rules deliver it {told}")),
            "{}",
            ran.out
        );
    }
}

#[test]
fn what_cannot_be_done_is_said_before_anything_is() {
    let Some(fleet) = Fleet::new() else { return };
    let before = refs(&fleet.work());
    for (arguments, expected) in [
        (&["--base", "gone"][..], "no commit `refs/heads/gone`"),
        (&["--push", "--remote", "nowhere"][..], "`git ls-remote` failed"),
        (&["--push", "--pull-request"][..], "names no project of a forge"),
        (&["--branch-prefix", "a..b/"][..], "`a..b/` is not how the name of a branch can begin"),
        (&["--branch-prefix", ""][..], "`` is not how the name of a branch can begin"),
        (&["--branch-prefix", "deps"][..], "`deps` is not how the name of a branch can begin"),
        (&["--branch-prefix", "refs/heads/deps/"][..], "`refs/heads/deps/` is not how"),
        (&["--branch-prefix", "ma-", "--base", "ma-in"][..], "no commit `refs/heads/ma-in`"),
        (&["--pull-request"][..], "--push"),
    ] {
        let ran = fleet.apply(arguments);
        assert_eq!((ran.code, refs(&fleet.work())), (1, before.clone()), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(expected), "{arguments:?}: {}", ran.err);
    }
    git(&fleet.work(), &["checkout", "-q", "--detach"]);
    let ran = fleet.apply(&[]);
    assert!(ran.code == 1 && ran.err.contains("--base"), "{}", ran.err);
}

/// Production is offered exactly what staging has said for the given time.
#[test]
fn promotion_follows_the_history_of_staging() {
    if !Command::new("git").arg("--version").output().is_ok_and(|run| run.status.success()) {
        println!("skipped: git is not installed");
        return;
    }
    const DAY: i64 = 86_400;
    const NOW: i64 = 1_787_356_800;
    let text = |tag: &str| {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: app, namespace: apps}}\n\
             spec:\n  url: oci://registry.example.com/app\n  ref:\n    tag: {tag}\n"
        )
    };
    let tags = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"].map(|tag| format!(r#"{{"tag": "{tag}"}}"#)).join(",");
    let snapshot = format!(
        r#"{{"schema": "flux-upgrade/registry-snapshot/v1", "oci": [{{"repository": "registry.example.com/app", "tags": [{tags}]}}]}}"#
    );
    // What staging has said since how many days, oldest first; what production is offered.
    for (history, expected) in [
        (&[("1.0.0", 30), ("1.2.0", 5)][..], Some("1.2.0")),
        (&[("1.0.0", 30), ("1.2.0", 3)], Some("1.2.0")),
        (&[("1.0.0", 30), ("1.2.0", 2)], None),
        (&[("1.0.0", 30), ("1.1.0", 9), ("1.2.0", 2)], None),
        (&[("1.0.0", 30), ("1.2.0", 9), ("1.0.0", 2), ("1.2.0", 1)], None),
        (&[("1.2.0", 2)], None),
    ] {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for folder in ["clusters/staging", "clusters/production"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        fs::write(at("registry.json"), &snapshot).unwrap();
        let rules = "version: 1\npromote: {from: clusters/staging, to: clusters/production, after: 3d}\n";
        fs::write(at(".flux-upgrade.yaml"), rules).unwrap();
        fs::write(at("clusters/production/app.yaml"), text("1.0.0")).unwrap();
        git(root.path(), &["init", "-q", "-b", "main"]);
        for (tag, days) in history {
            fs::write(at("clusters/staging/app.yaml"), text(tag)).unwrap();
            git(root.path(), &["add", "-A"]);
            let date = format!("@{} +0000", NOW - days * DAY);
            let run = Command::new("git")
                .args(["-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-q", "-m", tag])
                .current_dir(root.path())
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .envs([("GIT_AUTHOR_DATE", &date), ("GIT_COMMITTER_DATE", &date)])
                .status();
            assert!(run.unwrap().success());
        }
        // What lies uncommitted in the worktree has been said for no time.
        fs::write(at("clusters/staging/app.yaml"), text("1.3.0")).unwrap();
        for rev in [&[][..], &["--rev", "main"]] {
            let env = Env { folder: root.path().to_path_buf(), now: Some(NOW as u64), ..Env::default() };
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let fixed = ["flux-upgrade", "plan", ".", "--offline", "registry.json", "--format", "json"];
            let code = run(fixed.iter().chain(rev).map(Into::into), &mut out, &mut err, &env);
            assert_eq!(code, 0, "{}", String::from_utf8_lossy(&err));
            let plan: serde_json::Value = serde_json::from_slice(&out).unwrap();
            let changes = plan["changes"].as_array().unwrap();
            let offered = changes
                .iter()
                .find(|change| {
                    change["site"].as_str().is_some_and(|site| site.contains("production"))
                        || change.to_string().contains("clusters/production")
                })
                .map(|change| change["to"].as_str().unwrap());
            assert_eq!(offered, expected, "{history:?} {rev:?}");
            if offered.is_none() {
                assert!(plan["held"].to_string().contains(r#""rule":"promote""#), "{plan:#}");
            }
        }
    }
}

/// What a folder's plan does not have stands elsewhere: no branch of it is obsolete.
#[test]
fn a_folder_below_the_top_says_nothing_of_the_rest() {
    let Some(mut fleet) = Fleet::new() else { return };
    fs::copy(fleet.registry(), fleet.work().join("fleet.registry.json")).unwrap();
    git(&fleet.work(), &["rm", "-q", ".flux-upgrade.yaml"]);
    git(&fleet.work(), &["commit", "-q", "-m", "No rules"]);
    git(&fleet.work(), &["push", "-q", "origin", "main"]);
    let fake = Fake::start(Kind::GitHub);
    let url = "git@git.example.com:acme/fleet.git";
    git(&fleet.work(), &["config", &format!("url.{}.insteadOf", fleet.bare().display()), url]);
    git(&fleet.work(), &["remote", "set-url", "origin", url]);
    fleet.variables.push(("GH_TOKEN", TOKEN.to_owned()));
    let to_forge = ["--push", "--pull-request", "--forge", "github", "--forge-url", &fake.api()];
    let whole = fleet.apply(&to_forge);
    assert_eq!(whole.code, 0, "{}{}", whole.out, whole.err);
    let open = || (0..fake.count()).filter(|at| fake.pull(*at).state == "open").count();
    assert_eq!(open(), 17);

    let part = fleet.apply_in("work/apps", &to_forge);
    assert_eq!(part.code, 0, "{}{}", part.out, part.err);
    assert!(!part.out.contains("obsolete"), "{}", part.out);
    assert!(
        part.err.contains("left alone, since it is a part of the whole: --only, a PATH below the top"),
        "{}",
        part.err
    );
    assert_eq!(open(), 17);

    // Rules at the top hold for the folder too, and it would not know them.
    fleet.rule("defaults: {allow: patch}");
    for file in [".flux-upgrade.yaml", "renovate.json"] {
        let refused = fleet.apply_in("work/apps", &to_forge);
        assert_eq!(refused.code, 1, "{}", refused.err);
        assert!(
            refused.err.contains(&format!("{file}` would not count, since PATH is below it")),
            "{}",
            refused.err
        );
        assert!(refused.err.contains("--only 'apps/**'"), "{}", refused.err);
        fs::rename(fleet.work().join(".flux-upgrade.yaml"), fleet.work().join("renovate.json")).ok();
    }
}

/// Rules that would not count do not do so in silence.
#[test]
fn what_looks_like_a_rules_file_is_refused() {
    let Some(fleet) = Fleet::new() else { return };
    let commit = |message: &str| {
        git(&fleet.work(), &["add", "-A"]);
        git(&fleet.work(), &["commit", "-q", "-m", message]);
    };
    let rules = fleet.work().join(".flux-upgrade.yaml");
    let refused = |why: &str| {
        let ran = fleet.apply(&[]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
        assert!(ran.err.contains(why), "{}", ran.err);
    };
    fs::write(fleet.work().join(".flux-upgrade.yml"), "version: 1\n").unwrap();
    commit("Another ending");
    refused("`.flux-upgrade.yml` is not read: rules stand in `.flux-upgrade.yaml`; rename it");
    fs::rename(fleet.work().join(".flux-upgrade.yml"), fleet.work().join("rules.yaml")).unwrap();
    fs::remove_file(&rules).unwrap();
    std::os::unix::fs::symlink("rules.yaml", &rules).unwrap();
    commit("A link");
    refused("`.flux-upgrade.yaml` is a symbolic link, and rules are read from a regular file");
    // What the base has counts, whatever stands in the worktree.
    fs::remove_file(&rules).unwrap();
    refused("`.flux-upgrade.yaml` is a symbolic link");
    fs::create_dir(&rules).unwrap();
    fs::write(rules.join("rules.yaml"), "version: 1\n").unwrap();
    commit("A folder");
    refused("`.flux-upgrade.yaml` is a folder, and rules are read from a regular file");
    assert!(!refs(&fleet.work()).contains("flux-upgrade/"));
}
