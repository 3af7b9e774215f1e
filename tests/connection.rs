//! A session under an application, between a driver and a peer, all of them in memory.

mod support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use kinglet_core::http::server::{Cause, Connection, Event, Part};
use kinglet_core::http::{
    Decoder, Error, Field, Framing, Handled, Length, LimitError, Piece, Status, Stream,
    SyntaxError, Ticket,
};
use kinglet_core::window::{Outlook, Queue};
use kinglet_core::{Context, Input, Instant, Limits, Output, Stamp, field};
use support::escape::escape;
use support::link::{Link, State};
use support::script::Script;

const LIMITS: Limits = Limits {
    min_room: 256,
    ..Limits::SERVER
};

const HEAD: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok";
const FAILED: &str = "HTTP/1.1 500 Internal Server Error\\r\\nContent-Length: 22\\r\\n\
    Connection: close\\r\\nContent-Type: text/plain\\r\\n\\r\\nInternal Server Error\\n";

fn ok() -> Script {
    Script::new(|_, reply| reply.send(Status::OK, &[], b"ok"))
}

fn post(framing: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n")
}

/// Content in which every run of bytes tells its place.
fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|index| (index * 7 + index / 251).to_le_bytes()[0])
        .collect()
}

/// `content` in chunks of these lengths, over and over.
fn chunked(content: &[u8], lens: &[usize]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = content;
    for &len in lens.iter().cycle() {
        let (chunk, others) = rest.split_at(len.min(rest.len()));
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
        rest = others;
        if chunk.is_empty() {
            return bytes;
        }
    }
    bytes
}

/// The content behind a head, which is whole, with its framing taken off.
fn content_of(output: &[u8]) -> Vec<u8> {
    let head = output
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .expect("a head")
        + 4;
    let text = escape(&output[..head]);
    let framing = match text.split_once("Content-Length: ") {
        Some((_, rest)) => Framing::Length(rest.split_once('\\').unwrap().0.parse().unwrap()),
        None => Framing::Chunked,
    };
    let mut decoder = Decoder::new(framing, &Limits::SERVER).unwrap();
    let (mut at, mut content) = (head, Vec::new());
    loop {
        match decoder.decode(&output[at..], &Limits::SERVER).unwrap() {
            Piece::Data { start, end } => {
                content.extend(&output[at + start..at + end]);
                at += end;
            }
            Piece::End { end, .. } => {
                assert_eq!(output.len(), at + end, "bytes behind the answer");
                return content;
            }
            Piece::More { .. } => panic!("the content is cut short: {} bytes", content.len()),
        }
    }
}

/// The client takes `bite` bytes at a time until nothing more comes.
fn take_all(link: &mut Link<Script>, bite: usize) -> Vec<u8> {
    let mut received = link.received();
    loop {
        link.take(bite);
        let bitten = link.received();
        if bitten.is_empty() {
            return received;
        }
        received.extend(bitten);
    }
}

#[test]
fn a_large_answer_passes_a_small_output() {
    let content = Rc::new(pattern(30_000));
    for length in [Length::Exact(30_000), Length::Unknown] {
        for room in [256, 257, 300, 1000] {
            for bite in [1, 7, 255, 5000] {
                for fills in [false, true] {
                    let content = Rc::clone(&content);
                    let whole = Rc::clone(&content);
                    let mut at = 0;
                    let script = Script::new(move |_, reply| reply.start(Status::OK, &[], length))
                        .stream(move |mut stream| {
                            let rest = &content[at..];
                            at += if fills {
                                stream.write_with(|room| {
                                    let len = room.len().min(rest.len());
                                    room[..len].copy_from_slice(&rest[..len]);
                                    len
                                })
                            } else {
                                stream.write(rest)
                            };
                            if at == content.len() {
                                stream.finish()
                            } else {
                                stream.more()
                            }
                        });
                    let mut link = Link::with_buffers(script, LIMITS, 4096, room);
                    link.take(0).send(HEAD);
                    let received = take_all(&mut link, bite);
                    let name = format!("{length:?}, room {room}, bite {bite}, fills {fills}");
                    assert!(content_of(&received) == *whole, "{name}");
                    assert!(link.turns < 400, "{} turns, {name}", link.turns);
                    assert!(link.session.is_idle(), "{name}");
                }
            }
        }
    }
}

/// Sends back what comes, as far as there is room.
fn echo(length: Length) -> Script {
    Script::new(move |_, reply| reply.start(Status::OK, &[], length)).stream(|mut stream| {
        let written = stream.write(stream.content());
        stream.consume(written);
        if stream.content_has_ended() {
            stream.finish()
        } else {
            stream.receive()
        }
    })
}

#[test]
fn an_echo_consumes_what_it_can_send_and_no_more() {
    let content = pattern(20_000);
    let with_length = [post("Content-Length: 20000").into_bytes(), content.clone()].concat();
    let in_chunks = [
        post("Transfer-Encoding: chunked").into_bytes(),
        chunked(&content, &[1, 2, 3, 1000, 17, 4096]),
    ]
    .concat();
    for request in [&with_length, &in_chunks] {
        for length in [Length::Exact(20_000), Length::Unknown] {
            for (capacity, room) in [(256, 256), (300, 1000), (5000, 257)] {
                for bite in [13, 1000, usize::MAX] {
                    let mut link = Link::with_buffers(echo(length), LIMITS, capacity, room);
                    if bite != usize::MAX {
                        link.take(0);
                    }
                    link.send(request);
                    assert!(
                        bite == usize::MAX || link.unread() > 10_000,
                        "no backpressure"
                    );
                    let received = take_all(&mut link, bite);
                    let name = format!("{length:?}, {capacity}, {room}, bite {bite}");
                    assert!(content_of(&received) == content, "{name}");
                    assert_eq!(link.unread(), 0, "{name}");
                    assert!(link.session.is_idle(), "{name}");
                }
            }
        }
    }
}

#[test]
fn a_stream_that_does_nothing_with_what_it_is_offered_is_cut_off() {
    type Next = fn(Stream<'_>) -> Handled;
    let rows: [(&str, Next); 3] = [
        ("receive", |stream| stream.receive()),
        ("more", |stream| stream.more()),
        // Its declared length is used up, and so nothing of the content is.
        ("echo", |mut stream| {
            let written = stream.write(stream.content());
            stream.consume(written);
            stream.receive()
        }),
    ];
    for (name, next) in rows {
        let script = Script::new(|_, reply| reply.start(Status::OK, &[], Length::Exact(3)));
        let mut link = Link::new(script.stream(next), LIMITS);
        link.send(post("Content-Length: 5")).send("hello");
        assert_eq!(link.state, State::Shut, "{name}");
        link.finish();
        assert_eq!(link.state, State::Closed(Cause::Aborted), "{name}");
    }
}

#[test]
fn a_stream_that_names_an_instant_in_the_past_is_called_at_the_next() {
    let mut calls = 0;
    let script = Script::new(|_, reply| reply.start(Status::OK, &[], Length::Unknown)).stream(
        move |stream| {
            calls += 1;
            let now = stream.context().now;
            if calls == 3 {
                stream.finish()
            } else {
                stream.wait_until(now)
            }
        },
    );
    let mut link = Link::new(script, LIMITS);
    link.send(HEAD);
    for _ in 0..2 {
        assert_eq!(link.state, State::Waiting);
        assert_eq!(link.pass_to_deadline(), Some(Duration::from_millis(1)));
    }
    assert_eq!(content_of(&link.received()), b"");
}

#[test]
fn an_echo_of_one_byte_at_a_time_takes_a_turn_for_each() {
    let content = pattern(5000);
    let mut link = Link::new(echo(Length::Unknown), LIMITS);
    link.send(post("Transfer-Encoding: chunked"));
    let bytes = chunked(&content, &[1]);
    link.trickle(&bytes);
    assert!(content_of(&link.received()) == content);
    assert!(link.turns <= 2 * bytes.len() + 8, "{} turns", link.turns);
}

#[test]
fn static_slices_are_sent_from_where_they_lie_in_order() {
    static LARGE: [u8; 5000] = [b'L'; 5000];
    static SMALL: [u8; 10] = [b's'; 10];
    for length in [Length::Exact(20 * 5010), Length::Unknown] {
        for (bite, room) in [(777, 256), (777, 4096), (usize::MAX, 4096)] {
            let mut slices = (0..40).map(|index| match index % 2 {
                0 => LARGE.as_slice(),
                _ => SMALL.as_slice(),
            });
            let mut slice: Option<&'static [u8]> = slices.next();
            let script = Script::new(move |_, reply| reply.start(Status::OK, &[], length)).stream(
                move |mut stream| {
                    while let Some(next) = slice {
                        if stream.write_static(next) < next.len() {
                            return stream.more();
                        }
                        slice = slices.next();
                    }
                    stream.finish()
                },
            );
            let mut link = Link::with_buffers(script, LIMITS, 4096, room);
            link.take(if bite == usize::MAX { bite } else { 0 })
                .send(HEAD);
            let received = take_all(&mut link, bite);
            let expected = [LARGE.as_slice(), &SMALL].concat().repeat(20);
            assert!(
                content_of(&received) == expected,
                "{length:?}, bite {bite}, room {room}"
            );
        }
    }
}

#[test]
fn static_answers_to_many_requests_wait_for_a_place_in_the_queue() {
    static LARGE: [u8; 3000] = [b'L'; 3000];
    let script = Script::new(|_, reply| reply.send_static(Status::OK, &[], &LARGE));
    let mut link = Link::with_buffers(script, LIMITS, 64 * 1024, 4096);
    link.take(0).send(HEAD.repeat(3 * Queue::MAX_HELD));
    let received = take_all(&mut link, 1000);
    let answer = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n",
        LARGE.as_slice(),
    ]
    .concat();
    assert!(
        received == answer.repeat(3 * Queue::MAX_HELD),
        "{} bytes",
        received.len()
    );
}

#[test]
fn an_answer_longer_than_the_output_is_500_where_the_driver_has_no_heap() {
    let script = || Script::new(|_, reply| reply.send(Status::OK, &[], &[b'x'; 300]));
    let mut link = Link::new(script(), LIMITS);
    link.send(HEAD);
    assert_eq!(link.received_text(), FAILED);
    assert_eq!(link.state, State::Shut);

    let mut link = Link::new(script(), LIMITS).with_overflow(10_000);
    link.send(HEAD.repeat(3));
    let answer = format!(
        "HTTP/1.1 200 OK\\r\\nContent-Length: 300\\r\\n\\r\\n{}",
        "x".repeat(300)
    );
    assert_eq!(link.received_text(), answer.repeat(3));

    // What is too much for the heap as well is 500 again.
    let mut link = Link::new(script(), LIMITS).with_overflow(299);
    link.send(HEAD);
    assert_eq!(link.received_text(), FAILED);
}

#[test]
fn nothing_goes_out_before_what_is_in_the_overflow() {
    let script = Script::new(|_, reply| reply.send(Status::OK, &[], &pattern(700)));
    let mut link = Link::new(script, LIMITS).with_overflow(10_000);
    link.take(0).send(HEAD.repeat(5));
    let received = take_all(&mut link, 33);
    let answer = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n".to_vec(),
        pattern(700),
    ]
    .concat();
    assert!(received == answer.repeat(5));
}

#[test]
fn a_head_longer_than_the_output_is_500_and_leaves_nothing_behind() {
    const LONG: Field<'_> = field!("Long", "0123456789012345678901234567890123456789");
    for kind in 0..3 {
        let script = Script::new(move |_, reply| match kind {
            0 => reply.send(Status::OK, &[LONG; 7], b""),
            1 => reply.start(Status::OK, &[LONG; 7], Length::Unknown),
            _ => reply.send_static(Status::OK, &[LONG; 7], b"ok"),
        });
        let mut link = Link::new(script, LIMITS);
        link.send(HEAD);
        assert_eq!(link.received_text(), FAILED);
    }
}

#[test]
fn an_interim_response_without_room_is_left_out() {
    const LONG: Field<'_> = field!("Long", "0123456789012345678901234567890123456789");
    let script = Script::new(|_, reply| {
        let reply = reply.interim(Status::EARLY_HINTS, &[LONG; 7]);
        let reply = reply.interim(Status::OK, &[]);
        let reply = reply.interim(Status::SWITCHING_PROTOCOLS, &[]);
        reply.send(Status::OK, &[], b"ok")
    });
    let mut link = Link::new(script, LIMITS);
    link.send(HEAD);
    assert_eq!(link.received_text(), OK);
}

#[test]
fn requests_sent_ahead_wait_while_an_answer_is_deferred() {
    let tickets: Rc<RefCell<Vec<Ticket>>> = Rc::default();
    let kept = Rc::clone(&tickets);
    let script = Script::new(move |request, reply| match request.path() {
        "/later" => {
            let (ticket, handled) = reply.later();
            kept.borrow_mut().push(ticket);
            handled
        }
        path => reply.send(Status::OK, &[], path.as_bytes()),
    })
    .resume(|reply| reply.send(Status::OK, &[], b"resumed"));
    let mut link = Link::new(script, LIMITS);
    link.context.connection = 7;
    let ahead = "GET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /later HTTP/1.1\r\nHost: a\r\n\r\n";
    link.send(format!("GET /later HTTP/1.1\r\nHost: a\r\n\r\n{ahead}"));
    assert_eq!(
        (link.state, link.received_text().as_str()),
        (State::Waiting, "")
    );
    assert_eq!(link.application.requests, 1);
    assert_eq!(link.unread(), ahead.len());
    link.send("GET /4 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(link.application.requests, 1);

    let first = tickets.borrow()[0];
    assert_eq!(first.connection(), 7);
    assert!(link.redeem(first));
    let resumed = "HTTP/1.1 200 OK\\r\\nContent-Length: 7\\r\\n\\r\\nresumed";
    let second = "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n/2";
    assert_eq!(link.received_text(), format!("{resumed}{second}"));
    // The first ticket is of no more use, though an exchange waits for one.
    assert_eq!(link.state, State::Waiting);
    assert!(!link.redeem(first));
    assert!(!link.answer(first, |reply| reply.send(Status::OK, &[], b"stale")));
    assert_eq!(link.received_text(), "");

    let third = tickets.borrow()[1];
    assert!(link.answer(third, |reply| reply.send(Status::OK, &[], b"for it")));
    let third_answer = "HTTP/1.1 200 OK\\r\\nContent-Length: 6\\r\\n\\r\\nfor it";
    let fourth = "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n/4";
    assert_eq!(link.received_text(), format!("{third_answer}{fourth}"));
    assert!(!link.answer(third, |reply| reply.send(Status::OK, &[], b"stale")));
    assert!(link.session.is_idle());
}

#[test]
fn a_ticket_that_is_redeemed_cannot_be_answered_for_as_well() {
    let tickets: Rc<Cell<Option<Ticket>>> = Rc::default();
    let kept = Rc::clone(&tickets);
    let script = Script::new(move |_, reply| {
        let (ticket, handled) = reply.later();
        kept.set(Some(ticket));
        handled
    })
    .resume(|reply| reply.start(Status::OK, &[], Length::Unknown))
    .stream(|mut stream| {
        stream.write(b"x");
        stream.wait().1
    });
    let mut link = Link::new(script, LIMITS);
    link.patient = true;
    link.send(HEAD);
    let ticket = tickets.get().expect("a ticket");
    assert!(link.redeem(ticket));
    // The answer has begun: it can be woken, and not be given again.
    assert!(!link.answer(ticket, |reply| reply.send(Status::OK, &[], b"")));
    assert!(link.redeem(ticket));
    let text = link.received_text();
    assert_eq!(text.matches("1\\r\\nx\\r\\n").count(), 2, "{text}");
}

#[test]
fn an_answer_may_be_deferred_amid_the_content() {
    let tickets: Rc<Cell<Option<Ticket>>> = Rc::default();
    let kept = Rc::clone(&tickets);
    let content: Rc<RefCell<Vec<u8>>> = Rc::default();
    let log = Rc::clone(&content);
    let script = Script::new(|_, reply| reply.receive())
        .content(move |part, reply| match part {
            Part::Data(data) => {
                log.borrow_mut().extend_from_slice(data);
                let (ticket, handled) = reply.later();
                kept.set(Some(ticket));
                handled
            }
            Part::End(_) => reply.send(Status::OK, &[], b"ok"),
        })
        .resume(|reply| reply.receive());
    let mut link = Link::new(script, LIMITS);
    link.send(post("Transfer-Encoding: chunked"))
        .send(chunked(b"abcdef", &[2]));
    for so_far in ["ab", "abcd", "abcdef"] {
        assert_eq!(link.state, State::Waiting);
        assert_eq!(*content.borrow(), so_far.as_bytes());
        assert!(link.redeem(tickets.get().expect("a ticket")));
    }
    assert_eq!(link.received_text(), OK);
}

#[test]
fn draining_closes_an_idle_connection_at_once() {
    let mut link = Link::new(ok(), LIMITS).open(Instant::default());
    link.send(HEAD);
    assert_eq!(link.received_text(), OK);
    link.drain();
    assert_eq!(
        (link.state, link.received_text().as_str()),
        (State::Shut, "")
    );
    link.send(HEAD).finish();
    assert_eq!(link.state, State::Closed(Cause::Agreed));
    assert_eq!(link.application.requests, 1);
}

#[test]
fn draining_lets_a_request_that_has_begun_be_answered_and_no_other() {
    let mut link = Link::new(ok(), LIMITS).open(Instant::default());
    link.send("GET / HT").drain();
    assert_eq!(link.state, State::Receiving);
    link.send(format!("TP/1.1\r\nHost: a\r\n\r\n{HEAD}"));
    let closing = "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok";
    assert_eq!(link.received_text(), closing);
    assert_eq!(link.state, State::Shut);
}

#[test]
fn draining_lets_a_stream_come_to_its_end() {
    let mut calls = 0;
    let ticket: Rc<Cell<Option<Ticket>>> = Rc::default();
    let kept = Rc::clone(&ticket);
    let script = Script::new(|_, reply| reply.start(Status::OK, &[], Length::Unknown)).stream(
        move |mut stream| {
            calls += 1;
            stream.write(b"x");
            if calls == 2 {
                return stream.finish();
            }
            let (ticket, handled) = stream.wait();
            kept.set(Some(ticket));
            handled
        },
    );
    let mut link = Link::new(script, LIMITS);
    link.patient = true;
    link.send(HEAD).drain();
    assert_eq!(link.state, State::Waiting);
    assert!(link.redeem(ticket.get().expect("a ticket")));
    assert_eq!(content_of(&link.received()), b"xx");
    assert_eq!(link.state, State::Shut);
}

#[test]
fn what_an_application_may_not_do_is_answered_with_500() {
    let misuses: [(&str, fn() -> Script, String); 7] = [
        (
            "an interim status as the answer",
            || Script::new(|_, reply| reply.send(Status::CONTINUE, &[], b"")),
            HEAD.to_owned(),
        ),
        (
            "an interim status as the answer's beginning",
            || Script::new(|_, reply| reply.start(Status::EARLY_HINTS, &[], Length::Unknown)),
            HEAD.to_owned(),
        ),
        (
            "collecting twice",
            || Script::new(|_, reply| reply.collect(100)),
            format!("{}abc", post("Content-Length: 3")),
        ),
        (
            "receiving behind the end",
            || Script::new(|_, reply| reply.receive()).content(|_, reply| reply.receive()),
            format!("{}abc", post("Content-Length: 3")),
        ),
        (
            "collecting what has been received",
            || Script::new(|_, reply| reply.receive()).content(|_, reply| reply.collect(1000)),
            format!("{}abc", post("Content-Length: 3")),
        ),
        (
            "a successful answer to CONNECT that is no tunnel",
            ok,
            "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n".to_owned(),
        ),
        (
            "switching ahead of the content",
            || Script::new(|_, reply| reply.switch(&[field!("Upgrade", "x")])),
            format!(
                "{}abc",
                post("Content-Length: 3\r\nConnection: upgrade\r\nUpgrade: x")
            ),
        ),
    ];
    for (name, script, request) in misuses {
        let mut link = Link::new(script(), LIMITS);
        link.send(request).send(HEAD);
        assert_eq!(link.received_text(), FAILED, "{name}");
        link.finish();
        assert_eq!(link.state, State::Closed(Cause::Aborted), "{name}");
    }
}

#[test]
fn content_as_long_as_the_head_is_not_taken_for_it() {
    let script = Script::new(|request, reply| {
        assert_eq!(request.content(), None, "content is taken for a head");
        reply.receive()
    });
    let script = script.content(|_, reply| reply.collect(1000));
    let head = post("Content-Length: 48");
    let mut link = Link::new(script, LIMITS);
    let content = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n.............";
    assert_eq!(content.len(), head.len());
    link.send(&head).send(content);
    assert_eq!(link.received_text(), FAILED);
    assert_eq!(link.application.requests, 1);
}

#[test]
fn a_stream_cannot_write_past_its_length() {
    let script = Script::new(|_, reply| reply.start(Status::OK, &[], Length::Exact(5))).stream(
        |mut stream| {
            assert_eq!(stream.room(), 5);
            assert_eq!(stream.write(b"hello world"), 5);
            assert_eq!(stream.write(b"!"), 0);
            assert_eq!(stream.write_static(b"!"), 0);
            assert_eq!(stream.write_with(|room| room.len()), 0);
            stream.finish()
        },
    );
    let mut link = Link::new(script, LIMITS);
    link.send(HEAD.repeat(2));
    let answer = "HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello";
    assert_eq!(link.received_text(), answer.repeat(2));
}

#[test]
fn an_exchange_is_forgotten_when_it_is_over_however_it_ends() {
    let abort = || {
        Script::new(|_, reply| reply.start(Status::OK, &[], Length::Unknown))
            .stream(|stream| stream.abort())
    };
    let receive = || Script::new(|_, reply| reply.receive()).content(|_, reply| reply.receive());
    let rows: [(&str, fn() -> Script, String); 5] = [
        ("an answer", ok, HEAD.to_owned()),
        (
            "the last answer",
            ok,
            HEAD.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
        ),
        ("an answer that is given up", abort, HEAD.to_owned()),
        (
            "broken content",
            receive,
            format!("{}x\r\n", post("Transfer-Encoding: chunked")),
        ),
        (
            "an answer, and a head that has begun",
            ok,
            format!("{HEAD}GET /"),
        ),
    ];
    for (name, script, request) in rows {
        let mut link = Link::new(script(), LIMITS);
        link.send(request);
        assert_eq!(link.application.requests, 1, "{name}");
        assert_eq!(link.application.exchanges(), 0, "{name}");
    }
}

#[test]
fn an_exchange_is_remembered_from_one_part_of_the_content_to_the_next() {
    let script = Script::new(|_, reply| reply.receive()).content(|part, reply| match part {
        Part::Data(_) => reply.receive(),
        Part::End(_) => reply.start(Status::OK, &[], Length::Unknown),
    });
    let script = script.stream(|stream| stream.finish());
    let mut link = Link::new(script, LIMITS);
    link.trickle(format!("{}abc{HEAD}", post("Content-Length: 3")));
    assert_eq!(link.application.requests, 2);
}

#[test]
fn a_window_that_is_full_is_not_when_some_of_it_has_been_consumed() {
    let content = pattern(5000);
    for capacity in 64..200 {
        let collect = Script::new(|request, reply| match request.content() {
            None => reply.collect(10),
            Some(content) => reply.send(Status::OK, &[], content),
        });
        let mut link = Link::with_buffers(collect, LIMITS, capacity, 4096);
        let request = format!("{}ok", post("Content-Length: 2"));
        link.send(request.repeat(20));
        assert_eq!(link.received_text(), OK.repeat(20), "{capacity}");

        let mut link = Link::with_buffers(echo(Length::Unknown), LIMITS, capacity, 4096);
        link.send(post("Transfer-Encoding: chunked"));
        link.send(chunked(&content, &[1, 20, 300]));
        assert!(content_of(&link.received()) == content, "{capacity}");
    }
}

#[test]
fn a_driver_without_room_for_a_head_refuses_it() {
    let mut link = Link::with_buffers(ok(), LIMITS, 64, 4096);
    link.send(format!(
        "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n",
        "x".repeat(100)
    ));
    assert!(link.received_text().starts_with("HTTP/1.1 431 "));
    assert_eq!(link.state, State::Shut);
}

#[test]
fn a_driver_without_room_for_collected_content_refuses_it() {
    let script = Script::new(|_, reply| reply.collect(1000));
    let mut link = Link::with_buffers(script, LIMITS, 256, 4096);
    link.send(post("Content-Length: 1000")).send([b'x'; 1000]);
    assert!(link.received_text().starts_with("HTTP/1.1 413 "));
    assert_eq!(link.state, State::Shut);
}

#[test]
fn a_driver_without_room_for_a_chunk_line_refuses_it() {
    let script = Script::new(|_, reply| reply.receive()).content(|_, reply| reply.receive());
    let mut link = Link::with_buffers(script, LIMITS, 128, 4096);
    link.send(post("Transfer-Encoding: chunked"));
    link.send(format!("1;{}\r\n", "x".repeat(200)));
    assert!(link.received_text().starts_with("HTTP/1.1 413 "));
    assert_eq!(link.state, State::Shut);
}

#[test]
fn a_million_bytes_in_chunks_of_one_cost_one_call_each() {
    let calls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&calls);
    let script = Script::new(|_, reply| reply.receive()).content(move |part, reply| match part {
        Part::Data(data) => {
            counted.set(counted.get() + data.len());
            reply.receive()
        }
        Part::End(_) => reply.send(Status::OK, &[], b"ok"),
    });
    let mut link = Link::new(script, LIMITS);
    link.send(post("Transfer-Encoding: chunked"));
    for _ in 0..100 {
        link.send("1\r\nx\r\n".repeat(1000));
    }
    link.send("0\r\n\r\n");
    assert_eq!((calls.get(), link.received_text().as_str()), (100_000, OK));
    assert!(link.turns < 400, "{} turns", link.turns);
}

#[test]
fn a_head_that_trickles_costs_a_turn_for_each_byte() {
    let mut link = Link::new(ok(), LIMITS);
    let head = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n",
        "x".repeat(10_000)
    );
    link.trickle(&head);
    assert_eq!(link.received_text(), OK);
    assert!(
        link.turns <= 2 * head.len() + 4,
        "{} turns for {}",
        link.turns,
        head.len()
    );
}

#[test]
fn a_tunnel_passes_bytes_both_ways_and_each_side_can_end_it() {
    let script = || {
        Script::new(|_, reply| reply.switch(&[])).stream(|mut stream| {
            let content = stream.content().to_ascii_uppercase();
            let written = stream.write(&content);
            stream.consume(written);
            if stream.content_has_ended() || content.contains(&b'!') {
                stream.finish()
            } else {
                stream.receive()
            }
        })
    };
    let request = "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nfirst ";
    let open = || {
        let mut link = Link::with_buffers(script(), LIMITS, 512, 256);
        link.patient = true;
        link.send(request);
        assert_eq!(link.received_text(), "HTTP/1.1 200 OK\\r\\n\\r\\nFIRST ");
        link
    };
    let mut link = open();
    let content = vec![b'x'; 10_000];
    link.send(&content).finish();
    assert!(link.received() == content.to_ascii_uppercase());
    assert_eq!(link.state, State::Closed(Cause::Agreed));

    let mut link = open();
    link.send("bye!");
    assert_eq!(
        (link.state, link.received_text().as_str()),
        (State::Shut, "BYE!")
    );
    link.send("more").finish();
    assert_eq!(
        (link.state, link.received_text().as_str()),
        (State::Closed(Cause::Agreed), "")
    );
}

#[test]
fn a_tunnel_that_is_given_up_is_closed_and_not_shut() {
    let script = Script::new(|_, reply| reply.switch(&[])).stream(|stream| stream.abort());
    let mut link = Link::new(script, LIMITS);
    link.send("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
    assert_eq!(link.state, State::Closed(Cause::Aborted));
}

#[test]
fn content_to_http_1_0_that_is_given_up_does_not_look_whole() {
    let script = Script::new(|_, reply| reply.start(Status::OK, &[], Length::Unknown)).stream(
        |mut stream| {
            stream.write(b"half");
            stream.abort()
        },
    );
    let mut link = Link::new(script, LIMITS);
    link.send("GET / HTTP/1.0\r\n\r\n");
    // Closed at once, not shut: the driver resets what it can.
    assert_eq!(link.state, State::Closed(Cause::Aborted));
}

#[test]
fn broken_content_behind_an_answer_that_has_begun_cuts_it_off() {
    let mut link = Link::new(echo(Length::Unknown), LIMITS);
    link.send(post("Transfer-Encoding: chunked"))
        .send("3\r\nabcX");
    let text = link.received_text();
    assert!(text.ends_with("3\\r\\nabc\\r\\n"), "{text}");
    assert_eq!(link.state, State::Shut);
    link.finish();
    let broken = Error::Syntax(SyntaxError::MissingChunkEnd);
    assert_eq!(link.state, State::Closed(Cause::Failed(broken)));
}

#[test]
fn a_stream_sees_the_end_of_content_that_was_declared_and_never_of_what_was_cut() {
    let sink = || {
        Script::new(|_, reply| reply.start(Status::OK, &[], Length::Unknown)).stream(
            |mut stream| {
                stream.consume(usize::MAX);
                if stream.content_has_ended() {
                    stream.finish()
                } else {
                    stream.receive()
                }
            },
        )
    };
    let mut link = Link::new(sink(), LIMITS);
    link.send(format!("{}abc", post("Content-Length: 3")));
    assert_eq!(content_of(&link.received()), b"");
    let mut link = Link::new(sink(), LIMITS);
    link.send(format!("{}ab", post("Content-Length: 3")))
        .finish();
    assert!(!link.received_text().ends_with("0\\r\\n\\r\\n"));
    let truncated = Error::Syntax(SyntaxError::Truncated);
    assert_eq!(link.state, State::Closed(Cause::Failed(truncated)));
}

#[test]
fn trailers_reach_a_stream() {
    let seen: Rc<RefCell<String>> = Rc::default();
    let log = Rc::clone(&seen);
    let script = Script::new(|_, reply| reply.start(Status::OK, &[], Length::Unknown)).stream(
        move |mut stream| {
            stream.consume(usize::MAX);
            for line in stream.trailers() {
                log.borrow_mut().push_str(&format!("{line:?};"));
            }
            if stream.content_has_ended() {
                stream.finish()
            } else {
                stream.receive()
            }
        },
    );
    let mut link = Link::new(script, LIMITS);
    link.send(post("Transfer-Encoding: chunked"))
        .send("1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n");
    assert_eq!(*seen.borrow(), "A: b;C: d;");
    assert!(link.session.is_idle());
}

/// Steps a bare connection over `input` and a fresh output.
struct Bench {
    connection: Connection,
    context: Context,
    bytes: Vec<u8>,
    queue: Queue,
}

impl Bench {
    fn new() -> Self {
        Self {
            connection: Connection::new(),
            context: Context::new(LIMITS, Stamp::EMPTY),
            bytes: vec![0; 1024],
            queue: Queue::new(),
        }
    }

    /// One step; answers what `look` makes of its event.
    fn step<T>(
        &mut self,
        input: &mut Vec<u8>,
        outlook: Outlook,
        look: impl FnOnce(Event<'_>) -> T,
    ) -> T {
        let mut window = Input::new(input, outlook);
        let mut output = Output::new(&mut self.bytes, &mut self.queue);
        let result = look(
            self.connection
                .step(&self.context, &mut window, &mut output),
        );
        let rest = window.remaining().to_vec();
        *input = rest;
        result
    }

    fn output(&self) -> String {
        let slices: Vec<&[u8]> = self.queue.slices(&self.bytes).collect();
        escape(&slices.concat())
    }
}

#[test]
fn a_reply_that_is_dropped_becomes_500() {
    let mut bench = Bench::new();
    let mut input = HEAD.as_bytes().to_vec();
    let is_request = |event: Event<'_>| matches!(event, Event::Request(..));
    assert!(bench.step(&mut input, Outlook::More, is_request));
    let shuts = |event: Event<'_>| matches!(event, Event::Shutdown);
    assert!(bench.step(&mut input, Outlook::More, shuts));
    assert_eq!(bench.output(), FAILED);
}

#[test]
fn a_stream_that_is_dropped_is_cut_off_and_cannot_be_woken() {
    let mut bench = Bench::new();
    let mut input = HEAD.as_bytes().to_vec();
    let ticket = bench.step(&mut input, Outlook::More, |event| match event {
        Event::Request(_, reply) => {
            let _ = reply.start(Status::OK, &[], Length::Unknown);
            1
        }
        _ => 0,
    });
    assert_eq!(ticket, 1, "the first exchange");
    let is_stream = |event: Event<'_>| matches!(event, Event::Stream(_));
    assert!(bench.step(&mut input, Outlook::More, is_stream));
    assert!(!bench.connection.redeem(ticket), "its stream is gone");
    let shuts = |event: Event<'_>| matches!(event, Event::Shutdown);
    assert!(bench.step(&mut input, Outlook::More, shuts));
    assert!(!bench.output().ends_with("0\\r\\n\\r\\n"));
}

#[test]
fn a_closed_connection_answers_the_same_again() {
    let mut bench = Bench::new();
    let mut input = b"GET / HT".to_vec();
    let cause = |event: Event<'_>| match event {
        Event::Close(cause) => Some(cause),
        _ => None,
    };
    let truncated = Cause::Failed(Error::Syntax(SyntaxError::Truncated));
    for _ in 0..3 {
        assert_eq!(
            bench.step(&mut input, Outlook::Ended, cause),
            Some(truncated)
        );
        input.extend_from_slice(HEAD.as_bytes());
        assert_eq!(bench.output(), "");
        assert_eq!(bench.connection.deadline(), None);
        assert!(!bench.connection.redeem(0));
    }
}

#[test]
fn a_refusal_waits_until_there_is_room_for_it() {
    let mut link = Link::new(ok(), LIMITS);
    // Two answers leave too little room for a third.
    link.take(0).send(format!("{}BAD\r\n\r\n", HEAD.repeat(6)));
    let received = take_all(&mut link, 1000);
    let text = escape(&received);
    assert!(text.starts_with(&OK.repeat(6)), "{text}");
    assert!(text[OK.len() * 6..].starts_with("HTTP/1.1 400 "), "{text}");
    link.finish();
    let error = Error::Syntax(SyntaxError::InvalidMethod);
    assert_eq!(link.state, State::Closed(Cause::Failed(error)));
}

#[test]
fn a_closed_connection_says_why() {
    let rows = [
        ("", Cause::Peer),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Cause::Peer),
        ("GET / HTTP/1.0\r\n\r\n", Cause::Agreed),
        ("GET", Cause::Failed(Error::Syntax(SyntaxError::Truncated))),
        (
            "GET / HTTP/1.1\r\n\r\n",
            Cause::Failed(Error::Syntax(SyntaxError::MissingHost)),
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n",
            Cause::Failed(Error::Limit(LimitError::ContentTooLarge)),
        ),
    ];
    for (input, cause) in rows {
        let mut link = Link::new(ok(), LIMITS);
        link.send(input).finish();
        assert_eq!(link.state, State::Closed(cause), "{input}");
    }
}

#[test]
fn a_stamp_goes_into_every_answer() {
    let mut link = Link::new(ok(), LIMITS);
    link.context.stamp = Stamp::new("kinglet");
    link.context.stamp.set_date(784_111_777);
    link.send(format!("{HEAD}BAD\r\n"));
    let text = link.received_text();
    let stamp = "\\r\\nServer: kinglet\\r\\nDate: Sun, 06 Nov 1994 08:49:37 GMT\\r\\n";
    assert_eq!(text.matches(stamp).count(), 2, "{text}");
}

#[test]
fn exchanges_are_counted_and_the_last_one_closes() {
    let limits = Limits {
        max_exchanges: 3,
        ..LIMITS
    };
    let mut link = Link::new(ok(), limits);
    link.send(HEAD.repeat(5));
    let closing = "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok";
    assert_eq!(link.received_text(), format!("{OK}{OK}{closing}"));
    assert_eq!(link.application.requests, 3);
    assert_eq!(link.state, State::Shut);
}
