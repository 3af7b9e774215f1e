//! The server over smoltcp, against clients over smoltcp: what it answers.

mod lab;

use kinglet_core::Limits;
use lab::application::{Everything, LARGE};
use lab::hosts::{Lab, Setup};
use lab::messages::{frame, get, opening, payloads, post, split, unchunked};
use smoltcp::time::Duration;
use smoltcp::wire::IpAddress;

#[test]
fn answers_requests_of_every_kind() {
    for ring in [512, 700, 1024, 4096] {
        let setup = Setup {
            ring,
            ..Setup::default()
        };
        let mut lab = Lab::new(Everything::default(), &setup);
        let (head, content) = split(&lab.request(&get("/")));
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert_eq!(content, b"hello\n");
        let (_, content) = split(&lab.request(&get("/large")));
        assert!(content == LARGE, "{} bytes", content.len());
        let (_, content) = split(&lab.request(&get("/flash")));
        assert!(unchunked(&content) == LARGE, "{} bytes", content.len());
        let (_, content) = split(&lab.request(&post("/echo", &LARGE)));
        assert!(content == LARGE, "{} bytes", content.len());
        let (_, content) = split(&lab.request(&post("/collect", &LARGE[..200])));
        assert!(content == LARGE[..200], "{} bytes", content.len());
        let (head, _) = split(&lab.request(&post("/collect", &LARGE[..201])));
        assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    }
}

#[test]
fn a_request_is_answered_the_same_wherever_the_ring_ends() {
    // Requests of a length that shares no factor with the ring's begin at each of its places in turn.
    let setup = Setup {
        ring: 512,
        ..Setup::default()
    };
    let mut lab = Lab::new(Everything::default(), &setup);
    let client = lab.connect();
    let chunked = b"POST /collect HTTP/1.1\r\nHost: lab\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\nhello\r\n7;ext=12\r\n, world\r\n0\r\nTrailer: 1\r\n\r\n";
    assert_eq!(chunked.len() % 2, 1, "an odd length");
    for round in 0..1024 {
        let answer = lab.exchange(client, chunked, |received| {
            received.ends_with(b"hello, world")
        });
        let (head, content) = split(&answer);
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{round}: {head}");
        assert_eq!(content, b"hello, world", "{round}");
        if round == 998 {
            break; // One exchange is left of the thousand that a connection may have.
        }
    }
    assert_eq!(lab.server.counters().accepted, 1);
}

#[test]
fn requests_sent_ahead_are_answered_in_order() {
    let mut lab = Lab::new(Everything::default(), &Setup::default());
    let client = lab.connect();
    let mut requests = Vec::new();
    for number in 0..100 {
        let content = format!("<{number}>");
        let len = content.len();
        let head = format!("POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n\r\n");
        requests.extend_from_slice(head.as_bytes());
        requests.extend_from_slice(content.as_bytes());
    }
    let answers = lab.exchange(client, &requests, |received| received.ends_with(b"<99>"));
    let text = String::from_utf8(answers).expect("ASCII");
    let numbers = text.split('<').skip(1).map(|rest| rest.split('>').next());
    let expected = (0..100).map(|number: u32| number.to_string());
    assert!(numbers.flatten().map(String::from).eq(expected), "{text}");
}

#[test]
fn a_mebibyte_passes_a_window_of_one_kibibyte() {
    let setup = Setup {
        ring: 1024,
        ..Setup::default()
    };
    let mut lab = Lab::new(Everything::default(), &setup);
    let content: Vec<u8> = (0..1024 * 1024_u32).map(|at| (at % 251) as u8).collect();
    let (_, counted) = split(&lab.request(&post("/count", &content)));
    assert_eq!(unchunked(&counted), b"1048576");
    let (_, echoed) = split(&lab.request(&post("/echo", &content)));
    assert!(echoed == content, "{} bytes", echoed.len());
}

#[test]
fn refuses_what_the_linux_server_refuses() {
    let rows: [(&[u8], &str); 7] = [
        (b"GET / HTTP/1.1\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\nHost: a\r\n\r\n", "400"),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505"),
        (
            b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
            "501",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\n",
            "400",
        ),
        (
            b"POST /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
            "4",
        ),
        (&[b'x'; 600], "4"),
    ];
    let mut lab = Lab::new(Everything::default(), &Setup::default());
    for (request, status) in rows {
        let answer = lab.request(request);
        let (head, _) = split(&answer);
        let expected = format!("HTTP/1.1 {status}");
        let request = String::from_utf8_lossy(request);
        assert!(head.starts_with(&expected), "{request}: {head}");
    }
    let long = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nLong: {}\r\n\r\n",
        "x".repeat(600)
    );
    let (head, _) = split(&lab.request(long.as_bytes()));
    assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
}

#[test]
fn a_websocket_echoes_messages_longer_than_its_rings() {
    let setup = Setup {
        ring: 700,
        ..Setup::default()
    };
    let mut lab = Lab::new(Everything::default(), &setup);
    let client = lab.connect();
    let answer = lab.exchange(client, &opening(""), |received| {
        received.ends_with(b"\r\n\r\n")
    });
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
    for len in [0, 1, 125, 126, 127, 699, 700, 5_000, 70_000, 300_000] {
        let message: Vec<u8> = (0..len).map(|at: u32| (at % 255) as u8).collect();
        let echo = lab.exchange(client, &frame(0x82, &message), |received| {
            !received.is_empty() && payloads(received).len() == message.len()
        });
        assert!(payloads(&echo) == message, "{len} bytes");
    }
    // A close frame comes back, and then the connection ends.
    let close = lab.exchange(client, &frame(0x88, &1000_u16.to_be_bytes()), |_| false);
    assert_eq!(close, [0x88, 2, 0x03, 0xe8]);
    lab.clients.socket(client).close();
    lab.run(10, |lab| lab.server.connections() == 0);
    assert_eq!((lab.application.opened, lab.application.closed), (1, 1));
}

#[test]
fn compression_is_agreed_on_while_there_is_memory_for_it() {
    let mut lab = Lab::new(
        Everything::default(),
        &Setup {
            sockets: 8,
            ..Setup::default()
        },
    );
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let mut clients = Vec::new();
    for place in 0..4 {
        let client = lab.connect();
        let answer = lab.exchange(client, &opening(offer), |received| {
            received.ends_with(b"\r\n\r\n")
        });
        let head = String::from_utf8(answer).expect("ASCII");
        let is_compressed = head.contains("permessage-deflate");
        assert_eq!(is_compressed, place < 2, "{place}: {head}");
        if is_compressed {
            // RFC 7692 §7.2.3.1 and §7.2.3.2: the same message, and the same again.
            for payload in [
                &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
                &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
            ] {
                let echo =
                    lab.exchange(client, &frame(0xc1, payload), |received| received.len() > 2);
                assert!(
                    payloads(&echo) == b"Hello" || echo[0] & 0x40 != 0,
                    "{echo:?}"
                );
            }
        }
        clients.push(client);
    }
    // Memory that is given back goes to the next.
    lab.clients.socket(clients[0]).abort();
    lab.run(5, |lab| lab.application.closed == 1);
    let client = lab.connect();
    let answer = lab.exchange(client, &opening(offer), |received| {
        received.ends_with(b"\r\n\r\n")
    });
    assert!(String::from_utf8_lossy(&answer).contains("permessage-deflate"));
}

#[test]
fn a_ticket_is_redeemed_once_and_by_its_own_connection() {
    let mut lab = Lab::new(Everything::default(), &Setup::default());
    let client = lab.connect();
    let mut asked = false;
    lab.run(5, |lab| {
        let socket = lab.clients.socket(client);
        if socket.may_send() && !asked {
            asked = socket.send_slice(&get("/later")).is_ok();
        }
        lab.application.ticket.is_some()
    });
    let ticket = lab.application.ticket.take().expect("a ticket");
    assert!(lab.server.redeem(ticket));
    let (_, content) = split(&lab.exchange(client, b"", |_| false));
    assert_eq!(content, b"resumed\n");
    assert!(!lab.server.redeem(ticket), "its exchange is over");
    lab.clients.socket(client).close();
    lab.run(20, |lab| lab.server.connections() == 0);
    lab.request(&get("/"));
    assert!(!lab.server.redeem(ticket), "its connection is over");
}

#[test]
fn serves_over_ipv6_as_over_ipv4() {
    let mut lab = Lab::new(Everything::default(), &Setup::default());
    let client = lab.connect_to(IpAddress::v6(0xfd00, 0, 0, 0, 0, 0, 0, 1));
    let (_, content) = split(&lab.exchange(client, &get("/large"), |_| false));
    assert!(content == LARGE);
}

#[test]
fn drains_after_what_is_under_way() {
    let mut lab = Lab::new(Everything::default(), &Setup::default());
    let idle = lab.connect();
    let busy = lab.connect();
    lab.run(5, |lab| lab.server.connections() == 2);
    let request = post("/count", &[b'x'; 3000]);
    let head = lab.exchange(busy, &request[..2000], |received| !received.is_empty());
    assert!(head.starts_with(b"HTTP/1.1 200 OK"));
    lab.server.drain();
    let rest = lab.exchange(busy, &request[2000..], |_| false);
    assert_eq!(unchunked(&rest), b"3000");
    lab.clients.socket(busy).close();
    assert_eq!(lab.exchange(idle, b"", |_| false), b"");
    lab.clients.socket(idle).close();
    assert!(lab.run(10, |lab| lab.server.connections() == 0));
    let late = lab.connect();
    lab.run(2, |_| false);
    assert!(
        !lab.clients.socket(late).is_active(),
        "nobody is let in any more"
    );
}

#[test]
fn limits_are_lowered_to_the_window() {
    let setup = Setup {
        limits: Limits::SERVER,
        ring: 2048,
        ..Setup::default()
    };
    let mut lab = Lab::new(Everything::default(), &setup);
    let (_, content) = split(&lab.request(&get("/")));
    assert_eq!(content, b"hello\n");
    let long = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nLong: {}\r\n\r\n",
        "x".repeat(600)
    );
    let (head, _) = split(&lab.request(long.as_bytes()));
    assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
}

#[test]
fn a_compressed_message_is_echoed_whatever_it_inflates_to() {
    // 600 times the letter a, as zlib has it, in a message that knows of no other.
    let payload = [0x4a, 0x4c, 0x1c, 0x05, 0xa3, 0x80, 0xfa, 0x00, 0x00];
    let setup = Setup {
        ring: 520,
        ..Setup::default()
    };
    let mut lab = Lab::new(Everything::default(), &setup);
    let client = lab.connect();
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    lab.exchange(client, &opening(offer), |received| {
        received.ends_with(b"\r\n\r\n")
    });
    let echo = lab.exchange(client, &frame(0xc1, &payload), |received| {
        payloads(received).len() >= 600
    });
    assert_eq!(payloads(&echo), [b'a'; 600]);
}

#[test]
fn compression_is_agreed_on_no_more_often_than_there_is_memory_for() {
    let setup = Setup {
        sockets: 8,
        ..Setup::default()
    };
    let mut lab = Lab::new(Everything::default(), &setup);
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    // None of them says anything once it is open.
    for place in 0..4 {
        let client = lab.connect();
        let answer = lab.exchange(client, &opening(offer), |received| {
            received.ends_with(b"\r\n\r\n")
        });
        let is_compressed = String::from_utf8_lossy(&answer).contains("permessage-deflate");
        assert_eq!(is_compressed, place < 2, "{place}");
    }
}

#[test]
fn all_that_has_come_is_read_though_a_window_ends_in_a_header() {
    let mut lab = Lab::new(Everything::default(), &Setup::default());
    let client = lab.connect();
    let opening = String::from_utf8(opening("")).expect("ASCII");
    let opening = opening.replace("/ws", "/sink");
    lab.exchange(client, opening.as_bytes(), |received| {
        received.ends_with(b"\r\n\r\n")
    });
    // Ten frames have 510 bytes of the window's 512.
    let frames = frame(0x82, &[b'x'; 45]).repeat(18);
    let sent = lab.clients.socket(client).send_slice(&frames);
    assert_eq!(sent, Ok(frames.len()));
    lab.pass(Duration::from_secs(1));
    assert_eq!(lab.application.sunk, 18 * 45);
}

#[test]
fn who_connects_while_the_server_drains_is_not_kept() {
    let mut lab = Lab::new(Everything::default(), &Setup::default());
    lab.request(&get("/"));
    let client = lab.connect();
    // It has shaken hands before anybody looks.
    for _ in 0..4 {
        lab.clients.poll(lab.now);
        lab.now += Duration::from_millis(1);
        lab.device.poll(lab.now);
    }
    assert!(lab.clients.socket(client).may_send());
    lab.server.drain();
    lab.pass(Duration::from_secs(1));
    assert!(!lab.clients.socket(client).may_recv());
    lab.clients.socket(client).close();
    lab.pass(Duration::from_secs(1));
    assert_eq!(lab.server.connections(), 0);
}

#[test]
fn who_connects_and_is_gone_at_once_does_not_hold_up_the_end() {
    let mut lab = Lab::new(Everything::default(), &Setup::default());
    lab.request(&get("/"));
    lab.run(5, |lab| lab.server.connections() == 0);
    let client = lab.connect();
    lab.clients.poll(lab.now);
    lab.now += Duration::from_millis(1);
    lab.step(lab.now);
    assert_eq!(lab.server.connections(), 1, "it has begun to connect");
    lab.server.drain();
    // The end of the handshake and the reset come together.
    lab.now += Duration::from_millis(1);
    lab.clients.poll(lab.now);
    lab.clients.socket(client).abort();
    lab.clients.poll(lab.now);
    let before = lab.steps;
    lab.pass(Duration::from_secs(10));
    assert_eq!(lab.server.connections(), 0);
    assert!(lab.steps - before < 50, "it sleeps meanwhile");
}

#[test]
fn an_answer_that_does_not_fit_the_ring_has_a_deadline_at_once() {
    let mut lab = Lab::new(Everything::default(), &Setup::default());
    let client = lab.connect();
    lab.run(1, |lab| lab.clients.socket(client).may_send());
    lab.clients
        .socket(client)
        .send_slice(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("room for it");
    lab.clients.poll(lab.now);
    lab.now += Duration::from_millis(1);
    lab.device.poll(lab.now);
    let delay = lab
        .server
        .poll(&mut lab.application, lab.now, &mut lab.device.sockets);
    assert_eq!(lab.application.requests, 1);
    let window = Duration::from(lab.limits.rate_window);
    assert_eq!(delay, Some(window));
}
