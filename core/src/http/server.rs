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

use core::time::Duration;

use super::content::{Decoder, Piece};
use super::emit;
use super::error::{Error, LimitError, SyntaxError, TimeoutError};
use super::field::Fields;
use super::framing::Framing;
use super::head::{Marks, MethodKind, Request, RequestParser};
use super::reply::{Reply, Ticket};
use super::state::{Receive, Receiving, Send, Sending};
use super::stream::{Encoding, Stream, Streaming, Want};
use super::{Status, Version};
use crate::window::{Input, Outlook, Output};
use crate::{Context, Instant};

/// The state of one connection: no buffer, no clock, no callback.
#[derive(Debug)]
pub struct Connection {
    progress: Progress,
    pub(super) plan: Plan,
    /// Bytes of the input that the last event has borrowed; the next step consumes them.
    pub(super) lent: u32,
    /// Exchanges begun, this one included.
    exchanges: u32,
    /// Bytes of unwanted content that may still be dropped in this exchange.
    discardable: u32,
    receive_deadline: Instant,
    /// Bytes that came since the rate was last looked at, modulo 2³².
    arrived: u32,
    send_deadline: Instant,
    /// Bytes that were unsent when the rate was last looked at.
    unsent: u32,
    receiving: Receiving,
    pub(super) sending: Sending,
    timer: Timer,
    sending_is_stuck: bool,
    pub(super) afterwards: Afterwards,
    pub(super) expectation: Expectation,
    /// Why it ends, once that is known.
    cause: Option<Cause>,
}

/// What is being read.
#[derive(Clone, Copy, Debug)]
enum Progress {
    Head(RequestParser),
    Content { marks: Marks, decoder: Decoder },
}

/// What is to be done about the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// A token is out; if it comes back unused, so is this.
    Undecided,
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
}

/// What becomes of the connection after this exchange (RFC 9112 §9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Afterwards {
    Persist,
    Close,
    /// Close, and an idle connection at once: the driver is draining.
    Drain,
}

/// What the client expects (RFC 9110 §10.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expectation {
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
    /// Send what is in the output, close the sending side, and go on handing in what is received,
    /// which is dropped, so that the peer can read what was sent (RFC 9112 §9.6).
    Shutdown,
    /// Close the connection.
    Close(Cause),
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
}

impl Connection {
    /// A connection that has just been accepted.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            progress: Progress::Head(RequestParser::new()),
            plan: Plan::Undecided,
            lent: 0,
            exchanges: 0,
            discardable: 0,
            receive_deadline: Instant::from_millis(0),
            arrived: 0,
            send_deadline: Instant::from_millis(0),
            unsent: 0,
            receiving: Receiving::Head,
            sending: Sending::Idle,
            timer: Timer::Off,
            sending_is_stuck: false,
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
        input.consume(core::mem::take(&mut self.lent) as usize);
        loop {
            let next = match (self.sending, self.cause) {
                (Sending::Closed, _) => self.discard(context, input),
                (_, Some(cause)) => self.give_up(cause, context, output),
                (Sending::Idle, None) => self.read_head(context, input, output),
                (Sending::Owed, None) => self.owe(context, input, output),
                (Sending::Content, None) => self.stream(context, input, output),
                (Sending::Complete, None) => self.complete(context, input),
            };
            return match next {
                Next::Again => continue,
                Next::Receive => Event::Receive,
                Next::Send => {
                    self.timer = Timer::Off;
                    Event::Send
                }
                Next::Wait => {
                    self.timer = Timer::Off;
                    Event::Wait
                }
                Next::Shutdown => Event::Shutdown,
                Next::Close(cause) => Event::Close(cause),
                Next::Fail(error) => {
                    self.fail(error);
                    continue;
                }
                Next::Request => self.request_event(context, input, output),
                Next::Collected {
                    content_end,
                    trailers_end,
                } => self.collected_event(context, input, output, content_end, trailers_end),
                Next::Content { start, end } => {
                    self.lend(end);
                    let data = input.remaining_of(start, end);
                    Event::Content(
                        Part::Data(data),
                        Reply::new(self, context, output.reborrow()),
                    )
                }
                Next::End { start, end } => {
                    self.lend(end);
                    let trailers = Fields::over(input.remaining_of(start, end));
                    Event::Content(
                        Part::End(trailers),
                        Reply::new(self, context, output.reborrow()),
                    )
                }
                Next::Resume => Event::Resume(Reply::new(self, context, output.reborrow())),
                Next::Stream(part) => {
                    self.lend(part.end);
                    let bytes = input.remaining_of(part.start, part.end);
                    Event::Stream(Stream::new(self, context, output.reborrow(), bytes, part))
                }
            };
        }
    }
}

/// What one part of a step asks for, before anything is lent to an [`Event`].
enum Next {
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
}

/// What of the content a stream is offered: a range of the input, and whether that is the end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Offer {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) is_end: bool,
}

impl Connection {
    /// When [`step`](Self::step) has to be called at the latest, whatever comes.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let receive = (self.timer != Timer::Off).then_some(self.receive_deadline);
        let send = self.sending_is_stuck.then_some(self.send_deadline);
        let wake = match self.plan {
            Plan::Stream(Streaming {
                want: Want::Instant,
                wake,
                ..
            }) if self.sending == Sending::Content => Some(wake),
            _ => None,
        };
        [receive, send, wake]
            .into_iter()
            .flatten()
            .reduce(Instant::earlier)
    }

    /// Tells, after every attempt to send, how many bytes the peer has not taken.
    ///
    /// # Errors
    ///
    /// The peer reads more slowly than [`min_send_rate`](crate::Limits::min_send_rate): close the
    /// connection.
    pub fn unsent(&mut self, context: &Context, len: usize) -> Result<(), Cause> {
        let unsent = u32::try_from(len).unwrap_or(u32::MAX);
        if unsent == 0 {
            self.sending_is_stuck = false;
            return Ok(());
        }
        if self.sending_is_stuck && !context.now.has_reached(self.send_deadline) {
            return Ok(());
        }
        let least = context.limits.least_in_window(context.limits.min_send_rate);
        if self.sending_is_stuck && self.unsent.saturating_sub(unsent) < least {
            let cause = Cause::Failed(TimeoutError::Send.into());
            self.close(cause);
            return Err(cause);
        }
        self.sending_is_stuck = true;
        self.send_deadline = context.now.after(context.limits.rate_window);
        self.unsent = unsent;
        Ok(())
    }

    /// Lets the connection come to its end: at once where it is idle, and else after the exchange
    /// that is under way. Step again to learn which.
    pub fn drain(&mut self) {
        self.afterwards = Afterwards::Drain;
    }

    /// Hands the next move to the application where it has a ticket for the exchange that is under
    /// way: the answer, or the next part of a streamed one. Step again then.
    ///
    /// Answers whether the ticket was still good.
    pub fn redeem(&mut self, exchange: u32) -> bool {
        if self.exchanges != exchange || self.cause.is_some() {
            return false;
        }
        match &mut self.plan {
            Plan::Later if self.sending == Sending::Owed => self.plan = Plan::Resume,
            Plan::Stream(streaming) if self.sending == Sending::Content => {
                streaming.want = Want::Room;
            }
            _ => return false,
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
            Reply::new(self, context, output.reborrow())
        })
    }

    /// Whether no exchange is under way and nothing of a next one has come.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.sending == Sending::Idle && self.timer != Timer::Head
    }

    fn read_head(&mut self, context: &Context, input: &mut Input<'_>, output: &Output<'_>) -> Next {
        let Progress::Head(parser) = &mut self.progress else {
            return self.aborted();
        };
        if parser.is_fresh() {
            skip_empty_lines(input);
        }
        let window = input.remaining();
        if matches!(window, [] | [b'\r']) {
            return if self.afterwards == Afterwards::Drain {
                self.shutdown()
            } else if input.outlook() == Outlook::Ended {
                self.close(Cause::Peer)
            } else {
                self.await_peer(Timer::Idle, context, input)
            };
        }
        if !has_room(context, output) {
            return Next::Send;
        }
        match parser.resume(window, &context.limits) {
            Ok(true) => self.begin_exchange(context),
            Ok(false) => match input.outlook() {
                Outlook::More => self.await_peer(Timer::Head, context, input),
                Outlook::Full => Next::Fail(LimitError::HeadTooLarge.into()),
                Outlook::Ended => self.close(Cause::Failed(SyntaxError::Truncated.into())),
            },
            Err(error) => Next::Fail(error),
        }
    }

    fn begin_exchange(&mut self, context: &Context) -> Next {
        let Progress::Head(parser) = &self.progress else {
            return self.aborted();
        };
        let marks = *parser.marks();
        let decoder = match parser.framing() {
            Ok(framing) => Decoder::new(framing, &context.limits),
            Err(error) => Err(error.into()),
        };
        let decoder = match decoder {
            Ok(decoder) => decoder,
            Err(error) => return Next::Fail(error),
        };
        self.exchanges = self.exchanges.wrapping_add(1);
        let is_last = !marks.persists() || self.exchanges >= context.limits.max_exchanges;
        if is_last && self.afterwards == Afterwards::Persist {
            self.afterwards = Afterwards::Close;
        }
        self.expectation = if marks.expects_continue() && !decoder.has_ended() {
            Expectation::Continue
        } else {
            Expectation::None
        };
        self.progress = Progress::Content { marks, decoder };
        self.discardable = context.limits.max_discarded_len;
        self.receive_side(Receive::Head);
        self.send_side(Send::Request);
        self.plan = Plan::Undecided;
        self.timer = Timer::Off;
        self.lend(marks.head_len());
        Next::Request
    }

    /// A request waits for its answer.
    fn owe(&mut self, context: &Context, input: &mut Input<'_>, output: &mut Output<'_>) -> Next {
        match self.plan {
            Plan::Later => return Next::Wait,
            Plan::Undecided | Plan::Stream(_) => return self.aborted(),
            Plan::Resume | Plan::Receive | Plan::Collect { .. } => {}
        }
        if !has_room(context, output) {
            return Next::Send;
        }
        match self.plan {
            Plan::Collect { max_len, collected } => {
                self.collect(context, input, output, max_len, collected)
            }
            Plan::Receive => self.receive(context, input, output),
            Plan::Resume | Plan::Later | Plan::Undecided | Plan::Stream(_) => {
                self.plan = Plan::Undecided;
                Next::Resume
            }
        }
    }

    /// The next part of the content, for an application that has not answered yet.
    fn receive(
        &mut self,
        context: &Context,
        input: &mut Input<'_>,
        output: &mut Output<'_>,
    ) -> Next {
        if input.remaining().is_empty() {
            self.send_continue(output);
        }
        let Progress::Content { decoder, .. } = &mut self.progress else {
            return self.aborted();
        };
        match decoder.decode(input.remaining(), &context.limits) {
            Ok(Piece::More { consumed }) => self.await_content(consumed, context, input),
            Ok(Piece::Data { start, end }) => {
                self.count(end);
                self.plan = Plan::Undecided;
                Next::Content { start, end }
            }
            Ok(Piece::End { start, end }) => {
                self.receive_side(Receive::End);
                self.plan = Plan::Undecided;
                Next::End { start, end }
            }
            Err(error) => Next::Fail(error),
        }
    }

    /// Gathers the content behind the head, where both stay in the input until it is whole:
    ///
    /// ```text
    /// remaining  [ head | collected | gap | not yet decoded ]
    ///                               ^ to  ^ from
    /// ```
    ///
    /// Framing opens the gap; it is closed once at the end, so each byte is moved twice at most.
    fn collect(
        &mut self,
        context: &Context,
        input: &mut Input<'_>,
        output: &mut Output<'_>,
        max_len: u32,
        collected: u32,
    ) -> Next {
        let Progress::Content { marks, decoder } = &mut self.progress else {
            return self.aborted();
        };
        let head_len = marks.head_len();
        let mut to = head_len.saturating_add(collected as usize);
        let mut from = to;
        let end = loop {
            let rest = input.remaining().get(from..).unwrap_or_default();
            match decoder.decode(rest, &context.limits) {
                Ok(Piece::More { consumed }) => {
                    from = from.saturating_add(consumed);
                    break None;
                }
                Ok(Piece::Data { start, end }) => {
                    let len = end.saturating_sub(start);
                    if to.saturating_add(len).saturating_sub(head_len) > max_len as usize {
                        return Next::Fail(LimitError::ContentTooLarge.into());
                    }
                    if start > 0 || from > to {
                        let start = from.saturating_add(start);
                        let moved = start..start.saturating_add(len);
                        input.remaining_mut().copy_within(moved, to);
                    }
                    to = to.saturating_add(len);
                    from = from.saturating_add(end);
                }
                Ok(Piece::End { start, end }) => {
                    from = from.saturating_add(start);
                    break Some(end.saturating_sub(start));
                }
                Err(error) => return Next::Fail(error),
            }
        };
        input.remove(to, from);
        if let Some(trailers_len) = end {
            self.receive_side(Receive::End);
            self.plan = Plan::Undecided;
            let trailers_end = to.saturating_add(trailers_len);
            self.lend(trailers_end);
            return Next::Collected {
                content_end: to,
                trailers_end,
            };
        }
        let collected = u32::try_from(to.saturating_sub(head_len)).unwrap_or(u32::MAX);
        self.plan = Plan::Collect { max_len, collected };
        if input.remaining().len() <= to {
            self.send_continue(output);
        }
        match input.outlook() {
            Outlook::More => self.await_peer(Timer::Content, context, input),
            Outlook::Full => Next::Fail(LimitError::ContentTooLarge.into()),
            Outlook::Ended => self.close(Cause::Failed(SyntaxError::Truncated.into())),
        }
    }

    /// A streamed answer is under way.
    fn stream(&mut self, context: &Context, input: &mut Input<'_>, output: &Output<'_>) -> Next {
        let Plan::Stream(Streaming { want, wake, .. }) = self.plan else {
            return self.aborted();
        };
        match want {
            Want::Abort => return self.aborted(),
            Want::Ticket => return Next::Wait,
            Want::Instant if !context.now.has_reached(wake) => return Next::Wait,
            Want::Instant | Want::Room | Want::Content => {}
        }
        if !has_room(context, output) {
            return Next::Send;
        }
        let mut offer = Offer::default();
        if self.receiving == Receiving::Content {
            let Progress::Content { decoder, .. } = &mut self.progress else {
                return self.aborted();
            };
            match decoder.decode(input.remaining(), &context.limits) {
                Ok(Piece::Data { start, end }) => {
                    offer = Offer {
                        start,
                        end,
                        is_end: false,
                    };
                    self.count(end);
                }
                Ok(Piece::End { start, end }) => {
                    offer = Offer {
                        start,
                        end,
                        is_end: true,
                    }
                }
                Ok(Piece::More { consumed }) => {
                    if input.outlook() == Outlook::Ended && decoder.end_of_input().is_ok() {
                        offer.is_end = true;
                    } else if want == Want::Content {
                        return self.await_content(consumed, context, input);
                    }
                    input.consume(consumed);
                    self.count(consumed);
                }
                Err(error) => return Next::Fail(error),
            }
        } else if want == Want::Content {
            return Next::Wait;
        }
        if offer.is_end {
            self.receive_side(Receive::End);
        }
        Next::Stream(offer)
    }

    /// The answer is whole.
    fn complete(&mut self, context: &Context, input: &mut Input<'_>) -> Next {
        if self.afterwards != Afterwards::Persist {
            return self.shutdown();
        }
        if self.receiving == Receiving::Content {
            let Progress::Content { decoder, .. } = &mut self.progress else {
                return self.aborted();
            };
            match decoder.decode(input.remaining(), &context.limits) {
                Ok(Piece::More { consumed }) => {
                    return self.await_content(consumed, context, input);
                }
                Ok(Piece::Data { end, .. }) => {
                    let len = u32::try_from(end).unwrap_or(u32::MAX);
                    match self.discardable.checked_sub(len) {
                        Some(left) => self.discardable = left,
                        None => return self.shutdown(),
                    }
                    input.consume(end);
                    self.count(end);
                    return Next::Again;
                }
                Ok(Piece::End { end, .. }) => {
                    input.consume(end);
                    self.receive_side(Receive::End);
                }
                Err(error) => return Next::Fail(error),
            }
        }
        self.receive_side(Receive::Next);
        self.send_side(Send::Next);
        self.progress = Progress::Head(RequestParser::new());
        self.timer = Timer::Off;
        Next::Again
    }

    /// We have said all: wait for the peer to close.
    fn discard(&mut self, context: &Context, input: &mut Input<'_>) -> Next {
        let cause = self.cause.unwrap_or(Cause::Agreed);
        input.consume(input.remaining().len());
        if self.receiving == Receiving::Closed || input.outlook() == Outlook::Ended {
            return self.close(cause);
        }
        self.await_peer(Timer::Drain, context, input)
    }

    /// The exchange cannot go on: says so where that is still possible, and closes.
    fn give_up(&mut self, cause: Cause, context: &Context, output: &mut Output<'_>) -> Next {
        let status = match cause {
            Cause::Failed(error) => error.status(),
            Cause::Aborted => Some(Status::INTERNAL_SERVER_ERROR),
            Cause::Peer | Cause::Agreed | Cause::Idle => None,
        };
        match (self.sending, status) {
            (Sending::Idle | Sending::Owed, Some(status)) => {
                if !has_room(context, output) {
                    return Next::Send;
                }
                let reason = match cause {
                    Cause::Failed(error) => error.reason(),
                    Cause::Peer | Cause::Agreed | Cause::Idle | Cause::Aborted => status.reason(),
                };
                let head_only = self.head_only();
                write_failure(output, status, reason, context, head_only);
                self.shutdown()
            }
            // The end of the connection would read as the end of the content.
            (Sending::Content, _) if self.ends_with_connection() => self.close(cause),
            _ => self.shutdown(),
        }
    }

    /// Waits for the peer, until the deadline that goes with `timer`.
    fn await_peer(&mut self, timer: Timer, context: &Context, input: &Input<'_>) -> Next {
        let limits = &context.limits;
        if self.timer == timer {
            if !context.now.has_reached(self.receive_deadline) {
                return Next::Receive;
            }
            match timer {
                Timer::Off => return Next::Receive,
                Timer::Idle => return self.close(Cause::Idle),
                Timer::Head => return Next::Fail(TimeoutError::Head.into()),
                Timer::Drain => return self.close(self.cause.unwrap_or(Cause::Agreed)),
                Timer::Content => {
                    let came = self.arrived.wrapping_add(wrapping_len(input));
                    if came < limits.least_in_window(limits.min_receive_rate) {
                        return Next::Fail(TimeoutError::Content.into());
                    }
                }
            }
        }
        let patience = match timer {
            Timer::Off => Duration::ZERO,
            Timer::Idle => limits.idle_timeout,
            Timer::Head => limits.head_timeout,
            Timer::Drain => limits.drain_timeout,
            Timer::Content => {
                // What lies here already has not come in this window.
                self.arrived = wrapping_len(input).wrapping_neg();
                limits.rate_window
            }
        };
        self.timer = timer;
        self.receive_deadline = context.now.after(patience);
        Next::Receive
    }

    /// Waits for more content, when `consumed` bytes of framing are done with.
    fn await_content(&mut self, consumed: usize, context: &Context, input: &mut Input<'_>) -> Next {
        let Progress::Content { decoder, .. } = &mut self.progress else {
            return self.aborted();
        };
        let is_switched = decoder.is_switched();
        let stuck = consumed == 0 && input.outlook() == Outlook::Full;
        input.consume(consumed);
        self.count(consumed);
        if input.outlook() == Outlook::Ended {
            self.close(Cause::Failed(SyntaxError::Truncated.into()))
        } else if stuck {
            Next::Fail(LimitError::ChunkExtensionsTooLong.into())
        } else if is_switched {
            // Another protocol has its own idea of silence.
            self.timer = Timer::Off;
            Next::Receive
        } else {
            self.await_peer(Timer::Content, context, input)
        }
    }

    fn request_event<'e>(
        &'e mut self,
        context: &'e Context,
        input: &'e Input<'_>,
        output: &'e mut Output<'_>,
    ) -> Event<'e> {
        let request = match &self.progress {
            Progress::Content { marks, decoder } => {
                marks.request(input.remaining(), decoder.framing())
            }
            Progress::Head(_) => None,
        };
        match request {
            Some(request) => Event::Request(request, Reply::new(self, context, output.reborrow())),
            None => Event::Close(Cause::Aborted),
        }
    }

    fn collected_event<'e>(
        &'e mut self,
        context: &'e Context,
        input: &'e Input<'_>,
        output: &'e mut Output<'_>,
        content_end: usize,
        trailers_end: usize,
    ) -> Event<'e> {
        match self.request_event(context, input, output) {
            Event::Request(request, reply) => {
                let content = input.remaining_of(request.head_len(), content_end);
                let trailers = Fields::over(input.remaining_of(content_end, trailers_end));
                Event::Request(request.with_content(content, trailers), reply)
            }
            other => other,
        }
    }

    /// Writes 100 (Continue) where the client waits for it.
    fn send_continue(&mut self, output: &mut Output<'_>) {
        if self.expectation == Expectation::Continue && output.copy(emit::CONTINUE) {
            self.expectation = Expectation::None;
        }
    }

    /// Gives up what the application was to do. The next round says so.
    pub(super) fn abort(&mut self) {
        self.cause = Some(Cause::Aborted);
    }

    /// What must not be: the connection is given up instead of a panic.
    #[cold]
    fn aborted(&mut self) -> Next {
        self.abort();
        Next::Again
    }

    pub(super) const fn version(&self) -> Version {
        match &self.progress {
            Progress::Content { marks, .. } => marks.version,
            Progress::Head(_) => Version::Http11,
        }
    }

    pub(super) const fn ticket(&self, context: &Context) -> Ticket {
        Ticket::new(context.connection, self.exchanges)
    }

    pub(super) fn close_afterwards(&mut self) {
        if self.afterwards == Afterwards::Persist {
            self.afterwards = Afterwards::Close;
        }
    }

    /// The line that tells what becomes of the connection.
    #[inline]
    pub(super) fn connection_field(&self) -> &'static [u8] {
        match (self.afterwards, self.version()) {
            (Afterwards::Close | Afterwards::Drain, _) => emit::CLOSE,
            (Afterwards::Persist, Version::Http10) => emit::KEEP_ALIVE,
            (Afterwards::Persist, Version::Http11) => b"",
        }
    }

    /// The answer comes without the rest of the content. Where that is long, or where the client
    /// waits for a word before it sends it, the connection closes instead of reading it.
    #[inline]
    pub(super) fn forsake_content(&mut self) {
        let Progress::Content { decoder, .. } = &self.progress else {
            return;
        };
        if decoder.has_ended() {
            return;
        }
        let too_long = decoder
            .left()
            .is_some_and(|left| left > u64::from(self.discardable));
        if too_long || self.expectation == Expectation::Continue {
            self.close_afterwards();
        }
    }

    pub(super) fn has_content_to_come(&self) -> bool {
        self.receiving == Receiving::Content
    }

    pub(super) const fn content_left(&self) -> Option<u64> {
        match &self.progress {
            Progress::Content { decoder, .. } => decoder.left(),
            Progress::Head(_) => None,
        }
    }

    pub(super) const fn content_has_ended(&self) -> bool {
        match &self.progress {
            Progress::Content { decoder, .. } => decoder.has_ended(),
            Progress::Head(_) => true,
        }
    }

    /// Whether the head of the request is still in the input, and nothing of its content consumed.
    pub(super) fn is_fresh_request(&self) -> bool {
        match &self.progress {
            Progress::Content { marks, .. } => {
                self.receiving == Receiving::Content && self.lent as usize == marks.head_len()
            }
            Progress::Head(_) => false,
        }
    }

    pub(super) fn is_connect(&self) -> bool {
        match &self.progress {
            Progress::Content { marks, .. } => marks.kind == MethodKind::Connect,
            Progress::Head(_) => false,
        }
    }

    /// The status that changes the protocol, where the client has asked for that and has sent all of
    /// its content.
    pub(super) fn may_switch(&self) -> Option<Status> {
        match &self.progress {
            Progress::Content { marks, decoder } if decoder.has_ended() => {
                if marks.kind == MethodKind::Connect {
                    Some(Status::OK)
                } else {
                    marks
                        .offers_upgrade()
                        .then_some(Status::SWITCHING_PROTOCOLS)
                }
            }
            Progress::Content { .. } | Progress::Head(_) => None,
        }
    }

    pub(super) fn switch(&mut self) {
        if let Progress::Content { decoder, .. } = &mut self.progress {
            *decoder = Decoder::SWITCHED;
        }
        self.receive_side(Receive::Switch);
        self.close_afterwards();
        self.begin_stream(Encoding::Raw, 0);
    }

    pub(super) fn begin_stream(&mut self, encoding: Encoding, left: u64) {
        self.send_side(Send::Begin);
        let wake = Instant::from_millis(0);
        self.plan = Plan::Stream(Streaming {
            left,
            wake,
            encoding,
            want: Want::Room,
        });
    }

    pub(super) const fn encoding(&self) -> Encoding {
        match self.plan {
            Plan::Stream(streaming) => streaming.encoding,
            Plan::Undecided | Plan::Receive | Plan::Collect { .. } | Plan::Later | Plan::Resume => {
                Encoding::Length
            }
        }
    }

    /// What is left of the declared length of a streamed answer.
    pub(super) fn left(&self) -> usize {
        match self.plan {
            Plan::Stream(Streaming { left, .. }) => usize::try_from(left).unwrap_or(usize::MAX),
            Plan::Undecided | Plan::Receive | Plan::Collect { .. } | Plan::Later | Plan::Resume => {
                0
            }
        }
    }

    /// Counts `len` bytes of a streamed answer.
    pub(super) const fn encoded(&mut self, len: usize) {
        if let Plan::Stream(streaming) = &mut self.plan {
            streaming.left = streaming.left.saturating_sub(len as u64);
        }
    }

    pub(super) const fn set_want(&mut self, want: Want) {
        if let Plan::Stream(streaming) = &mut self.plan {
            streaming.want = want;
        }
    }

    pub(super) const fn set_wake(&mut self, wake: Instant) {
        if let Plan::Stream(streaming) = &mut self.plan {
            streaming.wake = wake;
        }
    }

    /// The last `len` bytes of content that were lent come again.
    pub(super) const fn unread(&mut self, len: usize) {
        if let Progress::Content { decoder, .. } = &mut self.progress {
            decoder.unread(len as u64);
        }
    }

    /// Whether the request under way is one whose answer has no content, whatever its status.
    pub(super) fn head_only(&self) -> bool {
        match &self.progress {
            Progress::Content { marks, .. } => marks.kind == MethodKind::Head,
            Progress::Head(parser) => parser.marks().kind == MethodKind::Head,
        }
    }

    fn ends_with_connection(&self) -> bool {
        matches!(
            self.plan,
            Plan::Stream(Streaming {
                encoding: Encoding::Raw,
                ..
            })
        )
    }

    pub(super) fn fail(&mut self, error: Error) {
        self.cause = Some(Cause::Failed(error));
    }

    fn shutdown(&mut self) -> Next {
        self.send_side(Send::Shutdown);
        self.receive_side(Receive::Discard);
        self.timer = Timer::Off;
        self.cause.get_or_insert(Cause::Agreed);
        Next::Shutdown
    }

    fn close(&mut self, cause: Cause) -> Next {
        self.send_side(Send::Shutdown);
        self.receive_side(Receive::Close);
        self.timer = Timer::Off;
        self.cause = Some(cause);
        Next::Close(cause)
    }

    pub(super) fn receive_side(&mut self, transition: Receive) {
        if let Some(state) = self.receiving.next(transition) {
            self.receiving = state;
        }
    }

    pub(super) fn send_side(&mut self, transition: Send) {
        if let Some(state) = self.sending.next(transition) {
            self.sending = state;
        }
    }

    pub(super) fn lend(&mut self, len: usize) {
        self.lent = u32::try_from(len).unwrap_or(u32::MAX);
    }

    fn count(&mut self, len: usize) {
        self.arrived = self
            .arrived
            .wrapping_add(u32::try_from(len).unwrap_or(u32::MAX));
    }
}

impl Default for Connection {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether an answer of [`min_room`](crate::Limits::min_room) bytes fits, or nothing can be done for it.
fn has_room(context: &Context, output: &Output<'_>) -> bool {
    output.room() >= usize::from(context.limits.min_room) || output.is_empty()
}

/// A server ignores empty lines where it expects a request line (RFC 9112 §2.2).
fn skip_empty_lines(input: &mut Input<'_>) {
    while input.remaining().starts_with(b"\r\n") {
        input.consume(2);
    }
}

/// The length of what remains, modulo 2³².
fn wrapping_len(input: &Input<'_>) -> u32 {
    u32::try_from(input.remaining().len()).unwrap_or(u32::MAX)
}

/// The answer to what cannot be answered otherwise: its status, and what was expected.
fn write_failure(
    output: &mut Output<'_>,
    status: Status,
    reason: &str,
    context: &Context,
    head_only: bool,
) {
    const PLAIN: super::Field<'_> = crate::field!("Content-Type", "text/plain");
    let len = reason.len().saturating_add(1) as u64;
    let mut writer = output.writer();
    let stamp = context.stamp.as_bytes();
    let framing = Framing::Length(len);
    emit::response(&mut writer, status, stamp, framing, emit::CLOSE, &[PLAIN]);
    if !head_only {
        writer.put(reason.as_bytes()).put(b"\n");
    }
    if let Some(len) = writer.len() {
        output.commit(len);
    }
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
