//! What is done to a server's TLS: what is no TLS, records that are too long, handshakes that are begun
//! again or never ended. Each is counted, and an honest client is served meanwhile.

mod support;

use core::num::NonZeroUsize;
use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use kinglet_core::Application;
use kinglet_core::http::{Handled, Reply, Request, Status};
use kinglet_hosted::{Options, Reason, Server};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ClientConfig, ConnectionTrafficSecrets};
use support::{Running, get, read_to_end, secured, start};

/// A server with TLS, and what its clients have.
fn start_tls(
    version: &'static rustls::SupportedProtocolVersion,
    options: Options,
) -> (Running, Arc<ClientConfig>) {
    let (tls, config) = secured::pair(&[version]);
    let options = Options {
        tls: Some(tls),
        ..options
    };
    (start("127.0.0.1:0", options, None), Arc::new(config))
}

/// The longest record that there may be is shorter (RFC 8446 §5.2).
const TOO_LONG: &[u8] = b"\x17\x03\x03\x48\x01";

#[test]
fn what_is_no_tls_is_counted_before_the_handshake_and_after() {
    for version in [&TLS12, &TLS13] {
        let (server, config) = start_tls(version, Options::default());
        let mut honest = secured::client(&server, &config);
        let long_hello = [b"\x16\x03\x01\x48\x01\x01\0\x48\0".as_slice(), &[0; 18_500]].concat();
        let messages_without_end = [
            b"\x16\x03\x01\x40\0\x01\xff\xff\xff".as_slice(),
            &[0; 70_000],
        ];
        let rows: [&[u8]; 9] = [
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            &[0; 1000],
            &[0xff; 1000],
            TOO_LONG,
            &long_hello,
            &messages_without_end.concat(),
            // An empty record of the handshake; an alert; content before there is a key.
            b"\x16\x03\x01\0\0",
            b"\x15\x03\x01\0\x02\x02\x28",
            b"\x17\x03\x03\0\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ];
        let mut count = 0;
        for bytes in rows {
            for is_open in [false, true] {
                let mut client = secured::client(&server, &config);
                if is_open {
                    assert_eq!(get(&mut client, "/").1, b"hello");
                }
                // It may be closed before all is written.
                let _ = client.sock.write_all(bytes);
                read_to_end(&mut client.sock);
                count += 1;
                server.await_refused(Reason::Tls, count);
                assert_eq!(server.handle.refused(Reason::Tls), count);
                assert_eq!(get(&mut honest, "/").1, b"hello");
            }
        }
        drop(honest);
        server.finish();
    }
}

/// One side's keys in TLS 1.2 with AES-128-GCM, to make records with that no client would.
struct Records {
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
}

impl Records {
    fn new((sequence, secrets): (u64, ConnectionTrafficSecrets)) -> Self {
        let ConnectionTrafficSecrets::Aes128Gcm { key, iv } = secrets else {
            panic!("another suite")
        };
        let key = UnboundKey::new(&AES_128_GCM, key.as_ref()).unwrap();
        Self {
            key: LessSafeKey::new(key),
            iv: iv.as_ref().try_into().unwrap(),
            sequence,
        }
    }

    /// A record (RFC 5288 §3).
    fn seal(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let mut nonce = self.iv;
        for (byte, part) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= part;
        }
        let len = u16::try_from(content.len()).unwrap().to_be_bytes();
        let mut about = self.sequence.to_be_bytes().to_vec();
        about.extend([kind, 3, 3, len[0], len[1]]);
        let mut sealed = content.to_vec();
        let nonce_used = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(nonce_used, Aad::from(&about), &mut sealed)
            .unwrap();
        self.sequence += 1;
        let len = u16::try_from(8 + sealed.len()).unwrap().to_be_bytes();
        [&[kind, 3, 3, len[0], len[1]], &nonce[4..], &sealed].concat()
    }
}

const HANDSHAKE: u8 = 22;
const CONTENT: u8 = 23;

/// The kind of the next record, which is read to its end.
fn read_record(client: &mut TcpStream) -> Option<u8> {
    let mut header = [0; 5];
    client.read_exact(&mut header).ok()?;
    let mut rest = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    client.read_exact(&mut rest).ok()?;
    Some(header[0])
}

#[test]
fn a_handshake_is_not_begun_again() {
    // The keys are used by hand, so there is one suite.
    let mut provider = rustls::crypto::ring::default_provider();
    let suite = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    provider
        .cipher_suites
        .retain(|known| known.suite() == suite);
    let (tls, mut config) = secured::pair_with(provider, &[&TLS12]);
    config.enable_secret_extraction = true;
    let options = Options {
        tls: Some(tls),
        ..Options::default()
    };
    let server = start("127.0.0.1:0", options, None);
    let config = Arc::new(config);
    let mut honest = secured::client(&server, &config);
    assert_eq!(get(&mut honest, "/").1, b"hello");

    let mut client = secured::client(&server, &config);
    let mut hello = Vec::new();
    client.conn.write_tls(&mut hello).unwrap();
    client.sock.write_all(&hello).unwrap();
    assert_eq!(get(&mut client, "/").1, b"hello");
    let secured::Client {
        conn,
        sock: mut socket,
    } = client;
    let mut records = Records::new(conn.dangerous_extract_secrets().unwrap().tx);
    // Once: the answer is that there is none, and the connection goes on (RFC 5246 §7.2.2).
    socket
        .write_all(&records.seal(HANDSHAKE, &hello[5..]))
        .unwrap();
    assert_eq!(read_record(&mut socket), Some(21), "no_renegotiation");
    let request = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n";
    socket.write_all(&records.seal(CONTENT, request)).unwrap();
    assert_eq!(read_record(&mut socket), Some(CONTENT));
    assert_eq!(server.handle.refused(Reason::Tls), 0);
    // Again and again: it ends.
    for _ in 0..10 {
        // It may be closed before all is written.
        let _ = socket.write_all(&records.seal(HANDSHAKE, &hello[5..]));
    }
    while read_record(&mut socket).is_some() {}
    server.await_refused(Reason::Tls, 1);
    assert_eq!(get(&mut honest, "/").1, b"hello");
    drop(honest);
    server.finish();
}

/// Tells when its thread is at a request for `/hold`, and stays there until it may go on.
struct Holding {
    entered: Sender<()>,
    go_on: Receiver<()>,
}

impl Application for Holding {
    type Exchange = ();

    fn request(&mut self, (): &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
        if request.path() == "/hold" {
            self.entered.send(()).unwrap();
            self.go_on.recv().unwrap();
        }
        reply.send(Status::OK, &[], b"hello")
    }
}

#[test]
fn handshakes_by_the_hundreds_do_not_keep_a_request_waiting() {
    const MANY: usize = 300;
    const BUDGET: usize = 4;
    let (tls, config) = secured::pair(&[&TLS13]);
    let config = Arc::new(config);
    let options = Options {
        tls: Some(tls),
        max_handshakes: NonZeroUsize::new(BUDGET).unwrap(),
        handshake_timeout: Duration::from_secs(3),
        ..Options::default()
    };
    let server = Server::bind(&"127.0.0.1:0".parse().unwrap(), options).unwrap();
    let (entered, entries) = channel();
    let (let_go, go_on) = channel();
    let application = std::sync::Mutex::new(Some(Holding { entered, go_on }));
    let server = support::start_with(server, move |_| {
        application.lock().unwrap().take().expect("one thread")
    });
    let mut holder = secured::client(&server, &config);
    assert_eq!(get(&mut holder, "/").1, b"hello");
    let mut honest = secured::client(&server, &config);
    assert_eq!(get(&mut honest, "/").1, b"hello");
    let mut half: Vec<_> = (0..MANY)
        .map(|_| secured::client(&server, &config))
        .collect();
    server.await_connections(MANY + 2);

    // While the thread is held, all of them begin, and an honest client asks behind them.
    let hold = b"GET /hold HTTP/1.1\r\nHost: t\r\n\r\n";
    holder.write_all(hold).unwrap();
    entries.recv().unwrap();
    for client in &mut half {
        client.conn.write_tls(&mut client.sock).unwrap();
    }
    honest.write_all(hold).unwrap();
    let_go.send(()).unwrap();
    // It is held again at the honest client's request: few of the handshakes were before that.
    entries.recv().unwrap();
    let answered = half.iter().filter(|client| has_come(&client.sock)).count();
    assert!(answered <= 2 * BUDGET, "{answered} were before it");
    let_go.send(()).unwrap();
    assert_eq!(support::read_response(&mut honest).1, b"hello");
    assert_eq!(support::read_response(&mut holder).1, b"hello");

    // None of them goes on, and their time comes; meanwhile the honest client is served.
    while server.handle.refused(Reason::SlowHandshake) < MANY as u64 {
        assert_eq!(get(&mut honest, "/").1, b"hello");
    }
    drop((honest, holder));
    server.finish();
}

/// Whether there is something to read.
fn has_come(client: &TcpStream) -> bool {
    client.set_nonblocking(true).unwrap();
    client.peek(&mut [0]).is_ok()
}
