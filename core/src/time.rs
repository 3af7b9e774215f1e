//! Time as a value: the caller has the clock, the engine has the deadlines.
//!
//! There is no clock in this crate. A driver reads whatever it has (a kernel's monotonic clock, a
//! SysTick counter, a test's variable), makes an [`Instant`] of it, and asks the engine for its next
//! deadline. So every timeout behaves the same on every machine and is tested in virtual time.

use core::time::Duration;

/// A point on the caller's monotonic clock, in milliseconds since an origin of its choosing.
///
/// The count wraps at 2³² (after 49.7 days), as a microcontroller's does. Two instants compare
/// rightly while they lie less than 2³¹ ms (24.8 days) apart; no deadline of the engine lies
/// further ahead than that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instant(u32);

impl Instant {
    /// The instant that lies `millis` milliseconds after the clock's origin, modulo 2³².
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an instant is the count modulo 2^32"
    )]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis as u32)
    }

    /// This instant's count of milliseconds, modulo 2³².
    #[must_use]
    pub const fn as_millis(self) -> u32 {
        self.0
    }

    /// The instant `duration` later. Durations past 2³¹ - 1 ms count as that.
    #[must_use]
    pub const fn after(self, duration: Duration) -> Self {
        Self(self.0.wrapping_add(millis(duration)))
    }

    /// Whether this instant is `other` or comes after it.
    #[must_use]
    pub const fn has_reached(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0) < 1 << 31
    }

    /// How long it is from this instant until `other`; zero when `other` has been reached.
    #[must_use]
    pub const fn until(self, other: Self) -> Duration {
        if self.has_reached(other) {
            Duration::ZERO
        } else {
            Duration::from_millis(other.0.wrapping_sub(self.0) as u64)
        }
    }

    /// The earlier of two instants.
    #[must_use]
    pub const fn earlier(self, other: Self) -> Self {
        if self.has_reached(other) { other } else { self }
    }
}

/// Whole milliseconds, at most 2³¹ - 1.
#[cfg_attr(small, inline(never))]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a bounded number of seconds"
)]
const fn millis(duration: Duration) -> u32 {
    const MAX: u32 = i32::MAX.cast_unsigned();
    const MAX_SECONDS: u64 = MAX as u64 / 1000;
    let seconds = duration.as_secs();
    if seconds > MAX_SECONDS {
        return MAX;
    }
    let millis = (seconds as u32).saturating_mul(1000);
    let millis = millis.saturating_add(duration.subsec_millis());
    if millis > MAX { MAX } else { millis }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_across_the_wrap() {
        let before = Instant::from_millis(u64::from(u32::MAX) - 5);
        let after = before.after(Duration::from_millis(10));
        assert_eq!(after.as_millis(), 4);
        assert!(after.has_reached(before));
        assert!(!before.has_reached(after));
        assert_eq!(before.until(after), Duration::from_millis(10));
        assert_eq!(after.until(before), Duration::ZERO);
        assert_eq!(before.earlier(after), before);
        assert_eq!(after.earlier(before), before);
    }

    #[test]
    fn an_absurd_duration_stays_ahead() {
        let now = Instant::from_millis(7);
        assert!(!now.has_reached(now.after(Duration::MAX)));
    }
}
