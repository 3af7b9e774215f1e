//! Connections by the hundreds, from one address and from everywhere, and such as are reset at once.

mod support;

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use kinglet_hosted::{Address, Options, Reason};
use rustix::net::{AddressFamily, SocketType};
use rustls::version::{TLS12, TLS13};
use support::{PATIENCE, Running, get, impatient, secured, start};

/// A connection from another address of this machine.
#[cfg(target_os = "linux")]
fn connect_from(server: &Running, last: u8) -> TcpStream {
    let Address::Tcp(address) = server.address else {
        panic!("not a TCP server")
    };
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    let own = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0));
    rustix::net::bind(&socket, &own).unwrap();
    rustix::net::connect(&socket, &address).unwrap();
    let client = TcpStream::from(socket);
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

#[test]
#[cfg(target_os = "linux")]
fn a_flood_from_one_address_takes_its_own_places_and_no_others() {
    let options = Options {
        max_connections_per_address: 10,
        exempt: Vec::new(),
        ..Options::default()
    };
    let server = start("127.0.0.1:0", options, None);
    let Address::Tcp(address) = server.address else {
        panic!("not a TCP server")
    };
    let mut honest = connect_from(&server, 2);
    let mut flood = Vec::new();
    for round in 1..=30 {
        // A refusal may come before the client knows that it is connected.
        flood.extend((0..10).filter_map(|_| TcpStream::connect(address).ok()));
        assert_eq!(get(&mut honest, "/").1, b"hello");
        // Who comes in the middle of it is let in as well.
        assert_eq!(get(&mut connect_from(&server, 3), "/").1, b"hello");
        server.await_refused(Reason::AddressFull, (round - 1) * 10);
    }
    drop((flood, honest));
    server.finish();
}

#[test]
fn a_flood_from_everywhere_passes_and_who_waits_is_served() {
    let options = Options {
        max_connections: 20,
        limits: impatient(),
        ..Options::default()
    };
    let server = start("127.0.0.1:0", options, None);
    let mut inside = server.connect();
    let flood: Vec<_> = (0..200).map(|_| server.connect()).collect();
    // Behind all of them in the kernel's queue.
    let mut waiting = server.connect();
    waiting
        .write_all(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        .unwrap();
    let started = Instant::now();
    while waiting.peek_now() == 0 {
        assert_eq!(get(&mut inside, "/").1, b"hello");
        assert!(started.elapsed() < PATIENCE);
    }
    assert_eq!(support::read_response(&mut waiting).1, b"hello");
    // Each time that it was full is one; whoever said nothing has been closed.
    server.await_refused(Reason::Full, 5);
    server.await_refused(Reason::Idle, 200);
    drop((flood, inside, waiting));
    server.finish();
}

trait PeekNow {
    /// How many bytes have come: 0, or more.
    fn peek_now(&self) -> usize;
}

impl PeekNow for TcpStream {
    fn peek_now(&self) -> usize {
        self.set_nonblocking(true).unwrap();
        let len = self.peek(&mut [0]).unwrap_or(0);
        self.set_nonblocking(false).unwrap();
        len
    }
}

#[test]
fn a_storm_of_resets_in_every_phase_of_tls_leaves_nothing_behind() {
    let (tls, config) = secured::pair(&[&TLS13, &TLS12]);
    let config = Arc::new(config);
    let options = Options {
        tls: Some(tls),
        ..Options::default()
    };
    let server = start("127.0.0.1:0", options, None);
    let mut honest = secured::client(&server, &config);
    let requests: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost",
        b"GET /static HTTP/1.1\r\nHost: t\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nabc",
        b"GET /later HTTP/1.1\r\nHost: t\r\n\r\n",
    ];
    for _ in 0..30 {
        // Before a word, in the middle of one, behind it, and when the server has answered it.
        for phase in 0..4 {
            let mut client = secured::client(&server, &config);
            let mut hello = Vec::new();
            client.conn.write_tls(&mut hello).unwrap();
            let len = [0, hello.len() / 2, hello.len(), hello.len()][phase];
            client.sock.write_all(&hello[..len]).unwrap();
            if phase == 3 {
                client.sock.peek(&mut [0]).unwrap();
            }
            reset(client.sock);
        }
        for request in requests {
            let mut client = secured::client(&server, &config);
            client.write_all(request).unwrap();
            if request.starts_with(b"GET /static") {
                client.read_exact(&mut [0; 1000]).unwrap();
            }
            reset(client.sock);
        }
        assert_eq!(get(&mut honest, "/").1, b"hello");
    }
    server.await_connections(1);
    drop(honest);
    server.finish();
}

/// Closes a connection by a reset: with zero seconds of linger.
fn reset(client: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
}
