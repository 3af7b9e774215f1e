//! Room for bytes to send, and what extends it.

use super::Writer;
use super::queue::{Held, Purpose, Queue};
use crate::websocket::deflate::Deflate;
use crate::websocket::frame::Header;

/// Room for bytes to send.
#[derive(Debug)]
pub struct Output<'b> {
    bytes: &'b mut [u8],
    queue: &'b mut Queue,
    overflow: Option<&'b mut dyn Overflow>,
    deflater: Option<&'b mut dyn Deflate>,
}

/// Where a driver that has a heap lets an answer go on that is longer than the room it lent.
pub trait Overflow {
    /// Appends `bytes` behind everything in the output, or takes none of them.
    fn append(&mut self, bytes: &[u8]) -> bool;
    /// How many bytes [`append`](Self::append) would take.
    fn room(&self) -> usize;
    /// Takes on to send `len` bytes that it has itself, such as a part of a file, behind everything
    /// else; or does not.
    fn append_own(&mut self, len: u64) -> bool {
        let _ = len;
        false
    }
}

impl core::fmt::Debug for dyn Overflow + '_ {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("dyn Overflow")
    }
}

impl<'b> Output<'b> {
    /// Up to this length a copy costs less than one more entry in a vectored write.
    pub(crate) const COPIED_LEN: usize = 1024;

    /// Room for `bytes.len()` bytes, less what `queue` has already filled.
    #[must_use]
    #[inline]
    pub const fn new(bytes: &'b mut [u8], queue: &'b mut Queue) -> Self {
        Self {
            bytes,
            queue,
            overflow: None,
            deflater: None,
        }
    }

    /// Room for what must not wait behind bytes that the driver sends on its own: a WebSocket's control
    /// frames go in, and no event is handed over that could have an answer.
    #[must_use]
    pub const fn for_control(bytes: &'b mut [u8], queue: &'b mut Queue) -> Self {
        queue.purpose = Purpose::Control;
        Self::new(bytes, queue)
    }

    /// Room for what is put into a ring, which keeps the order of its bytes: a `'static` slice that is
    /// referred to is the last thing in it. What it is, [`Queue::take_reference`] tells.
    #[must_use]
    pub const fn for_ring(bytes: &'b mut [u8], queue: &'b mut Queue) -> Self {
        queue.purpose = Purpose::Ring;
        Self::new(bytes, queue)
    }

    /// The same as [`new`](Self::new), and `overflow` takes what of one answer does not fit. Nothing is
    /// appended to the output after that, until it has been sent.
    #[must_use]
    #[inline]
    pub const fn with_overflow(
        bytes: &'b mut [u8],
        queue: &'b mut Queue,
        overflow: &'b mut dyn Overflow,
    ) -> Self {
        Self {
            bytes,
            queue,
            overflow: Some(overflow),
            deflater: None,
        }
    }

    /// The same, with memory for what is sent compressed; see
    /// [`Compression`](crate::Compression).
    #[must_use]
    #[inline]
    pub const fn with_deflater(mut self, deflater: &'b mut dyn Deflate) -> Self {
        self.deflater = Some(deflater);
        self
    }

    /// How many bytes can be copied in.
    #[must_use]
    #[inline]
    pub const fn room(&self) -> usize {
        if self.queue.takes_no_more() {
            0
        } else {
            self.bytes.len().saturating_sub(self.queue.filled)
        }
    }

    /// Whether one more `'static` slice can be referred to.
    #[inline]
    pub(crate) const fn has_place(&self) -> bool {
        self.queue.held_to < self.queue.max_held()
    }

    /// Whether bytes can be copied in behind a slice that is referred to.
    pub(crate) fn goes_on_behind_a_reference(&self) -> bool {
        self.queue.purpose != Purpose::Ring
    }

    /// Whether nothing is waiting to be sent.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.queue.is_empty() && !self.queue.overflowed
    }

    /// The same output, for a shorter time.
    #[inline]
    pub(crate) fn reborrow(&mut self) -> Output<'_> {
        let Self {
            bytes,
            queue,
            overflow,
            deflater,
        } = self;
        // Plain matches, so that the trait objects' lifetimes may shrink too.
        let overflow: Option<&mut dyn Overflow> = match overflow {
            Some(overflow) => Some(&mut **overflow),
            None => None,
        };
        let deflater: Option<&mut dyn Deflate> = match deflater {
            Some(deflater) => Some(&mut **deflater),
            None => None,
        };
        Output {
            bytes,
            queue,
            overflow,
            deflater,
        }
    }

    /// The same, for an answer, which nothing here compresses.
    #[inline]
    pub(crate) fn reborrow_for_answer(&mut self) -> Output<'_> {
        let overflow: Option<&mut dyn Overflow> = match &mut self.overflow {
            Some(overflow) => Some(&mut **overflow),
            None => None,
        };
        Output {
            bytes: self.bytes,
            queue: self.queue,
            overflow,
            deflater: None,
        }
    }

    /// A writer at the end of what is filled. What it wrote counts when [`commit`](Self::commit) is
    /// given its length.
    #[cfg_attr(not(small), inline)]
    #[cfg_attr(small, inline(never))]
    pub(crate) fn writer(&mut self) -> Writer<'_> {
        Writer::new(self.spare())
    }

    #[inline]
    pub(crate) const fn commit(&mut self, written: usize) {
        // What was written lies behind what is filled, in the same bytes.
        self.queue.filled = self.queue.filled.wrapping_add(written);
    }

    /// The room there is, to be written to directly.
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        let filled = if self.queue.takes_no_more() {
            self.bytes.len()
        } else {
            self.queue.filled
        };
        self.bytes.get_mut(filled..).unwrap_or_default()
    }

    /// Appends what `write` puts, if all of it fits.
    #[inline]
    pub(crate) fn append(&mut self, write: impl FnOnce(&mut Writer<'_>)) -> bool {
        let mut writer = self.writer();
        write(&mut writer);
        let len = writer.len();
        self.commit(len.unwrap_or(0));
        len.is_some()
    }

    /// How many bytes have been copied in; for [`truncate`](Self::truncate).
    #[inline]
    pub(crate) const fn filled(&self) -> usize {
        self.queue.filled
    }

    /// A count that rises by one with each byte that is put in, wherever that goes; it may begin anywhere
    /// and wrap.
    pub(crate) fn appended(&self) -> usize {
        let overflow = self.overflow.as_ref();
        let room = overflow.map_or(0, |overflow| overflow.room());
        self.queue.len().wrapping_sub(room)
    }

    /// Takes back what was copied in since [`filled`](Self::filled) was `to`.
    pub(crate) fn truncate(&mut self, to: usize) {
        self.queue.filled = self.queue.filled.min(to).max(self.queue.sent);
    }

    /// What was copied in from byte `from` on.
    pub(crate) fn copied_from(&mut self, from: usize) -> &mut [u8] {
        self.bytes
            .get_mut(from..self.queue.filled)
            .unwrap_or_default()
    }

    /// Whether [`copy`](Self::copy) takes `len` bytes, in however many calls.
    pub(crate) fn takes(&self, len: usize) -> bool {
        let fits = self.room() >= len;
        let overflow = self.overflow.as_ref().filter(|_| !self.queue.overflowed);
        fits || overflow.is_some_and(|overflow| overflow.room() >= len)
    }

    /// Copies a part of what [`takes`](Self::takes) was asked about.
    pub(crate) fn copy_part(&mut self, bytes: &[u8]) {
        let mut writer = self.writer();
        if let Some(len) = writer.put(bytes).len() {
            self.commit(len);
        } else if let Some(overflow) = &mut self.overflow {
            overflow.append(bytes);
            self.queue.overflowed = true;
        }
    }

    /// Bytes of a message that could be sent again, where that is less than can be handed over: no
    /// overflow takes what goes past the room.
    #[cfg_attr(not(small), inline(always))]
    pub(crate) const fn echo_len(&self) -> Option<usize> {
        if self.overflow.is_some() {
            None
        } else {
            let room = self.room();
            Some(if room > Header::MAX_LEN {
                room.wrapping_sub(Header::MAX_LEN)
            } else {
                1
            })
        }
    }

    /// Whether it is for control frames only.
    #[cfg_attr(not(small), inline(always))]
    pub(crate) fn is_for_control(&self) -> bool {
        self.queue.purpose == Purpose::Control
    }

    /// The room there is, and what compresses into it.
    pub(crate) fn deflated(&mut self) -> Option<(&mut [u8], &mut dyn Deflate)> {
        let filled = if self.queue.takes_no_more() {
            self.bytes.len()
        } else {
            self.queue.filled
        };
        let deflater: &mut dyn Deflate = match &mut self.deflater {
            Some(deflater) => &mut **deflater,
            None => return None,
        };
        Some((self.bytes.get_mut(filled..)?, deflater))
    }

    /// Copies all of `bytes` in, or into the overflow if need be; or none.
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> bool {
        let mut writer = self.writer();
        if let Some(len) = writer.put(bytes).len() {
            self.commit(len);
            return true;
        }
        let taken = !self.queue.overflowed
            && self
                .overflow
                .as_mut()
                .is_some_and(|overflow| overflow.append(bytes));
        self.queue.overflowed |= taken;
        taken
    }

    /// Has the driver send `len` bytes of its own behind everything else, if it can. Nothing is appended
    /// to the output after that, until it has been sent.
    pub(crate) fn append_own(&mut self, len: u64) -> bool {
        let overflow = self.overflow.as_mut().filter(|_| !self.queue.overflowed);
        let taken = overflow.is_some_and(|overflow| overflow.append_own(len));
        self.queue.overflowed |= taken;
        taken
    }

    /// Puts a `'static` slice in: by reference where that pays, and else as a copy; or not at all.
    pub(crate) fn hold(&mut self, slice: &'static [u8]) -> bool {
        if slice.len() <= Self::COPIED_LEN && self.copy(slice) {
            return true;
        }
        self.refer(slice) || self.copy(slice)
    }

    /// Puts a `'static` slice in by reference, if there is a place for it.
    pub(crate) fn refer(&mut self, slice: &'static [u8]) -> bool {
        let has_place = self.has_place();
        match self.queue.held.get_mut(self.queue.held_to) {
            Some(held) if has_place && !self.queue.overflowed => {
                *held = Held {
                    at: self.queue.filled,
                    slice,
                };
                self.queue.held_to = self.queue.held_to.saturating_add(1);
                true
            }
            _ => false,
        }
    }
}
