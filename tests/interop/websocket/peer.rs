//! Our side of the interoperation checks: `check`, beside this file, runs it.
//!
//! `serve` is a server for the clients of others:
//!
//! | path | what it does |
//! |---|---|
//! | `/echo` | sends each message back |
//! | `/same` | the same, for pages of this server only |
//! | `/fragments` | the same, in fragments of 1,000 bytes |
//! | `/ping` | sends a ping with the message as payload, then the message |
//! | `/close` | closes with the code and reason that the message names: `4001 why` |
//! | `/last` | over plain HTTP: how the last WebSocket has ended |
//! | `/` | over plain HTTP: an empty page, for a browser to be on |
//!
//! `probe URL` is a client for the servers of others: it does the same to the same paths, and fails when
//! something else comes back.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kinglet_core::http::{Field, Handled, Reply, Request, Status};
use kinglet_core::websocket::deflate::Takeover;
use kinglet_core::websocket::{
    CloseCode, Closed, Collected, Collector, Deflate, Kind, Message, Origins, Part, Rest,
    SendError, Socket, Terms,
};
use kinglet_core::{Application, Limits, field};
use kinglet_hosted::{HeapStore, Options, Received, Server, WebSocketClient, WebSocketOptions};

const PROTOCOLS: [&str; 2] = ["echo.v2", "echo"];
const FRAGMENT_LEN: usize = 1000;
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> Result<(), Box<dyn Error>> {
    use lexopt::prelude::*;

    let mut deflate = Deflate::SERVER;
    let (mut compresses, mut command, mut url) = (true, None, None);
    let mut listen = String::from("127.0.0.1:0");
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("listen") => listen = arguments.value()?.string()?,
            Long("no-deflate") => compresses = false,
            Long("no-takeover") => {
                deflate.server_takeover = Takeover::Forbidden;
                deflate.client_takeover = Takeover::Forbidden;
            }
            Long("server-bits") => deflate.server_max_window_bits = arguments.value()?.parse()?,
            Long("client-bits") => deflate.client_max_window_bits = arguments.value()?.parse()?,
            Value(value) if command.is_none() => command = Some(value.string()?),
            Value(value) if url.is_none() => url = Some(value.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    let deflate = compresses.then_some(deflate);
    match (command.as_deref(), url) {
        (Some("serve"), None) => serve(&listen, deflate),
        (Some("probe"), Some(url)) => probe(&url, deflate),
        _ => Err("expected `serve` or `probe URL`".into()),
    }
}

fn serve(listen: &str, deflate: Option<Deflate>) -> Result<(), Box<dyn Error>> {
    let options = Options {
        threads: 2.try_into()?,
        limits: Limits {
            max_message_len: 16 * 1024 * 1024,
            ..Limits::SERVER
        },
        max_answer_len: 17 * 1024 * 1024,
        ..Options::default()
    };
    let server = Server::bind(&listen.parse()?, options)?;
    server.drain_on_signals()?;
    println!("listening on {}", server.local_address());
    let last = Last::default();
    server.run(|_thread| Peer {
        deflate,
        last: last.clone(),
    })?;
    Ok(())
}

/// How the last WebSocket has ended.
type Last = Arc<Mutex<String>>;

struct Peer {
    deflate: Option<Deflate>,
    last: Last,
}

#[derive(Default)]
struct Exchange {
    manner: Manner,
    message: Collector<HeapStore>,
    /// What waits to be sent in fragments.
    waiting: VecDeque<Waiting>,
}

/// A message, and how many of its bytes were sent.
struct Waiting {
    is_text: bool,
    data: Vec<u8>,
    sent: usize,
}

/// How messages are answered.
#[derive(Clone, Copy, Default)]
enum Manner {
    #[default]
    Whole,
    Fragments,
    Ping,
    Close,
}

impl Application for Peer {
    type Exchange = Exchange;

    fn request(
        &mut self,
        exchange: &mut Exchange,
        request: &Request<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        const HTML: Field<'_> = field!("Content-Type", "text/html");
        let origins = match request.path() {
            "/same" => Origins::Same,
            _ => Origins::Any,
        };
        exchange.manner = match request.path() {
            "/" => return reply.send(Status::OK, &[HTML], b"<!DOCTYPE html><title>peer</title>"),
            "/last" => {
                let last = self.last.lock().map(|last| last.clone());
                return reply.send(Status::OK, &[], last.unwrap_or_default().as_bytes());
            }
            "/echo" | "/same" => Manner::Whole,
            "/fragments" => Manner::Fragments,
            "/ping" => Manner::Ping,
            "/close" => Manner::Close,
            _ => return reply.send(Status::NOT_FOUND, &[], b""),
        };
        let terms = Terms {
            protocols: &PROTOCOLS,
            origins,
            deflate: self.deflate,
        };
        reply.websocket(request, &terms)
    }

    fn message(&mut self, exchange: &mut Exchange, part: Part<'_>, socket: &mut Socket<'_>) {
        match exchange.message.push(part) {
            Collected::Message(message) => {
                if matches!(exchange.manner, Manner::Fragments) {
                    exchange.waiting.push_back(Waiting {
                        is_text: message.kind() == Kind::Text,
                        data: message.data().to_vec(),
                        sent: 0,
                    });
                }
                match answer(exchange.manner, message, socket) {
                    Ok(()) | Err(SendError::Closing) => {}
                    Err(error) => eprintln!("cannot answer: {error}"),
                }
            }
            Collected::Partly => {}
            Collected::TooLong => socket.refuse_long_message(),
        }
        if part.place().is_last() {
            exchange.message.clear();
        }
        send_fragments(&mut exchange.waiting, socket);
    }

    fn ready(&mut self, exchange: &mut Exchange, socket: &mut Socket<'_>) {
        send_fragments(&mut exchange.waiting, socket);
    }

    fn closed(&mut self, _: &mut Exchange, closed: Closed<'_>) {
        if let Ok(mut last) = self.last.lock() {
            let end = if closed.is_clean() {
                "clean"
            } else {
                "not clean"
            };
            *last = format!("{} {} {end}", closed.code(), closed.reason());
        }
    }
}

fn answer(manner: Manner, message: Message<'_>, socket: &mut Socket<'_>) -> Result<(), SendError> {
    match manner {
        Manner::Whole => socket.send(message),
        Manner::Fragments => Ok(()),
        Manner::Ping => {
            socket.ping(message.data())?;
            socket.send(message)
        }
        Manner::Close => {
            let text = message.as_text().unwrap_or_default();
            let (code, reason) = text.split_once(' ').unwrap_or((text, ""));
            socket.close(CloseCode::new(code.parse().unwrap_or_default()), reason)
        }
    }
}

/// Sends as many fragments as there is room for, and asks to be called when there is more.
fn send_fragments(waiting: &mut VecDeque<Waiting>, socket: &mut Socket<'_>) {
    while let Some(first) = waiting.front_mut() {
        let end = first.data.len().min(first.sent + FRAGMENT_LEN);
        let data = &first.data[first.sent..end];
        let (end, fragment) = match core::str::from_utf8(data) {
            Ok(text) if first.is_text => (end, Message::text(text)),
            // The cut is within a character, which goes into the next fragment.
            Err(error) if first.is_text => {
                let len = error.valid_up_to();
                let text = core::str::from_utf8(&data[..len]).unwrap_or_default();
                (first.sent + len, Message::text(text))
            }
            Ok(_) | Err(_) => (end, Message::binary(data)),
        };
        let is_last = end == first.data.len();
        let rest = if is_last { Rest::None } else { Rest::More };
        match socket.fragment(fragment, rest) {
            Ok(()) if is_last => drop(waiting.pop_front()),
            Ok(()) => first.sent = end,
            Err(SendError::Full) => return socket.notify(),
            Err(_) => return waiting.clear(),
        }
    }
}

fn probe(url: &str, deflate: Option<Deflate>) -> Result<(), Box<dyn Error>> {
    let options = WebSocketOptions {
        protocols: &PROTOCOLS,
        deflate,
        limits: Limits {
            max_message_len: 16 * 1024 * 1024,
            ..WebSocketOptions::default().limits
        },
        ..WebSocketOptions::default()
    };
    let open = |path: &str| WebSocketClient::connect(&format!("{url}{path}"), &options);

    for path in ["/echo", "/fragments"] {
        let mut client = open(path)?;
        if client.protocol() != Some("echo.v2") {
            return Err(format!("{path}: the protocol is {:?}", client.protocol()).into());
        }
        if client.is_compressed() != deflate.is_some() {
            return Err(format!("{path}: compressed: {}", client.is_compressed()).into());
        }
        for len in [
            0,
            1,
            125,
            126,
            1000,
            1001,
            65_535,
            65_536,
            1024 * 1024,
            100,
            100,
        ] {
            let words = (0..=len).map(|number| format!("{number} kingl\u{e9}t \u{1f426} "));
            let mut text: String = words.take(len / 10 + 1).collect();
            text.truncate(text.floor_char_boundary(len));
            client.ping(b"are you there")?;
            client.send(text.as_str())?;
            expect(&mut client, &Received::Text(text))?;
            // What gets shorter by more than `Limits::max_inflate_ratio` is refused past 64 KiB.
            for data in [noise(len), vec![7; len.min(65_536)]] {
                client.send(Message::binary(&data))?;
                expect(&mut client, &Received::Binary(data))?;
            }
        }
        let (code, reason) = (CloseCode::new(4321), "well done \u{2713}");
        client.close(code, reason)?;
        match client.receive_for(PATIENCE)? {
            // Some send the reason back, too (RFC 6455 §5.5.1).
            Some(Received::Closed {
                code: back,
                clean: true,
                ..
            }) if back == code => {}
            other => return Err(format!("{path}: expected an end, found {other:?}").into()),
        }
    }

    let mut client = open("/ping")?;
    client.send("to you")?;
    expect(&mut client, &Received::Text(String::from("to you")))?;
    client.close(CloseCode::NORMAL, "")?;
    expect(&mut client, &closed(CloseCode::NORMAL, ""))?;

    let long = "\u{20ac}".repeat(41);
    for (code, reason) in [(1000, ""), (1001, "away"), (4999, &long)] {
        let mut client = open("/close")?;
        client.send(format!("{code} {reason}").as_str())?;
        expect(&mut client, &closed(CloseCode::new(code), reason))?;
    }
    println!("ok");
    Ok(())
}

fn closed(code: CloseCode, reason: &str) -> Received {
    Received::Closed {
        code,
        reason: reason.into(),
        clean: true,
    }
}

fn expect(client: &mut WebSocketClient, expected: &Received) -> Result<(), String> {
    let received = client
        .receive_for(PATIENCE)
        .map_err(|error| error.to_string())?;
    if received.as_ref() == Some(expected) {
        return Ok(());
    }
    let brief = |received: &Received| {
        format!("{received:?}")
            .chars()
            .take(100)
            .collect::<String>()
    };
    let found = received.as_ref().map_or("nothing".into(), brief);
    Err(format!("expected {}, found {found}", brief(expected)))
}

/// Bytes that do not get shorter.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}
