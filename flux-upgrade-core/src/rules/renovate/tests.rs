use super::super::{Overrides, Rules};
use super::*;
use crate::text::SourceFile;
use crate::version::Pattern;

const FLUX: &str = "\
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: apps}
spec: {url: https://charts.example.com/stable}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: apps}
spec: {chart: {spec: {chart: ingress-nginx, version: 1.2.3, sourceRef: {kind: HelmRepository, name: charts}}}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: podinfo, namespace: apps}
spec: {url: oci://ghcr.io/stefanprodan/manifests/podinfo, ref: {tag: 6.5.0}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: redis, namespace: apps}
spec: {url: oci://registry-1.docker.io/bitnamicharts/redis, ref: {tag: 1.0.0}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: tenants, namespace: apps}
spec: {url: https://github.com/example/tenants, ref: {tag: v1.0.0}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: house, namespace: apps}
spec: {url: https://git.example.com/team/house.git, ref: {tag: v1.0.0}}
";

/// The sites of one file: ingress-nginx, podinfo, redis, tenants, house.
fn sites(path: &str) -> Vec<Site> {
    let path = RepoPath::parse(path).unwrap();
    let sites = crate::locate(&crate::scan(&[SourceFile { path, text: FLUX.to_owned() }]));
    assert_eq!(sites.len(), 5);
    sites
}

fn read(text: &str) -> Renovate {
    Renovate::parse(&RepoPath::parse("renovate.json5").unwrap(), text).unwrap()
}

/// For each site the first letters of what it is told: `n`one, `p`atch, `m`inor, `M`ajor; `K`eep, `U`pdate, `P`in.
fn told(config: &str, path: &str) -> String {
    let rules = Rules::default().over(read(config));
    let mut out = String::new();
    for site in sites(path) {
        let settings = rules.settings(&site);
        out.push(match settings.allow {
            Allow::None => 'n',
            Allow::Patch => 'p',
            Allow::Minor => 'm',
            Allow::Major => 'M',
        });
        out.push(match settings.digests {
            Digests::Keep => 'K',
            Digests::Update => 'U',
            Digests::Pin => 'P',
        });
        out.push(' ');
    }
    out.trim_end().to_owned()
}

fn findings(config: &str) -> Vec<String> {
    read(config)
        .findings()
        .iter()
        .map(|finding| format!("{}:{} {}", finding.at.line, finding.at.column, finding.message))
        .collect()
}

#[test]
fn what_is_on_and_off() {
    for (config, expected) in [
        ("{}", "mU mU mU mU mU"),
        ("{enabled: false}", "nK nK nK nK nK"),
        ("{major: {enabled: false}}", "mU mU mU mU mU"),
        ("{major: {enabled: true}}", "MU MU MU MU MU"),
        ("{minor: {enabled: false}, major: {enabled: true}}", "pU pU pU pU pU"),
        ("{digest: {enabled: false}}", "mK mK mK mK mK"),
        ("{pinDigests: true}", "mP mP mP mP mP"),
        ("{pinDigests: true, digest: {enabled: false}}", "mK mK mK mK mK"),
        ("{flux: {enabled: false}}", "nK nK nK nK nK"),
        ("{kubernetes: {enabled: false}}", "mU mU mU mU mU"),
        ("{flux: {major: {enabled: true}, pinDigests: true}}", "MP MP MP MP MP"),
        // What stands under an update goes over what stands beside it, wherever it is written.
        ("{major: {enabled: false}, enabled: true}", "mU mU mU mU mU"),
        ("{extends: [':disableMajorUpdates']}", "mU mU mU mU mU"),
        ("{extends: ['docker:pinDigests']}", "mU mP mP mU mU"),
        ("{extends: ['docker:enableMajor']}", "mU MU MU mU mU"),
        (
            "{extends: ['docker:enableMajor'], packageRules: [{matchPackageNames: ['*'], matchUpdateTypes: ['major'], enabled: false}]}",
            "mU mU mU mU mU",
        ),
        ("{major: {enabled: true}, extends: ['docker:disableMajor']}", "MU MU MU MU MU"),
        ("{enabledManagers: ['helm-values', 'flux']}", "mU mU mU mU mU"),
        ("{enabledManagers: ['helm-values'], packageRules: [{enabled: true}]}", "nK nK nK nK nK"),
        (
            "{ignoreDeps: ['ingress-nginx', 'ghcr.io/stefanprodan/manifests/podinfo', 'example/tenants']}",
            "nK nK mU nK mU",
        ),
        (
            "{ignoreDeps: ['ingress'], packageRules: [{matchDatasources: ['npm'], enabled: false}]}",
            "mU mU mU mU mU",
        ),
    ] {
        assert_eq!(told(config, "apps/a.yaml"), expected, "{config}");
    }
}

#[test]
fn package_rules_match_as_renovate_would() {
    for (matcher, expected) in [
        ("", "n n n n n"),
        ("matchPackageNames: ['ingress-nginx']", "n m m m m"),
        ("matchPackageNames: ['Ingress-NGINX']", "n m m m m"),
        ("matchPackageNames: ['ingress*']", "n m m m m"),
        ("matchPackageNames: ['ghcr.io/stefanprodan/**']", "m n m m m"),
        ("matchPackageNames: ['ghcr.io/*']", "m m m m m"),
        ("matchPackageNames: ['/^ghcr\\\\.io/']", "m n m m m"),
        ("matchPackageNames: ['/^GHCR/']", "m m m m m"),
        ("matchPackageNames: ['/^GHCR/i']", "m n m m m"),
        ("matchPackageNames: ['!ingress-nginx']", "m n n n n"),
        ("matchPackageNames: ['*', '!/podinfo$/']", "n m n n n"),
        ("matchDepNames: ['bitnamicharts/redis', 'registry-1.docker.io/bitnamicharts/nginx']", "m m n m m"),
        ("matchPackageNames: ['registry-1.docker.io/bitnamicharts/redis']", "m m n m m"),
        ("matchPackageNames: ['example/tenants']", "m m m n m"),
        ("matchPackageNames: ['https://git.example.com/team/house.git']", "m m m m n"),
        ("matchPackagePatterns: ['^ingress', 'house']", "n m m m n"),
        ("matchPackagePatterns: ['*'], excludePackageNames: ['ingress-nginx']", "m n n n n"),
        ("matchPackagePatterns: ['.'], excludePackagePatterns: ['nginx$']", "m n n n n"),
        ("matchPackagePrefixes: ['ghcr.io/stefanprodan/', 'ingress-']", "n n m m m"),
        ("matchDatasources: ['helm']", "n m m m m"),
        ("matchDatasources: ['docker', 'git-tags']", "m n n m n"),
        ("matchDatasources: ['github-tags']", "m m m n m"),
        ("matchDatasources: ['!docker']", "n m m n n"),
        ("matchManagers: ['flux']", "n n n n n"),
        ("matchManagers: ['kubernetes', 'helm-values']", "m m m m m"),
        ("matchFileNames: ['apps/**']", "n n n n n"),
        ("matchFileNames: ['apps/*.yaml', 'x']", "n n n n n"),
        ("matchFileNames: ['clusters/**']", "m m m m m"),
        ("matchFileNames: ['!apps/**']", "m m m m m"),
        ("matchPaths: ['apps']", "n n n n n"),
        ("matchDatasources: ['docker'], matchPackageNames: ['/redis/']", "m m n m m"),
        ("matchUpdateTypes: ['pin', 'lockFileMaintenance']", "m m m m m"),
    ] {
        let config = format!("{{packageRules: [{{{matcher}, enabled: false}}]}}").replace("{, ", "{");
        let found: String = told(&config, "apps/a.yaml").replace(['K', 'U'], "");
        assert_eq!(found, expected, "{config}");
        assert_eq!(findings(&config), Vec::<String>::new(), "{config}");
    }
}

#[test]
fn sites_have_the_managers_that_would_find_them() {
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n\
        spec: {template: {spec: {containers: [{name: web, image: ghcr.io/example/web:1.0.0}]}}}\n";
    let kustomization = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
        images: [{name: ghcr.io/example/web, newTag: 1.0.0}]\n";
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web}\n\
        spec: {values: {image: {repository: ghcr.io/example/web, tag: 1.0.0}}}\n";
    for (path, text, expected) in [
        ("apps/deployment.yaml", deployment, "kubernetes"),
        ("apps/kustomization.yaml", kustomization, "kustomize"),
        ("apps/release.yaml", release, "helm-values"),
        ("apps/release.yaml", release, "flux"),
    ] {
        let file = SourceFile { path: RepoPath::parse(path).unwrap(), text: text.to_owned() };
        let sites = crate::locate(&crate::scan(&[file]));
        assert!(!sites.is_empty(), "{path}");
        for manager in ["kubernetes", "kustomize", "helm-values", "flux"] {
            let config = format!("{{packageRules: [{{matchManagers: ['{manager}'], enabled: false}}]}}");
            let rules = Rules::default().over(read(&config));
            let is_off = rules.settings(&sites[0]).allow == Allow::None;
            assert_eq!(
                is_off,
                manager == expected || path.contains("release") && matches!(manager, "flux" | "helm-values"),
                "{path} {manager}"
            );
        }
    }
}

#[test]
fn the_last_rule_counts_update_by_update() {
    for (rules, expected) in [
        ("{matchUpdateTypes: ['major'], enabled: false}", "mU"),
        ("{matchUpdateTypes: ['major', 'minor'], enabled: false}", "pU"),
        ("{matchUpdateTypes: ['major', 'minor', 'patch', 'digest'], enabled: false}", "nK"),
        ("{matchUpdateTypes: ['minor'], enabled: false}", "pU"),
        ("{enabled: false}, {matchDatasources: ['helm'], enabled: true}", "mU"),
        ("{enabled: false}, {matchUpdateTypes: ['patch'], enabled: true}", "pK"),
        ("{enabled: false}, {matchUpdateTypes: ['patch', 'digest'], enabled: true}", "pU"),
        ("{major: {enabled: false}, minor: {enabled: false}}", "pU"),
        ("{matchUpdateTypes: ['major'], enabled: true}", "MU"),
    ] {
        let config = format!("{{packageRules: [{rules}]}}");
        assert_eq!(&told(&config, "apps/a.yaml")[..2], expected, "{config}");
        let alone =
            config.contains("['minor'], enabled: false") || config.contains("minor: {enabled: false}");
        assert_eq!(findings(&config).len(), usize::from(alone), "{config}");
    }
}

#[test]
fn paths_that_are_left_out() {
    let recommended = "{extends: ['config:recommended']}";
    let own = "{ignorePaths: ['legacy/', '**/*.old.yaml'], extends: ['config:recommended']}";
    for (config, path, on) in [
        (recommended, "apps/a.yaml", true),
        (recommended, "apps/tests/a.yaml", false),
        (recommended, "tests/a.yaml", false),
        (recommended, "apps/examples/x/a.yaml", false),
        (recommended, "apps/contest/a.yaml", true),
        ("{extends: ['config:best-practices']}", "vendor/a.yaml", false),
        // An own list takes the place of the preset's.
        (own, "apps/tests/a.yaml", true),
        (own, "apps/legacy/a.yaml", false),
        (own, "apps/a.old.yaml", false),
        ("{extends: ['config:recommended'], ignorePaths: []}", "tests/a.yaml", true),
        ("{includePaths: ['clusters/**']}", "clusters/x/a.yaml", true),
        ("{includePaths: ['clusters/**'], packageRules: [{enabled: true}]}", "apps/a.yaml", false),
    ] {
        let expected = if on { 'm' } else { 'n' };
        assert_eq!(told(config, path).chars().next(), Some(expected), "{config} {path}");
    }
}

#[test]
fn ages_ranges_and_groups() {
    let rules = Rules::default().over(read(
        "{minimumReleaseAge: '3 days', groupName: 'everything', packageRules: [
           {matchDatasources: ['helm'], minimumReleaseAge: '2 weeks', allowedVersions: '<2', groupName: 'charts'},
           {matchPackageNames: ['/podinfo/'], stabilityDays: 1, groupName: null},
           {matchPackageNames: ['/redis/'], minimumReleaseAge: null},
           {matchDatasources: ['helm'], matchUpdateTypes: ['major'], groupName: 'major charts'},
         ]}",
    ));
    let sites = sites("apps/a.yaml");
    let ages: Vec<String> = sites
        .iter()
        .map(|site| rules.settings(site).minimum_age.map(|age| age.seconds().to_string()).unwrap())
        .collect();
    assert_eq!(ages, ["1209600", "86400", "0", "259200", "259200"]);
    let ranges: Vec<usize> = sites.iter().map(|site| rules.settings(site).ranges_wanted.len()).collect();
    assert_eq!(ranges, [1, 0, 0, 0, 0]);
    let group = |site: usize, level| rules.group(&sites[site], level);
    assert_eq!(group(0, Level::Minor), Some("charts"));
    assert_eq!(group(0, Level::Major), Some("major charts"));
    assert_eq!((group(1, Level::Major), group(3, Level::Digest)), (None, Some("everything")));
    let non_major = Rules::default().over(read("{extends: ['group:allNonMajor']}"));
    assert_eq!(non_major.group(&sites[0], Level::Patch), Some("all non-major dependencies"));
    assert_eq!(non_major.group(&sites[0], Level::Major), None);
}

#[test]
fn the_rules_file_and_flags_go_over_it() {
    let renovate =
        || read("{major: {enabled: true}, minimumReleaseAge: '3 days', pinDigests: true, groupName: 'r'}");
    let path = RepoPath::parse(".flux-upgrade.yaml").unwrap();
    let sites = sites("apps/a.yaml");
    let file = |text: &str| Rules::parse(&path, &format!("version: 1\n{text}")).unwrap().over(renovate());
    let rules =
        file("defaults: {allow: patch, minimumAge: 0d}\nrules: [{match: {kind: HelmRelease}, group: own}]");
    let settings = rules.settings(&sites[0]);
    assert_eq!((settings.allow, settings.digests), (Allow::Patch, Digests::Pin));
    assert_eq!(settings.minimum_age.map(Age::seconds), Some(0));
    assert_eq!(rules.group(&sites[0], Level::Patch), Some("own"));
    assert_eq!(rules.group(&sites[1], Level::Patch), Some("r"));
    let flags = Overrides { allow: Some(Allow::None), ..Overrides::default() };
    assert_eq!(file("").with(flags).unwrap().settings(&sites[0]).allow, Allow::None);
}

#[test]
fn what_does_not_count_is_listed_with_its_place() {
    let config = "{
  \"$schema\": 'https://docs.renovatebot.com/renovate-schema.json',
  description: ['ours'],
  extends: ['config:recommended', ':semanticCommits', 'github>example/presets', 'schedule:weekly'],
  automerge: true, // not here
  labels: ['a'],
  kubernetes: {managerFilePatterns: ['/x/']},
  flux: {managerFilePatterns: ['/\\\\.yaml$/']},
  packageRules: [
    {description: 'x', matchPackageNames: ['a'], automerge: true, enabled: false},
    {matchSourceUrls: ['https://github.com/x/y'], enabled: false},
    {matchPackageNames: ['/(?=x)/'], enabled: false},
    {matchUpdateTypes: ['patch'], enabled: false},
    {matchUpdateTypes: ['major'], minimumReleaseAge: '14 days', allowedVersions: '<2'},
    {allowedVersions: '/^1\\\\./', minimumReleaseAge: '1 month', groupName: '{{packageName}}'},
    {enabled: 'no', groupName: 7},
    'nonsense',
    {matchDatasources: {a: 1}},
  ],
  ignoreDeps: {},
}";
    assert_eq!(
        findings(config),
        [
            "4:13 of the preset `config:recommended`, the groups and replacements have no effect here",
            "4:55 the preset `github>example/presets` is not known here",
            "5:3 `automerge` has no effect here",
            "6:3 `labels` has no effect here",
            "7:16 `managerFilePatterns` has no effect here",
            "8:10 `managerFilePatterns` has no effect here",
            "20:15 `ignoreDeps` is not a list of texts",
            "10:50 `automerge` has no effect here",
            "11:6 `matchSourceUrls` cannot be told here: this package rule has no effect",
            "12:6 `matchPackageNames` PATTERN: this package rule has no effect",
            "13:5 a step that is turned off holds longer ones too here",
            "14:54 `minimumReleaseAge` for some updates alone has no effect here",
            "14:82 `allowedVersions` for some updates alone has no effect here",
            "15:23 `allowedVersions` has no effect here: `/^1\\./` is not a range",
            "15:53 `minimumReleaseAge` has no effect here: `1 month` is no duration in days",
            "15:75 `groupName` is a template, which has no effect here",
            "16:15 `enabled` has a value that it does not take",
            "16:32 `groupName` has a value that it does not take",
            "17:5 this package rule is not an object",
            "18:6 `matchDatasources` is not a list of texts: this package rule has no effect",
        ]
        .map(|line| match line.contains("PATTERN") {
            true => line.replace("PATTERN", &Pattern::parse("(?=x)").unwrap_err().to_string()),
            false => line.to_owned(),
        })
    );
    assert_eq!(told(config, "apps/a.yaml"), "nU nU nU nU nU", "by the rule for patches");
    let shown = Rules::default().over(read(config)).show();
    assert!(shown.contains("# below these: renovate.json5, of which this has no effect here:\n"), "{shown}");
    assert!(shown.contains("#   renovate.json5:5:3: `automerge` has no effect here\n"), "{shown}");
    let path = RepoPath::parse("shown.yaml").unwrap();
    assert!(Rules::parse(&path, &shown).is_ok(), "{shown}");
}

#[test]
fn conventional_commits_are_worded_as_such() {
    let worded = |rules: &str, renovate: &str| {
        let path = RepoPath::parse(".flux-upgrade.yaml").unwrap();
        let rules = Rules::parse(&path, &format!("version: 1\n{rules}")).unwrap().over(read(renovate));
        rules
            .show()
            .lines()
            .skip_while(|line| *line != "wording:")
            .skip(1)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let commit = |before: &str| format!("  commit: \"{before}: {{subject}}\\n\\n{{changes}}\"");
    let pull = |before: &str| format!("  pullRequest: \"{before}: {{subject}}\"");
    for (renovate, before) in [
        ("{extends: [':semanticCommits']}", "chore(deps)"),
        (
            "{semanticCommits: 'enabled', semanticCommitType: 'ci', semanticCommitScope: 'flux/apps'}",
            "ci(flux/apps)",
        ),
        ("{extends: [':semanticCommits', ':semanticPrefixFix', ':semanticCommitScopeDisabled']}", "fix"),
        (
            "{extends: [':semanticCommits', ':semanticCommitTypeAll(feat)', ':semanticCommitScope(k8s)']}",
            "feat(k8s)",
        ),
    ] {
        assert_eq!(worded("", renovate)[..2], [commit(before), pull(before)], "{renovate}");
    }
    for renovate in [
        "{}",
        "{semanticCommitType: 'fix'}",
        "{semanticCommits: 'auto'}",
        "{extends: [':semanticCommits'], semanticCommits: 'disabled'}",
    ] {
        assert_eq!(worded("", renovate), [""; 0], "{renovate}");
    }
    // The rules' own words stand above.
    let own = worded("wording: {pullRequest: 'Take {title}'}\n", "{semanticCommits: 'enabled'}");
    assert_eq!(own[..2], [commit("chore(deps)"), "  pullRequest: \"Take {title}\"".to_owned()]);
    assert_eq!(findings("{semanticCommits: 'auto', semanticCommitScope: 'a b'}").len(), 2);
    assert_eq!(findings("{extends: [':semanticCommitType({x})']}").len(), 1);
}

#[test]
fn what_a_finding_quotes_begins_no_rule() {
    let rules = Rules::default().over(read(r#"{"a\nallow: none": 1, "extends": ["x\u0000\u001b[31m"]}"#));
    let shown = rules.show();
    assert!(shown.contains("`a\\u{a}allow: none` has no effect here\n"), "{shown}");
    assert!(shown.contains("the preset `x\\u{0}\\u{1b}[31m` is not known here\n"), "{shown}");
    assert!(!shown.contains("\nallow"), "{shown}");
}

#[test]
fn what_is_no_configuration_is_refused_at_its_place() {
    let path = RepoPath::parse("renovate.json").unwrap();
    for (text, message) in [
        ("{a: 1,\n b}", "renovate.json:2:3: `:` is wanted behind the key"),
        ("[]", "renovate.json:1:1: an object is wanted here"),
        ("", "renovate.json:1:1: a value is wanted, and the file ends"),
    ] {
        let error = Renovate::parse(&path, text).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.code), (message, "rules.renovate"));
    }
}

#[test]
fn every_preset_can_be_read() {
    for name in [
        "config:recommended",
        "config:base",
        "config:best-practices",
        ":ignoreModulesAndTests",
        "default:disableMajorUpdates",
        ":disableDigestUpdates",
        "docker:pinDigests",
        "docker:disableMajor",
        "docker:enableMajor",
        "group:all",
        "group:allNonMajor",
    ] {
        let preset::Preset::Is(text) = preset::preset(name) else { panic!("{name}") };
        assert!(json5::parse(text).unwrap().entries().is_some(), "{name}");
        let listed = findings(&format!("{{extends: ['{name}']}}"));
        assert_eq!(listed.len(), usize::from(name.starts_with("config:")), "{listed:?}");
    }
}

#[test]
fn a_key_that_stands_twice_counts_where_it_stands_last() {
    let config = "{enabled: false,\n packageRules: [{matchPackageNames: ['podinfo'], enabled: true, enabled: false}],\n enabled: true}";
    assert_eq!(
        findings(config),
        [
            "1:2 `enabled` has no effect here: it stands again below",
            "2:50 `enabled` has no effect here: it stands again below",
        ]
    );
    assert_eq!(told(config, "a.yaml"), "mU nK mU mU mU");
}

#[test]
fn another_time_zone_is_told() {
    for (zone, told) in [("Europe/Berlin", true), ("UTC", false), ("Etc/UTC", false)] {
        let config = format!("{{timezone: '{zone}', schedule: ['before 6am']}}");
        let expected =
            format!("1:12 `timezone` has no effect here: schedules are read as UTC, and not as {zone}");
        assert_eq!(findings(&config), told.then_some(expected).into_iter().collect::<Vec<_>>());
        let preset = format!("{{extends: [':timezone({zone})']}}");
        assert_eq!(findings(&preset).len(), usize::from(told), "{preset}");
    }
}

#[test]
fn an_empty_list_matches_nothing_and_excludes_nothing() {
    for (list, expected, listed) in [
        ("matchPackageNames: []", "mU mU mU mU mU", 1),
        ("matchUpdateTypes: []", "mU mU mU mU mU", 1),
        ("excludePackageNames: []", "nK nK nK nK nK", 0),
    ] {
        let config = format!("{{packageRules: [{{{list}, enabled: false}}]}}");
        assert_eq!(
            (told(&config, "a.yaml").as_str(), findings(&config).len()),
            (expected, listed),
            "{config}"
        );
        let rules = Rules::default().over(read(&config)).show();
        assert_eq!(rules.contains("has no effect here"), listed > 0, "{rules}");
    }
}
