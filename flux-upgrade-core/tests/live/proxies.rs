//! Requests through a proxy of ours, plain and by CONNECT.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use flux_upgrade_core::host::Proxies;

use super::faults::good;
use super::server::Server;
use super::{Setup, Source, outcomes, repository};

/// A proxy that sends everything to one server, whatever name it is for; what it was asked for is in the list.
fn proxy(target: SocketAddr) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let all = Arc::clone(&asked);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let all = Arc::clone(&all);
            thread::spawn(move || carry(client, target, &all));
        }
    });
    (format!("http://robot:secret@{address}"), asked)
}

fn carry(client: TcpStream, target: SocketAddr, all: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    // `robot:secret`.
    let is_known =
        head.iter().any(|line| line.eq_ignore_ascii_case("proxy-authorization: basic cm9ib3Q6c2VjcmV0"));
    all.lock().unwrap().push(format!("{}{}", head[0], if is_known { "" } else { ", a stranger" }));
    let mut server = TcpStream::connect(target).ok()?;
    let mut back = client.try_clone().ok()?;
    if head[0].starts_with("CONNECT ") {
        back.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    } else {
        // The request goes on with its path alone, and this connection ends with it.
        let (method, rest) = head[0].split_once(' ')?;
        let path = rest.splitn(4, '/').nth(3)?;
        let kept = head[1..].iter().filter(|line| !line.to_ascii_lowercase().starts_with("proxy-"));
        let text: String = kept.map(|line| format!("{line}\r\n")).collect();
        server.write_all(format!("{method} /{path}\r\n{text}\r\n").as_bytes()).ok()?;
    }
    let (mut from, to) = (server.try_clone().ok()?, server);
    let upwards = thread::spawn(move || {
        let mut to = to;
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
    let _ = std::io::copy(&mut from, &mut back);
    let _ = back.shutdown(Shutdown::Both);
    let _ = upwards.join();
    Some(())
}

fn through(variables: &[(&str, &str)]) -> Setup {
    let mut setup = Setup::default();
    setup.options.http.proxies = Proxies::from_variables(|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    });
    setup
}

fn text() -> String {
    repository(&[
        ("helm", Source::Helm("http://charts.example.com/charts")),
        ("git", Source::Git("http://git.example.com/app.git")),
    ])
}

#[test]
fn names_are_left_to_the_proxy() {
    let server = Server::start(good);
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let (proxy, asked) = proxy(server.address);
        let (plan, recording) = through(&[(name, &proxy)]).plan(&text());
        let found = outcomes(&plan);
        assert_eq!((found["helm"].as_str(), found["git"].as_str()), ("1.1.0", "1.1.0"), "{name}");
        let asked = asked.lock().unwrap().clone();
        assert!(!asked.is_empty() && asked.iter().all(|line| !line.contains("stranger")), "{asked:?}");
        assert!(asked.iter().any(|line| line.contains("charts.example.com")), "{asked:?}");
        assert!(!format!("{plan:?}{}", recording.to_json(None)).contains("secret"));
    }
}

/// What is https goes by CONNECT, and the proxy sees none of it.
#[test]
fn tls_goes_through_connect() {
    let server = Server::start(good);
    let (proxy, asked) = proxy(server.address);
    let url = "https://charts.example.com/charts";
    let setup = through(&[("HTTPS_PROXY", &proxy), ("NO_PROXY", "git.invalid")]);
    let (plan, _) = setup.plan(&repository(&[
        ("helm", Source::Helm(url)),
        ("direct", Source::Git("https://git.invalid/app.git")),
        ("plain", Source::Git("http://plain.invalid/app.git")),
    ]));
    let found = outcomes(&plan);
    assert_eq!(found["helm"], "unreachable: TLS: it does not speak it");
    assert_eq!(found["direct"], "unreachable: no address is known for the name git.invalid");
    assert_eq!(found["plain"], "unreachable: no address is known for the name plain.invalid");
    let asked = asked.lock().unwrap().clone();
    let connect = "CONNECT charts.example.com:443 HTTP/1.1";
    assert!(!asked.is_empty() && asked.iter().all(|line| line == connect), "{asked:?}");
}

/// Addresses that are refused stay so: a proxy is no way around the guard.
#[test]
fn the_guard_stands_before_the_proxy() {
    let server = Server::start(good);
    let (proxy, asked) = proxy(server.address);
    let setup = through(&[("ALL_PROXY", &proxy)]);
    let (plan, _) = setup.plan(&repository(&[("app", Source::Helm("http://169.254.169.254/charts"))]));
    assert!(outcomes(&plan)["app"].contains("169.254.169.254 is a link-local address"));
    assert_eq!(asked.lock().unwrap().len(), 0);
    let (plan, _) = through(&[("ALL_PROXY", "http://[")]).plan(&text());
    assert_eq!(
        outcomes(&plan)["helm"],
        "unreachable: the address of the proxy in the environment cannot be read"
    );
}
