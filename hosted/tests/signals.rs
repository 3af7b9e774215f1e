//! SIGTERM in the middle of a response: it arrives whole, and then the server ends.

mod support;

use std::io::{Read, Write};

use kinglet_hosted::{Options, Server};
use rustix::process::{Signal, getpid, kill_process};
use support::{LARGE, read_to_end, start_bound};

#[test]
fn sigterm_lets_a_response_finish() {
    let server = Server::bind(&"127.0.0.1:0".parse().unwrap(), Options::default()).unwrap();
    server.drain_on_signals().unwrap();
    let running = start_bound(server, None);
    let mut client = running.connect();
    client
        .write_all(b"GET /streamed HTTP/1.1\r\nHost: t\r\n\r\n")
        .unwrap();
    client.read_exact(&mut [0]).unwrap();
    kill_process(getpid(), Signal::TERM).unwrap();
    assert!(read_to_end(&mut client).ends_with(&LARGE));
    drop(client);
    running.join();
}
