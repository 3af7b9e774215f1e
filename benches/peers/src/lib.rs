//! What the peers share: the command line, the listening socket and the answer.
//!
//! Every HTTP peer answers every GET with status 200, the fields `Content-Type`,
//! `Content-Length`, `Date` and `Server`, and [`BODY`] as content.
//!
//! Every WebSocket peer sends each message back as one frame of its opcode. On
//! [`CHAT`] it sends it to every other client of that path instead, in order.

#[cfg(feature = "futures-util")]
pub mod messages;
pub mod room;
#[cfg(feature = "tokio")]
pub mod tokio_server;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process::exit;
use std::str::FromStr;
use std::thread;

use socket2::{Domain, Protocol, Socket, Type};

/// The content of every answer.
pub const BODY: &str = "Hello, World!";

/// The media type of every answer.
pub const CONTENT_TYPE: &str = "text/plain";

/// The path whose clients hear each other.
pub const CHAT: &str = "/chat";

/// Connections that may wait to be accepted; the same for every peer that lets
/// it be chosen.
pub const BACKLOG: i32 = 4096;

/// What a server peer is told on its command line.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The address and port to listen on.
    pub listen: SocketAddr,
    /// How many threads serve; each has an event loop of its own.
    pub threads: usize,
}

impl Options {
    /// Reads `--listen ADDRESS:PORT` and `--threads N`; prints the usage and
    /// exits with status 2 if the command line says anything else.
    pub fn from_command_line() -> Self {
        let usage = "--listen ADDRESS:PORT [--threads N]";
        let mut flags = Flags::from_command_line(usage);
        let mut options = Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            threads: 1,
        };
        while let Some(flag) = flags.next_flag() {
            match flag.as_str() {
                "--listen" => options.listen = flags.value(),
                "--threads" => options.threads = flags.value(),
                _ => flags.refuse(),
            }
        }
        if options.threads == 0 {
            flags.refuse();
        }
        options
    }
}

/// The command line as pairs of a flag and its value.
#[derive(Debug)]
pub struct Flags {
    arguments: std::env::Args,
    program: String,
    usage: &'static str,
}

impl Flags {
    /// Starts behind the program's name. `usage` is printed when the command
    /// line is refused.
    pub fn from_command_line(usage: &'static str) -> Self {
        let mut arguments = std::env::args();
        let program = arguments.next().unwrap_or_default();
        Self {
            arguments,
            program,
            usage,
        }
    }

    /// The next flag, or `None` at the end.
    pub fn next_flag(&mut self) -> Option<String> {
        self.arguments.next()
    }

    /// The value behind the flag that was read last.
    pub fn value<T: FromStr>(&mut self) -> T {
        match self.arguments.next().map(|value| value.parse()) {
            Some(Ok(value)) => value,
            Some(Err(_)) | None => self.refuse(),
        }
    }

    /// Prints the usage and ends the process.
    pub fn refuse(&self) -> ! {
        eprintln!("usage: {} {}", self.program, self.usage);
        exit(2)
    }
}

/// A non-blocking listener that shares its port with those of other threads.
///
/// # Errors
/// Those of the socket calls, with nothing left open.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Runs `serve` on `threads` threads, each with a listener of its own, the
/// first on the calling thread. Returns when that one does.
///
/// # Errors
/// That of [`listen`], or of the first thread's `serve`.
pub fn run_per_thread(
    options: Options,
    serve: fn(TcpListener) -> io::Result<()>,
) -> io::Result<()> {
    // All are bound before any serves: a port that is in use is noticed here.
    let mut listeners = Vec::new();
    for _ in 0..options.threads {
        listeners.push(listen(options.listen)?);
    }
    let first = listeners.remove(0);
    for listener in listeners {
        thread::spawn(move || serve(listener));
    }
    serve(first)
}
