//! How fast a peer takes what is sent to it, whatever the protocol.

use crate::{Context, Instant};

/// The watch over a peer that does not take all of the output at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SendPace {
    /// When the rate is looked at next, while output is stuck.
    deadline: Instant,
    /// Bytes that were unsent when the rate was last looked at; 0 while nothing is stuck.
    unsent: u32,
}

/// What came of an attempt to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// All was taken, as before.
    All,
    /// All was taken, after a time in which it was not.
    AllAtLast,
    /// Something is left, and the peer is within its time.
    Part,
    /// Something is left, and the peer takes too little.
    TooLittle,
}

impl SendPace {
    pub(crate) const NEW: Self = Self {
        deadline: Instant::from_millis(0),
        unsent: 0,
    };

    /// Whether output waits for the peer to take it.
    pub(crate) const fn is_stuck(&self) -> bool {
        self.unsent > 0
    }

    /// When [`note`](Self::note) has to be called again at the latest.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.is_stuck().then_some(self.deadline)
    }

    /// Takes note that `len` bytes are unsent after an attempt to send.
    pub(crate) fn note(&mut self, context: &Context, len: usize) -> Sent {
        let unsent = u32::try_from(len).unwrap_or(u32::MAX);
        if unsent == 0 {
            let was_stuck = self.is_stuck();
            self.unsent = 0;
            return if was_stuck {
                Sent::AllAtLast
            } else {
                Sent::All
            };
        }
        if self.is_stuck() {
            if !context.now.has_reached(self.deadline) {
                return Sent::Part;
            }
            let least = context.limits.least_in_window(context.limits.min_send_rate);
            if self.unsent.saturating_sub(unsent) < least {
                return Sent::TooLittle;
            }
        }
        self.deadline = context.now.after(context.limits.rate_window);
        self.unsent = unsent;
        Sent::Part
    }
}
