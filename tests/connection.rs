//! A session under an application, between a driver and a peer, all of them in memory: what becomes of
//! an exchange.

mod support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use kinglet_core::http::server::{Cause, Connection, Event, Part};
use kinglet_core::http::{Error, Length, LimitError, Status, SyntaxError, Ticket};
use kinglet_core::window::{Outlook, Queue};
use kinglet_core::{Context, Input, Instant, Limits, Output, Stamp, field};
use support::escape::escape;
use support::link::{Link, State};
use support::messages::{FAILED, HEAD, LIMITS, OK, chunked, content_of, echo, ok, post};
use support::script::{MakeScript, Script};

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
    let misuses: [(&str, MakeScript, String); 7] = [
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
fn an_exchange_is_forgotten_when_it_is_over_however_it_ends() {
    let abort = || {
        Script::new(|_, reply| reply.start(Status::OK, &[], Length::Unknown))
            .stream(|stream| stream.abort())
    };
    let receive = || Script::new(|_, reply| reply.receive()).content(|_, reply| reply.receive());
    let rows: [(&str, MakeScript, String); 5] = [
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
    let is_shutdown = |event: Event<'_>| matches!(event, Event::Shutdown);
    assert!(bench.step(&mut input, Outlook::Ended, is_shutdown));
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
