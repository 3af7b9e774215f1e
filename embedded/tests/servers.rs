//! Both drivers of a server, against a scripted peer in virtual time: each row is driven by one and by
//! the other, and comes to the same.

mod support;

use kinglet_core::http::TimeoutError;
use kinglet_core::http::server::Cause;
use kinglet_core::websocket::{self, deflate};
use kinglet_core::{Context, Limits, Stamp};
use kinglet_embedded::{Buffers, Memory, Notice, asynchronous, blocking};
use support::application::{App, STREAMED};
use support::{Act, World, line};

const LIMITS: Limits = Limits::MICROCONTROLLER;

/// What a connection came to.
#[derive(Debug, PartialEq)]
struct Outcome {
    cause: Option<Cause>,
    sent: String,
    /// From the beginning to the end, in milliseconds.
    lasted: u64,
    closed: Vec<u16>,
}

/// A peer that takes what it gets at once, or so much with each act that says so.
#[derive(Clone, Copy)]
struct Peer {
    capacity: usize,
    bite: usize,
}

const EAGER: Peer = Peer {
    capacity: usize::MAX,
    bite: usize::MAX,
};

/// Has both drivers serve `script`, and holds one against the other.
fn serve(peer: Peer, script: &[Act]) -> Outcome {
    let (mut near, far) = line(peer.capacity, peer.bite);
    let mut world = World::scripted(far, script.iter().cloned());
    let mut memory = Memory::<512, 768>::new();
    let mut context = Context::new(LIMITS, Stamp::EMPTY);
    let mut app = App::default();
    let begun = world.millis();
    let ended = blocking::serve(&mut near, &mut app, &mut context, memory.lend(), &mut world);
    let blocked = Outcome {
        cause: ended.ok(),
        sent: world.received(),
        lasted: world.millis() - begun,
        closed: app.closed.take(),
    };

    let (mut near, far) = line(peer.capacity, peer.bite);
    let world = World::scripted(far, script.iter().cloned());
    let mut memory = Memory::<512, 768>::new();
    let mut context = Context::new(LIMITS, Stamp::EMPTY);
    let mut app = App::default();
    let buffers = memory.lend();
    let serve = asynchronous::serve(&mut near, &mut app, &mut context, buffers, &world);
    let ended = world.run(serve);
    let awaited = Outcome {
        cause: ended.ok(),
        sent: world.received(),
        lasted: world.millis() - begun,
        closed: app.closed.take(),
    };
    assert_eq!(blocked, awaited, "{script:?}");
    blocked
}

fn send(bytes: impl AsRef<[u8]>) -> Act {
    Act::Send(bytes.as_ref().to_vec())
}

fn millis(duration: core::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn an_exchange_is_the_same_however_it_is_cut() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let expected = format!(
        "{HELLO}HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc{}",
        HELLO.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
    );
    for at in 0..=request.len() {
        let (start, end) = request.split_at(at);
        let ended = serve(EAGER, &[send(start), send(end), Act::Finish]);
        assert_eq!(ended.cause, Some(Cause::Agreed), "split at {at}");
        assert_eq!(
            ended.sent.replace(
                "Connection: close\r\nContent-Length: 5",
                "Content-Length: 5\r\nConnection: close"
            ),
            expected,
            "split at {at}"
        );
    }
    for bite in [1, 2, 7, 100] {
        let peer = Peer { bite, ..EAGER };
        let bytes = request.as_bytes().iter().map(|byte| send([*byte]));
        let ended = serve(peer, &bytes.chain([Act::Finish]).collect::<Vec<_>>());
        assert_eq!(ended.sent.len(), expected.len());
    }
}

#[test]
fn timeouts_pass_to_the_millisecond() {
    for (script, cause, lasted) in [
        (vec![], Cause::Idle, millis(LIMITS.idle_timeout)),
        (
            vec![send("GET / HT")],
            Cause::Failed(TimeoutError::Head.into()),
            // The answer, and then the peer has its time to close.
            millis(LIMITS.head_timeout) + millis(LIMITS.drain_timeout),
        ),
        (
            vec![send(
                "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
            )],
            Cause::Failed(TimeoutError::Content.into()),
            millis(LIMITS.rate_window) + millis(LIMITS.drain_timeout),
        ),
    ] {
        let ended = serve(EAGER, &script);
        assert_eq!(
            (ended.cause, ended.lasted),
            (Some(cause), lasted),
            "{script:?}"
        );
    }
}

#[test]
fn a_peer_that_takes_nothing_is_given_up_and_one_that_takes_little_is_not() {
    let peer = Peer {
        capacity: 256,
        bite: 64,
    };
    let request = send("GET /static HTTP/1.1\r\nHost: a\r\n\r\n");
    let ended = serve(peer, core::slice::from_ref(&request));
    assert_eq!(ended.cause, Some(Cause::Failed(TimeoutError::Send.into())));
    assert_eq!(ended.lasted, millis(LIMITS.rate_window));

    // 100 bytes a second, where 64 are asked for.
    let mut script = vec![request];
    for _ in 0..32 {
        script.extend([Act::Pass(1000), Act::Take(100)]);
    }
    let ended = serve(peer, &script);
    assert_eq!(ended.cause, Some(Cause::Idle));
    assert!(ended.sent.ends_with(&"x".repeat(3000)) && ended.lasted > 30_000);
}

#[test]
fn a_peer_that_takes_nothing_is_waited_for_while_a_beat_is_missed() {
    let peer = Peer {
        capacity: 256,
        bite: 64,
    };
    let request = send("GET /beats HTTP/1.1\r\nHost: a\r\n\r\n");
    let ended = serve(peer, &[request]);
    assert_eq!(ended.cause, Some(Cause::Failed(TimeoutError::Send.into())));
    assert_eq!(ended.lasted, millis(LIMITS.rate_window));
}

#[test]
fn a_stream_goes_on_as_there_is_room() {
    let request = "GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let peer = Peer {
        capacity: 300,
        bite: 300,
    };
    let taken = (0..200).map(|_| Act::Take(300));
    let script: Vec<Act> = [send(request)]
        .into_iter()
        .chain(taken)
        .chain([Act::Finish])
        .collect();
    let ended = serve(peer, &script);
    assert_eq!(ended.cause, Some(Cause::Agreed));
    assert_eq!(ended.sent.matches('z').count(), STREAMED);
}

#[test]
fn a_line_that_breaks_ends_the_connection() {
    let upgrade = "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let ended = serve(EAGER, &[send("GET / HTTP"), Act::Sever]);
    assert_eq!((ended.cause, ended.closed), (None, vec![]));
    // The application is told of the end of its WebSocket, once.
    let ended = serve(EAGER, &[send(upgrade), Act::Sever]);
    assert_eq!((ended.cause, ended.closed), (None, vec![1006]));
    let ended = serve(EAGER, &[send(upgrade), Act::Finish]);
    assert_eq!(ended.closed, [1006]);
    // Silence: a ping, no pong, the end.
    let ended = serve(EAGER, &[send(upgrade)]);
    let error = websocket::Error::Timeout(websocket::TimeoutError::Pong);
    assert_eq!(ended.cause, Some(Cause::WebSocket(error)));
    let patience = LIMITS.ping_interval + LIMITS.pong_timeout;
    assert_eq!((ended.lasted, ended.closed), (millis(patience), vec![1006]));
}

#[test]
fn a_peer_that_has_closed_its_side_gets_its_answer() {
    let ended = serve(
        EAGER,
        &[send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"), Act::Finish],
    );
    assert_eq!(ended.cause, Some(Cause::Peer));
    assert_eq!(ended.sent.matches('z').count(), STREAMED);
}

#[test]
fn a_drained_connection_ends() {
    let ended = serve(EAGER, &[Act::Tell(Notice::Drain), Act::Finish]);
    assert_eq!((ended.cause, ended.lasted), (Some(Cause::Agreed), 0));
    let request = send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let ended = serve(EAGER, &[request, Act::Tell(Notice::Drain), Act::Finish]);
    assert_eq!((ended.cause, ended.lasted), (Some(Cause::Agreed), 0));
}

/// A ticket is redeemed by the number of its connection and no other.
#[test]
fn a_ticket_brings_the_answer() {
    // The ticket that the application of a first connection gets, and that of a second.
    let mut tickets = Vec::new();
    for connection in 0..2 {
        let (mut near, far) = line(usize::MAX, usize::MAX);
        let request = send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut world = World::scripted(far, [request, Act::Pass(10), Act::Sever]);
        let mut memory = Memory::<512, 768>::new();
        let mut context = Context::new(LIMITS, Stamp::EMPTY);
        context.connection = connection;
        let mut app = App::default();
        let buffers = memory.lend();
        let _ = blocking::serve(&mut near, &mut app, &mut context, buffers, &mut world);
        tickets.push(app.ticket.expect("a ticket"));
    }
    let script = [
        send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"),
        Act::Pass(50),
        Act::Tell(Notice::Redeem(tickets[1])),
        Act::Pass(50),
        Act::Tell(Notice::Redeem(tickets[0])),
        Act::Finish,
    ];
    let ended = serve(EAGER, &script);
    assert_eq!(
        ended.sent,
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate"
    );
    assert_eq!(ended.lasted, 100);
}

#[test]
fn a_date_is_sent_where_it_is_known() {
    let (mut near, far) = line(usize::MAX, usize::MAX);
    let request = send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut world = World::scripted(far, [request, Act::Finish]);
    world.unix_seconds.set(Some(784_111_777));
    let mut memory = Memory::<512, 768>::new();
    let mut context = Context::new(LIMITS, Stamp::EMPTY);
    let buffers = memory.lend();
    blocking::serve(
        &mut near,
        &mut App::default(),
        &mut context,
        buffers,
        &mut world,
    )
    .unwrap();
    assert!(
        world
            .received()
            .contains("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n")
    );
    assert_eq!(near.flushes.get(), 1);
}

#[test]
fn compression_is_agreed_on_where_there_is_memory_for_it() {
    let upgrade = "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
    assert!(
        !serve(EAGER, &[send(upgrade), Act::Finish])
            .sent
            .contains("permessage")
    );

    let (mut near, far) = line(usize::MAX, usize::MAX);
    let mut world = World::scripted(far, [send(upgrade), Act::Finish]);
    let (mut input, mut output) = ([0; 512], [0; 768]);
    let mut inflater = deflate::Inflater::new([0; 1024]);
    let mut deflater = deflate::Deflater::new([0; 1024], [0; 512]);
    let buffers = Buffers::new(&mut input, &mut output).with_codecs(&mut inflater, &mut deflater);
    let mut context = Context::new(LIMITS, Stamp::EMPTY);
    blocking::serve(
        &mut near,
        &mut App::default(),
        &mut context,
        buffers,
        &mut world,
    )
    .unwrap();
    assert!(world.received().contains("permessage-deflate"));
}
