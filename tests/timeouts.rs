//! Every timeout, in virtual time: not a millisecond early, not one late.
//!
//! Each runs from the clock's origin and again across the wrap of its 32 bits.

mod support;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use kinglet_core::http::server::{Cause, Part};
use kinglet_core::http::{Error, Length, Status, Ticket, TimeoutError};
use kinglet_core::{Instant, Limits};
use support::link::{Link, State};
use support::script::{MakeScript, Script};

const LIMITS: Limits = Limits {
    min_room: 256,
    head_timeout: Duration::from_secs(10),
    idle_timeout: Duration::from_secs(60),
    rate_window: Duration::from_secs(8),
    min_receive_rate: 100,
    min_send_rate: 100,
    drain_timeout: Duration::from_secs(5),
    ..Limits::SERVER
};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HEAD: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok";

/// Clocks at their origin, and one that wraps while the test runs.
fn starts() -> [Instant; 3] {
    [0, 0xffff_ffff, 0xffff_ffff - 9_000].map(Instant::from_millis)
}

fn failed(error: TimeoutError) -> State {
    State::Closed(Cause::Failed(Error::Timeout(error)))
}

/// Reads all content, then answers.
fn reader() -> Script {
    Script::new(|request, reply| match request.framing() {
        kinglet_core::http::Framing::None => reply.send(Status::OK, &[], b"ok"),
        _ => reply.receive(),
    })
    .content(|part, reply| match part {
        Part::Data(_) => reply.receive(),
        Part::End(_) => reply.send(Status::OK, &[], b"ok"),
    })
}

/// Nothing happens until a moment before `timeout`; then the answer is `answer`, or none.
fn check_cut(link: &mut Link<Script>, timeout: Duration, answer: &str) {
    let state = link.state;
    link.pass(timeout - MILLISECOND);
    assert_eq!((link.state, link.received_text().as_str()), (state, ""));
    link.pass(MILLISECOND);
    let answered = link.received_text();
    assert_eq!(answered.get(..12).unwrap_or_default(), answer);
}

#[test]
fn an_idle_connection_closes_at_the_idle_timeout() {
    for start in starts() {
        let mut link = Link::new(reader(), LIMITS).open(start);
        check_cut(&mut link, LIMITS.idle_timeout, "");
        assert_eq!(link.state, State::Closed(Cause::Idle));
    }
}

#[test]
fn idleness_begins_when_the_answer_is_whole() {
    for start in starts() {
        let mut link = Link::new(reader(), LIMITS).open(start);
        link.pass(59 * SECOND).send(HEAD);
        assert_eq!(link.received_text(), OK);
        check_cut(&mut link, LIMITS.idle_timeout, "");
        assert_eq!(link.state, State::Closed(Cause::Idle));
    }
}

#[test]
fn empty_lines_do_not_put_the_idle_timeout_off() {
    for start in starts() {
        let mut link = Link::new(reader(), LIMITS).open(start);
        for _ in 0..59 {
            link.pass(SECOND).send("\r\n");
        }
        link.pass(SECOND - MILLISECOND);
        assert_eq!(link.state, State::Receiving);
        link.pass(MILLISECOND);
        assert_eq!(link.state, State::Closed(Cause::Idle));
    }
}

#[test]
fn a_head_has_its_time_from_the_first_byte_however_it_trickles() {
    for start in starts() {
        let mut link = Link::new(reader(), LIMITS).open(start);
        link.pass(30 * SECOND).send("G");
        for byte in "ET / HTTP".bytes() {
            link.pass(SECOND).send([byte]);
        }
        check_cut(&mut link, SECOND, "HTTP/1.1 408");
        assert_eq!(link.state, State::Shut);
        link.pass(LIMITS.drain_timeout - MILLISECOND);
        assert_eq!(link.state, State::Shut);
        link.pass(MILLISECOND);
        assert_eq!(link.state, failed(TimeoutError::Head));
    }
}

#[test]
fn a_head_that_is_whole_in_time_is_answered() {
    for start in starts() {
        let mut link = Link::new(reader(), LIMITS).open(start);
        let (first, rest) = HEAD.split_at(1);
        link.send(first)
            .pass(LIMITS.head_timeout - MILLISECOND)
            .send(rest);
        assert_eq!(link.received_text(), OK);
        // The timer of the first head does not tick for the second.
        link.send(first)
            .pass(LIMITS.head_timeout - MILLISECOND)
            .send(rest);
        assert_eq!(link.received_text(), OK);
    }
}

#[test]
fn a_head_behind_an_answer_has_its_own_time() {
    for start in starts() {
        let mut link = Link::new(reader(), LIMITS).open(start);
        link.pass(7 * SECOND).send(format!("{HEAD}GET /2"));
        assert_eq!(link.received_text(), OK);
        check_cut(&mut link, LIMITS.head_timeout, "HTTP/1.1 408");
    }
}

#[test]
fn content_that_trickles_is_cut_at_the_end_of_the_window() {
    let collector = || Script::new(|_, reply| reply.collect(10_000));
    let early = || Script::new(|_, reply| reply.send(Status::OK, &[], b""));
    let streamer = || {
        Script::new(|_, reply| reply.start(Status::OK, &[], Length::Unknown)).stream(
            |mut stream| {
                stream.consume(usize::MAX);
                stream.receive()
            },
        )
    };
    // Each byte that is sent back leaves less room than the engine waits for, and is sent at once.
    let echo = || {
        Script::new(|_, reply| reply.start(Status::OK, &[], Length::Unknown)).stream(
            |mut stream| {
                let written = stream.write(stream.content());
                stream.consume(written);
                stream.receive()
            },
        )
    };
    // Where the answer has begun already, there is none to say 408 in.
    let rows: [(&str, MakeScript, &str); 5] = [
        ("receive", reader, "HTTP/1.1 408"),
        ("collect", collector, "HTTP/1.1 408"),
        ("discard", early, ""),
        ("stream", streamer, ""),
        ("echo", echo, ""),
    ];
    for start in starts() {
        for framing in ["Content-Length: 5000", "Transfer-Encoding: chunked"] {
            for (name, application, answer) in rows {
                let mut link = Link::new(application(), LIMITS).open(start);
                link.pass(3 * SECOND);
                link.send(format!(
                    "POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n3e8\r\n"
                ));
                let before = link.received_text();
                for second in 1..8 {
                    link.pass(SECOND).send("x");
                    assert_eq!(link.state, State::Receiving, "{name} at {second}s");
                }
                let said = link.received_text();
                assert!(
                    said.is_empty() || name == "echo",
                    "{name}: {said} after {before}"
                );
                check_cut(&mut link, SECOND, answer);
                assert_eq!(link.state, State::Shut, "{name}, {framing}");
                link.pass(LIMITS.drain_timeout);
                assert_eq!(link.state, failed(TimeoutError::Content), "{name}");
            }
        }
    }
}

#[test]
fn content_at_the_least_rate_goes_on_and_a_byte_less_does_not() {
    for start in starts() {
        for (per_window, goes_on) in [(800, true), (799, false)] {
            let mut link = Link::new(reader(), LIMITS).open(start);
            link.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
            for window in 0..5 {
                link.pass(4 * SECOND);
                if link.state != State::Receiving {
                    break;
                }
                link.send(vec![b'x'; per_window]).pass(4 * SECOND);
                let survives = link.state == State::Receiving;
                assert_eq!(survives, goes_on, "{per_window} in window {window}");
            }
        }
    }
}

#[test]
fn a_peer_that_takes_nothing_is_given_up_at_the_end_of_the_window() {
    for start in starts() {
        let mut link = Link::new(reader(), LIMITS).open(start);
        link.take(0).pass(SECOND).send(HEAD);
        link.pass(LIMITS.rate_window - MILLISECOND);
        assert!(!matches!(link.state, State::Closed(_)));
        link.pass(MILLISECOND);
        assert_eq!(link.state, failed(TimeoutError::Send));
    }
}

#[test]
fn a_peer_that_takes_a_byte_each_second_is_given_up() {
    for start in starts() {
        let mut link = Link::new(stream_of(100_000), LIMITS).open(start);
        link.take(0).send(HEAD);
        for second in 1..8 {
            link.pass(SECOND).take(1);
            assert_eq!(link.state, State::Sending, "at {second}s");
        }
        link.pass(SECOND - MILLISECOND);
        assert_eq!(link.state, State::Sending);
        link.pass(MILLISECOND);
        assert_eq!(link.state, failed(TimeoutError::Send));
    }
}

#[test]
fn a_peer_that_takes_a_little_over_the_least_rate_gets_all() {
    for start in starts() {
        let mut link = Link::with_buffers(stream_of(20_000), LIMITS, 4096, 4096).open(start);
        link.take(0).send(HEAD);
        let mut received = Vec::new();
        for _ in 0..3000 {
            link.pass(SECOND / 10).take(11);
            received.extend(link.received());
        }
        assert!(
            received.ends_with(&[b'x'; 20_000]),
            "{} bytes",
            received.len()
        );
    }
}

fn stream_of(len: usize) -> Script {
    let left = RefCell::new(len);
    Script::new(move |_, reply| reply.start(Status::OK, &[], Length::Exact(len as u64))).stream(
        move |mut stream| {
            let mut left = left.borrow_mut();
            *left -= stream.write(&vec![b'x'; *left]);
            if *left == 0 {
                stream.finish()
            } else {
                stream.more()
            }
        },
    )
}

#[test]
fn a_connection_that_is_answered_with_close_lingers_from_the_last_byte_sent() {
    for start in starts() {
        let mut link = Link::new(reader(), LIMITS).open(start);
        link.take(0);
        link.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        link.pass(7 * SECOND).take(20).pass(SECOND);
        assert_eq!(link.state, failed(TimeoutError::Send));

        let mut link = Link::new(reader(), LIMITS).open(start);
        link.take(0);
        link.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        link.pass(7 * SECOND).take(usize::MAX);
        assert_eq!(link.state, State::Shut);
        link.pass(LIMITS.drain_timeout - MILLISECOND);
        assert_eq!(link.state, State::Shut);
        link.pass(MILLISECOND);
        assert_eq!(link.state, State::Closed(Cause::Agreed));
    }
}

#[test]
fn what_a_lingering_peer_sends_does_not_put_the_end_off() {
    for start in starts() {
        let mut link = Link::new(reader(), LIMITS).open(start);
        link.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        for _ in 0..4 {
            link.pass(SECOND).send(HEAD);
            assert_eq!(link.state, State::Shut);
        }
        link.pass(SECOND);
        assert_eq!(link.state, State::Closed(Cause::Agreed));
        assert_eq!(link.unread(), 0);
    }
}

#[test]
fn a_lingering_peer_that_closes_ends_it_at_once() {
    let mut link = Link::new(reader(), LIMITS).open(Instant::default());
    link.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .finish();
    assert_eq!(link.state, State::Closed(Cause::Agreed));
}

#[test]
fn a_deferred_answer_has_no_deadline() {
    for start in starts() {
        let mut link = Link::new(Script::new(|_, reply| reply.later().1), LIMITS).open(start);
        link.patient = true;
        link.send(HEAD);
        assert_eq!((link.state, link.patience()), (State::Waiting, None));
        link.pass(Duration::from_secs(3600));
        assert_eq!(link.state, State::Waiting);
    }
}

#[test]
fn a_stream_is_called_at_the_instant_it_has_named_or_when_its_ticket_comes() {
    for start in starts() {
        let calls: Rc<RefCell<Vec<Instant>>> = Rc::default();
        let ticket: Rc<RefCell<Option<Ticket>>> = Rc::default();
        let (log, kept) = (Rc::clone(&calls), Rc::clone(&ticket));
        let script = Script::new(|_, reply| reply.start(Status::OK, &[], Length::Unknown)).stream(
            move |mut stream| {
                let now = stream.context().now;
                let mut log = log.borrow_mut();
                log.push(now);
                stream.write(b"tick");
                match log.len() {
                    1 => stream.wait_until(now.after(20 * SECOND)),
                    2 => {
                        let (ticket, handled) = stream.wait();
                        *kept.borrow_mut() = Some(ticket);
                        handled
                    }
                    3 => stream.wait_until(now.after(20 * SECOND)),
                    _ => stream.finish(),
                }
            },
        );
        let mut link = Link::new(script, LIMITS).open(start);
        link.patient = true;
        link.send(HEAD).pass(Duration::from_secs(300));
        let ticket = ticket.borrow().expect("a ticket");
        assert!(link.redeem(ticket));
        link.pass(3 * SECOND);
        // A stream that waits for its time can be called before it.
        assert!(link.redeem(ticket));
        let after = |seconds: u64| start.after(Duration::from_secs(seconds));
        assert_eq!(
            *calls.borrow(),
            [after(0), after(20), after(300), after(303)]
        );
        assert!(!link.redeem(ticket), "the exchange is over");
    }
}

#[test]
fn a_stream_whose_instant_comes_while_output_is_stuck_is_called_when_there_is_room() {
    for now in starts() {
        let script = Script::new(|_, reply| reply.start(Status::OK, &[], Length::Unknown)).stream(
            |mut stream| {
                stream.write(&[b'x'; 200]);
                let next = stream.context().now.after(SECOND);
                stream.wait_until(next)
            },
        );
        let mut link = Link::with_buffers(script, LIMITS, 4096, 600).open(now);
        link.take(0);
        link.send(HEAD);
        // The second call fills the output; the peer takes some, and there is room for a third.
        link.pass(5 * SECOND);
        assert_eq!((link.state, link.received()), (State::Sending, vec![]));
        link.take(usize::MAX);
        let received = link.received();
        let xs = received.iter().filter(|&&byte| byte == b'x').count();
        assert_eq!((link.state, xs), (State::Waiting, 600));
        link.pass(SECOND);
        assert_eq!(link.received().len(), 200 + "c8\r\n\r\n".len());
    }
}

#[test]
fn a_tunnel_may_be_silent() {
    let script = Script::new(|_, reply| reply.switch(&[])).stream(|mut stream| {
        stream.consume(usize::MAX);
        stream.receive()
    });
    let mut link = Link::new(script, LIMITS).open(Instant::default());
    link.patient = true;
    link.send("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
    link.pass(Duration::from_secs(3600))
        .send("x")
        .pass(Duration::from_secs(3600));
    assert_eq!(link.state, State::Receiving);
}

#[test]
fn a_body_awaited_behind_100_continue_has_its_window_too() {
    for start in starts() {
        let mut link = Link::new(reader(), LIMITS).open(start);
        link.send(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
        );
        assert_eq!(link.received_text(), "HTTP/1.1 100 Continue\\r\\n\\r\\n");
        check_cut(&mut link, LIMITS.rate_window, "HTTP/1.1 408");
    }
}
