//! The time that a reactor tells the engine.

use std::time::{Instant, SystemTime};

use kinglet_core::Context;

/// A monotonic clock and the date, read once for each turn of a reactor.
#[derive(Debug)]
pub(crate) struct Clock {
    origin: Instant,
    /// The quarter of a second, since the origin, for which the date was written.
    dated: Option<u64>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            origin: Instant::now(),
            dated: None,
        }
    }

    /// Has the date written anew, into another stamp.
    pub(crate) const fn forget_date(&mut self) {
        self.dated = None;
    }

    /// Brings `context` up to date. Answers the milliseconds since the clock was made.
    pub(crate) fn tell(&mut self, context: &mut Context) -> u64 {
        let elapsed = self.origin.elapsed();
        let millis = elapsed.as_secs() * 1000 + u64::from(elapsed.subsec_millis());
        context.now = kinglet_core::Instant::from_millis(millis);
        // The wall clock's second begins in the midst of one of ours, so the date is read four times
        // as often as it changes.
        let quarter = millis / 250;
        if self.dated != Some(quarter) {
            self.dated = Some(quarter);
            let date = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            context
                .stamp
                .set_date(date.map_or(0, |since| since.as_secs()));
        }
        millis
    }
}
