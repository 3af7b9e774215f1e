//! The better one of two that are drawn by lot, by how long each takes and how much it has to do.
//!
//! ```text
//!            latency * (outstanding + 1)
//!  cost  =  -----------------------------
//!            weight now
//! ```
//!
//! The latency is an average that rises at once and falls in time: a slow answer counts whole, a quick
//! one as much as time has passed since the one before it, and even without any the estimate halves by
//! and by, so that who was slow is tried again.
//!
//! Two, not the best of all: with many balancers (or threads) that each see their own traffic, the best
//! of all would be the same for everyone, and all would run there at once.

use super::by_id::ById;
use super::{BackendId, Candidate, Candidates, Latency};
use crate::rng::Rng;
use crate::time::Millis;

/// What is known of how long each backend takes.
#[derive(Debug)]
pub(crate) struct P2c {
    estimates: ById<Estimate>,
    /// The time in which an estimate falls to about a third (1/e).
    decay: Millis,
}

/// How long a backend takes, in milliseconds; `None` before its first answer.
#[derive(Debug, Default)]
struct Estimate {
    latency: Option<f64>,
    at: Millis,
}

/// What a failure counts as, in milliseconds, at the least.
const FAILURE: Millis = 1_000;

/// What a request counts as, in milliseconds, that is under way where nothing has been answered yet.
const UNKNOWN: f64 = 1_000.0;

/// No answer is quicker than this, in milliseconds: else a backend that answers within the millisecond
/// would cost nothing however much it had to do.
const QUICKEST: f64 = 0.1;

impl P2c {
    /// With estimates that fall to a third within `decay`.
    pub(crate) fn new(decay: Millis) -> Self {
        Self {
            estimates: ById::default(),
            decay: decay.max(1),
        }
    }

    pub(crate) fn align(&mut self, all: &[Candidate]) {
        self.estimates.align(all);
    }

    /// The one that costs less of two.
    pub(crate) fn pick(
        &mut self,
        candidates: Candidates<'_>,
        now: Millis,
        rng: &mut Rng,
    ) -> Option<BackendId> {
        let first = draw(candidates, None, rng)?;
        let Some(second) = draw(candidates, Some(first), rng) else {
            return Some(candidates.all[first].id);
        };
        let [left, right] = [first, second].map(|at| self.cost(candidates.all, at, now));
        let at = if right < left { second } else { first };
        Some(candidates.all[at].id)
    }

    /// Takes note of an answer, or of a failure.
    pub(crate) fn answered(&mut self, id: BackendId, latency: Latency, now: Millis) {
        let decay = self.decay;
        let Some(estimate) = self.estimates.value_mut(id) else {
            return;
        };
        let latency = match latency {
            Latency::Answered(latency) => latency,
            Latency::Failed(latency) => latency.max(FAILURE),
        } as f64;
        estimate.latency = Some(match estimate.latency {
            Some(before) if latency < before => {
                let kept = kept(now.saturating_sub(estimate.at), decay);
                before * kept + latency * (1.0 - kept)
            }
            _ => latency,
        });
        estimate.at = now;
    }

    fn cost(&self, all: &[Candidate], at: usize, now: Millis) -> f64 {
        let candidate = &all[at];
        let outstanding = f64::from(candidate.outstanding);
        let cost = match self.estimates.at(at) {
            Some(&Estimate {
                latency: Some(latency),
                at,
            }) => {
                let latency = latency * kept(now.saturating_sub(at), self.decay);
                latency.max(QUICKEST) * (outstanding + 1.0)
            }
            // The first request is free, so that it is known soon; the others wait for how it goes.
            _ => UNKNOWN * outstanding,
        };
        cost / candidate.load_share() as f64
    }
}

/// What is left of an estimate after some time.
fn kept(elapsed: Millis, decay: Millis) -> f64 {
    (-(elapsed as f64) / decay as f64).exp()
}

/// The place of one that can be chosen and is not at `except`.
fn draw(candidates: Candidates<'_>, except: Option<usize>, rng: &mut Rng) -> Option<usize> {
    let len = candidates.all.len();
    let may = |at: &usize| Some(*at) != except && candidates.may(&candidates.all[*at]);
    let lot = |rng: &mut Rng| rng.below(len as u64) as usize;
    // As a rule nearly all can be chosen, and the first lot is good.
    for _ in 0..4 {
        let at = lot(rng);
        if len > 0 && may(&at) {
            return Some(at);
        }
    }
    let count = (0..len).filter(may).count();
    (0..len).filter(may).nth(rng.below(count as u64) as usize)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{all, with_weights};
    use super::*;

    fn shares(policy: &mut P2c, pool: &[Candidate], now: Millis) -> Vec<u32> {
        let mut rng = Rng::new(11);
        let mut counts = vec![0; pool.len()];
        for _ in 0..10_000 {
            let id = policy.pick(all(pool), now, &mut rng).unwrap();
            counts[id.0 as usize] += 1;
        }
        counts
    }

    #[test]
    fn the_quicker_one_of_two_is_chosen() {
        let pool = with_weights(&[1, 1]);
        let mut policy = P2c::new(10_000);
        policy.align(&pool);
        policy.answered(BackendId(0), Latency::Answered(20), 0);
        policy.answered(BackendId(1), Latency::Answered(10), 0);
        assert_eq!(shares(&mut policy, &pool, 0), [0, 10_000]);
    }

    #[test]
    fn what_is_under_way_counts() {
        let mut pool = with_weights(&[1, 1]);
        pool[1].outstanding = 2;
        let mut policy = P2c::new(10_000);
        policy.align(&pool);
        policy.answered(BackendId(0), Latency::Answered(20), 0);
        policy.answered(BackendId(1), Latency::Answered(10), 0);
        assert_eq!(shares(&mut policy, &pool, 0), [10_000, 0]);
    }

    #[test]
    fn an_estimate_rises_at_once_and_falls_in_time() {
        let pool = with_weights(&[1]);
        let mut policy = P2c::new(1_000);
        policy.align(&pool);
        let mut cost_after = |latency, at| {
            policy.answered(BackendId(0), Latency::Answered(latency), at);
            policy.cost(&pool, 0, at) * 100.0
        };
        assert_eq!(cost_after(100, 0).round(), 100.0);
        assert_eq!(cost_after(10, 0).round(), 100.0); // no time has passed
        assert_eq!(cost_after(10, 1_000).round(), 43.0); // 100 / e + 10 * (1 - 1 / e)
        assert_eq!(cost_after(500, 1_001).round(), 500.0);
        assert_eq!((policy.cost(&pool, 0, 2_001) * 100.0).round(), 184.0); // 500 / e
    }

    #[test]
    fn a_quick_failure_is_no_quick_answer() {
        let pool = with_weights(&[1, 1]);
        let mut policy = P2c::new(10_000);
        policy.align(&pool);
        policy.answered(BackendId(0), Latency::Failed(0), 0);
        policy.answered(BackendId(1), Latency::Answered(300), 0);
        assert_eq!(shares(&mut policy, &pool, 0), [0, 10_000]);
    }

    #[test]
    fn who_is_new_gets_one_request_and_no_flood() {
        let mut pool = with_weights(&[1, 1]);
        let mut policy = P2c::new(10_000);
        policy.align(&pool);
        policy.answered(BackendId(0), Latency::Answered(50), 0);
        assert_eq!(shares(&mut policy, &pool, 0), [0, 10_000]);
        pool[1].outstanding = 1;
        assert_eq!(shares(&mut policy, &pool, 0), [10_000, 0]);
    }

    #[test]
    fn lots_are_fair_though_most_are_out() {
        let mut pool = with_weights(&[1; 20]);
        for candidate in &mut pool {
            candidate.share = if [3, 4, 19].contains(&candidate.id.0) {
                100
            } else {
                0
            };
        }
        let mut policy = P2c::new(10_000);
        policy.align(&pool);
        for id in [3, 4, 19] {
            policy.answered(BackendId(id), Latency::Answered(10), 0);
        }
        let counts = shares(&mut policy, &pool, 0);
        for id in [3, 4, 19] {
            assert!((3_100..3_600).contains(&counts[id]), "{counts:?}");
        }
    }
}
