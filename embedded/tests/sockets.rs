//! The drivers over real sockets and other people's implementations of the traits: a blocking
//! `TcpStream`, and tokio's by `embedded-io-adapters`; against kinglet-hosted, as server and as client.

mod support;

use core::future::pending;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time;

use embedded_io_adapters::tokio_1::FromTokio;
use kinglet_core::http::client::Request;
use kinglet_core::http::{Length, Method};
use kinglet_core::websocket::{CloseCode, Message, Opening, Rest};
use kinglet_core::{Context, Instant, Limits, Stamp};
use kinglet_embedded::{Buffers, Memory, Received, asynchronous, blocking};
use kinglet_hosted::{Address, Handle, Options, Server, WebSocketClient, WebSocketOptions};
use support::application::{App, LONG, STREAMED};

const MEBIBYTE: usize = 1024 * 1024;

/// A blocking `TcpStream` that says whether it is ready.
#[derive(Debug)]
struct Socket(TcpStream);

impl Socket {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self(stream))
    }
}

impl embedded_io::ErrorType for Socket {
    type Error = io::Error;
}

impl embedded_io::Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl embedded_io::ReadReady for Socket {
    fn read_ready(&mut self) -> io::Result<bool> {
        match self.0.peek(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            other => other.map(|_| true),
        }
    }
}

impl embedded_io::Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The standard library does not say whether there is room: it waits instead.
        self.0.set_nonblocking(false)?;
        let written = self.0.write(bytes);
        self.0.set_nonblocking(true)?;
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl embedded_io::WriteReady for Socket {
    fn write_ready(&mut self) -> io::Result<bool> {
        Ok(true)
    }
}

/// The system's clock and its patience.
#[derive(Clone, Copy, Debug)]
struct Host(time::Instant);

impl Host {
    fn new() -> Self {
        Self(time::Instant::now())
    }

    fn instant(&self) -> Instant {
        Instant::from_millis(u64::try_from(self.0.elapsed().as_millis()).unwrap())
    }
}

impl blocking::Platform<Socket> for Host {
    fn now(&mut self) -> Instant {
        self.instant()
    }

    fn idle(&mut self, socket: &mut Socket, until: Option<Instant>) {
        let left = until.map_or(Duration::MAX, |until| self.instant().until(until));
        let patience = left.clamp(Duration::from_millis(1), Duration::from_millis(100));
        let _ = socket.0.set_read_timeout(Some(patience));
        let _ = socket.0.set_nonblocking(false);
        let _ = socket.0.peek(&mut [0]);
        let _ = socket.0.set_nonblocking(true);
    }

    fn close_sending(&mut self, socket: &mut Socket) -> io::Result<()> {
        socket.0.shutdown(Shutdown::Write)
    }
}

type TokioSocket = FromTokio<tokio::net::TcpStream>;

impl asynchronous::Platform<TokioSocket> for Host {
    fn now(&self) -> Instant {
        self.instant()
    }

    async fn wait_until(&self, at: Instant) {
        let left = self.instant().until(at);
        let _ = tokio::time::timeout(left, pending::<()>()).await;
    }

    async fn close_sending(&self, socket: &mut TokioSocket) -> io::Result<()> {
        tokio::io::AsyncWriteExt::shutdown(socket.inner_mut()).await
    }
}

/// Runs `client` against a hosted server.
fn with_hosted_server(client: impl FnOnce(SocketAddr)) {
    let any = "127.0.0.1:0".parse().unwrap();
    let server = Server::bind(&any, Options::default()).unwrap();
    let Address::Tcp(address) = *server.local_address() else {
        panic!("no TCP address");
    };
    let handle = server.handle();
    thread::scope(|scope| {
        scope.spawn(|| server.run(|_| App::default()).unwrap());
        let _drains = Drains(handle);
        client(address);
    });
}

/// Drains a server, also when a test fails.
struct Drains(Handle);

impl Drop for Drains {
    fn drop(&mut self) {
        self.0.drain();
    }
}

fn in_tokio<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

fn rows(long: &[u8]) -> [(Request<'static>, &[u8], Vec<u8>); 6] {
    let post = |target, length| Request {
        method: Method::Post,
        content: Some(length),
        ..Request::get(target, "localhost")
    };
    let len = long.len() as u64;
    let counted = format!("{len} 0").into_bytes();
    [
        (Request::get("/", "localhost"), &[], b"hello".to_vec()),
        (Request::get("/static", "localhost"), &[], LONG.to_vec()),
        (
            Request::get("/stream", "localhost"),
            &[],
            vec![b'z'; STREAMED],
        ),
        (post("/echo", Length::Exact(3)), b"abc", b"abc".to_vec()),
        (post("/upload", Length::Exact(len)), long, counted.clone()),
        (post("/upload", Length::Unknown), long, counted),
    ]
}

#[test]
fn a_blocking_client_and_a_hosted_server() {
    let long = vec![b'u'; MEBIBYTE];
    with_hosted_server(|address| {
        let socket = Socket::new(TcpStream::connect(address).unwrap()).unwrap();
        let mut memory = Memory::<1024, 1024>::new();
        let mut client = blocking::Http::new(socket, Host::new(), memory.lend(), Limits::SERVER);
        for (request, content, expected) in rows(&long) {
            let response = client.ask(&request, content).unwrap();
            assert_eq!(response.status().code(), 200);
            let mut came = Vec::new();
            while let Some(data) = client.read().unwrap() {
                came.extend_from_slice(data);
            }
            assert!(came == expected, "{}", request.target);
        }
    });
}

#[test]
fn an_asynchronous_client_and_a_hosted_server() {
    let long = vec![b'u'; MEBIBYTE];
    with_hosted_server(|address| {
        in_tokio(async {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let mut memory = Memory::<1024, 1024>::new();
            let (socket, host) = (FromTokio::new(stream), Host::new());
            let mut client = asynchronous::Http::new(socket, host, memory.lend(), Limits::SERVER);
            for (request, content, expected) in rows(&long) {
                let response = client.ask(&request, content).await.unwrap();
                assert_eq!(response.status().code(), 200);
                let mut came = Vec::new();
                while let Some(data) = client.read().await.unwrap() {
                    came.extend_from_slice(data);
                }
                assert!(came == expected, "{}", request.target);
            }
        });
    });
}

fn opening() -> Opening<'static> {
    Opening::new("/socket", "localhost", *b"sixteen bytes ok")
}

fn random() -> [u8; 4] {
    [9, 8, 7, 6]
}

#[test]
fn a_mebibyte_of_websocket_and_a_hosted_server() {
    with_hosted_server(|address| {
        let socket = Socket::new(TcpStream::connect(address).unwrap()).unwrap();
        let mut memory = Memory::<1024, 1024>::new();
        let (buffers, limits) = (memory.lend(), Limits::SERVER);
        let opened = blocking::WebSocket::open(
            socket,
            Host::new(),
            buffers,
            limits,
            opening(),
            random,
            None,
        );
        let (mut client, _) = opened.unwrap();
        let (part, mut sent, mut came, mut is_whole) = ([b'm'; 1000], 0, 0, false);
        while !is_whole {
            if sent < MEBIBYTE {
                let len = part.len().min(MEBIBYTE - sent);
                sent += len;
                let rest = if sent == MEBIBYTE {
                    Rest::None
                } else {
                    Rest::More
                };
                client.fragment(&part[..len], rest).unwrap();
            }
            while came < sent || (sent == MEBIBYTE && !is_whole) {
                let received = client.receive_part(None, |part, _| {
                    came += part.data().len();
                    is_whole = part.place().is_last();
                });
                assert_eq!(received.unwrap(), Received::Message(()));
            }
        }
        assert_eq!(came, MEBIBYTE);
        client.close(CloseCode::NORMAL, "").unwrap();
        let end = client.receive(&mut [], None).unwrap();
        assert!(matches!(end, Received::Closed(close) if close.is_clean()));
    });
    with_hosted_server(|address| {
        in_tokio(async {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let (mut input, mut output) = ([0; 1024], [0; 1024]);
            let opened = asynchronous::WebSocket::open(
                FromTokio::new(stream),
                Host::new(),
                Buffers::new(&mut input, &mut output),
                Limits::SERVER,
                opening(),
                random,
                None,
            );
            let (mut client, _) = opened.await.unwrap();
            let (message, mut into) = (vec![b'n'; 20_000], vec![0; 20_000]);
            for _ in 0..5 {
                client.send(message.as_slice()).await.unwrap();
                let echo = client.receive(&mut into, None).await.unwrap();
                assert!(echo == Received::Message(Message::binary(&message)));
            }
            let soon = Some(Instant::from_millis(0));
            let nothing = client.receive(&mut into, soon).await.unwrap();
            assert_eq!(nothing, Received::Nothing);
        });
    });
}

/// A client of another make says this to a server of ours.
fn converse(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer.matches('z').count(), STREAMED);
    drop(stream);

    let url = format!("ws://{address}/socket");
    let mut client = WebSocketClient::connect(&url, &WebSocketOptions::default()).unwrap();
    let message = vec![b'w'; 100_000];
    for _ in 0..3 {
        client.send(message.as_slice()).unwrap();
        let echo = client.receive().unwrap();
        assert!(echo == Some(kinglet_hosted::Received::Binary(message.clone())));
    }
    client.close(CloseCode::NORMAL, "").unwrap();
    let end = client.receive().unwrap();
    assert!(matches!(
        end,
        Some(kinglet_hosted::Received::Closed { clean: true, .. })
    ));
}

#[test]
fn a_blocking_server_over_a_socket() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || converse(address));
        let mut memory = Memory::<1024, 2048>::new();
        let limits = Limits::MICROCONTROLLER;
        let mut context = Context::new(limits, Stamp::EMPTY);
        for _ in 0..2 {
            let mut socket = Socket::new(listener.accept().unwrap().0).unwrap();
            let (mut app, buffers) = (App::default(), memory.lend());
            let mut host = Host::new();
            blocking::serve(&mut socket, &mut app, &mut context, buffers, &mut host).unwrap();
        }
    });
}

#[test]
fn an_asynchronous_server_over_a_socket() {
    in_tokio(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = thread::spawn(move || converse(address));
        let mut memory = Memory::<1024, 2048>::new();
        let limits = Limits::MICROCONTROLLER;
        let mut context = Context::new(limits, Stamp::EMPTY);
        for _ in 0..2 {
            let mut socket = FromTokio::new(listener.accept().await.unwrap().0);
            let (mut app, buffers) = (App::default(), memory.lend());
            let host = Host::new();
            let served = asynchronous::serve(&mut socket, &mut app, &mut context, buffers, &host);
            served.await.unwrap();
        }
        client.join().unwrap();
    });
}
