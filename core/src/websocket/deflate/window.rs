//! The window: what was inflated last, kept for references to it.

use super::{Takeover, window_size};
use crate::window::copy_to_front;

/// The last 2^bits bytes that were inflated, in memory that is the owner's: an array, a `Box<[u8]>`.
///
/// The memory is used as a ring into which is inflated. What was inflated last is one slice of it.
pub struct Window<W> {
    memory: W,
    /// How much of the memory is the ring, in bytes: 2^bits, or none before the first message.
    size: usize,
    // start <= position <= size, received <= size.
    start: usize,
    position: usize,
    received: usize,
}

/// The ring during one call, and where it goes on.
#[derive(Debug)]
pub(super) struct Ring<'w> {
    pub(super) bytes: &'w mut [u8],
    /// Where the next byte belongs.
    pub(super) position: usize,
    /// Where this call ends.
    end: usize,
    /// Together with the position, how many bytes of this context there are, before the ring is full of
    /// them; modulo the word, as what came earlier may stand anywhere.
    base: usize,
}

impl<W: AsRef<[u8]> + AsMut<[u8]>> Window<W> {
    /// A window with nothing in it. Of the memory, a message uses as much as was agreed for it.
    #[must_use]
    pub const fn new(memory: W) -> Self {
        Self {
            memory,
            size: 0,
            start: 0,
            position: 0,
            received: 0,
        }
    }

    /// Forgets what is in the window. Whoever gives memory to another connection does this between.
    pub const fn forget(&mut self) {
        self.start = 0;
        self.position = 0;
        self.received = 0;
    }

    /// What was inflated last.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        let memory = self.memory.as_ref();
        memory.get(self.start..self.position).unwrap_or_default()
    }

    /// A message begins. False when there is not as much memory, or are no such windows.
    pub(super) fn begin(&mut self, bits: u8, takeover: Takeover) -> bool {
        let size = window_size(bits).filter(|&size| size <= self.memory.as_ref().len());
        if takeover == Takeover::Forbidden || size != Some(self.size) {
            self.forget();
        }
        self.start = self.position;
        self.size = size.unwrap_or(0);
        size.is_some()
    }

    /// The ring, with room for at least one byte and at most `most`.
    pub(super) fn ring(&mut self, most: usize) -> Ring<'_> {
        if self.position >= self.size {
            self.position = 0;
        }
        self.start = self.position;
        Ring {
            bytes: self
                .memory
                .as_mut()
                .get_mut(..self.size)
                .unwrap_or_default(),
            position: self.position,
            end: self.position.saturating_add(most.max(1)).min(self.size),
            base: self.received.wrapping_sub(self.position),
        }
    }

    /// Takes note of how far a ring has come, and returns how long the output is.
    pub(super) fn advance(&mut self, position: usize) -> usize {
        let len = position.saturating_sub(self.start);
        self.position = position;
        self.received = self.received.saturating_add(len).min(self.size);
        len
    }
}

impl<W> core::fmt::Debug for Window<W> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Window")
            .field("size", &self.size)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

impl Ring<'_> {
    /// Whether the byte that far back is one of this context and in the window.
    #[inline(always)]
    pub(super) const fn has(&self, distance: usize) -> bool {
        distance <= self.base.wrapping_add(self.position) && distance <= self.bytes.len()
    }

    /// Appends a byte. False when it has no room.
    #[inline(always)]
    pub(super) fn push(&mut self, byte: u8) -> bool {
        match self.bytes.get_mut(self.position) {
            Some(slot) if self.position < self.end => *slot = byte,
            _ => return false,
        }
        self.position = self.position.wrapping_add(1);
        true
    }

    /// Appends what has room of `bytes`, and returns how much that was.
    pub(super) fn extend(&mut self, bytes: &[u8]) -> usize {
        let room = self.bytes.get_mut(self.position..self.end);
        let room = room.unwrap_or_default();
        let len = room.len().min(bytes.len());
        let _ = copy_to_front(bytes.get(..len).unwrap_or_default(), room);
        self.position = self.position.wrapping_add(len);
        len
    }

    /// Repeats `len` bytes that lie `distance` back, which the ring [has](Self::has), as far as there is
    /// room. Returns how much is missing.
    #[cfg_attr(not(small), inline(always))]
    #[cfg_attr(small, inline(never))]
    pub(super) fn repeat(&mut self, distance: usize, len: usize) -> usize {
        if cfg!(small) {
            return self.repeat_bytes(distance, len);
        }
        let (before, after) = match self.bytes.split_at_mut_checked(self.position) {
            Some(halves) => halves,
            None => return 0,
        };
        let from = before.len().wrapping_sub(distance);
        if let (Some(from), Some(to)) = (before.get(from..), after.get_mut(..len))
            && let Some(from) = from.get(..len)
            && len <= self.end.wrapping_sub(self.position)
        {
            // Neither overlaps itself nor goes round: nearly all do.
            copy(from, to);
            self.position = self.position.wrapping_add(len);
            return 0;
        }
        self.repeat_bytes(distance, len)
    }

    /// The same for references into what they append, and for those around the end of the ring.
    fn repeat_bytes(&mut self, distance: usize, mut len: usize) -> usize {
        while len > 0 && self.position < self.end {
            let (from, len_here) = match self.position.checked_sub(distance) {
                Some(from) => (from, len),
                None => {
                    let behind = distance.wrapping_sub(self.position);
                    (self.bytes.len().wrapping_sub(behind), len.min(behind))
                }
            };
            let cells = core::cell::Cell::from_mut(&mut *self.bytes).as_slice_of_cells();
            let from = cells.get(from..).unwrap_or_default().iter();
            let to = cells.get(self.position..self.end);
            let to = to.unwrap_or_default().iter();
            let mut copied = 0_usize;
            // One after the other, as each may be what the next but few repeats.
            for (from, to) in from.zip(to).take(len_here) {
                to.set(from.get());
                copied = copied.wrapping_add(1);
            }
            if copied == 0 {
                return 0;
            }
            self.position = self.position.wrapping_add(copied);
            len = len.wrapping_sub(copied);
        }
        len
    }
}

/// Copies between slices of one length. Most are shorter than a call is worth.
#[inline(always)]
fn copy(from: &[u8], to: &mut [u8]) {
    if let (Some(first), Some(last)) = (from.first_chunk::<8>(), from.last_chunk::<8>())
        && from.len() <= 16
    {
        // Two words, which overlap in what both have.
        if let Some(to) = to.first_chunk_mut::<8>() {
            *to = *first;
        }
        if let Some(to) = to.last_chunk_mut::<8>() {
            *to = *last;
        }
        return;
    }
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}
