//! Ten thousand connections at once, as far as the system lets one process have them.

mod support;

use std::io::Write;

use kinglet_hosted::Options;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::{get, read_response, start};

#[test]
fn serves_ten_thousand_connections_at_once() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )
    .unwrap();
    // Both ends are in this process, and a few descriptors more.
    let allowed = limit
        .maximum
        .map_or(u64::MAX, |maximum| maximum.saturating_sub(200) / 2);
    let count = usize::try_from(allowed).unwrap_or(usize::MAX).min(10_000);
    assert!(count >= 1_000, "the system allows only {count} connections");

    let server = start("127.0.0.1:0", Options::default(), None);
    let mut clients: Vec<_> = (0..count).map(|_| server.connect()).collect();
    // All ask, and then all read.
    for client in &mut clients {
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
            .unwrap();
    }
    for client in &mut clients {
        assert_eq!(read_response(client).1, b"hello");
    }
    for client in clients.iter_mut().rev().step_by(100) {
        assert_eq!(get(client, "/").1, b"hello");
    }
    drop(clients);
    server.finish();
}
