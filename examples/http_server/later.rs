//! `/later?below=`: an answer that another thread gives.
//!
//! ```text
//! reactor thread   request -> later() -> ticket ----+            +-> the answer is sent
//!                  (goes on with others)            v            |
//! worker thread                                  the work -> Handle::answer
//! ```

use std::io;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use kinglet_core::http::{Status, Ticket};
use kinglet_hosted::{Answer, Handle};

/// Primes below this are counted at most.
pub(crate) const MAX: u64 = 10_000_000;

/// How many requests may wait for the worker.
const QUEUE_LEN: usize = 64;

/// The queue to the worker.
pub(crate) type Jobs = SyncSender<Job>;

/// A request that waits for its answer.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) ticket: Ticket,
    pub(crate) below: u64,
}

/// Starts the thread that does what would hold up a reactor. It ends with the process.
pub(crate) fn start_worker(handle: Handle) -> io::Result<Jobs> {
    let (jobs, queue) = mpsc::sync_channel::<Job>(QUEUE_LEN);
    thread::Builder::new()
        .name(String::from("worker"))
        .spawn(move || {
            for job in queue {
                let count = count_primes(job.below as usize);
                let text = format!("{count} primes below {}\n", job.below);
                // If the client has gone meanwhile, this does nothing.
                handle.answer(job.ticket, plain(Status::OK, &text));
            }
        })?;
    Ok(jobs)
}

/// Hands a job to the worker, or answers that there are too many.
pub(crate) fn submit(jobs: &Jobs, handle: &Handle, job: Job) {
    if let Err(mpsc::TrySendError::Full(job) | mpsc::TrySendError::Disconnected(job)) =
        jobs.try_send(job)
    {
        let answer = plain(Status::SERVICE_UNAVAILABLE, "too busy\n");
        handle.answer(job.ticket, answer);
    }
}

fn plain(status: Status, content: &str) -> Answer {
    Answer::new(status, content)
        .with_field("Content-Type", "text/plain; charset=utf-8")
        .unwrap_or_else(|_| Answer::new(status, content))
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
