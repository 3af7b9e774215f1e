//! An application that answers in every way.

use core::cell::RefCell;
use core::time::Duration;
use std::rc::Rc;

use kinglet_core::Application;
use kinglet_core::http::{Handled, Length, Method, Part, Reply, Request, Status, Stream, Ticket};
use kinglet_core::websocket::{self, Closed, Deflate, SendError, Socket, Terms};

/// Longer than what is copied.
pub static LONG: [u8; 3000] = [b'x'; 3000];

/// How much `/stream` says.
pub const STREAMED: usize = 20_000;

#[derive(Clone, Debug, Default)]
pub struct App {
    pub ticket: Option<Ticket>,
    /// The codes of WebSockets that were closed.
    pub closed: Rc<RefCell<Vec<u16>>>,
    /// How many bytes of messages have come.
    pub messages_len: usize,
}

#[derive(Debug, Default)]
pub struct Seen {
    len: usize,
    /// Whether something is to be said each second.
    beats: bool,
}

impl Application for App {
    type Exchange = Seen;

    fn request(&mut self, seen: &mut Seen, request: &Request<'_>, reply: Reply<'_>) -> Handled {
        if let Some(content) = request.content() {
            return reply.send(Status::OK, &[], content);
        }
        seen.beats = request.path() == "/beats";
        match request.path() {
            "/" => reply.send(Status::OK, &[], b"hello"),
            "/static" => reply.send_static(Status::OK, &[], &LONG),
            "/stream" | "/beats" => reply.start(Status::OK, &[], Length::Unknown),
            "/interim" => reply
                .interim(Status::EARLY_HINTS, &[])
                .send(Status::OK, &[], b"after"),
            "/echo" => reply.collect(512),
            "/upload" if request.method() == Method::Post => reply.receive(),
            "/refuse" => reply.send(Status::CONTENT_TOO_LARGE, &[], b"no"),
            "/later" => {
                let (ticket, handled) = reply.later();
                self.ticket = Some(ticket);
                handled
            }
            "/socket" => {
                let terms = Terms {
                    protocols: &["echo"],
                    deflate: Some(Deflate::MICROCONTROLLER),
                    ..Terms::ANY
                };
                reply.websocket(request, &terms)
            }
            _ => reply.send(Status::NOT_FOUND, &[], b""),
        }
    }

    fn content(&mut self, seen: &mut Seen, part: Part<'_>, reply: Reply<'_>) -> Handled {
        match part {
            Part::Data(data) => {
                seen.len += data.len();
                reply.receive()
            }
            Part::End(trailers) => {
                let text = format!("{} {}", seen.len, trailers.into_iter().count());
                reply.send(Status::OK, &[], text.as_bytes())
            }
        }
    }

    fn resume(&mut self, _: &mut Seen, reply: Reply<'_>) -> Handled {
        reply.send(Status::OK, &[], b"late")
    }

    fn stream(&mut self, seen: &mut Seen, mut stream: Stream<'_>) -> Handled {
        if seen.beats {
            stream.write(&[b'b'; 700]);
            let next = stream.context().now.after(Duration::from_secs(1));
            return stream.wait_until(next);
        }
        let left = STREAMED - seen.len;
        seen.len += stream.write(&[b'z'; 700][..left.min(700)]);
        if seen.len == STREAMED {
            stream.finish()
        } else {
            stream.more()
        }
    }

    fn message(&mut self, _: &mut Seen, part: websocket::Part<'_>, socket: &mut Socket<'_>) {
        self.messages_len += part.data().len();
        match socket.forward(part) {
            Ok(()) | Err(SendError::Closing) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn closed(&mut self, _: &mut Seen, closed: Closed<'_>) {
        self.closed.borrow_mut().push(closed.code().as_u16());
    }
}
