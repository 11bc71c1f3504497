//! A server of HTTP on this machine that does what a test wants, good or bad.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What a server has seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether a certificate was shown.
    pub(crate) is_certified: bool,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// What a server does.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Whole {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// Announces more than it sends, and closes.
    Cut(Vec<u8>),
    /// Sends so many bytes, whether announced or not.
    Endless {
        bytes: u64,
        announced: bool,
    },
    /// Says nothing for so long.
    Silent(Duration),
    /// Sends a byte now and then.
    Drip(Duration),
    Close,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self::Whole { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn body(body: impl Into<Vec<u8>>) -> Self {
        Self::Whole { status: 200, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        if let Self::Whole { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

type Handler = dyn Fn(&Seen) -> Reply + Send + Sync;

/// A server that listens until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    stopped: Arc<AtomicBool>,
}

impl Server {
    pub(crate) fn start(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(None, handler)
    }

    pub(crate) fn start_tls(
        tls: rustls::ServerConfig,
        handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Some(Arc::new(tls)), handler)
    }

    fn listen(
        tls: Option<Arc<rustls::ServerConfig>>,
        handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, stopped) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::new(AtomicBool::new(false)));
        let handler: Arc<Handler> = Arc::new(handler);
        let (all, end) = (Arc::clone(&seen), Arc::clone(&stopped));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let (handler, all, end) = (Arc::clone(&handler), Arc::clone(&all), Arc::clone(&end));
                let tls = tls.clone();
                thread::spawn(move || accept(stream, tls, &*handler, &all, &end));
            }
        });
        Self { address, seen, stopped }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// A port on which nobody listens.
pub(crate) fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn accept(
    mut stream: TcpStream,
    tls: Option<Arc<rustls::ServerConfig>>,
    handler: &Handler,
    all: &Mutex<Vec<Seen>>,
    end: &AtomicBool,
) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let Some(tls) = tls else { return serve(stream, false, handler, all, end) };
    let mut connection = rustls::ServerConnection::new(tls).unwrap();
    while connection.is_handshaking() {
        if connection.complete_io(&mut stream).is_err() {
            return;
        }
    }
    let is_certified = connection.peer_certificates().is_some();
    serve(rustls::StreamOwned::new(connection, stream), is_certified, handler, all, end);
}

fn serve(
    stream: impl Read + Write,
    is_certified: bool,
    handler: &Handler,
    all: &Mutex<Vec<Seen>>,
    end: &AtomicBool,
) {
    let mut reader = BufReader::new(stream);
    while !end.load(Ordering::SeqCst) {
        let Some(mut seen) = read(&mut reader) else {
            // Bytes that are no HTTP, such as the hello of TLS, get what most servers say.
            let said = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            let _ = reader.get_mut().write_all(said);
            return;
        };
        seen.is_certified = is_certified;
        let reply = handler(&seen);
        all.lock().unwrap().push(seen.clone());
        if write(reader.get_mut(), &seen, reply).is_none() {
            return;
        }
    }
}

fn read(reader: &mut impl std::io::BufRead) -> Option<Seen> {
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        reader.take(16 << 10).read_until(b'\n', &mut line).ok()?;
        let line = String::from_utf8(line).ok()?;
        let line = line.strip_suffix("\r\n")?.to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let mut words = lines.first()?.split(' ');
    let mut seen =
        Seen { method: words.next()?.to_owned(), target: words.next()?.to_owned(), ..Seen::default() };
    let pair = |line: &String| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    seen.headers = lines[1..].iter().filter_map(pair).collect();
    let length = seen.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    seen.body = vec![0; length];
    reader.read_exact(&mut seen.body).ok()?;
    Some(seen)
}

/// Whether the connection can be used again.
fn write(stream: &mut impl Write, seen: &Seen, reply: Reply) -> Option<()> {
    match reply {
        Reply::Whole { status, headers, body } => {
            let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
            if seen.method != "HEAD" {
                stream.write_all(&body).ok()?;
            }
            Some(())
        }
        Reply::Cut(body) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len() + 100);
            stream.write_all(head.as_bytes()).ok()?;
            stream.write_all(&body).ok()?;
            None
        }
        Reply::Endless { bytes, announced } => {
            let length = if announced { format!("content-length: {bytes}\r\n") } else { String::new() };
            stream
                .write_all(format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{length}\r\n").as_bytes())
                .ok()?;
            let line = b"# a line of a very long index\n".repeat(2000);
            let mut left = bytes;
            while left > 0 {
                let part = usize::try_from(left).unwrap().min(line.len());
                stream.write_all(&line[..part]).ok()?;
                left -= part as u64;
            }
            None
        }
        Reply::Silent(time) => {
            thread::sleep(time);
            None
        }
        Reply::Drip(time) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").ok()?;
            for _ in 0..time.as_millis() / 50 {
                stream.write_all(b"#").ok()?;
                thread::sleep(Duration::from_millis(50));
            }
            None
        }
        Reply::Close => None,
    }
}
