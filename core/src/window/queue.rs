//! What of an output is to be sent.

use super::copy_to_front;

/// What of an output's bytes is to be sent, and which `'static` slices lie between them.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    // sent <= filled <= the length of the bytes; held[..].at rises and lies between them
    pub(super) sent: usize,
    pub(super) filled: usize,
    pub(super) held: [Held; Self::MAX_HELD],
    pub(super) held_from: usize,
    pub(super) held_to: usize,
    pub(super) overflowed: bool,
    pub(super) purpose: Purpose,
}

/// What an output is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Purpose {
    #[default]
    Anything,
    Control,
    /// Bytes that go into a ring in their order.
    Ring,
}

/// A slice that is sent from where it lies, before the copied byte at `at`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    pub(super) at: usize,
    pub(super) slice: &'static [u8],
}

impl Queue {
    /// How many `'static` slices an output can refer to; further ones are copied.
    pub const MAX_HELD: usize = 8;

    /// Nothing to send.
    #[must_use]
    pub const fn new() -> Self {
        const NONE: Held = Held { at: 0, slice: &[] };
        Self {
            sent: 0,
            filled: 0,
            held: [NONE; Self::MAX_HELD],
            held_from: 0,
            held_to: 0,
            overflowed: false,
            purpose: Purpose::Anything,
        }
    }

    /// How many slices can be referred to.
    #[inline]
    pub(super) const fn max_held(&self) -> usize {
        match self.purpose {
            Purpose::Ring => 1,
            Purpose::Anything | Purpose::Control => Self::MAX_HELD,
        }
    }

    /// Whether nothing can be copied in before all of it is sent.
    #[inline]
    pub(super) const fn takes_no_more(&self) -> bool {
        self.overflowed || (self.held_to > 0 && matches!(self.purpose, Purpose::Ring))
    }

    /// The slice that is to be sent behind everything that was copied in, of an output
    /// [for a ring](super::Output::for_ring); empty where there is none. It is the caller's to send.
    #[must_use]
    pub fn take_reference(&mut self) -> &'static [u8] {
        let held = self.waiting().last().map_or(&[][..], |held| held.slice);
        (self.held_from, self.held_to) = (0, 0);
        held
    }

    /// Whether everything has been sent.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.sent == self.filled && self.held_from == self.held_to
    }

    /// How many bytes are to be sent, without those in an [`Overflow`](super::Overflow).
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        if self.held_from == self.held_to {
            return self.filled.saturating_sub(self.sent);
        }
        let held = self
            .waiting()
            .iter()
            .fold(0_usize, |sum, held| sum.saturating_add(held.slice.len()));
        self.filled.saturating_sub(self.sent).saturating_add(held)
    }

    /// The slices to be sent, in order, for a vectored write. `bytes` is what the output was made of.
    pub fn slices<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut from = self.sent;
        let copied_and_held = self.waiting().iter().flat_map(move |held| {
            let copied = bytes.get(from..held.at).unwrap_or_default();
            from = held.at;
            [copied, held.slice]
        });
        let last = self.waiting().last().map_or(self.sent, |held| held.at);
        let tail = bytes.get(last..self.filled).unwrap_or_default();
        copied_and_held
            .chain([tail])
            .filter(|slice| !slice.is_empty())
    }

    /// Tells that the first `len` bytes have been sent.
    pub fn advance(&mut self, mut len: usize) {
        while let Some(held) = self
            .held
            .get_mut(self.held_from)
            .filter(|_| self.held_from < self.held_to)
        {
            let copied = held.at.saturating_sub(self.sent);
            if len < copied {
                break;
            }
            len = len.saturating_sub(copied);
            self.sent = held.at;
            let rest = held.slice.get(len..).unwrap_or_default();
            len = len.saturating_sub(held.slice.len());
            held.slice = rest;
            if !rest.is_empty() {
                return;
            }
            self.held_from = self.held_from.saturating_add(1);
        }
        self.sent = self.sent.saturating_add(len).min(self.filled);
        if self.is_empty() {
            self.clear();
        }
    }

    /// Forgets what is to be sent.
    #[inline]
    pub const fn clear(&mut self) {
        // The slices themselves may stay: nothing past `held_to` is looked at.
        (self.sent, self.filled) = (0, 0);
        (self.held_from, self.held_to) = (0, 0);
        self.overflowed = false;
    }

    /// Copies what is to be sent into `to`, which has room for it, with the `'static` slices still
    /// only referred to, and answers the queue that describes it there.
    ///
    /// `None` when `to` is shorter than [`copied_len`](Self::copied_len).
    #[must_use]
    pub fn move_to(&self, bytes: &[u8], to: &mut [u8]) -> Option<Self> {
        let copied = bytes.get(self.sent..self.filled)?;
        copy_to_front(copied, to)?;
        let mut moved = Self {
            overflowed: self.overflowed,
            ..Self::new()
        };
        moved.filled = copied.len();
        for (to, held) in moved.held.iter_mut().zip(self.waiting()) {
            *to = Held {
                at: held.at.saturating_sub(self.sent),
                slice: held.slice,
            };
        }
        moved.held_to = self.waiting().len();
        Some(moved)
    }

    /// How many bytes [`move_to`](Self::move_to) copies.
    #[must_use]
    pub const fn copied_len(&self) -> usize {
        self.filled.saturating_sub(self.sent)
    }

    /// How many bytes have been copied in since the queue was last empty.
    #[must_use]
    #[inline]
    pub const fn filled(&self) -> usize {
        self.filled
    }

    fn waiting(&self) -> &[Held] {
        self.held
            .get(self.held_from..self.held_to)
            .unwrap_or_default()
    }
}
