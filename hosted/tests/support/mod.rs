//! A server in this process and a plain client, for tests over real sockets.
//!
//! Nothing sleeps: a client waits in a read that has a deadline.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod secured;

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Instant;

use kinglet_core::http::server::Part;
use kinglet_core::http::{Handled, Length, Reply, Request, Status, Stream, Ticket};
use kinglet_core::{Application, Limits};
use kinglet_hosted::{Address, Handle, Options, Reason, Server};

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What is sent by `/static`, far more than any socket buffer holds.
pub(crate) static LARGE: [u8; 8 * 1024 * 1024] = [b'x'; 8 * 1024 * 1024];

/// The application of the tests.
#[derive(Debug, Default)]
pub(crate) struct Site {
    /// Where tickets of `/later` go.
    pub(crate) tickets: Option<Sender<Ticket>>,
}

/// What an exchange remembers.
#[derive(Debug, Default)]
pub(crate) enum Exchange {
    #[default]
    None,
    /// Counts what came.
    Upload(u64),
    /// Sends that many more bytes.
    Counting(u64),
    Echo,
    /// Sends a little and gives up.
    Cut,
    /// Sends all at once, without saying how much that is.
    Whole,
}

impl Application for Site {
    type Exchange = Exchange;

    fn request(
        &mut self,
        exchange: &mut Exchange,
        request: &Request<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        match request.path() {
            "/" => reply.send(Status::OK, &[], b"hello"),
            "/peer" => {
                let peer = kinglet_hosted::peer(reply.context()).expect("it is its turn");
                let text = peer.address.map(|address| address.to_string());
                reply.send(Status::OK, &[], text.unwrap_or_default().as_bytes())
            }
            "/static" => reply.send_static(Status::OK, &[], &LARGE),
            "/copied" => reply.send(Status::OK, &[], &LARGE[..1024 * 1024]),
            "/streamed" => {
                *exchange = Exchange::Counting(LARGE.len() as u64);
                reply.start(Status::OK, &[], Length::Exact(LARGE.len() as u64))
            }
            "/echo" => {
                *exchange = Exchange::Echo;
                reply.start(Status::OK, &[], Length::Unknown)
            }
            "/cut" => {
                *exchange = Exchange::Cut;
                reply.start(Status::OK, &[], Length::Unknown)
            }
            "/whole" => {
                *exchange = Exchange::Whole;
                reply.start(Status::OK, &[], Length::Unknown)
            }
            "/upload" => {
                *exchange = Exchange::Upload(0);
                reply.receive()
            }
            "/collect" => match request.content() {
                None => reply.collect(512 * 1024),
                Some(content) => reply.send(Status::OK, &[], content.len().to_string().as_bytes()),
            },
            "/later" => {
                let (ticket, handled) = reply.later();
                if let Some(tickets) = &self.tickets {
                    tickets.send(ticket).expect("the test listens");
                }
                handled
            }
            _ => reply.send(Status::NOT_FOUND, &[], b""),
        }
    }

    fn content(&mut self, exchange: &mut Exchange, part: Part<'_>, reply: Reply<'_>) -> Handled {
        match (exchange, part) {
            (Exchange::Upload(len), Part::Data(data)) => {
                *len += data.len() as u64;
                reply.receive()
            }
            (Exchange::Upload(len), Part::End(_)) => {
                reply.send(Status::OK, &[], len.to_string().as_bytes())
            }
            _ => reply.send(Status::INTERNAL_SERVER_ERROR, &[], b""),
        }
    }

    fn resume(&mut self, _: &mut Exchange, reply: Reply<'_>) -> Handled {
        reply.send(Status::OK, &[], b"resumed")
    }

    fn stream(&mut self, exchange: &mut Exchange, mut stream: Stream<'_>) -> Handled {
        match exchange {
            Exchange::Counting(left) => {
                let len = usize::try_from(*left).unwrap().min(LARGE.len());
                *left -= stream.write(&LARGE[..len]) as u64;
                if *left == 0 {
                    stream.finish()
                } else {
                    stream.more()
                }
            }
            Exchange::Echo => {
                let taken = stream.write(stream.content());
                stream.consume(taken);
                if stream.content_has_ended() {
                    stream.finish()
                } else {
                    stream.receive()
                }
            }
            Exchange::Whole => {
                stream.write_static(&LARGE);
                stream.finish()
            }
            Exchange::Cut if stream.write(b"part") > 0 => {
                *exchange = Exchange::None;
                stream.more()
            }
            Exchange::None | Exchange::Cut | Exchange::Upload(_) => stream.abort(),
        }
    }
}

/// A server that runs on threads of its own until it is drained.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) address: Address,
    pub(crate) handle: Handle,
    thread: JoinHandle<std::io::Result<()>>,
}

pub(crate) fn start(address: &str, options: Options, tickets: Option<Sender<Ticket>>) -> Running {
    let server = Server::bind(&address.parse().unwrap(), options).expect("it can listen");
    start_bound(server, tickets)
}

pub(crate) fn start_bound(server: Server, tickets: Option<Sender<Ticket>>) -> Running {
    start_with(server, move |_| Site {
        tickets: tickets.clone(),
    })
}

/// The same with another application.
pub(crate) fn start_with<A: Application>(
    server: Server,
    application: impl Fn(usize) -> A + Send + Sync + 'static,
) -> Running {
    let (address, handle) = (server.local_address().clone(), server.handle());
    let thread = std::thread::spawn(move || server.run(application));
    Running {
        address,
        handle,
        thread,
    }
}

impl Running {
    pub(crate) fn connect(&self) -> TcpStream {
        let Address::Tcp(address) = self.address else {
            panic!("not a TCP server")
        };
        connect(address)
    }

    /// Waits until it has counted `count` of them or more.
    pub(crate) fn await_refused(&self, reason: Reason, count: u64) {
        self.wait_until(|| self.handle.refused(reason) >= count, reason.name());
    }

    /// Waits until as many connections are open.
    pub(crate) fn await_connections(&self, count: usize) {
        self.wait_until(|| self.handle.connections() == count, "connections");
    }

    fn wait_until(&self, condition: impl Fn() -> bool, what: &str) {
        let started = Instant::now();
        while !condition() {
            assert!(started.elapsed() < PATIENCE, "{what}");
            std::thread::yield_now();
        }
    }

    /// Drains the server and waits for its end.
    pub(crate) fn finish(self) {
        self.handle.drain();
        self.join();
    }

    pub(crate) fn join(self) {
        self.thread.join().expect("no panic").expect("no error");
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect_timeout(&address, PATIENCE).expect("it listens");
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.set_write_timeout(Some(PATIENCE)).unwrap();
    client
}

/// Limits under which a slow peer is given up within a second.
pub(crate) fn impatient() -> Limits {
    Limits {
        head_timeout: Duration::from_millis(300),
        idle_timeout: Duration::from_millis(300),
        rate_window: Duration::from_millis(300),
        drain_timeout: Duration::from_millis(300),
        min_receive_rate: 4096,
        min_send_rate: 4096,
        ..Limits::SERVER
    }
}

/// Reads until the peer closes; a reset counts as that.
pub(crate) fn read_to_end(client: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    match client.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}"),
    }
    bytes
}

/// The head and the content of one response with `Content-Length`.
pub(crate) fn read_response(client: &mut impl Read) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).expect("a whole head");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let len = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "));
    let mut content = vec![0; len.map_or(0, |len| len.parse().unwrap())];
    client.read_exact(&mut content).expect("whole content");
    (head, content)
}

pub(crate) fn get(client: &mut (impl Read + Write), path: &str) -> (String, Vec<u8>) {
    write!(client, "GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    read_response(client)
}
