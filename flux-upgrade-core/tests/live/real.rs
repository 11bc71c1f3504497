//! Real servers, and what other programs say of them: docker-registry, git over all its roads.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flux_upgrade_core::resolve::{Answer, Ask, Snapshot};

use super::server::{Reply, Seen, Server, closed_port};
use super::{Setup, Source, outcomes, repository};

/// Whether a program is there; says so once where it is not.
pub(crate) fn has(program: &str) -> bool {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .any(|folder| folder.join(program).is_file());
    if !found {
        eprintln!("skipped: no {program}");
    }
    found
}

pub(crate) struct Ended(pub(crate) Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn wait_for(port: u16) {
    let until = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "nothing listens on {port}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What a registry shows, and the authority of those that may ask it.
pub(crate) struct Identity<'a> {
    pub(crate) certificate: &'a str,
    pub(crate) key: &'a str,
    pub(crate) clients: Option<&'a str>,
}

/// A registry of Debian's `docker-registry`.
pub(crate) struct Registry {
    pub(crate) host: String,
    _process: Ended,
    _folder: tempfile::TempDir,
}

impl Registry {
    pub(crate) fn start(htpasswd: Option<&str>, tls: Option<Identity<'_>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let port = closed_port();
        let mut http = serde_json::json!({"addr": format!("127.0.0.1:{port}")});
        if let Some(Identity { certificate, key, clients }) = tls {
            fs::write(at("tls.crt"), certificate).unwrap();
            fs::write(at("tls.key"), key).unwrap();
            http["tls"] = serde_json::json!({"certificate": at("tls.crt"), "key": at("tls.key")});
            if let Some(authority) = clients {
                fs::write(at("clients.crt"), authority).unwrap();
                http["tls"]["clientcas"] = serde_json::json!([at("clients.crt")]);
            }
        }
        let mut config = serde_json::json!({
            "version": 0.1, "log": {"level": "error", "accesslog": {"disabled": true}},
            "storage": {"filesystem": {"rootdirectory": at("data")}}, "http": http,
        });
        if let Some(text) = htpasswd {
            fs::write(at("htpasswd"), text).unwrap();
            config["auth"] = serde_json::json!({"htpasswd": {"realm": "test", "path": at("htpasswd")}});
        }
        fs::write(at("config.yml"), config.to_string()).unwrap();
        let process = Command::new("docker-registry")
            .args(["serve", &at("config.yml")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let process = Ended(process);
        wait_for(port);
        Self { host: format!("127.0.0.1:{port}"), _process: process, _folder: folder }
    }
}

/// An image of nothing for each tag, pushed by oci-client, with what that program then says of the repository.
pub(crate) mod judge {
    use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
    use oci_client::secrets::RegistryAuth;
    use oci_client::{Client, Reference};

    pub(crate) fn client(tls_ca: Option<&str>) -> Client {
        // Once is enough; later calls find it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let certificate = |ca: &str| oci_client::client::Certificate {
            encoding: oci_client::client::CertificateEncoding::Pem,
            data: ca.as_bytes().to_vec(),
        };
        Client::new(ClientConfig {
            protocol: if tls_ca.is_some() { ClientProtocol::Https } else { ClientProtocol::Http },
            extra_root_certificates: tls_ca.map(certificate).into_iter().collect(),
            ..ClientConfig::default()
        })
    }

    pub(crate) async fn push(
        client: &Client,
        auth: &RegistryAuth,
        repository: &str,
        tag: &str,
        created: &str,
    ) {
        let reference: Reference = format!("{repository}:{tag}").parse().unwrap();
        let layer = ImageLayer::oci_v1(tag.as_bytes().to_vec(), None);
        let config = Config::oci_v1(format!(r#"{{"created": "{created}"}}"#).into_bytes(), None);
        client.push(&reference, &[layer], config, auth, None).await.unwrap();
    }

    /// Tags, and the digest of each.
    pub(super) async fn tags(
        client: &Client,
        auth: &RegistryAuth,
        repository: &str,
    ) -> Vec<(String, String)> {
        let reference: Reference = format!("{repository}:latest").parse().unwrap();
        let mut out = Vec::new();
        for tag in client.list_tags(&reference, auth, None, None).await.unwrap().tags {
            let reference: Reference = format!("{repository}:{tag}").parse().unwrap();
            let digest = client.fetch_manifest_digest(&reference, auth).await.unwrap();
            out.push((tag, digest));
        }
        out
    }
}

/// Pushes some tags and compares everything that is asked with what the judge says.
fn compare(setup: &Setup, host: &str, ca: Option<&str>, auth: &oci_client::secrets::RegistryAuth) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = judge::client(ca);
    let repository = format!("{host}/team/app");
    let pushed = [
        ("1.0.0", "2026-01-01T00:00:00Z"),
        ("1.1.0", "2026-02-01T00:00:00Z"),
        ("2.0.0-rc.1", "1970-01-01T00:00:00Z"),
    ];
    for (tag, created) in pushed {
        runtime.block_on(judge::push(&client, auth, &repository, tag, created));
    }
    let told = runtime.block_on(judge::tags(&client, auth, &repository));
    let Ok(Answer::Tags(tags)) = setup.ask(Ask::Tags { repository: repository.clone() }) else { panic!() };
    let names: Vec<&str> = tags.iter().map(|tag| tag.text.as_str()).collect();
    assert_eq!(names, told.iter().map(|(tag, _)| tag.as_str()).collect::<Vec<_>>());
    for (tag, digest) in &told {
        let ask = Ask::Digest { repository: repository.clone(), tag: tag.clone() };
        assert_eq!(setup.ask(ask), Ok(Answer::Digest(digest.clone())), "{tag}");
    }
    for (tag, created) in pushed {
        let ask = Ask::Created { repository: repository.clone(), tag: tag.to_owned() };
        let expected =
            flux_upgrade_core::time::Timestamp::parse(created).ok().filter(|_| !created.starts_with("1970"));
        assert_eq!(setup.ask(ask), Ok(Answer::Created(expected)), "{tag}");
    }
    let (plan, _) = setup.plan(&repository_of(&repository));
    assert_eq!(outcomes(&plan)["app"], "1.1.0");
}

fn repository_of(oci: &str) -> String {
    repository(&[("app", Source::Oci(oci))])
}

const ANYBODY: oci_client::secrets::RegistryAuth = oci_client::secrets::RegistryAuth::Anonymous;

#[test]
fn a_plain_registry() {
    if has("docker-registry") {
        let registry = Registry::start(None, None);
        compare(&Setup::default(), &registry.host, None, &ANYBODY);
    }
}

#[test]
fn a_registry_with_passwords() {
    if !has("docker-registry") || !has("htpasswd") {
        return;
    }
    let made = Command::new("htpasswd").args(["-nbB", "robot", "secret"]).output().unwrap();
    let registry = Registry::start(Some(std::str::from_utf8(&made.stdout).unwrap()), None);
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".docker")).unwrap();
    let config = format!(r#"{{"auths": {{"{}": {{"auth": "cm9ib3Q6c2VjcmV0"}}}}}}"#, registry.host);
    fs::write(home.path().join(".docker/config.json"), config).unwrap();
    let auth = oci_client::secrets::RegistryAuth::Basic("robot".to_owned(), "secret".to_owned());
    compare(&Setup::at_home(home.path()), &registry.host, None, &auth);
    let (plan, _) = Setup::default().plan(&repository_of(&format!("{}/team/app", registry.host)));
    assert_eq!(
        outcomes(&plan)["app"],
        "credentials are missing or refused: log in to it, or correct the name"
    );
}

/// An authority of its own with a certificate for 127.0.0.1: authority, certificate, key.
pub(crate) fn certificates() -> (String, String, String) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "flux-upgrade test authority");
    let authority = parameters.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(parameters, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let own = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = own.signed_by(&key, &issuer).unwrap();
    (authority.pem(), certificate.pem(), key.serialize_pem())
}

#[test]
fn a_registry_with_tls_of_another_authority() {
    if !has("docker-registry") {
        return;
    }
    let (authority, certificate, key) = certificates();
    let registry =
        Registry::start(None, Some(Identity { certificate: &certificate, key: &key, clients: None }));
    let mut setup = Setup::default();
    setup.options.http.extra_ca = vec![authority.clone()];
    compare(&setup, &registry.host, Some(&authority), &ANYBODY);
    let url = format!("https://{}/charts", registry.host);
    let (plan, _) = Setup::default().plan(&repository(&[("app", Source::Helm(&url))]));
    let expected = "unreachable: TLS: its certificate is from an authority that is not known here; add it with --ca-file";
    assert_eq!(outcomes(&plan)["app"], expected);
}

/// A bare repository with a plain and an annotated tag, and a branch.
pub(crate) fn bare(folder: &Path) -> PathBuf {
    let work = folder.join("work");
    let place = folder.join("srv/app.git");
    fs::create_dir_all(&place).unwrap();
    git(folder, &["init", "-q", "-b", "main", work.to_str().unwrap()]);
    for version in ["1.0.0", "1.1.0"] {
        git(&work, &["commit", "-q", "--allow-empty", "-m", version]);
        let tag: &[&str] =
            if version == "1.0.0" { &["tag", version] } else { &["tag", "-a", "-m", "x", version] };
        git(&work, tag);
    }
    git(folder, &["clone", "-q", "--bare", work.to_str().unwrap(), place.to_str().unwrap()]);
    place
}

pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let done = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=x", "-c", "user.email=x@example.com"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// What git says of a remote: names with the commit that each names in the end.
pub(crate) fn ls_remote(url: &str) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for line in git(Path::new("/"), &["ls-remote", "--heads", "--tags", url]).lines() {
        let (oid, name) = line.split_once('\t').unwrap();
        out.insert(name.strip_suffix("^{}").unwrap_or(name).to_owned(), oid.to_owned());
    }
    out
}

pub(crate) fn refs(setup: &Setup, url: &str) -> BTreeMap<String, String> {
    match setup.ask(Ask::Refs { url: url.to_owned() }) {
        Ok(Answer::Refs(refs)) => refs.into_iter().map(|found| (found.text, found.digest.unwrap())).collect(),
        other => panic!("{url}: {other:?}"),
    }
}

/// git's own server of smart HTTP behind ours.
pub(crate) fn http_backend(root: PathBuf, protocol: bool) -> Server {
    Server::start(backend(root, protocol))
}

pub(crate) fn backend(root: PathBuf, protocol: bool) -> impl Fn(&Seen) -> Reply + Send + Sync + 'static {
    move |seen: &Seen| {
        let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
        let mut command = Command::new("git");
        command.arg("http-backend").env("GIT_PROJECT_ROOT", &root).env("GIT_HTTP_EXPORT_ALL", "1");
        command.env("PATH_INFO", path).env("QUERY_STRING", query).env("REQUEST_METHOD", &seen.method);
        command.env("CONTENT_TYPE", seen.header("content-type").unwrap_or_default());
        command.env("CONTENT_LENGTH", seen.body.len().to_string()).env("REMOTE_ADDR", "127.0.0.1");
        if protocol {
            command.env("GIT_PROTOCOL", seen.header("git-protocol").unwrap_or_default());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&seen.body).unwrap();
        let mut out = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
        child.wait().unwrap();
        let at = out.windows(4).position(|part| part == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(out[..at].to_vec()).unwrap();
        let mut reply = Reply::body(out[at + 4..].to_vec());
        for line in head.lines() {
            let (name, value) = line.split_once(": ").unwrap();
            if name == "Status" {
                reply = Reply::status(value.split(' ').next().unwrap().parse().unwrap());
            } else {
                reply = reply.with(name, value);
            }
        }
        reply
    }
}

#[test]
fn git_over_http_says_what_git_says() {
    if !has("git") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let place = bare(folder.path());
    let expected = ls_remote(place.to_str().unwrap());
    assert_eq!(expected.len(), 3);
    for protocol in [true, false] {
        let server = http_backend(folder.path().join("srv"), protocol);
        let url = format!("http://{}/app.git", server.authority());
        assert_eq!(refs(&Setup::default(), &url), expected);
        assert_eq!(ls_remote(&url), expected);
        let requests: Vec<String> =
            server.seen().iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect();
        let own = &requests[..if protocol { 2 } else { 1 }];
        assert_eq!(own[0], "GET /app.git/info/refs?service=git-upload-pack");
        assert_eq!(own.get(1).map(String::as_str), protocol.then_some("POST /app.git/git-upload-pack"));
        let (plan, _) = Setup::default().plan(&repository(&[("app", Source::Git(&url))]));
        assert_eq!(outcomes(&plan)["app"], "1.1.0");
        let none = format!("http://{}/none.git", server.authority());
        let (plan, _) = Setup::default().plan(&repository(&[("app", Source::Git(&none))]));
        assert_eq!(outcomes(&plan)["app"], "not found: it does not exist, or it is private");
    }
}

#[test]
fn git_daemon_and_folders_say_what_git_says() {
    if !has("git") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let place = bare(folder.path());
    let expected = ls_remote(place.to_str().unwrap());
    let port = closed_port();
    let base = format!("--base-path={}", folder.path().join("srv").display());
    // By its own name: ended, `git daemon` would leave it behind.
    let program = Path::new(git(folder.path(), &["--exec-path"]).trim()).join("git-daemon");
    if !program.is_file() {
        eprintln!("skipped: no git-daemon");
        return;
    }
    let daemon = Command::new(program)
        .args(["--export-all", "--reuseaddr", "--listen=127.0.0.1", &format!("--port={port}"), &base])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _daemon = Ended(daemon);
    wait_for(port);
    assert_eq!(refs(&Setup::default(), &format!("git://127.0.0.1:{port}/app.git")), expected);
    let why =
        |setup: &Setup, url: &str| setup.ask(Ask::Refs { url: url.to_owned() }).unwrap_err().to_string();
    let none = why(&Setup::default(), &format!("git://127.0.0.1:{port}/none.git"));
    assert_eq!(none, "not found: it does not exist, or it is private");
    let closed = Setup { allow: Vec::new(), ..Setup::default() };
    let refused = why(&closed, &format!("git://127.0.0.1:{port}/app.git"));
    assert!(refused.contains("127.0.0.1 is a loopback address"), "{refused}");

    let url = format!("file://{}", place.display());
    assert!(why(&Setup::default(), &url).contains("--allow-host file://"));
    let mut open = Setup::default();
    open.options.files = true;
    assert_eq!(refs(&open, &url), expected);
    assert_eq!(why(&open, "file:///no/such/folder"), "not found: it does not exist, or it is private");
}

/// The ssh program is the user's own: a script stands in for it that runs what it is told on this machine.
#[test]
fn git_over_ssh_is_spoken_through_the_program() {
    if !has("git") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let place = bare(folder.path());
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let ssh = bin.join("ssh");
    fs::write(&ssh, "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\necho \"$2\" >> \"$(dirname \"$0\")/target\"\nexec sh -c \"$3\"\n").unwrap();
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut setup = Setup::default();
    setup.options.ssh = Some(ssh.display().to_string());
    let expected = ls_remote(place.to_str().unwrap());
    assert_eq!(refs(&setup, &format!("ssh://git@127.0.0.1:2222{}", place.display())), expected);
    assert_eq!(fs::read_to_string(bin.join("target")).unwrap(), "git@127.0.0.1\n");
    let none = setup.ask(Ask::Refs { url: "ssh://git@127.0.0.1/no/such.git".to_owned() });
    assert_eq!(none.unwrap_err().to_string(), "not found: it does not exist, or it is private");
}

#[test]
fn a_recorded_run_is_replayed_byte_for_byte() {
    let fine = Server::start(super::faults::good);
    let host = fine.authority();
    let [helm, git] = [format!("http://{host}/charts"), format!("http://{host}/app.git")];
    let (oci, down) = (format!("{host}/app"), format!("127.0.0.1:{}/app", closed_port()));
    let text = repository(&[
        ("helm", Source::Helm(&helm)),
        ("git", Source::Git(&git)),
        ("oci", Source::Oci(&oci)),
        ("down", Source::Oci(&down)),
    ]);
    let setup = Setup::default();
    let (live, recording) = setup.plan(&text);
    let snapshot = Snapshot::parse(&recording.to_json(None)).unwrap();
    let files = [flux_upgrade_core::SourceFile {
        path: flux_upgrade_core::RepoPath::parse("apps.yaml").unwrap(),
        text,
    }];
    let inventory = flux_upgrade_core::scan(&files);
    let sites = flux_upgrade_core::locate(&inventory);
    let resolution = flux_upgrade_core::resolve::offline(&sites, &setup.rules, Some(&snapshot));
    let replayed = flux_upgrade_core::plan(&inventory, sites, &resolution, &setup.rules);
    let json = |plan| {
        let set = flux_upgrade_core::patch(&files, plan);
        flux_upgrade_core::report::json(&files, plan, &set, None)
    };
    assert_eq!(json(&replayed), json(&live));
    assert_eq!(live.changes.len(), 3);
}
