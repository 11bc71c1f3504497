//! What a registry can do wrong costs its own sites alone, and the reason says what to look at.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::certificates::tls;
use super::real::certificates;
use super::server::{Reply, Seen, Server, closed_port};
use super::{Setup, Source, outcomes, repository};

const OID: &str = "0123456789abcdef0123456789abcdef01234567";

/// What a source that is in order says: versions 1.0.0 and 1.1.0.
pub(crate) fn good(seen: &Seen) -> Reply {
    if seen.target.ends_with("index.yaml") {
        let entry = |version| format!("  - {{name: app, version: {version}, urls: [app.tgz]}}\n");
        return Reply::body(format!(
            "apiVersion: v1\nentries:\n  app:\n{}{}",
            entry("1.1.0"),
            entry("1.0.0")
        ));
    }
    if seen.target.contains("/info/refs") {
        let line = |text: &str| format!("{:04x}{text}\n", text.len() + 5);
        let refs = ["refs/tags/1.0.0", "refs/tags/1.1.0"].map(|name| line(&format!("{OID} {name}")));
        return Reply::body(format!("{}0000{}0000", line("# service=git-upload-pack"), refs.concat()));
    }
    Reply::body(r#"{"name": "app", "tags": ["1.0.0", "1.1.0"]}"#)
}

/// The outcomes of a helm, an oci and a git source at `bad`; sources in order beside them must be planned.
fn with_bad(setup: &Setup, bad: &str, scheme: &str) -> [String; 3] {
    let server = Server::start(good);
    let fine = server.authority();
    let [helm, git] = [format!("{scheme}://{bad}/charts"), format!("{scheme}://{bad}/app.git")];
    let [fine_helm, fine_git] = [format!("http://{fine}/charts"), format!("http://{fine}/app.git")];
    let (oci, fine_oci) = (format!("{bad}/app"), format!("{fine}/app"));
    let text = repository(&[
        ("bad-helm", Source::Helm(&helm)),
        ("bad-oci", Source::Oci(&oci)),
        ("bad-git", Source::Git(&git)),
        ("fine-helm", Source::Helm(&fine_helm)),
        ("fine-oci", Source::Oci(&fine_oci)),
        ("fine-git", Source::Git(&fine_git)),
    ]);
    let (plan, _) = setup.plan(&text);
    let found = outcomes(&plan);
    for name in ["fine-helm", "fine-oci", "fine-git"] {
        assert_eq!(found[name], "1.1.0", "{bad}: other sources are planned");
    }
    ["bad-helm", "bad-oci", "bad-git"].map(|name| found[name].clone())
}

fn bad(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> [String; 3] {
    let server = Server::start(handler);
    with_bad(&impatient(), &server.authority(), "http")
}

fn impatient() -> Setup {
    let mut setup = Setup::default();
    setup.options.http.request_timeout = Duration::from_secs(2);
    setup
}

fn all(text: &str) -> [String; 3] {
    [text, text, text].map(str::to_owned)
}

/// Does something the first so many times that a path is asked for, and is in order then.
fn at_first(times: usize, reply: Reply) -> impl Fn(&Seen) -> Reply + Send + Sync + 'static {
    let asked: Mutex<std::collections::BTreeMap<String, usize>> = Mutex::default();
    move |seen| {
        let mut asked = asked.lock().unwrap();
        let count = asked.entry(seen.target.clone()).or_insert(0);
        *count += 1;
        if *count <= times { reply.clone() } else { good(seen) }
    }
}

#[test]
fn down() {
    let port = closed_port();
    assert_eq!(
        with_bad(&impatient(), &format!("127.0.0.1:{port}"), "http"),
        all("unreachable: the connection is refused")
    );
}

#[test]
fn slow() {
    let expected = all("unreachable: no whole answer within 2 s");
    assert_eq!(bad(|_| Reply::Silent(Duration::from_secs(8))), expected);
    assert_eq!(bad(|_| Reply::Drip(Duration::from_secs(8))), expected);
}

#[test]
fn the_time_for_the_run() {
    let server = Server::start(|_| Reply::Silent(Duration::from_secs(8)));
    let mut setup = Setup::default();
    setup.options.http.run_timeout = Some(Duration::from_secs(1));
    let url = format!("http://{}/charts", server.authority());
    let (plan, _) = setup.plan(&repository(&[("bad", Source::Helm(&url))]));
    assert_eq!(outcomes(&plan)["bad"], "unreachable: no whole answer within 1 s");
}

#[test]
fn statuses() {
    let credentials = "credentials are missing or refused: log in to it, or correct the name";
    for (status, expected) in [
        (401, credentials),
        (403, credentials),
        (404, "not found: it does not exist, or it is private"),
        (410, "not found: it does not exist, or it is private"),
        (503, "unreachable: the server answers 503"),
        (418, "the answer cannot be read: the server answers 418"),
    ] {
        assert_eq!(bad(move |_| Reply::status(status)), all(expected), "{status}");
    }
}

#[test]
fn rate_limits() {
    let limited = |after: &str| Reply::status(429).with("Retry-After", after);
    assert_eq!(bad(move |_| limited("3600")), all("rate limited, try again in 3600 s"));
    assert_eq!(bad(at_first(1, limited("1"))), all("1.1.0"));
    // A time, too: one that is over, and one that is far away.
    assert_eq!(bad(at_first(1, limited("Wed, 21 Oct 2015 07:28:00 GMT"))), all("1.1.0"));
    for outcome in bad(move |_| limited("Fri, 01 Jan 2100 00:00:00 GMT")) {
        let seconds =
            outcome.strip_prefix("rate limited, try again in ").and_then(|rest| rest.strip_suffix(" s"));
        assert!(seconds.is_some_and(|text| text.parse::<u64>().unwrap() > 1_000_000_000), "{outcome}");
    }
}

/// Many sources of one host that is of no use cost little more than a few, and nothing of the others.
#[test]
fn a_host_of_many_sources() {
    const MANY: usize = 60;
    // Each for itself would be sent three times. How many are on their way when the host is given up is for the machine to say.
    const FEW: usize = 2 * MANY;
    let requests = |handler: Box<dyn Fn(&Seen) -> Reply + Send + Sync>, expected: &str| {
        let (bad, fine) = (Server::start(handler), Server::start(good));
        let names: Vec<(String, String)> =
            (0..MANY).map(|n| (format!("bad-{n}"), format!("{}/app{n}", bad.authority()))).collect();
        let fine = format!("{}/app", fine.authority());
        let mut sources: Vec<(&str, Source<'_>)> =
            names.iter().map(|(name, at)| (name.as_str(), Source::Oci(at))).collect();
        sources.push(("fine", Source::Oci(&fine)));
        let mut setup = impatient();
        setup.options.http.request_timeout = Duration::from_secs(1);
        let (plan, _) = setup.plan(&repository(&sources));
        let found = outcomes(&plan);
        assert_eq!(found["fine"], "1.1.0");
        for (name, _) in &names {
            assert_eq!(found[name], expected, "{name}");
        }
        bad.seen().len()
    };
    let limited =
        requests(Box::new(|_| Reply::status(429).with("Retry-After", "1")), "rate limited, try again in 1 s");
    assert!(limited < FEW, "{limited}");
    let broken = requests(Box::new(|_| Reply::status(502)), "unreachable: the server answers 502");
    assert!(broken < FEW, "{broken}");
    // Tokens at once, and then nothing.
    let stalled = requests(
        Box::new(|seen| match (seen.target.starts_with("/token"), seen.header("authorization")) {
            (true, _) => Reply::body(r#"{"token": "t"}"#),
            (false, None) => {
                let host = seen.header("host").unwrap_or_default();
                Reply::status(401).with("WWW-Authenticate", &format!("Bearer realm=\"http://{host}/token\""))
            }
            (false, Some(_)) => Reply::Silent(Duration::from_secs(3)),
        }),
        "unreachable: no whole answer within 1 s",
    );
    assert!(stalled < FEW, "{stalled}");
}

#[test]
fn what_passes_is_tried_again() {
    assert_eq!(bad(at_first(2, Reply::status(500))), all("1.1.0"));
    assert_eq!(bad(at_first(1, Reply::Cut(b"apiVersion: v1".to_vec()))), all("1.1.0"));
    assert_eq!(bad(at_first(1, Reply::Close)), all("1.1.0"));
}

#[test]
fn truncated() {
    assert_eq!(
        bad(|_| Reply::Cut(b"apiVersion: v1\nentries:\n".to_vec())),
        all("unreachable: the answer ended early")
    );
}

#[test]
fn wrong_kind_of_answer() {
    let html = |_: &Seen| Reply::body("\n<!DOCTYPE html><html>").with("content-type", "text/html");
    let page = |what: &str| format!("the answer cannot be read: an HTML page where {what} is wanted");
    let git = "the answer cannot be read: the listing of refs is not in git's packet format".to_owned();
    assert_eq!(bad(html), [page("an index"), page("a list of tags"), git]);
    let empty = |what: &str| format!("the answer cannot be read: an empty body where {what} is wanted");
    assert_eq!(
        bad(|_| Reply::status(200)),
        [empty("an index"), empty("a list of tags"), empty("a listing of git refs")]
    );
}

#[test]
fn endless_pages() {
    let count = AtomicUsize::new(0);
    let [.., oci, _] = bad(move |seen| {
        let next = format!("</v2/app/tags/list?last={}>; rel=\"next\"", count.fetch_add(1, Ordering::SeqCst));
        if seen.target.starts_with("/v2/") { good(seen).with("Link", &next) } else { good(seen) }
    });
    assert_eq!(oci, "the answer cannot be read: more than 500 pages of tags");
}

/// Pages that each come in time, and that are too many in all: the question ends, and so does asking that host.
#[test]
fn pages_that_take_for_ever() {
    let count = AtomicUsize::new(0);
    let server = Server::start(move |seen| {
        std::thread::sleep(Duration::from_millis(150));
        let next = format!("</v2/app/tags/list?last={}>; rel=\"next\"", count.fetch_add(1, Ordering::SeqCst));
        good(seen).with("Link", &next)
    });
    let mut setup = Setup::default();
    setup.options.http.request_timeout = Duration::from_millis(400);
    let [.., oci, _] = with_bad(&setup, &server.authority(), "http");
    assert_eq!(oci, "unreachable: no whole answer within 4 s");
    assert!(server.seen().len() < 50, "{}", server.seen().len());
}

#[test]
fn too_large() {
    let expected = ["50", "8", "64"].map(|mib| format!("larger than {mib} MiB, the limit"));
    let mut patient = Setup::default();
    patient.options.http.request_timeout = Duration::from_secs(60);
    for announced in [true, false] {
        let server = Server::start(move |_| Reply::Endless { bytes: 200 << 20, announced });
        assert_eq!(with_bad(&patient, &server.authority(), "http"), expected, "{announced}");
    }
    // A flag raises the limit.
    let server = Server::start(|seen| match seen.target.ends_with("index.yaml") {
        true => Reply::Endless { bytes: 51 << 20, announced: true },
        false => good(seen),
    });
    patient.options.limits.index_bytes = 60 << 20;
    let [helm, ..] = with_bad(&patient, &server.authority(), "http");
    assert_eq!(helm, "the answer cannot be read: it is not an index: the index has no `apiVersion`");
}

#[test]
fn packed() {
    let pack = |bytes: &[u8]| {
        let mut out = GzEncoder::new(Vec::new(), Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    };
    let bomb = pack(&vec![b'#'; 70 << 20]);
    let expected = ["50", "8", "64"].map(|mib| format!("larger than {mib} MiB, the limit"));
    let mut patient = Setup::default();
    patient.options.http.request_timeout = Duration::from_secs(60);
    let server = Server::start(move |_| Reply::body(bomb.clone()).with("content-encoding", "gzip"));
    assert_eq!(with_bad(&patient, &server.authority(), "http"), expected);
    assert_eq!(
        bad(|_| Reply::body("not packed at all").with("content-encoding", "gzip")),
        all("the answer cannot be read: it is not packed as it says")
    );
    let fine = bad(move |seen| match good(seen) {
        Reply::Whole { body, .. } => Reply::body(pack(&body)).with("content-encoding", "gzip"),
        other => other,
    });
    assert_eq!(fine, all("1.1.0"));
}

#[test]
fn redirects() {
    let round = |seen: &Seen| Reply::status(302).with("Location", &seen.target);
    assert_eq!(bad(round), all("the answer cannot be read: it redirects in a circle"));
    let count = AtomicUsize::new(0);
    let on = move |_: &Seen| {
        Reply::status(307).with("Location", &format!("/x/{}", count.fetch_add(1, Ordering::SeqCst)))
    };
    assert_eq!(bad(on), all("the answer cannot be read: it redirects more than 5 times"));
    let away = |_: &Seen| Reply::status(301).with("Location", "ftp://example.com/");
    assert_eq!(bad(away), all("the answer cannot be read: it redirects to what is no address of HTTP"));
    let metadata = |_: &Seen| Reply::status(302).with("Location", "http://169.254.169.254/latest");
    let [first, ..] = bad(metadata);
    assert!(
        first.contains("169.254.169.254") && first.ends_with("allow it with `--allow-host 169.254.169.254`"),
        "{first}"
    );
}

#[test]
fn addresses_that_are_not_allowed() {
    let setup = Setup { allow: vec!["localhost".to_owned()], ..impatient() };
    let server = Server::start(good);
    let port = server.address.port();
    let kept = with_one(&setup, &format!("127.0.0.1:{port}"));
    let expected = "unreachable: `127.0.0.1` is not asked: 127.0.0.1 is a loopback address; \
        if it is meant, allow it with `--allow-host 127.0.0.1`";
    assert_eq!(kept, all(expected));
    assert_eq!(with_one(&setup, &format!("localhost:{port}")), all("1.1.0"));
    let named = Setup { allow: vec!["127.0.0.0/8".to_owned()], ..impatient() };
    assert_eq!(with_one(&named, &format!("127.0.0.1:{port}")), all("1.1.0"));
}

fn with_one(setup: &Setup, host: &str) -> [String; 3] {
    let [helm, git, oci] =
        [format!("http://{host}/charts"), format!("http://{host}/app.git"), format!("{host}/app")];
    let text =
        repository(&[("helm", Source::Helm(&helm)), ("oci", Source::Oci(&oci)), ("git", Source::Git(&git))]);
    let (plan, _) = setup.plan(&text);
    let found = outcomes(&plan);
    ["helm", "oci", "git"].map(|name| found[name].clone())
}

#[test]
fn names_without_an_address() {
    let unknown = "unreachable: no address is known for the name registry.invalid";
    assert_eq!(with_bad(&impatient(), "registry.invalid", "https"), all(unknown));
}

#[test]
fn tls_that_is_none() {
    let server = Server::start(good);
    let [helm, oci, git] = with_bad(&impatient(), &server.authority(), "https");
    assert_eq!([helm, git], ["unreachable: TLS: it does not speak it"; 2]);
    // A registry of this machine may be a plain one, as for Flux; any other is asked over TLS alone.
    assert_eq!(oci, "1.1.0");
}

/// The same over https, registries too: what is wrong is told, and a server of TLS is told nothing in the clear.
#[test]
fn over_tls() {
    let own = certificates();
    let mut trusting = impatient();
    trusting.options.http.extra_ca = vec![own.0.clone()];
    let serve =
        |handler: Box<dyn Fn(&Seen) -> Reply + Send + Sync>| Server::start_tls(tls(&own, false), handler);
    let outcome = |setup: &Setup, handler: Box<dyn Fn(&Seen) -> Reply + Send + Sync>| {
        with_bad(setup, &serve(handler).authority(), "https")
    };
    assert_eq!(outcome(&trusting, Box::new(good)), all("1.1.0"));
    assert_eq!(outcome(&trusting, Box::new(at_first(2, Reply::status(500)))), all("1.1.0"));
    assert_eq!(outcome(&trusting, Box::new(at_first(2, Reply::status(503)))), all("1.1.0"));
    for status in [500, 502, 503, 504] {
        let expected = format!("unreachable: the server answers {status}");
        assert_eq!(outcome(&trusting, Box::new(move |_| Reply::status(status))), all(&expected));
    }
    let unknown = "unreachable: TLS: its certificate is from an authority that is not known here; add it with --ca-file";
    let server = serve(Box::new(good));
    assert_eq!(with_bad(&impatient(), &server.authority(), "https"), all(unknown));
    let other = format!("localhost:{}", server.address.port());
    assert_eq!(
        with_bad(&trusting, &other, "https"),
        all("unreachable: TLS: its certificate is for another name")
    );
    assert!(server.seen().is_empty(), "{:?}", server.seen());
    let demanding = Server::start_tls(tls(&own, true), good);
    let wanted =
        "unreachable: TLS: it wants a certificate of yours; give one with --client-cert and --client-key";
    assert_eq!(with_bad(&trusting, &demanding.authority(), "https"), all(wanted));
    assert!(demanding.seen().is_empty(), "{:?}", demanding.seen());
}

/// A credential goes to the host that it is for, whatever that host says.
#[test]
fn redirects_and_challenges_take_no_credential_along() {
    let thief = Arc::new(Server::start(good));
    let elsewhere = format!("localhost:{}", thief.address.port());
    let to = elsewhere.clone();
    let redirecting = Server::start(move |seen| {
        if seen.target.starts_with("/v2/") && seen.header("authorization").is_none() {
            return Reply::status(401).with("WWW-Authenticate", "Basic realm=\"x\"");
        }
        if seen.target.contains("/info/refs") && seen.header("authorization").is_none() {
            return Reply::status(401).with("WWW-Authenticate", "Basic realm=\"x\"");
        }
        Reply::status(302).with("Location", &format!("http://{to}{}", seen.target))
    });
    let home = tempfile::tempdir().unwrap();
    let setup = with_secret(home.path(), &redirecting.authority());
    assert_eq!(with_one(&setup, &redirecting.authority()), all("1.1.0"));
    let given = redirecting.seen().iter().filter(|seen| seen.header("authorization").is_some()).count();
    assert_eq!(given, 3, "{:?}", redirecting.seen());
    assert!(thief.seen().len() >= 3);
    for seen in thief.seen() {
        assert_eq!(seen.header("authorization"), None, "{seen:?}");
    }
    // A token service of another host is asked without.
    let before = thief.seen().len();
    let challenging = Server::start(move |_| {
        Reply::status(401)
            .with("WWW-Authenticate", &format!("Bearer realm=\"http://{elsewhere}/token\",service=\"x\""))
    });
    let setup = with_secret(home.path(), &challenging.authority());
    let [_, oci, _] = with_one(&setup, &challenging.authority());
    assert_eq!(oci, "the answer cannot be read: it is not a token: it has no `token`");
    let asked = &thief.seen()[before..];
    assert!(
        !asked.is_empty() && asked.iter().all(|seen| seen.header("authorization").is_none()),
        "{asked:?}"
    );
}

/// A home that has a user and a password for one host, for every protocol, also over plain HTTP.
fn with_secret(home: &std::path::Path, host: &str) -> Setup {
    let mut setup = Setup::at_home(home);
    setup.credentials.env.insert("FLUX_UPGRADE_TEST_SECRET".into(), "secret".into());
    let path = flux_upgrade_core::RepoPath::parse(".flux-upgrade.yaml").unwrap();
    let rules = format!(
        "version: 1\ncredentials:\n  http://{host}: {{env: {{password: FLUX_UPGRADE_TEST_SECRET}}, username: robot}}\n"
    );
    setup.rules = flux_upgrade_core::rules::Rules::parse(&path, &rules).unwrap();
    setup.credentials.mapping = setup.rules.credentials().to_vec();
    setup
}
