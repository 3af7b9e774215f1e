//! A reactor that has nothing to do uses no processor, whatever it is that it waits for.
//!
//! The process's descriptors and its CPU time are shared, so these steps are one test, alone in its
//! binary.

mod support;

use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;

use kinglet_core::Limits;
use kinglet_hosted::{Address, Backend, Options};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::{LARGE, PATIENCE, get, read_response, start};

/// How long each step looks on, and what share of it a reactor may use.
const LOOK: Duration = Duration::from_millis(400);
const MAX_SHARE: u32 = 4;

#[test]
fn waiting_uses_no_processor() {
    for backend in [Backend::Native, Backend::Polling] {
        what_is_sent_to_a_busy_connection_waits(backend);
        connections_that_cannot_be_accepted_wait(backend);
        connections_over_the_bound_wait(backend);
        a_passed_deadline_waits_for_what_is_sent_first(backend);
    }
}

fn what_is_sent_to_a_busy_connection_waits(backend: Backend) {
    let (tickets, waiting) = mpsc::channel();
    let server = start(
        "127.0.0.1:0",
        Options {
            backend,
            ..Options::default()
        },
        Some(tickets),
    );
    let mut client = server.connect();
    client
        .write_all(b"GET /later HTTP/1.1\r\nHost: t\r\n\r\n")
        .unwrap();
    let ticket = waiting.recv_timeout(PATIENCE).unwrap();
    client
        .write_all(&b"GET / HTTP/1.1\r\nHost: t\r\n\r\n".repeat(1000))
        .unwrap();
    assert_idle(&mut client, "a deferred answer");
    server.handle.redeem(ticket);
    assert_eq!(read_response(&mut client).1, b"resumed");
    for _ in 0..1000 {
        assert_eq!(read_response(&mut client).1, b"hello");
    }
    drop(client);
    server.finish();
}

fn connections_that_cannot_be_accepted_wait(backend: Backend) {
    let server = start(
        "127.0.0.1:0",
        Options {
            backend,
            ..Options::default()
        },
        None,
    );
    let Address::Tcp(address) = server.address else {
        panic!("not TCP")
    };
    let mut honest = server.connect();
    get(&mut honest, "/");
    let before = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(64),
            maximum: before.maximum,
        },
    )
    .unwrap();
    // Both ends are in this process: when no client can be made, none can be accepted either.
    let mut clients = Vec::new();
    while let Ok(client) = TcpStream::connect_timeout(&address, PATIENCE) {
        clients.push(client);
    }
    assert!(clients.len() > 20, "{} clients", clients.len());
    assert_idle(&mut honest, "descriptors");
    assert_eq!(get(&mut honest, "/").1, b"hello");
    // As they become free, those that waited are accepted.
    let mut waiting = clients.pop().unwrap();
    clients.truncate(5);
    waiting.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(get(&mut waiting, "/").1, b"hello");
    setrlimit(Resource::Nofile, before).unwrap();
    drop((clients, waiting, honest));
    server.finish();
}

fn connections_over_the_bound_wait(backend: Backend) {
    let options = Options {
        backend,
        max_connections: 3,
        ..Options::default()
    };
    let server = start("127.0.0.1:0", options, None);
    let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(get(client, "/").1, b"hello");
    }
    let mut fourth = server.connect();
    write!(fourth, "GET / HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    assert_idle(&mut fourth, "a place");
    clients.pop();
    assert_eq!(read_response(&mut fourth).1, b"hello");
    drop((clients, fourth));
    server.finish();
}

fn a_passed_deadline_waits_for_what_is_sent_first(backend: Backend) {
    let options = Options {
        backend,
        limits: Limits {
            idle_timeout: Duration::from_millis(150),
            ..Limits::SERVER
        },
        ..Options::default()
    };
    let (tickets, waiting) = mpsc::channel();
    let server = start("127.0.0.1:0", options, Some(tickets));
    let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for client in &mut clients {
        client
            .write_all(b"GET /static HTTP/1.1\r\nHost: t\r\n\r\n")
            .unwrap();
        client.peek(&mut [0]).unwrap();
    }
    let mut deferred = server.connect();
    deferred
        .write_all(b"GET /later HTTP/1.1\r\nHost: t\r\n\r\n")
        .unwrap();
    let ticket = waiting.recv_timeout(PATIENCE).unwrap();
    let before = voluntary_switches();
    assert_idle(&mut deferred, "slow readers");
    let wakes = voluntary_switches() - before;
    assert!(wakes < 15, "woken {wakes} times");
    // Their patience begins when they have got everything.
    for client in &mut clients {
        assert!(read_response(client).1 == LARGE);
        assert_eq!(get(client, "/").1, b"hello");
    }
    server.handle.redeem(ticket);
    assert_eq!(read_response(&mut deferred).1, b"resumed");
    drop((clients, deferred));
    server.finish();
}

/// Looks on while nothing comes to `client`.
fn assert_idle(client: &mut TcpStream, waits_for: &str) {
    let before = process_cpu_time();
    client.set_read_timeout(Some(LOOK)).unwrap();
    let read = client.read(&mut [0]);
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(read.is_err(), "{read:?}");
    let used = process_cpu_time() - before;
    assert!(
        used < LOOK / MAX_SHARE,
        "waiting for {waits_for} used {used:?} of {LOOK:?}"
    );
}

/// How often a thread of this process has waited.
fn voluntary_switches() -> i64 {
    std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok())
        .filter_map(|status| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            line?.trim().parse::<i64>().ok()
        })
        .sum()
}

fn process_cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.try_into().unwrap())
}
