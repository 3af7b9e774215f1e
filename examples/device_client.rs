//! Type `cargo run --example http_server`, then `cargo run --example device_client`.
//!
//! A device's client, here over `std`: it reports readings with HTTP POST, three on one connection, and
//! then over a WebSocket. All memory is two arrays. `--server ADDRESS:PORT` says where.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{self, Duration};

use kinglet_core::http::client::Request;
use kinglet_core::http::{Length, Method};
use kinglet_core::websocket::{CloseCode, Opening};
use kinglet_core::{Instant, Limits, field};
use kinglet_embedded::blocking::{Http, Platform, WebSocket};
use kinglet_embedded::{Memory, Received};
use lexopt::ValueExt;

fn main() -> Result<(), Box<dyn Error>> {
    let mut server = String::from("127.0.0.1:8080");
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Long("server") => server = arguments.value()?.parse()?,
            _ => return Err(argument.unexpected().into()),
        }
    }
    let limits = Limits::MICROCONTROLLER;
    let mut memory = Memory::<1024, 512>::new();

    let mut http = Http::new(
        Socket::connect(&server)?,
        Std::new(),
        memory.lend(),
        limits.clone(),
    );
    for reading in ["21.5", "21.6", "21.4"] {
        let fields = [field!("Content-Type", "text/plain")];
        let request = Request {
            method: Method::Post,
            fields: &fields,
            content: Some(Length::Exact(reading.len() as u64)),
            ..Request::get("/echo", &server)
        };
        http.set_timeout(Duration::from_secs(5));
        println!("{}", http.ask(&request, reading.as_bytes())?.status());
        while let Some(content) = http.read()? {
            println!("    {}", String::from_utf8_lossy(content));
        }
    }

    let nonce = [random(), random(), random(), random()].concat();
    let opening = Opening::new("/ws", &server, nonce.try_into().unwrap_or_default());
    let (socket, std) = (Socket::connect(&server)?, Std::new());
    let (mut websocket, _) =
        WebSocket::open(socket, std, memory.lend(), limits, opening, random, None)?;
    websocket.send("21.7")?;
    let mut message = [0; 256];
    while let Received::Message(message) = websocket.receive(&mut message, None)? {
        println!("{:?}", message.as_text());
        if message.as_text() == Some("21.7") {
            websocket.close(CloseCode::NORMAL, "that is all")?;
        }
    }
    Ok(())
}

/// Four bytes that nobody can foresee.
fn random() -> [u8; 4] {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("randomness of the system");
    bytes
}

/// What a board has a timer and WFI for.
struct Std(time::Instant);

impl Std {
    fn new() -> Self {
        Self(time::Instant::now())
    }
}

impl Platform<Socket> for Std {
    fn now(&mut self) -> Instant {
        Instant::from_millis(self.0.elapsed().as_millis() as u64)
    }

    fn idle(&mut self, socket: &mut Socket, _: Option<Instant>) {
        let _ = socket.0.set_nonblocking(false);
        let _ = socket.0.peek(&mut [0]); // Waits for a byte, or as long as its timeout.
        let _ = socket.0.set_nonblocking(true);
    }
}

/// A `TcpStream` with the traits of `embedded-io`.
struct Socket(TcpStream);

impl Socket {
    fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_millis(50)))?;
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
        self.0.set_nonblocking(false)?; // It cannot say whether there is room: it waits.
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
