//! What protects a server from too many connections, and what can be changed while it runs.

mod support;

use core::num::NonZeroUsize;
use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use kinglet_core::Limits;
use kinglet_hosted::{Address, Network, Options, Reason};
use support::{PATIENCE, Running, get, read_to_end, start};

fn threads(threads: usize) -> NonZeroUsize {
    NonZeroUsize::new(threads).unwrap()
}

/// A connection that a request is answered on, unless it is refused. A refusal may come at any time.
fn ask(server: &Running) -> Option<TcpStream> {
    let Address::Tcp(address) = server.address else {
        panic!("not a TCP server")
    };
    let mut client = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let sent = client.write_all(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n");
    let is_answered = sent.is_ok() && client.read(&mut [0]).is_ok_and(|len| len == 1);
    is_answered.then_some(client)
}

/// The same, until it is answered.
fn ask_until_answered(server: &Running) -> TcpStream {
    let started = Instant::now();
    loop {
        if let Some(client) = ask(server) {
            return client;
        }
        assert!(started.elapsed() < PATIENCE);
    }
}

/// Waits until the server has counted `count` of them, as another thread may still be about to.
fn assert_refused(server: &Running, reason: Reason, count: u64) {
    let started = Instant::now();
    while server.handle.refused(reason) < count {
        assert!(started.elapsed() < PATIENCE, "{reason:?}");
        std::thread::yield_now();
    }
    assert_eq!(server.handle.refused(reason), count, "{reason:?}");
}

#[test]
fn an_address_has_no_more_connections_than_it_may() {
    for listen in ["127.0.0.1:0", "[::1]:0"] {
        for n in [1, 3] {
            let options = Options {
                threads: threads(n),
                max_connections_per_address: 5,
                exempt: Vec::new(),
                ..Options::default()
            };
            let server = start(listen, options.clone(), None);
            let mut clients: Vec<_> = (0..5).filter_map(|_| ask(&server)).collect();
            assert_eq!(clients.len(), 5);
            assert!(ask(&server).is_none());
            assert_refused(&server, Reason::AddressFull, 1);
            // One that goes makes room for one.
            clients.pop();
            clients.push(ask_until_answered(&server));
            assert!(ask(&server).is_none());
            // A reload that lets the address off has effect at once.
            server.handle.reconfigure(Options {
                exempt: Network::LOOPBACK.to_vec(),
                ..options
            });
            clients.push(ask_until_answered(&server));
            drop(clients);
            server.finish();
        }
    }
}

#[test]
fn more_connections_may_be_allowed_while_some_wait() {
    let options = Options {
        max_connections: 2,
        ..Options::default()
    };
    let server = start("127.0.0.1:0", options.clone(), None);
    let mut clients: Vec<_> = (0..2).map(|_| server.connect()).collect();
    for client in &mut clients {
        get(client, "/");
    }
    let mut third = server.connect();
    write!(third, "GET / HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    assert_refused(&server, Reason::Full, 1);
    server.handle.reconfigure(Options {
        max_connections: 3,
        server_name: String::from("another"),
        ..options
    });
    let (head, content) = support::read_response(&mut third);
    assert!(head.contains("\r\nServer: another\r\nDate: "), "{head}");
    assert_eq!(content, b"hello");
    drop((clients, third));
    server.finish();
}

#[test]
fn limits_change_on_connections_that_are_open() {
    for n in [1, 3] {
        let options = Options {
            threads: threads(n),
            ..Options::default()
        };
        let server = start("127.0.0.1:0", options, None);
        let mut clients: Vec<_> = (0..6).map(|_| server.connect()).collect();
        for client in &mut clients {
            assert_eq!(get(client, "/").1, b"hello");
        }
        server.handle.set_limits(&Limits {
            max_target_len: 8,
            drain_timeout: Duration::from_millis(300),
            idle_timeout: Duration::from_millis(50),
            ..Limits::SERVER
        });
        for (at, client) in clients.iter_mut().enumerate() {
            if at % 2 == 0 {
                // The idle timeout of before runs on; it is the exchange that brings the new one.
                let answer = get(client, "/").1;
                assert_eq!(answer, b"hello");
                assert_eq!(read_to_end(client), b"");
            } else {
                let long = "GET /123456789 HTTP/1.1\r\nHost: t\r\n\r\n";
                client.write_all(long.as_bytes()).unwrap();
                let answer = read_to_end(client);
                assert!(answer.starts_with(b"HTTP/1.1 414 "));
            }
        }
        assert_refused(&server, Reason::Limit, 3);
        server.finish();
    }
}

#[test]
fn who_is_slow_is_counted() {
    let options = Options {
        limits: support::impatient(),
        ..Options::default()
    };
    let server = start("127.0.0.1:0", options, None);
    let mut slow = server.connect();
    slow.write_all(b"GET / HT").unwrap();
    assert!(read_to_end(&mut slow).starts_with(b"HTTP/1.1 408 "));
    drop(slow);
    assert_refused(&server, Reason::SlowHead, 1);
    let mut wrong = server.connect();
    wrong.write_all(b"GET\r\n\r\n").unwrap();
    assert!(read_to_end(&mut wrong).starts_with(b"HTTP/1.1 400 "));
    drop(wrong);
    assert_refused(&server, Reason::Syntax, 1);
    server.finish();
}
