//! Git where it is not HTTP: over ssh, over `git://`, and from folders of this machine.
//!
//! The protocol is that of [`wire`](crate::wire); here are the pipes. `ssh` is the program that the user has set up, with its
//! agent, configuration and known hosts; it never asks anybody anything.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::{Cancel, Credential, Guard, LiveOptions, Login};
use crate::plan::Failure;
use crate::resolve::{Answer, Candidate, Outcome};
use crate::time::Timestamp;
use crate::wire::{
    Advertised, Limits, Packet, advertised, dated, fetch_request, listed, ls_refs_request, next_packet,
};

/// Asks git servers that do not speak HTTP.
#[derive(Debug)]
pub(super) struct GitStreams {
    guard: Arc<Guard>,
    cancel: Cancel,
    connect_timeout: Duration,
    timeout: Duration,
    files: bool,
    ssh: Option<String>,
}

/// What is asked of a repository.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted<'a> {
    Refs,
    /// Dates of refs, by name, each with its object.
    Dates(&'a BTreeMap<String, String>),
}

/// Where a repository is.
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    Ssh { user: Option<&'a str>, host: &'a str, port: Option<u16>, path: String },
    Git { host: &'a str, port: u16, path: String },
    File(&'a str),
}

impl GitStreams {
    pub(super) fn new(options: &LiveOptions, guard: Arc<Guard>, cancel: Cancel) -> Self {
        Self {
            guard,
            cancel,
            connect_timeout: options.http.connect_timeout,
            timeout: options.http.request_timeout,
            files: options.files,
            ssh: options.ssh.clone().or_else(|| std::env::var("GIT_SSH_COMMAND").ok()),
        }
    }

    /// Whether a key may be needed.
    pub(super) fn wants_key(&self, url: &str) -> bool {
        matches!(place(url), Some(Place::Ssh { .. }))
    }

    pub(super) fn ask(
        &self,
        url: &str,
        wanted: Wanted<'_>,
        credential: Option<&Credential>,
        limits: Limits,
    ) -> Outcome {
        let shown = crate::reference::without_login(url);
        let unknown =
            || Failure::Malformed { detail: format!("`{shown}` is no address of a git repository") };
        match place(url).ok_or_else(unknown)? {
            Place::File(path) if self.files => of_folder(path, wanted),
            Place::File(_) => Err(Failure::Unreachable {
                detail: "folders of this machine are not read; if it is meant, allow it with `--allow-host file://`".to_owned(),
            }),
            Place::Git { host, port, path } => {
                let stream = self.connect(host, port)?;
                let text = format!("git-upload-pack {path}\0host={host}\0\0version=2\0");
                let hello = format!("{:04x}{text}", text.len() + 4);
                let (reader, mut writer) = (stream.try_clone().map_err(|error| unreachable(&error))?, &stream);
                writer.set_write_timeout(Some(self.timeout)).map_err(|error| unreachable(&error))?;
                writer.write_all(hello.as_bytes()).map_err(|error| unreachable(&error))?;
                let outcome = self.converse(reader, writer, wanted, limits).map_err(Into::into);
                // Else the thread that reads would wait for as long as the server likes.
                let _ = stream.shutdown(std::net::Shutdown::Both);
                outcome
            }
            Place::Ssh { user, host, port, path } => {
                self.over_ssh((user, host, port, &path), wanted, credential, limits)
            }
        }
    }

    /// A connection to the first address of the host that may be asked and answers.
    fn connect(&self, host: &str, port: u16) -> Result<TcpStream, Failure> {
        let refused = |refused: super::Refused| Failure::Unreachable {
            detail: format!("{refused}; {}", refused.help()),
        };
        self.guard.check_name(host).map_err(refused)?;
        let bare = host.trim_matches(['[', ']']);
        let addresses: Vec<_> = (bare, port)
            .to_socket_addrs()
            .map_err(|_| Failure::Unreachable { detail: format!("no address is known for the name {host}") })?
            .collect();
        let mut last = None;
        for address in addresses {
            self.guard.check(host, address.ip()).map_err(refused)?;
            match TcpStream::connect_timeout(&address, self.connect_timeout) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(error),
            }
        }
        Err(last.map_or(Failure::NotFound, |error| unreachable(&error)))
    }

    fn over_ssh(
        &self,
        (user, host, port, path): (Option<&str>, &str, Option<u16>, &str),
        wanted: Wanted<'_>,
        credential: Option<&Credential>,
        limits: Limits,
    ) -> Outcome {
        let refused = |refused: super::Refused| Failure::Unreachable {
            detail: format!("{refused}; {}", refused.help()),
        };
        self.guard.check_name(host).map_err(refused)?;
        // A name that is not known here may be one of ssh's own configuration.
        for address in
            (host.trim_matches(['[', ']']), port.unwrap_or(22)).to_socket_addrs().into_iter().flatten()
        {
            self.guard.check(host, address.ip()).map_err(refused)?;
        }
        let keys = match credential.and_then(|found| found.login.as_ref()) {
            Some(Login::SshKey { key, passphrase: None, known_hosts }) => {
                Some(Keys::write(key.expose(), known_hosts).map_err(|error| unreachable(&error))?)
            }
            Some(Login::SshKey { .. }) => {
                let detail = "its ssh key has a passphrase; add it to the ssh agent instead".to_owned();
                return Err(Failure::Unreachable { detail });
            }
            _ => None,
        };
        let mut command = match &self.ssh {
            Some(text) if !text.trim().is_empty() => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("{text} \"$@\""), "ssh"]);
                shell
            }
            _ => Command::new("ssh"),
        };
        command.args(["-o", "BatchMode=yes", "-o", "SendEnv=GIT_PROTOCOL"]);
        command.args(["-o", &format!("ConnectTimeout={}", self.connect_timeout.as_secs().max(1))]);
        if let Some(keys) = &keys {
            command.args(keys.arguments());
        }
        if let Some(port) = port {
            command.args(["-p", &port.to_string()]);
        }
        let target = user.map_or_else(|| host.to_owned(), |user| format!("{user}@{host}"));
        command.args(["--", &target, &format!("git-upload-pack {}", quoted(path))]);
        command.env("GIT_PROTOCOL", "version=2").env("GIT_TERMINAL_PROMPT", "0");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                Failure::Unreachable { detail: "the program `ssh` is not installed".to_owned() }
            }
            _ => unreachable(&error),
        })?;
        let mut child = Ended(child);
        let pipes = (child.0.stdout.take(), child.0.stdin.take(), child.0.stderr.take());
        let (Some(stdout), Some(stdin), Some(stderr)) = pipes else { return Err(Failure::Cancelled) };
        let (tell, said) = mpsc::channel();
        thread::spawn(move || {
            let mut stderr = stderr.take(4096);
            let mut part = [0; 512];
            while let Ok(count @ 1..) = stderr.read(&mut part) {
                let _ = tell.send(part[..count].to_vec());
            }
        });
        let outcome = self.converse(stdout, stdin, wanted, limits);
        drop(child);
        outcome.map_err(|broken| match broken {
            // It says nothing on its output and why on the other.
            Broken::Silent => of_ssh(&all(&said)),
            Broken::Failed(failure) => failure,
        })
    }

    /// The conversation of `git-upload-pack`, within the time for one request.
    fn converse(
        &self,
        reader: impl Read + Send + 'static,
        mut writer: impl Write,
        wanted: Wanted<'_>,
        limits: Limits,
    ) -> Result<Answer, Broken> {
        let until = Instant::now() + self.timeout;
        let messages = messages(reader, limits.refs_bytes);
        let first = self.message(&messages, until)?;
        let (object_format, filters) = match advertised(&first)? {
            Advertised::Version2 { object_format, filters } => (object_format, filters),
            Advertised::Refs(refs) => {
                let _ = writer.write_all(b"0000");
                return Ok(match wanted {
                    Wanted::Refs => Answer::Refs(refs),
                    Wanted::Dates(_) => Answer::Dates(BTreeMap::new()),
                });
            }
        };
        let request = match wanted {
            Wanted::Refs => ls_refs_request(&object_format),
            Wanted::Dates(refs) => fetch_request(&object_format, filters, refs.values()),
        };
        writer.write_all(&request).and_then(|()| writer.flush()).map_err(|error| unreachable(&error))?;
        let said = self.message(&messages, until)?;
        let _ = writer.write_all(b"0000");
        Ok(match wanted {
            Wanted::Refs => Answer::Refs(listed(&said)?),
            Wanted::Dates(refs) => Answer::Dates(dated(&said, refs, &object_format)?),
        })
    }

    fn message(
        &self,
        messages: &mpsc::Receiver<Result<Vec<u8>, Broken>>,
        until: Instant,
    ) -> Result<Vec<u8>, Broken> {
        loop {
            if self.cancel.is_set() {
                return Err(Broken::Failed(Failure::Cancelled));
            }
            match messages.recv_timeout(Duration::from_millis(100)) {
                Ok(message) => return message,
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(Broken::Silent),
                Err(mpsc::RecvTimeoutError::Timeout) if Instant::now() > until => {
                    let detail = format!("no whole answer within {} s", self.timeout.as_secs_f32().ceil());
                    return Err(Broken::Failed(Failure::Unreachable { detail }));
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

/// What was said until the other end closed. A program that `ssh` has left behind may hold it open: it is not waited for.
fn all(said: &mpsc::Receiver<Vec<u8>>) -> String {
    let mut text = Vec::new();
    while let Ok(part) = said.recv_timeout(Duration::from_secs(1)) {
        text.extend(part);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// How a conversation ends without a listing.
#[derive(Debug)]
enum Broken {
    /// Nothing was said.
    Silent,
    Failed(Failure),
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Silent => {
                Self::Unreachable { detail: "the connection was closed without an answer".to_owned() }
            }
            Broken::Failed(failure) => failure,
        }
    }
}

/// Messages, each up to its flush packet, read by a thread of their own, so that waiting for them can end.
fn messages(mut reader: impl Read + Send + 'static, limit: u64) -> mpsc::Receiver<Result<Vec<u8>, Broken>> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut total = 0_u64;
        let mut message = Vec::new();
        loop {
            match packet(&mut reader, &mut message) {
                Ok(Some(is_flush)) => {
                    if total + message.len() as u64 > limit {
                        let _ = send.send(Err(Broken::Failed(Failure::TooLarge { limit_bytes: limit })));
                        return;
                    }
                    if is_flush {
                        total += message.len() as u64;
                        if send.send(Ok(std::mem::take(&mut message))).is_err() {
                            return;
                        }
                    }
                }
                Ok(None) if message.is_empty() => return,
                // What was said so far is for the reader of the protocol to judge.
                Ok(None) | Err(_) => {
                    let _ = send.send(Ok(message));
                    return;
                }
            }
        }
    });
    receive
}

/// Appends the next packet; whether it is a flush, or `None` at the end.
fn packet(reader: &mut impl Read, message: &mut Vec<u8>) -> io::Result<Option<bool>> {
    let mut head = [0; 4];
    let mut filled = 0;
    while filled < 4 {
        match reader.read(&mut head[filled..])? {
            0 => {
                message.extend_from_slice(&head[..filled]);
                return Ok(None);
            }
            count => filled += count,
        }
    }
    message.extend_from_slice(&head);
    let length = std::str::from_utf8(&head).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
    let Some(length) = length else { return Ok(None) };
    if let Some(rest) = length.checked_sub(4).filter(|rest| *rest > 0) {
        let read = reader.take(rest as u64).read_to_end(message)?;
        if read < rest {
            return Ok(None);
        }
    }
    Ok(Some(matches!(next_packet(&head), Some(Packet::Flush))))
}

/// A folder's branches and tags, or when they were made.
fn of_folder(path: &str, wanted: Wanted<'_>) -> Outcome {
    if !std::path::Path::new(path).is_dir() {
        return Err(Failure::NotFound);
    }
    let malformed = |error: &dyn std::fmt::Display| Failure::Malformed { detail: error.to_string() };
    let options = gix::open::Options::isolated();
    let repository = gix::open_opts(path, options).map_err(|error| malformed(&error))?;
    if let Wanted::Dates(refs) = wanted {
        return Ok(Answer::Dates(refs.iter().filter_map(|(name, id)| date(&repository, name, id)).collect()));
    }
    let platform = repository.references().map_err(|error| malformed(&error))?;
    let mut refs = Vec::new();
    for found in platform.all().map_err(|error| malformed(&error))? {
        let mut found = found.map_err(|error| Failure::Malformed { detail: error.to_string() })?;
        let name = found.name().as_bstr().to_string();
        if name.starts_with("refs/heads/") || name.starts_with("refs/tags/") {
            let own = found.try_id().map(|id| id.to_string());
            let commit = found.peel_to_id().map_err(|error| malformed(&error))?.to_string();
            let tag_object = own.filter(|own| *own != commit);
            refs.push(Candidate { digest: Some(commit), tag_object, ..Candidate::new(name) });
        }
    }
    refs.sort_by(|a, b| a.text.cmp(&b.text));
    Ok(Answer::Refs(refs))
}

/// When the object of a ref was made: by its tagger, else by its committer.
fn date(repository: &gix::Repository, name: &str, id: &str) -> Option<(String, Timestamp)> {
    let object = repository.find_object(gix::ObjectId::from_hex(id.as_bytes()).ok()?).ok()?;
    let tagger = |tag: gix::Tag<'_>| Some(tag.tagger().ok()??.time().ok()?.seconds);
    let seconds = object.clone().try_into_tag().ok().and_then(tagger);
    let seconds = match seconds {
        Some(seconds) => seconds,
        None => object.peel_to_commit().ok()?.time().ok()?.seconds,
    };
    (seconds > 0).then(|| (name.to_owned(), Timestamp::from_seconds(seconds)))
}

fn place(url: &str) -> Option<Place<'_>> {
    if url.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return None;
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        let (target, path) = url.split_once(':')?;
        let (user, host) = target.split_once('@')?;
        return safe(user, host).then(|| Place::Ssh {
            user: Some(user),
            host,
            port: None,
            path: path.to_owned(),
        });
    };
    if scheme == "file" {
        return rest.starts_with('/').then_some(Place::File(rest));
    }
    let (target, path) = rest.split_once('/')?;
    let (user, host) = match target.rsplit_once('@') {
        // A password has no place in an address for ssh.
        Some((user, host)) => (Some(user.split(':').next().unwrap_or(user)), host),
        None => (None, target),
    };
    let (host, port) = match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') => (name, Some(port.parse().ok()?)),
        _ => (host, None),
    };
    if !safe(user.unwrap_or("git"), host) || path.is_empty() {
        return None;
    }
    let path = format!("/{path}");
    match scheme {
        "ssh" => Some(Place::Ssh { user, host, port, path }),
        "git" => Some(Place::Git { host, port: port.unwrap_or(9418), path }),
        _ => None,
    }
}

/// Neither is an option of the program that gets it.
fn safe(user: &str, host: &str) -> bool {
    let fits = |text: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_[]:+%".contains(&byte))
    };
    fits(user) && fits(host)
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''").replace('!', "'\\!'"))
}

fn unreachable(error: &io::Error) -> Failure {
    Failure::Unreachable {
        detail: match error.kind() {
            io::ErrorKind::ConnectionRefused => "the connection is refused".to_owned(),
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                "no connection within the time for one".to_owned()
            }
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => "the connection was cut".to_owned(),
            _ => error.to_string(),
        },
    }
}

/// What `ssh` says when it fails.
fn of_ssh(said: &str) -> Failure {
    let lower = said.to_ascii_lowercase();
    if lower.contains("remote host identification has changed") {
        let detail =
            "its host key is another than the one in known_hosts; replace it there if the change is meant";
        return Failure::Unreachable { detail: detail.to_owned() };
    }
    if lower.contains("host key verification failed") {
        let detail = "ssh does not know its host key; add it to known_hosts".to_owned();
        return Failure::Unreachable { detail };
    }
    if lower.contains("permission denied") || lower.contains("too many authentication failures") {
        return Failure::Unauthorized;
    }
    if lower.contains("not found")
        || lower.contains("does not exist")
        || lower.contains("does not appear to be a git repository")
    {
        return Failure::NotFound;
    }
    let last =
        said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("ssh ended without an answer");
    Failure::Unreachable { detail: last.chars().filter(|c| !c.is_control()).take(200).collect() }
}

/// A key and known hosts as files, for the time of one conversation.
struct Keys {
    folder: tempfile::TempDir,
}

impl Keys {
    fn write(key: &str, known_hosts: &str) -> io::Result<Self> {
        // The folder is for its owner alone.
        let folder = tempfile::tempdir()?;
        let private = folder.path().join("key");
        std::fs::write(&private, format!("{}\n", key.trim_end()))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&private, std::fs::Permissions::from_mode(0o600))?;
        }
        std::fs::write(folder.path().join("known_hosts"), known_hosts)?;
        Ok(Self { folder })
    }

    fn arguments(&self) -> Vec<String> {
        let place = |name: &str| self.folder.path().join(name).display().to_string();
        let known = format!("UserKnownHostsFile={}", place("known_hosts"));
        ["-i", &place("key"), "-o", "IdentitiesOnly=yes", "-o", &known].map(str::to_owned).to_vec()
    }
}

/// A process that does not outlive its use.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let ssh = |user, host, port, path: &str| Some(Place::Ssh { user, host, port, path: path.to_owned() });
        for (url, expected) in [
            ("ssh://git@github.com/a/b.git", ssh(Some("git"), "github.com", None, "/a/b.git")),
            ("ssh://github.com:2222/a", ssh(None, "github.com", Some(2222), "/a")),
            ("git@github.com:a/b", ssh(Some("git"), "github.com", None, "a/b")),
            ("git://host/a", Some(Place::Git { host: "host", port: 9418, path: "/a".to_owned() })),
            ("file:///srv/a.git", Some(Place::File("/srv/a.git"))),
            ("file://host/a", None),
            ("ssh://-oProxyCommand=x/a", None),
            ("ssh://-l@host/a", None),
            ("ssh://host", None),
            ("ftp://host/a", None),
            ("plain", None),
        ] {
            assert_eq!(place(url), expected, "{url}");
        }
        assert_eq!(quoted("/a'b"), "'/a'\\''b'");
    }

    #[test]
    fn what_ssh_says() {
        for (said, expected) in [
            (
                "git@host: Permission denied (publickey).\r\n",
                "credentials are missing or refused: log in to it, or correct the name",
            ),
            ("ERROR: Repository not found.\n", "not found: it does not exist, or it is private"),
            (
                "Host key verification failed.\n",
                "unreachable: ssh does not know its host key; add it to known_hosts",
            ),
            (
                "@  WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!  @\n\nHost key verification failed.\n",
                "unreachable: its host key is another than the one in known_hosts; replace it there if the change is meant",
            ),
            (
                "ssh: connect to host h port 22: Connection refused\n\n",
                "unreachable: ssh: connect to host h port 22: Connection refused",
            ),
            ("", "unreachable: ssh ended without an answer"),
        ] {
            assert_eq!(of_ssh(said).to_string(), expected);
        }
    }
}
