//! What a thread remembers of paths, bounded in entries, descriptors and bytes.
//!
//! ```text
//!   ring   a  b  c  d  e        the clock: from the front, what has been used since it was last
//!          ^                    passed goes to the back once more, what has not is forgotten
//! ```
//!
//! Reading marks an entry and moves nothing. Paths that lead nowhere are remembered apart, so that
//! asking for many of them does not push out those that are there.

use core::time::Duration;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use kinglet_core::Instant;

use super::entry::Outcome;

/// What a thread remembers.
#[derive(Debug)]
pub(super) struct Cache {
    fresh_millis: u32,
    found: Clock,
    refused: Clock,
}

#[derive(Debug)]
struct Clock {
    bounds: Cost,
    used: Cost,
    slots: HashMap<Rc<[u8]>, Slot>,
    /// The path of each slot, once.
    ring: VecDeque<Rc<[u8]>>,
}

#[derive(Debug)]
struct Slot {
    outcome: Rc<Outcome>,
    cost: Cost,
    looked_at: Instant,
    was_used: bool,
}

/// What remembering costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) entries: usize,
    pub(super) descriptors: usize,
    pub(super) bytes: usize,
}

/// What is known of a path.
#[derive(Debug)]
pub(super) enum Known {
    /// This, for sure enough.
    Fresh(Rc<Outcome>),
    /// This, some time ago.
    Stale(Rc<Outcome>),
    Nothing,
}

impl Cache {
    pub(super) fn new(bounds: Cost, fresh_for: Duration) -> Self {
        Self {
            fresh_millis: u32::try_from(fresh_for.as_millis()).unwrap_or(u32::MAX),
            found: Clock::new(bounds),
            refused: Clock::new(Cost {
                bytes: bounds.bytes / 8,
                ..bounds
            }),
        }
    }

    #[inline]
    pub(super) fn find(&mut self, path: &[u8], now: Instant) -> Known {
        let fresh_millis = self.fresh_millis;
        let slot = match self.found.slots.get_mut(path) {
            None => self.refused.slots.get_mut(path),
            found => found,
        };
        let Some(slot) = slot else {
            return Known::Nothing;
        };
        slot.was_used = true;
        let outcome = Rc::clone(&slot.outcome);
        let age = now.as_millis().wrapping_sub(slot.looked_at.as_millis());
        if age < fresh_millis {
            Known::Fresh(outcome)
        } else {
            Known::Stale(outcome)
        }
    }

    /// Remembers what has just been found out.
    pub(super) fn insert(&mut self, path: &[u8], outcome: &Rc<Outcome>, now: Instant) {
        let is_refusal = matches!(**outcome, Outcome::Refused(_));
        let clock = if is_refusal && !self.found.slots.contains_key(path) {
            &mut self.refused
        } else {
            &mut self.found
        };
        clock.insert(path, outcome, now);
    }

    /// Gives back all descriptors that nobody is being sent from.
    pub(super) fn close_all(&mut self) {
        self.found.clear();
    }
}

impl Clock {
    fn new(bounds: Cost) -> Self {
        Self {
            bounds,
            used: Cost::default(),
            slots: HashMap::new(),
            ring: VecDeque::new(),
        }
    }

    fn insert(&mut self, path: &[u8], outcome: &Rc<Outcome>, now: Instant) {
        let mut cost = outcome.cost();
        cost.bytes += path.len() + SLOT_LEN;
        let slot = |was_used| Slot {
            outcome: Rc::clone(outcome),
            cost,
            looked_at: now,
            was_used,
        };
        self.used = self.used.plus(cost);
        if let Some(known) = self.slots.get_mut(path) {
            self.used = self.used.minus(known.cost);
            *known = slot(true);
        } else {
            let path: Rc<[u8]> = path.into();
            self.slots.insert(Rc::clone(&path), slot(false));
            self.ring.push_back(path);
        }
        self.forget();
    }

    /// Forgets what has not been used for longest, until what is left is within the bounds.
    fn forget(&mut self) {
        while !self.used.is_within(self.bounds) {
            let Some(path) = self.ring.pop_front() else {
                return;
            };
            match self.slots.get_mut(&path) {
                Some(slot) if slot.was_used => {
                    slot.was_used = false;
                    self.ring.push_back(path);
                }
                Some(slot) => {
                    self.used = self.used.minus(slot.cost);
                    self.slots.remove(&path);
                }
                None => {}
            }
        }
    }

    fn clear(&mut self) {
        self.slots.clear();
        self.ring.clear();
        self.used = Cost::default();
    }
}

impl Cost {
    const fn plus(self, other: Self) -> Self {
        Self {
            entries: self.entries + other.entries,
            descriptors: self.descriptors + other.descriptors,
            bytes: self.bytes + other.bytes,
        }
    }

    const fn minus(self, other: Self) -> Self {
        Self {
            entries: self.entries - other.entries,
            descriptors: self.descriptors - other.descriptors,
            bytes: self.bytes - other.bytes,
        }
    }

    const fn is_within(self, bounds: Self) -> bool {
        self.entries <= bounds.entries
            && self.descriptors <= bounds.descriptors
            && self.bytes <= bounds.bytes
    }
}

/// About what a slot takes beside its path and what it holds.
const SLOT_LEN: usize = 160;

#[cfg(test)]
mod tests {
    use super::super::refusal::Refusal;
    use super::*;

    const BOUNDS: Cost = Cost {
        entries: 4,
        descriptors: 2,
        bytes: 16 * 1024,
    };

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn missing() -> Rc<Outcome> {
        Rc::new(Outcome::Refused(Refusal::Missing))
    }

    fn page(len: usize) -> Rc<Outcome> {
        Rc::new(Outcome::Listed(vec![0; len].into()))
    }

    fn is_known(cache: &mut Cache, path: &[u8]) -> bool {
        !matches!(cache.find(path, at(0)), Known::Nothing)
    }

    #[test]
    fn what_was_used_stays_and_what_was_not_goes() {
        let mut cache = Cache::new(BOUNDS, Duration::from_secs(1));
        for path in [b"a", b"b", b"c", b"d"] {
            cache.insert(path, &page(1), at(0));
        }
        assert!(is_known(&mut cache, b"a"));
        cache.insert(b"e", &page(1), at(0));
        assert!(is_known(&mut cache, b"a") && !is_known(&mut cache, b"b"));
    }

    #[test]
    fn paths_that_lead_nowhere_do_not_push_out_others() {
        let mut cache = Cache::new(BOUNDS, Duration::from_secs(1));
        cache.insert(b"a", &page(1), at(0));
        for number in 0..1000_u32 {
            cache.insert(&number.to_be_bytes(), &missing(), at(0));
        }
        assert!(is_known(&mut cache, b"a"));
        assert_eq!(cache.refused.slots.len(), 4);
        assert_eq!(cache.refused.ring.len(), 4);
        // What is there by now takes the place of what was not.
        cache.insert(&999_u32.to_be_bytes(), &page(1), at(0));
        let known = cache.find(&999_u32.to_be_bytes(), at(0));
        assert!(matches!(known, Known::Fresh(outcome) if matches!(*outcome, Outcome::Listed(_))));
    }

    #[test]
    fn bytes_are_bounded() {
        let mut cache = Cache::new(BOUNDS, Duration::from_secs(1));
        for path in [b"a", b"b", b"c"] {
            cache.insert(path, &page(6 * 1024), at(0));
        }
        assert_eq!(cache.found.slots.len(), 2);
        assert!(cache.found.used.bytes <= BOUNDS.bytes);
        // One that is too large by itself is not kept, and nothing else either.
        cache.insert(b"d", &page(17 * 1024), at(0));
        assert_eq!(cache.found.used, Cost::default());
        assert_eq!(cache.found.ring.len(), 0);
    }

    #[test]
    fn what_was_looked_at_some_time_ago_is_stale() {
        let mut cache = Cache::new(BOUNDS, Duration::from_secs(1));
        cache.insert(b"a", &page(1), at(5));
        assert!(matches!(cache.find(b"a", at(1004)), Known::Fresh(_)));
        assert!(matches!(cache.find(b"a", at(1005)), Known::Stale(_)));
        cache.insert(b"a", &page(1), at(1005));
        assert!(matches!(cache.find(b"a", at(2004)), Known::Fresh(_)));
        let mut never = Cache::new(BOUNDS, Duration::ZERO);
        never.insert(b"a", &page(1), at(5));
        assert!(matches!(never.find(b"a", at(5)), Known::Stale(_)));
    }
}
