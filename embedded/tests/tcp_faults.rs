//! The server over smoltcp, on bad cables and over long times.

mod lab;

use core::time::Duration as Span;

use kinglet_core::Limits;
use lab::application::{Everything, LARGE};
use lab::cable::Faults;
use lab::hosts::{Lab, Setup};
use lab::messages::{frame, get, opening, payloads, post, split};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::IpAddress;

const BAD: Faults = Faults {
    lost: 8,
    corrupted: 8,
    duplicated: 8,
    reordered: 8,
};

#[test]
fn transfers_arrive_whole_over_a_cable_with_every_fault() {
    let one = |lost, corrupted, duplicated, reordered| Faults {
        lost,
        corrupted,
        duplicated,
        reordered,
    };
    let rows = [
        one(15, 0, 0, 0),
        one(0, 15, 0, 0),
        one(0, 0, 30, 0),
        one(0, 0, 0, 30),
        BAD,
    ];
    for (seed, faults) in (1..).zip(rows) {
        let setup = Setup {
            seed,
            // What a peer takes is counted over longer than smoltcp's longest wait.
            limits: Limits {
                rate_window: Span::from_secs(120),
                ..Limits::MICROCONTROLLER
            },
            ..Setup::default()
        };
        let mut lab = Lab::new(Everything::default(), &setup);
        lab.cable.set_faults(faults);
        let (_, content) = split(&lab.request(&get("/large")));
        assert!(content == LARGE, "{faults:?}: {} bytes", content.len());
        let (_, content) = split(&lab.request(&post("/echo", &LARGE)));
        assert!(content == LARGE, "{faults:?}: {} bytes", content.len());
        let client = lab.connect();
        let ends = |received: &[u8]| received.ends_with(b"\r\n\r\n");
        let answer = lab.exchange(client, &opening(""), ends);
        assert!(answer.starts_with(b"HTTP/1.1 101 "), "{faults:?}");
        let echo = lab.exchange(client, &frame(0x82, &LARGE), |received| {
            payloads(received).len() == LARGE.len()
        });
        assert!(payloads(&echo) == LARGE, "{faults:?}");
    }
}

#[test]
fn a_week_passes_and_the_clock_wraps() {
    // The engine's milliseconds wrap at 2^32; this begins three and a half days before that.
    let start = (1_u64 << 32) - 84 * 3600 * 1000;
    let setup = Setup {
        start: Instant::from_millis(start as i64),
        ..Setup::default()
    };
    let mut lab = Lab::new(Everything::default(), &setup);
    let websocket = lab.connect();
    let ends = |received: &[u8]| received.ends_with(b"\r\n\r\n");
    lab.exchange(websocket, &opening(""), ends);
    for hour in 0..168 {
        // Silence, in which the server pings and the client answers.
        let until = lab.now + Duration::from_secs(3600);
        let mut pongs = 0;
        while lab.now < until {
            let ping = lab.exchange(websocket, b"", |received| received.len() == 2);
            assert_eq!(ping, [0x89, 0], "hour {hour}");
            lab.exchange(websocket, &frame(0x8a, b""), |_| true);
            lab.pass(Duration::from_secs(1));
            pongs += 1;
        }
        assert!((200..=240).contains(&pongs), "{pongs} in hour {hour}");
        let echo = lab.exchange(websocket, &frame(0x81, b"still"), |received| {
            payloads(received) == b"still"
        });
        assert_eq!(payloads(&echo), b"still", "hour {hour}");
        let (_, content) = split(&lab.request(&get("/")));
        assert_eq!(content, b"hello\n", "hour {hour}");
    }
    assert_eq!(lab.server.counters().accepted, 169);
    assert_eq!(lab.server.counters().failed, 0);
}

#[test]
fn idle_connections_close_in_time_whatever_the_clock_says() {
    for start in [0, 1 << 31, (1_u64 << 32) - 5_000] {
        let setup = Setup {
            start: Instant::from_millis(start as i64),
            ..Setup::default()
        };
        let mut lab = Lab::new(Everything::default(), &setup);
        let client = lab.connect();
        let begun = lab.now;
        assert_eq!(lab.exchange(client, b"", |_| false), b"");
        let waited = lab.now - begun;
        let expected = Duration::from_secs(15);
        assert!(
            waited >= expected && waited < expected + Duration::from_millis(50),
            "{waited}"
        );
    }
}

#[test]
fn a_head_and_content_that_come_too_slowly_are_408() {
    let mut lab = Lab::new(Everything::default(), &Setup::default());
    let client = lab.connect();
    let (head, _) = split(&lab.exchange(client, b"GET / HT", |_| false));
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    let client = lab.connect();
    let request = post("/collect", &[b'x'; 100]);
    let (head, _) = split(&lab.exchange(client, &request[..request.len() - 50], |_| false));
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
}

#[test]
fn a_client_that_reads_nothing_is_given_up() {
    for path in ["/large", "/flash"] {
        let mut lab = Lab::new(Everything::default(), &Setup::default());
        let mut sent = false;
        // Its window takes less than the answer has: what it does not read, nobody takes.
        let client = lab.connect_with(1024, IpAddress::v4(192, 0, 2, 1));
        let gave_up = lab.run(60, |lab| {
            let socket = lab.clients.socket(client);
            if socket.may_send() && !sent {
                sent = socket.send_slice(&get(path)).is_ok();
            }
            sent && lab.server.counters().failed == 1
        });
        assert!(gave_up, "{path}");
        assert!(lab.run(5, |lab| lab.server.connections() == 0), "{path}");
    }
}

#[test]
fn a_client_that_vanishes_leaves_nothing_behind() {
    // In the middle of a head, of content, of an answer, of a WebSocket, of a handshake, and when idle.
    let endless = get("/endless");
    let websocket = opening("");
    let stages: [&[u8]; 6] = [
        b"GET / HT",
        b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf",
        &endless,
        &websocket,
        b"",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ];
    for bytes in stages {
        let mut lab = Lab::new(Everything::default(), &Setup::default());
        let client = lab.connect();
        let mut polls = 0;
        let mut sent = 0;
        lab.run(1, |lab| {
            let socket = lab.clients.socket(client);
            if socket.may_send() && sent < bytes.len() {
                sent += socket.send_slice(&bytes[sent..]).unwrap_or(0);
            }
            polls += 1;
            lab.server.connections() == 1 && polls > 50
        });
        lab.cable.pull();
        let before = lab.steps;
        let gone = lab.run(4 * 3600, |lab| lab.server.connections() == 0);
        assert!(lab.steps - before < 2_000, "it sleeps meanwhile");
        assert!(gone, "{:?}", String::from_utf8_lossy(bytes));
        lab.cable.put_back();
        let (_, content) = split(&lab.request(&get("/")));
        assert_eq!(content, b"hello\n");
        assert_eq!(lab.application.opened, lab.application.closed);
    }
}

#[test]
fn a_cable_is_pulled_and_put_back_in_a_transfer() {
    let setup = Setup {
        limits: Limits {
            rate_window: Span::from_secs(60),
            ..Limits::MICROCONTROLLER
        },
        ..Setup::default()
    };
    let mut lab = Lab::new(Everything::default(), &setup);
    let client = lab.connect();
    let request = post("/echo", &LARGE);
    let mut answer = lab.exchange(client, &request[..5_000], |received| received.len() > 3_000);
    lab.cable.pull();
    lab.run(5, |_| false);
    lab.cable.put_back();
    answer.extend(lab.exchange(client, &request[5_000..], |_| false));
    let (_, content) = split(&answer);
    assert!(content == LARGE, "{} bytes", content.len());
}

#[test]
fn reconnect_storms_are_served() {
    let mut lab = Lab::new(Everything::default(), &Setup::default());
    for round in 0..2_000 {
        let client = lab.connect();
        if round % 3 == 0 {
            // Gone as soon as it was there.
            lab.run(1, |lab| lab.clients.socket(client).may_send());
            lab.clients.socket(client).abort();
            lab.run(1, |lab| lab.server.connections() < 3);
        } else {
            let (_, content) = split(&lab.exchange(client, &get("/"), |_| false));
            assert_eq!(content, b"hello\n", "{round}");
            lab.clients.socket(client).close();
        }
        lab.run(1, |lab| lab.server.connections() == 0);
        lab.forget(client);
    }
    assert!(lab.run(60, |lab| lab.server.connections() == 0));
    assert_eq!(lab.server.counters().accepted, 2_000);
}

#[test]
fn a_client_that_reads_slowly_has_all_of_the_answer() {
    let kept = b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
    let refused = [kept, &b"GET / HTTP/9.9\r\n\r\n"[..]].concat();
    // The connection ends by the client's wish, by its end, and by its mistake.
    let rows: [(&[u8], bool); 3] = [(&get("/large"), false), (kept, true), (&refused, false)];
    for (request, is_half_closed) in rows {
        let mut lab = Lab::new(Everything::default(), &Setup::default());
        let client = lab.connect_with(1024, IpAddress::v4(192, 0, 2, 1));
        lab.run(1, |lab| lab.clients.socket(client).may_send());
        let socket = lab.clients.socket(client);
        socket.send_slice(request).expect("room for it");
        if is_half_closed {
            socket.close();
        }
        let mut answer = Vec::new();
        loop {
            // Three times the rate that has to be kept.
            lab.pass(Duration::from_millis(500));
            let socket = lab.clients.socket(client);
            let mut part = [0; 96];
            match socket.recv_slice(&mut part) {
                Ok(len) if len > 0 || socket.may_recv() => answer.extend_from_slice(&part[..len]),
                _ => break,
            }
        }
        let (_, content) = split(&answer);
        let whole = content.starts_with(&LARGE);
        assert!(whole, "{} bytes", content.len());
        let is_refused = content.ends_with(b"\n");
        assert_eq!(is_refused, request == refused, "to its last line");
    }
}

#[test]
fn a_client_that_is_gone_after_its_side_was_closed_is_noticed() {
    let mut lab = Lab::new(Everything::default(), &Setup::default());
    let client = lab.connect();
    lab.run(1, |lab| lab.clients.socket(client).may_send());
    let socket = lab.clients.socket(client);
    socket.send_slice(&get("/later")).expect("room for it");
    socket.close();
    lab.pass(Duration::from_secs(1));
    assert_eq!(lab.server.connections(), 1, "its answer is still owed");
    lab.clients.socket(client).abort();
    lab.pass(Duration::from_secs(1));
    assert_eq!(lab.server.connections(), 0);
}
