//! Clients that hold their connections for next to nothing, in every phase that one can be slow in: each
//! is given up and counted, and an honest client is served meanwhile.

mod support;

use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use kinglet_core::Limits;
use kinglet_hosted::{Network, Options, Reason};
use rustls::version::{TLS12, TLS13};
use support::{PATIENCE, Running, get, impatient, secured, start};

/// How many are slow at once.
const MANY: u64 = 20;

/// How long a slow client waits between two bytes.
const PAUSE: Duration = Duration::from_millis(20);

/// What stands before the first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    /// A PROXY header has to.
    Header,
    Tls,
    /// TLS has to, and the slow do not get through its handshake.
    Handshake,
}

use Before::{Handshake, Header, Nothing, Tls};

/// What follows the beginning: these bytes again and again, or nothing.
type Then = Option<&'static [u8]>;

const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n";
const HEAD: &[u8] = b"GET / HTTP/1.1\r\nX: ";
const KNOWN: &[u8] = b"POST /upload HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n";
const KEPT: &[u8] = b"POST /collect HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n";
const CHUNK: &[u8] =
    b"POST /upload HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n";
const CHUNKS: &[u8] = b"POST /upload HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
const LARGE: &[u8] =
    b"GET /static HTTP/1.1\r\nHost: t\r\n\r\nGET /static HTTP/1.1\r\nHost: t\r\n\r\n";

#[test]
fn whoever_is_slow_is_given_up_and_counted() {
    check(Nothing);
}

#[test]
fn whoever_is_slow_behind_tls_is_too() {
    check(Tls);
}

#[test]
fn whoever_is_slow_in_a_handshake_is_too() {
    check(Handshake);
}

#[test]
fn whoever_is_slow_in_a_proxy_header_is_too() {
    check(Header);
}

/// Goes through the rows of one kind.
fn check(kind: Before) {
    let a: Then = Some(b"a");
    #[rustfmt::skip]
    let rows: [(&str, Before, &[u8], Then, Reason); 17] = [
        ("before the first request",    Nothing,   b"",    None,             Reason::Idle),
        ("between requests",            Nothing,   GET,    None,             Reason::Idle),
        ("between requests",            Tls,       GET,    None,             Reason::Idle),
        ("blank lines before one",      Nothing,   b"",    Some(b"\r\n"),    Reason::Idle),
        ("in a head",                   Nothing,   HEAD,   a,                Reason::SlowHead),
        ("in a head",                   Tls,       HEAD,   a,                Reason::SlowHead),
        ("in a head, silent",           Nothing,   HEAD,   None,             Reason::SlowHead),
        ("in content",                  Nothing,   KNOWN,  a,                Reason::SlowContent),
        ("in content that is kept",     Tls,       KEPT,   a,                Reason::SlowContent),
        ("in a chunk",                  Nothing,   CHUNK,  a,                Reason::SlowContent),
        ("chunk by chunk",              Tls,       CHUNKS, Some(b"1\r\na\r\n"), Reason::SlowContent),
        ("in a handshake, silent",      Handshake, b"",    None,             Reason::SlowHandshake),
        ("in a handshake",              Handshake, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", a, Reason::SlowHandshake),
        ("in a PROXY header, silent",   Header,    b"",    None,             Reason::ProxyHeader),
        ("in a PROXY header",           Header,    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x01\0", a, Reason::ProxyHeader),
        ("in reading",                  Nothing,   LARGE,  None,             Reason::SlowReceiver),
        ("in reading",                  Tls,       LARGE,  None,             Reason::SlowReceiver),
    ];
    for (name, before, begin, then, reason) in rows {
        if before != kind {
            continue;
        }
        let name = format!("{name}, {before:?}");
        let (tls, config) = secured::pair(&[&TLS13, &TLS12]);
        let config = Arc::new(config);
        let options = Options {
            limits: Limits {
                // The honest client has to keep up, on a busy machine too.
                idle_timeout: Duration::from_secs(1),
                ..impatient()
            },
            handshake_timeout: Duration::from_millis(600),
            tls: matches!(before, Tls | Handshake).then_some(tls),
            proxy_protocol: match before {
                Header => Network::LOOPBACK.to_vec(),
                Nothing | Tls | Handshake => Vec::new(),
            },
            ..Options::default()
        };
        let server = start("127.0.0.1:0", options, None);
        let connect = |is_honest: bool| -> Box<dyn Client> {
            let plain = is_honest.then_some(LOCAL).filter(|_| before == Header);
            let mut client: Box<dyn Client> = match before {
                Tls => Box::new(secured::client(&server, &config)),
                Handshake if is_honest => Box::new(secured::client(&server, &config)),
                Nothing | Header | Handshake => Box::new(server.connect()),
            };
            client.write_all(plain.unwrap_or_default()).unwrap();
            client
        };
        let mut honest = connect(true);
        assert_eq!(get(&mut honest, "/").1, b"hello");
        let slow = (0..MANY).map(|_| {
            let mut client = connect(false);
            say(&mut client, begin);
            assert_eq!(get(&mut honest, "/").1, b"hello", "{name}");
            client
        });
        let mut slow: Vec<_> = slow.collect();
        let answered = serve_until(&server, reason, &mut honest, &mut slow, then, &name);
        assert!(answered > 0, "{name}: {answered} answers meanwhile");
        server.await_connections(1);
        assert_eq!(server.handle.refused(reason), MANY, "{name}");
        // Nobody was given up for another reason.
        let refused = Reason::ALL.map(|reason| server.handle.refused(reason));
        assert_eq!(refused.iter().sum::<u64>(), MANY, "{name}: {refused:?}");
        drop(honest);
        server.finish();
    }
}

/// Has the honest client be served until all the slow ones are counted; answers how often it was.
fn serve_until(
    server: &Running,
    reason: Reason,
    honest: &mut Box<dyn Client>,
    slow: &mut [Box<dyn Client>],
    then: Then,
    name: &str,
) -> u64 {
    let (started, mut last, mut answered) = (Instant::now(), Instant::now(), 0);
    while server.handle.refused(reason) < MANY {
        let refused = Reason::ALL.map(|reason| server.handle.refused(reason));
        assert!(started.elapsed() < PATIENCE, "{name}: {refused:?}");
        assert_eq!(get(honest, "/").1, b"hello", "{name}");
        answered += 1;
        if let Some(bytes) = then
            && last.elapsed() > PAUSE
        {
            last = Instant::now();
            for client in &mut *slow {
                say(client, bytes);
            }
        }
    }
    answered
}

/// Sends `bytes`, unless the server has closed already.
fn say(client: &mut Box<dyn Client>, bytes: &[u8]) {
    let sent = client.write_all(bytes).and_then(|()| client.flush());
    let is_over = |kind| matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
    assert!(sent.is_ok() || sent.is_err_and(|error| is_over(error.kind())));
}

/// A client with TLS or without.
trait Client: Read + Write {}

impl Client for TcpStream {}
impl Client for secured::Client {}
