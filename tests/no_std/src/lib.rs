//! The engine in a program that has neither a standard library nor an allocator.
//!
//! That it links is the test: a dependency on `std` fails with E0152, one on `alloc` for want of an
//! allocator. What is exported here keeps all of a connection from being thrown away by the linker:
//! requests, content in either way, streams, tickets, switching, WebSockets of both roles with their
//! compression, and the parsers of the other role.
//!
//! `tests/no_std/check` builds it and lists what of the engine can still panic.
#![no_std]

mod streams;

use core::panic::PanicInfo;
use core::time::Duration;

use kinglet_core::http::server;
use kinglet_core::http::{
    Decoder, Framing, Handled, Length, Method, Piece, Reply, Request, ResponseParser, Status,
    Stream, Ticket, emit,
};
use kinglet_core::websocket::deflate::{Deflater, Inflater};
use kinglet_core::websocket::{
    self, CloseCode, Collected, Collector, Deflate, Opening, Origins, Part, Rest, Role, Socket,
    Terms,
};
use kinglet_core::window::{Outlook, Queue};
use kinglet_core::{
    Application, Compression, Context, Input, Instant, Limits, Output, Session, Stamp, Turn, field,
};

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// Uses each way to answer.
struct Probe {
    ticket: Option<Ticket>,
    message: Message,
}

impl Application for Probe {
    type Exchange = u32;

    fn request(
        &mut self,
        exchange: &mut u32,
        request: &Request<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        const NOTE: kinglet_core::http::Field<'_> = field!("Note", "probe");
        *exchange = exchange.wrapping_add(1);
        if let Some(content) = request.content() {
            return reply.send(Status::OK, &[NOTE], content);
        }
        match (request.method(), request.path()) {
            (Method::Connect, _) => reply.switch(&[]),
            (_, "/socket") => {
                let terms = Terms {
                    protocols: &["probe"],
                    origins: Origins::Same,
                    deflate: Some(Deflate::MICROCONTROLLER),
                };
                reply.websocket(request, &terms)
            }
            (_, "/collect") => reply.collect(512),
            (_, "/receive") => reply.receive(),
            (_, "/stream") => reply.start(Status::OK, &[NOTE], Length::Unknown),
            (_, "/static") => reply.send_static(Status::OK, &[], b"static"),
            (_, "/interim") => {
                reply.interim(Status::EARLY_HINTS, &[NOTE]).send(Status::OK, &[], b"")
            }
            (_, "/later") => {
                let (ticket, handled) = reply.later();
                self.ticket = Some(ticket);
                handled
            }
            (_, "/host") => reply.send(Status::OK, &[], request.authority().as_bytes()),
            (_, "/query") => {
                let query = request.query().unwrap_or_default();
                reply.send(Status::OK, &[], query.as_bytes())
            }
            (_, "/value") => {
                let value = request.fields().value("accept").unwrap_or_default();
                reply.send(Status::OK, &[], value)
            }
            _ => reply.send(Status::NOT_FOUND, &[], b""),
        }
    }

    fn content(&mut self, _: &mut u32, part: server::Part<'_>, reply: Reply<'_>) -> Handled {
        match part {
            server::Part::Data(_) => reply.receive(),
            server::Part::End(_) => reply.send(Status::NO_CONTENT, &[], b""),
        }
    }

    fn resume(&mut self, _: &mut u32, reply: Reply<'_>) -> Handled {
        reply.start(Status::OK, &[], Length::Exact(4))
    }

    fn opened(&mut self, exchange: &mut u32, socket: &mut Socket<'_>) {
        self.ticket = Some(socket.ticket());
        *exchange = exchange.wrapping_add(u32::from(socket.send(b"opened").is_ok()));
    }

    fn message(&mut self, exchange: &mut u32, part: Part<'_>, socket: &mut Socket<'_>) {
        *exchange = exchange.wrapping_add(1);
        speak(part, &mut self.message, socket);
    }

    fn ready(&mut self, _: &mut u32, socket: &mut Socket<'_>) {
        let _ = socket.fragment("last", Rest::None);
    }

    fn stream(&mut self, exchange: &mut u32, mut stream: Stream<'_>) -> Handled {
        *exchange = exchange.wrapping_add(1);
        let written = stream.write(stream.content());
        stream.consume(written);
        match *exchange % 5 {
            0 => stream.more(),
            1 => {
                let (ticket, handled) = stream.wait();
                self.ticket = Some(ticket);
                handled
            }
            2 => {
                let next = stream.context().now.after(Duration::from_secs(1));
                stream.wait_until(next)
            }
            3 => stream.finish(),
            _ => stream.receive(),
        }
    }
}

/// What a firmware does with a WebSocket, on either side of it.
fn speak(part: Part<'_>, collector: &mut Message, socket: &mut Socket<'_>) -> bool {
    if socket.forward(part).is_err() {
        socket.notify();
    }
    match collector.push(part) {
        Collected::Message(message) => socket.send(message).is_ok(),
        Collected::Partly => socket.fragment("part", Rest::More).is_ok(),
        Collected::TooLong => {
            socket.refuse_long_message();
            socket.ping(b"probe").is_ok()
        }
    }
}

type Message = Collector<heapless::Vec<u8, 256>>;

/// A client's WebSocket, with its handshake before it.
#[unsafe(no_mangle)]
pub extern "C" fn kinglet_probe_websocket(byte: u8, role: bool) -> usize {
    let mut bytes = [byte; 1024];
    let opening = Opening {
        protocols: &["probe"],
        deflate: Some(Deflate::MICROCONTROLLER),
        ..Opening::new("/socket", "host", [byte; 16])
    };
    let mut len = opening.emit(&mut bytes).unwrap_or(0);
    let limits = Limits::MICROCONTROLLER;
    let mut compression = None;
    if let Ok(Some(response)) = ResponseParser::new().parse(&bytes, &limits)
        && let Ok(opened) = opening.check(&response)
    {
        compression = opened.compression;
    }
    let role = if role { Role::Client } else { Role::Server };
    let mut connection = websocket::Connection::new(role, compression);
    let mut inflater = Inflater::new([0; 1024]);
    let mut deflater = Deflater::new([0; 1024], [0; 512]);
    let mut collector = Message::new(heapless::Vec::new());
    let context = Context::new(limits, Stamp::EMPTY);
    let mut room = [0; 512];
    let mut queue = Queue::new();
    let mut input = Input::new(&mut bytes, Outlook::More).with_inflater(&mut inflater);
    let mut output = Output::new(&mut room, &mut queue).with_deflater(&mut deflater);
    loop {
        match connection.step(&context, &mut input, &mut output) {
            websocket::Event::Part(part, mut socket) => {
                len = len.wrapping_add(usize::from(speak(part, &mut collector, &mut socket)));
            }
            websocket::Event::Ready(mut socket) => {
                let _ = socket.close(CloseCode::NORMAL, "probe");
            }
            websocket::Event::Closed(closed) => {
                len = len.wrapping_add(closed.reason().len());
                len = len.wrapping_add(usize::from(closed.code().as_u16()));
            }
            websocket::Event::Shutdown => connection.drain(),
            _ => return len,
        }
    }
}

/// One turn over buffers of the caller's, which stands for a firmware's main loop.
///
/// Answers what to do next, from 0 for receiving to 4 for closing.
#[unsafe(no_mangle)]
pub extern "C" fn kinglet_probe_turn(millis: u64, byte: u8) -> u32 {
    let mut input = [byte; 1024];
    let mut bytes = [0; 1024];
    let mut queue = Queue::new();
    let mut context = Context::new(Limits::MICROCONTROLLER, Stamp::new("probe"));
    context.now = Instant::from_millis(millis);
    context.compression = Compression::Lent;
    let mut session: Session<u32> = Session::new();
    let mut probe = Probe {
        ticket: None,
        message: Message::new(heapless::Vec::new()),
    };
    let mut inflater = Inflater::new([0; 1024]);
    let mut deflater = Deflater::new([0; 1024], [0; 512]);
    let mut input = Input::new(&mut input, Outlook::More).with_inflater(&mut inflater);
    let mut output = Output::new(&mut bytes, &mut queue).with_deflater(&mut deflater);
    let turn = session.turn(&mut probe, &context, &mut input, &mut output);
    if let Some(ticket) = probe.ticket {
        session.redeem(ticket);
    }
    if session.unsent(&context, queue.len()).is_err() || session.deadline().is_none() {
        session.drain();
    }
    match turn {
        Turn::Receive => 0,
        Turn::Send => 1,
        Turn::Wait => 2,
        Turn::Shutdown => 3,
        Turn::Close(_) => 4,
    }
}

/// A client's use of the parsers and emitters.
#[unsafe(no_mangle)]
pub extern "C" fn kinglet_probe_exchange(byte: u8) -> usize {
    let limits = &Limits::MICROCONTROLLER;
    let mut bytes = [byte; 512];
    let sent = emit::request_head(&mut bytes, Method::Post, "/", "a", &[], Framing::Chunked);
    let mut parser = ResponseParser::new();
    let Ok(Some(response)) = parser.parse(&bytes, limits) else {
        return sent.unwrap_or(0);
    };
    let framing = response.framing(Method::Post).unwrap_or(Framing::None);
    let mut decoder = match Decoder::new(framing, limits) {
        Ok(decoder) => decoder,
        Err(_) => return 0,
    };
    let body = bytes.get(response.head_len()..).unwrap_or_default();
    match decoder.decode(body, limits) {
        Ok(Piece::Data { end, .. } | Piece::End { end, .. }) => end,
        Ok(Piece::More { consumed }) => consumed,
        Err(_) => 0,
    }
}
