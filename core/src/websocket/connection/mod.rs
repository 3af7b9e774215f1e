//! A WebSocket in either role: bytes and time in, events and frames out.
//!
//! ```text
//!          +--------------------------- step ---------------------------+
//!          |                                                            |
//!   input -+-> header -> payload, unmasked in place ----> Part, Socket  +-> output
//!          |          \-> ping ---------------------------------> pong  |
//!          |           \-> close -------------> Closed,          close  |
//!          |                                                            |
//!          |   Receive   Send   Shutdown   Close                        |
//!          +------------------------------------------------------------+
//! ```
//!
//! Pongs, pings and Close frames are written here, and here only. A frame's header and a control frame
//! stay in the input until they are whole; of a data frame nothing does. So the state is that of one
//! frame and one message, whatever their lengths.

mod end;
mod read;
mod timer;

use super::deflate::Takeover;
use super::error::Error;
use super::extension::Agreement;
use super::mask::Mask;
use super::message::{Kind, Part, Place};
use super::socket::Socket;
use super::state::{Receive, Receiving, Send, Sending};
use super::utf8::Utf8;
use super::{CloseCode, Role};
use crate::http::Ticket;
use crate::http::server::Cause;
use crate::pace::SendPace;
use crate::window::{Input, Output};
use crate::{Context, Instant};

/// The state of one WebSocket: no buffer, no clock, no callback.
#[derive(Debug)]
pub struct Connection {
    /// Bytes of the data frame under way that are not read.
    left: u64,
    /// Bytes of the message under way, inflated.
    message_len: u64,
    /// Bytes of it that came, while it is a compressed one.
    deflated_len: u64,
    mask: Mask,
    /// Frames of the message under way.
    fragments: u32,
    /// Bytes of the input that the last event has borrowed; the next step consumes them.
    lent: u32,
    /// Bytes at the start of the input that are unmasked and not inflated.
    unmasked: u32,
    /// How many bytes the input had when the last step ran out of them.
    seen: u32,
    /// The exchange of the HTTP connection that was upgraded; for tickets.
    exchange: u32,
    deadline: Instant,
    pub(super) pace: SendPace,
    utf8: Utf8,
    pub(super) agreement: Option<Agreement>,
    incoming: Option<Incoming>,
    /// The kind of the message that is sent in fragments, between the first and the last.
    pub(super) outgoing: Option<Kind>,
    receiving: Receiving,
    pub(super) sending: Sending,
    timer: Timer,
    pub(super) role: Role,
    pub(super) wake: Wake,
    notice: Notice,
    /// Why it ends, once that is known.
    cause: Option<Cause>,
}

/// The message that is being received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Incoming {
    kind: Kind,
    coding: Coding,
    /// Whether the frame under way is the last.
    is_final: bool,
    /// Where the next part lies, should it not be the last.
    place: Place,
}

/// Whether a message is compressed (RFC 7692 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Plain,
    Deflated,
}

/// Which deadline [`Connection::deadline`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    Off,
    /// The peer has been silent; a ping is due then.
    Silence,
    /// A ping is out, and the peer is gone if nothing comes until then.
    Pong,
    /// Our Close frame is out, and the peer's is due.
    Close,
    /// All is said; the peer is to close.
    Drain,
}

/// What else the application is to be called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    None,
    /// For everything in the output having left.
    Sent,
    /// At once.
    Now,
    /// For its time having come.
    At(Instant),
}

/// What the application has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    /// Nothing: the WebSocket is open.
    None,
    /// The same, and the driver wants it to come to its end.
    Drain,
    /// That it is closed.
    Closed,
}

/// What a step has come to.
#[derive(Debug)]
#[must_use = "an event says what is to be done before the next step"]
#[non_exhaustive]
pub enum Event<'e> {
    /// Everything received has been used as far as it goes: wait for more, until the deadline.
    Receive,
    /// The output has no room to go on, or the application waits for it to leave: send it.
    Send,
    /// A part of a message has come.
    Part(Part<'e>, Socket<'e>),
    /// The application asked to be called: [`Socket::notify`], or its ticket was redeemed.
    Ready(Socket<'e>),
    /// The WebSocket is closed. Said once, whatever the end.
    Closed(Closed<'e>),
    /// Send what is in the output and close the sending side; then step again, and go on handing in
    /// what is received, which is dropped.
    Shutdown,
    /// Close the connection.
    Close(Cause),
}

/// How a WebSocket came to its end (RFC 6455 §7.1.4 to §7.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed<'e> {
    code: CloseCode,
    reason: &'e str,
    error: Option<Error>,
}

impl<'e> Closed<'e> {
    /// The close code: the peer's; [`NO_STATUS`](CloseCode::NO_STATUS) where its Close frame had none;
    /// ours where we failed the connection; [`ABNORMAL`](CloseCode::ABNORMAL) where no Close frame was
    /// seen in either direction that could have been the reason.
    #[must_use]
    pub const fn code(&self) -> CloseCode {
        self.code
    }

    /// The close reason that the peer gave; may be empty.
    #[must_use]
    pub const fn reason(&self) -> &'e str {
        self.reason
    }

    /// Whether the closing handshake was done: Close frames in both directions.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.error.is_none() && self.code != CloseCode::ABNORMAL
    }

    /// The rule that the peer broke, the bound that it reached, or the deadline that it let pass.
    #[must_use]
    pub const fn error(&self) -> Option<Error> {
        self.error
    }
}

/// What one part of a step asks for, before anything is lent to an [`Event`].
pub(crate) enum Next {
    Again,
    Receive,
    Send,
    Shutdown,
    Close(Cause),
    Fail(Error),
    Part(Slice),
    Ready,
    Closed {
        code: CloseCode,
        error: Option<Error>,
        /// Where in the input the reason lies.
        reason: (usize, usize),
    },
}

/// A part of a message, before it is lent.
#[derive(Clone, Copy)]
pub(crate) struct Slice {
    kind: Kind,
    place: Place,
    source: Source,
}

/// Where the bytes of a part lie.
#[derive(Clone, Copy)]
enum Source {
    /// From one byte of the input to another.
    Input(usize, usize),
    Inflater,
}

impl Connection {
    /// A WebSocket that has just been opened, when the last byte of the opening handshake is consumed.
    #[must_use]
    pub const fn new(role: Role, agreement: Option<Agreement>) -> Self {
        Self::of_exchange(role, agreement, 0)
    }

    pub(crate) const fn of_exchange(
        role: Role,
        agreement: Option<Agreement>,
        exchange: u32,
    ) -> Self {
        Self {
            left: 0,
            message_len: 0,
            deflated_len: 0,
            mask: Mask::new([0; 4]),
            fragments: 0,
            lent: 0,
            unmasked: 0,
            seen: 0,
            exchange,
            deadline: Instant::from_millis(0),
            pace: SendPace::NEW,
            utf8: Utf8::new(),
            agreement,
            incoming: None,
            outgoing: None,
            receiving: Receiving::Header,
            sending: Sending::Open,
            timer: Timer::Off,
            role,
            wake: Wake::None,
            notice: Notice::None,
            cause: None,
        }
    }

    /// Goes on as far as the next event.
    ///
    /// `input` is everything received and not consumed; the same bytes come again, with more behind
    /// them, until they are. Part of what is not consumed may have been unmasked in place: hand the
    /// same bytes in, and not a copy of what came. After [`Event::Close`] the connection is of no more
    /// use and answers the same again.
    #[inline]
    pub fn step<'e>(
        &'e mut self,
        context: &'e Context,
        input: &'e mut Input<'_>,
        output: &'e mut Output<'_>,
    ) -> Event<'e> {
        match self.next(context, input, output) {
            Next::Receive | Next::Again | Next::Fail(_) => Event::Receive,
            Next::Send => Event::Send,
            Next::Shutdown => Event::Shutdown,
            Next::Close(cause) => Event::Close(cause),
            Next::Part(slice) => {
                let (part, socket) = self.part(slice, context, input, output);
                Event::Part(part, socket)
            }
            Next::Ready => Event::Ready(self.socket(context, output)),
            Next::Closed {
                code,
                error,
                reason,
            } => Event::Closed(Closed::new(code, error, reason, input)),
        }
    }

    /// The step itself. The answer is never [`Next::Again`] or [`Next::Fail`].
    #[cfg_attr(not(small), inline(always))]
    pub(crate) fn next(
        &mut self,
        context: &Context,
        input: &mut Input<'_>,
        output: &mut Output<'_>,
    ) -> Next {
        input.consume(core::mem::take(&mut self.lent) as usize);
        if self.wake == Wake::Now && self.is_ready(output) {
            return Next::Ready;
        }
        loop {
            let next = match self.receiving {
                Receiving::Header => self.read_header(context, input, output),
                Receiving::Payload => self.read_payload(context, input, output),
                Receiving::Closed | Receiving::Discarding | Receiving::Ended => {
                    self.end(context, input, output)
                }
            };
            match next {
                Next::Again => {}
                Next::Fail(error) => self.fail(error),
                Next::Send => {
                    // No peer is late while output is sent first.
                    if self.timer != Timer::Close {
                        self.timer = Timer::Off;
                    }
                    self.put_off_news(context);
                    return next;
                }
                Next::Receive
                | Next::Shutdown
                | Next::Close(_)
                | Next::Part(_)
                | Next::Ready
                | Next::Closed { .. } => return next,
            }
        }
    }

    /// News whose time has come, and that there is no room for, are due when there is: a turn does not
    /// leave a deadline that has passed.
    #[cold]
    fn put_off_news(&mut self, context: &Context) {
        if let Wake::At(instant) = self.wake
            && context.now.has_reached(instant)
        {
            self.wake = Wake::Sent;
        }
    }

    /// Whether the application, which is to be called at once, can be.
    #[cold]
    fn is_ready(&mut self, output: &Output<'_>) -> bool {
        let is_ready = self.is_open() && !output.is_for_control();
        if is_ready {
            self.wake = Wake::None;
        }
        is_ready
    }

    /// Lends a part that has come, and the right to send.
    #[cfg_attr(not(small), inline(always))]
    pub(crate) fn part<'e>(
        &'e mut self,
        slice: Slice,
        context: &'e Context,
        input: &'e Input<'_>,
        output: &'e mut Output<'_>,
    ) -> (Part<'e>, Socket<'e>) {
        let data = match slice.source {
            Source::Input(start, end) => input.remaining_of(start, end),
            Source::Inflater => input.inflated(),
        };
        let part = Part::new(slice.kind, slice.place, data);
        (part, self.socket(context, output))
    }

    /// Lends the right to send, to a driver whose own code has something to say. What is put into the
    /// output has to be sent before the next step.
    #[cfg_attr(not(small), inline(always))]
    pub fn socket<'e>(
        &'e mut self,
        context: &'e Context,
        output: &'e mut Output<'_>,
    ) -> Socket<'e> {
        Socket::new(self, context, output.reborrow())
    }

    /// Lets the WebSocket come to its end with [`GOING_AWAY`](CloseCode::GOING_AWAY), as soon as what
    /// has come is read. Step again to have that done.
    pub fn drain(&mut self) {
        if self.notice == Notice::None {
            self.notice = Notice::Drain;
        }
    }

    /// Has the application called with a socket at the next step, where `exchange` is that of its
    /// ticket. Answers whether it is and the WebSocket is open.
    pub fn redeem(&mut self, exchange: u32) -> bool {
        let is_good = exchange == self.exchange && self.is_open();
        if is_good {
            self.wake = Wake::Now;
        }
        is_good
    }

    /// How messages are compressed, where that was agreed on.
    #[must_use]
    pub const fn agreement(&self) -> Option<Agreement> {
        self.agreement
    }

    /// Whether frames can still be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.sending == Sending::Open && self.cause.is_none()
    }

    /// Whether a whole frame from elsewhere may be put behind what is in the output: the WebSocket is
    /// open, and no message is under way in fragments.
    #[must_use]
    pub fn takes_frames(&self) -> bool {
        self.is_open() && self.outgoing.is_none()
    }

    pub(super) const fn ticket(&self, context: &Context) -> Ticket {
        Ticket::new(context.connection, self.exchange)
    }

    fn receive_side(&mut self, transition: Receive) {
        if let Some(state) = self.receiving.next(transition) {
            self.receiving = state;
        }
    }

    pub(super) fn send_side(&mut self, transition: Send) {
        if let Some(state) = self.sending.next(transition) {
            self.sending = state;
        }
    }

    fn lend(&mut self, len: usize) {
        self.lent = u32::try_from(len).unwrap_or(u32::MAX);
    }

    /// The window and the takeover that our compressor keeps to.
    pub(super) fn own_window(&self) -> Option<(u8, Takeover)> {
        let agreement = self.agreement?;
        Some(match self.role {
            Role::Server => agreement.server(),
            Role::Client => agreement.client(),
        })
    }

    /// The same of the peer's.
    fn peer_window(&self) -> Option<(u8, Takeover)> {
        let agreement = self.agreement?;
        Some(match self.role {
            Role::Server => agreement.client(),
            Role::Client => agreement.server(),
        })
    }
}

impl<'e> Closed<'e> {
    pub(crate) fn new(
        code: CloseCode,
        error: Option<Error>,
        (start, end): (usize, usize),
        input: &'e Input<'_>,
    ) -> Self {
        let reason = core::str::from_utf8(input.remaining_of(start, end));
        Self {
            code,
            reason: reason.unwrap_or_default(),
            error,
        }
    }

    /// No Close frame has been seen.
    pub(crate) const fn abnormal(error: Option<Error>) -> Self {
        Self {
            code: CloseCode::ABNORMAL,
            reason: "",
            error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_websocket_needs_no_more_than_the_http_connection_it_was() {
        let len = size_of::<Connection>();
        assert!(len <= 96, "{len} bytes");
    }
}
