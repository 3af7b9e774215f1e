//! The reading side of a connection: heads, content, and what is to be dropped.

use super::{
    Afterwards, Cause, Connection, Expectation, Next, Offer, Plan, Progress, Timer, has_room,
};
use crate::Context;
use crate::http::content::{Decoder, Piece};
use crate::http::emit;
use crate::http::error::{Error, LimitError, SyntaxError};
use crate::http::head::{HeadScan, Marks};
use crate::http::state::{Receive, Receiving, Send};
use crate::http::stream::{Streaming, Want};
use crate::window::{Input, Outlook, Output, move_down};

impl Connection {
    #[cfg_attr(not(small), inline(always))]
    pub(super) fn read_head(
        &mut self,
        context: &Context,
        input: &mut Input<'_>,
        output: &Output<'_>,
    ) -> Next {
        if input.remaining().is_empty() {
            self.await_head(context, input, output)
        } else {
            self.read_head_in(context, input, output)
        }
    }

    /// Nothing of a head is here.
    #[inline(never)]
    fn await_head(&mut self, context: &Context, input: &Input<'_>, output: &Output<'_>) -> Next {
        if self.afterwards == Afterwards::Drain {
            self.shutdown()
        } else if input.outlook() == Outlook::Ended {
            // A client that sends no more still reads what it has asked for.
            if output.is_empty() {
                self.close(Cause::Peer)
            } else {
                Next::Send
            }
        } else {
            self.await_peer(Timer::Idle, context, input)
        }
    }

    /// Reads on in a window that is not empty.
    #[inline(never)]
    fn read_head_in(
        &mut self,
        context: &Context,
        input: &mut Input<'_>,
        output: &Output<'_>,
    ) -> Next {
        let Progress::Head(scan) = &mut self.progress else {
            return self.aborted();
        };
        if scan.is_fresh() {
            skip_empty_lines(input);
        }
        let window = input.remaining();
        if matches!(window, [] | [b'\r']) {
            return self.await_head(context, input, output);
        }
        if !has_room(context, output) {
            return Next::Send;
        }
        match scan.resume(&mut self.marks, window, &context.limits) {
            Ok(true) => self.begin_exchange(context),
            Ok(false) => match input.outlook() {
                Outlook::More => self.await_peer(Timer::Head, context, input),
                Outlook::Full => Next::Fail(LimitError::HeadTooLarge.into()),
                Outlook::Ended => Next::Fail(SyntaxError::Truncated.into()),
            },
            Err(error) => Next::Fail(error),
        }
    }

    fn begin_exchange(&mut self, context: &Context) -> Next {
        let marks = &self.marks;
        let mut decoder = Decoder::ENDED;
        let mut is_last = false;
        self.expectation = Expectation::None;
        if !marks.are_plain() {
            let Progress::Head(scan) = &self.progress else {
                return self.aborted();
            };
            let framing = scan.framing(marks).map_err(Error::from);
            decoder = match framing.and_then(|framing| Decoder::new(framing, &context.limits)) {
                Ok(decoder) => decoder,
                Err(error) => return Next::Fail(error),
            };
            if marks.expects_continue() && !decoder.has_ended() {
                self.expectation = Expectation::Continue;
            }
            is_last = !marks.persists();
        }
        self.exchanges = self.exchanges.wrapping_add(1);
        is_last |= self.exchanges >= context.limits.max_exchanges;
        if is_last && self.afterwards == Afterwards::Persist {
            self.afterwards = Afterwards::Close;
        }
        self.progress = Progress::Content(decoder);
        self.discardable = context.limits.max_discarded_len;
        self.receive_side(Receive::Head);
        self.send_side(Send::Request);
        self.plan = Plan::Asked;
        self.timer = Timer::Off;
        self.lend(self.marks.head_len());
        Next::Request
    }

    /// A request waits for its answer.
    pub(super) fn owe(
        &mut self,
        context: &Context,
        input: &mut Input<'_>,
        output: &mut Output<'_>,
    ) -> Next {
        match self.plan {
            Plan::Later => return Next::Wait,
            Plan::Undecided | Plan::Asked | Plan::Stream(_) | Plan::WebSocket(_) => {
                return self.aborted();
            }
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
            Plan::Resume
            | Plan::Later
            | Plan::Undecided
            | Plan::Asked
            | Plan::Stream(_)
            | Plan::WebSocket(_) => {
                self.plan = Plan::Undecided;
                Next::Resume
            }
        }
    }

    /// The next part of the content, for an application that has not answered yet.
    pub(super) fn receive(
        &mut self,
        context: &Context,
        input: &mut Input<'_>,
        output: &mut Output<'_>,
    ) -> Next {
        if input.remaining().is_empty() {
            self.send_continue(output);
        } else {
            self.expectation = Expectation::None;
        }
        let Progress::Content(decoder) = &mut self.progress else {
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
    pub(super) fn collect(
        &mut self,
        context: &Context,
        input: &mut Input<'_>,
        output: &mut Output<'_>,
        max_len: u32,
        collected: u32,
    ) -> Next {
        let Progress::Content(decoder) = &mut self.progress else {
            return self.aborted();
        };
        let head_len = self.marks.head_len();
        let mut to = head_len.saturating_add(collected as usize);
        let mut from = to;
        if input.remaining().len() > to {
            self.expectation = Expectation::None;
        }
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
                        let moved = to..start.saturating_add(len);
                        let bytes = input.remaining_mut().get_mut(moved);
                        move_down(bytes.unwrap_or_default(), start.saturating_sub(to));
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
        self.send_continue(output);
        match input.outlook() {
            Outlook::More => self.await_peer(Timer::Content, context, input),
            Outlook::Full => Next::Fail(LimitError::ContentTooLarge.into()),
            Outlook::Ended => Next::Fail(SyntaxError::Truncated.into()),
        }
    }

    /// A streamed answer is under way.
    pub(super) fn stream(
        &mut self,
        context: &Context,
        input: &mut Input<'_>,
        output: &Output<'_>,
    ) -> Next {
        let (want, wake) = match self.plan {
            Plan::Stream(Streaming { want, wake, .. }) => (want, wake),
            Plan::WebSocket(agreement) => return Next::WebSocket(agreement),
            Plan::Undecided
            | Plan::Asked
            | Plan::Receive
            | Plan::Collect { .. }
            | Plan::Later
            | Plan::Resume => return self.aborted(),
        };
        match want {
            Want::Abort => return self.aborted(),
            Want::Ticket => return Next::Wait,
            Want::Instant if !context.now.has_reached(wake) => return Next::Wait,
            Want::Instant | Want::Room | Want::Content => {}
        }
        if !has_room(context, output) {
            if want == Want::Instant {
                // Its time has come: it is due with the room, and no deadline that has passed is left.
                self.set_want(Want::Room);
            }
            return Next::Send;
        }
        let mut offer = Offer::default();
        if self.receiving == Receiving::Content {
            let Progress::Content(decoder) = &mut self.progress else {
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
    #[cfg_attr(not(small), inline(always))]
    pub(super) fn complete(
        &mut self,
        context: &Context,
        input: &mut Input<'_>,
        output: &Output<'_>,
    ) -> Next {
        if self.afterwards != Afterwards::Persist {
            return self.shutdown();
        }
        if self.receiving == Receiving::Content && !self.content_has_ended() {
            return self.drop_content(context, input);
        }
        self.receive_side(Receive::End);
        self.receive_side(Receive::Next);
        self.send_side(Send::Next);
        self.progress = Progress::Head(HeadScan::NEW);
        self.marks = Marks::NONE;
        self.timer = Timer::Off;
        self.read_head(context, input, output)
    }

    /// Drops content that nobody wanted, as long as that is not too much.
    #[inline(never)]
    fn drop_content(&mut self, context: &Context, input: &mut Input<'_>) -> Next {
        let Progress::Content(decoder) = &mut self.progress else {
            return self.aborted();
        };
        match decoder.decode(input.remaining(), &context.limits) {
            Ok(Piece::More { consumed }) => return self.await_content(consumed, context, input),
            Ok(Piece::Data { end, .. }) => {
                let len = u32::try_from(end).unwrap_or(u32::MAX);
                match self.discardable.checked_sub(len) {
                    Some(left) => self.discardable = left,
                    None => return self.shutdown(),
                }
                input.consume(end);
                self.count(end);
            }
            Ok(Piece::End { end, .. }) => input.consume(end),
            Err(error) => return Next::Fail(error),
        }
        Next::Again
    }

    /// We have said all: wait for the peer to close.
    pub(super) fn discard(&mut self, context: &Context, input: &mut Input<'_>) -> Next {
        let cause = self.cause.unwrap_or(Cause::Agreed);
        input.consume(input.remaining().len());
        if self.receiving == Receiving::Closed || input.outlook() == Outlook::Ended {
            return self.close(cause);
        }
        self.await_peer(Timer::Drain, context, input)
    }

    /// Waits for more content, when `consumed` bytes of framing are done with.
    pub(super) fn await_content(
        &mut self,
        consumed: usize,
        context: &Context,
        input: &mut Input<'_>,
    ) -> Next {
        let Progress::Content(decoder) = &mut self.progress else {
            return self.aborted();
        };
        let is_switched = decoder.is_switched();
        let stuck = consumed == 0 && input.outlook() == Outlook::Full;
        input.consume(consumed);
        self.count(consumed);
        if input.outlook() == Outlook::Ended {
            Next::Fail(SyntaxError::Truncated.into())
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

    /// Writes 100 (Continue) where the client waits for it.
    pub(in crate::http) fn send_continue(&mut self, output: &mut Output<'_>) {
        if self.expectation == Expectation::Continue && output.copy(emit::CONTINUE) {
            self.expectation = Expectation::None;
        }
    }

    pub(in crate::http) fn count(&mut self, len: usize) {
        self.arrived = self
            .arrived
            .wrapping_add(u32::try_from(len).unwrap_or(u32::MAX));
    }
}

/// A server ignores empty lines where it expects a request line (RFC 9112 §2.2).
fn skip_empty_lines(input: &mut Input<'_>) {
    while input.remaining().starts_with(b"\r\n") {
        input.consume(2);
    }
}
