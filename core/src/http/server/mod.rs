//! A connection in the server's role: bytes and time in, events and bytes out.
//!
//! A driver calls [`Connection::step`] until it answers with something to wait for:
//!
//! ```text
//!          +--------------------------- step ---------------------------+
//!          |                                                            |
//!   input -+-> head -> Request -> content -> Content ... -> the next    +-> output
//!          |             |  Reply                 Reply                 |
//!          |             +-- begun -> Stream -> Stream ... -> whole     |
//!          |                                                            |
//!          |   Receive   Send   Wait   Shutdown   Close                 |
//!          +------------------------------------------------------------+
//! ```
//!
//! Requests that were sent ahead wait in the input until the exchange before them is over, so answers
//! leave in order. What an event has borrowed from the input is consumed by the next step. 100
//! (Continue), error answers and `Connection` are written here; there is no other path.

mod end;
mod exchange;
mod read;
mod timer;

use crate::http::Status;
use crate::http::content::Decoder;
use crate::http::error::Error;
use crate::http::field::Fields;
use crate::http::head::{HeadScan, Marks, Request};
use crate::http::reply::Reply;
use crate::http::state::{Receive, Receiving, Send, Sending};
use crate::http::stream::{Stream, Streaming, Want};
use crate::outcome::Outcome;
use crate::pace::SendPace;
use crate::websocket::extension::Agreement;
use crate::websocket::{self, Role};
use crate::window::{Input, Output};
use crate::{Context, Instant};

/// The state of one connection: no buffer, no clock, no callback.
#[derive(Debug)]
pub struct Connection {
    progress: Progress,
    /// Of the exchange under way, and of the head that is being read.
    marks: Marks,
    pub(in crate::http) plan: Plan,
    /// Bytes of the input that the last event has borrowed; the next step consumes them.
    pub(in crate::http) lent: u32,
    /// Exchanges begun, this one included.
    exchanges: u32,
    /// Bytes of unwanted content that may still be dropped in this exchange.
    discardable: u32,
    receive_deadline: Instant,
    /// Bytes that came since the rate was last looked at, modulo 2³².
    arrived: u32,
    /// What an application that observes has not been told of yet: the code of the answer, or one of
    /// those below.
    pub(in crate::http) status: u16,
    pace: SendPace,
    receiving: Receiving,
    pub(in crate::http) sending: Sending,
    timer: Timer,
    pub(in crate::http) afterwards: Afterwards,
    pub(in crate::http) expectation: Expectation,
    /// Why it ends, once that is known.
    cause: Option<Cause>,
}

/// [`Connection::status`] where nothing is to be told.
const TOLD: u16 = 0;
/// The same, where a request waits for its answer.
const ASKED: u16 = 1;

/// What is being read.
#[derive(Clone, Copy, Debug)]
enum Progress {
    Head(HeadScan),
    Content(Decoder),
}

/// What is to be done about the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Plan {
    /// A token is out; if it comes back unused, so is this.
    Undecided,
    /// The same, and the token is the first of its request.
    Asked,
    /// The content is to be handed over in parts.
    Receive,
    /// The content is to be handed over whole.
    Collect { max_len: u32, collected: u32 },
    /// The application will come back with a ticket.
    Later,
    /// It has.
    Resume,
    /// The answer is being streamed.
    Stream(Streaming),
    /// The connection goes on as a WebSocket.
    WebSocket(Option<Agreement>),
}

/// What becomes of the connection after this exchange (RFC 9112 §9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Afterwards {
    Persist,
    Close,
    /// Close, and an idle connection at once: the driver is draining.
    Drain,
}

/// What the client expects (RFC 9110 §10.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Expectation {
    None,
    /// 100 (Continue), or a final answer.
    Continue,
}

/// Which deadline [`Connection::receive_deadline`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    Off,
    Idle,
    Head,
    Content,
    /// The same, while output is sent first: it goes on where that takes no time to speak of.
    Paused,
    Drain,
}

/// What a step has come to.
#[derive(Debug)]
#[must_use = "an event says what is to be done before the next step"]
#[non_exhaustive]
pub enum Event<'e> {
    /// Everything received has been used as far as it goes: wait for more, until the deadline.
    Receive,
    /// The output has no room to go on: send it.
    Send,
    /// The application has the next move: wait for it, until the deadline.
    Wait,
    /// A request has come. With [`Request::content`], it comes the second time.
    Request(Request<'e>, Reply<'e>),
    /// Content has come, of a request that is not answered.
    Content(Part<'e>, Reply<'e>),
    /// A ticket has been redeemed.
    Resume(Reply<'e>),
    /// A streamed answer may go on: there is room, or content, or its time has come.
    Stream(Stream<'e>),
    /// Send what is in the output and close the sending side; then step again, and go on handing in
    /// what is received, which is dropped, so that the peer can read what was sent (RFC 9112 §9.6).
    /// The wait for the peer to close begins with that step.
    Shutdown,
    /// Close the connection.
    Close(Cause),
    /// The connection is a WebSocket from here on, after [`Reply::websocket`]: step that instead.
    WebSocket(websocket::Connection),
}

/// A part of a request's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these two are all there is")]
pub enum Part<'e> {
    /// The next bytes, never empty.
    Data(&'e [u8]),
    /// The content is whole. The trailer section is empty where there is none.
    End(Fields<'e>),
}

/// Why a connection closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The peer closed its side between two exchanges.
    Peer,
    /// Both sides had agreed on it, or the driver drained it.
    Agreed,
    /// The idle timeout passed between two exchanges.
    Idle,
    /// The application gave its answer up.
    Aborted,
    /// The peer broke a rule, reached a bound or was too slow.
    Failed(Error),
    /// The same, of a WebSocket.
    WebSocket(websocket::Error),
}

impl Connection {
    /// A connection that has just been accepted.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            progress: Progress::Head(HeadScan::NEW),
            marks: Marks::NONE,
            plan: Plan::Undecided,
            lent: 0,
            exchanges: 0,
            discardable: 0,
            receive_deadline: Instant::from_millis(0),
            arrived: 0,
            status: TOLD,
            pace: SendPace::NEW,
            receiving: Receiving::Head,
            sending: Sending::Idle,
            timer: Timer::Off,
            afterwards: Afterwards::Persist,
            expectation: Expectation::None,
            cause: None,
        }
    }

    /// Goes on as far as the next event.
    ///
    /// `input` is everything received and not consumed; the same bytes come again, with more behind
    /// them, until they are. After an event that hands over a token, use it and step again. After
    /// [`Event::Close`] the connection is of no more use and answers the same again.
    #[inline]
    pub fn step<'e>(
        &'e mut self,
        context: &'e Context,
        input: &'e mut Input<'_>,
        output: &'e mut Output<'_>,
    ) -> Event<'e> {
        let next = self.next(context, input, output);
        self.event(next, context, input, output)
    }

    /// The step itself: goes on to what has to be done or waited for. The answer is never
    /// [`Next::Again`] or [`Next::Fail`].
    ///
    /// What most requests come by is a part of the caller, and the rest is one call away: its
    /// invariants would be computed in every turn otherwise.
    #[cfg_attr(not(small), inline(always))]
    pub(crate) fn next(
        &mut self,
        context: &Context,
        input: &mut Input<'_>,
        output: &mut Output<'_>,
    ) -> Next {
        input.consume(core::mem::take(&mut self.lent) as usize);
        loop {
            let next = match (self.cause, self.sending) {
                (None, Sending::Idle) => self.read_head(context, input, output),
                (None, Sending::Complete) => self.complete(context, input, output),
                _ => self.next_of_rest(context, input, output),
            };
            match next {
                Next::Again => continue,
                Next::Fail(error) => {
                    self.fail(error);
                    continue;
                }
                Next::Send => self.pause(),
                Next::Wait => self.timer = Timer::Off,
                Next::Receive
                | Next::Shutdown
                | Next::Close(_)
                | Next::Request
                | Next::Collected { .. }
                | Next::Content { .. }
                | Next::End { .. }
                | Next::Resume
                | Next::Stream(_)
                | Next::WebSocket(_) => {}
            }
            return next;
        }
    }

    #[inline(never)]
    fn next_of_rest(
        &mut self,
        context: &Context,
        input: &mut Input<'_>,
        output: &mut Output<'_>,
    ) -> Next {
        let cause = self.cause.filter(|_| self.sending != Sending::Closed);
        match (cause, self.sending) {
            (Some(cause), _) => self.give_up(cause, context, output),
            (None, Sending::Idle) => self.read_head(context, input, output),
            (None, Sending::Owed) => self.owe(context, input, output),
            (None, Sending::Content) => self.stream(context, input, output),
            (None, Sending::Complete) => self.complete(context, input, output),
            (None, Sending::Closed) => self.discard(context, input),
        }
    }

    /// Lends to an event what it asks for.
    pub(crate) fn event<'e>(
        &'e mut self,
        next: Next,
        context: &'e Context,
        input: &'e Input<'_>,
        output: &'e mut Output<'_>,
    ) -> Event<'e> {
        match next {
            Next::Receive | Next::Again | Next::Fail(_) => Event::Receive,
            Next::Send => Event::Send,
            Next::Wait => Event::Wait,
            Next::Shutdown => Event::Shutdown,
            Next::Close(cause) => Event::Close(cause),
            Next::Request => match self.request(context, input, output) {
                Some((request, reply)) => Event::Request(request, reply),
                None => Event::Close(Cause::Aborted),
            },
            Next::Collected {
                content_end,
                trailers_end,
            } => self.collected_event(context, input, output, content_end, trailers_end),
            Next::Content { start, end } => {
                self.lend(end);
                let data = input.remaining_of(start, end);
                Event::Content(
                    Part::Data(data),
                    Reply::new(self, context, output.reborrow_for_answer()),
                )
            }
            Next::End { start, end } => {
                self.lend(end);
                let trailers = Fields::over(input.remaining_of(start, end));
                Event::Content(
                    Part::End(trailers),
                    Reply::new(self, context, output.reborrow_for_answer()),
                )
            }
            Next::Resume => Event::Resume(Reply::new(self, context, output.reborrow_for_answer())),
            Next::WebSocket(agreement) => Event::WebSocket(self.websocket(agreement)),
            Next::Stream(part) => {
                self.lend(part.end);
                let bytes = input.remaining_of(part.start, part.end);
                Event::Stream(Stream::new(
                    self,
                    context,
                    output.reborrow_for_answer(),
                    bytes,
                    part,
                ))
            }
        }
    }
}

/// What one part of a step asks for, before anything is lent to an [`Event`].
pub(crate) enum Next {
    Again,
    Receive,
    Send,
    Wait,
    Shutdown,
    Close(Cause),
    Fail(Error),
    Request,
    /// The request again, with the content that ends and the trailers that follow, as offsets.
    Collected {
        content_end: usize,
        trailers_end: usize,
    },
    Content {
        start: usize,
        end: usize,
    },
    End {
        start: usize,
        end: usize,
    },
    Resume,
    Stream(Offer),
    WebSocket(Option<Agreement>),
}

/// What of the content a stream is offered: a range of the input, and whether that is the end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offer {
    pub(in crate::http) start: usize,
    pub(in crate::http) end: usize,
    pub(in crate::http) is_end: bool,
}

impl Connection {
    /// Lets the connection come to its end: at once where it is idle, and else after the exchange
    /// that is under way. Step again to learn which.
    pub fn drain(&mut self) {
        self.afterwards = Afterwards::Drain;
    }

    /// Hands the next move to the application where it has a ticket for the exchange that is under
    /// way: the answer, also in the middle of content that is received, or the next part of a streamed
    /// one. Step again then.
    ///
    /// Answers whether the ticket was still good.
    pub fn redeem(&mut self, exchange: u32) -> bool {
        if self.exchanges != exchange || self.cause.is_some() {
            return false;
        }
        match &mut self.plan {
            Plan::Later | Plan::Receive if self.sending == Sending::Owed => {
                self.plan = Plan::Resume;
            }
            Plan::Stream(streaming)
                if self.sending == Sending::Content && streaming.want != Want::Abort =>
            {
                streaming.want = Want::Room;
            }
            Plan::Undecided
            | Plan::Asked
            | Plan::Receive
            | Plan::Collect { .. }
            | Plan::Later
            | Plan::Resume
            | Plan::Stream(_)
            | Plan::WebSocket(_) => return false,
        }
        true
    }

    /// The right to answer the exchange under way, where that was put off and the answer has not
    /// begun. `None` when it is too late for that.
    pub fn answer<'r>(
        &'r mut self,
        exchange: u32,
        context: &'r Context,
        output: &'r mut Output<'_>,
    ) -> Option<Reply<'r>> {
        let is_due = self.exchanges == exchange
            && self.sending == Sending::Owed
            && self.plan == Plan::Later
            && self.cause.is_none();
        is_due.then(|| {
            self.plan = Plan::Undecided;
            Reply::new(self, context, output.reborrow_for_answer())
        })
    }

    /// The WebSocket that the connection has become.
    pub(crate) fn websocket(&self, agreement: Option<Agreement>) -> websocket::Connection {
        let mut websocket =
            websocket::Connection::of_exchange(Role::Server, agreement, self.exchanges);
        if self.afterwards == Afterwards::Drain {
            websocket.drain();
        }
        websocket
    }

    /// An application that observes is to be told how the exchange ends that has just begun.
    pub(crate) const fn observe(&mut self) {
        self.status = ASKED;
    }

    /// Whether it has not been told.
    pub(crate) const fn is_observed(&self) -> bool {
        self.status != TOLD
    }

    /// How the exchange has ended, once for each that is over.
    pub(crate) fn take_outcome(&mut self) -> Option<Outcome<'static>> {
        let cause = match self.sending {
            Sending::Complete => None,
            Sending::Closed => self.cause,
            Sending::Idle | Sending::Owed | Sending::Content => return None,
        };
        self.is_observed().then(|| self.outcome(cause))
    }

    /// How the exchange has ended that is under way, if one is: the driver has given the connection up.
    pub(crate) fn abandon(&mut self) -> Option<Outcome<'static>> {
        let cause = self.cause.unwrap_or(Cause::Peer);
        self.is_observed().then(|| self.outcome(Some(cause)))
    }

    fn outcome(&mut self, cause: Option<Cause>) -> Outcome<'static> {
        let code = core::mem::replace(&mut self.status, TOLD);
        Outcome::new(Status::new(code), cause)
    }

    /// Bytes of the input that the next step consumes.
    pub(crate) const fn lent(&self) -> u32 {
        self.lent
    }

    /// Whether no exchange is under way and nothing of a next one has come.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.sending == Sending::Idle && self.timer != Timer::Head
    }

    /// Whether nothing of a first exchange has come.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.exchanges == 0 && self.is_idle()
    }

    /// Whether no exchange is under way.
    pub(crate) fn is_between_exchanges(&self) -> bool {
        self.sending == Sending::Idle
    }

    /// The request that [`Next::Request`] is about, and the right to answer it.
    #[cfg_attr(not(small), inline(always))]
    pub(crate) fn request<'e>(
        &'e mut self,
        context: &'e Context,
        input: &'e Input<'_>,
        output: &'e mut Output<'_>,
    ) -> Option<(Request<'e>, Reply<'e>)> {
        let Progress::Content(decoder) = &self.progress else {
            return None;
        };
        let request = self.marks.request(input.remaining(), decoder.framing())?;
        Some((
            request,
            Reply::new(self, context, output.reborrow_for_answer()),
        ))
    }

    fn collected_event<'e>(
        &'e mut self,
        context: &'e Context,
        input: &'e Input<'_>,
        output: &'e mut Output<'_>,
        content_end: usize,
        trailers_end: usize,
    ) -> Event<'e> {
        let Some((request, reply)) = self.request(context, input, output) else {
            return Event::Close(Cause::Aborted);
        };
        let content = input.remaining_of(request.head_len(), content_end);
        let trailers = Fields::over(input.remaining_of(content_end, trailers_end));
        Event::Request(request.with_content(content, trailers), reply)
    }

    pub(in crate::http) fn receive_side(&mut self, transition: Receive) {
        if let Some(state) = self.receiving.next(transition) {
            self.receiving = state;
        }
    }

    pub(in crate::http) fn send_side(&mut self, transition: Send) {
        if let Some(state) = self.sending.next(transition) {
            self.sending = state;
        }
    }

    pub(in crate::http) fn lend(&mut self, len: usize) {
        self.lent = u32::try_from(len).unwrap_or(u32::MAX);
    }
}

impl Default for Connection {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether an answer of [`min_room`](crate::Limits::min_room) bytes fits, or nothing can be done for it.
fn has_room(context: &Context, output: &Output<'_>) -> bool {
    let has_room = output.room() >= usize::from(context.limits.min_room) && output.has_place();
    has_room || output.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_small() {
        assert!(
            size_of::<Connection>() <= 96,
            "{} bytes",
            size_of::<Connection>()
        );
    }
}
