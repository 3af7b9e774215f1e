//! What the device under test serves: a bit of everything that moves bytes.

use core::time::Duration;

use kinglet_core::Application;
use kinglet_core::http::{
    Framing, Handled, Length, Method, Reply, Request, Status, Stream, Ticket,
};
use kinglet_core::websocket::{Closed, Deflate, Part, Socket, Terms};

/// Longer than any ring.
pub(crate) static LARGE: [u8; 20_000] = {
    let mut bytes = [0; 20_000];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = b'a' + (at % 23) as u8;
        at += 1;
    }
    bytes
};

#[derive(Debug, Default)]
pub(crate) struct Everything {
    pub(crate) ticket: Option<Ticket>,
    pub(crate) opened: u32,
    pub(crate) closed: u32,
    pub(crate) requests: u32,
    /// Bytes of messages that were not sent back.
    pub(crate) sunk: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Exchange {
    #[default]
    Plain,
    Echo,
    Count(u64),
    Flash(usize),
    Endless,
    Sink,
}

impl Application for Everything {
    type Exchange = Exchange;

    fn request(
        &mut self,
        exchange: &mut Exchange,
        request: &Request<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        self.requests += 1;
        if let Some(content) = request.content() {
            return reply.send(Status::OK, &[], content);
        }
        match (request.method(), request.path()) {
            (_, path @ ("/ws" | "/sink")) => {
                if path == "/sink" {
                    *exchange = Exchange::Sink;
                }
                let terms = Terms {
                    deflate: Some(Deflate::MICROCONTROLLER),
                    ..Terms::ANY
                };
                reply.websocket(request, &terms)
            }
            (_, "/large") => reply.send_static(Status::OK, &[], &LARGE),
            (Method::Post, "/echo") => {
                *exchange = Exchange::Echo;
                let length = match request.framing() {
                    Framing::Length(len) => Length::Exact(len),
                    Framing::None => Length::Exact(0),
                    _ => Length::Unknown,
                };
                reply.start(Status::OK, &[], length)
            }
            (Method::Post, "/collect") => reply.collect(200),
            (Method::Post, "/count") => {
                *exchange = Exchange::Count(0);
                reply.start(Status::OK, &[], Length::Unknown)
            }
            (_, "/flash") => {
                *exchange = Exchange::Flash(0);
                reply.start(Status::OK, &[], Length::Unknown)
            }
            (_, "/endless") => {
                *exchange = Exchange::Endless;
                reply.start(Status::OK, &[], Length::Unknown)
            }
            (_, "/later") => {
                let (ticket, handled) = reply.later();
                self.ticket = Some(ticket);
                handled
            }
            (_, "/") => reply.send(Status::OK, &[], b"hello\n"),
            _ => reply.send(Status::NOT_FOUND, &[], b"nothing\n"),
        }
    }

    fn resume(&mut self, _: &mut Exchange, reply: Reply<'_>) -> Handled {
        reply.send(Status::OK, &[], b"resumed\n")
    }

    fn stream(&mut self, exchange: &mut Exchange, mut stream: Stream<'_>) -> Handled {
        match exchange {
            Exchange::Echo => {
                let written = stream.write(stream.content());
                stream.consume(written);
                if stream.content_has_ended() {
                    stream.finish()
                } else {
                    stream.receive()
                }
            }
            Exchange::Count(count) => {
                *count += stream.content().len() as u64;
                stream.consume(usize::MAX);
                if !stream.content_has_ended() {
                    return stream.receive();
                }
                let text = count.to_string();
                if stream.write(text.as_bytes()) == 0 {
                    return stream.more();
                }
                stream.finish()
            }
            Exchange::Flash(sent) => {
                *sent += stream.write_static(&LARGE[*sent..]);
                if *sent == LARGE.len() {
                    stream.finish()
                } else {
                    stream.more()
                }
            }
            Exchange::Endless => {
                stream.write(b"tick\n");
                let next = stream.context().now.after(Duration::from_secs(1));
                stream.wait_until(next)
            }
            Exchange::Plain | Exchange::Sink => stream.abort(),
        }
    }

    fn opened(&mut self, _: &mut Exchange, _: &mut Socket<'_>) {
        self.opened += 1;
    }

    fn message(&mut self, exchange: &mut Exchange, part: Part<'_>, socket: &mut Socket<'_>) {
        if *exchange == Exchange::Sink {
            self.sunk += part.data().len();
            return;
        }
        socket.forward(part).expect("as long as there is room for");
    }

    fn closed(&mut self, _: &mut Exchange, _: Closed<'_>) {
        self.closed += 1;
    }
}
