//! The one with the least to do for its weight.
//!
//! ```text
//!              outstanding + 1
//!  load  =    -----------------      the lowest is chosen; of several, whose turn it is
//!              weight now
//! ```
//!
//! The one more is the request that is to be placed: without it, an idle backend of weight 1 would be as
//! good as an idle one of weight 10.

use super::{BackendId, Candidate, Candidates};

/// Remembers whose turn it was among equals.
#[derive(Debug, Default)]
pub(crate) struct LeastConnections {
    last: Option<BackendId>,
}

impl LeastConnections {
    /// The one with the lowest load.
    pub(crate) fn pick(&mut self, candidates: Candidates<'_>) -> Option<BackendId> {
        let better = |best: &'_ Candidate, other: &Candidate| {
            // a / b < c / d, without a division.
            let load = u64::from(other.outstanding) + 1;
            let least = u64::from(best.outstanding) + 1;
            load * best.load_share() < least * other.load_share()
        };
        let best = candidates
            .after(self.last)
            .reduce(|best, other| if better(best, other) { other } else { best })?;
        self.last = Some(best.id);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{all, with_weights};
    use super::*;

    #[test]
    fn equals_take_turns() {
        let pool = with_weights(&[1, 1, 1]);
        let mut policy = LeastConnections::default();
        let turns: Vec<_> = (0..4).map(|_| policy.pick(all(&pool)).unwrap().0).collect();
        assert_eq!(turns, [0, 1, 2, 0]);
    }

    #[test]
    fn the_least_loaded_for_its_weight_is_chosen() {
        for (weights, outstanding, expected) in [
            ([1, 1, 1], [2, 1, 2], 1),
            ([1, 10, 1], [0, 0, 0], 1),
            ([1, 10, 1], [0, 9, 1], 0),
            ([1, 10, 2], [1, 10, 1], 2),
            ([1, 3, 1], [1, 5, 2], 0),
        ] {
            let mut pool = with_weights(&weights);
            for (candidate, count) in pool.iter_mut().zip(outstanding) {
                candidate.outstanding = count;
            }
            let id = LeastConnections::default().pick(all(&pool));
            assert_eq!(id, Some(BackendId(expected)), "{weights:?} {outstanding:?}");
        }
    }

    #[test]
    fn what_is_never_finished_fills_up_by_weight() {
        let mut pool = with_weights(&[1, 2, 5]);
        let mut policy = LeastConnections::default();
        for _ in 0..800 {
            let id = policy.pick(all(&pool)).unwrap();
            pool[id.0 as usize].outstanding += 1;
        }
        assert_eq!(
            pool.iter().map(|c| c.outstanding).collect::<Vec<_>>(),
            [100, 200, 500]
        );
    }
}
