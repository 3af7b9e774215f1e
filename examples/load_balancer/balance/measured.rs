//! How each policy distributes, and what moves: the figures of `docs/proxying.md`, in virtual time.

use core::ops::Range;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::least_connections::LeastConnections;
use super::maglev::Maglev;
use super::p2c::P2c;
use super::round_robin::RoundRobin;
use super::samples::{all, with_weights};
use super::weighted::Weighted;
use super::*;

const PAGE: &str = include_str!("../../../docs/proxying.md");

/// What comes of requests that are sent to backends of which each takes its time.
#[derive(Debug)]
struct Run {
    /// Where each went, one a millisecond.
    chosen: Vec<usize>,
    /// Of all requests, in milliseconds.
    latencies: Vec<Millis>,
}

impl Run {
    /// A minute of a thousand requests each second. How long each backend takes at a time is given, in
    /// the mean: a request takes between half of that and half more.
    fn of(
        policy: &mut Policy,
        pool: &mut [Candidate],
        takes: impl Fn(usize, Millis) -> Millis,
    ) -> Self {
        policy.align(pool);
        let mut rng = Rng::new(2026);
        let mut chosen = Vec::new();
        let mut latencies = Vec::new();
        let mut under_way = BinaryHeap::new();
        for now in 0..60_000 {
            while let Some(&Reverse((end, id, latency))) = under_way.peek()
                && end <= now
            {
                under_way.pop();
                policy.answered(id, Latency::Answered(latency), end);
                pool[id.0 as usize].outstanding -= 1;
            }
            let key = rng.next();
            let id = policy.pick(all(pool), key, now, &mut rng).unwrap();
            let at = id.0 as usize;
            let mean = takes(at, now);
            let latency = mean / 2 + rng.below(mean + 1);
            pool[at].outstanding += 1;
            chosen.push(at);
            latencies.push(latency);
            under_way.push(Reverse((now + latency, id, latency)));
        }
        latencies.sort_unstable();
        Self { chosen, latencies }
    }

    /// The part of all requests that a backend was sent, in percent.
    fn share(&self, at: usize) -> f64 {
        self.share_within(at, 0..60_000)
    }

    /// The same, of those between two times.
    fn share_within(&self, at: usize, times: Range<usize>) -> f64 {
        let chosen = &self.chosen[times];
        let count = chosen.iter().filter(|&&other| other == at).count();
        count as f64 * 100.0 / chosen.len() as f64
    }

    fn mean(&self) -> f64 {
        self.latencies.iter().sum::<Millis>() as f64 / self.latencies.len() as f64
    }

    fn percentile(&self, percent: usize) -> Millis {
        self.latencies[self.latencies.len() * percent / 100]
    }
}

/// Holds a row of a table against the page, which says the same or the test tells what it should.
#[track_caller]
fn documented(row: &str) {
    assert!(PAGE.contains(row), "docs/proxying.md lacks: {row}");
}

/// Ten backends, the first of which takes ten times as long as the others.
fn with_a_slow_one(mut policy: Policy, name: &str) -> f64 {
    let mut pool = with_weights(&[1; 10]);
    let run = Run::of(
        &mut policy,
        &mut pool,
        |at, _| if at == 0 { 100 } else { 10 },
    );
    let (slow, mean, p99) = (run.share(0), run.mean(), run.percentile(99));
    documented(&format!(
        "| {name} | {slow:.1} % | {mean:.1} ms | {p99} ms |"
    ));
    slow
}

#[test]
fn a_backend_that_is_ten_times_slower_gets_less() {
    let turns = with_a_slow_one(Policy::RoundRobin(RoundRobin::default()), "round robin");
    let least = with_a_slow_one(
        Policy::LeastConnections(LeastConnections::default()),
        "least connections",
    );
    let p2c = with_a_slow_one(Policy::P2c(P2c::new(10_000)), "two choices, peak EWMA");
    assert_eq!(turns, 10.0);
    assert!(least < 5.0, "{least}");
    assert!(p2c < 1.0, "{p2c}");
}

#[test]
fn turns_are_exact() {
    for (mut policy, expected) in [
        (Policy::RoundRobin(RoundRobin::default()), [1, 1, 1]),
        (Policy::Weighted(Weighted::default()), [5, 3, 2]),
    ] {
        let mut pool = with_weights(&[5, 3, 2]);
        let run = Run::of(&mut policy, &mut pool, |_, _| 10);
        let total: usize = expected.iter().sum();
        for (at, part) in expected.into_iter().enumerate() {
            let count = run.chosen.iter().filter(|&&other| other == at).count();
            assert_eq!(count, 60_000 * part / total);
        }
    }
}

#[test]
fn least_connections_follows_what_backends_can_do() {
    // As many are under way at each, so the shares are as 1/50, 1/100 and 1/200.
    let mut pool = with_weights(&[1; 3]);
    let mut policy = Policy::LeastConnections(LeastConnections::default());
    let run = Run::of(&mut policy, &mut pool, |at, _| 50 << at);
    for (at, ideal) in [(0, 57.1), (1, 28.6), (2, 14.3)] {
        let share = run.share(at);
        assert!((share - ideal).abs() < 2.0, "{at}: {share}");
    }
}

#[test]
fn who_has_recovered_is_found_out() {
    let mut pool = with_weights(&[1; 10]);
    let mut policy = Policy::P2c(P2c::new(10_000));
    let is_slow = |at, now| at == 0 && now < 20_000;
    let run = Run::of(&mut policy, &mut pool, |at, now| {
        if is_slow(at, now) { 100 } else { 10 }
    });
    let [slow, soon, later] =
        [0..20_000, 20_000..30_000, 50_000..60_000].map(|times| run.share_within(0, times));
    documented(&format!("| {slow:.1} % | {soon:.1} % | {later:.1} % |"));
    assert!(
        slow < 1.0 && soon < 5.0 && later > 8.0,
        "{slow} {soon} {later}"
    );
}

/// The owners of a hundred thousand keys.
fn owners(policy: &Maglev, pool: &[Candidate]) -> Vec<BackendId> {
    let mut rng = Rng::new(2026);
    (0..100_000)
        .map(|_| policy.pick(all(pool), rng.next()).unwrap())
        .collect()
}

fn percent_moved(before: &[BackendId], after: &[BackendId]) -> f64 {
    let moved = before
        .iter()
        .zip(after)
        .filter(|(before, after)| before != after);
    moved.count() as f64 * 100.0 / before.len() as f64
}

#[test]
fn few_keys_move_when_a_backend_leaves() {
    let mut policy = Maglev::new(None);
    let mut pool = with_weights(&[1; 10]);
    policy.align(&pool);
    let before = owners(&policy, &pool);

    let share = |id| {
        before
            .iter()
            .filter(|&&owner| owner == BackendId(id))
            .count() as f64
            / 1_000.0
    };
    let mut shares: Vec<_> = (0..10).map(share).collect();
    shares.sort_by(f64::total_cmp);
    let (least, most) = (shares[0], shares[9]);
    documented(&format!(
        "| share of each of ten | {least:.1} to {most:.1} % | 10 % |"
    ));
    assert!(least > 9.7 && most < 10.3, "{shares:?}");

    pool[3].share = 0;
    let unwell = percent_moved(&before, &owners(&policy, &pool));
    documented(&format!(
        "| moved, one of ten is unwell | {unwell:.1} % | 10 % |"
    ));
    assert!((unwell - share(3)).abs() < 0.001, "{unwell}");

    pool.remove(3);
    policy.align(&pool);
    let gone = percent_moved(&before, &owners(&policy, &pool));
    documented(&format!(
        "| moved, one of ten leaves | {gone:.1} % | 10 % |"
    ));
    assert!(gone < 15.0, "{gone}");

    let mut pool = with_weights(&[1; 11]);
    policy.align(&pool);
    let came = percent_moved(&before, &owners(&policy, &pool));
    documented(&format!(
        "| moved, an eleventh comes | {came:.1} % | 9.1 % |"
    ));
    assert!(came < 14.0, "{came}");
    pool.truncate(10);
    policy.align(&pool);
    assert_eq!(percent_moved(&before, &owners(&policy, &pool)), 0.0);
}
