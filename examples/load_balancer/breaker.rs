//! Circuit breaking: how much a backend is asked to do at once.
//!
//! ```text
//!  request --> requests < max_requests ?  --yes--> sent
//!                 | no
//!              another backend, or the queue
//! ```
//!
//! A connection carries one request at a time, so this bounds the connections that are busy, too. The
//! count is what all threads have to agree on, so it is atomic: the one thing here that is shared. It
//! orders nothing else, and a thread reads it and writes it in one step.

use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

/// What a backend may have at once, of all threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) max_requests: u32,
}

/// What a backend has now. One for each backend, shared by the pools of all threads.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// Requests that it was given and whose responses are not whole.
    requests: AtomicU32,
    /// Times that there would have been more than allowed, for the metrics.
    refused: AtomicU32,
}

impl Load {
    /// How many requests there are.
    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    /// How often there would have been more than allowed.
    pub(crate) fn refused(&self) -> u32 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Counts one more, if that is allowed.
    pub(crate) fn take(self: &Arc<Self>, limits: &Limits) -> Option<Permit> {
        let one_more = |count: u32| (count < limits.max_requests).then(|| count + 1);
        let counted = self
            .requests
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        if counted.is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Permit(Arc::clone(self)))
    }
}

/// One that is counted, until this is dropped: however an exchange ends, its count is given back.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Load>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_allowed_and_again_when_one_is_over() {
        let load = Arc::new(Load::default());
        let limits = Limits { max_requests: 2 };
        let first = load.take(&limits);
        let second = load.take(&limits);
        assert!(first.is_some() && second.is_some());
        assert!(load.take(&limits).is_none());
        drop(first);
        assert_eq!(load.requests(), 1);
        assert!(load.take(&limits).is_some());
        assert_eq!((load.requests(), load.refused()), (1, 1));
        drop(second);
        assert_eq!(load.requests(), 0);
    }

    #[test]
    fn threads_have_the_limit_together() {
        let load = Arc::new(Load::default());
        let limits = Limits { max_requests: 10 };
        let taken: usize = std::thread::scope(|scope| {
            let thread = || {
                scope.spawn(|| {
                    let permits = (0..100).map(|_| load.take(&limits));
                    permits.flatten().collect::<Vec<_>>()
                })
            };
            let threads = [thread(), thread(), thread()];
            let permits = threads.map(|thread| thread.join().unwrap());
            permits.iter().map(Vec::len).sum()
        });
        assert_eq!(taken, 10);
        assert_eq!(load.requests(), 0);
    }
}
