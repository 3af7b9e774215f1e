//! A connection in the client's role: one exchange after the other.
//!
//! ```text
//!  request, write, finish ->+----------------------+-> output
//!                           |      Connection      |
//!  step:          Receive <-|                      |<- input
//!    Head, Data .. Data, End+----------------------+
//! ```
//!
//! A driver lends what has come, as to a server's connection: what an event speaks of is consumed by the
//! next step. Interim responses (RFC 9110 §15.2) are passed over,
//! or told to who asks. There is no clock in here: how long to
//! wait for a server is the caller's to say.
//!
//! ```
//! use kinglet_core::http::client::{Connection, Event, Request};
//! use kinglet_core::window::{Outlook, Queue};
//! use kinglet_core::{Input, Limits, Output};
//!
//! let (mut room, mut queue) = ([0; 64], Queue::new());
//! let mut connection = Connection::new();
//! let mut answer = *b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
//! connection.request(
//!     &Request::get("/", "example.com"),
//!     &Input::new(&mut [], Outlook::More),
//!     &mut Output::new(&mut room, &mut queue),
//! )?;
//! let sent: Vec<u8> = queue.slices(&room).flatten().copied().collect();
//! assert_eq!(sent, b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
//!
//! let mut input = Input::new(&mut answer, Outlook::More);
//! assert_eq!(connection.step(&Limits::MICROCONTROLLER, &mut input)?, Event::Head);
//! let response = connection.response(input.remaining()).unwrap();
//! assert_eq!(response.status().code(), 200);
//! let event = connection.step(&Limits::MICROCONTROLLER, &mut input)?;
//! assert_eq!(event.data(input.remaining()), b"hi");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::fmt;

use super::content::{Decoder, Piece};
use super::error::{Error, LimitError, SyntaxError};
use super::field::{Field, Fields};
use super::framing::Framing;
use super::reply::Length;
use super::response::{Response, ResponseParser};
use super::{Method, Status, emit};
use crate::Limits;
use crate::window::{Input, Outlook, Output};

/// What is asked of a server.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "built by functional update from `get`"
)]
pub struct Request<'r> {
    /// The method.
    pub method: Method<'r>,
    /// The request target: a path, with a query where there is one.
    pub target: &'r str,
    /// The value of `Host`: a host, with a port where it is not the scheme's own.
    pub authority: &'r str,
    /// Further field lines.
    pub fields: &'r [Field<'r>],
    /// How long the content is, where there is some.
    pub content: Option<Length>,
    /// Whether it offers to go on in the protocols that `Upgrade` names among the fields
    /// (RFC 9110 §7.8); it has no content then.
    pub offers_upgrade: bool,
}

impl<'r> Request<'r> {
    /// GET, without further field lines.
    #[must_use]
    pub const fn get(target: &'r str, authority: &'r str) -> Self {
        Self {
            method: Method::Get,
            target,
            authority,
            fields: &[],
            content: None,
            offers_upgrade: false,
        }
    }
}

/// The state of one connection: no buffer, no clock.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    receiving: Receiving,
    sending: Sending,
    /// Bytes of the input that the last event spoke of; the next step consumes them.
    lent: usize,
    persistence: Persistence,
}

/// What is read.
#[derive(Clone, Copy, Debug)]
enum Receiving {
    /// Nothing: no request is under way.
    Idle,
    Head(ResponseParser, Asked),
    Content(Decoder),
    Failed(Error),
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    /// The request is whole.
    Complete,
    /// This much of its content is left.
    Length(u64),
    Chunked,
}

/// What of a request decides where the answer's content ends (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Head,
    Connect,
    Other,
}

/// Whether another exchange may follow (RFC 9112 §9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Persistence {
    Persist,
    Close,
}

/// What a step has come to. Offsets are in what remains of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an event says what is to be done before the next step"]
#[expect(clippy::exhaustive_enums, reason = "these are all there is")]
pub enum Event {
    /// More bytes are needed, or no request is under way.
    Receive,
    /// The final response's head has come: [`Connection::response`].
    Head,
    /// Content of the response has come, never empty.
    Data {
        /// Where it begins.
        start: usize,
        /// Where it ends.
        end: usize,
    },
    /// The content is whole; the trailer section lies there, if there is one.
    End {
        /// Where it begins.
        start: usize,
        /// Where it ends.
        end: usize,
    },
    /// The server has closed the connection before a byte of the answer came.
    Closed,
}

impl Event {
    /// The content, out of what remains of the input.
    #[must_use]
    pub fn data<'a>(&self, remaining: &'a [u8]) -> &'a [u8] {
        match *self {
            Self::Data { start, end } => remaining.get(start..end).unwrap_or_default(),
            Self::Receive | Self::Head | Self::End { .. } | Self::Closed => &[],
        }
    }

    /// The trailer section, out of what remains of the input.
    #[must_use]
    pub fn trailers<'a>(&self, remaining: &'a [u8]) -> Fields<'a> {
        match *self {
            Self::End { start, end } => Piece::End { start, end }.trailers(remaining),
            Self::Receive | Self::Head | Self::Data { .. } | Self::Closed => Fields::default(),
        }
    }
}

/// Why nothing of a request, or of its content, was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// There is no room for it now.
    Full,
    /// There will never be room for it, or a part of it is not what it should be.
    Invalid,
    /// An exchange is under way.
    Busy,
    /// No further exchange may follow on this connection.
    Closed,
    /// There is more or less content than was declared, or none is due.
    Length,
}

impl Connection {
    /// A connection that has just been made.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            receiving: Receiving::Idle,
            sending: Sending::Complete,
            lent: 0,
            persistence: Persistence::Persist,
        }
    }

    /// Writes the head of a request. What has come before it was asked for is no answer to it.
    ///
    /// # Errors
    ///
    /// Nothing was written, for the reason given.
    pub fn request(
        &mut self,
        request: &Request<'_>,
        input: &Input<'_>,
        output: &mut Output<'_>,
    ) -> Result<(), SendError> {
        if self.is_busy() {
            return Err(SendError::Busy);
        }
        let is_unasked = input.remaining().len() > self.lent;
        if !self.persists() || is_unasked || input.outlook() == Outlook::Ended {
            self.persistence = Persistence::Close;
            return Err(SendError::Closed);
        }
        let (framing, sending) = match request.content {
            _ if request.offers_upgrade => (Framing::Switched, Sending::Complete),
            None => (Framing::None, Sending::Complete),
            Some(Length::Exact(0)) => (Framing::Length(0), Sending::Complete),
            Some(Length::Exact(len)) => (Framing::Length(len), Sending::Length(len)),
            Some(Length::Unknown) => (Framing::Chunked, Sending::Chunked),
        };
        let is_empty = output.is_empty();
        let len = emit::request_head(
            output.spare(),
            request.method,
            request.target,
            request.authority,
            request.fields,
            framing,
        );
        match len {
            Some(len) => output.commit(len),
            None if is_empty => return Err(SendError::Invalid),
            None => return Err(SendError::Full),
        }
        self.sending = sending;
        let asked = if request.method == Method::Head {
            Asked::Head
        } else if request.method == Method::Connect {
            Asked::Connect
        } else {
            Asked::Other
        };
        self.receiving = Receiving::Head(ResponseParser::new(), asked);
        Ok(())
    }

    /// Writes content, and answers how many bytes of it there was room for.
    ///
    /// # Errors
    ///
    /// [`SendError::Length`].
    pub fn write(&mut self, data: &[u8], output: &mut Output<'_>) -> Result<usize, SendError> {
        let room = output.room();
        let (part, framed) = match self.sending {
            Sending::Complete if data.is_empty() => return Ok(0),
            Sending::Length(left) if data.len() as u64 <= left => {
                (data.get(..room).unwrap_or(data), false)
            }
            Sending::Chunked => {
                let room = room.saturating_sub(MAX_CHUNK_FRAMING);
                (data.get(..room).unwrap_or(data), true)
            }
            Sending::Complete | Sending::Length(_) => return Err(SendError::Length),
        };
        if part.is_empty() {
            return Ok(0);
        }
        if framed {
            let len = emit::chunk(output.spare(), part, "");
            output.commit(len.unwrap_or(0));
        } else {
            output.copy(part);
            self.pass(part.len());
        }
        Ok(part.len())
    }

    /// How many bytes of content the driver may send itself, behind what is in the output, and from
    /// where they lie: those of a declared length that are left. It tells of them with
    /// [`pass`](Self::pass).
    #[must_use]
    pub const fn passable(&self) -> u64 {
        match self.sending {
            Sending::Length(left) => left,
            Sending::Complete | Sending::Chunked => 0,
        }
    }

    /// Takes note that the driver has sent `len` bytes of content itself.
    pub const fn pass(&mut self, len: usize) {
        if let Sending::Length(left) = self.sending {
            self.sending = match left.saturating_sub(len as u64) {
                0 => Sending::Complete,
                left => Sending::Length(left),
            };
        }
    }

    /// Ends the content, with a trailer section where its length was not declared.
    ///
    /// # Errors
    ///
    /// [`SendError::Length`] where more was declared, or a trailer section cannot be sent;
    /// [`SendError::Full`].
    pub fn finish(
        &mut self,
        trailers: &[Field<'_>],
        output: &mut Output<'_>,
    ) -> Result<(), SendError> {
        match self.sending {
            Sending::Complete if trailers.is_empty() => Ok(()),
            Sending::Complete | Sending::Length(_) => Err(SendError::Length),
            Sending::Chunked => {
                let is_empty = output.is_empty();
                match emit::last_chunk(output.spare(), trailers) {
                    Some(len) => {
                        output.commit(len);
                        self.sending = Sending::Complete;
                        Ok(())
                    }
                    None if is_empty => Err(SendError::Invalid),
                    None => Err(SendError::Full),
                }
            }
        }
    }

    /// Goes on as far as the next event.
    ///
    /// # Errors
    ///
    /// The rule that the server broke, or the bound that it reached: the connection is to be closed.
    /// Each further step answers the same.
    pub fn step(&mut self, limits: &Limits, input: &mut Input<'_>) -> Result<Event, Error> {
        self.step_with_interim(limits, input, |_| {})
    }

    /// The same, and has `interim` called with each interim response that is passed over: 100
    /// (Continue), which content may wait for (RFC 9110 §10.1.1), or 103 (Early Hints, RFC 8297 §2).
    ///
    /// # Errors
    ///
    /// As of [`step`](Self::step).
    pub fn step_with_interim(
        &mut self,
        limits: &Limits,
        input: &mut Input<'_>,
        interim: impl FnMut(&Response<'_>),
    ) -> Result<Event, Error> {
        input.consume(core::mem::take(&mut self.lent));
        let event = match self.receiving {
            Receiving::Idle => Ok(Event::Receive),
            Receiving::Head(parser, asked) => self.read_head(parser, asked, limits, input, interim),
            Receiving::Content(decoder) => self.read_content(decoder, limits, input),
            Receiving::Failed(error) => Err(error),
        };
        if let Err(error) = event {
            self.receiving = Receiving::Failed(error);
            self.persistence = Persistence::Close;
        }
        event
    }

    fn read_head(
        &mut self,
        mut parser: ResponseParser,
        asked: Asked,
        limits: &Limits,
        input: &mut Input<'_>,
        mut interim: impl FnMut(&Response<'_>),
    ) -> Result<Event, Error> {
        loop {
            let window = input.remaining();
            let Some(response) = parser.parse(window, limits)? else {
                self.receiving = Receiving::Head(parser, asked);
                return match input.outlook() {
                    Outlook::More => Ok(Event::Receive),
                    Outlook::Full => Err(LimitError::HeadTooLarge.into()),
                    Outlook::Ended if window.is_empty() => {
                        self.persistence = Persistence::Close;
                        Ok(Event::Closed)
                    }
                    Outlook::Ended => Err(SyntaxError::Truncated.into()),
                };
            };
            let len = response.head_len();
            let status = response.status();
            if status.is_informational() && status != Status::SWITCHING_PROTOCOLS {
                interim(&response);
                input.consume(len);
                parser = ResponseParser::new();
                continue;
            }
            let method = match asked {
                Asked::Head => Method::Head,
                Asked::Connect => Method::Connect,
                Asked::Other => Method::Get,
            };
            let framing = response.framing(method)?;
            let lasts = matches!(framing, Framing::UntilClose | Framing::Switched);
            if lasts || !response.persists() {
                self.persistence = Persistence::Close;
            }
            self.receiving = Receiving::Content(Decoder::new(framing, limits)?);
            self.lent = len;
            return Ok(Event::Head);
        }
    }

    fn read_content(
        &mut self,
        mut decoder: Decoder,
        limits: &Limits,
        input: &mut Input<'_>,
    ) -> Result<Event, Error> {
        let mut piece = decoder.decode(input.remaining(), limits)?;
        if let Piece::More { consumed } = piece {
            input.consume(consumed);
            match input.outlook() {
                Outlook::More => {}
                // What does not fit whole is a trailer section, or a line that is as good as one.
                Outlook::Full => return Err(LimitError::TrailersTooLarge.into()),
                Outlook::Ended => {
                    decoder.end_of_input()?;
                    piece = Piece::End { start: 0, end: 0 };
                }
            }
        }
        self.receiving = Receiving::Content(decoder);
        Ok(match piece {
            Piece::More { .. } => Event::Receive,
            Piece::Data { start, end } => {
                self.lent = end;
                Event::Data { start, end }
            }
            Piece::End { start, end } => {
                self.lent = end;
                self.receiving = Receiving::Idle;
                if self.sending != Sending::Complete {
                    // The server has answered without all of the content, which cannot follow now.
                    self.persistence = Persistence::Close;
                    self.sending = Sending::Complete;
                }
                Event::End { start, end }
            }
        })
    }

    /// The response whose head lies at the start of `remaining`, after [`Event::Head`] and until the
    /// next step.
    #[must_use]
    pub fn response<'a>(&self, remaining: &'a [u8]) -> Option<Response<'a>> {
        let head = remaining.get(..self.lent)?;
        // It has been read before, within bounds.
        let response = ResponseParser::new().parse(
            head,
            &Limits {
                max_head_len: u16::MAX,
                max_field_lines: u16::MAX,
                ..Limits::SERVER
            },
        );
        response.ok().flatten()
    }

    /// How many bytes of the response's content are to come, where its head has declared that.
    #[must_use]
    pub const fn content_left(&self) -> Option<u64> {
        match &self.receiving {
            Receiving::Content(decoder) => decoder.left(),
            Receiving::Idle | Receiving::Head(..) | Receiving::Failed(_) => None,
        }
    }

    /// Whether content of the request is still to be written, or its end.
    #[must_use]
    pub const fn is_sending(&self) -> bool {
        !matches!(self.sending, Sending::Complete)
    }

    /// Whether a request has been sent, in part or whole, whose answer is not read to its end.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        !matches!(self.receiving, Receiving::Idle) || !matches!(self.sending, Sending::Complete)
    }

    /// Whether another request may follow when this exchange is over, as far as that is known.
    #[must_use]
    pub const fn persists(&self) -> bool {
        matches!(self.persistence, Persistence::Persist)
    }
}

impl Default for Connection {
    fn default() -> Self {
        Self::new()
    }
}

/// Bytes around the data of a chunk that is no longer than memory, at most: its size, and CRLF twice.
const MAX_CHUNK_FRAMING: usize = 16 + 4;

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "expected room in the output",
            Self::Invalid => "expected a request that can be sent and that fits the output",
            Self::Busy => "expected the exchange before to be over",
            Self::Closed => "expected a connection that persists",
            Self::Length => "expected content of the declared length",
        })
    }
}

impl core::error::Error for SendError {}

#[cfg(test)]
mod tests;
