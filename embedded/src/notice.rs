//! What an application tells a driver between two turns.

use kinglet_core::http::Ticket;

/// What a driver is told from elsewhere: by an interrupt, a sensor's task, or whoever holds a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// What a ticket stands for may go on. One of another connection is without effect.
    Redeem(Ticket),
    /// The connection is to come to its end: at once where it is idle, and else after the exchange that
    /// is under way.
    Drain,
}

#[cfg(feature = "defmt")]
impl defmt::Format for Notice {
    fn format(&self, to: defmt::Formatter<'_>) {
        defmt::Debug2Format(self).format(to);
    }
}
