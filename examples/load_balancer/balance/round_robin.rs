//! One after the other.

use super::{BackendId, Candidates};

/// Remembers whose turn it was.
#[derive(Debug, Default)]
pub(crate) struct RoundRobin {
    last: Option<BackendId>,
}

impl RoundRobin {
    /// The next one. Who is left out leaves its turn to nobody: the others go on taking turns.
    pub(crate) fn pick(&mut self, candidates: Candidates<'_>) -> Option<BackendId> {
        let next = candidates.after(self.last).next()?;
        self.last = Some(next.id);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{all, with_weights};
    use super::*;

    #[test]
    fn everyone_has_a_turn_before_anyone_has_two() {
        let pool = with_weights(&[1, 9, 1]);
        let mut policy = RoundRobin::default();
        let turns: Vec<_> = (0..7).map(|_| policy.pick(all(&pool)).unwrap().0).collect();
        assert_eq!(turns, [0, 1, 2, 0, 1, 2, 0]);
    }

    #[test]
    fn nobody_has_the_turns_of_who_is_out() {
        let mut pool = with_weights(&[1, 1, 1, 1]);
        pool[1].share = 0;
        let mut policy = RoundRobin::default();
        let mut counts = [0; 4];
        for _ in 0..300 {
            counts[policy.pick(all(&pool)).unwrap().0 as usize] += 1;
        }
        assert_eq!(counts, [100, 0, 100, 100]);
    }
}
