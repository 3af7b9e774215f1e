//! The buffers of a reactor: one to receive, one to send, and a pool of spills for what is left over.

use std::io::IoSlice;

use kinglet_core::window::{Overflow, Queue};

use crate::file_part::{self, FilePart};

/// Bytes of the receive buffer and of the send buffer of a thread.
///
/// Below 128 KiB, so that the C library's allocator takes neither from the system anew.
pub(crate) const BUFFER_LEN: usize = 64 * 1024;

/// Below this there is no point in a receive into a spill.
const MIN_SPARE: usize = 4 * 1024;

/// How many spills a reactor keeps for use again, and up to which length.
const MAX_POOLED: usize = 64;
const MAX_POOLED_LEN: usize = BUFFER_LEN;

/// How much room past the send buffer a reactor keeps from one long answer to the next.
const MAX_KEPT_REST_LEN: usize = 1024 * 1024;

/// How many slices one system call sends at most.
const MAX_SLICES: usize = 2 * Queue::MAX_HELD + 2;

/// Bytes that were received and are not consumed.
///
/// ```text
///  bytes  [ consumed | remaining | spare ]
///                    ^ start     ^ end
/// ```
///
/// Consumed bytes are given up when what remains is no longer than they are, and the buffer doubles
/// when it is full: so a byte is moved twice at most, however small the pieces are that come.
#[derive(Debug)]
pub(crate) struct Unread {
    // start <= end <= bytes.len()
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

/// Bytes that were sent only in part, or not at all.
#[derive(Debug)]
pub(crate) struct Unsent {
    queue: Queue,
    bytes: Vec<u8>,
    /// What of an answer went past the send buffer, and how much of that is sent.
    rest: Vec<u8>,
    rest_sent: usize,
    /// What follows from a file.
    file: Option<FilePart>,
}

/// Takes what of an answer goes past the send buffer.
#[derive(Debug)]
pub(crate) struct Rest {
    pub(crate) bytes: Vec<u8>,
    pub(crate) max_len: usize,
    /// What follows from a file.
    pub(crate) file: Option<FilePart>,
    /// Bytes in all.
    pub(crate) len: usize,
}

/// Buffers to be used again.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    buffers: Vec<Vec<u8>>,
}

impl Unread {
    /// A copy of `remaining`.
    pub(crate) fn new(remaining: &[u8], pool: &mut Pool) -> Self {
        let mut bytes = pool.take();
        bytes.extend_from_slice(remaining);
        Self {
            start: 0,
            end: bytes.len(),
            bytes,
        }
    }

    /// What remains.
    pub(crate) fn remaining(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    /// Room behind what remains; none once that is `max_len` long.
    pub(crate) fn spare(&mut self, max_len: usize) -> &mut [u8] {
        if self.start >= self.end - self.start {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.bytes.len() - self.end < MIN_SPARE {
            self.bytes
                .resize((2 * self.bytes.len()).max(self.end + MIN_SPARE), 0);
        }
        let room = max_len.saturating_sub(self.end - self.start);
        let end = self.bytes.len().min(self.end + room);
        &mut self.bytes[self.end..end]
    }

    /// Puts `bytes` behind what remains, whatever its length.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.truncate(self.end);
        self.bytes.extend_from_slice(bytes);
        self.end = self.bytes.len();
    }

    /// Takes note that `len` bytes of the spare room were filled.
    pub(crate) fn filled(&mut self, len: usize) {
        self.end += len;
    }

    /// Takes note that of what remained, `consumed` bytes are done with and `remaining` bytes follow.
    pub(crate) fn keep(&mut self, consumed: usize, remaining: usize) {
        self.start += consumed;
        self.end = self.start + remaining;
    }

    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(crate) fn recycle(self, pool: &mut Pool) {
        pool.put(self.bytes);
    }
}

impl Unsent {
    /// What `queue` says of `bytes`, and behind it `rest` and `file`.
    pub(crate) fn new(
        queue: &Queue,
        bytes: &[u8],
        rest: Vec<u8>,
        file: Option<FilePart>,
        pool: &mut Pool,
    ) -> Self {
        let mut copy = pool.take();
        copy.resize(queue.copied_len(), 0);
        let queue = queue.move_to(bytes, &mut copy).unwrap_or_default();
        Self {
            queue,
            bytes: copy,
            rest,
            rest_sent: 0,
            file,
        }
    }

    /// A copy of `bytes`, and behind it `file`.
    pub(crate) fn of_bytes(bytes: &[u8], file: Option<FilePart>, pool: &mut Pool) -> Self {
        let mut rest = pool.take();
        rest.extend_from_slice(bytes);
        Self {
            queue: Queue::new(),
            bytes: Vec::new(),
            rest,
            rest_sent: 0,
            file,
        }
    }

    pub(crate) fn len(&self) -> usize {
        let file = self.file.as_ref().map_or(0, FilePart::len);
        self.memory_len().saturating_add(file)
    }

    /// Bytes that are not from a file.
    pub(crate) fn memory_len(&self) -> usize {
        self.queue.len() + self.rest.len() - self.rest_sent
    }

    /// What follows from a file, behind everything else.
    pub(crate) const fn file(&mut self) -> &mut Option<FilePart> {
        &mut self.file
    }

    /// Puts what `queue` says of `bytes`, and `rest`, behind everything else.
    pub(crate) fn append(&mut self, queue: &Queue, bytes: &[u8], rest: &[u8]) {
        for slice in queue.slices(bytes).chain([rest]) {
            self.rest.extend_from_slice(slice);
        }
    }

    /// Puts `bytes` behind everything else.
    pub(crate) fn append_bytes(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// Hands the slices to be sent to `send`.
    pub(crate) fn slices<T>(&self, send: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        send_slices(&self.queue, &self.bytes, &self.rest[self.rest_sent..], send)
    }

    /// Takes note that the first `len` bytes are sent.
    pub(crate) fn advance(&mut self, len: usize) {
        let queued = self.queue.len().min(len);
        self.queue.advance(queued);
        self.rest_sent += len - queued;
    }

    pub(crate) fn recycle(self, pool: &mut Pool) {
        pool.put(self.bytes);
        pool.put(self.rest);
    }
}

/// Hands what `queue` says of `bytes`, and `rest`, to `send` as slices.
pub(crate) fn send_slices<T>(
    queue: &Queue,
    bytes: &[u8],
    rest: &[u8],
    send: impl FnOnce(&[IoSlice<'_>]) -> T,
) -> T {
    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
    let mut len = 0;
    let rest = core::iter::once(rest).filter(|rest| !rest.is_empty());
    for (to, slice) in slices.iter_mut().zip(queue.slices(bytes).chain(rest)) {
        *to = IoSlice::new(slice);
        len += 1;
    }
    send(&slices[..len])
}

impl Rest {
    pub(crate) const fn new(max_len: usize) -> Self {
        Self {
            bytes: Vec::new(),
            max_len,
            file: None,
            len: 0,
        }
    }

    /// Forgets what was sent; a long answer's memory goes back to the system.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.file = None;
        self.bytes.clear();
        if self.bytes.capacity() > MAX_KEPT_REST_LEN {
            self.bytes = Vec::new();
        }
    }
}

impl Overflow for Rest {
    fn append(&mut self, bytes: &[u8]) -> bool {
        let fits = self.bytes.len() + bytes.len() <= self.max_len;
        if fits {
            self.bytes.extend_from_slice(bytes);
            self.len += bytes.len();
        }
        fits
    }

    fn append_own(&mut self, len: u64) -> bool {
        self.file = file_part::take_offered(len);
        self.len += self.file.as_ref().map_or(0, FilePart::len);
        self.file.is_some()
    }

    fn room(&self) -> usize {
        self.max_len.saturating_sub(self.bytes.len())
    }
}

impl Pool {
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_default()
    }

    pub(crate) fn put(&mut self, mut buffer: Vec<u8>) {
        let is_fit = (1..=MAX_POOLED_LEN).contains(&buffer.capacity());
        if is_fit && self.buffers.len() < MAX_POOLED {
            buffer.clear();
            self.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unread_bytes_come_and_go_in_any_pieces() {
        let mut pool = Pool::default();
        let mut unread = Unread::new(b"ab", &mut pool);
        let mut model = b"ab".to_vec();
        let mut seed = 1_usize;
        for round in 0..20_000 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let spare = unread.spare(100_000);
            let len = (seed % 97).min(spare.len());
            spare[..len].fill(round as u8);
            unread.filled(len);
            model.resize(model.len() + len, round as u8);
            assert_eq!(unread.remaining(), model);
            let consumed = if seed.is_multiple_of(5) {
                seed / 8 % (model.len() + 1)
            } else {
                0
            };
            unread.keep(consumed, model.len() - consumed);
            model.drain(..consumed);
            assert_eq!(unread.len(), model.len());
        }
    }

    #[test]
    fn what_remains_is_bounded() {
        let mut unread = Unread::new(&[b'a'; 10], &mut Pool::default());
        assert_eq!(unread.spare(12).len(), 2);
        unread.filled(2);
        assert_eq!(unread.spare(12).len(), 0);
        unread.keep(7, 5);
        assert_eq!(unread.spare(12).len(), 7);
    }
}
