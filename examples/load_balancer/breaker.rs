//! Circuit breaking: how much a backend is asked to do at once.
//!
//! ```text
//!  request --> requests < max_requests ?  --no--> another backend, or the queue
//!                 | yes
//!              an idle connection? --yes--> sent
//!                 | no
//!              connections < max_connections ?  --yes--> connect
//!                 | no
//!              pending < max_pending ?  --yes--> waits for a connection of this backend
//!                 | no
//!              another backend, or the queue
//! ```
//!
//! The counts are what all threads have to agree on, so they are atomic: the one thing here that is
//! shared. They order nothing else, and a thread reads them and writes them in one step.

use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

/// What a backend may have at once, of all threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) max_connections: u32,
    pub(crate) max_pending: u32,
    pub(crate) max_requests: u32,
}

impl Limits {
    /// No limits.
    pub(crate) const NONE: Self = Self {
        max_connections: u32::MAX,
        max_pending: u32::MAX,
        max_requests: u32::MAX,
    };

    const fn of(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Connection => self.max_connections,
            Kind::Pending => self.max_pending,
            Kind::Request => self.max_requests,
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A connection, from before it is made until it is closed, idle or not.
    Connection,
    /// A request that waits for a connection of this backend.
    Pending,
    /// A request that was given to this backend, pending or sent, until its response is whole.
    Request,
}

/// What a backend has now. One for each backend, shared by the pools of all threads.
#[derive(Debug, Default)]
pub(crate) struct Load {
    counts: [AtomicU32; 3],
    /// Times that something was more than allowed, for the metrics.
    refused: AtomicU32,
}

impl Load {
    /// How many there are.
    pub(crate) fn count(&self, kind: Kind) -> u32 {
        self.counts[kind as usize].load(Ordering::Relaxed)
    }

    /// How often something was more than allowed.
    pub(crate) fn refused(&self) -> u32 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Counts one more, if that is allowed.
    pub(crate) fn take(self: &Arc<Self>, kind: Kind, limits: &Limits) -> Option<Permit> {
        let one_more = |count: u32| (count < limits.of(kind)).then(|| count + 1);
        let count = &self.counts[kind as usize];
        if count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .is_err()
        {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Permit {
            load: Arc::clone(self),
            kind,
        })
    }
}

/// One that is counted, until this is dropped: however an exchange ends, its count is given back.
#[derive(Debug)]
pub(crate) struct Permit {
    load: Arc<Load>,
    kind: Kind,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.load.counts[self.kind as usize].fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_allowed_and_again_when_one_is_over() {
        let load = Arc::new(Load::default());
        let limits = Limits {
            max_connections: 2,
            ..Limits::NONE
        };
        let first = load.take(Kind::Connection, &limits);
        let second = load.take(Kind::Connection, &limits);
        assert!(first.is_some() && second.is_some());
        assert!(load.take(Kind::Connection, &limits).is_none());
        assert!(load.take(Kind::Request, &limits).is_some());
        drop(first);
        assert_eq!(load.count(Kind::Connection), 1);
        assert!(load.take(Kind::Connection, &limits).is_some());
        assert_eq!((load.count(Kind::Connection), load.refused()), (1, 1));
        drop(second);
        let counts = [Kind::Connection, Kind::Pending, Kind::Request].map(|kind| load.count(kind));
        assert_eq!(counts, [0, 0, 0]);
    }

    #[test]
    fn threads_have_the_limit_together() {
        let load = Arc::new(Load::default());
        let limits = Limits {
            max_requests: 10,
            ..Limits::NONE
        };
        let taken: usize = std::thread::scope(|scope| {
            let thread = || {
                scope.spawn(|| {
                    let permits = (0..100).map(|_| load.take(Kind::Request, &limits));
                    permits.flatten().collect::<Vec<_>>()
                })
            };
            let threads = [thread(), thread(), thread()];
            let permits = threads.map(|thread| thread.join().unwrap());
            permits.iter().map(Vec::len).sum()
        });
        assert_eq!(taken, 10);
        assert_eq!(load.count(Kind::Request), 0);
    }
}
