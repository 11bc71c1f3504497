//! Reading and writing real folders.
#![allow(clippy::unwrap_used, clippy::print_stderr)]
#![cfg(feature = "native")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use flux_upgrade_core::RepoPath;
use flux_upgrade_core::host::{Limits, Replacement, Tree, WriteError, read, write};

fn put(root: &Path, files: &[(&str, &[u8])]) {
    for (path, bytes) in files {
        let target = root.join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, bytes).unwrap();
    }
}

fn tree(path: &Path) -> Tree {
    read(path, &Limits::default()).unwrap()
}

fn paths(tree: &Tree) -> Vec<&str> {
    tree.files.iter().map(|file| file.path.as_str()).collect()
}

/// Runs git in `root`; false, and says so, where there is none.
fn git(root: &Path, arguments: &[&str]) -> bool {
    let status = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .current_dir(root)
        .stdout(Stdio::null())
        .status();
    match status {
        Ok(status) => {
            assert!(status.success(), "git {arguments:?}");
            true
        }
        Err(_) => {
            eprintln!("skipped: no `git` on this machine");
            false
        }
    }
}

#[test]
fn a_folder_without_git_is_walked_under_its_ignore_files() {
    let root = tempfile::tempdir().unwrap();
    put(
        root.path(),
        &[
            ("b.yml", b"b: 1\n"),
            ("a/x.yaml", b"x: 1\n"),
            ("a/Kustomization", b"k: 1\n"),
            ("a/versions.env", b"TAG=1\n"),
            ("a/.tool-versions", b"flux2 2.6.4\n"),
            ("a/Chart.lock", b"digest: x\n"),
            ("a/README.md", b"no\n"),
            ("out/gone.yaml", b"g: 1\n"),
            (".github/w.yaml", b"w: 1\n"),
            (".gitignore", b"out/\n"),
        ],
    );
    let tree = tree(root.path());
    assert_eq!(
        paths(&tree),
        [
            ".github/w.yaml",
            "a/.tool-versions",
            "a/Chart.lock",
            "a/Kustomization",
            "a/versions.env",
            "a/x.yaml",
            "b.yml"
        ]
    );
    assert_eq!(tree.work_tree, None);
    assert_eq!(tree.files[5].text, "x: 1\n");
}

#[test]
fn in_a_work_tree_only_tracked_files_count() {
    let root = tempfile::tempdir().unwrap();
    put(
        root.path(),
        &[("a/in.yaml", b"1"), ("a/deep/in.yaml", b"2"), ("b/in.yaml", b"3"), ("a/deleted.yaml", b"4")],
    );
    if !git(root.path(), &["init", "-q"]) {
        return;
    }
    git(root.path(), &["add", "."]);
    put(root.path(), &[("a/untracked.yaml", b"5"), ("a/in.yaml", b"as on disk")]);
    fs::remove_file(root.path().join("a/deleted.yaml")).unwrap();
    assert_eq!(paths(&tree(root.path())), ["a/deep/in.yaml", "a/in.yaml", "b/in.yaml"]);
    let below = tree(&root.path().join("a"));
    assert_eq!(paths(&below), ["deep/in.yaml", "in.yaml"]);
    assert_eq!(below.files[1].text, "as on disk");
    assert_eq!(below.work_tree, Some(root.path().canonicalize().unwrap()));
    let one = tree(&root.path().join("a/untracked.yaml"));
    assert_eq!(
        (paths(&one), one.root.clone()),
        (vec!["untracked.yaml"], root.path().join("a").canonicalize().unwrap())
    );
}

#[test]
fn linked_work_trees_have_their_own_files() {
    let root = tempfile::tempdir().unwrap();
    let main = root.path().join("main");
    put(&main, &[("a.yaml", b"1")]);
    if !git(&main, &["init", "-q"]) {
        return;
    }
    git(&main, &["add", "."]);
    git(&main, &["commit", "-qm", "one"]);
    git(&main, &["worktree", "add", "-q", "../linked"]);
    let linked = root.path().join("linked");
    put(&linked, &[("b.yaml", b"2")]);
    git(&linked, &["add", "."]);
    assert_eq!(paths(&tree(&linked)), ["a.yaml", "b.yaml"]);
    assert_eq!(paths(&tree(&main)), ["a.yaml"]);
}

#[test]
fn what_is_no_text_is_named_with_its_place() {
    let root = tempfile::tempdir().unwrap();
    put(
        root.path(),
        &[
            ("bad.yaml", b"ok: 1\nb\xc3\xa4d: \xff\n"),
            ("nul.yaml", b"a: \0\n"),
            ("good.yaml", b"a: 1\n"),
            ("large.yaml", b"aaaaaaaaaaaaaaaaaaaaaaaaa\n"),
        ],
    );
    let tree = read(root.path(), &Limits { max_file_bytes: 20 }).unwrap();
    assert_eq!(paths(&tree), ["good.yaml", "nul.yaml"]);
    let found: Vec<String> =
        tree.diagnostics.iter().map(|finding| format!("{} {}", finding.at, finding.code)).collect();
    assert_eq!(found, ["bad.yaml:2:6 yaml.not-utf8", "large.yaml:1:1 file.too-large"]);
}

#[test]
fn many_files_come_in_the_order_of_their_paths() {
    let root = tempfile::tempdir().unwrap();
    for number in 0..400 {
        put(root.path(), &[(&format!("f{}/{number}.yaml", number % 7), number.to_string().as_bytes())]);
    }
    let tree = tree(root.path());
    assert_eq!(tree.files.len(), 400);
    assert!(tree.files.is_sorted_by_key(|file| &file.path));
    for file in &tree.files {
        assert_eq!(file.path.name(), format!("{}.yaml", file.text));
    }
}

#[test]
fn a_missing_path_is_an_error_that_names_it() {
    let root = tempfile::tempdir().unwrap();
    let error = read(&root.path().join("none"), &Limits::default()).unwrap_err();
    assert_eq!(error.code(), "host.read");
    assert!(error.to_string().contains("none"), "{error}");
}

#[cfg(unix)]
#[test]
fn symbolic_links_are_left_alone() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    put(root.path(), &[("outside/secret.yaml", b"s: 1\n"), ("repo/sub/a.yaml", b"a: 1\n")]);
    let repo = root.path().join("repo");
    let tracked = git(&repo, &["init", "-q"]) && git(&repo, &["add", "."]);
    symlink("../outside/secret.yaml", repo.join("link.yaml")).unwrap();
    symlink("../outside", repo.join("folder")).unwrap();
    if tracked {
        git(&repo, &["add", "."]);
        // A folder that git knows as one and that has become a link since.
        fs::remove_dir_all(repo.join("sub")).unwrap();
        put(root.path(), &[("outside/a.yaml", b"stolen: 1\n")]);
        symlink("../outside", repo.join("sub")).unwrap();
        assert_eq!(paths(&tree(&repo)), Vec::<&str>::new());
        fs::remove_dir_all(repo.join(".git")).unwrap();
        fs::remove_file(repo.join("sub")).unwrap();
        put(&repo, &[("sub/a.yaml", b"a: 1\n")]);
    }
    assert_eq!(paths(&tree(&repo)), ["sub/a.yaml"]);

    let path = RepoPath::parse("link.yaml").unwrap();
    let file = Replacement { path: &path, before: "s: 1\n", after: "s: 2\n" };
    let error = write(&repo, &[file]).unwrap_err();
    assert_eq!(error.code(), "host.not-a-file");
    let path = RepoPath::parse("folder/secret.yaml").unwrap();
    let error = write(&repo, &[Replacement { path: &path, ..file }]).unwrap_err();
    assert_eq!(error.code(), "host.not-a-file");
    assert_eq!(fs::read_to_string(root.path().join("outside/secret.yaml")).unwrap(), "s: 1\n");
}

/// The names in a folder, leftovers included.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn files_are_replaced_and_nothing_is_left_beside() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), &[("a.yaml", b"a: 1\n"), ("b/c.yaml", b"c: 1\r\n")]);
    let (a, c) = (RepoPath::parse("a.yaml").unwrap(), RepoPath::parse("b/c.yaml").unwrap());
    write(
        root.path(),
        &[
            Replacement { path: &a, before: "a: 1\n", after: "a: 2\n" },
            Replacement { path: &c, before: "c: 1\r\n", after: "c: 2\r\n" },
        ],
    )
    .unwrap();
    assert_eq!(fs::read(root.path().join("a.yaml")).unwrap(), b"a: 2\n");
    assert_eq!(fs::read(root.path().join("b/c.yaml")).unwrap(), b"c: 2\r\n");
    assert_eq!(
        (names(root.path()), names(&root.path().join("b"))),
        (vec!["a.yaml".into(), "b".into()], vec!["c.yaml".into()])
    );
}

#[test]
fn a_name_as_long_as_the_system_allows_can_be_written() {
    let root = tempfile::tempdir().unwrap();
    let name = format!("{}.yaml", "n".repeat(250));
    put(root.path(), &[(&name, b"1")]);
    let path = RepoPath::parse(&name).unwrap();
    write(root.path(), &[Replacement { path: &path, before: "1", after: "2" }]).unwrap();
    assert_eq!((fs::read(root.path().join(&name)).unwrap(), names(root.path())), (b"2".to_vec(), vec![name]));
}

#[test]
fn one_changed_file_stops_the_whole_set() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), &[("a.yaml", b"a: 1\n"), ("b.yaml", "b: 1\n\u{e9}: 3\n".as_bytes())]);
    let (a, b) = (RepoPath::parse("a.yaml").unwrap(), RepoPath::parse("b.yaml").unwrap());
    let error = write(
        root.path(),
        &[
            Replacement { path: &a, before: "a: 1\n", after: "a: 2\n" },
            Replacement { path: &b, before: "b: 1\n\u{e9}: 2\n", after: "b: 2\n\u{e9}: 2\n" },
        ],
    )
    .unwrap_err();
    assert!(matches!(&error, WriteError::Changed { path, line: 2, column: 4 } if *path == b), "{error}");
    assert_eq!(fs::read(root.path().join("a.yaml")).unwrap(), b"a: 1\n");
    assert_eq!(names(root.path()), ["a.yaml", "b.yaml"]);
}

#[cfg(unix)]
#[test]
fn permissions_and_owner_stay() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let root = tempfile::tempdir().unwrap();
    put(root.path(), &[("a.yaml", b"1")]);
    let file = root.path().join("a.yaml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o750)).unwrap();
    // Only a privileged user can give a file away; everybody else sees that nothing goes wrong.
    let _ = std::os::unix::fs::chown(&file, Some(4_321), Some(4_321));
    let before = fs::metadata(&file).unwrap();
    let path = RepoPath::parse("a.yaml").unwrap();
    write(root.path(), &[Replacement { path: &path, before: "1", after: "2" }]).unwrap();
    let after = fs::metadata(&file).unwrap();
    assert_eq!(after.permissions().mode() & 0o777, 0o750);
    assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_is_named_and_stays_whole() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    put(root.path(), &[("a.yaml", b"1"), ("locked/b.yaml", b"1")]);
    let locked = root.path().join("locked");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(locked.join("probe"), b"").is_ok() {
        fs::remove_file(locked.join("probe")).unwrap();
        eprintln!("skipped: this user may write everywhere");
        return;
    }
    let (a, b) = (RepoPath::parse("a.yaml").unwrap(), RepoPath::parse("locked/b.yaml").unwrap());
    let replace = |path| Replacement { path, before: "1", after: "2" };
    let error = write(root.path(), &[replace(&a), replace(&b)]).unwrap_err();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(error.code(), "host.write");
    assert_eq!(error.to_string(), "locked/b.yaml: cannot be written; nothing is written");
    assert_eq!(
        (fs::read(root.path().join("a.yaml")).unwrap(), names(root.path())),
        (b"1".to_vec(), vec!["a.yaml".into(), "locked".into()])
    );
}
