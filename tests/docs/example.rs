//! Plays the examples of `docs/http-anatomy.md` and `docs/websocket-anatomy.md` on the engine, and the
//! tables of single lines in the former.

use kinglet_core::http::{Decoder, Error, Framing, Piece, RequestParser, Target};
use kinglet_core::websocket::deflate::{Deflater, Inflater};
use kinglet_core::window::{Outlook, Queue};
use kinglet_core::{Compression, Context, Input, Limits, Output, Session, Stamp, Turn};

use crate::application::{Anatomy, Exchange};
use crate::escape::{escape, unescape};
use crate::markdown::Block;
use crate::websocket;

/// How the client's bytes come.
#[derive(Clone, Copy, Debug)]
pub enum Delivery {
    Whole,
    ByteByByte,
}

/// What has become of the connection, by the word that the document has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The server has closed its side.
    Close,
    /// The connection is closed.
    Gone,
}

/// A connection, its driver and its client, in virtual time.
struct Wire {
    application: Anatomy,
    session: Session<Exchange>,
    context: Context,
    unread: Vec<u8>,
    outlook: Outlook,
    room: Vec<u8>,
    queue: Queue,
    inflater: Inflater<Vec<u8>>,
    deflater: Deflater<Vec<u8>, Vec<u16>>,
    sent: Vec<u8>,
    state: State,
}

/// Plays all blocks that are sent, received, or told to the application; the first failure is told.
pub fn play(blocks: &[Block<'_>], delivery: Delivery) -> Result<usize, String> {
    let mut wire: Option<Wire> = None;
    let mut answered = 0;
    for block in blocks {
        let told = |what: String| format!("line {}, {delivery:?}: {what}", block.at);
        match (block.kind, &mut wire) {
            ("http-in" | "ws-in", _) => {
                if !block.words.contains(&"more") {
                    wire.insert(Wire::new()).go_on();
                }
                if let ("ws-in", false, Some(wire)) =
                    (block.kind, block.words.contains(&"more"), &mut wire)
                {
                    wire.open(block.words.contains(&"deflate")).map_err(told)?;
                }
                let wire = wire.as_mut().ok_or_else(|| told("no connection".into()))?;
                wire.hear(block, delivery).map_err(told)?;
            }
            ("http-out" | "ws-out", Some(wire)) => {
                wire.compare(block).map_err(told)?;
                answered += 1;
            }
            ("ws-told", Some(wire)) => {
                let events = std::mem::take(&mut wire.application.told);
                if events != block.lines {
                    return Err(told(format!("told {events:?}")));
                }
            }
            ("http-out" | "ws-out" | "ws-told", None) => {
                return Err(told("an answer to nothing".into()));
            }
            _ => {}
        }
    }
    Ok(answered)
}

/// The bytes that a block shows.
fn bytes(block: &Block<'_>) -> Result<Vec<u8>, String> {
    match block.kind {
        "ws-in" | "ws-out" => websocket::bytes(block),
        _ => unescape(&block.lines.concat()),
    }
}

impl Wire {
    fn new() -> Self {
        let mut stamp = Stamp::new("kinglet");
        stamp.set_date(784_111_777);
        let mut context = Context::new(Limits::SERVER, stamp);
        context.compression = Compression::Lent;
        Self {
            application: Anatomy::default(),
            session: Session::new(),
            context,
            unread: Vec::new(),
            outlook: Outlook::More,
            room: vec![0; 16 * 1024],
            queue: Queue::new(),
            inflater: Inflater::new(vec![0; 1 << 15]),
            deflater: Deflater::new(vec![0; 1 << 15], vec![0; 1 << 13]),
            sent: Vec::new(),
            state: State::Open,
        }
    }

    /// The opening handshake of a block of frames that shows none.
    fn open(&mut self, offers_deflate: bool) -> Result<(), String> {
        self.receive(&websocket::opening(
            offers_deflate.then_some("permessage-deflate"),
        ));
        let answer = std::mem::take(&mut self.sent);
        if answer.starts_with(b"HTTP/1.1 101 ") {
            Ok(())
        } else {
            Err(format!("no WebSocket: {}", escape(&answer)))
        }
    }

    /// The client does what the block says.
    fn hear(&mut self, block: &Block<'_>, delivery: Delivery) -> Result<(), String> {
        let bytes = bytes(block)?;
        match delivery {
            Delivery::Whole if bytes.is_empty() => {}
            Delivery::Whole => self.receive(&bytes),
            Delivery::ByteByByte => bytes.iter().for_each(|byte| self.receive(&[*byte])),
        }
        for word in &block.words {
            match *word {
                "more" | "deflate" => {}
                "end" => {
                    self.outlook = Outlook::Ended;
                    self.go_on();
                }
                "wait" => {
                    self.context.now = self.session.deadline().ok_or("no deadline to wait for")?;
                    self.go_on();
                }
                "redeem" => {
                    let ticket = self.application.ticket.take().ok_or("no ticket")?;
                    if !self.session.redeem(ticket) {
                        return Err("a ticket of no use".into());
                    }
                    self.go_on();
                }
                other => return Err(format!("unknown word {other}")),
            }
        }
        Ok(())
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        self.go_on();
    }

    /// Takes turns until there is something to wait for, as a driver does.
    fn go_on(&mut self) {
        while self.state != State::Gone {
            let mut input =
                Input::new(&mut self.unread, self.outlook).with_inflater(&mut self.inflater);
            let mut output =
                Output::new(&mut self.room, &mut self.queue).with_deflater(&mut self.deflater);
            let turn = self.session.turn(
                &mut self.application,
                &self.context,
                &mut input,
                &mut output,
            );
            self.unread = input.remaining().to_vec();
            let slices: Vec<&[u8]> = self.queue.slices(&self.room).collect();
            self.sent.extend(slices.concat());
            self.queue.advance(usize::MAX);
            match turn {
                Turn::Receive | Turn::Wait => return,
                Turn::Send => {}
                Turn::Shutdown => self.state = State::Close,
                Turn::Close(_) => self.state = State::Gone,
            }
        }
    }

    /// The client has got what the block says, and no more.
    fn compare(&mut self, block: &Block<'_>) -> Result<(), String> {
        let expected = bytes(block)?;
        let got = std::mem::take(&mut self.sent);
        if got != expected {
            let [expected, got] = [expected, got].map(|bytes| match block.kind {
                "ws-out" => format!("{bytes:02x?}"),
                _ => escape(&bytes).replace("\\n", "\\n\n  "),
            });
            return Err(format!("not\n  {expected}\nbut\n  {got}"));
        }
        let state = match block.words[..] {
            [] => State::Open,
            ["close"] => State::Close,
            ["gone"] => State::Gone,
            _ => return Err("unknown words".into()),
        };
        if state != self.state {
            return Err(format!("the connection is {:?}", self.state));
        }
        Ok(())
    }
}

/// Checks a block of rows `bytes -> what comes of them`, and answers how many there are.
pub fn check_rows(block: &Block<'_>) -> Result<usize, String> {
    for line in &block.lines {
        let told = |what: String| format!("below line {}: {line}: {what}", block.at);
        let (left, expected) = line
            .rsplit_once(" -> ")
            .ok_or_else(|| told("no arrow".into()))?;
        let bytes = unescape(left.trim_end()).map_err(told)?;
        let got = outcome(block.kind, &bytes);
        if got != expected {
            return Err(told(got));
        }
    }
    Ok(block.lines.len())
}

/// What comes of the request that these bytes are the part of which the kind of block says.
fn outcome(kind: &str, part: &[u8]) -> String {
    if kind == "http-chunked" {
        return decode(part).unwrap_or_else(refusal);
    }
    let request = match kind {
        "http-line" => [part, b"\r\nHost: example.com\r\n\r\n"].concat(),
        _ => [
            b"POST / HTTP/1.1\r\nHost: example.com\r\n",
            part,
            b"\r\n\r\n",
        ]
        .concat(),
    };
    let request = match RequestParser::new().parse(&request, &Limits::SERVER) {
        Ok(Some(request)) => request,
        Ok(None) => return "more is needed".into(),
        Err(error) => return refusal(error),
    };
    match kind {
        "http-line" => match request.target() {
            Target::Origin { .. } => "origin-form".into(),
            Target::Absolute { .. } => "absolute-form".into(),
            Target::Authority(_) => "authority-form".into(),
            Target::Asterisk => "asterisk-form".into(),
            other => format!("{other:?}"),
        },
        "http-field" => {
            let line = request.fields().last();
            line.map_or(String::new(), |line| shown(line.name(), line.value()))
        }
        _ => match request.framing() {
            Framing::None => "no content".into(),
            Framing::Length(1) => "1 byte".into(),
            Framing::Length(len) => format!("{len} bytes"),
            Framing::Chunked => "chunked".into(),
            other => format!("{other:?}"),
        },
    }
}

/// The content of a chunked body, and its trailers.
fn decode(body: &[u8]) -> Result<String, Error> {
    let mut decoder = Decoder::new(Framing::Chunked, &Limits::SERVER)?;
    let (mut content, mut at) = (Vec::new(), 0);
    loop {
        match decoder.decode(&body[at..], &Limits::SERVER)? {
            Piece::Data { start, end } => {
                content.extend_from_slice(&body[at + start..at + end]);
                at += end;
            }
            Piece::End { start, end } => {
                let content = format!("\"{}\"", escape(&content));
                let section = escape(&body[at + start..at + end]);
                let lines = section.split("\\r\\n").filter(|line| !line.is_empty());
                let parts: Vec<&str> = std::iter::once(&*content).chain(lines).collect();
                return Ok(parts.join(", "));
            }
            Piece::More { .. } => return Ok("more is needed".into()),
        }
    }
}

fn shown(name: &str, value: &[u8]) -> String {
    format!("{name} = \"{}\"", escape(value))
}

fn refusal(error: Error) -> String {
    match error.status() {
        Some(status) => format!("{} {error}", status.code()),
        None => format!("closed: {error}"),
    }
}
