//! A session under an application, between a driver and a peer, all of them in memory: what room there
//! is, and what happens where there is none.

mod support;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use kinglet_core::field;
use kinglet_core::http::server::{Cause, Part};
use kinglet_core::http::{Error, Field, Handled, Length, Status, Stream, SyntaxError};
use kinglet_core::window::Queue;
use support::escape::escape;
use support::link::{Link, State};
use support::messages::{
    FAILED, HEAD, LIMITS, OK, chunked, content_of, echo, ok, pattern, post, take_all,
};
use support::script::Script;

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
fn static_slices_of_any_length_are_chunks_of_their_own_in_any_room() {
    static BYTES: [u8; 1500] = [b's'; 1500];
    for overflow in [false, true] {
        for len in [1, 9, 40, 100, 1024, 1025, 1500] {
            for room in 256..400 {
                let mut left = 3 * Queue::MAX_HELD;
                let script = Script::new(|_, reply| reply.start(Status::OK, &[], Length::Unknown))
                    .stream(move |mut stream| {
                        while left > 0 && stream.write_static(&BYTES[..len]) > 0 {
                            left -= 1;
                        }
                        match left {
                            0 => stream.finish(),
                            _ => stream.more(),
                        }
                    });
                let mut link = Link::with_buffers(script, LIMITS, 4096, room);
                if overflow {
                    link = link.with_overflow(10_000);
                }
                let received = link.send(HEAD).received();
                let expected = vec![b's'; 3 * Queue::MAX_HELD * len];
                let name = format!("{len} bytes, room {room}, overflow {overflow}");
                assert!(content_of(&received) == expected, "{name}");
            }
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
fn chunks_of_one_byte_cost_one_call_each() {
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
fn a_client_that_sends_no_more_still_gets_all_of_its_answers() {
    static LARGE: [u8; 30_000] = [b'x'; 30_000];
    for bite in [1, 1000, 40_000] {
        let script = Script::new(|_, reply| reply.send_static(Status::OK, &[], &LARGE));
        let mut link = Link::with_buffers(script, LIMITS, 4096, 1024);
        link.take(0).send([HEAD, HEAD].concat()).finish();
        let received = take_all(&mut link, bite);
        let whole = received.iter().filter(|&&byte| byte == b'x').count();
        assert_eq!(whole, 2 * LARGE.len(), "{bite} at a time");
        assert_eq!(link.state, State::Closed(Cause::Peer));
    }
}
