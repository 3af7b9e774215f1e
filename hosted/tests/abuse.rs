//! What a server does for clients that do not behave, and what others notice of it.

mod support;

use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use kinglet_hosted::{Backend, Options};
use support::{Running, get, impatient, read_to_end, start};

fn impatient_server(backend: Backend) -> Running {
    let options = Options {
        limits: impatient(),
        backend,
        ..Options::default()
    };
    start("127.0.0.1:0", options, None)
}

/// Sends `bytes` one by one, each after a pause, until the server answers or closes; answers what came.
fn trickle(client: &mut TcpStream, bytes: impl Iterator<Item = u8>, pause: Duration) -> Vec<u8> {
    client.set_read_timeout(Some(pause)).unwrap();
    let started = Instant::now();
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    for byte in bytes {
        assert!(
            started.elapsed() < support::PATIENCE,
            "the server is too patient"
        );
        if client.write_all(&[byte]).is_err() {
            break;
        }
        match client.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => answer.extend_from_slice(&buffer[..len]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    answer
}

#[test]
fn a_head_that_trickles_in_is_cut_off_with_408() {
    for backend in [Backend::Native, Backend::Polling] {
        let server = impatient_server(backend);
        let mut slow = server.connect();
        let started = Instant::now();
        let head = b"GET / HTTP/1.1\r\nX: "
            .iter()
            .copied()
            .chain(core::iter::repeat(b'a'));
        let answer = trickle(&mut slow, head, Duration::from_millis(20));
        assert!(
            answer.starts_with(b"HTTP/1.1 408 "),
            "{}",
            answer.escape_ascii()
        );
        assert!(started.elapsed() >= impatient().head_timeout);
        assert_eq!(get(&mut server.connect(), "/").1, b"hello");
        server.finish();
    }
}

#[test]
fn content_that_trickles_in_is_cut_off_with_408() {
    for path in ["/upload", "/collect"] {
        let server = impatient_server(Backend::Native);
        let mut slow = server.connect();
        write!(
            slow,
            "POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n"
        )
        .unwrap();
        let content = core::iter::repeat(b'a');
        let answer = trickle(&mut slow, content, Duration::from_millis(20));
        assert!(
            answer.starts_with(b"HTTP/1.1 408 "),
            "{path}: {}",
            answer.escape_ascii()
        );
        server.finish();
    }
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    for path in ["/static", "/streamed", "/copied"] {
        let server = impatient_server(Backend::Native);
        let mut slow = server.connect();
        // Several, so that no socket buffer holds the answers.
        let requests = format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n").repeat(16);
        slow.write_all(requests.as_bytes()).unwrap();
        let patient = Duration::from_secs(5);
        let deadline = Instant::now() + patient;
        // Meanwhile others are served.
        let mut honest = server.connect();
        // The write side breaks once the server has given the connection up.
        slow.set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let mut probe = server.connect();
        loop {
            assert_eq!(get(&mut honest, "/").1, b"hello");
            if slow.write_all(b"x").is_err() {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "{path}: still open after {patient:?}"
            );
            // A wait without a sleep: a read from a connection that says nothing.
            probe
                .set_read_timeout(Some(Duration::from_millis(20)))
                .unwrap();
            let _ = probe.read(&mut [0]);
            if probe.write_all(b"").is_err() {
                probe = server.connect();
            }
        }
        server.finish();
    }
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    for backend in [Backend::Native, Backend::Polling] {
        let server = impatient_server(backend);
        let mut fresh = server.connect();
        let mut used = server.connect();
        get(&mut used, "/");
        assert_eq!(read_to_end(&mut fresh), b"");
        assert_eq!(read_to_end(&mut used), b"");
        server.finish();
    }
}

#[test]
fn a_storm_of_resets_leaves_nothing_behind() {
    let server = start("127.0.0.1:0", Options::default(), None);
    let requests: [&[u8]; 5] = [
        b"",
        b"GET / HTTP/1.1\r\nHost",
        b"GET /static HTTP/1.1\r\nHost: t\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nabc",
        b"GET /later HTTP/1.1\r\nHost: t\r\n\r\n",
    ];
    for round in 0..400 {
        for request in requests {
            let mut client = server.connect();
            client.write_all(request).unwrap();
            // Zero seconds of linger: closing resets the connection.
            rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
        }
        if round % 50 == 0 {
            assert_eq!(get(&mut server.connect(), "/").1, b"hello");
        }
    }
    // It ends at once, since no connection is left that it would have to wait for.
    let started = Instant::now();
    server.finish();
    assert!(started.elapsed() < Options::default().drain_timeout);
}

#[test]
fn bad_bytes_are_answered_and_closed() {
    let server = start("127.0.0.1:0", Options::default(), None);
    let rows: [(&[u8], &str); 6] = [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400"),
        (b"GET / HTTP/2.0\r\n\r\n", "505"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\nHost: t\n\n", "400"),
        (
            b"GET / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "400",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "501",
        ),
    ];
    for (bytes, status) in rows {
        let mut client = server.connect();
        client.write_all(bytes).unwrap();
        let answer = String::from_utf8(read_to_end(&mut client)).unwrap();
        assert_eq!(
            answer.get(9..12),
            Some(status),
            "{}: {answer}",
            bytes.escape_ascii()
        );
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    }
    server.finish();
}

#[test]
fn an_answer_of_unknown_length_that_is_cut_off_ends_in_a_reset() {
    let server = start("127.0.0.1:0", Options::default(), None);
    let mut client = server.connect();
    client.write_all(b"GET /cut HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // Without a reset it would look whole.
    let end = client.read_to_end(&mut answer);
    assert!(
        matches!(&end, Err(error) if error.kind() == ErrorKind::ConnectionReset),
        "{end:?}"
    );
    server.finish();
}

#[test]
fn a_client_that_reads_slowly_but_fast_enough_gets_all() {
    // The kernel reports room to send only when much of its buffer is free, which takes such a client
    // several windows; it takes bytes before that.
    let options = Options {
        limits: kinglet_core::Limits {
            rate_window: Duration::from_millis(250),
            ..impatient()
        },
        ..Options::default()
    };
    let server = start("127.0.0.1:0", options, None);
    for path in ["/static", "/streamed"] {
        let mut client = server.connect();
        write!(client, "GET {path} HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
        let (started, mut read) = (Instant::now(), 0);
        let mut buffer = vec![0; 64 * 1024];
        // 1.3 MB a second at most, for some windows; then the rest at once.
        while started.elapsed() < Duration::from_secs(2) {
            let len = client.read(&mut buffer).expect("the server is patient");
            assert!(len > 0, "closed after {read} bytes");
            read += len;
            std::thread::park_timeout(Duration::from_millis(50));
        }
        loop {
            match client.read(&mut buffer).expect("the server is patient") {
                0 => panic!("closed after {read} bytes"),
                len => read += len,
            }
            if read > support::LARGE.len() {
                break;
            }
        }
    }
    server.finish();
}

#[test]
fn what_lasts_until_the_end_of_the_connection_is_whole_or_ends_in_a_reset() {
    for path in ["/whole", "/streamed"] {
        for drains in [false, true] {
            let options = Options {
                limits: kinglet_core::Limits {
                    rate_window: Duration::from_millis(if drains { 20_000 } else { 300 }),
                    ..impatient()
                },
                drain_timeout: Duration::from_millis(300),
                ..Options::default()
            };
            let server = start("127.0.0.1:0", options, None);
            let mut client = server.connect();
            write!(client, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
            client.peek(&mut [0]).unwrap();
            if drains {
                server.finish();
            } else {
                // Nothing is read until the server has lost its patience.
                let mut witness = server.connect();
                assert_eq!(read_to_end(&mut witness), b"");
                std::thread::park_timeout(Duration::from_millis(300));
                server.finish();
            }
            let mut received = Vec::new();
            let end = client
                .read_to_end(&mut received)
                .map_err(|error| error.kind());
            assert_eq!(end, Err(ErrorKind::ConnectionReset), "{path}, {drains}");
            assert!(received.len() < support::LARGE.len());
        }
    }
}
