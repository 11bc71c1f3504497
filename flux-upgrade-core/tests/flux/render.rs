//! Rendering, and the way back.

use flux_upgrade_core::flux::{Generation, Options, Release, prove, recover, render};

use crate::release::{files, new, old, options, rendered};

/// The lines of `new` that `old` does not have, and the other way round.
fn changed(old: &str, new: &str) -> (Vec<String>, Vec<String>) {
    let diff = similar::TextDiff::from_lines(old, new);
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    for change in diff.iter_all_changes() {
        let line = change.value().trim_end().to_owned();
        match change.tag() {
            similar::ChangeTag::Delete => gone.push(line),
            similar::ChangeTag::Insert => come.push(line),
            similar::ChangeTag::Equal => {}
        }
    }
    (gone, come)
}

#[test]
fn the_whole_text() {
    let found = rendered(&[("components", "source-controller,notification-controller")]);
    let expected = include_str!("two-components.yaml");
    assert!(found == expected, "{found}");
}

#[test]
fn each_option_changes_its_lines() {
    let one = [("components", "notification-controller")];
    let plain = rendered(&one);
    type Case<'c> = (&'c [(&'c str, &'c str)], &'c [&'c str], &'c [&'c str]);
    let cases: [Case<'_>; 9] = [
        (&[("log-level", "debug")], &["        - --log-level=info"], &["        - --log-level=debug"]),
        (
            &[("watch-all-namespaces", "false")],
            &["        - --watch-all-namespaces=true"],
            &["        - --watch-all-namespaces=false"],
        ),
        (
            &[("registry", "")],
            &["        image: ghcr.io/fluxcd/notification-controller:v1.4.0"],
            &["        image: fluxcd/notification-controller:v1.4.0"],
        ),
        (
            &[("registry", "localhost:5000/a")],
            &["        image: ghcr.io/fluxcd/notification-controller:v1.4.0"],
            &["        image: localhost:5000/a/notification-controller:v1.4.0"],
        ),
        (&[("image-pull-secret", "pull")], &[], &["      imagePullSecrets:", "      - name: pull"]),
        (
            &[("toleration-keys", "a.b/c,true")],
            &[],
            &[
                "      tolerations:",
                "      - key: a.b/c",
                "        operator: Exists",
                "      - key: \"true\"",
                "        operator: Exists",
            ],
        ),
        (&[("cluster-domain", "other.internal")], &[], &[]),
        (&[("namespace", "flux-system")], &[], &[]),
        (&[("image-pull-secret", "")], &[], &[]),
    ];
    for (flags, gone, come) in cases {
        let (found_gone, found_come) = changed(&plain, &rendered(&[&one[..], flags].concat()));
        assert_eq!(
            (found_gone, found_come),
            (gone.iter().map(ToString::to_string).collect(), come.iter().map(ToString::to_string).collect()),
            "{flags:?}"
        );
    }
}

#[test]
fn a_namespace_renames_what_rbac_defines() {
    let text = rendered(&[("namespace", "gitops")]);
    assert!(!text.contains("flux-system"));
    for line in [
        "  name: crd-controller-gitops",
        "  name: cluster-reconciler-gitops",
        "  name: cluster-admin",
        "  name: kustomize-controller",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}");
    }
}

#[test]
fn addresses_follow_the_release_and_the_components() {
    let events = |version: &str, flags: &[(&str, &str)]| {
        let release = Release::from_files(version, files()).expect("a release");
        let text = render(&release, &options(flags)).expect("a text");
        let line =
            |flag: &str| text.lines().rfind(|line| line.contains(flag)).unwrap_or_default().trim().to_owned();
        (line("--events-addr"), line("--storage-adv-addr"), text.contains("ExternalArtifact=true"))
    };
    let watcher = [
        ("components", "source-controller,kustomize-controller,notification-controller,source-watcher"),
        ("namespace", "gitops"),
    ];
    let alone = [("components", "source-watcher")];
    let variable = "- --events-addr=http://notification-controller.$(RUNTIME_NAMESPACE).svc.cluster.local./";
    let named = "- --events-addr=http://notification-controller.gitops.svc.cluster.local./";
    let storage = |name: &str| format!("- --storage-adv-addr={name}.$(RUNTIME_NAMESPACE).svc.cluster.local.");
    assert_eq!(events("v2.7.1", &watcher), (named.to_owned(), storage("source-controller"), true));
    assert_eq!(events("v2.7.2", &watcher), (variable.to_owned(), storage("source-watcher"), true));
    assert_eq!(events("v2.9.0", &alone), ("- --events-addr=".to_owned(), storage("source-watcher"), false));
}

#[test]
fn pods_are_labelled_from_2_7_on() {
    for (version, expected) in [("v2.6.4", false), ("v2.7.0", true)] {
        let files =
            files().into_iter().filter(|(name, _)| version != "v2.6.4" || name != "source-watcher.yaml");
        let release = Release::from_files(version, files).expect("a release");
        let text = render(&release, &Options::default()).expect("a text");
        let pod = text.lines().any(|line| line == format!("        app.kubernetes.io/version: {version}"));
        assert_eq!(pod, expected, "{version}");
    }
}

#[test]
fn what_cannot_be_rendered() {
    let without_watcher = || files().into_iter().filter(|(name, _)| name != "source-watcher.yaml");
    let release = Release::from_files("v2.6.0", without_watcher()).expect("a release");
    let error =
        render(&release, &options(&[("components-extra", "source-watcher")])).expect_err("no such component");
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        ("install.no-component", "Flux v2.6.0 has no source-watcher")
    );
    let release = Release::from_files("v2.2.2", without_watcher()).expect("a release");
    assert_eq!(render(&release, &Options::default()).expect_err("too old").code(), "install.too-old");
    for broken in [
        "",
        "kind: Deployment\n",
        "apiVersion: v1\nkind: Deployment\nmetadata:\n  name: source-controller\nspec: {}\n",
    ] {
        let files = files().into_iter().map(|(name, text)| {
            let text = if name == "source-controller.yaml" { broken.to_owned() } else { text };
            (name, text)
        });
        let release = Release::from_files("v2.8.1", files).expect("a release");
        let error = render(&release, &Options::default()).expect_err("a broken file");
        assert_eq!(error.code(), "install.shape", "{broken}");
        assert!(error.to_string().contains("`source-controller.yaml`"), "{error}");
    }
}

#[test]
fn values_that_no_flag_takes() {
    for (flag, value, expected) in [
        ("components", "source-controller,sourcecontroller", "`sourcecontroller` is no component"),
        ("components", "source-controller,source-controller", "`source-controller` stands twice"),
        ("components", " , ", "at least one component"),
        ("components-extra", "helm-controller", "`helm-controller` stands twice"),
        ("namespace", "Flux", "a DNS label"),
        ("namespace", "", "a DNS label"),
        ("namespace", "123", "a DNS label that YAML reads as text"),
        ("namespace", "on", "a DNS label that YAML reads as text"),
        ("registry", "ghcr.io/fluxcd/", "no `/` at the end"),
        ("registry", "a b", "a host with a path"),
        ("image-pull-secret", "a\nb", "the name of a Secret"),
        ("watch-all-namespaces", "yes", "true or false"),
        ("network-policy", "", "true or false"),
        ("log-level", "warn", "debug, info or error"),
        ("cluster-domain", "a b", "a DNS domain"),
        ("toleration-keys", "a,b c", "keys of taints"),
        ("replicas", "2", "no such option"),
    ] {
        let error = Options::default().set(flag, value).expect_err(value);
        assert_eq!(error.code(), "install.option");
        assert!(error.to_string().contains(expected), "{flag} {value}: {error}");
    }
}

/// Every combination of option values that recovery must tell apart.
#[test]
fn recovery_finds_every_option() {
    let sets: [&[&str]; 9] = [
        &[
            "",
            "components=kustomize-controller,source-controller",
            "components=source-controller",
            "components-extra=source-watcher,image-reflector-controller",
        ],
        &["", "namespace=gitops"],
        &["", "registry=localhost:5000/a/b", "registry=docker.io/fluxcd"],
        &["", "image-pull-secret=pull"],
        &["", "watch-all-namespaces=false"],
        &["", "network-policy=false"],
        &["", "log-level=error"],
        &["", "cluster-domain=corp.internal"],
        &["", "toleration-keys=a.b/c,d"],
    ];
    let release = old();
    let total: usize = sets.iter().map(|set| set.len()).product();
    for number in 0..total {
        let mut left = number;
        let mut wanted = Options::default();
        for set in sets {
            if let Some((flag, value)) = set[left % set.len()].split_once('=') {
                wanted.set(flag, value).expect("an option");
            }
            left /= set.len();
        }
        let text = render(&release, &wanted).expect("a text");
        let found = recover(&text).expect("options");
        assert_eq!(found.options, wanted, "{wanted}");
        assert_eq!((found.version(), found.generation), (Some("v2.8.1"), Some(Generation::Current)));
        assert!(prove(&text, &release, &[]).expect("a proof").differences.is_empty(), "{wanted}");
    }
}

#[test]
fn flags_give_the_options_back() {
    let wanted = options(&[
        ("components", "helm-controller"),
        ("namespace", "x"),
        ("toleration-keys", "a,b"),
        ("network-policy", "f"),
    ]);
    let mut found = Options::default();
    for (flag, value) in wanted.flags() {
        found.set(flag, &value).expect("an option");
    }
    assert_eq!(found, wanted);
    assert_eq!(Options::default().to_string(), "");
}

#[test]
fn older_forms_are_read() {
    let text = rendered(&[])
        .replace("# This manifest was generated by flux. DO NOT EDIT.\n", "")
        .replace("# Flux Version:", "# Flux version:");
    let found = recover(&text).expect("options");
    assert_eq!((found.generation, found.header.as_deref()), (Some(Generation::Early), Some("v2.8.1")));
    let text = text.replace("# Flux version:", "# GitOps Toolkit revision").replace('\n', "\r\n");
    let found = recover(&text).expect("options");
    assert_eq!(
        (found.generation, found.crlf, found.options),
        (Some(Generation::Toolkit), true, Options::default())
    );
}

#[test]
fn another_release_proves_nothing() {
    let error = prove(&rendered(&[]), &new(), &[]).expect_err("another release");
    assert_eq!(error.code(), "prove.other-release");
    assert_eq!(error.to_string(), "the file is of Flux v2.8.1, and the release at hand is v2.9.0");
}
