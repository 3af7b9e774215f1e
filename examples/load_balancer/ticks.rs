//! Moments at which an exchange is looked at again, whatever has come.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use kinglet_core::http::Ticket;
use kinglet_hosted::Handle;

use crate::shared::Shared;
use crate::time::Millis;

/// The moments to come, of all threads.
#[derive(Debug, Default)]
pub(crate) struct Ticks {
    heap: Mutex<BinaryHeap<Reverse<Tick>>>,
    earlier: Condvar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tick {
    at: Millis,
    ticket: Ticket,
}

impl Ord for Tick {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl PartialOrd for Tick {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ticks {
    /// Has the ticket redeemed at that time. Where its exchange is over by then, nothing comes of it.
    pub(crate) fn add(&self, at: Millis, ticket: Ticket) {
        let mut heap = self.lock();
        let is_first = heap.peek().is_none_or(|Reverse(first)| at < first.at);
        heap.push(Reverse(Tick { at, ticket }));
        drop(heap);
        if is_first {
            self.earlier.notify_one();
        }
    }

    /// Starts the thread that keeps the time; it ends with the process.
    pub(crate) fn start(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        handle: &Handle,
    ) -> std::io::Result<()> {
        let (ticks, shared, handle) = (Arc::clone(self), Arc::clone(shared), handle.clone());
        thread::Builder::new()
            .name(String::from("ticks"))
            .spawn(move || ticks.run(&shared, &handle))?;
        Ok(())
    }

    fn run(&self, shared: &Shared, handle: &Handle) {
        let mut heap = self.lock();
        loop {
            let now = shared.now();
            while let Some(Reverse(tick)) = heap.peek().copied().filter(|Reverse(t)| t.at <= now) {
                heap.pop();
                handle.redeem(tick.ticket);
            }
            let next = heap.peek().map_or(60_000, |Reverse(tick)| tick.at - now);
            let wait = self.earlier.wait_timeout(heap, Duration::from_millis(next));
            heap = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BinaryHeap<Reverse<Tick>>> {
        self.heap.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
