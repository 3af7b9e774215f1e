//! WebSockets over real sockets: messages from elsewhere, topics, slow peers, and ends.

mod support;

use core::num::NonZeroUsize;
use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use kinglet_core::http::{Handled, Reply, Request, Ticket};
use kinglet_core::websocket::{CloseCode, Closed, Part, Socket, Terms};
use kinglet_core::{Application, Limits};
use kinglet_hosted::{
    Address, Backend, Handle, Options, Received, Server, SlowReceiver, WebSocketClient,
    WebSocketOptions,
};
use support::{PATIENCE, connect};

/// What the application tells the test.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Opened(Ticket),
    Message(Vec<u8>),
    Closed(CloseCode),
}

/// Subscribes each WebSocket to the topic that is its path, and tells what happens.
struct Site {
    handle: Handle,
    told: Sender<Told>,
}

impl Application for Site {
    type Exchange = String;

    fn request(&mut self, topic: &mut String, request: &Request<'_>, reply: Reply<'_>) -> Handled {
        *topic = request.path().into();
        reply.websocket(request, &Terms::ANY)
    }

    fn opened(&mut self, topic: &mut String, socket: &mut Socket<'_>) {
        self.handle.subscribe(socket.ticket(), topic);
        let _ = self.told.send(Told::Opened(socket.ticket()));
    }

    fn message(&mut self, topic: &mut String, part: Part<'_>, socket: &mut Socket<'_>) {
        let Some(message) = part.whole() else {
            return;
        };
        match message.data() {
            b"leave" => self.handle.unsubscribe(socket.ticket(), topic),
            b"echo" => socket.send(message).expect("there is room"),
            _ => self
                .handle
                .publish_to_others(socket.ticket(), topic, message),
        }
        let _ = self.told.send(Told::Message(message.data().to_vec()));
    }

    fn closed(&mut self, _: &mut String, closed: Closed<'_>) {
        let _ = self.told.send(Told::Closed(closed.code()));
    }
}

struct Running {
    address: core::net::SocketAddr,
    handle: Handle,
    told: Receiver<Told>,
    thread: JoinHandle<std::io::Result<()>>,
}

impl Running {
    fn start(options: Options) -> Self {
        let server = Server::bind(&"127.0.0.1:0".parse().unwrap(), options).unwrap();
        let Address::Tcp(address) = server.local_address().clone() else {
            panic!("not TCP")
        };
        let (told, is_told) = channel();
        let handle = server.handle();
        let thread = std::thread::spawn(move || {
            let handle = server.handle();
            server.run(|_| Site {
                handle: handle.clone(),
                told: told.clone(),
            })
        });
        Self {
            address,
            handle,
            told: is_told,
            thread,
        }
    }

    /// An open WebSocket, and its ticket.
    fn open(&self, path: &str) -> (WebSocketClient, Ticket) {
        let stream = connect(self.address);
        let client =
            WebSocketClient::over(stream, "test", path, &WebSocketOptions::default()).unwrap();
        match self.next() {
            Told::Opened(ticket) => (client, ticket),
            other => panic!("{other:?}"),
        }
    }

    fn next(&self) -> Told {
        self.told.recv_timeout(PATIENCE).expect("it tells in time")
    }

    fn finish(self) {
        self.handle.drain();
        self.thread.join().unwrap().unwrap();
    }
}

fn options(threads: usize) -> Options {
    Options {
        threads: NonZeroUsize::new(threads).unwrap(),
        limits: Limits {
            drain_timeout: Duration::from_millis(300),
            close_timeout: Duration::from_millis(300),
            ..Limits::SERVER
        },
        ..Options::default()
    }
}

fn text(client: &mut WebSocketClient) -> String {
    match client.receive_for(PATIENCE).unwrap() {
        Some(Received::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn messages_go_out_from_any_thread() {
    for backend in [Backend::Native, Backend::Polling] {
        let server = Running::start(Options {
            backend,
            ..options(2)
        });
        let mut clients: Vec<_> = (0..6).map(|_| server.open("/")).collect();
        std::thread::scope(|scope| {
            for (_, ticket) in &clients {
                let handle = &server.handle;
                scope.spawn(move || {
                    for number in 0..100 {
                        handle.send(*ticket, number.to_string().as_str());
                    }
                });
            }
        });
        for (client, _) in &mut clients {
            for number in 0..100 {
                assert_eq!(text(client), number.to_string());
            }
        }
        drop(clients);
        server.finish();
    }
}

#[test]
fn a_topic_reaches_all_others_in_order_and_counts_them() {
    for threads in [1, 3] {
        let server = Running::start(options(threads));
        let mut clients: Vec<_> = (0..5).map(|_| server.open("/room").0).collect();
        let (mut stranger, _) = server.open("/other");
        while server.handle.subscribers("/room") < 5 {
            std::thread::yield_now();
        }
        assert_eq!(server.handle.subscribers("/nowhere"), 0);
        let (sender, others) = clients.split_first_mut().unwrap();
        for number in 0..200 {
            sender.send(number.to_string().as_str()).unwrap();
        }
        for client in others {
            for number in 0..200 {
                assert_eq!(text(client), number.to_string());
            }
        }
        // From outside, to all; the sender has got nothing of its own.
        server.handle.publish("/room", "to all");
        for client in &mut clients {
            assert_eq!(text(client), "to all");
        }
        assert_eq!(
            stranger.receive_for(Duration::from_millis(20)).unwrap(),
            None
        );

        for _ in 0..200 {
            assert!(matches!(server.next(), Told::Message(_)));
        }
        clients[1].send("leave").unwrap();
        assert_eq!(server.next(), Told::Message(b"leave".to_vec()));
        clients.pop();
        assert_eq!(server.next(), Told::Closed(CloseCode::ABNORMAL));
        while server.handle.subscribers("/room") > 3 {
            std::thread::yield_now();
        }
        drop((clients, stranger));
        server.finish();
    }
}

#[test]
fn what_one_turn_publishes_comes_with_what_it_says_in_order() {
    let server = Running::start(options(1));
    let (mut one, _) = server.open("/room");
    let (mut two, ticket) = server.open("/room");
    one.send("a").unwrap();
    assert_eq!(text(&mut two), "a");
    two.send("echo").unwrap();
    assert_eq!(text(&mut two), "echo");
    server.handle.send(ticket, "from outside");
    server.handle.publish("/room", "to all");
    assert_eq!(text(&mut two), "from outside");
    assert_eq!(text(&mut two), "to all");
    assert_eq!(text(&mut one), "to all");
    drop((one, two));
    server.finish();
}

/// A plain socket with an open WebSocket on it, which reads only when it is told to.
fn open_plain(server: &Running, path: &str) -> (TcpStream, Ticket) {
    let mut stream = connect(server.address);
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: t\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    match server.next() {
        Told::Opened(ticket) => (stream, ticket),
        other => panic!("{other:?}"),
    }
}

/// The next frame from a server: its first byte and its payload.
fn frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    let len = match head[1] {
        126 => {
            let mut len = [0; 2];
            stream.read_exact(&mut len).unwrap();
            u16::from_be_bytes(len).into()
        }
        127 => {
            let mut len = [0; 8];
            stream.read_exact(&mut len).unwrap();
            u64::from_be_bytes(len)
        }
        len => len.into(),
    };
    let mut payload = vec![0; usize::try_from(len).unwrap()];
    stream.read_exact(&mut payload).unwrap();
    (head[0], payload)
}

/// Messages that fill every buffer between the server and a peer that does not read.
fn fill(server: &Running, ticket: Ticket, bytes: usize) -> usize {
    let message = [b'x'; 32 * 1024];
    let count = bytes / message.len();
    for _ in 0..count {
        server.handle.send(ticket, &message[..]);
    }
    count
}

#[test]
fn a_peer_that_never_reads_is_closed_at_the_bound_and_others_are_not() {
    let server = Running::start(Options {
        max_backlog_len: 256 * 1024,
        ..options(1)
    });
    let (mut idle, ticket) = open_plain(&server, "/slow");
    let (mut other, _) = server.open("/room");
    fill(&server, ticket, 64 * 1024 * 1024);
    assert_eq!(server.next(), Told::Closed(CloseCode::POLICY_VIOLATION));
    other.send("echo").unwrap();
    assert_eq!(text(&mut other), "echo");
    // What was sent before, whole, and then the Close frame.
    loop {
        let (first, payload) = frame(&mut idle);
        if first == 0x88 {
            assert_eq!(payload, 1008_u16.to_be_bytes());
            break;
        }
        assert_eq!((first, payload.len()), (0x82, 32 * 1024));
    }
    drop((idle, other));
    server.finish();
}

#[test]
fn a_burst_past_the_bound_reaches_a_peer_that_reads() {
    let server = Running::start(Options {
        max_backlog_len: 64 * 1024,
        ..options(1)
    });
    let (mut reader, _) = server.open("/room");
    let (mut sender, _) = server.open("/room");
    // What one turn publishes is more than may wait, but it does not have to.
    let message = "x".repeat(1000);
    for _ in 0..50 {
        sender.send(message.as_str()).unwrap();
    }
    for _ in 0..50 {
        assert_eq!(text(&mut reader), message);
    }
    drop((reader, sender));
    server.finish();
}

#[test]
fn a_slow_receiver_may_miss_messages_instead() {
    let server = Running::start(Options {
        max_backlog_len: 256 * 1024,
        slow_receiver: SlowReceiver::Drop,
        ..options(1)
    });
    let (mut idle, ticket) = open_plain(&server, "/slow");
    let sent = fill(&server, ticket, 64 * 1024 * 1024);
    let (mut other, _) = server.open("/room");
    other.send("echo").unwrap();
    assert_eq!(text(&mut other), "echo");
    assert_eq!(server.next(), Told::Message(b"echo".to_vec()));
    // It reads again, misses the middle and gets what is sent from then on.
    let mut received = 0;
    idle.set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let mut bytes = vec![0; 1 << 20];
    loop {
        match idle.read(&mut bytes) {
            Ok(len) => received += len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    // Every frame has a header of 4 bytes.
    assert_eq!(received % (32 * 1024 + 4), 0);
    assert!(received / (32 * 1024 + 4) < sent);
    server.handle.send(ticket, "news");
    assert_eq!(frame(&mut idle), (0x81, b"news".to_vec()));
    drop((idle, other));
    server.finish();
}

#[test]
fn a_ping_is_answered_in_front_of_messages_that_wait() {
    let server = Running::start(Options {
        max_backlog_len: 64 * 1024 * 1024,
        ..options(1)
    });
    let (mut slow, ticket) = open_plain(&server, "/slow");
    let sent = fill(&server, ticket, 32 * 1024 * 1024);
    // An echo on another connection tells that all of it has been taken up.
    let (mut other, _) = server.open("/room");
    other.send("echo").unwrap();
    assert_eq!(text(&mut other), "echo");
    slow.write_all(&[0x89, 0x81, 0, 0, 0, 0, b'!']).unwrap();
    other.send("echo").unwrap();
    assert_eq!(text(&mut other), "echo");
    let (mut before, mut after) = (0, 0);
    let mut is_answered = false;
    while before + after < sent || !is_answered {
        match frame(&mut slow) {
            (0x8a, payload) => {
                assert_eq!(payload, b"!");
                is_answered = true;
            }
            (0x82, _) if is_answered => after += 1,
            (0x82, _) => before += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(after > sent / 2, "{before} before and {after} after");
    drop((slow, other));
    server.finish();
}

#[test]
fn a_drain_says_goodbye_and_waits_for_the_answer() {
    let server = Running::start(options(2));
    let mut clients: Vec<_> = (0..4).map(|_| server.open("/").0).collect();
    server.handle.drain();
    for client in &mut clients {
        match client.receive_for(PATIENCE).unwrap() {
            Some(Received::Closed { code, clean, .. }) => {
                assert_eq!((code, clean), (CloseCode::GOING_AWAY, true));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(client.receive().unwrap(), None);
        assert_eq!(server.next(), Told::Closed(CloseCode::GOING_AWAY));
    }
    server.thread.join().unwrap().unwrap();
}

#[test]
fn a_peer_that_never_says_goodbye_is_reset_when_the_drain_is_over() {
    let mut options = options(1);
    options.drain_timeout = Duration::from_millis(300);
    options.limits.close_timeout = Duration::from_secs(600);
    let server = Running::start(options);
    let (mut stream, _) = open_plain(&server, "/");
    server.handle.drain();
    let going_away = 1001_u16.to_be_bytes().to_vec();
    assert_eq!(frame(&mut stream), (0x88, going_away));
    let error = stream.read(&mut [0]).expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    server.thread.join().unwrap().unwrap();
}

#[test]
fn every_reset_is_told_once_and_leaves_nothing() {
    let server = Running::start(options(1));
    let whole = [0x81, 0x84, 0, 0, 0, 0, b'e', b'c', b'h', b'o'];
    for len in 0..=whole.len() {
        let (mut stream, _) = open_plain(&server, "/room");
        stream.write_all(&whole[..len]).unwrap();
        if len == whole.len() {
            assert_eq!(server.next(), Told::Message(b"echo".to_vec()));
        }
        rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
        drop(stream);
        assert_eq!(server.next(), Told::Closed(CloseCode::ABNORMAL));
    }
    while server.handle.subscribers("/room") > 0 {
        std::thread::yield_now();
    }
    server.finish();
}

#[test]
fn a_half_open_peer_is_found_by_a_ping() {
    let server = Running::start(Options {
        limits: Limits {
            ping_interval: Duration::from_millis(50),
            pong_timeout: Duration::from_millis(50),
            ..options(1).limits
        },
        ..options(1)
    });
    // One that answers stays; one that does not, though it takes all that comes, goes.
    let (mut live, _) = server.open("/room");
    let (mut dead, _) = open_plain(&server, "/room");
    assert_eq!(frame(&mut dead), (0x89, vec![]));
    let end = std::time::Instant::now() + Duration::from_millis(400);
    while std::time::Instant::now() < end {
        assert_eq!(live.receive_for(Duration::from_millis(10)).unwrap(), None);
    }
    assert_eq!(server.next(), Told::Closed(CloseCode::ABNORMAL));
    live.send("echo").unwrap();
    assert_eq!(text(&mut live), "echo");
    drop((live, dead));
    server.finish();
}
