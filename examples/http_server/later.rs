//! `/later?below=`: an answer that takes long, so another thread gives it.
//!
//! ```text
//! reactor thread   request -> Workers::answer ----+            +-> the answer is sent
//!                  (goes on with others)          v            |
//! worker thread                                the work -> Answer
//! ```

use kinglet_core::field;
use kinglet_core::http::{Field, Handled, Reply, Status};
use kinglet_hosted::{Answer, Workers};

/// Primes below this are counted at most.
pub(crate) const MAX: u64 = 10_000_000;

/// How many requests may wait for a worker; the next gets 503.
pub(crate) const MAX_WAITING: usize = 64;

/// Has a worker count.
pub(crate) fn answer(workers: &Workers, below: u64, reply: Reply<'_>) -> Handled {
    const PLAIN: Field<'_> = field!("Content-Type", "text/plain; charset=utf-8");
    workers.answer(reply, move |_| {
        let count = count_primes(below as usize);
        Answer::new(Status::OK, format!("{count} primes below {below}\n")).with(PLAIN)
    })
}

/// Counts them with the sieve of Eratosthenes.
fn count_primes(below: usize) -> usize {
    let mut is_composite = vec![false; below];
    let mut count = 0;
    for candidate in 2..below {
        if !is_composite[candidate] {
            count += 1;
            for multiple in (candidate * candidate..below).step_by(candidate) {
                is_composite[multiple] = true;
            }
        }
    }
    count
}
