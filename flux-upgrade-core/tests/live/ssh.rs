//! Private git over ssh, from a real `sshd`: keys of an agent, of a configuration and of a Secret, and hosts that are not known.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flux_upgrade_core::host::repository_secrets;
use flux_upgrade_core::{RepoPath, SourceFile, scan};

use super::real::{Ended, bare, git, has, ls_remote, refs, wait_for};
use super::server::closed_port;
use super::{Setup, Source, outcomes, repository};

const SSHD: &str = "/usr/sbin/sshd";
const REFUSED: &str = "credentials are missing or refused: log in to it, or correct the name";
const UNKNOWN: &str = "unreachable: ssh does not know its host key; add it to known_hosts";
const CHANGED: &str = "unreachable: its host key is another than the one in known_hosts; replace it there if the change is meant";

/// An `sshd` with a private repository, which lets in whoever has the key `robot`.
struct Private {
    folder: tempfile::TempDir,
    url: String,
    /// The line of `known_hosts` for it.
    known: String,
    port: u16,
    _process: Ended,
}

impl Private {
    /// `None`, and a line that says so, where a program is missing. Without `protocol` the version that git wants does not
    /// reach the server, as with many of them.
    fn start(protocol: bool) -> Option<Self> {
        if !Path::new(SSHD).is_file() {
            eprintln!("skipped: no {SSHD}");
            return None;
        }
        if !["git", "ssh", "ssh-agent", "ssh-add", "ssh-keygen"].into_iter().all(has) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let place = bare(folder.path());
        for name in ["host", "robot", "stranger"] {
            key(&folder.path().join(name), "");
        }
        let at = |name: &str| folder.path().join(name);
        fs::copy(at("robot.pub"), at("authorized_keys")).unwrap();
        let port = closed_port();
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nAcceptEnv {}\n",
            at("host").display(),
            at("authorized_keys").display(),
            if protocol { "GIT_PROTOCOL" } else { "NOTHING" },
        );
        fs::write(at("sshd_config"), config).unwrap();
        // What its service makes for it; only root's needs it, and only root can.
        let _ = fs::create_dir("/run/sshd");
        let process = Command::new(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(at("sshd_config"))
            .stdin(Stdio::null())
            .stderr(fs::File::create(at("sshd.log")).unwrap())
            .spawn()
            .unwrap();
        let process = Ended(process);
        wait_for(port);
        let user = Command::new("id").arg("-un").output().unwrap();
        let user = String::from_utf8(user.stdout).unwrap();
        let url = format!("ssh://{}@127.0.0.1:{port}{}", user.trim(), place.display());
        let known = known_hosts(port, &at("host.pub"));
        Some(Self { folder, url, known, port, _process: process })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// How a test asks with a configuration of its own for ssh, and without what this machine has of it.
    fn setup(&self, known: &str, lines: &str) -> Setup {
        let hosts = self.at("known_hosts");
        fs::write(&hosts, known).unwrap();
        let config = self.at("ssh_config");
        let all = format!("UserKnownHostsFile {}\nGlobalKnownHostsFile /dev/null\n", hosts.display());
        fs::write(&config, format!("{all}Host 127.0.0.1\n  IdentitiesOnly yes\n{lines}")).unwrap();
        let mut setup = Setup::default();
        setup.options.ssh = Some(format!("ssh -F {}", config.display()));
        setup
    }

    fn identity(&self, name: &str) -> String {
        format!("  IdentityAgent none\n  IdentityFile {}\n", self.at(name).display())
    }

    #[track_caller]
    fn check(&self, name: &str, setup: &Setup, text: &str, expected: &str) {
        let (plan, recording) = setup.plan(text);
        let log = || fs::read_to_string(self.at("sshd.log")).unwrap();
        assert_eq!(outcomes(&plan)["app"], expected, "{name}: {}", log());
        let told = format!("{plan:?}{}{:?}", recording.to_json(None), setup.live().notes());
        assert!(!told.contains("PRIVATE KEY"), "{name}: {told}");
    }

    fn text(&self) -> String {
        repository(&[("app", Source::Git(&self.url))])
    }
}

/// A new key, and its public half beside it.
fn key(place: &Path, passphrase: &str) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-C", "test", "-N", passphrase, "-f"])
        .arg(place)
        .status()
        .unwrap();
    assert!(made.success());
}

fn known_hosts(port: u16, public: &Path) -> String {
    format!("[127.0.0.1]:{port} {}", fs::read_to_string(public).unwrap())
}

/// An agent that holds one key, and its socket.
fn agent(folder: &Path, private: &Path) -> io::Result<(Ended, PathBuf)> {
    let socket = folder.join("agent");
    // The key is forgotten in time, should nobody end the agent.
    let process = Command::new("ssh-agent")
        .args(["-D", "-t", "120", "-a"])
        .arg(&socket)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let process = Ended(process);
    let until = Instant::now() + Duration::from_secs(20);
    while !socket.exists() {
        assert!(Instant::now() < until, "no agent");
        std::thread::sleep(Duration::from_millis(20));
    }
    let added = Command::new("ssh-add").arg("-q").arg(private).env("SSH_AUTH_SOCK", &socket).status()?;
    assert!(added.success());
    Ok((process, socket))
}

#[test]
fn an_agent_or_a_key_of_the_configuration_opens_it() {
    let Some(private) = Private::start(true) else { return };
    let text = private.text();
    let refused = private.setup(&private.known, &private.identity("stranger"));
    private.check("another key", &refused, &text, REFUSED);

    let configured = private.setup(&private.known, &private.identity("robot"));
    private.check("a key of the configuration", &configured, &text, "1.1.0");

    // What git says of it by the same road.
    let expected = ls_remote(private.at("srv/app.git").to_str().unwrap());
    assert_eq!(expected.len(), 3);
    let ssh = configured.options.ssh.clone().unwrap();
    let option = format!("core.sshCommand={ssh}");
    let listed = git(Path::new("/"), &["-c", &option, "ls-remote", "--tags", &private.url, "1.1.0^{}"]);
    assert_eq!(listed.split_once('\t').unwrap().0, expected["refs/tags/1.1.0"]);
    assert_eq!(refs(&configured, &private.url), expected);
    // The name of the file says which key of the agent is meant; the file itself is gone.
    let (_agent, socket) = agent(private.folder.path(), &private.at("robot")).unwrap();
    fs::rename(private.at("robot"), private.at("away")).unwrap();
    private.check("its file is gone", &configured, &text, REFUSED);
    let lines = format!("  IdentityFile {}\n", private.at("robot").display());
    let mut held = private.setup(&private.known, &lines);
    let ssh = held.options.ssh.take().unwrap();
    held.options.ssh = Some(format!("SSH_AUTH_SOCK={} {ssh}", socket.display()));
    private.check("a key of an agent", &held, &text, "1.1.0");
    assert_eq!(refs(&held, &private.url), expected);

    let none = format!("{}.none", private.url);
    let text = repository(&[("app", Source::Git(&none))]);
    private.check("no repository", &held, &text, "not found: it does not exist, or it is private");
}

#[test]
fn a_host_that_is_not_known_is_refused() {
    let Some(private) = Private::start(true) else { return };
    let text = private.text();
    let robot = private.identity("robot");
    private.check("no known host", &private.setup("", &robot), &text, UNKNOWN);
    let other = known_hosts(private.port, &private.at("stranger.pub"));
    private.check("another key", &private.setup(&other, &robot), &text, CHANGED);
    private.check("known", &private.setup(&private.known, &robot), &text, "1.1.0");
    // Nothing was learnt on the way.
    assert_eq!(fs::read_to_string(private.at("known_hosts")).unwrap(), private.known);
}

#[test]
fn a_secret_of_the_repository_has_the_key_and_the_hosts() {
    let Some(private) = Private::start(false) else { return };
    let line = format!("  url: {}\n", private.url);
    let text = private.text();
    assert!(text.contains(&line));
    let text = text.replace(&line, &format!("{line}  secretRef: {{name: login}}\n"));
    let with = |name: &str, known: &str| {
        let identity = fs::read_to_string(private.at(name)).unwrap().replace('\n', "\n    ");
        format!(
            "{text}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: login, namespace: apps}}\nstringData:\n  \
             identity: |\n    {}\n  known_hosts: {}\n",
            identity.trim_end(),
            serde_json::to_string(known).unwrap(),
        )
    };
    // Nothing of this machine would open it.
    let allowed = |text: &str| {
        let mut setup = private.setup("", "  IdentityAgent none\n  IdentityFile none\n");
        let path = RepoPath::parse("apps.yaml").unwrap();
        let files = [SourceFile { path, text: text.to_owned() }];
        setup.credentials.secrets = repository_secrets(&scan(&files));
        assert_eq!(setup.credentials.secrets.len(), 1);
        setup
    };
    let good = with("robot", &private.known);
    private.check("allowed", &allowed(&good), &good, "1.1.0");
    assert_eq!(refs(&allowed(&good), &private.url), ls_remote(private.at("srv/app.git").to_str().unwrap()));
    let mut closed = allowed(&good);
    closed.credentials.secrets.clear();
    private.check("not allowed", &closed, &good, UNKNOWN);
    let unknown = with("robot", "");
    private.check("no known host", &allowed(&unknown), &unknown, UNKNOWN);
    let other = with("robot", &known_hosts(private.port, &private.at("stranger.pub")));
    private.check("another host key", &allowed(&other), &other, CHANGED);
    let stranger = with("stranger", &private.known);
    private.check("another key", &allowed(&stranger), &stranger, REFUSED);
    key(&private.at("locked"), "passphrase");
    let locked =
        with("locked", &private.known).replace("stringData:\n", "stringData:\n  password: passphrase\n");
    let expected = "unreachable: its ssh key has a passphrase; add it to the ssh agent instead";
    private.check("a key with a passphrase", &allowed(&locked), &locked, expected);
}

/// A program that `ssh` leaves behind, such as the master of its connections, may hold what it was given open for long.
#[test]
fn what_ssh_leaves_behind_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (left, script) = (folder.path().join("left"), folder.path().join("ssh"));
    let text = format!(
        "#!/bin/sh\nsleep 300 </dev/null >/dev/null &\necho $! > {}\necho 'Permission denied (publickey).' >&2\nexit 255\n",
        left.display()
    );
    super::places::script(&script, &text);
    let mut setup = Setup::default();
    setup.options.ssh = Some(script.display().to_string());
    let (plan, _) = setup.plan(&repository(&[("app", Source::Git("ssh://git@127.0.0.1/app"))]));
    let pid = fs::read_to_string(left).unwrap();
    let ended = Command::new("kill").arg(pid.trim()).status().unwrap();
    assert_eq!(outcomes(&plan)["app"], REFUSED);
    assert!(ended.success(), "it was still there");
}
