//! The one that a key belongs to: consistent hashing by Maglev's table.
//!
//! ```text
//!  backend a's order of places:  3 0 4 1 2 ...      each takes the first free place of its
//!  backend b's order of places:  0 2 4 1 3 ...      order, in turns, until the table is full
//!
//!  place   0 1 2 3 4          key -> hash -> place -> backend
//!  owner   b b b a a          who is out of the question: the place that the hash comes to next
//! ```
//!
//! Every balancer that knows the same backends has the same table. When one backend leaves the pool, its
//! places go to the others, and few of theirs change hands. When one is only unwell, the table stays and
//! its keys are spread over the others until it is back: no other key moves at all.

use super::{BackendId, Candidate, Candidates, FULL_SHARE};
use crate::rng::mix;

/// Places of the table: a prime, so that every step through it comes to every place, and a hundred times
/// as many as 655 backends, so that none has a share more than a few percent off.
const PLACES: u32 = 65_537;

/// Places tried before any backend will do.
const TRIES: u64 = 32;

/// Whose key it is.
#[derive(Debug)]
pub(crate) struct Maglev {
    /// Indices into the candidates; empty while there are none.
    owners: Vec<u16>,
    /// What the table was made of.
    members: Vec<(BackendId, u32)>,
    /// How much of its part of all requests under way a backend may have, in percent; `None` for any.
    max_load: Option<u32>,
}

impl Maglev {
    /// With a bound on the load of a backend, in percent of its part, if there is to be one: keys whose
    /// backend is full go where they would go if it were not there.
    pub(crate) const fn new(max_load: Option<u32>) -> Self {
        Self {
            owners: Vec::new(),
            members: Vec::new(),
            max_load,
        }
    }

    /// Makes the table, where members or weights have changed.
    pub(crate) fn align(&mut self, all: &[Candidate]) {
        let members = all.iter().map(|candidate| (candidate.id, candidate.weight));
        if members.clone().ne(self.members.iter().copied()) {
            self.members = members.collect();
            self.owners = table(all);
        }
    }

    /// The owner of the key's place, or of the places that the key comes to then.
    pub(crate) fn pick(&self, candidates: Candidates<'_>, key: u64) -> Option<BackendId> {
        let bound = self.max_load.map(|percent| Bound::of(candidates, percent));
        for attempt in 0..TRIES {
            let hash = mix(key.wrapping_add(attempt.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            let place = hash % u64::from(PLACES);
            let owner = *self.owners.get(place as usize)?;
            let Some(candidate) = candidates.all.get(usize::from(owner)) else {
                continue;
            };
            // In its slow start a backend has some of its keys, and always the same ones.
            let is_let_in = (hash >> 32) % u64::from(FULL_SHARE) < u64::from(candidate.share);
            let has_room = bound.is_none_or(|bound| bound.has_room(candidate));
            if candidates.may(candidate) && is_let_in && has_room {
                return Some(candidate.id);
            }
        }
        // Hardly anyone is left.
        candidates
            .eligible()
            .min_by_key(|candidate| (candidate.outstanding, candidate.id))
            .map(|candidate| candidate.id)
    }
}

/// How much every backend may have to do.
#[derive(Clone, Copy)]
struct Bound {
    /// One more than all requests under way, in percent of what each may have.
    allowed: u64,
    weights: u64,
}

impl Bound {
    fn of(candidates: Candidates<'_>, percent: u32) -> Self {
        let sum = |value: fn(&Candidate) -> u64| candidates.eligible().map(value).sum::<u64>();
        Self {
            allowed: (sum(|one| u64::from(one.outstanding)) + 1) * u64::from(percent),
            weights: sum(|one| u64::from(one.weight)),
        }
    }

    /// Whether a request more is within the bound, rounded up.
    fn has_room(&self, candidate: &Candidate) -> bool {
        let part = self.allowed * u64::from(candidate.weight);
        u64::from(candidate.outstanding) < part.div_ceil(self.weights.max(1) * 100)
    }
}

/// The owner of each place. A backend of half the weight of the heaviest takes half as many turns.
fn table(all: &[Candidate]) -> Vec<u16> {
    const FREE: u16 = u16::MAX;
    let heaviest = all
        .iter()
        .map(|candidate| u64::from(candidate.weight))
        .max();
    let Some(heaviest) = heaviest.filter(|&weight| weight > 0) else {
        return Vec::new();
    };
    let mut orders: Vec<_> = all.iter().map(|one| Order::of(one.identity)).collect();
    let mut owners = vec![FREE; PLACES as usize];
    let mut turns = vec![0_u64; all.len()];
    let mut left = PLACES;
    loop {
        for (index, candidate) in (0..FREE).zip(all) {
            let turn = &mut turns[usize::from(index)];
            *turn += u64::from(candidate.weight);
            if *turn < heaviest {
                continue;
            }
            *turn -= heaviest;
            let order = &mut orders[usize::from(index)];
            let free = order.find(|&place| owners[place] == FREE);
            owners[free.expect("a place is left")] = index;
            left -= 1;
            if left == 0 {
                return owners;
            }
        }
    }
}

/// All places, in an order of a backend's own.
struct Order {
    next: u32,
    step: u32,
}

impl Order {
    const fn of(identity: u64) -> Self {
        let bits = mix(identity);
        Self {
            next: (bits >> 32) as u32 % PLACES,
            step: bits as u32 % (PLACES - 1) + 1,
        }
    }
}

impl Iterator for Order {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let place = self.next;
        self.next = (place + self.step) % PLACES;
        Some(place as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{all, with_weights};
    use super::*;

    fn made_of(pool: &[Candidate]) -> Maglev {
        let mut policy = Maglev::new(None);
        policy.align(pool);
        policy
    }

    #[test]
    fn a_key_stays_where_it_is() {
        let pool = with_weights(&[1; 5]);
        let (left, right) = (made_of(&pool), made_of(&pool));
        for key in 0..1_000 {
            let id = left.pick(all(&pool), key);
            assert!(id.is_some());
            assert_eq!(right.pick(all(&pool), key), id);
        }
    }

    #[test]
    fn the_order_in_which_backends_came_matters_little() {
        let pool = with_weights(&[1; 10]);
        let mut other = pool.clone();
        other.reverse();
        for (candidate, id) in other.iter_mut().zip(0..) {
            candidate.id = BackendId(id);
        }
        let (left, right) = (made_of(&pool), made_of(&other));
        let identity =
            |pool: &[Candidate], id: Option<BackendId>| pool[id.unwrap().0 as usize].identity;
        let same = (0..10_000_u64)
            .filter(|&key| {
                let left = left.pick(all(&pool), key);
                identity(&pool, left) == identity(&other, right.pick(all(&other), key))
            })
            .count();
        assert!(same > 9_500, "{same}");
    }

    #[test]
    fn only_the_keys_of_who_is_unwell_move_and_they_come_back() {
        let mut pool = with_weights(&[1; 10]);
        let policy = made_of(&pool);
        let before: Vec<_> = (0..5_000).map(|key| policy.pick(all(&pool), key)).collect();
        pool[4].share = 0;
        for (key, id) in (0..).zip(&before) {
            let now = policy.pick(all(&pool), key);
            assert_ne!(now, Some(BackendId(4)));
            assert!(now == *id || *id == Some(BackendId(4)));
        }
        pool[4].share = FULL_SHARE / 2;
        let back = |(key, id): &(u64, Option<BackendId>)| policy.pick(all(&pool), *key) == *id;
        let own = (0..)
            .zip(before)
            .filter(|(_, id)| *id == Some(BackendId(4)));
        let (back, away): (Vec<_>, Vec<_>) = own.partition(back);
        assert!(
            back.len().abs_diff(away.len()) < 60,
            "{} {}",
            back.len(),
            away.len()
        );
    }

    #[test]
    fn weights_are_kept_to() {
        let pool = with_weights(&[1, 2, 5]);
        let policy = made_of(&pool);
        let mut places = [0_u32; 3];
        for &owner in &policy.owners {
            places[usize::from(owner)] += 1;
        }
        for (count, weight) in places.into_iter().zip([1, 2, 5]) {
            assert!(count.abs_diff(PLACES * weight / 8) < 3, "{places:?}");
        }
    }

    #[test]
    fn a_full_backend_sends_its_keys_on() {
        let mut pool = with_weights(&[1; 4]);
        let mut policy = Maglev::new(Some(125));
        policy.align(&pool);
        // All requests have one key.
        for _ in 0..400 {
            let id = policy.pick(all(&pool), 99).unwrap();
            pool[id.0 as usize].outstanding += 1;
        }
        let mut counts: Vec<_> = pool.iter().map(|one| one.outstanding).collect();
        counts.sort_unstable();
        assert_eq!(counts.iter().sum::<u32>(), 400);
        assert!(counts[3] <= 125, "{counts:?}");
        let favourite = policy.pick(all(&with_weights(&[1; 4])), 99);
        assert_eq!(favourite, made_of(&pool).pick(all(&pool), 99));
    }
}
