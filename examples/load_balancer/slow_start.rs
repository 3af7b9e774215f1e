//! Slow start: a backend that has come back is given its load by and by.
//!
//! ```text
//!  share   100 |              ________
//!              |          __--
//!              |      __--
//!           10 |____--
//!            0 +----+---------+-------  time
//!               came back     window over
//! ```
//!
//! Its caches are cold and its connections not yet made; all of its load at once could take it down
//! again.

use crate::balance::FULL_SHARE;
use crate::time::Millis;

/// What it begins with.
const FIRST_SHARE: u64 = 10;

/// The share of a backend that has come back `elapsed` ago, and how long it stays so; `None` where that
/// is for ever.
pub(crate) const fn share(window: Millis, elapsed: Millis) -> (u32, Option<Millis>) {
    if elapsed >= window {
        return (FULL_SHARE, None);
    }
    let rise = FULL_SHARE as u64 - FIRST_SHARE;
    let risen = rise * elapsed / window;
    // The first moment at which the share is greater by one.
    let next = ((risen + 1) * window).div_ceil(rise);
    ((FIRST_SHARE + risen) as u32, Some(next - elapsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_rises_to_all_of_it() {
        assert_eq!(share(0, 0), (100, None));
        assert_eq!(share(9_000, 0), (10, Some(100)));
        assert_eq!(share(9_000, 99), (10, Some(1)));
        assert_eq!(share(9_000, 4_500), (55, Some(100)));
        assert_eq!(share(9_000, 8_999), (99, Some(1)));
        assert_eq!(share(9_000, 9_000), (100, None));
    }

    #[test]
    fn each_step_is_where_it_is_said_to_be() {
        for window in [1, 7, 90, 1_000, 30_001] {
            let (mut elapsed, mut before) = (0, 0);
            while let (now, Some(stays)) = share(window, elapsed) {
                assert!(now > before || elapsed == 0, "{window} {elapsed}");
                assert!(stays > 0);
                assert_eq!(share(window, elapsed + stays - 1).0, now);
                (elapsed, before) = (elapsed + stays, now);
            }
            assert_eq!(elapsed, window);
        }
    }
}
