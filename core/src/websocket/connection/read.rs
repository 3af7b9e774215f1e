//! The reading side of a WebSocket: frames (RFC 6455 §5.2), messages (§5.4), pings (§5.5.2).

use super::{Coding, Connection, Incoming, Next, Notice, Slice, Source, Wake};
use crate::Context;
use crate::websocket::Role;
use crate::websocket::deflate::End;
use crate::websocket::error::{Error, LimitError, ProtocolError};
use crate::websocket::frame::{
    Fin, Header, MASK, MAX_CONTROL_PAYLOAD_LEN, Rsv1Use, WHOLE_BINARY, WHOLE_TEXT,
};
use crate::websocket::mask::{Mask, mask};
use crate::websocket::message::{Kind, Place};
use crate::websocket::opcode::Opcode;
use crate::websocket::state::{Receive, Sending};
use crate::websocket::utf8::Utf8;
use crate::window::{Input, Outlook, Output};

impl Connection {
    /// Reads the header of a frame; of a control frame, all of it.
    #[cfg_attr(not(small), inline(always))]
    pub(super) fn read_header(
        &mut self,
        context: &Context,
        input: &mut Input<'_>,
        output: &mut Output<'_>,
    ) -> Next {
        if input.remaining().is_empty() {
            return self.await_peer(context, input, output);
        }
        match self.read_short(context, input, output) {
            Some(slice) => Next::Part(slice),
            None => self.read_any(context, input, output),
        }
    }

    /// What nearly every message is: one masked frame of at most 125 bytes, all of it here. Whatever
    /// else there is, or breaks a rule, is left to [`read_any`](Self::read_any).
    #[cfg_attr(not(small), inline(always))]
    fn read_short(
        &mut self,
        context: &Context,
        input: &mut Input<'_>,
        output: &Output<'_>,
    ) -> Option<Slice> {
        const START: usize = 6;
        let &[first, second, key @ ..] = input.remaining().first_chunk::<START>()?;
        let kind = match first {
            WHOLE_TEXT => Kind::Text,
            WHOLE_BINARY => Kind::Binary,
            _ => return None,
        };
        let len = usize::from(second & !MASK);
        let is_short = second & MASK != 0 && len <= MAX_CONTROL_PAYLOAD_LEN;
        let is_expected = self.incoming.is_none()
            && self.sending == Sending::Open
            && self.role == Role::Server
            && len as u64 <= context.limits.max_message_len;
        let can_be_sent_again = output.echo_len().is_none_or(|most| len <= most);
        if !is_short || !is_expected || !can_be_sent_again || !has_room(context, output) {
            return None;
        }
        let end = START.wrapping_add(len);
        let payload = input.remaining_mut().get_mut(START..end)?;
        mask(payload, key);
        let mut text = Utf8::new();
        if kind == Kind::Text && (text.push(payload).is_err() || !text.is_complete()) {
            // It is read again, and refused.
            mask(payload, key);
            return None;
        }
        self.lend(end);
        Some(Slice {
            kind,
            place: Place::Whole,
            source: Source::Input(START, end),
        })
    }

    #[inline(never)]
    fn read_any(
        &mut self,
        context: &Context,
        input: &mut Input<'_>,
        output: &mut Output<'_>,
    ) -> Next {
        let compression = if self.agreement.is_some() {
            Rsv1Use::Compression
        } else {
            Rsv1Use::None
        };
        match Header::parse(input.remaining(), self.role, compression) {
            Ok(Some((header, len))) if !header.opcode().is_control() => {
                match self.begin_frame(header, context) {
                    Ok(()) => {
                        input.consume(len);
                        self.receive_side(Receive::Frame);
                        self.read_payload(context, input, output)
                    }
                    Err(error) => Next::Fail(error),
                }
            }
            Ok(Some((header, len))) => self.read_control(header, len, context, input, output),
            Ok(None) => self.await_peer(context, input, output),
            Err(error) => Next::Fail(error.into()),
        }
    }

    /// A data frame begins: is it one that may come now (RFC 6455 §5.4)?
    #[inline]
    fn begin_frame(&mut self, header: Header, context: &Context) -> Result<(), Error> {
        let kind = match header.opcode() {
            Opcode::Text => Kind::Text,
            Opcode::Binary => Kind::Binary,
            Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => {
                return self.continue_message(header, context);
            }
        };
        if self.incoming.is_some() {
            return Err(ProtocolError::MissingContinuation.into());
        }
        let coding = if header.is_compressed() {
            self.begin_deflated();
            Coding::Deflated
        } else {
            Coding::Plain
        };
        self.incoming = Some(Incoming {
            kind,
            coding,
            is_final: header.is_final(),
            place: Place::First,
        });
        self.message_len = 0;
        self.fragments = 1;
        self.begin_payload(header, coding, context)
    }

    #[inline(never)]
    fn continue_message(&mut self, header: Header, context: &Context) -> Result<(), Error> {
        let Some(incoming) = &mut self.incoming else {
            return Err(ProtocolError::UnexpectedContinuation.into());
        };
        incoming.is_final = header.is_final();
        let coding = incoming.coding;
        self.fragments = self.fragments.saturating_add(1);
        if self.fragments > context.limits.max_fragments {
            return Err(LimitError::TooManyFragments.into());
        }
        self.begin_payload(header, coding, context)
    }

    #[inline]
    fn begin_payload(
        &mut self,
        header: Header,
        coding: Coding,
        context: &Context,
    ) -> Result<(), Error> {
        self.left = header.payload_len();
        if let Some(key) = header.masking_key() {
            self.mask = Mask::new(key);
        }
        // Of a compressed message it is the inflated length that counts.
        let len = self.message_len.saturating_add(self.left);
        if coding == Coding::Plain && len > context.limits.max_message_len {
            return Err(LimitError::MessageTooLong.into());
        }
        Ok(())
    }

    /// Reads on in the payload of a data frame.
    #[inline]
    pub(super) fn read_payload(
        &mut self,
        context: &Context,
        input: &mut Input<'_>,
        output: &mut Output<'_>,
    ) -> Next {
        let Some(incoming) = self.incoming else {
            return self.aborted();
        };
        if self.sending != Sending::Open {
            return self.drop_payload(context, input, output);
        }
        if !has_room(context, output) {
            return Next::Send;
        }
        if incoming.coding == Coding::Deflated {
            return self.inflate(incoming, context, input, output);
        }
        let mut len = input.remaining().len();
        if let Some(most) = output.echo_len() {
            len = len.min(most);
        }
        if self.left < len as u64 {
            len = usize::try_from(self.left).unwrap_or(len);
        }
        if len == 0 && self.left > 0 {
            return self.await_peer(context, input, output);
        }
        let ends_frame = self.left == len as u64;
        let end = Fin::from(ends_frame && incoming.is_final);
        if let Some(data) = input.remaining_mut().get_mut(..len) {
            if self.role == Role::Server {
                self.mask.apply(data);
            }
            if incoming.kind == Kind::Text && self.check_text(data, end).is_err() {
                return Next::Fail(Error::InvalidUtf8);
            }
        }
        self.left = self.left.wrapping_sub(len as u64);
        self.message_len = self.message_len.wrapping_add(len as u64);
        if ends_frame {
            self.receive_side(Receive::EndOfFrame);
        }
        if len == 0 && end == Fin::More {
            return Next::Again;
        }
        self.lend(len);
        Next::Part(self.slice(incoming, end, Source::Input(0, len)))
    }

    /// The next part of the message under way, and what follows from its place.
    #[cfg_attr(not(small), inline(always))]
    fn slice(&mut self, incoming: Incoming, end: Fin, source: Source) -> Slice {
        let place = incoming.place.ending(end);
        self.incoming = match end {
            Fin::Last => None,
            Fin::More => Some(Incoming {
                place: Place::Middle,
                ..incoming
            }),
        };
        Slice {
            kind: incoming.kind,
            place,
            source,
        }
    }

    /// Checks text as it comes (RFC 6455 §8.1).
    #[cfg_attr(not(small), inline(always))]
    fn check_text(&mut self, data: &[u8], end: Fin) -> Result<(), Error> {
        self.utf8.push(data).map_err(|_| Error::InvalidUtf8)?;
        if end == Fin::Last {
            if !self.utf8.is_complete() {
                return Err(Error::InvalidUtf8);
            }
            self.utf8 = Utf8::new();
        }
        Ok(())
    }

    const fn begin_deflated(&mut self) {
        self.deflated_len = 0;
        self.unmasked = 0;
    }

    /// Inflates on in a compressed message (RFC 7692 §7.2.2).
    #[inline(never)]
    fn inflate(
        &mut self,
        incoming: Incoming,
        context: &Context,
        input: &mut Input<'_>,
        output: &mut Output<'_>,
    ) -> Next {
        let limits = &context.limits;
        let Some((window_bits, takeover)) = self.peer_window() else {
            return self.aborted();
        };
        let come = input.remaining().len();
        let len = usize::try_from(self.left).unwrap_or(usize::MAX).min(come);
        let unmasked = self.unmasked as usize;
        if let Some(data) = input.remaining_mut().get_mut(unmasked..len)
            && self.role == Role::Server
        {
            self.mask.apply(data);
        }
        let ends_message = incoming.is_final && self.left == len as u64;
        if len == 0 && !ends_message {
            if self.left > 0 {
                return self.await_peer(context, input, output);
            }
            self.receive_side(Receive::EndOfFrame);
            return Next::Again;
        }
        let is_fresh = incoming.place.is_first() && self.deflated_len == 0 && self.message_len == 0;
        let Some((data, inflater)) = input.deflated(len) else {
            return Next::Fail(LimitError::NoMemory.into());
        };
        if is_fresh && !inflater.begin(window_bits, takeover) {
            return Next::Fail(LimitError::NoMemory.into());
        }
        let end = if ends_message {
            End::Message
        } else {
            End::More
        };
        // A part that is no longer than what can be sent back at once.
        let most = output.echo_len().unwrap_or(usize::MAX);
        let inflated = match inflater.inflate(data, end, most) {
            Ok(inflated) => inflated,
            Err(_) => return Next::Fail(Error::InvalidDeflate),
        };
        let consumed = inflated.consumed.min(len);
        input.consume(consumed);
        self.left = self.left.wrapping_sub(consumed as u64);
        // At least one byte counts, so that what follows is not taken for the beginning.
        self.deflated_len = self.deflated_len.saturating_add(consumed.max(1) as u64);
        self.unmasked = u32::try_from(len.wrapping_sub(consumed)).unwrap_or(u32::MAX);
        self.message_len = self.message_len.saturating_add(inflated.len as u64);
        if self.message_len > limits.max_message_len {
            return Next::Fail(LimitError::MessageTooLong.into());
        }
        let most = self
            .deflated_len
            .saturating_mul(limits.max_inflate_ratio.into());
        if self.message_len > most.saturating_add(FREE_LEN) {
            return Next::Fail(LimitError::InflatedTooFar.into());
        }
        let ended = Fin::from(inflated.is_done);
        if incoming.kind == Kind::Text && self.check_text(input.inflated(), ended).is_err() {
            return Next::Fail(Error::InvalidUtf8);
        }
        if inflated.is_done || (self.left == 0 && !incoming.is_final) {
            self.receive_side(Receive::EndOfFrame);
        }
        if inflated.len == 0 && !inflated.is_done {
            return Next::Again;
        }
        Next::Part(self.slice(incoming, ended, Source::Inflater))
    }

    /// What comes after our Close frame is no message any more.
    #[inline(never)]
    fn drop_payload(
        &mut self,
        context: &Context,
        input: &mut Input<'_>,
        output: &mut Output<'_>,
    ) -> Next {
        let come = input.remaining().len();
        let len = usize::try_from(self.left).unwrap_or(usize::MAX).min(come);
        if len == 0 && self.left > 0 {
            return self.await_peer(context, input, output);
        }
        input.consume(len);
        self.left = self.left.wrapping_sub(len as u64);
        if self.left == 0 {
            self.receive_side(Receive::EndOfFrame);
            self.incoming = self.incoming.filter(|incoming| !incoming.is_final);
        }
        Next::Again
    }

    /// Reads a control frame, which stays in the input until it is whole (RFC 6455 §5.5).
    #[inline(never)]
    fn read_control(
        &mut self,
        header: Header,
        header_len: usize,
        context: &Context,
        input: &mut Input<'_>,
        output: &mut Output<'_>,
    ) -> Next {
        let len = usize::try_from(header.payload_len()).unwrap_or(usize::MAX);
        let end = header_len.saturating_add(len);
        if input.remaining().len() < end {
            return self.await_peer(context, input, output);
        }
        if self.sending == Sending::Open && !has_room_for_control(output) {
            return Next::Send;
        }
        let Some(payload) = input.remaining_mut().get_mut(header_len..end) else {
            return self.aborted();
        };
        if let Some(key) = header.masking_key() {
            Mask::new(key).apply(payload);
        }
        match header.opcode() {
            Opcode::Ping => {
                self.put_control(Opcode::Pong, payload, context, output);
                input.consume(end);
                Next::Again
            }
            Opcode::Close => {
                let read = self.read_close(payload, context, output);
                match read {
                    Ok(code) => {
                        self.lend(end);
                        // The reason lies behind the two bytes of the code.
                        let reason = header_len.saturating_add(2).min(end);
                        self.told(code, None, (reason, end))
                    }
                    Err(error) => Next::Fail(error),
                }
            }
            Opcode::Pong | Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                input.consume(end);
                Next::Again
            }
        }
    }

    /// All that has come is used: waits for more.
    #[inline]
    pub(super) fn await_peer(
        &mut self,
        context: &Context,
        input: &mut Input<'_>,
        output: &mut Output<'_>,
    ) -> Next {
        if input.outlook() != Outlook::More {
            return self.nothing_comes(input);
        }
        let waits = self.notice == Notice::Drain || matches!(self.wake, Wake::Sent | Wake::At(_));
        if waits && let Some(next) = self.do_what_waits(context, output) {
            return next;
        }
        self.await_in_time(context, input, output)
    }

    /// The input ends in the middle, or is too short for what is in it.
    #[cold]
    fn nothing_comes(&mut self, input: &Input<'_>) -> Next {
        if input.outlook() == Outlook::Full {
            return Next::Fail(LimitError::WindowTooSmall.into());
        }
        self.lose();
        Next::Again
    }

    fn do_what_waits(&mut self, context: &Context, output: &mut Output<'_>) -> Option<Next> {
        if let Wake::At(instant) = self.wake
            && context.now.has_reached(instant)
        {
            // Where the application cannot be called yet, it is as soon as it can.
            self.wake = Wake::Now;
            if self.is_ready(output) {
                return Some(Next::Ready);
            }
        }
        if output.is_for_control() {
            return None;
        }
        if self.notice == Notice::Drain && self.sending == Sending::Open {
            if !has_room_for_control(output) {
                return Some(Next::Send);
            }
            self.put_close(Some((super::CloseCode::GOING_AWAY, "")), context, output);
        }
        if self.wake == Wake::Sent {
            if !output.is_empty() {
                return Some(Next::Send);
            }
            self.wake = Wake::None;
            return Some(Next::Ready);
        }
        None
    }
}

/// Bytes that a message may have whatever its ratio: short ones compress well without being bombs.
const FREE_LEN: u64 = 64 * 1024;

/// Whether there is room for what an application may want to say, or nothing can be done for it.
#[cfg_attr(not(small), inline(always))]
fn has_room(context: &Context, output: &Output<'_>) -> bool {
    let has_room = output.room() >= usize::from(context.limits.min_room) && output.has_place();
    (has_room || output.is_empty()) && !output.is_for_control()
}

/// Whether the longest control frame fits, or nothing can be done for it.
pub(super) fn has_room_for_control(output: &Output<'_>) -> bool {
    output.room() >= MAX_CONTROL_LEN || output.is_empty()
}

/// Bytes of a masked control frame with 125 bytes of payload.
const MAX_CONTROL_LEN: usize = 2 + 4 + 125;
