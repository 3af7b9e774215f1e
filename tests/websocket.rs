//! A WebSocket in virtual time: deadlines, room, tickets, and its end by either side.

mod support;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use kinglet_core::http::server::Cause;
use kinglet_core::http::{Handled, Reply, Request, Ticket};
use kinglet_core::websocket::{
    CloseCode, Closed, Connection, Error, Event, LimitError, Part, Rest, Role, SendError, Socket,
    Terms, TimeoutError,
};
use kinglet_core::window::{Outlook, Queue};
use kinglet_core::{Application, Context, Input, Instant, Limits, Output, Stamp};
use support::frames::{self, Masking, masked};
use support::link::{Link, State};

const LIMITS: Limits = Limits {
    min_room: 256,
    ping_interval: Duration::from_secs(30),
    pong_timeout: Duration::from_secs(10),
    close_timeout: Duration::from_secs(4),
    drain_timeout: Duration::from_secs(5),
    rate_window: Duration::from_secs(8),
    min_send_rate: 100,
    ..Limits::SERVER
};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

type Call = Box<dyn FnMut(&mut Socket<'_>)>;
type OnMessage = Box<dyn FnMut(Part<'_>, &mut Socket<'_>)>;

/// An application that is told what to do with its socket.
#[derive(Default)]
struct Script {
    opened: Option<Call>,
    message: Option<OnMessage>,
    ready: Option<Call>,
    ends: Vec<(CloseCode, bool, Option<Error>)>,
}

impl Application for Script {
    type Exchange = ();

    fn request(&mut self, (): &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
        reply.websocket(request, &Terms::ANY)
    }

    fn opened(&mut self, (): &mut (), socket: &mut Socket<'_>) {
        if let Some(opened) = &mut self.opened {
            opened(socket);
        }
    }

    fn message(&mut self, (): &mut (), part: Part<'_>, socket: &mut Socket<'_>) {
        if let Some(message) = &mut self.message {
            message(part, socket);
        }
    }

    fn ready(&mut self, (): &mut (), socket: &mut Socket<'_>) {
        if let Some(ready) = &mut self.ready {
            ready(socket);
        }
    }

    fn closed(&mut self, (): &mut (), closed: Closed<'_>) {
        self.ends
            .push((closed.code(), closed.is_clean(), closed.error()));
    }
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// An open WebSocket, from an instant on.
fn open_at(script: Script, now: Instant) -> Link<Script> {
    let mut link = Link::with_buffers(script, LIMITS, 4096, 1024).open(now);
    link.send(REQUEST);
    let answer = link.received();
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
    link
}

fn open(script: Script) -> Link<Script> {
    open_at(script, Instant::from_millis(0))
}

/// Clocks at their origin, and one that wraps while the test runs.
fn starts() -> [Instant; 2] {
    [0, 0xffff_ffff - 20_000].map(Instant::from_millis)
}

fn sent(line: &str) -> Vec<u8> {
    frames::bytes(line, Masking::Plain).expect("a frame")
}

fn failed(error: impl Into<Error>) -> State {
    State::Closed(Cause::WebSocket(error.into()))
}

#[test]
fn a_ping_is_sent_into_silence_and_its_pong_awaited() {
    for now in starts() {
        let mut link = open_at(Script::default(), now);
        link.pass(30 * SECOND - MILLISECOND);
        assert_eq!(link.received(), b"");
        link.pass(MILLISECOND);
        assert_eq!(link.received(), sent("ping"));
        link.pass(9 * SECOND);
        link.send(masked(0x8a, b""));
        link.pass(30 * SECOND);
        assert_eq!(link.received(), sent("ping"));
        link.pass(10 * SECOND - MILLISECOND);
        assert_eq!(link.state, State::Receiving);
        link.pass(MILLISECOND);
        assert_eq!(link.state, failed(TimeoutError::Pong));
        let error = Error::Timeout(TimeoutError::Pong);
        let end = (CloseCode::ABNORMAL, false, Some(error));
        assert_eq!(link.application.ends, [end]);
    }
}

#[test]
fn any_byte_is_a_sign_of_life() {
    let mut link = open(Script::default());
    // Half a header, half a payload, a byte at a time.
    for byte in masked(0x82, &[7; 60]) {
        link.pass(29 * SECOND);
        link.send([byte]);
    }
    assert_eq!(link.received(), b"");
    // While a pong is awaited, too.
    link.pass(30 * SECOND);
    assert_eq!(link.received(), sent("ping"));
    link.send([0x81]);
    link.pass(29 * SECOND);
    assert_eq!((link.received(), link.state), (vec![], State::Receiving));
}

#[test]
fn our_close_frame_is_answered_in_time_or_the_connection_ends() {
    for now in starts() {
        let script = Script {
            opened: Some(Box::new(|socket| {
                socket.close(CloseCode::NORMAL, "enough").unwrap();
                assert_eq!(socket.send("more"), Err(SendError::Closing));
                assert_eq!(socket.ping(b""), Err(SendError::Closing));
                assert_eq!(socket.close(CloseCode::NORMAL, ""), Err(SendError::Closing));
            })),
            ..Script::default()
        };
        let mut link = Link::with_buffers(script, LIMITS, 4096, 1024).open(now);
        link.send(REQUEST);
        assert!(link.received().ends_with(&sent("close 1000 \"enough\"")));
        // Life is no answer.
        for _ in 0..3 {
            link.pass(SECOND);
            link.send(masked(0x81, b"x"));
        }
        link.pass(SECOND - MILLISECOND);
        assert_eq!(link.state, State::Receiving);
        link.pass(MILLISECOND);
        assert_eq!(link.state, failed(TimeoutError::Close));
        assert_eq!(link.application.ends.len(), 1);
        assert_eq!(link.application.ends[0].0, CloseCode::ABNORMAL);
    }
}

#[test]
fn the_end_lingers_for_the_peer_to_close() {
    let mut link = open(Script::default());
    link.send(masked(0x88, &1000_u16.to_be_bytes()));
    assert_eq!(
        (link.received(), link.state),
        (sent("close 1000"), State::Shut)
    );
    assert_eq!(link.application.ends, [(CloseCode::NORMAL, true, None)]);
    // What still comes is dropped, and does not put it off.
    link.pass(4 * SECOND);
    link.send("whatever");
    link.pass(SECOND - MILLISECOND);
    assert_eq!(link.state, State::Shut);
    link.pass(MILLISECOND);
    assert_eq!(link.state, State::Closed(Cause::Agreed));

    let mut link = open(Script::default());
    link.send(masked(0x88, &1000_u16.to_be_bytes()));
    link.finish();
    assert_eq!(link.state, State::Closed(Cause::Agreed));
    assert_eq!(link.application.ends.len(), 1);
}

#[test]
fn every_end_is_told_once() {
    // Lost while it is open, and while either Close frame is out.
    for bytes in [vec![], masked(0x81, b"bye"), masked(0x88, b"")] {
        let script = Script {
            message: Some(Box::new(|_, socket| {
                socket.close(CloseCode::NORMAL, "").unwrap();
            })),
            ..Script::default()
        };
        let mut link = open(script);
        link.send(&bytes);
        link.lose();
        link.lose();
        assert_eq!(link.application.ends.len(), 1, "{bytes:x?}");
    }
    // A connection that never became a WebSocket has none.
    let mut link = Link::with_buffers(Script::default(), LIMITS, 4096, 1024);
    link.send("GET / HTTP/1.1\r\n");
    link.lose();
    assert!(link.application.ends.is_empty());
}

#[test]
fn a_drain_says_that_we_go_away() {
    let mut link = open(Script::default());
    link.send(masked(0x01, b"unfinished"));
    link.drain();
    assert_eq!(link.received(), sent("close 1001"));
    link.send(masked(0x88, &1001_u16.to_be_bytes()));
    assert_eq!((link.received(), link.state), (vec![], State::Shut));
    assert_eq!(link.application.ends, [(CloseCode::GOING_AWAY, true, None)]);
    link.finish();
    assert_eq!(link.state, State::Closed(Cause::Agreed));
}

#[test]
fn a_peer_that_takes_too_little_is_given_up() {
    let script = Script {
        message: Some(Box::new(|part, socket| socket.forward(part).unwrap())),
        ..Script::default()
    };
    let mut link = open(script);
    link.take(0);
    link.send(masked(0x82, &[1; 100]));
    link.pass(8 * SECOND - MILLISECOND);
    assert_eq!(link.state, State::Receiving);
    link.pass(MILLISECOND);
    assert_eq!(link.state, failed(TimeoutError::Send));
}

#[test]
fn a_peer_that_reads_nothing_has_nothing_read() {
    let script = Script {
        message: Some(Box::new(|part, socket| {
            socket.forward(part).expect("there is room for an echo");
        })),
        ..Script::default()
    };
    let mut link = open(script);
    link.take(0);
    let frame = masked(0x82, &[1; 100]);
    for _ in 0..100 {
        link.send(&frame);
    }
    // The room is for nine answers, less what is to be left free.
    assert!(link.unread() > 91 * frame.len());
    let mut answers = Vec::new();
    link.bite(10, &mut answers);
    assert_eq!(answers, frames::frame(0x82, 0, None, &[1; 100]).repeat(100));
}

#[test]
fn pings_are_answered_while_there_is_no_room_for_messages() {
    let script = Script {
        opened: Some(Box::new(|socket| socket.send(&[0; 700]).unwrap())),
        message: Some(Box::new(|part, socket| socket.forward(part).unwrap())),
        ..Script::default()
    };
    let mut link = Link::with_buffers(script, LIMITS, 4096, 1024).open(Instant::from_millis(0));
    link.take(0);
    link.send(REQUEST);
    let was_unread = link.unread();
    // 300 bytes are left: less than a message may need, more than a control frame does.
    link.send(masked(0x89, b"ping"));
    assert_eq!(link.unread(), was_unread);
    link.send(masked(0x82, b"message"));
    assert!(link.unread() > was_unread);
}

#[test]
fn a_ping_flood_is_answered_as_fast_as_it_is_read() {
    let mut link = open(Script::default());
    link.take(0);
    let flood = masked(0x89, &[7; 125]).repeat(1000);
    link.send(&flood);
    assert!(link.unread() > flood.len() - 10 * 131);
    let mut pongs = Vec::new();
    link.bite(1 << 20, &mut pongs);
    assert_eq!(pongs, frames::frame(0x8a, 0, None, &[7; 125]).repeat(1000));
}

#[test]
fn a_source_is_asked_for_more_when_all_has_left() {
    let count = Rc::new(RefCell::new(0));
    let counted = Rc::clone(&count);
    let fill = move |socket: &mut Socket<'_>| {
        while *counted.borrow() < 1000 {
            match socket.send(&[7; 50]) {
                Ok(()) => *counted.borrow_mut() += 1,
                Err(SendError::Full) => return socket.notify(),
                Err(error) => panic!("{error}"),
            }
        }
    };
    let script = Script {
        opened: Some(Box::new(fill.clone())),
        ready: Some(Box::new(fill)),
        ..Script::default()
    };
    let mut link = Link::with_buffers(script, LIMITS, 4096, 1024);
    link.take(200);
    link.send(REQUEST);
    let sent_so_far = *count.borrow();
    assert!(sent_so_far < 20);
    let mut received = link.received();
    link.bite(100, &mut received);
    assert_eq!(*count.borrow(), 1000);
    let frames = frames::frame(0x82, 0, None, &[7; 50]).repeat(1000);
    assert!(received.ends_with(&frames));
    assert_eq!(link.state, State::Receiving);
}

#[test]
fn a_ticket_has_the_application_called_while_the_websocket_is_open() {
    let ticket: Rc<RefCell<Option<Ticket>>> = Rc::default();
    let given = Rc::clone(&ticket);
    let script = Script {
        opened: Some(Box::new(move |socket| {
            *given.borrow_mut() = Some(socket.ticket());
        })),
        ready: Some(Box::new(|socket| socket.send("called").unwrap())),
        ..Script::default()
    };
    let mut link = open(script);
    let ticket = ticket.borrow().expect("a ticket");
    assert!(link.redeem(ticket));
    assert_eq!(link.received(), sent("text \"called\""));
    // Within a message from the peer, too.
    link.send(&masked(0x82, &[0; 30])[..20]);
    assert!(link.redeem(ticket));
    assert_eq!(link.received(), sent("text \"called\""));
    link.send(&masked(0x82, &[0; 30])[20..]);
    link.send(masked(0x88, b""));
    assert!(!link.redeem(ticket));
}

#[test]
fn news_are_sent_at_intervals_beside_pings() {
    for now in starts() {
        let every_seven_seconds = |socket: &mut Socket<'_>| {
            let next = socket.context().now.after(7 * SECOND);
            socket.notify_at(next);
        };
        let script = Script {
            opened: Some(Box::new(every_seven_seconds)),
            ready: Some(Box::new(move |socket| {
                socket.send("news").unwrap();
                every_seven_seconds(socket);
            })),
            ..Script::default()
        };
        let mut link = open_at(script, now);
        for _ in 0..4 {
            assert_eq!(link.patience(), Some(7 * SECOND));
            link.pass(7 * SECOND - MILLISECOND);
            assert_eq!(link.received(), b"");
            link.pass(MILLISECOND);
            assert_eq!(link.received(), sent("text \"news\""));
        }
        // What is sent is no sign of the peer's life.
        link.pass(2 * SECOND);
        assert_eq!(link.received(), sent("ping"));
        // In the middle of a message from the peer, too.
        link.send(&masked(0x82, &[0; 30])[..20]);
        link.pass(5 * SECOND);
        assert_eq!(link.received(), sent("text \"news\""));
        // After the closing handshake nobody is called, and nothing but the end is due.
        link.send(&masked(0x82, &[0; 30])[20..]);
        link.send(masked(0x88, b""));
        assert_eq!(link.received(), sent("close"));
        assert_eq!(link.patience(), Some(LIMITS.drain_timeout));
    }
}

#[test]
fn news_that_there_is_no_room_for_are_sent_when_all_else_has_left() {
    let script = Script {
        opened: Some(Box::new(|socket| {
            socket.notify_at(socket.context().now.after(SECOND));
        })),
        // So much that the next message stays in the input.
        message: Some(Box::new(|_, socket| socket.send(&[1; 900]).unwrap())),
        ready: Some(Box::new(|socket| socket.send("news").unwrap())),
        ..Script::default()
    };
    let mut link = open(script);
    link.take(0);
    link.send(masked(0x82, b"one"));
    link.send(masked(0x82, b"two"));
    assert_eq!(link.state, State::Sending);
    link.pass(2 * SECOND);
    assert_eq!((link.received(), link.state), (vec![], State::Sending));
    link.take(usize::MAX);
    let received = link.received();
    assert_eq!(received.len(), 2 * 904 + 6);
    assert!(received.ends_with(&sent("text \"news\"")));
}

#[test]
fn an_instant_that_has_been_reached_is_the_next_one() {
    let script = Script {
        opened: Some(Box::new(|socket| socket.notify_at(socket.context().now))),
        ready: Some(Box::new(|socket| socket.send("called").unwrap())),
        ..Script::default()
    };
    let mut link = open(script);
    assert_eq!(link.received(), b"");
    link.pass(MILLISECOND);
    assert_eq!(link.received(), sent("text \"called\""));
    link.pass(5 * SECOND);
    assert_eq!(link.received(), b"", "once");
}

#[test]
fn a_message_of_unknown_length_is_sent_in_fragments() {
    let script = Script {
        opened: Some(Box::new(|socket| {
            socket.fragment("be", Rest::More).unwrap();
            assert_eq!(socket.send("x"), Err(SendError::InMessage));
            assert_eq!(
                socket.fragment(&[0; 1], Rest::More),
                Err(SendError::InMessage)
            );
            socket.ping(b"between").unwrap();
            socket.fragment("gin", Rest::More).unwrap();
            socket.fragment("", Rest::None).unwrap();
            socket.send(&[1; 2]).unwrap();
        })),
        ..Script::default()
    };
    let mut link = Link::with_buffers(script, LIMITS, 4096, 1024);
    link.send(REQUEST);
    let expected = [
        "more text \"be\"",
        "ping \"between\"",
        "more continuation \"gin\"",
        "continuation",
        "binary \"\\x01\\x01\"",
    ];
    assert!(link.received().ends_with(&expected.map(sent).concat()));
}

#[test]
fn what_cannot_be_sent_is_refused_and_leaves_no_trace() {
    let script = Script {
        opened: Some(Box::new(|socket| {
            assert_eq!(socket.send(&[0; 2000]), Err(SendError::Full));
            assert_eq!(socket.ping(&[0; 126]), Err(SendError::ControlTooLong));
            assert_eq!(
                socket.close(CloseCode::NO_STATUS, ""),
                Err(SendError::InvalidCloseCode)
            );
            socket.send("fits").unwrap();
        })),
        ready: Some(Box::new(|socket| {
            assert_eq!(socket.send(&[0; 2000]), Err(SendError::TooLong));
        })),
        ..Script::default()
    };
    let mut link = Link::with_buffers(script, LIMITS, 4096, 1024);
    link.send(REQUEST);
    assert!(link.received().ends_with(&sent("text \"fits\"")));
    link.application.message = Some(Box::new(|_, socket| {
        assert_eq!(socket.send(&[0; 2000]), Err(SendError::TooLong));
    }));
    link.send(masked(0x81, b"x"));
    assert_eq!((link.received(), link.state), (vec![], State::Receiving));
}

#[test]
fn a_long_message_passes_small_buffers() {
    let total = Rc::new(RefCell::new(0));
    let counted = Rc::clone(&total);
    let script = Script {
        message: Some(Box::new(move |part, socket| {
            *counted.borrow_mut() += part.data().len();
            socket.forward(part).expect("a part can be sent again");
        })),
        ..Script::default()
    };
    let mut link = Link::with_buffers(script, LIMITS, 512, 512);
    link.send(REQUEST);
    link.received();
    const LEN: usize = 16 << 20;
    link.send([0x82, 0x80 | 127]);
    link.send((LEN as u64).to_be_bytes());
    link.send([0; 4]);
    let block = [b'x'; 64 << 10];
    let mut received = 0;
    for _ in 0..LEN / block.len() {
        link.send(block);
        received += link.received().len();
    }
    assert_eq!(*total.borrow(), LEN);
    assert!(received > LEN && received < LEN + LEN / 20);
}

#[test]
fn a_million_empty_fragments_end_at_the_bound() {
    let mut link = open(Script::default());
    link.send(masked(0x02, b""));
    let fragments = masked(0x00, b"").repeat(1000);
    for _ in 0..1000 {
        if link.state != State::Receiving {
            break;
        }
        link.send(&fragments);
    }
    assert_eq!(link.received(), sent("close 1008"));
    let error = Error::Limit(LimitError::TooManyFragments);
    let end = (CloseCode::POLICY_VIOLATION, false, Some(error));
    assert_eq!(link.application.ends, [end]);
}

#[test]
fn a_window_too_small_for_a_control_frame_fails_the_connection() {
    let context = Context::new(LIMITS, Stamp::EMPTY);
    let mut connection = Connection::new(Role::Server, None);
    let mut window = masked(0x89, &[0; 125]);
    window.truncate(100);
    let (mut room, mut queue) = ([0; 512], Queue::new());
    let mut input = Input::new(&mut window, Outlook::Full);
    let mut output = Output::new(&mut room, &mut queue);
    let Event::Closed(closed) = connection.step(&context, &mut input, &mut output) else {
        panic!("it is not closed");
    };
    assert_eq!(closed.code(), CloseCode::INTERNAL_ERROR);
    assert_eq!(closed.error(), Some(LimitError::WindowTooSmall.into()));
}

#[test]
fn a_client_masks_what_it_sends_and_takes_nothing_masked() {
    let mut context = Context::new(LIMITS, Stamp::EMPTY);
    context.random = || frames::KEY;
    let (mut room, mut queue) = ([0; 512], Queue::new());
    let mut connection = Connection::new(Role::Client, None);
    let mut said = [sent("text \"hi\""), sent("ping \"1\""), masked(0x82, b"x")].concat();
    let mut input = Input::new(&mut said, Outlook::More);
    let mut ends = 0;
    loop {
        let mut output = Output::new(&mut room, &mut queue);
        match connection.step(&context, &mut input, &mut output) {
            Event::Part(part, mut socket) => {
                assert_eq!(part.data(), b"hi");
                socket.forward(part).unwrap();
                socket.fragment(&[9; 3], Rest::More).unwrap();
            }
            Event::Closed(closed) => {
                assert_eq!(closed.code(), CloseCode::PROTOCOL_ERROR);
                ends += 1;
            }
            Event::Shutdown => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ends, 1);
    let expected = [
        masked(0x81, b"hi"),
        masked(0x02, &[9; 3]),
        masked(0x8a, b"1"),
        masked(0x88, &1002_u16.to_be_bytes()),
    ];
    let sent: Vec<u8> = queue.slices(&room).flatten().copied().collect();
    assert_eq!(sent, expected.concat());
}
