//! Milliseconds since the start, out of the processor's own timer.
//!
//! SysTick runs around without end, and how far it came since the last look is added up. So no tick is
//! lost when ticks come faster than they are served, as happens to a processor that is emulated. It has
//! to be looked at once in a round: [`MAX_SLEEP_MILLIS`] is short enough for 64 MHz.

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;

/// SysTick counts in 24 bits.
const ROUND: u32 = 0x00ff_ffff;

/// For how long nobody may look. A round takes 262 ms at 64 MHz.
pub(crate) const MAX_SLEEP_MILLIS: u32 = 200;

pub(crate) struct Clock {
    cycles_per_milli: u32,
    /// What the timer said when it was last looked at.
    last: u32,
    // rest < cycles_per_milli
    rest: u32,
    millis: u64,
}

impl Clock {
    pub(crate) fn start(mut timer: SYST, hertz: u32) -> Self {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(ROUND);
        timer.clear_current();
        timer.enable_counter();
        Self {
            cycles_per_milli: hertz / 1000,
            last: 0,
            rest: 0,
            millis: 0,
        }
    }

    /// Milliseconds since the start.
    pub(crate) fn now(&mut self) -> u64 {
        // It counts down.
        let current = SYST::get_current();
        let cycles = self.rest + (self.last.wrapping_sub(current) & ROUND);
        self.last = current;
        self.rest = cycles % self.cycles_per_milli;
        self.millis += u64::from(cycles / self.cycles_per_milli);
        self.millis
    }
}
