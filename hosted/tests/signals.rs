//! SIGTERM in the middle of a response: it arrives whole, and then the server ends. SIGHUP: it goes on
//! under other options.

mod support;

use std::io::{Read, Write};

use kinglet_hosted::{Options, Server};
use rustix::process::{Signal, getpid, kill_process};
use support::{LARGE, get, read_to_end, start_bound};

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

#[test]
fn sighup_changes_a_server_that_runs_and_closes_nothing() {
    let server = Server::bind(&"127.0.0.1:0".parse().unwrap(), Options::default()).unwrap();
    let mut reloads = 0;
    server
        .reload_on_signal(move |handle| {
            reloads += 1;
            handle.reconfigure(Options {
                server_name: format!("reloaded/{reloads}"),
                ..Options::default()
            });
        })
        .unwrap();
    let running = start_bound(server, None);
    let mut client = running.connect();
    assert!(get(&mut client, "/").0.contains("\r\nServer: kinglet\r\n"));
    for reload in 1..=2 {
        kill_process(getpid(), Signal::HUP).unwrap();
        let expected = format!("\r\nServer: reloaded/{reload}\r\n");
        while !get(&mut client, "/").0.contains(&expected) {}
    }
    drop(client);
    running.finish();
}
