//! Our [`Deflate`]: a greedy search in little memory.

use super::encoder::Writer;
use super::matcher::{Matcher, Text};
use super::{Deflate, Takeover, window_size};
use crate::window::copy_to_front;

/// Deflates with memory that is lent: a window of `W`, bytes, and a table of `T`, `u16`.
///
/// The window keeps earlier messages. It may be smaller than was agreed, then less is kept; without
/// takeover it may be empty, as a message can refer to itself. The table tells where something has been;
/// its length is rounded down to a power of two, up to 131,072 are of use, and with less than two nothing
/// is found. So [`begin`](Deflate::begin) is false only for bits that are no window.
///
/// A message becomes blocks with fixed codes, or stored blocks of 65,535 bytes where these are shorter:
/// it grows by no more than five bytes for each such, and one.
pub struct Deflater<W, T> {
    window: W,
    table: T,
    /// The agreed window, in bytes.
    max_distance: usize,
    // position < size <= window, earlier <= size.
    /// How much of the window is used, as a ring, in bytes.
    size: usize,
    /// Where the next byte belongs.
    position: usize,
    /// How many bytes of this context are kept.
    earlier: usize,
    /// The position of the next message for the table, modulo 2^16.
    base: u16,
}

impl<W: AsRef<[u8]> + AsMut<[u8]>, T: AsMut<[u16]>> Deflater<W, T> {
    /// A deflater with nothing in its window. What the memory holds does not matter.
    #[must_use]
    pub const fn new(window: W, table: T) -> Self {
        Self {
            window,
            table,
            max_distance: 0,
            size: 0,
            position: 0,
            earlier: 0,
            base: 0,
        }
    }

    /// Forgets what is in the window, which another connection is about to use.
    pub const fn forget(&mut self) {
        self.earlier = 0;
        self.position = 0;
    }

    /// Writes blocks for all of the message.
    fn write(&mut self, message: &[u8], to: &mut [u8]) -> Option<usize> {
        let ring = self.window.as_ref().get(..self.size).unwrap_or_default();
        let text = Text {
            earlier: last_of(ring, self.position, self.earlier),
            message,
        };
        let table = self.table.as_mut();
        let mut matcher = Matcher::new(text, table, self.base, self.max_distance);
        let mut writer = Writer::new(to);
        let mut start = 0_usize;
        for block in message.chunks(MAX_STORED) {
            let end = start.wrapping_add(block.len());
            let mark = writer.mark();
            if write_fixed(&mut writer, &mut matcher, start, end).is_none() {
                writer.rewind(mark);
                writer.store(block)?;
            }
            start = end;
        }
        writer.finish()
    }

    /// Appends the message to the window.
    #[expect(clippy::cast_possible_truncation, reason = "positions are modulo 2^16")]
    fn keep(&mut self, message: &[u8]) {
        self.base = self.base.wrapping_add(message.len() as u16);
        let ring = self
            .window
            .as_mut()
            .get_mut(..self.size)
            .unwrap_or_default();
        let kept = message.len().min(ring.len());
        let mut rest = message
            .get(message.len().wrapping_sub(kept)..)
            .unwrap_or_default();
        while !rest.is_empty() {
            let room = ring.get_mut(self.position..).unwrap_or_default();
            let len = room.len().min(rest.len());
            if let Some((head, behind)) = rest.split_at_checked(len) {
                let _ = copy_to_front(head, room);
                rest = behind;
            }
            self.position = self.position.wrapping_add(len);
            if self.position >= self.size {
                self.position = 0;
            }
        }
        self.earlier = self.earlier.saturating_add(kept).min(self.size);
    }
}

impl<W: AsRef<[u8]> + AsMut<[u8]>, T: AsMut<[u16]>> Deflate for Deflater<W, T> {
    fn begin(&mut self, window_bits: u8, takeover: Takeover) -> bool {
        let Some(max_distance) = window_size(window_bits) else {
            return false;
        };
        if takeover == Takeover::Forbidden || max_distance != self.max_distance {
            self.forget();
        }
        self.max_distance = max_distance;
        self.size = max_distance.min(self.window.as_ref().len());
        true
    }

    fn deflate(&mut self, message: &[u8], to: &mut [u8]) -> Option<usize> {
        let len = self.write(message, to);
        match len {
            Some(_) => self.keep(message),
            None => self.forget(),
        }
        len
    }
}

impl<W, T> core::fmt::Debug for Deflater<W, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Deflater")
            .field("size", &self.size)
            .field("earlier", &self.earlier)
            .finish_non_exhaustive()
    }
}

/// The last `len` bytes of a ring in which the next one belongs at `position`.
fn last_of(ring: &[u8], position: usize, len: usize) -> [&[u8]; 2] {
    let (before, behind) = ring.split_at_checked(position).unwrap_or_default();
    let of_before = len.min(before.len());
    let of_behind = len.wrapping_sub(of_before);
    let before = before.get(before.len().wrapping_sub(of_before)..);
    let behind = behind.get(behind.len().wrapping_sub(of_behind)..);
    [behind.unwrap_or_default(), before.unwrap_or_default()]
}

/// Writes a part of the message as a block with fixed codes. None when it is longer than a stored block,
/// or has no room.
fn write_fixed(
    writer: &mut Writer<'_>,
    matcher: &mut Matcher<'_>,
    start: usize,
    end: usize,
) -> Option<()> {
    writer.begin_fixed(end.wrapping_sub(start))?;
    let message = matcher.text.message;
    let mut index = start;
    // How many in a row were in vain: the more, the fewer are tried.
    let mut vain = 0_usize;
    while index < end {
        if let Some(found) = matcher.find(index) {
            let len = found.len.min(end.wrapping_sub(index));
            if len >= 4 {
                writer.pair(len, found.distance)?;
                let next = index.wrapping_add(len);
                let last = next.min(index.wrapping_add(MAX_INSERTED));
                for inside in index.wrapping_add(1)..last {
                    matcher.insert(inside);
                }
                index = next;
                vain = 0;
                continue;
            }
        }
        vain = vain.wrapping_add(1);
        let next = index.wrapping_add(1).wrapping_add(vain >> 6).min(end);
        for &byte in message.get(index..next).unwrap_or_default() {
            writer.literal(byte)?;
        }
        index = next;
    }
    writer.end_fixed()
}

/// The longest block that can be stored, RFC 1951 §3.2.4.
const MAX_STORED: usize = 65_535;

/// How much of a repeated sequence can be found again at any place in it.
const MAX_INSERTED: usize = 32;
