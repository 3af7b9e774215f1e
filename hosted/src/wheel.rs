//! A timer wheel: two rings of buckets, coarse and lazy.
//!
//! ```text
//! near   256 buckets of 8 ms        the next 2 s
//! far    256 buckets of 2 s         the next 8.7 min; what lies beyond waits in the last
//! ```
//!
//! A deadline that moves away costs nothing: the timer fires at the old time, and its owner, seeing
//! that there is time left, sets it again. So a connection that is busy touches the wheel once in its
//! idle timeout and not once a request. A deadline is kept to the next tick, never before it.

/// One timer for each index of a table.
#[derive(Debug)]
pub(crate) struct Wheel {
    near: [u32; BUCKETS],
    far: [u32; BUCKETS],
    /// Which near buckets hold timers.
    occupied: [u64; BUCKETS / 64],
    timers: Vec<Timer>,
    /// The tick up to which timers have fired.
    tick: u64,
    len: usize,
}

/// A link in the list of its bucket.
#[derive(Clone, Copy, Debug)]
struct Timer {
    next: u32,
    /// The timer before it, or the bucket when it is the first.
    previous: u32,
    /// The tick at which it fires; [`OFF`] when it is not set.
    tick: u64,
}

/// Milliseconds in a tick, as a shift.
const TICK_SHIFT: u32 = 3;
const BUCKETS: usize = 256;
const NEAR_SHIFT: u32 = 8;
const NONE: u32 = u32::MAX;
const OFF: u64 = u64::MAX;

impl Wheel {
    pub(crate) fn new() -> Self {
        Self {
            near: [NONE; BUCKETS],
            far: [NONE; BUCKETS],
            occupied: [0; BUCKETS / 64],
            timers: Vec::new(),
            tick: 0,
            len: 0,
        }
    }

    /// Has the timer of `index` fire at `millis`, unless it fires before that already.
    #[inline]
    pub(crate) fn set(&mut self, index: u32, millis: u64) {
        let tick = (millis >> TICK_SHIFT) + 1;
        let tick = tick
            .max(self.tick + 1)
            .min(self.tick + ((BUCKETS as u64 - 1) << NEAR_SHIFT));
        if self
            .timers
            .get(index as usize)
            .is_none_or(|timer| tick < timer.tick)
        {
            self.move_to(index, tick);
        }
    }

    #[inline(never)]
    fn move_to(&mut self, index: u32, tick: u64) {
        if self.timers.len() <= index as usize {
            let off = Timer {
                next: NONE,
                previous: NONE,
                tick: OFF,
            };
            self.timers.resize(index as usize + 1, off);
        }
        self.clear(index);
        self.link(index, tick);
    }

    /// Stops the timer of `index`.
    pub(crate) fn clear(&mut self, index: u32) {
        let Some(timer) = self
            .timers
            .get_mut(index as usize)
            .filter(|timer| timer.tick != OFF)
        else {
            return;
        };
        let Timer { next, previous, .. } = *timer;
        timer.tick = OFF;
        self.len -= 1;
        if previous & IN_BUCKET == 0 {
            self.timers[previous as usize].next = next;
        } else {
            self.set_head(previous & !IN_BUCKET, next);
        }
        if next != NONE {
            self.timers[next as usize].previous = previous;
        }
    }

    /// Fires what is due at `millis`: takes the timers off and puts their indices into `due`.
    pub(crate) fn advance(&mut self, millis: u64, due: &mut Vec<u32>) {
        due.clear();
        let now = millis >> TICK_SHIFT;
        if self.len == 0 {
            self.tick = self.tick.max(now);
            return;
        }
        while self.tick < now {
            self.tick += 1;
            let bucket = (self.tick as usize) % BUCKETS;
            if bucket == 0 {
                self.cascade();
            }
            let mut index = self.near[bucket];
            while index != NONE {
                let next = self.timers[index as usize].next;
                self.clear(index);
                due.push(index);
                index = next;
            }
        }
    }

    /// How many milliseconds after `millis` the wheel next has something to do.
    pub(crate) fn next(&self, millis: u64) -> Option<u64> {
        if self.len == 0 {
            return None;
        }
        // The near ring holds what is left of this round of it: buckets behind the current one. When
        // they are empty, the next thing to do is to begin the next round.
        let round = self.tick & !(BUCKETS as u64 - 1);
        let from = self.tick as usize % BUCKETS + 1;
        let first = from / 64;
        let bucket = (first..BUCKETS / 64).find_map(|word| {
            let behind = if word == first {
                u64::MAX << (from % 64)
            } else {
                u64::MAX
            };
            let occupied = self.occupied[word] & behind;
            (occupied != 0).then(|| word * 64 + occupied.trailing_zeros() as usize)
        });
        let at = round + bucket.unwrap_or(BUCKETS) as u64;
        Some((at << TICK_SHIFT).saturating_sub(millis))
    }

    /// The near ring begins anew: deals the next far bucket out over it.
    fn cascade(&mut self) {
        let bucket = (self.tick >> NEAR_SHIFT) as usize % BUCKETS;
        let mut index = self.far[bucket];
        while index != NONE {
            let Timer { next, tick, .. } = self.timers[index as usize];
            self.clear(index);
            self.link(index, tick);
            index = next;
        }
    }

    fn link(&mut self, index: u32, tick: u64) {
        let is_near = tick >> NEAR_SHIFT == self.tick >> NEAR_SHIFT;
        let bucket = if is_near {
            (tick % BUCKETS as u64) as u32
        } else {
            FAR | ((tick >> NEAR_SHIFT) % BUCKETS as u64) as u32
        };
        let next = if is_near {
            self.near[bucket as usize]
        } else {
            self.far[(bucket & !FAR) as usize]
        };
        if next != NONE {
            self.timers[next as usize].previous = index;
        }
        self.timers[index as usize] = Timer {
            next,
            previous: IN_BUCKET | bucket,
            tick,
        };
        self.set_head(bucket, index);
        self.len += 1;
    }

    /// Makes `index` the first timer of a bucket.
    fn set_head(&mut self, bucket: u32, index: u32) {
        if bucket & FAR != 0 {
            self.far[(bucket & !FAR) as usize] = index;
            return;
        }
        let bucket = bucket as usize;
        self.near[bucket] = index;
        let bit = 1_u64 << (bucket % 64);
        if index == NONE {
            self.occupied[bucket / 64] &= !bit;
        } else {
            self.occupied[bucket / 64] |= bit;
        }
    }
}

/// Marks a `previous` that is a bucket, and a bucket that is a far one.
const IN_BUCKET: u32 = 1 << 31;
const FAR: u32 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the wheel up to `until` by its own sleeps, and says when each timer fired.
    fn run(wheel: &mut Wheel, mut now: u64, until: u64) -> Vec<(u32, u64)> {
        let mut fired = Vec::new();
        let mut due = Vec::new();
        while let Some(wait) = wheel.next(now).filter(|wait| now + wait <= until) {
            now += wait;
            wheel.advance(now, &mut due);
            fired.extend(due.iter().map(|&index| (index, now)));
        }
        fired
    }

    #[test]
    fn fires_at_the_next_tick_and_never_before() {
        let mut wheel = Wheel::new();
        let times = [0, 1, 7, 8, 9, 100, 2047, 2048, 2049, 5_000, 60_000, 500_000];
        for (index, millis) in (0..).zip(times) {
            wheel.set(index, millis);
        }
        let fired = run(&mut wheel, 0, 600_000);
        assert_eq!(fired.len(), times.len());
        for (index, at) in fired {
            let asked = times[index as usize];
            assert!(
                at > asked && at <= asked + 16,
                "asked for {asked}, fired at {at}"
            );
        }
        assert_eq!(wheel.next(600_000), None);
    }

    #[test]
    fn a_timer_moves_nearer_but_not_away() {
        let mut wheel = Wheel::new();
        wheel.set(0, 1_000);
        wheel.set(0, 60_000);
        wheel.set(1, 60_000);
        wheel.set(1, 1_000);
        wheel.set(2, 1_000);
        wheel.clear(2);
        let mut fired = run(&mut wheel, 0, 120_000);
        fired.sort_unstable();
        assert_eq!(fired, [(0, 1_008), (1, 1_008)]);
    }

    #[test]
    fn what_lies_beyond_the_far_ring_fires_early() {
        let mut wheel = Wheel::new();
        wheel.set(0, 3_600_000);
        let fired = run(&mut wheel, 0, 3_600_000);
        assert_eq!(fired.len(), 1);
        assert!(fired[0].1 > 500_000, "{fired:?}");
    }

    #[test]
    fn fires_after_any_uptime() {
        for tick in [1 << 31, (1 << 32) - 1000, 1 << 40] {
            let start = tick << TICK_SHIFT;
            let mut wheel = Wheel::new();
            wheel.advance(start, &mut Vec::new());
            wheel.set(0, start + 60_000);
            let fired = run(&mut wheel, start, start + 60_016);
            assert_eq!(fired, [(0, start + 60_008)]);
        }
    }

    #[test]
    fn agrees_with_a_list_of_times() {
        let mut wheel = Wheel::new();
        let mut model: Vec<(u32, u64)> = Vec::new();
        let mut seed = 1_u64;
        let mut now = 0;
        let mut due = Vec::new();
        for _ in 0..20_000 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let index = (seed % 50) as u32;
            match seed >> 8 & 3 {
                0 => {
                    wheel.clear(index);
                    model.retain(|&(other, _)| other != index);
                }
                1 => now += seed >> 16 & 0xfff,
                _ => {
                    let at = now + (seed >> 16 & 0x1_ffff);
                    let tick = (at >> TICK_SHIFT) + 1;
                    match model.iter_mut().find(|(other, _)| *other == index) {
                        Some((_, old)) => *old = tick.min(*old),
                        None => model.push((index, tick)),
                    }
                    wheel.set(index, at);
                }
            }
            wheel.advance(now, &mut due);
            due.sort_unstable();
            let ready = |&&(_, tick): &&(u32, u64)| tick <= now >> TICK_SHIFT;
            let mut expected: Vec<u32> = model
                .iter()
                .filter(ready)
                .map(|&(index, _)| index)
                .collect();
            expected.sort_unstable();
            model.retain(|(_, tick)| *tick > now >> TICK_SHIFT);
            assert_eq!(due, expected);
        }
    }
}
