//! Choosing the backend that a request goes to.
//!
//! ```text
//!   candidates: all of a pool, each with its share,      policy            the one
//!   and what is under way there                      ---------------->   to send to
//!   key: what the request is hashed by                 pick(..)
//! ```
//!
//! | policy | how it chooses | what it keeps for each backend |
//! |---|---|---|
//! | [`round_robin`] | one after the other | nothing |
//! | [`weighted`] | one after the other, some more often, never in a row | a balance |
//! | [`least_connections`] | the one with the least to do for its weight | nothing |
//! | [`p2c`] | the better one of two drawn by lot | how long it takes to answer |
//! | [`maglev`] | the one that the key belongs to | its places in a table |
//!
//! A policy belongs to one reactor thread and is never shared: two threads that take turns on their own
//! still spread evenly. It is told whom it may choose, and remembers nothing of health.

pub(crate) mod by_id;
pub(crate) mod key;
pub(crate) mod least_connections;
pub(crate) mod maglev;
#[cfg(test)]
mod measured;
pub(crate) mod p2c;
pub(crate) mod round_robin;
pub(crate) mod sticky;
pub(crate) mod weighted;

use crate::rng::Rng;
use crate::time::Millis;

/// A backend, for as long as it is in its pool. Who comes later is greater; none comes twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BackendId(pub(crate) u32);

/// What a policy knows of a backend.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) id: BackendId,
    /// A hash of its name: the same in every process, unlike the id.
    pub(crate) identity: u64,
    /// What it is given in proportion to others; at least 1.
    pub(crate) weight: u32,
    /// How much of that it gets now: [`FULL_SHARE`] as a rule, less in its slow start, and 0 while
    /// nothing may be sent to it.
    pub(crate) share: u32,
    /// Requests that it has been sent and has not answered.
    pub(crate) outstanding: u32,
}

/// All of a weight.
pub(crate) const FULL_SHARE: u32 = 100;

impl Candidate {
    /// What it is given now in proportion to others.
    pub(crate) const fn load_share(&self) -> u64 {
        self.weight as u64 * self.share as u64
    }
}

/// The backends of a pool, in the order of their ids, and those that are out of the question because
/// this request has been tried on them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidates<'a> {
    pub(crate) all: &'a [Candidate],
    pub(crate) tried: &'a [BackendId],
}

impl<'a> Candidates<'a> {
    /// Whether this one can be chosen.
    pub(crate) fn may(&self, candidate: &Candidate) -> bool {
        candidate.share > 0 && !self.tried.contains(&candidate.id)
    }

    /// Those that can be chosen, in order.
    pub(crate) fn eligible(self) -> impl Iterator<Item = &'a Candidate> + Clone {
        self.all.iter().filter(move |candidate| self.may(candidate))
    }

    /// Those that can be chosen, in order, beginning behind `last` and coming round to it.
    pub(crate) fn after(self, last: Option<BackendId>) -> impl Iterator<Item = &'a Candidate> {
        let start = self
            .all
            .partition_point(|candidate| Some(candidate.id) <= last);
        let (before, from) = self.all.split_at(start);
        let turn = from.iter().chain(before);
        turn.filter(move |candidate| self.may(candidate))
    }
}

/// How a pool's backends are chosen among.
#[derive(Debug)]
pub(crate) enum Policy {
    RoundRobin(round_robin::RoundRobin),
    Weighted(weighted::Weighted),
    LeastConnections(least_connections::LeastConnections),
    P2c(p2c::P2c),
    Maglev(maglev::Maglev),
}

impl Policy {
    /// Takes note of who is there, which has to be said whenever that or a weight has changed.
    pub(crate) fn align(&mut self, all: &[Candidate]) {
        match self {
            Self::RoundRobin(_) | Self::LeastConnections(_) => {}
            Self::Weighted(policy) => policy.align(all),
            Self::P2c(policy) => policy.align(all),
            Self::Maglev(policy) => policy.align(all),
        }
    }

    /// The one to send a request to, which has this key. `None` where none can be chosen.
    pub(crate) fn pick(
        &mut self,
        candidates: Candidates<'_>,
        key: u64,
        now: Millis,
        rng: &mut Rng,
    ) -> Option<BackendId> {
        match self {
            Self::RoundRobin(policy) => policy.pick(candidates),
            Self::Weighted(policy) => policy.pick(candidates),
            Self::LeastConnections(policy) => policy.pick(candidates),
            Self::P2c(policy) => policy.pick(candidates, now, rng),
            Self::Maglev(policy) => policy.pick(candidates, key),
        }
    }

    /// Takes note of how a request went, and how long it took until the response began.
    pub(crate) fn answered(&mut self, id: BackendId, latency: Latency, now: Millis) {
        if let Self::P2c(policy) = self {
            policy.answered(id, latency, now);
        }
    }

    /// Whether [`pick`](Self::pick) looks at the key, which is work to make.
    pub(crate) const fn needs_key(&self) -> bool {
        matches!(self, Self::Maglev(_))
    }
}

/// How long a backend took, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Latency {
    /// Until the head of a response.
    Answered(Millis),
    /// Until it was known that none comes: a quick failure is not a quick backend.
    Failed(Millis),
}

/// Backends for the tests of this folder.
#[cfg(test)]
mod samples {
    use super::*;

    /// One for each weight, with ids from 0 on.
    pub(crate) fn with_weights(weights: &[u32]) -> Vec<Candidate> {
        let candidate = |(id, &weight)| Candidate {
            id: BackendId(id),
            identity: crate::rng::mix(u64::from(id) + 1),
            weight,
            share: FULL_SHARE,
            outstanding: 0,
        };
        (0..).zip(weights).map(candidate).collect()
    }

    /// All of them, none tried.
    pub(crate) const fn all(all: &[Candidate]) -> Candidates<'_> {
        Candidates { all, tried: &[] }
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{all, with_weights};
    use super::*;

    fn policies() -> [Policy; 5] {
        [
            Policy::RoundRobin(round_robin::RoundRobin::default()),
            Policy::Weighted(weighted::Weighted::default()),
            Policy::LeastConnections(least_connections::LeastConnections::default()),
            Policy::P2c(p2c::P2c::new(10_000)),
            Policy::Maglev(maglev::Maglev::new(Some(125))),
        ]
    }

    #[test]
    fn no_policy_chooses_whom_it_may_not() {
        let mut rng = Rng::new(3);
        for mut policy in policies() {
            let mut pool = with_weights(&[1, 5, 2, 1]);
            policy.align(&pool);
            pool[1].share = 0;
            let tried = [BackendId(2)];
            for key in 0..500 {
                let candidates = Candidates {
                    all: &pool,
                    tried: &tried,
                };
                let id = policy.pick(candidates, rng.next(), key, &mut rng).unwrap();
                assert!([0, 3].contains(&id.0), "{policy:?}: {id:?}");
            }
        }
    }

    #[test]
    fn the_only_one_is_chosen_and_of_none_none() {
        let mut rng = Rng::new(3);
        for mut policy in policies() {
            let mut pool = with_weights(&[1, 1, 1]);
            policy.align(&pool);
            (pool[0].share, pool[2].share) = (0, 0);
            for key in 0..100 {
                let id = policy.pick(all(&pool), key << 40, 0, &mut rng);
                assert_eq!(id, Some(BackendId(1)), "{policy:?}");
            }
            pool[1].share = 0;
            assert_eq!(policy.pick(all(&pool), 1, 0, &mut rng), None);
            policy.align(&[]);
            assert_eq!(policy.pick(all(&[]), 1, 0, &mut rng), None);
        }
    }

    #[test]
    fn who_comes_and_goes_is_noticed() {
        let mut rng = Rng::new(3);
        for mut policy in policies() {
            let mut pool = with_weights(&[1, 1, 1]);
            policy.align(&pool);
            pool.remove(0);
            policy.align(&pool);
            let mut came = pool[0];
            (came.id, came.identity) = (BackendId(9), 77);
            pool.push(came);
            policy.align(&pool);
            let mut counts = [0; 10];
            for _ in 0..3_000 {
                let id = policy.pick(all(&pool), rng.next(), 0, &mut rng).unwrap();
                counts[id.0 as usize] += 1;
            }
            assert_eq!(counts[0], 0, "{policy:?}");
            let others = [1, 2, 9].map(|id| counts[id]);
            assert!(others.iter().all(|&count| count > 800), "{others:?}");
        }
    }
}
