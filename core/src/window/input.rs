//! Bytes that have come.

use crate::websocket::deflate::Inflate;

/// Bytes received and not yet consumed.
///
/// What remains after a turn comes back in the next input, with more behind it.
#[derive(Debug)]
pub struct Input<'b> {
    consumed: usize,
    remaining: &'b mut [u8],
    outlook: Outlook,
    inflater: Option<&'b mut dyn Inflate>,
}

/// What may come behind the bytes of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these three are all there is")]
pub enum Outlook {
    /// More bytes, as soon as the peer sends them.
    More,
    /// Nothing, until some of these are consumed: the driver has no more room.
    Full,
    /// Nothing: the peer has closed its side.
    Ended,
}

impl<'b> Input<'b> {
    /// All of `bytes`.
    #[must_use]
    #[inline]
    pub const fn new(bytes: &'b mut [u8], outlook: Outlook) -> Self {
        Self {
            consumed: 0,
            remaining: bytes,
            outlook,
            inflater: None,
        }
    }

    /// The same, with memory for what comes compressed.
    #[must_use]
    #[inline]
    pub const fn with_inflater(mut self, inflater: &'b mut dyn Inflate) -> Self {
        self.inflater = Some(inflater);
        self
    }

    /// What is not yet consumed.
    #[must_use]
    #[inline]
    pub const fn remaining(&self) -> &[u8] {
        self.remaining
    }

    /// How many of the bytes are consumed. Behind them lies what [remains](Self::remaining); what lies
    /// behind that is of no more use.
    #[must_use]
    #[inline]
    pub const fn consumed(&self) -> usize {
        self.consumed
    }

    /// What may come behind [`remaining`](Self::remaining).
    #[must_use]
    #[inline]
    pub const fn outlook(&self) -> Outlook {
        self.outlook
    }

    /// Marks the first `len` remaining bytes as consumed.
    #[inline]
    pub(crate) fn consume(&mut self, len: usize) {
        self.consumed = self.consumed.wrapping_add(len);
        let remaining = core::mem::take(&mut self.remaining);
        self.remaining = remaining.get_mut(len..).unwrap_or_default();
        self.make_room(len);
    }

    /// The part of what remains from `start` to `end`; nothing where that is not all there.
    #[cfg_attr(not(small), inline)]
    #[cfg_attr(small, inline(never))]
    pub(crate) fn remaining_of(&self, start: usize, end: usize) -> &[u8] {
        self.remaining.get(start..end).unwrap_or_default()
    }

    /// What is not yet consumed, to be moved about.
    pub(crate) const fn remaining_mut(&mut self) -> &mut [u8] {
        self.remaining
    }

    /// Takes the bytes from `start` to `end` out of what remains, and moves what follows down.
    pub(crate) fn remove(&mut self, start: usize, end: usize) {
        let removed = end.saturating_sub(start);
        if removed > 0 && end <= self.remaining.len() {
            let remaining = core::mem::take(&mut self.remaining);
            move_down(remaining.get_mut(start..).unwrap_or_default(), removed);
            let len = remaining.len().saturating_sub(removed);
            self.remaining = remaining.get_mut(..len).unwrap_or_default();
            self.make_room(removed);
        }
    }

    /// The first `len` bytes that remain, and what inflates them.
    pub(crate) fn deflated(&mut self, len: usize) -> Option<(&[u8], &mut dyn Inflate)> {
        // A plain match, so that the trait object's lifetime may shrink too.
        let inflater: &mut dyn Inflate = match &mut self.inflater {
            Some(inflater) => &mut **inflater,
            None => return None,
        };
        Some((self.remaining.get(..len)?, inflater))
    }

    /// What was inflated last.
    pub(crate) fn inflated(&self) -> &[u8] {
        self.inflater
            .as_ref()
            .map_or(&[], |inflater| inflater.output())
    }

    /// `len` bytes are done with: a driver that was out of room is no longer.
    #[inline]
    fn make_room(&mut self, len: usize) {
        if len > 0 && self.outlook == Outlook::Full {
            self.outlook = Outlook::More;
        }
    }
}

/// Moves the bytes from `by` on to the start.
pub(crate) fn move_down(bytes: &mut [u8], by: usize) {
    // The condition tells the compiler that nothing here can panic.
    if by <= bytes.len() {
        bytes.copy_within(by.., 0);
    }
}
