//! A client's WebSocket without its stream: the engine's machine, and its bytes.

use kinglet_core::http::ResponseParser;
use kinglet_core::websocket::{
    self, AnswerError, CloseCode, Connection, Event, Kind, Message, Opening, Part, Rest, Role,
    SendError, Socket,
};
use kinglet_core::window::Outlook;
use kinglet_core::{Compression, Context, Instant, Limits, Stamp};

use super::Failure;
use crate::wire::{Buffers, Wire};

/// What came of waiting for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these three are all there is")]
pub enum Received<T> {
    /// It has come.
    Message(T),
    /// Nothing until then.
    Nothing,
    /// The WebSocket is closed, and so is to be the stream.
    Closed(Close),
}

/// How a WebSocket came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    code: CloseCode,
    error: Option<websocket::Error>,
}

impl Close {
    /// See [`Closed::code`](websocket::Closed::code).
    #[must_use]
    pub const fn code(&self) -> CloseCode {
        self.code
    }

    /// The rule that the server broke, the bound that it reached, or the deadline that it let pass.
    #[must_use]
    pub const fn error(&self) -> Option<websocket::Error> {
        self.error
    }

    /// Whether the closing handshake was done.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.error.is_none() && self.code != CloseCode::ABNORMAL
    }
}

/// The opening handshake, under way.
#[derive(Debug)]
pub(crate) struct Handshake<'b> {
    wire: Wire<'b>,
    parser: ResponseParser,
    // the head is the first `len` bytes of the output
    sent: usize,
    len: usize,
    context: Context,
}

impl<'b> Handshake<'b> {
    pub(crate) fn new(
        opening: &mut Opening<'_>,
        buffers: Buffers<'b>,
        limits: Limits,
        random: fn() -> [u8; 4],
    ) -> Result<Self, Failure> {
        let mut wire = Wire::new(buffers);
        if wire.compression() == Compression::None {
            opening.deflate = None;
        }
        let len = opening.emit(wire.output());
        let mut context = Context::new(limits, Stamp::EMPTY);
        context.random = random;
        Ok(Self {
            wire,
            parser: ResponseParser::new(),
            sent: 0,
            len: len.ok_or(Failure::InvalidOpening)?,
            context,
        })
    }

    pub(crate) fn unsent(&mut self) -> &[u8] {
        let unsent = self.wire.output().get(self.sent..self.len);
        unsent.unwrap_or_default()
    }

    pub(crate) const fn sent(&mut self, len: usize) {
        self.sent = self.sent.saturating_add(len);
    }

    pub(crate) const fn wire(&mut self) -> &mut Wire<'b> {
        &mut self.wire
    }

    /// The WebSocket, once the answer has come whole.
    pub(crate) fn check<'c>(
        &mut self,
        opening: &Opening<'c>,
    ) -> Result<Option<websocket::Opened<'c>>, Failure> {
        loop {
            let window = self.wire.remaining();
            let Some(response) = self.parser.parse(window, &self.context.limits)? else {
                return match self.wire.outlook() {
                    Outlook::More => Ok(None),
                    Outlook::Full => Err(kinglet_core::http::Error::Limit(
                        kinglet_core::http::LimitError::HeadTooLarge,
                    )
                    .into()),
                    Outlook::Ended => Err(Failure::Closed),
                };
            };
            let (len, checked) = (response.head_len(), opening.check(&response));
            match checked {
                Ok(opened) => {
                    self.wire.skip(len);
                    return Ok(Some(opened));
                }
                // An interim response goes before the one that counts.
                Err(AnswerError::Status(status)) if status.is_informational() => {
                    self.wire.skip(len);
                    self.parser = ResponseParser::new();
                }
                Err(error) => return Err(Failure::Opening(error)),
            }
        }
    }

    pub(crate) fn open(self, opened: &websocket::Opened<'_>) -> Channel<'b> {
        Channel {
            wire: self.wire,
            connection: Connection::new(Role::Client, opened.compression),
            context: self.context,
            close: None,
            is_over: false,
        }
    }
}

/// An open WebSocket.
#[derive(Debug)]
pub(crate) struct Channel<'b> {
    wire: Wire<'b>,
    connection: Connection,
    context: Context,
    close: Option<Close>,
    is_over: bool,
}

/// What is to be done next, when all of the output is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Again,
    /// A part has been handed over.
    Part,
    /// Read some bytes, until then at the latest.
    Read(Option<Instant>),
    Shutdown,
    Closed(Close),
}

impl<'b> Channel<'b> {
    pub(crate) const fn wire(&mut self) -> &mut Wire<'b> {
        &mut self.wire
    }

    pub(crate) const fn tell(&mut self, now: Instant) {
        self.context.now = now;
    }

    /// One step of the engine. Hands a part to `on_part`, if one is here.
    pub(crate) fn step(
        &mut self,
        on_part: impl FnOnce(Part<'_>, &mut Socket<'_>),
    ) -> Result<Step, Failure> {
        if self.is_over {
            return Err(Failure::Closed);
        }
        let (connection, context, close) = (&mut self.connection, &self.context, &mut self.close);
        let step = self.wire.turn(|input, output| {
            match connection.step(context, input, output) {
                Event::Part(part, mut socket) => {
                    on_part(part, &mut socket);
                    Step::Part
                }
                Event::Closed(closed) => {
                    *close = Some(Close {
                        code: closed.code(),
                        error: closed.error(),
                    });
                    Step::Again
                }
                Event::Receive => Step::Read(None),
                Event::Shutdown => Step::Shutdown,
                Event::Close(_) => Step::Closed(close.unwrap_or(Close {
                    code: CloseCode::ABNORMAL,
                    error: None,
                })),
                // What there is to be sent is sent before each step, and nobody asks to be called.
                Event::Send | Event::Ready(_) | _ => Step::Again,
            }
        });
        match step {
            Step::Closed(_) => self.is_over = true,
            Step::Read(_) => return Ok(Step::Read(self.connection.deadline())),
            Step::Again | Step::Part | Step::Shutdown => {}
        }
        Ok(step)
    }

    /// Takes note of an attempt to send: when to try again at the latest, if something is left.
    pub(crate) fn sent(&mut self, len: usize) -> Result<Option<Instant>, Failure> {
        self.wire.sent(len);
        let unsent_len = self.wire.unsent_len();
        if self.connection.unsent(&self.context, unsent_len).is_err() {
            self.is_over = true;
            self.wire.drop_unsent();
            return Err(Failure::Slow);
        }
        Ok(self.connection.send_deadline())
    }

    /// What is to be written, and what says until when that may last, each time that it has lasted so
    /// long: `None` where it is to be given up.
    #[cfg(feature = "async")]
    pub(crate) fn writing(&mut self) -> (&[u8], impl FnMut(Instant) -> Option<Instant>) {
        let (connection, context) = (&mut self.connection, &mut self.context);
        let unsent_len = self.wire.unsent_len();
        let stuck = move |now| {
            context.now = now;
            connection.unsent(context, unsent_len).ok()?;
            connection.send_deadline()
        };
        (self.wire.unsent(), stuck)
    }

    /// Has `say` put something into the output.
    pub(crate) fn say(
        &mut self,
        say: impl FnOnce(&mut Socket<'_>) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        let (connection, context) = (&mut self.connection, &self.context);
        self.wire
            .turn(|_, output| say(&mut connection.socket(context, output)))
    }

    /// Puts a fragment of a message that does not fit the output, from this byte on: where the next
    /// begins, and `None` when that was the last.
    pub(crate) fn say_part(
        &mut self,
        message: Message<'_>,
        from: usize,
    ) -> Result<Option<usize>, SendError> {
        let mut next = None;
        self.say(|socket| {
            let left = message.data().get(from..).unwrap_or_default();
            let len = part_len(message.kind(), left, socket.room());
            let part = left.get(..len).unwrap_or_default();
            if len == 0 && !left.is_empty() {
                return Err(SendError::TooLong);
            }
            next = (len < left.len()).then_some(from.saturating_add(len));
            let rest = next.map_or(Rest::None, |_| Rest::More);
            match (message.kind(), core::str::from_utf8(part)) {
                (Kind::Text, Ok(text)) => socket.fragment(text, rest),
                (Kind::Text, Err(_)) | (Kind::Binary, _) => socket.fragment(part, rest),
            }
        })?;
        Ok(next)
    }
}

/// How much of a message fits `room` bytes. Text is not split within a character.
fn part_len(kind: Kind, left: &[u8], room: usize) -> usize {
    let is_inside = |at: usize| left.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let mut len = room.min(left.len());
    while kind == Kind::Text && len > 0 && is_inside(len) {
        len = len.saturating_sub(1);
    }
    len
}

/// Where a message is put together that is to be handed over whole.
#[derive(Debug)]
pub(crate) struct Gathering<'m> {
    into: &'m mut [u8],
    len: usize,
    kind: Kind,
    progress: Gathered,
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gathered {
    Partly,
    Whole,
    /// It is longer than what it is put into; the connection fails for it.
    TooLong,
}

impl<'m> Gathering<'m> {
    pub(crate) const fn new(into: &'m mut [u8]) -> Self {
        Self {
            into,
            len: 0,
            kind: Kind::Binary,
            progress: Gathered::Partly,
        }
    }

    pub(crate) fn take(&mut self, part: Part<'_>, socket: &mut Socket<'_>) {
        if part.place().is_first() {
            (self.len, self.kind) = (0, part.kind());
        }
        if self.progress == Gathered::TooLong {
            return;
        }
        let end = self.len.saturating_add(part.data().len());
        match self.into.get_mut(self.len..end) {
            Some(to) if to.len() == part.data().len() => to.copy_from_slice(part.data()),
            _ => {
                self.progress = Gathered::TooLong;
                return socket.refuse_long_message();
            }
        }
        self.len = end;
        if part.place().is_last() {
            self.progress = Gathered::Whole;
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.progress == Gathered::Whole
    }

    pub(crate) fn message(self) -> Message<'m> {
        let data: &'m [u8] = self.into;
        let data = data.get(..self.len).unwrap_or_default();
        match (self.kind, core::str::from_utf8(data)) {
            (Kind::Text, Ok(text)) => Message::text(text),
            (Kind::Text, Err(_)) | (Kind::Binary, _) => Message::binary(data),
        }
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Close {
    fn format(&self, to: defmt::Formatter<'_>) {
        defmt::Debug2Format(self).format(to);
    }
}
