//! Passive checks: who fails at requests is left out for a while.
//!
//! ```text
//!            failures in a row, or too many             time has passed
//!  serving ------------------------------> ejected ----------------------> serving, in slow start
//!     ^                                    base * 2^(ejections before)
//!     |   each interval without an ejection takes one off those before
//! ```
//!
//! A failure is one of the gateway: no connection, none of a response, garbage, or a 502, 503 or 504. An
//! application that answers 500 is there. How many of a pool may be out at once is the pool's to bound:
//! where everybody fails, the cause is elsewhere, and leaving them all out would serve nobody.

use crate::time::Millis;

/// When a backend is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Failures in a row.
    pub(crate) consecutive: u32,
    /// Failures among all requests of an interval, in percent; more than 100 for never.
    pub(crate) failure_percent: u32,
    /// Requests of an interval without which the share says nothing.
    pub(crate) min_requests: u32,
    pub(crate) interval: Millis,
    /// How long the first time.
    pub(crate) base: Millis,
    /// How long at most.
    pub(crate) max: Millis,
    /// How many of a pool may be out at once, in percent of its backends.
    pub(crate) max_ejected_percent: u32,
}

/// How a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Served,
    Failed,
}

impl Outcome {
    /// What a response with this status code is.
    pub(crate) const fn of_status(status: u16) -> Self {
        match status {
            502..=504 => Self::Failed,
            _ => Self::Served,
        }
    }
}

/// What is remembered of a backend.
#[derive(Debug, Default)]
pub(crate) struct Record {
    in_a_row: u32,
    /// Of this interval.
    served: u32,
    failed: u32,
    /// Intervals since the beginning of time.
    interval: u64,
    ejections: u32,
    ejected_until: Option<Millis>,
}

impl Record {
    /// Takes note of a request, and says whether the backend is to be [left out](Self::eject), which it
    /// says again after each failure until that is done.
    pub(crate) fn record(&mut self, settings: &Settings, outcome: Outcome, now: Millis) -> bool {
        self.begin_interval(settings, now);
        match outcome {
            Outcome::Served => {
                self.in_a_row = 0;
                self.served = self.served.saturating_add(1);
                return false;
            }
            Outcome::Failed => {
                self.in_a_row = self.in_a_row.saturating_add(1);
                self.failed = self.failed.saturating_add(1);
            }
        }
        if self.is_ejected(now) {
            // What was under way before.
            return false;
        }
        let total = u64::from(self.served) + u64::from(self.failed);
        let percent = u64::from(settings.failure_percent);
        self.in_a_row >= settings.consecutive
            || (total >= u64::from(settings.min_requests)
                && u64::from(self.failed) * 100 >= total * percent)
    }

    /// Leaves the backend out, and says until when.
    pub(crate) fn eject(&mut self, settings: &Settings, now: Millis) -> Millis {
        let doubled = settings.base.saturating_mul(1 << self.ejections.min(32));
        let until = now + doubled.min(settings.max);
        *self = Self {
            ejections: self.ejections.saturating_add(1),
            ejected_until: Some(until),
            interval: until / settings.interval.max(1),
            ..Self::default()
        };
        until
    }

    /// Until when the backend is left out, if it is.
    pub(crate) fn ejected_until(&self, now: Millis) -> Option<Millis> {
        self.ejected_until.filter(|&until| now < until)
    }

    /// Whether the backend is left out.
    pub(crate) fn is_ejected(&self, now: Millis) -> bool {
        self.ejected_until(now).is_some()
    }

    /// When the backend came back the last time, if it has been left out at all.
    pub(crate) fn returned_at(&self, now: Millis) -> Option<Millis> {
        self.ejected_until.filter(|&until| until <= now)
    }

    /// Times that the backend has been left out of late, fewer the longer that has been.
    #[cfg(test)]
    pub(crate) const fn ejections(&self) -> u32 {
        self.ejections
    }

    fn begin_interval(&mut self, settings: &Settings, now: Millis) {
        let interval = now / settings.interval.max(1);
        let passed = interval.saturating_sub(self.interval);
        if passed > 0 {
            let good = u32::try_from(passed).unwrap_or(u32::MAX);
            self.ejections = self.ejections.saturating_sub(good);
            (self.served, self.failed, self.interval) = (0, 0, interval);
        }
    }
}

/// Whether one more of a pool of `len` may be left out, where `ejected` are already: one may be of any
/// two, whatever the percentage, but never the only one.
pub(crate) const fn may_eject(settings: &Settings, len: usize, ejected: usize) -> bool {
    let bound = len * settings.max_ejected_percent as usize / 100;
    let bound = if bound == 0 { 1 } else { bound };
    ejected < bound && ejected + 1 < len
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            consecutive: 3,
            failure_percent: 50,
            min_requests: 10,
            interval: 10_000,
            base: 5_000,
            max: 60_000,
            max_ejected_percent: 50,
        }
    }

    /// Which of the requests asks for an ejection: `+` is served, `-` fails.
    fn first_call(requests: &str) -> Option<usize> {
        let mut record = Record::default();
        let outcome = |c| {
            if c == '+' {
                Outcome::Served
            } else {
                Outcome::Failed
            }
        };
        requests
            .chars()
            .position(|c| record.record(&settings(), outcome(c), 0))
    }

    #[test]
    fn failures_in_a_row_or_too_many_of_all() {
        assert_eq!(first_call("--+--+--+"), None);
        assert_eq!(first_call("+++---"), Some(5));
        assert_eq!(first_call("-+-+-+-+-+-+"), Some(10));
        assert_eq!(first_call("+-++-++-++-++-+"), None);
    }

    #[test]
    fn each_time_is_twice_as_long_and_good_times_are_remembered() {
        let settings = settings();
        let mut record = Record::default();
        let mut now = 0;
        let mut spans = Vec::new();
        for _ in 0..6 {
            let until = record.eject(&settings, now);
            assert!(record.is_ejected(until - 1) && !record.is_ejected(until));
            assert_eq!(record.returned_at(until), Some(until));
            spans.push(until - now);
            now = until;
        }
        assert_eq!(spans, [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
        now += 5 * settings.interval;
        record.record(&settings, Outcome::Served, now);
        assert_eq!(record.ejections(), 1);
        assert_eq!(record.eject(&settings, now) - now, 10_000);
    }

    #[test]
    fn what_fails_while_it_is_out_does_not_count() {
        let settings = settings();
        let mut record = Record::default();
        record.eject(&settings, 0);
        for _ in 0..10 {
            assert!(!record.record(&settings, Outcome::Failed, 100));
        }
    }

    #[test]
    fn an_interval_begins_with_nothing() {
        let settings = Settings {
            consecutive: 1_000,
            ..settings()
        };
        let mut record = Record::default();
        for _ in 0..9 {
            assert!(!record.record(&settings, Outcome::Failed, 9_999));
        }
        assert!(!record.record(&settings, Outcome::Failed, 10_000));
    }

    #[test]
    fn some_are_always_left() {
        let settings = settings();
        let most = |len| {
            (0..len)
                .take_while(|&out| may_eject(&settings, len, out))
                .count()
        };
        assert_eq!([0, 1, 2, 3, 4, 10].map(most), [0, 0, 1, 1, 2, 5]);
        let all = Settings {
            max_ejected_percent: 100,
            ..settings.clone()
        };
        assert!(may_eject(&all, 3, 1) && !may_eject(&all, 3, 2));
    }

    #[test]
    fn a_failure_is_one_of_the_gateway() {
        for (status, outcome) in [
            (200, Outcome::Served),
            (404, Outcome::Served),
            (500, Outcome::Served),
            (501, Outcome::Served),
            (502, Outcome::Failed),
            (503, Outcome::Failed),
            (504, Outcome::Failed),
        ] {
            assert_eq!(Outcome::of_status(status), outcome, "{status}");
        }
    }
}
