//! The application of `docs/http-anatomy.md` and `docs/websocket-anatomy.md`, which have its tables of
//! paths.

use kinglet_core::http::server::Part;
use kinglet_core::http::{Field, Framing, Handled, Length, Method, Reply, Request, Status};
use kinglet_core::http::{Stream, Ticket};
use kinglet_core::websocket::{self, CloseCode, Closed, Collected, Collector, Deflate};
use kinglet_core::websocket::{Kind, Origins, Socket, Terms};
use kinglet_core::{Application, field};

use crate::escape::escape;

#[derive(Debug, Default)]
pub struct Anatomy {
    /// Of the last answer that was put off.
    pub ticket: Option<Ticket>,
    /// What WebSockets have told, in words.
    pub told: Vec<String>,
}

/// What is remembered of one exchange.
#[derive(Debug, Default)]
pub struct Exchange {
    answer: Answer,
    received: usize,
    sent: usize,
    message: Collector<heapless::Vec<u8, 1024>>,
    /// Whether messages are dropped.
    is_silent: bool,
}

/// What a streamed answer says.
#[derive(Clone, Copy, Debug, Default)]
enum Answer {
    /// [`PARTS`], and a trailer.
    #[default]
    Parts,
    /// The first of them.
    Broken,
    /// What the client sends.
    Echo,
    /// The same, louder.
    Shout,
}

const PLAIN: Field<'_> = field!("Content-Type", "text/plain");
const PUBLIC: Terms<'_> = Terms {
    deflate: Some(Deflate::SERVER),
    ..Terms::ANY
};
const CHAT: Terms<'_> = Terms {
    protocols: &["chat.v2", "chat"],
    origins: Origins::Same,
    deflate: None,
};
const PARTS: [&[u8]; 2] = [b"Hello, ", b"World!"];

impl Application for Anatomy {
    type Exchange = Exchange;

    fn request(
        &mut self,
        exchange: &mut Exchange,
        request: &Request<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        if let Some(content) = request.content() {
            return reply.send(Status::OK, &[PLAIN], content);
        }
        if request.method() == Method::Connect {
            exchange.answer = Answer::Shout;
            return reply.switch(&[]);
        }
        match request.path() {
            "/hello" => reply.send(Status::OK, &[PLAIN], b"Hello, World!"),
            "/host" => reply.send(Status::OK, &[PLAIN], request.authority().as_bytes()),
            "/early" => reply.send(Status::FORBIDDEN, &[], b""),
            "/nothing" => reply.send(Status::NO_CONTENT, &[], b""),
            "/cached" => reply.send(Status::NOT_MODIFIED, &[field!("ETag", "\"7\"")], b""),
            "/hints" => reply
                .interim(
                    Status::EARLY_HINTS,
                    &[field!("Link", "</a.css>; rel=preload")],
                )
                .send(Status::OK, &[PLAIN], b"Hello, World!"),
            "/count" if request.framing() != Framing::None => reply.receive(),
            "/collect" => reply.collect(64),
            "/echo" => {
                exchange.answer = Answer::Echo;
                let length = match request.framing() {
                    Framing::Length(len) => Length::Exact(len),
                    _ => Length::Unknown,
                };
                reply.start(Status::OK, &[PLAIN], length)
            }
            "/stream" => reply.start(Status::OK, &[PLAIN], Length::Unknown),
            "/broken" => {
                exchange.answer = Answer::Broken;
                reply.start(Status::OK, &[PLAIN], Length::Unknown)
            }
            "/later" => {
                let (ticket, handled) = reply.later();
                self.ticket = Some(ticket);
                handled
            }
            "/shout" => {
                exchange.answer = Answer::Shout;
                reply.switch(&[field!("Upgrade", "shout")])
            }
            "/ws" => reply.websocket(request, &PUBLIC),
            "/drop" => {
                exchange.is_silent = true;
                reply.websocket(request, &PUBLIC)
            }
            "/chat" => reply.websocket(request, &CHAT),
            _ => reply.send(Status::NOT_FOUND, &[], b""),
        }
    }

    fn content(&mut self, exchange: &mut Exchange, part: Part<'_>, reply: Reply<'_>) -> Handled {
        match part {
            Part::Data(data) => {
                exchange.received += data.len();
                reply.receive()
            }
            Part::End(trailers) => {
                let digest = trailers.value("digest").unwrap_or(b"no digest");
                let text = format!("{} bytes, {}", exchange.received, digest.escape_ascii());
                reply.send(Status::OK, &[PLAIN], text.as_bytes())
            }
        }
    }

    fn resume(&mut self, _: &mut Exchange, reply: Reply<'_>) -> Handled {
        reply.send(Status::OK, &[PLAIN], b"at last")
    }

    fn stream(&mut self, exchange: &mut Exchange, mut stream: Stream<'_>) -> Handled {
        match exchange.answer {
            Answer::Broken if exchange.sent == 1 => stream.abort(),
            Answer::Parts | Answer::Broken => match PARTS.get(exchange.sent) {
                Some(part) => {
                    stream.write(part);
                    exchange.sent += 1;
                    stream.more()
                }
                None => stream
                    .finish_with(&[field!("Digest", "abc")])
                    .unwrap_or_else(Stream::more),
            },
            Answer::Echo => give_back(stream, <[u8]>::to_vec),
            Answer::Shout => give_back(stream, <[u8]>::to_ascii_uppercase),
        }
    }

    fn message(
        &mut self,
        exchange: &mut Exchange,
        part: websocket::Part<'_>,
        socket: &mut Socket<'_>,
    ) {
        if exchange.is_silent {
            return;
        }
        let message = match exchange.message.push(part) {
            Collected::Message(message) => message,
            Collected::Partly => return,
            Collected::TooLong => return socket.refuse_long_message(),
        };
        let kind = match message.kind() {
            Kind::Text => "text",
            Kind::Binary => "binary",
        };
        let event = format!("{kind} {}", escape(message.data()));
        self.told.push(event.trim_end().into());
        let sent = match message.data() {
            b"bye" => socket.close(CloseCode::new(4000), "as asked"),
            _ => socket.send(message),
        };
        sent.expect("it is open, and there is room");
    }

    fn closed(&mut self, _: &mut Exchange, closed: Closed<'_>) {
        let clean = if closed.is_clean() {
            "clean"
        } else {
            "unclean"
        };
        let reason = escape(closed.reason().as_bytes());
        self.told
            .push(format!("closed {} {clean} \"{reason}\"", closed.code()));
    }
}

/// Sends what comes, changed by `change`, until nothing more comes.
fn give_back(mut stream: Stream<'_>, change: fn(&[u8]) -> Vec<u8>) -> Handled {
    let taken = stream.write(&change(stream.content()));
    stream.consume(taken);
    if stream.content_has_ended() {
        stream.finish()
    } else {
        stream.receive()
    }
}
