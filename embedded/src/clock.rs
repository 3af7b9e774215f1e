//! What the time is told to.

use kinglet_core::{Context, Instant};

/// Keeps the `Date` of a context at the second, and writes it no more often than that.
#[derive(Debug, Default)]
pub(crate) struct Calendar {
    told: Option<u64>,
}

impl Calendar {
    pub(crate) fn tell(&mut self, context: &mut Context, unix_seconds: Option<u64>) {
        if let Some(seconds) = unix_seconds
            && self.told != Some(seconds)
        {
            context.stamp.set_date(seconds);
            self.told = Some(seconds);
        }
    }
}

/// Whether a deadline has passed, where there is one.
pub(crate) fn is_late(now: Instant, deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| now.has_reached(deadline))
}
