//! A proxy says whom it speaks for.

mod support;

use core::num::NonZeroUsize;
use core::time::Duration;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use kinglet_core::Limits;
use kinglet_hosted::{Address, Backend, Network, Options, Reason};
use support::{get, read_to_end, start};

fn options(threads: usize) -> Options {
    Options {
        threads: NonZeroUsize::new(threads).unwrap(),
        proxy_protocol: vec![Network::LOOPBACK[0], Network::UNIX],
        limits: Limits {
            head_timeout: Duration::from_millis(300),
            drain_timeout: Duration::from_millis(300),
            ..Limits::SERVER
        },
        ..Options::default()
    }
}

/// A header for a client at 192.0.2.`last`:8080.
fn header(last: u8) -> Vec<u8> {
    let addresses = [192, 0, 2, last, 203, 0, 113, 1, 0x1f, 0x90, 0, 80];
    [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &addresses].concat()
}

const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
const REQUEST: &[u8] = b"GET /peer HTTP/1.1\r\nHost: t\r\n\r\n";

#[test]
fn a_client_has_the_address_that_its_proxy_says() {
    for (threads, backend) in [
        (1, Backend::Native),
        (3, Backend::Native),
        (1, Backend::Polling),
    ] {
        let options = Options {
            backend,
            ..options(threads)
        };
        let server = start("127.0.0.1:0", options, None);
        for last in 1..20 {
            let mut client = server.connect();
            client.write_all(&header(last)).unwrap();
            let expected = format!("192.0.2.{last}:8080");
            for _ in 0..2 {
                assert_eq!(get(&mut client, "/peer").1, expected.as_bytes());
            }
        }
        let mut client = server.connect();
        client.write_all(LOCAL).unwrap();
        let own = client.local_addr().unwrap().to_string();
        assert_eq!(get(&mut client, "/peer").1, own.as_bytes());
        drop(client);
        server.finish();
    }
}

#[test]
fn a_header_comes_in_any_pieces() {
    let server = start("127.0.0.1:0", options(1), None);
    let bytes = [&header(7)[..], REQUEST].concat();
    for split in 0..=bytes.len() {
        let mut client = server.connect();
        client.set_nodelay(true).unwrap();
        client.write_all(&bytes[..split]).unwrap();
        // Another is served meanwhile, so that the server has seen the first part.
        let mut other = server.connect();
        other.write_all(LOCAL).unwrap();
        assert_eq!(get(&mut other, "/").1, b"hello");
        client.write_all(&bytes[split..]).unwrap();
        let content = support::read_response(&mut client).1;
        assert_eq!(content, b"192.0.2.7:8080", "split at {split}");
    }
    server.finish();
}

#[test]
fn without_a_header_a_proxy_gets_nothing() {
    let server = start("127.0.0.1:0", options(1), None);
    let mut refused = 0;
    for bytes in [
        REQUEST,
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c",
        b"\x16\x03\x01",
        b"\r\n",
        b"",
    ] {
        let mut client = server.connect();
        // It may be closed before all is written.
        let _ = client.write_all(bytes);
        assert_eq!(read_to_end(&mut client), b"", "{}", bytes.escape_ascii());
        refused += 1;
        while server.handle.refused(Reason::ProxyHeader) < refused {
            std::thread::yield_now();
        }
    }
    // One that waits for its header does not keep a drain from its end.
    let _silent = server.connect();
    server.finish();
}

#[test]
fn others_are_not_asked_for_a_header() {
    let Options {
        proxy_protocol: _,
        ref limits,
        ..
    } = options(1);
    let elsewhere = Options {
        proxy_protocol: vec!["192.0.2.0/24".parse().unwrap()],
        limits: limits.clone(),
        ..Options::default()
    };
    let server = start("127.0.0.1:0", elsewhere, None);
    let mut client = server.connect();
    let own = client.local_addr().unwrap().to_string();
    assert_eq!(get(&mut client, "/peer").1, own.as_bytes());
    // Nor believed, when they send one.
    let mut client = server.connect();
    client
        .write_all(&[&header(7)[..], REQUEST].concat())
        .unwrap();
    assert!(read_to_end(&mut client).starts_with(b"HTTP/1.1 400 "));
    server.finish();
}

#[test]
fn a_proxy_on_a_unix_socket_speaks_for_others_too() {
    let path = std::env::temp_dir().join(format!("kinglet-proxy-{}.sock", std::process::id()));
    let server = start(&format!("unix:{}", path.display()), options(1), None);
    let mut client = UnixStream::connect(&path).unwrap();
    client.write_all(&header(9)).unwrap();
    assert_eq!(get(&mut client, "/peer").1, b"192.0.2.9:8080");
    drop(client);
    server.finish();
}

#[test]
fn clients_behind_a_proxy_are_counted_by_their_own_address() {
    let options = Options {
        max_connections_per_address: 2,
        ..options(2)
    };
    let server = start("127.0.0.1:0", options, None);
    let Address::Tcp(address) = server.address else {
        panic!("not TCP")
    };
    let open = |last: u8| {
        let mut client = support::connect(address);
        client.write_all(&header(last)).unwrap();
        client
    };
    let ask = |client: &mut TcpStream| {
        let sent = client.write_all(REQUEST);
        let mut byte = [0];
        sent.is_ok() && std::io::Read::read(client, &mut byte).is_ok_and(|len| len == 1)
    };
    let mut clients: Vec<_> = [1, 1, 2, 2, 3].map(open).into();
    for client in &mut clients {
        assert!(ask(client));
    }
    for last in [1, 2] {
        assert!(!ask(&mut open(last)));
    }
    assert!(ask(&mut open(3)));
    drop(clients);
    server.finish();
}
