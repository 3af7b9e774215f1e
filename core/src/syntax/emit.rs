//! Writing into a slice that the caller lends.
//!
//! Whoever emits says how many bytes were written by returning them: the
//! result is the front part of the lent slice. When the slice is too small
//! the answer is [`NoRoom`], and what the slice then holds is unspecified.

use core::error::Error;
use core::fmt;

use crate::window::copy_to_front;

/// The lent slice cannot hold what was to be written.
///
/// A misuse by the caller, not a fault of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoRoom;

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a larger slice to write to")
    }
}

impl Error for NoRoom {}

/// Appends to a lent slice.
#[derive(Debug)]
pub(crate) struct Emitter<'out> {
    out: &'out mut [u8],
    // written <= out.len()
    written: usize,
}

impl<'out> Emitter<'out> {
    pub(crate) const fn new(out: &'out mut [u8]) -> Self {
        Self { out, written: 0 }
    }

    /// Appends all of `bytes` or nothing.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        let free = self.out.get_mut(self.written..).ok_or(NoRoom)?;
        copy_to_front(bytes, free).ok_or(NoRoom)?;
        self.written = self.written.saturating_add(bytes.len());
        Ok(())
    }

    /// Appends one byte.
    pub(crate) fn push_byte(&mut self, byte: u8) -> Result<(), NoRoom> {
        let slot = self.out.get_mut(self.written).ok_or(NoRoom)?;
        *slot = byte;
        self.written = self.written.saturating_add(1);
        Ok(())
    }

    /// What has been written so far.
    pub(crate) fn written(&self) -> &[u8] {
        self.out.get(..self.written).unwrap_or_default()
    }

    /// Takes back everything after the first `len` bytes, if there is any.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.written = self.written.min(len);
    }

    /// The part of the lent slice that was written.
    pub(crate) fn finish(self) -> &'out mut [u8] {
        match self.out.split_at_mut_checked(self.written) {
            Some((written, _)) => written,
            None => Default::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_all_of_a_piece_or_nothing() {
        let mut out = [0; 4];
        let mut emitter = Emitter::new(&mut out);
        assert_eq!(emitter.push(b"ab"), Ok(()));
        assert_eq!(emitter.push(b"cde"), Err(NoRoom));
        assert_eq!(emitter.written(), b"ab");
        assert_eq!(emitter.push_byte(b'c'), Ok(()));
        assert_eq!(emitter.push(b"d"), Ok(()));
        assert_eq!(emitter.push_byte(b'e'), Err(NoRoom));
        emitter.truncate(3);
        emitter.truncate(9);
        assert_eq!(emitter.finish(), b"abc");
    }
}
