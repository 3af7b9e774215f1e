//! One after the other, some more often than others: smooth weighted round robin.
//!
//! ```text
//!  weights 5 1 1        balance before     chosen      after
//!                        5   1   1           a       -2   1   1
//!  each is given its     3   2   2           a       -4   2   2
//!  weight, the richest   1   3   3           b        1  -4   3
//!  is chosen and pays    6  -3   4           a       -1  -3   4
//!  what all were given   4  -2   5           c        4  -2  -2
//!                        9  -1  -1           a        2  -1  -1
//!                        7   0   0           a        0   0   0
//! ```
//!
//! So the heavy one is chosen five times of seven, and never more often in a row than it must be: two
//! light ones between its turns are better for it than five requests at once.

use super::by_id::ById;
use super::{BackendId, Candidate, Candidates};

/// What each backend has been given and has not paid. The balances sum up to 0.
#[derive(Debug, Default)]
pub(crate) struct Weighted {
    balances: ById<i64>,
}

impl Weighted {
    pub(crate) fn align(&mut self, all: &[Candidate]) {
        self.balances.align(all);
    }

    /// The richest; of several, the one that has been there longest.
    pub(crate) fn pick(&mut self, candidates: Candidates<'_>) -> Option<BackendId> {
        let mut given = 0;
        let mut richest: Option<(&mut i64, BackendId)> = None;
        for (candidate, balance) in candidates.all.iter().zip(self.balances.iter_mut()) {
            if !candidates.may(candidate) {
                continue;
            }
            let weight = candidate.load_share() as i64;
            given += weight;
            *balance += weight;
            if richest.as_ref().is_none_or(|(most, _)| *balance > **most) {
                richest = Some((balance, candidate.id));
            }
        }
        let (balance, id) = richest?;
        *balance -= given;
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::FULL_SHARE;
    use super::super::samples::{all, with_weights};
    use super::*;

    fn turns(weights: &[u32], count: usize) -> Vec<u32> {
        let pool = with_weights(weights);
        let mut policy = Weighted::default();
        policy.align(&pool);
        let turn = |_| policy.pick(all(&pool)).unwrap().0;
        (0..count).map(turn).collect()
    }

    #[test]
    fn the_turns_are_spread_out() {
        assert_eq!(turns(&[5, 1, 1], 7), [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(turns(&[1, 1, 1], 6), [0, 1, 2, 0, 1, 2]);
        assert_eq!(turns(&[2, 1], 6), [0, 1, 0, 0, 1, 0]);
    }

    #[test]
    fn every_period_is_exact() {
        let weights = [7, 1, 12, 3, 1];
        let turns = turns(&weights, 24 * 50);
        for period in turns.chunks(24) {
            for (id, &weight) in (0..).zip(&weights) {
                let count = period.iter().filter(|&&turn| turn == id).count();
                assert_eq!(count, weight as usize);
            }
        }
    }

    #[test]
    fn a_smaller_share_counts_as_a_smaller_weight() {
        let mut pool = with_weights(&[1, 1]);
        pool[1].share = FULL_SHARE / 4;
        let mut policy = Weighted::default();
        policy.align(&pool);
        let mut count = 0;
        for _ in 0..500 {
            count += policy.pick(all(&pool)).unwrap().0;
        }
        assert_eq!(count, 100);
    }

    #[test]
    fn who_was_out_has_no_turns_to_catch_up_on() {
        let mut pool = with_weights(&[1, 1]);
        let mut policy = Weighted::default();
        policy.align(&pool);
        pool[1].share = 0;
        for _ in 0..1_000 {
            assert_eq!(policy.pick(all(&pool)), Some(BackendId(0)));
        }
        pool[1].share = FULL_SHARE;
        let turns: Vec<_> = (0..6).map(|_| policy.pick(all(&pool)).unwrap().0).collect();
        assert_eq!(turns.iter().sum::<u32>(), 3, "{turns:?}");
    }
}
