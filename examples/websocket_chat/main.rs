//! Type `cargo run --release --example websocket_chat`, then open http://127.0.0.1:8082/ in two windows.
//!
//! A chat in rooms: whoever is in a room gets what is said there, and the last twenty lines on entering.
//! `--listen ADDRESS:PORT` and `--threads N` say where and on how many threads; a room spans all of them.

mod rooms;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use kinglet_core::http::values::query::Query;
use kinglet_core::http::{Field, Handled, Method, Reply, Request, Status};
use kinglet_core::websocket::{
    CloseCode, Closed, Collected, Collector, Deflate, Message, Origins, Part, Socket, Terms,
};
use kinglet_core::{Application, Instant, field};
use kinglet_hosted::{Address, Handle, HeapStore, Options, Server};
use rooms::{Rooms, Seat};

/// One thread's application.
struct Chat {
    handle: Handle,
    rooms: Arc<Rooms>,
}

/// What is remembered of a WebSocket.
struct Guest {
    room: String,
    name: String,
    seat: Option<Seat>,
    message: Collector<HeapStore>,
    allowance: Allowance,
}

/// Longer than this no line may be, in bytes.
const MAX_LINE_LEN: u32 = 2000;

impl Default for Guest {
    fn default() -> Self {
        Self {
            room: String::new(),
            name: String::new(),
            seat: None,
            message: Collector::new(HeapStore::new(MAX_LINE_LEN)),
            allowance: Allowance::default(),
        }
    }
}

impl Application for Chat {
    type Exchange = Guest;

    fn request(&mut self, guest: &mut Guest, request: &Request<'_>, reply: Reply<'_>) -> Handled {
        const PAGE: &[u8] = include_bytes!("page.html");
        const HTML: Field<'_> = field!("Content-Type", "text/html; charset=utf-8");
        // The page has its script in it, and speaks with this server only.
        const POLICY: Field<'_> = field!(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        match (request.method(), request.path()) {
            (Method::Get | Method::Head, "/") => {
                reply.send_static(Status::OK, &[HTML, POLICY], PAGE)
            }
            (_, "/chat") => {
                let terms = Terms {
                    origins: Origins::Same,
                    deflate: Some(Deflate::SHARED),
                    ..Terms::ANY
                };
                guest.room = parameter(request, "room");
                guest.name = parameter(request, "name");
                reply.websocket(request, &terms)
            }
            _ => reply.send(Status::NOT_FOUND, &[], b""),
        }
    }

    fn opened(&mut self, guest: &mut Guest, socket: &mut Socket<'_>) {
        if guest.room.is_empty() || guest.name.is_empty() {
            let _ = socket.close(CloseCode::POLICY_VIOLATION, "a room and a name, please");
            return;
        }
        let (seat, history) = self.rooms.enter(&guest.room, &guest.name);
        guest.name = seat.name().to_owned();
        for line in &history {
            // Twenty short lines have room before anything else was said.
            let _ = socket.send(line.as_str());
        }
        self.handle.subscribe(socket.ticket(), &guest.room);
        self.say(
            guest,
            &rooms::notice(&guest.name, "is here", &self.rooms.names(&guest.room)),
        );
        guest.seat = Some(seat);
    }

    fn message(&mut self, guest: &mut Guest, part: Part<'_>, socket: &mut Socket<'_>) {
        let text = match guest.message.push(part) {
            Collected::Message(message) => message.as_text().map(String::from),
            Collected::Partly => return,
            Collected::TooLong => return socket.refuse_long_message(),
        };
        let Some(text) = text.filter(|_| guest.seat.is_some()) else {
            let _ = socket.close(CloseCode::UNSUPPORTED_DATA, "text only");
            return;
        };
        if text.len() > MAX_LINE_LEN as usize {
            return socket.refuse_long_message();
        }
        if !guest.allowance.takes_one(socket.context().now) {
            let _ = socket.close(CloseCode::POLICY_VIOLATION, "slower, please");
            return;
        }
        let line = rooms::line(&guest.name, &text);
        self.rooms.remember(&guest.room, &line);
        self.say(guest, &line);
    }

    fn closed(&mut self, guest: &mut Guest, _: Closed<'_>) {
        if let Some(seat) = guest.seat.take() {
            let here = self.rooms.leave(&guest.room, &seat);
            self.say(guest, &rooms::notice(&guest.name, "has left", &here));
        }
    }
}

impl Chat {
    fn say(&self, guest: &Guest, line: &str) {
        self.handle.publish(&guest.room, Message::text(line));
    }
}

/// The decoded value of a query's parameter, short and without control characters; else nothing.
fn parameter(request: &Request<'_>, name: &str) -> String {
    let query = Query::new(request.query().unwrap_or_default().as_bytes());
    let mut bytes = [0; 100];
    let value = query
        .value_of(name)
        .and_then(|value| value.decode_into(&mut bytes).ok());
    let value = value.and_then(|value| std::str::from_utf8(value).ok());
    let value = value.unwrap_or_default();
    let is_fit = value.chars().count() <= 24 && !value.chars().any(char::is_control);
    if is_fit {
        value.trim().to_owned()
    } else {
        String::new()
    }
}

/// How many lines a guest may still say: five, and one more each second.
#[derive(Default)]
struct Allowance {
    spent: u32,
    since: Instant,
}

impl Allowance {
    fn takes_one(&mut self, now: Instant) -> bool {
        while self.spent > 0 && self.since.until(now) >= Duration::from_secs(1) {
            self.since = self.since.after(Duration::from_secs(1));
            self.spent -= 1;
        }
        if self.spent == 0 {
            self.since = now;
        }
        self.spent += 1;
        self.spent <= 5
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    use lexopt::prelude::*;

    let mut address: Address = "127.0.0.1:8082".parse()?;
    let mut options = Options::default();
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("listen") => address = arguments.value()?.parse()?,
            Long("threads") => options.threads = arguments.value()?.parse()?,
            _ => return Err(argument.unexpected().into()),
        }
    }
    let server = Server::bind(&address, options)?;
    server.drain_on_signals()?;
    println!("serving http://{}/ until Ctrl-C", server.local_address());
    let (handle, rooms) = (server.handle(), Arc::new(Rooms::default()));
    server.run(|_thread| Chat {
        handle: handle.clone(),
        rooms: Arc::clone(&rooms),
    })?;
    Ok(())
}
