//! A streamed answer, and the content that still comes while it is sent.
//!
//! The engine calls for a stream when something can be done: there is room in the output, content has
//! come, or its time has come. Each call ends with what to wait for next.

use core::time::Duration;

use super::emit;
use super::field::{Field, Fields};
use super::reply::{Handled, Ticket};
use super::server::{Connection, Offer};
use super::state::Send;
use crate::window::{Output, Writer};
use crate::{Context, Instant};

/// One turn of a streamed answer.
///
/// ```text
/// content() -> consume(n)        what the client sends
/// write(..) -> n                 what we send
/// more | receive | wait | wait_until | finish | abort        what next
/// ```
#[derive(Debug)]
#[must_use = "a stream that is dropped is cut off"]
pub struct Stream<'r> {
    connection: &'r mut Connection,
    context: &'r Context,
    output: Output<'r>,
    content: &'r [u8],
    trailers: Fields<'r>,
    offer: Offer,
    // consumed <= content.len()
    consumed: usize,
    written: usize,
}

/// A streamed answer, from one turn to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Streaming {
    /// What is left of a declared length.
    pub(super) left: u64,
    /// When to call again, while that is wanted.
    pub(super) wake: Instant,
    pub(super) encoding: Encoding,
    pub(super) want: Want,
}

/// How content is framed on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As it is, as long as was declared.
    Length,
    Chunked,
    /// As it is, until the connection closes.
    Raw,
}

/// What a stream waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// A token is out; if it comes back unused, so is this.
    Abort,
    /// Room in the output.
    Room,
    /// Content from the peer.
    Content,
    /// Its ticket.
    Ticket,
    /// Its ticket or its instant.
    Instant,
}

impl<'r> Stream<'r> {
    #[inline]
    pub(super) fn new(
        connection: &'r mut Connection,
        context: &'r Context,
        output: Output<'r>,
        bytes: &'r [u8],
        offer: Offer,
    ) -> Self {
        connection.set_want(Want::Abort);
        let (content, trailers) = if offer.is_end {
            (&[][..], bytes)
        } else {
            (bytes, &[][..])
        };
        let trailers = Fields::over(trailers);
        Self {
            connection,
            context,
            output,
            content,
            trailers,
            offer,
            consumed: 0,
            written: 0,
        }
    }

    /// What has come of the request's content and is not consumed.
    #[must_use]
    pub fn content(&self) -> &'r [u8] {
        self.content.get(self.consumed..).unwrap_or_default()
    }

    /// Whether the request's content is whole, and all of it has been consumed.
    #[must_use]
    pub fn content_has_ended(&self) -> bool {
        self.consumed == self.content.len() && self.connection.content_has_ended()
    }

    /// The trailer section of the request, in the turn in which its content ends.
    #[must_use]
    pub const fn trailers(&self) -> Fields<'r> {
        self.trailers
    }

    /// Marks the first `len` bytes of [`content`](Self::content) as consumed. What is not comes again.
    pub fn consume(&mut self, len: usize) {
        self.consumed = self.consumed.saturating_add(len).min(self.content.len());
    }

    /// Copies as much of `bytes` as there is room for, and answers how much that was. Nothing past a
    /// declared length is taken. Where the answer is chunked, each call makes one chunk.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        let part = bytes.get(..self.room()).unwrap_or(bytes);
        let mut writer = self.output.writer();
        self.connection.encoding().begin(&mut writer, part.len());
        writer.put(part);
        self.connection.encoding().end(&mut writer);
        match writer.len() {
            Some(len) if !part.is_empty() => {
                self.output.commit(len);
                self.wrote(part.len())
            }
            _ => 0,
        }
    }

    /// Sends `slice` from where it lies, and answers how much of it: all that a declared length allows,
    /// or nothing. Where a driver can put nothing behind such a slice and the end of a chunk belongs
    /// there, as much as there is room for is copied instead.
    pub fn write_static(&mut self, slice: &'static [u8]) -> usize {
        let encoding = self.connection.encoding();
        let part = match encoding {
            Encoding::Length => slice.get(..self.connection.left()).unwrap_or(slice),
            Encoding::Chunked | Encoding::Raw => slice,
        };
        // A copy and its framing fit as a whole or not at all; so does a reference, with room for both
        // ends of its chunk. The overflow takes nothing here: what frames a part could not follow it.
        let is_short = part.len() <= Output::COPIED_LEN || !self.output.has_place();
        let cannot_end = encoding == Encoding::Chunked && !self.output.goes_on_behind_a_reference();
        if (is_short && part.len() <= self.room()) || cannot_end {
            return self.write(part);
        }
        if part.is_empty() || self.output.room() < MAX_FRAMING || !self.output.has_place() {
            return 0;
        }
        self.output
            .append(|writer| encoding.begin(writer, part.len()));
        self.output.refer(part);
        self.output.append(|writer| encoding.end(writer));
        self.wrote(part.len())
    }

    /// Has the driver send `len` bytes that it has itself, such as a part of a file, as the next of the
    /// content, and answers how many of them: all that a declared length allows; or none, where the
    /// driver has none, or no length was declared. For drivers that say how they come by the bytes.
    pub fn write_own(&mut self, len: u64) -> u64 {
        if self.connection.encoding() != Encoding::Length {
            return 0;
        }
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let len = len.min(self.connection.left());
        if len == 0 || !self.output.append_own(len as u64) {
            return 0;
        }
        self.wrote(len) as u64
    }

    /// Lets `fill` write content into the output itself; it is given the room there is and answers how
    /// much of it was used. Answers the same.
    pub fn write_with(&mut self, fill: impl FnOnce(&mut [u8]) -> usize) -> usize {
        let room = self.room();
        let encoding = self.connection.encoding();
        let reserved = if encoding == Encoding::Chunked {
            FIXED_HEAD
        } else {
            0
        };
        let Some((head, body)) = self.output.spare().split_at_mut_checked(reserved) else {
            return 0;
        };
        let body = body.get_mut(..room).unwrap_or_default();
        let used = fill(body).min(body.len());
        if used == 0 {
            return 0;
        }
        write_fixed_head(head, used);
        self.output.commit(reserved.saturating_add(used));
        self.output.append(|writer| encoding.end(writer));
        self.wrote(used)
    }

    /// How many bytes of content [`write`](Self::write) would take.
    #[must_use]
    pub fn room(&self) -> usize {
        let room = self.output.room();
        match self.connection.encoding() {
            Encoding::Length => room.min(self.connection.left()),
            Encoding::Chunked => room.saturating_sub(MAX_FRAMING),
            Encoding::Raw => room,
        }
    }

    /// There is more to say: call again when there is room for it. After a turn in which nothing was
    /// written or consumed this waits like [`receive`](Self::receive).
    pub fn more(self) -> Handled {
        let idle = self.written == 0 && self.consumed == 0 && !self.offer.is_end;
        if idle && !self.content.is_empty() {
            return self.abort();
        }
        self.until(if idle { Want::Content } else { Want::Room })
    }

    /// Call again when more content has come, or its end. Where some was left unconsumed, call again
    /// when there is room.
    ///
    /// After a turn in which nothing was written and nothing of the content consumed, though there was
    /// some, the answer is cut off, for the next turn would be the same again.
    pub fn receive(self) -> Handled {
        let left_over = self.consumed < self.content.len();
        if left_over && self.written == 0 && self.consumed == 0 {
            return self.abort();
        }
        self.until(if left_over { Want::Room } else { Want::Content })
    }

    /// Call again when the ticket is redeemed.
    pub fn wait(self) -> (Ticket, Handled) {
        (
            self.connection.ticket(self.context),
            self.until(Want::Ticket),
        )
    }

    /// Call again at `instant`, or when a ticket is redeemed. An instant that has been reached means
    /// the next one.
    pub fn wait_until(self, instant: Instant) -> Handled {
        let now = self.context.now;
        let next = now.after(Duration::from_millis(1));
        let is_past = now.has_reached(instant);
        self.connection
            .set_wake(if is_past { next } else { instant });
        self.until(Want::Instant)
    }

    /// The answer is whole. Short of a declared length it is cut off instead.
    pub fn finish(self) -> Handled {
        match self.finish_with(&[]) {
            Ok(handled) => handled,
            Err(stream) => stream.abort(),
        }
    }

    /// The answer is whole, and `trailers` follow it where it is chunked (RFC 9112 §7.1.2); they are
    /// left out where it is not.
    ///
    /// # Errors
    ///
    /// The stream again, when the trailers do not fit; nothing was written then.
    #[expect(
        clippy::result_large_err,
        reason = "the stream comes back to be used again"
    )]
    pub fn finish_with(mut self, trailers: &[Field<'_>]) -> Result<Handled, Self> {
        match self.connection.encoding() {
            Encoding::Length if self.connection.left() > 0 => return Ok(self.abort()),
            Encoding::Length => {}
            Encoding::Raw => self.connection.close_afterwards(),
            Encoding::Chunked => {
                if !self
                    .output
                    .append(|writer| emit::put_last_chunk(writer, trailers))
                {
                    return Err(self);
                }
            }
        }
        self.give_back();
        self.connection.send_side(Send::Finish);
        Ok(Handled::new())
    }

    /// Cuts the answer off, so that the client sees that it is not whole.
    pub fn abort(self) -> Handled {
        self.connection.abort();
        Handled::new()
    }

    /// What the driver told of this turn.
    #[must_use]
    pub const fn context(&self) -> &'r Context {
        self.context
    }

    fn until(mut self, want: Want) -> Handled {
        if want == Want::Content && self.content_has_ended() {
            // Nothing that it waits for can come.
            return self.abort();
        }
        self.give_back();
        self.connection.set_want(want);
        Handled::new()
    }

    /// Content that was not consumed comes again.
    fn give_back(&mut self) {
        let left = self.content.len().saturating_sub(self.consumed);
        if left > 0 {
            let end = self.offer.start.saturating_add(self.consumed);
            self.connection.lend(end);
            self.connection.unread(left);
        }
    }

    fn wrote(&mut self, len: usize) -> usize {
        self.connection.encoded(len);
        self.written = self.written.saturating_add(len);
        len
    }
}

/// The most bytes that framing adds to one part, with those of the last chunk to come.
const MAX_FRAMING: usize = 32;

impl Encoding {
    /// What goes before a part of `len` bytes.
    fn begin(self, writer: &mut Writer<'_>, len: usize) {
        if self == Self::Chunked {
            writer.put_hexadecimal(len as u64).put_array(b"\r\n");
        }
    }

    /// What goes behind it.
    fn end(self, writer: &mut Writer<'_>) {
        if self == Self::Chunked {
            writer.put_array(b"\r\n");
        }
    }
}

/// Bytes of a chunk's first line when its size is written with eight digits, leading zeros and all.
const FIXED_HEAD: usize = 10;

/// Fills `head`, of [`FIXED_HEAD`] bytes or none, with the first line of a chunk of `len` bytes.
fn write_fixed_head(head: &mut [u8], len: usize) {
    let mut rest = len;
    if let Some((digits, end)) = head.split_last_chunk_mut::<2>() {
        *end = *b"\r\n";
        for digit in digits.iter_mut().rev() {
            *digit = b"0123456789abcdef".get(rest & 15).copied().unwrap_or(b'0');
            rest >>= 4;
        }
    }
}
