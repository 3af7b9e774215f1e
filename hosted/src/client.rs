//! A WebSocket client that blocks, for tools and tests.

use core::cell::Cell;
use core::time::Duration;
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use kinglet_core::http::ResponseParser;
use kinglet_core::websocket::{
    CloseCode, Collected, Collector, Connection, Deflate, Event, Kind, Message, Opening, Role,
    SendError,
};
use kinglet_core::window::{Outlook, Queue};
use kinglet_core::{Context, Input, Limits, Output, Stamp};

use crate::HeapStore;
use crate::buffers::{BUFFER_LEN, Rest};
use crate::clock::Clock;
use crate::codecs::{Deflater, Inflater};
use crate::connector;
use crate::tls::Trust;
use crate::transport::Transport;

/// A WebSocket to a server, for a thread that may wait.
///
/// ```no_run
/// use kinglet_core::websocket::{CloseCode, Message};
/// use kinglet_hosted::{WebSocketClient, WebSocketOptions};
///
/// let mut client = WebSocketClient::connect("ws://127.0.0.1:9001/", &WebSocketOptions::default())?;
/// client.send("hello")?;
/// while let Some(received) = client.receive()? {
///     println!("{received:?}");
///     client.close(CloseCode::NORMAL, "")?;
/// }
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct WebSocketClient {
    stream: Transport,
    connection: Connection,
    context: Context,
    clock: Clock,
    protocol: Option<String>,
    // window[start..filled] has come and is not consumed; start <= filled <= window.len()
    window: Vec<u8>,
    start: usize,
    filled: usize,
    outlook: Outlook,
    room: Vec<u8>,
    queue: Queue,
    rest: Rest,
    inflater: Inflater,
    deflater: Deflater,
    message: Collector<HeapStore>,
    trace: Option<Trace>,
}

/// What is called with all bytes of frames, as they come and go.
struct Trace(Box<OnBytes>);

type OnBytes = dyn FnMut(Direction, &[u8]);

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Direction {
    /// From the server.
    Received,
    /// To it.
    Sent,
}

/// What a client asks for.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "built by functional update from the default"
)]
pub struct WebSocketOptions<'o> {
    /// The subprotocols it speaks, the best first.
    pub protocols: &'o [&'o str],
    /// The value of `Origin`, where it stands in for a page.
    pub origin: Option<&'o str>,
    /// The compression it offers.
    pub deflate: Option<Deflate>,
    /// The engine's bounds.
    pub limits: Limits,
    /// Whom it trusts to be the server, where the URL says `wss`. Default: the system's roots.
    pub trust: Trust,
    /// How long it may take until the WebSocket is open: to connect, with the handshakes of TLS and of
    /// WebSocket. The name is looked up before that, by the system and in its own time. Default: 10 s.
    pub connect_timeout: Duration,
}

impl Default for WebSocketOptions<'_> {
    fn default() -> Self {
        Self {
            protocols: &[],
            origin: None,
            deflate: None,
            limits: Limits::default(),
            trust: Trust::System,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// What has come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these three are all there is")]
pub enum Received {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// The WebSocket is closed.
    Closed {
        /// See [`Closed::code`](kinglet_core::websocket::Closed::code).
        code: CloseCode,
        /// The server's reason.
        reason: String,
        /// Whether both sides said so.
        clean: bool,
    },
}

impl WebSocketClient {
    /// Opens a WebSocket to a URL such as `ws://127.0.0.1:9001/chat` or `wss://example.com/`. Of a
    /// host with several addresses the first that answers is taken (RFC 8305 §5).
    ///
    /// # Errors
    ///
    /// The URL is none of a WebSocket, the server cannot be reached in time or is not trusted, or it
    /// does not answer as RFC 6455 §4.1 asks.
    pub fn connect(url: &str, options: &WebSocketOptions<'_>) -> io::Result<Self> {
        let (is_secure, authority, target) =
            parts(url).ok_or_else(|| invalid("expected ws://HOST[:PORT]/PATH, or wss"))?;
        let default_port = if is_secure { 443 } else { 80 };
        let (host, port) = host_and_port(authority, default_port)
            .ok_or_else(|| invalid("expected a port from 0 to 65535"))?;
        let addresses = connector::resolve(host, port)?;
        let deadline = Instant::now().checked_add(options.connect_timeout);
        let mut stream = Transport::plain(connector::connect(&addresses, deadline)?)?;
        if is_secure {
            let config = options.trust.config().map_err(io::Error::other)?;
            stream = stream.secure(config, host, deadline)?;
        }
        Self::open(stream, authority, &target, options, deadline)
    }

    /// The same, without TLS, over a connection that is there already.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn over(
        stream: TcpStream,
        authority: &str,
        target: &str,
        options: &WebSocketOptions<'_>,
    ) -> io::Result<Self> {
        let deadline = Instant::now().checked_add(options.connect_timeout);
        Self::open(
            Transport::plain(stream)?,
            authority,
            target,
            options,
            deadline,
        )
    }

    fn open(
        mut stream: Transport,
        authority: &str,
        target: &str,
        options: &WebSocketOptions<'_>,
        deadline: Option<Instant>,
    ) -> io::Result<Self> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(io::Error::other)?;
        let origin = options.origin.unwrap_or_default();
        let origin = kinglet_core::http::Field::new("Origin", origin.as_bytes())
            .map_err(|error| invalid(&error.to_string()))?;
        let opening = Opening {
            protocols: options.protocols,
            deflate: options.deflate,
            fields: if options.origin.is_some() {
                core::slice::from_ref(&origin)
            } else {
                &[]
            },
            ..Opening::new(target, authority, nonce)
        };
        let mut head = [0; 4096];
        let len = opening
            .emit(&mut head)
            .ok_or_else(|| invalid("expected a path, a host and subprotocols that can be sent"))?;
        stream.write_all(&head[..len], deadline)?;

        let mut window = vec![0; BUFFER_LEN];
        let mut filled = 0;
        let mut parser = ResponseParser::new();
        let (opened, head_len) = loop {
            let len = stream.read(&mut window[filled..], deadline)?;
            if len == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            filled += len;
            let response = parser.parse(&window[..filled], &options.limits);
            if let Some(response) = response.map_err(|error| refused(&error.to_string()))? {
                let opened = opening.check(&response);
                let opened = opened.map_err(|error| refused(&error.to_string()))?;
                break (opened, response.head_len());
            }
            if filled == window.len() {
                return Err(refused("expected a shorter answer"));
            }
        };
        let mut context = Context::new(options.limits.clone(), Stamp::EMPTY);
        context.random = random;
        Ok(Self {
            stream,
            connection: Connection::new(Role::Client, opened.compression),
            context,
            clock: Clock::new(),
            protocol: opened.protocol.map(String::from),
            window,
            start: head_len,
            filled,
            outlook: Outlook::More,
            room: vec![0; BUFFER_LEN],
            queue: Queue::new(),
            rest: Rest::new(usize::MAX),
            inflater: Inflater::default(),
            deflater: Deflater::default(),
            message: Collector::new(HeapStore::new(u32::MAX)),
            trace: None,
        })
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Whether messages may be compressed.
    #[must_use]
    pub const fn is_compressed(&self) -> bool {
        self.connection.agreement().is_some()
    }

    /// Has `trace` called with all bytes of frames from now on, as they come and go.
    pub fn trace(&mut self, trace: impl FnMut(Direction, &[u8]) + 'static) {
        self.trace = Some(Trace(Box::new(trace)));
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// The WebSocket is closing, or the connection is broken.
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> io::Result<()> {
        let message = message.into();
        self.say(|socket| socket.send(message))
    }

    /// Sends a ping.
    ///
    /// # Errors
    ///
    /// The same, or the payload is too long.
    pub fn ping(&mut self, payload: &[u8]) -> io::Result<()> {
        self.say(|socket| socket.ping(payload))
    }

    /// Begins the closing handshake; [`receive`](Self::receive) tells its end.
    ///
    /// # Errors
    ///
    /// The same, or the code may not be sent.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> io::Result<()> {
        self.say(|socket| socket.close(code, reason))
    }

    /// Waits for the next message, or the end; `None` after the end.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub fn receive(&mut self) -> io::Result<Option<Received>> {
        self.receive_within(None)
    }

    /// The same, and `None` when nothing has come within `patience`.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub fn receive_for(&mut self, patience: Duration) -> io::Result<Option<Received>> {
        self.receive_within(Some(patience))
    }

    fn receive_within(&mut self, patience: Option<Duration>) -> io::Result<Option<Received>> {
        let mut left = patience;
        loop {
            match self.step()? {
                Step::Received(received) => return Ok(Some(received)),
                Step::Again => {}
                Step::Ended => return Ok(None),
                Step::Receive if left == Some(Duration::ZERO) => return Ok(None),
                Step::Receive => {
                    let before = self.clock.tell(&mut self.context);
                    self.wait(left)?;
                    let passed = self.clock.tell(&mut self.context) - before;
                    left = left.map(|left| left.saturating_sub(Duration::from_millis(passed)));
                }
            }
        }
    }

    /// One step of the engine, with what came of it sent.
    fn step(&mut self) -> io::Result<Step> {
        self.clock.tell(&mut self.context);
        let mut input = Input::new(&mut self.window[self.start..self.filled], self.outlook)
            .with_inflater(&mut self.inflater);
        let mut output = Output::with_overflow(&mut self.room, &mut self.queue, &mut self.rest)
            .with_deflater(&mut self.deflater);
        let step = match self.connection.step(&self.context, &mut input, &mut output) {
            Event::Part(part, mut socket) => {
                let step = match self.message.push(part) {
                    Collected::Message(message) => Step::Received(Received::from(message)),
                    Collected::Partly => Step::Again,
                    Collected::TooLong => {
                        socket.refuse_long_message();
                        Step::Again
                    }
                };
                if part.place().is_last() {
                    self.message.clear();
                }
                step
            }
            Event::Closed(closed) => Step::Received(Received::Closed {
                code: closed.code(),
                reason: closed.reason().to_owned(),
                clean: closed.is_clean(),
            }),
            Event::Receive => Step::Receive,
            Event::Close(_) => Step::Ended,
            Event::Shutdown => {
                self.stream.shut_down();
                Step::Again
            }
            _ => Step::Again,
        };
        let (consumed, remaining) = (input.consumed(), input.remaining().len());
        self.start += consumed;
        self.filled = self.start + remaining;
        self.flush()?;
        Ok(step)
    }

    /// Waits for bytes, up to `patience` or the engine's deadline.
    fn wait(&mut self, patience: Option<Duration>) -> io::Result<()> {
        let deadline = self.connection.deadline();
        let deadline = deadline.map(|deadline| self.context.now.until(deadline));
        let patience = [patience, deadline].into_iter().flatten().min();
        // Never a moment that is over already: the engine counts whole milliseconds.
        let until = patience.and_then(|patience| {
            Instant::now().checked_add(patience.max(Duration::from_millis(1)))
        });
        self.window.copy_within(self.start..self.filled, 0);
        self.filled -= self.start;
        self.start = 0;
        match self.stream.read(&mut self.window[self.filled..], until) {
            Ok(0) => self.outlook = Outlook::Ended,
            Ok(len) => {
                if let Some(Trace(trace)) = &mut self.trace {
                    trace(Direction::Received, &self.window[self.filled..][..len]);
                }
                self.filled += len;
            }
            Err(error) if is_timeout(&error) => {}
            Err(error) if is_gone(&error) => {
                self.outlook = Outlook::Ended;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn say(
        &mut self,
        say: impl FnOnce(&mut kinglet_core::websocket::Socket<'_>) -> Result<(), SendError>,
    ) -> io::Result<()> {
        self.clock.tell(&mut self.context);
        let mut output = Output::with_overflow(&mut self.room, &mut self.queue, &mut self.rest)
            .with_deflater(&mut self.deflater);
        let said = say(&mut self.connection.socket(&self.context, &mut output));
        said.map_err(|error| match error {
            SendError::Closing => io::Error::new(ErrorKind::NotConnected, error),
            error => io::Error::new(ErrorKind::InvalidInput, error),
        })?;
        self.flush()
    }

    /// Sends all that is in the output.
    fn flush(&mut self) -> io::Result<()> {
        if self.queue.is_empty() && self.rest.bytes.is_empty() {
            return Ok(());
        }
        for slice in self.queue.slices(&self.room).chain([&self.rest.bytes[..]]) {
            if let Some(Trace(trace)) = &mut self.trace
                && !slice.is_empty()
            {
                trace(Direction::Sent, slice);
            }
            match self.stream.write_all(slice, None) {
                // What the server said before it went may still be read.
                Err(error) if is_gone(&error) => break,
                result => result?,
            }
        }
        self.queue.clear();
        self.rest.clear();
        Ok(())
    }
}

/// What one step came to.
enum Step {
    Received(Received),
    Again,
    Receive,
    Ended,
}

impl From<Message<'_>> for Received {
    fn from(message: Message<'_>) -> Self {
        let data = message.data().to_vec();
        match message.kind() {
            // The engine has checked that it is text.
            Kind::Text => String::from_utf8(data)
                .map_or_else(|error| Self::Binary(error.into_bytes()), Self::Text),
            Kind::Binary => Self::Binary(data),
        }
    }
}

impl AsFd for WebSocketClient {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl core::fmt::Debug for Trace {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Trace")
    }
}

/// Whether with TLS, authority and target of a URL of a WebSocket (RFC 6455 §3).
fn parts(url: &str) -> Option<(bool, &str, String)> {
    let (scheme, rest) = url.split_once("://")?;
    let is_secure = scheme.eq_ignore_ascii_case("wss");
    let rest = (is_secure || scheme.eq_ignore_ascii_case("ws")).then_some(rest)?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let target = if target.starts_with('/') {
        target.to_owned()
    } else {
        format!("/{target}")
    };
    (!authority.is_empty() && !url.contains('#')).then_some((is_secure, authority, target))
}

/// What an authority names, and its port or else the scheme's.
fn host_and_port(authority: &str, default: u16) -> Option<(&str, u16)> {
    let host_end = authority.rfind(']').map_or(0, |end| end + 1);
    match authority[host_end..].find(':') {
        None => Some((authority, default)),
        Some(at) => {
            let (host, port) = authority.split_at(host_end + at);
            Some((host, port[1..].parse().ok()?))
        }
    }
}

/// Four bytes of the system's randomness, of which a thread takes 256 at a time.
fn random() -> [u8; 4] {
    thread_local! {
        static BYTES: Cell<([u8; 256], usize)> = const { Cell::new(([0; 256], 256)) };
    }
    let (mut bytes, mut at) = BYTES.get();
    if at == bytes.len() {
        // Where the system has none the bytes are known, which is against the rule; but then nothing that
        // is to be kept secret works on this system.
        let _ = getrandom::fill(&mut bytes);
        at = 0;
    }
    let mut drawn = [0; 4];
    drawn.copy_from_slice(&bytes[at..at + 4]);
    BYTES.set((bytes, at + drawn.len()));
    drawn
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, what)
}

fn refused(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_an_authority_and_a_target() {
        for (url, expected) in [
            ("ws://a", Some((false, "a", "/"))),
            ("WS://a:1/b?c", Some((false, "a:1", "/b?c"))),
            ("wss://a?c", Some((true, "a", "/?c"))),
            ("ws://[::1]:9001/", Some((false, "[::1]:9001", "/"))),
            ("ws:///b", None),
            ("http://a/", None),
            ("ws://a/#b", None),
            ("ws", None),
        ] {
            let expected = expected
                .map(|(is_secure, authority, target)| (is_secure, authority, String::from(target)));
            assert_eq!(parts(url), expected, "{url}");
        }
        for (authority, expected) in [
            ("a", Some(("a", 80))),
            ("a:1", Some(("a", 1))),
            ("[::1]", Some(("[::1]", 80))),
            ("[::1]:1", Some(("[::1]", 1))),
            ("a:65536", None),
            ("a:b", None),
        ] {
            assert_eq!(host_and_port(authority, 80), expected, "{authority}");
        }
    }
}
