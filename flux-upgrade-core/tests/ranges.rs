//! Ranges, their lock and the way back: texts and answers in, texts out.
#![allow(clippy::unwrap_used)]

mod common;

use common::file;
use flux_upgrade_core::ranges::lock::{LOCK_FILE, Lock, Update, update};
use flux_upgrade_core::ranges::{self, FLAGS, Follows, Survey};
use flux_upgrade_core::resolve::{Resolver, Snapshot, from_snapshot};
use flux_upgrade_core::rules::{Overrides, Rules};
use flux_upgrade_core::{RepoPath, SourceFile, scan};
use serde_json::json;

const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const COMMIT: &str = "1111111111111111111111111111111111111111";

/// One of each thing that floats, and things that do not.
fn repository() -> Vec<SourceFile> {
    vec![
        file(
            "apps/oci.yaml",
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: app, namespace: apps}\n\
             spec:\n  interval: 48h\n  url: oci://registry.example.com/app\n  ref:\n    semver: \">=1.0.0 <2.0.0\" # till 2 is proven\n\
             ---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: latest, namespace: apps}\n\
             spec: {interval: 1m, url: 'oci://registry.example.com/app', ref: {tag: latest}}\n\
             ---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: bare, namespace: apps}\n\
             spec:\n  interval: 1m\n  suspend: true\n  url: oci://registry.example.com/app\n\
             ---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: exact, namespace: apps}\n\
             spec:\n  interval: 1m\n  url: oci://registry.example.com/app\n  ref: {semver: 1.2.0}\n\
             ---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: pinned, namespace: apps}\n\
             spec:\n  interval: 1m\n  url: oci://registry.example.com/app\n  ref: {tag: 1.2.0}\n",
        ),
        file(
            "apps/git.yaml",
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: site, namespace: apps}\n\
             spec:\n  interval: 1m\n  url: https://git.example.com/site\n  ref:\n    branch: main\n\
             ---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: flux-system, namespace: flux-system}\n\
             spec:\n  interval: 1m\n  url: https://git.example.com/fleet\n  ref:\n    branch: main\n",
        ),
        file(
            "apps/helm.yaml",
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {name: stable, namespace: apps}\n\
             spec:\n  interval: 1h\n  url: https://charts.helm.sh/stable\n\
             ---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: old, namespace: apps}\n\
             spec:\n  interval: 10m\n  chart:\n    spec:\n      chart: old\n      sourceRef: {kind: HelmRepository, name: stable}\n",
        ),
    ]
}

fn registry() -> serde_json::Value {
    json!({
        "schema": "flux-upgrade/registry-snapshot/v1", "taken": "2026-08-22T00:00:00Z",
        "oci": [{"repository": "registry.example.com/app", "tags": [
            {"tag": "1.2.0", "digest": A, "created": "2026-05-01T00:00:00Z"},
            {"tag": "1.3.0", "digest": B, "created": "2026-06-01T00:00:00Z"},
            {"tag": "2.0.0", "digest": A, "created": "2026-07-01T00:00:00Z"},
            {"tag": "latest", "digest": B, "created": "2026-06-01T00:00:00Z"}]}],
        "git": [{"url": "https://git.example.com/site", "refs": [{"name": "refs/heads/main", "commit": COMMIT}]}],
        "helm": [{"url": "https://charts.helm.sh/stable", "charts": {"old": [
            {"version": "0.9.1", "created": "2020-01-01T00:00:00Z", "digest": "abc", "deprecated": true}]}}],
    })
}

fn survey(files: &[SourceFile], registry: &serde_json::Value) -> (Survey, Rules) {
    let snapshot = Snapshot::parse(&registry.to_string()).unwrap();
    let now = snapshot.taken();
    let rules = Rules::default().with(Overrides { now, ..Overrides::default() }).unwrap();
    let inventory = scan(files);
    let sites = ranges::sites(&inventory);
    let resolution = from_snapshot(Resolver::new(&sites, &rules).standing(), Some(&snapshot));
    let survey = ranges::survey(&inventory, sites.clone(), &resolution, &rules);
    (survey, rules)
}

fn locked(files: &[SourceFile], registry: &serde_json::Value, old: Option<&str>) -> Update {
    let (survey, rules) = survey(files, registry);
    update(old.map(read).as_ref(), &survey, &rules)
}

fn read(text: &str) -> Lock {
    Lock::parse(&RepoPath::parse(LOCK_FILE).unwrap(), text).unwrap()
}

#[test]
fn each_thing_that_floats_is_told_with_what_is_wrong_with_it() {
    let (survey, _) = survey(&repository(), &registry());
    let rows: Vec<String> = survey
        .iter()
        .map(|(site, row)| {
            let standing = row.stands.as_ref().unwrap();
            let flags: Vec<&str> = row.flags.iter().map(|flag| flag.code).collect();
            let follows = match row.follows {
                Follows::Range => "range",
                Follows::Tag => "tag",
                Follows::Branch => "branch",
                Follows::Policy => "policy",
            };
            format!(
                "{} {} {follows} {:?} -> {} {} [{}]",
                site.owner.name,
                site.field,
                site.spot.value,
                standing.resolved,
                standing.newest.as_deref().unwrap_or("-"),
                flags.join(" ")
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            "site spec.ref.branch branch \"main\" -> main - []",
            "old spec.chart.spec.version range \"\" -> 0.9.1 0.9.1 [frozen-source deprecated-chart quiet-source]",
            "app spec.ref.semver range \">=1.0.0 <2.0.0\" -> 1.3.0 2.0.0 [long-interval newer-outside]",
            "latest spec.ref.tag tag \"latest\" -> latest - []",
            "bare spec.ref.tag tag \"latest\" -> latest - [suspended]",
            "exact spec.ref.semver range \"1.2.0\" -> 1.2.0 2.0.0 [exact-version newer-outside]",
        ]
    );
    let known = |code: &str| FLAGS.iter().any(|(known, _)| *known == code);
    assert!(survey.rows.iter().flat_map(|row| &row.flags).all(|flag| known(flag.code)));
}

#[test]
fn a_lock_is_read_back_and_written_again_to_the_same_bytes() {
    let first = locked(&repository(), &registry(), None);
    let text = first.lock.text();
    assert!(
        text.contains("- file: apps/git.yaml\n  object: GitRepository/apps/site\n  field: spec.ref.branch\n"),
        "{text}"
    );
    let again = locked(&repository(), &registry(), Some(&text));
    assert_eq!((again.drift.len(), again.unchanged, again.lock.text()), (0, 6, text));
}

#[test]
fn only_what_moved_changes_its_bytes() {
    let before = locked(&repository(), &registry(), None).lock.text();
    // Somebody's comment stays with the entry that it stands in.
    let before = before.replace("  resolved: latest\n", "  resolved: 'latest' # since the outage\n");
    let moved = registry().to_string().replace("2.0.0", "1.4.0");
    let after = locked(&repository(), &serde_json::from_str(&moved).unwrap(), Some(&before));
    assert_eq!(
        after.drift.iter().map(|drift| (drift.kind(), drift.key().to_string())).collect::<Vec<_>>(),
        [("moved", "apps/oci.yaml OCIRepository/apps/app spec.ref.semver".to_owned())]
    );
    let text = after.lock.text();
    let changed: Vec<(&str, &str)> = before.lines().zip(text.lines()).filter(|(a, b)| a != b).collect();
    assert_eq!(changed.len(), 3, "{changed:?}");
    assert_eq!(changed[0], ("  resolved: 1.3.0", "  resolved: 1.4.0"));
}

#[test]
fn what_nobody_answers_keeps_its_entry_and_what_is_gone_is_told() {
    let before = locked(&repository(), &registry(), None).lock.text();
    let mut silent = registry();
    silent["oci"] = json!([]);
    let after = locked(&repository(), &silent, Some(&before));
    assert_eq!((after.has_drift(), after.lock.text()), (false, before.clone()));
    assert_eq!(after.drift.iter().filter(|drift| drift.kind() == "kept").count(), 4);
    let none = locked(&repository(), &silent, None);
    assert_eq!(none.drift.iter().filter(|drift| drift.kind() == "unlocked").count(), 4);

    // What was changed in the file is due, whoever is silent.
    let mut changed = repository();
    changed[0].text = changed[0].text.replacen(">=1.0.0 <2.0.0", "^1.0.0", 1);
    let after = locked(&changed, &silent, Some(&before));
    assert_eq!((after.has_drift(), after.lock.text()), (true, before.clone()));
    assert_eq!(after.drift.iter().filter(|drift| drift.kind() == "stale").count(), 1);

    let fewer = &repository()[1..];
    let after = locked(fewer, &registry(), Some(&before));
    assert!(after.has_drift());
    assert_eq!(after.drift.iter().filter(|drift| drift.kind() == "gone").count(), 4);
    assert!(!after.lock.text().contains("oci.yaml"));
}

#[test]
fn another_range_is_told_as_rewritten_though_it_selects_the_same() {
    let before = locked(&repository(), &registry(), None).lock.text();
    let mut files = repository();
    files[0].text = files[0].text.replace(">=1.0.0 <2.0.0", ">=1.1.0 <2.0.0");
    let after = locked(&files, &registry(), Some(&before));
    assert_eq!(
        after.drift.iter().map(flux_upgrade_core::ranges::lock::Drift::kind).collect::<Vec<_>>(),
        ["rewritten"]
    );
}

#[test]
fn dates_that_sources_rewrite_or_forget_are_no_drift() {
    let before = locked(&repository(), &registry(), None).lock.text();
    for text in [
        registry().to_string().replace("2026-06-01", "2026-06-02"),
        registry().to_string().replace("created", "forgotten"),
    ] {
        let after = locked(&repository(), &serde_json::from_str(&text).unwrap(), Some(&before));
        assert_eq!((after.has_drift(), after.lock.text()), (false, before.clone()));
    }
}

#[test]
fn damage_is_told_with_line_and_column() {
    let good = locked(&repository(), &registry(), None).lock.text();
    for (from, to, expected) in [
        ("  object: GitRepository", "<<<<<<< HEAD\n  object: GitRepository", "lock.conflict-marker 5:1"),
        ("schema: flux-upgrade/lock/v1", "schema: flux-upgrade/lock/v2", "lock.schema 2:9"),
        ("schema: flux-upgrade/lock/v1\n", "", "lock.schema 2:1"),
        ("sites:\n", "sites: {}\nold:\n", "lock.shape 4:1"),
        ("  resolved: main", "  resloved: main", "lock.shape 9:3"),
        ("  resolved: main\n", "", "lock.shape 4:3"),
        ("  resolved: main", "  resolved: [main]", "lock.shape 9:13"),
        ("  resolved: main", "  resolved: main\n  resolved: main", "lock.duplicate 10:3"),
        ("  resolved: main", "  resolved: \"main", "lock.syntax"),
        ("- file: apps/git.yaml", "- file: apps/git.yaml\n  number: 1", "lock.shape 5:11"),
    ] {
        let text = good.replacen(from, to, 1);
        let error = Lock::parse(&RepoPath::parse(LOCK_FILE).unwrap(), &text).unwrap_err();
        let found = format!("{} {}:{}", error.code, error.at.line, error.at.column);
        assert!(found.starts_with(expected), "{from} -> {to}: {found}, wanted {expected}");
        assert!(!error.help.is_empty());
    }
    let entry = &good[good.find("- file").unwrap()..good.rfind("- file").unwrap()];
    let twice = format!("{good}{entry}");
    let error = Lock::parse(&RepoPath::parse(LOCK_FILE).unwrap(), &twice).unwrap_err();
    assert_eq!(error.code, "lock.duplicate");
}

/// The files after a rollback to `then`, with what the plan says of each site.
fn back(files: &[SourceFile], then: &str) -> (Vec<SourceFile>, Vec<String>) {
    let inventory = scan(files);
    let (plan, set) = ranges::rollback(&inventory, &read(then), None, &Rules::default());
    assert!(set.refused.is_empty(), "{:?}", set.refused);
    let mut lines: Vec<String> = plan
        .changes
        .iter()
        .map(|change| format!("{} {} -> {}", plan.site_of(change).owner.name, change.from, change.to))
        .collect();
    lines
        .extend(plan.held.iter().map(|held| format!("{} {}", plan.sites[held.site].owner.name, held.reason)));
    lines.extend(plan.diagnostics.iter().map(|found| format!("! {}", found.code)));
    (common::patched(files, &set), lines)
}

#[test]
fn a_rollback_pins_everything_where_the_lock_says_it_stood() {
    let then = locked(&repository(), &registry(), None).lock.text();
    let (after, lines) = back(&repository(), &then);
    assert_eq!(
        lines,
        [
            &format!("site main -> main@{COMMIT}"),
            "old  -> 0.9.1",
            &format!("app >=1.0.0 <2.0.0 -> 1.3.0@{B}"),
            &format!("latest latest -> latest@{B}"),
            &format!("exact 1.2.0 -> 1.2.0@{A}"),
            "bare cannot be pinned: no `spec.ref.tag` is written that could hold it",
        ]
    );
    let text = |file: usize| after[file].text.as_str();
    assert!(
        text(0).contains(&format!("  ref:\n    tag: \"1.3.0\" # till 2 is proven\n    digest: {B}\n---")),
        "{}",
        text(0)
    );
    assert!(text(0).contains(&format!("ref: {{tag: latest, digest: {B}}}")), "{}", text(0));
    assert!(text(0).contains(&format!("ref: {{tag: 1.2.0, digest: {A}}}")), "{}", text(0));
    assert!(text(1).contains(&format!("    branch: main\n    commit: {COMMIT}\n---")), "{}", text(1));
    assert!(text(2).contains("      chart: old\n      version: 0.9.1\n      sourceRef"), "{}", text(2));

    // What is pinned no longer floats, whatever is published now.
    let moved = registry().to_string().replace("2.0.0", "1.4.0").replace(COMMIT, &"2".repeat(40));
    let (survey, _) = survey(&after, &serde_json::from_str(&moved).unwrap());
    assert_eq!(survey.sites.iter().map(|site| site.owner.name.as_str()).collect::<Vec<_>>(), ["bare"]);
    // A second time nothing is left to do.
    let (again, lines) = back(&after, &then);
    assert_eq!(again, after);
    assert_eq!(lines.iter().filter(|line| line.ends_with("up to date")).count(), 5, "{lines:?}");
}

#[test]
fn a_rollback_holds_what_it_cannot_know() {
    let then = locked(&repository(), &registry(), None).lock.text();
    let mut files = repository();
    files[0].text =
        files[0].text.replacen("oci://registry.example.com/app", "oci://other.example.com/app", 1);
    files[0].text.push_str(
        "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: new, namespace: apps}\n\
         spec: {interval: 1m, url: 'oci://registry.example.com/new', ref: {semver: '*'}}\n",
    );
    files.remove(2);
    let (after, lines) = back(&files, &then);
    assert!(lines.contains(
        &"app cannot be pinned: the lock knows it from oci://registry.example.com/app, and it comes from oci://other.example.com/app now"
            .to_owned()
    ));
    assert!(lines.contains(&"new cannot be pinned: the lock has no entry for it".to_owned()), "{lines:?}");
    assert!(lines.contains(&"! rollback.gone".to_owned()), "{lines:?}");
    assert!(after[0].text.contains("semver: \">=1.0.0 <2.0.0\""));
}

#[test]
fn a_pin_of_today_goes_back_to_the_pin_of_then() {
    let then = locked(&repository(), &registry(), None).lock.text();
    let mut files = repository();
    files[0].text = files[0].text.replacen("semver: \">=1.0.0 <2.0.0\"", "tag: 2.0.0", 1);
    let (after, lines) = back(&files, &then);
    assert!(lines.contains(&format!("app 2.0.0 -> 1.3.0@{B}")), "{lines:?}");
    assert!(
        after[0].text.contains(&format!("    tag: 1.3.0 # till 2 is proven\n    digest: {B}\n")),
        "{}",
        after[0].text
    );
}

#[test]
fn what_a_policy_moves_by_now_is_left_to_that() {
    let then = locked(&repository(), &registry(), None).lock.text();
    let mut files = repository();
    let marked = "tag: 1.3.0 # {\"$imagepolicy\": \"apps:range:tag\"}\n    #";
    files[0].text = files[0].text.replacen("semver: \">=1.0.0 <2.0.0\" #", marked, 1);
    files.extend(policies());
    let (after, lines) = back(&files, &then);
    let why = "app cannot be pinned: ImagePolicy apps/range moves it, and would move it again: `convert --to pin` takes its marker out";
    assert!(lines.contains(&why.to_owned()), "{lines:?}");
    assert!(after[0].text.contains(marked), "{}", after[0].text);
}

#[test]
fn sites_that_share_a_text_go_back_together_or_not_at_all() {
    let text = |first: &str| {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: a, namespace: apps, annotations: {{v: &v {first}}}}}\n\
             spec: {{interval: 1m, url: 'oci://registry.example.com/app', ref: {{semver: *v}}}}\n"
        )
    };
    let files = vec![file("a.yaml", text("1.x"))];
    let then = locked(&files, &registry(), None).lock.text();
    let (_, lines) = back(&files, &then);
    assert_eq!(lines, ["a repeats an anchor that cannot be edited"]);

    let kustomization = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps, namespace: flux-system}\n\
        spec:\n  path: ./apps\n  sourceRef: {kind: GitRepository, name: flux-system}\n  postBuild:\n    substitute:\n      RANGE: 1.x\n";
    let user = |name: &str, repository: &str| {
        file(
            &format!("apps/{name}.yaml"),
            format!(
                "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: {name}, namespace: apps}}\n\
                 spec:\n  interval: 1m\n  url: oci://registry.example.com/{repository}\n  ref:\n    semver: ${{RANGE}}\n"
            ),
        )
    };
    let one = vec![file("cluster/apps.yaml", kustomization), user("one", "app")];
    let then = locked(&one, &registry(), None).lock.text();
    let (after, lines) = back(&one, &then);
    assert_eq!(lines, ["one 1.x -> 1.3.0"]);
    assert!(after[0].text.contains("RANGE: 1.3.0\n") && after[1].text.contains("semver: ${RANGE}"));
    // Somebody else uses the variable by now, and the lock does not know where that one stood.
    let two = [one, vec![user("two", "other")]].concat();
    let (after, lines) = back(&two, &then);
    assert!(lines.iter().any(|line| line.starts_with("one shared by sites that disagree")), "{lines:?}");
    assert_eq!(after, two);
}

#[test]
fn what_was_moved_or_renamed_since_is_found_by_its_source() {
    let then = locked(&repository(), &registry(), None).lock.text();
    let mut files = repository();
    // Another file, another folder; another name in the same file.
    files[1].path = RepoPath::parse("sources/git.yaml").unwrap();
    files[2].text =
        files[2].text.replacen("{name: old, namespace: apps}", "{name: older, namespace: apps}", 1);
    let inventory = scan(&files);
    let (plan, _) = ranges::rollback(&inventory, &read(&then), None, &Rules::default());
    let said = |name: &str| {
        let change = plan.changes.iter().find(|change| plan.site_of(change).owner.name == name).unwrap();
        format!("{}: {}", change.to, change.notes.join("; "))
    };
    assert_eq!(
        said("site"),
        format!("main@{COMMIT}: the lock has it as apps/git.yaml GitRepository/apps/site")
    );
    assert_eq!(said("older"), "0.9.1: the lock has it as apps/helm.yaml HelmRelease/apps/old");
    assert!(!plan.diagnostics.iter().any(|found| found.code.starts_with("rollback.")));

    // Where two could be meant, neither is.
    let mut twice = repository();
    twice[1].path = RepoPath::parse("a/git.yaml").unwrap();
    let other = SourceFile { path: RepoPath::parse("b/git.yaml").unwrap(), ..twice[1].clone() };
    twice.push(other);
    let (_, lines) = back(&twice, &then);
    assert_eq!(lines.iter().filter(|line| line.starts_with("site cannot be pinned")).count(), 2, "{lines:?}");
    assert!(lines.contains(&"! rollback.gone".to_owned()));
}

#[test]
fn the_lock_of_another_repository_is_told_once() {
    let then = locked(&repository(), &registry(), None).lock.text();
    let files = [file(
        "mine.yaml",
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: mine}\n\
         spec: {url: 'oci://registry.example.com/mine', ref: {semver: '*'}}\n",
    )];
    let (after, lines) = back(&files, &then);
    assert_eq!(lines, ["mine cannot be pinned: the lock has no entry for it", "! rollback.foreign-lock"]);
    assert_eq!(after, files);
}

#[test]
fn what_a_lock_says_is_not_written_unless_it_can_be_a_version_and_a_digest() {
    let then = locked(&repository(), &registry(), None).lock.text();
    let evil = then.replace(&format!("digest: {B}"), "digest: \"x, url: oci://evil.example.com\"");
    let (after, lines) = back(&repository(), &evil);
    assert!(
        lines.iter().any(|line| line.contains("which the lock has for it, is neither a digest nor a commit")),
        "{lines:?}"
    );
    assert!(after.iter().all(|file| !file.text.contains("evil")));
    let path = RepoPath::parse(LOCK_FILE).unwrap();
    let error =
        Lock::parse(&path, &then.replace("resolved: 1.3.0", "resolved: \"1.3.0\\n  evil: 1\"")).unwrap_err();
    assert_eq!(error.code, "lock.shape");
    assert!(error.message.contains("line end"), "{error}");
}

/// Policies of each kind over one image.
fn policies() -> Vec<SourceFile> {
    let policy = |name: &str, rest: &str| {
        format!(
            "---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {{name: {name}, namespace: apps}}\n\
             spec:\n  imageRepositoryRef: {{name: app}}\n{rest}"
        )
    };
    vec![file(
        "apps/policies.yaml",
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {name: app, namespace: apps}\n\
         spec: {interval: 48h, image: registry.example.com/app}\n"
            .to_owned()
            + &policy("range", "  policy:\n    semver:\n      range: 1.x # till 2 is proven\n")
            + &policy("exact", "  policy: {semver: {range: 1.2.0}}\n")
            + &policy("filtered", "  filterTags: {pattern: '^1\\.2'}\n  policy: {semver: {range: '*'}}\n")
            + &policy("order", "  policy: {alphabetical: {}}\n")
            + &policy("resting", "  suspend: true\n  policy: {numerical: {order: asc}}\n"),
    )]
}

#[test]
fn what_image_policies_elect_is_told_locked_and_taken_back() {
    let (found, _) = survey(&policies(), &registry());
    let rows: Vec<String> = found
        .iter()
        .map(|(site, row)| {
            let stands = match &row.stands {
                Ok(standing) => format!(
                    "{} {} {}",
                    standing.resolved,
                    standing.digest.as_ref().unwrap(),
                    standing.newest.as_deref().unwrap_or("-")
                ),
                Err(reason) => reason.kind().to_owned(),
            };
            let flags: Vec<&str> = row.flags.iter().map(|flag| flag.code).collect();
            assert_eq!((row.follows, row.every.as_deref()), (Follows::Policy, Some("48h")));
            format!(
                "{} {} {:?} -> {stands} [{}]",
                site.owner.name,
                site.field,
                site.spot.value,
                flags.join(" ")
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            format!(
                "range spec.policy.semver.range \"1.x\" -> 1.3.0 {B} 2.0.0 [long-interval newer-outside]"
            ),
            format!(
                "exact spec.policy.semver.range \"1.2.0\" -> 1.2.0 {A} 2.0.0 [exact-version long-interval newer-outside]"
            ),
            format!("filtered spec.policy.semver.range \"*\" -> 1.2.0 {A} 1.2.0 [long-interval]"),
            format!("order spec.policy.alphabetical.order \"\" -> latest {B} - [long-interval]"),
            "resting spec.policy.numerical.order \"asc\" -> ignored [suspended long-interval]".to_owned(),
        ]
    );

    let then = locked(&policies(), &registry(), None).lock.text();
    assert!(then.contains(&format!(
        "  object: ImagePolicy/apps/range\n  field: spec.policy.semver.range\n  source: oci://registry.example.com/app\n  \
         written: 1.x\n  resolved: 1.3.0\n  digest: {B}\n"
    )));
    let now = registry().to_string().replace("\"2.0.0\"", "\"1.4.0\"");
    let now: serde_json::Value = serde_json::from_str(&now).unwrap();
    let moved: Vec<String> = locked(&policies(), &now, Some(&then))
        .drift
        .iter()
        .filter(|drift| drift.is_drift())
        .map(|drift| format!("{} {}", drift.kind(), drift.key().object))
        .collect();
    assert_eq!(moved, ["moved ImagePolicy/apps/range"]);

    let (after, lines) = back(&policies(), &then);
    assert_eq!(lines[0], "range 1.x -> 1.3.0");
    assert!(after[0].text.contains("      range: 1.3.0 # till 2 is proven\n"));
    let held: Vec<&String> = lines.iter().filter(|line| line.contains("cannot be pinned")).collect();
    assert_eq!(held.len(), 3, "{lines:?}");
    // From then on the policy elects that, whatever is published.
    let (found, _) = survey(&after, &now);
    let standing = found.rows[0].stands.as_ref().unwrap();
    assert_eq!((standing.resolved.as_str(), standing.digest.as_deref()), ("1.3.0", Some(B)));
}

#[test]
fn constraints_of_terraform_select_as_terraform_does() {
    let files = [file(
        "main.tf",
        "terraform {\n  required_providers {\n    flux = {\n      source  = \"fluxcd/flux\"\n      version = \"~> 1.2\" # one\n    }\n  }\n}\n",
    )];
    let tag =
        |name: &str, digit: &str| json!({"name": format!("refs/tags/{name}"), "commit": digit.repeat(40)});
    let registry = json!({"schema": "flux-upgrade/registry-snapshot/v1", "git": [
        {"url": "https://github.com/fluxcd/terraform-provider-flux",
            "refs": [tag("v1.2.9", "1"), tag("v1.5.0", "2"), tag("v2.0.0", "3")]}]});
    let (found, _) = survey(&files, &registry);
    let standing = found.rows[0].stands.as_ref().unwrap();
    assert_eq!((standing.resolved.as_str(), standing.newest.as_deref()), ("v1.5.0", Some("v2.0.0")));
    let then = locked(&files, &registry, None).lock.text();
    let (after, lines) = back(&files, &then);
    assert_eq!(lines, ["flux ~> 1.2 -> 1.5.0"]);
    assert!(after[0].text.contains("      version = \"1.5.0\" # one\n"), "{}", after[0].text);
}
