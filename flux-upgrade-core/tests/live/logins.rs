//! A login that somebody has written into an address is shown to nobody, whatever becomes of the source.

use flux_upgrade_core::report;

use super::Setup;
use super::server::{Reply, Server};

/// Every kind of source, and what is none, each with a login in its address.
fn text(host: &str) -> String {
    let flux = "apiVersion: source.toolkit.fluxcd.io/v1";
    let mut out = String::new();
    for (number, url) in [
        "ssh://robot:s3cret@host".to_owned(),
        "ftp://robot:s3cret@host/x".to_owned(),
        "robot:s3cret@host:x".to_owned(),
        "'https://robot:s3cret@host/x y'".to_owned(),
        "'https://s3cret@host/x?y=1'".to_owned(),
        "https://robot:s3/cret@host/x".to_owned(),
        "' https://s3cret@host/x'".to_owned(),
        format!("http://robot:s3cret@{host}/x"),
    ]
    .iter()
    .enumerate()
    {
        out.push_str(&format!(
            "---\n{flux}\nkind: GitRepository\nmetadata: {{name: git{number}, namespace: apps}}\nspec:\n  url: {url}\n  ref: {{tag: 1.0.0}}\n"
        ));
    }
    for (number, url) in [
        "oci://robot:s3cret@host/x",
        "oci://s3cret@host/x",
        "https://robot:s3cret@host/x",
        "oci://oci://robot:s3cret@host/x",
    ]
    .iter()
    .enumerate()
    {
        out.push_str(&format!(
            "---\n{flux}\nkind: OCIRepository\nmetadata: {{name: oci{number}, namespace: apps}}\nspec:\n  url: {url}\n  ref: {{tag: 1.0.0}}\n"
        ));
    }
    for (number, (url, kind)) in [
        (format!("http://robot:s3cret@{host}/charts"), "default"),
        ("ht!tp://robot:s3cret@host/x".to_owned(), "default"),
        ("https://robot:s3cret@host/x".to_owned(), "oci"),
        ("oci://robot:s3cret@host/x".to_owned(), "oci"),
        ("oci://robot:s3cret@host/x".to_owned(), "default"),
    ]
    .iter()
    .enumerate()
    {
        out.push_str(&format!(
            "---\n{flux}\nkind: HelmRepository\nmetadata: {{name: helm{number}, namespace: apps}}\nspec: {{url: '{url}', type: {kind}}}\n\
             ---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: helm{number}, namespace: apps}}\n\
             spec: {{chart: {{spec: {{chart: app, version: 1.0.0, sourceRef: {{kind: HelmRepository, name: helm{number}}}}}}}}}\n"
        ));
    }
    out.push_str(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: apps}\nspec: {template: {spec: {containers: \
         [{name: a, image: 'robot:s3cret@host/x:1.0.0'}]}}}\n---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\n\
         metadata: {name: i, namespace: apps}\nspec: {image: 'robot:s3cret@host.io/x'}\n",
    );
    out
}

#[test]
fn nothing_that_is_shown_has_it() {
    let server = Server::start(|seen| match seen.target.ends_with("index.yaml") {
        true => Reply::body("apiVersion: v1\nentries: {}\n"),
        false => Reply::status(404),
    });
    let text = text(&server.authority());
    let setup = Setup::default();
    let (plan, recording) = setup.plan(&text);
    let files = [flux_upgrade_core::SourceFile {
        path: flux_upgrade_core::RepoPath::parse("apps.yaml").unwrap(),
        text: text.clone(),
    }];
    let set = flux_upgrade_core::patch(&files, &plan);
    let held: Vec<String> = plan.held.iter().map(|held| held.reason.to_string()).collect();
    assert!(held.len() >= 17, "every source is there: {held:#?}");
    assert!(held.iter().any(|reason| reason.contains("/charts has no chart app")), "{held:#?}");
    for told in [
        report::json(&files, &plan, &set, None),
        report::markdown(&plan),
        report::sarif(&files, &plan, &set),
        report::sites_json(&plan.sites, &[], None),
        recording.to_json(None),
        held.join("\n"),
    ] {
        let at = told.find("s3").filter(|at| told[*at..].contains("cret"));
        assert_eq!(at.map(|at| &told[at.saturating_sub(80)..at + 8]), None);
    }
}
