//! The application that `tests/vectors/README.md` describes.

use kinglet_core::http::server::Part;
use kinglet_core::http::{
    Field, Fields, Framing, Handled, Length, Method, Reply, Request, Status, Stream, Target,
    Version,
};
use kinglet_core::{Application, field};

use super::escape::escape;

/// An application that writes down what it is told, and answers as the path asks.
#[derive(Debug, Default)]
pub struct Recorder {
    /// What it has been told, one event a line, as in a vector.
    pub events: Vec<String>,
    /// Whether the last answer changed the protocol.
    pub is_switched: bool,
}

/// What is remembered of an exchange: the kind of its stream, and how often it was called.
#[derive(Debug, Default)]
pub struct Turns {
    path: String,
    stream: u32,
}

const OK: &[u8] = b"ok";
const NOTE: Field<'_> = field!("Note", "x");

impl Recorder {
    fn told(&mut self, event: impl Into<String>) {
        self.events.push(event.into());
    }

    /// Content counts by its bytes, not by the parts it comes in.
    fn told_content(&mut self, data: &[u8]) {
        match self
            .events
            .last_mut()
            .filter(|event| event.starts_with("content "))
        {
            Some(event) => event.push_str(&escape(data)),
            None => self.told(format!("content {}", escape(data))),
        }
    }

    fn told_end(&mut self, trailers: Fields<'_>) {
        for line in trailers {
            let line = format!("trailer {}: {}", line.name(), escape(line.value()));
            self.told(line.trim_end());
        }
        self.told("end");
    }

    fn told_request(&mut self, request: &Request<'_>) {
        let form = match request.target() {
            Target::Origin { .. } => "origin",
            Target::Absolute { .. } => "absolute",
            Target::Authority(_) => "authority",
            Target::Asterisk => "asterisk",
            _ => "unknown",
        };
        let version = match request.version() {
            Version::Http10 => "1.0",
            _ => "1.1",
        };
        let authority = match request.authority() {
            "" => "-",
            authority => authority,
        };
        let method = request.method();
        let target = escape(request.raw_target());
        self.told(format!(
            "request {method} {form} {target} {version} {authority}"
        ));
        for line in request.fields() {
            let line = format!("field {}: {}", line.name(), escape(line.value()));
            self.told(line.trim_end());
        }
    }

    fn answer(&mut self, turns: &Turns, reply: Reply<'_>) -> Handled {
        match turns.path.as_str() {
            "/stream" => reply.start(Status::OK, &[], Length::Unknown),
            "/exact" | "/short" => reply.start(Status::OK, &[], Length::Exact(11)),
            "/nothing" => reply.start(Status::NO_CONTENT, &[], Length::Unknown),
            "/switch" => {
                self.is_switched = true;
                reply.switch(&[field!("Upgrade", "shout")])
            }
            "/tunnel" => {
                self.is_switched = true;
                reply.switch(&[])
            }
            path => {
                let status = path
                    .strip_prefix("/status/")
                    .and_then(|code| code.parse().ok());
                let status = status.and_then(Status::new).unwrap_or(Status::OK);
                reply.send(status, &[], OK)
            }
        }
    }
}

impl Application for Recorder {
    type Exchange = Turns;

    fn request(&mut self, turns: &mut Turns, request: &Request<'_>, reply: Reply<'_>) -> Handled {
        if let Some(content) = request.content() {
            if !content.is_empty() {
                self.told_content(content);
            }
            self.told_end(request.trailers());
            return reply.send(Status::OK, &[], content);
        }
        self.told_request(request);
        turns.path = match request.method() {
            Method::Connect if request.authority().starts_with("refuse") => "/status/403".into(),
            Method::Connect => "/tunnel".into(),
            _ => request.path().into(),
        };
        match turns.path.as_str() {
            "/collect" => reply.collect(10),
            "/early" | "/nothing" => self.answer(turns, reply),
            "/interim" => {
                let reply = reply.interim(Status::EARLY_HINTS, &[NOTE]);
                reply.send(Status::OK, &[], OK)
            }
            _ if request.framing() == Framing::None => self.answer(turns, reply),
            _ => reply.receive(),
        }
    }

    fn content(&mut self, turns: &mut Turns, part: Part<'_>, reply: Reply<'_>) -> Handled {
        match part {
            Part::Data(data) => {
                self.told_content(data);
                reply.receive()
            }
            Part::End(trailers) => {
                self.told_end(trailers);
                self.answer(turns, reply)
            }
        }
    }

    fn stream(&mut self, turns: &mut Turns, mut stream: Stream<'_>) -> Handled {
        turns.stream += 1;
        match (turns.path.as_str(), turns.stream) {
            ("/stream" | "/exact" | "/short", 1) => {
                stream.write(b"hello");
                stream.more()
            }
            ("/short", _) => stream.finish(),
            ("/stream", 2) | ("/exact", 2) => {
                stream.write(b" world");
                stream.more()
            }
            ("/stream", _) => match stream.finish_with(&[NOTE]) {
                Ok(handled) => handled,
                Err(stream) => stream.abort(),
            },
            ("/exact", _) => stream.finish(),
            _ => {
                let loud = stream.content().to_ascii_uppercase();
                let written = stream.write(&loud);
                stream.consume(written);
                if stream.content_has_ended() {
                    stream.finish()
                } else {
                    stream.receive()
                }
            }
        }
    }
}
