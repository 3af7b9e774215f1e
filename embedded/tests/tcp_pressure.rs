//! The server over smoltcp, with more clients than sockets.

mod lab;

use lab::application::Everything;
use lab::hosts::{Lab, Setup};
use lab::messages::{get, opening, split};
use smoltcp::time::Duration;
use smoltcp::wire::IpAddress;

fn lab(sockets: usize) -> Lab<Everything> {
    let setup = Setup {
        sockets,
        ..Setup::default()
    };
    Lab::new(Everything::default(), &setup)
}

const KEPT: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_connection_is_kept_while_there_are_sockets_to_spare() {
    let mut lab = lab(4);
    let client = lab.connect();
    let answer = lab.exchange(client, KEPT, |received| received.ends_with(b"hello\n"));
    assert!(!split(&answer).0.contains("Connection: close"));
    let others = [lab.connect(), lab.connect()];
    lab.run(1, |lab| lab.server.connections() == 3);
    let answer = lab.exchange(client, KEPT, |received| received.ends_with(b"hello\n"));
    assert!(
        split(&answer).0.contains("Connection: close"),
        "one is left"
    );
    for other in others {
        lab.clients.socket(other).close();
    }
    lab.clients.socket(client).close();
    assert!(lab.run(5, |lab| lab.server.connections() == 0));
    let client = lab.connect();
    let answer = lab.exchange(client, KEPT, |received| received.ends_with(b"hello\n"));
    assert!(!split(&answer).0.contains("Connection: close"));
}

#[test]
fn the_idle_connections_of_a_browser_starve_nobody() {
    let mut lab = lab(7);
    // Six that connect and say nothing, and as soon as one is closed, another.
    let mut spare: Vec<_> = (0..6).map(|_| lab.connect()).collect();
    lab.run(1, |lab| lab.server.connections() == 6);
    let mut slowest = Duration::ZERO;
    for round in 0..200 {
        let begun = lab.now;
        // Somebody else's browser: a request, refused or not, until it is answered.
        loop {
            let client = lab.connect();
            let answer = lab.exchange(client, &get("/"), |_| false);
            lab.clients.socket(client).close();
            if answer.starts_with(b"HTTP/1.1 200 ") {
                break;
            }
            lab.pass(Duration::from_millis(100));
        }
        slowest = slowest.max(lab.now - begun);
        for client in &mut spare {
            let socket = lab.clients.socket(*client);
            if !socket.may_recv() || !socket.is_active() {
                socket.close();
                *client = lab.connect();
            }
        }
        lab.pass(Duration::from_millis(10));
        assert!(lab.now - begun < Duration::from_secs(3), "round {round}");
    }
    assert!(slowest < Duration::from_secs(2), "{slowest}");
}

#[test]
fn the_last_socket_says_that_there_is_none() {
    let mut lab = lab(4);
    // Three that are not idle.
    let mut websockets = Vec::new();
    for _ in 0..3 {
        let client = lab.connect();
        let ends = |received: &[u8]| received.ends_with(b"\r\n\r\n");
        let answer = lab.exchange(client, &opening(""), ends);
        assert!(answer.starts_with(b"HTTP/1.1 101 "));
        websockets.push(client);
    }
    for turn in 1..=3 {
        let answer = lab.request(&get("/"));
        let (head, content) = split(&answer);
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
        assert!(head.contains("Retry-After: 1\r\n"), "{head}");
        assert!(head.contains("Connection: close\r\n"), "{head}");
        assert_eq!(content, b"all connections are taken\n");
        assert_eq!(lab.server.counters().turned_away, turn);
        lab.pass(Duration::from_millis(50));
    }
    assert_eq!(lab.application.requests, 3, "it was not asked");
    lab.clients.socket(websockets[0]).abort();
    lab.pass(Duration::from_millis(50));
    assert!(lab.request(&get("/")).starts_with(b"HTTP/1.1 200 "));
    assert_eq!(lab.application.opened, 3);
}

#[test]
fn the_connection_that_is_idle_longest_makes_way() {
    let mut lab = lab(4);
    let mut clients = Vec::new();
    for _ in 0..3 {
        let client = lab.connect();
        lab.exchange(client, KEPT, |received| received.ends_with(b"hello\n"));
        clients.push(client);
        lab.pass(Duration::from_millis(100));
    }
    lab.pass(Duration::from_millis(200));
    let newcomer = lab.connect();
    let (head, _) = split(&lab.exchange(newcomer, &get("/"), |_| false));
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(lab.server.counters().evicted, 1);
    assert!(!lab.clients.socket(clients[0]).may_recv(), "the oldest");
    assert!(lab.clients.socket(clients[1]).may_recv(), "a younger one");
}

#[test]
fn handshakes_that_are_never_finished_do_not_keep_a_socket() {
    let mut lab = lab(4);
    for _ in 0..3 {
        let client = lab.connect();
        // Its SYN leaves, and then the host is gone.
        let context = lab.now;
        lab.clients.poll(context);
        lab.forget(client);
    }
    lab.pass(Duration::from_secs(8));
    assert_eq!(lab.server.connections(), 0);
    assert!(lab.request(&get("/")).starts_with(b"HTTP/1.1 200 "));
}

#[test]
fn with_a_single_socket_there_is_nobody_to_say_no() {
    let mut lab = lab(1);
    for _ in 0..5 {
        let (head, _) = split(&lab.request(&get("/")));
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        lab.pass(Duration::from_millis(20));
    }
}

#[test]
fn who_still_reads_an_answer_is_not_taken_for_idle() {
    let mut lab = lab(5);
    let slow = lab.connect_with(1024, IpAddress::v4(192, 0, 2, 1));
    lab.run(1, |lab| lab.clients.socket(slow).may_send());
    let request = b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
    lab.clients
        .socket(slow)
        .send_slice(request)
        .expect("room for it");
    lab.pass(Duration::from_millis(100));
    let idle = [lab.connect(), lab.connect(), lab.connect()];
    lab.pass(Duration::from_millis(500));
    let answer = lab.request(&get("/"));
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
    assert_eq!(lab.server.counters().evicted, 1);
    let mut is_gone = |client: &_| !lab.clients.socket(*client).may_recv();
    assert_eq!(idle.iter().filter(|client| is_gone(client)).count(), 1);
}

#[test]
fn who_has_just_been_answered_has_time_to_ask_again() {
    let mut lab = lab(4);
    let client = lab.connect();
    let request = b"GET /later HTTP/1.1\r\nHost: a\r\n\r\n";
    lab.run(1, |lab| lab.clients.socket(client).may_send());
    lab.clients
        .socket(client)
        .send_slice(request)
        .expect("room for it");
    for _ in 0..2 {
        let websocket = lab.connect();
        let ends = |received: &[u8]| received.ends_with(b"\r\n\r\n");
        lab.exchange(websocket, &opening(""), ends);
    }
    lab.pass(Duration::from_secs(3));
    let ticket = lab.application.ticket.take().expect("a ticket");
    assert!(lab.server.redeem(ticket));
    let answer = lab.exchange(client, b"", |received| received.ends_with(b"resumed\n"));
    assert!(!split(&answer).0.contains("Connection: close"));
    let newcomer = lab.request(&get("/"));
    assert!(newcomer.starts_with(b"HTTP/1.1 503 "), "the last socket");
    let answer = lab.exchange(client, KEPT, |received| received.ends_with(b"hello\n"));
    assert_eq!(split(&answer).1, b"hello\n");
}

#[test]
fn handshakes_that_are_never_finished_take_all_sockets_for_a_moment_only() {
    let mut lab = lab(4);
    let clients: Vec<_> = (0..4).map(|_| lab.connect()).collect();
    // Their SYNs arrive, and nothing else does from then on.
    let now = lab.now;
    lab.clients.poll(now);
    lab.run(1, |lab| lab.server.connections() == 4);
    lab.cable.pull();
    for client in clients {
        lab.forget(client);
    }
    lab.pass(Duration::from_millis(2_400));
    assert_eq!(
        (lab.server.connections(), lab.server.counters().accepted),
        (4, 0)
    );
    lab.pass(Duration::from_millis(2_200));
    lab.cable.put_back();
    assert_eq!(lab.server.connections(), 0);
    assert!(lab.request(&get("/")).starts_with(b"HTTP/1.1 200 "));
}
